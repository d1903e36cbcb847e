//! What expressions evaluate to. Lists and maps are shared, so that copying a value is cheap.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use crate::graph::ValueId;
use crate::ops::Entry;
use crate::ops::args::ArgValue;
use crate::source::Origin;

/// The value of an expression.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Not known, since something it depends on is wrong; that was reported there.
    Unknown,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    List(Rc<[Value]>),
    Map(Rc<[(Value, Value)]>),
    Layer(Rc<LayerValue>),
    /// What a reference means: a value of the network.
    Tensor(ValueId),
}

/// An operator or a block, with the arguments it has so far.
#[derive(Clone, Debug)]
pub(super) struct LayerValue {
    /// What is called.
    pub(super) callee: Callee,
    /// Its name as it is written.
    pub(super) name: String,
    /// Where it is written.
    pub(super) place: Origin,
    /// The references it is called on; none for the current value.
    pub(super) inputs: Vec<ValueId>,
    /// Arguments without a name.
    pub(super) positional: Vec<Argument>,
    /// Arguments with a name.
    pub(super) named: Vec<(String, Argument)>,
}

/// What a layer value calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Callee {
    /// An operator with its rank suffix; `torch` for torch's own signature.
    Op { entry: &'static Entry, rank: usize, torch: bool },
    /// The block with this index.
    Block(usize),
    /// An earlier layer or sequence again, with the same parameters.
    Share,
}

impl LayerValue {
    /// A layer without arguments.
    pub(super) fn bare(callee: Callee, name: &str, place: Origin) -> Self {
        let (inputs, positional, named) = (Vec::new(), Vec::new(), Vec::new());
        Self { callee, name: name.to_owned(), place, inputs, positional, named }
    }

    /// The values that it is called on: its references, else the current value.
    pub(super) fn called_on(&self, current: Option<ValueId>) -> Vec<ValueId> {
        if self.inputs.is_empty() { current.into_iter().collect() } else { self.inputs.clone() }
    }
}

/// A written argument.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    pub(super) value: Value,
    pub(super) place: Origin,
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        Self::List(items.into())
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Whether a condition holds, as Python has it; `None` where it is unknown.
    pub(super) fn truth(&self) -> Option<bool> {
        Some(match self {
            Self::Unknown => return None,
            Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(n) => *n != 0,
            Self::Float(x) => *x != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            Self::Layer(_) | Self::Tensor(_) => true,
        })
    }

    /// The whole number that it is; whole floats count.
    pub(super) fn int(&self) -> Option<i64> {
        match *self {
            Self::Int(n) => Some(n),
            // 2^53: above it, floats no longer tell neighbouring integers apart.
            #[allow(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
            Self::Float(x) if x.fract() == 0.0 && x.abs() <= 9_007_199_254_740_992.0 => {
                Some(x as i64)
            }
            _ => None,
        }
    }

    /// The number that it is.
    pub(super) fn number(&self) -> Option<f64> {
        match *self {
            #[allow(
                clippy::cast_precision_loss,
                reason = "arithmetic with floats is that of floats"
            )]
            Self::Int(n) => Some(n as f64),
            Self::Float(x) => Some(x),
            _ => None,
        }
    }

    /// What it is, for an error: `3`, `a list of 2`, `the text 'same'`, `the layer relu`.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Unknown => "an unknown value".to_owned(),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Map(entries) => format!("a map of {}", entries.len()),
            Self::Text(text) => format!("the text '{text}'"),
            Self::Layer(layer) => format!("the layer {}", layer.name),
            Self::Tensor(_) => "a reference to a value".to_owned(),
            simple => simple.to_string(),
        }
    }

    /// The value as an operator's argument takes it; a layer or a map is none.
    pub(super) fn argument(&self) -> Option<ArgValue> {
        Some(match self {
            Self::None => ArgValue::None,
            Self::Bool(b) => ArgValue::Bool(*b),
            Self::Text(text) => ArgValue::Text(text.to_string()),
            Self::List(items) => {
                ArgValue::List(items.iter().map(Self::argument).collect::<Option<_>>()?)
            }
            Self::Int(_) | Self::Float(_) => match (self.int(), self.number()) {
                (Some(n), _) => ArgValue::Int(n),
                (None, Some(x)) => ArgValue::Float(x),
                (None, None) => return None,
            },
            Self::Map(entries) => {
                let entry =
                    |(name, value): &(Self, Self)| Some((name.to_string(), value.argument()?));
                ArgValue::Map(entries.iter().map(entry).collect::<Option<_>>()?)
            }
            Self::Unknown | Self::Layer(_) | Self::Tensor(_) => return None,
        })
    }

    /// How many elements it has, those of its elements included; counting ends at the limit.
    pub(super) fn elements(&self, limit: usize) -> usize {
        let count = |values: &mut dyn Iterator<Item = &Self>| {
            let mut sum = 0usize;
            for value in values {
                if sum >= limit {
                    break;
                }
                sum += 1 + value.elements(limit - sum);
            }
            sum
        };
        match self {
            Self::List(items) => count(&mut items.iter()),
            Self::Map(entries) => count(&mut entries.iter().map(|(_, value)| value)),
            _ => 0,
        }
    }

    /// Whether something in it is unknown.
    pub(super) fn has_unknown(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::List(items) => items.iter().any(Self::has_unknown),
            _ => false,
        }
    }

    /// Order of two values of one kind.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (a, b) => a.number()?.partial_cmp(&b.number()?),
        }
    }
}

/// Equality as Python has it: 1 and 1.0 are equal, values of other kinds are not.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Tensor(a), Self::Tensor(b)) => a == b,
            (Self::Layer(a), Self::Layer(b)) => {
                a.name == b.name
                    && a.positional.len() == b.positional.len()
                    && a.named.len() == b.named.len()
            }
            (a, b) => a.order(b) == Some(Ordering::Equal),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Layer(layer) => f.write_str(&layer.name),
            Self::Unknown => f.write_str("?"),
            Self::Tensor(_) => f.write_str("a reference"),
            Self::Map(entries) => write!(f, "a map of {}", entries.len()),
            other => match other.argument() {
                Some(value) => value.fmt(f),
                None => f.write_str("a list"),
            },
        }
    }
}

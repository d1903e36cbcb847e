//! Arguments as data: what an operator takes, how written values are bound to it, and how they are written again.
//!
//! One [`Arg`] table an operator serves the parser, torch's own signatures, `cnnstat ops`, the table's columns and
//! JSON.

use std::fmt;

use super::arg_type::ArgType;

/// A value as an argument has it.
#[derive(Clone, Debug, PartialEq)]
pub enum ArgValue {
    /// Left out on purpose.
    None,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A word in quotes.
    Text(String),
    /// A tuple or list.
    List(Vec<ArgValue>),
    /// Names and their values.
    Map(Vec<(String, ArgValue)>),
}

/// Items of a list that an error spells out.
const SPELT_OUT: usize = 8;

impl ArgValue {
    /// What it is, for an error: `the text 'same'`, `3`, `[1, -1]`, `a list of 20`.
    pub fn describe(&self) -> String {
        match self {
            Self::Text(text) => format!("the text '{text}'"),
            Self::List(items) if (1..=SPELT_OUT).contains(&items.len()) => {
                let items: Vec<String> = items.iter().map(Self::describe).collect();
                format!("[{}]", items.join(", "))
            }
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Map(entries) => format!("a map of {}", entries.len()),
            other => other.to_string(),
        }
    }

    /// The whole number, if it is one.
    pub fn int(&self) -> Option<i64> {
        match *self {
            Self::Int(n) => Some(n),
            _ => None,
        }
    }
}

impl fmt::Display for ArgValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Float(x) => write!(f, "{x:?}"),
            Self::Text(text) if text.contains('\'') => write!(f, "\"{text}\""),
            Self::Text(text) => write!(f, "'{text}'"),
            // There are no brackets around nothing but square ones.
            Self::List(items) if items.is_empty() => f.write_str("[]"),
            Self::List(items) => {
                f.write_str("(")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{item}")?;
                }
                f.write_str(if items.len() == 1 { ",)" } else { ")" })
            }
            Self::Map(entries) => {
                f.write_str("{")?;
                for (i, (name, value)) in entries.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    // Without a space after the colon, YAML reads the call as one text.
                    write!(f, "{comma}{}:{value}", Self::Text(name.clone()))?;
                }
                f.write_str("}")
            }
        }
    }
}

/// What stands where an argument is left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// Nothing: the argument must be given.
    Required,
    /// Nothing: the argument takes all positional values that are left, `permute(0, 2, 3, 1)`; those after it are given
    /// by name.
    Rest,
    /// No value.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A word.
    Text(&'static str),
    /// The value of another argument.
    Like(&'static str),
}

impl Default {
    fn value(self) -> Option<ArgValue> {
        match self {
            Self::Required | Self::Rest | Self::Like(_) => None,
            Self::None => Some(ArgValue::None),
            Self::Bool(b) => Some(ArgValue::Bool(b)),
            Self::Int(n) => Some(ArgValue::Int(n)),
            Self::Float(x) => Some(ArgValue::Float(x)),
            Self::Text(text) => Some(ArgValue::Text(text.to_owned())),
        }
    }
}

impl fmt::Display for Default {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required | Self::Rest => f.write_str("required"),
            Self::Like(other) => f.write_str(other),
            other => other.value().map_or(Ok(()), |value| value.fmt(f)),
        }
    }
}

/// One argument of an operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arg {
    /// torch's name.
    pub name: &'static str,
    /// What values it takes, in words.
    pub takes: &'static str,
    /// What stands where it is left out.
    pub default: Default,
    /// What it means, in one sentence.
    pub about: &'static str,
}

/// One argument of torch's own constructor, in torch's order; `CamelCase` calls are read by these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TorchArg {
    /// An argument of ours.
    Field(&'static str),
    /// A size that is inferred here; compared with the axis of the input that it names (negative: from the end).
    Arrives(&'static str, i64),
    /// Without meaning for what is counted; any truth value passes.
    Flag(&'static str),
    /// Only this value is known.
    Only(&'static str, &'static str),
}

impl TorchArg {
    /// torch's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Field(name) | Self::Arrives(name, _) | Self::Flag(name) | Self::Only(name, _) => {
                name
            }
        }
    }
}

/// The written argument that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The call as a whole.
    Call,
    /// The positional argument with this index.
    Positional(usize),
    /// The named argument with this index.
    Named(usize),
}

/// Arguments that do not fit their operator.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ArgError {
    /// No argument has this name.
    Unknown {
        /// Where it is written.
        at: At,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// A required argument is not there.
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// More positional arguments than there are.
    Surplus {
        /// The first one too many.
        at: At,
        /// How many there can be.
        takes: usize,
        /// How many are written.
        given: usize,
    },
    /// An argument is given twice.
    Twice {
        /// The second one.
        at: At,
        /// Its name.
        name: &'static str,
    },
    /// A value of the wrong type or outside its range.
    Value {
        /// Where it is written.
        at: At,
        /// The argument.
        name: &'static str,
        /// What it takes.
        expected: String,
        /// What is written.
        found: String,
    },
}

/// Bound arguments: one value for each entry of the signature, in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Args {
    /// Number of spatial axes named by the operator's suffix (`2` of `conv2d`); 0 without one.
    pub rank: usize,
    values: Vec<(ArgValue, At)>,
}

/// Written arguments, not bound yet.
#[derive(Clone, Debug, PartialEq, std::default::Default)]
pub struct Written {
    /// Without a name, in order.
    pub positional: Vec<ArgValue>,
    /// With a name, in order.
    pub named: Vec<(String, ArgValue)>,
}

/// Where a written value goes: the slot of the name list it fills.
struct Slots<'n> {
    names: Vec<&'n str>,
    filled: Vec<Option<(ArgValue, At)>>,
}

impl Slots<'_> {
    /// Distributes written values over named slots as Python does.
    fn fill(
        names: Vec<&'static str>,
        rest: Option<&str>,
        written: Written,
    ) -> Result<Slots<'static>, ArgError> {
        let mut filled: Vec<Option<(ArgValue, At)>> = vec![None; names.len()];
        let Written { mut positional, named } = written;
        // A list in its place is the rest already, and what follows it has its usual place.
        if let Some(at) = rest.and_then(|rest| names.iter().position(|name| *name == rest))
            && positional.get(at).is_some_and(|first| !matches!(first, ArgValue::List(_)))
        {
            let tail = positional.split_off(at);
            filled[at] = Some((ArgValue::List(tail), At::Positional(at)));
        }
        if positional.len() > names.len() {
            let (takes, given) = (names.len(), positional.len());
            return Err(ArgError::Surplus { at: At::Positional(takes), takes, given });
        }
        for (i, value) in positional.into_iter().enumerate() {
            filled[i] = Some((value, At::Positional(i)));
        }
        for (i, (name, value)) in named.into_iter().enumerate() {
            let at = At::Named(i);
            let Some(slot) = names.iter().position(|known| *known == name) else {
                return Err(ArgError::Unknown { at, name, known: names });
            };
            if filled[slot].is_some() {
                return Err(ArgError::Twice { at, name: names[slot] });
            }
            filled[slot] = Some((value, at));
        }
        Ok(Slots { names, filled })
    }

    fn take(&mut self, name: &str) -> Option<(ArgValue, At)> {
        let slot = self.names.iter().position(|known| *known == name)?;
        self.filled[slot].take()
    }
}

/// The argument that takes the positional values that are left.
fn rest(signature: &'static [Arg]) -> Option<&'static str> {
    signature.iter().find(|arg| arg.default == Default::Rest).map(|arg| arg.name)
}

impl Args {
    /// Binds written values to a signature: position, then name, then default.
    ///
    /// # Errors
    /// An unknown, missing, surplus or repeated argument.
    pub fn bind(
        signature: &'static [Arg],
        rank: usize,
        written: Written,
    ) -> Result<Self, ArgError> {
        let slots =
            Slots::fill(signature.iter().map(|arg| arg.name).collect(), rest(signature), written)?;
        Self::complete(signature, rank, slots)
    }

    /// Binds written values to torch's own constructor; what it says of the input comes back as (name, axis, value).
    ///
    /// # Errors
    /// As [`Args::bind`]; and a value that only torch knows.
    pub fn bind_torch(
        signature: &'static [Arg],
        torch: &'static [TorchArg],
        rank: usize,
        written: Written,
    ) -> Result<(Self, Vec<Arrival>), ArgError> {
        let names = torch.iter().map(|arg| arg.name()).collect();
        let mut slots = Slots::fill(names, rest(signature), written)?;
        let mut arrivals = Vec::new();
        for arg in torch {
            let (name, wrong) = match *arg {
                TorchArg::Field(_) => continue,
                TorchArg::Arrives(name, axis) => match slots.take(name) {
                    None => return Err(ArgError::Missing { name }),
                    Some((ArgValue::Int(value), at)) if value > 0 => {
                        arrivals.push(Arrival { name, axis, value: value.unsigned_abs(), at });
                        continue;
                    }
                    Some(wrong) => (name, Some(("a positive whole number".to_owned(), wrong))),
                },
                TorchArg::Flag(name) => match slots.take(name) {
                    None | Some((ArgValue::Bool(_), _)) => continue,
                    Some(wrong) => (name, Some(("true or false".to_owned(), wrong))),
                },
                TorchArg::Only(name, only) => match slots.take(name) {
                    Some(wrong) if wrong.0.to_string() != only => {
                        (name, Some((only.to_owned(), wrong)))
                    }
                    _ => continue,
                },
            };
            if let Some((expected, (value, at))) = wrong {
                return Err(ArgError::Value { at, name, expected, found: value.describe() });
            }
        }
        Ok((Self::complete(signature, rank, slots)?, arrivals))
    }

    fn complete(
        signature: &'static [Arg],
        rank: usize,
        mut slots: Slots<'_>,
    ) -> Result<Self, ArgError> {
        let mut values: Vec<(ArgValue, At)> = Vec::with_capacity(signature.len());
        for arg in signature {
            let value = match (slots.take(arg.name), arg.default) {
                (Some((ArgValue::None, _)) | None, Default::Like(other)) => {
                    let source = signature.iter().position(|a| a.name == other);
                    match source.and_then(|i| values.get(i)) {
                        Some(value) => value.clone(),
                        None => return Err(ArgError::Missing { name: arg.name }),
                    }
                }
                (Some(value), _) => value,
                (None, default) => match default.value() {
                    Some(value) => (value, At::Call),
                    None => return Err(ArgError::Missing { name: arg.name }),
                },
            };
            values.push(value);
        }
        Ok(Self { rank, values })
    }

    /// Arguments from an operator's own fields, in the order of its signature.
    pub fn written(rank: usize, values: Vec<ArgValue>) -> Self {
        Self { rank, values: values.into_iter().map(|value| (value, At::Call)).collect() }
    }

    /// The values, in the order of the signature.
    pub fn values(&self) -> impl Iterator<Item = &ArgValue> {
        self.values.iter().map(|(value, _)| value)
    }

    /// Reads one field.
    ///
    /// # Errors
    /// A value of the wrong type or outside its range.
    pub(crate) fn read<F: ArgType>(&self, index: usize, name: &'static str) -> Result<F, ArgError> {
        let (value, at) = &self.values[index];
        F::read(value, self.rank).map_err(|expected| ArgError::Value {
            at: *at,
            name,
            expected,
            found: value.describe(),
        })
    }

    /// The shortest call that means these arguments: `64, 3, padding=1`. Required ones stand by position, others by
    /// name where they differ from their default.
    pub fn text(&self, signature: &'static [Arg]) -> String {
        let mut parts = Vec::new();
        for (i, arg) in signature.iter().enumerate() {
            let value = &self.values[i].0;
            let standing = match arg.default {
                Default::Like(other) => signature
                    .iter()
                    .position(|a| a.name == other)
                    .map(|j| &self.values[j].0)
                    .cloned(),
                default => default.value(),
            };
            if standing.as_ref() == Some(value) {
                continue;
            }
            match value {
                ArgValue::List(items) if arg.default == Default::Rest => {
                    parts.extend(items.iter().map(ToString::to_string));
                }
                value if arg.default == Default::Required => parts.push(value.to_string()),
                value => parts.push(format!("{}={value}", arg.name)),
            }
        }
        parts.join(", ")
    }
}

/// What a `CamelCase` call says of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// torch's name: `in_channels`.
    pub name: &'static str,
    /// The axis it speaks of; negative from the end.
    pub axis: i64,
    /// The size it expects there.
    pub value: u64,
    /// Where it is written.
    pub at: At,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::arg_type::PerAxis;

    const SIGNATURE: &[Arg] = &[
        Arg { name: "kernel_size", takes: "", default: Default::Required, about: "" },
        Arg { name: "stride", takes: "", default: Default::Like("kernel_size"), about: "" },
        Arg { name: "bias", takes: "", default: Default::Bool(true), about: "" },
    ];

    fn written(positional: &[i64], named: &[(&str, ArgValue)]) -> Written {
        Written {
            positional: positional.iter().copied().map(ArgValue::Int).collect(),
            named: named.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        }
    }

    #[test]
    fn binds_by_position_name_and_default() {
        let args = Args::bind(SIGNATURE, 2, written(&[3], &[])).unwrap();
        assert_eq!(args.read::<PerAxis<1>>(1, "stride").unwrap().values(), [3, 3]);
        assert_eq!(args.text(SIGNATURE), "3");
        let args =
            Args::bind(SIGNATURE, 2, written(&[3], &[("stride", ArgValue::Int(2))])).unwrap();
        assert_eq!(args.text(SIGNATURE), "3, stride=2");
    }

    #[test]
    fn the_rest_may_be_followed_by_names() {
        const SIZES: &[Arg] = &[
            Arg { name: "shape", takes: "", default: Default::Rest, about: "" },
            Arg { name: "init", takes: "", default: Default::Float(1.0), about: "" },
        ];
        let half = ("init", ArgValue::Float(0.5));
        let args = Args::bind(SIZES, 0, written(&[96, 1, 1], &[half])).unwrap();
        assert_eq!(args.read::<Vec<i64>>(0, "shape"), Ok(vec![96, 1, 1]));
        assert_eq!(args.text(SIZES), "96, 1, 1, init=0.5");
        let list = ArgValue::List(vec![ArgValue::Int(96)]);
        let positional = vec![list, ArgValue::Float(0.5)];
        let args = Args::bind(SIZES, 0, Written { positional, named: Vec::new() }).unwrap();
        assert_eq!(args.text(SIZES), "96, init=0.5");
        let twice = [("shape", ArgValue::Int(2))];
        assert!(matches!(Args::bind(SIZES, 0, written(&[1], &twice)), Err(ArgError::Twice { .. })));
        assert!(matches!(
            Args::bind(SIZES, 0, written(&[], &[])),
            Err(ArgError::Missing { name: "shape" })
        ));
    }

    #[test]
    fn says_what_is_wrong() {
        let bind = |w| Args::bind(SIGNATURE, 2, w).unwrap_err();
        assert!(matches!(bind(written(&[], &[])), ArgError::Missing { name: "kernel_size" }));
        assert!(matches!(
            bind(written(&[1, 2, 3, 4], &[])),
            ArgError::Surplus { takes: 3, given: 4, .. }
        ));
        assert!(matches!(
            bind(written(&[1], &[("strid", ArgValue::Int(1))])),
            ArgError::Unknown { .. }
        ));
        assert!(matches!(
            bind(written(&[1], &[("kernel_size", ArgValue::Int(1))])),
            ArgError::Twice { .. }
        ));
        let args = Args::bind(SIGNATURE, 2, written(&[0, 1, 7], &[])).unwrap();
        assert!(args.read::<PerAxis<1>>(0, "kernel_size").is_err());
        assert!(args.read::<bool>(2, "bias").is_err());
    }
}

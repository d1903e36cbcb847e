//! An operator that cnnstat has no rule for: what is declared of it counts, the rest is not known.
//!
//! ```text
//! shape     what `output` says, behind the first axis of the first input; else not known
//! params    what `params` says; none where only `macs` is given; else not known
//! forward   MACs of one example × the first axis of the first input, where `macs` says them; else not counted
//! backward  the same MACs for the input, and again for the parameters where it has any, as of a product
//! saved     its inputs
//! ```
//!
//! A network with one is analysed in part: totals are lower bounds. It cannot be run.

use super::arg_type::ArgType;
use super::args::ArgValue;
use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::ledger::{Backward, Keep, Param, Role, Saved, Work};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Knowledge, Layer, Mode};
use crate::shape::{DType, MAX_RANK, Shape, Shapes, TooLarge};

operator! {
    /// An operator of one's own, of which only what is declared is known.
    Unknown("unknown"),
    "https://pytorch.org/docs/stable/notes/extending.html",
    {
        /// What it is called where the network comes from.
        name: String,
        /// Shapes of its parameters by name, or a list of them, called param_0 and so on; not known without, or none with macs.
        params: Option<Tensors> = None,
        /// The shape of its output without axis 0, or a list of shapes; without it the shape is not known.
        output: Outputs = None,
        /// Multiply-accumulates of one example; without it its work is not counted.
        macs: Option<u64> = None,
    }
}

/// Declared parameters: name, shape, and the element type (`None` is the model's own).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tensors(pub Vec<Declared>);

/// A declared parameter.
pub type Declared = (Box<str>, Shape, Option<DType>);

/// Declared outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// So many, of shapes that are not known.
    Unknown(usize),
    /// Shapes of one example: the first axis of the first input is put in front.
    Examples(Vec<Shape>),
}

/// A shape from positive whole numbers, or from one.
fn shape(value: &ArgValue) -> Option<Shape> {
    let items = match value {
        ArgValue::List(items) => items.as_slice(),
        single @ ArgValue::Int(_) => std::slice::from_ref(single),
        _ => return None,
    };
    let sizes = items.iter().map(|item| u64::try_from(item.int()?).ok().filter(|n| *n > 0));
    Shape::new(&sizes.collect::<Option<Vec<u64>>>()?)
}

fn sizes(shape: &Shape) -> ArgValue {
    let int = |n: &u64| ArgValue::Int(i64::try_from(*n).unwrap_or(i64::MAX));
    ArgValue::List(shape.dims().iter().map(int).collect())
}

impl ArgType for String {
    const TAKES: &'static str = "text in quotes";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        match value {
            ArgValue::Text(text) if !text.trim().is_empty() => Ok(text.clone()),
            _ => Err("a text in quotes that is not empty".to_owned()),
        }
    }

    fn write(&self) -> ArgValue {
        ArgValue::Text(self.clone())
    }
}

impl ArgType for Tensors {
    const TAKES: &'static str = "map or list of shapes";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        let expected = || {
            format!(
                "a map of shapes, or a list of them, each of at most {MAX_RANK} positive whole numbers"
            )
        };
        let named = |(name, value): (String, &ArgValue)| {
            let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            if name.is_empty() || !name.chars().all(is_sign) {
                return Err("names of letters, digits, `_`, `-` and `.`".to_owned());
            }
            Ok((name.into_boxed_str(), shape(value).ok_or_else(expected)?, None))
        };
        let all: Result<_, String> = match value {
            ArgValue::Map(entries) => {
                entries.iter().map(|(name, value)| named((name.clone(), value))).collect()
            }
            ArgValue::List(items) => (0..)
                .zip(items)
                .map(|(i, value): (usize, _)| named((format!("param_{i}"), value)))
                .collect(),
            _ => Err(expected()),
        };
        let all: Vec<Declared> = all?;
        let mut names: Vec<&str> = all.iter().map(|(name, ..)| &**name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("a name for each parameter, given once".to_owned());
        }
        Ok(Self(all))
    }

    fn write(&self) -> ArgValue {
        let numbered =
            self.0.iter().enumerate().all(|(i, (name, ..))| **name == *format!("param_{i}"));
        if numbered {
            return ArgValue::List(self.0.iter().map(|(_, shape, _)| sizes(shape)).collect());
        }
        ArgValue::Map(
            self.0.iter().map(|(name, shape, _)| (name.to_string(), sizes(shape))).collect(),
        )
    }
}

impl ArgType for Outputs {
    const TAKES: &'static str = "shape or list of shapes";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        let expected = || {
            format!(
                "one shape or a list of shapes, each of at most {} positive whole numbers",
                MAX_RANK - 1
            )
        };
        let short = |value: &ArgValue| shape(value).filter(|shape| shape.rank() < MAX_RANK);
        match value {
            ArgValue::None => Ok(Self::Unknown(1)),
            ArgValue::List(items)
                if items.iter().all(|item| *item == ArgValue::None) && !items.is_empty() =>
            {
                Ok(Self::Unknown(items.len()))
            }
            ArgValue::List(items) if items.iter().any(|item| matches!(item, ArgValue::List(_))) => {
                let shapes: Option<Vec<Shape>> = items.iter().map(short).collect();
                shapes.map(Self::Examples).ok_or_else(expected)
            }
            single => short(single).map(|shape| Self::Examples(vec![shape])).ok_or_else(expected),
        }
    }

    fn write(&self) -> ArgValue {
        match self {
            Self::Unknown(1) => ArgValue::None,
            Self::Unknown(n) => ArgValue::List(vec![ArgValue::None; *n]),
            Self::Examples(shapes) => match shapes.as_slice() {
                [one] => sizes(one),
                several => ArgValue::List(several.iter().map(sizes).collect()),
            },
        }
    }
}

impl Unknown {
    /// The parameters that are declared.
    fn declared(&self) -> &[Declared] {
        self.params.as_ref().map_or(&[], |params| &params.0)
    }

    /// The size of axis 0 of the first input; 1 without one.
    fn examples(inputs: &[Shape]) -> u64 {
        inputs.first().and_then(|input| input.get(0)).unwrap_or(1)
    }
}

impl Layer for Unknown {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        let Outputs::Examples(examples) = &self.output else { return Ok(Shapes::Unknown) };
        let first = Self::examples(inputs);
        let whole = |example: &Shape| example.after(first).ok_or(ShapeError::TooLarge);
        match examples.as_slice() {
            [one] => Ok(whole(one)?.into()),
            several => Ok(several.iter().map(whole).collect::<Result<Vec<_>, _>>()?.into()),
        }
    }

    fn outputs(&self) -> usize {
        match &self.output {
            Outputs::Unknown(n) => *n,
            Outputs::Examples(shapes) => shapes.len(),
        }
    }

    fn knowledge(&self) -> Knowledge {
        let work = self.macs.is_some();
        Knowledge::Declared { tensors: work || self.params.is_some(), work }
    }

    fn params(&self, _: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        let param = |(name, shape, dtype): &Declared| Param {
            dtype: *dtype,
            ..Param::new(name.to_string(), Role::Weight, *shape)
        };
        Ok(self.declared().iter().map(param).collect())
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        // Without declared MACs `knowledge` says that this is no count.
        self.macs.map_or(Ok(Work::NONE), |macs| Work::macs(macs).times(Self::examples(io.inputs)))
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        let inputs = self.work(io)?;
        let params = if self.declared().is_empty() { Work::NONE } else { inputs };
        Ok(Backward { inputs, params })
    }

    fn saved(&self, io: Io<'_>) -> Result<Saved, TooLarge> {
        Ok((0..io.inputs.len()).map(Keep::Input).collect())
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        Reach::Opaque("an operator that is not known stands before it")
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let Some(macs) = self.macs else {
            return vec![Fact::note("arithmetic", "not counted: the operator is not known")];
        };
        let factors = [("N", Self::examples(io.inputs)), ("MACs of one example", macs)];
        vec![
            Fact::product("MACs", &factors)
                .because("as declared: the operator itself is not known"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(params: &ArgValue, output: &ArgValue, macs: Option<u64>) -> Unknown {
        let params = ArgType::read(params, 0).unwrap();
        Unknown {
            name: "my_op".to_owned(),
            params,
            output: Outputs::read(output, 0).unwrap(),
            macs,
        }
    }

    fn list(items: &[i64]) -> ArgValue {
        ArgValue::List(items.iter().copied().map(ArgValue::Int).collect())
    }

    #[test]
    fn what_is_declared_is_known() {
        let map = ArgValue::Map(vec![("weight".to_owned(), list(&[64, 32, 3, 3]))]);
        let op = read(&map, &list(&[64, 56, 56]), Some(10));
        let inputs = [Shape::new(&[2, 32, 56, 56]).unwrap()];
        let outputs = op.infer(&inputs).unwrap();
        assert_eq!(outputs[0].dims(), [2, 64, 56, 56]);
        let params = op.params(&inputs).unwrap();
        assert_eq!((&*params[0].name, params[0].shape.dims()), ("weight", &[64, 32, 3, 3][..]));
        let io = Io { inputs: &inputs, outputs: &outputs, mode: Mode::Eval };
        assert_eq!((op.work(io), op.knowledge().has_work()), (Ok(Work::macs(20)), true));
        assert_eq!((op.params.write(), op.output.write()), (map, list(&[64, 56, 56])));
    }

    #[test]
    fn what_is_not_declared_is_not_known() {
        let op = read(&ArgValue::None, &ArgValue::None, None);
        assert_eq!(op.infer(&[]), Ok(Shapes::Unknown));
        assert!(!op.knowledge().has_work() && op.params(&[]).unwrap().is_empty());
        let several = ArgValue::List(vec![list(&[1]), list(&[2, 3])]);
        let op = read(&ArgValue::List(vec![list(&[4])]), &several, None);
        assert_eq!((op.outputs(), op.output.write()), (2, several));
        assert_eq!(&*op.declared()[0].0, "param_0");
        assert!(Outputs::read(&list(&[0]), 0).is_err() && Tensors::read(&list(&[0]), 0).is_err());
    }
}

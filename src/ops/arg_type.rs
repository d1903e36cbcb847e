//! The Rust types that arguments are read into, each with its range: sizes, axes, probabilities, numbers for each axis.
//!
//! A new kind of argument is a new [`ArgType`].

use std::fmt;

use super::args::ArgValue;
use crate::shape::MAX_RANK;

/// The largest kernel, stride, dilation or padding that is read: counting taps at the border takes a step for each.
pub const MAX_EXTENT: i64 = 1 << 24;

/// A Rust type that an argument is read into. An error says what was expected.
pub trait ArgType: Sized {
    /// What values it takes, in words.
    const TAKES: &'static str;
    /// Reads a written value for an operator with `rank` spatial axes.
    fn read(value: &ArgValue, rank: usize) -> Result<Self, String>;
    /// Writes it again.
    fn write(&self) -> ArgValue;
}

/// A positive whole number: a size or a count.
impl ArgType for u64 {
    const TAKES: &'static str = "positive whole number";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        match *value {
            ArgValue::Int(n) if n > 0 => Ok(n.unsigned_abs()),
            ArgValue::Float(x) if x.fract() != 0.0 => {
                Err("a positive whole number (// divides without a remainder)".to_owned())
            }
            _ => Err("a positive whole number".to_owned()),
        }
    }

    fn write(&self) -> ArgValue {
        ArgValue::Int(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

/// An axis, as torch counts them; negative from the end.
impl ArgType for i64 {
    const TAKES: &'static str = "whole number";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        value.int().ok_or_else(|| "a whole number".to_owned())
    }

    fn write(&self) -> ArgValue {
        ArgValue::Int(*self)
    }
}

impl ArgType for bool {
    const TAKES: &'static str = "true or false";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        match *value {
            ArgValue::Bool(b) => Ok(b),
            _ => Err("true or false".to_owned()),
        }
    }

    fn write(&self) -> ArgValue {
        ArgValue::Bool(*self)
    }
}

impl ArgType for f64 {
    const TAKES: &'static str = "number";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        match *value {
            ArgValue::Float(x) if x.is_finite() => Ok(x),
            #[allow(clippy::cast_precision_loss, reason = "a slope or a scale, never a size")]
            ArgValue::Int(n) => Ok(n as Self),
            _ => Err("a number".to_owned()),
        }
    }

    fn write(&self) -> ArgValue {
        ArgValue::Float(*self)
    }
}

/// A number below 1 that keeps a division away from zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epsilon(pub f64);

impl ArgType for Epsilon {
    const TAKES: &'static str = "number from 0 to below 1";

    fn read(value: &ArgValue, rank: usize) -> Result<Self, String> {
        match f64::read(value, rank) {
            Ok(x) if (0.0..1.0).contains(&x) => Ok(Self(x)),
            _ => Err("a number from 0 to below 1".to_owned()),
        }
    }

    fn write(&self) -> ArgValue {
        ArgValue::Float(self.0)
    }
}

/// A probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probability(pub f64);

impl ArgType for Probability {
    const TAKES: &'static str = "number from 0 to 1";

    fn read(value: &ArgValue, rank: usize) -> Result<Self, String> {
        match f64::read(value, rank) {
            Ok(x) if (0.0..=1.0).contains(&x) => Ok(Self(x)),
            _ => Err("a number from 0 to 1".to_owned()),
        }
    }

    fn write(&self) -> ArgValue {
        ArgValue::Float(self.0)
    }
}

impl<F: ArgType> ArgType for Option<F> {
    const TAKES: &'static str = F::TAKES;

    fn read(value: &ArgValue, rank: usize) -> Result<Self, String> {
        match value {
            ArgValue::None => Ok(None),
            value => {
                F::read(value, rank).map(Some).map_err(|expected| format!("{expected}, or none"))
            }
        }
    }

    fn write(&self) -> ArgValue {
        self.as_ref().map_or(ArgValue::None, ArgType::write)
    }
}

/// A list of whole numbers: axes, or sizes of which one may be −1.
impl ArgType for Vec<i64> {
    const TAKES: &'static str = "whole numbers";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        let items = match value {
            ArgValue::List(items) if items.len() <= MAX_RANK => items.as_slice(),
            single @ ArgValue::Int(_) => std::slice::from_ref(single),
            _ => return Err(format!("at most {MAX_RANK} whole numbers")),
        };
        items
            .iter()
            .map(|item| item.int().ok_or_else(|| format!("at most {MAX_RANK} whole numbers")))
            .collect()
    }

    fn write(&self) -> ArgValue {
        ArgValue::List(self.iter().copied().map(ArgValue::Int).collect())
    }
}

/// One whole number for each spatial axis, each at least `MIN`; written as one number where all are equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PerAxis<const MIN: u64> {
    rank: u8,
    values: [u64; 3],
}

impl<const MIN: u64> PerAxis<MIN> {
    /// The same number on each of `rank` axes (at most three); below `MIN` it is `MIN`.
    pub fn all(rank: usize, value: u64) -> Self {
        Self { rank: u8::try_from(rank.min(3)).unwrap_or(3), values: [value.max(MIN); 3] }
    }

    /// The numbers, first spatial axis first.
    pub fn values(&self) -> &[u64] {
        &self.values[..usize::from(self.rank)]
    }
}

impl<const MIN: u64> fmt::Debug for PerAxis<MIN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.values())
    }
}

impl<const MIN: u64> ArgType for PerAxis<MIN> {
    const TAKES: &'static str = "whole number, or one for each axis";

    fn read(value: &ArgValue, rank: usize) -> Result<Self, String> {
        let fits = |value: &ArgValue| {
            let n = value.int().filter(|n| *n <= MAX_EXTENT)?;
            u64::try_from(n).ok().filter(|n| *n >= MIN)
        };
        let expected = || {
            let axes = if rank == 1 {
                String::new()
            } else {
                format!(", or {rank} of them, one for each axis")
            };
            format!("a whole number from {MIN} to {MAX_EXTENT}{axes}")
        };
        match value {
            ArgValue::List(items) if items.len() == rank && rank <= 3 => {
                let mut all = Self::all(rank, MIN);
                for (slot, item) in all.values.iter_mut().zip(items) {
                    *slot = fits(item).ok_or_else(expected)?;
                }
                // Unused slots hold what the first holds, so that equal arguments are equal.
                let first = all.values[0];
                all.values[rank..].fill(first);
                Ok(all)
            }
            ArgValue::Float(x) if x.fract() != 0.0 => {
                Err(format!("{} (// divides without a remainder)", expected()))
            }
            single => fits(single).map(|n| Self::all(rank, n)).ok_or_else(expected),
        }
    }

    fn write(&self) -> ArgValue {
        let int = |n: u64| ArgValue::Int(i64::try_from(n).unwrap_or(i64::MAX));
        match self.values() {
            [first, rest @ ..] if rest.iter().all(|n| n == first) => int(*first),
            values => ArgValue::List(values.iter().copied().map(int).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_or_one_for_each_axis() {
        let pair = ArgValue::List(vec![ArgValue::Int(1), ArgValue::Int(7)]);
        let read = PerAxis::<1>::read(&pair, 2).unwrap();
        assert_eq!((read.values(), read.write()), (&[1, 7][..], pair.clone()));
        assert!(PerAxis::<1>::read(&pair, 3).is_err());
        assert_eq!(PerAxis::<0>::read(&ArgValue::Int(0), 3).unwrap().values(), [0, 0, 0]);
        assert!(PerAxis::<0>::read(&ArgValue::Int(MAX_EXTENT + 1), 3).is_err());
    }
}

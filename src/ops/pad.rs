//! Padding as a layer of its own: zeros, a mirror image, or the border repeated.
//!
//! ```text
//! shape     N×C×H×W → N×C×H'×W',  H' = H + before + after
//! forward   nothing: elements are copied
//! backward  zero: nothing;  reflection, replication: one add for each element that padding added (out − in)
//! saved     nothing
//! ```
//!
//! Zero padding may be negative, which crops.

use super::arg_type::{ArgType, MAX_EXTENT};
use super::args::ArgValue;
use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::ledger::{Autograd, Backward, Keep, Param, Saved, Work};
use super::reach::{AxisReach, Reach};
use super::signature::{no_arithmetic, operator};
use super::{Io, Layer, Mode, axis_names, spatial, with_extents};
use crate::shape::{Shape, Shapes, TooLarge};

/// Elements before and after each spatial axis, each at least `MIN`; written in torch's order: left, right, top, bottom,
/// front, back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sides<const MIN: i64> {
    rank: usize,
    sides: [(i64, i64); 3],
}

impl<const MIN: i64> Sides<MIN> {
    /// The same number on each side of `rank` axes (at most three); below `MIN` it is `MIN`.
    pub fn all(rank: usize, n: i64) -> Self {
        Self { rank: rank.min(3), sides: [(n.max(MIN), n.max(MIN)); 3] }
    }

    /// Before and after, first spatial axis first.
    pub fn values(&self) -> &[(i64, i64)] {
        &self.sides[..self.rank]
    }
}

impl<const MIN: i64> ArgType for Sides<MIN> {
    const TAKES: &'static str = "whole number, or two for each axis (left, right, top, bottom, …)";

    fn read(value: &ArgValue, rank: usize) -> Result<Self, String> {
        let amount = |value: &ArgValue| value.int().filter(|n| (MIN..=MAX_EXTENT).contains(n));
        let expected = || {
            let order = ["left, right", "left, right, top, bottom"]
                .get(rank.wrapping_sub(1))
                .copied()
                .unwrap_or("left, right, top, bottom, front, back");
            format!("a whole number from {MIN} to {MAX_EXTENT}, or {} of them ({order})", 2 * rank)
        };
        match value {
            ArgValue::List(items) if items.len() == 2 * rank && rank <= 3 => {
                let mut sides = [(0, 0); 3];
                // torch names the last axis first.
                for (side, pair) in sides[..rank].iter_mut().rev().zip(items.chunks_exact(2)) {
                    let (before, after) = (amount(&pair[0]), amount(&pair[1]));
                    *side = before.zip(after).ok_or_else(expected)?;
                }
                // Unused slots hold what the first holds, so that equal arguments are equal.
                let first = sides[0];
                sides[rank..].fill(first);
                Ok(Self { rank, sides })
            }
            single => amount(single).map(|n| Self::all(rank, n)).ok_or_else(expected),
        }
    }

    fn write(&self) -> ArgValue {
        match self.values() {
            [(first, _), ..] if self.values().iter().all(|side| *side == (*first, *first)) => {
                ArgValue::Int(*first)
            }
            sides => {
                let ends = sides.iter().rev().flat_map(|(before, after)| [*before, *after]);
                ArgValue::List(ends.map(ArgValue::Int).collect())
            }
        }
    }
}

operator! {
    /// Zeros around the input.
    ZeroPad("zero_pad") ranks Always,
    "https://pytorch.org/docs/stable/generated/torch.nn.ZeroPad2d.html",
    {
        /// Elements on each side, or left, right, top, bottom, front, back; negative ones crop.
        padding: Sides<{ -MAX_EXTENT }>,
    }
}

operator! {
    /// The input's mirror image around it; the border itself is not repeated.
    ReflectionPad("reflection_pad" | "reflect_pad") ranks Always,
    "https://pytorch.org/docs/stable/generated/torch.nn.ReflectionPad2d.html",
    {
        /// Elements on each side, or left, right, top, bottom, front, back; fewer than the axis has.
        padding: Sides<0>,
    }
}

operator! {
    /// The input's border repeated around it.
    ReplicationPad("replication_pad" | "replicate_pad") ranks Always,
    "https://pytorch.org/docs/stable/generated/torch.nn.ReplicationPad2d.html",
    {
        /// Elements on each side, or left, right, top, bottom, front, back.
        padding: Sides<0>,
    }
}

/// The padded shape; no side may exceed `limit` of its axis.
fn padded<const MIN: i64>(
    padding: &Sides<MIN>,
    inputs: &[Shape],
    limit: impl Fn(u64) -> u64,
) -> Result<Shapes, ShapeError> {
    let (batch, channels, extents) = spatial(inputs, padding.rank)?;
    let mut out = Vec::with_capacity(extents.len());
    let names = axis_names(padding.rank);
    for ((input, (before, after)), name) in extents.iter().zip(padding.values()).zip(names) {
        let (most, limit) = ((*before).max(*after), limit(*input));
        if most > 0 && most.unsigned_abs() > limit {
            let why = "a mirror image has one element fewer than the axis";
            return Err(ShapeError::Padding { padding: most.unsigned_abs(), limit, why });
        }
        if *input == 0 {
            return Err(ShapeError::NotPositive { what: format!("the input's {name}"), value: 0 });
        }
        let value = i128::from(*input) + i128::from(*before) + i128::from(*after);
        if value <= 0 {
            return Err(ShapeError::NotPositive { what: format!("the output's {name}"), value });
        }
        out.push(u64::try_from(value).map_err(|_| ShapeError::TooLarge)?);
    }
    Ok(with_extents(batch, channels, &out)?.into())
}

/// Elements that padding added.
fn added(io: Io<'_>) -> Result<u64, TooLarge> {
    Ok(io.elements_out()?.saturating_sub(io.elements_in()?))
}

/// Each output comes from one place, `before` elements back.
fn shifted<const MIN: i64>(padding: &Sides<MIN>) -> Reach {
    let axes = padding.values().iter().map(|(before, _)| AxisReach::single(1, -before));
    Reach::Window(axes.collect())
}

fn extents<const MIN: i64>(padding: &Sides<MIN>, io: Io<'_>) -> Derivation {
    let (Some((.., inputs)), Some((.., outputs))) = (io.inputs[0].split(), io.outputs[0].split())
    else {
        return Vec::new();
    };
    let axes = axis_names(padding.rank).iter().zip(padding.values()).zip(inputs).zip(outputs);
    axes.map(|(((name, (before, after)), input), out)| {
        let side =
            |n: i64| if n < 0 { format!("− {}", n.unsigned_abs()) } else { format!("+ {n}") };
        let numbers = format!("{input} {} {}", side(*before), side(*after));
        Fact::formula(name, "H + before + after", &numbers, *out)
    })
    .collect()
}

impl Layer for ZeroPad {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        padded(&self.padding, inputs, |_| u64::MAX)
    }

    no_arithmetic!();

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        shifted(&self.padding)
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let mut facts = extents(&self.padding, io);
        facts.push(Fact::note("arithmetic", "none: elements are copied, in both directions"));
        facts
    }
}

/// The `Layer` of a pad that shows input elements more than once; `$limit` is the most a side may have.
macro_rules! repeating {
    ($Name:ident, $limit:expr) => {
        impl Layer for $Name {
            fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
                padded(&self.padding, inputs, $limit)
            }

            fn params(&self, _: &[Shape]) -> Result<Vec<Param>, ShapeError> {
                Ok(Vec::new())
            }

            fn work(&self, _: Io<'_>) -> Result<Work, TooLarge> {
                Ok(Work::NONE)
            }

            fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
                Ok(Backward::inputs(Work::adds(added(io)?)))
            }

            fn saved(&self, _: Io<'_>) -> Result<Saved, TooLarge> {
                Ok(Vec::new())
            }

            fn autograd(&self, _: Io<'_>) -> Result<Autograd, TooLarge> {
                Ok(Autograd::keeps(vec![Keep::Input(0)]))
            }

            fn is_view(&self, _: Mode) -> bool {
                false
            }

            fn reach(&self, _: Io<'_>) -> Reach {
                shifted(&self.padding)
            }

            fn derive(&self, io: Io<'_>) -> Derivation {
                let mut facts = extents(&self.padding, io);
                facts.push(Fact::note("arithmetic", "none forward: elements are copied"));
                facts.push(Fact::formula(
                    "additions backward",
                    "out − in",
                    &format!("{} − {}", io.outputs[0], io.inputs[0]),
                    added(io).unwrap_or(u64::MAX),
                ));
                facts
            }
        }
    };
}

repeating!(ReflectionPad, |input| input.saturating_sub(1));
repeating!(ReplicationPad, |_| u64::MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn written(items: &[i64]) -> ArgValue {
        ArgValue::List(items.iter().copied().map(ArgValue::Int).collect())
    }

    fn sides<const MIN: i64>(items: &[i64]) -> Sides<MIN> {
        Sides::read(&written(items), items.len() / 2).unwrap()
    }

    #[test]
    fn torchs_order_is_last_axis_first() {
        let padding = sides::<0>(&[1, 2, 0, 3]);
        assert_eq!(padding.values(), [(0, 3), (1, 2)]);
        assert_eq!(padding.write(), written(&[1, 2, 0, 3]));
        assert!(Sides::<0>::read(&written(&[1, 2]), 2).is_err());
        assert!(Sides::<0>::read(&ArgValue::Int(-1), 2).is_err());
    }

    #[test]
    fn a_negative_side_crops() {
        let inputs = [Shape::new(&[1, 3, 5, 5]).unwrap()];
        let crop = ZeroPad { rank: 2, padding: sides(&[-1, 1, -2, 0]) };
        assert_eq!(crop.infer(&inputs).unwrap()[0].dims(), [1, 3, 3, 5]);
        let gone = ZeroPad { rank: 2, padding: sides(&[-2, -3, 0, 0]) };
        assert!(matches!(gone.infer(&inputs), Err(ShapeError::NotPositive { value: 0, .. })));
    }

    #[test]
    fn a_reflection_stays_below_the_extent() {
        let inputs = [Shape::new(&[1, 2, 3, 3]).unwrap()];
        let pad = ReflectionPad { rank: 2, padding: sides(&[1, 2, 0, 1]) };
        let outputs = pad.infer(&inputs).unwrap();
        assert_eq!(outputs[0].dims(), [1, 2, 4, 6]);
        let io = Io { inputs: &inputs, outputs: &outputs, mode: Mode::Eval };
        assert_eq!(pad.work_backward(io).unwrap().inputs, Work::adds(48 - 18));
        let wide = ReflectionPad { rank: 2, padding: sides(&[3, 0, 0, 0]) };
        assert!(matches!(wide.infer(&inputs), Err(ShapeError::Padding { limit: 2, .. })));
        let wide = ReplicationPad { rank: 2, padding: sides(&[3, 0, 0, 0]) };
        assert_eq!(wide.infer(&inputs).unwrap()[0].dims(), [1, 2, 3, 6]);
    }
}

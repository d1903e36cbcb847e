//! Pools whose output has a given extent: adaptive (torch) and global (ONNX), maximum and average.
//!
//! ```text
//! shape     N×C×H×W → N×C×H'×W',  H' given; 1 for the global ones, on any number of spatial axes
//! windows   output i sees the elements from ⌊i·H/H'⌋ to ⌈(i + 1)·H/H'⌉: H + H' − gcd(H, H') taps on an axis
//! forward   max: a tap is one comparison, starting at −∞;  average: a tap is one add, an output one division
//! backward  max: an output is one add, at the element kept;  average: an output is one division, a tap one add
//! saved     max: the index of each output's element, i64;  average: nothing
//! ```
//!
//! The taps of an axis have a closed form, so that a count does not enumerate them; `pool` has what all pools share.

use super::arg_type::ArgType;
use super::args::ArgValue;
use super::derive::Derivation;
use super::error::ShapeError;
use super::ledger::{Backward, Param, Saved, Work};
use super::pool::{Cover, Kind, Pool, pool_layer};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Layer, Mode, single, spatial};
use crate::shape::{Shape, TooLarge};

/// The extent of each output axis; none keeps the input's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutputSize {
    rank: usize,
    sizes: [Option<u64>; 3],
}

impl OutputSize {
    /// The same extent on each of `rank` axes (at most three).
    pub fn all(rank: usize, size: u64) -> Self {
        Self { rank: rank.min(3), sizes: [Some(size.max(1)); 3] }
    }

    /// The extents, first spatial axis first.
    pub fn values(&self) -> &[Option<u64>] {
        &self.sizes[..self.rank]
    }
}

impl ArgType for OutputSize {
    const TAKES: &'static str =
        "positive whole number, or one for each axis, none to keep its extent";

    fn read(value: &ArgValue, rank: usize) -> Result<Self, String> {
        let size = |value: &ArgValue| Option::<u64>::read(value, rank);
        match value {
            ArgValue::List(items) if items.len() == rank && rank <= 3 => {
                let mut all = Self { rank, sizes: [None; 3] };
                for (slot, item) in all.sizes.iter_mut().zip(items) {
                    *slot = size(item)?;
                }
                // Unused slots hold what the first holds, so that equal arguments are equal.
                let first = all.sizes[0];
                all.sizes[rank..].fill(first);
                Ok(all)
            }
            // torch keeps single extents by None, not all of them.
            ArgValue::None => Err("an extent, or one for each axis".to_owned()),
            single => {
                let size = size(single).map_err(|expected| match rank {
                    1 => expected,
                    _ => format!("{expected}, or {rank} of them, one for each axis"),
                })?;
                Ok(Self { rank: rank.min(3), sizes: [size; 3] })
            }
        }
    }

    fn write(&self) -> ArgValue {
        match self.values() {
            [first @ Some(_), rest @ ..] if rest.iter().all(|size| size == first) => first.write(),
            sizes => ArgValue::List(sizes.iter().map(ArgType::write).collect()),
        }
    }
}

operator! {
    /// The mean of each of a given number of windows that share the input.
    AdaptiveAvgPool("adaptive_avgpool") ranks Always,
    "https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html",
    {
        /// The extent of the output, or one for each axis; none keeps the input's.
        output_size: OutputSize,
    }
}

operator! {
    /// The largest element of each of a given number of windows that share the input.
    AdaptiveMaxPool("adaptive_maxpool") ranks Always,
    "https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html",
    {
        /// The extent of the output, or one for each axis; none keeps the input's.
        output_size: OutputSize,
    }
    torch [Field("output_size"), Only("return_indices", "false")]
}

operator! {
    /// The mean of each channel: all spatial axes become 1.
    GlobalAvgPool("global_avgpool" | "global_average_pool"),
    "https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html",
    {}
}

operator! {
    /// The largest element of each channel: all spatial axes become 1.
    GlobalMaxPool("global_maxpool" | "global_max_pool"),
    "https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html",
    {}
}

/// Batch, channels and extents of an input with at least one spatial axis.
fn any_spatial(inputs: &[Shape]) -> Result<(u64, u64, Vec<u64>), ShapeError> {
    let input = single(inputs)?;
    match input.split() {
        Some((batch, channels, extents)) if !extents.is_empty() => {
            Ok((batch, channels, extents.to_vec()))
        }
        _ => Err(ShapeError::Rank { expected: "N×C×…×W", found: input }),
    }
}

macro_rules! adaptive {
    ($Name:ident, $kind:ident) => {
        impl Pool for $Name {
            const KIND: Kind = Kind::$kind;

            fn split(&self, inputs: &[Shape]) -> Result<(u64, u64, Vec<u64>), ShapeError> {
                spatial(inputs, self.rank)
            }

            fn cover(&self, axis: usize, input: u64) -> Result<Cover, ShapeError> {
                Ok(Cover::Shared(self.output_size.values()[axis].unwrap_or(input)))
            }

            fn is_reduction(&self, io: Io<'_>) -> bool {
                let out = io.outputs.first().and_then(Shape::split);
                let is_one = out.is_some_and(|(.., extents)| extents.iter().all(|n| *n == 1));
                matches!(Self::KIND, Kind::Average) && is_one
            }
        }

        pool_layer!($Name);
    };
}

macro_rules! global {
    ($Name:ident, $kind:ident) => {
        impl Pool for $Name {
            const KIND: Kind = Kind::$kind;

            fn split(&self, inputs: &[Shape]) -> Result<(u64, u64, Vec<u64>), ShapeError> {
                any_spatial(inputs)
            }

            fn cover(&self, _: usize, _: u64) -> Result<Cover, ShapeError> {
                Ok(Cover::Shared(1))
            }

            fn is_reduction(&self, _: Io<'_>) -> bool {
                true
            }
        }

        pool_layer!($Name);
    };
}

adaptive!(AdaptiveAvgPool, Average);
adaptive!(AdaptiveMaxPool, Max);
global!(GlobalAvgPool, Average);
global!(GlobalMaxPool, Max);

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pool: &impl Layer, dims: &[u64]) -> (Vec<u64>, Work, Reach) {
        let inputs = [Shape::new(dims).unwrap()];
        let outputs = pool.infer(&inputs).unwrap();
        let io = Io { inputs: &inputs, outputs: &outputs, mode: Mode::Eval };
        (outputs[0].dims().to_vec(), pool.work(io).unwrap(), pool.reach(io))
    }

    /// torchvision's AlexNet: 13 → 6 in windows of 3, 3, 3, 3, 3, 3 (13 + 6 − 1 taps).
    #[test]
    fn windows_overlap_where_the_output_does_not_divide() {
        let pool = AdaptiveAvgPool { rank: 2, output_size: OutputSize::all(2, 6) };
        let (out, work, reach) = run(&pool, &[1, 256, 13, 13]);
        assert_eq!(out, [1, 256, 6, 6]);
        assert_eq!(work, Work { divs: 256 * 36, ..Work::adds(256 * 18 * 18) });
        let Reach::Window(axes) = reach else { panic!("a window") };
        let seen = |i| axes[0].taps(i).map(|taps| (taps.first, taps.count));
        assert_eq!([seen(0), seen(1), seen(5)], [Some((0, 3)), Some((2, 3)), Some((10, 3))]);
    }

    #[test]
    fn one_output_sees_all() {
        let adaptive = AdaptiveAvgPool { rank: 2, output_size: OutputSize::all(2, 1) };
        let global = GlobalAvgPool {};
        let expected = (vec![1, 512, 1, 1], Work { divs: 512, ..Work::adds(512 * 49) });
        for (out, work, reach) in [run(&adaptive, &[1, 512, 7, 7]), run(&global, &[1, 512, 7, 7])] {
            assert_eq!((out, work), expected);
            assert_eq!(reach, Reach::Whole(vec![2, 3]));
        }
        assert_eq!(run(&GlobalMaxPool {}, &[1, 2, 3, 4, 5, 6]).1, Work::cmps(2 * 360));
        assert!(global.infer(&[Shape::new(&[1, 512]).unwrap()]).is_err());
    }

    #[test]
    fn none_keeps_an_axis() {
        let written = ArgValue::List(vec![ArgValue::Int(5), ArgValue::None]);
        let output_size = OutputSize::read(&written, 2).unwrap();
        assert_eq!(output_size.write(), written);
        let pool = AdaptiveMaxPool { rank: 2, output_size };
        let (out, work, _) = run(&pool, &[1, 1, 7, 9]);
        assert_eq!((out, work), (vec![1, 1, 5, 9], Work::cmps(11 * 9)));
        assert!(OutputSize::read(&ArgValue::Int(0), 2).is_err());
    }

    #[test]
    fn huge_extents_take_no_time() {
        let pool = AdaptiveMaxPool { rank: 1, output_size: OutputSize::all(1, 1_000_000_000_000) };
        let (_, work, _) = run(&pool, &[1, 1, 1_000_000_000_001]);
        assert_eq!(work.cmps, 2_000_000_000_000);
    }
}

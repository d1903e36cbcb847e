//! Upsampling (or downsampling) by interpolation on one, two or three spatial axes.
//!
//! ```text
//! shape     N×C×H×W → N×C×H'×W',  H' = size, or ⌊H · scale_factor⌋
//! taps      of an output: nearest 1, linear 2, bilinear 4, trilinear 8, bicubic 16
//! forward   nearest: nothing, elements are copied;  the others: a tap is one MAC
//! backward  nearest: an output is one add;  the others: the same MACs, scattered
//! saved     nothing
//! ```
//!
//! A tap's weight is made of positions, not of data, and is not counted. Taps beyond the border are moved onto it and
//! count.

use super::arg_type::ArgType;
use super::args::ArgValue;
use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::ledger::{Backward, Param, Saved, Work};
use super::reach::{AxisReach, Reach};
use super::signature::operator;
use super::{Io, Layer, Mode, axis_letters, axis_names, single, with_extents};
use crate::shape::{Shape, Shapes, TooLarge, product};

/// How an output is made of the inputs around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The input at ⌊i·H/H'⌋.
    #[default]
    Nearest,
    /// The input whose centre is nearest.
    NearestExact,
    /// Two neighbours, on one axis.
    Linear,
    /// Two neighbours on each of two axes.
    Bilinear,
    /// Two neighbours on each of three axes.
    Trilinear,
    /// Four neighbours on each of two axes.
    Bicubic,
}

const MODES: &[(&str, Interpolation)] = &[
    ("nearest", Interpolation::Nearest),
    ("nearest-exact", Interpolation::NearestExact),
    ("linear", Interpolation::Linear),
    ("bilinear", Interpolation::Bilinear),
    ("trilinear", Interpolation::Trilinear),
    ("bicubic", Interpolation::Bicubic),
];

impl Interpolation {
    /// torch's word.
    pub fn word(self) -> &'static str {
        MODES.iter().find(|(_, mode)| *mode == self).map_or("nearest", |(word, _)| word)
    }

    /// The number of spatial axes it works on, where that is fixed.
    fn axes(self) -> Option<usize> {
        match self {
            Self::Nearest | Self::NearestExact => None,
            Self::Linear => Some(1),
            Self::Bilinear | Self::Bicubic => Some(2),
            Self::Trilinear => Some(3),
        }
    }

    /// Inputs on each axis that an output is made of.
    fn neighbours(self) -> u64 {
        match self {
            Self::Nearest | Self::NearestExact => 1,
            Self::Linear | Self::Bilinear | Self::Trilinear => 2,
            Self::Bicubic => 4,
        }
    }

    /// Whether outputs are copies of inputs.
    fn copies(self) -> bool {
        self.neighbours() == 1
    }
}

impl ArgType for Interpolation {
    const TAKES: &'static str =
        "'nearest', 'nearest-exact', 'linear', 'bilinear', 'trilinear' or 'bicubic'";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        match value {
            ArgValue::Text(text) => MODES.iter().find(|(word, _)| word == text),
            _ => None,
        }
        .map(|(_, mode)| *mode)
        .ok_or_else(|| Self::TAKES.to_owned())
    }

    fn write(&self) -> ArgValue {
        ArgValue::Text(self.word().to_owned())
    }
}

/// One value for all spatial axes or one for each, where the name does not say how many there are.
#[derive(Clone, Debug, PartialEq)]
pub struct Each<T>(pub Vec<T>);

impl<T: Copy> Each<T> {
    /// One value for each of `rank` axes.
    pub(super) fn spread(&self, what: &str, rank: usize) -> Result<Vec<T>, ShapeError> {
        match self.0[..] {
            [one] => Ok(vec![one; rank]),
            ref all if all.len() == rank => Ok(all.to_vec()),
            ref all => Err(ShapeError::Arguments {
                message: format!(
                    "{what} has {} numbers, but the input has {rank} spatial axes",
                    all.len()
                ),
                help: "write one number, or one for each axis".to_owned(),
            }),
        }
    }
}

/// A number above zero: how many times larger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale(pub f64);

impl ArgType for Scale {
    const TAKES: &'static str = "positive number";

    fn read(value: &ArgValue, rank: usize) -> Result<Self, String> {
        match f64::read(value, rank) {
            Ok(x) if x > 0.0 => Ok(Self(x)),
            _ => Err("a positive number".to_owned()),
        }
    }

    fn write(&self) -> ArgValue {
        self.whole()
            .and_then(|n| i64::try_from(n).ok())
            .map_or(ArgValue::Float(self.0), ArgValue::Int)
    }
}

impl Scale {
    /// The factor, if it is whole; a float holds whole numbers exactly up to 2^53.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, positive and below 2^53"
    )]
    fn whole(self) -> Option<u64> {
        let exact = self.0.fract() == 0.0 && self.0 < 9_007_199_254_740_992.0;
        exact.then_some(self.0 as u64)
    }

    /// The factor as a fraction of whole numbers: the first of its continued fraction that is the same number.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::float_cmp,
        reason = "numbers below 2^53 are exact, and the fraction must be the same number"
    )]
    fn fraction(self) -> Option<(i64, i64)> {
        let (mut before, mut last, mut rest) = ((0_i64, 1_i64), (1_i64, 0_i64), self.0);
        while rest < 9_007_199_254_740_992.0 {
            let whole = rest.floor() as i64;
            let next = |last: i64, before: i64| last.checked_mul(whole)?.checked_add(before);
            (before, last) = (last, (next(last.0, before.0)?, next(last.1, before.1)?));
            if last.0 as f64 / last.1 as f64 == self.0 {
                return Some(last);
            }
            rest = (rest - rest.floor()).recip();
        }
        None
    }

    /// ⌊input · scale⌋, in floating point as torch has it where the factor is not whole.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "torch multiplies doubles; the range is checked"
    )]
    fn times(self, input: u64) -> Result<u64, TooLarge> {
        if let Some(n) = self.whole() {
            return product([input, n]);
        }
        let scaled = (input as f64 * self.0).floor();
        if scaled < 9_223_372_036_854_775_808.0 { Ok(scaled as u64) } else { Err(TooLarge) }
    }
}

impl<T: ArgType> ArgType for Each<T> {
    const TAKES: &'static str = T::TAKES;

    fn read(value: &ArgValue, rank: usize) -> Result<Self, String> {
        let expected = |expected| format!("{expected}, or one for each axis");
        match value {
            ArgValue::List(items) if (1..=3).contains(&items.len()) => items
                .iter()
                .map(|item| T::read(item, rank))
                .collect::<Result<_, _>>()
                .map(Self)
                .map_err(expected),
            single => T::read(single, rank).map(|one| Self(vec![one])).map_err(expected),
        }
    }

    fn write(&self) -> ArgValue {
        match &self.0[..] {
            [one] => one.write(),
            all => ArgValue::List(all.iter().map(ArgType::write).collect()),
        }
    }
}

operator! {
    /// Resizes the spatial axes by interpolation.
    Upsample("upsample" | "interpolate"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Upsample.html",
    {
        /// The extent of the output, or one for each axis; in place of scale_factor.
        size: Option<Each<u64>> = None,
        /// How many times larger the output is, or one for each axis; in place of size.
        scale_factor: Option<Each<Scale>> = None,
        /// 'nearest', 'nearest-exact', 'linear' (1-D), 'bilinear', 'bicubic' (2-D) or 'trilinear' (3-D).
        mode: Interpolation = Text("nearest"),
        /// Whether the corners of input and output lie on each other; not for the nearest ones.
        align_corners: bool = Bool(false),
    }
    torch [
        Field("size"), Field("scale_factor"), Field("mode"), Field("align_corners"), Flag("recompute_scale_factor"),
    ]
}

impl Upsample {
    /// The output's extents.
    fn extents(&self, inputs: &[u64]) -> Result<Vec<u64>, ShapeError> {
        let rank = inputs.len();
        match (&self.size, &self.scale_factor) {
            (Some(size), None) => size.spread("size", rank),
            (None, Some(scale)) => {
                let scales = scale.spread("scale_factor", rank)?;
                inputs.iter().zip(scales).map(|(n, scale)| Ok(scale.times(*n)?)).collect()
            }
            (size, _) => Err(ShapeError::Arguments {
                message: format!(
                    "takes either size or scale_factor, but has {}",
                    if size.is_some() { "both" } else { "neither" }
                ),
                help: "write scale_factor=2, or the size that comes out".to_owned(),
            }),
        }
    }

    /// Taps of one output on `rank` axes.
    fn taps(&self, rank: usize) -> Result<u64, TooLarge> {
        product(std::iter::repeat_n(self.mode.neighbours(), rank))
    }

    fn macs(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        let rank = io.outputs[0].rank().saturating_sub(2);
        Ok(Work::macs(product([self.taps(rank)?, io.elements_out()?])?))
    }

    /// Inputs to outputs of an axis as a fraction; `None` beyond 63 bits.
    fn ratio(&self, axis: usize, input: u64, out: u64) -> Option<(i64, i64)> {
        let (input, out) = (i64::try_from(input).ok()?, i64::try_from(out).ok()?);
        match (self.align_corners, &self.scale_factor) {
            (true, _) if out > 1 => Some((input - 1, out - 1)),
            (false, Some(Each(scales))) => {
                // torch walks by the scale that is written, not by the extents that come of it.
                let scale = scales.get(axis).or(scales.first())?;
                scale.fraction().map(|(outputs, inputs)| (inputs, outputs))
            }
            _ => Some((input, out)),
        }
    }

    /// Which inputs of an axis its outputs see, those with a weight of 0 left out; `None` beyond 63 bits.
    fn axis_reach(&self, axis: usize, input: u64, out: u64) -> Option<AxisReach> {
        let (inputs, outputs) = self.ratio(axis, input, out)?;
        // The first output's place in parts of an input: (r − 1)/2 where centres are aligned, that is (H − H')/2H'.
        let (inputs, outputs, offset) = if self.align_corners || self.mode == Interpolation::Nearest
        {
            (inputs, outputs, 0)
        } else {
            let offset = match self.mode {
                Interpolation::NearestExact => inputs,
                _ => inputs - outputs,
            };
            (inputs.checked_mul(2)?, outputs.checked_mul(2)?, offset)
        };
        Some(match self.mode {
            Interpolation::Bicubic => AxisReach::Cubic { inputs, outputs, offset },
            mode => {
                // From ⌊place⌋ to ⌈place⌉, or the former alone.
                let more = if mode.copies() { 0 } else { outputs - 1 };
                let last = offset.checked_add(more)?;
                AxisReach::Between { inputs, outputs, first: offset, last }
            }
        })
    }
}

/// Batch, channels and extents of an input with one to three spatial axes.
fn split(inputs: &[Shape]) -> Result<(u64, u64, Vec<u64>), ShapeError> {
    let input = single(inputs)?;
    match input.split() {
        Some((batch, channels, extents)) if (1..=3).contains(&extents.len()) => {
            Ok((batch, channels, extents.to_vec()))
        }
        _ => {
            Err(ShapeError::Rank { expected: "N×C×L, N×C×H×W or N×C×D×H×W", found: input })
        }
    }
}

impl Layer for Upsample {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        let (batch, channels, extents) = split(inputs)?;
        let rank = extents.len();
        if let Some(axes) = self.mode.axes().filter(|axes| *axes != rank) {
            let fitting = ["linear", "bilinear", "trilinear"][rank - 1];
            return Err(ShapeError::Arguments {
                message: format!(
                    "mode '{}' works on {axes} spatial axes, but the input has {rank}",
                    self.mode.word()
                ),
                help: format!("write mode='{fitting}', or 'nearest'"),
            });
        }
        if self.align_corners && self.mode.copies() {
            return Err(ShapeError::Arguments {
                message: format!("align_corners has no meaning for mode '{}'", self.mode.word()),
                help: "leave it out, or interpolate linearly".to_owned(),
            });
        }
        let out = self.extents(&extents)?;
        for (name, (input, out)) in axis_names(rank).iter().zip(extents.iter().zip(&out)) {
            for (whose, size) in [("input", input), ("output", out)] {
                if *size == 0 {
                    let what = format!("the {whose}'s {name}");
                    return Err(ShapeError::NotPositive { what, value: 0 });
                }
            }
        }
        Ok(with_extents(batch, channels, &out)?.into())
    }

    fn params(&self, _: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        Ok(Vec::new())
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        if self.mode.copies() { Ok(Work::NONE) } else { self.macs(io) }
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        Ok(Backward::inputs(if self.mode.copies() {
            Work::adds(io.elements_out()?)
        } else {
            self.macs(io)?
        }))
    }

    fn saved(&self, _: Io<'_>) -> Result<Saved, TooLarge> {
        Ok(Vec::new())
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, io: Io<'_>) -> Reach {
        let (Some((.., extents)), Some((.., out))) = (io.inputs[0].split(), io.outputs[0].split())
        else {
            return Reach::Opaque("the input has no spatial axes");
        };
        let axes: Option<Vec<AxisReach>> = extents
            .iter()
            .zip(out)
            .enumerate()
            .map(|(axis, (input, out))| self.axis_reach(axis, *input, *out))
            .collect();
        axes.map_or(Reach::Opaque("its scale is no fraction that 63 bits hold"), Reach::Window)
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Some((batch, channels, extents)), Some((.., out))) =
            (io.inputs[0].split(), io.outputs[0].split())
        else {
            return Vec::new();
        };
        let rank = extents.len();
        let scales = self.scale_factor.as_ref().and_then(|s| s.spread("scale_factor", rank).ok());
        let mut facts = Vec::new();
        for (axis, (name, (input, out))) in
            axis_names(rank).iter().zip(extents.iter().zip(out)).enumerate()
        {
            facts.push(match scales.as_ref().and_then(|scales| scales.get(axis)) {
                Some(scale) => Fact::formula(
                    name,
                    "⌊H · scale_factor⌋",
                    &format!("⌊{input} · {}⌋", scale.write()),
                    *out,
                ),
                None => Fact::formula(name, "size", &out.to_string(), *out),
            });
        }
        if self.mode.copies() {
            facts.push(Fact::note("arithmetic", "none forward: elements are copied"));
            return facts;
        }
        let letters: Vec<String> = axis_letters(rank).iter().map(|l| format!("{l}'")).collect();
        let mut factors = vec![("taps", self.taps(rank).unwrap_or(u64::MAX)), ("C", channels)];
        factors.extend(letters.iter().map(String::as_str).zip(out.iter().copied()));
        if batch != 1 {
            factors.push(("N", batch));
        }
        let (each, word) = (self.mode.neighbours(), self.mode.word());
        facts.push(
            Fact::product("MACs", &factors)
                .because(format!("mode '{word}' mixes {each} neighbours on each of {rank} axes")),
        );
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(scale: f64, mode: Interpolation) -> Upsample {
        let scale_factor = Some(Each(vec![Scale(scale)]));
        Upsample { size: None, scale_factor, mode, align_corners: false }
    }

    fn run(op: &Upsample, dims: &[u64]) -> (Vec<u64>, Work, Backward, Reach) {
        let inputs = [Shape::new(dims).unwrap()];
        let outputs = op.infer(&inputs).unwrap();
        let io = Io { inputs: &inputs, outputs: &outputs, mode: Mode::Eval };
        let (work, backward) = (op.work(io).unwrap(), op.work_backward(io).unwrap());
        (outputs[0].dims().to_vec(), work, backward, op.reach(io))
    }

    #[test]
    fn nearest_copies_and_linear_modes_mix() {
        let (out, work, backward, reach) = run(&scaled(2.0, Interpolation::Nearest), &[1, 2, 3, 4]);
        assert_eq!((out, work), (vec![1, 2, 6, 8], Work::NONE));
        assert_eq!(backward, Backward::inputs(Work::adds(96)));
        let halved = AxisReach::Between { inputs: 1, outputs: 2, first: 0, last: 0 };
        assert_eq!(reach, Reach::Window(vec![halved; 2]));
        for (mode, dims, macs) in [
            (Interpolation::Linear, &[1, 2, 3][..], 2 * 2 * 6),
            (Interpolation::Bilinear, &[1, 2, 3, 4], 4 * 96),
            (Interpolation::Bicubic, &[1, 2, 3, 4], 16 * 96),
            (Interpolation::Trilinear, &[1, 1, 2, 2, 2], 8 * 64),
        ] {
            let (_, work, backward, _) = run(&scaled(2.0, mode), dims);
            assert_eq!((work, backward.inputs), (Work::macs(macs), Work::macs(macs)));
        }
    }

    /// The first output's centre lies a quarter before the first input's; with corners aligned, on it.
    #[test]
    fn where_the_first_output_lies() {
        let starts = |align_corners| {
            let op = Upsample { align_corners, ..scaled(2.0, Interpolation::Bilinear) };
            match run(&op, &[1, 1, 4, 4]).3 {
                Reach::Window(axes) => (axes[0].taps(0).unwrap().first, axes[0].period()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(starts(false), (-1, Some((2, 1))));
        assert_eq!(starts(true), (0, Some((7, 3))));
    }

    /// 5 outputs of 2 inputs by a scale of 2.5 are 4 less than 10; of 3 there are 7, at 2/5 of an input each all the same.
    #[test]
    fn outputs_walk_by_the_scale_that_is_written() {
        for (scale, dims, period) in
            [(2.5, [1, 1, 3], (5, 2)), (1.0 / 3.0, [1, 1, 9], (1, 3)), (2.3, [1, 1, 4], (23, 10))]
        {
            match run(&scaled(scale, Interpolation::Nearest), &dims).3 {
                Reach::Window(axes) => assert_eq!(axes[0].period(), Some(period)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(Scale(std::f64::consts::PI * 1e-300).fraction(), None);
    }

    #[test]
    fn broken_factors_round_down_and_never_to_nothing() {
        assert_eq!(run(&scaled(1.5, Interpolation::Nearest), &[1, 1, 3, 5]).0, [1, 1, 4, 7]);
        let inputs = [Shape::new(&[1, 1, 3, 3]).unwrap()];
        let gone = scaled(0.25, Interpolation::Nearest).infer(&inputs);
        assert!(matches!(gone, Err(ShapeError::NotPositive { .. })));
        let huge = scaled(1e300, Interpolation::Nearest).infer(&inputs);
        assert_eq!(huge, Err(ShapeError::TooLarge));
    }

    #[test]
    fn arguments_that_do_not_go_together() {
        let inputs = [Shape::new(&[1, 1, 3, 3]).unwrap()];
        let nearest = scaled(2.0, Interpolation::Nearest);
        for wrong in [
            Upsample { scale_factor: None, ..nearest.clone() },
            Upsample { size: Some(Each(vec![4])), ..nearest.clone() },
            Upsample { align_corners: true, ..nearest.clone() },
            Upsample { mode: Interpolation::Trilinear, ..nearest.clone() },
            Upsample { size: Some(Each(vec![4, 4, 4])), scale_factor: None, ..nearest },
        ] {
            assert!(matches!(wrong.infer(&inputs), Err(ShapeError::Arguments { .. })));
        }
    }
}

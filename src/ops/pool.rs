//! Maximum and average over windows, in one, two or three dimensions; and the rules that all pools share.
//!
//! ```text
//! shape     N×C×H×W → N×C×H'×W',  H' = (H + 2P − F)/S + 1 (D·(F − 1) + 1 for F where dilated)
//! forward   max: a tap is one comparison, starting at −∞;  average: a tap is one add, an output one division
//! backward  max: an output is one add, at the element kept;  average: an output is one division, a tap one add
//! saved     max: the index of each output's element, i64;  average: nothing
//! ```
//!
//! Taps on padding count, and are reported apart; taps beyond both input and padding (`ceil_mode`) do not.
//! `count_include_pad` and `divisor_override` choose the divisor and leave the arithmetic as it is.

use super::arg_type::PerAxis;
use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::ledger::{Autograd, Backward, Keep, Param, Saved, Work};
use super::reach::{AxisReach, Reach, gcd};
use super::signature::operator;
use super::window::{Padding, Rounding, Taps, Window};
use super::{Io, Layer, Mode, axis_letters, axis_names, spatial, with_extents};
use crate::shape::{DType, Shape, Shapes, TooLarge, product};
use crate::units::grouped;

operator! {
    /// The largest element of each window.
    MaxPool("maxpool") ranks Always,
    "https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html",
    {
        /// Elements of the window along each axis, F.
        kernel_size: PerAxis<1>,
        /// Elements from one window to the next, S.
        stride: PerAxis<1> = Like("kernel_size"),
        /// Elements of −∞ around the input, P; at most half the kernel.
        padding: Padding = Int(0),
        /// Elements from one tap to the next, D.
        dilation: PerAxis<1> = Int(1),
        /// Whether a last window that does not fit whole counts; 'caffe' is its older rule.
        ceil_mode: Rounding = Bool(false),
    }
    torch [
        Field("kernel_size"), Field("stride"), Field("padding"), Field("dilation"), Only("return_indices", "false"),
        Field("ceil_mode"),
    ]
}

operator! {
    /// The mean of each window.
    AvgPool("avgpool") ranks Always,
    "https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html",
    {
        /// Elements of the window along each axis, F.
        kernel_size: PerAxis<1>,
        /// Elements from one window to the next, S.
        stride: PerAxis<1> = Like("kernel_size"),
        /// Zeros around the input, P; at most half the kernel.
        padding: Padding = Int(0),
        /// Whether a last window that does not fit whole counts; 'caffe' is its older rule.
        ceil_mode: Rounding = Bool(false),
        /// Whether the divisor counts elements on padding.
        count_include_pad: bool = Bool(true),
        /// The divisor, in place of the number of elements.
        divisor_override: Option<u64> = None,
    }
}

/// What a pool makes of the elements of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Their maximum.
    Max,
    /// Their mean.
    Average,
}

/// How a pool covers one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// A window that walks.
    Window(Window),
    /// This many windows that share the axis: from ⌊i·H/H'⌋ to ⌈(i + 1)·H/H'⌉.
    Shared(u64),
}

impl Cover {
    /// How many windows there are on `input` elements.
    fn extent(self, axis: usize, input: u64) -> Result<u64, ShapeError> {
        match self {
            Self::Window(window) => window.extent(axis, input),
            Self::Shared(_) if input == 0 => {
                Err(ShapeError::NotPositive { what: format!("axis {axis}"), value: 0 })
            }
            Self::Shared(out) => Ok(out),
        }
    }

    /// Taps of all windows of the axis.
    fn taps(self, input: u64, out: u64) -> Result<Taps, TooLarge> {
        match self {
            Self::Window(window) => Ok(window.taps(input, out)),
            // Of a period of a = H/g elements and b = H'/g windows, the windows cover a elements and b − 1 twice.
            Self::Shared(_) => {
                let all = u128::from(input) + u128::from(out) - u128::from(gcd(input, out));
                let all = u64::try_from(all).map_err(|_| TooLarge)?;
                Ok(Taps { all, inside: all })
            }
        }
    }

    fn reach(self, input: u64, out: u64) -> Option<AxisReach> {
        match self {
            Self::Window(window) => Some(window.axis_reach()),
            // To ⌈(i + 1)·H/H'⌉, which is not seen any more: the last is ⌊(i·H + H − 1)/H'⌋.
            Self::Shared(_) => {
                let (inputs, outputs) = (i64::try_from(input).ok()?, i64::try_from(out).ok()?);
                let last = inputs.checked_sub(1)?;
                Some(AxisReach::Between { inputs, outputs: outputs.max(1), first: 0, last })
            }
        }
    }

    fn derive(self, name: &str, input: u64, out: u64) -> Fact {
        match self {
            Self::Window(window) => window.derive(name, input, out),
            Self::Shared(1) => Fact::note(name, "1").because("one window sees the whole axis"),
            Self::Shared(_) => Fact::note(name, &grouped(out)).because(format!(
                "output_size, whatever arrives: {out} windows share {input} elements"
            )),
        }
    }

    /// Why the `all` taps of an axis are not what the extents alone say; nothing where they are.
    fn derive_taps(self, letter: &str, input: u64, out: u64, all: u64) -> Option<Fact> {
        let what = format!("taps_{letter}");
        match self {
            Self::Window(Window { kernel, .. }) => {
                let beyond = kernel.checked_mul(out)?.checked_sub(all).filter(|n| *n > 0)?;
                let numbers = format!("{kernel}·{out} − {beyond}");
                let why = "taps beyond input and padding do not count";
                Some(Fact::formula(&what, "F·H' − beyond", &numbers, all).because(why))
            }
            Self::Shared(_) if all == input => None,
            Self::Shared(_) => {
                let numbers = format!("{input} + {out} − {}", gcd(input, out));
                let why = "H' does not divide H, so that neighbouring windows share elements";
                Some(Fact::formula(&what, "H + H' − gcd(H, H')", &numbers, all).because(why))
            }
        }
    }

    /// The number of taps of an axis as labelled factors.
    fn factors(self, letter: &str, input: u64, out: u64) -> Vec<(String, u64)> {
        let all = self.taps(input, out).map_or(u64::MAX, |taps| taps.all);
        match self {
            Self::Window(window) if window.kernel.checked_mul(out) == Some(all) => {
                vec![(format!("F_{letter}"), window.kernel), (format!("{letter}'"), out)]
            }
            Self::Shared(_) if all == input => vec![(letter.to_owned(), input)],
            _ => vec![(format!("taps_{letter}"), all)],
        }
    }
}

/// What tells one pool from another.
pub(super) trait Pool {
    /// Maximum or mean.
    const KIND: Kind;
    /// The batch, channels and spatial extents of an input that it accepts.
    fn split(&self, inputs: &[Shape]) -> Result<(u64, u64, Vec<u64>), ShapeError>;
    /// How it covers a spatial axis of `input` elements.
    fn cover(&self, axis: usize, input: u64) -> Result<Cover, ShapeError>;
    /// Whether torch computes it as a reduction of all spatial axes: a mean, or amax.
    fn is_reduction(&self, _: Io<'_>) -> bool {
        false
    }
}

/// How a pool covers each spatial axis.
pub(super) fn covers(pool: &impl Pool, extents: &[u64]) -> Result<Vec<Cover>, ShapeError> {
    extents.iter().enumerate().map(|(axis, input)| pool.cover(axis, *input)).collect()
}

pub(super) fn infer(pool: &impl Pool, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
    let (batch, channels, extents) = pool.split(inputs)?;
    let covers = covers(pool, &extents)?;
    let out: Result<Vec<u64>, _> = covers
        .iter()
        .zip(&extents)
        .enumerate()
        .map(|(axis, (cover, input))| cover.extent(axis + 2, *input))
        .collect();
    Ok(with_extents(batch, channels, &out?)?.into())
}

/// All taps, and those on padding.
fn taps(pool: &impl Pool, io: Io<'_>) -> Result<(u64, u64), TooLarge> {
    let (Some((batch, channels, extents)), Some((.., out))) =
        (io.inputs[0].split(), io.outputs[0].split())
    else {
        return Ok((0, 0));
    };
    let covers = covers(pool, extents).map_err(|_| TooLarge)?;
    let taps: Result<Vec<Taps>, _> =
        covers.iter().zip(extents).zip(out).map(|((c, input), out)| c.taps(*input, *out)).collect();
    let taps = taps?;
    let planes = [batch, channels];
    let all = product(planes.into_iter().chain(taps.iter().map(|t| t.all)))?;
    let inside = product(planes.into_iter().chain(taps.iter().map(|t| t.inside)))?;
    Ok((all, all - inside))
}

pub(super) fn work<P: Pool>(pool: &P, io: Io<'_>) -> Result<Work, TooLarge> {
    let (taps, padding_taps) = taps(pool, io)?;
    Ok(match P::KIND {
        Kind::Max => Work { padding_taps, ..Work::cmps(taps) },
        Kind::Average => Work { divs: io.elements_out()?, padding_taps, ..Work::adds(taps) },
    })
}

pub(super) fn work_backward<P: Pool>(pool: &P, io: Io<'_>) -> Result<Backward, TooLarge> {
    Ok(Backward::inputs(match P::KIND {
        Kind::Max => Work::adds(io.elements_out()?),
        Kind::Average => work(pool, io)?,
    }))
}

pub(super) fn saved<P: Pool>(_: &P, io: Io<'_>) -> Result<Saved, TooLarge> {
    Ok(match P::KIND {
        Kind::Max => vec![Keep::Own {
            what: "indices",
            elements: io.elements_out()?,
            dtype: Some(DType::I64),
        }],
        Kind::Average => Vec::new(),
    })
}

/// torch keeps the input of a pool; of a reduction what its backward reads.
pub(super) fn autograd<P: Pool>(pool: &P, io: Io<'_>) -> Result<Autograd, TooLarge> {
    let mut kept = match (P::KIND, pool.is_reduction(io)) {
        (Kind::Average, true) => Vec::new(),
        (Kind::Max, true) => vec![Keep::Input(0), Keep::Output(0)],
        (_, false) => vec![Keep::Input(0)],
    };
    if !pool.is_reduction(io) {
        kept.extend(saved(pool, io)?);
    }
    Ok(Autograd::keeps(kept))
}

pub(super) fn reach(pool: &impl Pool, io: Io<'_>) -> Reach {
    let (Some((.., extents)), Some((.., out))) = (io.inputs[0].split(), io.outputs[0].split())
    else {
        return Reach::Opaque("the input has no spatial axes");
    };
    let Ok(covers) = covers(pool, extents) else {
        return Reach::Opaque("the window does not fit");
    };
    if covers.iter().all(|cover| *cover == Cover::Shared(1)) {
        return Reach::Whole((2..io.inputs[0].rank()).collect());
    }
    let axes: Option<Vec<AxisReach>> = covers
        .iter()
        .zip(extents)
        .zip(out)
        .map(|((c, input), out)| c.reach(*input, *out))
        .collect();
    axes.map_or(Reach::Opaque("an extent exceeds 63 bits"), Reach::Window)
}

pub(super) fn derive<P: Pool>(pool: &P, io: Io<'_>) -> Derivation {
    let (Some((batch, channels, extents)), Some((.., out))) =
        (io.inputs[0].split(), io.outputs[0].split())
    else {
        return Vec::new();
    };
    let covers = covers(pool, extents).unwrap_or_default();
    let mut facts = Vec::new();
    let mut factors = Vec::new();
    for (axis, ((cover, input), out)) in covers.iter().zip(extents).zip(out).enumerate() {
        // Above three spatial axes none has a name.
        let (name, letter) = if extents.len() <= 3 {
            (
                axis_names(extents.len())[axis].to_owned(),
                axis_letters(extents.len())[axis].to_owned(),
            )
        } else {
            (format!("axis {}", axis + 2), (axis + 2).to_string())
        };
        facts.push(cover.derive(&name, *input, *out));
        let all = cover.taps(*input, *out).map_or(u64::MAX, |taps| taps.all);
        facts.extend(cover.derive_taps(&letter, *input, *out, all));
        factors.extend(cover.factors(&letter, *input, *out));
    }
    let mut factors: Vec<(&str, u64)> = factors.iter().map(|(l, n)| (l.as_str(), *n)).collect();
    factors.push(("C", channels));
    if batch != 1 {
        factors.push(("N", batch));
    }
    match P::KIND {
        Kind::Max => facts.push(Fact::product("comparisons", &factors)),
        Kind::Average => {
            facts.push(Fact::product("additions", &factors));
            facts.push(Fact::formula(
                "divisions",
                "one an output element",
                &io.outputs[0].to_string(),
                io.elements_out().unwrap_or(u64::MAX),
            ));
        }
    }
    facts
}

/// The `Layer` of a [`Pool`].
macro_rules! pool_layer {
    ($Name:ident) => {
        impl Layer for $Name {
            fn infer(&self, inputs: &[Shape]) -> Result<$crate::shape::Shapes, ShapeError> {
                $crate::ops::pool::infer(self, inputs)
            }
            fn params(&self, _: &[Shape]) -> Result<Vec<Param>, ShapeError> {
                Ok(Vec::new())
            }
            fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
                $crate::ops::pool::work(self, io)
            }
            fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
                $crate::ops::pool::work_backward(self, io)
            }
            fn saved(&self, io: Io<'_>) -> Result<Saved, TooLarge> {
                $crate::ops::pool::saved(self, io)
            }
            fn autograd(&self, io: Io<'_>) -> Result<$crate::ops::ledger::Autograd, TooLarge> {
                $crate::ops::pool::autograd(self, io)
            }
            fn is_view(&self, _: Mode) -> bool {
                false
            }
            fn reach(&self, io: Io<'_>) -> Reach {
                $crate::ops::pool::reach(self, io)
            }
            fn derive(&self, io: Io<'_>) -> Derivation {
                $crate::ops::pool::derive(self, io)
            }
        }
    };
}
pub(super) use pool_layer;

/// A window with its padding, which is refused above half the kernel as torch refuses it.
fn window(open: Window, padding: Padding, axis: usize, input: u64) -> Result<Cover, ShapeError> {
    let (before, after) = padding.sides(axis, input, open.reach(), open.stride)?;
    let limit = open.kernel / 2;
    // The words pad by what the window needs, which is no choice that could be wrong.
    if matches!(padding, Padding::Sides { .. }) && before.max(after) > limit {
        let why = "no more than half the kernel, or a window could lie on padding alone";
        return Err(ShapeError::Padding { padding: before.max(after), limit, why });
    }
    // Caffe clips on every axis where there is padding on any; clipped, its rule is torch's.
    let padded = matches!(padding, Padding::Sides { sides, .. } if sides != [(0, 0); 3]);
    let rounding = match open.rounding {
        Rounding::Caffe if padded => Rounding::Ceil,
        rounding => rounding,
    };
    Ok(Cover::Window(Window { before, after, rounding, ..open }))
}

impl Pool for MaxPool {
    const KIND: Kind = Kind::Max;

    fn split(&self, inputs: &[Shape]) -> Result<(u64, u64, Vec<u64>), ShapeError> {
        spatial(inputs, self.rank)
    }

    fn cover(&self, axis: usize, input: u64) -> Result<Cover, ShapeError> {
        let open = Window {
            kernel: self.kernel_size.values()[axis],
            stride: self.stride.values()[axis],
            dilation: self.dilation.values()[axis],
            before: 0,
            after: 0,
            rounding: self.ceil_mode,
        };
        window(open, self.padding, axis, input)
    }
}

impl Pool for AvgPool {
    const KIND: Kind = Kind::Average;

    fn split(&self, inputs: &[Shape]) -> Result<(u64, u64, Vec<u64>), ShapeError> {
        if self.rank == 1 && self.divisor_override.is_some() {
            return Err(ShapeError::Arguments {
                message: "avgpool1d has no divisor_override, as torch has none".to_owned(),
                help: "leave it out, or pool in two dimensions".to_owned(),
            });
        }
        spatial(inputs, self.rank)
    }

    fn cover(&self, axis: usize, input: u64) -> Result<Cover, ShapeError> {
        let open = Window {
            kernel: self.kernel_size.values()[axis],
            stride: self.stride.values()[axis],
            dilation: 1,
            before: 0,
            after: 0,
            rounding: self.ceil_mode,
        };
        // torch looks at the input without its padding in three dimensions only (`avg_pool3d`).
        if self.rank == 3 && input < open.kernel {
            return Err(ShapeError::Window { axis: axis + 2, input, window: open });
        }
        window(open, self.padding, axis, input)
    }
}

pool_layer!(MaxPool);
pool_layer!(AvgPool);

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(n: u64) -> Padding {
        Padding::Sides { rank: 2, sides: [(n, n); 3] }
    }

    fn max(kernel: u64, stride: u64, padding: u64, ceil_mode: Rounding) -> MaxPool {
        let (kernel_size, stride) = (PerAxis::all(2, kernel), PerAxis::all(2, stride));
        let dilation = PerAxis::all(2, 1);
        MaxPool { rank: 2, kernel_size, stride, padding: sides(padding), dilation, ceil_mode }
    }

    fn run(pool: &impl Layer, dims: &[u64]) -> (Vec<u64>, Work, Backward) {
        let inputs = [Shape::new(dims).unwrap()];
        let outputs = pool.infer(&inputs).unwrap();
        let io = Io { inputs: &inputs, outputs: &outputs, mode: Mode::Eval };
        let works = (pool.work(io).unwrap(), pool.work_backward(io).unwrap());
        (outputs[0].dims().to_vec(), works.0, works.1)
    }

    /// AlexNet's first pool: windows of 3, stride 2, 55 → 27.
    #[test]
    fn alexnets_first_pool() {
        let (out, work, backward) = run(&max(3, 2, 0, Rounding::Floor), &[1, 96, 55, 55]);
        assert_eq!(out, [1, 96, 27, 27]);
        assert_eq!(work, Work::cmps(9 * 96 * 27 * 27));
        assert_eq!(backward, Backward::inputs(Work::adds(96 * 27 * 27)));
    }

    /// Taps of an axis of 4, kernel 3, stride 2, ceil: 0 1 2, 2 3 (4 is beyond); with padding 1: −1 0 1, 1 2 3, 3 4.
    #[test]
    fn taps_beyond_input_and_padding_do_not_count() {
        let (out, work, _) = run(&max(3, 2, 0, Rounding::Ceil), &[1, 1, 4, 4]);
        assert_eq!((out[2], work.cmps, work.padding_taps), (2, 25, 0));
        let (out, work, _) = run(&max(3, 2, 1, Rounding::Ceil), &[1, 1, 4, 4]);
        assert_eq!((out[2], work.cmps, work.padding_taps), (3, 64, 64 - 36));
    }

    #[test]
    fn an_average_adds_and_divides_both_ways() {
        let pool = AvgPool {
            rank: 2,
            kernel_size: PerAxis::all(2, 2),
            stride: PerAxis::all(2, 2),
            padding: sides(0),
            ceil_mode: Rounding::Floor,
            count_include_pad: true,
            divisor_override: None,
        };
        let (out, work, backward) = run(&pool, &[2, 3, 4, 6]);
        assert_eq!(out, [2, 3, 2, 3]);
        assert_eq!(work, Work { divs: 36, ..Work::adds(144) });
        assert_eq!(backward, Backward::inputs(work));
    }

    #[test]
    fn padding_above_half_the_kernel_is_refused() {
        let inputs = [Shape::new(&[1, 1, 9, 9]).unwrap()];
        assert!(max(3, 2, 1, Rounding::Floor).infer(&inputs).is_ok());
        assert!(matches!(
            max(3, 2, 2, Rounding::Floor).infer(&inputs),
            Err(ShapeError::Padding { padding: 2, limit: 1, .. })
        ));
        let same = MaxPool { padding: Padding::SameUpper, ..max(2, 2, 0, Rounding::Floor) };
        assert_eq!(same.infer(&inputs).unwrap()[0].dims(), [1, 1, 5, 5]);
    }

    #[test]
    fn shared_windows_are_counted_as_they_lie() {
        for input in 1..=24u64 {
            for out in 1..=24u64 {
                let sizes = (0..out).map(|i| ((i + 1) * input).div_ceil(out) - i * input / out);
                let cover = Cover::Shared(out);
                assert_eq!(cover.taps(input, out).unwrap().all, sizes.clone().sum::<u64>());
                let reach = cover.reach(input, out).unwrap();
                let seen = |i: u64| reach.taps(i64::try_from(i).unwrap()).unwrap().count;
                assert!((0..out).map(seen).eq(sizes));
            }
        }
    }
}

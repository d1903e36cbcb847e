//! Parts of a tensor: one position of an axis, a range, a part of equal parts, a crop of the spatial axes.
//!
//! ```text
//! select    the axis goes away: its element `index` stays
//! narrow    the axis keeps `length` elements from `start`
//! slice     the axis keeps start, start + step, … before end: ⌈(end − start)/step⌉, both ends clamped as Python does
//! chunk     parts have ⌈n/chunks⌉ elements, the last what is left; there may be fewer parts than chunks
//! crop      spatial axes keep `size` elements from `offset`, or from the middle: (H − size)/2, halves to the even side
//! params    none
//! forward   nothing: elements are copied
//! backward  nothing: gradients are copied into zeros
//! saved     nothing
//! ```
//!
//! All are copies, where torch returns views with other strides: tensors here are contiguous. A crop larger than the
//! input is an error, where torchvision pads with zeros.

use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::ledger::Autograd;
use super::reach::{AxisReach, Reach};
use super::signature::{no_arithmetic, operator};
use super::upsample::Each;
use super::{Io, Layer, Mode, axis, single};
use crate::shape::{Shape, Shapes, TooLarge};
use crate::units::grouped;

operator! {
    /// One position of an axis, which goes away: a token, a frame, a channel.
    Select("select"),
    "https://pytorch.org/docs/stable/generated/torch.select.html",
    {
        /// The axis; 0 is the first.
        dim: i64,
        /// The position on it; negative from the end.
        index: i64,
    }
    facts [Functional]
}

operator! {
    /// A range of an axis, by its start and its length.
    Narrow("narrow"),
    "https://pytorch.org/docs/stable/generated/torch.narrow.html",
    {
        /// The axis; 0 is the first.
        dim: i64,
        /// The first position; negative from the end.
        start: i64,
        /// How many positions.
        length: u64,
    }
    facts [Functional]
}

operator! {
    /// A range of an axis as Python slices it, start:end:step.
    Slice("slice"),
    "https://pytorch.org/docs/stable/torch.html#indexing-slicing-joining-mutating-ops",
    {
        /// The axis; 0 is the first.
        dim: i64,
        /// The first position; negative from the end.
        start: i64 = Int(0),
        /// The position that the range ends before; negative from the end; none: the end of the axis.
        end: Option<i64> = None,
        /// From one position to the next.
        step: u64 = Int(1),
    }
    facts [Functional]
}

operator! {
    /// One of the parts that an axis is split into.
    Chunk("chunk"),
    "https://pytorch.org/docs/stable/generated/torch.chunk.html",
    {
        /// How many parts there are at most.
        chunks: u64,
        /// Which of them; negative from the end.
        index: i64,
        /// The axis; 0 is the first.
        dim: i64 = Int(1),
    }
    facts [Functional]
}

operator! {
    /// A box cut out of the spatial axes, from their middle or from an offset.
    Crop("crop" | "center_crop"),
    "https://pytorch.org/vision/stable/generated/torchvision.transforms.CenterCrop.html",
    {
        /// Extent of the output, or one for each axis; at most the input's, where torchvision pads with zeros.
        size: Each<u64>,
        /// The first position that stays, or one for each axis; none: the middle.
        offset: Option<Each<i64>> = None,
    }
    facts [Functional]
}

/// The elements of one axis that stay: `count` of them, the first at `start`, `step` apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cut {
    axis: usize,
    start: u64,
    step: u64,
    count: u64,
    /// Why these, where the arguments do not say it.
    why: Option<String>,
}

/// An operator that keeps some elements of some axes.
trait Cuts {
    /// Whether the axis goes away; then one is cut, to one element.
    const DROPS: bool = false;
    /// What stays, for each axis that is cut.
    fn cuts(&self, input: Shape) -> Result<Vec<Cut>, ShapeError>;
}

fn arguments(message: String, help: String) -> ShapeError {
    ShapeError::Arguments { message, help }
}

/// The position and the size of an axis.
fn sized(dim: i64, input: Shape) -> Result<(usize, u64), ShapeError> {
    let at = axis(dim, input.rank())?;
    Ok((at, input.dims()[at]))
}

/// A position as Python counts it, negative from the end; it may lie outside.
fn from_end(position: i64, n: u64) -> i128 {
    i128::from(position) + if position < 0 { i128::from(n) } else { 0 }
}

/// A position that must be one of the axis.
fn on_axis(what: &str, position: i64, axis: usize, n: u64) -> Result<u64, ShapeError> {
    u64::try_from(from_end(position, n)).ok().filter(|at| *at < n).ok_or_else(|| {
        arguments(
            format!("{what} is {position}, but axis {axis} has {} elements", grouped(n)),
            format!("{what} goes from 0 to {}, or from −1 at the end to −{n}", n.saturating_sub(1)),
        )
    })
}

/// A size that must be at least 1, which only values made by hand are not.
fn positive(what: &str, value: u64) -> Result<u64, ShapeError> {
    if value > 0 {
        return Ok(value);
    }
    Err(ShapeError::NotPositive { what: what.to_owned(), value: 0 })
}

impl Cuts for Select {
    const DROPS: bool = true;

    fn cuts(&self, input: Shape) -> Result<Vec<Cut>, ShapeError> {
        let (axis, n) = sized(self.dim, input)?;
        let start = on_axis("index", self.index, axis, n)?;
        Ok(vec![Cut { axis, start, step: 1, count: 1, why: None }])
    }
}

impl Cuts for Narrow {
    fn cuts(&self, input: Shape) -> Result<Vec<Cut>, ShapeError> {
        let (axis, n) = sized(self.dim, input)?;
        let (start, count) =
            (on_axis("start", self.start, axis, n)?, positive("length", self.length)?);
        let left = n - start;
        if count > left {
            return Err(arguments(
                format!(
                    "length is {}, but axis {axis} has {} elements, {} from {start} on",
                    grouped(count),
                    grouped(n),
                    grouped(left)
                ),
                format!("length can be {left} at most, or start further in front"),
            ));
        }
        Ok(vec![Cut { axis, start, step: 1, count, why: None }])
    }
}

impl Cuts for Slice {
    fn cuts(&self, input: Shape) -> Result<Vec<Cut>, ShapeError> {
        let (axis, n) = sized(self.dim, input)?;
        let step = positive("step", self.step)?;
        let clamped = |position: i64| {
            u64::try_from(from_end(position, n).clamp(0, i128::from(n))).unwrap_or(n)
        };
        let (start, end) = (clamped(self.start), self.end.map_or(n, clamped));
        if start >= end {
            return Err(arguments(
                format!(
                    "the slice from {start} to {end} of axis {axis}, which has {} elements, is empty",
                    grouped(n)
                ),
                "start comes before end; negative ones count from the end".to_owned(),
            ));
        }
        let why = format!("from {start} to before {end}: ⌈({end} − {start}) / {step}⌉");
        Ok(vec![Cut { axis, start, step, count: (end - start).div_ceil(step), why: Some(why) }])
    }
}

impl Cuts for Chunk {
    fn cuts(&self, input: Shape) -> Result<Vec<Cut>, ShapeError> {
        let (axis, n) = sized(self.dim, input)?;
        let chunks = positive("chunks", self.chunks)?;
        let each = n.div_ceil(chunks).max(1);
        let parts = n.div_ceil(each);
        let Some(part) =
            u64::try_from(from_end(self.index, parts)).ok().filter(|part| *part < parts)
        else {
            return Err(arguments(
                format!(
                    "index is {}, but axis {axis} with {} elements makes {parts} parts of ⌈{n} / {chunks}⌉ = {each}",
                    self.index,
                    grouped(n)
                ),
                format!("index goes from 0 to {}", parts.saturating_sub(1)),
            ));
        };
        let start = part * each;
        let why = format!("part {part} of {parts}, ⌈{n} / {chunks}⌉ = {each} elements each");
        Ok(vec![Cut { axis, start, step: 1, count: each.min(n - start), why: Some(why) }])
    }
}

impl Crop {
    /// The cut of one axis.
    fn cut(axis: usize, n: u64, count: u64, offset: Option<i64>) -> Result<Cut, ShapeError> {
        let count = positive("size", count)?;
        let Some(room) = n.checked_sub(count) else {
            return Err(arguments(
                format!("size is {}, but axis {axis} has {} elements", grouped(count), grouped(n)),
                format!("crop to {n} at most, or pad before (torchvision pads with zeros here)"),
            ));
        };
        let Some(offset) = offset else {
            // Half of an odd number goes to the even side, as Python rounds.
            let half = room / 2;
            let start = half + (room % 2) * (half % 2);
            let why = format!("the middle: ({n} − {count}) / 2, a half to the even side");
            return Ok(Cut { axis, start, step: 1, count, why: Some(why) });
        };
        let start = u64::try_from(offset).ok().filter(|start| *start <= room).ok_or_else(|| {
            arguments(
                format!(
                    "offset is {offset}, but axis {axis} has {} elements, of which {} stay",
                    grouped(n),
                    grouped(count)
                ),
                format!("offset goes from 0 to {room}"),
            )
        })?;
        Ok(Cut { axis, start, step: 1, count, why: None })
    }
}

impl Cuts for Crop {
    fn cuts(&self, input: Shape) -> Result<Vec<Cut>, ShapeError> {
        let Some((_, _, extents)) = input.split().filter(|(.., extents)| !extents.is_empty())
        else {
            return Err(ShapeError::Rank { expected: "N×C×…×W", found: input });
        };
        let sizes = self.size.spread("size", extents.len())?;
        let offsets = match &self.offset {
            Some(offset) => offset.spread("offset", extents.len())?.into_iter().map(Some).collect(),
            None => vec![None; extents.len()],
        };
        extents
            .iter()
            .zip(sizes)
            .zip(offsets)
            .enumerate()
            .map(|(i, ((n, size), offset))| Self::cut(i + 2, *n, size, offset))
            .collect()
    }
}

/// The shape that comes out.
fn shape<C: Cuts>(op: &C, inputs: &[Shape]) -> Result<Shape, ShapeError> {
    let input = single(inputs)?;
    let cuts = op.cuts(input)?;
    if C::DROPS {
        let kept =
            input.dims().iter().enumerate().filter(|(i, _)| cuts.iter().all(|c| c.axis != *i));
        let dims: Vec<u64> = kept.map(|(_, n)| *n).collect();
        return Shape::new(&dims).ok_or(ShapeError::TooLarge);
    }
    Ok(cuts.iter().fold(input, |shape, cut| shape.with(cut.axis, cut.count)))
}

/// Each output comes from one place.
fn reach<C: Cuts>(op: &C, io: Io<'_>) -> Reach {
    const WRONG: Reach = Reach::Opaque("the axes do not exist");
    let Some((input, cuts)) = io.inputs.first().and_then(|x| Some((x, op.cuts(*x).ok()?))) else {
        return WRONG;
    };
    let first = cuts.iter().map(|cut| cut.axis).min().unwrap_or(0);
    let mut windows = vec![AxisReach::POINT; input.rank() - first];
    for cut in &cuts {
        let Ok(start) = i64::try_from(cut.start) else {
            return Reach::Opaque("its positions exceed 63 bits");
        };
        if C::DROPS {
            return Reach::Selected { axis: cut.axis, index: start };
        }
        windows[cut.axis - first] = AxisReach::single(cut.step, start);
    }
    Reach::Window(windows)
}

fn derive<C: Cuts>(op: &C, io: Io<'_>) -> Derivation {
    let Some((input, cuts)) = io.inputs.first().and_then(|x| Some((x, op.cuts(*x).ok()?))) else {
        return Vec::new();
    };
    let mut facts: Derivation = cuts
        .into_iter()
        .map(|Cut { axis, start, step, count, why }| {
            let (n, last) = (input.dims()[axis], start + (count - 1) * step);
            let apart = if step > 1 { format!(", {step} apart") } else { String::new() };
            let text = match count {
                1 => format!("element {start} of {n}"),
                _ => format!("{count} elements of {n}: {start} to {last}{apart}"),
            };
            Fact { why, ..Fact::note(&format!("axis {axis}"), &text) }
        })
        .collect();
    if C::DROPS {
        facts.push(Fact::note("rank", &format!("{} − 1", input.rank())));
    }
    facts.push(Fact::note("arithmetic", "none: elements are copied, in both directions"));
    facts
}

/// The `Layer` of an operator that cuts.
macro_rules! cutting {
    ($($Name:ident)*) => {
        $(impl Layer for $Name {
            fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
                Ok(shape(self, inputs)?.into())
            }

            no_arithmetic!();

            fn autograd(&self, _: Io<'_>) -> Result<Autograd, TooLarge> {
                Ok(Autograd::VIEW)
            }

            fn is_view(&self, _: Mode) -> bool {
                false
            }

            fn reach(&self, io: Io<'_>) -> Reach {
                reach(self, io)
            }

            fn derive(&self, io: Io<'_>) -> Derivation {
                derive(self, io)
            }
        })*
    };
}

cutting! { Select Narrow Slice Chunk Crop }

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(op: &impl Layer, dims: &[u64]) -> Result<Vec<u64>, String> {
        let inferred = op.infer(&[Shape::new(dims).unwrap()]);
        let outputs = inferred.map_err(|error| {
            assert!(error.help().is_some_and(|help| !help.is_empty()), "{error}");
            error.to_string()
        })?;
        Ok(outputs[0].dims().to_vec())
    }

    #[test]
    fn select_takes_an_axis_away() {
        let select = |dim, index| cut(&Select { dim, index }, &[2, 3, 4, 5]);
        assert_eq!(select(1, 2), Ok(vec![2, 4, 5]));
        assert_eq!(select(-1, -5), Ok(vec![2, 3, 4]));
        assert_eq!(select(1, 3).unwrap_err(), "index is 3, but axis 1 has 3 elements");
        assert!(select(1, -4).is_err() && select(4, 0).is_err());
        assert_eq!((select(0, 1), select(-4, 0)), (Ok(vec![3, 4, 5]), Ok(vec![3, 4, 5])));
    }

    #[test]
    fn narrow_is_a_start_and_a_length() {
        let narrow = |start, length| cut(&Narrow { dim: 2, start, length }, &[1, 3, 8]);
        assert_eq!((narrow(2, 6), narrow(-3, 3)), (Ok(vec![1, 3, 6]), Ok(vec![1, 3, 3])));
        let message = "length is 7, but axis 2 has 8 elements, 6 from 2 on";
        assert_eq!(narrow(2, 7).unwrap_err(), message);
        assert!(narrow(8, 1).is_err() && narrow(-9, 1).is_err());
    }

    /// What Python has: len(range(8)[start:end:step]).
    #[test]
    fn slices_are_pythons() {
        let slice = |start, end, step| {
            let dims = cut(&Slice { dim: 1, start, end, step }, &[1, 8])?;
            Ok::<u64, String>(dims[1])
        };
        for (start, end, step, n) in [
            (0, None, 1, 8),
            (1, None, 3, 3),
            (-3, None, 1, 3),
            (-100, Some(100), 2, 4),
            (2, Some(-1), 2, 3),
            (7, Some(8), 5, 1),
            (i64::MIN, Some(i64::MAX), u64::MAX, 1),
        ] {
            assert_eq!(slice(start, end, step), Ok(n), "{start}:{end:?}:{step}");
        }
        let empty = slice(5, Some(3), 1).unwrap_err();
        assert_eq!(empty, "the slice from 5 to 3 of axis 1, which has 8 elements, is empty");
        assert!(slice(8, None, 1).is_err() && slice(0, Some(-8), 1).is_err());
    }

    /// torch.chunk of 7 in 3 is 3, 3, 1; of 5 in 4 it is 2, 2, 1: three parts.
    #[test]
    fn chunks_are_torchs() {
        let chunk = |chunks, index, n| {
            let dims = cut(&Chunk { chunks, index, dim: 1 }, &[2, n, 4])?;
            Ok::<u64, String>(dims[1])
        };
        assert_eq!([0, 1, 2].map(|i| chunk(3, i, 7).unwrap()), [3, 3, 1]);
        assert_eq!([0, 1, -1].map(|i| chunk(4, i, 5).unwrap()), [2, 2, 1]);
        let beyond = chunk(4, 3, 5).unwrap_err();
        assert_eq!(beyond, "index is 3, but axis 1 with 5 elements makes 3 parts of ⌈5 / 4⌉ = 2");
        assert!(chunk(3, -4, 7).is_err());
    }

    /// round(5/2) is 2 and round(3/2) is 2 in Python.
    #[test]
    fn crops_are_in_the_middle_or_at_an_offset() {
        let crop = |size: &[u64], offset: Option<&[i64]>| Crop {
            size: Each(size.to_vec()),
            offset: offset.map(|offset| Each(offset.to_vec())),
        };
        let starts = |op: &Crop| {
            let cuts = op.cuts(Shape::new(&[1, 3, 10, 12]).unwrap()).unwrap();
            cuts.iter().map(|cut| cut.start).collect::<Vec<_>>()
        };
        assert_eq!(starts(&crop(&[5, 9], None)), [2, 2]);
        assert_eq!(starts(&crop(&[8], None)), [1, 2]);
        assert_eq!(starts(&crop(&[8], Some(&[2, 0]))), [2, 0]);
        let shape = |op: &Crop| cut(op, &[1, 3, 10, 12]);
        assert_eq!(shape(&crop(&[8, 4], None)), Ok(vec![1, 3, 8, 4]));
        assert_eq!(
            shape(&crop(&[11], None)).unwrap_err(),
            "size is 11, but axis 2 has 10 elements"
        );
        let beyond = shape(&crop(&[8], Some(&[3]))).unwrap_err();
        assert_eq!(beyond, "offset is 3, but axis 2 has 10 elements, of which 8 stay");
        assert!(
            shape(&crop(&[8], Some(&[-1]))).is_err() && shape(&crop(&[1, 1, 1], None)).is_err()
        );
    }

    #[test]
    fn positions_move_by_the_start_and_the_step() {
        let inputs = [Shape::new(&[1, 3, 10, 12]).unwrap()];
        let of = |op: &dyn Fn(Io<'_>) -> Reach| {
            op(Io { inputs: &inputs, outputs: &inputs, mode: Mode::Eval })
        };
        let slice = Slice { dim: 3, start: 2, end: None, step: 3 };
        let third = AxisReach::single(3, 2);
        assert_eq!(of(&|io| slice.reach(io)), Reach::Window(vec![third]));
        let select = Select { dim: 2, index: -1 };
        assert_eq!(of(&|io| select.reach(io)), Reach::Selected { axis: 2, index: 9 });
        let channels = Chunk { chunks: 3, index: 1, dim: 1 };
        let first = AxisReach::single(1, 1);
        let windows = vec![first, AxisReach::POINT, AxisReach::POINT];
        assert_eq!(of(&|io| channels.reach(io)), Reach::Window(windows));
    }

    #[test]
    fn values_that_no_description_can_have_are_refused() {
        let dims = [Shape::new(&[1, 4]).unwrap()];
        let none: [Result<_, _>; 3] = [
            Chunk { chunks: 0, index: 0, dim: 1 }.infer(&dims),
            Slice { dim: 1, start: 0, end: None, step: 0 }.infer(&dims),
            Narrow { dim: 1, start: 0, length: 0 }.infer(&dims),
        ];
        assert!(none.iter().all(|r| matches!(r, Err(ShapeError::NotPositive { value: 0, .. }))));
    }
}

//! Other shapes for the same numbers: flatten, reshape, permute, identity. No arithmetic.
//!
//! ```text
//! flatten   N×C×H×W → N×(C·H·W): the axes start_dim to end_dim become one
//! reshape   the axes from start_dim on become sizes: as many elements; one size may be −1
//! permute   axes in the order of dims
//! identity  anything → the same
//! params    none
//! forward   free;  backward  free: the gradient takes the input's shape again
//! saved     nothing
//! ```
//!
//! Flatten, reshape and identity are views of their input. Permute is a copy: tensors here are contiguous, where torch
//! returns a view with other strides.

use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::ledger::Autograd;
use super::reach::Reach;
use super::signature::{no_arithmetic, operator};
use super::{Io, Layer, Mode, axis, axis_letters, single};
use crate::shape::{MAX_RANK, Shape, Shapes, TooLarge, product};
use crate::units::grouped;

operator! {
    /// Folds axes into one: images become vectors for a linear layer.
    Flatten("flatten"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html",
    {
        /// The first axis that is folded.
        start_dim: i64 = Int(1),
        /// The last axis that is folded.
        end_dim: i64 = Int(-1),
    }
}

operator! {
    /// The same numbers in another shape; axis 0 stays unless start_dim is 0.
    Reshape("reshape" | "view"),
    "https://pytorch.org/docs/stable/generated/torch.reshape.html",
    {
        /// Sizes of the axes from start_dim on; one may be -1, which takes what is left.
        sizes: Vec<i64> = Rest,
        /// The first axis that gets another size: those before it stay. 0 gives all axes other sizes.
        start_dim: i64 = Int(1),
    }
}

operator! {
    /// The axes in another order.
    Permute("permute"),
    "https://pytorch.org/docs/stable/generated/torch.permute.html",
    {
        /// For each axis that comes out, the axis of the input.
        dims: Vec<i64> = Rest,
    }
}

operator! {
    /// The input itself.
    Identity("identity"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Identity.html",
    {}
}

/// Values that are right each and wrong together.
fn arguments(message: String, help: &str) -> ShapeError {
    ShapeError::Arguments { message, help: help.to_owned() }
}

/// The letter of an axis, as far as it has one.
fn letter(position: usize, rank: usize) -> &'static str {
    match position {
        0 => "N",
        1 => "C",
        _ if (3..=5).contains(&rank) => axis_letters(rank - 2).get(position - 2).unwrap_or(&"n"),
        _ => "n",
    }
}

/// What an operator without arithmetic says.
fn free() -> Fact {
    Fact::note("arithmetic", "none: the same numbers in another shape")
}

impl Flatten {
    /// First and last axis that are folded.
    fn folded(&self, inputs: &[Shape]) -> Result<(usize, usize), ShapeError> {
        let rank = single(inputs)?.rank();
        let (first, last) = (axis(self.start_dim, rank)?, axis(self.end_dim, rank)?);
        if first > last {
            let message =
                format!("start_dim is axis {first}, which comes after end_dim, axis {last}");
            return Err(arguments(message, "flatten goes from a first axis to a later one"));
        }
        Ok((first, last))
    }
}

impl Layer for Flatten {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        let (first, last) = self.folded(inputs)?;
        let dims = inputs[0].dims();
        let mut folded = dims[..first].to_vec();
        folded.push(product(dims[first..=last].iter().copied())?);
        folded.extend(&dims[last + 1..]);
        Ok(Shape::new(&folded).ok_or(ShapeError::TooLarge)?.into())
    }

    no_arithmetic!();

    fn is_view(&self, _: Mode) -> bool {
        true
    }

    fn reach(&self, io: Io<'_>) -> Reach {
        match self.folded(io.inputs) {
            Ok((first, last)) if first < last => Reach::Folded { first, last },
            Ok(_) => Reach::Pointwise,
            Err(_) => Reach::Opaque("the axes do not exist"),
        }
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let Ok((first, last)) = self.folded(io.inputs) else { return Vec::new() };
        let rank = io.inputs[0].rank();
        let factors: Vec<(&str, u64)> = (first..=last)
            .filter_map(|position| Some((letter(position, rank), io.inputs[0].get(position)?)))
            .collect();
        vec![Fact::product("features", &factors), free()]
    }
}

/// What has so many numbers as reshape gives another shape, in words.
fn what_stays(start: usize) -> &'static str {
    match start {
        0 => "the input",
        1 => "a sample",
        _ => "what follows the axes that stay",
    }
}

impl Reshape {
    /// How many axes stay.
    fn start(&self, input: Shape) -> Result<usize, ShapeError> {
        // At the end of all axes, those that are added have one element.
        match usize::try_from(self.start_dim) {
            Ok(start) if start <= input.rank() => Ok(start),
            _ => Err(ShapeError::Axis { axis: self.start_dim, rank: input.rank() }),
        }
    }

    /// The shape that comes out.
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let input = single(inputs)?;
        let start = self.start(input)?;
        let (kept, sample) = input.dims().split_at(start);
        if start + self.sizes.len() > MAX_RANK {
            let axes = if start == 1 { "axis" } else { "axes" };
            let message =
                format!("{} sizes behind {start} {axes} exceed {MAX_RANK} axes", self.sizes.len());
            return Err(arguments(message, "leave out sizes of 1, or fold axes"));
        }
        if let Some(size) = self.sizes.iter().find(|size| **size < -1 || **size == 0) {
            let (what, value) = ("a size of reshape".to_owned(), i128::from(*size));
            return Err(ShapeError::NotPositive { what, value });
        }
        let left = self.sizes.iter().filter(|size| **size == -1).count();
        if left > 1 {
            let message = format!("{left} sizes are -1");
            return Err(arguments(message, "one size at most can be what is left"));
        }
        let elements = product(sample.iter().copied())?;
        let named: Vec<u64> =
            self.sizes.iter().filter_map(|size| u64::try_from(*size).ok()).collect();
        let known = product(named.iter().copied())?;
        let fits = if left == 1 { elements.is_multiple_of(known) } else { elements == known };
        if !fits {
            return Err(Self::mismatch((start, &named), known, sample, elements, left));
        }
        let rest = elements / known.max(1);
        let mut dims = kept.to_vec();
        dims.extend(self.sizes.iter().map(|size| u64::try_from(*size).unwrap_or(rest)));
        Shape::new(&dims).ok_or(ShapeError::TooLarge)
    }

    fn mismatch(
        (start, named): (usize, &[u64]),
        known: u64,
        sample: &[u64],
        elements: u64,
        left: usize,
    ) -> ShapeError {
        let text = |sizes: &[u64]| sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(" × ");
        let arriving = format!("{} = {}", text(sample), grouped(elements));
        let (what, help) = if left == 1 {
            (
                format!("the product of the sizes beside -1, {},", text(named)),
                format!("it must divide the numbers of {}: {arriving}", what_stays(start)),
            )
        } else {
            (
                format!("the product of the sizes, {},", text(named)),
                format!("{} has {arriving} numbers; one size may be -1", what_stays(start)),
            )
        };
        ShapeError::Mismatch { what, expected: known, found: elements, help: Some(help) }
    }
}

impl Layer for Reshape {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        Ok(self.shape(inputs)?.into())
    }

    no_arithmetic!();

    fn is_view(&self, _: Mode) -> bool {
        true
    }

    fn reach(&self, io: Io<'_>) -> Reach {
        let Some(input) = io.inputs.first() else { return Reach::Pointwise };
        match self.shape(io.inputs) {
            Ok(shape) if shape == *input => Reach::Pointwise,
            Ok(shape) if self.sizes.len() == 1 && input.rank() > shape.rank() => {
                Reach::Folded { first: shape.rank() - 1, last: input.rank() - 1 }
            }
            _ => Reach::Opaque("reshape gives positions other axes"),
        }
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Some(input), Ok(shape)) = (io.inputs.first(), self.shape(io.inputs)) else {
            return Vec::new();
        };
        let start = self.start(*input).unwrap_or(1);
        let what = what_stays(start);
        let factors = |dims: &[u64]| dims.iter().skip(start).map(|n| ("n", *n)).collect::<Vec<_>>();
        vec![
            Fact::product(&format!("numbers of {what}, in"), &factors(input.dims())),
            Fact::product(&format!("numbers of {what}, out"), &factors(shape.dims())),
            free(),
        ]
    }
}

impl Permute {
    /// The input's axes in the order in which they come out.
    fn order(&self, inputs: &[Shape]) -> Result<Vec<usize>, ShapeError> {
        let rank = single(inputs)?.rank();
        if self.dims.len() != rank {
            let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
            return Err(ShapeError::Mismatch {
                what: "the number of dims".to_owned(),
                expected: count(self.dims.len()),
                found: count(rank),
                help: Some(format!("name each axis from 0 to {}", rank.saturating_sub(1))),
            });
        }
        let order: Vec<usize> =
            self.dims.iter().map(|dim| axis(*dim, rank)).collect::<Result<_, _>>()?;
        if let Some(twice) = (0..rank).find(|i| order.iter().filter(|axis| *axis == i).count() > 1)
        {
            return Err(arguments(format!("axis {twice} is named twice"), "name each axis once"));
        }
        Ok(order)
    }
}

impl Layer for Permute {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        let order = self.order(inputs)?;
        let dims: Vec<u64> = order.iter().filter_map(|axis| inputs[0].get(*axis)).collect();
        Ok(Shape::new(&dims).ok_or(ShapeError::TooLarge)?.into())
    }

    no_arithmetic!();

    fn autograd(&self, _: Io<'_>) -> Result<Autograd, TooLarge> {
        Ok(Autograd::VIEW)
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, io: Io<'_>) -> Reach {
        self.order(io.inputs).map_or(Reach::Opaque("the axes do not exist"), Reach::Moved)
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let Ok(order) = self.order(io.inputs) else { return Vec::new() };
        let mut facts: Derivation = order
            .iter()
            .enumerate()
            .filter_map(|(to, from)| Some((to, from, io.inputs[0].get(*from)?)))
            .map(|(to, from, size)| {
                Fact::product(
                    &format!("axis {to}"),
                    &[(&format!("axis {from} of the input"), size)],
                )
            })
            .collect();
        facts.push(Fact::note("arithmetic", "none: the numbers are copied"));
        facts
    }
}

impl Layer for Identity {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        Ok(single(inputs)?.into())
    }

    no_arithmetic!();

    fn is_view(&self, _: Mode) -> bool {
        true
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        Reach::Pointwise
    }

    fn derive(&self, _: Io<'_>) -> Derivation {
        vec![Fact::note("arithmetic", "none: the output is the input")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infer(op: &impl Layer, dims: &[u64]) -> Result<Vec<u64>, ShapeError> {
        op.infer(&[Shape::new(dims).unwrap()]).map(|outputs| outputs[0].dims().to_vec())
    }

    #[test]
    fn alexnets_slide_folds_13_by_13_by_256() {
        let flatten = Flatten { start_dim: 1, end_dim: -1 };
        let inputs = [Shape::new(&[1, 256, 13, 13]).unwrap()];
        let outputs = flatten.infer(&inputs).unwrap();
        assert_eq!(outputs[0].dims(), [1, 43_264]);
        let io = Io { inputs: &inputs, outputs: &outputs, mode: Mode::Eval };
        let fact = flatten.derive(io).remove(0);
        assert_eq!(fact.formula, "C × H × W");
        assert_eq!(format!("{} = {}", fact.numbers, fact.result), "256 × 13 × 13 = 43,264");
        assert_eq!(flatten.reach(io), Reach::Folded { first: 1, last: 3 });
    }

    #[test]
    fn flatten_keeps_the_order_of_axes() {
        let flatten = |start_dim, end_dim| Flatten { start_dim, end_dim };
        assert_eq!(infer(&flatten(1, 2), &[2, 3, 4, 5]), Ok(vec![2, 12, 5]));
        assert_eq!(infer(&flatten(1, -1), &[2, 7]), Ok(vec![2, 7]));
        assert_eq!(infer(&flatten(0, -1), &[2, 7]), Ok(vec![14]));
        assert!(matches!(infer(&flatten(2, 1), &[2, 3, 4]), Err(ShapeError::Arguments { .. })));
        assert!(matches!(infer(&flatten(1, -1), &[2]), Err(ShapeError::Axis { .. })));
        assert_eq!(infer(&flatten(1, -1), &[2, u64::MAX, 2]), Err(ShapeError::TooLarge));
    }

    #[test]
    fn reshape_holds_as_many_numbers() {
        let reshape = |sizes: &[i64]| Reshape { sizes: sizes.to_vec(), start_dim: 1 };
        assert_eq!(infer(&reshape(&[64, 4, 4]), &[2, 1024]), Ok(vec![2, 64, 4, 4]));
        assert_eq!(infer(&reshape(&[-1, 4]), &[2, 3, 8]), Ok(vec![2, 6, 4]));
        let wrong = infer(&reshape(&[64, 4]), &[2, 3, 8]).unwrap_err();
        assert_eq!(wrong.to_string(), "the product of the sizes, 64 × 4, is 256, but 24 arrive");
        assert_eq!(wrong.help().unwrap(), "a sample has 3 × 8 = 24 numbers; one size may be -1");
        let wrong = |sizes: &[i64]| infer(&reshape(sizes), &[2, 3, 8]).unwrap_err();
        assert!(matches!(wrong(&[-1, 7]), ShapeError::Mismatch { expected: 7, found: 24, .. }));
        assert!(matches!(wrong(&[-1, -1]), ShapeError::Arguments { .. }));
        assert!(matches!(wrong(&[0, 24]), ShapeError::NotPositive { value: 0, .. }));
        assert!(matches!(wrong(&[1; 8]), ShapeError::Arguments { .. }));
        assert_eq!(wrong(&[i64::MAX, 4]), ShapeError::TooLarge);
        let all = |start_dim| Reshape { sizes: vec![4, -1], start_dim };
        assert_eq!(infer(&all(0), &[2, 3, 8]), Ok(vec![4, 12]));
        assert_eq!(infer(&all(2), &[2, 3, 8]), Ok(vec![2, 3, 4, 2]));
        assert!(matches!(infer(&all(4), &[2, 3, 8]), Err(ShapeError::Axis { axis: 4, rank: 3 })));
    }

    #[test]
    fn permute_names_each_axis_once() {
        let permute = |dims: &[i64]| Permute { dims: dims.to_vec() };
        assert_eq!(infer(&permute(&[0, 2, 3, 1]), &[2, 3, 4, 5]), Ok(vec![2, 4, 5, 3]));
        assert_eq!(infer(&permute(&[0, -1, 1]), &[2, 3, 4]), Ok(vec![2, 4, 3]));
        assert_eq!(infer(&permute(&[1, 0]), &[2, 3]), Ok(vec![3, 2]));
        assert!(matches!(
            infer(&permute(&[0, 1, 1]), &[2, 3, 4]),
            Err(ShapeError::Arguments { .. })
        ));
        assert!(matches!(infer(&permute(&[0, 1]), &[2, 3, 4]), Err(ShapeError::Mismatch { .. })));
        assert!(matches!(infer(&permute(&[0, 7]), &[2, 3]), Err(ShapeError::Axis { axis: 7, .. })));
    }
}

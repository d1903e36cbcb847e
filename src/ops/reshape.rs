//! Other shapes for the same numbers: flatten, reshape, permute, identity. No arithmetic.
//!
//! ```text
//! flatten   N×C×H×W → N×(C·H·W): the axes start_dim to end_dim become one
//! reshape   N×… → N×sizes: as many elements a sample; one size may be −1
//! permute   axes in the order of dims; 0, the batch, stays first
//! identity  anything → the same
//! params    none
//! forward   free;  backward  free: the gradient takes the input's shape again
//! saved     nothing
//! ```
//!
//! Flatten, reshape and identity are views of their input. Permute is a copy: tensors here are contiguous, where torch
//! returns a view with other strides. Tests stand below.

use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::reach::Reach;
use super::signature::{no_arithmetic, operator};
use super::{Io, Layer, Mode, axis, axis_letters, single};
use crate::shape::{MAX_RANK, Shape, product};
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
    /// The same numbers in another shape; the batch stays.
    Reshape("reshape" | "view"),
    "https://pytorch.org/docs/stable/generated/torch.reshape.html",
    {
        /// Sizes of the axes after the batch; one may be -1, which takes what is left.
        sizes: Vec<i64> = Rest,
    }
}

operator! {
    /// The axes in another order.
    Permute("permute"),
    "https://pytorch.org/docs/stable/generated/torch.permute.html",
    {
        /// For each axis that comes out, the axis of the input; 0, the batch, stays first.
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
        if first == 0 && last > 0 {
            let message = "start_dim=0 folds the batch into the other axes".to_owned();
            return Err(arguments(message, "start_dim=1 leaves the batch as it is"));
        }
        Ok((first, last))
    }
}

impl Layer for Flatten {
    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, ShapeError> {
        let (first, last) = self.folded(inputs)?;
        let dims = inputs[0].dims();
        let mut folded = dims[..first].to_vec();
        folded.push(product(dims[first..=last].iter().copied())?);
        folded.extend(&dims[last + 1..]);
        Ok(vec![Shape::new(&folded).ok_or(ShapeError::TooLarge)?])
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

impl Reshape {
    /// The shape that comes out.
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let input = single(inputs)?;
        let [batch, sample @ ..] = input.dims() else {
            return Err(ShapeError::Rank { expected: "N×…", found: input });
        };
        if self.sizes.len() >= MAX_RANK {
            let message =
                format!("{} sizes and the batch exceed {MAX_RANK} axes", self.sizes.len());
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
            return Err(Self::mismatch(&named, known, sample, elements, left));
        }
        let rest = elements / known.max(1);
        let mut dims = vec![*batch];
        dims.extend(self.sizes.iter().map(|size| u64::try_from(*size).unwrap_or(rest)));
        Shape::new(&dims).ok_or(ShapeError::TooLarge)
    }

    fn mismatch(
        named: &[u64],
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
                format!("it must divide the numbers of a sample: {arriving}"),
            )
        } else {
            (
                format!("the product of the sizes, {},", text(named)),
                format!("a sample has {arriving} numbers; one size may be -1"),
            )
        };
        ShapeError::Mismatch { what, expected: known, found: elements, help: Some(help) }
    }
}

impl Layer for Reshape {
    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, ShapeError> {
        Ok(vec![self.shape(inputs)?])
    }

    no_arithmetic!();

    fn is_view(&self, _: Mode) -> bool {
        true
    }

    fn reach(&self, io: Io<'_>) -> Reach {
        let Some(input) = io.inputs.first() else { return Reach::Pointwise };
        match self.shape(io.inputs) {
            Ok(shape) if shape == *input => Reach::Pointwise,
            Ok(shape) if shape.rank() == 2 && input.rank() > 2 => {
                Reach::Folded { first: 1, last: input.rank() - 1 }
            }
            _ => Reach::Opaque("reshape gives positions other axes"),
        }
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Some(input), Ok(shape)) = (io.inputs.first(), self.shape(io.inputs)) else {
            return Vec::new();
        };
        let factors = |dims: &[u64]| dims.iter().skip(1).map(|n| ("n", *n)).collect::<Vec<_>>();
        vec![
            Fact::product("numbers of a sample, in", &factors(input.dims())),
            Fact::product("numbers of a sample, out", &factors(shape.dims())),
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
                help: Some(format!(
                    "name each axis from 0 (the batch) to {}",
                    rank.saturating_sub(1)
                )),
            });
        }
        let order: Vec<usize> =
            self.dims.iter().map(|dim| axis(*dim, rank)).collect::<Result<_, _>>()?;
        if let Some(twice) = (0..rank).find(|i| order.iter().filter(|axis| *axis == i).count() > 1)
        {
            return Err(arguments(format!("axis {twice} is named twice"), "name each axis once"));
        }
        match order.first() {
            Some(0) => Ok(order),
            _ => Err(arguments("the batch does not stay first".to_owned(), "dims start with 0")),
        }
    }
}

impl Layer for Permute {
    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, ShapeError> {
        let order = self.order(inputs)?;
        let dims: Vec<u64> = order.iter().filter_map(|axis| inputs[0].get(*axis)).collect();
        Ok(vec![Shape::new(&dims).ok_or(ShapeError::TooLarge)?])
    }

    no_arithmetic!();

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
    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, ShapeError> {
        Ok(vec![single(inputs)?])
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
    fn flatten_keeps_the_batch_and_the_order_of_axes() {
        let flatten = |start_dim, end_dim| Flatten { start_dim, end_dim };
        assert_eq!(infer(&flatten(1, 2), &[2, 3, 4, 5]), Ok(vec![2, 12, 5]));
        assert_eq!(infer(&flatten(1, -1), &[2, 7]), Ok(vec![2, 7]));
        assert!(matches!(infer(&flatten(0, -1), &[2, 7]), Err(ShapeError::Arguments { .. })));
        assert!(matches!(infer(&flatten(2, 1), &[2, 3, 4]), Err(ShapeError::Arguments { .. })));
        assert!(matches!(infer(&flatten(1, -1), &[2]), Err(ShapeError::Axis { .. })));
        assert_eq!(infer(&flatten(1, -1), &[2, u64::MAX, 2]), Err(ShapeError::TooLarge));
    }

    #[test]
    fn reshape_holds_as_many_numbers() {
        let reshape = |sizes: &[i64]| Reshape { sizes: sizes.to_vec() };
        assert_eq!(infer(&reshape(&[64, 4, 4]), &[2, 1024]), Ok(vec![2, 64, 4, 4]));
        assert_eq!(infer(&reshape(&[-1, 4]), &[2, 3, 8]), Ok(vec![2, 6, 4]));
        let wrong = infer(&reshape(&[64, 4]), &[2, 3, 8]).unwrap_err();
        assert_eq!(wrong.to_string(), "the product of the sizes, 64 × 4, is 256, but 24 arrive");
        assert_eq!(wrong.help().unwrap(), "a sample has 3 × 8 = 24 numbers; one size may be -1");
        let wrong = |sizes: &[i64]| infer(&reshape(sizes), &[2, 3, 8]).unwrap_err();
        assert!(matches!(wrong(&[-1, 7]), ShapeError::Mismatch { expected: 7, found: 24, .. }));
        assert!(matches!(wrong(&[-1, -1]), ShapeError::Arguments { .. }));
        assert!(matches!(wrong(&[0, 24]), ShapeError::NotPositive { value: 0, .. }));
        assert!(matches!(wrong(&[1; 6]), ShapeError::Arguments { .. }));
        assert_eq!(wrong(&[i64::MAX, 4]), ShapeError::TooLarge);
    }

    #[test]
    fn permute_keeps_the_batch_first() {
        let permute = |dims: &[i64]| Permute { dims: dims.to_vec() };
        assert_eq!(infer(&permute(&[0, 2, 3, 1]), &[2, 3, 4, 5]), Ok(vec![2, 4, 5, 3]));
        assert_eq!(infer(&permute(&[0, -1, 1]), &[2, 3, 4]), Ok(vec![2, 4, 3]));
        assert!(matches!(infer(&permute(&[1, 0]), &[2, 3]), Err(ShapeError::Arguments { .. })));
        assert!(matches!(
            infer(&permute(&[0, 1, 1]), &[2, 3, 4]),
            Err(ShapeError::Arguments { .. })
        ));
        assert!(matches!(infer(&permute(&[0, 1]), &[2, 3, 4]), Err(ShapeError::Mismatch { .. })));
        assert!(matches!(infer(&permute(&[0, 7]), &[2, 3]), Err(ShapeError::Axis { axis: 7, .. })));
    }
}

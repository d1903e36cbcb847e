//! A learned tensor that the input is multiplied with: ConvNeXt's layer scale, a gain for each channel, one for all.
//!
//! ```text
//! shape     N×… → the same; the tensor is broadcast over the axes of a sample, its last axis on their last
//! tensor    shape; it has no name of its own, as an nn.Parameter that a module holds: its name is the layer's
//! forward   y = x·w                                   an element is 1 mul
//! backward  dx = dy·w                                 an element is 1 mul
//!           dw = Σ dy·x, over what it is broadcast     an element is 1 MAC
//! saved     the input
//! ```
//!
//! The sum of products is a MAC as in a linear layer, of which this is the diagonal.

use super::derive::{Derivation, Fact, arithmetic, elements};
use super::error::ShapeError;
use super::ledger::{Autograd, Backward, Keep, Param, Role, Saved, Work};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Layer, Mode, single};
use crate::shape::{Shape, Shapes, TooLarge};

operator! {
    /// Multiplication with a learned tensor: layer scale, a gain for each channel.
    Scale("scale" | "layer_scale"),
    "https://pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html",
    {
        /// Sizes of the learned tensor; each is 1 or the size of the sample's axis it lies on, counted from the last.
        shape: Vec<i64> = Rest,
        /// The number that training starts from.
        init: f64 = Float(1.0),
    }
    facts [Functional]
}

/// One element, forward and in the gradient of the input.
const EACH: Work = Work { muls: 1, ..Work::NONE };

impl Scale {
    /// The learned tensor's shape, which the input's axes accept.
    fn learned(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let input = single(inputs)?;
        let sample = input.dims().get(1..).unwrap_or_default();
        let Some(first) = sample.len().checked_sub(self.shape.len()) else {
            return Err(ShapeError::Arguments {
                message: format!(
                    "the scale has {} axes, but a sample of {input} has {}",
                    self.shape.len(),
                    sample.len()
                ),
                help: "leave out sizes of 1 in front; the batch is not scaled".to_owned(),
            });
        };
        let mut sizes = Vec::with_capacity(self.shape.len());
        for (i, (size, found)) in self.shape.iter().zip(&sample[first..]).enumerate() {
            let what = format!("shape[{i}]");
            let Some(expected) = u64::try_from(*size).ok().filter(|size| *size > 0) else {
                return Err(ShapeError::NotPositive { what, value: i128::from(*size) });
            };
            if expected != 1 && expected != *found {
                let ones = ", 1".repeat(sample.len() - 1);
                let help = format!(
                    "it lies on axis {} of {input}; for one number a channel write scale({}{ones})",
                    first + i + 1,
                    sample[0]
                );
                return Err(ShapeError::Mismatch {
                    what,
                    expected,
                    found: *found,
                    help: Some(help),
                });
            }
            sizes.push(expected);
        }
        Shape::new(&sizes).ok_or(ShapeError::TooLarge)
    }
}

impl Layer for Scale {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        self.learned(inputs)?;
        Ok(inputs[0].into())
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        Ok(vec![Param::new("", Role::Weight, self.learned(inputs)?)])
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        EACH.times(io.elements_in()?)
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        let count = io.elements_in()?;
        Ok(Backward { inputs: EACH.times(count)?, params: Work::macs(count) })
    }

    fn saved(&self, _: Io<'_>) -> Result<Saved, TooLarge> {
        Ok(vec![Keep::Input(0)])
    }

    fn autograd(&self, io: Io<'_>) -> Result<Autograd, TooLarge> {
        Ok(Autograd::product(self.saved(io)?))
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        Reach::Pointwise
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Ok(learned), Some(input), Ok(count)) =
            (self.learned(io.inputs), io.inputs.first(), io.elements_in())
        else {
            return Vec::new();
        };
        let factors: Vec<(&str, u64)> = learned.dims().iter().map(|n| ("n", *n)).collect();
        let mut facts = match factors[..] {
            [] => vec![Fact::note("parameters", "1: one number for all")],
            _ => vec![Fact::product("parameters", &factors)],
        };
        facts.push(elements(input));
        facts.extend(arithmetic(&[("elements", count, EACH)]));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(shape: &[i64]) -> Scale {
        Scale { shape: shape.to_vec(), init: 1e-6 }
    }

    #[test]
    fn a_layer_scale_is_one_number_a_channel() {
        let inputs = [Shape::new(&[2, 96, 7, 5]).unwrap()];
        let io = Io { inputs: &inputs, outputs: &inputs, mode: Mode::Train };
        let op = scale(&[96, 1, 1]);
        assert_eq!(op.infer(&inputs), Ok(inputs[0].into()));
        let params = op.params(&inputs).unwrap();
        assert_eq!((&*params[0].name, params[0].shape.dims()), ("", &[96, 1, 1][..]));
        let elements = 2 * 96 * 7 * 5;
        assert_eq!(op.work(io), Ok(Work { muls: elements, ..Work::NONE }));
        let backward = op.work_backward(io).unwrap();
        assert_eq!(backward.inputs, op.work(io).unwrap());
        assert_eq!(backward.params, Work::macs(elements));
    }

    #[test]
    fn sizes_lie_on_the_last_axes() {
        let inputs = [Shape::new(&[2, 96, 7, 5]).unwrap()];
        let learned = |sizes: &[i64]| scale(sizes).learned(&inputs).map(|s| s.dims().to_vec());
        assert_eq!(learned(&[7, 1]), Ok(vec![7, 1]));
        assert_eq!(learned(&[]), Ok(vec![]));
        let wrong = learned(&[96]).unwrap_err();
        assert!(matches!(wrong, ShapeError::Mismatch { expected: 96, found: 5, .. }));
        let help = "it lies on axis 3 of 2×96×7×5; for one number a channel write scale(96, 1, 1)";
        assert_eq!(wrong.help().unwrap(), help);
        assert!(matches!(learned(&[1, 96, 1, 1]), Err(ShapeError::Arguments { .. })));
        assert!(matches!(learned(&[0]), Err(ShapeError::NotPositive { value: 0, .. })));
    }
}

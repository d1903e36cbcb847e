//! Rectifier with learned slopes for negative numbers.
//!
//! ```text
//! shape     anything → the same; with several slopes N×C×…, C of them
//! weight    num_parameters: 1, or one a channel
//! forward   y = x if x > 0 else weight·x              an element is 1 cmp, 1 mul
//! backward  dx = dy·(1 if x > 0 else weight)          an element is 1 cmp, 1 mul
//!           dweight = Σ (0 if x > 0 else dy·x)        an element is 1 cmp, 1 mul, 1 add
//! saved     the input
//! ```
//!
//! A choice computes both of its sides, as in ops/activation.rs.

use super::derive::{Derivation, Fact, arithmetic, elements};
use super::error::ShapeError;
use super::ledger::{Backward, Keep, Param, Role, Saved, Work};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Layer, Mode, single};
use crate::shape::{Shape, Shapes, TooLarge};

operator! {
    /// Rectifier with a learned slope for negative numbers.
    PRelu("prelu"),
    "https://pytorch.org/docs/stable/generated/torch.nn.PReLU.html",
    {
        /// Slopes: 1 for all channels, or one for each.
        num_parameters: u64 = Int(1),
        /// The slope that training starts from.
        init: f64 = Float(0.25),
    }
}

/// One element forward.
const FORWARD: Work = Work { muls: 1, cmps: 1, ..Work::NONE };
/// Its gradient.
const BACKWARD: Work = Work { muls: 1, cmps: 1, ..Work::NONE };

impl PRelu {
    /// An input that has as many channels as there are slopes, where there are several.
    fn accepted(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let input = single(inputs)?;
        match input.split() {
            _ if self.num_parameters == 1 => Ok(input),
            None => Err(ShapeError::Rank { expected: "N×C×…", found: input }),
            Some((_, channels, _)) if channels == self.num_parameters => Ok(input),
            Some((_, found, _)) => Err(ShapeError::Mismatch {
                what: "num_parameters".to_owned(),
                expected: self.num_parameters,
                found,
                help: Some(format!(
                    "num_parameters={found} gives each channel a slope, 1 gives all the same"
                )),
            }),
        }
    }
}

impl Layer for PRelu {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        Ok(self.accepted(inputs)?.into())
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        self.accepted(inputs)?;
        Ok(vec![Param::new("weight", Role::Weight, Shape::vector(self.num_parameters))])
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        FORWARD.times(io.elements_in()?)
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        let count = io.elements_in()?;
        // Σ (0 if x > 0 else dy·x)
        let weight = Work { adds: 1, muls: 1, cmps: 1, ..Work::NONE };
        Ok(Backward { inputs: BACKWARD.times(count)?, params: weight.times(count)? })
    }

    fn saved(&self, _: Io<'_>) -> Result<Saved, TooLarge> {
        Ok(vec![Keep::Input(0)])
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        Reach::Pointwise
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Some(input), Ok(count)) = (io.inputs.first(), io.elements_in()) else {
            return Vec::new();
        };
        let mut facts = vec![
            Fact::product("weight", &[("num_parameters", self.num_parameters)]),
            Fact::note("y", "x if x > 0 else weight·x"),
            Fact::note("dx", "dy·(1 if x > 0 else weight)"),
            elements(input),
        ];
        facts.extend(arithmetic(&[("elements", count, FORWARD)]));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_one_or_one_a_channel() {
        let prelu = |num_parameters| PRelu { num_parameters, init: 0.25 };
        let inputs = [Shape::new(&[2, 5]).unwrap()];
        let io = Io { inputs: &inputs, outputs: &inputs, mode: Mode::Train };
        let backward = prelu(5).work_backward(io).unwrap();
        assert_eq!(backward.params, Work { adds: 10, muls: 10, cmps: 10, ..Work::NONE });
        let wrong = prelu(3).infer(&inputs);
        assert!(matches!(wrong, Err(ShapeError::Mismatch { expected: 3, found: 5, .. })));
        assert_eq!(prelu(1).params(&inputs).unwrap()[0].shape.dims(), [1]);
        assert!(prelu(1).infer(&[Shape::vector(2)]).is_ok());
        assert!(prelu(2).infer(&[Shape::vector(2)]).is_err());
    }
}

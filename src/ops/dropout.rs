//! Dropout: in training, random elements or whole channels become 0 and the others are scaled up.
//!
//! ```text
//! shape     anything → the same; with a rank, N×C×H×W, and whole channels are dropped
//! params    none
//! eval      the input itself: a view, free
//! train     y = x·s, s = 1/(1 − p) where the mask is true and 0 where not: an element is 1 mul
//! backward  dx = dy·s: an element is 1 mul
//! saved     train: the mask, one bool an element, or one for each channel of each sample;  eval: nothing
//! ```
//!
//! Drawing random numbers and comparing them with p is no arithmetic on tensors: free, as the factor 1/(1 − p) is. Tests
//! stand below.

use super::derive::{Derivation, Fact, arithmetic, elements};
use super::error::ShapeError;
use super::field::Probability;
use super::ledger::{Backward, Keep, Param, Saved, Work};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Layer, Mode, single, spatial};
use crate::shape::{DType, Shape, TooLarge, product};

operator! {
    /// Dropout: in training, elements (with a rank: channels) become 0 at random and the others are scaled up.
    Dropout("dropout") ranks Optional,
    "https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html",
    {
        /// Probability that an element is dropped.
        p: Probability = Float(0.5),
    }
    torch [Field("p"), Flag("inplace")]
}

/// One element, in training.
const EACH: Work = Work { muls: 1, ..Work::NONE };

impl Dropout {
    /// Elements of the mask.
    fn mask(&self, io: Io<'_>) -> Result<u64, TooLarge> {
        match io.inputs.first().and_then(Shape::split) {
            Some((batch, channels, _)) if self.rank > 0 => product([batch, channels]),
            _ => io.elements_in(),
        }
    }

    fn scale(io: Io<'_>) -> Result<Work, TooLarge> {
        match io.mode {
            Mode::Eval => Ok(Work::NONE),
            Mode::Train => EACH.times(io.elements_in()?),
        }
    }
}

impl Layer for Dropout {
    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, ShapeError> {
        if self.rank > 0 {
            spatial(inputs, self.rank)?;
        }
        Ok(vec![single(inputs)?])
    }

    fn params(&self, _: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        Ok(Vec::new())
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        Self::scale(io)
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        Ok(Backward::inputs(Self::scale(io)?))
    }

    fn saved(&self, io: Io<'_>) -> Result<Saved, TooLarge> {
        match io.mode {
            Mode::Eval => Ok(Vec::new()),
            Mode::Train => {
                let (elements, dtype) = (self.mask(io)?, Some(DType::Bool));
                Ok(vec![Keep::Own { what: "mask", elements, dtype }])
            }
        }
    }

    fn is_view(&self, mode: Mode) -> bool {
        mode == Mode::Eval
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        Reach::Pointwise
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        if io.mode == Mode::Eval {
            return vec![Fact::note("arithmetic", "none: in eval the output is the input")];
        }
        let (Some(input), Ok(count), Ok(mask)) =
            (io.inputs.first(), io.elements_in(), self.mask(io))
        else {
            return Vec::new();
        };
        let mask = match input.split() {
            Some((batch, channels, _)) if self.rank > 0 => {
                Fact::product("mask", &[("N", batch), ("C", channels)])
                    .because("whole channels are dropped")
            }
            _ => Fact::product("mask", &[("elements", mask)]),
        };
        let mut facts = vec![elements(input), mask];
        facts.extend(arithmetic(&[("elements", count, EACH)]));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(inputs: &[Shape], mode: Mode) -> Io<'_> {
        Io { inputs, outputs: inputs, mode }
    }

    #[test]
    fn free_in_eval_and_a_mul_an_element_in_training() {
        let dropout = Dropout { rank: 0, p: Probability(0.5) };
        let inputs = [Shape::new(&[2, 3, 4, 4]).unwrap()];
        assert_eq!(dropout.work(io(&inputs, Mode::Eval)), Ok(Work::NONE));
        assert_eq!(dropout.saved(io(&inputs, Mode::Eval)), Ok(Vec::new()));
        assert_eq!(dropout.work(io(&inputs, Mode::Train)).unwrap().muls, 96);
        assert!(dropout.is_view(Mode::Eval) && !dropout.is_view(Mode::Train));
    }

    #[test]
    fn with_a_rank_the_mask_has_one_element_a_channel() {
        let inputs = [Shape::new(&[2, 3, 4, 4]).unwrap()];
        let mask = |rank| Dropout { rank, p: Probability(0.5) }.mask(io(&inputs, Mode::Train));
        assert_eq!((mask(0), mask(2)), (Ok(96), Ok(6)));
        let flat = [Shape::new(&[2, 48]).unwrap()];
        let channels = Dropout { rank: 2, p: Probability(0.5) };
        assert!(matches!(channels.infer(&flat), Err(ShapeError::Rank { .. })));
    }
}

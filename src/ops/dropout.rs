//! Dropout: in training, random elements, whole channels or whole samples become 0 and the others are scaled up.
//!
//! ```text
//! shape     anything → the same; dropout with a rank: N×C×H×W, and whole channels are dropped
//! params    none
//! eval      the input itself: a view, free; in training too where p is 0
//! train     y = x·s, s = 1/(1 − p) where the mask is true and 0 where not: an element is 1 mul
//! backward  dx = dy·s: an element is 1 mul
//! saved     train: the mask, one bool for each element, channel of a sample, sample, or one for all;  eval: nothing
//! ```
//!
//! Drawing random numbers and comparing them with p is no arithmetic on tensors: free, as the factor 1/(1 − p) is. Tests
//! stand below.

use super::arg_type::{ArgType, Probability};
use super::args::ArgValue;
use super::derive::{Derivation, Fact, arithmetic, elements};
use super::error::ShapeError;
use super::ledger::{Autograd, Backward, Keep, Param, Saved, Work};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Layer, Mode, single, spatial};
use crate::shape::{DType, Shape, Shapes, TooLarge, product};

operator! {
    /// Dropout: in training, elements (with a rank: channels) become 0 at random and the others are scaled up.
    Dropout("dropout") ranks Optional,
    "https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html",
    {
        /// Probability that an element is dropped.
        p: Probability = Float(0.5),
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

operator! {
    /// Stochastic depth: in training, whole samples become 0 at random and the others are scaled up.
    StochasticDepth("stochastic_depth" | "drop_path"),
    "https://pytorch.org/vision/stable/generated/torchvision.ops.StochasticDepth.html",
    {
        /// Probability that a sample is dropped.
        p: Probability,
        /// Whether each sample is dropped by itself ('row') or all of them together ('batch').
        mode: Together = Text("row"),
    }
}

/// What stochastic depth drops together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// Each sample by itself.
    Row,
    /// The whole batch.
    Batch,
}

impl ArgType for Together {
    const TAKES: &'static str = "'row' or 'batch'";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        match value {
            ArgValue::Text(text) if text == "row" => Ok(Self::Row),
            ArgValue::Text(text) if text == "batch" => Ok(Self::Batch),
            _ => Err(Self::TAKES.to_owned()),
        }
    }

    fn write(&self) -> ArgValue {
        let word = match self {
            Self::Row => "row",
            Self::Batch => "batch",
        };
        ArgValue::Text(word.to_owned())
    }
}

/// One element, in training.
const EACH: Work = Work { muls: 1, ..Work::NONE };

/// An operator that multiplies the input with a random mask.
trait Masks {
    /// The probability that something is dropped.
    fn p(&self) -> Probability;
    /// How many of the input's `rank` axes the mask has, from the batch on; what lies below the others goes together.
    fn axes(&self, rank: usize) -> usize;
    /// Whether torch writes over the input.
    fn is_in_place(&self) -> bool;
    /// Whether torch multiplies with a single 0.
    fn drops_all(&self) -> bool;
}

impl Masks for Dropout {
    fn p(&self) -> Probability {
        self.p
    }

    fn axes(&self, rank: usize) -> usize {
        if self.rank > 0 { 2 } else { rank }
    }

    fn is_in_place(&self) -> bool {
        self.inplace
    }

    fn drops_all(&self) -> bool {
        self.p.0 >= 1.0
    }
}

impl Masks for StochasticDepth {
    fn p(&self) -> Probability {
        self.p
    }

    fn axes(&self, _: usize) -> usize {
        match self.mode {
            Together::Row => 1,
            Together::Batch => 0,
        }
    }

    fn is_in_place(&self) -> bool {
        false
    }

    fn drops_all(&self) -> bool {
        false
    }
}

/// Whether nothing is dropped.
fn passes(op: &impl Masks, mode: Mode) -> bool {
    mode == Mode::Eval || op.p().0 == 0.0
}

/// The multiplication with the mask, forward or backward.
fn scaling(op: &impl Masks, io: Io<'_>) -> Result<Work, TooLarge> {
    if passes(op, io.mode) { Ok(Work::NONE) } else { EACH.times(io.elements_in()?) }
}

fn saved(op: &impl Masks, io: Io<'_>) -> Result<Saved, TooLarge> {
    match io.inputs.first() {
        Some(input) if !passes(op, io.mode) => {
            let axes = input.dims().iter().take(op.axes(input.rank()));
            let elements = product(axes.copied())?;
            Ok(vec![Keep::Own { what: "mask", elements, dtype: Some(DType::Bool) }])
        }
        _ => Ok(Vec::new()),
    }
}

/// torch keeps the mask as numbers, already scaled; where all is dropped, one 0.
fn autograd(op: &impl Masks, io: Io<'_>) -> Result<Autograd, TooLarge> {
    let numbers = |keep| match keep {
        Keep::Own { what, elements, .. } => {
            let elements = if op.drops_all() { 1 } else { elements };
            Keep::Own { what, elements, dtype: None }
        }
        other => other,
    };
    let saved = saved(op, io)?.into_iter().map(numbers).collect();
    let shares_input = passes(op, io.mode) || op.is_in_place();
    Ok(Autograd { shares_input, ..Autograd::keeps(saved) })
}

fn derive(op: &impl Masks, io: Io<'_>) -> Derivation {
    if passes(op, io.mode) {
        let why = if io.mode == Mode::Eval { "in eval" } else { "with p = 0" };
        return vec![Fact::note("arithmetic", &format!("none: {why} the output is the input"))];
    }
    let (Some(input), Ok(count)) = (io.inputs.first(), io.elements_in()) else {
        return Vec::new();
    };
    let size = |axis| input.get(axis).unwrap_or(0);
    let mask = match op.axes(input.rank()) {
        axes if axes == input.rank() => Fact::product("mask", &[("elements", count)]),
        0 => Fact::note("mask", "1").because("the batch is dropped whole"),
        1 => Fact::product("mask", &[("N", size(0))]).because("whole samples are dropped"),
        _ => Fact::product("mask", &[("N", size(0)), ("C", size(1))])
            .because("whole channels are dropped"),
    };
    let mut facts = vec![elements(input), mask];
    facts.extend(arithmetic(&[("elements", count, EACH)]));
    facts
}

/// The `Layer` of an operator that masks.
macro_rules! masking {
    ($Name:ident, $accepts:expr) => {
        impl Layer for $Name {
            fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
                let accepts: fn(&Self, &[Shape]) -> Result<Shape, ShapeError> = $accepts;
                Ok(accepts(self, inputs)?.into())
            }

            fn params(&self, _: &[Shape]) -> Result<Vec<Param>, ShapeError> {
                Ok(Vec::new())
            }

            fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
                scaling(self, io)
            }

            fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
                Ok(Backward::inputs(scaling(self, io)?))
            }

            fn saved(&self, io: Io<'_>) -> Result<Saved, TooLarge> {
                saved(self, io)
            }

            fn autograd(&self, io: Io<'_>) -> Result<Autograd, TooLarge> {
                autograd(self, io)
            }

            fn is_view(&self, mode: Mode) -> bool {
                passes(self, mode)
            }

            fn reach(&self, _: Io<'_>) -> Reach {
                Reach::Pointwise
            }

            fn derive(&self, io: Io<'_>) -> Derivation {
                derive(self, io)
            }
        }
    };
}

masking!(Dropout, |dropout, inputs| {
    if dropout.rank > 0 {
        spatial(inputs, dropout.rank)?;
    }
    single(inputs)
});
masking!(StochasticDepth, |_, inputs| {
    let input = single(inputs)?;
    let scalar = ShapeError::Rank { expected: "N×…", found: input };
    if input.rank() == 0 { Err(scalar) } else { Ok(input) }
});

#[cfg(test)]
mod tests {
    use super::*;

    fn io(inputs: &[Shape], mode: Mode) -> Io<'_> {
        Io { inputs, outputs: inputs, mode }
    }

    /// Elements of what training keeps; none if it keeps nothing.
    fn mask(op: &impl Layer, inputs: &[Shape]) -> Option<u64> {
        match op.saved(io(inputs, Mode::Train)).unwrap()[..] {
            [Keep::Own { elements, dtype: Some(DType::Bool), .. }] => Some(elements),
            _ => None,
        }
    }

    #[test]
    fn free_in_eval_and_a_mul_an_element_in_training() {
        let dropout = Dropout { rank: 0, p: Probability(0.5), inplace: false };
        let inputs = [Shape::new(&[2, 3, 4, 4]).unwrap()];
        assert_eq!(dropout.work(io(&inputs, Mode::Eval)), Ok(Work::NONE));
        assert_eq!(dropout.saved(io(&inputs, Mode::Eval)), Ok(Vec::new()));
        assert_eq!(dropout.work(io(&inputs, Mode::Train)).unwrap().muls, 96);
        assert!(dropout.is_view(Mode::Eval) && !dropout.is_view(Mode::Train));
    }

    #[test]
    fn with_a_rank_the_mask_has_one_element_a_channel() {
        let inputs = [Shape::new(&[2, 3, 4, 4]).unwrap()];
        let half = |rank| Dropout { rank, p: Probability(0.5), inplace: false };
        assert_eq!(mask(&half(0), &inputs), Some(96));
        assert_eq!(mask(&half(2), &inputs), Some(6));
        let flat = [Shape::new(&[2, 48]).unwrap()];
        assert!(matches!(half(2).infer(&flat), Err(ShapeError::Rank { .. })));
    }

    #[test]
    fn stochastic_depth_has_one_for_each_sample_or_one() {
        let inputs = [Shape::new(&[2, 3, 4, 4]).unwrap()];
        let depth = |p, mode| StochasticDepth { p: Probability(p), mode };
        let row = depth(0.2, Together::Row);
        assert_eq!(mask(&row, &inputs), Some(2));
        assert_eq!(mask(&depth(0.2, Together::Batch), &inputs), Some(1));
        assert_eq!(row.work(io(&inputs, Mode::Train)).unwrap().muls, 96);
        assert!(row.is_view(Mode::Eval) && !row.is_view(Mode::Train));
    }

    #[test]
    fn nothing_is_dropped_with_a_probability_of_zero() {
        let inputs = [Shape::new(&[2, 3]).unwrap()];
        let none = StochasticDepth { p: Probability(0.0), mode: Together::Row };
        assert!(none.is_view(Mode::Train) && mask(&none, &inputs).is_none());
        assert_eq!(none.work(io(&inputs, Mode::Train)), Ok(Work::NONE));
        assert!(Dropout { rank: 0, p: Probability(0.0), inplace: false }.is_view(Mode::Train));
    }
}

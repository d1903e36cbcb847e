//! A fully connected layer on the last axis, as torch applies it.
//!
//! ```text
//! shape     …×I → …×O
//! weight    O × I                             bias  O
//! forward   an output is I MACs, and one add for the bias
//! backward  input: the same MACs;  weight: the same MACs;  bias: one add an output
//! saved     the input
//! ```

use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::ledger::{Autograd, Backward, Keep, Param, Role, Saved, Work};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Layer, Mode, single};
use crate::shape::{Shape, Shapes, TooLarge, product};

operator! {
    /// Fully connected layer on the last axis: a matrix product and a bias.
    Linear("linear"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Linear.html",
    {
        /// Numbers that come out.
        out_features: u64,
        /// Whether a learned number is added to each of them.
        bias: bool = Bool(true),
    }
    torch [Arrives("in_features", -1), Field("out_features"), Field("bias")]
    facts [AbsorbsNorm]
}

/// The size of the last axis of an input that has one beside the batch.
fn in_features(inputs: &[Shape]) -> Result<u64, ShapeError> {
    let input = single(inputs)?;
    match input.dims() {
        [_, .., last] => Ok(*last),
        _ => Err(ShapeError::Rank { expected: "N×…×features", found: input }),
    }
}

impl Layer for Linear {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        in_features(inputs)?;
        let input = inputs[0];
        Ok(input.with(input.rank() - 1, self.out_features).into())
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        let weight =
            Shape::new(&[self.out_features, in_features(inputs)?]).ok_or(ShapeError::TooLarge)?;
        let mut params = vec![Param::new("weight", Role::Weight, weight)];
        if self.bias {
            params.push(Param::new("bias", Role::Bias, Shape::vector(self.out_features)));
        }
        Ok(params)
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        let macs = Work::macs(product([io.elements_in()?, self.out_features])?);
        if self.bias { macs.plus(Work::adds(io.elements_out()?)) } else { Ok(macs) }
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        let inputs = Work::macs(product([io.elements_in()?, self.out_features])?);
        Ok(Backward { inputs, params: self.work(io)? })
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

    fn reach(&self, io: Io<'_>) -> Reach {
        Reach::Whole(vec![io.inputs[0].rank() - 1])
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let Ok(features) = in_features(io.inputs) else { return Vec::new() };
        let mut facts =
            vec![Fact::product("weight", &[("in", features), ("out", self.out_features)])];
        if self.bias {
            facts.push(Fact::product("bias", &[("out", self.out_features)]));
        }
        let mut factors = vec![("in", features), ("out", self.out_features)];
        // Every leading axis repeats the product: the batch, and positions where there are any.
        let rows = io.inputs[0].numel().map_or(1, |n| n / features.max(1));
        if rows != 1 {
            factors.push(("rows", rows));
        }
        facts.push(Fact::product("MACs", &factors));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn works_on_the_last_axis() {
        let linear = Linear { out_features: 4, bias: true };
        let inputs = [Shape::new(&[2, 3, 5]).unwrap()];
        let outputs = linear.infer(&inputs).unwrap();
        assert_eq!(outputs[0].dims(), [2, 3, 4]);
        let work =
            linear.work(Io { inputs: &inputs, outputs: &outputs, mode: Mode::Eval }).unwrap();
        assert_eq!((work.macs, work.adds), (2 * 3 * 5 * 4, 24));
    }

    #[test]
    fn a_batch_alone_has_no_features() {
        let linear = Linear { out_features: 4, bias: true };
        assert!(matches!(linear.infer(&[Shape::vector(2)]), Err(ShapeError::Rank { .. })));
    }
}

//! Softmax and its logarithm: numbers along an axis become shares that add up to 1.
//!
//! ```text
//! shape        anything → the same; a row is the n elements along dim
//! params       none
//! softmax      e = exp(x − max x);  y = e/Σe        an element is 1 cmp, 2 adds, 1 special, 1 div
//!   backward   dx = y·(dy − Σ(dy·y))                an element is 2 adds, 2 muls
//! log_softmax  z = x − max x;  y = z − ln Σ exp(z)  an element is 1 cmp, 3 adds, 1 special; a row 1 special
//!   backward   dx = dy − exp(y)·Σdy                 an element is 2 adds, 1 mul, 1 special
//! saved        the output
//! ```
//!
//! The maximum is subtracted first, so that exp cannot overflow. dy·y is a mul and an add, not a MAC, as in
//! ops/normalise.rs.

use super::derive::{Derivation, Fact, arithmetic};
use super::error::ShapeError;
use super::ledger::{Backward, Keep, Param, Saved, Work};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Layer, Mode, axis, single};
use crate::shape::{Shape, Shapes, TooLarge};

operator! {
    /// Softmax: exponentials along an axis, divided by their sum.
    Softmax("softmax"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Softmax.html",
    {
        /// The axis along which the outputs add up to 1; 1 is the channels or features.
        dim: i64 = Int(1),
    }
}

operator! {
    /// The logarithm of softmax, without taking the logarithm of a small number.
    LogSoftmax("log_softmax"),
    "https://pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html",
    {
        /// The axis along which the exponentials of the outputs add up to 1; 1 is the channels or features.
        dim: i64 = Int(1),
    }
}

/// The rows along an axis, and the work of an element and of a row.
struct Rows {
    count: u64,
    elements: u64,
    element: Work,
    row: Work,
}

impl Rows {
    fn new(io: Io<'_>, dim: i64, element: Work, row: Work) -> Result<Self, TooLarge> {
        let elements = io.elements_in()?;
        let length = length(io.inputs, dim).map_err(|_| TooLarge)?;
        Ok(Self { count: elements / length.max(1), elements, element, row })
    }

    fn work(&self) -> Result<Work, TooLarge> {
        self.element.times(self.elements)?.plus(self.row.times(self.count)?)
    }

    fn derive(&self, formula: &str) -> Derivation {
        let length = self.elements / self.count.max(1);
        let mut facts = vec![
            Fact::note("y", formula),
            Fact::product("elements", &[("rows", self.count), ("n", length)]),
        ];
        facts.extend(arithmetic(&[
            ("elements", self.elements, self.element),
            ("rows", self.count, self.row),
        ]));
        facts
    }
}

/// The extent of the axis.
fn length(inputs: &[Shape], dim: i64) -> Result<u64, ShapeError> {
    let input = single(inputs)?;
    let position = axis(dim, input.rank())?;
    input.get(position).ok_or(ShapeError::Axis { axis: dim, rank: input.rank() })
}

fn whole(io: Io<'_>, dim: i64) -> Reach {
    let rank = io.inputs.first().map_or(0, Shape::rank);
    axis(dim, rank)
        .map_or(Reach::Opaque("the axis does not exist"), |axis| Reach::Whole(vec![axis]))
}

impl Softmax {
    fn rows(&self, io: Io<'_>) -> Result<Rows, TooLarge> {
        let element = Work { adds: 2, divs: 1, cmps: 1, specials: 1, ..Work::NONE };
        Rows::new(io, self.dim, element, Work::NONE)
    }
}

impl Layer for Softmax {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        length(inputs, self.dim)?;
        Ok(inputs[0].into())
    }

    fn params(&self, _: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        Ok(Vec::new())
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        self.rows(io)?.work()
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        let element = Work { adds: 2, muls: 2, ..Work::NONE };
        Ok(Backward::inputs(element.times(io.elements_in()?)?))
    }

    fn saved(&self, _: Io<'_>) -> Result<Saved, TooLarge> {
        Ok(vec![Keep::Output(0)])
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, io: Io<'_>) -> Reach {
        whole(io, self.dim)
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        self.rows(io)
            .map_or_else(|_| Vec::new(), |rows| rows.derive("exp(x − max x) / Σ exp(x − max x)"))
    }
}

impl LogSoftmax {
    fn rows(&self, io: Io<'_>) -> Result<Rows, TooLarge> {
        let element = Work { adds: 3, cmps: 1, specials: 1, ..Work::NONE };
        Rows::new(io, self.dim, element, Work { specials: 1, ..Work::NONE })
    }
}

impl Layer for LogSoftmax {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        length(inputs, self.dim)?;
        Ok(inputs[0].into())
    }

    fn params(&self, _: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        Ok(Vec::new())
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        self.rows(io)?.work()
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        let element = Work { adds: 2, muls: 1, specials: 1, ..Work::NONE };
        Ok(Backward::inputs(element.times(io.elements_in()?)?))
    }

    fn saved(&self, _: Io<'_>) -> Result<Saved, TooLarge> {
        Ok(vec![Keep::Output(0)])
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, io: Io<'_>) -> Reach {
        whole(io, self.dim)
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let formula = "x − max x − ln Σ exp(x − max x)";
        self.rows(io).map_or_else(|_| Vec::new(), |rows| rows.derive(formula))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two samples of five classes at three positions: 30 elements in 6 rows.
    #[test]
    fn rows_run_along_the_axis() {
        let inputs = [Shape::new(&[2, 5, 3]).unwrap()];
        let io = Io { inputs: &inputs, outputs: &inputs, mode: Mode::Eval };
        let expected = Work { adds: 60, divs: 30, cmps: 30, specials: 30, ..Work::NONE };
        assert_eq!(Softmax { dim: 1 }.work(io), Ok(expected));
        let log = LogSoftmax { dim: 1 };
        let expected = Work { adds: 90, cmps: 30, specials: 36, ..Work::NONE };
        assert_eq!(log.work(io), Ok(expected));
        assert_eq!(LogSoftmax { dim: -1 }.work(io).unwrap().specials, 40);
        assert_eq!(log.reach(io), Reach::Whole(vec![1]));
    }

    #[test]
    fn the_axis_must_exist() {
        let inputs = [Shape::new(&[2, 5]).unwrap()];
        for dim in [2, -3, i64::MIN] {
            assert_eq!(
                Softmax { dim }.infer(&inputs),
                Err(ShapeError::Axis { axis: dim, rank: 2 })
            );
        }
    }
}

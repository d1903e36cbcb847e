//! Local response normalisation: each element divided by a power of its neighbours' squares, across channels.
//!
//! ```text
//! shape     N×C×… → the same
//! params    none
//! scale     t = k + (alpha/size)·Σ x² over size channels, ⌊size/2⌋ before and ⌊(size − 1)/2⌋ after;  y = x / t^beta
//! forward   an element is 1 mul (its square), size adds (the sum), 1 mul and 1 add (t), 1 special (the power), 1 div
//! backward  r = dy / t^beta;  q = r·x / t;  dx = r − (2·alpha·beta/size)·x·Σ q over the mirrored window
//!           an element is 1 special, 2 divs, 3 muls, size + 1 adds
//! saved     the input, and t
//! ```
//!
//! Taps on channels that do not exist count, and are reported apart. alpha/size and the like are made once and free.
//! Squares are muls, not MACs, as in ops/normalise.rs.

use super::arg_type::MAX_EXTENT;
use super::derive::{Derivation, Fact, arithmetic, elements};
use super::error::ShapeError;
use super::ledger::{Autograd, Backward, Keep, Param, Saved, Work};
use super::reach::Reach;
use super::signature::operator;
use super::window::{Rounding, Window};
use super::{Io, Layer, Mode, single};
use crate::shape::{Shape, Shapes, TooLarge, product, sum};

operator! {
    /// Local response normalisation: each element divided by a power of the squares of neighbouring channels.
    LocalResponseNorm("lrn" | "local_response_norm"),
    "https://pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html",
    {
        /// Channels that are summed for one output.
        size: u64,
        /// Weight of their mean square.
        alpha: f64 = Float(1e-4),
        /// The power.
        beta: f64 = Float(0.75),
        /// Added before the power is taken.
        k: f64 = Float(1.0),
    }
}

impl LocalResponseNorm {
    /// The window across channels.
    fn window(&self) -> Window {
        let (before, after) = (self.size / 2, self.size.saturating_sub(1) / 2);
        let rounding = Rounding::Floor;
        Window { kernel: self.size, stride: 1, dilation: 1, before, after, rounding }
    }

    /// How many elements, and how many of the taps fall on channels that do not exist.
    fn taps(&self, io: Io<'_>) -> Result<(u64, u64), TooLarge> {
        let Some((batch, channels, extents)) = io.inputs.first().and_then(Shape::split) else {
            return Ok((0, 0));
        };
        let taps = self.window().taps(channels, channels);
        let outside = taps.all.saturating_sub(taps.inside);
        let repeats = product(extents.iter().copied().chain([batch]))?;
        Ok((product([repeats, channels])?, product([repeats, outside])?))
    }

    /// One element forward, without taps on padding.
    fn each(&self) -> Result<Work, TooLarge> {
        Ok(Work { adds: sum([self.size, 1])?, muls: 2, divs: 1, specials: 1, ..Work::NONE })
    }
}

impl Layer for LocalResponseNorm {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        let input = single(inputs)?;
        if input.rank() < 3 {
            return Err(ShapeError::Rank { expected: "N×C×L, N×C×H×W or more", found: input });
        }
        if self.size == 0 || self.size > MAX_EXTENT.unsigned_abs() {
            return Err(ShapeError::Arguments {
                message: format!("size is {}, but it goes from 1 to {MAX_EXTENT}", self.size),
                help: "AlexNet sums 5 channels".to_owned(),
            });
        }
        Ok(input.into())
    }

    fn params(&self, _: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        Ok(Vec::new())
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        let (elements, padding_taps) = self.taps(io)?;
        Ok(Work { padding_taps, ..self.each()?.times(elements)? })
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        let (elements, padding_taps) = self.taps(io)?;
        let each = Work { adds: sum([self.size, 1])?, muls: 3, divs: 2, specials: 1, ..Work::NONE };
        Ok(Backward::inputs(Work { padding_taps, ..each.times(elements)? }))
    }

    fn saved(&self, io: Io<'_>) -> Result<Saved, TooLarge> {
        let scale = Keep::Own { what: "scale", elements: io.elements_in()?, dtype: None };
        Ok(vec![Keep::Input(0), scale])
    }

    /// torch composes it of a square that is padded, a mean pool, a power and a quotient.
    fn autograd(&self, io: Io<'_>) -> Result<Autograd, TooLarge> {
        let elements = io.elements_in()?;
        let channels = io.inputs.first().and_then(|input| input.get(1)).unwrap_or(1).max(1);
        let padded = product([elements / channels, sum([channels, self.size - 1])?])?;
        let own = |what, elements| Keep::Own { what, elements, dtype: None };
        let kept = [own("padded square", padded), own("scale", elements), own("divisor", elements)];
        Ok(Autograd::keeps([Keep::Input(0)].into_iter().chain(kept).collect()))
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        Reach::Pointwise
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Some(input), Ok((count, outside)), Ok(each)) =
            (io.inputs.first(), self.taps(io), self.each())
        else {
            return Vec::new();
        };
        let mut facts =
            vec![Fact::note("y", "x / (k + alpha/size · Σ x²)^beta, summed over channels")];
        facts.push(elements(input));
        facts.extend(arithmetic(&[("elements", count, each)]));
        if outside != 0 {
            let before = self.size / 2;
            let after = self.size.saturating_sub(1) / 2;
            let why =
                format!("{before} channels before the first and {after} after the last are zeros");
            facts.push(Fact::product("taps on padding", &[("taps", outside)]).because(why));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lrn(size: u64) -> LocalResponseNorm {
        LocalResponseNorm { size, alpha: 1e-4, beta: 0.75, k: 1.0 }
    }

    /// Five taps at six channels: 2 + 1 beyond the first two, the same beyond the last two.
    #[test]
    fn taps_beyond_the_channels_are_told_apart() {
        let inputs = [Shape::new(&[2, 6, 3, 3]).unwrap()];
        let io = Io { inputs: &inputs, outputs: &inputs, mode: Mode::Eval };
        let work = lrn(5).work(io).unwrap();
        assert_eq!((work.macs, work.adds, work.muls), (0, 108 * 6, 108 * 2));
        assert_eq!(work.padding_taps, 18 * 6);
        assert_eq!(lrn(2).work(io).unwrap().padding_taps, 18);
        assert_eq!(lrn(1).work(io).unwrap().padding_taps, 0);
    }

    /// Counting taps takes a step for each, so the size is bounded.
    #[test]
    fn size_and_rank_are_bounded() {
        let image = Shape::new(&[1, 6, 3, 3]).unwrap();
        assert!(matches!(lrn(1 << 40).infer(&[image]), Err(ShapeError::Arguments { .. })));
        assert!(matches!(
            lrn(5).infer(&[Shape::new(&[1, 6]).unwrap()]),
            Err(ShapeError::Rank { .. })
        ));
    }
}

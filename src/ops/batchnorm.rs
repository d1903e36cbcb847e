//! Batch normalisation: each channel to mean 0 and variance 1 over the batch and all positions.
//!
//! ```text
//! shape     N×C×H×W → the same (1-D: N×C or N×C×L)
//! weight    C, bias  C (affine)               buffers  running_mean C, running_var C, num_batches_tracked (one i64)
//! rows      a channel is a row of m = N·H·W elements; formulas and counts of a row stand in ops/normalise.rs
//! eval      running statistics: an element is 1 add and 1 mul, with affine 2 and 2; a channel 1 add, 1 special, 1 div
//! train     the batch's statistics: 3 adds and 1 mul an element more, 2 divs a channel more; and the update
//! update    running = (1 − f)·running + f·new, for mean and variance: a channel is 4 muls and 2 adds
//! backward  through the batch's statistics in train; with the running ones as constants in eval
//! saved     train: input, mean and inverse deviation;  eval: inverse deviation, and the input if affine
//! ```
//!
//! The factors of the update are numbers of the whole layer and free: f is momentum (or 1/batches seen, where momentum
//! is none), times m/(m − 1) for the variance, which torch keeps unbiased; so m = 1 cannot be trained. Counting batches is
//! free. Without running statistics, eval takes the batch's own as well.

use super::arg_type::Epsilon;
use super::derive::{Derivation, Fact, arithmetic};
use super::error::ShapeError;
use super::ledger::{Backward, Param, Role, Saved, Work};
use super::normalise::{Normalise, Statistics};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Layer, Mode, layout, single};
use crate::shape::{DType, Shape, Shapes, TooLarge};

operator! {
    /// Batch normalisation: each channel to mean 0 and variance 1 over the batch, then a learned scale and shift.
    BatchNorm("batchnorm") ranks Always,
    "https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html",
    {
        /// Added to the variance, so that its root is not zero.
        eps: Epsilon = Float(1e-5),
        /// Weight of a new batch in the running statistics; none: all batches weigh the same.
        momentum: Option<f64> = Float(0.1),
        /// Whether channels are scaled and shifted by learned numbers.
        affine: bool = Bool(true),
        /// Whether statistics are kept for eval.
        track_running_stats: bool = Bool(true),
    }
    torch [
        Arrives("num_features", 1), Field("eps"), Field("momentum"), Field("affine"), Field("track_running_stats"),
    ]
    facts [FoldsAway]
}

/// The tensors of a normalisation by channels: its affine part, then its running statistics.
pub(super) fn channel_params(channels: u64, affine: bool, tracked: bool) -> Vec<Param> {
    let vector = Shape::vector(channels);
    let mut params = if affine { Param::affine(vector, true) } else { Vec::new() };
    if tracked {
        params.push(Param::new("running_mean", Role::Buffer, vector));
        params.push(Param::new("running_var", Role::Buffer, vector));
        params.push(Param {
            dtype: Some(DType::I64),
            ..Param::new("num_batches_tracked", Role::Buffer, Shape::SCALAR)
        });
    }
    params
}

impl BatchNorm {
    /// The channels of an accepted input.
    fn channels(&self, inputs: &[Shape]) -> Result<u64, ShapeError> {
        let input = single(inputs)?;
        match input.dims() {
            [_, channels] if self.rank == 1 => Ok(*channels),
            [_, channels, spatial @ ..] if spatial.len() == self.rank => Ok(*channels),
            _ => {
                let expected = if self.rank == 1 { "N×C or N×C×L" } else { layout(self.rank) };
                Err(ShapeError::Rank { expected, found: input })
            }
        }
    }

    fn normalise(&self, io: Io<'_>) -> Result<Normalise, TooLarge> {
        let running = self.track_running_stats && io.mode == Mode::Eval;
        Ok(Normalise {
            unit: "channels",
            rows: self.channels(io.inputs).map_err(|_| TooLarge)?,
            elements: io.elements_in()?,
            statistics: if running { Statistics::Running } else { Statistics::Own },
            weight: self.affine,
            bias: self.affine,
        })
    }

    /// The update of the running statistics, for one channel.
    fn update(&self, mode: Mode) -> Work {
        match mode {
            Mode::Train if self.track_running_stats => Work { adds: 2, muls: 4, ..Work::NONE },
            _ => Work::NONE,
        }
    }
}

impl Layer for BatchNorm {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        self.channels(inputs)?;
        Ok(inputs[0].into())
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        Ok(channel_params(self.channels(inputs)?, self.affine, self.track_running_stats))
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        let rows = self.normalise(io)?;
        rows.work()?.plus(self.update(io.mode).times(rows.rows)?)
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        self.normalise(io)?.work_backward()
    }

    fn saved(&self, io: Io<'_>) -> Result<Saved, TooLarge> {
        Ok(self.normalise(io)?.saved())
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        // With statistics of the batch every output depends on every input, but a receptive field speaks of the trained
        // network, where the statistics are constants.
        Reach::Pointwise
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Ok(channels), Ok(rows)) = (self.channels(io.inputs), self.normalise(io)) else {
            return Vec::new();
        };
        let mut facts = Vec::new();
        if self.affine {
            facts.push(Fact::product("weight", &[("C", channels)]));
            facts.push(Fact::product("bias", &[("C", channels)]));
        }
        if self.track_running_stats {
            let terms = [("running_mean", channels), ("running_var", channels), ("batches", 1)];
            facts.push(Fact::sum("buffers", &terms));
        }
        facts.extend(rows.derive());
        let update = arithmetic(&[("channels", channels, self.update(io.mode))]);
        facts.extend(
            update.into_iter().map(|fact| Fact {
                what: format!("{} of the running statistics", fact.what),
                ..fact
            }),
        );
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::ledger::Keep;

    const NORM: BatchNorm = BatchNorm {
        rank: 2,
        eps: Epsilon(1e-5),
        momentum: Some(0.1),
        affine: true,
        track_running_stats: true,
    };

    /// Two images of three channels, 4×4: 96 elements.
    fn work(norm: &BatchNorm, mode: Mode) -> Work {
        let inputs = [Shape::new(&[2, 3, 4, 4]).unwrap()];
        norm.work(Io { inputs: &inputs, outputs: &inputs, mode }).unwrap()
    }

    #[test]
    fn eval_and_train_by_hand() {
        let eval = Work { adds: 195, muls: 192, divs: 3, specials: 3, ..Work::NONE };
        assert_eq!(work(&NORM, Mode::Eval), eval);
        let train =
            Work { adds: 96 * 5 + 3 + 6, muls: 96 * 3 + 12, divs: 9, specials: 3, ..Work::NONE };
        assert_eq!(work(&NORM, Mode::Train), train);
    }

    #[test]
    fn without_running_statistics_eval_takes_the_batchs_own() {
        let untracked = BatchNorm { track_running_stats: false, ..NORM };
        assert_eq!(work(&untracked, Mode::Eval), work(&untracked, Mode::Train));
        let inputs = [Shape::new(&[2, 3, 4, 4]).unwrap()];
        assert_eq!(untracked.params(&inputs).unwrap().len(), 2);
    }

    #[test]
    fn buffers_are_torchs() {
        let inputs = [Shape::new(&[2, 3, 4, 4]).unwrap()];
        let params = NORM.params(&inputs).unwrap();
        let names: Vec<_> = params.iter().map(|param| &*param.name).collect();
        let torchs = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];
        assert_eq!(names, torchs);
        let io = Io { inputs: &inputs, outputs: &inputs, mode: Mode::Train };
        assert!(matches!(
            NORM.saved(io).unwrap()[..],
            [Keep::Input(0), Keep::Own { elements: 3, .. }, _]
        ));
    }

    #[test]
    fn one_dimension_takes_features_too() {
        let norm = BatchNorm { rank: 1, ..NORM };
        assert!(norm.infer(&[Shape::new(&[2, 3]).unwrap()]).is_ok());
        assert!(norm.infer(&[Shape::new(&[2, 3, 5]).unwrap()]).is_ok());
        assert!(norm.infer(&[Shape::new(&[2, 3, 5, 5]).unwrap()]).is_err());
        assert!(NORM.infer(&[Shape::new(&[2, 3]).unwrap()]).is_err());
    }
}

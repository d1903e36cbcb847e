//! Normalisation within one sample: layer, group and instance norm.
//!
//! ```text
//! shape     N×… → the same
//! layer     a row is all of the normalised axes (the last one, if none are named)
//!           weight, bias: shaped as these axes
//!           with a rank, N×C×H×W: a row is the channels of one position; weight, bias: C
//! group     a row is the channels of one group at all positions: N·groups rows
//!           weight, bias: C
//! instance  a row is one channel at all positions: N·C rows
//!           weight, bias: C (affine); buffers running_mean, running_var, num_batches_tracked (track_running_stats)
//! forward   own statistics, in eval too: an element is 4 adds and 2 muls, with weight a mul more, with bias an add more;
//!           a row is 1 add, 3 divs, 1 special
//! backward  through the statistics; formulas and counts stand in ops/normalise.rs
//! saved     input, mean and inverse deviation of each row
//! ```
//!
//! Instance norm with running statistics reads them in eval, for C channels, as batch norm does. In train it updates them:
//! running = (1 − f)·running + f·Σ new over the N samples, for mean and variance: a channel is 2·N + 2 adds and 4 muls;
//! the factors are free.

use super::arg_type::Epsilon;
use super::batchnorm::channel_params;
use super::derive::{Derivation, Fact, arithmetic};
use super::error::ShapeError;
use super::ledger::{Autograd, Backward, Keep, Param, Saved, Work};
use super::normalise::{Normalise, Statistics};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Layer, Mode, single, spatial};
use crate::shape::{Shape, Shapes, TooLarge, product, sum};

operator! {
    /// Layer normalisation: to mean 0 and variance 1 over the last axes or, with a rank, over the channels of each position.
    LayerNorm("layernorm") ranks Optional,
    "https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html",
    {
        /// Sizes of the axes that are normalised together, compared with what arrives; none: the last axis, or the channels.
        normalized_shape: Option<Vec<i64>> = None,
        /// Added to the variance, so that its root is not zero.
        eps: Epsilon = Float(1e-5),
        /// Whether each element of a row is scaled by a learned number.
        elementwise_affine: bool = Bool(true),
        /// Whether a learned number is added to it as well.
        bias: bool = Bool(true),
    }
}

operator! {
    /// Group normalisation: the channels of each group to mean 0 and variance 1, then a learned scale and shift.
    GroupNorm("groupnorm"),
    "https://pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html",
    {
        /// Channels are split into this many groups that are normalised apart.
        num_groups: u64,
        /// Added to the variance, so that its root is not zero.
        eps: Epsilon = Float(1e-5),
        /// Whether channels are scaled and shifted by learned numbers.
        affine: bool = Bool(true),
    }
    torch [Field("num_groups"), Arrives("num_channels", 1), Field("eps"), Field("affine")]
}

operator! {
    /// Instance normalisation: each channel of each sample to mean 0 and variance 1.
    InstanceNorm("instancenorm") ranks Always,
    "https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html",
    {
        /// Added to the variance, so that its root is not zero.
        eps: Epsilon = Float(1e-5),
        /// Weight of a new batch in the running statistics.
        momentum: Option<f64> = Float(0.1),
        /// Whether channels are scaled and shifted by learned numbers.
        affine: bool = Bool(false),
        /// Whether statistics are kept for eval.
        track_running_stats: bool = Bool(false),
    }
    torch [
        Arrives("num_features", 1), Field("eps"), Field("momentum"), Field("affine"), Field("track_running_stats"),
    ]
}

/// All of these axes, or nothing but the element's own place where there are none.
fn whole(axes: std::ops::Range<usize>) -> Reach {
    if axes.is_empty() { Reach::Pointwise } else { Reach::Whole(axes.collect()) }
}

/// Weight and bias of one number a channel.
fn derive_channels(affine: bool, channels: u64) -> Derivation {
    let names: &[&str] = if affine { &["weight", "bias"] } else { &[] };
    names.iter().map(|name| Fact::product(name, &[("C", channels)])).collect()
}

impl LayerNorm {
    /// The axes that are normalised, as sizes.
    fn axes(&self, inputs: &[Shape]) -> Result<Vec<u64>, ShapeError> {
        let input = single(inputs)?;
        let count = self.normalized_shape.as_ref().map_or(1, Vec::len);
        if count == 0 || (self.rank > 0 && count > 1) {
            let (axes, normalised) = match self.rank {
                0 => ("no axes".to_owned(), "the last axis"),
                _ => (format!("{count} axes, but channels are one"), "the channels"),
            };
            return Err(ShapeError::Arguments {
                message: format!("normalized_shape has {axes}"),
                help: format!("leave it out to normalise {normalised}"),
            });
        }
        if self.rank > 0 {
            spatial(inputs, self.rank)?;
        }
        let beside_batch = input.dims().get(1..).unwrap_or_default();
        let first = if self.rank > 0 { Some(0) } else { beside_batch.len().checked_sub(count) };
        let Some(first) = first else {
            let expected = "N×…×normalized_shape";
            return Err(ShapeError::Rank { expected, found: input });
        };
        let axes = &beside_batch[first..first + count];
        for (i, (size, found)) in self.normalized_shape.iter().flatten().zip(axes).enumerate() {
            let what = format!("normalized_shape[{i}]");
            let expected = u64::try_from(*size).unwrap_or(0);
            if expected == 0 {
                return Err(ShapeError::NotPositive { what, value: i128::from(*size) });
            }
            if expected != *found {
                let help = Some(match self.rank {
                    0 => format!("the last {count} axes of {input} are normalised"),
                    _ => format!("the channels of {input} are normalised at each position"),
                });
                return Err(ShapeError::Mismatch { what, expected, found: *found, help });
            }
        }
        Ok(axes.to_vec())
    }

    fn normalise(&self, io: Io<'_>) -> Result<Normalise, TooLarge> {
        let elements = io.elements_in()?;
        let length = product(self.axes(io.inputs).map_err(|_| TooLarge)?)?;
        Ok(Normalise {
            unit: match self.rank {
                0 => "every position before the normalised axes",
                _ => "samples × positions",
            },
            rows: elements / length.max(1),
            elements,
            statistics: Statistics::Own,
            weight: self.elementwise_affine,
            bias: self.elementwise_affine && self.bias,
        })
    }
}

impl Layer for LayerNorm {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        self.axes(inputs)?;
        Ok(inputs[0].into())
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        let shape = Shape::new(&self.axes(inputs)?).ok_or(ShapeError::TooLarge)?;
        Ok(if self.elementwise_affine { Param::affine(shape, self.bias) } else { Vec::new() })
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        self.normalise(io)?.work()
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

    fn reach(&self, io: Io<'_>) -> Reach {
        if self.rank > 0 {
            return Reach::Pointwise;
        }
        let rank = io.inputs.first().map_or(0, Shape::rank);
        let count = self.normalized_shape.as_ref().map_or(1, Vec::len);
        whole(rank.saturating_sub(count)..rank)
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Ok(axes), Ok(rows)) = (self.axes(io.inputs), self.normalise(io)) else {
            return Vec::new();
        };
        let letter = |i: usize| match self.rank {
            0 => format!("axis −{}", axes.len() - i),
            _ => "C".to_owned(),
        };
        let letters: Vec<String> = (0..axes.len()).map(letter).collect();
        let factors: Vec<(&str, u64)> = letters.iter().map(String::as_str).zip(axes).collect();
        let mut facts = Vec::new();
        if rows.weight {
            facts.push(Fact::product("weight", &factors));
        }
        if rows.bias {
            facts.push(Fact::product("bias", &factors));
        }
        facts.extend(rows.derive());
        facts
    }
}

/// That there is one value to take a mean of, which torch refuses: it is the mean itself.
fn of_one_value(of: &str) -> ShapeError {
    ShapeError::Arguments {
        message: format!("the mean is taken of one value, that of {of}, and leaves 0"),
        help: "normalise before the map is pooled to one position, or over more channels"
            .to_owned(),
    }
}

impl GroupNorm {
    /// Batch and channels of an accepted input.
    fn channels(&self, inputs: &[Shape]) -> Result<(u64, u64), ShapeError> {
        let input = single(inputs)?;
        let Some((batch, channels, _)) = input.split() else {
            return Err(ShapeError::Rank { expected: "N×C×…", found: input });
        };
        let groups = self.num_groups;
        if groups == 0 || !channels.is_multiple_of(groups) {
            let (what, by) = ("num_channels", "num_groups");
            return Err(ShapeError::Groups { what, channels, by, groups });
        }
        Ok((batch, channels))
    }

    fn normalise(&self, io: Io<'_>) -> Result<Normalise, TooLarge> {
        let (batch, _) = self.channels(io.inputs).map_err(|_| TooLarge)?;
        Ok(Normalise {
            unit: "samples × groups",
            rows: product([batch, self.num_groups])?,
            elements: io.elements_in()?,
            statistics: Statistics::Own,
            weight: self.affine,
            bias: self.affine,
        })
    }
}

impl Layer for GroupNorm {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        let (batch, channels) = self.channels(inputs)?;
        // torch counts the examples too, so that two of one value each are accepted.
        let positions = inputs[0].dims().iter().skip(2);
        let values = [batch, channels / self.num_groups].into_iter().chain(positions.copied());
        if product(values)? == 1 {
            return Err(of_one_value("a group"));
        }
        Ok(inputs[0].into())
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        let (_, channels) = self.channels(inputs)?;
        Ok(channel_params(channels, self.affine, false))
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        self.normalise(io)?.work()
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

    fn reach(&self, io: Io<'_>) -> Reach {
        whole(2..io.inputs.first().map_or(0, Shape::rank))
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Ok((_, channels)), Ok(rows)) = (self.channels(io.inputs), self.normalise(io)) else {
            return Vec::new();
        };
        let mut facts = derive_channels(self.affine, channels);
        facts.extend(rows.derive());
        facts
    }
}

impl InstanceNorm {
    fn normalise(&self, io: Io<'_>) -> Result<Normalise, TooLarge> {
        let (batch, channels, _) = spatial(io.inputs, self.rank).map_err(|_| TooLarge)?;
        let running = self.track_running_stats && io.mode == Mode::Eval;
        let (unit, rows, statistics) = if running {
            ("channels", channels, Statistics::Running)
        } else {
            ("samples × channels", product([batch, channels])?, Statistics::Own)
        };
        let elements = io.elements_in()?;
        Ok(Normalise { unit, rows, elements, statistics, weight: self.affine, bias: self.affine })
    }

    /// The update of the running statistics, for one channel of a batch.
    fn update(&self, mode: Mode, batch: u64) -> Result<Work, TooLarge> {
        Ok(match mode {
            Mode::Train if self.track_running_stats => {
                Work { adds: sum([product([2, batch])?, 2])?, muls: 4, ..Work::NONE }
            }
            _ => Work::NONE,
        })
    }
}

impl Layer for InstanceNorm {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        let (.., extents) = spatial(inputs, self.rank)?;
        // With running statistics torch accepts it in eval mode.
        if !self.track_running_stats && extents.iter().all(|extent| *extent == 1) {
            return Err(of_one_value("a channel of one example"));
        }
        Ok(inputs[0].into())
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        let (_, channels, _) = spatial(inputs, self.rank)?;
        Ok(channel_params(channels, self.affine, self.track_running_stats))
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        let (batch, channels, _) = spatial(io.inputs, self.rank).map_err(|_| TooLarge)?;
        let update = self.update(io.mode, batch)?.times(channels)?;
        self.normalise(io)?.work()?.plus(update)
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        self.normalise(io)?.work_backward()
    }

    fn saved(&self, io: Io<'_>) -> Result<Saved, TooLarge> {
        Ok(self.normalise(io)?.saved())
    }

    /// torch runs it as a batch norm of N·C channels, with what each channel owns repeated.
    fn autograd(&self, io: Io<'_>) -> Result<Autograd, TooLarge> {
        let (batch, channels, _) = spatial(io.inputs, self.rank).map_err(|_| TooLarge)?;
        let vectors = 2 + u64::from(self.affine) + 2 * u64::from(self.track_running_stats);
        let elements = product([vectors, batch, channels])?;
        let own = Keep::Own { what: "statistics, repeated tensors", elements, dtype: None };
        Ok(Autograd::keeps(vec![Keep::Input(0), own]))
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, io: Io<'_>) -> Reach {
        if self.track_running_stats && io.mode == Mode::Eval {
            return Reach::Pointwise;
        }
        whole(2..io.inputs.first().map_or(0, Shape::rank))
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Ok((batch, channels, _)), Ok(rows)) =
            (spatial(io.inputs, self.rank), self.normalise(io))
        else {
            return Vec::new();
        };
        let mut facts = derive_channels(self.affine, channels);
        facts.extend(rows.derive());
        if let Ok(update) = self.update(io.mode, batch) {
            facts.extend(arithmetic(&[("channels", channels, update)]).into_iter().map(|fact| {
                Fact { what: format!("{} of the running statistics", fact.what), ..fact }
            }));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(normalized_shape: Option<Vec<i64>>) -> LayerNorm {
        let eps = Epsilon(1e-5);
        LayerNorm { rank: 0, normalized_shape, eps, elementwise_affine: true, bias: true }
    }

    #[test]
    fn layer_norm_takes_the_last_axes() {
        let inputs = [Shape::new(&[2, 4, 3, 5]).unwrap()];
        let shape = |norm: LayerNorm| norm.params(&inputs).unwrap()[0].shape;
        assert_eq!(shape(layer(None)).dims(), [5]);
        assert_eq!(shape(layer(Some(vec![3, 5]))).dims(), [3, 5]);
        let infer = |sizes: &[i64]| layer(Some(sizes.to_vec())).infer(&inputs).unwrap_err();
        assert!(matches!(infer(&[6]), ShapeError::Mismatch { expected: 6, found: 5, .. }));
        assert!(matches!(infer(&[2, 4, 3, 5]), ShapeError::Rank { .. }));
        assert!(matches!(infer(&[-5]), ShapeError::NotPositive { value: -5, .. }));
        assert!(matches!(infer(&[]), ShapeError::Arguments { .. }));
    }

    /// 2·4·3 rows of 5 elements, each with statistics of its own.
    #[test]
    fn layer_norm_by_hand() {
        let inputs = [Shape::new(&[2, 4, 3, 5]).unwrap()];
        let io = Io { inputs: &inputs, outputs: &inputs, mode: Mode::Eval };
        let expected =
            Work { adds: 5 * 120 + 24, muls: 3 * 120, divs: 3 * 24, specials: 24, ..Work::NONE };
        assert_eq!(layer(None).work(io), Ok(expected));
        assert_eq!(layer(None).reach(io), Reach::Whole(vec![3]));
    }

    /// torchvision's LayerNorm2d: permute, layer norm of the last axis, permute back.
    #[test]
    fn with_a_rank_the_channels_of_each_position_are_a_row() {
        let ranked = |shape| LayerNorm { rank: 2, ..layer(shape) };
        let image = [Shape::new(&[2, 5, 4, 3]).unwrap()];
        let last = [Shape::new(&[2, 4, 3, 5]).unwrap()];
        let io = |inputs| Io { inputs, outputs: inputs, mode: Mode::Train };
        assert_eq!(ranked(None).work(io(&image)), layer(None).work(io(&last)));
        assert_eq!(ranked(None).saved(io(&image)), layer(None).saved(io(&last)));
        assert_eq!(ranked(Some(vec![5])).params(&image), layer(None).params(&last));
        assert_eq!(ranked(None).reach(io(&image)), Reach::Pointwise);
        let wrong = |shape: &[i64]| ranked(Some(shape.to_vec())).infer(&image).unwrap_err();
        assert!(matches!(wrong(&[3]), ShapeError::Mismatch { expected: 3, found: 5, .. }));
        assert!(matches!(wrong(&[5, 4]), ShapeError::Arguments { .. }));
        assert!(matches!(ranked(None).infer(&[Shape::vector(5)]), Err(ShapeError::Rank { .. })));
    }

    #[test]
    fn groups_must_divide_the_channels() {
        let norm = GroupNorm { num_groups: 4, eps: Epsilon(1e-5), affine: true };
        let inputs = [Shape::new(&[1, 6, 2, 2]).unwrap()];
        assert!(matches!(norm.infer(&inputs), Err(ShapeError::Groups { channels: 6, .. })));
    }

    #[test]
    fn one_group_for_each_channel_is_instance_norm() {
        let inputs = [Shape::new(&[2, 3, 4, 4]).unwrap()];
        let io = Io { inputs: &inputs, outputs: &inputs, mode: Mode::Train };
        let group = GroupNorm { num_groups: 3, eps: Epsilon(1e-5), affine: true };
        let instance = InstanceNorm {
            rank: 2,
            eps: Epsilon(1e-5),
            momentum: Some(0.1),
            affine: true,
            track_running_stats: false,
        };
        assert_eq!(group.work(io), instance.work(io));
        assert_eq!(group.work_backward(io), instance.work_backward(io));
        let tracked = InstanceNorm { track_running_stats: true, ..instance.clone() };
        let update = Work { adds: 3 * 6, muls: 3 * 4, ..Work::NONE };
        assert_eq!(tracked.work(io), instance.work(io).unwrap().plus(update));
        assert_eq!(tracked.params(&inputs).unwrap().len(), 5);
    }
}

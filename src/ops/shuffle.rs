//! Elements moved without arithmetic: channels into space, and channels among each other.
//!
//! ```text
//! PixelShuffle     N×C·r²×H×W → N×C×H·r×W·r
//! ChannelShuffle   N×C×… → the same shape; channel g·C/groups + c moves to c·groups + g
//! forward   nothing: elements are moved
//! backward  nothing: they are moved back
//! saved     nothing
//! ```

use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::reach::{AxisReach, Reach};
use super::signature::{no_arithmetic, operator};
use super::{Io, Layer, Mode, axis_names, single, spatial, with_extents};
use crate::shape::{Shape, Shapes, product};

operator! {
    /// Channels become space: r² channels make r × r positions.
    PixelShuffle("pixel_shuffle"),
    "https://pytorch.org/docs/stable/generated/torch.nn.PixelShuffle.html",
    {
        /// How many times larger each spatial axis comes out, r.
        upscale_factor: u64,
    }
}

operator! {
    /// Channels take turns: the first of each group, then the second of each, and so on.
    ChannelShuffle("channel_shuffle"),
    "https://pytorch.org/docs/stable/generated/torch.nn.ChannelShuffle.html",
    {
        /// Number of groups that the channels are dealt from.
        groups: u64,
    }
}

/// Groups that divide the channels.
fn divides(by: &'static str, groups: u64, channels: u64) -> Result<u64, ShapeError> {
    match channels.checked_rem(groups) {
        Some(0) => Ok(channels / groups),
        _ => Err(ShapeError::Groups { what: "in_channels", channels, by, groups }),
    }
}

impl Layer for PixelShuffle {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        let (batch, channels, extents) = spatial(inputs, 2)?;
        let r = self.upscale_factor;
        let channels = divides("upscale_factor²", product([r, r])?, channels)?;
        let out = [product([extents[0], r])?, product([extents[1], r])?];
        Ok(with_extents(batch, channels, &out)?.into())
    }

    no_arithmetic!();

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        match i64::try_from(self.upscale_factor) {
            Ok(r) if r > 0 => {
                Reach::Window(vec![
                    AxisReach::Between { inputs: 1, outputs: r, first: 0, last: 0 };
                    2
                ])
            }
            _ => Reach::Opaque("the factor exceeds 63 bits"),
        }
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Some((_, channels, extents)), Some((_, out, out_extents))) =
            (io.inputs[0].split(), io.outputs[0].split())
        else {
            return Vec::new();
        };
        let r = self.upscale_factor;
        let mut facts =
            vec![Fact::formula("channels", "C_in / r²", &format!("{channels} / {r}²"), out)];
        for ((name, input), out) in axis_names(2).iter().zip(extents).zip(out_extents) {
            facts.push(Fact::formula(name, "H·r", &format!("{input}·{r}"), *out));
        }
        facts.push(Fact::note("arithmetic", "none: elements are moved"));
        facts
    }
}

impl Layer for ChannelShuffle {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        let input = single(inputs)?;
        match input.split() {
            Some((_, channels, extents)) if !extents.is_empty() => {
                divides("groups", self.groups, channels)?;
                Ok(input.into())
            }
            _ => Err(ShapeError::Rank { expected: "N×C×…×W", found: input }),
        }
    }

    no_arithmetic!();

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        Reach::Pointwise
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let channels = io.inputs[0].get(1).unwrap_or(0);
        let each = channels.checked_div(self.groups).unwrap_or(0);
        let numbers = format!("{channels} / {}", self.groups);
        vec![
            Fact::formula("channels of a group", "C / groups", &numbers, each),
            Fact::note("arithmetic", "none: channels are moved"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_become_space() {
        let shuffle = PixelShuffle { upscale_factor: 3 };
        let inputs = [Shape::new(&[1, 27, 32, 16]).unwrap()];
        assert_eq!(shuffle.infer(&inputs).unwrap()[0].dims(), [1, 3, 96, 48]);
        let odd = [Shape::new(&[1, 12, 32, 16]).unwrap()];
        assert!(matches!(shuffle.infer(&odd), Err(ShapeError::Groups { groups: 9, .. })));
        let huge = PixelShuffle { upscale_factor: u64::MAX };
        assert_eq!(huge.infer(&inputs), Err(ShapeError::TooLarge));
    }

    #[test]
    fn groups_deal_channels() {
        let inputs = [Shape::new(&[1, 24, 8]).unwrap()];
        assert_eq!(ChannelShuffle { groups: 3 }.infer(&inputs), Ok(inputs[0].into()));
        assert!(ChannelShuffle { groups: 5 }.infer(&inputs).is_err());
        assert!(ChannelShuffle { groups: 5 }.infer(&[Shape::vector(1)]).is_err());
    }
}

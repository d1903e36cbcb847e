//! The one window rule: how often a kernel fits along an axis, and which of its taps fall on padding.
//!
//! ```text
//! reach of the kernel   K = D·(F − 1) + 1
//! floor                 out = ⌊(H + P_before + P_after − K) / S⌋ + 1
//! ceil (torch)          rounds up; the last window must start inside the input or its left padding
//! Caffe's ceil          rounds up; the last window is clipped so, but only where there is padding
//! ```
//!
//! Source: <https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html>. `tests/it/window.rs` compares it with
//! an enumeration that never divides.

use super::arg_type::{ArgType, MAX_EXTENT};
use super::args::ArgValue;
use super::derive::Fact;
use super::error::ShapeError;
use super::reach::AxisReach;

/// What happens to a last window that does not fit whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// It is left out.
    #[default]
    Floor,
    /// It counts if it starts inside the input or its left padding (torch's `ceil_mode`).
    Ceil,
    /// It counts; where there is padding, only if it starts inside the input or its left padding (Caffe).
    Caffe,
}

/// `ceil_mode` is true, false or `'caffe'`.
impl ArgType for Rounding {
    const TAKES: &'static str = "true, false or 'caffe'";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        match value {
            ArgValue::Bool(false) => Ok(Self::Floor),
            ArgValue::Bool(true) => Ok(Self::Ceil),
            ArgValue::Text(text) if text == "caffe" => Ok(Self::Caffe),
            _ => Err(Self::TAKES.to_owned()),
        }
    }

    fn write(&self) -> ArgValue {
        match self {
            Self::Floor => ArgValue::Bool(false),
            Self::Ceil => ArgValue::Bool(true),
            Self::Caffe => ArgValue::Text("caffe".to_owned()),
        }
    }
}

/// How an axis is padded, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// Elements before and after each spatial axis, first axis first.
    Sides {
        /// Number of spatial axes.
        rank: usize,
        /// Before and after, for each axis.
        sides: [(u64, u64); 3],
    },
    /// None.
    Valid,
    /// As much as keeps the extent (stride 1 only); an odd element goes after. torch's `'same'`.
    Same,
    /// out = ⌈in / stride⌉; an odd element goes after. TensorFlow's and ONNX's `SAME_UPPER`.
    SameUpper,
    /// out = ⌈in / stride⌉; an odd element goes before. ONNX's `SAME_LOWER`.
    SameLower,
}

const WORDS: &[(&str, Padding)] = &[
    ("valid", Padding::Valid),
    ("same", Padding::Same),
    ("same_upper", Padding::SameUpper),
    ("same_lower", Padding::SameLower),
];

/// A number, one for each axis, a word, or two for each axis in torch's order of `ZeroPad2d` (left, right, top, bottom).
impl ArgType for Padding {
    const TAKES: &'static str = "whole number, one or two for each axis (left, right, top, bottom), 'same', 'valid', 'same_upper' or 'same_lower'";

    fn read(value: &ArgValue, rank: usize) -> Result<Self, String> {
        let amount = |value: &ArgValue| {
            let n = value.int().filter(|n| *n <= MAX_EXTENT)?;
            u64::try_from(n).ok()
        };
        let expected = || {
            format!(
                "a whole number from 0; or {rank} of them, one for each axis; or {}: left, right, then the axes before; \
                 or 'same', 'valid', 'same_upper' or 'same_lower'",
                2 * rank
            )
        };
        let mut sides = [(0, 0); 3];
        match value {
            ArgValue::Text(text) => {
                return WORDS
                    .iter()
                    .find(|(word, _)| word == text)
                    .map(|(_, padding)| *padding)
                    .ok_or_else(expected);
            }
            ArgValue::List(items) if items.len() == rank && rank <= 3 => {
                for (side, item) in sides.iter_mut().zip(items) {
                    let n = amount(item).ok_or_else(expected)?;
                    *side = (n, n);
                }
            }
            ArgValue::List(items) if items.len() == 2 * rank && rank <= 3 => {
                for (axis, pair) in items.chunks_exact(2).enumerate() {
                    let (before, after) = (amount(&pair[0]), amount(&pair[1]));
                    // torch names the last axis first.
                    sides[rank - 1 - axis] = before.zip(after).ok_or_else(expected)?;
                }
            }
            single => {
                let n = amount(single).ok_or_else(expected)?;
                sides[..rank.min(3)].fill((n, n));
            }
        }
        Ok(Self::Sides { rank, sides })
    }

    fn write(&self) -> ArgValue {
        let int = |n: u64| ArgValue::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let Self::Sides { rank, sides } = self else {
            let word =
                WORDS.iter().find(|(_, padding)| padding == self).map_or("valid", |(word, _)| word);
            return ArgValue::Text(word.to_owned());
        };
        let sides = &sides[..*rank];
        if sides.iter().any(|(before, after)| before != after) {
            let ends = sides.iter().rev().flat_map(|(before, after)| [int(*before), int(*after)]);
            return ArgValue::List(ends.collect());
        }
        match sides {
            [first, rest @ ..] if rest.iter().all(|side| side == first) => int(first.0),
            _ => ArgValue::List(sides.iter().map(|(before, _)| int(*before)).collect()),
        }
    }
}

impl Padding {
    /// Elements before and after one axis of `input` elements.
    ///
    /// # Errors
    /// torch's `'same'` with a stride.
    pub fn sides(
        self,
        axis: usize,
        input: u64,
        reach: u64,
        stride: u64,
    ) -> Result<(u64, u64), ShapeError> {
        // What must be added so that ⌈input / stride⌉ windows fit.
        let needed = || {
            (input.div_ceil(stride).saturating_sub(1)).saturating_mul(stride).saturating_add(reach)
        };
        let total = |same: bool| if same { needed().saturating_sub(input) } else { 0 };
        match self {
            Self::Sides { sides, .. } => Ok(sides.get(axis).copied().unwrap_or_default()),
            Self::Valid => Ok((0, 0)),
            Self::Same if stride != 1 => Err(ShapeError::SameWithStride { stride }),
            Self::Same | Self::SameUpper => Ok((total(true) / 2, total(true).div_ceil(2))),
            Self::SameLower => Ok((total(true).div_ceil(2), total(true) / 2)),
        }
    }
}

/// A kernel walking along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Taps of the kernel, F.
    pub kernel: u64,
    /// Elements from one window to the next, S.
    pub stride: u64,
    /// Elements from one tap to the next, D.
    pub dilation: u64,
    /// Padding before the axis.
    pub before: u64,
    /// Padding after it.
    pub after: u64,
    /// What happens to a last window that does not fit whole.
    pub rounding: Rounding,
}

/// Taps along one axis, summed over its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taps {
    /// On the input or its padding. A tap beyond both (ceil mode) does not count.
    pub all: u64,
    /// On the input.
    pub inside: u64,
}

impl Window {
    /// Elements from the first tap to the last, both counted: D·(F − 1) + 1.
    pub fn reach(&self) -> u64 {
        self.dilation.saturating_mul(self.kernel.saturating_sub(1)).saturating_add(1)
    }

    fn padded(&self, input: u64) -> u64 {
        input.saturating_add(self.before).saturating_add(self.after)
    }

    /// How many windows fit on an axis of `input` elements; `axis` is named in the error.
    ///
    /// # Errors
    /// A kernel that reaches further than the padded axis.
    pub fn extent(&self, axis: usize, input: u64) -> Result<u64, ShapeError> {
        let (padded, reach) = (self.padded(input), self.reach());
        let Some(room) = padded.checked_sub(reach) else {
            // Rounded up, −1/2 is 0: one window counts that runs over the end by less than a stride.
            let starts_inside = input.saturating_add(self.before) > 0;
            if self.rounding != Rounding::Floor && reach - padded < self.stride && starts_inside {
                return Ok(1);
            }
            return Err(ShapeError::Window { axis, input, window: *self });
        };
        let starts_beyond = |windows: u64| {
            (windows - 1).saturating_mul(self.stride) >= input.saturating_add(self.before)
        };
        let (down, up) = (room / self.stride + 1, room.div_ceil(self.stride) + 1);
        Ok(match self.rounding {
            Rounding::Floor => down,
            Rounding::Ceil if starts_beyond(up) => up - 1,
            Rounding::Caffe if self.before > 0 && starts_beyond(up) => up - 1,
            Rounding::Ceil | Rounding::Caffe => up,
        })
    }

    /// Taps of `windows` windows on an axis of `input` elements.
    pub fn taps(&self, input: u64, windows: u64) -> Taps {
        Taps {
            all: self.taps_within(0, self.padded(input), windows),
            inside: self.taps_within(self.before, self.before.saturating_add(input), windows),
        }
    }

    /// Taps that fall on `from..to`, counted from the start of the left padding. One step for each tap of the kernel.
    fn taps_within(&self, from: u64, to: u64, windows: u64) -> u64 {
        let mut taps = 0u64;
        for tap in 0..self.kernel {
            let offset = tap.saturating_mul(self.dilation);
            // Windows whose tap stands below a bound: the ones with start·S + offset < bound.
            let below =
                |bound: u64| bound.saturating_sub(offset).div_ceil(self.stride).min(windows);
            taps = taps.saturating_add(below(to) - below(from));
        }
        taps
    }

    /// The rule with the numbers of one axis put in: `(H + 2P − F)/S + 1 = (227 + 2·0 − 11)/4 + 1 = 55`.
    pub fn derive(&self, axis: &str, input: u64, windows: u64) -> Fact {
        let (kernel_letters, kernel) = match self.dilation {
            1 => ("F", self.kernel.to_string()),
            d => ("(D·(F − 1) + 1)", format!("({d}·({} − 1) + 1)", self.kernel)),
        };
        let (padding_letters, padding) = if self.before == self.after {
            ("2P", format!("2·{}", self.before))
        } else {
            ("P_before + P_after", format!("{} + {}", self.before, self.after))
        };
        let (open, close) = match self.rounding {
            Rounding::Floor => ("(", ")"),
            Rounding::Ceil | Rounding::Caffe => ("⌈(", ")"),
        };
        let end = if open == "(" { "" } else { "⌉" };
        let stride = self.stride;
        let fact = Fact::formula(
            axis,
            &format!("{open}H + {padding_letters} − {kernel_letters}{close}/S{end} + 1"),
            &format!("{open}{input} + {padding} − {kernel}{close}/{stride}{end} + 1"),
            windows,
        );
        let Some(room) = self.padded(input).checked_sub(self.reach()) else {
            return fact
                .because("the one window runs over the end by less than a stride: ceil_mode");
        };
        match (self.rounding, room.is_multiple_of(stride)) {
            (_, true) => fact,
            (Rounding::Floor, _) => {
                fact.because(format!("{room}/{stride} is rounded down: the last window must fit"))
            }
            (Rounding::Ceil | Rounding::Caffe, _) if windows == room / stride + 1 => {
                fact.because("the last window would start beyond the input and its left padding")
            }
            _ => fact.because(format!("{room}/{stride} is rounded up: ceil_mode")),
        }
    }

    /// What one output sees of the axis.
    pub fn axis_reach(&self) -> AxisReach {
        let start = -i64::try_from(self.before).unwrap_or(i64::MAX);
        let Self { kernel: taps, dilation, stride, .. } = *self;
        AxisReach::Kernel { taps, dilation, stride, start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Window = Window {
        kernel: 3,
        stride: 2,
        dilation: 1,
        before: 0,
        after: 0,
        rounding: Rounding::Floor,
    };

    #[test]
    fn alexnets_first_layers() {
        let conv1 = Window { kernel: 11, stride: 4, ..PLAIN };
        assert_eq!(conv1.extent(2, 227), Ok(55));
        assert_eq!(PLAIN.extent(2, 55), Ok(27));
    }

    #[test]
    fn a_window_that_does_not_fit_says_so() {
        assert!(matches!(PLAIN.extent(2, 2), Err(ShapeError::Window { axis: 2, input: 2, .. })));
    }

    #[test]
    fn ceil_drops_a_window_that_starts_beyond_the_left_padding() {
        let wide = Window { kernel: 1, stride: 3, ..PLAIN };
        let extent = |rounding, before| {
            Window { rounding, before, after: before, ..wide }.extent(2, 5).unwrap()
        };
        assert_eq!(extent(Rounding::Floor, 0), 2);
        assert_eq!(extent(Rounding::Ceil, 0), 2);
        assert_eq!(extent(Rounding::Caffe, 0), 3);
        assert_eq!(extent(Rounding::Ceil, 1), extent(Rounding::Caffe, 1));
    }

    /// torch pools an axis of one element with kernel 2, stride 2 and ceil_mode to one, and refuses it with stride 1.
    #[test]
    fn ceil_keeps_a_first_window_that_runs_over_by_less_than_a_stride() {
        let pool = Window { kernel: 2, rounding: Rounding::Ceil, ..PLAIN };
        assert_eq!((pool.extent(2, 1), pool.taps(1, 1).all), (Ok(1), 1));
        assert!(Window { stride: 1, ..pool }.extent(2, 1).is_err());
        assert!(Window { rounding: Rounding::Floor, ..pool }.extent(2, 1).is_err());
    }

    #[test]
    fn same_keeps_the_extent_and_puts_the_odd_element_last() {
        assert_eq!(Padding::Same.sides(0, 7, 4, 1), Ok((1, 2)));
        assert_eq!(Padding::SameUpper.sides(0, 224, 7, 2), Ok((2, 3)));
        assert_eq!(Padding::SameLower.sides(0, 224, 7, 2), Ok((3, 2)));
        assert!(Padding::Same.sides(0, 7, 3, 2).is_err());
    }

    #[test]
    fn four_sides_in_torchs_order() {
        let written = ArgValue::List([1, 2, 0, 3].map(ArgValue::Int).to_vec());
        let read = Padding::read(&written, 2).unwrap();
        assert_eq!(read.sides(0, 9, 3, 1), Ok((0, 3)));
        assert_eq!(read.sides(1, 9, 3, 1), Ok((1, 2)));
        assert_eq!(read.write(), written);
    }
}

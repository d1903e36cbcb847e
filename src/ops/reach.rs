//! How far an operator sees: what one output element depends on, axis by axis. `analysis::field` composes these into
//! receptive fields.
//!
//! Positions may be negative or beyond the end: those are on padding, and an operator sees there as it does elsewhere.

/// How output positions depend on input positions; with several inputs, on those of each of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// Each element depends on the element at its own place (over all channels, where the operator mixes them).
    Pointwise,
    /// A window on each of the trailing axes: one entry for each, first spatial axis first.
    Window(Vec<AxisReach>),
    /// Each output sees the whole of these input axes.
    Whole(Vec<usize>),
    /// Output axis `i` is input axis `axes[i]`.
    Moved(Vec<usize>),
    /// One position of this axis stays and the axis goes away; those behind it move up.
    Selected {
        /// The axis.
        axis: usize,
        /// The position on it.
        index: i64,
    },
    /// Axes `first..=last` become one: positions along them can no longer be distinguished by axis.
    Folded {
        /// First axis that is folded.
        first: usize,
        /// Last axis that is folded.
        last: usize,
    },
    /// Several inputs are concatenated along this axis; elsewhere each element depends on its own place.
    Joined(usize),
    /// Nothing can be said about positions, for this reason.
    Opaque(&'static str),
}

/// Which inputs of one axis its outputs see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisReach {
    /// A kernel that walks over the input: output i sees `taps` inputs, `dilation` apart, from i·stride + start on.
    Kernel {
        /// Inputs that an output sees.
        taps: u64,
        /// Inputs from one tap to the next.
        dilation: u64,
        /// Inputs from one output to the next.
        stride: u64,
        /// Where the first output's first tap is; negative on padding.
        start: i64,
    },
    /// A kernel that walks over the output, which begins `padding` elements later: output i sees each input j for which
    /// i + padding = j·stride + t·dilation, t being a tap from 0 on. An output may see none.
    Transposed {
        /// Taps of the kernel.
        taps: u64,
        /// Outputs from one tap to the next.
        dilation: u64,
        /// Outputs from one kernel to the next.
        stride: u64,
        /// Outputs cropped before the first.
        padding: u64,
    },
    /// Output i sees the inputs from ⌊(i·inputs + first)/outputs⌋ to ⌊(i·inputs + last)/outputs⌋.
    Between {
        /// Inputs that as many outputs as `outputs` walk along.
        inputs: i64,
        /// Outputs to which this many inputs belong; above 0.
        outputs: i64,
        /// Where the first output's window begins, in parts of an input.
        first: i64,
        /// Where it ends, in parts of an input.
        last: i64,
    },
    /// Two inputs before and two behind (i·inputs + offset)/outputs; where that is whole, the one that is there.
    Cubic {
        /// Inputs that as many outputs as `outputs` walk along.
        inputs: i64,
        /// Outputs to which this many inputs belong; above 0.
        outputs: i64,
        /// Where the first output lies, in parts of an input.
        offset: i64,
    },
}

/// Positions that are equally far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progression {
    /// The first; whatever it is where there are none.
    pub first: i64,
    /// From one to the next; above 0.
    pub step: i64,
    /// How many there are.
    pub count: u64,
}

impl AxisReach {
    /// One element to one element.
    pub const POINT: Self = Self::single(1, 0);

    /// Output i sees the one input i·stride + start.
    pub const fn single(stride: u64, start: i64) -> Self {
        Self::Kernel { taps: 1, dilation: 1, stride, start }
    }

    /// After so many outputs (above 0) the pattern repeats, so many inputs further on; `None` beyond 63 bits.
    pub fn period(&self) -> Option<(i64, i64)> {
        match *self {
            Self::Kernel { stride, .. } => Some((1, i64::try_from(stride).ok()?)),
            Self::Transposed { stride, .. } => Some((i64::try_from(stride).ok()?, 1)),
            Self::Between { inputs, outputs, .. } | Self::Cubic { inputs, outputs, .. } => {
                let shared = i64::try_from(gcd(inputs.unsigned_abs(), outputs.unsigned_abs()));
                let shared = shared.ok()?.max(1);
                Some((outputs / shared, inputs / shared))
            }
        }
    }

    /// The inputs that an output sees; `None` beyond 63 bits.
    pub fn taps(&self, output: i64) -> Option<Progression> {
        let at = |inputs: i64, outputs: i64, offset: i64| {
            let parts = i128::from(output) * i128::from(inputs) + i128::from(offset);
            let (whole, rest) =
                (parts.div_euclid(outputs.into()), parts.rem_euclid(outputs.into()));
            Some((i64::try_from(whole).ok()?, rest == 0))
        };
        match *self {
            Self::Kernel { taps, dilation, stride, start } => {
                let first = i128::from(output) * i128::from(stride) + i128::from(start);
                let (first, step) = (i64::try_from(first).ok()?, i64::try_from(dilation).ok()?);
                Some(Progression { first, step, count: taps })
            }
            Self::Transposed { taps, dilation, stride, padding } => {
                transposed(output, [taps, dilation, stride, padding].map(i128::from))
            }
            Self::Between { inputs, outputs, first, last } => {
                let ((first, _), (last, _)) =
                    (at(inputs, outputs, first)?, at(inputs, outputs, last)?);
                let count = i128::from(last) - i128::from(first) + 1;
                Some(Progression { first, step: 1, count: u64::try_from(count).ok()? })
            }
            Self::Cubic { inputs, outputs, offset } => Some(match at(inputs, outputs, offset)? {
                (first, true) => Progression { first, step: 1, count: 1 },
                (before, false) => Progression { first: before.checked_sub(1)?, step: 1, count: 4 },
            }),
        }
    }
}

/// The inputs j with output + padding = j·stride + t·dilation for a tap t.
fn transposed(output: i64, [taps, dilation, stride, padding]: [i128; 4]) -> Option<Progression> {
    let nothing = Progression { first: 0, step: 1, count: 0 };
    let place = i128::from(output) + padding;
    let shared = {
        let all = (u64::try_from(dilation).ok()?, u64::try_from(stride).ok()?);
        i128::from(gcd(all.0, all.1).max(1))
    };
    if place.rem_euclid(shared) != 0 {
        return Some(nothing);
    }
    let (place, dilation, stride) = (place / shared, dilation / shared, stride / shared);
    // The first tap that stands over an input; every stride-th after it does.
    let tap = (place.rem_euclid(stride) * inverse(dilation, stride)).rem_euclid(stride);
    if tap >= taps {
        return Some(nothing);
    }
    let after = (taps - 1 - tap) / stride;
    let last = (place - dilation * tap) / stride;
    Some(Progression {
        first: i64::try_from(last - dilation * after).ok()?,
        step: i64::try_from(dilation).ok()?,
        count: u64::try_from(after + 1).ok()?,
    })
}

/// What a number must be multiplied by to leave 1 when divided by `modulus`, to which it is coprime: Euclid's algorithm.
fn inverse(number: i128, modulus: i128) -> i128 {
    let (mut rest, mut next) = (modulus, number.rem_euclid(modulus));
    let (mut factor, mut next_factor) = (0, 1);
    while next != 0 {
        let times = rest / next;
        (rest, next) = (next, rest - times * next);
        (factor, next_factor) = (next_factor, factor - times * next_factor);
    }
    factor
}

/// The greatest common divisor; of zero and a number, the number.
pub(crate) fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(reach: &AxisReach, output: i64) -> Vec<i64> {
        let Progression { first, step, count } = reach.taps(output).unwrap();
        (0..i64::try_from(count).unwrap()).map(|k| first + k * step).collect()
    }

    /// Every kernel, dilation, stride and padding up to 6 against the equation itself.
    #[test]
    fn a_transposed_kernel_sees_what_the_equation_says() {
        for code in 0..6_i64.pow(4) {
            let [taps, dilation, stride, padding] =
                [1, 6, 36, 216].map(|place| code / place % 6 + i64::from(place < 216));
            let reach = AxisReach::Transposed {
                taps: taps.unsigned_abs(),
                dilation: dilation.unsigned_abs(),
                stride: stride.unsigned_abs(),
                padding: padding.unsigned_abs(),
            };
            for output in -7..7 {
                let stands =
                    |j: &i64| (0..taps).any(|tap| output + padding == j * stride + tap * dilation);
                let expected: Vec<i64> = (-50..50).filter(stands).collect();
                assert_eq!(seen(&reach, output), expected, "{reach:?} at {output}");
            }
            assert_eq!(reach.period(), Some((stride, 1)));
        }
    }

    #[test]
    fn positions_in_between() {
        // Twice as many outputs, centres aligned: −1/4, 1/4, 3/4, …
        let linear = AxisReach::Between { inputs: 2, outputs: 4, first: -1, last: 2 };
        assert_eq!(linear.period(), Some((2, 1)));
        assert_eq!([-1, 0, 1, 2].map(|i| seen(&linear, i)), [[-1, 0], [-1, 0], [0, 1], [0, 1]]);
        // Three times as many: the middle one of three lies on an input.
        let cubic = AxisReach::Cubic { inputs: 2, outputs: 6, offset: -2 };
        assert_eq!(seen(&cubic, 0), [-2, -1, 0, 1]);
        assert_eq!(seen(&cubic, 1), [0]);
        assert_eq!(seen(&cubic, 2), [-1, 0, 1, 2]);
    }
}

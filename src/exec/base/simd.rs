//! Loops compiled twice: for any machine of the target, and for one with AVX2, which is found out at run time.
//!
//! Both are the same safe code. Products and sums are rounded one by one in both, so that both give the same bits. The one
//! unsafe call says that the machine has what the second was compiled for. It may use `scalar`.

#![allow(
    clippy::inline_always,
    reason = "what is inlined is compiled for the machine that it runs on"
)]

/// A loop. `run` must be `#[inline(always)]`, as must be all that it calls, so that it becomes part of its caller.
pub(crate) trait Loop {
    /// What it makes.
    type Out;
    /// Runs it.
    fn run(self) -> Self::Out;
}

/// The loop as wide as the machine allows.
#[inline]
pub(crate) fn run<L: Loop>(work: L) -> L::Out {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[allow(unsafe_code, reason = "the machine was asked")]
        // SAFETY: the machine has AVX2.
        return unsafe { avx2(work) };
    }
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<L: Loop>(work: L) -> L::Out {
    work.run()
}

/// Numbers that a loop takes at once.
pub(crate) const WIDTH: usize = 32;

/// Each number the sum of products: a slice of `x` that begins at an offset, by its weight; and `start`. `y` is whole
/// [`WIDTH`]s long.
pub(crate) struct Taps<'a, S> {
    pub(crate) x: &'a [S],
    pub(crate) offsets: &'a [usize],
    pub(crate) weights: &'a [S],
    pub(crate) start: S,
    pub(crate) y: &'a mut [S],
}

impl<S: crate::exec::base::scalar::Scalar> Loop for Taps<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Self { x, offsets, weights, start, y } = self;
        let (blocks, _) = y.as_chunks_mut::<WIDTH>();
        for (at, y) in blocks.iter_mut().enumerate() {
            let mut sums = [start; WIDTH];
            for (offset, weight) in offsets.iter().zip(weights) {
                let x = &x[offset + at * WIDTH..][..WIDTH];
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = sum.mac(*x, *weight);
                }
            }
            *y = sums;
        }
    }
}

/// Partial sums of a product of slices.
pub(crate) const SUMS: usize = 8;

/// The products of `g` with the beginnings of some slices. `g` is whole [`SUMS`] long.
pub(crate) struct Dots<'a, S, const T: usize> {
    pub(crate) g: &'a [S],
    pub(crate) x: [&'a [S]; T],
}

impl<S: crate::exec::base::scalar::Scalar, const T: usize> Loop for Dots<'_, S, T> {
    type Out = [S; T];
    #[inline(always)]
    fn run(self) -> [S; T] {
        let Self { g, x } = self;
        let mut sums = [[S::ZERO; SUMS]; T];
        let (g, _) = g.as_chunks::<SUMS>();
        let x = x.map(|x| &x.as_chunks::<SUMS>().0[..g.len()]);
        for (at, g) in g.iter().enumerate() {
            for (sums, x) in sums.iter_mut().zip(&x) {
                for (sum, (g, x)) in sums.iter_mut().zip(g.iter().zip(&x[at])) {
                    *sum = sum.mac(*g, *x);
                }
            }
        }
        sums.map(|sums| sums.into_iter().fold(S::ZERO, S::add))
    }
}

/// The largest of shifted slices, and the distance of the tap that won; the first of equal ones does, and NaN over all.
/// `y` is whole [`WIDTH`]s long.
pub(crate) struct Highest<'a, S, const KEEP: bool> {
    pub(crate) x: &'a [S],
    pub(crate) offsets: &'a [usize],
    pub(crate) distances: &'a [S],
    /// The distance where nothing is above −∞.
    pub(crate) none: S,
    pub(crate) y: &'a mut [S],
    pub(crate) won: &'a mut [S],
}

impl<S: crate::exec::base::scalar::Scalar, const KEEP: bool> Loop for Highest<'_, S, KEEP> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Self { x, offsets, distances, none, y, won } = self;
        let (y, won) = (y.as_chunks_mut::<WIDTH>().0, won.as_chunks_mut::<WIDTH>().0);
        for (at, (y, won)) in y.iter_mut().zip(won).enumerate() {
            let (mut largest, mut winner) = ([S::LOWEST; WIDTH], [none; WIDTH]);
            for (offset, distance) in offsets.iter().zip(distances) {
                let x = &x[offset + at * WIDTH..][..WIDTH];
                let mut wins = [false; WIDTH];
                for (wins, (x, largest)) in wins.iter_mut().zip(x.iter().zip(&largest)) {
                    #[allow(clippy::eq_op, reason = "NaN is not itself")]
                    let is_nan = x != x;
                    *wins = x.above(*largest) | is_nan;
                }
                for ((largest, x), wins) in largest.iter_mut().zip(x).zip(wins) {
                    *largest = S::choose(wins, *x, *largest);
                }
                if KEEP {
                    for (winner, wins) in winner.iter_mut().zip(wins) {
                        *winner = S::choose(wins, *distance, *winner);
                    }
                }
            }
            *y = largest;
            if KEEP {
                *won = winner;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::base::scalar::Scalar;

    fn numbers<S: Scalar>(n: usize) -> Vec<S> {
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        (0..n).map(|i| S::of(((i * 37 + 11) % 101) as f64 / 17.0 - 2.9)).collect()
    }

    fn agree<S: Scalar>() {
        let (x, w) = (numbers::<S>(500), numbers::<S>(9));
        let offsets = [0, 1, 2, 20, 21, 22, 40, 41, 42];
        let taps = |is_wide: bool| {
            let mut y = vec![S::ZERO; 4 * WIDTH];
            let (offsets, start) = (&offsets[..], S::of(0.3));
            let work = Taps { x: &x, offsets, weights: &w, start, y: &mut y };
            if is_wide {
                run(work);
            } else {
                work.run();
            }
            y
        };
        assert_eq!(taps(true), taps(false));
        let highest = |is_wide: bool| {
            let (mut y, mut won) = (vec![S::ZERO; 4 * WIDTH], vec![S::ZERO; 4 * WIDTH]);
            let (offsets, none) = (&offsets[..], S::of(-1.0));
            let work: Highest<'_, S, true> =
                Highest { x: &x, offsets, distances: &w, none, y: &mut y, won: &mut won };
            if is_wide {
                run(work);
            } else {
                work.run();
            }
            (y, won)
        };
        assert_eq!(highest(true), highest(false));
        let g = numbers::<S>(4 * WIDTH);
        let dots = || Dots { g: &g, x: offsets.map(|offset| &x[offset..]) };
        assert_eq!(run(dots()), dots().run());
    }

    #[test]
    fn wide_loops_give_the_bits_of_narrow_ones() {
        agree::<f32>();
        agree::<f64>();
    }
}

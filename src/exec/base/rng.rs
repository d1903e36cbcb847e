//! Random numbers that are the same on every machine: ChaCha with 8 rounds, and distributions made from it here.
//!
//! A block of normal numbers takes as many words of the stream as any other, so that many are sampled by several threads at
//! once, each from its place in the stream. It may use `scalar`, and the loops and
//! threads of `fast`.

mod normal;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::parallel;
use super::scalar::Scalar;
use normal::{BLOCK, PAIRS, Pair};

/// Blocks that a thread samples at least.
const TOGETHER: usize = 256;
/// Words of the stream that two normal numbers are made of.
const WORDS: u128 = (size_of::<Pair>() / size_of::<u32>()) as u128;

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// From 0 to below 1, in steps of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        normal::unit(self.0.next_u64())
    }

    /// From `low` to below `high`, all alike.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Normal with mean 0 and deviation 1, by Box and Muller's method.
    #[cfg(any(test, feature = "internals"))]
    pub fn normal(&mut self) -> f64 {
        normal::normals([self.0.next_u64(), self.0.next_u64()])[0]
    }

    /// So many normal numbers with mean 0 and this deviation.
    pub fn normals<S: Scalar>(&mut self, n: usize, deviation: f64) -> Vec<S> {
        let mut drawn = vec![S::ZERO; n];
        let begin = self.0.get_word_pos();
        let here = &self.0;
        let words = |blocks: usize| WORDS * (blocks * PAIRS) as u128;
        let parts = drawn.chunks_mut(TOGETHER * BLOCK).enumerate();
        parallel::run(parts, &mut [] as &mut [S], 0, |(part, into), _| {
            let mut rng = here.clone();
            rng.set_word_pos(begin.wrapping_add(words(part * TOGETHER)));
            for into in into.chunks_mut(BLOCK) {
                let mut pairs = [Pair::default(); PAIRS];
                let needed = into.len().min(PAIRS);
                pairs[..needed].fill_with(|| [rng.next_u64(), rng.next_u64()]);
                into.copy_from_slice(&normal::block(&pairs, deviation)[..into.len()]);
            }
        });
        let last = WORDS * (n % BLOCK).min(PAIRS) as u128;
        self.0.set_word_pos(begin.wrapping_add(words(n / BLOCK) + last));
        drawn
    }

    /// A whole number below `n`, all alike to within 2⁻⁵³.
    pub fn below(&mut self, n: usize) -> usize {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "below n"
        )]
        let drawn = (self.unit() * n as f64) as usize;
        drawn.min(n.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        assert!((0..100).all(|_| a.unit().to_bits() == b.unit().to_bits()));
        assert_ne!(Rng::new(1).unit().to_bits(), Rng::new(2).unit().to_bits());
    }

    /// Wherever the stream stands, and whichever thread samples them: cosines of a block's pairs, then their sines.
    #[test]
    fn many_normal_numbers_are_those_of_their_pairs() {
        for (n, before) in [(0, 0), (1, 1), (63, 2), (64, 7), (65, 31), (200_001, 3)] {
            let (mut many, mut single) = (Rng::new(5), Rng::new(5));
            for rng in [&mut many, &mut single] {
                (0..before).for_each(|_| _ = rng.unit());
            }
            let drawn: Vec<f64> = many.normals(n, 0.5);
            for block in drawn.chunks(BLOCK) {
                let count = block.len().min(PAIRS);
                let pairs: Vec<[f64; 2]> = (0..count)
                    .map(|_| normal::normals([single.0.next_u64(), single.0.next_u64()]))
                    .collect();
                let right =
                    pairs.iter().map(|pair| pair[0]).chain(pairs.iter().map(|pair| pair[1]));
                assert!(block.iter().zip(right).all(|(x, y)| x.to_bits() == (0.5 * y).to_bits()));
            }
            assert_eq!(many.unit().to_bits(), single.unit().to_bits(), "{n}");
        }
    }

    #[test]
    fn normal_numbers_have_their_moments() {
        let mut rng = Rng::new(0);
        let drawn: Vec<f64> = rng.normals(20_000, 1.0);
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        let variance = drawn.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}

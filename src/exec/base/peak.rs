//! What the machine can do: the speed of one large matrix product, measured where the layers are, so that both can be
//! compared.

use std::time::Instant;

use super::matmul::{Matrix, MatrixMut, Native, Write};
use super::parallel;

/// Rows, inner size and columns: a part of it fits the caches, the whole takes some milliseconds.
const SIZES: [usize; 3] = [1024, 768, 1024];
const ROUNDS: usize = 7;

/// Floating point operations a second, two for each multiply-accumulate, of the best of a few large products in singles,
/// with the threads of the pool it runs in.
pub fn peak() -> f64 {
    let [rows, inner, cols] = SIZES;
    let (a, b) = (vec![0.5f32; rows * inner], vec![0.25f32; inner * cols]);
    let mut c = vec![0.0f32; rows * cols];
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let parts = MatrixMut::new(&mut c, rows, cols, cols).cut(rows / 4, cols / 4);
        parallel::run(parts, &mut [] as &mut [f32], 0, |(row, col, mut into), _| {
            let [high, wide] = into.sizes();
            let a = Matrix::rows(&a, rows, inner).part(row, 0, [high, inner]);
            let b = Matrix::rows(&b, inner, cols).part(0, col, [inner, wide]);
            (Native::<f32>::OWN.multiply)(&mut into, a, b, Write::Over);
        });
        best = best.min(begin.elapsed().as_secs_f64());
    }
    #[allow(clippy::cast_precision_loss, reason = "a speed")]
    let flops = (2 * rows * inner * cols) as f64;
    flops / best
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_speed_is_a_number_above_zero() {
        let peak = super::peak();
        assert!(peak.is_finite() && peak > 0.0, "{peak}");
    }
}

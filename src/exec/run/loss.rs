//! Losses, each with its gradient: cross-entropy to classes, and the mean square to a target.
//!
//! ```text
//! cross-entropy   z = x − max x     L = (1/R)·Σ_r (ln Σ exp(z) − z[class])     dx = (exp(z)/Σ exp(z) − [class])·(1/R)
//!                 logits N×K or N×K×…; a row r of the R rows is the K logits of a sample at a position
//!                 an element is 1 cmp, 2 adds, 1 special, 1 div, 1 mul; a row 1 special, 3 adds; once 1 mul
//! mean square     d = y − target    L = (1/n)·Σ d²                             dy = (2/n)·d
//!                 an element is 2 adds, 2 muls; once 1 mul
//! ```
//!
//! Value and gradient are made in one go, with nothing in memory but the gradient. 1/R, 1/n and 2/n are constants and
//! free.

use crate::exec::base::meter::Meter;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;

/// A loss and its gradient.
#[derive(Clone, Debug)]
pub struct Loss<S> {
    /// FastOptions wrong the output is.
    pub value: S,
    /// The gradient of the output.
    pub gradient: Tensor<S>,
}

/// `numerator/n`, free.
fn share<S: Scalar>(numerator: f64, n: usize) -> S {
    #[allow(clippy::cast_precision_loss, reason = "rows or elements")]
    S::of(numerator / n as f64)
}

/// Cross-entropy of logits N×K (or N×K×positions) to class indices, one a row, averaged over the rows.
///
/// # Panics
/// If there is not one class for each row, or a class is not among the K.
pub fn cross_entropy<S: Scalar>(logits: &Tensor<S>, classes: &[usize], meter: &Meter) -> Loss<S> {
    let (batch, k) = (logits.shape()[0], logits.shape()[1]);
    let positions: usize = logits.shape()[2..].iter().product();
    let rows = batch * positions;
    assert_eq!(classes.len(), rows, "classes of logits {:?}", logits.shape());
    let each = share::<S>(1.0, rows);
    let mut gradient = Tensor::<S>::zeros(logits.shape(), meter);
    let (x, into) = (logits.data(), gradient.data_mut());
    let mut total = S::ZERO;
    for (r, class) in classes.iter().enumerate() {
        assert!(*class < k, "class {class} of {k}");
        let at = |c: usize| (r / positions * k + c) * positions + r % positions;
        let max = (0..k).fold(S::LOWEST, |max, c| max.max(x[at(c)]));
        let mut sum = S::ZERO;
        let mut chosen = S::ZERO;
        for c in 0..k {
            let z = x[at(c)].sub(max);
            if c == *class {
                chosen = z;
            }
            into[at(c)] = z.exp();
            sum = sum.add(into[at(c)]);
        }
        total = total.add(sum.ln().sub(chosen));
        for c in 0..k {
            into[at(c)] = into[at(c)].div(sum);
        }
        into[at(*class)] = into[at(*class)].sub(S::of(1.0));
        for c in 0..k {
            into[at(c)] = into[at(c)].mul(each);
        }
    }
    Loss { value: total.mul(each), gradient }
}

/// The mean square of the difference to a target, over all elements.
///
/// # Panics
/// If the shapes differ.
pub fn mean_square<S: Scalar>(output: &Tensor<S>, target: &Tensor<S>, meter: &Meter) -> Loss<S> {
    assert_eq!(output.shape(), target.shape(), "output and target");
    let slope = share::<S>(2.0, output.len());
    let mut gradient = Tensor::<S>::zeros(output.shape(), meter);
    let mut total = S::ZERO;
    let pairs = output.data().iter().zip(target.data());
    for (dy, (y, target)) in gradient.data_mut().iter_mut().zip(pairs) {
        let off = y.sub(*target);
        total = total.add(off.mul(off));
        *dy = off.mul(slope);
    }
    Loss { value: total.mul(share(1.0, output.len())), gradient }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::base::scalar::{Counted, Tally, counting};

    #[test]
    fn equal_logits_cost_the_logarithm_of_their_number() {
        let meter = Meter::new();
        let loss = cross_entropy(&Tensor::<f64>::full(&[2, 5], 1000.0, &meter), &[0, 4], &meter);
        assert!((loss.value - 5f64.ln()).abs() < 1e-12);
        let first: Vec<f64> = loss.gradient.data()[..2].to_vec();
        assert!((first[0] + 0.4).abs() < 1e-12 && (first[1] - 0.1).abs() < 1e-12);
        assert_eq!(meter.now(), 80);
    }

    #[test]
    fn mean_square_by_hand() {
        let meter = Meter::new();
        let tensor = |data: &[f64]| Tensor::new(&[2, 1], data.to_vec(), &meter);
        let loss = mean_square(&tensor(&[1.0, 3.0]), &tensor(&[0.0, 1.0]), &meter);
        assert!((loss.value - 2.5).abs() < 1e-12);
        assert_eq!(loss.gradient.data(), [1.0, 2.0]);
    }

    /// The arithmetic that the head states, on two rows of three.
    #[test]
    fn arithmetic_is_as_stated() {
        let meter = Meter::new();
        let x = Tensor::<Counted>::zeros(&[2, 3], &meter);
        let (_, tally) = counting(|| cross_entropy(&x, &[0, 1], &meter));
        let expected =
            Tally { adds: 18, muls: 7, divs: 6, cmps: 6, specials: 8, ..Tally::default() };
        assert_eq!(tally, expected);
        let (_, tally) = counting(|| mean_square(&x, &x, &meter));
        assert_eq!(tally, Tally { adds: 12, muls: 13, ..Tally::default() });
    }
}

//! Optimisers as torch defines them: gradient descent with momentum, and Adam.
//!
//! ```text
//! SGD    u = momentum·u + g  (u = g in the first step)         an element is 1 mul, 1 add; not in the first step
//!        w = w − lr·u        (w = w − lr·g without momentum)   1 mul, 1 add
//!        state: u with momentum, else none
//! Adam   m = m + (1 − β₁)·(g − m)                              2 adds, 1 mul
//!        v = β₂·v + (1 − β₂)·(g·g)                             1 add, 3 muls
//!        w = w − (lr/c₁)·(m/(√v·(1/√c₂) + eps))                2 adds, 2 muls, 1 div, 1 special
//!        c = 1 − βᵗ at step t, which corrects the bias of the beginning; factors made of constants are free
//!        state: m and v, zeros before the first step
//! ```
//!
//! State is made in the first step, on the meter of the parameter it belongs to, in memory of its own: storage that was
//! left behind will be wanted again in the next step. Parameters come in the same order each
//! time.

use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;

/// One optimiser with its state.
pub trait Optimizer<S: Scalar> {
    /// One step: parameters, each with its gradient, in the same order each time.
    fn step<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a mut Tensor<S>, &'a Tensor<S>)>);
    /// Bytes of its state.
    #[cfg(any(test, feature = "internals"))]
    fn bytes(&self) -> u64;

    /// One step on parameters that lie together.
    ///
    /// # Panics
    /// If there is not one gradient for each.
    #[cfg(any(test, feature = "internals"))]
    fn step_all(&mut self, params: &mut [Tensor<S>], grads: &[Tensor<S>]) {
        assert_eq!(params.len(), grads.len(), "parameters and gradients");
        self.step(params.iter_mut().zip(grads));
    }
}

/// Stochastic gradient descent, torch's `SGD`.
#[derive(Clone, Debug)]
pub struct Sgd<S> {
    /// Length of a step.
    pub lr: f64,
    /// How much of the last step is made again; 0 for none.
    pub momentum: f64,
    last: Vec<Tensor<S>>,
}

impl<S: Scalar> Sgd<S> {
    /// An optimiser before its first step.
    pub fn new(lr: f64, momentum: f64) -> Self {
        Self { lr, momentum, last: Vec::new() }
    }
}

impl<S: Scalar> Optimizer<S> for Sgd<S> {
    fn step<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a mut Tensor<S>, &'a Tensor<S>)>) {
        let (lr, momentum) = (S::of(self.lr), S::of(self.momentum));
        for (i, (param, grad)) in pairs.into_iter().enumerate() {
            let direction = if self.momentum == 0.0 {
                grad
            } else {
                if let Some(last) = self.last.get_mut(i) {
                    for (u, g) in last.data_mut().iter_mut().zip(grad.data()) {
                        *u = momentum.mul(*u).add(*g);
                    }
                } else {
                    let copy = grad.data().to_vec();
                    self.last.push(Tensor::new(param.shape(), copy, param.meter()));
                }
                &self.last[i]
            };
            for (w, u) in param.data_mut().iter_mut().zip(direction.data()) {
                *w = w.sub(lr.mul(*u));
            }
        }
    }

    #[cfg(any(test, feature = "internals"))]
    fn bytes(&self) -> u64 {
        self.last.iter().map(Tensor::bytes).sum()
    }
}

/// torch's `Adam`.
#[derive(Clone, Debug)]
#[cfg(any(test, feature = "internals"))]
pub struct Adam<S> {
    /// Length of a step.
    pub lr: f64,
    /// FastOptions slowly mean and mean square of the gradients move.
    pub betas: (f64, f64),
    /// Added to the root of the mean square.
    pub eps: f64,
    steps: i32,
    moments: Vec<[Tensor<S>; 2]>,
}

#[cfg(any(test, feature = "internals"))]
impl<S: Scalar> Adam<S> {
    /// An optimiser before its first step, with torch's betas (0.9, 0.999) and eps 1e-8.
    pub fn new(lr: f64) -> Self {
        Self { lr, betas: (0.9, 0.999), eps: 1e-8, steps: 0, moments: Vec::new() }
    }
}

#[cfg(any(test, feature = "internals"))]
impl<S: Scalar> Optimizer<S> for Adam<S> {
    fn step<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a mut Tensor<S>, &'a Tensor<S>)>) {
        self.steps += 1;
        let (first, second) = self.betas;
        let correct = |beta: f64| 1.0 - beta.powi(self.steps);
        let length = S::of(self.lr / correct(first));
        let unbias = S::of(1.0 / correct(second).sqrt());
        for (i, (param, grad)) in pairs.into_iter().enumerate() {
            if self.moments.len() == i {
                let zeros =
                    || Tensor::new(param.shape(), vec![S::ZERO; param.len()], param.meter());
                self.moments.push([zeros(), zeros()]);
            }
            let [means, squares] = &mut self.moments[i];
            let moments = means.data_mut().iter_mut().zip(squares.data_mut());
            let pairs = param.data_mut().iter_mut().zip(grad.data());
            for ((w, g), (m, v)) in pairs.zip(moments) {
                *m = m.add(S::of(1.0 - first).mul(g.sub(*m)));
                *v = S::of(second).mul(*v).add(S::of(1.0 - second).mul(g.mul(*g)));
                let root = v.sqrt().mul(unbias).add(S::of(self.eps));
                *w = w.sub(length.mul(m.div(root)));
            }
        }
    }

    #[cfg(any(test, feature = "internals"))]
    fn bytes(&self) -> u64 {
        self.moments.iter().flatten().map(Tensor::bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::base::meter::Meter;
    use crate::exec::base::scalar::{Counted, Tally, counting};

    fn steps<S: Scalar>(optimizer: &mut impl Optimizer<S>, grads: &[f64]) -> f64 {
        let meter = Meter::new();
        let one = |x| Tensor::new(&[1], vec![S::of(x)], &meter);
        let mut params = [one(1.0)];
        for g in grads {
            optimizer.step_all(&mut params, &[one(*g)]);
        }
        params[0].data()[0].value()
    }

    /// u = 1, then 0.9 + 2 = 2.9; w = 1 − 0.1 − 0.29.
    #[test]
    fn momentum_by_hand() {
        assert!((steps(&mut Sgd::<f64>::new(0.1, 0.9), &[1.0, 2.0]) - 0.61).abs() < 1e-12);
        assert!((steps(&mut Sgd::<f64>::new(0.1, 0.0), &[1.0, 2.0]) - 0.7).abs() < 1e-12);
    }

    /// The first step is lr long whatever the gradient is; the second from the definition.
    #[test]
    fn adam_by_hand() {
        assert!((steps(&mut Adam::<f64>::new(0.1), &[5.0]) - 0.9).abs() < 1e-8);
        let (m, v) = (0.9 * 0.1 * 5.0 - 0.1, 0.999 * 0.001 * 25.0 + 0.001 * 1.0);
        let (m, v): (f64, f64) = (m / (1.0 - 0.81), v / (1.0 - 0.998_001));
        let expected = 0.9 - 0.1 * m / (v.sqrt() + 1e-8);
        assert!((steps(&mut Adam::<f64>::new(0.1), &[5.0, -1.0]) - expected).abs() < 1e-8);
    }

    #[test]
    fn state_is_made_in_the_first_step_and_accounted() {
        let meter = Meter::new();
        let mut params = [Tensor::<f32>::zeros(&[3, 2], &meter)];
        let grads = [Tensor::full(&[3, 2], 1.0, &meter)];
        let (mut sgd, mut adam) = (Sgd::new(0.1, 0.9), Adam::new(0.1));
        let before = meter.now();
        sgd.step_all(&mut params, &grads);
        assert_eq!((sgd.bytes(), meter.now() - before), (24, 24));
        adam.step_all(&mut params, &grads);
        adam.step_all(&mut params, &grads);
        assert_eq!((adam.bytes(), meter.now() - before), (48, 72));
    }

    /// The arithmetic that the head states.
    #[test]
    fn arithmetic_is_as_stated() {
        let count = |run: &mut dyn FnMut()| counting(run).1;
        let mut sgd = Sgd::<Counted>::new(0.1, 0.9);
        let two = count(&mut || {
            steps(&mut sgd, &[1.0, 1.0]);
        });
        assert_eq!(two, Tally { adds: 3, muls: 3, ..Tally::default() });
        let mut adam = Adam::<Counted>::new(0.1);
        let one = count(&mut || {
            steps(&mut adam, &[1.0]);
        });
        assert_eq!(one, Tally { adds: 5, muls: 6, divs: 1, specials: 1, ..Tally::default() });
    }
}

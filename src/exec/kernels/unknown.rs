//! An operator without a rule has no kernel: a network that holds one is refused before it runs.

use super::{Backward, Forward, Grads, Init, Kernel, Made, Owned};
use crate::exec::scalar::Scalar;
use crate::ops::Unknown;

const REFUSED: &str = "a network with an unknown operator is refused before it runs";

impl Kernel for Unknown {
    fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
        unreachable!("{REFUSED}")
    }

    fn forward<S: Scalar>(&self, _: Forward<'_, S>) -> Made<S> {
        unreachable!("{REFUSED}")
    }

    fn backward<S: Scalar>(&self, _: Backward<'_, S>) -> Grads<S> {
        unreachable!("{REFUSED}")
    }
}

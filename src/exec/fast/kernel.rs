//! What a fast kernel is, and what several of them share.

use crate::exec::base::matmul::Native;
use crate::exec::base::meter::{Buffer, Meter};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::{parallel, reduce};
use crate::exec::kernels::{Backward, Forward, Grads, Made, Owned, Scratch};
use crate::ops::Mode;

/// What a fast kernel may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FastOptions {
    /// Only in ways that round about as often as the reference does: of tiles, those of 2×2 outputs.
    pub(crate) exact: bool,
    /// What a forward pass needs of the parameters is made beforehand.
    pub(crate) prepacked: bool,
}

/// An operator with a fast kernel.
pub(crate) trait Fast {
    /// Whether it takes inputs of these shapes.
    fn covers(&self, inputs: &[&[usize]]) -> bool;
    /// Its scratch memory, the same for every precision.
    fn scratch(&self, inputs: &[&[usize]], mode: Mode, options: FastOptions) -> Scratch;
    /// Numbers that can be prepacked from the parameters, for forward passes that change none.
    fn prepacked_len(&self, _inputs: &[&[usize]], _how: FastOptions) -> usize {
        0
    }
    /// Makes them.
    fn prepack<S: Scalar>(
        &self,
        _inputs: &[&[usize]],
        _owned: &[Owned<S>],
        _how: FastOptions,
        _into: &mut [S],
    ) {
    }
    /// One forward pass.
    fn forward<S: Scalar>(
        &self,
        pass: Forward<'_, S>,
        native: &Native<S>,
        options: FastOptions,
    ) -> Made<S>;
    /// One backward pass.
    fn backward<S: Scalar>(
        &self,
        pass: Backward<'_, S>,
        native: &Native<S>,
        options: FastOptions,
    ) -> Grads<S>;
}

/// Scratch memory of so many elements, which hold anything.
pub(super) fn block<S: Scalar>(numbers: usize, meter: &Meter) -> Buffer<S> {
    Buffer::scratch(numbers, meter)
}

/// The scratch memory of a backward pass: what it is for is made one after the other.
pub(super) fn backward_block<S: Scalar>(scratch: Scratch, pass: &Backward<'_, S>) -> Buffer<S> {
    block(scratch.backward(pass.want_inputs, pass.want_params), pass.meter)
}

/// The gradient of a bias: for each channel the sum of its planes.
pub(super) fn bias_gradient<S: Scalar>(g: &[S], plane: usize, db: &mut [S]) {
    let channels = db.len();
    let each = channels.div_ceil(parallel::LANES).max(1);
    let parts = db.chunks_mut(each).enumerate();
    parallel::run(parts, &mut [] as &mut [S], 0, |(at, db), _| {
        for (o, db) in (at * each..).zip(db) {
            let planes = g.chunks_exact(plane.max(1)).skip(o).step_by(channels);
            *db = planes.map(|plane| reduce::over(plane, |g| g)).fold(S::ZERO, Scalar::add);
        }
    });
}

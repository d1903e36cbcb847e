//! Elements moved without arithmetic: channels into space, and channels among each other.
//!
//! ```text
//! pixel     y[n, c, h·r + i, w·r + j] = x[n, c·r² + i·r + j, h, w]
//! channel   y[n, c·groups + g, …]     = x[n, g·(C/groups) + c, …]
//! backward  the gradient is moved back
//! ```

use super::{Backward, Forward, Grads, Init, Kernel, Made, Owned, narrow};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{ChannelShuffle, PixelShuffle};

/// How many steps of `step` it takes to go through `n`.
fn steps(n: usize, step: usize) -> usize {
    (0..n).step_by(step).count()
}

/// An operator that moves every element to another place.
trait Moves {
    /// Shape of the output.
    fn shape(&self, shape: &[usize]) -> Vec<usize>;
    /// For each element of the input, in order, the index in the output that it moves to.
    fn places(&self, shape: &[usize]) -> Vec<usize>;
}

impl Moves for PixelShuffle {
    fn shape(&self, shape: &[usize]) -> Vec<usize> {
        let r = narrow(self.upscale_factor);
        vec![shape[0], steps(shape[1], r * r), shape[2] * r, shape[3] * r]
    }

    fn places(&self, shape: &[usize]) -> Vec<usize> {
        let r = narrow(self.upscale_factor);
        let (height, width) = (shape[2], shape[3]);
        let mut places = Vec::new();
        for channel in 0..shape[0] * steps(shape[1], r * r) {
            for i in 0..r {
                for j in 0..r {
                    for h in 0..height {
                        for w in 0..width {
                            let row = channel * height * r + h * r + i;
                            places.push(row * width * r + w * r + j);
                        }
                    }
                }
            }
        }
        places
    }
}

impl Moves for ChannelShuffle {
    fn shape(&self, shape: &[usize]) -> Vec<usize> {
        shape.to_vec()
    }

    fn places(&self, shape: &[usize]) -> Vec<usize> {
        let (groups, plane) = (narrow(self.groups), shape[2..].iter().product::<usize>());
        let mut places = Vec::new();
        for n in 0..shape[0] {
            for g in 0..groups {
                for c in 0..steps(shape[1], groups) {
                    let channel = n * shape[1] + c * groups + g;
                    places.extend(channel * plane..(channel + 1) * plane);
                }
            }
        }
        places
    }
}

/// The `Kernel` of an operator that [`Moves`], which owns nothing.
macro_rules! moves_kernel {
    ($Name:ident) => {
        impl Kernel for $Name {
            fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
                Vec::new()
            }
            fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
                let x = &pass.inputs[0];
                let mut y = Tensor::<S>::zeros(&self.shape(x.shape()), pass.meter);
                let out = y.data_mut();
                for (x, place) in x.data().iter().zip(self.places(x.shape())) {
                    out[place] = *x;
                }
                Made { outputs: vec![y], kept: Vec::new() }
            }
            fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
                Grads::of_input(pass.want_inputs.then(|| {
                    let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
                    for (dx, place) in dx.data_mut().iter_mut().zip(self.places(&pass.shapes[0])) {
                        *dx = pass.grad().data()[place];
                    }
                    dx
                }))
            }
        }
    };
}

moves_kernel!(PixelShuffle);
moves_kernel!(ChannelShuffle);

#[cfg(test)]
mod tests {
    use super::*;

    /// torch's page: four channels in two groups become 0 2 1 3; here each has two elements.
    #[test]
    fn channels_take_turns() {
        let shuffle = ChannelShuffle { groups: 2 };
        assert_eq!(shuffle.places(&[1, 4, 2]), [0, 1, 4, 5, 2, 3, 6, 7]);
        let three = ChannelShuffle { groups: 3 };
        assert_eq!(three.places(&[2, 6]), [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]);
    }

    #[test]
    fn channels_become_space() {
        let shuffle = PixelShuffle { upscale_factor: 2 };
        assert_eq!(shuffle.shape(&[1, 4, 1, 2]), [1, 1, 2, 4]);
        assert_eq!(shuffle.places(&[1, 4, 1, 2]), [0, 2, 1, 3, 4, 6, 5, 7]);
    }
}

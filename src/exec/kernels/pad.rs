//! Padding as a layer of its own: zeros, a mirror image, or the border repeated.
//!
//! ```text
//! forward   y[n, c, p] = x[n, c, s(p)],  s(p) = p − before where that is on the input, elsewhere
//!           zero: no element, y = 0;   reflection: mirrored at the border;   replication: the border
//! backward  dx[n, c, s(p)] = g[n, c, p] for p on the input, then += g[n, c, p] for each p that was added
//! ```
//!
//! A negative side crops: elements that nothing shows have no gradient.

use super::{Backward, Forward, Grads, Init, Kernel, Made, Owned, narrow, positions, volume};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{ReflectionPad, ReplicationPad, ZeroPad};

/// Where an output element on one axis comes from.
#[derive(Clone, Copy)]
enum Source {
    /// The element of the input that stands there.
    Own(usize),
    /// Padding that shows this element of the input.
    Shown(usize),
    /// Padding that is zero.
    Zero,
}

/// Sources of all output elements.
struct Layout {
    extents: [usize; 3],
    sources: [Vec<Source>; 3],
    planes: usize,
    shape: Vec<usize>,
}

impl Layout {
    /// `beyond` is what padding shows, by position and extent of the input.
    fn new(
        shape: &[usize],
        sides: &[(i64, i64)],
        beyond: impl Fn(isize, isize) -> Option<isize>,
    ) -> Self {
        let front = 3 - sides.len();
        let mut layout = Self {
            extents: [1; 3],
            sources: [(); 3].map(|()| vec![Source::Own(0)]),
            planes: shape[0] * shape[1],
            shape: shape[..2].to_vec(),
        };
        for (axis, (before, after)) in sides.iter().enumerate() {
            let extent = shape[2 + axis].cast_signed();
            let source = |at: isize| match usize::try_from(at) {
                Ok(own) if at < extent => Source::Own(own),
                _ => match beyond(at, extent) {
                    Some(shown) => Source::Shown(narrow(shown.unsigned_abs() as u64)),
                    None => Source::Zero,
                },
            };
            let signed = |n: i64| isize::try_from(n).expect("sizes that fit memory");
            let sources: Vec<Source> =
                (-signed(*before)..extent + signed(*after)).map(source).collect();
            layout.shape.push(sources.len());
            layout.extents[front + axis] = shape[2 + axis];
            layout.sources[front + axis] = sources;
        }
        layout
    }

    /// Every output element: its index, where on the input it comes from.
    fn each(&self, mut element: impl FnMut(usize, Source)) {
        let (out, plane) = ([0, 1, 2].map(|axis| self.sources[axis].len()), volume(self.extents));
        let mut y = 0;
        for channel in 0..self.planes {
            for at in positions(out) {
                element(
                    y,
                    match self.source(at) {
                        Source::Own(x) => Source::Own(channel * plane + x),
                        Source::Shown(x) => Source::Shown(channel * plane + x),
                        Source::Zero => Source::Zero,
                    },
                );
                y += 1;
            }
        }
    }

    /// Where in its channel an output element comes from: its own place only if it is that on every axis.
    fn source(&self, at: [usize; 3]) -> Source {
        let (mut x, mut own) = (0, true);
        for (axis, extent) in self.extents.iter().enumerate() {
            let (i, here) = match self.sources[axis][at[axis]] {
                Source::Own(i) => (i, true),
                Source::Shown(i) => (i, false),
                Source::Zero => return Source::Zero,
            };
            x = x * extent + i;
            own &= here;
        }
        if own { Source::Own(x) } else { Source::Shown(x) }
    }
}

fn pad<S: Scalar>(layout: &Layout, pass: &Forward<'_, S>) -> Made<S> {
    let x = &pass.inputs[0];
    let mut y = Tensor::<S>::zeros(&layout.shape, pass.meter);
    let out = y.data_mut();
    layout.each(|y, source| {
        if let Source::Own(at) | Source::Shown(at) = source {
            out[y] = x.data()[at];
        }
    });
    Made { outputs: vec![y], kept: Vec::new() }
}

fn pad_backward<S: Scalar>(layout: &Layout, pass: &Backward<'_, S>) -> Grads<S> {
    Grads::of_input(pass.want_inputs.then(|| {
        let grad = pass.grad();
        let mut dx = Tensor::<S>::zeros(&pass.shapes[0], pass.meter);
        let into = dx.data_mut();
        layout.each(|y, source| {
            if let Source::Own(at) = source {
                into[at] = grad.data()[y];
            }
        });
        layout.each(|y, source| {
            if let Source::Shown(at) = source {
                into[at] = into[at].add(grad.data()[y]);
            }
        });
        dx
    }))
}

/// The `Kernel` of a pad, which owns nothing; `$beyond` is what padding shows.
macro_rules! pad_kernel {
    ($Name:ident, $beyond:expr) => {
        impl Kernel for $Name {
            fn init<S: Scalar>(&self, _: &[&[usize]], _: &mut Init<'_>) -> Vec<Owned<S>> {
                Vec::new()
            }
            fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S> {
                let shape = pass.inputs[0].shape();
                pad(&Layout::new(shape, self.padding.values(), $beyond), &pass)
            }
            fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S> {
                let shape = &pass.shapes[0];
                pad_backward(&Layout::new(shape, self.padding.values(), $beyond), &pass)
            }
        }
    };
}

pad_kernel!(ZeroPad, |_, _| None);
pad_kernel!(ReflectionPad, |at, extent| {
    Some(if at < 0 { -at } else { (extent - 1) - (at - (extent - 1)) })
});
pad_kernel!(ReplicationPad, |at, extent| Some(if at < 0 { 0 } else { extent - 1 }));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::kernels::made;
    use crate::ops::arg_type::ArgType;
    use crate::ops::args::ArgValue;
    use crate::ops::pad::Sides;

    fn sides<const MIN: i64>(before: i64, after: i64) -> Sides<MIN> {
        Sides::read(&ArgValue::List([before, after].map(ArgValue::Int).to_vec()), 1).unwrap()
    }

    fn run(pad: &impl Kernel, data: &[f64]) -> Vec<f64> {
        made(pad, &[1, 1, data.len()], data)
    }

    #[test]
    fn what_padding_shows() {
        let x = [1.0, 2.0, 3.0];
        let zero = run(&ZeroPad { rank: 1, padding: sides(1, 2) }, &x);
        assert_eq!(zero, [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
        assert_eq!(run(&ZeroPad { rank: 1, padding: sides(-1, 1) }, &x), [2.0, 3.0, 0.0]);
        let mirrored = run(&ReflectionPad { rank: 1, padding: sides(1, 2) }, &x);
        assert_eq!(mirrored, [2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
        let border = run(&ReplicationPad { rank: 1, padding: sides(2, 1) }, &x);
        assert_eq!(border, [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]);
    }
}

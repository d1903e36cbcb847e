//! Depthwise convolution: each channel has one kernel of its own. Any rank up to 3, stride, padding and dilation.
//!
//! ```text
//! forward            y[p]  = b + Σ_t x[p·S − P + D·t]·w[t]
//! input's gradient   dx[i] = Σ_t g[(i + P − D·t)/S]·w[t]        over the taps that divide
//! weight's gradient  dw[t] = Σ_n Σ_p g[p]·x[p·S − P + D·t]
//! ```
//!
//! Sums over taps are those of shifted slices of a padded plane (`grids`, `shifted`); the weight's gradient is made of
//! products with the same slices. Planes and channels are shared by threads. It may use `kernels` and `scalar`.

use super::axis::StridedAxis;
use super::grids::copy;
use super::shifted::{Shifted, backward, forward};
use crate::exec::base::parallel;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::simd::{self, Dots, SUMS};
use crate::exec::kernels::ConvLayout;
use crate::exec::kernels::Scratch;

/// A depthwise convolution on real sizes, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Depthwise {
    batch: usize,
    channels: usize,
    forward: Shifted,
    backward: Shifted,
    /// Elements of an input's plane, and of an output's.
    planes: [usize; 2],
}

impl Depthwise {
    /// The convolution on its sizes, if each channel has one kernel.
    pub(crate) fn of(layout: &ConvLayout) -> Option<Self> {
        let ConvLayout { batch, channels, kernels, groups, axes } = layout;
        if *channels == 1 || [kernels, groups] != [channels; 2] {
            return None;
        }
        let axes = [0, 1, 2].map(|axis| StridedAxis::from(&axes[axis]));
        let planes = [axes.map(|axis| axis.extent), axes.map(|axis| axis.windows)];
        Some(Self {
            batch: *batch,
            channels: *channels,
            forward: forward(&axes),
            backward: backward(&axes),
            planes: planes.map(|extents| extents.iter().product()),
        })
    }

    /// Multiply-accumulates of an output's plane.
    fn macs(&self) -> usize {
        self.planes[1] * self.forward.taps()
    }

    /// Scratch memory of each pass.
    pub(crate) fn scratch(&self) -> Scratch {
        let of = |rows, macs, block| parallel::row_blocks(rows, macs, block);
        let planes = self.batch * self.channels;
        Scratch {
            forward: of(planes, self.macs(), self.forward.block()),
            inputs: of(planes, self.macs(), self.backward.block()),
            params: of(self.channels, self.batch * self.macs(), self.weight_block()),
        }
    }

    fn weight_block(&self) -> usize {
        self.forward.from.numbers() + self.forward.flat()
    }

    /// `y` becomes the convolution of `x`, with a bias for each channel.
    ///
    /// # Panics
    /// If a slice is shorter than its shape.
    pub(crate) fn forward<S: Scalar>(
        &self,
        (x, w, bias): (&[S], &[S], Option<&[S]>),
        y: &mut [S],
        scratch: &mut [S],
    ) {
        run((&self.forward, self.macs()), x, (w, bias), y, scratch);
    }

    /// `dx` becomes the gradient of the input.
    ///
    /// # Panics
    /// If a slice is shorter than its shape.
    pub(crate) fn input_gradient<S: Scalar>(
        &self,
        (g, w): (&[S], &[S]),
        dx: &mut [S],
        scratch: &mut [S],
    ) {
        run((&self.backward, self.macs()), g, (w, None), dx, scratch);
    }

    /// `dw` becomes the gradient of the weight.
    ///
    /// # Panics
    /// If a slice is shorter than its shape.
    pub(crate) fn weight_gradient<S: Scalar>(
        &self,
        (x, g): (&[S], &[S]),
        dw: &mut [S],
        scratch: &mut [S],
    ) {
        let Shifted { from, to, .. } = &self.forward;
        let (taps, [input, output]) = (self.forward.taps(), self.planes);
        let (macs, block) = (self.batch * self.macs(), self.weight_block());
        parallel::rows(dw, (taps, macs), (scratch, block), |first, weights, scratch| {
            let (padded, flat) = scratch.split_at_mut(from.numbers());
            padded.fill(S::ZERO);
            flat.fill(S::ZERO);
            weights.fill(S::ZERO);
            for (channel, dw) in (first..).zip(weights.chunks_mut(taps)) {
                for n in 0..self.batch {
                    let plane = n * self.channels + channel;
                    from.deal(&x[plane * input..][..input], padded);
                    let g = &g[plane * output..][..output];
                    for (z, g) in g.chunks(to[1].extent * to[2].extent).enumerate() {
                        let begin = z * from.axes[1].cells * from.pitch;
                        self.products(g, &padded[begin..], dw, flat);
                    }
                }
            }
        });
    }

    /// Adds the products of a plane of g with all shifted slices to `dw`.
    fn products<S: Scalar>(&self, g: &[S], padded: &[S], dw: &mut [S], flat: &mut [S]) {
        let (pitch, rows, width) =
            (self.forward.from.pitch, self.forward.rows(), self.forward.to[2].extent);
        let offsets = &self.forward.results[0].offsets;
        for (block, g) in g.chunks(rows * width).enumerate() {
            let held = (g.len() / width - 1) * pitch + width;
            let flat = &mut flat[..held.next_multiple_of(SUMS)];
            // Between rows it is 0 already.
            flat[held..].fill(S::ZERO);
            for (into, g) in flat.chunks_mut(pitch).zip(g.chunks_exact(width)) {
                copy(g, &mut into[..width]);
            }
            dots(flat, &padded[block * rows * pitch..], offsets, dw);
        }
    }
}

/// Planes of a source, weights and bias by channel, into planes of a result.
fn run<S: Scalar>(
    (shifted, macs): (&Shifted, usize),
    source: &[S],
    (weights, bias): (&[S], Option<&[S]>),
    into: &mut [S],
    scratch: &mut [S],
) {
    let ((from, to), taps) = (shifted.planes(), shifted.taps());
    let channels = weights.len() / taps;
    parallel::rows(into, (to, macs), (scratch, shifted.block()), |first, planes, scratch| {
        shifted.begin(scratch);
        for (plane, into) in (first..).zip(planes.chunks_mut(to)) {
            let channel = plane % channels;
            let start = bias.map_or(S::ZERO, |bias| bias[channel]);
            let weights = &weights[channel * taps..][..taps];
            shifted.plane(&source[plane * from..][..from], (weights, start), into, scratch);
        }
    });
}

/// Adds to each of `into` the product of `g` with its shifted slice.
fn dots<S: Scalar>(g: &[S], x: &[S], offsets: &[usize], into: &mut [S]) {
    fn some<S: Scalar, const T: usize>(g: &[S], x: &[S], offsets: [usize; T], into: &mut [S]) {
        let sums = simd::run(Dots { g, x: offsets.map(|offset| &x[offset..]) });
        into.iter_mut().zip(sums).for_each(|(into, sum)| *into = into.add(sum));
    }
    if let Ok(offsets) = offsets.try_into() {
        return some::<S, 9>(g, x, offsets, into);
    }
    // Fewer than seven at once are slower, one by one.
    let (eights, rest) = offsets.as_chunks::<8>();
    let (for_eights, for_rest) = into.split_at_mut(eights.len() * 8);
    for (offsets, into) in eights.iter().zip(for_eights.chunks_mut(8)) {
        some::<S, 8>(g, x, *offsets, into);
    }
    for (offset, into) in rest.iter().zip(for_rest.chunks_mut(1)) {
        some::<S, 1>(g, x, [*offset], into);
    }
}

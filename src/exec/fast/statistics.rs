//! The sums of batch normalisation: a channel is brought to mean 0 and variance 1 over the batch and all positions.
//!
//! ```text
//! forward   μ = Σ x / m     v = Σ (x − μ)² / m     i = 1/√(v + eps)     y = (x − μ)·i·w + b
//! backward  db = Σ g        dw = Σ g·x̂             x̂ = (x − μ)·i
//!           own statistics  dx = (g − db/m − x̂·dw/m)·(w·i)              running ones  dx = g·(w·i)
//! ```
//!
//! Sums are made plane by plane and put together in the order of the samples: variances of planes join with those of their
//! means. Channels go in groups, so that what was read for the sums is in a cache when it is read again. It may use
//! `scalar`.

use crate::exec::base::matmul::MatrixMut;
use crate::exec::base::parallel;
use crate::exec::base::reduce::{over, over_pairs};
use crate::exec::base::scalar::Scalar;

/// Numbers of a group of channels.
const GROUP: usize = 1 << 19;

/// Sizes of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Samples.
    pub(crate) batch: usize,
    /// Channels of a sample.
    pub(crate) channels: usize,
    /// Positions of a channel.
    pub(crate) plane: usize,
}

/// What is learned, if anything is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine<'a, S> {
    /// A factor for each channel.
    pub(crate) weight: Option<&'a [S]>,
    /// A summand for each channel.
    pub(crate) bias: Option<&'a [S]>,
}

impl<S: Scalar> Affine<'_, S> {
    fn weight(&self, channel: usize) -> S {
        self.weight.map_or(S::of(1.0), |weight| weight[channel])
    }

    fn bias(&self, channel: usize) -> S {
        self.bias.map_or(S::ZERO, |bias| bias[channel])
    }
}

/// The gradients that are wanted.
#[derive(Debug)]
pub(crate) struct Wanted<'a, S> {
    /// Of the input.
    pub(crate) dx: Option<&'a mut [S]>,
    /// Of the weight.
    pub(crate) dw: Option<&'a mut [S]>,
    /// Of the bias.
    pub(crate) db: Option<&'a mut [S]>,
}

impl Shape {
    /// Channels of a group.
    fn group(&self) -> usize {
        (GROUP / (self.batch * self.plane).max(1)).clamp(1, self.channels.max(1))
    }

    /// Groups of channels: the first of each and how many.
    fn groups(self) -> impl Iterator<Item = (usize, usize)> {
        let most = self.group();
        let group = move |first| (first, most.min(self.channels - first));
        (0..self.channels).step_by(most).map(group)
    }

    /// Elements of a channel.
    fn length<S: Scalar>(&self) -> S {
        count(self.batch * self.plane)
    }

    /// A plane of a sample's channel.
    fn of<'a, S>(&self, x: &'a [S], n: usize, channel: usize) -> &'a [S] {
        &x[(n * self.channels + channel) * self.plane..][..self.plane]
    }

    /// Two numbers for each plane of a group, sample by sample.
    fn partials<S: Scalar>(
        &self,
        (first, count): (usize, usize),
        partials: &mut [S],
        of: impl Fn(usize, usize) -> [S; 2] + Sync,
    ) {
        let all = &mut partials[..2 * self.batch * count];
        parallel::each_row(all, (2, self.plane), |i, pair| {
            pair.copy_from_slice(&of(i / count, first + i % count));
        });
    }

    /// Every plane of a group of channels: the sample, the channel, its numbers.
    fn write<S: Scalar>(
        &self,
        (first, count): (usize, usize),
        y: &mut [S],
        write: impl Fn(usize, usize, &mut [S]) + Sync,
    ) {
        let Self { batch, channels, plane } = *self;
        if y.is_empty() {
            return;
        }
        let together = parallel::together(batch * count, parallel::NUMBER * plane);
        let (images, wide) =
            if together < count { (1, together) } else { (together / count, count) };
        let group = MatrixMut::new(&mut y[first * plane..], batch, count * plane, channels * plane);
        let parts = group.cut(images, wide * plane);
        parallel::run(parts, &mut [] as &mut [S], 0, |(begin, col, mut images), _| {
            for i in 0..images.sizes()[0] {
                let planes = images.row(i).chunks_exact_mut(plane);
                for (channel, y) in (first + col / plane..).zip(planes) {
                    write(begin + i, channel, y);
                }
            }
        });
    }
}

fn count<S: Scalar>(n: usize) -> S {
    #[allow(clippy::cast_precision_loss, reason = "elements of a channel")]
    S::of(n as f64)
}

/// Scratch memory of a pass that needs sums: forward in training, and backward.
pub(crate) fn workspace(shape: Shape) -> usize {
    2 * shape.batch * shape.group()
}

/// `y` becomes `x` normalised by its own statistics, which are written: mean, variance, inverse deviation of each channel.
///
/// # Panics
/// If a slice is shorter than its shape.
pub(crate) fn forward_own<S: Scalar>(
    shape: Shape,
    x: &[S],
    (affine, eps): (Affine<'_, S>, f64),
    y: &mut [S],
    [mean, var, inverse]: [&mut [S]; 3],
    scratch: &mut [S],
) {
    let Shape { batch, plane, .. } = shape;
    for group in shape.groups() {
        let (first, size) = group;
        shape.partials(group, scratch, |n, channel| {
            let x = shape.of(x, n, channel);
            let mean = over(x, |x| x).div(count(plane));
            [mean, over(x, |x| squared(x.sub(mean)))]
        });
        for i in 0..size {
            let of = |n: usize| &scratch[2 * (n * size + i)..][..2];
            let sum = (0..batch).fold(S::ZERO, |sum, n| sum.add(of(n)[0]));
            let common = sum.div(count(batch));
            let squares = (0..batch).fold(S::ZERO, |sum, n| {
                sum.add(of(n)[1]).add(squared(of(n)[0].sub(common)).mul(count(plane)))
            });
            let channel = first + i;
            (mean[channel], var[channel]) = (common, squares.div(shape.length()));
            inverse[channel] = inverted(var[channel], eps);
        }
        let (mean, inverse) = (&*mean, &*inverse);
        shape.write(group, y, |n, channel, y| {
            normalise(shape.of(x, n, channel), (mean, inverse), (affine, channel), y);
        });
    }
}

/// `y` becomes `x` normalised by running statistics; the inverse deviations are written.
///
/// # Panics
/// If a slice is shorter than its shape.
pub(crate) fn forward_running<S: Scalar>(
    shape: Shape,
    x: &[S],
    (affine, eps): (Affine<'_, S>, f64),
    (mean, var): (&[S], &[S]),
    y: &mut [S],
    inverse: &mut [S],
) {
    inverse.iter_mut().zip(var).for_each(|(inverse, var)| *inverse = inverted(*var, eps));
    let inverse = &*inverse;
    shape.write((0, shape.channels), y, |n, channel, y| {
        normalise(shape.of(x, n, channel), (mean, inverse), (affine, channel), y);
    });
}

fn normalise<S: Scalar>(
    x: &[S],
    (mean, inverse): (&[S], &[S]),
    (affine, channel): (Affine<'_, S>, usize),
    y: &mut [S],
) {
    let (mean, bias) = (mean[channel], affine.bias(channel));
    let scale = affine.weight(channel).mul(inverse[channel]);
    for (y, x) in y.iter_mut().zip(x) {
        *y = bias.mac(x.sub(mean), scale);
    }
}

fn squared<S: Scalar>(x: S) -> S {
    x.mul(x)
}

fn inverted<S: Scalar>(var: S, eps: f64) -> S {
    S::of(1.0).div(var.add(S::of(eps)).sqrt())
}

/// Gradients of [`forward_own`], from mean and inverse deviation of each channel.
///
/// # Panics
/// If a slice is shorter than its shape.
pub(crate) fn backward_own<S: Scalar>(
    shape: Shape,
    (x, g): (&[S], &[S]),
    weight: Option<&[S]>,
    (mean, inverse): (&[S], &[S]),
    mut wanted: Wanted<'_, S>,
    scratch: &mut [S],
) {
    let affine = Affine { weight, bias: None };
    for group in shape.groups() {
        let (first, _) = group;
        sums(shape, group, (Some(x), g), (mean, inverse), &mut wanted, scratch);
        let sums = &*scratch;
        let Some(dx) = &mut wanted.dx else { continue };
        shape.write(group, dx, |n, channel, dx| {
            let [sum, product] =
                [0, 1].map(|i| sums[2 * (channel - first) + i].div(shape.length()));
            let (mean, inverse) = (mean[channel], inverse[channel]);
            let (slope, scale) = (product.mul(inverse), affine.weight(channel).mul(inverse));
            let all = shape.of(x, n, channel).iter().zip(shape.of(g, n, channel));
            for (dx, (x, g)) in dx.iter_mut().zip(all) {
                *dx = g.sub(sum).sub(x.sub(mean).mul(slope)).mul(scale);
            }
        });
    }
}

/// Gradients of [`forward_running`], from the running means and the inverse deviations; only the weight's reads `x`.
///
/// # Panics
/// If a slice is shorter than its shape, or the weight's gradient is wanted without `x`.
pub(crate) fn backward_running<S: Scalar>(
    shape: Shape,
    (x, g): (Option<&[S]>, &[S]),
    weight: Option<&[S]>,
    (mean, inverse): (&[S], &[S]),
    mut wanted: Wanted<'_, S>,
    scratch: &mut [S],
) {
    let affine = Affine { weight, bias: None };
    assert!(x.is_some() || wanted.dw.is_none(), "the weight's gradient is one of the input");
    if wanted.dw.is_some() || wanted.db.is_some() {
        for group in shape.groups() {
            sums(shape, group, (x, g), (mean, inverse), &mut wanted, scratch);
        }
    }
    if let Some(dx) = wanted.dx {
        shape.write((0, shape.channels), dx, |n, channel, dx| {
            let scale = affine.weight(channel).mul(inverse[channel]);
            let all = dx.iter_mut().zip(shape.of(g, n, channel));
            all.for_each(|(dx, g)| *dx = g.mul(scale));
        });
    }
}

/// Σ g and Σ g·x̂ of each channel of a group, to the front of `scratch` and to the gradients that they are.
fn sums<S: Scalar>(
    shape: Shape,
    group: (usize, usize),
    (x, g): (Option<&[S]>, &[S]),
    (mean, inverse): (&[S], &[S]),
    wanted: &mut Wanted<'_, S>,
    scratch: &mut [S],
) {
    let (first, size) = group;
    shape.partials(group, scratch, |n, channel| {
        let (g, mean) = (shape.of(g, n, channel), mean[channel]);
        let product = x
            .map_or(S::ZERO, |x| over_pairs(g, shape.of(x, n, channel), |g, x| g.mul(x.sub(mean))));
        [over(g, |g| g), product]
    });
    for n in 1..shape.batch {
        for i in 0..2 * size {
            scratch[i] = scratch[i].add(scratch[2 * n * size + i]);
        }
    }
    for i in 0..size {
        let channel = first + i;
        scratch[2 * i + 1] = scratch[2 * i + 1].mul(inverse[channel]);
        for (gradient, sum) in
            [(&mut wanted.db, scratch[2 * i]), (&mut wanted.dw, scratch[2 * i + 1])]
        {
            if let Some(gradient) = gradient {
                gradient[channel] = sum;
            }
        }
    }
}

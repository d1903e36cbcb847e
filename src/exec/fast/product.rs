//! Convolution as matrix products: forward, and both gradients, for any rank, stride, dilation, padding and groups.
//!
//! ```text
//! M kernels of a group   D input channels of a group   T taps   P windows
//! forward            y (M×P)    = w (M×D·T) · block (D·T×P)            the block is gathered
//! input's gradient   block      = wᵀ (D·T×M) · g (M×P)                 and scattered, added, onto dx
//! weight's gradient  dw (M×D·T) = Σ over images  g (M×P) · blockᵀ (P×D·T)
//! ```
//!
//! A block covers some channels and some windows, so that it stays in the cache. Where a window is an element (1×1), the
//! channels are the block. Sums go through the blocks in order: how many threads there are changes nothing.

use super::patches::Patches;
use crate::exec::base::matmul::{Matrix, MatrixMut, Native, Write};
use crate::exec::base::parallel;
use crate::exec::base::scalar::Scalar;
use crate::exec::kernels::WindowAxis;

/// Numbers of a block of columns: what a core's own cache holds.
const BLOCK: usize = 1 << 17;
/// Windows of a block: with so many, the weights are read often enough. An odd number of lines of the cache, since rows that
/// are a power of two apart drive each other out of it.
const WIDE: usize = 496;
/// Windows below which a part gets its work from fewer kernels rather than fewer windows.
const NARROW: usize = 96;
/// Rows of a product below which it is not cut.
const LOW: usize = 64;
/// Windows come in multiples of it: numbers of a register.
const UNIT: usize = 16;
/// Numbers of all partial sums of a weight's gradient.
const PARTIALS: usize = 1 << 20;
/// Numbers of a block that all threads gather together: what the cache that they share holds.
const SHARED: usize = 1 << 19;

/// A convolution on real sizes.
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    batch: usize,
    groups: usize,
    /// Input channels of a group.
    depth: usize,
    /// Kernels of a group.
    kernels: usize,
    patches: Patches,
}

/// The first kernel's bias and those that follow, on the rows of what is to be made; and how it is made then.
fn begin<S: Scalar>(into: &mut MatrixMut<'_, S>, first: usize, bias: Option<&[S]>) -> Write {
    let Some(bias) = bias else { return Write::Over };
    let rows = into.sizes()[0];
    bias[first..].iter().take(rows).enumerate().for_each(|(i, bias)| into.row(i).fill(*bias));
    Write::Add
}

/// How the forward pass is cut.
#[derive(Clone, Copy, Debug)]
struct ForwardCut {
    /// Channels and windows of a block.
    channels: usize,
    windows: usize,
    /// Kernels of a part.
    rows: usize,
    /// Whether the parts share a block; else each gathers its own.
    shared: bool,
}

/// How the weight's gradient is cut.
#[derive(Clone, Copy, Debug)]
struct WeightCut {
    /// Channels and windows of a block.
    channels: usize,
    windows: usize,
    /// Into how many sums the images and their blocks of windows are shared out.
    sums: usize,
    /// Whether sums are made with the kernels along the rows: the fewer are those that the product packs.
    transposed: bool,
}

impl Convolution {
    pub(super) fn new(
        batch: usize,
        channels: usize,
        kernels: usize,
        groups: usize,
        axes: &[WindowAxis; 3],
    ) -> Self {
        let (depth, kernels) = (channels / groups, kernels / groups);
        Self { batch, groups, depth, kernels, patches: Patches::new(axes) }
    }

    /// Weights of one kernel.
    fn inner(&self) -> usize {
        self.depth * self.patches.taps()
    }

    /// Multiply-accumulates of one group on one image.
    fn macs(&self) -> usize {
        [self.kernels, self.inner(), self.patches.windows()]
            .into_iter()
            .fold(1, usize::saturating_mul)
    }

    /// Numbers of a block that is gathered; none where channels are the block.
    fn block(&self, channels: usize, windows: usize) -> usize {
        if self.patches.are_elements() { 0 } else { channels * self.patches.taps() * windows }
    }

    /// The channels of a group in an image, from one of them on.
    fn channels<'a, S>(&self, x: &'a [S], (n, group, first): (usize, usize, usize)) -> &'a [S] {
        let plane = self.patches.plane();
        let begin = ((n * self.groups + group) * self.depth + first) * plane;
        &x[begin..begin + (self.depth - first) * plane]
    }

    /// What a group makes of some windows of an image: kernels × windows.
    fn made<'a, S>(
        &self,
        g: &'a [S],
        (n, group): (usize, usize),
        windows: (usize, usize),
    ) -> Matrix<'a, S> {
        let (first, count) = windows;
        let all = self.patches.windows();
        let begin = (n * self.groups + group) * self.kernels * all + first;
        Matrix::new(&g[begin..], [self.kernels, count], [all, 1])
    }

    // Forward.

    fn forward_cut(&self) -> ForwardCut {
        let (taps, windows) = (self.patches.taps(), self.patches.windows());
        let pieces = parallel::pieces(self.macs(), self.batch * self.groups);
        let across = pieces.min(windows / NARROW).max(1);
        let down = pieces.div_ceil(across).min(self.kernels / LOW).max(1);
        let wide = parallel::piece(windows, across, UNIT);
        let rows = parallel::piece(self.kernels, down, 1);
        if self.patches.are_elements() {
            return ForwardCut { channels: self.depth, windows: wide, rows, shared: false };
        }
        if down > 1 {
            let channels = parallel::even(self.depth, SHARED / (taps * windows));
            // A power of two, so that no thread is left with a part more than the others.
            let parts = (self.kernels / LOW).next_power_of_two().min(parallel::LANES);
            let rows = parallel::piece(self.kernels, parts, 1);
            return ForwardCut { channels, windows, rows, shared: true };
        }
        let windows = wide.min(WIDE).min((BLOCK / taps).max(1));
        let channels = parallel::even(self.depth, BLOCK / (taps * windows));
        ForwardCut { channels, windows, rows, shared: false }
    }

    /// Scratch memory of the forward pass.
    pub(super) fn forward_scratch(&self) -> usize {
        let ForwardCut { channels, windows, rows, shared } = self.forward_cut();
        let block = self.block(channels, windows);
        if shared {
            return block;
        }
        let parts = self.kernels.div_ceil(rows) * self.patches.windows().div_ceil(windows);
        parallel::blocks(self.batch * self.groups * parts, block)
    }

    /// `y` becomes the convolution of `x`, with a bias for each kernel.
    pub(super) fn forward<S: Scalar>(
        &self,
        native: &Native<S>,
        given: (&[S], &[S], Option<&[S]>),
        y: &mut [S],
        scratch: &mut [S],
    ) {
        let cut = self.forward_cut();
        if cut.shared {
            return self.forward_shared(native, given, y, scratch);
        }
        let (x, w, bias) = given;
        let (taps, inner) = (self.patches.taps(), self.inner());
        let parts = self.parts(y, [self.kernels, self.patches.windows()], [cut.rows, cut.windows]);
        parallel::run(parts, scratch, self.block(cut.channels, cut.windows), |part, block| {
            let OutputBlock { n, group, row, col, mut into } = part;
            let [rows, width] = into.sizes();
            let first = group * self.kernels + row;
            let mut write = begin(&mut into, first, bias);
            let weights = &w[first * inner..];
            if self.patches.are_elements() {
                let x = self.channels(x, (n, group, 0));
                let x = Matrix::new(&x[col..], [self.depth, width], [self.patches.plane(), 1]);
                native.product(&mut into, Matrix::rows(weights, rows, inner), x, write);
                return;
            }
            for first in (0..self.depth).step_by(cut.channels) {
                let high = cut.channels.min(self.depth - first) * taps;
                let block = &mut block[..high * width];
                let channels = self.channels(x, (n, group, first));
                self.patches.gather(channels, &(col..col + width), block);
                let weights = Matrix::new(&weights[first * taps..], [rows, high], [inner, 1]);
                native.product(&mut into, weights, Matrix::rows(block, high, width), write);
                write = Write::Add;
            }
        });
    }

    /// The same where windows are too few to be shared out: all gather one block, then each multiplies some kernels by it.
    fn forward_shared<S: Scalar>(
        &self,
        native: &Native<S>,
        (x, w, bias): (&[S], &[S], Option<&[S]>),
        y: &mut [S],
        scratch: &mut [S],
    ) {
        let ForwardCut { channels, windows, rows, .. } = self.forward_cut();
        let (taps, inner) = (self.patches.taps(), self.inner());
        for (at, y) in y.chunks_exact_mut(self.kernels * windows).enumerate() {
            let (n, group) = (at / self.groups, at % self.groups);
            for first in (0..self.depth).step_by(channels) {
                let count = channels.min(self.depth - first);
                let block = &mut scratch[..count * taps * windows];
                let each = count.div_ceil(parallel::LANES);
                let parts = block.chunks_mut(each * taps * windows).enumerate();
                parallel::run(parts, &mut [] as &mut [S], 0, |(at, block), _| {
                    let channels = self.channels(x, (n, group, first + at * each));
                    self.patches.gather(channels, &(0..windows), block);
                });
                let block = Matrix::rows(block, count * taps, windows);
                let parts = MatrixMut::new(y, self.kernels, windows, windows).cut(rows, windows);
                parallel::run(parts, &mut [] as &mut [S], 0, |(row, _, mut into), _| {
                    let kernel = group * self.kernels + row;
                    let write =
                        if first == 0 { begin(&mut into, kernel, bias) } else { Write::Add };
                    let weights = &w[kernel * inner + first * taps..];
                    let sizes = [into.sizes()[0], count * taps];
                    let weights = Matrix::new(weights, sizes, [inner, 1]);
                    native.product(&mut into, weights, block, write);
                });
            }
        }
    }

    /// Cuts what each group writes in each image, `rows` × `cols`, into parts of at most so many.
    fn parts<'a, S>(
        &self,
        whole: &'a mut [S],
        [rows, cols]: [usize; 2],
        [high, wide]: [usize; 2],
    ) -> impl ExactSizeIterator<Item = OutputBlock<'a, S>> {
        let (all, groups) = (self.batch * self.groups, self.groups);
        let cut = MatrixMut::new(whole, all * rows, cols, cols).cut_each(rows, high, wide);
        cut.map(move |(at, row, col, into)| OutputBlock {
            n: at / groups,
            group: at % groups,
            row,
            col,
            into,
        })
    }

    // The input's gradient.

    /// Channels and windows of a block of the input's gradient.
    fn input_cut(&self) -> (usize, usize) {
        let (taps, windows) = (self.patches.taps(), self.patches.windows());
        let pieces = parallel::pieces(self.macs(), self.batch * self.groups);
        if self.patches.are_elements() {
            let across = pieces.min(windows / NARROW).max(1);
            let down = pieces.div_ceil(across).min(self.depth / LOW).max(1);
            let channels = parallel::piece(self.depth, down, 1);
            return (channels, parallel::piece(windows, across, UNIT));
        }
        let windows = windows.min(WIDE).min((BLOCK / taps).max(1));
        let most = self.depth.div_ceil(pieces).max(LOW.div_ceil(taps));
        (parallel::even(self.depth, most.min(BLOCK / (taps * windows.max(1)))), windows)
    }

    /// Scratch memory of the input's gradient.
    pub(super) fn input_scratch(&self) -> usize {
        let (channels, windows) = self.input_cut();
        let parts = self.depth.div_ceil(channels);
        parallel::blocks(self.batch * self.groups * parts, self.block(channels, windows))
    }

    /// Writes the gradient of the input over `dx`, or adds it to what is there.
    pub(super) fn input_gradient<S: Scalar>(
        &self,
        native: &Native<S>,
        (g, w): (&[S], &[S]),
        (dx, write): (&mut [S], Write),
        scratch: &mut [S],
    ) {
        let ((many, wide), plane) = (self.input_cut(), self.patches.plane());
        let (taps, inner, windows) = (self.patches.taps(), self.inner(), self.patches.windows());
        let elements = self.patches.are_elements();
        // A part that scatters has its channels whole.
        let across = if elements { wide } else { plane };
        let parts = self.parts(dx, [self.depth, plane], [many, across]);
        parallel::run(parts, scratch, self.block(many, wide), |part, block| {
            let OutputBlock { n, group, row, col, mut into } = part;
            let [channels, width] = into.sizes();
            let high = channels * taps;
            let begin = group * self.kernels * inner + row * taps;
            let weights = Matrix::new(&w[begin..], [self.kernels, high], [inner, 1]).transposed();
            if elements {
                let g = self.made(g, (n, group), (col, width));
                native.product(&mut into, weights, g, write);
                return;
            }
            if write == Write::Over {
                into.whole().fill(S::ZERO);
            }
            for first in (0..windows).step_by(wide) {
                let width = wide.min(windows - first);
                let block = &mut block[..high * width];
                let g = self.made(g, (n, group), (first, width));
                let mut product = MatrixMut::new(block, high, width, width);
                native.product(&mut product, weights, g, Write::Over);
                self.patches.scatter(block, &(first..first + width), into.whole());
            }
        });
    }

    // The weight's gradient.

    /// Weights of all kernels.
    fn weights(&self) -> usize {
        self.groups * self.kernels * self.inner()
    }

    fn weight_cut(&self) -> WeightCut {
        let (taps, windows) = (self.patches.taps(), self.patches.windows());
        let wide = windows.min(WIDE).min((BLOCK / taps).max(1)).max(1);
        let pieces = parallel::pieces(self.macs().saturating_mul(self.batch * self.groups), 1);
        let most = (BLOCK / (taps * wide)).clamp(1, self.depth);
        let steps = self.batch * windows.div_ceil(wide);
        let room = PARTIALS / self.weights();
        let sums = pieces.div_ceil(self.groups * self.depth.div_ceil(most));
        let sums = sums.min(steps).min(room).max(1);
        let across = pieces.div_ceil(self.groups * sums);
        let most = most.min(self.depth.div_ceil(across).max(LOW.div_ceil(taps)));
        let channels = parallel::even(self.depth, most);
        let transposed = room > 0 && steps > 0 && self.kernels < channels * taps;
        WeightCut { channels, windows: wide, sums, transposed }
    }

    /// Scratch memory of the weight's gradient: its blocks, and its partial sums.
    fn weight_scratches(&self) -> (usize, usize) {
        let WeightCut { channels, windows, sums, transposed } = self.weight_cut();
        let parts = sums * self.groups * self.depth.div_ceil(channels);
        let partials = if sums > 1 || transposed { sums * self.weights() } else { 0 };
        (parallel::blocks(parts, self.block(channels, windows)), partials)
    }

    /// Scratch memory of the weight's gradient.
    pub(super) fn weight_scratch(&self) -> usize {
        let (blocks, partials) = self.weight_scratches();
        blocks + partials
    }

    /// `dw` becomes the gradient of the weight.
    pub(super) fn weight_gradient<S: Scalar>(
        &self,
        native: &Native<S>,
        (x, g): (&[S], &[S]),
        dw: &mut [S],
        scratch: &mut [S],
    ) {
        let WeightCut { channels, windows: wide, sums, transposed } = self.weight_cut();
        let (taps, inner, windows) = (self.patches.taps(), self.inner(), self.patches.windows());
        let (blocks, partials) = self.weight_scratches();
        let (scratch, partials) = scratch[..blocks + partials].split_at_mut(blocks);
        let per_image = windows.div_ceil(wide);
        let steps = self.batch * per_image;
        if steps == 0 {
            dw.fill(S::ZERO);
            return;
        }
        let whole = if partials.is_empty() { &mut *dw } else { &mut *partials };
        let (all, high, across) = (sums * self.groups, channels * taps, self.kernels);
        let parts = if transposed {
            MatrixMut::new(whole, all * inner, across, across).cut_each(inner, high, across)
        } else {
            MatrixMut::new(whole, all * across, inner, inner).cut_each(across, across, high)
        };
        parallel::run(parts, scratch, self.block(channels, wide), |part, block| {
            let (at, row, col, mut into) = part;
            // One of row and column is zero.
            let (sum, group, first) = (at / self.groups, at % self.groups, (row + col) / taps);
            let high = channels.min(self.depth - first) * taps;
            let mut write = Write::Over;
            for step in sum * steps / sums..(sum + 1) * steps / sums {
                let (n, begin) = (step / per_image, step % per_image * wide);
                let width = wide.min(windows - begin);
                let x = self.channels(x, (n, group, first));
                let x = if self.patches.are_elements() {
                    Matrix::new(&x[begin..], [high, width], [windows, 1])
                } else {
                    let block = &mut block[..high * width];
                    self.patches.gather(x, &(begin..begin + width), block);
                    Matrix::rows(block, high, width)
                };
                let g = self.made(g, (n, group), (begin, width));
                let (left, right) =
                    if transposed { (x, g.transposed()) } else { (g, x.transposed()) };
                native.product(&mut into, left, right, write);
                write = Write::Add;
            }
        });
        if partials.is_empty() {
            return;
        }
        let kernels = dw.chunks_exact_mut(inner).enumerate();
        parallel::run(kernels, &mut [] as &mut [S], 0, |(kernel, dw), _| {
            let (group, row) = (kernel / self.kernels, kernel % self.kernels);
            dw.fill(S::ZERO);
            for partial in partials.chunks_exact(self.weights()) {
                let partial = &partial[group * self.kernels * inner..];
                let (first, step) = if transposed { (row, self.kernels) } else { (row * inner, 1) };
                let partial = partial[first..].iter().step_by(step);
                dw.iter_mut().zip(partial).for_each(|(dw, sum)| *dw = dw.add(*sum));
            }
        });
    }
}

/// What is written at once: some rows and columns of what a group makes in an image.
struct OutputBlock<'a, S> {
    n: usize,
    group: usize,
    row: usize,
    col: usize,
    into: MatrixMut<'a, S>,
}

//! How tiles go through the steps of a pass: block by block, and within a block by groups of filters.
//!
//! A block has as many tiles as the cache of all cores holds besides the filters; a group as many filters as stay there once
//! they are transformed. Where there are several groups, filters are transformed again for each block (and their
//! gradients back), which costs less than keeping all of them. A step is shared by channel, filter or position, so by the shape alone. Position strides are an odd
//! number of lines, since at powers of two everything falls into the same sets of a cache.

use std::ops::Range;

use super::filters::{self, Filters};
use super::forms::Form;
use super::shape::{ConvShape, TAPS};
use super::tiles::Grid;
use crate::exec::base::matmul::{Matrix, MatrixMut, Native, Write};
use crate::exec::base::parallel;
use crate::exec::base::scalar::Scalar;

/// Numbers of a line of the cache, and of the widest register.
const LINE: usize = 16;
/// Numbers of the tiles in a block: as many as of all transformed filters, within what caches hold.
const BLOCK: [usize; 2] = [1 << 20, 8 << 20];
/// Numbers of the transformed filters in a group.
const GROUP: usize = 1 << 20;

/// Channels that are transposed at once.
const TRANSPOSED: usize = 8;

/// Tiles of a block below which a register is better filled with filters.
const FEW: usize = 32;

/// Filters that stand side by side there.
const PANEL: usize = 64;

/// How transformed filters stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Filter by filter, each position by position, channels side by side.
    Filters,
    /// All filters position by position, channels side by side.
    Positions,
    /// All filters position by position, panel by panel, channel by channel, filters side by side.
    Across,
}

/// What a forward pass is given.
#[derive(Clone, Copy, Debug)]
pub(in crate::exec::fast) struct ForwardArgs<'a, S> {
    pub(in crate::exec::fast) x: &'a [S],
    pub(in crate::exec::fast) w: &'a [S],
    /// The filters, transformed beforehand.
    pub(in crate::exec::fast) prepacked: Option<&'a [S]>,
    pub(in crate::exec::fast) bias: Option<&'a [S]>,
    /// Whether the filters are those of the input's gradient.
    pub(in crate::exec::fast) rotated: bool,
}

/// How the tiles of a shape, of M outputs along a side and A inputs, are taken in blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps<const M: usize, const A: usize> {
    shape: ConvShape,
    /// Tiles of the input.
    x: Grid,
    /// Tiles of the output.
    y: Grid,
    /// Rows of tiles in a block: some of an image, or all of some images.
    rows: usize,
    /// Numbers from a position to the next, for tiles of a block.
    step: usize,
    /// Filters of a group.
    group: usize,
    /// How transformed filters stand.
    order: Order,
}

/// The next odd number of lines.
fn odd(numbers: usize) -> usize {
    let lines = numbers.div_ceil(LINE);
    (lines + 1 - lines % 2) * LINE
}

impl<const M: usize, const A: usize> Steps<M, A> {
    /// `prepacked` says that filters are transformed beforehand: then they are one group, and stand position by position.
    pub(super) fn new(shape: &ConvShape, prepacked: bool) -> Self {
        let ConvShape { batch, inputs, outputs, size, before, made } = *shape;
        let tiles = made.map(|extent| extent.div_ceil(M));
        let grid = |plane: [usize; 2], before, channels| {
            let apart = channels * plane[0] * plane[1];
            Grid { plane, before, tiles, apart }
        };
        let filter = A * A * odd(inputs);
        let numbers = (outputs * filter).clamp(BLOCK[0], BLOCK[1]);
        let rows = whole(numbers / (A * A * (inputs + outputs)), tiles, batch * tiles[0]);
        Self {
            shape: *shape,
            x: grid(size, before, inputs),
            y: grid(made, [0, 0], outputs),
            rows,
            step: odd(rows * tiles[1]),
            group: if prepacked { outputs } else { parallel::even(outputs, GROUP / filter) },
            order: match prepacked {
                false => Order::Filters,
                true if rows * tiles[1] <= FEW => Order::Across,
                true => Order::Positions,
            },
        }
    }

    /// Numbers from a channel to the next, in V and Z.
    fn channel(&self) -> usize {
        A * A * self.step + LINE
    }

    /// Numbers of a transformed filter.
    fn filter(&self) -> usize {
        A * A * odd(self.shape.inputs)
    }

    /// Numbers of all transformed filters.
    pub(super) fn filters(&self) -> usize {
        let ConvShape { inputs, outputs, .. } = self.shape;
        match self.order {
            Order::Filters | Order::Positions => outputs * self.filter(),
            Order::Across => A * A * inputs * outputs.next_multiple_of(PANEL),
        }
    }

    /// Transforms all filters.
    pub(super) fn prepack<F: Form<M, A>, S: Scalar>(&self, w: &[S], into: &mut [S]) {
        let ConvShape { inputs, outputs, .. } = self.shape;
        let (filters, panel, step) = if self.order == Order::Across {
            (Filters::by_filter(w, outputs, inputs), PANEL, PANEL)
        } else {
            (Filters::by_channel(w, outputs, inputs), inputs, odd(inputs))
        };
        filters.spread::<F, M, A>(into, panel, step);
    }

    /// Rows of tiles of all images.
    fn all(&self) -> usize {
        self.shape.batch * self.x.tiles[0]
    }

    /// Rows of tiles, block by block.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<M, A> {
        let (all, rows) = (self.all(), self.rows);
        (0..all).step_by(rows).map(move |first| first..(first + rows).min(all))
    }

    /// Filters, group by group.
    fn groups(&self) -> impl Iterator<Item = Range<usize>> + use<M, A> {
        let (all, group) = (self.shape.outputs, self.group);
        (0..all).step_by(group).map(move |first| first..(first + group).min(all))
    }

    /// Gathers the tiles of each channel of the input.
    fn gather<F: Form<M, A>, S: Scalar>(
        &self,
        x: &[S],
        rows: &Range<usize>,
        v: &mut [S],
        lanes: &mut [S],
    ) {
        let plane = self.x.plane[0] * self.x.plane[1];
        let parts = v.chunks_exact_mut(self.channel()).enumerate();
        parallel::run(parts, lanes, self.x.gather_scratch::<M, A>(), |(c, v), lines| {
            let x = &x[c * plane..];
            self.x.gather::<F, M, A, S>(x, rows.clone(), (F::input, A), (v, self.step), lines);
        });
    }

    // Forward.

    /// Numbers of U, V and what products make of them, and of the lines of all lanes.
    fn forward_scratches(&self) -> [usize; 4] {
        let ConvShape { inputs, outputs, .. } = self.shape;
        let gather = parallel::blocks(inputs, self.x.gather_scratch::<M, A>());
        let scatter = parallel::blocks(outputs, self.y.scatter_scratch::<M, A>());
        let rotated = parallel::blocks(A * A, self.across_scratch());
        let u = if self.order == Order::Filters { self.group * self.filter() } else { 0 };
        [
            u,
            inputs * self.channel(),
            A * A * self.group * self.step,
            gather.max(scatter).max(rotated),
        ]
    }

    /// Scratch memory of the forward pass.
    pub(super) fn forward_scratch(&self) -> usize {
        self.forward_scratches().iter().sum()
    }

    /// `y` becomes the convolution of what is given.
    pub(super) fn forward<F: Form<M, A>, S: Scalar>(
        &self,
        native: &Native<S>,
        given: ForwardArgs<'_, S>,
        y: &mut [S],
        scratch: &mut [S],
    ) {
        let ConvShape { inputs, outputs, .. } = self.shape;
        let [u, v, made, lanes] = self.forward_scratches();
        let (u, rest) = scratch.split_at_mut(u);
        let (v, rest) = rest.split_at_mut(v);
        let (made, rest) = rest.split_at_mut(made);
        let lanes = &mut rest[..lanes];
        let filters = if given.rotated { Filters::rotated } else { Filters::by_channel };
        let filters = filters(given.w, outputs, inputs);
        for rows in self.blocks() {
            self.gather::<F, S>(given.x, &rows, v, lanes);
            for outs in self.groups() {
                if given.prepacked.is_none() && (rows.start == 0 || self.group < outputs) {
                    filters.transform::<F, M, A>(outs.clone(), (u, odd(inputs)));
                }
                let u = given.prepacked.unwrap_or(u);
                self.multiply(native, (u, v), (made, outs.len()), rows.len(), lanes);
                self.scatter::<F, S>(made, (outs, given.bias), &rows, y, lanes);
            }
        }
    }

    /// The products at all positions, for some filters and some rows of tiles.
    fn multiply<S: Scalar>(
        &self,
        native: &Native<S>,
        (u, v): (&[S], &[S]),
        (made, outs): (&mut [S], usize),
        rows: usize,
        lanes: &mut [S],
    ) {
        let inputs = self.shape.inputs;
        let width = rows * self.x.tiles[1];
        let parts = made.chunks_exact_mut(self.group * self.step).enumerate();
        parallel::run(parts, lanes, self.across_scratch(), |(position, made), rotated| {
            let v = &v[position * self.step..];
            let v = Matrix::new(v, [inputs, width], [self.channel(), 1]);
            let mut made = MatrixMut::new(made, outs, width, self.step);
            let [first, step] = match self.order {
                Order::Filters => [odd(inputs), self.filter()],
                Order::Positions => [outs * odd(inputs), odd(inputs)],
                Order::Across => {
                    let panel = inputs * PANEL;
                    let u = &u[position * outs.div_ceil(PANEL) * panel..];
                    let sums = MatrixMut::new(rotated, width, outs, odd(outs)).cut(width, PANEL);
                    for (u, (_, _, mut sums)) in u.chunks_exact(panel).zip(sums) {
                        let u = Matrix::new(u, [inputs, sums.sizes()[1]], [PANEL, 1]);
                        native.product(&mut sums, v.transposed(), u, Write::Over);
                    }
                    for at in 0..outs {
                        let column = rotated[at..].iter().step_by(odd(outs));
                        made.row(at).iter_mut().zip(column).for_each(|(y, sum)| *y = *sum);
                    }
                    return;
                }
            };
            let u = Matrix::new(&u[position * first..], [outs, inputs], [step, 1]);
            native.product(&mut made, u, v, Write::Over);
        });
    }

    /// Scratch memory of a part of `multiply`.
    fn across_scratch(&self) -> usize {
        if self.order == Order::Across { self.rows * self.x.tiles[1] * odd(self.group) } else { 0 }
    }

    /// Transforms what was made of some filters back, onto the output's channels of some rows of tiles.
    fn scatter<F: Form<M, A>, S: Scalar>(
        &self,
        made: &[S],
        (outs, bias): (Range<usize>, Option<&[S]>),
        rows: &Range<usize>,
        y: &mut [S],
        lanes: &mut [S],
    ) {
        let plane = self.y.plane[0] * self.y.plane[1];
        let images = rows.start / self.y.tiles[0]..rows.end.div_ceil(self.y.tiles[0]);
        let begin = images.start * self.y.apart + outs.start * plane;
        let planes =
            MatrixMut::new(&mut y[begin..], images.len(), outs.len() * plane, self.y.apart);
        let parts = planes.cut(images.len(), plane);
        let each = self.y.scatter_scratch::<M, A>();
        parallel::run(parts, lanes, each, |(_, first, mut planes), lines| {
            let at = first / plane;
            let plus = bias.map_or(S::ZERO, |bias| bias[outs.start + at]);
            let made = |i: usize| &made[(i * self.group + at) * self.step..];
            self.y.scatter::<F, M, A, S>(made, rows.clone(), plus, &mut planes, lines);
        });
    }

    // The weight's gradient.

    /// Numbers of Vᵀ, Z and a group's products, and of what all lanes need for themselves.
    fn weight_scratches(&self) -> [usize; 4] {
        let ConvShape { inputs, outputs, .. } = self.shape;
        let lanes = [
            parallel::blocks(inputs.div_ceil(TRANSPOSED), self.turned_scratch()),
            parallel::blocks(outputs, self.y.gather_scratch::<M, A>()),
            parallel::blocks(self.group, filters::back_scratch::<A>()),
        ];
        let v = A * A * self.rows * self.x.tiles[1] * odd(inputs);
        let sums = self.group * self.filter();
        [v, outputs * self.channel(), sums, lanes.into_iter().fold(0, usize::max)]
    }

    /// Scratch memory of the weight's gradient.
    pub(super) fn weight_scratch(&self) -> usize {
        self.weight_scratches().iter().sum()
    }

    /// `dw` becomes the weight's gradient, of the input and the output's gradient.
    pub(super) fn weight<F: Form<M, A>, S: Scalar>(
        &self,
        native: &Native<S>,
        (x, g): (&[S], &[S]),
        dw: &mut [S],
        scratch: &mut [S],
    ) {
        let filter = self.shape.inputs * TAPS;
        let [v, z, sums, lanes] = self.weight_scratches();
        let (v, rest) = scratch.split_at_mut(v);
        let (z, rest) = rest.split_at_mut(z);
        let (sums, rest) = rest.split_at_mut(sums);
        let lanes = &mut rest[..lanes];
        // The sums of one group stay until the last block; those of several are collected in the weight.
        let stay = self.group >= self.shape.outputs;
        for rows in self.blocks() {
            self.gather_transposed::<F, S>(x, &rows, v, lanes);
            self.spread::<F, S>(g, &rows, z, lanes);
            let write = if rows.start == 0 { Write::Over } else { Write::Add };
            let [inside, outside] = if stay { [write, Write::Over] } else { [Write::Over, write] };
            for outs in self.groups() {
                let z = &z[outs.start * self.channel()..];
                self.correlate(native, (z, v), (sums, inside), (outs.len(), rows.len()));
                if !stay || rows.end == self.all() {
                    let dw = &mut dw[outs.start * filter..outs.end * filter];
                    self.collect::<F, S>(sums, (dw, outside), lanes);
                }
            }
        }
    }

    /// Scratch memory of a part of `gather_transposed`.
    fn turned_scratch(&self) -> usize {
        TRANSPOSED * self.channel() + self.x.gather_scratch::<M, A>()
    }

    /// Gathers the tiles of all channels of the input, which then lie side by side, in whole registers, for each tile: so
    /// the product needs no copy of its own.
    fn gather_transposed<F: Form<M, A>, S: Scalar>(
        &self,
        x: &[S],
        rows: &Range<usize>,
        v: &mut [S],
        lanes: &mut [S],
    ) {
        let (inputs, count) = (self.shape.inputs, rows.len() * self.x.tiles[1]);
        let plane = self.x.plane[0] * self.x.plane[1];
        let v = MatrixMut::new(v, A * A * count, inputs, odd(inputs));
        let parts = v.cut(A * A * count, TRANSPOSED);
        parallel::run(parts, lanes, self.turned_scratch(), |(_, first, mut v), block| {
            let (tiles, lines) = block.split_at_mut(TRANSPOSED * self.channel());
            let channels = v.sizes()[1];
            let tiles = &mut tiles[..channels * self.channel()];
            for (c, tiles) in (first..).zip(tiles.chunks_exact_mut(self.channel())) {
                let (x, into) = (&x[c * plane..], (tiles, self.step));
                self.x.gather::<F, M, A, S>(x, rows.clone(), (F::input, A), into, lines);
            }
            for position in 0..A * A {
                let row = |c: usize| &tiles[c * self.channel() + position * self.step..][..count];
                turn(&mut v, position * count, row);
            }
        });
    }

    /// Gathers the tiles of each channel of the output's gradient.
    fn spread<F: Form<M, A>, S: Scalar>(
        &self,
        g: &[S],
        rows: &Range<usize>,
        z: &mut [S],
        lanes: &mut [S],
    ) {
        let plane = self.y.plane[0] * self.y.plane[1];
        let parts = z.chunks_exact_mut(self.channel()).enumerate();
        parallel::run(parts, lanes, self.y.gather_scratch::<M, A>(), |(o, z), lines| {
            let g = &g[o * plane..];
            self.y.gather::<F, M, A, S>(g, rows.clone(), (F::spread, M), (z, self.step), lines);
        });
    }

    /// The products of the weight's gradient at all positions, for some filters and some rows of tiles.
    fn correlate<S: Scalar>(
        &self,
        native: &Native<S>,
        (z, v): (&[S], &[S]),
        (sums, write): (&mut [S], Write),
        (outs, rows): (usize, usize),
    ) {
        let inputs = self.shape.inputs;
        let count = rows * self.x.tiles[1];
        // What is made of the numbers beyond the channels is never read.
        let width = inputs.next_multiple_of(LINE);
        let parts = sums.chunks_exact_mut(self.group * odd(inputs)).enumerate();
        parallel::run(parts, &mut [] as &mut [S], 0, |(position, sums), _| {
            let z = &z[position * self.step..];
            let z = Matrix::new(z, [outs, count], [self.channel(), 1]);
            let v = &v[position * count * odd(inputs)..];
            let v = Matrix::new(v, [count, width], [odd(inputs), 1]);
            let mut sums = MatrixMut::new(sums, outs, width, odd(inputs));
            native.product(&mut sums, z, v, write);
        });
    }

    /// Transforms the sums of a group back, to the gradients of its filters.
    fn collect<F: Form<M, A>, S: Scalar>(
        &self,
        sums: &[S],
        (dw, write): (&mut [S], Write),
        lanes: &mut [S],
    ) {
        let (inputs, each) = (self.shape.inputs, filters::back_scratch::<A>());
        let parts = dw.chunks_exact_mut(inputs * TAPS).enumerate();
        parallel::run(parts, lanes, each, |(o, dw), tiles| {
            let sums = (&sums[o * odd(inputs)..], self.group * odd(inputs));
            filters::transform_back::<F, M, A, S>(sums, (dw, write), tiles);
        });
    }
}

/// Rows, as many as `into` has columns, become columns of it, from one of its rows on.
fn turn<'a, S: Scalar>(into: &mut MatrixMut<'_, S>, first: usize, row: impl Fn(usize) -> &'a [S]) {
    let (count, cols) = (row(0).len(), into.sizes()[1]);
    if cols == TRANSPOSED {
        let rows: [&[S]; TRANSPOSED] = std::array::from_fn(row);
        for t in 0..count {
            into.row(first + t).copy_from_slice(&rows.map(|row| row[t]));
        }
        return;
    }
    for t in 0..count {
        into.row(first + t).iter_mut().enumerate().for_each(|(c, into)| *into = row(c)[t]);
    }
}

/// Rows of tiles of a block of about so many tiles: whole images where one fits, or rows whose tiles fill registers best.
fn whole(most: usize, [high, across]: [usize; 2], all: usize) -> usize {
    let rows = (most / across).clamp(1, all);
    if rows >= high {
        let (images, most) = (all / high, rows / high);
        return images.div_ceil(images.div_ceil(most)) * high;
    }
    let filled = |rows: usize| {
        let tiles = rows * across;
        (tiles * 1000 / tiles.next_multiple_of(LINE), rows)
    };
    (rows.div_ceil(2)..=rows).max_by_key(|rows| filled(*rows)).unwrap_or(rows)
}

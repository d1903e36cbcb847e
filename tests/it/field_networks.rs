//! Random networks whose receptive fields are computed and executed: chains and branches, with the same as sums.

use cnnstat::Shape;
use cnnstat::graph::{Graph, GraphBuilder, ValueId};
use cnnstat::internals::ops::arg_type::ArgType as _;
use cnnstat::ops::args::ArgValue;
use cnnstat::ops::pad::Sides;
use cnnstat::ops::upsample::{Each, Interpolation, Scale};
use cnnstat::ops::{
    Add, Concat, Conv, ConvTranspose, Layer, MaxPool, Narrow, Op, Padding, PerAxis, Relu, Rounding,
    Upsample, ZeroPad,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A number for each of two axes; networks of one axis use the first.
pub type Both = [u64; 2];

/// A part of a network; each keeps one channel.
#[derive(Clone, Debug)]
pub enum Piece {
    Conv {
        kernel: Both,
        stride: Both,
        dilation: Both,
        padding: Both,
    },
    MaxPool {
        kernel: Both,
        stride: Both,
        dilation: Both,
    },
    Transposed {
        kernel: Both,
        stride: Both,
        dilation: Both,
        padding: Both,
    },
    Resized {
        linear: bool,
        halves: Both,
    },
    Padded {
        before: [i64; 2],
        after: [i64; 2],
    },
    Activation,
    /// Branches of one mean stride, each of which loses some elements at its beginning.
    Joined {
        concat: bool,
        branches: [(Vec<Piece>, Both); 2],
    },
}

/// What holds of an axis of the network so far, by counting generously.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// What positions see repeats after so many.
    pub period: u64,
    /// No window is larger.
    pub extent: f64,
    pub stride: f64,
}

pub fn real(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Bound {
    pub fn after(self, piece: &Piece, axis: usize) -> Self {
        let Self { period, extent, stride } = self;
        let seen = |taps: u64| extent + real(taps) * stride;
        match piece {
            Piece::Conv { kernel, stride: by, dilation, padding } => Self {
                extent: seen(kernel[axis] * dilation[axis] + padding[axis]),
                stride: stride * real(by[axis]),
                ..self
            },
            Piece::MaxPool { kernel, stride: by, dilation } => Self {
                extent: seen(kernel[axis] * dilation[axis] + kernel[axis]),
                stride: stride * real(by[axis]),
                ..self
            },
            Piece::Transposed { kernel, stride: by, dilation, padding } => Self {
                extent: seen(kernel[axis] * dilation[axis] + padding[axis] + 1),
                stride: stride / real(by[axis]),
                period: period * by[axis],
            },
            Piece::Resized { halves, .. } => Self {
                extent: seen(2),
                stride: stride * 2.0 / real(halves[axis]),
                period: period * halves[axis] / gcd(halves[axis], 2),
            },
            Piece::Padded { before, .. } => {
                Self { extent: seen(before[axis].unsigned_abs()), ..self }
            }
            Piece::Activation => self,
            Piece::Joined { branches, .. } => {
                let [one, other] = branches.each_ref().map(|(pieces, lost)| {
                    let start = Self { extent: seen(lost[axis]), ..self };
                    pieces.iter().fold(start, |bound, piece| bound.after(piece, axis))
                });
                let shared = gcd(one.period, other.period);
                Self {
                    period: one.period / shared * other.period,
                    extent: one.extent + other.extent,
                    stride: one.stride.max(other.stride),
                }
            }
        }
    }
}

/// A network and the same as sums, built node by node.
struct Nets {
    rank: usize,
    net: GraphBuilder,
    sums: GraphBuilder,
}

#[derive(Clone, Copy)]
struct Value {
    id: ValueId,
    shape: Shape,
}

fn per_axis<const MIN: u64>(rank: usize, values: Both) -> PerAxis<MIN> {
    let values = values[..rank].iter().map(|n| ArgValue::Int(i64::try_from(*n).unwrap()));
    PerAxis::read(&ArgValue::List(values.collect()), rank).unwrap()
}

fn sides<const MIN: i64>(rank: usize, before: [i64; 2], after: [i64; 2]) -> Sides<MIN> {
    // torch names the last axis first.
    let all = (0..rank).rev().flat_map(|axis| [before[axis], after[axis]]).map(ArgValue::Int);
    Sides::read(&ArgValue::List(all.collect()), rank).unwrap()
}

impl Nets {
    /// A layer of both networks; `None` where it does not fit.
    fn layer(&mut self, op: Op, sum: Option<Op>, inputs: &[Value]) -> Option<Value> {
        let shapes: Vec<Shape> = inputs.iter().map(|value| value.shape).collect();
        let shape = *op.infer(&shapes).ok()?.first()?;
        let ids: Vec<ValueId> = inputs.iter().map(|value| value.id).collect();
        let name = format!("layer{}", self.net.nodes().len());
        self.sums.layer(name.clone(), sum.unwrap_or_else(|| op.clone()), &ids).unwrap();
        let id = self.net.layer(name, op, &ids).unwrap()[0];
        Some(Value { id, shape })
    }

    fn conv(&self, [kernel, stride, dilation, padding]: [Both; 4]) -> Op {
        let rank = self.rank;
        let pad = |axis: usize| (padding[axis], padding[axis]);
        Conv {
            rank,
            out_channels: 1,
            kernel_size: per_axis(rank, kernel),
            stride: per_axis(rank, stride),
            padding: Padding::Sides { rank, sides: [pad(0), pad(rank - 1), pad(0)] },
            dilation: per_axis(rank, dilation),
            groups: 1,
            bias: false,
        }
        .into()
    }

    fn piece(&mut self, piece: &Piece, value: Value) -> Option<Value> {
        let rank = self.rank;
        match piece {
            Piece::Conv { kernel, stride, dilation, padding } => {
                let conv = self.conv([*kernel, *stride, *dilation, *padding]);
                self.layer(conv, None, &[value])
            }
            Piece::MaxPool { kernel, stride, dilation } => {
                let padding = kernel.map(|n| n / 2);
                let pad = |axis: usize| (padding[axis], padding[axis]);
                let pool = MaxPool {
                    rank,
                    kernel_size: per_axis(rank, *kernel),
                    stride: per_axis(rank, *stride),
                    padding: Padding::Sides { rank, sides: [pad(0), pad(rank - 1), pad(0)] },
                    dilation: per_axis(rank, *dilation),
                    ceil_mode: Rounding::Floor,
                };
                let sum = self.conv([*kernel, *stride, *dilation, padding]);
                self.layer(pool.into(), Some(sum), &[value])
            }
            Piece::Transposed { kernel, stride, dilation, padding } => {
                let up = ConvTranspose {
                    rank,
                    out_channels: 1,
                    kernel_size: per_axis(rank, *kernel),
                    stride: per_axis(rank, *stride),
                    padding: per_axis(rank, *padding),
                    output_padding: PerAxis::all(rank, 0),
                    groups: 1,
                    bias: false,
                    dilation: per_axis(rank, *dilation),
                };
                self.layer(up.into(), None, &[value])
            }
            Piece::Resized { linear, halves } => {
                let scales = halves[..rank].iter().map(|n| Scale(real(*n) / 2.0)).collect();
                let mode = match (linear, rank) {
                    (false, _) => Interpolation::Nearest,
                    (true, 1) => Interpolation::Linear,
                    (true, _) => Interpolation::Bilinear,
                };
                let scale_factor = Some(Each(scales));
                let up = Upsample { size: None, scale_factor, mode, align_corners: false };
                self.layer(up.into(), None, &[value])
            }
            Piece::Padded { before, after } => {
                let padding = sides(rank, *before, *after);
                self.layer(ZeroPad { rank, padding }.into(), None, &[value])
            }
            Piece::Activation => {
                let same = cnnstat::ops::Identity {};
                self.layer(Relu { inplace: false }.into(), Some(same.into()), &[value])
            }
            Piece::Joined { concat, branches } => self.joined(*concat, branches, value),
        }
    }

    fn joined(
        &mut self,
        concat: bool,
        branches: &[(Vec<Piece>, Both); 2],
        value: Value,
    ) -> Option<Value> {
        let mut ends = Vec::new();
        for (pieces, _) in branches {
            let end = pieces.iter().try_fold(value, |value, piece| self.piece(piece, value))?;
            ends.push(end);
        }
        for axis in 0..self.rank {
            let lost = branches.each_ref().map(|(_, lost)| lost[axis]);
            let left = |i: usize| ends[i].shape.dims()[axis + 2].checked_sub(lost[i]);
            let length = left(0)?.min(left(1)?);
            for (end, start) in ends.iter_mut().zip(lost) {
                let (dim, start) =
                    (i64::try_from(axis + 2).unwrap(), i64::try_from(start).unwrap());
                *end = self.layer(Narrow { dim, start, length }.into(), None, &[*end])?;
            }
        }
        let join: Op = if concat { Concat { dim: 1 }.into() } else { Add {}.into() };
        let met = self.layer(join, None, &ends)?;
        let one = self.conv([[1; 2], [1; 2], [1; 2], [0; 2]]);
        self.layer(one, None, &[met])
    }
}

/// The network and its sums, on an input of so many elements along each axis.
pub fn build(pieces: &[Piece], rank: usize, elements: u64) -> Option<[Graph; 2]> {
    let mut shape = vec![1, 1];
    shape.extend(vec![elements; rank]);
    let shape = Shape::new(&shape).unwrap();
    let mut nets = Nets { rank, net: GraphBuilder::new("net"), sums: GraphBuilder::new("sums") };
    nets.sums.input("input", shape, Some(0)).unwrap();
    let id = nets.net.input("input", shape, Some(0)).unwrap();
    let first = Value { id, shape };
    let last = pieces.iter().try_fold(first, |value, piece| nets.piece(piece, value))?;
    let finish = |builder: GraphBuilder| builder.finish(&[("output", last.id)]).unwrap();
    Some([finish(nets.net), finish(nets.sums)])
}

fn both(range: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = Both> + Clone {
    [range.clone(), range]
}

/// A change of the stride, whose rate is chosen later.
#[derive(Clone, Debug)]
struct Change {
    kind: u8,
    kernel: Both,
    dilation: Both,
    padding: Both,
}

impl Change {
    /// What makes the stride smaller.
    fn up(&self, stride: Both) -> Piece {
        let Self { kind, kernel, dilation, padding } = *self;
        match kind {
            0 => Piece::Transposed { kernel, stride, dilation, padding },
            kind => Piece::Resized { linear: kind == 1, halves: stride.map(|n| 2 * n) },
        }
    }

    /// What makes it larger.
    fn down(&self, stride: Both) -> Piece {
        let Self { kind, kernel, dilation, padding } = *self;
        match kind {
            0 => Piece::MaxPool { kernel, stride, dilation: [1; 2] },
            _ => Piece::Conv { kernel, stride, dilation, padding },
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    (0..3u8, both(1..=4), both(1..=2), both(0..=2))
        .prop_map(|(kind, kernel, dilation, padding)| Change { kind, kernel, dilation, padding })
}

/// Pieces after which the mean stride is what it was.
fn keeping() -> impl Strategy<Value = Vec<Piece>> {
    let conv = (both(1..=4), both(1..=2), both(0..=2)).prop_map(|(kernel, dilation, padding)| {
        vec![Piece::Conv { kernel, stride: [1; 2], dilation, padding }]
    });
    let pool = (both(1..=3), both(1..=2))
        .prop_map(|(kernel, dilation)| vec![Piece::MaxPool { kernel, stride: [1; 2], dilation }]);
    let padded = ([-2..=2i64, -2..=2i64], [-2..=2i64, -2..=2i64])
        .prop_map(|(before, after)| vec![Piece::Padded { before, after }]);
    let changed = (both(2..=3), change(), change(), any::<bool>(), conv.clone()).prop_map(
        |(rate, up, down, is_up_first, between)| {
            let (up, down) = (up.up(rate), down.down(rate));
            let (first, last) = if is_up_first { (up, down) } else { (down, up) };
            [vec![first], between, vec![last]].concat()
        },
    );
    prop_oneof![
        3 => conv,
        1 => pool,
        1 => padded,
        1 => Just(vec![Piece::Activation]),
        4 => changed,
    ]
}

fn branch() -> impl Strategy<Value = (Vec<Piece>, Both)> {
    (vec(keeping(), 0..=2).prop_map(|pieces| pieces.concat()), both(0..=2))
}

pub fn network(most: usize) -> impl Strategy<Value = Vec<Piece>> {
    let rate = both(2..=3);
    let halves = prop_oneof![Just(1), Just(3), Just(4), Just(5)];
    let resized = (any::<bool>(), [halves.clone(), halves])
        .prop_map(|(linear, halves)| Piece::Resized { linear, halves });
    let joined = (any::<bool>(), [branch(), branch()])
        .prop_map(|(concat, branches)| Piece::Joined { concat, branches });
    let piece = prop_oneof![
        4 => keeping(),
        2 => (rate.clone(), change()).prop_map(|(rate, change)| vec![change.up(rate)]),
        2 => (rate, change()).prop_map(|(rate, change)| vec![change.down(rate)]),
        1 => resized.prop_map(|piece| vec![piece]),
        3 => joined.prop_map(|piece| vec![piece]),
    ];
    vec(piece, 1..=most).prop_map(|pieces| pieces.concat())
}

//! Winograd's forms against the reference, tile by tile and pass by pass, over random configurations; and where they are
//! chosen.
//!
//! An element is a sum of k products; its size is their largest sum of absolute values over √k. It may be off by 4ε(8 + √k)
//! of that with 2×2 outputs a tile, and by 16ε(16 + √k) with 4×4, whose factors are larger: about 10⁻⁵ of the largest
//! element in singles.

use proptest::prelude::*;

use super::choice::choose;
use super::shape::{ConvShape, Pass, Tile};
use super::{ForwardArgs, Winograd};
use crate::exec::base::meter::Meter;
use crate::exec::base::rng::Rng;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::exec::base::threads::Threads;
use crate::exec::kernels::{Backward, ConvLayout, Forward, Kernel as _, Numbers, Owned};
use crate::ops::arg_type::PerAxis;
use crate::ops::{Conv, Mode, Padding};

const TILES: [Tile; 2] = [Tile::Two, Tile::Four];

/// A 3×3 convolution of stride 1.
fn conv(outputs: usize, padding: [(u64, u64); 2], bias: bool) -> Conv {
    let all = |n| PerAxis::all(2, n);
    let [rows, cols] = padding;
    Conv {
        rank: 2,
        out_channels: outputs as u64,
        kernel_size: all(3),
        stride: all(1),
        padding: Padding::Sides { rank: 2, sides: [rows, cols, (0, 0)] },
        dilation: all(1),
        groups: 1,
        bias,
    }
}

/// Input, output's gradient, weight and bias.
struct Sample<S> {
    op: Conv,
    x: Tensor<S>,
    g: Tensor<S>,
    owned: Vec<Owned<S>>,
}

fn tensor<S: Scalar>(shape: &[usize], mut number: impl FnMut() -> f64) -> Tensor<S> {
    let n = shape.iter().product();
    Tensor::new(shape, (0..n).map(|_| S::of(number())).collect(), &Meter::new())
}

impl<S: Scalar> Sample<S> {
    fn new(op: &Conv, shape: &[usize], seed: u64) -> Self {
        let layout = ConvLayout::new(op, shape);
        let mut rng = Rng::new(seed);
        let mut draw = |shape: &[usize]| tensor(shape, || rng.normal());
        let mut owned = vec![("weight", draw(&[layout.kernels, shape[1], 3, 3]))];
        if op.bias {
            owned.push(("bias", draw(&[layout.kernels])));
        }
        let (x, g) = (draw(shape), draw(&layout.shape(2)));
        let owned = owned.into_iter().map(|(name, tensor)| Owned::parameter(name, tensor));
        Self { op: op.clone(), x, g, owned: owned.collect() }
    }

    fn map(&self, to: impl Fn(f64) -> f64 + Copy) -> Sample<f64> {
        let map = |from: &Tensor<S>| {
            let mut numbers = from.values().into_iter();
            tensor(from.shape(), || to(numbers.next().expect("as many")))
        };
        let own = |owned: &Owned<S>| {
            let numbers = Numbers::Real(map(owned.tensor().expect("a tensor")));
            Owned { name: owned.name, kind: owned.kind, numbers }
        };
        let owned = self.owned.iter().map(own).collect();
        Sample { op: self.op.clone(), x: map(&self.x), g: map(&self.g), owned }
    }

    /// The output, the input's gradient and the weight's, by the reference.
    fn reference(mut self) -> [Vec<S>; 3] {
        let (meter, mut rng) = (Meter::new(), Rng::new(1));
        let mode = Mode::Train;
        let made = self.op.forward(Forward {
            inputs: std::slice::from_ref(&self.x),
            owned: &mut self.owned,
            mode,
            rng: &mut rng,
            keep: false,
            prepacked: None,
            meter: &meter,
        });
        let grads = self.op.backward(Backward {
            shapes: &[self.x.shape().to_vec()],
            inputs: &[Some(self.x.clone())],
            outputs: &[None],
            kept: &[],
            owned: &self.owned,
            grads: &[self.g.clone()],
            mode,
            want_inputs: true,
            want_params: true,
            meter: &meter,
        });
        [&made.outputs[0], &grads.inputs[0], &grads.params[0]].map(|t| t.data().to_vec())
    }

    /// The same in tiles, and the output by filters that are transformed beforehand. Everything that is written over, and
    /// all scratch memory, is NaN before.
    fn tiled(&self, tile: Tile) -> [Vec<S>; 4] {
        let layout = ConvLayout::new(&self.op, self.x.shape());
        let shape = ConvShape::new(&layout).expect("a convolution for tiles");
        let native = S::NATIVE.expect("a float");
        let none = |n| vec![S::of(f64::NAN); n];
        let (x, g) = (self.x.data(), self.g.data());
        let w = self.owned[0].tensor().expect("a weight").data();
        let bias = self.owned.get(1).map(|owned| owned.tensor().expect("a bias").data());
        let [mut y, mut dx, mut dw, mut again] = [g.len(), x.len(), w.len(), g.len()].map(none);
        let pass = |pass| Winograd { shape, pass, tile, prepacked: false };
        let scratch = |pass: &Winograd| none(pass.scratch());
        let ahead = pass(Pass::Forward);
        let given = ForwardArgs { x, w, prepacked: None, bias, rotated: false };
        ahead.forward(native, given, &mut y, &mut scratch(&ahead));
        let back = pass(Pass::Input);
        back.input_gradient(native, (g, w), &mut dx, &mut scratch(&back));
        let weight = pass(Pass::Weight);
        weight.weight_gradient(native, (x, g), &mut dw, &mut scratch(&weight));
        let kept = Winograd { prepacked: true, ..ahead };
        let mut prepacked = none(kept.prepacked_len());
        kept.prepack(w, &mut prepacked);
        let given = ForwardArgs { prepacked: Some(&prepacked[..]), ..given };
        kept.forward(native, given, &mut again, &mut scratch(&kept));
        [y, dx, dw, again]
    }
}

/// How far the pass that is off most is, of what is allowed.
#[allow(clippy::cast_precision_loss, reason = "a measure")]
fn off<S: Scalar>(op: &Conv, shape: &[usize], tile: Tile) -> f64 {
    let given = Sample::<S>::new(op, shape, 3);
    let (right, bounds) = (given.map(|x| x).reference(), given.map(f64::abs).reference());
    let macs = given.g.len() * shape[1] * 9;
    let epsilon = if S::BYTES == 8 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let mut worst = 0.0f64;
    let by_pass = [0, 1, 2, 0].map(|pass| (&right[pass], &bounds[pass]));
    for (made, (right, bounds)) in given.tiled(tile).iter().zip(by_pass) {
        let products = (macs as f64 / made.len() as f64).max(1.0).sqrt();
        let size = bounds.iter().fold(0.0, |a: f64, b| a.max(*b)) / products;
        let allowed = match tile {
            Tile::Two => 4.0 * epsilon * (8.0 + products) * size,
            Tile::Four => 16.0 * epsilon * (16.0 + products) * size,
        };
        for (made, right) in made.iter().zip(right) {
            let off = (made.value() - right).abs();
            let off = if off == 0.0 { 0.0 } else { off / allowed };
            worst = if off.is_finite() { worst.max(off) } else { f64::INFINITY };
        }
    }
    worst
}

fn check(op: &Conv, shape: &[usize]) -> Result<(), TestCaseError> {
    for tile in TILES {
        let (single, double) = (off::<f32>(op, shape, tile), off::<f64>(op, shape, tile));
        prop_assert!(single < 1.0 && double < 1.0, "f32 {single}, f64 {double}: {tile:?}");
    }
    Ok(())
}

fn configurations() -> impl Strategy<Value = (Conv, Vec<usize>)> {
    let channels = || prop_oneof![4 => 1..=6usize, 1 => 15..=34usize];
    let side = || prop_oneof![4 => 1..=9usize, 1 => 10..=40usize];
    let padding = || (0..=2u64, 0..=2u64);
    let shape = (1..=9usize, channels(), side(), side());
    (shape, channels(), padding(), padding(), any::<bool>()).prop_map(
        |((batch, inputs, high, wide), outputs, rows, cols, bias)| {
            (conv(outputs, [rows, cols], bias), vec![batch, inputs, high, wide])
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn tiles_equal_the_reference((op, shape) in configurations()) {
        let layout = ConvLayout::new(&op, &shape);
        prop_assume!(layout.windows().iter().all(|n| *n > 0));
        check(&op, &shape)?;
    }
}

/// Shapes that go each way: blocks within an image and of whole images, one group of filters and several.
fn ways() -> Vec<(Conv, Vec<usize>)> {
    let shapes: [(usize, &[usize]); 6] = [
        (4, &[1, 4, 250, 260]),
        (5, &[600, 3, 9, 9]),
        (3, &[2, 2, 3, 700]),
        (260, &[1, 150, 5, 4]),
        (150, &[1, 260, 3, 4]),
        (260, &[120, 150, 1, 1]),
    ];
    shapes.map(|(outputs, shape)| (conv(outputs, [(1, 1); 2], true), shape.to_vec())).to_vec()
}

#[test]
fn every_way_equals_the_reference() {
    for (op, shape) in ways() {
        check(&op, &shape).unwrap_or_else(|error| panic!("{shape:?}: {error}"));
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let bits = |threads: usize| {
        let each = |(op, shape): (Conv, Vec<usize>)| {
            let given = Sample::<f32>::new(&op, &shape, 9);
            let made = TILES.map(|tile| given.tiled(tile).concat());
            made.concat().into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        };
        Threads::new(threads)
            .expect("threads")
            .run(|| ways().into_iter().map(each).collect::<Vec<_>>())
    };
    let one = bits(1);
    for threads in [2, 3, 5] {
        assert!(bits(threads) == one, "{threads} threads");
    }
}

#[test]
fn only_what_tiles_can_do_is_one_for_them() {
    let shape = |op: &Conv, sizes: [usize; 4]| ConvShape::new(&ConvLayout::new(op, &sizes));
    let made = |padding, sizes| shape(&conv(2, padding, false), sizes).map(|shape| shape.made);
    assert_eq!(made([(0, 0), (0, 0)], [1, 1, 3, 4]), Some([1, 2]));
    assert_eq!(made([(1, 0), (0, 0)], [1, 1, 1, 4]), None);
    assert_eq!(made([(2, 0), (0, 1)], [1, 1, 1, 4]), Some([1, 3]));
    assert_eq!(made([(3, 0), (0, 0)], [1, 1, 9, 9]), None);
    assert_eq!(made([(1, 1), (1, 1)], [0, 1, 9, 9]), None);
    let same = conv(2, [(1, 1), (1, 1)], false);
    let two = PerAxis::all(2, 2);
    let sizes = [1, 2, 9, 9];
    assert!(shape(&same, sizes).is_some());
    assert!(shape(&Conv { stride: two, ..same.clone() }, sizes).is_none());
    assert!(shape(&Conv { dilation: two, ..same.clone() }, sizes).is_none());
    assert!(shape(&Conv { kernel_size: two, ..same.clone() }, sizes).is_none());
    assert!(shape(&Conv { groups: 2, ..same }, sizes).is_none());
}

#[test]
fn tiles_are_chosen_where_they_pay() {
    let square = |batch, [inputs, outputs]: [usize; 2], side| {
        let layout =
            ConvLayout::new(&conv(outputs, [(1, 1); 2], true), &[batch, inputs, side, side]);
        ConvShape::new(&layout).expect("a convolution for tiles")
    };
    let all = |shape: ConvShape| {
        [Pass::Forward, Pass::Input, Pass::Weight].map(|pass| choose(&shape, pass, false, false))
    };
    let (two, four) = (Some(Tile::Two), Some(Tile::Four));
    // Large maps: the larger tile. A first layer: transforms would cost more than they save.
    assert_eq!(all(square(1, [64, 64], 224)), [four; 3]);
    assert_eq!(all(square(16, [512, 512], 14)), [four; 3]);
    assert_eq!(all(square(1, [3, 64], 224)), [None; 3]);
    // One small map: filters are transformed for too few tiles.
    assert_eq!(all(square(1, [512, 512], 7)), [None; 3]);
    for pass in [Pass::Forward, Pass::Input, Pass::Weight] {
        assert_eq!(choose(&square(1, [64, 64], 224), pass, true, false), two);
    }
    // Transformed beforehand they are worth it there too, and for few tiles the larger one is.
    assert_eq!(choose(&square(1, [512, 512], 7), Pass::Forward, false, true), two);
    assert_eq!(choose(&square(1, [512, 512], 14), Pass::Forward, false, true), four);
}

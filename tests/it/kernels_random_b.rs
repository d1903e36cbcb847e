//! Counts, shapes and what is kept, computed and executed, over random configurations: normalisations, activations,
//! softmax, dropout, reshapes, slices and scales.

use cnnstat::Shape;
use cnnstat::internals::exec::kernels::Kernel;
use cnnstat::ops::activation::Approximate;
use cnnstat::ops::dropout::Together;
use cnnstat::ops::upsample::Each;
use cnnstat::ops::{
    Abs, BatchNorm, Celu, Chunk, Crop, Dropout, Elu, Epsilon, Flatten, Gelu, GroupNorm,
    HardSigmoid, HardSwish, HardTanh, Identity, InstanceNorm, Layer, LayerNorm, LeakyRelu,
    LocalResponseNorm, LogSigmoid, LogSoftmax, Mish, Mode, Narrow, Op, PRelu, Permute, Probability,
    Relu, Relu6, Reshape, Scale, Select, Selu, Sigmoid, Silu, Slice, Softmax, Softplus, Softsign,
    StochasticDepth, Tanh,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::kernels::miscounted;

/// Batch 1 to 3, then one to four tiny axes.
fn shapes() -> impl Strategy<Value = Vec<usize>> {
    (1usize..=3, vec(1usize..=4, 1..=4)).prop_map(|(batch, mut axes)| {
        axes.insert(0, batch);
        axes
    })
}

fn agree(op: impl Into<Op>, shape: &[usize]) -> Result<(), TestCaseError> {
    let op = op.into();
    let dims: Vec<u64> = shape.iter().map(|n| *n as u64).collect();
    if op.infer(&[Shape::new(&dims).unwrap()]).is_err() {
        return Ok(());
    }
    for mode in [Mode::Eval, Mode::Train] {
        if shape[0] < op.smallest_batch(&[shape], mode) {
            continue;
        }
        let wrong = miscounted(&op, shape, mode);
        prop_assert!(wrong.is_empty(), "{op:?} on {shape:?}, {mode:?}: {wrong:#?}");
    }
    Ok(())
}

fn momenta() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![Just(None), (0.0..1.0).prop_map(Some)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn norms_by_channels(
        shape in shapes(), momentum in momenta(), affine: bool, track_running_stats: bool,
    ) {
        let eps = Epsilon(1e-5);
        let rank = (shape.len() - 2).max(1);
        let batch = BatchNorm { rank, eps, momentum, affine, track_running_stats };
        agree(batch, &shape)?;
        agree(InstanceNorm { rank, eps, momentum, affine, track_running_stats }, &shape)?;
    }

    #[test]
    fn norms_of_groups(shape in shapes(), num_groups in 1u64..=4, affine: bool) {
        agree(GroupNorm { num_groups, eps: Epsilon(1e-3), affine }, &shape)?;
    }

    #[test]
    fn norms_of_layers(shape in shapes(), count in 0usize..=4, elementwise_affine: bool, bias: bool) {
        let axes = shape[shape.len().saturating_sub(count).max(1)..].iter();
        let axes: Vec<i64> = axes.map(|n| i64::try_from(*n).unwrap()).collect();
        let (eps, normalized_shape) = (Epsilon(0.0), (count > 0).then_some(axes));
        for rank in 0..=3 {
            let normalized_shape = normalized_shape.clone().filter(|_| rank == 0);
            agree(LayerNorm { rank, normalized_shape, eps, elementwise_affine, bias }, &shape)?;
        }
    }

    #[test]
    fn responses_of_neighbours(shape in shapes(), size in 1u64..=7, beta in 0.1..2.0) {
        agree(LocalResponseNorm { size, alpha: 0.1, beta, k: 2.0 }, &shape)?;
    }

    #[test]
    fn activations(shape in shapes(), a in 0.1..2.0, b in 2.0..3.0) {
        let all: [Op; 19] = [
            Relu { inplace: false }.into(), Relu6 { inplace: false }.into(), LeakyRelu { negative_slope: a, inplace: false }.into(),
            Elu { alpha: a, inplace: false }.into(), Selu { inplace: false }.into(), Celu { alpha: a, inplace: false }.into(),
            Gelu { approximate: Approximate::None }.into(),
            Gelu { approximate: Approximate::Tanh }.into(),
            Silu { inplace: false }.into(), Mish { inplace: false }.into(), Sigmoid {}.into(), Tanh {}.into(), LogSigmoid {}.into(),
            Softplus { beta: a, threshold: b }.into(), Softsign {}.into(),
            HardTanh { min_val: -a, max_val: b, inplace: false }.into(), HardSigmoid { inplace: false }.into(), HardSwish { inplace: false }.into(),
            Abs {}.into(),
        ];
        for op in all {
            agree(op, &shape)?;
        }
        let channels = shape[1] as u64;
        for num_parameters in [1, channels] {
            agree(PRelu { num_parameters, init: a }, &shape)?;
        }
    }

    #[test]
    fn shares(shape in shapes(), dim in -5i64..5) {
        agree(Softmax { dim }, &shape)?;
        agree(LogSoftmax { dim }, &shape)?;
    }

    #[test]
    fn dropouts(shape in shapes(), rank in 0usize..=3, p in 0.0..=1.0) {
        for p in [Probability(p), Probability(0.0)] {
            agree(Dropout { rank, p, inplace: false }, &shape)?;
            for mode in [Together::Row, Together::Batch] {
                agree(StochasticDepth { p, mode }, &shape)?;
            }
        }
    }

    #[test]
    fn other_shapes(shape in shapes(), start_dim in -5i64..5, end_dim in -5i64..5) {
        agree(Flatten { start_dim, end_dim }, &shape)?;
        agree(Identity {}, &shape)?;
    }

    #[test]
    fn reshapes(
        (shape, sizes) in shapes().prop_flat_map(|shape| {
            let sizes = shape[1..].iter().map(|n| i64::try_from(*n).unwrap()).collect::<Vec<_>>();
            (Just(shape), Just(sizes).prop_shuffle())
        }),
        left in any::<Option<proptest::sample::Index>>(),
    ) {
        let mut sizes = sizes;
        if let Some(left) = left {
            let at = left.index(sizes.len());
            sizes[at] = -1;
        }
        agree(Reshape { sizes, start_dim: 1 }, &shape)?;
    }

    #[test]
    fn parts(
        shape in shapes(), dim in -5i64..5, start in -9i64..9, end in proptest::option::of(-9i64..9),
        (step, length) in (1u64..=4, 1u64..=4),
    ) {
        agree(Select { dim, index: start }, &shape)?;
        agree(Narrow { dim, start, length }, &shape)?;
        agree(Slice { dim, start, end, step }, &shape)?;
        agree(Chunk { chunks: step, index: start, dim }, &shape)?;
        agree(Crop { size: Each(vec![length]), offset: None }, &shape)?;
        agree(Crop { size: Each(vec![length]), offset: Some(Each(vec![start])) }, &shape)?;
    }

    #[test]
    fn scales(
        (shape, own) in shapes().prop_flat_map(|shape| {
            let own = vec(any::<bool>(), 0..shape.len());
            (Just(shape), own)
        }),
        init in -1.0..1.0,
    ) {
        // Each size is the axis's or 1.
        let sizes = shape[shape.len() - own.len()..].iter().zip(own);
        let sizes = sizes.map(|(n, own)| if own { i64::try_from(*n).unwrap() } else { 1 });
        agree(Scale { shape: sizes.collect(), init }, &shape)?;
    }

    #[test]
    fn permutations(
        (shape, dims) in shapes().prop_flat_map(|shape| {
            let dims: Vec<i64> = (1..shape.len()).map(|n| i64::try_from(n).unwrap()).collect();
            (Just(shape), Just(dims).prop_shuffle())
        }),
    ) {
        let dims = std::iter::once(0).chain(dims).collect();
        agree(Permute { dims }, &shape)?;
    }
}

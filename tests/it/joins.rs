//! Joins: sums, differences, products and concatenations by hand, over random shapes, and against finite differences.

use cnnstat::internals::exec::gradcheck::{along_directions, check};
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::ops::{Add, Concat, Mode, Mul, Op, Sub};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::kernels::{miscounted_on, run};

/// A tensor that counts up from a number.
fn counted(shape: &[usize], from: f64) -> Tensor<f64> {
    let n: u32 = shape.iter().map(|n| u32::try_from(*n).unwrap()).product();
    Tensor::new(shape, (0..n).map(|i| from + f64::from(i)).collect(), &Meter::new())
}

/// What comes out, and the gradients of the inputs from one that counts up from 1.
fn joined(op: impl Into<Op>, inputs: &[Tensor<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let op = op.into();
    let y = run(&op, Mode::Train, inputs, Vec::new(), None).made.outputs.remove(0);
    let g = counted(y.shape(), 1.0);
    let run = run(&op, Mode::Train, inputs, Vec::new(), Some(g));
    (y.values(), run.inputs[0].inputs.iter().map(Tensor::values).collect())
}

#[test]
fn sums_and_differences_by_hand() {
    let (a, b) = (counted(&[1, 2, 2], 0.0), counted(&[1, 2, 1], 10.0));
    // 0 1     10 10
    // 2 3     11 11
    let (y, grads) = joined(Add {}, &[a.clone(), b.clone()]);
    assert_eq!(y, [10.0, 11.0, 13.0, 14.0]);
    assert_eq!(grads, [vec![1.0, 2.0, 3.0, 4.0], vec![3.0, 7.0]]);
    let (y, grads) = joined(Sub {}, &[a.clone(), b.clone()]);
    assert_eq!(y, [-10.0, -9.0, -9.0, -8.0]);
    assert_eq!(grads, [vec![1.0, 2.0, 3.0, 4.0], vec![-3.0, -7.0]]);
    let (y, grads) = joined(Sub {}, &[b, a.clone()]);
    assert_eq!(y, [10.0, 9.0, 9.0, 8.0]);
    assert_eq!(grads, [vec![3.0, 7.0], vec![-1.0, -2.0, -3.0, -4.0]]);
    let (y, grads) = joined(Add {}, &[a.clone(), a.clone(), a]);
    assert_eq!(y, [0.0, 3.0, 6.0, 9.0]);
    assert_eq!(grads, vec![vec![1.0, 2.0, 3.0, 4.0]; 3]);
}

/// Both are stretched: a column and a row make a table.
#[test]
fn a_column_times_a_row_by_hand() {
    let (column, row) = (counted(&[1, 2, 1], 2.0), counted(&[3], 5.0));
    let (y, grads) = joined(Mul {}, &[column, row]);
    assert_eq!(y, [10.0, 12.0, 14.0, 15.0, 18.0, 21.0]);
    // dy is 1 2 3 / 4 5 6.
    let of_column = vec![1.0 * 5.0 + 2.0 * 6.0 + 3.0 * 7.0, 4.0 * 5.0 + 5.0 * 6.0 + 6.0 * 7.0];
    let of_row = vec![1.0 * 2.0 + 4.0 * 3.0, 2.0 * 2.0 + 5.0 * 3.0, 3.0 * 2.0 + 6.0 * 3.0];
    assert_eq!(grads, [of_column, of_row]);
}

#[test]
fn a_product_of_three_by_hand() {
    let inputs = [counted(&[1, 2], 2.0), counted(&[1, 2], 4.0), counted(&[1, 2], 6.0)];
    let (y, grads) = joined(Mul {}, &inputs);
    assert_eq!(y, [2.0 * 4.0 * 6.0, 3.0 * 5.0 * 7.0]);
    assert_eq!(grads, [vec![24.0, 70.0], vec![12.0, 42.0], vec![8.0, 30.0]]);
}

#[test]
fn concatenations_by_hand() {
    let (a, b) = (counted(&[2, 1, 2], 0.0), counted(&[2, 2, 2], 10.0));
    let (y, grads) = joined(Concat { dim: 1 }, &[a.clone(), b.clone()]);
    assert_eq!(y, [0.0, 1.0, 10.0, 11.0, 12.0, 13.0, 2.0, 3.0, 14.0, 15.0, 16.0, 17.0]);
    let of_b = vec![3.0, 4.0, 5.0, 6.0, 9.0, 10.0, 11.0, 12.0];
    assert_eq!(grads, [vec![1.0, 2.0, 7.0, 8.0], of_b]);
    let (y, grads) = joined(Concat { dim: -1 }, &[a.clone(), a]);
    assert_eq!(y, [0.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0]);
    assert_eq!(grads, [[1.0, 2.0, 5.0, 6.0], [3.0, 4.0, 7.0, 8.0]]);
}

/// A shape, and for two to four inputs which axes are 1 in it, and how many axes at the front are missing.
fn stretching() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let input = (vec(any::<bool>(), 5), 0..3usize);
    (vec(1..=4usize, 1..=5), vec(input, 2..=4)).prop_map(|(whole, inputs)| {
        let input = |(ones, missing): (Vec<bool>, usize)| {
            let sizes = whole.iter().zip(ones).map(|(n, one)| if one { 1 } else { *n });
            sizes.skip(missing.min(whole.len() - 1)).collect()
        };
        inputs.into_iter().map(input).collect()
    })
}

/// Inputs that differ along one axis, and the axis, from either end.
fn concatenating() -> impl Strategy<Value = (i64, Vec<Vec<usize>>)> {
    (
        vec(1..=4usize, 2..=5),
        any::<proptest::sample::Index>(),
        vec(1..=3usize, 2..=4),
        any::<bool>(),
    )
        .prop_map(|(whole, along, sizes, from_end)| {
            let along = 1 + along.index(whole.len() - 1);
            let input = |n| {
                let mut shape = whole.clone();
                shape[along] = n;
                shape
            };
            let count = |n: usize| i64::try_from(n).unwrap();
            let dim = if from_end { count(along) - count(whole.len()) } else { count(along) };
            (dim, sizes.into_iter().map(input).collect())
        })
}

/// What is counted, kept and passed on, and gradients against finite differences.
fn agree(op: impl Into<Op>, shapes: &[Vec<usize>]) -> Result<(), TestCaseError> {
    let op = op.into();
    for mode in [Mode::Eval, Mode::Train] {
        let wrong = miscounted_on(&op, shapes, mode);
        prop_assert!(wrong.is_empty(), "{op:?} of {shapes:?}, {mode:?}: {wrong:#?}");
    }
    let small = shapes.iter().flatten().product::<usize>() <= 10_000;
    let error = if small {
        check(&op, shapes, Mode::Train, 1)
    } else {
        along_directions(&op, shapes, Mode::Train, 1, &Meter::new())
    };
    prop_assert!(error < 1e-6, "{op:?} of {shapes:?}: gradients are off by {error}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn element_by_element(shapes in stretching()) {
        agree(Add {}, &shapes)?;
        agree(Mul {}, &shapes)?;
        agree(Sub {}, &shapes[..2])?;
    }

    #[test]
    fn one_behind_the_other((dim, shapes) in concatenating()) {
        agree(Concat { dim }, &shapes)?;
    }
}

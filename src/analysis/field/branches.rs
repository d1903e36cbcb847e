//! Receptive fields where branches meet: along each axis an element sees what any of its branches sees, from the first
//! element that one of them sees to the last.
//!
//! Branches of one mean stride make one pattern. Those of different strides drift apart, and each position is looked at.
//! Beside a branch that sees the same from everywhere (a gate, made by a global pool) what lies on the input is seen, the
//! whole axis as a rule; but no less than the windows of a branch, which may exceed it.

use super::Trace;
use super::along::{Along, Walk, strides};
use super::pattern::{Pattern, Steps, hull};

/// What is said where positions of branches are not those of one another.
const APART: &str = "branches have its axes in different places";

/// What is said where a branch adds what it sees to some positions only, row by row and column by column.
const SPARSE: &str = "some positions of a branch see nothing of the input";

/// The trace of a value in which these branches meet; `None` where there is none.
pub(super) fn meet(branches: Vec<Trace>, steps: &mut Steps) -> Option<Trace> {
    let mut all = Vec::with_capacity(branches.len());
    for branch in branches {
        match branch {
            Trace::Axes(axes) => all.push(axes),
            unknown @ Trace::Unknown(_) => return Some(unknown),
        }
    }
    if let [only] = &mut all[..] {
        for along in only.iter_mut() {
            along.aligned = true;
        }
        return all.pop().map(Trace::Axes);
    }
    all.first()?;
    Some(together(&all, steps).map_or_else(Trace::Unknown, Trace::Axes))
}

/// What branches see together.
fn together(branches: &[Vec<Along>], steps: &mut Steps) -> Result<Vec<Along>, &'static str> {
    let full = union(branches, steps)?;
    let is_dense = |axes: &&Vec<Along>| !axes.iter().any(Along::is_sparse);
    let dense: Vec<Vec<Along>> = branches.iter().filter(is_dense).cloned().collect();
    // On one axis a position that sees nothing adds nothing. On several, it depends on its place on one axis what is added
    // on another, unless other branches see that already.
    if full.len() < 2 || dense.len() == branches.len() {
        return Ok(full);
    }
    let seen = union(&dense, steps)?;
    let mut adds = seen.len() != full.len();
    for (all, without) in full.iter().zip(&seen) {
        adds = adds || !all.sees_as(without, steps)?;
    }
    if adds { Err(SPARSE) } else { Ok(full) }
}

fn union(branches: &[Vec<Along>], steps: &mut Steps) -> Result<Vec<Along>, &'static str> {
    let axes = branches.first().map_or(0, Vec::len);
    let of_axis = |i: usize| branches.iter().filter_map(|axes| axes.get(i)).collect::<Vec<_>>();
    (0..axes).map(|i| axis(&of_axis(i), steps)).collect()
}

/// What branches see of one axis together.
fn axis(branches: &[&Along], steps: &mut Steps) -> Result<Along, &'static str> {
    let fixed = branches.iter().fold(None, |seen, branch| hull(seen, branch.fixed));
    let walking: Vec<&Along> =
        branches.iter().copied().filter(|branch| branch.walk != Walk::Gone).collect();
    let mut walk = Walk::Gone;
    for branch in &walking {
        walk = meeting(walk, branch.walk).ok_or(APART)?;
    }
    let mut patterns = Vec::new();
    let mut aligned = true;
    for stride in strides(walking.iter().flat_map(|branch| &branch.patterns)) {
        let alike: Vec<&Pattern> = walking
            .iter()
            .filter_map(|branch| branch.patterns.iter().find(|other| other.stride() == stride))
            .collect();
        // Where strides differ, the branches drift apart.
        aligned = aligned && alike.len() == walking.len() && are_centred(&alike, steps)?;
        patterns.extend(Pattern::merge(&alike, steps)?);
    }
    Ok(Along { walk, patterns, fixed, aligned })
}

/// How a value walks in which two branches meet.
fn meeting(one: Walk, other: Walk) -> Option<Walk> {
    match (one, other) {
        (Walk::Gone, walk) | (walk, Walk::Gone) => Some(walk),
        (
            Walk::Folded { axis, positions, all },
            Walk::Folded { axis: along, positions: more, all: rest },
        ) if axis == along => {
            let positions = positions.max(more);
            Some(Walk::Folded { axis, positions, all: hull(all, rest) })
        }
        (one, other) => (one == other).then_some(one),
    }
}

/// Whether none of these patterns, of one mean stride, looks ahead of another.
fn are_centred(patterns: &[&Pattern], steps: &mut Steps) -> Result<bool, &'static str> {
    let mut distinct: Vec<&Pattern> = Vec::new();
    for pattern in patterns {
        let mut is_known = false;
        for other in &distinct {
            if !pattern.is_centred_on(other, steps)? {
                return Ok(false);
            }
            is_known = is_known || (pattern.period() == 1 && other.period() == 1);
        }
        if !is_known {
            distinct.push(pattern);
        }
    }
    Ok(true)
}

impl Along {
    /// Whether some positions see nothing by a pattern.
    fn is_sparse(&self) -> bool {
        let sees_nothing = self.patterns.is_empty() && self.fixed.is_none();
        sees_nothing || self.patterns.iter().any(Pattern::is_sparse)
    }

    /// Whether every position sees what it sees in another trace.
    fn sees_as(&self, other: &Self, steps: &mut Steps) -> Result<bool, &'static str> {
        if self.fixed != other.fixed || self.patterns.len() != other.patterns.len() {
            return Ok(false);
        }
        for (one, other) in self.patterns.iter().zip(&other.patterns) {
            if one.stride() != other.stride() || !one.equals(other, steps)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::super::Field;
    use crate::graph::{GraphBuilder, ValueId};
    use crate::ops::args::{ArgValue, Args, Written};
    use crate::ops::{Add, Concat, Flatten, GlobalAvgPool, Linear, Mode, Mul, Op, ZeroPad};
    use crate::shape::Shape;

    /// An operator with these arguments in order.
    fn op(name: &str, args: &[i64]) -> Op {
        let (entry, rank) = Op::find(name).unwrap();
        let positional = args.iter().copied().map(ArgValue::Int).collect();
        let written = Written { positional, named: Vec::new() };
        (entry.build)(&Args::bind(entry.signature, rank, written).unwrap()).unwrap()
    }

    /// One channel out, with as much padding as keeps the extent unless said otherwise.
    fn conv(kernel: i64) -> Op {
        op("conv2d", &[1, kernel, 1, kernel / 2])
    }

    /// Zeros at the right and below; negative numbers take away.
    fn cropped(sides: [i64; 4]) -> Op {
        use crate::ops::arg_type::ArgType as _;
        let sides = ArgValue::List(sides.map(ArgValue::Int).to_vec());
        ZeroPad { rank: 2, padding: crate::ops::pad::Sides::read(&sides, 2).unwrap() }.into()
    }

    /// The field of the last of these layers, each with the positions of the values it uses; 0 is the image.
    fn last(layers: &[(Op, &[usize])]) -> Field {
        let mut builder = GraphBuilder::new("n");
        let mut values =
            vec![builder.input("input", Shape::new(&[1, 1, 32, 24]).unwrap(), Some(0)).unwrap()];
        for (op, from) in layers {
            let inputs: Vec<ValueId> = from.iter().map(|at| values[*at]).collect();
            let name = format!("layer{}", values.len());
            values.push(builder.layer(name, op.clone(), &inputs).unwrap()[0]);
        }
        let graph = builder.finish(&[]).unwrap();
        let shapes = crate::analysis::shapes::infer(&graph, &mut Vec::new()).shapes;
        super::super::follow(&graph, &shapes, Mode::Eval).pop().flatten().unwrap()
    }

    /// Extent, stride, start and whether branches are aligned, of the first axis.
    fn seen(layers: &[(Op, &[usize])]) -> (u64, Option<i64>, i64, bool) {
        let Field::Axes(axes) = last(layers) else { panic!("not known") };
        let whole = |ratio: Ratio<i64>| {
            assert!(ratio.is_integer());
            ratio.to_integer()
        };
        let axis = axes[0];
        (axis.extent, axis.stride.map(whole), axis.start, axis.aligned)
    }

    fn add() -> Op {
        Add {}.into()
    }

    fn concat() -> Op {
        Concat { dim: 1 }.into()
    }

    #[test]
    fn a_residual_block_sees_what_its_longer_branch_sees() {
        let block = [(conv(3), &[0][..]), (conv(3), &[1]), (add(), &[2, 0])];
        assert_eq!(seen(&block), (5, Some(1), -2, true));
        let swapped = [(conv(3), &[0][..]), (conv(3), &[1]), (add(), &[0, 2])];
        assert_eq!(seen(&swapped), (5, Some(1), -2, true));
        let strided = [
            (op("conv2d", &[1, 3, 2, 1]), &[0][..]),
            (conv(3), &[1]),
            (op("conv2d", &[1, 1, 2, 0]), &[0]),
            (add(), &[2, 3]),
            (conv(3), &[4]),
        ];
        assert_eq!(seen(&strided), (11, Some(2), -5, true));
    }

    #[test]
    fn inception_sees_its_largest_kernel() {
        let branches = [
            (conv(1), &[0][..]),
            (conv(3), &[0]),
            (conv(5), &[0]),
            (op("maxpool2d", &[3, 1, 1]), &[0]),
            (concat(), &[1, 2, 3, 4]),
        ];
        assert_eq!(seen(&branches), (5, Some(1), -2, true));
    }

    /// Without padding the middle moves: the branch that is cut at its end sees around another element.
    #[test]
    fn branches_around_different_middles_are_told() {
        let unpadded = op("conv2d", &[1, 3, 1, 0]);
        let at_end =
            [(unpadded.clone(), &[0][..]), (cropped([0, -2, 0, -2]), &[0]), (add(), &[1, 2])];
        assert_eq!(seen(&at_end), (3, Some(1), 0, false));
        let in_the_middle =
            [(unpadded.clone(), &[0][..]), (cropped([-1, -1, -1, -1]), &[0]), (add(), &[1, 2])];
        assert_eq!(seen(&in_the_middle), (3, Some(1), 0, true));
        // Beyond its own end: the fields do not even touch.
        let apart = [
            (cropped([0, -8, 0, -8]), &[0][..]),
            (cropped([-8, 0, -8, 0]), &[0]),
            (concat(), &[1, 2]),
            (conv(1), &[3]),
        ];
        assert_eq!(seen(&apart[..3]), (9, Some(1), 0, false));
        // It is said where the branches meet, not of what follows.
        assert_eq!(seen(&apart), (9, Some(1), 0, true));
        // An even kernel looks half an element ahead.
        let even = [
            (op("conv2d", &[1, 2, 1, 0]), &[0][..]),
            (cropped([0, -1, 0, -1]), &[0]),
            (add(), &[1, 2]),
        ];
        assert_eq!(seen(&even), (2, Some(1), 0, false));
    }

    /// The same extent by other strides: 32 elements become 16 by 2, and 16 by 31/15.
    #[test]
    fn branches_of_different_strides_drift_apart() {
        let resized = Op::from(crate::ops::Upsample {
            size: Some(crate::ops::upsample::Each(vec![16, 12])),
            scale_factor: None,
            mode: crate::ops::upsample::Interpolation::Bilinear,
            align_corners: true,
        });
        let Field::Axes(axes) =
            last(&[(op("maxpool2d", &[2]), &[0]), (resized, &[0]), (add(), &[1, 2])])
        else {
            panic!("not known")
        };
        assert_eq!((axes[0].stride, axes[0].aligned), (Some(Ratio::new(31, 15)), false));
    }

    /// A gate that a global pool makes sees all; what follows still has its stride.
    #[test]
    fn squeeze_and_excitation_sees_the_whole_input() {
        let gated = [
            (op("conv2d", &[1, 3, 2, 1]), &[0][..]),
            (GlobalAvgPool {}.into(), &[1]),
            (conv(1), &[2]),
            (Mul {}.into(), &[1, 3]),
            (conv(3), &[4]),
            (add(), &[5, 4]),
        ];
        for layers in [&gated[..4], &gated[..5], &gated] {
            assert_eq!(seen(layers), (32, Some(2), 0, true));
        }
        let gone = [(GlobalAvgPool {}.into(), &[0][..]), (add(), &[1, 1])];
        assert_eq!(seen(&gone), (32, None, 0, true));
    }

    /// One number for all, though it comes of a window that leaves 8 of 32 rows out: from some places more is seen.
    #[test]
    fn a_stretched_axis_is_seen_from_everywhere() {
        let stretched = [(conv(3), &[0][..]), (op("maxpool2d", &[24]), &[0]), (add(), &[1, 2])];
        assert_eq!(seen(&stretched[..2]), (24, Some(24), 0, true));
        assert_eq!(seen(&stretched), (32, Some(1), 0, true));
    }

    /// U-Net's branches: what a pool took together an upsampling spreads again.
    #[test]
    fn an_upsampled_branch_is_aligned_as_far_as_is_known() {
        let up = || op("conv_transpose2d", &[1, 2, 2]);
        let unet = [
            (conv(3), &[0][..]),
            (op("maxpool2d", &[2]), &[1]),
            (conv(3), &[2]),
            (op("maxpool2d", &[2]), &[3]),
            (conv(3), &[4]),
            (up(), &[5]),
            (concat(), &[6, 3]),
            (conv(3), &[7]),
            (up(), &[8]),
            (concat(), &[9, 1]),
        ];
        for layers in [&unet[..7], &unet] {
            let Field::Axes(axes) = last(layers) else { panic!("not known") };
            assert!(axes.iter().all(|axis| axis.aligned), "{axes:?}");
        }
        // Two elements of the coarse grid off are seen all the same.
        let shifted = [
            (op("maxpool2d", &[2]), &[0][..]),
            (cropped([2, -2, 2, -2]), &[1]),
            (up(), &[2]),
            (add(), &[3, 0]),
        ];
        let Field::Axes(axes) = last(&shifted) else { panic!("not known") };
        assert!(axes.iter().all(|axis| !axis.aligned), "{axes:?}");
    }

    #[test]
    fn along_an_axis_of_positions_nothing_is_known_behind() {
        let side_by_side = [(conv(3), &[0][..]), (Concat { dim: -1 }.into(), &[1, 0])];
        assert!(matches!(last(&side_by_side), Field::Unknown(why) if why.contains("concatenated")));
        let then = [side_by_side[0].clone(), side_by_side[1].clone(), (add(), &[2, 2])];
        assert!(matches!(last(&then), Field::Unknown(_)));
        // Flattened positions can be put behind others: a linear layer sees them all.
        let flat = || Op::from(Flatten { start_dim: 1, end_dim: -1 });
        let heads = [
            (flat(), &[0][..]),
            (conv(3), &[0]),
            (flat(), &[2]),
            (concat(), &[1, 3]),
            (Linear { out_features: 2, bias: true }.into(), &[4]),
        ];
        assert_eq!(seen(&heads[..4]), (3, None, -1, true));
        assert_eq!(seen(&heads), (32, None, 0, true));
    }

    #[test]
    fn what_comes_from_another_input_is_left_out() {
        let mut builder = GraphBuilder::new("n");
        let image = builder.input("image", Shape::new(&[1, 1, 8, 8]).unwrap(), Some(0)).unwrap();
        let other = builder.input("other", Shape::new(&[1, 1, 8, 8]).unwrap(), Some(0)).unwrap();
        let seen = builder.layer("a", conv(3), &[image]).unwrap()[0];
        let wide = builder.layer("b", conv(7), &[other]).unwrap()[0];
        builder.layer("c", add(), &[wide, seen]).unwrap();
        let graph = builder.finish(&[]).unwrap();
        let shapes = crate::analysis::shapes::infer(&graph, &mut Vec::new()).shapes;
        let fields = super::super::follow(&graph, &shapes, Mode::Eval);
        assert!(fields[wide.index()].is_none());
        assert_eq!(fields.last(), fields.get(seen.index()));
    }
}

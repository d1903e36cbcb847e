//! Receptive fields where branches meet: along each axis an element sees what any of its branches sees.
//!
//! ```text
//! start = min starts      extent = max (start + extent) − start      middle of a branch = start + (extent − 1)/2
//! ```
//!
//! Beside a branch that sees the same from everywhere (a gate, made by a global pool) the whole axis is seen. Tests stand
//! below.

use num_rational::Ratio;
use num_traits::{CheckedAdd, CheckedSub, Zero};

use super::{AxisField, Field, Walk};
use crate::shape::Shape;

/// What is said where positions of branches are not those of one another.
const APART: &str = "branches have its axes in different places";

/// The field of a value in which these branches meet; `None` where there is none.
pub(super) fn meet(branches: Vec<Field>, input: Shape) -> Option<Field> {
    let mut all = Vec::with_capacity(branches.len());
    for branch in branches {
        match branch {
            Field::Axes(axes) => all.push(axes),
            unknown @ Field::Unknown(_) => return Some(unknown),
        }
    }
    let axes = all.first()?.len();
    let met = (0..axes).map(|i| {
        let of_axis: Vec<AxisField> = all.iter().filter_map(|axes| axes.get(i).copied()).collect();
        axis(&of_axis, AxisField::all(input, i))
    });
    Some(met.collect::<Result<_, _>>().map_or_else(Field::Unknown, Field::Axes))
}

/// What branches see of one axis together; `all` is the whole of it.
fn axis(branches: &[AxisField], all: Option<AxisField>) -> Result<AxisField, &'static str> {
    const TOO_LARGE: &str = "its extent exceeds 64 bits";
    if let [only] = branches {
        return Ok(AxisField { aligned: true, ..*only });
    }
    let (gone, walking): (Vec<_>, Vec<_>) =
        branches.iter().copied().partition(|branch| branch.walk == Walk::Gone);
    let Some(first) = walking.first() else {
        return union(&gone).ok_or(TOO_LARGE);
    };
    if walking.iter().any(|branch| branch.walk != first.walk) {
        return Err(APART);
    }
    // Where strides differ, the branches drift apart.
    let is_even = walking.iter().all(|branch| branch.stride == first.stride);
    let stride = if is_even { first.stride } else { walking.iter().filter_map(|b| b.stride).max() };
    let placed: Vec<AxisField> = walking.iter().copied().filter(|branch| !branch.whole).collect();
    let aligned = is_even && is_centred(&placed).ok_or(TOO_LARGE)?;
    let seen = if gone.is_empty() && placed.len() == walking.len() { union(&placed) } else { all };
    let seen = seen.ok_or(TOO_LARGE)?;
    let blur = walking.iter().map(|branch| branch.blur).max().unwrap_or_else(Ratio::zero);
    Ok(AxisField { stride, aligned, walk: first.walk, blur, ..seen })
}

/// From the first element that any branch sees to the last.
fn union(branches: &[AxisField]) -> Option<AxisField> {
    let (first, rest) = branches.split_first()?;
    let end = |branch: &AxisField| branch.start.checked_add(&branch.extent);
    let (mut start, mut last) = (first.start, end(first)?);
    for branch in rest {
        (start, last) = (start.min(branch.start), last.max(end(branch)?));
    }
    Some(AxisField { start, extent: last.checked_sub(&start)?, ..*first })
}

/// Whether the middles of branches are one, as far as they are known. `None` beyond 63 bits.
fn is_centred(branches: &[AxisField]) -> Option<bool> {
    // Twice the middle, less one.
    let middle =
        |branch: &AxisField| branch.start.checked_add(&branch.start)?.checked_add(&branch.extent);
    let middles: Vec<Ratio<i64>> = branches.iter().map(middle).collect::<Option<_>>()?;
    let (Some(least), Some(most)) = (middles.iter().min(), middles.iter().max()) else {
        return Some(true);
    };
    let apart = most.checked_sub(least)?;
    let blur = branches.iter().map(|branch| branch.blur).max().unwrap_or_else(Ratio::zero);
    Some(apart.is_zero() || apart < blur.checked_add(&blur)?)
}

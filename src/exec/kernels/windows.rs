//! Enumerating windows: where they lie on an axis, found by stepping until they no longer fit; and positions of a box in order.
//!
//! This is the executed counterpart of the extent rule: nothing here divides.

use crate::ops::{Padding, Rounding};

/// One axis with the windows on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WindowAxis {
    /// Where each window begins, in elements of the input; negative on padding.
    pub(crate) starts: Vec<isize>,
    /// Elements of the input.
    pub(crate) extent: usize,
    /// Padding after the input: a tap beyond it is no tap.
    pub(crate) after: usize,
    /// Taps of a window.
    pub(crate) kernel: usize,
    /// Elements from one tap to the next.
    pub(crate) dilation: usize,
}

/// A tap of a window on one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tap {
    /// On this element of the input.
    Inside(usize),
    /// On padding.
    Padding,
    /// Beyond input and padding: it does not count.
    Beyond,
}

impl WindowAxis {
    /// The axis that is not there: one window of one tap on one element. Operators of lower rank have it in front.
    pub(crate) fn none() -> Self {
        Self { starts: vec![0], extent: 1, after: 0, kernel: 1, dilation: 1 }
    }

    /// Where a tap of a window falls.
    pub(crate) fn tap(&self, window: usize, tap: usize) -> Tap {
        let at = self.starts[window] + (tap * self.dilation).cast_signed();
        match usize::try_from(at) {
            Err(_) => Tap::Padding,
            Ok(at) if at < self.extent => Tap::Inside(at),
            Ok(at) if at < self.extent + self.after => Tap::Padding,
            Ok(_) => Tap::Beyond,
        }
    }
}

/// The geometry of a window on one axis, as an operator's arguments have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    pub(crate) rounding: Rounding,
}

/// Enumerates the windows of axis `axis` along `extent` elements.
pub(crate) fn enumerate_windows(
    extent: usize,
    steps: Steps,
    padding: Padding,
    axis: usize,
) -> WindowAxis {
    let Steps { kernel, stride, dilation, rounding } = steps;
    let reach = dilation * (kernel - 1) + 1;
    let (before, after) = sides(extent, reach, stride, padding, axis);
    let end = (extent + after).cast_signed();
    let mut starts: Vec<isize> = Vec::new();
    let mut start = -before.cast_signed();
    // Windows that fit whole.
    while start + reach.cast_signed() <= end {
        starts.push(start);
        start += stride.cast_signed();
    }
    // Rounding up: one more, which runs over the end by less than a stride and begins where it may.
    let runs_over_by = start + reach.cast_signed() - end;
    let clipped = rounding == Rounding::Ceil || before > 0;
    let may_begin = !clipped || start < extent.cast_signed();
    if rounding != Rounding::Floor && runs_over_by < stride.cast_signed() && may_begin {
        starts.push(start);
    }
    WindowAxis { starts, extent, after, kernel, dilation }
}

/// Padding before and after an axis.
fn sides(
    extent: usize,
    reach: usize,
    stride: usize,
    padding: Padding,
    axis: usize,
) -> (usize, usize) {
    let same = || {
        // As many windows as strides begin on the input; the last one's overhang is what must be added.
        let mut last = 0;
        while last + stride < extent {
            last += stride;
        }
        (last + reach).saturating_sub(extent)
    };
    let half = |total: usize| (0..=total).find(|n| n + n + 1 >= total).unwrap_or(0);
    match padding {
        Padding::Sides { sides, .. } => (narrow(sides[axis].0), narrow(sides[axis].1)),
        Padding::Valid => (0, 0),
        Padding::Same | Padding::SameUpper => (half(same()), same() - half(same())),
        Padding::SameLower => (same() - half(same()), half(same())),
    }
}

/// A size of a tensor that is in memory.
pub(crate) fn narrow(n: u64) -> usize {
    usize::try_from(n).expect("sizes that fit memory")
}

/// Elements of a box.
pub(crate) fn volume(sizes: [usize; 3]) -> usize {
    sizes.iter().product()
}

/// Positions of a box in order, the last axis fastest.
pub(crate) fn positions([depth, height, width]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..depth).flat_map(move |z| (0..height).flat_map(move |y| (0..width).map(move |x| [z, y, x])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(
        extent: usize,
        kernel: usize,
        stride: usize,
        rounding: Rounding,
        pad: u64,
    ) -> Vec<isize> {
        let steps = Steps { kernel, stride, dilation: 1, rounding };
        enumerate_windows(extent, steps, Padding::Sides { rank: 1, sides: [(pad, pad); 3] }, 0)
            .starts
    }

    #[test]
    fn windows_stand_where_torch_has_them() {
        assert_eq!(starts(5, 3, 1, Rounding::Floor, 0), [0, 1, 2]);
        assert_eq!(starts(5, 3, 1, Rounding::Ceil, 0), [0, 1, 2]);
        assert_eq!(starts(6, 3, 2, Rounding::Ceil, 0), [0, 2, 4]);
        assert_eq!(starts(5, 1, 3, Rounding::Ceil, 0), [0, 3]);
        assert_eq!(starts(5, 1, 3, Rounding::Caffe, 0), [0, 3, 6]);
        assert_eq!(starts(4, 3, 2, Rounding::Floor, 1), [-1, 1]);
    }

    #[test]
    fn taps_are_inside_on_padding_or_beyond() {
        let steps = Steps { kernel: 3, stride: 2, dilation: 1, rounding: Rounding::Ceil };
        let axis = enumerate_windows(4, steps, Padding::Sides { rank: 1, sides: [(1, 0); 3] }, 0);
        assert_eq!(axis.starts, [-1, 1]);
        assert_eq!(
            (axis.tap(0, 0), axis.tap(0, 1), axis.tap(1, 2)),
            (Tap::Padding, Tap::Inside(0), Tap::Inside(3))
        );
        let axis = enumerate_windows(6, steps, Padding::Valid, 0);
        assert_eq!(axis.tap(2, 2), Tap::Beyond);
    }
    #[test]
    fn an_odd_element_of_padding_goes_where_the_word_says() {
        let steps = Steps { kernel: 4, stride: 2, dilation: 1, rounding: Rounding::Floor };
        let first = |padding| enumerate_windows(7, steps, padding, 0).starts;
        assert_eq!(first(Padding::SameUpper), [-1, 1, 3, 5]);
        assert_eq!(first(Padding::SameLower), [-2, 0, 2, 4]);
        let steps = Steps { stride: 1, ..steps };
        assert_eq!(enumerate_windows(3, steps, Padding::Same, 0).starts, [-1, 0, 1]);
    }

    /// torch refuses such an axis with stride 1; what no rule accepts has no window here either.
    #[test]
    fn the_only_window_runs_over_by_less_than_a_stride() {
        assert_eq!(starts(1, 2, 2, Rounding::Ceil, 0), [0]);
        assert!(starts(1, 2, 1, Rounding::Ceil, 0).is_empty());
        assert!(starts(1, 2, 2, Rounding::Floor, 0).is_empty());
    }
}

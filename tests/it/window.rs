//! The window rule against a walk that never divides: the kernel is laid on the axis step by step, and taps are looked at
//! one by one.

use cnnstat::ops::error::ShapeError;
use cnnstat::ops::window::{Padding, Rounding, Taps, Window};
use proptest::prelude::*;

/// How many windows there are. A window that fits whole counts. In ceil mode one more counts that runs over the end by
/// less than a stride, if it starts inside the input or its left padding; Caffe asks that only of a padded axis.
fn walk(window: &Window, input: u64) -> u64 {
    let last_tap = (1..window.kernel).fold(0, |at, _| at + window.dilation);
    let (padded, beyond) = (window.before + input + window.after, window.before + input);
    let (mut windows, mut start) = (0, 0);
    while start + last_tap < padded {
        (windows, start) = (windows + 1, start + window.stride);
    }
    let runs_over_by = start + last_tap + 1 - padded;
    let starts_inside = start < beyond || window.rounding == Rounding::Caffe && window.before == 0;
    let counts = runs_over_by < window.stride && starts_inside;
    windows + u64::from(window.rounding != Rounding::Floor && counts)
}

/// Taps on the padded axis and on the input, looked at one by one.
fn look(window: &Window, input: u64, windows: u64) -> Taps {
    let (mut taps, mut start) = (Taps { all: 0, inside: 0 }, 0);
    for _ in 0..windows {
        let mut at = start;
        for _ in 0..window.kernel {
            taps.all += u64::from(at < window.before + input + window.after);
            taps.inside += u64::from(at >= window.before && at < window.before + input);
            at += window.dilation;
        }
        start += window.stride;
    }
    taps
}

/// Padding that makes as many windows fit as start on the input, dealt out one element at a time, `first_before` or after.
fn deal(input: u64, reach: u64, stride: u64, first_before: bool) -> (u64, u64) {
    let mut last = 0;
    while last + stride < input {
        last += stride;
    }
    let (mut before, mut after, mut to_before) = (0, 0, first_before);
    while before + input + after < last + reach {
        *(if to_before { &mut before } else { &mut after }) += 1;
        to_before = !to_before;
    }
    (before, after)
}

fn any_window() -> impl Strategy<Value = Window> {
    let rounding = prop_oneof![Just(Rounding::Floor), Just(Rounding::Ceil), Just(Rounding::Caffe)];
    let sizes = (1u64..9, 1u64..8, 1u64..5, 0u64..12, 0u64..12);
    (sizes, rounding).prop_map(|((kernel, stride, dilation, before, after), rounding)| {
        let window = Window { kernel, stride, dilation, before, after, rounding };
        // Only pools round up, and they take no more padding than half a kernel.
        let most = if rounding == Rounding::Floor { u64::MAX } else { kernel / 2 };
        Window { before: before.min(most), after: after.min(most), ..window }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn as_many_windows_as_the_walk_finds_and_the_same_taps(window in any_window(), input in 1u64..48) {
        match (walk(&window, input), window.extent(2, input)) {
            (0, found) => prop_assert_eq!(found, Err(ShapeError::Window { axis: 2, input, window })),
            (windows, found) => {
                prop_assert_eq!(found, Ok(windows));
                prop_assert_eq!(window.taps(input, windows), look(&window, input, windows));
            }
        }
    }

    #[test]
    fn same_padding_lets_as_many_windows_fit_as_start_on_the_input(
        window in any_window(), input in 1u64..48
    ) {
        let (reach, stride) = (window.reach(), window.stride);
        for (padding, first_before) in [(Padding::SameUpper, false), (Padding::SameLower, true)] {
            let (before, after) = padding.sides(0, input, reach, stride).unwrap();
            prop_assert_eq!((before, after), deal(input, reach, stride, first_before));
            let padded = Window { before, after, rounding: Rounding::Floor, ..window };
            let started = (0..input).step_by(usize::try_from(stride).unwrap()).count() as u64;
            prop_assert_eq!(padded.extent(0, input), Ok(started));
        }
        let torch = Padding::Same.sides(0, input, reach, stride);
        if stride == 1 {
            prop_assert_eq!(torch, Ok(deal(input, reach, 1, false)));
        } else {
            prop_assert_eq!(torch, Err(ShapeError::SameWithStride { stride }));
        }
    }

    #[test]
    fn written_sides_are_the_axis_own(sides in prop::array::uniform3((0u64..9, 0u64..9)), axis in 0usize..3) {
        let padding = Padding::Sides { rank: 3, sides };
        prop_assert_eq!(padding.sides(axis, 20, 3, 2), Ok(sides[axis]));
        prop_assert_eq!(Padding::Valid.sides(axis, 20, 3, 2), Ok((0, 0)));
    }

    #[test]
    fn no_size_makes_it_panic(window in any_window(), input in any::<u64>(), far in any::<u64>()) {
        let wide = Window { before: far, ..window };
        for window in [window, wide] {
            if let Ok(windows) = window.extent(0, input) {
                let taps = window.taps(input, windows);
                prop_assert!(taps.inside <= taps.all);
            }
        }
    }
}

//! Convolution's windows in columns: what each tap of a block of windows reads, copied side by side, and added back.
//!
//! ```text
//! block    (channel, tap) × window      gather: from channels, zeros on padding      scatter: onto channels, added
//! ```
//!
//! A block is made a run of windows at a time, which on the last axis stand a stride apart. Extents are those that enumerating the
//! windows finds (`kernels::windows`).

use std::ops::Range;

use super::grids::copy;
use crate::exec::base::scalar::Scalar;
use crate::exec::kernels::{Tap, WindowAxis, positions, volume};

/// Channels that go through the windows together.
const TOGETHER: usize = 8;

/// One axis: where windows and taps are on it.
#[derive(Clone, Debug)]
struct Line {
    axis: WindowAxis,
    stride: usize,
    /// For each tap, the windows in which it is on the input: they follow each other.
    inside: Vec<Range<usize>>,
}

impl Line {
    fn new(axis: &WindowAxis) -> Self {
        let stride = match axis.starts[..] {
            [first, second, ..] => second.abs_diff(first),
            _ => 1,
        };
        let is_inside = |window, tap| matches!(axis.tap(window, tap), Tap::Inside(_));
        let windows = |tap| {
            let mut all = 0..axis.starts.len();
            let first = all.find(|window| is_inside(*window, tap)).unwrap_or(axis.starts.len());
            first..all.find(|window| !is_inside(*window, tap)).unwrap_or(axis.starts.len())
        };
        Self { stride, inside: (0..axis.kernel).map(windows).collect(), axis: axis.clone() }
    }

    fn at(&self, window: usize, tap: usize) -> Option<usize> {
        match self.axis.tap(window, tap) {
            Tap::Inside(at) => Some(at),
            Tap::Padding | Tap::Beyond => None,
        }
    }
}

/// The windows of a convolution on one channel of its input.
#[derive(Clone, Debug)]
pub(super) struct Patches {
    lines: [Line; 3],
}

impl Patches {
    pub(super) fn new(axes: &[WindowAxis; 3]) -> Self {
        Self { lines: [0, 1, 2].map(|axis| Line::new(&axes[axis])) }
    }

    /// Number of taps.
    pub(super) fn taps(&self) -> usize {
        volume(self.tap_sizes())
    }

    /// Number of windows.
    pub(super) fn windows(&self) -> usize {
        volume([0, 1, 2].map(|axis| self.lines[axis].axis.starts.len()))
    }

    /// Elements of a channel.
    pub(super) fn plane(&self) -> usize {
        volume([0, 1, 2].map(|axis| self.lines[axis].axis.extent))
    }

    /// Whether each window is one element, in their order: what is read is its own block.
    pub(super) fn are_elements(&self) -> bool {
        let whole = |line: &Line| {
            let each = line.stride == 1 && line.axis.starts.len() == line.axis.extent;
            line.axis.kernel == 1 && each && line.axis.starts.first().is_none_or(|s| *s == 0)
        };
        self.lines.iter().all(whole)
    }

    fn tap_sizes(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.lines[axis].axis.kernel)
    }

    /// Goes through some windows in runs: which of them, and where in the channel the first reads through a tap (those that
    /// follow a stride on); `None` on padding.
    #[inline]
    fn runs(
        &self,
        [deep, down, across]: [usize; 3],
        windows: &Range<usize>,
        mut run: impl FnMut(Range<usize>, Option<usize>),
    ) {
        let mut run = |windows: Range<usize>, from| {
            if !windows.is_empty() {
                run(windows, from);
            }
        };
        let [z, y, x] = &self.lines;
        let (height, width) = (y.axis.starts.len(), x.axis.starts.len());
        let mut at = windows.start;
        while at < windows.end {
            let (row, begin) = (at / width, at % width);
            let end = width.min(begin + windows.end - at);
            // From a position on the row to one in the block.
            let place = |x: usize| x + at - begin - windows.start;
            match (z.at(row / height, deep), y.at(row % height, down)) {
                (Some(deep), Some(down)) => {
                    let row = (deep * y.axis.extent + down) * x.axis.extent;
                    let inside = &x.inside[across];
                    let (first, last) =
                        (inside.start.clamp(begin, end), inside.end.clamp(begin, end));
                    run(place(begin)..place(first), None);
                    if first < last {
                        run(place(first)..place(last), x.at(first, across).map(|x| row + x));
                    }
                    run(place(last)..place(end), None);
                }
                _ => run(place(begin)..place(end), None),
            }
            at += end - begin;
        }
    }

    /// Copies what some windows read of some channels, as many as the block has rows for: one for each channel and tap.
    pub(super) fn gather<S: Scalar>(
        &self,
        channels: &[S],
        windows: &Range<usize>,
        block: &mut [S],
    ) {
        let (high, width) = (self.taps(), windows.len());
        let (plane, stride) = (self.plane(), self.lines[2].stride);
        let rows = block.chunks_mut(TOGETHER * high * width);
        for (channels, rows) in channels.chunks(TOGETHER * plane).zip(rows) {
            let count = rows.len() / (high * width);
            for (tap, at) in positions(self.tap_sizes()).zip((0..).step_by(width)) {
                self.runs(tap, windows, |to, from| {
                    for channel in 0..count {
                        let row = &mut rows[channel * high * width + at..][to.clone()];
                        match from {
                            None => row.fill(S::ZERO),
                            Some(from) => take(&channels[channel * plane + from..], stride, row),
                        }
                    }
                });
            }
        }
    }

    /// Adds a block to what some windows read of some channels.
    pub(super) fn scatter<S: Scalar>(
        &self,
        block: &[S],
        windows: &Range<usize>,
        channels: &mut [S],
    ) {
        let (high, width) = (self.taps(), windows.len());
        let (plane, stride) = (self.plane(), self.lines[2].stride);
        let rows = block.chunks(TOGETHER * high * width);
        for (channels, rows) in channels.chunks_mut(TOGETHER * plane).zip(rows) {
            let count = rows.len() / (high * width);
            for (tap, at) in positions(self.tap_sizes()).zip((0..).step_by(width)) {
                self.runs(tap, windows, |from, to| {
                    let Some(to) = to else { return };
                    for channel in 0..count {
                        let row = &rows[channel * high * width + at..][from.clone()];
                        add(row, stride, &mut channels[channel * plane + to..]);
                    }
                });
            }
        }
    }
}

/// Copies every number that is a stride on. A stride of 2 is taken in pairs, as registers can.
fn take<S: Scalar>(from: &[S], stride: usize, into: &mut [S]) {
    match (stride, into) {
        (1, into) => copy(&from[..into.len()], into),
        (2, [into @ .., last]) => {
            *last = from[2 * into.len()];
            let pairs = from.as_chunks::<2>().0;
            into.iter_mut().zip(pairs).for_each(|(to, pair)| *to = pair[0]);
        }
        (_, into) => {
            let from = from.iter().step_by(stride);
            into.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}

/// Adds to every number that is a stride on.
fn add<S: Scalar>(from: &[S], stride: usize, into: &mut [S]) {
    match (stride, from) {
        (1, from) => into.iter_mut().zip(from).for_each(|(to, from)| *to = to.add(*from)),
        (2, [from @ .., last]) => {
            let to = &mut into[2 * from.len()];
            *to = to.add(*last);
            let pairs = into.as_chunks_mut::<2>().0;
            pairs.iter_mut().zip(from).for_each(|(to, from)| *to = [to[0].add(*from), to[1]]);
        }
        (_, from) => {
            let into = into.iter_mut().step_by(stride);
            into.zip(from).for_each(|(to, from)| *to = to.add(*from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of 5 under windows of 3 taps, 2 apart, from −1 on.
    fn row() -> Patches {
        let axis =
            WindowAxis { starts: vec![-1, 1, 3], extent: 5, after: 1, kernel: 3, dilation: 1 };
        Patches::new(&[WindowAxis::none(), WindowAxis::none(), axis])
    }

    #[test]
    fn a_block_has_a_row_for_each_channel_and_tap() {
        let mut block = [9.0; 18];
        row().gather(&[1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0], &(0..3), &mut block);
        assert_eq!(block[..9], [0.0, 2.0, 4.0, 1.0, 3.0, 5.0, 2.0, 4.0, 0.0]);
        assert_eq!(block[9..], [0.0, 20.0, 40.0, 10.0, 30.0, 50.0, 20.0, 40.0, 0.0]);
        let mut part = [9.0; 6];
        row().gather(&[1.0, 2.0, 3.0, 4.0, 5.0], &(1..3), &mut part);
        assert_eq!(part[..], [2.0, 4.0, 3.0, 5.0, 4.0, 0.0]);
    }

    #[test]
    fn what_is_added_back_lands_where_it_was_read() {
        let mut channel = [0.5; 5];
        row().scatter(&[1.0f32; 9], &(0..3), &mut channel);
        assert_eq!(channel[..], [1.5, 2.5, 1.5, 2.5, 1.5]);
    }

    #[test]
    fn windows_of_one_element_each_are_their_own_block() {
        assert!(!row().are_elements());
        let none = || WindowAxis::none();
        assert!(Patches::new(&[none(), none(), none()]).are_elements());
        let strided = WindowAxis { starts: vec![0, 2], extent: 4, ..none() };
        assert!(!Patches::new(&[none(), none(), strided]).are_elements());
    }
}

//! What positions see of one axis of the input, as a table that repeats.
//!
//! ```text
//! position j + period sees what position j sees, `advance` elements further on      mean stride = advance / period
//! ```
//!
//! Behind strides that are whole the period is 1. An upsampling by r makes it up to r times longer, for which of r
//! neighbours one looks at matters: after a pool by 2 and an upsampling by 2, a window of 2 sees 2 elements or 4.
//! Positions before the first are on padding; they see as those behind them do.

use std::rc::Rc;

use num_rational::Ratio;

use crate::ops::reach::{AxisReach, Progression, gcd};

/// Why an extent is not known.
pub(super) const TOO_LARGE: &str = "its extent exceeds 64 bits";

/// Why what fractional strides make, or strides that differ between branches, is not known.
const TOO_LONG: &str =
    "its strides are fractions or differ, and make a pattern too long to be followed";

/// From the first element seen to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub first: i64,
    pub last: i64,
}

impl Span {
    pub fn extent(self) -> Result<u64, &'static str> {
        let extent = i128::from(self.last) - i128::from(self.first) + 1;
        u64::try_from(extent).ok().filter(|n| i64::try_from(*n).is_ok()).ok_or(TOO_LARGE)
    }

    /// What of it lies on an axis of `elements`.
    pub fn within(self, elements: i64) -> Option<Self> {
        let Self { first, last } = self;
        let inside = Self { first: first.max(0), last: last.min(elements - 1) };
        (inside.first <= inside.last).then_some(inside)
    }
}

/// From the first element that either sees to the last.
pub(super) fn hull(one: Option<Span>, other: Option<Span>) -> Option<Span> {
    match (one, other) {
        (Some(a), Some(b)) => Some(Span { first: a.first.min(b.first), last: a.last.max(b.last) }),
        (seen, None) | (None, seen) => seen,
    }
}

/// Rows of tables that may still be looked at. Behind whole strides there is one row, which is free, so that the depth
/// of a network is not bounded.
pub(super) struct Steps(u64);

impl Steps {
    /// As many as take some milliseconds, and whose rows take at most 50 MB.
    pub const fn new() -> Self {
        Self(1 << 21)
    }

    pub fn take(&mut self, rows: u64) -> Result<(), &'static str> {
        self.0 = self.0.checked_sub(rows).ok_or(TOO_LONG)?;
        Ok(())
    }
}

/// What each position along an axis sees, if anything.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// Those from 0 on; never empty.
    spans: Rc<[Option<Span>]>,
    advance: i64,
    largest: Option<(u64, i64)>,
    is_sparse: bool,
}

impl Pattern {
    /// A table of this many rows, which are paid for.
    fn new(
        period: i64,
        advance: i64,
        mut row: impl FnMut(i64) -> Result<Option<Span>, &'static str>,
    ) -> Result<Self, &'static str> {
        let (mut largest, mut is_sparse) = (None, false);
        let mut spans = Vec::new();
        for position in 0..period {
            let span = row(position)?;
            is_sparse = is_sparse || span.is_none();
            if let Some(span) = span {
                let (most, first) = largest.unwrap_or((0, span.first));
                largest = Some((span.extent()?.max(most), first));
            }
            spans.push(span);
        }
        Ok(Self { spans: spans.into(), advance, largest, is_sparse })
    }

    /// Each position sees itself.
    pub fn identity() -> Self {
        let spans = Rc::new([Some(Span { first: 0, last: 0 })]);
        Self { spans, advance: 1, largest: Some((1, 0)), is_sparse: false }
    }

    pub fn period(&self) -> i64 {
        i64::try_from(self.spans.len()).unwrap_or(i64::MAX)
    }

    /// Elements from one position to the next, in the mean.
    pub fn stride(&self) -> Ratio<i64> {
        Ratio::new(self.advance, self.period())
    }

    /// Whether some positions see nothing.
    pub fn is_sparse(&self) -> bool {
        self.is_sparse
    }

    pub fn at(&self, position: i64) -> Result<Option<Span>, &'static str> {
        let (times, row) = (position.div_euclid(self.period()), position.rem_euclid(self.period()));
        let Some(span) = usize::try_from(row).ok().and_then(|row| self.spans[row]) else {
            return Ok(None);
        };
        let moved = |place: i64| {
            let place = i128::from(place) + i128::from(times) * i128::from(self.advance);
            i64::try_from(place).map_err(|_| TOO_LARGE)
        };
        Ok(Some(Span { first: moved(span.first)?, last: moved(span.last)? }))
    }

    /// What these positions see together.
    fn over(&self, taps: Progression) -> Result<Option<Span>, &'static str> {
        // Later taps see the same rows again, further on: the first of each row has the first element, the last of each
        // the last.
        let (first, last) = Self::ends(self.period(), taps);
        let place = |tap: u64| {
            let place = i128::from(taps.first) + i128::from(taps.step) * i128::from(tap);
            i64::try_from(place).map_err(|_| TOO_LARGE)
        };
        first.chain(last).try_fold(None, |seen, tap| Ok(hull(seen, self.at(place(tap)?)?)))
    }

    /// The taps that must be looked at: as many from either end as there are rows among them.
    fn ends(period: i64, taps: Progression) -> (std::ops::Range<u64>, std::ops::Range<u64>) {
        let period = period.unsigned_abs();
        let rows = taps.count.min(period / gcd(period, taps.step.unsigned_abs()).max(1));
        (0..rows, (taps.count - rows).max(rows)..taps.count)
    }

    /// What the outputs of an operator see whose inputs see this.
    pub fn through(&self, reach: &AxisReach, steps: &mut Steps) -> Result<Self, &'static str> {
        let (outputs, inputs) = reach.period().ok_or(TOO_LARGE)?;
        let shared = gcd(self.period().unsigned_abs(), inputs.unsigned_abs());
        let shared = i64::try_from(shared).map_err(|_| TOO_LARGE)?;
        let period = outputs.checked_mul(self.period() / shared).ok_or(TOO_LONG)?;
        let advance = self.advance.checked_mul(inputs / shared).ok_or(TOO_LARGE)?;
        let is_free = period == 1 && self.period() == 1;
        if !is_free {
            steps.take(period.unsigned_abs())?;
        }
        Self::new(period, advance, |output| {
            let taps = reach.taps(output).ok_or(TOO_LARGE)?;
            let (first, last) = Self::ends(self.period(), taps);
            if !is_free {
                steps.take(first.end + (last.end - last.start))?;
            }
            self.over(taps)
        })
    }

    /// What positions see that see what they see by each of these patterns, of one mean stride.
    pub fn merge(patterns: &[&Self], steps: &mut Steps) -> Result<Option<Self>, &'static str> {
        let Some((first, rest)) = patterns.split_first() else { return Ok(None) };
        rest.iter().try_fold((*first).clone(), |all, next| all.with(next, steps)).map(Some)
    }

    fn with(&self, other: &Self, steps: &mut Steps) -> Result<Self, &'static str> {
        let period = self.common_period(other, steps)?;
        let advance = (period / self.period()).checked_mul(self.advance).ok_or(TOO_LARGE)?;
        Self::new(period, advance, |position| Ok(hull(self.at(position)?, other.at(position)?)))
    }

    /// After how many positions both patterns repeat; their rows are paid for.
    fn common_period(&self, other: &Self, steps: &mut Steps) -> Result<i64, &'static str> {
        let shared = gcd(self.spans.len() as u64, other.spans.len() as u64);
        let shared = i64::try_from(shared).map_err(|_| TOO_LARGE)?;
        let period = (self.period() / shared).checked_mul(other.period()).ok_or(TOO_LONG)?;
        if period > 1 {
            steps.take(period.unsigned_abs())?;
        }
        Ok(period)
    }

    /// The most that a position sees, and the first element that the first position sees which sees any.
    pub fn largest(&self) -> Option<(u64, i64)> {
        self.largest
    }

    /// What positions from 0 on see together.
    pub fn along(&self, positions: u64, steps: &mut Steps) -> Result<Option<Span>, &'static str> {
        if self.period() > 1 {
            steps.take(self.spans.len() as u64)?;
        }
        self.over(Progression { first: 0, step: 1, count: positions })
    }

    /// Whether neither of two patterns, of one mean stride, looks ahead of the other everywhere: what a pool takes
    /// together an upsampling spreads, to both sides of where it was.
    pub fn is_centred_on(&self, other: &Self, steps: &mut Steps) -> Result<bool, &'static str> {
        let (mut ahead, mut behind) = (true, true);
        for position in 0..self.common_period(other, steps)? {
            if let (Some(one), Some(two)) = (self.at(position)?, other.at(position)?) {
                // Twice the middle.
                let [one, two] = [one, two].map(|s| i128::from(s.first) + i128::from(s.last));
                (ahead, behind) = (ahead && one > two, behind && one < two);
            }
        }
        Ok(!ahead && !behind)
    }

    /// Whether every position sees by this pattern what it sees by another, of one mean stride.
    pub fn equals(&self, other: &Self, steps: &mut Steps) -> Result<bool, &'static str> {
        for position in 0..self.common_period(other, steps)? {
            if self.at(position)? != other.at(position)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

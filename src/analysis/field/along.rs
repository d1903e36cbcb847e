//! What the positions of a value see of one axis of the input, as it is followed through the network.

use num_rational::Ratio;

use super::pattern::{Pattern, Span, Steps, TOO_LARGE, hull};
use crate::ops::reach::AxisReach;

/// Which axis of a value walks along an axis of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Walk {
    /// This one.
    Axis(usize),
    /// This one, among others that were flattened into it: so many positions, which see this together.
    Folded { axis: usize, positions: u64, all: Option<Span> },
    /// None: each element sees the same.
    Gone,
}

/// What positions of a value see of an axis of the input.
#[derive(Clone, Debug)]
pub(super) struct Along {
    pub walk: Walk,
    /// By each pattern, one for each mean stride of the branches before; none where nothing walks.
    pub patterns: Vec<Pattern>,
    /// What each position sees besides, wherever it is.
    pub fixed: Option<Span>,
    /// Whether the branches that meet in this value see around the same middle.
    pub aligned: bool,
}

/// What is said of it: the most that a position sees, the mean stride, where the first one begins.
pub(super) struct Seen {
    pub extent: u64,
    pub stride: Option<Ratio<i64>>,
    pub start: i64,
}

impl Along {
    /// Axis `axis` of the input itself.
    pub fn input(axis: usize) -> Self {
        Self {
            walk: Walk::Axis(axis),
            patterns: vec![Pattern::identity()],
            fixed: None,
            aligned: true,
        }
    }

    /// The same from everywhere.
    fn gone(fixed: Option<Span>) -> Self {
        Self { walk: Walk::Gone, patterns: Vec::new(), fixed, aligned: true }
    }

    /// The axis that walks, if there is one.
    pub fn walking(&self) -> Option<usize> {
        match self.walk {
            Walk::Axis(axis) | Walk::Folded { axis, .. } => Some(axis),
            Walk::Gone => None,
        }
    }

    /// The same, walking along another axis.
    pub fn on(&self, to: usize) -> Self {
        let walk = match self.walk {
            Walk::Axis(_) => Walk::Axis(to),
            Walk::Folded { positions, all, .. } => Walk::Folded { axis: to, positions, all },
            Walk::Gone => Walk::Gone,
        };
        Self { walk, ..self.clone() }
    }

    /// Behind a window.
    pub fn through(&self, reach: &AxisReach, steps: &mut Steps) -> Result<Self, &'static str> {
        let through = |pattern: &Pattern| pattern.through(reach, steps);
        let patterns = self.patterns.iter().map(through).collect::<Result<Vec<_>, _>>()?;
        let after = Self { patterns, ..self.clone() };
        // One element that an interpolation stretches: all outputs see it.
        let is_still = after.patterns.iter().any(|pattern| *pattern.stride().numer() == 0);
        if is_still { after.seen_from(0).map(Self::gone) } else { Ok(after) }
    }

    /// What one position sees.
    fn seen_from(&self, position: i64) -> Result<Option<Span>, &'static str> {
        let add = |seen, pattern: &Pattern| Ok(hull(seen, pattern.at(position)?));
        self.patterns.iter().try_fold(self.fixed, add)
    }

    /// One of `positions` alone.
    pub fn selected(&self, position: i64) -> Result<Self, &'static str> {
        Ok(Self::gone(match self.walk {
            Walk::Folded { all, .. } => all,
            _ => self.seen_from(position)?,
        }))
    }

    /// What all of `positions` see together of an axis of `elements`.
    pub fn mixed(
        &self,
        positions: u64,
        elements: u64,
        steps: &mut Steps,
    ) -> Result<Self, &'static str> {
        self.together(positions, elements, steps).map(Self::gone)
    }

    /// Flattened, with others, into axis `axis`.
    pub fn folded(
        &self,
        axis: usize,
        positions: u64,
        elements: u64,
        steps: &mut Steps,
    ) -> Result<Self, &'static str> {
        let all = self.together(positions, elements, steps)?;
        let positions = match self.walk {
            Walk::Folded { positions, .. } => positions,
            _ => positions,
        };
        Ok(Self { walk: Walk::Folded { axis, positions, all }, ..self.clone() })
    }

    /// What positions see together, as far as it lies on the input.
    fn together(
        &self,
        positions: u64,
        elements: u64,
        steps: &mut Steps,
    ) -> Result<Option<Span>, &'static str> {
        if let Walk::Folded { all, .. } = self.walk {
            return Ok(all);
        }
        let mut seen = self.fixed;
        for pattern in &self.patterns {
            seen = hull(seen, pattern.along(positions, steps)?);
        }
        Ok(seen.and_then(|seen| seen.within(i64::try_from(elements).unwrap_or(i64::MAX))))
    }

    /// What is said of it, of a value that has `positions` along its axis, on an input of `elements`.
    pub fn shown(
        &self,
        positions: u64,
        elements: u64,
        steps: &mut Steps,
    ) -> Result<Seen, &'static str> {
        let strides = self.patterns.iter().map(Pattern::stride);
        let stride = strides.max().filter(|_| matches!(self.walk, Walk::Axis(_)));
        let fixed = match self.fixed {
            Some(span) => Some((span.extent()?, span.first)),
            None => None,
        };
        let moving = match &self.patterns[..] {
            [one] => one.largest(),
            several => self.largest(several, None, positions, steps)?,
        };
        let elements = i64::try_from(elements).map_err(|_| TOO_LARGE)?;
        let together = match self.fixed {
            Some(all) if all.first <= 0 && all.last >= elements - 1 => {
                Some((elements.unsigned_abs(), 0))
            }
            Some(_) => self.largest(&self.patterns, Some(elements), positions, steps)?,
            None => None,
        };
        // Windows alone may exceed the input; together with what is seen from everywhere, they are what lies on it.
        let most = [moving, fixed, together].into_iter().flatten().max_by_key(|seen| seen.0);
        let (extent, start) = most.ok_or("it depends on no input")?;
        Ok(Seen { extent, stride, start })
    }

    /// The most that one of `positions` sees by these patterns: alone, or with what is seen from everywhere, of an axis of
    /// so many elements. Also the first element that the first one sees.
    ///
    /// Patterns of different strides drift apart, so that each position is looked at.
    fn largest(
        &self,
        patterns: &[Pattern],
        elements: Option<i64>,
        positions: u64,
        steps: &mut Steps,
    ) -> Result<Option<(u64, i64)>, &'static str> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let positions = match self.walk {
            Walk::Folded { positions, .. } => positions,
            _ => positions,
        };
        steps.take(positions.saturating_mul(patterns.len() as u64))?;
        let mut largest: Option<(u64, i64)> = None;
        for position in 0..i64::try_from(positions).map_err(|_| TOO_LARGE)? {
            let mut seen = None;
            for pattern in patterns {
                seen = hull(seen, pattern.at(position)?);
            }
            let seen = match elements {
                Some(elements) => hull(seen, self.fixed).and_then(|span| span.within(elements)),
                None => seen,
            };
            let Some(span) = seen else { continue };
            let (most, start) = largest.unwrap_or((0, span.first));
            largest = Some((most.max(span.extent()?), start));
        }
        Ok(largest)
    }
}

/// The mean strides of these patterns, each once.
pub(super) fn strides<'p>(patterns: impl Iterator<Item = &'p Pattern>) -> Vec<Ratio<i64>> {
    let mut strides: Vec<Ratio<i64>> = patterns.map(Pattern::stride).collect();
    strides.sort_unstable();
    strides.dedup();
    strides
}

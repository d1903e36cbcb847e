//! Two networks compared: which layers were added, removed or renamed, and what of the others changed.
//!
//! Imports the list of quantities and the report's model; `align` finds which layer is which. Every layer is in exactly
//! one entry or counted as unchanged, so that the entries' differences sum to the totals'.

mod align;
mod sources;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use crate::analysis::Counted;
use crate::analysis::quantity::Quantity;
use crate::report::model::{Counts, Input, Layer, Report};

pub use align::{is_positional, last_segment};
use sources::Sources;

/// The quantities that are compared: key in JSON, the counts it is known with, and its value of a layer or a network.
pub fn quantities() -> impl Iterator<Item = (&'static str, Counted, fn(&Counts) -> u64)> {
    Quantity::compared().filter_map(|q| Some((q.field(), q.counted, q.part()?)))
}

/// A quantity before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Of the first network.
    pub before: u64,
    /// Of the second.
    pub after: u64,
}

impl Delta {
    /// How much more it is.
    pub fn signed(self) -> i128 {
        i128::from(self.after) - i128::from(self.before)
    }

    /// How much more it is in hundredths of a percent of what it was, rounded half away from zero; `None` for a part of
    /// nothing.
    pub fn basis_points(self) -> Option<i128> {
        let before = i128::from(self.before);
        let part = self.signed() * 20_000;
        (before > 0).then(|| (part + part.signum() * before) / (2 * before))
    }
}

/// What happened to a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Something of it is different, its name perhaps too.
    Changed,
    /// Its name is all that is different.
    Renamed,
}

impl ChangeKind {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Renamed => "renamed",
        }
    }

    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Added, Self::Removed, Self::Changed, Self::Renamed];
}

/// What of a layer is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'r> {
    /// The operator, with its arguments.
    Operator,
    /// An argument, by name.
    Argument(&'r str),
    /// The shapes of its inputs.
    Input,
    /// The shapes of its outputs.
    Output,
    /// What its inputs come from.
    Source,
    /// Where it stands in execution order.
    Position,
    /// A count that nothing of the above explains: weights that are frozen, or counted elsewhere.
    Count(&'static str),
}

impl What<'_> {
    /// Whether it is of shapes.
    pub const fn is_shape(&self) -> bool {
        matches!(self, Self::Input | Self::Output)
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'r> {
    /// Of what.
    pub what: What<'r>,
    /// The value of the first network.
    pub before: Json,
    /// The value of the second.
    pub after: Json,
}

/// A layer that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'r> {
    /// How.
    pub kind: ChangeKind,
    /// The layer of the first network; `None` if it was added.
    pub before: Option<&'r Layer>,
    /// The layer of the second; `None` if it was removed.
    pub after: Option<&'r Layer>,
    /// What of it changed, names left out.
    pub changes: Vec<Change<'r>>,
}

impl<'r> Entry<'r> {
    /// The layer as it is now, or as it was.
    pub fn layer(&self) -> Option<&'r Layer> {
        self.after.or(self.before)
    }

    /// Whether it has another name.
    pub fn is_renamed(&self) -> bool {
        matches!((self.before, self.after), (Some(before), Some(after)) if before.name != after.name)
    }

    /// One of its quantities; of a layer that is not there, zero.
    pub fn delta(&self, of: fn(&Counts) -> u64) -> Delta {
        let of = |layer: Option<&Layer>| layer.map_or(0, |layer| of(&layer.counts));
        Delta { before: of(self.before), after: of(self.after) }
    }

    /// Whether such counts are known, before and after; those of a layer that is not there are.
    pub fn known(&self, counted: Counted) -> [bool; 2] {
        [self.before, self.after]
            .map(|layer| layer.is_none_or(|layer| layer.counts.known.has(counted)))
    }
}

/// Two networks and what differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Diff<'r> {
    /// The first network.
    pub before: &'r Report,
    /// The second.
    pub after: &'r Report,
    /// The layers that differ, in execution order.
    pub entries: Vec<Entry<'r>>,
    /// How many do not.
    pub unchanged: usize,
    /// Whether outputs come from other layers.
    pub outputs_differ: bool,
}

impl Diff<'_> {
    /// Whether nothing differs but what the networks are called and what is said of them.
    pub fn is_equal(&self) -> bool {
        let (before, after) = (self.before, self.after);
        self.entries.is_empty()
            && !self.outputs_differ
            && before.totals == after.totals
            && shapes(&before.inputs) == shapes(&after.inputs)
            && before
                .outputs
                .iter()
                .map(|output| &output.shape)
                .eq(after.outputs.iter().map(|output| &output.shape))
    }

    /// How many layers differ so.
    pub fn count(&self, kind: ChangeKind) -> usize {
        self.entries.iter().filter(|entry| entry.kind == kind).count()
    }

    /// A quantity of the whole networks.
    pub fn total(&self, of: fn(&Counts) -> u64) -> Delta {
        Delta { before: of(&self.before.totals), after: of(&self.after.totals) }
    }

    /// Whether such counts of the whole networks are known, before and after; else they are lower bounds.
    pub fn known(&self, counted: Counted) -> [bool; 2] {
        [self.before, self.after].map(|report| report.totals.known.has(counted))
    }
}

fn shapes(inputs: &[Input]) -> Vec<&[u64]> {
    inputs.iter().map(|input| input.shape.as_slice()).collect()
}

/// Compares two networks.
pub fn diff<'r>(before: &'r Report, after: &'r Report) -> Diff<'r> {
    let aligned = align::align(&before.layers, &after.layers);
    let mut partners: Vec<Option<(usize, bool)>> = vec![None; after.layers.len()];
    let mut is_gone = vec![true; before.layers.len()];
    for (pairs, moved) in [(&aligned.kept, false), (&aligned.moved, true)] {
        for (i, j) in pairs {
            partners[*j] = Some((*i, moved));
            is_gone[*i] = false;
        }
    }
    let removed = |at: std::ops::Range<usize>| {
        let gone = at.filter(|i| is_gone[*i]).map(|i| &before.layers[i]);
        gone.map(|layer| Entry {
            kind: ChangeKind::Removed,
            before: Some(layer),
            after: None,
            changes: Vec::new(),
        })
    };
    let (mut kept, mut own) = (vec![None; before.layers.len()], vec![None; after.layers.len()]);
    for (i, j) in &aligned.kept {
        (kept[*i], own[*j]) = (Some(*j), Some(*j));
    }
    let (old_sources, sources) = (Sources::new(before, kept), Sources::new(after, own));
    let outputs_differ = old_sources.of_outputs() != sources.of_outputs();
    let mut diff = Diff { before, after, entries: Vec::new(), unchanged: 0, outputs_differ };
    let mut from = 0;
    for (layer, partner) in after.layers.iter().zip(partners) {
        // What is gone stood before the next layer that kept its place.
        if let Some((at, false)) = partner {
            diff.entries.extend(removed(from..at));
            from = at + 1;
        }
        let old = partner.map(|(at, moved)| {
            let old = &before.layers[at];
            let (was, is) = (old_sources.of(old), sources.of(layer));
            // Of a layer that moved, or that takes another number of inputs, more is said elsewhere.
            let rewired = !moved && was.len() == is.len() && was != is;
            (old, Match { moved, rewired })
        });
        let entry = entry(old, layer);
        match entry {
            Some(entry) => diff.entries.push(entry),
            None => diff.unchanged += 1,
        }
    }
    diff.entries.extend(removed(from..before.layers.len()));
    diff
}

/// What is known of two layers that are one, besides their own fields.
#[derive(Clone, Copy)]
struct Match {
    /// Whether it stands elsewhere in execution order.
    moved: bool,
    /// Whether it takes other values.
    rewired: bool,
}

/// What became of a layer; `None` where nothing did.
fn entry<'r>(before: Option<(&'r Layer, Match)>, after: &'r Layer) -> Option<Entry<'r>> {
    let Some((before, found)) = before else {
        let (kind, changes) = (ChangeKind::Added, Vec::new());
        return Some(Entry { kind, before: None, after: Some(after), changes });
    };
    let changes = changes(before, after, found);
    let kind = match (changes.is_empty(), before.name == after.name) {
        (true, true) => return None,
        (true, false) => ChangeKind::Renamed,
        (false, _) => ChangeKind::Changed,
    };
    Some(Entry { kind, before: Some(before), after: Some(after), changes })
}

fn changes<'r>(
    before: &'r Layer,
    after: &'r Layer,
    Match { moved, rewired }: Match,
) -> Vec<Change<'r>> {
    let mut found = Vec::new();
    let mut compare = |what, before: Json, after: Json| {
        if before != after {
            found.push(Change { what, before, after });
        }
    };
    if before.op == after.op {
        for (name, value) in &before.args {
            let other = after.args.get(name).cloned().unwrap_or_default();
            compare(What::Argument(name), value.clone(), other);
        }
    } else {
        compare(What::Operator, call(before).into(), call(after).into());
    }
    compare(What::Input, before.inputs.clone().into(), after.inputs.clone().into());
    compare(What::Output, before.outputs.clone().into(), after.outputs.clone().into());
    if found.is_empty() {
        for (key, counted, of) in quantities() {
            let of = |layer: &Layer| {
                let is_known = layer.counts.known.has(counted);
                is_known.then(|| of(&layer.counts)).into()
            };
            let change = Change { what: What::Count(key), before: of(before), after: of(after) };
            found.extend(Some(change).filter(|change| change.before != change.after));
        }
    }
    if rewired {
        let (before, after) = (before.from.clone().into(), after.from.clone().into());
        found.push(Change { what: What::Source, before, after });
    }
    if moved {
        let (before, after) = (before.index.into(), after.index.into());
        found.push(Change { what: What::Position, before, after });
    }
    found
}

/// A layer's operator with its arguments, as a description has it.
pub fn call(layer: &Layer) -> String {
    match layer.call.as_str() {
        "" => layer.op.clone(),
        call => format!("{}({call})", layer.op),
    }
}

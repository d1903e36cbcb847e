//! Layers that differ in the same way as one row: of equal last name, with equal changes of arguments.
//!
//! Where only shapes or counts change, they may be others in each layer.

use std::collections::HashMap;

use crate::analysis::Counted;
use crate::compare::{
    Change, ChangeKind, Delta, Diff, Entry, What, call, is_positional, last_segment,
};
use crate::report::columns::compact;
use crate::report::grid::sizes_text;
use crate::report::model::{Counts, Layer};
use crate::units;
use serde_json::Value as Json;

/// Entries that differ in the same way.
pub(super) struct Group<'d, 'r> {
    /// At least one, in execution order.
    pub entries: Vec<&'d Entry<'r>>,
}

/// The groups of a comparison, by their first layer.
pub(super) fn groups<'d, 'r>(diff: &'d Diff<'r>) -> Vec<Group<'d, 'r>> {
    let mut groups: Vec<Group<'d, 'r>> = Vec::new();
    let mut known: HashMap<(ChangeKind, &str, String), usize> = HashMap::new();
    for entry in &diff.entries {
        let at = *known.entry(class(entry)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.entries.push(entry),
            None => groups.push(Group { entries: vec![entry] }),
        }
    }
    groups
}

/// What the entries of a group share.
fn class<'r>(entry: &Entry<'r>) -> (ChangeKind, &'r str, String) {
    let op = entry.layer().map_or("", |layer| layer.op.as_str());
    let what = match entry.kind {
        ChangeKind::Added | ChangeKind::Removed => op.to_owned(),
        ChangeKind::Renamed => return (entry.kind, "", renaming(entry)),
        ChangeKind::Changed => {
            let mut parts: Vec<String> = entry.changes.iter().map(tight).collect();
            parts.extend(entry.is_renamed().then(|| "renamed".to_owned()));
            parts.join(", ")
        }
    };
    (entry.kind, stem(entry), format!("{op} {what}"))
}

/// The part of a name that tells what a layer is; nothing where the name only counts.
fn stem<'r>(entry: &Entry<'r>) -> &'r str {
    let given = |layer: &&Layer| !is_positional(layer);
    entry.before.or(entry.after).filter(given).map_or("", |layer| last_segment(&layer.name))
}

/// How a name became another, numbers left out: what is left of both without the ends that are equal, or the scopes where
/// the ends are not. Nothing where only numbers are others.
fn renaming(entry: &Entry<'_>) -> String {
    let (Some(before), Some(after)) = (entry.before, entry.after) else { return String::new() };
    let letters = |name: &str| name.replace(|c: char| c.is_ascii_digit(), "");
    let segments = |layer: &Layer| layer.name.split('.').map(letters).collect::<Vec<_>>();
    let (before, after) = (segments(before), segments(after));
    if before == after {
        return String::new();
    }
    let ends = before.iter().rev().zip(after.iter().rev());
    let same = ends.take_while(|(a, b)| a == b).count().max(1);
    let start = |segments: &[String]| segments[..segments.len() - same].join(".");
    format!("{} → {}", start(&before), start(&after))
}

/// A change as all entries of a group have it: shapes and counts by name alone.
fn tight(change: &Change<'_>) -> String {
    match change.what {
        What::Operator | What::Argument(_) => words(change),
        what => label(what),
    }
}

/// What changed, in words.
fn label(what: What<'_>) -> String {
    match what {
        What::Operator => "operator".to_owned(),
        What::Argument(name) => name.to_owned(),
        What::Input => "input".to_owned(),
        What::Output => "output".to_owned(),
        What::Source => "source".to_owned(),
        What::Position => "position".to_owned(),
        What::Count(key) => key.replace('_', " "),
    }
}

/// A change in words: `groups 1 → 32`, `relu → gelu`, `output 1×8 → 1×16`.
pub(super) fn words(change: &Change<'_>) -> String {
    match change.what {
        What::Operator => both(change),
        what => format!("{} {}", label(what), both(change)),
    }
}

/// The values of a change.
fn both(change: &Change<'_>) -> String {
    let (before, after) = (value(change.what, &change.before), value(change.what, &change.after));
    format!("{before} → {after}")
}

fn value(what: What<'_>, value: &Json) -> String {
    let sizes = |shape: &Json| {
        let sizes: Option<Vec<u64>> =
            shape.as_array().map(|axes| axes.iter().filter_map(Json::as_u64).collect());
        sizes_text(sizes.as_deref(), "×")
    };
    match (what, value) {
        (What::Input | What::Output, Json::Array(shapes)) => {
            shapes.iter().map(sizes).collect::<Vec<_>>().join(", ")
        }
        (What::Source, Json::Array(names)) => {
            names.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", ")
        }
        (What::Count(_), value) => {
            value.as_u64().map_or_else(|| "not known".to_owned(), units::grouped)
        }
        (_, Json::Null) => "none".to_owned(),
        (_, value) => compact(value),
    }
}

impl<'r> Group<'_, 'r> {
    /// The sum of a quantity. Parts of totals that fit in 64 bits fit too.
    /// Whether such counts of all its layers are known, before and after.
    pub fn known(&self, counted: Counted) -> [bool; 2] {
        self.entries.iter().fold([true; 2], |[before, after], entry| {
            let known = entry.known(counted);
            [before && known[0], after && known[1]]
        })
    }

    pub fn delta(&self, of: fn(&Counts) -> u64) -> Delta {
        self.entries.iter().fold(Delta::default(), |sum, entry| {
            let delta = entry.delta(of);
            Delta {
                before: sum.before.saturating_add(delta.before),
                after: sum.after.saturating_add(delta.after),
            }
        })
    }

    /// What the layers are called: the name of one, `conv2 in layer1.0 … layer4.2`, or the first and the last.
    pub fn label(&self) -> String {
        let names: Vec<&str> = self
            .entries
            .iter()
            .filter_map(|e| e.before.or(e.after))
            .map(|l| l.name.as_str())
            .collect();
        let stem = self.entries.first().map_or("", |entry| stem(entry));
        match self.entries.as_slice() {
            [
                Entry {
                    kind: ChangeKind::Changed, before: Some(before), after: Some(after), ..
                },
            ] if before.name != after.name => {
                format!("{} → {}", before.name, after.name)
            }
            [Entry { kind: ChangeKind::Renamed, .. }, ..] | [_] => range(&names),
            _ if stem.is_empty() => range(&names),
            _ => {
                let scope = |name: &&str| {
                    name.strip_suffix(stem)
                        .map(|s| s.trim_end_matches('.'))
                        .unwrap_or_default()
                        .to_owned()
                };
                let scopes: Vec<String> = names.iter().map(scope).collect();
                match range(&scopes.iter().map(String::as_str).collect::<Vec<_>>()) {
                    scopes if scopes.is_empty() => stem.to_owned(),
                    scopes => format!("{stem} in {scopes}"),
                }
            }
        }
    }

    /// What became of the layers, in words.
    pub fn change(&self) -> String {
        let Some(first) = self.entries.first() else { return String::new() };
        let layers = || self.entries.iter().filter_map(|entry| entry.layer());
        match first.kind {
            ChangeKind::Added | ChangeKind::Removed => {
                let what = same(layers().map(call)).unwrap_or_else(|| {
                    let op = first.layer().map_or("", |layer| layer.op.as_str());
                    format!("{op}(…)")
                });
                format!("{} {what}", first.kind.name())
            }
            ChangeKind::Renamed => {
                let names: Vec<&str> = layers().map(|layer| layer.name.as_str()).collect();
                format!("renamed {}", range(&names))
            }
            ChangeKind::Changed => self.changes(first),
        }
    }

    /// The changes of all entries of the group; shapes only where nothing else changed.
    fn changes(&self, first: &Entry<'r>) -> String {
        let text = |(at, change): (usize, &Change<'_>)| {
            let texts = self.entries.iter().filter_map(|entry| entry.changes.get(at)).map(words);
            let shapes = if change.what.is_shape() { " shapes" } else { "" };
            same(texts).unwrap_or_else(|| format!("other {}{shapes}", label(change.what)))
        };
        let all = || first.changes.iter().enumerate();
        let mut parts: Vec<String> =
            all().filter(|(_, change)| !change.what.is_shape()).map(text).collect();
        if parts.is_empty() {
            // The output says more than the input.
            parts.extend(all().next_back().map(text));
        }
        parts.extend((self.entries.len() > 1 && first.is_renamed()).then(|| "renamed".to_owned()));
        parts.join(", ")
    }

    /// The output's shape, before and after where it changed; nothing where each layer has another, or where
    /// [`Group::change`] says it.
    pub fn output(&self) -> String {
        let output = |entry: &&Entry<'r>| match entry.kind {
            ChangeKind::Added | ChangeKind::Removed => {
                let shapes = entry.layer().map(|layer| layer.outputs.clone());
                value(What::Output, &shapes.into())
            }
            ChangeKind::Changed if !entry.changes.iter().all(|change| change.what.is_shape()) => {
                let change = entry.changes.iter().find(|change| change.what == What::Output);
                change.map(both).unwrap_or_default()
            }
            ChangeKind::Changed | ChangeKind::Renamed => String::new(),
        };
        same(self.entries.iter().map(output)).unwrap_or_default()
    }
}

/// The one text that all are.
fn same(mut texts: impl Iterator<Item = String>) -> Option<String> {
    let first = texts.next()?;
    texts.all(|text| text == first).then_some(first)
}

/// The first and the last of names.
fn range(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [first, .., last] if first != last => format!("{first} … {last}"),
        [first, ..] => (*first).to_owned(),
    }
}

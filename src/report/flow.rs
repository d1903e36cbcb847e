//! What is noted of a line: where its inputs come from, if not from the line before alone; whose tensors it uses; which
//! output of the network it makes.
//!
//! Names are as short as can be distinguished: relative to the innermost scope in which they mean the same layer.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};

use super::line::{Line, What, last};
use super::model::{Layer, Report};
use super::view::{Labels, View};

/// Sources that are named; of more, how many there are.
const MOST: usize = 4;

/// Scopes that are looked at around a layer; a name from further out is written whole.
const DEEPEST: usize = 16;

/// What makes an input of a line: the position of a layer, none for an input of the network, and its name.
type Producer<'r> = (Option<usize>, &'r str);

/// Notes what is to be said of each line.
pub(super) fn annotate(report: &Report, view: &View, labels: Labels, lines: &mut [Line<'_>]) {
    let shown = |name| at_depth(name, view.depth);
    let known = LazyCell::new(|| {
        report.layers.iter().map(|layer| shown(&layer.name)).collect::<HashSet<&str>>()
    });
    let mut seen = vec![usize::MAX; report.layers.len()];
    let made = outputs(report);
    let is_row = |line: &&mut Line<'_>| line.what != What::Scope;
    let mut before: Option<&mut Line<'_>> = None;
    for (number, line) in lines.iter_mut().filter(is_row).enumerate() {
        let Some(layer) = line.layers.first() else { continue };
        let short = |name| match labels {
            Labels::Tree => relative(name, shown(&layer.name), &known),
            Labels::Whole => name,
        };
        // Before the first line stands the network's input, if there is but one.
        let expected = match &before {
            Some(before) => last(before.copy_before(line)).map(|layer| Some(layer.index)),
            None => (report.inputs.len() == 1).then_some(None),
        };
        let mut notes = Vec::new();
        let sources = sources(line.first_copy(), number, &mut seen);
        let is_join = line.what == What::Layer && sources.len() > 1;
        let is_plain = !is_join && sources.iter().all(|(index, _)| expected == Some(*index));
        // Sorted lines do not stand where they did.
        if !is_plain && !view.is_sorted() {
            let mut names: Vec<&str> = sources.iter().map(|(_, name)| short(shown(name))).collect();
            if line.what == What::Folded {
                names = distinct(names);
            }
            notes.push(format!("← {}", list(&names)));
        }
        if let (What::Layer, Some(owner)) = (line.what, &layer.shared_with) {
            notes.push(format!("shared with {}", short(owner)));
        }
        let made = line.layers.iter().filter_map(|layer| made.get(&layer.index));
        let made: Vec<&str> = made.flatten().copied().collect();
        if !made.is_empty() {
            notes.push(format!("→ {}", list(&made)));
        }
        line.note = notes.join(" · ");
        before = Some(line);
    }
}

/// What some layers read that is not made among them.
fn sources<'r>(layers: &[&'r Layer], number: usize, seen: &mut [usize]) -> Vec<Producer<'r>> {
    for layer in layers {
        seen[layer.index] = number;
    }
    let all = layers.iter().flat_map(|layer| {
        layer.from_index.iter().copied().zip(layer.from.iter().map(String::as_str))
    });
    all.filter(|(index, _)| index.is_none_or(|index| seen[index] != number)).collect()
}

/// The outputs of the network that each layer makes, where there are several.
fn outputs(report: &Report) -> HashMap<usize, Vec<&str>> {
    let mut made: HashMap<usize, Vec<&str>> = HashMap::new();
    for output in report.outputs.iter().filter(|_| report.outputs.len() > 1) {
        if let Some(layer) = output.from_index {
            made.entry(layer).or_default().push(&output.name);
        }
    }
    made
}

/// A name down to the level that is shown.
fn at_depth(name: &str, depth: Option<usize>) -> &str {
    let Some(last) = depth.and_then(|depth| depth.checked_sub(1)) else { return name };
    name.match_indices('.').nth(last).map_or(name, |(dot, _)| &name[..dot])
}

/// A name as it is called beside another: without the scopes that both are in, as long as no layer further inside is called
/// the same.
fn relative<'n>(name: &'n str, beside: &str, known: &HashSet<&str>) -> &'n str {
    let mut inner: Vec<&str> = Vec::new();
    let scopes = beside.rmatch_indices('.').map(|(dot, _)| &beside[..=dot]);
    for scope in scopes.take(DEEPEST) {
        if let Some(rest) = name.strip_prefix(scope) {
            let is_other = |scope: &&str| known.contains(format!("{scope}{rest}").as_str());
            if !inner.iter().any(is_other) {
                return rest;
            }
        }
        inner.push(scope);
    }
    name
}

fn distinct(names: Vec<&str>) -> Vec<&str> {
    let mut seen = HashSet::new();
    names.into_iter().filter(|name| seen.insert(*name)).collect()
}

/// Names with commas, of many the first.
fn list(names: &[&str]) -> String {
    match names.split_at_checked(MOST) {
        Some((first, rest)) if rest.len() > 1 => {
            format!("{}, … {} more", first.join(", "), rest.len())
        }
        _ => names.join(", "),
    }
}

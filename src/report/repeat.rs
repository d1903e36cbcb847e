//! Repeats in the tree of names: neighbours that are the same block again, so that one of them can stand for all.
//!
//! Two are the same if their layers have equal names below them, operators, arguments, shapes and counts, and are wired
//! alike: inside of the block to the same place of it, outside to what is executed just before it, or to the very same
//! value.

use super::model::Layer;
use crate::graph::{NameTree, NodeId};

/// The longest pattern that is looked for: `conv, bn, relu` over and over is one of three.
const LONGEST: usize = 8;

/// What equal neighbours are called together: `1 … 5`, `block7 … 11`; in a pattern of several with the step: `5, 7 … 11`.
pub fn label(names: &[&str], is_pattern: bool) -> String {
    let [first, .., last] = names else { return names.concat() };
    // A number behind the same word need not repeat the word.
    let word = first.trim_end_matches(|c: char| c.is_ascii_digit());
    let short = |name: &'_ str| match name.strip_prefix(word) {
        Some(number) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
            number.to_owned()
        }
        _ => name.to_owned(),
    };
    match names {
        [_, second, _, ..] if is_pattern => {
            format!("{first}, {} … {}", short(second), short(last))
        }
        _ if is_pattern => format!("{first}, {}", short(last)),
        _ => format!("{first} … {}", short(last)),
    }
}

/// Siblings that are equal.
pub struct Group {
    /// Where the pattern begins that they are a part of: of `conv, relu, conv, relu` both groups have the same.
    pub run: usize,
    /// Their positions among the siblings.
    pub members: Vec<usize>,
}

impl Group {
    /// A sibling that has no equal neighbour.
    pub fn single(at: usize) -> Self {
        Self { run: at, members: vec![at] }
    }
}

/// Where the layers of a branch stand.
#[derive(Clone, Copy, Default)]
struct Span {
    /// Its first position in the order of the tree, in which a branch is contiguous.
    start: usize,
    /// How many layers it has.
    size: usize,
    /// The layer of it that is executed first.
    first: usize,
    /// Bytes of its whole name.
    name: usize,
}

/// Finds repeats among the children of a branch.
pub struct Repeats<'r> {
    layers: &'r [Layer],
    /// Layers in the order of the tree, and the position of each in it.
    order: Vec<usize>,
    position: Vec<usize>,
    spans: Vec<Span>,
}

impl<'r> Repeats<'r> {
    /// Looks at the tree of these layers' names.
    pub fn of(layers: &'r [Layer], tree: &NameTree) -> Self {
        let order: Vec<usize> = tree.below(0).into_iter().map(NodeId::index).collect();
        let mut position = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, layer)| position[*layer] = at);
        let spans = spans(tree, &position);
        Self { layers, order, position, spans }
    }

    /// Neighbours as groups of equal ones; the first members are in order.
    pub fn groups(&self, siblings: &[usize]) -> Vec<Group> {
        let (mut groups, mut at) = (Vec::new(), 0);
        while at < siblings.len() {
            let rest = &siblings[at..];
            let periods = 1..=LONGEST.min(rest.len() / 2);
            let runs = periods.map(|period| (period, self.run(rest, period)));
            // What is saved is most; of patterns that save as much, the first is the shortest.
            let best = runs.rev().max_by_key(|(period, run)| run - run % period);
            let Some((period, run)) = best.filter(|(period, run)| run >= period) else {
                groups.push(Group::single(at));
                at += 1;
                continue;
            };
            // A pattern that is cut off at the end has an equal one that is cut off at the beginning: there a block differs
            // more often, since it is where channels change.
            let lead = run % period;
            groups.extend((at..at + lead).map(Group::single));
            let (start, times) = (at + lead, run / period + 1);
            groups.extend((0..period).map(|first| Group {
                run: start,
                members: (0..times).map(|time| start + first + time * period).collect(),
            }));
            at = start + period * times;
        }
        groups
    }

    /// How many siblings from the first on are followed, `period` later, by an equal one.
    fn run(&self, siblings: &[usize], period: usize) -> usize {
        let pairs = siblings.iter().zip(&siblings[period..]).enumerate();
        let goes_on = |(at, (one, next)): &(usize, (&usize, &usize))| {
            let first = siblings[at % period];
            // Alike to the one before and to the first: a chain does not turn into branches on the way.
            self.are_alike(**one, **next) && (first == **one || self.are_alike(first, **next))
        };
        pairs.take_while(goes_on).count()
    }

    fn are_alike(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.spans[a], self.spans[b]);
        a.size == b.size && (0..a.size).all(|at| self.is_same_layer(a, b, at))
    }

    fn is_same_layer(&self, a: Span, b: Span, at: usize) -> bool {
        let layer = |span: Span| &self.layers[self.order[span.start + at]];
        let (one, other) = (layer(a), layer(b));
        one.name.get(a.name..) == other.name.get(b.name..)
            && (&one.op, &one.call) == (&other.op, &other.call)
            && (&one.inputs, &one.outputs) == (&other.inputs, &other.outputs)
            && one.counts == other.counts
            && a.owner(one) == b.owner(other)
            && self.are_wired_alike((a, one), (b, other))
    }

    fn are_wired_alike(&self, (a, one): (Span, &Layer), (b, other): (Span, &Layer)) -> bool {
        let sources = one.from.iter().zip(&one.from_index);
        let mut pairs = sources.zip(other.from.iter().zip(&other.from_index));
        one.from.len() == other.from.len()
            && pairs.all(|(one, other)| match (self.inside(a, *one.1), self.inside(b, *other.1)) {
                (None, None) => one == other || (a.follows(*one.1) && b.follows(*other.1)),
                (inside, other_inside) => inside == other_inside,
            })
    }

    /// Where in a branch a layer stands; `None` outside of it.
    fn inside(&self, span: Span, layer: Option<usize>) -> Option<usize> {
        let at = self.position[layer?].checked_sub(span.start)?;
        (at < span.size).then_some(at)
    }
}

impl Span {
    /// The layer that has a layer's tensors, relative to the branch where it is in it.
    fn owner(self, layer: &Layer) -> Option<&str> {
        let owner = layer.shared_with.as_deref()?;
        let scope = layer.name.get(..self.name)?;
        Some(owner.strip_prefix(scope).unwrap_or(owner))
    }

    /// Whether a layer, or an input of the network, is what is executed just before the branch.
    fn follows(self, source: Option<usize>) -> bool {
        self.first.checked_sub(1) == source
    }
}

/// The span of every branch. A branch stands after the one that it is in, so no recursion is needed: names can nest deeply.
fn spans(tree: &NameTree, position: &[usize]) -> Vec<Span> {
    let mut spans = vec![Span::default(); tree.branches().len()];
    for (index, branch) in tree.branches().iter().enumerate() {
        let parent = spans[index].name;
        for child in &branch.children {
            let dot = usize::from(index > 0);
            spans[*child].name = parent + dot + tree.branch(*child).segment.len();
        }
    }
    for (index, branch) in tree.branches().iter().enumerate().rev() {
        let own = branch.nodes.iter().map(|id| (position[id.index()], id.index(), 1));
        let below = branch.children.iter().map(|child| {
            let span = spans[*child];
            (span.start, span.first, span.size)
        });
        let parts: Vec<_> = own.chain(below).collect();
        let span = &mut spans[index];
        span.start = parts.iter().map(|part| part.0).min().unwrap_or(0);
        span.first = parts.iter().map(|part| part.1).min().unwrap_or(0);
        span.size = parts.iter().map(|part| part.2).sum();
    }
    spans
}

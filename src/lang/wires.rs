//! How an expanded description refers to values: by `@` where a layer takes what the one before it made, else by
//! a name, which is made up where a value's own name could mean another.
//!
//! Used by `expand`.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::graph::{Graph, Node, ValueId, WeightsId};
use crate::ops::{Layer as _, Op};

/// Whether an operator can have parameters: without inputs, one that has none says so.
fn can_own(op: &Op) -> bool {
    !op.params(&[]).is_ok_and(|params| params.is_empty())
}

/// The values of a graph while its layers are written one after the other.
pub(super) struct Wires<'d> {
    graph: &'d Graph,
    /// The value that the next layer takes.
    pub(super) current: Option<ValueId>,
    /// The whole names of values.
    names: HashMap<ValueId, String>,
    /// Whole names of layers and scopes, and how many meanings each has.
    known: HashMap<String, usize>,
    /// How many layers of each whole name are written so far, and how many of them can have parameters.
    written: HashMap<&'d str, [usize; 2]>,
    /// Values that a reference means somewhere.
    referred: HashSet<ValueId>,
    /// The parts of all names.
    segments: HashSet<&'d str>,
    /// The first user of each set of weights.
    owners: HashMap<WeightsId, &'d Node>,
    /// Whether a name was asked for that cannot be said where it was.
    hidden: Cell<bool>,
}

impl<'d> Wires<'d> {
    pub(super) fn new(graph: &'d Graph) -> Self {
        let mut scopes = HashSet::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut owners = HashMap::new();
        for node in graph.nodes() {
            *known.entry(node.name.clone()).or_default() += 1;
            scopes.extend(node.name.match_indices('.').map(|(at, _)| &node.name[..at]));
            owners.entry(node.weights).or_insert(node);
        }
        for scope in scopes {
            *known.entry(scope.to_owned()).or_default() += 1;
        }
        let current = graph.inputs().first().map(|input| input.value);
        let (mut referred, mut before) = (HashSet::new(), current);
        for node in graph.nodes() {
            if node.inputs.len() != 1 || node.inputs.first().copied() != before {
                referred.extend(&node.inputs);
            }
            before = node.outputs.first().copied();
        }
        referred.extend(graph.outputs().iter().map(|output| output.value));
        let segments = graph.nodes().iter().flat_map(|node| node.name.split('.'));
        let segments = segments.chain(graph.inputs().iter().map(|input| input.name.as_str()));
        let segments = segments.collect();
        let (names, written, hidden) = (HashMap::new(), HashMap::new(), Cell::new(false));
        Self { graph, current, names, known, written, referred, segments, owners, hidden }
    }

    /// A name that nothing has, in any scope.
    fn fresh(&self, value: ValueId) -> String {
        let mut name = format!("value_{}", value.index());
        while self.segments.contains(name.as_str()) {
            name.push('_');
        }
        name
    }

    /// Whether a name could not be said since this was last asked.
    pub(super) fn is_hidden(&self) -> bool {
        self.hidden.take()
    }

    /// Gives inputs whose names layers bear too another name, before any layer is written.
    pub(super) fn name_inputs(&mut self, out: &mut String) {
        let first = self.current;
        for input in self.graph.inputs() {
            if self.known.contains_key(&input.name) && self.referred.contains(&input.value) {
                let name = self.fresh(input.value);
                let _ = writeln!(out, "  - {name}: identity(@{})", input.name);
                self.names.insert(input.value, name);
                self.current = Some(input.value);
            } else {
                self.names.insert(input.value, input.name.clone());
            }
        }
        if let Some(first) = first.filter(|_| self.current != first) {
            let _ = writeln!(out, "  - identity({})", self.reference(first, &[]));
            self.current = Some(first);
        }
    }

    /// Notes the name of what a layer made; where it has another meaning too, the value gets one of its own.
    pub(super) fn name_output(
        &mut self,
        out: &mut String,
        node: &'d Node,
        scopes: &[&str],
        indent: &str,
    ) {
        let [all, owners] = self.written.entry(&node.name).or_default();
        *all += 1;
        *owners += usize::from(can_own(&node.op));
        let Some(value) = node.outputs.first().filter(|value| self.referred.contains(value)) else {
            return;
        };
        if self.known.get(&node.name) == Some(&1) {
            self.names.insert(*value, node.name.clone());
            return;
        }
        let name = self.fresh(*value);
        let _ = writeln!(out, "{indent}- {name}: identity(@)");
        let whole: Vec<&str> = scopes.iter().copied().chain([name.as_str()]).collect();
        let whole = whole.join(".");
        self.known.insert(whole.clone(), 1);
        self.names.insert(*value, whole);
    }

    /// The reference to a value, seen from scopes that are open.
    pub(super) fn reference(&self, value: ValueId, scopes: &[&str]) -> String {
        if self.current == Some(value) {
            return "@".to_owned();
        }
        self.names
            .get(&value)
            .map_or_else(String::new, |name| format!("@{}", self.path(name, scopes)))
    }

    /// The shortest path that means a whole name, seen from scopes that are open.
    fn path<'n>(&self, whole: &'n str, scopes: &[&str]) -> &'n str {
        let prefix = |depth: usize| {
            scopes[..depth].iter().fold(String::new(), |prefix, scope| prefix + scope + ".")
        };
        let shadowed = |path: &str, depth: usize| {
            (depth + 1..=scopes.len())
                .any(|inner| self.known.contains_key(&format!("{}{path}", prefix(inner))))
        };
        (0..=scopes.len())
            .rev()
            .filter_map(|depth| Some((depth, whole.strip_prefix(&prefix(depth))?)))
            .find(|(depth, path)| !shadowed(path, *depth))
            .map_or_else(
                || {
                    self.hidden.set(true);
                    whole
                },
                |(_, path)| path,
            )
    }

    /// The call of a node, and whether it shares an earlier one's parameters.
    pub(super) fn call(&self, node: &Node, scopes: &[&str]) -> (String, bool) {
        let follows = node.inputs.len() == 1 && node.inputs.first().copied() == self.current;
        let inputs = node.inputs.iter().filter(|_| !follows);
        let mut args: Vec<String> = inputs.map(|value| self.reference(*value, scopes)).collect();
        let owner = self.owners.get(&node.weights).filter(|owner| owner.outputs != node.outputs);
        // A later layer may have the owner's name; what is written so far is what a name means. Of several, `share` takes the
        // one that has parameters.
        let shared = owner.filter(|owner| match self.written.get(owner.name.as_str()) {
            Some([1, _]) => true,
            Some([_, 1]) => can_own(&owner.op),
            _ => false,
        });
        let (name, own) = match shared {
            Some(owner) => ("share".to_owned(), format!("'{}'", self.path(&owner.name, scopes))),
            None => (node.op.name(), node.op.args_text()),
        };
        args.extend((!own.is_empty()).then_some(own));
        let call = if args.is_empty() { name } else { format!("{name}({})", args.join(", ")) };
        (call, shared.is_some())
    }
}

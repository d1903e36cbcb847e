//! Joins: branches that start from one value, and what is made of what they yield.
//!
//! ```text
//! residual: body [shortcut: body]      the sum of both; shortcut is the value itself if absent; either order
//! add: | mul: | concat: branches       joined
//! side: branches                       each becomes an output under its key; the current value stays
//! branches    a list; each an item, a list of items (no scope), or for/repeat/if whose items are branches
//! ```

use super::ast::Key;
use super::layers::RESIDUAL;
use super::reader::{Frame, Reader};
use super::scopes::Named;
use super::tree::Data;
use super::value::{Callee, LayerValue};
use crate::diag::{Code, Diagnostic};
use crate::graph::ValueId;
use crate::ops::{Fact, Op};
use crate::source::Origin;

/// Whether a key is that of a join: a word of the language, or an operator that joins branches.
pub(super) fn is_join(key: &str) -> bool {
    matches!(key, "residual" | "shortcut" | "side")
        || Op::ALL.iter().any(|entry| entry.name == key && entry.is(Fact::JoinsBranches))
}

/// What a branch yields.
struct Branch {
    value: ValueId,
    /// Its key, where it has one.
    key: Option<Named>,
    /// Where it stands.
    place: Origin,
}

impl<'t> Reader<'t> {
    /// An item whose first key is a join.
    pub(super) fn join(&mut self, entries: &'t [(String, u32)], frame: &mut Frame) {
        let Some(((word, node), others)) = entries.split_first() else { return };
        let is_residual = matches!(word.as_str(), "residual" | "shortcut");
        let partner = if word == "residual" { "shortcut" } else { "residual" };
        let surplus = match others.first() {
            Some((second, _)) if is_residual && second == partner => others.get(1),
            other => other,
        };
        if let Some(second) = surplus {
            if is_residual && second.0.starts_with("if ") {
                let message = "an `if` follows `residual` in its item, not inside it";
                let diagnostic = Diagnostic::new(Code::E0208, message)
                    .label(Origin::key(second.1), "no part of the residual")
                    .label(Origin::key(*node), "the item begins here")
                    .help(RESIDUAL);
                self.lost_names = true;
                return self.fault(diagnostic, frame);
            }
            return self.two_layers(*node, second, frame);
        }
        if word == "shortcut" && others.is_empty() {
            let diagnostic =
                Diagnostic::new(Code::E0209, "`shortcut` stands without its `residual`")
                    .label(Origin::key(*node), "belongs to the item above")
                    .help(RESIDUAL);
            return self.fault(diagnostic, frame);
        }
        match word.as_str() {
            "residual" | "shortcut" => self.residual(entries, frame),
            "side" => self.side(*node, frame),
            operator => self.joined(operator, *node, frame),
        }
    }

    /// `residual:` and perhaps `shortcut:`, run in the order they are written, summed in this one.
    fn residual(&mut self, entries: &[(String, u32)], frame: &mut Frame) {
        let mut ends = [frame.current; 2];
        for (word, node) in entries {
            let mut inner = frame.clone();
            self.branch_body(*node, &mut inner);
            ends[usize::from(word == "shortcut")] = inner.current;
        }
        let inputs: Vec<ValueId> = ends.into_iter().flatten().collect();
        let place = entries.first().map_or(Origin::value(0), |(_, node)| Origin::key(*node));
        self.combine("add", &inputs, place, frame);
    }

    /// `add:`, `mul:` or `concat:`.
    fn joined(&mut self, operator: &str, node: u32, frame: &mut Frame) {
        let place = Origin::key(node);
        let Some((branches, start)) = self.run_branches(operator, node, frame) else { return };
        let written =
            if let Data::Seq(items) = self.tree.data(node) { items.as_slice() } else { &[] };
        let fault = match (branches.as_slice(), written) {
            ([], _) => Some("there are no branches to join"),
            ([_], [only]) if !self.is_control(*only) => Some("there is one branch only"),
            _ => None,
        };
        if let Some(message) = fault.filter(|_| start.current == frame.current) {
            let diagnostic = Diagnostic::new(Code::E0320, format!("{operator}: {message}"))
                .label(place, "joins two or more")
                .help("add `- identity` as a branch to join with the value itself");
            return self.fault(diagnostic, frame);
        }
        // A fault in a loop or a condition leaves the start unknown: so is what comes of it.
        if start.current != frame.current {
            return self.lose(frame);
        }
        let values: Vec<ValueId> = branches.iter().map(|branch| branch.value).collect();
        match values.as_slice() {
            [only] => {
                frame.current = Some(*only);
                self.ends_in_side = false;
            }
            several => self.combine(operator, several, place, frame),
        }
    }

    /// Applies the operator of a join.
    fn combine(&mut self, operator: &str, inputs: &[ValueId], place: Origin, frame: &mut Frame) {
        let Some((entry, rank)) = Op::find(operator) else { return self.lose(frame) };
        let layer = LayerValue::bare(Callee::Op { entry, rank, torch: false }, operator, place);
        let Some(op) = self.operation(entry, rank, false, &layer, None) else {
            return self.lose(frame);
        };
        let named = self.scopes.function_name(operator, place);
        self.make(&layer, op, inputs, &named, place, frame);
    }

    /// `side:`: each branch is an output under its key.
    fn side(&mut self, node: u32, frame: &mut Frame) {
        let Some((branches, start)) = self.run_branches("side", node, frame) else { return };
        if start.current != frame.current {
            return self.lose(frame);
        }
        for branch in branches {
            let Some(key) = branch.key else {
                let diagnostic = Diagnostic::new(Code::E0320, "a side branch has no name")
                    .label(branch.place, "an output needs one")
                    .help("write it as `NAME: layer`, or `NAME:` and a list below");
                self.report(diagnostic);
                continue;
            };
            self.output(key.written(), branch.value, branch.place);
        }
        self.ends_in_side = true;
    }

    /// Adds an output; two of one name are a fault.
    pub(super) fn output(&mut self, name: String, value: ValueId, place: Origin) {
        if let Some((_, _, first)) = self.outputs.iter().find(|(known, ..)| *known == name) {
            let diagnostic =
                Diagnostic::new(Code::E0314, format!("two outputs are called `{name}`"))
                    .label(place, "the same name again")
                    .label(*first, "first here");
            return self.report(diagnostic);
        }
        self.outputs.push((name, value, place));
    }

    /// Runs each branch of a join from the current value. Beside what they yield stands the frame they started from, whose
    /// value is lost where a control among them is faulty.
    fn run_branches(
        &mut self,
        word: &str,
        node: u32,
        frame: &mut Frame,
    ) -> Option<(Vec<Branch>, Frame)> {
        if !matches!(self.tree.data(node), Data::Seq(_)) {
            let found = self.tree.data(node).describe();
            let message = format!("{word} takes a list of branches, but this is {found}");
            let diagnostic = Diagnostic::new(Code::E0320, message)
                .label(Origin::key(node), "a list is needed")
                .help("put a dash before each branch");
            self.fault(diagnostic, frame);
            return None;
        }
        let mut start = frame.clone();
        let mut branches = Vec::new();
        self.branches(node, &mut start, &mut branches);
        start.locals.truncate(frame.locals.len());
        Some((branches, start))
    }

    /// The branches of a list, or one.
    fn branches(&mut self, node: u32, frame: &mut Frame, out: &mut Vec<Branch>) {
        match self.tree.data(node) {
            Data::Seq(items) => items.iter().for_each(|item| self.branch(*item, frame, out)),
            _ => self.branch(node, frame, out),
        }
    }

    fn branch(&mut self, node: u32, frame: &mut Frame, out: &mut Vec<Branch>) {
        if !self.spend(1, Origin::value(node)) {
            return;
        }
        let tree = self.tree;
        let mut place = Origin::value(node);
        let mut key = None;
        if let Data::Map(entries) = tree.data(node)
            && let Some((text, value)) = entries.first()
            && !is_join(text)
        {
            place = Origin::key(*value);
            let Some(parsed) = self.key(*value, text) else { return self.skip(frame) };
            match &*parsed {
                Key::Name(name) => key = self.name(name, place, frame),
                _ => {
                    return self.control(&parsed, entries, frame, &mut |reader, node, frame| {
                        reader.branches(node, frame, out);
                    });
                }
            }
        }
        let mut inner = frame.clone();
        self.branch_body(node, &mut inner);
        if let Some(value) = inner.current {
            out.push(Branch { value, key, place });
        }
    }

    /// An item or a list of items that opens no scope; `identity` alone is a wire.
    fn branch_body(&mut self, node: u32, frame: &mut Frame) {
        match self.tree.data(node) {
            Data::Text(text) if text.trim() == "identity" => {}
            Data::Seq(items) if matches!(items.as_slice(), [only] if self.tree.text(*only).is_some_and(|t| t.trim() == "identity")) =>
                {}
            _ => self.body(node, frame),
        }
    }

    /// Whether an item is a loop or a condition.
    fn is_control(&mut self, node: u32) -> bool {
        let Data::Map(entries) = self.tree.data(node) else { return false };
        let Some((text, value)) = entries.first() else { return false };
        self.key(*value, text).is_some_and(|key| !matches!(&*key, Key::Name(_)))
    }
}

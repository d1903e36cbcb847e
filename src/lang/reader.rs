//! The state of reading one description: the tree, the graph under construction, variables, blocks, and what was found
//! wrong.
//!
//! A fault yields a diagnostic and an unknown value; what depends on it stays unknown without a second diagnostic.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::ast::{Expr, Header, Key, Name};
use super::grammar::SyntaxError;
use super::parsed::Parsed;
use super::scopes::{Scopes, Wall};
use super::traps;
use super::tree::{REFUSED, Tree};
use super::value::Value;
use crate::diag::{At, Code, Diagnostic};
use crate::graph::{GraphBuilder, ValueId};
use crate::source::{Origin, Part, Span};

/// Most steps of evaluation: expressions, items, elements of lists.
const MAX_STEPS: u64 = 3_000_000;
/// Most elements of one list.
pub(super) const MAX_LIST: usize = 1_000_000;
/// Most layers of a network.
pub(super) const MAX_LAYERS: usize = 200_000;
/// Most blocks that are being called at once.
pub(super) const MAX_CALLS: usize = 64;
/// Most diagnostics that are collected.
const MAX_DIAGNOSTICS: usize = 200;
/// Most faults that are met, those of a loop's every round included: each takes its time to be described.
const MAX_FAULTS: usize = 1_000;

/// A block of `blocks:`.
#[derive(Debug)]
pub(super) struct Block {
    /// Its head.
    pub(super) header: Rc<Header>,
    /// The node of its body; the head is this node's key.
    pub(super) body: u32,
    /// Whether its head is faulty: what it yields is unknown.
    pub(super) faulty: bool,
}

/// What an item sees: local variables, innermost last, and values.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) locals: Vec<(String, Value)>,
    /// `@`; `None` where no value flows (vars, input).
    pub(super) current: Option<ValueId>,
    /// The named inputs of the block, at top level of the model.
    pub(super) inputs: Rc<[(String, ValueId)]>,
    /// How far references see.
    pub(super) wall: Wall,
}

/// Everything that is known while a description is read.
#[allow(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(super) struct Reader<'t> {
    pub(super) tree: &'t Tree<'t>,
    parsed: &'t Parsed,
    pub(super) builder: GraphBuilder,
    pub(super) globals: BTreeMap<String, Value>,
    pub(super) blocks: Vec<Block>,
    pub(super) block_names: BTreeMap<String, usize>,
    /// Blocks that are being called, outermost first.
    pub(super) calls: Vec<usize>,
    /// Names so far.
    pub(super) scopes: Scopes,
    /// Where each node of the graph is written.
    pub(super) places: Vec<Origin>,
    /// Side outputs so far: name, value, where it is written.
    pub(super) outputs: Vec<(String, ValueId, Origin)>,
    /// Whether a `side:` came last, so that the current value is no output.
    pub(super) ends_in_side: bool,
    /// How unnamed layers are called; `None` is their position.
    pub(super) naming: Option<(Name, Origin)>,
    /// Set where `vars` is misspelt: names that are not known are no further faults.
    pub(super) lost_vars: bool,
    /// Set where items were passed over for a fault: names that are not known are no further faults.
    pub(super) lost_names: bool,
    /// Set where a limit was exceeded: nothing more is read.
    pub(super) stopped: bool,
    steps: u64,
    diagnostics: Vec<Diagnostic>,
    faults: usize,
    seen: HashSet<(Code, Option<Origin>)>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(
        tree: &'t Tree<'t>,
        parsed: &'t Parsed,
        name: &str,
        diagnostics: Vec<Diagnostic>,
    ) -> Self {
        Self {
            tree,
            parsed,
            builder: GraphBuilder::new(name),
            globals: BTreeMap::new(),
            blocks: Vec::new(),
            block_names: BTreeMap::new(),
            calls: Vec::new(),
            scopes: Scopes::new(),
            places: Vec::new(),
            outputs: Vec::new(),
            ends_in_side: false,
            naming: None,
            lost_vars: false,
            lost_names: false,
            stopped: false,
            steps: 0,
            faults: 0,
            diagnostics,
            seen: HashSet::new(),
        }
    }

    /// Adds a diagnostic; one that a loop repeats at the same place is added once.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        let place = diagnostic.labels.first().and_then(|label| match label.at {
            At::Origin(place) => Some(place),
            At::Bytes(_) | At::Element => None,
        });
        // What follows from stopping is no fault of the description.
        if self.stopped && diagnostic.code != Code::E0312 {
            return;
        }
        self.faults += 1;
        self.stopped |= self.faults == MAX_FAULTS;
        if self.diagnostics.len() < MAX_DIAGNOSTICS && self.seen.insert((diagnostic.code, place)) {
            self.diagnostics.push(diagnostic);
            // Beyond them nobody reads, and each takes its time to be made.
            self.stopped |= self.diagnostics.len() == MAX_DIAGNOSTICS;
        }
    }

    /// A list or a map that was just made, if its elements, those of lists in it included, are not too many: lists share
    /// what they hold, so that a few lines could make one that no walk comes to the end of.
    pub(super) fn bounded(&mut self, value: Value, place: Origin) -> Value {
        let elements = value.elements(MAX_LIST + 1);
        if elements > MAX_LIST {
            self.stop(place, &format!("a list would have more than {MAX_LIST} elements"));
        }
        if self.spend(elements, place) { value } else { Value::Unknown }
    }

    /// Reports and yields the unknown value.
    pub(super) fn fail(&mut self, diagnostic: Diagnostic) -> Value {
        self.report(diagnostic);
        Value::Unknown
    }

    /// The graph without its outputs, where its nodes are written, and what was found wrong.
    pub(super) fn finish(self) -> (GraphBuilder, Vec<Origin>, Vec<Diagnostic>) {
        (self.builder, self.places, self.diagnostics)
    }

    /// Whether something was found wrong.
    pub(super) fn is_faulty(&self) -> bool {
        !self.diagnostics.is_empty()
    }

    /// Takes steps from the budget; false, with a diagnostic, where it is used up.
    pub(super) fn spend(&mut self, steps: usize, place: Origin) -> bool {
        self.steps = self.steps.saturating_add(steps as u64);
        if self.steps > MAX_STEPS && !self.stopped {
            self.stop(place, &format!("reading takes more than {MAX_STEPS} steps"));
        }
        !self.stopped
    }

    /// Stops reading: a limit is exceeded.
    pub(super) fn stop(&mut self, place: Origin, message: &str) {
        self.stopped = true;
        self.report(
            Diagnostic::new(Code::E0312, message).label(place, "the limit is reached here").help(
                "make the loops or lists smaller; a larger network is built through the library",
            ),
        );
    }

    /// The expression that the text at a place is; a fault is reported.
    pub(super) fn expression(&mut self, place: Origin, text: &str) -> Option<Arc<Expr>> {
        match self.parsed.expression(place, text) {
            Ok(expr) => Some(expr),
            Err(error) => {
                if !traps::is_cut_off(self.tree, place, text) {
                    let trap = traps::text(self.tree, place, text);
                    self.report(trap.unwrap_or_else(|| syntax(place, text, &error)));
                }
                None
            }
        }
    }

    /// The key over a node; a fault is reported.
    pub(super) fn key(&mut self, node: u32, text: &str) -> Option<Arc<Key>> {
        match self.parsed.key(node, text) {
            Ok(key) => Some(key),
            Err(error) => {
                let controls = ["for ", "if ", "elif ", "repeat ", "else"];
                let expression =
                    controls.iter().any(|word| text.starts_with(word)) || text.contains("${");
                let diagnostic = traps::key(self.tree, node, text).unwrap_or_else(|| {
                    let faulty = syntax(Origin::key(node), text, &error);
                    if expression { faulty } else { not_a_name(faulty, text) }
                });
                if !text.starts_with(REFUSED) {
                    self.report(diagnostic);
                }
                None
            }
        }
    }

    /// The variable of this name, innermost first.
    pub(super) fn variable(&self, name: &str, frame: &Frame) -> Option<Value> {
        let local =
            frame.locals.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value);
        local.or_else(|| self.globals.get(name)).cloned()
    }
}

/// A key that is neither a control nor a name.
fn not_a_name(faulty: Diagnostic, text: &str) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(Code::E0315, format!("`{text}` is not a name"))
        .note("a name is letters, digits, _ and -, with dots between scopes");
    if let Some(name) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        diagnostic = diagnostic.help(format!(
            "a printed model is written with dashes and without parentheses: `- {name}: Conv2d(…)`"
        ));
    }
    let lower = text.to_lowercase();
    if let Some(word) =
        ["for", "if", "repeat", "elif"].iter().find(|word| lower.starts_with(&format!("{word} ")))
    {
        diagnostic = diagnostic.help(format!("`{word}` is written in lower case"));
    }
    diagnostic.labels = faulty.labels;
    for label in &mut diagnostic.labels {
        "not a name".clone_into(&mut label.text);
        if let At::Origin(place) = &mut label.at {
            place.range = None;
        }
    }
    diagnostic
}

/// A syntax error in the text at a place.
pub(super) fn syntax(place: Origin, text: &str, error: &SyntaxError) -> Diagnostic {
    let at = error.at.min(text.len());
    let found = text[at..].chars().next();
    let end = at + found.map_or(0, char::len_utf8);
    // At the end of the text the last character is shown.
    let start = if found.is_some() { at } else { text.char_indices().last().map_or(0, |(i, _)| i) };
    let part = match place.part {
        Part::Key => "this key",
        Part::Value => "this text",
    };
    let label = if error.too_deep {
        "here".to_owned()
    } else if error.expected.is_empty() {
        "this does not belong here".to_owned()
    } else {
        format!("expected {}", quoted(&error.expected))
    };
    let what = match found {
        _ if error.too_deep => {
            "is too much: at most 64 brackets deep, and 4096 operators".to_owned()
        }
        None => "ends too early".to_owned(),
        Some(c) => format!("cannot go on with `{}`", c.escape_debug()),
    };
    let mut diagnostic = Diagnostic::new(Code::E0301, format!("{part} {what}"))
        .label(place.at(Span::new(start, end.max(start))), label);
    if found == Some('=') && !text[at..].starts_with("==") {
        diagnostic =
            diagnostic.help("an argument is named by NAME=value inside a call; equality is ==");
    } else if found == Some('.') {
        let dotted =
            text[at + 1..].split(|c: char| !(c.is_alphanumeric() || "_.".contains(c))).next();
        let name = dotted.and_then(|dotted| dotted.rsplit('.').next());
        let name = name.filter(|name| !name.is_empty()).unwrap_or("conv2d");
        diagnostic = diagnostic.help(format!(
            "layers are called by their own name: {name}, without what stands before the dot"
        ));
    } else if found == Some('$') {
        diagnostic =
            diagnostic.help("the value of a layer whose name holds an expression is `@enc${i}`");
    } else if found == Some(',') && text[at + 1..].trim().is_empty() {
        diagnostic = diagnostic.help("leave the comma at the end out: an item is one layer");
    } else if found.is_some_and(char::is_alphabetic) && text[..at].ends_with([' ', ')']) {
        let next = text[at..].split_whitespace().next().unwrap_or_default();
        diagnostic = diagnostic.help(format!(
            "layers are a list, each on a line of its own behind a dash: `- {next}`"
        ));
    }
    diagnostic
}

/// Signs in backticks, words as they are, with "or" between.
fn quoted(expected: &[&str]) -> String {
    let quote = |each: &&str| {
        let bare = each.contains(' ') || each.contains('`');
        if bare { (*each).to_owned() } else { format!("`{each}`") }
    };
    expected.iter().map(quote).collect::<Vec<_>>().join(" or ")
}

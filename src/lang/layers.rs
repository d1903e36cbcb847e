//! Items to layers: sequences, loops and conditions are expanded into the graph.
//!
//! ```text
//! TEXT                       a layer on the current value, or on its references
//! [ items ]                  unnamed sequence: a numbered scope
//! NAME: TEXT | list | map    a named layer, or a named sequence: a scope
//! for …: | repeat …: | if …: [elif …:]* [else:]      items in place; no scope
//! ```
//!
//! Joins are in `joins`, names in `scopes`.

use std::rc::Rc;

use super::ast::{ExprKind, Key, Name, Piece};
use super::joins::is_join;
use super::reader::{Frame, MAX_LAYERS, Reader};
use super::scopes::{Named, is_numbered};
use super::traps;
use super::tree::Data;
use super::value::{Callee, LayerValue, Value};
use crate::diag::{Code, Diagnostic};
use crate::graph::ValueId;
use crate::ops::{Fact, Layer as _, Op};
use crate::source::Origin;

/// Words that control items, and what must stand with them.
const CONTROLS: &[(&str, &str)] = &[
    ("for", "for NAME in LIST"),
    ("repeat", "repeat NUMBER"),
    ("if", "if CONDITION"),
    ("elif", "elif CONDITION"),
];

/// Where `shortcut:` stands, and how it has a condition.
pub(super) const RESIDUAL: &str = "`shortcut:` stands under `residual:` in the same item, without a dash of its own; a condition goes inside it: \
    `shortcut:`, below it `- if CONDITION:` with the layers";

impl<'t> Reader<'t> {
    /// A body: one item or a list of items.
    pub(super) fn body(&mut self, node: u32, frame: &mut Frame) {
        match self.tree.data(node) {
            Data::Seq(items) => items.iter().for_each(|item| self.item(*item, frame)),
            _ => self.item(node, frame),
        }
    }

    fn item(&mut self, node: u32, frame: &mut Frame) {
        let place = Origin::value(node);
        if !self.spend(1, place) {
            return;
        }
        match self.tree.data(node) {
            Data::Text(text) => {
                let position = self.scopes.position();
                self.text_item(text, place, None, position, frame);
            }
            Data::Seq(items) => {
                let position = self.scopes.position();
                let Some(named) = self.default_name("sequence", position, place, frame) else {
                    return self.skip(frame);
                };
                let inputs = frame.current.into_iter().collect();
                self.scope(&named, inputs, frame, |reader, frame| {
                    for item in items {
                        reader.item(*item, frame);
                    }
                });
            }
            Data::Map(entries) => self.entries(node, entries, frame),
            _ if traps::is_cut_off(self.tree, place, "") => self.skip(frame),
            other => {
                let message = format!("a layer is expected, but this is {}", other.describe());
                let diagnostic = Diagnostic::new(Code::E0307, message).label(place, "not a layer");
                self.fault(diagnostic, frame);
            }
        }
    }

    /// Reports, and makes the current value unknown.
    pub(super) fn fault(&mut self, diagnostic: Diagnostic, frame: &mut Frame) {
        self.report(diagnostic);
        self.lose(frame);
    }

    /// Makes the current value unknown.
    pub(super) fn lose(&mut self, frame: &mut Frame) {
        frame.current = Some(self.builder.unknown());
    }

    /// Makes the current value unknown where items were passed over: names in them are not known to be missing.
    pub(super) fn skip(&mut self, frame: &mut Frame) {
        self.lost_names = true;
        self.lose(frame);
    }

    /// An item that is a map: a join, a control, or a named layer.
    fn entries(&mut self, node: u32, entries: &'t [(String, u32)], frame: &mut Frame) {
        let Some(((text, value), others)) = entries.split_first() else {
            let diagnostic =
                Diagnostic::new(Code::E0304, "an empty map stands where a layer is expected");
            return self.fault(diagnostic.label(Origin::value(node), "nothing in it"), frame);
        };
        if is_join(text) {
            return self.join(entries, frame);
        }
        let Some(key) = self.key(*value, text) else { return self.skip(frame) };
        match (&*key, others.first()) {
            (Key::Name(name), None) => self.named_item(name, *value, frame),
            (Key::Name(_), Some(second)) => self.two_layers(*value, second, frame),
            _ => {
                self.control(&key, entries, frame, &mut |reader, node, frame| {
                    reader.body(node, frame);
                });
            }
        }
    }

    /// A dash is missing before the second key of an item.
    pub(super) fn two_layers(&mut self, first: u32, second: &(String, u32), frame: &mut Frame) {
        let (text, other) = second;
        let is_item = self.tree.is_item(first);
        let message = if is_item {
            "one item holds two layers: a dash is missing"
        } else {
            "layers stand without dashes: they are a list"
        };
        let mut diagnostic = Diagnostic::new(Code::E0208, message)
            .label(Origin::key(*other), format!("a dash is missing before `{text}`"))
            .label(Origin::key(first), if is_item { "the item begins here" } else { "and here" });
        if !is_item {
            let help = "each layer is an item on a line of its own: `- conv1: conv2d(8, 3)`";
            diagnostic = diagnostic.help(help);
        }
        if text == "else" || text.starts_with("elif ") {
            diagnostic = diagnostic.note("`elif` and `else` follow an `if` only");
        }
        if text == "shortcut" || text == "residual" {
            diagnostic = diagnostic.help(RESIDUAL);
        }
        self.lost_names = true;
        self.fault(diagnostic, frame);
    }

    /// A loop or a condition: runs its body, or none.
    pub(super) fn control(
        &mut self,
        key: &Key,
        entries: &'t [(String, u32)],
        frame: &mut Frame,
        run: &mut dyn FnMut(&mut Self, u32, &mut Frame),
    ) {
        let Some(((_, value), others)) = entries.split_first() else { return };
        let place = Origin::key(*value);
        if let (false, Some(second)) = (matches!(key, Key::If(_)), others.first()) {
            return self.two_layers(*value, second, frame);
        }
        match key {
            Key::If(_) => self.conditions(entries, frame, run),
            Key::For(targets, iterable) => {
                let list = self.eval(iterable, place, frame);
                let Some(items) = self.iterate(&list, place.at(iterable.span)) else {
                    return self.skip(frame);
                };
                let depth = frame.locals.len();
                for element in items.iter() {
                    if !self.spend(1, place) {
                        break;
                    }
                    if self.bind(targets, element, place.at(iterable.span), frame) {
                        run(self, *value, frame);
                    } else {
                        self.skip(frame);
                    }
                    frame.locals.truncate(depth);
                }
            }
            Key::Repeat(times) => {
                let times_value = self.eval(times, place, frame);
                match (times_value.is_unknown(), times_value.int()) {
                    (true, _) => self.skip(frame),
                    (_, Some(n)) if n >= 0 => {
                        for _ in 0..n {
                            if !self.spend(1, place) {
                                break;
                            }
                            run(self, *value, frame);
                        }
                    }
                    _ => {
                        let message = format!(
                            "repeat takes a whole number from 0, not {}",
                            times_value.describe()
                        );
                        let diagnostic = Diagnostic::new(Code::E0308, message);
                        self.lost_names = true;
                        self.fault(diagnostic.label(place.at(times.span), "how often?"), frame);
                    }
                }
            }
            Key::Elif(_) | Key::Else => {
                let word = if matches!(key, Key::Else) { "else" } else { "elif" };
                let diagnostic =
                    Diagnostic::new(Code::E0209, format!("`{word}` stands without its `if`"))
                        .label(place, "belongs to the item above")
                        .help("remove the dash before it, so that it stands under `if`");
                self.fault(diagnostic, frame);
            }
            Key::Name(_) => {}
        }
    }

    /// `if …: [elif …:]* [else:]`, in one map.
    fn conditions(
        &mut self,
        entries: &'t [(String, u32)],
        frame: &mut Frame,
        run: &mut dyn FnMut(&mut Self, u32, &mut Frame),
    ) {
        // Every key is read before one is chosen: a fault in a branch not taken is a fault too.
        let mut keys = Vec::with_capacity(entries.len());
        for (i, (text, value)) in entries.iter().enumerate() {
            let Some(key) = self.key(*value, text) else { return self.skip(frame) };
            let fits = match &*key {
                Key::If(_) => i == 0,
                Key::Elif(_) => i > 0,
                Key::Else => i > 0 && i + 1 == entries.len(),
                _ => false,
            };
            if !fits {
                let key = Origin::key(*value);
                let diagnostic = match text.as_str() {
                    "shortcut" => {
                        let message = "`shortcut` stands under an `if`, not under its `residual`";
                        Diagnostic::new(Code::E0208, message)
                            .label(key, "no part of this `if`")
                            .help(RESIDUAL)
                    }
                    _ => Diagnostic::new(
                        Code::E0208,
                        "after `if` only `elif` and a last `else` may follow",
                    )
                    .label(key, format!("a dash is missing before `{text}`")),
                }
                .label(Origin::key(entries[0].1), "the item begins here");
                self.lost_names = true;
                return self.fault(diagnostic, frame);
            }
            keys.push((key, *value));
        }
        for (key, value) in keys {
            let holds = match &*key {
                Key::If(condition) | Key::Elif(condition) => {
                    self.eval(condition, Origin::key(value), frame).truth()
                }
                _ => Some(true),
            };
            match holds {
                Some(true) => return run(self, value, frame),
                Some(false) => {}
                None => return self.skip(frame),
            }
        }
    }

    /// `NAME: TEXT`, `NAME: list` or `NAME: map`.
    fn named_item(&mut self, name: &Name, value: u32, frame: &mut Frame) {
        let position = self.scopes.position();
        let place = Origin::key(value);
        if let [segment] = name.as_slice()
            && let [Piece::Text(word)] = segment.as_slice()
            && let Some((word, form)) = CONTROLS.iter().find(|(control, _)| control == word)
        {
            let diagnostic = Diagnostic::new(Code::E0301, format!("`{word}` says nothing"))
                .label(place, format!("write `{form}:`"))
                .note(format!("`{word}` is no name of a layer"));
            return self.fault(diagnostic, frame);
        }
        if *self.tree.data(value) == Data::Null {
            self.lost_names = true;
            return self.fault(traps::layer_with_colon(place), frame);
        }
        let Some(named) = self.name(name, place, frame) else { return self.skip(frame) };
        let whole = self.scopes.whole(&named);
        let inputs: Vec<ValueId> = frame.current.into_iter().collect();
        match self.tree.data(value) {
            Data::Text(text) => {
                self.text_item(text, Origin::value(value), Some(named), position, frame);
            }
            Data::Seq(_) | Data::Map(_) => {
                self.scope(&named, inputs, frame, |reader, frame| reader.body(value, frame));
            }
            other => {
                let message = format!("a layer is expected, but this is {}", other.describe());
                self.fault(
                    Diagnostic::new(Code::E0307, message)
                        .label(Origin::value(value), "not a layer"),
                    frame,
                );
            }
        }
        // A layer that could not be made has its name all the same: references to it are no further faults.
        if let Some(lost) = frame.current.filter(|_| !self.scopes.is_known(&whole)) {
            let at = self.places.len();
            self.scopes.mean(whole, lost, place, at..at, Vec::new());
        }
    }

    /// Text whose value is a layer.
    fn text_item(
        &mut self,
        text: &str,
        place: Origin,
        named: Option<Named>,
        position: usize,
        frame: &mut Frame,
    ) {
        let Some(expr) = self.expression(place, text) else { return self.skip(frame) };
        let value = match &expr.kind {
            ExprKind::Name(name) => self.layer_named(name, place.at(expr.span), frame),
            _ => self.eval(&expr, place, frame),
        };
        match value {
            Value::Layer(layer) => self.apply(&layer, place, named, position, frame),
            Value::Unknown => self.lose(frame),
            Value::Tensor(_) => {
                let message = "a value stands where a layer is expected";
                let diagnostic = Diagnostic::new(Code::E0307, message)
                    .label(place, "not a layer")
                    .help(format!("write identity({}) to go on from it", text.trim()));
                self.fault(diagnostic, frame);
            }
            other => {
                let message = format!("a layer is expected, but this is {}", other.describe());
                let diagnostic = traps::text(self.tree, place, text).unwrap_or_else(|| {
                    Diagnostic::new(Code::E0307, message).label(place, "not a layer")
                });
                self.fault(diagnostic, frame);
            }
        }
    }

    /// Applies a layer to its references, else to the current value.
    fn apply(
        &mut self,
        layer: &Rc<LayerValue>,
        place: Origin,
        named: Option<Named>,
        position: usize,
        frame: &mut Frame,
    ) {
        let inputs = layer.called_on(frame.current);
        match layer.callee {
            Callee::Share => {
                self.scopes.give_back(position);
                self.share(layer, place, named, frame);
            }
            Callee::Block(block) => {
                let header = self.blocks[block].header.clone();
                if header.inline && named.is_none() {
                    // Its items stand in this scope.
                    self.scopes.give_back(position);
                    return self.call_block(block, layer, inputs, frame);
                }
                let named =
                    named.or_else(|| self.default_name(&header.name, position, place, frame));
                let Some(named) = named else { return self.skip(frame) };
                self.scope(&named, inputs.clone(), frame, |reader, frame| {
                    reader.call_block(block, layer, inputs, frame);
                });
            }
            Callee::Op { entry, rank, torch } => {
                // What stands alone is not applied to what arrives.
                let inputs =
                    if entry.is(Fact::WithoutInputs) { layer.inputs.clone() } else { inputs };
                if inputs.is_empty() && !entry.is(Fact::WithoutInputs) {
                    return self.lose(frame);
                }
                let input = inputs.first().copied();
                let Some(op) = self.operation(entry, rank, torch, layer, input) else {
                    return self.lose(frame);
                };
                if let (Op::Identity(_), [value]) = (&op, layer.inputs.as_slice()) {
                    self.scopes.give_back(position);
                    return self.wire(*value, named.as_ref(), frame);
                }
                let numbered = is_numbered(entry);
                if !numbered {
                    self.scopes.give_back(position);
                }
                let named = match named {
                    Some(named) => Some(named),
                    None if numbered => self.default_name(&op.name(), position, place, frame),
                    None => Some(self.scopes.function_name(entry.name, place)),
                };
                let Some(named) = named else { return self.skip(frame) };
                self.make(layer, op, &inputs, &named, place, frame);
            }
        }
    }

    /// Adds an operator to the graph under a name.
    pub(super) fn make(
        &mut self,
        layer: &LayerValue,
        op: Op,
        inputs: &[ValueId],
        named: &Named,
        place: Origin,
        frame: &mut Frame,
    ) {
        if self.is_full(place) {
            return;
        }
        let before = self.builder.len();
        match self.builder.layer(self.scopes.whole(named), op, inputs) {
            Ok(outputs) => {
                frame.current = outputs.first().copied();
                self.ends_in_side = false;
                if let (Some(value), true) = (frame.current, self.builder.len() > before) {
                    self.places.push(place);
                    let owns = self.owns_parameters(inputs);
                    self.register_layer(named, owns, value, inputs);
                }
            }
            Err(error) => {
                let whole = self.scopes.whole(named);
                let diagnostic = self.misfit(layer, &whole, inputs, &error, frame);
                self.fault(diagnostic, frame);
            }
        }
    }

    /// Whether there are as many layers as there may be, which is reported.
    pub(super) fn is_full(&mut self, place: Origin) -> bool {
        let full = self.builder.len() >= MAX_LAYERS;
        if full {
            self.stop(place, &format!("the network has more than {MAX_LAYERS} layers"));
        }
        full
    }

    /// Whether the layer made last has parameters.
    fn owns_parameters(&self, inputs: &[ValueId]) -> bool {
        let shapes: Option<Vec<_>> =
            inputs.iter().map(|value| self.builder.shape(*value)).collect();
        let params = self.builder.last_op().zip(shapes).map(|(op, shapes)| op.params(&shapes));
        params.is_some_and(|params| params.is_ok_and(|params| !params.is_empty()))
    }
}

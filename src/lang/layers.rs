//! Items to layers: sequences, loops and conditions are carried out, names are given, the graph grows.
//!
//! ```text
//! TEXT                       a layer on the current value
//! [ items ]                  unnamed sequence: a numbered scope
//! NAME: TEXT | list | map    a named layer, or a named sequence: a scope
//! for …: | repeat …: | if …: [elif …:]* [else:]      items in place; no scope
//! ```
//!
//! Every layer has its position in its scope, named or not. Tests stand in `tests/it/language.rs`.

use std::collections::HashMap;
use std::rc::Rc;

use super::ast::{Key, Name, Piece};
use super::eval::not_yet;
use super::reader::{Frame, MAX_LAYERS, Reader};
use super::traps;
use super::value::{Callee, LayerValue, Value};
use super::yaml::Data;
use crate::diag::{Code, Diagnostic};
use crate::span::Place;

/// Keys of joins, which a later version reads.
pub(super) const JOINS: &[&str] = &["residual", "shortcut", "add", "mul", "concat", "side"];

/// Words that control items, and what must stand with them.
const CONTROLS: &[(&str, &str)] = &[
    ("for", "for NAME in LIST"),
    ("repeat", "repeat NUMBER"),
    ("if", "if CONDITION"),
    ("elif", "elif CONDITION"),
];

/// What bears a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bearer {
    Layer,
    /// A named sequence or the call of a block.
    Sequence,
    /// A scope that a dot in a key opens; it may be entered again.
    Dotted,
}

/// A name that is taken.
#[derive(Clone, Copy, Debug)]
struct Taken {
    place: Place,
    bearer: Bearer,
    /// Whether parameters stand under it.
    owns: bool,
}

/// A scope of names.
#[derive(Debug, Default)]
struct Scope {
    /// `features.` or empty.
    prefix: String,
    /// Position of the next layer.
    next: usize,
    /// Whether it bears the name of an earlier scope with parameters, which was reported.
    repeated: bool,
}

/// The scopes that are open, innermost last, and every name so far.
#[derive(Debug)]
pub(super) struct Scopes {
    open: Vec<Scope>,
    /// Whole names of layers and scopes.
    names: HashMap<String, Taken>,
    /// How many layers have parameters so far.
    owners: usize,
}

impl Scopes {
    pub(super) fn new() -> Self {
        Self { open: vec![Scope::default()], names: HashMap::new(), owners: 0 }
    }

    fn top(&mut self) -> Option<&mut Scope> {
        self.open.last_mut()
    }

    /// Takes the next position of the innermost scope.
    fn position(&mut self) -> usize {
        self.top().map_or(0, |scope| {
            scope.next += 1;
            scope.next - 1
        })
    }

    fn prefix(&self) -> String {
        self.open.last().map_or_else(String::new, |scope| scope.prefix.clone())
    }
}

/// The name of a layer or a scope: the scopes that dots open, then its own segment.
struct Named {
    dots: Vec<String>,
    last: String,
    place: Place,
}

impl Reader<'_> {
    /// A body: one item or a list of items.
    pub(super) fn body(&mut self, node: u32, frame: &mut Frame, scopes: &mut Scopes) {
        match self.tree.data(node) {
            Data::Seq(items) => {
                for item in items {
                    self.item(*item, frame, scopes);
                }
            }
            _ => self.item(node, frame, scopes),
        }
    }

    fn item(&mut self, node: u32, frame: &mut Frame, scopes: &mut Scopes) {
        let place = Place::value(node);
        if !self.spend(1, place) {
            return;
        }
        let tree = self.tree;
        match tree.data(node) {
            Data::Text(text) => {
                let position = scopes.position();
                self.text_item(text, place, None, position, frame, scopes);
            }
            Data::Seq(items) => {
                let position = scopes.position();
                let Some(named) = self.default_name("sequence", position, place, frame) else {
                    return;
                };
                self.scope(&named, frame, scopes, |reader, frame, scopes| {
                    for item in items {
                        reader.item(*item, frame, scopes);
                    }
                });
            }
            Data::Map(entries) => self.entries(node, entries, frame, scopes),
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

    fn lose(&mut self, frame: &mut Frame) {
        frame.current = Some(self.builder.unknown());
    }

    /// An item that is a map: a control, or a named layer.
    fn entries(
        &mut self,
        node: u32,
        entries: &[(String, u32)],
        frame: &mut Frame,
        scopes: &mut Scopes,
    ) {
        let Some(((text, value), others)) = entries.split_first() else {
            let diagnostic =
                Diagnostic::new(Code::E0304, "an empty map stands where a layer is expected");
            return self.fault(diagnostic.label(Place::value(node), "nothing in it"), frame);
        };
        if JOINS.contains(&text.as_str()) {
            let diagnostic = match text.as_str() {
                "shortcut" if others.is_empty() => {
                    Diagnostic::new(Code::E0209, "`shortcut` stands without its `residual`")
                        .label(Place::key(*value), "belongs to the item above")
                        .help("remove the dash before it, so that both are one map")
                }
                join => not_yet(Place::key(*value), &format!("the join `{join}`")),
            };
            return self.fault(diagnostic, frame);
        }
        let Some(key) = self.key(*value, text) else { return self.lose(frame) };
        if let Key::If(_) = &*key {
            return self.branches(entries, frame, scopes);
        }
        if let Some((second, other)) = others.first() {
            let mut diagnostic =
                Diagnostic::new(Code::E0208, "one item holds two layers: a dash is missing")
                    .label(Place::key(*other), format!("a dash is missing before `{second}`"))
                    .label(Place::key(*value), "the item begins here");
            if second == "else" || second.starts_with("elif ") {
                diagnostic = diagnostic.note("`elif` and `else` follow an `if` only");
            }
            return self.fault(diagnostic, frame);
        }
        let place = Place::key(*value);
        match &*key {
            Key::For(targets, iterable) => {
                let list = self.eval(iterable, place, frame);
                let Some(items) = self.iterate(&list, place.at(iterable.span)) else {
                    return self.lose(frame);
                };
                let depth = frame.locals.len();
                for element in items.iter() {
                    if !self.spend(1, place) {
                        break;
                    }
                    if self.bind(targets, element, place.at(iterable.span), frame) {
                        self.body(*value, frame, scopes);
                    } else {
                        self.lose(frame);
                    }
                    frame.locals.truncate(depth);
                }
            }
            Key::Repeat(times) => {
                let times_value = self.eval(times, place, frame);
                match (times_value.is_unknown(), times_value.int()) {
                    (true, _) => self.lose(frame),
                    (_, Some(n)) if n >= 0 => {
                        for _ in 0..n {
                            if !self.spend(1, place) {
                                break;
                            }
                            self.body(*value, frame, scopes);
                        }
                    }
                    _ => {
                        let message = format!(
                            "repeat takes a whole number from 0, not {}",
                            times_value.describe()
                        );
                        let diagnostic = Diagnostic::new(Code::E0308, message);
                        self.fault(diagnostic.label(place.at(times.span), "how often?"), frame);
                    }
                }
            }
            Key::Elif(_) | Key::Else => {
                let word = if matches!(&*key, Key::Else) { "else" } else { "elif" };
                let diagnostic =
                    Diagnostic::new(Code::E0209, format!("`{word}` stands without its `if`"))
                        .label(place, "belongs to the item above")
                        .help("remove the dash before it, so that it stands under `if`");
                self.fault(diagnostic, frame);
            }
            Key::Name(name) => self.named_item(name, *value, frame, scopes),
            Key::If(_) => {}
        }
    }

    /// `if …: [elif …:]* [else:]`, in one map.
    fn branches(&mut self, entries: &[(String, u32)], frame: &mut Frame, scopes: &mut Scopes) {
        // Every key is read before one is chosen: a fault in a branch not taken is a fault too.
        let mut keys = Vec::with_capacity(entries.len());
        for (i, (text, value)) in entries.iter().enumerate() {
            let Some(key) = self.key(*value, text) else { return self.lose(frame) };
            let fits = match &*key {
                Key::If(_) => i == 0,
                Key::Elif(_) => i > 0,
                Key::Else => i > 0 && i + 1 == entries.len(),
                _ => false,
            };
            if !fits {
                let diagnostic = Diagnostic::new(
                    Code::E0208,
                    "after `if` only `elif` and a last `else` may follow",
                )
                .label(Place::key(*value), format!("a dash is missing before `{text}`"))
                .label(Place::key(entries[0].1), "the item begins here");
                return self.fault(diagnostic, frame);
            }
            keys.push((key, *value));
        }
        for (key, value) in keys {
            let holds = match &*key {
                Key::If(condition) | Key::Elif(condition) => {
                    self.eval(condition, Place::key(value), frame).truth()
                }
                _ => Some(true),
            };
            match holds {
                Some(true) => return self.body(value, frame, scopes),
                Some(false) => {}
                None => return self.lose(frame),
            }
        }
    }

    /// `NAME: TEXT`, `NAME: list` or `NAME: map`.
    fn named_item(&mut self, name: &Name, value: u32, frame: &mut Frame, scopes: &mut Scopes) {
        let position = scopes.position();
        let place = Place::key(value);
        let tree = self.tree;
        if let [segment] = name.as_slice()
            && let [Piece::Text(word)] = segment.as_slice()
            && let Some((word, form)) = CONTROLS.iter().find(|(control, _)| control == word)
        {
            let diagnostic = Diagnostic::new(Code::E0301, format!("`{word}` says nothing"))
                .label(place, format!("write `{form}:`"))
                .note(format!("`{word}` is no name of a layer"));
            return self.fault(diagnostic, frame);
        }
        if *tree.data(value) == Data::Null {
            return self.fault(traps::layer_with_colon(place), frame);
        }
        let Some(named) = self.name(name, place, frame) else { return self.lose(frame) };
        match tree.data(value) {
            Data::Text(text) => {
                self.text_item(text, Place::value(value), Some(named), position, frame, scopes);
            }
            Data::Seq(_) | Data::Map(_) => {
                self.scope(&named, frame, scopes, |reader, frame, scopes| {
                    reader.body(value, frame, scopes);
                });
            }
            other => {
                let message = format!("a layer is expected, but this is {}", other.describe());
                self.fault(
                    Diagnostic::new(Code::E0307, message).label(Place::value(value), "not a layer"),
                    frame,
                );
            }
        }
    }

    /// Text whose value is a layer.
    fn text_item(
        &mut self,
        text: &str,
        place: Place,
        named: Option<Named>,
        position: usize,
        frame: &mut Frame,
        scopes: &mut Scopes,
    ) {
        let Some(expr) = self.expression(place, text) else { return self.lose(frame) };
        let value = match &expr.kind {
            super::ast::Kind::Name(name) => self.layer_named(name, place.at(expr.span), frame),
            _ => self.eval(&expr, place, frame),
        };
        match value {
            Value::Layer(layer) => self.apply(&layer, place, named, position, frame, scopes),
            Value::Unknown => self.lose(frame),
            other => {
                let message = format!("a layer is expected, but this is {}", other.describe());
                let diagnostic = traps::text(self.tree, place, text).unwrap_or_else(|| {
                    Diagnostic::new(Code::E0307, message).label(place, "not a layer")
                });
                self.fault(diagnostic, frame);
            }
        }
    }

    /// Applies a layer to the current value.
    fn apply(
        &mut self,
        layer: &Rc<LayerValue>,
        place: Place,
        named: Option<Named>,
        position: usize,
        frame: &mut Frame,
        scopes: &mut Scopes,
    ) {
        match layer.callee {
            Callee::Block(block) => {
                let header = self.blocks[block].header.clone();
                if header.inline && named.is_none() {
                    // The position taken for the call is given back: its items stand in this scope.
                    if let Some(scope) = scopes.top() {
                        scope.next = position;
                    }
                    return self.call_block(block, layer, frame, scopes);
                }
                let named = match named {
                    Some(named) => named,
                    None => match self.default_name(&header.name, position, place, frame) {
                        Some(named) => named,
                        None => return self.lose(frame),
                    },
                };
                self.scope(&named, frame, scopes, |reader, frame, scopes| {
                    reader.call_block(block, layer, frame, scopes);
                });
            }
            Callee::Op { entry, rank, torch } => {
                let Some(input) = frame.current else { return self.lose(frame) };
                let shape = self.builder.shape(input);
                let Some(op) = self.operation(entry, rank, torch, layer, shape) else {
                    return self.lose(frame);
                };
                let named = match named {
                    Some(named) => named,
                    None => match self.default_name(&op.name(), position, place, frame) {
                        Some(named) => named,
                        None => return self.lose(frame),
                    },
                };
                if self.builder.len() >= MAX_LAYERS {
                    return self
                        .stop(place, &format!("the network has more than {MAX_LAYERS} layers"));
                }
                let full = full_name(scopes, &named);
                let before = self.builder.len();
                match self.builder.layer(full.clone(), op, &[input]) {
                    Ok(outputs) => {
                        frame.current = outputs.first().copied();
                        if self.builder.len() > before {
                            self.places.push(place);
                            let owns = shape.is_some_and(|shape| self.owns_parameters(shape));
                            scopes.owners += usize::from(owns);
                            self.register(full, &named, Bearer::Layer, owns, scopes);
                        }
                    }
                    Err(error) => {
                        let diagnostic =
                            super::shape_error::diagnostic(&layer.name, Some(layer.place), &error);
                        self.fault(diagnostic, frame);
                    }
                }
            }
        }
    }

    /// Whether the layer made last has parameters.
    fn owns_parameters(&self, input: crate::shape::Shape) -> bool {
        use crate::ops::Layer as _;
        let params = self.builder.last_op().map(|op| op.params(&[input]));
        params.is_some_and(|params| params.is_ok_and(|params| !params.is_empty()))
    }

    /// Runs items in a scope of their own.
    fn scope(
        &mut self,
        named: &Named,
        frame: &mut Frame,
        scopes: &mut Scopes,
        items: impl FnOnce(&mut Self, &mut Frame, &mut Scopes),
    ) {
        let name = full_name(scopes, named);
        let (layers, owners) = (self.places.len(), scopes.owners);
        let earlier = scopes.names.get(&name);
        let taken = earlier.is_some_and(|taken| taken.owns && taken.bearer != Bearer::Dotted);
        let repeated = taken || scopes.top().is_some_and(|scope| scope.repeated);
        scopes.open.push(Scope { prefix: format!("{name}."), next: 0, repeated });
        items(self, frame, scopes);
        scopes.open.pop();
        if self.places.len() > layers {
            let owns = scopes.owners > owners;
            self.register(name, named, Bearer::Sequence, owns, scopes);
        }
    }

    /// Enters a whole name, and the scopes that its dots open.
    fn register(
        &mut self,
        name: String,
        named: &Named,
        bearer: Bearer,
        owns: bool,
        scopes: &mut Scopes,
    ) {
        // Inside a scope of a name that is taken every name is; one fault says so.
        if scopes.top().is_some_and(|scope| scope.repeated) {
            return;
        }
        let prefix = scopes.prefix();
        for dots in 1..=named.dots.len() {
            let scope = format!("{prefix}{}", named.dots[..dots].join("."));
            self.take(scope, Taken { place: named.place, bearer: Bearer::Dotted, owns }, scopes);
        }
        self.take(name, Taken { place: named.place, bearer, owns }, scopes);
    }

    /// Takes a name. Two equal ones are a fault unless neither has parameters, or a dot opens the scope.
    fn take(&mut self, name: String, new: Taken, scopes: &mut Scopes) {
        let Some(known) = scopes.names.get_mut(&name) else {
            scopes.names.insert(name, new);
            return;
        };
        let reentered = match (known.bearer, new.bearer) {
            (Bearer::Dotted, other) | (other, Bearer::Dotted) => other != Bearer::Layer,
            _ => false,
        };
        let first = known.place;
        let fault = !reentered && (known.owns || new.owns);
        known.owns |= new.owns;
        if known.bearer == Bearer::Dotted {
            known.bearer = new.bearer;
        }
        if fault {
            let diagnostic =
                Diagnostic::new(Code::E0314, format!("two layers are called `{name}`"))
                    .label(new.place, "the same name again")
                    .label(first, "first here")
                    .help("give one another name: parameters are told apart by it");
            self.report(diagnostic);
        }
    }

    /// The name of something unnamed: by the naming template, else its position.
    fn default_name(
        &mut self,
        kind: &str,
        position: usize,
        place: Place,
        frame: &Frame,
    ) -> Option<Named> {
        let Some((template, at)) = self.naming.clone() else {
            return Some(Named { dots: Vec::new(), last: position.to_string(), place });
        };
        let index = i64::try_from(position).unwrap_or(i64::MAX);
        let locals =
            vec![("type".to_owned(), Value::text(kind)), ("index".to_owned(), Value::Int(index))];
        let mut inner = Frame { locals, current: frame.current };
        self.name(&template, at, &mut inner).map(|named| Named { place, ..named })
    }

    /// Evaluates a name.
    fn name(&mut self, name: &Name, place: Place, frame: &mut Frame) -> Option<Named> {
        let mut segments = Vec::with_capacity(name.len());
        for segment in name {
            let mut text = String::new();
            for piece in segment {
                match piece {
                    Piece::Text(plain) => text.push_str(plain),
                    Piece::Value(expr, format) => {
                        let value = self.eval(expr, place, frame);
                        let part = match (&value, value.int(), format) {
                            (Value::Unknown, ..) => return None,
                            (_, Some(n), Some(format)) if format.zeros => {
                                format!("{n:0width$}", width = format.width)
                            }
                            (_, Some(n), Some(format)) => {
                                format!("{n:width$}", width = format.width)
                            }
                            (_, Some(n), None) => n.to_string(),
                            (Value::Text(part), ..) => part.to_string(),
                            (Value::Layer(layer), ..) => layer.name.clone(),
                            _ => String::new(),
                        };
                        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                        if part.is_empty() || !part.chars().all(plain) {
                            let message = format!(
                                "a name is made of letters, digits, _ and -, not of {}",
                                value.describe()
                            );
                            let diagnostic = Diagnostic::new(Code::E0315, message);
                            self.report(
                                diagnostic.label(place.at(expr.span), "cannot stand in a name"),
                            );
                            return None;
                        }
                        text.push_str(&part);
                    }
                }
            }
            segments.push(text);
        }
        let last = segments.pop()?;
        Some(Named { dots: segments, last, place })
    }
}

/// The dotted name with the scopes that are open.
fn full_name(scopes: &Scopes, named: &Named) -> String {
    let mut name = scopes.prefix();
    for dot in &named.dots {
        name.push_str(dot);
        name.push('.');
    }
    name.push_str(&named.last);
    name
}

//! References: what `@`, `@name` and the name in `share` mean, and running something again with the same parameters.
//!
//! `@a.b` is looked up from the innermost scope outward among what exists already, stopping at the block's wall, then
//! among the block's (at top level, the model's) inputs.

use std::collections::HashMap;
use std::rc::Rc;

use super::ast::Name;
use super::reader::{Frame, Reader};
use super::scopes::{Meaning, Named};
use super::value::{LayerValue, Value};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::graph::{NodeId, ValueId};
use crate::ops::Layer as _;
use crate::source::Origin;

/// Candidates of an ambiguous reference that are shown.
const MAX_CANDIDATES: usize = 8;

impl Reader<'_> {
    /// The value that a reference means; a fault is reported.
    pub(super) fn reference(
        &mut self,
        path: Option<&Name>,
        base: Origin,
        place: Origin,
        frame: &mut Frame,
    ) -> Option<ValueId> {
        let Some(path) = path else {
            if frame.current.is_none() {
                let diagnostic =
                    Diagnostic::new(Code::E0316, "`@` is the current value, and there is none yet")
                        .label(place, "no value flows here")
                        .help("refer to values where layers are called, or in the default of a block's argument");
                self.report(diagnostic);
            }
            return frame.current;
        };
        let path = self.name(path, base, frame)?.written();
        match self.meaning(&path, place, frame) {
            Some(meaning) => Some(meaning.value),
            None if self.lost_names => None,
            None => {
                let input = frame.inputs.iter().find(|(name, _)| *name == path);
                if input.is_none() {
                    self.unknown_name(&path, place, frame);
                }
                input.map(|(_, value)| *value)
            }
        }
    }

    /// What a path means among the names so far; several meanings are a fault.
    fn meaning(&mut self, path: &str, place: Origin, frame: &Frame) -> Option<Meaning> {
        let found = self.scopes.meanings(path, frame.wall);
        let first = (*found.first()?).clone();
        if found.len() > 1 {
            let message = format!("`{path}` could be {} layers of this name", found.len());
            let mut diagnostic = Diagnostic::new(Code::E0319, message).label(place, "which one?");
            for meaning in found.iter().take(MAX_CANDIDATES) {
                let shape = self.builder.shape(meaning.value);
                let shape = shape.map_or_else(|| "unknown".to_owned(), |shape| shape.to_string());
                let text = format!("`{}`, whose value is {shape}", meaning.name);
                diagnostic = diagnostic.label(meaning.place, text);
            }
            self.report(diagnostic.help("give the one that is meant a name of its own"));
        }
        Some(first)
    }

    /// What is shared under a path: where several layers bear the name, the one that has parameters.
    fn shared_meaning(&mut self, path: &str, place: Origin, frame: &Frame) -> Option<Meaning> {
        let found = self.scopes.meanings(path, frame.wall);
        let mut owning = found.iter().filter(|meaning| self.owns(meaning));
        match (owning.next(), owning.next()) {
            (Some(only), None) => Some((*only).clone()),
            _ => self.meaning(path, place, frame),
        }
    }

    /// Whether a layer under a meaning has parameters.
    fn owns(&self, meaning: &Meaning) -> bool {
        let nodes = self.builder.nodes().get(meaning.nodes.clone()).unwrap_or_default();
        nodes.iter().any(|node| {
            let shapes = node.inputs.iter().map(|value| self.builder.shape(*value));
            let params = shapes.collect::<Option<Vec<_>>>().map(|shapes| node.op.params(&shapes));
            params.is_some_and(|params| params.is_ok_and(|params| !params.is_empty()))
        })
    }

    fn unknown_name(&mut self, path: &str, place: Origin, frame: &Frame) {
        let mut diagnostic = Diagnostic::new(Code::E0316, format!("there is no `{path}` here"))
            .label(place, "not known here");
        if self.scopes.is_beyond(path, frame.wall) {
            diagnostic = diagnostic
                .note("a block sees its own names and its inputs, not those of its caller")
                .help(format!(
                    "give the block an input: `block(@{path}, …):`, called with `@{path}`"
                ));
        } else {
            let inputs = frame.inputs.iter().map(|(name, _)| name.as_str());
            let known = self.scopes.paths(frame.wall).chain(inputs);
            diagnostic = diagnostic
                .helps(did_you_mean(path, known))
                .note("a reference looks back: to layers, sequences and inputs that exist already");
        }
        self.report(diagnostic);
    }

    /// `identity(@x)`, and `identity` as a branch: no layer, the current value moves.
    pub(super) fn wire(&mut self, value: ValueId, named: Option<&Named>, frame: &mut Frame) {
        frame.current = Some(value);
        self.ends_in_side = false;
        if let Some(named) = named {
            let (name, at) = (self.scopes.whole(named), self.places.len());
            self.scopes.mean(name, value, named.place, at..at, vec![value]);
        }
    }

    /// `share(@x, 'name')`: an earlier layer or sequence again, with the same parameters.
    pub(super) fn share(
        &mut self,
        layer: &Rc<LayerValue>,
        place: Origin,
        named: Option<Named>,
        frame: &mut Frame,
    ) {
        let [argument] = layer.positional.as_slice() else {
            let diagnostic = Diagnostic::new(Code::E0402, "share needs the name of what is shared")
                .label(layer.place, "share(@x, 'name')");
            return self.fault(diagnostic, frame);
        };
        let path = match &argument.value {
            Value::Text(path) => path.clone(),
            Value::Unknown => return self.lose(frame),
            other => {
                let message = format!("share takes a name in quotes, not {}", other.describe());
                let diagnostic = Diagnostic::new(Code::E0405, message);
                return self.fault(diagnostic.label(argument.place, "not a name"), frame);
            }
        };
        let Some(meaning) = self.shared_meaning(&path, argument.place, frame) else {
            if !self.lost_names {
                self.unknown_name(&path, argument.place, frame);
            }
            return self.lose(frame);
        };
        if self.builder.is_lost(meaning.value) {
            return self.lose(frame);
        }
        if meaning.nodes.is_empty() {
            let diagnostic = Diagnostic::new(Code::E0321, format!("`{path}` has no layers"))
                .label(argument.place, "nothing to share")
                .label(meaning.place, "this is only another name of a value");
            return self.fault(diagnostic, frame);
        }
        // What was made from nothing is made from nothing again.
        let arriving = frame.current.filter(|_| !meaning.inputs.is_empty());
        let inputs = layer.called_on(arriving);
        if inputs.len() != meaning.inputs.len() {
            let (takes, given) = (meaning.inputs.len(), inputs.len());
            let message = format!("`{path}` starts from {takes} values, but {given} are given");
            let diagnostic =
                Diagnostic::new(Code::E0407, message).label(layer.place, "shared here");
            return self.fault(diagnostic, frame);
        }
        let base = path.rsplit('.').next().unwrap_or(&path);
        let named = named.unwrap_or_else(|| self.scopes.function_name(base, layer.place));
        self.again(&meaning, &inputs, &named, (layer, place), frame);
    }

    /// Applies the nodes of a meaning to other inputs.
    fn again(
        &mut self,
        meaning: &Meaning,
        inputs: &[ValueId],
        named: &Named,
        (layer, place): (&LayerValue, Origin),
        frame: &mut Frame,
    ) {
        let whole = self.scopes.whole(named);
        let mut values: HashMap<ValueId, ValueId> =
            meaning.inputs.iter().copied().zip(inputs.iter().copied()).collect();
        let begin = self.places.len();
        for index in meaning.nodes.clone() {
            if !self.spend(1, place) || self.is_full(place) {
                return;
            }
            let Some(node) = self.builder.nodes().get(index).cloned() else { return };
            let own = node.name.strip_prefix(&meaning.name).unwrap_or_default();
            let name = format!("{whole}{own}");
            let taken: Vec<ValueId> = node
                .inputs
                .iter()
                .map(|value| values.get(value).copied().unwrap_or(*value))
                .collect();
            let id = NodeId(u32::try_from(index).unwrap_or(u32::MAX));
            match self.builder.shared(name.clone(), id, &taken) {
                Ok(outputs) if self.builder.len() > self.places.len() => {
                    self.places.push(place);
                    values.extend(node.outputs.iter().copied().zip(outputs.iter().copied()));
                    let at = self.places.len() - 1;
                    if let Some(value) = outputs.first().filter(|_| !own.is_empty()) {
                        self.scopes.mean(name, *value, layer.place, at..at + 1, taken);
                    }
                }
                Ok(_) => return self.lose(frame),
                Err(error) => {
                    let diagnostic =
                        super::shape_error::diagnostic(&node.name, Some(layer.place), &error);
                    return self.fault(diagnostic.note("its parameters are shared"), frame);
                }
            }
        }
        let result = values.get(&meaning.value).copied().unwrap_or(meaning.value);
        self.ends_in_side = false;
        frame.current = Some(result);
        self.scopes.mean(whole, result, named.place, begin..self.places.len(), inputs.to_vec());
    }
}

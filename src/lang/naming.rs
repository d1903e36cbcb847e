//! How layers and scopes get their names: registered while a description is read, evaluated where they hold expressions.

use super::ast::{Name, Piece};
use super::reader::{Frame, Reader};
use super::scopes::{Bearer, Named};
use super::value::Value;
use crate::diag::{Code, Diagnostic};
use crate::graph::ValueId;
use crate::source::Origin;

/// Bytes of a name that count as one step of reading.
const BYTES_A_STEP: usize = 16;

impl Reader<'_> {
    /// Runs items in a scope of their own; its name means the value they leave.
    pub(super) fn scope(
        &mut self,
        named: &Named,
        inputs: Vec<ValueId>,
        frame: &mut Frame,
        items: impl FnOnce(&mut Self, &mut Frame),
    ) {
        let name = self.scopes.whole(named);
        let (layers, owners) = (self.places.len(), self.scopes.owners());
        self.scopes.open(&name);
        items(self, frame);
        self.scopes.close();
        let nodes = layers..self.places.len();
        if !nodes.is_empty() {
            let owns = self.scopes.owners() > owners;
            self.register(&name, named, Bearer::Sequence, owns);
        }
        if let Some(value) = frame.current {
            self.scopes.mean(name, value, named.place, nodes, inputs);
        }
    }

    /// Enters the whole name of a layer, and what it means.
    pub(super) fn register_layer(
        &mut self,
        named: &Named,
        owns: bool,
        value: ValueId,
        inputs: &[ValueId],
    ) {
        let name = self.scopes.whole(named);
        // A short name costs nothing; a loop over a long text would fill the memory with names.
        if !self.spend(name.len() / BYTES_A_STEP, named.place) {
            return;
        }
        let node = self.places.len().saturating_sub(1);
        self.register(&name, named, Bearer::Layer, owns);
        self.scopes.mean(name, value, named.place, node..node + 1, inputs.to_vec());
    }

    fn register(&mut self, name: &str, named: &Named, bearer: Bearer, owns: bool) {
        for repeated in self.scopes.register(name, named, bearer, owns) {
            let diagnostic =
                Diagnostic::new(Code::E0314, format!("two layers are called `{}`", repeated.name))
                    .label(repeated.again, "the same name again")
                    .label(repeated.first, "first here")
                    .help("give one another name: parameters are distinguished by it");
            self.report(diagnostic);
        }
    }

    /// The name of something unnamed: by the naming template, else its position.
    pub(super) fn default_name(
        &mut self,
        kind: &str,
        position: usize,
        place: Origin,
        frame: &Frame,
    ) -> Option<Named> {
        let Some((template, at)) = self.naming.clone() else {
            return Some(Named { dots: Vec::new(), last: position.to_string(), place });
        };
        let index = i64::try_from(position).unwrap_or(i64::MAX);
        let locals =
            vec![("type".to_owned(), Value::text(kind)), ("index".to_owned(), Value::Int(index))];
        let mut inner = Frame { locals, ..frame.clone() };
        self.name(&template, at, &mut inner).map(|named| Named { place, ..named })
    }

    /// Evaluates a name.
    pub(super) fn name(&mut self, name: &Name, place: Origin, frame: &mut Frame) -> Option<Named> {
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

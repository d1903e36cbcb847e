//! Reads expectations and budgets: keys of quantities and limits, each with what is written under it.

use super::amount::{self, Unread};
use super::{Expectation, Limit};
use crate::analysis::quantity::{Quantity, Unit};
use crate::diag::{At, Code, Diagnostic, did_you_mean};

/// What is written somewhere, in YAML or in TOML.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Where.
    pub at: At,
    /// What.
    pub value: Value,
}

/// The kinds of what is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text or a number, as it stands.
    Text(String),
    /// A list.
    List(Vec<Written>),
    /// Keys, each with its place, and what stands under them.
    Map(Vec<(String, At, Written)>),
    /// Something else: `a boolean`, `nothing`.
    Other(String),
}

impl Value {
    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Self::Text(text) => format!("`{text}`"),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Other(what) => what.clone(),
        }
    }
}

/// Faults that are collected; nobody reads more of them.
pub const MOST_FAULTS: usize = 200;

/// Reads quantities and what each must be. Faults are pushed.
pub fn read(
    entries: &[(String, At, Written)],
    key: &str,
    faults: &mut Vec<Diagnostic>,
) -> Vec<Expectation> {
    let mut reading = Reading { layer: None, out: Vec::new(), faults };
    for (name, at, written) in entries {
        if reading.faults.len() >= MOST_FAULTS {
            break;
        }
        if name == "layers" {
            reading.layers(key, written);
        } else {
            reading.quantity(name, *at, written);
        }
    }
    reading.out
}

/// What is read under one key.
struct Reading<'f> {
    layer: Option<String>,
    out: Vec<Expectation>,
    faults: &'f mut Vec<Diagnostic>,
}

impl Reading<'_> {
    fn fault(&mut self, diagnostic: Diagnostic, at: At, label: impl Into<String>) {
        self.faults.push(diagnostic.at(at, label));
    }

    fn layers(&mut self, key: &str, written: &Written) {
        let Value::Map(layers) = &written.value else {
            let message = format!("{key}.layers is a map from layers to their quantities");
            return self.fault(Diagnostic::new(Code::E0304, message), written.at, "not a map");
        };
        for (layer, _, quantities) in layers {
            let Value::Map(entries) = &quantities.value else {
                let message = "what is expected of a layer is a map of quantities";
                let diagnostic = Diagnostic::new(Code::E0304, message);
                let help = format!("write {layer}: {{params: 34_848}}");
                self.fault(diagnostic.help(help), quantities.at, "not a map");
                continue;
            };
            self.layer = Some(layer.clone());
            for (name, at, written) in entries {
                self.quantity(name, *at, written);
            }
            self.layer = None;
        }
    }

    fn quantity(&mut self, name: &str, at: At, written: &Written) {
        let Some(quantity) = Quantity::expected_as(name) else {
            let names = Quantity::expected_names();
            let message = format!("there is no quantity `{name}` to expect");
            let diagnostic = Diagnostic::new(Code::E0302, message)
                .helps(did_you_mean(name, names.iter().copied()))
                .note(format!("quantities are {}, layers", names.join(", ")));
            return self.fault(diagnostic, at, "not known");
        };
        if self.layer.is_some() && quantity.is_of_networks() {
            let message = format!("{name} is of the whole network, not of a layer");
            return self.fault(Diagnostic::new(Code::E0302, message), at, "not of a layer");
        }
        match &written.value {
            Value::Map(limits) => {
                for (limit, at, written) in limits {
                    self.limit(quantity, limit, *at, written);
                }
            }
            _ => self.amount(quantity, None, written),
        }
    }

    fn limit(&mut self, quantity: &'static Quantity, name: &str, at: At, written: &Written) {
        let Some(limit) = Limit::named(name) else {
            let names = || Limit::NAMES.iter().map(|(name, _)| *name);
            let known = names().collect::<Vec<_>>().join(", ");
            let diagnostic = Diagnostic::new(Code::E0302, format!("there is no limit `{name}`"))
                .helps(did_you_mean(name, names()))
                .note(format!("limits are {known}"));
            return self.fault(diagnostic, at, "not known");
        };
        match (&written.value, limit) {
            // Each must hold.
            (Value::List(items), Limit::MaxIncrease) => {
                for item in items {
                    self.amount(quantity, Some(limit), item);
                }
            }
            _ => self.amount(quantity, Some(limit), written),
        }
    }

    fn amount(&mut self, quantity: &'static Quantity, limit: Option<Limit>, written: &Written) {
        let text = text(quantity, &written.value);
        let want = text.as_deref().map_or(Err(Unread::NoText), |text| match limit {
            None => amount::expected(quantity, text),
            Some(limit) => amount::limited(quantity, limit, text),
        });
        match (text, want) {
            (Some(text), Ok(want)) => {
                let (layer, at) = (self.layer.clone(), written.at);
                self.out.push(Expectation { layer, quantity, limit, want, text, at });
            }
            (_, Err(unread)) => {
                let of = limit.map_or("expectation", Limit::name);
                let message = format!("the {of} of {} cannot be read", quantity.key);
                let diagnostic = Diagnostic::new(Code::E0317, message).help(unread.help());
                self.fault(diagnostic, written.at, written.value.describe());
            }
            (None, Ok(_)) => {}
        }
    }
}

/// The text of an amount: of a scalar, or of a list of sizes as a shape.
fn text(quantity: &Quantity, value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::List(items) if quantity.unit == Unit::Shape || quantity.by_axis.is_some() => {
            let sizes = items.iter().map(|item| match &item.value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            });
            let sizes = sizes.collect::<Option<Vec<&str>>>()?;
            // In brackets, a list of one axis is not a number.
            Some(match quantity.unit {
                Unit::Shape => sizes.join("×"),
                _ => format!("[{}]", sizes.join(", ")),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expectation::Want;
    use crate::source::Span;

    #[test]
    fn a_quantity_has_one_amount_or_a_limit_of_each_kind() {
        let at = At::Bytes(Span::new(0, 0));
        let text = |text: &str| Written { at, value: Value::Text(text.to_owned()) };
        let limits =
            vec![("max".to_owned(), at, text("26M")), ("warn".to_owned(), at, text("25M"))];
        let entries = [
            ("macs".to_owned(), at, text("<= 4G")),
            ("params".to_owned(), at, Written { at, value: Value::Map(limits) }),
            ("param".to_owned(), at, text("1")),
        ];
        let mut faults = Vec::new();
        let read = read(&entries, "budget", &mut faults);
        let wants: Vec<(Option<Limit>, Want)> = read.iter().map(|e| (e.limit, e.want)).collect();
        let up_to = |n| Want::Between(0, n);
        assert_eq!(
            wants,
            [
                (None, up_to(4_000_000_000)),
                (Some(Limit::Max), up_to(26_000_000)),
                (Some(Limit::Warn), up_to(25_000_000)),
            ]
        );
        let [fault] = faults.as_slice() else { panic!("{faults:?}") };
        assert_eq!(fault.helps, ["did you mean `params`?"]);
    }
}

//! What is written under `expect` and `budget` of a description.

use super::reader::Reader;
use super::tree::Data;
use crate::diag::{At, Code, Diagnostic};
use crate::expectation::{Expectation, Value, Written, read};
use crate::source::Origin;

impl Reader<'_> {
    /// Reads `expect:` or `budget:`. Faults are reported.
    pub(super) fn expectations(&mut self, key: &str, node: u32) -> Vec<Expectation> {
        let written = self.written(node);
        let Value::Map(entries) = &written.value else {
            let what = self.tree.data(node).describe();
            let message = format!("{key} is a map of quantities, but this is {what}");
            let diagnostic = Diagnostic::new(Code::E0304, message);
            self.report(diagnostic.label(Origin::value(node), "not a map"));
            return Vec::new();
        };
        let mut faults = Vec::new();
        let found = read(entries, key, &mut faults);
        for fault in faults {
            self.report(fault);
        }
        found
    }

    /// A node of the description as it is written.
    fn written(&self, node: u32) -> Written {
        let tree = self.tree;
        let value = match tree.data(node) {
            Data::Text(text) => Value::Text(text.trim().to_owned()),
            Data::Int(n) => Value::Text(n.to_string()),
            Data::Float(x) => Value::Text(x.to_string()),
            Data::Seq(items) => Value::List(items.iter().map(|item| self.written(*item)).collect()),
            Data::Map(_) => {
                let entry = |(key, value): &(String, u32)| {
                    (key.clone(), At::Origin(Origin::key(*value)), self.written(*value))
                };
                Value::Map(tree.entries(node).iter().map(entry).collect())
            }
            other => Value::Other(other.describe().to_owned()),
        };
        Written { at: At::Origin(Origin::value(node)), value }
    }
}

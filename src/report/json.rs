//! Reports as JSON: one report is its object, several are an array of objects.

use serde::Serialize;

use super::model::Report;

/// Reports as indented JSON that ends with a newline.
pub fn reports(reports: &[Report]) -> Result<String, serde_json::Error> {
    match reports {
        [only] => pretty(only),
        several => pretty(&several),
    }
}

/// Anything as indented JSON that ends with a newline.
pub fn pretty(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}

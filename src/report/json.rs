//! Reports as JSON: one is its object, several are an array of objects.

use serde::Serialize;

/// Reports as indented JSON that ends with a newline; an array where several were asked for.
pub fn list<T: Serialize>(reports: &[T], several: bool) -> Result<String, serde_json::Error> {
    match reports {
        [only] if !several => pretty(only),
        reports => pretty(&reports),
    }
}

/// Anything as indented JSON that ends with a newline.
pub fn pretty(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}

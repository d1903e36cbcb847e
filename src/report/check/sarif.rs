//! The outcome of a check as SARIF 2.1.0, for GitHub's code scanning and its like.
//!
//! The format: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>; `tests/schemas/sarif.json` says
//! which of its properties are used.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::report::data::check::{Check, Level, Spot, fingerprint, slashed};
use crate::report::text::safe;

/// What the rules are called: each with its sentence.
const RULES: [(&str, &str); 2] = [
    ("budget", "A quantity of a network is not what its description or its budget says"),
    ("description", "A description cannot be read or analysed"),
];

/// The findings as a log of one run.
pub fn page(check: &Check) -> Result<String, serde_json::Error> {
    let faults = check.faults.iter().map(|fault| {
        let message = format!("{}: {}", fault.code, fault.message);
        result(1, "error", &message, fault.spot().as_ref(), &[fault.code, &fault.message])
    });
    let rows = check.rows.iter().filter_map(|row| {
        let level = match row.level? {
            Level::Fail => "error",
            Level::Warn => "warning",
            Level::Ok => return None,
        };
        let message = format!("{}: {}", row.model, row.sentence());
        let about = [row.model.as_str(), &row.what, &row.expected];
        Some(result(0, level, &message, row.spot().as_ref(), &about))
    });
    let rules = RULES.map(|(id, text)| json!({ "id": id, "shortDescription": { "text": text } }));
    crate::report::indented::json(&json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "cnnstat",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": faults.chain(rows).collect::<Vec<_>>(),
        }],
    }))
}

fn result(rule: usize, level: &str, message: &str, spot: Option<&Spot>, about: &[&str]) -> Value {
    let (id, _) = RULES[rule];
    let path = spot.map(|spot| slashed(&spot.file)).unwrap_or_default();
    let locations: Vec<Value> = spot
        .iter()
        .map(|spot| {
            json!({ "physicalLocation": {
                "artifactLocation": { "uri": uri(&path) },
                "region": { "startLine": spot.line },
            }})
        })
        .collect();
    json!({
        "ruleId": id,
        "ruleIndex": rule,
        "level": level,
        // Braces would be places for arguments, brackets links.
        "message": { "text": escape(message) },
        "locations": locations,
        "partialFingerprints": {
            "cnnstat/v1": fingerprint(about.iter().copied().chain([path.as_str()])),
        },
    })
}

/// Text of a message: `[text](target)` would be a link, `{0}` an argument.
fn escape(text: &str) -> String {
    let text = safe(text);
    let text = text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
    text.replace('{', "{{").replace('}', "}}")
}

/// A path as a relative reference of RFC 3986.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => _ = write!(out, "%{byte:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::check::hostile;

    #[test]
    fn a_hostile_name_is_text() {
        let page = page(&hostile()).unwrap();
        assert!(!page.contains(['\u{1b}', '\u{202e}', '\0']), "{page:?}");
        let log: Value = serde_json::from_str(&page).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        let levels: Vec<&str> = results.iter().map(|r| r["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["error", "error", "warning", "error"]);
        let place = &results[1]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%2Cb%3Ac%25.yaml");
        assert_eq!(place["region"]["startLine"], 7);
        assert_eq!(results[3]["locations"], json!([]));
        assert_eq!(escape("a[b](c) {0}"), "a\\[b\\](c) {{0}}");
    }
}

//! JSON as people can read it: indented, with arrays of numbers on one line each.

use serde::Serialize;

use crate::sanitize::sanitize_json;

/// Anything as indented JSON that ends with a newline.
pub fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|text| sanitize_json(inline(&text)))
}

/// The same with arrays of numbers on one line each: shapes read better so. Text cannot be taken for one, since line ends
/// in it are escaped.
fn inline(text: &str) -> String {
    let is_number = |line: &str| {
        let number = line.trim().trim_end_matches(',');
        !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    };
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        if line.ends_with('[') && lines.peek().is_some_and(|next| is_number(next)) {
            let mut between = "";
            while let Some(number) = lines.next_if(|next| is_number(next)) {
                out.push_str(between);
                out.push_str(number.trim());
                between = " ";
            }
            out.push_str(lines.next().unwrap_or_default().trim_start());
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn shapes_stand_on_one_line_and_nothing_else_changes() {
        let value =
            json!({ "shape": [1, 3, -2], "text": "[\n1\n]", "e": [], "deep": [[1], ["a", 1.5]] });
        let text = super::json(&value).unwrap();
        assert!(text.contains("\"shape\": [1, 3, -2]"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}

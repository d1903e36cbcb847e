//! Characters that do more than stand in their place: what strangers write is shown without them.
//!
//! Imports nothing; used by all that makes text.

use std::fmt::Write as _;

/// Whether a terminal or an editor would obey it: controls, separators of lines, marks of direction, and characters that
/// take no room.
pub fn is_control(c: char) -> bool {
    // Most text is ASCII, for which this is one comparison.
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// A line of a CI log that begins so is a workflow command.
pub const COMMAND: &str = "::";

/// What is obeyed wherever it stands in a line of a CI log: the workflow commands of old.
pub const OLD_COMMAND: &str = "##[";

/// Whether a text has something that a CI log could obey, however its words are broken into lines.
pub fn has_command(text: &str) -> bool {
    text.contains(OLD_COMMAND)
        || text.contains(COMMAND) && text.split_whitespace().any(|word| word.starts_with(COMMAND))
}

/// JSON that means the same, with control characters escaped. Outside of texts it has none but line breaks.
pub fn sanitize_json(json: String) -> String {
    let is_control = |c: char| c != '\n' && is_control(c);
    // Only texts can hold it.
    let json =
        if json.contains(OLD_COMMAND) { json.replace(OLD_COMMAND, "##\\u005b") } else { json };
    if !json.contains(is_control) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 8);
    for c in json.chars() {
        if is_control(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning() {
        assert_eq!(sanitize_json("{\n\"a\u{202e}합\"}".to_owned()), "{\n\"a\\u202e합\"}");
        assert_eq!(sanitize_json("\"\u{e0041}\"".to_owned()), "\"\\udb40\\udc41\"");
        assert_eq!(sanitize_json("\"##[x]\"".to_owned()), "\"##\\u005bx]\"");
    }
}

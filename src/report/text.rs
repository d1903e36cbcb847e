//! Text for a terminal: sanitized, measured, shortened, wrapped.

use std::borrow::Cow;

use crate::sanitize::{COMMAND, OLD_COMMAND, has_command, is_control};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text with everything escaped that could move the cursor, colour the terminal, turn the direction of writing, or
/// be a command of a CI log that it is printed in.
pub fn safe(text: &str) -> Cow<'_, str> {
    // Most cells are plain ASCII, which one pass over the bytes shows.
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b':' | b'#');
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    if has_command(text) {
        return Cow::Owned(visible(&inert(text)));
    }
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(visible(text))
}

/// The text, each word of which can begin a line that a CI log does not obey.
fn inert(text: &str) -> String {
    let word = |word: &str| match word.strip_prefix(COMMAND) {
        Some(rest) => format!("\\u{{3a}}:{rest}"),
        None => word.to_owned(),
    };
    let words: String = text.split_inclusive(char::is_whitespace).map(word).collect();
    words.replace(OLD_COMMAND, "##\\u{5b}")
}

/// Lines that stay lines: all else that could be obeyed is escaped, but for tabs.
pub fn safe_lines(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(safe).collect::<Vec<_>>().join("\t");
    let ends = |text: &str| text.strip_suffix('\r').unwrap_or(text).to_owned();
    text.split('\n').map(|text| line(&ends(text))).collect::<Vec<_>>().join("\n")
}

fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_control(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// The same of a text that is given away: nothing is copied where it has no control characters.
pub fn made_safe(text: String) -> String {
    match safe(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(escaped) => escaped,
    }
}

/// Columns that it takes in a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `columns`, its middle replaced by `…` where it is longer: both ends of a name tell layers apart.
pub fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(1);
    let head = take(text.chars(), room / 3);
    let tail: String = take(text.chars().rev(), room - width(&head)).chars().rev().collect();
    format!("{head}…{tail}")
}

/// The text in at most `columns`, its end replaced by `…` where it is longer.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let head = take(text.chars(), columns.saturating_sub(1));
    format!("{}…", head.trim_end())
}

fn take(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut left = columns;
    chars
        .take_while(|c| {
            let needs = c.width().unwrap_or(0);
            let fits = needs <= left;
            left = left.saturating_sub(needs);
            fits
        })
        .collect()
}

/// Words in lines of at most `columns`, of which `start` are taken in the first; every further line is indented. A longer
/// word keeps a line of its own.
pub fn wrap(text: &str, columns: Option<usize>, start: usize, indent: usize) -> String {
    join(text.split_whitespace(), " ", columns, start, indent)
}

/// The same for a formula: it is broken before a sign, not after it.
pub fn wrap_formula(text: &str, columns: Option<usize>, start: usize, indent: usize) -> String {
    let mut pieces: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in text.split_whitespace() {
        match pieces.last_mut().filter(|_| is_open) {
            Some(piece) => piece.extend([" ", word]),
            None => pieces.push(word.to_owned()),
        }
        is_open = matches!(word, "=" | "×" | "+" | "−" | "·" | "/" | "→");
    }
    join(pieces.iter().map(String::as_str), " ", columns, start, indent)
}

/// Pieces that are not broken themselves, with `between` where two of them share a line.
pub fn join<'t>(
    pieces: impl IntoIterator<Item = &'t str>,
    between: &str,
    columns: Option<usize>,
    start: usize,
    indent: usize,
) -> String {
    let limit = columns.unwrap_or(usize::MAX);
    let (mut out, mut at) = (String::new(), start);
    for (i, piece) in pieces.into_iter().enumerate() {
        let needs = width(piece);
        let between = if i == 0 { "" } else { between };
        let fits = at.saturating_add(width(between)).saturating_add(needs) <= limit;
        if fits || i == 0 {
            out.push_str(between);
            at += width(between);
        } else {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            at = indent;
        }
        out.push_str(piece);
        at += needs;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor_or_turns_the_line() {
        assert_eq!(safe("conv\u{1b}[31m\r\u{202e}x"), "conv\\u{1b}[31m\\r\\u{202e}x");
        assert!(matches!(safe("합성곱 × 2"), Cow::Borrowed(_)));
    }

    #[test]
    fn no_word_begins_a_command_of_a_log() {
        assert_eq!(safe("::stop::x a::b ::y"), "\\u{3a}:stop::x a::b \\u{3a}:y");
        assert_eq!(safe("x##[add-mask]y\n"), "x##\\u{5b}add-mask]y\\n");
        assert_eq!(safe_lines("a:\tb\r\n  ::x\n"), "a:\tb\n  \\u{3a}:x\n");
    }

    #[test]
    fn both_ends_of_a_long_name_stay() {
        assert_eq!(shorten("features.denseblock1.conv", 12), "fea…k1.conv".replace("…k", "…ck"));
        assert_eq!(shorten("conv", 4), "conv");
        assert!(width(&shorten("합성곱합성곱합성곱", 7)) <= 7);
        assert_eq!(shorten("conv", 0), "…");
        assert_eq!(cut("← bn2, add", 7), "← bn2,…");
        assert_eq!(cut("← bn2, add", 8), "← bn2,…");
        assert_eq!(cut("← bn2", 5), "← bn2");
    }

    #[test]
    fn formulas_are_broken_before_their_signs() {
        let text = wrap_formula("3 × 3 × 128 = 1,152", Some(9), 0, 2);
        assert_eq!(text, "3 × 3\n  × 128\n  = 1,152");
    }

    #[test]
    fn lines_are_no_longer_than_they_may_be() {
        let text = wrap("one two three four", Some(9), 0, 2);
        assert_eq!(text, "one two\n  three\n  four");
        assert_eq!(wrap("one two", Some(9), 4, 2), "one\n  two");
        assert_eq!(wrap("one  two", None, 0, 2), "one two");
    }
}

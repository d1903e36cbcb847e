//! Bytes of a text made into lines, columns and ranges that are safe to show.
//!
//! Imports `span` only. Tests stand below.

use std::ops::Range;

use crate::span::Span;

/// A byte order mark, which editors and parsers do not count as a column.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Line and column of a byte, both from 1, the column in characters. A byte past the end stands at the end, one inside
/// a character at its start.
pub fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..floor(text, byte)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    let in_line = &before[line_start..];
    let counted = if line == 1 { in_line.trim_start_matches(BYTE_ORDER_MARK) } else { in_line };
    (line, counted.chars().count() + 1)
}

/// The first byte that is not a byte order mark.
#[cfg(feature = "cli")]
pub(super) fn first_byte(text: &str) -> usize {
    text.len() - text.trim_start_matches(BYTE_ORDER_MARK).len()
}

/// The nearest range that can be shown: in order, inside the text, at character boundaries, and not reaching over the
/// line break it ends with. After the last line break of a text it is the end of the last line.
#[cfg(feature = "cli")]
pub(super) fn fit(text: &str, span: Span) -> Range<usize> {
    let start = floor(text, span.start.min(span.end));
    let mut end = span.start.max(span.end).min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let content = text[..end].trim_end_matches(['\n', '\r']).len();
    if content > start {
        start..content
    } else if start == text.len() {
        content..content
    } else {
        // A range of line breaks alone, or none at all: the place between `\r` and `\n` is before both.
        let inside = text[..start].ends_with('\r') && text[start..].starts_with('\n');
        let start = start - usize::from(inside);
        start..start
    }
}

fn floor(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let text = "a\r\né日x\n";
        for (byte, expected) in [
            (0, (1, 1)),
            (1, (1, 2)),
            (3, (2, 1)),
            (4, (2, 1)), // inside é
            (5, (2, 2)),
            (8, (2, 3)),
            (9, (2, 4)),
            (10, (3, 1)),
            (99, (3, 1)),
        ] {
            assert_eq!(position(text, byte), expected, "byte {byte}");
        }
        assert_eq!(position("", 0), (1, 1));
        assert_eq!(position("\u{feff}model", 3), (1, 1));
    }

    #[cfg(feature = "cli")]
    #[test]
    fn ranges_are_put_in_order_and_end_before_their_line_break() {
        let fit = |text, start, end| fit(text, Span::new(start, end));
        assert_eq!(fit("abc", 2, 1), 1..2);
        assert_eq!(fit("abc", 2, 99), 2..3);
        assert_eq!(fit("aéb", 2, 2), 1..3);
        assert_eq!(fit("ab\r\n", 0, 4), 0..2);
        assert_eq!(fit("ab\r\ncd", 3, 3), 2..2);
        assert_eq!(fit("ab\n", 3, 3), 2..2);
        assert_eq!(fit("a\n\nb", 1, 3), 1..1);
        assert_eq!(fit("", 5, 9), 0..0);
    }
}

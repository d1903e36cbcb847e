//! Spans made into ranges that are safe to show: the renderer panics on any other.

use std::ops::Range;

use crate::diag::position::{BYTE_ORDER_MARK, floor};
use crate::source::Span;

/// The first byte that is not a byte order mark.
pub(super) fn first_byte(text: &str) -> usize {
    text.len() - text.trim_start_matches(BYTE_ORDER_MARK).len()
}

/// The nearest range that can be shown: in order, inside the text, at character boundaries, and not reaching over the
/// line break it ends with. After the last line break of a text it is the end of the last line.
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

#[cfg(test)]
mod tests {
    use super::*;

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

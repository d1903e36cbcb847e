//! Bytes of a text made into lines and columns.
//!
//! Imports nothing.

/// A byte order mark, which editors and parsers do not count as a column.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

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

/// The character boundary at or before a byte, inside the text.
pub(super) fn floor(text: &str, byte: usize) -> usize {
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
}

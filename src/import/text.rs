//! Text from bytes: bounded, UTF-8, without a byte order mark, not empty.

use std::io::Read;

use crate::diag::{Code, Diagnostic};
use crate::lang;
use crate::units;

/// The largest text that is read, in bytes; formats have limits of their own below this.
const LARGEST: u64 = 64 << 20;

/// What is to be done with text in another encoding.
const UTF_8: &str = "save it as UTF-8";

fn binary(name: &str) -> String {
    format!("`{name}` is a binary file of a format that cnnstat does not know, no description")
}

/// Reads the text of something that is called `name`.
///
/// # Errors
/// Bytes that cannot be read, are too many, or no text; none.
pub fn read(name: &str, from: impl Read) -> Result<String, Box<Diagnostic>> {
    let fail = |code, message, help: &str| Err(Box::new(Diagnostic::new(code, message).help(help)));
    let mut bytes = Vec::new();
    if let Err(error) = from.take(LARGEST + 1).read_to_end(&mut bytes) {
        let message = format!("`{name}` cannot be read: {error}");
        return Err(Box::new(Diagnostic::new(Code::E0105, message)));
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        let message = format!("`{name}` is larger than {}", units::bytes(LARGEST));
        return fail(Code::E0106, message, "a description is text; loops and blocks keep it short");
    }
    let mut text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
                return fail(Code::E0102, format!("`{name}` is UTF-16 text"), UTF_8);
            }
            if bytes.contains(&0) {
                return fail(Code::E0102, binary(name), lang::BEGIN);
            }
            let message = format!("`{name}` is not UTF-8 text: byte {at} is no character");
            return fail(Code::E0102, message, UTF_8);
        }
    };
    // Zeros are valid UTF-8, and in no text.
    if text.contains('\0') {
        return fail(Code::E0102, binary(name), lang::BEGIN);
    }
    // A byte order mark is no part of the text.
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    if text.trim().is_empty() {
        return fail(Code::E0103, format!("`{name}` is empty"), lang::BEGIN);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_says_so() {
        let code = |from: &mut dyn Read| read("x", from).unwrap_err().code;
        assert_eq!(code(&mut &[0xff, 0xfe][..]), Code::E0102);
        let message = |bytes: &[u8]| read("x", bytes).unwrap_err().message;
        assert!(message(&[0xff, 0xfe, b'm', 0]).contains("UTF-16"));
        for binary in [&b"model\0"[..], &[0xf1, 0, 7]] {
            assert!(message(binary).contains("binary"), "{binary:?}");
        }
        assert_eq!(code(&mut &b" \n"[..]), Code::E0103);
        assert_eq!(code(&mut std::io::repeat(b'a')), Code::E0106);
    }
}

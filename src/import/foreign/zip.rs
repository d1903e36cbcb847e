//! The names in a zip archive, without its data: from the central directory, or from what the beginning shows of it where
//! the end is missing.

use std::io::{self, Read, Seek, SeekFrom};

/// What a file with at least one entry begins with.
pub const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";

/// The end record and its longest comment.
const TAIL: u64 = 22 + 65_535 + 20;
/// How much of a directory is read, in bytes.
const DIRECTORY: u64 = 1 << 20;

/// The names of an archive's entries, as many as the bounds allow.
///
/// # Errors
/// What reading gives.
pub fn names(bytes: &mut (impl Read + Seek), head: &[u8]) -> io::Result<Vec<String>> {
    let listed = match directory(bytes)? {
        Some(directory) => entries(&directory, CENTRAL, 28, 46),
        None => Vec::new(),
    };
    Ok(if listed.is_empty() { entries(head, LOCAL, 26, 30) } else { listed })
}

/// The bytes of the central directory.
fn directory(bytes: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let length = bytes.seek(SeekFrom::End(0))?;
    let tail = read(bytes, length.saturating_sub(TAIL), TAIL)?;
    let Some(end) = tail.windows(END.len()).rposition(|bytes| bytes == END) else {
        return Ok(None);
    };
    let (mut size, mut start) = (number(&tail, end + 12, 4), number(&tail, end + 16, 4));
    if start == Some(u64::from(u32::MAX)) {
        let locator = end.checked_sub(20).filter(|at| tail[*at..].starts_with(LOCATOR64));
        let Some(at) = locator.and_then(|at| number(&tail, at + 8, 8)) else { return Ok(None) };
        if at >= length {
            return Ok(None);
        }
        let record = read(bytes, at, 56)?;
        if !record.starts_with(END64) {
            return Ok(None);
        }
        (size, start) = (number(&record, 40, 8), number(&record, 48, 8));
    }
    match (size, start) {
        (Some(size), Some(start)) if start < length => {
            read(bytes, start, size.min(DIRECTORY)).map(Some)
        }
        _ => Ok(None),
    }
}

/// Names behind each signature: the name's length stands `length_at` bytes after it, the name `name_at` bytes after it.
fn entries(bytes: &[u8], signature: &[u8], length_at: usize, name_at: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(record) = bytes.get(at..).filter(|rest| rest.len() > name_at) {
        if !record.starts_with(signature) {
            at += 1;
            continue;
        }
        let length = usize::from(u16::from_le_bytes([record[length_at], record[length_at + 1]]));
        let Some(name) = record.get(name_at..name_at + length) else { break };
        names.push(String::from_utf8_lossy(name).into_owned());
        at += name_at + length;
    }
    names
}

/// A little-endian number of 4 or 8 bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

fn read(bytes: &mut (impl Read + Seek), at: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    bytes.seek(SeekFrom::Start(at))?;
    bytes.take(most).read_to_end(&mut read)?;
    Ok(read)
}

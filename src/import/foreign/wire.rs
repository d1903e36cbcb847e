//! ONNX has no signature: a file is a protobuf message whose first fields are those of `ModelProto`.
//!
//! Field numbers and wire types: onnx/onnx.proto3 of <https://github.com/onnx/onnx>.

/// The value of one field.
enum Field<'b> {
    Varint(u64),
    /// Of known length; what is cut off at the end of the excerpt is missing.
    Bytes(&'b [u8]),
    Other,
}

/// Whether the version and the graph, or the version and the operator sets, stand in the beginning of a file.
pub fn is_onnx(head: &[u8]) -> bool {
    let (mut has_version, mut has_body) = (false, false);
    let mut rest = head;
    while let Some((number, field)) = next_field(&mut rest) {
        match (number, field) {
            // ir_version; 13 in 2026.
            (1, Field::Varint(version)) if (1..100).contains(&version) => has_version = true,
            // graph, opset_import
            (7, Field::Bytes(graph)) if is_graph(graph) => has_body = true,
            (8, Field::Bytes(set)) if set.first().is_none_or(|tag| [0x0a, 0x10].contains(tag)) => {
                has_body = true;
            }
            // model_version, names and documentation, metadata, training, functions, configuration
            (5, Field::Varint(_)) | (14 | 20 | 25 | 26, Field::Bytes(_)) => {}
            (2 | 3 | 4 | 6, Field::Bytes(text)) if is_plain(text) => {}
            _ => return false,
        }
    }
    has_version && has_body
}

/// Whether a file begins with a version of ONNX.
pub fn may_be_onnx(head: &[u8]) -> bool {
    let mut rest = head;
    matches!(next_field(&mut rest), Some((1, Field::Varint(1..100))))
}

/// The number and value of the next field; none where the bytes end.
fn next_field<'b>(rest: &mut &'b [u8]) -> Option<(u64, Field<'b>)> {
    let tag = varint(rest)?;
    let field = match tag & 7 {
        0 => Field::Varint(varint(rest)?),
        2 => {
            let length = usize::try_from(varint(rest)?).unwrap_or(usize::MAX);
            let (bytes, after) = rest.split_at(length.min(rest.len()));
            *rest = after;
            Field::Bytes(bytes)
        }
        _ => Field::Other,
    };
    Some((tag >> 3, field))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Whether bytes begin with a field of `GraphProto`, all of which have a length.
fn is_graph(bytes: &[u8]) -> bool {
    let is_field =
        |tag: &u8| tag & 7 == 2 && [1, 2, 5, 10, 11, 12, 13, 14, 15].contains(&(tag >> 3));
    bytes.first().is_none_or(is_field)
}

fn is_plain(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| byte.is_ascii_control() && !b"\t\r\n".contains(byte))
}

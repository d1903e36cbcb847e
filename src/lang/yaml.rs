//! YAML through serde_yaml: a description's text becomes a tree of nodes.
//!
//! This module and `places` alone import serde_yaml. A text is read once here; `places` goes over it a second time where a
//! place is to be shown. Limits on what a stranger's text may ask for are set here: bytes, bracket depth, nodes and scalar
//! bytes (aliases multiply both).

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};

use super::places::count_pass;
use super::traps;
use super::tree::{Data, Node, Nodes, REFUSED, ordinal};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// Largest description that is read, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// Deepest nesting of brackets: the scanner takes quadratic time in it.
const MAX_BRACKETS: usize = 100;
/// Most nodes of a document, aliases expanded.
const MAX_NODES: usize = 500_000;
/// Most bytes in scalars, aliases expanded.
const MAX_SCALAR_BYTES: usize = 16 << 20;

/// Reads a document.
pub(super) fn parse(text: &str) -> Result<(Nodes, Vec<Diagnostic>), Vec<Diagnostic>> {
    guard(text)?;
    count_pass();
    let mut growth = Growth { nodes: Vec::new(), scalar_bytes: 0, diagnostics: Vec::new() };
    let grow = Grow { growth: &mut growth, parent: 0, ordinal: 0 };
    if let Err(error) = grow.deserialize(serde_yaml::Deserializer::from_str(text)) {
        let at = error.location().map_or(0, |location| location.index());
        return Err(vec![traps::scanner(text, at, &error.to_string())]);
    }
    Ok((Nodes::new(growth.nodes), growth.diagnostics))
}

/// Refuses what would take the scanner long, before it is asked.
fn guard(text: &str) -> Result<(), Vec<Diagnostic>> {
    let too_large = |message: String| Diagnostic::new(Code::E0106, message);
    if text.len() > MAX_BYTES {
        let message =
            format!("the description has {} bytes; at most {MAX_BYTES} are read", text.len());
        return Err(vec![too_large(message)]);
    }
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            let message = format!("brackets are nested more than {MAX_BRACKETS} deep");
            return Err(vec![too_large(message).span(Span::new(at, at + 1), "here")]);
        }
    }
    Ok(())
}

struct Growth {
    nodes: Vec<Node>,
    scalar_bytes: usize,
    diagnostics: Vec<Diagnostic>,
}

/// Grows the tree by one node.
struct Grow<'g> {
    growth: &'g mut Growth,
    parent: u32,
    ordinal: u32,
}

impl Grow<'_> {
    fn leaf<E: serde::de::Error>(self, data: Data) -> Result<u32, E> {
        if let Data::Text(text) = &data {
            self.growth.scalar_bytes += text.len();
        }
        if self.growth.nodes.len() >= MAX_NODES || self.growth.scalar_bytes > MAX_SCALAR_BYTES {
            return Err(E::custom(traps::TOO_LARGE));
        }
        let id = u32::try_from(self.growth.nodes.len()).map_err(E::custom)?;
        self.growth.nodes.push(Node { parent: self.parent, ordinal: self.ordinal, data });
        Ok(id)
    }
}

impl<'de> DeserializeSeed<'de> for Grow<'_> {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Grow<'_> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a description")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<u32, E> {
        self.leaf(Data::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<u32, E> {
        self.leaf(Data::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<u32, E> {
        i64::try_from(value)
            .map_err(|_| E::custom(traps::NUMBER))
            .and_then(|value| self.leaf(Data::Int(value)))
    }

    fn visit_i128<E: serde::de::Error>(self, _: i128) -> Result<u32, E> {
        Err(E::custom(traps::NUMBER))
    }

    fn visit_u128<E: serde::de::Error>(self, _: u128) -> Result<u32, E> {
        Err(E::custom(traps::NUMBER))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<u32, E> {
        if value.is_finite() {
            self.leaf(Data::Float(value))
        } else {
            Err(E::custom(traps::NUMBER))
        }
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<u32, E> {
        self.leaf(Data::Text(value.to_owned()))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<u32, E> {
        self.leaf(Data::Null)
    }

    /// A document of comments only.
    fn visit_none<E: serde::de::Error>(self) -> Result<u32, E> {
        self.leaf(Data::Null)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<u32, A::Error> {
        Err(A::Error::custom(traps::TAG))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u32, A::Error> {
        let growth = self.growth;
        let id = Grow { growth, parent: self.parent, ordinal: self.ordinal }.leaf(Data::Null)?;
        let mut children = Vec::new();
        while let Some(child) = items.next_element_seed(Grow {
            growth,
            parent: id,
            ordinal: ordinal(children.len()),
        })? {
            children.push(child);
        }
        growth.nodes[id as usize].data = Data::Seq(children);
        Ok(id)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<u32, A::Error> {
        let growth = self.growth;
        let id = Grow { growth, parent: self.parent, ordinal: self.ordinal }.leaf(Data::Null)?;
        let mut children: Vec<(String, u32)> = Vec::new();
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        while let Some(key) = entries.next_key_seed(KeySeed)? {
            let child = entries.next_value_seed(Grow {
                growth,
                parent: id,
                ordinal: ordinal(children.len()),
            })?;
            let name = match key {
                Key::Text(text) => text,
                Key::Refused(text, what) => {
                    growth.diagnostics.push(traps::refused_key(child, &text, what));
                    format!("{REFUSED}{text}")
                }
            };
            if name == "<<" {
                growth.diagnostics.push(traps::merge_key(child));
            }
            if let Some(first) = seen.insert(name.clone(), child) {
                growth.diagnostics.push(traps::duplicate_key(child, first, &name));
            }
            children.push((name, child));
        }
        growth.nodes[id as usize].data = Data::Map(children);
        Ok(id)
    }
}

/// A key as YAML makes it: text and whole numbers are keys, all else is refused.
enum Key {
    Text(String),
    Refused(String, &'static str),
}

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Key, E> {
        Ok(Key::Refused(value.to_string(), "a truth value"))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Key, E> {
        Ok(Key::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Key, E> {
        Ok(Key::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Key, E> {
        Ok(Key::Refused(value.to_string(), "a number with a fraction"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Key, E> {
        Ok(Key::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Key, E> {
        Ok(Key::Refused("null".to_owned(), "nothing"))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Key, A::Error> {
        Err(A::Error::custom(traps::TAG))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Key, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Key::Refused("[…]".to_owned(), "a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Key, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Key::Refused("{…}".to_owned(), "a map"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::At;
    use crate::lang::tree::Tree;
    use crate::source::Origin;

    fn at(text: &str, place: Origin) -> &str {
        let span = parse(text).unwrap().0.locate(text, place);
        &text[span.start..span.end]
    }

    #[test]
    fn places_are_exact_in_plain_and_quoted_scalars() {
        let text = "model: m\nlayers:\n  - conv1: conv2d(64, 3)\n  - 'relu'\n";
        let nodes = parse(text).unwrap().0;
        let tree = Tree::plain(&nodes);
        let layers = tree.get(0, "layers").unwrap();
        let Data::Seq(items) = tree.data(layers) else { panic!() };
        let conv = tree.entries(items[0])[0].1;
        assert_eq!(at(text, Origin::key(conv)), "conv1");
        assert_eq!(at(text, Origin::value(conv)), "conv2d(64, 3)");
        assert_eq!(at(text, Origin::value(conv).at(Span::new(7, 9))), "64");
        assert_eq!(at(text, Origin::value(items[1])), "relu");
    }

    #[test]
    fn a_duplicate_key_is_found_with_both_places() {
        let text = "a: 1\nb: 2\na: 3\n";
        let (nodes, mut diagnostics) = parse(text).unwrap();
        assert_eq!(diagnostics.len(), 1);
        nodes.resolve(text, &mut diagnostics);
        assert_eq!(diagnostics[0].labels[0].at, At::Bytes(Span::new(10, 11)));
        assert_eq!(diagnostics[0].labels[1].at, At::Bytes(Span::new(0, 1)));
    }

    #[test]
    fn documents_that_ask_for_too_much_are_refused_at_once() {
        let nested = "{a: ".repeat(100_000);
        let aliases = format!("a: &x \"{}\"\nb: [{}]\n", "y".repeat(100_000), "*x, ".repeat(5_000));
        let sequences = "- ".repeat(100_000);
        for text in [nested, aliases, sequences, "x".repeat(MAX_BYTES + 1)] {
            let error = parse(&text).unwrap_err();
            assert_eq!(error[0].code, Code::E0106, "{error:?}");
        }
    }
}

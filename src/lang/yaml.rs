//! YAML through serde_yaml: a description's text becomes a tree of nodes, and a place in it becomes bytes again.
//!
//! The only module that imports serde_yaml. The library locates its own errors only; to find where a node stands, the text
//! is parsed once more with a visitor that fails on arrival, and the error's location is the node's. Guards against
//! hostile text stand here: bytes, bracket depth, nodes and scalar bytes (aliases multiply both). Tests stand below.

use std::collections::HashMap;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};

use super::traps;
use crate::diag::{At, Code, Diagnostic, Source};
use crate::span::{Part, Place, Span};

/// Largest description that is read, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// Deepest nesting of brackets: the scanner takes quadratic time in it.
const MAX_BRACKETS: usize = 100;
/// Most nodes of a document, aliases carried out.
const MAX_NODES: usize = 500_000;
/// Most bytes in scalars, aliases carried out.
const MAX_SCALAR_BYTES: usize = 16 << 20;
/// The message of an error that says: this is the place.
const ARRIVED: &str = "arrived";

/// What stands before a key that is no text; it was reported.
pub(super) const REFUSED: char = '\0';

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Seq(Vec<u32>),
    /// Keys are text; whole numbers among them became text.
    Map(Vec<(String, u32)>),
}

impl Data {
    /// What it is, for an error.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::Seq(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

#[derive(Clone, Debug)]
struct Node {
    parent: u32,
    ordinal: u32,
    data: Data,
}

/// The nodes of one document; 0 is the root. Texts from `--set` are nodes beyond the document's.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    document: usize,
    sets: Vec<Source>,
}

impl Tree {
    pub(super) fn data(&self, node: u32) -> &Data {
        &self.nodes[node as usize].data
    }

    /// The text of a node that is text.
    pub(super) fn text(&self, node: u32) -> Option<&str> {
        match self.data(node) {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value under a key of a map node.
    pub(super) fn get(&self, node: u32, key: &str) -> Option<u32> {
        self.entries(node).iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// The entries of a map node; of anything else, none.
    pub(super) fn entries(&self, node: u32) -> &[(String, u32)] {
        match self.data(node) {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Whether the node is an element of a list.
    pub(super) fn in_list(&self, node: u32) -> bool {
        let node = &self.nodes[node as usize];
        matches!(self.nodes.get(node.parent as usize).map(|n| &n.data), Some(Data::Seq(_)))
    }

    /// The key under which the node stands in its parent.
    fn key(&self, node: u32) -> Option<&str> {
        let node = &self.nodes[node as usize];
        match &self.nodes.get(node.parent as usize)?.data {
            Data::Map(entries) => entries.get(node.ordinal as usize).map(|(key, _)| key.as_str()),
            _ => None,
        }
    }

    /// The texts before and after a node: the other items of its list, the other keys of its map; those of the map itself
    /// where it is the only entry.
    pub(super) fn siblings(&self, node: u32) -> (Vec<&str>, Vec<&str>) {
        let node = &self.nodes[node as usize];
        // A text of `--set` stands alone.
        let Some(parent) = self.nodes.get(node.parent as usize) else {
            return (Vec::new(), Vec::new());
        };
        if matches!(&parent.data, Data::Map(only) if only.len() == 1) && node.parent != 0 {
            return self.siblings(node.parent);
        }
        let item = |item: &u32| {
            self.text(if let [(_, value)] = self.entries(*item) { *value } else { *item })
        };
        let mut before: Vec<&str> = match &parent.data {
            Data::Seq(items) => items.iter().map(|i| item(i).unwrap_or_default()).collect(),
            Data::Map(entries) => entries.iter().map(|(key, _)| key.as_str()).collect(),
            _ => Vec::new(),
        };
        let mut after = before.split_off(before.len().min(node.ordinal as usize));
        after.drain(..after.len().min(1));
        (before, after)
    }

    /// Adds a text that stands outside the document.
    pub(super) fn add_set(&mut self, name: &str, text: &str) -> u32 {
        let id = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(Node { parent: u32::MAX, ordinal: 0, data: Data::Text(text.to_owned()) });
        self.sets.push(Source { name: format!("--set {name}"), text: text.to_owned() });
        id
    }

    fn set(&self, node: u32) -> Option<&Source> {
        self.sets.get((node as usize).checked_sub(self.document)?)
    }

    /// Turns places into bytes. A diagnostic whose first label stands in a `--set` points into that text.
    pub(super) fn resolve(&self, source: &Source, mut diagnostic: Diagnostic) -> Diagnostic {
        let place = |at: At| match at {
            At::Place(place) => Some(place),
            At::Bytes(_) => None,
        };
        let foreign = diagnostic.labels.first().and_then(|label| self.set(place(label.at)?.node));
        if let Some(set) = foreign {
            diagnostic.source = Some(set.clone());
        }
        diagnostic.labels.retain_mut(|label| {
            let Some(place) = place(label.at) else { return true };
            let span = match (self.set(place.node), foreign) {
                (Some(set), _) => Some(place.range.unwrap_or(Span::new(0, set.text.len()))),
                (None, None) => Some(self.locate(&source.text, place)),
                (None, Some(_)) => None,
            };
            label.at = span.map_or(label.at, At::Bytes);
            span.is_some()
        });
        diagnostic
    }

    /// The bytes of a place.
    fn locate(&self, text: &str, place: Place) -> Span {
        let mut path = Vec::new();
        let mut at = place.node as usize;
        while at != 0 && at < self.document {
            path.push(self.nodes[at].ordinal);
            at = self.nodes[at].parent as usize;
        }
        path.reverse();
        let start = seek(text, &path, place.part);
        let rest = text.get(start..).unwrap_or_default();
        let scalar = match (place.part, self.data(place.node)) {
            (Part::Key, _) => self.key(place.node).map(|key| key.trim_start_matches(REFUSED)),
            (Part::Value, Data::Text(text)) => Some(text.as_str()),
            (Part::Value, _) => None,
        };
        // Where the scalar stands as it is, plain or in quotes, a range inside it is exact.
        let exact = scalar.filter(|s| !s.is_empty()).and_then(|scalar| {
            let quote = usize::from(rest.starts_with(['\'', '"']));
            rest[quote..]
                .starts_with(scalar)
                .then(|| Span::new(start + quote, start + quote + scalar.len()))
        });
        let line = || rest.split(['\n', '\r']).next().unwrap_or_default();
        match (exact, place.range) {
            (Some(whole), Some(range)) => Span::new(
                whole.start + range.start.min(scalar.map_or(0, str::len)),
                (whole.start + range.end).min(whole.end),
            ),
            (Some(whole), None) => whole,
            (None, _) => {
                let line = line();
                let code = line.find(" #").map_or(line, |comment| &line[..comment]);
                Span::new(start, start + code.trim_end().len())
            }
        }
    }
}

/// Reads a document.
pub(super) fn parse(source: &Source) -> Result<(Tree, Vec<Diagnostic>), Vec<Diagnostic>> {
    let text = source.text.as_str();
    guard(text)?;
    let mut growth = Growth { nodes: Vec::new(), scalar_bytes: 0, diagnostics: Vec::new() };
    let grow = Grow { growth: &mut growth, parent: 0, ordinal: 0 };
    if let Err(error) = grow.deserialize(serde_yaml::Deserializer::from_str(text)) {
        let at = error.location().map_or(0, |location| location.index());
        return Err(vec![traps::scanner(text, at, &error.to_string())]);
    }
    let document = growth.nodes.len();
    let tree = Tree { nodes: growth.nodes, document, sets: Vec::new() };
    Ok((tree, growth.diagnostics))
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
        let mut seen: HashMap<String, u32> = HashMap::new();
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

fn ordinal(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
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

/// The byte at which the node at the end of a path begins.
fn seek(text: &str, path: &[u32], part: Part) -> usize {
    let seek = Seek { path, part };
    match seek.deserialize(serde_yaml::Deserializer::from_str(text)) {
        Err(error) => error.location().map_or(0, |location| location.index()).min(text.len()),
        Ok(()) => 0,
    }
}

/// Walks to a node and fails on arrival.
struct Seek<'p> {
    path: &'p [u32],
    part: Part,
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! arrive {
    ($($method:ident($Type:ty)),*) => {
        $(fn $method<E: serde::de::Error>(self, _: $Type) -> Result<(), E> {
            Err(E::custom(ARRIVED))
        })*
    };
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a description")
    }

    arrive! { visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str) }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Err(E::custom(ARRIVED))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.path.split_first() else {
            return Err(A::Error::custom(ARRIVED));
        };
        for _ in 0..*first {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element_seed(Seek { path: rest, part: self.part })?;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.path.split_first() else {
            return Err(A::Error::custom(ARRIVED));
        };
        for _ in 0..*first {
            entries.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        if rest.is_empty() && self.part == Part::Key {
            entries.next_key_seed(Seek { path: rest, part: self.part })?;
            return Ok(());
        }
        entries.next_key::<IgnoredAny>()?;
        entries.next_value_seed(Seek { path: rest, part: self.part })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Tree {
        parse(&Source { name: "t".into(), text: text.into() }).unwrap().0
    }

    fn at(text: &str, place: Place) -> &str {
        let span = read(text).locate(text, place);
        &text[span.start..span.end]
    }

    #[test]
    fn places_are_exact_in_plain_and_quoted_scalars() {
        let text = "model: m\nlayers:\n  - conv1: conv2d(64, 3)\n  - 'relu'\n";
        let tree = read(text);
        let layers = tree.get(0, "layers").unwrap();
        let Data::Seq(items) = tree.data(layers) else { panic!() };
        let conv = tree.entries(items[0])[0].1;
        assert_eq!(at(text, Place::key(conv)), "conv1");
        assert_eq!(at(text, Place::value(conv)), "conv2d(64, 3)");
        assert_eq!(at(text, Place::value(conv).at(Span::new(7, 9))), "64");
        assert_eq!(at(text, Place::value(items[1])), "relu");
    }

    #[test]
    fn a_duplicate_key_is_found_with_both_places() {
        let text = "a: 1\nb: 2\na: 3\n";
        let (tree, diagnostics) = parse(&Source { name: "t".into(), text: text.into() }).unwrap();
        assert_eq!(diagnostics.len(), 1);
        let resolved =
            tree.resolve(&Source { name: "t".into(), text: text.into() }, diagnostics[0].clone());
        assert_eq!(resolved.labels[0].at, At::Bytes(Span::new(10, 11)));
        assert_eq!(resolved.labels[1].at, At::Bytes(Span::new(0, 1)));
    }

    #[test]
    fn hostile_documents_are_refused_at_once() {
        let nested = "{a: ".repeat(100_000);
        let aliases = format!("a: &x \"{}\"\nb: [{}]\n", "y".repeat(100_000), "*x, ".repeat(5_000));
        let sequences = "- ".repeat(100_000);
        for text in [nested, aliases, sequences, "x".repeat(MAX_BYTES + 1)] {
            let error = parse(&Source { name: "t".into(), text }).unwrap_err();
            assert_eq!(error[0].code, Code::E0106, "{error:?}");
        }
    }
}

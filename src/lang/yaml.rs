//! YAML through serde_yaml: a description's text becomes a tree of nodes, and a place in it becomes bytes again.
//!
//! This module and `places` alone import serde_yaml. A text is read once here; `places` goes over it a second time where a
//! place is to be shown. Limits on what a stranger's text may ask for are set here: bytes, bracket depth, nodes and scalar
//! bytes (aliases multiply both).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};

use super::places::{self, Places};
use super::traps;
use crate::diag::{At, Code, Diagnostic, Source};
use crate::span::{Part, Place, Span};

/// Largest description that is read, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// Deepest nesting of brackets: the scanner takes quadratic time in it.
const MAX_BRACKETS: usize = 100;
/// Most nodes of a document, aliases expanded.
const MAX_NODES: usize = 500_000;
/// Most bytes in scalars, aliases expanded.
const MAX_SCALAR_BYTES: usize = 16 << 20;

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

impl Data {
    /// A scalar as it can be written; `None` of a list or a map.
    pub(super) fn scalar(&self) -> Option<String> {
        match self {
            Self::Null => Some("null".to_owned()),
            Self::Bool(b) => Some(b.to_string()),
            Self::Int(n) => Some(n.to_string()),
            Self::Float(x) => Some(x.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Seq(_) | Self::Map(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Node {
    parent: u32,
    ordinal: u32,
    data: Data,
}

/// The passes of serde_yaml over texts, by all threads of the process.
static PASSES: AtomicU64 = AtomicU64::new(0);

/// How often serde_yaml went over a text so far, in the whole process.
#[cfg(feature = "internals")]
pub fn passes() -> u64 {
    PASSES.load(Ordering::Relaxed)
}

/// Counts a pass that begins.
pub(super) fn count_pass() {
    PASSES.fetch_add(1, Ordering::Relaxed);
}

/// The nodes of one document; 0 is the root.
#[derive(Debug)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    /// Where the nodes stand in the text, once that was asked for.
    places: OnceLock<Places>,
}

impl Nodes {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes that stand in a list or a map, in their order.
    pub(super) fn children(&self, node: u32) -> Vec<u32> {
        match &self.nodes[node as usize].data {
            Data::Seq(items) => items.clone(),
            Data::Map(entries) => entries.iter().map(|(_, value)| *value).collect(),
            _ => Vec::new(),
        }
    }

    /// Turns the places of diagnostics into bytes of the text.
    pub(super) fn resolve(&self, text: &str, diagnostics: &mut [Diagnostic]) {
        for label in diagnostics.iter_mut().flat_map(|diagnostic| &mut diagnostic.labels) {
            if let At::Place(place) = label.at {
                label.at = At::Bytes(self.locate(text, place));
            }
        }
    }

    /// The bytes of a place.
    fn locate(&self, text: &str, place: Place) -> Span {
        let places = self.places.get_or_init(|| places::find(text, self));
        let start = places.start(place.node, place.part).min(text.len());
        let rest = text.get(start..).unwrap_or_default();
        let scalar = match (place.part, self.nodes.get(place.node as usize).map(|n| &n.data)) {
            (Part::Key, _) => self.key(place.node).map(|key| key.trim_start_matches(REFUSED)),
            (Part::Value, Some(Data::Text(text))) => Some(text.as_str()),
            (Part::Value, _) => None,
        };
        // Where the scalar stands as it is, plain or in quotes, a range inside it is exact.
        let exact = scalar.filter(|s| !s.is_empty()).and_then(|scalar| {
            let quote = usize::from(rest.starts_with(['\'', '"']));
            rest[quote..]
                .starts_with(scalar)
                .then(|| Span::new(start + quote, start + quote + scalar.len()))
        });
        match (exact, place.range) {
            (Some(whole), Some(range)) => Span::new(
                whole.start + range.start.min(scalar.map_or(0, str::len)),
                (whole.start + range.end).min(whole.end),
            ),
            (Some(whole), None) => whole,
            (None, _) => {
                let line = rest.split(['\n', '\r']).next().unwrap_or_default();
                let code = line.find(" #").map_or(line, |comment| &line[..comment]);
                Span::new(start, start + code.trim_end().len())
            }
        }
    }

    /// The key under which a node stands in its parent.
    fn key(&self, node: u32) -> Option<&str> {
        let node = self.nodes.get(node as usize)?;
        match &self.nodes.get(node.parent as usize)?.data {
            Data::Map(entries) => entries.get(node.ordinal as usize).map(|(key, _)| key.as_str()),
            _ => None,
        }
    }
}

/// A document with the texts of `--set`, which are nodes beyond the document's.
#[derive(Debug)]
pub(super) struct Tree<'d> {
    document: &'d Nodes,
    sets: Vec<(Source, Data)>,
}

impl<'d> Tree<'d> {
    /// The document with these variables' texts in place of its own; and the node of each.
    pub(super) fn new(document: &'d Nodes, sets: &[(String, String)]) -> (Self, Vec<u32>) {
        let nodes = (0..sets.len()).map(|at| ordinal(document.len() + at)).collect();
        let source = |(name, text): &(String, String)| {
            let source = Source { name: format!("--set {name}"), text: text.clone() };
            (source, Data::Text(text.clone()))
        };
        (Self { document, sets: sets.iter().map(source).collect() }, nodes)
    }

    /// The document without texts of `--set`.
    pub(super) fn plain(document: &'d Nodes) -> Self {
        Self { document, sets: Vec::new() }
    }

    pub(super) fn data(&self, node: u32) -> &Data {
        match self.document.nodes.get(node as usize) {
            Some(node) => &node.data,
            None => &self.sets[node as usize - self.document.len()].1,
        }
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
        let nodes = &self.document.nodes;
        let parent = nodes.get(node as usize).and_then(|node| nodes.get(node.parent as usize));
        matches!(parent.map(|parent| &parent.data), Some(Data::Seq(_)))
    }

    /// The texts before and after a node: the other items of its list, the other keys of its map; those of the map itself
    /// where it is the only entry.
    pub(super) fn siblings(&self, node: u32) -> (Vec<&str>, Vec<&str>) {
        let nodes = &self.document.nodes;
        // A text of `--set` stands alone.
        let node = nodes.get(node as usize);
        let Some((node, parent)) =
            node.and_then(|node| Some((node, nodes.get(node.parent as usize)?)))
        else {
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

    /// Turns the places of a diagnostic whose first label is in a text of `--set` into bytes of that text. Its labels
    /// elsewhere are left out.
    pub(super) fn settle(&self, diagnostic: &mut Diagnostic) {
        let set = |at: At| match at {
            At::Place(place) => {
                let index = (place.node as usize).checked_sub(self.document.len())?;
                self.sets.get(index).map(|(source, _)| (source, place))
            }
            At::Bytes(_) => None,
        };
        let Some((source, _)) = diagnostic.labels.first().and_then(|label| set(label.at)) else {
            // A label in another text than the first is left out.
            return diagnostic.labels.retain(|label| set(label.at).is_none());
        };
        diagnostic.source = Some(source.clone());
        diagnostic.labels.retain_mut(|label| {
            let found = set(label.at);
            if let Some((source, place)) = found {
                let whole = Span::new(0, source.text.len());
                label.at = At::Bytes(place.range.unwrap_or(whole));
            }
            found.is_some()
        });
    }
}

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
    let nodes = Nodes { nodes: growth.nodes, places: OnceLock::new() };
    Ok((nodes, growth.diagnostics))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, place: Place) -> &str {
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
        assert_eq!(at(text, Place::key(conv)), "conv1");
        assert_eq!(at(text, Place::value(conv)), "conv2d(64, 3)");
        assert_eq!(at(text, Place::value(conv).at(Span::new(7, 9))), "64");
        assert_eq!(at(text, Place::value(items[1])), "relu");
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

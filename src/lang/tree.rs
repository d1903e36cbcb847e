//! The tree of nodes that a description's text becomes, and the place of each in the text.
//!
//! Places are looked for once something is to be shown; `places` then finds all of them in one pass.

use std::sync::OnceLock;

use super::places::{self, Places};
use crate::diag::{At, Diagnostic, Source};
use crate::source::{Origin, Part, Span};

/// The one tag of YAML's own that serde_yaml reads as text.
const BINARY: &str = "!!binary";

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

/// A node: the one that it is in, its position there, and what it holds.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) parent: u32,
    pub(super) ordinal: u32,
    pub(super) data: Data,
}

/// The nodes of one document; 0 is the root.
#[derive(Debug)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    /// Where the nodes are in the text, once that was asked for.
    places: OnceLock<Places>,
}

impl Nodes {
    pub(super) fn new(nodes: Vec<Node>) -> Self {
        Self { nodes, places: OnceLock::new() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes of a list or a map, in their order.
    pub(super) fn children(&self, node: u32) -> Vec<u32> {
        match &self.nodes[node as usize].data {
            Data::Seq(items) => items.clone(),
            Data::Map(entries) => entries.iter().map(|(_, value)| *value).collect(),
            _ => Vec::new(),
        }
    }

    /// Texts that are written in base64 behind `!!binary`, which serde_yaml passes on as they are.
    pub(super) fn binaries(&self, text: &str) -> Vec<u32> {
        if !text.contains(BINARY) {
            return Vec::new();
        }
        let places = self.places.get_or_init(|| places::find(text, self));
        let is_binary = |node: &u32| {
            let start = places.start(*node, Part::Value);
            text.get(start..).is_some_and(|rest| rest.starts_with(BINARY))
        };
        (0..ordinal(self.nodes.len())).filter(is_binary).collect()
    }

    /// Turns the places of diagnostics into bytes of the text.
    pub(super) fn resolve(&self, text: &str, diagnostics: &mut [Diagnostic]) {
        for label in diagnostics.iter_mut().flat_map(|diagnostic| &mut diagnostic.labels) {
            if let At::Origin(place) = label.at {
                label.at = At::Bytes(self.locate(text, place));
            }
        }
    }

    /// The bytes of a place.
    pub(super) fn locate(&self, text: &str, place: Origin) -> Span {
        let places = self.places.get_or_init(|| places::find(text, self));
        let start = places.start(place.element, place.part).min(text.len());
        let rest = text.get(start..).unwrap_or_default();
        let scalar = match (place.part, self.nodes.get(place.element as usize).map(|n| &n.data)) {
            (Part::Key, _) => self.key(place.element).map(|key| key.trim_start_matches(REFUSED)),
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
            let source = Source::new(format!("--set {name}"), text.clone());
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

    /// Whether the map that holds a value is an element of a list.
    pub(super) fn is_item(&self, value: u32) -> bool {
        let map = self.document.nodes.get(value as usize).map(|node| node.parent);
        map.is_some_and(|map| self.in_list(map))
    }

    /// Whether the node stands under this key.
    pub(super) fn is_key(&self, node: u32, key: &str) -> bool {
        let nodes = &self.document.nodes;
        let parent = nodes.get(node as usize).map(|node| node.parent);
        let entries = parent.map_or(&[][..], |parent| self.entries(parent));
        entries.iter().any(|(name, value)| *value == node && name == key)
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
            At::Origin(place) => {
                let index = (place.element as usize).checked_sub(self.document.len())?;
                self.sets.get(index).map(|(source, _)| (source, place))
            }
            At::Bytes(_) | At::Element => None,
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

/// The position of a node as its id has it.
pub(super) fn ordinal(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

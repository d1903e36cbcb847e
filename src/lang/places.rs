//! Where every node of a document stands in its text: one pass of serde_yaml more, which locates its own errors only.
//!
//! Each element is first asked to be what it is not. The error that serde_yaml makes of that says where the element stands
//! and consumes nothing, so that the element can be gone through afterwards. An alias alone is consumed: its error stands
//! where the anchor is, before the last place that was seen, and what is in it has the places of what it repeats.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};

use super::tree::Nodes;
use crate::source::Part;

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

/// The byte at which each node begins, and the key over it, by node.
#[derive(Debug)]
pub(super) struct Places {
    values: Vec<usize>,
    keys: Vec<usize>,
}

impl Places {
    /// The first byte of a node or of its key.
    pub(super) fn start(&self, node: u32, part: Part) -> usize {
        let places = if part == Part::Key { &self.keys } else { &self.values };
        places.get(node as usize).copied().unwrap_or(0)
    }
}

/// Line and column, both from 0, the column in characters, as libyaml counts them.
type Mark = (usize, usize);

/// Goes over the text and finds all places.
pub(super) fn find(text: &str, nodes: &Nodes) -> Places {
    count_pass();
    let places = Places { values: vec![0; nodes.len()], keys: vec![0; nodes.len()] };
    let cursor = Cursor { rest: text.char_indices().peekable(), mark: (0, 0), end: text.len() };
    let mut search = Search { nodes, places, cursor, seen: HashMap::new(), last: None };
    let visit = Visit { search: &mut search, node: 0 };
    // The root is located by the error in which the visit over it ends.
    let root = visit.deserialize(serde_yaml::Deserializer::from_str(text)).err();
    let root = root.and_then(|error| Some(error.location()?.index()));
    search.places.values[0] = root.unwrap_or(0);
    search.places
}

struct Search<'t> {
    nodes: &'t Nodes,
    places: Places,
    cursor: Cursor<'t>,
    /// The nodes found so far by their marks: an anchored one is among them before its alias comes.
    seen: HashMap<Mark, u32>,
    /// The mark furthest on.
    last: Option<Mark>,
}

impl Search<'_> {
    /// Whether something at this mark is read for the first time; what an alias means was read before. A block map begins
    /// where its first key does.
    fn is_fresh(&mut self, mark: Mark, is_first: bool) -> bool {
        let fresh = self.last.is_none_or(|last| mark > last || (is_first && mark == last));
        if fresh {
            self.last = Some(mark);
        }
        fresh
    }

    /// Enters the place of a node. False for an alias, which was consumed: its places are those of what it repeats.
    fn enter(&mut self, node: u32, mark: Mark, is_first: bool) -> bool {
        if self.is_fresh(mark, is_first) {
            self.places.values[node as usize] = self.cursor.advance(mark);
            self.seen.insert(mark, node);
            return true;
        }
        if let Some(anchored) = self.seen.get(&mark) {
            let (mut from, mut to) = (vec![*anchored], vec![node]);
            while let (Some(source), Some(copy)) = (from.pop(), to.pop()) {
                self.places.values[copy as usize] = self.places.values[source as usize];
                if copy != node {
                    self.places.keys[copy as usize] = self.places.keys[source as usize];
                }
                from.extend(self.nodes.children(source));
                to.extend(self.nodes.children(copy));
            }
        }
        false
    }
}

/// A place in the text that moves forward only.
struct Cursor<'t> {
    rest: std::iter::Peekable<std::str::CharIndices<'t>>,
    mark: Mark,
    end: usize,
}

impl Cursor<'_> {
    /// Moves to a mark; the byte there.
    fn advance(&mut self, mark: Mark) -> usize {
        while self.mark < mark
            && let Some((_, c)) = self.rest.next()
        {
            let is_break = match c {
                '\r' => self.rest.peek().is_none_or(|(_, next)| *next != '\n'),
                '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => true,
                _ => false,
            };
            match (is_break, c) {
                (true, _) => self.mark = (self.mark.0 + 1, 0),
                // The first half of a line break is no column, nor is a byte order mark.
                (false, '\r' | '\u{feff}') => {}
                (false, _) => self.mark.1 += 1,
            }
        }
        self.rest.peek().map_or(self.end, |(at, _)| *at)
    }
}

/// The mark that an error of serde_yaml ends with; the first place of a text has none.
fn mark_of(error: &impl fmt::Display) -> Mark {
    let text = error.to_string();
    let read = || {
        let (_, mark) = text.rsplit_once(" at line ")?;
        let (line, column) = mark.split_once(" column ")?;
        let from_one = |n: &str| n.parse::<usize>().ok()?.checked_sub(1);
        Some((from_one(line)?, from_one(column)?))
    };
    read().unwrap_or((0, 0))
}

/// Asks for what no element is.
struct Ask;

impl<'de> DeserializeSeed<'de> for Ask {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_enum("", &[], self)
    }
}

impl<'de> Visitor<'de> for Ask {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom("here"))
    }
}

/// Goes through a node whose own place is known.
struct Visit<'s, 't> {
    search: &'s mut Search<'t>,
    node: u32,
}

impl<'de> DeserializeSeed<'de> for Visit<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A scalar has nothing in it; one that is the root is located like any root.
macro_rules! scalars {
    ($($method:ident($Type:ty)),*) => {
        $(fn $method<E: serde::de::Error>(self, _: $Type) -> Result<(), E> {
            self.done()
        })*
    };
}

impl Visit<'_, '_> {
    fn done<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.node == 0 { Err(E::custom("the root")) } else { Ok(()) }
    }
}

impl<'de> Visitor<'de> for Visit<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a description")
    }

    scalars! { visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str) }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.done()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for (at, node) in self.search.nodes.children(self.node).into_iter().enumerate() {
            let Err(error) = items.next_element_seed(Ask) else { break };
            if self.search.enter(node, mark_of(&error), at == 0) {
                items.next_element_seed(Visit { search: &mut *self.search, node })?;
            }
        }
        self.done()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        for (at, node) in self.search.nodes.children(self.node).into_iter().enumerate() {
            let Err(error) = entries.next_key_seed(Ask) else { break };
            let mark = mark_of(&error);
            if self.search.is_fresh(mark, at == 0) {
                self.search.places.keys[node as usize] = self.search.cursor.advance(mark);
                entries.next_key::<IgnoredAny>()?;
            }
            let Err(error) = entries.next_value_seed(Ask) else { break };
            if self.search.enter(node, mark_of(&error), false) {
                entries.next_value_seed(Visit { search: &mut *self.search, node })?;
            }
        }
        self.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::yaml;

    /// The words at which the values begin, by node.
    fn words(text: &str) -> Vec<&str> {
        let (nodes, _) = yaml::parse(text).unwrap();
        let places = find(text, &nodes);
        let word = |at: &usize| text[*at..].split([' ', '\n', '\r', ',', ':']).next().unwrap();
        places.values.iter().map(word).collect()
    }

    #[test]
    fn every_kind_of_node_is_found_in_one_pass() {
        let text = "a: 1\nb:\n  - x\n  - {c: é, d: [y, \"z\"]}\n  - - w\ne: last\n";
        assert_eq!(
            words(text),
            ["a", "1", "-", "x", "{c", "é", "[y", "y", "\"z\"]}", "-", "w", "last"]
        );
    }

    #[test]
    fn an_alias_has_the_places_of_its_anchor_and_what_follows_its_own() {
        let text = "a: &x {p: 1, q: [u, v]}\nb: *x\nc: [*x, 5]\nd: end\n";
        let anchored = ["&x", "1", "[u", "u", "v]}"];
        let mut expected = vec!["a"];
        expected.extend(anchored);
        expected.extend(anchored);
        expected.push("[*x");
        expected.extend(anchored);
        expected.extend(["5]", "end"]);
        assert_eq!(words(text), expected);
    }

    #[test]
    fn lines_end_as_yaml_has_them() {
        assert_eq!(words("a: é\r\nb: 'x\r\n  y'\rc: z\r\n"), ["a", "é", "'x", "z"]);
    }

    #[test]
    fn a_scalar_may_be_the_root() {
        assert_eq!(words("# comment\n\nword\n"), ["word"]);
    }
}

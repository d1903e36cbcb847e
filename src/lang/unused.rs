//! Variables and blocks that nothing in a description uses.

use std::collections::HashSet;

use super::tree::{Data, Tree};
use crate::diag::{Code, Diagnostic};
use crate::source::Origin;

/// A note for each variable and block whose name stands nowhere else in the description.
pub(super) fn unused(tree: &Tree<'_>) -> Vec<Diagnostic> {
    let words = words(tree);
    let defined = |key: &str| tree.get(0, key).map(|node| tree.entries(node)).unwrap_or_default();
    let variables = defined("vars").iter().map(|(name, node)| ("variable", name.as_str(), *node));
    let blocks = defined("blocks")
        .iter()
        .filter_map(|(head, node)| Some(("block", header(head).next()?, *node)));
    let unused = variables.chain(blocks).filter(|(_, name, _)| !words.contains(name));
    let note = |(what, name, node): (&str, &str, u32)| {
        Diagnostic::new(Code::E0703, format!("the {what} `{name}` is never used"))
            .label(Origin::key(node), "nothing reads it")
            .help("remove it, or use it where its value is written out")
            .into_note()
    };
    unused.map(note).collect()
}

/// The identifiers of all texts and keys, but for those that define a variable or a block.
fn words<'t>(tree: &'t Tree<'_>) -> HashSet<&'t str> {
    let mut words = HashSet::new();
    let mut open: Vec<u32> = Vec::new();
    for (key, node) in tree.entries(0) {
        match key.as_str() {
            "vars" => open.extend(tree.entries(*node).iter().map(|(_, node)| *node)),
            "blocks" => {
                for (head, body) in tree.entries(*node) {
                    words.extend(header(head).skip(1));
                    open.push(*body);
                }
            }
            // What a variant replaces is defined there too; only the values count.
            "variants" => {
                let variants = tree.entries(*node).iter();
                let replaced = variants.flat_map(|(_, variant)| tree.entries(*variant));
                open.extend(replaced.map(|(_, node)| *node));
            }
            _ => open.push(*node),
        }
    }
    while let Some(node) = open.pop() {
        match tree.data(node) {
            Data::Text(text) => words.extend(identifiers(text)),
            Data::Seq(items) => open.extend(items),
            Data::Map(entries) => {
                for (key, node) in entries {
                    words.extend(identifiers(key));
                    open.push(*node);
                }
            }
            _ => {}
        }
    }
    words
}

/// The identifiers of a block's head: its name, then what its defaults use.
fn header(head: &str) -> impl Iterator<Item = &str> {
    identifiers(head.trim_start().strip_prefix("inline ").unwrap_or(head))
}

fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

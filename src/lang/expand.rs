//! A description carried out: variables, loops, blocks and conditions are gone, every layer is written with its values.
//!
//! Reading it again yields an equal analysis. Tests stand in `tests/it/expand.rs`.

use std::collections::HashMap;
use std::fmt::Write;

use super::document::Document;
use crate::text::is_hostile;

/// A layer: the segments of its name, and its call.
struct Line<'d> {
    path: Vec<&'d str>,
    call: String,
}

impl Line<'_> {
    /// The scopes around it, and its own name.
    fn split(&self) -> (&[&str], &str) {
        self.path.split_last().map_or((&[], ""), |(name, scopes)| (scopes, name))
    }
}

/// Writes the description of a document.
pub(super) fn expand(document: &Document) -> String {
    let graph = &document.graph;
    let mut out = String::new();
    let _ = writeln!(out, "model: {}", quoted(&graph.name));
    for (key, text) in [("about", &document.about), ("source", &document.source)] {
        if let Some(text) = text {
            let _ = writeln!(out, "{key}: {}", quoted(text));
        }
    }
    let sizes = |input: &crate::graph::Input| {
        input.shape.dims().iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
    };
    match graph.inputs() {
        [single] if single.name == "input" => _ = writeln!(out, "input: [{}]", sizes(single)),
        several => {
            out.push_str("input:\n");
            for input in several {
                let _ = writeln!(out, "  {}: [{}]", quoted(&input.name), sizes(input));
            }
        }
    }
    if !document.frozen.is_empty() {
        out.push_str("frozen:\n");
        for (pattern, _) in &document.frozen {
            let _ = writeln!(out, "  - {}", quoted(pattern));
        }
    }
    layers(&mut out, document);
    expectations(&mut out, document);
    out
}

fn layers(out: &mut String, document: &Document) {
    let lines: Vec<Line<'_>> = document
        .graph
        .nodes()
        .iter()
        .map(|node| {
            let path = node.name.split('.').collect();
            let args = node.op.args_text();
            let call = if args.is_empty() {
                node.op.name()
            } else {
                format!("{}({args})", node.op.name())
            };
            Line { path, call }
        })
        .collect();
    out.push_str(if lines.is_empty() { "layers: []\n" } else { "layers:\n" });
    // A scope that is entered again after others, or is a layer too, is written by dots: a sequence opens a name once.
    let mut entered: HashMap<&[&str], usize> = HashMap::new();
    let mut open: &[&str] = &[];
    for line in &lines {
        let (scopes, _) = line.split();
        for depth in (common(open, scopes) + 1)..=line.path.len() {
            *entered.entry(&line.path[..depth]).or_default() += 1;
        }
        open = scopes;
    }
    let nests = |scopes: &[&str]| {
        (1..=scopes.len()).all(|depth| entered.get(&scopes[..depth]).is_none_or(|n| *n == 1))
    };
    let mut open: &[&str] = &[];
    // Positions taken in each open scope, the outermost first.
    let mut taken = vec![0usize];
    for line in &lines {
        let (scopes, own) = line.split();
        let depth = (0..=scopes.len()).rev().find(|depth| nests(&scopes[..*depth])).unwrap_or(0);
        let (nested, dotted) = scopes.split_at(depth);
        let shared = common(open, nested);
        taken.truncate(shared + 1);
        for (level, scope) in nested.iter().enumerate().skip(shared) {
            let _ = writeln!(out, "{}- {}:", indent(level), quoted(scope));
            taken[level] += 1;
            taken.push(0);
        }
        open = nested;
        let position = &mut taken[nested.len()];
        let plain = dotted.is_empty() && own == position.to_string();
        *position += 1;
        let mut name: Vec<&str> = dotted.to_vec();
        name.push(own);
        let pad = indent(nested.len());
        let _ = if plain {
            writeln!(out, "{pad}- {}", line.call)
        } else {
            writeln!(out, "{pad}- {}: {}", quoted(&name.join(".")), line.call)
        };
    }
}

/// How many leading scopes two names share.
fn common(a: &[&str], b: &[&str]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn indent(level: usize) -> String {
    "  ".repeat(1 + 2 * level)
}

fn expectations(out: &mut String, document: &Document) {
    if document.expectations.is_empty() {
        return;
    }
    out.push_str("expect:\n");
    for expectation in document.expectations.iter().filter(|e| e.layer.is_none()) {
        let _ = writeln!(out, "  {}: {}", expectation.metric.name(), quoted(&expectation.text));
    }
    let mut last = None;
    for expectation in &document.expectations {
        let Some(layer) = &expectation.layer else { continue };
        if last.is_none() {
            out.push_str("  layers:\n");
        }
        if last != Some(layer) {
            let _ = writeln!(out, "    {}:", quoted(layer));
            last = Some(layer);
        }
        let _ = writeln!(out, "      {}: {}", expectation.metric.name(), quoted(&expectation.text));
    }
}

/// Text as a YAML scalar: plain where YAML reads it as the same text (or a whole number that becomes it), else in quotes.
fn quoted(text: &str) -> String {
    let number = text == "0"
        || (!text.starts_with('0')
            && !text.is_empty()
            && text.chars().all(|c| c.is_ascii_digit() || c == '_'));
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c))
        && !["true", "false", "null", "nan", "inf"].contains(&text.to_ascii_lowercase().as_str());
    if number && text.len() < 24 || word {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            // In YAML a pair of surrogates is no character.
            c if c > '\u{ffff}' && is_hostile(c) => _ = write!(out, "\\U{:08x}", u32::from(c)),
            c if is_hostile(c) => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

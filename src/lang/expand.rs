//! A description expanded: variables, loops, blocks and conditions are gone, every layer is written with its values.
//!
//! Reading it again yields an equal analysis.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use super::joins::is_join;
use super::scopes::is_numbered;
use super::wires::Wires;
use crate::expectation::Expectation;
use crate::model::Model;
use crate::ops::Op;
use crate::sanitize::is_control;

/// Writes the description of a model.
pub(super) fn expand(model: &Model) -> String {
    let graph = &model.graph;
    let mut out = String::new();
    let _ = writeln!(out, "model: {}", quoted(&graph.name));
    for (key, text) in [("about", &model.about), ("source", &model.source)] {
        if let Some(text) = text {
            let _ = writeln!(out, "{key}: {}", quoted(text));
        }
    }
    let sizes = |input: &crate::graph::Input| {
        input.example().dims().iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
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
    if !model.frozen.is_empty() {
        out.push_str("frozen:\n");
        for (pattern, _) in &model.frozen {
            let _ = writeln!(out, "  - {}", quoted(pattern));
        }
    }
    out.push_str(&layers(model));
    expectations(&mut out, "expect", &model.expectations);
    expectations(&mut out, "budget", &model.budget);
    out
}

/// The layers, in scopes as they are named. Where a name cannot be said inside a scope, because one in the scope hides it,
/// that scope is written by dots from the top, where every name can be said.
fn layers(model: &Model) -> String {
    let mut flat = HashSet::new();
    loop {
        let mut hiding = HashSet::new();
        let out = layers_with(model, &flat, &mut hiding);
        let known = flat.len();
        flat.extend(hiding);
        if flat.len() == known {
            return out;
        }
    }
}

/// The layers with some of the outermost scopes written by dots; `hiding` gets those that must be too.
fn layers_with<'m>(
    model: &'m Model,
    flat: &HashSet<&str>,
    hiding: &mut HashSet<&'m str>,
) -> String {
    let graph = &model.graph;
    let mut text = String::new();
    let out = &mut text;
    out.push_str(if graph.nodes().is_empty() { "layers: []\n" } else { "layers:\n" });
    let lines: Vec<Vec<&str>> =
        graph.nodes().iter().map(|node| node.name.split('.').collect()).collect();
    // A scope that is entered again after others, or is a layer too, is written by dots: a sequence opens a name once.
    let mut entered: HashMap<&[&str], usize> = HashMap::new();
    let mut open: &[&str] = &[];
    for path in &lines {
        let scopes = split(path).0;
        for depth in (common(open, scopes) + 1)..=path.len() {
            *entered.entry(&path[..depth]).or_default() += 1;
        }
        open = scopes;
    }
    let nests = |scopes: &[&str]| {
        scopes.first().is_none_or(|scope| !flat.contains(scope))
            && (1..=scopes.len()).all(|depth| entered.get(&scopes[..depth]).is_none_or(|n| *n == 1))
    };
    let mut wires = Wires::new(graph);
    let mut open: &[&str] = &[];
    // Positions taken in each open scope, the outermost first.
    let mut taken = vec![0usize];
    wires.name_inputs(out);
    for (node, path) in graph.nodes().iter().zip(&lines) {
        let (scopes, own) = split(path);
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
        let pad = indent(nested.len());
        if let (Op::Identity(_), [input]) = (&node.op, node.inputs.as_slice())
            && wires.current != Some(*input)
        {
            let _ = writeln!(out, "{pad}- identity({})", wires.reference(*input, nested));
            wires.current = Some(*input);
        }
        let (call, is_shared) = wires.call(node, nested);
        let numbered = is_numbered(node.op.entry()) && !is_shared;
        let position = &mut taken[nested.len()];
        // The name of a join is no key: it is given by itself.
        let plain =
            dotted.is_empty() && if numbered { own == position.to_string() } else { is_join(own) };
        *position += usize::from(numbered);
        let _ = if plain {
            writeln!(out, "{pad}- {call}")
        } else {
            let name: Vec<&str> = dotted.iter().copied().chain([own]).collect();
            writeln!(out, "{pad}- {}: {call}", quoted(&name.join(".")))
        };
        wires.current = node.outputs.first().copied();
        wires.name_output(out, node, nested, &pad);
        if wires.is_hidden() {
            hiding.extend(nested.first().copied());
        }
    }
    outputs(out, model, &mut wires);
    text
}

/// Side outputs are named at the end, in their order; then comes the last value.
fn outputs(out: &mut String, model: &Model, wires: &mut Wires<'_>) {
    let outputs = model.graph.outputs();
    let (last, sides) = match outputs.split_last() {
        Some((last, sides)) if last.name == "output" => (Some(last), sides),
        _ => (None, outputs),
    };
    for side in sides {
        let reference = wires.reference(side.value, &[]);
        let _ = writeln!(out, "  - side:\n      - {}: identity({reference})", quoted(&side.name));
    }
    if let Some(last) = last.filter(|last| !sides.is_empty() || wires.current != Some(last.value)) {
        let _ = writeln!(out, "  - identity({})", wires.reference(last.value, &[]));
    }
}

/// The scopes around a layer, and its own name.
fn split<'p, 'd>(path: &'p [&'d str]) -> (&'p [&'d str], &'d str) {
    path.split_last().map_or((&[], ""), |(name, scopes)| (scopes, *name))
}

/// How many leading scopes two names share.
fn common(a: &[&str], b: &[&str]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn indent(level: usize) -> String {
    "  ".repeat(1 + 2 * level)
}

/// `expect:` or `budget:`.
fn expectations(out: &mut String, key: &str, expectations: &[Expectation]) {
    if expectations.is_empty() {
        return;
    }
    let _ = writeln!(out, "{key}:");
    let of = |layer: &Option<String>| -> Vec<&Expectation> {
        expectations.iter().filter(|e| e.layer == *layer).collect()
    };
    quantities(out, "  ", &of(&None));
    let mut layers: Vec<&Option<String>> = expectations.iter().map(|e| &e.layer).collect();
    layers.dedup();
    layers.retain(|layer| layer.is_some());
    for (i, layer) in layers.into_iter().enumerate() {
        if i == 0 {
            out.push_str("  layers:\n");
        }
        let _ = writeln!(out, "    {}:", quoted(layer.as_deref().unwrap_or_default()));
        quantities(out, "      ", &of(layer));
    }
}

/// A line for each quantity: its amount, or its limits as a map.
fn quantities(out: &mut String, indent: &str, expectations: &[&Expectation]) {
    for same in expectations.chunk_by(|a, b| a.quantity == b.quantity) {
        let texts = |of: &[&Expectation]| of.iter().map(|e| quoted(&e.text)).collect::<Vec<_>>();
        let limits = same.chunk_by(|a, b| a.limit == b.limit).filter_map(|of| {
            let texts = texts(of).join(", ");
            let amount = if of.len() > 1 { format!("[{texts}]") } else { texts };
            Some(format!("{}: {amount}", of[0].limit?.name()))
        });
        let amount = match same {
            [single] if single.limit.is_none() => quoted(&single.text),
            _ => format!("{{{}}}", limits.collect::<Vec<_>>().join(", ")),
        };
        let _ = writeln!(out, "{indent}{}: {amount}", same[0].quantity.key);
    }
}

/// Text as a YAML scalar: plain where YAML reads it as the same text (or a whole number that becomes it), else in quotes.
pub(super) fn quoted(text: &str) -> String {
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
            c if c > '\u{ffff}' && is_control(c) => _ = write!(out, "\\U{:08x}", u32::from(c)),
            c if is_control(c) => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

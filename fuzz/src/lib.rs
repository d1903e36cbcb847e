//! What fuzz targets assert of everything that is read, beside that nothing panics.

pub mod structured;

use std::io::Cursor;

use cnnstat::analysis::{Row, Totals};
use cnnstat::diag::{At, Diagnostic, Source};
use cnnstat::graph::{Node, NodeId};
use cnnstat::internals::lang;
use cnnstat::model::{Asked, Expectation, Model};
use cnnstat::ops::Op;
use cnnstat::{Analysis, DescriptionError, Options, analyze};

/// Layers of the largest network that is expanded and read again; larger ones take seconds and show nothing else.
const MOST_LAYERS: usize = 500;

/// Variants of a family that are read.
const VARIANTS: usize = 3;

/// Reads bytes as a file of a network, and each network of it.
pub fn read(bytes: &[u8]) {
    let read = cnnstat::read("fuzz.yaml", &mut Cursor::new(bytes));
    let architecture = match read {
        Ok(architecture) => architecture,
        Err(error) => return diagnostics(&error.diagnostics, ""),
    };
    let text = architecture.source().text.clone();
    diagnostics(&architecture.resolve(architecture.notes()), &text);
    architecture.settings();
    let variants = architecture.variants().iter().map(|variant| Some(variant.name.clone()));
    for variant in std::iter::once(None).chain(variants.take(VARIANTS)) {
        match architecture.at(&Asked { variant, ..Asked::default() }) {
            Ok(model) => network(&model),
            Err(found) => {
                let error = DescriptionError::of(&*architecture, found);
                diagnostics(&error.diagnostics, &text);
                assert!(!error.to_string().is_empty(), "an error without words");
            }
        }
    }
}

/// Labels point at whole characters of the text.
pub fn diagnostics(found: &[Diagnostic], text: &str) {
    for diagnostic in found {
        let text = diagnostic.source.as_ref().map_or(text, |source| &source.text);
        for label in &diagnostic.labels {
            if let At::Bytes(span) = label.at {
                assert!(text.get(span.start..span.end).is_some(), "{span:?} in {diagnostic:?}");
            }
        }
    }
}

/// The analysis of a network, in which totals are the sums of rows.
pub fn analysed(model: &Model) -> Analysis {
    let frozen = model.frozen.iter().filter_map(|(pattern, _)| pattern.parse().ok()).collect();
    let analysis = analyze(&model.graph, &Options { frozen, ..Options::default() });
    let add = |sum: Option<Totals>, row: &Row| sum?.plus(&row.counts).ok();
    match analysis.rows.iter().fold(Some(Totals::default()), add) {
        Some(sum) => assert_eq!(sum, analysis.totals, "totals are no sums of rows"),
        None => assert!(analysis.error().is_some(), "sums exceed 64 bits, and nothing is wrong"),
    }
    analysis
}

/// What is read and analysed is expanded and read again, and is the same network.
pub fn network(model: &Model) {
    let analysis = analysed(model);
    if model.graph.nodes().len() > MOST_LAYERS {
        return;
    }
    let text = lang::expand(model);
    let again = lang::parse(&Source::new("expanded.yaml", text.as_str()), &Asked::default());
    match again {
        Ok(again) => equal(model, &analysis, &again, &text),
        Err(found) => panic!("the expansion cannot be read:\n{text}\n{found:?}"),
    }
}

/// Names, operators, wires, parameters, counts and expectations are equal.
pub fn equal(model: &Model, analysis: &Analysis, again: &Model, text: &str) {
    let names = |model: &Model| -> Vec<(String, Op)> {
        model.graph.nodes().iter().map(|node| (node.name.clone(), node.op.clone())).collect()
    };
    assert_eq!(names(again), names(model), "names and operators of\n{text}");
    let wires = |model: &Model| {
        let nodes = model.graph.nodes().iter();
        let ends = nodes.map(|node| (node.inputs.clone(), node.outputs.clone()));
        (ends.collect::<Vec<_>>(), model.graph.inputs().to_vec(), model.graph.outputs().to_vec())
    };
    assert_eq!(wires(again), wires(model), "wires of\n{text}");
    let second = analysed(again);
    for (row, first) in second.rows.iter().zip(&analysis.rows) {
        assert_eq!(row, first, "a row of\n{text}");
    }
    assert_eq!(second.shapes, analysis.shapes, "shapes of\n{text}");
    // A layer without parameters that is shared is the same layer again.
    let weights = |model: &Model| -> Vec<_> {
        let owner = |node: &Node| model.graph.owner(node.weights);
        let has = |owner: NodeId| !analysis.rows[owner.index()].tensors.is_empty();
        model.graph.nodes().iter().map(owner).map(|owner| has(owner).then_some(owner)).collect()
    };
    assert_eq!(weights(again), weights(model), "parameters of\n{text}");
    let of = |e: &Expectation| (e.layer.clone(), e.quantity, e.limit, e.want);
    let wants =
        |model: &Model| model.expectations.iter().chain(&model.budget).map(of).collect::<Vec<_>>();
    assert_eq!(wants(again), wants(model), "expectations of\n{text}");
}

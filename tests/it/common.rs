//! What several modules need: descriptions read from the repository, and what is compared of them.

use std::path::Path;

use cnnstat::analysis::memory::Optimizer;
use cnnstat::analysis::quantity::Quantity;
use cnnstat::analysis::{Row, Totals};
use cnnstat::diag::{Diagnostic, Source};
use cnnstat::graph::{NodeId, tensor_name};
use cnnstat::internals::budget::{Measure, Outcome, Subject, judge};
use cnnstat::internals::expectation::{Expectation, Want};
use cnnstat::internals::graph::tree::{Bare, NameTree};
use cnnstat::internals::lang::{self, Description};
use cnnstat::model::Architecture as _;
use cnnstat::model::{Asked, Model};
use cnnstat::ops::ledger::Role;
use cnnstat::{Analysis, Options, Shape, analyze};

/// Every description in a folder of the repository, by name.
pub fn folder(path: &str) -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let mut sources: Vec<Source> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{path}: {error}"))
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "yaml"))
        .map(|file| Source {
            name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
            text: std::fs::read_to_string(&file).unwrap().into(),
        })
        .collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!sources.is_empty(), "{path} has no descriptions");
    sources
}

/// The descriptions without an operator that cannot be run.
pub fn runnable(mut sources: Vec<Source>) -> Vec<Source> {
    sources.retain(|source| !source.text.contains("unknown("));
    sources
}

/// Names of a description's networks: the bare one, then each variant.
pub fn variants(source: &Source) -> Vec<Option<String>> {
    let family = Description::read(source.clone()).unwrap();
    let names = family.variants().iter().map(|variant| Some(variant.name.clone()));
    std::iter::once(None).chain(names).collect()
}

/// Reads a description, or says everything that is wrong with it.
pub fn read(source: &Source, variant: Option<&str>) -> Model {
    let choices = Asked { variant: variant.map(str::to_owned), ..Asked::default() };
    lang::parse(source, &choices)
        .unwrap_or_else(|found| panic!("{}: {}", source.name, messages(&found).join("\n")))
}

/// Code and message of each diagnostic.
pub fn messages(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(|d| format!("{}: {}", d.code, d.message)).collect()
}

/// A network of the zoo, by the name of its file or variant.
pub fn network(name: &str) -> Model {
    let sources = folder("models");
    if let Some(source) = sources.iter().find(|source| source.name == name) {
        return read(source, None);
    }
    let holds = |source: &&Source| variants(source).iter().any(|v| v.as_deref() == Some(name));
    let source = sources.iter().find(holds).unwrap_or_else(|| panic!("no network {name}"));
    read(source, Some(name))
}

/// The analysis with a batch of one, in eval mode, and what the description freezes.
pub fn analysis(document: &Model) -> Analysis {
    let frozen = document.frozen.iter().map(|(pattern, _)| pattern.parse().unwrap()).collect();
    analyze(&document.graph, &Options { frozen, ..Options::default() }).complete().unwrap()
}

/// The row of a layer, by its dotted name.
pub fn row<'a>(document: &Model, analysis: &'a Analysis, layer: &str) -> &'a Row {
    let at = document.graph.nodes().iter().position(|node| node.name == layer);
    &analysis.rows[at.unwrap_or_else(|| panic!("no layer {layer}"))]
}

/// Names and shapes of all tensors in the order of torch's `state_dict`, `true` for buffers.
pub fn tensors(document: &Model, analysis: &Analysis) -> Vec<(String, Vec<u64>, bool)> {
    let graph = &document.graph;
    let rows = &analysis.rows;
    let bare = |id: NodeId| {
        let own = rows[id.index()].tensors.iter().find(|tensor| tensor.name.is_empty());
        own.map(|own| if own.role == Role::Buffer { Bare::Buffer } else { Bare::Parameter })
    };
    let order = NameTree::of(graph.nodes().iter().map(|node| node.name.as_str())).state_dict(bare);
    let named = order.into_iter().flat_map(|id| {
        let tensors = analysis.rows[id.index()].tensors.iter();
        tensors.map(move |tensor| {
            let name = tensor_name(&graph.node(id).name, &tensor.name);
            let buffer = tensor.role == Role::Buffer;
            (name, tensor.shape.dims().to_vec(), buffer)
        })
    });
    named.collect()
}

/// The expectations of a description that are not met, in words.
pub fn missed(document: &Model) -> Vec<String> {
    let analysis = analysis(document);
    let subject = Subject::new(&document.graph, &analysis, Optimizer::default());
    let verdicts = judge(&subject, &document.expectations, |_| None).into_iter();
    let missed = verdicts.filter(|verdict| verdict.outcome != Outcome::Met);
    let found = |found: Option<Measure>| found.map_or("no such layer".to_owned(), Measure::text);
    missed
        .map(|v| format!("{}: expected {}, found {}", v.what, v.expected, found(v.found)))
        .collect()
}

/// Whether an expectation names one exact value.
pub fn is_exact(document: &Model, quantity: &Quantity) -> bool {
    let of = |e: &&Expectation| e.layer.is_none() && e.quantity == quantity;
    let exact = |want: Want| match want {
        Want::Between(low, high) => low == high,
        Want::Shape(_) => true,
        Want::Increase(_) => false,
    };
    document.expectations.iter().filter(of).any(|e| exact(e.want))
}

/// A description read again after its expansion must say the same: names, operators, counts, shapes, totals.
pub fn assert_expansion_is_equal(document: &Model) {
    let text = lang::expand(document);
    let name = format!("the expansion of {}", document.graph.name);
    let again = read(&Source::new(name.clone(), text), None);
    let names = |document: &Model| {
        let nodes = document.graph.nodes().iter();
        nodes.map(|node| (node.name.clone(), node.op.clone())).collect::<Vec<_>>()
    };
    assert_eq!(names(&again), names(document), "{name}");
    let (first, second) = (analysis(document), analysis(&again));
    let counts = |analysis: &Analysis| {
        let rows = analysis.rows.iter();
        rows.map(|row| (row.outputs.to_vec(), row.counts)).collect::<Vec<(Vec<Shape>, Totals)>>()
    };
    assert_eq!(counts(&first), counts(&second), "{name}");
    assert_eq!(first.totals, second.totals, "{name}");
    let wants = |document: &Model| {
        let expectations = document.expectations.iter().chain(&document.budget);
        expectations.map(|e| (e.layer.clone(), e.quantity, e.limit, e.want)).collect::<Vec<_>>()
    };
    assert_eq!(wants(&again), wants(document), "{name}");
    assert_eq!((&again.about, &again.source), (&document.about, &document.source), "{name}");
}

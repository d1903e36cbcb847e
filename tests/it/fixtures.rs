//! One description for each operator: all are read and met, and every operator in every rank is among them.

use std::collections::BTreeSet;

use cnnstat::diag::Source;
use cnnstat::ops::{Op, Ranks};

use crate::common::{analysis, assert_expansion_is_equal, folder, missed, read};

const FOLDER: &str = "tests/fixtures/ops";

#[test]
fn every_fixture_meets_what_it_expects() {
    let mut faults = Vec::new();
    for source in folder(FOLDER) {
        let document = read(&source, None);
        assert!(document.about.is_some(), "{} has no about", source.name);
        assert!(!document.expectations.is_empty(), "{} expects nothing", source.name);
        faults.extend(missed(&document).into_iter().map(|miss| format!("{}: {miss}", source.name)));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_operator_has_a_fixture_in_every_rank() {
    let mut used = BTreeSet::new();
    for source in folder(FOLDER) {
        used.extend(read(&source, None).graph.nodes().iter().map(|node| node.op.name()));
    }
    for entry in Op::ALL {
        let ranks: &[&str] = match entry.ranks {
            Ranks::None => &[""],
            Ranks::Always => &["1d", "2d", "3d"],
            Ranks::Optional => &["", "1d", "2d", "3d"],
        };
        for rank in ranks {
            let name = format!("{}{rank}", entry.name);
            assert!(used.contains(&name), "no fixture uses {name}");
        }
    }
}

#[test]
fn an_operator_reads_what_it_writes() {
    for source in folder(FOLDER) {
        let document = read(&source, None);
        let analysis = analysis(&document);
        for (node, row) in document.graph.nodes().iter().zip(&analysis.rows) {
            let op = &node.op;
            assert_eq!((op.entry().build)(&op.args()).as_ref(), Ok(op), "{}", source.name);
            if row.inputs.iter().any(|shape| shape.rank() < 2) {
                // A value without a batch is no input of a description.
                continue;
            }
            // The call that is shown, with what arrives there.
            let names = (0..row.inputs.len()).map(|i| format!("x{i}"));
            let shapes = names.clone().zip(&row.inputs);
            let inputs: Vec<String> =
                shapes.map(|(x, shape)| format!("{x}: {:?}", &shape.dims()[1..])).collect();
            let (name, args) = (op.name(), op.args_text());
            // A single input is what arrives anyway.
            let named = names.filter(|_| inputs.len() > 1).map(|x| format!("@{x}"));
            let all: Vec<String> = named.chain((!args.is_empty()).then_some(args)).collect();
            let (inputs, call) = (inputs.join(", "), format!("{name}({})", all.join(", ")));
            // What takes none leaves the input to the next.
            let (inputs, next) = if inputs.is_empty() {
                ("x: [1]".to_owned(), "  - linear(@x, 1)\n")
            } else {
                (inputs, "")
            };
            let text = format!("model: m\ninput: {{{inputs}}}\nlayers:\n  - layer: {call}\n{next}");
            let again = read(&Source::new(text.clone(), text), None);
            assert_eq!(again.graph.nodes()[0].op, *op, "{}", source.name);
        }
    }
}

#[test]
fn an_expansion_is_the_same_network() {
    for source in folder(FOLDER) {
        assert_expansion_is_equal(&read(&source, None));
    }
}

//! Text as a stored run: what is stored of it is read again, and a network is judged by it.

#![no_main]

use std::sync::LazyLock;

use cnnstat::analysis::memory::Optimizer;
use cnnstat::internals::budget::baseline::{Baseline, Measured};
use cnnstat::internals::budget::{Subject, judge, movers};
use cnnstat::internals::lang;
use cnnstat::model::{Asked, Model};
use cnnstat::report::{Caption, report};
use cnnstat::{Analysis, Options, analyze, diag::Source};
use libfuzzer_sys::fuzz_target;

/// The network that is judged.
const DESCRIPTION: &str = "model: m
input: [3, 8, 8]
layers:
  - stem: [\"conv2d(8, 3, padding=1)\", relu]
  - residual: ['conv2d(8, 3, padding=1)', relu]
  - flatten
  - head: linear(10)
budget:
  params: {max_increase: [2%, 500]}
  macs: {max_increase: 0}
  activations: {max: 1, max_increase: 1%}
  peak_activation_bytes: {max_increase: 1k}
  layers: {stem: {flops: {max_increase: 0}}, head: {bytes: {max_increase: 0}}}
";

static NOW: LazyLock<(Model, Analysis)> = LazyLock::new(|| {
    let model = lang::parse(&Source::new("m.yaml", DESCRIPTION), &Asked::default()).unwrap();
    let analysis = analyze(&model.graph, &Options::default());
    (model, analysis)
});

fuzz_target!(|text: &str| {
    let mut baseline = Baseline::default();
    if let Err(found) = baseline.add("b.json", text) {
        assert!(!found.message.is_empty(), "an error without words");
        return;
    }
    let stored =
        |of: &[Measured]| serde_json::Value::Array(of.iter().map(Measured::json).collect());
    let first = stored(&baseline.networks);
    let mut again = Baseline::default();
    if let Err(found) = again.add("again.json", &first.to_string()) {
        panic!("what is stored cannot be read: {}\n{first}", found.message);
    }
    assert_eq!(stored(&again.networks).to_string(), first.to_string(), "what is stored differs");

    let (model, analysis) = &*NOW;
    let subject = Subject::new(&model.graph, analysis, Optimizer::default());
    let now = report(&model.graph, analysis, Caption::default());
    let now = Measured::of("m".to_owned(), "m.yaml".to_owned(), now, &subject);
    baseline.find(&now);
    for was in &baseline.networks {
        let verdicts = judge(&subject, &model.budget, |limit| was.number(limit));
        for (verdict, limit) in verdicts.iter().zip(&model.budget) {
            movers::of(verdict, Some(&was.report), &now.report, limit);
        }
    }
});

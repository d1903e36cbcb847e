//! How long reading and analysing takes: one real network, and synthetic chains of growing length.
//!
//! `cargo bench --bench analysis`. Whole processes are timed by `benches/process.sh`.

use std::fmt::Write;

use cnnstat::graph::Graph;
use cnnstat::{Options, analyze, parse_graph};

fn main() {
    divan::main();
}

const VGG: &str = include_str!("../models/vgg.yaml");

fn chain(layers: usize) -> Graph {
    let half = layers / 2;
    let text = format!(
        "model: chain\ninput: [8, 16, 16]\nlayers:\n  - repeat {half}:\n      - conv2d(8, 3, padding=1)\n      - relu\n"
    );
    parse_graph(&text).expect("the chain is a description")
}

/// The same chain written out, a line a layer.
fn written(layers: usize) -> String {
    let mut text = "model: chain\ninput: [8, 16, 16]\nlayers:\n".to_owned();
    for _ in 0..layers / 2 {
        let _ = write!(text, "  - conv2d(8, 3, padding=1)\n  - relu\n");
    }
    text
}

#[divan::bench]
fn vgg16_read(bencher: divan::Bencher<'_, '_>) {
    bencher.bench(|| parse_graph(divan::black_box(VGG)));
}

#[divan::bench]
fn vgg16_analyze(bencher: divan::Bencher<'_, '_>) {
    let graph = parse_graph(VGG).expect("the zoo is in order");
    bencher.bench(|| analyze(divan::black_box(&graph), &Options::default()));
}

#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 5)]
fn chain_analyze(bencher: divan::Bencher<'_, '_>, layers: usize) {
    let graph = chain(layers);
    bencher.bench(|| analyze(divan::black_box(&graph), &Options::default()));
}

#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 5)]
fn chain_read(bencher: divan::Bencher<'_, '_>, layers: usize) {
    let text = written(layers);
    bencher.bench(|| parse_graph(divan::black_box(&text)));
}

//! What PyTorch keeps for backward: `cnnstat memory --as torch` against torch's own saved tensors (tests/golden/saved.csv).

use cnnstat::analysis::memory::{self, Engine, Optimizer};
use cnnstat::diag::Source;
use cnnstat::model::Model;
use cnnstat::ops::args::{ArgValue, Args, Written};
use cnnstat::ops::{Entry, Io, Layer as _, Mode, Op};
use cnnstat::{Options, Shape, analyze};
use serde_json::Value;

use crate::common::{folder, network, read};
use crate::run::run_on;
use crate::tools::cells;

/// Layers behind a part of a batch whose rows torch cannot view as it needs them: it copies the part and keeps the copy,
/// where the rule keeps the whole. How tensors lie in memory is no part of a graph.
const COPIED: &[&str] = &[
    "conv2d(8, 3, padding=1); chunk(2, 0); instancenorm2d",
    "conv2d(8, 3, padding=1); chunk(2, 0); linear(7)",
    "linear(12); narrow(1, 0, 5); linear(3)",
];

/// A row of the table.
struct Row {
    layers: String,
    /// Whether it is a built-in network.
    is_network: bool,
    input: String,
    batch: u64,
    frozen: String,
    bytes: Option<u64>,
}

fn rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/saved.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    let row = |line: &str| {
        let [input, layers, code, batch, frozen, bytes, ..] = &cells(line)[..] else {
            panic!("{line}")
        };
        Row {
            layers: layers.clone(),
            is_network: code.starts_with("torchvision.models."),
            input: input.clone(),
            batch: batch.parse().unwrap(),
            frozen: frozen.clone(),
            bytes: bytes.parse().ok(),
        }
    };
    lines.map(row).collect()
}

/// Bytes that the rules say torch keeps; `None` where a pattern freezes nothing.
fn saved(model: &Model, row: &Row) -> Option<u64> {
    let graph = model.graph.at_batch(row.batch);
    let frozen = (!row.frozen.is_empty()).then(|| row.frozen.parse().unwrap());
    let options = Options { frozen: frozen.into_iter().collect(), ..Options::default() };
    let analysis = analyze(&graph, &options).complete().unwrap();
    let tensors = || analysis.rows.iter().flat_map(|row| &row.tensors);
    if !row.frozen.is_empty() && tensors().all(|tensor| tensor.trainable) {
        return None;
    }
    let found = memory::memory(&graph, &analysis, Optimizer::Sgd, Engine::Torch).unwrap();
    Some(found.training.unwrap().saved)
}

fn model(row: &Row) -> Model {
    if row.is_network {
        return network(&row.layers);
    }
    let layers: Vec<String> =
        row.layers.split("; ").map(|layer| format!("  - {layer}\n")).collect();
    let text = format!("model: m\ninput: {}\nlayers:\n{}", row.input, layers.concat());
    read(&Source::new(row.layers.clone(), text), None)
}

#[test]
fn every_row_of_the_table_is_what_torch_keeps() {
    let (mut equal, mut networks) = (0, 0);
    for row in rows() {
        let Some(bytes) = row.bytes else { continue };
        let Some(found) = saved(&model(&row), &row) else { continue };
        let is_copied = COPIED.contains(&&*row.layers) && row.batch > 1;
        assert_eq!(
            found == bytes,
            !is_copied,
            "{} on {} frozen `{}`: torch keeps {bytes}, the rules say {found}",
            row.layers,
            row.input,
            row.frozen
        );
        equal += usize::from(found == bytes);
        networks += usize::from(row.is_network);
    }
    assert!(equal > 650 && networks >= 16, "{equal} rows, {networks} networks");
}

/// The cases of a report, and the page and the JSON that say them.
#[test]
fn a_pool_and_a_pad_keep_their_input() {
    let text = |layer: &str| {
        format!("model: m\ninput: [3, 16, 16]\nlayers:\n  - conv2d(8, 3, padding=1)\n  - {layer}\n")
    };
    for (layer, torch, here) in
        [("maxpool2d(2)", 30_720, 14_336), ("reflection_pad2d(1)", 22_528, 6_144)]
    {
        let memory = |args: &[&str]| -> Value {
            let args = [&["memory", "-", "--batch", "2", "--format", "json"], args].concat();
            serde_json::from_str(&run_on(&args, &text(layer)).stdout).unwrap()
        };
        let as_torch = memory(&["--as", "torch"]);
        assert_eq!(
            (&as_torch["as"], &as_torch["training"]["saved_bytes"]),
            (&"torch".into(), &torch.into())
        );
        assert_eq!(as_torch["training"]["workspace_bytes"], 0);
        let own = memory(&[]);
        assert_eq!((&own["as"], &own["training"]["saved_bytes"]), (&Value::Null, &here.into()));
    }
    let page = run_on(&["memory", "-", "--as", "torch"], &text("relu(inplace=true)")).stdout;
    assert!(page.contains("As PyTorch's autograd holds it"), "{page}");
}

/// Written over its input, an activation takes no memory of its own in torch, and as much as ever here.
#[test]
fn in_place_counts_as_torch_alone() {
    let text = |layer: &str| {
        format!("model: m\ninput: [8, 4, 4]\nlayers:\n  - {layer}\n  - conv2d(1, 1)\n")
    };
    let peak = |layer: &str, by: [&str; 2]| -> u64 {
        let args = ["memory", "-", "--format", "json", by[0], by[1]];
        let found: Value = serde_json::from_str(&run_on(&args, &text(layer)).stdout).unwrap();
        found["inference"]["peak_bytes"].as_u64().unwrap()
    };
    let (here, torch) = (["--backend", "reference"], ["--as", "torch"]);
    // Parameters of 9 numbers; input and output of 8·4·4, or the input and the convolution's 4·4.
    assert_eq!(peak("silu", torch), 4 * (9 + 2 * 128));
    assert_eq!(peak("silu(inplace=true)", torch), 4 * (9 + 128 + 16));
    assert_eq!(peak("silu(inplace=true)", here), peak("silu", here));
}

/// docs/memory.md names every operator of which torch keeps something else, and no other.
#[test]
fn the_page_names_what_differs() {
    let page = include_str!("../../docs/memory.md");
    let table = page.split("| operator |").nth(1).unwrap();
    let rows = table
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter(|line| !line.starts_with('-'));
    let mut named: Vec<String> = rows
        .flat_map(|row| {
            row.split('|')
                .next()
                .unwrap()
                .split(", ")
                .map(|name| name.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .map(|name| name.split(' ').next().unwrap().trim_matches('`').to_owned())
        .collect();
    let mut differing = Vec::new();
    let mut compare = |op: &Op, io: Io<'_>| {
        let is_in_place = op.args_text().contains("inplace=true");
        let torch = op.autograd(io).unwrap();
        let is_view = is_in_place || torch.shares_input == op.is_view(Mode::Train);
        if torch.saved != op.saved(io).unwrap() || !is_view {
            differing.push(op.entry().name.to_owned());
        }
    };
    let more =
        "model: m\ninput: [4, 5, 5]\nlayers:\n  - conv2d(4, 2, padding='same')\n  - mul(@, @, @)\n";
    let more = std::iter::once(Source::new("more", more));
    for source in crate::common::runnable(folder("tests/fixtures/ops")).into_iter().chain(more) {
        let model = read(&source, None);
        let analysis = crate::common::analysis(&model);
        for row in &analysis.rows {
            let op = &model.graph.node(row.node).op;
            compare(op, row.io(Mode::Train).unwrap());
        }
    }
    let image = [Shape::new(&[2, 4, 5, 5]).unwrap()];
    let io = Io { inputs: &image, outputs: &image, mode: Mode::Train };
    let has_flag = |entry: &&Entry| entry.signature.iter().any(|arg| arg.name == "inplace");
    for entry in Op::ALL.iter().filter(has_flag) {
        let named = vec![("inplace".to_owned(), ArgValue::Bool(true))];
        let written = Written { positional: Vec::new(), named };
        let op = (entry.build)(&Args::bind(entry.signature, 0, written).unwrap()).unwrap();
        compare(&op, io);
    }
    for names in [&mut named, &mut differing] {
        names.sort_unstable();
        names.dedup();
    }
    assert_eq!(named, differing);
}

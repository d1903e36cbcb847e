//! What is right and perhaps not meant: a network that is analysed without a fault, and is worth a second look.
//!
//! Every front end's networks are looked at alike; what only a text shows, its front end says (`Architecture::notes`).

use crate::analysis::Analysis;
use crate::diag::{Code, Diagnostic};
use crate::graph::{Graph, Node, NodeId, ValueId};
use crate::model::Model;
use crate::ops::Op;
use crate::shape::Shape;

/// Channels of pictures that are written last by other frameworks.
const PICTURES: [u64; 3] = [1, 3, 4];

/// What is worth a look in a network. `trains` says whether a training step is meant as well.
pub fn notes(model: &Model, analysis: &Analysis, trains: bool) -> Vec<Diagnostic> {
    let graph = &model.graph;
    let (is_map, is_alone) = (maps(model), alone(graph));
    let mut is_read = vec![false; graph.value_count()];
    graph.outputs().iter().for_each(|output| is_read[output.value.index()] = true);
    graph.nodes().iter().flat_map(|node| &node.inputs).for_each(|v| is_read[v.index()] = true);
    let mut found: Vec<Diagnostic> = channels_last(model).into_iter().collect();
    for (id, node) in graph.iter() {
        let shapes: Vec<Shape> = node.inputs.iter().filter_map(|v| analysis.shape(*v)).collect();
        let at_node = |diagnostic: Diagnostic, label: &str| place(model, id, diagnostic, label);
        if !node.outputs.iter().any(|value| is_read[value.index()]) {
            let message = format!("nothing reads `{}`", node.name);
            let note = Diagnostic::new(Code::E0702, message)
                .help("join its value with others, write it under `side:`, or remove it");
            found.push(at_node(note, "computed for nothing"));
        }
        if let (Op::Linear(_), [input], [value]) = (&node.op, &shapes[..], &node.inputs[..])
            && is_map[value.index()]
            && input.rank() > 3
        {
            found.push(at_node(on_a_map(node, *input), "only the last axis is summed over"));
        }
        if let [input] = shapes[..]
            && is_of_one_value(&node.op, input, trains)
        {
            let in_training = if trains { ", in training" } else { "" };
            let message = format!("`{}` sees one value a channel, {input}{in_training}", node.name);
            let help = match node.op {
                Op::InstanceNorm(_) => {
                    "torch refuses it: normalise before the map is pooled to one position"
                }
                _ => "torch refuses it: take two examples or more, as in --batch 2",
            };
            let note = Diagnostic::new(Code::E0705, message).help(help);
            found.push(at_node(note, "its mean is the value itself"));
        }
        if let (Op::Add(_) | Op::Sub(_) | Op::Mul(_), [first, second]) = (&node.op, &shapes[..])
            && first.rank() != second.rank()
            && first.rank().min(second.rank()) > 1
            && !node.inputs.iter().any(|value| is_alone[value.index()])
        {
            let message =
                format!("`{}` aligns the batch of one value with another axis", node.name);
            let note = Diagnostic::new(Code::E0706, message)
                .note(format!("they are {first} and {second}"))
                .help(
                    "axes are aligned from the last: give both as many, as reshape(C, 1, 1) does",
                );
            found.push(at_node(note, "joins them"));
        }
    }
    found.into_iter().map(Diagnostic::into_note).collect()
}

fn place(model: &Model, node: NodeId, diagnostic: Diagnostic, label: &str) -> Diagnostic {
    match model.origin(node) {
        Some(origin) => diagnostic.label(origin, label),
        None => diagnostic,
    }
}

/// Whether a norm takes its mean of one value, which torch refuses.
fn is_of_one_value(op: &Op, input: Shape, trains: bool) -> bool {
    match op {
        Op::BatchNorm(op) => {
            (trains || !op.track_running_stats) && values_a_channel(input) == Some(1)
        }
        Op::InstanceNorm(op) => {
            let extents = input.dims().get(2..).unwrap_or_default();
            trains && op.track_running_stats && extents.iter().all(|extent| *extent == 1)
        }
        _ => false,
    }
}

/// Elements that a batch norm averages over.
fn values_a_channel(input: Shape) -> Option<u64> {
    let all: u64 = input.dims().iter().product();
    all.checked_div(input.get(1)?)
}

fn on_a_map(node: &Node, input: Shape) -> Diagnostic {
    let last = input.dims().last().copied().unwrap_or(1);
    let features: u64 = input.dims().iter().skip(1).product();
    let message =
        format!("`{}` works on the last axis alone: that of {input} has size {last}", node.name);
    Diagnostic::new(Code::E0701, message)
        .help(format!("a `flatten` before it makes {features} features of the whole map"))
}

/// Which values depend on no input: they have no batch, and are stretched along it.
fn alone(graph: &Graph) -> Vec<bool> {
    let mut is_alone = vec![false; graph.value_count()];
    for node in graph.nodes() {
        let alone = node.inputs.iter().all(|value| is_alone[value.index()]);
        node.outputs.iter().for_each(|value| is_alone[value.index()] = alone);
    }
    is_alone
}

/// Which values are maps with the channels on axis 1: what windows made, and what keeps it as it is.
fn maps(model: &Model) -> Vec<bool> {
    let mut is_map = vec![false; model.graph.value_count()];
    for node in model.graph.nodes() {
        let of_input =
            |is_map: &[bool]| node.inputs.first().is_some_and(|v: &ValueId| is_map[v.index()]);
        let made = match &node.op {
            Op::Permute(_)
            | Op::Reshape(_)
            | Op::Flatten(_)
            | Op::Linear(_)
            | Op::Unknown(_)
            | Op::Select(_) => false,
            Op::Conv(_)
            | Op::ConvTranspose(_)
            | Op::MaxPool(_)
            | Op::AvgPool(_)
            | Op::AdaptiveAvgPool(_)
            | Op::AdaptiveMaxPool(_)
            | Op::GlobalAvgPool(_)
            | Op::GlobalMaxPool(_) => true,
            _ => of_input(&is_map),
        };
        node.outputs.iter().for_each(|value| is_map[value.index()] = made);
    }
    is_map
}

/// A picture whose channels are written last, read by a layer of windows.
fn channels_last(model: &Model) -> Option<Diagnostic> {
    let graph = &model.graph;
    graph.inputs().iter().find_map(|input| {
        let example = input.example();
        let [height, width, channels] = example.dims() else { return None };
        let is_read = graph.nodes().iter().any(|node| {
            node.inputs.contains(&input.value) && matches!(node.op, Op::Conv(_) | Op::MaxPool(_))
        });
        let looks_so = PICTURES.contains(channels) && height.min(width) > &8;
        (looks_so && is_read).then(|| {
            let message = format!("the input `{}` has {height} channels of {width}×{channels}", input.name);
            Diagnostic::new(Code::E0704, message).help(format!(
                "channels come first: [{channels}, {height}, {width}] if this is a picture of {height}×{width}"
            ))
        })
    })
}

//! Networks that branch and join: memory that was predicted against memory that was allocated, where gradients are passed
//! on and shared; and layers that share their parameters.

use cnnstat::graph::{Graph, GraphBuilder, ValueId};
use cnnstat::internals::exec::backend::Backend;
use cnnstat::internals::exec::kernels::Scheme;
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::network::Network;
use cnnstat::internals::exec::step::Data;
use cnnstat::internals::exec::tape::Unobserved;
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::internals::verify::{CheckCache, ProductionRules, VerifyPlan, verify};
use cnnstat::ops::error::ShapeError;
use cnnstat::ops::{
    Add, Concat, Conv, Flatten, GlobalAvgPool, Identity, Linear, Mode, Mul, Op, Padding, PerAxis,
    Relu, Sigmoid, Sub,
};
use cnnstat::{Options, Shape, analyze};

use crate::tape::everything;

fn conv(out_channels: u64, kernel: u64) -> Op {
    let half = kernel / 2;
    let padding = Padding::Sides { rank: 2, sides: [(half, half); 3] };
    let (kernel_size, one) = (PerAxis::all(2, kernel), PerAxis::all(2, 1));
    let (stride, dilation) = (one, one);
    Conv { rank: 2, out_channels, kernel_size, stride, padding, dilation, groups: 1, bias: true }
        .into()
}

fn op(word: &str) -> Op {
    let digit = |at: usize| u64::from(word.as_bytes()[at] - b'0');
    match word {
        "add" => Add {}.into(),
        "sub" => Sub {}.into(),
        "mul" => Mul {}.into(),
        "cat" => Concat { dim: 1 }.into(),
        "id" => Identity {}.into(),
        "relu" => Relu { inplace: false }.into(),
        "sigmoid" => Sigmoid {}.into(),
        "mean" => GlobalAvgPool {}.into(),
        "flat" => Flatten { start_dim: 1, end_dim: -1 }.into(),
        "head" => Linear { out_features: 3, bias: true }.into(),
        _ => conv(digit(1), digit(2)),
    }
}

/// A network in a line: layers, each a word and the positions of the values it uses. The image is value 0. `c53` is a
/// convolution to 5 channels by a kernel of 3, `as1` the layer that made value 1 once more. Outputs by position.
fn graph(layers: &str, outputs: &[usize]) -> Graph {
    let mut builder = GraphBuilder::new("joins");
    let mut values =
        vec![builder.input("input", Shape::new(&[1, 2, 4, 4]).unwrap(), Some(0)).unwrap()];
    let mut made = Vec::new();
    for layer in layers.split(", ") {
        let mut words = layer.split(' ');
        let (word, name) = (words.next().unwrap(), format!("l{}", values.len()));
        let inputs: Vec<ValueId> = words.map(|at| values[at.parse::<usize>().unwrap()]).collect();
        let outputs = match word.strip_prefix("as") {
            Some(at) => builder.shared(name, made[at.parse::<usize>().unwrap() - 1], &inputs),
            None => builder.layer(name, op(word), &inputs),
        };
        values.push(outputs.unwrap()[0]);
        made.push(builder.last().unwrap());
    }
    let names: Vec<String> = (0..outputs.len()).map(|at| format!("out{at}")).collect();
    let pairs = names.iter().zip(outputs).map(|(name, at)| (name.as_str(), values[*at]));
    builder.finish(&pairs.collect::<Vec<_>>()).unwrap()
}

/// Every way in which values, gradients and parameters are shared.
const JOINS: &[(&str, &str, &[usize])] = &[
    ("residual", "c33 0, c33 1, relu 2, c33 3, add 4 1, relu 5", &[6]),
    ("projection", "c33 0, c53 1, relu 2, c51 1, add 3 4, flat 5, head 6", &[7]),
    ("shortcut first", "c33 0, c33 1, add 1 2, c23 3", &[4]),
    ("two blocks", "c33 0, c33 1, add 2 1, c33 3, add 4 3, c21 5", &[6]),
    ("twice itself", "c33 0, add 1 1, c21 2", &[3]),
    ("thrice itself", "c33 0, add 1 1 1", &[2]),
    ("the input twice", "add 0 0, c21 1", &[2]),
    ("less itself", "c33 0, sub 1 1, c21 2", &[3]),
    ("squared", "c33 0, mul 1 1, c21 2", &[3]),
    ("nested sums", "c33 0, c31 1, add 1 2, add 3 2, add 4 3 1, relu 5", &[6]),
    ("sums of views", "c33 0, id 1, id 2, add 2 3, add 4 1, id 5", &[6]),
    ("gate", "c33 0, mean 1, c31 2, sigmoid 3, mul 1 4, c23 5", &[6]),
    ("stretched sums", "c33 0, mean 1, add 2 1, sub 2 3, add 4 2 1", &[5]),
    ("side by side", "c33 0, c21 1, c33 1, c15 1, cat 2 3 4 1, relu 5", &[6]),
    ("dense block", "c33 0, c23 1, cat 1 2, relu 3, c23 4, cat 3 5, c23 6, cat 1 2 5 7", &[8]),
    ("three uses", "c33 0, c31 1, relu 1, add 1 2, mul 3 1, add 4 5", &[6]),
    ("outputs that share a value", "c33 0, c31 1, add 1 2, add 3 2", &[4, 3, 3, 2]),
    ("a sum that is an output and goes on", "c33 0, add 1 1, c21 2", &[3, 2, 1]),
    ("a join that leads nowhere", "c23 0, add 0 1 1, mul 2 0", &[1]),
    ("half of it is not trained", "relu 0, c21 0, add 1 2, sub 3 1", &[4]),
    ("nothing trained", "relu 0, add 0 1, mul 2 0", &[3, 2]),
    ("recurrent", "c23 0, as1 1, as1 2", &[3]),
    ("siamese", "c23 0, relu 0, as1 2, sub 1 3, c21 4", &[5]),
    ("recurrent with a shortcut", "c23 0, add 1 0, as1 2, add 3 2, as1 4, as2 5 4", &[6]),
];

fn joins() -> impl Iterator<Item = (&'static str, Graph)> {
    JOINS.iter().map(|(name, layers, outputs)| (*name, graph(layers, outputs)))
}

#[test]
fn memory_of_joins_is_as_foretold() {
    for (name, graph) in joins() {
        everything::<f32>(name, &graph, &[1, 2]);
    }
}

/// Gradients of the input, of every parameter by name, and how many additions it took.
fn gradients(graph: &Graph, mode: Mode) -> (Vec<(String, Tensor<f64>)>, u64) {
    let mut network = Network::<f64>::new(graph, Scheme::Torch, 3);
    let meter = network.meter().clone();
    let data = Data::sample(graph, &[vec![2, 2, 4, 4]], 4);
    network.build(&data.inputs(&meter)).unwrap();
    let tape = network.forward(data.inputs(&meter), mode, true, &mut Unobserved).unwrap();
    let ones = tape.outputs.iter().map(|y| Tensor::full(y.shape(), 1.0, &meter)).collect();
    let mut found = network.backward(tape, ones, true, &mut Unobserved);
    let input = found.inputs.remove(0).unwrap();
    let mut all = vec![("input".to_owned(), input)];
    for (id, node) in graph.iter().filter(|(id, node)| graph.owner(node.weights) == *id) {
        for (at, own) in network.owned(id).iter().enumerate() {
            let known = found.params.get(&node.weights).into_iter().flatten();
            let mut of_own = known.filter(|(known, _)| *known == at).map(|(_, g)| g.clone());
            all.extend(of_own.next().map(|g| (format!("{}.{}", node.name, own.name), g)));
        }
    }
    (all, found.accumulated)
}

/// The sum of all outputs, with one number of the input or of a parameter moved.
fn total(graph: &Graph, name: &str, at: usize, by: f64) -> f64 {
    let mut network = Network::<f64>::new(graph, Scheme::Torch, 3);
    let meter = Meter::new();
    let mut inputs = Data::sample(graph, &[vec![2, 2, 4, 4]], 4).inputs::<f64>(&meter);
    network.build(&inputs).unwrap();
    if name == "input" {
        inputs[0].data_mut()[at] += by;
    } else {
        let tensors = network.tensors();
        let (_, own) = tensors.iter().find(|(known, _)| known == name).unwrap();
        let mut moved = own.tensor().unwrap().clone();
        moved.data_mut()[at] += by;
        network.supply(name, moved).unwrap();
    }
    let outputs = network.infer(inputs, Mode::Eval).unwrap();
    outputs.iter().flat_map(Tensor::values).sum()
}

/// However gradients are passed on, shared and added: they are the slope of what the network computes.
#[test]
fn gradients_through_joins_are_those_of_finite_differences() {
    const STEP: f64 = 1e-5;
    for (name, graph) in joins() {
        for (what, gradient) in gradients(&graph, Mode::Eval).0 {
            for at in [0, gradient.len() / 2, gradient.len() - 1] {
                let up = total(&graph, &what, at, STEP);
                let slope = (up - total(&graph, &what, at, -STEP)) / (2.0 * STEP);
                let said = gradient.data()[at];
                assert!(
                    (slope - said).abs() < 1e-6 * (1.0 + said.abs()),
                    "{name}: {what}[{at}]: {said} instead of {slope}"
                );
            }
        }
    }
}

/// One gradient is passed on to both places of a sum, and meets itself.
#[test]
fn what_is_added_to_itself_has_twice_the_gradient() {
    let (twice, _) = gradients(&graph("c33 0, add 1 1", &[2]), Mode::Train);
    let (once, _) = gradients(&graph("c33 0", &[1]), Mode::Train);
    for ((what, two), (_, one)) in twice.iter().zip(&once) {
        let near = two.values().iter().zip(one.values()).all(|(a, b)| (a - 2.0 * b).abs() < 1e-12);
        assert!(near, "{what}");
    }
}

/// Additions: a value of k uses is added k − 1 times, shared parameters likewise.
#[test]
fn additions_where_gradients_meet_are_counted() {
    // A batch of 2; 3 × 4 × 4 numbers behind the stem, 2 × 4 × 4 before. A convolution of 2 to 2 channels has 38
    // parameters. The dense block joins 3 and 2 channels to 5, which have two uses.
    let (behind, before) = (2 * 48, 2 * 32);
    for (name, expected) in [
        ("residual", behind),
        ("projection", behind),
        ("twice itself", behind),
        ("thrice itself", 2 * behind),
        ("nested sums", (2 + 1 + 1) * behind),
        ("gate", behind),
        ("dense block", 2 * behind + (1 + 1) * before + 2 * 80),
        ("recurrent", 2 * 38),
        ("siamese", 38 + before),
    ] {
        let (_, graph) = joins().find(|(known, _)| *known == name).unwrap();
        assert_eq!(gradients(&graph, Mode::Train).1, expected, "{name}");
    }
}

#[test]
fn shared_parameters_count_once_and_their_work_each_time() {
    let graph = graph("c23 0, as1 1, as1 2", &[3]);
    let analysis = analyze(&graph, &Options::default()).complete().unwrap();
    assert_eq!((analysis.totals.params, analysis.totals.work.macs), (38, 3 * 2 * 2 * 9 * 16));
    let params: Vec<u64> = analysis.rows.iter().map(|row| row.counts.params).collect();
    assert_eq!(params, [38, 0, 0]);
    let plan =
        VerifyPlan { batch: 2, mode: Mode::Train, seed: 1, steps: 2, backend: Backend::Reference };
    let found = verify(&graph, plan, &ProductionRules, &mut CheckCache::default(), |_| {}).unwrap();
    assert!(found.mismatches().next().is_none(), "{:#?}", found.mismatches().collect::<Vec<_>>());
    // A frozen layer is frozen wherever it is applied.
    let mut network = Network::<f32>::new(&graph, Scheme::Torch, 1);
    network.freeze(["l1.weight".to_owned()]);
    network.build(&[Tensor::zeros(&[1, 2, 4, 4], &Meter::new())]).unwrap();
    for (id, _) in graph.iter() {
        let trained: Vec<bool> =
            network.owned(id).iter().map(|own| network.is_trained(id, own)).collect();
        assert_eq!(trained, [false, true]);
    }
}

#[test]
fn a_shared_layer_needs_what_its_parameters_have() {
    let mut builder = GraphBuilder::new("shared");
    let image = builder.input("input", Shape::new(&[1, 2, 4, 4]).unwrap(), Some(0)).unwrap();
    let other = builder.input("other", Shape::new(&[1, 3, 4, 4]).unwrap(), Some(0)).unwrap();
    builder.layer("a", conv(5, 3), &[image]).unwrap();
    let first = builder.last().unwrap();
    let wrong = builder.shared("b", first, &[other]).unwrap_err();
    assert!(matches!(&wrong, ShapeError::Shared { tensor, .. } if tensor == "weight"), "{wrong:?}");
    let text = wrong.to_string();
    assert!(text.contains("5×2×3×3") && text.contains("5×3×3×3"), "{text}");
    assert!(wrong.help().is_some());
    assert_eq!(builder.len(), 1, "nothing was made");
    let wrong = builder.shared("b", first, &[image, image]).unwrap_err();
    assert_eq!(wrong, ShapeError::Inputs { expected: 1, found: 2 });
    builder.shared("b", first, &[image]).unwrap();
    assert_eq!(builder.len(), 2);
}

/// Every network of this file, verified in full.
#[test]
fn joins_verify() {
    for (name, graph) in joins() {
        let plan = VerifyPlan {
            batch: 2,
            mode: Mode::Train,
            seed: 3,
            steps: 1,
            backend: Backend::Reference,
        };
        let found =
            verify(&graph, plan, &ProductionRules, &mut CheckCache::default(), |_| {}).unwrap();
        let wrong: Vec<_> = found.mismatches().collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}

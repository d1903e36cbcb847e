//! The tape: memory that was predicted against memory that was allocated, to the byte, and gradient accumulation.

use cnnstat::analysis::memory::{self, Engine::Own, Optimizer as Kind};
use cnnstat::diag::Source;
use cnnstat::graph::{Graph, GraphBuilder, tensor_name};
use cnnstat::internals::exec::backend::Backend;
use cnnstat::internals::exec::kernels::Scheme;
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::network::{Network, RunError};
use cnnstat::internals::exec::optim::{Adam, Optimizer, Sgd};
use cnnstat::internals::exec::scalar::Scalar;
use cnnstat::internals::exec::step::{Data, loss, step};
use cnnstat::internals::exec::tape::{Gradients, Unobserved};
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::internals::lang;
use cnnstat::internals::profile;
use cnnstat::model::Asked;
use cnnstat::ops::ledger::Role;
use cnnstat::ops::{
    Dropout, Flatten, Identity, Linear, Mode, Op, Probability, Relu, Scale, Sigmoid,
};
use cnnstat::{Analysis, DType, Options, Shape, analyze};

use crate::common::{folder, read, variants};

const KINDS: [Kind; 3] = [Kind::Sgd, Kind::Momentum, Kind::Adam];
const BACKENDS: [Backend; 3] =
    [Backend::Reference, Backend::Fast { exact: false }, Backend::Fast { exact: true }];

fn sizes(shape: &Shape) -> Vec<usize> {
    shape.dims().iter().map(|n| usize::try_from(*n).unwrap()).collect()
}

fn batch_of(graph: &Graph, analysis: &Analysis) -> Data {
    let shapes = graph.inputs().iter().map(|input| sizes(&analysis.shape(input.value).unwrap()));
    Data::sample(graph, &shapes.collect::<Vec<_>>(), 7)
}

/// A run whose memory is to be foretold.
#[derive(Clone, Copy)]
struct Setting<'a> {
    name: &'a str,
    graph: &'a Graph,
    batch: u64,
    /// What is frozen, as patterns.
    frozen: &'a [String],
    to_inputs: bool,
    kind: Kind,
}

impl std::fmt::Debug for Setting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, batch, frozen, to_inputs, kind, .. } = self;
        write!(f, "{name} {batch} {frozen:?} {to_inputs} {kind:?}")
    }
}

impl Setting<'_> {
    fn analysis<S: Scalar>(&self, mode: Mode) -> Analysis {
        let frozen = self.frozen.iter().map(|p| p.parse().unwrap()).collect();
        let dtype = if S::BYTES == 8 { DType::F64 } else { DType::F32 };
        analyze(&self.graph.at_batch(self.batch), &Options { dtype, mode, frozen })
            .complete()
            .unwrap()
    }

    /// A built network, with what the analysis says is frozen.
    fn network<S: Scalar>(
        &self,
        analysis: &Analysis,
        data: &Data,
        backend: Backend,
    ) -> Network<'_, S> {
        let mut network = Network::<S>::new(self.graph, Scheme::Torch, 1).with_backend(backend);
        for (node, row) in self.graph.nodes().iter().zip(&analysis.rows) {
            let frozen = row.tensors.iter().filter(|t| t.role != Role::Buffer && !t.trainable);
            network.freeze(frozen.map(|t| tensor_name(&node.name, &t.name)));
        }
        network.build(&data.inputs(&Meter::new())).unwrap();
        network
    }

    fn inference<S: Scalar>(&self) {
        for backend in BACKENDS {
            self.inferred::<S>(backend);
        }
    }

    fn inferred<S: Scalar>(&self, backend: Backend) {
        let analysis = self.analysis::<S>(Mode::Eval);
        let said = memory::memory(self.graph, &analysis, self.kind, Own(backend.plan())).unwrap();
        let data = batch_of(self.graph, &analysis);
        let mut network = self.network::<S>(&analysis, &data, backend);
        let meter = network.meter().clone();
        assert_eq!(meter.now(), said.flash + said.buffers, "{self:?}: parameters and buffers");
        meter.reset_peak();
        let outputs = network.infer(data.inputs(&meter), Mode::Eval).unwrap();
        assert_eq!(meter.peak(), said.inference.bytes, "{self:?}: {:?}", said.inference);
        drop(outputs);
        assert_eq!(meter.now(), said.flash + said.buffers, "{self:?}: left after inference");

        let said = memory::memory(self.graph, &analysis, self.kind, Own(backend.prepacked_plan()))
            .unwrap();
        let ready =
            profile::prepacked_bytes(self.graph, &analysis, backend) / <f32 as Scalar>::BYTES;
        let mut network = network.with_prepacking();
        for _ in 0..2 {
            drop(network.infer(data.inputs(&meter), Mode::Eval).unwrap());
            let kept = said.flash + said.buffers + ready * S::BYTES;
            assert_eq!(meter.now(), kept, "{self:?}: kept after inference");
        }
        meter.reset_peak();
        drop(network.infer(data.inputs(&meter), Mode::Eval).unwrap());
        let peak = said.inference.bytes + ready * S::BYTES;
        assert_eq!(meter.peak(), peak, "{self:?}: {:?} with what is ready", said.inference);
    }

    /// Two training steps; of the second all is compared.
    fn training<S: Scalar>(&self) {
        for backend in BACKENDS {
            match self.kind {
                Kind::Sgd => self.trained(&mut Sgd::<S>::new(0.001, 0.0), backend),
                Kind::Momentum => self.trained(&mut Sgd::<S>::new(0.001, 0.9), backend),
                Kind::Adam => self.trained(&mut Adam::<S>::new(0.001), backend),
            }
        }
    }

    fn trained<S: Scalar>(&self, optimizer: &mut impl Optimizer<S>, backend: Backend) {
        let analysis = self.analysis::<S>(Mode::Train);
        let said =
            memory::training(self.graph, &analysis, self.kind, Own(backend.plan()), self.to_inputs)
                .unwrap();
        let data = batch_of(self.graph, &analysis);
        let mut network = self.network::<S>(&analysis, &data, backend);
        let meter = network.meter().clone();
        let tensors = said.params + said.buffers;
        assert_eq!(meter.now(), tensors, "{self:?}: parameters and buffers");
        for second in [false, true] {
            meter.reset_peak();
            let outcome =
                step(&mut network, &data, Mode::Train, self.to_inputs, &mut Unobserved).unwrap();
            let gradients = of_params(&outcome.gradients);
            let inputs: u64 = outcome.gradients.inputs.iter().flatten().map(Tensor::bytes).sum();
            let state = if second { said.optimizer } else { 0 };
            assert_eq!(meter.now(), tensors + state + gradients + inputs, "{self:?}: after a step");
            network.descend(&outcome.gradients, optimizer);
            assert_eq!(optimizer.bytes(), said.optimizer, "{self:?}: the optimiser");
            assert_eq!(gradients, said.gradients, "{self:?}: gradients");
            assert_eq!(outcome.saved_bytes, said.saved, "{self:?}: saved");
            if second {
                let peak = meter.peak();
                assert_eq!(peak, said.peak.bytes, "{self:?} {backend:?}: {:?}", said.peak);
            }
            drop(outcome);
            assert_eq!(meter.now(), tensors + said.optimizer, "{self:?}: left after a step");
        }
        // What is listed as alive is what the peak is made of.
        let listed: u64 = said.peak.alive.iter().map(|alive| alive.bytes).sum();
        assert_eq!(listed + tensors + said.optimizer, said.peak.bytes, "{self:?}");
    }
}

fn of_params<S: Scalar>(gradients: &Gradients<S>) -> u64 {
    gradients.params.values().flatten().map(|(_, tensor)| tensor.bytes()).sum()
}

/// Nothing, the first layer with parameters, one in the middle, all but the last, all, and every bias.
fn freezings(graph: &Graph) -> Vec<Vec<String>> {
    let analysis = analyze(graph, &Options::default()).complete().unwrap();
    let rows = graph.nodes().iter().zip(&analysis.rows);
    let owners: Vec<String> = rows
        .filter(|(_, row)| !row.tensors.is_empty())
        .map(|(node, _)| format!("{}.*", node.name))
        .collect();
    let mut all = vec![Vec::new()];
    if let Some((last, others)) = owners.split_last() {
        all.push(vec![owners[0].clone()]);
        all.push(vec![owners[owners.len() / 2].clone()]);
        all.push(others.to_vec());
        all.push([others, std::slice::from_ref(last)].concat());
        all.push(vec!["*.bias".to_owned()]);
    }
    all
}

/// Every setting that a graph can be run in.
pub fn everything<S: Scalar>(name: &str, graph: &Graph, batches: &[u64]) {
    for batch in batches {
        for (at, frozen) in freezings(graph).iter().enumerate() {
            for to_inputs in [false, true] {
                // What is frozen changes no optimiser's way; one is enough there.
                let kinds = if at == 0 { &KINDS[..] } else { &KINDS[at % 3..=at % 3] };
                for kind in kinds.iter().copied() {
                    Setting { name, graph, batch: *batch, frozen, to_inputs, kind }.training::<S>();
                }
            }
        }
        let kind = Kind::Sgd;
        Setting { name, graph, batch: *batch, frozen: &[], to_inputs: false, kind }
            .inference::<S>();
    }
}

#[test]
fn memory_of_every_fixture_is_as_foretold() {
    let mut networks = 0;
    for source in crate::common::runnable(folder("tests/fixtures/ops")) {
        for variant in variants(&source) {
            let graph = read(&source, variant.as_deref()).graph;
            everything::<f32>(&source.name, &graph, &[1, 3]);
            networks += 1;
        }
    }
    assert!(networks >= 74, "{networks}");
}

/// Numbers of 8 bytes; indices, masks and counts keep their own sizes.
#[test]
fn memory_in_doubles_is_as_foretold() {
    for source in crate::common::runnable(folder("tests/fixtures/ops")) {
        let graph = read(&source, None).graph;
        let frozen: &[String] = &[];
        let at = Setting {
            name: &source.name,
            graph: &graph,
            batch: 2,
            frozen,
            to_inputs: true,
            kind: Kind::Adam,
        };
        at.inference::<f64>();
        at.training::<f64>();
    }
}

/// A network of the zoo at an input of this shape.
fn zoo(name: &str, input: &[u64]) -> Graph {
    let sources = folder("models");
    let holds = |variant: &Option<String>| variant.as_deref() == Some(name);
    let (source, variant) = sources
        .iter()
        .find_map(|source| {
            let own = (source.name == name).then_some(None);
            let variant = || variants(source).into_iter().find(holds);
            own.or_else(variant).map(|variant| (source, variant))
        })
        .unwrap_or_else(|| panic!("no network {name}"));
    let inputs = vec![(String::new(), Shape::new(input).unwrap())];
    let choices = Asked { variant, inputs, ..Asked::default() };
    let read = lang::parse(source, &choices);
    read.unwrap_or_else(|found| panic!("{name}: {:?}", crate::common::messages(&found))).graph
}

/// Networks at inputs so small that plain loops run them, each with everything that may differ at least once.
#[test]
fn memory_of_the_zoo_is_as_foretold() {
    let networks: [(&str, &[u64], u64); 6] = [
        ("lenet5", &[1, 32, 32], 3),
        ("custom_cnn", &[1, 12, 12], 1),
        ("custom_cnn_bn", &[1, 12, 12], 2),
        ("m5", &[1, 6848], 1),
        ("mobilenet_v1", &[3, 32, 32], 2),
        ("dcgan_generator", &[100, 1, 1], 1),
    ];
    for (at, (name, input, batch)) in networks.into_iter().enumerate() {
        let graph = zoo(name, input);
        let freezings = freezings(&graph);
        let macs = analyze(&graph, &Options::default()).complete().unwrap().totals.work.macs;
        let settings: Vec<(&[String], bool, Kind)> = if macs < 500_000 {
            let of = |frozen| KINDS.map(|kind| (frozen, kind == Kind::Momentum, kind));
            freezings.iter().map(Vec::as_slice).flat_map(of).collect()
        } else {
            // One each: a step takes a second.
            vec![(&freezings[at % freezings.len()], at % 2 == 0, KINDS[at % 3])]
        };
        for (frozen, to_inputs, kind) in settings {
            Setting { name, graph: &graph, batch, frozen, to_inputs, kind }.training::<f32>();
        }
        Setting { name, graph: &graph, batch, frozen: &[], to_inputs: false, kind: Kind::Sgd }
            .inference::<f32>();
    }
}

fn linear(out_features: u64) -> Op {
    Linear { out_features, bias: true }.into()
}

/// Builds on an input of 5 features: layers by name, operator and the position of the value they use (0 is the input);
/// outputs by position.
fn graph(layers: &[(&str, Op, usize)], outputs: &[usize]) -> Graph {
    let mut builder = GraphBuilder::new("graph");
    let mut values = vec![builder.input("input", Shape::new(&[1, 5]).unwrap(), Some(0)).unwrap()];
    for (name, op, from) in layers {
        values.push(builder.layer(*name, op.clone(), &[values[*from]]).unwrap()[0]);
    }
    let names: Vec<String> = (0..outputs.len()).map(|at| format!("out{at}")).collect();
    let outputs: Vec<_> =
        names.iter().zip(outputs).map(|(name, at)| (name.as_str(), values[*at])).collect();
    builder.finish(&outputs).unwrap()
}

/// Graphs that descriptions cannot say yet: values used more than once, by layers and as outputs, through views, and
/// values that nobody uses.
fn branching() -> Vec<(&'static str, Graph)> {
    let (identity, relu) = (|| Op::from(Identity {}), || Op::from(Relu { inplace: false }));
    let flat = || Op::from(Flatten { start_dim: 1, end_dim: -1 });
    let drop = |p| Op::from(Dropout { rank: 0, p: Probability(p), inplace: false });
    let stem = || ("stem", linear(4), 0);
    vec![
        ("two heads", graph(&[stem(), ("a", linear(3), 1), ("b", linear(2), 1)], &[2, 3])),
        (
            "two views",
            graph(
                &[stem(), ("a", identity(), 1), ("b", flat(), 1), ("c", linear(2), 1)],
                &[2, 3, 4],
            ),
        ),
        ("view last", graph(&[stem(), ("a", relu(), 1), ("b", identity(), 1)], &[2, 3])),
        ("view first", graph(&[stem(), ("a", identity(), 1), ("b", relu(), 1)], &[2, 3])),
        (
            "view of a view",
            graph(
                &[stem(), ("a", identity(), 1), ("b", identity(), 2), ("c", relu(), 3)],
                &[1, 2, 3, 4],
            ),
        ),
        ("used and an output", graph(&[stem(), ("a", linear(3), 1)], &[1, 2])),
        ("an output twice", graph(&[stem(), ("a", linear(3), 1)], &[2, 2])),
        ("an input that is an output", graph(&[stem()], &[0, 1])),
        ("a view of the input", graph(&[("a", identity(), 0), ("b", linear(2), 1)], &[1, 2])),
        ("nothing trained", graph(&[("a", relu(), 0), ("b", drop(0.5), 0)], &[1, 2])),
        ("dropout of nothing", graph(&[stem(), ("a", drop(0.0), 1), ("b", relu(), 1)], &[2, 3])),
        ("nobody uses it", graph(&[stem(), ("a", linear(3), 1), ("b", linear(2), 1)], &[3])),
        (
            "a branch to nowhere",
            graph(
                &[stem(), ("a", linear(3), 1), ("b", relu(), 2), ("c", Sigmoid {}.into(), 1)],
                &[4],
            ),
        ),
        ("an unused input", graph(&[stem(), ("a", linear(3), 0)], &[1])),
        (
            "three uses",
            graph(
                &[stem(), ("a", linear(3), 1), ("b", relu(), 1), ("c", linear(6), 3)],
                &[1, 2, 4, 3],
            ),
        ),
    ]
}

#[test]
fn memory_of_graphs_that_branch_is_as_foretold() {
    for (name, graph) in &branching() {
        everything::<f32>(name, graph, &[1, 3]);
    }
}

/// Runs two outputs backward from gradients that are all `scale`; gives inputs' and parameters' gradients by name.
fn gradients(graph: &Graph, scales: &[f64]) -> (Vec<(String, Vec<f64>)>, u64) {
    let mut network = Network::<f64>::new(graph, Scheme::Torch, 3);
    let meter = network.meter().clone();
    let data = Data::sample(graph, &[vec![2, 5]], 4);
    network.build(&data.inputs(&meter)).unwrap();
    let tape = network.forward(data.inputs(&meter), Mode::Eval, true, &mut Unobserved).unwrap();
    let pairs = tape.outputs.iter().zip(scales);
    let grads = pairs.map(|(y, scale)| Tensor::full(y.shape(), *scale, &meter)).collect();
    let found = network.backward(tape, grads, true, &mut Unobserved);
    let mut named = Vec::new();
    for (id, node) in graph.iter() {
        for (at, owned) in network.owned(id).iter().enumerate() {
            let own = found.params.get(&node.weights).into_iter().flatten();
            let values = own.filter(|(known, _)| *known == at).flat_map(|(_, g)| g.values());
            named.push((tensor_name(&node.name, owned.name), values.collect()));
        }
    }
    let input = found.inputs[0].as_ref().map_or_else(Vec::new, Tensor::values);
    named.push(("input".to_owned(), input));
    (named, found.accumulated)
}

/// Gradients are linear in the gradients of the outputs: those of both are the sum of those of each.
#[test]
fn gradients_that_meet_are_added() {
    for (name, graph) in branching() {
        let n = graph.outputs().len();
        let scales: Vec<f64> = (1..=n).map(|i| f64::from(u8::try_from(i).unwrap())).collect();
        let (together, _) = gradients(&graph, &scales);
        let mut sums: Vec<Vec<f64>> = together.iter().map(|(_, g)| vec![0.0; g.len()]).collect();
        for i in 0..n {
            let mut alone = vec![0.0; n];
            alone[i] = scales[i];
            for (sum, (_, part)) in sums.iter_mut().zip(gradients(&graph, &alone).0) {
                sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
        }
        for ((what, found), sum) in together.iter().zip(&sums) {
            let near = found.iter().zip(sum).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(near, "{name}: {what}: {found:?} instead of {sum:?}");
        }
    }
}

/// y = W₂(W₁x) and z = W₃(W₁x): by hand, the gradient at W₁x is 1·W₂ᵀ1 + 2·W₃ᵀ1.
#[test]
fn two_heads_by_the_chain_rule() {
    let graph = graph(&[("stem", linear(4), 0), ("a", linear(3), 1), ("b", linear(2), 1)], &[2, 3]);
    let (found, accumulated) = gradients(&graph, &[1.0, 2.0]);
    let mut network = Network::<f64>::new(&graph, Scheme::Torch, 3);
    network.build(&Data::sample(&graph, &[vec![2, 5]], 4).inputs(&Meter::new())).unwrap();
    let tensors: Vec<(String, Vec<f64>)> = network
        .tensors()
        .into_iter()
        .map(|(name, owned)| (name, owned.tensor().unwrap().values()))
        .collect();
    let weight = |name: &str| &tensors.iter().find(|(known, _)| known == name).unwrap().1;
    let column = |w: &[f64], i: usize| w.chunks(4).map(|row| row[i]).sum::<f64>();
    let bias = &found.iter().find(|(name, _)| name == "stem.bias").unwrap().1;
    for (i, found) in bias.iter().enumerate() {
        // Two samples.
        let expected = 2.0 * (column(weight("a.weight"), i) + 2.0 * column(weight("b.weight"), i));
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }
    // 2 samples of 4 features are added once.
    assert_eq!(accumulated, 8);
}

/// Additions: the elements of a value for each use beyond the first, being an output included.
#[test]
fn additions_are_counted() {
    let expected = [
        ("two heads", 8),
        ("two views", 16),
        ("view last", 8),
        ("view first", 8),
        ("view of a view", 24),
        ("used and an output", 8),
        ("an output twice", 6),
        ("an input that is an output", 10),
        ("a view of the input", 10),
        ("nothing trained", 10),
        ("nobody uses it", 0),
        ("a branch to nowhere", 0),
        ("an unused input", 0),
        ("three uses", 16 + 8),
    ];
    for (name, graph) in branching() {
        let Some((_, expected)) = expected.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        let scales = vec![1.0; graph.outputs().len()];
        assert_eq!(gradients(&graph, &scales).1, *expected, "{name}");
    }
}

/// Gradients of inputs come only where they are wanted, even of an input that is an output.
#[test]
fn unwanted_gradients_of_inputs_are_not_given() {
    for (name, graph) in branching() {
        let mut network = Network::<f32>::new(&graph, Scheme::Torch, 3);
        let data = Data::sample(&graph, &[vec![2, 5]], 4);
        network.build(&data.inputs(&Meter::new())).unwrap();
        let outcome = step(&mut network, &data, Mode::Train, false, &mut Unobserved).unwrap();
        assert!(outcome.gradients.inputs.iter().all(Option::is_none), "{name}");
    }
}

#[test]
fn another_number_of_inputs_is_refused_and_a_wrong_tensor_too() {
    let graph = graph(&[("stem", linear(4), 0)], &[1]);
    let mut network = Network::<f32>::new(&graph, Scheme::Torch, 3);
    let meter = network.meter().clone();
    assert_eq!(network.build(&[]), Err(RunError::Inputs { expected: 1, found: 0 }));
    let zeros = |shape: &[usize]| Tensor::zeros(shape, &meter);
    assert!(network.supply("stem.bias", zeros(&[4])).is_err(), "not made yet");
    network.build(&[zeros(&[1, 5])]).unwrap();
    network.supply("stem.bias", zeros(&[4])).unwrap();
    for (name, shape) in [("stem.bias", 3), ("stem.scale", 4), ("trunk.bias", 4), ("bias", 4)] {
        let error = network.supply(name, zeros(&[shape])).unwrap_err();
        assert_eq!(error, RunError::Tensor { name: name.to_owned(), found: vec![shape] });
    }
}

/// A tensor without a name of its own is supplied, listed and frozen by the name of its layer.
#[test]
fn a_scale_has_the_name_of_its_layer() {
    let scale = Op::from(Scale { shape: vec![5], init: 0.5 });
    let graph = graph(&[("block.gain", scale, 0), ("block.head", linear(2), 1)], &[2]);
    let mut network = Network::<f32>::new(&graph, Scheme::Torch, 3);
    let meter = network.meter().clone();
    network.freeze(["block.gain".to_owned()]);
    network.build(&[Tensor::zeros(&[1, 5], &meter)]).unwrap();
    let names: Vec<String> = network.tensors().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["block.gain", "block.head.weight", "block.head.bias"]);
    network.supply("block.gain", Tensor::full(&[5], 3.0, &meter)).unwrap();
    assert!(network.supply("block", Tensor::zeros(&[5], &meter)).is_err());
    let (gain, _) = graph.iter().next().unwrap();
    let owned = &network.owned(gain)[0];
    assert_eq!(owned.tensor().unwrap().values(), [3.0; 5]);
    assert!(!network.is_trained(gain, owned));
}

/// A pass that makes the parameters takes, beside them, what one takes that finds them; and the loss of a batch that only goes
/// forward is that of a step, dropout and batch statistics among it.
#[test]
fn a_first_pass_and_a_loss_are_those_of_any_other() {
    for source in crate::common::runnable(folder("tests/fixtures/ops")) {
        let graph = read(&source, None).graph;
        for (backend, mode) in
            BACKENDS.into_iter().flat_map(|b| [(b, Mode::Eval), (b, Mode::Train)])
        {
            let graph = graph.at_batch(2);
            let options = Options { mode, ..Options::default() };
            let data = batch_of(&graph, &analyze(&graph, &options).complete().unwrap());
            let made =
                || Network::<f32>::new(&graph, Scheme::KaimingNormal, 3).with_backend(backend);
            let persistent = Meter::new();
            let (mut apart, mut whole) = (made().with_persistent_meter(persistent.clone()), made());
            let (come_and_gone, all) = (apart.meter().clone(), whole.meter().clone());
            drop(apart.infer(data.inputs(&come_and_gone), Mode::Eval).unwrap());
            whole.build(&data.inputs(&all)).unwrap();
            all.reset_peak();
            drop(whole.infer(data.inputs(&all), Mode::Eval).unwrap());
            let peaks = (come_and_gone.peak() + persistent.peak(), all.peak());
            let what = format!("{} {backend:?} {mode:?}", source.name);
            assert_eq!((peaks.0, persistent.now()), (peaks.1, all.now()), "{what}");

            let forward = loss(&mut apart, &data, mode, &mut Unobserved).unwrap();
            let stepped = step(&mut whole, &data, mode, false, &mut Unobserved).unwrap().loss;
            assert_eq!(forward.to_bits(), stepped.to_bits(), "{what}");
        }
    }
}

/// Nodes that share filters and are alike keep them once, and memory says so.
#[test]
fn shared_filters_are_kept_ready_once() {
    let kept = |text: &str| {
        let source = Source::new("m.yaml", text);
        let graph = read(&source, None).graph;
        let analysis = analyze(&graph, &Options::default()).complete().unwrap();
        let fast = Backend::Fast { exact: false };
        let said = profile::prepacked_bytes(&graph, &analysis, fast);
        let persistent = Meter::new();
        let network = Network::<f32>::new(&graph, Scheme::Torch, 1).with_backend(fast);
        let mut network = network.with_persistent_meter(persistent.clone()).with_prepacking();
        let data = batch_of(&graph, &analysis);
        drop(network.infer(data.inputs(&Meter::new()), Mode::Eval).unwrap());
        assert_eq!(persistent.now(), analysis.totals.param_bytes + said, "{text}");
        said
    };
    let head = "model: m\ninput: [32, 28, 28]\nlayers:\n  - one: conv2d(32, 3, padding=1)\n";
    let once = kept(head);
    assert!(once > 0, "something is kept");
    assert_eq!(kept(&format!("{head}  - share(@, 'one')\n  - share(@, 'one')\n")), once);
    assert_eq!(kept(&format!("{head}  - conv2d(32, 3, padding=1)\n")), 2 * once);
}

/// What inference keeps of the parameters changes nothing, and is forgotten when they change.
#[test]
fn what_is_kept_ready_is_that_of_the_parameters() {
    let text = "
model: m
input: [32, 28, 28]
layers:
  - conv2d(32, 3, padding=1)
  - relu
  - conv2d(32, 3, padding=1, bias=false)
  - conv2d(4, 1)
";
    let source = Source::new("m.yaml", text);
    let graph = read(&source, None).graph;
    let analysis = analyze(&graph, &Options::default()).complete().unwrap();
    let fast = Backend::Fast { exact: false };
    assert!(profile::prepacked_bytes(&graph, &analysis, fast) > 0, "something is kept");
    assert_eq!(profile::prepacked_bytes(&graph, &analysis, Backend::Reference), 0);
    let (data, meter) = (batch_of(&graph, &analysis), Meter::new());
    let made = |keeps: bool| {
        let network = Network::<f64>::new(&graph, Scheme::Torch, 1).with_backend(fast);
        let mut network = if keeps { network.with_prepacking() } else { network };
        let infer = |network: &mut Network<'_, f64>| {
            network.infer(data.inputs(&meter), Mode::Eval).unwrap()[0].values()
        };
        let first = infer(&mut network);
        let again = infer(&mut network);
        assert_eq!(first, again);
        let gradients = step(&mut network, &data, Mode::Train, false, &mut Unobserved).unwrap();
        network.descend(&gradients.gradients, &mut Sgd::new(0.1, 0.0));
        let descended = infer(&mut network);
        let weight = Tensor::full(&[32, 32, 3, 3], 0.01, &meter);
        network.supply("0.weight", weight).unwrap();
        [first, descended, infer(&mut network)]
    };
    let [kept, right] = [true, false].map(made);
    for (kept, right) in kept.iter().flatten().zip(right.iter().flatten()) {
        approx::assert_relative_eq!(*kept, *right, max_relative = 1e-9, epsilon = 1e-11);
    }
    assert!(right[0] != right[1] && right[1] != right[2], "parameters change what comes out");
}

//! The lecture's network against PyTorch: every layer's output, the loss, every gradient, five steps of training.
//!
//! `tests/golden/custom_cnn*.safetensors` was made with PyTorch 2.15.0: batch 2, train mode, dropout off.

use std::collections::HashMap;
use std::path::Path;

use cnnstat::graph::{Graph, NodeId};
use cnnstat::internals::exec::kernels::{Made, Numbers, Scheme};
use cnnstat::internals::exec::loss::cross_entropy;
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::network::Network;
use cnnstat::internals::exec::optim::Sgd;
use cnnstat::internals::exec::scalar::Scalar;
use cnnstat::internals::exec::tape::{Gradients, Observer, Unobserved};
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::ops::Mode;
use serde_json::Value;

use crate::common::{folder, read};

/// A file of tensors: eight bytes say how long the header is, the header where each tensor lies.
struct Golden {
    header: Value,
    data: Vec<u8>,
}

impl Golden {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let bytes = std::fs::read(path.join(format!("{name}.safetensors"))).unwrap();
        let (length, rest) = bytes.split_at(8);
        let length = u64::from_le_bytes(length.try_into().unwrap());
        let (header, data) = rest.split_at(usize::try_from(length).unwrap());
        Self { header: serde_json::from_slice(header).unwrap(), data: data.to_vec() }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.header.as_object().unwrap().keys().map(String::as_str)
    }

    fn whole(json: &Value) -> Vec<usize> {
        let numbers = json.as_array().unwrap().iter();
        numbers.map(|n| usize::try_from(n.as_u64().unwrap()).unwrap()).collect()
    }

    fn bytes(&self, name: &str, dtype: &str) -> &[u8] {
        let entry = &self.header[name];
        assert_eq!(entry["dtype"], dtype, "{name}");
        let [begin, end] = Self::whole(&entry["data_offsets"])[..] else { panic!("{name}") };
        &self.data[begin..end]
    }

    fn numbers(&self, name: &str) -> (Vec<usize>, Vec<f64>) {
        let numbers = self.bytes(name, "F32").chunks_exact(4);
        let numbers = numbers.map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())));
        (Self::whole(&self.header[name]["shape"]), numbers.collect())
    }

    fn integers(&self, name: &str) -> Vec<i64> {
        let integers = self.bytes(name, "I64").chunks_exact(8);
        integers.map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
    }

    fn tensor<S: Scalar>(&self, name: &str, meter: &Meter) -> Tensor<S> {
        let (shape, numbers) = self.numbers(name);
        Tensor::new(&shape, numbers.into_iter().map(S::of).collect(), meter)
    }

    /// A remark about the file; its text is JSON.
    fn remark(&self, name: &str) -> Value {
        serde_json::from_str(self.header["__metadata__"][name].as_str().unwrap()).unwrap()
    }

    fn classes(&self) -> Vec<usize> {
        self.integers("target").into_iter().map(|n| usize::try_from(n).unwrap()).collect()
    }

    /// Where numbers are further than 1e-5 of the tensor's scale, and `noise`, from what the file says.
    fn assert_near<S: Scalar>(&self, name: &str, found: &Tensor<S>, noise: f64) {
        let (shape, expected) = self.numbers(name);
        // The file has no batch axis, or another, where shapes differ.
        assert_eq!(found.shape(), shape, "{name}");
        let scale = expected.iter().fold(0.0f64, |scale, x| scale.max(x.abs()));
        let pairs = found.values().into_iter().zip(expected);
        let worst = pairs
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, |worst: f64, off| if off.is_nan() { f64::INFINITY } else { worst.max(off) });
        assert!(worst <= (1e-5 * scale).max(noise), "{name}: off by {worst} at a scale of {scale}");
    }
}

/// The lecture's network of the zoo, with a dropout of nothing.
fn description(variant: Option<&str>) -> Graph {
    let mut source = folder("models").into_iter().find(|s| s.name == "custom_cnn").unwrap();
    let dropout = "dropout2d(0.5)";
    assert!(source.text.contains(dropout));
    source.text = source.text.replace(dropout, "dropout2d(0)").into();
    read(&source, variant).graph
}

/// The network with the parameters and buffers of the file; every one must be there.
fn supplied<'g, S: Scalar>(graph: &'g Graph, golden: &Golden) -> Network<'g, S> {
    let mut network = Network::<S>::new(graph, Scheme::Torch, 0);
    let meter = network.meter().clone();
    network.build(&[golden.tensor("input", &meter)]).unwrap();
    let own: Vec<String> = network.tensors().into_iter().map(|(name, _)| name).collect();
    let mut given: Vec<&str> =
        golden.names().filter_map(|name| name.strip_prefix("param.")).collect();
    for name in &own {
        let at = given.iter().position(|given| given == name);
        given.remove(at.unwrap_or_else(|| panic!("no {name} in the file")));
        if golden.header[format!("param.{name}")]["dtype"] == "I64" {
            assert_eq!(golden.integers(&format!("param.{name}")), [0], "{name}");
            continue;
        }
        network.supply(name, golden.tensor(&format!("param.{name}"), &meter)).unwrap();
    }
    assert!(given.is_empty(), "not in the network: {given:?}");
    network
}

/// Compares every output with the file's.
struct Outputs<'a> {
    graph: &'a Graph,
    golden: &'a Golden,
    compared: usize,
}

impl Observer<f32> for Outputs<'_> {
    fn forward(&mut self, node: NodeId, _: &[Tensor<f32>], made: &Made<f32>) {
        let layer = self.graph.node(node).name.strip_prefix("net.").unwrap();
        self.golden.assert_near(&format!("output.{layer}"), &made.outputs[0], 0.0);
        self.compared += 1;
    }

    fn backward(&mut self, _: NodeId, _: &[Option<Tensor<f32>>], _: &[Tensor<f32>]) {}
}

/// One pass forward and backward, with the loss.
fn pass<S: Scalar>(
    network: &mut Network<'_, S>,
    golden: &Golden,
    observer: &mut dyn Observer<S>,
) -> (f64, Gradients<S>) {
    let meter = network.meter().clone();
    let input = golden.tensor("input", &meter);
    let tape = network.forward(vec![input], Mode::Train, true, observer).unwrap();
    let loss = cross_entropy(&tape.outputs[0], &golden.classes(), &meter);
    (loss.value.value(), network.backward(tape, vec![loss.gradient], true, observer))
}

fn reproduced(file: &str, variant: Option<&str>, layers: usize) {
    let (graph, golden) = (description(variant), Golden::read(file));
    let mut network = supplied::<f32>(&graph, &golden);
    let mut outputs = Outputs { graph: &graph, golden: &golden, compared: 0 };
    let (loss, gradients) = pass(&mut network, &golden, &mut outputs);
    let expected = golden.names().filter(|name| name.starts_with("output.")).count();
    assert_eq!((outputs.compared, expected), (layers, layers));
    let torchs = golden.remark("loss").as_f64().unwrap();
    assert!((loss - torchs).abs() < 1e-5 * torchs, "loss {loss}, torch has {torchs}");

    golden.assert_near("grad_input", gradients.inputs[0].as_ref().unwrap(), 0.0);
    // A bias before batch norm has no gradient but rounding, which torch's two precisions show.
    let noise = golden.remark("max_abs_err_f32_vs_f64_grads");
    let mut compared = 0;
    let by_name: HashMap<_, _> = graph.nodes().iter().map(|n| (n.weights, &n.name)).collect();
    for (id, node) in graph.iter() {
        for (at, gradient) in gradients.params.get(&node.weights).into_iter().flatten() {
            let name = format!("{}.{}", by_name[&node.weights], network.owned(id)[*at].name);
            let noise = 4.0 * noise[&name].as_f64().unwrap();
            golden.assert_near(&format!("grad.{name}"), gradient, noise);
            compared += 1;
        }
    }
    assert_eq!(compared, golden.names().filter(|name| name.starts_with("grad.")).count());

    let mut buffers = 0;
    for (name, owned) in network.tensors() {
        let after = format!("buffer_after.{name}");
        if golden.header[&after].is_null() {
            continue;
        }
        match &owned.numbers {
            Numbers::Real(tensor) => golden.assert_near(&after, tensor, 0.0),
            Numbers::Count(count) => assert_eq!(count[..], golden.integers(&after), "{name}"),
        }
        buffers += 1;
    }
    assert_eq!(buffers, golden.names().filter(|name| name.starts_with("buffer_after.")).count());

    let input = golden.tensor("input", network.meter());
    let logits = network.infer(vec![input], Mode::Eval).unwrap();
    golden.assert_near("eval_logits_after", &logits[0], 0.0);
}

/// In doubles, from the losses of the file.
fn trained(file: &str, variant: Option<&str>) {
    let (graph, golden) = (description(variant), Golden::read(file));
    let mut network = supplied::<f64>(&graph, &golden);
    let mut sgd = Sgd::new(0.1, 0.9);
    let torchs = golden.remark("sgd_lr0.1_mom0.9_losses_f64");
    let torchs: Vec<f64> = torchs.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    assert_eq!(torchs.len(), 5);
    for (at, torchs) in torchs.into_iter().enumerate() {
        let (loss, gradients) = pass(&mut network, &golden, &mut Unobserved);
        assert!((loss / torchs - 1.0).abs() < 1e-9, "step {at}: {loss}, torch has {torchs}");
        network.descend(&gradients, &mut sgd);
    }
}

#[test]
fn the_lectures_network_is_reproduced() {
    reproduced("custom_cnn", None, 12);
    trained("custom_cnn", None);
}

#[test]
fn the_lectures_network_with_batch_norm_is_reproduced() {
    reproduced("custom_cnn_bn", Some("custom_cnn_bn"), 14);
    trained("custom_cnn_bn", Some("custom_cnn_bn"));
}

//! torchvision's own networks, layer by layer: names, shapes, parameters, MACs, and the whole `state_dict`.

use cnnstat::Shape;
use cnnstat::diag::Source;
use serde_json::Value;

use crate::common::{analysis, network, read, tensors};

const TORCHVISION: &str = include_str!("../golden/torchvision.json");
const CONVNEXT: &str = include_str!("../golden/convnext.json");
const CUSTOM_CNN: &str = include_str!("../golden/custom_cnn.json");

fn dims(json: &Value) -> Vec<u64> {
    json.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

fn list<'j>(json: &'j Value, what: &str) -> &'j Vec<Value> {
    json.as_array().unwrap_or_else(|| panic!("{what} is a list"))
}

fn networks() -> serde_json::Map<String, Value> {
    let golden: Value = serde_json::from_str(TORCHVISION).unwrap();
    let networks = golden["networks"].as_object().unwrap().clone();
    assert_eq!(networks.len(), 6);
    networks
}

#[test]
fn every_module_is_a_row_with_its_numbers() {
    for (name, golden) in networks() {
        let document = network(&name);
        let analysis = analysis(&document);
        // torch flattens by a function, which is no module.
        let nodes = document.graph.nodes().iter().zip(&analysis.rows);
        let rows: Vec<_> = nodes.filter(|(node, _)| node.op.name() != "flatten").collect();
        let expected = list(&golden["rows"], "rows");
        assert_eq!(rows.len(), expected.len(), "{name}: number of modules");
        for ((node, row), expected) in rows.into_iter().zip(expected) {
            let [module, output, params, macs] = [0, 1, 2, 3].map(|i| &expected[i]);
            let found =
                (node.name.as_str(), row.outputs[0], row.counts.params, row.counts.work.macs);
            let wanted = (
                module.as_str().unwrap(),
                Shape::new(&dims(output)).unwrap(),
                params.as_u64().unwrap(),
                macs.as_u64().unwrap(),
            );
            assert_eq!(found, wanted, "{name}");
        }
        let totals = analysis.totals;
        assert_eq!(Some(totals.params), golden["params"].as_u64(), "{name}");
        assert_eq!(Some(totals.buffers), golden["buffers"].as_u64(), "{name}");
        assert_eq!(Some(totals.work.macs), golden["macs"].as_u64(), "{name}");
    }
}

#[test]
fn the_state_dict_is_torchs_in_names_shapes_and_order() {
    for (name, golden) in networks() {
        let document = network(&name);
        let expected: Vec<(String, Vec<u64>, bool)> = list(&golden["state_dict"], "state_dict")
            .iter()
            .map(|t| (t[0].as_str().unwrap().to_owned(), dims(&t[1]), t[2] == "buffer"))
            .collect();
        assert_eq!(tensors(&document, &analysis(&document)), expected, "{name}");
    }
}

/// ConvNeXt's beginning without its residuals, which own nothing. A layer scale runs after its block and is listed before.
const CONVNEXT_BEGINS: &str = "
model: convnext_begins
input: [3, 32, 32]
blocks:
  cnblock(c):
    - block:
        - conv2d(c, 7, padding=3, groups=c)
        - permute(0, 2, 3, 1)
        - layernorm(eps=1e-6)
        - linear(4 * c)
        - gelu
        - linear(c)
        - permute(0, 3, 1, 2)
    - layer_scale: scale(c, 1, 1, init=1e-6)
    - stochastic_depth(0.1)
layers:
  - features:
      - - conv2d(96, 4, stride=4)
        - layernorm2d(eps=1e-6)
      - - repeat 3:
          - cnblock(96)
      - - LayerNorm2d(96, eps=1e-6)
        - conv2d(192, 2, stride=2)
";

#[test]
fn a_tensor_without_a_name_has_its_layers_and_comes_first_in_its_scope() {
    let golden: Value = serde_json::from_str(CONVNEXT).unwrap();
    let source = Source { name: "convnext".to_owned(), text: CONVNEXT_BEGINS.to_owned() };
    let document = read(&source, None);
    let found = tensors(&document, &analysis(&document)).into_iter();
    let found: Vec<(String, Vec<u64>)> = found.map(|(name, shape, _)| (name, shape)).collect();
    let tensor = |t: &Value| (t[0].as_str().unwrap().to_owned(), dims(&t[1]));
    let expected: Vec<_> = list(&golden["state_dict"], "state_dict").iter().map(tensor).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_custom_networks_named_parameters() {
    let golden: Value = serde_json::from_str(CUSTOM_CNN).unwrap();
    for name in ["custom_cnn", "custom_cnn_bn"] {
        let document = network(name);
        let found: Vec<(String, Vec<u64>)> = tensors(&document, &analysis(&document))
            .into_iter()
            .filter(|(.., buffer)| !buffer)
            .map(|(name, shape, _)| (name, shape))
            .collect();
        let expected: Vec<(String, Vec<u64>)> = list(&golden[name], name)
            .iter()
            .map(|t| (t[0].as_str().unwrap().to_owned(), dims(&t[1])))
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

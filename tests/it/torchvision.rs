//! torchvision's own networks, layer by layer: names, shapes, parameters, MACs, and the whole `state_dict`; and what it
//! publishes of all others.

use std::collections::BTreeMap;

use cnnstat::Shape;
use serde_json::Value;

use crate::common::{analysis, network, tensors};

const CUSTOM_CNN: &str = include_str!("../golden/custom_cnn.json");
const PUBLISHED: &str = include_str!("../golden/torchvision_published.csv");

/// Our operator for torch's class of a module without parameters.
const OPERATORS: &[(&str, &str)] = &[
    ("MaxPool2d", "maxpool2d"),
    ("AvgPool2d", "avgpool2d"),
    ("AdaptiveAvgPool2d", "adaptive_avgpool2d"),
    ("ReLU", "relu"),
    ("ReLU6", "relu6"),
    ("SiLU", "silu"),
    ("GELU", "gelu"),
    ("Sigmoid", "sigmoid"),
    ("Hardswish", "hardswish"),
    ("Hardsigmoid", "hardsigmoid"),
    ("Dropout", "dropout"),
    ("StochasticDepth", "stochastic_depth"),
    ("Permute", "permute"),
    ("Flatten", "flatten"),
];

fn dims(json: &Value) -> Vec<u64> {
    json.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

fn list<'j>(json: &'j Value, what: &str) -> &'j Vec<Value> {
    json.as_array().unwrap_or_else(|| panic!("{what} is a list"))
}

/// Name in the zoo and golden facts of each network.
pub fn networks() -> BTreeMap<String, Value> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/torchvision");
    let mut networks = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        // The paper's AlexNet has the bare name.
        let name = if name == "alexnet" { "alexnet_torchvision" } else { name };
        let text = std::fs::read_to_string(&path).unwrap();
        networks.insert(name.to_owned(), serde_json::from_str(&text).unwrap());
    }
    assert_eq!(networks.len(), 29);
    networks
}

/// Every module that has parameters is a layer with its name, output, parameters and MACs, and no other layer has any; the
/// auxiliary heads, which torch leaves out in eval mode, have the parameters it says.
#[test]
fn every_module_with_parameters_is_a_layer_with_its_numbers() {
    for (name, golden) in networks() {
        let document = network(&name);
        let analysis = analysis(&document);
        let nodes = document.graph.nodes().iter().zip(&analysis.rows);
        let mut ours: BTreeMap<&str, _> = nodes
            .filter(|(_, row)| row.counts.params + row.counts.work.macs > 0)
            .map(|(node, row)| (node.name.as_str(), row))
            .collect();
        for expected in list(&golden["rows"], "rows") {
            let [module, class, output, params, macs] = [0, 1, 2, 3, 4].map(|i| &expected[i]);
            let (params, macs) = (params.as_u64().unwrap(), macs.as_u64().unwrap());
            if params + macs == 0 {
                continue;
            }
            // A scale for each channel is a bare parameter of ConvNeXt's block.
            let own = if class == "CNBlock" { ".layer_scale" } else { "" };
            let module = format!("{}{own}", module.as_str().unwrap());
            let row = ours
                .remove(module.as_str())
                .unwrap_or_else(|| panic!("{name}: no layer {module} with numbers"));
            assert_eq!(
                (row.outputs[0], row.counts.params, row.counts.work.macs),
                (Shape::new(&dims(output)).unwrap(), params, macs),
                "{name}: {module}"
            );
        }
        let heads: u64 = ours.values().map(|row| row.counts.params).sum();
        assert_eq!(
            Some(heads),
            golden["params_in_aux_heads"].as_u64(),
            "{name}: {:?}",
            ours.keys()
        );
        let in_heads: u64 = ours.values().map(|row| row.counts.work.macs).sum();
        let totals = analysis.totals;
        assert_eq!(Some(totals.params), golden["params"].as_u64(), "{name}");
        assert_eq!(Some(totals.buffers), golden["buffers"].as_u64(), "{name}");
        assert_eq!(Some(totals.work.macs - in_heads), golden["macs"].as_u64(), "{name}");
    }
}

/// Modules without parameters: as many of each kind and output shape. torch calls some operators as functions, which are
/// no modules, so there may be more layers here.
#[test]
fn every_module_without_parameters_is_a_layer_of_its_shape() {
    for (name, golden) in networks() {
        let document = network(&name);
        let analysis = analysis(&document);
        let mut ours: BTreeMap<(String, Vec<u64>), i64> = BTreeMap::new();
        for (node, row) in document.graph.nodes().iter().zip(&analysis.rows) {
            *ours.entry((node.op.name(), row.outputs[0].dims().to_vec())).or_default() += 1;
        }
        for expected in list(&golden["rows"], "rows") {
            let (class, output) = (expected[1].as_str().unwrap(), dims(&expected[2]));
            if let Some((_, operator)) = OPERATORS.iter().find(|(known, _)| *known == class) {
                let left = ours.entry(((*operator).to_owned(), output.clone())).or_default();
                *left -= 1;
                assert!(*left >= 0, "{name}: too few {operator} that yield {output:?}");
            } else {
                let counted = expected[3].as_u64() > Some(0);
                assert!(counted, "{name}: {class} has no parameters and no operator");
            }
        }
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

/// Parameters to the last digit; what torchvision calls GFLOPS are GMACs, to the three decimals that it prints.
#[test]
fn what_torchvision_publishes() {
    let mut lines = PUBLISHED.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("name,num_params,gmacs"));
    let mut checked = 0;
    for line in lines {
        let [name, params, gmacs] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let totals = analysis(&network(name)).totals;
        #[allow(clippy::cast_precision_loss, reason = "rounded to three digits")]
        let found = (totals.params.to_string(), format!("{:.3}", totals.work.macs as f64 / 1e9));
        assert!(params.is_empty() || params == found.0, "{name}: {params}, {}", found.0);
        assert!(gmacs.is_empty() || gmacs == found.1, "{name}: {gmacs}, {}", found.1);
        checked += 1;
    }
    assert!(checked >= 60, "{checked}");
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

//! Output and parameter shapes of convolutions, pools, pads, resizings and linear layers against PyTorch's own.

use std::collections::BTreeMap;

use cnnstat::Shape;
use cnnstat::ops::args::{ArgValue, Args, Written};
use cnnstat::ops::{Layer, Op};
use serde_json::Value;

const CASES: &str = include_str!("../golden/shapes_a.json");

fn argument(value: &Value) -> ArgValue {
    match value {
        Value::Null => ArgValue::None,
        Value::Bool(b) => ArgValue::Bool(*b),
        Value::Number(n) => {
            n.as_i64().map_or_else(|| ArgValue::Float(n.as_f64().unwrap()), ArgValue::Int)
        }
        Value::String(text) => ArgValue::Text(text.clone()),
        Value::Array(items) => ArgValue::List(items.iter().map(argument).collect()),
        Value::Object(_) => panic!("an argument is no map: {value}"),
    }
}

fn dims(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

#[test]
fn shapes_are_pytorchs() {
    let golden: Value = serde_json::from_str(CASES).unwrap();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for case in golden["cases"].as_array().unwrap() {
        let (id, name) = (&case["id"], case["op"].as_str().unwrap());
        let (entry, rank) = Op::find(name).unwrap_or_else(|| panic!("{id}: no operator {name}"));
        let config = case["config"].as_object().unwrap();
        let named = config.iter().map(|(name, value)| (name.clone(), argument(value))).collect();
        let written = Written { positional: Vec::new(), named };
        let (args, arrivals) = Args::bind_torch(entry.signature, entry.torch, rank, written)
            .unwrap_or_else(|error| panic!("{id}: {error:?}"));
        let op = (entry.build)(&args).unwrap_or_else(|error| panic!("{id}: {error:?}"));

        let input = Shape::new(&dims(&case["input"])).unwrap();
        for arrival in arrivals {
            let axis = usize::try_from(arrival.axis).unwrap_or(input.rank() - 1);
            assert_eq!(input.get(axis), Some(arrival.value), "{id}: {}", arrival.name);
        }
        let outputs = op.infer(&[input]).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(outputs[0].dims(), dims(&case["output"]), "{id}: output of {}", op.args_text());

        let params = op.params(&[input]).unwrap();
        let expected = case["params"].as_object().unwrap();
        assert_eq!(params.len(), expected.len(), "{id}: number of parameters");
        for param in params {
            assert_eq!(param.shape.dims(), dims(&expected[&*param.name]), "{id}: {}", param.name);
        }
        *seen.entry(name.to_owned()).or_default() += 1;
    }
    assert_eq!(seen.len(), 20, "operators and ranks with cases: {seen:?}");
}

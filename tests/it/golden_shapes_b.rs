//! Output shapes and parameters of normalisations, activations, softmax and flatten against PyTorch's, called in torch's
//! own words.

use cnnstat::Shape;
use cnnstat::ops::args::{ArgValue, Args, Written};
use cnnstat::ops::{Layer, Op};
use serde_json::Value;

const GOLDEN: &str = include_str!("../golden/shapes_b.json");

fn value(json: &Value) -> ArgValue {
    match json {
        Value::Null => ArgValue::None,
        Value::Bool(b) => ArgValue::Bool(*b),
        Value::Number(n) => {
            n.as_i64().map_or_else(|| ArgValue::Float(n.as_f64().expect("a float")), ArgValue::Int)
        }
        Value::String(text) => ArgValue::Text(text.clone()),
        Value::Array(items) => ArgValue::List(items.iter().map(value).collect()),
        Value::Object(_) => panic!("no argument is a map"),
    }
}

fn shape(json: &Value) -> Shape {
    let dims: Vec<u64> =
        json.as_array().expect("a shape").iter().map(|n| n.as_u64().expect("a size")).collect();
    Shape::new(&dims).expect("a shape of few axes")
}

#[test]
fn shapes_and_parameters_are_torchs() {
    let golden: Value = serde_json::from_str(GOLDEN).expect("the golden file is JSON");
    let cases = golden["cases"].as_array().expect("a list of cases");
    assert!(cases.len() > 40, "the golden file holds {} cases", cases.len());
    for case in cases {
        let (id, name) = (&case["id"], case["op"].as_str().expect("a name"));
        let (entry, rank) = Op::find(name).unwrap_or_else(|| panic!("{id}: no operator {name}"));
        let config = case["config"].as_object().expect("a map of arguments");
        let written = Written {
            positional: Vec::new(),
            named: config.iter().map(|(name, json)| (name.clone(), value(json))).collect(),
        };
        let (args, arrivals) = Args::bind_torch(entry.signature, entry.torch, rank, written)
            .unwrap_or_else(|error| panic!("{id}: {error:?}"));
        let op = (entry.build)(&args).unwrap_or_else(|error| panic!("{id}: {error:?}"));

        let inputs = [shape(&case["input"])];
        for arrival in arrivals {
            let axis = usize::try_from(arrival.axis).expect("an axis from the front");
            assert_eq!(inputs[0].get(axis), Some(arrival.value), "{id}: {}", arrival.name);
        }
        let outputs = op.infer(&inputs).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(*outputs, [shape(&case["output"])], "{id}");
        let params: Vec<(String, Shape)> = op
            .params(&inputs)
            .unwrap_or_else(|error| panic!("{id}: {error}"))
            .into_iter()
            .map(|param| (param.name.to_string(), param.shape))
            .collect();
        let expected: Vec<(String, Shape)> = case["params"]
            .as_array()
            .expect("a list of tensors")
            .iter()
            .map(|p| (p["name"].as_str().expect("a name").to_owned(), shape(&p["shape"])))
            .collect();
        assert_eq!(params, expected, "{id}");
    }
}

#[test]
fn every_operator_is_found_by_each_of_its_names_and_reads_what_it_writes() {
    for name in Op::names() {
        let (entry, rank) = Op::find(&name).unwrap_or_else(|| panic!("{name} is not found"));
        // Operators whose arguments all have defaults can be built from nothing.
        let Ok(args) = Args::bind(entry.signature, rank, Written::default()) else { continue };
        let op = (entry.build)(&args).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(op.args_text(), "", "{name}");
        assert_eq!((entry.build)(&op.args()), Ok(op.clone()), "{name}");
        assert_eq!(op.entry().name, entry.name);
    }
}

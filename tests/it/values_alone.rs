//! Values that no input makes: parameters, buffers and constants, in every count and in what is run.

use cnnstat::diag::Source;
use serde_json::Value;

use crate::common::{analysis, read, row};
use crate::run::{Run, run_on};

/// Tokens of a vision transformer in small: 6 patches of 4 features, embedded and scaled.
const TOKENS: &str = "model: tokens
input: [6, 4]
blocks:
  embed(@x, n, c):
    - positions: parameter(1, n, c)
    - add(@x, @positions)
layers:
  - patches: linear(4)
  - embed: embed(@, 6, 4)
  - scale: buffer(4, value=2)
  - mul(@embed, @scale)
  - gate: sigmoid
  - one: constant(1, value=1)
  - sub(@one, @gate)
";

fn on(args: &str, text: &str) -> Run {
    run_on(&args.split_whitespace().collect::<Vec<_>>(), text)
}

#[test]
fn they_are_counted_once_and_take_no_memory_of_their_own() {
    let model = read(&Source::new("tokens", TOKENS), None);
    let found = analysis(&model);
    // 4·4 + 4 of the linear layer, 1·6·4 positions.
    assert_eq!((found.totals.params, found.totals.buffers), (20 + 24, 4));
    // Outputs of linear, add, mul, sigmoid and sub, and the constant.
    assert_eq!(found.totals.activations, 5 * 24 + 1);
    let positions = row(&model, &found, "embed.positions");
    assert_eq!(positions.outputs.known().unwrap()[0].dims(), [1, 6, 4]);
    assert_eq!(positions.tensors[0].elements, 24);
    // At another batch they are what they are, and are stretched along it.
    let at_3: Value =
        serde_json::from_str(&on("- --batch 3 --format json", TOKENS).stdout).unwrap();
    let of = |name: &str| {
        let layers = at_3["layers"].as_array().unwrap();
        layers.iter().find(|layer| layer["name"] == name).unwrap()["outputs"].to_string()
    };
    assert_eq!((of("embed.positions"), of("embed.add")), ("[[1,6,4]]".into(), "[[3,6,4]]".into()));
    assert_eq!(at_3["totals"]["params"], 44);
}

#[test]
fn they_run_and_every_number_is_what_was_computed() {
    for name in ["reference", "fast"] {
        for batch in [1, 3] {
            let run = on(&format!("verify - --backend {name} --batch {batch}"), TOKENS);
            assert!(run.stdout.contains("all equal"), "{}{}", run.stdout, run.stderr);
        }
    }
}

/// Rows of another number, and maps that differ in their number alone: nothing is to be cut.
#[test]
fn values_of_another_batch_are_not_joined() {
    for (input, size) in [("[4]", "2, 4"), ("[4, 5, 5]", "2, 4, 5, 5")] {
        for join in ["concat(@x, @p)", "add(@x, @p)"] {
            let text = format!(
                "model: m\ninput: {input}\nlayers:\n  - x: relu\n  - p: parameter({size})\n  - {join}\n"
            );
            let run = run_on(&["-", "--batch", "3"], &text);
            assert!(run.status == 2 && !run.stderr.contains("crop"), "{join}: {}", run.stderr);
        }
    }
}

/// Its gradient begins at the loss, and is no part of what the network owns.
#[test]
fn one_that_is_an_output_of_the_network_runs_too() {
    let text = "model: m\ninput: [3, 8, 8]\nlayers:\n  - conv2d(4, 3)\n  - side:\n      - aux: parameter(1, 3)\n";
    for batch in ["1", "2"] {
        let run = run_on(&["verify", "-", "--batch", batch], text);
        assert!(run.stdout.contains("all equal"), "{}{}", run.stdout, run.stderr);
    }
}

/// torch makes no gradient of a constant: beside x's and the product's, nothing is alive at the peak.
#[test]
fn as_torch_a_constant_has_no_gradient() {
    let text = "model: m\ninput: [3, 8, 8]\nlayers:\n  - x: conv2d(4, 1)\n  - c: constant(1, 4, 8, 8, value=2)\n  - mul(@x, @c)\n";
    let args = ["memory", "-", "--as", "torch", "--format", "json"];
    let found: Value = serde_json::from_str(&run_on(&args, text).stdout).unwrap();
    // 16 parameters, the input of 192, and x, c and the product of 256 each; later x is freed.
    assert_eq!(found["training"]["peak_bytes"], 4 * (16 + 192 + 3 * 256));
}

/// A trained tensor comes before the tensors of modules beside it, under its layer's name, as torch's `state_dict` has it.
#[test]
fn the_tensor_is_called_as_the_layer() {
    let listed: Value =
        serde_json::from_str(&on("params - --buffers --format json", TOKENS).stdout).unwrap();
    let names: Vec<&str> = listed["tensors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tensor| tensor["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["scale", "patches.weight", "patches.bias", "embed.positions"]);
}

#[test]
fn nothing_can_be_given_to_them_and_what_follows_goes_on_from_them() {
    let given = on("-", "model: m\ninput: [4]\nlayers:\n  - x: linear(4)\n  - parameter(@x, 4)\n");
    assert_eq!(given.status, 2);
    for part in ["E0407", "takes no input, but 1 arrive", "join that with others"] {
        assert!(given.stderr.contains(part), "{part}\n{}", given.stderr);
    }
    let lost = on("-", "model: m\ninput: [4]\nlayers:\n  - x: linear(4)\n  - parameter(7)\n");
    assert!(lost.stderr.contains("nothing reads `x`"), "{}", lost.stderr);
}

/// A position that depends on no input has no receptive field, and leaves that of what it is added to as it is.
#[test]
fn fields_pass_by_them() {
    let text = "model: m\ninput: [3, 9, 9]\nlayers:\n  - x: conv2d(4, 3)\n  - p: parameter(1, 4, 7, 7)\n  - add(@x, @p)\n  - conv2d(4, 3)\n";
    let report: Value = serde_json::from_str(&on("- --format json", text).stdout).unwrap();
    let extent = |at: usize| report["layers"][at]["receptive_field"][0]["extent"].clone();
    assert_eq!([0, 1, 2, 3].map(extent), [3.into(), Value::Null, 3.into(), 5.into()]);
}

/// What a gate of ones holds is no gradient of anything: only what training changes gets one.
#[test]
fn only_parameters_are_trained() {
    let text = "model: m\ninput: [4]\nlayers:\n  - x: identity(@)\n  - b: buffer(4, value=1)\n  - add(@x, @b)\n  - p: parameter(4)\n  - mul(@add, @p)\n";
    let memory: Value = serde_json::from_str(&on("memory - --format json", text).stdout).unwrap();
    let bytes = ["param_bytes", "buffer_bytes", "gradient_bytes"];
    assert_eq!(bytes.map(|key| memory["training"][key].clone()), [16, 16, 16].map(Value::from));
}

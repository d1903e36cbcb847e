//! The command line from outside, one rule a test. Sums are in `sums.rs`, colour and width in `screen.rs`, `check` in
//! `check.rs`, hostile texts in `hostile_text.rs`.

use std::io::Read as _;

use serde_json::Value;

use crate::run::{cnnstat, file, page, run, run_args, run_on, scratch, zoo};

const ALEXNET: &str = include_str!("../../models/alexnet.yaml");
const CUSTOM: &str = include_str!("../../models/custom_cnn.yaml");

fn json(line: &str) -> Value {
    serde_json::from_str(&page(&format!("{line} --format json"))).unwrap()
}

fn totals(line: &str) -> Value {
    json(line)["totals"].take()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn the_table_has_the_published_numbers() {
    let text = page("models/alexnet.yaml");
    for number in ["60,965,224", "724,406,816"] {
        assert!(text.contains(number), "{text}");
    }
}

#[test]
fn a_name_of_the_zoo_is_its_file_and_variant() {
    assert_eq!(page("vgg16"), page("models/vgg.yaml#vgg16"));
    assert_eq!(page("alexnet"), page("models/alexnet.yaml"));
    assert_ne!(page("vgg16"), page("models/vgg.yaml#vgg11"));
}

#[test]
fn a_path_wins_over_a_name() {
    let folder = scratch("cli_path");
    file(&folder, "alexnet", "model: mine\ninput: [3, 8, 8]\nlayers: [relu]\n");
    let mut command = cnnstat();
    command.current_dir(&folder).arg("alexnet");
    assert!(crate::run::finish(command).stdout.starts_with("mine\n"));
}

#[test]
fn a_description_comes_by_standard_input_too() {
    let run = run_on(&["-"], ALEXNET);
    assert_eq!((run.status, run.stdout), (0, page("alexnet")));
    for args in [&["params", "--", "-#custom_cnn_bn"][..], &["params", "-#custom_cnn_bn"]] {
        let run = run_on(args, CUSTOM);
        assert_eq!((run.status, run.stdout), (0, page("params custom_cnn_bn")));
    }
    let run = run_on(&["params", "-#custom_cnn_bn", "--freeze", "x"], CUSTOM);
    assert!(run.stderr.contains("`cnnstat params -#custom_cnn_bn`"), "{}", run.stderr);
    let run = run_on(&["-"], "model: m\ninput: [3, 8, 8]\nlayers: [nosuch]\n");
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("<stdin>:3:10"), "{}", run.stderr);
}

#[test]
fn several_networks_come_at_once() {
    let both = json("lenet5 m5");
    assert_eq!(both, Value::Array(vec![json("lenet5"), json("m5")]));
    let table = page("lenet5 m5");
    assert_eq!(table, format!("{}\n{}", page("lenet5"), page("m5")));
    let csv = page("lenet5 m5 --format csv");
    let mut models: Vec<&str> = csv.lines().map(|line| line.split(',').next().unwrap()).collect();
    models.dedup();
    assert_eq!(models, ["model", "lenet5", "m5"]);
}

#[test]
fn one_that_is_wrong_does_not_hide_the_others() {
    let run = run("lenet5 tests/fixtures/bad/E0502_kernel.yaml m5 --format json");
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("error[E0502]"), "{}", run.stderr);
    let reports: Value = serde_json::from_str(&run.stdout).unwrap();
    let names: Vec<&Value> = reports.as_array().unwrap().iter().map(|r| &r["model"]).collect();
    assert_eq!(names, ["lenet5", "m5"]);
}

#[test]
fn a_page_goes_into_a_file() {
    let folder = scratch("cli_output");
    for command in ["alexnet --format csv", "params alexnet", "expand alexnet", "check lenet5"] {
        let path = folder.join(command.replace(' ', "_"));
        let path = path.to_str().unwrap();
        let args: Vec<&str> = command.split(' ').chain(["-o", path]).collect();
        let run = run_args(&args);
        assert_eq!(
            (run.status, run.stdout.as_str(), run.stderr.as_str()),
            (0, "", ""),
            "{command}"
        );
        assert_eq!(std::fs::read_to_string(path).unwrap(), page(command), "{command}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let folder = scratch("cli_unwritable");
    let run = run_args(&["alexnet", "-o", folder.to_str().unwrap()]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("error[E0105]"), "{}", run.stderr);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut command = cnnstat();
    // More than a pipe holds.
    command.args(zoo()).args(zoo()).args(zoo()).args(["--format", "json"]);
    let mut child = command.spawn().unwrap();
    let mut first = [0; 1];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn variables_are_replaced() {
    let run = run_args(&["params", "custom_cnn", "--set", "cdims=[32, 64, 128]"]);
    assert_eq!(run.status, 0);
    // Three poolings leave 3 × 3 of 28 × 28.
    let total = 32 * 9 + 32 + 64 * 32 * 9 + 64 + 128 * 64 * 9 + 128 + 128 * 9 * 32 + 32 + 330;
    let params = totals("custom_cnn --set cdims=[32,64,128]")["params"].as_u64().unwrap();
    assert_eq!(params, total);
    assert!(run.stdout.contains("(128, 64, 3, 3)"), "{}", run.stdout);
}

#[test]
fn inputs_are_replaced() {
    let report = json("mobilenet_v1 --input 3x256x256");
    assert_eq!(report["inputs"][0]["shape"], serde_json::json!([1, 3, 256, 256]));
    assert_eq!(report["totals"]["params"], 4_231_976);
    assert!(number(&report["totals"]["work"]["macs"]) > 568_740_352);
    assert_eq!(report, json("mobilenet_v1 --input input=3x256x256"));
    let text = "model: m\ninput: {image: [3, 8, 8]}\nlayers: [relu]\n";
    let run = run_on(&["-", "--input", "image=3x9x9", "--format", "json"], text);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["outputs"][0]["shape"], serde_json::json!([1, 3, 9, 9]));
}

#[test]
fn a_batch_scales_work_and_activations_and_no_parameters() {
    let (one, eight) = (totals("alexnet"), totals("alexnet --batch 8"));
    assert_eq!(number(&eight["work"]["macs"]), 8 * number(&one["work"]["macs"]));
    assert_eq!(number(&eight["activations"]), 8 * number(&one["activations"]));
    assert_eq!(eight["params"], one["params"]);
    assert_eq!(eight["param_bytes"], one["param_bytes"]);
}

#[test]
fn half_precision_halves_bytes() {
    let (single, half) = (totals("alexnet"), totals("alexnet --dtype f16"));
    for key in ["param_bytes", "activation_bytes"] {
        assert_eq!(2 * number(&half[key]), number(&single[key]), "{key}");
    }
    for key in ["params", "activations", "flops", "work"] {
        assert_eq!(half[key], single[key], "{key}");
    }
}

#[test]
fn frozen_parameters_are_not_trained_and_count_all_the_same() {
    let (all, frozen) = (totals("vgg16"), totals("vgg16 --freeze features.*"));
    // Thirteen convolutions of VGG-16 hold this many parameters.
    assert_eq!(number(&all["trainable"]) - number(&frozen["trainable"]), 14_714_688);
    for key in ["params", "work", "flops", "activations", "param_bytes"] {
        assert_eq!(frozen[key], all[key], "{key}");
    }
}

#[test]
fn training_mode_counts_the_statistics_of_the_batch() {
    let (eval, train) = (json("m5"), json("m5 --mode train"));
    assert_eq!((&eval["mode"], &train["mode"]), (&"eval".into(), &"train".into()));
    let adds = |report: &Value| number(&report["totals"]["work"]["adds"]);
    assert!(adds(&train) > adds(&eval));
    assert_eq!(train["totals"]["work"]["macs"], eval["totals"]["work"]["macs"]);
    // Without batch norm and dropout there is no difference.
    assert_eq!(totals("lenet5 --mode train"), totals("lenet5"));
}

#[test]
fn columns_are_picked_and_integers_printed_in_full() {
    let text = page("alexnet --columns name,params --exact");
    assert!(text.contains("37,752,832"), "{text}");
    let csv = page("alexnet --columns name,params --format csv");
    assert!(csv.starts_with("name,params\nconv1,34944\n"), "{csv}");
    let run = run("alexnet --columns parms");
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("did you mean `params`?"), "{}", run.stderr);
}

#[test]
fn explanations_put_the_lecture_s_numbers_in() {
    let text = page("explain models/alexnet_slide.yaml");
    for formula in [
        "11 × 11 × 3 × 96 = 34,848",
        "5 × 5 × 48 × 128 × 2 = 307,200",
        "3 × 3 × 256 × 384 = 884,736",
        "3 × 3 × 192 × 192 × 2 = 663,552",
        "3 × 3 × 192 × 128 × 2 = 442,368",
        "256 × 13 × 13 × 4096 = 177,209,344",
        "4096 × 4096 = 16,777,216",
        "4096 × 1000 = 4,096,000",
    ] {
        assert!(text.contains(formula), "{formula}");
    }
    let layer = "model: m\ninput: [128, 28, 28]\nlayers:\n  - conv2d(64, 3, padding=1)\n";
    let run = run_on(&["explain", "-"], layer);
    assert!(run.stdout.contains("3 × 3 × 128 × 64 = 73,728"), "{}", run.stdout);
}

#[test]
fn explanations_are_of_the_layers_that_are_named() {
    let (all, one) = (page("explain alexnet"), page("explain alexnet conv2"));
    let (_, section) = one.split_once("\n\n").unwrap();
    assert!(section.starts_with("conv2"), "{one}");
    assert!(all.contains(section.trim_end()), "{section}");
    assert!(!one.contains("fc6"), "{one}");
    let scope = page("explain mobilenet_v1 block1");
    for name in ["block1.dw.conv", "block1.pw.bn"] {
        assert!(scope.contains(name), "{scope}");
    }
    assert_eq!(page("explain alexnet fc*").matches("weight:").count(), 3);
    let run = run("explain alexnet conv22");
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("did you mean `conv2`?"), "{}", run.stderr);
}

#[test]
fn codes_are_explained() {
    let text = page("explain-error E0301");
    assert!(text.starts_with("# E0301: "), "{text}");
    let run = run("explain-error E9999");
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("E9999"), "{}", run.stderr);
}

#[test]
fn operators_are_described_or_not_known() {
    let text = page("ops conv2d");
    for word in ["out_channels", "dilation", "(H + 2P − F)/S + 1"] {
        assert!(text.contains(word), "{text}");
    }
    let run = run("ops covn2d");
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("did you mean `conv2d`?"), "{}", run.stderr);
    assert_eq!(crate::run::run("ops nosuch").status, 2);
}

#[test]
fn parameters_are_listed_as_in_the_lecture() {
    let text = page("params models/custom_cnn.yaml");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with('['))
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    let expected = [
        ["[0] net.conv2d_00.weight", "(32, 1, 3, 3)", "288"],
        ["[1] net.conv2d_00.bias", "(32,)", "32"],
        ["[2] net.conv2d_04.weight", "(64, 32, 3, 3)", "18,432"],
        ["[3] net.conv2d_04.bias", "(64,)", "64"],
        ["[4] net.linear_09.weight", "(32, 3136)", "100,352"],
        ["[5] net.linear_09.bias", "(32,)", "32"],
        ["[6] net.linear_11.weight", "(10, 32)", "320"],
        ["[7] net.linear_11.bias", "(10,)", "10"],
    ];
    assert_eq!(rows, expected);
    assert!(text.trim_end().ends_with("119,530"), "{text}");
}

#[test]
fn buffers_are_listed_when_asked_for() {
    let list = |line: &str| json(&format!("params {line}"));
    let (plain, buffers) = (list("vgg16_bn"), list("vgg16_bn --buffers"));
    let tensors = |listing: &Value| listing["tensors"].as_array().unwrap().len();
    // Thirteen batch norms have a mean, a variance and a count of batches each.
    assert_eq!(tensors(&buffers) - tensors(&plain), 3 * 13);
    assert_eq!(plain["params"], 138_365_992);
    // Two statistics of 4,224 channels, thirteen counts.
    assert_eq!(buffers["buffers"], 2 * 4_224 + 13);
}

#[test]
fn an_expansion_is_the_same_network() {
    for name in zoo() {
        let run = run_on(&["-", "--format", "json"], &page(&format!("expand {name}")));
        let again: Value = serde_json::from_str(&run.stdout).unwrap();
        let first = json(name);
        for key in ["model", "totals", "layers", "outputs"] {
            assert_eq!(again[key], first[key], "{name}: {key}");
        }
    }
}

#[test]
fn an_expansion_is_of_the_input_that_is_asked_for() {
    for change in ["--input 3x32x32", "--set cdims=[8,16,32]"] {
        let text = page(&format!("expand custom_cnn {change}"));
        // What the description expects it does not expect of another network.
        assert!(!text.contains("expect:"), "{text}");
        let run = run_on(&["-", "--format", "json"], &text);
        let again: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(again["totals"], totals(&format!("custom_cnn {change}")), "{change}");
    }
}

#[test]
fn built_in_networks_are_no_files_and_helps_name_what_was_typed() {
    let run = run("params vgg16 --freeze x");
    assert!(run.stderr.contains("vgg.yaml (built in)"), "{}", run.stderr);
    assert!(run.stderr.contains("`cnnstat params vgg16` lists"), "{}", run.stderr);
    for line in ["vgg16 --set x=1", "explain vgg16 nosuch", "vgg16 --input 3x2x2"] {
        let run = crate::run::run(line);
        assert!(run.stderr.contains("--> vgg.yaml (built in)"), "{line}: {}", run.stderr);
        assert!(!run.stderr.contains("models/"), "{line}: {}", run.stderr);
    }
}

#[test]
fn csv_has_one_sign_between_sizes() {
    let columns = "kernel,receptive_field,stride,input,output";
    for line in [&format!("c3d dcgan_generator --columns {columns}"), "mobilenet_v1"] {
        let csv = page(&format!("{line} --format csv"));
        assert!(!csv.contains('×'), "{line}: {csv}");
    }
    assert!(page(&format!("c3d --columns {columns}")).contains('×'));
    assert!(page("check dcgan_generator --format csv").contains(",3x64x64,ok"));
}

#[test]
fn a_usage_error_is_2_and_help_is_0() {
    for line in
        ["", "alexnet --depth x", "alexnet --nosuch", "alexnet --batch 0", "--depth 1 params m"]
    {
        let run = run(line);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{line}");
        assert!(run.stderr.contains("error: "), "{line}: {}", run.stderr);
    }
    assert_eq!(page("--version"), format!("cnnstat {}\n", env!("CARGO_PKG_VERSION")));
}

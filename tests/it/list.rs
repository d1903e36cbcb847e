//! `cnnstat list`: which networks are listed, with the summary's numbers, sorted, and what becomes of one that cannot be
//! read.

use cnnstat::internals::report::text::width;
use serde_json::Value;

use crate::run::{Run, file, page, run, run_args, scratch};

const LENET: &str = include_str!("../../models/lenet5.yaml");

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn models(line: &str) -> Vec<Value> {
    json(&page(&format!("list {line} --format json")))["models"].as_array().unwrap().clone()
}

fn names(line: &str) -> Vec<String> {
    models(line).iter().map(|model| model["model"].as_str().unwrap().to_owned()).collect()
}

/// The networks that `check` looks at are the networks that are listed.
#[test]
fn the_zoo_is_listed_with_its_variants() {
    let check = json(&page("check models --format json"));
    let rows = check["rows"].as_array().unwrap().iter();
    let mut checked: Vec<&str> = rows.map(|row| row["model"].as_str().unwrap()).collect();
    checked.dedup();
    // What a budget sets of one is no network of its own.
    checked.retain(|name| !name.contains(" ["));
    assert!(checked.len() >= 18, "{checked:?}");
    assert_eq!(names(""), checked);
    assert_eq!(names("models"), checked);
    assert_eq!(names("models/custom_cnn.yaml"), ["custom_cnn", "custom_cnn_bn"]);
    assert_eq!(names("lenet5 vgg16 models/vgg.yaml#vgg11"), ["lenet5", "vgg16", "vgg11"]);
}

#[test]
fn numbers_are_the_summary_s() {
    for options in ["", "--batch 4 --dtype f16 --mode train"] {
        for model in models(options) {
            let name = model["model"].as_str().unwrap();
            let report = json(&page(&format!("{name} {options} --format json")));
            for key in ["totals", "inputs", "status"] {
                assert_eq!(model[key], report[key], "{name} {key}");
            }
            let outputs = |of: &Value| {
                let outputs = of["outputs"].as_array().unwrap().iter();
                outputs.map(|o| (o["name"].clone(), o["shape"].clone())).collect::<Vec<_>>()
            };
            assert_eq!(outputs(&model), outputs(&report), "{name} outputs");
            assert_eq!(
                model["layers"].as_u64(),
                report["layers"].as_array().map(|l| l.len() as u64)
            );
        }
    }
    let table = page("list alexnet --exact");
    let expected =
        "alexnet  1×3×227×227  60,965,224  724,406,816    1,917,032  195×195          1×1000";
    assert!(table.contains(expected), "{table}");
    assert!(page("list alexnet").contains("61.0 M  724 M       1.92 M"));
}

#[test]
fn a_receptive_field_is_of_the_last_layer_with_a_place() {
    let folder = scratch("list_field");
    let mlp = "model: mlp\ninput: [784]\nlayers: [linear(10)]\n";
    let conv = "model: conv\ninput: [1, 9, 9]\nlayers: ['conv2d(2, 3)', 'conv2d(2, 5)', global_avgpool, flatten, 'linear(2)']\n";
    let paths = [file(&folder, "a.yaml", mlp), file(&folder, "b.yaml", conv)];
    let text = page(&format!("list {} {} --format csv", paths[0], paths[1]));
    let fields: Vec<&str> = text.lines().map(|line| line.split(',').nth(6).unwrap()).collect();
    assert_eq!(fields, ["receptive_field", "", "7x7"]);
}

#[test]
fn rows_are_sorted_by_any_column() {
    let number = |model: &Value, keys: &[&str]| {
        keys.iter().fold(&model["totals"], |within, key| &within[key]).as_u64().unwrap()
    };
    let columns: [(&str, &[&str]); 3] =
        [("params", &["params"]), ("macs", &["work", "macs"]), ("activations", &["activations"])];
    for (column, keys) in columns {
        let models = models(&format!("--sort {column}"));
        let numbers: Vec<u64> = models.iter().map(|model| number(model, keys)).collect();
        assert!(
            numbers.is_sorted_by(|a, b| a >= b) && numbers.len() >= 18,
            "{column}: {numbers:?}"
        );
    }
    assert!(names("--sort name").is_sorted() && !names("").is_sorted());
    assert_eq!(names("--sort model"), names("--sort name"));
    assert_eq!(names("--sort input")[0], "efficientnet_b7");
    assert_eq!(names("--sort output")[0], "fcn32s");
    assert_eq!(names("--sort rf")[0], "densenet201");
    let Run { status, stderr, .. } = run("list --sort colour");
    assert!(status == 2 && stderr.contains("receptive_field"), "{stderr}");
    assert!(run("list --exact --format csv").stderr.contains("CSV has integers in full"));
}

#[test]
fn one_that_cannot_be_read_does_not_hide_the_others() {
    let folder = scratch("list_bad");
    file(&folder, "a.yaml", LENET);
    file(&folder, "b.yaml", "model: m\ninput: [3, 8, 8]\nlayers: [nosuch]\n");
    file(&folder, "c.yaml", "on: push\n");
    let Run { status, stdout, stderr } = run_args(&["list", folder.to_str().unwrap()]);
    assert_eq!(status, 2);
    assert!(stdout.contains("\nlenet5 "), "{stdout}");
    let sentence =
        "1 network; 1 description with errors; 1 YAML file skipped that is no description";
    assert!(stdout.ends_with(&format!("{sentence}\n")), "{stdout}");
    assert!(stderr.contains("error[E0306]") && stderr.contains("b.yaml:3"), "{stderr}");
    let empty = scratch("list_empty");
    let Run { status, stdout, .. } = run_args(&["list", empty.to_str().unwrap()]);
    assert_eq!((status, stdout.as_str()), (0, "0 networks\n"));
    assert_eq!(run("list no/such").status, 2);
}

#[test]
fn no_line_is_wider_than_it_may_be() {
    for columns in [80, 60, 40] {
        for row in page(&format!("list --width {columns}")).lines() {
            assert!(width(row) <= columns, "{columns}: {row}");
        }
    }
    let heads = |columns: u32| page(&format!("list vgg16 --width {columns}"));
    assert!(heads(120).contains("receptive field"));
    let narrow = page("list --width 80");
    let head = narrow.lines().find(|line| line.starts_with("model")).unwrap();
    assert!(!head.contains("receptive field") && narrow.contains("alexnet_torchvision"));
    assert!(narrow.contains("no room for input, activations, receptive field: --width "));
}

#[test]
fn columns_are_chosen_and_rows_are_cut() {
    let csv = page(
        "list lenet5 alexnet --columns name,params,training_bytes,intensity,peak_activation_bytes --format csv",
    );
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "model,params,training_bytes,intensity,peak_activation_bytes");
    // The input and the output of the first activation, 6 × 28 × 28 each, in bytes: 2·4·4,704.
    let cells: Vec<&str> = lines[1].split(',').collect();
    assert_eq!((cells[0], cells[1], cells[4]), ("lenet5", "61706", "37632"), "{csv}");
    let text = page("list --top 3 --columns name,training_bytes --sort training_bytes");
    assert!(text.contains(", of which ") && text.contains("not shown (--top)"), "{text}");
    let top = page("list --top 3 --columns name,macs --format csv");
    let by_macs = names("--sort macs");
    let shown: Vec<&str> =
        top.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(shown, by_macs[..3]);
    assert!(run("list --columns parms").stderr.contains("did you mean `params`?"));
}

#[test]
fn a_setting_that_one_network_lacks_is_told() {
    let run = run_args(&["list", "custom_cnn", "lenet5", "--set", "ydim=7", "--format", "csv"]);
    // The head, two networks of a family, and the other.
    assert_eq!((run.status, run.stdout.lines().count()), (0, 4), "{}", run.stderr);
    assert!(run.stderr.contains("`ydim` is no variable of lenet5"), "{}", run.stderr);
    let run = run_args(&["list", "lenet5", "--set", "nosuch=7"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("no network that is listed has a variable `nosuch`"));
}

#[test]
fn a_field_beyond_the_input_is_marked_and_explained() {
    let text = page("list resnet152 lenet5");
    let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(row("resnet152").contains("> input") && !row("lenet5").contains("> input"), "{text}");
    assert!(text.contains("`> input` marks a receptive field larger than the input"), "{text}");
    assert!(!page("list resnet152 --format csv").contains("> input"));
}

#[test]
fn the_base_of_a_family_that_is_named_is_listed() {
    let listed = names("models/vgg.yaml");
    assert_eq!((listed[0].as_str(), listed.contains(&"vgg11".to_owned())), ("vgg", true));
    assert!(!names("models").contains(&"vgg".to_owned()));
}

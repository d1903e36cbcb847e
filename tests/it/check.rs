//! `cnnstat check`: what passes, what is missed, what is no check at all, and which exit code says so.

use serde_json::Value;

use crate::run::{file, page, run, run_args, scratch};

const LENET: &str = include_str!("../../models/lenet5.yaml");

#[test]
fn the_zoo_is_as_it_says() {
    let text = page("check models");
    assert!(text.contains("expectations met"), "{text}");
    assert!(!text.contains("MISS"), "{text}");
}

#[test]
fn one_changed_digit_is_a_miss_that_says_where() {
    let changed = LENET.replace("params: 61_706", "params: 61_716");
    let line = changed.lines().position(|line| line.contains("61_716")).unwrap() + 1;
    let path = file(&scratch("check_miss"), "lenet5.yaml", changed);
    let run = run_args(&["check", &path]);
    assert_eq!(run.status, 1);
    let row = run.stdout.lines().find(|line| line.contains("params")).unwrap();
    for word in ["61_716", "61,706", "MISS"] {
        assert!(row.contains(word), "{row}");
    }
    assert!(run.stdout.contains("1 of 3 expectations missed"), "{}", run.stdout);
    assert!(run.stderr.contains("error[E0601]: params is 61,706, but 61,716 is expected"));
    assert!(run.stderr.contains(&format!("{path}:{line}:11")), "{}", run.stderr);
}

#[test]
fn an_expectation_of_a_layer_is_checked() {
    let run = run("check tests/fixtures/missed/layer.yaml");
    assert_eq!(run.status, 1);
    assert!(run.stdout.contains("fc macs"), "{}", run.stdout);
}

#[test]
fn nothing_checked_is_no_pass() {
    let folder = scratch("check_empty");
    let folder = folder.to_str().unwrap();
    let run = run_args(&["check", folder]);
    assert_eq!(run.status, 2);
    assert!(run.stdout.starts_with("0 expectations checked"), "{}", run.stdout);
    let plain = "model: m\ninput: [3, 8, 8]\nlayers: [relu]\n";
    let path = file(&scratch("check_plain"), "plain.yaml", plain);
    let run = run_args(&["check", &path]);
    assert_eq!(run.status, 2);
    assert!(run.stdout.contains("1 without expectations"), "{}", run.stdout);
}

#[test]
fn what_cannot_be_read_outweighs_what_is_missed() {
    let folder = scratch("check_both");
    file(&folder, "a.yaml", LENET.replace("61_706", "61_707"));
    file(&folder, "b.yaml", "model: m\ninput: [3, 8, 8]\nlayers: [nosuch]\n");
    let run = run_args(&["check", folder.to_str().unwrap()]);
    assert_eq!(run.status, 2);
    assert!(run.stdout.contains("1 of 3 expectations missed"), "{}", run.stdout);
    assert!(run.stdout.contains("1 file with errors"), "{}", run.stdout);
    for code in ["error[E0601]", "error[E0306]"] {
        assert!(run.stderr.contains(code), "{code}: {}", run.stderr);
    }
}

#[test]
fn a_folder_may_hold_other_yaml_but_a_named_file_must_be_a_description() {
    let folder = scratch("check_other");
    std::fs::create_dir_all(folder.join("deeper")).unwrap();
    file(&folder.join("deeper"), "lenet5.yml", LENET);
    file(&folder, "empty.yaml", "");
    file(&folder, "notes.txt", "model: no YAML file");
    let other = file(&folder, "workflow.yaml", "on: push\njobs: {}\n");
    let run = run_args(&["check", folder.to_str().unwrap()]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    let sentence = "3 expectations met; 2 YAML files skipped that are no descriptions";
    assert!(run.stdout.contains(sentence), "{}", run.stdout);
    let run = run_args(&["check", &other]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("error[E0303]"), "{}", run.stderr);
}

#[test]
fn a_changed_network_is_not_checked() {
    for change in ["--set hdims=[64]", "--input 1x32x32", "--batch 2"] {
        let run = run(&format!("check custom_cnn {change}"));
        assert_eq!(run.status, 2, "{change}");
        assert!(run.stdout.contains("not checked"), "{change}: {}", run.stdout);
        assert!(!run.stdout.contains("MISS"), "{change}: {}", run.stdout);
    }
}

#[test]
fn a_description_is_checked_with_its_variants_and_a_variant_alone() {
    let models = |line: &str| {
        let value: Value =
            serde_json::from_str(&page(&format!("check {line} --format json"))).unwrap();
        let rows = value["rows"].as_array().unwrap();
        let mut names: Vec<String> =
            rows.iter().map(|row| row["model"].as_str().unwrap().to_owned()).collect();
        names.dedup();
        names
    };
    assert_eq!(models("models/custom_cnn.yaml"), ["custom_cnn", "custom_cnn_bn"]);
    assert_eq!(models("models/custom_cnn.yaml#custom_cnn_bn"), ["custom_cnn_bn"]);
    assert_eq!(models("models/vgg.yaml").len(), 8);
}

#[test]
fn every_format_has_a_row_for_each_expectation() {
    let csv = page("check lenet5 --format csv");
    let rows = "lenet5,params,61_706,61706,ok,lenet5.yaml (built in),26\n";
    assert!(
        csv.starts_with(&format!("model,what,expected,found,verdict,file,line\n{rows}")),
        "{csv}"
    );
    let markdown = page("check lenet5 --format markdown");
    assert!(markdown.contains("| ✅ ok | lenet5 | params | 61_706 | 61,706 |"), "{markdown}");
    let json: Value = serde_json::from_str(&page("check lenet5 --format json")).unwrap();
    assert_eq!(json["rows"][0]["outcome"], "met");
    assert_eq!(json["rows"].as_array().unwrap().len(), 3);
}

#[test]
fn rows_say_where_they_are_written() {
    let plain =
        "model: m\ninput: [3, 8, 8]\nlayers: [relu]\nvariants:\n  a: {expect: {params: 0}}\n";
    let path = file(&scratch("check_place"), "plain.yaml", plain);
    let rows = |args: &[&str]| {
        let run = run_args(&[&["check", "--format", "json"], args].concat());
        let check: Value = serde_json::from_str(&run.stdout).unwrap();
        let rows = check["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| (row["file"].clone(), row["line"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(rows(&[&path]), [(path.as_str().into(), 5.into())]);
    // So where nothing was compared.
    let variant = format!("{path}#a");
    assert_eq!(rows(&[&variant, "--batch", "2"]), [(path.as_str().into(), 5.into())]);
    let bare = plain.split("variants").next().unwrap();
    let path = file(&scratch("check_place"), "bare.yaml", bare);
    assert_eq!(rows(&[&path]), [(path.as_str().into(), Value::Null)]);
    let lines = LENET.lines().enumerate();
    let expected = lines.skip_while(|(_, line)| *line != "expect:").skip(1);
    let expected: Vec<Value> = expected.take(3).map(|(at, _)| (at + 1).into()).collect();
    let found = rows(&["lenet5"]).into_iter().map(|(_, line)| line);
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

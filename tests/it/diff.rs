//! `cnnstat diff`: what is found, that differences sum to those of the totals, how rows are grouped, and exit codes.

use cnnstat::internals::report::text::width;
use serde_json::{Value, json};

use crate::run::{Run, file, finish, page, run, run_args, run_on, scratch, zoo};

fn compare(line: &str) -> Value {
    serde_json::from_str(&page(&format!("diff {line} --format json"))).unwrap()
}

fn number(value: &Value) -> i128 {
    value.to_string().parse().unwrap()
}

/// Two descriptions in files of their own, as arguments.
fn two(name: &str, before: &str, after: &str) -> [String; 2] {
    let folder = scratch(name);
    [file(&folder, "before.yaml", before), file(&folder, "after.yaml", after)]
}

/// Text with one space where a table has several.
fn words(text: &str) -> String {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

/// A page that compares two descriptions.
fn between(name: &str, [before, after]: [&str; 2], options: &[&str]) -> String {
    let paths = two(name, before, after);
    let Run { status, stdout, stderr } =
        run_args(&[&["diff", &paths[0], &paths[1]], options].concat());
    assert_eq!((status, stderr.as_str()), (0, ""));
    stdout
}

/// Every layer is counted once, and all differences sum to the totals'; how many layers differ.
fn assert_sums(what: &str, diff: &Value) -> i128 {
    let count = |key: &str| number(&diff[key]);
    let both = count("changed") + count("renamed") + count("unchanged");
    assert_eq!(both + count("removed"), number(&diff["before"]["layers"]), "{what}");
    assert_eq!(both + count("added"), number(&diff["after"]["layers"]), "{what}");
    let layers = diff["layers"].as_array().unwrap();
    for (key, total) in diff["totals"].as_object().unwrap() {
        let (before, after) = (number(&total["before"]), number(&total["after"]));
        assert_eq!(number(&total["delta"]), after - before, "{what} {key}");
        let sum: i128 = layers.iter().map(|l| number(&l["quantities"][key]["delta"])).sum();
        assert_eq!(sum, after - before, "{what} {key}");
    }
    i128::try_from(layers.len()).unwrap()
}

/// The same as a table, one space where it has several.
fn tabled(name: &str, texts: [&str; 2], options: &[&str]) -> String {
    words(&between(name, texts, options))
}

#[test]
fn differences_of_layers_sum_to_those_of_the_networks() {
    let names = zoo();
    let mut differing = 0;
    for two in names.windows(2) {
        let line = two.join(" ");
        differing += assert_sums(&line, &compare(&line));
        assert_sums(&line, &compare(&format!("{line} --batch 3 --dtype f16 --mode train")));
    }
    assert!(differing > 100);
}

#[test]
fn batch_norm_is_added_and_what_stands_behind_it_renumbered() {
    let diff = compare("vgg16 vgg16_bn");
    let counts = ["added", "removed", "changed", "renamed", "unchanged"];
    assert_eq!(counts.map(|key| number(&diff[key])), [13, 0, 0, 30, 10]);
    let params = &diff["totals"]["params"];
    // Twice the channels of all thirteen convolutions.
    assert_eq!(number(&params["delta"]), 8_448);
    assert_eq!(params["percent"], json!(0.01));
    assert_eq!(diff["totals"]["buffers"]["percent"], Value::Null);
    let table = words(&page("diff vgg16 vgg16_bn"));
    for part in ["× 13 added batchnorm2d", "× 30 renamed features.2 … features.43", "+8.45 k"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let exact = words(&page("diff vgg16 vgg16_bn --exact"));
    assert!(exact.contains("parameters 138,357,544 138,365,992 +8,448 +0.01%\n"), "{exact}");
}

const BLOCKS: &str = "\
model: blocks
vars: {g: 1, k: 3}
input: [64, 8, 8]
layers:
  - for i in range(4):
      - block${i}:
          - conv1: conv2d(64, 1)
          - conv2: conv2d(64, k, padding=k // 2, groups=g)
          - relu
";

// Of each of four: 64·64·9 + 64 = 36,928 parameters before, 64·2·9 + 64 = 1,216 after; 64 positions.
#[test]
fn equal_changes_of_repeated_blocks_share_a_row() {
    let grouped = BLOCKS.replace("g: 1", "g: 32");
    let table = tabled("diff_blocks", [BLOCKS, &grouped], &["--exact"]);
    let expected = "conv2 in block0 … block3 × 4 groups 1 → 32 147,712 → 4,864 −142,848 9,437,184 → 294,912 −9,142,272\n";
    assert!(table.contains(expected), "{table}");
    assert!(table.contains("4 layers changed, 8 unchanged"), "{table}");
    let csv = between("diff_blocks", [BLOCKS, &grouped], &["--format", "csv"]);
    let row = "changed,block2.conv2,block2.conv2,conv2d,groups 1 → 32,36928,1216,-35712,2359296,73728,-2285568";
    assert_eq!((csv.lines().count(), csv.lines().nth(3)), (5, Some(row)));
}

#[test]
fn a_change_names_what_and_from_where_to_where() {
    let texts = [BLOCKS, &BLOCKS.replace("k: 3", "k: 5").replace("- relu", "- leaky_relu(0.1)")];
    let diff: Value =
        serde_json::from_str(&between("diff_kernel", texts, &["--format", "json"])).unwrap();
    let changes = |at: usize| diff["layers"][at]["changes"].clone();
    let change = |what: &str, name: Value, before: Value, after: Value| json!({ "what": what, "name": name, "before": before, "after": after });
    assert_eq!(changes(0)[0], change("argument", "kernel_size".into(), 3.into(), 5.into()));
    assert_eq!(changes(0)[1], change("argument", "padding".into(), 1.into(), 2.into()));
    let operator =
        change("operator", Value::Null, "relu".into(), "leaky_relu(negative_slope=0.1)".into());
    assert_eq!(changes(1), json!([operator]));
    assert_eq!(diff["layers"][1]["kind"], "changed");
}

#[test]
fn shapes_that_change_are_shown_before_and_after() {
    let wide = BLOCKS.replace("conv2d(64, 1)", "conv2d(32, 1)").replace("range(4)", "range(1)");
    let narrow = BLOCKS.replace("range(4)", "range(1)");
    let table = tabled("diff_shapes", [&narrow, &wide], &[]);
    for part in ["out_channels 64 → 32 1×64×8×8 → 1×32×8×8", "input 1×64×8×8 → 1×32×8×8"]
    {
        assert!(table.contains(part), "{part}: {table}");
    }
    let table = page("diff lenet5 lenet5 --input 1x32x32");
    assert!(table.starts_with("No difference in lenet5"), "{table}");
}

#[test]
fn a_scope_with_another_name_is_one_row() {
    let renamed = BLOCKS.replace("block${i}", "stage.${i}");
    let table = tabled("diff_scope", [BLOCKS, &renamed], &[]);
    let row = "block0.conv1 … block3.2 × 12 renamed stage.0.conv1 … stage.3.2";
    assert!(table.contains(row) && table.contains("12 layers renamed\n"), "{table}");
    assert!(table.contains("parameters") && table.contains(" 0\n"), "{table}");
}

#[test]
fn layers_that_change_places_are_no_equal_network() {
    let layers = |order: &str| format!("model: m\ninput: [8, 8, 8]\nlayers: [{order}]\n");
    let (before, after) = (layers("a: relu, b: batchnorm2d"), layers("b: batchnorm2d, a: relu"));
    let texts = [before.as_str(), after.as_str()]
        .map(|t| t.replace("a: relu", "{a: relu}").replace("b: batchnorm2d", "{b: batchnorm2d}"));
    let table = tabled("diff_order", [&texts[0], &texts[1]], &[]);
    assert!(table.contains("position 0 → 1") || table.contains("position 1 → 0"), "{table}");
}

#[test]
fn what_is_frozen_in_one_is_a_difference() {
    let frozen = format!("{BLOCKS}frozen: [block1.conv2]\n");
    let diff: Value =
        serde_json::from_str(&between("diff_frozen", [BLOCKS, &frozen], &["--format", "json"]))
            .unwrap();
    assert_eq!((number(&diff["changed"]), &diff["equal"]), (1, &json!(false)));
    assert_eq!(number(&diff["totals"]["trainable"]["delta"]), -36_928);
    assert_eq!(number(&diff["totals"]["params"]["delta"]), 0);
    let table = tabled("diff_frozen", [BLOCKS, &frozen], &[]);
    assert!(table.contains("trainable 36,928 → 0"), "{table}");
}

#[test]
fn equal_networks_say_so_in_one_line() {
    for format in ["table", "markdown"] {
        let text = page(&format!("diff vgg16 models/vgg.yaml#vgg16 --format {format}"));
        let line =
            "No difference in vgg16: 40 layers, 138,357,544 parameters, 15,470,264,320 MACs\n";
        assert!(text.ends_with(line), "{text}");
        assert_eq!(text.lines().count(), if format == "table" { 1 } else { 3 });
    }
    let diff = compare("vgg16 vgg16");
    assert_eq!((&diff["equal"], &diff["layers"]), (&json!(true), &json!([])));
}

#[test]
fn a_page_for_a_pull_request_begins_with_the_names_and_folds_what_is_long() {
    let text = page("diff vgg16 vgg16_bn --format markdown");
    assert!(text.starts_with("### vgg16 → vgg16_bn\n\n"), "{text}");
    for part in
        ["| parameters | 138 M | 138 M | +8.45 k | ▲ 0.01% |", "| × 13 | added batchnorm2d |"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("<details>"));
    assert!(page("diff vgg16 vgg11 --format markdown").contains("| ▼ "));
    let layers = |first: u32| {
        let lines: Vec<String> =
            (0..21).map(|at| format!("  - l{at}: linear({})\n", first + at * at)).collect();
        format!("model: many\ninput: [8]\nlayers:\n{}", lines.concat())
    };
    let text = between("diff_many", [&layers(10), &layers(11)], &["--format", "markdown"]);
    let (open, close) = (text.find("\n<details>\n<summary>21 kinds"), text.find("\n</details>\n"));
    assert!(open.is_some() && open < close, "{text}");
    // A table inside of HTML needs an empty line before it.
    assert!(text.contains("</summary>\n\n| layer |"), "{text}");
}

#[test]
fn the_exit_code_says_whether_they_differ_when_asked() {
    for (line, status) in [
        ("diff vgg16 vgg16_bn", 0),
        ("diff vgg16 vgg16_bn --exit-code", 1),
        ("diff vgg16 vgg16_bn --exit-code --format json", 1),
        ("diff vgg16 models/vgg.yaml#vgg16 --exit-code", 0),
        ("diff vgg16 no/such.yaml --exit-code", 2),
        ("diff vgg16", 2),
        ("diff vgg16 vgg11 --format json --exact", 2),
    ] {
        assert_eq!(run(line).status, status, "{line}");
    }
    let run = run("diff no/such.yaml tests/fixtures/bad/E0502_kernel.yaml");
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    for code in ["error[E0101]", "error[E0502]"] {
        assert!(run.stderr.contains(code), "{}", run.stderr);
    }
}

#[test]
fn options_of_the_network_apply_to_both() {
    let once = compare("vgg11 vgg16");
    let twice = compare("vgg11 vgg16 --batch 2");
    let delta = |diff: &Value, key: &str| number(&diff["totals"][key]["delta"]);
    assert_eq!(2 * delta(&once, "macs"), delta(&twice, "macs"));
    assert_eq!(delta(&once, "params"), delta(&twice, "params"));
    assert_eq!(twice["after"]["inputs"][0]["shape"], json!([2, 3, 224, 224]));
    let run = run_on(
        &["diff", "-", "custom_cnn", "--set", "hdims=[8]"],
        include_str!("../../models/custom_cnn.yaml"),
    );
    assert!(run.stdout.starts_with("No difference in custom_cnn"), "{}", run.stdout);
}

#[test]
fn no_line_is_wider_than_it_may_be() {
    for two in zoo().windows(2) {
        for columns in [80, 60] {
            let line = format!("diff {} --width {columns}", two.join(" "));
            for row in page(&line).lines() {
                assert!(width(row) <= columns, "{line}: {row}");
            }
        }
    }
}

#[test]
fn names_of_strangers_stay_text() {
    let evil = "model: \"=x\\e[31m|<b>\"\ninput: [8]\nlayers: [\"linear(4)\"]\n";
    let other = evil.replace("linear(4)", "linear(5)");
    for format in ["table", "markdown", "csv", "json"] {
        let text = between("diff_hostile", [evil, &other], &["--format", format]);
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(format != "markdown" || !text.contains("<b>"), "{text}");
    }
}

#[test]
fn ten_thousand_layers_are_compared() {
    let of = |channels: &str, extra: &str| {
        format!(
            "model: long\ninput: [4]\nlayers:\n  - linear({channels})\n  - for i in range(3333): [\"linear(i % 5 + 1)\", relu, tanh]\n{extra}"
        )
    };
    let paths = two("diff_long", &of("4", ""), &of("6", "  - linear(3)\n"));
    let mut command = crate::run::cnnstat();
    command.args(["diff", &paths[0], &paths[1], "--format", "json"]);
    let diff: Value = serde_json::from_str(&finish(command).stdout).unwrap();
    assert_sums("long", &diff);
    assert_eq!(["added", "removed", "changed"].map(|key| number(&diff[key])), [1, 0, 2]);
    assert_eq!(number(&diff["unchanged"]), 9_998);
}

//! `cnnstat memory`, from outside: numbers worked out by hand for the reference's kernels, sums, what fits, formats, exit codes, width.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run(args: &[&str], description: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cnnstat"))
        .args(["memory", "--backend", "reference"])
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its options does not read.
    let _ = child.stdin.take().unwrap().write_all(description.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(args: &[&str], description: &str) -> Value {
    let output = run(&[args, &["--format", "json"]].concat(), description);
    serde_json::from_str(&text(&output)).unwrap()
}

fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} of {value}"))
}

fn alive(peak: &Value) -> Vec<(String, String, u64)> {
    let alive = peak["alive"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    alive.map(|a| (word(&a["name"]), word(&a["what"]), a["bytes"].as_u64().unwrap())).collect()
}

/// What is alive with what is always held is the peak.
fn assert_sums(report: &Value) {
    let at = |path| number(report, path);
    let sum = |peak: &Value| alive(peak).iter().map(|(.., bytes)| bytes).sum::<u64>();
    let stored = at("/flash_bytes") + at("/buffer_bytes");
    assert_eq!(at("/inference/peak_bytes"), stored + sum(&report["inference"]));
    let held = stored + at("/training/optimizer_bytes");
    assert_eq!(at("/training/peak_bytes"), held + sum(&report["training"]));
    assert_eq!(at("/training/param_bytes"), at("/flash_bytes"));
    assert_eq!(at("/training/buffer_bytes"), at("/buffer_bytes"));
}

const TINY: &str = "\
model: tiny
input: [1, 4, 4]
layers:
  - conv: conv2d(2, 3, padding=1)
  - act: relu
  - flat: flatten
  - head: linear(3)
";

// Parameters: conv 2·1·3·3 + 2 = 20, head 3·32 + 3 = 99; together 119, 476 B.
// Values: input 16 (64 B), conv 2·4·4 = 32 (128 B), act 32 (128 B), flat a view of act, head 3 (12 B).
// Inference, beside 476:  input 64;  conv 64 + 128 = 192;  act 128 + 128 = 256;  flat 128;  head 128 + 12 = 140.
// The peak is at act: 476 + 256 = 732.
#[test]
fn inference_by_hand() {
    let report = json(&["-"], TINY);
    assert_sums(&report);
    assert_eq!(number(&report, "/flash_bytes"), 476);
    assert_eq!(number(&report, "/inference/peak_bytes"), 732);
    let at = &report["inference"]["at"];
    assert_eq!(
        (&at["phase"], &at["layer"], &at["op"]),
        (&"forward".into(), &"act".into(), &"relu".into())
    );
    let names: Vec<_> = alive(&report["inference"]);
    let output = |name: &str| (name.to_owned(), "output".to_owned(), 128);
    assert_eq!(names, [output("act"), output("conv")]);
    assert_eq!(report.get("fits"), None);
}

// Training. Kept for backward: conv's input 64, act's output 128, head's input: act's output again. Saved 192.
// Forward, beside what is always held:  conv 192;  act 64 + 128 + 128 = 320, then conv's output goes;  head 192 + 12.
// Loss: 192 + 12 and its gradient 12.
// Backward:  head 192 + 12 + 128 (its input's gradient) + 396 (its parameters') = 728, then its 12 go: 716
//            flat: a view of that gradient
//            act  716 + 128 = 844, then act's output and the gradient it was given go: 588
//            conv 588 + 80 = 668; nobody wants the gradient of the input
// The peak is at act: 476 + 844 = 1320 with SGD; momentum holds 476 more, Adam 952 more.
#[test]
fn training_by_hand() {
    for (optimizer, state) in [("sgd", 0), ("momentum", 476), ("adam", 952)] {
        let report = json(&["-", "--optimizer", optimizer], TINY);
        assert_sums(&report);
        let at = |name: &str| number(&report, &format!("/training/{name}"));
        assert_eq!((at("param_bytes"), at("gradient_bytes"), at("buffer_bytes")), (476, 476, 0));
        assert_eq!(
            (at("optimizer_bytes"), at("saved_bytes"), at("workspace_bytes")),
            (state, 192, 0)
        );
        assert_eq!(at("peak_bytes"), 1320 + state, "{optimizer}");
        let moment = &report["training"]["at"];
        assert_eq!((&moment["phase"], &moment["layer"]), (&"backward".into(), &"act".into()));
    }
    let report = json(&["-"], TINY);
    let expected = [
        ("head", "gradient of a parameter", 384),
        ("act", "gradient of the input", 128),
        ("act", "output", 128),
        ("head", "gradient of the input", 128),
        ("input", "input", 64),
        ("head", "gradient of a parameter", 12),
    ];
    let mut found = alive(&report["training"]);
    let mut expected =
        expected.map(|(name, what, bytes)| (name.to_owned(), what.to_owned(), bytes));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

const FROZEN: &str = "\
model: frozen
input: [1, 4, 4]
layers:
  - conv: conv2d(1, 3, padding=1, bias=false)
  - norm: batchnorm2d
  - pool: maxpool2d(2)
  - drop: dropout(0.5)
  - flat: flatten
  - head: linear(2)
";

// Batch 2, conv frozen, momentum. Parameters 9 + 2 + (2·4 + 2) = 21, 84 B; trained 12, 48 B, their momentum 48.
// Buffers: mean and variance 4 + 4, the count of batches 8.  Always held in training: 84 + 16 + 48 = 148.
// Values: input, conv, norm 32 each (128 B), pool and drop 8 (32 B), head 4 (16 B).
// Inference (drop is a view): conv 128 + 128 = 256 is the first and greatest: 84 + 16 + 256 = 356.
// Forward: conv 256; the input goes, for nothing before norm is trained; norm 128 + 128 + mean 4 + inverse 4 = 264;
//          pool 264 + 32 + indices 8·8 = 360, norm's output goes: 232;  drop 232 + 32 + mask 8 = 272, pool's output goes:
//          240;  head 240 + 16.
// Saved: conv's output 128, 4 + 4, indices 64, mask 8, drop's output 32 = 240.
// Backward: head 240 + 16 + 32 + 40 = 328, its 16 and drop's output go: 280;  drop 280 + 32, 32 + 8 go: 272;
//           pool 272 + 128 = 400, 32 + 64 go: 304;  norm 304 + 8: its input's gradient leads to nothing trained.
// The peak is at pool: 148 + 400 = 548.
#[test]
fn frozen_layers_keep_nothing() {
    let args = ["-", "--batch", "2", "--optimizer", "momentum", "--freeze", "conv.*"];
    let report = json(&args, FROZEN);
    assert_sums(&report);
    let at = |name: &str| number(&report, name);
    assert_eq!((at("/flash_bytes"), at("/buffer_bytes")), (84, 16));
    assert_eq!(at("/inference/peak_bytes"), 356);
    assert_eq!((at("/training/gradient_bytes"), at("/training/optimizer_bytes")), (48, 48));
    assert_eq!(at("/training/saved_bytes"), 240);
    assert_eq!(at("/training/peak_bytes"), 548);
    let moment = &report["training"]["at"];
    assert_eq!((&moment["phase"], &moment["layer"]), (&"backward".into(), &"pool".into()));
}

// Inference of TINY takes 476 + 256·N; training with SGD at act 476 + 396 + 448·N.
#[test]
fn the_largest_batch_is_the_last_that_fits() {
    let fits = |limit: u64| {
        let report = json(&["-", "--fits", &limit.to_string()], TINY);
        let at = |name: &str| number(&report, &format!("/fits/{name}"));
        assert_eq!(at("limit_bytes"), limit);
        (at("inference_batch"), at("training_batch"))
    };
    assert_eq!(fits(731), (0, 0));
    assert_eq!(fits(732), (1, 0));
    assert_eq!(fits(1319), (3, 0));
    assert_eq!(fits(1320), (3, 1));
    assert_eq!(fits(476 + 256 * 1000).0, 1000);
    assert_eq!(fits(476 + 256 * 1000 - 1).0, 999);
    assert_eq!(fits(476 + 396 + 448 * 77).1, 77);
    assert_eq!(fits(476 + 396 + 448 * 77 - 1).1, 76);
}

#[test]
fn vgg16_with_adam_in_eight_gibibytes() {
    let args = ["vgg16", "--batch", "32", "--optimizer", "adam", "--fits", "8GiB"];
    let report = json(&args, "");
    assert_sums(&report);
    let at = |name: &str| number(&report, name);
    assert_eq!(at("/flash_bytes"), 553_430_176);
    // The input and output of the first rectifier: 64·224·224·4·32 bytes each.
    assert_eq!(at("/inference/peak_bytes"), 553_430_176 + 2 * 411_041_792);
    assert_eq!(report["inference"]["at"]["layer"], "features.1");
    assert_eq!(at("/training/optimizer_bytes"), 2 * 553_430_176);
    // Each that is said to fit does, and one more does not.
    for (batch, peak) in
        [("inference", "/inference/peak_bytes"), ("training", "/training/peak_bytes")]
    {
        let batch = at(&format!("/fits/{batch}_batch"));
        let need = |batch: u64| {
            let batch = batch.to_string();
            number(&json(&["vgg16", "--batch", &batch, "--optimizer", "adam"], ""), peak)
        };
        assert!(need(batch) <= 8 << 30 && need(batch + 1) > 8 << 30, "{batch}");
    }
    let output = run(&[&args[..], &["--width", "80"]].concat(), "");
    let page = text(&output);
    assert_eq!(output.status.code(), Some(0));
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    for part in ["1.28 GiB (1,375,513,760 B)", "features.1 (relu)", "training at batch 32 fits"] {
        assert!(page.contains(part), "{part}\n{page}");
    }
}

/// The peak does not depend on what else is asked, for every built-in network.
#[test]
fn sums_hold_for_every_network() {
    for source in crate::common::folder("models") {
        let path = format!("models/{}.yaml", source.name);
        for optimizer in ["sgd", "adam"] {
            assert_sums(&json(&[&path, "--batch", "3", "--optimizer", optimizer], ""));
        }
    }
}

#[test]
fn it_exits_with_one_where_it_does_not_fit() {
    let code = |args: &[&str]| run(&[&["-"], args].concat(), TINY).status.code();
    assert_eq!(code(&[]), Some(0));
    assert_eq!(code(&["--fits", "732"]), Some(0));
    assert_eq!(code(&["--fits", "731"]), Some(1));
    // Where an optimiser is named, training must fit: 1320.
    assert_eq!(code(&["--fits", "1319", "--optimizer", "sgd"]), Some(1));
    assert_eq!(code(&["--fits", "1320", "--optimizer", "sgd"]), Some(0));
    assert_eq!(code(&["--fits", "732", "--batch", "2"]), Some(1));
    for format in ["json", "csv", "markdown"] {
        assert_eq!(code(&["--fits", "1B", "--format", format]), Some(1), "{format}");
    }
    for wrong in
        [["--fits", "8Gi"], ["--fits", "big"], ["--optimizer", "lion"], ["--mode", "train"]]
    {
        assert_eq!(code(&wrong), Some(2), "{wrong:?}");
    }
    let output = run(&["-", "--fits", "8Gi"], TINY);
    assert!(String::from_utf8(output.stderr).unwrap().contains("write 8GiB"));
    // What cannot be read is worse than what does not fit; the other is shown all the same.
    let output = run(&["lenet5", "no_such_network", "--fits", "1kB"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stdout).unwrap().contains("DOES NOT FIT"));
    // A batch whose sizes exceed 64 bits is an error, not a wrap.
    assert_eq!(
        run(&["vgg16", "--batch", "99999999999999", "--fits", "8GiB"], "").status.code(),
        Some(2)
    );
}

#[test]
fn every_format_says_the_same() {
    let args = |format| ["-", "--fits", "1kB", "--format", format];
    let csv = text(&run(&args("csv"), TINY));
    let expected = "\
quantity,value,unit
flash,476,bytes
buffers,0,bytes
inference peak,732,bytes
training parameters,476,bytes
training gradients,476,bytes
training optimizer,0,bytes
training buffers,0,bytes
training saved,192,bytes
training workspace,0,bytes
training peak,1320,bytes
limit,1000,bytes
inference batch that fits,2,examples
training batch that fits,0,examples
";
    assert_eq!(csv, expected);
    for format in ["table", "markdown"] {
        let page = text(&run(&args(format), TINY));
        for part in ["1,320", "act (relu)", "saved for backward", "batches up to 2", "not even"] {
            assert!(page.contains(part), "{part}\n{page}");
        }
    }
    let page = text(&run(&args("markdown"), TINY));
    assert!(page.starts_with("## tiny\n\ninput 1×1×4×4 · batch 1 · f32"), "{page}");
    let several = json(&["lenet5", "custom_cnn"], "");
    assert_eq!(several.as_array().map(Vec::len), Some(2));
    let csv = text(&run(&["lenet5", "custom_cnn", "--format", "csv"], ""));
    assert!(csv.starts_with("model,quantity,value,unit\nlenet5,flash,"), "{csv}");
}

#[test]
fn bytes_follow_the_element_type() {
    let at = |dtype| number(&json(&["-", "--dtype", dtype], TINY), "/inference/peak_bytes");
    // Of the five biases each has three bytes more.
    assert_eq!((at("f64"), at("f16"), at("i8")), (2 * 732, 732 / 2, 732 / 4 + 3 * 5));
}

#[test]
fn it_goes_into_a_file_without_limit() {
    let path = std::env::temp_dir().join(format!("cnnstat-memory-{}.txt", std::process::id()));
    let file = path.to_str().unwrap();
    let output = run(&["-", "-o", file, "--width", "40", "--color", "always"], TINY);
    let page = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(text(&output).is_empty() && page.contains("1,320") && !page.contains('\u{1b}'));
}

#[test]
fn several_networks_are_compared_in_one_table() {
    use crate::run::page;
    let text = page("memory lenet5 m5 alexnet");
    let heads = text.lines().filter(|line| line.starts_with("model ")).count();
    assert_eq!((heads, text.matches("training peak").count()), (1, 1), "{text}");
    for name in ["lenet5", "m5", "alexnet"] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{text}");
    }
    let text = page("memory lenet5 m5 --inference --fits 1MiB");
    assert!(text.contains("inference batches") && !text.contains("training peak"), "{text}");
    for (option, is_there, is_not) in [
        ("--inference", "Inference: peak", "Training with"),
        ("--training", "Training with", "Inference: peak"),
    ] {
        let text = page(&format!("memory lenet5 {option}"));
        assert!(text.contains(is_there) && !text.contains(is_not), "{option}: {text}");
    }
}

/// Person detection of TensorFlow Lite Micro (`vww_96_int8.tflite`): MobileNet v1 0.25 on 96×96 grey pictures with batch norm
/// folded. Its file holds 207,968 weights of a byte and 2,738 biases of four.
const PERSONS: &str = "model: persons
vars:
  rows: [[16, 1], [32, 2], [32, 1], [64, 2], [64, 1], [128, 2], [128, 1], [128, 1], [128, 1], [128, 1], [128, 1], [256, 2], [256, 1]]
input: [1, 96, 96]
layers:
  - conv2d(8, 3, stride=2, padding='same_upper')
  - for c, s in rows:
      - conv2d(channels(@), 3, stride=s, padding='same_upper', groups=channels(@))
      - conv2d(c, 1)
  - global_avgpool
  - conv2d(2, 1)
  - flatten
  - softmax
";

#[test]
fn biases_of_eight_bit_networks_have_four_bytes() {
    const STORED: u64 = 207_968 + 4 * 2_738;
    let memory = json(&["-", "--dtype", "i8"], PERSONS);
    assert_eq!(number(&memory, "/flash_bytes"), STORED);
    // In floats a bias has the network's own type.
    let floats = json(&["-", "--dtype", "f16"], PERSONS);
    assert_eq!(number(&floats, "/flash_bytes"), 2 * (207_968 + 2_738));
    // The table, its CSV and the summary say the same.
    for format in ["table", "csv"] {
        let text = text(&run(&["-", "--dtype", "i8", "--format", format], PERSONS));
        assert!(text.contains("218,920") || text.contains("flash,218920,bytes"), "{text}");
    }
    let summary = crate::run::run_on(&["-", "--dtype", "i8", "--format", "json"], PERSONS);
    let summary: Value = serde_json::from_str(&summary.stdout).unwrap();
    assert_eq!(number(&summary, "/totals/param_bytes"), STORED);
}

#[test]
fn nothing_is_trained_in_integers() {
    let memory = json(&["-", "--dtype", "i8", "--fits", "1MiB"], PERSONS);
    assert_eq!(
        (&memory["training"], &memory["fits"]["training_batch"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(memory["fits"]["judged"], "inference");
    let said = text(&run(&["-", "--dtype", "int8"], PERSONS));
    assert!(said.contains("No training step: integers have no gradients"), "{said}");
    for args in [["--training"].as_slice(), &["--optimizer", "adam"]] {
        let refused = run(&[&["-", "--dtype", "i8"], args].concat(), PERSONS);
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("E0115") && said.contains("train in f32"), "{said}");
    }
    let expected = format!("{PERSONS}expect: {{training_bytes: '<= 1MiB'}}\n");
    let check = crate::run::run_on(&["check", "-", "--dtype", "i8"], &expected);
    assert!(check.stdout.contains("not taken in integers"), "{}", check.stdout);
}

//! Networks of which something is not known: lower bounds in every page and format, and what each command says of them.

use serde_json::Value;

use crate::run::{Run, run_on};

/// An operator without a rule whose output is declared: what follows is counted.
const DECLARED: &str = "model: u
input: [3, 64, 64]
layers:
  - conv1: conv2d(16, 3, padding=1)
  - mix: \"unknown('my_op', params={weight: [16, 16, 3, 3]}, output=[16, 64, 64])\"
  - relu
  - conv2: conv2d(32, 3)
";

/// MACs of the two convolutions: 3·3·3·16·64·64 and 3·3·16·32·62·62.
const MACS: u64 = 1_769_472 + 17_713_152;

/// The same without the shape behind it.
fn undeclared() -> String {
    DECLARED.replace(", output=[16, 64, 64]", "")
}

fn on(args: &str, text: &str) -> Run {
    let args: Vec<&str> = args.split_whitespace().collect();
    run_on(&args, text)
}

fn json(args: &str, text: &str) -> Value {
    let run = on(&format!("{args} --format json"), text);
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stderr))
}

fn layer<'v>(report: &'v Value, name: &str) -> &'v Value {
    let layers = report["layers"].as_array().unwrap();
    layers.iter().find(|layer| layer["name"] == name).unwrap()
}

#[test]
fn the_layers_behind_a_declared_shape_are_counted() {
    let run = on("-", DECLARED);
    assert_eq!((run.status, &*run.stderr), (0, ""));
    for part in ["≥ 19.5 M", "≥ 19,482,624", "my_op (unknown operator, 1 layer: mix)"] {
        assert!(run.stdout.contains(part), "{part}\n{}", run.stdout);
    }
    // Shapes and parameters are declared: their totals are exact.
    assert!(run.stdout.contains("parameters          7,392"), "{}", run.stdout);
    let report = json("-", DECLARED);
    assert_eq!(report["status"], "partial");
    assert_eq!(report["totals"]["work"]["macs"], MACS);
    assert_eq!(report["not_counted"], serde_json::json!(["mix"]));
    let missing = serde_json::json!([{
        "operator": "my_op", "number": 1, "first_layer": "mix", "reason": "unknown operator"
    }]);
    assert_eq!(report["missing"], missing);
    let mix = layer(&report, "mix");
    assert_eq!((&mix["counted"], &mix["params"]), (&false.into(), &2_304.into()));
    assert_eq!((&mix["work"]["macs"], &mix["flops"]), (&Value::Null, &Value::Null));
    assert_eq!(mix["work_backward"]["inputs"]["macs"], Value::Null);
    assert_eq!(mix["outputs"], serde_json::json!([[1, 16, 64, 64]]));
    let conv2 = layer(&report, "conv2");
    assert_eq!((&conv2["counted"], &conv2["work"]["macs"]), (&true.into(), &17_713_152.into()));
}

#[test]
fn a_shape_that_is_not_known_is_null_and_so_is_what_follows() {
    let report = json("-", &undeclared());
    let conv2 = layer(&report, "conv2");
    assert_eq!((&conv2["inputs"][0], &conv2["outputs"][0]), (&Value::Null, &Value::Null));
    for key in ["params", "param_bytes", "flops", "activations", "receptive_field"] {
        assert_eq!(conv2[key], Value::Null, "{key}");
    }
    assert_eq!(report["outputs"][0]["shape"], Value::Null);
    let reasons: Vec<&Value> =
        report["missing"].as_array().unwrap().iter().map(|kind| &kind["reason"]).collect();
    assert_eq!(reasons, ["unknown operator", "unknown shape", "unknown shape"]);
    let table = on("-", &undeclared()).stdout;
    let row = table.lines().find(|line| line.starts_with("conv2")).unwrap();
    assert_eq!((row.matches('?').count(), row.matches('–').count()), (1, 3), "{row}");
}

#[test]
fn a_complete_report_has_no_field_of_a_partial_one() {
    let complete = DECLARED.replace("output=[16, 64, 64]", "output=[16, 64, 64], macs=5");
    let report = json("-", &complete);
    assert_eq!((&report["status"], &report["missing"]), (&"complete".into(), &Value::Null));
    assert_eq!(report["totals"]["work"]["macs"], MACS + 5);
    assert_eq!(layer(&report, "mix").get("counted"), None);
    let explained = on("explain - mix", &complete).stdout;
    assert!(explained.contains("as declared"), "{explained}");
    assert_eq!(json("- --batch 3", &complete)["totals"]["work"]["macs"], 3 * (MACS + 5));
}

#[test]
fn parameters_that_are_not_declared_are_not_known() {
    let bare = DECLARED.replace("params={weight: [16, 16, 3, 3]}, ", "");
    let report = json("-", &bare);
    assert_eq!(layer(&report, "mix")["params"], Value::Null);
    assert!(on("-", &bare).stdout.contains("≥ 5,088"), "{report}");
    // An operator that is declared to take arithmetic and no parameters has none; a list without entries says so, too.
    for declared in ["output=[16, 64, 64], macs=5", "params=[], output=[16, 64, 64]"] {
        let text = bare.replace("output=[16, 64, 64]", declared);
        assert_eq!(layer(&json("-", &text), "mix")["params"], 0, "{declared}");
    }
}

#[test]
fn inputs_say_their_type_and_their_batch_axis() {
    let report = json("- --dtype f16", DECLARED);
    let input = &report["inputs"][0];
    assert_eq!((&input["dtype"], &input["batch_axis"]), (&"f16".into(), &0.into()));
}

#[test]
fn every_page_and_format_marks_a_lower_bound() {
    for args in ["-", "list -", "memory -", "conventions -"] {
        for format in ["table", "markdown", "latex"] {
            let page = on(&format!("{args} --format {format}"), DECLARED).stdout;
            let sign = if format == "latex" { "$\\geq$" } else { "≥" };
            assert!(page.contains(sign), "{args} {format}\n{page}");
        }
    }
    for args in ["list -", "memory -"] {
        let csv = on(&format!("{args} --format csv"), DECLARED).stdout;
        assert!(csv.contains("≥ "), "{csv}");
    }
    // A layer's own number is known or an empty field.
    let csv = on("- --format csv", DECLARED).stdout;
    let mix = csv.lines().find(|line| line.contains("mix")).unwrap();
    assert!(mix.contains(",,"), "{mix}");
}

#[test]
fn strict_is_a_finding_in_every_command_that_counts() {
    for args in ["-", "list -", "memory -", "conventions -", "params -", "explain -"] {
        assert_eq!(on(args, &undeclared()).status, 0, "{args}");
        let run = on(&format!("{args} --strict"), &undeclared());
        assert_eq!(run.status, 1, "{args}: {}", run.stderr);
        assert!(!run.stdout.is_empty(), "{args}");
    }
    assert_eq!(on("alexnet --strict", "").status, 0);
}

#[test]
fn memory_decides_only_what_a_lower_bound_decides() {
    let fits = |limit: &str| json(&format!("memory - --fits {limit}"), DECLARED)["fits"].clone();
    assert_eq!(fits("1KiB")["fits"], false);
    let open = fits("1GiB");
    assert_eq!((&open["fits"], &open["inference_batch"]), (&Value::Null, &Value::Null));
    assert_eq!(on("memory - --fits 1GiB", DECLARED).status, 1);
    assert_eq!(json("memory -", DECLARED)["status"], "partial");
}

#[test]
fn conventions_are_lower_bounds_and_reconcile_finds_nothing() {
    let report = json("conventions -", DECLARED);
    let conventions = report["conventions"].as_array().unwrap();
    let is_bound = |c: &Value| c["not_counted"].as_array().is_some_and(|n| !n.is_empty());
    assert!(conventions.iter().all(is_bound), "{report}");
    assert_eq!(report["missing"][0]["operator"], "my_op");
    let run = on("reconcile - 19.5M", DECLARED);
    assert_eq!(run.status, 1);
    assert!(run.stdout.contains("not decided"), "{}", run.stdout);
}

#[test]
fn between_lower_bounds_there_is_no_difference() {
    let path = crate::run::scratch("partial").join("after.yaml");
    std::fs::write(&path, DECLARED.replace("conv2d(32, 3)", "conv2d(64, 3)")).unwrap();
    let path = path.to_str().unwrap();
    let diff = json(&format!("diff - {path}"), DECLARED);
    assert_eq!(diff["before"]["status"], "partial");
    assert_eq!(diff["totals"]["macs"]["before"], MACS);
    assert_eq!(diff["totals"]["macs"]["delta"], Value::Null);
    assert_eq!(diff["totals"]["params"]["delta"], 4_640);
    let page = on(&format!("diff - {path}"), DECLARED).stdout;
    assert!(page.contains("≥ 19.5 M") && page.contains("my_op"), "{page}");
}

#[test]
fn check_decides_what_a_lower_bound_decides() {
    let verdict = |expected: &str| {
        let text = format!("{DECLARED}expect:\n  {expected}\n");
        let run = on("check -", &text);
        let row = run.stdout.lines().nth(2).unwrap_or_default().to_owned();
        let verdict = ["not decided", "MISS", "warn", "ok"].into_iter().find(|v| row.ends_with(v));
        (verdict.unwrap_or("none"), run.status)
    };
    assert_eq!(verdict("macs: \">= 19M\""), ("ok", 0));
    assert_eq!(verdict("macs: \">= 20M\""), ("not decided", 2));
    for reached in ["macs: <= 19M", "macs: 19M", "macs: ~18M", "macs: order 6", "macs: 19M ±1%"] {
        assert_eq!(verdict(reached), ("MISS", 1), "{reached}");
    }
    for above in ["macs: <= 20M", "macs: 20M", "macs: ~20M", "macs: order 8", "macs: 20M ±1%"] {
        assert_eq!(verdict(above), ("not decided", 2), "{above}");
    }
    // What is declared is known.
    assert_eq!(verdict("params: 7392"), ("ok", 0));
    assert_eq!(verdict("receptive_field: 5"), ("not decided", 2));
    let mut both = format!("{DECLARED}expect:\n  macs: <= 20M\n  flops: <= 1M\n");
    assert_eq!(on("check -", &both).status, 1, "a miss wins");
    both = format!("{}expect:\n  output: [32, 62, 62]\n", undeclared());
    assert_eq!(on("check -", &both).status, 2);
    let limits = format!("{DECLARED}budget:\n  macs: {{warn: 19M, max: 30M, min: 1M}}\n");
    let run = on("check -", &limits);
    assert_eq!(run.status, 2, "{}", run.stdout);
    for end in ["warn", "not decided", "ok"] {
        assert!(run.stdout.lines().any(|line| line.ends_with(end)), "{end}\n{}", run.stdout);
    }
}

#[test]
fn an_increase_of_a_lower_bound_is_not_decided() {
    let text = format!("{DECLARED}budget:\n  macs: {{max_increase: 1%}}\n");
    let folder = crate::run::scratch("partial_increase");
    let complete = text.replace("output=[16, 64, 64]", "output=[16, 64, 64], macs=5");
    let stored = on("check - --format json", &complete);
    let path = folder.join("baseline.json");
    std::fs::write(&path, stored.stdout).unwrap();
    let run = on(&format!("check - --baseline {}", path.display()), &text);
    assert!(run.stdout.contains("not decided"), "{}{}", run.stdout, run.stderr);
    assert_eq!(run.status, 2);
    let both = on("check - --format json", &text);
    std::fs::write(&path, both.stdout).unwrap();
    let run = on(&format!("check - --baseline {}", path.display()), &text);
    assert!(run.stdout.contains("not decided"), "{}{}", run.stdout, run.stderr);
    // A baseline that is partial itself says nothing of what it was.
    let stored = on("check - --format json", &text);
    std::fs::write(&path, stored.stdout).unwrap();
    let run = on(&format!("check - --baseline {}", path.display()), &complete);
    assert!(run.stdout.contains("no baseline"), "{}{}", run.stdout, run.stderr);
}

#[test]
fn no_layer_is_lost_behind_a_shape_that_is_not_known() {
    let text = "model: v\ninput: [3, 8, 8]\nlayers:\n  - u: unknown('a', params=[[3]])\n";
    let asks = on("-", &format!("{text}  - conv2d(channels(@), 3, padding=1)\n"));
    assert_eq!(asks.status, 2, "{}", asks.stdout);
    assert!(asks.stderr.contains("E0309") && asks.stderr.contains("output="), "{}", asks.stderr);
    let shares = json("-", &format!("{text}  - v: share(@, 'u')\n  - linear(4)\n"));
    assert_eq!(shares["layers"].as_array().unwrap().len(), 3, "{shares}");
}

#[test]
fn a_comparison_of_equal_networks_says_that_it_is_of_lower_bounds() {
    let path = crate::run::scratch("partial").join("same.yaml");
    std::fs::write(&path, DECLARED).unwrap();
    let page = on(&format!("diff - {}", path.display()), DECLARED).stdout;
    assert!(page.contains("≥ 19,482,624 MACs") && page.contains("my_op"), "{page}");
}

#[test]
fn numbers_of_a_tool_that_does_not_count_an_operator_are_lower_bounds() {
    let report = json("efficientnet_b0 --as keras", "");
    assert_eq!(report["status"], "partial");
    assert!(report["missing"][0]["operator"].is_string(), "{}", report["missing"]);
    assert_eq!(on("efficientnet_b0 --as keras --strict", "").status, 1);
    assert_eq!(json("efficientnet_b0 --as fvcore", "")["status"], "complete");
}

#[test]
fn parameters_of_an_operator_of_ones_own_have_names() {
    for params in ["{'': [2]}", "{'a b': [2]}", "{w: [2], w: [3]}"] {
        let text =
            format!("model: m\ninput: [4]\nlayers:\n  - \"unknown('a', params={params})\"\n");
        let run = on("-", &text);
        assert_eq!(run.status, 2, "{params}: {}", run.stdout);
        assert!(run.stderr.contains("error[E0"), "{}", run.stderr);
    }
}

#[test]
fn what_cannot_be_run_is_named() {
    for command in ["verify", "profile"] {
        let run = on(&format!("{command} -"), DECLARED);
        assert_eq!(run.status, 2);
        assert!(run.stderr.contains("`my_op` (layer mix)"), "{}", run.stderr);
        assert!(run.stderr.contains(":5:"), "{}", run.stderr);
    }
}

#[test]
fn what_does_not_fit_is_an_error_all_the_same() {
    let text = DECLARED.replace("  - relu\n", "  - relu\n  - linear(3)\n  - conv2d(3, 99)\n");
    for args in ["-", "list -", "memory -", "check -", "conventions -"] {
        let run = on(args, &text);
        assert_eq!(run.status, 2, "{args}: {}", run.stdout);
        assert!(run.stderr.contains("error[E05"), "{args}: {}", run.stderr);
    }
}

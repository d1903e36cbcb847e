//! What the documentation says is so: its descriptions are read and met, each code's long text shows the fault and its
//! remedy, and `docs/json.md` names every key that there is and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cnnstat::diag::Code;
use serde_json::Value;

use crate::diagnostics::codes_in;
use crate::run::{page, run, run_args, run_on};

/// The text of a file of the repository; nothing where there is none.
fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_default()
}

/// What stands between fences of a language.
fn fenced<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let open = format!("\n```{language}\n");
    let bodies = text.split(&open).skip(1);
    bodies.map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The complete descriptions among the examples of a text.
fn complete(text: &str) -> Vec<&str> {
    let mut examples = fenced(text, "yaml");
    examples.retain(|example| example.lines().any(|line| line.starts_with("model:")));
    examples
}

#[test]
fn examples_are_read_and_meet_what_they_expect() {
    let pages =
        [("docs/language.md", 5), ("docs/json.md", 1), ("docs/tour.md", 2), ("README.md", 1)];
    for (path, least) in pages {
        let text = text(path);
        let examples = complete(&text);
        assert!(examples.len() >= least, "{path} has {} examples", examples.len());
        for example in examples {
            let run = run_on(&["check", "-"], example);
            assert_eq!(run.stderr, "", "{path}: {example}");
            assert!(!run.stdout.contains("MISS"), "{path}: {example}{}", run.stdout);
        }
    }
}

#[test]
fn long_texts_show_the_fault_and_its_remedy() {
    let mut shown = 0;
    for code in Code::ALL {
        let (wrong, right) = code.text().split_once("\nRight").unwrap_or_else(|| panic!("{code}"));
        assert!(wrong.contains("\nWrong"), "{code}");
        for (part, expected) in
            [(wrong, BTreeSet::from([code.name().to_owned()])), (right, BTreeSet::new())]
        {
            for example in complete(part) {
                let run = run_on(&["check", "-"], example);
                assert_eq!(codes_in(&run.stderr), expected, "{code}: {example}");
                shown += 1;
            }
        }
    }
    assert!(shown >= 20, "{shown} complete examples");
}

/// The keys of the tables below a heading, up to the next heading.
fn documented(text: &str, heading: &str) -> BTreeSet<String> {
    let found = text.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading);
    let section = found.skip(1).take_while(|line| !line.starts_with('#'));
    let rows = section.filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().cloned().collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_key_is_documented_and_no_other() {
    let text = text("docs/json.md");
    let report = json(&page("alexnet --format json"));
    let (layer, totals) = (&report["layers"][0], &report["totals"]);
    // What is left out of a report of which everything is known.
    let partial = |command: &str| {
        json(&page(&format!("{command} tests/fixtures/ops/unknown.yaml --format json")))
    };
    let unknown = partial("");
    let open = "model: m\ninput: [4]\nlayers:\n  - linear(2)\n  - unknown('my_op')\n";
    let listing = json(&run_on(&["params", "-", "--format", "json"], open).stdout);
    let check = json(&page("check lenet5 --format json"));
    let broken = json(&run("check tests/fixtures/missed/params.yaml --format json").stdout);
    let faulty = run("check tests/fixtures/bad/E0502_kernel.yaml --format json");
    let faulty = json(&faulty.stdout);
    let limited = json(&page(
        "check tests/fixtures/budgets/bare.yaml --format json --config tests/fixtures/budgets/met.toml",
    ));
    let memory = json(
        &run("memory tests/fixtures/ops/unknown.yaml --as torch --fits 1MiB --format json").stdout,
    );
    let verified = json(&run("verify lenet5 --format json").stdout);
    let profile = json(&run("profile lenet5 --backward --repeat 1 --format json").stdout);
    let compared = json(&page("diff alexnet alexnet_torchvision --format json"));
    let differs = &compared["layers"][0];
    let list = partial("list");
    let conventions = partial("conventions");
    let convention = &conventions["conventions"][0];
    let bounded = json(&page("conventions efficientnet_b0 --format json"));
    let mut all = bounded["conventions"].as_array().unwrap().iter();
    let unruled = all.find_map(|convention| convention["not_counted"].get(0)).unwrap();
    let reconciled = json(&page("reconcile lenet5 416520 --format json"));
    let undecided = run("reconcile tests/fixtures/ops/unknown.yaml 1M --format json");
    let undecided = json(&undecided.stdout);
    let diagnostic = run("tests/fixtures/bad/E0502_kernel.yaml --message-format json");
    let diagnostic = json(&diagnostic.stderr);
    let usage = json(&run("alexnet --nosuch --message-format json").stderr);
    let vars = json(&page("vars custom_cnn --format json"));
    for (heading, value) in [
        ("Variables", &vars),
        ("Report", &unknown),
        ("Missing kind", &unknown["missing"][0]),
        ("Convention", &report["convention"]),
        ("Input", &report["inputs"][0]),
        ("Named shape", &compared["after"]["outputs"][0]),
        ("Output", &report["outputs"][0]),
        ("Counts", totals),
        ("Work", &totals["work"]),
        ("Backward", &totals["work_backward"]),
        ("Axis of a receptive field", &layer["receptive_field"][0]),
        ("Tensor", &layer["tensors"][0]),
        ("Listing of parameters", &listing),
        ("Entry of a listing", &listing["tensors"][0]),
        ("Outcome of a check", &check),
        ("Row of a check", &check["rows"][0]),
        ("Part of a row", &broken["rows"][0]["layers"][0]),
        ("Fault of a check", &faulty["faults"][0]),
        ("Stored network", &check["networks"][0]),
        ("Place", &limited["rows"][0]["budget"]),
        ("Report of memory", &memory),
        ("Profile", &profile),
        ("Profiled layer", &profile["layers"][0]),
        ("Pass", &profile["forward"]),
        ("Report of a verification", &verified),
        ("Verified layer", &verified["layers"][0]),
        ("Quantity", &verified["totals"][0]),
        ("Comparison", &compared),
        ("Compared network", &compared["before"]),
        ("Layer that differs", differs),
        ("Change", &differs["changes"][0]),
        ("Compared quantities", &compared["totals"]),
        ("Compared quantities", &differs["quantities"]),
        ("Compared quantity", &compared["totals"]["params"]),
        ("List of networks", &list),
        ("Network of a list", &list["models"][0]),
        ("Conventions side by side", &conventions),
        ("Count by convention", convention),
        ("Term", &convention["terms"][0]),
        ("Operator not counted", unruled),
        ("Reconciliation", &undecided),
        ("Answer", &reconciled["answers"][0]),
        ("Diagnostic", &diagnostic),
        ("Diagnostic", &usage),
    ] {
        assert_eq!(documented(&text, heading), keys(value), "{heading}");
    }
    let layer = &unknown["layers"][0];
    let own: BTreeSet<String> = keys(layer).difference(&keys(totals)).cloned().collect();
    assert_eq!(documented(&text, "Layer"), own);
    assert!(keys(layer).is_superset(&keys(totals)));
    // Objects that a row of a table describes.
    for key in keys(&diagnostic["labels"][0]).union(&keys(&differs["before"])) {
        assert!(text.contains(&format!("`{key}`")), "{key}");
    }
}

/// Whether all that the first says stands in the second too, which may have more keys and longer lists.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(_)) => part
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|whole| is_part(value, whole))),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() <= whole.len() && part.iter().zip(whole).all(|(a, b)| is_part(a, b))
        }
        _ => part == whole,
    }
}

#[test]
fn the_example_of_json_is_what_is_printed() {
    let text = text("docs/json.md");
    let [shown] = fenced(&text, "json")[..] else { panic!("one example") };
    let run = run_on(&["-", "--format", "json"], fenced(&text, "yaml")[0]);
    let (shown, printed) = (json(shown), json(&run.stdout));
    assert!(is_part(&shown, &printed), "{shown:#}\n{printed:#}");
    assert!(!is_part(&json("{\"batch\": 2}"), &printed));
}

#[test]
fn explain_error_prints_the_long_text() {
    for code in Code::ALL {
        let run = run_args(&["explain-error", code.name()]);
        assert_eq!((run.status, run.stdout.trim_end()), (0, code.text().trim_end()));
    }
}

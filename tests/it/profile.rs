//! `cnnstat profile`: every layer has a time, what it computes is what the ledger says, and the formats agree. No time is
//! compared with another: speeds are measured in `benches/`.

use serde_json::Value;

use crate::run::run;

fn json(line: &str) -> Value {
    let run = run(&format!("{line} --format json"));
    assert_eq!(run.status, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn every_layer_has_a_time_forward_and_backward() {
    let report = json("profile lenet5 --backward --repeat 2 --threads 1");
    assert_eq!((&report["mode"], &report["threads"]), (&"train".into(), &1.into()));
    assert!(report["peak_flops"].as_f64().unwrap() > 0.0);
    let layers = report["layers"].as_array().unwrap();
    let mut seconds = 0.0;
    for layer in layers {
        for pass in ["forward", "backward"] {
            let taken = layer[pass]["seconds"].as_f64().unwrap();
            assert!(taken > 0.0, "{layer}");
            seconds += taken;
        }
    }
    let total = |pass: &str| report[pass]["seconds"].as_f64().unwrap();
    approx::assert_relative_eq!(seconds, total("forward") + total("backward"), max_relative = 1e-9);
}

#[test]
fn operations_are_those_of_the_ledger() {
    let report = json("profile lenet5 --backward --repeat 1");
    let ledger = json("lenet5 --mode train");
    for (layer, row) in
        report["layers"].as_array().unwrap().iter().zip(ledger["layers"].as_array().unwrap())
    {
        assert_eq!(layer["name"], row["name"]);
        assert_eq!(layer["macs"], row["work"]["macs"]);
        let flops = &row["flops"];
        assert_eq!(layer["forward"]["flops"], *flops, "{row}");
    }
    // Nobody wants the gradient of the first layer's input.
    let first = &ledger["layers"][0]["work_backward"]["params"];
    let flops = 2 * first["macs"].as_u64().unwrap() + first["adds"].as_u64().unwrap();
    assert_eq!(report["layers"][0]["backward"]["flops"], flops);
}

#[test]
fn without_backward_there_is_no_backward() {
    let report = json("profile lenet5 --repeat 1 --backend reference");
    assert_eq!((&report["mode"], &report["backward"]), (&"eval".into(), &Value::Null));
    assert!(report["layers"].as_array().unwrap().iter().all(|layer| layer["backward"].is_null()));
}

#[test]
fn the_page_says_what_the_peak_is_and_fits_its_width() {
    for width in [60, 80, 120] {
        let page = run(&format!("profile lenet5 --backward --repeat 1 --width {width}")).stdout;
        assert!(page.contains("The peak is") && page.contains("ms back"), "{page}");
        let widest = page.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= width), "{page}");
    }
    let markdown = run("profile lenet5 --repeat 1 --format markdown").stdout;
    assert!(markdown.contains("| c1 "), "{markdown}");
    let csv = run("profile lenet5 --repeat 1 --format csv").stdout;
    assert_eq!(csv.lines().count(), 13, "{csv}");
}

/// Where columns give way, the name of a layer without a fast kernel stays.
#[test]
fn what_the_reference_runs_is_named_at_any_width() {
    let page = run("profile tests/fixtures/profile/slow.yaml --repeat 1 --width 40").stdout;
    let head = page.lines().find(|line| line.starts_with("layer")).unwrap();
    assert!(!head.contains("operator"), "{page}");
    assert!(page.contains("no fast one: mish (1)."), "{page}");
    let csv = run("profile tests/fixtures/profile/slow.yaml --repeat 1 --format csv").stdout;
    let last: Vec<&str> = csv.lines().filter_map(|line| line.rsplit(',').next()).collect();
    assert_eq!(last, ["by_reference", "false", "true"], "{csv}");
    let reference = "profile tests/fixtures/profile/slow.yaml --repeat 1 --backend reference";
    let page = run(reference).stdout;
    assert!(page.contains("reference kernels") && !page.contains("no fast one"), "{page}");
}

#[test]
fn the_kernels_are_told() {
    for (options, backend, exact) in [
        ("", "fast", false),
        (" --exact", "fast", true),
        (" --backend reference", "reference", false),
    ] {
        let report = json(&format!("profile lenet5 --repeat 1{options}"));
        assert_eq!((&report["backend"], &report["exact"]), (&backend.into(), &exact.into()));
    }
}

/// What does not fit is refused with what would: a batch, or which layer is too large.
#[test]
fn what_does_not_fit_is_refused_with_what_would() {
    let run_on = |file: &str, options: &str| {
        let run = run(&format!("profile tests/fixtures/profile/{file}.yaml {options}"));
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{file}");
        run.stderr
    };
    let told = run_on("slow", "--batch 100000000000");
    assert!(told.contains("slow is not run") && told.contains("`--batch "), "{told}");
    let told = run_on("large", "");
    assert!(told.contains("make fc smaller: its parameters alone take 3.64 TiB"), "{told}");
}

/// Nothing runs for a page that cannot be written, and asking leaves nothing.
#[test]
fn a_file_that_cannot_be_written_is_told_first() {
    for command in ["profile", "verify"] {
        let run = run(&format!("{command} nosuch -o nosuch/x.txt"));
        assert!(run.stderr.contains("`nosuch/x.txt` cannot be written"), "{}", run.stderr);
        assert_eq!(run.status, 2);
    }
}

#[test]
fn a_mistake_is_answered() {
    for line in ["profile lenet5 --repeat 0", "profile nosuch", "profile lenet5 --threads 0"] {
        let run = run(line);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{line}");
    }
}

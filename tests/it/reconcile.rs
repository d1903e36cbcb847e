//! `cnnstat reconcile`: printed figures found again.

use serde_json::Value;

use crate::run::{page, run};

/// The first answer for a figure.
fn first(line: &str) -> Value {
    let json: Value =
        serde_json::from_str(&page(&format!("reconcile {line} --format json"))).unwrap();
    json["answers"][0].clone()
}

/// The paper on residual networks has 3.8 · 10^9 for 50 layers, whose blocks stride in their first 1×1.
#[test]
fn the_papers_figure_is_found() {
    let answer = first("resnet50 3.8G");
    assert_eq!(answer["total"], 3_857_973_248u64);
    assert_eq!((&answer["how"], &answer["network"]), (&"truncated".into(), &"resnet50_v1".into()));
    assert_eq!(answer["conventions"], serde_json::json!(["macs", "torchvision"]));
    let text = page("reconcile resnet50 3.8G");
    assert!(text.contains("3,857,973,248, truncated: macs, torchvision"), "{text}");
    assert!(text.contains("resnet50_v1, another network of resnet.yaml"), "{text}");
    // 7.6 and 11.3 stand in the same table.
    for (line, network) in [("resnet101 7.6G", "resnet101_v1"), ("resnet152 11.3G", "resnet152_v1")]
    {
        assert_eq!(first(line)["network"], network, "{line}");
    }
}

#[test]
fn figures_are_found_by_convention_size_and_step() {
    for (line, how, convention, steps) in [
        ("resnet50 4.11G", "rounded", "fvcore", 0),
        ("resnet50 4,133,742,592", "exact", "thop", 0),
        ("resnet50 8.2G", "rounded", "cnnstat", 0),
        ("googlenet 1,498,376,192", "exact", "torchvision", 0),
        ("googlenet 2,996,752,384", "exact", "torch", 0),
        ("yolov3 65.86Bn", "rounded", "torch", 0),
    ] {
        let answer = first(line);
        assert_eq!(answer["how"], how, "{line}: {answer}");
        let conventions = answer["conventions"].as_array().unwrap();
        assert!(conventions.contains(&convention.into()), "{line}: {answer}");
        assert_eq!(answer["steps"].as_array().unwrap().len(), steps, "{line}: {answer}");
    }
    // 256² is (256/224)² of 224², but for the borders: a published size.
    let answer = first("resnet50 5,340,348,416");
    assert_eq!(answer["steps"], serde_json::json!(["input 3×256×256"]));
    let json: Value =
        serde_json::from_str(&page("reconcile resnet50 130,853,896,192 --format json")).unwrap();
    let steps = |answer: &Value| answer["steps"] == serde_json::json!(["batch 32"]);
    assert!(json["answers"].as_array().unwrap().iter().any(steps), "{json}");
    let answer = first("googlenet 1,506,748,416");
    assert_eq!(
        (&answer["conventions"][0], answer["steps"].as_array().unwrap().len()),
        (&"macs".into(), 0)
    );
}

/// MobileNet v2 at width 1.4 whose code pools by a mean, as ptflops 0.7.5 counts it; other ways to write layers.
#[test]
fn layers_may_be_written_otherwise() {
    let json = |line: &str| -> Value {
        serde_json::from_str(&page(&format!("reconcile {line} --format json"))).unwrap()
    };
    let found = |line: &str, tool: &str, total: u64, said: &str| {
        let json = json(line);
        let is_it = |answer: &&Value| {
            let steps = answer["steps"].as_array().unwrap();
            let tools = answer["conventions"].as_array().unwrap();
            answer["total"] == total
                && tools.contains(&tool.into())
                && steps.len() == 1
                && steps[0].as_str().unwrap().contains(said)
        };
        assert!(json["answers"].as_array().unwrap().iter().any(|a| is_it(&a)), "{line}: {json}");
    };
    found("mobilenet_v2 610.1M --set width=1.4", "ptflops", 610_098_600, "written as a mean");
    let text = page("reconcile mobilenet_v2 610.1M --set width=1.4");
    assert!(text.contains("610,098,600, rounded: ptflops"), "{text}");
    // What the tools print of torchvision's code, which calls its pool as a function.
    found("mobilenet_v2 320,300,008", "ptflops", 320_300_008, "called as functions");
    // The ledger's FLOPs of a network, less those of its pools.
    let report: Value = serde_json::from_str(&page("lenet5 --format json")).unwrap();
    let layers = report["layers"].as_array().unwrap();
    let is_pool = |layer: &&Value| layer["op"].as_str().unwrap().contains("pool");
    let flops = |layer: &Value| layer["flops"].as_u64().unwrap();
    let pools: u64 = layers.iter().filter(is_pool).map(flops).sum();
    let rest = report["totals"]["flops"].as_u64().unwrap() - pools;
    assert!(pools > 0);
    found(&format!("lenet5 {rest}"), "cnnstat", rest, "pools not counted");
}

#[test]
fn what_nobody_prints_exits_1() {
    let none = run("reconcile lenet5 4,242,424,242");
    assert_eq!((none.status, none.stderr.as_str()), (1, ""));
    assert!(
        none.stdout.contains("No convention prints 4.242424242 G for lenet5"),
        "{}",
        none.stdout
    );
    assert!(none.stdout.contains("Nearest"), "{}", none.stdout);
    let wrong = run("reconcile lenet5 many");
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("not a printed figure"), "{}", wrong.stderr);
}

#[test]
fn answers_fit_the_screen_and_are_ranked() {
    for columns in [80, 120] {
        let text = page(&format!("reconcile resnet50 4.1G --top 3 --width {columns}"));
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
        assert!(text.contains("the first 3 shown"), "{text}");
    }
    let json: Value = serde_json::from_str(&page("reconcile resnet50 4.1G --format json")).unwrap();
    let rank = |answer: &Value| {
        let how = ["exact", "rounded", "truncated"].iter().position(|how| answer["how"] == *how);
        (answer["distance"].as_u64().unwrap(), how.unwrap())
    };
    assert!(json["answers"].as_array().unwrap().is_sorted_by_key(rank));
    assert!(
        page("reconcile resnet50 4.1G --format markdown").starts_with("### resnet50 at 4.1 G\n")
    );
}

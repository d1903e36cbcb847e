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

//! Every report of six representative networks as it was last read and accepted. A snapshot shows that something
//! changed, not that it is right: `published.rs` and the golden files do that.

use std::fmt::Write as _;

use clap::CommandFactory as _;
use cnnstat::internals::cli::args::Cli;
use serde_json::Value;

use crate::run::{page, snapshot, zoo};

/// Grouped, weights only, normalised with names of its own, depthwise in scopes, 1-D, transposed.
const NETWORKS: &[&str] =
    &["alexnet", "alexnet_slide", "custom_cnn_bn", "mobilenet_v1", "m5", "dcgan_generator"];

/// A snapshot of what each network gives with the same arguments, the first being the surface's own.
fn each(surface: &str, suffix: &str, line: impl Fn(&str) -> String) {
    for name in NETWORKS {
        snapshot(surface, &format!("{name}{suffix}"), &page(&line(name)));
    }
}

#[test]
fn summaries() {
    for width in [80, 120] {
        each("summary", &format!("_{width}"), |name| format!("{name} --width {width}"));
    }
    let depths = [("mobilenet_v1", 1), ("mobilenet_v1", 2), ("vgg16", 1)];
    for (name, depth) in depths {
        let text = page(&format!("{name} --width 80 --depth {depth}"));
        snapshot("summary", &format!("{name}_depth_{depth}"), &text);
    }
    let columns = "name,op,output,params,receptive_field,stride";
    let text = page(&format!("c3d --width 120 --columns {columns}"));
    snapshot("summary", "c3d_receptive_field", &text);
    snapshot("summary", "alexnet_top_5", &page("alexnet --top 5 --sort params --exact"));
}

#[test]
fn tables_for_other_programs() {
    each("csv", "", |name| format!("{name} --format csv"));
    each("markdown", "", |name| format!("{name} --format markdown"));
}

#[test]
fn tables_for_papers() {
    let commands = [
        ("summary", "alexnet"),
        ("list", "list alexnet vgg16 resnet50"),
        ("diff", "diff custom_cnn custom_cnn_bn"),
        ("memory", "memory alexnet"),
        ("conventions", "conventions alexnet"),
    ];
    for (name, command) in commands {
        snapshot("latex", name, &page(&format!("{command} --format latex")));
    }
}

#[test]
fn lists_of_parameters() {
    each("params", "", |name| format!("params {name} --buffers"));
    snapshot("params", "custom_cnn", &page("params custom_cnn"));
}

#[test]
fn expansions() {
    each("expand", "", |name| format!("expand {name}"));
}

#[test]
fn derivations() {
    // The blocks of MobileNet are alike.
    let layers = |name: &str| if name == "mobilenet_v1" { "stem block1 block2.dw fc" } else { "" };
    each("explain", "", |name| format!("explain {name} {} --width 100", layers(name)));
    each("explain", "_markdown", |name| {
        format!("explain {name} {} --format markdown", layers(name))
    });
}

#[test]
fn checks() {
    snapshot("check", "zoo", &page("check models"));
    snapshot("check", "markdown", &page("check models/alexnet_slide.yaml --format markdown"));
    snapshot("check", "json", &page("check models/lenet5.yaml --format json"));
}

#[test]
fn comparisons() {
    let pairs = [("vgg16", "vgg16_bn"), ("vgg11", "vgg16"), ("alexnet", "alexnet_torchvision")];
    for (before, after) in pairs {
        for width in [80, 120] {
            let text = page(&format!("diff {before} {after} --width {width}"));
            snapshot("diff", &format!("{before}_{after}_{width}"), &text);
        }
        let text = page(&format!("diff {before} {after} --format markdown"));
        snapshot("diff", &format!("{before}_{after}_markdown"), &text);
    }
    snapshot("diff", "csv", &page("diff custom_cnn custom_cnn_bn --format csv"));
    snapshot("diff", "json", &page("diff custom_cnn custom_cnn_bn --format json"));
    snapshot("diff", "equal", &page("diff lenet5 models/lenet5.yaml"));
}

#[test]
fn lists() {
    for width in [80, 120] {
        snapshot("list", &format!("zoo_{width}"), &page(&format!("list --width {width}")));
    }
    snapshot("list", "vgg_exact", &page("list models/vgg.yaml --exact --sort activations"));
    snapshot("list", "markdown", &page("list models/custom_cnn.yaml --format markdown"));
    snapshot("list", "csv", &page("list models/custom_cnn.yaml c3d --format csv"));
    snapshot("list", "json", &page("list lenet5 --format json"));
}

/// One as it is written; of the others a line for each layer, since most of their lines would be braces.
#[test]
fn json() {
    snapshot("json", "custom_cnn_bn_in_full", &page("custom_cnn_bn --format json"));
    for name in NETWORKS {
        let mut report: Value =
            serde_json::from_str(&page(&format!("{name} --format json"))).unwrap();
        let layers = report.as_object_mut().unwrap().remove("layers").unwrap();
        let mut text = String::new();
        for (key, value) in report.as_object().unwrap() {
            let _ = writeln!(text, "{key}: {value}");
        }
        for layer in layers.as_array().unwrap() {
            let _ = writeln!(text, "{layer}");
        }
        snapshot("json", name, &text);
    }
}

#[test]
fn totals_of_the_zoo() {
    let names = zoo();
    let reports: Value =
        serde_json::from_str(&page(&format!("{} --format json", names.join(" ")))).unwrap();
    let mut text = String::new();
    for (name, report) in names.iter().zip(reports.as_array().unwrap()) {
        let totals = &report["totals"];
        let (params, macs, flops) = (&totals["params"], &totals["work"]["macs"], &totals["flops"]);
        let (bytes, activations) = (&totals["param_bytes"], &totals["activations"]);
        let output = &report["outputs"][0]["shape"];
        let _ = writeln!(
            text,
            "{name}: {params} params, {macs} MACs, {flops} FLOPs, {bytes} bytes, {activations} activations, {output}"
        );
    }
    snapshot("totals", "zoo", &text);
}

#[test]
fn help_of_every_command() {
    snapshot("help", "cnnstat", &page("--help"));
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        snapshot("help", name, &page(&format!("{name} --help")));
    }
}

#[test]
fn operators() {
    snapshot("help", "ops_list", &page("ops --width 100"));
    snapshot("help", "ops_conv2d", &page("ops conv2d --width 100"));
    snapshot("help", "explain-error_list", &page("explain-error"));
}

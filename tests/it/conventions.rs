//! What other tools print: every total in the golden files, to the last digit, or listed with the reason why not; and the
//! commands that show it.

use cnnstat::internals::convention::{self, Choice, Total, Unruled, WRITTEN};
use cnnstat::ops::{Entry, Op, Ranks};
use serde_json::Value;

use crate::common::{analysis, network};
use crate::run::{page, run};
use crate::torchvision::networks;

/// Where each tool's total stands in a golden file.
const TOTALS: &[(&str, &[&str])] = &[
    ("torchvision", &["macs"]),
    ("torch", &["torch_flop_counter"]),
    ("torchinfo", &["tools", "torchinfo", "total_mult_adds"]),
    ("fvcore", &["tools", "fvcore", "total"]),
    ("timm", &["tools", "fvcore", "total"]),
    ("ptflops", &["tools", "ptflops_pytorch", "macs"]),
    ("ptflops-aten", &["tools", "ptflops_aten", "macs"]),
    ("thop", &["tools", "thop", "macs"]),
    ("calflops", &["tools", "calflops", "flops"]),
];

/// A pool that is called as a function: hooks on modules do not see it.
const FUNCTION: &str = "average pools are called as functions, which hooks on modules do not see";
/// ptflops counts a module and the function that it calls; here only functions are called.
const ONCE: &str = "functions are called without a module, and count once instead of twice";

/// Totals that are not exact: network, tool, what the tool prints more, and why a description cannot tell.
const NOT_EXACT: &[(&str, &str, i128, &str)] = &[
    // The last ReLU and the pool behind it, 50,176 and 108,192 elements each.
    ("densenet121", "ptflops", -2 * 50_176, ONCE),
    ("densenet161", "ptflops", -2 * 108_192, ONCE),
    // The elements into and out of that pool.
    ("densenet121", "thop", -(50_176 + 1_024), FUNCTION),
    ("densenet161", "thop", -(108_192 + 2_208), FUNCTION),
    // Every ReLU.
    ("googlenet", "ptflops", -3_226_160, ONCE),
    // Every ReLU, the average pools of the blocks, and the maximum pools of the reductions.
    ("inception_v3", "ptflops", -(8_967_488 + 2_002_400 + 574_752), ONCE),
    ("inception_v3", "thop", -2_002_400, FUNCTION),
    ("mobilenet_v2", "ptflops", -62_720, ONCE),
    ("mobilenet_v2", "thop", -(62_720 + 1_280), FUNCTION),
];

/// What a convention makes of a network of the zoo.
fn total(name: &str, tool: &str) -> u64 {
    let document = network(name);
    let convention = convention::find(tool).unwrap();
    convention
        .count(&document.graph, &analysis(&document), Choice::default())
        .unwrap()
        .total
        .exact()
        .unwrap()
}

/// Exact, or listed: an entry of the list that is exact, or off by another number, fails.
#[test]
fn every_total_of_every_tool() {
    let mut checked = 0;
    for (name, golden) in networks() {
        let document = network(&name);
        let analysis = analysis(&document);
        for (tool, path) in TOTALS {
            let expected = path.iter().fold(&golden, |value, key| &value[*key]).as_u64().unwrap();
            let convention = convention::find(tool).unwrap();
            let count = convention.count(&document.graph, &analysis, Choice::default()).unwrap();
            let listed = NOT_EXACT.iter().find(|(of, by, ..)| (*of, by) == (name.as_str(), tool));
            let (more, why) = listed.map_or((0, ""), |(.., more, why)| (*more, *why));
            let found = i128::from(expected) - i128::from(count.total.exact().unwrap());
            assert_eq!(found, more, "{name}, {tool}: the tool prints {expected}. {why}");
            assert!(listed.is_none() || more != 0, "{name}, {tool} is exact: take it off the list");
            checked += 1;
        }
    }
    assert_eq!(checked, 29 * TOTALS.len());
}

/// Totals of the list that are exact once some layers are taken as functions: network, tool, and the step that says so.
#[test]
fn functions_called_without_a_module() {
    for (name, tool, said) in [
        ("mobilenet_v2", "ptflops", "global average pools called as functions"),
        ("mobilenet_v2", "thop", "global average pools called as functions"),
        ("densenet121", "thop", "global average pools called as functions"),
        ("densenet161", "thop", "global average pools called as functions"),
        ("googlenet", "ptflops", "activations called as functions"),
    ] {
        let document = network(name);
        let written = WRITTEN.iter().find(|written| written.said.starts_with(said));
        let choice = Choice { written, ..Choice::default() };
        let convention = convention::find(tool).unwrap();
        let count = convention.count(&document.graph, &analysis(&document), choice).unwrap();
        let listed = NOT_EXACT.iter().find(|(of, by, ..)| (*of, *by) == (name, tool)).unwrap();
        let as_modules = i128::from(total(name, tool));
        assert_eq!(
            i128::from(count.total.exact().unwrap()),
            as_modules + listed.2,
            "{name}, {tool}"
        );
    }
}

/// Terms are the total, and layers are; folding and heads change what they should.
#[test]
fn terms_and_layers_sum_to_the_total() {
    for name in ["googlenet", "convnext_tiny", "yolov3", "dcgan_generator", "alexnet"] {
        let document = network(name);
        let analysis = analysis(&document);
        for convention in convention::ALL {
            for heads in [None, Some(true), Some(false)] {
                for folded in [false, true] {
                    let choice = Choice { heads, folded, ..Choice::default() };
                    let count = convention.count(&document.graph, &analysis, choice).unwrap();
                    let total = count.total.value();
                    assert_eq!(count.layers.iter().flatten().sum::<u64>(), total);
                    let is_missing = count.layers.contains(&None);
                    assert_eq!(count.total.exact().is_none(), is_missing);
                    assert_eq!(count.not_counted.is_empty(), !is_missing);
                    let terms = count.terms.iter();
                    let sum: i128 = terms.map(|t| i128::from(t.times) * i128::from(t.amount)).sum();
                    assert_eq!(sum, i128::from(total), "{name}: {}", convention.name);
                }
            }
        }
    }
}

#[test]
fn the_default_is_the_ledger() {
    for name in ["resnet50", "googlenet", "unet"] {
        let analysis = analysis(&network(name));
        assert_eq!(total(name, "cnnstat"), analysis.totals.flops);
        assert_eq!(total(name, "macs"), analysis.totals.work.macs);
    }
}

/// What is published of tools that the golden files do not have.
#[test]
fn published_totals() {
    // J. Redmon's page on YOLO: 65.86 Bn for YOLOv3 at 416; a later fork adds the sums of shortcuts and prints 65.879.
    assert_eq!(total("yolov3", "darknet"), 65_864_075_264);
    // Without groups and scales, Netscope's MACC are the MACs; a depthwise convolution counts as a full one.
    assert_eq!(total("vgg16", "netscope"), 15_470_264_320);
    assert!(total("mobilenet_v1", "netscope") > 8 * total("mobilenet_v1", "macs"));
}

/// The single layers of keras-flops' own tests, with what its profiler says of them.
#[test]
fn keras_on_single_layers() {
    for (input, layer, expected) in [
        ("[3, 32, 32]", "conv2d(32, 3, padding=1)", (2 * 9 * 3 + 1) * 32 * 32 * 32),
        ("[3, 32, 32]", "conv2d(3, 3, padding=1, groups=3)", (2 * 9 + 1) * 32 * 32 * 3),
        ("[32, 32, 32]", "avgpool2d(2)", 32 * 32 * 32),
        ("[32, 32, 32]", "maxpool2d(2)", 32 * 32 * 32),
        ("[32, 32, 32]", "adaptive_avgpool2d(1)", 32 * 32 * 32),
        ("[8]", "softmax", 5 * 8),
        ("[8]", "linear(3)", 2 * 8 * 3 + 3),
        ("[8]", "linear(3, bias=false)", 2 * 8 * 3),
        ("[8]", "relu", 0),
    ] {
        let text = format!("model: m\ninput: {input}\nlayers:\n  - {layer}\n");
        assert_eq!(total_of(&text, "keras"), expected, "{layer}");
    }
}

/// What a convention makes of a description.
fn total_of(text: &str, tool: &str) -> u64 {
    let graph = cnnstat::parse_graph(text).unwrap();
    let analysis = cnnstat::analyze(&graph, &cnnstat::Options::default()).complete().unwrap();
    let convention = convention::find(tool).unwrap();
    convention.count(&graph, &analysis, Choice::default()).unwrap().total.exact().unwrap()
}

#[test]
fn transposed_convolutions_are_counted_as_each_tool_does() {
    let text =
        "model: m\ninput: [4, 5, 5]\nlayers:\n  - conv_transpose2d(6, 3, stride=2, bias=false)\n";
    let total = |tool: &str| total_of(text, tool);
    // 5·5 positions come in, 11·11 go out; a weight has 4·6·3·3 elements.
    assert_eq!(total("torchvision"), 25 * 216);
    assert_eq!(total("ptflops"), 25 * 216);
    assert_eq!(total("torchinfo"), 121 * 216);
    assert_eq!(total("thop"), 121 * 216);
    assert_eq!(total("onnx-tool"), 6 * 121 * 54);
}

#[test]
fn side_by_side() {
    let table = page("conventions resnet50 --width 80");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let plain = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "thop 4,133,742,592 MACs 4,089,184,256 MACs + 4 × 11,113,984 batch-norm elements",
        "fvcore 4,111,512,576 flops 4,089,184,256 MACs + 2 × 11,113,984 batch-norm elements",
        "timm 4,111,512,576 GMACs 4,089,184,256 MACs",
        "torchvision 4,089,184,256 GFLOPS 4,089,184,256 MACs",
    ] {
        assert!(plain.contains(line), "{line}\n{table}");
    }
    for name in convention::ALL.iter().map(|convention| convention.name) {
        assert!(table.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}");
    }
    let json: Value = serde_json::from_str(&page("conventions googlenet --format json")).unwrap();
    assert_eq!(json["auxiliary_macs"], 8_372_224);
    let thop =
        json["conventions"].as_array().unwrap().iter().find(|c| c["name"] == "thop").unwrap();
    assert_eq!((&thop["total"], &thop["skips_heads"]), (&1_511_332_032u64.into(), &true.into()));
    assert!(page("conventions googlenet").contains("8,372,224 MACs are in auxiliary heads"));
    assert!(
        page("conventions resnet50 --format markdown").contains("| thop | 4,133,742,592 | MACs |")
    );
}

/// Every command that prints work prints it as the tool does, and says so.
#[test]
fn as_another_tool() {
    let table = page("resnet50 --as thop --exact --depth 1");
    let said = "as thop: what it calls MACs is MACs + 4 per norm element";
    assert!(table.contains(said) && table.contains("4,133,742,592"), "{table}");
    assert!(table.lines().any(|line| line.ends_with("thop MACs")), "{table}");
    assert!(table.lines().any(|line| line.starts_with("thop MACs")), "{table}");
    let json: Value = serde_json::from_str(&page("resnet50 --as fvcore --format json")).unwrap();
    assert_eq!(
        (&json["convention"]["name"], &json["convention"]["result"]),
        (&"fvcore".into(), &"flops".into())
    );
    let layers = json["layers"].as_array().unwrap();
    let sum: u64 = layers.iter().map(|layer| layer["flops"].as_u64().unwrap()).sum();
    assert_eq!((sum, json["totals"]["flops"].as_u64()), (4_111_512_576, Some(4_111_512_576)));
    assert!(
        page("resnet50 --as fvcore --format csv").lines().next().unwrap().contains("fvcore flops")
    );
    assert!(page("resnet50 --as fvcore --format markdown").contains("| fvcore flops |"));
    let list = page("list resnet50 --as calflops --exact");
    assert!(list.contains("calflops FLOPs") && list.contains("8,211,108,352"), "{list}");
    assert!(page("list resnet50 --as calflops --format csv").contains("calflops FLOPs"));
    let diff = page("diff resnet18 resnet34 --as torch --exact");
    assert!(diff.contains("Δ torch FLOPs") && diff.contains("+3,699,376,128"), "{diff}");
    assert!(page("diff resnet18 resnet34 --as torch --format csv").contains("torch FLOPs delta"));
    assert!(page("explain resnet18 bn1 --as thop").contains("thop MACs:         3,211,264"));
    let wrong = run("resnet50 --as thoop");
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("`thop`"), "{}", wrong.stderr);
}

/// Every name that an operator has, by rank: `conv1d`, `conv2d`, `conv3d`.
fn names() -> Vec<String> {
    let ranked = |entry: &Entry| -> Vec<String> {
        let ranks: &[&str] = match entry.ranks {
            Ranks::None => &[""],
            Ranks::Always => &["1d", "2d", "3d"],
            Ranks::Optional => &["", "1d", "2d", "3d"],
        };
        ranks.iter().map(|rank| format!("{}{rank}", entry.name)).collect()
    };
    Op::ALL.iter().flat_map(ranked).collect()
}

/// Whether a name of a table, which may end in `Nd`, is that of an operator.
fn means(table: &str, name: &str) -> bool {
    let stem = name.strip_suffix('d').map(|stem| stem.trim_end_matches(char::is_numeric));
    table == "*" || table == name || table.strip_suffix("Nd").is_some_and(|t| stem == Some(t))
}

/// Operators × conventions: each pair has a rule whatever the arguments, or a reason why there is none.
#[test]
fn every_operator_is_ruled_or_stands_in_a_list_with_the_reason() {
    let mut missing = Vec::new();
    for convention in convention::ALL {
        let always = convention.rules.iter().filter(|rule| rule.when.is_empty());
        let ruled: Vec<&str> = always.flat_map(|rule| rule.ops.iter().copied()).collect();
        let lists: Vec<&Unruled> =
            convention.ignored.iter().chain(convention.undetermined).collect();
        assert!(
            lists.iter().all(|list| list.why.len() > 20 && !list.names_in(convention).is_empty())
        );
        let listed: Vec<&str> = lists.iter().flat_map(|list| list.names_in(convention)).collect();
        // An operator of one's own is in no tool's table.
        for name in names().into_iter().filter(|name| name != "unknown") {
            if !ruled.iter().chain(&listed).any(|table| means(table, &name)) {
                missing.push(format!("{}: {name}", convention.name));
            }
        }
        for table in listed {
            assert!(names().iter().any(|name| means(table, name)), "{table} is no operator");
        }
    }
    assert!(missing.is_empty(), "neither ruled nor listed:\n{}", missing.join("\n"));
}

/// What a tool makes of several operations is not counted as nothing: the total is a lower bound, and the page says so.
#[test]
fn an_operator_without_a_number_makes_the_total_a_lower_bound() {
    let text = "model: m\ninput: [4, 6, 6]\nlayers:\n  - conv2d(4, 3, bias=false)\n  - silu\n  - relu\n  - silu\n";
    let graph = cnnstat::parse_graph(text).unwrap();
    let analysis = cnnstat::analyze(&graph, &cnnstat::Options::default()).complete().unwrap();
    let count = |tool: &str| {
        convention::find(tool).unwrap().count(&graph, &analysis, Choice::default()).unwrap()
    };
    let keras = count("keras");
    let macs = 2 * 9 * 4 * 4 * 16;
    assert_eq!(keras.layers, [Some(macs), None, Some(0), None]);
    assert_eq!(keras.total, Total::AtLeast(macs));
    let [missing] = keras.not_counted.as_slice() else { panic!("{:?}", keras.not_counted) };
    assert_eq!((missing.op.as_str(), missing.layers, missing.first.as_str()), ("silu", 2, "1"));
    assert_eq!(count("torch").total, Total::Exact(macs));
    let table = page("conventions efficientnet_b0 --width 200");
    let keras = table.lines().find(|line| line.starts_with("keras")).unwrap();
    assert!(keras.contains("≥ "), "{table}");
    assert!(table.contains("keras does not count silu (49, first "), "{table}");
    let json: Value =
        serde_json::from_str(&page("conventions efficientnet_b0 --format json")).unwrap();
    let all = json["conventions"].as_array().unwrap();
    let keras = all.iter().find(|convention| convention["name"] == "keras").unwrap();
    assert_eq!(keras["not_counted"][0]["op"], "silu");
    let torch = all.iter().find(|convention| convention["name"] == "torch").unwrap();
    assert_eq!(torch["not_counted"], serde_json::json!([]));
}

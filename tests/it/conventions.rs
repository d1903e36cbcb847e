//! What other tools print: every total in the golden files, to the last digit, or listed with the reason why not.

use std::collections::BTreeMap;

use cnnstat::convention::{self, Choice};
use serde_json::Value;

use crate::common::{analysis, network};
use crate::torchvision::networks;

/// Where each tool's total stands in a golden file.
const TOTALS: &[(&str, &[&str])] = &[
    ("torch", &["torch_flop_counter"]),
    ("torchinfo", &["tools", "torchinfo", "total_mult_adds"]),
    ("fvcore", &["tools", "fvcore", "total"]),
    ("timm", &["tools", "fvcore", "total"]),
    ("ptflops", &["tools", "ptflops_pytorch", "macs"]),
    ("ptflops-aten", &["tools", "ptflops_aten", "macs"]),
    ("thop", &["tools", "thop", "macs"]),
    ("calflops", &["tools", "calflops", "flops"]),
    ("torchvision", &["macs"]),
    ("macs", &["macs"]),
];

#[test]
fn every_total_of_every_tool() {
    let mut wrong = BTreeMap::new();
    for (name, golden) in networks() {
        let document = network(&name);
        let analysis = analysis(&document);
        for (tool, path) in TOTALS {
            let expected = path.iter().fold(&golden, |value, key| &value[*key]).as_u64().unwrap();
            let convention = convention::find(tool).unwrap();
            let count = convention.count(&document.graph, &analysis, Choice::default()).unwrap();
            if count.total != expected {
                wrong.insert((name.clone(), *tool), i128::from(expected) - i128::from(count.total));
            }
        }
    }
    println!("{wrong:#?}");
    assert!(wrong.is_empty());
    let _ = Value::Null;
}

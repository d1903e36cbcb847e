//! Rows sum to totals: every quantity of the JSON, every column of the CSV at every depth and however it is cut and
//! sorted, for every network of the zoo.

use serde_json::{Map, Value};

use crate::run::{page, zoo};

/// The reports of some networks, an array where there are several.
fn json(line: &str) -> Value {
    serde_json::from_str(&page(&format!("{line} --format json"))).unwrap()
}

/// Heads and records; the tool writes no line breaks into the cells of the zoo.
fn csv(line: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let text = page(&format!("{line} --format csv"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let heads = cells(reader.headers().unwrap());
    (heads, reader.records().map(|record| cells(&record.unwrap())).collect())
}

/// Every number of the totals is the sum of the same number of all layers; how many numbers there were.
fn assert_sums(what: &str, totals: &Map<String, Value>, layers: &[&Value]) -> usize {
    let mut numbers = 0;
    for (key, total) in totals {
        let parts: Vec<&Value> = layers.iter().map(|layer| &layer[key]).collect();
        let what = format!("{what}.{key}");
        if let Value::Object(total) = total {
            numbers += assert_sums(&what, total, &parts);
        } else {
            let sum: u64 = parts.iter().map(|part| part.as_u64().unwrap()).sum();
            assert_eq!(total.as_u64(), Some(sum), "{what}");
            numbers += 1;
        }
    }
    numbers
}

/// Where a quantity of a CSV column stands in the totals.
fn total_of(totals: &Value, column: &str) -> Option<u64> {
    let backward = &totals["work_backward"];
    let value = match column {
        "bytes" => &totals["param_bytes"],
        "backward_macs" => {
            let macs = |part: &str| backward[part]["macs"].as_u64().unwrap();
            return Some(macs("inputs") + macs("params"));
        }
        column if totals["work"][column].is_u64() => &totals["work"][column],
        column => &totals[column],
    };
    value.as_u64()
}

/// Every column of numbers sums to its total; shares of a network sum to one.
fn assert_columns(line: &str, totals: &Value) -> usize {
    let (heads, records) = csv(line);
    let mut columns = 0;
    for (at, head) in heads.iter().enumerate() {
        let Some(total) = total_of(totals, head) else { continue };
        let sum: u64 = records.iter().map(|record| record[at].parse::<u64>().unwrap()).sum();
        assert_eq!(sum, total, "{line}: {head}");
        columns += 1;
    }
    columns
}

#[test]
fn rows_of_the_json_sum_to_its_totals() {
    for mode in ["eval", "train"] {
        let reports = json(&format!("{} --mode {mode} --batch 3", zoo().join(" ")));
        for report in reports.as_array().unwrap() {
            let layers: Vec<&Value> = report["layers"].as_array().unwrap().iter().collect();
            let name = report["model"].as_str().unwrap();
            // 7 of the forward pass, 14 of the backward pass, 8 others.
            assert_eq!(assert_sums(name, report["totals"].as_object().unwrap(), &layers), 29);
        }
    }
}

#[test]
fn a_report_says_its_version_status_and_convention() {
    let report = json("alexnet");
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["status"], "complete");
    assert_eq!(report["not_counted"], Value::Array(Vec::new()));
    assert_eq!(report["convention"]["name"], "cnnstat");
    let totals = &report["totals"];
    let work = |key: &str| totals["work"][key].as_u64().unwrap();
    let others: u64 = ["adds", "muls", "divs", "cmps", "specials"].into_iter().map(work).sum();
    assert_eq!(report["convention"]["flops"], "2*macs + adds + muls + divs + cmps + specials");
    assert_eq!(totals["flops"], 2 * work("macs") + others);
    assert_eq!((&totals["params"], work("macs")), (&Value::from(60_965_224), 724_406_816));
}

#[test]
fn columns_sum_to_totals_at_every_depth() {
    for name in zoo() {
        let report = json(name);
        let depths = report["layers"].as_array().unwrap().iter();
        let depths = depths.map(|l| l["name"].as_str().unwrap().split('.').count());
        let deepest = depths.max().unwrap();
        for depth in 0..=deepest + 1 {
            let line = format!("{name} --depth {depth}");
            assert_eq!(assert_columns(&line, &report["totals"]), 16, "{line}");
        }
    }
}

#[test]
fn depth_folds_layers_into_their_scope() {
    let rows = |line: &str| csv(line).1.len();
    let all = json("mobilenet_v1")["layers"].as_array().unwrap().len();
    assert_eq!(rows("mobilenet_v1 --depth 0"), 1);
    // The stem, thirteen blocks, a pool, flatten and the classifier.
    assert_eq!(rows("mobilenet_v1 --depth 1"), 17);
    // Of each block two convolutions, of the stem three layers.
    assert_eq!(rows("mobilenet_v1 --depth 2"), 3 + 2 * 13 + 3);
    assert_eq!(rows("mobilenet_v1 --depth 3"), all);
    assert_eq!(rows("mobilenet_v1"), all);
}

#[test]
fn top_and_sort_keep_every_sum() {
    let totals = &json("mobilenet_v1")["totals"];
    for top in [0, 1, 7, 1000] {
        for sort in ["params", "flops", "activation_bytes", "macs%"] {
            for depth in ["", "--depth 1"] {
                let line = format!("mobilenet_v1 --top {top} --sort {sort} {depth}");
                assert_eq!(assert_columns(&line, totals), 16, "{line}");
            }
        }
    }
}

#[test]
fn top_shows_the_largest_rows_and_one_for_the_rest() {
    let (heads, records) = csv("alexnet --top 3 --sort params");
    let at = |key: &str| heads.iter().position(|head| head == key).unwrap();
    let shown: Vec<[&str; 2]> =
        records.iter().map(|r| [r[at("name")].as_str(), r[at("params")].as_str()]).collect();
    let expected =
        [["fc6", "37752832"], ["fc7", "16781312"], ["fc8", "4097000"], ["… 20 more", "2334080"]];
    assert_eq!(shown, expected);
}

#[test]
fn shares_sum_to_one() {
    let (_, records) = csv("alexnet --columns macs%");
    let sum: f64 = records.iter().map(|record| record[0].parse::<f64>().unwrap()).sum();
    approx::assert_abs_diff_eq!(sum, 1.0, epsilon = 1e-5);
}

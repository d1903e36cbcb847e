//! The list of quantities is all that is serialised, and the tables of the documentation are made from it.
//!
//! `CNNSTAT_UPDATE=1 cargo test` writes the tables.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cnnstat::analysis::Totals;
use cnnstat::analysis::quantity::{ALL, Of, Quantity, Unit};
use serde_json::Value;

use crate::run::page;

/// The paths of the numbers in an object: `work.macs`.
fn paths(value: &Value, before: &str, found: &mut BTreeSet<String>) {
    for (key, value) in value.as_object().unwrap() {
        match value {
            Value::Object(_) => paths(value, &format!("{before}{key}."), found),
            _ => _ = found.insert(format!("{before}{key}")),
        }
    }
}

#[test]
fn every_serialised_count_is_a_quantity() {
    let mut serialised = BTreeSet::new();
    paths(&serde_json::to_value(Totals::default()).unwrap(), "", &mut serialised);
    serialised.retain(|path| !path.starts_with("work_backward."));
    let listed: BTreeSet<String> =
        ALL.iter().filter_map(|quantity| quantity.json).map(str::to_owned).collect();
    assert_eq!(serialised, listed);
}

#[test]
fn a_quantity_is_computed_from_the_count_that_it_names() {
    for quantity in ALL.iter().filter(|quantity| quantity.json.is_some()) {
        let path = quantity.json.unwrap();
        let number =
            path.rsplit('.').fold(Value::from(7), |inner, key| serde_json::json!({ key: inner }));
        let totals: Totals = serde_json::from_value(number).unwrap();
        let Of::Sum(of) = quantity.of else { panic!("{path} is no sum") };
        assert_eq!(of(&totals), 7, "{path}");
    }
}

#[test]
fn a_stored_and_a_compared_quantity_is_serialised() {
    for quantity in ALL.iter().filter(|quantity| quantity.stored || quantity.compared) {
        assert!(quantity.json.is_some() && quantity.sums(), "{}", quantity.key);
        assert!(quantity.compared, "{} is stored and never compared", quantity.key);
    }
}

/// 12 numbers in, a kernel of 9 and a bias, 12 numbers out; `relu` 12 in, 12 out; `flatten` is a view.
#[test]
fn intensity_is_flops_for_each_byte_that_is_moved_once() {
    let text = "model: m\ninput: [1, 3, 4]\nlayers:\n  - conv2d(1, 3, padding=1)\n  - relu\n  - flatten\n  - linear(1)\n";
    let graph = cnnstat::parse_graph(text).unwrap();
    let analysis = cnnstat::analyze(&graph, &cnnstat::Options::default()).complete().unwrap();
    let moved: Vec<u128> = analysis.rows.iter().map(|row| row.counts.moved_bytes).collect();
    assert_eq!(moved, [4 * (12 + 9 + 1 + 12), 4 * (12 + 12), 0, 4 * (12 + 12 + 1 + 1)]);
    assert_eq!(analysis.totals.moved_bytes, moved.iter().sum());
    let csv = page("lenet5 --columns name,flops,intensity --format csv");
    let mut rows = csv.lines();
    assert_eq!(rows.next(), Some("name,flops,intensity"));
    for row in rows {
        let places = row.rsplit(',').next().unwrap().split_once('.').map_or(0, |(_, p)| p.len());
        // A view has none.
        assert!(places == 3 || row.ends_with(','), "{row}");
    }
    assert!(!page("lenet5 --format csv").contains("intensity"));
}

#[test]
fn weights_that_layers_share_are_moved_by_each() {
    let text = "model: m\ninput: [4]\nlayers:\n  - a: linear(4)\n  - b: share(@a, 'a')\n";
    let graph = cnnstat::parse_graph(text).unwrap();
    let analysis = cnnstat::analyze(&graph, &cnnstat::Options::default()).complete().unwrap();
    let moved: Vec<u128> = analysis.rows.iter().map(|row| row.counts.moved_bytes).collect();
    assert_eq!(moved, [4 * (4 + 20 + 4); 2]);
    assert_eq!(analysis.rows[1].counts.param_bytes, 0);
}

const fn unit(quantity: &Quantity) -> &'static str {
    match quantity.unit {
        Unit::Elements => "elements",
        Unit::Operations => "operations",
        Unit::Bytes => "bytes",
        Unit::Ratio => "ratio",
        Unit::Shape => "shape",
        _ => "",
    }
}

fn rows(head: &str, rows: impl Iterator<Item = String>) -> String {
    let rule = "---|".repeat(head.matches('|').count() - 1);
    rows.fold(format!("{head}\n|{rule}\n"), |table, row| format!("{table}{row}\n"))
}

/// Counts of a report: those of `work` and of `work_backward` have tables of their own.
fn counts() -> String {
    let mut work = Some(
        "| `work` | [work](#work) | arithmetic of one forward pass |\n\
         | `work_backward` | [backward](#backward) | arithmetic of one backward pass |",
    );
    let row = |quantity: &&Quantity| {
        let path = quantity.json?;
        if path.contains('.') {
            return work.take().map(str::to_owned);
        }
        Some(format!("| `{path}` | {} | {} |", unit(quantity), quantity.doc))
    };
    rows("| key | unit | meaning |", ALL.iter().filter_map(row))
}

fn work() -> String {
    let row = |quantity: &&Quantity| {
        let key = quantity.json?.strip_prefix("work.")?;
        Some(format!("| `{key}` | {} |", quantity.doc))
    };
    rows("| key | meaning |", ALL.iter().filter_map(row))
}

fn compared() -> String {
    let row = |quantity: &Quantity| format!("| `{}` | {} |", quantity.field(), quantity.doc);
    rows("| key | meaning |", Quantity::compared().map(row))
}

fn names(quantity: &Quantity) -> String {
    match quantity.field() {
        field if field == quantity.key => format!("`{field}`"),
        field => format!("`{}`, `{field}`", quantity.key),
    }
}

fn expected() -> String {
    let row = |quantity: &Quantity| {
        let of_layers = if quantity.is_of_networks() { "no" } else { "yes" };
        format!("| {} | {} | {of_layers} |", names(quantity), quantity.doc)
    };
    rows("| key | what it is | of layers |", Quantity::expected().into_iter().map(row))
}

fn columns() -> String {
    let row = |quantity: &&Quantity| {
        quantity
            .is_column()
            .then(|| format!("| `{}` | {} | {} |", quantity.key, unit(quantity), quantity.doc))
    };
    rows("| column | unit | what it is |", ALL.iter().filter_map(row))
}

/// Replaces the table below the mark `<!-- quantities: NAME -->`, up to the next empty line.
fn with_table(page: &str, name: &str, table: &str) -> String {
    let mark = format!("<!-- quantities: {name} -->\n");
    let (before, rest) = page.split_once(&mark).unwrap_or_else(|| panic!("no {mark}"));
    let end = rest.find("\n\n").map_or(rest.len(), |end| end + 1);
    format!("{before}{mark}{table}{}", &rest[end..])
}

#[test]
fn the_documentation_has_the_list() {
    for (path, tables) in [
        (
            "docs/json.md",
            &[("counts", counts as fn() -> String), ("work", work), ("compared", compared)][..],
        ),
        ("docs/ci.md", &[("expected", expected)]),
        ("docs/language.md", &[("expected", expected)]),
        ("docs/columns.md", &[("columns", columns)]),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let page = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
        let now = tables
            .iter()
            .fold(page.clone(), |page, (name, table)| with_table(&page, name, &table()));
        if std::env::var_os("CNNSTAT_UPDATE").is_some() {
            fs::write(&path, now).unwrap();
        } else {
            assert!(page == now, "{}: CNNSTAT_UPDATE=1 cargo test", path.display());
        }
    }
}

/// Kernels of 5×3 and 3×1 see 7 rows and 3 columns.
#[test]
fn a_receptive_field_is_expected_along_each_axis() {
    let text = |expected: &str| {
        format!(
            "model: m\ninput: [1, 20, 9]\nlayers:\n  - a: conv2d(2, (5, 3))\n  - conv2d(2, (3, 1))\nexpect:\n  {expected}\n"
        )
    };
    let check = |expected: &str| crate::run::run_on(&["check", "-"], &text(expected));
    for met in [
        "receptive_field: [7, 3]",
        "receptive_field: 7x3",
        "receptive_field: 7",
        "receptive_field: {lock: [7, 3]}",
        "layers: {a: {receptive_field: [5, 3]}}",
    ] {
        let run = check(met);
        assert_eq!((run.status, &*run.stderr), (0, ""), "{met}");
    }
    for (missed, said) in [
        ("receptive_field: [3, 7]", "receptive_field is 7×3, but 3×7 is expected"),
        ("receptive_field: [7]", "receptive_field is 7×3, but 7 is expected"),
    ] {
        let run = check(missed);
        assert!(run.status == 1 && run.stderr.contains(said), "{missed}: {}", run.stderr);
    }
}

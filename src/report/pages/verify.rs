//! The page of `cnnstat verify`: a row for each layer, the quantities of the network, every mismatch in a sentence.

use super::{by_reference, inputs};
use crate::report::data::verify::{Comparison, VerifiedLayer, VerifyReport};
use crate::report::grid::{Grid, Head, Value, shape_text};
use crate::report::page::{Block, Page, Records};
use crate::{units, verify};

/// What marks numbers that were tallied on a smaller input.
const MARK: &str = "*";

/// The page of a network.
pub fn page(report: &VerifyReport) -> Page<'_> {
    let sections = move |_| {
        let mut rows = vec![Block::table(layers(report))];
        rows.extend(notes(report).map(Block::Sentence));
        let wrong = mismatches(report);
        let wrong = (!wrong.is_empty()).then_some(Block::List(wrong, 0));
        vec![
            vec![Block::Title(report.model.clone()), Block::Assumptions(assumptions(report))],
            rows,
            vec![Block::table(totals(report))],
            vec![Block::Sentence(loss(report))],
            wrong.into_iter().chain([Block::Sentence(sentence(report))]).collect(),
        ]
    };
    Page::new(&report.model, sections).records(|| records(report)).data(move || report)
}

/// Layers, a row each.
fn records(report: &VerifyReport) -> Records {
    let titles = [
        "layer",
        "operator",
        "output",
        "params",
        "macs",
        "tallied_on",
        "saved_bytes",
        "gradient_error",
        "verdict",
        "mismatches",
        "by_reference",
    ];
    let row = |layer: &VerifiedLayer| {
        let wrong = layer.checks.iter().filter(|check| !check.equal);
        let wrong: Vec<String> = wrong.map(|check| mismatch(Some(&layer.name), check)).collect();
        let on = layer.tallied_on.clone().map_or(Value::Empty, |on| Value::Shapes(vec![Some(on)]));
        let error = layer.gradient_error.map_or(String::new(), |error| format!("{error:e}"));
        vec![
            Value::text(&layer.name),
            Value::text(&layer.op),
            Value::Shapes(vec![Some(layer.output.clone())]),
            Value::Count(layer.params),
            Value::Count(layer.work.macs),
            on,
            Value::Bytes(layer.saved_bytes),
            Value::Text(error),
            verdict(layer.equal),
            Value::Text(wrong.join("; ")),
            Value::Text(layer.by_reference.to_string()),
        ]
    };
    Records {
        titles: titles.map(Into::into).to_vec(),
        rows: report.layers.iter().map(row).collect(),
    }
}

fn verdict(equal: bool) -> Value {
    Value::text(if equal { "ok" } else { "MISS" })
}

/// The power of ten that an error does not exceed: its digits are rounding's, and differ between machines.
fn bound(error: Option<f64>) -> String {
    match error {
        None => "none".to_owned(),
        Some(error) if error < 1e-15 => "1e-15".to_owned(),
        Some(error) => format!("1e{:.0}", error.log10().ceil()),
    }
}

/// A row for each layer.
fn layers(report: &VerifyReport) -> Grid {
    let mut grid = Grid::new([
        Head::left("layer"),
        Head { expendable: 5, ..Head::left("operator") },
        Head { expendable: 1, ..Head::left("output") },
        Head { expendable: 2, ..Head::right("params") },
        Head { expendable: 3, ..Head::right("MACs") },
        Head { expendable: 3, ..Head::right("saved") },
        Head { expendable: 4, ..Head::right("grad err") },
        Head::left("verdict"),
    ]);
    let macs: Vec<String> =
        report.layers.iter().map(|layer| units::count(layer.work.macs)).collect();
    let is_bare = |text: &str| text.ends_with(|c: char| c.is_ascii_digit());
    let any_unit = macs.iter().any(|text| !is_bare(text));
    let any_mark = report.layers.iter().any(|layer| layer.tallied_on.is_some());
    for (layer, mut macs) in report.layers.iter().zip(macs) {
        // Digits stand under digits.
        if any_unit && is_bare(&macs) {
            macs.push_str("  ");
        }
        if any_mark {
            macs.push_str(if layer.tallied_on.is_some() { MARK } else { " " });
        }
        grid.rows.push(vec![
            Value::text(&layer.name),
            Value::text(&layer.op),
            Value::Shapes(vec![Some(layer.output.clone())]),
            Value::Count(layer.params),
            Value::Text(macs),
            Value::Bytes(layer.saved_bytes),
            Value::Text(bound(layer.gradient_error)),
            verdict(layer.equal),
        ]);
    }
    grid
}

/// The inputs on which operations were tallied, with the layers of each.
fn footnote(report: &VerifyReport) -> Option<String> {
    let mut inputs: Vec<(&[u64], Vec<&str>)> = Vec::new();
    for layer in &report.layers {
        let Some(on) = &layer.tallied_on else { continue };
        match inputs.iter_mut().find(|(known, _)| *known == on.as_slice()) {
            Some((_, layers)) => layers.push(&layer.name),
            None => inputs.push((on, vec![&layer.name])),
        }
    }
    let said = |(input, layers): (&[u64], Vec<&str>)| {
        format!("{} ({})", shape_text(input, "×"), layers.join(", "))
    };
    let said: Vec<String> = inputs.into_iter().map(said).collect();
    (!said.is_empty()).then(|| {
        format!(
            "{MARK} Too large to be tallied whole: operations were tallied, and gradients checked, at the smallest \
             input that the shape rule accepts: {}.",
            said.join("; ")
        )
    })
}

/// What is to be known beside the rows.
fn notes(report: &VerifyReport) -> impl Iterator<Item = String> {
    let slow = report.layers.iter().filter(|layer| layer.by_reference);
    let slow = by_reference(slow.map(|layer| (layer.op.as_str(), layer.name.as_str())));
    footnote(report).into_iter().chain(slow)
}

/// The quantities of the network.
fn totals(report: &VerifyReport) -> Grid {
    let mut grid = Grid::new([
        Head::left("network"),
        Head::right("computed"),
        Head::right("executed"),
        Head { expendable: 1, ..Head::right("rounded") },
        Head::left("verdict"),
    ]);
    for check in &report.totals {
        // `1,024 B (1.00 KiB)`
        let parts = |text: &str| match text.split_once(" (") {
            Some((exact, rounded)) => (exact.to_owned(), rounded.trim_end_matches(')').to_owned()),
            None => (text.to_owned(), String::new()),
        };
        let ((computed, _), (executed, rounded)) = (parts(&check.computed), parts(&check.executed));
        grid.rows.push(vec![
            Value::text(check.quantity),
            Value::Text(computed),
            Value::Text(executed),
            Value::Text(rounded),
            verdict(check.equal),
        ]);
    }
    grid
}

/// How the loss went.
fn loss(report: &VerifyReport) -> String {
    let (Some(first), Some(last)) = (report.losses.first(), report.losses.last()) else {
        return String::new();
    };
    let rate = format!(" at the rate {}", verify::LEARNING_RATE);
    match report.steps {
        0 => format!("loss {first:.4}; no step was taken"),
        1 => {
            format!("loss {first:.4} before and {last:.4} after a step of gradient descent{rate}")
        }
        n => {
            let n = units::grouped(n);
            format!(
                "loss {first:.4} before and {last:.4} after {n} steps of gradient descent{rate}"
            )
        }
    }
}

fn mismatch(layer: Option<&str>, check: &Comparison) -> String {
    let layer = layer.unwrap_or("the network");
    format!("{layer}: {}: computed {}, executed {}", check.quantity, check.computed, check.executed)
}

/// Every mismatch in a sentence: layer, quantity, both numbers.
fn mismatches(report: &VerifyReport) -> Vec<String> {
    let of_layers = report
        .layers
        .iter()
        .flat_map(|layer| layer.checks.iter().map(|check| (Some(layer.name.as_str()), check)));
    of_layers
        .chain(report.totals.iter().map(|check| (None, check)))
        .filter(|(_, check)| !check.equal)
        .map(|(layer, check)| mismatch(layer, check))
        .collect()
}

/// How it went, in a sentence.
fn sentence(report: &VerifyReport) -> String {
    let plural = |n: usize, one: &'static str, many: &'static str| {
        format!("{} {}", units::grouped(n as u64), if n == 1 { one } else { many })
    };
    let quantities = plural(report.compared, "quantity", "quantities");
    let layers = plural(report.layers.len(), "layer", "layers");
    let tallied = match report.layers.iter().filter(|layer| layer.tallied_on.is_some()).count() {
        0 => String::new(),
        n => format!(" (operations of {n} at a smaller input)"),
    };
    match report.mismatches {
        0 => format!("{quantities} of {layers}: all equal{tallied}"),
        n => format!("{quantities} of {layers}: {} NOT equal{tallied}", units::grouped(n as u64)),
    }
}

fn assumptions(report: &VerifyReport) -> Vec<String> {
    let raised = if report.batch_raised { " (raised for batch norm)" } else { "" };
    vec![
        format!("input {}", inputs(&report.inputs)),
        format!("batch {}{raised}", report.batch),
        report.dtype.to_owned(),
        format!("{} mode", report.mode),
        format!("seed {}", report.seed),
    ]
}

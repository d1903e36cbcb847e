//! What `cnnstat verify` found: layer by layer what happened, and every quantity computed and executed.
//!
//! A layer's MACs are those that were tallied, on a smaller input where the real one is too large. Tests stand in
//! `tests/it/verify_command.rs`.

use std::fmt::Write as _;

use serde::Serialize;

use super::build::mode_name;
use super::grid::{Grid, Head, Numbers, Value, shape_text};
use super::markdown;
use super::model::{NamedShape, SCHEMA_VERSION};
use super::summary::shapes;
use super::table::{Look, bold, draw};
use super::text::{join, safe, wrap};
use crate::graph::Graph;
use crate::ops::ledger::Work;
use crate::units;
use crate::verify::{self, Verification, Verified, VerifyPlan};

/// What marks numbers that were tallied on a smaller input.
const MARK: &str = "*";

/// What was found of a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// The network's name.
    pub model: String,
    /// Its inputs, with the batch.
    pub inputs: Vec<NamedShape>,
    /// Examples that went through at once.
    pub batch: u64,
    /// Whether the batch was raised, since batch statistics need more than one value.
    pub batch_raised: bool,
    /// Element type of parameters and activations.
    pub dtype: &'static str,
    /// `train` or `eval`.
    pub mode: &'static str,
    /// Where parameters, inputs and targets were drawn from.
    pub seed: u64,
    /// Steps of gradient descent.
    pub steps: u64,
    /// Bytes that tensors were predicted to take at the highest: an upper bound.
    pub needed_bytes: u64,
    /// Bytes that they took at the highest.
    pub taken_bytes: u64,
    /// What was found of each layer, in execution order.
    pub layers: Vec<Layer>,
    /// Quantities of the whole network.
    pub totals: Vec<Check>,
    /// The loss before the first step and after each.
    pub losses: Vec<f64>,
    /// How many quantities were compared.
    pub compared: usize,
    /// How many of them differ.
    pub mismatches: usize,
}

/// What was found of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// Position in execution order.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// Its output as it happened, batch first.
    pub output: Vec<u64>,
    /// Elements of its parameters, as they were made.
    pub params: u64,
    /// Whether it was run by the reference's kernel though fast ones were asked for: there is none.
    pub by_reference: bool,
    /// What was tallied of a forward pass.
    pub work: Work,
    /// The first input on which operations were tallied, where the real one is too large.
    pub tallied_on: Option<Vec<u64>>,
    /// Bytes that it kept for backward.
    pub saved_bytes: u64,
    /// The largest error of its gradients, relative to their scale; `None` where one was missing or not finite.
    pub gradient_error: Option<f64>,
    /// Whether all of its quantities are equal.
    pub equal: bool,
    /// Every quantity.
    pub checks: Vec<Check>,
}

/// One quantity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which.
    pub quantity: &'static str,
    /// What the rules say.
    pub computed: String,
    /// What happened.
    pub executed: String,
    /// Whether both are the same.
    pub equal: bool,
}

impl From<&verify::Check> for Check {
    fn from(check: &verify::Check) -> Self {
        let verify::Check { what, computed, executed } = check.clone();
        Self { quantity: what, computed, executed, equal: check.holds() }
    }
}

/// The report of a network that was run by a plan, after it was settled.
pub fn report(
    name: &str,
    graph: &Graph,
    inputs: Vec<Vec<u64>>,
    plan: VerifyPlan,
    needed: u64,
    found: &Verification,
) -> Report {
    let named = graph.inputs().iter().zip(inputs);
    let of_layers: usize = found.layers.iter().map(|layer| layer.checks.len()).sum();
    Report {
        schema_version: SCHEMA_VERSION,
        model: name.to_owned(),
        inputs: named
            .map(|(input, shape)| NamedShape { name: input.name.clone(), shape })
            .collect(),
        batch: found.batch,
        batch_raised: found.raised,
        dtype: "f32",
        mode: mode_name(found.mode),
        seed: plan.seed,
        steps: plan.steps,
        needed_bytes: needed,
        taken_bytes: found.taken,
        layers: found.layers.iter().enumerate().map(|(i, found)| layer(i, found)).collect(),
        totals: found.totals.iter().map(Check::from).collect(),
        losses: found.losses.clone(),
        compared: of_layers + found.totals.len(),
        mismatches: found.mismatches().count(),
    }
}

fn layer(index: usize, found: &Verified) -> Layer {
    let crate::verify::Tally { macs, adds, muls, divs, cmps, specials, padding_taps } =
        found.forward;
    Layer {
        index,
        name: found.name.clone(),
        op: found.op.clone(),
        output: found.shape.iter().map(|n| *n as u64).collect(),
        params: found.params,
        by_reference: found.by_reference,
        work: Work { macs, adds, muls, divs, cmps, specials, padding_taps },
        tallied_on: found.tallied_on.clone(),
        saved_bytes: found.saved,
        gradient_error: Some(found.gradient_error).filter(|error| error.is_finite()),
        equal: found.checks.iter().all(verify::Check::holds),
        checks: found.checks.iter().map(Check::from).collect(),
    }
}

fn verdict(equal: bool) -> Value {
    Value::text(if equal { "ok" } else { "MISS" })
}

/// How many layers of an operator are named.
const NAMED: usize = 3;

/// The power of ten that an error does not exceed: its digits are rounding's, and differ between machines.
fn bound(error: Option<f64>) -> String {
    match error {
        None => "none".to_owned(),
        Some(error) if error < 1e-15 => "1e-15".to_owned(),
        Some(error) => format!("1e{:.0}", error.log10().ceil()),
    }
}

/// A row for each layer.
fn layers(report: &Report) -> Grid {
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
            Value::Shapes(vec![layer.output.clone()]),
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
fn footnote(report: &Report) -> Option<String> {
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

/// Of layers that there is no fast kernel for, operators and names: what to say of them, by operator.
pub(super) fn by_reference<'l>(layers: impl Iterator<Item = (&'l str, &'l str)>) -> Option<String> {
    let mut operators: Vec<(&str, Vec<&str>)> = Vec::new();
    for (operator, name) in layers {
        match operators.iter_mut().find(|(known, _)| *known == operator) {
            Some((_, layers)) => layers.push(name),
            None => operators.push((operator, vec![name])),
        }
    }
    let said = |(op, layers): (&str, Vec<&str>)| match layers.len() {
        0..=NAMED => format!("{op} ({})", layers.join(", ")),
        n => format!("{op} ({}, … {n} in all)", layers[..NAMED].join(", ")),
    };
    let said: Vec<String> = operators.into_iter().map(said).collect();
    (!said.is_empty()).then(|| {
        format!("Run by the reference's kernels, since there is no fast one: {}.", said.join("; "))
    })
}

/// What is to be known beside the rows.
fn notes(report: &Report) -> impl Iterator<Item = String> {
    let slow = report.layers.iter().filter(|layer| layer.by_reference);
    let slow = by_reference(slow.map(|layer| (layer.op.as_str(), layer.name.as_str())));
    footnote(report).into_iter().chain(slow)
}

/// The quantities of the network.
fn totals(report: &Report) -> Grid {
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
fn loss(report: &Report) -> String {
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

fn mismatch(layer: Option<&str>, check: &Check) -> String {
    let layer = layer.unwrap_or("the network");
    format!("{layer}: {}: computed {}, executed {}", check.quantity, check.computed, check.executed)
}

/// Every mismatch in a sentence: layer, quantity, both numbers.
pub fn mismatches(report: &Report) -> Vec<String> {
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
pub fn sentence(report: &Report) -> String {
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

fn assumptions(report: &Report) -> Vec<String> {
    let raised = if report.batch_raised { " (raised for batch norm)" } else { "" };
    vec![
        format!("input {}", shapes(&report.inputs)),
        format!("batch {}{raised}", report.batch),
        report.dtype.to_owned(),
        format!("{} mode", report.mode),
        format!("seed {}", report.seed),
    ]
}

/// The report for a terminal.
pub fn terminal(report: &Report, look: Look) -> String {
    let look = Look { numbers: Numbers::Rounded, ..look };
    let mut out = format!("{}\n", bold(&safe(&report.model), look.color));
    let assumed = assumptions(report);
    let assumed: Vec<_> = assumed.iter().map(|text| safe(text)).collect();
    let pieces = assumed.iter().map(AsRef::as_ref);
    let _ = writeln!(out, "{}\n", join(pieces, " · ", look.width, 0, 0));
    out.push_str(&draw(layers(report), look));
    let text = |text: &str| wrap(&safe(text), look.width, 0, 2);
    for note in notes(report) {
        let _ = writeln!(out, "{}", text(&note));
    }
    let _ = write!(out, "\n{}", draw(totals(report), look));
    let _ = writeln!(out, "\n{}\n", text(&loss(report)));
    for mismatch in mismatches(report) {
        let _ = writeln!(out, "{}", text(&mismatch));
    }
    let _ = writeln!(out, "{}", text(&sentence(report)));
    out
}

/// The report as a page.
pub fn markdown(report: &Report) -> String {
    let escape = markdown::escape;
    let grid = |grid: &Grid| markdown::grid(grid, Numbers::Rounded);
    let assumed: Vec<String> = assumptions(report).iter().map(|text| escape(text)).collect();
    let mut out = format!("## {}\n\n{}\n\n", escape(&report.model), assumed.join(" · "));
    let _ = writeln!(out, "{}", grid(&layers(report)));
    for note in notes(report) {
        let _ = writeln!(out, "{}\n", escape(&note));
    }
    let _ = writeln!(out, "{}\n{}\n", grid(&totals(report)), escape(&loss(report)));
    for mismatch in mismatches(report) {
        let _ = writeln!(out, "* {}", escape(&mismatch));
    }
    if report.mismatches > 0 {
        out.push('\n');
    }
    let _ = writeln!(out, "{}", escape(&sentence(report)));
    out
}

/// Layers as CSV, a row each; where several networks were asked for, there is a first column `model`.
pub fn csv(reports: &[Report], several: bool) -> Result<String, csv::Error> {
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
    let titles: Vec<&str> = several.then_some("model").into_iter().chain(titles).collect();
    let mut rows = Vec::new();
    for report in reports {
        let model = || several.then(|| Value::text(&report.model)).into_iter();
        for layer in &report.layers {
            let wrong = layer.checks.iter().filter(|check| !check.equal);
            let wrong: Vec<String> =
                wrong.map(|check| mismatch(Some(&layer.name), check)).collect();
            let on = layer.tallied_on.clone().map_or(Value::Empty, |on| Value::Shapes(vec![on]));
            let error = layer.gradient_error.map_or(String::new(), |error| format!("{error:e}"));
            let cells = [
                Value::text(&layer.name),
                Value::text(&layer.op),
                Value::Shapes(vec![layer.output.clone()]),
                Value::Count(layer.params),
                Value::Count(layer.work.macs),
                on,
                Value::Bytes(layer.saved_bytes),
                Value::Text(error),
                verdict(layer.equal),
                Value::Text(wrong.join("; ")),
                Value::Text(layer.by_reference.to_string()),
            ];
            rows.push(model().chain(cells).collect());
        }
    }
    super::csv::write(&titles, &rows)
}

//! What a network must store and what it holds at once: bytes to the last one, the moment of each peak, what is alive then.
//!
//! A peak is one moment. What is alive at it adds up to it; the parts of a training step, each at its own most, do not.
//! Tests stand below and in `tests/it/memory_command.rs`.

use std::fmt::Write as _;

use serde::Serialize;

use super::grid::{Grid, Head, Numbers, Value};
use super::markdown;
use super::model::{NamedShape, SCHEMA_VERSION};
use super::summary::shapes;
use super::table::{Look, bold, draw};
use super::text::{join, safe, wrap};
use crate::analysis::memory::{self, Memory, Moment, OF_PARAMETER, Optimizer, Plan};
use crate::analysis::{Analysis, AnalysisError, Options};
use crate::graph::{Graph, Input};
use crate::units;

/// Tensors of a peak that have a row of their own; the smaller ones share one.
const SHOWN: usize = 6;

/// What a network stores and holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// The network's name.
    pub model: String,
    /// Its inputs, with the batch.
    pub inputs: Vec<NamedShape>,
    /// Examples that go through at once.
    pub batch: u64,
    /// Element type of parameters and activations.
    pub dtype: &'static str,
    /// What trains it: `sgd`, `momentum` or `adam`.
    pub optimizer: &'static str,
    /// Bytes of parameters: what is stored with a device.
    pub flash_bytes: u64,
    /// Bytes of buffers, which are stored beside them.
    pub buffer_bytes: u64,
    /// Inference in eval mode.
    pub inference: Peak,
    /// A training step in train mode.
    pub training: Training,
    /// What fits, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fits: Option<Fits>,
}

/// The most that is held at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// Bytes: parameters, buffers, the optimiser's state (of training) and what is alive.
    pub peak_bytes: u64,
    /// When.
    pub at: At,
    /// What is alive then beside those; largest first.
    pub alive: Vec<Alive>,
}

/// A moment of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct At {
    /// `start`, `forward`, `loss` or `backward`.
    pub phase: &'static str,
    /// The layer that runs, if one does.
    pub layer: Option<String>,
    /// Its operator.
    pub op: Option<String>,
}

/// A tensor that is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alive {
    /// The layer, input or output it comes from.
    pub name: String,
    /// What it is: `output`, `mask`, `gradient of the input`.
    pub what: &'static str,
    /// Its bytes.
    pub bytes: u64,
}

/// What a training step holds, each part at its own most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Training {
    /// Bytes of parameters.
    pub param_bytes: u64,
    /// Bytes of buffers.
    pub buffer_bytes: u64,
    /// Bytes of the gradients of trained parameters, when all are made.
    pub gradient_bytes: u64,
    /// Bytes of the optimiser's state.
    pub optimizer_bytes: u64,
    /// Bytes kept for backward when the forward pass has ended.
    pub saved_bytes: u64,
    /// Scratch memory of the kernels.
    pub workspace_bytes: u64,
    /// The most of all at once.
    #[serde(flatten)]
    pub peak: Peak,
}

/// What fits in a given memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fits {
    /// Bytes there are.
    pub limit_bytes: u64,
    /// The largest batch of inference that fits; 0 where not even one example does.
    pub inference_batch: u64,
    /// The largest batch of a training step that fits.
    pub training_batch: u64,
    /// What was asked about at the report's batch: `inference`, or `training` where an optimiser was named.
    pub judged: &'static str,
    /// Whether that fits.
    pub fits: bool,
}

/// What was asked of a network.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// What trains it.
    pub optimizer: Optimizer,
    /// Scratch memory of the kernels that run it.
    pub plan: Plan,
    /// Bytes there are, where that is a question.
    pub limit: Option<u64>,
    /// Whether training is to fit, not inference alone.
    pub trains: bool,
}

/// The report of an analysed network.
///
/// # Errors
/// Sizes that exceed 64 bits.
pub fn report(
    name: &str,
    graph: &Graph,
    analysis: &Analysis,
    asked: Asked,
) -> Result<Report, AnalysisError> {
    let memory = memory::memory(graph, analysis, asked.optimizer, asked.plan)?;
    let fits = asked.limit.map(|limit| fits(graph, &analysis.options, &memory, asked, limit));
    let Memory { flash, buffers, inference, training } = memory;
    let named = |input: &Input| NamedShape {
        name: input.name.clone(),
        shape: analysis.shapes[input.value.index()].dims().to_vec(),
    };
    Ok(Report {
        schema_version: SCHEMA_VERSION,
        model: name.to_owned(),
        inputs: graph.inputs().iter().map(named).collect(),
        batch: analysis.options.batch,
        dtype: analysis.options.dtype.name(),
        optimizer: asked.optimizer.name(),
        flash_bytes: flash,
        buffer_bytes: buffers,
        inference: peak(graph, inference),
        training: Training {
            param_bytes: training.params,
            buffer_bytes: training.buffers,
            gradient_bytes: training.gradients,
            optimizer_bytes: training.optimizer,
            saved_bytes: training.saved,
            workspace_bytes: training.workspace,
            peak: peak(graph, training.peak),
        },
        fits: fits.transpose()?,
    })
}

fn fits(
    graph: &Graph,
    options: &Options,
    memory: &Memory,
    asked: Asked,
    limit: u64,
) -> Result<Fits, AnalysisError> {
    let largest = |bytes: fn(&Memory) -> u64| {
        let need = |analysis: &Analysis| {
            memory::memory(graph, analysis, asked.optimizer, asked.plan)
                .map(|memory| bytes(&memory))
        };
        memory::largest_batch(graph, options, limit, need)
    };
    let (inference, training) = (memory.inference.bytes, memory.training.peak.bytes);
    Ok(Fits {
        limit_bytes: limit,
        inference_batch: largest(|memory| memory.inference.bytes)?,
        training_batch: largest(|memory| memory.training.peak.bytes)?,
        judged: if asked.trains { "training" } else { "inference" },
        fits: if asked.trains { training } else { inference } <= limit,
    })
}

fn peak(graph: &Graph, peak: memory::Peak) -> Peak {
    let (phase, node) = match peak.moment {
        Moment::Start => ("start", None),
        Moment::Forward(node) => ("forward", Some(graph.node(node))),
        Moment::Loss => ("loss", None),
        Moment::Backward(node) => ("backward", Some(graph.node(node))),
    };
    let alive = peak.alive.into_iter();
    Peak {
        peak_bytes: peak.bytes,
        at: At {
            phase,
            layer: node.map(|node| node.name.clone()),
            op: node.map(|node| node.op.name()),
        },
        alive: alive
            .map(|memory::Alive { name, what, bytes }| Alive { name, what, bytes })
            .collect(),
    }
}

impl At {
    /// In words.
    fn text(&self) -> String {
        let layer = match (&self.layer, &self.op) {
            (Some(layer), Some(op)) if layer != op => format!("{layer} ({op})"),
            (layer, _) => layer.clone().unwrap_or_default(),
        };
        match self.phase {
            "start" => "before anything runs".to_owned(),
            "loss" => "while the loss is computed".to_owned(),
            phase => format!("while {layer} runs {phase}"),
        }
    }
}

/// A size as people write it, and in full where that says more.
fn size(bytes: u64) -> String {
    let rounded = units::bytes(bytes);
    if bytes < 1024 { rounded } else { format!("{rounded} ({} B)", units::grouped(bytes)) }
}

fn assumptions(report: &Report) -> Vec<String> {
    [
        format!("input {}", shapes(&report.inputs)).as_str(),
        &format!("batch {}", report.batch),
        report.dtype,
        "inference in eval mode",
        &format!("training in train mode with {}", report.optimizer),
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What the bytes depend on beside the assumptions.
const RULES: &str = "A tensor is freed after its last use, views take nothing, nothing is done in place, workspace \
                     is what the kernels of --backend take; what a framework or a driver takes is not counted.";

/// How the parts of a training step and its peak hang together.
const MOMENT: &str = "Each part at its own most. The peak is a moment, not their sum: what is saved is freed while the \
                      gradients are made.";

fn sizes(first: &'static str) -> Vec<Head> {
    vec![
        Head::left(first),
        Head { expendable: 2, ..Head::left("what") },
        Head::right("bytes"),
        Head { expendable: 1, ..Head::right("exact") },
    ]
}

fn row(name: &str, what: &str, bytes: u64) -> Vec<Value> {
    let exact = Value::Text(units::grouped(bytes));
    vec![Value::text(name), Value::text(what), Value::Bytes(bytes), exact]
}

/// What is stored.
fn stored(report: &Report) -> Grid {
    let mut grid = Grid::new(sizes("to store (flash)"));
    grid.rows.push(row("parameters", "", report.flash_bytes));
    if report.buffer_bytes > 0 {
        grid.rows.push(row("buffers", "", report.buffer_bytes));
        // The analysis has checked this sum.
        let all = report.flash_bytes.saturating_add(report.buffer_bytes);
        grid.total = Some(row("total", "", all));
    }
    grid.drop_column(1);
    grid
}

/// What is alive at a peak; its rows add up to it.
fn alive(report: &Report, peak: &Peak, optimizer: u64) -> Grid {
    let mut grid = Grid::new(sizes("alive at the peak"));
    let is_param = |alive: &&Alive| alive.what == OF_PARAMETER;
    // No overflow: all of these are parts of the peak.
    let sum = |alive: &mut dyn Iterator<Item = &Alive>| alive.map(|alive| alive.bytes).sum();
    let fixed = [
        ("parameters", "", report.flash_bytes),
        ("buffers", "", report.buffer_bytes),
        ("optimiser state", report.optimizer, optimizer),
        ("parameter gradients", "made so far", sum(&mut peak.alive.iter().filter(is_param))),
    ];
    let fixed = fixed.into_iter().filter(|(name, _, bytes)| *bytes > 0 || *name == "parameters");
    grid.rows.extend(fixed.map(|(name, what, bytes)| row(name, what, bytes)));
    let tensors: Vec<&Alive> = peak.alive.iter().filter(|alive| !is_param(alive)).collect();
    // A row for the rest is worth it from two on.
    let shown = if tensors.len() > SHOWN + 1 { SHOWN } else { tensors.len() };
    let (large, small) = tensors.split_at(shown);
    grid.rows.extend(large.iter().map(|alive| row(&alive.name, alive.what, alive.bytes)));
    if !small.is_empty() {
        let label = format!("… {} smaller", small.len());
        grid.rows.push(row(&label, "", sum(&mut small.iter().copied())));
    }
    grid.total = Some(row("peak", "", peak.peak_bytes));
    shares(&mut grid, peak.peak_bytes);
    grid
}

/// The parts of a training step. They have no total.
fn parts(report: &Report) -> Grid {
    let training = &report.training;
    let mut grid = Grid::new(sizes("a training step"));
    for (name, what, bytes) in [
        ("parameters", "", training.param_bytes),
        ("gradients", "of trained parameters", training.gradient_bytes),
        ("optimiser state", report.optimizer, training.optimizer_bytes),
        ("buffers", "", training.buffer_bytes),
        ("saved for backward", "when forward has ended", training.saved_bytes),
        ("workspace", "", training.workspace_bytes),
    ] {
        grid.rows.push(row(name, what, bytes));
    }
    grid
}

/// A last column with each row's share of the whole.
fn shares(grid: &mut Grid, whole: u64) {
    grid.heads.push(Head { expendable: 3, ..Head::right("%") });
    for row in grid.rows.iter_mut().chain(&mut grid.total) {
        let share = row.iter().find_map(Value::number).map(|bytes| Value::Share(bytes, whole));
        row.push(share.unwrap_or(Value::Empty));
    }
}

fn peak_sentence(what: &str, peak: &Peak) -> String {
    format!("{what}: peak of {} {}", size(peak.peak_bytes), peak.at.text())
}

fn training_sentence(report: &Report) -> String {
    peak_sentence(&format!("Training with {}", report.optimizer), &report.training.peak)
}

/// What fits, sentence by sentence; nothing where it was not asked.
fn fit_sentences(report: &Report) -> Vec<String> {
    let Some(fits) = &report.fits else { return Vec::new() };
    let largest = |batch: u64| match batch {
        0 => "not even a batch of 1".to_owned(),
        batch => format!("batches up to {}", units::grouped(batch)),
    };
    let needs = match fits.judged {
        "training" => report.training.peak.peak_bytes,
        _ => report.inference.peak_bytes,
    };
    let verdict = if fits.fits { "fits" } else { "DOES NOT FIT" };
    let (judged, batch) = (fits.judged, units::grouped(report.batch));
    vec![
        format!("In {}: {judged} at batch {batch} {verdict}", size(fits.limit_bytes)),
        format!("needs {}", size(needs)),
        format!("inference: {}", largest(fits.inference_batch)),
        format!("training with {}: {}", report.optimizer, largest(fits.training_batch)),
    ]
}

/// The report for a terminal.
pub fn terminal(report: &Report, look: Look) -> String {
    let look = Look { numbers: Numbers::Rounded, ..look };
    let mut out = format!("{}\n", bold(&safe(&report.model), look.color));
    let assumed = assumptions(report);
    let assumed: Vec<_> = assumed.iter().map(|text| safe(text)).collect();
    let pieces = assumed.iter().map(AsRef::as_ref);
    let _ = writeln!(out, "{}", join(pieces, " · ", look.width, 0, 0));
    let text = |text: &str| wrap(&safe(text), look.width, 0, 2);
    let _ = writeln!(out, "{}\n", wrap(RULES, look.width, 0, 0));
    out.push_str(&draw(stored(report), look));
    let _ = writeln!(out, "\n{}\n", text(&peak_sentence("Inference", &report.inference)));
    out.push_str(&draw(alive(report, &report.inference, 0), look));
    let _ = writeln!(out, "\n{}\n", text(&training_sentence(report)));
    out.push_str(&draw(parts(report), look));
    let _ = writeln!(out, "{}\n", wrap(MOMENT, look.width, 0, 0));
    let training = &report.training;
    out.push_str(&draw(alive(report, &training.peak, training.optimizer_bytes), look));
    for (i, sentence) in fit_sentences(report).iter().enumerate() {
        let indent = if i == 0 { "\n" } else { "  " };
        let _ = writeln!(out, "{indent}{}", wrap(sentence, look.width, 2, 4));
    }
    out
}

/// The report as a page.
pub fn markdown(report: &Report) -> String {
    let escape = markdown::escape;
    let grid = |grid: &Grid| markdown::grid(grid, Numbers::Rounded);
    let assumed: Vec<String> = assumptions(report).iter().map(|text| escape(text)).collect();
    let mut out = format!("## {}\n\n{}\n\n", escape(&report.model), assumed.join(" · "));
    let _ = writeln!(out, "{}\n\n{}", escape(RULES), grid(&stored(report)));
    let inference = escape(&peak_sentence("Inference", &report.inference));
    let _ = writeln!(out, "{inference}\n\n{}", grid(&alive(report, &report.inference, 0)));
    let training = &report.training;
    let _ = writeln!(out, "{}\n\n{}", escape(&training_sentence(report)), grid(&parts(report)));
    let table = grid(&alive(report, &training.peak, training.optimizer_bytes));
    let _ = write!(out, "{}\n\n{table}", escape(MOMENT));
    for (i, sentence) in fit_sentences(report).iter().enumerate() {
        let lead = if i == 0 { "\n" } else { "" };
        let _ = writeln!(out, "{lead}* {}", escape(sentence));
    }
    out
}

/// Quantities as CSV, a row each; where several networks were asked for, there is a first column `model`.
pub fn csv(reports: &[Report], several: bool) -> Result<String, csv::Error> {
    let titles: Vec<&str> =
        several.then_some("model").into_iter().chain(["quantity", "value", "unit"]).collect();
    let mut rows = Vec::new();
    for report in reports {
        for (quantity, value, unit) in quantities(report) {
            let model = several.then(|| Value::text(&report.model)).into_iter();
            let cells = [Value::text(quantity), Value::Count(value), Value::text(unit)];
            rows.push(model.chain(cells).collect());
        }
    }
    super::csv::write(&titles, &rows)
}

/// Every number of a report with its unit.
fn quantities(report: &Report) -> Vec<(&'static str, u64, &'static str)> {
    let training = &report.training;
    let mut all: Vec<_> = [
        ("flash", report.flash_bytes),
        ("buffers", report.buffer_bytes),
        ("inference peak", report.inference.peak_bytes),
        ("training parameters", training.param_bytes),
        ("training gradients", training.gradient_bytes),
        ("training optimizer", training.optimizer_bytes),
        ("training buffers", training.buffer_bytes),
        ("training saved", training.saved_bytes),
        ("training workspace", training.workspace_bytes),
        ("training peak", training.peak.peak_bytes),
    ]
    .map(|(quantity, bytes)| (quantity, bytes, "bytes"))
    .to_vec();
    if let Some(fits) = &report.fits {
        all.push(("limit", fits.limit_bytes, "bytes"));
        all.push(("inference batch that fits", fits.inference_batch, "examples"));
        all.push(("training batch that fits", fits.training_batch, "examples"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::GraphBuilder;
    use crate::ops::Linear;
    use crate::report::text::width;
    use crate::shape::Shape;

    /// Linear layers one after the other: as many tensors are kept.
    fn chain(layers: u64, asked: Asked) -> Report {
        let mut builder = GraphBuilder::new("chain");
        let mut value = builder.input("input", Shape::new(&[7]).unwrap()).unwrap();
        for i in 0..layers {
            let name = format!("a_scope_with_a_long_name.linear{i}");
            let layer = Linear { out_features: 5 + i, bias: i % 2 == 0 };
            value = builder.layer(&name, layer, &[value]).unwrap()[0];
        }
        let graph = builder.finish(&[("output", value)]);
        let analysis =
            crate::analysis::analyze(&graph, &Options { batch: 300, ..Options::default() });
        report("chain", &graph, &analysis.unwrap(), asked).unwrap()
    }

    const ADAM: Asked = Asked {
        optimizer: Optimizer::Adam,
        plan: |_, _, _| [0; 3],
        limit: Some(99_999),
        trains: true,
    };

    fn total(grid: &Grid) -> (u64, Option<u64>) {
        let bytes = |row: &Vec<Value>| row.iter().find_map(Value::number);
        let rows = grid.rows.iter().filter_map(bytes).sum();
        (rows, grid.total.as_ref().and_then(bytes))
    }

    #[test]
    fn what_is_alive_adds_up_to_the_peak_however_much_is_folded() {
        for layers in [1, 2, 6, 7, 8, 20] {
            let report = chain(layers, ADAM);
            for (peak, state) in
                [(&report.inference, 0), (&report.training.peak, report.training.optimizer_bytes)]
            {
                let grid = alive(&report, peak, state);
                assert_eq!(total(&grid), (peak.peak_bytes, Some(peak.peak_bytes)), "{layers}");
                assert!(grid.rows.len() <= 4 + SHOWN + 1);
            }
            // The rest is never a single tensor.
            assert!(!terminal(&report, Look::default()).contains("… 1 smaller"));
        }
        assert!(terminal(&chain(20, ADAM), Look::default()).contains(" smaller"));
    }

    #[test]
    fn it_fits_any_width_and_says_all() {
        let report = chain(9, ADAM);
        for limit in [50, 60, 80, 120] {
            let look = Look { width: Some(limit), ..Look::default() };
            let text = terminal(&report, look);
            assert!(text.lines().all(|line| width(line) <= limit), "{text}");
            assert!(text.lines().all(|line| line.trim_end() == line));
            for part in ["300×7", "f32", "eval", "adam", "to store (flash)", "DOES NOT FIT"] {
                assert!(text.contains(part), "{part}\n{text}");
            }
        }
    }

    #[test]
    fn fits_is_asked_of_training_only_where_an_optimiser_is_named() {
        let inference = chain(1, Asked { trains: false, ..ADAM });
        let fits = inference.fits.unwrap();
        // Parameters 40·4, a batch of 300: 12·300·4.
        assert_eq!((inference.inference.peak_bytes, fits.judged), (14_560, "inference"));
        assert!(fits.fits);
        let limit = |limit| chain(1, Asked { limit: Some(limit), trains: false, ..ADAM });
        assert!(limit(14_560).fits.unwrap().fits);
        assert!(!limit(14_559).fits.unwrap().fits);
        assert_eq!(limit(14_560).fits.unwrap().inference_batch, 300);
        assert_eq!(limit(14_559).fits.unwrap().inference_batch, 299);
        assert_eq!(limit(207).fits.unwrap().inference_batch, 0);
        assert_eq!(chain(1, Asked { limit: None, ..ADAM }).fits, None);
    }

    #[test]
    fn the_moment_is_said_in_words() {
        let at = |phase, layer: Option<&str>| At {
            phase,
            layer: layer.map(str::to_owned),
            op: layer.map(|_| "relu".to_owned()),
        };
        assert_eq!(at("start", None).text(), "before anything runs");
        assert_eq!(at("loss", None).text(), "while the loss is computed");
        assert_eq!(at("backward", Some("act")).text(), "while act (relu) runs backward");
        assert_eq!(at("forward", Some("relu")).text(), "while relu runs forward");
    }
}

//! The page of `cnnstat memory`: what is stored, the two peaks and what is alive at them, what fits.

use crate::analysis::memory::{NOT_TRAINED, OF_PARAMETER};
use crate::report::data::memory::{AliveTensor, MemoryReport, Peak, TrainingMemory};
use crate::report::grid::{Grid, Head, Numbers, Unit, Value, counted};
use crate::report::model::Status;
use crate::report::page::{Block, Page, Records};
use crate::units;

use super::summary::missing_text;
use super::{exactness, inputs};

/// What the limit is called.
const LIMIT: &str = "limit";

/// Tensors of a peak that have a row of their own; the smaller ones share one.
const SHOWN: usize = 6;

/// Which runs are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runs {
    /// Inference and training.
    #[default]
    Both,
    /// Inference alone.
    Inference,
    /// A training step alone.
    Training,
}

/// The page of a network.
pub fn page(report: &MemoryReport, runs: Runs) -> Page<'_> {
    let sections = move |_| {
        let mut sections = vec![
            vec![
                Block::Title(report.model.clone()),
                Block::Assumptions(assumptions(report)),
                Block::Prose(rules(report)),
            ],
            vec![Block::table(stored(report))],
        ];
        if runs != Runs::Training {
            let peak = peak_sentence("Inference", &report.inference, report.status);
            sections.push(vec![Block::Sentence(peak)]);
            sections.push(vec![Block::table(alive(report, &report.inference, 0))]);
        }
        if let (Some(training), true) = (&report.training, runs != Runs::Inference) {
            let what = format!("Training with {}", report.optimizer);
            let peak = peak_sentence(&what, &training.peak, report.status);
            sections.extend([
                vec![Block::Sentence(peak)],
                vec![Block::table(parts(report, training)), Block::Prose(MOMENT.to_owned())],
                vec![Block::table(alive(report, &training.peak, training.optimizer_bytes))],
            ]);
        } else if report.training.is_none() {
            sections.push(vec![Block::Sentence(format!("No training step: {NOT_TRAINED}"))]);
        }
        if report.status.is_partial() {
            sections.push(vec![Block::Sentence(bounds(report))]);
        }
        if report.fits.is_some() {
            sections.push(vec![Block::List(fit_sentences(report), 2)]);
        }
        sections
    };
    Page::new(&report.model, sections).records(|| records(report)).data(move || report)
}

/// Why the sums are lower bounds.
fn bounds(report: &MemoryReport) -> String {
    if report.missing.is_empty() {
        // Of an operator that is declared, its arithmetic is known, but not what its kernels need.
        return "≥ is a lower bound: what an operator needs that is only declared is not known"
            .to_owned();
    }
    missing_text(&report.missing)
}

/// Quantities, a row each.
fn records(report: &MemoryReport) -> Records {
    let bound = exactness(report.status.is_complete());
    let row = |(quantity, value, unit): (&'static str, Option<u64>, _)| {
        let value = match value.map(Value::Count) {
            // The limit is as it was asked for.
            Some(value) if quantity == LIMIT => value,
            Some(value) => value.bounded(bound),
            None => Value::Unknown,
        };
        vec![Value::text(quantity), value, Value::text(unit)]
    };
    Records {
        titles: ["quantity", "value", "unit"].map(Into::into).to_vec(),
        rows: quantities(report).into_iter().map(row).collect(),
    }
}

/// Every number of a report with its unit.
fn quantities(report: &MemoryReport) -> Vec<(&'static str, Option<u64>, &'static str)> {
    let step = |of: fn(&TrainingMemory) -> u64| report.training.as_ref().map(of);
    let mut all: Vec<_> = [
        ("flash", Some(report.flash_bytes)),
        ("buffers", Some(report.buffer_bytes)),
        ("inference peak", Some(report.inference.peak_bytes)),
        ("training parameters", step(|training| training.param_bytes)),
        ("training gradients", step(|training| training.gradient_bytes)),
        ("training optimizer", step(|training| training.optimizer_bytes)),
        ("training buffers", step(|training| training.buffer_bytes)),
        ("training saved", step(|training| training.saved_bytes)),
        ("training workspace", step(|training| training.workspace_bytes)),
        ("training peak", step(|training| training.peak.peak_bytes)),
    ]
    .map(|(quantity, bytes)| (quantity, bytes, "bytes"))
    .to_vec();
    if let Some(fits) = &report.fits {
        all.push((LIMIT, Some(fits.limit_bytes), "bytes"));
        all.push(("inference batch that fits", fits.inference_batch, "examples"));
        all.push(("training batch that fits", fits.training_batch, "examples"));
    }
    all
}

/// A size as people write it, and in full where that says more.
fn size(bytes: u64, status: Status) -> String {
    let rounded = counted(bytes, Unit::Bytes, exactness(status.is_complete()), Numbers::Rounded);
    if bytes < 1024 { rounded } else { format!("{rounded} ({} B)", units::grouped(bytes)) }
}

pub(super) fn assumptions(report: &MemoryReport) -> Vec<String> {
    [
        format!("input {}", inputs(&report.inputs)).as_str(),
        &format!("batch {}", report.batch),
        report.dtype,
        "inference in eval mode",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(
        report
            .training
            .as_ref()
            .map(|_| format!("training in train mode with {}", report.optimizer)),
    )
    .collect()
}

/// What the bytes depend on beside the assumptions.
pub(super) fn rules(report: &MemoryReport) -> String {
    if report.engine.is_some() { TORCH } else { RULES }.to_owned()
}

const TORCH: &str = "As PyTorch's autograd holds it on the CPU: what it keeps for backward, views, and what `inplace=true` writes \
                     over its input. A tensor is freed after its last use; workspace, and what allocator and driver take, \
                     is not counted. docs/memory.md has what differs from the kernels here.";
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
    row_of(name, what, bytes, Status::Complete)
}

/// A row of a sum, which is a lower bound where something is not known.
fn row_of(name: &str, what: &str, bytes: u64, status: Status) -> Vec<Value> {
    let bound = exactness(status.is_complete());
    let exact = Value::Text(counted(bytes, Unit::Bytes, bound, Numbers::Exact));
    vec![Value::text(name), Value::text(what), Value::Bytes(bytes).bounded(bound), exact]
}

/// What is stored.
fn stored(report: &MemoryReport) -> Grid {
    let mut grid = Grid::new(sizes("to store (flash)"));
    grid.rows.push(row_of("parameters", "", report.flash_bytes, report.stored));
    if report.buffer_bytes > 0 {
        grid.rows.push(row_of("buffers", "", report.buffer_bytes, report.stored));
        // The analysis has checked this sum.
        let all = report.flash_bytes.saturating_add(report.buffer_bytes);
        grid.total = Some(row_of("total", "", all, report.stored));
    }
    grid.drop_column(1);
    grid
}

/// What is alive at a peak; its rows add up to it.
fn alive(report: &MemoryReport, peak: &Peak, optimizer: u64) -> Grid {
    let mut grid = Grid::new(sizes("alive at the peak"));
    let is_param = |alive: &&AliveTensor| alive.what == OF_PARAMETER;
    // No overflow: all of these are parts of the peak.
    let sum = |alive: &mut dyn Iterator<Item = &AliveTensor>| alive.map(|alive| alive.bytes).sum();
    let fixed = [
        ("parameters", "", report.flash_bytes),
        ("buffers", "", report.buffer_bytes),
        ("optimiser state", report.optimizer, optimizer),
        ("parameter gradients", "made so far", sum(&mut peak.alive.iter().filter(is_param))),
    ];
    let fixed = fixed.into_iter().filter(|(name, _, bytes)| *bytes > 0 || *name == "parameters");
    grid.rows.extend(fixed.map(|(name, what, bytes)| row_of(name, what, bytes, report.stored)));
    let tensors: Vec<&AliveTensor> = peak.alive.iter().filter(|alive| !is_param(alive)).collect();
    // A row for the rest is worth it from two on.
    let shown = if tensors.len() > SHOWN + 1 { SHOWN } else { tensors.len() };
    let (large, small) = tensors.split_at(shown);
    grid.rows.extend(large.iter().map(|alive| row(&alive.name, alive.what, alive.bytes)));
    if !small.is_empty() {
        let label = format!("… {} smaller", small.len());
        grid.rows.push(row(&label, "", sum(&mut small.iter().copied())));
    }
    grid.total = Some(row_of("peak", "", peak.peak_bytes, report.status));
    // A part of a lower bound says nothing.
    if report.status.is_complete() {
        shares(&mut grid, peak.peak_bytes);
    }
    grid
}

/// The parts of a training step. They have no total.
fn parts(report: &MemoryReport, training: &TrainingMemory) -> Grid {
    let mut grid = Grid::new(sizes("a training step"));
    for (name, what, bytes, status) in [
        ("parameters", "", training.param_bytes, report.stored),
        ("gradients", "of trained parameters", training.gradient_bytes, report.stored),
        ("optimiser state", report.optimizer, training.optimizer_bytes, report.stored),
        ("buffers", "", training.buffer_bytes, report.stored),
        ("saved for backward", "when forward has ended", training.saved_bytes, report.status),
        ("workspace", "", training.workspace_bytes, report.status),
    ] {
        grid.rows.push(row_of(name, what, bytes, status));
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

fn peak_sentence(what: &str, peak: &Peak, status: Status) -> String {
    format!("{what}: peak of {} {}", size(peak.peak_bytes, status), peak.at.text())
}

/// What fits, sentence by sentence; nothing where it was not asked.
fn fit_sentences(report: &MemoryReport) -> Vec<String> {
    let Some(fits) = &report.fits else { return Vec::new() };
    let largest = |batch: Option<u64>| match batch {
        None => "the largest batch is not known".to_owned(),
        Some(0) => "not even a batch of 1".to_owned(),
        Some(batch) => format!("batches up to {}", units::grouped(batch)),
    };
    let judged = report.training.as_ref().filter(|_| fits.judged == "training");
    let needs = judged.map_or(&report.inference, |training| &training.peak).peak_bytes;
    let verdict = match fits.fits {
        Some(true) => "fits",
        Some(false) => "DOES NOT FIT",
        None => "is NOT DECIDED: only a lower bound is known",
    };
    let (judged, batch) = (fits.judged, units::grouped(report.batch));
    let training = match &report.training {
        Some(_) => format!("training with {}: {}", report.optimizer, largest(fits.training_batch)),
        None => "no training in integers".to_owned(),
    };
    vec![
        format!(
            "In {}: {judged} at batch {batch} {verdict}",
            size(fits.limit_bytes, Status::Complete)
        ),
        format!("needs {}", size(needs, report.status)),
        format!("inference: {}", largest(fits.inference_batch)),
        training,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::memory::{self, Engine, Memory, Optimizer};
    use crate::analysis::{Analysis, Options, analyze};
    use crate::graph::{Graph, GraphBuilder};
    use crate::ops::Linear;
    use crate::report::data::memory::{PeakMoment, report};
    use crate::report::render::table::Look;
    use crate::report::render::terminal;
    use crate::report::text::width;
    use crate::shape::Shape;

    /// What is asked of a network: bytes there are, and whether training is to fit.
    #[derive(Clone, Copy)]
    struct Asked {
        limit: Option<u64>,
        trains: bool,
    }

    fn terminal(report: &MemoryReport, look: Look) -> String {
        terminal::render(&[page(report, Runs::Both)], false, look).unwrap()
    }

    /// Linear layers one after the other: as many tensors are kept.
    fn chain(layers: u64, asked: Asked) -> MemoryReport {
        let mut builder = GraphBuilder::new("chain");
        let mut value = builder.input("input", Shape::new(&[300, 7]).unwrap(), Some(0)).unwrap();
        for i in 0..layers {
            let name = format!("a_scope_with_a_long_name.linear{i}");
            let layer = Linear { out_features: 5 + i, bias: i % 2 == 0 };
            value = builder.layer(&name, layer, &[value]).unwrap()[0];
        }
        let graph = builder.finish(&[("output", value)]).unwrap();
        let analysis = analyze(&graph, &Options::default()).complete().unwrap();
        let need = |graph: &Graph, analysis: &Analysis| {
            memory::memory(graph, analysis, Optimizer::Adam, Engine::Own(|_, _, _| [0; 3]))
        };
        let found: Memory = need(&graph, &analysis).unwrap();
        let fits = asked.limit.map(|limit| {
            memory::fits(&graph, &analysis, &found, asked.trains, limit, need).unwrap()
        });
        let engine = Engine::Own(|_, _, _| [0; 3]);
        report("chain", &graph, &analysis, (Optimizer::Adam, engine), found, fits)
    }

    const ADAM: Asked = Asked { limit: Some(99_999), trains: true };

    fn total(grid: &Grid) -> (u64, Option<u64>) {
        let bytes = |row: &Vec<Value>| row.iter().find_map(Value::number);
        let rows = grid.rows.iter().filter_map(bytes).sum();
        (rows, grid.total.as_ref().and_then(bytes))
    }

    #[test]
    fn what_is_alive_adds_up_to_the_peak_however_much_is_folded() {
        for layers in [1, 2, 6, 7, 8, 20] {
            let report = chain(layers, ADAM);
            let training = report.training.as_ref().unwrap();
            for (peak, state) in
                [(&report.inference, 0), (&training.peak, training.optimizer_bytes)]
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
        assert_eq!(fits.fits, Some(true));
        let limit = |limit| chain(1, Asked { limit: Some(limit), trains: false });
        assert_eq!(limit(14_560).fits.unwrap().fits, Some(true));
        assert_eq!(limit(14_559).fits.unwrap().fits, Some(false));
        assert_eq!(limit(14_560).fits.unwrap().inference_batch, Some(300));
        assert_eq!(limit(14_559).fits.unwrap().inference_batch, Some(299));
        assert_eq!(limit(207).fits.unwrap().inference_batch, Some(0));
        assert_eq!(chain(1, Asked { limit: None, ..ADAM }).fits, None);
    }

    #[test]
    fn the_moment_is_said_in_words() {
        let at = |phase, layer: Option<&str>| PeakMoment {
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

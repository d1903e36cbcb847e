//! What `cnnstat profile` found: the time of each layer beside what it computes, and how near that is to the machine's peak.
//!
//! Tests stand in `tests/it/profile.rs`.

use std::fmt::Write as _;

use serde::Serialize;

use super::build::mode_name;
use super::grid::{Grid, Head, Numbers, Value};
use super::markdown;
use super::model::{NamedShape, SCHEMA_VERSION};
use super::summary::shapes;
use super::table::{Look, bold, draw};
use super::text::{join, safe, wrap};
use super::verify::by_reference;
use crate::analysis::Analysis;
use crate::graph::Graph;
use crate::profile::{self, ProfilePlan};
use crate::units;
use crate::verify;

/// What was measured of a network.
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
    /// Element type.
    pub dtype: &'static str,
    /// `train` where it goes backward, else `eval`.
    pub mode: &'static str,
    /// Threads that fast kernels share.
    pub threads: usize,
    /// Which kernels ran: `fast` or `reference`.
    pub backend: &'static str,
    /// Whether fast kernels ran in exact ways only.
    pub exact: bool,
    /// Runs that were timed, after one to warm up.
    pub repeat: usize,
    /// Floating point operations a second of one large matrix product, with the same threads in the same run: the better of
    /// one before and one after.
    pub peak_flops: f64,
    /// Bytes of transformed filters that inference makes once and keeps beside the parameters; 0 where it goes backward.
    pub ready_bytes: u64,
    /// What was measured of each layer, in execution order.
    pub layers: Vec<Layer>,
    /// The forward passes of all layers.
    pub forward: Pass,
    /// The backward passes, where it went backward.
    pub backward: Option<Pass>,
}

/// What was measured of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// Position in execution order.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// Its first output, batch first.
    pub output: Vec<u64>,
    /// Multiply-accumulates of a forward pass.
    pub macs: u64,
    /// Whether it was run by the reference's kernel though fast ones were asked for: there is none.
    pub by_reference: bool,
    /// Its forward pass.
    pub forward: Pass,
    /// Its backward pass, if it has one.
    pub backward: Option<Pass>,
}

/// What a pass computed, and how fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pass {
    /// Floating point operations: 2·MACs and every other one.
    pub flops: u64,
    /// Seconds.
    pub seconds: f64,
}

impl Pass {
    /// Floating point operations a second; none where no time passed.
    #[allow(clippy::cast_precision_loss, reason = "a speed")]
    pub fn speed(self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.flops as f64 / self.seconds)
    }

    fn add(self, other: Self) -> Self {
        Self {
            flops: self.flops.saturating_add(other.flops),
            seconds: self.seconds + other.seconds,
        }
    }
}

/// What stands around the measurements.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The network's name.
    pub name: &'a str,
    /// What was run.
    pub plan: ProfilePlan,
    /// Threads.
    pub threads: usize,
    /// Floating point operations a second of the machine.
    pub peak: f64,
}

/// The report on what was measured.
pub fn report(
    graph: &Graph,
    analysis: &Analysis,
    setting: Setting<'_>,
    measured: &[profile::LayerTime],
) -> Report {
    let Setting { name, plan, threads, peak } = setting;
    let layer = |(index, ((_, node), measured)): (
        usize,
        ((_, &crate::graph::Node), &profile::LayerTime),
    )| {
        let row = &analysis.rows[index];
        let (work, back) = (row.counts.work, row.counts.work_backward);
        let flops = |work: crate::ops::ledger::Work| work.flops().unwrap_or(u64::MAX);
        let made = |made: bool, work| if made { flops(work) } else { 0 };
        let backward = Pass {
            flops: made(measured.to_inputs, back.inputs)
                .saturating_add(made(measured.to_params, back.params)),
            seconds: measured.backward,
        };
        Layer {
            index,
            name: node.name.clone(),
            op: node.op.name(),
            output: row.outputs.first().map_or_else(Vec::new, |shape| shape.dims().to_vec()),
            macs: work.macs,
            by_reference: verify::falls_back(
                plan.backend,
                &node.op,
                &row.inputs,
                analysis.options.mode,
            ),
            forward: Pass { flops: flops(work), seconds: measured.forward },
            backward: (measured.to_inputs || measured.to_params).then_some(backward),
        }
    };
    let layers: Vec<Layer> = graph.iter().zip(measured).enumerate().map(layer).collect();
    let sum =
        |pass: &dyn Fn(&Layer) -> Pass| layers.iter().map(pass).fold(Pass::default(), Pass::add);
    let forward = sum(&|layer| layer.forward);
    let backward = plan.backward.then(|| sum(&|layer| layer.backward.unwrap_or_default()));
    let inputs = graph.inputs().iter().map(|input| NamedShape {
        name: input.name.clone(),
        shape: analysis.shapes[input.value.index()].dims().to_vec(),
    });
    Report {
        schema_version: SCHEMA_VERSION,
        model: name.to_owned(),
        inputs: inputs.collect(),
        batch: analysis.options.batch,
        dtype: "f32",
        mode: mode_name(analysis.options.mode),
        threads,
        backend: plan.backend.name(),
        exact: plan.backend.is_exact(),
        repeat: plan.repeat,
        peak_flops: peak,
        ready_bytes: if plan.backward {
            0
        } else {
            profile::prepacked_bytes(graph, analysis, plan.backend)
        },
        layers,
        forward,
        backward,
    }
}

/// `12.3` of 0.0123 seconds.
fn milliseconds(seconds: f64) -> String {
    let ms = seconds * 1e3;
    let digits = if ms >= 100.0 {
        0
    } else if ms >= 10.0 {
        1
    } else if ms >= 1.0 {
        2
    } else {
        3
    };
    format!("{ms:.digits$}")
}

fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 { format!("{:.1}%", 100.0 * part / whole) } else { String::new() }
}

impl Report {
    /// Milliseconds, GFLOP/s and the share of the peak.
    fn cells(&self, pass: Option<Pass>) -> [Value; 3] {
        let speed = pass.filter(|pass| pass.flops > 0).and_then(Pass::speed);
        let text = |text: Option<String>| text.map_or(Value::Empty, Value::Text);
        [
            text(pass.map(|pass| milliseconds(pass.seconds))),
            text(speed.map(|speed| format!("{:.1}", speed / 1e9))),
            text(speed.map(|speed| share(speed, self.peak_flops))),
        ]
    }

    fn seconds(&self) -> f64 {
        self.forward.seconds + self.backward.map_or(0.0, |pass| pass.seconds)
    }

    fn grid(&self) -> Grid {
        let mut heads = vec![
            Head::left("layer"),
            Head { expendable: 3, ..Head::left("operator") },
            Head { expendable: 4, ..Head::left("output") },
            Head { expendable: 2, ..Head::right("MACs") },
            Head { expendable: 1, ..Head::right("%") },
            Head::right("ms"),
            Head::right("GFLOP/s"),
            Head { expendable: 1, ..Head::right("of peak") },
        ];
        if self.backward.is_some() {
            heads.push(Head::right("ms back"));
            heads.push(Head::right("GFLOP/s"));
            heads.push(Head { expendable: 1, ..Head::right("of peak") });
        }
        heads.push(Head::right("% time"));
        let mut grid = Grid::new(heads);
        let macs = self.layers.iter().map(|layer| layer.macs).fold(0, u64::saturating_add);
        let row = |first: [Value; 5], forward, backward: Option<Option<Pass>>, seconds: f64| {
            let back = backward.map(|pass| self.cells(pass));
            let time = Value::Text(share(seconds, self.seconds()));
            let cells = first.into_iter().chain(self.cells(Some(forward)));
            cells.chain(back.into_iter().flatten()).chain([time]).collect()
        };
        for layer in &self.layers {
            let first = [
                Value::text(&layer.name),
                Value::Noted {
                    text: layer.op.clone(),
                    note: if layer.by_reference {
                        " (reference)".to_owned()
                    } else {
                        String::new()
                    },
                },
                Value::Shapes(vec![layer.output.clone()]),
                Value::Count(layer.macs),
                Value::Share(layer.macs, macs),
            ];
            let seconds = layer.forward.seconds + layer.backward.map_or(0.0, |pass| pass.seconds);
            grid.rows.push(row(
                first,
                layer.forward,
                self.backward.map(|_| layer.backward),
                seconds,
            ));
        }
        let first = [
            Value::text("total"),
            Value::Empty,
            Value::Empty,
            Value::Count(macs),
            Value::Share(macs, macs),
        ];
        grid.total = Some(row(first, self.forward, self.backward.map(Some), self.seconds()));
        grid
    }

    fn assumptions(&self) -> Vec<String> {
        let threads = if self.threads == 1 { "thread" } else { "threads" };
        vec![
            format!("input {}", shapes(&self.inputs)),
            format!("batch {}", self.batch),
            self.dtype.to_owned(),
            format!("{} mode", self.mode),
            format!("{} {threads}", self.threads),
            format!("{} kernels", self.kernels()),
            match self.repeat {
                1 => "1 run".to_owned(),
                n => format!("median of {n} runs"),
            },
        ]
    }

    /// What the peak is, and what is not in the times.
    fn peak(&self) -> String {
        let mut text = format!(
            "The peak is {:.1} GFLOP/s: one large matrix product, in this run.",
            self.peak_flops / 1e9
        );
        let passes = |layer: &Layer| [Some(layer.forward), layer.backward];
        let mut speeds = self.layers.iter().flat_map(passes).flatten().filter_map(Pass::speed);
        if speeds.any(|speed| speed > self.peak_flops) {
            text.push_str(
                " Above it is what computes with fewer operations than are counted (Winograd).",
            );
        }
        if self.ready_bytes > 0 {
            let bytes = units::bytes(self.ready_bytes);
            let _ = write!(text, " Filters are transformed once, before, and kept: {bytes}.");
        }
        text
    }

    /// What the columns are, the peak, and layers without a fast kernel.
    fn notes(&self) -> Vec<String> {
        let columns = "ms: a layer's time, where there are several runs the median; %: of all MACs; % time: of the \
                       layers' times together.";
        let slow = self.layers.iter().filter(|layer| layer.by_reference);
        let slow = by_reference(slow.map(|layer| (layer.op.as_str(), layer.name.as_str())));
        [columns.to_owned(), self.peak()].into_iter().chain(slow).collect()
    }

    /// `fast`, `exact fast` or `reference`.
    fn kernels(&self) -> String {
        format!("{}{}", if self.exact { "exact " } else { "" }, self.backend)
    }

    /// The report for a terminal.
    pub fn terminal(&self, look: Look) -> String {
        let look = Look { numbers: Numbers::Rounded, ..look };
        let mut out = format!("{}\n", bold(&safe(&self.model), look.color));
        let assumed = self.assumptions();
        let assumed: Vec<_> = assumed.iter().map(|text| safe(text)).collect();
        let _ =
            writeln!(out, "{}\n", join(assumed.iter().map(AsRef::as_ref), " · ", look.width, 0, 0));
        out.push_str(&draw(self.grid(), look));
        for note in self.notes() {
            let _ = writeln!(out, "\n{}", wrap(&safe(&note), look.width, 0, 2));
        }
        out
    }

    /// The report as a page.
    pub fn markdown(&self) -> String {
        let escape = markdown::escape;
        let assumed: Vec<String> = self.assumptions().iter().map(|text| escape(text)).collect();
        let mut out = format!("## {}\n\n{}\n\n", escape(&self.model), assumed.join(" · "));
        out.push_str(&markdown::grid(&self.grid(), Numbers::Rounded));
        for note in self.notes() {
            let _ = writeln!(out, "\n{}", escape(&note));
        }
        out
    }

    /// Layers as CSV, a row each: seconds and operations in full.
    ///
    /// # Errors
    /// A page that cannot be written.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let titles = [
            "layer",
            "operator",
            "output",
            "macs",
            "flops",
            "seconds",
            "flops_backward",
            "seconds_backward",
            "by_reference",
        ];
        let row = |layer: &Layer| {
            let pass = |pass: Option<Pass>| match pass {
                Some(Pass { flops, seconds }) => {
                    [Value::Count(flops), Value::Text(format!("{seconds:e}"))]
                }
                None => [Value::Empty, Value::Empty],
            };
            let first = [
                Value::text(&layer.name),
                Value::text(&layer.op),
                Value::Shapes(vec![layer.output.clone()]),
                Value::Count(layer.macs),
            ];
            let passes = [Some(layer.forward), layer.backward].into_iter().flat_map(pass);
            let last = Value::Text(layer.by_reference.to_string());
            first.into_iter().chain(passes).chain([last]).collect()
        };
        super::csv::write(&titles, &self.layers.iter().map(row).collect::<Vec<_>>())
    }
}

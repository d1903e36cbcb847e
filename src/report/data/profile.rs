//! What `cnnstat profile` found, as it is serialised: the time of each layer beside what it computes, and how near that is to the machine's peak.

use serde::Serialize;

use crate::analysis::Analysis;
use crate::graph::Graph;
use crate::profile::{self, ProfilePlan};
use crate::report::build::mode_name;
use crate::report::model::{Input, SCHEMA_VERSION};
use crate::shape::DType;
use crate::verify;

/// What was measured of a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProfileReport {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// The network's name.
    pub model: String,
    /// Its inputs, with the batch.
    pub inputs: Vec<Input>,
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
    pub layers: Vec<ProfiledLayer>,
    /// The forward passes of all layers.
    pub forward: Pass,
    /// The backward passes, where it went backward.
    pub backward: Option<Pass>,
}

/// What was measured of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProfiledLayer {
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
) -> ProfileReport {
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
        ProfiledLayer {
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
    let layers: Vec<ProfiledLayer> = graph.iter().zip(measured).enumerate().map(layer).collect();
    let sum = |pass: &dyn Fn(&ProfiledLayer) -> Pass| {
        layers.iter().map(pass).fold(Pass::default(), Pass::add)
    };
    let forward = sum(&|layer| layer.forward);
    let backward = plan.backward.then(|| sum(&|layer| layer.backward.unwrap_or_default()));
    ProfileReport {
        schema_version: SCHEMA_VERSION,
        model: name.to_owned(),
        inputs: Input::all(graph, DType::F32),
        batch: graph.batch().unwrap_or(1),
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

//! What a network must store and what it holds at once, as it is serialised: bytes to the last one, the moment of each
//! peak, what is alive then.
//!
//! A peak is one moment. What is alive at it adds up to it; the parts of a training step, each at its own most, do not.

use serde::Serialize;

use crate::analysis::memory::{self, Engine, Fits, Memory, Moment, Optimizer};
use crate::analysis::{Analysis, Counted};
use crate::graph::Graph;
use crate::report::model::{Input, MissingKind, SCHEMA_VERSION, Status};

/// What a network stores and holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemoryReport {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// The network's name.
    pub model: String,
    /// Its inputs, with the batch.
    pub inputs: Vec<Input>,
    /// Examples that go through at once.
    pub batch: u64,
    /// Element type of parameters and activations.
    pub dtype: &'static str,
    /// What trains it: `sgd`, `momentum` or `adam`.
    pub optimizer: &'static str,
    /// Whose memory it is: `torch`; left out for the executable backend's.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub engine: Option<&'static str>,
    /// Whether everything is known; else the bytes are lower bounds. Left out where it is `complete`.
    #[serde(skip_serializing_if = "Status::is_complete")]
    pub status: Status,
    /// Whether the parameters and buffers are known.
    #[serde(skip)]
    pub stored: Status,
    /// What could not be counted, once a kind; left out where there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingKind>,
    /// Bytes of parameters: what is stored with a device.
    pub flash_bytes: u64,
    /// Bytes of buffers, which are stored beside them.
    pub buffer_bytes: u64,
    /// Inference in eval mode.
    pub inference: Peak,
    /// A training step in train mode; null in a type that is not trained.
    pub training: Option<TrainingMemory>,
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
    pub at: PeakMoment,
    /// What is alive then beside those; largest first.
    pub alive: Vec<AliveTensor>,
}

/// A moment of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeakMoment {
    /// `start`, `forward`, `loss` or `backward`.
    pub phase: &'static str,
    /// The layer that runs, if one does.
    pub layer: Option<String>,
    /// Its operator.
    pub op: Option<String>,
}

/// A tensor that is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AliveTensor {
    /// The layer, input or output it comes from.
    pub name: String,
    /// What it is: `output`, `mask`, `gradient of the input`.
    pub what: &'static str,
    /// Its bytes.
    pub bytes: u64,
}

/// What a training step holds, each part at its own most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrainingMemory {
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

/// The report of an analysed network, of what its memory analysis found and of what fits, where that was asked.
pub fn report(
    name: &str,
    graph: &Graph,
    analysis: &Analysis,
    (optimizer, engine): (Optimizer, Engine),
    memory: Memory,
    fits: Option<Fits>,
) -> MemoryReport {
    let Memory { flash, buffers, inference, training, is_exact } = memory;
    MemoryReport {
        schema_version: SCHEMA_VERSION,
        model: name.to_owned(),
        inputs: Input::all(graph, analysis.options.dtype),
        batch: graph.batch().unwrap_or(1),
        dtype: analysis.options.dtype.name(),
        optimizer: optimizer.name(),
        engine: matches!(engine, Engine::Torch).then_some("torch"),
        status: Status::new(is_exact),
        stored: Status::new(analysis.totals.known.has(Counted::Tensors)),
        missing: analysis.missing_kinds(graph).into_iter().map(Into::into).collect(),
        flash_bytes: flash,
        buffer_bytes: buffers,
        inference: peak(graph, inference),
        training: training.map(|training| TrainingMemory {
            param_bytes: training.params,
            buffer_bytes: training.buffers,
            gradient_bytes: training.gradients,
            optimizer_bytes: training.optimizer,
            saved_bytes: training.saved,
            workspace_bytes: training.workspace,
            peak: peak(graph, training.peak),
        }),
        fits,
    }
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
        at: PeakMoment {
            phase,
            layer: node.map(|node| node.name.clone()),
            op: node.map(|node| node.op.name()),
        },
        alive: alive
            .map(|memory::Alive { name, what, bytes }| AliveTensor { name, what, bytes })
            .collect(),
    }
}

impl PeakMoment {
    /// In words.
    pub fn text(&self) -> String {
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

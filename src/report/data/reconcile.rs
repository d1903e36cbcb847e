//! The answers of `cnnstat reconcile` as they are serialised: who would print a figure, ranked, with the arithmetic.

use serde::Serialize;

use crate::convention::figure::Figure;
use crate::convention::reconcile::{Answer, Found};
use crate::report::model::{Input, MissingKind, Report, SCHEMA_VERSION, Status};

/// All answers for a figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReconcileReport {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// The network's name.
    pub model: String,
    /// Its inputs, with the batch.
    pub inputs: Vec<Input>,
    /// Examples that go through at once.
    pub batch: u64,
    /// `eval` or `train`.
    pub mode: &'static str,
    /// Whether everything is known; else no number is exact. Left out where it is `complete`.
    #[serde(skip_serializing_if = "Status::is_complete")]
    pub status: Status,
    /// What could not be counted, once a kind; left out where the status is `complete`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingKind>,
    /// The figure as it was typed.
    pub figure: String,
    /// The nearest that a convention makes of the network as it is: its name and number.
    pub nearest: Option<(&'static str, u64)>,
    /// The answers, the nearest first.
    pub answers: Vec<Answer>,
    /// How many of them text shows.
    #[serde(skip)]
    pub top: usize,
}

impl ReconcileReport {
    /// What the search for a figure found; `top` is how many answers are shown.
    pub fn new(report: &Report, figure: Figure, found: Found, top: usize) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            model: report.model.clone(),
            inputs: report.inputs.clone(),
            batch: report.batch,
            mode: report.mode,
            status: report.status,
            missing: report.missing.clone(),
            figure: figure.to_string(),
            nearest: found.nearest,
            answers: found.answers,
            top,
        }
    }

    /// Whether nobody prints the figure.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}

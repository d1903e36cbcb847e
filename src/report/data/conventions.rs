//! What each convention makes of a network, side by side and by terms, as it is serialised.

use serde::Serialize;

use crate::convention::{Convention, Count, NotCounted, Summed};
use crate::report::model::{Input, MissingKind, Report, SCHEMA_VERSION, Status};

/// A network as every convention counts it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConventionsReport {
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
    /// MACs of layers that only auxiliary heads need.
    pub auxiliary_macs: u64,
    /// Whether everything is known; else what counts it is a lower bound. Left out where it is `complete`.
    #[serde(skip_serializing_if = "Status::is_complete")]
    pub status: Status,
    /// What could not be counted, once a kind; left out where the status is `complete`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingKind>,
    /// What each tool prints.
    pub conventions: Vec<PrintedCount>,
}

/// What one tool prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrintedCount {
    /// The convention.
    pub name: &'static str,
    /// What the tool calls its number.
    pub result: &'static str,
    /// The number.
    pub total: u64,
    /// Whether layers that only auxiliary heads need are left out in eval mode.
    pub skips_heads: bool,
    /// How the number comes about.
    pub formula: &'static str,
    /// The version of the tool.
    pub version: &'static str,
    /// What the number is the sum of.
    pub terms: Vec<Term>,
    /// What is missing from the total, which then is a lower bound.
    pub not_counted: Vec<Uncounted>,
}

/// An operator that is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Uncounted {
    /// The operator.
    pub op: String,
    /// How many layers there are of it.
    pub layers: usize,
    /// The first of them.
    pub first: String,
    /// Why it is not counted.
    pub reason: &'static str,
}

/// A term of a total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Term {
    /// How often it counts; negative where it is taken away.
    pub times: i64,
    /// How much of it there is.
    pub amount: u64,
    /// What it is.
    pub of: &'static str,
}

impl ConventionsReport {
    /// The counts of a network; `heads` says which of its layers only auxiliary heads need.
    pub fn new(report: &Report, counts: &[(&'static Convention, Count)], heads: &[bool]) -> Self {
        let layers = report.layers.iter().zip(heads).filter(|(_, is_head)| **is_head);
        let printed = |(convention, count): &(&'static Convention, Count)| PrintedCount {
            name: convention.name,
            result: convention.result,
            total: count.total.value(),
            skips_heads: convention.skips_heads,
            formula: convention.formula,
            version: convention.version,
            terms: count.terms.iter().map(Term::from).collect(),
            not_counted: count.not_counted.iter().map(Uncounted::from).collect(),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            model: report.model.clone(),
            inputs: report.inputs.clone(),
            batch: report.batch,
            mode: report.mode,
            auxiliary_macs: layers.map(|(layer, _)| layer.counts.work.macs).sum(),
            status: report.status,
            missing: report.missing.clone(),
            conventions: counts.iter().map(printed).collect(),
        }
    }
}

impl From<&NotCounted> for Uncounted {
    fn from(missing: &NotCounted) -> Self {
        let NotCounted { op, why, layers, first } = missing;
        Self { op: op.clone(), layers: *layers, first: first.clone(), reason: why }
    }
}

impl From<&Summed> for Term {
    fn from(term: &Summed) -> Self {
        Self { times: term.times, amount: term.amount, of: term.what }
    }
}

//! How long a verification takes, before it is run: operations of every pass and every check, at the speed of the kernels
//! that run it.
//!
//! It is an estimate, from a speed that was measured in a release build and rounded down.

use super::demand::{Checking, checking, operations};
use super::plan::VerifyPlan;
use super::progress::{Pass, Progress, passes};
use crate::analysis::{Analysis, AnalysisError};
use crate::exec::backend::Backend;
use crate::graph::{Graph, NodeId};

/// Operations a second of the reference, a MAC being one and a number that is moved another. Measured on a Zen 4 machine
/// over networks with batch norm and without: 340 to 400 million on a free core, half of that with other processes. Networks made
/// of linear layers are up to four times as fast.
const SPEED: u64 = 250_000_000;
/// The same of fast kernels on two such cores, layers that are tallied and checked included: from 17 billion (ConvNeXt
/// large) and 22 (EfficientNet B7) to 58 (C3D, whose time is that of its products). One of the lower ones.
const FAST_SPEED: u64 = 20_000_000_000;
/// What initialising a parameter takes, in operations of the reference: 6 nanoseconds where two threads share it.
const INITIALISING: u64 = 2;

/// What a layer takes, in operations.
#[derive(Clone, Copy, Debug, Default)]
struct LayerCost {
    forward: u64,
    backward: u64,
    checking: u64,
}

/// The operations of a verification, layer by layer.
#[derive(Clone, Debug)]
pub struct Estimate {
    plan: VerifyPlan,
    layers: Vec<LayerCost>,
    initialising: u64,
}

impl Estimate {
    /// Of an analysed network.
    ///
    /// # Errors
    /// Counts that exceed 64 bits.
    pub fn new(
        graph: &Graph,
        analysis: &Analysis,
        plan: VerifyPlan,
    ) -> Result<Self, AnalysisError> {
        let checks = checking(graph, analysis, (plan.mode, plan.backend))?;
        let count = |work| operations(work).unwrap_or(u64::MAX);
        let layer = |(row, check): (&crate::analysis::Row, Checking)| {
            let back = row.counts.work_backward;
            let moved = row.counts.activations;
            let backward = count(back.inputs).saturating_add(count(back.params));
            LayerCost {
                forward: count(row.counts.work).saturating_add(moved),
                backward: backward.saturating_add(moved),
                checking: check.operations,
            }
        };
        let layers = analysis.rows.iter().zip(checks).map(layer).collect();
        let initialising = analysis.totals.params.saturating_mul(INITIALISING);
        Ok(Self { plan, layers, initialising })
    }

    /// What a piece of it takes.
    pub fn of(&self, done: Progress) -> u64 {
        match done {
            Progress::Ran { pass: Pass::Backward, node } => self.at(node).backward,
            Progress::Ran { node, .. } => self.at(node).forward,
            Progress::Checked { node } => self.at(node).checking,
        }
    }

    fn at(&self, node: NodeId) -> LayerCost {
        self.layers.get(node.index()).copied().unwrap_or_default()
    }

    fn sum(&self, part: fn(&LayerCost) -> u64) -> u64 {
        self.layers.iter().map(part).fold(0, u64::saturating_add)
    }

    /// What a training step takes: forward and backward.
    pub fn step(&self) -> u64 {
        self.sum(|layer| layer.forward).saturating_add(self.sum(|layer| layer.backward))
    }

    /// What all of its pieces take.
    pub fn total(&self) -> u64 {
        let runs = passes(self.plan).map(|(pass, times)| {
            let once = match pass {
                Pass::Backward => self.sum(|layer| layer.backward),
                Pass::Inference | Pass::Forward => self.sum(|layer| layer.forward),
            };
            once.saturating_mul(times)
        });
        runs.into_iter().fold(self.sum(|layer| layer.checking), u64::saturating_add)
    }

    /// Seconds.
    pub fn seconds(&self) -> u64 {
        let speed = match self.plan.backend {
            Backend::Reference => SPEED,
            Backend::Fast { .. } => FAST_SPEED,
        };
        // Parameters are initialised the same way whatever the kernels.
        (self.total() / (speed / SPEED)).saturating_add(self.initialising) / SPEED
    }
}

/// Units of time: one of it, several of it, and its seconds.
const TIMES: &[(&str, &str, u64)] = &[
    ("a second", "seconds", 1),
    ("a minute", "minutes", 60),
    ("an hour", "hours", 3600),
    ("a day", "days", 86_400),
];

/// A time as people say it: one digit, in the unit of its size.
pub fn time(seconds: u64) -> String {
    let mut units = TIMES.iter().rev();
    // From three quarters of a unit on, it is that unit.
    let unit = units.find(|(_, _, unit)| seconds.saturating_mul(4) >= unit * 3);
    let Some((one, several, unit)) = unit else { return "less than a second".to_owned() };
    let rounded = |n: u64, to: u64| n.saturating_add(to / 2) / to * to;
    let whole = rounded(seconds, *unit) / unit;
    let digit = 10u64.pow(whole.checked_ilog10().unwrap_or(0));
    match rounded(whole, digit) {
        1 => format!("about {one}"),
        n => format!("about {n} {several}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Mode;

    #[test]
    fn the_pieces_add_up_to_the_whole() {
        let text = "model: m\ninput: [2, 9, 9]\nlayers:\n  - conv2d(3, 3)\n  - relu\n  - flatten\n  - linear(4)\n";
        let graph = crate::parse_graph(text).unwrap();
        let analysis = crate::analyze(&graph, &crate::Options::default()).complete().unwrap();
        let plan = VerifyPlan {
            batch: 1,
            mode: Mode::Train,
            seed: 0,
            steps: 2,
            backend: Backend::Reference,
        };
        let estimate = Estimate::new(&graph, &analysis, plan).unwrap();
        let mut sum = 0;
        let known = &mut crate::verify::CheckCache::default();
        crate::verify::verify(&graph, plan, &crate::verify::ProductionRules, known, |done| {
            sum += estimate.of(done);
        })
        .unwrap();
        assert_eq!(sum, estimate.total());
    }

    #[test]
    fn times_are_said_in_units_of_their_size() {
        let said = [0, 1, 34, 50, 95, 949, 2_690, 3_300, 9_001, 90_000, 900_000].map(time);
        let expected = [
            "less than a second",
            "about a second",
            "about 30 seconds",
            "about a minute",
            "about 2 minutes",
            "about 20 minutes",
            "about 50 minutes",
            "about an hour",
            "about 3 hours",
            "about a day",
            "about 10 days",
        ];
        assert_eq!(said, expected);
    }
}

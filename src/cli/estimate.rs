//! How long a verification takes, before it is run: operations of every pass, at the speed of the reference kernels.
//!
//! An estimate, from a speed that was measured in a release build and rounded down. Tests stand below.

use crate::analysis::Analysis;
use crate::graph::NodeId;
use crate::ops::ledger::Work;
use crate::verify::{MAX_TALLIED, Pass, Plan, Progress, passes};

/// Operations a second, a MAC being one. Measured on two busy cores of a Zen 4 machine: 160 to 410 million.
const SPEED: u64 = 150_000_000;
/// What checking a layer takes, in forward passes: tallies, and evaluations for gradients along directions. Those of a
/// large layer run on a smaller input.
const CHECKING: u64 = 10;
/// What drawing a parameter takes, in operations.
const DRAWING: u64 = 8;

/// The operations of a verification, layer by layer.
#[derive(Clone, Debug, Default)]
pub struct Estimate {
    plan: Option<Plan>,
    /// Forward and backward.
    layers: Vec<(u64, u64)>,
    params: u64,
}

impl Estimate {
    /// Of an analysed network.
    pub fn new(analysis: &Analysis, plan: Plan) -> Self {
        let layer = |row: &crate::analysis::Row| {
            let back = row.counts.work_backward;
            let moved = row.counts.activations;
            let forward = operations(row.counts.work).saturating_add(moved);
            let backward = operations(back.inputs).saturating_add(operations(back.params));
            (forward, backward.saturating_add(moved))
        };
        let layers = analysis.rows.iter().map(layer).collect();
        Self { plan: Some(plan), layers, params: analysis.totals.params }
    }

    /// What a piece of it takes.
    pub fn of(&self, done: Progress) -> u64 {
        let (forward, backward) = match done {
            Progress::Ran { node, .. } | Progress::Checked { node } => self.at(node),
        };
        match done {
            Progress::Ran { pass: Pass::Backward, .. } => backward,
            Progress::Ran { .. } => forward,
            Progress::Checked { .. } => forward.min(MAX_TALLIED).saturating_mul(CHECKING),
        }
    }

    fn at(&self, node: NodeId) -> (u64, u64) {
        self.layers.get(node.index()).copied().unwrap_or_default()
    }

    /// What all of its pieces take.
    pub fn total(&self) -> u64 {
        let Some(plan) = self.plan else { return 0 };
        let sum = |part: &dyn Fn(&(u64, u64)) -> u64| {
            self.layers.iter().map(part).fold(0, u64::saturating_add)
        };
        let runs = passes(plan).map(|(pass, times)| {
            let once = if pass == Pass::Backward { sum(&|l| l.1) } else { sum(&|l| l.0) };
            once.saturating_mul(times)
        });
        let checks = sum(&|(forward, _)| (*forward).min(MAX_TALLIED).saturating_mul(CHECKING));
        runs.into_iter().fold(checks, u64::saturating_add)
    }

    /// Seconds.
    pub fn seconds(&self) -> u64 {
        self.total().saturating_add(self.params.saturating_mul(DRAWING)) / SPEED
    }
}

fn operations(work: Work) -> u64 {
    let Work { macs, adds, muls, divs, cmps, specials, padding_taps: _ } = work;
    [macs, adds, muls, divs, cmps, specials].into_iter().fold(0, u64::saturating_add)
}

/// A time as people say it.
pub fn time(seconds: u64) -> String {
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5400 => format!("{} min", seconds.div_ceil(60)),
        5400..172_800 => format!("{} h", seconds.div_ceil(3600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
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
        let analysis = crate::analyze(&graph, &crate::Options::default()).unwrap();
        let plan = Plan { batch: 1, mode: Mode::Train, seed: 0, steps: 2 };
        let estimate = Estimate::new(&analysis, plan);
        let mut sum = 0;
        crate::verify::verify(&graph, plan, &crate::verify::AsTheyAre, |done| {
            sum += estimate.of(done);
        })
        .unwrap();
        assert_eq!(sum, estimate.total());
    }

    #[test]
    fn times_are_said_in_units_of_their_size() {
        let said = [59, 90, 5399, 5400, 172_800].map(time);
        assert_eq!(said, ["59 s", "2 min", "90 min", "2 h", "2 days"]);
    }
}

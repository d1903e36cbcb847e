//! Layers checked one by one: operations tallied by the reference, gradients against finite differences.
//!
//! Equal layers give equal results, across networks too, so that results are cached. Layers are independent of each other:
//! they are checked in parallel within the memory that the network's run has taken, and a layer that needs more is checked
//! alone. The peak depends on the layers only, not on the number of threads or on what was cached.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};

use super::demand::Checking;
use super::plan::VerifyPlan;
use crate::exec::backend::Backend;
use crate::exec::gradcheck::{self, Tallies};
use crate::exec::meter::Meter;
use crate::exec::threads;
use crate::graph::{Graph, NodeId};
use crate::ops::{Mode, Op};
use crate::shape::Shape;

/// What was found of a layer on its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerCheck {
    pub(super) tallies: Tallies,
    pub(super) gradient_error: f64,
    /// Bytes that it took at the highest.
    taken: u64,
}

/// On what the result of a check depends.
#[derive(Clone, Debug, PartialEq)]
struct CheckKey {
    op: Op,
    /// Shapes of the inputs.
    on: Vec<Shape>,
    mode: Mode,
    seed: u64,
    backend: Backend,
}

// Arguments of operators may be floats, but none is NaN.
impl Eq for CheckKey {}

impl Hash for CheckKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Floats have no hash; layers with the same operator and inputs are few.
        std::mem::discriminant(&self.op).hash(state);
        self.on.hash(state);
        self.mode.hash(state);
        self.seed.hash(state);
    }
}

impl CheckKey {
    fn new(op: &Op, checking: &Checking, plan: VerifyPlan) -> Self {
        let VerifyPlan { mode, seed, backend, batch: _, steps: _ } = plan;
        Self { op: op.clone(), on: checking.on.clone(), mode, seed, backend }
    }
}

/// Results of checks.
#[derive(Debug, Default)]
pub struct CheckCache(HashMap<CheckKey, LayerCheck>);

/// Layers that are equal.
struct Job<'a> {
    key: CheckKey,
    checking: &'a Checking,
    nodes: Vec<NodeId>,
}

fn run(op: &Op, checking: &Checking, plan: VerifyPlan) -> LayerCheck {
    let VerifyPlan { mode, seed, backend, .. } = plan;
    let meter = Meter::new();
    let on: Vec<Vec<usize>> = checking.on.iter().map(Shape::sizes).collect();
    let tallies = gradcheck::tally(op, &on, mode, seed, &meter);
    let kernel = backend.exactly().on(op);
    let gradient_error = gradcheck::along_directions(&kernel, &on, mode, seed, &meter);
    LayerCheck { tallies, gradient_error, taken: meter.peak() }
}

impl CheckCache {
    /// The result of a layer's check.
    ///
    /// # Panics
    /// If it was not checked.
    pub(super) fn of(&self, op: &Op, checking: &Checking, plan: VerifyPlan) -> LayerCheck {
        self.0[&CheckKey::new(op, checking, plan)]
    }

    /// Checks every layer whose result is not cached. `taken` is the peak in bytes before; returns the peak after it.
    pub(super) fn check_missing(
        &mut self,
        graph: &Graph,
        checks: &[Checking],
        plan: VerifyPlan,
        mut taken: u64,
        mut checked: impl FnMut(NodeId),
    ) -> u64 {
        let mut jobs: Vec<Job<'_>> = Vec::new();
        let mut places: HashMap<CheckKey, usize> = HashMap::new();
        for ((node, layer), checking) in graph.iter().zip(checks) {
            match places.entry(CheckKey::new(&layer.op, checking, plan)) {
                Entry::Occupied(equal) => jobs[*equal.get()].nodes.push(node),
                Entry::Vacant(new) => {
                    let key = new.key().clone();
                    jobs.push(Job { key, checking, nodes: vec![node] });
                    new.insert(jobs.len() - 1);
                }
            }
        }
        // A layer that needs more memory is checked first: its peak leaves room for the others.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.checking.bytes));
        jobs.retain(|job| {
            let too_large = job.checking.bytes > taken;
            if too_large && !self.0.contains_key(&job.key) {
                self.0.insert(job.key.clone(), run(&job.key.op, job.checking, plan));
            }
            let cached = self.0.get(&job.key);
            if let Some(found) = cached {
                taken = taken.max(found.taken);
                job.nodes.iter().copied().for_each(&mut checked);
            }
            cached.is_none()
        });
        // The longest come first, so that none is left for one thread in the end.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.checking.operations));
        let sizes: Vec<u64> = jobs.iter().map(|job| job.checking.bytes).collect();
        let run = |job: usize| run(&jobs[job].key.op, jobs[job].checking, plan);
        threads::run_jobs(&sizes, taken, run, |job, found| {
            self.0.insert(jobs[job].key.clone(), found);
            jobs[job].nodes.iter().copied().for_each(&mut checked);
        });
        taken
    }
}

//! What layers do on their own: operations tallied by the reference, gradients against finite differences.
//!
//! Equal layers do the same, those of other networks too. Layers have nothing to do with each other, so they are checked
//! beside each other in the memory that was taken before them; one that takes more is checked alone. What is taken in the
//! end depends on the layers only, not on threads, nor on what was known. Tests stand in `tests/it/verify.rs`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Checking, Plan};
use crate::exec::gradcheck::{self, Tallies};
use crate::exec::meter::Meter;
use crate::exec::threads;
use crate::graph::{Graph, NodeId};
use crate::ops::Op;
use crate::shape::Shape;

/// What was found of a layer on its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) tallies: Tallies,
    pub(super) gradient_error: f64,
    /// Bytes that it took at the highest.
    taken: u64,
}

/// What was found, by operator, inputs and plan.
#[derive(Debug, Default)]
pub struct Known(HashMap<String, Found>);

/// Layers that are equal.
struct Job<'a> {
    key: String,
    op: &'a Op,
    checking: &'a Checking,
    nodes: Vec<NodeId>,
}

fn key(op: &Op, checking: &Checking, plan: Plan) -> String {
    let Plan { mode, seed, backend, batch: _, steps: _ } = plan;
    format!("{op:?} {:?} {mode:?} {seed} {backend:?}", checking.on)
}

fn run(op: &Op, checking: &Checking, plan: Plan) -> Found {
    let Plan { mode, seed, backend, .. } = plan;
    let meter = Meter::new();
    let on: Vec<Vec<usize>> = checking.on.iter().map(Shape::sizes).collect();
    let tallies = gradcheck::tally(op, &on, mode, seed, &meter);
    let kernel = backend.exactly().on(op);
    let gradient_error = gradcheck::along_directions(&kernel, &on, mode, seed, &meter);
    Found { tallies, gradient_error, taken: meter.peak() }
}

impl Known {
    /// What is known of a layer.
    ///
    /// # Panics
    /// If it was not learned.
    pub(super) fn of(&self, op: &Op, checking: &Checking, plan: Plan) -> Found {
        self.0[&key(op, checking, plan)]
    }

    /// Checks every layer that is not known. `taken` bytes were taken before at the highest; says how many are after it.
    pub(super) fn learn(
        &mut self,
        graph: &Graph,
        checks: &[Checking],
        plan: Plan,
        mut taken: u64,
        mut checked: impl FnMut(NodeId),
    ) -> u64 {
        let mut jobs: Vec<Job<'_>> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for ((node, layer), checking) in graph.iter().zip(checks) {
            match places.entry(key(&layer.op, checking, plan)) {
                Entry::Occupied(known) => jobs[*known.get()].nodes.push(node),
                Entry::Vacant(new) => {
                    let key = new.key().clone();
                    jobs.push(Job { key, op: &layer.op, checking, nodes: vec![node] });
                    new.insert(jobs.len() - 1);
                }
            }
        }
        // The largest make room for others.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.checking.bytes));
        jobs.retain(|job| {
            let too_large = job.checking.bytes > taken;
            if too_large && !self.0.contains_key(&job.key) {
                self.0.insert(job.key.clone(), run(job.op, job.checking, plan));
            }
            let known = self.0.get(&job.key);
            if let Some(found) = known {
                taken = taken.max(found.taken);
                job.nodes.iter().copied().for_each(&mut checked);
            }
            known.is_none()
        });
        // The longest come first, so that none is left for one thread in the end.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.checking.operations));
        let sizes: Vec<u64> = jobs.iter().map(|job| job.checking.bytes).collect();
        let run = |job: usize| run(jobs[job].op, jobs[job].checking, plan);
        threads::beside(&sizes, taken, run, |job, found| {
            self.0.insert(jobs[job].key.clone(), found);
            jobs[job].nodes.iter().copied().for_each(&mut checked);
        });
        taken
    }
}

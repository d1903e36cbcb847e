//! A network that is checked: as it is described, or with what a budget sets and assumes.

use super::super::load::Loaded;
use super::super::settings::Settings;
use crate::analysis::memory::Optimizer;
use crate::budget::Subject;
use crate::budget::baseline::Measured;

/// A network as it is described, or as a budget has it.
#[derive(Clone)]
pub(super) struct Candidate<'c> {
    pub(super) network: &'c Loaded,
    pub(super) settings: &'c Settings,
    /// Its name, and what is set of it.
    pub(super) label: String,
    pub(super) optimizer: Optimizer,
}

impl Candidate<'_> {
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject::new(&self.network.model.graph, &self.network.analysis, self.optimizer)
    }

    pub(super) fn measured(&self, subject: &Subject<'_>) -> Measured {
        let file = self.network.source.name.clone();
        Measured::of(self.label.clone(), file, self.network.report(), subject)
    }
}

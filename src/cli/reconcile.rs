//! `cnnstat reconcile MODEL FIGURE`: who would print this figure.

use super::args::ReconcileArgs;
use super::done::{Done, Status};
use super::load::{self, Failure};
use super::relatives::relatives;
use super::settings::{Screen, Settings};
use crate::convention::reconcile::{Network, search};
use crate::report::data::reconcile::ReconcileReport;
use crate::report::grid::Numbers;
use crate::report::model::Status as Completeness;
use crate::report::pages::reconcile::page;

/// The answers, ranked; exit 1 where there is none.
pub fn run(args: &ReconcileArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let network = load::network(&args.name, &settings)?;
    let graph = &network.model.graph;
    let searched = Network { name: network.name(), graph, analysis: &network.analysis };
    let found = search(args.figure, &searched, relatives(&network, &settings))
        .map_err(|error| network.failure(&error))?;
    let report = ReconcileReport::new(&network.report(), args.figure, found, args.top);
    let status = if report.is_empty() { Status::Findings } else { Status::Fine };
    let mut done = Done { status, ..Done::default() };
    done.known(args.model.strict, [Completeness::of(&network.analysis)].into_iter());
    done.show(&[page(&report)], false, &args.page, Numbers::Exact, screen)
}

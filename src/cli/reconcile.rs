//! `cnnstat reconcile MODEL FIGURE`: who would print this figure.

use super::args::{ReconcileArgs, ReportFormat};
use super::load::{self, Failure};
use super::relatives::relatives;
use super::settings::{Screen, Settings};
use super::{Done, Status, cannot_write};
use crate::convention::reconcile::{Network, search};
use crate::report::grid::Numbers;
use crate::report::json;
use crate::report::reconcile::Reconciliation;

/// The answers, ranked; exit 1 where there is none.
pub fn run(args: &ReconcileArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let model = load::model(&args.name, &settings)?;
    let graph = &model.document.graph;
    let network = Network { name: model.name(), graph, analysis: &model.analysis };
    let found = search(args.figure, &network, relatives(&model, &settings))
        .map_err(|error| model.failure(&error))?;
    let page = Reconciliation::new(&model.report(), args.figure, found, args.top);
    let text = match args.format {
        ReportFormat::Table => page.terminal(screen.look(Numbers::Exact, args.output.is_some())),
        ReportFormat::Markdown => page.markdown(),
        ReportFormat::Json => json::pretty(&page).map_err(cannot_write)?,
    };
    let status = if page.is_empty() { Status::Findings } else { Status::Fine };
    Ok(Done { status, ..Done::page(text, args.output.as_ref()) })
}

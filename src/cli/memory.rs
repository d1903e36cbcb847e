//! `cnnstat memory MODEL…`: what must be stored, what is held at once, and what fits.

use super::args::{MemoryArgs, PageFormat};
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use super::{Done, Status, cannot_write};
use crate::analysis::memory::Optimizer;
use crate::exec::backend::Backend;
use crate::report::grid::Numbers;
use crate::report::json;
use crate::report::memory::{self, Asked, Report};

/// A report for each network. Exit 1 where one does not fit.
pub fn run(args: &MemoryArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let asked = Asked {
        plan: Backend::from(args.backend).plan(),
        optimizer: args.optimizer.map_or_else(Optimizer::default, Optimizer::from),
        limit: args.fits,
        trains: args.optimizer.is_some(),
    };
    let mut done = Done::page(String::new(), args.page.output.as_ref());
    let mut reports = Vec::new();
    for argument in &args.models {
        match load::model(argument, &settings).and_then(|model| of(&model, asked)) {
            Ok(report) => reports.push(report),
            Err(failure) => done.fail(&failure, screen),
        }
    }
    if reports.iter().filter_map(|report| report.fits).any(|fits| !fits.fits) {
        done.status = done.status.max(Status::Findings);
    }
    if !reports.is_empty() {
        done.page = page(args, &reports, screen)?;
    }
    Ok(done)
}

fn of(model: &load::Model, asked: Asked) -> Result<Report, Failure> {
    let document = &model.document;
    let name = document.variant.as_ref().unwrap_or(&document.graph.name);
    memory::report(name, &document.graph, &model.analysis, asked)
        .map_err(|error| model.failure(&error))
}

fn page(args: &MemoryArgs, reports: &[Report], screen: &Screen) -> Result<String, Failure> {
    let look = screen.look(Numbers::Rounded, args.page.output.is_some());
    let several = args.models.len() > 1;
    let pages =
        |page: &dyn Fn(&Report) -> String| reports.iter().map(page).collect::<Vec<_>>().join("\n");
    match args.page.format {
        PageFormat::Table => Ok(pages(&|report| memory::terminal(report, look))),
        PageFormat::Markdown => Ok(pages(&memory::markdown)),
        PageFormat::Json => json::list(reports, several).map_err(cannot_write),
        PageFormat::Csv => memory::csv(reports, several).map_err(cannot_write),
    }
}

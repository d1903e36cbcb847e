//! `cnnstat memory MODEL…`: what must be stored, what is held at once, and what fits.

use super::args::{EngineArg, MemoryArgs, OptimizerArg};
use super::done::{Done, Status};
use super::load::{self, Failure};
use super::settings::{self, Screen, Settings};
use crate::analysis::memory::{self, Engine, Optimizer};
use crate::analysis::{Analysis, AnalysisError};
use crate::exec::backend::Backend;
use crate::graph::Graph;
use crate::report::data::memory::{MemoryReport, report};
use crate::report::grid::Numbers;
use crate::report::page::Content;
use crate::report::pages::memories;
use crate::report::pages::memory::{Runs, page};

/// A report for each network. Exit 1 where one does not fit.
pub fn run(args: &MemoryArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    if !settings.options.dtype.is_float() && (args.training || args.optimizer.is_some()) {
        return Err(settings::not_trained(settings.options.dtype));
    }
    let mut done = Done::default();
    let mut notes = String::new();
    let reports = done.each(&args.models, screen, |argument| {
        let network = load::network(argument, &settings)?;
        notes.push_str(&network.notes(screen, true));
        of(&network, args).map_err(|error| network.failure(&error))
    });
    done.messages.push_str(&notes);
    if reports.iter().filter_map(|report| report.fits).any(|fits| fits.fits != Some(true)) {
        done.status = done.status.max(Status::Findings);
    }
    done.known(args.model.strict, reports.iter().map(|report| report.status));
    let runs = match (args.inference, args.training) {
        (true, false) => Runs::Inference,
        (false, true) => Runs::Training,
        _ => Runs::Both,
    };
    let is_text = matches!(args.page.format().needs, Content::Text | Content::Figures);
    if is_text && reports.len() > 1 {
        let page = memories::page(&reports, runs);
        return done.show(&[page], false, &args.page, Numbers::Rounded, screen);
    }
    let pages: Vec<_> = reports.iter().map(|report| page(report, runs)).collect();
    done.show(&pages, args.models.len() > 1, &args.page, Numbers::Rounded, screen)
}

/// What one network stores and holds.
fn of(network: &load::Loaded, args: &MemoryArgs) -> Result<MemoryReport, AnalysisError> {
    let (model, analysis) = (&network.model, &network.analysis);
    let name = model.name();
    let optimizer = args.optimizer.map_or_else(Optimizer::default, OptimizerArg::optimizer);
    let engine = match args.engine {
        Some(EngineArg::Torch) => Engine::Torch,
        None => Engine::Own(Backend::from(args.backend).plan()),
    };
    let need =
        |graph: &Graph, analysis: &Analysis| memory::memory(graph, analysis, optimizer, engine);
    let found = need(&model.graph, analysis)?;
    let trains = args.optimizer.is_some();
    let fits = |limit| memory::fits(&model.graph, analysis, &found, trains, limit, need);
    let fits = args.fits.map(fits).transpose()?;
    Ok(report(name, &model.graph, analysis, (optimizer, engine), found, fits))
}

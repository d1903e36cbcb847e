//! `cnnstat conventions MODEL`: what each tool would print, side by side.
//!
//! Tests stand in `tests/it/conventions.rs`.

use super::args::{ConventionsArgs, ReportFormat};
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use super::{Done, cannot_write};
use crate::convention::{self, Choice};
use crate::report::conventions::SideBySide;
use crate::report::grid::Numbers;
use crate::report::json;

/// A row for each convention.
pub fn run(args: &ConventionsArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let model = load::model(&args.name, &settings)?;
    let mut counts = Vec::new();
    for convention in convention::ALL {
        counts.push((convention, model.count(convention, Choice::default())?));
    }
    let heads = convention::auxiliary(&model.document.graph);
    let page = SideBySide::new(&model.report(), &counts, &heads);
    let look = screen.look(Numbers::Exact, args.output.is_some());
    let text = match args.format {
        ReportFormat::Table => page.terminal(look),
        ReportFormat::Markdown => page.markdown(),
        ReportFormat::Json => json::pretty(&page).map_err(cannot_write)?,
    };
    Ok(Done::page(text, args.output.as_ref()))
}

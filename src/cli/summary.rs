//! `cnnstat MODEL…`: the summary.

use super::args::{PageFormat, SummaryArgs};
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use super::{Done, cannot_write};
use crate::report::fold::View;
use crate::report::model::Report;
use crate::report::{csv, json, markdown, summary};

/// A table for each network; those that cannot be read are reported, the others shown.
pub fn run(args: &SummaryArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let mut done = Done::page(String::new(), args.page.output.as_ref());
    let mut reports = Vec::new();
    for argument in &args.models {
        let report = load::model(argument, &settings)
            .and_then(|model| model.report_as(args.count.convention));
        match report {
            Ok(report) => reports.push(report),
            Err(failure) => done.fail(&failure, screen),
        }
    }
    if !reports.is_empty() {
        done.page = page(args, &reports, screen)?;
    }
    Ok(done)
}

fn page(args: &SummaryArgs, reports: &[Report], screen: &Screen) -> Result<String, Failure> {
    let view = View::from(&args.view);
    let numbers = args.view.numbers();
    let look = screen.look(numbers, args.page.output.is_some());
    let several = args.models.len() > 1;
    let pages =
        |page: &dyn Fn(&Report) -> String| reports.iter().map(page).collect::<Vec<_>>().join("\n");
    match args.page.format {
        PageFormat::Table => Ok(pages(&|report| summary::terminal(report, &view, look))),
        PageFormat::Markdown => Ok(pages(&|report| markdown::report(report, &view, numbers))),
        PageFormat::Json => json::list(reports, several).map_err(cannot_write),
        PageFormat::Csv => csv::reports(reports, several, &view).map_err(cannot_write),
    }
}

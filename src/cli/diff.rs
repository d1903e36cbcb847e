//! `cnnstat diff A B`: what differs between two networks.
//!
//! Tests stand in `tests/it/diff.rs`.

use super::args::{DiffArgs, PageFormat};
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use super::{Done, Status, cannot_write};
use crate::compare;
use crate::report::grid::Numbers;
use crate::report::{diff as page, json};

/// The comparison of two networks. Under `--exit-code` exit 1 where they differ.
pub fn run(args: &DiffArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let mut done = Done::page(String::new(), args.page.output.as_ref());
    let mut reports = Vec::new();
    for argument in [&args.before, &args.after] {
        let report = load::model(argument, &settings)
            .and_then(|model| model.report_as(args.count.convention));
        match report {
            Ok(report) => reports.push(report),
            Err(failure) => done.fail(&failure, screen),
        }
    }
    let [before, after] = reports.as_slice() else { return Ok(done) };
    let diff = compare::diff(before, after);
    let numbers = if args.exact { Numbers::Exact } else { Numbers::Rounded };
    done.page = match args.page.format {
        PageFormat::Table => {
            page::terminal(&diff, screen.look(numbers, args.page.output.is_some()))
        }
        PageFormat::Markdown => page::markdown(&diff, numbers),
        PageFormat::Json => json::pretty(&page::json::comparison(&diff)).map_err(cannot_write)?,
        PageFormat::Csv => page::csv(&diff).map_err(cannot_write)?,
    };
    if args.exit_code && !diff.is_equal() {
        done.status = Status::Findings;
    }
    Ok(done)
}

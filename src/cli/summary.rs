//! `cnnstat MODEL…`: the summary.

use std::mem::ManuallyDrop;

use super::args::SummaryArgs;
use super::done::Done;
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use crate::report::pages::summary::page;
use crate::report::view::View;

/// A table for each network; those that cannot be read are reported, the others shown.
pub fn run(args: &SummaryArgs, screen: &Screen) -> Result<Done, Failure> {
    if let Some(failure) = load::mistyped(&args.models) {
        return Err(failure);
    }
    let settings = Settings::new(&args.model)?;
    let mut done = Done::default();
    let mut notes = String::new();
    // The process ends when they are shown: giving back each part of networks and reports is 5 % of its instructions.
    let reports = ManuallyDrop::new(done.each(&args.models, screen, |argument| {
        let network = ManuallyDrop::new(load::network(argument, &settings)?);
        notes.push_str(&network.notes(screen, false));
        network.report_as(args.count.convention)
    }));
    done.messages.push_str(&notes);
    done.known(args.model.strict, reports.iter().map(|report| report.status));
    let view = View::from(&args.view);
    let pages: Vec<_> = reports.iter().map(|report| page(report, &view)).collect();
    done.show(&pages, args.models.len() > 1, &args.page, args.view.numbers(), screen)
}

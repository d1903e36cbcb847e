//! `cnnstat diff A B`: what differs between two networks.

use super::args::DiffArgs;
use super::done::{Done, Status};
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use crate::compare::diff;
use crate::report::diff::page;
use crate::report::grid::Numbers;

/// The comparison of two networks. Under `--exit-code` exit 1 where they differ.
pub fn run(args: &DiffArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let mut done = Done::default();
    let arguments = [&args.before, &args.after].map(Clone::clone);
    let reports = done.each(&arguments, screen, |argument| {
        load::network(argument, &settings)?.report_as(args.count.convention)
    });
    done.known(args.model.strict, reports.iter().map(|report| report.status));
    let [before, after] = reports.as_slice() else { return Ok(done) };
    let diff = diff(before, after);
    if args.exit_code && !diff.is_equal() {
        done.status = done.status.max(Status::Findings);
    }
    let numbers = if args.exact { Numbers::Exact } else { Numbers::Rounded };
    done.show(&[page(&diff, numbers)], false, &args.page, numbers, screen)
}

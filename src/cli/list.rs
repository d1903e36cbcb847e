//! `cnnstat list [PATH…]`: networks side by side.

use super::args::ListArgs;
use super::done::Done;
use super::load::Failure;
use super::networks::{self, Visited};
use super::settings::{Screen, Settings};
use crate::report::build::mode_name;
use crate::report::grid::Numbers;
use crate::report::list::{List, Listed};
use crate::report::model::{CONVENTION, Convention};
use crate::report::pages::list::page;

/// A row for each network, built-in ones where no argument is given; what cannot be read is reported, the others listed.
pub fn run(args: &ListArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let options = &settings.options;
    let mut list = List::new(settings.batch, options.dtype.name(), mode_name(options.mode));
    list.convention = args.count.convention.map_or(CONVENTION, Convention::of);
    let mut done = Done::default();
    let mut visit = |found| match found {
        Visited::Network(network) => match network.report_as(args.count.convention) {
            Ok(report) => list.models.push(Listed::new(&report, &network.source.name)),
            Err(failure) => {
                list.failed += 1;
                done.fail(&failure, screen);
            }
        },
        Visited::Skipped => list.skipped += 1,
        Visited::Failed(failure) => {
            list.failed += 1;
            done.fail(&failure, screen);
        }
    };
    if args.paths.is_empty() {
        networks::each_built_in(&settings, &mut visit);
    }
    for path in &args.paths {
        networks::each(path, &settings, &mut visit);
    }
    done.known(args.model.strict, list.models.iter().map(|listed| listed.status));
    if let Some(column) = args.sort {
        list.sort(column);
    }
    let numbers = if args.exact { Numbers::Exact } else { Numbers::Rounded };
    done.show(&[page(&list)], false, &args.page, numbers, screen)
}

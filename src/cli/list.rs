//! `cnnstat list [PATH…]`: networks side by side.

use super::args::ListArgs;
use super::done::Done;
use super::load::{Failure, Loaded};
use super::networks::{self, Visited};
use super::settings::{Screen, Settings};
use crate::analysis::measure::{Measure, Subject};
use crate::analysis::memory::Optimizer;
use crate::analysis::quantity::{self, Quantity};
use crate::diag::{Code, Diagnostic};
use crate::report::build::mode_name;
use crate::report::grid::Numbers;
use crate::report::list::{self, Column, List, Listed};
use crate::report::model::{CONVENTION, Convention};
use crate::report::pages::list::page;

/// A row for each network, built-in ones where no argument is given; what cannot be read is reported, the others listed.
pub fn run(args: &ListArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings { optional: true, ..Settings::new(&args.model)? };
    let options = &settings.options;
    let mut list = List::new(settings.batch, options.dtype.name(), mode_name(options.mode));
    list.convention = args.count.convention.map_or(CONVENTION, Convention::of);
    list.chosen.clone_from(&args.columns);
    let columns = args.columns.iter().flatten().copied().chain(args.sort);
    let measured: Vec<_> = columns.filter_map(Column::measures).collect();
    let mut done = Done::default();
    let mut lacking: Vec<Vec<String>> = vec![Vec::new(); settings.sets.len()];
    let mut visit = |found| match found {
        Visited::Network(network) => match network.report_as(args.count.convention) {
            Ok(report) => {
                let own = network.architecture.settings();
                for ((name, _), lacking) in settings.sets.iter().zip(&mut lacking) {
                    if !own.iter().any(|setting| setting.name == *name) {
                        lacking.push(report.model.clone());
                    }
                }
                let listed = Listed::new(&report, &network.source.name);
                list.models.push(Listed { measured: measures(&network, &measured), ..listed });
            }
            Err(failure) => {
                list.failed += 1;
                done.fail(&failure, screen);
            }
        },
        Visited::Skipped => list.skipped += 1,
        Visited::Outside(link) => done.warn(link, screen),
        Visited::Failed(failure) => {
            list.failed += 1;
            done.fail(&failure, screen);
        }
    };
    if args.paths.is_empty() {
        networks::each_built_in(&settings, &mut visit);
    }
    for path in &args.paths {
        networks::each(path, &settings, true, &mut visit);
    }
    for ((name, _), lacking) in settings.sets.iter().zip(&lacking) {
        told(name, lacking, list.models.len(), &mut done, screen);
    }
    done.known(args.model.strict, list.models.iter().map(|listed| listed.status));
    let by_macs = args.top.and_then(|_| list::find(quantity::MACS.key));
    if let Some(column) = args.sort.or(by_macs) {
        list.sort(column);
    }
    if let Some(rows) = args.top {
        list.cut(rows);
    }
    let numbers = if args.exact { Numbers::Exact } else { Numbers::Rounded };
    done.show(&[page(&list)], false, &args.page, numbers, screen)
}

/// What columns need that a report does not have.
fn measures(network: &Loaded, wanted: &[&'static Quantity]) -> Vec<(&'static str, Measure)> {
    let subject = Subject::new(&network.model.graph, &network.analysis, Optimizer::default());
    let measure =
        |quantity: &&'static Quantity| Some((quantity.key, subject.found(None, quantity)?));
    wanted.iter().filter_map(measure).collect()
}

/// That networks do not have a variable that is set; where none has it, that is what is wrong.
fn told(name: &str, lacking: &[String], all: usize, done: &mut Done, screen: &Screen) {
    const NAMED: usize = 5;
    if lacking.is_empty() {
        return;
    }
    if lacking.len() == all {
        let message = format!("no network that is listed has a variable `{name}`");
        let help = "`cnnstat vars NAME` lists those of a network";
        return done.fail(&Diagnostic::new(Code::E0109, message).help(help).into(), screen);
    }
    let more = match lacking.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names = lacking[..lacking.len().min(NAMED)].join(", ");
    let message = format!("`{name}` is no variable of {names}{more}: listed as they are described");
    done.warn(Diagnostic::new(Code::E0109, message), screen);
}

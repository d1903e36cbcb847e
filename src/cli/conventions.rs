//! `cnnstat conventions MODEL`: what each tool would print, side by side.

use super::args::ConventionsArgs;
use super::done::Done;
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use crate::convention::{self, Choice};
use crate::report::data::conventions::ConventionsReport;
use crate::report::grid::Numbers;
use crate::report::pages::conventions::page;

/// A row for each convention.
pub fn run(args: &ConventionsArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let network = load::network(&args.name, &settings)?;
    let mut counts = Vec::new();
    for convention in convention::ALL {
        counts.push((convention, network.count(convention, Choice::default())?));
    }
    let heads = convention::auxiliary(&network.model.graph);
    let report = ConventionsReport::new(&network.report(), &counts, &heads);
    let mut done = Done::default();
    done.known(args.model.strict, [report.status].into_iter());
    done.show(&[page(&report)], false, &args.page, Numbers::Exact, screen)
}

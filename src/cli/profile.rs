//! `cnnstat profile MODEL`: what each layer takes when it runs, next to what it computes.

use super::args::{ModeArg, ModelArgs, ProfileArgs};
use super::bar::Bar;
use super::done::{self, Done};
use super::free;
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use super::threads::threads;
use crate::analysis::{analyze, memory};
use crate::exec::base::peak;
use crate::exec::network::runnable;
use crate::profile::{self, ProfilePlan};
use crate::report::data::profile::{Setting, report};
use crate::report::grid::Numbers;
use crate::report::pages::profile::page;

/// A report on one network.
pub fn run(args: &ProfileArgs, screen: &Screen) -> Result<Done, Failure> {
    done::writable(args.page.output.as_ref())?;
    let settings = Settings::new(&ModelArgs {
        read: args.read.clone(),
        batch: args.batch,
        mode: if args.backward { ModeArg::Train } else { ModeArg::Eval },
        ..ModelArgs::default()
    })?;
    let network = load::network(&args.name, &settings)?;
    let (graph, analysis) = (&network.model.graph, &network.analysis);
    let plan =
        ProfilePlan { backend: args.backend.into(), backward: args.backward, repeat: args.repeat };
    runnable(graph).map_err(|error| done::cannot_run(&network, &error))?;
    let need = profile::need(graph, analysis, plan).map_err(|error| network.failure(&error))?;
    if let Some(limit) = free::bytes().filter(|free| need > *free) {
        let name = network.model.name();
        let at = |batch: u64| {
            let graph = graph.at_batch(batch);
            let analysis = analyze(&graph, &analysis.options).complete()?;
            profile::need(&graph, &analysis, plan)
        };
        let fits = memory::largest_batch(limit, at).unwrap_or(0);
        let help = match fits {
            0 => free::too_large(graph, analysis, limit),
            batch => format!("`--batch {batch}` fits"),
        };
        let diagnostic = free::not_run(name, need, limit, "that this process may take").help(help);
        return Err(Failure::about(&network.source, vec![diagnostic]));
    }
    let mut done = Done::default();
    let threads = threads(args.threads.threads, &mut done, screen)?;
    let bar = Bar::new();
    bar.begin(args.repeat as u64 + 1, "initialising parameters");
    let (peak, measured) = threads.run(|| {
        let (before, mut run) = (peak(), 0);
        let measured = profile::profile(graph, analysis, plan, || {
            run += 1;
            bar.advance(1, || format!("run {} of {}", run - 1, args.repeat));
        });
        // What else the machine does can only make it slower.
        (before.max(peak()), measured)
    });
    bar.end();
    let measured = measured.map_err(|error| done::cannot_run(&network, &error))?;
    let name = network.model.name();
    let setting = Setting { name, plan, threads: threads.count(), peak };
    let report = report(graph, analysis, setting, &measured);
    done.show(&[page(&report)], false, &args.page, Numbers::Rounded, screen)
}

//! `cnnstat explain MODEL [LAYER…]`: where each number comes from.

use super::args::ExplainArgs;
use super::args::mistakes::is_nothing;
use super::done::Done;
use super::load::{self, Failure, Loaded};
use super::settings::{Screen, Settings};
use crate::diag::{Code, Diagnostic, did_you_mean, near};
use crate::graph::NodeId;
use crate::ops::Op;
use crate::report::data::explain::{derivations, pick};
use crate::report::grid::Numbers;
use crate::report::pages::explain::page;

/// Names of layers that a message lists.
const MOST_NAMES: usize = 12;

/// A section for each layer.
pub fn run(args: &ExplainArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let network = load::network(&args.name, &settings).map_err(|mut failure| {
        if let Some(help) = operator(&args.name).filter(|_| is_nothing(&args.name)) {
            let help = [help, "a network comes first: `cnnstat explain alexnet conv1`".to_owned()];
            failure.diagnostics.iter_mut().for_each(|found| found.helps = help.to_vec());
        }
        failure
    })?;
    let nodes = nodes(&network, &args.layers)?;
    let report = network.report_as(args.count.convention)?;
    let layers = derivations(&network.model.graph, &network.analysis, &report, &nodes);
    let mut done = Done::default();
    done.known(args.model.strict, [report.status].into_iter());
    done.show(&[page(&report, &layers)], false, &args.page, Numbers::Exact, screen)
}

/// That a name is an operator's, where it is.
fn operator(name: &str) -> Option<String> {
    let (entry, rank) = Op::find(name).or_else(|| Op::find(&format!("{name}2d")))?;
    let called = if rank == 0 { entry.name.to_owned() } else { format!("{}{rank}d", entry.name) };
    Some(format!("`{called}` is an operator: `cnnstat ops {called}` says what it takes"))
}

/// The first of some names.
fn listed(names: &[&str]) -> String {
    let shown = &names[..names.len().min(MOST_NAMES)];
    let more = match names.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

/// The layers that are meant, in execution order; all where none is named.
fn nodes(network: &Loaded, names: &[String]) -> Result<Vec<NodeId>, Failure> {
    let graph = &network.model.graph;
    if names.is_empty() {
        return Ok(graph.iter().map(|(id, _)| id).collect());
    }
    let mut failure = Failure { source: Some(network.source.clone()), diagnostics: Vec::new() };
    let picked = failure.collect(names.iter().map(|name| match pick(graph, name) {
        nodes if nodes.is_empty() => {
            let message = format!("no layer of {} is called `{name}`", network.source.name);
            // A name can be meant by its last part as well, and a scope by its own.
            let known = graph.nodes().iter().flat_map(|node| {
                let parts = node.name.split('.').chain([node.name.as_str()]);
                let scopes = node.name.match_indices('.').map(|(at, _)| &node.name[..at]);
                parts.chain(scopes)
            });
            let diagnostic = Diagnostic::new(Code::E0112, message);
            let all: Vec<&str> = graph.nodes().iter().map(|node| node.name.as_str()).collect();
            let said = match near(name, all.iter().copied()).as_slice() {
                [] => format!("its layers are {}", listed(&all)),
                near => format!("near it are {}", listed(near)),
            };
            let diagnostic = diagnostic.helps(did_you_mean(name, known)).note(said);
            Err(diagnostic.helps(operator(name)).into())
        }
        nodes => Ok(nodes),
    }));
    if !failure.diagnostics.is_empty() {
        return Err(failure);
    }
    let mut nodes = picked.concat();
    nodes.sort_unstable();
    nodes.dedup();
    Ok(nodes)
}

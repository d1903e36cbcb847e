//! `cnnstat explain MODEL [LAYER…]`: where each number comes from.

use super::args::ExplainArgs;
use super::done::Done;
use super::load::{self, Failure, Loaded};
use super::settings::{Screen, Settings};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::graph::NodeId;
use crate::report::data::explain::{derivations, pick};
use crate::report::grid::Numbers;
use crate::report::pages::explain::page;

/// A section for each layer.
pub fn run(args: &ExplainArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let network = load::network(&args.name, &settings)?;
    let nodes = nodes(&network, &args.layers)?;
    let report = network.report_as(args.count.convention)?;
    let layers = derivations(&network.model.graph, &network.analysis, &report, &nodes);
    let mut done = Done::default();
    done.known(args.model.strict, [report.status].into_iter());
    done.show(&[page(&report, &layers)], false, &args.page, Numbers::Exact, screen)
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
            Err(diagnostic.helps(did_you_mean(name, known)).into())
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

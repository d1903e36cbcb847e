//! What a training step takes of the machine's memory, beside what was predicted: the most that was resident at once, as the
//! system says (on Linux), after each step.
//!
//! `cargo bench --bench resident -- [network] [sgd|momentum|adam] [steps] [batch]`, by default vgg16 with sgd, 3 steps of
//! one sample. One network a process, since the system never forgets the most. The first line is there before any tensor is.

use std::error::Error;

use cnnstat::analysis::memory::{self, Engine, Optimizer as Kind};
use cnnstat::diag::Source;
use cnnstat::graph::Graph;
use cnnstat::internals::exec::backend::Backend;
use cnnstat::internals::exec::kernels::Scheme;
use cnnstat::internals::exec::network::Network;
use cnnstat::internals::exec::optim::{Adam, Optimizer, Sgd};
use cnnstat::internals::exec::step::{Data, step};
use cnnstat::internals::exec::tape::Unobserved;
use cnnstat::internals::exec::threads::Threads;
use cnnstat::internals::lang::parse;
use cnnstat::internals::zoo;
use cnnstat::model::Asked;
use cnnstat::ops::Mode;
use cnnstat::{Options, analyze};

const FAST: Backend = Backend::Fast { exact: false };

/// Bytes that were resident at the highest, since the process began; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

fn mebibytes(bytes: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "to be printed")]
    let bytes = bytes as f64;
    bytes / f64::from(1 << 20)
}

/// What is predicted, and how it turned out.
struct Run<'g> {
    graph: &'g Graph,
    shapes: Vec<Vec<usize>>,
    steps: usize,
    predicted: u64,
}

impl Run<'_> {
    fn steps(&self, mut optimizer: impl Optimizer<f32>) -> Result<(), String> {
        let mut network =
            Network::<f32>::new(self.graph, Scheme::KaimingNormal, 0).with_backend(FAST);
        let data = Data::sample(self.graph, &self.shapes, 0);
        let meter = network.meter().clone();
        network.build(&data.inputs(&meter)).map_err(|error| error.to_string())?;
        for at in 0..self.steps {
            meter.reset_peak();
            let made = step(&mut network, &data, Mode::Train, false, &mut Unobserved);
            let made = made.map_err(|error| error.to_string())?;
            network.descend(&made.gradients, &mut optimizer);
            drop(made);
            let [peak, held, resident] = [meter.peak(), meter.held(), resident()].map(mebibytes);
            let over = 100.0 * (resident / mebibytes(self.predicted) - 1.0);
            println!(
                "step {at}: in use {peak:.1}, storage {held:.1}, resident {resident:.1} MiB ({over:+.1} %)"
            );
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let given = |at: usize, or: &str| given.get(at).map_or(or, String::as_str).to_owned();
    let (name, optimizer) = (given(0, "vgg16"), given(1, "sgd"));
    let (steps, batch) = (given(2, "3").parse()?, given(3, "1").parse()?);
    let kind = match optimizer.as_str() {
        "sgd" => Kind::Sgd,
        "momentum" => Kind::Momentum,
        "adam" => Kind::Adam,
        other => return Err(format!("no optimiser {other}: sgd, momentum or adam").into()),
    };
    let entry = zoo::find(&name).ok_or_else(|| format!("no network {name}"))?;
    let source = Source::new(entry.file, entry.text);
    let variant = entry.variant.map(ToOwned::to_owned);
    let choices = Asked { variant, batch, ..Asked::default() };
    let graph = parse(&source, &choices).map_err(|found| format!("{found:?}"))?.graph;
    let options = Options { mode: Mode::Train, ..Options::default() };
    let analysis = analyze(&graph, &options).complete()?;
    let predicted =
        memory::training(&graph, &analysis, kind, Engine::Own(FAST.plan()), false)?.peak.bytes;
    let inputs = graph.inputs().iter().map(|input| input.shape);
    let shapes = inputs.map(|shape| shape.sizes()).collect();
    println!("{name}, {optimizer}, batch {batch}: predicted {:.1} MiB", mebibytes(predicted));
    println!("begin:  resident {:.1} MiB", mebibytes(resident()));
    let run = Run { graph: &graph, shapes, steps, predicted };
    Threads::new(0)?.run(|| match kind {
        Kind::Sgd => run.steps(Sgd::new(1e-4, 0.0)),
        Kind::Momentum => run.steps(Sgd::new(1e-4, 0.9)),
        Kind::Adam => run.steps(Adam::new(1e-4)),
    })?;
    Ok(())
}

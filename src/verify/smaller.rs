//! A smaller input at which a network fits the memory or the time that there is.

use super::demand::need;
use super::estimate::Estimate;
use super::plan::{VerifyPlan, resolve};
use crate::analysis::{Analysis, AnalysisError, Options, analyze};
use crate::graph::Graph;

/// What is tried of an axis, in eighths.
const SHARES: std::ops::Range<u64> = 4..8;
/// Multiples that a smaller axis is rounded up to.
const MULTIPLES: [u64; 2] = [1, 32];

/// A plan that can be run, with what it needs.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// With a batch that batch statistics accept.
    pub plan: VerifyPlan,
    /// Whether the batch was raised for them.
    pub raised: bool,
    /// The analysis at this batch.
    pub analysis: Analysis,
    /// Bytes at the highest.
    pub need: u64,
}

impl Resolved {
    /// Of a network and the plan that was asked for.
    ///
    /// # Errors
    /// A network that cannot be analysed.
    pub fn new(graph: &Graph, options: &Options, asked: VerifyPlan) -> Result<Self, AnalysisError> {
        let (plan, raised) = resolve(graph, asked)?;
        let analysis = analyze(&graph.at_batch(plan.batch), options).complete()?;
        let need = need(graph, plan)?;
        Ok(Self { plan, raised, analysis, need })
    }

    /// The shapes of the inputs, batch first.
    pub fn inputs(&self, graph: &Graph) -> Vec<Vec<u64>> {
        let inputs = graph.inputs().iter();
        inputs.filter_map(|input| Some(self.analysis.shape(input.value)?.dims().to_vec())).collect()
    }
}

/// A network at a smaller input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smaller {
    /// The shapes of its inputs, without the batch.
    pub shapes: Vec<Vec<u64>>,
    /// An estimate of the time that its verification takes.
    pub seconds: u64,
    /// Bytes that it needs at the highest.
    pub need: u64,
}

/// The first smaller input that will do, spatial sizes halved again and again; failing that, the smallest that was found.
///
/// `at` reads the network again at inputs of these shapes, without the batch; `None` where it does not take them. Where it
/// does not take half of all axes, only the longest are made smaller (a video may be short already), or to a multiple that
/// its joins may need, or by less.
pub fn smaller_input(
    inputs: &[Vec<u64>],
    plan: VerifyPlan,
    at: impl Fn(&[Vec<u64>]) -> Option<(Graph, Options)>,
    will_do: impl Fn(&Smaller) -> bool,
) -> Option<Smaller> {
    let mut shapes: Vec<Vec<u64>> = inputs.iter().map(|shape| shape[1..].to_vec()).collect();
    let mut last = None;
    loop {
        let tried = candidates(&shapes).into_iter().filter(|tried| *tried != shapes);
        let Some(smaller) = tried.into_iter().find_map(|tried| evaluate(tried, plan, &at)) else {
            return last;
        };
        if will_do(&smaller) {
            return Some(smaller);
        }
        shapes.clone_from(&smaller.shapes);
        last = Some(smaller);
    }
}

/// Smaller shapes, in the order in which they are tried.
fn candidates(shapes: &[Vec<u64>]) -> Vec<Vec<Vec<u64>>> {
    let sizes = shapes.iter().flat_map(|shape| shape.iter().skip(1));
    let longest = sizes.copied().max().unwrap_or(0);
    let less = |eighths: u64, multiple: u64, from: u64| {
        let mut shapes = shapes.to_vec();
        let sizes = shapes.iter_mut().flat_map(|shape| shape.iter_mut().skip(1));
        for size in sizes.filter(|size| **size >= from) {
            let share = size.saturating_mul(eighths).div_ceil(8);
            *size = share.next_multiple_of(multiple).min(*size);
        }
        shapes
    };
    let tried = SHARES.flat_map(|share| MULTIPLES.map(|multiple| (share, multiple)));
    tried
        .flat_map(|(share, multiple)| [1, longest].map(|from| less(share, multiple, from)))
        .collect()
}

/// What verification takes at inputs of these shapes; `None` where the network does not take them.
fn evaluate(
    shapes: Vec<Vec<u64>>,
    plan: VerifyPlan,
    at: &impl Fn(&[Vec<u64>]) -> Option<(Graph, Options)>,
) -> Option<Smaller> {
    let (graph, options) = at(&shapes)?;
    let asked = VerifyPlan { batch: graph.batch().unwrap_or(1), ..plan };
    let Resolved { plan, analysis, need, .. } = Resolved::new(&graph, &options, asked).ok()?;
    let seconds = Estimate::new(&graph, &analysis, plan).ok()?.seconds();
    Some(Smaller { shapes, seconds, need })
}

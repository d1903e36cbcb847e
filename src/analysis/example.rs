//! An example of an operator that needs no example written for it: small arguments and a small input that it accepts.

use super::{Analysis, Options, analyze};
use crate::graph::{Graph, GraphBuilder};
use crate::ops::args::{ArgValue, Args, Default, Written};
use crate::ops::{Entry, Op, Ranks};
use crate::shape::Shape;

/// Values tried for required arguments, each for all of them; the second number is for what comes out.
const ARGUMENTS: &[(i64, i64)] = &[(3, 8), (2, 8), (4, 8), (1, 8), (8, 8), (0, 0), (-1, -1)];
/// Channels of the inputs tried.
const CHANNELS: u64 = 16;
/// Extents of the inputs tried.
const EXTENT: u64 = 8;

/// A network of one layer, this operator on the first small input that it accepts.
pub fn example(entry: &Entry, rank: usize) -> Option<(Graph, Analysis)> {
    let rank = match (entry.ranks, rank) {
        (Ranks::Always, 0) => 2,
        (_, rank) => rank,
    };
    let required = ARGUMENTS.iter().filter_map(|pair| op(entry, rank, *pair, None));
    // Some need one of several arguments that can each be left out: a size or a factor.
    let optional = entry.signature.iter().filter(|arg| arg.default == Default::None);
    let one_of = optional.filter_map(|arg| op(entry, rank, (2, 8), Some(arg.name)));
    let ops: Vec<Op> = required.chain(one_of).collect();
    let spatial = if rank == 0 { 2 } else { rank };
    let image: Vec<u64> =
        std::iter::once(CHANNELS).chain(std::iter::repeat_n(EXTENT, spatial)).collect();
    let shapes = [Shape::new(&image), Shape::new(&[CHANNELS]), Shape::new(&[EXTENT, CHANNELS])];
    for inputs in 1..=2 {
        for shape in shapes.iter().flatten() {
            for op in &ops {
                if let Some(accepted) = analysed(op, *shape, inputs) {
                    return Some(accepted);
                }
            }
        }
    }
    None
}

/// The operator with small arguments: the required ones, and one more.
fn op(entry: &Entry, rank: usize, (inner, outer): (i64, i64), more: Option<&str>) -> Option<Op> {
    let value = |name: &str| {
        ArgValue::Int(match name {
            // An axis has a first position, whatever the other arguments are.
            "index" => 0,
            name if name.starts_with("out_") => outer,
            _ => inner,
        })
    };
    let mut written = Written::default();
    for arg in entry.signature {
        match arg.default {
            Default::Required => written.named.push((arg.name.to_owned(), value(arg.name))),
            // Axes in another order, or sizes with one to be found.
            Default::Rest if inner == 3 => {
                let axes = [0, 2, 3, 1].map(ArgValue::Int).to_vec();
                written.named.push((arg.name.to_owned(), ArgValue::List(axes)));
            }
            Default::Rest => {
                let sizes = [ArgValue::Int(inner)].to_vec();
                written.named.push((arg.name.to_owned(), ArgValue::List(sizes)));
            }
            _ if more == Some(arg.name) => {
                written.named.push((arg.name.to_owned(), value(arg.name)));
            }
            _ => {}
        }
    }
    (entry.build)(&Args::bind(entry.signature, rank, written).ok()?).ok()
}

fn analysed(op: &Op, shape: Shape, inputs: usize) -> Option<(Graph, Analysis)> {
    let mut builder = GraphBuilder::new("example");
    let whole = shape.after(1)?;
    let values: Option<Vec<_>> =
        (0..inputs).map(|i| builder.input(&format!("x{i}"), whole, Some(0)).ok()).collect();
    let outputs = builder.layer("example", op.clone(), &values?).ok()?;
    let graph = builder.finish(&[("output", *outputs.first()?)]).ok()?;
    let analysis = analyze(&graph, &Options::default()).complete().ok()?;
    Some((graph, analysis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_needs_no_words_of_its_own() {
        for name in ["conv1d", "conv2d", "conv3d", "linear"] {
            let (entry, rank) = Op::find(name).unwrap();
            assert!(example(entry, rank).is_some(), "{name}");
        }
    }
}

//! A layer that does not fit what arrives: which layer, what arrives from where, with which variables, and what is likely
//! meant.

use super::reader::{Frame, Reader};
use super::shape_error;
use super::value::{LayerValue, Value};
use crate::diag::Diagnostic;
use crate::graph::ValueId;
use crate::ops::Op;
use crate::ops::error::ShapeError;
use crate::shape::Shape;

/// Layers that are shown before the one that does not fit.
const SHOWN: usize = 5;
/// Variables that are shown.
const VARIABLES: usize = 8;

impl Reader<'_> {
    /// The diagnostic of a layer of this whole name.
    pub(super) fn misfit(
        &self,
        layer: &LayerValue,
        whole: &str,
        inputs: &[ValueId],
        error: &ShapeError,
        frame: &Frame,
    ) -> Diagnostic {
        let mut diagnostic = shape_error::diagnostic(&layer.name, Some(layer.place), error);
        let arrives = inputs.iter().filter_map(|value| {
            Some(format!("`@{}`: {}", self.value_name(*value)?, self.builder.shape(*value)?))
        });
        let arrives: Vec<String> = arrives.collect();
        if !arrives.is_empty() {
            diagnostic =
                diagnostic.note(format!("the layer `{whole}` gets {}", arrives.join(" and ")));
        }
        if let Some(variables) = variables(frame) {
            diagnostic = diagnostic.note(format!("here {variables}"));
        }
        diagnostic.trail = self.trail();
        if let [value] = inputs
            && let Some(shape) = self.builder.shape(*value)
        {
            let is_input = frame.inputs.iter().any(|(_, input)| input == value);
            diagnostic = diagnostic.helps(rank_help(layer, error, shape, is_input));
        }
        diagnostic.helps(self.halved(error))
    }

    /// The name of a value: of an input, or of the layer that makes it.
    fn value_name(&self, value: ValueId) -> Option<&str> {
        let made = self.builder.nodes().iter().rev().find(|node| node.outputs.contains(&value));
        made.map(|node| node.name.as_str()).or_else(|| self.builder.input_name(value))
    }

    /// The layers made last: name, operator, shape of the output.
    fn trail(&self) -> Vec<[String; 3]> {
        let nodes = self.builder.nodes();
        let shown = &nodes[nodes.len().saturating_sub(SHOWN)..];
        let row = |node: &crate::graph::Node| {
            let shape = node.outputs.first().and_then(|value| self.builder.shape(*value));
            let shape = shape.map_or_else(|| "not known".to_owned(), |shape| shape.to_string());
            [node.name.clone(), node.op.name(), shape]
        };
        shown.iter().map(row).collect()
    }

    /// Where branches differ by less than a factor: the layer that halved an odd extent, and what evens it out.
    fn halved(&self, error: &ShapeError) -> Option<String> {
        let (large, small) = off_by_little(error)?;
        let extents = |value: ValueId| self.builder.shape(value);
        let halves = |node: &&crate::graph::Node| {
            let (Some(from), Some(to)) = (
                node.inputs.first().and_then(|value| extents(*value)),
                node.outputs.first().and_then(|value| extents(*value)),
            ) else {
                return false;
            };
            let mut axes = from.dims().iter().zip(to.dims()).skip(2);
            axes.any(|(from, to)| *from == large && (*to == small / 2 || *to == large / 2))
        };
        let node = self.builder.nodes().iter().rev().find(halves)?;
        let to = large / 2;
        Some(format!(
            "`{}` halves {large}, which is odd, to {to}, and doubled that is {small}: pad by {} (zero_pad2d((0, 1, 0, 1)), \
            or output_padding=1 of a transposed convolution), or crop the larger one",
            node.name,
            large - small,
        ))
    }
}

/// The variables of loops and blocks at this point.
fn variables(frame: &Frame) -> Option<String> {
    let plain = |value: &Value| !matches!(value, Value::Layer(_) | Value::Unknown);
    let locals = frame.locals.iter().filter(|(_, value)| plain(value));
    let shown: Vec<String> =
        locals.map(|(name, value)| format!("{name} = {}", value.describe())).collect();
    let last = shown.len().saturating_sub(VARIABLES);
    (!shown.is_empty()).then(|| shown[last..].join(", "))
}

/// Two extents of one axis of which the larger is odd and one more than the other.
fn off_by_little(error: &ShapeError) -> Option<(u64, u64)> {
    let sizes = |a: &Shape, b: &Shape, axis: usize| Some((a.get(axis)?, b.get(axis)?));
    let (a, b) = match error {
        ShapeError::Broadcast { shapes, from_end } => {
            let axis = shapes[0].rank().checked_sub(*from_end)?;
            (shapes[0].rank() == shapes[1].rank() && axis >= 2)
                .then(|| sizes(&shapes[0], &shapes[1], axis))??
        }
        ShapeError::Concat { shapes, axis, .. } => {
            let axis = (*axis).filter(|axis| *axis >= 2)?;
            sizes(&shapes[0], &shapes[1], axis)?
        }
        _ => return None,
    };
    let (large, small) = (a.max(b), a.min(b));
    (large == small + 1 && large % 2 == 1).then_some((large, small))
}

/// What is likely meant where the number of axes is wrong.
fn rank_help(
    layer: &LayerValue,
    error: &ShapeError,
    shape: Shape,
    is_input: bool,
) -> Option<String> {
    let ShapeError::Rank { .. } = error else { return None };
    let sizes = |dims: &[u64]| dims.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let name = &layer.name;
    let (at, written) = ["1d", "2d", "3d"]
        .iter()
        .enumerate()
        .find_map(|(at, rank)| name.to_lowercase().rfind(rank).map(|found| (found, at + 1)))?;
    let arrives = shape.rank().checked_sub(2)?;
    let example = &shape.dims()[1..];
    if is_input && arrives + 1 == written {
        return Some(format!(
            "an input has a channel axis: write [1, {}] for one channel",
            sizes(example)
        ));
    }
    if is_input && arrives == written + 1 {
        return Some(format!(
            "an input is written without the batch: [{}]; `--batch` sets how many examples go through",
            sizes(&example[1..])
        ));
    }
    let other = format!("{}{arrives}{}", &name[..at], &name[at + 1..]);
    Op::find(&other).map(|_| format!("write {other}: what arrives has {arrives} spatial axes"))
}

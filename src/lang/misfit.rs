//! A layer that does not fit what arrives: which layer, what arrives from where, with which variables, and what is likely
//! meant.

use super::reader::{Frame, Reader};
use super::shape_error;
use super::value::{LayerValue, Value};
use crate::diag::Diagnostic;
use crate::graph::{GraphBuilder, Input, Node, ValueId};
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
        let helps = [self.halved(error), self.shrunk(error), channels_last(&self.builder)];
        diagnostic.helps(helps.into_iter().flatten())
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
        let row = |node: &Node| {
            let shape = node.outputs.first().and_then(|value| self.builder.shape(*value));
            let shape = shape.map_or_else(|| "not known".to_owned(), |shape| shape.to_string());
            [node.name.clone(), node.op.name(), shape]
        };
        shown.iter().map(row).collect()
    }

    /// An upsampling before branches that differ which made the map smaller: its number is a size, and a factor was meant.
    fn shrunk(&self, error: &ShapeError) -> Option<String> {
        if !matches!(error, ShapeError::Broadcast { .. } | ShapeError::Concat { .. }) {
            return None;
        }
        let shrinks = |node: &&Node| {
            let shape = |values: &[ValueId]| self.builder.shape(*values.first()?);
            let sizes = (shape(&node.inputs), shape(&node.outputs));
            matches!((&node.op, sizes), (Op::Upsample(op), (Some(from), Some(to)))
                if op.size.is_some() && from.dims().last() > to.dims().last())
        };
        let node = self.builder.nodes().iter().rev().find(shrinks)?;
        Some(format!(
            "`{}` makes the map smaller, since its number is a size: upsample(scale_factor=2) doubles it",
            node.name
        ))
    }

    /// Where branches differ by one element: the layer that halved an odd extent, and what evens it out.
    fn halved(&self, error: &ShapeError) -> Option<String> {
        let (ShapeError::Broadcast { shapes, .. } | ShapeError::Concat { shapes, .. }) = error
        else {
            return None;
        };
        let (large, small) = odd_and_even(&shapes[0], &shapes[1])?;
        let halves = |node: &&Node| {
            let shape = |values: &[ValueId]| self.builder.shape(*values.first()?);
            let (Some(from), Some(to)) = (shape(&node.inputs), shape(&node.outputs)) else {
                return false;
            };
            let mut axes = from.dims().iter().zip(to.dims()).skip(2);
            axes.any(|(from, to)| *from == large && *to == large / 2)
        };
        let node = self.builder.nodes().iter().rev().find(halves)?;
        let pads = pads(&shapes[0], &shapes[1]);
        Some(format!(
            "`{}` halves {large}, which is odd, to {}, and doubled that is {small}: pad the smaller one ({pads}), give a \
            transposed convolution output_padding=1, or crop the larger one",
            node.name,
            large / 2,
        ))
    }
}

/// The spatial extents of an axis on which two values differ by one, if the larger is odd.
fn odd_and_even(one: &Shape, other: &Shape) -> Option<(u64, u64)> {
    let pairs = one.dims().iter().zip(other.dims()).skip(2);
    let mut pairs = pairs.map(|(a, b)| (*a.max(b), *a.min(b)));
    let found = pairs.find(|(large, small)| large != small)?;
    (one.rank() == other.rank() && found.0 == found.1 + 1 && found.0 % 2 == 1).then_some(found)
}

/// The call that pads the smaller of two values to the larger, behind the last element of each axis.
fn pads(one: &Shape, other: &Shape) -> String {
    let axes = one.dims().iter().zip(other.dims()).skip(2).rev();
    let sides: Vec<String> = axes.map(|(a, b)| format!("0, {}", a.abs_diff(*b))).collect();
    format!("zero_pad{}d(({}))", sides.len(), sides.join(", "))
}

/// What to write for an input that looks as if its channels were last.
pub(super) fn channels_last(builder: &GraphBuilder) -> Option<String> {
    let inputs = builder.inputs().iter();
    inputs.map(Input::example).find_map(|example| match example.dims() {
        [height, width, channels @ (1 | 3 | 4)] if *height.min(width) > 8 => {
            Some(format!("channels come first: [{channels}, {height}, {width}] if this is a picture of {height}×{width}"))
        }
        _ => None,
    })
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

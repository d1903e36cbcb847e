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
        let halved = self.halved(error);
        let is_halved = halved.is_some();
        let cropped = || self.cropped(error, inputs, frame).filter(|_| !is_halved);
        let helps = [
            self.without_shortcut(layer, error, frame).or_else(cropped),
            halved,
            self.shrunk(error),
            channels_last(&self.builder),
        ];
        diagnostic.helps(helps.into_iter().flatten())
    }

    /// What arrives at a layer that has no name yet, and in which scope that stands.
    pub(super) fn arriving(&self, from: ValueId, shape: Shape) -> String {
        let scope = self.scopes.prefix().trim_end_matches('.');
        let at = if scope.is_empty() { String::new() } else { format!(" in `{scope}`") };
        let name = self.value_name(from).map_or_else(String::new, |name| format!("`@{name}`: "));
        format!("this layer{at} gets {name}{shape}")
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

    /// A residual whose branch changes the shape, without a shortcut that changes it too.
    fn without_shortcut(
        &self,
        layer: &LayerValue,
        error: &ShapeError,
        frame: &Frame,
    ) -> Option<String> {
        let ShapeError::Broadcast { shapes, .. } = error else { return None };
        let node = layer.place.element;
        let (before, after) = self.tree.siblings(node);
        let is_alone = self.tree.is_key(node, "residual")
            && !before.iter().chain(&after).any(|key| *key == "shortcut");
        let [branch, value] = **shapes;
        let rank = branch.rank().checked_sub(2).filter(|rank| (1..=3).contains(rank))?;
        if !is_alone || branch.rank() != value.rank() {
            return None;
        }
        let makes = format!("the branch makes {branch} of {value}");
        let Some(stride) = stride(&value, &branch) else {
            return Some(format!(
                "{makes}: pad its convolutions so that the size stays, as padding=1 does with a kernel of 3"
            ));
        };
        let channels = branch.get(1)?;
        let stride = if stride > 1 { format!(", stride={stride}") } else { String::new() };
        let some = if frame.locals.is_empty() {
            ""
        } else {
            ", under an `if` where only some calls change it"
        };
        Some(format!(
            "{makes}: a `shortcut:` beside it makes the same of what is added, as conv{rank}d({channels}, 1{stride}, \
             bias=false){some}"
        ))
    }

    /// Where one map is larger on every spatial axis, as behind convolutions without padding: how the larger one is cropped.
    fn cropped(&self, error: &ShapeError, inputs: &[ValueId], frame: &Frame) -> Option<String> {
        let shapes = match error {
            ShapeError::Concat { shapes, along: 1, .. } => shapes,
            // What is added has as many channels, or one.
            ShapeError::Broadcast { shapes, .. } if shapes[0].get(1) == shapes[1].get(1) => shapes,
            _ => return None,
        };
        let [first, second] = *inputs else { return None };
        let spatial = |shape: &Shape| shape.dims().get(2..).unwrap_or_default().to_vec();
        let [one, other] = [spatial(&shapes[0]), spatial(&shapes[1])];
        if one.is_empty() || one == other {
            return None;
        }
        let is_inside = |small: &[u64], large: &[u64]| {
            small.len() == large.len() && small.iter().zip(large).all(|(a, b)| a <= b && *a > 1)
        };
        let (large, small, size) = if is_inside(&one, &other) {
            (second, first, one)
        } else if is_inside(&other, &one) {
            (first, second, other)
        } else {
            return None;
        };
        let (large, small) = (self.called(large, frame)?, self.called(small, frame));
        let is_square = size.iter().all(|extent| extent == &size[0]);
        // A size that holds for one call or one round only is written as what it is.
        let sizes: Vec<String> = match small.filter(|_| !frame.locals.is_empty()) {
            Some(small) => (1..=size.len()).map(|i| format!("shape(@{small})[{i}]")).collect(),
            None => size.iter().map(u64::to_string).collect(),
        };
        let size = if is_square { sizes[0].clone() } else { format!("({})", sizes.join(", ")) };
        Some(format!(
            "pad the convolutions before it (padding=1 keeps the size with a kernel of 3), or cut the larger one on a line \
             of its own, `- cut: crop(@{large}, {size})`, and join `@cut`"
        ))
    }

    /// What a value is called here: a block's input, or the shortest name that means it.
    fn called(&self, value: ValueId, frame: &Frame) -> Option<String> {
        let input = frame.inputs.iter().find(|(_, input)| *input == value);
        let input = input.map(|(name, _)| name.clone());
        input.or_else(|| self.scopes.name_of(value, frame.wall).map(str::to_owned))
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
            "`{}` halves {large}, which is odd, to {}, and doubled that is {small}: pad the smaller one on a line of its own and join that \
            (`- padded: {pads}`, then `@padded`), or give a transposed convolution output_padding=1",
            node.name,
            large / 2,
        ))
    }
}

/// The stride of a 1×1 convolution that makes the one map as large as the other.
fn stride(from: &Shape, to: &Shape) -> Option<u64> {
    let axes = || from.dims().iter().zip(to.dims()).skip(2);
    let (first, made) = axes().next()?;
    let stride = first.div_ceil(*made);
    axes().all(|(from, to)| from.div_ceil(stride) == *to).then_some(stride)
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

//! Receptive fields: what one element of a value sees of the network's input, axis by axis.
//!
//! ```text
//! extent   from the first element that an output sees to the last, of the output that sees most
//! stride   elements of the input from one output to its neighbour, in the mean
//! start    the first element that the first output sees; negative on padding
//! ```
//!
//! An element counts if some weights and values make it matter. Outputs are looked at as on an input so large that no
//! border is met: extents are those of the window arithmetic and may exceed the input. Windows are followed exactly, as
//! patterns of whole numbers (`field/pattern.rs`); behind whole strides that is the usual arithmetic,
//!
//! ```text
//! extent' = extent + (window − 1) · stride      stride' = stride · window's stride
//! ```
//!
//! Where branches meet, what they see is put together by `field/branches.rs`. Source: Araujo, Norris, Sim, "Computing
//! Receptive Fields of Convolutional Neural Networks", Distill 2019.

mod along;
mod branches;
mod pattern;

use num_rational::Ratio;

use crate::graph::Graph;
use crate::ops::reach::{AxisReach, Reach};
use crate::ops::{Io, Layer, Mode};
use crate::shape::Shape;

use along::{Along, Walk};
use pattern::Steps;

/// What an element sees: one entry for each spatial axis of the network's first input, or why that is not known.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Along each spatial axis of the input.
    Axes(Vec<AxisField>),
    /// Not known, for this reason.
    Unknown(&'static str),
}

impl Default for Field {
    fn default() -> Self {
        Self::Unknown("it does not depend on the first input")
    }
}

/// What an element sees of one axis of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AxisField {
    /// Elements of the input from the first seen to the last, of the output that sees most.
    pub extent: u64,
    /// Elements of the input from one element of the value to its neighbour, in the mean; `None` where the value has no
    /// axis that walks along this one.
    pub stride: Option<Ratio<i64>>,
    /// The first element that the first one sees; negative on padding.
    pub start: i64,
    /// Whether the branches that meet in this value see around the same middle; true where none meet.
    pub aligned: bool,
}

/// A field while it is followed.
#[derive(Clone, Debug)]
enum Trace {
    Axes(Vec<Along>),
    Unknown(&'static str),
}

/// Fields by value id; `None` for what no operator reaches.
pub(super) fn follow(graph: &Graph, shapes: &[Option<Shape>], mode: Mode) -> Vec<Option<Field>> {
    let mut fields: Vec<Option<Field>> = vec![None; shapes.len()];
    let mut traces: Vec<Option<Trace>> = vec![None; shapes.len()];
    let mut steps = Steps::new();
    // With several inputs, fields speak of the first: a value that does not come from it has none.
    let Some(first) = graph.inputs().first() else { return fields };
    let whole = first.shape;
    let start = Trace::Axes((2..whole.rank()).map(Along::input).collect());
    fields[first.value.index()] = Some(start.shown(whole, whole, &mut steps));
    traces[first.value.index()] = Some(start);
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for node in graph.nodes() {
        inputs.clear();
        inputs.extend(node.inputs.iter().filter_map(|value| shapes[value.index()]));
        outputs.clear();
        outputs.extend(node.outputs.iter().filter_map(|value| shapes[value.index()]));
        let is_known = inputs.len() == node.inputs.len() && outputs.len() == node.outputs.len();
        let after = if is_known {
            let reach = node.op.reach(Io { inputs: &inputs, outputs: &outputs, mode });
            let known = node.inputs.iter().zip(&inputs).filter_map(|(value, shape)| {
                let before = traces[value.index()].as_ref()?;
                let step = Step { reach: &reach, shape: *shape, whole };
                Some(match (&reach, outputs.first()) {
                    (Reach::Pointwise, Some(output)) => step.stretched(before, *output),
                    _ => step.after(before, &mut steps),
                })
            });
            let known = known.collect();
            branches::meet(known, &mut steps)
        } else {
            let is_seen = node.inputs.iter().any(|value| traces[value.index()].is_some());
            is_seen.then_some(Trace::Unknown("a shape before it is not known"))
        };
        let shape = outputs.first().copied().unwrap_or(Shape::SCALAR);
        let field = after.as_ref().map(|after| after.shown(shape, whole, &mut steps));
        for value in &node.outputs {
            fields[value.index()].clone_from(&field);
            traces[value.index()].clone_from(&after);
        }
    }
    fields
}

impl Trace {
    /// The field of a value of this shape.
    fn shown(&self, shape: Shape, whole: Shape, steps: &mut Steps) -> Field {
        let axes = match self {
            Self::Axes(axes) => axes,
            Self::Unknown(why) => return Field::Unknown(why),
        };
        let shown = |(i, along): (usize, &Along)| {
            let positions = along.walking().and_then(|axis| shape.get(axis)).unwrap_or(1);
            let seen = along.shown(positions, whole.get(i + 2).unwrap_or(1), steps)?;
            let along::Seen { extent, stride, start } = seen;
            Ok(AxisField { extent, stride, start, aligned: along.aligned })
        };
        axes.iter()
            .enumerate()
            .map(shown)
            .collect::<Result<_, _>>()
            .map_or_else(Field::Unknown, Field::Axes)
    }
}

/// An operator's step on one of its inputs.
struct Step<'r> {
    reach: &'r Reach,
    /// Of the input.
    shape: Shape,
    /// Of the network's input.
    whole: Shape,
}

impl Step<'_> {
    /// What is seen after the operator.
    fn after(&self, before: &Trace, steps: &mut Steps) -> Trace {
        let Trace::Axes(axes) = before else { return before.clone() };
        if let Reach::Opaque(why) = self.reach {
            // Where every element sees the same, moving elements about changes nothing.
            let is_same = axes.iter().all(|along| along.walk == Walk::Gone);
            return if is_same { before.clone() } else { Trace::Unknown(why) };
        }
        if let Reach::Joined(joined) = self.reach
            && axes.iter().any(|along| along.walk == Walk::Axis(*joined))
        {
            return Trace::Unknown("inputs are concatenated along an axis of positions");
        }
        if let Some(why) = mixes_examples(self.reach) {
            return Trace::Unknown(why);
        }
        axes.iter()
            .enumerate()
            .map(|(i, along)| self.axis(along, self.whole.get(i + 2).unwrap_or(1), steps))
            .collect::<Result<_, _>>()
            .map_or_else(Trace::Unknown, Trace::Axes)
    }

    /// What is seen of an axis of `elements`.
    fn axis(&self, along: &Along, elements: u64, steps: &mut Steps) -> Result<Along, &'static str> {
        let Some(at) = along.walking() else { return Ok(along.clone()) };
        let positions = self.shape.get(at).unwrap_or(1);
        match self.reach {
            Reach::Window(windows) => {
                let first = self.shape.rank().checked_sub(windows.len());
                let window = first.and_then(|first| windows.get(at.checked_sub(first)?));
                match (window.filter(|window| **window != AxisReach::POINT), along.walk) {
                    (None, _) => Ok(along.clone()),
                    (Some(window), Walk::Axis(_)) => along.through(window, steps),
                    (Some(_), _) => along.mixed(positions, elements, steps),
                }
            }
            Reach::Selected { axis: gone, index } => match at.checked_sub(*gone) {
                None => Ok(along.clone()),
                Some(0) => along.selected(*index),
                Some(_) => Ok(along.on(at - 1)),
            },
            Reach::Whole(axes) if axes.contains(&at) => along.mixed(positions, elements, steps),
            Reach::Pointwise | Reach::Joined(_) | Reach::Opaque(_) | Reach::Whole(_) => {
                Ok(along.clone())
            }
            Reach::Moved(order) => {
                let to = order.iter().position(|from| *from == at);
                to.map(|to| along.on(to)).ok_or("its axis is not among those that are moved")
            }
            Reach::Folded { first, last } => {
                if (*first..=*last).contains(&at) && first < last {
                    along.folded(*first, positions, elements, steps)
                } else if at > *last {
                    Ok(along.on(at - (last - first)))
                } else {
                    Ok(along.clone())
                }
            }
        }
    }

    /// What is seen after the input is stretched to the output's shape: aligned from the last axis, and along an axis of
    /// size 1 every element of the output sees the same.
    fn stretched(&self, before: &Trace, to: Shape) -> Trace {
        let Trace::Axes(axes) = before else { return before.clone() };
        if self.shape == to {
            return before.clone();
        }
        let added = to.rank().saturating_sub(self.shape.rank());
        let stretch = |along: &Along| match along.walking() {
            None => Ok(along.clone()),
            Some(at) if self.shape.get(at) == Some(1) && to.get(at + added) != Some(1) => {
                along.selected(0)
            }
            Some(at) => Ok(along.on(at + added)),
        };
        axes.iter().map(stretch).collect::<Result<_, _>>().map_or_else(Trace::Unknown, Trace::Axes)
    }
}

/// Why positions of one example cannot be followed after axis 0 is moved, joined or folded.
fn mixes_examples(reach: &Reach) -> Option<&'static str> {
    match reach {
        Reach::Joined(0) => Some("examples of several inputs are concatenated"),
        Reach::Folded { first: 0, last: 1.. } => Some("axis 0 is folded into others"),
        Reach::Moved(order) if order.first() != Some(&0) => Some("axis 0 does not stay first"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::GraphBuilder;
    use crate::ops::args::{ArgValue, Args, Written};
    use crate::ops::{Flatten, Linear, Narrow, Op, Select, Slice};

    fn conv(kernel: i64, stride: i64, padding: i64) -> Op {
        let (entry, rank) = Op::find("conv2d").unwrap();
        let positional = [1, kernel, stride, padding].map(ArgValue::Int).to_vec();
        let written = Written { positional, named: Vec::new() };
        (entry.build)(&Args::bind(entry.signature, rank, written).unwrap()).unwrap()
    }

    fn fields(layers: &[Op]) -> Field {
        let mut builder = GraphBuilder::new("n");
        let mut value =
            builder.input("input", Shape::new(&[1, 3, 227, 227]).unwrap(), Some(0)).unwrap();
        for (i, op) in layers.iter().enumerate() {
            value = builder.layer(i.to_string(), op.clone(), &[value]).unwrap()[0];
        }
        let graph = builder.finish(&[("output", value)]).unwrap();
        let shapes = super::super::shapes::infer(&graph, &mut Vec::new()).shapes;
        follow(&graph, &shapes, Mode::Eval)[value.index()].clone().unwrap()
    }

    /// AlexNet's conv1, a pool, conv2: 11, 19, 51 elements, stride 8, starting at −16 on padding.
    #[test]
    fn windows_compose() {
        let Field::Axes(axes) = fields(&[conv(11, 4, 0), conv(3, 2, 0), conv(5, 1, 2)]) else {
            panic!()
        };
        assert_eq!(axes.len(), 2);
        assert_eq!((axes[0].extent, axes[0].stride), (51, Some(Ratio::from(8))));
        assert_eq!(axes[0].start, -16);
    }

    /// On N×C×H×W a linear layer mixes the last axis only.
    #[test]
    fn a_linear_layer_sees_the_whole_of_its_axis() {
        let Field::Axes(axes) =
            fields(&[conv(3, 1, 0), Op::from(Linear { out_features: 5, bias: true })])
        else {
            panic!()
        };
        assert_eq!((axes[0].extent, axes[1].extent), (3, 227));
        assert_eq!(axes[1].stride, None);
    }

    /// Every third column from 2 on, and of the rows the last: what it sees is known, but no axis walks along rows.
    #[test]
    fn parts_keep_their_places() {
        let slice = Op::from(Slice { dim: 3, start: 2, end: None, step: 3 });
        let select = Op::from(Select { dim: 2, index: -1 });
        let Field::Axes(axes) = fields(&[conv(3, 2, 0), slice, select]) else { panic!() };
        let [rows, columns] = axes[..] else { panic!() };
        assert_eq!((rows.extent, rows.stride, rows.start), (3, None, 2 * 112));
        assert_eq!((columns.extent, columns.stride), (3, Some(Ratio::from(6))));
        assert_eq!(columns.start, 4);
    }

    /// Where positions were flattened, channels can still be taken, and single positions cannot be distinguished.
    #[test]
    fn parts_of_flattened_axes() {
        let flatten = || Op::from(Flatten { start_dim: 2, end_dim: -1 });
        let of = |part: Op| match fields(&[conv(3, 1, 0), flatten(), part]) {
            Field::Axes(axes) => axes[0].extent,
            Field::Unknown(why) => panic!("{why}"),
        };
        let narrow = |dim| Op::from(Narrow { dim, start: 0, length: 1 });
        assert_eq!(of(narrow(1)), 3);
        assert_eq!(of(Op::from(Select { dim: 1, index: 0 })), 3);
        assert_eq!(of(Op::from(Select { dim: 2, index: 9 })), 227);
    }
}

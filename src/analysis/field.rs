//! Receptive fields: what one element of a value sees of the network's input, axis by axis.
//!
//! ```text
//! extent' = extent + (window − 1) · stride      stride' = stride · window's stride
//! start'  = start + window's start · stride     all in elements of the input; start is negative on padding
//! ```
//!
//! After an upsampling, strides are fractions. Extents are those of the window arithmetic and may exceed the input.
//! Where branches meet, what they see is put together by `field/branches.rs`. Source: Araujo, Norris, Sim, "Computing
//! Receptive Fields of Convolutional Neural Networks", Distill 2019.

mod branches;

use num_rational::Ratio;
use num_traits::{CheckedAdd, CheckedMul, One, Zero};

use crate::graph::Graph;
use crate::ops::reach::{AxisReach, Reach};
use crate::ops::{Io, Layer, Mode};
use crate::shape::Shape;

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
        Self::Unknown("it depends on no input")
    }
}

/// What an element sees of one axis of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AxisField {
    /// Elements of the input from the first seen to the last.
    pub extent: Ratio<i64>,
    /// Elements of the input from one element of the value to its neighbour; `None` where the value has no axis that
    /// walks along this one.
    pub stride: Option<Ratio<i64>>,
    /// The first element that the first one sees; negative on padding.
    pub start: Ratio<i64>,
    /// Whether the branches that meet in this value see around the same middle; true where none meet.
    pub aligned: bool,
    walk: Walk,
    /// Whether it is seen from end to end wherever one looks from, so that windows add nothing.
    whole: bool,
    /// How far off the place may be: after an upsampling, neighbours see the same, and the formula gives a mean.
    blur: Ratio<i64>,
}

/// Which axis of a value walks along an axis of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Walk {
    /// This one.
    Axis(usize),
    /// This one, among others that were flattened into it.
    Folded(usize),
    /// None: each element sees the same.
    Gone,
}

/// Fields by value id; `None` for what no operator reaches.
pub(super) fn follow(graph: &Graph, shapes: &[Option<Shape>], mode: Mode) -> Vec<Option<Field>> {
    let mut fields: Vec<Option<Field>> = vec![None; shapes.len()];
    // With several inputs, fields speak of the first: a value that does not come from it has none.
    for input in graph.inputs().iter().take(1) {
        let rank = input.shape.rank();
        let point = |axis| AxisField {
            extent: Ratio::one(),
            stride: Some(Ratio::one()),
            start: Ratio::zero(),
            aligned: true,
            walk: Walk::Axis(axis),
            whole: false,
            blur: Ratio::zero(),
        };
        fields[input.value.index()] = Some(Field::Axes((2..rank).map(point).collect()));
    }
    let Some(first) = graph.inputs().first() else { return fields };
    let whole = first.shape;
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for node in graph.nodes() {
        inputs.clear();
        inputs.extend(node.inputs.iter().filter_map(|value| shapes[value.index()]));
        outputs.clear();
        outputs.extend(node.outputs.iter().filter_map(|value| shapes[value.index()]));
        let is_known = inputs.len() == node.inputs.len() && outputs.len() == node.outputs.len();
        if !is_known {
            let is_seen = node.inputs.iter().any(|value| fields[value.index()].is_some());
            for value in node.outputs.iter().filter(|_| is_seen) {
                fields[value.index()] = Some(Field::Unknown("a shape before it is not known"));
            }
            continue;
        }
        let reach = node.op.reach(Io { inputs: &inputs, outputs: &outputs, mode });
        let known = node.inputs.iter().zip(&inputs).filter_map(|(value, shape)| {
            let after = step(fields[value.index()].as_ref()?, &reach, shape.rank(), whole);
            Some(match (&reach, outputs.first()) {
                (Reach::Pointwise, Some(output)) => after.stretched(*shape, *output),
                _ => after,
            })
        });
        let after = branches::meet(known.collect(), whole);
        for value in &node.outputs {
            fields[value.index()].clone_from(&after);
        }
    }
    fields
}

/// The field after an operator with this reach on a value of `rank` axes.
fn step(before: &Field, reach: &Reach, rank: usize, whole: Shape) -> Field {
    let Field::Axes(axes) = before else { return before.clone() };
    if let Reach::Opaque(why) = reach {
        // Where every element sees the same, moving elements about changes nothing.
        return if axes.iter().all(|axis| axis.walk == Walk::Gone) {
            before.clone()
        } else {
            Field::Unknown(why)
        };
    }
    if let Reach::Joined(along) = reach
        && axes.iter().any(|axis| axis.walk == Walk::Axis(*along))
    {
        return Field::Unknown("inputs are concatenated along an axis of positions");
    }
    if let Some(why) = mixes_examples(reach) {
        return Field::Unknown(why);
    }
    let after: Option<Vec<AxisField>> = axes
        .iter()
        .enumerate()
        .map(|(i, axis)| {
            let all = AxisField::all(whole, i)?;
            let moved = |to: Walk| AxisField {
                walk: to,
                stride: axis.stride.filter(|_| to != Walk::Gone),
                ..*axis
            };
            let walk = |at| match axis.walk {
                Walk::Folded(_) => Walk::Folded(at),
                _ => Walk::Axis(at),
            };
            match (reach, axis.walk) {
                (Reach::Pointwise | Reach::Joined(_) | Reach::Opaque(_), _) | (_, Walk::Gone) => {
                    Some(*axis)
                }
                (Reach::Window(windows), Walk::Axis(at) | Walk::Folded(at)) => {
                    let first = rank.checked_sub(windows.len())?;
                    match (at.checked_sub(first).and_then(|at| windows.get(at)), axis.walk) {
                        (None, _) => Some(*axis),
                        (Some(window), _) if *window == AxisReach::POINT => Some(*axis),
                        (Some(window), Walk::Axis(_)) => axis.through(window),
                        (Some(_), _) => Some(all),
                    }
                }
                (Reach::Selected { axis: gone, index }, Walk::Axis(at)) if at == *gone => {
                    let seen = axis.through(&AxisReach { start: *index, ..AxisReach::POINT })?;
                    Some(AxisField { walk: Walk::Gone, stride: None, ..seen })
                }
                (Reach::Selected { axis: gone, .. }, Walk::Axis(at) | Walk::Folded(at)) => {
                    Some(match at.checked_sub(*gone) {
                        None => *axis,
                        Some(0) => all,
                        Some(_) => moved(walk(at - 1)),
                    })
                }
                (Reach::Whole(mixed), Walk::Axis(at) | Walk::Folded(at)) => {
                    Some(if mixed.contains(&at) { all } else { *axis })
                }
                (Reach::Moved(order), Walk::Axis(at)) => {
                    order.iter().position(|from| *from == at).map(|to| moved(Walk::Axis(to)))
                }
                (Reach::Moved(order), Walk::Folded(at)) => {
                    order.iter().position(|from| *from == at).map(|to| moved(Walk::Folded(to)))
                }
                (Reach::Folded { first, last }, Walk::Axis(at) | Walk::Folded(at)) => {
                    Some(if (*first..=*last).contains(&at) && first < last {
                        AxisField { walk: Walk::Folded(*first), stride: None, ..*axis }
                    } else if at > *last {
                        moved(walk(at - (last - first)))
                    } else {
                        *axis
                    })
                }
            }
        })
        .collect();
    after.map_or(Field::Unknown("its extent exceeds 64 bits"), Field::Axes)
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

impl Field {
    /// The field of an input of this shape that is stretched to the output's: aligned from the last axis, and along an
    /// axis of size 1 every element of the output sees the same.
    fn stretched(mut self, from: Shape, to: Shape) -> Self {
        if from == to {
            return self;
        }
        let Self::Axes(axes) = &mut self else { return self };
        let before = to.rank().saturating_sub(from.rank());
        for axis in axes {
            if let Walk::Axis(at) | Walk::Folded(at) = &mut axis.walk {
                let is_stretched = from.get(*at) == Some(1) && to.get(*at + before) != Some(1);
                *at += before;
                if is_stretched {
                    (axis.walk, axis.stride) = (Walk::Gone, None);
                }
            }
        }
        self
    }
}

impl AxisField {
    /// The whole of spatial axis `axis` of an input, seen from everywhere; `None` beyond 63 bits.
    fn all(input: Shape, axis: usize) -> Option<Self> {
        let extent = input.get(axis + 2).and_then(|n| i64::try_from(n).ok())?;
        Some(Self {
            extent: Ratio::from(extent),
            stride: None,
            start: Ratio::zero(),
            aligned: true,
            walk: Walk::Gone,
            whole: true,
            blur: Ratio::zero(),
        })
    }

    /// The field after a window.
    fn through(&self, window: &AxisReach) -> Option<Self> {
        let stride = self.stride?;
        let after = Self { stride: Some(stride.checked_mul(&window.stride)?), ..*self };
        if self.whole {
            return Some(after);
        }
        let span = i64::try_from(window.extent).ok()?.checked_sub(1)?;
        let blur = if window.stride < Ratio::one() { stride } else { Ratio::zero() };
        Some(Self {
            extent: self.extent.checked_add(&stride.checked_mul(&Ratio::from(span))?)?,
            start: self.start.checked_add(&stride.checked_mul(&Ratio::from(window.start))?)?,
            blur: self.blur.max(blur),
            ..after
        })
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
        assert_eq!((axes[0].extent, axes[0].stride), (Ratio::from(51), Some(Ratio::from(8))));
        assert_eq!(axes[0].start, Ratio::from(-16));
    }

    /// On N×C×H×W a linear layer mixes the last axis only.
    #[test]
    fn a_linear_layer_sees_the_whole_of_its_axis() {
        let Field::Axes(axes) =
            fields(&[conv(3, 1, 0), Op::from(Linear { out_features: 5, bias: true })])
        else {
            panic!()
        };
        assert_eq!((axes[0].extent, axes[1].extent), (Ratio::from(3), Ratio::from(227)));
        assert_eq!(axes[1].stride, None);
    }

    /// Every third column from 2 on, and of the rows the last: what it sees is known, but no axis walks along rows.
    #[test]
    fn parts_keep_their_places() {
        let slice = Op::from(Slice { dim: 3, start: 2, end: None, step: 3 });
        let select = Op::from(Select { dim: 2, index: -1 });
        let Field::Axes(axes) = fields(&[conv(3, 2, 0), slice, select]) else { panic!() };
        let [rows, columns] = axes[..] else { panic!() };
        assert_eq!((rows.extent, rows.stride), (Ratio::from(3), None));
        assert_eq!(rows.start, Ratio::from(2 * 112));
        assert_eq!((columns.extent, columns.stride), (Ratio::from(3), Some(Ratio::from(6))));
        assert_eq!((columns.start, columns.walk), (Ratio::from(4), Walk::Axis(2)));
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
        assert_eq!(of(narrow(1)), Ratio::from(3));
        assert_eq!(of(Op::from(Select { dim: 1, index: 0 })), Ratio::from(3));
        assert_eq!(of(Op::from(Select { dim: 2, index: 9 })), Ratio::from(227));
    }
}

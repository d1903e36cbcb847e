//! Shapes that do not fit an operator, with the numbers in them and a way to fix each.
//!
//! An error says what was expected and found; it knows no layer names and no places, `lang` adds those.

use std::borrow::Cow;
use std::fmt;

use super::window::Window;
use crate::shape::{Shape, TooLarge};
use crate::units::grouped;

/// Why an operator does not accept its inputs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ShapeError {
    /// The operator takes another number of inputs.
    Inputs {
        /// How many it takes.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The operator takes more inputs.
    TooFewInputs {
        /// The fewest it takes.
        least: usize,
        /// How many there are.
        found: usize,
    },
    /// Two inputs whose sizes on an axis are neither equal nor 1.
    Broadcast {
        /// An input, and a later one.
        shapes: Box<[Shape; 2]>,
        /// The axis, counted from the end: 1 is the last.
        from_end: usize,
    },
    /// Inputs to be concatenated that differ on another axis.
    Concat {
        /// The axis along which they are put.
        along: usize,
        /// The position of the input that differs, from 0.
        input: usize,
        /// The first input, and the one that differs.
        shapes: Box<[Shape; 2]>,
        /// The axis on which it does; `None` where the numbers of axes differ.
        axis: Option<usize>,
    },
    /// Shared parameters that would need another shape.
    Shared {
        /// The tensor.
        tensor: Cow<'static, str>,
        /// Its shape where it is made, and the one it would need.
        shapes: Box<[Shape; 2]>,
    },
    /// The input has another number of axes than the operator works on.
    Rank {
        /// What it works on: `N×C×H×W`.
        expected: &'static str,
        /// What arrives.
        found: Shape,
    },
    /// The kernel reaches further than the padded axis.
    Window {
        /// The axis of the input.
        axis: usize,
        /// Its extent.
        input: u64,
        /// The window, with its padding on this axis.
        window: Window,
    },
    /// `padding='same'` together with a stride.
    SameWithStride {
        /// The stride.
        stride: u64,
    },
    /// More padding than the operator allows.
    Padding {
        /// The padding.
        padding: u64,
        /// The most it may be.
        limit: u64,
        /// What sets the limit.
        why: &'static str,
    },
    /// Channels that groups do not divide.
    Groups {
        /// Which channels: `in_channels`, `out_channels`, `num_channels`.
        what: &'static str,
        /// How many.
        channels: u64,
        /// The argument that must divide them: `groups`.
        by: &'static str,
        /// Its value.
        groups: u64,
    },
    /// Two sizes that must be equal are not.
    Mismatch {
        /// What is compared.
        what: String,
        /// What the operator needs.
        expected: u64,
        /// What arrives.
        found: u64,
        /// How to fix it.
        help: Option<String>,
    },
    /// A size would not be positive.
    NotPositive {
        /// Which size.
        what: String,
        /// What it would be.
        value: i128,
    },
    /// An axis that the input does not have.
    Axis {
        /// The axis as it is written.
        axis: i64,
        /// The input's rank.
        rank: usize,
    },
    /// Values that are right each and wrong together.
    Arguments {
        /// What is wrong.
        message: String,
        /// How to fix it.
        help: String,
    },
    /// A size or a count exceeds 64 bits.
    TooLarge,
}

impl From<TooLarge> for ShapeError {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

impl std::error::Error for ShapeError {}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inputs { expected: 0, found } => write!(f, "takes no input, but {found} arrive"),
            Self::Inputs { expected, found } => {
                let plural = if *expected == 1 { "" } else { "s" };
                write!(f, "takes {expected} input{plural}, but {found} arrive")
            }
            Self::TooFewInputs { least, found } => {
                write!(f, "takes {least} inputs or more, but {found} arrive")
            }
            Self::Broadcast { shapes, from_end } => broadcast(f, **shapes, *from_end),
            Self::Concat { input, shapes, axis, .. } => {
                let [first, found] = **shapes;
                write!(f, "input 0 is {first} and input {input} is {found}: ")?;
                match axis.and_then(|axis| Some((axis, first.get(axis)?, found.get(axis)?))) {
                    Some((axis, one, other)) => {
                        write!(
                            f,
                            "axis {axis} has {} and {} elements",
                            grouped(one),
                            grouped(other)
                        )
                    }
                    None => write!(f, "{} axes and {} axes", first.rank(), found.rank()),
                }
            }
            Self::Shared { tensor, shapes } => {
                let [first, needed] = **shapes;
                write!(
                    f,
                    "the shared {tensor} is {first}, but {needed} is needed for what arrives here"
                )
            }
            Self::Rank { expected, found } => {
                write!(f, "works on {expected}, but {found} arrives (rank {})", found.rank())
            }
            Self::Window { axis, input, window } => reaches_over(f, *axis, *input, window),
            Self::SameWithStride { stride } => {
                write!(f, "padding='same' needs stride 1, but the stride is {stride}")
            }
            Self::Padding { padding, limit, why } => {
                write!(f, "the padding is {padding}, but it can be {limit} at most: {why}")
            }
            Self::Groups { what, channels, by, groups } => {
                write!(f, "{what} is {channels}, which {by} = {groups} does not divide")
            }
            Self::Mismatch { what, expected, found, .. } => {
                write!(f, "{what} is {}, but {} arrive", grouped(*expected), grouped(*found))
            }
            Self::NotPositive { what, value } => write!(f, "{what} would be {value}"),
            Self::Axis { axis, rank } => {
                write!(f, "axis {axis} does not exist in an input of rank {rank}")
            }
            Self::Arguments { message, .. } => f.write_str(message),
            Self::TooLarge => TooLarge.fmt(f),
        }
    }
}

/// Two shapes that do not broadcast, and the axis that they differ on.
fn broadcast(
    f: &mut fmt::Formatter<'_>,
    [first, second]: [Shape; 2],
    from_end: usize,
) -> fmt::Result {
    // From the front where that is the same axis in both.
    let axis = if first.rank() == second.rank() {
        (first.rank() - from_end).to_string()
    } else {
        format!("-{from_end}")
    };
    let size = |shape: &Shape| shape.dims().iter().nth_back(from_end - 1).map_or(1, |n| *n);
    let (one, other) = (grouped(size(&first)), grouped(size(&second)));
    write!(f, "{first} and {second} do not broadcast: axis {axis} has {one} and {other} elements")
}

/// A window that is larger than what it moves over.
fn reaches_over(
    f: &mut fmt::Formatter<'_>,
    axis: usize,
    input: u64,
    window: &Window,
) -> fmt::Result {
    let (reach, elements) = (window.reach(), grouped(input));
    write!(f, "the window reaches over {reach} elements, but axis {axis} has {elements}")?;
    match window.before.saturating_add(window.after) {
        0 => Ok(()),
        padding => {
            let padded = grouped(input.saturating_add(padding));
            write!(f, ", with {padding} of padding {padded}")
        }
    }
}

impl ShapeError {
    /// How to fix it, where there is one way.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Window { window, .. } => {
                let parts = format!("F = {}, D = {}", window.kernel, window.dilation);
                Some(format!("make the kernel smaller ({parts}), pad the axis, or pool less before this layer"))
            }
            Self::SameWithStride { .. } => {
                Some("write padding='same_upper' (TensorFlow's rule), or the number of elements".to_owned())
            }
            // A square, not a number that can be chosen freely.
            Self::Groups { channels, by: "upscale_factor²", groups, .. } => {
                let next = channels.div_ceil(*groups).checked_mul(*groups)?;
                Some(format!("{next} channels are a multiple of {groups}"))
            }
            Self::Groups { channels, groups, .. } => {
                let divisors = (1..=*groups.min(&4096)).rev().find(|g| channels.is_multiple_of(*g));
                divisors.map(|g| format!("{g} divides {channels}"))
            }
            Self::Inputs { expected: 0, .. } => Some(
                "it makes a value from none: write it by itself under a name, and join that with others"
                    .to_owned(),
            ),
            Self::TooFewInputs { .. } => Some("name the inputs: add(@a, @b)".to_owned()),
            Self::Broadcast { shapes, .. } if shapes[0].rank() != shapes[1].rank() => Some(
                "axes are aligned from the last, and each value has the batch first: give both as many axes, as reshape(C, 1, 1) does"
                    .to_owned(),
            ),
            Self::Broadcast { .. } => {
                Some("the sizes of an axis must be equal, or one of them 1, which is stretched".to_owned())
            }
            Self::Concat { along, .. } => {
                Some(format!("sizes may differ on axis {along} only, along which they are put"))
            }
            Self::Shared { .. } => {
                Some("a layer can be shared where as many channels or features arrive as the first time".to_owned())
            }
            Self::Mismatch { help, .. } => help.clone(),
            Self::Arguments { help, .. } => Some(help.clone()),
            Self::Rank { expected, found } if expected.contains("N×C×") && found.rank() == 2 => {
                Some("the axes were flattened before: move this layer up, or restore them with reshape".to_owned())
            }
            Self::Axis { rank, .. } => Some(format!("axes go from 0 (the batch) to {}", rank.saturating_sub(1))),
            _ => None,
        }
    }
}

//! What a layer is: one file for each operator family, and the list that makes them one closed enum.
//!
//! Everything static that is true of an operator stands in its file: arguments, shape rule, parameters, arithmetic, what
//! is kept for backward, reach, derivation. Imports `shape`, `span` and `units` only. Adding an operator is a file here,
//! a line in `ops!` and a fixture in `tests/fixtures/ops`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::LazyLock;

pub(crate) mod arg_type;
pub mod args;
pub mod derive;
pub mod error;
pub mod ledger;
mod normalise;
pub mod reach;
mod signature;
pub mod window;

pub use arg_type::{Epsilon, PerAxis, Probability};
pub use window::{Padding, Rounding};

use args::{Arg, ArgError, Args, TorchArg};
use derive::Derivation;
use error::ShapeError;
use ledger::{Autograd, Backward, Param, Saved, Work};
use reach::Reach;

use crate::shape::{Shape, Shapes, TooLarge};

/// Whether the network is used or trained; batch norm and dropout differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Inference, torch's `model.eval()`.
    #[default]
    Eval,
    /// A training step, torch's `model.train()`.
    Train,
}

/// What an operator's rules look at: its shapes, and the mode.
#[derive(Clone, Copy, Debug)]
pub struct Io<'a> {
    /// Shapes of the inputs, batch first.
    pub inputs: &'a [Shape],
    /// Shapes of the outputs, batch first.
    pub outputs: &'a [Shape],
    /// Eval or train.
    pub mode: Mode,
}

impl Io<'_> {
    /// Elements of the first input.
    pub fn elements_in(&self) -> Result<u64, TooLarge> {
        self.inputs.first().map_or(Ok(0), Shape::numel)
    }

    /// Elements of the first output.
    pub fn elements_out(&self) -> Result<u64, TooLarge> {
        self.outputs.first().map_or(Ok(0), Shape::numel)
    }
}

/// What is known of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// There is a rule for everything.
    Ruled,
    /// Only what a description declares, which needs no shapes of outputs.
    Declared {
        /// Whether its tensors are declared.
        tensors: bool,
        /// Whether its arithmetic is.
        work: bool,
    },
}

impl Knowledge {
    /// Whether there is no rule, only a declaration.
    pub const fn is_declared(self) -> bool {
        matches!(self, Self::Declared { .. })
    }

    /// Whether its tensors are known, as far as shapes are.
    pub const fn has_tensors(self) -> bool {
        matches!(self, Self::Ruled | Self::Declared { tensors: true, .. })
    }

    /// Whether its arithmetic is known, as far as shapes are.
    pub const fn has_work(self) -> bool {
        matches!(self, Self::Ruled | Self::Declared { work: true, .. })
    }
}

/// The rules of one operator with its arguments: pure functions of shapes.
///
/// No method that counts has a default body: a free operator says [`Work::NONE`].
pub trait Layer: Clone + PartialEq + Debug {
    /// Output shapes from input shapes; they may be unknown.
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError>;
    /// How many values it makes.
    fn outputs(&self) -> usize {
        1
    }
    /// What is known of it: everything, unless it says otherwise. Where tensors or arithmetic are not, `params` and `work`
    /// say none, which nobody may take for a count.
    fn knowledge(&self) -> Knowledge {
        Knowledge::Ruled
    }
    /// The tensors it owns, named, shaped and ordered as torch's `state_dict`. Called with inputs that `infer` accepts.
    fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError>;
    /// Arithmetic of one forward pass.
    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge>;
    /// Arithmetic of one backward pass.
    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge>;
    /// What the tape keeps for backward.
    fn saved(&self, io: Io<'_>) -> Result<Saved, TooLarge>;
    /// What PyTorch's autograd holds in place of what the tape here does: the same, unless it says otherwise.
    fn autograd(&self, io: Io<'_>) -> Result<Autograd, TooLarge> {
        let shares_input = self.is_view(io.mode);
        Ok(Autograd { shares_input, ..Autograd::keeps(self.saved(io)?) })
    }
    /// Whether the output takes no memory of its own: a view of the first input or, without inputs, its own tensor.
    fn is_view(&self, mode: Mode) -> bool;
    /// Whether the gradient of an input is the output's gradient itself, in no memory of its own. True of views; a join
    /// that only adds passes it on as well.
    fn passes_gradient(&self, _input: usize, io: Io<'_>) -> bool {
        self.is_view(io.mode)
    }
    /// What one output element depends on.
    fn reach(&self, io: Io<'_>) -> Reach;
    /// Its formulas with the numbers put in.
    fn derive(&self, io: Io<'_>) -> Derivation;
}

/// Whether an operator's name carries the number of spatial axes: `conv2d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranks {
    /// Never: `linear`.
    None,
    /// Always: `conv1d`, `conv2d`, `conv3d`.
    Always,
    /// Either: `dropout` and `dropout2d`.
    Optional,
}

/// What a pass has to know of an operator beyond its rules; said with the operator, so that no pass names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// torch has a function for it and no module: in a sequence it takes no number.
    Functional,
    /// It takes no value of the network: the one that it makes comes from none.
    WithoutInputs,
    /// A description has a key of its name that joins branches.
    JoinsBranches,
    /// A fixed multiply and add per channel in eval mode: it can be folded into a linear layer before it.
    FoldsAway,
    /// A linear layer whose weight and bias can take in what folds away behind it.
    AbsorbsNorm,
}

/// How an operator is written: name and arguments as data. The `operator!` macro writes this.
pub(crate) trait Operator: Layer {
    /// The name without rank suffix, in snake case.
    const NAME: &'static str;
    /// Further names that mean the same.
    const ALIASES: &'static [&'static str];
    /// Whether the name carries a rank.
    const RANKS: Ranks;
    /// What it does, in one sentence.
    const ABOUT: &'static str;
    /// torch's page.
    const TORCH_PAGE: &'static str;
    /// Its arguments, in the order of a call.
    const SIGNATURE: &'static [Arg];
    /// torch's own arguments, in torch's order.
    const TORCH: &'static [TorchArg];
    /// What else holds of it.
    const FACTS: &'static [Fact];
    /// The number of spatial axes that its name carries; 0 without one.
    fn rank(&self) -> usize;
    /// Reads bound arguments.
    fn build(args: &Args) -> Result<Self, ArgError>;
    /// Writes the arguments again.
    fn args(&self) -> Args;
}

/// An operator's entry in the registry: what `Operator` says, without the type.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The name without rank suffix.
    pub name: &'static str,
    /// Further names that mean the same.
    pub aliases: &'static [&'static str],
    /// Whether the name carries a rank.
    pub ranks: Ranks,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// torch's page.
    pub torch_page: &'static str,
    /// Its arguments, in the order of a call.
    pub signature: &'static [Arg],
    /// torch's own arguments, in torch's order.
    pub torch: &'static [TorchArg],
    /// What else holds of it.
    pub(crate) facts: &'static [Fact],
    /// Reads bound arguments.
    pub build: fn(&Args) -> Result<Op, ArgError>,
}

impl Entry {
    /// Whether something holds of the operator.
    pub(crate) fn is(&self, fact: Fact) -> bool {
        self.facts.contains(&fact)
    }
}

impl Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Entry").field(&self.name).finish()
    }
}

/// The list of operators, handed to another macro: the one line that registers an operator everywhere.
macro_rules! ops {
    ($then:ident) => {
        $then! {
            conv { Conv }
            conv_transpose { ConvTranspose }
            pool { MaxPool, AvgPool }
            global_pool { AdaptiveAvgPool, AdaptiveMaxPool, GlobalAvgPool, GlobalMaxPool }
            linear { Linear }
            batchnorm { BatchNorm }
            norm { LayerNorm, GroupNorm, InstanceNorm }
            lrn { LocalResponseNorm }
            activation {
                Relu, Relu6, LeakyRelu, Elu, Selu, Celu, Gelu, Silu, Mish, Sigmoid, Tanh, LogSigmoid, Softplus,
                Softsign, HardTanh, HardSigmoid, HardSwish, Abs
            }
            prelu { PRelu }
            softmax { Softmax, LogSoftmax }
            dropout { Dropout, StochasticDepth }
            reshape { Flatten, Reshape, Permute, Identity }
            pad { ZeroPad, ReflectionPad, ReplicationPad }
            upsample { Upsample }
            shuffle { PixelShuffle, ChannelShuffle }
            combine { Add, Sub, Mul, Concat }
            slicing { Select, Narrow, Slice, Chunk, Crop }
            scale { Scale }
            value { Parameter, Buffer, Constant }
            unknown { Unknown }
        }
    };
}

macro_rules! define_op {
    ($($module:ident { $($Name:ident),* $(,)? })*) => {
        $(pub mod $module;)*
        $($(pub use $module::$Name;)*)*

        /// Any operator.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Op {
            $($(#[doc = concat!("See [`", stringify!($Name), "`].")] $Name($Name),)*)*
        }

        $($(impl From<$Name> for Op {
            fn from(op: $Name) -> Self {
                Self::$Name(op)
            }
        })*)*

        impl Op {
            /// Every operator, in the order of the list.
            pub const ALL: &'static [Entry] = &[$($(Entry {
                name: $Name::NAME,
                aliases: $Name::ALIASES,
                ranks: $Name::RANKS,
                about: $Name::ABOUT,
                torch_page: $Name::TORCH_PAGE,
                signature: $Name::SIGNATURE,
                torch: $Name::TORCH,
                facts: $Name::FACTS,
                build: |args| $Name::build(args).map(Self::$Name),
            },)*)*];

            /// Its entry in the registry.
            pub fn entry(&self) -> &'static Entry {
                // The discriminant is the position in the list, since both are written by the same repetition.
                enum Position { $($($Name,)*)* }
                match self { $($(Self::$Name(_) => &Self::ALL[Position::$Name as usize],)*)* }
            }

            /// The number of spatial axes that its name carries; 0 without one.
            pub fn rank(&self) -> usize {
                match self { $($(Self::$Name(op) => Operator::rank(op),)*)* }
            }

            /// Its arguments.
            pub fn args(&self) -> Args {
                match self { $($(Self::$Name(op) => op.args(),)*)* }
            }
        }

        impl Layer for Op {
            fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
                match self { $($(Self::$Name(op) => op.infer(inputs),)*)* }
            }
            fn outputs(&self) -> usize {
                match self { $($(Self::$Name(op) => op.outputs(),)*)* }
            }
            fn knowledge(&self) -> Knowledge {
                match self { $($(Self::$Name(op) => op.knowledge(),)*)* }
            }
            fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
                match self { $($(Self::$Name(op) => op.params(inputs),)*)* }
            }
            fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
                match self { $($(Self::$Name(op) => op.work(io),)*)* }
            }
            fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
                match self { $($(Self::$Name(op) => op.work_backward(io),)*)* }
            }
            fn saved(&self, io: Io<'_>) -> Result<Saved, TooLarge> {
                match self { $($(Self::$Name(op) => op.saved(io),)*)* }
            }
            fn autograd(&self, io: Io<'_>) -> Result<Autograd, TooLarge> {
                match self { $($(Self::$Name(op) => op.autograd(io),)*)* }
            }
            fn is_view(&self, mode: Mode) -> bool {
                match self { $($(Self::$Name(op) => op.is_view(mode),)*)* }
            }
            fn passes_gradient(&self, input: usize, io: Io<'_>) -> bool {
                match self { $($(Self::$Name(op) => op.passes_gradient(input, io),)*)* }
            }
            fn reach(&self, io: Io<'_>) -> Reach {
                match self { $($(Self::$Name(op) => op.reach(io),)*)* }
            }
            fn derive(&self, io: Io<'_>) -> Derivation {
                match self { $($(Self::$Name(op) => op.derive(io),)*)* }
            }
        }
    };
}

ops!(define_op);

#[cfg(any(feature = "cli", all(feature = "exec", feature = "internals")))]
pub(crate) use ops;

impl Op {
    /// The name as it is written: `conv2d`.
    pub fn name(&self) -> String {
        match self.rank() {
            0 => self.entry().name.to_owned(),
            rank => format!("{}{rank}d", self.entry().name),
        }
    }

    /// What it is called where the network comes from: an unknown operator has a name of its own.
    pub fn called(&self) -> String {
        match self {
            Self::Unknown(op) => op.name.clone(),
            _ => self.name(),
        }
    }

    /// The shortest arguments that mean it: `64, 3, padding=1`.
    pub fn args_text(&self) -> String {
        self.args().text(self.entry().signature)
    }

    /// Finds an operator by the name in a call, without regard to case and underscores; the number is its rank suffix
    /// (0 without one).
    pub fn find(name: &str) -> Option<(&'static Entry, usize)> {
        BY_NAME.get(&plain(name.to_owned())).copied()
    }

    /// Every name that a call can have, for "did you mean".
    pub fn names() -> impl Iterator<Item = String> {
        named().map(|(name, ..)| name)
    }
}

/// The operators by their plain names, made at the first look-up.
static BY_NAME: LazyLock<BTreeMap<String, (&'static Entry, usize)>> =
    LazyLock::new(|| named().map(|(name, entry, rank)| (plain(name), (entry, rank))).collect());

/// Every name that a call can have, with its operator and its rank suffix.
fn named() -> impl Iterator<Item = (String, &'static Entry, usize)> {
    Op::ALL.iter().flat_map(|entry| {
        let ranks: &[(usize, &str)] = match entry.ranks {
            Ranks::None => &[(0, "")],
            Ranks::Always => &[(1, "1d"), (2, "2d"), (3, "3d")],
            Ranks::Optional => &[(0, ""), (1, "1d"), (2, "2d"), (3, "3d")],
        };
        let names = std::iter::once(&entry.name).chain(entry.aliases);
        names.flat_map(move |name| {
            ranks.iter().map(move |(rank, suffix)| ([name, *suffix].concat(), entry, *rank))
        })
    })
}

/// A name without case and underscores, as names are compared.
fn plain(mut name: String) -> String {
    if name.contains('_') {
        name.retain(|c| c != '_');
    }
    name.make_ascii_lowercase();
    name
}

/// The names of spatial axes by rank, for derivations.
pub(crate) fn axis_names(rank: usize) -> &'static [&'static str] {
    match rank {
        1 => &["length"],
        2 => &["height", "width"],
        _ => &["depth", "height", "width"],
    }
}

/// The letters of spatial axes by rank, for formulas.
pub(crate) fn axis_letters(rank: usize) -> &'static [&'static str] {
    match rank {
        1 => &["L"],
        2 => &["H", "W"],
        _ => &["D", "H", "W"],
    }
}

/// The position of an axis as torch counts them, negative from the end.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, ShapeError> {
    let wrong = ShapeError::Axis { axis, rank };
    let Ok(count) = i64::try_from(rank) else { return Err(wrong) };
    let position = if axis < 0 { axis.checked_add(count) } else { Some(axis) };
    match position.and_then(|position| usize::try_from(position).ok()) {
        Some(position) if position < rank => Ok(position),
        _ => Err(wrong),
    }
}

/// The one input of an operator that takes one.
pub(crate) fn single(inputs: &[Shape]) -> Result<Shape, ShapeError> {
    match inputs {
        [input] => Ok(*input),
        _ => Err(ShapeError::Inputs { expected: 1, found: inputs.len() }),
    }
}

/// Batch, channels and extents of the one input, N×C and `rank` spatial axes.
pub(crate) fn spatial(inputs: &[Shape], rank: usize) -> Result<(u64, u64, Vec<u64>), ShapeError> {
    let input = single(inputs)?;
    match input.split() {
        Some((batch, channels, extents)) if extents.len() == rank => {
            Ok((batch, channels, extents.to_vec()))
        }
        _ => Err(ShapeError::Rank { expected: layout(rank), found: input }),
    }
}

/// What an operator of a rank works on, in letters.
pub(crate) fn layout(rank: usize) -> &'static str {
    match rank {
        1 => "N×C×L",
        2 => "N×C×H×W",
        _ => "N×C×D×H×W",
    }
}

/// The shape N×C×extents.
pub(crate) fn with_extents(
    batch: u64,
    channels: u64,
    extents: &[u64],
) -> Result<Shape, ShapeError> {
    let dims: Vec<u64> = [batch, channels].into_iter().chain(extents.iter().copied()).collect();
    Shape::new(&dims).ok_or(ShapeError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_means_one_operator_however_it_is_spelled() {
        for (name, entry, rank) in named() {
            for spelled in [name.clone(), name.to_uppercase(), name.replace('_', "")] {
                let (found, found_rank) = Op::find(&spelled).unwrap();
                assert_eq!((found.name, found_rank), (entry.name, rank), "{spelled}");
            }
        }
        assert_eq!(Op::find("Conv_2D").map(|(entry, rank)| (entry.name, rank)), Some(("conv", 2)));
        assert!(
            ["conv", "conv4d", "linear2d", "", "d"].iter().all(|name| Op::find(name).is_none())
        );
    }
}

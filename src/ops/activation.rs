//! Activations: one function applied to every element by itself.
//!
//! ```text
//! shape     anything → the same
//! params    none
//! forward   elements × the work of the formula
//! backward  dx = dy · y', elements × the work of the formula
//! saved     what the formula of y' reads: the input x or the output y
//! ```
//!
//! Formulas and counts of one element are in `activation/table.rs`. σ(x) is 1/(1 + exp(−x)): 1 special, 1 add, 1 div.
//! Free are negation, the choice between two values after a comparison, and factors made of constants (so dividing by one
//! is a mul). A choice computes both of its sides, so that counts do not depend on the data. Products here are muls, not
//! MACs: no weight has taps.

use std::fmt::Debug;

use super::arg_type::ArgType;
use super::args::ArgValue;
use super::derive::{Derivation, Fact, arithmetic, elements};
use super::error::ShapeError;
use super::ledger::{Autograd, Backward, Keep, Param, Saved, Work};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Layer, Mode, single};
use crate::shape::{Shape, Shapes, TooLarge};

#[rustfmt::skip]
mod table;

/// What a function does to one element.
struct Each {
    /// y, in letters.
    y: &'static str,
    /// Work of y.
    forward: Work,
    /// dx, in letters.
    dx: &'static str,
    /// Work of dx.
    backward: Work,
    /// What dx reads beside dy.
    keeps: Keep,
}

const X: Keep = Keep::Input(0);
const Y: Keep = Keep::Output(0);

/// Counts in the order of the table's head.
const fn work([adds, muls, divs, cmps, specials]: [u64; 5]) -> Work {
    Work { adds, muls, divs, cmps, specials, ..Work::NONE }
}

const fn each(
    y: &'static str,
    forward: [u64; 5],
    dx: &'static str,
    backward: [u64; 5],
    keeps: Keep,
) -> Each {
    Each { y, forward: work(forward), dx, backward: work(backward), keeps }
}

/// What torch keeps of an activation.
enum Torch {
    /// The same as the tape here.
    Same,
    /// The input.
    X,
    /// The output.
    Y,
    /// The input, and a tensor of its size.
    XAnd(&'static str),
    /// A copy of the input, which is written over.
    Copy,
}

/// A function of one element, written as a line of the table.
trait Activation: Clone + PartialEq + Debug {
    fn each(&self) -> Each;
    /// What torch keeps of it.
    fn torch(&self) -> Torch {
        Torch::Same
    }
    /// What torch keeps where it writes the output over the input; `None` where it does not.
    fn written_over(&self) -> Option<Torch> {
        None
    }
    /// Whether its arguments go together: what is wrong, and a way to fix it.
    fn fits(&self) -> Result<(), (String, &'static str)> {
        Ok(())
    }
}

/// An activation that torch can write over its input, and what it keeps then.
macro_rules! in_place {
    ($Name:ident, $each:ident, $keeps:ident) => {
        impl Activation for $Name {
            fn each(&self) -> Each {
                table::$each
            }

            fn written_over(&self) -> Option<Torch> {
                self.inplace.then_some(Torch::$keeps)
            }
        }
    };
}

impl<A: Activation> Layer for A {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        self.fits()
            .map_err(|(message, help)| ShapeError::Arguments { message, help: help.to_owned() })?;
        Ok(single(inputs)?.into())
    }

    fn params(&self, _: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        Ok(Vec::new())
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        self.each().forward.times(io.elements_in()?)
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        Ok(Backward::inputs(self.each().backward.times(io.elements_in()?)?))
    }

    fn saved(&self, _: Io<'_>) -> Result<Saved, TooLarge> {
        Ok(vec![self.each().keeps])
    }

    fn autograd(&self, io: Io<'_>) -> Result<Autograd, TooLarge> {
        let over = self.written_over();
        let shares_input = over.is_some();
        let elements = io.elements_in()?;
        let own = |what| Keep::Own { what, elements, dtype: None };
        let saved = match over.unwrap_or_else(|| self.torch()) {
            Torch::Same => vec![self.each().keeps],
            Torch::X => vec![X],
            Torch::Y => vec![Y],
            Torch::XAnd(what) => vec![X, own(what)],
            Torch::Copy => vec![own("copy of the input")],
        };
        Ok(Autograd { shares_input, ..Autograd::keeps(saved) })
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        Reach::Pointwise
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        derive(&self.each(), io)
    }
}

/// A number that is divided by.
fn not_zero(name: &str, value: f64) -> Result<(), (String, &'static str)> {
    let message = format!("{name} is 0, but is divided by");
    if value == 0.0 { Err((message, "1 is usual")) } else { Ok(()) }
}

/// The formulas, and the work of one element times the elements.
fn derive(each: &Each, io: Io<'_>) -> Derivation {
    let (Some(input), Ok(count)) = (io.inputs.first(), io.elements_in()) else { return Vec::new() };
    let mut facts = vec![Fact::note("y", each.y), Fact::note("dx", each.dx), elements(input)];
    facts.extend(arithmetic(&[("elements", count, each.forward)]));
    facts
}

/// How GELU's normal distribution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approximate {
    /// By the error function.
    None,
    /// By a hyperbolic tangent.
    Tanh,
}

impl ArgType for Approximate {
    const TAKES: &'static str = "'none' or 'tanh'";

    fn read(value: &ArgValue, _: usize) -> Result<Self, String> {
        match value {
            ArgValue::None => Ok(Self::None),
            ArgValue::Text(text) if text == "none" => Ok(Self::None),
            ArgValue::Text(text) if text == "tanh" => Ok(Self::Tanh),
            _ => Err(Self::TAKES.to_owned()),
        }
    }

    fn write(&self) -> ArgValue {
        let word = match self {
            Self::None => "none",
            Self::Tanh => "tanh",
        };
        ArgValue::Text(word.to_owned())
    }
}

operator! {
    /// Rectifier: negative numbers become 0.
    Relu("relu"),
    "https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html",
    {
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

in_place!(Relu, RELU, Y);

operator! {
    /// Rectifier with a ceiling of 6.
    Relu6("relu6"),
    "https://pytorch.org/docs/stable/generated/torch.nn.ReLU6.html",
    {
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

impl Activation for Relu6 {
    fn each(&self) -> Each {
        table::RELU6
    }

    fn written_over(&self) -> Option<Torch> {
        self.inplace.then_some(Torch::Copy)
    }

    fn torch(&self) -> Torch {
        Torch::X
    }
}

operator! {
    /// Rectifier that lets a fraction of negative numbers through.
    LeakyRelu("leaky_relu"),
    "https://pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html",
    {
        /// Fraction of a negative number that is let through.
        negative_slope: f64 = Float(0.01),
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

in_place!(LeakyRelu, LEAKY_RELU, Y);

operator! {
    /// Exponential linear unit: negative numbers approach −alpha.
    Elu("elu"),
    "https://pytorch.org/docs/stable/generated/torch.nn.ELU.html",
    {
        /// What very negative numbers approach, negated.
        alpha: f64 = Float(1.0),
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

in_place!(Elu, ELU, Y);

operator! {
    /// Exponential linear unit with constants that keep mean 0 and variance 1.
    Selu("selu"),
    "https://pytorch.org/docs/stable/generated/torch.nn.SELU.html",
    {
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

in_place!(Selu, SELU, Y);

operator! {
    /// Exponential linear unit without a kink, whatever alpha is.
    Celu("celu"),
    "https://pytorch.org/docs/stable/generated/torch.nn.CELU.html",
    {
        /// What very negative numbers approach, negated; not 0.
        alpha: f64 = Float(1.0),
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

impl Activation for Celu {
    fn each(&self) -> Each {
        table::CELU
    }

    fn fits(&self) -> Result<(), (String, &'static str)> {
        not_zero("alpha", self.alpha)
    }

    fn written_over(&self) -> Option<Torch> {
        self.inplace.then_some(Torch::Y)
    }
}

operator! {
    /// Gaussian error linear unit: x times the normal distribution up to x.
    Gelu("gelu"),
    "https://pytorch.org/docs/stable/generated/torch.nn.GELU.html",
    {
        /// Whether the normal distribution is exact ('none') or approximated ('tanh').
        approximate: Approximate = Text("none"),
    }
}

impl Activation for Gelu {
    fn each(&self) -> Each {
        match self.approximate {
            Approximate::None => table::GELU,
            Approximate::Tanh => table::GELU_TANH,
        }
    }
}

operator! {
    /// Sigmoid linear unit, also called swish: x times its sigmoid.
    Silu("silu" | "swish"),
    "https://pytorch.org/docs/stable/generated/torch.nn.SiLU.html",
    {
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

in_place!(Silu, SILU, Copy);

operator! {
    /// Mish: x times the hyperbolic tangent of its softplus.
    Mish("mish"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Mish.html",
    {
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

in_place!(Mish, MISH, Copy);

operator! {
    /// Logistic function: to between 0 and 1.
    Sigmoid("sigmoid"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html",
    {}
}

impl Activation for Sigmoid {
    fn each(&self) -> Each {
        table::SIGMOID
    }
}

operator! {
    /// Hyperbolic tangent: to between −1 and 1.
    Tanh("tanh"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Tanh.html",
    {}
}

impl Activation for Tanh {
    fn each(&self) -> Each {
        table::TANH
    }
}

operator! {
    /// Logarithm of the logistic function.
    LogSigmoid("logsigmoid"),
    "https://pytorch.org/docs/stable/generated/torch.nn.LogSigmoid.html",
    {}
}

impl Activation for LogSigmoid {
    fn each(&self) -> Each {
        table::LOGSIGMOID
    }

    fn torch(&self) -> Torch {
        Torch::XAnd("buffer")
    }
}

operator! {
    /// Rectifier with a smooth bend: the logarithm of 1 + exp(x).
    Softplus("softplus"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Softplus.html",
    {
        /// How sharp the bend is; not 0.
        beta: f64 = Float(1.0),
        /// Where beta·x is above it, the output is x itself.
        threshold: f64 = Float(20.0),
    }
}

impl Activation for Softplus {
    fn each(&self) -> Each {
        table::SOFTPLUS
    }

    fn fits(&self) -> Result<(), (String, &'static str)> {
        not_zero("beta", self.beta)
    }
}

operator! {
    /// To between −1 and 1 without exponentials: x/(1 + |x|).
    Softsign("softsign"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Softsign.html",
    {}
}

impl Activation for Softsign {
    fn each(&self) -> Each {
        table::SOFTSIGN
    }

    fn torch(&self) -> Torch {
        Torch::XAnd("denominator")
    }
}

operator! {
    /// A floor and a ceiling.
    HardTanh("hardtanh"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Hardtanh.html",
    {
        /// The floor.
        min_val: f64 = Float(-1.0),
        /// The ceiling, above the floor.
        max_val: f64 = Float(1.0),
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

impl Activation for HardTanh {
    fn each(&self) -> Each {
        table::HARDTANH
    }

    fn fits(&self) -> Result<(), (String, &'static str)> {
        let (low, high) = (self.min_val, self.max_val);
        let message = || format!("max_val is {high}, but must be above min_val, {low}");
        if high > low {
            Ok(())
        } else {
            Err((message(), "a floor, then a ceiling: hardtanh(-1, 1)"))
        }
    }

    fn written_over(&self) -> Option<Torch> {
        self.inplace.then_some(Torch::Copy)
    }

    fn torch(&self) -> Torch {
        Torch::X
    }
}

operator! {
    /// Sigmoid in three straight pieces.
    HardSigmoid("hardsigmoid"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html",
    {
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

in_place!(HardSigmoid, HARDSIGMOID, Copy);

operator! {
    /// Swish with the sigmoid in three straight pieces.
    HardSwish("hardswish"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Hardswish.html",
    {
        /// Whether torch writes over the input, which changes nothing here but `cnnstat memory --as torch`.
        inplace: bool = Bool(false),
    }
}

in_place!(HardSwish, HARDSWISH, Copy);

operator! {
    /// Absolute value: negative numbers lose their sign.
    Abs("abs"),
    "https://pytorch.org/docs/stable/generated/torch.abs.html",
    {}
    facts [Functional]
}

impl Activation for Abs {
    fn each(&self) -> Each {
        table::ABS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Op;

    fn of(op: &impl Layer) -> (Work, Backward, Saved) {
        let inputs = [Shape::new(&[2, 5]).unwrap()];
        let outputs = op.infer(&inputs).unwrap();
        assert_eq!(*outputs, inputs);
        let io = Io { inputs: &inputs, outputs: &outputs, mode: Mode::Train };
        (op.work(io).unwrap(), op.work_backward(io).unwrap(), op.saved(io).unwrap())
    }

    #[test]
    fn relu_is_one_comparison_each_way() {
        let (forward, backward, saved) = of(&Relu { inplace: false });
        assert_eq!((forward, backward.inputs), (Work::cmps(10), Work::cmps(10)));
        assert_eq!((backward.params, saved), (Work::NONE, vec![Keep::Output(0)]));
    }

    #[test]
    fn a_sign_is_two_comparisons() {
        let (forward, backward, saved) = of(&Abs {});
        assert_eq!((forward, backward.inputs), (Work::cmps(10), Work::cmps(20)));
        assert_eq!(saved, vec![Keep::Input(0)]);
    }

    #[test]
    fn gelu_has_two_forms() {
        let exact = Work { adds: 10, muls: 30, specials: 10, ..Work::NONE };
        assert_eq!(of(&Gelu { approximate: Approximate::None }).0, exact);
        let tanh = Work { adds: 20, muls: 60, specials: 10, ..Work::NONE };
        assert_eq!(of(&Gelu { approximate: Approximate::Tanh }).0, tanh);
    }

    /// Two formulas that hold σ(x), counted by hand.
    #[test]
    fn a_sigmoid_inside_counts_in_full() {
        let silu = of(&Silu { inplace: false }).0;
        assert_eq!(silu, Work { adds: 10, muls: 10, divs: 10, specials: 10, ..Work::NONE });
        let mish = of(&Mish { inplace: false }).1.inputs;
        assert_eq!(mish, Work { adds: 40, muls: 40, divs: 10, specials: 40, ..Work::NONE });
    }

    #[test]
    fn arguments_that_do_not_go_together_are_refused() {
        let inputs = [Shape::new(&[2, 5]).unwrap()];
        let refused = |op: &Op| matches!(op.infer(&inputs), Err(ShapeError::Arguments { .. }));
        assert!(refused(&HardTanh { min_val: 1.0, max_val: 1.0, inplace: false }.into()));
        assert!(refused(&Celu { alpha: 0.0, inplace: false }.into()));
        assert!(refused(&Softplus { beta: 0.0, threshold: 20.0 }.into()));
        assert!(!refused(&HardTanh { min_val: 0.0, max_val: 6.0, inplace: false }.into()));
    }
}

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
//! Formulas and counts of one element stand in the table below. σ(x) is 1/(1 + exp(−x)): 1 special, 1 add, 1 div. Free are
//! negation, the choice between two values after a comparison, and factors made of constants (so dividing by one is a
//! mul). A choice computes both of its sides, so that counts do not depend on the data. Products here are muls, not MACs:
//! no weight has taps.

use std::fmt::Debug;

use super::arg_type::ArgType;
use super::args::ArgValue;
use super::derive::{Derivation, Fact, arithmetic, elements};
use super::error::ShapeError;
use super::ledger::{Backward, Keep, Param, Saved, Work};
use super::reach::Reach;
use super::signature::operator;
use super::{Io, Layer, Mode, single};
use crate::shape::{Shape, Shapes, TooLarge};

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

// One line a function: y and dx, each with its adds, muls, divs, cmps and specials; what is kept.
#[rustfmt::skip]
mod table {
    use super::{Each, X, Y, each};

    pub(super) const RELU: Each = each("max(x, 0)", [0, 0, 0, 1, 0], "dy if y > 0 else 0", [0, 0, 0, 1, 0], Y);
    pub(super) const RELU6: Each = each(
        "min(max(x, 0), 6)", [0, 0, 0, 2, 0],
        "dy if 0 < y < 6 else 0", [0, 0, 0, 2, 0], Y,
    );
    pub(super) const LEAKY_RELU: Each = each(
        "x if x > 0 else slope·x", [0, 1, 0, 1, 0],
        "dy·(1 if x > 0 else slope)", [0, 1, 0, 1, 0], X,
    );
    pub(super) const ELU: Each = each(
        "x if x > 0 else alpha·(exp(x) − 1)", [1, 1, 0, 1, 1],
        "dy·(1 if x > 0 else alpha·exp(x))", [0, 2, 0, 1, 1], X,
    );
    pub(super) const SELU: Each = each(
        "scale·x if x > 0 else (scale·alpha)·(exp(x) − 1)", [1, 2, 0, 1, 1],
        "dy·(scale if x > 0 else (scale·alpha)·exp(x))", [0, 2, 0, 1, 1], X,
    );
    pub(super) const CELU: Each = each(
        "x if x > 0 else alpha·(exp(x·(1/alpha)) − 1)", [1, 2, 0, 1, 1],
        "dy·(1 if x > 0 else exp(x·(1/alpha)))", [0, 2, 0, 1, 1], X,
    );
    pub(super) const GELU: Each = each(
        "(0.5·x)·(1 + erf(x/√2))", [1, 3, 0, 0, 1],
        "dy·(0.5·(1 + erf(x/√2)) + x·(exp(−0.5·(x·x))/√(2π)))", [2, 7, 0, 0, 2], X,
    );
    pub(super) const GELU_TANH: Each = each(
        "(0.5·x)·(1 + tanh(√(2/π)·(x + 0.044715·x·x·x)))", [2, 6, 0, 0, 1],
        "dy·(0.5·(1 + t) + (0.5·x)·(1 − t·t)·(√(2/π) + 3·0.044715·√(2/π)·(x·x))), t the tanh", [5, 11, 0, 0, 1], X,
    );
    pub(super) const SILU: Each = each(
        "x·σ(x)", [1, 1, 1, 0, 1],
        "dy·(s·(1 + x·(1 − s))), s = σ(x)", [3, 3, 1, 0, 1], X,
    );
    pub(super) const MISH: Each = each(
        "x·tanh(ln(1 + exp(x)))", [1, 1, 0, 0, 3],
        "dy·(t + (x·(1 − t·t))·σ(x)), t the tanh", [4, 4, 1, 0, 4], X,
    );
    pub(super) const SIGMOID: Each = each("1/(1 + exp(−x))", [1, 0, 1, 0, 1], "(dy·y)·(1 − y)", [1, 2, 0, 0, 0], Y);
    pub(super) const TANH: Each = each("tanh(x)", [0, 0, 0, 0, 1], "dy·(1 − y·y)", [1, 2, 0, 0, 0], Y);
    pub(super) const LOGSIGMOID: Each = each(
        "min(x, 0) − ln(1 + exp(−|x|)), |x| = max(x, −x)", [2, 0, 0, 2, 2],
        "dy·(1/(1 + exp(x)))", [1, 1, 1, 0, 1], X,
    );
    pub(super) const SOFTPLUS: Each = each(
        "x if b > threshold else (1/beta)·ln(1 + exp(b)), b = beta·x", [1, 2, 0, 1, 2],
        "dy·(1 if b > threshold else σ(b))", [1, 2, 1, 1, 1], X,
    );
    pub(super) const SOFTSIGN: Each = each(
        "x/(1 + |x|), |x| = max(x, −x)", [1, 0, 1, 1, 0],
        "dy/(d·d), d = 1 + |x|", [1, 1, 1, 1, 0], X,
    );
    pub(super) const HARDTANH: Each = each(
        "min(max(x, min_val), max_val)", [0, 0, 0, 2, 0],
        "dy if min_val < y < max_val else 0", [0, 0, 0, 2, 0], Y,
    );
    pub(super) const HARDSIGMOID: Each = each(
        "min(max(x + 3, 0), 6)·(1/6)", [1, 1, 0, 2, 0],
        "dy·(1/6) if −3 < x < 3 else 0", [0, 1, 0, 2, 0], X,
    );
    pub(super) const HARDSWISH: Each = each(
        "x·(min(max(x + 3, 0), 6)·(1/6))", [1, 2, 0, 2, 0],
        "0 if x ≤ −3, dy if x ≥ 3, else dy·(x·(1/3) + 0.5)", [1, 2, 0, 2, 0], X,
    );
    pub(super) const ABS: Each = each(
        "max(x, −x)", [0, 0, 0, 1, 0],
        "dy if x > 0, −dy if x < 0, else 0", [0, 0, 0, 2, 0], X,
    );
}

/// A function of one element, written as a line of the table.
trait Activation: Clone + PartialEq + Debug {
    fn each(&self) -> Each;
    /// Whether its arguments go together: what is wrong, and a way to fix it.
    fn fits(&self) -> Result<(), (String, &'static str)> {
        Ok(())
    }
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
    {}
    torch [Flag("inplace")]
}

impl Activation for Relu {
    fn each(&self) -> Each {
        table::RELU
    }
}

operator! {
    /// Rectifier with a ceiling of 6.
    Relu6("relu6"),
    "https://pytorch.org/docs/stable/generated/torch.nn.ReLU6.html",
    {}
    torch [Flag("inplace")]
}

impl Activation for Relu6 {
    fn each(&self) -> Each {
        table::RELU6
    }
}

operator! {
    /// Rectifier that lets a fraction of negative numbers through.
    LeakyRelu("leaky_relu"),
    "https://pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html",
    {
        /// Fraction of a negative number that is let through.
        negative_slope: f64 = Float(0.01),
    }
    torch [Field("negative_slope"), Flag("inplace")]
}

impl Activation for LeakyRelu {
    fn each(&self) -> Each {
        table::LEAKY_RELU
    }
}

operator! {
    /// Exponential linear unit: negative numbers approach −alpha.
    Elu("elu"),
    "https://pytorch.org/docs/stable/generated/torch.nn.ELU.html",
    {
        /// What very negative numbers approach, negated.
        alpha: f64 = Float(1.0),
    }
    torch [Field("alpha"), Flag("inplace")]
}

impl Activation for Elu {
    fn each(&self) -> Each {
        table::ELU
    }
}

operator! {
    /// Exponential linear unit with constants that keep mean 0 and variance 1.
    Selu("selu"),
    "https://pytorch.org/docs/stable/generated/torch.nn.SELU.html",
    {}
    torch [Flag("inplace")]
}

impl Activation for Selu {
    fn each(&self) -> Each {
        table::SELU
    }
}

operator! {
    /// Exponential linear unit without a kink, whatever alpha is.
    Celu("celu"),
    "https://pytorch.org/docs/stable/generated/torch.nn.CELU.html",
    {
        /// What very negative numbers approach, negated; not 0.
        alpha: f64 = Float(1.0),
    }
    torch [Field("alpha"), Flag("inplace")]
}

impl Activation for Celu {
    fn each(&self) -> Each {
        table::CELU
    }

    fn fits(&self) -> Result<(), (String, &'static str)> {
        not_zero("alpha", self.alpha)
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
    {}
    torch [Flag("inplace")]
}

impl Activation for Silu {
    fn each(&self) -> Each {
        table::SILU
    }
}

operator! {
    /// Mish: x times the hyperbolic tangent of its softplus.
    Mish("mish"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Mish.html",
    {}
    torch [Flag("inplace")]
}

impl Activation for Mish {
    fn each(&self) -> Each {
        table::MISH
    }
}

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
    }
    torch [Field("min_val"), Field("max_val"), Flag("inplace")]
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
}

operator! {
    /// Sigmoid in three straight pieces.
    HardSigmoid("hardsigmoid"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html",
    {}
    torch [Flag("inplace")]
}

impl Activation for HardSigmoid {
    fn each(&self) -> Each {
        table::HARDSIGMOID
    }
}

operator! {
    /// Swish with the sigmoid in three straight pieces.
    HardSwish("hardswish"),
    "https://pytorch.org/docs/stable/generated/torch.nn.Hardswish.html",
    {}
    torch [Flag("inplace")]
}

impl Activation for HardSwish {
    fn each(&self) -> Each {
        table::HARDSWISH
    }
}

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
        let (forward, backward, saved) = of(&Relu {});
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
        let silu = of(&Silu {}).0;
        assert_eq!(silu, Work { adds: 10, muls: 10, divs: 10, specials: 10, ..Work::NONE });
        let mish = of(&Mish {}).1.inputs;
        assert_eq!(mish, Work { adds: 40, muls: 40, divs: 10, specials: 40, ..Work::NONE });
    }

    #[test]
    fn arguments_that_do_not_go_together_are_refused() {
        let inputs = [Shape::new(&[2, 5]).unwrap()];
        let refused = |op: &Op| matches!(op.infer(&inputs), Err(ShapeError::Arguments { .. }));
        assert!(refused(&HardTanh { min_val: 1.0, max_val: 1.0 }.into()));
        assert!(refused(&Celu { alpha: 0.0 }.into()));
        assert!(refused(&Softplus { beta: 0.0, threshold: 20.0 }.into()));
        assert!(!refused(&HardTanh { min_val: 0.0, max_val: 6.0 }.into()));
    }
}

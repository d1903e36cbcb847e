//! What a convention is made of: for which operators and arguments a rule holds, which amounts it sums, and what a network's
//! code may write otherwise.

use crate::ops::args::ArgValue;
use crate::ops::{Mode, Op};

/// One tool's way to count, as data.
#[derive(Debug)]
pub struct Convention {
    /// What `--as` calls it.
    pub name: &'static str,
    /// What the tool calls the number that it prints.
    pub result: &'static str,
    /// The head of a column of such numbers.
    pub title: &'static str,
    /// The head of a column of differences between such numbers.
    pub delta: &'static str,
    /// The rule in one line, in the words of its terms.
    pub formula: &'static str,
    /// The tool, and the version that the rule is taken from.
    pub version: &'static str,
    /// How the rule was found and what it is checked against.
    #[cfg_attr(
        not(any(test, feature = "internals")),
        expect(dead_code, reason = "shown by docs/conventions.md")
    )]
    pub found: &'static str,
    /// Whether the tool runs the network in eval mode, where torch does not run auxiliary heads.
    pub skips_heads: bool,
    /// Whether the tool divides by the batch what it counts by module, and leaves what it counts by function.
    pub averages_modules: bool,
    /// What counts; of several rules for an operator the first holds.
    pub rules: &'static [Rule],
    /// Operators, or cases of them, that no rule has and that the tool leaves out: they count nothing.
    pub ignored: &'static [Unruled],
    /// Operators that no rule has and that the tool may count: they are not counted, and a total is a lower bound. So it is
    /// with every operator that is in no list.
    pub undetermined: &'static [Unruled],
    /// What the tool counts in a way that the arithmetic does not bear out, reproduced on purpose.
    #[cfg_attr(
        not(any(test, feature = "internals")),
        expect(dead_code, reason = "shown by docs/conventions.md")
    )]
    pub wrong: &'static [&'static str],
    /// What depends on something that a description does not hold, or is not reproduced.
    #[cfg_attr(
        not(any(test, feature = "internals")),
        expect(dead_code, reason = "shown by docs/conventions.md")
    )]
    pub notes: &'static [&'static str],
}

/// What counts of some operators.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Names of operators as a call has them; `Nd` stands for any rank, `*` alone for every operator.
    pub ops: &'static [&'static str],
    /// What must all be so for the rule to hold.
    pub when: &'static [When],
    /// What is summed; nothing where the tool counts nothing.
    pub terms: &'static [Term],
}

/// A condition of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The argument has this value.
    Is(&'static str, &'static str),
    /// The network is in train mode.
    Training,
    /// The first input has this many axes, the batch among them.
    Axes(usize),
    /// The output has one spatial position.
    OnePosition,
}

/// Operators without a rule, and why they have none.
#[derive(Clone, Copy, Debug)]
pub struct Unruled {
    /// Groups of names of operators, as in [`Rule::ops`].
    pub ops: &'static [&'static [&'static str]],
    /// What must all be so; where there is such a condition, it comes before all rules.
    pub when: &'static [When],
    /// The reason: what the tool does with them.
    pub why: &'static str,
}

/// A number of times an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// How often it counts.
    pub times: i64,
    /// What is counted.
    pub of: Amount,
    /// What it is called where a total is explained.
    pub what: &'static str,
    /// What of the network's code makes the tool count it.
    pub by: By,
}

/// What a tool watches. A layer is a module, `nn.ReLU()`, whose code calls a function, `F.relu(x)`; the network's code may
/// also call the function without the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The function, whether a module calls it or the network's code.
    Either,
    /// The module.
    Module,
    /// The function where the network's code calls it; the module calls another.
    Function,
}

/// Something that a layer has a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Multiply-accumulates of the ledger.
    Macs,
    /// The same as if there were one group: multiply-accumulates × groups.
    UngroupedMacs,
    /// Of a transposed convolution: positions of the input × channels of the input × taps × (output channels of a group /
    /// groups, rounded down).
    RegroupedMacs,
    /// Of a convolution with padding 'same': multiply-accumulates over the positions that are left where both sides have half
    /// of the padding, rounded down; one less an axis where that is odd.
    HalvedMacs,
    /// Additions outside MACs over the same positions.
    HalvedAdds,
    /// Additions of the ledger outside MACs: of a convolution or a linear layer, the bias.
    Adds,
    /// The bias of a transposed convolution over the positions that a convolution with its arguments would have, for the
    /// output channels of one group.
    ConvolvedBias,
    /// Multiplications of the ledger outside MACs.
    Muls,
    /// Divisions of the ledger.
    Divs,
    /// Comparisons of the ledger.
    Cmps,
    /// Special functions of the ledger.
    Specials,
    /// Elements of the first input.
    Inputs,
    /// Elements of the first input with `size` − 1 channels more, as local response norm pads it.
    PaddedInputs,
    /// Elements of the first input × the scale factor of each axis, rounded down.
    ScaledInputs,
    /// Elements of the outputs.
    Outputs,
    /// Elements of the outputs of one sample.
    SampleOutputs,
    /// Elements of the outputs × those of the window (`kernel_size`, or `size` of local response norm).
    Window,
    /// Elements of the outputs × the first extent of the window; of an adaptive pool, of what its windows have in the mean.
    WindowDepth,
    /// The product of `size` as it is written: one number counts once, whatever the axes.
    SizeWritten,
    /// Elements of the output / the extent of the first axis that layer norm takes its statistics over.
    NormRows,
    /// Rows along `dim`: elements of the output / its size along that axis.
    Rows,
    /// Elements of the weight × samples × spatial positions of the output.
    WeightTaps,
    /// Elements of the outputs × those of one slice of the weight along its first axis.
    SliceTaps,
    /// Samples × elements of the tensors called `weight` and `bias`.
    Tensors,
}

/// What is changed before it is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Whether auxiliary heads count; `None` is as the tool has it.
    pub heads: Option<bool>,
    /// Whether batch norm is folded into the convolutions before it, which then have a bias.
    pub folded: bool,
    /// How the network's code writes some layers; `None`: each is a module.
    pub written: Option<&'static Written>,
}

/// Layers that a network's code may write otherwise than as modules, which a description does not say.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// Groups of names of operators, as in [`Rule::ops`].
    pub ops: &'static [&'static [&'static str]],
    /// Whether only those are meant whose output has one position.
    pub only_global: bool,
    /// How they are written.
    pub form: Form,
    /// The same in words, as a step of an answer.
    pub said: &'static str,
}

/// How a network's code writes a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By a call of a function, without a module.
    Function,
    /// By what this operator stands for.
    As(&'static str),
    /// In a way that is not counted.
    Uncounted,
}

/// What a convention says of an operator.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ruling {
    /// The position of its rule among the convention's, and the rule.
    Ruled(usize, &'static Rule),
    /// It counts nothing.
    Ignored,
    /// It is not counted, for this reason.
    NotCounted(&'static str),
}

/// What conditions look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    /// The operator.
    pub op: &'a Op,
    /// The operator whose rule holds instead.
    pub instead: Option<&'static str>,
    /// What the network runs as.
    pub mode: Mode,
    /// Axes of the first input.
    pub axes: usize,
    /// Spatial positions of the output.
    pub positions: u64,
}

/// Said of an operator that is in no list of a convention.
const NO_RULE: &str = "the convention has no rule for it";

impl Convention {
    /// What is said of an operator.
    pub(super) fn ruling(&self, subject: &Subject<'_>) -> Ruling {
        let mut cases = self.undetermined.iter().filter(|unruled| !unruled.when.is_empty());
        if let Some(unruled) = cases.find(|unruled| unruled.is_of(subject)) {
            return Ruling::NotCounted(unruled.why);
        }
        let mut rules = self.rules.iter().enumerate();
        if let Some((at, rule)) = rules.find(|(_, rule)| rule.holds(subject)) {
            return Ruling::Ruled(at, rule);
        }
        let listed = |list: &'static [Unruled]| list.iter().find(|unruled| unruled.is_of(subject));
        if listed(self.ignored).is_some() {
            return Ruling::Ignored;
        }
        Ruling::NotCounted(listed(self.undetermined).map_or(NO_RULE, |unruled| unruled.why))
    }

    /// Whether a rule holds for an operator of this name, or of these names, whatever its arguments.
    #[cfg(any(test, feature = "internals"))]
    pub fn rules_all(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.when.is_empty() && rule.ops.contains(&name))
    }
}

impl Rule {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        self.ops.iter().any(|name| subject.is(name))
            && self.when.iter().all(|when| when.holds(subject))
    }
}

impl When {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Is(name, value) => argument(subject.op, name).is_some_and(|found| match found {
                ArgValue::Text(text) => text == *value,
                other => other.to_string() == *value,
            }),
            Self::Training => subject.mode == Mode::Train,
            Self::Axes(axes) => subject.axes == *axes,
            Self::OnePosition => subject.positions == 1,
        }
    }
}

impl Unruled {
    fn is_of(&self, subject: &Subject<'_>) -> bool {
        names(self.ops).any(|name| subject.is(name))
            && self.when.iter().all(|when| when.holds(subject))
    }

    /// Its names without those that the convention says something else of before: a rule for every case, or an earlier list.
    #[cfg(any(test, feature = "internals"))]
    pub fn names_in(&self, convention: &Convention) -> Vec<&'static str> {
        if !self.when.is_empty() {
            return names(self.ops).collect();
        }
        let lists = convention.ignored.iter().chain(convention.undetermined);
        let lists = lists.filter(|list| list.when.is_empty());
        let before = lists.take_while(|list| !std::ptr::eq(*list, self));
        let earlier: Vec<&str> = before.flat_map(|list| names(list.ops)).collect();
        let own = names(self.ops);
        own.filter(|name| !convention.rules_all(name) && !earlier.contains(name)).collect()
    }
}

impl Written {
    /// Whether it is about an operator whose output has some number of positions.
    pub(super) fn is_of(&self, op: &Op, positions: u64) -> bool {
        (!self.only_global || positions == 1) && names(self.ops).any(|name| is_named(op, name))
    }
}

impl Subject<'_> {
    fn is(&self, name: &str) -> bool {
        name == "*" || self.instead.map_or_else(|| is_named(self.op, name), |other| other == name)
    }
}

fn names(groups: &'static [&'static [&'static str]]) -> impl Iterator<Item = &'static str> {
    groups.iter().flat_map(|group| group.iter().copied())
}

/// Whether a name of a table means an operator; `Nd` stands for any rank.
fn is_named(op: &Op, name: &str) -> bool {
    // Most names are told by their beginning, without the arguments of the operator being written.
    name.strip_prefix(op.entry().name).is_some_and(|suffix| match (suffix, op.args().rank) {
        ("", rank) => rank == 0,
        ("Nd", rank) => rank > 0,
        (suffix, rank) => rank > 0 && suffix == format!("{rank}d"),
    })
}

/// The value of an argument.
pub(super) fn argument(op: &Op, name: &str) -> Option<ArgValue> {
    let at = op.entry().signature.iter().position(|arg| arg.name == name)?;
    op.args().values().nth(at).cloned()
}

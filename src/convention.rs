//! Conventions: what other tools print of a network, each as data, and the one way to count by them.
//!
//! A [`Convention`] says which operators count, with which weights of which amounts, and which the tool ignores; `table` and
//! `unruled` hold that as data, and only data name operators. `count` applies it to a network, `fold` says what batch norm
//! and auxiliary heads change, `figure` is a printed number with its precision, `reconcile` the search for one.

mod count;
pub mod figure;
mod fold;
pub mod reconcile;
mod table;
mod unruled;

#[cfg(feature = "internals")]
pub use count::Total;
pub use count::{Count, NOT_KNOWN, NotCounted, Summed, term_text};
pub use fold::auxiliary;
pub use table::{ALL, CNNSTAT};

use crate::ops::Op;
use crate::ops::args::ArgValue;

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
    /// Whether the tool runs the network in eval mode, where torch does not run auxiliary heads.
    pub skips_heads: bool,
    /// What counts; of several rules for an operator the first holds.
    pub rules: &'static [Rule],
    /// Operators, or cases of them, that no rule has and that the tool leaves out: they count nothing.
    pub ignored: &'static [Unruled],
    /// Operators that no rule has and that the tool may count: they are not counted, and a total is a lower bound. So it is
    /// with every operator that stands in no list.
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
    /// The argument that must have this value for the rule to hold.
    pub case: Option<(&'static str, &'static str)>,
    /// What is summed.
    pub terms: &'static [Term],
}

/// Operators without a rule, and why they have none.
#[derive(Clone, Copy, Debug)]
pub struct Unruled {
    /// Groups of names of operators, as in [`Rule::ops`].
    pub ops: &'static [&'static [&'static str]],
    /// The reason: what the tool does with them.
    pub why: &'static str,
}

/// What a convention says of an operator.
#[derive(Clone, Copy, Debug)]
enum Ruling {
    /// The position of its rule among the convention's, and the rule.
    Ruled(usize, &'static Rule),
    /// It counts nothing.
    Ignored,
    /// It is not counted, for this reason.
    NotCounted(&'static str),
}

/// Said of an operator that stands in no list of a convention.
const NO_RULE: &str = "the convention has no rule for it";

/// A number of times an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// How often it counts.
    pub times: i64,
    /// What is counted.
    pub of: Amount,
    /// What it is called where a total is explained.
    pub what: &'static str,
}

/// Something that a layer has a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Multiply-accumulates of the ledger.
    Macs,
    /// The same as if there were one group: multiply-accumulates × groups.
    UngroupedMacs,
    /// Additions of the ledger outside MACs: of a convolution or a linear layer, the bias.
    Adds,
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
    /// Elements of the outputs.
    Outputs,
    /// Elements of the outputs × those of the window (`kernel_size`, or `size` of local response norm).
    Window,
    /// Spatial positions of the output, of one sample and one channel.
    Positions,
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
}

/// Finds a convention by name.
pub fn find(name: &str) -> Option<&'static Convention> {
    ALL.iter().find(|convention| convention.name == name)
}

impl Convention {
    /// Whether it is the one that counts where nothing else is said.
    pub fn is_default(&self) -> bool {
        self.name == CNNSTAT.name
    }

    /// What is said of an operator.
    fn ruling(&self, op: &Op) -> Ruling {
        if let Some((at, rule)) = self.rules.iter().enumerate().find(|(_, rule)| rule.holds(op)) {
            return Ruling::Ruled(at, rule);
        }
        let listed = |list: &'static [Unruled]| list.iter().find(|unruled| unruled.names(op));
        if listed(self.ignored).is_some() {
            return Ruling::Ignored;
        }
        Ruling::NotCounted(listed(self.undetermined).map_or(NO_RULE, |unruled| unruled.why))
    }

    /// Whether a rule holds for an operator of this name, or of these names, whatever its arguments.
    #[cfg(any(test, feature = "internals"))]
    pub fn rules_all(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.case.is_none() && rule.ops.contains(&name))
    }
}

impl Rule {
    fn holds(&self, op: &Op) -> bool {
        self.ops.iter().any(|name| *name == "*" || is_named(op, name))
            && self.case.is_none_or(|(arg, value)| {
                argument(op, arg).is_some_and(|found| match found {
                    ArgValue::Text(text) => text == value,
                    other => other.to_string() == value,
                })
            })
    }
}

impl Unruled {
    /// Its names without those that the convention says something else of before: a rule for every case, or an earlier list.
    #[cfg(any(test, feature = "internals"))]
    pub fn names_in(&self, convention: &Convention) -> Vec<&'static str> {
        let lists = convention.ignored.iter().chain(convention.undetermined);
        let before = lists.take_while(|list| !std::ptr::eq(*list, self));
        let earlier: Vec<&str> = before.flat_map(Self::all).collect();
        self.all().filter(|name| !convention.rules_all(name) && !earlier.contains(name)).collect()
    }

    fn all(&self) -> impl Iterator<Item = &'static str> {
        self.ops.iter().flat_map(|group| group.iter().copied())
    }

    fn names(&self, op: &Op) -> bool {
        self.all().any(|name| is_named(op, name))
    }
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
fn argument(op: &Op, name: &str) -> Option<ArgValue> {
    let at = op.entry().signature.iter().position(|arg| arg.name == name)?;
    op.args().values().nth(at).cloned()
}

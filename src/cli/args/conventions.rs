//! Arguments that choose how operations are counted, and those of the commands that compare conventions.

use clap::Args;

use super::network::ModelArgs;
use super::output::{ANSWERS, COMPARISON, OutputArgs, offered};
use super::values::{convention, conventions_help, figure, whole};
use crate::convention::Convention;
use crate::convention::figure::Figure;

/// How operations are counted.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Convention")]
pub struct AsArgs {
    /// Count operations as another tool does
    #[arg(long = "as", value_name = "NAME", value_parser = convention)]
    #[arg(help = conventions_help())]
    pub convention: Option<&'static Convention>,
}

/// `cnnstat conventions`.
#[derive(Args, Debug)]
#[command(mut_arg("format", |arg| arg.value_parser(offered(COMPARISON))))]
#[command(after_help = "docs/conventions.md has every rule, its source, and what it gets wrong.")]
pub struct ConventionsArgs {
    /// A description, as for the summary
    #[arg(value_name = "MODEL")]
    pub name: String,
    /// What is assumed.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

/// `cnnstat reconcile`.
#[derive(Args, Debug)]
#[command(mut_arg("format", |arg| arg.value_parser(offered(ANSWERS))))]
#[command(
    after_help = "Tried are all conventions on the network, on the others of its file, at usual input sizes and batches, \
    with and without auxiliary heads, with batch norm folded, doubled, halved, and forward and backward together: at most \
    two such steps at once, and a network with other parameters alone. A number is the figure if it is equal at the figure's precision, rounded or else truncated. \
    Exit 1 if nothing is."
)]
pub struct ReconcileArgs {
    /// A description, as for the summary
    #[arg(value_name = "MODEL")]
    pub name: String,
    /// The figure as it is printed: 3.8G, 724M, 4.09GFLOPs, 724,406,816
    #[arg(value_name = "FIGURE", value_parser = figure)]
    pub figure: Figure,
    /// Answers to show
    #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
    #[arg(value_parser = whole::<usize>(1, u64::MAX))]
    pub top: usize,
    /// What is assumed.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

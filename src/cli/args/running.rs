//! Commands that run networks, and the options that choose their kernels.

use clap::{Args, ValueEnum};

use super::network::ReadArgs;
use super::output::{OutputArgs, RECORDS, offered};
use super::values::{size, whole};
use crate::exec::backend::Backend;

/// More steps of verification than anybody waits for.
const MOST_STEPS: u64 = 1_000_000;

/// More threads than any machine has.
const MOST_THREADS: u64 = 4096;

/// A set of kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BackendArg {
    /// Kernels at the machine's speed; the reference's where there is none
    #[default]
    Fast,
    /// Plain loops, which say what is right
    Reference,
}

/// Which kernels.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct BackendArgs {
    /// The kernels that run the network
    #[arg(long, value_enum, default_value_t, value_name = "NAME", help_heading = "Kernels")]
    pub backend: BackendArg,
    /// Fast kernels only where they round about as often as the reference: products and Winograd F(2×2), no F(4×4)
    #[arg(long, help_heading = "Kernels")]
    pub exact: bool,
}

impl From<BackendArgs> for Backend {
    fn from(args: BackendArgs) -> Self {
        match args.backend {
            BackendArg::Fast => Self::Fast { exact: args.exact },
            BackendArg::Reference => Self::Reference,
        }
    }
}

/// How many threads.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct ThreadsArgs {
    /// Threads that fast kernels share; results do not depend on it [default: as many as the machine has]
    #[arg(long, value_name = "N", help_heading = "Kernels", allow_negative_numbers = true)]
    #[arg(value_parser = whole::<usize>(1, MOST_THREADS))]
    pub threads: Option<usize>,
}

/// `cnnstat verify`.
#[derive(Args, Debug)]
#[command(mut_arg("format", |arg| arg.value_parser(offered(RECORDS))))]
#[command(
    after_help = "Runs in f32; gradients are checked in f64, with kernels that are exact. Operations are tallied one by one by \
    the reference's kernels: of a layer too large for that, at the smallest input that its shape rule accepts."
)]
pub struct VerifyArgs {
    /// Descriptions, as for the summary
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<String>,
    /// The seed that parameters, inputs and targets are sampled from
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Verify inference: batch norm and dropout in eval mode
    #[arg(long)]
    pub eval: bool,
    /// Steps of gradient descent, all on one batch
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    #[arg(value_parser = whole::<u64>(0, MOST_STEPS))]
    pub steps: u64,
    /// Refuse a network that needs more bytes: 8GiB, 512MiB, 256kB [default: what is free]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory_limit: Option<u64>,
    /// Which kernels run it.
    #[command(flatten)]
    pub backend: BackendArgs,
    /// How many threads they share.
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// What is replaced.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Examples that go through at once [default: 1, or 2 where batch norm needs them]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Network")]
    #[arg(value_parser = whole::<u64>(1, u64::MAX))]
    pub batch: Option<u64>,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

/// `cnnstat profile`.
#[derive(Args, Debug)]
#[command(mut_arg("format", |arg| arg.value_parser(offered(RECORDS))))]
pub struct ProfileArgs {
    /// A description, as for the summary
    #[arg(value_name = "MODEL")]
    pub name: String,
    /// Go backward too, in train mode
    #[arg(long)]
    pub backward: bool,
    /// Runs that are timed, after one to warm up; a layer's time is the median
    #[arg(long, value_name = "K", default_value_t = 10, allow_negative_numbers = true)]
    #[arg(value_parser = whole::<usize>(1, MOST_STEPS))]
    pub repeat: usize,
    /// Which kernels run it.
    #[command(flatten)]
    pub backend: BackendArgs,
    /// How many threads they share.
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// What is replaced.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Examples that go through at once [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Network")]
    #[arg(value_parser = whole::<u64>(1, u64::MAX))]
    pub batch: Option<u64>,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

//! Options that choose the kernels that run a network.
//!
//! Tests stand in `args.rs`.

use clap::{Args, ValueEnum};

use super::values::whole;
use crate::exec::backend::Backend;

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

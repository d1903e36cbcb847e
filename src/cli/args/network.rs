//! Which network: what is picked, replaced and assumed of it.

use clap::Args;

use super::choices::ModeArg;
use super::values::{dtype, whole};
use crate::shape::DType;

/// What is replaced before a description is read.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Network")]
pub struct ReadArgs {
    /// Replace a variable of the description; can be repeated
    #[arg(long, value_name = "NAME=TEXT")]
    pub set: Vec<String>,
    /// Input shape without the batch, 3x224x224; with several inputs NAME=SHAPE, repeated
    #[arg(long, value_name = "SHAPE", allow_hyphen_values = true)]
    pub input: Vec<String>,
}

/// What is picked, replaced and assumed before a network is analysed.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Network")]
pub struct ModelArgs {
    /// What is replaced.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Examples that go through at once [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = whole::<u64>(1, u64::MAX))]
    pub batch: Option<u64>,
    /// Element type of parameters and activations [default: f32] [possible values: f64, f32, f16, bf16, i8]
    #[arg(long, value_name = "TYPE", value_parser = dtype)]
    pub dtype: Option<DType>,
    /// Whether the network is used or trained; batch norm and dropout differ
    #[arg(long, value_enum, default_value_t)]
    pub mode: ModeArg,
    /// Parameters that are not trained, as a pattern of their names; can be repeated
    #[arg(long, value_name = "GLOB")]
    pub freeze: Vec<String>,
    /// Exit 1 where something of a network is not known, so that its totals are lower bounds
    #[arg(long)]
    pub strict: bool,
}

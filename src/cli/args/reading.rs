//! Commands that read a description or tell what can be written, and analyse nothing.

use clap::Args;

use super::network::ReadArgs;
use super::output::{OutputArgs, RECORDS, offered};

/// `cnnstat show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// A description, as for the summary
    #[arg(value_name = "MODEL")]
    pub name: String,
    /// Write to a file instead
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<String>,
}

/// `cnnstat vars`.
#[derive(Args, Debug)]
#[command(mut_arg("format", |arg| arg.value_parser(offered(RECORDS))))]
pub struct VarsArgs {
    /// A description, as for the summary
    #[arg(value_name = "MODEL")]
    pub name: String,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

/// `cnnstat ops`.
#[derive(Args, Debug)]
#[command(mut_arg("format", |arg| arg.value_parser(offered(RECORDS))))]
pub struct OpsArgs {
    /// The operator to describe
    pub name: Option<String>,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

/// `cnnstat expand`.
#[derive(Args, Debug)]
pub struct ExpandArgs {
    /// A description, as for the summary
    #[arg(value_name = "MODEL")]
    pub name: String,
    /// What is replaced.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Write to a file instead
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<String>,
}

/// `cnnstat explain-error`.
#[derive(Args, Debug)]
pub struct ExplainErrorArgs {
    /// The code: E0301; all of them are listed if none is given
    pub code: Option<String>,
}

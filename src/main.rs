//! The `cnnstat` binary: parse, run, exit code.

use std::process::ExitCode;

use cnnstat::cli::{args::Cli, run, usage};

fn main() -> ExitCode {
    match Cli::read(std::env::args_os()) {
        Ok(cli) => run(&cli).into(),
        Err(error) => usage::print(&error, std::env::args_os()).into(),
    }
}

//! The `cnnstat` binary: parse, run, exit code.

use std::process::ExitCode;

use cnnstat::cli::{args::Cli, run};

fn main() -> ExitCode {
    match Cli::read(std::env::args_os()) {
        Ok(cli) => run(&cli).into(),
        Err(usage) => {
            // Help that nobody reads to its end is no error; a usage error is 2.
            let _ = usage.print();
            ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2))
        }
    }
}

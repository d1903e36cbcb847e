//! The command line: the only part that reads files, prints and exits. One file for each command.
//!
//! A command returns a `Done`: a page, messages and a status; what is done with them is the same for all. Adding a
//! command is a variant in `args`, a file here and a line in [`run`].

pub mod args;
mod bar;
mod check;
mod conventions;
mod diff;
mod done;
mod expand;
mod explain;
mod explain_error;
mod free;
mod git;
mod list;
mod load;
mod memory;
mod networks;
mod ops;
mod output;
mod params;
mod profile;
mod reconcile;
mod relatives;
mod settings;
mod show;
mod summary;
mod threads;
pub mod usage;
mod vars;
mod verify;
mod wrong_input;

use std::process::ExitCode;

use args::{Cli, Command};
use done::Done;
pub use done::Status;
use settings::Screen;

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    match Cli::read(std::env::args_os()) {
        Ok(cli) => run(&cli).code(),
        Err(error) => usage::print(&error, std::env::args_os()).code(),
    }
}

/// Does what the command line says, and prints it.
pub fn run(cli: &Cli) -> Status {
    let screen = Screen::new(cli.screen);
    let done = match &cli.command {
        None => summary::run(&cli.summary, &screen),
        Some(Command::Params(args)) => params::run(args, &screen),
        Some(Command::Memory(args)) => memory::run(args, &screen),
        Some(Command::Verify(args)) => verify::run(args, &screen),
        Some(Command::Profile(args)) => profile::run(args, &screen),
        Some(Command::Explain(args)) => explain::run(args, &screen),
        Some(Command::Check(args)) => check::run(args, &screen),
        Some(Command::Diff(args)) => diff::run(args, &screen),
        Some(Command::List(args)) => list::run(args, &screen),
        Some(Command::Conventions(args)) => conventions::run(args, &screen),
        Some(Command::Reconcile(args)) => reconcile::run(args, &screen),
        Some(Command::Ops(args)) => ops::run(args, &screen),
        Some(Command::Show(args)) => show::run(args, &screen),
        Some(Command::Vars(args)) => vars::run(args, &screen),
        Some(Command::Expand(args)) => expand::run(args, &screen),
        Some(Command::ExplainError(args)) => Ok(explain_error::run(args, &screen)),
    };
    let done = done.unwrap_or_else(|failure| Done::failed(&failure, &screen));
    done::finish(done, &screen)
}

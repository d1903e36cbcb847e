//! How many threads a run gets: as many as were asked for, but no more than a machine can use.

use std::thread::available_parallelism;

use super::done::{self, Done};
use super::load::Failure;
use super::settings::Screen;
use crate::diag::{Code, Diagnostic};
use crate::exec::threads::Threads;

/// Threads a core from which on making them takes longer than what they do.
const A_CORE: usize = 4;

/// As many as any machine may be asked for.
const FEW: usize = 16;

/// What the pools of rayon are set by where nothing else is said.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// The threads of `--threads`, or of the environment; a number beyond what is of use is cut, with a note.
pub fn threads(asked: Option<usize>, done: &mut Done, screen: &Screen) -> Result<Threads, Failure> {
    let cores = available_parallelism().map_or(1, usize::from);
    let most = (cores * A_CORE).max(FEW);
    let set = || std::env::var(VARIABLE).ok().and_then(|text| text.trim().parse().ok());
    let (option, wanted) =
        asked.map_or_else(|| (VARIABLE, set().unwrap_or(0)), |threads| ("--threads", threads));
    if wanted > most {
        let message = format!(
            "{option} asks for {wanted} threads: {most} are used, since there are {cores} processors"
        );
        done.warn(Diagnostic::new(Code::E0113, message), screen);
    }
    Threads::new(wanted.min(most)).map_err(|error| done::no_threads(&error))
}

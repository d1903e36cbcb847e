//! What a command has to say: a page, messages and a status; and how it is printed or written.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anstream::stream::{AsLockedWrite, RawStream};
use anstream::{AutoStream, ColorChoice};

use super::args::OutputArgs;
use super::load::{self, Failure};
use super::output;
use super::settings::Screen;
use crate::diag::{Code, Diagnostic};
use crate::exec::threads::ThreadsError;
use crate::report::grid::Numbers;
use crate::report::model::Status as Completeness;
use crate::report::page::Page;

/// How it went; a later one is worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As asked.
    #[default]
    Fine,
    /// Done, and something is to be seen to.
    Findings,
    /// Something could not be done.
    Failed,
}

impl Status {
    /// What the process ends with.
    pub(super) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Fine => 0,
            Self::Findings => 1,
            Self::Failed => 2,
        })
    }
}

/// What a command has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// For standard output, or the file of `-o`.
    pub page: String,
    /// Where the page goes, if not to standard output.
    pub file: Option<String>,
    /// For standard error.
    pub messages: String,
    /// How it went.
    pub status: Status,
}

impl Done {
    /// A page, and nothing wrong.
    pub(super) fn page(page: String, file: Option<&String>) -> Self {
        Self { page, file: file.cloned(), ..Self::default() }
    }

    /// What is made of each argument; those that fail are reported, the others shown.
    pub(super) fn each<T>(
        &mut self,
        arguments: &[String],
        screen: &Screen,
        mut make: impl FnMut(&str) -> Result<T, Failure>,
    ) -> Vec<T> {
        let mut made = Vec::new();
        for argument in arguments {
            match make(argument) {
                Ok(one) => made.push(one),
                Err(failure) => self.fail(&failure, screen),
            }
        }
        made
    }

    /// Renders pages in the format that was chosen; `several` says whether several were asked for.
    pub(super) fn show(
        mut self,
        pages: &[Page<'_>],
        several: bool,
        args: &OutputArgs,
        numbers: Numbers,
        screen: &Screen,
    ) -> Result<Self, Failure> {
        self.file.clone_from(&args.output);
        if !pages.is_empty() {
            let look = screen.look(numbers, args.output.is_some());
            self.page = (args.format().render)(pages, several, look).map_err(cannot_write)?;
        }
        Ok(self)
    }

    /// Notes whether something of the networks is not known, which is a finding where `strict` says so.
    pub(super) fn known(&mut self, strict: bool, mut statuses: impl Iterator<Item = Completeness>) {
        if strict && statuses.any(Completeness::is_partial) {
            self.status = self.status.max(Status::Findings);
        }
    }

    /// Nothing but what is wrong.
    pub(super) fn failed(failure: &Failure, screen: &Screen) -> Self {
        let mut done = Self::default();
        done.fail(failure, screen);
        done
    }

    /// Adds what is to be known, and is no failure.
    pub(super) fn warn(&mut self, diagnostic: Diagnostic, screen: &Screen) {
        self.messages.push_str(&Failure::new(diagnostic.warning()).text(screen));
    }

    /// Adds what is wrong.
    pub(super) fn fail(&mut self, failure: &Failure, screen: &Screen) {
        self.messages.push_str(&failure.text(screen));
        self.status = Status::Failed;
    }
}

/// Asks whether a page can be written to a file, before there is much work for it.
pub(super) fn writable(file: Option<&String>) -> Result<(), Failure> {
    let Some(path) = file else { return Ok(()) };
    output::check(path).map_err(|error| not_written(path, &error))
}

fn not_written(path: &str, error: &io::Error) -> Failure {
    let message = format!("`{path}` cannot be written: {error}");
    Failure::of_file(path, Diagnostic::new(Code::E0105, message))
}

/// Prints or writes what a command has to say.
pub(super) fn finish(mut done: Done, screen: &Screen) -> Status {
    if let Some(path) = done.file.take().filter(|_| !done.page.is_empty()) {
        if let Err(error) = output::write(&path, &done.page) {
            done.fail(&not_written(&path, &error), screen);
        }
        done.page.clear();
    }
    // The page first: what is wrong then comes last, next to the prompt.
    if let Err(error) = print(io::stdout().lock(), &done.page, screen.color) {
        let message = format!("standard output cannot be written: {error}");
        done.fail(&Failure::of_file("<stdout>", Diagnostic::new(Code::E0105, message)), screen);
    }
    // Nobody is left to be told that standard error is closed.
    let _ = print(io::stderr().lock(), &done.messages, screen.message_color);
    done.status
}

/// Prints; a reader that has seen enough is no error.
pub(super) fn print(
    stream: impl RawStream + AsLockedWrite,
    text: &str,
    color: bool,
) -> io::Result<()> {
    // A page without control characters, as most are, has nothing that could be stripped.
    let is_plain = text.bytes().all(|b| !b.is_ascii_control() || b.is_ascii_whitespace());
    let choice = match (color, is_plain) {
        (true, _) => ColorChoice::Always,
        (false, true) => ColorChoice::AlwaysAnsi,
        (false, false) => ColorChoice::Never,
    };
    let mut stream = AutoStream::new(stream, choice);
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Threads that there are none of.
pub(super) fn no_threads(error: &ThreadsError) -> Failure {
    let help = "ask for fewer with `--threads`";
    Failure::new(Diagnostic::new(Code::E0113, error.to_string()).help(help))
}

/// Why a network cannot be run.
#[cfg(feature = "exec")]
pub(super) fn cannot_run(
    network: &load::Loaded,
    error: &crate::exec::network::RunError,
) -> Failure {
    use crate::exec::network::RunError;
    let mut diagnostic = Diagnostic::new(Code::E0504, error.to_string());
    if let RunError::UnknownOperator { layer, .. } = error {
        let mut nodes = network.model.graph.iter();
        let node = nodes.find(|(_, node)| node.name == *layer).map(|(id, _)| id);
        let place = node.and_then(|node| network.model.origin(node));
        diagnostic = diagnostic.help(
            "describe it by operators that cnnstat knows; the summary and `memory` count what is known",
        );
        if let Some(place) = place {
            diagnostic = diagnostic.label(place, "cannot be run");
        }
    }
    load::failure(&*network.architecture, vec![diagnostic])
}

/// A format that could not be written; none of the reports has a value that its format does not know.
pub(super) fn cannot_write(error: impl std::fmt::Display) -> Failure {
    Failure::new(Diagnostic::new(Code::E0105, format!("the report cannot be written: {error}")))
}

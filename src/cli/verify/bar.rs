//! The bar of a long verification: on a terminal, nothing elsewhere.
//!
//! It is drawn in one line of standard error, and leaves no trace, not even where an interrupt ends the process.

use std::io::{IsTerminal as _, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::estimate::Estimate;
use crate::graph::Graph;
use crate::report::text::safe;
use crate::verify::{Pass, Progress};

/// The exit status of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// One bar for all networks of a command.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar that shows nothing yet.
    pub fn new() -> Self {
        if !stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0);
        let template = "{spinner} {bar:24} {percent:>3}% {eta:>4} left  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let shown = bar.clone();
        // Where no handler can be set, an interrupt ends the process as well, and the bar stays.
        let _ = ctrlc::set_handler(move || {
            shown.finish_and_clear();
            std::process::exit(INTERRUPTED);
        });
        Self(bar)
    }

    /// Begins a network.
    pub fn begin(&self, estimate: &Estimate) {
        self.0.reset();
        self.0.set_length(estimate.total());
        self.0.set_message("parameters are drawn");
        // It turns while a large layer runs.
        self.0.enable_steady_tick(Duration::from_millis(100));
    }

    /// Goes on.
    pub fn advance(&self, graph: &Graph, estimate: &Estimate, done: Progress) {
        self.0.set_message(doing(graph, done));
        self.0.inc(estimate.of(done));
    }

    /// Ends a network: the line is free again.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// What was done last, in words.
fn doing(graph: &Graph, done: Progress) -> String {
    let (what, node) = match done {
        Progress::Ran { pass: Pass::Inference, node } => ("inference", node),
        Progress::Ran { pass: Pass::Forward, node } => ("forward", node),
        Progress::Ran { pass: Pass::Backward, node } => ("backward", node),
        Progress::Checked { node } => ("checked", node),
    };
    format!("{what} {}", safe(&graph.node(node).name))
}

//! The answers of `cnnstat reconcile`: who would print a figure, ranked, with the arithmetic.
//!
//! Tests stand in `tests/it/reconcile.rs`.

use std::fmt::Write as _;

use serde::Serialize;

use super::markdown::escape;
use super::model::{NamedShape, Report, SCHEMA_VERSION};
use super::summary::shapes;
use super::table::{Look, bold};
use super::text::{safe, wrap, wrap_formula};
use crate::convention::figure::Figure;
use crate::convention::reconcile::{Answer, Found};
use crate::units::grouped;

/// All answers for a figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reconciliation {
    schema_version: u32,
    model: String,
    inputs: Vec<NamedShape>,
    batch: u64,
    mode: &'static str,
    figure: String,
    /// The nearest that a convention makes of the network as it is: its name and number.
    nearest: Option<(&'static str, u64)>,
    answers: Vec<Answer>,
    #[serde(skip)]
    top: usize,
}

impl Reconciliation {
    /// What the search for a figure found; `top` is how many answers are shown.
    pub fn new(report: &Report, figure: Figure, found: Found, top: usize) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            model: report.model.clone(),
            inputs: report.inputs.clone(),
            batch: report.batch,
            mode: report.mode,
            figure: figure.to_string(),
            nearest: found.nearest,
            answers: found.answers,
            top,
        }
    }

    /// Whether nobody prints the figure.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// For a terminal.
    pub fn terminal(&self, look: Look) -> String {
        let title = format!("{} at {}", safe(&self.model), self.figure);
        let mut out = format!("{}\n{}\n", bold(&title, look.color), safe(&self.assumed()));
        for (i, answer) in self.shown().enumerate() {
            let number = format!("{}. ", i + 1);
            let indent = number.len();
            let _ = writeln!(
                out,
                "\n{number}{}",
                wrap(&answer_line(answer), look.width, indent, indent)
            );
            let gap = " ".repeat(indent);
            for step in &answer.steps {
                let _ = writeln!(out, "{gap}{}", wrap(&safe(step), look.width, indent, indent + 2));
            }
            let sum = format!("= {}", answer.arithmetic);
            let _ = writeln!(out, "{gap}{}", wrap_formula(&sum, look.width, indent, indent + 2));
        }
        let _ = writeln!(out, "\n{}", wrap(&self.sentence(), look.width, 0, 2));
        out
    }

    /// As a part of a page.
    pub fn markdown(&self) -> String {
        let mut out = format!("### {} at {}\n\n", escape(&self.model), escape(&self.figure));
        let _ = writeln!(out, "{}\n", escape(&self.assumed()));
        for answer in self.shown() {
            let steps = answer.steps.iter().map(|step| format!("; {}", escape(step)));
            let steps = steps.collect::<String>();
            let _ = writeln!(
                out,
                "1. {}{steps}: {}",
                escape(&answer_line(answer)),
                escape(&answer.arithmetic)
            );
        }
        let gap = if self.is_empty() { "" } else { "\n" };
        let _ = writeln!(out, "{gap}{}", escape(&self.sentence()));
        out
    }

    fn shown(&self) -> impl Iterator<Item = &Answer> {
        self.answers.iter().take(self.top)
    }

    fn assumed(&self) -> String {
        format!("input {} · batch {} · {} mode", shapes(&self.inputs), self.batch, self.mode)
    }

    fn sentence(&self) -> String {
        let Self { figure, model, .. } = self;
        let nearest = self
            .nearest
            .map(|(name, n)| format!(". Nearest for the network as it is: {name}, {}", grouped(n)));
        match self.answers.len() {
            0 => format!(
                "No convention prints {figure} for {}, nor for its usual variants{}",
                safe(model),
                nearest.unwrap_or_default()
            ),
            1 => "1 answer".to_owned(),
            n if n > self.top => {
                format!("{n} answers, the first {} shown: --top {n} shows all", self.top)
            }
            n => format!("{n} answers"),
        }
    }
}

/// The number, how it becomes the figure, and whose it is.
fn answer_line(answer: &Answer) -> String {
    let Answer { total, how, conventions, .. } = answer;
    format!("{}, {}: {}", grouped(*total), how.name(), conventions.join(", "))
}

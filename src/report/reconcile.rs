//! The answers of `cnnstat reconcile`: who would print a figure, ranked, with the arithmetic.
//!
//! Tests stand in `tests/it/reconcile.rs`.

use std::fmt::Write as _;

use serde::Serialize;

use super::conventions::term_text;
use super::markdown::escape;
use super::model::{NamedShape, Report, SCHEMA_VERSION};
use super::summary::shapes;
use super::table::{Look, bold};
use super::text::{safe, wrap, wrap_formula};
use crate::convention::Summed;
use crate::convention::figure::{Figure, How};
use crate::units::grouped;

/// One way to the figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The number itself.
    pub total: u64,
    /// How it becomes the figure.
    pub how: How,
    /// The conventions that make it so.
    pub conventions: Vec<&'static str>,
    /// The network that is counted.
    pub network: String,
    /// How far it is from the network as it is: one for each step, two for a network with other parameters.
    pub distance: usize,
    /// What is done to the network or to the number before.
    pub steps: Vec<String>,
    /// How the number comes about.
    pub arithmetic: String,
}

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
    /// Ranks the answers: the nearest first, then rounding before truncation. `counts` is what each convention makes
    /// of the network as it is, `top` how many answers are shown.
    pub fn new(
        report: &Report,
        figure: Figure,
        mut answers: Vec<Answer>,
        counts: &[(&'static str, u64)],
        top: usize,
    ) -> Self {
        answers.sort_by_key(|answer| (answer.distance, answer.how));
        let distance = |(_, n): &&(&'static str, u64)| n.abs_diff(figure.value());
        Self {
            schema_version: SCHEMA_VERSION,
            model: report.model.clone(),
            inputs: report.inputs.clone(),
            batch: report.batch,
            mode: report.mode,
            figure: figure.to_string(),
            nearest: counts.iter().min_by_key(distance).copied(),
            answers,
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

/// A total by its terms, multiplied and divided.
pub fn arithmetic(terms: &[Summed], by: u64, over: u64) -> String {
    let texts = terms.iter().enumerate().map(|(i, term)| term_text(term, i == 0));
    let sum = texts.collect::<Vec<_>>().join(" ");
    match (by, over) {
        (1, 1) => sum,
        (by, 1) => format!("{by} × ({sum})"),
        (1, over) => format!("({sum}) / {over}"),
        (by, over) => format!("{by} / {over} × ({sum})"),
    }
}

/// A training step by its two passes.
pub fn of_ledger(forward: u64, backward: u64) -> String {
    format!("{} forward + {} backward", grouped(forward), grouped(backward))
}

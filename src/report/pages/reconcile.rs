//! The page of `cnnstat reconcile`: the answers, ranked, each with its arithmetic.

use super::inputs;
use super::summary::missing_text;
use crate::convention::reconcile::Answer;
use crate::report::data::reconcile::ReconcileReport;
use crate::report::page::{self, Block, Page};
use crate::units::grouped;

/// The page of a figure.
pub fn page(report: &ReconcileReport) -> Page<'_> {
    let sections = move |_| {
        let mut sections = vec![vec![
            Block::Title(format!("{} at {}", report.model, report.figure)),
            Block::Assumptions(vec![
                format!("input {}", inputs(&report.inputs)),
                format!("batch {}", report.batch),
                format!("{} mode", report.mode),
            ]),
        ]];
        if !report.is_empty() {
            let shown = report.answers.iter().take(report.top).map(answer).collect();
            sections.push(vec![Block::Answers(shown)]);
        }
        sections.push(vec![Block::Sentence(sentence(report))]);
        sections
    };
    Page::new(&report.model, sections).part().data(move || report)
}

/// An answer in words.
fn answer(answer: &Answer) -> page::Answer {
    page::Answer {
        text: answer_line(answer),
        steps: answer.steps.clone(),
        formula: answer.arithmetic.clone(),
    }
}

fn sentence(report: &ReconcileReport) -> String {
    let ReconcileReport { figure, model, top, .. } = report;
    let nearest = report
        .nearest
        .map(|(name, n)| format!(". Nearest for the network as it is: {name}, {}", grouped(n)));
    match report.answers.len() {
        0 if report.status.is_partial() => {
            let missing = missing_text(&report.missing);
            format!("Whether a convention prints {figure} for {model} is not decided. {missing}")
        }
        0 => format!(
            "No convention prints {figure} for {}, nor for its usual variants{}",
            model,
            nearest.unwrap_or_default()
        ),
        1 => "1 answer".to_owned(),
        n if n > *top => {
            format!("{n} answers, the first {top} shown: --top {n} shows all")
        }
        n => format!("{n} answers"),
    }
}

/// The number, how it becomes the figure, and whose it is.
fn answer_line(answer: &Answer) -> String {
    let Answer { total, how, conventions, .. } = answer;
    format!("{}, {}: {}", grouped(*total), how.name(), conventions.join(", "))
}

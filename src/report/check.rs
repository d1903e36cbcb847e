//! The outcome of `cnnstat check`: a row for each expectation, and how many are met.
//!
//! Tests stand below.

use std::fmt::Write as _;

use serde::Serialize;

use super::grid::{Grid, Head, Value};
use super::model::SCHEMA_VERSION;
use super::table::{Look, draw};

/// What came of an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is met.
    Met,
    /// It is not.
    Missed,
    /// It speaks of what does not exist.
    Unknown,
    /// The description was changed by options, so that it says nothing of this network.
    NotChecked,
    /// Nothing is expected.
    NoExpectations,
}

impl Outcome {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Met => "ok",
            Self::Missed => "MISS",
            Self::Unknown => "no such layer",
            Self::NotChecked => "not checked",
            Self::NoExpectations => "no expectations",
        }
    }

    /// Whether something was compared.
    pub const fn is_checked(self) -> bool {
        matches!(self, Self::Met | Self::Missed)
    }
}

/// One expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckRow {
    /// The network.
    pub model: String,
    /// The quantity: `params`, `features.conv1 params`.
    pub what: String,
    /// As it is written.
    pub expected: String,
    /// What it is.
    pub found: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The description.
    pub file: Option<String>,
    /// Where in it the expectation is written, from 1.
    pub line: Option<usize>,
}

/// All expectations that were looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// The rows.
    pub rows: Vec<CheckRow>,
    /// YAML files that are no descriptions.
    pub skipped: usize,
    /// Descriptions that could not be read or analysed.
    pub failed: usize,
}

impl Default for Check {
    fn default() -> Self {
        Self { schema_version: SCHEMA_VERSION, rows: Vec::new(), skipped: 0, failed: 0 }
    }
}

impl Check {
    /// How many rows have an outcome.
    pub fn count(&self, is: impl Fn(Outcome) -> bool) -> usize {
        self.rows.iter().filter(|row| is(row.outcome)).count()
    }

    /// The rows as a grid.
    pub fn grid(&self) -> Grid {
        let mut grid = Grid::new([
            Head::left("model"),
            Head::left("what"),
            Head::right("expected"),
            Head::right("found"),
            Head::left("verdict"),
        ]);
        for row in &self.rows {
            grid.rows.push(vec![
                Value::text(&row.model),
                Value::text(&row.what),
                Value::text(&row.expected),
                Value::Sizes(row.found.clone()),
                Value::text(row.outcome.text()),
            ]);
        }
        grid
    }

    /// The rows with the places they are written at.
    pub fn grid_in_full(&self) -> Grid {
        let mut grid = self.grid();
        grid.heads.extend([Head::left("file"), Head::right("line")]);
        for (cells, row) in grid.rows.iter_mut().zip(&self.rows) {
            let file = row.file.as_ref().map_or(Value::Empty, Value::text);
            let line = row.line.map_or(Value::Empty, |line| Value::Text(line.to_string()));
            cells.extend([file, line]);
        }
        grid
    }

    /// How it went, in a sentence.
    pub fn sentence(&self) -> String {
        let checked = self.count(Outcome::is_checked);
        let mut out = match (checked, self.count(|o| o == Outcome::Missed)) {
            (0, _) => "0 expectations checked: that is not a pass".to_owned(),
            (1, 0) => "1 expectation met".to_owned(),
            (n, 0) => format!("{n} expectations met"),
            (n, missed) => format!("{missed} of {n} expectations missed"),
        };
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let aside = [
            (self.count(|o| o == Outcome::Unknown), "for a layer that does not exist"),
            (
                self.count(|o| o == Outcome::NotChecked),
                "not checked under --set, --input or --batch",
            ),
            (self.count(|o| o == Outcome::NoExpectations), "without expectations"),
        ];
        for (n, what) in aside.into_iter().filter(|(n, _)| *n > 0) {
            let _ = write!(out, "; {n} {what}");
        }
        if self.failed > 0 {
            let _ = write!(out, "; {} description{} with errors", self.failed, plural(self.failed));
        }
        if self.skipped > 0 {
            let what = if self.skipped == 1 { "is no description" } else { "are no descriptions" };
            let n = self.skipped;
            let _ = write!(out, "; {n} YAML file{} skipped that {what}", plural(n));
        }
        out
    }

    /// The table for a terminal, with the sentence below.
    pub fn terminal(&self, look: Look) -> String {
        let sentence = super::text::wrap(&self.sentence(), look.width, 0, 2);
        if self.rows.is_empty() {
            return format!("{sentence}\n");
        }
        format!("{}\n{sentence}\n", draw(self.grid(), look))
    }

    /// The table as a page, with the sentence below.
    pub fn markdown(&self) -> String {
        let table = super::markdown::grid(&self.grid(), super::grid::Numbers::Exact);
        format!("{table}\n{}\n", super::markdown::escape(&self.sentence()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_checked_is_no_pass() {
        let row = |outcome| CheckRow {
            model: "m".to_owned(),
            what: "params".to_owned(),
            expected: "1".to_owned(),
            found: "2".to_owned(),
            outcome,
            file: None,
            line: None,
        };
        let mut check = Check { skipped: 2, ..Check::default() };
        assert!(
            check
                .sentence()
                .starts_with("0 expectations checked: that is not a pass; 2 YAML files")
        );
        check.rows = vec![row(Outcome::Met), row(Outcome::Missed), row(Outcome::NotChecked)];
        assert!(check.sentence().starts_with("1 of 2 expectations missed; 1 not checked"));
    }
}

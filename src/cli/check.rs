//! `cnnstat check PATH…`: networks against what their descriptions expect.
//!
//! Tests stand below.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::{CheckArgs, PageFormat};
use super::load::{self, Failure, Model};
use super::settings::{Screen, Settings};
use super::{Done, Status, cannot_write};
use crate::budget::{self, judge};
use crate::diag::{Code, Diagnostic, Source};
use crate::lang;
use crate::report::check::{Check, CheckRow, Outcome};
use crate::report::grid::Numbers;
use crate::report::{csv, json};

/// What is being checked, and what came of it so far.
struct Checking<'s> {
    settings: &'s Settings,
    screen: &'s Screen,
    check: Check,
    done: Done,
}

/// A row for each expectation. Exit 2 where something could not be read, or nothing was checked.
pub fn run(args: &CheckArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let mut checking =
        Checking { settings: &settings, screen, check: Check::default(), done: Done::default() };
    for path in &args.paths {
        checking.path(path);
    }
    let Checking { check, mut done, .. } = checking;
    done.file.clone_from(&args.page.output);
    let look = screen.look(Numbers::Exact, args.page.output.is_some());
    done.page = match args.page.format {
        PageFormat::Table => check.terminal(look),
        PageFormat::Markdown => check.markdown(),
        PageFormat::Json => json::pretty(&check).map_err(cannot_write)?,
        PageFormat::Csv => csv::grid(&check.grid()).map_err(cannot_write)?,
    };
    done.status = done.status.max(status(&check));
    Ok(done)
}

fn status(check: &Check) -> Status {
    let any = |outcome| check.count(|o| o == outcome) > 0;
    if check.count(Outcome::is_checked) == 0 || any(Outcome::Unknown) || check.failed > 0 {
        Status::Failed
    } else if any(Outcome::Missed) {
        Status::Findings
    } else {
        Status::Fine
    }
}

impl Checking<'_> {
    fn fail(&mut self, failure: &Failure) {
        self.check.failed += 1;
        self.done.fail(failure, self.screen);
    }

    /// A folder, or what an argument of the summary can be.
    fn path(&mut self, path: &str) {
        if Path::new(path).is_dir() {
            match descriptions(Path::new(path)) {
                Ok(files) => files.iter().for_each(|file| self.found(file)),
                Err(failure) => self.fail(&failure),
            }
            return;
        }
        match load::find(path) {
            Ok((source, None)) => self.description(&source),
            Ok((source, Some(variant))) => self.network(source, Some(variant)),
            Err(failure) => self.fail(&failure),
        }
    }

    /// A YAML file of a folder; one that is no description is passed over.
    fn found(&mut self, path: &Path) {
        match load::read_file(&path.to_string_lossy()) {
            Ok(source) if lang::is_description(&source) => self.description(&source),
            // An empty file is no description either.
            Ok(_) => self.check.skipped += 1,
            Err(failure) if failure.diagnostics.iter().all(|d| d.code == Code::E0103) => {
                self.check.skipped += 1;
            }
            Err(failure) => self.fail(&failure),
        }
    }

    /// The bare description and every variant.
    fn description(&mut self, source: &Source) {
        let outline = match lang::outline(source) {
            Ok(outline) => outline,
            Err(diagnostics) => return self.fail(&Failure::about(source, diagnostics)),
        };
        let parsed = load::parse(source.clone(), None, self.settings);
        let (_, document) = match parsed {
            Ok(parsed) => parsed,
            // What is wrong with the bare description is wrong with its variants.
            Err(failure) => return self.fail(&failure),
        };
        if outline.variants.is_empty() || outline.expects {
            self.judge(load::analyse(source.clone(), document, self.settings));
        }
        for (variant, _) in outline.variants {
            self.network(source.clone(), Some(variant));
        }
    }

    /// One network.
    fn network(&mut self, source: Source, variant: Option<String>) {
        let parsed = load::parse(source, variant, self.settings);
        self.judge(parsed.and_then(|(source, doc)| load::analyse(source, doc, self.settings)));
    }

    /// The rows of one network.
    fn judge(&mut self, model: Result<Model, Failure>) {
        let model = match model {
            Ok(model) => model,
            Err(failure) => return self.fail(&failure),
        };
        let Model { source, document, analysis } = &model;
        let name = document.variant.as_ref().unwrap_or(&document.graph.name);
        let row = |what: String, expected: String, found: String, outcome| CheckRow {
            model: name.clone(),
            what,
            expected,
            found,
            outcome,
        };
        if document.expectations.is_empty() {
            let empty = String::new;
            self.check.rows.push(row(empty(), empty(), empty(), Outcome::NoExpectations));
            return;
        }
        if self.settings.changed {
            let rows = document.expectations.iter().map(|expectation| {
                let what = budget::subject(expectation);
                row(what, expectation.text.clone(), String::new(), Outcome::NotChecked)
            });
            self.check.rows.extend(rows);
            return;
        }
        let mut diagnostics = Vec::new();
        for verdict in judge(document, analysis) {
            let (outcome, diagnostic) = match verdict.outcome {
                budget::Outcome::Met => (Outcome::Met, None),
                budget::Outcome::Missed(diagnostic) => (Outcome::Missed, Some(diagnostic)),
                budget::Outcome::Unknown(diagnostic) => (Outcome::Unknown, Some(diagnostic)),
            };
            diagnostics.extend(diagnostic.map(|diagnostic| lang::resolve(source, diagnostic)));
            self.check.rows.push(row(verdict.what, verdict.expected, verdict.found, outcome));
        }
        if !diagnostics.is_empty() {
            let text = Failure::about(source, diagnostics).text(self.screen);
            self.done.messages.push_str(&text);
        }
    }
}

/// The YAML files below a folder, sorted. Links to folders are not followed, so that there is an end.
fn descriptions(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let cannot = |error: std::io::Error| {
            let message = format!("`{}` cannot be read: {error}", folder.display());
            Failure::new(Diagnostic::new(Code::E0105, message))
        };
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let path = entry.path();
            let is_yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
            if entry.file_type().map_err(cannot)?.is_dir() {
                open.push(path);
            } else if is_yaml && path.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_done_beats_a_miss_and_nothing_is_no_pass() {
        let row = |outcome| CheckRow {
            model: String::new(),
            what: String::new(),
            expected: String::new(),
            found: String::new(),
            outcome,
        };
        let of = |outcomes: &[Outcome], failed| {
            let rows = outcomes.iter().copied().map(row).collect();
            status(&Check { rows, failed, ..Check::default() })
        };
        assert_eq!(of(&[], 0), Status::Failed);
        assert_eq!(of(&[Outcome::NotChecked, Outcome::NoExpectations], 0), Status::Failed);
        assert_eq!(of(&[Outcome::Met, Outcome::NoExpectations], 0), Status::Fine);
        assert_eq!(of(&[Outcome::Met, Outcome::Missed], 0), Status::Findings);
        assert_eq!(of(&[Outcome::Met, Outcome::Missed], 1), Status::Failed);
        assert_eq!(of(&[Outcome::Met, Outcome::Unknown], 0), Status::Failed);
    }
}

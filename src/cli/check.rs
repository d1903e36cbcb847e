//! `cnnstat check [PATH…]`: networks against what their descriptions expect, against the budgets of `cnnstat.toml`, and
//! against what they were.
//!
//! `checking` makes the rows, `before` finds what a network was.

mod before;
mod candidate;
mod checking;

use std::collections::BTreeSet;
use std::path::Path;

use super::args::CheckArgs;
use super::done::{Done, Status, cannot_write};
use super::load::{self, Failure};
use super::networks::{self, Visited};
use super::settings::{Screen, Settings};
use crate::budget::config::{self, Config};
use crate::diag::{Code, Diagnostic, Source};
use crate::report::data::check::{Check, Outcome};
use crate::report::grid::Numbers;
use before::Before;
use checking::{CONFIG, Checking};

/// A row for each expectation. Exit 2 where something could not be read, or nothing was checked.
pub fn run(args: &CheckArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let source = budgets(args.config.as_deref())?;
    let mut done = Done::default();
    // What is wrong with the budgets or the baseline is told in the format that is asked for, like all else.
    let mut failures = Vec::new();
    let config = match source.as_ref().map(config::read).transpose() {
        Ok(config) => config.unwrap_or_default(),
        Err(faults) => {
            failures.extend(source.as_ref().map(|source| Failure::about(source, faults)));
            Config::default()
        }
    };
    let before = Before::new(args, &mut done, screen).unwrap_or_else(|failure| {
        failures.push(failure);
        Before::Unasked
    });
    let paths = if args.paths.is_empty() { &config.paths } else { &args.paths };
    if paths.is_empty() && failures.is_empty() {
        return Err(nothing(source.as_ref()));
    }
    let check = Check { baseline: before.name(), ..Check::default() };
    let mut checking = Checking {
        settings: &settings,
        screen,
        config: &config,
        source: source.as_ref(),
        before: &before,
        strict: args.model.strict,
        keeps: args.page.format().label.name == "json",
        matched: BTreeSet::new(),
        names: BTreeSet::new(),
        check,
        done,
    };
    if failures.is_empty() {
        for path in paths {
            networks::each(path, &settings, false, &mut |found| match found {
                // A stranger may have written `paths`: lines of what is no description are not shown.
                Visited::Failed(failure) if args.paths.is_empty() => {
                    checking.failed(&failure.without_foreign_text(path));
                }
                found => checking.found(found),
            });
        }
        if args.paths.is_empty() {
            checking.unmatched();
        }
    }
    for failure in &failures {
        checking.failed(failure);
    }
    let Checking { check, mut done, .. } = checking;
    done.file.clone_from(&args.page.output);
    let look = screen.look(Numbers::Exact, args.page.output.is_some());
    done.page = (args.page.format().render)(&check, look).map_err(cannot_write)?;
    done.status = done.status.max(status(&check));
    Ok(done)
}

/// The text of the budgets: of the file that is named, or of [`CONFIG`] where that is there.
fn budgets(named: Option<&str>) -> Result<Option<Source>, Failure> {
    match named {
        Some(path) => load::read_text(path).map(Some),
        None if leads_out(CONFIG) => {
            let message =
                format!("`{CONFIG}` is a link that leads out of this folder: it is not read");
            let help = format!("name the file where it is meant: `--config {CONFIG}`");
            Err(Failure::of_file(CONFIG, Diagnostic::new(Code::E0105, message).help(help)))
        }
        None if Path::new(CONFIG).is_file() => load::read_text(CONFIG).map(Some),
        None => Ok(None),
    }
}

/// Whether a file of this folder is a link to one elsewhere.
fn leads_out(file: &str) -> bool {
    let is_link = Path::new(file).symlink_metadata().is_ok_and(|found| found.is_symlink());
    let folder = std::env::current_dir().and_then(|folder| folder.canonicalize());
    let is_outside = |path: &Path| folder.is_ok_and(|folder| !path.starts_with(folder));
    is_link && Path::new(file).canonicalize().is_ok_and(|path| is_outside(&path))
}

/// Neither a path nor `paths`.
fn nothing(source: Option<&Source>) -> Failure {
    let why = match source {
        Some(source) => format!("`{}` has no `paths`", source.name),
        None => format!("there is no `{CONFIG}` here"),
    };
    let message = format!("nothing to check: no PATH is given, and {why}");
    let help = "name descriptions or folders, as in `cnnstat check models/`, or write them into \
                cnnstat.toml, as in `paths = [\"models/\"]`";
    Failure::new(Diagnostic::new(Code::E0101, message).help(help))
}

fn status(check: &Check) -> Status {
    let any = |outcome| check.count(|o| o == outcome) > 0;
    if check.count(Outcome::is_checked) == 0 || any(Outcome::Unknown) || check.failed > 0 {
        Status::Failed
    } else if any(Outcome::Missed) {
        Status::Findings
    } else if any(Outcome::NotDecided) {
        Status::Failed
    } else {
        Status::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::check::CheckRow;

    #[test]
    fn what_could_not_be_done_beats_a_miss_and_nothing_is_no_pass() {
        let of = |outcomes: &[Outcome], failed| {
            let rows = outcomes.iter().map(|outcome| CheckRow::new("m", *outcome)).collect();
            status(&Check { rows, failed, ..Check::default() })
        };
        assert_eq!(of(&[], 0), Status::Failed);
        assert_eq!(of(&[Outcome::NotChecked, Outcome::NoExpectations], 0), Status::Failed);
        assert_eq!(of(&[Outcome::NotCompared], 0), Status::Failed);
        assert_eq!(of(&[Outcome::Met, Outcome::NoExpectations], 0), Status::Fine);
        assert_eq!(of(&[Outcome::Warned, Outcome::NoBaseline], 0), Status::Fine);
        assert_eq!(of(&[Outcome::Met, Outcome::Missed], 0), Status::Findings);
        assert_eq!(of(&[Outcome::Met, Outcome::Missed], 1), Status::Failed);
        assert_eq!(of(&[Outcome::Met, Outcome::Unknown], 0), Status::Failed);
    }
}

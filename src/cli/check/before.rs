//! What a network was: of a stored run, of another checkout of the same files, or of a git revision.
//!
//! A baseline that is not there is an error, or what was meant to be compared would pass; on the first run of all
//! `--allow-missing-baseline` makes it a warning.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use super::super::args::CheckArgs;
use super::super::done::Done;
use super::super::git::Revision;
use super::super::load::{self, Failure};
use super::super::settings::Screen;
use super::candidate::Candidate;
use crate::budget::baseline::{Baseline, Measured};
use crate::diag::{Code, Diagnostic, Source};
use crate::model::Shared;

/// Where the numbers of before come from.
pub(super) enum Before {
    /// From nowhere: nothing was asked for.
    Unasked,
    /// From stored runs.
    Stored(String, Baseline),
    /// From another checkout.
    Checkout(PathBuf),
    /// From a git revision.
    Revision(Revision),
}

impl Before {
    /// What the options ask for.
    ///
    /// # Errors
    /// It is not there, and was not allowed not to be; or it cannot be read.
    pub fn new(args: &CheckArgs, done: &mut Done, screen: &Screen) -> Result<Self, Failure> {
        let mut missing = |message: String, help: &str| {
            let diagnostic = Diagnostic::new(Code::E0604, message).help(help);
            if !args.allow_missing_baseline {
                let help = "on the first run, `--allow-missing-baseline` makes this a warning";
                return Err(Failure::new(diagnostic.help(help)));
            }
            done.messages.push_str(&Failure::new(diagnostic.warning()).text(screen));
            Ok(())
        };
        match (&args.baseline, &args.base) {
            (Some(path), _) => {
                if !Path::new(path).exists() {
                    let message = format!("`{path}` does not exist: nothing is compared");
                    missing(message, "store a run by `cnnstat check PATH --format json -o FILE`")?;
                }
                Ok(Self::Stored(path.clone(), stored(path)?))
            }
            (None, Some(path)) if Path::new(path).is_dir() => {
                Ok(Self::Checkout(PathBuf::from(path)))
            }
            (None, Some(name)) => {
                if let Some(revision) = Revision::find(name) {
                    return Ok(Self::Revision(revision));
                }
                let message =
                    format!("`{name}` is no folder and no git revision: nothing is compared");
                missing(message, "name another checkout, or a branch, a tag or a commit")?;
                Ok(Self::Checkout(PathBuf::from(name)))
            }
            (None, None) => Ok(Self::Unasked),
        }
    }

    /// Whether something is compared with.
    pub const fn is_asked(&self) -> bool {
        !matches!(self, Self::Unasked)
    }

    /// What it is called.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Unasked => None,
            Self::Stored(path, _) => Some(path.clone()),
            Self::Checkout(path) => Some(path.display().to_string()),
            Self::Revision(revision) => Some(revision.name.clone()),
        }
    }

    /// What a network was.
    pub fn find(&self, now: &Measured, candidate: &Candidate<'_>) -> Option<Cow<'_, Measured>> {
        match self {
            Self::Unasked => None,
            Self::Stored(_, baseline) => baseline.find(now).map(Cow::Borrowed),
            Self::Checkout(folder) => in_checkout(folder, candidate).map(Cow::Owned),
            Self::Revision(revision) => in_revision(revision, candidate).map(Cow::Owned),
        }
    }
}

/// The runs of a file, or of the JSON files of a folder; none where there is nothing.
fn stored(path: &str) -> Result<Baseline, Failure> {
    let mut baseline = Baseline::default();
    let mut files = BTreeSet::new();
    if Path::new(path).is_dir() {
        let cannot = |error: std::io::Error| {
            let message = format!("`{path}` cannot be read: {error}");
            Failure::of_file(path, Diagnostic::new(Code::E0105, message))
        };
        for entry in fs::read_dir(path).map_err(cannot)? {
            let file = entry.map_err(cannot)?.path();
            if file.extension().is_some_and(|extension| extension == "json") {
                files.insert(file.to_string_lossy().into_owned());
            }
        }
    } else if Path::new(path).exists() {
        files.insert(path.to_owned());
    }
    for file in files {
        let Source { name, text } = load::read_text(&file)?;
        baseline.add(&name, &text).map_err(|diagnostic| Failure::of_file(&name, *diagnostic))?;
    }
    Ok(baseline)
}

/// The same network of the same file in another checkout; `None` where it is not there or cannot be read.
fn in_checkout(folder: &Path, now: &Candidate<'_>) -> Option<Measured> {
    let file = folder.join(relative(now)?);
    let architecture = file.is_file().then(|| load::read_file(&file.to_string_lossy()).ok())??;
    as_it_was(&architecture, now)
}

/// The same network of the same file in a git revision; `None` where it is not there or cannot be read.
fn in_revision(revision: &Revision, now: &Candidate<'_>) -> Option<Measured> {
    let file = relative(now)?;
    let file = file.to_str()?;
    let bytes = revision.file(file).ok()??;
    let name = format!("{}:{file}", revision.name);
    as_it_was(&load::read_bytes(&name, &mut Cursor::new(bytes)).ok()?, now)
}

/// The path of a network's file from the folder that the command runs in.
fn relative(now: &Candidate<'_>) -> Option<PathBuf> {
    let here = Path::new(&now.network.source.name);
    if here.is_relative() {
        return Some(here.to_owned());
    }
    here.strip_prefix(std::env::current_dir().ok()?).ok().map(Path::to_owned)
}

fn as_it_was(architecture: &Shared, now: &Candidate<'_>) -> Option<Measured> {
    let variant = now.network.model.variant.clone();
    let network = load::try_at(architecture, variant, now.settings, &now.label).ok()?;
    let was = Candidate { network: &network, ..now.clone() };
    Some(was.measured(&was.subject()))
}

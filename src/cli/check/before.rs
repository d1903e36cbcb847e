//! What a network was: of a stored run, or of another checkout of the same files.
//!
//! A baseline that is not there is warned of and fails nothing, so that the first run of all passes.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::args::CheckArgs;
use super::super::done::Done;
use super::super::load::{self, Failure};
use super::super::settings::Screen;
use super::candidate::Candidate;
use crate::budget::baseline::{Baseline, Measured};
use crate::diag::{Code, Diagnostic, Source};

/// Where the numbers of before come from.
pub(super) enum Before {
    /// From nowhere: nothing was asked for.
    Unasked,
    /// From stored runs.
    Stored(String, Baseline),
    /// From another checkout.
    Checkout(PathBuf),
}

impl Before {
    /// What the options ask for. What is not there is warned of.
    pub fn new(args: &CheckArgs, done: &mut Done, screen: &Screen) -> Result<Self, Failure> {
        let mut missing = |path: &str, help: &str| {
            let message = format!("`{path}` does not exist: nothing is compared");
            let diagnostic = Diagnostic::new(Code::E0604, message).help(help).warning();
            done.messages.push_str(&Failure::new(diagnostic).text(screen));
        };
        match (&args.baseline, &args.base) {
            (Some(path), _) => {
                if !Path::new(path).exists() {
                    missing(path, "store a run by `cnnstat check PATH --format json -o FILE`");
                }
                Ok(Self::Stored(path.clone(), stored(path)?))
            }
            (None, Some(path)) => {
                if !Path::new(path).is_dir() {
                    missing(path, "make one by `git worktree add DIR main`");
                }
                Ok(Self::Checkout(PathBuf::from(path)))
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
        }
    }

    /// What a network was.
    pub fn find(&self, now: &Measured, candidate: &Candidate<'_>) -> Option<Cow<'_, Measured>> {
        match self {
            Self::Unasked => None,
            Self::Stored(_, baseline) => baseline.find(now).map(Cow::Borrowed),
            Self::Checkout(folder) => in_checkout(folder, candidate).map(Cow::Owned),
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
    let here = Path::new(&now.network.source.name);
    let relative = if here.is_absolute() {
        here.strip_prefix(std::env::current_dir().ok()?).ok()?
    } else {
        here
    };
    let file = folder.join(relative);
    let architecture = file.is_file().then(|| load::read_file(&file.to_string_lossy()).ok())??;
    let variant = now.network.model.variant.clone();
    let network = load::try_at(&architecture, variant, now.settings, &now.label).ok()?;
    let was = Candidate { network: &network, ..now.clone() };
    Some(was.measured(&was.subject()))
}

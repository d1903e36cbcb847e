//! The formats of `cnnstat check`, which has more than other reports: the pull-request comment, GitHub's and GitLab's
//! annotations, JUnit and SARIF, a file each.

pub mod comment;
pub mod github;
pub mod gitlab;
pub mod junit;
pub mod sarif;

use super::data::check::Check;
use super::indented;
use super::page::RenderError;
use super::pages;
use super::render::label::Label;
use super::render::table::Look;
use super::render::{csv, terminal};

/// A format of a check.
#[derive(Clone, Copy, Debug)]
pub struct CheckFormat {
    /// What it is called.
    pub label: Label,
    /// Writes what came of the check.
    pub render: fn(&Check, Look) -> Result<String, RenderError>,
}

/// Every format of a check; the first is the one where nothing is said.
pub static FORMATS: &[CheckFormat] = &[
    CheckFormat {
        label: Label::new("table", "For reading in a terminal"),
        render: |check, look| terminal::render(&[pages::check::page(check)], false, look),
    },
    CheckFormat {
        label: Label::new(
            "json",
            "JSON with everything, and with what a later run compares with (docs/json.md)",
        )
        .ending("json"),
        render: |check, _| Ok(indented::json(check)?),
    },
    CheckFormat {
        label: Label::new("csv", "CSV, a row each expectation").ending("csv"),
        render: |check, look| csv::render(&[pages::check::page(check)], false, look),
    },
    CheckFormat {
        label: Label::new("markdown", "A comment for a pull request, in Markdown").ending("md"),
        render: |check, _| Ok(comment::page(check)),
    },
    CheckFormat {
        label: Label::new("github", "Annotations of a GitHub workflow"),
        render: |check, _| Ok(github::page(check)),
    },
    CheckFormat {
        label: Label::new("junit", "JUnit's XML").ending("xml"),
        render: |check, _| Ok(junit::page(check)?),
    },
    CheckFormat {
        label: Label::new("sarif", "SARIF 2.1.0").ending("sarif"),
        render: |check, _| Ok(sarif::page(check)?),
    },
    CheckFormat {
        label: Label::new("gitlab", "GitLab's Code Quality report"),
        render: |check, _| Ok(gitlab::page(check)?),
    },
];

//! The formats of a report, a file each. [`FORMATS`] is the only list of them: the command line, the endings of `-o FILE`
//! and the documentation go through it.
//!
//! A new format is a file here and an entry in the list.

#![allow(
    clippy::unnecessary_wraps,
    reason = "all renderers have the signature of those that can fail"
)]

pub mod csv;
pub mod json;
pub mod label;
pub mod latex;
pub mod markdown;
pub mod table;
pub mod terminal;

use super::page::{Content, Page, RenderError};
use label::Label;
use table::Look;

/// A format.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// What it is called.
    pub label: Label,
    /// What a report must hold to be written in it.
    pub needs: Content,
    /// Writes pages; the flag says whether several were asked for, of which some may have failed.
    pub render: fn(&[Page<'_>], bool, Look) -> Result<String, RenderError>,
}

/// Every format; the first is the one where nothing is said.
pub static FORMATS: &[Format] = &[
    Format {
        label: Label { alias: Some("text"), ..Label::new("table", "For reading in a terminal") },
        needs: Content::Text,
        render: terminal::render,
    },
    Format {
        label: Label::new("json", "JSON with everything (docs/json.md)").ending("json"),
        needs: Content::Data,
        render: json::render,
    },
    Format {
        label: Label::new("csv", "CSV with raw integers").ending("csv"),
        needs: Content::Records,
        render: csv::render,
    },
    Format {
        label: Label::new("markdown", "Markdown").ending("md"),
        needs: Content::Text,
        render: markdown::render,
    },
    Format {
        label: Label::new("latex", "LaTeX: tables for a paper, by booktabs").ending("tex"),
        needs: Content::Figures,
        render: latex::render,
    },
];

/// The formats of a report that holds so much.
pub fn offered(contents: &[Content]) -> impl Iterator<Item = &'static Format> {
    FORMATS.iter().filter(move |format| contents.contains(&format.needs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_endings_are_distinct() {
        let mut names: Vec<&str> = Vec::new();
        for Format { label, .. } in FORMATS {
            names.extend([Some(label.name), label.alias, label.ending].into_iter().flatten());
        }
        // The ending of JSON and CSV is their name.
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, ["csv", "json", "latex", "markdown", "md", "table", "tex", "text"]);
    }
}

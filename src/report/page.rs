//! A report as every format sees it: text in sections, records for other programs, and data.
//!
//! A command says what its report holds; how a title, a sentence or a table looks is up to the format. Everything is made
//! when a format asks for it, so that a table for a terminal costs no JSON.

use std::borrow::Cow;

use super::data::explain::Derivation;
use super::grid::{Grid, Value};

/// Why a page could not be written.
pub type RenderError = Box<dyn std::error::Error + Send + Sync>;

/// Where text is read. A screen is narrow, and lines on it can be indented; paper is a document of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// A terminal.
    Screen,
    /// A document: Markdown, LaTeX.
    Paper,
}

/// What a report can hold, and a format can need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text with tables.
    Text,
    /// Tables of numbers that somebody prints in a paper.
    Figures,
    /// Records with exact values.
    Records,
    /// Everything, as data.
    Data,
}

/// Records: rows of exact values under their titles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// One for each column.
    pub titles: Vec<Cow<'static, str>>,
    /// Rows of one value for each title.
    pub rows: Vec<Vec<Value>>,
}

impl From<Grid> for Records {
    /// The rows of a table; its total is left out, so that a column can be summed as it is.
    fn from(grid: Grid) -> Self {
        let titles = grid.heads.iter().map(|head| Cow::Borrowed(head.title)).collect();
        Self { titles, rows: grid.rows }
    }
}

/// A table among text.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its cells.
    pub grid: Grid,
    /// What is shown in its place until it is unfolded, where a format can fold.
    pub folded: Option<String>,
    /// Whether a screen shows a row as an entry of a glossary: the first cell and the second beside it, the third below.
    pub is_glossary: bool,
}

/// A piece of a paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inline {
    /// Words.
    Text(String),
    /// Code.
    #[cfg_attr(
        not(any(test, feature = "internals")),
        expect(dead_code, reason = "no page has code yet")
    )]
    Code(String),
    /// Words that lead somewhere.
    Link {
        /// The words.
        text: String,
        /// The address.
        url: String,
    },
}

/// One of several results, with the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The result.
    pub text: String,
    /// What is done to get there.
    pub steps: Vec<String>,
    /// The arithmetic.
    pub formula: String,
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// The title of the page or of a part of it.
    Title(String),
    /// What the numbers depend on, piece by piece.
    Assumptions(Vec<String>),
    /// Running text.
    Prose(String),
    /// A sentence or a note; further lines of it are indented.
    Sentence(String),
    /// Running text with code and links.
    Paragraph(Vec<Inline>),
    /// A call as a description has it.
    Call(String),
    /// A table.
    Table(Table),
    /// Items of a list; on a screen all but the first are indented by so many columns.
    List(Vec<String>, usize),
    /// Results in order.
    Answers(Vec<Answer>),
    /// Terms and what is said of each; on a screen indented by so many columns.
    Terms(Vec<(String, String)>, usize),
    /// A layer with the formulas of its numbers.
    Derivation(Derivation),
    /// The same of an operator on a small input.
    Example(Derivation),
}

impl Block {
    /// A table without anything special.
    pub const fn table(grid: Grid) -> Self {
        Self::Table(Table { grid, folded: None, is_glossary: false })
    }
}

/// Blocks that belong together: a screen has no empty lines between them.
pub type Section = Vec<Block>;

/// A report, ready for any format.
pub struct Page<'d> {
    /// The network's name: what distinguishes its records from those of other pages.
    pub name: String,
    /// The level of its title in a document: 2 for a chapter, 3 for a part of one.
    pub level: usize,
    sections: Box<dyn Fn(Medium) -> Vec<Section> + 'd>,
    records: Box<dyn Fn() -> Records + 'd>,
    data: Box<dyn Fn() -> serde_json::Result<String> + 'd>,
}

impl<'d> Page<'d> {
    /// A page of text, without records and data.
    pub fn new(name: &str, sections: impl Fn(Medium) -> Vec<Section> + 'd) -> Self {
        Self {
            name: name.to_owned(),
            level: 2,
            sections: Box::new(sections),
            records: Box::new(Records::default),
            data: Box::new(|| Ok(String::new())),
        }
    }

    /// The same as a part of a document.
    #[must_use]
    pub fn part(self) -> Self {
        Self { level: 3, ..self }
    }

    /// The same with records.
    #[must_use]
    pub fn records(self, records: impl Fn() -> Records + 'd) -> Self {
        Self { records: Box::new(records), ..self }
    }

    /// The same with data that can be serialised; it is made when it is asked for.
    #[must_use]
    pub fn data<T: serde::Serialize>(self, data: impl Fn() -> T + 'd) -> Self {
        Self { data: Box::new(move || super::indented::json(&data())), ..self }
    }

    /// Its text.
    pub fn sections(&self, medium: Medium) -> Vec<Section> {
        (self.sections)(medium)
    }

    /// Its records; none where it has no records.
    pub fn as_records(&self) -> Records {
        (self.records)()
    }

    /// Its data as indented JSON; empty where it has none.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn as_json(&self) -> serde_json::Result<String> {
        (self.data)()
    }
}

/// The text of pages one below the other, an empty line between them.
pub fn joined(pages: &[Page<'_>], page: impl Fn(&Page<'_>) -> String) -> String {
    pages.iter().map(page).collect::<Vec<_>>().join("\n")
}

//! The format of a page and where it goes: one struct for all commands, each of which says what its report holds.
//!
//! Without `--format` the ending of `-o FILE` decides; what a report cannot be written in is refused before any work.

use std::path::Path;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::report::check::{self, CheckFormat};
use crate::report::page::Content;
use crate::report::render::label::Label;
use crate::report::render::{self, FORMATS, Format};

/// A report with figures that somebody prints in a paper.
pub const FIGURES: &[Content] = &[Content::Text, Content::Figures, Content::Records, Content::Data];
/// Such a report without records.
pub const COMPARISON: &[Content] = &[Content::Text, Content::Figures, Content::Data];
/// A report with records.
pub const RECORDS: &[Content] = &[Content::Text, Content::Records, Content::Data];
/// A report that is text and data.
pub const ANSWERS: &[Content] = &[Content::Text, Content::Data];
/// Text alone.
pub const PROSE: &[Content] = &[Content::Text];

/// The format of a page, and where it goes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// How it is written [default: by the ending of FILE, otherwise a table]
    #[arg(long, value_name = "FORMAT", value_parser = offered(FIGURES))]
    pub format: Option<&'static Format>,
    /// Write to a file instead; it is replaced when all is written
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<String>,
}

impl OutputArgs {
    /// Lets the ending of the file choose where nothing else was said.
    ///
    /// # Errors
    /// The ending of a format that the report cannot be written in.
    pub fn settle(&mut self, contents: &[Content]) -> Result<(), String> {
        self.output = self.output.take().filter(|file| file != STDOUT);
        let Some(format) = by_ending(self.output.as_deref(), FORMATS, |f| &f.label) else {
            let labels = render::offered(contents).map(|f| &f.label);
            return match unknown_ending(self.output.as_deref(), labels) {
                Some(message) if self.format.is_none() => Err(message),
                _ => Ok(()),
            };
        };
        if self.format.is_none() && !contents.contains(&format.needs) {
            let file = self.output.as_deref().unwrap_or_default();
            return Err(not_offered(file, render::offered(contents).map(|f| &f.label)));
        }
        self.format.get_or_insert(format);
        Ok(())
    }

    /// The format that was chosen.
    pub fn format(&self) -> &'static Format {
        self.format.unwrap_or(&FORMATS[0])
    }
}

/// What `-o` calls standard output, as `-` is standard input where a model is named.
const STDOUT: &str = "-";

/// The format of a check, and where it goes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct CheckOutputArgs {
    /// How it is written [default: by the ending of FILE, otherwise a table]
    #[arg(long, value_name = "FORMAT", value_parser = parser(check::FORMATS, |f| &f.label))]
    pub format: Option<&'static CheckFormat>,
    /// Write to a file instead; it is replaced when all is written
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<String>,
}

impl CheckOutputArgs {
    /// The format that was chosen, or that the ending of the file stands for.
    ///
    /// # Errors
    /// The ending of a format that a check cannot be written in.
    pub fn settle(&mut self) -> Result<(), String> {
        self.output = self.output.take().filter(|file| file != STDOUT);
        let file = self.output.as_deref();
        if self.format.is_none() {
            self.format = by_ending(file, check::FORMATS, |f| &f.label);
            if self.format.is_none() && by_ending(file, FORMATS, |f| &f.label).is_some() {
                let labels = check::FORMATS.iter().map(|f| &f.label);
                return Err(not_offered(file.unwrap_or_default(), labels));
            }
            if let (None, Some(message)) =
                (self.format, unknown_ending(file, check::FORMATS.iter().map(|f| &f.label)))
            {
                return Err(message);
            }
        }
        Ok(())
    }

    /// The format that was chosen.
    pub fn format(&self) -> &'static CheckFormat {
        self.format.unwrap_or(&check::FORMATS[0])
    }
}

/// The format whose files end like this one.
fn by_ending<F>(
    file: Option<&str>,
    formats: &'static [F],
    label: fn(&F) -> &Label,
) -> Option<&'static F> {
    let ending = Path::new(file?).extension()?.to_str()?;
    formats
        .iter()
        .find(|format| label(format).ending.is_some_and(|known| known.eq_ignore_ascii_case(ending)))
}

/// Endings of a file that a table is written to.
const OF_TABLES: &[&str] = &["txt", "text", "log", "out"];

/// What is said of an ending that stands for nothing, so that a slip does not end as a table in a file of another name.
fn unknown_ending<'l>(
    file: Option<&str>,
    labels: impl Iterator<Item = &'l Label>,
) -> Option<String> {
    let ending = Path::new(file?).extension()?.to_str()?;
    if OF_TABLES.iter().any(|known| known.eq_ignore_ascii_case(ending)) {
        return None;
    }
    let known: Vec<String> = labels
        .filter_map(|label| label.ending)
        .chain(OF_TABLES.iter().copied().take(1))
        .map(|ending| format!(".{ending}"))
        .collect();
    Some(format!(
        "`.{ending}` stands for no format: known are {}; --format table writes a table whatever the ending",
        known.join(", ")
    ))
}

/// Which endings there are instead.
fn not_offered<'l>(file: &str, labels: impl Iterator<Item = &'l Label>) -> String {
    let endings: Vec<String> =
        labels.filter_map(|label| label.ending).map(|ending| format!(".{ending}")).collect();
    let instead = match endings.as_slice() {
        [] => "any other ending is a table".to_owned(),
        endings => format!("it has {}, and a table for other endings", endings.join(", ")),
    };
    format!(
        "this command cannot write the format that the ending of `{file}` stands for: {instead}; --format \
         chooses one whatever the ending"
    )
}

/// Reads the name of a format that a report with these contents can be written in.
pub fn offered(contents: &'static [Content]) -> impl TypedValueParser<Value = &'static Format> {
    let names = render::offered(contents).map(|format| possible(&format.label));
    PossibleValuesParser::new(names).map(|name| named(&name, FORMATS, |f| &f.label))
}

/// Reads the name of one of these.
fn parser<F: Send + Sync + 'static>(
    formats: &'static [F],
    label: fn(&F) -> &Label,
) -> impl TypedValueParser<Value = &'static F> {
    let names = formats.iter().map(|format| possible(label(format)));
    PossibleValuesParser::new(names).map(move |name| named(&name, formats, label))
}

/// A name with its sentence.
fn possible(label: &Label) -> PossibleValue {
    PossibleValue::new(label.name).aliases(label.alias).help(label.about)
}

/// The format of a name that was found to be one.
fn named<F>(name: &str, formats: &'static [F], label: fn(&F) -> &Label) -> &'static F {
    let is_meant = |format: &&F| label(format).name == name || label(format).alias == Some(name);
    formats.iter().find(is_meant).unwrap_or(&formats[0])
}

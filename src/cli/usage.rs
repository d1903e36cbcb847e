//! What is wrong with the command line itself, in each format of messages. It has no code.

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::ValueEnum as _;
use serde::Serialize;

use super::args::MessageFormat;
use super::done::{self, Status};
use crate::diag::Format;
use crate::report::text::safe;
use crate::sanitize::sanitize_json;

/// A diagnostic without a code and a place; the keys are those of one with them.
#[derive(Serialize)]
struct Json<'m> {
    code: Option<&'static str>,
    severity: &'static str,
    message: &'m str,
    file: &'static str,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
    labels: [(); 0],
    notes: [(); 0],
    helps: &'m [String],
}

/// A sentence and ways to fix it.
pub(super) fn text(message: &str, helps: &[String], format: Format) -> String {
    match format {
        Format::Human => {
            let mut out = format!("error: {}\n", safe(message));
            for help in helps {
                let _ = writeln!(out, "  = help: {}", safe(help));
            }
            out
        }
        Format::Short => format!("error: {}\n", safe(message)),
        Format::Json => {
            let value = Json {
                code: None,
                severity: "error",
                message,
                file: "",
                line: None,
                column: None,
                end_line: None,
                end_column: None,
                labels: [],
                notes: [],
                helps,
            };
            // Strings alone: writing them cannot fail.
            serde_json::to_string(&value).map(|text| sanitize_json(text) + "\n").unwrap_or_default()
        }
    }
}

/// Prints what clap has to say, help too, of a command line that begins with the name of the program.
pub fn print(error: &clap::Error, words: impl IntoIterator<Item = OsString>) -> Status {
    if !error.use_stderr() {
        // Help that nobody reads to its end is no error.
        let _ = error.print();
        return Status::Fine;
    }
    // Nobody is left to be told that standard error is closed.
    let _ = match format(words) {
        Format::Human => error.print(),
        format => {
            let (message, helps) = parts(&error.render().to_string());
            done::print(std::io::stderr().lock(), &text(&message, &helps, format), false)
        }
    };
    Status::Failed
}

/// The format that a command line asks for, which clap could not read.
fn format(words: impl IntoIterator<Item = OsString>) -> Format {
    let mut words = words.into_iter().filter_map(|word| word.into_string().ok());
    let mut format = MessageFormat::default();
    while let Some(word) = words.next().filter(|word| word != "--") {
        let value = match word.strip_prefix("--message-format") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        format = value.and_then(|v| MessageFormat::from_str(&v, false).ok()).unwrap_or(format);
    }
    format.into()
}

/// The sentence and the tips of clap's text; its usage is for people.
fn parts(text: &str) -> (String, Vec<String>) {
    let mut paragraphs = text.split("\n\n");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = words(paragraphs.next().unwrap_or_default());
    let lines = paragraphs.flat_map(str::lines);
    let tips = lines.filter_map(|line| line.trim().strip_prefix("tip: ")).map(words);
    (message.strip_prefix("error: ").unwrap_or(&message).to_owned(), tips.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn a_sentence_and_tips_are_what_is_kept() {
        let error = Cli::read(["cnnstat", "m", "--format", "jsn"]).unwrap_err();
        let (message, helps) = parts(&error.render().to_string());
        assert!(message.starts_with("invalid value 'jsn' for '--format <FORMAT>' [possible"));
        assert_eq!(helps, ["a similar value exists: 'json'"]);
    }

    #[test]
    fn the_format_is_found_in_what_cannot_be_read() {
        let of = |line: &str| format(line.split(' ').map(OsString::from));
        assert_eq!(of("cnnstat --message-format json --nosuch"), Format::Json);
        assert_eq!(of("cnnstat --message-format=short"), Format::Short);
        assert_eq!(of("cnnstat -- --message-format=short"), Format::Human);
        assert_eq!(of("cnnstat --message-format xml"), Format::Human);
    }
}

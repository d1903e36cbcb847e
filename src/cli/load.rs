//! From an argument to an analysed network: a path, a path with a variant, a name of the zoo, or standard input.
//!
//! Tests stand below.

use std::fs::File;
use std::io::{ErrorKind, Read, stdin};
use std::path::Path;

use clap::CommandFactory;
use glob::Pattern;

use super::args::{Cli, STDIN};
use super::settings::{Screen, Settings, about_option};
use crate::analysis::{Analysis, AnalysisError, Options, analyze};
use crate::convention::{Choice, Convention, Count};
use crate::diag::{Code, Diagnostic, Format, Source, did_you_mean, render};
use crate::lang::{self, Choices, Document};
use crate::ops::ledger::Role;
use crate::report::build::{Caption, report, report_as};
use crate::report::model::Report;
use crate::zoo;

/// The largest file that is read, in bytes; `lang` has limits of its own below this.
const LARGEST: u64 = 64 << 20;

/// Why something could not be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The text that the diagnostics point into; without one where a file could not be read.
    pub source: Option<Source>,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// One thing that is wrong.
    pub fn new(diagnostic: Diagnostic) -> Self {
        Self { source: None, diagnostics: vec![diagnostic] }
    }

    /// What is wrong with a file, of which there is no text.
    pub fn of_file(name: &str, diagnostic: Diagnostic) -> Self {
        Self::about(&Source { name: name.to_owned(), text: String::new() }, vec![diagnostic])
    }

    /// Things that are wrong with a description.
    pub fn about(source: &Source, diagnostics: Vec<Diagnostic>) -> Self {
        Self { source: Some(source.clone()), diagnostics }
    }

    /// Keeps what is right and collects what is wrong.
    pub fn collect<T>(&mut self, results: impl Iterator<Item = Result<T, Self>>) -> Vec<T> {
        let mut right = Vec::new();
        for result in results {
            match result {
                Ok(value) => right.push(value),
                Err(failure) => self.diagnostics.extend(failure.diagnostics),
            }
        }
        right
    }

    /// As it is shown.
    pub fn text(&self, screen: &Screen) -> String {
        let nowhere = Source { name: String::new(), text: String::new() };
        // People read the name of a file that cannot be read in the sentence.
        let is_shown =
            |source: &&Source| screen.messages != Format::Human || !source.text.is_empty();
        let source = self.source.as_ref().filter(is_shown).unwrap_or(&nowhere);
        render(
            &self.diagnostics,
            source,
            screen.messages,
            screen.message_width,
            screen.message_color,
        )
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::new(diagnostic)
    }
}

/// A network that was read and analysed.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its description.
    pub source: Source,
    /// What was read.
    pub document: Document,
    /// What was found.
    pub analysis: Analysis,
}

impl Model {
    /// Its report.
    pub fn report(&self) -> Report {
        let document = &self.document;
        let caption = Caption {
            name: document.variant.as_deref(),
            about: document.about.as_deref(),
            source: document.source.as_deref(),
        };
        report(&document.graph, &self.analysis, caption)
    }

    /// Its report, operations counted as a convention has it.
    pub fn report_as(&self, convention: Option<&'static Convention>) -> Result<Report, Failure> {
        let Some(convention) = convention.filter(|convention| !convention.is_default()) else {
            return Ok(self.report());
        };
        let count = self.count(convention, Choice::default())?;
        Ok(report_as(self.report(), convention, &count))
    }

    /// What a convention makes of it.
    pub fn count(&self, convention: &Convention, choice: Choice) -> Result<Count, Failure> {
        let count = convention.count(&self.document.graph, &self.analysis, choice);
        count.map_err(|error| self.failure(&error))
    }

    /// What is to be said where a pass over its graph fails.
    pub fn failure(&self, error: &AnalysisError) -> Failure {
        let diagnostic = lang::resolve(&self.source, shape_diagnostic(&self.document, error));
        Failure::about(&self.source, vec![diagnostic])
    }
}

/// Reads and analyses what an argument means.
pub fn model(argument: &str, settings: &Settings) -> Result<Model, Failure> {
    let (source, variant) = find(argument)?;
    parse(source, variant, settings)
        .and_then(|(source, document)| analyse(source, document, settings, argument))
}

/// Reads a description.
pub fn parse(
    source: Source,
    variant: Option<String>,
    settings: &Settings,
) -> Result<(Source, Document), Failure> {
    let choices = Choices { variant, sets: settings.sets.clone(), inputs: settings.inputs.clone() };
    match lang::parse(&source, &choices) {
        Ok(document) => Ok((source, document)),
        Err(diagnostics) => Err(Failure::about(&source, diagnostics)),
    }
}

/// Analyses a network with the assumptions of the settings; `argument` is what a command takes for it.
pub fn analyse(
    source: Source,
    document: Document,
    settings: &Settings,
    argument: &str,
) -> Result<Model, Failure> {
    let fail = |diagnostic| Failure::about(&source, vec![lang::resolve(&source, diagnostic)]);
    let mut failure = Failure { source: Some(source.clone()), diagnostics: Vec::new() };
    let own = document.frozen.iter().map(|(text, place)| {
        let error = |error: glob::PatternError| {
            let message = format!("`{text}` is not a pattern: {}", error.msg);
            Diagnostic::new(Code::E0111, message).label(*place, "cannot be read")
        };
        Pattern::new(text).map_err(|e| Failure::new(lang::resolve(&source, error(e))))
    });
    let own = failure.collect(own);
    let mut options = settings.options.clone();
    options.frozen = own.iter().chain(&settings.freeze).cloned().collect();
    let analysis = analyze(&document.graph, &options);
    let analysis = analysis.map_err(|error| {
        let diagnostic = shape_diagnostic(&document, &error);
        match large_batch(&document, options.clone(), &diagnostic) {
            Some(diagnostic) => diagnostic.into(),
            None => fail(diagnostic),
        }
    })?;
    let idle = |pattern: &Pattern| !matches(&document, &analysis, pattern);
    for (text, place) in &document.frozen {
        if own.iter().any(|pattern| pattern.as_str() == text && idle(pattern)) {
            let message = format!("no parameter is called `{text}`");
            let diagnostic = Diagnostic::new(Code::E0111, message).label(*place, "matches nothing");
            failure.diagnostics.push(lang::resolve(&source, diagnostic));
        }
    }
    for pattern in settings.freeze.iter().filter(|pattern| idle(pattern)) {
        let text = pattern.as_str();
        let message = format!("no parameter of {} is called `{text}`", source.name);
        let diagnostic = about_option(Code::E0111, "--freeze", text, message, "matches nothing");
        let help = format!(
            "`cnnstat params {}` lists the names; `features.*` means all of a scope",
            typed(argument)
        );
        failure.diagnostics.push(diagnostic.help(help));
    }
    if failure.diagnostics.is_empty() {
        Ok(Model { source, document, analysis })
    } else {
        Err(failure)
    }
}

fn shape_diagnostic(document: &Document, error: &AnalysisError) -> Diagnostic {
    let place = error.node.and_then(|node| document.place(node));
    lang::shape_diagnostic(&error.name, place, &error.error)
}

/// Where a network fits at a batch of one and exceeds 64 bits at the batch that was asked for: the option is at fault.
fn large_batch(document: &Document, options: Options, found: &Diagnostic) -> Option<Diagnostic> {
    let batch = options.batch;
    let is_large = found.code == Code::E0509 && batch > 1;
    if !is_large || analyze(&document.graph, &Options { batch: 1, ..options }).is_err() {
        return None;
    }
    let message = format!("--batch {batch} is too large: {}", found.message);
    let diagnostic =
        about_option(Code::E0509, "--batch", &batch.to_string(), message, "too many examples");
    Some(diagnostic.help("the network fits at a batch of one: choose a smaller --batch"))
}

/// An argument as it is typed.
fn typed(argument: &str) -> String {
    match argument.strip_prefix(STDIN) {
        Some(variant) if variant.starts_with('#') => format!("-{variant}"),
        _ => argument.to_owned(),
    }
}

/// Whether a pattern of `frozen` matches a parameter, by the rule of the analysis.
fn matches(document: &Document, analysis: &Analysis, pattern: &Pattern) -> bool {
    analysis.rows.iter().any(|row| {
        let name = &document.graph.node(row.node).name;
        let mut tensors = row.tensors.iter().filter(|tensor| tensor.role != Role::Buffer);
        tensors.any(|t| pattern.matches(name) || pattern.matches(&format!("{name}.{}", t.name)))
    })
}

/// The description that an argument means, and the variant. A path wins over a name of the zoo.
pub fn find(argument: &str) -> Result<(Source, Option<String>), Failure> {
    if Path::new(argument).exists() {
        return Ok((read_file(argument)?, None));
    }
    let (stem, variant) = match argument.rsplit_once('#') {
        Some((stem, variant)) => (stem, Some(variant.to_owned())),
        None => (argument, None),
    };
    let (source, usual) = described(argument, stem, variant.is_some())?;
    if variant.as_ref().is_some_and(String::is_empty) {
        return Err(nameless(&source, &typed(argument)));
    }
    Ok((source, variant.or_else(|| usual.map(str::to_owned))))
}

/// The description that an argument's `stem` means, and the variant of a name of the zoo.
fn described(
    argument: &str,
    stem: &str,
    has_variant: bool,
) -> Result<(Source, Option<&'static str>), Failure> {
    if stem == "-" || (stem == STDIN && has_variant) {
        return Ok((text_of(STDIN, stdin().lock())?, None));
    }
    if has_variant && Path::new(stem).exists() {
        return Ok((read_file(stem)?, None));
    }
    let Some(entry) = zoo::find(stem) else {
        // What cannot even be looked for says why; all else is not there.
        Path::new(stem).try_exists().map_err(|error| cannot_read(stem, &error))?;
        return Err(Failure::of_file(stem, not_found(argument, stem)));
    };
    Ok((built_in(entry.file, entry.text), entry.variant))
}

/// A description of the zoo.
pub fn built_in(file: &str, text: &str) -> Source {
    Source { name: format!("{file} (built in)"), text: text.to_owned() }
}

/// `FILE#` and nothing.
fn nameless(source: &Source, typed: &str) -> Failure {
    let variants = lang::outline(source).map(|outline| outline.variants).unwrap_or_default();
    let names: Vec<&str> = variants.iter().map(|(name, _)| name.as_str()).collect();
    let message = format!("the name of a variant is missing after the # of `{typed}`");
    let diagnostic = Diagnostic::new(Code::E0107, message);
    let diagnostic = match names.first() {
        None => diagnostic.help("leave the # out: the description has no variants"),
        Some(first) => diagnostic
            .note(format!("its variants are {}", names.join(", ")))
            .help(format!("write `{typed}{first}`, or leave the # out")),
    };
    Failure::about(source, vec![diagnostic])
}

fn not_found(argument: &str, stem: &str) -> Diagnostic {
    let is_path = stem.contains(['/', '\\']) || Path::new(stem).extension().is_some();
    let message = format!("no such file, and no network of the zoo: `{argument}`");
    let program = Cli::command();
    let commands = program.get_subcommands().map(clap::Command::get_name);
    let diagnostic = Diagnostic::new(Code::E0101, message)
        .helps(did_you_mean(stem, zoo::names()).or_else(|| did_you_mean(stem, commands)));
    if program.find_subcommand(stem).is_some() {
        return diagnostic.help(format!("the command comes first: `cnnstat {stem} MODEL`"));
    }
    match (is_path, zoo::names().next()) {
        (true, _) | (false, None) => {
            let help =
                "a path begins at the current folder; `cnnstat list` names the built-in networks";
            diagnostic.help(help)
        }
        (false, Some(example)) => {
            diagnostic.help(format!("name a file, or a built-in network as in `cnnstat {example}`"))
        }
    }
}

/// Reads a file.
pub fn read_file(path: &str) -> Result<Source, Failure> {
    if Path::new(path).is_dir() {
        let message = format!("`{path}` is a folder");
        let help = format!("`cnnstat check {path}` searches a folder; name one of its files here");
        return Err(Failure::of_file(path, Diagnostic::new(Code::E0104, message).help(help)));
    }
    let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    text_of(path, file)
}

/// The text of a file or of standard input.
fn text_of(name: &str, from: impl Read) -> Result<Source, Failure> {
    let fail = |code, message, help| {
        Err(Failure::of_file(name, Diagnostic::new(code, message).help(help)))
    };
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| cannot_read(name, &error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        return fail(
            Code::E0106,
            format!("`{name}` is larger than {}", crate::units::bytes(LARGEST)),
            "a description is text; loops and blocks keep it short",
        );
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            return fail(
                Code::E0102,
                format!("`{name}` is not UTF-8 text: byte {at} is no character"),
                "save it as UTF-8",
            );
        }
    };
    // A byte order mark is no part of the text.
    let text = text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned);
    if text.trim().is_empty() {
        return fail(Code::E0103, format!("`{name}` is empty"), lang::BEGIN);
    }
    Ok(Source { name: name.to_owned(), text })
}

fn cannot_read(name: &str, error: &std::io::Error) -> Failure {
    let code = if error.kind() == ErrorKind::NotFound { Code::E0101 } else { Code::E0105 };
    Failure::of_file(name, Diagnostic::new(code, format!("`{name}` cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(failure: Result<impl std::fmt::Debug, Failure>) -> Code {
        failure.unwrap_err().diagnostics[0].code
    }

    #[test]
    fn what_is_no_description_says_so() {
        assert_eq!(code(find("no/such/file.yaml")), Code::E0101);
        assert_eq!(code(find(env!("CARGO_MANIFEST_DIR"))), Code::E0104);
        assert_eq!(code(text_of("x", &[0xff, 0xfe][..])), Code::E0102);
        assert_eq!(code(text_of("x", &b" \n"[..])), Code::E0103);
        assert_eq!(code(text_of("x", std::io::repeat(b'a'))), Code::E0106);
    }

    #[test]
    fn a_file_has_its_name_and_no_variant() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let (source, variant) = find(path).unwrap();
        assert_eq!((source.name.as_str(), variant), (path, None));
        let (_, variant) = find(&format!("{path}#large")).unwrap();
        assert_eq!(variant.as_deref(), Some("large"));
    }
}

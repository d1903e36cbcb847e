//! From an argument to an analysed network: a path, a path with a variant, a name of the zoo, or standard input.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom, stdin};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::CommandFactory;

use super::args::mistakes::is_nothing;
use super::args::{Cli, STDIN};
use super::git;
use super::settings::{Screen, Settings, about_option};
use super::wrong_input::{self, Unlike};
use crate::analysis::{Analysis, AnalysisError, Options, Pattern, analyze};
use crate::convention::{Choice, Convention, Count};
use crate::diag::{Code, Diagnostic, Format, Source, did_you_mean, render};
use crate::import::{self, Bytes};
use crate::lang::{self, Description};
use crate::model::{Architecture, Shared};
use crate::model::{Asked, Model};
use crate::notes;
use crate::ops::Mode;
use crate::ops::ledger::Role;
use crate::report::build::{Caption, report, report_as};
use crate::report::model::Report;
use crate::report::text::wrap;
use crate::shape::Shape;
use crate::zoo;

/// Columns that stand before a sentence of a diagnostic.
const MARGIN: usize = 16;

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
        Self::about(&Source::named(name), vec![diagnostic])
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

    /// The same, without lines of a text that is no description.
    pub fn without_foreign_text(self, path: &str) -> Self {
        let texts = self.diagnostics.iter().filter_map(|found| found.source.as_ref());
        let mut texts = texts.chain(&self.source);
        if texts.all(|source| source.text.is_empty() || lang::looks_like_one(&source.text)) {
            return self;
        }
        let message = format!("`{path}` is no description: it has no line `model: NAME`");
        Self::of_file(path, Diagnostic::new(Code::E0303, message))
    }

    /// As it is shown.
    pub fn text(&self, screen: &Screen) -> String {
        let nowhere = Source::default();
        // People read the name of a file that cannot be read in the sentence.
        let is_shown =
            |source: &&Source| screen.messages != Format::Human || !source.text.is_empty();
        let source = self.source.as_ref().filter(is_shown).unwrap_or(&nowhere);
        let mut diagnostics = Cow::Borrowed(&self.diagnostics);
        if !screen.trail && self.diagnostics.iter().any(|diagnostic| !diagnostic.trail.is_empty()) {
            diagnostics.to_mut().iter_mut().for_each(|diagnostic| diagnostic.trail.clear());
        }
        let (width, format) = (screen.message_width, screen.messages);
        if screen.wraps_messages && format == Format::Human {
            // Behind the title stand a severity and a code, behind notes their sign.
            let broken = |text: &String| wrap(text, Some(width.saturating_sub(MARGIN)), 0, 0);
            for diagnostic in diagnostics.to_mut() {
                diagnostic.message = broken(&diagnostic.message);
                for text in diagnostic.notes.iter_mut().chain(&mut diagnostic.helps) {
                    *text = broken(text);
                }
            }
        }
        render(&diagnostics, source, format, width, screen.message_color)
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::new(diagnostic)
    }
}

/// A network that was read and analysed.
#[derive(Clone)]
pub struct Loaded {
    /// Where it comes from: what is asked for other sizes and settings.
    pub architecture: Shared,
    /// Its description.
    pub source: Source,
    /// What was read.
    pub model: Model,
    /// What was found.
    pub analysis: Analysis,
}

impl Loaded {
    /// What is right and perhaps not meant, as it is shown; with `trains` a training step is meant too.
    pub fn notes(&self, screen: &Screen, trains: bool) -> String {
        if !screen.notes {
            return String::new();
        }
        let trains = trains || self.analysis.options.mode == Mode::Train;
        let mut found = self.architecture.notes();
        found.extend(notes::notes(&self.model, &self.analysis, trains));
        if found.is_empty() {
            return String::new();
        }
        failure(&*self.architecture, found).text(screen)
    }

    /// What the network is called: the variant, or the graph's name.
    pub fn name(&self) -> &str {
        self.model.name()
    }

    /// Its report.
    pub fn report(&self) -> Report {
        let model = &self.model;
        let caption = Caption {
            name: model.variant.as_deref(),
            about: model.about.as_deref(),
            source: model.source.as_deref(),
        };
        report(&model.graph, &self.analysis, caption)
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
        let count = convention.count(&self.model.graph, &self.analysis, choice);
        count.map_err(|error| self.failure(&error))
    }

    /// What is to be said where a pass over its graph fails.
    pub fn failure(&self, error: &AnalysisError) -> Failure {
        failure(&*self.architecture, vec![shape_diagnostic(&self.model, error)])
    }
}

/// What is to be said of a network, its places made readable.
pub fn failure(architecture: &dyn Architecture, diagnostics: Vec<Diagnostic>) -> Failure {
    Failure::about(architecture.source(), architecture.resolve(diagnostics))
}

/// Reads and analyses what an argument means.
pub fn network(argument: &str, settings: &Settings) -> Result<Loaded, Failure> {
    let (architecture, variant) = find(argument)?;
    at(&architecture, variant, settings, argument)
}

/// An architecture with these settings, analysed; `argument` is what a command takes for it.
pub fn at(
    architecture: &Shared,
    variant: Option<String>,
    settings: &Settings,
    argument: &str,
) -> Result<Loaded, Failure> {
    try_at(architecture, variant.clone(), settings, argument).map_err(|mut found| {
        if let Some(help) = fitting(&**architecture, variant, settings, &found) {
            found[0].helps.push(help);
        }
        failure(&**architecture, found)
    })
}

/// The next input that fits, where an extent is what does not.
fn fitting(
    architecture: &dyn Architecture,
    variant: Option<String>,
    settings: &Settings,
    found: &[Diagnostic],
) -> Option<String> {
    let of_extents = [Code::E0502, Code::E0504, Code::E0506, Code::E0510];
    if !of_extents.contains(&found.first()?.code) || found.len() > 1 {
        return None;
    }
    let inputs = architecture.fitting(&asked(variant, settings))?;
    let option = |(name, shape): &(String, Shape)| {
        let sizes: Vec<String> = shape.dims().iter().map(u64::to_string).collect();
        // What a description with one input calls it, unless it says otherwise.
        let name = if name == "input" { String::new() } else { format!("{name}=") };
        format!("--input {name}{}", sizes.join("x"))
    };
    let options: Vec<String> = inputs.iter().map(option).collect();
    Some(format!("the next larger input that fits: {}", options.join(" ")))
}

/// The same for one that is only tried: what is wrong has no readable places.
pub fn try_at(
    architecture: &Shared,
    variant: Option<String>,
    settings: &Settings,
    argument: &str,
) -> Result<Loaded, Vec<Diagnostic>> {
    let made = match evaluate(&**architecture, variant.clone(), settings) {
        Ok(model) => analyse(architecture, model, settings, argument),
        Err(found) => {
            // At a batch of one it may be a network: then the option is at fault.
            let large = found.iter().find(|found| found.code == Code::E0509);
            let large = large.filter(|_| settings.batch > 1).and_then(|large| {
                let one = Settings { batch: 1, ..settings.clone() };
                let one = evaluate(&**architecture, variant.clone(), &one).ok()?;
                large_batch(&one, settings.batch, &settings.options, large)
            });
            Err(large.map_or(found, |large| vec![large]))
        }
    };
    let Err(found) = made else { return made };
    if settings.inputs.is_empty() {
        return Err(found);
    }
    // A shape of `--input` in another order, or with other axes, is what is wrong then.
    let declared = Settings { inputs: Vec::new(), batch: 1, ..settings.clone() };
    let Ok(declared) = evaluate(&**architecture, variant, &declared) else { return Err(found) };
    let unlike = wrong_input::unlike_declared(&settings.inputs, &declared).into_iter();
    let unlike: Vec<Diagnostic> = unlike
        .map(|Unlike { typed, message, label, help }| {
            about_option(Code::E0110, "--input", &typed, message, label).help(help)
        })
        .collect();
    Err(if unlike.is_empty() { found } else { unlike })
}

fn asked(variant: Option<String>, settings: &Settings) -> Asked {
    let (sets, inputs) = (settings.sets.clone(), settings.inputs.clone());
    Asked { variant, sets, inputs, batch: settings.batch }
}

/// An architecture with these settings.
pub fn evaluate(
    architecture: &dyn Architecture,
    variant: Option<String>,
    settings: &Settings,
) -> Result<Model, Vec<Diagnostic>> {
    let model = architecture.at(&asked(variant, settings))?;
    // The one input can be named or not: with both, one of them would be passed over.
    match (settings.inputs.as_slice(), model.graph.inputs()) {
        ([_, _, ..], [only]) => Err(vec![super::settings::twice("--input", &only.name)]),
        _ => Ok(model),
    }
}

/// Analyses a network with the assumptions of the settings; `argument` is what a command takes for it.
pub fn analyse(
    architecture: &Shared,
    model: Model,
    settings: &Settings,
    argument: &str,
) -> Result<Loaded, Vec<Diagnostic>> {
    let source = architecture.source();
    let mut found = Vec::new();
    let mut own = Vec::new();
    for (text, place) in &model.frozen {
        match Pattern::new(text) {
            Ok(pattern) => own.push(pattern),
            Err(error) => {
                let message = format!("`{text}` is not a pattern: {}", error.message);
                let diagnostic = Diagnostic::new(Code::E0111, message);
                found.push(diagnostic.label(*place, "cannot be read"));
            }
        }
    }
    let mut options = settings.options.clone();
    options.frozen = own.iter().chain(&settings.freeze).cloned().collect();
    let analysis = analyze(&model.graph, &options).complete().map_err(|error| {
        let diagnostic = shape_diagnostic(&model, &error);
        let large = large_batch(&model, settings.batch, &options, &diagnostic);
        vec![large.unwrap_or(diagnostic)]
    })?;
    let idle = |pattern: &Pattern| !matches(&model, &analysis, pattern);
    for (text, place) in &model.frozen {
        if own.iter().any(|pattern| pattern.as_str() == text && idle(pattern)) {
            let message = format!("no parameter is called `{text}`");
            let diagnostic = Diagnostic::new(Code::E0111, message).label(*place, "matches nothing");
            found.push(diagnostic);
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
        found.push(diagnostic.help(help));
    }
    if !found.is_empty() {
        return Err(found);
    }
    let (architecture, source) = (Arc::clone(architecture), source.clone());
    Ok(Loaded { architecture, source, model, analysis })
}

fn shape_diagnostic(model: &Model, error: &AnalysisError) -> Diagnostic {
    let place = error.node.and_then(|node| model.origin(node));
    lang::shape_diagnostic(&error.name, place, &error.error)
}

/// Where a network fits at a batch of one and exceeds 64 bits at the batch that was asked for: the option is at fault.
fn large_batch(
    model: &Model,
    batch: u64,
    options: &Options,
    found: &Diagnostic,
) -> Option<Diagnostic> {
    let is_large = found.code == Code::E0509 && batch > 1;
    if !is_large || analyze(&model.graph.at_batch(1), options).error().is_some() {
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
fn matches(model: &Model, analysis: &Analysis, pattern: &Pattern) -> bool {
    analysis.rows.iter().any(|row| {
        let name = &model.graph.node(row.node).name;
        let mut tensors = row.tensors.iter().filter(|tensor| tensor.role != Role::Buffer);
        tensors.any(|t| pattern.matches(name) || pattern.matches(&format!("{name}.{}", t.name)))
    })
}

/// The architecture that an argument means, and the variant. A path wins over a name of the zoo.
pub fn find(argument: &str) -> Result<(Shared, Option<String>), Failure> {
    if Path::new(argument).exists() {
        return Ok((read_file(argument)?, None));
    }
    let (stem, variant) = match argument.rsplit_once('#') {
        Some((stem, variant)) => (stem, Some(variant.to_owned())),
        None => (argument, None),
    };
    let (architecture, usual) = described(argument, stem, variant.is_some())?;
    if variant.as_ref().is_some_and(String::is_empty) {
        return Err(nameless(&*architecture, &typed(argument)));
    }
    Ok((architecture, variant.or_else(|| usual.map(str::to_owned))))
}

/// The architecture that an argument's `stem` means, and the variant of a name of the zoo.
fn described(
    argument: &str,
    stem: &str,
    has_variant: bool,
) -> Result<(Shared, Option<&'static str>), Failure> {
    if stem == "-" || (stem == STDIN && has_variant) {
        // An importer may go back and forth: what cannot is kept first, as much as any text may have.
        let mut bytes = Vec::new();
        let read = stdin().lock().take(LARGEST).read_to_end(&mut bytes);
        read.map_err(|error| cannot_read(STDIN, &error))?;
        return Ok((read_bytes(STDIN, &mut Cursor::new(bytes))?, None));
    }
    if has_variant && Path::new(stem).exists() {
        return Ok((read_file(stem)?, None));
    }
    if let Some(bytes) = (zoo::find(stem).is_none()).then(|| git::file(stem)).flatten() {
        return Ok((read_bytes(stem, &mut Cursor::new(bytes))?, None));
    }
    let Some(entry) = zoo::find(stem) else {
        // What cannot even be looked for says why; all else is not there.
        Path::new(stem).try_exists().map_err(|error| cannot_read(stem, &error))?;
        return Err(Failure::of_file(stem, not_found(argument, stem)));
    };
    Ok((built_in(entry.file, entry.text)?, entry.variant))
}

/// A network of the zoo.
pub fn built_in(file: &str, text: &str) -> Result<Shared, Failure> {
    let source = Source::new(format!("{file} (built in)"), text);
    match Description::read(source.clone()) {
        Ok(description) => Ok(Arc::new(description)),
        Err(found) => Err(Failure::about(&source, found)),
    }
}

/// `FILE#` and nothing.
fn nameless(architecture: &dyn Architecture, typed: &str) -> Failure {
    let names: Vec<&str> = architecture.variants().iter().map(|v| v.name.as_str()).collect();
    let message = format!("the name of a variant is missing after the # of `{typed}`");
    let diagnostic = Diagnostic::new(Code::E0107, message);
    let diagnostic = match names.first() {
        None => diagnostic.help("leave the # out: the description has no variants"),
        Some(first) => diagnostic
            .note(format!("its variants are {}", names.join(", ")))
            .help(format!("write `{typed}{first}`, or leave the # out")),
    };
    Failure::about(architecture.source(), vec![diagnostic])
}

fn not_found(argument: &str, stem: &str) -> Diagnostic {
    let is_path = stem.contains(['/', '\\']) || Path::new(stem).extension().is_some();
    if let Some(why) = git::missing(stem) {
        let said = format!("no such file, and no file of a revision: `{argument}`");
        return Diagnostic::new(Code::E0101, said).help(why);
    }
    let message = format!("no such file, and no network of the zoo: `{argument}`");
    let program = Cli::command();
    let commands = program.get_subcommands().map(clap::Command::get_name);
    let known: Vec<&str> = commands.chain(zoo::names().map(|name| name as &str)).collect();
    let near = meant(stem).map(|name| format!("did you mean `{name}`?"));
    let diagnostic =
        Diagnostic::new(Code::E0101, message).helps(near.or_else(|| did_you_mean(stem, known)));
    if program.find_subcommand(stem).is_some() {
        return diagnostic.help(format!("the command comes first: `cnnstat {stem} MODEL`"));
    }
    match (is_path, zoo::names().next()) {
        (true, _) | (false, None) => diagnostic.help(
            "a path begins at the current folder; `cnnstat list` names the built-in networks",
        ),
        (false, Some(example)) => {
            diagnostic.help(format!("name a file, or a built-in network as in `cnnstat {example}`"))
        }
    }
}

/// The network of the zoo that is meant by `torchvision.models.resnet50`, `resnet50.yaml` or `ResNet-50`.
fn meant(stem: &str) -> Option<&'static str> {
    let plain = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let called = stem.split('(').next().unwrap_or_default();
    let file = called.rsplit(['/', '\\']).next().unwrap_or_default();
    let file =
        [".yaml", ".yml"].iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file);
    let last = file.rsplit('.').next().unwrap_or_default();
    let is_meant = |name: &&str| [file, last].iter().any(|typed| plain(typed) == plain(name));
    zoo::names().find(is_meant)
}

/// The first word of a command line where it means nothing: a command with a slip, whose arguments are then not shown as
/// networks.
pub fn mistyped(models: &[String]) -> Option<Failure> {
    let word = models.first().filter(|word| is_nothing(word))?;
    let mut diagnostic = not_found(word, word);
    diagnostic.message = format!("no such command or network: `{word}`");
    let help = "`cnnstat --help` lists the commands, `cnnstat list` the networks";
    Some(Failure::of_file(word, diagnostic.help(help)))
}

/// Reads a network from a file.
pub fn read_file(path: &str) -> Result<Shared, Failure> {
    let file = open(path)?;
    // A pipe cannot be rewound: it is read first.
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    if is_file {
        return read_bytes(path, &mut OnDisk { file, path: PathBuf::from(path) });
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| cannot_read(path, &error))?;
    read_bytes(path, &mut Cursor::new(bytes))
}

/// Reads a text from a file: budgets, or a baseline.
pub fn read_text(path: &str) -> Result<Source, Failure> {
    match import::read_text(path, open(path)?) {
        Ok(text) => Ok(Source::new(path, text)),
        Err(diagnostic) => Err(Failure::of_file(path, *diagnostic)),
    }
}

fn open(path: &str) -> Result<File, Failure> {
    if Path::new(path).is_dir() {
        let message = format!("`{path}` is a folder");
        let help = format!("`cnnstat check {path}` searches a folder; name one of its files here");
        return Err(Failure::of_file(path, Diagnostic::new(Code::E0104, message).help(help)));
    }
    File::open(path).map_err(|error| cannot_read(path, &error))
}

/// Reads a network from bytes that are called `name`.
pub fn read_bytes(name: &str, bytes: &mut dyn Bytes) -> Result<Shared, Failure> {
    import::read(name, bytes).map_err(|found| {
        let source = Source::named(name);
        Failure::about(&source, found)
    })
}

/// The most bytes that are kept of what cannot be rewound; one more than a text may have, so that it is refused.
const LARGEST: u64 = (64 << 20) + 1;

/// A file with the folder that it stands in.
struct OnDisk {
    file: File,
    path: PathBuf,
}

impl Read for OnDisk {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into)
    }
}

impl Seek for OnDisk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Bytes for OnDisk {
    fn sibling(&self, name: &str) -> io::Result<Box<dyn Bytes>> {
        let is_plain = Path::new(name).components().all(|part| {
            matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir)
        });
        if !is_plain {
            let message = format!("`{name}` is not beside the file, or below it");
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        }
        let path = self.path.with_file_name(name);
        Ok(Box::new(Self { file: File::open(&path)?, path }))
    }
}

fn cannot_read(name: &str, error: &std::io::Error) -> Failure {
    let code = if error.kind() == ErrorKind::NotFound { Code::E0101 } else { Code::E0105 };
    Failure::of_file(name, Diagnostic::new(code, format!("`{name}` cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(failure: Result<(), Failure>) -> Code {
        failure.unwrap_err().diagnostics[0].code
    }

    #[test]
    fn what_is_not_there_says_so() {
        assert_eq!(code(find("no/such/file.yaml").map(|_| ())), Code::E0101);
        assert_eq!(code(find(env!("CARGO_MANIFEST_DIR")).map(|_| ())), Code::E0104);
    }

    #[test]
    fn a_file_has_its_name_and_no_variant() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/alexnet.yaml");
        let Ok((architecture, variant)) = find(path) else { panic!() };
        assert_eq!((architecture.source().name.as_str(), variant), (path, None));
        let Ok((_, variant)) = find(&format!("{path}#large")) else { panic!() };
        assert_eq!(variant.as_deref(), Some("large"));
    }

    #[test]
    fn a_sibling_stands_beside_its_file() {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/models/alexnet.yaml"));
        let beside = OnDisk { file: File::open(&path).unwrap(), path };
        assert!(beside.sibling("resnet.yaml").is_ok());
        assert!(beside.sibling("../Cargo.toml").is_err());
        assert!(beside.sibling("/etc/hostname").is_err());
    }
}

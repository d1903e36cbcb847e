//! The command line as it is meant: arguments read, defaults put in, the terminal looked at.

use std::borrow::Cow;
use std::io::IsTerminal as _;

use anstream::ColorChoice;

use super::args::{MessageFormat, ModelArgs, ScreenArgs, ViewArgs, When};
use super::load::Failure;
use crate::analysis::memory::NOT_TRAINED;
use crate::analysis::{Options, Pattern};
use crate::diag::{Code, Diagnostic, Format, Source};
use crate::model::Architecture;
use crate::ops::Mode;
use crate::report::grid::Numbers;
use crate::report::render::table::Look;
use crate::report::view::View;
use crate::shape::{DType, MAX_RANK, Shape};
use crate::source::Span;

/// Columns of a diagnostic where no terminal says how many there are.
const MESSAGE_WIDTH: usize = 100;

/// The screen: what can be shown on it.
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Columns of a page; `None` without limit.
    pub width: Option<usize>,
    /// Whether a page has colour.
    pub color: bool,
    /// Columns of a diagnostic.
    pub message_width: usize,
    /// Whether its sentences are broken there, as for people who look at them.
    pub wraps_messages: bool,
    /// Whether diagnostics have colour.
    pub message_color: bool,
    /// How diagnostics are written.
    pub messages: Format,
    /// Whether notes are shown.
    pub notes: bool,
    /// Whether the layers before a faulty one are shown.
    pub trail: bool,
}

impl Screen {
    /// The screen this process writes to.
    pub fn new(args: ScreenArgs) -> Self {
        let colored = |auto: ColorChoice| match args.color {
            When::Auto => auto != ColorChoice::Never,
            When::Always => true,
            When::Never => false,
        };
        let (out, err) = (std::io::stdout(), std::io::stderr());
        let columns = |size: Option<(terminal_size::Width, terminal_size::Height)>| {
            size.map(|(width, _)| usize::from(width.0))
        };
        let width = out.is_terminal().then(|| columns(terminal_size::terminal_size_of(&out)));
        let message_width = columns(terminal_size::terminal_size_of(&err));
        let asked = args.width.map(usize::from);
        Self {
            width: asked.or(width.flatten()),
            color: colored(anstream::AutoStream::choice(&out)),
            message_width: asked.or(message_width).unwrap_or(MESSAGE_WIDTH),
            wraps_messages: asked.or(message_width).is_some(),
            message_color: colored(anstream::AutoStream::choice(&err)),
            messages: args.message_format.into(),
            notes: !args.no_notes,
            trail: args.until_error || err.is_terminal(),
        }
    }

    /// How a table is drawn; one that goes into a file has neither colour nor limit.
    pub fn look(&self, numbers: Numbers, into_file: bool) -> Look {
        if into_file {
            Look { width: None, color: false, numbers }
        } else {
            Look { width: self.width, color: self.color, numbers }
        }
    }
}

impl From<MessageFormat> for Format {
    fn from(format: MessageFormat) -> Self {
        match format {
            MessageFormat::Human => Self::Human,
            MessageFormat::Short => Self::Short,
            MessageFormat::Json => Self::Json,
        }
    }
}

/// What is picked, replaced and assumed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Variables and the text that replaces theirs.
    pub sets: Vec<(String, String)>,
    /// Input shapes; an empty name is the first input.
    pub inputs: Vec<(String, Shape)>,
    /// Examples that go through at once.
    pub batch: u64,
    /// Element type and mode.
    pub options: Options,
    /// Patterns of parameters that are not trained.
    pub freeze: Vec<Pattern>,
    /// Whether the network is not the one that expectations speak of.
    pub changed: bool,
    /// Whether a network that does not have a variable that is set stays as it is, one of many.
    pub optional: bool,
}

impl Settings {
    /// Reads the options.
    pub fn new(args: &ModelArgs) -> Result<Self, Failure> {
        let mut failure = Failure::default();
        let sets = failure.collect(args.read.set.iter().map(|text| set(text)));
        let inputs = failure.collect(args.read.input.iter().map(|text| input(text)));
        failure.diagnostics.extend(again("--set", &sets));
        failure.diagnostics.extend(again("--input", &inputs));
        let freeze = failure.collect(args.freeze.iter().map(|text| pattern("--freeze", text)));
        if !failure.diagnostics.is_empty() {
            return Err(failure);
        }
        let defaults = Options::default();
        let options = Options {
            dtype: args.dtype.unwrap_or(defaults.dtype),
            mode: args.mode.mode(),
            frozen: Vec::new(),
        };
        if options.mode == Mode::Train && !options.dtype.is_float() {
            return Err(not_trained(options.dtype));
        }
        let read = &args.read;
        let changed = !read.set.is_empty() || !read.input.is_empty() || args.batch.is_some();
        let batch = args.batch.unwrap_or(1);
        Ok(Self { sets, inputs, batch, options, freeze, changed, optional: false })
    }
}

/// A training step is asked for in a type that has none.
pub fn not_trained(dtype: DType) -> Failure {
    let said = Diagnostic::new(Code::E0115, format!("there is no training step in {dtype}"));
    Failure::new(said.help(NOT_TRAINED))
}

impl Settings {
    /// The settings that an architecture can have.
    pub fn of(&self, architecture: &dyn Architecture) -> Cow<'_, Self> {
        if !self.optional || self.sets.is_empty() {
            return Cow::Borrowed(self);
        }
        let own = architecture.settings();
        let mut fitting = self.clone();
        fitting.sets.retain(|(name, _)| own.iter().any(|setting| setting.name == *name));
        Cow::Owned(fitting)
    }
}

impl From<&ViewArgs> for View {
    fn from(args: &ViewArgs) -> Self {
        Self {
            columns: args.columns.clone(),
            depth: args.depth,
            collapse: args.collapse,
            sort: args.sort,
            top: args.top,
        }
    }
}

impl ViewArgs {
    /// How numbers are written.
    pub const fn numbers(&self) -> Numbers {
        if self.exact { Numbers::Exact } else { Numbers::Rounded }
    }
}

/// A diagnostic about the text of an option.
pub fn about_option(
    code: Code,
    option: &str,
    text: &str,
    message: String,
    label: &str,
) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(code, message).span(Span::new(0, text.len()), label);
    diagnostic.source = Some(Source::new(option, text));
    diagnostic
}

/// That an option is given twice of one name: the last would win in silence.
pub fn twice(option: &str, name: &str) -> Diagnostic {
    let code = if option == "--set" { Code::E0108 } else { Code::E0110 };
    let (of, shown) = match (option, name) {
        ("--set", name) => (format!("the variable `{name}`"), name),
        (_, "") => ("the input".to_owned(), "SHAPE"),
        (_, name) => (format!("the input `{name}`"), name),
    };
    let message = format!("{option} is given twice for {of}");
    about_option(code, option, shown, message, "given twice").help("leave one of them out")
}

/// What is given more than once, each once.
fn again<T>(option: &str, given: &[(String, T)]) -> Vec<Diagnostic> {
    let is_first_repeat = |at: &usize| {
        let before = given[..*at].iter().filter(|(name, _)| *name == given[*at].0);
        before.count() == 1
    };
    (0..given.len()).filter(is_first_repeat).map(|at| twice(option, &given[at].0)).collect()
}

/// What a shell, or whoever forgot the brackets, has left of a list.
fn torn(text: &str, value: &str) -> Option<Failure> {
    let open = value.matches('[').count();
    let (code, message, label) = if open > value.matches(']').count() {
        (Code::E0301, "the list of --set ends before its bracket closes", "not closed")
    } else if open == 0 && value.contains(',') && !value.contains(['(', '\'', '"']) {
        (Code::E0108, "--set takes one value, but these are several", "no list without brackets")
    } else {
        return None;
    };
    let name = text.split('=').next().unwrap_or_default().trim();
    let values: Vec<&str> = value.split([',', '[', ']']).map(str::trim).collect();
    let values: Vec<&str> = values.into_iter().filter(|value| !value.is_empty()).collect();
    let more = if open > 0 { ", …" } else { "" };
    let help = format!("quote the whole list: --set '{name}=[{}{more}]'", values.join(", "));
    Some(about_option(code, "--set", text, message.to_owned(), label).help(help).into())
}

fn set(text: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => match torn(text, value) {
            Some(failure) => Err(failure),
            None => Ok((name.trim().to_owned(), value.to_owned())),
        },
        _ => Err(about_option(
            Code::E0108,
            "--set",
            text,
            format!("--set takes NAME=VALUE, but this is `{text}`"),
            "no variable and value",
        )
        .help("write --set 'cdims=[32, 64, 128]'")
        .into()),
    }
}

fn input(text: &str) -> Result<(String, Shape), Failure> {
    let (name, sizes) = match text.split_once('=') {
        Some((name, sizes)) => (name.trim().to_owned(), sizes),
        None => (String::new(), text),
    };
    shape(sizes).map(|shape| (name, shape)).ok_or_else(|| {
        about_option(
            Code::E0110,
            "--input",
            text,
            format!("--input takes a shape without the batch, but this is `{text}`"),
            "not a shape",
        )
        .help("write --input 3x224x224, or --input NAME=3x224x224 where there are several inputs")
        .into()
    })
}

/// Positive sizes with `x`, `×` or `,` between them.
fn shape(text: &str) -> Option<Shape> {
    let sizes: Option<Vec<u64>> = text
        .trim()
        .split(['x', 'X', '×', ','])
        .map(|size| size.trim().parse().ok().filter(|size| *size > 0))
        .collect();
    // One axis is left for the batch.
    sizes.filter(|sizes| sizes.len() < MAX_RANK).and_then(|sizes| Shape::new(&sizes))
}

/// A pattern of parameter names.
pub fn pattern(option: &str, text: &str) -> Result<Pattern, Failure> {
    Pattern::new(text).map_err(|error| {
        let message = format!("`{text}` is not a pattern: {}", error.message);
        about_option(Code::E0111, option, text, message, "cannot be read").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::ReadArgs;

    #[test]
    fn shapes_are_read_in_three_spellings() {
        for text in ["3x224x224", "3×224×224", "3, 224,224"] {
            assert_eq!(shape(text).unwrap().dims(), [3, 224, 224], "{text}");
        }
        for text in ["", "3x0", "x", "3xx3", "-1", "1x1x1x1x1x1x1x1", "99999999999999999999"] {
            assert!(shape(text).is_none(), "{text}");
        }
    }

    #[test]
    fn every_bad_option_is_reported() {
        let args = ModelArgs {
            read: ReadArgs {
                set: vec!["cdims".to_owned(), "=1".to_owned()],
                input: vec!["a=x".to_owned()],
            },
            freeze: vec!["[".to_owned()],
            ..ModelArgs::default()
        };
        let codes: Vec<Code> =
            Settings::new(&args).unwrap_err().diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(codes, [Code::E0108, Code::E0108, Code::E0110, Code::E0111]);
    }

    #[test]
    fn a_value_may_hold_an_equals_sign() {
        assert_eq!(set("x= 'a=b'").unwrap(), ("x".to_owned(), " 'a=b'".to_owned()));
    }
}

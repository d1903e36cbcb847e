//! The one place where diagnostics become text: for people (rustc's manner), one line each, or JSON.
//!
//! Text that comes from files is sanitized here: control characters and marks that turn the direction of writing
//! are replaced by visible ones.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::{At, Diagnostic, Label, Severity, Source, position};
use crate::sanitize::{COMMAND, OLD_COMMAND, is_control, sanitize_json};
use range::{first_byte, fit};

mod range;

/// How diagnostics are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// With the lines of the source and marks below them.
    #[default]
    Human,
    /// `file:line:column: error[E0502]: message`.
    Short,
    /// One JSON object a line.
    Json,
}

/// How many diagnostics are written out for people; the rest is counted.
const SHOWN: usize = 20;

/// Narrower than this, marks and lines no longer stand together.
const NARROWEST: usize = 40;

/// Longer lines are named, not shown: nobody reads them, and laying one out takes time for each of its columns.
const LONGEST_LINE: usize = 16 * 1024;

/// Writes diagnostics about `source`, `width` columns wide, each ending with a line break.
pub fn render(
    diagnostics: &[Diagnostic],
    source: &Source,
    format: Format,
    width: usize,
    color: bool,
) -> String {
    match format {
        Format::Human => human(diagnostics, source, width, color),
        Format::Short => diagnostics.iter().map(|d| short(d, source)).collect(),
        Format::Json => diagnostics.iter().map(|d| json(d, source)).collect(),
    }
}

/// A label with its range in the text, both safe to show.
struct Mark<'d> {
    range: Range<usize>,
    text: &'d str,
}

/// The source of a diagnostic and its marks; labels that were not resolved are left out.
fn marks<'d>(diagnostic: &'d Diagnostic, source: &'d Source) -> (&'d Source, Vec<Mark<'d>>) {
    let source = diagnostic.source.as_ref().unwrap_or(source);
    let mark = |label: &'d Label| match label.at {
        At::Bytes(span) => Some(Mark { range: fit(&source.text, span), text: &label.text }),
        At::Origin(_) | At::Element => None,
    };
    (source, diagnostic.labels.iter().filter_map(mark).collect())
}

/// Elements of a source that is no text, in the words of the front end.
fn elements(diagnostic: &Diagnostic) -> impl Iterator<Item = &str> {
    let elements = diagnostic.labels.iter().filter(|label| label.at == At::Element);
    elements.map(|label| label.text.as_str())
}

fn human(diagnostics: &[Diagnostic], source: &Source, width: usize, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(width.max(NARROWEST));
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(SHOWN) {
        out.push_str(renderer.render(&[group(diagnostic, source)]).trim_end());
        out.push_str("\n\n");
    }
    if let Some(more @ 1..) = diagnostics.len().checked_sub(SHOWN) {
        out.extend(["… and ", &more.to_string(), " more\n\n"]);
    }
    if diagnostics.len() > 1 {
        let of = |severity| diagnostics.iter().filter(|d| d.severity == severity).count();
        let counts = [Severity::Error, Severity::Warning, Severity::Note]
            .map(|severity| (severity, of(severity)));
        let said = counts.iter().filter(|(_, n)| *n > 0).map(|(severity, n)| {
            format!("{n} {}{}", severity.name(), if *n == 1 { "" } else { "s" })
        });
        let worst =
            counts.iter().find(|(_, n)| *n > 0).map_or(Severity::Error, |(worst, _)| *worst);
        let summary = level(worst).primary_title(said.collect::<Vec<_>>().join(", "));
        out.push_str(&renderer.render(&[Group::with_title(summary)]));
        out.push('\n');
    } else {
        out.truncate(out.trim_end().len());
        out.push_str(if out.is_empty() { "" } else { "\n" });
    }
    out
}

fn group<'d>(diagnostic: &'d Diagnostic, source: &'d Source) -> Group<'d> {
    let (source, marks) = marks(diagnostic, source);
    let title = level(diagnostic.severity)
        .primary_title(lines(&diagnostic.message))
        .id(diagnostic.code.name());
    let texts = |level: Level<'static>, texts: &[String]| -> Vec<_> {
        texts.iter().map(|text| level.clone().message(lines(text))).collect()
    };
    let at = elements(diagnostic)
        .map(|text| Level::NOTE.no_name().message(format!("at {}", line(text))));
    place(Group::with_title(title), source, &marks)
        .elements(at)
        .elements(trail(&diagnostic.trail))
        .elements(texts(Level::NOTE, &diagnostic.notes))
        .elements(texts(Level::HELP, &diagnostic.helps))
}

/// The layers before the one that is wrong, in columns.
fn trail(rows: &[[String; 3]]) -> Option<annotate_snippets::Message<'static>> {
    let width = |column: usize| {
        rows.iter().map(|row| unicode_width::UnicodeWidthStr::width(&*row[column])).max()
    };
    let (name, op) = (width(0)?, width(1)?);
    let row = |row: &[String; 3]| {
        let [first, second] = [(&row[0], name), (&row[1], op)].map(|(text, width)| {
            let room = width.saturating_sub(unicode_width::UnicodeWidthStr::width(&**text));
            line(text) + &" ".repeat(room)
        });
        format!("  {first}  {second}  {}", row[2])
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    Some(Level::NOTE.message(format!("the layers before it:\n{}", rows.join("\n"))))
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    }
}

/// Adds where it is: the lines from the first mark to the last, or what can be said instead.
fn place<'d>(group: Group<'d>, source: &Source, marks: &[Mark<'d>]) -> Group<'d> {
    let name = line(&source.name);
    let excerpt = lines_of(&source.text, marks);
    let text = &source.text[excerpt.clone()];
    let Some(first) = marks.first() else {
        return if name.is_empty() { group } else { group.element(Origin::path(name)) };
    };
    if text.lines().any(|line| line.len() > LONGEST_LINE) {
        let (line_number, column) = position(&source.text, first.range.start);
        let said = marks.iter().filter(|mark| !mark.text.is_empty()).map(|mark| {
            let (line_number, column) = position(&source.text, mark.range.start);
            Level::NOTE.message(format!("{line_number}:{column}: {}", line(mark.text)))
        });
        let origin = Origin::path(name).line(line_number).char_column(column);
        return group.element(origin).elements(said);
    }
    let annotations = marks.iter().enumerate().map(|(i, mark)| {
        let kind = if i == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let within = |byte: usize| byte.saturating_sub(excerpt.start);
        let label = (!mark.text.is_empty()).then(|| line(mark.text));
        kind.span(within(mark.range.start)..within(mark.range.end)).label(label)
    });
    let (first_line, _) = position(&source.text, excerpt.start);
    let snippet = Snippet::source(same_length(text)).line_start(first_line).path(name);
    group.element(snippet.annotations(annotations))
}

/// The lines that marks stand on and those between, without a byte order mark.
fn lines_of(text: &str, marks: &[Mark<'_>]) -> Range<usize> {
    let start = marks.iter().map(|mark| mark.range.start).min().unwrap_or(0);
    let end = marks.iter().map(|mark| mark.range.end).max().unwrap_or(0);
    let from = text[..start].rfind('\n').map_or_else(|| first_byte(text), |at| at + 1);
    let to = text[end..].find('\n').map_or(text.len(), |at| end + at);
    from..to.max(from)
}

fn short(diagnostic: &Diagnostic, source: &Source) -> String {
    let (source, marks) = marks(diagnostic, source);
    let place = marks.first().map_or(String::new(), |mark| {
        let (line, column) = position(&source.text, mark.range.start);
        format!("{line}:{column}:")
    });
    let place = elements(diagnostic).next().map_or(place, |element| format!(" {}:", line(element)));
    let name = line(&source.name);
    let (code, message) = (diagnostic.code, line(&diagnostic.message));
    let severity = diagnostic.severity.name();
    let origin = if name.is_empty() && place.is_empty() { "" } else { &format!("{name}:{place} ") };
    format!("{origin}{severity}[{code}]: {message}\n")
}

#[derive(Serialize)]
struct JsonDiagnostic<'d> {
    code: &'static str,
    severity: &'static str,
    message: &'d str,
    file: &'d str,
    #[serde(flatten)]
    place: JsonPlace,
    labels: Vec<JsonLabel<'d>>,
    notes: &'d [String],
    helps: &'d [String],
}

/// Null where a diagnostic has no place.
#[derive(Default, Serialize)]
struct JsonPlace {
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
}

#[derive(Serialize)]
struct JsonLabel<'d> {
    #[serde(flatten)]
    place: JsonPlace,
    text: &'d str,
}

fn json(diagnostic: &Diagnostic, source: &Source) -> String {
    let (source, marks) = marks(diagnostic, source);
    let place = |mark: &Mark<'_>| {
        let (line, column) = position(&source.text, mark.range.start);
        let (end_line, end_column) = position(&source.text, mark.range.end);
        JsonPlace {
            line: Some(line),
            column: Some(column),
            end_line: Some(end_line),
            end_column: Some(end_column),
        }
    };
    let value = JsonDiagnostic {
        code: diagnostic.code.name(),
        severity: diagnostic.severity.name(),
        message: &diagnostic.message,
        file: &source.name,
        place: marks.first().map(place).unwrap_or_default(),
        labels: marks
            .iter()
            .map(|mark| JsonLabel { place: place(mark), text: mark.text })
            .chain(elements(diagnostic).map(|text| JsonLabel { place: JsonPlace::default(), text }))
            .collect(),
        notes: &diagnostic.notes,
        helps: &diagnostic.helps,
    };
    // Strings and numbers alone: writing them cannot fail.
    serde_json::to_string(&value).map(|text| sanitize_json(text) + "\n").unwrap_or_default()
}

/// A visible character for one that must not reach a terminal.
fn sanitized(c: char) -> char {
    match c {
        '\t' => ' ',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        c if is_control(c) => '\u{fffd}',
        c => c,
    }
}

/// Text on one line, no word of which a CI log would obey where it comes to begin a line.
fn line(text: &str) -> String {
    let text: String = text
        .replace("\r\n", "\n")
        .chars()
        .map(|c| if c == '\n' { ' ' } else { sanitized(c) })
        .collect();
    let inert = |word: &str| match word.strip_prefix(COMMAND) {
        Some(rest) => format!("\u{2236}:{rest}"),
        None => word.to_owned(),
    };
    let text: String = text.split_inclusive(' ').map(inert).collect();
    text.replace(OLD_COMMAND, "##(")
}

/// Text whose line breaks stay.
fn lines(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A source whose control characters are replaced by ones of as many bytes, so that ranges stay right. The renderer
/// replaces C0 controls and tabs itself and keeps marks aligned.
fn same_length(text: &str) -> String {
    let visible = |c: char| match c.len_utf8() {
        _ if c.is_ascii() || !is_control(c) => c,
        2 => '·',
        3 => '\u{fffd}',
        _ => '\u{1fb96}',
    };
    text.replace(OLD_COMMAND, "##(").chars().map(visible).collect()
}

#[cfg(test)]
mod tests;

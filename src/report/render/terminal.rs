//! Pages for a terminal: lines no longer than it is wide, tables drawn, empty lines between sections.

use std::fmt::Write as _;

use super::table::{Look, bold, draw};
use crate::ops::derive::Fact;
use crate::report::data::explain::{Derivation, equation, equation_parts};
use crate::report::grid::{Grid, Numbers};
use crate::report::page::{
    Answer, Block, Inline, Medium, Page, RenderError, Section, Table, joined,
};
use crate::report::text::{join, safe, width, wrap, wrap_formula};

/// Columns that a formula needs next to its label; with fewer it has a line of its own.
const NARROWEST: usize = 16;

/// Pages one below the other.
///
/// # Errors
/// None.
pub fn render(pages: &[Page<'_>], _: bool, look: Look) -> Result<String, RenderError> {
    Ok(joined(pages, |page| sections(page.sections(Medium::Screen), look)))
}

/// Sections with an empty line between them.
fn sections(sections: Vec<Section>, look: Look) -> String {
    let section =
        |section: Section| section.into_iter().map(|b| block(b, look)).collect::<String>();
    sections.into_iter().map(section).collect::<Vec<_>>().join("\n")
}

/// One block; every line ends with a newline.
fn block(block: Block, look: Look) -> String {
    let columns = look.width;
    let text = |text: &str, indent| wrap(&safe(text), columns, 0, indent) + "\n";
    match block {
        Block::Title(title) => bold(&safe(&title), look.color).into_owned() + "\n",
        Block::Assumptions(pieces) => assumptions(&pieces, columns),
        Block::Prose(prose) => text(&prose.replace(char::is_whitespace, " "), 0),
        Block::Sentence(sentence) => text(&sentence, 2),
        Block::Paragraph(pieces) => {
            let words = |piece: &Inline| match piece {
                Inline::Text(words) | Inline::Code(words) => words.clone(),
                Inline::Link { text, url } => format!("{text} ({url})"),
            };
            text(&pieces.iter().map(words).collect::<String>(), 2)
        }
        Block::Call(call) => text(&call, 4),
        Block::Table(Table { grid, is_glossary: true, .. }) => glossary(&grid, look),
        Block::Table(Table { grid, .. }) => draw(grid, look),
        Block::List(items, indent) => list(&items, indent, columns),
        Block::Answers(found) => answers(&found, columns),
        Block::Terms(all, indent) => terms(&all, indent, columns),
        Block::Derivation(derivation) => explained(&derivation, look),
        Block::Example(derivation) => example(&derivation),
    }
}

/// What is assumed on as few lines as it takes.
fn assumptions(pieces: &[String], columns: Option<usize>) -> String {
    let pieces: Vec<_> = pieces.iter().map(|text| safe(text)).collect();
    let joined = join(pieces.iter().map(AsRef::as_ref), " · ", columns, 0, 0);
    // A piece alone can be too long.
    joined.lines().map(|line| wrap(line, columns, 0, 0) + "\n").collect()
}

/// A row of a table as an entry: its first cell, the second beside it, the third below.
fn glossary(grid: &Grid, look: Look) -> String {
    let mut out = String::new();
    for row in &grid.rows {
        let cell = |i: usize| row[i].show(Numbers::Exact);
        let _ = write!(out, "{}", bold(&cell(0), look.color));
        let _ = writeln!(out, "{}", wrap(&cell(1), look.width, width(&cell(0)), 4));
        let _ = writeln!(out, "    {}", wrap(&cell(2), look.width, 4, 4));
    }
    out
}

fn list(items: &[String], indent: usize, columns: Option<usize>) -> String {
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        let gap = if i == 0 { 0 } else { indent };
        let _ = writeln!(out, "{:gap$}{}", "", wrap(&safe(item), columns, indent, indent + 2));
    }
    out
}

fn answers(answers: &[Answer], columns: Option<usize>) -> String {
    let answer = |(i, answer): (usize, &Answer)| {
        let number = format!("{}. ", i + 1);
        let (indent, gap) = (number.len(), " ".repeat(number.len()));
        let mut out = format!("{number}{}\n", wrap(&answer.text, columns, indent, indent));
        for step in &answer.steps {
            let _ = writeln!(out, "{gap}{}", wrap(&safe(step), columns, indent, indent + 2));
        }
        let sum = format!("= {}", answer.formula);
        let _ = writeln!(out, "{gap}{}", wrap_formula(&sum, columns, indent, indent + 2));
        out
    };
    answers.iter().enumerate().map(answer).collect::<Vec<_>>().join("\n")
}

fn terms(terms: &[(String, String)], indent: usize, columns: Option<usize>) -> String {
    let longest = terms.iter().map(|(term, _)| width(term)).max().unwrap_or(0);
    let start = indent + longest + 2;
    let mut out = String::new();
    for (term, about) in terms {
        let _ = writeln!(
            out,
            "{:indent$}{term:longest$}  {}",
            "",
            wrap(&safe(about), columns, start, start)
        );
    }
    out
}

/// A layer: its name and call, its shapes, its formulas behind their labels.
fn explained(derivation: &Derivation, look: Look) -> String {
    let columns = look.width;
    let (name, call) = (safe(&derivation.name), safe(&derivation.call));
    let mut out = format!("{}{}\n", bold(&name, look.color), beside(&call, columns, width(&name)));
    let _ = writeln!(out, "  {}", wrap_formula(&safe(&derivation.shapes), columns, 2, 4));
    let label = derivation.facts.iter().map(|fact| width(&fact.what)).max().unwrap_or(0) + 4;
    let is_narrow = columns.is_some_and(|columns| columns < label + NARROWEST);
    let start = if is_narrow { 4 } else { label };
    let below = format!("\n{}", " ".repeat(start));
    for fact in &derivation.facts {
        let gap = " ".repeat(label.saturating_sub(width(&fact.what) + 3));
        let gap = if is_narrow { below.as_str() } else { gap.as_str() };
        let what = wrap(&format!("{}:", fact.what), columns, 2, 2);
        let _ = writeln!(out, "  {what}{gap}{}", laid_out(fact, columns, start));
        if let Some(why) = &fact.why {
            let why = wrap_formula(&safe(why), columns, start, start);
            let _ = writeln!(out, "{}{why}", " ".repeat(start));
        }
    }
    out
}

/// A call behind a name that takes `name` columns, or below it where not even its first word fits.
fn beside(call: &str, columns: Option<usize>, name: usize) -> String {
    let first = call.split_whitespace().next().unwrap_or_default();
    if columns.is_some_and(|columns| name + 2 + width(first) > columns) {
        return format!("\n    {}", wrap(call, columns, 4, 4));
    }
    format!("  {}", wrap(call, columns, name + 2, 4))
}

/// A fact on one line; where room is short, the formula on a line of its own; where it is shorter still, the result too, and
/// what is still too long is broken before a sign.
fn laid_out(fact: &Fact, columns: Option<usize>, start: usize) -> String {
    let parts = equation_parts(fact);
    let [formula, rest @ ..] = parts.as_slice() else { return String::new() };
    if rest.is_empty() {
        return wrap_formula(&safe(formula), columns, start, start);
    }
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(start));
    let whole = equation(fact);
    if width(&whole) <= room {
        return safe(&whole).into_owned();
    }
    let numbers = format!("= {}", rest.join(" = "));
    let lines = if width(&numbers) <= room {
        vec![(*formula).to_owned(), numbers]
    } else {
        let rest = rest.iter().map(|part| format!("= {part}"));
        std::iter::once((*formula).to_owned()).chain(rest).collect()
    };
    let lines: Vec<String> =
        lines.iter().map(|line| wrap_formula(&safe(line), columns, start, start + 2)).collect();
    lines.join(&format!("\n{}", " ".repeat(start)))
}

fn example(derivation: &Derivation) -> String {
    let mut out = format!("for example  {}\n  {}\n", derivation.call, derivation.shapes);
    for fact in &derivation.facts {
        let _ = writeln!(out, "  {}: {}", fact.what, equation(fact));
    }
    out
}

//! Pages as GitHub Markdown: an empty line between blocks.

use std::fmt::Write as _;

use super::table::Look;
use crate::ops::derive::Fact;
use crate::report::data::explain::{Derivation, equation_parts};
use crate::report::grid::{Grid, Numbers, Value};
use crate::report::page::{Answer, Block, Inline, Medium, Page, RenderError, Table, joined};
use crate::report::text::safe;

/// Pages one below the other.
///
/// # Errors
/// None.
pub fn render(pages: &[Page<'_>], _: bool, look: Look) -> Result<String, RenderError> {
    Ok(joined(pages, |page| self::page(page, look.numbers)))
}

/// A page as a part of a document.
pub fn page(page: &Page<'_>, numbers: Numbers) -> String {
    let sections = page.sections(Medium::Paper);
    let blocks = sections.iter().flatten().map(|shown| block(shown, page.level, numbers));
    blocks.collect::<Vec<_>>().join("\n")
}

/// One block; every line ends with a newline.
fn block(block: &Block, level: usize, numbers: Numbers) -> String {
    let heading = |level: usize, text: &str| format!("{} {}\n", "#".repeat(level), escape(text));
    match block {
        Block::Title(title) => heading(level, title),
        Block::Assumptions(pieces) => {
            let pieces: Vec<String> = pieces.iter().map(|text| escape(text)).collect();
            pieces.join(" · ") + "\n"
        }
        Block::Prose(text) | Block::Sentence(text) => escape(text) + "\n",
        Block::Paragraph(pieces) => pieces.iter().map(inline).collect::<String>() + "\n",
        Block::Call(call) => code(call) + "\n",
        Block::Table(Table { grid, folded: Some(summary), .. }) => format!(
            "<details>\n<summary>{}</summary>\n\n{}\n</details>\n",
            escape(summary),
            self::grid(grid, numbers)
        ),
        Block::Table(Table { grid, .. }) => self::grid(grid, numbers),
        Block::List(items, _) => lines(items.iter().map(|item| format!("* {}", escape(item)))),
        Block::Answers(answers) => lines(answers.iter().map(answer)),
        Block::Terms(terms, _) => {
            let item =
                |(term, about): &(String, String)| format!("* {}: {}", escape(term), escape(about));
            lines(terms.iter().map(item))
        }
        Block::Derivation(derivation) => {
            let heading = heading(level + 1, &derivation.name);
            format!("{heading}\n{}", explained("", derivation))
        }
        Block::Example(derivation) => explained("For example ", derivation),
    }
}

fn inline(piece: &Inline) -> String {
    match piece {
        Inline::Text(text) => escape(text),
        Inline::Code(text) => code(text),
        Inline::Link { text, url } => format!("[{}]({url})", escape(text)),
    }
}

/// An item of a numbered list.
fn answer(answer: &Answer) -> String {
    let texts = std::iter::once(&answer.text).chain(&answer.steps);
    let texts: Vec<String> = texts.map(|text| escape(text)).collect();
    format!("1. {}: {}", texts.join("; "), escape(&answer.formula))
}

/// Items of a list; every line ends with a newline.
fn lines(items: impl Iterator<Item = String>) -> String {
    items.flat_map(|item| [item, "\n".to_owned()]).collect()
}

/// A call with its shapes, and an item for each of its numbers.
fn explained(lead: &str, derivation: &Derivation) -> String {
    let facts: String = derivation.facts.iter().map(fact).collect();
    format!("{lead}{}: {}\n\n{facts}", code(&derivation.call), escape(&derivation.shapes))
}

/// A number with its formula as an item of a list.
fn fact(fact: &Fact) -> String {
    let shown = match equation_parts(fact).as_slice() {
        [only] => escape(only),
        several => code(&several.join(" = ")),
    };
    let why = fact.why.as_ref().map(|why| format!(" ({})", escape(why)));
    format!("* {}: {shown}{}\n", fact.what, why.unwrap_or_default())
}

/// A grid as a table; every line ends with a newline.
pub fn grid(grid: &Grid, numbers: Numbers) -> String {
    let mut out = String::new();
    let titles: Vec<String> = grid.heads.iter().map(|head| escape(head.title)).collect();
    row(&mut out, &titles);
    let rules: Vec<String> =
        grid.heads.iter().map(|h| if h.right { "--:" } else { "---" }.to_owned()).collect();
    row(&mut out, &rules);
    let cell = |value: &Value| escape(&value.show(numbers));
    for values in &grid.rows {
        row(&mut out, &values.iter().map(cell).collect::<Vec<_>>());
    }
    if let Some(total) = &grid.total {
        let strong = |value: &Value| match cell(value) {
            text if text.is_empty() => text,
            text => format!("**{text}**"),
        };
        row(&mut out, &total.iter().map(strong).collect::<Vec<_>>());
    }
    out
}

fn row(out: &mut String, cells: &[String]) {
    out.push('|');
    for cell in cells {
        let _ = if cell.is_empty() { write!(out, " |") } else { write!(out, " {cell} |") };
    }
    out.push('\n');
}

/// Text that Markdown shows as it stands, on one line. An underscore inside a word means nothing and stays as it is.
pub fn escape(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let text = safe(&text);
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let special = match c {
            '\\' | '`' | '*' | '|' | '<' | '>' | '[' | ']' | '~' | '&' | '#' | '!' | '$' => true,
            '_' => !(inside(before) && inside(rest.peek().copied())),
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
    out
}

/// Text between backticks, more of them than it has in a row itself; inside a table a bar is escaped all the same.
pub fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let text = safe(&text).replace('|', "\\|");
    let mut longest = 0;
    for run in text.split(|c| c != '`') {
        longest = longest.max(run.len());
    }
    let ticks = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::grid::Head;

    #[test]
    fn nothing_breaks_out_of_its_cell() {
        let mut table = Grid::new([Head::left("name"), Head::right("n")]);
        table.rows = vec![vec![Value::text("a|b`c`\n_x_ conv2d_00"), Value::Count(1000)]];
        table.total = Some(vec![Value::text("total"), Value::Empty]);
        let expected = "\
| name | n |
| --- | --: |
| a\\|b\\`c\\` \\_x\\_ conv2d_00 | 1.00 k |
| **total** | |
";
        assert_eq!(grid(&table, Numbers::Rounded), expected);
    }

    #[test]
    fn code_has_more_ticks_than_its_text() {
        assert_eq!(code("conv(3)"), "`conv(3)`");
        assert_eq!(code("a``b"), "``` a``b ```");
    }
}

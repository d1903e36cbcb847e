//! The tables of pages as LaTeX that one pastes into a paper: a tabular each, with the rules of booktabs
//! (<https://ctan.org/pkg/booktabs>). All other text is kept in comments, so that a table says what it assumes.

use std::fmt::Write as _;

use super::table::Look;
use crate::report::grid::{Grid, Numbers, Value};
use crate::report::page::{Block, Inline, Medium, Page, RenderError, Table, joined};
use crate::report::text::safe;

/// What a document needs for the tables.
const PACKAGES: &str = "% needs \\usepackage{booktabs}; UTF-8, as LaTeX reads it since 2018\n";

/// Signs that have a command in mathematics.
const SIGNS: &[(char, &str)] = &[
    ('×', "$\\times$"),
    ('·', "$\\cdot$"),
    ('≥', "$\\geq$"),
    ('≤', "$\\leq$"),
    ('−', "$-$"),
    ('Δ', "$\\Delta$"),
    ('→', "$\\rightarrow$"),
    ('←', "$\\leftarrow$"),
    ('▲', "$\\uparrow$"),
    ('▼', "$\\downarrow$"),
    ('^', "\\textasciicircum{}"),
    ('~', "\\textasciitilde{}"),
    ('\\', "\\textbackslash{}"),
    ('<', "\\textless{}"),
    ('>', "\\textgreater{}"),
    ('|', "\\textbar{}"),
    ('"', "\\textquotedbl{}"),
    // Ligatures: two of these in a row would be one sign.
    ('\'', "\\textquotesingle{}"),
    ('`', "\\textasciigrave{}"),
    ('–', "--"),
    ('…', "\\dots{}"),
];

/// Pages one below the other.
///
/// # Errors
/// None.
pub fn render(pages: &[Page<'_>], _: bool, look: Look) -> Result<String, RenderError> {
    let text = joined(pages, |page| {
        let blocks = page.sections(Medium::Paper).into_iter().flatten();
        blocks.map(|shown| block(&shown, look.numbers)).collect()
    });
    Ok(format!("{PACKAGES}{text}"))
}

/// A table, or a comment.
fn block(block: &Block, numbers: Numbers) -> String {
    match block {
        Block::Table(Table { grid, .. }) => tabular(grid, numbers),
        Block::Assumptions(pieces) => comment(&pieces.join(" · ")),
        Block::Title(text) | Block::Prose(text) | Block::Sentence(text) | Block::Call(text) => {
            comment(text)
        }
        Block::Paragraph(pieces) => {
            let words = |piece: &Inline| match piece {
                Inline::Text(words) | Inline::Code(words) => words.clone(),
                Inline::Link { text, url } => format!("{text} ({url})"),
            };
            comment(&pieces.iter().map(words).collect::<String>())
        }
        Block::List(items, _) => items.iter().map(|item| comment(item)).collect(),
        Block::Terms(terms, _) => {
            terms.iter().map(|(term, about)| comment(&format!("{term}: {about}"))).collect()
        }
        Block::Answers(answers) => {
            let lines = |text: &str, formula: &str| comment(&format!("{text} = {formula}"));
            answers.iter().map(|answer| lines(&answer.text, &answer.formula)).collect()
        }
        Block::Derivation(derivation) | Block::Example(derivation) => {
            comment(&format!("{} {}", derivation.call, derivation.shapes))
        }
    }
}

/// A line that LaTeX passes over.
fn comment(text: &str) -> String {
    format!("% {}\n", safe(&text.replace(['\n', '\r'], " ")))
}

/// A table with its rules.
fn tabular(grid: &Grid, numbers: Numbers) -> String {
    let columns: String = grid.heads.iter().map(|h| if h.right { 'r' } else { 'l' }).collect();
    let mut out = format!("\\begin{{tabular}}{{{columns}}}\n\\toprule\n");
    row(&mut out, grid.heads.iter().map(|head| escape(head.title)));
    out.push_str("\\midrule\n");
    let cell = |value: &Value| escape(&value.show(numbers));
    for values in &grid.rows {
        row(&mut out, values.iter().map(cell));
    }
    if let Some(total) = &grid.total {
        out.push_str("\\midrule\n");
        row(&mut out, total.iter().map(cell));
    }
    out.push_str("\\bottomrule\n\\end{tabular}\n");
    out
}

fn row(out: &mut String, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    // A bracket behind the end of a row would be the height of a gap, a star its kind.
    let guard = if cells[0].starts_with(['[', '*']) { "{}" } else { "" };
    let _ = writeln!(out, "{guard}{} \\\\", cells.join(" & "));
}

/// Text that LaTeX shows as it stands, on one line.
pub fn escape(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let mut out = String::with_capacity(text.len() + 8);
    for c in safe(&text).chars() {
        match SIGNS.iter().find(|(sign, _)| *sign == c) {
            Some((_, command)) => out.push_str(command),
            None if matches!(c, '_' | '%' | '&' | '#' | '$' | '{' | '}') => out.extend(['\\', c]),
            None => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::grid::Head;

    #[test]
    fn every_sign_of_latex_is_text() {
        assert_eq!(escape("a_b 50% c&d #1 $x {y}"), "a\\_b 50\\% c\\&d \\#1 \\$x \\{y\\}");
        assert_eq!(escape("1×3 · – ≥ 5"), "1$\\times$3 $\\cdot$ -- $\\geq$ 5");
        assert_eq!(escape("~ ^ \\"), "\\textasciitilde{} \\textasciicircum{} \\textbackslash{}");
        assert_eq!(
            escape("\\input{x}\n\u{1b}"),
            "\\textbackslash{}input\\{x\\} \\textbackslash{}u\\{1b\\}"
        );
        assert_eq!(
            escape("``<|>''"),
            "\\textasciigrave{}\\textasciigrave{}\\textless{}\\textbar{}\\textgreater{}\\textquotesingle{}\\textquotesingle{}"
        );
    }

    #[test]
    fn a_table_has_its_rules_and_no_name_ends_its_row() {
        let mut grid = Grid::new([Head::left("name"), Head::right("n")]);
        grid.rows = vec![
            vec![Value::text("a\\\\ \\bottomrule & b"), Value::Count(1000)],
            vec![Value::text("[2cm]"), Value::Empty],
        ];
        grid.total = Some(vec![Value::text("total"), Value::Count(1000)]);
        let expected = "\
\\begin{tabular}{lr}
\\toprule
name & n \\\\
\\midrule
a\\textbackslash{}\\textbackslash{} \\textbackslash{}bottomrule \\& b & 1.00 k \\\\
{}[2cm] &  \\\\
\\midrule
total & 1.00 k \\\\
\\bottomrule
\\end{tabular}
";
        assert_eq!(tabular(&grid, Numbers::Rounded), expected);
        assert_eq!(comment("a\n\\end{document}"), "% a \\end{document}\n");
    }
}

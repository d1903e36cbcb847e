//! Records as CSV: raw integers, no row of totals, so that a column can be summed as it is. Where several networks were
//! asked for, there is a first column `model`.

use std::borrow::Cow;

use super::table::Look;
use crate::report::grid::{Numbers, Value};
use crate::report::page::{Page, RenderError};
use crate::report::text::made_safe;

/// The records of all pages under the titles of the first.
///
/// # Errors
/// None in practice: they are written into memory.
pub fn render(pages: &[Page<'_>], several: bool, _: Look) -> Result<String, RenderError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (i, page) in pages.iter().enumerate() {
        let records = page.as_records();
        if i == 0 {
            let model = several.then_some(Cow::Borrowed("model"));
            writer.write_record(model.iter().chain(&records.titles).map(AsRef::as_ref))?;
        }
        let model = several.then(|| Value::text(&page.name));
        for row in &records.rows {
            writer.write_record(model.iter().chain(row).map(field))?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// A value without what a spreadsheet would take for a formula, or a terminal for a command.
fn field(value: &Value) -> String {
    let text = made_safe(value.show(Numbers::Raw));
    let runs = |c: char| matches!(c, '=' | '@' | '+' | '-' | '\t' | '\r');
    let is_words =
        matches!(value, Value::Text(_) | Value::Sizes(_) | Value::Noted { .. } | Value::Names(_));
    if is_words && text.starts_with(runs) && !is_number(&text) { format!("'{text}") } else { text }
}

/// Whether it is a number, or several of them: `-1, 2`.
fn is_number(text: &str) -> bool {
    text.split([',', 'x']).all(|number| number.trim().parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::grid::{Grid, Head};
    use crate::report::page::Records;

    #[test]
    fn names_are_quoted_and_start_no_formula() {
        let page = Page::new("net", |_| Vec::new()).records(|| {
            let mut table = Grid::new([Head::left("name"), Head::right("n")]);
            table.rows = vec![
                vec![Value::text("a,\"b\"\nc"), Value::Count(60_965_224)],
                vec![Value::text("=cmd()"), Value::Share(1, 3)],
                vec![Value::text("-1, 2"), Value::Empty],
                vec![Value::text("-1+cmd|' /C calc'!A0"), Value::Empty],
                vec![Value::text("::stop\u{1b}[1m"), Value::Empty],
            ];
            Records::from(table)
        });
        let expected = "name,n\n\"a,\"\"b\"\"\\nc\",60965224\n'=cmd(),0.333333\n\"-1, 2\",\n\
                        '-1+cmd|' /C calc'!A0,\n\\u{3a}:stop\\u{1b}[1m,\n";
        let pages = [page];
        assert_eq!(render(&pages, false, Look::default()).unwrap(), expected);
        let several = render(&pages, true, Look::default()).unwrap();
        assert!(several.starts_with("model,name,n\nnet,\"a,\"\"b"), "{several}");
    }
}

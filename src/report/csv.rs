//! Tables as CSV: raw integers, one row a layer, no row of totals, so that a column can be summed as it is.
//!
//! Tests stand below.

use super::columns::{COLUMNS, Column, FLOPS};
use super::fold::{self, View};
use super::grid::{Grid, Numbers, Value};
use super::model::Report;

/// A report's layers; all columns but shares and ratios, unless columns are chosen. Where several were asked for, there is a first column `model`.
pub fn reports(reports: &[Report], several: bool, view: &View) -> Result<String, csv::Error> {
    let all = || COLUMNS.iter().filter(|column| column.is_whole()).collect();
    let columns: Vec<&Column> = view.columns.clone().unwrap_or_else(all);
    let convention = reports.first().map(|report| &report.convention);
    let title = |column: &&Column| match convention.filter(|c| !c.is_default()) {
        Some(convention) if column.key == FLOPS => convention.title,
        _ => column.key,
    };
    let titles = several.then_some("model").into_iter().chain(columns.iter().map(title));
    let mut rows = Vec::new();
    for report in reports {
        for line in fold::flat(report, view) {
            let model = several.then(|| Value::text(&report.model)).into_iter();
            rows.push(model.chain(columns.iter().map(|c| c.value(&line, report))).collect());
        }
    }
    write(&titles.collect::<Vec<_>>(), &rows)
}

/// A grid's rows under its heads.
pub fn grid(grid: &Grid) -> Result<String, csv::Error> {
    let titles: Vec<&str> = grid.heads.iter().map(|head| head.title).collect();
    write(&titles, &grid.rows)
}

/// Rows under their titles.
pub(super) fn write(titles: &[&str], rows: &[Vec<Value>]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(titles)?;
    for row in rows {
        writer.write_record(row.iter().map(field))?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A value without what a spreadsheet would take for a formula.
fn field(value: &Value) -> String {
    let text = value.show(Numbers::Raw);
    let runs = |c: char| matches!(c, '=' | '@' | '+' | '-' | '\t' | '\r');
    let is_words =
        matches!(value, Value::Text(_) | Value::Sizes(_) | Value::Noted { .. } | Value::Names(_));
    let is_formula = is_words
        && text.starts_with(runs)
        && !text
            .strip_prefix('-')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if is_formula { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::grid::Head;

    #[test]
    fn names_are_quoted_and_start_no_formula() {
        let mut table = Grid::new([Head::left("name"), Head::right("n")]);
        table.rows = vec![
            vec![Value::text("a,\"b\"\nc"), Value::Count(60_965_224)],
            vec![Value::text("=cmd()"), Value::Share(1, 3)],
            vec![Value::text("-1, 2"), Value::Empty],
        ];
        let expected = "name,n\n\"a,\"\"b\"\"\nc\",60965224\n'=cmd(),0.333333\n\"-1, 2\",\n";
        assert_eq!(grid(&table).unwrap(), expected);
    }
}

//! The outcome of a check as GitHub's workflow commands: an annotation for what warns or fails of a network on a line,
//! however many limits one change broke.
//!
//! Escaped as GitHub's toolkit does it: <https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts>. Tests
//! stand below.

use std::fmt::Write as _;

use crate::report::data::check::{Check, CheckRow, Level, Spot, slashed};
use crate::report::text::safe;

/// A command a line, and the sentence below.
pub fn page(check: &Check) -> String {
    let mut out = String::new();
    for fault in &check.faults {
        let title = format!("cnnstat {}", fault.code);
        command(&mut out, "error", fault.spot().as_ref(), &title, &fault.message);
    }
    let mut notes: Vec<(&str, &str, Option<Spot>, Vec<&CheckRow>)> = Vec::new();
    for row in &check.rows {
        let kind = match row.level {
            Some(Level::Fail) => "error",
            Some(Level::Warn) => "warning",
            _ => continue,
        };
        let (model, spot) = (row.model.as_str(), row.spot());
        let is_same =
            |(k, m, s, _): &(&str, &str, Option<Spot>, _)| (*k, *m, s) == (kind, model, &spot);
        match notes.iter_mut().find(|note| is_same(note)) {
            Some((.., rows)) => rows.push(row),
            None => notes.push((kind, model, spot, vec![row])),
        }
    }
    for (kind, model, spot, rows) in notes {
        let judged: Vec<String> = rows.iter().map(|row| row.judged()).collect();
        let title = format!("cnnstat: {model} {}", judged.join(", "));
        let said: Vec<String> = rows.iter().map(|row| row.sentence()).collect();
        command(&mut out, kind, spot.as_ref(), &title, &said.join("\n"));
    }
    let _ = writeln!(out, "{}", check.sentence());
    out
}

fn command(out: &mut String, kind: &str, spot: Option<&Spot>, title: &str, message: &str) {
    let _ = write!(out, "::{kind} ");
    if let Some(Spot { file, line }) = spot {
        let _ = write!(out, "file={},line={line},", property(&slashed(file)));
    }
    let _ = writeln!(out, "title={}::{}", property(title), data(message));
}

/// Text behind the second pair of colons.
fn data(text: &str) -> String {
    safe(&text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")).into_owned()
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use crate::report::data::check::hostile;

    #[test]
    fn a_hostile_name_stays_in_its_command() {
        let page = super::page(&hostile());
        let lines: Vec<&str> = page.lines().collect();
        let starts =
            ["::error file=b.yaml,line=1,title=", "::error file=a%2Cb%3Ac%25.yaml,line=7,"];
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.starts_with(start), "{line}");
        }
        let kinds: Vec<&str> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(kinds, ["::error", "::error", "::warning", "::error", "1"]);
        assert!(lines[3].starts_with("::error title="), "{}", lines[3]);
        assert!(!page.contains(['\u{1b}', '\u{202e}', '\0', '\r']), "{page:?}");
    }
}

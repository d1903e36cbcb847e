//! The outcome of a check as GitLab's Code Quality report.
//!
//! Fields: <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>. A finding needs a path, so
//! one without a file is left to the exit code.

use serde::Serialize;

use crate::report::data::check::{Check, Level, Spot, fingerprint, slashed};

#[derive(Serialize)]
struct Finding {
    description: String,
    check_name: String,
    /// The same for the same finding of another run: what it is about, without its numbers.
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
}

/// The findings as a list.
pub fn page(check: &Check) -> Result<String, serde_json::Error> {
    let faults = check.faults.iter().filter_map(|fault| {
        let about = [fault.code, &fault.message];
        Some(finding(&fault.spot()?, fault.code, "blocker", fault.message.clone(), &about))
    });
    let rows = check.rows.iter().filter_map(|row| {
        let severity = match row.level? {
            Level::Fail => "major",
            Level::Warn => "minor",
            Level::Ok => return None,
        };
        let about = [row.model.as_str(), &row.what, &row.expected];
        let description = format!("{}: {}", row.model, row.sentence());
        Some(finding(&row.spot()?, "budget", severity, description, &about))
    });
    crate::report::indented::json(&faults.chain(rows).collect::<Vec<_>>())
}

fn finding(
    spot: &Spot,
    name: &str,
    severity: &'static str,
    description: String,
    about: &[&str],
) -> Finding {
    let path = slashed(&spot.file);
    let fingerprint = fingerprint(about.iter().copied().chain([path.as_str()]));
    Finding {
        description,
        check_name: format!("cnnstat/{name}"),
        fingerprint,
        severity,
        location: Location { path, lines: Lines { begin: spot.line } },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::report::data::check::hostile;

    #[test]
    fn a_finding_has_a_path_and_a_fingerprint_of_its_own() {
        let page = super::page(&hostile()).unwrap();
        assert!(!page.contains(['\u{1b}', '\u{202e}']), "{page:?}");
        let findings: Vec<Value> = serde_json::from_str(&page).unwrap();
        let of = |key: &str| findings.iter().map(|f| f[key].as_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(of("severity"), ["blocker", "major", "minor"]);
        assert_eq!(findings[1]["location"]["path"], "a,b:c%.yaml");
        assert_eq!(findings[1]["location"]["lines"]["begin"], 7);
        let mut prints = of("fingerprint");
        prints.dedup();
        assert_eq!(prints.len(), 3);
    }
}

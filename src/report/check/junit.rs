//! The outcome of a check as JUnit's XML: a suite for each network, a case for each expectation or limit.
//!
//! Elements and attributes are those that Jenkins' xUnit plugin and GitLab read; `tests/schemas/junit.xsd` says which.
//! A warning passes, with its sentence as the case's output.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::report::data::check::{Check, CheckRow, Fault, Level};
use crate::report::text::safe;

type Xml = Writer<Vec<u8>>;

/// The suites as a document.
///
/// # Errors
/// None in practice: it is written into memory.
pub fn page(check: &Check) -> io::Result<String> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let failures = failures(&check.rows).to_string();
    let (tests, errors) =
        ((check.rows.len() + check.faults.len()).to_string(), check.faults.len().to_string());
    let about = [
        ("name", "cnnstat"),
        ("tests", tests.as_str()),
        ("failures", failures.as_str()),
        ("errors", errors.as_str()),
    ];
    xml.create_element("testsuites").with_attributes(about).write_inner_content(|xml| {
        for rows in check.rows.chunk_by(|a, b| a.model == b.model) {
            suite(xml, rows)?;
        }
        if check.faults.is_empty() { Ok(()) } else { faulty(xml, &check.faults) }
    })?;
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn failures(rows: &[CheckRow]) -> usize {
    rows.iter().filter(|row| row.level == Some(Level::Fail)).count()
}

/// The suite of one network.
fn suite(xml: &mut Xml, rows: &[CheckRow]) -> io::Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let model = safe(&first.model);
    let skipped = rows.iter().filter(|row| row.level.is_none()).count().to_string();
    let (tests, failures) = (rows.len().to_string(), failures(rows).to_string());
    let about = [
        ("name", model.as_ref()),
        ("tests", tests.as_str()),
        ("failures", failures.as_str()),
        ("errors", "0"),
        ("skipped", skipped.as_str()),
    ];
    xml.create_element("testsuite")
        .with_attributes(about)
        .write_inner_content(|xml| rows.iter().try_for_each(|row| case(xml, row)))?;
    Ok(())
}

fn case(xml: &mut Xml, row: &CheckRow) -> io::Result<()> {
    let judged = row.judged();
    let name = if judged.trim().is_empty() { row.outcome.text() } else { &judged };
    let (name, model, sentence) = (safe(name), safe(&row.model), row.sentence());
    let case = xml
        .create_element("testcase")
        .with_attributes([("name", name.as_ref()), ("classname", model.as_ref())]);
    match row.level {
        Some(Level::Ok) => case.write_empty().map(drop),
        Some(Level::Warn) => case
            .write_inner_content(|xml| {
                let text = format!("warning: {}", place(row, &sentence));
                xml.create_element("system-out").write_text_content(shown(&text)).map(drop)
            })
            .map(drop),
        Some(Level::Fail) => case
            .write_inner_content(|xml| {
                let message = safe(row.message.as_deref().unwrap_or(row.outcome.text()));
                let about = [("message", message.as_ref()), ("type", "budget")];
                let text = place(row, &sentence);
                let failure = xml.create_element("failure").with_attributes(about);
                failure.write_text_content(shown(&text)).map(drop)
            })
            .map(drop),
        None => case
            .write_inner_content(|xml| xml.create_element("skipped").write_empty().map(drop))
            .map(drop),
    }
}

/// A sentence with where to look.
fn place(row: &CheckRow, sentence: &str) -> String {
    match row.spot() {
        Some(spot) => format!("{}:{}: {sentence}", spot.file, spot.line),
        None => sentence.to_owned(),
    }
}

/// Text without what XML cannot hold.
fn shown(text: &str) -> BytesText<'static> {
    BytesText::new(&safe(text)).into_owned()
}

/// The suite of what could not be read.
fn faulty(xml: &mut Xml, faults: &[Fault]) -> io::Result<()> {
    let n = faults.len().to_string();
    let about = [
        ("name", "descriptions"),
        ("tests", n.as_str()),
        ("failures", "0"),
        ("errors", n.as_str()),
        ("skipped", "0"),
    ];
    xml.create_element("testsuite").with_attributes(about).write_inner_content(|xml| {
        for fault in faults {
            let file = fault.file.as_deref().unwrap_or("options");
            let (name, message) = (safe(file), safe(&fault.message));
            let about = [("name", name.as_ref()), ("classname", "descriptions")];
            xml.create_element("testcase").with_attributes(about).write_inner_content(|xml| {
                let about = [("message", message.as_ref()), ("type", fault.code)];
                let line = fault.line.unwrap_or(1);
                let text = format!("{file}:{line}: {}", fault.message);
                let error = xml.create_element("error").with_attributes(about);
                error.write_text_content(shown(&text)).map(drop)
            })?;
        }
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::report::data::check::hostile;

    #[test]
    fn a_hostile_name_is_text() {
        let page = super::page(&hostile()).unwrap();
        assert!(!page.contains(|c: char| c.is_control() && c != '\n'), "{page:?}");
        assert!(!page.contains("<script>") && !page.contains("]]>"), "{page}");
        assert_eq!(page.matches("<failure ").count(), 2);
        assert_eq!(page.matches("<error ").count(), 1);
        assert_eq!(page.matches("<skipped/>").count(), 1);
        assert_eq!(page.matches("<testcase ").count(), page.matches("</testcase>").count() + 1);
    }
}

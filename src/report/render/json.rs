//! Reports as JSON: one is its object, several are an array of objects.

use super::table::Look;
use crate::report::page::{Page, RenderError};

/// The object of one page, or an array of objects where several were asked for.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn render(pages: &[Page<'_>], several: bool, _: Look) -> Result<String, RenderError> {
    if let ([only], false) = (pages, several) {
        return Ok(only.as_json()?);
    }
    let mut out = String::from("[");
    for (i, page) in pages.iter().enumerate() {
        out.push_str(if i == 0 { "\n" } else { ",\n" });
        // Line ends inside of texts are escaped, so that every line can be indented.
        let lines: Vec<String> = page.as_json()?.lines().map(|line| format!("  {line}")).collect();
        out.push_str(&lines.join("\n"));
    }
    out.push_str("\n]\n");
    Ok(out)
}

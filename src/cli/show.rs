//! `cnnstat show MODEL`: a description as it is written.

use super::args::ShowArgs;
use super::done::Done;
use super::load::{self, Failure};
use super::settings::Screen;
use crate::report::text::safe_lines;

/// The text; what a terminal would obey is escaped, but not in a file.
pub fn run(args: &ShowArgs, _: &Screen) -> Result<Done, Failure> {
    let (architecture, _) = load::find(&args.name)?;
    let text = &architecture.source().text;
    let text = if args.output.is_some() { text.to_string() } else { safe_lines(text) };
    Ok(Done::page(text, args.output.as_ref()))
}

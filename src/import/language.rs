//! The description language as a front end: text that is of no other format.

use std::io;

use super::importer::{Bytes, Importer, ReadResult};
use super::text;
use crate::diag::{Diagnostic, Source};
use crate::lang::Description;

/// Reads descriptions.
pub(super) struct Language;

impl Importer for Language {
    #[cfg(feature = "cli")]
    const ENDINGS: &'static [&'static str] = &["yaml", "yml"];

    fn accepts(_: &str, _: &mut dyn Bytes) -> io::Result<bool> {
        // The last of the list: bytes that are not text are told so by `read`.
        Ok(true)
    }

    fn read(source: &Source, bytes: &mut dyn Bytes) -> ReadResult {
        let name = source.name.clone();
        let text = text::read(&name, bytes).map_err(|diagnostic| vec![*diagnostic])?;
        let source = Source::new(name, text);
        let read = Description::read(source.clone());
        let about = |mut diagnostic: Diagnostic| {
            diagnostic.source.get_or_insert_with(|| source.clone());
            diagnostic
        };
        let read = read.map_err(|found| found.into_iter().map(about).collect::<Vec<_>>())?;
        Ok(Box::new(read))
    }
}

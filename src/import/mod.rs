//! Front ends: what reads a file into an [`Architecture`]. One file or folder for each format, and the list that names them.
//!
//! What a file is, its content decides; its name only breaks ties. Adding a format is its file, a line in `importers!`,
//! fixtures and a row of the documentation.

pub mod foreign;
mod importer;
mod language;
mod text;

use std::io::{self, SeekFrom};

pub use importer::{Bytes, Importer, ReadResult};
#[cfg(feature = "cli")]
pub use text::read as read_text;

use crate::diag::{Code, Diagnostic, Source};
use crate::model::Shared;

/// One importer without its type.
struct AnyImporter {
    #[cfg(feature = "cli")]
    endings: &'static [&'static str],
    accepts: fn(&str, &mut dyn Bytes) -> io::Result<bool>,
    read: fn(&Source, &mut dyn Bytes) -> ReadResult,
}

/// The list of importers: the one line that registers a format. The first that accepts a file reads it.
macro_rules! importers {
    ($($Importer:ty,)*) => {
        const IMPORTERS: &[AnyImporter] = &[$(AnyImporter {
            #[cfg(feature = "cli")]
            endings: <$Importer>::ENDINGS,
            accepts: <$Importer>::accepts,
            read: <$Importer>::read,
        },)*];
    };
}

importers! {
    language::Language,
}

/// The endings of files that are looked for in a folder.
#[cfg(feature = "cli")]
pub fn endings() -> impl Iterator<Item = &'static str> {
    IMPORTERS.iter().flat_map(|importer| importer.endings).copied()
}

/// Reads a network from bytes that are called `name`.
///
/// # Errors
/// Everything that is wrong: the bytes cannot be read, are of a format that is recognised and not read, or of one that is
/// read and faulty.
pub fn read(name: &str, bytes: &mut dyn Bytes) -> Result<Shared, Vec<Diagnostic>> {
    let source = Source::named(name);
    let format = foreign::recognise(name, &mut &mut *bytes).and_then(|format| {
        bytes.seek(SeekFrom::Start(0))?;
        Ok(format)
    });
    match format {
        Ok(None) => {}
        Ok(Some(format)) => {
            let diagnostic = Diagnostic::new(Code::E0114, format.sentence(name));
            return Err(vec![diagnostic.help(foreign::HELP)]);
        }
        Err(error) => return Err(vec![cannot_read(name, &error)]),
    }
    for importer in IMPORTERS {
        let accepted = (importer.accepts)(name, bytes).and_then(|accepted| {
            bytes.seek(SeekFrom::Start(0))?;
            Ok(accepted)
        });
        match accepted {
            Ok(true) => return (importer.read)(&source, bytes).map(Shared::from),
            Ok(false) => {}
            Err(error) => return Err(vec![cannot_read(name, &error)]),
        }
    }
    Err(vec![Diagnostic::new(Code::E0102, format!("`{name}` is of no format that is read"))])
}

fn cannot_read(name: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::new(Code::E0105, format!("`{name}` cannot be read: {error}"))
}

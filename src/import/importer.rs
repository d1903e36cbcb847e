//! What a format must say to be read.

use std::io::{self, Read, Seek};

use crate::diag::{Diagnostic, Source};
use crate::model::Architecture;

/// The bytes of a file, or of standard input: whoever reads them opens no path.
pub trait Bytes: Read + Seek {
    /// The bytes of another file in the same folder, where a graph keeps its weights apart.
    ///
    /// # Errors
    /// There is no folder, no such file, or it cannot be opened.
    fn sibling(&self, name: &str) -> io::Result<Box<dyn Bytes>>;
}

impl<T: AsRef<[u8]>> Bytes for io::Cursor<T> {
    fn sibling(&self, name: &str) -> io::Result<Box<dyn Bytes>> {
        let message = format!("`{name}` is looked for in the folder of a text that is no file");
        Err(io::Error::new(io::ErrorKind::NotFound, message))
    }
}

/// What a front end makes of bytes.
pub type ReadResult = Result<Box<dyn Architecture>, Vec<Diagnostic>>;

/// A format that networks are read from.
pub trait Importer {
    /// How names of its files end, without the dot: a folder is searched for them.
    #[cfg(feature = "cli")]
    const ENDINGS: &'static [&'static str];

    /// Whether these bytes, from their beginning, are of this format.
    ///
    /// # Errors
    /// The bytes cannot be read.
    fn accepts(name: &str, bytes: &mut dyn Bytes) -> io::Result<bool>;

    /// Reads the bytes, from their beginning, once; what is large and not needed is skipped.
    ///
    /// # Errors
    /// Everything that is wrong with them, with places in bytes of the source or in words.
    fn read(source: &Source, bytes: &mut dyn Bytes) -> ReadResult;
}

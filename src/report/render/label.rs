//! What a format is called.

/// What a format is called, and which files are written in it where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// What `--format` calls it.
    pub name: &'static str,
    /// A further name.
    pub alias: Option<&'static str>,
    /// How the name of a file in it ends: `json`.
    pub ending: Option<&'static str>,
    /// One sentence about it.
    pub about: &'static str,
}

impl Label {
    /// A format of this name.
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, alias: None, ending: None, about }
    }

    /// The same with the ending of its files.
    #[must_use]
    pub const fn ending(self, ending: &'static str) -> Self {
        Self { ending: Some(ending), ..self }
    }
}

//! The networks that are built in: `models/*.yaml`, found by name. `build.rs` makes the table.
//!
//! Imports nothing.

include!(concat!(env!("OUT_DIR"), "/zoo.rs"));

/// A network of the zoo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// The name of its file: `vgg.yaml`.
    pub file: &'static str,
    /// The description.
    pub text: &'static str,
    /// The variant that the name means.
    pub variant: Option<&'static str>,
}

/// Finds a network by name.
pub fn find(name: &str) -> Option<BuiltIn> {
    let at = NAMES.binary_search_by(|(known, ..)| (*known).cmp(name)).ok()?;
    let (_, file, variant) = NAMES[at];
    let (file, text) = FILES[file];
    Some(BuiltIn { file, text, variant })
}

/// Every description, sorted by file: the name of its file, and its text.
pub fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied()
}

/// Every name, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found() {
        assert!(names().is_sorted());
        assert!(names().all(|name| find(name).is_some()));
        assert_eq!(find(""), None);
    }
}

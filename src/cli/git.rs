//! Files of a git revision, read by `git ls-tree` and `git cat-file`: nothing is checked out, and no hook, filter or
//! program that a repository names runs.

use std::io::{self, Read};
use std::process::{Command, Stdio};

/// The most bytes of a file; one more than a text may have, so that it is refused.
const LARGEST: u64 = (64 << 20) + 1;

/// A revision of the repository that the command runs in.
pub struct Revision {
    /// As it is named: a branch, a tag, a commit.
    pub name: String,
}

impl Revision {
    /// The revision that a name means; `None` where there is none, no repository, or no git. A name that begins like an
    /// option is none.
    pub fn find(name: &str) -> Option<Self> {
        if name.is_empty() || name.starts_with('-') {
            return None;
        }
        let tree = format!("{name}^{{tree}}");
        let kind = run(&["cat-file", "-t", &tree]).ok()?;
        (kind == b"tree\n").then(|| Self { name: name.to_owned() })
    }

    /// The bytes of a file, whose path is relative to the current folder; `None` where it is not there, or no file.
    ///
    /// # Errors
    /// Git cannot be run.
    pub fn file(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let entry = run(&["ls-tree", "-z", &self.name, "--", path])?;
        let entry = String::from_utf8_lossy(&entry);
        // MODE TYPE OBJECT <tab> PATH; a link is a blob of another mode.
        let mut words = entry.split(['\t', '\0']).next().unwrap_or_default().split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("100644" | "100755"), Some("blob"), Some(object)) => {
                run(&["cat-file", "blob", object]).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// The file of `REV:FILE`; `None` where it is not there.
pub fn file(argument: &str) -> Option<Vec<u8>> {
    let (revision, path) = argument.split_once(':')?;
    let is_named = !path.is_empty() && !path.starts_with(':');
    is_named.then(|| Revision::find(revision))??.file(path).ok()?
}

/// Why `REV:FILE` is not there: the revision, or the file in it. `None` where the argument does not look like one.
pub fn missing(argument: &str) -> Option<String> {
    let (revision, path) = argument.split_once(':').filter(|(name, path)| {
        // A drive's letter is no revision.
        name.len() > 1
            && !name.contains(['/', '\\'])
            && !path.is_empty()
            && !path.starts_with(['/', '\\', ':'])
    })?;
    run(&["rev-parse", "--git-dir"]).ok().filter(|folder| !folder.is_empty())?;
    Some(match Revision::find(revision) {
        Some(_) => format!(
            "the revision `{revision}` has no file `{path}` here: the path begins at the current folder"
        ),
        None => format!("git knows no revision `{revision}`: `git log` and `git branch` list them"),
    })
}

/// What git prints; nothing where it fails.
fn run(args: &[&str]) -> io::Result<Vec<u8>> {
    let mut command = Command::new("git");
    command.args(["--no-pager", "--literal-pathspecs", "-c", "core.fsmonitor=false"]).args(args);
    // Objects that are not here are not fetched.
    command.envs([("GIT_OPTIONAL_LOCKS", "0"), ("GIT_NO_LAZY_FETCH", "1")]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let mut bytes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(LARGEST).read_to_end(&mut bytes)?;
    }
    if child.wait()?.success() || bytes.len() as u64 == LARGEST {
        return Ok(bytes);
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_an_option_is_no_revision() {
        for name in ["", "-", "--help", "--output=x", "no such revision"] {
            assert!(Revision::find(name).is_none(), "{name}");
        }
        for argument in ["--output=x:y", ":y", "x:", "a::b", "C:\\net.yaml"] {
            assert_eq!(file(argument), None, "{argument}");
        }
    }
}

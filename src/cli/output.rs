//! Where a page goes: standard output, or the file of `-o`, which is whole at any time.
//!
//! A regular or new file is written as a sibling and renamed over it: whoever is killed half-way, or finds the disk
//! full, leaves the old one whole. A link is followed to its target; a device or a pipe is written directly.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// More links than a path has.
const MOST_LINKS: usize = 40;

/// Where a file is written.
enum Destination {
    /// A regular or new file.
    File(PathBuf),
    /// A device or a pipe.
    Stream(PathBuf),
}

/// What a path leads to.
fn place(path: &Path) -> io::Result<Destination> {
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&target) {
            Ok(found) if found.is_symlink() => {
                // /dev/stdout leads to what the shell opened, not to a place whose file could be another one.
                if ["/dev", "/proc"].iter().any(|folder| target.starts_with(folder)) {
                    return Ok(Destination::Stream(target));
                }
                let folder = target.parent().unwrap_or(Path::new(""));
                target = folder.join(fs::read_link(&target)?);
            }
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if found.is_file() => return Ok(Destination::File(target)),
            Ok(_) => return Ok(Destination::Stream(target)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Destination::File(target));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// A file in the folder of another, which is removed again unless it takes its place.
fn sibling(target: &Path) -> io::Result<NamedTempFile> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = Builder::new();
    builder.prefix(".cnnstat-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // A new file has the permissions that the umask leaves.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(|error| plain(&error))
}

/// An error without the name of the temporary file, which says nothing to anybody.
fn plain(error: &io::Error) -> io::Error {
    let inner = error.get_ref().and_then(std::error::Error::source);
    let code = inner.and_then(|inner| inner.downcast_ref::<io::Error>()?.raw_os_error());
    code.map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// Asks whether a page can be written, before there is much work for it; nothing is changed, nothing left behind.
///
/// # Errors
/// Why it cannot.
pub fn check(path: &str) -> io::Result<()> {
    match place(Path::new(path))? {
        Destination::File(target) => {
            if target.exists() {
                // One that may not be written is not replaced either.
                OpenOptions::new().append(true).open(&target)?;
            }
            sibling(&target).map(drop)
        }
        // Opening a pipe waits for its reader.
        Destination::Stream(target) if fs::metadata(&target)?.permissions().readonly() => {
            Err(io::ErrorKind::PermissionDenied.into())
        }
        Destination::Stream(_) => Ok(()),
    }
}

/// Whether the process may write a file of so many bytes (`ulimit -f`): beyond, the system would end it.
#[cfg(unix)]
fn is_within_limit(bytes: usize) -> io::Result<()> {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Fsize).current;
    match limit.filter(|limit| u64::try_from(bytes).unwrap_or(u64::MAX) > *limit) {
        Some(limit) => Err(io::Error::other(format!(
            "it has {bytes} bytes, and this process may write {limit} to a file (ulimit -f)"
        ))),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn is_within_limit(_: usize) -> io::Result<()> {
    Ok(())
}

/// Writes a page.
///
/// # Errors
/// Why it cannot be written; a regular file is then as it was.
pub fn write(path: &str, page: &str) -> io::Result<()> {
    match place(Path::new(path))? {
        Destination::Stream(target) => {
            // Behind what the shell wrote to the same file.
            let mut stream = OpenOptions::new().append(true).open(target)?;
            stream.write_all(page.as_bytes())?;
            stream.flush()
        }
        Destination::File(target) => {
            let before = match OpenOptions::new().append(true).open(&target) {
                Ok(file) => Some(file.metadata()?.permissions()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            is_within_limit(page.len())?;
            let new = sibling(&target)?;
            new.as_file().write_all(page.as_bytes())?;
            if let Some(permissions) = before {
                new.as_file().set_permissions(permissions)?;
            }
            new.as_file().sync_all()?;
            new.persist(&target).map(drop).map_err(|error| error.error)
        }
    }
}

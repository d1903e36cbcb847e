//! The binary as a script runs it: in the repository's folder, without a terminal, with nothing in the environment that
//! changes what it says. Snapshots of what it printed go to `snapshots/`, a folder for each surface.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What became of a run.
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The binary, to be given arguments.
pub fn cnnstat() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cnnstat"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for name in ["RUST_BACKTRACE", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "CI"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end. What it says must be text, and it must not panic.
pub fn finish(mut command: Command) -> Run {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(!stderr.contains("panicked"), "{command:?}: {stderr}");
    Run { status: output.status.code().unwrap(), stdout, stderr }
}

/// Runs it with the words of a line.
pub fn run(line: &str) -> Run {
    run_args(&line.split_whitespace().collect::<Vec<_>>())
}

/// Runs it with arguments that may hold spaces.
pub fn run_args(args: &[&str]) -> Run {
    let mut command = cnnstat();
    command.args(args);
    finish(command)
}

/// Runs it with a text on standard input.
pub fn run_on(args: &[&str], input: &str) -> Run {
    let path = scratch("stdin").join(format!("{:?}", std::thread::current().id()));
    std::fs::write(&path, input).unwrap();
    let mut command = cnnstat();
    command.args(args).stdin(std::fs::File::open(&path).unwrap());
    finish(command)
}

/// What a run prints that goes well.
pub fn page(line: &str) -> String {
    let Run { status, stdout, stderr } = run(line);
    assert_eq!((status, stderr.as_str()), (0, ""), "cnnstat {line}");
    stdout
}

/// A folder to write to, of one test alone.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes a file and yields its path as an argument.
pub fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::File::create(&path).unwrap().write_all(content.as_ref()).unwrap();
    path.into_os_string().into_string().unwrap()
}

/// Every name of the zoo.
pub fn zoo() -> Vec<&'static str> {
    cnnstat::internals::zoo::names().collect()
}

/// Compares a text with `snapshots/SURFACE/NAME.snap`.
pub fn snapshot(surface: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(Path::new("../../snapshots").join(surface));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

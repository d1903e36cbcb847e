//! Files of git revisions: what `--base REV` and `REV:FILE` read, and what of a repository never runs.

use std::path::Path;
use std::process::Command;

use crate::run::{Run, cnnstat, file, finish, scratch};

const NET: &str = "model: net\ninput: [3, 8, 8]\nlayers:\n  - conv2d(4, 3)\n";

fn git(folder: &Path, line: &str) {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=a", "-c", "user.email=a@b"]);
    let output = command.args(line.split(' ')).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

fn within(folder: &Path, args: &[&str]) -> Run {
    let mut command = cnnstat();
    command.current_dir(folder).args(args);
    finish(command)
}

/// A repository whose first commit has a narrow network, and whose folder a wider one.
fn repository(test: &str) -> std::path::PathBuf {
    std::fs::remove_dir_all(scratch(test)).unwrap();
    let folder = scratch(test);
    std::fs::create_dir_all(folder.join("nets")).unwrap();
    git(&folder, "init --quiet --initial-branch=trunk .");
    file(&folder.join("nets"), "net.yaml", NET);
    file(
        &folder,
        "cnnstat.toml",
        "paths = [\"nets\"]\n[[budget]]\nparams.max_increase = \"10%\"\n",
    );
    git(&folder, "add .");
    git(&folder, "commit --quiet -m first");
    file(&folder.join("nets"), "net.yaml", NET.replace("conv2d(4", "conv2d(8"));
    folder
}

#[test]
fn a_budget_compares_with_a_revision() {
    let folder = repository("revision_base");
    let run = within(&folder, &["check", "--base", "trunk"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stdout.contains("+112 (+100%)"), "{}", run.stdout);
    // From a folder of the repository too.
    let run = within(
        &folder.join("nets"),
        &["check", "net.yaml", "--config", "../cnnstat.toml", "--base", "HEAD"],
    );
    assert_eq!(run.status, 1, "{}", run.stderr);
    for name in ["nowhere", "--help", "-x"] {
        let base = format!("--base={name}");
        let run = within(&folder, &["check", &base]);
        assert_eq!(run.status, 2, "{name}");
        assert!(run.stderr.contains("error[E0604]"), "{}", run.stderr);
    }
}

#[test]
fn a_file_of_a_revision_is_compared_with_that_of_the_folder() {
    let folder = repository("revision_diff");
    let run = within(&folder, &["diff", "trunk:nets/net.yaml", "nets/net.yaml"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.contains("112") && run.stdout.contains("224"), "{}", run.stdout);
    for nothing in ["trunk:nets/no.yaml", "nowhere:nets/net.yaml", "trunk:", ":nets/net.yaml"] {
        let run = within(&folder, &["diff", nothing, "nets/net.yaml"]);
        assert_eq!(run.status, 2, "{nothing}");
        assert!(run.stderr.contains("error[E0101]"), "{}", run.stderr);
    }
    // A path that exists is no revision.
    #[cfg(unix)]
    {
        file(&folder, "trunk:x.yaml", NET);
        let run = within(&folder, &["diff", "trunk:x.yaml", "trunk:nets/net.yaml", "--exit-code"]);
        assert_eq!(run.status, 0, "{}", run.stderr);
    }
}

/// A stranger's repository: its filters, hooks and programs would leave a file behind.
#[cfg(unix)]
#[test]
fn nothing_of_a_repository_runs() {
    let folder = repository("revision_hostile");
    let trap = folder.join("trap");
    let command = format!("touch {}", trap.display());
    file(&folder, ".gitattributes", "*.yaml filter=evil diff=evil\n");
    git(&folder, "add .gitattributes");
    git(&folder, "commit --quiet -m second");
    for key in ["filter.evil.smudge", "diff.evil.textconv", "core.fsmonitor", "core.pager"] {
        let mut git = Command::new("git");
        git.current_dir(&folder).args(["config", key, &command]);
        assert!(git.status().unwrap().success());
    }
    let run = within(&folder, &["diff", "trunk:nets/net.yaml", "nets/net.yaml"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(within(&folder, &["check", "--base", "trunk"]).status, 1);
    assert!(!trap.exists());
}

//! `-o FILE`: its ending decides the format, and the file is whole at any time.

use std::fs;
use std::path::Path;

use crate::run::{Run, file, finish, page, run, run_args, scratch};

/// Runs a command that writes a file and prints nothing.
fn write(command: &str, path: &str) {
    let args: Vec<&str> = command.split(' ').chain(["-o", path]).collect();
    let Run { status, stdout, stderr } = run_args(&args);
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (0, "", ""), "{command} -o {path}");
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_ending_decides_where_no_format_is_named() {
    let folder = scratch("output_ending");
    let formats =
        [("json", "json"), ("csv", "csv"), ("md", "markdown"), ("tex", "latex"), ("JSON", "json")];
    for (ending, format) in formats {
        let path = folder.join(format!("page.{ending}"));
        write("lenet5", path.to_str().unwrap());
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            page(&format!("lenet5 --format {format}")),
            "{ending}"
        );
    }
    for name in ["page.txt", "page", ".json"] {
        let path = folder.join(name);
        write("lenet5", path.to_str().unwrap());
        assert_eq!(fs::read_to_string(path).unwrap(), page("lenet5"), "{name}");
    }
}

#[test]
fn a_named_format_is_written_whatever_the_ending() {
    let path = scratch("output_named").join("page.json");
    write("lenet5 --format table", path.to_str().unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), page("lenet5"));
    // The text is all that `explain` has, and the ending is not looked at.
    write("explain lenet5 --format text", path.to_str().unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), page("explain lenet5"));
}

#[test]
fn an_ending_that_a_report_has_no_format_for_is_an_error() {
    let path = scratch("output_refused").join("page.tex");
    for command in ["params lenet5", "explain lenet5", "check lenet5"] {
        let found = run(&format!("{command} -o {}", path.display()));
        assert_eq!((found.status, found.stdout.as_str()), (2, ""), "{command}");
        assert!(found.stderr.contains("--format"), "{}", found.stderr);
        assert!(!path.exists());
    }
}

#[test]
fn every_report_of_figures_is_a_table_of_latex() {
    for command in
        ["lenet5", "list lenet5 m5", "diff lenet5 m5", "memory lenet5", "conventions lenet5"]
    {
        let text = page(&format!("{command} --format latex"));
        let count = |part: &str| text.matches(part).count();
        let tables = count("\\begin{tabular}");
        assert!(tables > 0, "{command}\n{text}");
        for part in ["\\end{tabular}", "\\toprule", "\\bottomrule"] {
            assert_eq!(count(part), tables, "{command}\n{text}");
        }
        // A row has as many cells as its table has columns.
        let mut columns = 0;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("\\begin{tabular}{") {
                columns = rest.trim_end_matches('}').len();
            } else if line.ends_with("\\\\") {
                let cells = line.replace("\\&", "").matches('&').count() + 1;
                assert_eq!(cells, columns, "{line}");
            } else {
                assert!(line.is_empty() || line.starts_with(['%', '\\']), "{line}");
            }
        }
    }
}

#[test]
fn names_are_escaped_in_latex() {
    let text = "model: 50%_of\ninput: [4]\nlayers:\n  - a_b: linear(2)\n";
    let path = file(&scratch("output_escaped"), "net.yaml", text);
    let text = page(&format!("{path} --format latex"));
    assert!(text.contains("a\\_b"), "{text}");
    assert!(text.contains("% 50%_of\n"), "{text}");
}

#[test]
fn nothing_else_is_left_in_the_folder() {
    let folder = scratch("output_alone");
    let path = file(&folder, "page.txt", "before");
    write("lenet5", &path);
    let found = run(&format!("nosuch -o {path}"));
    assert_eq!(found.status, 2);
    assert_eq!(names(&folder), ["page.txt"]);
    assert_eq!(fs::read_to_string(path).unwrap(), page("lenet5"));
}

#[cfg(unix)]
mod unix {
    use std::io::Read as _;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::process::Command;

    use super::*;
    use crate::run::cnnstat;

    #[test]
    fn a_file_is_replaced_and_keeps_its_permissions() {
        let path = file(&scratch("output_permissions"), "page.txt", "before");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        // Whoever has the old file open, still has all of it.
        let mut old = fs::File::open(&path).unwrap();
        let before = fs::metadata(&path).unwrap().ino();
        write("lenet5", &path);
        let now = fs::metadata(&path).unwrap();
        assert_eq!(now.permissions().mode() & 0o777, 0o640);
        assert_ne!(now.ino(), before);
        let mut text = String::new();
        old.read_to_string(&mut text).unwrap();
        assert_eq!(text, "before");
        assert_eq!(fs::read_to_string(&path).unwrap(), page("lenet5"));
    }

    #[test]
    fn a_new_file_has_the_permissions_that_any_new_file_has() {
        let folder = scratch("output_new");
        let (path, other) = (folder.join("page.txt"), folder.join("other"));
        let _ = fs::remove_file(&path);
        write("lenet5", path.to_str().unwrap());
        fs::write(&other, "").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&other));
    }

    #[test]
    fn a_link_is_followed_to_its_target() {
        let folder = scratch("output_link");
        let target = folder.join("targets/page.txt");
        fs::create_dir_all(folder.join("targets")).unwrap();
        for (link, leads) in [("first", "second"), ("second", "targets/page.txt")] {
            let link = folder.join(link);
            let _ = fs::remove_file(&link);
            symlink(leads, link).unwrap();
        }
        // Once there is no target yet, then it is replaced.
        let _ = fs::remove_file(&target);
        for command in ["lenet5", "params lenet5"] {
            write(command, folder.join("first").to_str().unwrap());
            assert_eq!(fs::read_to_string(&target).unwrap(), page(command));
            assert!(folder.join("first").is_symlink() && folder.join("second").is_symlink());
        }
        assert_eq!(names(&folder), ["first", "second", "targets"]);
        assert_eq!(names(&folder.join("targets")), ["page.txt"]);
    }

    #[test]
    fn a_device_and_a_pipe_are_written_directly() {
        write("lenet5", "/dev/null");
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert_eq!(page("lenet5 -o /dev/stdout"), page("lenet5"));
        let pipe = scratch("output_pipe").join("pipe");
        let _ = fs::remove_file(&pipe);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        write("lenet5", pipe.to_str().unwrap());
        assert_eq!(reader.join().unwrap(), page("lenet5"));
        assert!(!fs::metadata(&pipe).unwrap().is_file());
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_the_old_file_whole() {
        let found = run("lenet5 -o /dev/full");
        assert_eq!((found.status, found.stdout.as_str()), (2, ""));
        assert!(found.stderr.contains("error[E0105]"), "{}", found.stderr);
        // A file may not grow beyond a block here: writing ends half-way as on a full disk.
        let folder = scratch("output_full");
        let path = file(&folder, "page.json", "before");
        let mut command = Command::new("sh");
        let binary = cnnstat().get_program().to_owned();
        command.args(["-c", "ulimit -f 1; trap '' XFSZ; exec \"$0\" \"$@\""]).arg(binary);
        command.args(["resnet50", "-o", &path]);
        let found = finish(command);
        assert_eq!((found.status, found.stdout.as_str()), (2, ""), "{}", found.stderr);
        assert!(found.stderr.contains("error[E0105]"), "{}", found.stderr);
        assert_eq!(fs::read_to_string(path).unwrap(), "before");
        assert_eq!(names(&folder), ["page.json"]);
    }
}

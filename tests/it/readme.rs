//! README and tour show what the tool prints: each `console` block is run and compared, at 80 columns.
//!
//! `CNNSTAT_UPDATE=1 cargo test` writes what is printed into the pages.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What a command line of the page prints, both streams.
fn printed(line: &str) -> String {
    let mut args: Vec<String> = Vec::new();
    // Words are separated by spaces, except inside single quotes.
    for (i, part) in line.split('\'').enumerate() {
        if i % 2 == 1 {
            args.push(part.to_owned());
        } else {
            args.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    assert_eq!(args.remove(0), "cnnstat", "{line}");
    let output = Command::new(env!("CARGO_BIN_EXE_cnnstat"))
        .args(&args)
        .args(["--width", "80"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).unwrap().replace("\r\n", "\n")
}

/// The page with every block's output as it is printed now.
fn with_output(page: &str) -> String {
    let mut out = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if line != "```console" {
            continue;
        }
        for line in lines.by_ref() {
            if let Some(command) = line.strip_prefix("$ ") {
                out.push_str(line);
                out.push('\n');
                out.push_str(&printed(command));
            } else if line == "```" {
                out.push_str("```\n");
                break;
            }
        }
    }
    out
}

/// The pages and how many commands each shows at least.
const PAGES: &[(&str, usize)] = &[("README.md", 4), ("docs/tour.md", 10)];

/// Longest README, in lines: what is longer belongs to the tour.
const MAX_README: usize = 160;

#[test]
fn pages_show_what_is_printed() {
    for (name, least) in PAGES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let page = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
        let now = with_output(&page);
        assert!(now.matches("\n$ cnnstat").count() >= *least, "{name}");
        if std::env::var_os("CNNSTAT_UPDATE").is_some() {
            fs::write(&path, now).unwrap();
        } else {
            assert!(page == now, "{name} is not what is printed: CNNSTAT_UPDATE=1 cargo test");
        }
    }
}

#[test]
fn the_readme_is_short() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let lines = fs::read_to_string(path).unwrap().lines().count();
    assert!(lines <= MAX_README, "README.md has {lines} lines: docs/tour.md has room");
}

//! The README's tour is what the tool prints: each `console` block is run and compared, at 80 columns.
//!
//! `CNNSTAT_UPDATE=1 cargo test` writes what is printed into the page.

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

#[test]
fn the_tour_is_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    let now = with_output(&page);
    assert!(now.matches("\n$ cnnstat").count() >= 6);
    if std::env::var_os("CNNSTAT_UPDATE").is_some() {
        fs::write(&path, now).unwrap();
    } else {
        assert!(page == now, "README.md is not what is printed: CNNSTAT_UPDATE=1 cargo test");
    }
}

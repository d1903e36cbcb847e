//! Every description in `tests/fixtures/bad`, and every command line in its `cli.txt`, gives its code and no other, in
//! each format; what people read is a snapshot for each code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use cnnstat::diag::Code;
use serde_json::Value;

use crate::common::folder;
use crate::run::{Run, file, run_args, scratch, snapshot};

const FOLDER: &str = "tests/fixtures/bad";

/// A command line that must fail.
struct Case {
    code: Code,
    /// As it is shown; `{tmp}` is a folder outside of the repository.
    args: Vec<String>,
}

impl Case {
    fn new(code: &str, args: &str) -> Self {
        let code = code.parse().unwrap_or_else(|_| panic!("there is no code {code}"));
        Self { code, args: args.split_whitespace().map(str::to_owned).collect() }
    }

    /// Files whose first line is `# CODE`, or `# CODE args: ARGUMENTS`, and the lines of `cli.txt`.
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for source in folder(FOLDER) {
            let first = source.text.trim_start_matches('\u{feff}').lines().next().unwrap();
            let head = first.strip_prefix("# ").unwrap_or_else(|| panic!("{}", source.name));
            let (code, args) = head.split_once(" args: ").unwrap_or((head, "FILE"));
            assert!(source.name.starts_with(code), "{} is called after another code", source.name);
            cases.push(Self::new(
                code,
                &args.replace("FILE", &format!("{FOLDER}/{}.yaml", source.name)),
            ));
        }
        let lines =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join("cli.txt"));
        for line in lines.unwrap().lines() {
            let (code, args) = line.split_once('\t').unwrap();
            cases.push(Self::new(
                code,
                &args.replace("{models}", "models").replace("{dir}", FOLDER),
            ));
        }
        cases
    }

    fn shown(&self) -> String {
        format!("cnnstat {}", self.args.join(" "))
    }

    fn run(&self, format: &str, tmp: &Path) -> Run {
        let tmp = tmp.to_str().unwrap();
        let mut args: Vec<String> = self.args.iter().map(|arg| arg.replace("{tmp}", tmp)).collect();
        args.extend(["--message-format".to_owned(), format.to_owned()]);
        let Run { status, stdout, stderr } =
            run_args(&args.iter().map(String::as_str).collect::<Vec<_>>());
        Run { status, stdout, stderr: stderr.replace(tmp, "{tmp}") }
    }
}

/// The folder with what the repository cannot hold.
fn unreadable(test: &str) -> std::path::PathBuf {
    let tmp = scratch(test);
    file(&tmp, "latin1.yaml", b"model: caf\xe9\n");
    file(&tmp, "empty.yaml", "");
    tmp
}

/// Codes between `[` and `]` after `error`, `warning` or `note`.
pub fn codes_in(text: &str) -> BTreeSet<String> {
    let after =
        ["error[", "warning[", "note["].into_iter().flat_map(|head| text.split(head).skip(1));
    after.map(|rest| rest.split(']').next().unwrap().to_owned()).collect()
}

#[test]
fn every_fixture_gives_its_code_and_no_other_in_every_format() {
    let tmp = unreadable("diagnostics_formats");
    for case in Case::all() {
        let (shown, expected) = (case.shown(), BTreeSet::from([case.code.name().to_owned()]));
        let status = match case.code {
            Code::E0601 => 1,
            Code::E0603 | Code::E0604 => 0,
            note if note >= Code::E0701 => 0,
            _ => 2,
        };
        for format in ["human", "short", "json"] {
            let run = case.run(format, &tmp);
            assert_eq!(run.status, status, "{shown} --message-format {format}");
            let codes = if format == "json" {
                let code = |line: &str| {
                    let value: Value = serde_json::from_str(line).unwrap();
                    value["code"].as_str().unwrap().to_owned()
                };
                run.stderr.lines().map(code).collect()
            } else {
                codes_in(&run.stderr)
            };
            assert_eq!(codes, expected, "{shown} --message-format {format}: {}", run.stderr);
            if format == "short" {
                let each = run.stderr.lines().all(|line| !codes_in(line).is_empty());
                assert!(each, "{shown}: not a line each: {}", run.stderr);
            }
        }
    }
}

#[test]
fn what_people_read() {
    let tmp = unreadable("diagnostics_people");
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for case in Case::all() {
        let run = case.run("human", &tmp);
        let text = texts.entry(case.code.name()).or_default();
        let _ = write!(text, "$ {}\n{}\n", case.shown(), run.stderr);
    }
    for (code, text) in texts {
        snapshot("diagnostics", code, &text);
    }
}

#[test]
fn every_code_has_a_fixture_and_every_snapshot_a_code() {
    let shown: BTreeSet<&str> = Case::all().iter().map(|case| case.code.name()).collect();
    let all: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(shown, all);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/diagnostics");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let code = name.split('.').next().unwrap();
        assert!(all.contains(code), "{name} is of no code");
    }
}

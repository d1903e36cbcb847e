//! Texts of a description that would move the cursor, turn the line, leave their table cell or start a formula: every
//! format shows them as text.

use serde_json::Value;

use crate::run::{Run, file, page, run_args, run_on, scratch};

const ABOUT: &str = "\u{1b}[31mred\u{202e} | pipe ` tick *bold* <b>\n# \"quoted\"\u{9b}2J";

/// A network whose name, sentence and source are made to hurt.
fn network(test: &str) -> String {
    let about = r#""\e[31mred\u202E | pipe ` tick *bold* <b>\n# \"quoted\"\x9b2J""#;
    let description = format!(
        "model: '=1+1 | `x`'\nabout: {about}\nsource: \"=HYPERLINK(1)|\\u2028\\U000e0041\"\ninput: [3, 8, 8]\n\
         layers:\n  - -a: conv2d(4, 3)\n  - relu\nexpect: {{params: 112}}\n"
    );
    file(&scratch(test), "hostile.yaml", description)
}

/// What it prints with further arguments.
fn printed(path: &str, line: &str) -> String {
    let (before, after) = line.split_once("FILE").unwrap();
    let mut args: Vec<&str> = before.split_whitespace().collect();
    args.push(path);
    args.extend(after.split_whitespace());
    let Run { status, stdout, stderr } = run_args(&args);
    assert_eq!((status, stderr.as_str()), (0, ""), "{line}");
    stdout
}

#[test]
fn nothing_moves_the_cursor_or_turns_the_line() {
    let path = network("hostile_terminal");
    for line in [
        "FILE",
        "FILE --format markdown",
        "FILE --format csv",
        "FILE --format json",
        "params FILE",
        "params FILE --format json",
        "explain FILE",
        "explain FILE --format markdown",
        "check FILE",
        "check FILE --format json",
        "expand FILE",
    ] {
        let harmful =
            |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2028}\u{e0041}".contains(c);
        let text = printed(&path, line);
        assert_eq!(text.find(harmful), None, "{line}: {text:?}");
    }
}

#[test]
fn json_keeps_every_character() {
    let report: Value =
        serde_json::from_str(&printed(&network("hostile_json"), "FILE --format json")).unwrap();
    assert_eq!(report["about"], ABOUT);
    assert_eq!(report["model"], "=1+1 | `x`");
}

#[test]
fn an_expansion_keeps_every_character() {
    let expanded = printed(&network("hostile_expand"), "expand FILE");
    let run = run_on(&["-", "--format", "json"], &expanded);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["about"], ABOUT);
}

#[test]
fn csv_starts_no_formula() {
    let path = network("hostile_csv");
    for line in [
        "FILE lenet5 --format csv",
        "params FILE lenet5 --format csv",
        "check FILE lenet5 --format csv",
    ] {
        let text = printed(&path, line);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let mut seen = 0;
        for record in reader.records() {
            for cell in &record.unwrap() {
                let negative = cell.parse::<f64>().is_ok();
                assert!(negative || !cell.starts_with(['=', '+', '-', '@']), "{line}: {cell}");
                seen += usize::from(cell == "'=1+1 | `x`");
            }
        }
        assert!(seen > 0, "{line}: {text}");
    }
}

#[test]
fn markdown_stays_in_its_cells() {
    let path = network("hostile_markdown");
    let lines = |line: &str| printed(&path, line).lines().map(str::to_owned).collect::<Vec<_>>();
    // A bar that a backslash precedes separates nothing.
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    for line in ["FILE --format markdown", "check FILE --format markdown"] {
        let lines = lines(line);
        let tables = lines.split(|line| !line.starts_with('|')).filter(|table| !table.is_empty());
        for table in tables {
            assert!(table.iter().all(|line| cells(line) == cells(&table[0])), "{table:#?}");
        }
    }
    // The only headings are the tool's own.
    let headings = |line: &str| lines(line).iter().filter(|line| line.starts_with('#')).count();
    assert_eq!(headings("FILE --format markdown"), 1);
    assert_eq!(headings("explain FILE --format markdown"), 3);
}

#[test]
fn diagnostics_show_a_hostile_line_as_text() {
    let text =
        "model: m\ninput: [3, 8, 8]\nlayers:\n  - conv2d(4, 3, padding='\u{202e}x') # \u{200b}\n";
    let path = file(&scratch("hostile_diagnostic"), "bad.yaml", text);
    for format in ["human", "short", "json"] {
        let run = run_args(&[&path, "--message-format", format]);
        assert_eq!(run.status, 2);
        assert!(run.stderr.contains("E0405"), "{}", run.stderr);
        assert!(!run.stderr.contains(['\u{202e}', '\u{200b}']), "{format}: {:?}", run.stderr);
    }
}

#[test]
fn a_hostile_argument_is_shown_as_text() {
    let run = run_args(&["no\u{1b}[31msuch\u{202e}"]);
    assert_eq!(run.status, 2);
    assert!(!run.stderr.contains(['\u{1b}', '\u{202e}']), "{:?}", run.stderr);
    let run = run_args(&["explain-error", "\u{1b}[31m"]);
    assert_eq!(run.status, 2);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
}

#[test]
fn what_is_harmless_is_left_alone() {
    assert!(page("explain alexnet_slide conv1").contains("11 × 11 × 3 × 96"));
}

/// A CI log obeys a line that begins with two colons, and the old form anywhere.
#[test]
fn no_line_is_a_command_of_a_log() {
    for name in ["::stop-commands::pwn", "x ##[add-mask]pwn"] {
        let text = format!(
            "model: {name:?}\nabout: 'a ::error::b'\ninput: [1, 8, 8]\nlayers:\n  - c: conv2d(2, 3)\nexpect: {{params: 5}}\n"
        );
        let path = file(&scratch("hostile_log"), "net.yaml", text);
        for line in [
            "FILE",
            "FILE --width 20",
            "FILE --format csv",
            "FILE FILE --format csv",
            "FILE --format json",
            "FILE --format markdown",
            "FILE --format latex",
            "params FILE",
            "memory FILE",
            "explain FILE",
            "list FILE",
            "list FILE --format csv",
            "check FILE",
            "check FILE --format csv",
            "check FILE --format markdown",
            "check FILE --width 40",
            "show FILE",
            "explain FILE nosuch",
        ] {
            let args: Vec<&str> = line
                .split(' ')
                .map(|word| if word == "FILE" { path.as_str() } else { word })
                .collect();
            let Run { stdout, stderr, .. } = run_args(&args);
            for row in stdout.lines().chain(stderr.lines()) {
                let is_command = row.trim_start().starts_with("::") || row.contains("##[");
                assert!(!is_command, "{line}: {row}");
            }
        }
    }
}

#[test]
fn csv_has_neither_formulas_nor_controls() {
    let head = "input: [1, 8, 8]\nlayers:\n  - c: conv2d(2, 3)\n";
    for (name, shown) in [
        (r#""-1+cmd|' /C calc'!A0""#, "'-1+cmd|' /C calc'!A0,"),
        (r#""a\e]0;x\ab\u009b31mc\rd\u202e""#, "a\\u{1b}]0;x\\u{7}b\\u{9b}31mc\\rd\\u{202e},"),
    ] {
        let path = file(&scratch("hostile_csv"), "net.yaml", format!("model: {name}\n{head}"));
        let Run { stdout, .. } = run_args(&["list", &path, "--format", "csv", "--color", "always"]);
        assert!(stdout.lines().nth(1).unwrap().starts_with(shown), "{stdout:?}");
    }
}

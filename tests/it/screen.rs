//! What stands on a screen: colour only where it was asked for, and no line wider than it may be.

use cnnstat::internals::report::text::width;

use crate::run::{Run, cnnstat, file, finish, page, run, scratch, zoo};

const ESCAPE: char = '\u{1b}';

#[test]
fn no_line_is_wider_than_it_may_be() {
    for name in zoo() {
        for columns in [80, 60] {
            for command in ["", "params ", "check "] {
                let line = format!("{command}{name} --width {columns}");
                for row in page(&line).lines() {
                    assert!(width(row) <= columns, "{line}: {} columns: {row}", width(row));
                }
            }
        }
    }
}

#[test]
fn no_line_of_an_explanation_is_wider_than_it_may_be() {
    for name in zoo() {
        for columns in [80, 60] {
            for row in page(&format!("explain {name} --width {columns}")).lines() {
                assert!(width(row) <= columns, "{name}: {columns}: {} columns: {row}", width(row));
            }
        }
        // Here a word alone can be too long, behind its sign.
        for (columns, row) in [40, 20].into_iter().flat_map(|columns| {
            let page = page(&format!("explain {name} --width {columns}"));
            page.lines().map(|row| (columns, row.to_owned())).collect::<Vec<_>>()
        }) {
            let words = row.split_whitespace().count();
            let is_one =
                words == 1 || (words == 2 && "=×+−→·".contains(row.trim().chars().next().unwrap()));
            assert!(width(&row) <= columns || is_one, "{name}: {row}");
        }
    }
}

#[test]
fn formulas_keep_all_their_parts_at_any_width() {
    let words = |line: &str| page(line).split_whitespace().collect::<Vec<_>>().join(" ");
    for name in ["c3d", "dcgan_generator"] {
        let wide = words(&format!("explain {name} --width 400"));
        let (_, wide) = wide.split_once("other operation ").unwrap();
        for columns in [20, 40, 60] {
            let text = words(&format!("explain {name} --width {columns}"));
            assert!(text.ends_with(wide), "{name}: {columns}");
        }
    }
}

#[test]
fn chosen_columns_stay_at_any_width() {
    let columns = "name,op,kernel,output,params,params%,macs,macs%,flops";
    for width in [20, 40, 60] {
        let text = page(&format!("mobilenet_v1 --columns {columns} --width {width}"));
        for head in ["kernel", "params%", "macs%", "FLOPs"] {
            assert!(text.contains(head), "{width}: {text}");
        }
    }
    // Left to itself the table leaves some out.
    let text = page("mobilenet_v1 --width 40");
    let heads = text.lines().find(|line| line.starts_with("layer")).unwrap();
    assert!(!heads.contains("kernel"), "{heads}");
}

#[test]
fn every_number_of_the_header_stays_at_any_width() {
    for columns in [20, 40, 60, 80, 120] {
        let text = page(&format!("alexnet --width {columns}"));
        for number in ["60,965,224", "724,406,816", "1,456,003,592"] {
            assert!(text.contains(number), "{columns}: {text}");
        }
    }
}

#[test]
fn colour_is_there_only_when_asked_for() {
    let bad = "tests/fixtures/bad/E0502_kernel.yaml";
    for (line, color) in [("", false), ("--color never", false), ("--color always", true)] {
        for command in ["alexnet", "params alexnet", "explain alexnet conv1", "check lenet5", "ops"]
        {
            let line = format!("{command} {line}");
            assert_eq!(page(&line).contains(ESCAPE), color, "{line}");
        }
        let Run { stderr, .. } = run(&format!("{bad} {line}"));
        assert_eq!(stderr.contains(ESCAPE), color, "{line}: {stderr:?}");
    }
}

#[test]
fn what_other_programs_read_has_no_colour() {
    for format in ["json", "csv", "markdown"] {
        assert!(!page(&format!("alexnet --color always --format {format}")).contains(ESCAPE));
    }
    let path = file(&scratch("screen_file"), "page.txt", "");
    let run = run(&format!("alexnet --color always --width 60 -o {path}"));
    assert_eq!((run.status, run.stdout.as_str()), (0, ""));
    assert_eq!(std::fs::read_to_string(path).unwrap(), page("alexnet"));
}

#[test]
fn the_environment_decides_where_nothing_is_said() {
    let colored = |name: &str, args: &[&str]| {
        let mut command = cnnstat();
        command.env(name, "1").arg("alexnet").args(args);
        finish(command).stdout.contains(ESCAPE)
    };
    assert!(colored("CLICOLOR_FORCE", &[]));
    assert!(!colored("NO_COLOR", &[]));
    // A flag is nearer than the environment.
    assert!(colored("NO_COLOR", &["--color", "always"]));
    assert!(!colored("CLICOLOR_FORCE", &["--color", "never"]));
}

#[test]
fn colour_changes_no_letter() {
    let mut plain = String::new();
    let mut rest = page("mobilenet_v1 --color always");
    while let Some(at) = rest.find(ESCAPE) {
        plain.push_str(&rest[..at]);
        let end = rest[at..].find('m').unwrap();
        rest = rest[at + end + 1..].to_owned();
    }
    plain.push_str(&rest);
    assert_eq!(plain, page("mobilenet_v1"));
}

#[test]
fn a_column_that_goes_is_named_with_how_to_see_it() {
    let narrow = page("alexnet --width 60");
    let line = narrow.lines().position(|line| line.starts_with("no room for ")).unwrap();
    let told: Vec<&str> = narrow.lines().skip(line).take_while(|line| !line.is_empty()).collect();
    let told = told.join(" ");
    let width = told.split("--width ").nth(1).unwrap().split(' ').next().unwrap();
    let wide = page(&format!("alexnet --width {width}"));
    assert!(told.contains("kernel") && !wide.contains("no room for"), "{told}\n{wide}");
}

#[test]
fn messages_break_at_words() {
    let Run { stderr, .. } = run("alexnet --input 227x227 --width 50");
    assert!(stderr.lines().all(|line| width(line) <= 50), "{stderr}");
    let words = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("is not like the declared 3×227×227: it has no channel axis"),
        "{words}"
    );
}

#[test]
fn a_table_does_not_wrap_into_its_verdict() {
    for line in ["check --width 80", "check models --width 80"] {
        for row in page(line).lines() {
            assert!(width(row) <= 80, "{line}: {row}");
        }
    }
}

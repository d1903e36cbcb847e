//! Budgets: what a change breaks is named with its layer in every format, what was before is found, and nothing that a
//! stranger writes breaks out of a format.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run::{Run, cnnstat, file, finish, page, scratch};

/// Every format that is no table.
const FORMATS: [&str; 6] = ["json", "markdown", "github", "junit", "sarif", "gitlab"];

const NET: &str = "\
model: net
input: [3, 32, 32]
layers:
  - stem: conv2d(16, 3, padding=1)
  - relu
  - body: conv2d(32, 3, padding=1)
  - relu
  - pool: adaptive_avgpool2d(1)
  - flatten
  - head: linear(10)
";

const BUDGETS: &str = r#"
paths = ["nets"]

[[budget]]
models = ["net"]
params = { max = "6k", max_increase = "10%" }
macs.max_increase = ["5%", "1M"]
peak_activation_bytes.max = "1MiB"
receptive_field.min = 5
output = [10]
"#;

/// A folder of one test that holds nothing of an earlier run.
fn empty(test: &str) -> PathBuf {
    std::fs::remove_dir_all(scratch(test)).unwrap();
    scratch(test)
}

/// A folder with descriptions, budgets and a run that was stored before.
fn project(test: &str) -> PathBuf {
    let folder = empty(test);
    std::fs::create_dir_all(folder.join("nets")).unwrap();
    file(&folder.join("nets"), "net.yaml", NET);
    file(&folder, "cnnstat.toml", BUDGETS);
    let run = check(&folder, "--format json -o before.json");
    assert_eq!(run.status, 0, "{}", run.stderr);
    folder
}

fn check(folder: &Path, line: &str) -> Run {
    let mut command = cnnstat();
    command.current_dir(folder).arg("check").args(line.split_whitespace());
    finish(command)
}

/// The network with a wider body: 4,640 parameters of it become 9,280.
fn change(folder: &Path) {
    file(&folder.join("nets"), "net.yaml", NET.replace("body: conv2d(32", "body: conv2d(64"));
}

fn rows(run: &Run) -> Vec<Value> {
    let value: Value = serde_json::from_str(&run.stdout).unwrap();
    value["rows"].as_array().unwrap().clone()
}

/// As anybody's networks can be, by the `cnnstat.toml` of the repository.
#[test]
fn the_zoo_holds_to_its_own_budgets() {
    let page = page("check");
    for row in ["mobilenet_v2 [width=1.4]", "max 8MiB", "warn 240MiB"] {
        assert!(page.contains(row), "{row}: {page}");
    }
}

#[test]
fn a_change_that_breaks_a_budget_fails_and_names_its_layer_in_every_format() {
    let folder = project("budget_broken");
    change(&folder);
    for format in FORMATS {
        let run = check(&folder, &format!("--baseline before.json --format {format}"));
        assert_eq!(run.status, 1, "{format}: {}", run.stderr);
        assert!(run.stdout.contains("body"), "{format}: {}", run.stdout);
        for part in ["4,640", "moved by body"] {
            assert!(format == "json" || run.stdout.contains(part), "{format}: {}", run.stdout);
        }
    }
    let run = check(&folder, "--baseline before.json");
    assert_eq!(run.status, 1);
    assert!(run.stdout.contains("+4,960 (+91.6%)"), "{}", run.stdout);
    // Two limits of one number that one change broke, and two of another.
    let note = "note: moved by body +4,640, head +320";
    assert_eq!(run.stderr.matches(note).count(), 1, "{}", run.stderr);
    assert_eq!(run.stderr.matches("moved by").count(), 2, "{}", run.stderr);
    let by = "params is 10,378, but at most 6,000 is allowed: 4,378 too many (+73.0%)";
    assert!(run.stderr.contains(by), "{}", run.stderr);
    let run = check(&folder, "--baseline before.json --format github");
    assert_eq!(run.stdout.matches("::error ").count(), 1, "{}", run.stdout);
    let csv = check(&folder, "--baseline before.json --format csv").stdout;
    assert!(csv.contains("net,params,max 6k,10378,5418,4960,MISS,"), "{csv}");
    let comment = check(&folder, "--baseline before.json --format markdown").stdout;
    assert!(comment.contains("### Networks checked by cnnstat: net not as expected"), "{comment}");
    assert!(run.stderr.contains("cnnstat.toml:6:"), "{}", run.stderr);
}

#[test]
fn an_annotation_lands_on_the_line_of_the_layer_or_of_the_limit() {
    let folder = project("budget_lines");
    change(&folder);
    let run = check(&folder, "--baseline before.json --format github");
    let line = 1 + NET.lines().position(|line| line.contains("body")).unwrap();
    let lands = format!("::error file=nets/net.yaml,line={line},title=cnnstat%3A net params");
    assert!(run.stdout.contains(&lands), "{}", run.stdout);
    let own = format!("{NET}budget:\n  params: {{max: 5k, warn: 4k}}\n");
    file(&folder.join("nets"), "net.yaml", &own);
    let run = check(&folder, "--format github");
    let line = own.lines().count();
    for kind in ["error", "warning"] {
        let lands = format!("::{kind} file=nets/net.yaml,line={line},");
        assert!(run.stdout.contains(&lands), "{}", run.stdout);
    }
}

#[test]
fn a_stored_summary_and_another_checkout_are_baselines_too() {
    let folder = project("budget_baselines");
    let mut command = cnnstat();
    command.current_dir(&folder).args("nets/net.yaml --format json -o summary.json".split(' '));
    assert_eq!(finish(command).status, 0);
    let runs = folder.join("runs");
    std::fs::create_dir_all(&runs).unwrap();
    std::fs::copy(folder.join("summary.json"), runs.join("net.json")).unwrap();
    let main = folder.join("main");
    std::fs::create_dir_all(main.join("nets")).unwrap();
    file(&main.join("nets"), "net.yaml", NET);
    change(&folder);
    for from in
        ["--baseline before.json", "--baseline summary.json", "--baseline runs", "--base main"]
    {
        let run = check(&folder, &format!("{from} --format json"));
        let rows = rows(&run);
        let of = |expected: &str| {
            let row = rows.iter().find(|row| row["expected"] == expected).unwrap();
            (row["before"].clone(), row["level"].clone())
        };
        assert_eq!(of("max_increase 10%"), (5_418.into(), "fail".into()), "{from}");
        assert_eq!(of("max_increase 5%"), (5_161_280.into(), "fail".into()), "{from}");
        let moved: Vec<&str> = rows
            .iter()
            .find(|row| row["expected"] == "max_increase 10%")
            .and_then(|row| row["layers"].as_array())
            .unwrap()
            .iter()
            .map(|part| part["layer"].as_str().unwrap())
            .collect();
        assert_eq!(moved, ["body", "head"], "{from}");
    }
}

#[test]
fn a_missing_baseline_is_an_error_unless_it_is_allowed() {
    let folder = project("budget_missing");
    for from in ["--baseline nowhere.json", "--base nowhere"] {
        let run = check(&folder, from);
        assert_eq!(run.status, 2, "{}", run.stdout);
        assert!(run.stderr.contains("error[E0604]: `nowhere"), "{}", run.stderr);
        let run = check(&folder, &format!("{from} --allow-missing-baseline"));
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stderr.contains("warning[E0604]: `nowhere"), "{}", run.stderr);
        assert!(run.stdout.contains("no baseline"), "{}", run.stdout);
    }
    // A network that is new.
    file(&folder.join("nets"), "new.yaml", NET.replace("model: net", "model: netto"));
    let budgets = BUDGETS.replace("models = [\"net\"]", "models = [\"net*\"]");
    file(&folder, "cnnstat.toml", budgets);
    let run = check(&folder, "--baseline before.json");
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stdout.contains("3 with nothing in the baseline"), "{}", run.stdout);
}

#[test]
fn an_unchanged_network_is_as_it_was() {
    let folder = project("budget_equal");
    let run = check(&folder, "--baseline before.json");
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.contains("7 expectations met\n"), "{}", run.stdout);
    let run = check(&folder, "");
    assert!(run.stdout.contains("3 not compared without --baseline or --base"), "{}", run.stdout);
}

#[test]
fn a_network_is_checked_at_every_setting_of_a_matrix() {
    let folder = empty("budget_matrix");
    let net = NET.replace("input:", "vars: {width: 16, bn: false}\ninput:");
    let net = net.replace(
        "conv2d(16, 3, padding=1)\n",
        "conv2d(width, 3, padding=1)\n  - if bn: batchnorm2d\n",
    );
    file(&folder, "net.yaml", net);
    let budgets = r#"
        [[budget]]
        matrix = { width = [8, 64], bn = [false, true] }
        batch = 2
        optimizer = "adam"
        params.max = "20k"
        training_bytes.max = "4MiB"
    "#;
    file(&folder, "cnnstat.toml", budgets);
    let run = check(&folder, "net.yaml --format json");
    let found: Vec<(String, u64, String)> = rows(&run)
        .iter()
        .filter(|row| row["what"] == "params")
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (text("model"), row["value"].as_u64().unwrap(), text("level"))
        })
        .collect();
    let of = |width: u64, bn: bool| {
        let params =
            width * 27 + width + 32 * (9 * width + 1) + 330 + if bn { 2 * width } else { 0 };
        let level = if params > 20_000 { "fail" } else { "ok" };
        (format!("net [width={width}, bn={bn}, batch=2, optimizer=adam]"), params, level.to_owned())
    };
    assert_eq!(found, [of(8, false), of(8, true), of(64, false), of(64, true)]);
    assert_eq!(run.status, 1);
    // A setting that the network does not have is told once, with the budget that asks for it.
    file(&folder, "cnnstat.toml", budgets.replace("width =", "wide ="));
    let run = check(&folder, "net.yaml");
    assert_eq!(run.status, 2);
    for part in ["error[E0109]", "a budget of cnnstat.toml checks it as net [wide=8, bn=false"] {
        assert_eq!(run.stderr.matches(part).count(), 1, "{}", run.stderr);
    }
}

#[test]
fn budgets_and_baselines_that_cannot_be_read_are_told_in_every_format() {
    let folder = project("budget_unreadable");
    file(&folder, "bad.toml", "[[budget]]\nparams.max = 26M\n");
    file(&folder, "bad.json", "{");
    for (line, file, code) in
        [("--config bad.toml", "bad.toml", "E0605"), ("--baseline bad.json", "bad.json", "E0607")]
    {
        for format in FORMATS {
            let run = check(&folder, &format!("{line} --format {format}"));
            assert_eq!(run.status, 2, "{format}");
            for part in [file, code] {
                assert!(run.stdout.contains(part), "{format}: {}", run.stdout);
            }
        }
    }
}

#[test]
fn verdicts_have_a_colour() {
    let folder = project("budget_colour");
    let of = |line: &str| check(&folder, &format!("{line} --color always")).stdout;
    assert!(of("").contains("\u{1b}[1m\u{1b}[32mok\u{1b}[0m"), "{}", of(""));
    change(&folder);
    assert!(of("").contains("\u{1b}[31mMISS"), "{}", of(""));
}

#[cfg(unix)]
#[test]
fn links_out_of_a_folder_are_not_followed() {
    use std::os::unix::fs::symlink;

    let folder = project("budget_links");
    let secret =
        file(&scratch("budget_links_elsewhere"), "x.yaml", "model: secret\nlayers: [SECRET]\n");
    symlink(&secret, folder.join("nets/x.yaml")).unwrap();
    symlink("net.yaml", folder.join("nets/y.yaml")).unwrap();
    let run = check(&folder, "");
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("is a link that leads out of `nets`"), "{}", run.stderr);
    assert!(!(run.stderr + &run.stdout).contains("SECRET"));
    let text = file(&scratch("budget_links_elsewhere"), "passwd", "root:SECRET:0\n[\n");
    file(&folder, "cnnstat.toml", format!("paths = [{text:?}]\n"));
    let run = check(&folder, "");
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("is no description"), "{}", run.stderr);
    assert!(!(run.stderr + &run.stdout).contains("SECRET"));
    std::fs::remove_file(folder.join("cnnstat.toml")).unwrap();
    symlink(&text, folder.join("cnnstat.toml")).unwrap();
    let run = check(&folder, "");
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("leads out of this folder"), "{}", run.stderr);
    assert!(!run.stderr.contains("SECRET"), "{}", run.stderr);
}

#[test]
fn a_budget_of_a_description_holds_whatever_is_set() {
    let folder = empty("budget_own");
    let net = format!("{NET}expect: {{params: 5_418}}\nbudget:\n  activations: {{max: 100k}}\n");
    let path = file(&folder, "net.yaml", net);
    let run = check(&folder, &format!("{path} --batch 4"));
    assert_eq!(run.status, 1, "{}", run.stdout);
    assert!(run.stdout.contains("not checked") && run.stdout.contains("MISS"), "{}", run.stdout);
}

#[test]
fn nothing_to_check_says_what_to_write() {
    let folder = empty("budget_nothing");
    let run = check(&folder, "");
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("no PATH is given, and there is no `cnnstat.toml`"),
        "{}",
        run.stderr
    );
    file(&folder, "cnnstat.toml", "[[budget]]\nparams.max = 1\n");
    let run = check(&folder, "");
    assert!(run.stderr.contains("`cnnstat.toml` has no `paths`"), "{}", run.stderr);
}

/// A project whose every name is hostile.
fn hostile(test: &str) -> PathBuf {
    let folder = empty(test);
    let net = r#"
model: "n]]><b>|`x`"
input: [3, 8, 8]
layers:
  - c1: conv2d(4, 3)
  - relu
budget:
  params: {max: 1, warn: 1}
  layers:
    "a%0A::error::b": {macs: {max: 2}}
"#;
    file(&folder, "a,b c.yaml", net);
    file(&folder, "broken.yaml", "model: broken\ninput: [3]\nlayers: [\"no<such>::layer\"]\n");
    folder
}

#[test]
fn junit_is_valid_by_its_schema() {
    let schema = uppsala::parse(include_str!("../schemas/junit.xsd")).unwrap();
    let schema = uppsala::XsdValidator::from_schema(&schema).unwrap();
    let faults = |text: &str| {
        let document = uppsala::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        schema.validate(&document).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let folder = project("junit_valid");
    change(&folder);
    for (folder, line) in [
        (folder.clone(), "--baseline before.json --format junit"),
        (folder, "--format junit"),
        (hostile("junit_hostile"), ". --format junit"),
    ] {
        let run = check(&folder, line);
        assert_eq!(faults(&run.stdout), [""; 0], "{}", run.stdout);
    }
    // The schema can fail.
    assert_ne!(
        faults("<testsuites tests='1' failures='0' errors='0'><testcase/></testsuites>"),
        [""; 0]
    );
    assert_ne!(faults("<testsuites tests='x' failures='0' errors='0'/>"), [""; 0]);
}

#[test]
fn sarif_is_valid_by_its_schema() {
    let schema: Value = serde_json::from_str(include_str!("../schemas/sarif.json")).unwrap();
    let schema = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let faults = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        schema.iter_errors(&value).map(|error| error.to_string()).collect::<Vec<_>>()
    };
    let folder = project("sarif_valid");
    change(&folder);
    for (folder, line) in [
        (folder.clone(), "--baseline before.json --format sarif"),
        (folder, "--format sarif"),
        (hostile("sarif_hostile"), ". --format sarif"),
    ] {
        let run = check(&folder, line);
        assert_eq!(faults(&run.stdout), [""; 0], "{}", run.stdout);
    }
    // The schema can fail.
    assert_ne!(faults(r#"{"version": "2.1.0", "runs": [{"results": []}]}"#), [""; 0]);
}

#[test]
fn a_hostile_name_breaks_no_format() {
    let folder = hostile("budget_hostile");
    for format in FORMATS {
        let run = check(&folder, &format!(". --format {format}"));
        assert_eq!(run.status, 2, "{format}");
        let page = &run.stdout;
        match format {
            "github" => {
                let commands = page.lines().filter(|line| line.starts_with("::")).count();
                assert_eq!(commands, 4, "{page}");
                assert!(page.contains("file=a%2Cb c.yaml,line="), "{page}");
            }
            "markdown" => {
                assert!(!page.contains("<b>") && page.matches("<!--").count() == 1, "{page}");
            }
            "json" | "sarif" | "gitlab" => _ = serde_json::from_str::<Value>(page).unwrap(),
            _ => assert!(!page.contains("<b>") && !page.contains("]]>"), "{page}"),
        }
    }
}

//! What is wrong with a command line: refused with 2 and a sentence, in the format that was asked for.

use serde_json::Value;

use crate::run::{file, page, run, run_args, run_on, scratch};

/// What standard error says of a line that must be refused.
fn refused(line: &str) -> String {
    let run = run(line);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{line}");
    run.stderr
}

#[test]
fn options_that_a_format_would_pass_over_are_refused() {
    for option in
        ["--columns name", "--depth 1", "--collapse", "--sort params", "--top 3", "--exact"]
    {
        let text = refused(&format!("alexnet --format json {option}"));
        assert!(text.contains(option.split(' ').next().unwrap()), "{text}");
        assert!(text.contains("JSON holds everything"), "{text}");
        let _ = page(&format!("alexnet --format markdown {option}"));
        if !["--collapse", "--exact"].contains(&option) {
            assert_ne!(page(&format!("vgg16 --format csv {option}")), page("vgg16 --format csv"));
        }
    }
    assert!(refused("alexnet --format csv --exact").contains("CSV has integers in full"));
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    for (option, range) in [
        ("--depth -1", "from 0 to"),
        ("--top -5", "from 0 to"),
        ("--batch 0", "from 1 to"),
        ("--batch -2", "from 1 to"),
        ("--width 19", "from 20 to 65535"),
        ("--width -3", "from 20 to 65535"),
    ] {
        let text = refused(&format!("alexnet {option}"));
        assert!(text.contains(range), "{option}: {text}");
    }
    assert_eq!(run("alexnet --width 20").status, 0);
}

#[test]
fn a_negative_size_is_no_shape() {
    for line in ["alexnet --input -1x3x3", "alexnet --input=-1x3x3", "expand alexnet --input -1"] {
        let text = refused(line);
        assert!(text.starts_with("error[E0110]"), "{line}: {text}");
    }
}

#[test]
fn a_variant_without_a_name_is_missing() {
    for argument in ["models/vgg.yaml#", "vgg16#"] {
        let text = refused(argument);
        assert!(text.contains("error[E0107]: the name of a variant is missing"), "{text}");
        assert!(text.contains(&format!("write `{argument}vgg11`")), "{text}");
    }
    let run = run_on(&["-#"], "model: m\ninput: [3, 8, 8]\nlayers: [relu]\n");
    assert!(run.stderr.contains("after the # of `-#`"), "{}", run.stderr);
    assert!(run.stderr.contains("no variants"), "{}", run.stderr);
    // A file may be called so.
    let path = file(&scratch("usage_hash"), "net#", "model: m\ninput: [3, 8, 8]\nlayers: [relu]\n");
    assert_eq!(run_args(&[&path]).status, 0);
}

#[test]
fn a_batch_that_is_too_large_is_the_options_fault() {
    for batch in ["18446744073709551615", "100000000000000"] {
        let text = refused(&format!("alexnet --batch {batch}"));
        for part in ["error[E0509]: --batch", "--> --batch:1:1", "fits at a batch of one"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let text = "model: m\ninput: [4294967295, 4294967295]\nlayers: [relu, flatten, linear(9)]\n";
    let run = run_on(&["-", "--batch", "2"], text);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("error[E0509]") && !run.stderr.contains("--batch"),
        "{}",
        run.stderr
    );
}

#[test]
fn usage_errors_come_in_the_format_of_messages() {
    for line in [
        "--nosuch",
        "alexnet --format jsn",
        "alexnet --depth 1 --format json",
        "explain-error E9999",
    ] {
        let text = refused(&format!("{line} --message-format json"));
        let value: Value =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{line}: {e}: {text}"));
        assert_eq!((text.lines().count(), &value["code"]), (1, &Value::Null), "{text}");
        assert!(!value["message"].as_str().unwrap().is_empty());
        let text = refused(&format!("{line} --message-format short"));
        assert!(text.starts_with("error: ") && text.lines().count() == 1, "{text}");
    }
    let value: Value =
        serde_json::from_str(&refused("alexnet --format jsn --message-format=json")).unwrap();
    assert_eq!(value["helps"][0], "a similar value exists: 'json'");
    // Help is no error in any format.
    assert_eq!(page("--help --message-format json"), page("--help"));
}

#[test]
fn what_cannot_be_read_is_named_in_every_format_for_programs() {
    let folder = scratch("usage_files");
    let empty = file(&folder, "empty.yaml", "");
    let latin = file(&folder, "latin1.yaml", b"model: caf\xe9\n");
    let through = format!("{empty}/net.yaml");
    let large = file(&folder, "large.yaml", vec![b'a'; (64 << 20) + 1]);
    for (path, code) in [
        ("no/such.yaml", "E0101"),
        (latin.as_str(), "E0102"),
        (empty.as_str(), "E0103"),
        ("models", "E0104"),
        (through.as_str(), "E0105"),
        (large.as_str(), "E0106"),
    ] {
        let run = run_args(&[path, "--message-format", "json"]);
        let value: Value = serde_json::from_str(&run.stderr).unwrap();
        assert_eq!((value["code"].as_str(), value["file"].as_str()), (Some(code), Some(path)));
        let run = run_args(&[path, "--message-format", "short"]);
        assert!(run.stderr.starts_with(&format!("{path}: error[{code}]")), "{}", run.stderr);
        let run = run_args(&[path]);
        assert!(!run.stderr.contains("-->"), "{}", run.stderr);
    }
    std::fs::remove_file(large).unwrap();
}

#[test]
fn an_unknown_code_has_a_near_one_and_a_list() {
    let text = refused("explain-error E9999");
    assert!(text.contains("`E9999`") && text.contains("`cnnstat explain-error` lists"), "{text}");
    assert!(refused("explain-error E0599").contains("did you mean `E05"));
    assert_eq!(run("explain-error").status, 0);
}

#[test]
fn one_bad_model_of_two_leaves_an_array() {
    for command in ["", "params "] {
        let run = run(&format!("{command}lenet5 no/such.yaml --format json"));
        assert_eq!(run.status, 2);
        let value: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(value.as_array().unwrap().len(), 1);
        assert_eq!(value[0]["model"], "lenet5");
    }
}

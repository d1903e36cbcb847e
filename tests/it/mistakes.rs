//! What is typed by mistake, or by somebody who does not know the program yet: one answer with the right form.

use serde_json::Value;

use crate::run::{file, page, run, run_args, scratch, zoo};

/// What standard error says of arguments that are refused, with nothing on standard output.
fn refused(args: &[&str]) -> String {
    let run = run_args(args);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{args:?}");
    run.stderr
}

#[test]
fn a_mistyped_command_shows_no_table_of_its_arguments() {
    for (line, near) in [
        ("parms alexnet", "did you mean `params`?"),
        ("verfy lenet5", "did you mean `verify`?"),
        ("verfy lenet5 --seed 3", "did you mean `verify`?"),
        ("sweep lenet5", "`cnnstat --help` lists the commands"),
    ] {
        let text = refused(&line.split(' ').collect::<Vec<_>>());
        let word = line.split(' ').next().unwrap();
        let said = format!("no such command or network: `{word}`");
        assert!(text.contains(&said) && text.contains(near), "{line}: {text}");
    }
    // A network that is not there hides no other.
    assert!(run("lenet5 nosuch").stdout.contains("61,706"));
}

#[test]
fn options_and_names_of_elsewhere_have_ours() {
    let text = refused(&["alexnet", "--json"]);
    assert!(text.contains("`--format json`") && !text.contains("-- --json"), "{text}");
    for name in ["torchvision.models.resnet50", "resnet50.yaml", "ResNet-50", "models/resnet50.yml"]
    {
        let text = refused(&[name]);
        assert!(text.contains("did you mean `resnet50`?"), "{name}: {text}");
    }
}

#[test]
fn nothing_typed_says_what_to_try() {
    let text = refused(&[]);
    let lines = text.lines().filter_map(|line| line.strip_prefix("  cnnstat "));
    let tried: Vec<&str> = lines.filter_map(|line| line.split("  ").next()).collect();
    // What is proposed works.
    for line in &tried {
        assert_eq!(run(line).status, 0, "{line}");
    }
    assert!(tried.len() >= 5 && tried.contains(&"list"), "{tried:?}");
}

#[test]
fn a_description_is_shown_as_it_is_written() {
    let text = include_str!("../../models/resnet.yaml");
    assert_eq!(page("show resnet50"), text);
    assert_eq!(page("show models/resnet.yaml#resnet18"), text);
    let folder = scratch("mistakes_show");
    let hostile = "# a \u{202e}b\r\nmodel: m\ninput: [1, 8, 8]\nlayers: [relu]\n";
    let path = file(&folder, "a.yaml", hostile);
    let text = run_args(&["show", &path, "--color", "always"]).stdout;
    assert!(text.starts_with("# a \\u{202e}b\nmodel: m\n"), "{text:?}");
    // A file has it as it is.
    let copy = folder.join("copy");
    assert_eq!(run_args(&["show", &path, "-o", copy.to_str().unwrap()]).status, 0);
    assert_eq!(std::fs::read_to_string(copy).unwrap(), hostile);
}

#[test]
fn variables_are_listed_with_their_defaults() {
    let vars: Value = serde_json::from_str(&page("vars custom_cnn --format json")).unwrap();
    let default = |name: &str| {
        let variables = vars["variables"].as_array().unwrap().iter();
        variables.filter(|v| v["name"] == name).map(|v| v["default"].clone()).next().unwrap()
    };
    assert_eq!((default("ksize"), default("cdims")), ("3".into(), "[32, 64]".into()));
    assert_eq!(vars["variants"], serde_json::json!(["custom_cnn_bn"]));
    let text = page("vars custom_cnn");
    assert!(text.contains("`cnnstat custom_cnn_bn`"), "{text}");
    for name in zoo() {
        let _ = page(&format!("vars {name}"));
    }
}

#[test]
fn a_layer_that_is_not_there_has_its_neighbours() {
    let text = refused(&["explain", "alexnet", "conv9"]);
    assert!(text.contains("near it are conv1, conv2, conv3, conv4, conv5"), "{text}");
    let text = refused(&["explain", "alexnet", "zzz"]);
    assert!(text.contains("its layers are conv1"), "{text}");
    for args in [&["explain", "conv2d"][..], &["explain", "alexnet", "conv2d"]] {
        let text = refused(args);
        assert!(text.contains("`conv2d` is an operator: `cnnstat ops conv2d`"), "{text}");
    }
}

#[test]
fn an_option_that_is_given_twice_is_refused_everywhere() {
    for command in ["", "params", "explain", "memory", "check", "verify", "expand", "conventions"] {
        let of = |options: &[&str]| {
            let command = (!command.is_empty()).then_some(command);
            refused(
                &command
                    .into_iter()
                    .chain(["custom_cnn"])
                    .chain(options.iter().copied())
                    .collect::<Vec<_>>(),
            )
        };
        let text = of(&["--set", "ydim=5", "--set", "ydim=7"]);
        assert!(
            text.contains("error[E0108]: --set is given twice for the variable `ydim`"),
            "{text}"
        );
        let text = of(&["--input", "1x28x28", "--input", "1x32x32"]);
        assert!(text.contains("error[E0110]: --input is given twice"), "{text}");
    }
    let text = refused(&["alexnet", "--input", "3x227x227", "--input", "input=3x224x224"]);
    assert!(text.contains("given twice for the input `input`"), "{text}");
    let both = ["custom_cnn", "--set", "ydim=5", "--set", "ksize=5"];
    assert_eq!(run_args(&both).status, 0);
}

#[test]
fn a_list_without_brackets_or_quotes_says_how_to_quote_it() {
    let quoted = "--set 'cdims=[16, 32]'";
    assert!(refused(&["custom_cnn", "--set", "cdims=16,32"]).contains(quoted));
    let text = refused(&["custom_cnn", "--set", "cdims=[16,", "32]"]);
    assert!(text.contains("--set 'cdims=[16, …]'"), "{text}");
    let text = refused(&["expand", "custom_cnn", "--set", "cdims=[16,", "32]"]);
    assert!(text.contains(quoted), "{text}");
}

#[test]
fn a_shape_in_another_order_is_put_right() {
    for (typed, right) in [
        ("224", "--input 3x224x224"),
        ("227x227", "--input 3x227x227"),
        ("8x3x227x227", "--input 3x227x227 --batch 8"),
        ("227x227x3", "--input 3x227x227"),
        ("8x227x227x3", "--input 3x227x227 --batch 8"),
        ("input=227x227x3", "--input input=3x227x227"),
    ] {
        let text = refused(&["alexnet", "--input", typed]);
        assert!(text.contains(&format!("write {right}\n")), "{typed}: {text}");
    }
    // A shape in the right order that is too small is the network's fault.
    assert!(refused(&["alexnet", "--input", "3x8x8"]).starts_with("error[E05"));
}

#[test]
fn element_types_and_sizes_are_read_as_people_write_them() {
    for (theirs, ours) in
        [("int8", "i8"), ("fp16", "f16"), ("float32", "f32"), ("torch.float16", "f16")]
    {
        let of = |dtype: &str| page(&format!("lenet5 --dtype {dtype}"));
        assert_eq!(of(theirs), of(ours));
    }
    let of = |size: &str| page(&format!("memory lenet5 --fits {size}"));
    assert_eq!(of("512K"), of("512KiB"));
}

#[test]
fn an_unknown_ending_names_the_known_ones() {
    let folder = scratch("mistakes_ending");
    let path = folder.join("x.jsn");
    let _ = std::fs::remove_file(&path);
    let text = refused(&["alexnet", "-o", path.to_str().unwrap()]);
    for part in ["`.jsn`", ".json", ".csv", "--format table"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!path.exists());
    assert_eq!(run_args(&["alexnet", "--format", "json", "-o", path.to_str().unwrap()]).status, 0);
}

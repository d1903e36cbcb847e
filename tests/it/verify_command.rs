//! `cnnstat verify` as it is used: what it says before it runs, what it finds, and what it refuses.

use serde_json::Value;

use crate::run::{run, run_on};

#[test]
fn a_network_is_equal_in_every_quantity() {
    let done = run("verify lenet5 --width 80");
    assert_eq!(done.status, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("all equal"), "{}", done.stdout);
    assert!(done.stdout.lines().all(|line| line.chars().count() <= 80), "{}", done.stdout);
    for said in ["batch 1, train mode, seed 0, 1 step", "for its tensors"] {
        assert!(done.stderr.contains(said), "{}", done.stderr);
    }
}

#[test]
fn the_report_holds_both_sides_of_every_quantity() {
    let done = run("verify lenet5 --steps 2 --format json");
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["mismatches"], 0);
    let bytes = |key: &str| report[key].as_u64().unwrap();
    assert!(bytes("needed_bytes") >= bytes("taken_bytes") && bytes("taken_bytes") > 553_568);
    assert_eq!(report["losses"].as_array().unwrap().len(), 3);
    assert_eq!(report["layers"].as_array().unwrap().len(), 12);
    for format in ["csv", "markdown"] {
        let done = run(&format!("verify lenet5 --format {format}"));
        assert_eq!((done.status, done.stdout.contains("conv2d")), (0, true), "{format}");
    }
}

#[test]
fn one_value_a_channel_raises_the_batch() {
    let model = "model: m\ninput: [4]\nlayers:\n  - linear(3)\n  - batchnorm1d\n";
    let done = run_on(&["verify", "-"], model);
    assert_eq!(done.status, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("the batch is raised to 2"), "{}", done.stderr);
    let done = run_on(&["verify", "-", "--eval"], model);
    assert_eq!(done.status, 0, "{}{}", done.stdout, done.stderr);
    assert!(!done.stderr.contains("raised"), "{}", done.stderr);
}

#[test]
fn what_does_not_fit_is_refused_before_it_runs() {
    let done = run("verify lenet5 --memory-limit 1KiB");
    assert_eq!((done.status, done.stdout.as_str()), (2, ""));
    assert!(done.stderr.contains("E0113") && done.stderr.contains("1,024 B"), "{}", done.stderr);
    let done = run("verify vgg16 --memory-limit 1.06GiB");
    assert!(done.stderr.contains("--input 3x"), "{}", done.stderr);
}

/// Four of its pools halve the frames: half of all axes is too little, half of height and width is not.
#[test]
fn the_input_that_is_suggested_is_one_that_the_network_takes() {
    let done = run("verify c3d --backend reference --memory-limit 500MiB");
    assert_eq!(done.status, 2);
    assert!(done.stderr.contains("`--input 3x16x56x56` needs 459 MiB"), "{}", done.stderr);
    // Where half is not taken: a multiple of 32, which is what its branches need, and seven eighths.
    for (limit, said) in
        [("yolov3 --memory-limit 600MiB", "3x224x224"), ("m5 --memory-limit 740kB", "1x7000")]
    {
        let done = run(&format!("verify --backend reference {limit}"));
        assert!(done.stderr.contains(&format!("`--input {said}` needs")), "{}", done.stderr);
    }
    let done = run("verify vgg16 --backend reference --batch 64 --memory-limit 2GiB");
    assert!(done.stderr.contains("`--batch 14` fits"), "{}", done.stderr);
}

#[test]
fn several_networks_follow_each_other_and_a_missing_one_is_the_worst() {
    let done = run("verify m5 custom_cnn_bn no_such_network --format csv");
    assert_eq!(done.status, 2, "{}", done.stderr);
    assert!(done.stdout.starts_with("model,layer,operator,"), "{}", done.stdout);
    for part in ["m5,conv1,conv1d,1x32x496,2592,1269760,", "custom_cnn_bn,net.conv2d_00,"] {
        assert!(done.stdout.contains(part), "{part}\n{}", done.stdout);
    }
    assert!(!done.stdout.contains("MISS") && done.stderr.contains("E0101"), "{}", done.stderr);
    // A value for each pixel is enough for batch norm.
    assert!(!done.stderr.contains("raised"), "{}", done.stderr);
}

#[test]
fn narrow_tables_have_fewer_columns() {
    let done = run("verify lenet5 --steps 0 --width 40");
    assert!(done.stdout.lines().all(|line| line.chars().count() <= 40), "{}", done.stdout);
    assert!(done.stdout.contains("verdict") && !done.stdout.contains("grad err"));
    assert!(done.stdout.contains("no step was taken"), "{}", done.stdout);
}

#[test]
fn messages_for_programs_are_diagnostics_alone() {
    let done = run("verify lenet5 --message-format json");
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
    let done = run("verify lenet5 --memory-limit 1KiB --message-format json");
    let diagnostic: Value = serde_json::from_str(&done.stderr).unwrap();
    assert_eq!(diagnostic["code"], "E0113");
}

#[test]
fn threads_beyond_use_are_cut_with_a_note() {
    let run = crate::run::run("verify lenet5 --threads 4096");
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("--threads asks for 4096 threads"), "{}", run.stderr);
    let mut command = crate::run::cnnstat();
    command.env("RAYON_NUM_THREADS", "999999999").args(["verify", "lenet5"]);
    let run = crate::run::finish(command);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("RAYON_NUM_THREADS asks for 999999999"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn a_dangling_link_is_untouched_until_there_is_something_to_write() {
    let folder = crate::run::scratch("verify_dangling");
    let (link, target) = (folder.join("link"), folder.join("target"));
    for path in [&link, &target] {
        let _ = std::fs::remove_file(path);
    }
    std::os::unix::fs::symlink("target", &link).unwrap();
    let line = format!("verify lenet5 --memory-limit 1KiB -o {}", link.display());
    assert_eq!(crate::run::run(&line).status, 2);
    assert!(link.is_symlink() && !target.exists());
    assert_eq!(std::fs::read_link(&link).unwrap(), std::path::Path::new("target"));
}

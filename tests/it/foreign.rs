//! A file of another tool is refused for what it is: one diagnostic, and none that takes it for a description.

use std::path::Path;

use crate::run::{Run, cnnstat, file, finish, run_args, scratch};

/// Each fixture and the words by which its format is named.
const FILES: &[(&str, &str)] = &[
    ("alexnet.pt2", "a program exported by torch.export (.pt2)"),
    ("autoencoder.json", "a Keras model as JSON"),
    ("autoencoder.keras", "a Keras model (.keras)"),
    ("autoencoder.tflite", "a TensorFlow Lite model"),
    ("checkpoint.old.pth", "a checkpoint written by torch.save"),
    ("checkpoint.pth", "a checkpoint written by torch.save"),
    ("espcn.onnx", "an ONNX model"),
    ("lecture.safetensors", "a safetensors file"),
    ("mini.cfg", "a Darknet cfg"),
    ("mini.prototxt", "a Caffe prototxt"),
    ("mini_v1.prototxt", "a Caffe prototxt"),
    ("net.py", "Python source"),
    ("printed.txt", "a model as PyTorch prints it"),
    ("script.pt", "a TorchScript archive"),
    ("seq_mnist.k2.json", "a Keras model as JSON"),
    ("squeezenet.old.pt2", "a program exported by torch.export (.pt2)"),
    ("weights.h5", "an HDF5 file, as Keras writes .h5"),
];

const FOLDER: &str = "tests/fixtures/foreign";

fn assert_refused(run: &Run, name: &str, what: &str) {
    assert_eq!(run.status, 2, "{name}");
    assert!(!run.stdout.contains("params"), "{name}: {}", run.stdout);
    let said = &run.stderr;
    let sentence = format!("error[E0114]: `{name}` is {what}, which cnnstat does not read: ");
    assert!(said.starts_with(&sentence), "{name}: {said}");
    assert_eq!(said.matches("error").count(), 1, "{name}: {said}");
    assert!(!said.contains("did you mean") && !said.contains("UTF-8"), "{name}: {said}");
}

#[test]
fn every_format_is_named() {
    for (name, what) in FILES {
        let path = format!("{FOLDER}/{name}");
        assert_refused(&run_args(&[&path]), &path, what);
        assert_refused(&run_args(&["check", &path]), &path, what);
    }
}

#[test]
fn every_file_of_the_folder_is_tried() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "README.md");
    names.sort();
    let tried: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, tried);
}

#[test]
fn the_name_of_a_file_hides_nothing() {
    let tmp = scratch("foreign_names");
    for (name, what) in FILES {
        let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join(name));
        let path = file(&tmp, "net.yaml", bytes.unwrap());
        assert_refused(&run_args(&[&path]), &path, what);
    }
}

#[test]
fn standard_input_is_named_as_well() {
    for (name, what) in FILES {
        let mut command = cnnstat();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join(name);
        command.arg("-").stdin(std::fs::File::open(path).unwrap());
        assert_refused(&finish(command), "<stdin>", what);
    }
}

/// What is larger than a description may be is still named.
#[test]
fn a_large_file_is_named() {
    let path =
        file(&scratch("foreign_large"), "large.onnx", b"\x08\x08\x12\x01x\x42\x02\x10\x11\x3a");
    let large = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    large.set_len((64 << 20) + 100).unwrap();
    assert_refused(&run_args(&[&path]), &path, "an ONNX model");
    std::fs::remove_file(path).unwrap();
}

//! How often serde_yaml goes over a text: once to read it, once more where places are shown, however much is asked for.
//!
//! It has a binary of its own, since it counts the passes of the whole process.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cnnstat::diag::{At, Source};
use cnnstat::internals::lang::{Description, passes};
use cnnstat::model::Architecture as _;
use cnnstat::model::Asked;

/// Tests of this binary take turns.
static TURN: Mutex<()> = Mutex::new(());

fn counted<T>(run: impl FnOnce() -> T) -> (u64, T) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let before = passes();
    let found = run();
    (passes() - before, found)
}

fn description(text: &str) -> Description {
    Description::read(Source::new("m.yaml", text)).unwrap()
}

const FAMILY: &str = "model: m
vars:
  width: 8
  depth: 1
variants:
  small: {width: 4}
  medium: {width: 16}
  large: {width: 32}
input: [3, 8, 8]
layers:
  - repeat depth:
      - conv2d(width, 3, padding=1)
";

#[test]
fn a_family_in_a_folder_is_read_once() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("family");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("m.yaml"), FAMILY).unwrap();
    let (passes, status) = counted(|| {
        use cnnstat::internals::cli::{args::Cli, run};
        let file = folder.join("out.json");
        let args = [
            "cnnstat",
            "list",
            folder.to_str().unwrap(),
            "--format",
            "json",
            "-o",
            file.to_str().unwrap(),
        ];
        let status = run(&Cli::read(args.map(std::ffi::OsString::from)).unwrap());
        assert!(std::fs::read_to_string(file).unwrap().contains("\"large\""));
        status
    });
    assert_eq!((passes, status), (1, cnnstat::internals::cli::Status::Fine));
}

#[test]
fn a_hundred_settings_read_a_description_once() {
    let (passes, params) = counted(|| {
        let description = description(FAMILY);
        let at = |width: usize| {
            let sets = vec![("width".to_owned(), width.to_string())];
            let model = description.at(&Asked { sets, ..Asked::default() }).unwrap();
            let analysis = cnnstat::analyze(&model.graph, &cnnstat::Options::default());
            analysis.complete().unwrap().totals.params
        };
        (1..=100).map(at).collect::<Vec<u64>>()
    });
    assert_eq!(passes, 1);
    assert!(params.iter().zip(1..).all(|(params, width)| *params == width * 28));
}

#[test]
fn five_hundred_faults_are_located_by_one_pass_more() {
    let mut text = "model: m\ninput: [3, 8, 8]\nlayers:\n".to_owned();
    for layer in 0..500 {
        let _ = writeln!(text, "  - l{layer}: nothing{layer}(1)");
    }
    let (passes, found) = counted(|| {
        let description = description(&text);
        let found = description.at(&Asked::default()).unwrap_err();
        description.resolve(found)
    });
    assert_eq!(passes, 2);
    assert!(found.len() >= 200, "{}", found.len());
    for (layer, diagnostic) in found.iter().enumerate() {
        let At::Bytes(span) = diagnostic.labels[0].at else { panic!("not located") };
        assert!(text[span.start..].starts_with(&format!("nothing{layer}")), "{diagnostic:?}");
    }
}

#[test]
fn what_is_not_shown_is_not_located() {
    let (passes, found) = counted(|| {
        description("model: m\ninput: [3]\nlayers:\n  - nothing\n").at(&Asked::default()).is_err()
    });
    assert_eq!((passes, found), (1, true));
}

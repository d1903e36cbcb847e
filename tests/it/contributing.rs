//! Paths that pages and comments name exist, and the newest operator has the files that CONTRIBUTING lists.

use std::fs;
use std::path::Path;

use cnnstat::ops::Op;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Folders of the repository; a path that begins with one of them is meant from the root.
const FOLDERS: &[&str] =
    &["src/", "tests/", "docs/", "models/", "benches/", "examples/", "snapshots/"];

const PAGES: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// Stand for a name in a path: `src/ops/X.rs`.
const PLACEHOLDERS: &[&str] = &["X", "NAME", "SURFACE"];

fn collect(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        }
        let path = path.strip_prefix(ROOT).unwrap();
        found.push(path.to_string_lossy().replace('\\', "/"));
    }
}

/// Files and folders below [`FOLDERS`] and at the root.
fn tree() -> Vec<String> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        found.push(folder.trim_end_matches('/').to_owned());
        collect(&Path::new(ROOT).join(folder), &mut found);
    }
    let root = fs::read_dir(ROOT).unwrap().map(|entry| entry.unwrap().file_name());
    found.extend(root.map(|name| name.into_string().unwrap()));
    found
}

/// Words between backticks, without the lines of fenced blocks.
fn quoted(text: &str) -> Vec<&str> {
    let mut is_fenced = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start_matches(['/', '!', ' ']).starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    });
    lines.flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// The comments of a source.
fn comments(text: &str) -> String {
    let comment = |line: &str| line.split_once("//").map(|(_, comment)| comment.to_owned());
    text.lines().filter_map(comment).collect::<Vec<_>>().join("\n")
}

/// Whether a quoted word is a path of this repository: from the root, or the end of one of a source or page.
fn is_path(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let is_placeholder = |part: &str| PLACEHOLDERS.contains(&part);
    let has_folder = FOLDERS.iter().any(|folder| word.starts_with(folder));
    let has_ending = [".rs", ".md"].iter().any(|e| word.ends_with(e) && word.len() > e.len());
    word.chars().all(is_plain)
        && !word.split(['/', '.']).any(is_placeholder)
        && (has_folder || has_ending)
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// Paths of a text that do not exist.
fn missing<'t>(text: &'t str, tree: &[String]) -> Vec<&'t str> {
    let exists = |word: &str| {
        let word = word.trim_start_matches("../").trim_end_matches('/');
        let is_end =
            |path: &String| path.strip_suffix(word).is_some_and(|rest| rest.ends_with('/'));
        tree.iter().any(|path| path == word || is_end(path))
    };
    quoted(text).into_iter().filter(|word| is_path(word) && !exists(word)).collect()
}

#[test]
fn paths_that_are_named_exist() {
    let tree = tree();
    let read = |path: &str| fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
    let mut wrong = Vec::new();
    let pages = tree.iter().filter(|path| path.starts_with("docs/") && has_extension(path, "md"));
    for page in PAGES.iter().copied().chain(pages.map(String::as_str)) {
        let text = read(page);
        wrong.extend(missing(&text, &tree).into_iter().map(|path| format!("{page}: {path}")));
    }
    for source in tree.iter().filter(|path| has_extension(path, "rs")) {
        let text = comments(&read(source));
        wrong.extend(missing(&text, &tree).into_iter().map(|path| format!("{source}: {path}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_check_of_paths_can_fail() {
    let tree = tree();
    let wrong = |text| missing(text, &tree).len();
    assert_eq!(wrong("see `src/ops/conv.rs`, `conv.rs`, `ops/conv.rs` and `src/ops/`"), 0);
    assert_eq!(
        wrong("see `src/ops/nothing.rs`, `nothing.rs`, `s/conv.rs` and `models/nothing`"),
        4
    );
    assert_eq!(
        wrong("`net.yaml` is the reader's, `src/ops/X.rs` any\n```\n`nothing.rs`\n```\n"),
        0
    );
    assert_eq!(comments(&"let a = 1; /- `b.rs`\nlet c = \"`d.rs`\";".replace('-', "/")), " `b.rs`");
}

/// Module and type of the last line of `ops!`.
fn newest() -> (String, String) {
    let text = fs::read_to_string(Path::new(ROOT).join("src/ops/mod.rs")).unwrap();
    let list = text.split_once("$then! {").unwrap().1.split_once("\n        }\n").unwrap().0;
    let (modules, types) = list.trim().rsplit_once('{').unwrap();
    let module = modules.split_whitespace().next_back().unwrap();
    let kind = types.trim_end_matches('}').rsplit(',').map(str::trim).find(|name| !name.is_empty());
    (module.to_owned(), kind.unwrap().to_owned())
}

#[test]
fn the_newest_operator_has_the_files_that_are_listed() {
    let (module, kind) = newest();
    let entry = Op::ALL.last().unwrap();
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    assert_eq!(plain(entry.name), plain(&kind), "the last line of `ops!` is its last entry");
    let page = fs::read_to_string(Path::new(ROOT).join("CONTRIBUTING.md")).unwrap();
    let row = page.lines().find(|line| line.starts_with("| an operator |")).unwrap();
    let listed: Vec<String> = quoted(row)
        .into_iter()
        .filter(|word| word.contains('/'))
        .map(|path| path.replace("/X.", &format!("/{module}.")))
        .map(|path| path.replace("NAME", entry.name))
        .collect();
    assert!(listed.len() >= 5, "{listed:?}");
    for path in listed {
        assert!(Path::new(ROOT).join(&path).exists(), "{} has no {path}", entry.name);
    }
}

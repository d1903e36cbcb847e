//! Which file of the crate imports which: read from `use` statements and paths, with names that a module passes on
//! (`pub use`) followed to the file that has them. Tests inside files are left out.

use std::collections::{BTreeMap, BTreeSet};

/// Code without comments: what follows `//` on a line is dropped.
pub fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Code without comments and without the tests at its end.
pub fn library(text: &str) -> String {
    let code = code(text);
    code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}

type Path = Vec<String>;

/// The files of `src` as modules, and what they import.
pub struct Imports {
    /// The file of each module.
    files: BTreeMap<Path, String>,
    /// Names that modules pass on, and where these lead.
    passed_on: BTreeMap<(Path, String), Path>,
    /// The files that each file imports.
    edges: BTreeMap<String, BTreeSet<String>>,
}

/// The module that a file of `src` is; none for tests and other crates.
fn module(file: &str) -> Option<Path> {
    let path = file.strip_prefix("src/")?.strip_suffix(".rs")?;
    if path == "main" || path.ends_with("tests") {
        return None;
    }
    let mut module: Path = path.split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    Some(module)
}

/// Splits at commas that stand in no braces.
fn items(list: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut all) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                all.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    all.push(&list[begin..]);
    all
}

/// The paths of a tree of imports, each with the name it has here.
fn expand(tree: &str, before: &[String], into: &mut Vec<(Path, String)>) {
    let tree = tree.trim();
    if tree.is_empty() {
        return;
    }
    if let Some((head, rest)) = tree.split_once('{') {
        let head = head.split("::").map(str::trim).filter(|s| !s.is_empty());
        let path: Path = before.iter().cloned().chain(head.map(str::to_owned)).collect();
        let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
        for item in items(inner) {
            expand(item, &path, into);
        }
        return;
    }
    let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(p, a)| (p, Some(a.trim())));
    let own = path.split("::").map(|s| s.trim().to_owned());
    let mut path: Path = before.iter().cloned().chain(own).collect();
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = alias.map_or_else(|| path.last().cloned().unwrap_or_default(), str::to_owned);
    into.push((path, name));
}

/// Every import of code, whether it is passed on, and the code without them.
fn uses(code: &str) -> (Vec<(bool, Path, String)>, String) {
    let (mut found, mut rest) = (Vec::new(), String::new());
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let words = line.trim_start();
        let is_passed_on = words.starts_with("pub");
        let Some(at) = words.find("use ").filter(|at| {
            let before = words[..*at].trim();
            before.is_empty()
                || before.starts_with("pub") && !before.contains(' ')
                || before.starts_with("pub(in ")
        }) else {
            rest.push_str(line);
            rest.push('\n');
            continue;
        };
        let mut statement = words[at + 4..].to_owned();
        while !statement.contains(';') {
            let Some(next) = lines.next() else { break };
            statement.push(' ');
            statement.push_str(next.trim());
        }
        let (tree, after) = statement.split_once(';').unwrap_or((&statement, ""));
        let mut paths = Vec::new();
        expand(tree, &[], &mut paths);
        found.extend(paths.into_iter().map(|(path, name)| (is_passed_on, path, name)));
        rest.push_str(after);
        rest.push('\n');
    }
    (found, rest)
}

/// Every path of two or more names in code.
fn paths(code: &str) -> Vec<Path> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let words = code.split(|c: char| !(is_name(c) || c == ':'));
    let paths = words.filter(|word| word.contains("::"));
    let names =
        |word: &str| word.split("::").filter(|s| !s.is_empty()).map(str::to_owned).collect();
    paths.map(names).collect()
}

impl Imports {
    /// Of files with their texts.
    pub fn new(sources: &[(String, String)]) -> Self {
        let modules: Vec<(Path, &String, String)> = sources
            .iter()
            .filter_map(|(file, text)| Some((module(file)?, file, library(text))))
            .collect();
        let files = modules.iter().map(|(path, file, _)| (path.clone(), (*file).clone())).collect();
        let mut all = Self { files, passed_on: BTreeMap::new(), edges: BTreeMap::new() };
        for (module, _, code) in &modules {
            for (_, path, name) in uses(code).0.into_iter().filter(|(passed_on, ..)| *passed_on) {
                if let Some(path) = all.absolute(module, &path) {
                    all.passed_on.insert((module.clone(), name), path);
                }
            }
        }
        for (module, file, code) in &modules {
            let (used, rest) = uses(code);
            let used = used.into_iter().map(|(_, path, _)| path);
            let reached: BTreeSet<String> = used
                .chain(paths(&rest))
                .filter_map(|path| all.file(&all.absolute(module, &path)?, 0))
                .filter(|other| other != *file)
                .collect();
            all.edges.insert((*file).clone(), reached);
        }
        all
    }

    /// A path from the root of the crate; none where it begins elsewhere.
    fn absolute(&self, module: &Path, path: &[String]) -> Option<Path> {
        let mut at = module.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (at, rest) = (Path::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    at.pop()?;
                    rest = &rest[1..];
                }
            }
            name => {
                let mut child = module.clone();
                child.push(name.to_owned());
                self.files.get(&child)?;
            }
        }
        at.extend_from_slice(rest);
        Some(at)
    }

    /// The file that a path from the root leads to.
    fn file(&self, path: &[String], depth: usize) -> Option<String> {
        let len = (0..=path.len()).rev().find(|len| self.files.contains_key(&path[..*len]))?;
        let module = path[..len].to_vec();
        if let Some(name) = path.get(len).filter(|_| depth < 8)
            && let Some(to) = self.passed_on.get(&(module.clone(), name.clone()))
        {
            let to: Path = to.iter().chain(&path[len + 1..]).cloned().collect();
            return self.file(&to, depth + 1);
        }
        self.files.get(&module).cloned()
    }

    /// The files that a file imports.
    pub fn of(&self, file: &str) -> Vec<String> {
        self.edges.get(file).into_iter().flatten().cloned().collect()
    }

    /// Files that can be reached from a file.
    fn reachable(&self, file: &str) -> BTreeSet<&str> {
        let (mut found, mut open) = (BTreeSet::new(), vec![file]);
        while let Some(file) = open.pop() {
            for other in self.edges.get(file).into_iter().flatten() {
                if found.insert(other.as_str()) {
                    open.push(other);
                }
            }
        }
        found
    }

    /// The folder of a file: a module that has a folder belongs to it.
    fn folder(&self, file: &str) -> String {
        let stem = file.strip_suffix(".rs").unwrap_or(file);
        let own = format!("{stem}/");
        if self.edges.keys().any(|other| other.starts_with(&own)) {
            return stem.to_owned();
        }
        stem.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned()
    }

    /// The files that are in a circle of more than two files, or in one of several folders.
    pub fn in_circles(&self) -> Vec<String> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.edges.keys().map(|file| (file.as_str(), self.reachable(file))).collect();
        let circle = |file: &str| -> Vec<&str> {
            reach[file].iter().copied().filter(|other| reach[other].contains(file)).collect()
        };
        let is_wrong = |file: &&String| {
            let circle = circle(file);
            let folders: BTreeSet<String> = circle.iter().map(|file| self.folder(file)).collect();
            circle.len() > 2 || folders.len() > 1
        };
        self.edges.keys().filter(is_wrong).cloned().collect()
    }
}

//! Makes the table of the built-in networks: every name that `models/*.yaml` gives, with its file and variant.
//!
//! A file without variants is known by its `model:` name; a family by that and by the name of each variant. Two networks
//! of one name, and a file that is no description, fail the build.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_yaml::Value;

/// Where each name leads: index of the file, name of the variant.
type Names = BTreeMap<String, (usize, Option<String>)>;

fn main() {
    println!("cargo::rerun-if-changed=models");
    println!("cargo::rerun-if-changed=build.rs");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let made = table(&root.join("models")).and_then(|table| {
        fs::write(out.join("zoo.rs"), table)
            .map_err(|error| format!("cannot write zoo.rs: {error}"))
    });
    if let Err(message) = made {
        println!("cargo::error={message}");
    }
}

/// The table as Rust.
fn table(folder: &Path) -> Result<String, String> {
    let files = descriptions(folder)?;
    let mut names = Names::new();
    for (index, path) in files.iter().enumerate() {
        println!("cargo::rerun-if-changed={}", path.display());
        for (name, variant) in names_in(path)? {
            if let Some((other, _)) = names.insert(name.clone(), (index, variant)) {
                let (one, two) = (files[other].display(), path.display());
                return Err(format!(
                    "two networks of the zoo are called `{name}`: in {one} and in {two}"
                ));
            }
        }
    }
    let mut out = String::from("static FILES: &[(&str, &str)] = &[\n");
    for path in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let _ = writeln!(out, "    ({name:?}, include_str!({:?})),", path.to_string_lossy());
    }
    out.push_str("];\nstatic NAMES: &[(&str, usize, Option<&str>)] = &[\n");
    for (name, (index, variant)) in &names {
        let _ = writeln!(out, "    ({name:?}, {index}, {variant:?}),");
    }
    out.push_str("];\n");
    Ok(out)
}

/// The files of the zoo, sorted; none where there is no folder.
fn descriptions(folder: &Path) -> Result<Vec<PathBuf>, String> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let cannot = |error| format!("cannot read {}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The names that one file gives, each with its variant.
fn names_in(path: &Path) -> Result<Vec<(String, Option<String>)>, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let document: Value =
        serde_yaml::from_str(&text).map_err(|error| format!("{shown}: {error}"))?;
    let Some(model) = document.get("model").and_then(Value::as_str) else {
        return Err(format!("{shown}: no `model:` at the top"));
    };
    let mut names = vec![(model.to_owned(), None)];
    if let Some(variants) = document.get("variants").and_then(Value::as_mapping) {
        for key in variants.keys() {
            let Some(name) = key.as_str() else {
                return Err(format!("{shown}: the name of a variant is not text"));
            };
            names.push((name.to_owned(), Some(name.to_owned())));
        }
    }
    Ok(names)
}

//! From arguments to all networks they mean: a folder's descriptions, each with its variants.
//!
//! Tests stand in `tests/it/check.rs` and `tests/it/list.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use super::load::{self, Failure, Model};
use super::settings::Settings;
use crate::diag::{Code, Diagnostic, Source};
use crate::lang;
use crate::zoo;

/// What is found on the way.
pub enum Found {
    /// A network.
    Network(Box<Model>),
    /// Something that could not be read or analysed.
    Failed(Failure),
    /// A YAML file of a folder that is no description.
    Skipped,
}

/// What an argument means: a folder's descriptions, one description with its variants, or one variant.
pub fn each(path: &str, settings: &Settings, visit: &mut impl FnMut(Found)) {
    if Path::new(path).is_dir() {
        match descriptions(Path::new(path)) {
            Ok(files) => files.iter().for_each(|file| in_folder(file, settings, visit)),
            Err(failure) => visit(Found::Failed(failure)),
        }
        return;
    }
    match load::find(path) {
        Ok((source, None)) => description(&source, path, settings, visit),
        Ok((source, Some(variant))) => visit(network(source, Some(variant), path, settings)),
        Err(failure) => visit(Found::Failed(failure)),
    }
}

/// The built-in networks.
pub fn each_built_in(settings: &Settings, visit: &mut impl FnMut(Found)) {
    for (file, text) in zoo::files() {
        let source = load::built_in(file, text);
        description(&source, &source.name, settings, visit);
    }
}

/// A YAML file of a folder; one that is no description is passed over.
fn in_folder(path: &Path, settings: &Settings, visit: &mut impl FnMut(Found)) {
    let path = path.to_string_lossy();
    match load::read_file(&path) {
        Ok(source) if lang::is_description(&source) => {
            description(&source, &path, settings, visit);
        }
        // An empty file is no description either.
        Ok(_) => visit(Found::Skipped),
        Err(failure) if failure.diagnostics.iter().all(|d| d.code == Code::E0103) => {
            visit(Found::Skipped);
        }
        Err(failure) => visit(Found::Failed(failure)),
    }
}

/// The bare description and every variant; `argument` is what a command takes for it. Where there are variants, the bare
/// one is a network only if something is expected of it.
fn description(
    source: &Source,
    argument: &str,
    settings: &Settings,
    visit: &mut impl FnMut(Found),
) {
    let outline = match lang::outline(source) {
        Ok(outline) => outline,
        Err(diagnostics) => return visit(Found::Failed(Failure::about(source, diagnostics))),
    };
    let document = match load::parse(source.clone(), None, settings) {
        Ok((_, document)) => document,
        // What is wrong with the bare description is wrong with its variants.
        Err(failure) => return visit(Found::Failed(failure)),
    };
    if outline.variants.is_empty() || outline.expects {
        visit(load::analyse(source.clone(), document, settings, argument).into());
    }
    for (variant, _) in outline.variants {
        let argument = format!("{argument}#{variant}");
        visit(network(source.clone(), Some(variant), &argument, settings));
    }
}

/// One network.
fn network(source: Source, variant: Option<String>, argument: &str, settings: &Settings) -> Found {
    load::parse(source, variant, settings)
        .and_then(|(source, document)| load::analyse(source, document, settings, argument))
        .into()
}

impl From<Result<Model, Failure>> for Found {
    fn from(model: Result<Model, Failure>) -> Self {
        match model {
            Ok(model) => Self::Network(Box::new(model)),
            Err(failure) => Self::Failed(failure),
        }
    }
}

/// The YAML files below a folder, sorted. Links to folders are not followed, so that there is an end.
fn descriptions(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let cannot = |error: std::io::Error| {
            let message = format!("`{}` cannot be read: {error}", folder.display());
            Failure::of_file(&folder.to_string_lossy(), Diagnostic::new(Code::E0105, message))
        };
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let path = entry.path();
            let is_yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
            if entry.file_type().map_err(cannot)?.is_dir() {
                open.push(path);
            } else if is_yaml && path.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

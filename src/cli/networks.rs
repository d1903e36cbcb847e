//! From arguments to all networks they mean: a folder's descriptions, each with its variants.

use std::fs;
use std::path::{Path, PathBuf};

use super::load::{self, Failure, Loaded};
use super::settings::Settings;
use crate::diag::{Code, Diagnostic};
use crate::lang;
use crate::model::Shared;
use crate::zoo;

/// What is found on the way.
pub enum Visited {
    /// A network.
    Network(Box<Loaded>),
    /// Something that could not be read or analysed.
    Failed(Failure),
    /// A YAML file of a folder that is no description.
    Skipped,
}

/// What an argument means: a folder's descriptions, one description with its variants, or one variant.
pub fn each(path: &str, settings: &Settings, visit: &mut impl FnMut(Visited)) {
    if Path::new(path).is_dir() {
        match descriptions(Path::new(path)) {
            Ok(files) => files.iter().for_each(|file| in_folder(file, settings, visit)),
            Err(failure) => visit(Visited::Failed(failure)),
        }
        return;
    }
    match load::find(path) {
        Ok((architecture, None)) => family(&architecture, path, settings, visit),
        Ok((architecture, variant)) => {
            visit(load::at(&architecture, variant, settings, path).into());
        }
        Err(failure) => visit(Visited::Failed(failure)),
    }
}

/// The built-in networks.
pub fn each_built_in(settings: &Settings, visit: &mut impl FnMut(Visited)) {
    for (file, text) in zoo::files() {
        match load::built_in(file, text) {
            Ok(architecture) => {
                family(&architecture, &architecture.source().name, settings, visit);
            }
            Err(failure) => visit(Visited::Failed(failure)),
        }
    }
}

/// A YAML file of a folder; one that is no description is passed over.
fn in_folder(path: &Path, settings: &Settings, visit: &mut impl FnMut(Visited)) {
    let path = path.to_string_lossy();
    match load::read_file(&path) {
        Ok(architecture) if architecture.is_network() => {
            family(&architecture, &path, settings, visit);
        }
        Ok(_) => visit(Visited::Skipped),
        // An empty file is no description, nor is YAML with a fault that does not begin like one.
        Err(failure) if failure.diagnostics.iter().all(is_of_another_kind) => {
            visit(Visited::Skipped);
        }
        Err(failure) => visit(Visited::Failed(failure)),
    }
}

/// Whether what is wrong with a YAML file is that it is no description.
fn is_of_another_kind(diagnostic: &Diagnostic) -> bool {
    match &diagnostic.source {
        Some(source) => !lang::looks_like_one(&source.text),
        None => [Code::E0103, Code::E0114].contains(&diagnostic.code),
    }
}

/// The bare network and every variant; `argument` is what a command takes for it. Where there are variants, the bare one
/// is a network only if something is expected of it.
fn family(
    architecture: &Shared,
    argument: &str,
    settings: &Settings,
    visit: &mut impl FnMut(Visited),
) {
    let model = match load::evaluate(&**architecture, None, settings) {
        Ok(model) => model,
        // What is wrong with the bare description is wrong with its variants.
        Err(found) => return visit(Visited::Failed(load::failure(&**architecture, found))),
    };
    if architecture.variants().is_empty() || architecture.expects() {
        let network = load::analyse(architecture, model, settings, argument);
        visit(network.map_err(|found| load::failure(&**architecture, found)).into());
    }
    for variant in architecture.variants() {
        let argument = format!("{argument}#{}", variant.name);
        visit(load::at(architecture, Some(variant.name.clone()), settings, &argument).into());
    }
}

impl From<Result<Loaded, Failure>> for Visited {
    fn from(network: Result<Loaded, Failure>) -> Self {
        match network {
            Ok(network) => Self::Network(Box::new(network)),
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

//! From arguments to all networks they mean: a folder's descriptions, each with its variants.

use std::fs;
use std::path::{Path, PathBuf};

use super::load::{self, Failure, Loaded};
use super::settings::Settings;
use crate::diag::{Code, Diagnostic};
use crate::import;
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
    /// What is to be said of a link that leads out of the folder, and is not followed.
    Outside(Diagnostic),
}

/// What an argument means: a folder's descriptions, one description with its variants, or one variant. `bare` asks for the
/// network without a variant of a description that is named, whether or not something is expected of it.
pub fn each(path: &str, settings: &Settings, bare: bool, visit: &mut impl FnMut(Visited)) {
    if Path::new(path).is_dir() {
        match descriptions(Path::new(path)) {
            Ok(found) => found.into_iter().for_each(|found| match found {
                Found::File(file) => in_folder(&file, settings, visit),
                Found::Outside(link) => visit(Visited::Outside(outside(&link, path))),
            }),
            Err(failure) => visit(Visited::Failed(failure)),
        }
        return;
    }
    match load::find(path) {
        Ok((architecture, None)) => family(&architecture, path, settings, bare, visit),
        Ok((architecture, variant)) => {
            let settings = settings.of(&*architecture);
            visit(load::at(&architecture, variant, &settings, path).into());
        }
        Err(failure) => visit(Visited::Failed(failure)),
    }
}

/// The built-in networks.
pub fn each_built_in(settings: &Settings, visit: &mut impl FnMut(Visited)) {
    for (file, text) in zoo::files() {
        match load::built_in(file, text) {
            Ok(architecture) => {
                family(&architecture, &architecture.source().name, settings, false, visit);
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
            family(&architecture, &path, settings, false, visit);
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
    bare: bool,
    visit: &mut impl FnMut(Visited),
) {
    let settings = &*settings.of(&**architecture);
    let model = match load::evaluate(&**architecture, None, settings) {
        Ok(model) => model,
        // What is wrong with the bare description is wrong with its variants.
        Err(found) => return visit(Visited::Failed(load::failure(&**architecture, found))),
    };
    if architecture.variants().is_empty() || architecture.expects() || bare {
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

/// That a link leads out of the folder.
fn outside(link: &Path, folder: &str) -> Diagnostic {
    let message =
        format!("`{}` is a link that leads out of `{folder}`: it is not followed", link.display());
    Diagnostic::new(Code::E0105, message)
}

/// A file of a folder.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    File(PathBuf),
    /// A link to a file elsewhere.
    Outside(PathBuf),
}

/// The files below a folder that a network may be read from, sorted. Links to folders are not followed, so that there is an end, nor are those to files
/// elsewhere: a stranger's repository decides where they lead.
fn descriptions(folder: &Path) -> Result<Vec<Found>, Failure> {
    let mut files = Vec::new();
    let root = folder.canonicalize();
    let is_outside = |path: &Path| match (path.canonicalize(), &root) {
        (Ok(path), Ok(root)) => !path.starts_with(root),
        _ => false,
    };
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let cannot = |error: std::io::Error| {
            let message = format!("`{}` cannot be read: {error}", folder.display());
            Failure::of_file(&folder.to_string_lossy(), Diagnostic::new(Code::E0105, message))
        };
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let path = entry.path();
            let ending = path.extension().unwrap_or_default();
            let is_network = import::endings().any(|known| ending == known);
            let kind = entry.file_type().map_err(cannot)?;
            if kind.is_dir() {
                open.push(path);
            } else if is_network && kind.is_symlink() && is_outside(&path) {
                files.push(Found::Outside(path));
            } else if is_network && path.is_file() {
                files.push(Found::File(path));
            }
        }
    }
    files.sort();
    Ok(files)
}

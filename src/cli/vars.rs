//! `cnnstat vars MODEL`: what `--set` replaces, and the variants.

use super::args::VarsArgs;
use super::done::Done;
use super::load::{self, Failure};
use super::settings::Screen;
use crate::report::grid::Numbers;
use crate::report::pages::vars::{Variable, Vars, page};
use crate::zoo;

/// A row for each variable.
pub fn run(args: &VarsArgs, screen: &Screen) -> Result<Done, Failure> {
    let (architecture, _) = load::find(&args.name)?;
    let variables = architecture.settings().into_iter();
    let vars = Vars {
        variables: variables.map(|v| Variable { name: v.name, default: v.default }).collect(),
        variants: architecture.variants().iter().map(|variant| variant.name.clone()).collect(),
        ..Vars::new(&architecture.source().name, &args.name, zoo::find(&args.name).is_some())
    };
    Done::default().show(&[page(&vars)], false, &args.page, Numbers::Exact, screen)
}

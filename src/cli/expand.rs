//! `cnnstat expand MODEL`: a description with everything carried out.

use super::Done;
use super::args::{ExpandArgs, ModelArgs};
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use crate::lang;

/// The description as YAML.
pub fn run(args: &ExpandArgs, _: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&ModelArgs { set: args.set.clone(), ..ModelArgs::default() })?;
    let (source, variant) = load::find(&args.name)?;
    let (_, document) = load::parse(source, variant, &settings)?;
    Ok(Done::page(lang::expand(&document), args.output.as_ref()))
}

//! `cnnstat expand MODEL`: a description with everything carried out.

use super::Done;
use super::args::{ExpandArgs, ModelArgs};
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use crate::lang;

/// The description as YAML, named as the summary names it.
pub fn run(args: &ExpandArgs, _: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&ModelArgs { read: args.read.clone(), ..ModelArgs::default() })?;
    let (source, variant) = load::find(&args.name)?;
    let (_, mut document) = load::parse(source, variant, &settings)?;
    if let Some(variant) = document.variant.take() {
        document.graph.name = variant;
    }
    if settings.changed {
        // They speak of the network as it is described.
        document.expectations.clear();
    }
    Ok(Done::page(lang::expand(&document), args.output.as_ref()))
}

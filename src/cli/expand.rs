//! `cnnstat expand MODEL`: a description with everything evaluated.

use super::Done;
use super::args::{ExpandArgs, ModelArgs};
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use crate::lang;

/// The description as YAML, named as the summary names it.
pub fn run(args: &ExpandArgs, _: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&ModelArgs { read: args.read.clone(), ..ModelArgs::default() })?;
    let (architecture, variant) = load::find(&args.name)?;
    let mut document = load::evaluate(&*architecture, variant, &settings)
        .map_err(|found| load::failure(&*architecture, found))?;
    if let Some(variant) = document.variant.take() {
        document.graph.name = variant;
    }
    if settings.changed {
        // They speak of the network as it is described.
        document.expectations.clear();
    }
    Ok(Done::page(lang::expand(&document), args.output.as_ref()))
}

//! `cnnstat expand MODEL`: a description with everything evaluated.

use super::args::{ExpandArgs, ModelArgs};
use super::done::Done;
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use crate::lang;

/// The description as YAML, named as the summary names it.
pub fn run(args: &ExpandArgs, _: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&ModelArgs { read: args.read.clone(), ..ModelArgs::default() })?;
    let (architecture, variant) = load::find(&args.name)?;
    let mut model = load::evaluate(&*architecture, variant, &settings)
        .map_err(|found| load::failure(&*architecture, found))?;
    if let Some(variant) = model.variant.take() {
        model.graph.name = variant;
    }
    if settings.changed {
        // They speak of the network as it is described.
        model.expectations.clear();
    }
    Ok(Done::page(lang::expand(&model), args.output.as_ref()))
}

//! The networks that a figure may have been printed for instead: the others of the same file, and the same at other inputs.

use super::load::{self, Model};
use super::settings::Settings;
use crate::convention::reconcile::{Relative, usual_inputs};

/// The relatives of a network, read one by one; what does not accept the settings is none.
pub fn relatives<'m>(
    model: &'m Model,
    settings: &'m Settings,
) -> impl Iterator<Item = Relative> + 'm {
    variants(model, settings).chain(sizes(model, settings))
}

/// The other networks of the same file.
fn variants<'m>(model: &'m Model, settings: &'m Settings) -> impl Iterator<Item = Relative> + 'm {
    let (family, expects) = (model.architecture.variants(), model.architecture.expects());
    let bare = (expects || family.is_empty()).then_some(None);
    let variants = bare.into_iter().chain(family.iter().map(|variant| Some(variant.name.clone())));
    variants.filter(|variant| *variant != model.document.variant).filter_map(move |variant| {
        let name = variant.as_ref().unwrap_or(&model.document.graph.name);
        let step = format!("{name}, another network of {}", model.source.name);
        relative(model, variant, settings, step)
    })
}

/// The network at other input sizes.
fn sizes<'m>(model: &'m Model, settings: &'m Settings) -> impl Iterator<Item = Relative> + 'm {
    usual_inputs(&model.document.graph).into_iter().filter_map(move |shape| {
        let settings = Settings { inputs: vec![(String::new(), shape)], ..settings.clone() };
        let step = format!("input {shape}");
        relative(model, model.document.variant.clone(), &settings, step)
    })
}

fn relative(
    model: &Model,
    variant: Option<String>,
    settings: &Settings,
    step: String,
) -> Option<Relative> {
    let argument = &model.source.name;
    let model = load::try_at(&model.architecture, variant, settings, argument).ok()?;
    let name = model.name().to_owned();
    Some(Relative { step, name, graph: model.document.graph, analysis: model.analysis })
}

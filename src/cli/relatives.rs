//! The networks that a figure may have been printed for instead: the others of the same file, and the same at other inputs.

use super::load::{self, Loaded};
use super::settings::Settings;
use crate::convention::reconcile::{Relative, usual_inputs};

/// The relatives of a network, read one by one; what does not accept the settings is none.
pub fn relatives<'m>(
    network: &'m Loaded,
    settings: &'m Settings,
) -> impl Iterator<Item = Relative> + 'm {
    variants(network, settings).chain(sizes(network, settings))
}

/// The other networks of the same file.
fn variants<'m>(
    network: &'m Loaded,
    settings: &'m Settings,
) -> impl Iterator<Item = Relative> + 'm {
    let (family, expects) = (network.architecture.variants(), network.architecture.expects());
    let bare = (expects || family.is_empty()).then_some(None);
    let variants = bare.into_iter().chain(family.iter().map(|variant| Some(variant.name.clone())));
    variants.filter(|variant| *variant != network.model.variant).filter_map(move |variant| {
        let name = variant.as_ref().unwrap_or(&network.model.graph.name);
        let step = format!("{name}, another network of {}", network.source.name);
        relative(network, variant, settings, step)
    })
}

/// The network at other input sizes.
fn sizes<'m>(network: &'m Loaded, settings: &'m Settings) -> impl Iterator<Item = Relative> + 'm {
    usual_inputs(&network.model.graph).into_iter().filter_map(move |shape| {
        let settings = Settings { inputs: vec![(String::new(), shape)], ..settings.clone() };
        let step = format!("input {shape}");
        relative(network, network.model.variant.clone(), &settings, step)
    })
}

fn relative(
    network: &Loaded,
    variant: Option<String>,
    settings: &Settings,
    step: String,
) -> Option<Relative> {
    let argument = &network.source.name;
    let network = load::try_at(&network.architecture, variant, settings, argument).ok()?;
    let name = network.name().to_owned();
    Some(Relative { step, name, graph: network.model.graph, analysis: network.analysis })
}

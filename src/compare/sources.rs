//! Where layers and outputs take their values from, as far as both networks have it: what was added, removed or moved in
//! between is passed over, so that a layer that is put into a chain does not change the one behind it.
//!
//! Used by `compare`.

use crate::report::model::{Layer, Report};

/// What a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A layer that both networks have, by its position in the second.
    Layer(usize),
    /// An input, by its position.
    Input(usize),
}

/// The layers of one network that the other has too.
pub(super) struct Sources<'r> {
    report: &'r Report,
    /// The position in the second network of each layer that kept its place.
    kept: Vec<Option<usize>>,
}

impl<'r> Sources<'r> {
    /// `kept` has for each layer of the report its position in the second network.
    pub(super) fn new(report: &'r Report, kept: Vec<Option<usize>>) -> Self {
        Self { report, kept }
    }

    /// What each input of a layer comes from.
    pub(super) fn of(&self, layer: &Layer) -> Vec<Origin> {
        let inputs = layer.from.iter().zip(&layer.from_index);
        inputs.map(|(name, index)| self.origin(name, *index)).collect()
    }

    /// What each output comes from.
    pub(super) fn of_outputs(&self) -> Vec<Origin> {
        let outputs = self.report.outputs.iter();
        outputs.map(|output| self.origin(&output.from, output.from_index)).collect()
    }

    /// Goes back from a layer, or an input of this name, to what both networks have.
    fn origin(&self, name: &'r str, index: Option<usize>) -> Origin {
        let (mut name, mut index) = (name, index);
        // Layers stand after what they read, so this ends; a stored report that says otherwise is followed no further.
        let mut end = self.kept.len();
        while let Some(at) = index.filter(|at| *at < end) {
            end = at;
            if let Some(kept) = self.kept[at] {
                return Origin::Layer(kept);
            }
            let Layer { from, from_index, .. } = &self.report.layers[at];
            index = from_index.first().copied().flatten();
            name = from.first().map_or("", String::as_str);
        }
        let position = self.report.inputs.iter().position(|input| input.name == name);
        Origin::Input(position.unwrap_or(0))
    }
}

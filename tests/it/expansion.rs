//! Expansion as a property: networks with scopes, residuals, joins, references and shared layers are generated, and what is
//! read from their expansion has the same nodes, wires, parameters and analysis.

use cnnstat::diag::Source;
use std::fmt::Write as _;

use cnnstat::internals::exec::rng::Rng;
use cnnstat::internals::lang;
use cnnstat::model::{Asked, Model};

use crate::common::assert_expansion_is_equal;

/// How many networks are compared.
const NETWORKS: usize = 2_000;
/// Layers that keep a shape of 8×6×6, whatever number of channels arrives.
const LAYERS: &[&str] = &["relu", "conv2d(8, 1)", "conv2d(8, 3, padding=1)", "Conv2d(8, 8, 1)"];
/// Few names, so that many are hidden by others; numbers are what unnamed layers are called.
const NAMES: &[&str] = &["a", "b", "0", "1", "s", "s.a", "add", "value_2"];

/// Writes one network.
struct Writer {
    rng: Rng,
    text: String,
    /// Layers that may still be written.
    left: usize,
}

impl Writer {
    fn pick<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[self.below(from.len())]
    }

    fn below(&mut self, n: usize) -> usize {
        self.rng.below(n)
    }

    fn items(&mut self, indent: usize, depth: usize) {
        for _ in 0..=self.below(3) {
            self.item(indent, depth);
        }
    }

    /// An item, or several that make a branch, after the dash that is there or is to be written.
    fn item(&mut self, indent: usize, depth: usize) {
        let pad = " ".repeat(indent);
        self.text.push_str(&pad);
        self.text.push_str("- ");
        let is_nested = depth > 0 && self.left > 0 && self.below(5) < 3;
        if !is_nested {
            self.left = self.left.saturating_sub(1);
            let name = if self.below(3) == 0 { Some(self.pick(NAMES)) } else { None };
            if let Some(name) = name {
                let _ = write!(self.text, "\"{name}\": ");
            }
            let layer = match self.below(8) {
                0 => format!("add(@, @{})", self.pick(NAMES)),
                1 => format!("identity(@{})", self.pick(NAMES)),
                2 => format!("share('{}')", self.pick(NAMES)),
                _ => self.pick(LAYERS).to_owned(),
            };
            self.text.push_str(&layer);
            self.text.push('\n');
            return;
        }
        match self.below(4) {
            0 => {
                let name = self.pick(NAMES);
                let _ = writeln!(self.text, "\"{name}\":");
                self.items(indent + 4, depth - 1);
            }
            1 => {
                self.text.push_str("residual:\n");
                self.items(indent + 4, depth - 1);
                let _ = writeln!(self.text, "{pad}    - conv2d(8, 1)");
            }
            _ => {
                let join = self.pick(&["add", "mul"]);
                let _ = writeln!(self.text, "{join}:\n{pad}    - identity");
                self.item(indent + 4, depth - 1);
            }
        }
    }
}

/// The text of a network of this seed; not every one can be read.
fn network(seed: u64) -> String {
    let head = "model: m\ninput: [8, 6, 6]\nlayers:\n".to_owned();
    let mut writer = Writer { rng: Rng::new(seed), text: head, left: 24 };
    while writer.left > 0 {
        writer.item(2, 4);
    }
    writer.text
}

fn read(text: &str) -> Option<Model> {
    lang::parse(&Source::new("m.yaml", text), &Asked::default()).ok()
}

#[test]
fn an_expansion_is_the_same_network() {
    let mut compared = 0;
    let mut hidden = 0;
    for seed in 0.. {
        let text = network(seed);
        let Some(model) = read(&text) else { continue };
        let expanded = lang::expand(&model);
        let again = read(&expanded).unwrap_or_else(|| panic!("{text}\nbecomes\n{expanded}"));
        let wires = |model: &Model| {
            let nodes = model.graph.nodes().iter();
            let wires = nodes.map(|node| (node.inputs.clone(), node.outputs.clone(), node.weights));
            (wires.collect::<Vec<_>>(), model.graph.outputs().to_vec())
        };
        assert_eq!(wires(&again), wires(&model), "{text}\nbecomes\n{expanded}");
        assert_expansion_is_equal(&model);
        compared += 1;
        hidden += usize::from(expanded.contains("value_"));
        if compared == NETWORKS {
            break;
        }
    }
    assert!(hidden > NETWORKS / 20, "names are hidden in {hidden} networks only");
}

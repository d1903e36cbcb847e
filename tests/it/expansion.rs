//! Expansion as a property: networks with scopes, residuals, joins, references and shared layers are generated, and what is
//! read from their expansion has the same nodes, wires, parameters and analysis.

use cnnstat::diag::Source;
use std::fmt::Write as _;

use cnnstat::graph::Node;
use cnnstat::internals::exec::rng::Rng;
use cnnstat::internals::lang;
use cnnstat::model::{Asked, Model};
use cnnstat::ops::Op;

use crate::common::assert_expansion_is_equal;

/// How many networks are compared.
const NETWORKS: usize = 2_000;
/// Layers that keep a shape of 8×6×6, whatever number of channels arrives.
const LAYERS: &[&str] = &[
    "relu",
    "conv2d(8, 1)",
    "conv2d(8, 3, padding=1)",
    "Conv2d(8, 8, 1)",
    "parameter(1, 8, 6, 6)",
];
/// Few names, so that many are hidden by others. Unnamed layers are called by numbers, in every scope the same.
const NAMES: &[&str] = &["a", "b", "c", "s", "add_2", "value_2"];

/// Writes one network.
struct Writer {
    rng: Rng,
    text: String,
    /// Layers that may still be written.
    left: usize,
    /// The names given so far in each open scope, the innermost last.
    scopes: Vec<Vec<&'static str>>,
}

impl Writer {
    fn pick<'p>(&mut self, from: &[&'p str]) -> Option<&'p str> {
        (!from.is_empty()).then(|| from[self.rng.below(from.len())])
    }

    /// A name that the innermost scope does not have yet.
    fn fresh(&mut self) -> Option<&'static str> {
        let taken = self.scopes.last()?;
        let free: Vec<&str> = NAMES.iter().copied().filter(|name| !taken.contains(name)).collect();
        self.pick(&free)
    }

    /// Makes a name known, once what it names is written.
    fn know(&mut self, name: &'static str) {
        self.scopes.last_mut().expect("the outermost is always open").push(name);
    }

    /// A name that may be seen from here.
    fn seen(&mut self) -> Option<&'static str> {
        let seen: Vec<&str> = self.scopes.iter().flatten().copied().collect();
        self.pick(&seen)
    }

    fn items(&mut self, indent: usize, depth: usize) {
        for _ in 0..=self.rng.below(3) {
            self.item(indent, depth);
        }
    }

    fn layer(&mut self) -> String {
        let plain = LAYERS[self.rng.below(LAYERS.len())].to_owned();
        match (self.rng.below(8), self.seen()) {
            (0, Some(name)) => format!("add(@, @{name})"),
            (1, Some(name)) => format!("identity(@{name})"),
            (3, _) => format!("add(@, @{})", self.rng.below(3)),
            (2, Some(name)) => format!("share('{name}')"),
            _ => plain,
        }
    }

    /// An item, behind a dash.
    fn item(&mut self, indent: usize, depth: usize) {
        let pad = " ".repeat(indent);
        let _ = write!(self.text, "{pad}- ");
        if depth == 0 || self.left == 0 || self.rng.below(5) < 2 {
            self.left = self.left.saturating_sub(1);
            let layer = self.layer();
            let name = if self.rng.below(2) == 0 { self.fresh() } else { None };
            let head = name.map_or_else(String::new, |name| format!("\"{name}\": "));
            let _ = writeln!(self.text, "{head}{layer}");
            if let Some(name) = name {
                self.know(name);
            }
            return;
        }
        match (self.rng.below(4), self.fresh()) {
            (0 | 1, Some(name)) => {
                let _ = writeln!(self.text, "\"{name}\":");
                self.scopes.push(Vec::new());
                self.items(indent + 4, depth - 1);
                self.scopes.pop();
                self.know(name);
            }
            (2, _) => {
                let _ = writeln!(self.text, "residual:");
                self.items(indent + 4, depth - 1);
                let _ = writeln!(self.text, "{pad}    - conv2d(8, 1)");
            }
            _ => {
                let join = ["add", "mul"][self.rng.below(2)];
                let _ = writeln!(self.text, "{join}:\n{pad}    - identity");
                self.item(indent + 4, depth - 1);
            }
        }
    }
}

/// The text of a network of this seed; not every one can be read.
fn network(seed: u64) -> String {
    let head = "model: m\ninput: [8, 6, 6]\nlayers:\n".to_owned();
    let mut writer = Writer { rng: Rng::new(seed), text: head, left: 16, scopes: vec![Vec::new()] };
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
    let (mut compared, mut hidden) = (0, 0);
    for seed in 0..20 * NETWORKS as u64 {
        let text = network(seed);
        let Some(model) = read(&text) else { continue };
        let expanded = lang::expand(&model);
        let again = read(&expanded).unwrap_or_else(|| panic!("{text}\nbecomes\n{expanded}"));
        let wires = |model: &Model| {
            let nodes = model.graph.nodes().iter();
            // A layer without parameters that is shared is the same layer again.
            let weights = |node: &Node| {
                matches!(node.op, Op::Conv(_) | Op::Parameter(_)).then_some(node.weights)
            };
            let wires =
                nodes.map(|node| (node.inputs.clone(), node.outputs.clone(), weights(node)));
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
    assert_eq!(compared, NETWORKS, "most of what is generated cannot be read");
    assert!(hidden > NETWORKS / 20, "names are hidden in {hidden} networks only");
}

/// A layer without parameters may bear the name of one that has them: what is shared under it is the latter.
#[test]
fn a_name_of_two_layers_is_shared_as_the_one_with_parameters() {
    let text = "model: m\ninput: [8, 6, 6]\nlayers:\n  - a: relu\n  - s:\n      - share('a')\n      - a: conv2d(8, 1)\n  - share('s')\n";
    let model = read(text).unwrap();
    let expanded = lang::expand(&model);
    assert!(expanded.contains("share('s.a')"), "{expanded}");
    let params = |model: &Model| crate::common::analysis(model).totals.params;
    assert_eq!((params(&model), params(&read(&expanded).unwrap())), (72, 72));
    assert_expansion_is_equal(&model);
}

//! A description from the top: model about source vars variants input blocks naming frozen layers expect budget.

use std::collections::HashMap;
use std::rc::Rc;

use super::ast::Header;
use super::grammar;
use super::parsed::Parsed;
use super::reader::{Block, Frame, Reader, syntax};
use super::tree::{Data, REFUSED, Tree};
use super::value::Value;
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::graph::ValueId;
use crate::model::{Asked, Model};
use crate::shape::{MAX_RANK, Shape};
use crate::source::Origin;

const KEYS: &[&str] = &[
    "model", "about", "source", "vars", "variants", "input", "blocks", "naming", "frozen",
    "layers", "expect", "budget",
];

/// Keys of what the numbers must be, at the top and in each variant.
const OF_NUMBERS: [&str; 2] = ["expect", "budget"];

/// Keys that every description has, and what they look like.
const EXAMPLES: &[(&str, &str)] = &[
    ("model", "model: my_network"),
    ("input", "input: [3, 224, 224]"),
    ("layers", "layers: and a list of layers, each after a dash"),
];

/// What a chosen variant and `--set` make of the description's variables.
struct Replaced {
    /// The node that stands for each variable's own.
    nodes: HashMap<String, u32>,
    /// The variant's node.
    variant: Option<u32>,
}

/// What is wrong with a description, and its inputs as far as they are right: without the batch.
#[derive(Debug, Default)]
pub(super) struct Faulty {
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) inputs: Vec<(String, Shape)>,
}

impl From<Vec<Diagnostic>> for Faulty {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, inputs: Vec::new() }
    }
}

/// Evaluates the tree of a description; `sets` are the nodes of the texts of `--set`.
pub(super) fn read(
    tree: &Tree<'_>,
    parsed: &Parsed,
    asked: &Asked,
    sets: &[u32],
    found: Vec<Diagnostic>,
) -> Result<Model, Faulty> {
    if *tree.data(0) == Data::Null {
        let message = "the file holds no description: nothing, or comments only";
        return Err(vec![Diagnostic::new(Code::E0103, message).help(super::BEGIN)].into());
    }
    if !matches!(tree.data(0), Data::Map(_)) {
        let message = format!(
            "a description is a map with model, input and layers, but this is {}",
            tree.data(0).describe()
        );
        return Err(vec![
            Diagnostic::new(Code::E0304, message).label(Origin::value(0), "not a map of keys"),
        ]
        .into());
    }
    let name = tree.get(0, "model").and_then(|node| tree.text(node)).unwrap_or_default();
    let mut reader = Reader::new(tree, parsed, name, found);
    reader.top_level_keys();
    reader.blocks();
    let replaced = reader.replace(asked, sets);
    reader.vars(&replaced);
    let inputs = reader.inputs(asked);
    reader.naming();
    let current = inputs.first().map(|(_, value)| *value);
    let mut frame = Frame { current, inputs: inputs.into(), ..Frame::default() };
    if let Some(layers) = tree.get(0, "layers") {
        reader.body(layers, &mut frame);
    }
    reader.outputs(&frame);
    let [expectations, budget] = OF_NUMBERS.map(|key| {
        let place = replaced.variant.unwrap_or(0);
        let own = tree.get(place, key).map(|node| reader.expectations(key, node));
        // What is wrong with another variant's is told too, with the first: once for all of them.
        let variants = tree.get(0, "variants").map(|node| tree.entries(node)).unwrap_or_default();
        let is_first = variants.first().is_none_or(|(_, first)| [0, *first].contains(&place));
        for (_, variant) in variants.iter().filter(|(_, variant)| is_first && *variant != place) {
            tree.get(*variant, key).map(|node| reader.expectations(key, node));
        }
        own.unwrap_or_default()
    });
    let frozen = reader.frozen();
    let literal = |key: &str| tree.get(0, key).and_then(|node| tree.text(node)).map(str::to_owned);
    let (about, source) = (literal("about"), literal("source"));
    let outputs = std::mem::take(&mut reader.outputs);
    let (builder, places, diagnostics) = reader.finish();
    if !diagnostics.is_empty() {
        let shape = |(name, value): &(String, ValueId)| {
            Some((name.clone(), builder.shape(*value)?.without(0)))
        };
        let inputs = frame.inputs.iter().filter_map(shape).collect();
        return Err(Faulty { diagnostics, inputs });
    }
    let outputs: Vec<(&str, ValueId)> =
        outputs.iter().map(|(name, value, _)| (name.as_str(), *value)).collect();
    let graph = builder.finish(&outputs).map_err(|error| {
        vec![Diagnostic::new(Code::E0314, error.to_string()).label(Origin::value(0), "begins here")]
    })?;
    Ok(Model {
        graph,
        about,
        source,
        variant: asked.variant.clone(),
        frozen,
        expectations,
        budget,
        origins: places.into_iter().map(Some).collect(),
    })
}

impl Reader<'_> {
    fn top_level_keys(&mut self) {
        let tree = self.tree;
        for (key, node) in tree.entries(0) {
            if !KEYS.contains(&key.as_str()) && key != "<<" && !key.starts_with(REFUSED) {
                let diagnostic =
                    Diagnostic::new(Code::E0302, format!("a description has no key `{key}`"))
                        .label(Origin::key(*node), "not known")
                        .helps(did_you_mean(key, KEYS.iter().copied()))
                        .note(format!("its keys are {}", KEYS.join(", ")));
                self.report(diagnostic);
            }
        }
        let unknown = |known: &&str| {
            let unknown = tree.entries(0).iter().filter(|(key, _)| !KEYS.contains(&key.as_str()));
            unknown.into_iter().any(|(key, _)| did_you_mean(key, [*known]).is_some())
        };
        self.lost_vars = tree.get(0, "vars").is_none() && unknown(&"vars");
        let missing: Vec<&str> = EXAMPLES
            .iter()
            .map(|(key, _)| *key)
            .filter(|key| tree.get(0, key).is_none() && !unknown(key))
            .collect();
        if !missing.is_empty() {
            let message = format!("the description has no `{}`", missing.join("` and no `"));
            let examples = EXAMPLES.iter().filter(|(key, _)| missing.contains(key));
            let diagnostic = Diagnostic::new(Code::E0303, message)
                .label(Origin::value(0), "begins here")
                .helps(examples.map(|(_, example)| format!("write {example}")));
            self.report(diagnostic);
        }
        for key in ["model", "about", "source", "naming"] {
            if let Some(node) = tree.get(0, key).filter(|node| tree.text(*node).is_none()) {
                let message = format!("{key} is text, but this is {}", tree.data(node).describe());
                self.report(
                    Diagnostic::new(Code::E0304, message)
                        .label(Origin::value(node), "not text")
                        .help("put it in quotes"),
                );
            }
        }
        for key in ["vars", "variants", "blocks"] {
            if let Some(node) =
                tree.get(0, key).filter(|node| !matches!(tree.data(*node), Data::Map(_)))
            {
                let message = format!("{key} is a map, but this is {}", tree.data(node).describe());
                self.report(
                    Diagnostic::new(Code::E0304, message).label(Origin::value(node), "not a map"),
                );
            }
        }
    }

    fn blocks(&mut self) {
        let tree = self.tree;
        for (text, body) in tree.get(0, "blocks").map(|node| tree.entries(node)).unwrap_or_default()
        {
            let (header, mut faulty) = match grammar::header(text) {
                Ok(header) => (header, false),
                Err(error) => {
                    self.report(syntax(Origin::key(*body), text, &error));
                    (Header::faulty(text), true)
                }
            };
            for (i, (input, span)) in header.inputs.iter().enumerate() {
                if header.inputs[..i].iter().any(|(earlier, _)| earlier == input) {
                    faulty = true;
                    let message = format!("the input `@{input}` stands twice");
                    let diagnostic = Diagnostic::new(Code::E0404, message);
                    self.report(diagnostic.label(Origin::key(*body).at(*span), "again here"));
                }
            }
            if let Some(first) = self.block_names.insert(header.name.clone(), self.blocks.len()) {
                let message = format!("there are two blocks `{}`", header.name);
                let diagnostic = Diagnostic::new(Code::E0214, message)
                    .label(Origin::key(*body), "again here")
                    .label(Origin::key(self.blocks[first].body), "first here");
                self.report(diagnostic);
            }
            for (i, formal) in header.formals.iter().enumerate() {
                let earlier = &header.formals[..i];
                let found = if earlier.iter().any(|earlier| earlier.name == formal.name) {
                    let message = format!("the argument `{}` stands twice", formal.name);
                    Diagnostic::new(Code::E0404, message)
                } else if formal.default.is_none() && earlier.iter().any(|e| e.default.is_some()) {
                    let name = &formal.name;
                    let message = format!(
                        "the argument `{name}` has no default, but stands after one that has"
                    );
                    Diagnostic::new(Code::E0301, message)
                        .help("move it forward, or give it a default")
                } else {
                    continue;
                };
                faulty = true;
                self.report(found.label(Origin::key(*body).at(formal.span), "this argument"));
            }
            self.blocks.push(Block { header: Rc::new(header), body: *body, faulty });
        }
    }

    /// What the variant and `--set` replace.
    fn replace(&mut self, asked: &Asked, sets: &[u32]) -> Replaced {
        let tree = self.tree;
        let known: Vec<&str> = tree
            .get(0, "vars")
            .map(|node| tree.entries(node))
            .unwrap_or_default()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let mut replaced = Replaced { nodes: HashMap::new(), variant: None };
        let variants = tree.get(0, "variants").map(|node| tree.entries(node)).unwrap_or_default();
        for (name, values) in variants {
            for (variable, node) in tree.entries(*values) {
                if !OF_NUMBERS.contains(&variable.as_str())
                    && !self.lost_vars
                    && !known.contains(&variable.as_str())
                {
                    let diagnostic = Diagnostic::new(
                        Code::E0305,
                        format!("the variant {name} sets `{variable}`, which is no variable"),
                    )
                    .label(Origin::key(*node), "not in vars")
                    .helps(did_you_mean(variable, known.iter().copied()));
                    self.report(diagnostic);
                }
            }
            if !matches!(tree.data(*values), Data::Map(_) | Data::Null) {
                let message = format!(
                    "a variant is a map of variables, but this is {}",
                    tree.data(*values).describe()
                );
                self.report(
                    Diagnostic::new(Code::E0304, message)
                        .label(Origin::value(*values), "not a map"),
                );
            }
        }
        if let Some(wanted) = &asked.variant {
            if let Some((_, node)) = variants.iter().find(|(name, _)| name == wanted) {
                replaced.variant = Some(*node);
                replaced.nodes.extend(tree.entries(*node).iter().cloned());
            } else {
                let names: Vec<&str> = variants.iter().map(|(name, _)| name.as_str()).collect();
                let list = if names.is_empty() {
                    "it has no variants".to_owned()
                } else {
                    format!("its variants are {}", names.join(", "))
                };
                let diagnostic = Diagnostic::new(
                    Code::E0107,
                    format!("the description has no variant `{wanted}`"),
                )
                .helps(did_you_mean(wanted, names.iter().copied()))
                .note(list);
                self.report(diagnostic);
            }
        }
        for ((name, _), node) in asked.sets.iter().zip(sets) {
            if !known.contains(&name.as_str()) {
                let list = if known.is_empty() {
                    "it has none".to_owned()
                } else {
                    format!("its variables are {}", known.join(", "))
                };
                let diagnostic = Diagnostic::new(
                    Code::E0109,
                    format!("the description has no variable `{name}` to set"),
                )
                .helps(did_you_mean(name, known.iter().copied()))
                .note(list);
                self.report(diagnostic);
            }
            replaced.nodes.insert(name.clone(), *node);
        }
        replaced
    }

    fn vars(&mut self, replaced: &Replaced) {
        let tree = self.tree;
        for (name, own) in tree.get(0, "vars").map(|node| tree.entries(node)).unwrap_or_default() {
            let identifier =
                grammar::header(name).is_ok_and(|header| header.name == *name && !header.inline);
            // A merge key, a list as a key and the rest of a call that a comma cut are reported where they are read.
            let reported = name == "<<" || name.starts_with(REFUSED) || name.contains(')');
            if !identifier && !reported {
                let message = format!("`{name}` is not a name of a variable");
                let diagnostic =
                    Diagnostic::new(Code::E0315, message).label(Origin::key(*own), "not a name");
                self.report(
                    diagnostic.note(
                        "a variable's name is letters, digits and _, and begins with no digit",
                    ),
                );
            }
            let value = self.node_value(*replaced.nodes.get(name).unwrap_or(own));
            self.globals.insert(name.clone(), value);
        }
    }

    /// The value of a node: text is an expression, lists and maps are made of values.
    fn node_value(&mut self, node: u32) -> Value {
        let tree = self.tree;
        match tree.data(node) {
            Data::Null => Value::None,
            Data::Bool(b) => Value::Bool(*b),
            Data::Int(n) => Value::Int(*n),
            Data::Float(x) => Value::Float(*x),
            Data::Text(text) => {
                let place = Origin::value(node);
                match self.expression(place, text) {
                    Some(expr) => self.eval(&expr, place, &mut Frame::default()),
                    None => Value::Unknown,
                }
            }
            Data::Seq(items) => {
                let values = items.iter().map(|item| self.node_value(*item)).collect();
                self.bounded(Value::list(values), Origin::value(node))
            }
            Data::Map(entries) => {
                let key = |text: &str| text.parse().map_or_else(|_| Value::text(text), Value::Int);
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(name, node)| (key(name), self.node_value(*node)))
                    .collect();
                self.bounded(Value::Map(entries.into()), Origin::value(node))
            }
        }
    }

    /// The inputs with their values; at least one.
    fn inputs(&mut self, asked: &Asked) -> Vec<(String, ValueId)> {
        let tree = self.tree;
        let Some(node) = tree.get(0, "input") else {
            return vec![("input".to_owned(), self.builder.unknown())];
        };
        let named: Vec<(String, u32)> = match tree.data(node) {
            Data::Map(entries) => entries.clone(),
            _ => vec![("input".to_owned(), node)],
        };
        if named.is_empty() {
            self.report(
                Diagnostic::new(Code::E0304, "input names no shape")
                    .label(Origin::value(node), "empty"),
            );
        }
        for (wanted, _) in &asked.inputs {
            if !wanted.is_empty() && !named.iter().any(|(name, _)| name == wanted) {
                let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
                let diagnostic = Diagnostic::new(
                    Code::E0110,
                    format!("the description has no input `{wanted}`"),
                )
                .helps(did_you_mean(wanted, names.iter().copied()))
                .note(format!("its inputs are {}", names.join(", ")));
                self.report(diagnostic);
            }
            if let (true, [(first, _), _, ..]) = (wanted.is_empty(), named.as_slice()) {
                let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
                let message = "--input without a name, but there are several inputs";
                let diagnostic = Diagnostic::new(Code::E0110, message)
                    .note(format!("the inputs are {}", names.join(", ")))
                    .help(format!("name each that changes: --input {first}=SHAPE"));
                self.report(diagnostic);
            }
        }
        let mut values = Vec::new();
        for (name, node) in &named {
            let place = Origin::value(*node);
            // `1x28x28` is no expression, and is what people write.
            let text = self.tree.text(*node).filter(|text| written(text).is_some());
            let value = text.map_or_else(|| self.node_value(*node), Value::text);
            let other = asked
                .inputs
                .iter()
                .rev()
                .find(|(wanted, _)| wanted == name || (wanted.is_empty() && named.len() == 1));
            let shape = match other {
                Some((_, shape)) => Some(*shape),
                None => self.input_shape(&value, place),
            };
            let whole = shape.and_then(|shape| shape.after(asked.batch));
            let made = whole.and_then(|whole| self.builder.input(name, whole, Some(0)).ok());
            values.push((name.clone(), made.unwrap_or_else(|| self.builder.unknown())));
        }
        if values.is_empty() {
            values.push(("input".to_owned(), self.builder.unknown()));
        }
        values
    }

    /// What the network yields beside its side outputs, and whether every input is used.
    fn outputs(&mut self, frame: &Frame) {
        let layers = self.tree.get(0, "layers").map_or(Origin::value(0), Origin::key);
        if let Some(value) = frame.current.filter(|_| !self.ends_in_side) {
            self.output("output".to_owned(), value, layers);
        }
        // A layer that could not be made uses nothing.
        if self.is_faulty() {
            return;
        }
        let node = self.tree.get(0, "input");
        let named = node.map(|node| self.tree.entries(node)).unwrap_or_default();
        for (name, value) in frame.inputs.iter() {
            let by_layer = self.builder.nodes().iter().any(|node| node.inputs.contains(value));
            if by_layer || self.outputs.iter().any(|(_, output, _)| output == value) {
                continue;
            }
            let place = named.iter().find(|(known, _)| known == name).map(|(_, node)| *node);
            let diagnostic =
                Diagnostic::new(Code::E0318, format!("the input `{name}` is never used"))
                    .label(place.map_or(Origin::value(0), Origin::key), "no layer reads it")
                    .help(format!(
                        "the layers begin with the first input; `@{name}` refers to this one"
                    ));
            self.report(diagnostic);
        }
    }

    fn input_shape(&mut self, value: &Value, place: Origin) -> Option<Shape> {
        if value.has_unknown() {
            return None;
        }
        let single = std::slice::from_ref(value);
        let items: &[Value] = if let Value::List(items) = value { items } else { single };
        let sizes: Option<Vec<u64>> =
            items.iter().map(|item| u64::try_from(item.int()?).ok().filter(|n| *n > 0)).collect();
        let shape = sizes
            .filter(|sizes| !sizes.is_empty() && sizes.len() < MAX_RANK)
            .and_then(|sizes| Shape::new(&sizes));
        if shape.is_none() {
            let message = format!(
                "an input is one to {} positive whole numbers, but this is {}",
                MAX_RANK - 1,
                value.describe()
            );
            let zero = items.iter().find_map(|item| item.int().filter(|n| *n <= 0));
            let code = if zero.is_some() { Code::E0506 } else { Code::E0304 };
            let label =
                zero.map_or_else(|| "not a shape".to_owned(), |n| format!("{n} is not a size"));
            let text = if let Value::Text(text) = value { written(text) } else { None };
            self.report(Diagnostic::new(code, message).label(place, label).help(match text {
                Some(shape) => format!("a shape is a list: [{shape}]"),
                None => "channels first, without the batch: [3, 224, 224]".to_owned(),
            }));
        }
        shape
    }

    fn naming(&mut self) {
        let Some(node) = self.tree.get(0, "naming") else { return };
        let Some(text) = self.tree.text(node) else { return };
        match grammar::template(text) {
            Ok(template) => self.naming = Some((template, Origin::value(node))),
            Err(error) => {
                let diagnostic = syntax(Origin::value(node), text, &error);
                self.report(diagnostic.help(
                    "a naming is a name with ${type} and ${index} in it: ${type}_${index:02}",
                ));
            }
        }
    }

    fn frozen(&mut self) -> Vec<(String, Origin)> {
        let tree = self.tree;
        let Some(node) = tree.get(0, "frozen") else { return Vec::new() };
        let items: &[u32] = if let Data::Seq(items) = tree.data(node) {
            items
        } else {
            std::slice::from_ref(&node)
        };
        let mut patterns = Vec::new();
        for item in items {
            let text = tree.text(*item).filter(|text| glob::Pattern::new(text).is_ok());
            if let Some(text) = text {
                patterns.push((text.to_owned(), Origin::value(*item)));
            } else {
                let diagnostic =
                    Diagnostic::new(Code::E0304, "frozen is a list of patterns of parameter names");
                self.report(
                    diagnostic
                        .label(Origin::value(*item), "not a pattern")
                        .help("write frozen: [\"features.*\"]"),
                );
            }
        }
        patterns
    }
}

/// A shape that is written as text: `1x28x28`, or `1, 28, 28` without brackets.
fn written(text: &str) -> Option<String> {
    let sizes = text.split(['x', 'X', '×', '*', ',']).map(|size| size.trim().parse().ok());
    let sizes: Vec<u64> = sizes.collect::<Option<_>>()?;
    let texts: Vec<String> = sizes.iter().map(u64::to_string).collect();
    (2..MAX_RANK).contains(&texts.len()).then(|| texts.join(", "))
}

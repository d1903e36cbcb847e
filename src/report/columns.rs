//! The columns of the summary as data: key, head, and how a line's value is found. Table, CSV and Markdown read this list.
//!
//! A new column is a line in [`COLUMNS`]. Tests stand below.

use serde_json::Value as Json;

use super::fold::{Line, What, last};
use super::grid::{Head, Value};
use super::model::{AxisField, Counts, Layer, Report};
use crate::ops::Op;
use crate::ops::args::Default;

/// A column of the summary.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What `--columns` calls it, and the head of its CSV column.
    pub key: &'static str,
    /// A further name.
    pub alias: &'static str,
    /// Its head in a table.
    pub head: Head,
    /// How a line's value is found.
    pub kind: Kind,
}

/// What a column shows.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// The layer's name.
    Name,
    /// Something that only a layer has.
    Layer(fn(&Layer) -> Value),
    /// A quantity that sums up.
    Count(fn(&Counts) -> u64),
    /// Such a quantity in bytes.
    Bytes(fn(&Counts) -> u64),
    /// Its share of the network's total.
    Share(fn(&Counts) -> u64),
}

const fn left(key: &'static str, title: &'static str, kind: Kind) -> Column {
    Column { key, alias: key, head: Head::left(title), kind }
}

const fn right(key: &'static str, title: &'static str, kind: Kind) -> Column {
    Column { key, alias: key, head: Head::right(title), kind }
}

impl Column {
    const fn or(self, alias: &'static str) -> Self {
        Self { alias, ..self }
    }

    const fn expendable(mut self, expendable: u8) -> Self {
        self.head.expendable = expendable;
        self
    }
}

/// Every column, in the order of a CSV file.
#[rustfmt::skip]
pub const COLUMNS: &[Column] = &[
    left("index", "#", Kind::Layer(|l| Value::text(l.index.to_string()))),
    left("name", "layer", Kind::Name),
    left("op", "operator", Kind::Layer(|l| Value::text(&l.op))).or("type"),
    left("kernel", "kernel", Kind::Layer(|l| sizes(kernel(l)))).expendable(1),
    left("args", "arguments", Kind::Layer(|l| words(l.call.clone()))),
    left("from", "from", Kind::Layer(|l| Value::Names(l.from.clone()))),
    left("input", "input", Kind::Layer(|l| Value::Shapes(l.inputs.clone()))),
    left("output", "output", Kind::Layer(|l| Value::Shapes(l.outputs.clone()))),
    right("params", "params", Kind::Count(|c| c.params)),
    right("params%", "%", Kind::Share(|c| c.params)).expendable(3),
    right("trainable", "trainable", Kind::Count(|c| c.trainable)),
    right("buffers", "buffers", Kind::Count(|c| c.buffers)),
    right("bytes", "bytes", Kind::Bytes(|c| c.param_bytes)).or("param_bytes"),
    right("buffer_bytes", "buffer bytes", Kind::Bytes(|c| c.buffer_bytes)),
    right("macs", "MACs", Kind::Count(|c| c.work.macs)),
    right("macs%", "%", Kind::Share(|c| c.work.macs)).expendable(3),
    right("adds", "adds", Kind::Count(|c| c.work.adds)),
    right("muls", "muls", Kind::Count(|c| c.work.muls)),
    right("divs", "divs", Kind::Count(|c| c.work.divs)),
    right("cmps", "cmps", Kind::Count(|c| c.work.cmps)),
    right("specials", "specials", Kind::Count(|c| c.work.specials)),
    right("padding_taps", "padding taps", Kind::Count(|c| c.work.padding_taps)),
    right("flops", "FLOPs", Kind::Count(|c| c.flops)).expendable(2),
    right("flops%", "%", Kind::Share(|c| c.flops)).expendable(3),
    right("backward_macs", "backward MACs", Kind::Count(backward_macs)),
    right("activations", "activations", Kind::Count(|c| c.activations)),
    right("activation_bytes", "activation bytes", Kind::Bytes(|c| c.activation_bytes)),
    left("receptive_field", "receptive field", Kind::Layer(|l| extents(l.receptive_field.as_deref()))).or("rf"),
    left("stride", "effective stride", Kind::Layer(|l| each(l.receptive_field.as_deref(), |axis| stride(axis.stride)))),
];

/// The columns that a table has where nothing else is said.
pub const USUAL: &[&str] =
    &["name", "op", "kernel", "output", "params", "params%", "macs", "macs%", "flops"];

/// Finds a column by key or alias.
pub fn find(name: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|column| column.key == name || column.alias == name)
}

/// The column that another convention fills.
pub const FLOPS: &str = "flops";

/// The columns of [`USUAL`].
pub fn usual() -> Vec<&'static Column> {
    USUAL.iter().filter_map(|key| find(key)).collect()
}

impl Column {
    /// Whether its values are numbers, so that rows can be sorted by it.
    pub const fn is_numeric(&self) -> bool {
        matches!(self.kind, Kind::Count(_) | Kind::Bytes(_) | Kind::Share(_))
    }

    /// The value of a line.
    pub fn value(&self, line: &Line<'_>, report: &Report) -> Value {
        let counts = line.counts.as_ref();
        match self.kind {
            Kind::Name => Value::text(&line.label),
            Kind::Layer(of) if self.key == "op" => operator(line, of),
            Kind::Layer(of) => match line.what {
                What::Layer => common(&line.layers, of),
                What::Folded if self.key == "output" => last(&line.layers).map_or(Value::Empty, of),
                _ => Value::Empty,
            },
            Kind::Count(of) => counts.map_or(Value::Empty, |c| Value::Count(of(c))),
            Kind::Bytes(of) => counts.map_or(Value::Empty, |c| Value::Bytes(of(c))),
            Kind::Share(of) => {
                counts.map_or(Value::Empty, |c| Value::Share(of(c), of(&report.totals)))
            }
        }
    }

    /// Its head: in a selection of the user's nothing goes, and shares say of what. The numbers of another convention have
    /// its name, and do not go: they were asked for.
    pub fn head_in(&self, chosen: bool, report: &Report) -> Head {
        let convention = &report.convention;
        match self.kind {
            Kind::Count(_) if self.key == FLOPS && !convention.is_default() => {
                Head::right(convention.title)
            }
            _ if !chosen => self.head,
            Kind::Share(_) => Head { title: self.key, expendable: 0, ..self.head },
            _ => Head { expendable: 0, ..self.head },
        }
    }
}

/// The operator, or how many layers there are; behind it what is to be noted.
fn operator(line: &Line<'_>, of: fn(&Layer) -> Value) -> Value {
    let value = match line.what {
        What::Scope => Value::Empty,
        What::Layer => common(&line.layers, of),
        What::Folded | What::Rest | What::Total => Value::Text(layers_text(line.layers.len())),
    };
    match value {
        Value::Text(text) if !line.note.is_empty() => {
            Value::Noted { text, note: line.note.clone() }
        }
        value => value,
    }
}

/// What equal layers have in common; nothing where they differ.
fn common(layers: &[&Layer], of: fn(&Layer) -> Value) -> Value {
    let mut values = layers.iter().map(|layer| of(layer));
    let first = values.next().unwrap_or(Value::Empty);
    if values.all(|value| value == first) { first } else { Value::Empty }
}

/// A number of layers in words.
pub fn layers_text(layers: usize) -> String {
    match layers {
        1 => "1 layer".to_owned(),
        n => format!("{n} layers"),
    }
}

/// Sizes and words, or nothing.
fn sizes(text: String) -> Value {
    if text.is_empty() { Value::Empty } else { Value::Sizes(text) }
}

/// Text, or nothing.
fn words(text: String) -> Value {
    if text.is_empty() { Value::Empty } else { Value::Text(text) }
}

fn backward_macs(counts: &Counts) -> u64 {
    let backward = &counts.work_backward;
    backward.inputs.macs.saturating_add(backward.params.macs)
}

/// How far a receptive field reaches along each axis.
pub(super) fn extents(axes: Option<&[AxisField]>) -> Value {
    each(axes, |axis| axis.extent.to_string())
}

fn each(axes: Option<&[AxisField]>, show: impl Fn(&AxisField) -> String) -> Value {
    let Some(axes) = axes else { return Value::Empty };
    sizes(axes.iter().map(show).collect::<Vec<_>>().join("×"))
}

/// A stride as a whole number or a fraction; `–` where nothing walks along the axis.
pub(super) fn stride(stride: Option<[i64; 2]>) -> String {
    match stride {
        None => "–".to_owned(),
        Some([numerator, 1]) => numerator.to_string(),
        Some([numerator, denominator]) => format!("{numerator}/{denominator}"),
    }
}

/// Short names of arguments that are written often.
const SHORT: &[(&str, &str)] = &[
    ("stride", "s"),
    ("padding", "p"),
    ("dilation", "d"),
    ("groups", "g"),
    ("output_padding", "op"),
];

/// Kernel, stride, padding and their like in a few letters: `11, s4`. What the output's shape says is left out, and what
/// is as it is by default.
pub fn kernel(layer: &Layer) -> String {
    let Some((entry, _)) = Op::find(&layer.op) else { return layer.call.clone() };
    let mut parts = Vec::new();
    for arg in entry.signature {
        let Some(value) = layer.args.get(arg.name) else { continue };
        let is_default = match arg.default {
            Default::Required | Default::Rest => false,
            Default::None => value.is_null(),
            Default::Bool(b) => value.as_bool() == Some(b),
            Default::Int(n) => value.as_i64() == Some(n),
            Default::Float(x) => value.as_f64() == Some(x),
            Default::Text(text) => value.as_str() == Some(text),
            Default::Like(other) => layer.args.get(other) == Some(value),
        };
        let says_output = arg.default == Default::Required && arg.name.starts_with("out_");
        if is_default || says_output || *value == Json::Bool(false) {
            continue;
        }
        let short = SHORT.iter().find(|(name, _)| *name == arg.name);
        parts.push(match (short, value) {
            (_, Json::Bool(true)) => arg.name.to_owned(),
            (_, value) if matches!(arg.default, Default::Required | Default::Rest) => {
                compact(value)
            }
            (_, Json::String(text)) => text.clone(),
            (Some((_, letter)), value) => format!("{letter}{}", compact(value)),
            (None, value) => format!("{} {}", arg.name, compact(value)),
        });
    }
    parts.join(", ")
}

/// A value of an argument, without signs of JSON.
pub(super) fn compact(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            let nested = items.iter().any(Json::is_array);
            let items: Vec<String> = items.iter().map(compact).collect();
            items.join(if nested { " " } else { "×" })
        }
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_distinct_and_the_usual_ones_exist() {
        let mut names: Vec<&str> = COLUMNS.iter().map(|column| column.key).collect();
        names.extend(COLUMNS.iter().filter(|c| c.alias != c.key).map(|c| c.alias));
        let before = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), before);
        assert_eq!(usual().len(), USUAL.len());
    }
}

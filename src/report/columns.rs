//! The columns of the summary as data: key, head, and how a line's value is found. Table, CSV and Markdown read this list.
//!
//! What can be counted comes from the list of quantities; what only a layer has is listed here.

use std::sync::LazyLock;

use serde_json::Value as Json;

use super::grid::{Exactness, Head, Value};
use super::line::{Line, What, last};
use super::model::{AxisField, Counts, Layer, Report};
use crate::analysis::quantity::{self, Of, Quantity, Share, Unit};
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
    pub kind: ColumnKind,
    /// Whether it is shown where no columns are chosen.
    pub usual: bool,
}

/// What a column shows.
#[derive(Clone, Copy, Debug)]
pub enum ColumnKind {
    /// The layer's name.
    Name,
    /// Something that only a layer has.
    Layer(fn(&Layer) -> Value),
    /// A quantity.
    Quantity(&'static Quantity),
    /// Its share of the network's total.
    Share(&'static Quantity),
}

const fn left(key: &'static str, title: &'static str, kind: ColumnKind) -> Column {
    Column { key, alias: key, head: Head::left(title), kind, usual: false }
}

impl Column {
    const fn or(self, alias: &'static str) -> Self {
        Self { alias, ..self }
    }

    const fn usual(self) -> Self {
        Self { usual: true, ..self }
    }

    const fn expendable(mut self, expendable: u8) -> Self {
        self.head.expendable = expendable;
        self
    }
}

/// What a layer is.
#[rustfmt::skip]
const OF_LAYERS: [Column; 8] = [
    left("index", "#", ColumnKind::Layer(|l| Value::text(l.index.to_string()))),
    left("name", "layer", ColumnKind::Name).usual(),
    left("op", "operator", ColumnKind::Layer(|l| Value::text(&l.op))).or("type").usual(),
    left("kernel", "kernel", ColumnKind::Layer(|l| sizes(kernel(l)))).expendable(1).usual(),
    left("args", "arguments", ColumnKind::Layer(|l| words(l.call.clone()))),
    left("from", "from", ColumnKind::Layer(|l| Value::Names(l.from.clone()))),
    left("input", "input", ColumnKind::Layer(|l| Value::Shapes(l.inputs.clone()))),
    left("output", "output", ColumnKind::Layer(|l| Value::Shapes(l.outputs.clone()))).usual(),
];

/// What a layer sees of the input.
#[rustfmt::skip]
const OF_FIELDS: [Column; 2] = [
    left("receptive_field", "receptive field", ColumnKind::Layer(|l| extents(l.receptive_field.as_deref()))).or("rf"),
    left("stride", "effective stride", ColumnKind::Layer(|l| each(l.receptive_field.as_deref(), |axis| stride(axis.stride)))),
];

/// Every column, in the order of a CSV file.
pub static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let quantities = quantity::ALL.iter().copied().flat_map(of_quantity);
    OF_LAYERS.into_iter().chain(quantities).chain(OF_FIELDS).collect()
});

/// The columns of a quantity: itself, and its share of the total.
fn of_quantity(quantity: &'static Quantity) -> impl Iterator<Item = Column> {
    let own = quantity.column.map(|shown| Column {
        key: quantity.key,
        alias: quantity.field(),
        head: Head { expendable: shown.expendable, ..Head::right(quantity.title) },
        kind: ColumnKind::Quantity(quantity),
        usual: shown.usual,
    });
    let share = quantity.column.filter(|shown| shown.share != Share::None);
    let share = share.map(|shown| Column {
        // Columns are made once.
        key: format!("{}%", quantity.key).leak(),
        alias: "",
        head: Head { expendable: 3, ..Head::right("%") },
        kind: ColumnKind::Share(quantity),
        usual: shown.share == Share::Usual,
    });
    own.into_iter().chain(share)
}

/// The value of a quantity; a ratio to nothing is empty.
pub(super) fn value_of(quantity: &Quantity, counts: &Counts) -> Value {
    match (quantity.of, quantity.unit) {
        (Of::Sum(of), Unit::Bytes) => Value::Bytes(of(counts)),
        (Of::Sum(of), _) => Value::Count(of(counts)),
        (Of::Ratio(of), _) => {
            let (numerator, denominator) = of(counts);
            Value::Ratio(numerator, denominator)
        }
        (Of::Value(_) | Of::Network { .. }, _) => Value::Empty,
    }
}

/// Finds a column by key or alias.
pub fn find(name: &str) -> Option<&'static Column> {
    let is_meant = |column: &&Column| column.key == name || column.alias == name;
    COLUMNS.iter().find(is_meant).filter(|_| !name.is_empty())
}

/// The column that another convention fills.
pub const FLOPS: &str = "flops";

/// The columns that a table has where no columns are chosen.
pub fn usual() -> Vec<&'static Column> {
    COLUMNS.iter().filter(|column| column.usual).collect()
}

impl Column {
    /// Whether its values are numbers, so that rows can be sorted by it.
    pub const fn is_numeric(&self) -> bool {
        matches!(self.kind, ColumnKind::Quantity(_) | ColumnKind::Share(_))
    }

    /// Whether its values are whole numbers or words, not parts of others.
    pub const fn is_whole(&self) -> bool {
        match self.kind {
            ColumnKind::Quantity(quantity) => quantity.sums(),
            ColumnKind::Share(_) => false,
            ColumnKind::Name | ColumnKind::Layer(_) => true,
        }
    }

    /// Whether the values of layers sum to the network's.
    #[cfg(any(test, feature = "internals"))]
    pub const fn sums(&self) -> bool {
        match self.kind {
            ColumnKind::Quantity(quantity) => quantity.sums(),
            ColumnKind::Share(_) => true,
            ColumnKind::Name | ColumnKind::Layer(_) => false,
        }
    }

    /// The value of a line.
    pub fn value(&self, line: &Line<'_>, report: &Report) -> Value {
        let counts = line.counts.as_ref();
        match self.kind {
            ColumnKind::Name => Value::text(&line.label),
            ColumnKind::Layer(of) if self.key == "op" => operator(line, of),
            ColumnKind::Layer(of) => match line.what {
                What::Layer => common(&line.layers, of),
                What::Folded if self.key == "output" => last(&line.layers).map_or(Value::Empty, of),
                _ => Value::Empty,
            },
            ColumnKind::Quantity(quantity) => counts.map_or(Value::Empty, |counts| {
                match counts.known.has(quantity.counted) {
                    true => value_of(quantity, counts),
                    // A number that is not known is no 0.
                    false if line.what == What::Layer => Value::Unknown,
                    false => value_of(quantity, counts).bounded(Exactness::AtLeast),
                }
            }),
            // A part of a lower bound says nothing.
            ColumnKind::Share(quantity) if !report.totals.known.has(quantity.counted) => {
                Value::Empty
            }
            ColumnKind::Share(quantity) => counts
                .zip(quantity.part())
                .map_or(Value::Empty, |(c, of)| Value::Share(of(c), of(&report.totals))),
        }
    }

    /// Its head: in a selection of the user's nothing goes, and shares say of what. The numbers of another convention have
    /// its name, and do not go: they were asked for.
    pub fn head_in(&self, chosen: bool, report: &Report) -> Head {
        let convention = &report.convention;
        match self.kind {
            ColumnKind::Quantity(_) if self.key == FLOPS && !convention.is_default() => {
                Head::right(convention.title)
            }
            _ if !chosen => self.head,
            ColumnKind::Share(_) => Head { title: self.key, expendable: 0, ..self.head },
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
    // Where the output is written changes no number of a table.
    for arg in entry.signature.iter().filter(|arg| arg.name != "inplace") {
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
        Json::Object(entries) => {
            let entries = entries.iter().map(|(name, value)| format!("{name} {}", compact(value)));
            entries.collect::<Vec<_>>().join(", ")
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
        names.extend(
            COLUMNS.iter().filter(|c| c.alias != c.key && !c.alias.is_empty()).map(|c| c.alias),
        );
        let before = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), before);
        let usual: Vec<&str> = usual().iter().map(|column| column.key).collect();
        let expected = "name op kernel output params params% macs macs% flops";
        assert_eq!(usual.join(" "), expected);
    }
}

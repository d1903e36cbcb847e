//! The list of `cnnstat list`: networks side by side, a row each.
//!
//! What is counted comes from the list of quantities, as far as it is listed there.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::Serialize;

use super::columns::{self, FLOPS};
use super::grid::{self, Grid, Head, Value};
use super::model::{
    AxisField, CONVENTION, Convention, Counts, Input, MissingKind, NamedShape, Output, Report,
    SCHEMA_VERSION, Sizes, Status,
};
use super::pages::{self, summary};
use crate::analysis::measure::Measure;
use crate::analysis::quantity::{self, Of, Quantity, Unit};

/// The column of receptive fields.
const FIELD: &str = "receptive_field";

/// What marks a receptive field that is larger than the input.
const BEYOND: &str = "> input";

/// Networks side by side.
#[derive(Clone, Debug, Serialize)]
pub struct List {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// Examples that go through at once.
    pub batch: u64,
    /// Element type of parameters and activations.
    pub dtype: &'static str,
    /// `eval` or `train`.
    pub mode: &'static str,
    /// How operations are counted.
    pub convention: Convention,
    /// The rows.
    pub models: Vec<Listed>,
    /// YAML files that are no descriptions.
    pub skipped: usize,
    /// Descriptions that could not be read or analysed.
    pub failed: usize,
    /// The columns that were chosen.
    #[serde(skip)]
    pub chosen: Option<Vec<&'static Column>>,
    /// Rows that are not shown.
    #[serde(skip)]
    pub left_out: usize,
}

/// One network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// Its name.
    pub model: String,
    /// Its description.
    pub file: String,
    /// Its inputs, with the batch.
    pub inputs: Vec<Input>,
    /// Its outputs, with the batch.
    pub outputs: Vec<NamedShape>,
    /// How many layers it has.
    pub layers: usize,
    /// `complete`, or `partial`: the totals are then lower bounds.
    pub status: Status,
    /// What could not be counted, once a kind; left out where the status is `complete`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingKind>,
    /// What the last of its layers that has a place in the image sees of it; `null` where there is none.
    pub receptive_field: Option<Vec<AxisField>>,
    /// The sums of its layers.
    pub totals: Counts,
    /// What was measured of it for columns that are no sums.
    #[serde(skip)]
    pub measured: Vec<(&'static str, Measure)>,
}

/// A column of the list.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What `--sort` calls it, and the head of its CSV column.
    pub key: &'static str,
    /// A further name.
    pub alias: &'static str,
    head: Head,
    kind: Kind,
}

/// What a column shows and is sorted by.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The network's name; ascending.
    Name,
    /// A count; the largest first.
    Count(&'static Quantity, fn(&Counts) -> u64),
    /// Sizes, and how large they are together; the largest first.
    Sizes(fn(&Listed) -> Value, fn(&Listed) -> u64),
    /// What is shown where it is chosen; the largest first.
    Chosen(&'static Quantity),
}

const fn left(key: &'static str, title: &'static str, kind: Kind) -> Column {
    Column { key, alias: key, head: Head::left(title), kind }
}

/// The columns before what is counted.
#[rustfmt::skip]
const FIRST: [Column; 2] = [
    left("model", "model", Kind::Name).or("name"),
    left("input", "input", Kind::Sizes(|l| Value::Shapes(inputs(l)), |l| elements(&inputs(l)))).expendable(2),
];

/// The columns after what is counted.
#[rustfmt::skip]
const LAST: [Column; 2] = [
    left("receptive_field", "receptive field", Kind::Sizes(field, reach)).or("rf").expendable(4),
    left("output", "output", Kind::Sizes(|l| Value::Shapes(outputs(l)), |l| elements(&outputs(l)))).expendable(1),
];

/// The columns that are shown where none are chosen, in the order of the table.
pub static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let counted = quantity::ALL.iter().copied().filter_map(of_quantity);
    FIRST.into_iter().chain(counted).chain(LAST).collect()
});

/// Every column: those, and all other quantities.
pub static ALL: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let is_new = |quantity: &&Quantity| !COLUMNS.iter().any(|column| column.key == quantity.key);
    let others = quantity::ALL.iter().copied().filter(is_new).map(|quantity| Column {
        key: quantity.key,
        alias: quantity.field(),
        head: Head::right(quantity.title),
        kind: Kind::Chosen(quantity),
    });
    COLUMNS.iter().copied().chain(others).collect()
});

fn of_quantity(quantity: &'static Quantity) -> Option<Column> {
    Some(Column {
        key: quantity.key,
        alias: quantity.field(),
        head: Head { expendable: quantity.listed?.expendable, ..Head::right(quantity.title) },
        kind: Kind::Count(quantity, quantity.part()?),
    })
}

impl Column {
    /// What must be measured of a network for it; `None` of what its report has.
    pub const fn measures(&self) -> Option<&'static Quantity> {
        match self.kind {
            Kind::Chosen(quantity) => match quantity.of {
                Of::Value(_) | Of::Network { .. } => Some(quantity),
                Of::Sum(_) | Of::Ratio(_) => None,
            },
            Kind::Name | Kind::Count(..) | Kind::Sizes(..) => None,
        }
    }

    const fn or(self, alias: &'static str) -> Self {
        Self { alias, ..self }
    }

    const fn expendable(mut self, expendable: u8) -> Self {
        self.head.expendable = expendable;
        self
    }
}

/// Finds a column by key or alias.
pub fn find(name: &str) -> Option<&'static Column> {
    ALL.iter().find(|column| column.key == name || column.alias == name)
}

fn inputs(listed: &Listed) -> Vec<Sizes> {
    listed.inputs.iter().map(|input| Some(input.shape.clone())).collect()
}

fn outputs(listed: &Listed) -> Vec<Sizes> {
    listed.outputs.iter().map(|output| output.shape.clone()).collect()
}

/// What shapes hold together; one beyond 64 bits sorts as the largest.
fn elements(shapes: &[Sizes]) -> u64 {
    let product = |shape: &Vec<u64>| shape.iter().fold(1u64, |n, size| n.saturating_mul(*size));
    shapes.iter().flatten().fold(0, |sum, shape| sum.saturating_add(product(shape)))
}

fn field(listed: &Listed) -> Value {
    columns::extents(listed.receptive_field.as_deref())
}

/// Whether a receptive field is larger than the first input along an axis.
fn is_beyond(listed: &Listed) -> bool {
    let axes = listed.receptive_field.as_deref().unwrap_or_default();
    let Some(input) = listed.inputs.first() else { return false };
    let sizes = input.shape.iter().rev();
    let mut pairs = axes.iter().rev().zip(sizes);
    pairs.any(|(axis, size)| u64::try_from(axis.extent).is_ok_and(|extent| extent > *size))
}

fn reach(listed: &Listed) -> u64 {
    let axes = listed.receptive_field.as_deref().unwrap_or_default();
    let sizes = axes.iter().map(|axis| u64::try_from(axis.extent).unwrap_or(0));
    sizes.fold(u64::from(!axes.is_empty()), u64::saturating_mul)
}

impl Listed {
    /// The row of a network whose description is called `file`.
    pub fn new(report: &Report, file: &str) -> Self {
        let is_spatial = |axes: &&Vec<AxisField>| {
            !axes.is_empty() && axes.iter().all(|axis| axis.stride.is_some())
        };
        let fields = report.layers.iter().filter_map(|layer| layer.receptive_field.as_ref());
        let extent = |axes: &&Vec<AxisField>| axes.iter().map(|axis| axis.extent).max();
        Self {
            model: report.model.clone(),
            file: file.to_owned(),
            inputs: report.inputs.clone(),
            outputs: report.outputs.iter().map(Output::named).collect(),
            layers: report.layers.len(),
            status: report.status,
            missing: report.missing.clone(),
            // What is not known may see more.
            receptive_field: fields
                .filter(is_spatial)
                .max_by_key(extent)
                .filter(|_| !report.layers.iter().any(|layer| layer.op == "unknown"))
                .cloned(),
            totals: report.totals,
            measured: Vec::new(),
        }
    }

    /// The value as a table shows it: marked where it is to be explained.
    fn shown(&self, column: &Column) -> Value {
        match self.value(column) {
            Value::Sizes(text) if column.key == FIELD && is_beyond(self) => {
                Value::Noted { text, note: BEYOND.to_owned() }
            }
            value => value,
        }
    }

    fn measure(&self, quantity: &Quantity) -> Value {
        let found = self.measured.iter().find(|(key, _)| *key == quantity.key);
        let unit = if quantity.unit == Unit::Bytes { grid::Unit::Bytes } else { grid::Unit::Count };
        match found.map(|(_, measure)| *measure) {
            Some(Measure::Number(n)) if unit == grid::Unit::Bytes => Value::Bytes(n),
            Some(Measure::Number(n)) => Value::Count(n),
            Some(Measure::AtLeast(n)) => Value::AtLeast(n, unit),
            Some(Measure::Shape(shape)) => Value::Sizes(shape.to_string()),
            Some(Measure::Unknown) => Value::Unknown,
            Some(Measure::Nothing(_)) | None => Value::Empty,
        }
    }

    pub(super) fn value(&self, column: &Column) -> Value {
        match column.kind {
            Kind::Name => Value::text(&self.model),
            Kind::Count(quantity, of) => {
                Value::Count(of(&self.totals)).bounded(pages::known(&self.totals, quantity))
            }
            Kind::Sizes(of, _) => of(self),
            Kind::Chosen(quantity) => match quantity.of {
                Of::Value(_) | Of::Network { .. } => self.measure(quantity),
                Of::Sum(_) | Of::Ratio(_) => columns::value_of(quantity, &self.totals)
                    .bounded(pages::known(&self.totals, quantity)),
            },
        }
    }
}

impl List {
    /// A list without rows.
    pub fn new(batch: u64, dtype: &'static str, mode: &'static str) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            batch,
            dtype,
            mode,
            convention: CONVENTION,
            models: Vec::new(),
            skipped: 0,
            failed: 0,
            chosen: None,
            left_out: 0,
        }
    }

    /// The columns that are shown: those that were chosen, or the usual ones, with operations where another convention
    /// counts them.
    pub(super) fn columns(&self) -> Vec<&'static Column> {
        if let Some(chosen) = &self.chosen {
            return chosen.clone();
        }
        let is_shown = |column: &&Column| column.key != FLOPS || !self.convention.is_default();
        COLUMNS.iter().filter(is_shown).collect()
    }

    /// A column's head, or the name of what the convention counts.
    pub(super) fn title(&self, column: &Column, plain: &'static str) -> &'static str {
        let is_named = column.key == FLOPS && !self.convention.is_default();
        if is_named { self.convention.title } else { plain }
    }

    /// Sorts the rows; those that are equal there keep their order.
    pub fn sort(&mut self, column: &Column) {
        match column.kind {
            Kind::Name => self.models.sort_by(|a, b| a.model.cmp(&b.model)),
            Kind::Count(_, of) => self.models.sort_by_key(|listed| Reverse(of(&listed.totals))),
            Kind::Sizes(_, size) => self.models.sort_by_key(|listed| Reverse(size(listed))),
            Kind::Chosen(_) => {
                self.models.sort_by_key(|listed| Reverse(listed.value(column).number()));
            }
        }
    }

    /// Keeps the first rows.
    pub fn cut(&mut self, rows: usize) {
        self.left_out = self.models.len().saturating_sub(rows);
        self.models.truncate(rows);
    }

    pub(super) fn assumptions(&self) -> Vec<String> {
        let batch = format!("batch {}", self.batch);
        let mut pieces = vec![batch, self.dtype.to_owned(), format!("{} mode", self.mode)];
        if !self.convention.is_default() {
            pieces.push(summary::counted(&self.convention));
        }
        pieces
    }

    pub(super) fn grid(&self) -> Grid {
        let columns = self.columns();
        let expendable = |column: &Column| match self.chosen {
            Some(_) => 0,
            None => column.head.expendable,
        };
        let head = |column: &&Column| Head {
            title: self.title(column, column.head.title),
            expendable: expendable(column),
            ..column.head
        };
        let mut grid = Grid::new(columns.iter().map(head).collect::<Vec<_>>());
        let cell = |listed: &Listed, column: &Column| listed.shown(column);
        let row = |listed| columns.iter().map(|column| cell(listed, column)).collect();
        grid.rows = self.models.iter().map(row).collect();
        grid
    }

    /// What of the networks is not known, a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        let partial = self.models.iter().filter(|listed| listed.status.is_partial());
        let missing = partial
            .map(|listed| format!("{}: {}", listed.model, summary::missing_text(&listed.missing)));
        let shows_field = self.columns().iter().any(|column| column.key == FIELD);
        let beyond = shows_field && self.models.iter().any(is_beyond);
        let beyond = beyond.then(|| {
            format!("`{BEYOND}` marks a receptive field larger than the input: what lies beyond is padding")
        });
        missing.chain(beyond).collect()
    }

    /// How many there are, and what is missing.
    pub(super) fn sentence(&self) -> String {
        let mut out = counted(self.models.len() + self.left_out, "network");
        if self.left_out > 0 {
            let _ = write!(out, ", of which {} not shown (--top)", self.left_out);
        }
        if self.failed > 0 {
            let _ = write!(out, "; {} with errors", counted(self.failed, "description"));
        }
        if self.skipped > 0 {
            let files = counted(self.skipped, "YAML file");
            let what = if self.skipped == 1 { "is no description" } else { "are no descriptions" };
            let _ = write!(out, "; {files} skipped that {what}");
        }
        out
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

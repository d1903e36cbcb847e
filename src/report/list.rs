//! The list of `cnnstat list`: networks side by side, a row each.
//!
//! What is counted comes from the list of quantities, as far as it is listed there.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::Serialize;

use super::columns::{self, FLOPS};
use super::grid::{Grid, Head, Value};
use super::model::{
    AxisField, CONVENTION, Convention, Counts, Input, MissingKind, NamedShape, Output, Report,
    SCHEMA_VERSION, Sizes, Status,
};
use super::pages::{self, summary};
use crate::analysis::quantity::{self, Quantity};

/// Networks side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
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

/// Every column, in the order of the table.
pub static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let counted = quantity::ALL.iter().copied().filter_map(of_quantity);
    FIRST.into_iter().chain(counted).chain(LAST).collect()
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
    COLUMNS.iter().find(|column| column.key == name || column.alias == name)
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
        }
    }

    pub(super) fn value(&self, column: &Column) -> Value {
        match column.kind {
            Kind::Name => Value::text(&self.model),
            Kind::Count(quantity, of) => {
                Value::Count(of(&self.totals)).bounded(pages::known(&self.totals, quantity))
            }
            Kind::Sizes(of, _) => of(self),
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
        }
    }

    /// The columns that are shown: operations where another convention counts them.
    pub(super) fn columns(&self) -> Vec<&'static Column> {
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
        }
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
        let head =
            |column: &&Column| Head { title: self.title(column, column.head.title), ..column.head };
        let mut grid = Grid::new(columns.iter().map(head).collect::<Vec<_>>());
        let cell = |listed: &Listed, column: &Column| listed.value(column);
        let row = |listed| columns.iter().map(|column| cell(listed, column)).collect();
        grid.rows = self.models.iter().map(row).collect();
        grid
    }

    /// What of the networks is not known, a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        let partial = self.models.iter().filter(|listed| listed.status.is_partial());
        partial
            .map(|listed| format!("{}: {}", listed.model, summary::missing_text(&listed.missing)))
            .collect()
    }

    /// How many there are, and what is missing.
    pub(super) fn sentence(&self) -> String {
        let mut out = counted(self.models.len(), "network");
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

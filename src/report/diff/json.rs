//! The comparison as data for programs: every layer that differs, none summed up. `docs/json.md` documents it.

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::compare::{Change, ChangeKind, Delta, Diff, Entry, What, quantities};
use crate::report::model::{
    Convention, Input, Layer, NamedShape, Output, Report, SCHEMA_VERSION, Sizes, Status,
};

/// A comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison<'d> {
    schema_version: u32,
    before: Side<'d>,
    after: Side<'d>,
    batch: u64,
    dtype: &'static str,
    mode: &'static str,
    convention: Convention,
    equal: bool,
    totals: Quantities,
    added: usize,
    removed: usize,
    changed: usize,
    renamed: usize,
    unchanged: usize,
    layers: Vec<Difference<'d>>,
}

/// One of the networks.
#[derive(Clone, Debug, Serialize)]
struct Side<'d> {
    model: &'d str,
    inputs: &'d [Input],
    outputs: Vec<NamedShape>,
    layers: usize,
    status: Status,
}

/// A layer that differs.
#[derive(Clone, Debug, Serialize)]
struct Difference<'d> {
    kind: &'static str,
    before: Option<Brief<'d>>,
    after: Option<Brief<'d>>,
    changes: Vec<One<'d>>,
    quantities: Quantities,
}

/// What tells a layer from others.
#[derive(Clone, Debug, Serialize)]
struct Brief<'d> {
    index: usize,
    name: &'d str,
    op: &'d str,
    call: &'d str,
    inputs: &'d [Sizes],
    outputs: &'d [Sizes],
}

/// One change.
#[derive(Clone, Debug, Serialize)]
struct One<'d> {
    what: &'static str,
    name: Option<&'d str>,
    before: &'d Json,
    after: &'d Json,
}

/// Every quantity by its key.
#[derive(Clone, Debug)]
struct Quantities(Vec<(&'static str, Compared)>);

/// A quantity before and after; `null` where it is not known. Between lower bounds there is no difference.
#[derive(Clone, Copy, Debug, Serialize)]
struct Compared {
    before: Option<u64>,
    after: Option<u64>,
    delta: Option<i128>,
    percent: Option<f64>,
}

impl Serialize for Quantities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, compared)| (key, compared)))
    }
}

impl Quantities {
    fn of_networks(diff: &Diff<'_>) -> Self {
        let of = |(key, counted, of)| {
            let compared = Compared::new(diff.total(of), diff.known(counted));
            let Delta { before, after } = diff.total(of);
            (key, Compared { before: Some(before), after: Some(after), ..compared })
        };
        Self(quantities().map(of).collect())
    }

    fn of_layers(entry: &Entry<'_>) -> Self {
        let of = |(key, counted, of)| (key, Compared::new(entry.delta(of), entry.known(counted)));
        Self(quantities().map(of).collect())
    }
}

impl Compared {
    fn new(of: Delta, [before, after]: [bool; 2]) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a double is enough for a share")]
        let percent = |hundredths: i128| hundredths as f64 / 100.0;
        let is_known = before && after;
        Self {
            before: before.then_some(of.before),
            after: after.then_some(of.after),
            delta: is_known.then(|| of.signed()),
            percent: of.basis_points().filter(|_| is_known).map(percent),
        }
    }
}

impl<'d> Side<'d> {
    fn of(report: &'d Report) -> Self {
        Self {
            model: &report.model,
            inputs: &report.inputs,
            outputs: report.outputs.iter().map(Output::named).collect(),
            layers: report.layers.len(),
            status: report.status,
        }
    }
}

impl<'d> Brief<'d> {
    fn of(layer: &'d Layer) -> Self {
        Self {
            index: layer.index,
            name: &layer.name,
            op: &layer.op,
            call: &layer.call,
            inputs: &layer.inputs,
            outputs: &layer.outputs,
        }
    }
}

impl<'d> One<'d> {
    fn of(change: &'d Change<'d>) -> Self {
        let (what, name) = match change.what {
            What::Operator => ("operator", None),
            What::Argument(name) => ("argument", Some(name)),
            What::Input => ("inputs", None),
            What::Output => ("outputs", None),
            What::Source => ("from", None),
            What::Position => ("position", None),
            What::Count(key) => ("count", Some(key)),
        };
        Self { what, name, before: &change.before, after: &change.after }
    }
}

impl<'d> Difference<'d> {
    fn of(entry: &'d Entry<'d>) -> Self {
        Self {
            kind: entry.kind.name(),
            before: entry.before.map(Brief::of),
            after: entry.after.map(Brief::of),
            changes: entry.changes.iter().map(One::of).collect(),
            quantities: Quantities::of_layers(entry),
        }
    }
}

/// A comparison as it is serialised.
pub fn comparison<'d>(diff: &'d Diff<'d>) -> Comparison<'d> {
    let report = diff.after;
    Comparison {
        schema_version: SCHEMA_VERSION,
        before: Side::of(diff.before),
        after: Side::of(diff.after),
        batch: report.batch,
        dtype: report.dtype,
        mode: report.mode,
        convention: report.convention.clone(),
        equal: diff.is_equal(),
        totals: Quantities::of_networks(diff),
        added: diff.count(ChangeKind::Added),
        removed: diff.count(ChangeKind::Removed),
        changed: diff.count(ChangeKind::Changed),
        renamed: diff.count(ChangeKind::Renamed),
        unchanged: diff.unchanged,
        layers: diff.entries.iter().map(Difference::of).collect(),
    }
}

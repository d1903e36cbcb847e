//! What networks were before: measured from another checkout, or read from a stored run.
//!
//! A stored run is what `cnnstat check --format json` or the summary's `--format json` wrote; of a network it keeps the
//! counts of each layer and the numbers that layers do not add up to.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::movers::is_meant;
use super::{Measure, Subject};
use crate::analysis::Known;
use crate::analysis::quantity::{self, Of, Quantity};
use crate::diag::{Code, Diagnostic};
use crate::expectation::Expectation;
use crate::report::model::{CONVENTION, Counts, Layer, Report};

/// A network and its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Its name, and what was set of it.
    pub model: String,
    /// Its description.
    pub file: String,
    /// Its layers and totals.
    pub report: Report,
    /// What it was measured with: batch, element type, mode, in words.
    assumed: String,
    /// The numbers that layers do not add up to.
    peaks: BTreeMap<String, u64>,
}

/// Whether it is stored for the network as a whole, because layers do not add up to it.
fn is_peak(quantity: &Quantity) -> bool {
    matches!(quantity.of, Of::Value(_) | Of::Network { .. })
}

/// What a layer is compared by, beside its stored quantities.
const OF_LAYERS: [&str; 6] = ["index", "name", "op", "call", "inputs", "outputs"];

/// A layer as it is stored.
fn stored(layer: &Layer) -> Value {
    let Ok(all) = serde_json::to_value(layer) else { return Value::Null };
    let mut kept = Map::new();
    let own = OF_LAYERS.into_iter();
    for path in own.chain(quantity::ALL.iter().filter(|q| q.stored).filter_map(|q| q.json)) {
        match path.split_once('.') {
            None => _ = kept.insert(path.to_owned(), all[path].clone()),
            Some((object, key)) => {
                let inner = kept.entry(object).or_insert_with(|| json!({}));
                inner[key] = all[object][key].clone();
            }
        }
    }
    Value::Object(kept)
}

impl Measured {
    /// Measures a network.
    pub fn of(model: String, file: String, report: Report, subject: &Subject<'_>) -> Self {
        let number = |quantity: &&Quantity| match subject.found(None, quantity) {
            Some(Measure::Number(n)) => Some((quantity.key.to_owned(), n)),
            _ => None,
        };
        let peaks = quantity::ALL.iter().filter(|q| is_peak(q)).filter_map(number).collect();
        let assumed = assumed(report.batch, report.dtype, report.mode);
        Self { model, file, report, assumed, peaks }
    }

    /// What an expectation speaks of, if that is a number.
    pub fn number(&self, expectation: &Expectation) -> Option<u64> {
        let quantity = expectation.quantity;
        if expectation.layer.is_none() && is_peak(quantity) {
            return self.peaks.get(quantity.key).copied();
        }
        let of = quantity.part()?;
        let known = |counts: &Counts| counts.known.has(quantity.counted).then(|| of(counts));
        if expectation.layer.is_none() {
            return known(&self.report.totals);
        }
        let mut parts = self
            .report
            .layers
            .iter()
            .filter(|layer| is_meant(expectation, layer))
            .map(|layer| known(&layer.counts))
            .peekable();
        parts.peek()?;
        parts.try_fold(0u64, |sum, part| sum.checked_add(part?))
    }

    /// As it is stored.
    pub fn json(&self) -> Value {
        let report = &self.report;
        json!({
            "model": self.model,
            "file": self.file,
            "inputs": report.inputs,
            "outputs": report.outputs,
            "batch": report.batch,
            "dtype": report.dtype,
            "mode": report.mode,
            "totals": report.totals,
            "peaks": self.peaks,
            "layers": report.layers.iter().map(stored).collect::<Vec<_>>(),
        })
    }

    fn read(value: &Value) -> Result<Self, String> {
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        if let Some(name) = value["convention"]["name"].as_str()
            && name != CONVENTION.name
        {
            return Err(format!("it was counted as {name}: store it without --as"));
        }
        let mut report: Report =
            serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
        // Totals that were stored are numbers always: of partial networks, lower bounds.
        let known = report.layers.iter().map(|layer| layer.counts.known);
        report.totals.known = known.fold(Known::ALL, Known::and);
        let peaks = value["peaks"].as_object().into_iter().flatten();
        let mut peaks: BTreeMap<String, u64> =
            peaks.filter_map(|(key, n)| Some((key.clone(), n.as_u64()?))).collect();
        if let Some(most) = report.layers.iter().map(|layer| layer.counts.params).max() {
            peaks.entry(quantity::LARGEST_LAYER.key.to_owned()).or_insert(most);
        }
        Ok(Self {
            model: report.model.clone(),
            file: text("file").to_owned(),
            assumed: assumed(report.batch, text("dtype"), text("mode")),
            report,
            peaks,
        })
    }
}

fn assumed(batch: u64, dtype: &str, mode: &str) -> String {
    format!("{batch} {dtype} {mode}")
}

/// Networks as they were.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    /// The networks.
    pub networks: Vec<Measured>,
}

impl Baseline {
    /// Adds what a stored run holds; `name` is its file.
    ///
    /// # Errors
    /// Text that is no stored run.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), Box<Diagnostic>> {
        let fail = |why: String| {
            Box::new(Diagnostic::new(Code::E0607, format!("`{name}` is no stored run: {why}")).help(
                "store one by `cnnstat check PATH --format json -o FILE`, or by `cnnstat MODEL --format json`",
            ))
        };
        let value: Value = serde_json::from_str(text).map_err(|error| fail(error.to_string()))?;
        let networks = match (&value, &value["networks"]) {
            (Value::Object(_), Value::Array(networks)) | (Value::Array(networks), _) => networks,
            (Value::Object(object), _) if object.contains_key("layers") => {
                std::slice::from_ref(&value)
            }
            _ => return Err(fail("it holds no networks".to_owned())),
        };
        for network in networks {
            self.networks.push(Measured::read(network).map_err(fail)?);
        }
        Ok(())
    }

    /// What a network was: the one of its name, settings and assumptions; of its file, where several are.
    pub fn find(&self, now: &Measured) -> Option<&Measured> {
        let is_same = |was: &&Measured| was.model == now.model && was.assumed == now.assumed;
        let same: Vec<&Measured> = self.networks.iter().filter(is_same).collect();
        match same.as_slice() {
            [single] => Some(single),
            several => several.iter().find(|was| was.file == now.file).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_stored_run_says_why() {
        let why = |text: &str| Baseline::default().add("b.json", text).unwrap_err().message;
        for (text, part) in [
            ("", "EOF"),
            ("model: m", "expected value"),
            ("{}", "no networks"),
            ("3", "no networks"),
            ("[3]", "invalid type"),
            (r#"{"networks": [{"model": "m"}]}"#, "missing field"),
            (r#"{"layers": [], "convention": {"name": "thop"}}"#, "counted as thop"),
        ] {
            assert!(why(text).contains(part), "{text}: {}", why(text));
        }
    }

    #[test]
    fn a_network_is_found_by_its_name_then_by_its_file() {
        let run = r#"[
            {"model": "m", "file": "a.yaml", "batch": 1, "dtype": "f32", "mode": "eval", "layers": [], "totals": {"params": 1}},
            {"model": "m", "file": "b.yaml", "batch": 1, "dtype": "f32", "mode": "eval", "layers": [], "totals": {"params": 2}},
            {"model": "n", "file": "c.yaml", "batch": 1, "dtype": "f32", "mode": "eval", "layers": [], "totals": {"params": 3}}
        ]"#;
        let mut baseline = Baseline::default();
        baseline.add("b.json", run).unwrap();
        let params = |model: &str, file: &str, batch: u64| {
            let mut now = baseline.networks[0].clone();
            (now.model, now.file) = (model.to_owned(), file.to_owned());
            now.assumed = assumed(batch, "f32", "eval");
            baseline.find(&now).map(|was| was.report.totals.params)
        };
        assert_eq!(params("m", "b.yaml", 1), Some(2));
        assert_eq!(params("n", "moved.yaml", 1), Some(3));
        assert_eq!(params("m", "moved.yaml", 1), None);
        assert_eq!(params("n", "c.yaml", 8), None);
    }
}

//! The page of `cnnstat profile`: a row for each layer, and what its columns are.

use std::fmt::Write as _;

use super::{by_reference, inputs};
use crate::report::data::profile::{Pass, ProfileReport, ProfiledLayer};
use crate::report::grid::{Grid, Head, Value};
use crate::report::page::{Block, Page, Records};
use crate::units;

/// The page of a network.
pub fn page(report: &ProfileReport) -> Page<'_> {
    let sections = move |_| {
        let head =
            vec![Block::Title(report.model.clone()), Block::Assumptions(report.assumptions())];
        let notes = report.notes().into_iter().map(|note| vec![Block::Sentence(note)]);
        [head, vec![Block::table(report.grid())]].into_iter().chain(notes).collect()
    };
    Page::new(&report.model, sections).records(|| report.records()).data(move || report)
}

/// `12.3` of 0.0123 seconds.
fn milliseconds(seconds: f64) -> String {
    let ms = seconds * 1e3;
    let digits = if ms >= 100.0 {
        0
    } else if ms >= 10.0 {
        1
    } else if ms >= 1.0 {
        2
    } else {
        3
    };
    format!("{ms:.digits$}")
}

fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 { format!("{:.1}%", 100.0 * part / whole) } else { String::new() }
}

impl ProfileReport {
    /// Milliseconds, GFLOP/s and the share of the peak.
    fn cells(&self, pass: Option<Pass>) -> [Value; 3] {
        let speed = pass.filter(|pass| pass.flops > 0).and_then(Pass::speed);
        let text = |text: Option<String>| text.map_or(Value::Empty, Value::Text);
        [
            text(pass.map(|pass| milliseconds(pass.seconds))),
            text(speed.map(|speed| format!("{:.1}", speed / 1e9))),
            text(speed.map(|speed| share(speed, self.peak_flops))),
        ]
    }

    fn seconds(&self) -> f64 {
        self.forward.seconds + self.backward.map_or(0.0, |pass| pass.seconds)
    }

    fn grid(&self) -> Grid {
        let mut heads = vec![
            Head::left("layer"),
            Head { expendable: 3, ..Head::left("operator") },
            Head { expendable: 4, ..Head::left("output") },
            Head { expendable: 2, ..Head::right("MACs") },
            Head { expendable: 1, ..Head::right("%") },
            Head::right("ms"),
            Head::right("GFLOP/s"),
            Head { expendable: 1, ..Head::right("of peak") },
        ];
        if self.backward.is_some() {
            heads.push(Head::right("ms back"));
            heads.push(Head::right("GFLOP/s"));
            heads.push(Head { expendable: 1, ..Head::right("of peak") });
        }
        heads.push(Head::right("% time"));
        let mut grid = Grid::new(heads);
        let macs = self.layers.iter().map(|layer| layer.macs).fold(0, u64::saturating_add);
        let row = |first: [Value; 5], forward, backward: Option<Option<Pass>>, seconds: f64| {
            let back = backward.map(|pass| self.cells(pass));
            let time = Value::Text(share(seconds, self.seconds()));
            let cells = first.into_iter().chain(self.cells(Some(forward)));
            cells.chain(back.into_iter().flatten()).chain([time]).collect()
        };
        for layer in &self.layers {
            let first = [
                Value::text(&layer.name),
                Value::Noted {
                    text: layer.op.clone(),
                    note: if layer.by_reference {
                        " (reference)".to_owned()
                    } else {
                        String::new()
                    },
                },
                Value::Shapes(vec![Some(layer.output.clone())]),
                Value::Count(layer.macs),
                Value::Share(layer.macs, macs),
            ];
            let seconds = layer.forward.seconds + layer.backward.map_or(0.0, |pass| pass.seconds);
            grid.rows.push(row(
                first,
                layer.forward,
                self.backward.map(|_| layer.backward),
                seconds,
            ));
        }
        let first = [
            Value::text("total"),
            Value::Empty,
            Value::Empty,
            Value::Count(macs),
            Value::Share(macs, macs),
        ];
        grid.total = Some(row(first, self.forward, self.backward.map(Some), self.seconds()));
        grid
    }

    fn assumptions(&self) -> Vec<String> {
        let threads = if self.threads == 1 { "thread" } else { "threads" };
        vec![
            format!("input {}", inputs(&self.inputs)),
            format!("batch {}", self.batch),
            self.dtype.to_owned(),
            format!("{} mode", self.mode),
            format!("{} {threads}", self.threads),
            format!("{} kernels", self.kernels()),
            match self.repeat {
                1 => "1 run".to_owned(),
                n => format!("median of {n} runs"),
            },
        ]
    }

    /// What the peak is, and what is not in the times.
    fn peak(&self) -> String {
        let mut text = format!(
            "The peak is {:.1} GFLOP/s: one large matrix product, in this run.",
            self.peak_flops / 1e9
        );
        let passes = |layer: &ProfiledLayer| [Some(layer.forward), layer.backward];
        let mut speeds = self.layers.iter().flat_map(passes).flatten().filter_map(Pass::speed);
        if speeds.any(|speed| speed > self.peak_flops) {
            text.push_str(
                " Above it is what computes with fewer operations than are counted (Winograd).",
            );
        }
        if self.ready_bytes > 0 {
            let bytes = units::bytes(self.ready_bytes);
            let _ = write!(text, " Filters are transformed once, before, and kept: {bytes}.");
        }
        text
    }

    /// What the columns are, the peak, and layers without a fast kernel.
    fn notes(&self) -> Vec<String> {
        let columns = "ms: a layer's time, where there are several runs the median; %: of all MACs; % time: of the \
                       layers' times together.";
        let slow = self.layers.iter().filter(|layer| layer.by_reference);
        let slow = by_reference(slow.map(|layer| (layer.op.as_str(), layer.name.as_str())));
        [columns.to_owned(), self.peak()].into_iter().chain(slow).collect()
    }

    /// `fast`, `exact fast` or `reference`.
    fn kernels(&self) -> String {
        format!("{}{}", if self.exact { "exact " } else { "" }, self.backend)
    }

    /// Layers, a row each: seconds and operations in full.
    fn records(&self) -> Records {
        let titles = [
            "layer",
            "operator",
            "output",
            "macs",
            "flops",
            "seconds",
            "flops_backward",
            "seconds_backward",
            "by_reference",
        ];
        let row = |layer: &ProfiledLayer| {
            let pass = |pass: Option<Pass>| match pass {
                Some(Pass { flops, seconds }) => {
                    [Value::Count(flops), Value::Text(format!("{seconds:e}"))]
                }
                None => [Value::Empty, Value::Empty],
            };
            let first = [
                Value::text(&layer.name),
                Value::text(&layer.op),
                Value::Shapes(vec![Some(layer.output.clone())]),
                Value::Count(layer.macs),
            ];
            let passes = [Some(layer.forward), layer.backward].into_iter().flat_map(pass);
            let last = Value::Text(layer.by_reference.to_string());
            first.into_iter().chain(passes).chain([last]).collect()
        };
        Records {
            titles: titles.map(Into::into).to_vec(),
            rows: self.layers.iter().map(row).collect(),
        }
    }
}

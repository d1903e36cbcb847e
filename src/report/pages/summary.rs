//! The page of a network: what is assumed, a row a layer, and the totals, exact and rounded.

use super::{NAMED, inputs, known};
use crate::analysis::quantity;
use crate::report::columns::{self, COLUMNS, Column, FLOPS};
use crate::report::fold;
use crate::report::grid::{
    Exactness, Grid, Head, Numbers, Unit, Value, counted as counted_text, sizes_text,
};
use crate::report::line::Line;
use crate::report::model::{Convention, Layer, MissingKind, Output, Report};
use crate::report::page::{Block, Medium, Page, Records};
use crate::report::view::View;
use crate::units;

/// How FLOPs are counted, in words.
pub const CONVENTION: &str = "1 MAC = 2 FLOPs; FLOPs = 2·MACs + every other operation";

/// The page of a network; a screen shows the names as a tree.
pub fn page<'d>(report: &'d Report, view: &'d View) -> Page<'d> {
    let sections = move |medium| {
        let mut head = vec![Block::Title(report.model.clone())];
        head.extend(report.about.clone().map(Block::Prose));
        head.push(Block::Assumptions(assumptions(report)));
        let lines = match medium {
            Medium::Screen => fold::tree(report, view),
            Medium::Paper => fold::flat(report, view),
        };
        let mut totals = vec![Block::table(figures(report, medium))];
        let beside = field_note(report, view).into_iter().chain(backward_note(view));
        let notes = notes(report, view, &lines).into_iter().chain(beside);
        totals.extend(notes.map(Block::Sentence));
        vec![head, vec![Block::table(grid(report, view, &lines))], totals]
    };
    Page::new(&report.model, sections).records(|| records(report, view)).data(move || report)
}

/// Layers, a row each; all columns but shares, unless columns are chosen.
fn records(report: &Report, view: &View) -> Records {
    let all = || COLUMNS.iter().filter(|column| column.is_whole()).collect();
    let columns: Vec<&Column> = view.columns.clone().unwrap_or_else(all);
    let convention = &report.convention;
    let title = |column: &&Column| match column.key {
        FLOPS if !convention.is_default() => convention.title,
        key => key,
    };
    let row = |line: &Line<'_>| columns.iter().map(|column| column.value(line, report)).collect();
    Records {
        titles: columns.iter().map(title).map(Into::into).collect(),
        rows: fold::flat(report, view).iter().map(row).collect(),
    }
}

/// What the numbers depend on, piece by piece.
pub fn assumptions(report: &Report) -> Vec<String> {
    let mut pieces = vec![
        format!("input {}", inputs(&report.inputs)),
        format!("batch {}", report.batch),
        report.dtype.to_owned(),
        format!("{} mode", report.mode),
    ];
    pieces.push(counted(&report.convention));
    pieces
}

/// How operations are counted, in words.
pub(in crate::report) fn counted(convention: &Convention) -> String {
    let Convention { name, result, flops, .. } = convention;
    if convention.is_default() {
        return CONVENTION.to_owned();
    }
    format!("as {name}: what it calls {result} is {flops}")
}

/// What the lines do not say themselves: how signs in them are meant, which outputs there are where there are several, and
/// what makes the totals less than the whole.
pub fn notes(report: &Report, view: &View, lines: &[Line<'_>]) -> Vec<String> {
    let has_operators =
        view.columns.as_ref().is_none_or(|columns| columns.iter().any(|c| c.key == "op"));
    let mut notes = Vec::new();
    if lines.iter().any(|line| line.copies > 1) {
        notes.push("× n: n equal blocks or layers, their sums shown".to_owned());
    }
    if has_operators && lines.iter().any(|line| line.note.starts_with('←')) {
        notes.push("←: where inputs come from, if not from the line before alone".to_owned());
    }
    if report.outputs.len() > 1 {
        let outputs = report.outputs.iter();
        let named = |output: &Output| {
            format!("{} {}", output.name, sizes_text(output.shape.as_deref(), "×"))
        };
        notes.push(format!("outputs: {}", outputs.map(named).collect::<Vec<_>>().join(", ")));
    }
    notes.extend(not_counted(report));
    notes
}

/// What makes the totals less than the whole.
pub fn not_counted(report: &Report) -> Option<String> {
    report.status.is_partial().then(|| missing_text(&report.missing))
}

/// What is missing, once a kind.
pub(in crate::report) fn missing_text(missing: &[MissingKind]) -> String {
    let kind = |kind: &MissingKind| {
        let MissingKind { operator, number, first_layer, reason } = kind;
        match number {
            1 => format!("{operator} ({reason}, 1 layer: {first_layer})"),
            n => format!("{operator} ({reason}, {n} layers, first {first_layer})"),
        }
    };
    let kinds: Vec<String> = missing.iter().map(kind).collect();
    format!("≥ is a lower bound. Not counted: {}", kinds.join(", "))
}

/// Where receptive fields of branches that meet are not aligned; said beside a column that shows receptive fields.
pub fn field_note(report: &Report, view: &View) -> Option<String> {
    let columns = view.columns.as_ref()?;
    columns.iter().find(|column| ["receptive_field", "stride"].contains(&column.key))?;
    let is_off = |layer: &&Layer| layer.receptive_field.iter().flatten().any(|axis| !axis.aligned);
    let names: Vec<&str> = report.layers.iter().filter(is_off).map(|l| l.name.as_str()).collect();
    let more = match names.len() {
        0 => return None,
        n if n > NAMED => format!(" and {} more", n - NAMED),
        _ => String::new(),
    };
    let named = names[..names.len().min(NAMED)].join(", ");
    Some(format!(
        "receptive field: the largest over branches; branches at {named}{more} are not aligned"
    ))
}

/// What the first layers' backward pass counts, though training does not; said beside a column that shows it.
fn backward_note(view: &View) -> Option<String> {
    let is_shown = view.columns.as_ref()?.iter().any(|column| column.key == "backward_macs");
    let note = "backward MACs: the gradient of the network's own input is among them, which training does not make";
    is_shown.then(|| note.to_owned())
}

/// Lines as a grid of a view's columns.
pub fn grid(report: &Report, view: &View, lines: &[Line<'_>]) -> Grid {
    let chosen = view.columns.is_some();
    let columns = view.columns.clone().unwrap_or_else(columns::usual);
    let mut grid = Grid::new(columns.iter().map(|c| c.head_in(chosen, report)).collect::<Vec<_>>());
    let row = |line: &Line<'_>| columns.iter().map(|column| column.value(line, report)).collect();
    grid.rows = lines.iter().map(row).collect();
    grid.total = Some(total_row(report, &columns));
    let is_idle = |grid: &Grid, i: usize| {
        grid.heads[i].expendable > 0 && grid.rows.iter().all(|row| row[i] == Value::Empty)
    };
    for i in (0..grid.heads.len()).rev() {
        if is_idle(&grid, i) {
            grid.drop_column(i);
        }
    }
    grid
}

/// The row of totals; its label stands in the first column of words.
fn total_row(report: &Report, columns: &[&'static Column]) -> Vec<Value> {
    let line = fold::total(report);
    let mut row: Vec<Value> = columns.iter().map(|column| column.value(&line, report)).collect();
    if !columns.iter().any(|column| column.key == "name") {
        let free = row
            .iter()
            .zip(columns)
            .position(|(value, column)| *value == Value::Empty && !column.head.right);
        if let Some(slot) = free {
            row[slot] = Value::text(line.label);
        }
    }
    row
}

/// The totals: exact, rounded, their magnitude in words and as a power of ten; sizes in bytes below what they are of.
fn figures(report: &Report, medium: Medium) -> Grid {
    let totals = &report.totals;
    // On a screen the numbers continue the columns of the layers, and need no heads.
    let [total, exact, rounded, magnitude] = match medium {
        Medium::Screen => [""; 4],
        Medium::Paper => ["total", "exact", "rounded", "magnitude"],
    };
    let mut grid = Grid::new([
        Head::left(total),
        Head::right(exact),
        Head::right(rounded),
        Head::left(magnitude),
    ]);
    let mut row = |name: &str, n: u64, unit: Unit, bound: Exactness, words: String| {
        let [exact, rounded] =
            [Numbers::Exact, Numbers::Rounded].map(|numbers| counted_text(n, unit, bound, numbers));
        grid.rows.push([name.to_owned(), exact, rounded, words].map(Value::Text).to_vec());
    };
    let words = |n: u64| match units::order(n) {
        Some(order) => format!("{}, 10^{order}", units::magnitude(n)),
        None => String::new(),
    };
    let figures = [
        ("parameters", &quantity::PARAMS, Some(totals.param_bytes), true),
        ("trainable", &quantity::TRAINABLE, None, totals.trainable != totals.params),
        ("buffers", &quantity::BUFFERS, Some(totals.buffer_bytes), totals.buffers > 0),
        ("MACs", &quantity::MACS, None, true),
        (report.convention.title, &quantity::FLOPS, None, true),
        ("activations", &quantity::ACTIVATIONS, Some(totals.activation_bytes), true),
    ];
    for (name, quantity, bytes, _) in figures.into_iter().filter(|(.., shown)| *shown) {
        let n = quantity.part().map_or(0, |of| of(totals));
        let bound = known(totals, quantity);
        row(name, n, Unit::Count, bound, words(n));
        if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
            let dtype = match name {
                "parameters" => parameter_types(report),
                // Buffers have element types of their own.
                "buffers" => String::new(),
                _ => report.dtype.to_owned(),
            };
            row("  bytes", bytes, Unit::Bytes, bound, dtype);
        }
    }
    grid
}

/// The element types of the parameters, each once: `i8`, and `i32` for biases.
fn parameter_types(report: &Report) -> String {
    let mut types = Vec::new();
    let tensors = report.layers.iter().flat_map(|layer| &layer.tensors);
    for tensor in tensors.filter(|tensor| tensor.kind != "buffer") {
        if !types.contains(&tensor.dtype) {
            types.push(tensor.dtype);
        }
    }
    types.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Known, Options, analyze};
    use crate::graph::GraphBuilder;
    use crate::ops::arg_type::PerAxis;
    use crate::ops::window::Padding;
    use crate::ops::{Conv, Linear};
    use crate::report::build::{Caption, report};
    use crate::report::line::What;
    use crate::report::model::Status;
    use crate::report::render::table::Look;
    use crate::report::render::{markdown, terminal};
    use crate::report::text::width;
    use crate::shape::Shape;

    fn terminal(report: &Report, view: &View, look: Look) -> String {
        terminal::render(&[page(report, view)], false, look).unwrap()
    }

    pub(crate) fn small() -> Report {
        let mut builder = GraphBuilder::new("small");
        let mut value =
            builder.input("input", Shape::new(&[1, 3, 32, 32]).unwrap(), Some(0)).unwrap();
        let conv = |out_channels, groups| Conv {
            rank: 2,
            out_channels,
            kernel_size: PerAxis::all(2, 3),
            stride: PerAxis::all(2, 2),
            padding: Padding::Sides { rank: 2, sides: [(1, 1); 3] },
            dilation: PerAxis::all(2, 1),
            groups,
            bias: true,
        };
        for (name, channels, groups) in [
            ("features.stem.conv1", 8, 1),
            ("features.stage.0.conv", 16, 2),
            ("features.stage.1.conv", 16, 4),
        ] {
            value = builder.layer(name, conv(channels, groups), &[value]).unwrap()[0];
        }
        let head = Linear { out_features: 10, bias: false };
        value = builder.layer("head.0", head.clone(), &[value]).unwrap()[0];
        value = builder.layer("head.1", head, &[value]).unwrap()[0];
        let graph = builder.finish(&[("output", value)]).unwrap();
        let analysis = analyze(&graph, &Options::default()).complete().unwrap();
        report(&graph, &analysis, Caption { about: Some("A trial"), ..Caption::default() })
    }

    fn sums(report: &Report, view: &View) {
        for column in columns::COLUMNS.iter().filter(|column| column.sums()) {
            for lines in [fold::tree(report, view), fold::flat(report, view)] {
                let sum: u64 =
                    lines.iter().filter_map(|line| column.value(line, report).number()).sum();
                let total = column.value(&fold::total(report), report).number();
                assert_eq!(Some(sum), total, "{} of {view:?}", column.key);
            }
        }
    }

    #[test]
    fn columns_sum_to_totals_at_every_depth_sorted_and_cut() {
        let report = small();
        for depth in [None, Some(0), Some(1), Some(2), Some(3), Some(9)] {
            for sort in [None, columns::find("params"), columns::find("flops%")] {
                for top in [None, Some(0), Some(1), Some(3), Some(100)] {
                    sums(&report, &View { depth, sort, top, ..View::default() });
                }
            }
        }
    }

    #[test]
    fn a_folded_scope_shows_its_last_output() {
        let report = small();
        let lines = fold::tree(&report, &View { depth: Some(1), ..View::default() });
        let labels: Vec<&str> = lines.iter().map(|line| line.label.as_str()).collect();
        assert_eq!(labels, ["features", "head"]);
        assert_eq!((lines[0].what, lines[0].layers.len()), (What::Folded, 3));
        let output = columns::find("output").unwrap().value(&lines[0], &report);
        assert_eq!(output, Value::Shapes(vec![Some(vec![1, 16, 4, 4])]));
    }

    #[test]
    fn the_rest_is_one_row() {
        let report = small();
        let view = View { top: Some(1), sort: columns::find("params"), ..View::default() };
        let lines = fold::tree(&report, &view);
        assert_eq!(lines[0].label, "features.stage.0.conv");
        assert_eq!((lines.len(), lines[1].label.as_str()), (2, "… 4 more"));
    }

    #[test]
    fn kernels_are_short() {
        let report = small();
        assert_eq!(columns::kernel(&report.layers[1]), "3, s2, p1, g2");
        assert_eq!(columns::kernel(&report.layers[3]), "");
    }

    #[test]
    fn it_states_its_assumptions_and_totals_in_any_width() {
        let report = small();
        for width_limit in [60, 80, 100, 200] {
            let look = Look { width: Some(width_limit), ..Look::default() };
            let text = terminal(&report, &View::default(), look);
            assert!(text.lines().all(|line| width(line) <= width_limit), "{text}");
            assert!(text.lines().all(|line| line.trim_end() == line));
            for part in ["1×3×32×32", "batch 1", "f32", "eval", "1 MAC = 2 FLOPs", "10^3"] {
                assert!(text.contains(part), "{part}\n{text}");
            }
        }
    }

    /// Two branches around different middles, `joins` times.
    fn unaligned(joins: usize) -> (crate::graph::Graph, crate::analysis::Analysis, Report) {
        let mut builder = GraphBuilder::new("unaligned");
        let mut value =
            builder.input("input", Shape::new(&[1, 3, 32, 32]).unwrap(), Some(0)).unwrap();
        for i in 0..joins {
            let mut branch = |stride, before, after| {
                let conv = Conv {
                    rank: 2,
                    out_channels: 3,
                    kernel_size: PerAxis::all(2, 3),
                    stride: PerAxis::all(2, stride),
                    padding: Padding::Sides { rank: 2, sides: [(before, after); 3] },
                    dilation: PerAxis::all(2, 1),
                    groups: 1,
                    bias: false,
                };
                let name = format!("{i}.conv{before}");
                builder.layer(name, conv, &[value]).unwrap()[0]
            };
            let (one, other) = (branch(1, 0, 2), branch(1, 2, 0));
            value =
                builder.layer(format!("{i}.add"), crate::ops::Add {}, &[one, other]).unwrap()[0];
        }
        let graph = builder.finish(&[("output", value)]).unwrap();
        let analysis = analyze(&graph, &Options::default()).complete().unwrap();
        let report = report(&graph, &analysis, Caption::default());
        (graph, analysis, report)
    }

    #[test]
    fn branches_that_are_not_aligned_are_named_beside_their_field() {
        let view = View { columns: Some(vec![columns::find("rf").unwrap()]), ..View::default() };
        let (graph, analysis, report) = unaligned(1);
        let text = terminal(&report, &view, Look::default());
        let note = "receptive field: the largest over branches; branches at 0.add are not aligned";
        assert!(text.contains(note), "{text}");
        let paper = markdown::render(&[page(&report, &view)], false, Look::default()).unwrap();
        assert!(paper.contains(note));
        assert!(!terminal(&report, &View::default(), Look::default()).contains("not aligned"));
        assert_eq!(field_note(&small(), &view), None);
        let note = field_note(&unaligned(5).2, &view).unwrap();
        assert!(note.contains("branches at 0.add, 1.add, 2.add and 2 more are"), "{note}");
        let nodes: Vec<_> = graph.iter().map(|(id, _)| id).collect();
        let sections =
            crate::report::data::explain::derivations(&graph, &analysis, &report, &nodes);
        let whys = |at: usize| sections[at].facts.iter().filter_map(|fact| fact.why.as_deref());
        assert!(whys(2).any(|why| why.contains("different middles")));
        assert!(!whys(1).any(|why| why.contains("different middles")));
    }

    #[test]
    fn backward_macs_say_what_they_count() {
        let columns = Some(vec![columns::find("backward_macs").unwrap()]);
        let text = terminal(&small(), &View { columns, ..View::default() }, Look::default());
        assert!(text.contains("the gradient of the network's own input is among them"), "{text}");
        assert!(!terminal(&small(), &View::default(), Look::default()).contains("own input"));
    }

    #[test]
    fn a_lower_bound_is_marked() {
        let mut report = Report { status: Status::Partial, ..small() };
        report.totals.known = Known::NONE;
        let text = terminal(&report, &View::default(), Look::default());
        let total = text.lines().find(|line| line.starts_with("total")).unwrap();
        assert_eq!(total.matches('≥').count(), 3, "{text}");
        assert!(text.contains("parameters     ≥ 1,548    ≥ 1.55 k"), "{text}");
        let paper = markdown::render(&[page(&report, &View::default())], false, Look::default());
        assert!(paper.unwrap().contains("**≥ "), "{text}");
    }
}

//! What `cnnstat diff` shows: the totals before and after, and a row for the layers that differ in the same way.
//!
//! `group` makes the rows, `json` the report for programs.

mod group;
pub mod json;

use super::grid::{self, Grid, Head, Numbers, Value};
use super::model::{Output, Report};
use super::page::{Block, Medium, Page, Records, Table};
use super::pages::{exactness, inputs, shapes, summary};
use crate::analysis::quantity::{self, Figure, Quantity, Unit};
use crate::compare::{ChangeKind, Delta, Diff, Entry};
use crate::units;
use group::{Group, groups};

/// More rows than these are folded on a page.
const UNFOLDED: usize = 20;

/// What is shown of the layers' work, with the heads of its columns: MACs, or what another convention counts.
fn work(diff: &Diff<'_>) -> (&'static Quantity, &'static str, &'static str) {
    let convention = &diff.after.convention;
    if convention.is_default() {
        return (&quantity::MACS, "MACs", "Δ MACs");
    }
    (&quantity::FLOPS, convention.title, convention.delta)
}

/// A number and a difference of numbers, where they are known: a lower bound has its sign, between bounds there is none.
fn known(delta: Delta, [before, after]: [bool; 2]) -> ([Value; 2], Value) {
    let bounded = |n, is_known| Value::Count(n).bounded(exactness(is_known));
    let change = if before && after { Value::Delta(delta.signed()) } else { Value::Unknown };
    ([bounded(delta.before, before), bounded(delta.after, after)], change)
}

/// The page of a comparison, its numbers written like this; one sentence where nothing differs.
pub fn page<'d>(diff: &'d Diff<'d>, numbers: Numbers) -> Page<'d> {
    let name = format!("{} → {}", diff.before.model, diff.after.model);
    let title = Block::Title(name.clone());
    let sections = move |medium| {
        let title = title.clone();
        if diff.is_equal() {
            let sentences = std::iter::once(equal(diff)).chain(notes(diff)).map(Block::Sentence);
            return match medium {
                Medium::Screen => vec![sentences.collect()],
                Medium::Paper => vec![std::iter::once(title).chain(sentences).collect()],
            };
        }
        let percent = if medium == Medium::Screen { units::percent } else { arrow };
        let mut sections = vec![
            vec![title, Block::Assumptions(assumptions(diff))],
            vec![Block::table(totals(diff, numbers, percent))],
            vec![Block::Sentence(sentence(diff))],
        ];
        if !diff.entries.is_empty() {
            let groups = groups(diff);
            let folded =
                (groups.len() > UNFOLDED).then(|| format!("{} kinds of changes", groups.len()));
            let grid = layers(diff, &groups, numbers);
            sections.push(vec![Block::Table(Table { grid, folded, is_glossary: false })]);
        }
        if let Some(last) = sections.last_mut() {
            last.extend(notes(diff).into_iter().map(Block::Sentence));
        }
        sections
    };
    Page::new(&name, sections).part().records(|| records(diff)).data(move || json::comparison(diff))
}

/// The layers that differ, a row each.
fn records(diff: &Diff<'_>) -> Records {
    let titles = [
        "change",
        "before",
        "after",
        "op",
        "what",
        "params_before",
        "params_after",
        "params_delta",
        "macs_before",
        "macs_after",
        "macs_delta",
    ];
    let (work, title, _) = work(diff);
    let others = ["before", "after", "delta"].map(|what| format!("{title} {what}").into());
    let is_other = !diff.after.convention.is_default();
    let others = others.into_iter().filter(|_| is_other);
    let name =
        |layer: Option<&super::model::Layer>| layer.map_or(Value::Empty, |l| Value::text(&l.name));
    let row = |entry: &Entry<'_>| {
        let what: Vec<String> = entry.changes.iter().map(group::words).collect();
        let mut row = vec![
            Value::text(entry.kind.name()),
            name(entry.before),
            name(entry.after),
            entry.layer().map_or(Value::Empty, |layer| Value::text(&layer.op)),
            Value::Sizes(what.join("; ")),
        ];
        let shown = [&quantity::PARAMS, &quantity::MACS].into_iter();
        for quantity in shown.chain(is_other.then_some(work)) {
            let Some(of) = quantity.part() else { continue };
            let is_known = entry.known(quantity.counted);
            let (numbers, change) = known(entry.delta(of), is_known);
            let number = |(value, is_known)| if is_known { value } else { Value::Unknown };
            row.extend(numbers.into_iter().zip(is_known).map(number));
            row.push(change);
        }
        row
    };
    Records {
        titles: titles.map(Into::into).into_iter().chain(others).collect(),
        rows: diff.entries.iter().map(row).collect(),
    }
}

/// That nothing differs.
fn equal(diff: &Diff<'_>) -> String {
    let Report { model, layers, totals, .. } = diff.after;
    let exact = |n, quantity: &Quantity| {
        let bound = exactness(totals.known.has(quantity.counted));
        grid::counted(n, grid::Unit::Count, bound, Numbers::Exact)
    };
    let networks = match &diff.before.model {
        before if before == model => format!("in {model}"),
        before => format!("between {before} and {model}"),
    };
    format!(
        "No difference {networks}: {}, {} parameters, {} MACs",
        super::columns::layers_text(layers.len()),
        exact(totals.params, &quantity::PARAMS),
        exact(totals.work.macs, &quantity::MACS)
    )
}

/// What the numbers depend on; shapes that differ as they were and as they are.
fn assumptions(diff: &Diff<'_>) -> Vec<String> {
    let mut pieces = summary::assumptions(diff.after);
    let (before, after) = (diff.before, diff.after);
    let change = |what: &str, before: String, after: String| {
        (before != after).then(|| format!("{what} {before} → {after}"))
    };
    if let Some(changed) = change("input", inputs(&before.inputs), inputs(&after.inputs)) {
        pieces[0] = changed;
    }
    let made =
        |report: &Report| shapes(&report.outputs.iter().map(Output::named).collect::<Vec<_>>());
    let from = |report: &Report| {
        let names: Vec<&str> = report.outputs.iter().map(|output| output.from.as_str()).collect();
        format!("of {}", names.join(", "))
    };
    let shapes = change("output", made(before), made(after));
    let sources = || change("output", from(before), from(after)).filter(|_| diff.outputs_differ);
    pieces.splice(1..1, shapes.or_else(sources));
    pieces
}

/// How many layers differ, in a sentence.
fn sentence(diff: &Diff<'_>) -> String {
    let kinds = ChangeKind::ALL.map(|kind| (diff.count(kind), kind.name()));
    let parts = kinds.into_iter().chain([(diff.unchanged, "unchanged")]).filter(|(n, _)| *n > 0);
    let part = |(i, (n, word)): (usize, (usize, &str))| match i {
        0 => format!("{} {word}", super::columns::layers_text(n)),
        _ => format!("{n} {word}"),
    };
    parts.enumerate().map(part).collect::<Vec<_>>().join(", ")
}

/// What makes totals less than the whole.
fn notes(diff: &Diff<'_>) -> Vec<String> {
    let of = |report: &Report| {
        summary::not_counted(report)
            .into_iter()
            .map(|note| format!("{}: {note}", report.model))
            .collect()
    };
    [diff.before, diff.after].iter().flat_map(|report| -> Vec<String> { of(report) }).collect()
}

/// A change in percent with an arrow for its direction.
fn arrow(hundredths: i128) -> String {
    let text = units::percent(hundredths);
    text.strip_prefix('+')
        .map(|text| format!("▲ {text}"))
        .or_else(|| text.strip_prefix('−').map(|text| format!("▼ {text}")))
        .unwrap_or(text)
}

/// The totals before and after.
fn totals(diff: &Diff<'_>, numbers: Numbers, percent: impl Fn(i128) -> String) -> Grid {
    let mut grid = Grid::new([
        Head::left("total"),
        Head::right("before"),
        Head::right("after"),
        Head::right("change"),
        Head::right("%"),
    ]);
    let mut row = |title: &str, delta: Delta, is_known: [bool; 2], unit: grid::Unit| {
        let share = match (delta.signed(), delta.basis_points()) {
            _ if is_known != [true; 2] => Value::Empty,
            (0, _) | (_, None) => Value::Empty,
            (_, Some(0)) => Value::text("< 0.01%"),
            (_, Some(hundredths)) => Value::Text(percent(hundredths)),
        };
        let show = |n, is_known| grid::counted(n, unit, exactness(is_known), numbers);
        let [before, after] = is_known;
        let change = match is_known {
            [true, true] => Value::Text(units::signed(delta.signed(), |n| show(n, true))),
            _ => Value::Unknown,
        };
        let both = [show(delta.before, before), show(delta.after, after)].map(Value::Text);
        let cells = [Value::text(title)].into_iter().chain(both).chain([change, share]);
        grid.rows.push(cells.collect());
    };
    let length = |report: &Report| u64::try_from(report.layers.len()).unwrap_or(u64::MAX);
    let layers = Delta { before: length(diff.before), after: length(diff.after) };
    row("layers", layers, [true; 2], grid::Unit::Count);
    for (quantity, Figure { title, is_shown, .. }) in Quantity::figures() {
        let Some(of) = quantity.part() else { continue };
        if is_shown(&diff.before.totals) || is_shown(&diff.after.totals) {
            let is_counted_otherwise = *quantity == quantity::FLOPS;
            let title = if is_counted_otherwise { diff.after.convention.title } else { title };
            let is_bytes = quantity.unit == Unit::Bytes;
            let unit = if is_bytes { grid::Unit::Bytes } else { grid::Unit::Count };
            row(title, diff.total(of), diff.known(quantity.counted), unit);
        }
    }
    grid
}

/// The layers that differ, a row for each group, and the totals' differences below.
fn layers(diff: &Diff<'_>, groups: &[Group<'_, '_>], numbers: Numbers) -> Grid {
    let right = |title, expendable| Head { expendable, ..Head::right(title) };
    let (work, title, difference) = work(diff);
    let mut grid = Grid::new([
        Head::left("layer"),
        Head::right("×"),
        Head::left("change"),
        Head { expendable: 3, ..Head::left("output") },
        right("params", 2),
        right("Δ params", 0),
        right(title, 2),
        right(difference, 0),
    ]);
    let words = |text: String| if text.is_empty() { Value::Empty } else { Value::Sizes(text) };
    let counts = |(delta, is_known): (Delta, [bool; 2])| {
        let (both, change) = known(delta, is_known);
        let [before, after] = both.map(|value| value.show(numbers));
        let is_same = delta.before == delta.after && is_known == [true; 2];
        let both = if is_same { after } else { format!("{before} → {after}") };
        [Value::Text(both), change]
    };
    let quantities = [&quantity::PARAMS, work];
    let mut several = false;
    for group in groups {
        let size = group.entries.len();
        several |= size > 1;
        let times = if size > 1 { Value::Text(format!("× {size}")) } else { Value::Empty };
        let mut row =
            vec![Value::Text(group.label()), times, words(group.change()), words(group.output())];
        for quantity in quantities {
            let Some(of) = quantity.part() else { continue };
            row.extend(counts((group.delta(of), group.known(quantity.counted))));
        }
        grid.rows.push(row);
    }
    let mut total = vec![Value::text("total"), Value::Empty, Value::Empty, Value::Empty];
    for quantity in quantities {
        let Some(of) = quantity.part() else { continue };
        total.extend(counts((diff.total(of), diff.known(quantity.counted))));
    }
    grid.total = Some(total);
    if grid.rows.iter().all(|row| row[3] == Value::Empty) {
        grid.drop_column(3);
    }
    if !several {
        grid.drop_column(1);
    }
    grid
}

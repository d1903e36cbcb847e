//! Tests of comparing networks, on networks made by hand and at random.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::report::model::{CONVENTION, Output, Status};

/// A network of layers `(name, op, argument, channels that arrive, channels that leave)`.
type Made<'t> = (&'t str, &'t str, u64, u64, u64);

fn layer(index: usize, (name, op, argument, from, to): Made<'_>) -> Layer {
    let params = if op == "conv2d" { argument * from * to } else { 0 };
    let mut counts =
        Counts { params, trainable: params, activations: to * 64, ..Counts::default() };
    counts.work.macs = params * 64;
    Layer {
        index,
        name: name.to_owned(),
        op: op.to_owned(),
        call: format!("{to}, {argument}"),
        args: Map::from_iter([("kernel_size".to_owned(), json!(argument))]),
        inputs: vec![Some(vec![1, from, 8, 8])],
        outputs: vec![Some(vec![1, to, 8, 8])],
        counted: None,
        counts,
        receptive_field: None,
        tensors: Vec::new(),
        from: Vec::new(),
        from_index: Vec::new(),
        shared_with: None,
    }
}

fn network(layers: Vec<Layer>) -> Report {
    let sum = |of: fn(&Counts) -> u64| layers.iter().map(|layer| of(&layer.counts)).sum();
    let mut totals = Counts {
        params: sum(|c| c.params),
        trainable: sum(|c| c.trainable),
        activations: sum(|c| c.activations),
        ..Counts::default()
    };
    totals.work.macs = sum(|c| c.work.macs);
    Report {
        schema_version: 1,
        model: "made".to_owned(),
        about: None,
        source: None,
        inputs: Vec::new(),
        outputs: Vec::new(),
        batch: 1,
        dtype: "f32",
        mode: "eval",
        convention: CONVENTION,
        status: Status::Complete,
        missing: Vec::new(),
        not_counted: Vec::new(),
        layers,
        totals,
    }
}

fn made(layers: &[Made<'_>]) -> Report {
    network(layers.iter().enumerate().map(|(index, made)| layer(index, *made)).collect())
}

/// Kinds with the names before and after.
fn seen<'r>(diff: &Diff<'r>) -> Vec<(ChangeKind, &'r str, &'r str)> {
    let name = |layer: Option<&'r Layer>| layer.map_or("", |layer| layer.name.as_str());
    diff.entries.iter().map(|e| (e.kind, name(e.before), name(e.after))).collect()
}

/// Every layer is in one entry or unchanged, and the entries' differences are the totals'.
fn assert_whole(diff: &Diff<'_>) {
    let both = diff.count(ChangeKind::Changed) + diff.count(ChangeKind::Renamed) + diff.unchanged;
    assert_eq!(both + diff.count(ChangeKind::Removed), diff.before.layers.len());
    assert_eq!(both + diff.count(ChangeKind::Added), diff.after.layers.len());
    for (key, _, of) in quantities() {
        let sum: i128 = diff.entries.iter().map(|entry| entry.delta(of).signed()).sum();
        assert_eq!(sum, diff.total(of).signed(), "{key}");
    }
    for places in
        [|e: &Entry<'_>| e.before.map(|l| l.index), |e: &Entry<'_>| e.after.map(|l| l.index)]
    {
        let mut places: Vec<usize> = diff.entries.iter().filter_map(places).collect();
        let before = places.len();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), before);
    }
}

#[test]
fn a_layer_that_is_put_in_is_added_and_those_behind_it_are_renamed() {
    let before =
        made(&[("0", "conv2d", 3, 3, 8), ("1", "relu", 0, 8, 8), ("2", "conv2d", 3, 8, 8)]);
    let after = made(&[
        ("0", "conv2d", 3, 3, 8),
        ("1", "norm", 0, 8, 8),
        ("2", "relu", 0, 8, 8),
        ("3", "conv2d", 3, 8, 8),
    ]);
    let put_in = diff(&before, &after);
    let expected = [
        (ChangeKind::Added, "", "1"),
        (ChangeKind::Renamed, "1", "2"),
        (ChangeKind::Renamed, "2", "3"),
    ];
    assert_eq!((seen(&put_in).as_slice(), put_in.unchanged), (&expected[..], 1));
    let taken_out = diff(&after, &before);
    assert_eq!(seen(&taken_out)[0], (ChangeKind::Removed, "1", ""));
    assert_eq!(taken_out.count(ChangeKind::Renamed), 2);
}

#[test]
fn a_number_in_a_name_is_no_name() {
    let names = [
        ("features.3", "relu", true),
        ("net.conv2d_00", "conv2d", true),
        ("relu_2", "relu", true),
        ("conv1", "conv2d", false),
        ("relu", "relu", false),
        ("conv2d", "conv2d", false),
        ("block1.relu", "relu", false),
        ("relu_2", "gelu", false),
    ];
    for (name, op, positional) in names {
        assert_eq!(is_positional(&layer(0, (name, op, 0, 1, 1))), positional, "{name} {op}");
    }
}

#[test]
fn another_operator_in_a_layer_s_place_is_a_change() {
    for names in [["0", "1", "2"], ["conv", "act", "last"]] {
        let with = |op| {
            let ops = ["conv2d", op, "conv2d"];
            made(&[0, 1, 2].map(|at| (names[at], ops[at], 3, 8, 8)))
        };
        let (before, after) = (with("relu"), with("gelu"));
        let found = diff(&before, &after);
        assert_eq!(seen(&found), [(ChangeKind::Changed, names[1], names[1])]);
        let [change] = &found.entries[0].changes[..] else { panic!("one change") };
        assert_eq!((change.what, &change.before), (What::Operator, &json!("relu(8, 3)")));
    }
}

#[test]
fn a_given_name_is_followed_to_where_it_stands() {
    let before = made(&[("a", "relu", 0, 8, 8), ("b", "norm", 0, 8, 8), ("c", "pool", 2, 8, 8)]);
    let after = made(&[("b", "norm", 0, 8, 8), ("c", "pool", 2, 8, 8), ("a", "relu", 0, 8, 8)]);
    let found = diff(&before, &after);
    assert_eq!(seen(&found), [(ChangeKind::Changed, "a", "a")]);
    let change = Change { what: What::Position, before: json!(0), after: json!(2) };
    assert_eq!(found.entries[0].changes, [change]);
    assert!(!found.is_equal());
}

#[test]
fn what_a_change_does_to_the_next_layer_is_a_change_of_its_input() {
    let with = |channels| made(&[("a", "conv2d", 3, 3, channels), ("b", "conv2d", 3, channels, 8)]);
    let (before, after) = (with(8), with(16));
    let found = diff(&before, &after);
    let what: Vec<Vec<What<'_>>> = found
        .entries
        .iter()
        .map(|entry| entry.changes.iter().map(|change| change.what).collect())
        .collect();
    assert_eq!(what, [vec![What::Output], vec![What::Input]]);
    assert_whole(&found);
}

#[test]
fn weights_that_are_frozen_are_a_change() {
    let before = made(&[("a", "conv2d", 3, 3, 8)]);
    let mut after = before.clone();
    (after.layers[0].counts.trainable, after.totals.trainable) = (0, 0);
    let found = diff(&before, &after);
    let change = Change { what: What::Count("trainable"), before: json!(72), after: json!(0) };
    assert_eq!(found.entries[0].changes, [change]);
    assert_whole(&found);
}

#[test]
fn outputs_of_equal_layers_can_differ() {
    let before = made(&[("a", "relu", 0, 8, 8)]);
    let mut after = before.clone();
    assert!(diff(&before, &after).is_equal());
    after.outputs.push(Output {
        name: "output".to_owned(),
        shape: Some(vec![1, 8, 8, 8]),
        from: "a".to_owned(),
        from_index: None,
    });
    assert!(!diff(&before, &after).is_equal());
}

/// A chain in which each layer reads the one before it, but for the last, which reads this one.
fn wired(names: &[&str], last: usize) -> Report {
    let layers: Vec<Made<'_>> = names.iter().map(|name| (*name, "relu", 0, 8, 8)).collect();
    let mut report = made(&layers);
    let end = names.len() - 1;
    for (at, layer) in report.layers.iter_mut().enumerate() {
        let from = if at == end { Some(last) } else { at.checked_sub(1) };
        layer.from = vec![from.map_or("input", |from| names[from]).to_owned()];
        layer.from_index = vec![from];
    }
    report
}

#[test]
fn a_layer_that_reads_another_is_a_change() {
    let (before, after) = (wired(&["a", "b", "c", "d"], 2), wired(&["a", "b", "c", "d"], 1));
    let found = diff(&before, &after);
    assert_eq!(seen(&found), [(ChangeKind::Changed, "d", "d")]);
    let change = Change { what: What::Source, before: json!(["c"]), after: json!(["b"]) };
    assert_eq!(found.entries[0].changes, [change]);
    assert_whole(&found);
}

#[test]
fn what_is_put_in_between_does_not_change_what_reads_it() {
    let (before, after) = (wired(&["a", "b", "d"], 1), wired(&["a", "b", "c", "d"], 2));
    assert_eq!(seen(&diff(&before, &after)), [(ChangeKind::Added, "", "c")]);
    assert_eq!(seen(&diff(&after, &before)), [(ChangeKind::Removed, "c", "")]);
}

#[test]
fn what_a_stored_report_says_of_its_wires_need_not_be_true() {
    let after = wired(&["a", "b", "c"], 1);
    for from in [2, 3, usize::MAX] {
        let mut before = wired(&["a", "gone", "c"], 0);
        before.layers[1].from_index = vec![Some(from)];
        before.layers[2].from_index = vec![Some(1)];
        assert_whole(&diff(&before, &after));
    }
}

/// Blocks of four layers with positional names; the number of each says its arguments.
fn long(blocks: impl Iterator<Item = u64>) -> Vec<(String, &'static str, u64)> {
    let block = |n: u64| [("conv2d", n), ("norm", 0), ("relu", 0), ("pool", n % 2)];
    let layers = blocks.flat_map(block).enumerate();
    layers.map(|(at, (op, argument))| (format!("net.{at}"), op, argument)).collect()
}

fn positional(layers: &[(String, &'static str, u64)]) -> Report {
    let made: Vec<Made<'_>> =
        layers.iter().map(|(name, op, argument)| (name.as_str(), *op, *argument, 8, 8)).collect();
    self::made(&made)
}

/// Equal ends do not help here, and a table of all would have 10^8 cells.
#[test]
fn one_block_among_ten_thousand_layers_is_found() {
    let numbers = || (0..2_500u64).map(|at| 3 + at % 7);
    let before = positional(&long(numbers()));
    let middle = numbers().take(1_200).chain([1]).chain(numbers().skip(1_200));
    let after = positional(&long([9].into_iter().chain(middle.skip(1)).chain([11])));
    let found = diff(&before, &after);
    assert_whole(&found);
    assert_eq!((found.count(ChangeKind::Removed), found.count(ChangeKind::Added)), (0, 8));
    assert_eq!(found.count(ChangeKind::Changed), 1);
}

/// Nothing is like anything: all of it is taken for gone, and all else for new.
#[test]
fn ten_thousand_layers_of_another_kind_are_all_new() {
    let of = |op| {
        let layers = (0..10_000).map(|at| (format!("net.{at}"), op, 3)).collect::<Vec<_>>();
        positional(&layers)
    };
    let (before, after) = (of("conv2d"), of("linear"));
    let found = diff(&before, &after);
    assert_whole(&found);
    assert_eq!(
        (found.count(ChangeKind::Removed), found.count(ChangeKind::Added)),
        (10_000, 10_000)
    );
}

/// More are others than are sought one by one: every third argument.
#[test]
fn ten_thousand_layers_of_which_many_changed_keep_their_places() {
    let of = |changed: u64| {
        let argument = move |at: u64| if at.is_multiple_of(3) { changed } else { 3 + at % 7 };
        positional(&long((0..2_500).map(argument)))
    };
    let (before, after) = (of(21), of(31));
    let found = diff(&before, &after);
    assert_whole(&found);
    assert_eq!((found.count(ChangeKind::Changed), found.unchanged), (834, 10_000 - 834));
}

fn any_network() -> impl Strategy<Value = Report> {
    let names = prop::sample::select(vec!["", "a", "b", "c", "d.x", "e.x"]);
    let ops = prop::sample::select(vec!["conv2d", "relu", "norm"]);
    let layers = prop::collection::vec((names, ops, 1..4u64, 1..3u64, 1..3u64), 0..24);
    layers.prop_map(|layers| {
        let layers = layers.into_iter().enumerate();
        let named = layers.map(|(at, (name, op, argument, from, to))| {
            let own = if name.is_empty() { format!("net.{at}") } else { name.to_owned() };
            layer(at, (&own, op, argument, from, to))
        });
        network(named.collect())
    })
}

/// The length of the longest common subsequence, by its definition.
fn common_length(before: &[u8], after: &[u8]) -> usize {
    match (before, after) {
        ([], _) | (_, []) => 0,
        ([a, rest @ ..], [b, others @ ..]) if a == b => 1 + common_length(rest, others),
        ([_, rest @ ..], [_, others @ ..]) => {
            common_length(rest, after).max(common_length(before, others))
        }
    }
}

proptest! {
    #[test]
    fn what_two_lists_have_in_common_is_the_most_that_they_can(
        before in prop::collection::vec(0..3u8, 0..9),
        after in prop::collection::vec(0..3u8, 0..9),
    ) {
        let pairs = align::common(&before, &after).unwrap();
        prop_assert!(pairs.iter().all(|(i, j)| before[*i] == after[*j]));
        prop_assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1));
        prop_assert_eq!(pairs.len(), common_length(&before, &after));
    }

    #[test]
    fn a_chain_is_the_longest_that_ascends(partners in prop::collection::vec(0..9usize, 0..9)) {
        let pairs: Vec<(usize, usize)> = partners.into_iter().enumerate().collect();
        let ascends = |chain: &[(usize, usize)]| chain.windows(2).all(|two| two[0].1 < two[1].1);
        let found = align::chain(&pairs);
        prop_assert!(ascends(&found));
        let chosen = |bits: u32| -> Vec<_> {
            pairs.iter().filter(|(at, _)| bits & (1 << at) != 0).copied().collect()
        };
        let longest = (0..1u32 << pairs.len()).map(chosen).filter(|chain| ascends(chain));
        prop_assert_eq!(Some(found.len()), longest.map(|chain| chain.len()).max());
    }

    #[test]
    fn differences_sum_to_those_of_the_totals(before in any_network(), after in any_network()) {
        assert_whole(&diff(&before, &after));
        let same = diff(&before, &before);
        prop_assert!(same.is_equal(), "{:?}", seen(&same));
        prop_assert_eq!(same.unchanged, before.layers.len());
    }
}

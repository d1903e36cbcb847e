//! Numbers that others published, apart from snapshots: a snapshot shows that a number changed, these show that it is true.

use cnnstat::Options;
use cnnstat::model::Model;
use cnnstat::ops::{Io, Layer as _, Mode};

use crate::common::{analysis, network, row, tensors};

/// A network, its parameters, its MACs in units of 10^6, and where both are printed.
struct Published {
    network: &'static str,
    params: &'static str,
    /// As printed, in millions or, with a G, in billions; empty where the source has none.
    macs: &'static str,
    source: &'static str,
}

const fn published(
    network: &'static str,
    params: &'static str,
    macs: &'static str,
    source: &'static str,
) -> Published {
    Published { network, params, macs, source }
}

/// torchvision prints MACs under the name GFLOPS.
const TORCHVISION: &str = "torchvision, table of classification weights: num_params, GFLOPS";
const VGG: &str = "Simonyan, Zisserman 2015, table 2";

const PUBLISHED: &[Published] = &[
    published("alexnet_torchvision", "61100840", "0.71G", TORCHVISION),
    published("vgg11", "132863336", "7.61G", TORCHVISION),
    published("vgg13", "133047848", "11.31G", TORCHVISION),
    published("vgg16", "138357544", "15.47G", TORCHVISION),
    published("vgg19", "143667240", "19.63G", TORCHVISION),
    published("vgg11_bn", "132868840", "7.61G", TORCHVISION),
    published("vgg13_bn", "133053736", "11.31G", TORCHVISION),
    published("vgg16_bn", "138365992", "15.47G", TORCHVISION),
    published("vgg19_bn", "143678248", "19.63G", TORCHVISION),
    published("vgg11", "133M", "", VGG),
    published("vgg13", "133M", "", VGG),
    published("vgg16", "138M", "", VGG),
    published("vgg19", "144M", "", VGG),
    published("mobilenet_v1", "4.2M", "569M", "Howard 2017, table 4"),
    published("custom_cnn", "119530", "", "the lecture's listing of parameters"),
    published("m5", "26915", "", "torchaudio's tutorial on speech commands"),
];

/// Whether a number rounds to what is printed: `60M`, `0.71G`, `61100840`.
fn prints_as(value: u64, printed: &str) -> bool {
    let (digits, unit) = match printed.strip_suffix(['M', 'G']) {
        Some(digits) if printed.ends_with('M') => (digits, 1_000_000),
        Some(digits) => (digits, 1_000_000_000),
        None => (printed, 1),
    };
    let places = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let unit = unit / 10u64.pow(u32::try_from(places).unwrap());
    let wanted: u64 = digits.replace('.', "").parse().unwrap();
    (value + unit / 2) / unit == wanted
}

#[test]
fn parameters_and_macs_round_to_what_is_printed() {
    for case in PUBLISHED {
        let totals = analysis(&network(case.network)).totals;
        let (name, source) = (case.network, case.source);
        let params = totals.params;
        assert!(prints_as(params, case.params), "{name}: {params} parameters; {source}");
        let macs = totals.work.macs;
        assert!(case.macs.is_empty() || prints_as(macs, case.macs), "{name}: {macs}; {source}");
    }
}

#[test]
fn rounding_is_to_the_printed_digit() {
    assert!(prints_as(568_740_352, "569M") && !prints_as(568_740_352, "568M"));
    assert!(prints_as(714_188_480, "0.71G") && !prints_as(715_188_480, "0.71G"));
    assert!(prints_as(7, "7") && !prints_as(8, "7"));
}

/// "60 million parameters", says the paper, and means the magnitude: rounded they would be 61.
#[test]
fn alexnet_has_sixty_million_parameters() {
    let params = analysis(&network("alexnet")).totals.params;
    assert_eq!(params / 1_000_000, 60);
}

/// The product of a layer's weight as it is explained: `3 × 3 × 128 × 64 = 73,728`.
fn weight_product(document: &Model, layer: &str) -> String {
    let analysis = cnnstat::analyze(&document.graph, &Options::default()).complete().unwrap();
    let row = row(document, &analysis, layer);
    let io = Io { inputs: &row.inputs, outputs: &row.outputs, mode: Mode::Eval };
    let facts = document.graph.node(row.node).op.derive(io);
    let weight = facts.into_iter().find(|fact| fact.what == "weight").unwrap();
    format!("{} = {}", weight.numbers, weight.result)
}

/// The slide's eight products. It prints figures cut (conv1's rounded) to the unit.
#[test]
fn the_slide_on_alexnet() {
    let document = network("alexnet_slide");
    for (layer, product, figure) in [
        ("conv1", "11 × 11 × 3 × 96 = 34,848", "35k"),
        ("conv2", "5 × 5 × 48 × 128 × 2 = 307,200", "307k"),
        ("conv3", "3 × 3 × 256 × 384 = 884,736", "884k"),
        ("conv4", "3 × 3 × 192 × 192 × 2 = 663,552", "663k"),
        ("conv5", "3 × 3 × 192 × 128 × 2 = 442,368", "442k"),
        ("fc6", "43264 × 4096 = 177,209,344", "177M"),
        ("fc7", "4096 × 4096 = 16,777,216", "16M"),
        ("fc8", "4096 × 1000 = 4,096,000", "4M"),
    ] {
        assert_eq!(weight_product(&document, layer), product);
        let (digits, unit) = figure.split_at(figure.len() - 1);
        let unit = if unit == "k" { 1_000 } else { 1_000_000 };
        let params = row(&document, &analysis(&document), layer).counts.params;
        let printed = if layer == "conv1" { params.div_ceil(unit) } else { params / unit };
        assert_eq!(printed.to_string(), digits, "{layer}");
    }
    let analysis = analysis(&document);
    assert_eq!(row(&document, &analysis, "conv5").outputs[0].to_string(), "1×256×13×13");
    // In the network itself a pool stands between conv5 and fc6.
    let (paper, fc6) = (network("alexnet"), 6 * 6 * 256 * 4096 + 4096);
    assert_eq!(row(&paper, &self::analysis(&paper), "fc6").counts.params, fc6);
}

/// Table 1 of Howard 2017: shapes at its top, middle and end.
#[test]
fn mobilenets_shapes() {
    let document = network("mobilenet_v1");
    let analysis = analysis(&document);
    for (layer, shape) in [
        ("stem.conv", "1×32×112×112"),
        ("block6.dw.conv", "1×256×14×14"),
        ("block13.pw.conv", "1×1024×7×7"),
        ("fc", "1×1000"),
    ] {
        assert_eq!(row(&document, &analysis, layer).outputs[0].to_string(), shape, "{layer}");
    }
}

/// Table 2 of Howard 2017: shares of mult-adds and of weights in hundredths of a percent. Its parameters are weights
/// only, without biases and batch normalisation. It prints 1.19 for the first convolution's mult-adds, digits
/// exchanged: its column sums to 100 with 1.91 alone.
#[test]
fn mobilenets_shares() {
    let document = network("mobilenet_v1");
    let analysis = analysis(&document);
    let sums = |part: &str| {
        let nodes = document.graph.nodes().iter().zip(&analysis.rows);
        let rows = nodes.filter(|(node, row)| node.name.contains(part) && row.counts.work.macs > 0);
        rows.fold((0, 0), |(macs, weights), (_, row)| {
            (macs + row.counts.work.macs, weights + row.tensors[0].elements)
        })
    };
    let (macs, weights) = sums("");
    let share = |part: u64, whole: u64| (part * 10_000 + whole / 2) / whole;
    for (part, of_macs, of_weights) in
        [("stem", 191, 2), (".dw.", 306, 106), (".pw.", 9_486, 7_459), ("fc", 18, 2_433)]
    {
        let (part_macs, part_weights) = sums(part);
        let found = (share(part_macs, macs), share(part_weights, weights));
        assert_eq!(found, (of_macs, of_weights), "{part}");
    }
}

/// The lecture's `named_parameters`, as it prints them.
#[test]
fn the_lectures_listing() {
    let document = network("custom_cnn");
    let analysis = analysis(&document);
    let listing: Vec<String> = tensors(&document, &analysis)
        .into_iter()
        .enumerate()
        .map(|(i, (name, shape, _))| format!("[{i}] {name} {shape:?}"))
        .collect();
    assert_eq!(
        listing,
        [
            "[0] net.conv2d_00.weight [32, 1, 3, 3]",
            "[1] net.conv2d_00.bias [32]",
            "[2] net.conv2d_04.weight [64, 32, 3, 3]",
            "[3] net.conv2d_04.bias [64]",
            "[4] net.linear_09.weight [32, 3136]",
            "[5] net.linear_09.bias [32]",
            "[6] net.linear_11.weight [10, 32]",
            "[7] net.linear_11.bias [10]",
        ]
    );
    assert_eq!(analysis.totals.params, 119_530);
}

/// The lecture's example: 128 channels to 64 by a kernel of 3×3.
#[test]
fn the_lectures_product() {
    let source = cnnstat::diag::Source {
        name: "product".to_owned(),
        text: "model: p\ninput: [128, 28, 28]\nlayers: {conv: 'conv2d(64, 3, padding=1)'}\n".into(),
    };
    let document = crate::common::read(&source, None);
    assert_eq!(weight_product(&document, "conv"), "3 × 3 × 128 × 64 = 73,728");
}

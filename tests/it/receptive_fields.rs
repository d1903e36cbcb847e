//! Receptive fields found by execution: which elements of the input have a gradient of one output, where maxima and
//! activations are sums, weights are 1 and a tap whose weight is 0 has none.

use cnnstat::analysis::{AxisField, Field};
use cnnstat::graph::Graph;
use cnnstat::internals::exec::kernels::Scheme;
use cnnstat::internals::exec::meter::Meter;
use cnnstat::internals::exec::network::Network;
use cnnstat::internals::exec::tape::Unobserved;
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::ops::Mode;
use cnnstat::{Options, Shape, analyze};
use proptest::prelude::*;

use crate::field_networks::{Bound, Piece, build, network, real};
use crate::run::{file, page, run, scratch};

/// The field of the last layer.
fn analysed(graph: &Graph) -> Field {
    analyze(graph, &Options::default()).complete().unwrap().rows.pop().unwrap().field
}

/// The first and the last element of the input, along each axis, that each of these outputs sees, if any.
fn executed(graph: &Graph, outputs: &[Vec<usize>]) -> Vec<Option<Vec<[i64; 2]>>> {
    let meter = Meter::new();
    let sizes = |shape: &Shape| -> Vec<usize> {
        shape.dims().iter().map(|n| usize::try_from(*n).unwrap()).collect()
    };
    let mut shape = sizes(&graph.inputs()[0].shape);
    shape[0] = outputs.len();
    let input = Tensor::<f64>::full(&shape, 1.0, &meter);
    let mut network = Network::<f64>::new(graph, Scheme::Torch, 1);
    network.build(std::slice::from_ref(&input)).unwrap();
    let owned: Vec<(String, Vec<usize>)> = network
        .tensors()
        .into_iter()
        .map(|(name, owned)| (name, owned.tensor().unwrap().shape().to_vec()))
        .collect();
    for (name, shape) in owned {
        network.supply(&name, Tensor::full(&shape, 1.0, &meter)).unwrap();
    }
    let tape = network.forward(vec![input], Mode::Eval, true, &mut Unobserved).unwrap();
    let out = tape.outputs[0].shape().to_vec();
    let plane: usize = out[1..].iter().product();
    let mut grad = Tensor::<f64>::zeros(&out, &meter);
    for (example, output) in outputs.iter().enumerate() {
        let at = output.iter().zip(&out[2..]).fold(0, |at, (i, n)| at * n + i);
        grad.data_mut()[example * plane + at] = 1.0;
    }
    let gradients = network.backward(tape, vec![grad], true, &mut Unobserved);
    let gradient = gradients.inputs[0].as_ref().unwrap();
    let each: usize = shape[1..].iter().product();
    gradient.data().chunks_exact(each).map(|numbers| seen(numbers, &shape[2..])).collect()
}

/// From the first number that is not 0 to the last, along each axis.
fn seen(numbers: &[f64], extents: &[usize]) -> Option<Vec<[i64; 2]>> {
    let mut seen: Option<Vec<[i64; 2]>> = None;
    for (i, _) in numbers.iter().enumerate().filter(|(_, number)| **number != 0.0) {
        let mut rest = i;
        let mut place: Vec<i64> = extents
            .iter()
            .rev()
            .map(|n| {
                let at = rest % n;
                rest /= n;
                i64::try_from(at).unwrap()
            })
            .collect();
        place.reverse();
        match &mut seen {
            None => seen = Some(place.iter().map(|at| [*at; 2]).collect()),
            Some(ends) => {
                for (end, at) in ends.iter_mut().zip(place) {
                    *end = [end[0].min(at), end[1].max(at)];
                }
            }
        }
    }
    seen
}

/// Every position of a grid of these extents.
fn grid(extents: &[usize]) -> Vec<Vec<usize>> {
    extents.iter().fold(vec![Vec::new()], |before, n| {
        before.iter().flat_map(|at| (0..*n).map(move |i| [&at[..], &[i]].concat())).collect()
    })
}

/// Extent, start and mean stride of a network's last value, as executed away from borders; `None` where the input is too
/// small for that.
fn measured(sums: &Graph, bounds: &[Bound]) -> Option<Vec<(u64, f64, f64)>> {
    let rank = bounds.len();
    let elements = i64::try_from(sums.inputs()[0].shape.dims()[2]).unwrap();
    let shapes = analyze(sums, &Options::default()).complete().unwrap();
    let out = shapes.shape(sums.outputs()[0].value).unwrap();
    let periods: Vec<usize> =
        bounds.iter().map(|bound| usize::try_from(bound.period).unwrap()).collect();
    let middle: Vec<usize> = (0..rank)
        .map(|axis| {
            let outputs = usize::try_from(out.dims()[axis + 2]).unwrap();
            outputs.saturating_sub(periods[axis]) / 2 / periods[axis] * periods[axis]
        })
        .collect();
    let plus = |at: &[usize], by: &[usize]| -> Vec<usize> {
        at.iter().zip(by).map(|(at, by)| at + by).collect()
    };
    let mut phases = grid(&periods);
    // One period on, from where the mean stride is seen.
    phases.extend(grid(&periods).iter().map(|phase| plus(phase, &periods)));
    let outputs: Vec<Vec<usize>> = phases.iter().map(|phase| plus(phase, &middle)).collect();
    let inside = |output: &Vec<usize>| {
        output.iter().zip(&out.dims()[2..]).all(|(i, n)| u64::try_from(*i).unwrap() < *n)
    };
    if !outputs.iter().all(inside) {
        return None;
    }
    let seen = executed(sums, &outputs);
    let mut fields = Vec::new();
    for (axis, bound) in bounds.iter().enumerate() {
        #[allow(clippy::cast_possible_truncation, reason = "a few hundred elements")]
        let margin = bound.extent.ceil() as i64 + 2;
        let ends: Vec<(usize, [i64; 2])> = phases
            .iter()
            .zip(&seen)
            .filter_map(|(phase, seen)| Some((phase[axis], seen.as_ref()?[axis])))
            .collect();
        let is_inside = |end: &[i64; 2]| end[0] >= margin && end[1] < elements - margin;
        if ends.is_empty() || !ends.iter().all(|(_, end)| is_inside(end)) {
            return None;
        }
        let extent = ends.iter().map(|(_, [first, last])| last - first + 1).max().unwrap();
        let first = ends.iter().map(|(phase, _)| *phase).min().unwrap();
        let start = |phase: usize| {
            let of_phase = ends.iter().filter(|(at, _)| *at == phase);
            of_phase.map(|(_, end)| end[0]).min().unwrap()
        };
        let real = |n: i64| f64::from(i32::try_from(n).unwrap());
        let period = real(i64::try_from(periods[axis]).unwrap());
        let stride = real(start(first + periods[axis]) - start(first)) / period;
        let places = real(i64::try_from(middle[axis]).unwrap());
        fields.push((u64::try_from(extent).unwrap(), real(start(first)) - places * stride, stride));
    }
    Some(fields)
}

/// Analysis and execution agree on a network.
fn agree(pieces: &[Piece], rank: usize, inputs: &[u64], longest: u64) -> Result<(), TestCaseError> {
    let start = Bound { period: 1, extent: 1.0, stride: 1.0 };
    let bounds: Vec<Bound> = (0..rank)
        .map(|axis| pieces.iter().fold(start, |bound, piece| bound.after(piece, axis)))
        .collect();
    prop_assume!(bounds.iter().map(|bound| bound.period).product::<u64>() <= longest);
    let most = bounds.iter().map(|bound| 3.0 * bound.extent).fold(0.0, f64::max);
    for elements in inputs.iter().filter(|elements| real(**elements) > most) {
        let Some([net, sums]) = build(pieces, rank, *elements) else { continue };
        let Some(expected) = measured(&sums, &bounds) else { continue };
        let axes = match analysed(&net) {
            Field::Axes(axes) => axes,
            // One axis has no reason not to be known.
            Field::Unknown(why) => {
                prop_assert!(rank > 1 && why.contains("see nothing"), "{}", why);
                return Ok(());
            }
        };
        let found = |axis: &AxisField| {
            let stride = axis.stride.unwrap();
            let part = |n: i64| f64::from(i32::try_from(n).unwrap());
            (axis.extent, part(axis.start), part(*stride.numer()) / part(*stride.denom()))
        };
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        let found: Vec<(u64, f64, f64)> = axes.iter().map(found).collect();
        let is_equal = found.iter().zip(&expected).all(|(found, expected)| {
            found.0 == expected.0 && near(found.1, expected.1) && near(found.2, expected.2)
        });
        prop_assert!(is_equal, "computed {:?}, executed {:?}", found, expected);
        return Ok(());
    }
    Err(TestCaseError::reject("windows that no input here is large enough for"))
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 65536, ..ProptestConfig::with_cases(400) })]
    #[test]
    fn windows_of_one_axis_are_those_that_are_executed(pieces in network(5)) {
        agree(&pieces, 1, &[64, 128, 256, 512], 36)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 65536, ..ProptestConfig::with_cases(32) })]
    #[test]
    fn windows_of_two_axes_are_those_that_are_executed(pieces in network(2)) {
        agree(&pieces, 2, &[32, 64, 96], 12)?;
    }
}

/// The field of the last layer of a description.
fn described(input: &str, layers: &[&str]) -> (Graph, Field) {
    let layers: Vec<String> = layers.iter().map(|layer| format!("  - {layer}\n")).collect();
    let text = format!("model: m\ninput: {input}\nlayers:\n{}", layers.concat());
    let graph = cnnstat::parse_graph(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let field = analysed(&graph);
    (graph, field)
}

fn axes(field: Field) -> Vec<AxisField> {
    match field {
        Field::Axes(axes) => axes,
        Field::Unknown(why) => panic!("{why}"),
    }
}

/// Networks whose outputs are all looked at: no window reaches beyond the input.
#[test]
fn branches_that_drift_apart_and_fixed_windows_are_those_that_are_executed() {
    let up = "upsample(size=27, mode='linear', align_corners=true)";
    let drifting: &[&[&str]] = &[
        // 27 elements become 13 by 2, and 27 again by 26/12: not quite what they were.
        &["x: identity", "conv1d(1, 3, stride=2, bias=false)", up, "add(@, @x)"],
        &["x: identity", "conv1d(1, 2, stride=2, bias=false)", "upsample(size=27)", "add(@, @x)"],
        &[
            "x: identity",
            "conv1d(1, 2, stride=2)",
            "upsample(size=27)",
            "add(@, @x)",
            "conv1d(1, 4)",
        ],
        &["x: identity", "avgpool1d(2, 3)", up, "y: add(@, @x)", "conv1d(1, 3)", up, "add(@, @y)"],
        // What is beside windows is the same from everywhere: one element, and what a crop leaves.
        &["x: identity", "select(dim=2, index=9)", "reshape(1, 1)", "add(@, @x)"],
        &["x: conv1d(1, 3)", "narrow(dim=2, start=3, length=8)", "global_avgpool", "add(@, @x)"],
        &["x: conv1d(1, 3)", "avgpool1d(24)", "add(@, @x)"],
        // What strides leave out is seen by no pool and no linear layer.
        &["conv1d(1, 3, stride=5)", "global_avgpool"],
        &["conv1d(1, 3, stride=5)", "flatten", "linear(1)"],
        &["narrow(dim=2, start=4, length=12)", "conv1d(1, 3, stride=2)", "adaptive_avgpool1d(1)"],
        &["narrow(dim=2, start=4, length=12)", "avgpool1d(5)", "linear(1)"],
        &["conv1d(2, 3)", "adaptive_avgpool1d(7)"],
        &["adaptive_avgpool1d(12)", "conv1d(1, 2)"],
    ];
    for layers in drifting {
        let (graph, field) = described("[1, 27]", layers);
        let found = axes(field)[0];
        let analysis = analyze(&graph, &Options::default()).complete().unwrap();
        let shape = analysis.shape(graph.outputs()[0].value).unwrap();
        let last = usize::try_from(shape.dims().get(2).copied().unwrap_or(1)).unwrap();
        let at = |i: usize| if shape.rank() == 3 { vec![i] } else { vec![] };
        let outputs: Vec<Vec<usize>> = (0..last).map(at).collect();
        let seen = executed(&graph, &outputs);
        let ends: Vec<[i64; 2]> = seen.into_iter().map(|seen| seen.unwrap()[0]).collect();
        let extent = ends.iter().map(|[first, last]| last - first + 1).max().unwrap();
        assert_eq!(
            (i64::try_from(found.extent), found.start),
            (Ok(extent), ends[0][0]),
            "{layers:?}"
        );
    }
}

/// Public reports of receptive fields: an up-convolution as Keras writes it has an even window, and a pool of 2 behind an
/// upsampling begins between two elements that are alike. Values by hand.
#[test]
fn windows_behind_an_upsampling_depend_on_where_they_stand() {
    let field = |layers: &[&str]| {
        let axis = axes(described("[1, 16, 16]", layers).1)[0];
        (axis.extent, axis.stride.map(|stride| (*stride.numer(), *stride.denom())), axis.start)
    };
    let even = ["maxpool2d(2)", "upsample(scale_factor=2)", "conv2d(1, 2)"];
    assert_eq!(field(&even), (4, Some((1, 1)), 0));
    let transposed = ["maxpool2d(2)", "conv_transpose2d(1, 2, stride=2)", "conv2d(1, 2)"];
    assert_eq!(field(&transposed), (4, Some((1, 1)), 0));
    let over = ["upsample(scale_factor=2, mode='bilinear')", "avgpool2d(2, stride=2, padding=1)"];
    assert_eq!(field(&over), (2, Some((1, 1)), -1));
    // In the middle of three an element itself is seen: its neighbours have weights of 0.
    let third = ["upsample(scale_factor=3, mode='bicubic')", "slice(2, start=1, step=3)"];
    assert_eq!(field(&third), (1, Some((1, 1)), 0));
    // Odd positions see nothing, and what is taken of them sees nothing.
    let holes = ["conv_transpose2d(1, 1, stride=2)", "conv2d(1, 2, dilation=2)"];
    assert_eq!(field(&holes), (2, Some((1, 2)), 0));
    let nothing = ["conv_transpose2d(1, 1, stride=2)", "slice(2, start=1, step=2)"];
    assert_eq!(described("[1, 8, 8]", &nothing).1, Field::Unknown("it depends on no input"));
}

/// 140 at the bottom, at a stride of 16, and 4 such cells beside it; for a quarter of the outputs 3, which makes 188.
#[test]
fn unet_sees_204() {
    for name in ["unet", "unet_padded"] {
        let document = crate::common::network(name);
        let last = crate::common::analysis(&document).rows.pop().unwrap();
        let extents: Vec<u64> = axes(last.field).iter().map(|axis| axis.extent).collect();
        assert_eq!(extents, [204, 204], "{name}");
    }
}

/// A branch that sees every second row and column adds nothing to one that sees more; elsewhere what it adds depends on
/// both places, which is not known. On one axis it is.
#[test]
fn a_branch_with_holes_is_known_where_another_sees_more() {
    let met = |input, main: &str, shortcut: &str| {
        let layer = format!("residual:\n      - {main}\n    shortcut:\n      - {shortcut}");
        described(input, &[&layer]).1
    };
    let (map, holes) = ("[1, 8, 8]", "conv_transpose2d(1, 1, stride=2, output_padding=1)");
    let wider = "conv_transpose2d(1, 3, stride=2, padding=1, output_padding=1)";
    let axis = axes(met(map, wider, holes))[0];
    assert_eq!((axis.extent, axis.start, axis.aligned), (2, 0, true));
    let apart = "zero_pad2d([3, -3, 3, -3])\n      - upsample(scale_factor=2)";
    let field = met(map, apart, holes);
    assert_eq!(field, Field::Unknown("some positions of a branch see nothing of the input"));
    let apart = "zero_pad1d([3, -3])\n      - upsample(scale_factor=2)";
    let holes = "conv_transpose1d(1, 1, stride=2, output_padding=1)";
    let axis = axes(met("[1, 8]", apart, holes))[0];
    assert_eq!((axis.extent, axis.start, axis.aligned), (4, -3, false));
}

/// What is too long to be followed is said, and costs no time: 1,021 is a prime.
#[test]
fn a_pattern_that_repeats_too_late_is_not_known() {
    let once = ["upsample(size=1021)", "conv1d(1, 3)"];
    let axis = axes(described("[1, 1000]", &once).1)[0];
    assert_eq!((axis.extent, axis.start), (3, 0));
    let twice = [&once[..], &["upsample(size=1018)", "conv1d(1, 2)"]].concat();
    let (_, field) = described("[1, 1000]", &twice);
    assert!(matches!(field, Field::Unknown(why) if why.contains("too long")), "{field:?}");
}

/// A window of 23 on an input of 8, beside a pool of all: the same in every report.
#[test]
fn a_window_beyond_the_input_beside_a_gate_is_said_once() {
    let text = "model: m\ninput: [1, 8, 8]\nlayers:\n  - conv2d(1, 3, padding=1)\n  - conv2d(1, 3, padding=1)\n  - x: identity\n  \
                - conv2d(1, 7, padding=9, dilation=3)\n  - y: identity\n  - concat:\n     - identity\n     \
                - - global_avgpool(@x)\n       - upsample(size=8)\nexpect:\n  receptive_field: 23\n  layers: {concat: {receptive_field: 23}}\n";
    let path = file(&scratch("field_beside_a_gate"), "m.yaml", text);
    let table = page(&format!("{path} --columns name,rf"));
    let line = table.lines().find(|line| line.contains("concat")).unwrap();
    assert!(line.contains("23×23"), "{table}");
    let json: serde_json::Value =
        serde_json::from_str(&page(&format!("{path} --format json"))).unwrap();
    let layers = json["layers"].as_array().unwrap();
    let axis = &layers.last().unwrap()["receptive_field"][0];
    assert_eq!((axis["extent"].as_i64(), axis["start"].as_i64()), (Some(23), Some(-11)));
    let explained = page(&format!("explain {path} concat"));
    assert!(explained.contains("23 × 23 of the input, stride 1 × 1, from −11, −11"), "{explained}");
    assert!(page(&format!("list {path}")).contains("23×23"));
    let checked = run(&format!("check {path}"));
    assert_eq!(checked.status, 0, "{}", checked.stdout);
}

//! Tools that count networks of other frameworks, or files of them, as data.

use super::rule::Amount::{
    Inputs, NormRows, Outputs, SliceTaps, UngroupedMacs, Window, WindowDepth,
};
use super::rule::When::{Is, OnePosition};
use super::rule::{Convention, Term};
use super::terms::{
    AFFINE, BATCH_NORMS, BIAS, CONVS, LAYER_NORMS, MACS, MATRICES, POOLS, PRODUCTS, SUMS, TWO_MACS,
    UNTRACKED, case, rule, term,
};
use super::unruled;

/// onnx-tool multiplies by the first two extents of a window only where there are two.
const WINDOW_DEPTH: Term = term(1, WindowDepth, "window extents of pools");

pub(super) const KERAS: Convention = Convention {
    name: "keras",
    result: "FLOPs",
    title: "keras FLOPs",
    delta: "Δ keras FLOPs",
    formula: "2·MACs + bias adds + windows × outputs of pools + elements into global pools + joins + 5 per softmax element",
    version: "TensorFlow's profiler (float_operation), as keras-flops 0.1.2 asks it",
    found: "By the profiler's source; checked by keras-flops' own tests of single layers.",
    skips_heads: false,
    averages_modules: false,
    rules: &[
        rule(MATRICES, &[TWO_MACS, BIAS]),
        rule(POOLS, &[term(1, Window, "window taps of pools")]),
        rule(
            &["adaptive_avgpoolNd", "global_avgpool"],
            &[term(1, Inputs, "elements into global pools")],
        ),
        rule(&["add", "sub"], &[SUMS]),
        rule(&["mul", "scale"], &[PRODUCTS]),
        rule(&["softmax"], &[term(5, Inputs, "softmax elements")]),
    ],
    ignored: unruled::KERAS_IGNORED,
    undetermined: unruled::KERAS_UNDETERMINED,
    wrong: &[
        "Batch norm is fused and has no statistic, nor have ReLU and its kin: both count nothing.",
    ],
    notes: &[
        "A transposed convolution counts 2·MACs where its output is its input × stride (`padding='same'`).",
        "Layer norm and some activations depend on the operations that Keras makes of them; they are not counted here.",
        "No totals of this tool are among the golden files; the rule is checked against its own tests of single layers.",
    ],
};

pub(super) const NETSCOPE: Convention = Convention {
    name: "netscope",
    result: "MACC",
    title: "netscope MACC",
    delta: "Δ netscope MACC",
    formula: "MACs, groups ignored + 1 per element of scales and gates + window × elements of local response norm",
    version: "Netscope CNN Analyzer, analyzer.coffee at 1f687cb",
    found: "By its source; it was not run.",
    skips_heads: false,
    averages_modules: false,
    rules: &[
        rule(&["convNd"], &[term(1, UngroupedMacs, "MACs as if ungrouped")]),
        rule(&["conv_transposeNd", "linear"], &[MACS]),
        case(&[AFFINE], &["batchnormNd"], &[term(1, Outputs, "batch-norm elements")]),
        rule(&["scale"], &[term(1, Outputs, "scaled elements")]),
        rule(&["mul"], &[term(1, Outputs, "gated elements")]),
        rule(&["lrn"], &[term(1, Window, "window taps of LRN")]),
    ],
    ignored: unruled::NETSCOPE_IGNORED,
    undetermined: unruled::NETSCOPE_UNDETERMINED,
    wrong: &["Groups are ignored: a depthwise convolution counts as a full one."],
    notes: &[
        "Batch norm is two layers in Caffe, BatchNorm and Scale; only the second has MACC.",
        "Comparisons, additions, divisions and exponentials have columns of their own and are not in MACC.",
        "No totals of this tool are among the golden files.",
    ],
};

pub(super) const ONNX_TOOL: Convention = Convention {
    name: "onnx-tool",
    result: "MACs",
    title: "onnx-tool MACs",
    delta: "Δ onnx-tool MACs",
    formula: "MACs + bias adds + a price for each element of every other layer: 31 in batch norm, 1 in ReLU, 32 in a sigmoid",
    version: "onnx-tool 1.0.1",
    found: "By its source, on files that torch.onnx.export of PyTorch 2.15.0 writes at opset 17 in eval mode; checked by what it prints of single layers, `tests/golden/tools.csv`.",
    skips_heads: false,
    averages_modules: false,
    rules: &[
        rule(CONVS, &[term(1, SliceTaps, "MACs"), BIAS]),
        rule(&["linear"], &[MACS, BIAS]),
        case(&[UNTRACKED], BATCH_NORMS, &[term(36, Outputs, "elements with own statistics")]),
        rule(BATCH_NORMS, &[term(31, Outputs, "batch-norm elements")]),
        case(&[UNTRACKED], &["instancenormNd"], &[term(7, Outputs, "instance-norm elements")]),
        rule(&["instancenormNd"], &[term(31, Outputs, "batch-norm elements")]),
        rule(&["groupnorm"], &[term(9, Outputs, "group-norm elements")]),
        rule(
            LAYER_NORMS,
            &[term(7, Outputs, "layer-norm elements"), term(29, NormRows, "layer-norm rows")],
        ),
        rule(&["lrn"], &[term(37, Outputs, "LRN elements"), term(1, Window, "window taps of LRN")]),
        rule(&["relu", "abs"], &[term(1, Outputs, "rectified elements")]),
        rule(
            &["relu6", "hardtanh", "leaky_relu", "prelu"],
            &[term(2, Outputs, "activated elements")],
        ),
        rule(&["hardsigmoid"], &[term(4, Outputs, "activated elements")]),
        rule(&["hardswish"], &[term(5, Outputs, "activated elements")]),
        rule(&["softsign"], &[term(6, Outputs, "activated elements")]),
        rule(&["sigmoid"], &[term(32, Outputs, "activated elements")]),
        rule(&["silu"], &[term(33, Outputs, "activated elements")]),
        case(&[Is("approximate", "none")], &["gelu"], &[term(7, Outputs, "activated elements")]),
        rule(&["gelu"], &[term(84, Outputs, "activated elements")]),
        rule(&["elu"], &[term(35, Outputs, "activated elements")]),
        rule(&["logsigmoid"], &[term(75, Outputs, "activated elements")]),
        case(&[Is("beta", "1.0")], &["softplus"], &[term(76, Outputs, "activated elements")]),
        rule(&["softplus"], &[term(81, Outputs, "activated elements")]),
        rule(&["tanh"], &[term(76, Outputs, "activated elements")]),
        rule(&["mish"], &[term(153, Outputs, "activated elements")]),
        rule(&["softmax"], &[term(36, Outputs, "softmax elements")]),
        rule(&["log_softmax"], &[term(80, Outputs, "softmax elements")]),
        rule(
            &["maxpool1d", "maxpool2d", "avgpool1d", "avgpool2d"],
            &[term(1, Window, "window taps of pools")],
        ),
        rule(&["maxpool3d", "avgpool3d"], &[WINDOW_DEPTH]),
        case(
            &[OnePosition],
            &["adaptive_avgpoolNd"],
            &[
                term(1, Inputs, "elements into global pools"),
                term(4, Outputs, "elements from global pools"),
            ],
        ),
        rule(
            &[
                "adaptive_avgpool1d",
                "adaptive_avgpool2d",
                "adaptive_maxpool1d",
                "adaptive_maxpool2d",
            ],
            &[term(1, Inputs, "window taps of pools")],
        ),
        rule(&["adaptive_avgpool3d", "adaptive_maxpool3d"], &[WINDOW_DEPTH]),
        rule(
            &["global_avgpool", "global_maxpool"],
            &[term(1, Inputs, "elements into global pools")],
        ),
        rule(&["add", "sub"], &[SUMS]),
        rule(&["mul", "scale"], &[PRODUCTS]),
        case(&[Is("mode", "nearest")], &["upsample"], &[]),
        case(&[Is("mode", "bicubic")], &["upsample"], &[term(8, Outputs, "upsampled elements")]),
        rule(&["upsample"], &[term(4, Outputs, "upsampled elements")]),
    ],
    ignored: unruled::ONNX_TOOL_IGNORED,
    undetermined: unruled::ONNX_TOOL_UNDETERMINED,
    wrong: &[
        "A transposed convolution counts, for each output, the taps of one input channel on all output channels.",
        "tanh is priced twice; an error function, of which GELU is made, is free.",
        "A pool over three axes counts the first extent of its window only.",
        "A layer norm over several axes has rows as if it were over the first of them alone.",
        "A mean over all positions counts no division, a global average pool counts four an output.",
    ],
    notes: &[
        "What the tool sees is the exported file: torch folds batch norm into convolutions on the way there unless told \
         otherwise, and writes GELU, Mish, softsign, log-sigmoid, group norm and a softplus with another beta as several nodes.",
        "An adaptive pool is exported as a window where its extents divide, and not at all elsewhere; `nearest-exact` is not \
         exported either.",
        "Local response norm is priced by its node, as other exporters write it; torch writes it with a condition, at which the \
         tool stops.",
        "`global_avgpool` and `global_maxpool` are what the code writes as `x.mean(…)` and `x.amax(…)`.",
    ],
};

pub(super) const DARKNET: Convention = Convention {
    name: "darknet",
    result: "operations",
    title: "darknet FLOPs",
    delta: "Δ darknet FLOPs",
    formula: "2·MACs of convolutions and connected layers",
    version: "darknet by J. Redmon, darknet ops",
    found: "By its source; checked by the total that is published for YOLOv3.",
    skips_heads: false,
    averages_modules: false,
    rules: &[rule(MATRICES, &[TWO_MACS])],
    ignored: unruled::DARKNET,
    undetermined: &[],
    wrong: &[],
    notes: &[
        "A later fork, whose last line is `Total BFLOPS`, adds window taps of pools and sums of shortcuts, and leaves \
             connected layers out: 65.879 where this prints 65.86 for YOLOv3.",
    ],
};

//! Every convention, as data: read here, and `docs/conventions.md` is written from it.
//!
//! A rule comes from a tool's source and documentation, and holds to the last digit for the totals in
//! `tests/golden/torchvision` where these have the tool. A convention more is an entry in [`ALL`], and what its tool does
//! with the other operators in `unruled`.

use super::Amount::{
    Adds, Cmps, Divs, Inputs, Macs, Muls, Outputs, Positions, Rows, SliceTaps, Specials, Tensors,
    UngroupedMacs, WeightTaps, Window,
};
use super::{Amount, Convention, Rule, Term, unruled};

const fn term(times: i64, of: Amount, what: &'static str) -> Term {
    Term { times, of, what }
}

const fn rule(ops: &'static [&'static str], terms: &'static [Term]) -> Rule {
    Rule { ops, case: None, terms }
}

/// A rule for one value of an argument.
const fn case(
    arg: &'static str,
    value: &'static str,
    ops: &'static [&'static str],
    terms: &'static [Term],
) -> Rule {
    Rule { ops, case: Some((arg, value)), terms }
}

/// Layers with a matrix or a kernel, which all conventions count.
const MATRICES: &[&str] = &["convNd", "conv_transposeNd", "linear"];
const CONVS: &[&str] = &["convNd", "conv_transposeNd"];
/// Norms that take their own statistics, with `affine`.
const OWN_NORMS: &[&str] = &["groupnorm", "instancenormNd"];
const LAYER_NORMS: &[&str] = &["layernorm", "layernormNd"];
const POOLS: &[&str] = &["maxpoolNd", "avgpoolNd"];
const ADAPTIVE_POOLS: &[&str] = &["adaptive_avgpoolNd", "adaptive_maxpoolNd"];

const MACS: Term = term(1, Macs, "MACs");
const TWO_MACS: Term = term(2, Macs, "MACs");
const BIAS: Term = term(1, Adds, "bias adds");
const SUMS: Term = term(1, Adds, "adds of joins");
const PRODUCTS: Term = term(1, Muls, "multiplies of joins");
const POOLED: Term = term(1, Inputs, "elements into pools");

/// fvcore's handles, which timm's benchmark uses as they are.
const FVCORE: &[Rule] = &[
    rule(MATRICES, &[MACS]),
    case("affine", "true", &["batchnormNd"], &[term(2, Inputs, "batch-norm elements")]),
    rule(&["batchnormNd"], &[term(1, Inputs, "batch-norm elements")]),
    case("affine", "true", OWN_NORMS, &[term(5, Inputs, "norm elements")]),
    rule(OWN_NORMS, &[term(4, Inputs, "norm elements")]),
    case("elementwise_affine", "true", LAYER_NORMS, &[term(5, Inputs, "layer-norm elements")]),
    rule(LAYER_NORMS, &[term(4, Inputs, "layer-norm elements")]),
    rule(&["adaptive_avgpool2d"], &[term(1, Inputs, "elements into adaptive pools")]),
    case("mode", "nearest", &["upsample"], &[term(1, Outputs, "upsampled elements")]),
    case("mode", "bilinear", &["upsample"], &[term(4, Outputs, "upsampled elements")]),
];

const IN_EVAL: &str = "The rule is that of eval mode, in train mode too.";
const BY_MEAN: &str = "A pool that the network's code writes as `x.mean(…)`, as torchvision's MNASNet and ShuffleNet do, \
    is none for the tool; a description says `adaptive_avgpool2d` all the same.";

/// The default: the whole ledger.
pub const CNNSTAT: Convention = Convention {
    name: "cnnstat",
    result: "FLOPs",
    title: "FLOPs",
    delta: "Δ FLOPs",
    formula: "2·MACs + every other operation",
    version: "this tool, and the default",
    skips_heads: false,
    rules: &[rule(
        &["*"],
        &[
            TWO_MACS,
            term(1, Adds, "adds"),
            term(1, Muls, "multiplies"),
            term(1, Divs, "divisions"),
            term(1, Cmps, "comparisons"),
            term(1, Specials, "special functions"),
        ],
    )],
    ignored: &[],
    undetermined: &[],
    wrong: &[],
    notes: &[],
};

/// Every convention, the default first.
pub const ALL: &[Convention] = &[
    CNNSTAT,
    Convention {
        name: "macs",
        result: "MACs",
        title: "all MACs",
        delta: "Δ all MACs",
        formula: "MACs",
        version: "this tool: the ledger's multiply-accumulates, auxiliary heads and interpolation among them",
        skips_heads: false,
        rules: &[rule(&["*"], &[MACS])],
        ignored: &[],
        undetermined: &[],
        wrong: &[],
        notes: &[],
    },
    Convention {
        name: "torchvision",
        result: "GFLOPS",
        title: "torchvision FLOPs",
        delta: "Δ torchvision FLOPs",
        formula: "MACs of convolutions and linear layers",
        version: "torchvision 0.29.2, _ops of its weights",
        skips_heads: true,
        rules: &[rule(MATRICES, &[MACS])],
        ignored: unruled::TORCHVISION,
        undetermined: &[],
        wrong: &["What is called GFLOPS are MACs, in thousand millions."],
        notes: &["Printed to three decimals."],
    },
    Convention {
        name: "torch",
        result: "FLOPs",
        title: "torch FLOPs",
        delta: "Δ torch FLOPs",
        formula: "2·MACs of convolutions and linear layers",
        version: "PyTorch 2.15.0, torch.utils.flop_counter.FlopCounterMode",
        skips_heads: true,
        rules: &[rule(MATRICES, &[TWO_MACS])],
        ignored: unruled::TORCH,
        undetermined: &[],
        wrong: &[],
        notes: &[
            "Only products of matrices and kernels count: no bias, no norm, no activation, no pool.",
        ],
    },
    Convention {
        name: "torchinfo",
        result: "mult-adds",
        title: "torchinfo mult-adds",
        delta: "Δ torchinfo mult-adds",
        formula: "weight and bias × output positions of convolutions; weight and bias × batch of all other layers",
        version: "torchinfo 1.8.0",
        skips_heads: true,
        rules: &[
            rule(CONVS, &[term(1, WeightTaps, "weights × positions out"), BIAS]),
            rule(
                &[
                    "linear",
                    "batchnormNd",
                    "layernorm",
                    "layernormNd",
                    "groupnorm",
                    "instancenormNd",
                    "prelu",
                ],
                &[term(1, Tensors, "other parameters × batch")],
            ),
        ],
        ignored: unruled::TORCHINFO,
        undetermined: &[],
        wrong: &[
            "A transposed convolution counts output positions: stride² as many as there are (2-D).",
            "A linear layer counts once a sample, whatever axes there are between: ConvNeXt's are far too low.",
            "A norm counts its parameters, not its elements.",
        ],
        notes: &[
            "A parameter whose name has neither weight nor bias in it (ConvNeXt's layer scale) counts nothing.",
        ],
    },
    Convention {
        name: "fvcore",
        result: "flops",
        title: "fvcore flops",
        delta: "Δ fvcore flops",
        formula: "MACs + 2 per batch-norm element + 5 per element of other norms + elements into adaptive pools",
        version: "fvcore 0.1.5.post20221221, FlopCountAnalysis",
        skips_heads: true,
        rules: FVCORE,
        ignored: unruled::FVCORE,
        undetermined: &[],
        wrong: &["One fused multiply-add is one flop, but a norm's multiply and add are two."],
        notes: &[
            "Windowed pools, activations, sums and gates are not supported: the tool lists them and counts nothing.",
            BY_MEAN,
            IN_EVAL,
        ],
    },
    Convention {
        name: "timm",
        result: "GMACs",
        title: "timm MACs",
        delta: "Δ timm MACs",
        formula: "as fvcore",
        version: "timm's benchmark.py, which asks fvcore 0.1.5.post20221221",
        skips_heads: true,
        rules: FVCORE,
        ignored: unruled::FVCORE,
        undetermined: &[],
        wrong: &["What is called MACs has norms and adaptive pools in it, which have no MACs."],
        notes: &[
            "timm's own networks differ from torchvision's in places; the rule is applied to the description.",
            BY_MEAN,
            IN_EVAL,
        ],
    },
    Convention {
        name: "ptflops",
        result: "MACs",
        title: "ptflops MACs",
        delta: "Δ ptflops MACs",
        formula: "MACs + bias adds + 2 per element of batch norms and ReLUs and into pools + 1 per element of some others",
        version: "ptflops 0.7.5, backend pytorch",
        skips_heads: true,
        rules: &[
            rule(MATRICES, &[MACS, BIAS]),
            case(
                "affine",
                "true",
                &["batchnormNd", "groupnorm", "instancenormNd"],
                &[term(2, Inputs, "batch-norm elements")],
            ),
            rule(
                &["batchnormNd", "groupnorm", "instancenormNd"],
                &[term(1, Inputs, "batch-norm elements")],
            ),
            rule(&["layernorm"], &[term(1, Inputs, "layer-norm elements")]),
            rule(&["relu", "prelu", "elu", "gelu"], &[term(2, Outputs, "activated elements")]),
            rule(
                &["relu6", "leaky_relu", "silu", "softmax"],
                &[term(1, Outputs, "activated elements")],
            ),
            rule(POOLS, &[term(2, Inputs, "elements into pools")]),
            rule(ADAPTIVE_POOLS, &[term(2, Inputs, "elements into pools")]),
            rule(&["upsample"], &[term(2, Outputs, "upsampled elements")]),
        ],
        ignored: unruled::PTFLOPS,
        undetermined: &[],
        wrong: &[
            "What a module does by calling a function counts twice, once as the module and once as the function: ReLU, \
             PReLU, ELU, GELU, pools, upsampling.",
            "Activations and pools count as MACs.",
        ],
        notes: &[
            "A function that the network's code calls without a module (`F.relu`) counts once. A description does not say \
             which it is; modules are assumed.",
            "Sums and gates written with `+` and `*` count nothing.",
            BY_MEAN,
        ],
    },
    Convention {
        name: "ptflops-aten",
        result: "MACs",
        title: "ptflops MACs",
        delta: "Δ ptflops MACs",
        formula: "MACs + bias adds",
        version: "ptflops 0.7.5, backend aten",
        skips_heads: true,
        rules: &[rule(MATRICES, &[MACS, BIAS])],
        ignored: unruled::PTFLOPS_ATEN,
        undetermined: &[],
        wrong: &[],
        notes: &["Only convolutions and products of matrices are seen."],
    },
    Convention {
        name: "thop",
        result: "MACs",
        title: "thop MACs",
        delta: "Δ thop MACs",
        formula: "MACs + 4 per norm element + elements from average pools + elements into and from adaptive ones",
        version: "thop 0.1.1.post2209072238",
        skips_heads: true,
        rules: &[
            rule(&["convNd", "linear"], &[MACS]),
            rule(&["conv_transposeNd"], &[term(1, WeightTaps, "weights × positions out")]),
            case("affine", "true", &["batchnormNd"], &[term(4, Inputs, "batch-norm elements")]),
            rule(&["batchnormNd"], &[term(2, Inputs, "batch-norm elements")]),
            case(
                "affine",
                "true",
                &["instancenormNd"],
                &[term(4, Inputs, "instance-norm elements")],
            ),
            rule(&["instancenormNd"], &[term(2, Inputs, "instance-norm elements")]),
            case(
                "elementwise_affine",
                "true",
                &["layernorm"],
                &[term(4, Inputs, "layer-norm elements")],
            ),
            rule(&["layernorm"], &[term(2, Inputs, "layer-norm elements")]),
            rule(&["prelu"], &[term(1, Inputs, "activated elements")]),
            rule(
                &["softmax"],
                &[term(3, Inputs, "softmax elements"), term(-1, Rows, "softmax rows")],
            ),
            rule(&["avgpoolNd"], &[term(1, Outputs, "elements from average pools")]),
            rule(
                &["adaptive_avgpoolNd"],
                &[
                    term(1, Inputs, "elements into adaptive pools"),
                    term(1, Outputs, "elements from adaptive pools"),
                ],
            ),
            case("mode", "nearest", &["upsample"], &[term(1, Outputs, "upsampled elements")]),
            case("mode", "linear", &["upsample"], &[term(5, Outputs, "upsampled elements")]),
            case("mode", "bilinear", &["upsample"], &[term(11, Outputs, "upsampled elements")]),
            case("mode", "bicubic", &["upsample"], &[term(259, Outputs, "upsampled elements")]),
        ],
        ignored: unruled::THOP,
        undetermined: &[],
        wrong: &[
            "A batch norm with scale and shift counts four operations an element, where one multiply and one add are done; \
             the factor for both is applied twice.",
            "A transposed convolution counts output positions: stride² as many as there are (2-D).",
        ],
        notes: &[
            "Only modules are seen, and of their own class: a pool called as a function (`F.adaptive_avg_pool2d`, as in \
             torchvision's DenseNet, MobileNet v2 and Inception v3) counts nothing, nor does a norm of channels, which \
             torchvision derives from layer norm. A description does not say whether a pool is a module; modules are assumed.",
            BY_MEAN,
        ],
    },
    Convention {
        name: "calflops",
        result: "FLOPs",
        title: "calflops FLOPs",
        delta: "Δ calflops FLOPs",
        formula: "2·MACs + bias adds of convolutions + 2 per batch-norm element + activated elements + elements into pools",
        version: "calflops 0.3.2",
        skips_heads: true,
        rules: &[
            rule(CONVS, &[TWO_MACS, BIAS]),
            rule(&["linear"], &[TWO_MACS]),
            case("affine", "true", &["batchnormNd"], &[term(2, Inputs, "batch-norm elements")]),
            rule(&["batchnormNd"], &[term(1, Inputs, "batch-norm elements")]),
            case("affine", "true", OWN_NORMS, &[term(5, Inputs, "norm elements")]),
            rule(OWN_NORMS, &[term(4, Inputs, "norm elements")]),
            case(
                "elementwise_affine",
                "true",
                LAYER_NORMS,
                &[term(5, Inputs, "layer-norm elements")],
            ),
            rule(LAYER_NORMS, &[term(4, Inputs, "layer-norm elements")]),
            rule(
                &["relu", "prelu", "elu", "leaky_relu", "silu", "gelu", "softmax"],
                &[term(1, Inputs, "activated elements")],
            ),
            rule(POOLS, &[POOLED]),
            rule(ADAPTIVE_POOLS, &[POOLED]),
            case("size", "none", &["upsample"], &[term(1, Inputs, "elements into upsampling")]),
            rule(&["upsample"], &[term(1, Positions, "upsampled positions")]),
        ],
        ignored: unruled::CALFLOPS,
        undetermined: &[],
        wrong: &[
            "The bias of a linear layer does not count, that of a convolution does.",
            "Upsampling by a factor counts the elements that come in; to a size, that size without channels.",
        ],
        notes: &[
            "ReLU6, hard swish and hard sigmoid run functions that the tool does not watch, and count nothing; neither do \
             sums and gates written with `+` and `*`.",
            "The bias of a transposed convolution is counted here once an output; the tool takes another extent for it.",
            BY_MEAN,
            IN_EVAL,
        ],
    },
    Convention {
        name: "keras",
        result: "FLOPs",
        title: "keras FLOPs",
        delta: "Δ keras FLOPs",
        formula: "2·MACs + bias adds + windows × outputs of pools + elements into global pools + joins + 5 per softmax element",
        version: "TensorFlow's profiler (float_operation), as keras-flops 0.1.2 asks it",
        skips_heads: false,
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
    },
    Convention {
        name: "netscope",
        result: "MACC",
        title: "netscope MACC",
        delta: "Δ netscope MACC",
        formula: "MACs, groups ignored + 1 per element of scales and gates + window × elements of local response norm",
        version: "Netscope CNN Analyzer, analyzer.coffee at 1f687cb",
        skips_heads: false,
        rules: &[
            rule(&["convNd"], &[term(1, UngroupedMacs, "MACs as if ungrouped")]),
            rule(&["conv_transposeNd", "linear"], &[MACS]),
            case("affine", "true", &["batchnormNd"], &[term(1, Outputs, "batch-norm elements")]),
            rule(&["scale"], &[term(1, Outputs, "scaled elements")]),
            rule(&["mul"], &[term(1, Outputs, "gated elements")]),
            rule(&["lrn"], &[term(1, Window, "window taps of LRN")]),
        ],
        ignored: unruled::NETSCOPE_IGNORED,
        undetermined: unruled::NETSCOPE_UNDETERMINED,
        wrong: &["Groups are ignored: a depthwise convolution counts as a full one."],
        notes: &[
            "Batch norm is two layers in Caffe, BatchNorm and Scale; only the second has MACC.",
            "Comparisons, additions, divisions and exponentials stand in columns of their own and are not in MACC.",
            "No totals of this tool are among the golden files.",
        ],
    },
    Convention {
        name: "onnx-tool",
        result: "MACs",
        title: "onnx-tool MACs",
        delta: "Δ onnx-tool MACs",
        formula: "MACs + bias adds + a price for each element of every other layer: 31 in batch norm, 1 in ReLU, 32 in a sigmoid",
        version: "onnx-tool 1.0.1",
        skips_heads: false,
        rules: &[
            rule(CONVS, &[term(1, SliceTaps, "MACs"), BIAS]),
            rule(&["linear"], &[MACS, BIAS]),
            rule(&["batchnormNd"], &[term(31, Outputs, "batch-norm elements")]),
            rule(
                LAYER_NORMS,
                &[term(7, Outputs, "layer-norm elements"), term(29, Specials, "layer-norm rows")],
            ),
            rule(
                &["lrn"],
                &[term(37, Outputs, "LRN elements"), term(1, Window, "window taps of LRN")],
            ),
            rule(&["relu"], &[term(1, Outputs, "rectified elements")]),
            rule(
                &["relu6", "hardtanh", "leaky_relu", "prelu"],
                &[term(2, Outputs, "activated elements")],
            ),
            rule(&["hardsigmoid"], &[term(4, Outputs, "activated elements")]),
            rule(&["hardswish"], &[term(5, Outputs, "activated elements")]),
            rule(&["sigmoid"], &[term(32, Outputs, "activated elements")]),
            rule(&["silu"], &[term(33, Outputs, "activated elements")]),
            rule(&["gelu"], &[term(34, Outputs, "activated elements")]),
            rule(&["elu"], &[term(35, Outputs, "activated elements")]),
            rule(&["tanh", "softplus"], &[term(76, Outputs, "activated elements")]),
            rule(&["softmax"], &[term(36, Outputs, "softmax elements")]),
            rule(&["log_softmax"], &[term(80, Outputs, "softmax elements")]),
            rule(POOLS, &[term(1, Window, "window taps of pools")]),
            rule(
                &["adaptive_avgpoolNd", "global_avgpool"],
                &[
                    term(1, Inputs, "elements into global pools"),
                    term(4, Outputs, "elements from global pools"),
                ],
            ),
            rule(&["add", "sub"], &[SUMS]),
            rule(&["mul", "scale"], &[PRODUCTS]),
            case("mode", "nearest", &["upsample"], &[]),
            case("mode", "bicubic", &["upsample"], &[term(8, Outputs, "upsampled elements")]),
            rule(&["upsample"], &[term(4, Outputs, "upsampled elements")]),
        ],
        ignored: unruled::ONNX_TOOL_IGNORED,
        undetermined: unruled::ONNX_TOOL_UNDETERMINED,
        wrong: &[
            "A transposed convolution counts, for each output, the taps of one input channel on all output channels.",
            "tanh is priced twice.",
        ],
        notes: &[
            "What the tool sees is the exported file: torch folds batch norm into convolutions on the way there unless told \
             otherwise, and writes some activations as several nodes.",
            "No totals of this tool are among the golden files.",
        ],
    },
    Convention {
        name: "darknet",
        result: "operations",
        title: "darknet FLOPs",
        delta: "Δ darknet FLOPs",
        formula: "2·MACs of convolutions and connected layers",
        version: "darknet by J. Redmon, darknet ops",
        skips_heads: false,
        rules: &[rule(MATRICES, &[TWO_MACS])],
        ignored: unruled::DARKNET,
        undetermined: &[],
        wrong: &[],
        notes: &[
            "A later fork, whose last line is `Total BFLOPS`, adds window taps of pools and sums of shortcuts, and leaves \
             connected layers out: 65.879 where this prints 65.86 for YOLOv3.",
        ],
    },
];

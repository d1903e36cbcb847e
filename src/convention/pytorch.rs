//! Tools that count PyTorch networks, as data. `tests/golden/tools.csv` has what each prints of single layers.

use super::rule::Amount::{
    Adds, ConvolvedBias, HalvedAdds, HalvedMacs, Inputs, Macs, Outputs, PaddedInputs,
    RegroupedMacs, Rows, SampleOutputs, ScaledInputs, SizeWritten, Tensors, WeightTaps,
};
use super::rule::When::{Axes, Is, Training};
use super::rule::{Convention, Rule, Term};
use super::terms::{
    ADAPTIVE_POOLS, AFFINE, BATCH_NORMS, BIAS, CONVS, ELEMENTWISE, LAYER_NORMS, MACS, MATRICES,
    OWN_NORMS, POOLED, POOLS, TWO_MACS, UNTRACKED, case, function, module, rule, term,
};
use super::unruled;

const PTFLOPS_NORMS: &[&str] = &["batchnormNd", "groupnorm", "instancenormNd"];
const BY_ACTIVATION: Term = term(1, Outputs, "again, by function");
const BY_POOL: Term = term(1, Inputs, "again, by function");
/// Batch norm over the batch's own statistics, with scale and shift and without.
const OWN_STATISTICS_5: Term = term(5, Inputs, "elements with own statistics");
const OWN_STATISTICS_4: Term = term(4, Inputs, "elements with own statistics");

/// Local response norm by what torch's function calls: an average pool of the padded squares, then two multiplications and
/// an addition; a power and a division are not watched.
const LRN_BY_PARTS: &[Term] =
    &[term(1, PaddedInputs, "elements into LRN's pool"), term(3, Inputs, "LRN products and sums")];

/// fvcore's handles, which timm's benchmark uses as they are.
const FVCORE_RULES: &[Rule] = &[
    case(&[Is("padding", "same")], &["convNd"], &[]),
    case(&[Is("padding", "valid")], &["convNd"], &[]),
    rule(MATRICES, &[MACS]),
    case(&[UNTRACKED, AFFINE], BATCH_NORMS, &[OWN_STATISTICS_5]),
    case(&[UNTRACKED], BATCH_NORMS, &[OWN_STATISTICS_4]),
    case(&[Training, AFFINE], BATCH_NORMS, &[OWN_STATISTICS_5]),
    case(&[Training], BATCH_NORMS, &[OWN_STATISTICS_4]),
    case(&[AFFINE], BATCH_NORMS, &[term(2, Inputs, "batch-norm elements")]),
    rule(BATCH_NORMS, &[term(1, Inputs, "batch-norm elements")]),
    case(&[AFFINE], OWN_NORMS, &[term(5, Inputs, "norm elements")]),
    rule(OWN_NORMS, &[term(4, Inputs, "norm elements")]),
    case(&[ELEMENTWISE], LAYER_NORMS, &[term(5, Inputs, "layer-norm elements")]),
    rule(LAYER_NORMS, &[term(4, Inputs, "layer-norm elements")]),
    rule(&["adaptive_avgpool2d"], &[term(1, Inputs, "elements into adaptive pools")]),
    case(
        &[Is("mode", "nearest"), Axes(4)],
        &["upsample"],
        &[term(1, Outputs, "upsampled elements")],
    ),
    case(&[Is("mode", "bilinear")], &["upsample"], &[term(4, Outputs, "upsampled elements")]),
];

/// How most of these rules were found.
const RUN: &str = "By its source; checked by what it prints of single layers, `tests/golden/tools.csv`, and of 29 networks, \
    `tests/golden/torchvision`.";
const SAME_IS_NOTHING: &str = "A convolution with padding='same' or 'valid' counts nothing: torch calls another operator for it, \
    `aten::_convolution_mode`, which fvcore does not know.";
const OWN_STATISTICS: &str = "Batch norm over the batch's own statistics, in train mode or with track_running_stats=false, counts \
    as the norms that always take their own.";
const LRN_PARTS: &str = "Local response norm is a function of torch that pads the squares by size − 1 channels, pools them, and \
    multiplies, adds, raises and divides; pool, products and sum are watched.";
const SETS_EVAL: &str = "The tool sets eval mode itself; the rule is the same with `--mode train`.";

pub(super) const TORCHVISION: Convention = Convention {
    name: "torchvision",
    result: "GFLOPS",
    title: "torchvision FLOPs",
    delta: "Δ torchvision FLOPs",
    formula: "MACs of convolutions and linear layers",
    version: "torchvision 0.29.2, _ops of its weights",
    found: "By `_ops` of its weights, which torch's FlopCounterMode made; checked by the totals of 29 networks.",
    skips_heads: true,
    averages_modules: false,
    rules: &[rule(MATRICES, &[MACS])],
    ignored: unruled::TORCHVISION,
    undetermined: &[],
    wrong: &["What is called GFLOPS are MACs, in thousand millions."],
    notes: &["Printed to three decimals."],
};

pub(super) const TORCH: Convention = Convention {
    name: "torch",
    result: "FLOPs",
    title: "torch FLOPs",
    delta: "Δ torch FLOPs",
    formula: "2·MACs of convolutions and linear layers",
    version: "PyTorch 2.15.0, torch.utils.flop_counter.FlopCounterMode",
    found: RUN,
    skips_heads: true,
    averages_modules: false,
    rules: &[rule(MATRICES, &[TWO_MACS])],
    ignored: unruled::TORCH,
    undetermined: &[],
    wrong: &[],
    notes: &[
        "Only products of matrices and kernels count: no bias, no norm, no activation, no pool.",
    ],
};

pub(super) const TORCHINFO: Convention = Convention {
    name: "torchinfo",
    result: "mult-adds",
    title: "torchinfo mult-adds",
    delta: "Δ torchinfo mult-adds",
    formula: "weight and bias × output positions of convolutions; weight and bias × batch of all other layers",
    version: "torchinfo 1.8.0",
    found: RUN,
    skips_heads: true,
    averages_modules: false,
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
};

pub(super) const FVCORE: Convention = Convention {
    name: "fvcore",
    result: "flops",
    title: "fvcore flops",
    delta: "Δ fvcore flops",
    formula: "MACs + 2 per batch-norm element + 5 per element of other norms + elements into adaptive pools",
    version: "fvcore 0.1.5.post20221221, FlopCountAnalysis",
    found: RUN,
    skips_heads: true,
    averages_modules: false,
    rules: FVCORE_RULES,
    ignored: unruled::FVCORE,
    undetermined: &[],
    wrong: &[
        "One fused multiply-add is one flop, but a norm's multiply and add are two.",
        SAME_IS_NOTHING,
    ],
    notes: &[
        "Windowed pools, activations, sums and gates are not supported: the tool lists them and counts nothing.",
        OWN_STATISTICS,
    ],
};

pub(super) const TIMM: Convention = Convention {
    name: "timm",
    result: "GMACs",
    title: "timm MACs",
    delta: "Δ timm MACs",
    formula: "as fvcore",
    version: "timm's benchmark.py, which asks fvcore 0.1.5.post20221221",
    found: "By the source of its benchmark.py, which prints fvcore's total; checked as fvcore.",
    skips_heads: true,
    averages_modules: false,
    rules: FVCORE_RULES,
    ignored: unruled::FVCORE,
    undetermined: &[],
    wrong: &[
        "What is called MACs has norms and adaptive pools in it, which have no MACs.",
        SAME_IS_NOTHING,
    ],
    notes: &[
        "timm's own networks differ from torchvision's in places; the rule is applied to the description.",
        OWN_STATISTICS,
    ],
};

pub(super) const PTFLOPS: Convention = Convention {
    name: "ptflops",
    result: "MACs",
    title: "ptflops MACs",
    delta: "Δ ptflops MACs",
    formula: "MACs + bias adds + 2 per element of batch norms and ReLUs and into pools + 1 per element of some others",
    version: "ptflops 0.7.5, backend pytorch",
    found: RUN,
    skips_heads: true,
    averages_modules: true,
    rules: &[
        rule(MATRICES, &[module(1, Macs, "MACs"), module(1, Adds, "bias adds")]),
        case(&[AFFINE], PTFLOPS_NORMS, &[module(2, Inputs, "norm elements")]),
        rule(PTFLOPS_NORMS, &[module(1, Inputs, "norm elements")]),
        rule(&["layernorm"], &[module(1, Inputs, "norm elements")]),
        rule(&["lrn"], LRN_BY_PARTS),
        rule(
            &["relu", "prelu", "elu", "gelu"],
            &[module(1, Outputs, "activated elements"), BY_ACTIVATION],
        ),
        rule(
            &["relu6"],
            &[module(1, Outputs, "activated elements"), function(1, Outputs, "activated elements")],
        ),
        rule(&["leaky_relu"], &[module(1, Outputs, "activated elements")]),
        rule(&["silu", "softmax"], &[term(1, Outputs, "activated elements")]),
        rule(POOLS, &[module(1, Inputs, "elements into pools"), BY_POOL]),
        rule(ADAPTIVE_POOLS, &[module(1, Inputs, "elements into pools"), BY_POOL]),
        case(
            &[Is("size", "none")],
            &["upsample"],
            &[
                module(1, SampleOutputs, "upsampled elements"),
                term(1, ScaledInputs, "inputs × factors, by function"),
            ],
        ),
        rule(
            &["upsample"],
            &[
                module(1, SampleOutputs, "upsampled elements"),
                term(1, Outputs, "again, by function"),
            ],
        ),
    ],
    ignored: unruled::PTFLOPS,
    undetermined: &[],
    wrong: &[
        "What a module does by calling a function counts twice, once as the module and once as the function: ReLU, \
             PReLU, ELU, GELU, pools, upsampling.",
        "Activations and pools count as MACs.",
        "At a batch above one, what modules count is divided by the batch; what functions count is not. The module of upsampling \
         counts its first sample only, and is divided all the same.",
        "The function of upsampling by a factor counts the elements that come in × the factor of each axis, whole or not; \
         factors in a list are rounded down first.",
    ],
    notes: &[
        "A function that the network's code calls without a module (`F.relu`) counts once; leaky ReLU then counts nothing.",
        LRN_PARTS,
        "Sums and gates written with `+` and `*` count nothing.",
        SETS_EVAL,
    ],
};

pub(super) const PTFLOPS_ATEN: Convention = Convention {
    name: "ptflops-aten",
    result: "MACs",
    title: "ptflops MACs",
    delta: "Δ ptflops MACs",
    formula: "MACs + bias adds",
    version: "ptflops 0.7.5, backend aten",
    found: RUN,
    skips_heads: true,
    averages_modules: false,
    rules: &[rule(MATRICES, &[MACS, BIAS])],
    ignored: unruled::PTFLOPS_ATEN,
    undetermined: &[],
    wrong: &[],
    notes: &["Only convolutions and products of matrices are seen."],
};

pub(super) const THOP: Convention = Convention {
    name: "thop",
    result: "MACs",
    title: "thop MACs",
    delta: "Δ thop MACs",
    formula: "MACs + 4 per norm element + elements from average pools + elements into and from adaptive ones",
    version: "thop 0.1.1.post2209072238",
    found: RUN,
    skips_heads: true,
    averages_modules: false,
    rules: &[
        rule(&["convNd", "linear"], &[MACS]),
        rule(&["conv_transposeNd"], &[module(1, WeightTaps, "weights × positions out")]),
        case(&[AFFINE], &["batchnormNd"], &[module(4, Inputs, "batch-norm elements")]),
        rule(&["batchnormNd"], &[module(2, Inputs, "batch-norm elements")]),
        case(&[AFFINE], &["instancenormNd"], &[module(4, Inputs, "instance-norm elements")]),
        rule(&["instancenormNd"], &[module(2, Inputs, "instance-norm elements")]),
        case(&[ELEMENTWISE], &["layernorm"], &[module(4, Inputs, "layer-norm elements")]),
        rule(&["layernorm"], &[module(2, Inputs, "layer-norm elements")]),
        rule(&["prelu"], &[module(1, Inputs, "activated elements")]),
        rule(
            &["softmax"],
            &[module(3, Inputs, "softmax elements"), module(-1, Rows, "softmax rows")],
        ),
        rule(&["avgpoolNd"], &[module(1, Outputs, "elements from average pools")]),
        rule(
            &["adaptive_avgpoolNd"],
            &[
                module(1, Inputs, "elements into adaptive pools"),
                module(1, Outputs, "elements from adaptive pools"),
            ],
        ),
        case(&[Is("mode", "nearest")], &["upsample"], &[module(1, Outputs, "upsampled elements")]),
        case(&[Is("mode", "linear")], &["upsample"], &[module(5, Outputs, "upsampled elements")]),
        case(
            &[Is("mode", "bilinear")],
            &["upsample"],
            &[module(11, Outputs, "upsampled elements")],
        ),
        case(
            &[Is("mode", "bicubic")],
            &["upsample"],
            &[module(259, Outputs, "upsampled elements")],
        ),
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
         torchvision derives from layer norm.",
        SETS_EVAL,
    ],
};

pub(super) const CALFLOPS: Convention = Convention {
    name: "calflops",
    result: "FLOPs",
    title: "calflops FLOPs",
    delta: "Δ calflops FLOPs",
    formula: "2·MACs + bias adds of convolutions + 2 per batch-norm element + activated elements + elements into pools",
    version: "calflops 0.3.2",
    found: RUN,
    skips_heads: true,
    averages_modules: false,
    rules: &[
        case(
            &[Is("padding", "same")],
            &["convNd"],
            &[
                term(2, HalvedMacs, "MACs, padding halved"),
                term(1, HalvedAdds, "bias adds, padding halved"),
            ],
        ),
        rule(&["convNd"], &[TWO_MACS, BIAS]),
        rule(
            &["conv_transposeNd"],
            &[
                term(2, RegroupedMacs, "MACs, divided by groups twice"),
                term(1, ConvolvedBias, "bias adds, as if convolved"),
            ],
        ),
        rule(&["linear"], &[TWO_MACS]),
        case(&[UNTRACKED, AFFINE], BATCH_NORMS, &[OWN_STATISTICS_5]),
        case(&[UNTRACKED], BATCH_NORMS, &[OWN_STATISTICS_4]),
        case(&[AFFINE], BATCH_NORMS, &[term(2, Inputs, "batch-norm elements")]),
        rule(BATCH_NORMS, &[term(1, Inputs, "batch-norm elements")]),
        case(&[AFFINE], OWN_NORMS, &[term(5, Inputs, "norm elements")]),
        rule(OWN_NORMS, &[term(4, Inputs, "norm elements")]),
        case(&[ELEMENTWISE], LAYER_NORMS, &[term(5, Inputs, "layer-norm elements")]),
        rule(LAYER_NORMS, &[term(4, Inputs, "layer-norm elements")]),
        rule(&["lrn"], LRN_BY_PARTS),
        rule(
            &["relu", "prelu", "elu", "leaky_relu", "silu", "gelu", "softmax"],
            &[term(1, Inputs, "activated elements")],
        ),
        rule(&["relu6"], &[function(1, Inputs, "activated elements")]),
        rule(POOLS, &[POOLED]),
        rule(ADAPTIVE_POOLS, &[POOLED]),
        case(&[Is("size", "none")], &["upsample"], &[term(1, Inputs, "elements into upsampling")]),
        rule(&["upsample"], &[term(1, SizeWritten, "extents upsampled to")]),
    ],
    ignored: unruled::CALFLOPS,
    undetermined: &[],
    wrong: &[
        "The bias of a linear layer does not count, that of a convolution does.",
        "Upsampling by a factor counts the elements that come in; to a size, that size as it is written, 7 for 7 and 49 for \
         (7, 7), whatever the channels.",
        "The output channels of a group of a transposed convolution are divided by the groups once more and rounded down, \
         often to nothing.",
        "The bias of a transposed convolution counts the channels of one group at the positions that a convolution with the \
         same arguments would have; where these are below 0, the layer is not counted here.",
        "A convolution with padding='same' counts one position less an axis where the padding is odd.",
    ],
    notes: &[
        "ReLU6, hard swish and hard sigmoid run functions that the tool does not watch, and count nothing, but for a ReLU6 that \
         the network's code calls itself; neither do sums and gates written with `+` and `*`.",
        LRN_PARTS,
        OWN_STATISTICS,
        SETS_EVAL,
    ],
};

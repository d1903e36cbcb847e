//! What each tool does with the operators that its rules leave out, as data.
//!
//! *Ignored* is what the tool is known to count nothing for: its own table says 0, or has no entry. *Undetermined* is what it
//! counts by its parts, or cannot read: no number is made up for it. A new operator is in no list and is not counted
//! until a rule or a list here names it.

use super::rule::When::Is;
use super::rule::{Unruled, When};

type Names = &'static [&'static str];

/// Operators that move, choose or hold numbers.
const MOVES: Names = &[
    "flatten",
    "reshape",
    "permute",
    "identity",
    "zero_padNd",
    "reflection_padNd",
    "replication_padNd",
    "pixel_shuffle",
    "channel_shuffle",
    "concat",
    "select",
    "narrow",
    "slice",
    "crop",
    "parameter",
    "buffer",
    "constant",
];
const CHUNK: Names = &["chunk"];
const DROPOUTS: Names = &["dropout", "dropoutNd", "stochastic_depth"];
const ELEMENTWISE: Names = &["add", "sub", "mul", "scale"];
const ACTIVATIONS: Names = &[
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "tanh",
    "logsigmoid",
    "softplus",
    "softsign",
    "hardtanh",
    "hardsigmoid",
    "hardswish",
    "abs",
    "prelu",
    "softmax",
    "log_softmax",
];
const OWN_NORMS: Names = &["layernorm", "layernormNd", "groupnorm", "instancenormNd"];
const BATCH_NORM: Names = &["batchnormNd"];
const LRN: Names = &["lrn"];
const WINDOWED: Names = &["maxpoolNd", "avgpoolNd"];
const ADAPTIVE: Names = &["adaptive_avgpoolNd", "adaptive_maxpoolNd"];
const GLOBAL: Names = &["global_avgpool", "global_maxpool"];
const UPSAMPLE: Names = &["upsample"];

/// Everything without a matrix or a kernel.
const REST: &[Names] = &[
    MOVES,
    CHUNK,
    DROPOUTS,
    ELEMENTWISE,
    ACTIVATIONS,
    OWN_NORMS,
    BATCH_NORM,
    LRN,
    WINDOWED,
    ADAPTIVE,
    GLOBAL,
    UPSAMPLE,
];

const fn all(why: &'static str) -> Unruled {
    Unruled { ops: REST, when: &[], why }
}

const fn of(ops: &'static [Names], why: &'static str) -> Unruled {
    Unruled { ops, when: &[], why }
}

const fn case(when: &'static [When], ops: &'static [Names], why: &'static str) -> Unruled {
    Unruled { ops, when, why }
}

pub(super) const TORCHVISION: &[Unruled] =
    &[all("`_ops` comes from torch's FlopCounterMode, which has no formula for it")];
pub(super) const TORCH: &[Unruled] =
    &[all("flop_registry has matrix products, convolutions and attention only")];
pub(super) const TORCHINFO: &[Unruled] =
    &[all("mult-adds are summed over weights and biases, and it has none")];
pub(super) const FVCORE: &[Unruled] = &[all(
    "_DEFAULT_SUPPORTED_OPS has no handle for it; what is not in _IGNORED_OPS is listed as unsupported",
)];
pub(super) const PTFLOPS: &[Unruled] =
    &[all("MODULES_MAPPING has no hook for its class, FUNCTIONAL_MAPPING none for its function")];
pub(super) const PTFLOPS_ATEN: &[Unruled] =
    &[all("ATEN_OPS_MAPPING has convolutions and products of matrices only")];
pub(super) const THOP: &[Unruled] = &[all(
    "register_hooks has zero_ops for it or nothing, and then thop warns `Treat it as zero Macs`; so it does with modes of \
     interpolation that are `not implemented yet`",
)];
pub(super) const CALFLOPS: &[Unruled] =
    &[all("_patch_functionals has no function for it, or one that returns 0, as that of dropout")];
pub(super) const DARKNET: &[Unruled] =
    &[all("`darknet ops` sums convolutional, connected and recurrent layers, and no other")];

pub(super) const KERAS_IGNORED: &[Unruled] = &[
    of(
        &[MOVES, CHUNK, DROPOUTS, UPSAMPLE],
        "the operations that move, pad and resize are not in flops_registry.py; dropout is none in eval mode",
    ),
    of(
        &[BATCH_NORM, LRN, &["adaptive_maxpoolNd", "global_maxpool"]],
        "FusedBatchNorm, LRN and Max are not in flops_registry.py",
    ),
    of(
        &[&[
            "relu",
            "relu6",
            "leaky_relu",
            "elu",
            "selu",
            "sigmoid",
            "tanh",
            "softplus",
            "softsign",
            "abs",
            "log_softmax",
        ]],
        "it is one operation of TensorFlow that is not in flops_registry.py",
    ),
];
pub(super) const KERAS_UNDETERMINED: &[Unruled] = &[
    of(&[OWN_NORMS], "Keras makes it of several operations, some of which have a statistic"),
    of(
        &[&[
            "celu",
            "gelu",
            "silu",
            "mish",
            "logsigmoid",
            "hardtanh",
            "hardsigmoid",
            "hardswish",
            "prelu",
        ]],
        "Keras makes it of several operations, some of which have a statistic",
    ),
];

pub(super) const NETSCOPE_IGNORED: &[Unruled] = &[
    of(
        &[&["flatten", "reshape", "permute", "concat", "crop"]],
        "the analyzer says of its layer: computation none",
    ),
    of(
        &[&["relu", "softmax", "dropout", "dropoutNd", "add", "sub"], WINDOWED, ADAPTIVE, GLOBAL],
        "its operations have columns of their own, none in macc",
    ),
    of(&[BATCH_NORM], "without scale and shift it is Caffe's BatchNorm alone, which has no macc"),
    of(&[&["identity"]], "it is no layer in Caffe"),
];
pub(super) const NETSCOPE_UNDETERMINED: &[Unruled] =
    &[all("the analyzer has no such layer and reports `Unknown Layer`")];

pub(super) const ONNX_TOOL_IGNORED: &[Unruled] = &[of(
    &[MOVES, DROPOUTS],
    "Node.profile returns 0, and the nodes that move numbers do not override it; dropout is none in eval mode",
)];
const CONV_3D: Names = &["conv3d"];
const LESS_AXES: &str =
    "the tool's shape of it has one spatial axis, and what follows is counted from that";
pub(super) const ONNX_TOOL_UNDETERMINED: &[Unruled] = &[
    case(&[Is("padding", "same")], &[CONV_3D], LESS_AXES),
    case(&[Is("padding", "valid")], &[CONV_3D], LESS_AXES),
    of(
        &[CHUNK],
        "torch exports the bounds as a few operations, more or fewer by the part that is taken",
    ),
    of(&[&["selu", "celu"]], "the tool has no node for it, and stops"),
];

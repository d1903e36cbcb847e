//! How the code of a network may write its layers, other than as a description is read: as data, tried by `reconcile`.

use super::rule::{Form, Written};

const WINDOWED: &[&str] = &["maxpoolNd", "avgpoolNd"];
const ADAPTIVE: &[&str] = &["adaptive_avgpoolNd", "adaptive_maxpoolNd"];
const GLOBAL: &[&str] = &["global_avgpool", "global_maxpool"];
const MEANS: &[&str] = &["adaptive_avgpoolNd"];
const RESIZED: &[&str] = &["upsample", "lrn"];
const ACTIVATIONS: &[&str] = &[
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
    "prelu",
    "softmax",
    "log_softmax",
];

/// Every other way to write layers.
pub const WRITTEN: &[Written] = &[
    Written {
        ops: &[MEANS],
        only_global: true,
        form: Form::As("global_avgpool"),
        said: "global average pools written as a mean, `x.mean([2, 3])`",
    },
    Written {
        ops: &[MEANS],
        only_global: true,
        form: Form::Function,
        said: "global average pools called as functions, `F.adaptive_avg_pool2d(x, 1)`",
    },
    Written {
        ops: &[WINDOWED, ADAPTIVE],
        only_global: false,
        form: Form::Function,
        said: "all pools called as functions, `F.max_pool2d(x, 2)`",
    },
    Written {
        ops: &[WINDOWED, ADAPTIVE, GLOBAL],
        only_global: false,
        form: Form::Uncounted,
        said: "pools not counted",
    },
    Written {
        ops: &[ACTIVATIONS],
        only_global: false,
        form: Form::Function,
        said: "activations called as functions, `F.relu(x)`",
    },
    Written {
        ops: &[RESIZED],
        only_global: false,
        form: Form::Function,
        said: "upsampling and LRN called as functions, `F.interpolate(x, …)`",
    },
];

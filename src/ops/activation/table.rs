//! The formulas of activations, one line a function: y and dx, each with its adds, muls, divs, cmps and specials; what is
//! kept.

use super::{Each, X, Y, each};

pub(super) const RELU: Each = each("max(x, 0)", [0, 0, 0, 1, 0], "dy if y > 0 else 0", [0, 0, 0, 1, 0], Y);
pub(super) const RELU6: Each = each(
    "min(max(x, 0), 6)", [0, 0, 0, 2, 0],
    "dy if 0 < y < 6 else 0", [0, 0, 0, 2, 0], Y,
);
pub(super) const LEAKY_RELU: Each = each(
    "x if x > 0 else slope·x", [0, 1, 0, 1, 0],
    "dy·(1 if x > 0 else slope)", [0, 1, 0, 1, 0], X,
);
pub(super) const ELU: Each = each(
    "x if x > 0 else alpha·(exp(x) − 1)", [1, 1, 0, 1, 1],
    "dy·(1 if x > 0 else alpha·exp(x))", [0, 2, 0, 1, 1], X,
);
pub(super) const SELU: Each = each(
    "scale·x if x > 0 else (scale·alpha)·(exp(x) − 1)", [1, 2, 0, 1, 1],
    "dy·(scale if x > 0 else (scale·alpha)·exp(x))", [0, 2, 0, 1, 1], X,
);
pub(super) const CELU: Each = each(
    "x if x > 0 else alpha·(exp(x·(1/alpha)) − 1)", [1, 2, 0, 1, 1],
    "dy·(1 if x > 0 else exp(x·(1/alpha)))", [0, 2, 0, 1, 1], X,
);
pub(super) const GELU: Each = each(
    "(0.5·x)·(1 + erf(x/√2))", [1, 3, 0, 0, 1],
    "dy·(0.5·(1 + erf(x/√2)) + x·(exp(−0.5·(x·x))/√(2π)))", [2, 7, 0, 0, 2], X,
);
pub(super) const GELU_TANH: Each = each(
    "(0.5·x)·(1 + tanh(√(2/π)·(x + 0.044715·x·x·x)))", [2, 6, 0, 0, 1],
    "dy·(0.5·(1 + t) + (0.5·x)·(1 − t·t)·(√(2/π) + 3·0.044715·√(2/π)·(x·x))), t the tanh", [5, 11, 0, 0, 1], X,
);
pub(super) const SILU: Each = each(
    "x·σ(x)", [1, 1, 1, 0, 1],
    "dy·(s·(1 + x·(1 − s))), s = σ(x)", [3, 3, 1, 0, 1], X,
);
pub(super) const MISH: Each = each(
    "x·tanh(ln(1 + exp(x)))", [1, 1, 0, 0, 3],
    "dy·(t + (x·(1 − t·t))·σ(x)), t the tanh", [4, 4, 1, 0, 4], X,
);
pub(super) const SIGMOID: Each = each("1/(1 + exp(−x))", [1, 0, 1, 0, 1], "(dy·y)·(1 − y)", [1, 2, 0, 0, 0], Y);
pub(super) const TANH: Each = each("tanh(x)", [0, 0, 0, 0, 1], "dy·(1 − y·y)", [1, 2, 0, 0, 0], Y);
pub(super) const LOGSIGMOID: Each = each(
    "min(x, 0) − ln(1 + exp(−|x|)), |x| = max(x, −x)", [2, 0, 0, 2, 2],
    "dy·(1/(1 + exp(x)))", [1, 1, 1, 0, 1], X,
);
pub(super) const SOFTPLUS: Each = each(
    "x if b > threshold else (1/beta)·ln(1 + exp(b)), b = beta·x", [1, 2, 0, 1, 2],
    "dy·(1 if b > threshold else σ(b))", [1, 2, 1, 1, 1], X,
);
pub(super) const SOFTSIGN: Each = each(
    "x/(1 + |x|), |x| = max(x, −x)", [1, 0, 1, 1, 0],
    "dy/(d·d), d = 1 + |x|", [1, 1, 1, 1, 0], X,
);
pub(super) const HARDTANH: Each = each(
    "min(max(x, min_val), max_val)", [0, 0, 0, 2, 0],
    "dy if min_val < y < max_val else 0", [0, 0, 0, 2, 0], Y,
);
pub(super) const HARDSIGMOID: Each = each(
    "min(max(x + 3, 0), 6)·(1/6)", [1, 1, 0, 2, 0],
    "dy·(1/6) if −3 < x < 3 else 0", [0, 1, 0, 2, 0], X,
);
pub(super) const HARDSWISH: Each = each(
    "x·(min(max(x + 3, 0), 6)·(1/6))", [1, 2, 0, 2, 0],
    "0 if x ≤ −3, dy if x ≥ 3, else dy·(x·(1/3) + 0.5)", [1, 2, 0, 2, 0], X,
);
pub(super) const ABS: Each = each(
    "max(x, −x)", [0, 0, 0, 1, 0],
    "dy if x > 0, −dy if x < 0, else 0", [0, 0, 0, 2, 0], X,
);

//! Every convention: the ledger's own here, those of other tools beside.
//!
//! A convention more is a constant with its source, what its tool does with the other operators in `unruled`, and a line in
//! [`ALL`], from which `docs/conventions.md` is written.

use super::rule::Amount::{Adds, Cmps, Divs, Muls, Specials};
use super::rule::Convention;
use super::terms::{MACS, TWO_MACS, rule, term};
use super::{elsewhere, pytorch};

/// The default: the whole ledger.
const CNNSTAT: Convention = Convention {
    name: "cnnstat",
    result: "FLOPs",
    title: "FLOPs",
    delta: "Δ FLOPs",
    formula: "2·MACs + every other operation",
    version: "this tool, and the default",
    found: "The ledger, which `cnnstat verify` counts again while the network runs.",
    skips_heads: false,
    averages_modules: false,
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

const MACS_ONLY: Convention = Convention {
    name: "macs",
    result: "MACs",
    title: "all MACs",
    delta: "Δ all MACs",
    formula: "MACs",
    version: "this tool: the ledger's multiply-accumulates, auxiliary heads and interpolation among them",
    found: "The ledger.",
    skips_heads: false,
    averages_modules: false,
    rules: &[rule(&["*"], &[MACS])],
    ignored: &[],
    undetermined: &[],
    wrong: &[],
    notes: &[],
};

/// Finds a convention by name.
pub fn find(name: &str) -> Option<&'static Convention> {
    ALL.iter().find(|convention| convention.name == name)
}

impl Convention {
    /// Whether it is the one that counts where nothing else is said.
    pub fn is_default(&self) -> bool {
        self.name == CNNSTAT.name
    }
}

/// Every convention, the default first.
pub const ALL: &[Convention] = &[
    CNNSTAT,
    MACS_ONLY,
    pytorch::TORCHVISION,
    pytorch::TORCH,
    pytorch::TORCHINFO,
    pytorch::FVCORE,
    pytorch::TIMM,
    pytorch::PTFLOPS,
    pytorch::PTFLOPS_ATEN,
    pytorch::THOP,
    pytorch::CALFLOPS,
    elsewhere::KERAS,
    elsewhere::NETSCOPE,
    elsewhere::ONNX_TOOL,
    elsewhere::DARKNET,
];

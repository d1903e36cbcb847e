//! How much memory is free: what the operating system says, where it says it; and what to say where that is too little.
//!
//! Tests stand below.

use crate::analysis::{Analysis, Row};
use crate::diag::{Code, Diagnostic};
use crate::graph::Graph;
use crate::units;

/// Bytes that can be taken without pushing others out; `None` where nobody says.
pub fn bytes() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// That a network is not run, for want of memory; `which` says whose limit it is.
pub fn not_run(name: &str, need: u64, limit: u64, which: &str) -> Diagnostic {
    let size = |bytes: u64| format!("{} ({} B)", units::bytes(bytes), units::grouped(bytes));
    let (need, limit) = (size(need), size(limit));
    let message = format!("{name} is not run: that needs {need}, more than the {limit} {which}");
    Diagnostic::new(Code::E0113, message)
}

/// How to make a network smaller that does not fit with a batch of one either.
pub fn too_large(graph: &Graph, analysis: &Analysis, limit: u64) -> String {
    let held = |row: &Row| row.counts.param_bytes;
    let params = analysis.rows.iter().map(held).fold(0, u64::saturating_add);
    match analysis.rows.iter().max_by_key(|row| held(row)) {
        Some(row) if params > limit => format!(
            "make {} smaller: its parameters alone take {}",
            graph.node(row.node).name,
            units::bytes(held(row))
        ),
        _ => "take a smaller input".to_owned(),
    }
}

/// `MemAvailable` of a text like `/proc/meminfo`, whose kB are KiB.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_read() {
        let text = "MemTotal:       16 kB\nMemFree:         1 kB\nMemAvailable:    12 kB\n";
        assert_eq!(available(text), Some(12 * 1024));
        assert_eq!(available("MemFree: 1 kB\n"), None);
        assert_eq!(available("MemAvailable: much kB\n"), None);
    }
}

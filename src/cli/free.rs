//! How much memory is free, as the operating system says; and what to say where that is too little.

use sysinfo::System;

use crate::analysis::{Analysis, Row};
use crate::diag::{Code, Diagnostic};
use crate::graph::Graph;
use crate::units;

/// Bytes that can be taken without pushing others out, nor beyond the limit of a container; `None` where the system is not
/// known.
pub fn bytes() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory();
    let room = system.cgroup_limits().map(|limits| limits.total_memory.saturating_sub(limits.rss));
    let free = system.available_memory();
    let known = (sysinfo::IS_SUPPORTED_SYSTEM && free > 0).then_some(free);
    [known, room, of_process()].into_iter().flatten().min().filter(|_| known.is_some())
}

/// Address space that a thread takes before it holds a tensor: its stack, and the arena of its allocator.
#[cfg(unix)]
const THREAD: u64 = 80 << 20;

/// What is left of the address space that the process may have (`ulimit -v`); `None` without a limit.
#[cfg(unix)]
fn of_process() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    let limit = [Resource::As, Resource::Data].map(|of| getrlimit(of).current);
    let limit = limit.into_iter().flatten().min()?;
    let pid = sysinfo::get_current_pid().ok()?;
    let mut system = System::new();
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), false);
    let taken = system.process(pid)?.virtual_memory();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = THREAD.saturating_mul(u64::try_from(threads).unwrap_or(u64::MAX));
    Some(limit.saturating_sub(taken).saturating_sub(threads))
}

#[cfg(not(unix))]
fn of_process() -> Option<u64> {
    None
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_memory_is_free_where_tests_run() {
        let free = bytes().expect("a system that is known");
        assert!(free > 1 << 20, "{free}");
    }
}

//! How much memory is free: what the operating system says, where it says it.
//!
//! Tests stand below.

/// Bytes that can be taken without pushing others out; `None` where nobody says.
pub fn bytes() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
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

//! Memory is linear in what is read: of large files in ten shapes, right and wrong ones, four times as much text allocates
//! about four times as many bytes. Bytes are counted, not time, so that a busy machine changes nothing.
//!
//! It has a binary of its own, since it counts what the whole process allocates.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cnnstat::diag::Source;
use cnnstat::internals::budget::config;
use cnnstat::internals::lang::Description;
use cnnstat::model::{Architecture, Asked};

/// Bytes that were asked for so far.
static BYTES: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: as this is called.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        BYTES.fetch_add(size.saturating_sub(layout.size()) as u64, Relaxed);
        // SAFETY: as this is called.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as this is called.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const HEAD: &str = "model: m\ninput: [3, 8, 8]\nlayers:\n";

/// A text of `n` lines, or of about so many.
type Shape = (&'static str, fn(usize) -> String);

fn lines(head: &str, n: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = head.to_owned();
    (0..n).for_each(|i| {
        let _ = writeln!(text, "{}", line(i));
    });
    text
}

const DESCRIPTIONS: &[Shape] = &[
    ("layers", |n| lines(HEAD, n, |i| format!("  - l{i}: relu"))),
    ("unnamed layers", |n| lines(HEAD, n, |_| "  - relu".to_owned())),
    ("unknown layers", |n| lines(HEAD, n, |i| format!("  - nosuch{i}(1)"))),
    ("a key many times", |n| lines("model: m\n", n, |_| "a: 1".to_owned())),
    ("unknown keys", |n| lines("model: m\n", n, |i| format!("key{i}: 1"))),
    ("a long list", |n| lines(&format!("vars:\n  xs:\n{HEAD}  - relu\n"), n, |i| format!("# {i}"))),
    ("a long name", |n| format!("{HEAD}  - a: relu\n  - identity(@{})\n", "q".repeat(8 * n))),
    ("references to nothing", |n| {
        lines(&format!("{HEAD}  - a: relu\n"), n, |i| format!("  - add(@, @x{i})"))
    }),
    ("variants that miss", |n| {
        let head = "model: m\ninput: [3, 8, 8]\nvars: {a: 1}\nlayers: [relu]\nvariants:\n";
        lines(head, n, |i| format!("  v{i}: {{a: {i}, expect: {{params: nothing}}}}"))
    }),
    ("expectations", |n| {
        let text = lines(HEAD, n, |i| format!("  - l{i}: conv2d(3, 1)"));
        lines(&format!("{text}expect:\n  layers:\n"), n, |i| format!("    l{i}: {{params: 1}}"))
    }),
];

const BUDGETS: &[Shape] = &[
    ("unknown keys of budgets", |n| lines("", n, |i| format!("[[budget]]\nnosuch{i} = 1"))),
    ("unknown keys of one budget", |n| lines("[[budget]]\n", n, |i| format!("nosuch{i} = 1"))),
];

/// Bytes that are allocated to read a text and to place what is wrong with it, for each byte of it.
fn read(text: &str) -> f64 {
    let source = Source::new("m.yaml", text);
    let before = BYTES.load(Relaxed);
    if let Ok(description) = Description::read(source)
        && let Err(found) = description.at(&Asked::default())
    {
        drop(description.resolve(found));
    }
    ratio(before, text)
}

fn read_budget(text: &str) -> f64 {
    let source = Source::new("cnnstat.toml", text);
    let before = BYTES.load(Relaxed);
    drop(config::read(&source));
    ratio(before, text)
}

#[allow(clippy::cast_precision_loss, reason = "bytes of a small file")]
fn ratio(before: u64, text: &str) -> f64 {
    (BYTES.load(Relaxed) - before) as f64 / text.len() as f64
}

#[test]
fn four_times_the_text_takes_four_times_the_memory() {
    // What is made once, tables of operators among it, is made before.
    read(HEAD);
    read_budget("");
    let cases = DESCRIPTIONS.iter().map(|case| (case, read as fn(&str) -> f64));
    let cases = cases.chain(BUDGETS.iter().map(|case| (case, read_budget as fn(&str) -> f64)));
    let mut wrong = Vec::new();
    for ((name, text), read) in cases {
        let (small, large) = (read(&text(2_000)), read(&text(8_000)));
        if large > 1.6 * small || large > 2_000.0 {
            wrong.push(format!("{name}: {small:.0} bytes a byte, then {large:.0}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

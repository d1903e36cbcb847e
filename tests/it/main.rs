//! Black-box tests: one integration binary, a module a topic.

mod check;
mod cli;
mod common;
mod diagnostics;
mod docs;
mod fixtures;
mod golden_shapes_a;
mod golden_shapes_b;
mod hostile;
mod hostile_text;
mod language;
mod models;
mod published;
mod readme;
mod run;
mod screen;
mod snapshots;
mod sums;
mod tidy;
mod torchvision;
mod usage;
mod values;
mod window;

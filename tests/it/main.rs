//! Black-box tests: one integration binary, a module a topic.

mod common;
mod fixtures;
mod golden_shapes_a;
mod golden_shapes_b;
mod hostile;
mod kernels;
mod language;
mod memory_command;
mod models;
mod published;
mod readme;
mod tidy;
mod torchvision;
mod values;
mod window;

//! Black-box tests: one integration binary, a module a topic.

mod common;
mod golden_shapes_a;
mod golden_shapes_b;
mod models;
mod published;
mod torchvision;
mod fixtures;
mod window;
mod language;
mod values;

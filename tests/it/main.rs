//! Black-box tests: one integration binary, a module a topic.

mod common;
mod fixtures;
mod golden_shapes_a;
mod golden_shapes_b;
mod hostile;
mod kernels;
mod kernels_convolution;
mod kernels_random;
mod language;
mod models;
mod published;
mod readme;
mod tidy;
mod torchvision;
mod values;
mod window;

//! Black-box tests: one integration binary, a module a topic.

mod golden_shapes_a;
mod golden_shapes_b;
mod hostile;
mod tidy;

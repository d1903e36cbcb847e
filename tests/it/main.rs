//! Black-box tests of the public API.

mod golden_shapes_b;

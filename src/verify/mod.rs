//! What was computed against what happens: every rule of every layer, by running the network forward and backward.
//!
//! ```text
//! shapes, parameters, saved bytes, gradients   from one training step on real tensors (f32)
//! operations                                   from the kernels run on numbers that tally themselves
//! gradients' values                            from finite differences along random directions (f64)
//! memory                                       from the meter of the tensors
//! ```
//!
//! A layer too large to be tallied in full is tallied at the smallest input that its shape rule accepts. What is computed
//! comes through [`Rules`], so that a test can put a wrong rule in and see it found.

mod accumulation;
mod cache;
mod demand;
mod estimate;
mod findings;
mod layer;
mod observe;
mod plan;
mod progress;
mod rules;
mod run;
mod smaller;

pub use cache::CheckCache;
pub use demand::need;
pub use estimate::{Estimate, time};
pub use findings::{Check, Tally, Verification, Verified, VerifyError};
pub use layer::falls_back;
pub use plan::VerifyPlan;
#[cfg(feature = "internals")]
pub use plan::resolve;
pub use progress::{Pass, Progress};
pub use rules::{ProductionRules, Rules};
pub use run::{LEARNING_RATE, verify};
pub use smaller::{Resolved, Smaller, smaller_input};

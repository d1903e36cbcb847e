//! The vocabulary of `expect` and `budget`: what a quantity must be, whatever file says it.
//!
//! `read` makes expectations from written keys and values, `amount` reads the amounts. Both know neither YAML nor TOML:
//! `lang` and `budget::config` say what is written.

mod amount;
mod read;
mod want;

#[cfg(feature = "cli")]
pub use amount::shape as read_shape;
#[cfg(feature = "cli")]
pub use read::MOST_FAULTS;
pub use read::{Value, Written, read};
pub use want::{Expectation, Increase, Limit, Want};

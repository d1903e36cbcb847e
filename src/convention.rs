//! Conventions: what other tools print of a network, each as data, and the one way to count by them.
//!
//! A [`Convention`] says which operators count, with which weights of which amounts, and which the tool ignores. `rule` has
//! what it is made of; `table`, `written` and `unruled` hold the data, and only they name operators. `count` applies a convention
//! to a network, `fold` says what batch norm and auxiliary heads change, `figure` is a printed number with its precision,
//! `reconcile` the search for one.

mod count;
mod elsewhere;
pub mod figure;
mod fold;
mod pytorch;
pub mod reconcile;
mod rule;
mod table;
mod terms;
mod unruled;
mod written;

#[cfg(feature = "internals")]
pub use count::Total;
pub use count::{Count, NOT_KNOWN, NotCounted, Summed, term_text};
pub use fold::auxiliary;
#[cfg(any(test, feature = "internals"))]
pub use rule::{By, Rule, Unruled, When};
pub use rule::{Choice, Convention};
#[cfg(feature = "internals")]
pub use rule::{Form, Written};
pub use table::{ALL, find};
#[cfg(any(test, feature = "internals"))]
pub use written::WRITTEN;

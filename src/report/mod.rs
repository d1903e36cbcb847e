//! What was found, made ready to be shown: `model` is the data, `build` makes it, each report and each format is a file.
//!
//! Nothing here prints, reads files or knows where a network was written. Texts that come from outside pass through
//! `text::safe` on their way to a terminal and through `markdown::escape` on their way to a page.

#[cfg(feature = "cli")]
pub mod build;
#[cfg(feature = "cli")]
pub mod check;
#[cfg(feature = "cli")]
pub mod columns;
#[cfg(feature = "cli")]
pub mod conventions;
#[cfg(feature = "cli")]
pub mod csv;
#[cfg(feature = "cli")]
pub mod diff;
#[cfg(feature = "cli")]
pub mod explain;
#[cfg(feature = "cli")]
mod flow;
#[cfg(feature = "cli")]
pub mod fold;
#[cfg(feature = "cli")]
pub mod grid;
#[cfg(feature = "cli")]
pub mod json;
#[cfg(feature = "cli")]
pub mod list;
#[cfg(feature = "cli")]
pub mod markdown;
#[cfg(feature = "cli")]
pub mod memory;
#[cfg(feature = "cli")]
pub mod model;
#[cfg(feature = "cli")]
pub mod ops;
#[cfg(feature = "cli")]
mod ops_example;
#[cfg(feature = "cli")]
pub mod params;
#[cfg(feature = "cli")]
pub mod profile;
#[cfg(feature = "cli")]
pub mod reconcile;
#[cfg(feature = "cli")]
mod repeat;
#[cfg(feature = "cli")]
pub mod summary;
#[cfg(feature = "cli")]
pub mod table;
#[cfg(feature = "cli")]
pub mod text;
#[cfg(feature = "cli")]
pub mod verify;

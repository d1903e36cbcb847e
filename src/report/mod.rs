//! Reports: data that is serialised, pages that are shown, and the formats they are rendered in.
//!
//! Nothing here prints, reads files or knows where a network was written. Texts that come from outside pass through
//! `text::safe` on their way to a terminal and through `escape` of a format on their way to a document.

#[cfg(feature = "cli")]
pub mod build;
#[cfg(feature = "cli")]
pub mod check;
#[cfg(feature = "cli")]
pub mod columns;
#[cfg(feature = "cli")]
mod counts;
#[cfg(feature = "cli")]
pub mod data;
#[cfg(feature = "cli")]
pub mod diff;
#[cfg(feature = "cli")]
pub mod documents;
#[cfg(feature = "cli")]
mod flow;
#[cfg(feature = "cli")]
pub mod fold;
#[cfg(feature = "cli")]
pub mod grid;
#[cfg(feature = "cli")]
mod indented;
#[cfg(feature = "cli")]
pub mod list;
#[cfg(feature = "cli")]
pub mod model;
#[cfg(feature = "cli")]
pub mod page;
#[cfg(feature = "cli")]
pub mod pages;
#[cfg(feature = "cli")]
pub mod render;
#[cfg(feature = "cli")]
mod repeat;
#[cfg(feature = "cli")]
pub mod text;

//! Reports: data that is serialised, pages that are shown, and the formats they are rendered in.
//!
//! Nothing here prints, reads files or knows where a network was written. Texts that come from outside pass through
//! `text::safe` on their way to a terminal and through `escape` of a format on their way to a document.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod columns;
mod counts;
pub mod data;
pub(crate) mod diff;
#[cfg(any(test, feature = "internals"))]
pub(crate) mod documents;
mod flow;
pub(crate) mod fold;
pub(crate) mod grid;
mod indented;
pub(crate) mod line;
pub(crate) mod list;
pub mod model;
pub(crate) mod page;
pub(crate) mod pages;
pub(crate) mod render;
mod repeat;
pub(crate) mod text;
pub(crate) mod view;

pub use build::{Caption, report};

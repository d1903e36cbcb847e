//! What tests, benchmarks and examples of this repository use beyond the API, under the names that it has inside.
//!
//! The feature `internals` makes it; nothing here is promised to anyone.

/// Makes modules whose items are those of modules of the crate, or of one of its rooms, which are private.
macro_rules! open {
    ($($room:ident),*) => {
        $(pub mod $room {
            pub use crate::$room::*;
        })*
    };
    ($outer:ident: $($room:ident),*) => {
        pub mod $outer {
            $(pub mod $room {
                pub use crate::$outer::$room::*;
            })*
        }
    };
}

open!(budget, convention, expectation, lang, sanitize, units, zoo);
open!(graph: tree);
open!(ops: arg_type);

#[cfg(feature = "exec")]
open!(exec, profile, verify);

#[cfg(feature = "cli")]
open!(cli);
#[cfg(feature = "cli")]
open!(report: columns, documents, fold, grid, line, pages, render, text, view);

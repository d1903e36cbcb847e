//! The `operator!` macro: an operator's struct, its arguments as data, and the reading and writing of them, from one
//! table of fields; and what operators say alike that only move numbers.

/// Writes a struct and its `Operator` impl. `ranked` adds a field `rank` and the suffix to the name; fields without a
/// default are required; the default `Rest` takes all positional values that are left; `torch` gives torch's own argument
/// order where `CamelCase` calls differ; `facts` lists what else holds of the operator.
macro_rules! operator {
    (
        #[doc = $about:literal]
        $Name:ident($name:literal $(| $alias:literal)*) $(ranks $ranks:ident)?,
        $page:literal,
        { $( #[doc = $doc:literal] $field:ident : $Type:ty $(= $default:expr)? ,)* }
        $(torch [$($torch:expr),* $(,)?])?
        $(facts [$($fact:ident),* $(,)?])?
    ) => {
        #[doc = $about]
        #[doc = concat!("\n\nSource: <", $page, ">.")]
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name {
            $(
                #[doc = concat!("Number of spatial axes (Ranks::", stringify!($ranks), ").")]
                pub rank: usize,
            )?
            $(#[doc = $doc] pub $field: $Type,)*
        }

        impl $crate::ops::Operator for $Name {
            const NAME: &'static str = $name;
            const ALIASES: &'static [&'static str] = &[$($alias),*];
            const RANKS: $crate::ops::Ranks = {
                #[allow(unused_mut, unused_assignments)]
                let mut ranks = $crate::ops::Ranks::None;
                $(ranks = $crate::ops::Ranks::$ranks;)?
                ranks
            };
            const ABOUT: &'static str = $about.trim_ascii();
            const TORCH_PAGE: &'static str = $page;
            const SIGNATURE: &'static [$crate::ops::args::Arg] = &[$(
                $crate::ops::args::Arg {
                    name: stringify!($field),
                    takes: <$Type as $crate::ops::arg_type::ArgType>::TAKES,
                    default: {
                        #[allow(unused_imports)]
                        use $crate::ops::args::Default::*;
                        #[allow(unused_mut, unused_assignments)]
                        let mut default = Required;
                        $(default = $default;)?
                        default
                    },
                    about: $doc.trim_ascii(),
                },
            )*];
            const TORCH: &'static [$crate::ops::args::TorchArg] = {
                #[allow(unused_imports)]
                use $crate::ops::args::TorchArg::{Arrives, Field, Flag, Only};
                #[allow(unused_mut, unused_assignments)]
                let mut torch: &'static [$crate::ops::args::TorchArg] = &[$(Field(stringify!($field))),*];
                $(torch = &[$($torch),*];)?
                torch
            };
            const FACTS: &'static [$crate::ops::Fact] = &[$($($crate::ops::Fact::$fact),*)?];

            fn rank(&self) -> usize {
                $crate::ops::signature::rank_of!(self [$($ranks)?])
            }

            #[allow(unused_variables, unused_mut, unused_assignments)]
            fn build(args: &$crate::ops::args::Args) -> Result<Self, $crate::ops::args::ArgError> {
                let mut index = 0;
                $(
                    let $field: $Type = args.read(index, stringify!($field))?;
                    index += 1;
                )*
                $(
                    let _ = $crate::ops::Ranks::$ranks;
                    let rank = args.rank;
                )?
                Ok($crate::ops::signature::ranked!($Name [$($ranks)?] args; $($field),*))
            }

            fn args(&self) -> $crate::ops::args::Args {
                $crate::ops::args::Args::written(
                    $crate::ops::Operator::rank(self),
                    vec![$($crate::ops::arg_type::ArgType::write(&self.$field)),*],
                )
            }
        }
    };
}

/// A struct literal with or without the rank.
macro_rules! ranked {
    ($Name:ident [] $args:ident; $($field:ident),*) => { $Name { $($field),* } };
    ($Name:ident [$ranks:ident] $args:ident; $($field:ident),*) => { $Name { rank: $args.rank, $($field),* } };
}

/// The rank of an operator that has one, else 0.
macro_rules! rank_of {
    ($op:ident []) => {{
        let _ = &$op;
        0
    }};
    ($op:ident [$ranks:ident]) => {
        $op.rank
    };
}

/// What an operator says of itself that only moves numbers: no tensors, no arithmetic, and nothing kept.
macro_rules! no_arithmetic {
    () => {
        fn params(
            &self,
            _: &[$crate::shape::Shape],
        ) -> Result<Vec<$crate::ops::ledger::Param>, $crate::ops::error::ShapeError> {
            Ok(Vec::new())
        }

        fn work(
            &self,
            _: $crate::ops::Io<'_>,
        ) -> Result<$crate::ops::ledger::Work, $crate::shape::TooLarge> {
            Ok($crate::ops::ledger::Work::NONE)
        }

        fn work_backward(
            &self,
            _: $crate::ops::Io<'_>,
        ) -> Result<$crate::ops::ledger::Backward, $crate::shape::TooLarge> {
            Ok($crate::ops::ledger::Backward::NONE)
        }

        fn saved(
            &self,
            _: $crate::ops::Io<'_>,
        ) -> Result<$crate::ops::ledger::Saved, $crate::shape::TooLarge> {
            Ok(Vec::new())
        }
    };
}

pub(super) use {no_arithmetic, operator, rank_of, ranked};

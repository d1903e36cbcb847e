//! Text as the expression of a variable: in parentheses, it has the same value.

#![no_main]

use cnnstat::diag::Source;
use cnnstat::internals::lang::Description;
use cnnstat::model::{Architecture as _, Asked};
use libfuzzer_sys::fuzz_target;

/// `same` is true where both have one value, or where a value is not even equal to itself.
const DESCRIPTION: &str = "model: m
vars: {xs: [3, 5, 8], v: 1, w: 2}
input: [4, 8, 8]
layers:
  - if v == w or v != v: relu
  - else: gelu
";

fuzz_target!(|text: &str| {
    let description = Description::read(Source::new("m.yaml", DESCRIPTION)).unwrap();
    let at = |v: String, w: String| {
        let sets = vec![("v".to_owned(), v), ("w".to_owned(), w)];
        description.at(&Asked { sets, ..Asked::default() })
    };
    let found = match at(text.to_owned(), "2".to_owned()) {
        Ok(_) => at(text.to_owned(), format!("({text})")),
        Err(found) => return cnnstat_fuzz::diagnostics(&description.resolve(found), DESCRIPTION),
    };
    let model = found.unwrap_or_else(|found| panic!("({text}) is no expression: {found:?}"));
    let op = &model.graph.nodes()[0].op;
    assert_eq!(op.name(), "relu", "({text}) has another value");
});

//! Text as `cnnstat.toml`: its matrices stay small, and its places are in it.

#![no_main]

use cnnstat::diag::Source;
use cnnstat::internals::budget::config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Source::new("cnnstat.toml", text);
    match config::read(&source) {
        Ok(config) => {
            for budget in &config.budgets {
                assert!(!budget.limits.is_empty(), "a budget that limits nothing");
                let choices: usize = budget.matrix.iter().map(|(_, texts)| texts.len()).product();
                let settings = budget.settings();
                assert_eq!(settings.len(), choices, "settings");
                assert!(settings.len() <= 1000, "a matrix without bounds");
                budget.covers("resnet18", "./models/resnet.yaml");
                budget.assumptions();
            }
        }
        Err(found) => {
            assert!(!found.is_empty(), "an error without words");
            cnnstat_fuzz::diagnostics(&found, text);
        }
    }
});

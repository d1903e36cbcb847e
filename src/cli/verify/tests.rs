//! What the command does where a rule is wrong: status, page and every other form of it name layer, quantity, numbers.

use clap::Parser as _;

use super::*;
use crate::cli::args::{Cli, Command};
use crate::graph::NodeId;
use crate::ops::error::ShapeError;
use crate::ops::ledger::Work;
use crate::ops::{Io, Layer as _, Op};
use crate::shape::TooLarge;

/// Rules of which two are wrong in one operator each: a linear layer has twice its MACs, a pool one row more.
struct Faulty;

impl Rules for Faulty {
    fn infer(&self, _: NodeId, op: &Op, inputs: &[Shape]) -> Result<Vec<Shape>, ShapeError> {
        let shapes = op.infer(inputs)?.to_vec();
        let more = |shape: &Shape| shape.with(2, shape.dims()[2] + 1);
        let is_pool = matches!(op, Op::AvgPool(_));
        Ok(if is_pool { shapes.iter().map(more).collect() } else { shapes })
    }

    fn work(&self, _: NodeId, op: &Op, io: Io<'_>) -> Result<Work, TooLarge> {
        let work = op.work(io)?;
        let is_linear = matches!(op, Op::Linear(linear) if linear.out_features == 84);
        Ok(if is_linear { Work { macs: 2 * work.macs, ..work } } else { work })
    }
}

fn done(rules: &(dyn Rules + Sync), line: &str) -> Done {
    let cli = Cli::parse_from(
        ["cnnstat", "verify", "--message-format", "json"].into_iter().chain(line.split(' ')),
    );
    let screen = Screen::new(cli.screen);
    let Some(Command::Verify(args)) = &cli.command else { panic!("another command") };
    run_by(rules, args, &screen).unwrap_or_else(|failure| Done::failed(&failure, &screen))
}

/// Each wrong quantity of the network: layer, quantity, computed, executed.
const WRONG: [[&str; 4]; 2] = [
    ["f6", "operations forward", "20,160 macs, 84 adds", "10,080 macs, 84 adds"],
    ["s2", "shape", "1×6×15×14", "1×6×14×14"],
];

#[test]
fn a_mismatch_is_a_finding_and_names_layer_quantity_and_both_numbers() {
    for format in ["table", "markdown", "json", "csv"] {
        let found = done(&Faulty, &format!("lenet5 --steps 0 --format {format} --width 200"));
        assert_eq!((found.status, found.messages.as_str()), (Status::Findings, ""), "{format}");
        for said in WRONG.as_flattened() {
            assert!(found.page.contains(said), "{format}: no {said} in\n{}", found.page);
        }
    }
}

#[test]
fn the_same_network_by_the_rules_as_they_are_is_fine() {
    let found = done(&ProductionRules, "lenet5 --steps 0 --format csv");
    assert_eq!(found.status, Status::Fine);
    assert!(!found.page.contains("MISS"), "{}", found.page);
}

#[test]
fn a_network_that_is_not_run_is_worse_than_one_that_differs() {
    let found = done(&Faulty, "lenet5 no_such_network --steps 0");
    assert_eq!(found.status, Status::Failed);
    assert!(found.page.contains("f6") && found.messages.contains("E0101"));
}

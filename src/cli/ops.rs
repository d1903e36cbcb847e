//! `cnnstat ops [NAME]`: what operators there are, and what one takes.

use super::args::OpsArgs;
use super::done::Done;
use super::load::Failure;
use super::settings::Screen;
use crate::analysis::example;
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::lang::operator_meant;
use crate::ops::{Entry, Op};
use crate::report::data::explain;
use crate::report::grid::Numbers;
use crate::report::pages::ops;

/// A list, or one operator.
pub fn run(args: &OpsArgs, screen: &Screen) -> Result<Done, Failure> {
    let Some((entry, rank)) = args.name.as_deref().map(find).transpose()? else {
        let page = ops::list_page();
        return Done::default().show(&[page], false, &args.page, Numbers::Exact, screen);
    };
    let example = example::example(entry, rank).and_then(|found| explain::example(&found));
    let page = ops::page(entry, example.as_ref());
    Done::default().show(&[page], false, &args.page, Numbers::Exact, screen)
}

/// Finds an operator by any of its names; one that always has a rank is found without it too.
fn find(name: &str) -> Result<(&'static Entry, usize), Failure> {
    Op::find(name).or_else(|| Op::find(&format!("{name}2d"))).ok_or_else(|| {
        let names: Vec<String> = Op::names().collect();
        let near = operator_meant(name, None)
            .or_else(|| did_you_mean(name, names.iter().map(String::as_str)));
        let diagnostic = Diagnostic::new(Code::E0306, format!("no operator is called `{name}`"));
        Failure::new(diagnostic.helps(near).help("`cnnstat ops` lists them"))
    })
}

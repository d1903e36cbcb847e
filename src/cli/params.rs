//! `cnnstat params MODEL…`: the list of parameter tensors.

use super::args::{PageFormat, ParamsArgs};
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use super::{Done, cannot_write};
use crate::report::grid::Numbers;
use crate::report::json;
use crate::report::params::{self, Listing};

/// A list for each network.
pub fn run(args: &ParamsArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let mut done = Done::page(String::new(), args.page.output.as_ref());
    let mut listings = Vec::new();
    for argument in &args.models {
        match load::model(argument, &settings) {
            Ok(model) => listings.push(params::listing(&model.report(), args.buffers)),
            Err(failure) => done.fail(&failure, screen),
        }
    }
    if !listings.is_empty() {
        done.page = page(args, &listings, screen)?;
    }
    Ok(done)
}

fn page(args: &ParamsArgs, listings: &[Listing], screen: &Screen) -> Result<String, Failure> {
    let look = screen.look(Numbers::Exact, args.page.output.is_some());
    let several = args.models.len() > 1;
    let pages = |page: &dyn Fn(&Listing) -> String| {
        listings.iter().map(page).collect::<Vec<_>>().join("\n")
    };
    match args.page.format {
        PageFormat::Table => Ok(pages(&|listing| params::terminal(listing, look))),
        PageFormat::Markdown => Ok(pages(&params::markdown)),
        PageFormat::Json => json::list(listings, several).map_err(cannot_write),
        PageFormat::Csv => params::csv(listings, several).map_err(cannot_write),
    }
}

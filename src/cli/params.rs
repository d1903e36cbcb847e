//! `cnnstat params MODEL…`: the list of parameter tensors.

use super::args::ParamsArgs;
use super::done::Done;
use super::load::{self, Failure};
use super::settings::{Screen, Settings};
use crate::report::data::params::listing;
use crate::report::grid::Numbers;
use crate::report::pages::params::page;

/// A list for each network.
pub fn run(args: &ParamsArgs, screen: &Screen) -> Result<Done, Failure> {
    let settings = Settings::new(&args.model)?;
    let mut done = Done::default();
    let listings = done.each(&args.models, screen, |argument| {
        Ok(listing(&load::network(argument, &settings)?.report(), args.buffers))
    });
    done.known(args.model.strict, listings.iter().map(|listing| listing.status));
    let pages: Vec<_> = listings.iter().map(page).collect();
    done.show(&pages, args.models.len() > 1, &args.page, Numbers::Exact, screen)
}

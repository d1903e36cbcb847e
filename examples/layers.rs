//! What each layer of a network costs, by the API alone: read a file, bind its sizes, analyse, make the report.
//!
//! `cargo run --example layers -- models/vgg.yaml vgg16`

use std::env;
use std::error::Error;
use std::io::Cursor;

use cnnstat::model::Asked;
use cnnstat::report::{Caption, report};
use cnnstat::{DescriptionError, Options, analyze};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let path = args.next().unwrap_or_else(|| "models/alexnet.yaml".to_owned());
    let architecture = cnnstat::read(&path, &mut Cursor::new(std::fs::read(&path)?))?;
    let model = architecture
        .at(&Asked { variant: args.next(), batch: 8, ..Asked::default() })
        .map_err(|found| DescriptionError::of(&*architecture, found))?;
    let analysis = analyze(&model.graph, &Options::default()).complete()?;
    let caption = Caption { name: Some(model.name()), ..Caption::default() };
    let report = report(&model.graph, &analysis, caption);
    for layer in &report.layers {
        let counts = &layer.counts;
        println!("{:24} {:14} {:>12} {:>16}", layer.name, layer.op, counts.params, counts.flops);
    }
    let totals = &report.totals;
    println!("{:24} {:14} {:>12} {:>16}", report.model, "", totals.params, totals.flops);
    Ok(())
}

//! trial
use cnnstat::*;
fn main() {
    for path in std::env::args().skip(1) {
        let (path, variant) = match path.split_once('#') {
            Some((a, b)) => (a.to_string(), Some(b.to_string())),
            None => (path, None),
        };
        let text = std::fs::read_to_string(&path).unwrap();
        let source = diag::Source { name: path, text };
        match lang::parse(&source, &lang::Choices { variant, ..Default::default() }) {
            Ok(d) => {
                let a = analyze(&d.graph, &Options::default()).unwrap();
                println!(
                    "{} {:?} params {} macs {}",
                    source.name, d.variant, a.totals.params, a.totals.work.macs
                );
                if std::env::var("EXPAND").is_ok() {
                    print!("{}", lang::expand(&d));
                }
            }
            Err(ds) => print!("{}", diag::render(&ds, &source, diag::Format::Human, 100, false)),
        }
    }
}

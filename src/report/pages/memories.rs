//! The page of `cnnstat memory A B …`: a row for each network, in one table.

use crate::report::data::memory::MemoryReport;
use crate::report::grid::{Grid, Head, Value};
use crate::report::page::{Block, Page};

use super::memory::{Runs, assumptions, rules};
use super::{exactness, inputs};

/// The page of several networks; the peaks of which runs.
pub fn page(reports: &[MemoryReport], runs: Runs) -> Page<'_> {
    let sections = move |_| {
        // All but the input is the same for each.
        let assumed = reports.first().map(assumptions).unwrap_or_default().split_off(1);
        let head = vec![
            Block::Assumptions(assumed),
            Block::Prose(reports.first().map(rules).unwrap_or_default()),
        ];
        let said = "what is alive at a peak: `cnnstat memory` with one of them".to_owned();
        vec![head, vec![Block::table(grid(reports, runs))], vec![Block::Sentence(said)]]
    };
    Page::new("memory", sections)
}

/// What each stores and holds at its peaks, and whether that fits where it was asked.
fn grid(reports: &[MemoryReport], runs: Runs) -> Grid {
    let (infers, trains) = (runs != Runs::Training, runs != Runs::Inference);
    let fits = reports.iter().any(|report| report.fits.is_some());
    let input = Head { expendable: 2, ..Head::left("input") };
    let head = |is_shown: bool, head: Head| is_shown.then_some(head);
    let heads = [
        Some(Head::left("model")),
        Some(input),
        Some(Head::right("to store")),
        head(infers, Head::right("inference peak")),
        head(trains, Head::right("training peak")),
        head(fits && infers, Head::right("inference batches")),
        head(fits && trains, Head::right("training batches")),
        head(fits, Head::left("fits")),
    ];
    let mut grid = Grid::new(heads.into_iter().flatten().collect::<Vec<_>>());
    for report in reports {
        let bytes =
            |bytes: u64| Value::Bytes(bytes).bounded(exactness(report.status.is_complete()));
        let stored = report.flash_bytes.saturating_add(report.buffer_bytes);
        let asked = report.fits.as_ref();
        let batch = |batch: Option<u64>| batch.map_or(Value::Unknown, Value::Count);
        let verdict = asked.map(|fits| match fits.fits {
            Some(true) => format!("{} fits", fits.judged),
            Some(false) => format!("{} DOES NOT FIT", fits.judged),
            None => "not decided".to_owned(),
        });
        let cells = [
            Some(Value::text(&report.model)),
            Some(Value::Sizes(inputs(&report.inputs))),
            Some(bytes(stored)),
            infers.then(|| bytes(report.inference.peak_bytes)),
            trains.then(|| {
                let training = report.training.as_ref();
                training.map_or(Value::Unknown, |step| bytes(step.peak.peak_bytes))
            }),
            asked.filter(|_| infers).map(|fits| batch(fits.inference_batch)),
            asked.filter(|_| trains).map(|fits| batch(fits.training_batch)),
            verdict.map(Value::Text),
        ];
        grid.rows.push(cells.into_iter().flatten().collect());
    }
    grid
}

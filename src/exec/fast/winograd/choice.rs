//! Where Winograd's forms pay: the time that a pass takes with each of them, and with columns and one product, as a sum of
//! what it computes and what it moves.
//!
//! Only ratios matter. The figures are those of a core with registers of 512 bits and some megabytes of cache,
//! which reaches about 100 GFLOP/s; on another, products and memory differ by about the same factor.

use super::shape::{ConvShape, Pass, Tile};

/// Nanoseconds for a multiply-accumulate of a product of columns, and of the many products of transformed numbers.
const MACS: [f64; 2] = [0.0196, 0.021];
/// Nanoseconds to read one number of a matrix from where it stays between passes.
const READ: f64 = 0.2;

/// Nanoseconds to hand the steps of a pass in tiles to threads.
const STEPS: f64 = 10_000.0;

/// What is moved in a pass, in nanoseconds for each number.
struct Moved {
    /// Columns, made or added up.
    columns: f64,
    /// Transformed filters, made before the products or transformed back after them.
    filters: f64,
}

fn moved(pass: Pass) -> Moved {
    let (columns, filters) = match pass {
        Pass::Forward => (0.13, 0.45),
        Pass::Input => (0.3, 0.5),
        Pass::Weight => (0.75, 0.7),
    };
    Moved { columns, filters }
}

/// Outputs along a side of a tile, and nanoseconds to transform one of a channel.
fn side(tile: Tile) -> (usize, f64) {
    match tile {
        Tile::Two => (2, 4.0),
        Tile::Four => (4, 15.0),
    }
}

/// Nanoseconds of a pass with columns and one product.
#[allow(clippy::cast_precision_loss, reason = "an estimate")]
fn direct(shape: &ConvShape, pass: Pass) -> f64 {
    let [high, wide] = shape.made;
    let columns = 9.0 * shape.inputs as f64 * (shape.batch * high * wide) as f64;
    let filters = 9.0 * shape.inputs as f64 * shape.outputs as f64;
    (MACS[0] * shape.outputs as f64 + moved(pass).columns) * columns + READ * filters
}

/// Nanoseconds of a pass with tiles of so many rows and columns.
#[allow(clippy::cast_precision_loss, reason = "an estimate")]
fn tiled(
    shape: &ConvShape,
    (pass, prepacked): (Pass, bool),
    tile: Tile,
    [high, wide]: [usize; 2],
) -> f64 {
    let (side, transform) = side(tile);
    let positions = ((side + 2) * (side + 2)) as f64;
    let tiles = shape.batch * high.div_ceil(side) * wide.div_ceil(side);
    // Products work on whole registers of tiles, except where they sum over tiles.
    let worked = if pass == Pass::Weight { tiles } else { tiles.next_multiple_of(16) };
    let filters = positions * shape.inputs as f64 * shape.outputs as f64;
    STEPS
        + MACS[1] * worked as f64 * filters
        + transform * tiles as f64 * (shape.inputs + shape.outputs) as f64
        + (READ + if prepacked { 0.0 } else { moved(pass).filters }) * filters
}

/// The tile that is worth it; none where a product of columns is. `exact` allows only what rounds as a direct sum does,
/// `prepacked` has the filters transformed.
pub(super) fn choose(shape: &ConvShape, pass: Pass, exact: bool, prepacked: bool) -> Option<Tile> {
    // What is written in tiles.
    let written = if pass == Pass::Input { shape.size } else { shape.made };
    let tiles: &[Tile] = if exact { &[Tile::Two] } else { &[Tile::Two, Tile::Four] };
    let times =
        tiles.iter().map(|tile| (Some(*tile), tiled(shape, (pass, prepacked), *tile, written)));
    let times = times.chain([(None, direct(shape, pass))]);
    times.min_by(|a, b| a.1.total_cmp(&b.1)).and_then(|(tile, _)| tile)
}

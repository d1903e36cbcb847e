//! How work is shared: into parts by its shape, never by the number of threads, so that what is computed is the same on any
//! machine; and parts into lanes, each with a block of scratch memory of its own while it runs.
//!
//! It may use nothing of the crate.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

/// Parts that run at once at most: as many blocks of scratch memory are there, however many threads.
pub(crate) const LANES: usize = 16;

/// Multiply-accumulates below which a part is not worth its hand-over to another thread.
const WORTH: usize = 1 << 16;

/// How many parts a piece of work is to be made into, where `others` like it run in parallel.
pub(crate) fn pieces(macs: usize, others: usize) -> usize {
    LANES.div_ceil(others.max(1)).min(macs / WORTH).max(1)
}

/// The size of each piece of `whole` in so many, a multiple of `unit` unless there is one piece only.
pub(crate) fn piece(whole: usize, pieces: usize, unit: usize) -> usize {
    let pieces = pieces.max(1);
    if pieces == 1 { whole.max(1) } else { whole.div_ceil(pieces).next_multiple_of(unit).max(1) }
}

/// The size of pieces of `whole` that are as equal as can be, none above `most`.
pub(crate) fn even(whole: usize, most: usize) -> usize {
    whole.div_ceil(whole.div_ceil(most.max(1)).max(1)).max(1)
}

/// The scratch memory of so many parts that take `each` elements.
pub(crate) fn blocks(parts: usize, each: usize) -> usize {
    parts.min(LANES).saturating_mul(each)
}

/// Runs every part, in lanes that share the threads. A part is given `each` elements of scratch memory, which hold anything.
///
/// # Panics
/// If the scratch memory is less than [`blocks`] says.
pub(crate) fn run<P: Send, S: Send>(
    parts: impl IntoIterator<Item = P, IntoIter: ExactSizeIterator>,
    scratch: &mut [S],
    each: usize,
    part: impl Fn(P, &mut [S]) + Sync,
) {
    let mut parts = parts.into_iter();
    let (count, lanes) = (parts.len(), parts.len().min(LANES));
    assert!(blocks(count, each) <= scratch.len(), "{lanes} blocks of {each}");
    if lanes <= 1 {
        for each_part in parts {
            part(each_part, &mut scratch[..each]);
        }
        return;
    }
    let lane = |i: usize| (i + 1) * count / lanes - i * count / lanes;
    let shares: Vec<Vec<P>> = (0..lanes).map(|i| parts.by_ref().take(lane(i)).collect()).collect();
    let mut rest = scratch;
    let mut free = Vec::with_capacity(lanes);
    for _ in 0..lanes {
        let (block, others) = rest.split_at_mut(each);
        free.push(block);
        rest = others;
    }
    // The block that was given back last is taken first: it is in the cache.
    let free = Mutex::new(free);
    let take = || free.lock().unwrap_or_else(PoisonError::into_inner).pop();
    shares.into_par_iter().with_max_len(1).for_each(|share| {
        let block = take().expect("a block for each lane");
        for each_part in share {
            part(each_part, block);
        }
        free.lock().unwrap_or_else(PoisonError::into_inner).push(block);
    });
}

/// How many of so many rows, with so many multiply-accumulates in each, make a part.
pub(crate) fn together(rows: usize, macs: usize) -> usize {
    piece(rows, pieces(rows.saturating_mul(macs), 1), 1)
}

/// The scratch memory of [`rows`], of which a part takes `each` elements.
pub(crate) fn row_blocks(rows: usize, macs: usize, each: usize) -> usize {
    blocks(rows.div_ceil(together(rows, macs)), each)
}

/// Runs over `y` in parts of whole rows, of `size` elements and so many multiply-accumulates each. A part is given its first
/// row, its elements and `each` elements of scratch memory.
///
/// # Panics
/// If the scratch memory is less than [`row_blocks`] says.
pub(crate) fn rows<Y: Send, S: Send>(
    y: &mut [Y],
    (size, macs): (usize, usize),
    (scratch, each): (&mut [S], usize),
    part: impl Fn(usize, &mut [Y], &mut [S]) + Sync,
) {
    if size == 0 {
        return;
    }
    let together = together(y.len() / size, macs);
    let parts = y.chunks_mut(together * size).enumerate();
    run(parts, scratch, each, |(i, y), block| part(i * together, y, block));
}

/// Multiply-accumulates that take as long as one number that goes through memory.
pub(crate) const NUMBER: usize = 4;

/// Runs over rows without scratch memory, one by one, each of which goes through so many numbers.
pub(crate) fn each_row<Y: Send>(
    y: &mut [Y],
    (size, numbers): (usize, usize),
    row: impl Fn(usize, &mut [Y]) + Sync,
) {
    rows(y, (size, NUMBER * numbers), (&mut [] as &mut [Y], 0), |first, y, _| {
        y.chunks_mut(size).enumerate().for_each(|(i, y)| row(first + i, y));
    });
}

/// Runs over a result whose numbers are made one by one. A part is given its first.
pub(crate) fn numbers<Y: Send>(y: &mut [Y], part: impl Fn(usize, &mut [Y]) + Sync) {
    rows(y, (1, NUMBER), (&mut [] as &mut [Y], 0), |first, y, _| part(first, y));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_part() {
        for (count, macs) in [(0, 9), (1, 1 << 30), (7, 1 << 16), (100, 1 << 14), (1000, 1)] {
            let mut y = vec![0; 3 * count];
            let mut scratch = vec![0; row_blocks(count, macs, 2)];
            rows(&mut y, (3, macs), (&mut scratch, 2), |first, y, block| {
                assert_eq!(block.len(), 2);
                y.chunks_mut(3).enumerate().for_each(|(i, y)| y.fill(first + i + 1));
            });
            assert!(y.iter().enumerate().all(|(i, row)| *row == i / 3 + 1), "{count} by {macs}");
        }
    }

    #[test]
    fn every_part_runs_once_with_a_block_for_itself() {
        for parts in [0, 1, 2, 15, 16, 17, 100] {
            let mut done = vec![0; parts];
            let mut scratch = vec![0usize; blocks(parts, 3)];
            run(done.iter_mut().enumerate(), &mut scratch, 3, |(i, done), block| {
                assert_eq!(block.len(), 3);
                block.fill(i);
                std::thread::yield_now();
                assert_eq!(block, [i; 3]);
                *done += 1;
            });
            assert_eq!(done, vec![1; parts]);
        }
    }

    #[test]
    fn pieces_are_of_the_unit_and_cover_the_whole() {
        assert_eq!((piece(196, 2, 16), piece(196, 1, 16), piece(0, 4, 16)), (112, 196, 1));
        assert_eq!((pieces(1 << 30, 1), pieces(1 << 30, 8), pieces(1 << 30, 40)), (16, 2, 1));
        assert_eq!((pieces(0, 1), pieces(3 << 16, 1)), (1, 3));
    }
}

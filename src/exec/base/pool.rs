//! A pool of buffers: storage of dropped buffers is reused, so that the system is asked for memory in the first passes only.
//!
//! ```text
//! a tensor   takes free storage of its length, else the shortest that is at most twice as long
//! scratch    takes the shortest that is long enough: it is back before the next tensor is made
//! new        is made where none fits; before that, what lies free the longest goes back to the system until all storage, in
//!            use and free, is no more than was ever in use, and a sixteenth of that or 32 MiB
//! ```
//!
//! What is less than a page is left to the allocator. It may use nothing of the crate.

use std::any::Any;

/// What buffers hold: numbers that are copied.
pub trait Pooled: Copy + Default + Send + Sync + 'static {
    /// A value that is no result: uninitialised storage holds it in builds with debug assertions.
    const JUNK: Self;
}

macro_rules! pooled {
    ($($T:ty: $junk:expr),*) => { $(impl Pooled for $T { const JUNK: Self = $junk; })* };
}

pooled!(f32: Self::NAN, f64: Self::NAN, i64: Self::MIN, usize: Self::MAX, u8: Self::MAX, bool: true);

/// Bytes below which storage is not kept.
const PAGE: u64 = 4096;
/// How many times as long as a tensor its storage may be. Where it must fit more closely, more storage goes round, and less
/// of it is in a cache; where any will do, small gradients that stay hold the storage of large values that come again.
const LONGEST: usize = 2;
/// Of the most in use, the part that may lie free beyond it, and how much may in any case.
const BEYOND: (u64, u64) = (16, 32 << 20);

/// How long storage may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Not much longer than what it is for.
    Close,
    /// Any length that is enough.
    Enough,
}

impl Fit {
    fn admits(self, found: usize, wanted: usize) -> bool {
        let most = match self {
            Self::Close => wanted.saturating_mul(LONGEST),
            Self::Enough => usize::MAX,
        };
        (wanted..=most).contains(&found)
    }
}

/// Storage that is free: a vector of some type.
#[derive(Debug)]
struct Free {
    storage: Box<dyn Any + Send>,
    bytes: u64,
}

/// Storage in use and free. What lies free the longest comes first.
#[derive(Debug, Default)]
pub(super) struct BufferPool {
    free: Vec<Free>,
    /// Bytes in use, and the most that ever were.
    used: u64,
    most: u64,
    /// Bytes of all storage.
    held: u64,
}

fn bytes_of<T>(n: usize) -> u64 {
    (n as u64).saturating_mul(size_of::<T>() as u64)
}

impl BufferPool {
    /// Free storage for `n` elements, which hold anything. Where there is none, whoever asks makes some, of that length.
    pub(super) fn take<T: Pooled>(&mut self, n: usize, fit: Fit) -> Option<Vec<T>> {
        let bytes = bytes_of::<T>(n);
        self.used += bytes;
        self.most = self.most.max(self.used);
        let fitting = self.free.iter().enumerate().rev().filter_map(|(at, free)| {
            let found = free.storage.downcast_ref::<Vec<T>>()?.len();
            fit.admits(found, n).then_some((found, at))
        });
        // Of several, what was used last: it is in the cache.
        let best = if bytes < PAGE { None } else { fitting.min_by_key(|(found, _)| *found) };
        if let Some((_, at)) = best {
            return self.free.remove(at).storage.downcast().ok().map(|storage| *storage);
        }
        self.hold(bytes);
        None
    }

    /// Counts storage in that was made elsewhere.
    pub(super) fn adopt<T>(&mut self, storage: &[T]) {
        let bytes = bytes_of::<T>(storage.len());
        self.used += bytes;
        self.most = self.most.max(self.used);
        self.hold(bytes);
    }

    /// Counts new storage in; gives back what lies free the longest where it is too much.
    fn hold(&mut self, bytes: u64) {
        self.held = self.held.saturating_add(bytes);
        while self.held > self.limit() && !self.free.is_empty() {
            self.held -= self.free.remove(0).bytes;
        }
    }

    /// Takes storage back, of which `n` elements were in use.
    pub(super) fn put<T: Pooled>(&mut self, storage: Vec<T>, n: usize) {
        self.used = self.used.saturating_sub(bytes_of::<T>(n));
        let bytes = bytes_of::<T>(storage.len());
        if bytes < PAGE {
            self.held = self.held.saturating_sub(bytes);
        } else {
            self.free.push(Free { storage: Box::new(storage), bytes });
        }
    }

    /// The most bytes of storage that are held while some of it is free.
    fn limit(&self) -> u64 {
        let (part, least) = BEYOND;
        self.most.saturating_add((self.most / part).max(least))
    }

    /// Bytes of all storage, in use and free.
    #[cfg(any(test, feature = "internals"))]
    pub(super) fn held(&self) -> u64 {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes storage, and makes it where there is none; says whether there was.
    fn take<T: Pooled>(pool: &mut BufferPool, n: usize, fit: Fit) -> (Vec<T>, bool) {
        let found = pool.take(n, fit);
        let was = found.is_some();
        (found.unwrap_or_else(|| vec![T::default(); n]), was)
    }

    #[test]
    fn the_closest_fit_is_taken_and_of_equal_ones_the_last() {
        let mut pool = BufferPool::default();
        let some =
            [8000usize, 9000, 8500, 8500].map(|n| (take::<f64>(&mut pool, n, Fit::Close).0, n));
        for (at, (mut storage, n)) in some.into_iter().enumerate() {
            storage[0] = [0.0, 1.0, 2.0, 3.0][at];
            pool.put(storage, n);
        }
        let (found, _) = take::<f64>(&mut pool, 8100, Fit::Close);
        assert!(found.len() == 8500 && found[0] > 2.5);
        assert!(!take::<f64>(&mut pool, 3999, Fit::Close).1, "none is as short");
        assert!(!take::<i64>(&mut pool, 8000, Fit::Close).1, "of another type");
        assert_eq!(take::<f64>(&mut pool, 1000, Fit::Enough).0.len(), 8000);
        assert!(!take::<f64>(&mut pool, 10_000, Fit::Enough).1, "none is as long");
    }

    #[test]
    fn what_is_less_than_a_page_is_not_kept() {
        let mut pool = BufferPool::default();
        let (storage, _) = take::<u8>(&mut pool, 4095, Fit::Close);
        pool.put(storage, 4095);
        assert_eq!((pool.held(), pool.free.len()), (0, 0));
    }

    /// What lies free the longest goes first, as soon as there is more than the most in use and what may lie beyond it.
    #[test]
    fn free_storage_goes_back_when_it_is_too_much() {
        const PIECE: usize = 10 << 20;
        let mut pool = BufferPool::default();
        for n in [PIECE, 3 * PIECE, 7 * PIECE] {
            let (storage, _) = take::<u8>(&mut pool, n, Fit::Close);
            pool.put(storage, n);
        }
        // 70 MiB were in use, so that 102 may be held: the first had to go.
        assert_eq!((pool.held(), pool.free.len()), (100 << 20, 2));
        assert!(!take::<u8>(&mut pool, PIECE, Fit::Close).1);
        assert_eq!((pool.held(), pool.free.len()), (80 << 20, 1));
        assert!(take::<u8>(&mut pool, 7 * PIECE, Fit::Close).1);
    }
}

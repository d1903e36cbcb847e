//! Tracked allocations of tensors, as they really are made and freed: now, and at its highest.
//!
//! A [`Meter`] is shared by all buffers of one run; a buffer reports its payload when it is made and when it is dropped.
//! Its storage returns to a pool that the meter has, for the next buffer; what lies in the pool is not accounted.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pool::{BufferPool, Fit, Pooled};

/// Bytes in use and the most that ever were.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    used: Arc<Use>,
    pool: Arc<Mutex<BufferPool>>,
}

#[derive(Debug, Default)]
struct Use {
    now: AtomicU64,
    peak: AtomicU64,
}

impl Meter {
    /// A meter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sibling: another meter at zero whose buffers share the pool.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self { used: Arc::default(), pool: Arc::clone(&self.pool) }
    }

    /// Bytes in use.
    pub fn now(&self) -> u64 {
        self.used.now.load(Ordering::Relaxed)
    }

    /// The most bytes in use since it was made or reset.
    pub fn peak(&self) -> u64 {
        self.used.peak.load(Ordering::Relaxed)
    }

    /// Bytes of all storage, in use and in the pool.
    #[cfg(any(test, feature = "internals"))]
    pub fn held(&self) -> u64 {
        self.pool().held()
    }

    /// Begins a new peak at what is in use.
    pub fn reset_peak(&self) {
        self.used.peak.store(self.now(), Ordering::Relaxed);
    }

    fn pool(&self) -> MutexGuard<'_, BufferPool> {
        // No step of the pool panics half-way.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: u64) {
        let now = self.used.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.used.peak.fetch_max(now, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: u64) {
        self.used.now.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A block of numbers whose payload is accounted, in storage that may be longer.
#[derive(Debug)]
pub struct Buffer<T> {
    storage: Vec<T>,
    len: usize,
    meter: Meter,
    /// Known where the type is, which it need not be where a buffer is dropped.
    put: fn(&mut BufferPool, Vec<T>, usize),
}

impl<T: Pooled> Buffer<T> {
    /// `data`, with its storage.
    pub fn new(data: Vec<T>, meter: &Meter) -> Self {
        meter.pool().adopt(&data);
        Self::of(data.len(), data, meter)
    }

    /// `len` times the same.
    pub fn full(len: usize, value: T, meter: &Meter) -> Self {
        match Self::taken(len, Fit::Close, meter) {
            Some(mut buffer) => {
                buffer.fill(value);
                buffer
            }
            None => Self::of(len, vec![value; len], meter),
        }
    }

    /// `len` uninitialised elements: for a caller that writes each of them.
    pub fn uninit(len: usize, meter: &Meter) -> Self {
        Self::open(len, Fit::Close, meter)
    }

    /// `len` uninitialised elements that are needed for a moment.
    pub fn scratch(len: usize, meter: &Meter) -> Self {
        Self::open(len, Fit::Enough, meter)
    }

    /// The first `len` numbers of some.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn collect(len: usize, numbers: impl Iterator<Item = T>, meter: &Meter) -> Self {
        let mut numbers = numbers.take(len);
        let Some(mut buffer) = Self::taken(len, Fit::Close, meter) else {
            let mut storage = Vec::with_capacity(len);
            storage.extend(numbers);
            assert_eq!(storage.len(), len, "numbers of a buffer");
            return Self::of(len, storage, meter);
        };
        for place in buffer.iter_mut() {
            *place = numbers.next().expect("as many numbers as the buffer has");
        }
        buffer
    }

    fn open(len: usize, fit: Fit, meter: &Meter) -> Self {
        let taken = Self::taken(len, fit, meter);
        let mut buffer = taken.unwrap_or_else(|| Self::of(len, vec![T::default(); len], meter));
        if cfg!(debug_assertions) {
            buffer.fill(T::JUNK);
        }
        buffer
    }

    fn taken(len: usize, fit: Fit, meter: &Meter) -> Option<Self> {
        let storage = meter.pool().take(len, fit)?;
        Some(Self::of(len, storage, meter))
    }

    fn of(len: usize, storage: Vec<T>, meter: &Meter) -> Self {
        let buffer = Self { storage, len, meter: meter.clone(), put: BufferPool::put };
        meter.take(buffer.bytes());
        buffer
    }
}

impl<T> Buffer<T> {
    /// Bytes of its payload.
    pub fn bytes(&self) -> u64 {
        self.len as u64 * size_of::<T>() as u64
    }

    /// The meter it reports to.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.storage[..self.len]
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.storage[..self.len]
    }
}

impl<T: Pooled> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Self::collect(self.len, self.iter().copied(), &self.meter)
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        self.meter.give_back(self.bytes());
        let storage = std::mem::take(&mut self.storage);
        (self.put)(&mut self.meter.pool(), storage, self.len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_taken_and_what_is_dropped_is_given_back() {
        let meter = Meter::new();
        let first = Buffer::new(vec![0i64; 5], &meter);
        let second = first.clone();
        drop(first);
        assert_eq!((meter.now(), meter.peak(), second.bytes()), (40, 80, 40));
        meter.reset_peak();
        drop(second);
        assert_eq!((meter.now(), meter.peak()), (0, 40));
    }

    #[test]
    fn storage_is_taken_up_again_and_nothing_is_left_of_what_it_held() {
        let meter = Meter::new();
        let first = Buffer::full(2000, 7i64, &meter);
        let place = first.as_ptr();
        drop(first);
        assert_eq!((meter.now(), meter.held()), (0, 16_000));
        let second = Buffer::full(1900, 0i64, &meter);
        assert_eq!((second.as_ptr(), second.len(), meter.now()), (place, 1900, 15_200));
        assert!(second.iter().all(|x| *x == 0));
        drop(second);
        let third = Buffer::collect(1990, 1i64.., &meter.sibling());
        assert_eq!((third.as_ptr(), third[1989], meter.now()), (place, 1990, 0));
        drop(third);
        let fourth = Buffer::<i64>::scratch(600, &meter);
        assert_eq!((fourth.as_ptr(), fourth.len(), meter.held()), (place, 600, 16_000));
    }
}

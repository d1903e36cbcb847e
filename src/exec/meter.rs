//! Memory that tensors take, as it really is allocated and freed: now, and at its highest.
//!
//! A [`Meter`] is shared by all buffers of one run; a buffer reports its payload when it is made and when it is dropped.
//! Tests stand below.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// Bytes in use and the most that ever were.
#[derive(Clone, Debug, Default)]
pub struct Meter(Rc<Use>);

#[derive(Debug, Default)]
struct Use {
    now: Cell<u64>,
    peak: Cell<u64>,
}

impl Meter {
    /// A meter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes in use.
    pub fn now(&self) -> u64 {
        self.0.now.get()
    }

    /// The most bytes in use since it was made or reset.
    pub fn peak(&self) -> u64 {
        self.0.peak.get()
    }

    /// Begins a new peak at what is in use.
    pub fn reset_peak(&self) {
        self.0.peak.set(self.now());
    }

    fn take(&self, bytes: u64) {
        let now = self.now() + bytes;
        self.0.now.set(now);
        self.0.peak.set(self.peak().max(now));
    }

    fn give_back(&self, bytes: u64) {
        self.0.now.set(self.now().saturating_sub(bytes));
    }
}

/// A block of numbers whose payload is accounted.
#[derive(Debug)]
pub struct Buffer<T> {
    data: Vec<T>,
    bytes: u64,
    meter: Meter,
}

impl<T: Clone> Buffer<T> {
    /// `data`, each element of which is accounted with `each` bytes.
    pub fn new(data: Vec<T>, each: u64, meter: &Meter) -> Self {
        let bytes = data.len() as u64 * each;
        meter.take(bytes);
        Self { data, bytes, meter: meter.clone() }
    }

    /// Bytes of its payload.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The meter it reports to.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.data
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data
    }
}

impl<T: Clone> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        self.meter.take(self.bytes);
        Self { data: self.data.clone(), bytes: self.bytes, meter: self.meter.clone() }
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        self.meter.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_taken_and_what_is_dropped_is_given_back() {
        let meter = Meter::new();
        let first = Buffer::new(vec![0u8; 10], 4, &meter);
        let second = first.clone();
        drop(first);
        assert_eq!((meter.now(), meter.peak(), second.bytes()), (40, 80, 40));
        meter.reset_peak();
        drop(second);
        assert_eq!((meter.now(), meter.peak()), (0, 40));
    }
}

//! Dense tensors, row by row, batch first. Views share their numbers; writing to a shared tensor copies it first.

use std::sync::Arc;

use super::meter::{Buffer, Meter};
use super::scalar::Scalar;

/// A dense tensor.
#[derive(Clone, Debug)]
pub struct Tensor<S> {
    shape: Vec<usize>,
    data: Arc<Buffer<S>>,
}

impl<S: Scalar> Tensor<S> {
    /// A tensor of this shape with these numbers, the last axis fastest.
    ///
    /// # Panics
    /// If there are more or fewer numbers than the shape has.
    pub fn new(shape: &[usize], data: Vec<S>, meter: &Meter) -> Self {
        assert_eq!(
            shape.iter().product::<usize>(),
            data.len(),
            "numbers of a tensor of shape {shape:?}"
        );
        Self::of(shape, Buffer::new(data, meter))
    }

    fn of(shape: &[usize], data: Buffer<S>) -> Self {
        Self { shape: shape.to_vec(), data: Arc::new(data) }
    }

    /// A tensor that holds one number everywhere.
    pub fn full(shape: &[usize], value: S, meter: &Meter) -> Self {
        Self::of(shape, Buffer::full(shape.iter().product(), value, meter))
    }

    /// A tensor of zeros.
    pub fn zeros(shape: &[usize], meter: &Meter) -> Self {
        Self::full(shape, S::ZERO, meter)
    }

    /// An uninitialised tensor: for a kernel that writes each element.
    pub fn uninit(shape: &[usize], meter: &Meter) -> Self {
        Self::of(shape, Buffer::uninit(shape.iter().product(), meter))
    }

    /// A tensor of this shape with the first of these numbers, the last axis fastest.
    ///
    /// # Panics
    /// If there are fewer numbers than the shape has.
    pub fn collect(shape: &[usize], numbers: impl Iterator<Item = S>, meter: &Meter) -> Self {
        Self::of(shape, Buffer::collect(shape.iter().product(), numbers, meter))
    }

    /// The same numbers under another shape: a view.
    ///
    /// # Panics
    /// If the shape has more or fewer elements.
    #[must_use]
    pub fn view(&self, shape: &[usize]) -> Self {
        assert_eq!(
            shape.iter().product::<usize>(),
            self.len(),
            "a view of {:?} as {shape:?}",
            self.shape
        );
        Self { shape: shape.to_vec(), data: Arc::clone(&self.data) }
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether it has no elements.
    #[cfg(any(test, feature = "internals"))]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Its numbers.
    pub fn data(&self) -> &[S] {
        &self.data
    }

    /// Its numbers, to write; a tensor that others share is copied first.
    pub fn data_mut(&mut self) -> &mut [S] {
        let buffer: &mut Buffer<S> = Arc::make_mut(&mut self.data);
        buffer
    }

    /// Bytes of its numbers.
    pub fn bytes(&self) -> u64 {
        self.data.bytes()
    }

    /// The meter it is accounted by.
    pub fn meter(&self) -> &Meter {
        self.data.meter()
    }

    /// Whether two tensors are views of the same numbers.
    pub fn shares(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.data, &other.data)
    }

    /// Whether others are views of the same numbers, so that writing copies them first.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.data) > 1
    }

    /// Its numbers as doubles.
    #[cfg(any(test, feature = "internals"))]
    pub fn values(&self) -> Vec<f64> {
        self.data().iter().map(|x| x.value()).collect()
    }

    /// The same numbers in another precision, on another meter.
    #[cfg(any(test, feature = "internals"))]
    pub fn cast<T: Scalar>(&self, meter: &Meter) -> Tensor<T> {
        Tensor::collect(&self.shape, self.data().iter().map(|x| T::of(x.value())), meter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_takes_no_memory_until_it_is_written() {
        let meter = Meter::new();
        let tensor = Tensor::<f32>::zeros(&[2, 3], &meter);
        let mut view = tensor.view(&[6]);
        assert_eq!((meter.now(), view.shares(&tensor), view.is_shared()), (24, true, true));
        view.data_mut()[0] = 1.0;
        assert_eq!((meter.now(), tensor.data()[0], view.is_shared()), (48, 0.0, false));
    }
}

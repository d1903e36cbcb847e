//! Tensor shapes with checked sizes, and the element types that turn counts into bytes.
//!
//! Imports nothing. A [`Shape`] is that of a whole tensor; which axis is the batch, if any, is said by an input of a graph.

use std::fmt;

/// The highest rank a shape can have.
pub const MAX_RANK: usize = 8;

/// A size or a count does not fit in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size or a count exceeds 18,446,744,073,709,551,615 (64 bits)")
    }
}

impl std::error::Error for TooLarge {}

/// The product of sizes.
///
/// # Errors
/// [`TooLarge`] if it does not fit in 64 bits.
pub fn product(factors: impl IntoIterator<Item = u64>) -> Result<u64, TooLarge> {
    // A zero makes the product zero even where the factors before it overflow.
    let mut result = Some(1u64);
    for factor in factors {
        if factor == 0 {
            return Ok(0);
        }
        result = result.and_then(|r| r.checked_mul(factor));
    }
    result.ok_or(TooLarge)
}

/// The sum of counts.
///
/// # Errors
/// [`TooLarge`] if it does not fit in 64 bits.
pub fn sum(terms: impl IntoIterator<Item = u64>) -> Result<u64, TooLarge> {
    terms.into_iter().try_fold(0u64, u64::checked_add).ok_or(TooLarge)
}

/// The sizes of a tensor's axes, at most [`MAX_RANK`] of them; small and `Copy`.
///
/// ```
/// use cnnstat::Shape;
/// let image = Shape::new(&[1, 3, 224, 224]).unwrap();
/// assert_eq!(image.to_string(), "1×3×224×224");
/// assert_eq!(image.numel().unwrap(), 150_528);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    rank: u8,
    dims: [u64; MAX_RANK],
}

impl Shape {
    /// The shape of a scalar: no axes, one element.
    pub const SCALAR: Self = Self { rank: 0, dims: [0; MAX_RANK] };

    /// A shape with these sizes, or `None` above rank [`MAX_RANK`].
    pub fn new(dims: &[u64]) -> Option<Self> {
        if dims.len() > MAX_RANK {
            return None;
        }
        let mut shape = Self::SCALAR;
        shape.rank = u8::try_from(dims.len()).ok()?;
        shape.dims[..dims.len()].copy_from_slice(dims);
        Some(shape)
    }

    /// A shape of one axis.
    pub fn vector(n: u64) -> Self {
        let mut shape = Self { rank: 1, dims: [0; MAX_RANK] };
        shape.dims[0] = n;
        shape
    }

    /// The sizes of the axes.
    pub fn dims(&self) -> &[u64] {
        &self.dims[..self.rank()]
    }

    /// Sizes of the axes, as indices of memory.
    pub fn sizes(&self) -> Vec<usize> {
        // What memory cannot hold is refused before it is made.
        self.dims().iter().map(|n| usize::try_from(*n).unwrap_or(usize::MAX)).collect()
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// The size of one axis, or `None` where there is no such axis.
    pub fn get(&self, axis: usize) -> Option<u64> {
        self.dims().get(axis).copied()
    }

    /// The same shape with one axis resized.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn with(mut self, axis: usize, size: u64) -> Self {
        assert!(axis < self.rank(), "axis {axis} of a shape of rank {}", self.rank());
        self.dims[axis] = size;
        self
    }

    /// The same shape without one axis; the same where there is no such axis.
    #[must_use]
    pub fn without(self, axis: usize) -> Self {
        let mut shape = Self::SCALAR;
        for (_, size) in self.dims().iter().enumerate().filter(|(at, _)| *at != axis) {
            shape.dims[shape.rank()] = *size;
            shape.rank += 1;
        }
        shape
    }

    /// The same shape with an axis of this size before the others; `None` above rank [`MAX_RANK`].
    pub fn after(self, size: u64) -> Option<Self> {
        let mut shape = Self { rank: self.rank + 1, dims: [size; MAX_RANK] };
        shape.dims.get_mut(1..=self.rank())?.copy_from_slice(self.dims());
        let rank = shape.rank();
        shape.dims[rank..].fill(0);
        Some(shape)
    }

    /// The number of elements.
    ///
    /// # Errors
    /// [`TooLarge`] if it does not fit in 64 bits.
    pub fn numel(&self) -> Result<u64, TooLarge> {
        product(self.dims().iter().copied())
    }

    /// Bytes of a tensor of this shape.
    ///
    /// # Errors
    /// [`TooLarge`] if they do not fit in 64 bits.
    pub fn bytes(&self, dtype: DType) -> Result<u64, TooLarge> {
        product([self.numel()?, dtype.bytes()])
    }

    /// Batch size, channels and spatial extents of an N×C×spatial tensor; `None` below rank 2.
    pub fn split(&self) -> Option<(u64, u64, &[u64])> {
        match self.dims() {
            [batch, channels, spatial @ ..] => Some((*batch, *channels, spatial)),
            _ => None,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rank == 0 {
            return f.write_str("scalar");
        }
        let dims: Vec<String> = self.dims().iter().map(u64::to_string).collect();
        f.write_str(&dims.join("×"))
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}

/// The shapes of several values, such as an operator's outputs. One, which is what nearly all operators have, takes no
/// memory of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shapes {
    /// They are not known.
    #[default]
    Unknown,
    /// Of one value.
    One(Shape),
    /// Of any number of values.
    Many(Vec<Shape>),
}

impl Shapes {
    /// All of these, or unknown where one is.
    pub fn all(shapes: impl ExactSizeIterator<Item = Option<Shape>>) -> Self {
        let mut shapes = shapes;
        match (shapes.len(), shapes.next()) {
            (1, Some(shape)) => shape.map_or(Self::Unknown, Self::One),
            (_, None) => Self::Many(Vec::new()),
            (_, Some(first)) => {
                let all: Option<Vec<Shape>> = std::iter::once(first).chain(shapes).collect();
                all.map_or(Self::Unknown, Self::Many)
            }
        }
    }

    /// Whether they are known.
    pub const fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// The shapes; `None` where they are not known.
    pub fn known(&self) -> Option<&[Shape]> {
        self.is_known().then_some(&**self)
    }
}

impl std::ops::Deref for Shapes {
    type Target = [Shape];

    /// The shapes; none where they are not known.
    fn deref(&self) -> &[Shape] {
        match self {
            Self::Unknown => &[],
            Self::One(shape) => std::slice::from_ref(shape),
            Self::Many(shapes) => shapes,
        }
    }
}

impl<'s> IntoIterator for &'s Shapes {
    type Item = &'s Shape;
    type IntoIter = std::slice::Iter<'s, Shape>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Shape> for Shapes {
    fn from(shape: Shape) -> Self {
        Self::One(shape)
    }
}

impl From<Vec<Shape>> for Shapes {
    fn from(shapes: Vec<Shape>) -> Self {
        Self::Many(shapes)
    }
}

impl PartialEq<[Shape]> for Shapes {
    fn eq(&self, other: &[Shape]) -> bool {
        **self == *other
    }
}

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// 64-bit float.
    F64,
    /// 32-bit float, torch's default.
    #[default]
    F32,
    /// 16-bit float.
    F16,
    /// bfloat16.
    BF16,
    /// 64-bit integer, as torch counts batches and indexes.
    I64,
    /// 32-bit integer: the biases of a network in 8-bit integers.
    I32,
    /// 8-bit integer.
    I8,
    /// One byte for a truth value, as torch keeps masks.
    Bool,
}

impl DType {
    /// Every element type with its name.
    pub const NAMES: &[(&str, Self)] = &[
        ("f64", Self::F64),
        ("f32", Self::F32),
        ("f16", Self::F16),
        ("bf16", Self::BF16),
        ("i64", Self::I64),
        ("i32", Self::I32),
        ("i8", Self::I8),
        ("bool", Self::Bool),
    ];

    /// The types that parameters and activations can have.
    pub const COMPUTED: &[Self] = &[Self::F64, Self::F32, Self::F16, Self::BF16, Self::I8];

    /// Further names of [`Self::COMPUTED`]: those of torch, NumPy and of papers.
    const ALIASES: &[(&str, Self)] = &[
        ("float64", Self::F64),
        ("fp64", Self::F64),
        ("double", Self::F64),
        ("float32", Self::F32),
        ("fp32", Self::F32),
        ("float", Self::F32),
        ("float16", Self::F16),
        ("fp16", Self::F16),
        ("half", Self::F16),
        ("bfloat16", Self::BF16),
        ("int8", Self::I8),
    ];

    /// The one of [`Self::COMPUTED`] that is called so, here or elsewhere, in capitals or not.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim_start_matches("torch.");
        let own = Self::COMPUTED.iter().copied().find(|d| d.name().eq_ignore_ascii_case(name));
        let known = || Self::ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
        own.or_else(|| known().map(|(_, dtype)| *dtype))
    }

    /// Whether gradients can be taken in it.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    /// Bytes an element.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::I8 | Self::Bool => 1,
        }
    }

    /// The name: `f32`.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, dtype)| *dtype == self).map_or("?", |(name, _)| name)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numel_is_checked_and_zero_wins() {
        let huge = Shape::new(&[u64::MAX, 2]).unwrap();
        assert_eq!(huge.numel(), Err(TooLarge));
        assert_eq!(Shape::new(&[u64::MAX, 2, 0]).unwrap().numel(), Ok(0));
        assert_eq!(Shape::SCALAR.numel(), Ok(1));
    }

    #[test]
    fn rank_is_bounded() {
        assert!(Shape::new(&[1; MAX_RANK]).is_some());
        assert!(Shape::new(&[1; MAX_RANK + 1]).is_none());
    }

    #[test]
    fn every_dtype_has_its_name() {
        for (name, dtype) in DType::NAMES {
            assert_eq!(dtype.name(), *name);
        }
    }
}

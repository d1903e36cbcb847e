//! The matrix product, wrapped once: the only file with unsafe code. Matrices are slices with steps; every bound is checked
//! where a matrix is made, and matrices to be written have rows that do not overlap, so that disjoint parts of one can be
//! written at the same time.
//!
//! It may use `scalar`.

#![allow(
    unsafe_code,
    reason = "the product is the gemm crate's, and parts of a matrix are no slices"
)]

mod columns;

use std::marker::PhantomData;
use std::sync::Once;

/// What the machine does directly with numbers of this precision.
#[derive(Debug)]
pub struct Native<S: 'static> {
    /// `into = a·b`, or `into += a·b`, on this thread alone, whatever the sizes: see [`Native::product`].
    pub(crate) multiply: Multiply<S>,
}

/// Writes the product of two matrices, or adds it to what is there.
pub(crate) type Multiply<S> = fn(&mut MatrixMut<'_, S>, Matrix<'_, S>, Matrix<'_, S>, Write);

/// What happens to the numbers that a product is written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// They are lost, and never read.
    Over,
    /// The product is added to them.
    Add,
}

/// A matrix to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, S> {
    data: &'a [S],
    sizes: [usize; 2],
    steps: [usize; 2],
}

impl<'a, S> Matrix<'a, S> {
    /// Rows and columns, and how far it is from one to the next.
    ///
    /// # Panics
    /// If an element lies beyond the slice.
    pub(crate) fn new(data: &'a [S], sizes: [usize; 2], steps: [usize; 2]) -> Self {
        assert!(reach(sizes, steps) <= data.len(), "{sizes:?} by {steps:?} in {}", data.len());
        Self { data, sizes, steps }
    }

    /// Rows that follow each other in the slice.
    pub(crate) fn rows(data: &'a [S], rows: usize, cols: usize) -> Self {
        Self::new(data, [rows, cols], [cols, 1])
    }

    /// Number of rows and of columns.
    pub(crate) fn sizes(&self) -> [usize; 2] {
        self.sizes
    }

    /// The part of these sizes that begins at a row and a column.
    ///
    /// # Panics
    /// If it is not inside.
    pub(crate) fn part(self, row: usize, col: usize, sizes: [usize; 2]) -> Self {
        let Self { data, sizes: [rows, cols], steps } = self;
        assert!(row + sizes[0] <= rows && col + sizes[1] <= cols, "{sizes:?} at {row}, {col}");
        Self::new(&data[row * steps[0] + col * steps[1]..], sizes, steps)
    }

    /// Whether elements of a row follow each other.
    pub(crate) fn has_rows(&self) -> bool {
        self.steps[1] == 1
    }

    /// A row of a matrix that has them.
    ///
    /// # Panics
    /// If it has none, or not this.
    #[inline]
    pub(crate) fn row(&self, row: usize) -> &'a [S] {
        assert!(self.steps[1] == 1, "a row of steps of {}", self.steps[1]);
        &self.data[row * self.steps[0]..][..self.sizes[1]]
    }

    /// Copies a part of a column, from a row on.
    ///
    /// # Panics
    /// If it is not inside.
    pub(crate) fn column(&self, column: usize, first: usize, into: &mut [S])
    where
        S: Copy,
    {
        let Self { data, sizes: [rows, cols], steps: [down, across] } = self;
        assert!(first + into.len() <= *rows && column < *cols, "{} of {rows}", into.len());
        let from = data[first * down + column * across..].iter().step_by((*down).max(1));
        into.iter_mut().zip(from).for_each(|(into, from)| *into = *from);
    }

    /// The same with rows for columns.
    pub(crate) fn transposed(self) -> Self {
        let Self { data, sizes: [rows, cols], steps: [down, across] } = self;
        Self { data, sizes: [cols, rows], steps: [across, down] }
    }
}

/// How long a slice must be that has all elements of such a matrix.
fn reach([rows, cols]: [usize; 2], [down, across]: [usize; 2]) -> usize {
    if rows == 0 || cols == 0 {
        return 0;
    }
    let end = (rows - 1).checked_mul(down).zip((cols - 1).checked_mul(across));
    end.and_then(|(a, b)| a.checked_add(b)?.checked_add(1)).expect("a matrix in memory")
}

/// A matrix to be written: elements of a row follow each other, rows do not overlap.
#[derive(Debug)]
pub(crate) struct MatrixMut<'a, S> {
    first: *mut S,
    rows: usize,
    cols: usize,
    down: usize,
    /// It has its elements for itself; those between its rows belong to others.
    of: PhantomData<&'a mut [S]>,
}

// SAFETY: it has its elements for itself, as `&mut [S]` has.
unsafe impl<S: Send> Send for MatrixMut<'_, S> {}

impl<'a, S> MatrixMut<'a, S> {
    /// `rows` rows of `cols` elements, `down` elements from one row to the next.
    ///
    /// # Panics
    /// If an element lies beyond the slice, or rows overlap.
    pub(crate) fn new(data: &'a mut [S], rows: usize, cols: usize, down: usize) -> Self {
        assert!(reach([rows, cols], [down, 1]) <= data.len(), "{rows} by {cols} in {}", data.len());
        assert!(down >= cols, "rows of {cols} every {down}");
        Self { first: data.as_mut_ptr(), rows, cols, down, of: PhantomData }
    }

    /// A row.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn row(&mut self, row: usize) -> &mut [S] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: the row lies in the slice that the matrix was made of, and nobody else has its elements.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(row * self.down), self.cols) }
    }

    /// All of its elements, where rows follow each other.
    ///
    /// # Panics
    /// If there is something between them.
    pub(crate) fn whole(&mut self) -> &mut [S] {
        assert!(self.down == self.cols || self.rows <= 1, "{} of {}", self.cols, self.down);
        // SAFETY: from the first to the last, all elements are in the slice that the matrix was made of, and its own.
        unsafe { std::slice::from_raw_parts_mut(self.first, self.rows * self.cols) }
    }

    /// Its first columns.
    ///
    /// # Panics
    /// If it has fewer.
    pub(crate) fn first(&mut self, cols: usize) -> MatrixMut<'_, S> {
        assert!(cols <= self.cols, "{cols} columns of {}", self.cols);
        MatrixMut { first: self.first, rows: self.rows, cols, down: self.down, of: PhantomData }
    }

    /// Number of rows and of columns.
    pub(crate) fn sizes(&self) -> [usize; 2] {
        [self.rows, self.cols]
    }

    /// Cuts it into parts of at most so many rows and columns, each with the row and the column that it begins with.
    pub(crate) fn cut(
        self,
        rows: usize,
        cols: usize,
    ) -> impl ExactSizeIterator<Item = (usize, usize, Self)> {
        let whole = self.rows;
        self.cut_each(whole, rows, cols).map(|(_, row, col, part)| (row, col, part))
    }

    /// The same where it is several matrices of `each` rows, one below the other: parts come with the matrix that they are
    /// of.
    pub(crate) fn cut_each(
        self,
        each: usize,
        rows: usize,
        cols: usize,
    ) -> impl ExactSizeIterator<Item = (usize, usize, usize, Self)> {
        let (each, rows, cols) = (each.max(1), rows.max(1), cols.max(1));
        let (high, wide) = (each.div_ceil(rows), self.cols.div_ceil(cols));
        (0..self.rows / each * high * wide).map(move |part| {
            let (of, row, col) =
                (part / wide / high, part / wide % high * rows, part % wide * cols);
            let part = Self {
                // SAFETY: the matrix, row and col are inside, so that this element is; no other part has it.
                first: unsafe { self.first.add((of * each + row) * self.down + col) },
                rows: rows.min(each - row),
                cols: cols.min(self.cols - col),
                down: self.down,
                of: PhantomData,
            };
            (of, row, col, part)
        })
    }
}

/// Rows of `a`, in sixes, above which the product copies `b` before it reads it, though it could read it where it lies: as
/// many as it can be told. Matrices here are parts that lie in a cache, and copies took 2 to 5 % of a ResNet's step.
const COPIED: usize = 256;

/// Tells the product so, once.
static TELL: Once = Once::new();

macro_rules! native {
    ($Float:ty, $multiply:ident) => {
        /// `into = a·b` in this precision.
        fn $multiply(
            into: &mut MatrixMut<'_, $Float>,
            a: Matrix<'_, $Float>,
            b: Matrix<'_, $Float>,
            write: Write,
        ) {
            let ([rows, inner], [also, cols]) = (a.sizes, b.sizes);
            assert!(
                [rows, cols] == into.sizes() && inner == also,
                "{:?} = {:?} · {:?}",
                into.sizes(),
                a.sizes,
                b.sizes
            );
            TELL.call_once(|| gemm::set_lhs_packing_threshold_single_thread(COPIED));
            let [a_down, a_across] = a.steps.map(usize::cast_signed);
            let [b_down, b_across] = b.steps.map(usize::cast_signed);
            let (before, factor) = (<$Float>::from(write == Write::Add), 1.0);
            // SAFETY: every element of the three matrices lies in the slice that it was made of (`Matrix::new`,
            // `MatrixMut::new`), sizes agree (above), and what is written is borrowed by `into` alone.
            unsafe {
                gemm::gemm(
                    rows,
                    cols,
                    inner,
                    into.first,
                    1,
                    into.down.cast_signed(),
                    write == Write::Add,
                    a.data.as_ptr(),
                    a_across,
                    a_down,
                    b.data.as_ptr(),
                    b_across,
                    b_down,
                    before,
                    factor,
                    false,
                    false,
                    false,
                    gemm::Parallelism::None,
                );
            }
        }

        impl Native<$Float> {
            /// Of this precision.
            pub(crate) const OWN: Self = Self { multiply: $multiply };
        }
    };
}

native!(f32, multiply_singles);
native!(f64, multiply_doubles);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::base::scalar::Scalar;

    /// Small whole numbers, so that every order of summing gives the same.
    fn numbers<S: Scalar>(n: usize, seed: usize) -> Vec<S> {
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let number = |i: usize| S::of(((i * 7 + seed * 5) % 11) as f64 - 5.0);
        (0..n).map(number).collect()
    }

    fn check<S: Scalar>(sizes: [usize; 3], transposed: [bool; 2], write: Write) {
        let [rows, inner, cols] = sizes;
        let native = S::NATIVE.expect("a float");
        let (a, b) = (numbers::<S>(rows * inner, 1), numbers::<S>(inner * cols, 2));
        let matrix = |data, [rows, cols]: [usize; 2], transposed| {
            if transposed {
                Matrix::rows(data, cols, rows).transposed()
            } else {
                Matrix::rows(data, rows, cols)
            }
        };
        let (a, b) =
            (matrix(&a, [rows, inner], transposed[0]), matrix(&b, [inner, cols], transposed[1]));
        // Every row is followed by two elements that are none of its.
        let down = cols + 2;
        let mut into = numbers::<S>(rows * down, 3);
        let before = into.clone();
        native.product(&mut MatrixMut::new(&mut into, rows, cols, down), a, b, write);
        let at = |m: &Matrix<'_, S>, i: usize, j: usize| m.data[i * m.steps[0] + j * m.steps[1]];
        for i in 0..rows {
            for j in 0..down {
                let old = before[i * down + j];
                let mut sum = if write == Write::Add || j >= cols { old } else { S::ZERO };
                for k in (0..inner).filter(|_| j < cols) {
                    sum = sum.mac(at(&a, i, k), at(&b, k, j));
                }
                assert_eq!(
                    into[i * down + j],
                    sum,
                    "{sizes:?} {transposed:?} {write:?} at {i}, {j}"
                );
            }
        }
    }

    #[test]
    fn products_are_those_of_plain_loops() {
        let some = [1, 2, 3, 7, 17, 50, 70];
        for rows in some {
            for inner in some {
                for cols in some {
                    for transposed in 0..4 {
                        let transposed = [transposed & 1 == 1, transposed & 2 == 2];
                        for write in [Write::Over, Write::Add] {
                            check::<f32>([rows, inner, cols], transposed, write);
                            check::<f64>([rows, inner, cols], transposed, write);
                        }
                    }
                }
            }
        }
    }

    /// A column is put side by side in pieces.
    #[test]
    fn long_columns_are_products_too() {
        for transposed in 0..4 {
            let transposed = [transposed & 1 == 1, transposed & 2 == 2];
            for write in [Write::Over, Write::Add] {
                check::<f32>([70, 2500, 17], transposed, write);
                check::<f64>([9, 1025, 2], transposed, write);
            }
        }
    }

    #[test]
    fn parts_are_disjoint_and_complete() {
        let mut data = vec![0u8; 7 * 9];
        for (row, col, mut part) in MatrixMut::new(&mut data, 7, 8, 9).cut(3, 5) {
            assert_eq!((row % 3, col % 5), (0, 0));
            for i in 0..part.sizes()[0] {
                part.row(i).iter_mut().for_each(|x| *x += 1);
            }
        }
        for (i, row) in data.chunks_exact(9).enumerate() {
            assert_eq!(row, [1, 1, 1, 1, 1, 1, 1, 1, 0], "row {i}");
        }
        assert_eq!(MatrixMut::new(&mut [0u8; 0], 0, 5, 5).cut(2, 2).len(), 0);
    }

    #[test]
    #[should_panic(expected = "3 by 4 in 10")]
    fn what_lies_beyond_the_slice_is_refused() {
        let _ = MatrixMut::new(&mut [0.0f32; 10], 3, 4, 4);
    }

    #[test]
    #[should_panic(expected = "rows of 4 every 3")]
    fn rows_that_overlap_are_refused() {
        let _ = MatrixMut::new(&mut [0.0f32; 20], 3, 4, 3);
    }

    #[test]
    #[should_panic(expected = "[2, 2] = [2, 3] · [2, 2]")]
    fn sizes_that_do_not_agree_are_refused() {
        let (a, b, mut c) = ([0.0; 6], [0.0; 4], [0.0; 4]);
        let into = &mut MatrixMut::new(&mut c, 2, 2, 2);
        (Native::<f64>::OWN.multiply)(
            into,
            Matrix::rows(&a, 2, 3),
            Matrix::rows(&b, 2, 2),
            Write::Over,
        );
    }
}

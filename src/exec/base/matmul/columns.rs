//! Products of a few columns, and those whose last columns would have a register almost for themselves: such columns are
//! made by loops of their own, which read the left matrix once more and add nothing to the rest.
//!
//! ```text
//! rows of a follow in memory       a number is the product of a row and the column
//! columns of a do                  a stretch of the column is the sum of columns of a, each by its number
//! ```
//!
//! With 49 columns of single numbers (planes of 7×7, or tiles of 28×28 or 14×14) registers of 16 are used to three
//! quarters, without the last one fully. It may use `matmul`, `simd` and `scalar`.

#![allow(
    clippy::inline_always,
    reason = "what is inlined is compiled for the machine that it runs on"
)]

use super::{Matrix, MatrixMut, Native, Write};
use crate::exec::base::scalar::Scalar;
use crate::exec::base::simd::{self, Dots, Loop, SUMS};

/// Bytes of the widest register.
const REGISTER: usize = 64;
/// Registers of columns that the product has in its hands at once.
const AT_ONCE: usize = 4;
/// Columns above which a register is worth it.
const FEW: usize = 2;
/// Numbers of a column that are put side by side at once.
const GATHERED: usize = 1024;
/// Rows that are multiplied by a column at once, each a stream through memory.
const STREAMS: usize = 8;
/// Rows whose sums are kept in registers.
const STRETCH: usize = 64;

/// How many of so many columns are better made by themselves, the last.
fn beyond<S>(cols: usize) -> usize {
    let lanes = REGISTER / size_of::<S>();
    let (registers, rest) = (cols / lanes, cols % lanes);
    let saves = registers == 0 || registers % AT_ONCE != 0;
    if rest <= FEW && saves { rest } else { 0 }
}

/// A stretch of the sum of columns, rows of `a`, each by its weight.
struct Stretch<'a, S> {
    a: Matrix<'a, S>,
    first: usize,
    weights: &'a [S],
}

impl<S: Scalar> Loop for Stretch<'_, S> {
    type Out = [S; STRETCH];
    #[inline(always)]
    fn run(self) -> [S; STRETCH] {
        let mut sums = [S::ZERO; STRETCH];
        for (k, weight) in self.weights.iter().enumerate() {
            let row = &self.a.row(k)[self.first..][..STRETCH];
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum = sum.mac(*x, *weight);
            }
        }
        sums
    }
}

/// Products of some rows and a column, number by number from `first` on.
fn dots<S: Scalar, const T: usize>(a: &Matrix<'_, S>, first: usize, column: &[S]) -> [S; T] {
    let rows: [&[S]; T] = std::array::from_fn(|i| a.row(first + i));
    let whole = column.len() / SUMS * SUMS;
    let mut sums = simd::run(Dots { g: &column[..whole], x: rows });
    for (sum, row) in sums.iter_mut().zip(rows) {
        for (x, number) in row[whole..].iter().zip(&column[whole..]) {
            *sum = sum.mac(*x, *number);
        }
    }
    sums
}

/// Writes, or adds, the product of `a` and a column to a column of `into`.
fn column<S: Scalar>(
    (into, at): (&mut MatrixMut<'_, S>, usize),
    a: Matrix<'_, S>,
    column: &[S],
    write: Write,
) {
    let rows = into.sizes()[0];
    let mut put = |row: usize, sum: S| {
        let into = &mut into.row(row)[at];
        *into = if write == Write::Add { into.add(sum) } else { sum };
    };
    if a.has_rows() {
        let whole = rows / STREAMS * STREAMS;
        for first in (0..whole).step_by(STREAMS) {
            let sums: [S; STREAMS] = dots(&a, first, column);
            sums.into_iter().enumerate().for_each(|(i, sum)| put(first + i, sum));
        }
        for row in whole..rows {
            let [sum] = dots(&a, row, column);
            put(row, sum);
        }
        return;
    }
    let a = a.transposed();
    let whole = rows / STRETCH * STRETCH;
    for first in (0..whole).step_by(STRETCH) {
        let sums = simd::run(Stretch { a, first, weights: column });
        sums.into_iter().enumerate().for_each(|(i, sum)| put(first + i, sum));
    }
    for row in whole..rows {
        let numbers = column.iter().enumerate();
        put(row, numbers.fold(S::ZERO, |sum, (k, number)| sum.mac(a.row(k)[row], *number)));
    }
}

impl<S: Scalar> Native<S> {
    /// `into = a·b`, or `into += a·b`, on this thread alone.
    ///
    /// # Panics
    /// If sizes do not agree.
    pub(crate) fn product(
        &self,
        into: &mut MatrixMut<'_, S>,
        a: Matrix<'_, S>,
        b: Matrix<'_, S>,
        write: Write,
    ) {
        let [rows, inner] = a.sizes();
        let cols = b.sizes()[1];
        let made_alone = a.has_rows() || a.transposed().has_rows();
        let few = if made_alone { beyond::<S>(cols) } else { 0 };
        if few == 0 || into.sizes() != [rows, cols] || b.sizes()[0] != inner || inner == 0 {
            return (self.multiply)(into, a, b, write);
        }
        let most = cols - few;
        if most > 0 {
            (self.multiply)(&mut into.first(most), a, b.part(0, 0, [inner, most]), write);
        }
        let across = b.transposed();
        for at in most..cols {
            if across.has_rows() {
                column((into, at), a, across.row(at), write);
                continue;
            }
            let mut write = write;
            let mut gathered = [S::ZERO; GATHERED];
            for first in (0..inner).step_by(GATHERED) {
                let count = GATHERED.min(inner - first);
                let gathered = &mut gathered[..count];
                b.column(at, first, gathered);
                column((into, at), a.part(0, first, [rows, count]), gathered, write);
                write = Write::Add;
            }
        }
    }
}

//! Bringing rows of numbers to mean 0 and variance 1: the arithmetic that batch, layer, group and instance norm share.
//!
//! A row is the m elements that have a mean and a variance in common. Either the row's own statistics are taken, or
//! running ones, which are only read.
//!
//! ```text
//! own       mean = Σx/m;  var = Σ(x − mean)²/m              element: 3 adds, 1 mul           row: 2 divs
//! scale     inv = 1/√(var + eps)                             row: 1 add, 1 special, 1 div
//! output    x̂ = (x − mean)·inv;  y = x̂·weight + bias         element: 1 add, 1 mul; 1 mul for the weight, 1 add for the bias
//!
//! backward, own statistics (x̂ and g are made once an element and stay for the row)
//! inputs    x̂ = (x − mean)·inv;  g = dy·weight               element: 1 add, 1 mul; 1 mul for the weight
//!           a = Σg/m;  b = Σ(g·x̂)/m                          element: 2 adds, 1 mul           row: 2 divs
//!           dx = ((g − a) − x̂·b)·inv                         element: 2 adds, 2 muls
//! backward, running statistics
//! inputs    dx = (dy·weight)·inv                             element: 1 mul; 1 mul for the weight
//! backward, either (x̂ is made anew, so that frozen parameters cost nothing)
//! weight    x̂ = (x − mean)·inv;  Σ(dy·x̂)                     element: 2 adds, 2 muls
//! bias      Σdy                                              element: 1 add
//!
//! saved     own: input, mean and inv of each row;  running: inv, and the input if there is a weight
//! ```
//!
//! Squares and products with dy are a mul and an add, not a MAC: MACs are taps of a weight, so that published figures,
//! which leave normalisation out, hold to the last digit. In the default convention FLOPs are the same either way.

use super::derive::{Derivation, Fact, arithmetic};
use super::ledger::{Backward, Keep, Saved, Work};
use crate::shape::TooLarge;
use crate::units::grouped;

/// Where mean and variance come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// From the row itself.
    Own,
    /// From running statistics, which the layer owns.
    Running,
}

/// A normalisation of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalise {
    /// What a row is, in the plural: `channels`, `samples × groups`.
    pub unit: &'static str,
    /// How many rows have statistics.
    pub rows: u64,
    /// Elements of all rows together.
    pub elements: u64,
    /// Where mean and variance come from.
    pub statistics: Statistics,
    /// Whether elements are scaled by a learned weight.
    pub weight: bool,
    /// Whether a learned bias is added to them.
    pub bias: bool,
}

/// One of each where `present`.
const fn adds_muls(adds: u64, muls: u64, present: bool) -> Work {
    if present { Work { adds, muls, ..Work::NONE } } else { Work::NONE }
}

impl Normalise {
    /// Elements of one row.
    pub fn length(&self) -> u64 {
        self.elements / self.rows.max(1)
    }

    fn own(&self) -> bool {
        self.statistics == Statistics::Own
    }

    /// Work of one element and of one row, forward.
    fn each(&self) -> Result<(Work, Work), TooLarge> {
        let element = adds_muls(1, 1, true)
            .plus(adds_muls(3, 1, self.own()))?
            .plus(adds_muls(0, 1, self.weight))?
            .plus(adds_muls(1, 0, self.bias))?;
        let divs = if self.own() { 3 } else { 1 };
        Ok((element, Work { adds: 1, divs, specials: 1, ..Work::NONE }))
    }

    /// One forward pass, without updates of running statistics.
    pub fn work(&self) -> Result<Work, TooLarge> {
        let (element, row) = self.each()?;
        element.times(self.elements)?.plus(row.times(self.rows)?)
    }

    /// One backward pass.
    pub fn work_backward(&self) -> Result<Backward, TooLarge> {
        let (element, row) = match self.statistics {
            Statistics::Own => (adds_muls(5, 4, true), Work { divs: 2, ..Work::NONE }),
            Statistics::Running => (adds_muls(0, 1, true), Work::NONE),
        };
        let element = element.plus(adds_muls(0, 1, self.weight))?;
        let params = adds_muls(2, 2, self.weight).plus(adds_muls(1, 0, self.bias))?;
        Ok(Backward {
            inputs: element.times(self.elements)?.plus(row.times(self.rows)?)?,
            params: params.times(self.elements)?,
        })
    }

    /// What the tape keeps.
    pub fn saved(&self) -> Saved {
        let own = |what| Keep::Own { what, elements: self.rows, dtype: None };
        let mut saved = Vec::new();
        if self.own() || self.weight {
            saved.push(Keep::Input(0));
        }
        if self.own() {
            saved.push(own("mean"));
        }
        saved.push(own("inverse standard deviation"));
        saved
    }

    /// The arithmetic with its numbers, and where the statistics come from.
    pub fn derive(&self) -> Derivation {
        let (rows, length) = (grouped(self.rows), grouped(self.length()));
        let statistics = match self.statistics {
            Statistics::Own => {
                format!("taken from {rows} rows ({}) of {length} elements", self.unit)
            }
            Statistics::Running => format!("running ones, read for {rows} rows ({})", self.unit),
        };
        let mut facts = vec![Fact::note("mean and variance", &statistics)];
        if let Ok((element, row)) = self.each() {
            facts.extend(arithmetic(&[
                ("elements", self.elements, element),
                ("rows", self.rows, row),
            ]));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: Normalise = Normalise {
        unit: "rows",
        rows: 2,
        elements: 10,
        statistics: Statistics::Own,
        weight: true,
        bias: true,
    };

    /// Ten elements in two rows, counted by hand from the formulas above.
    #[test]
    fn own_statistics() {
        let expected = Work { adds: 52, muls: 30, divs: 6, specials: 2, ..Work::NONE };
        assert_eq!(ROWS.work(), Ok(expected));
        let back = ROWS.work_backward().unwrap();
        assert_eq!(back.inputs, Work { adds: 50, muls: 50, divs: 4, ..Work::NONE });
        assert_eq!(back.params, Work { adds: 30, muls: 20, ..Work::NONE });
        assert_eq!(ROWS.saved().len(), 3);
    }

    #[test]
    fn running_statistics() {
        let plain =
            Normalise { statistics: Statistics::Running, weight: false, bias: false, ..ROWS };
        let expected = Work { adds: 12, muls: 10, divs: 2, specials: 2, ..Work::NONE };
        assert_eq!(plain.work(), Ok(expected));
        let back = plain.work_backward().unwrap();
        assert_eq!(back.inputs, Work { muls: 10, ..Work::NONE });
        assert_eq!(back.params, Work::NONE);
        // Without a weight the gradient is dy·inv: the input is not needed.
        assert_eq!(plain.saved().len(), 1);
    }

    #[test]
    fn a_weight_alone_takes_no_bias() {
        let scaled = Normalise { bias: false, ..ROWS };
        let without = scaled.work().unwrap().plus(Work::adds(10));
        assert_eq!(without, ROWS.work());
    }
}

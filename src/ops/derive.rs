//! Derivations: the formulas of `cnnstat explain`, first in letters, then with the numbers put in.
//!
//! Operators build them from labelled factors and terms, so that a formula and its numbers cannot disagree.

use super::ledger::Work;
use crate::shape::Shape;
use crate::units::grouped;

/// Stands where a result does not fit.
const TOO_LARGE: &str = "more than 64 bits hold";

/// One quantity with its formula, the numbers put in, and the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What is derived: `weight`, `MACs`, `height`.
    pub what: String,
    /// The formula in letters: `K_h × K_w × C_in × C_out`.
    pub formula: String,
    /// The same with numbers: `3 × 3 × 128 × 64`.
    pub numbers: String,
    /// What comes out: `73,728`.
    pub result: String,
    /// Why a number in it is what it is, where that is not plain.
    pub why: Option<String>,
}

/// The derivation of one layer, in reading order.
pub type Derivation = Vec<Fact>;

impl Fact {
    /// A product of labelled factors: `K × C_in = 3 × 64 = 192`.
    pub fn product(what: &str, factors: &[(&str, u64)]) -> Self {
        let value = factors.iter().try_fold(1u64, |product, (_, n)| product.checked_mul(*n));
        Self::joined(what, factors, " × ", value)
    }

    /// A sum of labelled terms: `weight + bias = 307,200 + 256 = 307,456`.
    pub fn sum(what: &str, terms: &[(&str, u64)]) -> Self {
        let value = terms.iter().try_fold(0u64, |sum, (_, n)| sum.checked_add(*n));
        Self::joined(what, terms, " + ", value)
    }

    /// A formula that is neither: the caller writes it out.
    pub fn formula(what: &str, formula: &str, numbers: &str, result: u64) -> Self {
        Self {
            what: what.into(),
            formula: formula.into(),
            numbers: numbers.into(),
            result: grouped(result),
            why: None,
        }
    }

    /// A statement without arithmetic: `mode` is `train`.
    pub fn note(what: &str, text: &str) -> Self {
        let (formula, numbers) = (String::new(), String::new());
        Self { what: what.into(), formula, numbers, result: text.into(), why: None }
    }

    /// The same with a reason.
    #[must_use]
    pub fn because(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }

    fn joined(what: &str, parts: &[(&str, u64)], with: &str, value: Option<u64>) -> Self {
        let letters: Vec<&str> = parts.iter().map(|(label, _)| *label).collect();
        // Sums have large terms and take separators; factors are extents and read better without.
        let number = |n: u64| if with == " + " { grouped(n) } else { n.to_string() };
        let numbers: Vec<String> = parts.iter().map(|(_, n)| number(*n)).collect();
        Self {
            what: what.into(),
            formula: letters.join(with),
            numbers: numbers.join(with),
            result: value.map_or_else(|| TOO_LARGE.into(), grouped),
            why: None,
        }
    }
}

/// The number of elements of a shape, as the product of its axes.
pub(crate) fn elements(shape: &Shape) -> Fact {
    let numbers: Vec<String> = shape.dims().iter().map(u64::to_string).collect();
    let fact = Fact::formula("elements", "product of the axes", &numbers.join(" × "), 0);
    Fact { result: shape.numel().map_or_else(|_| TOO_LARGE.into(), grouped), ..fact }
}

/// Arithmetic that is the same for every unit, a fact for each kind: `adds = 3 × elements + 1 × rows`. A part is the
/// unit's name, how many there are, and the work of one.
pub(crate) fn arithmetic(parts: &[(&str, u64, Work)]) -> Derivation {
    let kinds = |work: &Work| {
        let Work { macs, adds, muls, divs, cmps, specials, padding_taps: _ } = *work;
        [
            ("MACs", macs),
            ("adds", adds),
            ("muls", muls),
            ("divs", divs),
            ("cmps", cmps),
            ("specials", specials),
        ]
    };
    let mut facts = Vec::new();
    for (kind, (what, _)) in kinds(&Work::NONE).into_iter().enumerate() {
        let terms: Vec<(u64, &str, u64)> = parts
            .iter()
            .map(|(unit, count, work)| (kinds(work)[kind].1, *unit, *count))
            .filter(|(each, ..)| *each != 0)
            .collect();
        if terms.is_empty() {
            continue;
        }
        let letters: Vec<String> =
            terms.iter().map(|(each, unit, _)| format!("{each} × {unit}")).collect();
        let numbers: Vec<String> =
            terms.iter().map(|(each, _, n)| format!("{each} × {}", grouped(*n))).collect();
        let total =
            terms.iter().try_fold(0u64, |sum, (each, _, n)| sum.checked_add(each.checked_mul(*n)?));
        let fact = Fact::formula(what, &letters.join(" + "), &numbers.join(" + "), 0);
        facts.push(Fact { result: total.map_or_else(|| TOO_LARGE.into(), grouped), ..fact });
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lectures_product() {
        let fact = Fact::product("weight", &[("K_h", 3), ("K_w", 3), ("C_in", 128), ("C_out", 64)]);
        assert_eq!(fact.formula, "K_h × K_w × C_in × C_out");
        assert_eq!(format!("{} = {}", fact.numbers, fact.result), "3 × 3 × 128 × 64 = 73,728");
    }

    #[test]
    fn an_overflow_is_said() {
        let fact = Fact::product("weight", &[("a", u64::MAX), ("b", 2)]);
        assert_eq!(fact.result, "more than 64 bits hold");
    }

    #[test]
    fn arithmetic_names_its_units_and_leaves_out_what_does_not_occur() {
        let element = Work { adds: 3, muls: 1, ..Work::NONE };
        let row = Work { adds: 1, ..Work::NONE };
        let facts = arithmetic(&[("elements", 1000, element), ("rows", 10, row)]);
        assert_eq!(facts.len(), 2);
        assert_eq!(facts[0].formula, "3 × elements + 1 × rows");
        assert_eq!(
            format!("{} = {}", facts[0].numbers, facts[0].result),
            "3 × 1,000 + 1 × 10 = 3,010"
        );
        assert_eq!(facts[1].numbers, "1 × 1,000");
    }
}

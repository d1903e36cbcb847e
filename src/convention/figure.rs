//! A figure as it is printed, with the precision it is printed at: `3.8G`, `4.09 GFLOPs`, `724,406,816`.
//!
//! Imports nothing.

use std::fmt;

use serde::Serialize;

/// A printed number: `digits` units of `unit`, the value of its last digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    digits: u64,
    unit: u64,
}

/// How a number becomes the printed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// It is that number.
    Exact,
    /// Rounded to the nearest, halves up.
    Rounded,
    /// With the digits behind cut off.
    Truncated,
}

impl How {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Rounded => "rounded",
            Self::Truncated => "truncated",
        }
    }
}

/// Units that are read, each with its size.
const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("k", 1_000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("b", 1_000_000_000),
    ("t", 1_000_000_000_000),
];

/// What may stand behind a unit: it says nothing of the size.
const NAMES: &[&str] =
    &["flops", "flop", "macs", "mac", "maccs", "macc", "mult-adds", "madds", "ops", "n"];

impl Figure {
    /// Reads a figure: a number, perhaps with separators and an exponent; perhaps a unit k, M, G, B or T; perhaps a name.
    /// `None` for anything else, for nothing, and for what exceeds 64 bits.
    ///
    /// ```
    /// use cnnstat::internals::convention::figure::{Figure, How};
    /// let figure = Figure::read("3.8G").unwrap();
    /// assert_eq!(figure.of(3_763_000_000), Some(How::Rounded));
    /// assert_eq!(figure.of(3_857_973_248), Some(How::Truncated));
    /// assert_eq!(figure.of(3_900_000_000), None);
    /// ```
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '_');
        let end = text.find(|c: char| !is_number(c)).unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        let (power, rest) = exponent(rest)?;
        let rest = rest.trim_start();
        let (_, size) = UNITS.iter().find(|(unit, _)| {
            rest.strip_prefix(unit)
                .is_some_and(|name| name.is_empty() || NAMES.contains(&name.trim()))
        })?;
        let (whole, places) = number.split_once('.').unwrap_or((number, ""));
        let plain = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || number.ends_with('.') || !plain(places) {
            return None;
        }
        let digits = whole.replace([',', '_'], "") + places;
        let size = size.checked_mul(10u64.checked_pow(power)?)?;
        let scale = 10u64.checked_pow(u32::try_from(places.len()).ok()?)?;
        // More places than the unit has digits would be parts of an operation.
        let unit = size.checked_div(scale).filter(|unit| *unit > 0 && unit * scale == size)?;
        let digits: u64 = digits.parse().ok().filter(|digits| *digits > 0)?;
        digits.checked_mul(unit)?;
        Some(Self { digits, unit })
    }

    /// The number itself, zeros in place of the digits that it leaves out.
    pub const fn value(self) -> u64 {
        self.digits * self.unit
    }

    /// How a number becomes this figure; `None` if it does not.
    pub fn of(self, n: u64) -> Option<How> {
        let (n, unit) = (u128::from(n), u128::from(self.unit));
        let digits = u128::from(self.digits);
        if n == digits * unit {
            return Some(How::Exact);
        }
        if (2 * n + unit) / (2 * unit) == digits {
            return Some(How::Rounded);
        }
        (n / unit == digits).then_some(How::Truncated)
    }
}

/// The exponent behind a number, `e9`, and what follows it; no exponent is 0.
fn exponent(text: &str) -> Option<(u32, &str)> {
    let Some(rest) = text.strip_prefix('e') else { return Some((0, text)) };
    let rest = rest.strip_prefix('+').unwrap_or(rest);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((rest[..end].parse().ok()?, &rest[end..]))
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value();
        let (size, unit) = match value {
            0..1_000 => (1, ""),
            1_000..1_000_000 => (1_000, " k"),
            1_000_000..1_000_000_000 => (1_000_000, " M"),
            1_000_000_000..1_000_000_000_000 => (1_000_000_000, " G"),
            _ => (1_000_000_000_000, " T"),
        };
        if size <= self.unit {
            return write!(f, "{}{unit}", value / size);
        }
        let places = usize::try_from((size / self.unit).ilog10()).unwrap_or(0);
        write!(f, "{}.{:0places$}{unit}", value / size, value % size / self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(text: &str) -> Figure {
        Figure::read(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn figures_are_read_with_their_precision() {
        for (text, digits, unit) in [
            ("3.8G", 38, 100_000_000),
            ("3.80 GFLOPs", 380, 10_000_000),
            ("4089 MMac", 4_089, 1_000_000),
            ("4.1B", 41, 100_000_000),
            ("65.86 Bn", 6_586, 10_000_000),
            ("724,406,816", 724_406_816, 1),
            ("1_000 macs", 1_000, 1),
            ("3.8e9", 38, 100_000_000),
            ("0.32g", 32, 10_000_000),
        ] {
            assert_eq!(figure(text), Figure { digits, unit }, "{text}");
        }
        for text in
            ["", "G", "3.8X", "3.8 apples", "-1", "0", "1.5", "3.", ".5G", "99999999999T", "1.2.3G"]
        {
            assert_eq!(Figure::read(text), None, "{text}");
        }
    }

    #[test]
    fn rounding_comes_before_truncation() {
        let of = |text: &str, n| figure(text).of(n);
        assert_eq!(of("3.8G", 3_750_000_000), Some(How::Rounded));
        assert_eq!(of("3.8G", 3_849_999_999), Some(How::Rounded));
        assert_eq!(of("3.8G", 3_850_000_000), Some(How::Truncated));
        assert_eq!(of("3.8G", 3_899_999_999), Some(How::Truncated));
        assert_eq!(of("3.8G", 3_749_999_999), None);
        assert_eq!(of("4,089,184,256", 4_089_184_256), Some(How::Exact));
        assert_eq!(of("4,089,184,256", 4_089_184_257), None);
    }

    #[test]
    fn figures_are_written_as_they_were() {
        for (text, shown) in [
            ("3.8G", "3.8 G"),
            ("3.80e9", "3.80 G"),
            ("4089M", "4.089 G"),
            ("500", "500"),
            ("724M", "724 M"),
        ] {
            assert_eq!(figure(text).to_string(), shown);
        }
    }
}

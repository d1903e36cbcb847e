//! Expectations: what a description says its numbers must be.
//!
//! ```text
//! expectation = [ "~" | "<=" | ">=" ] NUMBER [ unit ] [ "±" NUMBER "%" ]     "~" alone is ± 5 %
//!             | "order" INTEGER                                             10^n ≤ value < 10^(n+1)
//!             | word | shape
//! unit        = "k" | "K" | "M" | "G" | "T" | "KiB" | "MiB" | "GiB" | "TiB"
//! ```
//!
//! Each becomes a range of integers, exact at both ends. Tests stand below.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, space0, u32 as integer};
use nom::combinator::{map, opt, value};
use nom::multi::separated_list1;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::document::{Expectation, Metric, Want};
use super::reader::Reader;
use super::yaml::Data;
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::shape::Shape;
use crate::span::Place;
use crate::units::MAGNITUDES;

/// How a number is meant.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sign {
    Exactly,
    About,
    AtMost,
    AtLeast,
}

/// A decimal number, exactly: `digits / 10^places`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Decimal {
    digits: u128,
    places: u32,
}

const UNITS: &[(&str, u128)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("k", 1_000),
    ("K", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
];

fn decimal(input: &str) -> IResult<&str, Decimal> {
    let run = |input| take_while1(|c: char| c.is_ascii_digit() || c == '_')(input);
    let (rest, (whole, fraction)) = (run, opt(preceded(char('.'), run))).parse(input)?;
    let fraction: String = fraction.unwrap_or_default().chars().filter(|c| *c != '_').collect();
    let digits: String = whole.chars().filter(|c| *c != '_').chain(fraction.chars()).collect();
    let failure = || nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Digit));
    // 20 digits hold every 64-bit count; more would overflow what follows.
    let places =
        u32::try_from(fraction.len()).ok().filter(|_| digits.len() <= 24).ok_or_else(failure)?;
    Ok((rest, Decimal { digits: digits.parse().map_err(|_| failure())?, places }))
}

fn number(input: &str) -> IResult<&str, Want> {
    let sign = alt((
        value(Sign::About, tag("~")),
        value(Sign::AtMost, alt((tag("<="), tag("≤")))),
        value(Sign::AtLeast, alt((tag(">="), tag("≥")))),
    ));
    let unit = |input| {
        let found =
            UNITS.iter().find_map(|(name, factor)| Some((input_after(input, name)?, *factor)));
        Ok::<_, nom::Err<nom::error::Error<&str>>>(found.unwrap_or((input, 1)))
    };
    let tolerance = preceded(
        (space0, alt((tag("±"), tag("+-"))), space0),
        terminated(decimal, (space0, char('%'))),
    );
    let (rest, (sign, number, factor, tolerance)) =
        (opt(terminated(sign, space0)), terminated(decimal, space0), unit, opt(tolerance))
            .parse(input)?;
    let failure = || nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Verify));
    let want =
        range(sign.unwrap_or(Sign::Exactly), number, factor, tolerance).ok_or_else(failure)?;
    Ok((rest, want))
}

fn input_after<'a>(input: &'a str, prefix: &str) -> Option<&'a str> {
    input.strip_prefix(prefix)
}

/// The range of integers that a number with a sign, a unit and a tolerance in percent allows.
fn range(sign: Sign, number: Decimal, factor: u128, tolerance: Option<Decimal>) -> Option<Want> {
    let (value, scale) = (number.digits.checked_mul(factor)?, 10u128.checked_pow(number.places)?);
    let clip = |n: u128| u64::try_from(n).unwrap_or(u64::MAX);
    let want = |low: u128, high: u128| Some(Want::Between(clip(low), clip(high)));
    let tolerance = match (sign, tolerance) {
        (Sign::About, None) => Some(Decimal { digits: 5, places: 0 }),
        (_, tolerance) => tolerance,
    };
    match (sign, tolerance) {
        (Sign::AtMost, None) => want(0, value / scale),
        (Sign::AtLeast, None) => want(value.div_ceil(scale), u128::from(u64::MAX)),
        (Sign::AtMost | Sign::AtLeast, Some(_)) => None,
        (Sign::Exactly | Sign::About, Some(percent)) => {
            let whole = 100u128.checked_mul(10u128.checked_pow(percent.places)?)?;
            let divisor = scale.checked_mul(whole)?;
            let low = value.checked_mul(whole.saturating_sub(percent.digits))?.div_ceil(divisor);
            want(low, value.checked_mul(whole.checked_add(percent.digits)?)? / divisor)
        }
        // Exact: a number that is not whole can never be met.
        (Sign::Exactly | Sign::About, None) => value
            .is_multiple_of(scale)
            .then(|| Want::Between(clip(value / scale), clip(value / scale))),
    }
}

/// `order 7`: from 10^7 to below 10^8.
fn order(input: &str) -> IResult<&str, Want> {
    let (rest, n) = preceded((tag("order"), space0), integer).parse(input)?;
    let failure = || nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Digit));
    Ok((rest, powers(n, n.saturating_add(1)).ok_or_else(failure)?))
}

/// From 10^from to below 10^to.
fn powers(from: u32, to: u32) -> Option<Want> {
    let last = 10u64.checked_pow(to).map_or(u64::MAX, |end| end - 1);
    Some(Want::Between(10u64.checked_pow(from)?, last))
}

fn quantity(text: &str) -> Option<Want> {
    if let Some((_, from, to)) = MAGNITUDES.iter().find(|(word, ..)| *word == text) {
        return powers(*from, *to);
    }
    let (rest, want) = alt((order, number)).parse(text).ok()?;
    rest.trim().is_empty().then_some(want)
}

fn shape(text: &str) -> Option<Want> {
    let size = map(take_while1(|c: char| c.is_ascii_digit() || c == '_'), |digits: &str| {
        digits.replace('_', "")
    });
    let text =
        text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).trim();
    let separator = alt((tag("×"), tag("x"), tag(",")));
    let parsed: IResult<&str, Vec<String>> =
        separated_list1((space0, separator, space0), size).parse(text);
    let (rest, sizes) = parsed.ok()?;
    let sizes: Option<Vec<u64>> = sizes.iter().map(|digits| digits.parse().ok()).collect();
    rest.is_empty().then(|| Shape::new(&sizes?).map(Want::Shape))?
}

impl Reader<'_> {
    /// Reads `expect:`. Faults are reported.
    pub(super) fn expectations(&mut self, node: u32) -> Vec<Expectation> {
        let mut out = Vec::new();
        let tree = self.tree;
        if !matches!(tree.data(node), Data::Map(_)) {
            let message = format!(
                "expect is a map of quantities, but this is {}",
                tree.data(node).describe()
            );
            self.report(
                Diagnostic::new(Code::E0304, message).label(Place::value(node), "not a map"),
            );
        }
        for (key, value) in tree.entries(node) {
            if key != "layers" {
                out.extend(self.expectation(None, key, *value));
                continue;
            }
            if !matches!(tree.data(*value), Data::Map(_)) {
                let message = "expect.layers is a map from layers to their quantities";
                let diagnostic = Diagnostic::new(Code::E0304, message);
                self.report(diagnostic.label(Place::value(*value), "not a map"));
            }
            for (layer, metrics) in tree.entries(*value) {
                if !matches!(tree.data(*metrics), Data::Map(_)) {
                    let message =
                        "a layer's expectations are a map of quantities: {params: 34_848}";
                    self.report(
                        Diagnostic::new(Code::E0304, message)
                            .label(Place::value(*metrics), "not a map"),
                    );
                }
                for (key, value) in tree.entries(*metrics) {
                    out.extend(self.expectation(Some(layer), key, *value));
                }
            }
        }
        out
    }

    fn expectation(&mut self, layer: Option<&str>, key: &str, node: u32) -> Option<Expectation> {
        let place = Place::value(node);
        let Some((_, metric)) = Metric::NAMES.iter().find(|(name, _)| *name == key) else {
            let names = || Metric::NAMES.iter().map(|(name, _)| *name);
            let diagnostic =
                Diagnostic::new(Code::E0302, format!("there is no quantity `{key}` to expect"))
                    .label(Place::key(node), "not known")
                    .helps(did_you_mean(key, names()))
                    .note(format!(
                        "quantities are {}, layers",
                        names().collect::<Vec<_>>().join(", ")
                    ));
            self.report(diagnostic);
            return None;
        };
        let list = matches!(self.tree.data(node), Data::Seq(_));
        let text = self.scalars(node).filter(|_| !list || *metric == Metric::Output);
        let want = text.as_deref().and_then(|text| match metric {
            Metric::Output => shape(text),
            Metric::Bytes => quantity(text),
            _ => quantity(text).filter(|_| !text.contains("iB")),
        });
        match (text, want) {
            (Some(text), Some(want)) => Some(Expectation {
                layer: layer.map(str::to_owned),
                metric: *metric,
                want,
                text,
                place,
            }),
            (text, _) => {
                let diagnostic = Diagnostic::new(
                    Code::E0317,
                    format!("the expectation of {key} cannot be read"),
                )
                .label(
                    place,
                    text.as_ref()
                        .map_or_else(|| "not a number".to_owned(), |text| format!("`{text}`")),
                );
                let rough = |text: &str| quantity(&format!("~{text}")).is_some();
                let help = match (metric, text.as_deref()) {
                    (Metric::Output, _) => "write the shape without the batch: [1000] or 64×55×55",
                    (metric, Some(text)) if text.contains("iB") && *metric != Metric::Bytes => {
                        "counts take k, M, G and T; KiB, MiB, GiB and TiB are for bytes"
                    }
                    (_, Some(text)) if rough(text) => {
                        "it is not a whole number: write ~ before it for ± 5 %, or ± and a percentage after it"
                    }
                    _ => {
                        "write a whole number, ~61M, 61M ±1%, <= 5M, \">= 5M\", order 7, or a word such as millions"
                    }
                };
                self.report(diagnostic.help(help));
                None
            }
        }
    }

    /// The text of a scalar, or of a list of sizes as a shape.
    fn scalars(&self, node: u32) -> Option<String> {
        match self.tree.data(node) {
            Data::Text(text) => Some(text.trim().to_owned()),
            Data::Int(n) => Some(n.to_string()),
            Data::Float(x) => Some(x.to_string()),
            Data::Seq(items) => {
                let sizes: Option<Vec<String>> =
                    items.iter().map(|item| self.scalars(*item)).collect();
                sizes.map(|sizes| sizes.join("×"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_exact_ranges() {
        let between = |text| match quantity(text) {
            Some(Want::Between(low, high)) => Some((low, high)),
            _ => None,
        };
        assert_eq!(between("60_965_224"), Some((60_965_224, 60_965_224)));
        assert_eq!(between("61M"), Some((61_000_000, 61_000_000)));
        assert_eq!(between("~60M"), Some((57_000_000, 63_000_000)));
        assert_eq!(between("5M ±1.5%"), Some((4_925_000, 5_075_000)));
        assert_eq!(between("<= 2.5 k"), Some((0, 2_500)));
        assert_eq!(between(">= 1GiB"), Some((1 << 30, u64::MAX)));
        assert_eq!(between("order 7"), Some((10_000_000, 99_999_999)));
        assert_eq!(between("millions"), Some((1_000_000, 999_999_999)));
        assert_eq!(between("ten millions"), Some((10_000_000, 99_999_999)));
        for wrong in [
            "",
            "many",
            "1.5",
            "<= 5M ±1%",
            "5 X",
            "order 40",
            "~",
            "99999999999999999999999999999",
        ] {
            assert_eq!(between(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn shapes_have_two_spellings() {
        let expected = Some(Want::Shape(Shape::new(&[64, 55, 55]).unwrap()));
        assert_eq!((shape("64×55×55"), shape("64x55x55")), (expected, expected));
        assert_eq!(shape("[64, 55, 55]"), expected);
        assert_eq!(shape("64;55"), None);
    }
}

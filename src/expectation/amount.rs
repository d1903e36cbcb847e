//! Amounts: what a number must be, as people write it, in a description's `expect` and `budget` and in `cnnstat.toml`.
//!
//! ```text
//! expectation = [ "~" | "<=" | ">=" ] NUMBER [ unit ] [ "±" NUMBER "%" ]     "~" alone is ± 5 %
//!             | "order" INTEGER                                             10^n ≤ value < 10^(n+1)
//!             | word | shape
//! limit       = "max" NUMBER [ unit ] | "warn" NUMBER [ unit ] | "min" NUMBER [ unit ]
//!             | "lock" ( NUMBER [ unit ] | shape ) | "order" ( INTEGER | word )
//!             | "max_increase" ( NUMBER [ unit ] | NUMBER "%" )
//! unit        = "k" | "K" | "M" | "G" | "T" | "KiB" | "MiB" | "GiB" | "TiB"
//! ```
//!
//! Each becomes a range of integers, exact at both ends.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, space0, u32 as integer};
use nom::combinator::{map, opt, value};
use nom::multi::separated_list1;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::{Increase, Limit, Want};
use crate::analysis::quantity::{Quantity, Unit};
use crate::shape::Shape;
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

/// A unit, or none: what it multiplies by.
#[allow(clippy::unnecessary_wraps, reason = "a parser")]
fn unit(input: &str) -> IResult<&str, u128> {
    let found = UNITS
        .iter()
        .find_map(|(name, factor)| input.strip_prefix(name).map(|rest| (rest, *factor)));
    Ok(found.unwrap_or((input, 1)))
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

fn number_or_word(text: &str) -> Option<Want> {
    word(text).or_else(|| whole(alt((order, number)), text))
}

/// `ten millions`.
fn word(text: &str) -> Option<Want> {
    let (_, from, to) = MAGNITUDES.iter().find(|(word, ..)| *word == text)?;
    powers(*from, *to)
}

/// What a parser makes of a text to its end.
fn whole<'t, O>(
    mut parser: impl Parser<&'t str, Output = O, Error = nom::error::Error<&'t str>>,
    text: &'t str,
) -> Option<O> {
    let (rest, found) = parser.parse(text).ok()?;
    rest.trim().is_empty().then_some(found)
}

/// A number with a unit: the whole numbers nearest to it, below and above. Without a unit it is whole: nothing is counted
/// in halves.
fn bounds(text: &str) -> Option<(u64, u64)> {
    let (number, factor) = whole((terminated(decimal, space0), unit), text)?;
    let (value, scale) = (number.digits.checked_mul(factor)?, 10u128.checked_pow(number.places)?);
    if factor == 1 && !value.is_multiple_of(scale) {
        return None;
    }
    Some((u64::try_from(value / scale).ok()?, u64::try_from(value.div_ceil(scale)).ok()?))
}

/// `2.5 %`.
fn percent(text: &str) -> Option<Increase> {
    let number = whole(terminated(decimal, (space0, char('%'))), text)?;
    let whole = 100u128.checked_mul(10u128.checked_pow(number.places)?)?;
    Some(Increase::Part { part: number.digits, whole })
}

/// Why an amount cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is no text.
    NoText,
    /// It is a count with a unit of bytes.
    Unit,
    /// It is no whole number, and nothing says how near it must be.
    Rough,
    /// It is no shape.
    Shape,
    /// A shape has no such limit.
    NotOfShapes,
    /// It is not a number.
    Number,
    /// It is neither a number nor a part in percent.
    Increase,
    /// It is no power of ten, and no word for one.
    Order,
    /// It is none of what can be expected.
    Amount,
}

impl Unread {
    /// What to write.
    pub(super) const fn help(self) -> &'static str {
        match self {
            Self::Unit => "counts take k, M, G and T; KiB, MiB, GiB and TiB are for bytes",
            Self::Rough => {
                "it is not a whole number: write ~ before it for ± 5 %, or ± and a percentage after it"
            }
            Self::Shape => "write the shape without the batch: [1000] or 64×55×55",
            Self::NotOfShapes => "a shape has no size: write `lock`, as in {lock: [1000]}",
            Self::Number => {
                "write a whole number without a sign, or one with a unit: 200, 26M, 1.5GiB"
            }
            Self::Increase => "write a number or a percentage: 100k, 2%, or a list of both",
            Self::Order => "write a power of ten or a word for one: 7, or ten millions",
            Self::NoText | Self::Amount => {
                "write a whole number, ~61M, 61M ±1%, <= 5M, \">= 5M\", order 7, or a word such as millions"
            }
        }
    }
}

/// What is expected of a quantity.
pub(super) fn expected(quantity: &Quantity, text: &str) -> Result<Want, Unread> {
    if quantity.unit == Unit::Shape {
        return shape(text).map(Want::Shape).ok_or(Unread::Shape);
    }
    if let Some(extents) = extents(quantity, text) {
        return Ok(extents);
    }
    in_its_unit(quantity, text)?;
    let is_rough = || number_or_word(&format!("~{text}")).is_some();
    number_or_word(text).ok_or_else(|| if is_rough() { Unread::Rough } else { Unread::Amount })
}

/// What a limit of a quantity says.
pub(super) fn limited(quantity: &Quantity, limit: Limit, text: &str) -> Result<Want, Unread> {
    if quantity.unit == Unit::Shape {
        return match limit {
            Limit::Lock => shape(text).map(Want::Shape).ok_or(Unread::Shape),
            _ => Err(Unread::NotOfShapes),
        };
    }
    if let (Limit::Lock, Some(extents)) = (limit, extents(quantity, text)) {
        return Ok(extents);
    }
    in_its_unit(quantity, text)?;
    let number = || bounds(text).ok_or(Unread::Number);
    Ok(match limit {
        Limit::Max | Limit::Warn => Want::Between(0, number()?.0),
        Limit::Min => Want::Between(number()?.1, u64::MAX),
        Limit::Lock => match number()? {
            (low, high) if low == high => Want::Between(low, high),
            _ => return Err(Unread::Number),
        },
        Limit::MaxIncrease => {
            let by = || bounds(text).map(|(low, _)| Increase::By(low));
            Want::Increase(percent(text).or_else(by).ok_or(Unread::Increase)?)
        }
        Limit::Order => {
            let power = || text.parse().ok().and_then(|n: u32| powers(n, n.saturating_add(1)));
            word(text).or_else(power).ok_or(Unread::Order)?
        }
    })
}

/// A size for each axis, of a quantity that has axes; a single number is of all.
fn extents(quantity: &Quantity, text: &str) -> Option<Want> {
    let is_number = text.chars().all(|c| c.is_ascii_digit() || c == '_');
    let shape = || shape(text).map(Want::Shape);
    (quantity.by_axis.is_some() && !is_number).then(shape).flatten()
}

/// Units of bytes are for bytes.
fn in_its_unit(quantity: &Quantity, text: &str) -> Result<(), Unread> {
    if text.contains("iB") && quantity.unit != Unit::Bytes { Err(Unread::Unit) } else { Ok(()) }
}

/// A shape as `output` is expected: `64×55×55`, `64x55x55`, `[64, 55, 55]`.
pub fn shape(text: &str) -> Option<Shape> {
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
    rest.is_empty().then(|| Shape::new(&sizes?))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::quantity;

    #[test]
    fn numbers_become_exact_ranges() {
        let between = |text| match number_or_word(text) {
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
        let expected = Shape::new(&[64, 55, 55]);
        assert_eq!((shape("64×55×55"), shape("64x55x55")), (expected, expected));
        assert_eq!(shape("[64, 55, 55]"), expected);
        assert_eq!(shape("64;55"), None);
    }

    #[test]
    fn limits_are_ranges_too() {
        let of = |limit, text| limited(&quantity::PARAMS, limit, text);
        assert_eq!(of(Limit::Max, "2.5k"), Ok(Want::Between(0, 2_500)));
        assert_eq!(of(Limit::Min, "1.0001k"), Ok(Want::Between(1_001, u64::MAX)));
        assert_eq!(of(Limit::Lock, "61_706"), Ok(Want::Between(61_706, 61_706)));
        assert_eq!(of(Limit::Order, "7"), Ok(Want::Between(10_000_000, 99_999_999)));
        assert_eq!(of(Limit::Order, "millions"), Ok(Want::Between(1_000_000, 999_999_999)));
        for (limit, text, why) in [
            (Limit::Max, "~5M", Unread::Number),
            (Limit::Max, "5MiB", Unread::Unit),
            (Limit::Lock, "1.5", Unread::Number),
            (Limit::Max, "200.5", Unread::Number),
            (Limit::Order, "40", Unread::Order),
            (Limit::MaxIncrease, "-2%", Unread::Increase),
        ] {
            assert_eq!(of(limit, text), Err(why), "{text}");
        }
        let shape = limited(&quantity::OUTPUT, Limit::Lock, "64x55x55");
        assert_eq!(shape, Ok(Want::Shape(Shape::new(&[64, 55, 55]).unwrap())));
        assert_eq!(limited(&quantity::OUTPUT, Limit::Max, "3"), Err(Unread::NotOfShapes));
    }

    #[test]
    fn an_increase_is_a_number_or_a_part() {
        let most = |text, before| match limited(&quantity::MACS, Limit::MaxIncrease, text) {
            Ok(Want::Increase(increase)) => increase.most(before),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(most("2%", 1_000), 1_020);
        assert_eq!(most("0.05 %", 1_000), 1_000);
        assert_eq!(most("0.1%", 1_999), 2_000);
        assert_eq!(most("100k", 7), 100_007);
        assert_eq!(most("0", 7), 7);
        assert_eq!(most("100%", u64::MAX), u64::MAX);
    }
}

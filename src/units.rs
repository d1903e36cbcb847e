//! Numbers as people write them: 60,965,224 · 61.0 M · 233 MiB · ten millions · 10^7.
//!
//! Imports nothing. Counts take decimal units, bytes binary ones.

/// Decimal digits in groups of three: `60,965,224`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count at three or more significant digits with a decimal unit: `724 M`, `61.0 M`, `34.8 k`, `800`.
pub fn count(n: u64) -> String {
    scaled(n, 1000, &["", " k", " M", " G", " T", " P", " E"])
}

/// Bytes at three or more significant digits with a binary unit: `233 MiB`.
pub fn bytes(n: u64) -> String {
    scaled(n, 1024, &[" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"])
}

fn scaled(n: u64, base: u64, units: &[&str]) -> String {
    let mut divisor = 1u64;
    let mut unit = 0;
    while unit + 1 < units.len() && n / divisor >= base {
        divisor *= base;
        unit += 1;
    }
    if unit == 0 {
        return format!("{n}{}", units[0]);
    }
    // Thousandths of the unit, rounded half up; when rounding reaches the next unit, that unit is taken.
    let rounded = |scale: u64| {
        let (n, scale, divisor) = (u128::from(n), u128::from(scale), u128::from(divisor));
        // It always fits: hundredths of a unit, of which there are no more than the base.
        u64::try_from((n * scale * 2 + divisor) / (divisor * 2)).unwrap_or(u64::MAX)
    };
    for (places, scale) in [(2, 100), (1, 10), (0, 1)] {
        let value = rounded(scale);
        let whole = value / scale;
        let fits = match places {
            2 => whole < 10,
            1 => whole < 100,
            _ => whole < base || unit + 1 == units.len(),
        };
        if fits {
            return match places {
                0 => format!("{whole}{}", units[unit]),
                places => format!("{whole}.{:0places$}{}", value % scale, units[unit]),
            };
        }
    }
    format!("1.00{}", units[unit + 1])
}

/// Units of bytes that are read, each with its size. Binary ones are powers of 1024, decimal ones of 1000; a letter alone is
/// binary, as linkers and `ulimit` mean it.
const SIZES: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Reads a size in bytes: `8GiB`, `1.5 MiB`, `256kB`, `256K` (of 1024, as `ulimit` and linkers mean it), `65536`; a part of a byte is cut off. `None` for anything else,
/// and for what exceeds 64 bits.
pub fn read_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let (_, size) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    let (whole, places) = number.split_once('.').unwrap_or((number, ""));
    // Below 10^18 a product with the largest unit fits in 128 bits.
    if whole.is_empty() || places.len() > 18 || number.ends_with('.') {
        return None;
    }
    let whole = u128::from(whole.parse::<u64>().ok()?) * u128::from(*size);
    let part = match places {
        "" => 0,
        places => {
            let scale = 10u128.pow(u32::try_from(places.len()).ok()?);
            u128::from(places.parse::<u64>().ok()?) * u128::from(*size) / scale
        }
    };
    u64::try_from(whole + part).ok()
}

/// A share of a total in percent with one decimal; empty for a total of nothing.
pub fn share(part: u64, total: u64) -> String {
    if total == 0 {
        return String::new();
    }
    let tenths = (u128::from(part) * 2000 + u128::from(total)) / (u128::from(total) * 2);
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// A ratio in thousandths, rounded half up; `None` for a ratio to nothing. One beyond 64 bits is cut there.
pub fn thousandths(part: u128, whole: u128) -> Option<u64> {
    let rounded = part.saturating_mul(2_000).saturating_add(whole) / whole.saturating_mul(2).max(1);
    (whole > 0).then(|| u64::try_from(rounded).unwrap_or(u64::MAX))
}

/// A ratio with three decimal places: `12.345`; empty for a ratio to nothing.
pub fn fixed(part: u128, whole: u128) -> String {
    let shown = thousandths(part, whole).map(|n| format!("{}.{:03}", n / 1000, n % 1000));
    shown.unwrap_or_default()
}

/// A ratio with two decimal places below 10, one below 100 and none from there: `1.25`, `38.4`, `1,204`; empty for a
/// ratio to nothing.
pub fn ratio(part: u128, whole: u128) -> String {
    match thousandths(part, whole) {
        None => String::new(),
        Some(n @ 0..9_995) => format!("{}.{:02}", (n + 5) / 1000, (n + 5) % 1000 / 10),
        Some(n @ 9_995..99_950) => format!("{}.{}", (n + 50) / 1000, (n + 50) % 1000 / 100),
        Some(n) => grouped(n / 1000 + u64::from(n % 1000 >= 500)),
    }
}

/// A difference with its sign, its size written by `show`: `+8.45 k`, `−12`, `0`. One beyond 64 bits is cut there.
pub fn signed(n: i128, show: impl Fn(u64) -> String) -> String {
    let sign = match n.signum() {
        1 => "+",
        -1 => "−",
        _ => "",
    };
    format!("{sign}{}", show(u64::try_from(n.unsigned_abs()).unwrap_or(u64::MAX)))
}

/// A change in percent from its hundredths, with three or more significant digits: `+32.5%`, `−0.06%`, `+1,204%`.
pub fn percent(hundredths: i128) -> String {
    signed(hundredths, |n| match n {
        0..1_000 => format!("{}.{:02}%", n / 100, n % 100),
        1_000..10_000 => format!("{}.{}%", (n + 5) / 100, (n + 5) % 100 / 10),
        n => format!("{}%", grouped(n / 100 + u64::from(n % 100 >= 50))),
    })
}

/// The words for powers of ten, each with the exponent it starts at and the one it ends before.
pub const MAGNITUDES: &[(&str, u32, u32)] = &[
    ("ones", 0, 1),
    ("tens", 1, 2),
    ("hundreds", 2, 3),
    ("thousands", 3, 6),
    ("ten thousands", 4, 5),
    ("hundred thousands", 5, 6),
    ("millions", 6, 9),
    ("ten millions", 7, 8),
    ("hundred millions", 8, 9),
    ("billions", 9, 12),
    ("ten billions", 10, 11),
    ("hundred billions", 11, 12),
    ("trillions", 12, 15),
    ("ten trillions", 13, 14),
    ("hundred trillions", 14, 15),
    ("quadrillions", 15, 18),
    ("ten quadrillions", 16, 17),
    ("hundred quadrillions", 17, 18),
    ("quintillions", 18, 20),
];

/// The exponent of the power of ten at or below `n`: 7 for 60,965,224. Zero has none.
pub fn order(n: u64) -> Option<u32> {
    n.checked_ilog10()
}

/// The narrowest word for the size of `n`: `ten millions` for 60,965,224, `millions` for 4,096,000.
pub fn magnitude(n: u64) -> &'static str {
    let Some(order) = order(n) else { return "none" };
    MAGNITUDES
        .iter()
        .filter(|(_, from, to)| (*from..*to).contains(&order))
        .min_by_key(|(_, from, to)| (order - from, to - from))
        .map_or("none", |(word, _, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouped_by_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(800), "800");
        assert_eq!(grouped(60_965_224), "60,965,224");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn counts_keep_three_digits() {
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1.00 k");
        assert_eq!(count(34_848), "34.8 k");
        assert_eq!(count(724_406_816), "724 M");
        assert_eq!(count(999_999), "1.00 M");
        assert_eq!(count(99_960), "100 k");
        assert_eq!(count(9_996), "10.0 k");
        assert_eq!(count(u64::MAX), "18.4 E");
    }

    #[test]
    fn bytes_are_binary() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(243_860_896), "233 MiB");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn sizes_are_read_in_both_kinds_of_units() {
        for (text, bytes) in [
            ("8GiB", 8 << 30),
            ("512 MiB", 512 << 20),
            ("64kib", 65_536),
            ("256kB", 256_000),
            ("1.5GiB", 3 << 29),
            ("2TB", 2_000_000_000_000),
            ("256K", 262_144),
            ("8G", 8 << 30),
            ("0.1KiB", 102),
            ("65536", 65_536),
            ("12B", 12),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(read_bytes(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "GiB",
            "8Gi",
            "-1",
            "1e9",
            "1.",
            ".5GiB",
            "1.2.3",
            "1,5GiB",
            "8 apples",
            "18446744073709551616",
            "16777216TiB",
            "0.1234567890123456789GiB",
        ] {
            assert_eq!(read_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn words_and_powers_agree() {
        assert_eq!((magnitude(60_965_224), order(60_965_224)), ("ten millions", Some(7)));
        assert_eq!(magnitude(4_096_000), "millions");
        assert_eq!(magnitude(307_200), "hundred thousands");
        assert_eq!(magnitude(0), "none");
        for exponent in 0..20 {
            assert_ne!(magnitude(10u64.pow(exponent)), "none");
        }
    }

    #[test]
    fn differences_have_a_sign_and_round_to_three_digits() {
        assert_eq!(signed(8_448, count), "+8.45 k");
        assert_eq!(signed(-8_448, grouped), "−8,448");
        assert_eq!(signed(0, count), "0");
        assert_eq!(signed(-i128::from(u64::MAX), count), "−18.4 E");
        for (hundredths, text) in [
            (1, "+0.01%"),
            (-999, "−9.99%"),
            (1_000, "+10.0%"),
            (3_254, "+32.5%"),
            (3_255, "+32.6%"),
            (9_994, "+99.9%"),
            (9_995, "+100.0%"),
            (-10_000, "−100%"),
            (120_450, "+1,205%"),
        ] {
            assert_eq!(percent(hundredths), text);
        }
    }

    #[test]
    fn ratios_keep_three_digits_and_round_half_up() {
        assert_eq!((fixed(1, 3).as_str(), ratio(1, 3).as_str()), ("0.333", "0.33"));
        assert_eq!((fixed(9_995, 1_000).as_str(), ratio(9_995, 1_000).as_str()), ("9.995", "10.0"));
        assert_eq!((ratio(99_949, 1_000).as_str(), ratio(99_950, 1_000).as_str()), ("99.9", "100"));
        assert_eq!(
            (fixed(12_345_678, 10).as_str(), ratio(12_345_675, 10).as_str()),
            ("1234567.800", "1,234,568")
        );
        assert_eq!((fixed(0, 7).as_str(), ratio(0, 7).as_str()), ("0.000", "0.00"));
        assert_eq!(
            (fixed(7, 0), ratio(0, 0), thousandths(1, 0)),
            (String::new(), String::new(), None)
        );
        assert_eq!(thousandths(u128::MAX, 1), Some(u64::MAX));
    }

    #[test]
    fn shares_round_half_up() {
        assert_eq!(share(1, 3), "33.3%");
        assert_eq!(share(1, 2000), "0.1%");
        assert_eq!(share(0, 0), "");
    }
}

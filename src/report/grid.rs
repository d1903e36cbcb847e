//! A table as data: typed values under heads. Every format draws the same grid.

use std::fmt::Write as _;

use crate::units;

/// What a cell holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Empty,
    /// Words.
    Text(String),
    /// Words in which `×` stands between sizes; for machines it is `x`, as between those of a shape.
    Sizes(String),
    /// Words and what is noted of them, which is cut first where room is short; for machines, the words alone.
    Noted {
        /// The words.
        text: String,
        /// What stands behind them.
        note: String,
    },
    /// A word on which a table ends a row, and how it is meant: for a terminal in colour.
    Verdict(&'static str, Tone),
    /// Names.
    Names(Vec<String>),
    /// A count.
    Count(u64),
    /// A size in bytes.
    Bytes(u64),
    /// A count or a size of which only a part is known: it is at least this.
    AtLeast(u64, Unit),
    /// A count or a size that is not known: `–` in text, an empty field for machines.
    Unknown,
    /// How much more a count is than another.
    Delta(i128),
    /// A part of a total.
    Share(u64, u64),
    /// How much of one thing there is for each of another.
    Ratio(u128, u128),
    /// Shapes; those that are not known are `?`, for machines an empty field.
    Shapes(Vec<Option<Vec<u64>>>),
}

/// How a verdict is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// To be seen to.
    Doubtful,
    /// Not as it should be.
    Bad,
    /// Nothing was judged.
    Plain,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
}

/// Whether a number is the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exactness {
    /// It is.
    #[default]
    Exact,
    /// It is a lower bound: something was not counted.
    AtLeast,
}

/// A counted quantity as text: the one place where a lower bound gets its sign. It has it in CSV, too, so that no program
/// takes it for the whole.
pub fn counted(n: u64, unit: Unit, exactness: Exactness, numbers: Numbers) -> String {
    let text = match (unit, numbers) {
        (Unit::Count, Numbers::Rounded) => units::count(n),
        (Unit::Bytes, Numbers::Rounded) => units::bytes(n),
        (_, Numbers::Exact) => units::grouped(n),
        (_, Numbers::Raw) => n.to_string(),
    };
    match exactness {
        Exactness::Exact => text,
        Exactness::AtLeast => format!("≥ {text}"),
    }
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numbers {
    /// For reading: `61.0 M`.
    #[default]
    Rounded,
    /// In full, with separators: `60,965,224`.
    Exact,
    /// For machines: `60965224`.
    Raw,
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The same as a lower bound, where it is a count or a size and something was not counted.
    #[must_use]
    pub fn bounded(self, exactness: Exactness) -> Self {
        match (self, exactness) {
            (Self::Count(n), Exactness::AtLeast) => Self::AtLeast(n, Unit::Count),
            (Self::Bytes(n), Exactness::AtLeast) => Self::AtLeast(n, Unit::Bytes),
            // Of two lower bounds the ratio is no bound.
            (Self::Ratio(..), Exactness::AtLeast) => Self::Empty,
            (value, _) => value,
        }
    }

    /// The number that rows are sorted by; `None` for what is no number.
    pub fn number(&self) -> Option<u64> {
        match *self {
            Self::Count(n) | Self::Bytes(n) | Self::AtLeast(n, _) | Self::Share(n, _) => Some(n),
            Self::Ratio(part, whole) => units::thousandths(part, whole),
            _ => None,
        }
    }

    /// How it is written, and the note behind it; empty where there is none.
    pub(super) fn parts(&self, numbers: Numbers) -> (String, &str) {
        match self {
            Self::Noted { text, note } => (text.clone(), note),
            value => (value.show(numbers), ""),
        }
    }

    /// How it is written.
    pub fn show(&self, numbers: Numbers) -> String {
        match (self, numbers) {
            (Self::Empty, _) | (Self::Share(0, _), Numbers::Rounded | Numbers::Exact) => {
                String::new()
            }
            (Self::Sizes(text), Numbers::Raw) => text.replace('×', "x"),
            (Self::Noted { text, note }, Numbers::Rounded | Numbers::Exact) => {
                format!("{text} {note}")
            }
            (Self::Text(text) | Self::Sizes(text) | Self::Noted { text, .. }, _) => text.clone(),
            (Self::Verdict(word, _), _) => (*word).to_owned(),
            (Self::Names(names), Numbers::Raw) => names.join(";"),
            (Self::Names(names), _) => names.join(", "),
            (Self::Count(n), _) => counted(*n, Unit::Count, Exactness::Exact, numbers),
            (Self::Bytes(n), _) => counted(*n, Unit::Bytes, Exactness::Exact, numbers),
            (Self::AtLeast(n, unit), _) => counted(*n, *unit, Exactness::AtLeast, numbers),
            (Self::Unknown, Numbers::Raw) => String::new(),
            (Self::Unknown, _) => "–".to_owned(),
            (Self::Delta(n), Numbers::Rounded) => units::signed(*n, units::count),
            (Self::Delta(n), Numbers::Exact) => units::signed(*n, units::grouped),
            (Self::Delta(n), Numbers::Raw) => n.to_string(),
            (Self::Share(part, total), Numbers::Raw) => fraction(*part, *total),
            (Self::Share(part, total), _) => units::share(*part, *total),
            (Self::Ratio(part, whole), Numbers::Raw) => units::fixed(*part, *whole),
            (Self::Ratio(part, whole), _) => units::ratio(*part, *whole),
            (Self::Shapes(shapes), Numbers::Raw) => shapes_text(shapes, "x", ";"),
            (Self::Shapes(shapes), _) => shapes_text(shapes, "×", ", "),
        }
    }
}

/// A part as a decimal fraction with six places; empty for a total of nothing.
fn fraction(part: u64, total: u64) -> String {
    if total == 0 {
        return String::new();
    }
    let millionths = (u128::from(part) * 2_000_000 + u128::from(total)) / (u128::from(total) * 2);
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}

fn shapes_text(shapes: &[Option<Vec<u64>>], by: &str, between: &str) -> String {
    match shapes {
        [shape] => sizes_text(shape.as_deref(), by),
        shapes => {
            let texts = shapes.iter().map(|shape| sizes_text(shape.as_deref(), by));
            texts.collect::<Vec<_>>().join(between)
        }
    }
}

/// The sizes of a shape; `?` where they are not known.
pub fn sizes_text(shape: Option<&[u64]>, by: &str) -> String {
    shape.map_or_else(|| "?".to_owned(), |shape| shape_text(shape, by))
}

/// The sizes of a shape with a sign between them: `1×3×224×224`.
pub fn shape_text(shape: &[u64], by: &str) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    let mut text = String::with_capacity(24);
    for (i, size) in shape.iter().enumerate() {
        let by = if i == 0 { "" } else { by };
        let _ = write!(text, "{by}{size}");
    }
    text
}

/// The head of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// What stands over it.
    pub title: &'static str,
    /// Whether its cells stand at the right.
    pub right: bool,
    /// When it goes where room is short: the highest first, 0 never.
    pub expendable: u8,
}

impl Head {
    /// A column of words.
    pub const fn left(title: &'static str) -> Self {
        Self { title, right: false, expendable: 0 }
    }

    /// A column of numbers.
    pub const fn right(title: &'static str) -> Self {
        Self { title, right: true, expendable: 0 }
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// One for each column.
    pub heads: Vec<Head>,
    /// Rows of one value for each column.
    pub rows: Vec<Vec<Value>>,
    /// The row below the line.
    pub total: Option<Vec<Value>>,
}

impl Grid {
    /// A table without rows.
    pub fn new(heads: impl Into<Vec<Head>>) -> Self {
        Self { heads: heads.into(), ..Self::default() }
    }

    /// The same without one column.
    pub(super) fn drop_column(&mut self, index: usize) {
        self.heads.remove(index);
        for row in self.rows.iter_mut().chain(&mut self.total) {
            row.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_bound_has_its_sign_in_every_format() {
        let all = |value: &Value| {
            [Numbers::Rounded, Numbers::Exact, Numbers::Raw].map(|numbers| value.show(numbers))
        };
        let bound = Value::Count(60_965_224).bounded(Exactness::AtLeast);
        assert_eq!(all(&bound), ["≥ 61.0 M", "≥ 60,965,224", "≥ 60965224"]);
        let bytes = Value::Bytes(2048).bounded(Exactness::AtLeast);
        assert_eq!(all(&bytes), ["≥ 2.00 KiB", "≥ 2,048", "≥ 2048"]);
        assert_eq!(Value::Count(1).bounded(Exactness::Exact), Value::Count(1));
        assert_eq!(Value::text("x").bounded(Exactness::AtLeast), Value::text("x"));
        assert_eq!(bound.number(), Some(60_965_224));
        assert_eq!(all(&Value::Unknown), ["–", "–", ""]);
        assert_eq!(Value::Unknown.number(), None);
    }
}

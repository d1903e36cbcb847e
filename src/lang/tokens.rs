//! The words of the grammar: names, numbers, texts, signs, loop targets; and the furthest failure, from which a syntax
//! error is made.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, multispace0, satisfy};
use nom::combinator::{cut, map, not, opt, recognize, verify};
use nom::error::{ErrorKind, ParseError};
use nom::multi::{many0, separated_list1};
use nom::sequence::{delimited, pair, preceded, terminated};
use nom::{IResult, Parser};

use super::ast::{ExprKind, Target};

/// Deepest nesting of an expression. `lang::parse` has the stack for it.
pub(super) const MAX_DEPTH: usize = 64;

const RESERVED: &[&str] = &[
    "if", "else", "for", "in", "and", "or", "not", "true", "false", "none", "True", "False", "None",
];

/// The furthest failure: fewest bytes left, and what was expected there. Most failures have another alternative behind
/// them and are dropped, so that one with a single expectation allocates nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Furthest {
    pub(super) left: usize,
    pub(super) expected: Option<&'static str>,
    /// Further expectations; none without a first.
    pub(super) others: Vec<&'static str>,
    pub(super) too_deep: bool,
}

impl Furthest {
    /// A failure at the beginning of what is left of the text.
    pub(super) fn at(rest: &str, expected: &'static str) -> Self {
        let (left, expected) = (rest.len(), Some(expected));
        Self { left, expected, others: Vec::new(), too_deep: false }
    }
}

impl ParseError<&str> for Furthest {
    fn from_error_kind(input: &str, kind: ErrorKind) -> Self {
        let too_deep = kind == ErrorKind::TooLarge;
        Self { left: input.len(), expected: None, others: Vec::new(), too_deep }
    }

    fn append(_: &str, _: ErrorKind, other: Self) -> Self {
        other
    }

    fn or(mut self, other: Self) -> Self {
        match self.left.cmp(&other.left) {
            std::cmp::Ordering::Less => self,
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Equal => {
                self.too_deep |= other.too_deep;
                if self.expected.is_none() {
                    return Self { too_deep: self.too_deep, ..other };
                }
                self.others.extend(other.expected.into_iter().chain(other.others));
                self
            }
        }
    }
}

pub(super) type Parsed<'a, T> = IResult<&'a str, T, Furthest>;

/// What is expected where a parser fails at its first byte.
pub(super) fn expected<'a, T>(
    what: &'static str,
    mut parser: impl Parser<&'a str, Output = T, Error = Furthest>,
) -> impl Parser<&'a str, Output = T, Error = Furthest> {
    move |input: &'a str| {
        let name = |error: Furthest| {
            let start = input.trim_start();
            if error.left == start.len() || error.left == input.len() {
                return Furthest { too_deep: error.too_deep, ..Furthest::at(start, what) };
            }
            error
        };
        parser.parse(input).map_err(|error| error.map(name))
    }
}

/// A sign, with white space before it.
pub(super) fn sign<'a>(
    sign: &'static str,
) -> impl Parser<&'a str, Output = &'a str, Error = Furthest> {
    expected(sign, preceded(multispace0, tag(sign)))
}

/// A word that no letter or digit continues.
pub(super) fn word<'a>(
    word: &'static str,
) -> impl Parser<&'a str, Output = &'a str, Error = Furthest> {
    expected(word, preceded(multispace0, terminated(tag(word), not(satisfy(is_name)))))
}

/// The first of these signs that stands here, with white space before it. What is expected where none does is not said:
/// an operand has ended, and most often no sign follows.
pub(super) fn one_of<T: Copy + 'static>(
    signs: impl IntoIterator<Item = &'static (&'static str, T)>,
    input: &str,
) -> Parsed<'_, T> {
    let (start, _) = multispace0(input)?;
    let found =
        signs.into_iter().find_map(|(sign, meaning)| Some((start.strip_prefix(sign)?, *meaning)));
    found.ok_or_else(|| nom::Err::Error(Furthest::from_error_kind(input, ErrorKind::Alt)))
}

pub(super) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// "true" | "True" | "false" | "False" | "none" | "None"
pub(super) fn constant(input: &str) -> Parsed<'_, ExprKind> {
    let (rest, word) = preceded(multispace0, take_while1(is_name)).parse(input)?;
    let kind = match word {
        "true" | "True" => ExprKind::Bool(true),
        "false" | "False" => ExprKind::Bool(false),
        "none" | "None" => ExprKind::None,
        _ => return Err(nom::Err::Error(Furthest::from_error_kind(input, ErrorKind::Tag))),
    };
    Ok((rest, kind))
}

/// NAME = ( LETTER | "_" ) { LETTER | DIGIT | "_" } ; not a reserved word
pub(super) fn name(input: &str) -> Parsed<'_, &str> {
    let bare = recognize(pair(satisfy(|c| c.is_alphabetic() || c == '_'), take_while(is_name)));
    expected("a name", preceded(multispace0, verify(bare, |name: &str| !RESERVED.contains(&name))))
        .parse(input)
}

/// digits = DIGIT { [ "_" ] DIGIT }
pub(super) fn digits(input: &str) -> Parsed<'_, &str> {
    let run = |input| take_while1(|c: char| c.is_ascii_digit())(input);
    recognize(pair(run, many0(preceded(char('_'), run)))).parse(input)
}

/// NUMBER = digits [ "." [ digits ] ] [ ( "e" | "E" ) [ "+" | "-" ] digits ]
pub(super) fn number(input: &str) -> Parsed<'_, ExprKind> {
    let fraction = recognize(pair(char('.'), opt(digits)));
    let exponent = recognize((
        satisfy(|c| c == 'e' || c == 'E'),
        opt(satisfy(|c| c == '+' || c == '-')),
        digits,
    ));
    let (rest, (whole, fraction, exponent)) =
        (digits, opt(fraction), opt(exponent)).parse(input)?;
    let (rest, ()) = not(satisfy(is_name)).parse(rest)?;
    let text: String = input[..input.len() - rest.len()].chars().filter(|c| *c != '_').collect();
    let parsed = if fraction.is_none() && exponent.is_none() {
        whole.replace('_', "").parse().map(ExprKind::Int).ok()
    } else {
        text.parse().ok().filter(|x: &f64| x.is_finite()).map(ExprKind::Float)
    };
    parsed
        .map(|kind| (rest, kind))
        .ok_or_else(|| nom::Err::Failure(Furthest::at(input, "a number that 64 bits hold")))
}

/// TEXT = "'" { any but "'" } "'" | '"' { any but '"' } '"' ; no escapes
pub(super) fn text(input: &str) -> Parsed<'_, String> {
    let quoted = |quote| {
        map(
            delimited(
                char(quote),
                take_while(move |c| c != quote),
                cut(expected("a closing quote", char(quote))),
            ),
            str::to_owned,
        )
    };
    alt((quoted('\''), quoted('"'))).parse(input)
}

/// target = NAME | "(" targets ")"
pub(super) fn target(input: &str) -> Parsed<'_, Target> {
    // The depth of targets is bounded by that of the brackets which the document's guard counts, and by this.
    fn at_depth(input: &str, depth: usize) -> Parsed<'_, Target> {
        if depth == 0 {
            return Err(nom::Err::Failure(Furthest::from_error_kind(input, ErrorKind::TooLarge)));
        }
        let inner = move |input| at_depth(input, depth - 1);
        alt((
            map(name, |name| Target::Name(name.to_owned())),
            map(
                delimited(sign("("), separated_list1(sign(","), inner), sign(")")),
                Target::Several,
            ),
        ))
        .parse(input)
    }
    at_depth(input, MAX_DEPTH)
}

/// targets = target { "," target }
pub(super) fn targets(input: &str) -> Parsed<'_, Vec<Target>> {
    separated_list1(sign(","), target).parse(input)
}

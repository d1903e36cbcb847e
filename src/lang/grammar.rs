//! Calls, expressions, keys and headers, by nom. The production stands above each function, as in docs/language.md.
//!
//! White space, line ends of folded scalars included, may stand between tokens. An error knows the furthest place that
//! was reached and what was expected there. Nesting is bounded.

use std::cell::Cell;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{char, multispace0, satisfy};
use nom::combinator::{cut, map, not, opt, peek, value, verify};
use nom::error::{ErrorKind, ParseError};
use nom::multi::{many0, many1, separated_list1};
use nom::sequence::{delimited, pair, preceded, terminated};

use super::ast::{
    Arg, Binary, Call, Compare, Comprehension, Expr, ExprKind, Formal, Header, Key, Name,
    NumberFormat, Piece, Slice, Unary,
};
use super::tokens::{
    Furthest, MAX_DEPTH, Parsed, constant, digits, expected, is_name, name, number, one_of, sign,
    targets, text, word,
};
use crate::source::Span;

/// Most operators of one text.
const MAX_LINKS: usize = 4096;

/// Text that is not of the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// The byte up to which it was read.
    pub(super) at: usize,
    /// What could have stood there.
    pub(super) expected: Vec<&'static str>,
    /// Whether it is nested too deep.
    pub(super) too_deep: bool,
}

/// The productions that nest, with the text's length (to turn what is left into bytes) and the depth reached.
struct Grammar {
    length: usize,
    depth: Cell<usize>,
    links: Cell<usize>,
}

impl Grammar {
    fn new(text: &str) -> Self {
        Self { length: text.len(), depth: Cell::new(0), links: Cell::new(0) }
    }

    /// Parses with a bound on nesting.
    fn nested<'a, T>(
        &self,
        input: &'a str,
        mut parser: impl FnMut(&'a str) -> Parsed<'a, T>,
    ) -> Parsed<'a, T> {
        if self.depth.get() >= MAX_DEPTH {
            return Err(nom::Err::Failure(Furthest::from_error_kind(input, ErrorKind::TooLarge)));
        }
        self.depth.set(self.depth.get() + 1);
        let parsed = parser(input);
        self.depth.set(self.depth.get() - 1);
        parsed
    }

    /// Counts one link of a chain of operators: each nests the tree by one, as a bracket does.
    fn link(&self, rest: &str) -> Result<(), nom::Err<Furthest>> {
        self.links.set(self.links.get() + 1);
        if self.links.get() > MAX_LINKS {
            return Err(nom::Err::Failure(Furthest::from_error_kind(rest, ErrorKind::TooLarge)));
        }
        Ok(())
    }

    /// The bytes between two rests of the text, without white space before.
    fn span(&self, before: &str, after: &str) -> Span {
        Span::new(self.length - before.trim_start().len(), self.length - after.len())
    }

    fn spanned<'a>(
        &self,
        input: &'a str,
        mut parser: impl FnMut(&'a str) -> Parsed<'a, ExprKind>,
    ) -> Parsed<'a, Expr> {
        let (rest, kind) = parser(input)?;
        Ok((rest, Expr { span: self.span(input, rest), kind }))
    }

    /// expr = or [ "if" or "else" expr ]
    fn expr<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        self.nested(input, |input| {
            let (rest, then) = self.or(input)?;
            let condition = opt(pair(
                preceded(word("if"), cut(|i| self.or(i))),
                cut(preceded(word("else"), |i| self.expr(i))),
            ));
            let (rest, tail) = { condition }.parse(rest)?;
            Ok(match tail {
                None => (rest, then),
                Some((test, other)) => {
                    let kind = ExprKind::If(Box::new(then), Box::new(test), Box::new(other));
                    (rest, Expr { span: self.span(input, rest), kind })
                }
            })
        })
    }

    /// or = and { "or" and }
    fn or<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        self.chain(input, |i| self.and(i), |i| value(ExprKind::Or as Join, word("or")).parse(i))
    }

    /// and = not { "and" not }
    fn and<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        self.chain(input, |i| self.not(i), |i| value(ExprKind::And as Join, word("and")).parse(i))
    }

    /// A left-associative chain of operands.
    fn chain<'a, J: Fn(Box<Expr>, Box<Expr>) -> ExprKind>(
        &self,
        input: &'a str,
        operand: impl Fn(&'a str) -> Parsed<'a, Expr>,
        operator: impl Fn(&'a str) -> Parsed<'a, J>,
    ) -> Parsed<'a, Expr> {
        let (mut rest, mut left) = operand(input)?;
        while let Ok((after, join)) = operator(rest) {
            self.link(rest)?;
            let (after, right) = cut(&operand).parse(after)?;
            let span = left.span.to(right.span);
            left = Expr { span, kind: join(Box::new(left), Box::new(right)) };
            rest = after;
        }
        Ok((rest, left))
    }

    /// not = "not" not | compare
    fn not<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        let Ok((rest, _)) = word("not").parse(input) else { return self.compare(input) };
        let (rest, inner) = cut(|i| self.nested(i, |i| self.not(i))).parse(rest)?;
        let kind = ExprKind::Unary(Unary::Not, Box::new(inner));
        Ok((rest, Expr { span: self.span(input, rest), kind }))
    }

    /// compare = sum { cmpop sum } ; cmpop = "==" | "!=" | "<" | "<=" | ">" | ">=" | [ "not" ] "in"
    fn compare<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        let word_operator = alt((
            value(Compare::In, word("in")),
            value(Compare::NotIn, pair(word("not"), word("in"))),
        ));
        let signs = Compare::ALL.iter().filter(|(sign, _)| !sign.ends_with("in"));
        let signs = |input| one_of(signs.clone(), input);
        let (rest, first) = self.sum(input)?;
        let (rest, others) =
            many0(pair(alt((signs, word_operator)), cut(|i| self.sum(i)))).parse(rest)?;
        if others.is_empty() {
            return Ok((rest, first));
        }
        Ok((
            rest,
            Expr { span: self.span(input, rest), kind: ExprKind::Compare(Box::new(first), others) },
        ))
    }

    /// One of these arithmetic signs.
    fn binary<'a>(
        input: &'a str,
        allowed: &[Binary],
    ) -> Parsed<'a, impl Fn(Box<Expr>, Box<Expr>) -> ExprKind + use<>> {
        // Longest sign first, so that `**` is not read as `*`.
        let sign = |input| one_of(Binary::ALL, input);
        let (rest, operator) = verify(sign, |operator| allowed.contains(operator)).parse(input)?;
        Ok((rest, move |a, b| ExprKind::Binary(operator, a, b)))
    }

    /// sum = term { ( "+" | "-" ) term }
    fn sum<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        self.chain(input, |i| self.term(i), |i| Self::binary(i, &[Binary::Add, Binary::Sub]))
    }

    /// term = unary { ( "*" | "/" | "//" | "%" ) unary }
    fn term<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        let allowed = &[Binary::Mul, Binary::Div, Binary::FloorDiv, Binary::Mod];
        self.chain(input, |i| self.unary(i), |i| Self::binary(i, allowed))
    }

    /// unary = ( "-" | "+" ) unary | power
    fn unary<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        let mut signs = alt((value(Unary::Minus, sign("-")), value(Unary::Plus, sign("+"))));
        let Ok((rest, operator)) = signs.parse(input) else { return self.power(input) };
        let (rest, inner) = cut(|i| self.nested(i, |i| self.unary(i))).parse(rest)?;
        let kind = ExprKind::Unary(operator, Box::new(inner));
        Ok((rest, Expr { span: self.span(input, rest), kind }))
    }

    /// power = postfix [ "**" unary ]
    fn power<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        let (rest, base) = self.postfix(input)?;
        let (rest, exponent) = opt(preceded(sign("**"), cut(|i| self.unary(i)))).parse(rest)?;
        Ok(match exponent {
            None => (rest, base),
            Some(exponent) => {
                let kind = ExprKind::Binary(Binary::Pow, Box::new(base), Box::new(exponent));
                (rest, Expr { span: self.span(input, rest), kind })
            }
        })
    }

    /// postfix = atom { "[" index "]" }
    fn postfix<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        let (mut rest, mut base) = self.atom(input)?;
        while let Ok((after, _)) = sign("[").parse(rest) {
            self.link(rest)?;
            let (after, index) = cut(terminated(|i| self.index(i), sign("]"))).parse(after)?;
            let kind = match index {
                Ok(index) => ExprKind::Index(Box::new(base), Box::new(index)),
                Err(slice) => ExprKind::Slice(Box::new(base), Box::new(slice)),
            };
            base = Expr { span: self.span(input, after), kind };
            rest = after;
        }
        Ok((rest, base))
    }

    /// index = expr | [ expr ] ":" [ expr ] [ ":" [ expr ] ]
    fn index<'a>(&self, input: &'a str) -> Parsed<'a, Result<Expr, Slice>> {
        let (rest, start) = opt(|i| self.expr(i)).parse(input)?;
        let (rest, colon) = opt(sign(":")).parse(rest)?;
        match (start, colon) {
            (Some(index), None) => Ok((rest, Ok(index))),
            (None, None) => expected("an index", |i| self.expr(i))
                .parse(input)
                .map(|(rest, index)| (rest, Ok(index))),
            (start, Some(_)) => {
                let (rest, stop) = opt(|i| self.expr(i)).parse(rest)?;
                let (rest, step) = opt(preceded(sign(":"), opt(|i| self.expr(i)))).parse(rest)?;
                Ok((rest, Err(Slice { start, stop, step: step.flatten() })))
            }
        }
    }

    /// atom = NUMBER | TEXT | "true" | "false" | "none" | ref | call | NAME | list | tuple | "(" expr ")"
    fn atom<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        let mut simple = alt((
            preceded(multispace0, number),
            map(preceded(multispace0, text), ExprKind::Text),
            constant,
            |i| self.reference(i),
            |i| self.call(i),
            map(name, |name| ExprKind::Name(name.to_owned())),
            |i| self.list(i),
            |i| self.braces(i),
        ));
        let any = alt((|i| self.spanned(i, |i| simple.parse(i)), |i| self.parenthesis(i)));
        expected("a value", any).parse(input)
    }

    /// ref = "@" [ name ]
    fn reference<'a>(&self, input: &'a str) -> Parsed<'a, ExprKind> {
        let path = opt(|i| self.name(i));
        map(preceded(sign("@"), path), ExprKind::Ref).parse(input)
    }

    /// call = NAME "(" [ arg { "," arg } [ "," ] ] ")"
    fn call<'a>(&self, input: &'a str) -> Parsed<'a, ExprKind> {
        let (open, callee) = name(input)?;
        let callee_span = self.span(input, open);
        let (rest, _) = sign("(").parse(open)?;
        let (rest, args) = Self::items(rest, |i| self.arg(i), ")")?;
        Ok((rest, ExprKind::Call(Call { callee: callee.to_owned(), callee_span, args })))
    }

    /// arg = NAME "=" expr | expr
    fn arg<'a>(&self, input: &'a str) -> Parsed<'a, Arg> {
        let label = |input: &'a str| {
            let (rest, label) = name(input)?;
            let span = self.span(input, rest);
            let (rest, _) = terminated(sign("="), not(char('='))).parse(rest)?;
            Ok((rest, (label.to_owned(), span)))
        };
        let named = map(pair(label, cut(|i| self.expr(i))), |(name, value)| Arg {
            name: Some(name),
            value,
        });
        alt((named, map(|i| self.expr(i), |value| Arg { name: None, value }))).parse(input)
    }

    /// Items with commas between and perhaps after them, up to a closing sign. The opening one was read.
    fn items<'a, T>(
        input: &'a str,
        item: impl Fn(&'a str) -> Parsed<'a, T>,
        close: &'static str,
    ) -> Parsed<'a, Vec<T>> {
        if let Ok((rest, _)) = sign(close).parse(input) {
            return Ok((rest, Vec::new()));
        }
        let (rest, first) = cut(&item).parse(input)?;
        Self::more(rest, first, item, close)
    }

    /// The items after the first.
    fn more<'a, T>(
        mut rest: &'a str,
        first: T,
        item: impl Fn(&'a str) -> Parsed<'a, T>,
        close: &'static str,
    ) -> Parsed<'a, Vec<T>> {
        let mut items = vec![first];
        while let Ok((after, _)) = sign(",").parse(rest) {
            if let Ok((rest, _)) = sign(close).parse(after) {
                return Ok((rest, items));
            }
            let (after, found) = cut(&item).parse(after)?;
            items.push(found);
            rest = after;
        }
        cut(expected_close(close)).parse(rest).map(|(rest, _)| (rest, items))
    }

    /// list = "[" [ expr { "," expr } [ "," ] ] "]" | "[" expr "for" targets "in" or [ "if" or ] "]"
    fn list<'a>(&self, input: &'a str) -> Parsed<'a, ExprKind> {
        let (open, _) = sign("[").parse(input)?;
        if let Ok((rest, _)) = sign("]").parse(open) {
            return Ok((rest, ExprKind::List(Vec::new())));
        }
        // The first element is parsed once for both forms: parsing it twice would double at each depth.
        let (rest, element) = cut(|i| self.expr(i)).parse(open)?;
        if let Ok((rest, _)) = word("for").parse(rest) {
            let (rest, targets) = cut(targets).parse(rest)?;
            let (rest, iterable) = cut(preceded(word("in"), |i| self.or(i))).parse(rest)?;
            let (rest, condition) = opt(preceded(word("if"), cut(|i| self.or(i)))).parse(rest)?;
            let (rest, _) = cut(sign("]")).parse(rest)?;
            let comprehension = Comprehension { element, targets, iterable, condition };
            return Ok((rest, ExprKind::Comprehension(Box::new(comprehension))));
        }
        let (rest, items) = Self::more(rest, element, |i| self.expr(i), "]")?;
        Ok((rest, ExprKind::List(items)))
    }

    /// map = "{" [ key ":" expr { "," key ":" expr } [ "," ] ] "}" ; key = NAME | TEXT
    fn braces<'a>(&self, input: &'a str) -> Parsed<'a, ExprKind> {
        let (open, _) = sign("{").parse(input)?;
        let key = |i: &'a str| {
            let (rest, key) =
                alt((map(name, str::to_owned), preceded(multispace0, text))).parse(i)?;
            sign(":").parse(rest).map(|(rest, _)| (rest, key))
        };
        let entry = |i: &'a str| pair(key, cut(|i| self.expr(i))).parse(i);
        let (rest, entries) = Self::items(open, entry, "}")?;
        Ok((rest, ExprKind::Map(entries)))
    }

    /// tuple = "(" expr "," [ expr { "," expr } [ "," ] ] ")" ; "(" expr ")" is the expression itself
    fn parenthesis<'a>(&self, input: &'a str) -> Parsed<'a, Expr> {
        let (open, _) = sign("(").parse(input)?;
        let (rest, mut first) = cut(|i| self.expr(i)).parse(open)?;
        if let Ok((after, _)) = sign(",").parse(rest) {
            let (rest, items) = match sign(")").parse(after) {
                Ok((rest, _)) => (rest, vec![first]),
                Err(_) => Self::more(rest, first, |i| self.expr(i), ")")?,
            };
            return Ok((rest, Expr { span: self.span(input, rest), kind: ExprKind::Tuple(items) }));
        }
        let (rest, _) = cut(expected_close(")")).parse(rest)?;
        first.span = self.span(input, rest);
        Ok((rest, first))
    }

    /// name = segment { "." segment } ; segment = piece { piece }
    fn name<'a>(&self, input: &'a str) -> Parsed<'a, Name> {
        separated_list1(char('.'), many1(|i| self.piece(i))).parse(input)
    }

    /// piece = LETTER | DIGIT | "_" | "-" | "${" expr [ ":" FORMAT ] "}"
    fn piece<'a>(&self, input: &'a str) -> Parsed<'a, Piece> {
        let format =
            map(preceded(char(':'), pair(opt(char('0')), digits)), |(zero, width)| NumberFormat {
                zeros: zero.is_some(),
                width: width.parse().unwrap_or(usize::MAX).min(64),
            });
        let value = delimited(tag("${"), cut(pair(|i| self.expr(i), opt(format))), cut(sign("}")));
        let plain = take_while1(|c| is_name(c) || c == '-');
        expected(
            "a name",
            alt((
                map(value, |(value, format)| Piece::Value(value, format)),
                map(plain, |text: &str| Piece::Text(text.to_owned())),
            )),
        )
        .parse(input)
    }

    /// for = "for" targets "in" expr ; repeat = "repeat" expr ; if = ( "if" | "elif" ) expr ; or a name
    fn key<'a>(&self, input: &'a str) -> Parsed<'a, Key> {
        let space = |input| peek(satisfy(char::is_whitespace)).parse(input);
        let keyword = |text| terminated(word(text), space);
        let looped =
            preceded(keyword("for"), cut(pair(targets, preceded(word("in"), |i| self.expr(i)))));
        alt((
            map(looped, |(targets, iterable)| Key::For(targets, iterable)),
            map(preceded(keyword("repeat"), cut(|i| self.expr(i))), Key::Repeat),
            map(preceded(keyword("if"), cut(|i| self.expr(i))), Key::If),
            map(preceded(keyword("elif"), cut(|i| self.expr(i))), Key::Elif),
            map(terminated(word("else"), peek(end)), |_| Key::Else),
            map(preceded(multispace0, |i| self.name(i)), Key::Name),
        ))
        .parse(input)
    }

    /// header = [ "inline" ] NAME [ "(" [ formal { "," formal } [ "," ] ] ")" ]
    fn header<'a>(&self, input: &'a str) -> Parsed<'a, Header> {
        let inline = terminated(word("inline"), peek(preceded(multispace0, satisfy(is_name))));
        let (rest, inline) = opt(inline).parse(input)?;
        let (rest, name) = name(rest)?;
        let (rest, open) = opt(sign("(")).parse(rest)?;
        let (rest, all) = match open {
            None => (rest, Vec::new()),
            Some(_) => Self::items(rest, |i| self.formal(i), ")")?,
        };
        let mut header = Header {
            inline: inline.is_some(),
            name: name.to_owned(),
            inputs: Vec::new(),
            formals: Vec::new(),
        };
        for formal in all {
            match formal {
                Ok(formal) => header.formals.push(formal),
                Err(input) => header.inputs.push(input),
            }
        }
        Ok((rest, header))
    }

    /// formal = "@" NAME | NAME [ "=" expr ]
    fn formal<'a>(&self, input: &'a str) -> Parsed<'a, Result<Formal, (String, Span)>> {
        if let Ok((rest, _)) = sign("@").parse(input) {
            let (rest, name) = cut(name).parse(rest)?;
            return Ok((rest, Err((name.to_owned(), self.span(input, rest)))));
        }
        let (rest, name) = name(input)?;
        let span = self.span(input, rest);
        let (rest, default) = opt(preceded(sign("="), cut(|i| self.expr(i)))).parse(rest)?;
        Ok((rest, Ok(Formal { name: name.to_owned(), span, default })))
    }
}

type Join = fn(Box<Expr>, Box<Expr>) -> ExprKind;

/// The closing sign of a list whose item just ended.
fn expected_close<'a>(
    close: &'static str,
) -> impl Parser<&'a str, Output = &'a str, Error = Furthest> {
    let both = match close {
        ")" => "`,` or `)`",
        "]" => "`,` or `]`",
        other => other,
    };
    expected(both, sign(close))
}

/// Nothing but white space is left.
fn end(input: &str) -> Parsed<'_, ()> {
    let (rest, _) = multispace0(input)?;
    if rest.is_empty() {
        return Ok((rest, ()));
    }
    Err(nom::Err::Error(Furthest::at(rest, "the end, or an operator such as + or if")))
}

fn whole<'a, T>(
    text: &'a str,
    mut parser: impl FnMut(&'a str) -> Parsed<'a, T>,
) -> Result<T, SyntaxError> {
    let parsed = parser(text).and_then(|(rest, parsed)| end(rest).map(|_| parsed));
    parsed.map_err(|error| match error {
        nom::Err::Error(furthest) | nom::Err::Failure(furthest) => {
            let Furthest { left, expected, others, too_deep } = furthest;
            let mut expected: Vec<_> = expected.into_iter().chain(others).collect();
            expected.dedup();
            SyntaxError { at: text.len() - left, expected, too_deep }
        }
        nom::Err::Incomplete(_) => {
            SyntaxError { at: text.len(), expected: Vec::new(), too_deep: false }
        }
    })
}

/// Parses the text of an item or a value.
pub(super) fn expression(text: &str) -> Result<Expr, SyntaxError> {
    let grammar = Grammar::new(text);
    whole(text, |i| grammar.expr(i))
}

/// Parses the key of an item.
pub(super) fn key(text: &str) -> Result<Key, SyntaxError> {
    let grammar = Grammar::new(text);
    whole(text, |i| grammar.key(i))
}

/// Parses a name with expressions in it.
pub(super) fn template(text: &str) -> Result<Name, SyntaxError> {
    let grammar = Grammar::new(text);
    whole(text, |i| grammar.name(i))
}

/// Parses the head of a block.
pub(super) fn header(text: &str) -> Result<Header, SyntaxError> {
    let grammar = Grammar::new(text);
    whole(text, |i| grammar.header(i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conditional_argument() {
        let expr = expression("unit(64 * 2 ** i, stride=2 if i > 0 and j == 0 else 1)").unwrap();
        let ExprKind::Call(call) = expr.kind else { panic!() };
        assert_eq!((call.callee.as_str(), call.args.len()), ("unit", 2));
        assert_eq!(call.args[0].value.span, Span::new(5, 16));
        assert!(matches!(call.args[1].value.kind, ExprKind::If(..)));
    }

    #[test]
    fn powers_bind_tighter_than_signs_and_to_the_right() {
        let expr = expression("-2 ** 2 ** 3").unwrap();
        let ExprKind::Unary(Unary::Minus, power) = expr.kind else { panic!() };
        let ExprKind::Binary(Binary::Pow, _, exponent) = power.kind else { panic!() };
        assert!(matches!(exponent.kind, ExprKind::Binary(Binary::Pow, ..)));
    }

    #[test]
    fn keys_are_told_apart() {
        assert!(
            matches!(key("for i, (n, c) in enumerate(xs)").unwrap(), Key::For(targets, _) if targets.len() == 2)
        );
        assert!(matches!(key("if a not in [1, 2]").unwrap(), Key::If(_)));
        assert!(matches!(key("iffy").unwrap(), Key::Name(_)));
        assert!(
            matches!(key("block${i + 1}-${j:02}").unwrap(), Key::Name(name) if name[0].len() == 4)
        );
        assert!(matches!(key("else").unwrap(), Key::Else));
    }

    #[test]
    fn errors_name_the_furthest_place() {
        let error = expression("conv2d(64, 3").unwrap_err();
        assert_eq!((error.at, error.expected), (12, vec!["`,` or `)`"]));
        let error = expression("1 +").unwrap_err();
        assert_eq!((error.at, error.expected), (3, vec!["a value"]));
    }
}

//! What calls, expressions and keys are made of. Every expression knows its bytes in its scalar.

use crate::source::Span;

/// An expression with its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    pub(super) span: Span,
    pub(super) kind: ExprKind,
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ExprKind {
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
    None,
    Name(String),
    /// `@` without a path is the current value.
    Ref(Option<Name>),
    Call(Call),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    /// Names and values in braces.
    Map(Vec<(String, Expr)>),
    Comprehension(Box<Comprehension>),
    Index(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Box<Slice>),
    Unary(Unary, Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// A chain as Python has it: `0 < a <= b`.
    Compare(Box<Expr>, Vec<(Compare, Expr)>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// then, condition, else
    If(Box<Expr>, Box<Expr>, Box<Expr>),
}

/// `callee(args)`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) callee: String,
    pub(super) callee_span: Span,
    pub(super) args: Vec<Arg>,
}

/// An argument, named or not.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Arg {
    pub(super) name: Option<(String, Span)>,
    pub(super) value: Expr,
}

/// `[element for targets in iterable if condition]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comprehension {
    pub(super) element: Expr,
    pub(super) targets: Vec<Target>,
    pub(super) iterable: Expr,
    pub(super) condition: Option<Expr>,
}

/// `start:stop:step`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Slice {
    pub(super) start: Option<Expr>,
    pub(super) stop: Option<Expr>,
    pub(super) step: Option<Expr>,
}

/// A name that a loop binds, or several that take an element apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    Name(String),
    Several(Vec<Target>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Minus,
    Plus,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
}

impl Binary {
    pub(super) const ALL: &[(&str, Self)] = &[
        ("**", Self::Pow),
        ("//", Self::FloorDiv),
        ("*", Self::Mul),
        ("/", Self::Div),
        ("%", Self::Mod),
        ("+", Self::Add),
        ("-", Self::Sub),
    ];

    pub(super) fn sign(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("?", |(sign, _)| sign)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    LessEqual,
    GreaterEqual,
    Less,
    Greater,
    In,
    NotIn,
}

impl Compare {
    pub(super) const ALL: &[(&str, Self)] = &[
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<=", Self::LessEqual),
        (">=", Self::GreaterEqual),
        ("<", Self::Less),
        (">", Self::Greater),
        ("in", Self::In),
        ("not in", Self::NotIn),
    ];

    pub(super) fn sign(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("?", |(sign, _)| sign)
    }
}

/// A dotted name: each segment is text with expressions in it.
pub(super) type Name = Vec<Vec<Piece>>;

/// A part of a segment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    /// `${expr:02}`
    Value(Expr, Option<NumberFormat>),
}

/// How a number in a name is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NumberFormat {
    pub(super) zeros: bool,
    pub(super) width: usize,
}

/// What the key of an item says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    For(Vec<Target>, Expr),
    Repeat(Expr),
    If(Expr),
    Elif(Expr),
    Else,
    Name(Name),
}

/// The head of a block: `inline name(@input, required, optional=default)`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) inline: bool,
    pub(super) name: String,
    pub(super) inputs: Vec<(String, Span)>,
    pub(super) formals: Vec<Formal>,
}

impl Header {
    /// What stands for a head that does not parse: its name, as far as it can be told.
    pub(super) fn faulty(text: &str) -> Self {
        let text = text.strip_prefix("inline ").unwrap_or(text).trim_start();
        let name =
            text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        Self { inline: false, name: name.to_owned(), inputs: Vec::new(), formals: Vec::new() }
    }
}

/// A parameter of a block.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Formal {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) default: Option<Expr>,
}

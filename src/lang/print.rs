//! Expressions as text again, with the fewest parentheses: parsing it yields the same expression.
//!
//! Tests stand below: a property over generated expressions.

use std::fmt::Write;

use super::ast::{Arg, Binary, Expr, Kind, Piece, Target, Unary};

/// How tightly an expression binds: the productions of the grammar, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Expr,
    Or,
    And,
    Not,
    Compare,
    Sum,
    Term,
    Unary,
    Power,
    Postfix,
}

/// Writes an expression.
pub(super) fn expression(expr: &Expr) -> String {
    let mut out = String::new();
    write(&mut out, expr, Level::Expr);
    out
}

fn level(kind: &Kind) -> Level {
    match kind {
        Kind::If(..) => Level::Expr,
        Kind::Or(..) => Level::Or,
        Kind::And(..) => Level::And,
        Kind::Unary(Unary::Not, _) => Level::Not,
        Kind::Compare(..) => Level::Compare,
        Kind::Binary(Binary::Add | Binary::Sub, ..) => Level::Sum,
        Kind::Binary(Binary::Pow, ..) => Level::Power,
        Kind::Binary(..) => Level::Term,
        Kind::Unary(..) => Level::Unary,
        _ => Level::Postfix,
    }
}

/// Writes an expression where one of at least this level stands.
fn write(out: &mut String, expr: &Expr, at_least: Level) {
    let own = level(&expr.kind);
    if own < at_least {
        out.push('(');
        write(out, expr, Level::Expr);
        out.push(')');
        return;
    }
    let mut two = |a: &Expr, first: Level, sign: &str, b: &Expr, second: Level| {
        write(out, a, first);
        let _ = write!(out, " {sign} ");
        write(out, b, second);
    };
    match &expr.kind {
        Kind::If(then, test, other) => {
            write(out, then, Level::Or);
            out.push_str(" if ");
            write(out, test, Level::Or);
            out.push_str(" else ");
            write(out, other, Level::Expr);
        }
        Kind::Or(a, b) => two(a, Level::Or, "or", b, Level::And),
        Kind::And(a, b) => two(a, Level::And, "and", b, Level::Not),
        Kind::Binary(op @ Binary::Pow, a, b) => two(a, Level::Postfix, op.sign(), b, Level::Unary),
        Kind::Binary(op, a, b) => {
            let tighter = if own == Level::Sum { Level::Term } else { Level::Unary };
            two(a, own, op.sign(), b, tighter);
        }
        Kind::Compare(first, others) => {
            write(out, first, Level::Sum);
            for (op, other) in others {
                let _ = write!(out, " {} ", op.sign());
                write(out, other, Level::Sum);
            }
        }
        Kind::Unary(op, inner) => {
            let (sign, inside) = match op {
                Unary::Not => ("not ", Level::Not),
                Unary::Minus => ("-", Level::Unary),
                Unary::Plus => ("+", Level::Unary),
            };
            out.push_str(sign);
            write(out, inner, inside);
        }
        Kind::Index(base, index) => {
            write(out, base, Level::Postfix);
            out.push('[');
            write(out, index, Level::Expr);
            out.push(']');
        }
        Kind::Slice(base, slice) => {
            write(out, base, Level::Postfix);
            out.push('[');
            for (colon, part) in [("", &slice.start), (":", &slice.stop), (":", &slice.step)] {
                if colon.is_empty() || part.is_some() || !out.ends_with(':') {
                    out.push_str(colon);
                }
                if let Some(part) = part {
                    write(out, part, Level::Expr);
                }
            }
            out.push(']');
        }
        kind => atom(out, kind),
    }
}

fn atom(out: &mut String, kind: &Kind) {
    match kind {
        Kind::Int(n) => _ = write!(out, "{n}"),
        Kind::Float(x) => _ = write!(out, "{x:?}"),
        Kind::Bool(b) => _ = write!(out, "{b}"),
        Kind::None => out.push_str("none"),
        Kind::Text(text) if text.contains('\'') => _ = write!(out, "\"{text}\""),
        Kind::Text(text) => _ = write!(out, "'{text}'"),
        Kind::Name(name) => out.push_str(name),
        Kind::Ref(path) => {
            out.push('@');
            for (i, segment) in path.iter().flatten().enumerate() {
                out.push_str(if i > 0 { "." } else { "" });
                segment.iter().for_each(|piece| self::piece(out, piece));
            }
        }
        Kind::Call(call) => {
            out.push_str(&call.callee);
            list(out, "(", &call.args, arg, ")");
        }
        Kind::List(items) => list(out, "[", items, |out, item| write(out, item, Level::Expr), "]"),
        Kind::Tuple(items) => {
            let close = if items.len() == 1 { ",)" } else { ")" };
            list(out, "(", items, |out, item| write(out, item, Level::Expr), close);
        }
        Kind::Comprehension(all) => {
            out.push('[');
            write(out, &all.element, Level::Expr);
            list(out, " for ", &all.targets, target, " in ");
            write(out, &all.iterable, Level::Or);
            if let Some(condition) = &all.condition {
                out.push_str(" if ");
                write(out, condition, Level::Or);
            }
            out.push(']');
        }
        _ => {}
    }
}

fn list<T>(
    out: &mut String,
    open: &str,
    items: &[T],
    write: impl Fn(&mut String, &T),
    close: &str,
) {
    out.push_str(open);
    for (i, item) in items.iter().enumerate() {
        out.push_str(if i > 0 { ", " } else { "" });
        write(out, item);
    }
    out.push_str(close);
}

fn arg(out: &mut String, arg: &Arg) {
    if let Some((name, _)) = &arg.name {
        let _ = write!(out, "{name}=");
    }
    write(out, &arg.value, Level::Expr);
}

fn target(out: &mut String, each: &Target) {
    match each {
        Target::Name(name) => out.push_str(name),
        Target::Several(several) => list(out, "(", several, target, ")"),
    }
}

fn piece(out: &mut String, piece: &Piece) {
    match piece {
        Piece::Text(text) => out.push_str(text),
        Piece::Value(value, format) => {
            out.push_str("${");
            write(out, value, Level::Expr);
            if let Some(format) = format {
                let _ = write!(out, ":{}{}", if format.zeros { "0" } else { "" }, format.width);
            }
            out.push('}');
        }
    }
}

//! Expressions as text again, with the fewest parentheses: parsing it yields the same expression.

use std::fmt::Write;

use super::ast::{Arg, Binary, Expr, ExprKind, Header, Piece, Target, Unary};

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

/// Writes the head of a block.
pub(super) fn header(header: &Header) -> String {
    let mut out = String::from(if header.inline { "inline " } else { "" });
    out.push_str(&header.name);
    let inputs = header.inputs.iter().map(|(name, _)| format!("@{name}"));
    let formals = header.formals.iter().map(|formal| match &formal.default {
        Some(default) => format!("{}={}", formal.name, expression(default)),
        None => formal.name.clone(),
    });
    let all: Vec<String> = inputs.chain(formals).collect();
    if !all.is_empty() {
        let _ = write!(out, "({})", all.join(", "));
    }
    out
}

fn level(kind: &ExprKind) -> Level {
    match kind {
        ExprKind::If(..) => Level::Expr,
        ExprKind::Or(..) => Level::Or,
        ExprKind::And(..) => Level::And,
        ExprKind::Unary(Unary::Not, _) => Level::Not,
        ExprKind::Compare(..) => Level::Compare,
        ExprKind::Binary(Binary::Add | Binary::Sub, ..) => Level::Sum,
        ExprKind::Binary(Binary::Pow, ..) => Level::Power,
        ExprKind::Binary(..) => Level::Term,
        ExprKind::Unary(..) => Level::Unary,
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
        ExprKind::If(then, test, other) => {
            write(out, then, Level::Or);
            out.push_str(" if ");
            write(out, test, Level::Or);
            out.push_str(" else ");
            write(out, other, Level::Expr);
        }
        ExprKind::Or(a, b) => two(a, Level::Or, "or", b, Level::And),
        ExprKind::And(a, b) => two(a, Level::And, "and", b, Level::Not),
        ExprKind::Binary(op @ Binary::Pow, a, b) => {
            two(a, Level::Postfix, op.sign(), b, Level::Unary);
        }
        ExprKind::Binary(op, a, b) => {
            let tighter = if own == Level::Sum { Level::Term } else { Level::Unary };
            two(a, own, op.sign(), b, tighter);
        }
        ExprKind::Compare(first, others) => {
            write(out, first, Level::Sum);
            for (op, other) in others {
                let _ = write!(out, " {} ", op.sign());
                write(out, other, Level::Sum);
            }
        }
        ExprKind::Unary(op, inner) => {
            let (sign, inside) = match op {
                Unary::Not => ("not ", Level::Not),
                Unary::Minus => ("-", Level::Unary),
                Unary::Plus => ("+", Level::Unary),
            };
            out.push_str(sign);
            write(out, inner, inside);
        }
        ExprKind::Index(base, index) => {
            write(out, base, Level::Postfix);
            out.push('[');
            write(out, index, Level::Expr);
            out.push(']');
        }
        ExprKind::Slice(base, slice) => {
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

fn atom(out: &mut String, kind: &ExprKind) {
    match kind {
        ExprKind::Int(n) => _ = write!(out, "{n}"),
        ExprKind::Float(x) => _ = write!(out, "{x:?}"),
        ExprKind::Bool(b) => _ = write!(out, "{b}"),
        ExprKind::None => out.push_str("none"),
        ExprKind::Text(text) if text.contains('\'') => _ = write!(out, "\"{text}\""),
        ExprKind::Text(text) => _ = write!(out, "'{text}'"),
        ExprKind::Name(name) => out.push_str(name),
        ExprKind::Ref(path) => {
            out.push('@');
            for (i, segment) in path.iter().flatten().enumerate() {
                out.push_str(if i > 0 { "." } else { "" });
                for piece in segment {
                    self::piece(out, piece);
                }
            }
        }
        ExprKind::Call(call) => {
            out.push_str(&call.callee);
            list(out, "(", &call.args, arg, ")");
        }
        ExprKind::List(items) => {
            list(out, "[", items, |out, item| write(out, item, Level::Expr), "]");
        }
        ExprKind::Tuple(items) => {
            let close = if items.len() == 1 { ",)" } else { ")" };
            list(out, "(", items, |out, item| write(out, item, Level::Expr), close);
        }
        ExprKind::Map(entries) => {
            let entry = |out: &mut String, (name, value): &(String, Expr)| {
                let _ = write!(out, "'{name}':");
                write(out, value, Level::Expr);
            };
            list(out, "{", entries, entry, "}");
        }
        ExprKind::Comprehension(all) => {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lang::ast::{Call, Compare, Comprehension, Slice};
    use crate::lang::grammar;
    use crate::source::Span;

    fn expr(kind: ExprKind) -> Expr {
        Expr { span: Span::default(), kind }
    }

    fn name() -> impl Strategy<Value = String> {
        // `x` before it keeps every name from being a reserved word.
        "x[a-z0-9_]{0,4}"
    }

    fn leaf() -> impl Strategy<Value = Expr> {
        let path = prop::collection::vec(
            prop::collection::vec("[a-z0-9_-]{1,4}".prop_map(Piece::Text), 1..2),
            1..3,
        );
        prop_oneof![
            (0..i64::MAX).prop_map(ExprKind::Int),
            (0.0..1e18f64).prop_map(ExprKind::Float),
            "[a-zA-Z0-9 ×'_.-]{0,6}".prop_map(ExprKind::Text),
            any::<bool>().prop_map(ExprKind::Bool),
            Just(ExprKind::None),
            name().prop_map(ExprKind::Name),
            prop::option::of(path).prop_map(ExprKind::Ref),
        ]
        .prop_map(expr)
    }

    fn target() -> impl Strategy<Value = Target> {
        let single = name().prop_map(Target::Name);
        single.prop_recursive(2, 6, 3, |inner| {
            prop::collection::vec(inner, 1..3).prop_map(Target::Several)
        })
    }

    fn any_expr() -> impl Strategy<Value = Expr> {
        leaf().prop_recursive(5, 40, 4, |inner| {
            let boxed = || inner.clone().prop_map(Box::new);
            let several = || prop::collection::vec(inner.clone(), 0..4);
            let part = || prop::option::of(inner.clone());
            let binary = prop::sample::select(Binary::ALL).prop_map(|(_, op)| op);
            let compare = prop::sample::select(Compare::ALL).prop_map(|(_, op)| op);
            let unary = prop::sample::select(&[Unary::Minus, Unary::Plus, Unary::Not]);
            let arg = (prop::option::of(name()), inner.clone()).prop_map(|(name, value)| Arg {
                name: name.map(|name| (name, Span::default())),
                value,
            });
            let call = (name(), prop::collection::vec(arg, 0..4)).prop_map(|(callee, args)| Call {
                callee,
                callee_span: Span::default(),
                args,
            });
            let comprehension =
                (inner.clone(), prop::collection::vec(target(), 1..3), inner.clone(), part())
                    .prop_map(|(element, targets, iterable, condition)| {
                        ExprKind::Comprehension(Box::new(Comprehension {
                            element,
                            targets,
                            iterable,
                            condition,
                        }))
                    });
            let slice = (part(), part(), part())
                .prop_map(|(start, stop, step)| Box::new(Slice { start, stop, step }));
            prop_oneof![
                call.prop_map(ExprKind::Call),
                several().prop_map(ExprKind::List),
                prop::collection::vec(inner.clone(), 1..4).prop_map(ExprKind::Tuple),
                comprehension,
                (boxed(), boxed()).prop_map(|(of, at)| ExprKind::Index(of, at)),
                (boxed(), slice).prop_map(|(of, slice)| ExprKind::Slice(of, slice)),
                (unary, boxed()).prop_map(|(op, of)| ExprKind::Unary(op, of)),
                (binary, boxed(), boxed()).prop_map(|(op, a, b)| ExprKind::Binary(op, a, b)),
                (boxed(), prop::collection::vec((compare, inner.clone()), 1..3))
                    .prop_map(|(first, others)| ExprKind::Compare(first, others)),
                (boxed(), boxed()).prop_map(|(a, b)| ExprKind::And(a, b)),
                (boxed(), boxed()).prop_map(|(a, b)| ExprKind::Or(a, b)),
                (boxed(), boxed(), boxed()).prop_map(|(a, b, c)| ExprKind::If(a, b, c)),
            ]
            .prop_map(expr)
        })
    }

    /// The expression with every span forgotten: spans are those of the text it was parsed from.
    fn bare(text: &str) -> Option<String> {
        let parsed = grammar::expression(text).ok()?;
        Some(without_spans(&format!("{parsed:?}")))
    }

    fn without_spans(debug: &str) -> String {
        let mut out = String::new();
        let mut rest = debug;
        while let Some(at) = rest.find("Span { start: ") {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            rest = &rest[rest.find('}').map_or(rest.len(), |end| end + 1)..];
        }
        out + rest
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_yields_the_same(expr in any_expr()) {
            let text = expression(&expr);
            prop_assert_eq!(bare(&text), Some(without_spans(&format!("{expr:?}"))), "{}", text);
        }

        #[test]
        fn no_text_makes_the_grammar_panic(text in ".{0,60}") {
            let _ = grammar::expression(&text);
            let _ = grammar::key(&text);
            let _ = grammar::header(&text);
            let _ = grammar::template(&text);
        }
    }

    #[test]
    fn a_head_is_written_as_it_is_read() {
        let text = "inline mbconv(@low, t, c, cin=channels(@), hidden=cin * t)";
        assert_eq!(header(&grammar::header(text).unwrap()), text);
    }
}

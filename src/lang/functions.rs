//! The functions of expressions, as Python has them, and `make_divisible` as torchvision has it.

use super::ast::{Arg, Call, Expr, ExprKind};
use super::reader::{Frame, MAX_LIST, Reader};
use super::value::Value;
use crate::diag::{Code, Diagnostic};
use crate::source::Origin;

/// Their names.
pub(super) const NAMES: &[&str] = &[
    "len",
    "range",
    "enumerate",
    "reversed",
    "zip",
    "min",
    "max",
    "sum",
    "prod",
    "round",
    "ceil",
    "floor",
    "sqrt",
    "log2",
    "int",
    "abs",
    "make_divisible",
    "channels",
    "shape",
];

/// Why a function has no value.
enum Fault {
    /// Its arguments are unknown, or the fault was reported.
    Reported,
    /// It takes other arguments.
    Takes(&'static str),
    /// It has no value there.
    Domain(&'static str),
    /// The result is too large.
    Overflow,
    /// The result would be a list beyond the limit.
    List,
}

impl Reader<'_> {
    /// Calls a function.
    pub(super) fn function(
        &mut self,
        call: &Call,
        base: Origin,
        place: Origin,
        frame: &mut Frame,
    ) -> Value {
        if let "channels" | "shape" = call.callee.as_str() {
            return self.ask(call, base, place, frame);
        }
        let mut values = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            // `start=` of enumerate and `divisor=` of make_divisible stand where their position is.
            let known = matches!(
                (call.callee.as_str(), arg.name.as_ref().map(|(name, _)| name.as_str())),
                (_, None) | ("enumerate", Some("start")) | ("make_divisible", Some("divisor"))
            );
            if !known {
                let message = format!("{} takes no argument of this name", call.callee);
                return self.fail(
                    Diagnostic::new(Code::E0401, message)
                        .label(base.at(arg.value.span), "not known"),
                );
            }
            values.push(self.eval(&arg.value, base, frame));
        }
        let fault = match self.compute(&call.callee, &values, place) {
            Ok(value) => return value,
            Err(fault) => fault,
        };
        match fault {
            Fault::Reported => Value::Unknown,
            Fault::Overflow => self.overflow(place),
            Fault::List => {
                self.stop(place, &format!("a list would have more than {MAX_LIST} elements"));
                Value::Unknown
            }
            Fault::Domain(domain) => {
                let found = values.first().map_or_else(String::new, Value::describe);
                let message =
                    format!("{} has values for {domain} only, not for {found}", call.callee);
                self.fail(Diagnostic::new(Code::E0309, message).label(place, "no result"))
            }
            Fault::Takes(takes) => {
                let found: Vec<String> = values.iter().map(Value::describe).collect();
                let found =
                    if found.is_empty() { "nothing".to_owned() } else { found.join(" and ") };
                let message = format!("{} takes {takes}, but gets {found}", call.callee);
                self.fail(
                    Diagnostic::new(Code::E0308, message).label(place, "does not go together"),
                )
            }
        }
    }

    /// `channels(@)` and `shape(@x)`.
    fn ask(&mut self, call: &Call, base: Origin, place: Origin, frame: &mut Frame) -> Value {
        let [Arg { name: None, value: Expr { kind: ExprKind::Ref(path), span } }] =
            call.args.as_slice()
        else {
            let message = format!("{} takes a value: {}(@)", call.callee, call.callee);
            return self.fail(Diagnostic::new(Code::E0308, message).label(place, "asks no value"));
        };
        let Some(asked) = self.reference(path.as_ref(), base, base.at(*span), frame) else {
            return Value::Unknown;
        };
        let Some(shape) = self.builder.shape(asked) else {
            if self.builder.is_lost(asked) {
                return Value::Unknown;
            }
            let message = format!("{} has no result: this value's shape is not known", call.callee);
            let diagnostic = Diagnostic::new(Code::E0309, message).label(place, "not known");
            return self.fail(diagnostic.help(
                "declare the output of the operator before it: unknown('my_op', output=[64, 56, 56])",
            ));
        };
        let size = |n: &u64| i64::try_from(*n).map_or(Value::Unknown, Value::Int);
        match call.callee.as_str() {
            "shape" => Value::list(shape.dims().iter().skip(1).map(size).collect()),
            _ => shape.dims().get(1).map_or(Value::Unknown, size),
        }
    }

    fn compute(&mut self, name: &str, values: &[Value], place: Origin) -> Result<Value, Fault> {
        if values.iter().any(Value::is_unknown) {
            return Err(Fault::Reported);
        }
        let int = |value: &Value, takes| value.int().ok_or(Fault::Takes(takes));
        let list = |items: Vec<Value>, reader: &mut Self| {
            if reader.spend(items.len(), place) {
                Ok(Value::list(items))
            } else {
                Err(Fault::Reported)
            }
        };
        match (name, values) {
            ("len", [Value::List(items)]) => Ok(length(items.len())),
            ("len", [Value::Map(entries)]) => Ok(length(entries.len())),
            ("range", [_] | [_, _] | [_, _, _]) => {
                let takes = "one to three whole numbers (start, stop, step)";
                let ints =
                    values.iter().map(|value| int(value, takes)).collect::<Result<Vec<_>, _>>()?;
                let (start, stop, step) = match ints.as_slice() {
                    [stop] => (0, *stop, 1),
                    [start, stop] => (*start, *stop, 1),
                    [start, stop, step, ..] => (*start, *stop, *step),
                    [] => return Err(Fault::Takes(takes)),
                };
                list(range(start, stop, step)?, self)
            }
            ("enumerate", [Value::List(items)] | [Value::List(items), _]) => {
                let start =
                    values.get(1).map_or(Ok(0), |value| int(value, "a list and a whole number"))?;
                let numbered = items
                    .iter()
                    .zip(start..)
                    .map(|(item, i)| Value::list(vec![Value::Int(i), item.clone()]));
                list(numbered.collect(), self)
            }
            ("reversed", [Value::List(items)]) => list(items.iter().rev().cloned().collect(), self),
            ("zip", lists) if !lists.is_empty() => {
                let lists: Option<Vec<_>> = lists
                    .iter()
                    .map(|v| if let Value::List(l) = v { Some(l) } else { None })
                    .collect();
                let lists = lists.ok_or(Fault::Takes("lists"))?;
                let shortest = lists.iter().map(|list| list.len()).min().unwrap_or(0);
                let rows = (0..shortest)
                    .map(|i| Value::list(lists.iter().map(|list| list[i].clone()).collect()));
                list(rows.collect(), self)
            }
            ("min" | "max", [Value::List(items)]) => extreme(items, name == "max"),
            ("min" | "max", items) => extreme(items, name == "max"),
            ("sum" | "prod", [Value::List(items)]) => accumulate(items, name == "prod"),
            ("abs", [Value::Int(n)]) => n.checked_abs().map(Value::Int).ok_or(Fault::Overflow),
            ("abs", [Value::Float(x)]) => Ok(Value::Float(x.abs())),
            ("round" | "ceil" | "floor" | "int", [Value::Int(n)]) => Ok(Value::Int(*n)),
            ("round", [Value::Float(x)]) => whole(x.round_ties_even()),
            ("ceil", [Value::Float(x)]) => whole(x.ceil()),
            ("floor", [Value::Float(x)]) => whole(x.floor()),
            ("int", [Value::Float(x)]) => whole(x.trunc()),
            ("sqrt", [value]) => real(value, f64::sqrt, "numbers from 0"),
            ("log2", [value]) => real(value, f64::log2, "numbers above 0"),
            ("make_divisible", [value] | [value, _]) => {
                let takes = "a number and a positive whole number";
                let x = value.number().ok_or(Fault::Takes(takes))?;
                let divisor = values.get(1).map_or(Ok(8), |value| int(value, takes))?;
                if divisor < 1 {
                    return Err(Fault::Takes(takes));
                }
                make_divisible(x, divisor)
            }
            ("len" | "reversed", _) => Err(Fault::Takes("a list")),
            ("zip", _) => Err(Fault::Takes("lists")),
            ("sum" | "prod", _) => Err(Fault::Takes("a list of numbers")),
            ("enumerate", _) => Err(Fault::Takes("a list and where to start counting")),
            ("range", _) => Err(Fault::Takes("one to three whole numbers (start, stop, step)")),
            _ => Err(Fault::Takes("a number")),
        }
    }
}

/// A function of real numbers where it has a value.
fn real(value: &Value, of: fn(f64) -> f64, domain: &'static str) -> Result<Value, Fault> {
    let result = of(value.number().ok_or(Fault::Takes("a number"))?);
    if result.is_finite() { Ok(Value::Float(result)) } else { Err(Fault::Domain(domain)) }
}

fn length(n: usize) -> Value {
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

fn range(start: i64, stop: i64, step: i64) -> Result<Vec<Value>, Fault> {
    if step == 0 {
        return Err(Fault::Takes("a step that is not 0"));
    }
    let span = if step > 0 {
        i128::from(stop) - i128::from(start)
    } else {
        i128::from(start) - i128::from(stop)
    };
    let count = usize::try_from(
        (span.max(0) + i128::from(step.unsigned_abs()) - 1) / i128::from(step.unsigned_abs()),
    );
    let count = count.ok().filter(|count| *count <= MAX_LIST).ok_or(Fault::List)?;
    Ok((0..count).map(|i| Value::Int(start + step * i64::try_from(i).unwrap_or(0))).collect())
}

fn extreme(items: &[Value], largest: bool) -> Result<Value, Fault> {
    let takes = if items.is_empty() {
        Fault::Takes("at least one number")
    } else {
        Fault::Takes("numbers")
    };
    if items.iter().any(Value::is_unknown) {
        return Err(Fault::Reported);
    }
    let (first, rest) = items.split_first().ok_or(takes)?;
    first.number().ok_or(Fault::Takes("numbers"))?;
    rest.iter().try_fold(first.clone(), |best, item| {
        let order = item.order(&best).ok_or(Fault::Takes("numbers"))?;
        Ok(if (largest && order.is_gt()) || (!largest && order.is_lt()) {
            item.clone()
        } else {
            best
        })
    })
}

fn accumulate(items: &[Value], multiply: bool) -> Result<Value, Fault> {
    let start = Value::Int(i64::from(multiply));
    items.iter().try_fold(start, |total, item| match (&total, item) {
        (_, Value::Unknown) => Err(Fault::Reported),
        (Value::Int(a), Value::Int(b)) => {
            let result = if multiply { a.checked_mul(*b) } else { a.checked_add(*b) };
            result.map(Value::Int).ok_or(Fault::Overflow)
        }
        (a, b) => {
            let (x, y) = a.number().zip(b.number()).ok_or(Fault::Takes("a list of numbers"))?;
            let result = if multiply { x * y } else { x + y };
            if result.is_finite() { Ok(Value::Float(result)) } else { Err(Fault::Overflow) }
        }
    })
}

fn whole(x: f64) -> Result<Value, Fault> {
    Value::Float(x).int().map(Value::Int).ok_or(Fault::Overflow)
}

/// The nearest multiple of the divisor, at least the divisor, and never more than a tenth below the number.
/// Source: torchvision's `_make_divisible`.
fn make_divisible(x: f64, divisor: i64) -> Result<Value, Fault> {
    let step = Value::Int(divisor).number().unwrap_or(1.0);
    let nearest = ((x + step / 2.0).trunc() / step).floor() * step;
    let kept = nearest.max(step);
    whole(if kept < 0.9 * x { kept + step } else { kept })
}

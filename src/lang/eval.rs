//! Expressions to values, as Python computes them: exact integers with checked bounds, `/` in floats, `//` and `%` rounding
//! down.

use std::rc::Rc;

use super::ast::{Binary, Call, Compare, Comprehension, Expr, ExprKind, Slice, Target, Unary};
use super::reader::{Frame, MAX_LIST, Reader};
use super::value::{Argument, Callee, LayerValue, Value};
use crate::diag::{Code, Diagnostic};
use crate::ops::Op;
use crate::source::Origin;

impl Reader<'_> {
    /// Evaluates an expression that stands at a place. A fault is reported and makes the value unknown.
    pub(super) fn eval(&mut self, expr: &Expr, base: Origin, frame: &mut Frame) -> Value {
        let place = base.at(expr.span);
        if !self.spend(1, place) {
            return Value::Unknown;
        }
        let value = self.eval_kind(expr, base, place, frame);
        match (&value, &expr.kind) {
            // What a name or an index yields was bounded when it was made.
            (Value::List(_) | Value::Map(_), kind)
                if !matches!(kind, ExprKind::Name(_) | ExprKind::Index(..)) =>
            {
                self.bounded(value, place)
            }
            _ => value,
        }
    }

    fn eval_kind(&mut self, expr: &Expr, base: Origin, place: Origin, frame: &mut Frame) -> Value {
        match &expr.kind {
            ExprKind::Int(n) => Value::Int(*n),
            ExprKind::Float(x) => Value::Float(*x),
            ExprKind::Text(text) => Value::text(text),
            ExprKind::Bool(b) => Value::Bool(*b),
            ExprKind::None => Value::None,
            ExprKind::Name(name) => self.named(name, place, frame),
            ExprKind::Ref(path) => self
                .reference(path.as_ref(), base, place, frame)
                .map_or(Value::Unknown, Value::Tensor),
            ExprKind::Call(call) => self.call(call, base, place, frame),
            ExprKind::List(items) | ExprKind::Tuple(items) => {
                Value::list(items.iter().map(|item| self.eval(item, base, frame)).collect())
            }
            ExprKind::Map(entries) => self.map(entries, base, frame),
            ExprKind::Comprehension(all) => self.comprehension(all, base, place, frame),
            ExprKind::Index(of, index) => {
                let (of, at) = (self.eval(of, base, frame), self.eval(index, base, frame));
                self.index(&of, &at, base.at(index.span))
            }
            ExprKind::Slice(of, slice) => {
                let of = self.eval(of, base, frame);
                self.slice(&of, slice, base, place, frame)
            }
            ExprKind::Unary(op, inner) => {
                let value = self.eval(inner, base, frame);
                self.unary(*op, &value, place)
            }
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.eval(a, base, frame), self.eval(b, base, frame));
                self.binary(*op, &a, &b, place)
            }
            ExprKind::Compare(first, others) => self.compare(first, others, base, frame),
            ExprKind::And(a, b) => {
                let left = self.eval(a, base, frame);
                if left.truth() == Some(true) { self.eval(b, base, frame) } else { left }
            }
            ExprKind::Or(a, b) => {
                let left = self.eval(a, base, frame);
                if left.truth() == Some(false) { self.eval(b, base, frame) } else { left }
            }
            ExprKind::If(then, test, other) => match self.eval(test, base, frame).truth() {
                Some(true) => self.eval(then, base, frame),
                Some(false) => self.eval(other, base, frame),
                None => Value::Unknown,
            },
        }
    }

    /// A bare name: a variable, else a layer.
    fn named(&mut self, name: &str, place: Origin, frame: &Frame) -> Value {
        if let Some(value) = self.variable(name, frame) {
            return value;
        }
        if let Some(callee) = self.callee(name) {
            return layer(callee, name, place);
        }
        if self.lost_vars {
            return Value::Unknown;
        }
        let diagnostic = self.no_such_name(name, place, frame);
        let later = self.tree.get(0, "vars").and_then(|vars| self.tree.get(vars, name));
        let later = later.map(
            |_| "variables are evaluated from top to bottom, and may use those above them only",
        );
        self.fail(later.into_iter().fold(diagnostic, Diagnostic::note))
    }

    /// The block or operator of this name.
    pub(super) fn callee(&self, name: &str) -> Option<Callee> {
        if let Some(block) = self.block_names.get(name) {
            return Some(Callee::Block(*block));
        }
        if name == "share" {
            return Some(Callee::Share);
        }
        let (entry, rank) = Op::find(name)?;
        Some(Callee::Op { entry, rank, torch: name.starts_with(|c: char| c.is_uppercase()) })
    }

    /// The layer that a name means in call position: a variable that holds no layer is passed over.
    pub(super) fn layer_named(&mut self, name: &str, place: Origin, frame: &Frame) -> Value {
        let variable = self.variable(name, frame);
        if let Some(held @ (Value::Layer(_) | Value::Unknown)) = variable {
            return held;
        }
        if let Some(callee) = self.callee(name) {
            return layer(callee, name, place);
        }
        let diagnostic = match variable {
            Some(held) => {
                let held = held.describe();
                let message = format!("`{name}` is a variable that holds {held}, not a layer");
                Diagnostic::new(Code::E0307, message).label(place, "not a layer")
            }
            None => self.no_such_layer(name, place, frame),
        };
        self.fail(diagnostic)
    }

    /// A call: of a layer that a variable holds, of a function, or of a block or operator.
    fn call(&mut self, call: &Call, base: Origin, place: Origin, frame: &mut Frame) -> Value {
        let name = call.callee.as_str();
        let held = matches!(self.variable(name, frame), Some(Value::Layer(_) | Value::Unknown));
        // `abs(@x)` and `abs()` are the layer, `abs(-1)` is the number.
        let on_values = call.args.iter().all(|arg| matches!(arg.value.kind, ExprKind::Ref(_)))
            && Op::find(name).is_some();
        if !held
            && !on_values
            && !self.block_names.contains_key(name)
            && super::functions::NAMES.contains(&name)
        {
            return self.function(call, base, place, frame);
        }
        let callee = self.layer_named(name, base.at(call.callee_span), frame);
        let mut inputs = Vec::new();
        let mut positional = Vec::new();
        let mut named = Vec::new();
        let mut lost = false;
        for arg in &call.args {
            let value = self.eval(&arg.value, base, frame);
            let argument = Argument { value, place: base.at(arg.value.span) };
            if matches!(arg.value.kind, ExprKind::Ref(_)) {
                let leads = positional.is_empty() && named.is_empty() && arg.name.is_none();
                match argument.value {
                    Value::Tensor(value) if leads => inputs.push(value),
                    Value::Tensor(_) => {
                        let message = "a reference stands after other arguments";
                        let diagnostic = Diagnostic::new(Code::E0301, message)
                            .label(argument.place, "a value of the network")
                            .help(format!(
                                "what {name} is called on comes first, without a name: {name}(@, @x, …)"
                            ));
                        return self.fail(diagnostic);
                    }
                    _ => lost = true,
                }
                continue;
            }
            match &arg.name {
                Some((name, span)) => named.push((
                    name.clone(),
                    Argument { place: base.at(span.to(arg.value.span)), ..argument },
                )),
                None if named.is_empty() => positional.push(argument),
                None => {
                    let label = "this has no name";
                    return self.fail(
                        Diagnostic::new(
                            Code::E0301,
                            "an argument without a name stands after one with a name",
                        )
                        .label(argument.place, label)
                        .help("arguments without a name come first"),
                    );
                }
            }
        }
        let Value::Layer(callee) = callee else { return Value::Unknown };
        if lost {
            return Value::Unknown;
        }
        // Arguments are added to those the layer has; a name given again replaces the earlier one.
        let mut all = LayerValue::clone(&callee);
        all.place = place;
        all.inputs.extend(inputs);
        all.positional.extend(positional);
        for (name, argument) in named {
            let twice = call
                .args
                .iter()
                .filter(|arg| arg.name.as_ref().is_some_and(|(n, _)| *n == name))
                .count()
                > 1;
            match all.named.iter_mut().find(|(known, _)| *known == name) {
                Some(slot) if !twice => slot.1 = argument,
                _ => all.named.push((name, argument)),
            }
        }
        Value::Layer(Rc::new(all))
    }

    fn comprehension(
        &mut self,
        all: &Comprehension,
        base: Origin,
        place: Origin,
        frame: &mut Frame,
    ) -> Value {
        let iterable = self.eval(&all.iterable, base, frame);
        let Some(items) = self.iterate(&iterable, base.at(all.iterable.span)) else {
            return Value::Unknown;
        };
        let mut out = Vec::new();
        let depth = frame.locals.len();
        for item in items.iter() {
            if !self.spend(1, place)
                || !self.bind(&all.targets, item, base.at(all.iterable.span), frame)
            {
                frame.locals.truncate(depth);
                return Value::Unknown;
            }
            let keep =
                all.condition.as_ref().map_or(Some(true), |c| self.eval(c, base, frame).truth());
            match keep {
                Some(true) => out.push(self.eval(&all.element, base, frame)),
                Some(false) => {}
                None => out.push(Value::Unknown),
            }
            frame.locals.truncate(depth);
        }
        Value::list(out)
    }

    /// The elements of a list; anything else is a fault.
    pub(super) fn iterate(&mut self, value: &Value, place: Origin) -> Option<Rc<[Value]>> {
        match value {
            Value::Unknown => None,
            Value::List(items) => Some(items.clone()),
            other => {
                let mut diagnostic = Diagnostic::new(
                    Code::E0308,
                    format!("a list is needed, but this is {}", other.describe()),
                )
                .label(place, "not a list");
                if let Value::Int(n) = other {
                    diagnostic = diagnostic
                        .help(format!("range({n}) counts from 0 to {}", n.saturating_sub(1)));
                }
                self.report(diagnostic);
                None
            }
        }
    }

    /// Binds loop targets to an element; several split it. False, with a diagnostic, where the numbers differ.
    pub(super) fn bind(
        &mut self,
        targets: &[Target],
        value: &Value,
        place: Origin,
        frame: &mut Frame,
    ) -> bool {
        if let [single] = targets {
            return match single {
                Target::Name(name) => {
                    frame.locals.push((name.clone(), value.clone()));
                    true
                }
                Target::Several(several) => self.bind_several(several, value, place, frame),
            };
        }
        self.bind_several(targets, value, place, frame)
    }

    fn bind_several(
        &mut self,
        targets: &[Target],
        value: &Value,
        place: Origin,
        frame: &mut Frame,
    ) -> bool {
        let items = match value {
            Value::List(items) if items.len() == targets.len() => items.clone(),
            Value::Unknown => vec![Value::Unknown; targets.len()].into(),
            other => {
                let message = format!(
                    "{} names take an element apart, but it is {}",
                    targets.len(),
                    other.describe()
                );
                self.report(
                    Diagnostic::new(Code::E0311, message).label(place, "an element of this"),
                );
                return false;
            }
        };
        targets
            .iter()
            .zip(items.iter())
            .all(|(target, item)| self.bind(std::slice::from_ref(target), item, place, frame))
    }

    fn index(&mut self, of: &Value, at: &Value, place: Origin) -> Value {
        match (of, at) {
            (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
            (Value::Map(entries), key) => {
                if let Some((_, value)) = entries.iter().find(|(known, _)| known == key) {
                    value.clone()
                } else {
                    let keys: Vec<String> =
                        entries.iter().take(12).map(|(key, _)| key.to_string()).collect();
                    self.fail(
                        Diagnostic::new(Code::E0310, format!("the map has no key {at}"))
                            .label(place, "no such key")
                            .note(format!("its keys are {}", keys.join(", "))),
                    )
                }
            }
            (Value::List(_), at) if at.int().is_none() => self.fail(
                Diagnostic::new(
                    Code::E0308,
                    format!("a list is indexed by whole numbers, but this is {}", at.describe()),
                )
                .label(place, "not a whole number"),
            ),
            (Value::List(items), at) => {
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let index = at.int().map(|i| if i < 0 { i.saturating_add(length) } else { i });
                match index.and_then(|i| items.get(usize::try_from(i).ok()?)) {
                    Some(item) => item.clone(),
                    None => self.fail(
                        Diagnostic::new(
                            Code::E0310,
                            format!("there is no element {at} in a list of {length}"),
                        )
                        .label(place, "no such element"),
                    ),
                }
            }
            (other, _) => self.fail(
                Diagnostic::new(Code::E0308, format!("{} has no elements", other.describe()))
                    .label(place, "only lists and maps have elements"),
            ),
        }
    }

    fn slice(
        &mut self,
        of: &Value,
        slice: &Slice,
        base: Origin,
        place: Origin,
        frame: &mut Frame,
    ) -> Value {
        let mut part = |part: &Option<Expr>, reader: &mut Self| match part {
            None => Ok(None),
            Some(expr) => match reader.eval(expr, base, frame) {
                Value::Unknown => Err(()),
                value => value.int().map(Some).ok_or_else(|| {
                    let message =
                        format!("a slice takes whole numbers, but this is {}", value.describe());
                    reader.report(
                        Diagnostic::new(Code::E0308, message)
                            .label(base.at(expr.span), "not a whole number"),
                    );
                }),
            },
        };
        let (start, stop, step) =
            (part(&slice.start, self), part(&slice.stop, self), part(&slice.step, self));
        let (Ok(start), Ok(stop), Ok(step)) = (start, stop, step) else { return Value::Unknown };
        let Some(items) = self.iterate(of, place) else { return Value::Unknown };
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let step = step.unwrap_or(1);
        if step == 0 {
            return self.fail(
                Diagnostic::new(Code::E0309, "a slice with step 0")
                    .label(place, "steps over nothing"),
            );
        }
        // Python's bounds: clamped to the list, counted from its end where negative.
        let clamp = |i: i64, low: i64, high: i64| {
            (if i < 0 { i.saturating_add(length) } else { i }).clamp(low, high)
        };
        let (first, last) = if step > 0 {
            (start.map_or(0, |i| clamp(i, 0, length)), stop.map_or(length, |i| clamp(i, 0, length)))
        } else {
            (
                start.map_or(length - 1, |i| clamp(i, -1, length - 1)),
                stop.map_or(-1, |i| clamp(i, -1, length - 1)),
            )
        };
        let (mut at, mut out) = (first, Vec::new());
        while if step > 0 { at < last } else { at > last } {
            out.extend(usize::try_from(at).ok().and_then(|i| items.get(i)).cloned());
            at = at.saturating_add(step);
        }
        if self.spend(out.len(), place) { Value::list(out) } else { Value::Unknown }
    }

    fn unary(&mut self, op: Unary, value: &Value, place: Origin) -> Value {
        match (op, value) {
            (_, Value::Unknown) => Value::Unknown,
            (Unary::Not, value) => {
                value.truth().map_or(Value::Unknown, |truth| Value::Bool(!truth))
            }
            (Unary::Minus, Value::Int(n)) => {
                n.checked_neg().map_or_else(|| self.overflow(place), Value::Int)
            }
            (Unary::Minus, Value::Float(x)) => Value::Float(-x),
            (Unary::Plus, Value::Int(_) | Value::Float(_)) => value.clone(),
            (_, other) => self.fail(
                Diagnostic::new(
                    Code::E0308,
                    format!("a sign stands before a number, but this is {}", other.describe()),
                )
                .label(place, "not a number"),
            ),
        }
    }

    pub(super) fn overflow(&mut self, place: Origin) -> Value {
        let message = "the number does not fit in 64 bits, or is not finite";
        self.fail(Diagnostic::new(Code::E0312, message).label(place, "too large"))
    }

    fn binary(&mut self, op: Binary, a: &Value, b: &Value, place: Origin) -> Value {
        match (a, b) {
            (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
            (Value::Int(a), Value::Int(b)) if op != Binary::Div => self.integers(op, *a, *b, place),
            (Value::List(a), Value::List(b)) if op == Binary::Add => {
                if a.len() + b.len() > MAX_LIST {
                    self.stop(place, &format!("a list would have more than {MAX_LIST} elements"));
                }
                let joined = if self.spend(a.len() + b.len(), place) {
                    a.iter().chain(b.iter()).cloned().collect()
                } else {
                    Vec::new()
                };
                Value::list(joined)
            }
            (Value::List(items), times) | (times, Value::List(items))
                if op == Binary::Mul && times.int().is_some() =>
            {
                let times = usize::try_from(times.int().unwrap_or(0)).unwrap_or(0);
                let length = items.len().saturating_mul(times);
                if length > MAX_LIST {
                    self.stop(place, &format!("a list would have more than {MAX_LIST} elements"));
                }
                let repeated = if self.spend(length, place) {
                    std::iter::repeat_n(items.iter().cloned(), times).flatten().collect()
                } else {
                    Vec::new()
                };
                Value::list(repeated)
            }
            _ => {
                if let (Some(x), Some(y)) = (a.number(), b.number()) {
                    return self.floats(op, x, y, place);
                }
                let (sign, one, other) = (op.sign(), a.describe(), b.describe());
                let message = format!("`{sign}` does not go with {one} and {other}");
                let diagnostic =
                    Diagnostic::new(Code::E0308, message).label(place, "numbers are needed");
                let of_values = [&a, &b].iter().any(|value| matches!(value, Value::Tensor(_)));
                let help = "values are joined by layers: add(@a, @b), sub(@a, @b), mul(@a, @b)";
                self.fail(if of_values { diagnostic.help(help) } else { diagnostic })
            }
        }
    }

    fn integers(&mut self, op: Binary, a: i64, b: i64, place: Origin) -> Value {
        let result = match op {
            Binary::Add => a.checked_add(b),
            Binary::Sub => a.checked_sub(b),
            Binary::Mul => a.checked_mul(b),
            Binary::FloorDiv | Binary::Mod if b == 0 => return self.division_by_zero(place),
            // Towards negative infinity, as Python rounds.
            Binary::FloorDiv => {
                a.checked_div(b).map(|q| if a % b != 0 && (a < 0) != (b < 0) { q - 1 } else { q })
            }
            Binary::Mod => {
                a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r })
            }
            Binary::Pow if b >= 0 => match (a, u32::try_from(b)) {
                (0 | 1, _) => Some(if b == 0 { 1 } else { a }),
                (_, Ok(exponent)) => a.checked_pow(exponent),
                (_, Err(_)) => None,
            },
            Binary::Pow | Binary::Div => {
                let (x, y) =
                    (Value::Int(a).number().unwrap_or(0.0), Value::Int(b).number().unwrap_or(0.0));
                return self.floats(op, x, y, place);
            }
        };
        result.map_or_else(|| self.overflow(place), Value::Int)
    }

    fn floats(&mut self, op: Binary, x: f64, y: f64, place: Origin) -> Value {
        let result = match op {
            Binary::Add => x + y,
            Binary::Sub => x - y,
            Binary::Mul => x * y,
            Binary::Div | Binary::FloorDiv | Binary::Mod if y == 0.0 => {
                return self.division_by_zero(place);
            }
            Binary::Div => x / y,
            Binary::FloorDiv => (x / y).floor(),
            Binary::Mod => x - y * (x / y).floor(),
            Binary::Pow => x.powf(y),
        };
        if result.is_finite() { Value::Float(result) } else { self.overflow(place) }
    }

    fn division_by_zero(&mut self, place: Origin) -> Value {
        self.fail(Diagnostic::new(Code::E0309, "division by zero").label(place, "the divisor is 0"))
    }

    fn compare(
        &mut self,
        first: &Expr,
        others: &[(Compare, Expr)],
        base: Origin,
        frame: &mut Frame,
    ) -> Value {
        let mut left = self.eval(first, base, frame);
        for (op, expr) in others {
            let right = self.eval(expr, base, frame);
            if left.has_unknown() || right.has_unknown() {
                return Value::Unknown;
            }
            let order = left.order(&right);
            let holds = match op {
                Compare::Equal => Some(left == right),
                Compare::NotEqual => Some(left != right),
                Compare::Less => order.map(std::cmp::Ordering::is_lt),
                Compare::LessEqual => order.map(std::cmp::Ordering::is_le),
                Compare::Greater => order.map(std::cmp::Ordering::is_gt),
                Compare::GreaterEqual => order.map(std::cmp::Ordering::is_ge),
                Compare::In | Compare::NotIn => {
                    contains(&right, &left).map(|found| found == (*op == Compare::In))
                }
            };
            match holds {
                Some(true) => left = right,
                Some(false) => return Value::Bool(false),
                None => {
                    let message = format!(
                        "`{}` does not compare {} and {}",
                        op.sign(),
                        left.describe(),
                        right.describe()
                    );
                    return self.fail(
                        Diagnostic::new(Code::E0308, message)
                            .label(base.at(first.span.to(expr.span)), "of two kinds"),
                    );
                }
            }
        }
        Value::Bool(true)
    }
}

/// Whether a list has an element, a map a key, a text a part; `None` for anything else.
fn contains(within: &Value, value: &Value) -> Option<bool> {
    match (within, value) {
        (Value::List(items), value) => Some(items.contains(value)),
        (Value::Map(entries), value) => Some(entries.iter().any(|(key, _)| key == value)),
        (Value::Text(text), Value::Text(part)) => Some(text.contains(&**part)),
        _ => None,
    }
}

fn layer(callee: Callee, name: &str, place: Origin) -> Value {
    Value::Layer(Rc::new(LayerValue::bare(callee, name, place)))
}

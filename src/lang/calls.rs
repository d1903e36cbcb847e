//! Calls bound to what they call: operators by their signature, blocks by their head.

use std::rc::Rc;

use super::misfit::channels_last;
use super::print;
use super::reader::{Block, Frame, MAX_CALLS, Reader};
use super::value::{Argument, LayerValue, Value};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::graph::ValueId;
use crate::ops::args::{ArgError, Args, Arrival, At, Written};
use crate::ops::{Entry, Fact, Op};
use crate::shape::Shape;
use crate::source::Origin;
use crate::units::grouped;

impl Reader<'_> {
    /// The operator with its arguments; a fault is reported, an unknown argument makes it unknown.
    pub(super) fn operation(
        &mut self,
        entry: &'static Entry,
        rank: usize,
        torch: bool,
        layer: &LayerValue,
        input: Option<ValueId>,
    ) -> Option<Op> {
        let mut written = Written::default();
        for argument in &layer.positional {
            written.positional.push(self.convert(argument)?);
        }
        for (name, argument) in &layer.named {
            written.named.push((name.clone(), self.convert(argument)?));
        }
        let bound = if torch {
            Args::bind_torch(entry.signature, entry.torch, rank, written)
        } else {
            Args::bind(entry.signature, rank, written).map(|args| (args, Vec::new()))
        };
        let built = bound.and_then(|(args, arrivals)| Ok(((entry.build)(&args)?, arrivals)));
        match built {
            Ok((op, arrivals)) => {
                let input = input.and_then(|from| Some((from, self.builder.shape(from)?)));
                let fits = input
                    .is_none_or(|input| arrivals.iter().all(|a| self.arrives(*a, input, layer)));
                fits.then_some(op)
            }
            Err(error) => {
                self.report(arg_error(&error, entry, torch, layer));
                None
            }
        }
    }

    fn convert(&mut self, argument: &Argument) -> Option<crate::ops::args::ArgValue> {
        if argument.value.has_unknown() {
            return None;
        }
        let converted = argument.value.argument();
        if converted.is_none() {
            let is_layer = matches!(&argument.value, Value::Layer(_));
            let what = if is_layer { "layer".to_owned() } else { argument.value.describe() };
            let message = format!("an operator takes no {what} as an argument");
            let diagnostic = Diagnostic::new(Code::E0405, message)
                .label(argument.place, "not a number or a word");
            let has_values = matches!(&argument.value, Value::List(items) if items.iter().any(|v| matches!(v, Value::Tensor(_))));
            self.report(if is_layer {
                diagnostic
                    .help("its value is one: name it on a line before, `- v: …`, and write @v")
            } else if has_values {
                diagnostic.help("values are given one by one, without brackets: concat(@a, @b)")
            } else {
                diagnostic
            });
        }
        converted
    }

    /// Compares what a torch signature says of its input with what arrives.
    fn arrives(
        &mut self,
        arrival: Arrival,
        (from, input): (ValueId, Shape),
        layer: &LayerValue,
    ) -> bool {
        let rank = i64::try_from(input.rank()).unwrap_or(i64::MAX);
        let axis = if arrival.axis < 0 { arrival.axis + rank } else { arrival.axis };
        let found = usize::try_from(axis).ok().and_then(|axis| input.get(axis));
        // A missing axis is the operator's own error.
        let Some(found) = found.filter(|found| *found != arrival.value) else { return true };
        let (name, value) = (arrival.name, grouped(arrival.value));
        let flat = input.rank() > 2 && arrival.axis < 0;
        let mut diagnostic = Diagnostic::new(
            Code::E0406,
            format!("{name} is {value}, but {} arrive", grouped(found)),
        )
        .label(place_of(layer, arrival.at), format!("{} arrive", grouped(found)))
        .note(self.arriving(from, input));
        let all = input.dims()[1..].iter().fold(1u64, |all, size| all.saturating_mul(*size));
        diagnostic = if flat && all == arrival.value {
            diagnostic.help("a `flatten` before this layer makes one axis of all")
        } else if flat && input.rank() > 3 {
            let (short, all) = (layer.name.to_lowercase(), grouped(all));
            diagnostic.help(format!(
                "a `flatten` is missing before this layer: {all} then arrive; {short} takes {name} from its input"
            ))
        } else {
            let short = layer.name.to_lowercase();
            diagnostic
                .help(format!("write {found}; or call {short}, which takes it from its input"))
        };
        self.report(diagnostic.helps(channels_last(&self.builder)));
        false
    }

    /// Runs a block's items with its arguments, from these inputs.
    pub(super) fn call_block(
        &mut self,
        block: usize,
        layer: &LayerValue,
        inputs: Vec<ValueId>,
        frame: &mut Frame,
    ) {
        let Block { ref header, body, faulty } = self.blocks[block];
        let header = header.clone();
        if faulty {
            return self.skip(frame);
        }
        let takes = header.inputs.len().max(1);
        // What an argument in error should have been is not known.
        if layer.positional.iter().any(|argument| argument.value.is_unknown()) {
            return self.skip(frame);
        }
        if inputs.len() != takes {
            let (name, given) = (&header.name, inputs.len());
            let plural = |n: usize| if n == 1 { "value" } else { "values" };
            let message = format!(
                "{name} is called on {takes} {}, but {given} arrive{}",
                plural(takes),
                if given == 1 { "s" } else { "" }
            );
            let names: Vec<String> =
                header.inputs.iter().map(|(name, _)| format!("@{name}")).collect();
            let diagnostic = Diagnostic::new(Code::E0407, message)
                .label(layer.place, "called here")
                .note(format!("its head is {}", print::header(&header)));
            let diagnostic = if names.len() > 1 {
                diagnostic.help(format!(
                    "give a reference for each of {}: {name}(@a, @b, …)",
                    names.join(", ")
                ))
            } else {
                diagnostic
            };
            self.lost_names = true;
            return self.fault(diagnostic, frame);
        }
        if self.calls.contains(&block) {
            let chain: Vec<&str> =
                self.calls.iter().map(|call| self.blocks[*call].header.name.as_str()).collect();
            let message = format!("the block `{}` calls itself", header.name);
            let diagnostic = Diagnostic::new(Code::E0313, message)
                .label(layer.place, "calls a block that is being called")
                .note(format!("the calls are {} → {}", chain.join(" → "), header.name))
                .help("a block repeats its items with `repeat` or `for`");
            return self.fault(diagnostic, frame);
        }
        if self.calls.len() >= MAX_CALLS {
            let message = format!("blocks call each other more than {MAX_CALLS} deep");
            self.stop(layer.place, &message);
            return self.lose(frame);
        }
        let names = header.inputs.iter().map(|(name, _)| name.clone());
        let mut inner = Frame {
            locals: Vec::new(),
            current: inputs.first().copied(),
            inputs: names.zip(inputs).collect(),
            wall: self.scopes.wall(),
        };
        self.calls.push(block);
        if self.bind_formals(&header, body, layer, &mut inner) {
            self.body(body, &mut inner);
            frame.current = inner.current;
        } else {
            self.skip(frame);
        }
        self.calls.pop();
    }

    /// Binds a block's arguments: by position, by name, by default. Defaults see the arguments before them.
    fn bind_formals(
        &mut self,
        header: &Rc<super::ast::Header>,
        body: u32,
        layer: &LayerValue,
        inner: &mut Frame,
    ) -> bool {
        let (name, formals) = (&header.name, &header.formals);
        let names = || formals.iter().map(|formal| formal.name.as_str());
        if let Some(surplus) = layer.positional.get(formals.len()) {
            let (takes, given) = (formals.len(), layer.positional.len());
            self.report(too_many(name, takes, given).label(surplus.place, "one too many"));
            return false;
        }
        for (i, (written, argument)) in layer.named.iter().enumerate() {
            let slot = names().position(|known| known == written);
            let earlier = layer.named[..i].iter().any(|(known, _)| known == written);
            let diagnostic = match slot {
                None => Diagnostic::new(Code::E0401, format!("{name} has no argument `{written}`"))
                    .label(argument.place, "not known")
                    .helps(did_you_mean(written, names()))
                    .note(format!("its head is {}", print::header(header))),
                Some(slot) if slot < layer.positional.len() || earlier => {
                    Diagnostic::new(Code::E0404, format!("the argument `{written}` is given twice"))
                        .label(argument.place, "again here")
                }
                Some(_) => continue,
            };
            self.report(diagnostic);
            return false;
        }
        for (i, formal) in formals.iter().enumerate() {
            let given = layer.positional.get(i).or_else(|| {
                layer
                    .named
                    .iter()
                    .find(|(written, _)| *written == formal.name)
                    .map(|(_, argument)| argument)
            });
            let value = match (given, &formal.default) {
                (Some(argument), _) => argument.value.clone(),
                (None, Some(default)) => self.eval(default, Origin::key(body), inner),
                (None, None) => {
                    let message = format!("{name} is called without `{}`", formal.name);
                    let diagnostic = Diagnostic::new(Code::E0402, message)
                        .label(layer.place, "an argument is missing")
                        .label(Origin::key(body).at(formal.span), "needed here")
                        .note(format!("its head is {}", print::header(header)));
                    self.report(diagnostic);
                    return false;
                }
            };
            inner.locals.push((formal.name.clone(), value));
        }
        true
    }
}

/// Where an argument stands.
fn place_of(layer: &LayerValue, at: At) -> Origin {
    let argument = match at {
        At::Call => None,
        At::Positional(i) => layer.positional.get(i),
        At::Named(i) => layer.named.get(i).map(|(_, argument)| argument),
    };
    argument.map_or(layer.place, |argument| argument.place)
}

/// A call with more arguments than there are.
fn too_many(name: &str, takes: usize, given: usize) -> Diagnostic {
    let plural = if takes == 1 { "" } else { "s" };
    let message = format!("{name} takes {takes} argument{plural}, but is given {given}");
    Diagnostic::new(Code::E0403, message)
}

/// An argument error in words.
fn arg_error(
    error: &ArgError,
    entry: &'static Entry,
    torch: bool,
    layer: &LayerValue,
) -> Diagnostic {
    let name = &layer.name;
    let takes: Vec<&str> = if torch {
        entry.torch.iter().map(|arg| arg.name()).collect()
    } else {
        entry.signature.iter().map(|arg| arg.name).collect()
    };
    let takes = if takes.is_empty() {
        "it takes none".to_owned()
    } else {
        format!("it takes {}", takes.join(", "))
    };
    match error {
        ArgError::Unknown { at, name: written, known } => {
            Diagnostic::new(Code::E0401, format!("{name} has no argument `{written}`"))
                .label(place_of(layer, *at), "not known")
                .helps(did_you_mean(written, known.iter().copied()))
                .note(takes)
        }
        ArgError::Missing { name: missing } => {
            Diagnostic::new(Code::E0402, format!("{name} is called without `{missing}`"))
                .label(layer.place, "an argument is missing")
                .note(takes)
                .helps(
                    entry
                        .signature
                        .iter()
                        .find(|arg| arg.name == *missing)
                        .map(|arg| format!("{}: {}", arg.name, arg.about)),
                )
        }
        ArgError::Surplus { at, takes: most, given } => {
            let diagnostic =
                too_many(name, *most, *given).label(place_of(layer, *at), "one too many");
            if entry.is(Fact::JoinsBranches) {
                return diagnostic.help(format!(
                    "{name} takes values of the network, as {name}(@, @x) does, and no numbers"
                ));
            }
            diagnostic.note(takes)
        }
        ArgError::Twice { at, name: twice } => {
            Diagnostic::new(Code::E0404, format!("the argument `{twice}` is given twice"))
                .label(place_of(layer, *at), "again here")
        }
        ArgError::Value { at, name: argument, expected, found } => {
            let mut diagnostic = Diagnostic::new(
                Code::E0405,
                format!("{argument} must be {expected}, but is {found}"),
            )
            .label(place_of(layer, *at), format!("this is {argument} of {name}"));
            let words = expected.split('\'').skip(1).step_by(2);
            let near = found.strip_prefix("the text '").and_then(|text| text.strip_suffix('\''));
            diagnostic = diagnostic.helps(near.and_then(|text| did_you_mean(text, words)));
            let first = entry.signature.first().map(|arg| arg.name);
            // Where a truth value is due, a number tells of torch's order.
            let size = found.parse::<u64>().is_ok() && expected.starts_with("true");
            if matches!(at, At::Positional(1))
                && size
                && !torch
                && first.is_some_and(|first| first.starts_with("out_"))
            {
                diagnostic = diagnostic.help("the input's size is inferred here: leave it out, or call torch's own name in CamelCase");
            }
            diagnostic
        }
    }
}

impl Reader<'_> {
    /// The value of names and values in braces, as an argument may be.
    pub(super) fn map(
        &mut self,
        entries: &[(String, super::ast::Expr)],
        base: Origin,
        frame: &mut Frame,
    ) -> super::value::Value {
        let entry = |(name, value): &(String, super::ast::Expr)| {
            (super::value::Value::text(name), self.eval(value, base, frame))
        };
        super::value::Value::Map(entries.iter().map(entry).collect())
    }
}

//! Names: the scopes that are open, every name so far, and what each of them means.
//!
//! Every layer has its position in its scope, named or not; joins and functions of torch that are no modules take none
//! and are called `add`, `add_2`. Scopes are opened by named sequences, nested lists and calls of blocks.

use std::collections::HashMap;
use std::ops::Range;

use crate::graph::ValueId;
use crate::ops::{Entry, Fact};
use crate::source::Origin;

/// Whether an operator takes a number in its scope: functions of torch, which are no modules, take none.
pub(super) fn is_numbered(operator: &Entry) -> bool {
    !operator.is(Fact::Functional)
}

/// What bears a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bearer {
    Layer,
    /// A named sequence or the call of a block.
    Sequence,
    /// A scope that a dot in a key opens; it may be entered again.
    Dotted,
}

/// A name that is taken.
#[derive(Clone, Copy, Debug)]
struct Taken {
    place: Origin,
    bearer: Bearer,
    /// Whether parameters stand under it.
    owns: bool,
}

/// What a name means: a value, and what made it.
#[derive(Clone, Debug)]
pub(super) struct Meaning {
    /// The whole name.
    pub(super) name: String,
    /// Its value; that of a sequence is its last.
    pub(super) value: ValueId,
    /// Where it is written.
    pub(super) place: Origin,
    /// The nodes that stand under it, by position.
    pub(super) nodes: Range<usize>,
    /// What they start from.
    pub(super) inputs: Vec<ValueId>,
    /// Names are numbered in the order in which they come to be.
    serial: usize,
}

/// How far references see: a block does not see its caller's names.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wall {
    /// The outermost scope that is seen.
    depth: usize,
    /// The first name that is seen.
    serial: usize,
}

/// A scope of names.
#[derive(Debug, Default)]
struct Scope {
    /// `features.` or empty.
    prefix: String,
    /// Position of the next layer.
    next: usize,
    /// Whether it bears the name of an earlier scope with parameters, which was reported.
    repeated: bool,
}

/// The scopes that are open, innermost last, and every name so far.
#[derive(Debug)]
pub(super) struct Scopes {
    open: Vec<Scope>,
    /// Whole names of layers and scopes.
    names: HashMap<String, Taken>,
    /// What whole names mean; several meanings where layers without parameters bear one name.
    meanings: HashMap<String, Vec<Meaning>>,
    /// How many names have come to be.
    serial: usize,
    /// How many functions of each whole name there are.
    functions: HashMap<String, usize>,
    /// How many layers have parameters so far.
    owners: usize,
}

impl Scopes {
    pub(super) fn new() -> Self {
        Self {
            open: vec![Scope::default()],
            names: HashMap::new(),
            meanings: HashMap::new(),
            serial: 0,
            functions: HashMap::new(),
            owners: 0,
        }
    }

    fn top(&mut self) -> Option<&mut Scope> {
        self.open.last_mut()
    }

    fn is_repeated(&self) -> bool {
        self.open.last().is_some_and(|scope| scope.repeated)
    }

    /// Takes the next position of the innermost scope.
    pub(super) fn position(&mut self) -> usize {
        self.top().map_or(0, |scope| {
            scope.next += 1;
            scope.next - 1
        })
    }

    /// Gives a position back that was taken for something that needs none.
    pub(super) fn give_back(&mut self, position: usize) {
        if let Some(scope) = self.top() {
            scope.next = position;
        }
    }

    pub(super) fn prefix(&self) -> &str {
        self.open.last().map_or("", |scope| &scope.prefix)
    }

    /// The wall of a block whose items begin now, in the innermost scope.
    pub(super) fn wall(&self) -> Wall {
        Wall { depth: self.open.len().saturating_sub(1), serial: self.serial }
    }

    /// The dotted name with the scopes that are open.
    pub(super) fn whole(&self, named: &Named) -> String {
        let mut name = String::with_capacity(self.prefix().len() + named.last.len());
        name.push_str(self.prefix());
        for dot in &named.dots {
            name.push_str(dot);
            name.push('.');
        }
        name.push_str(&named.last);
        name
    }

    /// Whether a whole name means something.
    pub(super) fn is_known(&self, whole: &str) -> bool {
        self.meanings.contains_key(whole)
    }

    /// Says what a whole name means.
    pub(super) fn mean(
        &mut self,
        name: String,
        value: ValueId,
        place: Origin,
        nodes: Range<usize>,
        inputs: Vec<ValueId>,
    ) {
        let serial = self.serial;
        self.serial += 1;
        let meaning = Meaning { name: name.clone(), value, place, nodes, inputs, serial };
        self.meanings.entry(name).or_default().push(meaning);
    }

    /// What a path means: all that bear the name in the innermost scope where any does.
    pub(super) fn meanings(&self, path: &str, wall: Wall) -> Vec<&Meaning> {
        let seen = self.open.get(wall.depth..).unwrap_or_default();
        seen.iter()
            .rev()
            .map(|scope| {
                let known = self.meanings.get(&format!("{}{path}", scope.prefix));
                known.into_iter().flatten().filter(|meaning| meaning.serial >= wall.serial)
            })
            .map(Iterator::collect::<Vec<&Meaning>>)
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    /// The shortest path that means a value, seen from the innermost scope.
    pub(super) fn name_of(&self, value: ValueId, wall: Wall) -> Option<&str> {
        let seen = self.open.get(wall.depth..).unwrap_or_default();
        let known = self.meanings.values().flatten();
        let of_it = known.filter(|m| m.value == value && m.serial >= wall.serial);
        let paths = of_it.flat_map(|meaning| {
            seen.iter().filter_map(|scope| meaning.name.strip_prefix(&scope.prefix))
        });
        paths.min_by_key(|path| (path.len(), *path))
    }

    /// Whether a path would mean something outside of the wall.
    pub(super) fn is_beyond(&self, path: &str, wall: Wall) -> bool {
        !self.meanings(path, Wall::default()).is_empty() && self.meanings(path, wall).is_empty()
    }

    /// The paths by which names can be referred to, seen from the innermost scope.
    pub(super) fn paths(&self, wall: Wall) -> impl Iterator<Item = &str> {
        let seen = self.open.get(wall.depth..).unwrap_or_default();
        let known = self.meanings.values().flatten().filter(move |m| m.serial >= wall.serial);
        known.flat_map(move |meaning| {
            seen.iter().filter_map(|scope| meaning.name.strip_prefix(&scope.prefix))
        })
    }

    /// How many layers have parameters so far.
    pub(super) fn owners(&self) -> usize {
        self.owners
    }

    /// Opens the scope of a whole name.
    pub(super) fn open(&mut self, name: &str) {
        let earlier = self.names.get(name);
        let taken = earlier.is_some_and(|taken| taken.owns && taken.bearer != Bearer::Dotted);
        let repeated = taken || self.is_repeated();
        self.open.push(Scope { prefix: format!("{name}."), next: 0, repeated });
    }

    /// Closes the innermost scope.
    pub(super) fn close(&mut self) {
        self.open.pop();
    }

    /// Enters a whole name, and the scopes that its dots open; yields the names that were taken before.
    pub(super) fn register(
        &mut self,
        name: &str,
        named: &Named,
        bearer: Bearer,
        owns: bool,
    ) -> Vec<Repeated> {
        self.owners += usize::from(owns && bearer == Bearer::Layer);
        // Inside a scope of a name that is taken every name is; one fault says so.
        if self.is_repeated() {
            return Vec::new();
        }
        let dotted = (1..=named.dots.len()).map(|dots| {
            (format!("{}{}", self.prefix(), named.dots[..dots].join(".")), Bearer::Dotted)
        });
        let all: Vec<(String, Bearer)> = dotted.chain([(name.to_owned(), bearer)]).collect();
        let take = |(name, bearer)| self.take(name, Taken { place: named.place, bearer, owns });
        all.into_iter().filter_map(take).collect()
    }

    /// Takes a name. Two equal ones are a fault unless neither has parameters, or a dot opens the scope.
    fn take(&mut self, name: String, new: Taken) -> Option<Repeated> {
        let Some(known) = self.names.get_mut(&name) else {
            self.names.insert(name, new);
            return None;
        };
        let reentered = match (known.bearer, new.bearer) {
            (Bearer::Dotted, other) | (other, Bearer::Dotted) => other != Bearer::Layer,
            _ => false,
        };
        let is_fault = !reentered && (known.owns || new.owns);
        known.owns |= new.owns;
        if known.bearer == Bearer::Dotted {
            known.bearer = new.bearer;
        }
        is_fault.then_some(Repeated { name, first: known.place, again: new.place })
    }

    /// The name of a function or a join that has none: `add`, then `add_2`.
    pub(super) fn function_name(&mut self, base: &str, place: Origin) -> Named {
        let plain = format!("{}{base}", self.prefix());
        let mut count = self.functions.get(&plain).copied().unwrap_or(0);
        let last = loop {
            count += 1;
            let last = if count == 1 { base.to_owned() } else { format!("{base}_{count}") };
            let whole = format!("{}{last}", self.prefix());
            if !self.names.contains_key(&whole) && !self.is_known(&whole) {
                break last;
            }
        };
        self.functions.insert(plain, count);
        Named { dots: Vec::new(), last, place }
    }
}

/// A name that two layers with parameters would have.
#[derive(Clone, Debug)]
pub(super) struct Repeated {
    pub(super) name: String,
    pub(super) first: Origin,
    pub(super) again: Origin,
}

/// The name of a layer or a scope: the scopes that dots open, then its own segment.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) dots: Vec<String>,
    pub(super) last: String,
    pub(super) place: Origin,
}

impl Named {
    /// As it is written, dots included.
    pub(super) fn written(&self) -> String {
        self.dots.iter().chain([&self.last]).map(String::as_str).collect::<Vec<_>>().join(".")
    }
}

//! Networks from bytes: each is written with variables, loops, conditions and blocks, and once more without them.

use std::fmt::Write as _;

use arbitrary::{Result, Unstructured};

/// What stands above the layers where variables are used.
const HEAD: &str = "vars: {c: 8, k: 3, ws: [4, 8], act: gelu}
blocks:
  unit(w, n=2):
    - repeat n:
        - conv2d(w, 1)
    - relu
  inline pair(w, a=relu):
    - conv2d(w, 1)
    - a
";

/// Layers with variables and without, which keep a shape of 8×6×6.
const LAYERS: &[(&str, &str)] = &[
    ("relu", "relu"),
    ("conv2d(c, 1)", "conv2d(8, 1)"),
    ("conv2d(ws[1], k, padding=k // 2)", "conv2d(8, 3, padding=1)"),
    ("Conv2d(channels(@), c, 1)", "conv2d(8, 1)"),
    ("parameter(1, c, 6, max([k, 6]))", "parameter(1, 8, 6, 6)"),
    ("act", "gelu"),
    ("batchnorm2d", "batchnorm2d"),
    ("maxpool2d(k, stride=1, padding=(k - 1) / 2)", "maxpool2d(3, stride=1, padding=1)"),
];

/// Few names, so that many are hidden by others; some are what unnamed layers are called.
const NAMES: &[&str] = &["a", "b", "s", "add_2", "1", "unit"];

/// Items of the largest network, before loops are unrolled.
const MOST_ITEMS: usize = 24;

/// How deep items nest.
const MOST_DEPTH: usize = 4;

/// A loop, by number, and how often it runs.
#[derive(Clone, Copy)]
struct Loop {
    id: usize,
    times: usize,
}

/// A name; in loops it ends with their counters.
#[derive(Clone)]
struct Name {
    word: &'static str,
    loops: Vec<Loop>,
}

/// A dotted name.
type Path = Vec<Name>;

enum Call {
    Layer(usize),
    /// A kernel that grows with the counter of the innermost loop.
    Growing(Loop),
    Join(&'static str, Path),
    Identity(Path),
    Share(Path),
}

enum Item {
    Layer(Option<Name>, Call),
    Scope(Name, Vec<Item>),
    Block(Name),
    Inline,
    Residual(Vec<Item>, Vec<Item>),
    Join(&'static str, Vec<Vec<Item>>),
    For(Loop, Vec<Item>),
    Repeat(usize, Vec<Item>),
    /// What is written under a condition that holds, and under `else`.
    If(Vec<Item>, Vec<Item>),
    Side(Name, Vec<Item>),
}

/// A scope that is open: the names in it so far, and what their names must end with.
#[derive(Default)]
struct Scope {
    known: Vec<Path>,
    loops: Vec<Loop>,
    /// Whether a `repeat` is open in it, where no layer can have a name.
    repeats: bool,
}

struct Generator<'u, 'b> {
    bytes: &'u mut Unstructured<'b>,
    scopes: Vec<Scope>,
    left: usize,
    loops: usize,
}

impl Generator<'_, '_> {
    fn scope(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("the outermost is always open")
    }

    /// A name that the innermost scope does not have yet.
    fn fresh(&mut self) -> Result<Option<Name>> {
        let word = *self.bytes.choose(NAMES)?;
        let scope = self.scope();
        let is_taken = scope.known.iter().any(|path| path.len() == 1 && path[0].word == word);
        Ok((!is_taken && !scope.repeats).then(|| Name { word, loops: scope.loops.clone() }))
    }

    fn know(&mut self, name: &Name) {
        self.scope().known.push(vec![name.clone()]);
    }

    /// A name that may be seen from here.
    fn seen(&mut self) -> Result<Option<Path>> {
        let seen: Vec<&Path> = self.scopes.iter().flat_map(|scope| &scope.known).collect();
        if seen.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.bytes.choose(&seen)?.to_vec()))
    }

    /// One item or more.
    fn items(&mut self, depth: usize) -> Result<Vec<Item>> {
        let mut items = self.item(depth)?;
        while self.left > 0 && self.bytes.ratio(1, 2)? {
            items.extend(self.item(depth)?);
        }
        Ok(items)
    }

    /// Items in a scope of their own, whose names are known outside by dots.
    fn inside(&mut self, name: &Name, depth: usize) -> Result<Vec<Item>> {
        self.scopes.push(Scope::default());
        let items = self.items(depth);
        let inner = self.scopes.pop().expect("it was opened").known;
        self.know(name);
        let path = |inner: Path| [vec![name.clone()], inner].concat();
        self.scope().known.extend(inner.into_iter().map(path));
        items
    }

    fn layer(&mut self) -> Result<Item> {
        let name = if self.bytes.ratio(1, 3)? { self.fresh()? } else { None };
        let kind = self.bytes.int_in_range(0..=9)?;
        let innermost = self.scopes.iter().rev().find_map(|scope| scope.loops.last().copied());
        let call = match (kind, self.seen()?, innermost) {
            (1 | 2, Some(path), _) => Call::Join(self.bytes.choose(&["add", "mul", "sub"])?, path),
            (3, Some(path), _) => Call::Identity(path),
            // Text has no expressions: no counter is part of a name that `share` takes.
            (4, Some(path), _) if path.iter().all(|name| name.loops.is_empty()) => {
                Call::Share(path)
            }
            (5 | 6, _, Some(innermost)) => Call::Growing(innermost),
            _ => Call::Layer(self.bytes.choose_index(LAYERS.len())?),
        };
        if let Some(name) = &name {
            self.know(name);
        }
        Ok(Item::Layer(name, call))
    }

    /// An item, and what must follow it.
    fn item(&mut self, depth: usize) -> Result<Vec<Item>> {
        self.left = self.left.saturating_sub(1);
        let kind = self.bytes.int_in_range(0..=15)?;
        if depth == 0 || self.left == 0 {
            return Ok(vec![self.layer()?]);
        }
        let name = if matches!(kind, 6..=9) { self.fresh()? } else { None };
        Ok(match (kind, name) {
            (6 | 7, Some(name)) => {
                let items = self.inside(&name, depth - 1)?;
                vec![Item::Scope(name, items)]
            }
            (8, Some(name)) => {
                self.know(&name);
                vec![Item::Block(name)]
            }
            (9, Some(name)) if self.scopes.len() == 1 && depth == MOST_DEPTH => {
                let items = self.inside(&name, depth - 1)?;
                vec![Item::Side(name, items)]
            }
            (10, _) => vec![Item::Inline],
            (11, _) => {
                let body = self.items(depth - 1)?;
                let shortcut =
                    if self.bytes.ratio(1, 2)? { self.items(depth - 1)? } else { vec![] };
                vec![Item::Residual(body, shortcut)]
            }
            (12, _) => {
                let join = *self.bytes.choose(&["add", "mul", "concat"])?;
                let mut branches = vec![self.items(depth - 1)?, self.items(depth - 1)?];
                if self.bytes.ratio(1, 4)? {
                    branches.push(self.items(depth - 1)?);
                }
                vec![Item::Join(join, branches), Item::Layer(None, Call::Layer(1))]
            }
            (13, _) => vec![self.counted(depth)?],
            (14, _) => {
                let times = self.bytes.int_in_range(1..=3)?;
                let before = std::mem::replace(&mut self.scope().repeats, true);
                let items = self.items(depth - 1);
                self.scope().repeats = before;
                vec![Item::Repeat(times, items?)]
            }
            (15, _) => {
                let then = self.items(depth - 1)?;
                let known = self.scope().known.len();
                let other = self.items(depth - 1)?;
                // What is under `else` is never there.
                self.scope().known.truncate(known);
                vec![Item::If(then, other)]
            }
            _ => vec![self.layer()?],
        })
    }

    /// A loop that counts.
    fn counted(&mut self, depth: usize) -> Result<Item> {
        self.loops += 1;
        let this = Loop { id: self.loops, times: self.bytes.int_in_range(1..=3)? };
        self.scope().loops.push(this);
        let items = self.items(depth - 1);
        self.scope().loops.pop();
        Ok(Item::For(this, items?))
    }
}

/// Writes items with loops, or with the counters of those that are unrolled.
struct Writer {
    text: String,
    /// Whether variables, loops, conditions and blocks are written as such.
    short: bool,
    /// Loops that are open, and how far those that are unrolled are.
    open: Vec<(usize, usize)>,
}

impl Writer {
    fn counter(&self, of: Loop) -> Option<usize> {
        self.open.iter().find(|(id, _)| *id == of.id).map(|(_, at)| *at)
    }

    fn name(&self, name: &Name) -> String {
        let mut text = name.word.to_owned();
        for of in &name.loops {
            let _ = match self.counter(*of) {
                Some(_) if self.short => write!(text, "_${{i{}}}", of.id),
                at => write!(text, "_{}", at.unwrap_or(of.times - 1)),
            };
        }
        text
    }

    fn path(&self, path: &Path) -> String {
        path.iter().map(|name| self.name(name)).collect::<Vec<_>>().join(".")
    }

    fn call(&self, call: &Call) -> String {
        match call {
            Call::Layer(at) => (if self.short { LAYERS[*at].0 } else { LAYERS[*at].1 }).to_owned(),
            Call::Growing(of) if self.short => {
                format!("conv2d(c, 1 + 2 * i{0}, padding=i{0})", of.id)
            }
            Call::Growing(of) => {
                let at = self.counter(*of).unwrap_or_default();
                format!("conv2d(8, {}, padding={at})", 1 + 2 * at)
            }
            Call::Join(join, path) => format!("{join}(@, @{})", self.path(path)),
            Call::Identity(path) => format!("identity(@{})", self.path(path)),
            Call::Share(path) => format!("share('{}')", self.path(path)),
        }
    }

    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.text, "{:indent$}{text}", "");
    }

    fn items(&mut self, indent: usize, items: &[Item]) {
        for item in items {
            self.item(indent, item);
        }
    }

    /// A line that opens a list, and the list.
    fn list(&mut self, indent: usize, head: &str, items: &[Item]) {
        self.line(indent, head);
        self.items(indent + 4, items);
    }

    fn item(&mut self, indent: usize, item: &Item) {
        match item {
            Item::Layer(None, call) => self.line(indent, &format!("- {}", self.call(call))),
            Item::Layer(Some(name), call) => {
                self.line(indent, &format!("- \"{}\": {}", self.name(name), self.call(call)));
            }
            Item::Scope(name, items) => {
                self.list(indent, &format!("- \"{}\":", self.name(name)), items);
            }
            Item::Block(name) if self.short => {
                self.line(indent, &format!("- \"{}\": unit(c)", self.name(name)));
            }
            Item::Block(name) => {
                self.line(indent, &format!("- \"{}\":", self.name(name)));
                for layer in ["conv2d(8, 1)", "conv2d(8, 1)", "relu"] {
                    self.line(indent + 4, &format!("- {layer}"));
                }
            }
            Item::Inline if self.short => self.line(indent, "- pair(c, act)"),
            Item::Inline => {
                self.line(indent, "- conv2d(8, 1)");
                self.line(indent, "- gelu");
            }
            Item::Residual(body, shortcut) => {
                self.list(indent, "- residual:", body);
                if !shortcut.is_empty() {
                    self.list(indent, "  shortcut:", shortcut);
                }
            }
            Item::Join(join, branches) => {
                self.line(indent, &format!("- {join}:"));
                for branch in branches {
                    self.list(indent + 4, "-", branch);
                }
            }
            Item::For(of, items) if self.short => {
                self.open.push((of.id, 0));
                let head = format!("- for i{} in range({}):", of.id, of.times);
                self.list(indent, &head, items);
                self.open.pop();
            }
            Item::For(of, items) => {
                for at in 0..of.times {
                    self.open.push((of.id, at));
                    self.items(indent, items);
                    self.open.pop();
                }
            }
            Item::Repeat(times, items) if self.short => {
                self.list(indent, &format!("- repeat {times}:"), items);
            }
            Item::Repeat(times, items) => (0..*times).for_each(|_| self.items(indent, items)),
            Item::If(then, other) if self.short => {
                self.list(indent, "- if k == 3 and not c < 8:", then);
                self.list(indent, "  else:", other);
            }
            Item::If(then, _) => self.items(indent, then),
            Item::Side(name, items) => {
                self.line(indent, "- side:");
                self.list(indent + 4, &format!("- \"{}\":", self.name(name)), items);
            }
        }
    }
}

/// A network in two texts that say the same: with variables and loops, and without. Not every one can be read.
///
/// # Errors
/// None that is met: where bytes end, the network does.
pub fn texts(bytes: &[u8]) -> Result<[String; 2]> {
    let mut bytes = Unstructured::new(bytes);
    let several = bytes.ratio(1, 4)?;
    let scopes = vec![Scope::default()];
    let mut generator = Generator { bytes: &mut bytes, scopes, left: MOST_ITEMS, loops: 0 };
    if several {
        for word in ["x", "y"] {
            generator.know(&Name { word, loops: Vec::new() });
        }
    }
    let mut items = Vec::new();
    while generator.left > 0 && !generator.bytes.is_empty() {
        items.extend(generator.item(MOST_DEPTH)?);
    }
    let input = if several { "{x: [8, 6, 6], y: [8, 6, 6]}" } else { "[8, 6, 6]" };
    Ok([true, false].map(|short| {
        let head = if short { HEAD } else { "" };
        let text = format!("model: m\n{head}input: {input}\nlayers:\n  - relu\n");
        let mut writer = Writer { text, short, open: Vec::new() };
        writer.items(2, &items);
        writer.text
    }))
}

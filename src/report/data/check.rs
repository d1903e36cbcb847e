//! The outcome of `cnnstat check`: a row for each expectation and limit, and how many are met.

use std::fmt::Write as _;

use serde::Serialize;

use crate::compare::Delta;
use crate::report::model::SCHEMA_VERSION;
use crate::units::{grouped, percent, signed};

/// What came of an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is met.
    Met,
    /// It is above what is to be warned of.
    Warned,
    /// It is not.
    Missed,
    /// It speaks of what does not exist.
    Unknown,
    /// The baseline says nothing of it.
    NoBaseline,
    /// It limits an increase, and no baseline was asked for.
    NotCompared,
    /// The description was changed by options, so that it says nothing of this network.
    NotChecked,
    /// Only a lower bound of it is known, or nothing, and that does not decide it.
    NotDecided,
    /// Nothing is expected.
    NoExpectations,
}

/// How bad an outcome is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// To be seen to; fails nothing.
    Warn,
    /// Fails.
    Fail,
}

impl Outcome {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Met => "ok",
            Self::Warned => "warn",
            Self::Missed => "MISS",
            Self::Unknown => "no such layer",
            Self::NoBaseline => "no baseline",
            Self::NotCompared => "not compared",
            Self::NotChecked => "not checked",
            Self::NotDecided => "not decided",
            Self::NoExpectations => "no expectations",
        }
    }

    /// How bad it is; `None` where nothing was judged.
    pub const fn level(self) -> Option<Level> {
        match self {
            Self::Met => Some(Level::Ok),
            Self::Warned | Self::NoBaseline => Some(Level::Warn),
            Self::Missed | Self::Unknown | Self::NotDecided => Some(Level::Fail),
            Self::NotCompared | Self::NotChecked | Self::NoExpectations => None,
        }
    }

    /// Whether something was compared, or would be, had it been there before.
    pub const fn is_checked(self) -> bool {
        matches!(
            self,
            Self::Met | Self::Warned | Self::Missed | Self::NoBaseline | Self::NotDecided
        )
    }
}

/// A layer's part in what a row is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The layer.
    pub layer: String,
    /// Its part in the baseline; `null` if it was not there, or without one.
    pub before: Option<u64>,
    /// Its part now; `null` if it is gone.
    pub after: Option<u64>,
}

impl Part {
    /// In words: `conv2 +12,345`, `fc 4,097,000`.
    fn text(&self, has_moved: bool) -> String {
        let [before, after] = [self.before, self.after].map(Option::unwrap_or_default);
        let number = if has_moved {
            signed(Delta { before, after }.signed(), grouped)
        } else {
            grouped(after)
        };
        format!("{} {number}", self.layer)
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// One expectation or limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckRow {
    /// The network, and what a budget sets of it.
    pub model: String,
    /// The quantity: `params`, `features.conv1 params`.
    pub what: String,
    /// As it is written.
    pub expected: String,
    /// What it is.
    pub found: String,
    /// What came of it.
    pub outcome: Outcome,
    /// How bad that is; `null` where nothing was judged.
    pub level: Option<Level>,
    /// What is wrong, in a sentence.
    pub message: Option<String>,
    /// The number, where it is one.
    pub value: Option<u64>,
    /// The number of the baseline.
    pub before: Option<u64>,
    /// The layers that moved the number, or that have the most of it where there is no baseline.
    pub layers: Vec<Part>,
    /// The description.
    pub file: Option<String>,
    /// The line of it to look at, from 1: the expectation's; for a budget of another file, the layer's that did most.
    pub line: Option<usize>,
    /// Where the limit is written, if that is another file.
    pub budget: Option<Spot>,
}

impl CheckRow {
    /// A row that says nothing but which network it is of.
    pub fn new(model: &str, outcome: Outcome) -> Self {
        let (model, none) = (model.to_owned(), String::new);
        Self {
            model,
            what: none(),
            expected: none(),
            found: none(),
            outcome,
            level: outcome.level(),
            message: None,
            value: None,
            before: None,
            layers: Vec::new(),
            file: None,
            line: None,
            budget: None,
        }
    }

    /// Where to look: in the description, or where the limit is written if the description is no file.
    pub fn spot(&self) -> Option<Spot> {
        let own = self.file.as_ref().filter(|file| !is_built_in(file));
        own.map(|file| Spot { file: file.clone(), line: self.line.unwrap_or(1) })
            .or_else(|| self.budget.clone())
    }

    /// What is judged: `params max 26M`.
    pub fn judged(&self) -> String {
        format!("{} {}", self.what, self.expected)
    }

    /// What is wrong, with the layers that did most.
    pub fn sentence(&self) -> String {
        let mut out = self.message.clone().unwrap_or_else(|| self.outcome.text().to_owned());
        if let Some(layers) = self.named(3) {
            let _ = write!(out, "; {layers}");
        }
        out
    }

    /// The first layers in words: `moved by conv2 +12,345, fc +10`.
    pub fn named(&self, most: usize) -> Option<String> {
        let has_moved = self.before.is_some() && self.before != self.value;
        let parts = self.layers.iter().take(most).map(|part| part.text(has_moved));
        let parts: Vec<String> = parts.collect();
        let by = if has_moved { "moved by" } else { "most of it in" };
        (!parts.is_empty()).then(|| format!("{by} {}", parts.join(", ")))
    }

    /// How the number changed: `+384,000 (+1.50%)`; empty without a baseline.
    pub fn change(&self) -> String {
        let (Some(before), Some(now)) = (self.before, self.value) else { return String::new() };
        let delta = Delta { before, after: now };
        let difference = signed(delta.signed(), grouped);
        match delta.basis_points().filter(|_| before != now) {
            Some(part) => format!("{difference} ({})", percent(part)),
            None => difference,
        }
    }
}

fn is_built_in(file: &str) -> bool {
    file.ends_with(" (built in)") || file.starts_with('<')
}

/// A path with `/` between its parts, as the forges have it.
pub fn slashed(path: &str) -> String {
    let path = path.replace('\\', "/");
    path.strip_prefix("./").map(str::to_owned).unwrap_or(path)
}

/// A number for what a finding is about, the same in every run: FNV-1a of 64 bits,
/// <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub fn fingerprint<'t>(about: impl Iterator<Item = &'t str>) -> String {
    let bytes = about.flat_map(|text| text.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// What is wrong with a file that could not be read or analysed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The code of the diagnostic.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The file; `null` for an option.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
}

impl Fault {
    /// Where to look.
    pub fn spot(&self) -> Option<Spot> {
        let file = self.file.as_ref().filter(|file| !file.is_empty() && !is_built_in(file))?;
        Some(Spot { file: file.clone(), line: self.line.unwrap_or(1) })
    }
}

/// All expectations that were looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// The rows.
    pub rows: Vec<CheckRow>,
    /// YAML files that are no descriptions.
    pub skipped: usize,
    /// Descriptions, budgets and baselines that could not be read, or analysed.
    pub failed: usize,
    /// What is wrong with them.
    pub faults: Vec<Fault>,
    /// What is compared with, as it was named.
    pub baseline: Option<String>,
    /// The networks as a later run compares with them.
    pub networks: Vec<serde_json::Value>,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            rows: Vec::new(),
            skipped: 0,
            failed: 0,
            faults: Vec::new(),
            baseline: None,
            networks: Vec::new(),
        }
    }
}

impl Check {
    /// How many rows have an outcome.
    pub fn count(&self, is: impl Fn(Outcome) -> bool) -> usize {
        self.rows.iter().filter(|row| is(row.outcome)).count()
    }

    /// How bad it is altogether: a file with errors fails, and so does a check of nothing.
    pub fn level(&self) -> Level {
        let any = |level| self.count(|outcome| outcome.level() == Some(level)) > 0;
        if self.failed > 0 || self.count(Outcome::is_checked) == 0 || any(Level::Fail) {
            Level::Fail
        } else if any(Level::Warn) {
            Level::Warn
        } else {
            Level::Ok
        }
    }

    /// How it went, in a sentence.
    pub fn sentence(&self) -> String {
        let checked = self.count(Outcome::is_checked);
        let of = |outcome| self.count(|o| o == outcome);
        let mut out = match (checked, of(Outcome::Missed), of(Outcome::Met)) {
            (0, ..) => "0 expectations checked: that is not a pass".to_owned(),
            (_, 0, 1) => "1 expectation met".to_owned(),
            (_, 0, met) => format!("{met} expectations met"),
            (n, missed, _) => format!("{missed} of {n} expectations missed"),
        };
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let aside = [
            (Outcome::Unknown, "for a layer that does not exist"),
            (Outcome::NotDecided, "not decided, since something is not known"),
            (Outcome::Warned, "above what is to be warned of"),
            (Outcome::NoBaseline, "with nothing in the baseline to compare with"),
            (Outcome::NotCompared, "not compared without --baseline or --base"),
            (Outcome::NotChecked, "not checked under --set, --input or --batch"),
            (Outcome::NoExpectations, "without expectations"),
        ];
        for (outcome, what) in aside {
            let n = of(outcome);
            if n > 0 {
                let _ = write!(out, "; {n} {what}");
            }
        }
        if self.failed > 0 {
            let _ = write!(out, "; {} file{} with errors", self.failed, plural(self.failed));
        }
        if self.skipped > 0 {
            let what = if self.skipped == 1 { "is no description" } else { "are no descriptions" };
            let n = self.skipped;
            let _ = write!(out, "; {n} YAML file{} skipped that {what}", plural(n));
        }
        out
    }
}

/// Rows and faults that a hostile stranger could have written, for the tests of the formats.
#[cfg(test)]
pub fn hostile() -> Check {
    let row = |outcome, file: &str| CheckRow {
        what: "a::b,c%\n]]> params".to_owned(),
        expected: "max <1&2>".to_owned(),
        found: "3".to_owned(),
        message: Some("params is 3 <script>alert(1)</script> `|` \u{1b}[31m\u{202e}\0".to_owned()),
        value: Some(3),
        before: Some(1),
        layers: vec![Part {
            layer: "conv\"'<!-- | -->\r\n::error::x".to_owned(),
            before: Some(1),
            after: Some(3),
        }],
        file: Some(file.to_owned()),
        line: Some(7),
        ..CheckRow::new("net|<b>\n`", outcome)
    };
    Check {
        rows: vec![
            row(Outcome::Missed, "a,b:c%.yaml"),
            row(Outcome::Warned, "a b.yaml"),
            row(Outcome::Met, "a.yaml"),
            row(Outcome::NotCompared, "a.yaml"),
            row(Outcome::Unknown, "x.yaml (built in)"),
        ],
        failed: 1,
        faults: vec![Fault {
            code: "E0306",
            message: "no `\u{7}]]>` <x>".to_owned(),
            file: Some("b.yaml".to_owned()),
            line: None,
        }],
        baseline: Some("base.json".to_owned()),
        ..Check::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_checked_is_no_pass() {
        let row = |outcome| CheckRow::new("m", outcome);
        let mut check = Check { skipped: 2, ..Check::default() };
        assert!(
            check
                .sentence()
                .starts_with("0 expectations checked: that is not a pass; 2 YAML files")
        );
        assert_eq!(check.level(), Level::Fail);
        check.rows = vec![row(Outcome::Met), row(Outcome::Missed), row(Outcome::NotChecked)];
        assert!(check.sentence().starts_with("1 of 2 expectations missed; 1 not checked"));
        check.rows = vec![row(Outcome::Met), row(Outcome::NoBaseline)];
        assert_eq!(check.level(), Level::Warn);
        check.rows.pop();
        assert_eq!(check.level(), Level::Ok);
    }

    #[test]
    fn a_change_has_its_part_and_the_layers_are_named() {
        let part = |layer: &str, before, after| Part { layer: layer.to_owned(), before, after };
        let mut row = CheckRow {
            value: Some(1_015),
            before: Some(1_000),
            layers: vec![part("a", Some(5), Some(25)), part("b", Some(5), None)],
            message: Some("params is 1,015".to_owned()),
            ..CheckRow::new("m", Outcome::Missed)
        };
        assert_eq!(row.change(), "+15 (+1.50%)");
        assert_eq!(row.sentence(), "params is 1,015; moved by a +20, b −5");
        row.before = None;
        row.layers.pop();
        assert_eq!(row.sentence(), "params is 1,015; most of it in a 25");
        assert_eq!(row.change(), "");
    }
}

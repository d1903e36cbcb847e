//! `cnnstat.toml`: budgets beside the descriptions, for networks by name or by file, each at several settings.
//!
//! ```toml
//! paths = ["models/"]                     # what is checked where no path is given
//!
//! [[budget]]
//! models = ["resnet*"]                    # names or files; all networks if it is left out
//! params.max = "26M"
//! macs = { max = "4.2G", warn = "4.1G", max_increase = "2%" }
//!
//! [[budget]]
//! models = ["custom_cnn"]
//! matrix = { cdims = [[32, 64], [64, 128]], use_batchnorm = [false, true] }
//! optimizer = "adam"
//! training_bytes.max = "8MiB"
//! ```

use glob::Pattern;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::analysis::memory::Optimizer;
use crate::diag::{At, Code, Diagnostic, Source, did_you_mean};
use crate::expectation::{self, Expectation, MOST_FAULTS, Value, Written};
use crate::shape::{DType, Shape};
use crate::source::Span;

/// Variables of one matrix.
const MOST_VARIABLES: usize = 256;

/// The most settings that one matrix makes.
const MOST_SETTINGS: usize = 1000;

/// What `cnnstat.toml` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// What is checked where no path is given.
    pub paths: Vec<String>,
    /// The budgets.
    pub budgets: Vec<Budget>,
}

/// Limits of some networks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    /// Patterns of names and files, each with its place; all networks if there are none.
    pub models: Vec<(Pattern, At)>,
    /// Variables and the texts that replace theirs, one after the other and each with each.
    pub matrix: Vec<(String, Vec<String>)>,
    /// The shape of the first input, without the batch.
    pub input: Option<Shape>,
    /// Examples that go through at once.
    pub batch: Option<u64>,
    /// Element type of parameters and activations.
    pub dtype: Option<DType>,
    /// What trains the networks.
    pub optimizer: Optimizer,
    /// The limits, in the order they are written.
    pub limits: Vec<Expectation>,
}

/// Keys of a budget beside the quantities.
const KEYS: [&str; 6] = ["models", "matrix", "input", "batch", "dtype", "optimizer"];

/// One choice of a matrix: each variable with its text.
pub type Sets = Vec<(String, String)>;

impl Budget {
    /// The patterns that match a network; a file is matched as it was named, with `/` between its parts.
    pub fn matching<'b>(&'b self, name: &'b str, file: &str) -> impl Iterator<Item = At> + use<'b> {
        let file = file.replace('\\', "/");
        let file = file.strip_prefix("./").unwrap_or(&file).to_owned();
        self.models
            .iter()
            .filter(move |(pattern, _)| pattern.matches(name) || pattern.matches(&file))
            .map(|(_, at)| *at)
    }

    /// Whether it limits a network.
    pub fn covers(&self, name: &str, file: &str) -> bool {
        self.models.is_empty() || self.matching(name, file).next().is_some()
    }

    /// Every choice of the matrix, the last variable fastest; one of nothing where there is none.
    pub fn settings(&self) -> Vec<Sets> {
        let choices: usize = self.matrix.iter().map(|(_, texts)| texts.len()).product();
        let choice = |mut index: usize| {
            let mut sets = Sets::with_capacity(self.matrix.len());
            for (variable, texts) in self.matrix.iter().rev() {
                sets.push((variable.clone(), texts[index % texts.len()].clone()));
                index /= texts.len();
            }
            sets.reverse();
            sets
        };
        (0..choices).map(choice).collect()
    }

    /// What it assumes of every network, in words.
    pub fn assumptions(&self) -> Vec<String> {
        let input = self.input.map(|shape| format!("input={shape}"));
        let batch = self.batch.map(|n| format!("batch={n}"));
        let dtype = self.dtype.map(|dtype| format!("dtype={}", dtype.name()));
        let trained = self.optimizer != Optimizer::default();
        let optimizer = trained.then(|| format!("optimizer={}", self.optimizer.name()));
        [input, batch, dtype, optimizer].into_iter().flatten().collect()
    }
}

/// Reads `cnnstat.toml`.
///
/// # Errors
/// Everything that is wrong with it, with labels in bytes of the source.
pub fn read(source: &Source) -> Result<Config, Vec<Diagnostic>> {
    let table = DeTable::parse(&source.text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let message = format!("this is not TOML: {}", error.message().replace('\n', ", "));
        let at = At::Bytes(Span::new(span.start, span.end));
        vec![Diagnostic::new(Code::E0605, message).at(at, "stops here")]
    })?;
    let mut reading = Reading { config: Config::default(), faults: Vec::new() };
    for (key, at, value) in entries(table.get_ref(), &source.text) {
        if reading.faults.len() >= MOST_FAULTS {
            break;
        }
        match key.as_str() {
            "paths" => reading.config.paths = texts(&mut reading.faults, "paths", &value),
            "budget" => reading.budgets(value),
            _ => reading.unknown(&key, at, &["paths", "budget"]),
        }
    }
    let Reading { config, mut faults } = reading;
    faults.truncate(MOST_FAULTS);
    if faults.is_empty() {
        return Ok(config);
    }
    for fault in &mut faults {
        fault.source = Some(source.clone());
    }
    Err(faults)
}

struct Reading {
    config: Config,
    faults: Vec<Diagnostic>,
}

impl Reading {
    fn unknown(&mut self, key: &str, at: At, known: &[&str]) {
        let message = format!("cnnstat.toml has no key `{key}` here");
        let diagnostic = Diagnostic::new(Code::E0302, message)
            .at(at, "not known")
            .helps(did_you_mean(key, known.iter().copied()))
            .note(format!("keys are {}", known.join(", ")));
        self.faults.push(diagnostic);
    }

    fn budgets(&mut self, written: Written) {
        let Value::List(tables) = written.value else {
            let what = written.value.describe();
            let message = format!("budget is a list of tables, but this is {what}");
            let diagnostic = Diagnostic::new(Code::E0304, message)
                .at(written.at, "not a list")
                .help("begin each budget with `[[budget]]`, in two brackets");
            return self.faults.push(diagnostic);
        };
        for table in tables {
            if self.faults.len() >= MOST_FAULTS {
                break;
            }
            match table.value {
                Value::Map(entries) => {
                    let budget = budget(entries, &mut self.faults);
                    if budget.limits.is_empty() && self.faults.is_empty() {
                        let message = "this budget limits nothing";
                        let diagnostic = Diagnostic::new(Code::E0303, message)
                            .at(table.at, "no quantity")
                            .help("write a limit, such as `params.max = \"26M\"`");
                        self.faults.push(diagnostic);
                    }
                    self.config.budgets.push(budget);
                }
                other => self.faults.push(not(table.at, "a budget", "a table", &other)),
            }
        }
    }
}

fn budget(entries: Vec<(String, At, Written)>, faults: &mut Vec<Diagnostic>) -> Budget {
    let mut budget = Budget::default();
    let (own, limits): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|(key, ..)| KEYS.contains(&key.as_str()));
    for (key, _, written) in &own {
        match key.as_str() {
            "models" => budget.models = patterns(faults, written),
            "matrix" => budget.matrix = matrix(faults, written),
            "input" => budget.input = chosen(faults, key, written, "[3, 224, 224]", shape),
            "batch" => budget.batch = chosen(faults, key, written, "a whole number from 1", whole),
            "dtype" => budget.dtype = chosen(faults, key, written, &dtypes(), DType::named),
            _ => {
                let known = Optimizer::NAMES.iter().map(|(name, _)| *name);
                let known = known.collect::<Vec<_>>().join(", ");
                let chosen = chosen(faults, key, written, &known, Optimizer::named);
                budget.optimizer = chosen.unwrap_or_default();
            }
        }
    }
    budget.limits = expectation::read(&limits, "budget", faults);
    budget
}

/// The value of a key that stands for one of few things; `known` says which.
fn chosen<T>(
    faults: &mut Vec<Diagnostic>,
    key: &str,
    written: &Written,
    known: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let found = scalar(written).and_then(|text| read(&text));
    if found.is_none() {
        let message = format!("{key} cannot be {}", written.value.describe());
        let diagnostic = Diagnostic::new(Code::E0304, message).at(written.at, "cannot be read");
        faults.push(diagnostic.help(format!("write {known}")));
    }
    found
}

/// A scalar, or a list of scalars as a shape.
fn scalar(written: &Written) -> Option<String> {
    match &written.value {
        Value::Text(text) => Some(text.clone()),
        Value::List(items) => {
            items.iter().map(scalar).collect::<Option<Vec<_>>>().map(|sizes| sizes.join("x"))
        }
        _ => None,
    }
}

fn shape(text: &str) -> Option<Shape> {
    expectation::read_shape(text).filter(|shape| shape.dims().iter().all(|size| *size > 0))
}

fn whole(text: &str) -> Option<u64> {
    text.replace('_', "").parse().ok().filter(|n| *n > 0)
}

fn dtypes() -> String {
    DType::COMPUTED.iter().map(|dtype| dtype.name()).collect::<Vec<_>>().join(", ")
}

/// A text, or a list of texts.
fn texts(faults: &mut Vec<Diagnostic>, key: &str, written: &Written) -> Vec<String> {
    placed(faults, key, written).into_iter().map(|(text, _)| text).collect()
}

fn placed(faults: &mut Vec<Diagnostic>, key: &str, written: &Written) -> Vec<(String, At)> {
    let single = std::slice::from_ref(written);
    let items = if let Value::List(items) = &written.value { items } else { single };
    let mut found = Vec::new();
    for item in items {
        match &item.value {
            Value::Text(text) => found.push((text.clone(), item.at)),
            other => faults.push(not(item.at, key, "text in quotes", other)),
        }
    }
    found
}

fn patterns(faults: &mut Vec<Diagnostic>, written: &Written) -> Vec<(Pattern, At)> {
    let mut found = Vec::new();
    for (text, at) in placed(faults, "models", written) {
        match Pattern::new(text.strip_prefix("./").unwrap_or(&text)) {
            Ok(pattern) => found.push((pattern, at)),
            Err(error) => {
                let message = format!("`{text}` is not a pattern: {}", error.msg);
                faults.push(Diagnostic::new(Code::E0606, message).at(at, "cannot be read"));
            }
        }
    }
    found
}

fn matrix(faults: &mut Vec<Diagnostic>, written: &Written) -> Vec<(String, Vec<String>)> {
    let Value::Map(variables) = &written.value else {
        faults.push(not(written.at, "matrix", "a table of variables", &written.value));
        return Vec::new();
    };
    let mut made = 1usize;
    let mut found = Vec::new();
    for (variable, _, values) in variables {
        let Value::List(items) = &values.value else {
            faults.push(not(values.at, variable, "a list of values", &values.value));
            continue;
        };
        let texts: Vec<String> = items.iter().filter_map(|item| value(faults, item)).collect();
        made = made.saturating_mul(texts.len());
        if found.len() == MOST_VARIABLES {
            let message = format!("a matrix of more than {MOST_VARIABLES} variables");
            faults.push(Diagnostic::new(Code::E0304, message).at(values.at, "one too many"));
            return Vec::new();
        }
        if texts.is_empty() || made > MOST_SETTINGS {
            let message = format!("{variable} brings the matrix to {made} settings");
            let help = format!("write from one value on, and at most {MOST_SETTINGS} settings");
            faults.push(Diagnostic::new(Code::E0304, message).at(values.at, "").help(help));
            return Vec::new();
        }
        found.push((variable.clone(), texts));
    }
    found
}

/// A value as a description has it: text is an expression, a list stands in brackets.
fn value(faults: &mut Vec<Diagnostic>, written: &Written) -> Option<String> {
    match &written.value {
        Value::Text(text) => Some(text.clone()),
        Value::Other(text) if matches!(text.as_str(), "true" | "false") => Some(text.clone()),
        Value::List(items) => {
            let texts: Option<Vec<String>> = items.iter().map(|item| value(faults, item)).collect();
            texts.map(|texts| format!("[{}]", texts.join(", ")))
        }
        other => {
            faults.push(not(written.at, "a value of a matrix", "a number, text or a list", other));
            None
        }
    }
}

/// Something else stands where one thing is expected.
fn not(at: At, what: &str, expected: &str, found: &Value) -> Diagnostic {
    let message = format!("{what} is {expected}, but this is {}", found.describe());
    Diagnostic::new(Code::E0304, message).at(at, format!("not {expected}"))
}

fn at(span: std::ops::Range<usize>) -> At {
    At::Bytes(Span::new(span.start, span.end))
}

/// The entries of a table in the order they are written.
fn entries(table: &DeTable<'_>, text: &str) -> Vec<(String, At, Written)> {
    let mut found: Vec<_> = table.iter().collect();
    found.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        (key.get_ref().clone().into_owned(), at(key.span()), written(value, text))
    };
    found.into_iter().map(entry).collect()
}

/// A value as it is written; numbers keep their spelling.
fn written(value: &Spanned<DeValue<'_>>, text: &str) -> Written {
    let span = value.span();
    let spelled = || text.get(span.clone()).unwrap_or_default().to_owned();
    let read = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(_) | DeValue::Float(_) => Value::Text(spelled()),
        DeValue::Boolean(_) | DeValue::Datetime(_) => Value::Other(spelled()),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| written(item, text)).collect())
        }
        DeValue::Table(table) => Value::Map(entries(table, text)),
    };
    Written { at: at(span), value: read }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expectation::Limit;

    fn config(text: &str) -> Result<Config, Vec<Diagnostic>> {
        read(&Source::new("cnnstat.toml", text))
    }

    #[test]
    fn limits_keep_their_order_and_patterns_match_names_and_files() {
        let text = r#"
            paths = "models"
            [[budget]]
            models = ["resnet*", "./nets/*.yaml"]
            params.max = "26M"
            macs = { warn = "4G", max = "4.2G", max_increase = ["2%", 100] }
            layers."fc.0".params.lock = 4_096_000
            output = [1000]
        "#;
        let config = config(text).unwrap();
        assert_eq!(config.paths, ["models"]);
        let [budget] = config.budgets.as_slice() else { panic!("{config:?}") };
        let limits: Vec<(&str, Option<Limit>, &str)> =
            budget.limits.iter().map(|e| (e.quantity.key, e.limit, e.text.as_str())).collect();
        assert_eq!(
            limits,
            [
                ("params", Some(Limit::Max), "26M"),
                ("macs", Some(Limit::Warn), "4G"),
                ("macs", Some(Limit::Max), "4.2G"),
                ("macs", Some(Limit::MaxIncrease), "2%"),
                ("macs", Some(Limit::MaxIncrease), "100"),
                ("params", Some(Limit::Lock), "4_096_000"),
                ("output", None, "1000"),
            ]
        );
        assert!(budget.covers("resnet50", "x.yaml") && budget.covers("m", "./nets/a.yaml"));
        assert!(budget.covers("m", "nets\\a.yaml") && !budget.covers("vgg", "x.yaml"));
    }

    #[test]
    fn a_matrix_is_each_value_with_each() {
        let text = "
            [[budget]]
            matrix = { cdims = [[32, 64], [8]], unit = ['basic'], bn = [true, false] }
            batch = 4
            dtype = 'i8'
            params = '<= 1M'
        ";
        let budget = config(text).unwrap().budgets.remove(0);
        let settings = budget.settings();
        let shown: Vec<String> = settings
            .iter()
            .map(|sets| sets.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            shown,
            [
                "cdims=[32, 64] unit=basic bn=true",
                "cdims=[32, 64] unit=basic bn=false",
                "cdims=[8] unit=basic bn=true",
                "cdims=[8] unit=basic bn=false",
            ]
        );
        assert_eq!(budget.assumptions(), ["batch=4", "dtype=i8"]);
        assert_eq!(Budget::default().settings(), [vec![]]);
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        let wide = (0..40).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        let wide = format!("[[budget]]\nparams=1\nmatrix = {{ a = [{wide}], b = [{wide}] }}");
        for (text, code) in [
            ("budget]]", Code::E0605),
            ("[budget]\nparams.max = 1", Code::E0304),
            ("[[budgets]]", Code::E0302),
            ("[[budget]]\nparam.max = 1", Code::E0302),
            ("[[budget]]\nparams.most = 1", Code::E0302),
            ("[[budget]]\nparams.max = 'many'", Code::E0317),
            ("[[budget]]\nparams.max = true", Code::E0317),
            ("[[budget]]\nmodels = ['a']", Code::E0303),
            ("[[budget]]\nmodels = ['[']\nparams = 1", Code::E0606),
            ("[[budget]]\nmodels = 3.5\nparams.max = 1\nbatch = 0", Code::E0304),
            ("[[budget]]\ndtype = 'f8'\nparams.max = 1", Code::E0304),
            ("[[budget]]\nmatrix = { a = 1 }\nparams.max = 1", Code::E0304),
            (wide.as_str(), Code::E0304),
        ] {
            let faults = config(text).unwrap_err();
            assert_eq!(faults[0].code, code, "{text}: {faults:?}");
            assert!(faults.iter().all(|fault| !fault.labels.is_empty()), "{text}: {faults:?}");
        }
    }
}

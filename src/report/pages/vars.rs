//! The page of `cnnstat vars`: a row for each variable.

use serde::Serialize;

use crate::report::grid::{Grid, Head, Value};
use crate::report::model::SCHEMA_VERSION;
use crate::report::page::{Block, Page, Records};

/// What can be set of a description, and its variants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vars {
    /// The version of the JSON that is written.
    pub schema_version: u32,
    /// The description.
    pub file: String,
    /// What a command takes for it.
    #[serde(skip)]
    pub argument: String,
    /// Whether it is built in, so that a variant is known by its name alone.
    #[serde(skip)]
    pub is_built_in: bool,
    /// What can be set.
    pub variables: Vec<Variable>,
    /// The networks of the family.
    pub variants: Vec<String>,
}

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value where nothing is set, as it is written; `null` where that is more than a line.
    pub default: Option<String>,
}

impl Vars {
    /// Of a description of which nothing can be set.
    pub fn new(file: &str, argument: &str, is_built_in: bool) -> Self {
        let (file, argument) = (file.to_owned(), argument.to_owned());
        let (variables, variants) = (Vec::new(), Vec::new());
        Self { schema_version: SCHEMA_VERSION, file, argument, is_built_in, variables, variants }
    }

    /// How to set one of them; a value with signs of the shell is quoted.
    fn sentence(&self) -> String {
        let Some(first) = self.variables.first() else {
            return "no variables: --set replaces nothing".to_owned();
        };
        let value = first.default.as_deref().unwrap_or("…");
        format!("as in `cnnstat {} --set '{}={value}'`", self.argument, first.name)
    }

    fn family(&self) -> String {
        let stem = self.argument.split('#').next().unwrap_or_default();
        match self.variants.first() {
            None => "no variants".to_owned(),
            Some(first) => {
                let stem = if self.is_built_in { String::new() } else { format!("{stem}#") };
                format!("variants: {}; as in `cnnstat {stem}{first}`", self.variants.join(", "))
            }
        }
    }
}

/// The page of a description.
pub fn page(vars: &Vars) -> Page<'_> {
    let sections = move |_| {
        let table = (!vars.variables.is_empty()).then(|| vec![Block::table(grid(vars))]);
        let said = [vars.sentence(), vars.family()].map(Block::Sentence).to_vec();
        let title = vec![Block::Title(vars.file.clone())];
        [title].into_iter().chain(table).chain([said]).collect()
    };
    Page::new(&vars.file, sections).records(|| Records::from(grid(vars))).data(move || vars)
}

fn grid(vars: &Vars) -> Grid {
    let mut grid = Grid::new([Head::left("variable"), Head::left("default")]);
    let default = |variable: &Variable| variable.default.as_ref().map_or(Value::Empty, Value::text);
    let row = |variable: &Variable| vec![Value::text(&variable.name), default(variable)];
    grid.rows = vars.variables.iter().map(row).collect();
    grid
}

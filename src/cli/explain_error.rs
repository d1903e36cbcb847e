//! `cnnstat explain-error E0301`: the long text of a diagnostic.

use std::fmt::Write as _;

use super::args::ExplainErrorArgs;
use super::settings::Screen;
use super::{Done, Status};
use crate::diag::Code;
use crate::report::text::safe;

/// The text of one code, or a line for each.
pub fn run(args: &ExplainErrorArgs, _: &Screen) -> Done {
    let Some(name) = &args.code else { return Done::page(list(), None) };
    if let Ok(code) = name.parse::<Code>() {
        return Done::page(format!("{}\n", code.text().trim_end()), None);
    }
    let messages = format!(
        "error: no diagnostic has the code `{}`; `cnnstat explain-error` lists them\n",
        safe(name)
    );
    Done { messages, status: Status::Failed, ..Done::default() }
}

fn list() -> String {
    let mut out = String::new();
    for code in Code::ALL {
        let _ = writeln!(out, "{code}  {}", code.title());
    }
    out
}

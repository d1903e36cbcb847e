//! `cnnstat explain-error E0301`: the long text of a diagnostic.

use std::fmt::Write as _;

use super::args::ExplainErrorArgs;
use super::done::{Done, Status};
use super::settings::Screen;
use super::usage;
use crate::diag::{Code, did_you_mean};

/// The text of one code, or a line for each.
pub fn run(args: &ExplainErrorArgs, screen: &Screen) -> Done {
    let Some(name) = &args.code else { return Done::page(list(), None) };
    if let Ok(code) = name.parse::<Code>() {
        return Done::page(format!("{}\n", code.text().trim_end()), None);
    }
    let near = did_you_mean(name, Code::ALL.iter().map(|code| code.name()));
    let helps: Vec<String> =
        near.into_iter().chain(["`cnnstat explain-error` lists the codes".to_owned()]).collect();
    let message = format!("no diagnostic has the code `{name}`");
    let messages = usage::text(&message, &helps, screen.messages);
    Done { messages, status: Status::Failed, ..Done::default() }
}

fn list() -> String {
    let mut out = String::new();
    for code in Code::ALL {
        let _ = writeln!(out, "{code}  {}", code.title());
    }
    out
}

//! What people type where clap would only say that it does not know it: a command with a slip, another tool's option,
//! nothing at all.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::diag::did_you_mean;
use crate::report::render::FORMATS;
use crate::zoo;

/// What is said of a command line that names nothing.
const ALONE: &str = "no network is named\n
cnnstat tells the shapes, parameters and operations of a convolutional network as
exact integers, each explained. Try:\n
  cnnstat alexnet                 the layers of a built-in network
  cnnstat explain alexnet conv1   the formulas of a layer with the numbers put in
  cnnstat verify lenet5           run it, and compare every number with what happens\n
  cnnstat list                    all built-in networks
  cnnstat ops conv2d              what an operator takes; `cnnstat ops` lists all
  cnnstat --help                  commands and options";

/// Options of other tools, and what cnnstat calls them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("batch-size", "--batch N"),
    ("bs", "--batch N"),
    ("eval", "--mode eval"),
    ("input-res", "--input 3x224x224"),
    ("input-shape", "--input 3x224x224"),
    ("input-size", "--input 3x224x224"),
    ("out", "--output FILE"),
    ("precision", "--dtype f16"),
    ("shape", "--input 3x224x224"),
    ("train", "--mode train"),
];

/// The program's name and nothing.
pub(super) fn alone(command: &mut clap::Command) -> clap::Error {
    command.error(ErrorKind::MissingRequiredArgument, ALONE)
}

/// What clap says, with the cure that fits. An option behind a mistyped command is not what is wrong.
pub(super) fn explained(
    mut error: clap::Error,
    command: &mut clap::Command,
    words: &[OsString],
) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let mut typed = words.iter().skip(1).filter_map(|word| word.to_str());
    if let Some(word) = typed.find(|word| !word.starts_with('-')).filter(|word| is_nothing(word)) {
        let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        if let Some(near) = did_you_mean(word, names.clone()).filter(|_| !names.contains(&word)) {
            let message = format!("no such command or network: `{word}`; {near}");
            return command.error(ErrorKind::InvalidSubcommand, message);
        }
    }
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    // The shell takes a list apart at its spaces.
    let is_torn = |word: &str| word.matches('[').count() > word.matches(']').count();
    if words.iter().filter_map(|word| word.to_str()).any(is_torn) {
        let said = "quote a list that has spaces: --set 'cdims=[16, 32]'";
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![said.into()]));
        return error;
    }
    let said = instead(option.trim_start_matches('-')).map(|other| format!("say `{other}`"));
    // To pass an option on as a value, as clap proposes, is never meant: no network is called so.
    error.remove(ContextKind::Suggested);
    if let Some(said) = said {
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![said.into()]));
    }
    error
}

/// What cnnstat calls an option of another name.
fn instead(option: &str) -> Option<String> {
    let option = option.replace('_', "-").to_lowercase();
    let labels = FORMATS.iter().map(|format| &format.label);
    let mut formats = labels.filter(|label| {
        [Some(label.name), label.alias, label.ending].contains(&Some(option.as_str()))
    });
    let format = formats.next().map(|label| format!("--format {}", label.name));
    let known = ELSEWHERE.iter().find(|(theirs, _)| *theirs == option);
    format.or_else(|| known.map(|(_, ours)| (*ours).to_owned()))
}

/// Whether a word is neither a file nor a built-in network, nor looks like a path.
pub(crate) fn is_nothing(word: &str) -> bool {
    let is_path = word.contains(['/', '\\', '#', '.', '<']) || word == "-";
    !is_path && zoo::find(word).is_none() && !Path::new(word).exists()
}

#[cfg(test)]
mod tests {
    use crate::cli::args::Cli;

    fn said(line: &str) -> String {
        let words = ["cnnstat"].into_iter().chain(line.split_whitespace());
        Cli::read(words).unwrap_err().to_string()
    }

    #[test]
    fn options_of_other_tools_have_ours() {
        for (line, ours) in [
            ("alexnet --json", "say `--format json`"),
            ("params alexnet --csv", "say `--format csv`"),
            ("alexnet --md", "say `--format markdown`"),
            ("alexnet --batch_size 4", "say `--batch N`"),
            ("expand custom_cnn --set cdims=[16, 32]", "quote a list"),
            ("verfy lenet5 --seed 3", "`verfy`; did you mean `verify`?"),
        ] {
            let text = said(line);
            assert!(text.contains(ours) && !text.contains("as a value"), "{line}: {text}");
        }
        assert!(said("alexnet --nosuch").contains("'--nosuch'"));
    }

    #[test]
    fn nothing_at_all_is_answered_by_what_to_try() {
        let text = said("");
        for part in ["cnnstat alexnet", "cnnstat list", "cnnstat --help"] {
            assert!(text.contains(part), "{text}");
        }
    }
}

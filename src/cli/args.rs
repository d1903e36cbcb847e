//! The command line as it is typed. `settings` makes of it what the commands work with.
//!
//! An option that several commands have stands once, in a struct that each flattens.

mod choices;
mod conventions;
pub(super) mod mistakes;
mod network;
mod output;
mod reading;
mod running;
mod values;

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use choices::{EngineArg, MessageFormat, ModeArg, OptimizerArg, When};
pub use conventions::{AsArgs, ConventionsArgs, ReconcileArgs};
pub use network::ModelArgs;
#[cfg(test)]
pub use network::ReadArgs;
pub use output::{CheckOutputArgs, OutputArgs};
pub use reading::{ExpandArgs, ExplainErrorArgs, OpsArgs, ShowArgs, VarsArgs};
pub use running::{BackendArgs, ProfileArgs, VerifyArgs};

use crate::report::columns::Column;
use crate::report::list;
use crate::report::page::Content;
use output::{ANSWERS, COMPARISON, FIGURES, PROSE, RECORDS, offered};
use values::{column, columns_help, list_column, list_columns_help, numeric_column, size, whole};

/// What standard input is called.
pub const STDIN: &str = "<stdin>";

/// Narrower pages are not drawn.
const NARROWEST: u64 = 20;

/// Shapes, parameters and operations of convolutional networks as exact integers, each explained.
#[derive(Debug, Parser)]
#[command(name = "cnnstat", version, subcommand_negates_reqs = true, max_term_width = 100)]
#[command(override_usage = "cnnstat [OPTIONS] <MODEL>...\n       cnnstat <COMMAND>")]
#[command(after_help = "Exit codes: 0 fine, 1 findings, 2 could not do it.")]
pub struct Cli {
    /// What to do; without a command, the summary.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The summary.
    #[command(flatten)]
    pub summary: SummaryArgs,
    /// How it is shown.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

impl Cli {
    /// Reads a command line, the name of the program first. What stands before a command must be meant for all of them:
    /// clap itself would pass over a summary's options in silence, or not let any option stand there.
    pub fn read(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let words = standard_input(&command, words.into_iter().map(Into::into).collect());
        if words.len() < 2 {
            return Err(mistakes::alone(&mut command));
        }
        let matches = command
            .try_get_matches_from_mut(&words)
            .map_err(|error| mistakes::explained(error, &mut command, &words))?;
        let typed =
            |id: &clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        let everywhere = |id: &clap::Id| {
            command.get_arguments().any(|arg| arg.get_id() == id && arg.is_global_set())
        };
        if let Some(name) = matches.subcommand_name() {
            // A struct that is flattened is a group with an id of its own, and no argument.
            let stray = command
                .get_arguments()
                .map(clap::Arg::get_id)
                .find(|id| typed(id) && !everywhere(id));
            if let Some(id) = stray {
                let message =
                    format!("`{id}` is the summary's: write it after `{name}`, if {name} has it");
                return Err(command.error(ErrorKind::ArgumentConflict, message));
            }
        }
        let mut cli =
            Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        cli.settle().map_err(|message| command.error(ErrorKind::ValueValidation, message))?;
        let idle = match &cli.command {
            None => cli.summary.idle(),
            Some(Command::Diff(args)) => idle(&args.page, &[("--exact", args.exact, false)]),
            Some(Command::Memory(args)) => {
                let runs =
                    [("--inference", args.inference, false), ("--training", args.training, false)];
                idle(&args.page, &runs)
            }
            Some(Command::List(args)) => {
                let columns = ("--columns", args.columns.is_some(), true);
                idle(&args.page, &[columns, ("--exact", args.exact, false)])
            }
            Some(_) => None,
        };
        match idle {
            Some(message) => Err(command.error(ErrorKind::ArgumentConflict, message)),
            None => Ok(cli),
        }
    }

    /// Chooses the format where the ending of the file does.
    fn settle(&mut self) -> Result<(), String> {
        let (page, contents) = match &mut self.command {
            None => (&mut self.summary.page, FIGURES),
            Some(Command::Params(args)) => (&mut args.page, RECORDS),
            Some(Command::Memory(args)) => (&mut args.page, FIGURES),
            Some(Command::Verify(args)) => (&mut args.page, RECORDS),
            Some(Command::Profile(args)) => (&mut args.page, RECORDS),
            Some(Command::Explain(args)) => (&mut args.page, PROSE),
            Some(Command::Check(args)) => return args.page.settle(),
            Some(Command::Diff(args)) => (&mut args.page, FIGURES),
            Some(Command::List(args)) => (&mut args.page, FIGURES),
            Some(Command::Conventions(args)) => (&mut args.page, COMPARISON),
            Some(Command::Reconcile(args)) => (&mut args.page, ANSWERS),
            Some(Command::Ops(args)) => (&mut args.page, RECORDS),
            Some(Command::Vars(args)) => (&mut args.page, RECORDS),
            Some(Command::Show(_) | Command::Expand(_) | Command::ExplainError(_)) => return Ok(()),
        };
        page.settle(contents)
    }
}

/// `-#VARIANT` would be read as options of one letter: where a model can stand, it becomes `<stdin>#VARIANT`, which `load`
/// takes for the same.
fn standard_input(command: &clap::Command, mut words: Vec<OsString>) -> Vec<OsString> {
    let is_meant = |word: &OsStr| word.to_str().is_some_and(|word| word.starts_with("-#"));
    if !words.iter().any(|word| is_meant(word)) {
        return words;
    }
    let mut args =
        command.get_subcommands().chain([command]).flat_map(clap::Command::get_arguments);
    let options: Vec<&clap::Arg> =
        args.by_ref().filter(|a| a.get_action().takes_values()).collect();
    let takes = |word: &OsStr| {
        let Some(word) = word.to_str().filter(|word| word.starts_with('-')) else { return false };
        let long = word.strip_prefix("--");
        let is_one = |arg: &&clap::Arg| match long {
            Some(long) => arg.get_long() == Some(long),
            None => arg.get_short().is_some_and(|short| word[1..] == *short.to_string()),
        };
        options.iter().any(is_one)
    };
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    for at in 1..end {
        if is_meant(&words[at]) && !takes(&words[at - 1]) {
            let variant = words[at].to_str().and_then(|word| word.strip_prefix('-'));
            words[at] = format!("{STDIN}{}", variant.unwrap_or_default()).into();
        }
    }
    words
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the parameter tensors, named and ordered as torch's state_dict has them
    Params(ParamsArgs),
    /// Show the formulas of each layer with the numbers put in
    Explain(ExplainArgs),
    /// Show what must be held at once, for inference and for a training step, to the byte
    Memory(MemoryArgs),
    /// Run networks forward and backward, and compare every number with what happens; exit 1 if one differs
    Verify(VerifyArgs),
    /// Run a network and measure what each layer takes, next to what it computes
    Profile(ProfileArgs),
    /// Compare networks with what their descriptions expect; exit 1 if an expectation is missed
    Check(CheckArgs),
    /// Compare two networks layer by layer: what was added, removed, renamed or changed, and what that costs
    Diff(DiffArgs),
    /// List networks side by side, the built-in ones or those of a folder
    List(ListArgs),
    /// Show what each tool would print for a network, side by side, and why they differ
    Conventions(ConventionsArgs),
    /// Find who would print a figure: which conventions, of the network or of its usual variants; exit 1 if none would
    Reconcile(ReconcileArgs),
    /// List the operators, or say all of one
    Ops(OpsArgs),
    /// Print a description as it is written
    Show(ShowArgs),
    /// List the variables that --set replaces, with their defaults, and the variants
    Vars(VarsArgs),
    /// Print a description with variables, loops, blocks and conditions expanded
    Expand(ExpandArgs),
    /// Print the long text of a diagnostic
    ExplainError(ExplainErrorArgs),
}

/// `cnnstat MODEL…`.
#[derive(Args, Debug)]
pub struct SummaryArgs {
    /// Descriptions: FILE, FILE#VARIANT, the name of a built-in network, or - for standard input
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<String>,
    /// What is shown.
    #[command(flatten)]
    pub view: ViewArgs,
    /// How operations are counted.
    #[command(flatten)]
    pub count: AsArgs,
    /// What is assumed.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

impl SummaryArgs {
    /// What is wrong with options that the format would pass over in silence.
    fn idle(&self) -> Option<String> {
        let view = &self.view;
        let options = [
            ("--columns", view.columns.is_some(), true),
            ("--depth", view.depth.is_some(), true),
            ("--collapse", view.collapse, false),
            ("--sort", view.sort.is_some(), true),
            ("--top", view.top.is_some(), true),
            ("--exact", view.exact, false),
        ];
        idle(&self.page, &options)
    }
}

/// What is wrong with options that a format would pass over in silence: each with whether it was typed, and whether it
/// chooses rows or columns, which CSV has too.
fn idle(page: &OutputArgs, options: &[(&str, bool, bool)]) -> Option<String> {
    let format = page.format();
    let (has_columns, why) = match format.needs {
        Content::Data => (false, "JSON holds everything, integers in full"),
        Content::Records => (true, "CSV has integers in full, and every row"),
        Content::Text | Content::Figures => return None,
    };
    let idle: Vec<&str> = options
        .iter()
        .filter(|(_, typed, of_rows)| *typed && !(*of_rows && has_columns))
        .map(|(option, ..)| *option)
        .collect();
    let name = format.label.name;
    (!idle.is_empty())
        .then(|| format!("{} cannot be used with --format {name}: {why}", idle.join(", ")))
}

/// Which rows and columns a table has.
#[derive(Args, Debug)]
#[command(next_help_heading = "Table")]
pub struct ViewArgs {
    /// Columns to show, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = column)]
    #[arg(long_help = columns_help())]
    pub columns: Option<Vec<&'static Column>>,
    /// Levels of names to show; deeper layers are summed up in their scope
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = whole::<usize>(0, u64::MAX))]
    pub depth: Option<usize>,
    /// Show equal neighbours once, as × 6: blocks or layers with the same names below them, arguments, shapes and counts
    #[arg(long)]
    pub collapse: bool,
    /// A column of numbers to sort by, largest first
    #[arg(long, value_name = "COLUMN", value_parser = numeric_column)]
    pub sort: Option<&'static Column>,
    /// Rows to show, the others summed up in one; by MACs unless --sort says otherwise
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = whole::<usize>(0, u64::MAX))]
    pub top: Option<usize>,
    /// Print integers in full
    #[arg(long)]
    pub exact: bool,
}

/// How it is shown.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Screen")]
pub struct ScreenArgs {
    /// When to use colour
    #[arg(long, value_enum, default_value_t, global = true)]
    pub color: When,
    /// How errors are written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", global = true)]
    pub message_format: MessageFormat,
    /// Say nothing of what is right and perhaps not meant
    #[arg(long, global = true)]
    pub no_notes: bool,
    /// Show the last layers before one that does not fit; a terminal always does
    #[arg(long, global = true)]
    pub until_error: bool,
    /// Columns that a table may take [default: the terminal's, or no limit]
    #[arg(long, value_name = "N", global = true, allow_negative_numbers = true)]
    #[arg(value_parser = whole::<u16>(NARROWEST, u16::MAX.into()))]
    pub width: Option<u16>,
}

/// `cnnstat params`.
#[derive(Args, Debug)]
#[command(mut_arg("format", |arg| arg.value_parser(offered(RECORDS))))]
pub struct ParamsArgs {
    /// Descriptions, as for the summary
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<String>,
    /// List buffers too: running statistics and their like
    #[arg(long)]
    pub buffers: bool,
    /// What is assumed.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

/// `cnnstat memory`.
#[derive(Args, Debug)]
#[command(mut_arg("mode", both_modes))]
#[command(
    after_help = "With --fits, exit 1 if a network does not fit at the given batch: its training step where \
    --optimizer is given, otherwise inference. Inference is in eval mode, training in train mode."
)]
pub struct MemoryArgs {
    /// Descriptions, as for the summary
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<String>,
    /// What trains the network: momentum keeps one number a trained parameter, adam two [default: sgd]
    #[arg(long, value_enum, value_name = "NAME")]
    pub optimizer: Option<OptimizerArg>,
    /// Show inference alone
    #[arg(long, conflicts_with_all = ["training", "optimizer"])]
    pub inference: bool,
    /// Show the training step alone
    #[arg(long)]
    pub training: bool,
    /// Find the largest batch that fits in this many bytes: 8GiB, 512MiB, 256K (262,144), 256kB (256,000)
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub fits: Option<u64>,
    /// Count what another framework holds, without its workspace, in place of what --backend does
    #[arg(long = "as", value_enum, value_name = "NAME", conflicts_with = "backend")]
    pub engine: Option<EngineArg>,
    /// What is assumed.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Whose workspace.
    #[command(flatten)]
    pub backend: BackendArgs,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

/// `cnnstat explain`.
#[derive(Args, Debug)]
#[command(mut_arg("format", |arg| arg.value_parser(offered(PROSE))))]
pub struct ExplainArgs {
    /// A description, as for the summary
    #[arg(value_name = "MODEL")]
    pub name: String,
    /// Layers, scopes or patterns with *; all layers if none is given
    #[arg(value_name = "LAYER")]
    pub layers: Vec<String>,
    /// How operations are counted.
    #[command(flatten)]
    pub count: AsArgs,
    /// What is assumed.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

/// `cnnstat check`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit 1 if an expectation is missed or a budget exceeded; a warning, or a network that the baseline \
    does not have, fails nothing. Budgets, formats and recipes for CI: docs/ci.md."
)]
pub struct CheckArgs {
    /// Descriptions, or folders that are searched for them [default: `paths` of cnnstat.toml]
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// The file of budgets [default: cnnstat.toml, where it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Compare with a stored run, `--format json` of check or of the summary, or with a folder of them
    #[arg(long, value_name = "FILE", conflicts_with = "base")]
    pub baseline: Option<String>,
    /// Compare with the same files in another checkout, or in a git revision where no folder is called so
    #[arg(long, value_name = "DIR|REV")]
    pub base: Option<String>,
    /// Let a baseline that does not exist be a warning, as on the first run of all
    #[arg(long)]
    pub allow_missing_baseline: bool,
    /// What is assumed.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Where it goes.
    #[command(flatten)]
    pub page: CheckOutputArgs,
}

/// `cnnstat diff`.
#[derive(Args, Debug)]
#[command(
    after_help = "The options of the network apply to both. With --exit-code, exit 1 if they differ."
)]
pub struct DiffArgs {
    /// The description that is compared with, as for the summary
    #[arg(value_name = "BEFORE")]
    pub before: String,
    /// The description that is compared
    #[arg(value_name = "AFTER")]
    pub after: String,
    /// Exit 1 if the networks differ
    #[arg(long)]
    pub exit_code: bool,
    /// Print integers in full
    #[arg(long)]
    pub exact: bool,
    /// How operations are counted.
    #[command(flatten)]
    pub count: AsArgs,
    /// What is assumed.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

/// `cnnstat list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Descriptions, or folders that are searched for them; the built-in networks if none is given
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// A column to sort by, the largest first; names ascend
    #[arg(long, value_name = "COLUMN", value_parser = list_column)]
    #[arg(help = list_columns_help())]
    pub sort: Option<&'static list::Column>,
    /// Columns to show, separated by commas: those to sort by, or any other quantity
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = list_column)]
    pub columns: Option<Vec<&'static list::Column>>,
    /// Networks to show, by MACs unless --sort says otherwise
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = whole::<usize>(1, u64::MAX))]
    pub top: Option<usize>,
    /// Print integers in full
    #[arg(long)]
    pub exact: bool,
    /// How operations are counted.
    #[command(flatten)]
    pub count: AsArgs,
    /// What is assumed.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Where it goes.
    #[command(flatten)]
    pub page: OutputArgs,
}

/// A command that shows both modes takes no mode: one that is typed would be passed over.
fn both_modes(arg: clap::Arg) -> clap::Arg {
    const BOTH: &str = "both";
    let only = |text: &str| match text {
        BOTH => Ok(ModeArg::default()),
        _ => Err("inference is shown in eval mode and training in train mode".to_owned()),
    };
    arg.hide(true).value_parser(only).default_value(BOTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn columns_are_found_by_key_and_alias() {
        let cli = |args: &[&str]| Cli::read([&["cnnstat"], args].concat());
        let parsed = cli(&["m", "--columns", "name,type, macs%", "--sort", "rf"]);
        assert!(parsed.is_err());
        let parsed = cli(&["m", "--columns", "name,type, macs%"]).unwrap();
        let keys: Vec<&str> =
            parsed.summary.view.columns.unwrap().iter().map(|column| column.key).collect();
        assert_eq!(keys, ["name", "op", "macs%"]);
        assert!(cli(&["m", "--columns", "parms"]).unwrap_err().to_string().contains("`params`"));
    }

    #[test]
    fn memory_takes_a_size_and_no_mode() {
        let read = |args: &[&str]| Cli::read([&["cnnstat", "memory", "m"], args].concat());
        let parsed = read(&["--fits", "1.5GiB", "--optimizer", "adam", "--batch", "4"]).unwrap();
        let Some(Command::Memory(args)) = parsed.command else { panic!("another command") };
        assert_eq!((args.fits, args.optimizer), (Some(3 << 29), Some(OptimizerArg::Adam)));
        assert_eq!((args.model.batch, args.model.mode), (Some(4), ModeArg::Eval));
        assert!(read(&["--fits", "8Gi"]).unwrap_err().to_string().contains("write 8GiB"));
        for mode in ["eval", "train"] {
            let error = read(&["--mode", mode]).unwrap_err().to_string();
            assert!(error.contains("training in train mode"), "{error}");
        }
        assert!(Cli::read(["cnnstat", "params", "m", "--mode", "train"]).is_ok());
    }

    #[test]
    fn commands_take_the_shared_options() {
        let words = ["cnnstat", "--width", "80", "params", "m", "--batch", "2", "--color", "never"];
        let parsed = Cli::read(words);
        let Cli { command: Some(Command::Params(args)), screen, .. } = parsed.unwrap() else {
            panic!("another command")
        };
        assert_eq!((args.model.batch, screen.color), (Some(2), When::Never));
        assert_eq!(screen.width, Some(80));
        assert!(Cli::read(["cnnstat"]).is_err());
        assert!(Cli::read(["cnnstat", "m", "--batch", "0"]).is_err());
        assert!(Cli::read(["cnnstat", "m", "--width", "19"]).is_err());
        assert!(Cli::read(["cnnstat", "--depth", "1", "params", "m"]).is_err());
    }

    #[test]
    fn a_variant_of_standard_input_is_no_option() {
        let models = |words: &[&str]| Cli::read(words).map(|cli| cli.summary.models);
        let read = models(&["cnnstat", "a", "-#b", "--exact", "-#c", "--", "-#d"]).unwrap();
        assert_eq!(read, ["a", "<stdin>#b", "<stdin>#c", "-#d"]);
        for words in [&["cnnstat", "a", "-o", "-#b"][..], &["cnnstat", "a", "--freeze", "-#b"]] {
            assert!(models(words).is_err(), "{words:?}");
        }
    }
}

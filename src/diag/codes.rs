//! The codes of diagnostics, each with a title and a long text that `cnnstat explain-error` prints.

use std::fmt;
use std::str::FromStr;

macro_rules! codes {
    ($($Code:ident $title:literal,)*) => {
        /// What kind of thing is wrong. E01 files and options, E02 YAML, E03 the language, E04 arguments, E05 shapes,
        /// E06 expectations, E07 notes on what is right and perhaps not meant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $title] $Code,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$Code,)*];

            /// The code as it is written: `E0301`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Code => stringify!($Code),)* }
            }

            /// What it means, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$Code => $title,)* }
            }

            /// What it means, when it appears and how to fix it, in Markdown.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$Code => include_str!(concat!("texts/", stringify!($Code), ".md")),)* }
            }
        }
    };
}

codes! {
    E0101 "no such file, and no network of the zoo of this name",
    E0102 "the file is not text",
    E0103 "the file is empty",
    E0104 "a folder stands where a file is expected",
    E0105 "the file cannot be read or written",
    E0106 "the description is larger than cnnstat reads",
    E0107 "unknown variant",
    E0108 "--set is not NAME=VALUE, or given twice",
    E0109 "--set names no variable of the description",
    E0110 "--input is not a shape, is given twice, or names no input",
    E0111 "a pattern of frozen parameters matches nothing",
    E0112 "no layer of this name",
    E0113 "a run needs more memory or threads than it may take",
    E0114 "a file of another format",
    E0115 "training in integers",
    E0201 "YAML syntax",
    E0202 "YAML cut a call at its comma",
    E0203 "a character that YAML keeps for itself",
    E0204 "a list comprehension without parentheses",
    E0205 "a colon inside a call or a condition",
    E0206 "no space after the colon",
    E0207 "a layer followed by a colon and nothing",
    E0208 "a dash is missing",
    E0209 "a dash too many",
    E0210 "a key that is not text",
    E0211 "a comparison that YAML reads as a block",
    E0212 "merge keys are not read",
    E0213 "tags are not read",
    E0214 "the same key twice",
    E0301 "syntax of a call or an expression",
    E0302 "unknown key",
    E0303 "a key is missing",
    E0304 "something else is expected here",
    E0305 "unknown variable",
    E0306 "unknown layer or function",
    E0307 "not a layer",
    E0308 "a value of the wrong type",
    E0309 "arithmetic that has no result",
    E0310 "no such element",
    E0311 "values and names differ in number",
    E0312 "too much: a loop, a list, a number or the network exceeds its limit",
    E0313 "a block that calls itself",
    E0314 "two layers of the same name",
    E0315 "not a name",
    E0316 "a reference to what does not exist",
    E0317 "an expectation that cannot be read",
    E0318 "an input that is never used",
    E0319 "an ambiguous reference",
    E0320 "branches that cannot be joined",
    E0321 "nothing to share",
    E0401 "unknown argument",
    E0402 "an argument is missing",
    E0403 "too many arguments",
    E0404 "an argument is given twice",
    E0405 "an argument has the wrong value",
    E0406 "the input is not what the call says",
    E0407 "another number of inputs",
    E0501 "the input has another number of axes",
    E0502 "the window does not fit",
    E0503 "groups do not divide the channels",
    E0504 "sizes that must be equal are not",
    E0505 "more padding than is allowed",
    E0506 "a size that is not positive",
    E0507 "no such axis",
    E0508 "arguments that do not go together",
    E0509 "a size or a count exceeds 64 bits",
    E0510 "shapes that do not broadcast",
    E0601 "an expectation is not met",
    E0602 "an expectation of a layer that does not exist",
    E0603 "a quantity is above what is to be warned of",
    E0604 "nothing to compare an increase with",
    E0605 "cnnstat.toml is not TOML",
    E0606 "a budget that speaks of no network",
    E0607 "the baseline cannot be read",
    E0608 "a limit that is not decided",
    E0701 "a linear layer on the last axis of a map",
    E0702 "a layer that nothing reads",
    E0703 "a variable or a block that nothing uses",
    E0704 "an input whose channels may be written last",
    E0705 "batch norm of one value a channel",
    E0706 "a batch that is aligned with another axis",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownCode;

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no code: codes are `E` and four digits")
    }
}

impl std::error::Error for UnknownCode {}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Reads `E0301`, in either case.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.name().eq_ignore_ascii_case(text.trim()))
            .ok_or(UnknownCode)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_code_has_a_text_with_its_title_and_an_example() {
        for code in Code::ALL {
            let (text, name, title) = (code.text(), code.name(), code.title());
            assert_eq!(text.lines().next(), Some(format!("# {name}: {title}").as_str()));
            let fences = text.lines().filter(|line| line.starts_with("```")).count();
            let opened =
                text.lines().filter(|line| ["```yaml", "```console"].contains(line)).count();
            assert!(opened > 0 && fences == 2 * opened, "{name}: an example is missing or open");
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(100), "{name}: a line of {longest:?} characters");
        }
    }

    /// A description whose first comment is the code, or a line of `cli.txt` where no file can show it.
    #[test]
    fn every_code_is_shown_by_a_fixture() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bad");
        let mut shown = BTreeSet::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            if path.extension().is_some_and(|e| e == "yaml") {
                let first = text.lines().next().unwrap();
                let head = first.strip_prefix("# ").unwrap().split(" args: ").next().unwrap();
                let name = path.file_name().unwrap().to_str().unwrap();
                assert!(name.starts_with(&format!("{head}_")), "{name} says {first}");
                shown.insert(head.parse::<Code>().unwrap());
            } else {
                let codes = text.lines().map(|line| line.split_once('\t').unwrap().0);
                shown.extend(codes.map(|code| code.parse::<Code>().unwrap()));
            }
        }
        let missing: Vec<_> = Code::ALL.iter().filter(|code| !shown.contains(code)).collect();
        assert!(missing.is_empty(), "no fixture shows {missing:?}");
    }
}

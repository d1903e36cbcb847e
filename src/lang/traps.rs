//! YAML's own traps: what it makes of text that means something else here, each answered in our words at its place.
//!
//! `docs/language.md` lists them; `tests/fixtures/bad/E02*.yaml` shows each.

use super::tree::{Data, Tree};
use crate::diag::{Code, Diagnostic};
use crate::source::{Origin, Span};

/// The message of our own visitor for a tag.
pub(super) const TAG: &str = "cnnstat reads no tags";
/// The message of our own visitor for a document that unfolds beyond its limits.
pub(super) const TOO_LARGE: &str = "cnnstat reads no document of this size";
/// The message of our own visitor for a number outside its range.
pub(super) const NUMBER: &str = "cnnstat reads no such number";

/// An error of the scanner, or of our visitor, at a byte of the text.
pub(super) fn scanner(text: &str, at: usize, message: &str) -> Diagnostic {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let line = text[line_start..].split(['\n', '\r']).next().unwrap_or_default();
    let here =
        Span::new(at, (at + text[at..].chars().next().map_or(0, char::len_utf8)).min(text.len()));
    let whole = Span::new(
        line_start + (line.len() - line.trim_start().len()),
        line_start + line.trim_end().len(),
    );
    let item = line.trim_start().trim_start_matches("- ").trim_start();
    let says = |part: &str| message.contains(part);
    let found =
        |code, message: &str, span, label: &str| Diagnostic::new(code, message).span(span, label);

    if let Some(own) = visitor(message, here) {
        return own;
    }
    if line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t') {
        let indent = line.len() - line.trim_start().len();
        return found(
            Code::E0201,
            "a tab stands where YAML wants spaces",
            Span::new(line_start, line_start + indent),
            "this indentation",
        )
        .help("indent with spaces");
    }
    // The scanner stops at or after the line that holds the fault.
    let before = text[..line_start].trim_end().rsplit('\n').next().unwrap_or_default();
    if let Some(diagnostic) = [line, before].iter().find_map(|line| comparison(text, line)) {
        return diagnostic;
    }
    if item.starts_with(['@', '`', '%', '*'])
        || says("unknown anchor")
        || says("cannot start any token")
    {
        return reserved(text, item, here);
    }
    if item.contains(" for ") && item.contains('[') && item.contains(" in ") {
        return comprehension(
            found(Code::E0204, "YAML reads the bracket as a list of its own", whole, "this line"),
            item,
        );
    }
    if says("mapping values are not allowed") {
        let diagnostic = found(
            Code::E0205,
            "YAML reads the colon as the end of a key",
            whole,
            "this line has a second colon",
        );
        return if ["if ", "for ", "repeat ", "elif "].iter().any(|word| item.starts_with(word)) {
            diagnostic.help("a named layer after a condition or a loop stands on a new line, indented, with a dash")
        } else if let Some((name, join, values)) = named_join(item) {
            diagnostic.help(format!(
                "a join with a name is a call on values: {name}: {join}({values}); or put `{join}:` on a line of its own below `{name}:`"
            ))
        } else {
            diagnostic.help(
                "write no space after a colon inside brackets: xs[1:3]; or put the text in quotes",
            )
        };
    }
    if (item.contains('[') || item.contains('{')) && item.contains('(') {
        return found(
            Code::E0202,
            "YAML cut this call at its comma",
            whole,
            "a list in brackets ends its items at commas",
        )
        .help("write one item a line, each with a dash; or put the call in quotes");
    }
    let plain = message.split(" at line ").next().unwrap_or(message);
    found(Code::E0201, &format!("YAML cannot be read: {plain}"), here, "here")
        .help("mind the indentation (spaces, not tabs), and the space after each dash and colon")
}

/// A name, a join and its values on one line: `cat1: concat: [up1, x2]`.
fn named_join(item: &str) -> Option<(&str, &str, String)> {
    let mut parts = item.splitn(3, ':').map(str::trim);
    let (name, join, values) = (parts.next()?, parts.next()?, parts.next()?);
    if !["add", "mul", "concat"].contains(&join) {
        return None;
    }
    let values = values.trim_matches(['[', ']', ' ']).split(',');
    let values: Vec<String> =
        values.map(|value| format!("@{}", value.trim().trim_start_matches('@'))).collect();
    Some((name, join, values.join(", ")))
}

/// A value that begins with `>`, which YAML takes for its own.
fn comparison(text: &str, line: &str) -> Option<Diagnostic> {
    let value = line.split_once(": ").map_or("", |(_, value)| value.trim_start());
    if ![">=", "> ", ">~"].iter().any(|sign| value.starts_with(sign)) {
        return None;
    }
    let start = offset(text, line);
    let span = Span::new(start, start + line.trim_end().len());
    let message = "YAML reads `>` as the head of a block of text";
    let diagnostic = Diagnostic::new(Code::E0211, message).span(span, "this line");
    Some(diagnostic.help("put the comparison in quotes: \">= 5M\""))
}

/// A character that YAML keeps for itself begins an item.
fn reserved(text: &str, item: &str, here: Span) -> Diagnostic {
    let character = item.chars().next().filter(|c| "@`%*&!".contains(*c));
    let start = offset(text, item);
    let span = if character.is_some() { Span::new(start, start + 1) } else { here };
    let character = match character {
        None => "this character".to_owned(),
        Some('`') => "a backtick".to_owned(),
        Some(c) => format!("`{c}`"),
    };
    let message = format!("{character} cannot begin a plain text in YAML");
    let diagnostic = Diagnostic::new(Code::E0203, message).span(span, "YAML keeps it for itself");
    if item.starts_with('@') {
        diagnostic.help("to go on from a value write identity(@x); or put the text in quotes")
    } else {
        diagnostic.help("put the text in quotes")
    }
}

/// An error that is not the scanner's: of our visitor, or of the library's limits.
fn visitor(message: &str, here: Span) -> Option<Diagnostic> {
    let says = |part: &str| message.contains(part);
    let found = |code, message: &str, label: &str| Diagnostic::new(code, message).span(here, label);
    Some(if says(TAG) {
        found(Code::E0213, "a tag is not read", "a tag begins with !")
            .help("remove the tag: values have no types to name here")
    } else if says(NUMBER) {
        found(Code::E0312, "the number is not one that is read", "here")
            .help("numbers are finite, whole ones between −9,223,372,036,854,775,808 and 9,223,372,036,854,775,807")
    } else if says("recursion limit") {
        found(Code::E0106, "lists and maps are nested too deep", "here")
            .help("at most 127 levels are read; a named sequence takes two")
    } else if says(TOO_LARGE) || says("repetition limit") {
        Diagnostic::new(Code::E0106, "the description unfolds to too much")
            .help("aliases repeat what they name: write a loop or a block instead")
    } else if says("more than one document") {
        Diagnostic::new(Code::E0201, "the file holds several YAML documents")
            .help("one file describes one network: remove the line `---`, or use variants")
    } else {
        return None;
    })
}

fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len())
}

fn comprehension(diagnostic: Diagnostic, item: &str) -> Diagnostic {
    let example = item.find('[').map_or("[f(r) for r in xs]", |start| item[start..].trim_end());
    diagnostic.help(format!("put the whole in parentheses: ({example})"))
}

/// What the text of an item or a value tells of a trap, where it does not parse: the answer takes the place of a syntax
/// error.
pub(super) fn text(tree: &Tree<'_>, place: Origin, text: &str) -> Option<Diagnostic> {
    let found =
        |code, message: &str, label: &str| Some(Diagnostic::new(code, message).label(place, label));
    if tree.in_list(place.element) && text.contains(" for ") && text.contains(" in ") {
        let label = "a list of texts, not a comprehension";
        return found(Code::E0204, "YAML reads the bracket as a list of its own", label)
            .map(|d| comprehension(d, &format!("[{text}]")));
    }
    // What a comma cut apart: one part opens what a later one closes.
    let (_, after) = tree.siblings(place.element);
    let mut open = unclosed(text);
    if open > 0
        && after.iter().any(|later| {
            open += unclosed(later);
            open <= 0
        })
    {
        return found(
            Code::E0202,
            "YAML cut this call at its comma",
            "only this part of the call arrives",
        )
        .map(|d| d.help("write one item a line, each with a dash; or put the call in quotes"));
    }
    let name = text.find(|c: char| !(c.is_alphanumeric() || "_-.$".contains(c)))?;
    let rest = text[name..].strip_prefix(':')?;
    if name > 0 && !rest.is_empty() && !rest.starts_with(' ') {
        let help = format!("write a space after the colon: {}: {rest}", &text[..name]);
        return found(Code::E0206, "no space after the colon", "YAML reads this as one text")
            .map(|d| d.help(help));
    }
    None
}

/// Whether a text is a later part of a call that a comma cut; its beginning is what is reported.
pub(super) fn is_cut_off(tree: &Tree<'_>, place: Origin, text: &str) -> bool {
    let (before, after) = tree.siblings(place.element);
    let open = before.iter().fold(0, |open, text| (open + unclosed(text)).max(0));
    let closes = [text].iter().chain(&after).any(|later| unclosed(later) < 0);
    open > 0 && closes
}

/// What a key tells of a trap, where it does not parse.
pub(super) fn key(tree: &Tree<'_>, node: u32, text: &str) -> Option<Diagnostic> {
    let place = Origin::key(node);
    if *tree.data(node) == Data::Null && super::grammar::expression(text).is_ok() {
        return Some(layer_with_colon(place));
    }
    let value =
        tree.text(node).map_or_else(|| tree.data(node).describe().to_owned(), str::to_owned);
    let (opens, closes) = (text.matches(['(', '[']).count(), text.matches([')', ']']).count());
    (opens > closes && value.contains([')', ']'])).then(|| {
        Diagnostic::new(Code::E0205, "YAML reads the colon as the end of a key")
            .label(place, "YAML ends a key here")
            .help(
                "write no space after a colon inside brackets: xs[1:3]; or put the text in quotes",
            )
    })
}

/// A layer or a name followed by a colon and nothing.
pub(super) fn layer_with_colon(place: Origin) -> Diagnostic {
    Diagnostic::new(Code::E0207, "a name is followed by a colon and nothing")
        .label(place, "its layer is missing")
        .help(
            "for a layer without a name remove the colon; for a named one write the layer after it",
        )
}

/// Parentheses that are opened and not closed; negative where more are closed.
fn unclosed(text: &str) -> i64 {
    text.chars().map(|c| i64::from(c == '(') - i64::from(c == ')')).sum()
}

/// A key that is neither text nor a whole number.
pub(super) fn refused_key(child: u32, text: &str, what: &str) -> Diagnostic {
    Diagnostic::new(Code::E0210, format!("the key `{text}` is {what}, not a name"))
        .label(Origin::key(child), "YAML reads this key so")
        .help("put it in quotes if it is meant as text; names are letters, digits, _ and -")
}

/// `!!binary`.
pub(super) fn binary(node: u32) -> Diagnostic {
    Diagnostic::new(Code::E0213, "a tag is not read")
        .label(Origin::value(node), "a tag begins with !")
        .help("remove the tag: values have no types to name here")
}

/// `<<: *x`.
pub(super) fn merge_key(child: u32) -> Diagnostic {
    Diagnostic::new(Code::E0212, "merge keys are not read")
        .label(Origin::key(child), "this would merge another map")
        .help("sets of values that differ in a few are `variants:`")
}

/// The same key twice in one map.
pub(super) fn duplicate_key(second: u32, first: u32, name: &str) -> Diagnostic {
    Diagnostic::new(Code::E0214, format!("the key `{name}` stands twice in the same map"))
        .label(Origin::key(second), "again here")
        .label(Origin::key(first), "first here")
        .help("rename or remove one; where a list is meant, a dash is missing before the second")
}

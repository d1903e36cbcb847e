//! Formats that are text. A description is never taken for one of them.

/// Whether a text has the key `layers:` of a description at its first column.
pub fn is_description(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("layers:"))
}

/// A Keras model: an object with the name of a class, and its configuration or the version of Keras.
pub fn is_keras(text: &str) -> bool {
    let keys = top_keys(text);
    keys.contains(&"class_name") && (keys.contains(&"config") || keys.contains(&"keras_version"))
}

/// The index of a safetensors model in several files.
pub fn is_safetensors_index(text: &str) -> bool {
    top_keys(text).contains(&"weight_map")
}

/// Keys of the outermost object of a JSON text, as far as the text goes; none of what is no object.
fn top_keys(text: &str) -> Vec<&str> {
    let mut keys = Vec::new();
    if !text.trim_start().starts_with('{') {
        return keys;
    }
    let (mut depth, mut quote, mut last, mut is_escaped) = (0_u32, None, "", false);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), b'\\') => is_escaped = true,
            (Some(start), b'"') => (quote, last) = (None, &text[start..at]),
            (None, b'"') => quote = Some(at + 1),
            (None, b'{' | b'[') => depth += 1,
            (None, b'}' | b']') => depth = depth.saturating_sub(1),
            (None, b':') if depth == 1 => keys.push(last),
            _ => {}
        }
    }
    keys
}

/// A Caffe network: `layer {` or `layers {` at the first column. YAML would have a colon there.
pub fn is_caffe(text: &str) -> bool {
    let starts = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(starts).any(|at| {
        let rest = text[at..].strip_prefix("layer");
        let rest = rest.map(|rest| rest.strip_prefix('s').unwrap_or(rest));
        rest.is_some_and(|rest| rest.trim_start().starts_with('{'))
    })
}

/// A Darknet cfg: its first section is `[net]`, or one of its sections is a convolution.
pub fn is_darknet(text: &str) -> bool {
    let mut lines = text.lines().map(|line| line.replace([' ', '\t'], "").to_ascii_lowercase());
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let Some(first) = first.filter(|line| line.starts_with('[')) else { return false };
    let is_net = ["[net]", "[network]"].contains(&first.as_str());
    let is_convolution = |line: &str| ["[convolutional]", "[conv]"].contains(&line);
    is_convolution(&first)
        || lines.any(|line| {
            is_convolution(&line) || (is_net && (line.contains('=') || line.starts_with('[')))
        })
}

/// `print(model)` of PyTorch: a class and a bracket, then `(name): Class(` on the lines below it.
pub fn is_printed(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(">>>"));
    let opens = |line: &str| line.trim_end().strip_suffix('(').is_some_and(is_name);
    lines.next().is_some_and(opens) && lines.any(is_child)
}

/// `  (layer1): Sequential(` or `  (0-3): 4 x Block(`.
fn is_child(line: &str) -> bool {
    let child = line.trim_start().strip_prefix('(').and_then(|rest| rest.split_once("): "));
    let class = child.and_then(|(_, class)| class.split_once('('));
    class.is_some_and(|(class, _)| is_name(class.rsplit(' ').next().unwrap_or_default()))
}

fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    text.starts_with(|c: char| c.is_alphabetic() || c == '_') && text.chars().all(is_part)
}

/// Python source: it begins with a statement, and has an import, a class or a function at its first column.
pub fn is_python(text: &str) -> bool {
    let mut lines = statements(text);
    let Some(first) = lines.next() else { return false };
    let begins = defines(first)
        || first.starts_with('@')
        || ["try:", "if ", "with "].iter().any(|word| first.starts_with(word))
        || first.split_once('=').is_some_and(|(name, _)| is_name(name.trim_end()));
    begins && (defines(first) || lines.any(defines))
}

/// Lines at the first column that are no comment and no docstring at the beginning.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    let is_silent = |line: &&str| line.trim().is_empty() || line.starts_with('#');
    let mut lines = text.lines().skip_while(is_silent).peekable();
    let quote = ["\"\"\"", "'''"].into_iter().find(|quote| {
        lines.peek().is_some_and(|line| line.trim_start_matches(['r', 'R']).starts_with(quote))
    });
    if let Some(quote) = quote {
        let is_short = lines.next().is_some_and(|line| line.matches(quote).count() > 1);
        if !is_short {
            let _ = lines.find(|line| line.contains(quote));
        }
    }
    lines.filter(move |line| !is_silent(line) && !line.starts_with([' ', '\t', ')', ']', '}']))
}

/// Whether a line imports, or begins a class or a function.
fn defines(line: &str) -> bool {
    let words = |text: &str| text.split([',', ' ']).filter(|word| !word.is_empty()).all(is_name);
    let line = line.split('#').next().unwrap_or_default().trim_end();
    let line = line.strip_prefix("async ").unwrap_or(line);
    if let Some(names) = line.strip_prefix("import ") {
        return words(names);
    }
    if let Some((module, _)) = line.strip_prefix("from ").and_then(|l| l.split_once(" import ")) {
        return is_name(module.trim_start_matches('.')) || module.starts_with('.');
    }
    if let Some(function) = line.strip_prefix("def ") {
        return function.split_once('(').is_some_and(|(name, _)| is_name(name));
    }
    let class = line.strip_prefix("class ").and_then(|rest| rest.split(['(', ':']).next());
    class.is_some_and(is_name) && line.ends_with([':', ',', '('])
}

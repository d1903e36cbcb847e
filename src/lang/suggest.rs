//! What a name that means nothing here was meant to be: a layer of this network, an operator under another framework's name,
//! a word that needs quotes.

use super::functions;
use super::reader::{Frame, Reader};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::ops::Op;
use crate::source::Origin;

/// Names that papers, Keras, TensorFlow, Caffe and people have for operators, in lower case and without underscores and
/// numbers of axes. `*d` stands for the number of axes of what arrives.
const SYNONYMS: &[(&str, &str)] = &[
    ("averagepooling", "avgpool*d"),
    ("batchnormalization", "batchnorm*d"),
    ("bn", "batchnorm*d"),
    ("concatenate", "concat"),
    ("conv", "conv*d"),
    ("convolution", "conv*d"),
    ("convtranspose", "conv_transpose*d"),
    ("deconv", "conv_transpose*d"),
    ("dense", "linear"),
    ("depthwiseconv", "conv*d"),
    ("eltwise", "add"),
    ("fc", "linear"),
    ("fullyconnected", "linear"),
    ("gap", "global_avgpool"),
    ("globalaveragepooling", "global_avgpool"),
    ("globalmaxpooling", "global_maxpool"),
    ("gn", "groupnorm"),
    ("groupnormalization", "groupnorm"),
    ("hswish", "hardswish"),
    ("innerproduct", "linear"),
    ("layernormalization", "layernorm"),
    ("ln", "layernorm"),
    ("maxpooling", "maxpool*d"),
    ("multiply", "mul"),
    ("resize", "upsample"),
    ("sum", "add"),
    ("upconv", "conv_transpose*d"),
    ("upsampling", "upsample"),
    ("zeropadding", "zero_pad*d"),
];

/// Operators that people ask for and that are not described; names of others that look alike mislead.
const ABSENT: &[&str] = &[
    "attention",
    "bmm",
    "dcn",
    "deformconv",
    "einsum",
    "embedding",
    "fold",
    "glu",
    "gru",
    "grucell",
    "lambda",
    "lstm",
    "lstmcell",
    "matmul",
    "maxout",
    "maxunpool",
    "multiheadattention",
    "rmsnorm",
    "rnn",
    "scaleddotproductattention",
    "simplernn",
    "spectralnorm",
    "timedistributed",
    "transformerencoderlayer",
    "unfold",
    "weightnorm",
];

/// The name in lower case, without underscores and the number of axes, and that number.
fn plain(name: &str) -> (String, Option<usize>) {
    let lower: String = name.to_lowercase().chars().filter(|c| *c != '_').collect();
    let rank = |suffix: &str| match suffix {
        "1d" => Some(1),
        "2d" => Some(2),
        "3d" => Some(3),
        _ => None,
    };
    // `Conv2DTranspose` has it in the middle.
    let found = lower.char_indices().find_map(|(at, _)| Some((at, rank(lower.get(at..at + 2)?)?)));
    match found {
        Some((at, rank)) => ([&lower[..at], &lower[at + 2..]].concat(), Some(rank)),
        None => (lower, None),
    }
}

/// What stands here for an operator of another framework, or for one that is not described; `rank` is the number of spatial
/// axes where the name has none.
pub(crate) fn operator_meant(name: &str, rank: Option<usize>) -> Option<String> {
    let (base, written) = plain(name);
    if let Some((_, operator)) = SYNONYMS.iter().find(|(synonym, _)| *synonym == base) {
        let ranked = operator.replace("*d", &format!("{}d", written.or(rank).unwrap_or(2)));
        let more = if base == "depthwiseconv" { " with groups=channels(@)" } else { "" };
        return Some(format!("that is `{ranked}`{more} here"));
    }
    ABSENT.contains(&base.as_str()).then(|| {
        format!(
            "cnnstat describes no such layer: `cnnstat ops` lists what there is, and unknown('{name}', …) stands for it"
        )
    })
}

impl Reader<'_> {
    /// The spatial axes of the current value, where it has one to three.
    fn rank(&self, frame: &Frame) -> Option<usize> {
        let rank = self.builder.shape(frame.current?)?.rank().checked_sub(2)?;
        (1..=3).contains(&rank).then_some(rank)
    }

    /// What to write in place of a name that nothing has.
    pub(super) fn nearest(&self, name: &str, frame: &Frame) -> Option<String> {
        let rank = self.rank(frame);
        if let Some(meant) = operator_meant(name, rank) {
            return Some(meant);
        }
        let (base, written) = plain(name);
        let ranked = format!("{base}{}d", written.or(rank).unwrap_or(2));
        if Op::find(name).is_none() && Op::find(&ranked).is_some() {
            return Some(format!("did you mean `{ranked}`?"));
        }
        let operators: Vec<String> = Op::names().collect();
        let variables = frame.locals.iter().map(|(name, _)| name.as_str());
        let variables = variables.chain(self.globals.keys().map(String::as_str));
        let blocks = self.block_names.keys().map(String::as_str);
        let callable = functions::NAMES.iter().copied().chain(operators.iter().map(String::as_str));
        let known = variables.chain(blocks).chain(callable);
        did_you_mean(name, known.filter(|known| *known != name))
    }

    /// Whether a name is that of a value: a layer, a sequence or an input.
    fn is_value(&self, name: &str, frame: &Frame) -> bool {
        frame.inputs.iter().any(|(input, _)| input == name)
            || !self.scopes.meanings(name, frame.wall).is_empty()
    }

    /// That no variable and no layer that can be called has this name.
    pub(super) fn no_such_name(&self, name: &str, place: Origin, frame: &Frame) -> Diagnostic {
        if self.is_value(name, frame) {
            let message = format!("`{name}` is a layer of this network, not a variable");
            return Diagnostic::new(Code::E0305, message)
                .label(place, format!("write `@{name}`"))
                .help(format!(
                    "`@{name}` is its value; '{name}' in quotes is its name, as share takes it"
                ));
        }
        let diagnostic =
            Diagnostic::new(Code::E0305, format!("there is no variable or layer `{name}`"))
                .label(place, "not known here");
        if is_word(name) {
            return diagnostic.help(format!("a word is written in quotes: '{name}'"));
        }
        diagnostic.helps(self.nearest(name, frame))
    }

    /// That nothing that can be called has this name.
    pub(super) fn no_such_layer(&self, name: &str, place: Origin, frame: &Frame) -> Diagnostic {
        if self.is_value(name, frame) {
            let message = format!("`{name}` is a layer that exists already, not an operator");
            return Diagnostic::new(Code::E0306, message)
                .label(place, "its value is meant")
                .help(format!("write identity(@{name}) to go on from it; add(@, @{name}) and concat(@, @{name}) join it"));
        }
        let diagnostic = Diagnostic::new(Code::E0306, format!("there is no layer `{name}`"))
            .label(place, "not known");
        match self.nearest(name, frame) {
            Some(near) => diagnostic.help(near),
            None => diagnostic.help("`cnnstat ops` lists the operators"),
        }
    }
}

/// Whether an argument of an operator takes this word.
fn is_word(name: &str) -> bool {
    let quoted = format!("'{name}'");
    Op::ALL.iter().flat_map(|entry| entry.signature).any(|arg| arg.takes.contains(&quoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synonyms_are_sorted_and_lead_to_operators() {
        assert!(SYNONYMS.is_sorted() && ABSENT.is_sorted());
        for (synonym, operator) in SYNONYMS {
            assert!(Op::find(&operator.replace("*d", "2d")).is_some(), "{synonym}: {operator}");
            assert!(Op::find(synonym).is_none(), "{synonym} is an operator");
        }
        for absent in ABSENT {
            assert!(Op::find(absent).is_none(), "{absent} is an operator");
        }
    }

    #[test]
    fn the_number_of_axes_is_found_wherever_it_is_written() {
        assert_eq!(plain("Conv2DTranspose"), ("convtranspose".to_owned(), Some(2)));
        assert_eq!(plain("global_average_pooling1d"), ("globalaveragepooling".to_owned(), Some(1)));
        assert_eq!(plain("fc"), ("fc".to_owned(), None));
    }
}

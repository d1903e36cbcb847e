//! A shape of `--input` that no layer takes, because it is written in another order or with other axes: what is meant.

use crate::graph::Input;
use crate::model::Model;
use crate::shape::Shape;

/// A shape that does not look like the declared one.
pub struct Unlike {
    /// As it is typed.
    pub typed: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// The same in a few words.
    pub label: &'static str,
    /// What to write.
    pub help: String,
}

/// The shapes that were asked for and do not look like those that a network declares.
pub fn unlike_declared(asked: &[(String, Shape)], declared: &Model) -> Vec<Unlike> {
    let unlike = asked.iter().filter_map(|(name, shape)| {
        let inputs = declared.graph.inputs();
        let input = inputs.iter().find(|input| name.is_empty() || input.name == *name)?;
        unlike(name, shape.dims(), input)
    });
    unlike.collect()
}

/// What a shape is meant to be that is not like the declared one.
fn unlike(name: &str, asked: &[u64], input: &Input) -> Option<Unlike> {
    let declared: Vec<u64> = without_batch(input);
    let (channels, places) = declared.split_first()?;
    let with_channels = |sizes: &[u64]| [&[*channels], sizes].concat();
    let (wrong, batch, right) = match asked {
        [size] if !places.is_empty() => {
            ("it has one axis", None, with_channels(&vec![*size; places.len()]))
        }
        [batch, sizes @ ..] if sizes.len() == declared.len() => {
            ("the batch is among its axes", Some(*batch), channels_first(sizes, *channels))
        }
        sizes if sizes.len() == places.len() => {
            ("it has no channel axis", None, with_channels(sizes))
        }
        sizes if sizes.len() == declared.len() => {
            let right = channels_first(sizes, *channels);
            (right != sizes).then_some(("its channels come last", None, right))?
        }
        _ => return None,
    };
    let text = |sizes: &[u64]| sizes.iter().map(u64::to_string).collect::<Vec<_>>().join("x");
    let named = if name.is_empty() { String::new() } else { format!("{name}=") };
    let typed = format!("{named}{}", text(asked));
    let message = format!(
        "--input {typed} is not like the declared {}: {wrong}",
        declared.iter().map(u64::to_string).collect::<Vec<_>>().join("×"),
    );
    let batch = batch.map(|batch| format!(" --batch {batch}")).unwrap_or_default();
    let help = format!("write --input {named}{}{batch}", text(&right));
    Some(Unlike { typed, message, label: wrong, help })
}

/// The declared sizes.
fn without_batch(input: &Input) -> Vec<u64> {
    let axes = input.shape.dims().iter().enumerate();
    axes.filter(|(axis, _)| Some(*axis) != input.batch).map(|(_, size)| *size).collect()
}

/// The same sizes with the declared channels in front, where they stand behind.
fn channels_first(sizes: &[u64], channels: u64) -> Vec<u64> {
    match sizes {
        [first, places @ .., last] if *last == channels && *first != channels => {
            [&[*last, *first], places].concat()
        }
        sizes => sizes.to_vec(),
    }
}

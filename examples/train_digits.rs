//! Trains the lecture's network on handwritten digits: 1,797 images of 8×8, a fifth held out.
//!
//! `cargo run --release --example train_digits`
//!
//! The executable backend checks what is computed and is not part of the API: a crate of one's own that trains with it enables
//! the feature `internals`, of which nothing is promised.
//!
//! The images are the test set of "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine
//! Learning Repository, 1998, CC BY 4.0.

#![allow(clippy::cast_precision_loss, reason = "shares of a few images")]

use std::error::Error;
use std::io::{Cursor, Read as _};

use cnnstat::DescriptionError;
use cnnstat::internals::exec::backend::Backend;
use cnnstat::internals::exec::kernels::Scheme;
use cnnstat::internals::exec::loss::cross_entropy;
use cnnstat::internals::exec::network::Network;
use cnnstat::internals::exec::optim::Adam;
use cnnstat::internals::exec::rng::Rng;
use cnnstat::internals::exec::tape::Unobserved;
use cnnstat::internals::exec::tensor::Tensor;
use cnnstat::model::Asked;
use cnnstat::ops::Mode;
use indicatif::{ProgressBar, ProgressStyle};

const EPOCHS: usize = 24;
const BATCH: usize = 16;
const LEARNING_RATE: f64 = 2e-3;
const SEED: u64 = 0;

/// 64 pixels from 0 to 1, and the digit.
struct Image {
    pixels: Vec<f32>,
    digit: usize,
}

fn images() -> Result<Vec<Image>, Box<dyn Error>> {
    let packed = &include_bytes!("data/digits.csv.gz")[..];
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text)?;
    let image = |line: &str| -> Result<Image, Box<dyn Error>> {
        let numbers: Vec<u8> = line.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let (digit, pixels) = numbers.split_last().ok_or("an empty line")?;
        Ok(Image {
            pixels: pixels.iter().map(|p| f32::from(*p) / 16.0).collect(),
            digit: usize::from(*digit),
        })
    };
    text.lines().map(image).collect()
}

/// Images as one batch N×1×8×8, and their digits.
fn batch(images: &[&Image], network: &Network<'_, f32>) -> (Tensor<f32>, Vec<usize>) {
    let pixels = images.iter().flat_map(|image| image.pixels.iter().copied()).collect();
    let digits = images.iter().map(|image| image.digit).collect();
    (Tensor::new(&[images.len(), 1, 8, 8], pixels, network.meter()), digits)
}

/// How many of the images a network tells.
fn told(images: &[&Image], network: &mut Network<'_, f32>) -> Result<usize, Box<dyn Error>> {
    let mut right = 0;
    for images in images.chunks(64) {
        let (input, digits) = batch(images, network);
        let logits = network.infer(vec![input], Mode::Eval)?.remove(0);
        for (row, digit) in logits.data().chunks(10).zip(digits) {
            let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            right += usize::from(best.is_some_and(|(at, _)| at == digit));
        }
    }
    Ok(right)
}

fn main() -> Result<(), Box<dyn Error>> {
    let text = include_str!("../models/custom_cnn.yaml");
    let architecture = cnnstat::read("models/custom_cnn.yaml", &mut Cursor::new(text))?;
    let sets = vec![("xdim".to_owned(), "[1, 8, 8]".to_owned())];
    let model = architecture
        .at(&Asked { sets, ..Asked::default() })
        .map_err(|found| DescriptionError::of(&*architecture, found))?;
    let images = images()?;
    // Every fifth image is held out.
    let (held, seen): (Vec<_>, Vec<_>) = images.iter().enumerate().partition(|(i, _)| i % 5 == 0);
    let held: Vec<&Image> = held.into_iter().map(|(_, image)| image).collect();
    let mut seen: Vec<&Image> = seen.into_iter().map(|(_, image)| image).collect();

    let mut network = Network::<f32>::new(&model.graph, Scheme::KaimingNormal, SEED)
        .with_backend(Backend::Fast { exact: false });
    let (first, _) = batch(&seen[..1], &network);
    network.build(&[first])?;
    let (mut adam, mut rng) = (Adam::new(LEARNING_RATE), Rng::new(SEED));
    let bar = ProgressBar::new((EPOCHS * seen.len()) as u64);
    bar.set_style(ProgressStyle::with_template("{bar:40} {elapsed} {msg}")?);
    for epoch in 1..=EPOCHS {
        // Shorter steps towards the end.
        adam.lr = LEARNING_RATE * (EPOCHS + 1 - epoch) as f64 / EPOCHS as f64;
        for i in (1..seen.len()).rev() {
            seen.swap(i, rng.below(i + 1));
        }
        let mut loss = 0.0;
        for images in seen.chunks(BATCH) {
            let (input, digits) = batch(images, &network);
            let tape = network.forward(vec![input], Mode::Train, false, &mut Unobserved)?;
            let found = cross_entropy(&tape.outputs[0], &digits, network.meter());
            loss += f64::from(found.value) * images.len() as f64;
            let gradients = network.backward(tape, vec![found.gradient], false, &mut Unobserved);
            network.descend(&gradients, &mut adam);
            bar.inc(images.len() as u64);
        }
        bar.set_message(format!("epoch {epoch}, loss {:.3}", loss / seen.len() as f64));
    }
    bar.finish();
    let right = told(&held, &mut network)?;
    let share = 100.0 * right as f64 / held.len() as f64;
    println!("{right} of {} held-out digits are told: {share:.1} %", held.len());
    Ok(())
}

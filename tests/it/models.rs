//! The zoo: every network of every file is read, documented, expected exactly, met, and equal to its expansion.

use cnnstat::lang::{self, Metric};

use crate::common::{assert_expansion_is_equal, folder, is_exact, missed, read, variants};

#[test]
fn every_network_meets_what_its_file_expects() {
    for source in folder("models") {
        for variant in variants(&source) {
            let document = read(&source, variant.as_deref());
            let missed = missed(&document);
            assert!(missed.is_empty(), "{} {variant:?}: {missed:#?}", source.name);
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_expects_exact_numbers() {
    for source in folder("models") {
        let name = &source.name;
        let outline = lang::outline(&source).unwrap();
        // A family without expectations of its own is a frame for its variants, no network.
        assert!(outline.expects || !outline.variants.is_empty(), "{name} expects nothing");
        let bare = outline.expects.then_some(None);
        let variants = outline.variants.into_iter().map(|(variant, _)| Some(variant));
        for variant in bare.into_iter().chain(variants) {
            let document = read(&source, variant.as_deref());
            assert_eq!(document.graph.name, *name, "the model's name is its file's");
            assert!(document.about.as_ref().is_some_and(|about| about.len() > 20), "{name}");
            assert!(document.source.as_ref().is_some_and(|source| source.len() > 20), "{name}");
            for metric in [Metric::Params, Metric::Macs, Metric::Output] {
                let exact = is_exact(&document, metric);
                assert!(exact, "{name} {variant:?}: no exact {}", metric.name());
            }
        }
    }
}

#[test]
fn the_zoo_is_complete_and_no_name_stands_twice() {
    let mut names: Vec<String> = Vec::new();
    for source in folder("models") {
        let outline = lang::outline(&source).unwrap();
        names.extend(outline.expects.then(|| source.name.clone()));
        names.extend(outline.variants.into_iter().map(|(variant, _)| variant));
    }
    names.sort();
    let expected = "alexnet alexnet_slide alexnet_torchvision c3d custom_cnn custom_cnn_bn dcgan_generator lenet5 m5 \
                    mobilenet_v1 vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn an_expansion_is_the_same_network() {
    for source in folder("models") {
        for variant in variants(&source) {
            assert_expansion_is_equal(&read(&source, variant.as_deref()));
        }
    }
}

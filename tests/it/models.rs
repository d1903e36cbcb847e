//! The zoo: every network of every file is read, documented, expected exactly, met, and equal to its expansion.

use cnnstat::analysis::quantity::Quantity;
use cnnstat::internals::lang::Description;
use cnnstat::model::Architecture as _;

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
        let family = Description::read(source.clone()).unwrap();
        // A family without expectations of its own is a frame for its variants, no network.
        assert!(family.expects() || !family.variants().is_empty(), "{name} expects nothing");
        let bare = family.expects().then_some(None);
        let variants = family.variants().iter().map(|variant| Some(variant.name.clone()));
        for variant in bare.into_iter().chain(variants) {
            let document = read(&source, variant.as_deref());
            assert_eq!(document.graph.name, *name, "the model's name is its file's");
            assert!(document.about.as_ref().is_some_and(|about| about.len() > 20), "{name}");
            assert!(document.source.as_ref().is_some_and(|source| source.len() > 20), "{name}");
            for quantity in ["params", "macs", "output"].map(Quantity::expected_as) {
                let quantity = quantity.unwrap();
                let exact = is_exact(&document, quantity);
                assert!(exact, "{name} {variant:?}: no exact {}", quantity.key);
            }
        }
    }
}

#[test]
fn the_zoo_is_complete_and_no_name_stands_twice() {
    let mut names: Vec<String> = Vec::new();
    for source in folder("models") {
        let family = Description::read(source.clone()).unwrap();
        names.extend(family.expects().then(|| source.name.clone()));
        names.extend(family.variants().iter().map(|variant| variant.name.clone()));
    }
    names.sort();
    let expected = "alexnet alexnet_slide alexnet_torchvision autoencoder c3d convnext_base convnext_large convnext_small \
                    convnext_tiny custom_cnn custom_cnn_bn dcgan_generator densenet121 densenet161 densenet169 \
                    densenet201 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 \
                    efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_l efficientnet_v2_m \
                    efficientnet_v2_s fcn32s googlenet googlenet_no_aux inception_v3 inception_v3_no_aux lenet5 m5 \
                    mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3 mobilenet_v1 mobilenet_v2 mobilenet_v3_large \
                    mobilenet_v3_small r3d_18 regnet_x_16gf regnet_x_1_6gf regnet_x_32gf regnet_x_3_2gf regnet_x_400mf \
                    regnet_x_800mf regnet_x_8gf regnet_y_16gf regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf \
                    regnet_y_400mf regnet_y_800mf regnet_y_8gf resnet101 resnet101_v1 resnet152 resnet152_v1 \
                    resnet18 resnet34 resnet50 resnet50_v1 resnext101_32x8d resnext101_64x4d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 \
                    shufflenet_v2_x1_5 shufflenet_v2_x2_0 siamese squeezenet1_0 squeezenet1_1 tcn unet unet_padded \
                    vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn wide_resnet101_2 wide_resnet50_2 yolov3";
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

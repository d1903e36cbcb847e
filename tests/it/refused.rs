//! What torch refuses is refused: cases that random networks found against PyTorch 2.15.

use crate::language::parse;

/// An input and a layer that torch raises an error for.
const REFUSED: &[(&str, &str)] = &[
    // `Expected more than 1 spatial element when training, got input size torch.Size([1, 4, 1, 1])`
    ("[4, 1, 1]", "instancenorm2d(affine=true)"),
    ("[4, 1]", "instancenorm1d"),
    // `Expected more than 1 value per channel when training, got input size [1, 6, 1]`
    ("[6, 1]", "groupnorm(6)"),
    // `input image (T: 2 H: 4 W: 4) smaller than kernel size (kT: 3 kH: 3 kW: 3)`
    ("[2, 2, 4, 4]", "avgpool3d(3, 1, padding=1)"),
    // `AvgPool1d.__init__() got an unexpected keyword argument 'divisor_override'`
    ("[2, 8]", "avgpool1d(2, divisor_override=3)"),
    // `object of type 'NoneType' has no len()`
    ("[2, 8, 8]", "adaptive_avgpool2d(none)"),
    ("[2, 8]", "AdaptiveMaxPool1d(None)"),
];

/// Their neighbours, which torch accepts.
const ACCEPTED: &[(&str, &str)] = &[
    ("[4, 1, 2]", "instancenorm2d(affine=true)"),
    ("[4, 1, 1]", "instancenorm2d(track_running_stats=true)"),
    ("[6, 1]", "groupnorm(3)"),
    ("[3, 4, 4]", "avgpool2d(3, 1, padding=1)"),
    ("[2, 3, 4, 4]", "avgpool3d(3, 1, padding=1)"),
    ("[2, 8, 8]", "avgpool2d(2, divisor_override=3)"),
    ("[2, 8, 8]", "adaptive_avgpool2d((none, none))"),
];

fn reads(input: &str, layer: &str) -> bool {
    parse(&format!("input: {input}\n"), &format!("  - {layer}\n")).is_ok()
}

#[test]
fn what_torch_refuses_is_refused_and_its_neighbour_is_not() {
    let wrong = REFUSED.iter().filter(|(input, layer)| reads(input, layer));
    let wrong: Vec<_> = wrong.chain(ACCEPTED.iter().filter(|(i, l)| !reads(i, l))).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_list_that_does_not_fit_is_spelt_out() {
    let found = parse("input: [2, 8, 8]\n", "  - reflection_pad2d((1, -1, 0, 2))\n").unwrap_err();
    assert!(found[0].message.ends_with("but is [1, -1, 0, 2]"), "{}", found[0].message);
}

//! The next larger inputs at which a network fits.

use crate::shape::Shape;

/// How far above an extent others are tried one by one, where all spatial axes are alike.
const TRIED: u64 = 64;
/// Extents that pools and strides divide.
const MULTIPLES: [u64; 7] = [2, 4, 8, 16, 32, 64, 128];
/// Channels of pictures: as the last axis they are no extent that could grow.
const CHANNELS: [u64; 3] = [1, 3, 4];

type Inputs = Vec<(String, Shape)>;

/// The inputs that differ in the first of those that are tried which fits, with every axis that need not grow as it was. Spatial axes grow, by one
/// after the other where they are alike, else to multiples that halve evenly.
pub(super) fn next(
    inputs: &[(String, Shape)],
    fits: impl Fn(&[(String, Shape)]) -> bool,
) -> Option<Inputs> {
    let is_picture = |shape: &Shape| match shape.dims() {
        [height, width, last] => CHANNELS.contains(last) && *height.min(width) > 8,
        _ => false,
    };
    if inputs.iter().any(|(_, shape)| is_picture(shape)) {
        return None;
    }
    let mut extents = inputs.iter().flat_map(|(_, shape)| shape.dims().iter().skip(1));
    let first = extents.next()?;
    let added = if extents.all(|extent| extent == first) { TRIED } else { 0 };
    let added = (1..=added).map(|more| grown(inputs, |extent| extent.saturating_add(more)));
    let rounded = MULTIPLES
        .iter()
        .map(|of| grown(inputs, |extent| extent.checked_next_multiple_of(*of).unwrap_or(extent)));
    let doubled = (1..=4).map(|times| grown(inputs, |extent| extent.saturating_mul(1 << times)));
    let mut found = added.chain(rounded).chain(doubled).find(|inputs| fits(inputs))?;
    for at in 0..inputs.len() {
        for axis in 1..inputs[at].1.rank() {
            let mut less = found.clone();
            less[at].1 = less[at].1.with(axis, inputs[at].1.dims()[axis]);
            if fits(&less) {
                found = less;
            }
        }
    }
    let changed = found.into_iter().zip(inputs).filter(|(new, old)| new != *old);
    Some(changed.map(|(new, _)| new).collect())
}

fn grown(inputs: &[(String, Shape)], change: impl Fn(u64) -> u64) -> Inputs {
    let grow = |(name, shape): &(String, Shape)| {
        let extents = shape.dims().iter().enumerate().skip(1);
        let shape = extents.fold(*shape, |shape, (axis, extent)| shape.with(axis, change(*extent)));
        (name.clone(), shape)
    };
    inputs.iter().map(grow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_that_fit_stay() {
        let inputs = [("a".to_owned(), Shape::new(&[3, 101, 64]).unwrap())];
        let even = |inputs: &[(String, Shape)]| inputs[0].1.dims()[1..].iter().all(|n| n % 2 == 0);
        assert_eq!(next(&inputs, even).unwrap()[0].1.dims(), [3, 102, 64]);
        let square = [("a".to_owned(), Shape::new(&[3, 33, 33]).unwrap())];
        assert_eq!(next(&square, even).unwrap()[0].1.dims(), [3, 34, 34]);
        assert!(next(&[("a".to_owned(), Shape::new(&[28, 28, 1]).unwrap())], even).is_none());
        let two = [inputs[0].clone(), ("b".to_owned(), Shape::new(&[3, 8, 8]).unwrap())];
        let found = next(&two, even).unwrap();
        assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a"]);
    }
}

//! The one list of quantities: what can be a column, compared, expected, limited, stored and documented.
//!
//! A new quantity is an entry here. Columns of the summary and of the list, `diff`, `expect` and `budget`, baselines and
//! the tables of the documentation iterate [`ALL`]; `tests/it/quantities.rs` holds it against what is serialised.

use super::measure::{Measure, Subject};
use super::{Counted, Field, Totals};
use crate::shape::Shape;

/// A quantity of layers and networks.
#[derive(Debug)]
#[non_exhaustive]
pub struct Quantity {
    /// Its name in options, descriptions and CSV: `bytes`.
    pub key: &'static str,
    /// The head of its column.
    pub title: &'static str,
    /// What it is, for the documentation.
    pub doc: &'static str,
    /// In what it is counted.
    pub unit: Unit,
    /// How it is computed.
    pub of: Of,
    /// The same along each axis, where it can be written as a list.
    pub(crate) by_axis: Option<OfValue>,
    /// What must be known for it to be.
    pub counted: Counted,
    /// Where it stands among the serialised counts: `work.macs`. `None` if it is not serialised.
    pub json: Option<&'static str>,
    /// Its column in the summary.
    pub(crate) column: Option<Shown>,
    /// Its column in the list of networks.
    pub(crate) listed: Option<Listed>,
    /// Whether it is compared layer by layer.
    pub compared: bool,
    /// Whether a baseline stores it for each layer.
    pub stored: bool,
    /// Its row in the totals of a comparison.
    pub(crate) figure: Option<Figure>,
    /// Its place among the quantities that can be expected.
    pub expected: Option<u8>,
}

/// In what a quantity is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Elements of tensors, or positions.
    Elements,
    /// Scalar operations.
    Operations,
    /// Bytes.
    Bytes,
    /// A ratio of two of these.
    Ratio,
    /// Sizes of axes.
    Shape,
}

/// How a quantity is computed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Of {
    /// A sum over layers.
    Sum(fn(&Totals) -> u64),
    /// Numerator and denominator, both sums over layers.
    Ratio(fn(&Totals) -> (u128, u128)),
    /// Of one value and its receptive field: the network's last output, or a layer's first.
    Value(OfValue),
    /// Of the network as a whole; `part` is the property of a layer that raises it most.
    Network {
        /// The number.
        of: fn(&Subject<'_>) -> Measure,
        /// What of a layer is compared where the number changed.
        part: fn(&Totals) -> u64,
    },
}

/// What is found of a value and its receptive field.
pub type OfValue = fn(Shape, Option<&Field>) -> Measure;

/// A column of the summary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// Whether it is shown where no columns are chosen.
    pub usual: bool,
    /// When it is dropped where room is short: the highest first, 0 never.
    pub expendable: u8,
    /// The column of its share of the total that follows it.
    pub share: Share,
}

/// Whether a column is followed by shares of the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// No.
    None,
    /// Where it is chosen.
    Chosen,
    /// Where no columns are chosen, too.
    Usual,
}

/// A column of the list of networks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    /// When it is dropped where room is short: the highest first, 0 never.
    pub expendable: u8,
}

/// A row in the totals of a comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// Its place among the rows.
    pub place: u8,
    /// The head of the row.
    pub title: &'static str,
    /// Whether a network's totals need it said.
    pub is_shown: fn(&Totals) -> bool,
}

impl Quantity {
    /// A quantity that is named and documented, and appears nowhere.
    const fn new(key: &'static str, title: &'static str, unit: Unit, of: Of) -> Self {
        Self {
            key,
            title,
            doc: "",
            unit,
            of,
            by_axis: None,
            counted: Counted::Everything,
            json: None,
            column: None,
            listed: None,
            compared: false,
            stored: false,
            figure: None,
            expected: None,
        }
    }

    /// Its key in JSON, which is also accepted for [`Quantity::key`]: `param_bytes`.
    pub fn field(&self) -> &'static str {
        self.json.and_then(|path| path.rsplit('.').next()).unwrap_or(self.key)
    }

    /// Whether it has this name.
    pub fn is_called(&self, name: &str) -> bool {
        self.key == name || self.field() == name
    }

    /// Whether the summary can have a column of it.
    pub const fn is_column(&self) -> bool {
        self.column.is_some()
    }

    /// Whether it is of networks only.
    pub const fn is_of_networks(&self) -> bool {
        matches!(self.of, Of::Network { .. })
    }

    /// Whether the numbers of layers add up to the network's.
    pub const fn sums(&self) -> bool {
        matches!(self.of, Of::Sum(_))
    }

    /// What of a layer adds to it, or raises it; `None` if layers have no such part.
    pub const fn part(&self) -> Option<fn(&Totals) -> u64> {
        match self.of {
            Of::Sum(of) | Of::Network { part: of, .. } => Some(of),
            Of::Ratio(_) | Of::Value(_) => None,
        }
    }

    /// The quantities that can be expected, in the order in which they are listed.
    pub fn expected() -> Vec<&'static Self> {
        ordered(|quantity| quantity.expected)
    }

    /// The quantity of this name, if it can be expected.
    pub fn expected_as(name: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|q| q.expected.is_some() && q.is_called(name))
    }

    /// Every name of a quantity that can be expected; second names stand last.
    pub fn expected_names() -> Vec<&'static str> {
        let found = Self::expected();
        let second = found.iter().filter(|q| q.key != q.field()).map(|q| q.field());
        found.iter().map(|q| q.key).chain(second).collect()
    }

    /// The rows in the totals of a comparison.
    pub(crate) fn figures() -> Vec<(&'static Self, Figure)> {
        let rows = ordered(|quantity| quantity.figure.map(|figure| figure.place));
        rows.into_iter().filter_map(|quantity| Some((quantity, quantity.figure?))).collect()
    }

    /// The quantities that are compared, in the order of the serialised counts.
    pub fn compared() -> impl Iterator<Item = &'static Self> {
        ALL.iter().copied().filter(|quantity| quantity.compared)
    }
}

/// The quantities that have a place, by it.
fn ordered(place: fn(&Quantity) -> Option<u8>) -> Vec<&'static Quantity> {
    let mut found: Vec<&Quantity> = ALL.iter().copied().filter(|q| place(q).is_some()).collect();
    found.sort_by_key(|quantity| place(quantity));
    found
}

/// Keys are distinct.
impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Quantity {}

const fn shown(usual: bool, expendable: u8, share: Share) -> Shown {
    Shown { usual, expendable, share }
}

const fn figure(place: u8, title: &'static str) -> Figure {
    Figure { place, title, is_shown: |_| true }
}

/// A column that is shown where it is chosen.
const CHOSEN: Option<Shown> = Some(shown(false, 0, Share::None));

/// Declares each quantity by name, and [`ALL`].
macro_rules! quantities {
    ($($name:ident = $key:literal, $title:literal, $unit:ident, $of:expr, $doc:literal
        $(, $field:ident: $value:expr)* ;)*) => {
        $(
            #[doc = $doc]
            pub(crate) static $name: Quantity = Quantity {
                doc: $doc,
                $($field: $value,)*
                ..Quantity::new($key, $title, Unit::$unit, $of)
            };
        )*

        /// Every quantity, in the order of the summary's columns and of the serialised counts.
        pub static ALL: &[&Quantity] = &[$(&$name),*];
    };
}

quantities! {
    PARAMS = "params", "params", Elements, Of::Sum(|t| t.params),
        "elements of parameters, frozen ones included", counted: Counted::Tensors,
        json: Some("params"), column: Some(shown(true, 0, Share::Usual)), listed: Some(Listed { expendable: 0 }),
        compared: true, stored: true, figure: Some(figure(0, "parameters")), expected: Some(0);
    TRAINABLE = "trainable", "trainable", Elements, Of::Sum(|t| t.trainable),
        "elements of parameters that training changes: all but those of `frozen` and `--freeze`", counted: Counted::Tensors,
        json: Some("trainable"), column: CHOSEN, compared: true, stored: true,
        figure: Some(Figure { place: 1, title: "  trainable", is_shown: |t| t.trainable != t.params }),
        expected: Some(1);
    BUFFERS = "buffers", "buffers", Elements, Of::Sum(|t| t.buffers),
        "elements of state that is no parameter: running means, running variances, counts of batches", counted: Counted::Tensors,
        json: Some("buffers"), column: CHOSEN, compared: true, stored: true,
        figure: Some(Figure { place: 3, title: "buffers", is_shown: |t| t.buffers > 0 }),
        expected: Some(2);
    PARAM_BYTES = "bytes", "bytes", Bytes, Of::Sum(|t| t.param_bytes),
        "bytes of parameters, without buffers", counted: Counted::Tensors,
        json: Some("param_bytes"), column: CHOSEN, compared: true, stored: true,
        figure: Some(figure(2, "  bytes")), expected: Some(5);
    BUFFER_BYTES = "buffer_bytes", "buffer bytes", Bytes, Of::Sum(|t| t.buffer_bytes),
        "bytes of buffers", counted: Counted::Tensors,
        json: Some("buffer_bytes"), column: CHOSEN, compared: true;
    MACS = "macs", "MACs", Operations, Of::Sum(|t| t.work.macs),
        "multiply-accumulates of one forward pass: one multiply and one add of a kernel's or a matrix's tap", counted: Counted::Work,
        json: Some("work.macs"), column: Some(shown(true, 0, Share::Usual)), listed: Some(Listed { expendable: 0 }),
        compared: true, stored: true, figure: Some(figure(4, "MACs")), expected: Some(3);
    ADDS = "adds", "adds", Operations, Of::Sum(|t| t.work.adds),
        "additions and subtractions outside of MACs", counted: Counted::Work, json: Some("work.adds"), column: CHOSEN;
    MULS = "muls", "muls", Operations, Of::Sum(|t| t.work.muls),
        "multiplications outside of MACs", counted: Counted::Work, json: Some("work.muls"), column: CHOSEN;
    DIVS = "divs", "divs", Operations, Of::Sum(|t| t.work.divs),
        "divisions", counted: Counted::Work, json: Some("work.divs"), column: CHOSEN;
    CMPS = "cmps", "cmps", Operations, Of::Sum(|t| t.work.cmps),
        "comparisons, minima and maxima", counted: Counted::Work, json: Some("work.cmps"), column: CHOSEN;
    SPECIALS = "specials", "specials", Operations, Of::Sum(|t| t.work.specials),
        "exp, log, tanh, erf, sqrt, pow: one each", counted: Counted::Work, json: Some("work.specials"), column: CHOSEN;
    PADDING_TAPS = "padding_taps", "padding taps", Operations, Of::Sum(|t| t.work.padding_taps),
        "how many of the taps counted above fall on padding: a part of them, not a further kind", counted: Counted::Work,
        json: Some("work.padding_taps"), column: CHOSEN;
    FLOPS = "flops", "FLOPs", Operations, Of::Sum(|t| t.flops),
        "operations of one forward pass, by the convention; by default a MAC is two, everything else one", counted: Counted::Flops,
        json: Some("flops"), column: Some(shown(true, 2, Share::Chosen)), listed: Some(Listed { expendable: 0 }),
        compared: true, stored: true, figure: Some(figure(5, "FLOPs")), expected: Some(4);
    INTENSITY = "intensity", "FLOPs/byte", Ratio, Of::Ratio(|t| (t.flops.into(), t.moved_bytes)),
        "arithmetic intensity: `flops` for each byte that is moved, where every layer reads its inputs and its parameters once and writes its outputs once; views move nothing, buffers are left out, shared parameters are read by each layer that uses them; of a network, the ratio of the sums",
        column: CHOSEN;
    BACKWARD_MACS = "backward_macs", "backward MACs", Operations, Of::Sum(backward_macs),
        "multiply-accumulates of one backward pass, the gradient of the network's own input among them", counted: Counted::Backward, column: CHOSEN;
    ACTIVATIONS = "activations", "activations", Elements, Of::Sum(|t| t.activations),
        "elements of all outputs that are stored; views, as of `flatten`, are not", counted: Counted::Activations,
        json: Some("activations"), column: CHOSEN, listed: Some(Listed { expendable: 3 }),
        compared: true, stored: true, figure: Some(figure(6, "activations")), expected: Some(6);
    ACTIVATION_BYTES = "activation_bytes", "activation bytes", Bytes, Of::Sum(|t| t.activation_bytes),
        "bytes of `activations`", counted: Counted::Activations,
        json: Some("activation_bytes"), column: CHOSEN, compared: true, stored: true,
        figure: Some(figure(7, "  bytes"));
    OUTPUT = "output", "output", Shape, Of::Value(output),
        "the output's shape, without the batch", expected: Some(7);
    RECEPTIVE_FIELD = "receptive_field", "receptive field", Elements, Of::Value(receptive_field),
        "the largest extent of the receptive field; written as a list, its extent along each axis", expected: Some(8),
        by_axis: Some(extents);
    LARGEST_LAYER = "largest_layer", "largest layer", Elements,
        Of::Network { of: |s| s.largest_layer(), part: |t| t.params },
        "parameters of the layer that has the most", counted: Counted::Tensors, expected: Some(9);
    PEAK_ACTIVATION_BYTES = "peak_activation_bytes", "peak activation bytes", Bytes,
        Of::Network { of: |s| s.peak_activation_bytes(), part: |t| t.activation_bytes },
        "the most bytes of activations that inference holds at once", expected: Some(10);
    TRAINING_BYTES = "training_bytes", "training bytes", Bytes,
        Of::Network {
            of: |s| s.training_bytes(),
            part: |t| t.param_bytes.saturating_add(t.activation_bytes),
        },
        "the most bytes that a training step holds at once: parameters, gradients, what is saved for backward, what the optimizer keeps",
        expected: Some(11);
}

fn backward_macs(totals: &Totals) -> u64 {
    let backward = &totals.work_backward;
    backward.inputs.macs.saturating_add(backward.params.macs)
}

fn output(shape: Shape, _: Option<&Field>) -> Measure {
    match Shape::new(shape.dims().get(1..).unwrap_or_default()) {
        Some(shape) => Measure::Shape(shape),
        None => Measure::Nothing("no shape"),
    }
}

fn extents(_: Shape, field: Option<&Field>) -> Measure {
    match field {
        Some(Field::Axes(axes)) => {
            let extents: Vec<u64> = axes.iter().map(|axis| axis.extent).collect();
            let shape = Shape::new(&extents).filter(|shape| shape.rank() > 0);
            shape.map_or(Measure::Nothing("no spatial axes"), Measure::Shape)
        }
        other => receptive_field(Shape::SCALAR, other),
    }
}

fn receptive_field(_: Shape, field: Option<&Field>) -> Measure {
    match field {
        Some(Field::Axes(axes)) => {
            let largest = axes.iter().map(|axis| axis.extent).max();
            largest.map_or(Measure::Nothing("no spatial axes"), Measure::Number)
        }
        Some(Field::Unknown(why)) => Measure::Nothing(why),
        None => Measure::Nothing("not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_everything_is_documented() {
        let mut names: Vec<&str> = ALL.iter().map(|q| q.key).collect();
        names.extend(ALL.iter().filter(|q| q.key != q.field()).map(|q| q.field()));
        let before = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), before);
        assert!(ALL.iter().all(|q| !q.doc.is_empty() && !q.doc.contains('|')));
    }

    #[test]
    fn places_are_distinct() {
        let expected = Quantity::expected();
        let places: Vec<Option<u8>> = expected.iter().map(|q| q.expected).collect();
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
        let figures = Quantity::figures();
        assert!(figures.windows(2).all(|pair| pair[0].1.place < pair[1].1.place));
    }

    #[test]
    fn a_ratio_is_of_sums() {
        let of = |flops, moved_bytes| Totals { flops, moved_bytes, ..Totals::default() };
        let sum = of(8, 4).plus(&of(2, 16)).unwrap();
        let Of::Ratio(ratio) = INTENSITY.of else { panic!("{INTENSITY:?}") };
        assert_eq!(ratio(&sum), (10, 20));
    }
}

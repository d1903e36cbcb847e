//! The page of `cnnstat explain`: a section for each layer.

use super::summary::assumptions;
use crate::report::data::explain::Derivation;
use crate::report::model::Report;
use crate::report::page::{Block, Page};

/// The page of a network and of some of its layers.
pub fn page<'d>(report: &'d Report, layers: &'d [Derivation]) -> Page<'d> {
    let sections = move |_| {
        let head =
            vec![Block::Title(report.model.clone()), Block::Assumptions(assumptions(report))];
        let layers = layers.iter().map(|layer| vec![Block::Derivation(layer.clone())]);
        std::iter::once(head).chain(layers).collect()
    };
    Page::new(&report.model, sections)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Analysis, Options, analyze};
    use crate::graph::Graph;
    use crate::graph::GraphBuilder;
    use crate::ops::Conv;
    use crate::ops::arg_type::PerAxis;
    use crate::ops::window::Padding;
    use crate::report::build::{Caption, report};
    use crate::report::data::explain::{derivations, pick};
    use crate::report::render::table::Look;
    use crate::report::render::terminal;
    use crate::report::text::width;
    use crate::shape::Shape;

    /// The first layer of AlexNet (Krizhevsky 2012).
    fn conv1() -> (Graph, Analysis) {
        let mut builder = GraphBuilder::new("alexnet");
        let image =
            builder.input("input", Shape::new(&[1, 3, 227, 227]).unwrap(), Some(0)).unwrap();
        let conv = Conv {
            rank: 2,
            out_channels: 96,
            kernel_size: PerAxis::all(2, 11),
            stride: PerAxis::all(2, 4),
            padding: Padding::Sides { rank: 2, sides: [(0, 0); 3] },
            dilation: PerAxis::all(2, 1),
            groups: 1,
            bias: true,
        };
        let out = builder.layer("features.conv1", conv, &[image]).unwrap()[0];
        let graph = builder.finish(&[("output", out)]).unwrap();
        let analysis = analyze(&graph, &Options::default()).complete().unwrap();
        (graph, analysis)
    }

    fn text(columns: Option<usize>) -> String {
        let (graph, analysis) = conv1();
        let report = report(&graph, &analysis, Caption::default());
        let found = derivations(&graph, &analysis, &report, &pick(&graph, "features"));
        let look = Look { width: columns, ..Look::default() };
        terminal::render(&[page(&report, &found)], false, look).unwrap()
    }

    #[test]
    fn each_number_stands_beside_its_formula() {
        let text = text(None);
        for part in [
            "features.conv1  conv2d(96, 11, stride=4)",
            "1×3×227×227 → 1×96×55×55",
            "= (227 + 2·0 − 11)/4 + 1 = 55",
            "11 × 11 × 3 × 96 = 34,848",
            "weight + bias = 34,848 + 96 = 34,944",
            "2·MACs + adds = 2 × 105,415,200 + 290,400 = 211,120,800",
            "the input (154,587 × 4 B = 604 KiB)",
            "11 × 11 of the input, stride 4 × 4, from 0, 0",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn products_are_not_broken() {
        for columns in [40, 60, 80] {
            let text = text(Some(columns));
            assert!(text.contains("11 × 11 × 3 × 96"), "{text}");
        }
        assert!(text(Some(80)).lines().all(|line| width(line) <= 80), "{}", text(Some(80)));
    }

    #[test]
    fn a_name_means_a_layer_a_scope_or_a_pattern() {
        let (graph, _) = conv1();
        for name in ["features.conv1", "features", "*conv?", "conv1"] {
            assert_eq!(pick(&graph, name).len(), 1, "{name}");
        }
        for name in ["feat", "features.", "onv1", "[*", ""] {
            assert!(pick(&graph, name).is_empty(), "{name}");
        }
    }
}

//! Several values made one: sum, difference, product, concatenation.
//!
//! ```text
//! shape     add, sub, mul: aligned from the last axis, the batch among them; a size of 1 is stretched to the others'
//!           concat: equal but on dim, where sizes add up
//! params    none
//! forward   add    y = x1 + x2 + … + xk        an element of y is k − 1 adds: no accumulator that starts at zero
//!           sub    y = x1 − x2                 an element of y is 1 add
//!           mul    y = x1 · x2 · … · xk        an element of y is k − 1 muls
//!           concat y = x1, x2, …, xk           free: numbers are copied
//! backward  add    dx = dy                     free: the gradient is passed on
//!           sub    dx1 = dy, dx2 = −dy         free: passed on, and negated, as negation is free everywhere
//!           mul    dx = dy · each other input  k − 1 muls an element of y, for each of k inputs
//!           concat dx = a part of dy           free: numbers are copied
//!           stretched inputs: dx is summed over the axes it is stretched along: 1 add more an element of y, for each
//!           such input, from an accumulator that starts at zero
//! saved     mul: its inputs;  the others: nothing
//! ```
//!
//! A gradient that is passed on is the gradient of the output itself, in no memory of its own.

use super::derive::{Derivation, Fact, arithmetic, elements};
use super::error::ShapeError;
use super::ledger::{Autograd, Backward, Keep, Param, Saved, Work};
use super::reach::Reach;
use super::signature::{no_arithmetic, operator};
use super::{Io, Layer, Mode, axis};
use crate::shape::{Shape, Shapes, TooLarge, product, sum};
use crate::units::grouped;

operator! {
    /// The sum of two or more values, element by element; axes of size 1 are stretched.
    Add("add"),
    "https://pytorch.org/docs/stable/generated/torch.add.html",
    {}
    facts [Functional, JoinsBranches]
}

operator! {
    /// The difference of two values, element by element; axes of size 1 are stretched.
    Sub("sub"),
    "https://pytorch.org/docs/stable/generated/torch.sub.html",
    {}
    facts [Functional]
}

operator! {
    /// The product of two or more values, element by element; axes of size 1 are stretched: a gate for each channel.
    Mul("mul"),
    "https://pytorch.org/docs/stable/generated/torch.mul.html",
    {}
    facts [Functional, JoinsBranches]
}

operator! {
    /// Two or more values concatenated along an axis.
    Concat("concat" | "cat"),
    "https://pytorch.org/docs/stable/generated/torch.cat.html",
    {
        /// The axis along which they are put; 1 is the channels.
        dim: i64 = Int(1),
    }
    facts [Functional, JoinsBranches]
}

/// What tells add, sub and mul apart.
struct Rule {
    sign: &'static str,
    /// Whether there may be more than two inputs.
    takes_more: bool,
    multiplies: bool,
    /// How many inputs, from the first, get the output's gradient as it is.
    passed_on: usize,
    /// The gradients of the inputs, in letters.
    gradients: &'static str,
}

const ADD: Rule = Rule {
    sign: "+",
    takes_more: true,
    multiplies: false,
    passed_on: usize::MAX,
    gradients: "dx = dy for each input",
};
const SUB: Rule = Rule {
    sign: "−",
    takes_more: false,
    multiplies: false,
    passed_on: 1,
    gradients: "dx1 = dy, dx2 = −dy",
};
const MUL: Rule = Rule {
    sign: "·",
    takes_more: true,
    multiplies: true,
    passed_on: 0,
    gradients: "dx = dy · each other input",
};

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// The shape that inputs are stretched to.
fn broadcast(inputs: &[Shape]) -> Result<Shape, ShapeError> {
    let rank = inputs.iter().map(Shape::rank).max().unwrap_or(0);
    let mut dims = vec![1; rank];
    // The input that gave each size.
    let mut of = vec![Shape::SCALAR; rank];
    for input in inputs {
        for (axis, size) in (rank - input.rank()..).zip(input.dims()) {
            if *size == 1 || *size == dims[axis] {
                continue;
            }
            if dims[axis] != 1 {
                let shapes = Box::new([of[axis], *input]);
                return Err(ShapeError::Broadcast { shapes, from_end: rank - axis });
            }
            (dims[axis], of[axis]) = (*size, *input);
        }
    }
    Shape::new(&dims).ok_or(ShapeError::TooLarge)
}

impl Rule {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        match inputs.len() {
            2 => {}
            3.. if self.takes_more => {}
            found if self.takes_more => return Err(ShapeError::TooFewInputs { least: 2, found }),
            found => return Err(ShapeError::Inputs { expected: 2, found }),
        }
        Ok(broadcast(inputs)?.into())
    }

    /// One element of the output, or of a gradient before it is summed.
    fn each(&self, inputs: usize) -> Work {
        let steps = count(inputs).saturating_sub(1);
        if self.multiplies { Work { muls: steps, ..Work::NONE } } else { Work::adds(steps) }
    }

    fn backward(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        let (inputs, elements) = (io.inputs.len(), io.elements_out()?);
        let products = if self.multiplies {
            self.each(inputs).times(product([count(inputs), elements])?)?
        } else {
            Work::NONE
        };
        products.plus(Work::adds(product([count(stretched(io).count()), elements])?))
    }

    fn saved(&self, io: Io<'_>) -> Saved {
        let kept = if self.multiplies { io.inputs.len() } else { 0 };
        (0..kept).map(Keep::Input).collect()
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Some(output), Ok(out)) = (io.outputs.first(), io.elements_out()) else {
            return Vec::new();
        };
        let inputs = io.inputs.len();
        let letters: Vec<String> = (1..=inputs).map(|i| format!("x{i}")).collect();
        let mut facts = vec![Fact::note("y", &letters.join(&format!(" {} ", self.sign)))];
        facts.extend(stretched(io).map(|(i, input)| {
            Fact::note(&format!("x{} is stretched", i + 1), &format!("{input} to {output}"))
        }));
        facts.push(elements(output));
        facts.extend(arithmetic(&[("elements", out, self.each(inputs))]));
        let mut gradients = Fact::note("gradients", self.gradients);
        let sums = count(stretched(io).count());
        if sums > 0 {
            gradients =
                gradients.because("of a stretched input summed over what it is stretched along");
        }
        facts.push(gradients);
        let Ok(backward) = self.backward(io) else { return facts };
        if self.multiplies {
            let numbers = format!("{inputs} × {} × {}", inputs - 1, grouped(out));
            let letters = "inputs × (inputs − 1) × elements";
            facts.push(Fact::formula("muls backward", letters, &numbers, backward.muls));
        }
        if sums > 0 {
            let numbers = format!("{sums} × {}", grouped(out));
            let letters = "stretched inputs × elements";
            facts.push(Fact::formula("adds backward", letters, &numbers, backward.adds));
        }
        facts
    }
}

/// The inputs that are stretched, with their positions.
fn stretched(io: Io<'_>) -> impl Iterator<Item = (usize, &Shape)> {
    let output = io.outputs.first();
    io.inputs.iter().enumerate().filter(move |(_, input)| Some(*input) != output)
}

/// The `Layer` of an operator that follows a [`Rule`].
macro_rules! elementwise {
    ($Name:ident, $rule:expr) => {
        impl Layer for $Name {
            fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
                $rule.infer(inputs)
            }

            fn params(&self, _: &[Shape]) -> Result<Vec<Param>, ShapeError> {
                Ok(Vec::new())
            }

            fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
                $rule.each(io.inputs.len()).times(io.elements_out()?)
            }

            fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
                Ok(Backward::inputs($rule.backward(io)?))
            }

            fn saved(&self, io: Io<'_>) -> Result<Saved, TooLarge> {
                Ok($rule.saved(io))
            }

            /// torch multiplies two at a time, and keeps the products between.
            fn autograd(&self, io: Io<'_>) -> Result<Autograd, TooLarge> {
                let mut saved = $rule.saved(io);
                let between = saved.len().saturating_sub(2);
                let elements = io.elements_out()?;
                saved.extend(std::iter::repeat_n(
                    Keep::Own { what: "product", elements, dtype: None },
                    between,
                ));
                Ok(Autograd::product(saved))
            }

            fn is_view(&self, _: Mode) -> bool {
                false
            }

            fn passes_gradient(&self, input: usize, io: Io<'_>) -> bool {
                input < $rule.passed_on
                    && io.inputs.get(input).is_some_and(|shape| io.outputs.first() == Some(shape))
            }

            fn reach(&self, _: Io<'_>) -> Reach {
                Reach::Pointwise
            }

            fn derive(&self, io: Io<'_>) -> Derivation {
                $rule.derive(io)
            }
        }
    };
}

elementwise!(Add, ADD);
elementwise!(Sub, SUB);
elementwise!(Mul, MUL);

impl Concat {
    /// The axis along which inputs are put.
    fn along(&self, inputs: &[Shape]) -> Result<usize, ShapeError> {
        let [first, _, ..] = inputs else {
            return Err(ShapeError::TooFewInputs { least: 2, found: inputs.len() });
        };
        axis(self.dim, first.rank())
    }
}

impl Layer for Concat {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        let along = self.along(inputs)?;
        let first = inputs[0];
        for (input, found) in inputs.iter().enumerate() {
            let axis = first.dims().iter().zip(found.dims()).enumerate();
            let axis = axis.filter(|(axis, _)| *axis != along).find(|(_, (a, b))| a != b);
            if axis.is_some() || found.rank() != first.rank() {
                let axis = axis.map(|(axis, _)| axis).filter(|_| found.rank() == first.rank());
                let shapes = Box::new([first, *found]);
                return Err(ShapeError::Concat { along, input, shapes, axis });
            }
        }
        let size = sum(inputs.iter().map(|input| input.dims()[along]))?;
        Ok(first.with(along, size).into())
    }

    no_arithmetic!();

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, io: Io<'_>) -> Reach {
        self.along(io.inputs).map_or(Reach::Opaque("the axis does not exist"), Reach::Joined)
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let Ok(along) = self.along(io.inputs) else { return Vec::new() };
        let names: Vec<String> = (1..=io.inputs.len()).map(|i| format!("of x{i}")).collect();
        let sizes = io.inputs.iter().filter_map(|input| input.get(along));
        let terms: Vec<(&str, u64)> = names.iter().map(String::as_str).zip(sizes).collect();
        vec![
            Fact::sum(&format!("axis {along}"), &terms),
            Fact::note("arithmetic", "none: numbers are copied, in both directions"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(all: &[&[u64]]) -> Vec<Shape> {
        all.iter().map(|dims| Shape::new(dims).unwrap()).collect()
    }

    fn infer(op: &impl Layer, all: &[&[u64]]) -> Result<Vec<u64>, ShapeError> {
        op.infer(&shapes(all)).map(|outputs| outputs[0].dims().to_vec())
    }

    /// Work forward and backward, and which inputs the gradient is passed on to.
    fn costs(op: &impl Layer, all: &[&[u64]]) -> (Work, Work, Vec<bool>) {
        let inputs = shapes(all);
        let outputs = op.infer(&inputs).unwrap();
        let io = Io { inputs: &inputs, outputs: &outputs, mode: Mode::Train };
        let passes = (0..inputs.len()).map(|i| op.passes_gradient(i, io)).collect();
        (op.work(io).unwrap(), op.work_backward(io).unwrap().inputs, passes)
    }

    const IMAGE: &[u64] = &[2, 3, 4, 4];
    const GATE: &[u64] = &[2, 3, 1, 1];

    #[test]
    fn shapes_are_stretched_as_torch_stretches_them() {
        assert_eq!(infer(&Mul {}, &[IMAGE, GATE]), Ok(IMAGE.to_vec()));
        assert_eq!(infer(&Add {}, &[&[5, 1, 4, 1], &[3, 1, 1]]), Ok(vec![5, 3, 4, 1]));
        assert_eq!(infer(&Add {}, &[GATE, &[2, 1, 1, 7], &[1, 1, 6, 1]]), Ok(vec![2, 3, 6, 7]));
        let wrong = infer(&Add {}, &[&[1, 64, 56, 56], &[1, 1, 1, 1], &[1, 64, 28, 28]]);
        assert_eq!(
            wrong.unwrap_err().to_string(),
            "1×64×56×56 and 1×64×28×28 do not broadcast: axis 2 has 56 and 28 elements"
        );
        let wrong = infer(&Sub {}, &[&[1, 10], &[1, 64, 8, 8]]).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "1×10 and 1×64×8×8 do not broadcast: axis -1 has 10 and 8 elements"
        );
        assert!(wrong.help().unwrap().contains("as many axes"), "{wrong:?}");
    }

    #[test]
    fn the_number_of_inputs_is_checked() {
        let few = |least, found| Err(ShapeError::TooFewInputs { least, found });
        assert_eq!(infer(&Add {}, &[IMAGE]), few(2, 1));
        assert_eq!(infer(&Concat { dim: 1 }, &[]), few(2, 0));
        let wrong = infer(&Sub {}, &[IMAGE, IMAGE, IMAGE]);
        assert_eq!(wrong, Err(ShapeError::Inputs { expected: 2, found: 3 }));
    }

    /// 96 elements come out.
    #[test]
    fn a_gate_is_multiplied_and_its_gradient_summed() {
        let muls = |n| Work { muls: n, ..Work::NONE };
        let (forward, backward, passes) = costs(&Mul {}, &[IMAGE, GATE]);
        assert_eq!((forward, backward), (muls(96), Work { adds: 96, ..muls(2 * 96) }));
        assert_eq!(passes, [false, false]);
        let (forward, backward, _) = costs(&Mul {}, &[IMAGE, IMAGE, IMAGE]);
        assert_eq!((forward, backward), (muls(2 * 96), muls(3 * 2 * 96)));
    }

    #[test]
    fn sums_pass_their_gradient_on() {
        let all = costs(&Add {}, &[IMAGE, IMAGE, IMAGE]);
        assert_eq!(all, (Work::adds(2 * 96), Work::NONE, vec![true; 3]));
        let stretched = costs(&Add {}, &[GATE, IMAGE]);
        assert_eq!(stretched, (Work::adds(96), Work::adds(96), vec![false, true]));
        let both = costs(&Add {}, &[GATE, &[2, 1, 4, 4]]);
        assert_eq!(both, (Work::adds(96), Work::adds(2 * 96), vec![false, false]));
        assert_eq!(
            costs(&Sub {}, &[IMAGE, IMAGE]),
            (Work::adds(96), Work::NONE, vec![true, false])
        );
    }

    #[test]
    fn concat_adds_up_one_axis() {
        let concat = |dim| Concat { dim };
        assert_eq!(infer(&concat(1), &[IMAGE, &[2, 5, 4, 4], GATE_4]), Ok(vec![2, 9, 4, 4]));
        assert_eq!(infer(&concat(-1), &[IMAGE, IMAGE]), Ok(vec![2, 3, 4, 8]));
        let wrong = infer(&concat(1), &[IMAGE, IMAGE, &[2, 3, 4, 5]]).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "input 0 is 2×3×4×4 and input 2 is 2×3×4×5: axis 3 has 4 and 5 elements"
        );
        assert_eq!(
            wrong.help().unwrap(),
            "sizes may differ on axis 1 only, along which they are put"
        );
        let wrong = infer(&concat(1), &[IMAGE, &[2, 3]]).unwrap_err();
        assert_eq!(wrong.to_string(), "input 0 is 2×3×4×4 and input 1 is 2×3: 4 axes and 2 axes");
        for dim in [0, -4] {
            assert_eq!(infer(&concat(dim), &[IMAGE, IMAGE]), Ok(vec![4, 3, 4, 4]));
        }
        assert!(matches!(infer(&concat(4), &[IMAGE, IMAGE]), Err(ShapeError::Axis { .. })));
        assert_eq!(infer(&concat(1), &[&[1, u64::MAX], &[1, 2]]), Err(ShapeError::TooLarge));
    }

    const GATE_4: &[u64] = &[2, 1, 4, 4];

    #[test]
    fn a_derivation_says_what_is_stretched() {
        let (inputs, outputs) = (shapes(&[IMAGE, GATE]), shapes(&[IMAGE]));
        let io = Io { inputs: &inputs, outputs: &outputs, mode: Mode::Train };
        let said: Vec<String> =
            Mul {}.derive(io).iter().map(|f| format!("{}: {}", f.what, f.result)).collect();
        let expected = [
            "y: x1 · x2",
            "x2 is stretched: 2×3×1×1 to 2×3×4×4",
            "elements: 96",
            "muls: 96",
            "gradients: dx = dy · each other input",
            "muls backward: 192",
            "adds backward: 96",
        ];
        assert_eq!(said, expected);
    }
}

//! Values that no input makes: a tensor that is trained, one that is kept, and one that is written down.
//!
//! ```text
//! shape     as it is written, axis 0 included: a size of 1 there is broadcast over the batch
//! tensor    parameter: shape; buffer: shape, not trained; neither has a name of its own: its name is the layer's
//!           constant: none
//! forward   free;  backward  free: the gradient of the value is the parameter's
//! saved     nothing
//! ```
//!
//! The value of a parameter or a buffer is the tensor itself, in no memory besides; a constant is made anew.

use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::ledger::{Backward, Param, Role, Saved, Work};
use super::reach::Reach;
use super::signature::{no_arithmetic, operator};
use super::{Io, Layer, Mode};
use crate::shape::{Shape, Shapes, TooLarge};

operator! {
    /// A trained tensor as a value: a position embedding, a bias that is added.
    Parameter("parameter"),
    "https://pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html",
    {
        /// Sizes of all its axes, axis 0 included.
        shape: Vec<i64> = Rest,
    }
    facts [Functional, WithoutInputs]
}

operator! {
    /// A kept tensor as a value, which is not trained: a table of positions, a mask.
    Buffer("buffer"),
    "https://pytorch.org/docs/stable/generated/torch.nn.parameter.Buffer.html",
    {
        /// Sizes of all its axes, axis 0 included.
        shape: Vec<i64> = Rest,
        /// The number in each element.
        value: f64 = Float(0.0),
    }
    facts [Functional, WithoutInputs]
}

operator! {
    /// The same number in each element, as a value.
    Constant("constant" | "full"),
    "https://pytorch.org/docs/stable/generated/torch.full.html",
    {
        /// Sizes of all its axes, axis 0 included.
        shape: Vec<i64> = Rest,
        /// The number in each element.
        value: f64 = Float(0.0),
    }
    facts [Functional, WithoutInputs]
}

/// The shape of these sizes, of an operator that takes no input.
fn written(sizes: &[i64], inputs: &[Shape]) -> Result<Shape, ShapeError> {
    if !inputs.is_empty() {
        return Err(ShapeError::Inputs { expected: 0, found: inputs.len() });
    }
    let size = |(i, size): (usize, &i64)| {
        u64::try_from(*size).ok().filter(|size| *size > 0).ok_or_else(|| ShapeError::NotPositive {
            what: format!("shape[{i}]"),
            value: i128::from(*size),
        })
    };
    let sizes: Vec<u64> = sizes.iter().enumerate().map(size).collect::<Result<_, _>>()?;
    Shape::new(&sizes).ok_or(ShapeError::TooLarge)
}

/// The elements, axis by axis.
fn elements(what: &str, io: Io<'_>) -> Derivation {
    let Some(output) = io.outputs.first() else { return Vec::new() };
    let factors: Vec<(&str, u64)> = output.dims().iter().map(|n| ("n", *n)).collect();
    match factors[..] {
        [] => vec![Fact::note(what, "1: one number")],
        _ => vec![Fact::product(what, &factors)],
    }
}

/// What holds of a value that is a tensor of the layer's own.
macro_rules! own_tensor {
    ($Name:ident, $role:expr, $what:literal) => {
        impl Layer for $Name {
            fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
                Ok(written(&self.shape, inputs)?.into())
            }

            fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
                Ok(vec![Param::new("", $role, written(&self.shape, inputs)?)])
            }

            fn work(&self, _: Io<'_>) -> Result<Work, TooLarge> {
                Ok(Work::NONE)
            }

            fn work_backward(&self, _: Io<'_>) -> Result<Backward, TooLarge> {
                Ok(Backward::NONE)
            }

            fn saved(&self, _: Io<'_>) -> Result<Saved, TooLarge> {
                Ok(Vec::new())
            }

            fn is_view(&self, _: Mode) -> bool {
                true
            }

            fn reach(&self, _: Io<'_>) -> Reach {
                Reach::Pointwise
            }

            fn derive(&self, io: Io<'_>) -> Derivation {
                elements($what, io)
            }
        }
    };
}

own_tensor!(Parameter, Role::Weight, "parameters");
own_tensor!(Buffer, Role::Buffer, "buffers");

impl Layer for Constant {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        Ok(written(&self.shape, inputs)?.into())
    }

    no_arithmetic!();

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        Reach::Pointwise
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        elements("elements", io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_its_own_tensor() {
        let op = Parameter { shape: vec![1, 197, 768] };
        assert_eq!(op.infer(&[]).unwrap()[0].dims(), [1, 197, 768]);
        let params = op.params(&[]).unwrap();
        assert_eq!((&*params[0].name, params[0].shape.numel()), ("", Ok(151_296)));
        let input = Shape::new(&[1, 3]).unwrap();
        assert_eq!(op.infer(&[input]), Err(ShapeError::Inputs { expected: 0, found: 1 }));
        let empty = Parameter { shape: vec![1, 0] };
        assert!(matches!(empty.infer(&[]), Err(ShapeError::NotPositive { value: 0, .. })));
    }

    #[test]
    fn only_a_parameter_is_trained() {
        let role = |op: &dyn Fn() -> Vec<Param>| op().first().map(|param| param.role);
        let shape = vec![2, 3];
        let (buffer, constant) = (
            Buffer { shape: shape.clone(), value: 1.0 },
            Constant { shape: shape.clone(), value: 0.5 },
        );
        assert_eq!(
            role(&|| Parameter { shape: shape.clone() }.params(&[]).unwrap()),
            Some(Role::Weight)
        );
        assert_eq!(role(&|| buffer.params(&[]).unwrap()), Some(Role::Buffer));
        assert_eq!(role(&|| constant.params(&[]).unwrap()), None);
    }
}

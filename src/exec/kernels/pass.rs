//! What a kernel is, and what its passes are given and return.

use crate::exec::base::meter::{Buffer, Meter};
use crate::exec::base::rng::Rng;
use crate::exec::base::scalar::Scalar;
use crate::exec::base::tensor::Tensor;
use crate::ops::{Mode, Op};

/// How parameters begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// torch's own: uniform within 1/√fan_in, for weights and biases.
    #[default]
    Torch,
    /// Kaiming's normal for weights (deviation √(2/fan_in)), biases zero, as the lecture has it.
    KaimingNormal,
}

/// What a tensor of an operator is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorKind {
    /// Trained: it has a gradient.
    Parameter,
    /// State that training carries along.
    Buffer,
}

/// The numbers of a tensor that an operator owns.
#[derive(Clone, Debug)]
pub enum Numbers<S> {
    /// In the network's precision.
    Real(Tensor<S>),
    /// One whole number, 8 bytes: how many batches were seen.
    Count(Buffer<i64>),
}

/// A tensor that an operator owns, named as torch's `state_dict` has it.
#[derive(Clone, Debug)]
pub struct Owned<S> {
    /// torch's name; empty where the tensor has its layer's own.
    pub name: &'static str,
    /// Parameter or buffer.
    pub kind: TensorKind,
    /// Its numbers.
    pub numbers: Numbers<S>,
}

impl<S: Scalar> Owned<S> {
    /// A parameter.
    pub fn parameter(name: &'static str, tensor: Tensor<S>) -> Self {
        Self { name, kind: TensorKind::Parameter, numbers: Numbers::Real(tensor) }
    }

    /// A buffer in the network's precision.
    pub fn buffer(name: &'static str, tensor: Tensor<S>) -> Self {
        Self { name, kind: TensorKind::Buffer, numbers: Numbers::Real(tensor) }
    }

    /// Its tensor; `None` for a count.
    pub fn tensor(&self) -> Option<&Tensor<S>> {
        match &self.numbers {
            Numbers::Real(tensor) => Some(tensor),
            Numbers::Count(_) => None,
        }
    }

    /// Its tensor, to write; `None` for a count.
    pub fn tensor_mut(&mut self) -> Option<&mut Tensor<S>> {
        match &mut self.numbers {
            Numbers::Real(tensor) => Some(tensor),
            Numbers::Count(_) => None,
        }
    }

    /// Sizes of its axes; none for a count.
    pub fn shape(&self) -> &[usize] {
        self.tensor().map_or(&[], Tensor::shape)
    }

    /// Bytes of its numbers.
    pub fn bytes(&self) -> u64 {
        match &self.numbers {
            Numbers::Real(tensor) => tensor.bytes(),
            Numbers::Count(count) => count.bytes(),
        }
    }
}

/// The parameter of this name; operators call it with names that their `init` made.
///
/// # Panics
/// If there is none.
pub(crate) fn owned<'a, S: Scalar>(all: &'a [Owned<S>], name: &str) -> &'a Tensor<S> {
    all.iter().find(|owned| owned.name == name).and_then(Owned::tensor).expect("made by init")
}

/// How parameters are initialised.
pub struct Init<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// Where random numbers come from.
    pub rng: &'a mut Rng,
    /// Where memory is accounted.
    pub meter: &'a Meter,
}

impl Init<'_> {
    /// A weight; each output sums `fan_in` products with it.
    pub fn weight<S: Scalar>(&mut self, shape: &[usize], fan_in: usize) -> Tensor<S> {
        #[allow(clippy::cast_precision_loss, reason = "a deviation")]
        let fan_in = fan_in.max(1) as f64;
        let n = shape.iter().product();
        let numbers = match self.scheme {
            Scheme::Torch => {
                (0..n).map(|_| S::of(self.rng.uniform(-1.0, 1.0) / fan_in.sqrt())).collect()
            }
            Scheme::KaimingNormal => self.rng.normals(n, (2.0 / fan_in).sqrt()),
        };
        Tensor::new(shape, numbers, self.meter)
    }

    /// The bias that goes with such a weight.
    pub fn bias<S: Scalar>(&mut self, n: usize, fan_in: usize) -> Tensor<S> {
        match self.scheme {
            Scheme::Torch => self.weight(&[n], fan_in),
            Scheme::KaimingNormal => self.constant(&[n], 0.0),
        }
    }

    /// The same number everywhere.
    pub fn constant<S: Scalar>(&self, shape: &[usize], value: f64) -> Tensor<S> {
        Tensor::full(shape, S::of(value), self.meter)
    }
}

/// What a forward pass is given.
pub struct Forward<'a, S> {
    /// The inputs.
    pub inputs: &'a [Tensor<S>],
    /// What the operator owns; a training pass updates the buffers in it.
    pub owned: &'a mut [Owned<S>],
    /// Eval or train.
    pub mode: Mode,
    /// Where dropout samples from.
    pub rng: &'a mut Rng,
    /// Whether a backward pass will follow: only then is anything kept.
    pub keep: bool,
    /// What a backend prepacked from the parameters (`Backend::prepack`).
    pub prepacked: Option<&'a [S]>,
    /// Where memory is accounted.
    pub meter: &'a Meter,
}

impl<S: Scalar> Forward<'_, S> {
    /// What is kept, if a backward pass will follow.
    pub fn kept<const N: usize>(&self, kept: [Kept<S>; N]) -> Vec<Kept<S>> {
        if self.keep { kept.into() } else { Vec::new() }
    }
}

/// What a kernel keeps for its backward pass.
#[derive(Clone, Debug)]
pub enum Kept<S> {
    /// The input with this index.
    Input(usize),
    /// The output with this index.
    Output(usize),
    /// Numbers made for the purpose.
    Numbers(&'static str, Tensor<S>),
    /// Indices, 8 bytes each.
    Indices(&'static str, Buffer<i64>),
    /// Truth values, a byte each.
    Mask(&'static str, Buffer<bool>),
}

/// What a forward pass makes.
#[derive(Debug)]
pub struct Made<S> {
    /// The outputs.
    pub outputs: Vec<Tensor<S>>,
    /// What is kept.
    pub kept: Vec<Kept<S>>,
}

/// What a backward pass is given.
pub struct Backward<'a, S> {
    /// Shapes of the inputs.
    pub shapes: &'a [Vec<usize>],
    /// The inputs that were kept.
    pub inputs: &'a [Option<Tensor<S>>],
    /// The outputs that were kept.
    pub outputs: &'a [Option<Tensor<S>>],
    /// What was made to be kept, in the order the forward pass gave it.
    pub kept: &'a [Kept<S>],
    /// What the operator owns.
    pub owned: &'a [Owned<S>],
    /// Gradients of the outputs.
    pub grads: &'a [Tensor<S>],
    /// Eval or train.
    pub mode: Mode,
    /// Whether gradients of the inputs are wanted.
    pub want_inputs: bool,
    /// Whether gradients of the parameters are wanted.
    pub want_params: bool,
    /// Where memory is accounted.
    pub meter: &'a Meter,
}

impl<S: Scalar> Backward<'_, S> {
    /// The gradient of the only output.
    pub fn grad(&self) -> &Tensor<S> {
        &self.grads[0]
    }

    /// The first input, which the kernel kept.
    ///
    /// # Panics
    /// If it was not kept.
    pub fn input(&self) -> &Tensor<S> {
        self.inputs[0].as_ref().expect("the kernel kept its input")
    }

    /// The first output, which the kernel kept.
    ///
    /// # Panics
    /// If it was not kept.
    pub fn output(&self) -> &Tensor<S> {
        self.outputs[0].as_ref().expect("the kernel kept its output")
    }

    /// The numbers kept under this name.
    ///
    /// # Panics
    /// If there are none.
    pub fn numbers(&self, name: &str) -> &Tensor<S> {
        let find = |kept: &'_ _| matches!(kept, Kept::Numbers(known, _) if *known == name);
        match self.kept.iter().find(|kept| find(kept)) {
            Some(Kept::Numbers(_, tensor)) => tensor,
            _ => panic!("the kernel kept no {name}"),
        }
    }

    /// The indices kept under this name.
    ///
    /// # Panics
    /// If there are none.
    pub fn indices(&self, name: &str) -> &[i64] {
        let find = |kept: &'_ _| matches!(kept, Kept::Indices(known, _) if *known == name);
        match self.kept.iter().find(|kept| find(kept)) {
            Some(Kept::Indices(_, buffer)) => buffer,
            _ => panic!("the kernel kept no {name}"),
        }
    }
}

/// What a backward pass makes.
#[derive(Debug)]
pub struct Grads<S> {
    /// Gradients of the inputs, where wanted.
    pub inputs: Vec<Tensor<S>>,
    /// Gradients of the parameters in the order of `init`, where wanted; buffers have none.
    pub params: Vec<Tensor<S>>,
}

impl<S> Grads<S> {
    /// Gradients of the inputs only: there are no parameters.
    pub fn of_input(gradient: Option<Tensor<S>>) -> Self {
        Self { inputs: gradient.into_iter().collect(), params: Vec::new() }
    }
}

/// What an operator does to numbers.
pub trait Kernel {
    /// The tensors it owns, sized from real inputs.
    fn init<S: Scalar>(&self, inputs: &[&[usize]], init: &mut Init<'_>) -> Vec<Owned<S>>;
    /// One forward pass.
    fn forward<S: Scalar>(&self, pass: Forward<'_, S>) -> Made<S>;
    /// One backward pass.
    fn backward<S: Scalar>(&self, pass: Backward<'_, S>) -> Grads<S>;
    /// Elements of scratch memory besides inputs and outputs: forward, and for gradients of inputs.
    fn workspace(&self, _inputs: &[&[usize]], _mode: Mode) -> (usize, usize) {
        (0, 0)
    }
    /// The fewest samples that its statistics can be taken of, where the batch can make up for it. With fewer, what
    /// training updates would be NaN afterwards: whoever runs a network in train mode asks first.
    fn smallest_batch(&self, _inputs: &[&[usize]], _mode: Mode) -> usize {
        1
    }
}

/// Scratch memory besides the results of a pass, in elements of the network's precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scratch {
    /// Of a forward pass.
    pub forward: usize,
    /// Of gradients of inputs.
    pub inputs: usize,
    /// Of gradients of parameters.
    pub params: usize,
}

impl Scratch {
    /// Of the reference's kernel.
    pub fn of_reference(op: &Op, inputs: &[&[usize]], mode: Mode) -> Self {
        let (forward, inputs) = op.workspace(inputs, mode);
        Self { forward, inputs, params: 0 }
    }

    /// Of a backward pass that makes what is wanted, one after the other.
    pub fn backward(self, inputs: bool, params: bool) -> usize {
        let of = |wanted, numbers| if wanted { numbers } else { 0 };
        of(inputs, self.inputs).max(of(params, self.params))
    }
}

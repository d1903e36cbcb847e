//! Transposed convolution (fractionally strided) in one, two or three dimensions.
//!
//! ```text
//! shape     N×C×H×W → N×O×H'×W',  H' = (H − 1)·S − 2P + D·(F − 1) + output_padding + 1
//! weight    C × O/groups × F_h × F_w          bias  O
//! forward   an input is O/groups · F_h · F_w MACs; an output is one add for the bias
//! backward  input: the same MACs, gathered;  weight: the same MACs;  bias: one add an output
//! saved     the input
//! ```
//!
//! Input positions are counted: each tap of each is a MAC, and those that padding crops are reported apart.

use super::arg_type::PerAxis;
use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::ledger::{Backward, Keep, Param, Role, Saved, Work};
use super::reach::{AxisReach, Reach};
use super::signature::operator;
use super::window::{Rounding, Window};
use super::{Io, Layer, Mode, axis_letters, axis_names, spatial, with_extents};
use crate::shape::{Shape, Shapes, TooLarge, product};

operator! {
    /// Transposed convolution: each input element adds a kernel, scaled by it, to the output.
    ConvTranspose("conv_transpose") ranks Always,
    "https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html",
    {
        /// Channels that come out.
        out_channels: u64,
        /// Taps of the kernel along each axis, F.
        kernel_size: PerAxis<1>,
        /// Output elements from one kernel to the next, S.
        stride: PerAxis<1> = Int(1),
        /// Output elements cropped on both sides, P.
        padding: PerAxis<0> = Int(0),
        /// Output elements added at the end: tells apart the extents that a stride maps to one.
        output_padding: PerAxis<0> = Int(0),
        /// Channels are split into this many groups that do not see each other.
        groups: u64 = Int(1),
        /// Whether a learned number is added to each output channel.
        bias: bool = Bool(true),
        /// Output elements from one tap to the next, D.
        dilation: PerAxis<1> = Int(1),
    }
    torch [
        Arrives("in_channels", 1), Field("out_channels"), Field("kernel_size"), Field("stride"), Field("padding"),
        Field("output_padding"), Field("groups"), Field("bias"), Field("dilation"), Only("padding_mode", "'zeros'"),
    ]
    facts [AbsorbsNorm]
}

/// One axis of a transposed convolution.
#[derive(Clone, Copy)]
struct Axis {
    kernel: u64,
    stride: u64,
    padding: u64,
    extra: u64,
    dilation: u64,
}

impl Axis {
    /// The output's extent; not positive where padding crops everything. `i128` holds every intermediate value.
    fn extent(self, input: u64) -> i128 {
        let [input, kernel, stride, padding, extra, dilation] =
            [input, self.kernel, self.stride, self.padding, self.extra, self.dilation]
                .map(i128::from);
        (input - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
    }

    /// Taps of `input` kernels that land on an output of `out` elements.
    fn taps_inside(self, input: u64, out: u64) -> u64 {
        // The kernels walk over the output as a convolution's windows walk over its padded input.
        let window = Window {
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            before: self.padding,
            after: 0,
            rounding: Rounding::Floor,
        };
        window.taps(out, input).inside
    }

    fn reach(self) -> AxisReach {
        let Self { kernel: taps, dilation, stride, padding, .. } = self;
        AxisReach::Transposed { taps, dilation, stride, padding }
    }

    fn derive(self, name: &str, input: u64, out: u64) -> Fact {
        let Self { kernel, stride, padding, extra, dilation } = self;
        Fact::formula(
            name,
            "(H − 1)·S − 2P + D·(F − 1) + output_padding + 1",
            &format!(
                "({input} − 1)·{stride} − 2·{padding} + {dilation}·({kernel} − 1) + {extra} + 1"
            ),
            out,
        )
    }
}

impl ConvTranspose {
    /// The geometry of each spatial axis.
    fn axes(&self) -> impl Iterator<Item = Axis> {
        (0..self.rank).map(|axis| Axis {
            kernel: self.kernel_size.values()[axis],
            stride: self.stride.values()[axis],
            padding: self.padding.values()[axis],
            extra: self.output_padding.values()[axis],
            dilation: self.dilation.values()[axis],
        })
    }

    /// Output channels that one input channel reaches.
    fn depth(&self) -> u64 {
        self.out_channels / self.groups.max(1)
    }

    /// MACs of one pass, with those that padding crops.
    fn macs(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        let (Some((batch, channels, extents)), Some((.., out))) =
            (io.inputs[0].split(), io.outputs[0].split())
        else {
            return Ok(Work::NONE);
        };
        let kernels = [batch, channels, self.depth()];
        let taps = self.kernel_size.values().iter().copied();
        let all = product(kernels.into_iter().chain(extents.iter().copied()).chain(taps))?;
        let inside =
            self.axes().zip(extents).zip(out).map(|((axis, n), out)| axis.taps_inside(*n, *out));
        let inside = product(kernels.into_iter().chain(inside))?;
        Ok(Work { macs: all, padding_taps: all - inside, ..Work::NONE })
    }
}

impl Layer for ConvTranspose {
    fn infer(&self, inputs: &[Shape]) -> Result<Shapes, ShapeError> {
        let (batch, channels, extents) = spatial(inputs, self.rank)?;
        for (what, channels) in [("in_channels", channels), ("out_channels", self.out_channels)] {
            if self.groups == 0 || !channels.is_multiple_of(self.groups) {
                return Err(ShapeError::Groups {
                    what,
                    channels,
                    by: "groups",
                    groups: self.groups,
                });
            }
        }
        let mut out = Vec::with_capacity(extents.len());
        for ((axis, input), name) in self.axes().zip(&extents).zip(axis_names(self.rank)) {
            if *input == 0 {
                return Err(ShapeError::NotPositive {
                    what: format!("the input's {name}"),
                    value: 0,
                });
            }
            if axis.extra >= axis.stride.max(axis.dilation) {
                return Err(ShapeError::Arguments {
                    message: format!(
                        "output_padding is {}, but must be below the stride ({}) or the dilation ({})",
                        axis.extra, axis.stride, axis.dilation
                    ),
                    help: "an output that needs more comes from a larger input or stride"
                        .to_owned(),
                });
            }
            let value = axis.extent(*input);
            if value <= 0 {
                return Err(ShapeError::NotPositive {
                    what: format!("the output's {name}"),
                    value,
                });
            }
            out.push(u64::try_from(value).map_err(|_| ShapeError::TooLarge)?);
        }
        Ok(with_extents(batch, self.out_channels, &out)?.into())
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        let (_, channels, _) = spatial(inputs, self.rank)?;
        let weight = with_extents(channels, self.depth(), self.kernel_size.values())?;
        let mut params = vec![Param::new("weight", Role::Weight, weight)];
        if self.bias {
            params.push(Param::new("bias", Role::Bias, Shape::vector(self.out_channels)));
        }
        Ok(params)
    }

    fn work(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        let bias = if self.bias { Work::adds(io.elements_out()?) } else { Work::NONE };
        self.macs(io)?.plus(bias)
    }

    fn work_backward(&self, io: Io<'_>) -> Result<Backward, TooLarge> {
        Ok(Backward { inputs: self.macs(io)?, params: self.work(io)? })
    }

    fn saved(&self, _: Io<'_>) -> Result<Saved, TooLarge> {
        Ok(vec![Keep::Input(0)])
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, _: Io<'_>) -> Reach {
        Reach::Window(self.axes().map(Axis::reach).collect())
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Some((batch, channels, extents)), Some((.., out))) =
            (io.inputs[0].split(), io.outputs[0].split())
        else {
            return Vec::new();
        };
        let mut facts = Vec::new();
        for (((name, axis), input), out) in
            axis_names(self.rank).iter().zip(self.axes()).zip(extents).zip(out)
        {
            facts.push(axis.derive(name, *input, *out));
        }
        let letters = axis_letters(self.rank);
        let kernel: Vec<(String, u64)> = letters
            .iter()
            .zip(self.kernel_size.values())
            .map(|(l, k)| (format!("F_{l}"), *k))
            .collect();
        let depth = if self.groups == 1 { "C_out" } else { "C_out/groups" };
        let mut factors: Vec<(&str, u64)> =
            kernel.iter().map(|(label, k)| (label.as_str(), *k)).collect();
        factors.extend([("C_in", channels), (depth, self.depth())]);
        facts.push(Fact::product("weight", &factors));
        if self.bias {
            facts.push(Fact::product("bias", &[("C_out", self.out_channels)]));
        }
        factors.extend(letters.iter().copied().zip(extents.iter().copied()));
        if batch != 1 {
            factors.push(("N", batch));
        }
        facts
            .push(Fact::product("MACs", &factors).because(
                "a transposed convolution applies its kernel once at each input position",
            ));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transpose(kernel: u64, stride: u64, padding: u64, output_padding: u64) -> ConvTranspose {
        ConvTranspose {
            rank: 2,
            out_channels: 4,
            kernel_size: PerAxis::all(2, kernel),
            stride: PerAxis::all(2, stride),
            padding: PerAxis::all(2, padding),
            output_padding: PerAxis::all(2, output_padding),
            groups: 1,
            bias: true,
            dilation: PerAxis::all(2, 1),
        }
    }

    /// U-Net's up-convolution doubles the extent; no tap is cropped.
    #[test]
    fn doubles_with_kernel_and_stride_two() {
        let up = transpose(2, 2, 0, 0);
        let inputs = [Shape::new(&[1, 8, 5, 3]).unwrap()];
        let outputs = up.infer(&inputs).unwrap();
        assert_eq!(outputs[0].dims(), [1, 4, 10, 6]);
        assert_eq!(up.params(&inputs).unwrap()[0].shape.dims(), [8, 4, 2, 2]);
        let io = Io { inputs: &inputs, outputs: &outputs, mode: Mode::Eval };
        let work = up.work(io).unwrap();
        assert_eq!((work.macs, work.adds, work.padding_taps), (8 * 4 * 4 * 15, 240, 0));
        let Reach::Window(axes) = up.reach(io) else { panic!("a window") };
        let reach = AxisReach::Transposed { taps: 2, dilation: 1, stride: 2, padding: 0 };
        assert_eq!(axes[0], reach);
    }

    /// Three kernels of 3, stride 2, padding 1: positions −1 … 5 of an output of 5: two of nine taps are cropped.
    #[test]
    fn cropped_taps_count_and_are_told_apart() {
        let axis = Axis { kernel: 3, stride: 2, padding: 1, extra: 0, dilation: 1 };
        assert_eq!((axis.extent(3), axis.taps_inside(3, 5)), (5, 7));
    }

    #[test]
    fn an_output_that_is_cropped_away_says_its_size() {
        let inputs = [Shape::new(&[1, 8, 1, 1]).unwrap()];
        assert_eq!(
            transpose(2, 1, 2, 0).infer(&inputs),
            Err(ShapeError::NotPositive { what: "the output's height".into(), value: -2 })
        );
    }

    #[test]
    fn output_padding_stays_below_the_stride() {
        let inputs = [Shape::new(&[1, 8, 4, 4]).unwrap()];
        assert!(matches!(transpose(3, 2, 1, 2).infer(&inputs), Err(ShapeError::Arguments { .. })));
        assert!(transpose(3, 2, 1, 1).infer(&inputs).is_ok());
    }

    #[test]
    fn sizes_beyond_64_bits_are_an_error() {
        let inputs = [Shape::new(&[1, 8, u64::MAX, 1]).unwrap()];
        assert_eq!(transpose(2, 2, 0, 0).infer(&inputs), Err(ShapeError::TooLarge));
    }
}

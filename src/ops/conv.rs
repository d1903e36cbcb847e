//! Convolution (cross-correlation) in one, two or three dimensions.
//!
//! ```text
//! shape     N×C×H×W → N×O×H'×W',  H' = (H + 2P − F)/S + 1 (D·(F − 1) + 1 for F where dilated)
//! weight    O × C/groups × F_h × F_w          bias  O
//! forward   an output is C/groups · F_h · F_w MACs, and one add for the bias
//! backward  input: the same MACs, scattered;  weight: the same MACs, gathered;  bias: one add an output
//! saved     the input
//! ```
//!
//! Taps on padding count, and are reported apart.

use super::arg_type::PerAxis;
use super::derive::{Derivation, Fact};
use super::error::ShapeError;
use super::ledger::{Autograd, Backward, Keep, Param, Role, Saved, Work};
use super::reach::Reach;
use super::signature::operator;
use super::window::{Padding, Rounding, Window};
use super::{Io, Layer, Mode, axis_letters, axis_names, spatial, with_extents};
use crate::shape::{Shape, Shapes, TooLarge, product};

operator! {
    /// Convolution (cross-correlation): each of out_channels kernels slides over the input.
    Conv("conv") ranks Always,
    "https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html",
    {
        /// Number of kernels: the channels that come out.
        out_channels: u64,
        /// Taps of the kernel along each axis, F.
        kernel_size: PerAxis<1>,
        /// Elements from one window to the next, S.
        stride: PerAxis<1> = Int(1),
        /// Zeros around the input, P.
        padding: Padding = Int(0),
        /// Elements from one tap to the next, D.
        dilation: PerAxis<1> = Int(1),
        /// Channels are split into this many groups that do not see each other.
        groups: u64 = Int(1),
        /// Whether a learned number is added to each output channel.
        bias: bool = Bool(true),
    }
    torch [
        Arrives("in_channels", 1), Field("out_channels"), Field("kernel_size"), Field("stride"), Field("padding"),
        Field("dilation"), Field("groups"), Field("bias"), Only("padding_mode", "'zeros'"),
    ]
    facts [AbsorbsNorm]
}

impl Conv {
    /// The window of each spatial axis.
    fn windows(&self, extents: &[u64]) -> Result<Vec<Window>, ShapeError> {
        let mut windows = Vec::with_capacity(extents.len());
        for (axis, input) in extents.iter().enumerate() {
            let (kernel, stride, dilation) = (
                self.kernel_size.values()[axis],
                self.stride.values()[axis],
                self.dilation.values()[axis],
            );
            let open =
                Window { kernel, stride, dilation, before: 0, after: 0, rounding: Rounding::Floor };
            let (before, after) = self.padding.sides(axis, *input, open.reach(), stride)?;
            windows.push(Window { before, after, ..open });
        }
        Ok(windows)
    }

    /// Input channels that one kernel sees.
    fn depth(&self, channels: u64) -> u64 {
        channels / self.groups.max(1)
    }

    /// MACs of one pass, with those on padding.
    fn macs(&self, io: Io<'_>) -> Result<Work, TooLarge> {
        let (Some((batch, channels, extents)), Some((.., windows_out))) =
            (io.inputs[0].split(), io.outputs[0].split())
        else {
            return Ok(Work::NONE);
        };
        let windows = self.windows(extents).map_err(|_| TooLarge)?;
        let taps: Vec<_> = windows
            .iter()
            .zip(extents)
            .zip(windows_out)
            .map(|((w, n), out)| w.taps(*n, *out))
            .collect();
        let kernels = [batch, self.out_channels, self.depth(channels)];
        let all = product(kernels.into_iter().chain(taps.iter().map(|t| t.all)))?;
        let inside = product(kernels.into_iter().chain(taps.iter().map(|t| t.inside)))?;
        Ok(Work { macs: all, padding_taps: all - inside, ..Work::NONE })
    }
}

impl Layer for Conv {
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
        let windows = self.windows(&extents)?;
        let out: Result<Vec<u64>, _> = windows
            .iter()
            .zip(&extents)
            .enumerate()
            .map(|(axis, (w, n))| w.extent(axis + 2, *n))
            .collect();
        Ok(with_extents(batch, self.out_channels, &out?)?.into())
    }

    fn params(&self, inputs: &[Shape]) -> Result<Vec<Param>, ShapeError> {
        let (_, channels, _) = spatial(inputs, self.rank)?;
        let weight =
            with_extents(self.out_channels, self.depth(channels), self.kernel_size.values())?;
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
        let macs = self.macs(io)?;
        let bias = if self.bias { Work::adds(io.elements_out()?) } else { Work::NONE };
        Ok(Backward { inputs: macs, params: macs.plus(bias)? })
    }

    fn saved(&self, _: Io<'_>) -> Result<Saved, TooLarge> {
        Ok(vec![Keep::Input(0)])
    }

    /// torch pads by itself what `padding='same'` cannot share between two sides.
    fn autograd(&self, io: Io<'_>) -> Result<Autograd, TooLarge> {
        let split = io.inputs.first().and_then(Shape::split);
        let windows = split.and_then(|(.., extents)| self.windows(extents).ok());
        let (Some((batch, channels, extents)), Some(windows), Padding::Same) =
            (split, windows, &self.padding)
        else {
            return Ok(Autograd::keeps(self.saved(io)?));
        };
        let more = |window: &Window| window.before.abs_diff(window.after);
        if windows.iter().all(|window| more(window) == 0) {
            return Ok(Autograd::keeps(self.saved(io)?));
        }
        let padded = extents.iter().zip(&windows).map(|(n, window)| n + more(window));
        let elements = product([batch, channels].into_iter().chain(padded))?;
        let copy = Keep::Own { what: "padded input", elements, dtype: None };
        Ok(Autograd::keeps(vec![copy]))
    }

    fn is_view(&self, _: Mode) -> bool {
        false
    }

    fn reach(&self, io: Io<'_>) -> Reach {
        let extents = io.inputs[0].split().map_or(&[][..], |(.., extents)| extents);
        match self.windows(extents) {
            Ok(windows) => Reach::Window(windows.iter().map(Window::axis_reach).collect()),
            Err(_) => Reach::Opaque("the window does not fit"),
        }
    }

    fn derive(&self, io: Io<'_>) -> Derivation {
        let (Some((batch, channels, extents)), Some((.., out))) =
            (io.inputs[0].split(), io.outputs[0].split())
        else {
            return Vec::new();
        };
        let mut facts = Vec::new();
        let windows = self.windows(extents).unwrap_or_default();
        for (((name, window), input), out) in
            axis_names(self.rank).iter().zip(&windows).zip(extents).zip(out)
        {
            facts.push(window.derive(name, *input, *out));
        }
        let letters = axis_letters(self.rank);
        let kernel: Vec<(String, u64)> = letters
            .iter()
            .zip(self.kernel_size.values())
            .map(|(l, k)| (format!("F_{l}"), *k))
            .collect();
        let mut factors: Vec<(&str, u64)> =
            kernel.iter().map(|(label, k)| (label.as_str(), *k)).collect();
        let groups = self.groups;
        let weight = if groups == 1 {
            factors.extend([("C_in", channels), ("C_out", self.out_channels)]);
            Fact::product("weight", &factors)
        } else {
            let (depth, kernels) = (self.depth(channels), self.out_channels / groups.max(1));
            factors.extend([("C_in/groups", depth), ("C_out/groups", kernels), ("groups", groups)]);
            Fact::product("weight", &factors).because(format!(
                "{channels} input channels in {groups} groups: a kernel sees {depth}; each group has {kernels} of the \
                 {} kernels, × {groups} groups",
                self.out_channels
            ))
        };
        facts.push(weight);
        if self.bias {
            facts.push(Fact::product("bias", &[("C_out", self.out_channels)]));
        }
        let mut factors: Vec<(&str, u64)> =
            kernel.iter().map(|(label, k)| (label.as_str(), *k)).collect();
        let depth = if groups == 1 { "C_in" } else { "C_in/groups" };
        let out_letters: Vec<String> = letters.iter().map(|l| format!("{l}'")).collect();
        factors.extend([(depth, self.depth(channels)), ("C_out", self.out_channels)]);
        factors.extend(out_letters.iter().map(String::as_str).zip(out.iter().copied()));
        if batch != 1 {
            factors.push(("N", batch));
        }
        facts.push(Fact::product("MACs", &factors));
        facts.extend(backward(&factors, &windows));
        facts
    }
}

/// The backward pass as convolutions: each product of the forward pass occurs once for the input and once for the weight.
fn backward(factors: &[(&str, u64)], windows: &[Window]) -> [Fact; 2] {
    let as_many = |what, why: String| {
        let fact = Fact::product(what, factors);
        Fact { formula: "MACs".to_owned(), numbers: fact.result.clone(), ..fact }.because(why)
    };
    let spread =
        if windows.iter().any(|w| w.stride > 1) { " and S − 1 zeros between" } else { "" };
    let reach = if windows.iter().any(|w| w.dilation > 1) { "D·(F − 1)" } else { "F − 1" };
    [
        as_many(
            "input grads",
            format!("dy, with {reach} − P around{spread}, convolved with the flipped kernel"),
        ),
        as_many("weight grads", "x convolved with dy, summed over the batch".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv2(out_channels: u64, kernel: u64, padding: u64, groups: u64) -> Conv {
        Conv {
            rank: 2,
            out_channels,
            kernel_size: PerAxis::all(2, kernel),
            stride: PerAxis::all(2, 1),
            padding: Padding::Sides { rank: 2, sides: [(padding, padding); 3] },
            dilation: PerAxis::all(2, 1),
            groups,
            bias: true,
        }
    }

    /// AlexNet's second layer, two groups (Krizhevsky 2012).
    #[test]
    fn alexnets_second_layer() {
        let conv = conv2(256, 5, 2, 2);
        let inputs = [Shape::new(&[1, 96, 27, 27]).unwrap()];
        let outputs = conv.infer(&inputs).unwrap();
        assert_eq!(outputs[0].dims(), [1, 256, 27, 27]);
        assert_eq!(conv.params(&inputs).unwrap()[0].shape.dims(), [256, 48, 5, 5]);
        let io = Io { inputs: &inputs, outputs: &outputs, mode: Mode::Eval };
        let work = conv.work(io).unwrap();
        assert_eq!((work.macs, work.adds), (223_948_800, 186_624));
        let weight = conv.derive(io).into_iter().find(|fact| fact.what == "weight").unwrap();
        assert_eq!(
            format!("{} = {}", weight.numbers, weight.result),
            "5 × 5 × 48 × 128 × 2 = 307,200"
        );
    }

    /// A 3×3 kernel on a 1×1 image with padding 1: one tap of nine is inside.
    #[test]
    fn taps_on_padding_are_counted_and_told_apart() {
        let inputs = [Shape::new(&[1, 1, 1, 1]).unwrap()];
        let conv = conv2(1, 3, 1, 1);
        let outputs = conv.infer(&inputs).unwrap();
        let work = conv.work(Io { inputs: &inputs, outputs: &outputs, mode: Mode::Eval }).unwrap();
        assert_eq!((work.macs, work.padding_taps), (9, 8));
    }

    #[test]
    fn groups_must_divide_both() {
        let inputs = [Shape::new(&[1, 96, 27, 27]).unwrap()];
        assert!(matches!(
            conv2(256, 5, 2, 5).infer(&inputs),
            Err(ShapeError::Groups { what: "in_channels", .. })
        ));
        assert!(matches!(
            conv2(250, 5, 2, 4).infer(&inputs),
            Err(ShapeError::Groups { what: "out_channels", .. })
        ));
    }
}

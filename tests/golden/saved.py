"""How many bytes PyTorch's autograd keeps for the backward pass: writes saved.csv beside this file.

    pip install torch==2.15.0 torchvision==0.29.2
    python tests/golden/saved.py

A row is what a description has, layers with `; ` between or the name of a built-in network, and the same as torch has
it: a forward pass on the CPU in f32 and train mode, whose input requires no gradient. `frozen` is a pattern of names of
parameters that require none either. `bytes` sums the distinct storages behind the tensors that are saved when the
forward pass has ended; parameters and buffers are left out, and a view counts its whole storage. `storages` lists them,
largest first, each with its bytes: `input`, `out 2` (made by layer 2 of the row, counted from 0; views and in-place
layers make none) or the type and shape of a tensor that no layer passes on; `3*64` is three storages of 64 bytes. For
whole networks the bytes stand alone. `refused` is what torch says where it runs no backward pass, mostly that an
in-place layer has overwritten what another one saved.
"""

import csv
import fnmatch
import functools
import importlib.metadata
import os
import sys
import warnings
import weakref
from collections import Counter

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

from tools import ChannelNorm, Fn, Scale

warnings.filterwarnings("ignore")


class Both(nn.Module):
    """What `call` makes of a layer's output and of what a second layer makes of that."""

    def __init__(self, first, second, call):
        super().__init__()
        self.first, self.second, self.call = first, second, call

    def forward(self, x):
        x = self.first(x)
        return self.call(x, self.second(x))


class Held(nn.Module):
    """A tensor that the module holds, whatever arrives."""

    def __init__(self, tensor, trained):
        super().__init__()
        if trained:
            self.tensor = nn.Parameter(tensor)
        else:
            self.register_buffer("tensor", tensor)

    def forward(self, x):
        return self.tensor


NAMES = {"nn": nn, "F": F, "torch": torch, "torchvision": torchvision, "Fn": Fn, "Both": Both,
         "ChannelNorm": ChannelNorm, "Scale": Scale, "Held": Held}

# Input and batch for each number of spatial axes; the convolution before the layer makes 8 channels.
INPUTS = {1: (("[5, 13]", 3),), 2: (("[5, 9, 14]", 3),), 3: (("[2, 5, 4, 7]", 3),)}
# The same without a convolution before it.
MAP = {1: ("[8, 16]", 2), 2: ("[8, 16, 16]", 2), 3: ("[8, 4, 6, 6]", 2)}
CASES = []


def channels(shape):
    return int(shape.strip("[]").split(",")[0])


def alone(shape, batch, layers, code, frozen=""):
    CASES.append((shape, layers, code, batch, frozen))


def after(layers, code, n=2, frozen=""):
    """A row for a layer behind a convolution with n spatial axes, for each input."""
    for shape, batch in INPUTS[n]:
        alone(shape, batch, f"conv{n}d(8, 3, padding=1); {layers}",
              f"nn.Conv{n}d({channels(shape)}, 8, 3, padding=1), {code}", frozen)


def function(layers, call, n=2):
    after(layers, f"Fn(lambda x: {call})", n)


def between(layers, code):
    """A row for a layer between batch norm and a convolution, which keeps its own input."""
    after(f"batchnorm2d; {layers}; conv2d(4, 1)", f"nn.BatchNorm2d(8), {code}, nn.Conv2d(8, 4, 1)")


def first(layers, code, n=2):
    """Rows for a layer on the network's input, which requires no gradient, alone and before a convolution."""
    alone(*MAP[n], layers, code)
    alone(*MAP[n], f"{layers}; conv{n}d(4, 1)", f"{code}, nn.Conv{n}d(8, 4, 1)")


def said(args):
    """Arguments as a description writes them."""
    return args.replace("True", "true").replace("False", "false")


def operator(name, args):
    return f"{name}({said(args)})" if args else name


# Activations and dropout. Those of the second table run in place too.
PLAIN = (
    ("gelu", "GELU", ""), ("gelu", "GELU", "approximate='tanh'"), ("sigmoid", "Sigmoid", ""), ("tanh", "Tanh", ""),
    ("logsigmoid", "LogSigmoid", ""), ("softplus", "Softplus", ""),
    ("softplus", "Softplus", "beta=2.0, threshold=10.0"), ("softsign", "Softsign", ""),
    ("prelu", "PReLU", ""), ("prelu", "PReLU", "8"), ("softmax", "Softmax", "dim=1"),
    ("softmax", "Softmax", "dim=-1"), ("log_softmax", "LogSoftmax", "dim=1"), ("log_softmax", "LogSoftmax", "dim=-1"),
)
IN_PLACE = (
    ("relu", "ReLU", ""), ("relu6", "ReLU6", ""), ("leaky_relu", "LeakyReLU", ""), ("leaky_relu", "LeakyReLU", "0.2"),
    ("elu", "ELU", ""), ("elu", "ELU", "0.5"), ("selu", "SELU", ""), ("celu", "CELU", ""), ("celu", "CELU", "0.5"),
    ("silu", "SiLU", ""), ("mish", "Mish", ""), ("hardtanh", "Hardtanh", ""),
    ("hardtanh", "Hardtanh", "min_val=-2.0, max_val=2.0"), ("hardsigmoid", "Hardsigmoid", ""),
    ("hardswish", "Hardswish", ""), ("dropout", "Dropout", "0.3"), ("dropout2d", "Dropout2d", "0.3"),
)
for name, module, args in PLAIN:
    for row in (after, between, first):
        row(operator(name, args), f"nn.{module}({args})")
for name, module, args in IN_PLACE:
    for form in (args, ", ".join(filter(None, (args, "inplace=True")))):
        for row in (after, between, first):
            row(operator(name, form), f"nn.{module}({form})")
for row in (after, between, first):
    row("abs", "Fn(lambda x: x.abs())")
    for mode in ("row", "batch"):
        row(f"stochastic_depth(0.3, mode='{mode}')", f"torchvision.ops.StochasticDepth(0.3, '{mode}')")
for n in (1, 3):
    for form in ("0.3", "0.3, inplace=True"):
        after(operator(f"dropout{n}d", form), f"nn.Dropout{n}d({form})", n)
for p in ("0.0", "1.0"):
    for form in (p, f"{p}, inplace=True"):
        for name in ("Dropout", "Dropout2d"):
            after(operator(name.lower(), form), f"nn.{name}({form})")
    after(f"stochastic_depth({p})", f"torchvision.ops.StochasticDepth({p}, 'row')")
after("flatten; dropout(0.3)", "nn.Flatten(), nn.Dropout(0.3)")

# An in-place layer overwrites the output of the one before it: torch refuses where that one saved it.
for name, module in (("relu", "ReLU()"), ("sigmoid", "Sigmoid()"), ("tanh", "Tanh()"), ("softmax", "Softmax(dim=1)"),
                     ("log_softmax", "LogSoftmax(dim=1)"), ("softplus", "Softplus()"), ("gelu", "GELU()"),
                     ("leaky_relu", "LeakyReLU()"), ("hardswish", "Hardswish()"),
                     ("batchnorm2d", "BatchNorm2d(8)"), ("dropout(0.3)", "Dropout(0.3)")):
    after(f"{name}; relu(inplace=true)", f"nn.{module}, nn.ReLU(inplace=True)")
for name, module in (("relu", "ReLU"), ("relu6", "ReLU6"), ("leaky_relu", "LeakyReLU"), ("elu", "ELU"),
                     ("selu", "SELU"), ("celu", "CELU"), ("silu", "SiLU"), ("mish", "Mish"),
                     ("hardtanh", "Hardtanh"), ("hardsigmoid", "Hardsigmoid"), ("hardswish", "Hardswish")):
    after(f"{name}(inplace=true); dropout(0.3, inplace=true)",
          f"nn.{module}(inplace=True), nn.Dropout(0.3, inplace=True)")
for layers, code in (
    ("maxpool2d(2)", "nn.MaxPool2d(2)"), ("avgpool2d(2)", "nn.AvgPool2d(2)"), ("flatten", "nn.Flatten()"),
    ("global_maxpool", "Fn(lambda x: x.amax([2, 3], keepdim=True))"), ("relu; flatten", "nn.ReLU(), nn.Flatten()"),
    ("permute(0, 1, 3, 2)", "Fn(lambda x: x.permute(0, 1, 3, 2))"),
    ("narrow(1, 1, 4)", "Fn(lambda x: x.narrow(1, 1, 4))"), ("chunk(2, 0)", "Fn(lambda x: x.chunk(2, 1)[0])"),
    ("mul(@, @)", "Fn(lambda x: x * x)"), ("add(@, @)", "Fn(lambda x: x + x)"),
    ("concat(@, @)", "Fn(lambda x: torch.cat([x, x], 1))"), ("channel_shuffle(4)", "nn.ChannelShuffle(4)"),
    ("reflection_pad2d(1)", "nn.ReflectionPad2d(1)"), ("layernorm2d", "ChannelNorm(8)"),
    ("groupnorm(4)", "nn.GroupNorm(4, 8)"), ("instancenorm2d", "nn.InstanceNorm2d(8)"),
    ("lrn(5)", "nn.LocalResponseNorm(5)"), ("prelu", "nn.PReLU()"), ("scale(1)", "Scale(1)"),
):
    for act in ("ReLU", "SiLU"):
        after(f"{layers}; {act.lower()}(inplace=true)", f"{code}, nn.{act}(inplace=True)")
after("leaky_relu(-0.1, inplace=true)", "nn.LeakyReLU(-0.1, inplace=True)")
after("elu(-0.5, inplace=true)", "nn.ELU(-0.5, inplace=True)")
after("celu(-0.5, inplace=true)", "nn.CELU(-0.5, inplace=True)")

for n in INPUTS:
    axes = list(range(2, 2 + n))

    # Norms.
    for args in ("", "affine=False", "track_running_stats=False", "affine=False, track_running_stats=False"):
        for row in (after, first):
            row(operator(f"batchnorm{n}d", args), f"nn.BatchNorm{n}d(8, {args})", n)
    for args in ("", "affine=True", "track_running_stats=True", "affine=True, track_running_stats=True"):
        for row in (after, first):
            row(operator(f"instancenorm{n}d", args), f"nn.InstanceNorm{n}d(8, {args})", n)
    for args in ("", "elementwise_affine=False", "bias=False"):
        for row in (after, first):
            row(operator(f"layernorm{n}d", args), f"ChannelNorm(8{args and ', ' + args})", n)
    for groups, args in (("4", ""), ("4", ", affine=False"), ("1", ""), ("8", "")):
        for row in (after, first):
            row(f"groupnorm({groups}{said(args)})", f"nn.GroupNorm({groups}, 8{args})", n)

    # Pools.
    for kind, arguments in (
        ("max", ("2", "3, stride=1", "3, stride=2, padding=1", "2, dilation=2, stride=1", "3, ceil_mode=True")),
        ("avg", ("2", "3, stride=1", "3, stride=2, padding=1", "3, ceil_mode=True",
                 "3, stride=2, padding=1, count_include_pad=False") + (("2, divisor_override=3",) if n > 1 else ())),
    ):
        for args in arguments:
            after(operator(f"{kind}pool{n}d", args), f"nn.{kind.title()}Pool{n}d({args})", n)
        first(f"{kind}pool{n}d(2)", f"nn.{kind.title()}Pool{n}d(2)", n)
        for size in ("1", "2", "3"):
            after(f"adaptive_{kind}pool{n}d({size})", f"nn.Adaptive{kind.title()}Pool{n}d({size})", n)
            first(f"adaptive_{kind}pool{n}d({size})", f"nn.Adaptive{kind.title()}Pool{n}d({size})", n)
    for row in (after, first):
        row("global_avgpool", f"Fn(lambda x: x.mean({axes}, keepdim=True))", n)
        row("global_maxpool", f"Fn(lambda x: x.amax({axes}, keepdim=True))", n)

    # Convolutions.
    for args in ("3", "3, bias=False", "3, stride=2", "3, padding='same'", "3, groups=4", "3, groups=8",
                 "3, dilation=2, padding=2", "2, padding='same'", "2, padding='same', dilation=2", "4, padding='same'"):
        after(f"conv{n}d(16, {said(args)})", f"nn.Conv{n}d(8, 16, {args})", n)
        alone(*MAP[n], f"conv{n}d(16, {said(args)})", f"nn.Conv{n}d(8, 16, {args})")
    for args in ("", ", bias=False", ", stride=2, output_padding=1", ", groups=4"):
        after(f"conv_transpose{n}d(16, 3{said(args)})", f"nn.ConvTranspose{n}d(8, 16, 3{args})", n)

    # Padding and interpolation.
    for kind in ("zero", "reflection", "replication"):
        for row in (after, first):
            row(f"{kind}_pad{n}d(1)", f"nn.{kind.title()}Pad{n}d(1)", n)
    for how in ("nearest", "nearest-exact") + {1: ("linear",), 2: ("bilinear", "bicubic"), 3: ("trilinear",)}[n]:
        for args in ("scale_factor=2", "size=7"):
            after(f"upsample({args}, mode='{how}')", f"nn.Upsample({args}, mode='{how}')", n)
        if "linear" in how or how == "bicubic":
            after(f"upsample(scale_factor=1.5, mode='{how}', align_corners=true)",
                  f"nn.Upsample(scale_factor=1.5, mode='{how}', align_corners=True)", n)

    for args in ("3", "4", "5", "5, alpha=0.001, beta=0.5, k=2.0"):
        for row in (after, first):
            row(f"lrn({args})", f"nn.LocalResponseNorm({args})", n)

after("adaptive_avgpool2d([1, 2])", "nn.AdaptiveAvgPool2d((1, 2))")
after("adaptive_avgpool2d([none, 2])", "nn.AdaptiveAvgPool2d((None, 2))")
after("adaptive_avgpool2d([16, 16])", "nn.AdaptiveAvgPool2d((16, 16))")
after("adaptive_avgpool2d(1); adaptive_avgpool2d(1)", "nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d(1)")
after("conv2d(16, [3, 2], padding='same')", "nn.Conv2d(8, 16, (3, 2), padding='same')")
after("zero_pad2d(-1)", "nn.ZeroPad2d(-1)")
after("lrn(1)", "nn.LocalResponseNorm(1)")
for how in ("zero", "reflection", "replication"):
    after(f"{how}_pad2d(0)", f"nn.{how.title()}Pad2d(0)")

# Layers on a view whose elements do not lie side by side, which some of them copy.
for view, call, width in (("permute(0, 1, 3, 2)", "x.permute(0, 1, 3, 2)", 8), ("chunk(2, 0)", "x.chunk(2, 1)[0]", 4)):
    for layer, code in (
        ("groupnorm(4)", f"nn.GroupNorm(4, {width})"), ("instancenorm2d", f"nn.InstanceNorm2d({width})"),
        ("batchnorm2d", f"nn.BatchNorm2d({width})"), ("layernorm2d", f"ChannelNorm({width})"), ("relu", "nn.ReLU()"),
        ("maxpool2d(2)", "nn.MaxPool2d(2)"), ("avgpool2d(2)", "nn.AvgPool2d(2)"), ("softmax", "nn.Softmax(1)"),
        ("adaptive_avgpool2d(2)", "nn.AdaptiveAvgPool2d(2)"), ("adaptive_maxpool2d(2)", "nn.AdaptiveMaxPool2d(2)"),
        ("logsigmoid", "nn.LogSigmoid()"), ("prelu", "nn.PReLU()"), ("lrn(5)", "nn.LocalResponseNorm(5)"),
        ("reflection_pad2d(1)", "nn.ReflectionPad2d(1)"), ("linear(7)", None),
        ("flatten; gelu", "nn.Flatten(), nn.GELU()"),
        ("conv_transpose2d(4, 2)", f"nn.ConvTranspose2d({width}, 4, 2)"),
    ):
        for shape, batch in INPUTS[2]:
            h, w = (int(size) for size in shape.strip("[]").split(",")[1:])
            module = code or f"nn.Linear({h if view.startswith('permute') else w}, 7)"
            alone(shape, batch, f"conv2d(8, 3, padding=1); {view}; {layer}",
                  f"nn.Conv2d({channels(shape)}, 8, 3, padding=1), Fn(lambda x: {call}), {module}")

# Linear layers and layer norm on the last axis.
for shape, batch in (("[12]", 2), ("[5, 12]", 2), ("[3, 5, 12]", 3)):
    for args in ("", ", bias=False"):
        alone(shape, batch, f"linear(8); linear(7{said(args)})", f"nn.Linear(12, 8), nn.Linear(8, 7{args})")
        alone(shape, batch, f"linear(7{said(args)})", f"nn.Linear(12, 7{args})")
    for args in ("", "elementwise_affine=False", "bias=False"):
        alone(shape, batch, f"linear(8); {operator('layernorm', args)}", f"nn.Linear(12, 8), nn.LayerNorm(8, {args})")
        alone(shape, batch, operator("layernorm", args), f"nn.LayerNorm(12, {args})")
    for name, module in (("relu", "ReLU()"), ("relu(inplace=true)", "ReLU(inplace=True)"), ("gelu", "GELU()"),
                         ("dropout(0.3)", "Dropout(0.3)"), ("softmax(dim=-1)", "Softmax(dim=-1)")):
        alone(shape, batch, f"linear(8); {name}; linear(7)", f"nn.Linear(12, 8), nn.{module}, nn.Linear(8, 7)")
alone("[12]", 3, "linear(8); batchnorm1d; relu", "nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU()")
alone("[5, 12]", 3, "linear(8); layernorm([5, 8])", "nn.Linear(12, 8), nn.LayerNorm((5, 8))")
for args in ("", ", bias=False"):
    for shape, batch in INPUTS[2]:
        h, w = (int(size) for size in shape.strip("[]").split(",")[1:])
        head = f"nn.Conv2d({channels(shape)}, 8, 3, padding=1)"
        alone(shape, batch, f"conv2d(8, 3, padding=1); flatten; linear(7{said(args)})",
              f"{head}, nn.Flatten(), nn.Linear({8 * h * w}, 7{args})")
        alone(shape, batch, f"conv2d(8, 3, padding=1); linear(7{said(args)})", f"{head}, nn.Linear({w}, 7{args})")
    # A linear layer and a layer norm on axes in another order: what they copy is kept, not what they read.
    after(f"permute(0, 2, 3, 1); linear(7{said(args)})",
          f"Fn(lambda x: x.permute(0, 2, 3, 1)), nn.Linear(8, 7{args})")
# Of a view, too, where torch can see its rows without a copy.
for view, call, width in (("narrow(1, 0, 5)", "x.narrow(1, 0, 5)", 12), ("narrow(2, 0, 5)", "x.narrow(2, 0, 5)", 5)):
    for batch in (1, 3):
        alone("[9, 12]", batch, f"linear(12); {view}; linear(3)",
              f"nn.Linear(12, 12), Fn(lambda x: {call}), nn.Linear({width}, 3)")
alone("[3, 9, 9]", 1, "conv2d(8, 3); permute(0, 2, 3, 1); linear(4)",
      "nn.Conv2d(3, 8, 3), Fn(lambda x: x.permute(0, 2, 3, 1)), nn.Linear(8, 4)")
after("permute(0, 2, 3, 1); layernorm", "Fn(lambda x: x.permute(0, 2, 3, 1)), nn.LayerNorm(8)")
after("batchnorm2d; permute(0, 2, 3, 1); layernorm; linear(7); gelu; linear(5)",
      "nn.BatchNorm2d(8), Fn(lambda x: x.permute(0, 2, 3, 1)), nn.LayerNorm(8), nn.Linear(8, 7), nn.GELU(), "
      "nn.Linear(7, 5)")

# What moves numbers. The convolution behind it keeps its own input: a view of what came before, or a copy.
for layer, call in (
    ("identity", "x"), ("flatten(start_dim=2)", "x.flatten(2)"),
    ("reshape(4, 2, -1)", "x.reshape(x.shape[0], 4, 2, -1)"),
    ("permute(0, 1, 3, 2)", "x.permute(0, 1, 3, 2)"), ("pixel_shuffle(2)", "F.pixel_shuffle(x, 2)"),
    ("channel_shuffle(4)", "nn.ChannelShuffle(4)(x)"), ("select(2, 1)", "x.select(2, 1)"),
    ("narrow(2, 1, 4)", "x.narrow(2, 1, 4)"), ("slice(2, 0, 5, 2)", "x[:, :, 0:5:2]"),
    ("chunk(2, 0)", "x.chunk(2, 1)[0]"), ("chunk(2, 1)", "x.chunk(2, 1)[1]"),
    ("crop(4, offset=1)", "x[:, :, 1:5, 1:5]"), ("concat(@, @)", "torch.cat([x, x], 1)"), ("add(@, @)", "x + x"),
    ("sub(@, @)", "x - x"), ("mul(@, @)", "x * x"),
):
    function(layer, call)
for layer, call, width in (
    ("permute(0, 1, 3, 2)", "x.permute(0, 1, 3, 2)", 8), ("pixel_shuffle(2)", "F.pixel_shuffle(x, 2)", 2),
    ("channel_shuffle(4)", "nn.ChannelShuffle(4)(x)", 8), ("narrow(1, 1, 4)", "x.narrow(1, 1, 4)", 4),
    ("slice(2, 0, 5, 2)", "x[:, :, 0:5:2]", 8), ("chunk(2, 0)", "x.chunk(2, 1)[0]", 4),
    ("crop(4, offset=1)", "x[:, :, 1:5, 1:5]", 8), ("reshape(4, 2, -1)", "x.reshape(x.shape[0], 4, 2, -1)", 4),
):
    for follower, module in (("conv2d(4, 1)", f"nn.Conv2d({width}, 4, 1)"), ("gelu", "nn.GELU()")):
        after(f"batchnorm2d; {layer}; {follower}", f"nn.BatchNorm2d(8), Fn(lambda x: {call}), {module}")

# Joins with a second branch, and what they keep when one side needs no gradient.
FIRST = "nn.Conv2d(INPUT, 8, 3, padding=1)"


def joined(text, second, call):
    for shape, batch in INPUTS[2]:
        alone(shape, batch, f"x: conv2d(8, 3, padding=1); {text}",
              f"Both({FIRST.replace('INPUT', str(channels(shape)))}, {second}, lambda x, y: {call})")


for name, call in (("add", "x + y"), ("sub", "x - y"), ("mul", "x * y"), ("concat", "torch.cat([x, y], 1)")):
    joined(f"y: conv2d(8, 1); {name}(@x, @y)", "nn.Conv2d(8, 8, 1)", call)
joined("y: global_avgpool; mul(@x, @y)", "Fn(lambda x: x.mean([2, 3], keepdim=True))", "x * y")
joined("adaptive_avgpool2d(1); conv2d(4, 1); relu; conv2d(8, 1); y: sigmoid; mul(@x, @y)",
       "nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.Sigmoid())",
       "x * y")
joined("y: conv2d(8, 1); mul(@x, @y, @x)", "nn.Conv2d(8, 8, 1)", "x * y * x")
joined("y: relu(inplace=true); add(@x, @y)", "nn.ReLU(inplace=True)", "x + y")
joined("y: conv2d(8, 1); relu(@x, inplace=true); add(@x, @y)", "nn.Conv2d(8, 8, 1)", "F.relu(x, inplace=True) + y")
joined("y: conv2d(8, 1); add(@x, @y); relu(inplace=true)", "nn.Conv2d(8, 8, 1)", "F.relu(x + y, inplace=True)")
for shape, batch in INPUTS[2]:
    c = channels(shape)
    for name, call in (("add", "x + y"), ("mul", "y * x")):
        alone(shape, batch, f"y: conv2d({c}, 3, padding=1); {name}(@input, @y)",
              f"Both(nn.Identity(), nn.Conv2d({c}, {c}, 3, padding=1), lambda x, y: {call})")
for layer, code in (("scale(8, 1, 1)", "Scale(8, 1, 1)"), ("scale(1)", "Scale(1)")):
    for row in (after, between, first):
        row(layer, code)
for sizes in ("1, 8, 1, 1", "1"):
    for name, call in (("add", "x + y"), ("sub", "x - y"), ("mul", "x * y")):
        for value, code in (
            (f"parameter({sizes})", f"Held(torch.ones({sizes}), True)"),
            (f"buffer({sizes}, value=2)", f"Held(torch.full(({sizes},), 2.0), False)"),
            (f"constant({sizes}, value=0.5)", f"Fn(lambda x: torch.full(({sizes},), 0.5))"),
        ):
            joined(f"v: {value}; {name}(@x, @v)", code, call)

# Parameters that are not trained.
for frozen in ("0.*", "1.*", "1.weight", "1.bias", "*"):
    for layer, code in (
        ("conv2d(4, 3)", "nn.Conv2d(8, 4, 3)"), ("conv_transpose2d(4, 3)", "nn.ConvTranspose2d(8, 4, 3)"),
        ("batchnorm2d", "nn.BatchNorm2d(8)"), ("layernorm2d", "ChannelNorm(8)"), ("groupnorm(4)", "nn.GroupNorm(4, 8)"),
        ("instancenorm2d(affine=true)", "nn.InstanceNorm2d(8, affine=True)"), ("prelu", "nn.PReLU()"),
        ("relu", "nn.ReLU()"), ("scale(8, 1, 1)", "Scale(8, 1, 1)"),
    ):
        after(layer, code, frozen=frozen)
    for shape, batch in (("[12]", 2), ("[5, 12]", 2), ("[3, 5, 12]", 3)):
        for args in ("", ", bias=False"):
            alone(shape, batch, f"linear(8); linear(7{said(args)})", f"nn.Linear(12, 8), nn.Linear(8, 7{args})", frozen)
for frozen in ("0.weight", "0.bias"):
    for layer, code in (("conv2d(4, 3)", "nn.Conv2d(8, 4, 3)"), ("batchnorm2d", "nn.BatchNorm2d(8)"),
                        ("layernorm2d", "ChannelNorm(8)"), ("groupnorm(4)", "nn.GroupNorm(4, 8)"),
                        ("linear(7)", "nn.Linear(16, 7)")):
        alone(*MAP[2], layer, code, frozen)

# Whole networks by their built-in names.
NETWORKS = (
    ("alexnet_torchvision", "alexnet", {}), ("vgg16", "vgg16", {}), ("vgg16_bn", "vgg16_bn", {}),
    ("resnet18", "resnet18", {}), ("resnet50", "resnet50", {}), ("squeezenet1_0", "squeezenet1_0", {}),
    ("googlenet", "googlenet", {"init_weights": False}), ("densenet121", "densenet121", {}),
    ("mobilenet_v2", "mobilenet_v2", {}), ("mobilenet_v3_small", "mobilenet_v3_small", {}),
    ("mnasnet1_0", "mnasnet1_0", {}), ("shufflenet_v2_x1_0", "shufflenet_v2_x1_0", {}),
    ("efficientnet_b0", "efficientnet_b0", {}), ("convnext_tiny", "convnext_tiny", {}),
    ("regnet_y_400mf", "regnet_y_400mf", {}), ("inception_v3", "inception_v3", {"init_weights": False}),
)
for name, model, options in NETWORKS:
    side = 299 if model == "inception_v3" else 224
    passed = "".join(f", {key}={value}" for key, value in options.items())
    alone(f"[3, {side}, {side}]", 2, name, f"torchvision.models.get_model('{model}'{passed})")


class Kept:
    """What a node of the graph holds in place of a saved tensor; it goes when the node goes."""

    def __init__(self, tensor):
        self.tensor = tensor


def kept_tensors(net, x):
    """The tensors that are saved when the forward pass has ended, and its output, which holds the graph."""
    references = []

    def pack(tensor):
        kept = Kept(tensor)
        references.append(weakref.ref(kept))
        return kept

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept.tensor):
        y = net(x)
    alive = [reference() for reference in references]
    return [kept.tensor for kept in alive if kept is not None], y


def pointer(tensor):
    return tensor.untyped_storage().data_ptr()


def producers(net, x):
    """Names for storages by their address, filled while the network runs; storages are held: no address comes twice."""
    names, held = {pointer(x): "input"}, []

    def hook(index, _module, _inputs, output):
        if isinstance(output, torch.Tensor):
            held.append(output.untyped_storage())
            names.setdefault(pointer(output), f"out {index}")

    # A join runs after its branches: its number comes after theirs.
    order = [m for m in ordered(net) if not isinstance(m, nn.Sequential)]
    handles = [module.register_forward_hook(functools.partial(hook, index)) for index, module in enumerate(order)]
    return names, held, handles


def ordered(module):
    for child in module.children():
        yield from ordered(child)
    yield module


def refusal(net, x):
    """What torch says against a backward pass, without hooks, which would turn off its own check."""
    outputs = net(x)
    outputs = [outputs] if isinstance(outputs, torch.Tensor) else [y for y in outputs if y is not None]
    total = sum(y.sum() for y in outputs)
    if not total.requires_grad:
        return ""
    try:
        total.backward()
    except RuntimeError as error:
        return reason(error)
    return ""


def reason(error):
    """The first sentence of what torch says against an in-place layer; other errors are this script's."""
    said = str(error)
    if "inplace" not in said and "In-place" not in said:
        raise error
    return said.split(". ")[0].split(": [")[0].splitlines()[0]


def measure(shape, layers, code, batch, frozen):
    torch.manual_seed(0)
    net = nn.Sequential(*eval(f"({code},)", NAMES)).train()
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(not fnmatch.fnmatchcase(name, frozen))
    x = torch.randn((batch, *(int(n) for n in shape.strip("[]").split(","))))
    own = {pointer(tensor) for tensor in (*net.parameters(), *net.buffers())}
    whole = layers in {name for name, _, _ in NETWORKS}
    try:
        refused = "" if whole else refusal(net, x)
    except RuntimeError as error:
        refused = reason(error)
    if refused:
        return "", "", refused
    names, held, handles = ({}, [], []) if whole else producers(net, x)
    tensors, _y = kept_tensors(net, x)
    storages = {}
    for tensor in sorted(tensors, key=torch.Tensor.numel, reverse=True):
        if pointer(tensor) not in own and tensor.untyped_storage().nbytes():
            what = f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
            storages.setdefault(pointer(tensor), (tensor.untyped_storage().nbytes(), names.get(pointer(tensor), what)))
    total = sum(size for size, _ in storages.values())
    groups = Counter((size, "" if whole else what) for size, what in storages.values())
    listed = [f"{what} {f'{count}*' if count > 1 else ''}{size}".strip()
              for (size, what), count in sorted(groups.items(), key=lambda group: (-group[0][0], group[0][1]))]
    for handle in handles:
        handle.remove()
    return total, " + ".join(listed), ""


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "saved.csv")
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    with open(path, "w", newline="") if not only else sys.stdout as file:
        versions = " ".join(f"{name}={importlib.metadata.version(name)}" for name in ("torch", "torchvision"))
        file.write(f"# written by tests/golden/saved.py: {versions}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["input", "layers", "code", "batch", "frozen", "bytes", "storages", "refused"])
        for row in CASES:
            if only in row[1]:
                writer.writerow([*row, *measure(*row)])


if __name__ == "__main__":
    main()

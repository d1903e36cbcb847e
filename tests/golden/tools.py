"""What other tools count of one layer, operator by operator and argument by argument: writes tools.csv beside this file.

    pip install torch torchvision fvcore==0.1.5.post20221221 ptflops==0.7.5 thop==0.1.1.post2209072238 \
        calflops==0.3.2 torchinfo==1.8.0 onnx==1.19.1 onnx-tool==1.0.1 transformers
    python tests/golden/tools.py

A row is a layer as a description has it, or several with `; ` between, the same as torch has it, how the code calls it (`module`,
`function` or `mean`), the batch, and a column for each tool. An empty cell: the tool fails, for the reason that
`FAILURES` collects and the script prints last. Networks are in eval mode unless the row says `train`; ptflops, thop and
calflops then set eval mode themselves.
"""

import contextlib
import csv
import json
import importlib
import importlib.metadata
import os
import sys
import tempfile
import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

warnings.filterwarnings("ignore")
MAP = {1: "[8, 9]", 2: "[8, 6, 5]", 3: "[8, 3, 5, 4]"}


class Fn(nn.Module):
    """A piece of a network's code that is no module."""

    def __init__(self, call):
        super().__init__()
        self.call = call

    def forward(self, x):
        return self.call(x)


class ChannelNorm(nn.LayerNorm):
    """torchvision's LayerNorm2d for any number of spatial axes: layer norm over the channels of each position."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Scale(nn.Module):
    """Multiplication with a learned tensor, as ConvNeXt's layer scale."""

    def __init__(self, *shape):
        super().__init__()
        self.layer_scale = nn.Parameter(torch.ones(shape))

    def forward(self, x):
        return self.layer_scale * x


class Held(nn.Module):
    """A tensor that the module holds, added to its input."""

    def __init__(self, tensor, trained):
        super().__init__()
        if trained:
            self.tensor = nn.Parameter(tensor)
        else:
            self.register_buffer("tensor", tensor)

    def forward(self, x):
        return x + self.tensor


NAMES = {"nn": nn, "F": F, "torch": torch, "torchvision": torchvision, "Fn": Fn, "ChannelNorm": ChannelNorm,
         "Scale": Scale, "Held": Held}

CASES = []


def case(shape, layer, code, form="module", mode="eval"):
    """A row for one example and, but for other ranks than images and vectors, one for a batch of three."""
    for batch in (1, 3) if shape not in (MAP[1], MAP[3]) else (1,):
        CASES.append((shape, layer, code, form, mode, batch))


def function(shape, layer, call, form="function"):
    case(shape, layer, f"Fn(lambda x: {call})", form)


for n, shape in MAP.items():
    # Convolutions.
    def conv(args, torch_args, shape=shape, n=n):
        case(shape, f"conv{n}d({args})", f"nn.Conv{n}d(8, {torch_args})")

    def transposed(args, torch_args, shape=shape, n=n):
        case(shape, f"conv_transpose{n}d({args})", f"nn.ConvTranspose{n}d(8, {torch_args})")

    for extra in ("", ", bias=False", ", stride=2", ", padding=1", ", padding='same'", ", padding='valid'",
                  ", groups=4", ", groups=8", ", groups=2, stride=2, padding=1, bias=False",
                  ", padding='same', groups=2, bias=False"):
        conv("16, 3" + extra.replace("False", "false"), "16, 3" + extra)
    conv("6, 2, dilation=2, padding=1", "6, 2, dilation=2, padding=1")
    conv("6, 2, padding='same'", "6, 2, padding='same'")
    conv("6, 4, padding='same', dilation=2, bias=false", "6, 4, padding='same', dilation=2, bias=False")
    for extra in ("", ", bias=False", ", stride=2", ", stride=2, padding=1", ", groups=4",
                  ", stride=2, groups=2, bias=False", ", stride=3, groups=4, padding=1",
                  ", stride=2, output_padding=1", ", dilation=2", ", stride=2, dilation=2, groups=2, padding=1"):
        transposed("16, 3" + extra.replace("False", "false"), "16, 3" + extra)
    transposed("6, 2, stride=2", "6, 2, stride=2")

    # Pools.
    for kind, arguments in (
        ("max", ("2", "3, stride=1", "3, stride=2, padding=1", "2, dilation=2, stride=1", "2, ceil_mode=True")),
        ("avg", ("2", "3, stride=1", "3, stride=2, padding=1", "2, ceil_mode=True",
                 "3, stride=2, padding=1, count_include_pad=False") + (("2, divisor_override=3",) if n > 1 else ())),
    ):
        for args in arguments:
            said = args.replace("True", "true").replace("False", "false")
            case(shape, f"{kind}pool{n}d({said})", f"nn.{kind.title()}Pool{n}d({args})")
            function(shape, f"{kind}pool{n}d({said})", f"F.{kind}_pool{n}d(x, {args})")
    for kind in ("avg", "max"):
        for size in ("1", "2", "3"):
            case(shape, f"adaptive_{kind}pool{n}d({size})", f"nn.Adaptive{kind.title()}Pool{n}d({size})")
            function(shape, f"adaptive_{kind}pool{n}d({size})", f"F.adaptive_{kind}_pool{n}d(x, {size})")
    axes = list(range(2, 2 + n))
    function(shape, "global_avgpool", f"x.mean({axes}, keepdim=True)", "module")
    function(shape, "global_maxpool", f"x.amax({axes}, keepdim=True)", "module")
    function(shape, f"adaptive_avgpool{n}d(1)", f"x.mean({axes}, keepdim=True)", "mean")

    # Norms.
    for args in ("", "affine=False", "track_running_stats=False", "affine=False, track_running_stats=False"):
        said = args.replace("False", "false")
        for mode in ("eval", "train"):
            case(shape, f"batchnorm{n}d({said})", f"nn.BatchNorm{n}d(8, {args})", mode=mode)
    case(shape, f"batchnorm{n}d(eps=0.001, momentum=0.01)", f"nn.BatchNorm{n}d(8, eps=0.001, momentum=0.01)")
    for args in ("", "affine=True", "track_running_stats=True", "affine=True, track_running_stats=True"):
        said = args.replace("True", "true")
        for mode in ("eval", "train"):
            case(shape, f"instancenorm{n}d({said})", f"nn.InstanceNorm{n}d(8, {args})", mode=mode)
    case(shape, f"layernorm{n}d", "ChannelNorm(8)")
    case(shape, f"layernorm{n}d(elementwise_affine=false)", "ChannelNorm(8, elementwise_affine=False)")
    case(shape, f"layernorm{n}d(bias=false)", "ChannelNorm(8, bias=False)")
    for args in ("", ", affine=False"):
        case(shape, f"groupnorm(4{args.replace('False', 'false')})", f"nn.GroupNorm(4, 8{args})")

    # Padding.
    for kind in ("zero", "reflection", "replication"):
        case(shape, f"{kind}_pad{n}d(1)", f"nn.{kind.title()}Pad{n}d(1)")
    if n < 4:
        case(shape, f"dropout{n}d(0.3)", f"nn.Dropout{n}d(0.3)")

    # Interpolation.
    modes = {1: ("nearest", "linear"), 2: ("nearest", "bilinear", "bicubic"), 3: ("nearest", "trilinear")}[n]
    case(shape, "upsample(scale_factor=2, mode='nearest-exact')", "nn.Upsample(scale_factor=2, mode='nearest-exact')")
    for how in modes:
        aligned = ["", ", align_corners=True"] if how != "nearest" else [""]
        for extra in aligned:
            said = extra.replace("True", "true")
            for size in ("scale_factor=2", "scale_factor=1.5", "scale_factor=0.5", "size=7"):
                case(shape, f"upsample({size}, mode='{how}'{said})", f"nn.Upsample({size}, mode='{how}'{extra})")
                function(shape, f"upsample({size}, mode='{how}'{said})",
                         f"F.interpolate(x, {size}, mode='{how}'{extra})")

case("[8, 6, 5]", "upsample(scale_factor=[2, 3])", "nn.Upsample(scale_factor=(2, 3))")
case("[8, 6, 5]", "upsample(scale_factor=[1.5, 3])", "nn.Upsample(scale_factor=(1.5, 3))")
case("[8, 6, 5]", "upsample(size=[7, 11])", "nn.Upsample(size=(7, 11))")
case("[8, 5, 7]", "upsample(scale_factor=2.3)", "nn.Upsample(scale_factor=2.3)")
case("[8, 6, 5]", "conv2d(6, [3, 1], padding=[1, 0])", "nn.Conv2d(8, 6, (3, 1), padding=(1, 0))")
case("[8, 6, 5]", "conv_transpose2d(6, [3, 1], stride=[2, 1])", "nn.ConvTranspose2d(8, 6, (3, 1), stride=(2, 1))")
case("[8, 6, 5]", "maxpool2d([3, 1])", "nn.MaxPool2d((3, 1))")
case("[8, 6, 5]", "adaptive_avgpool2d([1, 2])", "nn.AdaptiveAvgPool2d((1, 2))")
case("[8, 6, 5]", "adaptive_avgpool2d([none, 2])", "nn.AdaptiveAvgPool2d((None, 2))")

# Layers on vectors and on sequences of them.
for shape, width in (("[12]", 12), ("[5, 12]", 12), ("[3, 5, 12]", 12)):
    for extra in ("", ", bias=False"):
        case(shape, f"linear(7{extra.replace('False', 'false')})", f"nn.Linear({width}, 7{extra})")
    for extra in ("", ", elementwise_affine=False", ", bias=False"):
        said = extra.replace("False", "false").removeprefix(", ")
        case(shape, f"layernorm({said})", f"nn.LayerNorm({width}{extra})")
case("[5, 12]", "layernorm([5, 12])", "nn.LayerNorm((5, 12))")
case("[12]", "batchnorm1d", "nn.BatchNorm1d(12)")
case("[12]", "batchnorm1d(affine=false)", "nn.BatchNorm1d(12, affine=False)")
for size in ("3", "4", "5"):
    case("[8, 6, 5]", f"lrn({size})", f"nn.LocalResponseNorm({size})")
    function("[8, 6, 5]", f"lrn({size})", f"F.local_response_norm(x, {size})")
case("[10, 9, 9]", "lrn(5, alpha=0.001, beta=0.5, k=2.0)", "nn.LocalResponseNorm(5, alpha=0.001, beta=0.5, k=2.0)")
case("[8, 9]", "lrn(5)", "nn.LocalResponseNorm(5)")
case("[8, 3, 5, 4]", "lrn(5)", "nn.LocalResponseNorm(5)")

# Activations.
for layer, module, call in (
    ("relu", "ReLU()", "relu(x)"), ("relu6", "ReLU6()", "relu6(x)"),
    ("leaky_relu", "LeakyReLU()", "leaky_relu(x)"), ("leaky_relu(0.2)", "LeakyReLU(0.2)", "leaky_relu(x, 0.2)"),
    ("elu", "ELU()", "elu(x)"), ("elu(0.5)", "ELU(0.5)", "elu(x, 0.5)"), ("selu", "SELU()", "selu(x)"),
    ("celu", "CELU()", "celu(x)"), ("celu(0.5)", "CELU(0.5)", "celu(x, 0.5)"),
    ("gelu", "GELU()", "gelu(x)"),
    ("gelu(approximate='tanh')", "GELU(approximate='tanh')", "gelu(x, approximate='tanh')"),
    ("silu", "SiLU()", "silu(x)"), ("mish", "Mish()", "mish(x)"),
    ("sigmoid", "Sigmoid()", "sigmoid(x)"), ("tanh", "Tanh()", "tanh(x)"),
    ("logsigmoid", "LogSigmoid()", "logsigmoid(x)"), ("softplus", "Softplus()", "softplus(x)"),
    ("softplus(beta=2.0, threshold=10.0)", "Softplus(2.0, 10.0)", "softplus(x, 2.0, 10.0)"),
    ("softsign", "Softsign()", "softsign(x)"), ("hardtanh", "Hardtanh()", "hardtanh(x)"),
    ("hardtanh(min_val=-2.0, max_val=2.0)", "Hardtanh(-2.0, 2.0)", "hardtanh(x, -2.0, 2.0)"),
    ("hardsigmoid", "Hardsigmoid()", "hardsigmoid(x)"), ("hardswish", "Hardswish()", "hardswish(x)"),
    ("softmax", "Softmax(dim=1)", "softmax(x, dim=1)"), ("softmax(dim=-1)", "Softmax(dim=-1)", "softmax(x, dim=-1)"),
    ("log_softmax", "LogSoftmax(dim=1)", "log_softmax(x, dim=1)"),
    ("log_softmax(dim=-1)", "LogSoftmax(dim=-1)", "log_softmax(x, dim=-1)"),
):
    for shape in ("[8, 6, 5]", "[12]"):
        case(shape, layer, f"nn.{module}")
        function(shape, layer, f"F.{call}")
case("[8, 6, 5]", "prelu", "nn.PReLU()")
case("[8, 6, 5]", "prelu(8)", "nn.PReLU(8)")
case("[8, 6, 5]", "abs", "Fn(lambda x: x.abs())")
for layer, code in (("dropout(0.3)", "nn.Dropout(0.3)"),
                    ("stochastic_depth(0.3)", "torchvision.ops.StochasticDepth(0.3, 'row')"),
                    ("stochastic_depth(0.3, mode='batch')", "torchvision.ops.StochasticDepth(0.3, 'batch')")):
    for mode in ("eval", "train"):
        case("[8, 6, 5]", layer, code, mode=mode)

# What moves numbers, and joins.
for layer, code in (
    ("flatten", "nn.Flatten()"), ("flatten(start_dim=2)", "nn.Flatten(2)"), ("flatten(end_dim=2)", "nn.Flatten(1, 2)"),
    ("reshape(4, 12, 5)", "Fn(lambda x: x.reshape(-1, 4, 12, 5))"),
    ("permute(0, 2, 3, 1)", "Fn(lambda x: x.permute(0, 2, 3, 1))"), ("identity", "nn.Identity()"),
    ("pixel_shuffle(2)", "nn.PixelShuffle(2)"), ("channel_shuffle(4)", "nn.ChannelShuffle(4)"),
    ("concat(@, @)", "Fn(lambda x: torch.cat([x, x], 1))"),
    ("concat(@, @, dim=2)", "Fn(lambda x: torch.cat([x, x], 2))"),
    ("select(2, 1)", "Fn(lambda x: x[:, :, 1])"), ("narrow(2, 1, 4)", "Fn(lambda x: x.narrow(2, 1, 4))"),
    ("slice(2, 0, 5, 2)", "Fn(lambda x: x[:, :, 0:5:2])"),
    ("chunk(2, 0)", "Fn(lambda x: x.chunk(2, 1)[0])"), ("chunk(2, 1, dim=2)", "Fn(lambda x: x.chunk(2, 2)[1])"),
    ("crop(4)", "Fn(lambda x: x[:, :, 1:5, 0:4])"), ("crop(4, offset=1)", "Fn(lambda x: x[:, :, 1:5, 1:5])"),
    ("add(@, @)", "Fn(lambda x: x + x)"), ("sub(@, @)", "Fn(lambda x: x - x)"), ("mul(@, @)", "Fn(lambda x: x * x)"),
    ("scale(8, 1, 1)", "Scale(8, 1, 1)"), ("scale(5)", "Scale(5)"),
):
    case("[8, 6, 5]", layer, code)

# Other values of arguments, which change no tool's number.
for layer, code in (
    ("groupnorm(2)", "nn.GroupNorm(2, 8)"), ("dropout(0.7)", "nn.Dropout(0.7)"),
    ("stochastic_depth(0.7)", "torchvision.ops.StochasticDepth(0.7, 'row')"),
    ("reshape(8, 30)", "Fn(lambda x: x.reshape(-1, 8, 30))"),
    ("permute(0, 3, 1, 2)", "Fn(lambda x: x.permute(0, 3, 1, 2))"), ("zero_pad2d(2)", "nn.ZeroPad2d(2)"),
    ("reflection_pad2d(2)", "nn.ReflectionPad2d(2)"), ("replication_pad2d(2)", "nn.ReplicationPad2d(2)"),
    ("channel_shuffle(2)", "nn.ChannelShuffle(2)"), ("select(3, -1)", "Fn(lambda x: x[..., -1])"),
    ("narrow(3, 0, 2)", "Fn(lambda x: x.narrow(3, 0, 2))"), ("slice(3, 1, 4)", "Fn(lambda x: x[..., 1:4])"),
    ("chunk(3, 2)", "Fn(lambda x: x.chunk(3, 1)[2])"), ("crop(2)", "Fn(lambda x: x[:, :, 2:4, 1:3])"),
):
    case("[8, 6, 5]", layer, code)
case("[9, 6, 5]", "pixel_shuffle(3)", "nn.PixelShuffle(3)")
case("[12]", "linear(5)", "nn.Linear(12, 5)")
case("[3, 5, 12]", "layernorm([5, 12])", "nn.LayerNorm((5, 12))")
case("[3, 5, 12]", "layernorm([3, 5, 12])", "nn.LayerNorm((3, 5, 12))")

# Sizes that divide, since the exporter to ONNX takes no others.
for kind in ("avg", "max"):
    case("[8, 6, 9]", f"adaptive_{kind}pool2d(3)", f"nn.Adaptive{kind.title()}Pool2d(3)")
    case("[8, 6]", f"adaptive_{kind}pool1d(3)", f"nn.Adaptive{kind.title()}Pool1d(3)")
    case("[8, 2, 4, 6]", f"adaptive_{kind}pool3d(2)", f"nn.Adaptive{kind.title()}Pool3d(2)")

# Values that no input makes, added to what a layer makes.
for sizes in ("1, 6, 4", "4"):
    for layer, code in (
        (f"parameter({sizes})", f"Held(torch.ones({sizes}), True)"),
        (f"buffer({sizes}, value=1)", f"Held(torch.ones({sizes}), False)"),
        (f"constant({sizes}, value=0.5)", f"Fn(lambda x: x + torch.full(({sizes},), 0.5))"),
    ):
        case("[6, 4]", f"x: linear(4); v: {layer}; add(@x, @v)", f"nn.Linear(4, 4), {code}")

# Cases from reports.
case("[4, 9, 9]", "conv2d(8, 3, padding='same')", "nn.Conv2d(4, 8, 3, padding='same')")
case("[8, 9, 9]", "batchnorm2d(track_running_stats=false)", "nn.BatchNorm2d(8, track_running_stats=False)")
case("[8, 9, 9]", "lrn(5)", "nn.LocalResponseNorm(5)")
case("[8, 5, 7]", "upsample(scale_factor=1.5)", "nn.Upsample(scale_factor=1.5)")
case("[6, 8, 8]", "conv_transpose2d(6, 2, stride=2, groups=3)", "nn.ConvTranspose2d(6, 6, 2, stride=2, groups=3)")
case("[8, 9, 9]", "instancenorm2d(affine=true)", "nn.InstanceNorm2d(8, affine=True)")
case("[8, 9, 9]", "gelu", "nn.GELU()")
case("[3, 8, 8]", "conv2d(8, 3); batchnorm2d; relu; adaptive_avgpool2d(1); flatten; linear(10)",
     "nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)")
case("[1, 1, 1]", "conv_transpose2d(4, 4)", "nn.ConvTranspose2d(1, 4, 4)")
case("[2, 1]", "conv_transpose1d(4, 4)", "nn.ConvTranspose1d(2, 4, 4)")


def shape_of(text, batch):
    return (batch, *(int(n) for n in text.strip("[]").split(",")))


# Each tool: a function from a network and the shape of its input to a number.

def with_torch(net, shape):
    from torch.utils.flop_counter import FlopCounterMode
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.randn(shape))
    return counter.get_total_flops()


def with_torchinfo(net, shape):
    from torchinfo import summary
    mode = "train" if net.training else "eval"
    return summary(net, input_size=shape, verbose=0, mode=mode, device="cpu").total_mult_adds


def with_fvcore(net, shape):
    from fvcore.nn import FlopCountAnalysis
    counted = FlopCountAnalysis(net, torch.randn(shape))
    counted.unsupported_ops_warnings(False)
    counted.uncalled_modules_warnings(False)
    return counted.total()


def with_ptflops(net, shape, backend="pytorch"):
    from ptflops import get_model_complexity_info
    macs, _ = get_model_complexity_info(net, tuple(shape[1:]), as_strings=False, print_per_layer_stat=False,
                                        backend=backend, input_constructor=lambda _: torch.randn(shape))
    return macs


def with_ptflops_aten(net, shape):
    return with_ptflops(net, shape, "aten")


def with_thop(net, shape):
    from thop import profile
    return profile(net, inputs=(torch.randn(shape),), verbose=False)[0]


def with_calflops(net, shape):
    from calflops import calculate_flops
    # The tool asks the first parameter where the network is.
    net.unused = nn.Parameter(torch.zeros(1))
    return calculate_flops(net, input_shape=tuple(shape), output_as_string=False, print_results=False,
                           print_detailed=False)[0]


def with_onnx_tool(net, shape):
    import onnx_tool
    if net.training:
        raise ValueError("exported in eval mode")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "net.onnx")
        torch.onnx.export(net, torch.randn(shape), path, opset_version=17, dynamo=False)
        model = onnx_tool.Model(path, {"verbose": False})
        model.graph.shape_infer(None)
        model.graph.profile()
        return model.graph.macs[0] if isinstance(model.graph.macs, (list, tuple)) else model.graph.macs


# Those that patch torch's functions come last.
TOOLS = {
    "torch": with_torch,
    "torchinfo": with_torchinfo,
    "fvcore": with_fvcore,
    "thop": with_thop,
    "onnx-tool": with_onnx_tool,
    "ptflops-aten": with_ptflops_aten,
    "ptflops": with_ptflops,
    "calflops": with_calflops,
}
PACKAGES = ["torch", "torchvision", "torchinfo", "fvcore", "ptflops", "thop", "calflops", "onnx", "onnx-tool"]
FAILURES = {}


def number(value):
    value = float(value)
    return str(int(value)) if value == int(value) else repr(value)


def measure(row, tool):
    shape, layer, code, form, mode, batch = row
    torch.manual_seed(0)
    net = nn.Sequential(*eval(f"({code},)", NAMES))
    net.train(mode == "train")
    try:
        return number(TOOLS[tool](net, shape_of(shape, batch)))
    except Exception as error:
        return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:120]}"


def apart(row):
    """Measures in a process of its own: a tool that fails may leave torch's functions patched."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        os.write(writes, json.dumps({tool: measure(row, tool) for tool in TOOLS}).encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        said = json.loads(pipe.read())
    os.waitpid(child, 0)
    for tool, value in said.items():
        if not value[0].isdigit():
            FAILURES.setdefault(f"{tool}: {value}", []).append(f"{row[1]} {row[3]} {row[4]} {row[5]}")
            said[tool] = ""
    return said.values()


def main():
    torch.set_num_threads(1)
    for name in ("calflops", "fvcore.nn", "onnx", "onnx_tool", "ptflops", "thop", "torchinfo"):
        importlib.import_module(name)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tools.csv")
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    rows = [row for row in CASES if only in row[1]]
    with (open(path, "w", newline="") if not only else contextlib.nullcontext(sys.stdout)) as file:
        versions = " ".join(f"{name}={importlib.metadata.version(name)}" for name in PACKAGES)
        file.write(f"# written by tests/golden/tools.py: {versions}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["input", "layer", "code", "form", "mode", "batch", *TOOLS])
        for row in rows:
            writer.writerow([*row, *apart(row)])
    for why, of in FAILURES.items():
        print(f"{why}\n    {len(of)}: {of[:6]}", file=sys.stderr)


if __name__ == "__main__":
    main()

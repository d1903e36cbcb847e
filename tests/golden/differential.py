"""Random networks, read by cnnstat and run by PyTorch: whatever the two say differently is printed.

    pip install torch==2.15.0
    python tests/golden/differential.py CNNSTAT [NETWORKS] [SEED]

CNNSTAT is the program; NETWORKS is 3000 and SEED 1 unless said otherwise. A network is a chain with joins, scopes, shared
layers and held tensors, drawn from the operators of `cnnstat ops` that torch has, in 1 to 3 dimensions, at batch 1 to 3, in
eval or train mode. Some arguments are such that torch refuses them; a network ends there. Compared are whether and at which
layer it is refused, the shape of each layer's output, the names, shapes, types and order of parameters and buffers against
`state_dict`, and their totals; the texts of errors are not. A difference that a row of EXPLAINED describes is counted there.
Any other is printed: the layer, the shapes that arrive, and what each says; the exit code is then 1.
"""

import collections
import functools
import itertools
import json
import random
import re
import subprocess
import sys
import warnings

import torch
import torch.nn as nn

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
torch.set_grad_enabled(False)
LARGEST = 20_000  # elements of a value; a layer that makes more is drawn again

# What differs and why: patterns of `SHAPES -> LAYER`, of what cnnstat and what torch says; the reason.
EXPLAINED = [
    ("", r"E0508 slice: .* is empty|E0506 .*the output's \w+ would be 0|"
     r"E0405 (out_channels|out_features|length|output_size) must be .* but is .*\b0\b", "^accepted$",
     "cnnstat has no values or tensors without elements"),
    ("", r"E0501 .*: works on (N×C×L, .*\(rank 2\)|N×C×H×W, .*\(rank 3\)|N×C×D×H×W, .*\(rank 4\))", "^accepted$",
     "axis 0 is always the batch: torch reads a value of one axis less as one sample"),
    ("(?i)> (linear|layernorm|scale|share.*(linear|layernorm))",
     r"E0501 .*\(rank 1\)|E0508 scale: the scale has 1 axes, but a sample of \d+ has 0", "^accepted$",
     "axis 0 is always the batch: a value of one axis has no features"),
    ("(?i)zeropad|dropout", r"E0501 .*: works on N×C×(L|H×W|D×H×W), ", "^accepted$",
     "torch's zero padding and dropout of channels take values of any rank, the latter with a warning"),
    ("(?i)pixelshuffle", "E0501 .*: works on N×C×H×W, ", "^accepted$",
     "torch's pixel shuffle takes any axes before the last three"),
    (r"(?i)adaptiveavgpool2d\(.*\b1\)", "E0501 .*: works on N×C×H×W, ", "^accepted$",
     "for an output of 1×1 torch takes the mean of the last two axes and does not look at the rank"),
    (r"\(\d+,\)", r"E0405 \w+ must be .*one for each axis.*, but is \[\d+\]$", "^accepted$",
     "torch takes a list of one number for all axes, which its documentation does not say"),
    (r"\(2, 2(, 2, 2){0,2}\)", "^accepted", "padding must be|expected padding to be|'padding' should contain",
     "cnnstat also takes two paddings for each axis"),
    ("(?i)instancenorm|groupnorm.*affine=False|batchnorm.*affine=False", r"E0406 num_\w+ is", "^accepted$",
     "a norm without tensors does not compare its number of channels in torch"),
    ("(?i)(reflection|replication)pad", r"E0405 padding must be a whole number from 0 .*-\d", "^accepted$",
     "in cnnstat only zero_pad crops by negative numbers"),
    ("> scale", r"scale: shape\[\d\] is", "^accepted$", "a scale stretches its own tensor, not the value"),
    ("share.*layernorm", "^accepted", "Given normalized_shape",
     "a layer norm without tensors and without a size that is written has none to keep"),
    ("(?i)norm", "E0405 eps must be a number from 0 to", "^accepted$", "cnnstat takes no eps below 0, or of 1 and above"),
    ("(?i)batchnorm", "^accepted", "eps must be positive during training, but got 0.0",
     "cnnstat takes eps=0 in every norm and mode: no shape or count depends on it"),
    ("(?i)avgpool[23]d.*divisor_override", "E0405 divisor_override must be .* but is -1", "^accepted$",
     "cnnstat takes no negative divisor"),
    ("(?i)upsample.*(nearest.*align_corners=False|align_corners=False.*nearest)", "^accepted", "align_corners option can only",
     "false is cnnstat's default of align_corners, where torch's is none; true is refused"),
    (r"(?i)(batch|instance)norm", "^accepted, E0705", "Expected more than 1 (value per channel|spatial element)",
     "cnnstat says so in a note: counts of one example are asked for too"),
    (r"(?i)upsample\((scale_factor|size)=\(\d,\)", "^accepted", "must have the same number of spatial dimensions",
     "cnnstat takes a list of one number for all axes of an upsampling"),
    ("(?i)localresponsenorm", "^accepted", "view size is not compatible", "torch's code runs on contiguous values only"),
]


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each position for n spatial axes, as torchvision's LayerNorm2d."""

    def forward(self, x):
        assert x.dim() == self.n + 2, "rank"
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def joined(operation):
    return lambda *values: functools.reduce(operation, values)


def globally(reduce):
    return lambda x: reduce(x, [*range(2, torch.select(x, 2, 0).dim() + 1)], keepdim=True)


def sliced(x, dim, start=0, end=None, step=1):
    torch.select(x, dim, 0)  # refuses an axis that is none
    return x[(slice(None),) * (dim % x.dim()) + (slice(start, end, step),)]


FUNCTIONS = {
    "add": joined(torch.add), "mul": joined(torch.mul), "sub": torch.sub, "abs": torch.abs, "select": torch.select,
    "narrow": torch.narrow, "slice": sliced, "global_avgpool": globally(torch.mean), "global_maxpool": globally(torch.amax),
    "concat": lambda *values, dim=1: torch.cat(values, dim), "constant": lambda *shape, value=0.0: torch.full(shape, value),
    "chunk": lambda x, chunks, index, dim=1: torch.chunk(x, chunks, dim)[index], "permute": lambda x, *dims: x.permute(*dims),
    "reshape": lambda x, *sizes, start_dim=1: x.reshape(*x.shape[:start_dim], *sizes),
}
JOINS, SOURCES, HELD = {"add", "mul", "sub", "concat"}, {"parameter", "buffer", "constant"}, {"scale", "parameter", "buffer"}
# These take no position in their scope, as they are no modules in torch.
NO_POSITION = {*JOINS, *SOURCES, *HELD, "abs", "chunk", "select", "narrow", "slice", "share"}


class Draw(random.Random):
    """Random arguments, most of which fit the shape that arrives and its `n` spatial axes, the least of which is `least`."""

    def arriving(self, shape, n):
        self.shape, self.n, self.least, self.channels = list(shape), n, min(shape[2:], default=1), [*shape, 1, 1][1]

    def rare(self):
        return self.random() < 0.015

    def flag(self):
        return self.random() < 0.5

    def number(self, low, high):
        return self.choice([0, -1, 7, 30, 2.5]) if self.rare() else self.randint(low, max(low, high))

    def axes(self, low, high):
        """A number, or one for each spatial axis."""
        if self.rare():
            return self.choice([(1,), (2,) * (self.n + 1), (1, 0, 1)[: self.n], -2, (2,) * (2 * self.n)])
        return self.number(low, high) if self.random() < 0.6 else tuple(self.number(low, high) for _ in range(self.n))

    def axis(self):
        rank = len(self.shape)
        dim = self.randint(min(1, rank - 1), rank - 1)
        return self.choice([rank, -rank - 1, 0]) if self.rare() else dim - rank * (self.random() < 0.3)

    def divisor(self, of):
        return self.choice([0, 5, of + 1] if self.rare() else [d for d in range(1, min(of, 8) + 1) if of % d == 0])

    def some(self, **choices):
        """Some of the optional arguments, in any order."""
        chosen = [name for name in choices if self.random() < 0.35]
        return {name: choices[name]() for name in self.sample(chosen, len(chosen))}


# These and those of OPERATORS yield arguments by their names; those under `*` are written without one.


def conv(r):
    groups = r.divisor(r.channels) if r.random() < 0.4 else 1
    wide = r.number(1, 6) if r.rare() else groups * r.randint(1, 3)
    more = r.some(stride=lambda: r.axes(1, 3), dilation=lambda: r.axes(1, 1 + (r.least > 6)), bias=r.flag,
                  padding=lambda: r.choice(["same", "valid"]) if r.random() < 0.3 else r.axes(0, 2))
    if more.get("padding") == "same" and not r.rare():
        more.pop("stride", None)
    more |= {"groups": groups} if groups != 1 else {}
    return {"out_channels": wide, "kernel_size": r.axes(1, min(4, r.least + r.rare()))} | more


def conv_transpose(r):
    args = conv(r)
    args.pop("padding", None)
    most = 1 if args.get("stride", 1) not in (1, (1,) * r.n) or r.rare() else 0
    return args | r.some(padding=lambda: "same" if r.rare() else r.axes(0, 1), output_padding=lambda: r.axes(0, most))


def pool(r):
    kernel = r.axes(1, min(4, r.least))
    half = 3 if r.rare() else max(1, int(min(kernel) if isinstance(kernel, tuple) else kernel) // 2)
    return {"kernel_size": kernel} | r.some(stride=lambda: r.axes(1, 3), padding=lambda: r.axes(0, half), ceil_mode=r.flag)


def adaptive(r):
    kept = tuple(r.choice([None, 2]) for _ in range(r.n))
    return {"output_size": None if r.rare() else kept if r.n > 1 and r.random() < 0.1 else r.axes(1, 5)}


def norm(r):
    return r.some(eps=lambda: r.choice([0.0, -1.0, 2.0]) if r.rare() else 1e-4, momentum=lambda: r.choice([0.01, None]),
                  affine=r.flag, track_running_stats=r.flag)


def pad(r, low, high):
    each = tuple(r.number(low, high) for _ in range(2 * r.n - r.rare()))
    return {"padding": r.number(low, high) if r.flag() else each}


def layernorm(r):
    last = tuple(size + r.rare() for size in r.shape[-r.randint(1, max(1, len(r.shape) - 1)):])
    more = r.some(elementwise_affine=r.flag, bias=r.flag)
    return more if r.random() < 0.3 else {"normalized_shape": last[0] if len(last) == 1 and r.flag() else last} | more


def upsample(r):
    modes = ["nearest", "nearest-exact", *[[], ["linear"], ["bilinear", "bicubic"], ["trilinear"]][r.n]]
    mode = r.choice(modes if not r.rare() else ["bilinear", "linear", "cubic"])
    factor = lambda: r.choice([0.1, 0.0, -1.0, (3,)] if r.rare() else [0.5, 1.5, 2, 2.0, 2.3, 3])
    sizes = {"size": r.axes(1, 9), "scale_factor": factor() if r.flag() else tuple(factor() for _ in range(r.n))}
    if not r.rare():
        sizes.pop(r.choice(list(sizes)))
    corners = {"align_corners": r.flag()} if r.random() < 0.3 and mode not in modes[:2] or r.rare() else {}
    return {"mode": mode} | sizes | corners


def reshape(r):
    start = r.choice([0, 1, 1, 1, min(2, len(r.shape))])
    left, sizes = torch.Size(r.shape[start:]).numel(), []
    while len(sizes) < 3 and r.random() < 0.7:
        sizes.append(r.divisor(left))
        left = left // (sizes[-1] or 1) or 1
    sizes.insert(r.randint(0, len(sizes)), -1 if r.flag() else left)
    return {"*": sizes + [-1] * r.rare()} | ({"start_dim": start} if start != 1 else {})


def permute(r):
    dims = [dim - len(r.shape) * (r.random() < 0.2) for dim in range(len(r.shape))]
    kept = int(r.random() < 0.9)
    return {"*": dims[:kept] + r.sample(dims[kept:], len(dims) - kept) + [0] * r.rare()}


def stretched(r):
    """A shape that broadcasts with the one that arrives, all axes or the last ones."""
    shape = [size + r.rare() for size in [1, *(size if r.flag() else 1 for size in r.shape[1:])]]
    return {"*": shape[r.choice([0, 0, len(shape) > 1, len(shape) - 1]):]}


def narrow(r):
    dim = r.axis()
    size = r.shape[dim] if -len(r.shape) <= dim < len(r.shape) else 1
    start = r.number(-size, size - 1)
    return {"dim": dim, "start": start, "length": r.number(1, int(-start if start < 0 else size - start))}


# What is drawn: torch's class (`{}` is the number of spatial axes) or a function of cnnstat; the order of arguments that may
# stand without names, with the input's sizes, which torch's own signature has; how arguments are drawn; how often.
OPERATORS = {name: (order, draw, often) for name, order, draw, often in [
    ("Conv{}d", "in_channels out_channels kernel_size stride padding dilation groups bias", conv, 10),
    ("ConvTranspose{}d", "in_channels out_channels kernel_size stride padding output_padding groups bias dilation",
     conv_transpose, 4),
    ("MaxPool{}d", "kernel_size stride padding dilation", lambda r: pool(r) | r.some(dilation=lambda: r.axes(1, 2)), 4),
    ("AvgPool{}d", "kernel_size stride padding ceil_mode count_include_pad", lambda r: pool(r) | r.some(
        count_include_pad=r.flag, **{"divisor_override": lambda: r.number(1, 4)} if r.n > 1 or r.rare() else {}), 4),
    ("AdaptiveAvgPool{}d", "output_size", adaptive, 2),
    ("AdaptiveMaxPool{}d", "output_size", adaptive, 2),
    ("BatchNorm{}d", "num_features eps momentum affine track_running_stats", norm, 3),
    ("InstanceNorm{}d", "num_features eps momentum affine track_running_stats", norm, 2),
    ("ChannelNorm{}d", "normalized_shape", lambda r: r.some(
        normalized_shape=lambda: r.channels + r.rare(), elementwise_affine=r.flag), 1),
    ("ZeroPad{}d", "padding", lambda r: pad(r, -1, 2), 2),
    ("ReflectionPad{}d", "padding", lambda r: pad(r, 0, min(2, r.least - 1)), 1),
    ("ReplicationPad{}d", "padding", lambda r: pad(r, 0, 2), 1),
    ("Dropout{}d", "p", lambda r: {"p": r.choice([0, 0.2, 1, 1.5 if r.rare() else 0.3])}, 1),
    ("Dropout", "p", lambda r: {"p": r.choice([0, 0.5, 1])}, 1),
    ("Linear", "in_features out_features bias", lambda r: {"out_features": r.number(1, 8)} | r.some(bias=r.flag), 4),
    ("LayerNorm", "normalized_shape eps elementwise_affine bias", layernorm, 2),
    ("GroupNorm", "num_groups num_channels eps affine",
     lambda r: {"num_groups": r.divisor(r.channels)} | r.some(affine=r.flag), 2),
    ("LocalResponseNorm", "size alpha beta k", lambda r: {"size": r.number(1, 5)} | r.some(
        alpha=lambda: 0.01, beta=lambda: 0.5, k=lambda: 2.0), 1),
    ("PReLU", "num_parameters init", lambda r: {"num_parameters": r.choice([1, r.channels, r.channels + r.rare()])}, 2),
    ("Softmax", "dim", lambda r: {"dim": r.axis()}, 1),
    ("LogSoftmax", "dim", lambda r: {"dim": r.axis()}, 1),
    ("Flatten", "start_dim end_dim", lambda r: r.some(start_dim=r.axis, end_dim=r.axis), 1),
    ("Upsample", "size scale_factor mode align_corners", upsample, 4),
    ("PixelShuffle", "upscale_factor", lambda r: {"upscale_factor": 2 if r.channels % 4 == 0 else r.number(1, 1)}, 1),
    ("ChannelShuffle", "groups", lambda r: {"groups": r.divisor(r.channels)}, 1),
    ("LeakyReLU", "negative_slope", lambda r: r.some(negative_slope=lambda: 0.2), 1),
    ("GELU", "", lambda r: r.some(approximate=lambda: "erf" if r.rare() else "tanh"), 1),
    ("CELU", "alpha", lambda r: r.some(alpha=lambda: 0.0 if r.rare() else 0.5), 1),
    ("Softplus", "beta threshold", lambda r: r.some(beta=lambda: 2.0, threshold=lambda: 5.0), 1),
    ("Hardtanh", "min_val max_val", lambda r: r.some(min_val=lambda: 2.0 if r.rare() else -2.0, max_val=lambda: 1.5), 1),
    *[(name, "", lambda r: {}, 0.5) for name in "Identity ReLU ReLU6 ELU SELU SiLU Mish Sigmoid Tanh LogSigmoid Softsign "
      "Hardsigmoid Hardswish abs global_avgpool global_maxpool".split()],
    ("add", "", lambda r: {}, 3), ("mul", "", lambda r: {}, 2), ("sub", "", lambda r: {}, 1),
    ("concat", "", lambda r: r.some(dim=r.axis), 3),
    ("reshape", "", reshape, 2),
    ("permute", "", permute, 2),
    ("chunk", "chunks index dim", lambda r: {"chunks": r.number(1, 4), "index": r.choice([0, 0, -1, 1]), "dim": r.axis()}, 1),
    ("select", "dim index", lambda r: {"dim": r.axis(), "index": r.choice([0, -1, r.number(0, 2)])}, 1),
    ("narrow", "dim start length", narrow, 1),
    ("slice", "dim start end step", lambda r: {"dim": r.axis()} | r.some(
        start=lambda: r.number(-2, 1), end=lambda: r.number(2, 5), step=lambda: r.number(1, 2)), 1),
    ("scale", "", lambda r: {"*": stretched(r)["*"][-len(r.shape) + 1:]} | r.some(init=lambda: 0.5), 1),
    ("parameter", "", stretched, 1), ("buffer", "", stretched, 1), ("constant", "", stretched, 1),
]}
MAPS = {name for name in OPERATORS if re.search(r"\{\}|Shuffle|global|Upsample|LocalResponseNorm", name)}
MODULES = {**vars(nn), **{f"ChannelNorm{n}d": type("ChannelNorm", (ChannelNorm,), {"n": n}) for n in (1, 2, 3)}}
INPUT_SIZES = ("in_channels", "num_features", "num_channels", "in_features")


def written(r, order, args):
    """Arguments as text: some of the first ones without their names."""
    args = dict(args)
    parts = [repr(size) for size in args.pop("*", [])]
    for key in order.split():
        if key in args and r.random() < 0.8:
            parts.append(repr(args.pop(key)))
        elif key in args or key not in INPUT_SIZES:
            break
    return parts + [f"{key}={value!r}" for key, value in args.items()]


class Layer:
    """A layer: `call` as cnnstat reads it, what arrives, and torch's module or tensor, its output or its error."""

    def __init__(self, name, call, inputs, make):
        self.name, self.call, self.inputs, self.held, self.output, self.error = name, call, inputs, None, None, None
        try:
            self.held, self.output = make()
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}".splitlines()[0]


def drawn(r, values, train):
    """A layer on the current value `@`, at times on another one, and on further ones where it joins."""
    unfit = (SOURCES if len(values) == 2 else set()) | (MAPS if values["@"].dim() < 3 and not r.rare() else set())
    names = [name for name in OPERATORS if name not in unfit]
    name = r.choices(names, [OPERATORS[name][2] for name in names])[0]
    order, draw, _ = OPERATORS[name]
    refs = [] if name in SOURCES else [r.choice(list(values)) if r.random() < 0.15 and name != "Identity" else "@"]
    x = values[(refs or ["@"])[0]]
    r.arriving(x.shape, x.dim() - 2 if 3 <= x.dim() <= 5 and not r.rare() else r.randint(1, 3))
    args = draw(r)
    if name in JOINS:
        join = lambda other: lambda: (None, FUNCTIONS[name](x, other, **args))
        fit = [ref for ref, other in values.items() if r.rare() or not Layer("", "", [], join(other)).error] or ["@"]
        refs += r.choices(fit, k=1 if name == "sub" and not r.rare() else r.randint(1, 2))
    inputs, said, arguments = [values[ref] for ref in refs], [] if refs == ["@"] else refs, written(r, order, args)
    if name in HELD:
        held = eval(f"full({', '.join(arguments)})", {"full": lambda *shape, init=1.0: torch.full(shape, init)})
        held = held if name == "buffer" else nn.Parameter(held)
        make = lambda: (held, inputs[0] * held if inputs else held)
    elif name in FUNCTIONS:
        make = lambda: (None, eval(f"call(*inputs, {', '.join(arguments)})", {"call": FUNCTIONS[name], "inputs": inputs}))
    else:
        camel, module, last = r.random() < 0.3 and "ChannelNorm" not in name, name.format(r.n), [1, *r.shape][-1]
        sizes = dict.fromkeys(INPUT_SIZES, r.channels) | {"in_features": last}
        sizes |= {"normalized_shape": r.channels if "ChannelNorm" in name else last}
        full = written(r, order, {key: sizes[key] + (camel and r.rare()) for key in order.split() if key in sizes} | args)
        arguments = full if camel else arguments
        make = lambda: (built := eval(f"{module}({', '.join(full)})", MODULES).train(train), built(*inputs))
        name = module if camel else module.lower().replace("channelnorm", "layernorm")
    return Layer(name, f"{name}({', '.join(said + arguments)})", inputs, make)


class Network:
    """A network drawn from a seed, of at most `limit` layers: its description and what torch makes of it."""

    def __init__(self, seed, limit=99):
        r = Draw(seed)
        self.batch, self.train = r.choice([1, 1, 2, 3]), r.random() < 0.2
        most = r.choice([[], [], [12], [12], [9, 9], [9, 9], [9, 9], [5, 5, 5], [5, 5, 5]])
        shape = [r.randint(1, 8), *(r.randint(1 if r.random() < 0.1 else 3, size) for size in most)]
        x, self.root = torch.rand(self.batch, *shape), nn.Module()
        self.values, self.shared, self.layers, self.lines = {"@": x, "@x": x}, {}, [], []
        self.text, self.scopes = ["model: drawn", f"input: {{x: {shape}}}", "layers:"], [(self.root, "", itertools.count())]
        for _ in range(min(limit, r.randint(2, 12))):
            self.scope(r)
            self.add(r)
            if self.layers[-1].error or 0 in (self.values["@"].numel(), self.values["@"].dim()):
                break

    def description(self):
        return "\n".join(self.text)

    def say(self, item):
        self.text.append("  " * (2 * len(self.scopes) - 1) + "- " + item)

    def scope(self, r):
        """Perhaps ends the scope in which the next layer stands, or begins another, with a name or without."""
        if len(self.scopes) > 1 and r.random() < 0.3:
            self.scopes.pop()
        if r.random() < 0.12 and len(self.scopes) < 4:
            above, prefix, positions = self.scopes[-1]
            position, named, module = str(next(positions)), r.flag(), nn.Module()
            name = f"scope_{len(self.text)}" if named else position
            self.say(f"{name}:" if named else "")
            above.add_module(name, module)
            self.scopes.append((module, f"{prefix}{name}.", itertools.count()))

    def add(self, r):
        """A layer more, or a second use of one, whose output is not too large."""
        layer = None
        while not layer or layer.output is not None and layer.output.numel() > LARGEST:
            layer = drawn(r, self.values, self.train)
        if self.shared and r.random() < 0.06:
            (used, module), x = r.choice(list(self.shared.items())), self.values["@"]
            layer = Layer("share", f"share(@, '{used}')", [x], lambda: (None, module(x)))
        scope, prefix, positions = self.scopes[-1]
        position = str(next(positions)) if layer.name not in NO_POSITION else None
        named = position is None or r.flag()
        key = f"{layer.name}_{len(self.text)}" if named else position
        self.say(f"{key}: {layer.call}" if named else layer.call)
        self.lines.append(len(self.text))
        self.layers.append(layer)
        if layer.error:
            return
        if isinstance(layer.held, nn.Module):
            scope.add_module(key, layer.held)
            self.shared |= {prefix + key: layer.held} if named else {}
        elif layer.held is not None:
            (scope.register_buffer if layer.name == "buffer" else scope.register_parameter)(key, layer.held)
        self.values |= {"@": layer.output} | ({f"@{prefix}{key}": layer.output} if named else {})

    def ask(self, *command):
        """cnnstat's report (none if it refuses), and its first error or else its notes, each a line and a text."""
        options = f"--format json --message-format json --batch {self.batch} --mode {'train' if self.train else 'eval'}".split()
        done = subprocess.run([*command, "-", *options], input=self.description(), text=True, capture_output=True)
        severity = "error" if done.returncode else "note"
        rows = [json.loads(row) for row in done.stderr.splitlines() if row.startswith("{")]
        rows = [row for row in rows if row["severity"] == severity and row.get("line")]
        said = sorted((row["line"], f"{row['code']} {row['message']}") for row in rows)
        return (json.loads(done.stdout), said) if done.returncode == 0 else (None, [*said, (None, done.stderr)][:1])


def differences(network, seed, program):
    """What the two say differently: the layer (none: the network), cnnstat's word and torch's."""
    report, said = network.ask(program)
    layers, lines = network.layers, network.lines
    torchs = len(layers) - 1 if layers[-1].error else len(layers)
    if not report and said[0][0] not in lines:
        yield None, said[0][1], layers[-1].error or "accepted"
        return
    ours = len(layers) if report else lines.index(said[0][0])
    first = min(ours, torchs)
    if ours != torchs:
        notes = [text for line, text in said if report and line == lines[first]]
        yield layers[first], said[0][1] if ours < torchs else ", ".join(["accepted", *notes]), layers[first].error or "accepted"
    if first < len(layers):
        yield from differences(Network(seed, first), seed, program) if first else ()
        return
    for layer, row in zip(layers, report["layers"], strict=True):
        if row["outputs"] != [list(layer.output.shape)]:
            yield layer, str(row["outputs"]), str([list(layer.output.shape)])
    trained, types = dict(network.root.named_parameters()), {torch.float32: "f32", torch.int64: "i64"}
    kept = [(name, list(tensor.shape), "param" if name in trained else "buffer", types[tensor.dtype])
            for name, tensor in network.root.state_dict().items()]
    rows = network.ask(program, "params", "--buffers")[0]["tensors"]
    listed = [(row["name"], row["shape"], row["kind"], row["dtype"]) for row in rows]
    if listed != kept:
        yield None, str(listed), str(kept)
    totals = [sum(torch.Size(shape).numel() for _, shape, of, _ in kept if of == kind) for kind in ("param", "buffer")]
    if [report["totals"]["params"], report["totals"]["buffers"]] != totals:
        yield None, str(report["totals"]), str(totals)


def main(program, networks="3000", seed="1"):
    counts, explained, operators = collections.Counter(), collections.Counter(), set()
    for i in range(int(networks)):
        network = Network(f"{seed}/{i}")
        outcome = "refused by both" if network.layers[-1].error else "accepted by both"
        for layer, ours, torchs in differences(network, f"{seed}/{i}", program):
            outcome = "different"
            where = f"{' '.join(str(list(x.shape)) for x in layer.inputs)} -> {layer.call}" if layer else network.description()
            where += " (train)" * network.train
            rows = [row for row in EXPLAINED if all(re.search(p, said) for p, said in zip(row, (where, ours, torchs)))]
            explained[rows[0] if rows else None] += 1
            if not rows:
                print(f"network {seed}/{i}: {where}\n    cnnstat: {ours}\n    torch:   {torchs}", flush=True)
        counts.update({"layers": len(network.layers), outcome: 1})
        operators |= {layer.name.lower() for layer in network.layers}
    print(f"torch {torch.__version__}: {networks} networks, {len(operators)} operators with their ranks, {dict(counts)}")
    for row in EXPLAINED:
        print(f"{explained[row]:6} explained: {row[-1]}")
    print(f"{explained[None]:6} not explained")
    return int(explained[None] > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))

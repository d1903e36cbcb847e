"""cnnstat's fast kernels against PyTorch eager and ONNX Runtime, on the CPU of one machine, in one run.

    cargo build --release
    python benches/against_torch/run.py [NETWORK...] [--rounds 3] [--batch 1 16] [--threads 1 2]

needs a Python with torch, and with onnxruntime for the second peer. All sides take turns, round by round; ratios are those of
their medians, below 1 where cnnstat is faster. Forward is in eval mode, forward + backward in train mode, to the gradients
of all parameters, from gradients of the output; no loss, no optimiser. ONNX Runtime runs what torch exports of the same
network, forward only, with its own optimisations. Parameter counts are compared first, so that all run the same network.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
import warnings

import torch

try:
    import onnxruntime
except ImportError:
    onnxruntime = None

from networks import NETWORKS

CNNSTAT = "target/release/cnnstat"


def cnnstat(name, batch, threads, backward, repeat):
    """Milliseconds of a run: the sum over layers of their medians, and GFLOP/s of the machine's peak."""
    line = [CNNSTAT, "profile", name, "--batch", str(batch), "--threads", str(threads), "--repeat", str(repeat)]
    done = subprocess.run(line + ["--format", "json"] + ["--backward"] * backward, check=True, capture_output=True)
    report = json.loads(done.stdout)
    passes = [report["forward"], report["backward"] or {"seconds": 0.0}]
    return 1e3 * sum(one["seconds"] for one in passes), report["peak_flops"] / 1e9


def eager(model, batch, shape, threads, backward, repeat):
    """Milliseconds of a run: the median, after one to warm up."""
    torch.set_num_threads(threads)
    model.train(backward)
    x, times = torch.randn(batch, *shape), []
    for _ in range(repeat + 1):
        model.zero_grad(set_to_none=True)
        begin = time.perf_counter()
        if backward:
            y = model(x)
            y.backward(torch.full_like(y, 1e-3))
        else:
            with torch.inference_mode():
                model(x)
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times[1:])


def exported(model, batch, shape, folder):
    """The file of the network in ONNX."""
    path = f"{folder}/network.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.eval(), (torch.randn(batch, *shape),), path, dynamo=False, input_names=["x"])
    return path


def session(path, batch, shape, threads, repeat):
    """Milliseconds of a run of ONNX Runtime: the median, after one to warm up."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    runs = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x, times = torch.randn(batch, *shape).numpy(), []
    for _ in range(repeat + 1):
        begin = time.perf_counter()
        runs.run(None, {"x": x})
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times[1:])


def measured(name, model, setting, asked, path):
    """A row of the table."""
    batch, threads, backward = setting
    shape = NETWORKS[name][1]
    ours, eagers, sessions, peaks = [], [], [], []
    for _ in range(asked.rounds):
        took, peak = cnnstat(name, batch, threads, backward, asked.repeat)
        ours.append(took)
        peaks.append(peak)
        eagers.append(eager(model, batch, shape, threads, backward, asked.repeat))
        if path and not backward:
            sessions.append(session(path, batch, shape, threads, asked.repeat))
    a, b, peak = (statistics.median(each) for each in [ours, eagers, peaks])
    what = "forward + backward" if backward else "forward"
    cells = [name, batch, threads, what, f"{a:.1f}", f"{b:.1f}", f"{a / b:.2f}"]
    c = statistics.median(sessions) if sessions else None
    cells += [f"{c:.1f}", f"{a / c:.2f}"] if c else ["", ""]
    return "| " + " | ".join(str(cell) for cell in [*cells, f"{peak:.0f}"]) + " |"


def parameters(name):
    done = subprocess.run([CNNSTAT, name, "--format", "json"], check=True, capture_output=True)
    return json.loads(done.stdout)["totals"]["params"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), metavar="NETWORK")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    peers = [f"torch {torch.__version__}"] + ([f"onnxruntime {onnxruntime.__version__}"] if onnxruntime else [])
    print(f"{', '.join(peers)}, medians of {asked.rounds} rounds of {asked.repeat} runs\n")
    print("| network | batch | threads | pass | cnnstat, ms | PyTorch, ms | ratio | ONNX Runtime, ms | ratio | peak, GFLOP/s |")
    print("|---|--:|--:|---|--:|--:|--:|--:|--:|--:|")
    for name in asked.networks:
        make, shape = NETWORKS[name]
        model = make()
        assert parameters(name) == sum(p.numel() for p in model.parameters()), name
        for batch in asked.batch:
            with tempfile.TemporaryDirectory() as folder:
                path = exported(model, batch, shape, folder) if onnxruntime else None
                for threads in asked.threads:
                    for backward in [False, True]:
                        print(measured(name, model, (batch, threads, backward), asked, path), flush=True)


if __name__ == "__main__":
    main()

"""cnnstat's fast kernels against PyTorch eager, on the CPU of one machine, in one run.

    cargo build --release
    python benches/against_torch/run.py [NETWORK...] [--rounds 3] [--batch 1 16] [--threads 1 2]

needs a Python with torch. Both sides take turns, round by round; a row is the ratio of their medians, below 1 where cnnstat
is faster. Forward is in eval mode, forward + backward in train mode, to the gradients of all parameters, from gradients of
the output; no loss, no optimiser. Parameter counts are compared first, so that both sides run the same network.
"""

import argparse
import json
import statistics
import subprocess
import time

import torch

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
    print(f"torch {torch.__version__}, medians of {asked.rounds} rounds of {asked.repeat} runs\n")
    print("| network | batch | threads | pass | cnnstat, ms | PyTorch, ms | ratio | peak, GFLOP/s |")
    print("|---|--:|--:|---|--:|--:|--:|--:|")
    for name in asked.networks:
        make, shape = NETWORKS[name]
        model = make()
        assert parameters(name) == sum(p.numel() for p in model.parameters()), name
        for batch in asked.batch:
            for threads in asked.threads:
                for backward in [False, True]:
                    ours, theirs, peaks = [], [], []
                    for _ in range(asked.rounds):
                        took, peak = cnnstat(name, batch, threads, backward, asked.repeat)
                        ours.append(took)
                        peaks.append(peak)
                        theirs.append(eager(model, batch, shape, threads, backward, asked.repeat))
                    a, b = statistics.median(ours), statistics.median(theirs)
                    what = "forward + backward" if backward else "forward"
                    peak = statistics.median(peaks)
                    print(f"| {name} | {batch} | {threads} | {what} | {a:.1f} | {b:.1f} | {a / b:.2f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()

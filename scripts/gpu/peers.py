#!/usr/bin/env python3
"""Our kernels beside cuBLAS, cuDNN and PyTorch's attention: the same shapes, interleaved, in one run.

    peers.py --json FILE [--rounds 3] [--device cuda] -- seedstory bench --ops --format json FLAG...

A round is one run of bench (--repeat 1 is added) and then PyTorch at every Linear, Conv2d and Attention in its report, so
that what the card's clocks do hits both. Figures are medians over the rounds. PyTorch is timed as bench times a device: a
CUDA graph of many calls, on copies that no cache can hold where memory is the op's limit. It has less to do: the product
with its bias, no activation and no residual, and of a doubled picture the convolution alone.

Exit code 77: no PyTorch, or no card that it can use.
"""
import argparse
import json
import re
import statistics
import subprocess
import sys
import time

COLD_BYTES = 256 << 20
ROUND_US = 2000  # what one record takes, about
TYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


def parse(name):
    """"Linear x(2, 3) f16 w(4, 3) f16 gelu" -> ("Linear", {"x": ((2, 3), "f16"), ...}, the rest)."""
    op, rest = name.split(" ", 1)
    fields = {}
    pattern = re.compile(r"(\w+)\(([\d, ]+)\)\*?( (?:f16|bf16|q8|q4)\b)?")
    for field, dims, dtype in pattern.findall(rest):
        fields[field] = (tuple(int(d) for d in dims.split(",")), dtype.strip() or "f32")
    return op, fields, pattern.sub("", rest).split()


def quartiles(values):
    if len(values) < 2:
        return 0.0
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return third - first


class Peer:
    """The ops of a report in PyTorch."""

    def __init__(self, device):
        import torch
        self.torch, self.device = torch, device
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True  # it may choose its fastest

    def random(self, shape, dtype):
        return self.torch.randn(shape, device=self.device, dtype=getattr(self.torch, TYPES[dtype]))

    def calls(self, name, copies):
        """One closure a copy of the operands; None: not an op that PyTorch has alone."""
        op, fields, words = parse(name)
        make = {"Linear": self.linear, "Conv2d": self.conv, "Attention": self.attention}.get(op)
        if not make or any(dtype not in TYPES for _, dtype in fields.values()):
            return None
        return [make(fields, words) for _ in range(copies)]

    def linear(self, fields, words):
        dtype = fields["w"][1]
        x, w = self.random(fields["x"][0], dtype), self.random(fields["w"][0], dtype)
        bias = self.random(fields["bias"][0], dtype) if "bias" in fields else None
        return lambda: self.torch.nn.functional.linear(x, w, bias)

    def conv(self, fields, words):
        dtype, layout = fields["w"][1], self.torch.channels_last
        n, h, w, c = fields["x"][0]
        scale = 2 if "doubled" in words else 1
        x = self.random((n, c, h * scale, w * scale), dtype).to(memory_format=layout)
        weight = self.random(fields["w"][0], dtype).to(memory_format=layout)
        bias = self.random(fields["bias"][0], dtype) if "bias" in fields else None
        stride = int(words[words.index("stride") + 1]) if "stride" in words else 1
        padding = weight.shape[2] // 2 if weight.shape[2] == 3 else 0
        return lambda: self.torch.nn.functional.conv2d(x, weight, bias, stride, padding)

    def attention(self, fields, words):
        q, k, v = (self.random(shape, dtype).transpose(1, 2) for shape, dtype in (fields[f] for f in "qkv"))
        return lambda: self.torch.nn.functional.scaled_dot_product_attention(q, k, v)

    def time_us(self, calls):
        """Of one call, in a record of some thousand microseconds."""
        for call in calls[:3]:
            call()
        if self.device == "cpu":
            begin = time.perf_counter()
            for call in calls:
                call()
            return 1e6 * (time.perf_counter() - begin) / len(calls)
        graph = self.torch.cuda.CUDAGraph()
        with self.torch.cuda.graph(graph):
            for call in calls:
                call()
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        graph.replay()
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        return 1e3 * begin.elapsed_time(end) / len(calls)


def batch_of(entry, limits):
    """(calls in a record, copies of the operands), as bench has them."""
    batch = max(1, min(256, int(ROUND_US / max(entry["median_us"], 1))))
    is_memory_bound = entry["bytes"] / limits["gbytes"] > entry["flops"] / limits["gflops"]
    return batch, min(batch, int(COLD_BYTES / entry["bytes"]) + 1) if is_memory_bound else 1


def bench(command):
    run = subprocess.run(command + ["--repeat", "1"], stdout=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit(run.returncode)
    return json.loads(run.stdout)


def round_of(peer, command, times):
    report = bench(command)
    for entry in report["entries"]:
        if entry["kind"] != "op":
            continue
        batch, copies = batch_of(entry, report["limits"])
        calls = peer.calls(entry["name"], copies)
        if calls is None:
            continue
        ours, theirs = times.setdefault(entry["name"], ([], []))
        ours.append(entry["median_us"])
        theirs.append(peer.time_us([calls[i % copies] for i in range(batch)]))
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        print("no PyTorch here")
        sys.exit(77)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("PyTorch finds no card here")
        sys.exit(77)
    peer, times = Peer(options.device), {}
    for _ in range(options.rounds):
        report = round_of(peer, options.command, times)
    entries = [{"name": name, "ours_us": statistics.median(ours), "ours_iqr_us": quartiles(ours),
                "peer_us": statistics.median(theirs), "peer_iqr_us": quartiles(theirs)}
               for name, (ours, theirs) in times.items()]
    result = {key: report[key] for key in ("build", "machine", "backend", "type", "model")}
    result |= {"peer": f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}",
               "rounds": options.rounds, "entries": entries}
    with open(options.json, "w") as file:
        json.dump(result, file, indent=1)
    print(f"{'ours us':>10} {'peer us':>10} {'peer/ours':>9}  op")
    for e in entries:
        print(f"{e['ours_us']:10.1f} {e['peer_us']:10.1f} {e['peer_us'] / e['ours_us']:9.2f}  {e['name']}")
    ratios = [e["peer_us"] / e["ours_us"] for e in entries]
    print(f"{len(ratios)} ops, peer/ours: median {statistics.median(ratios):.2f}" if ratios else "no op that PyTorch has")
    sys.exit(0 if ratios else 1)


main()

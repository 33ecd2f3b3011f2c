"""What all training stages share: the data, the optimiser, a budget of minutes, checkpoints."""
import json
import math
import os
import time

import numpy as np
import torch


class Data:
    """A directory of make_data.py: pictures as one array, stories as ranges of it."""

    def __init__(self, path):
        self.frames = np.load(os.path.join(path, "frames.npy"), mmap_mode="r")
        self.stories = [json.loads(line) for line in open(os.path.join(path, "stories.jsonl"))]
        self.first = np.cumsum([0] + [len(s["truth"]) for s in self.stories])
        self.truth = [t for s in self.stories for t in s["truth"]]


class Optimizer:
    """Muon for the matrices and kernels, AdamW for the rest.

    Muon (Jordan et al. 2024) takes the momentum's nearest orthogonal matrix as the step; it needs markedly fewer samples than AdamW,
    and samples are what a CPU is short of. The step is scaled to the size AdamW's would have (Liu et al. 2025), so one rate serves both.
    """

    def __init__(self, module, rate, decay=0.01, skip=("embed_tokens", "lm_head", "conv_in", "conv_out", "conv1", "pos_embed", "positional", "query", "latents")):
        named = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
        self.matrices = [p for n, p in named if p.dim() >= 2 and min(p.shape[0], p[0].numel()) >= 16 and not any(s in n for s in skip)]
        chosen = {id(p) for p in self.matrices}
        others = [p for n, p in named if id(p) not in chosen]
        self.params = [p for _, p in named]
        self.adam = torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.momentum = [torch.zeros_like(p) for p in self.matrices]
        self.rate, self.decay = rate, decay

    def step(self, scale):
        """One step at rate * scale, with the norm of the whole gradient clipped to 1."""
        torch.nn.utils.clip_grad_norm_(self.params, 1.0)
        for group in self.adam.param_groups:
            group["lr"] = self.rate * scale
        self.adam.step()
        with torch.no_grad():
            for p, m in zip(self.matrices, self.momentum):
                if p.grad is None:
                    continue
                m.lerp_(p.grad, 0.05)
                update = orthogonal(p.grad.lerp(m, 0.95).flatten(1)).view_as(p)
                p.mul_(1 - self.rate * scale * self.decay)
                p.add_(update, alpha=-self.rate * scale * 0.2 * math.sqrt(max(p.shape[0], p[0].numel())))
        for p in self.params:
            p.grad = None

    def state_dict(self):
        return {"adam": self.adam.state_dict(), "momentum": self.momentum}

    def load_state_dict(self, state):
        self.adam.load_state_dict(state["adam"])
        for m, saved in zip(self.momentum, state["momentum"]):
            m.copy_(saved)


def orthogonal(matrix):
    """Newton-Schulz iteration towards U V^T of the matrix's SVD; five steps leave singular values between 0.7 and 1.2."""
    wide = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if wide else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        g = x @ x.T
        x = 3.4445 * x + (-4.7750 * g + 2.0315 * g @ g) @ x
    return x.T if wide else x


class Average:
    """A running mean of the weights, which is what gets shipped."""

    def __init__(self, module, keep=0.998):
        self.keep, self.weights, self.steps = keep, {k: v.detach().clone() for k, v in module.state_dict().items()}, 0

    def update(self, module):
        self.steps += 1
        keep = min(self.keep, (1 + self.steps) / (10 + self.steps))
        for k, v in module.state_dict().items():
            if v.dtype.is_floating_point:
                self.weights[k].lerp_(v.detach(), 1 - keep)


CLOCKS = {"wall": time.time, "cpu": time.process_time}


class Run:
    """A stage's budget of minutes: learning-rate scale, log lines, checkpoints from which the same command goes on."""

    def __init__(self, args, name, parts, warmup=0.02, averaged=()):
        self.path = os.path.join(args.work, name + ".pt")
        self.minutes, self.parts, self.warmup = args.minutes, parts, warmup
        self.step, self.spent, self.averages = 0, 0.0, {}
        self.log_file = open(os.path.join(args.work, name + ".log"), "a")
        for part in averaged:
            self.averages[part] = Average(parts[part])
        if os.path.exists(self.path) and not args.fresh:
            state = torch.load(self.path, map_location=args.device, weights_only=False)
            for k, part in parts.items():
                if k in state:
                    part.load_state_dict(state[k])
            for k, average in self.averages.items():
                if "average." + k in state:
                    average.weights, average.steps = state["average." + k]
            self.step, self.spent = state["step"], 0.0 if args.extend else state["spent"]
        self.clock = CLOCKS[args.clock]
        self.mark = self.clock()
        self.saved = self.logged = time.time()
        self.sums, self.count = {}, 0

    @property
    def progress(self):
        return min(1.0, self.spent / (60 * self.minutes))

    @property
    def scale(self):
        p = self.progress
        return min(1.0, p / self.warmup + 0.02) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * p)))

    def more(self, **figures):
        """Counts a step and says whether time is left."""
        now, tick = time.time(), self.clock()
        self.spent += tick - self.mark
        self.mark = tick
        if figures:
            self.step += 1
            self.count += 1
            for k, v in figures.items():
                self.sums[k] = self.sums.get(k, 0.0) + float(v.detach() if hasattr(v, "detach") else v)
            for part, average in self.averages.items():
                average.update(self.parts[part])
        if self.count and (now - self.logged > 20 or self.progress >= 1):
            line = f"{time.strftime('%H:%M:%S')} step {self.step} {100 * self.progress:.0f} % " + " ".join(f"{k} {v / self.count:.4f}" for k, v in self.sums.items())
            print(line, flush=True)
            self.log_file.write(line + "\n")
            self.log_file.flush()
            self.sums, self.count, self.logged = {}, 0, now
        if now - self.saved > 120 or self.progress >= 1:
            self.save()
            self.saved = now
        return self.progress < 1

    def say(self, line):
        print(line, flush=True)
        self.log_file.write(line + "\n")

    def save(self):
        state = {k: part.state_dict() for k, part in self.parts.items()}
        state.update({"average." + k: (a.weights, a.steps) for k, a in self.averages.items()}, step=self.step, spent=self.spent)
        torch.save(state, self.path + ".new")
        os.replace(self.path + ".new", self.path)

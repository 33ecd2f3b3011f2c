"""Stage vit: pictures to 64 tokens that say what is where.

Supervision: attributes of the truth record (all of them are also told by the captions), read from the tokens by learned queries; a
small copy of the picture, drawn from the tokens by cross-attention; the tokens' own places. The readers see tokens scaled to unit RMS
with noise: the language model's regression fixes a direction, not more.
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from common import Data, Optimizer, Run
from draw import OBJECTS, PLACES, POSES, SHIRTS, SHOTS, SPECIES, TIMES, WEATHERS, WORN
from models import Resampler, ViT, attention, vit_input

THINGS = ("none",) + tuple(OBJECTS)
WHO = {"species": tuple(SPECIES), "colour": tuple(SHIRTS), "worn": WORN, "pose": POSES, "held": THINGS}
SCENE = {"place": PLACES, "time": TIMES, "weather": WEATHERS, "shot": SHOTS, "ground": THINGS, "in_bed": (False, True), "count": (1, 2)}
ATTRIBUTES = [(k, v) for k, v in SCENE.items()] + [(f"{slot}.{k}", v) for slot in (0, 1) for k, v in WHO.items()]


def labels(truth):
    """Class indices in the order of ATTRIBUTES; -100 where there is no second character."""
    row = []
    for name, values in ATTRIBUTES:
        slot, _, key = name.partition(".")
        if key:
            row.append(values.index(truth["who"][int(slot)][key]) if int(slot) < len(truth["who"]) else -100)
        else:
            row.append(values.index(len(truth["who"]) if name == "count" else truth[name]))
    return row


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.q, self.kv, self.out = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)
        self.norm, self.norm_ff = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.ff = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, z, x):
        k, v = self.kv(x).chunk(2, -1)
        z = z + self.out(attention(self.q(self.norm(z)), k, v, 5))
        return z + self.ff(self.norm_ff(z))


class Reader(nn.Module):
    """Reads attributes and a small picture from tokens."""

    def __init__(self, dim):
        super().__init__()
        self.asks = nn.Parameter(torch.randn(len(ATTRIBUTES), dim))
        self.cells = nn.Parameter(torch.randn(64, dim))
        self.blocks = nn.ModuleList(Block(dim) for _ in range(2))
        self.heads = nn.ModuleList(nn.Linear(dim, len(values)) for _, values in ATTRIBUTES)
        self.pixels = nn.Linear(dim, 8 * 8 * 3)
        self.place = nn.Linear(dim, 64)

    def forward(self, x):
        z = torch.cat([self.asks, self.cells]).expand(len(x), -1, -1)
        for block in self.blocks:
            z = block(z, x)
        answers = [head(z[:, i]) for i, head in enumerate(self.heads)]
        return answers, self.pixels(z[:, len(ATTRIBUTES):]), self.place(x)


def unit(x):
    """Tokens at RMS 1."""
    return x / x.square().mean(-1, keepdim=True).add(1e-6).sqrt()


def small(frames):
    """The 64 x 64 picture as (n, 64 cells, 192) in -1..1."""
    x = torch.as_tensor(frames).permute(0, 3, 1, 2).float() / 127.5 - 1
    x = F.adaptive_avg_pool2d(x, 64)
    return F.unfold(x, 8, stride=8).transpose(1, 2)


@torch.no_grad()
def accuracy(vit, reader, frames, wanted, device="cpu", tokens=None):
    """Share of right answers per attribute."""
    right, count = np.zeros(len(ATTRIBUTES)), np.zeros(len(ATTRIBUTES))
    for i in range(0, len(wanted), 64):
        x = tokens[i:i + 64] if tokens is not None else vit(vit_input(frames[i:i + 64]).to(device))
        answers, _, _ = reader(unit(x))
        for k, answer in enumerate(answers):
            truth = wanted[i:i + 64, k].to(device)
            right[k] += float((answer.argmax(-1) == truth).sum())
            count[k] += float((truth >= 0).sum())
    return {name: right[k] / max(1, count[k]) for k, (name, _) in enumerate(ATTRIBUTES)}


def train(args, config):
    data, held = Data(args.data), Data(args.held)
    wanted, wanted_held = (torch.tensor([labels(t) for t in d.truth]) for d in (data, held))
    vit, reader = ViT(**config["vit"]).to(args.device), Reader(config["vit"]["output_dim"]).to(args.device)
    parts = {"vit": vit, "reader": reader}
    run = Run(args, "vit", parts, averaged=("vit", "reader"))
    if args.reader_only:
        vit.requires_grad_(False)
    optimizer = Optimizer(reader if args.reader_only else nn.ModuleDict(parts), args.rate or 2e-3)
    rng = np.random.default_rng(run.step)
    weight = {"worn": 2.0, "pose": 2.0, "held": 2.0, "ground": 2.0, "species": 1.5}
    weights = [weight.get(name.split(".")[-1], 1.0) for name, _ in ATTRIBUTES]
    while run.more():
        pick = np.sort(rng.integers(0, len(data.frames), args.batch))
        frames = data.frames[pick]
        x = vit(vit_input(frames).to(args.device))
        size = (x.square().mean(-1).sqrt() - 1).square().mean()  # tokens of about unit RMS: the adapter does see lengths
        seen = unit(x)
        answers, pixels, place = reader(seen + 0.15 * torch.randn_like(seen))
        told = sum(w * F.cross_entropy(a.float(), wanted[pick, k].to(args.device)) for k, (a, w) in enumerate(zip(answers, weights))
                   if (wanted[pick, k] >= 0).any())
        copy = F.l1_loss(pixels, small(frames).to(args.device))
        where = F.cross_entropy(place.flatten(0, 1), torch.arange(64, device=args.device).repeat(len(x)))
        loss = told / len(ATTRIBUTES) + 2 * copy + 0.1 * where + 0.1 * size
        loss.backward()
        optimizer.step(run.scale)
        if run.step % 500 == 499:
            got = accuracy(vit, reader, held.frames[:512], wanted_held[:512], args.device)
            run.say("held-out " + " ".join(f"{k} {v:.2f}" for k, v in got.items()))
        run.more(told=told / len(ATTRIBUTES), copy=copy, where=where, size=size)
    vit.load_state_dict(run.averages["vit"].weights)
    reader.load_state_dict(run.averages["reader"].weights)
    run.save()
    got = accuracy(vit, reader, held.frames, wanted_held, args.device)
    run.say("held-out " + " ".join(f"{k} {v:.3f}" for k, v in got.items()))

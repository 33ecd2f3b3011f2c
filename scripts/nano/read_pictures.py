#!/usr/bin/env python3
"""Reads off a picture what it shows: who, what is worn and held, the mood, the place. A judge of drawings and of painted pictures.

    read_pictures.py train --icons icons.json --work W --minutes 25       # W/reader.pt, from pictures drawn on the way
    read_pictures.py held-out --icons icons.json --work W --pictures 3000 # its figures on drawings it never saw
    read_pictures.py folder --work W --data D                             # its figures on a folder of pictures with their truth

A small convolutional network over the picture reduced to 64 x 64: what it reads survives a blur to half of 128 pixels. It learns from
true drawings alone and shares neither weights nor features nor data with the ViT, so it may judge what is painted from the ViT's
features. People are read from left to right (draw.seen); what a picture cannot show is not asked.

A folder is one of make_data.py's (frames.npy and stories.jsonl), or has stories.jsonl and the PNG files its `images` name.
"""
import argparse
import json
import os
import random
from collections import Counter

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from common import Data, Optimizer, Run
from draw import MOODS, OBJECTS, PLACES, POSES, SHADES, SHOTS, SIDES, SPECIES, TIMES, WEATHERS, WORN, Painter, any_scene, seen

SIDE = 64
THINGS = ("none",) + tuple(OBJECTS)
SCENE = {"place": PLACES, "backdrop": tuple(range(3)), "time": TIMES, "weather": WEATHERS, "shot": SHOTS, "side": SIDES, "ground": THINGS,
         "in_bed": (False, True), "count": (1, 2)}
WHO = {"species": tuple(SPECIES), "colour": tuple(SHADES), "worn": WORN, "held": THINGS, "pose": POSES, "mood": MOODS}
ASKED = [(name, None) for name in SCENE] + [(name, slot) for slot in (0, 1) for name in WHO]
KINDS = [SCENE[name] if slot is None else WHO[name] for name, slot in ASKED]
POOL = 40000  # drawings kept for another look


def answers(truth):
    """A class for each of ASKED; -100 where the picture shows none."""
    shown = seen(truth)
    values = []
    for (name, slot), kinds in zip(ASKED, KINDS):
        source = shown if slot is None else shown["who"][slot] if slot < len(shown["who"]) else {}
        value = source.get(name)
        values.append(-100 if value is None else kinds.index(value))
    return values


def reduced(picture):
    """uint8 (64, 64, 3): the picture at half of 128 pixels, averaged."""
    return np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.BOX))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.GroupNorm(8, width)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x):
        return x + self.conv2(F.silu(self.conv1(F.silu(self.norm(x)))))


class Reader(nn.Module):
    """Features on 16 x 16 and 8 x 8 places; each question looks at the places it likes and answers from their mean."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 40, 5, stride=2, padding=2)
        self.down1 = nn.Conv2d(40, 80, 3, stride=2, padding=1)
        self.mid = nn.Sequential(Block(80))
        self.down2 = nn.Conv2d(80, 128, 3, stride=2, padding=1)
        self.low = nn.Sequential(Block(128), nn.GroupNorm(8, 128), nn.SiLU())
        self.fine = nn.Conv2d(80, 128, 1)
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 128, 16, 16))
        self.look = nn.Conv2d(128, len(ASKED), 1)
        self.answer = nn.ModuleList(nn.Linear(128, len(kinds)) for kinds in KINDS)

    def forward(self, pictures):
        """uint8 (n, 64, 64, 3) to a list of logits, one tensor for each of ASKED."""
        x = (pictures.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        x = self.mid(self.down1(F.silu(self.stem(x))))
        low = self.low(self.down2(F.silu(x)))
        x = F.silu(self.fine(x) + F.interpolate(low, scale_factor=2) + self.pos_embed)
        weights = self.look(x).flatten(2).softmax(-1)
        pooled = torch.einsum("nap,ncp->anc", weights, x.flatten(2))
        return [layer(p) for layer, p in zip(self.answer, pooled)]


class Drawings:
    """An endless stream of drawings of any_scene with their answers, a pool of which is kept."""

    def __init__(self, icons, seed):
        self.painter, self.rng = Painter(icons, 128), random.Random(seed)
        self.pictures, self.answers = [], []

    def draw(self, n):
        for _ in range(n):
            truth = any_scene(self.rng)
            one = (reduced(self.painter.frame(truth, self.rng)), answers(truth))
            if len(self.pictures) < POOL:
                self.pictures.append(one[0])
                self.answers.append(one[1])
            else:
                k = self.rng.randrange(POOL)
                self.pictures[k], self.answers[k] = one

    def batch(self, n, fresh):
        self.draw(fresh)
        last = len(self.pictures)
        chosen = list(range(last - fresh, last)) + [self.rng.randrange(last) for _ in range(n - fresh)]
        return torch.from_numpy(np.stack([self.pictures[k] for k in chosen])), torch.tensor([self.answers[k] for k in chosen])


def shifted(pictures, rng):
    """The batch moved by up to two pixels: what the pool shows again is not quite the same."""
    dx, dy = rng.randint(-2, 2), rng.randint(-2, 2)
    padded = F.pad(pictures.permute(0, 3, 1, 2).float(), (2, 2, 2, 2), mode="replicate").to(torch.uint8).permute(0, 2, 3, 1)
    return padded[:, 2 + dy:2 + dy + SIDE, 2 + dx:2 + dx + SIDE]


def train(args):
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    reader = Reader().to(memory_format=torch.channels_last)
    optimizer = Optimizer(reader, 2e-3, skip=("stem", "look", "pos_embed"))
    run = Run(args, "reader", {"reader": reader, "optimizer": optimizer}, averaged=("reader",))
    drawings = Drawings(args.icons, args.seed + 1000003 * (1 + run.step))  # a run that goes on draws others
    drawings.draw(args.batch * 8)
    figures = {}
    while run.more(**figures):
        pictures, wanted = drawings.batch(args.batch, args.batch // 3)
        logits = reader(shifted(pictures, rng))
        losses = [F.cross_entropy(l, w, label_smoothing=0.02) for l, w in zip(logits, wanted.T) if (w >= 0).any()]
        loss = sum(losses)
        loss.backward()
        optimizer.step(run.scale)
        held = ASKED.index(("held", 0))
        figures = {"loss": loss, "held": (logits[held].argmax(-1) == wanted[:, held]).float().mean(),
                   "species": (logits[held - 3].argmax(-1) == wanted[:, held - 3]).float().mean()}


def load(work):
    reader = Reader()
    reader.load_state_dict(torch.load(os.path.join(work, "reader.pt"), map_location="cpu", weights_only=False)["average.reader"][0])
    return reader.eval().to(memory_format=torch.channels_last)


def figures(reader, pictures, wanted):
    """{name: (share read rightly, how many were asked, the commonest confusions)}; both slots together."""
    guesses = []
    with torch.no_grad():
        for k in range(0, len(pictures), 250):
            guesses.append(torch.stack([l.argmax(-1) for l in reader(torch.from_numpy(np.stack(pictures[k:k + 250])))], 1))
    guesses, wanted = torch.cat(guesses), torch.tensor(wanted)
    table = {}
    for name in list(SCENE) + list(WHO):
        right = asked = 0
        wrong = Counter()
        for a, (other, _) in enumerate(ASKED):
            if other == name:
                valid = wanted[:, a] >= 0
                hit = guesses[:, a] == wanted[:, a]
                right, asked = right + int((valid & hit).sum()), asked + int(valid.sum())
                wrong.update((str(KINDS[a][w]), str(KINDS[a][g])) for w, g in zip(wanted[valid & ~hit, a], guesses[valid & ~hit, a]))
        table[name] = (right / asked if asked else float("nan"), asked, wrong.most_common(5))
    return table


def show(table, gate):
    for name, (share, asked, wrong) in table.items():
        mark = "" if not asked or share >= gate else "   below the gate"
        print(f"{name:9} {share:.4f} of {asked}{mark}   " + ", ".join(f"{w} as {g} {n}" for (w, g), n in wrong))


def held_out(args):
    drawings = Drawings(args.icons, 7)  # training seeds are above a million
    drawings.draw(args.pictures)
    show(figures(load(args.work), drawings.pictures, drawings.answers), args.gate)


def folder(args):
    if os.path.exists(os.path.join(args.data, "frames.npy")):
        data = Data(args.data)
        pictures, truth = (Image.fromarray(f) for f in data.frames), data.truth
    else:
        with open(os.path.join(args.data, "stories.jsonl")) as lines:
            stories = [json.loads(line) for line in lines]
        pictures = (Image.open(os.path.join(args.data, name)) for s in stories for name in s["images"])
        truth = [t for s in stories for t in s["truth"]]
    show(figures(load(args.work), [reduced(p) for p in pictures], [answers(t) for t in truth]), args.gate)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "held-out", "folder"))
    parser.add_argument("--work", required=True, help="where reader.pt lies")
    parser.add_argument("--icons", help="icons.json, or none")
    parser.add_argument("--data", help="the folder to read")
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--gate", type=float, default=0.98)
    parser.add_argument("--minutes", type=float, default=25, help="of processor time")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="from the beginning, not from reader.pt")
    parser.add_argument("--extend", action="store_true", help="new minutes for a run that has had its own")
    parser.set_defaults(device="cpu", clock="cpu")
    args = parser.parse_args()
    needed = "data" if args.what == "folder" else "icons"
    if getattr(args, needed) is None:
        parser.error(f"{args.what} needs --{needed}")
    torch.set_num_threads(args.threads)
    if args.what == "train":
        os.makedirs(args.work, exist_ok=True)
    {"train": train, "held-out": held_out, "folder": folder}[args.what](args)


if __name__ == "__main__":
    main()

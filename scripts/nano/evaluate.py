#!/usr/bin/env python3
"""Measures an exported model on held-out stories and writes its model card.

    evaluate.py --model weights/nano --program build/seedstory [--told stories.json]
    evaluate.py --model weights/nano --data DIR                      # of a language model alone: perplexity and cosine
    evaluate.py --model weights/nano --data DIR --work DIR [--program build/seedstory] [--card figures.md]

With --program the real program tells the sixty free prompts of prompts.txt, ten frames each, and judge.py reads its texts: the gates
come out as a table. --told keeps the stories, with what is wrong in each caption, for reading.

--work holds the checkpoints before quantisation (for what that costs) and the ViT's attribute reader, which reads true, decoded and
generated pictures alike: its answers on the true ones say how far it can be trusted. It is the reader the ViT was trained with, not an
independent judge.
"""
import argparse
import json
import os
import time

import numpy as np
import torch

from common import Data
from export import load_model, newest
import judge
from models import CONFIG, Agent, Detokenizer, ViT, make_vae, vae_input, vit_input
from story import Sampler
from tokens import Tokenizer
from train_detokenizer import Noise, regress_all, velocity_loss
from train_llm import held_out
from train_vae import decibels
from train_vit import ATTRIBUTES, Reader, accuracy, labels

CARD = """# nano: a small SEED-Story model

Tells picture stories about small animals, 128 x 128, in a synthetic world: ten kinds of animal in eight colours of shirt, twelve places,
three times of day, sixteen objects, English only. `words.txt` lists every word it has seen. It is a toy, trained to show that the engine
runs the whole of SEED-Story in seconds, and it fits in the repository.

Prompts that work: *A little fox finds a red lantern in the snow.* / *Mia the rabbit meets a bear at the beach.* /
*A happy panda named Tom loses a blue ball in the forest.*

## Training

{training}

Data: {stories} stories with {frames} pictures, made by `scripts/nano/make_data.py` from seed {seed}; figures below from other stories
(seed 1000), measured {date} by `scripts/nano/evaluate.py` on the files in this directory.

## Figures

| what | value |
| --- | --- |
{figures}

{gates}Attributes read off pictures by the ViT's own reader on {pictures} pictures (share of right answers; the first column says how far the
reader can be trusted). `Held` and `ground` are mostly `none`, so that .9 there says little:

| attribute | true picture | VAE round trip | generated from true features | generated from the story text |
| --- | --- | --- | --- | --- |
{attributes}

The supervision of the ViT is generator truth (species, clothes, pose, ... of each character), not captions alone.

## Limits

{limits}

## Licence

Weights: Apache-2.0, as the repository. The pictures they were trained on use Fluent Emoji (flat), which is under this licence:

{notice}
"""

NOTICE = """> MIT License. Copyright (c) Microsoft Corporation.
>
> Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
> "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
> distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
> the following conditions: The above copyright notice and this permission notice shall be included in all copies or substantial portions
> of the Software.
>
> THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
> MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
> ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
> SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""


def unquantised(work, part, stages, key, module):
    stage, state = newest(work, *stages)
    module.load_state_dict(state["average." + key][0] if "average." + key in state else state[key])
    return module.eval().requires_grad_(False)


def judge_free_prompts(args):
    """The gates as a Markdown table."""
    asked = judge.read_prompts(os.path.join(os.path.dirname(os.path.abspath(__file__)), "prompts.txt"))
    stories = judge.tell_all(args.program, args.model, [a["prompt"] for a in asked], flags=args.flags.split())
    with open(os.path.join(args.model, "words.txt")) as words:
        figures, broken = judge.judge(asked, stories, words.read().split())
    if args.told:
        with open(args.told, "w") as out:
            for a, captions, faults in zip(asked, stories, broken):
                print("#", a["prompt"], file=out)
                for k, caption in enumerate(captions):
                    print("  ", caption, *[f"<<< {what}" for at, what in faults if at == k], file=out)
    print(judge.report(figures), flush=True)
    return f"Sixty free prompts (`scripts/nano/prompts.txt`), ten frames each, told by the program and read by `scripts/nano/judge.py`:\n\n{judge.report(figures)}\n\n"


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", help="held-out stories")
    parser.add_argument("--work")
    parser.add_argument("--program", help="the built seedstory, which tells the free prompts")
    parser.add_argument("--flags", default="", help="for the program, such as \"--temp 0\"")
    parser.add_argument("--told", help="write the stories of the free prompts here")
    parser.add_argument("--card", help="write the model card here")
    parser.add_argument("--pictures", type=int, default=96, help="pictures to generate")
    parser.add_argument("--stories", type=int, default=60)
    parser.add_argument("--hardware", default="a shared 2-core AVX2 CPU, no GPU")
    args = parser.parse_args()
    if not args.program and not args.data:
        parser.error("--program or --data")
    gates = judge_free_prompts(args) if args.program else ""
    if not args.data:
        return
    config, made = load_model(args.model)
    data, tok = Data(args.data), Tokenizer(args.model)
    figures = []

    def figure(name, value):
        figures.append((name, value))
        print(f"{name}: {value}", flush=True)

    shown = int(data.first[args.stories])
    features = torch.cat([made["vit"](vit_input(data.frames[i:i + 64])) for i in range(0, shown, 64)])[:shown]
    perplexity, cosine = held_out(made["llm"], tok, data, features, "cpu", args.stories)
    figure("caption perplexity a token, held out", f"{perplexity:.3f}")
    figure("cosine of regressed features, held out", f"{cosine:.4f}")
    if not args.work:
        return

    state = torch.load(os.path.join(args.work, "vit.pt"), map_location="cpu", weights_only=False)
    reader = Reader(config["vit"]["output_dim"])
    reader.load_state_dict(state["average.reader"][0])
    before = unquantised(args.work, "vit", ("vit",), "vit", ViT(**config["vit"]))
    exact = before(vit_input(data.frames[:min(64, shown)]))
    apart = 1 - torch.nn.functional.cosine_similarity(exact, features[:64], dim=-1).mean()
    figure("ViT features, cosine distance caused by quantisation", f"{float(apart):.5f}")

    test = data.frames[np.linspace(0, shown - 1, 48).astype(int)]
    figure("VAE, held out", f"{decibels(made['vae'], test):.2f} dB")
    figure("VAE before quantisation", f"{decibels(unquantised(args.work, 'vae', ('decoder', 'vae'), 'vae', make_vae(config)), test):.2f} dB")

    perplexity, cosine = held_out(unquantised(args.work, "llm", ("llm",), "agent", Agent(config)), tok, data, features, "cpu", args.stories)
    figure("the same two before quantisation", f"{perplexity:.3f}, {cosine:.4f}")

    part = Data(args.data)
    own, known = regress_all(made["llm"], args.model, part, features.half(), "cpu", args.stories)
    pick = np.linspace(0, shown - 1, args.pictures).astype(int)
    latents = torch.cat([made["vae"].encode(vae_input(data.frames[i:i + 1])).latent_dist.mode() for i in pick]) * config["vae"]["scaling_factor"]
    noise = Noise(config, "cpu")
    for name, model in (("", made["detokenizer"]), (" before quantisation", unquantised(args.work, "detokenizer", ("adapt", "detokenizer"), "model", Detokenizer(config)))):
        for kind, f in (("true", features), ("regressed", own)):
            right, wrong = velocity_loss(model, noise, latents, f[pick].float())
            figure(f"v-loss with {kind} features{name}", f"{right:.3f} (with another picture's: {wrong:.3f})")

    wanted = torch.tensor([labels(data.truth[i]) for i in pick])
    sampler = Sampler(config, made, config["defaults"]["steps"] if "defaults" in config else 12)
    begun = time.time()
    pictures = {"true": data.frames[pick],
                "vae": np.concatenate([((made["vae"].decode(z[None] / config["vae"]["scaling_factor"]).sample / 2 + .5).clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy() for z in latents]),
                "generated": np.concatenate([sampler(features[pick[i:i + 16]]) for i in range(0, len(pick), 16)]),
                "told": np.concatenate([sampler(own[pick[i:i + 16]].float()) for i in range(0, len(pick), 16)])}
    figure("seconds a picture here in PyTorch, 12 steps with guidance", f"{(time.time() - begun) / 2 / len(pick):.2f}")
    got = {name: accuracy(made["vit"], reader, p, wanted) for name, p in pictures.items()}
    rows = [f"| {name.replace('0.', 'first ').replace('1.', 'second ')} | " + " | ".join(f"{got[k][name]:.2f}" for k in pictures) + " |" for name, _ in ATTRIBUTES]
    print("\n".join(rows))
    if args.card:
        card = json.load(open(os.path.join(args.model, "model.json")))
        stages = "\n".join(f"* {stage}: {v['minutes']} minutes, {v['steps']} steps" for stage, v in card["provenance"]["stages"].items())
        limits = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "limits.md")).read().strip()
        with open(args.card, "w") as f:
            f.write(CARD.format(training=f"On {args.hardware}, one thread a stage, f32. Steps count all runs of a stage; minutes are wall time of its\nlast run, on a machine with other work.\n\n{stages}",
                                stories=1800, frames=20314, seed=card["provenance"]["data_seed"], date=card["provenance"]["date"],
                                figures="\n".join(f"| {a} | {b} |" for a, b in figures), gates=gates, attributes="\n".join(rows), pictures=args.pictures, limits=limits, notice=NOTICE))


if __name__ == "__main__":
    main()

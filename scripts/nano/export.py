#!/usr/bin/env python3
"""Writes a model directory from the checkpoints in --work, and reads one back.

    export.py --work DIR --out weights/nano [--card figures.md]
    export.py --work DIR --base weights/nano --out OUT         # a new language model for the pictures of an exported model

Matrices and kernels of 1,024 elements or more are stored as I8 in blocks of 32 consecutive elements of the flattened tensor, with a
companion NAME.scale (F16, one a block, a power of two); value = int8 * scale, which bf16 holds exactly: an engine whose products take
bf16 weights computes the same as one in f32. Smaller ones are F16 rounded to bf16; everything else is F16, or F32 where F16 would
lose it.
"""
import argparse
import hashlib
import json
import os
import random
import re
import shutil
import time
from collections import Counter

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from ask import DEEDS, NICK, PLURAL, PLURAL_NICK, conjugate
from models import CONFIG, Agent, Detokenizer, ViT, make_vae
from tokens import ADDED
from world import CENSUS, PLAIN_NAMES, SYLLABLES, tell

BLOCK = 32
FILES = {"vit": "vit.safetensors", "llm": "llm.safetensors", "detokenizer": "detokenizer.safetensors", "vae": "vae.safetensors"}


def quantise(w):
    """int8 in blocks of 32 with the smallest power of two as f16 scale that they fit."""
    flat = w.float().flatten()
    padded = torch.nn.functional.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    scale = torch.exp2(torch.log2(padded.abs().amax(1) / 127).ceil().clamp(min=-24)).half()  # 2^-24 is f16's least
    return (padded / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8).flatten()[:len(flat)].view(w.shape), scale


def dequantise(q, scale):
    flat = q.flatten().float()
    return (flat * scale.float().repeat_interleave(BLOCK)[:len(flat)]).view(q.shape)


def pack(state):
    out = {}
    for name, w in state.items():
        w = w.detach().cpu().contiguous()
        matrix = w.dim() >= 2 and not re.search(r"pos_embed|positional_embedding", name)
        if matrix and w.numel() >= 1024 and min(w.shape) > 1:
            out[name], out[name + ".scale"] = quantise(w)
        elif matrix:
            out[name] = w.bfloat16().half()
        elif w.dtype.is_floating_point:
            out[name] = w.half()
        else:
            out[name] = w
    return out


def unpack(path):
    stored = load_file(path)
    return {n: dequantise(w, stored[n + ".scale"]) if n + ".scale" in stored else w.float() for n, w in stored.items() if not n.endswith(".scale")}


def rename(part, state, to_file):
    """LLaMA's names stand without a prefix in the file; `llm.` is only how the module here is called."""
    if part != "llm":
        return state
    if to_file:
        return {n.removeprefix("llm."): w for n, w in state.items()}
    return {n if "resampler" in n else "llm." + n: w for n, w in state.items()}


def load_part(directory, part, module):
    """The state dict of one part of an exported model, for a warm start or an evaluation."""
    state = rename(part, unpack(os.path.join(directory, FILES[part])), False)
    like = module.state_dict()
    return {n: w.to(like[n].dtype) for n, w in state.items()}


def load_model(directory):
    """The four modules of an exported model, as the engine has them."""
    config = json.load(open(os.path.join(directory, "model.json")))
    full = {k: {**CONFIG[k], **{n: v for n, v in config[k].items() if n in CONFIG[k]}} for k in CONFIG}
    made = {"vit": ViT(**full["vit"]), "llm": Agent(full), "detokenizer": Detokenizer(full), "vae": make_vae(full)}
    for part, module in made.items():
        module.load_state_dict(load_part(directory, part, module))
        module.eval().requires_grad_(False)
    return full, made


def unpack_checkpoints(directory, work):
    """Checkpoints of an exported model, from which every stage goes on: those of its training need not be there."""
    _, made = load_model(directory)
    trained = json.load(open(os.path.join(directory, "model.json")))["provenance"]["stages"]
    for part, stages, key in (("vit", ("vit",), "vit"), ("vae", ("vae", "decoder"), "vae"), ("llm", ("llm",), "agent"),
                              ("detokenizer", ("detokenizer", "adapt"), "model")):
        weights = made[part].state_dict()
        for stage in stages:
            so_far = trained.get(stage, {"minutes": 0, "steps": 0})
            torch.save({key: weights, "average." + key: (weights, so_far["steps"]), "step": so_far["steps"], "spent": 60 * so_far["minutes"]},
                       os.path.join(work, stage + ".pt"))
    shutil.copy(os.path.join(directory, "tokenizer.model"), work)


def sha256(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def words_of_the_world():
    """Every word of captions, the plain names, and what prompts often say: not typos, nor the names and the strange words that prompts
    have so that the model stands them."""
    rng, told, starts, asked = random.Random(99), set(), set(), Counter()
    for _ in range(4000):
        story = tell(rng)
        for caption in story["captions"]:
            told.update(re.findall(r"(?<![A-Za-z'])[a-z]+", caption))
            starts.update(re.findall(r"(?<![A-Za-z'])[A-Z][a-z]*", caption))
        asked.update(re.findall(r"(?<![A-Za-z'])[a-z]+", story["prompt"]))
    names, syllables = set(CENSUS), set(SYLLABLES)
    made_up = lambda w: len(w) in (4, 6) and all(w[i:i + 2] in syllables for i in range(0, len(w), 2))
    said = told | {w.lower() for w in starts - names if not made_up(w.lower())}
    # deeds in all their forms, and the other words for the heroes
    asks = [re.sub(r"<(\w+)>", lambda m: " ".join(conjugate(m[1], f) for f in ("base", "s", "past", "ing")), re.sub(r"{\w+}", "", d)) for ds in DEEDS.values() for d in ds]
    asks += [*PLURAL.values(), *PLURAL_NICK.values(), *(n for ns in NICK.values() for n in ns)]
    said.update(re.findall("[a-z]+", " ".join(asks)))
    return sorted(said | {w for w, n in asked.items() if n >= 20 and w.capitalize() not in names} | {n.lower() for n in PLAIN_NAMES})


def newest(work, *stages):
    for stage in stages:
        path = os.path.join(work, stage + ".pt")
        if os.path.exists(path):
            return stage, torch.load(path, map_location="cpu", weights_only=False)
    return None, None


def trained(work, stages):
    """{stage: its minutes and steps} of the checkpoints that are there."""
    found = ((stage, newest(work, stage)[1]) for stage in stages)
    return {stage: dict(minutes=round(state["spent"] / 60, 1), steps=state["step"]) for stage, state in found if state}


def write_words(out):
    with open(os.path.join(out, "words.txt"), "w") as f:
        f.write("\n".join(words_of_the_world()) + "\n")


def export_language(work, base, out):
    """The model in `base` with the LLM, tokenizer and words of `work`. ViT, de-tokenizer, VAE and what model.json says of them stay:
    the de-tokenizer knows the features of this ViT and the latents at this scale alone."""
    _, state = newest(work, "llm")
    if state is None:
        raise SystemExit(f"{work} has no llm.pt")
    shutil.copytree(base, out, dirs_exist_ok=True)
    agent = Agent(CONFIG)
    agent.load_state_dict(state["average.agent"][0])
    save_file(pack(rename("llm", agent.state_dict(), True)), os.path.join(out, FILES["llm"]), metadata={"format": "pt"})
    shutil.copy(os.path.join(work, "tokenizer.model"), out)
    write_words(out)
    path = os.path.join(out, "model.json")
    card = json.load(open(path))
    card["provenance"]["stages"].update(trained(work, ("llm-text", "llm")))
    card["provenance"]["date"] = time.strftime("%Y-%m-%d")
    json.dump(card, open(path, "w"), indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--base", help="an exported model, of which all but the language model stays")
    parser.add_argument("--card", help="Markdown with figures for the model card, written by evaluate.py")
    parser.add_argument("--seed", type=int, default=1, help="seed of the training data, for the record")
    args = parser.parse_args()
    if args.base:
        return export_language(args.work, args.base, args.out)
    os.makedirs(args.out, exist_ok=True)
    torch.manual_seed(0)
    made = {"vit": ViT(**CONFIG["vit"]), "llm": Agent(CONFIG), "detokenizer": Detokenizer(CONFIG), "vae": make_vae(CONFIG)}
    used = {}
    for part, stages, key in (("vit", ("vit",), "vit"), ("llm", ("llm", "llm-text"), "agent"), ("detokenizer", ("adapt", "detokenizer"), "model"),
                              ("vae", ("decoder", "vae"), "vae")):
        stage, state = newest(args.work, *stages)
        if state is None:
            print(f"{part}: no checkpoint, random weights")
            continue
        made[part].load_state_dict(state["average." + key][0] if "average." + key in state else state[key])
        used[part] = stage
    minutes = trained(args.work, ("vae", "decoder", "vit", "llm-text", "llm", "detokenizer", "adapt"))
    config = json.loads(json.dumps(CONFIG))
    latents = os.path.join(args.work, "latents.npy")
    if os.path.exists(latents):
        done = int(open(latents + ".count").read())
        config["vae"]["scaling_factor"] = 1 / float(np.load(latents, mmap_mode="r")[:min(2000, done)].astype(np.float32).std())
    for part, module in made.items():
        save_file(pack(rename(part, module.state_dict(), True)), os.path.join(args.out, FILES[part]), metadata={"format": "pt"})
    for name in ("tokenizer.model", ):
        shutil.copy(os.path.join(args.work, name), os.path.join(args.out, name))
    json.dump(ADDED, open(os.path.join(args.out, "added_tokens.json"), "w"), indent=1)
    write_words(args.out)
    vit_hash = sha256(os.path.join(args.out, FILES["vit"]))
    card = {"format": "seedstory", "version": 1, "name": "nano", "licence": "Apache-2.0",
            "provenance": {"trained_by": "scripts/nano", "data_seed": args.seed, "stages": minutes, "parts_from": used, "date": time.strftime("%Y-%m-%d")},
            "training_data": "Synthetic stories and pictures of scripts/nano/make_data.py; heads and objects from Fluent Emoji (flat), MIT, Microsoft.",
            "files": FILES, "tokenizer": {"model": "tokenizer.model", "added_tokens": "added_tokens.json", "legacy": False}, "words": "words.txt",
            **config, "call_ends": "eoi", "call_prefix": "[INST]{left}|", "spans": [2, 2, 2, 2],
            "defaults": {"policy": "window", "window": 8, "steps": 12, "cfg": 2.5, "width": 128, "height": 128, "temp": 0.5, "top_p": 0.9, "min_p": 0.15},
            "vit_sha256": vit_hash, "trained_with_vit": {"llm": vit_hash, "detokenizer": vit_hash}}
    json.dump(card, open(os.path.join(args.out, "model.json"), "w"), indent=1)
    if args.card:
        shutil.copy(args.card, os.path.join(args.out, "README.md"))
    sizes = {f: os.path.getsize(os.path.join(args.out, f)) for f in sorted(os.listdir(args.out))}
    print({f: f"{s / 1e6:.2f} MB" for f, s in sizes.items()}, f"total {sum(sizes.values()) / 1e6:.2f} MB", minutes)


if __name__ == "__main__":
    main()

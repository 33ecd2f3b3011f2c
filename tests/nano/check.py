#!/usr/bin/env python3
"""Self-check of scripts/nano: seconds, no icon set, no checkpoint. Run it with the environment scripts/nano/README.md describes."""
import os
import random
import sys
import tempfile

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "nano"))
from draw import Painter
from export import dequantise, quantise
from models import CONFIG, Agent
from tokens import BOS, EOS, IMG, Tokenizer, chunk, train_tokenizer
from train_llm import collate
from world import LENGTHS, tell


def check_stories():
    rng = random.Random(1)
    for n in LENGTHS:
        for _ in range(20):
            story = tell(rng, n)
            assert len(story["captions"]) == len(story["truth"]) == n
            assert story["captions"][-1].endswith("The end.")
            for caption, truth in zip(story["captions"], story["truth"]):
                assert any(person["name"] in caption for person in truth["who"]), caption
            names = {person["species"]: person["name"] for truth in story["truth"] for person in truth["who"]}
            assert len(set(names.values())) == len(names), names


def check_pictures():
    painter = Painter("none", 128)
    for truth in tell(random.Random(2), 12)["truth"]:
        assert painter.frame(truth, random.Random(3)).tobytes() == painter.frame(truth, random.Random(3)).tobytes()


def check_blocks():
    w = torch.randn(7, 150)  # a last block of 26
    q, scale = quantise(w)
    assert len(scale) == 33 and q.shape == w.shape
    assert (dequantise(q, scale) - w).abs().max() <= 0.51 * float(scale.float().max())


def check_tokens():
    with tempfile.TemporaryDirectory() as work:
        train_tokenizer(work, 1)
        tok = Tokenizer(work)
        prompt, call = "A little fox finds a red lantern in the snow.", "[INST]12| Mia the fox waved."
        assert tok.first.encode(prompt + call) == tok.first.encode(prompt) + tok.later.encode(call)
        assert tok.later.encode(call) == tok.later.encode("[INST]12|") + tok.later.encode(" Mia the fox waved.")
        story = tell(random.Random(4), 12)
        whole = chunk(tok, story, random.Random(5), first=0, start_picture=False, longest=12, query_share=1.0)
        assert whole.ids[0] == BOS and whole.target[-1] == EOS and whole.target.count(IMG) == 12
        check_queries(collate([whole], "cpu"), whole)


def check_queries(batch, whole):
    """The rows of a frame's queries see what they would see as the end of the context, and nothing sees them."""
    kind, mask = batch[2][0], batch[4][0, 0] == 0
    queries = torch.nonzero(kind == 1)[:, 0]
    others = torch.nonzero(kind != 1)[:, 0]
    assert not mask[others][:, queries].any()
    agent = Agent({**CONFIG}).eval()
    x = torch.randn(1, len(kind), CONFIG["llm"]["hidden"])
    with torch.no_grad():
        together = agent.llm(x, batch[1], batch[4])[0]
        last = [i for i in queries.tolist() if whole.block[i] == 3]
        alone = [i for i in range(last[-1] + 1) if kind[i] != 1] + last
        n = len(alone)
        plain = agent.llm(x[:, alone], batch[1][:, alone], torch.full((n, n), -1e4).triu(1))[0]
    assert torch.allclose(together[last], plain[-16:], atol=1e-4)


for check in (check_stories, check_pictures, check_blocks, check_tokens):
    check()
    print(check.__name__, "ok", flush=True)

#!/usr/bin/env python3
"""Trains one stage of the nano model, for a number of minutes, on a CPU or a GPU. See README.md beside this file.

    train.py vae         --data DIR --work DIR --minutes 25
    train.py vit         --data DIR --work DIR --minutes 20
    train.py tokenizer   --data DIR --work DIR
    train.py llm-text    --data DIR --work DIR --minutes 15      # the language alone: no pictures in context
    train.py cache       --data DIR --work DIR                   # features and latents of all frames
    train.py detokenizer --data DIR --work DIR --minutes 45
    train.py llm         --data DIR --work DIR --minutes 40
    train.py adapt       --data DIR --work DIR --minutes 10      # the de-tokenizer on regressed features
    train.py unpack      --from weights/nano --work DIR          # checkpoints of an exported model, to go on from

The same command again goes on from the checkpoint in --work; --extend gives it a new budget. Where the checkpoints are gone, unpack
makes them from an exported model; of the ViT's reader, with which evaluate.py reads pictures, nothing is exported: vit
--reader-only trains it anew.
"""
import argparse
import importlib
import os

import torch

from common import CLOCKS
from models import CONFIG

STAGES = {"vae": "train_vae", "vit": "train_vit", "tokenizer": "train_llm", "llm-text": "train_llm", "llm": "train_llm", "cache": "train_detokenizer",
          "detokenizer": "train_detokenizer", "adapt": "train_detokenizer"}
BATCH = {"vae": 6, "vit": 48, "detokenizer": 64, "adapt": 64, "llm-text": 12, "llm": 5}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=[*STAGES, "unpack"])
    parser.add_argument("--data", help="directory written by make_data.py")
    parser.add_argument("--held", help="the same, of stories held out (default: DIR/../held)")
    parser.add_argument("--work", required=True, help="checkpoints and caches")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="what --minutes counts: on a busy machine `cpu` keeps the number of steps")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rate", type=float, help="peak learning rate")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, help="cache: frames to encode in this call; adapt: stories to regress")
    parser.add_argument("--from", dest="source", help="unpack: an exported model")
    parser.add_argument("--warm", help="llm-text, llm: a checkpoint to begin from where the stage has none, such as llm-text.pt")
    parser.add_argument("--early", type=float, default=0.0, help="llm: the part of the budget that is mostly text")
    parser.add_argument("--early-pictures", type=float, default=0.12, help="llm: share of batches with pictures in that part; .6 after it")
    parser.add_argument("--fresh", action="store_true", help="ignore the checkpoint")
    parser.add_argument("--extend", action="store_true", help="go on from the checkpoint with a new budget")
    parser.add_argument("--decoder-only", action="store_true", help="vae: freeze the encoder")
    parser.add_argument("--reader-only", action="store_true", help="vit: freeze it, and train what reads its tokens")
    args = parser.parse_args()
    os.makedirs(args.work, exist_ok=True)
    if args.stage == "unpack":
        from export import unpack_checkpoints
        return unpack_checkpoints(args.source or parser.error("unpack: --from DIR is missing"), args.work)
    if not args.data:
        parser.error("--data DIR is missing")
    args.held = args.held or os.path.join(os.path.dirname(args.data.rstrip("/")), "held")
    args.batch = args.batch or BATCH.get(args.stage)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    importlib.import_module(STAGES[args.stage]).train(args, CONFIG)


if __name__ == "__main__":
    main()

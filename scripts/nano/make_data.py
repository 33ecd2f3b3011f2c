#!/usr/bin/env python3
"""Writes any number of synthetic stories with their pictures, from a seed.

    make_data.py --icons icons.json --out DIR --stories 1200 --seed 1
    make_data.py --icons none --out DIR --stories 4 --png        # needs no icon set: for tests

DIR/stories.jsonl  StoryStream lines (id, images, captions, orders) with two keys more: `prompt`, a sentence a user could have typed, and
                   `truth`, what each picture shows
DIR/frames.npy     all pictures in order, uint8 (frames, size, size, 3); training reads this
DIR/images/        the same as PNG files, with --png
The icons: `npm pack @iconify-json/fluent-emoji-flat@1.2.6`, file icons.json (MIT, Microsoft).
"""
import argparse
import json
import os
import random
import time

import numpy as np

from draw import Painter
from world import tell


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--icons", required=True, help="icons.json of @iconify-json/fluent-emoji-flat, or none")
    parser.add_argument("--out", required=True)
    parser.add_argument("--stories", type=int, default=1200)
    parser.add_argument("--frames", type=int, help="frames of each story (default: 3 to 25, drawn)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--png", action="store_true", help="also write PNG files")
    args = parser.parse_args()

    os.makedirs(args.out, exist_ok=True)
    rng = random.Random(args.seed)
    stories = [tell(rng, args.frames) for _ in range(args.stories)]
    total = sum(len(s["truth"]) for s in stories)
    frames = np.lib.format.open_memmap(os.path.join(args.out, "frames.npy"), "w+", np.uint8, (total, args.size, args.size, 3))
    painter = Painter(args.icons, args.size)
    begun, done = time.time(), 0
    with open(os.path.join(args.out, "stories.jsonl"), "w") as lines:
        for number, story in enumerate(stories):
            names = [f"images/{number:06d}/{k:03d}.png" for k in range(len(story["truth"]))]
            for name, truth in zip(names, story["truth"]):
                picture = painter.frame(truth, rng)
                frames[done] = np.asarray(picture)
                done += 1
                if args.png:
                    path = os.path.join(args.out, name)
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    picture.save(path)
            json.dump({"id": f"{args.seed}-{number}", "images": names, "captions": story["captions"], "orders": list(range(len(names))),
                       "prompt": story["prompt"], "truth": story["truth"]}, lines)
            lines.write("\n")
            if number % 100 == 99:
                print(f"{number + 1} stories, {done} of {total} frames, {time.time() - begun:.0f} s", flush=True)
    frames.flush()
    print(f"{args.stories} stories, {total} frames in {time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()

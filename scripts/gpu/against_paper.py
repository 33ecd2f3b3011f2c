#!/usr/bin/env python3
"""What bench --paper says at the least beside what bench measured, op by op.

    against_paper.py PAPER.json MEASURED.json

A card cannot be faster than the paper: where an op is by more than 5 %, the paper has counted wrong, and the exit code is 1. A
stage can: its ops find in L2 what the one before has left there, where bench times an op alone on cold operands.
"""
import json
import statistics
import sys

FASTER = 1.05


def load(path):
    with open(path) as file:
        return json.load(file)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    paper, measured = load(sys.argv[1]), load(sys.argv[2])
    if (paper["type"], paper["model"]) != (measured["type"], measured["model"]):
        sys.exit(f"the paper is of {paper['model']} in {paper['type']}, measured was {measured['model']} in "
                 f"{measured['type']}")
    least = {(e["kind"], e["name"]): e for e in paper["entries"] if "least_us" in e}
    shares, wrong = [], 0
    print(f"{'paper us':>10} {'measured':>10} {'share':>6}  bound by, op")
    for entry in measured["entries"]:
        on_paper = least.get((entry["kind"], entry["name"]))
        if not on_paper:
            continue
        share = on_paper["least_us"] / entry["median_us"]
        is_wrong = entry["kind"] == "op" and share > FASTER
        wrong += is_wrong
        if entry["kind"] == "op":
            shares.append(share)
        print(f"{on_paper['least_us']:10.1f} {entry['median_us']:10.1f} {share:6.2f}  "
              f"{on_paper['bound'] or '-'}, {entry['name']}{'  FASTER THAN THE PAPER' if is_wrong else ''}")
    if not shares:
        sys.exit("no op is in both")
    print(f"{len(shares)} ops beside the paper of the {paper['card']}: median share {statistics.median(shares):.2f}, "
          f"least {min(shares):.2f}; {wrong} faster than the paper")
    sys.exit(wrong > 0)


main()

#!/usr/bin/env python3
"""Self-check of scripts/nano: half a minute, no icon set, no checkpoint. Run it with the environment scripts/nano/README.md describes."""
import argparse
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "nano"))
import judge
from common import Run
from draw import APART, MOODS, PIPING, POSES, RAISED, SHADES, SHOTS, SPECIES, WORN, Painter, any_scene, distance, seen, shirt_shade
from export import dequantise, export_language, quantise, rename, unpack
from faces import line_of_closed_eye
from models import CONFIG, Agent
from places import BACKDROPS, GROUND, PLACES, TIMES, WEATHERS, ground_colour
from read_pictures import ASKED, KINDS, Reader, answers
from tokens import BOS, EOS, IMG, Tokenizer, chunk, train_tokenizer
from train_llm import Batches, collate
from world import LENGTHS, PLAIN_NAMES, tell


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


def check_names():
    """Whom the prompt does not name has a plain name, and nobody is named before the caption that describes them."""
    rng = random.Random(8)
    for _ in range(200):
        story, seen = tell(rng), set()
        for caption, truth in zip(story["captions"], story["truth"]):
            for person in truth["who"]:
                assert person["name"] in PLAIN_NAMES or person["name"].lower() in story["prompt"].lower(), story["prompt"]
                assert person["name"] in seen or "shirt" in caption, (person["name"], caption)
                seen.add(person["name"])


def check_prompts():
    """No prompt of the sixty is read wrongly, and none is what training makes."""
    asked = judge.read_prompts(os.path.join(os.path.dirname(judge.__file__), "prompts.txt"))
    assert Counter(a["kind"] for a in asked) == {"plain": 20, "odd": 20, "outside": 20}
    tables = {"hero": judge.ANIMALS, "friend": judge.ANIMALS, "third": judge.ANIMALS, "thing": judge.THINGS, "place": judge.PLACES,
              "hour": judge.HOURS, "weather": judge.WEATHER, "deed": judge.DEEDS}
    for a in asked:
        for key, values in a["facts"].items():
            assert key.endswith("name") or set(values) <= set(tables[key]), a
    rng = random.Random(6)
    assert not {a["prompt"] for a in asked if len(a["prompt"].split()) > 1} & {tell(rng, 3)["prompt"] for _ in range(2000)}


def check_judge():
    """The judge passes the world's own stories, and finds the slips that models made."""
    rng = random.Random(7)
    told = [tell(rng, 10) for _ in range(120)]
    words = {w for s in told for c in s["captions"] for w in re.findall(r"[a-z]+", c)}
    figures, _ = judge.judge([dict(prompt=s["prompt"], facts={}) for s in told], [s["captions"] for s in told], words)
    for gate, (share, detail) in figures.items():
        sign, limit = judge.GATES[gate]
        assert share >= limit if sign == ">=" else share <= limit, (gate, share, detail)
    good = ["One day, a little fox named Mia stood in the snow. Mia wore a red shirt.", "Mia met a bear named Tom in the snow. Tom wore a blue shirt and waved.", "Mia and Tom sat down."]
    slips = {"Mia looked down. a red lantern lay on the ground.": "no capital", "Mia showed Tom the blue map to play, to play, step.": "a word again",
             "Mia the cat jumped.": "Mia is a fox", "Then Mia and Lola walked on.": "not introduced: Lola", "Mia had no one to play with.": "alone with company",
             "Mia and Tom saw the lamtern.": "no word: lamtern", "Mia said, \"Hello": "punctuation", "Then it was there.": "nobody"}
    assert not any(judge.faults(good, "", words | {"down"}))
    for slip, fault in slips.items():
        found = judge.faults(good + [slip], "", words | set("down showed to with no one lay said on".split()))
        assert (3, fault) in found, (slip, found)
    facts = {"hero": ["fox"], "name": ["Mia"], "friend": ["bear"], "place": ["snow"], "thing": ["kite"], "deed": ["race"]}
    assert dict(judge.facts_of(facts, good)) == {"hero": True, "companion": True, "place": True, "thing": False, "deed": False}


def check_pictures():
    painter = Painter("none", 128)
    for truth in tell(random.Random(2), 12)["truth"]:
        assert painter.frame(truth, random.Random(3)).tobytes() == painter.frame(truth, random.Random(3)).tobytes()


def check_shirts():
    """Over all combinations: no shirt is near the fur, and where one is near the ground its piping is not."""
    for colour in SHADES:
        for species, spec in SPECIES.items():
            shirt = shirt_shade(colour, species)
            assert distance(shirt, spec["fur"]) >= APART, (colour, species)
            assert distance(PIPING[colour], shirt) >= APART, (colour, species)
            for place in PLACES:
                for backdrop in range(len(BACKDROPS[place])):
                    for time in TIMES:
                        ground = ground_colour(place, backdrop, time)
                        assert max(distance(shirt, ground), distance(PIPING[colour], ground)) >= APART, (colour, species, place, time)
    assert all(len(words) == len(GROUND[place]) == 3 for place, words in BACKDROPS.items())


def rgb(colour):
    return tuple(bytes.fromhex(colour[1:]))


def check_faces():
    """Closed eyes are seen on what lies under them; what is worn leaves the eyes free."""
    for species, spec in SPECIES.items():
        assert distance(rgb(line_of_closed_eye(species)), rgb(spec.get("lid", spec["skin"]))) >= 2 * APART, species
        r = spec.get("eye", 1.4)
        bottom, room = spec["hat"][:2]
        middle = spec["hat"][2] if len(spec["hat"]) > 2 else spec["mouth"][0]
        for x, y in spec["eyes"]:
            assert bottom + 1 <= y - r or abs(x - middle) - r >= room / 2, ("hat", species)
            assert max(abs(spec["bow"][0] - x), abs(spec["bow"][1] - y)) >= r + 5, ("bow", species)


def check_things():
    """Nothing that is held or lies on the ground covers a face, in any pose, place and shot."""
    painter, rng = Painter("none", 128), random.Random(5)
    for shot in SHOTS:
        for pose in POSES:
            for _ in range(6):
                truth = any_scene(rng)
                truth.update(shot=shot, in_bed=False)
                for person in truth["who"]:
                    person.update(pose=pose, held="key")
                layers = painter.layers(truth, shot, rng)
                heads = [(x + s.width / 2, y + s.height / 2, s.width / 1.6) for n, s, x, y in layers if n == 2]
                assert len(heads) == len(truth["who"])
                for n, s, x, y in layers:
                    if n == 3 and s.width > 40 and y + s.height / 2 > heads[0][1]:  # what lies over heads, without the Zzz
                        for hx, hy, size in heads:
                            apart = y >= hy + .3 * size or x >= hx + .3 * size or x + s.width <= hx - .3 * size  # eyes and mouth
                            assert apart, (shot, pose, truth)
                if pose in RAISED:
                    assert all(n != 1 for n, *_ in layers), "a raised hand holds nothing"


def small(painter, truth):
    picture = painter.frame(truth, random.Random(3)).resize((64, 64), Image.BOX)
    return np.asarray(picture, np.int16)


def check_scenes():
    """Each field of a record is seen, even in a picture of half the size; the same record and seed give the same bytes."""
    painter, rng = Painter("none", 128), random.Random(9)
    for _ in range(60):
        truth = any_scene(rng)
        before = small(painter, truth)
        assert (before == small(painter, truth)).all()
        other = any_scene(rng)
        fields = [(truth, k, other[k]) for k in ("time", "backdrop", "weather", "shot", "side", "ground")]
        fields += [(truth["who"][0], k, other["who"][0].get(k, "smile")) for k in ("species", "colour", "worn", "held", "pose", "mood")]
        for record, key, value in fields:
            kept, shown = record.get(key), seen(truth)
            if key == "weather" and truth["place"] in ("kitchen", "bedroom") or key == "side" and "middle" in (value, kept):
                continue
            record[key] = value
            if seen(truth) != shown:
                changed = (abs(small(painter, truth) - before).max(-1) > 12).sum()
                assert changed >= 4, (key, kept, value, changed)
            record[key] = kept
    assert set(WEATHERS) == {"clear", "rain", "snowfall", "rainbow"} and set(WORN) > {"scarf"}


def check_corner():
    """No specks: where nothing stands, the lower right corner has one colour."""
    painter = Painter("none", 128)
    for place, backdrop in (("mountain", 0), ("mountain", 2), ("snow", 1), ("town", 1), ("fair", 0), ("fair", 1), ("beach", 1)):
        truth = dict(place=place, backdrop=backdrop, time="day", weather="clear", shot="far", side="left", in_bed=False, ground="none",
                     who=[dict(species="fox", colour="red", worn="none", pose="stand", held="none")])
        corner = np.asarray(painter.frame(truth, random.Random(1)))[-20:, -20:].reshape(-1, 3)
        assert (corner == corner[0]).all(), place


def check_reader():
    rng = random.Random(6)
    for _ in range(200):
        truth = any_scene(rng)
        values = answers(truth)
        assert len(values) == len(ASKED) and all(v == -100 or 0 <= v < len(k) for v, k in zip(values, KINDS))
        left = seen(truth)["who"][0]["species"]
        swapped = dict(truth, who=truth["who"][::-1], side={"left": "right", "right": "left"}.get(truth["side"], "middle"))
        if len(truth["who"]) == 2:
            assert seen(swapped)["who"][0]["species"] == left and answers(swapped) == values
    logits = Reader()(torch.zeros(2, 64, 64, 3, dtype=torch.uint8))
    assert [l.shape[1] for l in logits] == [len(k) for k in KINDS]
    assert tuple(MOODS) == ("smile", "laugh", "frown", "asleep", "afraid")  # checkpoints of the reader number them so


def check_blocks():
    w = torch.randn(7, 150)  # a last block of 26
    q, scale = quantise(w)
    assert len(scale) == 33 and q.shape == w.shape
    assert (dequantise(q, scale) - w).abs().max() <= 0.51 * float(scale.float().max())


def check_language():
    """A language model exported alone leaves the pictures of its base, and what model.json says of them, byte for byte."""
    with tempfile.TemporaryDirectory() as folder:
        work, base, out = (os.path.join(folder, name) for name in ("work", "base", "out"))
        os.mkdir(work), os.mkdir(base)
        agent = Agent(CONFIG).state_dict()
        torch.save({"average.agent": (agent, 7), "step": 7, "spent": 90.0}, os.path.join(work, "llm.pt"))
        for path, text in ((work, "new"), (base, "old")):
            with open(os.path.join(path, "tokenizer.model"), "w") as f:
                f.write(text)
        with open(os.path.join(base, "vae.safetensors"), "w") as f:
            f.write("pictures")
        with open(os.path.join(base, "model.json"), "w") as f:
            json.dump({"vae": {"scaling_factor": 0.5}, "provenance": {"stages": {"vae": {"steps": 3}, "llm": {"steps": 1}}, "date": ""}}, f)
        export_language(work, base, out)
        read = lambda name: open(os.path.join(out, name)).read()
        assert read("tokenizer.model") == "new" and read("vae.safetensors") == "pictures" and "lantern" in read("words.txt")
        card = json.loads(read("model.json"))
        assert card["vae"]["scaling_factor"] == 0.5
        assert card["provenance"]["stages"] == {"vae": {"steps": 3}, "llm": {"minutes": 1.5, "steps": 7}}
        got, want = unpack(os.path.join(out, "llm.safetensors")), rename("llm", agent, True)
        assert got.keys() == want.keys()
        assert all((got[n] - w).abs().max() <= w.abs().max() / 64 for n, w in want.items())


def check_clock():
    """--clock cpu counts what the process worked, not what it waited."""
    with tempfile.TemporaryDirectory() as work:
        args = argparse.Namespace(work=work, minutes=1, fresh=True, extend=False, device="cpu", clock="cpu")
        run = Run(args, "idle", {})
        time.sleep(0.5)
        run.more()
        assert run.spent < 0.3, run.spent
        args.clock = "wall"
        run = Run(args, "idle", {})
        time.sleep(0.5)
        run.more()
        assert run.spent >= 0.5, run.spent


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
        check_known(tok)
        check_batches(tok)


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


def check_known(tok):
    """What the prompt asks for and who was met before weigh more, in the row before them, and nothing else does."""
    truth = [dict(who=[dict(name="Tom", species="fox")]), dict(who=[dict(name="Tom", species="fox"), dict(name="Mia", species="cat")]), dict(who=[])]
    story = dict(prompt="TOM and a Lantern", captions=["One day, Tom the fox found the red lantern.", "A cat, Mia, met the fox.", "The cat saw a bear."], truth=truth)
    c = chunk(tok, story, random.Random(1), pictures=False, first=0, start_picture=False)
    weighed = [t for t, w in zip(c.target, c.weight) if w > 1]
    assert tok.later.decode(weighed) == " Tom lantern fox cat", tok.later.decode(weighed)


def check_batches(tok):
    """Batches of one length are full, and without pictures the order of the rows is the mask."""
    rng = random.Random(3)
    batches = Batches(lambda: chunk(tok, tell(rng), rng, pictures=False), 2048, rng)
    rows = padded = 0
    for _ in range(20):
        chunks = next(batches)
        ids, pos, kind, target, mask, _ = collate(chunks, "cpu")
        assert mask == "causal" and ids.numel() <= 2048
        rows, padded = rows + sum(len(c.ids) for c in chunks), padded + ids.numel()
    assert rows > 0.95 * padded, (rows, padded)
    agent = Agent({**CONFIG}).eval()
    with torch.no_grad():
        x = agent.llm.embed(ids[:2])
        allowed = pos[:2, None, :] <= pos[:2, :, None]
        table = torch.zeros(allowed.shape).masked_fill_(~allowed, -1e4)[:, None]
        real = target[:2] >= 0
        assert torch.allclose(agent.llm(x, pos[:2], mask)[real], agent.llm(x, pos[:2], table)[real], atol=1e-4)


for check in (check_stories, check_names, check_prompts, check_judge, check_pictures, check_shirts, check_faces, check_things, check_scenes, check_corner, check_reader, check_blocks, check_language, check_clock, check_tokens):
    check()
    print(check.__name__, "ok", flush=True)

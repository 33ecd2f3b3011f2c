"""Reads what a model told for free prompts (prompts.txt), and says how much of what was asked is there.

It knows words, not the sentences of beats.py: a judge shares nothing with what it judges. Each story is its ten captions.
"""
import re
import subprocess
import tempfile
import json
import os
from collections import Counter

ANIMALS = "fox rabbit bear cat dog mouse frog panda pig koala".split()
COLOURS = "red blue green yellow purple pink orange white".split()
THINGS = {"lantern": "lantern", "balloon": "balloon", "kite": "kite", "key": "key", "map": "map", "star": "star", "gift": "gift", "ball": "ball", "book": "book", "flower": "flower", "apple": "apples?",
          "bell": "bell", "shell": "shell", "cake": "cake", "umbrella": "umbrella", "teddy": "teddy"}
PLACES = {"meadow": "meadow", "forest": "forest", "beach": "beach", "town": "town", "snow": "in the snow|snowy hills?", "mountain": "mountains?", "pond": "pond", "farm": "farm", "castle": "castle",
          "fair": "fair", "kitchen": "kitchen", "bedroom": "bedroom"}
HOURS = {"night": "night|moon|dark|starry", "sunset": "sunset|evening|sun went down|sun goes down|dusk"}
WEATHER = {"rain": "rain|rainy|rained", "snow": "snow|snowy|snowed"}
# words that show a deed; how many captions but the last must have them
DEEDS = {"find": (r"found|on the ground|picked up|finds", 1), "lose": (r"lost|gone|where is|where can|looked for|look for", 1), "go": (r"map|set out|the way|walked to|came to|at last", 2),
         "meet": (r"\bmet\b|friends?\b|i am \w+|hello", 1), "fly": (r"fl(y|ew|ies|own)\b|wind\b|string", 1), "share": (r"(shar|over|under|come).*umbrella|umbrella.*(over|shar|together)", 1),
         "read": (r"\bread\b|page|opened .*book|book told", 1), "race": (r"\braced?\b|\bran\b", 2), "bake": (r"bak(e|ed|ing)|made a \w* ?cake|flour", 1),
         "comfort": (r"afraid|scared|\bsad\b|cried|tears?\b", 1), "plant": (r"plant|seed|gr[eo]wn?\b", 1), "hide": (r"\bhid(e|den)?\b|seek|counted", 1), "dance": (r"danc|sang|sing|song", 2),
         "bring": (r"gave|for you|brought|took the", 1), "treasure": (r"treasure", 1), "stars": (r"the stars|a star fell", 1), "picnic": (r"picnic|\bate\b|\beat\b|bite", 1), "play": (r"play|ball", 1)}
SOOTHED = r"sat (close|by|down|with|beside)|hand|hug|better|brave|not .*afraid|all right|with you|fear|smiled"
POSES = (("sleep", r"\bslept\b|asleep|in bed"), ("sunset", r"sun go down|sun was gone|sun went down"), ("bye", r"goodbye|see you|tomorrow|meet again"), ("cry", r"\bcried|\bcry|\btears?\b|\bsad\b"),
         ("wave", r"\bwaved?\b"), ("jump", r"jump|danc|hopp"), ("sit", r"\bsat\b|\bsit\b"), ("walk", r"walk|came|went|\bran\b|set out"), ("hold", r"\bheld\b|\bhold|took|gave|picked"),
         ("look", r"look|saw|watch"), ("talk", r"said|asked|told|thought"), ("stand", r"stood|stand"))
ORDINARY = set("the a an one two three this that there then who what where when why how it i is on in at by with once but and so no not now here do did does will would can could meet step hello hi good "
               "just up down off run hop splash drip oops crunch hush mmm look see soon later as from yes you we our your my his her he she they of for to thank let come go make ready again "
               "time nothing nobody somebody something someone everyone all both ten page after late at last beside side night day today tomorrow grey flour soup rain round now half goal happy "
               "please tell tired turn flour make it's over under above near far and or if only have has had are was were be been read know show give take keep find found lost "
               "was is another every each more most some any many much such same other goodbye without within four half faster how which whose whom la".split())


def read_prompts(path):
    out = []
    for line in open(path):
        if line.strip() and not line.startswith("#"):
            kind, facts, prompt = (part.strip() for part in line.split("|", 2))
            out.append(dict(kind=kind, prompt=prompt, facts={k: v.split("/") for k, v in (f.split("=") for f in facts.split())}))
    return out


def tell_all(program, model, prompts, frames=10, flags=()):
    """The texts that the program tells; pictures are made in one step each, for texts do not depend on them."""
    stories = []
    with tempfile.TemporaryDirectory() as folder:
        for number, prompt in enumerate(prompts):
            out = os.path.join(folder, str(number))
            subprocess.run([program, "generate", "--model", model, "-q", "-n", str(frames), "--steps", "1", "--cfg-scale", "1", "-o", out, *flags, "--prompt=" + prompt], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stories.append([f["text"] for f in json.load(open(os.path.join(out, "story.json")))["frames"]])
    return stories


def has(pattern, text):
    return re.search(rf"\b(?:{pattern})\b", text, re.IGNORECASE) is not None


def animals_in(text):
    return [w for w in re.findall(r"[a-z]+", re.sub(r"teddy bear", "", text.lower())) if w in ANIMALS]


def names_in(captions):
    """Capitalised words in the middle of a sentence somewhere, or before "the ANIMAL"."""
    names = set()
    for caption in captions:
        names.update(re.findall(r"(?<=[a-z,;] )([A-Z][a-z]+)", caption))
        names.update(re.findall(rf"\b([A-Z][a-z]+)(?= the (?:{'|'.join(ANIMALS)})\b)", caption))
    return {n for n in names if n.lower() not in ORDINARY}


def pairs(captions):
    """(name, animal) wherever a caption puts the two side by side."""
    kinds = "|".join(ANIMALS)
    for caption in captions:
        for name, animal in re.findall(rf"\b([A-Z][a-z]+) the ({kinds})\b", caption):
            yield name, animal
        for animal, name in re.findall(rf"\b({kinds}) (?:named|called) ([A-Z][a-z]+)", caption):
            yield name, animal


def deed_in(deed, captions):
    pattern, least = DEEDS[deed]
    body = captions[:-1]
    hits = sum(re.search(pattern, c, re.IGNORECASE) is not None for c in body)
    if deed == "comfort":
        return hits >= 1 and any(re.search(SOOTHED, c, re.IGNORECASE) for c in captions[1:])
    return hits >= least


def facts_of(facts, captions):
    """(gate, is it there?) of each fact that was asked."""
    text = " ".join(captions)
    if "hero" in facts or "name" in facts:
        kinds, names = facts.get("hero"), facts.get("name")
        first = animals_in(captions[0])
        yield "hero", (not kinds or bool(first) and first[0] in kinds) and (not names or has(names[0], captions[0]))
    for who in ("friend", "third"):
        if who in facts or who + "_name" in facts:
            name = facts.get(who + "_name")
            with_name = [c for c in captions[1:] if not name or has(name[0], c)]
            yield "companion", any(set(animals_in(c)) & set(facts[who]) for c in with_name)
    for gate, table, span in (("thing", THINGS, len(captions)), ("place", PLACES, len(captions)), ("hour", HOURS, 6), ("weather", WEATHER, 6)):
        if gate in facts:
            yield "hour and weather" if gate in ("hour", "weather") else gate, any(has(table[f], " ".join(captions[:span])) for f in facts[gate])
    if "deed" in facts:
        yield "deed", any(deed_in(d, captions) for d in facts["deed"])


def faults(captions, prompt, words):
    """What is wrong in each caption: a list of (caption number, fault)."""
    names = names_in(captions)
    kind_of, met, out = {}, {}, []
    for k, caption in enumerate(captions):
        say = lambda fault: out.append((k, fault))
        low = caption.lower()
        if re.search(r"\b(\w+),? \1\b", low) and not re.search(r"\b(up|on|round|step|walked|run|looked|cried|drip|hop|la|rained)\b,?( and)? \1?", low) or re.search(r"\b(\w+ \w+), \1\b", low):
            say("a word again")
        if not re.match(r'"?[A-Z]', caption) or re.search(r"\. [a-z]", caption):
            say("no capital")
        if not re.search(r'[.!?]"?$', caption) or caption.count('"') % 2 or re.search(r"[,.] ?[,.](?!\.)(?<!\.\.)", caption) and "..." not in caption:
            say("punctuation")
        strange = [w for w in re.findall(r"(?<![A-Za-z'])[a-z]{2,}", caption) if words and w not in words]
        if strange:
            say("no word: " + strange[0])
        here = [n for n in names if re.search(rf"\b{n}\b", caption)]
        kinds = set(animals_in(caption))
        for name in here:
            if name not in met:
                met[name] = k
                if not kinds and not has(name, prompt):
                    say("not introduced: " + name)
        for name, animal in pairs([caption]):
            if kind_of.setdefault(name, animal) != animal:
                say(f"{name} is a {kind_of[name]}")
        if sum(1 for n in met) >= 2 and re.search(r"\balone\b|no one to play|nobody was", low) and "not alone" not in low and k > min(sorted(met.values())[1:2]):
            say("alone with company")
        if not here and not kinds and k:
            say("nobody")
    return out


def template(caption, names):
    for name in names:
        caption = re.sub(rf"\b{name}\b(?: the (?:{'|'.join(ANIMALS)}))?", "N", caption)
    caption = re.sub(rf"\b(?:{'|'.join(ANIMALS)})\b", "S", caption)
    caption = re.sub(rf"\b(?:{'|'.join(COLOURS)}|golden|grey|bright|sweet|big|teddy)\b ?", "", caption)
    caption = re.sub(rf"\b(?:{'|'.join(THINGS.values())}|bear)\b", "T", caption)
    caption = re.sub(r"\b(?:in|at|by|to) (?:the )?(?:snowy hills|meadow|forest|beach|town|snow|mountains|pond|farm|castle|fair|kitchen|bedroom)\b", "P", caption)
    return re.sub(r"\ban?\b", "a", caption.replace(" The end.", ""))


def pose(caption):
    return next((name for name, pattern in POSES if re.search(pattern, caption, re.IGNORECASE)), "other")


def plot(captions):
    """The deed whose words the most captions have, generic ones last."""
    score = {d: sum(re.search(p, c, re.IGNORECASE) is not None for c in captions[1:-1]) / (2 if d in ("go", "meet", "find", "bring") else 1) for d, (p, _) in DEEDS.items()}
    return max(score, key=score.get)


def people(captions):
    """(animal, shirt) of each introduction that tells both."""
    kinds, colours = "|".join(ANIMALS), "|".join(COLOURS)
    found = []
    for c in captions:
        c = re.sub(r"teddy bear", "", c)
        animal = re.search(rf"\b({kinds})\b(?! (?:named|called) \w+ and)", c)
        shirt = re.search(rf"\b({colours}) shirt\b", c)
        if shirt:
            introduced = re.search(rf"\ban? (?:\w+ )?({kinds})\b", c) or animal
            if introduced:
                found.append((introduced[1], shirt[1]))
    return found


GATES = {"hero": (">=", .95), "companion": (">=", .85), "thing": (">=", .85), "place": (">=", .90), "hour and weather": (">=", .90), "deed": (">=", .70), "largest plot": ("<=", .25),
         "twenty commonest templates": ("<=", .25), "one beat at one frame": ("<=", .50), "broken captions": ("<=", .01), "stories in which a name changes": ("<=", 0.0),
         "friends differ in species and shirt": (">=", .98), "commonest shirt": ("<=", .25), "The end. once and last": (">=", .98), "captions told before in the story": ("<=", .15)}


def judge(asked, stories, words=()):
    """{gate: (share, detail)}, and the faults by story."""
    right, missed, broken, where = Counter(), {}, [], Counter()
    total = Counter()
    for number, (a, captions) in enumerate(zip(asked, stories)):
        for gate, there in facts_of(a["facts"], captions):
            total[gate] += 1
            right[gate] += there
            if not there:
                missed.setdefault(gate, []).append(number + 1)
        broken.append(faults(captions, a["prompt"], set(words)))
        for k, caption in enumerate(captions):
            where[k, pose(caption)] += 1
    out = {g: (right[g] / total[g], f"{right[g]} of {total[g]}; missed in {' '.join(map(str, missed.get(g, ())))}") for g in ("hero", "companion", "thing", "place", "hour and weather", "deed") if total[g]}
    n, captions = len(stories), sum(map(len, stories))
    plots = Counter(plot(s) for s in stories).most_common()
    out["largest plot"] = plots[0][1] / n, " ".join(f"{p} {c}" for p, c in plots[:8])
    templates = Counter(template(c, names_in(s)) for s in stories for c in s).most_common(20)
    out["twenty commonest templates"] = sum(c for _, c in templates) / captions, f"{templates[0][1]} x {templates[0][0]}"
    (k, what), most = where.most_common(1)[0]
    out["one beat at one frame"] = most / n, f"{what} at frame {k + 1}"
    kinds = Counter(f.split(":")[0].split(" is a")[0] if " is a " not in f else "two species" for b in broken for _, f in b)
    out["broken captions"] = sum(len({k for k, _ in b}) for b in broken) / captions, ", ".join(f"{k} {v}" for k, v in kinds.most_common())
    changed = [i + 1 for i, b in enumerate(broken) if any(" is a " in f for _, f in b)]
    out["stories in which a name changes"] = len(changed) / n, " ".join(map(str, changed))
    both = [p for p in map(people, stories) if len(p) >= 2]
    out["friends differ in species and shirt"] = (sum(p[0][0] != q[0] and p[0][1] != q[1] for p in both for q in p[1:2]) / max(1, len(both)), f"of {len(both)}")
    shirts = Counter(colour for s in stories for _, colour in people(s)).most_common()
    out["commonest shirt"] = (shirts[0][1] / sum(c for _, c in shirts), shirts[0][0]) if shirts else (1, "none")
    out["The end. once and last"] = sum(s[-1].endswith("The end.") and sum("The end" in c for c in s) == 1 for s in stories) / n, ""
    out["captions told before in the story"] = sum(c in s[:k] for s in stories for k, c in enumerate(s)) / captions, ""
    return out, broken


def report(figures):
    rows = []
    for gate, (share, detail) in figures.items():
        sign, limit = GATES[gate]
        met = share >= limit if sign == ">=" else share <= limit
        rows.append(f"| {gate} | {share:.3f} | {sign} {limit:.2f} | {'met' if met else 'missed'} | {detail} |")
    return "\n".join(["| gate | figure | wanted | | |", "| --- | --- | --- | --- | --- |"] + rows)

"""The story world: from a random generator to a story with its truth, frame by frame.

A story is a chain of beats (beats.py has them as data). A beat changes the state (place, time, weather, what is held, who is there),
chooses one of several sentences, and records what the picture must show. Everything discrete that the picture shows is in the caption,
inherited from an earlier one, or fixed by the beat: the model regresses a picture's feature from the text, and the mean over what the
text leaves open would be a blur. ask.py writes what a user may have typed to get the story.

    story = tell(random.Random(7))
    story["prompt"], story["captions"], story["truth"]
"""
import importlib.util
import random
import re
import sys

import beats
from draw import INDOORS, PLACES, SHIRTS, WORN

SYLLABLES = "ba be bi bo da de di do fa fi ga ka ki ko la le li lo lu ma me mi mo mu na ni no pa pe pi po ra ri ro sa si so ta ti to tu va vi za zo".split()
PLAIN_NAMES = ("Mia Tom Lily Max Bella Leo Daisy Milo Ruby Oscar Rosie Toby Nora Finn Poppy Sam Molly Ben Lucy Hugo Clara Otto Emma Felix Ella "
               "Jack Luna Theo Anna Charlie Ivy Noah Zoe Oliver Maya Henry Hazel Jasper Pippa Teddy Nina Rory Alma Bruno Olive Gus Sophie Kit "
               "Willa Ned Tilly Archie Mabel Rex Penny Hank Dora Louie Greta Ollie Sunny Pip Coco Benny Fern Barney Honey Dot Biscuit Pepper "
               "Clover Bramble Maple Willow Peanut Ginger Juniper Rusty Misty Bobby").split()


def common_names(most):
    """The commonest first names of the package `names` (US census), in training only; without it the eighty above are all."""
    if importlib.util.find_spec("names") is None:
        print("the package `names` is not installed: stories have the 80 names of world.py and made-up ones", file=sys.stderr)
        return []
    import os
    import names
    found = []
    for path in names.FILES.values():
        if "last" in path:
            continue
        with open(os.path.join(os.path.dirname(names.__file__), path)) as lines:
            found.append([line.split()[0].capitalize() for line in lines])
    mixed = [n for pair in zip(*found) for n in pair if 3 <= len(n) <= 9]
    return list(dict.fromkeys(mixed))[:most]


CENSUS = common_names(2400)
NAMES = list(dict.fromkeys(PLAIN_NAMES + CENSUS[:340]))

# the animals that the shipped pictures know; draw.py has more, for pictures to come. A new one needs its words in ask.py too.
HEROES = ("fox", "rabbit", "bear", "cat", "dog", "mouse", "frog", "panda", "pig", "koala")
# how a place is entered, where one is in it, what there is to look at
PLACE = {
    "meadow": ("the meadow", "in the meadow", "the bright flowers"), "forest": ("the forest", "in the forest", "the tall trees"),
    "beach": ("the beach", "at the beach", "the little boat on the sea"), "town": ("the town", "in the town", "the small houses"),
    "snow": ("the snowy hills", "in the snow", "the funny snowman"), "mountain": ("the mountains", "in the mountains", "the high peaks"),
    "pond": ("the pond", "by the pond", "the duck on the water"), "farm": ("the farm", "at the farm", "the big red barn"),
    "castle": ("the castle", "at the castle", "the tall towers"), "fair": ("the fair", "at the fair", "the big wheel"),
    "kitchen": ("the kitchen", "in the kitchen", "the teapot"), "bedroom": ("the bedroom", "in the bedroom", "the picture on the wall"),
}
OUTDOORS = tuple(p for p in PLACES if p not in INDOORS)
# the object with its adjective
THING = {"lantern": "red lantern", "balloon": "red balloon", "kite": "bright kite", "key": "golden key", "map": "blue map", "star": "yellow star",
         "gift": "big gift", "ball": "blue ball", "book": "blue book", "flower": "pink flower", "apple": "red apple", "bell": "golden bell",
         "shell": "grey shell", "cake": "sweet cake", "umbrella": "purple umbrella", "teddy": "teddy bear"}
WEAR = {"none": "", "scarf": "a red scarf", "tall hat": "a tall hat", "straw hat": "a straw hat", "crown": "a golden crown", "bow": "a red bow"}
HERO_IS = ("little", "small", "kind", "brave", "young", "happy", "clever", "cheerful", "")
FRIEND_IS = ("friendly", "cheerful", "quiet", "funny", "gentle", "kind", "merry", "shy", "")
WHEN = {("day", "clear"): ("one sunny day", "one bright morning", "one fine day", "one day", "on a warm day"), ("day", "rain"): ("on a rainy day", "one rainy day", "one day in the rain"),
        ("day", "snowfall"): ("one day, as snow fell", "on a snowy day"), ("sunset", "clear"): ("one evening at sunset", "as the sun went down", "at sunset"),
        ("night", "clear"): ("one starry night", "one night, under the moon", "one night", "late at night"), ("night", "snowfall"): ("one night, as snow fell", "on a snowy night"),
        ("night", "rain"): ("one rainy night", "on a rainy night")}
OPEN_AIR = ("fly", "plant", "stars", "picnic", "share", "race", "hide", "play")


def a(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def draw_name(rng, others=(), plain=False):
    while True:
        p = rng.random()
        if plain:
            name = rng.choice(PLAIN_NAMES)
        elif p < .2:
            name = "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((2, 2, 3)))).capitalize()
        elif p < .45 and CENSUS:
            name = rng.choice(CENSUS)
        else:
            name = rng.choice(NAMES)
        if name not in others:
            return name


def draw_person(rng, others):
    """Someone who differs from all others in name, species, shirt, and what is worn."""
    free = lambda options, key: [o for o in options if o not in [p[key] for p in others]]
    colour = rng.choice(free(sorted(SHIRTS), "colour"))
    worn = rng.choice([w for w in WORN if w == "none" or w not in [p["worn"] for p in others]])
    if worn == "scarf" and colour == "red":  # red on red
        worn = "none"
    return dict(name=draw_name(rng, [p["name"] for p in others]), species=rng.choice(free(sorted(HEROES), "species")), colour=colour, worn=worn)


def parse_plot(text):
    """("see", 1, False), ("pick", 2, True), ...: name, rank, does it follow the one before at once?"""
    return [(name.strip("+"), int(rank), name.startswith("+")) for name, rank in (b.split() for b in text.split(", "))]


class Teller:
    """Writes one story of `frames` frames for the facts in `plan`."""

    def __init__(self, rng, plan, frames):
        self.rng, self.plan, self.n = rng, plan, frames
        self.place, self.time, self.weather, self.object = plan["place"], plan["time"], plan["weather"], plan["object"]
        self.hero, self.friend, self.gone = plan["H"], plan["F"], None
        self.met = False         # is the friend with the hero?
        self.held = {"H": "none", "F": "none"}
        self.captions, self.truth = [], []
        self.visited, self.said, self.last = [self.place], set(), ""
        self.fright = "the dark" if self.time == "night" and rng.random() < .7 else rng.choice(beats.FRIGHTS)
        self.everyone = [self.hero, self.friend] + ([plan["T"]] if plan.get("T") else [])

    # --- words ------------------------------------------------------------------------------------------------------

    def sentence(self, templates):
        """One that this story has not had, if possible; its choices made."""
        fresh = [t for t in templates if t not in self.said] or list(templates)
        template = self.rng.choice(fresh)
        self.said.add(template)
        return re.sub(r"\[([^]]*)\]", lambda m: self.rng.choice(m[1].split("|")), template)

    def fill(self, text):
        """Puts names and things into a sentence. {H} and {F} sometimes carry the species, a reminder for readers and models."""
        rng = self.rng
        for who, key in ((self.hero, "{H}"), (self.friend, "{F}"), (self.gone, "{G}")):
            if who and key in text:
                reminder = f"{who['name']} the {who['species']}" if rng.random() < .35 else who["name"]
                text = text.replace(key, reminder, 1).replace(key, who["name"])
        when = rng.choice(WHEN.get((self.time, self.weather), WHEN["day", "clear"]))
        adjective = self.plan.get("adjective") if self.plan.get("adjective") is not None and rng.random() < .6 else rng.choice(HERO_IS)
        words = {"h": self.hero["name"], "f": self.friend["name"], "fs": self.friend["species"], "hs": self.hero["species"],
                 "to": PLACE[self.place][0], "at": PLACE[self.place][1], "view": PLACE[self.place][2], "dest": PLACE[self.plan["dest"]][0],
                 "o": THING[self.object], "ao": a(THING[self.object]), "talk": rng.choice(beats.TALKING_OF), "fright": self.fright,
                 "someone": "a friend", "when": when, "When": when[0].upper() + when[1:],
                 "a_hs": a(f"{adjective} {self.hero['species']}".strip()), "a_fs": a(f"{rng.choice(FRIEND_IS)} {self.friend['species']}".strip()),
                 "wear_h": self.wear(self.hero), "wear_f": self.wear(self.friend)}
        text = text.format(**words)
        text = text[0].upper() + text[1:]
        # a sentence that begins with a phrase put in begins with a capital too
        return re.sub(r'(?<=[.!?] )[a-z]', lambda m: m[0].upper(), text)

    def wear(self, who):
        worn = WEAR[who["worn"]]
        return f"{a(who['colour'])} shirt" + (f" and {worn}" if worn else "")

    # --- frames -----------------------------------------------------------------------------------------------------

    def go(self, place):
        """To another place: outdoors, not seen before if possible. The weather clears on the way."""
        if place == "dest":
            place = self.plan["dest"]
        elif place == "new":
            fresh = ([p for p in OUTDOORS if p not in self.visited and p != self.plan["dest"]]
                     or [p for p in OUTDOORS if p not in self.visited[-3:] and p != self.plan["dest"]])
            place = self.rng.choice(fresh)
        self.place = place
        self.visited.append(place)
        self.weather = "clear"

    def tell(self, name, beat, ends=False):
        """One frame: what the beat changes, its sentence, its truth."""
        self.last = name
        if name in beats.MEET:
            self.met = True
        if beat.get("go"):
            self.go(beat["go"])
        alone = beat.get("alone") or not self.met
        if beat.get("alone") or beat.get("hold") == "none":
            self.held = {"H": "none", "F": "none"}
        elif "hold" in beat:
            self.held["H"] = self.object if beat["hold"] == "o" else beat["hold"]
        if "give" in beat:
            self.held = {"H": "none", "F": self.object if beat["give"] is True else beat["give"]}
        self.time = beat.get("time", self.time) if not (self.time == "night" and beat.get("time") == "sunset") else self.time
        if "time" in beat and self.weather in ("rain", "rainbow"):
            self.weather = "clear"
        self.weather = beat.get("weather", self.weather)
        before = self.held
        if "once" in beat:
            self.held = {"H": self.object if beat["once"] == "o" else beat["once"], "F": "none"}
        text = self.fill(self.sentence(beat["solo"] if alone else beat["duo"]))
        who = []
        for key, person, pose in (("H", self.hero, beat["pose"]), ("F", self.friend, beat["friend"])):
            if key == "H" or not alone:
                who.append({**{k: person[k] for k in ("name", "species", "colour", "worn")}, "pose": pose, "held": self.held[key]})
        ground = beat.get("ground", "none")
        self.captions.append(text + (" The end." if ends else ""))
        self.truth.append(dict(place=self.place, time=self.time, weather="clear" if self.place in INDOORS else self.weather, shot=beat.get("shot", "medium"),
                               in_bed=bool(beat.get("bed")), ground=self.object if ground == "o" else ground, who=who, beat=name))
        self.held = before

    def filler(self):
        """One frame that could stand anywhere."""
        free = self.held == {"H": "none", "F": "none"}
        choices = ["rest", "look", "talk", "talk", "greet_all", "arrive"] + (["snack", "flower", "jump"] if free else [])
        if free and self.plan["own"]:
            choices.append("own")
        beat = self.rng.choice([c for c in choices if c != self.last])
        self.tell(beat, beats.FILLERS[beat])

    def episode(self, room):
        """What a long story goes on with: often another friend, always another place, and something to do there. At most `room` frames."""
        rng, todo = self.rng, []
        self.held = {"H": "none", "F": "none"}
        third = self.plan.get("T")
        asked = third and third is not self.friend and not self.plan.get("third_came")
        if room >= 4 and (asked or rng.random() < (.45 if self.met else .6)):
            if self.met:
                self.gone = self.friend
                self.friend = third
                if not asked:
                    self.friend = dict(draw_person(rng, [self.hero, self.gone]), name=draw_name(rng, [p["name"] for p in self.everyone], plain=True))
                self.everyone.append(self.friend)
                self.plan["third_came"] = self.plan.get("third_came") or asked
                todo.append(("third", beats.MEET["third"]))
            elif self.plan["friend"]:
                todo.append(("meet", beats.MEET["meet"]))
        met = self.met or bool(todo)
        if room - len(todo) >= 3:
            # who comes along has been met before
            todo.insert(len(todo) if self.met else rng.choice((0, len(todo))), ("arrive", beats.FILLERS["arrive"]))
        kinds = [k for k, e in beats.EPISODES.items() if (met or e["alone"]) and k != self.plan["plot"] and k not in self.episodes[-3:]
                 and (k != "stars" or self.time == "night") and (k not in ("share",) or self.time == "day")]
        kind = rng.choice(kinds)
        self.episodes.append(kind)
        plot = parse_plot(beats.EPISODES[kind]["beats"])
        kept = sorted(sorted(range(len(plot)), key=lambda i: plot[i][1])[:min(room - len(todo), rng.choice((3, 4, 5)))])
        objects = list(beats.EPISODES[kind].get("objects") or [o for o in beats.QUEST if o != self.object])
        for name, beat in todo:
            self.tell(name, beat)
        self.object = rng.choice(objects)
        for i in kept:
            if self.place == "snow" and kind == "share":
                self.place = "pond" if self.last not in ("umbrella", "puddle") else self.place
            name = plot[i][0]
            if self.met or beats.BEATS[name]["solo"]:
                self.tell(name, beats.BEATS[name])
        self.held = {"H": "none", "F": "none"}

    # --- the whole --------------------------------------------------------------------------------------------------

    def main_beats(self, room):
        """The plot's beats that a story of this length has, each with whether a filler may stand before it."""
        plan = self.plan
        plot = parse_plot(beats.PLOTS[plan["plot"]]["beats"])
        if not plan["friend"] or plan["together"]:
            plot = [b for b in plot if b[0] != "meet"]
        plot = [b for b in plot if b[0] not in ("clouds",) or self.weather != "rain"]
        if plan["own"]:
            plot.insert(0, ("own", 1, False))
        if plan["together"]:
            plot.insert(0, ("together", 0, True))
        # what asks for company has none before the friend is met, and never if nobody comes
        usable, met = [], False
        for b in plot:
            met = met or b[0] in ("meet", "together")
            beat = self.beat(b[0])
            if beat["duo"] if met else beat["solo"] or b[0] in ("meet", "together"):
                usable.append(b)
        kept = sorted(sorted(range(len(usable)), key=lambda i: usable[i][1])[:max(0, room)])
        chosen = [usable[i] for i in kept]
        names = [b[0] for b in chosen]
        if "meet" not in names and "together" not in names:  # the friend fell out of a short story
            chosen = [b for b in chosen if self.beat(b[0])["solo"]]
        return chosen

    @staticmethod
    def beat(name):
        return beats.BEATS.get(name) or beats.MEET.get(name) or beats.FILLERS[name]

    def tell_all(self):
        rng, plan = self.rng, self.plan
        self.episodes = []
        opening = "sit" if plan["plot"] in ("fear", "sad") and rng.random() < .4 else rng.choices(list(beats.OPENINGS), (.35, .2, .25, .2))[0]
        self.tell("open " + opening, beats.OPENINGS[opening])
        ends = list(beats.PLOTS[plan["plot"]]["ends"])
        weights = [beats.END_FREQUENCY.get(e, 1) for e in ends]
        endings = [rng.choices(ends, weights)[0]]
        if self.n >= 9 and endings[0] == "bed" and rng.random() < .5:
            endings.insert(0, rng.choice([e for e in ends if e not in ("bed", "sunset")]))
        room = self.n - 1 - len(endings)
        chosen = self.main_beats(room)
        extra = room - len(chosen)
        gaps = [i for i, b in enumerate(chosen) if not b[2] and i > (1 if plan["together"] else 0)] + [len(chosen)]
        spare = min(extra, rng.choice((0, 1, 1, 2, 2, 3))) if extra > 6 else extra if extra < 5 else rng.choice((1, 2, 3))
        if plan.get("T") and extra >= 2:
            spare = min(spare, extra - 2)
        where = sorted(rng.choice(gaps) for _ in range(spare))
        for i in range(len(chosen) + 1):
            for _ in range(where.count(i)):
                self.filler()
            if i < len(chosen):
                self.tell(chosen[i][0], self.beat(chosen[i][0]))
        while (left := self.n - len(endings) - len(self.captions)) > 0:
            if left >= 5 or (plan.get("T") and not plan.get("third_came") and left >= 2):
                self.episode(min(left, rng.choice((5, 6, 7, 8))))
            else:
                self.filler()
        for k, ending in enumerate(endings):
            if ending == "sunset" and (self.time == "night" or self.place in INDOORS):
                ending = "quiet"
            if ending == "dance_end" and plan["plot"] in ("fear", "sad"):
                ending = "quiet"
            self.tell("end " + ending, beats.ENDINGS[ending], ends=k == len(endings) - 1)


def draw_plan(rng, plot=None):
    names = list(beats.PLOTS)
    plot = plot or rng.choices(names, [beats.FREQUENCY.get(n, 1) for n in names])[0]
    spec = beats.PLOTS[plot]
    hero = draw_person(rng, [])
    friend = draw_person(rng, [hero])
    plan = dict(plot=plot, H=hero, F=friend, object=rng.choice(spec.get("objects") or beats.QUEST), own=False)
    plan["friend"] = spec["friend"] == "needed" or spec["friend"] == "maybe" and rng.random() < .7
    plan["together"] = plan["friend"] and rng.random() < .35 and plot not in ("lonely", "meet", "bring", "visit", "bake", "find")
    place = rng.choice(PLACES if rng.random() < .3 and plot not in OPEN_AIR else OUTDOORS)
    if plot == "share" and place == "snow":
        place = "town"
    if plot == "bake" and rng.random() < .5:
        place = "kitchen"
    if plot == "read" and rng.random() < .3:
        place = "bedroom"
    time = rng.choices(("day", "sunset", "night"), (.1, .1, .8) if plot in ("stars", "fear") else (.72, .12, .16))[0]
    if plot == "share":
        time = "day"
    if plot == "stars" and time == "sunset":
        time = "night"
    weather = "clear"
    if place not in INDOORS and time != "sunset" and plot != "stars":
        weather = "snowfall" if place == "snow" and rng.random() < .4 else "rain" if place != "snow" and rng.random() < (.5 if plot == "share" else .08) else "clear"
        if place != "snow" and plot != "share" and rng.random() < .05:
            weather = "snowfall"
    plan.update(place=place, time=time, weather=weather, dest=rng.choice([p for p in OUTDOORS if p != place]))
    return plan


LENGTHS = tuple(range(3, 61))


def draw_length(rng):
    p = rng.random()
    if p < .12:
        return rng.randrange(3, 7)
    if p < .68:
        return rng.choice((7, 8, 8, 9, 9, 10, 10, 10, 11, 12))
    return rng.randrange(13, 26) if p < .85 else rng.randrange(26, 61)


def plain_unless_named(rng, people, prompt):
    """Whom the prompt does not name has a plain name: each is one piece of the tokenizer, and a small model keeps it through a story.
    Rare and made-up names are there to be copied from a prompt."""
    for person in people:
        if person["name"].lower() not in prompt.lower():
            person["name"] = draw_name(rng, [p["name"] for p in people], plain=True)


def tell(rng, frames=None):
    from ask import prompt_for
    plan = draw_plan(rng)
    prompt = prompt_for(rng, plan)
    plain_unless_named(rng, [plan[k] for k in "HFT" if k in plan], prompt)
    n = frames or draw_length(rng)
    teller = Teller(rng, plan, n)
    teller.tell_all()
    assert len(teller.captions) == n, (plan["plot"], n, len(teller.captions))
    return dict(prompt=prompt, captions=teller.captions, truth=teller.truth)


if __name__ == "__main__":
    rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
        story = tell(rng, int(sys.argv[3]) if len(sys.argv) > 3 else None)
        print("#", story["prompt"])
        for caption, truth in zip(story["captions"], story["truth"]):
            print(f"   {caption}")

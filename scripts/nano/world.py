"""The story world: from a random generator to a story with its truth, frame by frame.

A story is a chain of beats. A beat changes the state (place, time, weather, what is held, who is there), chooses one of several
phrasings, and records what the picture must show. Everything discrete that the picture shows is in the caption, inherited from an
earlier one, or fixed by the beat: the model regresses a picture's feature from the text, and the mean over what the text leaves open
would be a blur.

    story = tell(random.Random(7))
    story["prompt"], story["captions"], story["truth"]
"""
import random
import re

from draw import INDOORS, OBJECTS, PLACES, SHIRTS, SPECIES, WORN

NAMES = ("Mia Tom Lily Max Bella Leo Daisy Milo Ruby Oscar Rosie Toby Nora Finn Poppy Sam Molly Ben Lucy Hugo Clara Otto Emma Felix Ella "
         "Jack Luna Theo Anna Charlie Ivy Noah Zoe Oliver Maya Henry Hazel Jasper Pippa Teddy Nina Rory Alma Bruno Olive Gus Sophie Kit "
         "Willa Ned Tilly Archie Mabel Rex Penny Hank Dora Louie Greta Ollie Sunny Pip Coco Benny Fern Barney Honey Dot Biscuit Pepper "
         "Clover Bramble Maple Willow Peanut Ginger Juniper Rusty Misty Bobby").split()
SYLLABLES = "ba be bi bo da de di do fa fi ga ka ki ko la le li lo lu ma me mi mo mu na ni no pa pe pi po ra ri ro sa si so ta ti to tu va vi za zo".split()

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
# the object with its adjective, and the bare noun
THING = {"lantern": "red lantern", "balloon": "red balloon", "kite": "bright kite", "key": "golden key", "map": "blue map", "star": "yellow star",
         "gift": "big gift", "ball": "blue ball", "book": "blue book", "flower": "pink flower", "apple": "red apple", "bell": "golden bell",
         "shell": "grey shell", "cake": "sweet cake", "umbrella": "purple umbrella", "teddy": "teddy bear"}
QUEST = ("lantern", "balloon", "kite", "key", "star", "gift", "ball", "book", "bell", "shell", "teddy", "map", "flower", "apple")
WEAR = {"none": "", "scarf": "a red scarf", "tall hat": "a tall hat", "straw hat": "a straw hat", "crown": "a golden crown", "bow": "a red bow"}
GOALS = ("find", "lost", "journey", "friend", "party")
TALKING_OF = ("the long way", "the stars", "a funny dream", "the sea", "the best games", "a secret place")


def a(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def made_up_name(rng):
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((2, 2, 3)))).capitalize()


def draw_name(rng, other=""):
    while True:
        name = made_up_name(rng) if rng.random() < .25 else rng.choice(NAMES)
        if name != other:
            return name


def usual_name(rng, species, is_friend, other):
    """Half of the foxes who are heroes have one name, a quarter another: told word by word, the likeliest, a name is then one of these. If
    all were as likely, the hero's own name, in so many places the right word, would be likelier for the friend than any other."""
    while True:
        name = NAMES[(8 * list(SPECIES).index(species) + 4 * is_friend + int(rng.expovariate(0.7))) % len(NAMES)]
        if name != other:
            return name


def name_whom_the_prompt_does_not(rng, plan, prompt):
    for who, other in ("HF", "FH"):
        if not re.search(rf"\b{plan[who]['name']}\b", prompt, re.IGNORECASE):
            plan[who]["name"] = usual_name(rng, plan[who]["species"], who == "F", plan[other]["name"])


class Teller:
    """Writes one story of `frames` frames for the facts in `plan`."""

    def __init__(self, rng, plan, frames):
        self.rng, self.plan, self.n = rng, plan, frames
        self.place, self.time, self.weather = plan["place"], plan["time"], plan["weather"]
        self.met = False         # is the friend with the hero?
        self.held = {"H": "none", "F": "none"}
        self.captions, self.truth = [], []
        self.visited = [self.place]

    # --- words ------------------------------------------------------------------------------------------------------

    def fill(self, text, thing=None):
        """Puts names and things into a phrase. {H} and {F} sometimes carry the species, a reminder for readers and models."""
        plan, rng = self.plan, self.rng
        words = {"hs": plan["H"]["species"], "fs": plan["F"]["species"], "h": plan["H"]["name"], "f": plan["F"]["name"],
                 "to": PLACE[self.place][0], "at": PLACE[self.place][1], "view": PLACE[self.place][2],
                 "o": THING[plan["object"]], "ao": a(THING[plan["object"]]), "dest": PLACE[plan["dest"]][0],
                 "t": THING[thing] if thing else "", "at_": a(THING[thing]) if thing else "", "talk": rng.choice(TALKING_OF)}
        words["wear_h"], words["wear_f"] = self.wear("H"), self.wear("F")
        for who, key in (("H", "{H}"), ("F", "{F}")):
            name = plan[who]["name"]
            reminder = f"{name} the {plan[who]['species']}" if rng.random() < .4 else name
            text = text.replace(key, reminder, 1).replace(key, name)
        return text.format(**words)

    def wear(self, who):
        person = self.plan[who]
        worn = WEAR[person["worn"]]
        return f"{a(person['colour'])} shirt" + (f" and {worn}" if worn else "")

    # --- frames -----------------------------------------------------------------------------------------------------

    def show(self, phrases, hero="stand", friend=None, shot="medium", ground="none", bed=False, thing=None):
        text = self.fill(self.rng.choice(phrases), thing)
        text = text[0].upper() + text[1:]
        who = []
        for key, pose in (("H", hero), ("F", friend)):
            if pose is None:
                continue
            person = {k: self.plan[key][k] for k in ("name", "species", "colour", "worn")}
            person.update(pose=pose, held=self.held[key])
            who.append(person)
        self.captions.append(text)
        self.truth.append(dict(place=self.place, time=self.time, weather="clear" if self.place in INDOORS else self.weather, shot=shot,
                               in_bed=bed, ground=ground, who=who))

    def go(self, place=None):
        """To another place: outdoors, not seen before if possible. The weather clears on the way."""
        fresh = ([p for p in OUTDOORS if p not in self.visited and p != self.plan["dest"]]
                 or [p for p in OUTDOORS if p not in (self.place, self.plan["dest"])])
        self.place = place or self.rng.choice(fresh)
        self.visited.append(self.place)
        self.weather = "clear"

    # --- beats ------------------------------------------------------------------------------------------------------

    def open(self):
        when = {("day", "clear"): ("one sunny day", "one bright morning"), ("day", "rain"): ("on a rainy day", "one rainy day"),
                ("day", "snowfall"): ("one day, as snow fell", "on a snowy day"), ("sunset", "clear"): ("one evening at sunset", "as the sun went down"),
                ("night", "clear"): ("one starry night", "one night, under the moon"), ("night", "snowfall"): ("one night, as snow fell",),
                ("night", "rain"): ("one rainy night",)}
        when = self.rng.choice(when.get((self.time, self.weather), ("one sunny day",)))
        adjective = self.rng.choice(("little", "small", "kind", "brave", "young", "happy"))
        if self.rng.random() < .5:
            self.show([f"{when}, {a(adjective)} {{hs}} named {{h}} stood {{at}}. {{h}} wore {{wear_h}}.",
                       f"{when}, {a(adjective)} {{hs}} in {{wear_h}} stood {{at}}. This was {{h}}.",
                       f"{{h}} was {a(adjective)} {{hs}} in {{wear_h}}. {when.capitalize()}, {{h}} stood {{at}}."], "stand")
        else:
            self.show([f"{when}, {a(adjective)} {{hs}} named {{h}} waved {{at}}. {{h}} wore {{wear_h}}.",
                       f"\"Hello! I am {{h}},\" said {a(adjective)} {{hs}} in {{wear_h}}, and waved. It was {when} {{at}}.",
                       f"{{h}} was {a(adjective)} {{hs}} in {{wear_h}}. {when.capitalize()}, {{h}} waved {{at}}."], "wave")

    def see(self):
        self.show(["{H} saw {ao} on the ground {at}.", "There was {ao} {at}! {H} stopped and looked at it.", "{H} looked down. On the ground lay {ao}.",
                   "\"What is that?\" {H} saw {ao} on the ground.", "Something was on the ground. It was {ao}. {H} looked at it."],
                  "stand", ground=self.plan["object"])

    def pick(self):
        self.held["H"] = self.plan["object"]
        self.show(["{H} picked up the {o} and held it.", "{H} took the {o} in one hand.", "\"How pretty!\" said {H}, and held up the {o}.",
                   "{H} held the {o} with great care {at}."], "stand")

    def wonder(self):
        self.show(["\"Whose {o} is this?\" thought {H}.", "{H} looked at the {o} from close by. \"Who lost it?\"",
                   "\"I must find out who lost this {o},\" said {H}."], "stand", shot="close")

    def arrive(self, place=None):
        self.go(place)
        if self.met:
            self.show(["{H} and {F} walked to {to}.", "Then {H} and {F} came to {to}.", "{H} and {F} went on to {to}, step by step.",
                       "Side by side, {H} and {F} walked to {to}."], "walk", "walk")
        else:
            self.show(["{H} walked to {to}.", "Then {H} came to {to}.", "{H} went on to {to}, step by step.", "Soon {H} walked along {at}.",
                       "{H} set off and walked to {to}."], "walk")

    def meet(self):
        self.met = True
        adjective = self.rng.choice(("friendly", "cheerful", "quiet", "funny", "gentle"))
        self.show([f"{{H}} met {a(adjective)} {{fs}} named {{f}} {{at}}. {{f}} wore {{wear_f}} and waved.",
                   f"{a(adjective)} {{fs}} in {{wear_f}} waved at {{H}}. \"I am {{f}},\" said the {{fs}}.",
                   f"\"Hello!\" said {a(adjective)} {{fs}} in {{wear_f}}, and waved. It was {{f}}.",
                   f"Just then {{H}} saw {a(adjective)} {{fs}}. It was {{f}}, in {{wear_f}}, and {{f}} waved."], "stand", "wave")

    def ask(self):
        self.show(["\"Is this your {o}?\" {H} asked {F}.", "{H} showed the {o} to {F}. \"Is it yours?\"", "\"I found this {o},\" {H} told {F}."],
                  "stand", "stand", shot="close")

    def give(self):
        self.held.update(H="none", F=self.plan["object"])
        self.show(["{H} gave the {o} to {F}. \"Thank you!\" said {f}.", "\"Yes, it is mine!\" said {F}, and took the {o}.",
                   "Now {F} held the {o} and smiled at {H}.", "{H} gave it back, and {F} held the {o} again."], "stand", "stand")

    def thank(self):
        self.show(["{H} and {F} jumped for joy.", "\"You are a true friend, {h}!\" {H} and {F} jumped up and down.", "{H} and {F} laughed and threw up their arms {at}."],
                  "cheer", "cheer")

    def lose(self):
        self.show(["{H} was sad. The {o} was gone!", "\"Oh no! Where is my {o}?\" cried {H}.", "{H} began to cry. The {o} was lost.",
                   "\"I lost my {o},\" said {H}, and cried."], "sad", shot="close")

    def search(self):
        self.show(["{H} looked for the {o} {at}, but it was not there.", "No {o} {at}. {H} stood and looked all around.",
                   "{H} looked behind {view}, but the {o} was not there."], "stand")

    def tell(self):
        self.show(["\"I lost my {o},\" {H} told {F}, and cried.", "{H} told {F} about the lost {o} and was sad.",
                   "\"Why are you sad, {h}?\" asked {F}. \"My {o} is gone.\""], "sad", "stand", shot="close")

    def help(self):
        self.go()
        self.show(["\"I will help you,\" said {F}. {H} and {F} walked to {to}.", "\"Let us look for it!\" {H} and {F} walked to {to}.",
                   "{F} wanted to help, so {H} and {F} walked to {to}."], "walk", "walk")

    def found(self):
        if self.met:
            self.show(["\"Look!\" said {F}. The {o} lay on the ground {at}.", "{H} and {F} saw the {o} on the ground!",
                       "There it was! {H} and {F} looked at the {o} on the ground."], "stand", "stand", ground=self.plan["object"])
        else:
            self.show(["There it was! {H} saw the {o} on the ground {at}.", "{H} looked down and saw the {o} on the ground."],
                      "stand", ground=self.plan["object"])

    def take_back(self):
        self.held["H"] = self.plan["object"]
        if self.met:
            self.show(["{H} held the {o} again, and {F} jumped for joy.", "\"My {o}!\" said {H} and held it. {F} jumped with joy."], "stand", "cheer")
        else:
            self.show(["{H} held the {o} again. How happy {h} was!", "\"My {o}!\" said {H}, and held it."], "stand")

    def plan_trip(self):
        self.held["H"] = "map"
        self.show(["{H} held a blue map. It showed the way to {dest}.", "\"I want to go to {dest},\" said {H}, with a blue map in one hand.",
                   "With a blue map in one hand, {H} dreamed of {dest}."], "stand")

    def reach(self):
        self.go(self.plan["dest"])
        self.held["H"] = "none"
        if self.met:
            self.show(["At last {H} and {F} were at {to}! Both threw up their arms.", "\"We are here!\" {H} and {F} jumped for joy at {to}."],
                      "cheer", "cheer")
        else:
            self.show(["At last {H} was at {to}, and jumped for joy!", "\"I am here!\" {H} jumped for joy at {to}."], "cheer")

    def lonely(self):
        self.show(["{H} was sad, with no one to play with.", "\"I want a friend,\" said {H}, and cried.", "{H} felt alone and began to cry."], "sad", shot="close")

    def greet(self):
        self.show(["\"Do you want to play, {f}?\" asked {H}.", "{H} and {F} talked about {talk}.", "\"Will you be my friend?\" {H} asked {F}.",
                   "\"Come with me, {f}!\" said {H}."], "stand", "stand", shot="close")

    def play_ball(self):
        self.show(["{H} and {F} jumped and played with a blue ball {at}.", "A blue ball! {H} and {F} jumped and played.",
                   "{H} and {F} played with the blue ball and laughed."], "cheer", "cheer", ground="ball")

    def bake(self):
        self.place = "kitchen"
        self.held["H"] = "cake"
        self.show(["{H} went into the kitchen and baked a sweet cake for a friend.", "In the kitchen, {H} held up a sweet cake. \"It is for a birthday!\"",
                   "{H} made a sweet cake in the kitchen."], "stand")

    def carry(self):
        self.go()
        self.show(["{H} carried the sweet cake to {to}.", "With the sweet cake in one hand, {H} walked to {to}."], "walk")

    def birthday(self):
        self.show(["\"Happy birthday, {f}!\" said {H}.", "\"Today is your birthday, {f}!\" {H} told {F}.", "{H} sang a birthday song for {F}."],
                  "stand", "stand", shot="close")

    def give_cake(self):
        self.held.update(H="none", F="cake")
        self.show(["{H} gave the sweet cake to {F}.", "{F} took the sweet cake. \"Thank you, {h}!\"", "Now {F} held the sweet cake. How good it was!"], "stand", "stand")

    # --- fillers ----------------------------------------------------------------------------------------------------

    def rest(self):
        if self.met:
            self.show(["{H} and {F} sat down {at} to rest.", "{H} and {F} sat on the ground and were quiet.", "\"Let us rest,\" said {F}. {H} and {F} sat down."], "sit", "sit")
        else:
            self.show(["{H} sat down {at} to rest.", "{H} was tired and sat on the ground.", "{H} sat for a while and was quiet."], "sit")

    def look(self):
        if self.met:
            self.show(["{H} and {F} stood and looked at {view}.", "\"How lovely!\" {H} and {F} looked at {view}."], "stand", "stand")
        else:
            self.show(["{H} stood and looked at {view}.", "\"How lovely!\" said {H}, and looked at {view}."], "stand")

    def jump(self):
        if self.met:
            self.show(["{H} and {F} jumped and laughed {at}.", "{H} and {F} danced and sang a song.", "{F} told a joke. {H} and {F} jumped and laughed."], "cheer", "cheer")
        else:
            self.show(["{H} jumped and laughed {at}.", "{H} danced and sang a song."], "cheer")

    def talk(self):
        if self.met:
            self.show(["{H} told {F} about {talk}.", "{F} told {H} about {talk}.", "\"I like you, {h},\" said {F}."], "stand", "stand", shot="close")
        else:
            self.show(["{H} thought about {talk}.", "\"What a day!\" thought {H}."], "stand", shot="close")

    def greet_all(self):
        if self.met:
            self.show(["{H} and {F} waved at the birds {at}.", "{H} and {F} waved and called out, \"Hello!\""], "wave", "wave")
        else:
            self.show(["{H} waved at the birds {at}.", "{H} waved and called out, \"Hello!\""], "wave")

    def snack(self, thing=None):
        thing = thing or self.rng.choice(("apple", "flower"))
        held, self.held["H"] = self.held["H"], thing
        texts = {"apple": ["{H} held a red apple and took a bite.", "{H} was hungry and ate a red apple."],
                 "flower": ["{H} picked a pink flower {at}.", "{H} held a pink flower. It smelled so good."]}[thing]
        if self.met:
            texts = [t + " {F} stood close by." for t in texts]
        self.show(texts, "stand", "stand" if self.met else None)
        self.held["H"] = held

    def rain(self):
        held, self.held["H"] = self.held["H"], "umbrella"
        self.weather = "rain"
        if self.met:
            self.show(["It began to rain. {H} held a purple umbrella over {F}.", "Rain fell {at}. {H} shared a purple umbrella with {F}."], "stand", "stand")
        else:
            self.show(["It began to rain. {H} held a purple umbrella.", "Rain fell {at}, but {H} had a purple umbrella."], "stand")
        self.held["H"] = held

    def rainbow(self):
        self.weather = "rainbow"
        if self.met:
            self.show(["The rain stopped, and {H} and {F} waved at the rainbow.", "A rainbow! {H} and {F} waved at it."], "wave", "wave")
        else:
            self.show(["The rain stopped, and {H} waved at the rainbow.", "A rainbow! {H} waved at it."], "wave")

    def filler(self, room):
        """One or two frames that could stand anywhere; `room` is how many may still be added."""
        free = self.held == {"H": "none", "F": "none"}
        outdoors = self.place not in INDOORS
        choices = ["rest", "look", "jump", "talk", "greet_all", "arrive", "arrive"]
        if free:
            choices.append("snack")
            if room >= 2 and outdoors and self.time == "day" and self.weather == "clear" and self.place != "snow":
                choices += ["rain", "rain"]
        beat = self.rng.choice([c for c in choices if c != self.last] or choices)
        self.last = beat
        if beat == "rain":
            self.rain()
            self.rainbow()
            return 2
        getattr(self, beat)()
        return 1

    # --- endings ----------------------------------------------------------------------------------------------------

    def feast(self):
        if self.met:
            self.show(["What a good day! {H} and {F} jumped for joy {at}.", "{H} and {F} danced {at} and laughed."], "cheer", "cheer")
        else:
            self.show(["What a good day! {H} jumped for joy {at}.", "{H} danced {at} and laughed."], "cheer")

    def goodbye(self):
        self.held = {"H": "none", "F": "none"}
        if self.place in INDOORS:
            self.go()
        if self.time == "day":
            self.time = "sunset"
        self.weather = "clear" if self.weather != "snowfall" else "snowfall"
        when = "the sun went down" if self.time == "sunset" else "it was late at night"
        if self.met:
            self.show([f"{when} {{at}}. \"Goodbye!\" {{H}} and {{F}} waved.", f"{when}, and {{H}} and {{F}} waved goodbye {{at}}.",
                       f"\"See you soon, {{f}}!\" {when.capitalize()} {{at}}, and {{H}} and {{F}} waved."], "wave", "wave")
        else:
            self.show([f"{when} {{at}}, and {{H}} walked home.", f"It was time to go home. {when}, and {{H}} walked away {{at}}."], "walk")

    def sleep(self):
        self.place, self.time, self.held = "bedroom", "night", {"H": "none", "F": "none"}
        dream = "{f}" if self.met else "the {o}" if self.plan["goal"] in ("find", "lost") else "the next day"
        self.show([f"That night {{H}} slept in bed and dreamed of {dream}. The end.", f"At home {{H}} lay in bed and fell asleep. \"Good night!\" The end.",
                   f"Tired and happy, {{H}} fell asleep in bed. The end."], "sleep", bed=True)

    def last_sunset(self):
        self.held = {"H": "none", "F": "none"}
        if self.place in INDOORS:
            self.go()
        if self.time == "day":
            self.time = "sunset"
        self.weather = "clear" if self.weather != "snowfall" else "snowfall"
        sky = "the sun go down" if self.time == "sunset" else "the moon"
        if self.met:
            self.show([f"{{H}} and {{F}} sat {{at}} and watched {sky}. They were friends for ever. The end."], "sit", "sit")
        else:
            self.show([f"{{H}} sat {{at}} and watched {sky}. It was a good day. The end."], "sit")

    def short_end(self):
        if self.met:
            self.show(["{H} and {F} jumped for joy {at}. The end.", "{H} and {F} were happy and danced {at}. The end."], "cheer", "cheer")
        else:
            self.show(["{H} jumped for joy {at}. The end.", "{H} was happy and danced {at}. The end."], "cheer")

    # --- the whole --------------------------------------------------------------------------------------------------

    # beats of a goal in order; the number says which are left out first in a short story (1 stays longest)
    PLOT = {
        "find": (("see", 1), ("pick", 2), ("wonder", 6), ("arrive", 7), ("meet", 3), ("ask", 5), ("give", 4), ("thank", 8)),
        "lost": (("lose", 1), ("search", 6), ("arrive", 8), ("meet", 3), ("tell", 5), ("help", 7), ("found", 4), ("take_back", 2)),
        "journey": (("plan_trip", 2), ("arrive", 5), ("meet", 3), ("greet", 6), ("arrive", 7), ("reach", 1), ("look", 8)),
        "friend": (("lonely", 5), ("arrive", 6), ("meet", 1), ("greet", 3), ("play_ball", 2), ("rest", 7), ("arrive", 8)),
        "party": (("bake", 1), ("carry", 4), ("meet", 2), ("birthday", 5), ("give_cake", 3), ("jump", 6)),
    }

    def tell_all(self):
        self.last = ""
        endings = [self.short_end] if self.n <= 3 else [self.sleep if self.rng.random() < .75 else self.last_sunset]
        if self.n >= 5:
            endings.insert(0, self.goodbye)
        if self.n >= 8:
            endings.insert(0, self.feast)
        self.open()
        room = self.n - 1 - len(endings)
        plot = self.PLOT[self.plan["goal"]]
        if self.plan["together"]:  # the friend comes at once
            plot = (("meet", 0),) + tuple(b for b in plot if b[0] != "meet")
        kept = sorted(range(len(plot)), key=lambda i: plot[i][1])[:max(0, room)]
        beats = [plot[i][0] for i in sorted(kept)]
        extra = room - len(beats)
        # where fillers go: never between finding and picking up, and so on; only where the tale can breathe
        gaps = [i for i, b in enumerate(beats) if b not in ("pick", "meet", "ask", "give", "take_back", "tell", "help", "birthday", "give_cake", "carry")] + [len(beats)]
        if self.plan["goal"] in ("find", "lost") and gaps and gaps[0] == 0:
            gaps = gaps[1:]
        wanted = {}
        for _ in range(max(0, extra)):
            gap = self.rng.choice(gaps or [len(beats)])
            wanted[gap] = wanted.get(gap, 0) + 1
        for i in range(len(beats) + 1):
            room = wanted.get(i, 0)
            while room > 0:
                room -= self.filler(room)
            if i < len(beats):
                getattr(self, beats[i])()
        for ending in endings:
            ending()


def draw_plan(rng):
    species = rng.sample(sorted(SPECIES), 2)
    colours = rng.sample(sorted(SHIRTS), 2)
    worn = [rng.choice(WORN) for _ in range(2)]
    if worn[0] == worn[1]:
        worn[1] = "none"
    if rng.random() < .2:
        worn[0] = "none"
    people = {}
    for key, s, c, w in zip("HF", species, colours, worn):
        if w == "scarf" and c == "red":  # red on red
            w = "none"
        people[key] = dict(name=draw_name(rng, people["H"]["name"] if people else ""), species=s, colour=c, worn=w)
    place = rng.choice(PLACES if rng.random() < .3 else OUTDOORS)
    time = rng.choices(("day", "sunset", "night"), (.74, .1, .16))[0]
    weather = "clear"
    if place not in INDOORS and time != "sunset":
        weather = "snowfall" if place == "snow" and rng.random() < .4 else "rain" if place != "snow" and rng.random() < .1 else "clear"
    return dict(people, place=place, time=time, weather=weather, goal=rng.choices(GOALS, (.34, .2, .18, .16, .12))[0], object=rng.choice(QUEST),
                dest=rng.choice([p for p in OUTDOORS if p != place]), together=rng.random() < .25)


NICK = {"rabbit": ("rabbit", "bunny"), "cat": ("cat", "kitten"), "dog": ("dog", "puppy"), "bear": ("bear", "bear cub"), "pig": ("pig", "piglet")}


def prompt_for(rng, plan):
    """What a user may have typed to ask for this story: some of the facts, in one of many orders."""
    says = lambda p: rng.random() < p
    adjectives = ("little", "little", "small", "kind", "brave", "young", "happy", "")

    def person(key, name_p, detail_p):
        who = plan[key]
        kind = rng.choice(NICK.get(who["species"], (who["species"],))) if says(.3) else who["species"]
        adjective = rng.choice(adjectives)
        noun = a(f"{adjective} {kind}".strip())
        dress = ""
        if says(detail_p):
            options = [f" in {a(who['colour'])} shirt"]
            if who["worn"] != "none":
                options += [f" with {WEAR[who['worn']]}", f" in {a(who['colour'])} shirt and {WEAR[who['worn']]}"]
            dress = rng.choice(options)
        if says(name_p):
            return rng.choice((f"{noun} named {who['name']}{dress}", f"{who['name']} the {kind}{dress}", f"{noun} called {who['name']}{dress}",
                               f"{who['name']}, {noun}{dress},"))
        return noun + dress

    hero = person("H", .35, .3)
    friend = person("F", .25, .2)
    thing = THING[plan["object"]] if says(.8) else THING[plan["object"]].split()[-1]
    dest = PLACE[plan["dest"]][0]
    place = " " + PLACE[plan["place"]][1] if says(.75) else ""
    meets = ""
    if says(.5):
        meets = rng.choice((f" and meets {friend}", f" with {friend}" if plan["together"] else f" and finds a friend, {friend}", f" and plays with {friend}"))
    goal = plan["goal"]
    if goal == "find":
        deed = rng.choice((f"finds {a(thing)}", f"finds {a(thing)}", f"found {a(thing)}", f"sees {a(thing)}", f"picks up {a(thing)}"))
    elif goal == "lost":
        deed = rng.choice((f"loses {a(thing)}", f"has lost {a(thing)}", f"looks for a lost {thing}", f"lost the {thing}", f"cannot find the {thing}"))
    elif goal == "journey":
        deed = rng.choice((f"goes to {dest}", f"travels to {dest}", f"walks to {dest}", f"wants to see {dest}", f"goes on a trip to {dest}"))
    elif goal == "friend":
        deed = rng.choice((f"meets {friend}", f"looks for a friend and meets {friend}", "wants a friend", "finds a new friend", f"plays with {friend}", "makes a friend"))
        meets = ""
    else:
        deed = rng.choice((f"bakes a cake for {friend}", f"brings a birthday cake to {friend}", "makes a birthday cake", f"has a birthday party with {friend}", "has a party with a cake"))
        meets = ""
    time = ""
    if plan["weather"] in ("rain", "snowfall"):
        time = {"rain": ("on a rainy day",), "snowfall": ("on a snowy day", "as snow falls")}[plan["weather"]] if plan["time"] == "day" else {"rain": ("on a rainy night",), "snowfall": ("on a snowy night",)}[plan["weather"]]
        time = rng.choice(time) if says(.85) else ""
    elif plan["time"] == "night":
        time = rng.choice(("at night", "one night", "under the stars", "under the moon")) if says(.9) else ""
    elif plan["time"] == "sunset":
        time = rng.choice(("at sunset", "in the evening", "as the sun goes down")) if says(.9) else ""
    elif says(.15):
        time = rng.choice(("one day", "on a sunny day", "in the morning"))
    body = f"{hero} {deed}{meets}{place}"
    if time:
        body = rng.choice((f"{body} {time}", f"{body} {time}", f"{time}, {body}"))
    elif place and says(.15):
        body = f"{place.strip()}, {hero} {deed}{meets}"
    form = rng.random()
    if form < .12:
        text = f"A story about {body}."
    elif form < .2:
        text = f"Tell me a story about {body}."
    elif form < .26:
        text = f"Once upon a time, {body}."
    elif form < .36:
        text = body
    else:
        text = body + "."
    text = text.replace(",.", ".").rstrip(",")
    text = text[0].upper() + text[1:]
    return text.lower() if says(.04) else text


LENGTHS = tuple(range(3, 26))
WEIGHTS = tuple({3: 1, 4: 3, 5: 3, 6: 4, 7: 4, 8: 5, 9: 5, 10: 6, 11: 4, 12: 5}.get(n, 1.2) for n in LENGTHS)


def tell(rng, frames=None):
    plan = draw_plan(rng)
    prompt = prompt_for(rng, plan)
    name_whom_the_prompt_does_not(rng, plan, prompt)
    n = frames or rng.choices(LENGTHS, WEIGHTS)[0]
    teller = Teller(rng, plan, n)
    teller.tell_all()
    assert len(teller.captions) == n, (plan["goal"], n, len(teller.captions))
    return dict(prompt=prompt, captions=teller.captions, truth=teller.truth)


if __name__ == "__main__":
    rng = random.Random(1)
    for _ in range(3):
        story = tell(rng)
        print("#", story["prompt"])
        for caption in story["captions"]:
            print("  ", caption)

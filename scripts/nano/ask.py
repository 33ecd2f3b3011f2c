"""What a user may have typed to get a story: a plan in, one of very many prompts out.

A prompt names some of the plan's facts, in one of many forms: sentences, questions, titles, lists of words, paragraphs, capitals, typos,
words that the world does not have. What it names and the plot does not use is written into the plan (`own`: the hero has the thing
along). Where a prompt names no deed, the plot stays as it was drawn.
"""
import re

from beats import FRIGHTS

# {o} "red lantern", {ao} "a red lantern", {friend} the friend's phrase, {dest} "the castle"; <find> is put into the sentence's form
DEEDS = {
    "find": ["<find> {ao}", "<find> {ao}", "<discover> {ao}", "<come> across {ao}", "<see> {ao}", "<pick> up {ao}", "<find> {ao} that someone lost", "<find> {ao} on the ground"],
    "lose": ["<lose> {ao}", "<lose> the {o}", "<have> lost {ao}", "cannot find the {o}", "<look> for a lost {o}", "<search> for the {o}", "<be> looking for the {o}", "<miss> the {o}", "<lose> {his} {o}"],
    "go": ["<go> to {dest}", "<travel> to {dest}", "<walk> to {dest}", "<want> to see {dest}", "<go> on a trip to {dest}", "<set> out for {dest}", "<visit> {dest}", "<follow> the road to {dest}",
           "<climb> up to {dest}", "<wander> to {dest}", "<run> off to {dest}"],
    "visit": ["<go> to {dest} to meet {friend}", "<walk> to {dest} to see {friend}", "<visit> {friend} at {dest}", "<go> to see {friend}, who lives at {dest}", "<travel> to {dest} to find {friend}"],
    "meet": ["<meet> {friend}", "<meet> {friend}", "<find> a new friend", "<make> a friend", "<make> friends with {friend}", "<want> a friend", "<become> the friend of {friend}", "<get> to know {friend}"],
    "lonely": ["<be> lonely", "<have> no friends", "<feel> alone", "<have> nobody to play with", "<be> all alone and <meet> {friend}"],
    "bake": ["<bake> a cake for {friend}", "<bring> a birthday cake to {friend}", "<make> a birthday cake", "<bake> a cake", "<have> a birthday party", "<bake> a birthday cake", "<make> a sweet cake"],
    "fly": ["<fly> {ao}", "<fly> {ao} with {friend}", "<play> with {ao} in the wind", "<let> {ao} fly", "<want> to fly {ao}"],
    "play": ["<play> with a ball", "<play> ball", "<play> ball with {friend}", "<play> football", "<kick> a blue ball", "<play> with a blue ball", "<play> with {friend}"],
    "bring": ["<bring> {ao} to {friend}", "<give> {ao} to {friend}", "<carry> {ao} to {friend}", "<have> {ao} for {friend}", "<take> {ao} to {friend} at {dest}", "<bring> {friend} {ao}"],
    "read": ["<read> a book", "<read> a blue book", "<read> a story", "<sit> with a book", "<read> a book to {friend}", "<love> to read"],
    "fear": ["<be> afraid of {fright}", "<be> scared of {fright}", "<be> afraid", "<be> scared", "<fear> {fright}", "cannot sleep", "<be> frightened by {fright}"],
    "sad": ["<be> sad", "<be> very sad", "<cry>", "<be> unhappy", "<feel> sad", "<cry> and {friend} helps", "<be> comforted by {friend}", "<be> sad and {friend} comforts {him}", "<have> a bad day"],
    "dance": ["<dance>", "<learn> to dance", "<dance> with {friend}", "<sing> and <dance>", "<want> to dance", "<sing> a song", "<sing>", "<love> to sing", "<love> music"],
    "hide": ["<play> hide and seek", "<play> hide and seek with {friend}", "<hide> from {friend}", "<hide>"],
    "plant": ["<plant> a flower", "<plant> a seed", "<grow> a flower", "<grow> a pink flower", "<make> a garden", "<plant> a garden"],
    "stars": ["<watch> the stars", "<look> at the stars", "<count> the stars", "<make> a wish on a star", "<see> a falling star", "<gaze> at the stars"],
    "picnic": ["<have> a picnic", "<have> a picnic with {friend}", "<eat> apples", "<share> an apple with {friend}", "<eat> a red apple", "<have> a picnic with apples"],
    "race": ["<race> with {friend}", "<run> a race", "<race> to {dest}", "<race> against {friend}", "<have> a race", "<run> as fast as the wind"],
    "treasure": ["<look> for a treasure", "<find> a treasure", "<follow> a map to a treasure", "<hunt> for treasure", "<have> a treasure map", "<dig> for treasure"],
    "share": ["<share> an umbrella with {friend}", "<walk> in the rain", "<have> a purple umbrella", "<stand> under an umbrella", "<play> in the rain", "<share> a purple umbrella"],
    "help": ["<help> {friend}", "<help> {friend} to find the way home", "<bring> {friend} home", "<help> a friend", "<show> {friend} the way home"],
}
DEEDS["find_keep"], DEEDS["lose_alone"] = DEEDS["find"], DEEDS["lose"]
AS_OBJECT = ("find", "find_keep", "lose", "lose_alone", "bring", "fly", "bake", "play", "read", "picnic", "share")  # plots in which the thing is used

IRREGULAR = {"be": ("is", "was", "being"), "have": ("has", "had", "having"), "go": ("goes", "went", "going"), "find": ("finds", "found", "finding"), "lose": ("loses", "lost", "losing"),
             "come": ("comes", "came", "coming"), "see": ("sees", "saw", "seeing"), "run": ("runs", "ran", "running"), "set": ("sets", "set", "setting"), "meet": ("meets", "met", "meeting"),
             "make": ("makes", "made", "making"), "become": ("becomes", "became", "becoming"), "get": ("gets", "got", "getting"), "feel": ("feels", "felt", "feeling"),
             "bring": ("brings", "brought", "bringing"), "fly": ("flies", "flew", "flying"), "let": ("lets", "let", "letting"), "give": ("gives", "gave", "giving"), "take": ("takes", "took", "taking"),
             "read": ("reads", "read", "reading"), "sit": ("sits", "sat", "sitting"), "cry": ("cries", "cried", "crying"), "sing": ("sings", "sang", "singing"), "hide": ("hides", "hid", "hiding"),
             "grow": ("grows", "grew", "growing"), "eat": ("eats", "ate", "eating"), "dig": ("digs", "dug", "digging"), "carry": ("carries", "carried", "carrying"), "stand": ("stands", "stood", "standing"),
             "dance": ("dances", "danced", "dancing"), "bake": ("bakes", "baked", "baking"), "plant": ("plants", "planted", "planting"), "plan": ("plans", "planned", "planning"),
             "gaze": ("gazes", "gazed", "gazing"), "love": ("loves", "loved", "loving"), "share": ("shares", "shared", "sharing"), "race": ("races", "raced", "racing")}


def conjugate(verb, form):
    s, past, ing = IRREGULAR.get(verb) or (verb + ("es" if verb.endswith(("ss", "ch", "sh")) else "s"), verb + ("d" if verb.endswith("e") else "ed"), verb + "ing")
    return {"s": s, "past": past, "ing": ing, "base": verb}[form]


NICK = {"rabbit": ("bunny", "bunny rabbit", "hare"), "cat": ("kitten", "kitty", "pussycat", "tomcat"), "dog": ("puppy", "pup", "doggy", "hound"), "bear": ("bear cub", "cub", "brown bear", "teddy"),
        "pig": ("piglet", "piggy", "little pig"), "fox": ("fox cub", "foxy", "red fox"), "mouse": ("mousie", "little mouse", "field mouse"), "frog": ("froggy", "toad", "tree frog"),
        "panda": ("panda cub", "panda bear"), "koala": ("koala bear", "koala cub")}
PLURAL = {"fox": "foxes", "rabbit": "rabbits", "bear": "bears", "cat": "cats", "dog": "dogs", "mouse": "mice", "frog": "frogs", "panda": "pandas", "pig": "pigs", "koala": "koalas"}
PLURAL_NICK = {"rabbit": "bunnies", "cat": "kittens", "dog": "puppies", "bear": "bear cubs", "pig": "piglets"}
# an animal that the world lacks becomes its nearest kin
KIN = {"cat": "lion tiger leopard lynx panther cheetah cougar jaguar puma".split(), "dog": "wolf coyote jackal husky poodle dingo corgi terrier wolves".split(),
       "mouse": "rat hamster squirrel hedgehog mole shrew gerbil chipmunk vole beaver".split(), "frog": "newt turtle lizard crocodile snake tortoise alligator salamander".split(),
       "bear": "grizzly gorilla ox bison moose yak".split(), "rabbit": "deer lamb kangaroo goat fawn sheep".split(), "pig": "cow hippo boar elephant hog piggies rhino calf".split(),
       "panda": "raccoon badger skunk zebra penguin".split(), "koala": "monkey sloth ape lemur possum chimp".split(), "fox": "weasel ferret otter marten dormouse".split()}
ANYONE = ("boy girl king queen princess prince robot knight pirate wizard witch farmer giant dwarf ghost monster unicorn bird duck swan crow eagle parrot horse pony bee ant spider whale shark "
          "dolphin fish snail butterfly alien cowboy baker teacher sailor doctor fairy mermaid elf troll child baby man woman grandmother clown soldier captain magician hen goose camel donkey "
          "creature engine truck tree cloud").split()
THING_KIN = {"lantern": "lamp light candle torch".split(), "balloon": "bubble airship zeppelin".split(), "kite": "glider plane feather".split(), "key": "padlock coin ring".split(),
             "map": "letter compass scroll".split(), "star": "diamond jewel crystal".split(), "gift": "present parcel box surprise".split(), "ball": "football marble hoop".split(),
             "book": "diary notebook story".split(), "flower": "rose daisy tulip lily".split(), "apple": "pear plum cherry carrot".split(), "bell": "whistle drum trumpet flute".split(),
             "shell": "pebble stone pearl".split(), "cake": "pie cookie pudding bun".split(), "umbrella": "parasol raincoat tent".split(), "teddy": "doll toy puppet".split()}
ANYTHING = ("hammer car boat ship train bicycle clock mirror chair table shoe boot sock glove helmet shield spear potion spell computer phone radio camera violin piano guitar bottle cup spoon fork "
            "knife pot pan bucket rope ladder wheel motor rocket planet computer battery engine bridge tower door window wall brick paper pencil paintbrush painting statue mask wand egg nest bone "
            "leaf branch root mountaineer soup bread cheese honey milk tea coffee sugar pepper salt onion tomato potato pumpkin banana orange lemon grape nut acorn").split()
STRANGE_VERBS = ("repair build invent study paint steal guard fight chase catch drive sail ride escape solve explain teach cook clean wash measure photograph sell buy trade climb swim ski skate "
                 "slide argue investigate collect explore rescue attack defend program launch operate weigh polish borrow copy draw").split()
ODD_PLACES = "in the desert;in space;in a cave;on the moon;at school;on an island;in the jungle;at the zoo;in a museum;under the sea;in the city;in an old house;in a garden;on a ship;at the station".split(";")
OTHER_TONGUES = {
    "fox": "Fuchs renard zorro volpe raposa лиса лисёнок 狐狸 きつね 여우 ثعلب αλεπού".split(), "rabbit": "Hase lapin conejo coniglio coelho кролик заяц 兔子 うさぎ 토끼 أرنب λαγός".split(),
    "bear": "Bär ours oso orso urso медведь медвежонок 熊 くま 곰 دب αρκούδα".split(), "cat": "Katze chat gato gatto Kater кот кошка 猫 ねこ 고양이 قطة γάτα".split(),
    "dog": "Hund chien perro cane cão собака пёс щенок 狗 いぬ 개 كلب σκύλος".split(), "mouse": "Maus souris ratón topo rato мышь мышка 老鼠 ねずみ 쥐 فأر ποντίκι".split(),
    "frog": "Frosch grenouille rana rã лягушка 青蛙 かえる 개구리 ضفدع βάτραχος".split(), "panda": "Pandabär panda панда 熊猫 パンダ 판다 باندا".split(),
    "pig": "Schwein cochon cerdo maiale porco свинья поросёнок 猪 ぶた 돼지 خنزير γουρούνι".split(), "koala": "Koala koala коала 考拉 コアラ 코알라 كوالا".split()}
FOREIGN = {"latin": ["Ein kleiner {x}.", "Die Geschichte vom {x}", "Ein {x} sucht einen Freund im Wald.", "Der {x} findet etwas.", "Erzähl mir von einem {x}", "Un petit {x}", "Le {x} cherche son ami.", "Il était une fois un {x}.",
                     "Un {x} pequeño", "Un {x} encuentra una llave.", "El {x} y la luna", "Había una vez un {x}", "Un piccolo {x}", "Il {x} va al mare", "Um {x} pequeno", "O {x} encontra um amigo", "Eine {x} im Schnee",
                     "Une {x} dans la forêt", "La {x} perdió su pelota", "{x}"],
           "cyrillic": ["Маленький {x}", "{x} идёт домой", "Сказка про {x}", "Жил-был {x}", "{x} нашёл звезду"], "kana": ["{x}のお話", "小さな{x}", "{x}が友達をみつける", "むかしむかし、{x}がいました", "{x}と海"],
           "han": ["一只小{x}", "{x}的故事", "从前有一只{x}", "{x}找到了一把钥匙", "{x}去海边"], "hangul": ["작은 {x}", "{x} 이야기", "{x}가 친구를 만나요"], "arabic": ["{x} صغير", "قصة {x}"], "greek": ["Μια {x}", "η {x} και το φεγγάρι"]}
PLEASE_BEFORE = ("Please tell a story: ", "Please write about this: ", "I want a story. ", "For my daughter {n}: ", "A bedtime story for {n}: ", "My son {n} asks for this: ", "Hi! ", "Hello, ", "Could you write this? ",
                 "write a short story: ", "Story: ", "Prompt: ", "Once upon a time, ", "Let me hear how ", "Illustrate: ", "Make a picture book: ")
PLEASE_AFTER = (", please", " please", ", for my daughter {n}", ", for my son", " Thank you!", " with a happy ending", " and nothing bad happens", ", for children", " (a bedtime story)", " Make it nice.", ", in ten pictures", "!", "...")


def a(noun):
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun


def script_of(word):
    for name, first, last in (("cyrillic", "Ѐ", "ӿ"), ("kana", "぀", "ヿ"), ("han", "一", "鿿"), ("hangul", "가", "힣"), ("arabic", "؀", "ۿ"), ("greek", "Ͱ", "Ͽ")):
        if first <= word[0] <= last:
            return name
    return "latin"


def typo(rng, text, names):
    """One letter of one word dropped, doubled, changed or swapped."""
    words = [m for m in re.finditer(r"[A-Za-z]{4,}", text) if m[0].capitalize() not in names]
    if not words:
        return text
    m = rng.choice(words)
    w, i = m[0], rng.randrange(1, len(m[0]) - 1)
    new = rng.choice((w[:i] + w[i + 1:], w[:i] + w[i] + w[i:], w[:i] + w[i + 1] + w[i] + w[i + 2:], w[:i] + rng.choice("abcdefghiklmnoprstuwy") + w[i + 1:]))
    return text[:m.start()] + new + text[m.end():]


class Asker:
    def __init__(self, rng, plan):
        self.rng, self.plan = rng, plan
        self.says = lambda p: rng.random() < p
        self.named = {"H": self.says(.5), "F": self.says(.4), "T": self.says(.7)}

    def noun(self, key):
        """The word for an animal; 15 % are nicknames, 10 % words of other worlds."""
        rng, species = self.rng, self.plan[key]["species"]
        p = rng.random()
        if p < .13:
            return rng.choice(NICK[species])
        if p < .2:
            return rng.choice(KIN[species])
        if p < .24 and key == "H":
            return rng.choice(ANYONE)
        return species

    def person(self, key, plain=False):
        """A phrase for someone: "a little fox in a red shirt", "Mia the rabbit", ..."""
        rng, says, who = self.rng, self.says, self.plan[key]
        from world import HERO_IS, WEAR
        noun = self.noun(key)
        adjective = rng.choice(HERO_IS + ("", "")) if key == "H" else rng.choice(("", "", "friendly", "little"))
        if adjective and key == "H":
            self.plan["adjective"] = adjective
        phrase = a(f"{adjective} {noun}".strip())
        dress = ""
        if says(.15) and not plain:
            options = [f" in {a(who['colour'])} shirt"]
            if who["worn"] != "none":
                options += [f" with {WEAR[who['worn']]}", f" in {a(who['colour'])} shirt and {WEAR[who['worn']]}"]
            dress = rng.choice(options)
        if self.named[key]:
            return rng.choice((f"{phrase} named {who['name']}{dress}", f"{who['name']} the {noun}{dress}", f"{who['name']} the {noun}", f"{phrase} called {who['name']}{dress}",
                               f"{who['name']} the {adjective} {noun}".replace("  ", " "), f"{who['name']}, {phrase}{dress},"))
        return phrase + dress

    def thing(self):
        """The thing's words: with its adjective, without, or a word the world does not have."""
        from world import THING
        full, rng = THING[self.plan["object"]], self.rng
        p = rng.random()
        return full if p < .5 else full.split()[-1] if p < .88 and self.plan["object"] != "teddy" else full if p < .93 else rng.choice(THING_KIN[self.plan["object"]]) if p < .97 else rng.choice(ANYTHING)

    def when(self):
        plan, rng, says = self.plan, self.rng, self.says
        key = (plan["weather"], plan["time"])
        words = {("rain", "day"): ("on a rainy day", "one rainy day", "in the rain", "as it rains"), ("rain", "night"): ("on a rainy night", "one rainy night", "in the rain at night"),
                 ("snowfall", "day"): ("on a snowy day", "as snow falls", "while it snows", "one snowy day"), ("snowfall", "night"): ("on a snowy night", "one snowy night"),
                 ("clear", "night"): ("at night", "one night", "under the stars", "under the moon", "one starry night", "late at night", "in the dark", "by night"),
                 ("clear", "sunset"): ("at sunset", "in the evening", "as the sun goes down", "one evening", "at dusk")}.get(key)
        if words:
            return rng.choice(words) if says(.85) else ""
        return rng.choice(("one day", "on a sunny day", "in the morning", "one morning", "today")) if says(.12) else ""

    def deed(self, form):
        """The deed in a form, with what it names: (text, names the friend?, names the thing?, names the destination?)."""
        from world import PLACE
        rng, plan = self.rng, self.plan
        options = DEEDS[plan["plot"]]
        if not plan["friend"]:
            options = [d for d in options if "{friend}" not in d]
        template = rng.choice(options)
        thing = self.thing()
        text = re.sub(r"<(\w+)>", lambda m: conjugate(m[1], form) if not (m[1] == "be" and form == "base") else "be", template)
        friend = self.person("F", plain=True) if "{friend}" in template else ""
        he = rng.choice(("he", "she", "it"))
        text = text.format(o=thing, ao=a(thing), friend=friend.rstrip(","), dest=PLACE[plan["dest"]][0], fright=rng.choice(FRIGHTS), his={"he": "his", "she": "her", "it": "its"}[he],
                           him={"he": "him", "she": "her", "it": "it"}[he])
        return text, bool(friend), "{o}" in template or "{ao}" in template, "{dest}" in template

    def where(self, p=.7):
        from world import PLACE
        rng = self.rng
        if not self.says(p):
            return " " + rng.choice(ODD_PLACES) if self.says(.05) else ""
        where = PLACE[self.plan["place"]][1]
        if self.plan["place"] in ("meadow", "forest", "town", "kitchen", "bedroom") and self.says(.05):
            where = where.replace("in the", "at the")
        if self.plan["place"] == "snow" and self.says(.3):
            where = rng.choice(("in the snowy hills", "on the snowy hill", "on a snowy hill"))
        if self.plan["place"] == "mountain" and self.says(.3):
            where = rng.choice(("in the mountains", "on the mountain", "on a mountain"))
        return " " + where

    def sentence(self, form="s"):
        """Hero, deed, friend, place, hour."""
        rng, says, plan = self.rng, self.says, self.plan
        text, has_friend, has_thing, has_dest = self.deed(form)
        hero = self.person("H")
        if plan.get("T"):
            hero, text, has_friend = f"{hero.rstrip(',')}, {self.person('F', plain=True).rstrip(',')} and {self.person('T', plain=True).rstrip(',')}", self.plural(), True
        elif plan["together"] and plan["friend"] and not has_friend and says(.75):
            if says(.6) and form == "s":
                plural = self.deed("base")
                if not plural[1]:
                    text, _, has_thing, has_dest = plural
                    text = re.sub(r"^be\b", "are", text)
                hero = f"{hero.rstrip(',')} and {self.person('F', plain=True).rstrip(',')}"
            else:
                text += f" with {self.person('F').rstrip(',')}"
            has_friend = True
        elif plan["friend"] and not plan["together"] and not has_friend and says(.4) and plan["plot"] not in ("lonely", "hide"):
            text += {"s": " and meets ", "past": " and met ", "base": " and meet ", "ing": " and meeting "}[form] + self.person("F").rstrip(",")
            has_friend = True
        if not has_thing and plan["plot"] not in AS_OBJECT + ("plant", "treasure") and says(.14):
            text += " with " + a(self.thing())
            plan["own"] = True
        place = self.where(.25 if has_dest else .7)
        when = self.when()
        body = f"{hero} {text}{place}"
        if when and form != "ing":
            return rng.choice((f"{body} {when}", f"{body} {when}", f"{when}, {body}"))
        if place.strip() and says(.12) and form != "ing":
            return f"{place.strip()}, {hero} {text}"
        return body

    def plural(self):
        for _ in range(20):
            text, has_friend, _, _ = self.deed("base")
            if not has_friend:
                return re.sub(r"^be\b", "are", text)
        return "play"

    def without_deed(self):
        """Names of things and people only: the plot is free."""
        rng, says, plan = self.rng, self.says, self.plan
        from world import THING
        who = self.person("H").rstrip(",")
        if says(.12):
            who = rng.choice(("", "two ", "three ", "little ", "some ")) + (PLURAL_NICK.get(plan["H"]["species"]) if says(.3) and plan["H"]["species"] in PLURAL_NICK else PLURAL[plan["H"]["species"]])
        parts = ""
        if plan["friend"] and (plan["together"] or says(.35)) and says(.6):
            parts += rng.choice((" and ", " and ", " with ")) + self.person("F", plain=True).rstrip(",")
        if says(.4):
            self.use_thing()
            parts += rng.choice((" with ", " and ", " with ")) + a(self.thing())
        return who + parts + self.where(.45) + (" " + self.when()).rstrip()

    def use_thing(self):
        if self.plan["plot"] not in AS_OBJECT + ("plant", "treasure"):
            self.plan["own"] = True
        elif self.plan["plot"] in ("plant", "treasure"):
            self.plan["object"] = {"plant": "flower", "treasure": "map"}[self.plan["plot"]]

    def title(self):
        rng, says, plan = self.rng, self.says, self.plan
        hero, name = self.noun("H").title(), plan["H"]["name"]
        from world import PLACE, THING
        who = rng.choice((f"The {hero}", f"The Little {hero}", f"{name} the {hero}", f"A {hero}'s Tale", f"The {hero}"))
        p = rng.random()
        if p < .35:
            self.use_thing()
            return f"{who} and the {self.thing().title()}"
        if p < .5 and plan["friend"]:
            return f"{who} and the {self.noun('F').title()}"
        if p < .65:
            return f"{who} {PLACE[plan['place']][1]}".title().replace(" In The ", " in the ").replace(" At The ", " at the ")
        if p < .9:
            return f"{who} who {self.deed(rng.choice(('past', 's')))[0]}"
        return who

    def words(self):
        """A list of words, or one."""
        rng, says, plan = self.rng, self.says, self.plan
        p = rng.random()
        if p < .35:
            return rng.choice((self.noun("H"), self.noun("H"), self.noun("H"), PLURAL[plan["H"]["species"]], plan["H"]["name"]))
        words = [self.noun("H")]
        if says(.6):
            self.use_thing()
            words.append(self.thing().split()[-1])
        if says(.3) and plan["friend"]:
            words.append(self.noun("F"))
        if says(.5):
            words.append(plan["place"])
        if plan["time"] != "day" and plan["weather"] == "clear" and says(.7):
            words.append({"night": "night", "sunset": rng.choice(("sunset", "evening"))}[plan["time"]])
        elif plan["weather"] != "clear" and says(.7):
            words.append({"rain": "rain", "snowfall": "snow"}[plan["weather"]])
        if says(.4):
            words = words[:1] + rng.sample(words[1:], len(words) - 1)
        return rng.choice((", ", ", ", " ", " / ", " + ", "; ")).join(words)

    def question(self):
        rng = self.rng
        p = rng.random()
        if p < .3:
            return rng.choice(("Can you tell me a story about {}?", "Could you tell a story about {}?", "Do you know the story of {}?", "Will you tell me about {}?")).format(
                self.without_deed() if self.says(.4) else self.who_does())
        if p < .6:
            return f"What happens when {self.sentence('s')}?"
        if p < .8:
            return f"What if {self.sentence('s')}?"
        text, *_ = self.deed("base")
        return f"{rng.choice(('Why did', 'How did', 'Where did', 'When did', 'Why does', 'Will'))} the {self.noun('H')} {text}{self.where(.4)}?"

    def who_does(self):
        text, *_ = self.deed("s")
        return f"{self.person('H').rstrip(',')} who {text}{self.where(.4)} {self.when()}".strip()

    def paragraph(self):
        from world import PLACE
        rng, says, plan = self.rng, self.says, self.plan
        who = plan["H"]
        he = rng.choice(("he", "she", "it"))
        noun = self.noun("H")
        first = rng.choice((f"Once there was {a(noun)} called {who['name']} who lived {PLACE[plan['place']][1]}.", f"{who['name']} is {a(noun)} and lives {PLACE[plan['place']][1]}.",
                            f"There was once {a(noun)} named {who['name']}, {PLACE[plan['place']][1]}.", f"{who['name']} the {noun} lived {PLACE[plan['place']][1]}. {who['name']} was kind to all."))
        middle = rng.choice(("", "", f" Every day {he} looked out and wondered what the world was like.", f" {he.capitalize()} liked to sing and to laugh.", f" Nobody knew {he} had a dream.", f" {he.capitalize()} had a good heart."))
        text, has_friend, _, _ = self.deed("past")
        last = rng.choice((f" One day {he} {text}.", f" Then {he} {text}.", f" One morning {who['name']} {text}."))
        if plan["friend"] and not has_friend and says(.6):
            last += f" On the way {he} met {self.person('F', plain=True).rstrip(',')}." if not plan["together"] else f" With {'him' if he == 'he' else 'her' if he == 'she' else 'it'} was {self.person('F', plain=True).rstrip(',')}."
        return first + middle + last

    def strange(self):
        """A deed that the world does not have."""
        rng = self.rng
        verb = conjugate(rng.choice(STRANGE_VERBS), "s")
        friend = f" with {self.person('F', plain=True).rstrip(',')}" if self.plan["friend"] and self.plan["together"] and self.says(.5) else ""
        return f"{self.person('H')} {verb} {a(rng.choice(ANYTHING))}{friend}{self.where(.5)} {self.when()}".strip()

    def foreign(self):
        word = self.rng.choice(OTHER_TONGUES[self.plan["H"]["species"]])
        return self.rng.choice(FOREIGN[script_of(word)]).format(x=word)


def prompt_for(rng, plan):
    from world import draw_person
    ask = Asker(rng, plan)
    says = ask.says
    if plan["friend"] and plan["plot"] in ("bake", "find", "lose", "go", "dance", "play", "fly", "picnic", "read", "treasure", "plant", "hide", "stars", "race") and says(.07):
        plan["T"] = draw_person(rng, [plan["H"], plan["F"]])
        plan["together"] = True
    p = rng.random()
    if plan.get("T") or p < .36:
        body = ask.sentence(rng.choice(("s", "s", "s", "past")))
        form = rng.random()
        text = (f"A story about {body}." if form < .1 else f"Tell me a story about {body}." if form < .16 else f"Once upon a time, {body}." if form < .22 else
                body if form < .34 else body + ".")
    elif p < .41:
        text = rng.choice(("", "A story about ", "Tell me about ", "I like ")) + ask.sentence("ing") + rng.choice(("", "."))
    elif p < .60:
        text = rng.choice(("", "", "A story about ", "Tell me a story about ", "Something about ", "One with ", "A bedtime story about ", "a tale of ")) + ask.without_deed() + rng.choice(("", ".", "."))
    elif p < .68:
        text = ask.title()
    elif p < .76:
        text = ask.words()
    elif p < .83:
        text = ask.question()
    elif p < .90:
        text = ask.paragraph()
    elif p < .96:
        text = ask.strange() + rng.choice(("", "."))
    else:
        text = ask.foreign()
        return text
    text = text.replace(",.", ".").replace(" ,", ",").replace(",,", ",").replace("  ", " ").rstrip(", ")
    text = text[0].upper() + text[1:]
    if says(.1):
        before = rng.choice(PLEASE_BEFORE).format(n=rng.choice(_names()))
        text = before + (text if before[-2] in ".!:?" or text.split()[0] in (plan["H"]["name"],) else text[0].lower() + text[1:])
    if says(.07):
        text = text.rstrip(".") + rng.choice(PLEASE_AFTER).format(n=rng.choice(_names()))
    for chance in (.14, .04):
        if says(chance):
            text = typo(rng, text, [plan[k]["name"] for k in "HFT" if plan.get(k)])
    case = rng.random()
    return text.lower() if case < .12 else text.upper() if case < .17 else text.title() if case < .2 else _some_upper(rng, text) if case < .23 else text


def _some_upper(rng, text):
    return " ".join(w.upper() if rng.random() < .25 else w.lower() if rng.random() < .3 else w for w in text.split())


def _names():
    from world import NAMES
    return NAMES

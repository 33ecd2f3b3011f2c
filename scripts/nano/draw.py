"""Pictures of the story world: one `truth` record in, one square picture out.

    truth      one frame; what is not named in a record of an older story has the value in brackets
    place      of PLACES                     backdrop   0, 1 or 2; in words BACKDROPS[place][backdrop]; one for a whole story [0]
    time       of TIMES                      weather    of WEATHERS (indoors always clear)
    shot       how near: "far", "medium", "close"
    side       where the first of `who` stands: "left", "middle" (only alone), "right" [alone "middle", of two "left"]
    in_bed     the first lies in bed; only in the bedroom
    ground     a thing on the ground, or "none": beside who is alone, between two
    who        one or two persons: name, species, colour of the shirt, worn, pose, held ("none" or a thing), and
    mood       of MOODS: smile, laugh, frown (with tears), asleep, afraid [what the pose brings: POSE_MOOD]

What is held is in the hand away from the other one (alone: where there is more room), below the face. Who cheers or waves has put it down beside the foot; in
bed it lies on the blanket. `seen(truth)` says what of a record can be read off the picture, in the picture's own order.

A character is an animal's head (faces.py) on a body drawn here: torso in the shirt's colour, limbs in the fur's. Everything has a dark
outline. A shirt has light piping (white ones blue) and, of its colour's shades, one that is far from the fur: nothing vanishes against
fur, ground or snow. Everything is drawn at twice the wanted size and reduced, which is all the antialiasing there is.

The icons are Fluent Emoji (flat) by Microsoft, MIT licence, in the JSON of the npm package @iconify-json/fluent-emoji-flat 1.2.6
(`npm pack @iconify-json/fluent-emoji-flat@1.2.6`, file icons.json). They are an argument, never part of this repository. `none`
instead of a file draws plain shapes of our own: enough for tests, not for a model that should look well. Heroes since the first
drawing: lion, tiger, monkey, cow, wolf, raccoon, penguin, chick. Things: carrot, drum, guitar, cookie, bucket, letter, honey,
watermelon, rocket, pumpkin, fish, lollipop.

What is discrete in a picture comes from `truth`; only the jitter below is random, because a regressed feature is a mean: whatever the
text does not say would come out as a blur.
"""
import io
import json
import random
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFilter

from faces import MOODS, SPECIES, head_svg
from places import BACKDROPS, CANVAS, INDOORS, PLACES, TIMES, WEATHERS, Backdrop, mix, paste

JITTER = 2   # pixels of the canvas by which a character may stand elsewhere
OUTLINE = 4  # width of all outlines on the canvas: 2 pixels of 128
INK = (35, 28, 42)

# shades of each colour, the best first; `piping` is the line round the shirt
SHADES = {"red": ((226, 50, 54), (172, 18, 40)), "blue": ((52, 120, 220), (24, 72, 176)), "green": ((34, 142, 74), (12, 100, 56)),
          "yellow": ((250, 206, 40), (255, 240, 150)), "purple": ((146, 84, 208), (100, 40, 170)), "pink": ((250, 120, 178), (255, 178, 214)),
          "orange": ((246, 128, 30), (255, 186, 110)), "white": ((250, 250, 252),)}
SHIRTS = {colour: shades[0] for colour, shades in SHADES.items()}
PIPING = {colour: (255, 250, 240) for colour in SHADES} | {"white": (70, 110, 200), "yellow": (150, 84, 16)}
APART = 24   # the least colour distance (CIE 1976) between a shirt and what it lies on

WORN = ("none", "scarf", "tall hat", "straw hat", "crown", "bow")
OBJECTS = {"lantern": "red-paper-lantern", "balloon": "balloon", "kite": "kite", "key": "key", "map": "world-map", "star": "star",
           "gift": "wrapped-gift", "ball": "soccer-ball", "book": "blue-book", "flower": "tulip", "apple": "red-apple", "bell": "bell",
           "shell": "spiral-shell", "cake": "birthday-cake", "umbrella": "umbrella", "teddy": "teddy-bear", "carrot": "carrot", "drum": "drum",
           "guitar": "guitar", "cookie": "cookie", "bucket": "bucket", "letter": "envelope", "honey": "honey-pot", "watermelon": "watermelon",
           "rocket": "rocket", "pumpkin": "jack-o-lantern", "fish": "fish", "lollipop": "lollipop"}
POSES = ("stand", "wave", "cheer", "walk", "sit", "sad", "hold", "sleep")
RAISED = ("wave", "cheer")  # poses whose hands are up and hold nothing
POSE_MOOD = {"cheer": "laugh", "sad": "frown", "sleep": "asleep"}
SHOTS = ("medium", "close", "far")
SIDES = ("left", "middle", "right")

# figure's height and where its feet are, by shot, alone and for two; x of left, middle, right; a thing's size
ALONE = {"far": (124, 216), "medium": (186, 238), "close": (228, 270)}
PAIR = {"far": (116, 218), "medium": (158, 238), "close": (184, 257)}
SPOTS = {"far": (70, 128, 186), "medium": (84, 128, 172), "close": (88, 128, 168)}
PAIR_SPOTS = {"far": (84, 172), "medium": (80, 176), "close": (72, 184)}
THING = {"far": 52, "medium": 72, "close": 82}


def lab(colour):
    """CIE L*a*b* of an sRGB colour, D65."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour))
    xyz = ((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047, 0.2126 * r + 0.7152 * g + 0.0722 * b, (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883)
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(lab(a), lab(b))) ** 0.5


@lru_cache(maxsize=None)
def shirt_shade(colour, species):
    """The first shade that is APART from the fur, else the farthest."""
    fur = SPECIES[species]["fur"]
    return next((s for s in SHADES[colour] if distance(s, fur) >= APART), max(SHADES[colour], key=lambda s: distance(s, fur)))


def mood_of(person):
    if person["pose"] == "sleep":
        return "asleep"
    return person.get("mood") or POSE_MOOD.get(person["pose"], "smile")


def side_of(truth):
    return truth.get("side") or ("middle" if len(truth["who"]) == 1 else "left")


def seen(truth):
    """What the picture shows, from left to right: a reader can be asked for this, and for no more."""
    people = truth["who"][:1] if truth["in_bed"] else truth["who"]
    if len(people) == 2 and side_of(truth) == "right":
        people = people[::-1]
    scene = {k: truth[k] for k in ("place", "time", "weather")}
    scene.update(backdrop=truth.get("backdrop", 0), in_bed=truth["in_bed"], count=len(people), shot="medium" if truth["in_bed"] else truth["shot"],
                 ground="none" if truth["in_bed"] else truth["ground"], side=side_of(truth) if len(people) == 1 and not truth["in_bed"] else None)
    who = []
    for person in people:
        pose, mood = {"hold": "stand"}.get(person["pose"], person["pose"]), mood_of(person)
        pose = None if truth["in_bed"] else "sleep" if (pose, mood) == ("sit", "asleep") else pose
        who.append({k: person[k] for k in ("species", "colour", "worn", "held")} | {"pose": pose, "mood": mood})
    return scene | {"who": who}


def any_scene(rng):
    """A record whose every field is drawn by itself: what readers are trained on and tests look at."""
    place = rng.choice(PLACES)
    species, colours = rng.sample(sorted(SPECIES), 2), rng.sample(sorted(SHADES), 2)
    who = []
    for s, c in zip(species, colours):
        pose = rng.choice(("stand", "wave", "cheer", "walk", "sit", "sad", "sleep"))
        mood = POSE_MOOD.get(pose) if pose == "sleep" or rng.random() < .4 else rng.choice([m for m in MOODS if m != "asleep"])
        person = dict(name="Mia", species=s, colour=c, worn=rng.choice(WORN), pose=pose, held=rng.choice(tuple(OBJECTS)) if rng.random() < .7 else "none")
        who.append(person | ({"mood": mood} if mood else {}))
    in_bed = place == "bedroom" and rng.random() < .3
    who = who[:1] if in_bed or rng.random() < .35 else who
    side = rng.choice(SIDES) if len(who) == 1 else rng.choice(("left", "right"))
    if in_bed:
        who[0]["pose"] = rng.choice(("sleep", "stand"))
        who[0]["mood"] = POSE_MOOD.get(who[0]["pose"], "smile")
    ground = rng.choice(tuple(OBJECTS)) if rng.random() < .4 and not in_bed and all(p["pose"] not in RAISED or p["held"] == "none" for p in who) else "none"
    return dict(place=place, backdrop=rng.randrange(3), time=rng.choice(TIMES), weather="clear" if place in INDOORS else rng.choice(WEATHERS),
                shot=rng.choice(SHOTS), side=side, in_bed=in_bed, ground=ground, who=who)


class Icons:
    """Rasterised icons by name and size. Without an icon file, shapes of our own stand in."""

    def __init__(self, path):
        self.bodies = None
        if path != "none":
            with open(path) as file:
                self.bodies = json.load(file)["icons"]
        self.get = lru_cache(maxsize=2048)(self.get)
        self.master = lru_cache(maxsize=None)(self.master)

    def master(self, name, mood=None):
        """An icon, or with a mood the head of species `name`, larger than it is needed."""
        side = 192
        if self.bodies is None:
            return stand_in(name, mood, side)
        import cairosvg  # only needed with an icon file
        inside = head_svg(name, mood, self.bodies) if mood else self.bodies[name]["body"]
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="{side}" height="{side}">{inside}</svg>'
        return Image.open(io.BytesIO(cairosvg.svg2png(svg.encode()))).convert("RGBA")

    def get(self, name, size, mood=None):
        size = max(2, round(size))
        return self.master(name, mood).resize((size, size), Image.LANCZOS, reducing_gap=2.0)


def stand_in(name, mood, size):
    """A disc whose two colours depend on the name; heads get ears, eyes and a mouth."""
    image = Image.new("RGBA", (size, size))
    pen = ImageDraw.Draw(image)
    if mood is None:
        dice = random.Random(name)
        colours = [tuple(dice.randrange(40, 230) for _ in range(3)) for _ in range(2)]
        pen.ellipse((size * .1, size * .1, size * .9, size * .9), fill=colours[0])
        pen.pieslice((size * .1, size * .1, size * .9, size * .9), 0, 180, fill=colours[1])
        return image
    fur = SPECIES[name]["fur"]
    for x in (.22, .78):
        pen.ellipse((size * (x - .16), size * .04, size * (x + .16), size * .36), fill=fur)
    pen.ellipse((size * .06, size * .14, size * .94, size * .96), fill=fur)
    for x in (.37, .63):
        pen.ellipse((size * (x - .04), size * .5, size * (x + .04), size * (.52 if mood == "asleep" else .62)), fill=(28, 28, 28))
    pen.rectangle((size * .34, size * .66, size * .66, size * (.68 + .055 * MOODS.index(mood))), fill=(120, 20, 50))
    return image


def outlined(sprite, width=OUTLINE):
    """The sprite on a dark shape that is `width` larger on all sides; the picture grows by that."""
    image = Image.new("RGBA", (sprite.width + 2 * width, sprite.height + 2 * width))
    image.paste(sprite, (width, width))
    alpha = image.getchannel("A")
    wide = alpha.filter(ImageFilter.GaussianBlur(width * .55)).point(lambda v: min(255, v * 14))
    dark = Image.new("RGBA", image.size, INK + (0,))
    dark.putalpha(wide)
    dark.alpha_composite(image)
    return dark


class Body:
    """Everything of a character but the head, drawn at twice the size.

    Design: 205 units from the feet to the top of the head, the body's middle at (0, 0) on the ground, up is negative. `left` is
    the hand that holds or waves. Parts are drawn from back to front, each with its outline.
    """

    WIDTH, HEIGHT, GROUND = 240, 220, 196

    def __init__(self, species, colour, worn, pose, holds, height):
        k = self.k = 2 * height / 205
        self.image = Image.new("RGBA", (round(self.WIDTH * k), round(self.HEIGHT * k)))
        self.pen = ImageDraw.Draw(self.image)
        fur, shirt, piping = SPECIES[species]["fur"], shirt_shade(colour, species), PIPING[colour]
        foot = SPECIES[species].get("foot", fur)
        self.pen.ellipse(self.at(-52, -7, 52, 9), fill=(30, 40, 50, 80))  # shadow
        sits = pose in ("sit", "sleep")
        lift = 16 if pose == "cheer" else 0
        self.drop = base = 22 if sits else -lift
        self.tail(species, base if not sits else base - 18, fur)
        if sits:
            for s in (-1, 1):
                self.part([("limb", 16 * s, base - 32, 36 * s, base - 26, 22, fur), ("oval", 44 * s, base - 28, 14, 16, mix(foot, (255, 255, 255), .3))])
        elif pose == "walk":
            self.part([("limb", 14, base - 34, 26, base - 10, 22, fur), ("oval", 33, base - 7, 18, 10, foot)])
            self.part([("limb", -14, base - 34, -40, base - 18, 22, fur), ("oval", -50, base - 18, 12, 16, foot)])
        else:
            spread = 10 if pose == "cheer" else 0
            for s in (-1, 1):
                self.part([("limb", 17 * s, base - 34, (19 + spread) * s, base - 10, 22, fur), ("oval", (24 + spread) * s, base - 7, 17, 10, foot)])
        left = {"wave": (-84, -112), "cheer": (-72, -118), "walk": (-62, -56), "sad": (-30, -44)}.get(pose, (-54, -46))
        right = {"cheer": (72, -118), "walk": (70, -88), "sad": (30, -44)}.get(pose, (54, -46))
        if holds and pose not in RAISED:
            left = (-58, -58)
        self.hand = (left[0], left[1] + base)
        raised = [arm for arm in (left, right) if arm[1] < -100]
        for arm in raised:
            self.arm(arm, base, fur, shirt, piping)
        self.torso(base, shirt, piping)
        for arm in (left, right):
            if arm not in raised:
                self.arm(arm, base, fur, shirt, piping)
        if worn == "scarf":
            red, stripe = (220, 30, 56), (255, 240, 230)
            self.part([("bar", -30, base - 92, -8, base - 46, 5, red)], [("bar", -30, base - 58, -8, base - 52, 1, stripe)])
            self.part([("bar", -40, base - 108, 40, base - 84, 10, red)], [("bar", x, base - 106, x + 6, base - 86, 1, stripe) for x in (-26, -4, 18)])
        self.image = self.image.resize((self.image.width // 2, self.image.height // 2), Image.BOX)

    def at(self, *xy):
        return tuple((v + (self.WIDTH / 2 if i % 2 == 0 else self.GROUND)) * self.k for i, v in enumerate(xy))

    def part(self, shapes, inside=()):
        """Shapes that share one outline, then what is drawn within them without one."""
        grow = 2 * OUTLINE / self.k
        for wide in (grow, 0):
            for shape in shapes:
                self.shape(shape, wide, INK if wide else shape[-1])
        for shape in inside:
            self.shape(shape, 0, shape[-1])

    def shape(self, shape, grow, fill):
        kind, *a = shape
        if kind == "oval":
            x, y, rx, ry, _ = a
            self.pen.ellipse(self.at(x - rx - grow, y - ry - grow, x + rx + grow, y + ry + grow), fill=fill)
        elif kind == "bar":
            x0, y0, x1, y1, radius, _ = a
            self.pen.rounded_rectangle(self.at(x0 - grow, y0 - grow, x1 + grow, y1 + grow), radius=(radius + grow) * self.k, fill=fill)
        else:
            x0, y0, x1, y1, width, _ = a
            width += 2 * grow
            self.pen.line(self.at(x0, y0, x1, y1), fill=fill, width=round(width * self.k))
            for x, y in ((x0, y0), (x1, y1)):
                self.pen.ellipse(self.at(x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=fill)

    def tail(self, species, base, fur):
        if species in ("fox", "wolf", "raccoon"):
            tip = {"fox": (255, 240, 214), "wolf": (225, 225, 228), "raccoon": (70, 70, 74)}[species]
            self.part([("limb", -30, base - 34, -62, base - 62, 24, fur)])
            self.part([("oval", -66, base - 70, 13, 13, tip)])
        elif species in ("cat", "mouse", "tiger", "lion", "monkey", "cow"):
            colour = (240, 140, 150) if species == "mouse" else fur
            self.part([("limb", -30, base - 26, -60, base - 40, 8, colour), ("limb", -60, base - 40, -58, base - 66, 8, colour)])
            if species in ("lion", "cow"):
                self.part([("oval", -58, base - 72, 9, 10, (109, 69, 52))])

    def torso(self, base, shirt, piping):
        dark = mix(shirt, (0, 0, 0), .16)
        button = piping if distance(piping, shirt) > 40 else (120, 120, 140)
        self.part([("bar", -37, base - 100, 37, base - 22, 26, piping)],
                  [("bar", -33, base - 96, 33, base - 26, 22, shirt), ("bar", -33, base - 38, 33, base - 26, 10, dark), ("bar", -35, base - 41, 35, base - 37, 1, piping),
                   ("oval", 0, base - 72, 5, 5, button), ("oval", 0, base - 54, 5, 5, button)])

    def arm(self, hand, base, fur, shirt, piping):
        x, y = hand
        sx = 30 if x > 0 else -30
        far = lambda t: (sx + (x - sx) * t, base - 82 + (y + 82) * t)
        sleeve = mix(shirt, (0, 0, 0), .06)
        self.part([("limb", *far(.6), x, base + y, 16, fur), ("oval", x, base + y, 11, 11, fur)])
        self.part([("limb", sx, base - 82, *far(.6), 22, piping)], [("limb", sx, base - 82, *far(.46), 22, sleeve)])


class Painter:
    def __init__(self, icons, size=128):
        self.icons = Icons(icons)
        self.size = size
        self.backdrop = lru_cache(maxsize=512)(self.backdrop)
        self.body = lru_cache(maxsize=1024)(self.body)
        self.head = lru_cache(maxsize=1024)(self.head)
        for small in ("thing", "fist", "zzz"):
            setattr(self, small, lru_cache(maxsize=256)(getattr(self, small)))

    # --- characters -------------------------------------------------------------------------------------------------

    def head(self, species, worn, mood, size, tilt=0):
        """The head with what is worn on it, in a square of 1.6 x size whose centre is the head's centre."""
        spec = SPECIES[species]
        side = round(size * 1.6)
        image = Image.new("RGBA", (side, side))
        off = (side - size) // 2
        unit = size / 32
        icon = self.icons.get(species, size, mood)
        image.alpha_composite(outlined(icon), (off - OUTLINE, off - OUTLINE))

        def put(name, width, x, bottom):
            """`width` of the icon's drawing in units; x and bottom in the head's 32 x 32 box."""
            sprite = self.icons.get(name, width * unit)
            box = sprite.getbbox()
            sprite = outlined(sprite.crop(box))
            image.alpha_composite(sprite, (round(off + x * unit - sprite.width / 2), max(0, round(off + bottom * unit - sprite.height))))

        bottom, room = spec["hat"][:2]
        middle = spec["hat"][2] if len(spec["hat"]) > 2 else spec["mouth"][0]
        if worn == "tall hat":
            put("top-hat", room * 1.05 + 2, middle, bottom + 1)
        elif worn == "straw hat":
            put("womans-hat", room * 1.15 + 5, middle, bottom + 1)
        elif worn == "crown":
            put("crown", room * .9 + 3, middle, bottom + 1)
        elif worn == "bow":
            x, y = spec["bow"]
            put("ribbon", 12.5, x, y + 6)
        return image.rotate(tilt, Image.BICUBIC) if tilt else image

    def body(self, species, colour, worn, pose, holds, height):
        return Body(species, colour, worn, pose, holds, height)

    def thing(self, name, size):
        return outlined(self.icons.get(OBJECTS[name], size))

    def character(self, who, x, ground, height, mirrored, size):
        """What is to be pasted for one person, as (layer, sprite, x, y): bodies lie under things, things under heads, things on the ground
        over all. `mirrored`: holds to the right instead of to the left. `size`: of what is held."""
        k = height / 205
        pose = {"hold": "stand"}.get(who["pose"], who["pose"])
        out = 1 if mirrored else -1
        body = self.body(who["species"], who["colour"], "scarf" if who["worn"] == "scarf" else "none", pose, who["held"] != "none", round(height))
        sprite = body.image.transpose(Image.FLIP_LEFT_RIGHT) if mirrored else body.image
        yield 0, sprite, x - body.WIDTH / 2 * k, ground - body.GROUND * k
        if who["held"] != "none":
            thing = self.thing(who["held"], size)
            half = thing.width / 2
            hand = (x - body.hand[0] * out * k, ground + body.hand[1] * k)
            cx, cy = (x + out * 72 * k, ground - .3 * size) if pose in RAISED else (hand[0] + out * .12 * size, hand[1] + .22 * size)
            cx, cy = min(max(cx, half - 2), CANVAS - half + 2), min(cy, CANVAS - half + 3)
            yield 3 if pose in RAISED else 1, thing, cx - half, cy - half
            if pose in ("stand", "walk"):
                fist = self.fist(who["species"], round(10 * k))
                yield 1, fist, cx - out * .36 * size - fist.width / 2, cy - fist.height / 2
        head = self.head(who["species"], who["worn"], mood_of(who), round(118 * k), {"sad": 8, "walk": -7}.get(pose, 0) * out)
        y = ground + (body.drop - 142) * k
        yield 2, head, x - head.width / 2 - (6 * k * out if pose == "walk" else 0), y - head.height / 2
        if mood_of(who) == "asleep":
            yield 3, self.zzz(round(50 * k)), x + out * 50 * k - 25 * k, y - 92 * k

    def fist(self, species, r):
        image = Image.new("RGBA", (4 * r, 4 * r))
        ImageDraw.Draw(image).ellipse((0, 0, 4 * r - 1, 4 * r - 1), fill=SPECIES[species]["fur"])
        return outlined(image.resize((2 * r, 2 * r), Image.BOX), 3)

    def zzz(self, size):
        return outlined(self.icons.get("zzz", size), 3)

    # --- one frame --------------------------------------------------------------------------------------------------

    def backdrop(self, place, kind, time, weather, close):
        """The place; for a close picture its middle, enlarged."""
        image = Backdrop(self.icons, place, kind, time, weather).image
        return image.crop((32, 24, 224, 216)).resize((CANVAS, CANVAS), Image.BILINEAR) if close else image

    def frame(self, truth, rng=random):
        """An RGB picture of size x size for one truth record."""
        shot = "medium" if truth["in_bed"] else truth["shot"]
        image = self.backdrop(truth["place"], truth.get("backdrop", 0), truth["time"], truth["weather"], shot == "close").copy()
        if truth["in_bed"]:
            self.bed(image, truth["who"][0], truth["time"])
        else:
            for _, sprite, x, y in self.layers(truth, shot, rng):
                paste(image, sprite, x, y)
        return image.resize((self.size, self.size), Image.BOX if CANVAS % self.size == 0 else Image.LANCZOS)

    def layers(self, truth, shot, rng):
        """All sprites of the people and of what lies on the ground, as (layer, sprite, x, y), from the lowest to the uppermost."""
        who, side = truth["who"], side_of(truth)

        def jitter():
            return rng.uniform(-JITTER, JITTER)

        alone = len(who) == 1
        height, ground = (ALONE if alone else PAIR)[shot]
        size = THING[shot]
        spots = (SPOTS[shot][SIDES.index(side)],) if alone else PAIR_SPOTS[shot][::-1] if side == "right" else PAIR_SPOTS[shot]
        layers = []
        for person, x in zip(who, spots):
            layers += self.character(person, x + jitter(), ground + jitter(), height, mirrored=side != "right" if alone else x > 128, size=size)
        if truth["ground"] != "none":
            size = size if alone else min(size, 66)
            thing = self.thing(truth["ground"], size)
            x = 128 if not alone else 40 if side != "left" else 216
            y = min(ground + 14, CANVAS - 2) - size / 2
            layers.append((3, thing, x - thing.width / 2 + jitter(), y - thing.height / 2 + jitter()))
        return sorted(layers, key=lambda layer: layer[0])

    def bed(self, image, who, time):
        """The hero in bed: the head on a pillow, the blanket in the shirt's colour, what is held on it."""
        pen = ImageDraw.Draw(image)
        dim = {"day": 0, "sunset": .15, "night": .4}[time]

        def cloth(box, radius, fill):
            pen.rounded_rectangle(tuple(v + d for v, d in zip(box, (-OUTLINE, -OUTLINE, OUTLINE, OUTLINE))), radius=radius + OUTLINE, fill=INK)
            pen.rounded_rectangle(box, radius=radius, fill=fill)

        cloth((54, 84, 202, 240), 18, mix((150, 94, 56), (20, 20, 60), dim))
        cloth((70, 102, 186, 190), 22, mix((252, 250, 244), (60, 60, 130), dim * .5))
        head = self.head(who["species"], who["worn"], mood_of(who), 108)
        paste(image, head, 128 - head.width / 2, 138 - head.height / 2)
        shirt, piping = shirt_shade(who["colour"], who["species"]), PIPING[who["colour"]]
        if who["worn"] == "scarf":
            cloth((92, 178, 164, 198), 8, (220, 30, 56))
            for x in (106, 126, 146):
                pen.rectangle((x, 180, x + 5, 196), fill=(255, 240, 230))
        cloth((58, 190, 198, 252), 16, shirt)
        pen.rectangle((62, 200, 194, 206), fill=piping)
        if who["held"] != "none":
            thing = self.thing(who["held"], THING["medium"])
            paste(image, thing, 30, 172)
        if mood_of(who) == "asleep":
            paste(image, self.zzz(52), 194, 62)

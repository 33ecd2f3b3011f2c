"""Pictures of the story world: one `truth` record in, one square picture out.

A character is an animal head (an icon) on a body drawn here: torso in the shirt's colour, limbs in the fur's. Backgrounds are flat
shapes. Everything is drawn at twice the wanted size and reduced, which is all the antialiasing there is.

The icons are Fluent Emoji (flat) by Microsoft, MIT licence, in the JSON of the npm package @iconify-json/fluent-emoji-flat 1.2.6
(`npm pack @iconify-json/fluent-emoji-flat@1.2.6`, file icons.json). They are an argument, never part of this repository. `none`
instead of a file draws plain shapes of our own: enough for tests, not for a model that should look well.

What is discrete in a picture (place, time, weather, shot, who, pose, object) comes from `truth`; only the jitter below is random,
because a regressed feature is a mean: whatever the text does not say would come out as a blur.
"""
import io
import json
import random
from functools import lru_cache

from PIL import Image, ImageDraw

CANVAS = 256  # backgrounds and characters are designed on this grid
JITTER = 2    # pixels of the canvas by which a character may stand elsewhere

SHIRTS = {"red": (226, 59, 59), "blue": (52, 120, 220), "green": (58, 160, 80), "yellow": (247, 197, 44), "purple": (139, 88, 200),
          "pink": (244, 130, 178), "orange": (243, 134, 42), "white": (240, 240, 244)}

# icon, fur of the limbs, eyes in the icon's 32 x 32 box, skin under the eyes (None: fur), top of the head for hats
SPECIES = {
    "fox": dict(icon="fox", fur=(246, 130, 49), eyes=((12, 18.5), (20, 18.5)), hat=7.5),
    "rabbit": dict(icon="rabbit-face", fur=(205, 196, 214), eyes=((12, 18.5), (20, 18.5)), hat=13),
    "bear": dict(icon="bear", fur=(166, 104, 82), eyes=((12, 16), (20, 16)), hat=6.5),
    "cat": dict(icon="cat-face", fur=(255, 176, 46), eyes=((12, 18.5), (20, 18.5)), hat=9),
    "dog": dict(icon="dog-face", fur=(243, 192, 123), eyes=((13, 13.5), (19, 13.5)), hat=6),
    "mouse": dict(icon="mouse-face", fur=(190, 182, 204), eyes=((12, 22.5), (20, 22.5)), hat=12),
    "frog": dict(icon="frog", fur=(0, 210, 106), eyes=((9.5, 8.5), (22.5, 8.5)), hat=4.5),
    "panda": dict(icon="panda", fur=(67, 59, 107), eyes=((12, 16.5), (20, 16.5)), skin=(243, 238, 248), hat=6.5),
    "pig": dict(icon="pig-face", fur=(255, 134, 135), eyes=((12, 15.5), (20, 15.5)), hat=6.5),
    "koala": dict(icon="koala", fur=(155, 155, 155), eyes=((10, 17.5), (22, 17.5)), hat=8),
}
WORN = ("none", "scarf", "tall hat", "straw hat", "crown", "bow")
OBJECTS = {"lantern": "red-paper-lantern", "balloon": "balloon", "kite": "kite", "key": "key", "map": "world-map", "star": "star",
           "gift": "wrapped-gift", "ball": "soccer-ball", "book": "blue-book", "flower": "tulip", "apple": "red-apple", "bell": "bell",
           "shell": "spiral-shell", "cake": "birthday-cake", "umbrella": "umbrella", "teddy": "teddy-bear"}
PLACES = ("meadow", "forest", "beach", "town", "snow", "mountain", "pond", "farm", "castle", "fair", "kitchen", "bedroom")
INDOORS = ("kitchen", "bedroom")
TIMES = ("day", "sunset", "night")
WEATHERS = ("clear", "rain", "snowfall", "rainbow")
POSES = ("stand", "wave", "cheer", "walk", "sit", "sad", "hold", "sleep")
SHOTS = ("medium", "close")


class Icons:
    """Rasterised icons by name and size. Without an icon file, shapes of our own stand in."""

    def __init__(self, path):
        self.bodies = None if path == "none" else json.load(open(path))["icons"]

    @lru_cache(maxsize=4096)
    def get(self, name, size):
        size = max(2, round(size))
        if self.bodies is None:
            return stand_in(name, size)
        import cairosvg  # only needed with an icon file
        icon = self.bodies[name]
        svg = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {icon.get("width", 32)} {icon.get("height", 32)}" '
               f'width="{size}" height="{size}">{icon["body"]}</svg>')
        return Image.open(io.BytesIO(cairosvg.svg2png(svg.encode()))).convert("RGBA")


def stand_in(name, size):
    """A disc (heads get ears and eyes) whose colour depends on the name."""
    image = Image.new("RGBA", (size, size))
    pen = ImageDraw.Draw(image)
    fur = next((s["fur"] for s in SPECIES.values() if s["icon"] == name), None)
    if fur is None:
        colour = tuple(random.Random(name).randrange(40, 230) for _ in range(3))
        pen.ellipse((size * .1, size * .1, size * .9, size * .9), fill=colour)
        return image
    for x in (.22, .78):
        pen.ellipse((size * (x - .16), size * .04, size * (x + .16), size * .36), fill=fur)
    pen.ellipse((size * .06, size * .14, size * .94, size * .96), fill=fur)
    for x in (.37, .63):
        pen.ellipse((size * (x - .04), size * .5, size * (x + .04), size * .62), fill=(28, 28, 28))
    return image


def mix(a, b, t):
    return tuple(round(x + (y - x) * t) for x, y in zip(a, b))


class Painter:
    def __init__(self, icons, size=128):
        self.icons = Icons(icons)
        self.size = size
        self.backdrop = lru_cache(maxsize=512)(self.backdrop)
        self.body = lru_cache(maxsize=4096)(self.body)
        self.head = lru_cache(maxsize=2048)(self.head)

    # --- characters -------------------------------------------------------------------------------------------------

    def head(self, species, worn, asleep, size):
        """The head with what is worn on it, in a square of 1.5 x size whose centre is the head's centre."""
        spec = SPECIES[species]
        side = round(size * 1.5)
        image = Image.new("RGBA", (side, side))
        off = (side - size) // 2
        icon = self.icons.get(spec["icon"], size).copy()
        unit = size / 32
        if asleep:
            pen = ImageDraw.Draw(icon)
            r = 3.6 if species == "frog" else 1.5
            for x, y in spec["eyes"]:
                skin = spec.get("skin", spec["fur"]) if species != "panda" else (103, 94, 140)
                pen.ellipse(((x - r) * unit, (y - r - .4) * unit, (x + r) * unit, (y + r + .4) * unit), fill=skin + (255,))
                pen.arc(((x - 1.7) * unit, (y - 1.6) * unit, (x + 1.7) * unit, (y + 1.4) * unit), 10, 170, fill=(40, 30, 40, 255),
                        width=max(2, round(.75 * unit)))
        image.alpha_composite(icon, (off, off))
        top = off + spec["hat"] * unit

        def put(name, width, x, bottom):
            sprite = self.icons.get(name, width * size)
            image.alpha_composite(sprite, (max(0, round(side / 2 + x * size - sprite.width / 2)), max(0, round(bottom - sprite.height))))

        if worn == "tall hat":
            put("top-hat", .56, 0, top + .1 * size)
        elif worn == "straw hat":
            put("womans-hat", .7, 0, top + .1 * size)
        elif worn == "crown":
            put("crown", .5, 0, top + .1 * size)
        elif worn == "bow":
            put("ribbon", .42, .24, top + .2 * size)
        return image

    def body(self, species, colour, worn, pose, mirrored, height):
        """Everything but the head, drawn at twice the size; returns it with the hand that holds things (canvas units)."""
        k = 2 * height / 205  # design: 205 units from the feet to the top of the head
        w, h, cx, ground = 240, 220, 120, 200
        image = Image.new("RGBA", (round(w * k), round(h * k)))
        pen = ImageDraw.Draw(image)
        fur, shirt = SPECIES[species]["fur"], SHIRTS[colour]
        dark, sleeve = mix(shirt, (0, 0, 0), .18), mix(shirt, (0, 0, 0), .1)

        def oval(x, y, rx, ry, fill):
            pen.ellipse(((x - rx) * k, (y - ry) * k, (x + rx) * k, (y + ry) * k), fill=fill)

        def limb(x0, y0, x1, y1, width, fill):
            pen.line((x0 * k, y0 * k, x1 * k, y1 * k), fill=fill, width=round(width * k))
            for x, y in ((x0, y0), (x1, y1)):
                oval(x, y, width / 2, width / 2, fill)

        pen.ellipse(((cx - 52) * k, (ground - 7) * k, (cx + 52) * k, (ground + 9) * k), fill=(30, 40, 50, 70))  # shadow
        lift = 16 if pose == "cheer" else 0
        base = ground - lift
        if species == "fox":
            limb(cx - 30, base - 34, cx - 62, base - 66, 24, fur)
            oval(cx - 64, base - 72, 13, 13, (255, 240, 214))
        elif species in ("cat", "mouse"):
            limb(cx - 30, base - 26, cx - 60, base - 44, 8, (240, 140, 150) if species == "mouse" else fur)
            limb(cx - 60, base - 44, cx - 58, base - 72, 8, (240, 140, 150) if species == "mouse" else fur)
        if pose == "sit":
            base += 22
            limb(cx - 16, base - 30, cx - 36, base - 24, 24, fur)
            limb(cx + 16, base - 30, cx + 36, base - 24, 24, fur)
            oval(cx - 42, base - 26, 14, 16, mix(fur, (255, 255, 255), .25))
            oval(cx + 42, base - 26, 14, 16, mix(fur, (255, 255, 255), .25))
        elif pose == "walk":
            limb(cx - 14, base - 34, cx - 30, base - 10, 22, fur)
            limb(cx + 14, base - 34, cx + 24, base - 8, 22, fur)
            oval(cx - 36, base - 8, 17, 10, fur)
            oval(cx + 30, base - 6, 17, 10, fur)
        else:
            spread = 8 if pose == "cheer" else 0
            limb(cx - 17, base - 34, cx - 19 - spread, base - 10, 22, fur)
            limb(cx + 17, base - 34, cx + 19 + spread, base - 10, 22, fur)
            oval(cx - 23 - spread, base - 7, 17, 10, fur)
            oval(cx + 23 + spread, base - 7, 17, 10, fur)
        pen.rounded_rectangle(((cx - 37) * k, (base - 98) * k, (cx + 37) * k, (base - 24) * k), radius=26 * k, fill=shirt)
        pen.rounded_rectangle(((cx - 37) * k, (base - 38) * k, (cx + 37) * k, (base - 24) * k), radius=7 * k, fill=dark)
        for y in (70, 52):
            oval(cx, base - y, 4.5, 4.5, (255, 255, 255) if colour != "white" else (120, 120, 140))
        left = {"cheer": (-66, -128), "walk": (-58, -52), "sad": (-34, -40)}.get(pose, (-54, -46))
        right = {"wave": (70, -122), "cheer": (66, -128), "walk": (56, -66), "sad": (34, -40), "hold": (56, -70)}.get(pose, (54, -46))
        for x, y in (left, right):
            sx = 30 if x > 0 else -30
            limb(cx + sx, base - 82, cx + sx + (x - sx) * .62, base - 82 + (y + 82) * .62, 22, sleeve)
            limb(cx + sx + (x - sx) * .7, base - 82 + (y + 82) * .7, cx + x, base + y, 17, fur)
            oval(cx + x, base + y, 11, 11, fur)
        if worn == "scarf":
            pen.rounded_rectangle(((cx - 36) * k, (base - 104) * k, (cx + 36) * k, (base - 84) * k), radius=9 * k, fill=(214, 38, 60))
            pen.rounded_rectangle(((cx - 30) * k, (base - 92) * k, (cx - 12) * k, (base - 52) * k), radius=5 * k, fill=(190, 26, 50))
        image = image.resize((image.width // 2, image.height // 2), Image.BOX)
        hand = right
        if mirrored:
            image = image.transpose(Image.FLIP_LEFT_RIGHT)
            hand = (-right[0], right[1])
        drop = 22 if pose == "sit" else -lift
        return image, (hand[0], hand[1] + drop), drop

    def character(self, image, who, x, ground, height, mirrored):
        k = height / 205
        pose = who["pose"]
        if pose == "hold" and who["held"] == "none":
            pose = "stand"
        if who["held"] != "none" and pose in ("stand", "walk", "sit", "sad"):
            pose = {"stand": "hold"}.get(pose, pose)
        body, hand, drop = self.body(who["species"], who["colour"], who["worn"], pose, mirrored, round(height))
        paste(image, body, x - 120 * k, ground - 200 * k)
        size = round(118 * k)
        head = self.head(who["species"], who["worn"], pose == "sleep", size)
        tilt = {"sad": 10, "cheer": 0}.get(pose, 0)
        if tilt:
            head = head.rotate(tilt if mirrored else -tilt, Image.BICUBIC)
        y = ground + (drop - 140) * k
        paste(image, head, x - head.width / 2, y - head.height / 2)
        if pose == "sad":
            tear = ImageDraw.Draw(image)
            for dx in (-.2, .2):
                tx, ty = x + dx * size, y + .2 * size
                tear.ellipse((tx - .06 * size, ty - .04 * size, tx + .06 * size, ty + .14 * size), fill=(80, 170, 255))
        if who["held"] != "none":
            thing = self.icons.get(OBJECTS[who["held"]], 66 * k)
            hx, hy = x + hand[0] * k, ground + hand[1] * k
            lift = {"umbrella": -34, "balloon": -26, "lantern": 22, "kite": -20}.get(who["held"], -8) * k
            if pose in ("cheer", "wave"):
                lift -= 18 * k
            paste(image, thing, hx - thing.width / 2, hy + lift - thing.height / 2)

    # --- places -----------------------------------------------------------------------------------------------------

    def backdrop(self, place, time, weather):
        s = CANVAS
        image = Image.new("RGBA", (s, s))
        pen = ImageDraw.Draw(image)
        top, low = {"day": ((110, 192, 255), (214, 240, 255)), "sunset": ((255, 140, 84), (255, 220, 150)),
                    "night": ((22, 28, 80), (62, 66, 140))}[time]
        if weather in ("rain", "snowfall"):
            top, low = mix(top, (120, 130, 150), .6), mix(low, (170, 178, 195), .6)
        if place == "snow" and time == "day":
            top, low = mix(top, (190, 220, 245), .5), mix(low, (235, 243, 252), .5)
        tint = {"day": ((255, 255, 255), 0), "sunset": ((255, 120, 60), .24), "night": ((24, 30, 92), .5)}[time]

        def shade(colour):
            return mix(colour, *tint)

        def sky(x0, y0, x1, y1):
            for y in range(y0, y1):
                pen.line((x0, y, x1, y), fill=mix(top, low, (y - y0) / (y1 - y0)))

        def put(name, x, bottom, size):
            sprite = self.icons.get(name, size)
            if tint[1]:
                layer = Image.new("RGBA", sprite.size, tint[0] + (255,))
                layer = Image.blend(sprite, layer, tint[1])
                layer.putalpha(sprite.getchannel("A"))
                sprite = layer
            paste(image, sprite, x - size / 2, bottom - size)

        def heavens(x=212, y=40):
            if weather in ("rain", "snowfall"):
                for cx, cy in ((60, 30), (140, 22), (214, 34)):
                    for dx, dy, r in ((-24, 4, 20), (0, -4, 26), (26, 4, 20)):
                        pen.ellipse((cx + dx - r, cy + dy - r, cx + dx + r, cy + dy + r), fill=mix((150, 156, 172), (30, 34, 70), .5 if time == "night" else 0))
            elif time == "night":
                paste(image, self.icons.get("crescent-moon", 44), x - 22, y - 22)
                for sx, sy in ((30, 30), (78, 52), (120, 22), (164, 58), (40, 84)):
                    pen.ellipse((sx - 3, sy - 3, sx + 3, sy + 3), fill=(255, 244, 190))
            elif time == "sunset":
                pen.ellipse((x - 62, 92, x + 6, 160), fill=(255, 236, 140))
            else:
                for cx, cy in ((58, 40), (140, 26)):
                    for dx, dy, r in ((-20, 3, 13), (0, -3, 17), (20, 3, 13)):
                        pen.ellipse((cx + dx - r, cy + dy - r, cx + dx + r, cy + dy + r), fill=(255, 255, 255))
                paste(image, self.icons.get("sun", 52), x - 26, y - 26)
            if weather == "rainbow":
                for i, colour in enumerate(((240, 70, 70), (250, 160, 50), (250, 225, 80), (90, 200, 110), (80, 140, 240))):
                    pen.arc((20 + 7 * i, 24 + 7 * i, 236 - 7 * i, 240 - 7 * i), 180, 360, fill=colour, width=8)

        def hills(colour, y, left=30, right=10):
            pen.ellipse((-90, y - left, 170, y + 150), fill=shade(colour))
            pen.ellipse((90, y - right, 350, y + 150), fill=shade(mix(colour, (0, 0, 0), .07)))

        def ground(colour, y):
            pen.rectangle((0, y, s, s), fill=shade(colour))

        green = (124, 204, 90)
        if place not in INDOORS:
            sky(0, 0, s, 180)
            heavens()
        if place == "meadow":
            hills((150, 216, 110), 140)
            ground(green, 176)
            put("deciduous-tree", 228, 184, 84)
            for x, name in ((18, "tulip"), (58, "sunflower"), (206, "tulip"), (240, "sunflower")):
                put(name, x, 214, 34)
        elif place == "forest":
            ground((86, 140, 74), 140)
            for x in (40, 128, 216):
                put("evergreen-tree", x, 160, 92)
            for x, size in ((0, 150), (84, 110), (172, 110), (254, 150)):
                put("deciduous-tree" if size > 120 else "evergreen-tree", x, 196, size)
            ground((70, 122, 62), 190)
            put("mushroom", 226, 232, 34)
        elif place == "beach":
            pen.rectangle((0, 124, s, 180), fill=shade((40, 140, 220)))
            put("sailboat", 70, 140, 44)
            pen.rectangle((0, 154, s, 180), fill=shade((80, 180, 236)))
            ground((250, 222, 160), 172)
            put("palm-tree", 222, 200, 112)
        elif place == "town":
            ground((150, 196, 110), 150)
            for x, size in ((34, 100), (222, 100), (128, 84)):
                put("house", x, 176, size)
            ground((186, 180, 178), 176)
        elif place == "snow":
            hills((236, 244, 252), 132, 40, 20)
            put("evergreen-tree", 30, 176, 84)
            put("evergreen-tree", 74, 168, 56)
            ground((248, 251, 255), 170)
            put("snowman-without-snow", 224, 198, 66)
        elif place == "mountain":
            for x, y, r in ((60, 48, 110), (200, 30, 130)):
                pen.polygon(((x, y), (x - r, 180), (x + r, 180)), fill=shade((128, 128, 152)))
                pen.polygon(((x, y), (x - r * .26, y + 36), (x, y + 28), (x + r * .26, y + 36)), fill=shade((250, 250, 255)))
            ground((150, 168, 112), 168)
            for x, r in ((24, 20), (232, 24)):
                pen.ellipse((x - r, 190 - r, x + r, 190 + r * .6), fill=shade((150, 146, 146)))
        elif place == "pond":
            hills((140, 206, 120), 136, 16, 24)
            ground(green, 164)
            pen.ellipse((-40, 166, 190, 226), fill=shade((70, 160, 230)))
            put("herb", 226, 196, 44)
            put("duck", 40, 196, 44)
        elif place == "farm":
            hills((214, 200, 96), 146, 20, 16)
            ground((156, 200, 84), 172)
            pen.rectangle((8, 108, 88, 178), fill=shade((200, 60, 52)))
            pen.polygon(((0, 112), (48, 70), (96, 112)), fill=shade((120, 72, 60)))
            pen.rectangle((34, 134, 62, 178), fill=shade((250, 240, 226)))
            for y in (156, 170):
                pen.rectangle((110, y, s, y + 6), fill=shade((240, 226, 200)))
            for x in range(120, s, 34):
                pen.rectangle((x, 148, x + 8, 186), fill=shade((240, 226, 200)))
        elif place == "castle":
            hills((140, 208, 100), 150, 10, 10)
            put("castle", 128, 176, 150)
            ground(green, 172)
            pen.polygon(((112, 172), (144, 172), (200, s), (56, s)), fill=shade((228, 206, 160)))
        elif place == "fair":
            ground((214, 196, 130), 168)
            put("ferris-wheel", 50, 180, 120)
            put("circus-tent", 214, 180, 96)
            for i, x in enumerate(range(0, s, 32)):
                pen.polygon(((x, 4), (x + 28, 4), (x + 14, 26)), fill=tuple(SHIRTS.values())[i % 4])
        else:
            wall, floor = {"kitchen": ((255, 232, 196), (226, 150, 96)), "bedroom": ((200, 212, 250), (196, 146, 104))}[place]
            pen.rectangle((0, 0, s, s), fill=shade(wall))
            ground(floor, 178)
            pen.rectangle((20, 24, 108, 104), fill=shade((140, 92, 60)))
            for y in range(32, 97):
                pen.line((28, y, 100, y), fill=mix(top, low, (y - 32) / 65))
            if weather == "clear":
                if time == "night":
                    paste(image, self.icons.get("crescent-moon", 32), 56, 42)
                else:
                    pen.ellipse((52, 44, 80, 72), fill=(255, 226, 90))
            pen.rectangle((61, 32, 67, 97), fill=shade((140, 92, 60)))
            if place == "kitchen":
                pen.rectangle((140, 128, s, 200), fill=shade((164, 100, 62)))
                pen.rectangle((134, 120, s, 132), fill=shade((120, 72, 44)))
                put("teapot", 216, 124, 52)
                pen.ellipse((30, 206, 226, 250), fill=shade((250, 214, 120)))
            else:
                put("framed-picture", 206, 84, 60)
                pen.ellipse((30, 206, 226, 250), fill=shade((240, 160, 176)))
        if weather == "rain" and place not in INDOORS:
            for i in range(28):
                x, y = (i * 61) % 270, (i * 97) % 240
                pen.line((x, y, x - 8, y + 22), fill=(176, 214, 250), width=4)
        elif weather == "snowfall" and place not in INDOORS:
            for i in range(30):
                x, y = (i * 67 + 10) % 256, (i * 101 + 8) % 250
                pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=(255, 255, 255))
        return image

    # --- one frame --------------------------------------------------------------------------------------------------

    def frame(self, truth, rng=random):
        """An RGB picture of size x size for one truth record."""
        close = truth["shot"] == "close"
        image = self.backdrop(truth["place"], truth["time"], truth["weather"])
        if close:  # the camera goes nearer: the same place, cut and enlarged
            image = image.crop((32, 24, 224, 216)).resize((CANVAS, CANVAS), Image.BILINEAR)
        else:
            image = image.copy()
        who = truth["who"]

        def jitter():
            return rng.uniform(-JITTER, JITTER)

        if truth["in_bed"]:
            self.bed(image, who[0])
        else:
            height, ground = (250, 296) if close else (200, 236)
            if len(who) == 2:
                height, ground = (214, 268) if close else (172, 238)
            spots = (128,) if len(who) == 1 else ((70, 186) if not close else (66, 190))
            for i, (person, x) in enumerate(zip(who, spots)):
                self.character(image, person, x + jitter(), ground + jitter(), height, mirrored=i == 1)
            if truth["ground"] != "none":
                thing = self.icons.get(OBJECTS[truth["ground"]], 64)
                x, y = (222, 204) if len(who) == 1 else (128, 212)
                paste(image, thing, x - 32 + jitter(), y - 32 + jitter())
        return image.convert("RGB").resize((self.size, self.size), Image.BOX if CANVAS % self.size == 0 else Image.LANCZOS)

    def bed(self, image, who):
        """The hero in bed: the head on a pillow, the blanket in the shirt's colour."""
        pen = ImageDraw.Draw(image)
        dim = truth_dim(image)
        pen.rounded_rectangle((56, 92, 200, 240), radius=18, fill=mix((140, 88, 54), (20, 20, 60), dim))
        pen.rounded_rectangle((72, 108, 184, 190), radius=22, fill=mix((252, 250, 244), (60, 60, 130), dim * .5))
        asleep = who["pose"] == "sleep"
        head = self.head(who["species"], who["worn"] if who["worn"] != "scarf" else "none", asleep, 108)
        paste(image, head, 128 - head.width / 2, 142 - head.height / 2)
        shirt = SHIRTS[who["colour"]]
        pen.rounded_rectangle((62, 184, 194, 250), radius=16, fill=shirt)
        pen.rounded_rectangle((62, 184, 194, 204), radius=10, fill=mix(shirt, (255, 255, 255), .45))
        if asleep:
            paste(image, self.icons.get("zzz", 44), 188, 64)


def truth_dim(image):
    """0 by day, towards .5 at night: read off the wall, so that the bed is lit like the room."""
    return .45 if image.getpixel((200, 60))[0] < 140 else 0


def paste(image, sprite, x, y):
    image.paste(sprite, (round(x), round(y)), sprite)

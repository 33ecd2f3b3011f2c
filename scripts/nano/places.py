"""The places of the story world, each in three backdrops, at three times of day, in four weathers: flat shapes and a few icons.

A backdrop is told from its neighbours by what stands in it and by a colour of its own, so that a close picture, which cuts the sides
off, and a character before it leave enough of it to see. BACKDROPS has the words for a story's text.
"""
import math

from PIL import Image, ImageDraw

CANVAS = 256
BACKDROPS = {
    "meadow": ("with the big green tree", "with the blue brook", "with the pink cherry trees"),
    "forest": ("of green firs", "of red autumn trees", "of white birches"),
    "beach": ("with the palm tree", "with the lighthouse", "with the high cliffs"),
    "town": ("of little houses", "with the white church", "with the fountain"),
    "snow": ("with the snowman", "with the log hut", "with the frozen lake"),
    "mountain": ("with the two white peaks", "with the waterfall", "with the green tent"),
    "pond": ("with the duck", "with the wooden bridge", "with the water lilies"),
    "farm": ("with the red barn", "with the windmill", "with the green tractor"),
    "castle": ("with the garden path", "with the red roses", "with the blue moat"),
    "fair": ("with the big wheel", "with the circus tent", "with the merry-go-round"),
    "kitchen": ("with the red teapot", "with the green stove", "with the blue shelf"),
    "bedroom": ("with the picture on the wall", "with the pink wall", "with the green plant"),
}
PLACES = tuple(BACKDROPS)
INDOORS = ("kitchen", "bedroom")
TIMES = ("day", "sunset", "night")
WEATHERS = ("clear", "rain", "snowfall", "rainbow")
FLAGS = ((226, 59, 59), (52, 120, 220), (58, 160, 80), (247, 197, 44))

# what characters stand on, by day
GROUND = {"meadow": ((134, 206, 96), (146, 212, 120), (166, 214, 104)), "forest": ((104, 150, 84), (196, 150, 92), (142, 178, 112)),
          "beach": ((250, 222, 160), (246, 214, 170), (238, 222, 184)), "town": ((190, 186, 186), (206, 190, 166), (172, 182, 196)),
          "snow": ((222, 234, 250), (208, 226, 246), (196, 220, 242)), "mountain": ((160, 176, 122), (148, 184, 130), (178, 172, 120)),
          "pond": ((138, 206, 104), (158, 204, 110), (124, 196, 122)), "farm": ((170, 206, 100), (216, 204, 112), (152, 186, 92)),
          "castle": ((140, 206, 104), (162, 212, 124), (130, 194, 116)), "fair": ((220, 204, 144), (214, 190, 150), (196, 206, 150)),
          "kitchen": ((222, 164, 112), (198, 190, 182), (206, 176, 140)), "bedroom": ((204, 158, 116), (216, 172, 140), (180, 148, 116))}
TINT = {"day": ((255, 255, 255), 0), "sunset": ((255, 120, 60), .24), "night": ((24, 30, 92), .5)}


def mix(a, b, t):
    return tuple(round(x + (y - x) * t) for x, y in zip(a, b))


def ground_colour(place, backdrop, time):
    return mix(GROUND[place][backdrop], *TINT[time])


def paste(image, sprite, x, y):
    image.paste(sprite, (round(x), round(y)), sprite)


class Backdrop:
    """One picture without anybody in it."""

    def __init__(self, icons, place, backdrop, time, weather):
        self.icons, self.place, self.kind, self.time, self.weather = icons, place, backdrop, time, weather
        self.image = Image.new("RGB", (CANVAS, CANVAS))
        self.pen = ImageDraw.Draw(self.image)
        top, low = {"day": ((104, 188, 255), (214, 240, 255)), "sunset": ((255, 132, 84), (255, 220, 150)), "night": ((22, 28, 80), (62, 66, 140))}[time]
        if weather in ("rain", "snowfall") and place not in INDOORS:
            top, low = mix(top, (120, 130, 150), .6), mix(low, (170, 178, 195), .6)
        self.top, self.low = top, low
        if place in INDOORS:
            getattr(self, place)()
            return
        self.sky(0, 0, CANVAS, 180)
        self.heavens()
        getattr(self, place)()
        self.falling()

    # --- what all places use ----------------------------------------------------------------------------------------

    def shade(self, colour):
        return mix(colour, *TINT[self.time])

    def box(self, x0, y0, x1, y1, colour, radius=0):
        self.pen.rounded_rectangle((x0, y0, x1, y1), radius=radius, fill=self.shade(colour))

    def oval(self, x, y, rx, ry, colour):
        self.pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=self.shade(colour))

    def shape(self, colour, *points):
        self.pen.polygon(points, fill=self.shade(colour))

    def ground(self, y, colour=None):
        self.box(0, y, CANVAS, CANVAS, colour or GROUND[self.place][self.kind])

    def hills(self, colour, y, left=30, right=10):
        self.pen.ellipse((-90, y - left, 170, y + 150), fill=self.shade(colour))
        self.pen.ellipse((90, y - right, 350, y + 150), fill=self.shade(mix(colour, (0, 0, 0), .07)))

    def put(self, name, x, bottom, size):
        sprite = self.icons.get(name, size)
        tint, share = TINT[self.time]
        if share:
            layer = Image.blend(sprite, Image.new("RGBA", sprite.size, tint + (255,)), share)
            layer.putalpha(sprite.getchannel("A"))
            sprite = layer
        paste(self.image, sprite, x - size / 2, bottom - size)

    def sky(self, x0, y0, x1, y1):
        for y in range(y0, y1):
            self.pen.line((x0, y, x1, y), fill=mix(self.top, self.low, (y - y0) / (y1 - y0)))

    def cloud(self, x, y, colour, r=1.0):
        for dx, dy, size in ((-20, 4, 14), (0, -3, 18), (21, 4, 14)):
            self.pen.ellipse((x + (dx - size) * r, y + (dy - size) * r, x + (dx + size) * r, y + (dy + size) * r), fill=colour)

    def heavens(self, x=206, y=44):
        pen = self.pen
        if self.weather in ("rain", "snowfall"):
            grey = (104, 112, 134) if self.weather == "rain" else (186, 192, 206)
            for cx, cy in ((52, 28), (132, 20), (212, 32)):
                self.cloud(cx, cy, mix(grey, (30, 34, 70), .5 if self.time == "night" else 0), 1.5)
        elif self.time == "night":
            paste(self.image, self.icons.get("crescent-moon", 52), x - 26, y - 26)
            for sx, sy in ((30, 26), (84, 44), (124, 18), (164, 62), (44, 84), (236, 92)):
                pen.ellipse((sx - 3, sy - 3, sx + 3, sy + 3), fill=(255, 244, 190))
        elif self.time == "sunset":
            pen.ellipse((x - 40, 66, x + 34, 140), fill=(255, 240, 150))
        else:
            for cx, cy in ((58, 40), (136, 24)):
                self.cloud(cx, cy, (255, 255, 255))
            paste(self.image, self.icons.get("sun", 60), x - 30, y - 30)
        if self.weather == "rainbow":
            for i, colour in enumerate(((240, 70, 70), (250, 160, 50), (250, 225, 80), (90, 200, 110), (80, 140, 240))):
                pen.arc((16 + 7 * i, 20 + 7 * i, 240 - 7 * i, 244 - 7 * i), 180, 360, fill=colour, width=8)

    def falling(self):
        if self.weather == "rain":
            for i in range(34):
                x, y = (i * 61) % 270, (i * 97) % 240
                self.pen.line((x, y, x - 9, y + 24), fill=(196, 226, 255) if self.time != "day" else (70, 120, 200), width=3)
        elif self.weather == "snowfall":
            for i in range(34):
                x, y = (i * 67 + 10) % 256, (i * 101 + 8) % 250
                self.pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=(255, 255, 255))

    # --- outdoors ---------------------------------------------------------------------------------------------------

    def meadow(self):
        self.hills(((150, 216, 110), (128, 200, 132), (190, 222, 120))[self.kind], 140)
        self.ground(176)
        if self.kind == 0:
            self.put("deciduous-tree", 216, 188, 124)
            for x, y in ((20, 214), (58, 204)):
                self.put("sunflower", x, y, 40)
        elif self.kind == 1:
            self.shape((70, 150, 230), (120, 150), (140, 150), (176, 186), (130, 214), (256, 256), (120, 256), (60, 216), (120, 184))
            self.put("deciduous-tree", 26, 178, 70)
            self.put("herb", 224, 200, 44)
        else:
            for x, size in ((34, 96), (220, 108)):
                self.box(x - 6, 120, x + 6, 186, (120, 78, 56))
                for dx, dy, r in ((-22, 8, 22), (20, 6, 24), (0, -16, 26)):
                    self.oval(x + dx, 102 + dy, r * size / 100, r * size / 100, (255, 150, 196))

    def forest(self):
        self.ground(140, ((86, 140, 74), (176, 120, 72), (120, 160, 96))[self.kind])
        if self.kind == 0:
            for x in (40, 128, 216):
                self.put("evergreen-tree", x, 164, 104)
            for x, size in ((0, 150), (78, 116), (178, 116), (254, 150)):
                self.put("evergreen-tree", x, 198, size)
        elif self.kind == 1:
            for x, y, r in ((64, 108, 36), (128, 96, 40), (194, 108, 36), (14, 86, 52), (242, 86, 52)):
                self.box(x - 8, y, x + 8, y + 84, (96, 62, 48))
                self.oval(x, y - 10, r, r, ((226, 84, 40), (244, 160, 48), (206, 60, 48))[(x // 2) % 3])
        else:
            self.box(0, 118, CANVAS, 150, (150, 196, 120))
            for x in (14, 52, 92, 128, 166, 204, 244):
                self.box(x - 7, 10, x + 7, 192, (244, 242, 236))
                for y in range(34 + x % 13, 186, 26):
                    self.box(x - 7, y, x + 1, y + 5, (60, 60, 64))
            for x in range(0, 280, 34):
                self.oval(x, 4, 26, 24, (168, 206, 92))
        self.ground(186)
        self.put("mushroom", 226 if self.kind != 2 else 26, 230, 38)

    def beach(self):
        self.box(0, 122, CANVAS, 182, ((40, 140, 220), (30, 120, 200), (70, 176, 200))[self.kind])
        self.box(0, 154, CANVAS, 182, ((80, 180, 236), (66, 160, 226), (120, 208, 214))[self.kind])
        if self.kind == 0:
            self.put("sailboat", 66, 142, 56)
            self.put("palm-tree", 212, 206, 136)
        elif self.kind == 1:
            self.oval(46, 150, 56, 18, (120, 112, 110))
            for i in range(5):
                self.shape(((232, 60, 60), (250, 250, 250))[i % 2], (30 + 2 * i, 136 - 18 * i), (62 - 2 * i, 136 - 18 * i), (60 - 2 * i, 118 - 18 * i), (32 + 2 * i, 118 - 18 * i))
            self.box(36, 30, 56, 48, (255, 226, 90))
            self.shape((80, 60, 70), (32, 30), (60, 30), (46, 14))
        else:
            self.shape((176, 128, 96), (0, 60), (60, 66), (84, 176), (0, 190))
            self.shape((156, 108, 82), (256, 76), (200, 88), (180, 178), (256, 190))
            self.box(0, 60, 58, 70, (130, 190, 100))
            self.box(202, 76, 256, 88, (130, 190, 100))
        self.ground(174)
        if self.kind != 1:
            self.put("crab", 26, 224, 34)

    def town(self):
        self.ground(150, (150, 196, 110))
        if self.kind == 0:
            for x, size in ((40, 120), (214, 120), (128, 92)):
                self.put("house", x, 180, size)
        elif self.kind == 1:
            for x, dx in ((62, 1), (206, 1)):
                self.box(x - 30, 118, x + 30, 180, (250, 248, 244))
            self.shape((70, 96, 170), (20, 122), (62, 90), (104, 122))
            self.box(52, 66, 76, 122, (250, 248, 244))
            self.shape((70, 96, 170), (48, 68), (64, 22), (80, 68))
            self.shape((70, 96, 170), (168, 122), (206, 94), (244, 122))
            for x in (62, 206):
                self.box(x - 8, 146, x + 8, 180, (120, 80, 60), 6)
        else:
            for x, colour in ((20, (240, 190, 120)), (74, (240, 150, 140)), (128, (170, 200, 150)), (182, (240, 210, 130)), (236, (170, 180, 220))):
                self.box(x - 27, 84, x + 27, 180, colour)
                self.shape((150, 80, 70), (x - 30, 86), (x, 58), (x + 30, 86))
                self.box(x - 10, 100, x + 10, 124, (110, 150, 200))
        self.ground(178)
        if self.kind == 2:
            self.oval(52, 206, 58, 15, (90, 170, 236))
            self.put("fountain", 52, 212, 108)

    def snow(self):
        self.hills(((238, 245, 253), (226, 238, 252), (240, 244, 250))[self.kind], 132, 40, 20)
        if self.kind == 0:
            self.put("evergreen-tree", 30, 178, 90)
        elif self.kind == 2:
            for x, size in ((20, 70), (66, 56), (190, 60), (236, 76)):
                self.put("evergreen-tree", x, 160, size)
        self.ground(170)
        if self.kind == 0:
            self.put("snowman-without-snow", 214, 200, 92)
        elif self.kind == 1:
            for i in range(5):
                self.box(10, 116 + 14 * i, 98, 128 + 14 * i, (150, 96, 60), 5)
            self.shape((250, 252, 255), (-4, 120), (54, 68), (112, 120))
            self.box(40, 144, 68, 186, (90, 56, 40))
            self.put("evergreen-tree", 226, 184, 80)
        else:
            self.oval(128, 214, 120, 34, (140, 200, 240))
            self.oval(128, 210, 96, 22, (176, 220, 248))

    def mountain(self):
        rock = ((128, 128, 152), (150, 120, 110), (116, 138, 150))[self.kind]
        for x, y, r in (((60, 48, 110), (200, 30, 130)), ((30, 40, 130), (226, 44, 120)), ((128, 36, 170),))[self.kind]:
            self.shape(rock, (x, y), (x - r, 180), (x + r, 180))
            self.shape((250, 250, 255), (x, y), (x - r * .26, y + 36), (x, y + 28), (x + r * .26, y + 36))
        if self.kind == 1:
            self.shape((150, 120, 110), (40, 96), (216, 96), (256, 190), (0, 190))
            self.box(52, 92, 92, 180, (96, 180, 244))
            self.box(62, 92, 72, 180, (214, 238, 255))
            self.oval(72, 182, 50, 12, (96, 180, 244))
        self.ground(172)
        if self.kind == 0:
            for x, r in ((24, 22), (232, 26)):
                self.pen.ellipse((x - r, 192 - r, x + r, 192 + r * .6), fill=self.shade((150, 146, 146)))
        elif self.kind == 1:
            self.oval(60, 182, 64, 16, (96, 180, 244))
        else:
            self.shape((60, 170, 90), (8, 200), (54, 124), (100, 200))
            self.shape((30, 90, 60), (38, 200), (54, 142), (70, 200))
            self.put("evergreen-tree", 224, 186, 84)

    def pond(self):
        self.hills(((140, 206, 120), (176, 206, 120), (112, 188, 130))[self.kind], 136, 16, 24)
        self.ground(164)
        water = ((70, 160, 230), (60, 140, 214), (56, 150, 170))[self.kind]
        self.pen.ellipse(((-40, 166, 190, 226), (-60, 166, 320, 224), (70, 164, 300, 224))[self.kind], fill=self.shade(water))
        if self.kind == 0:
            self.put("duck", 44, 200, 60)
            self.put("herb", 226, 196, 50)
        elif self.kind == 1:
            for x in range(0, CANVAS, 4):
                y = 176 - 36 * math.sin(math.pi * (x + 20) / 296)
                self.box(x, y, x + 4, y + 16, (150, 98, 60))
                if x % 32 == 0:
                    self.box(x, y - 26, x + 6, y + 4, (120, 74, 46))
            self.box(0, 138, 40, 142, (120, 74, 46))
        else:
            for x, y in ((96, 180), (206, 178), (236, 200), (150, 204), (110, 206)):
                self.oval(x, y, 17, 7, (80, 176, 90))
                self.oval(x + 4, y - 5, 8, 7, (255, 170, 210))
            self.put("sheaf-of-rice", 24, 204, 76)

    def farm(self):
        self.hills(((214, 200, 96), (236, 214, 110), (160, 190, 90))[self.kind], 146, 20, 16)
        self.ground(172)
        if self.kind == 0:
            self.box(6, 108, 92, 180, (200, 60, 52))
            self.shape((120, 72, 60), (-4, 112), (49, 66), (102, 112))
            self.box(34, 136, 64, 180, (250, 240, 226))
        elif self.kind == 1:
            self.shape((246, 238, 224), (34, 182), (78, 182), (68, 92), (44, 92))
            self.shape((150, 84, 64), (40, 94), (72, 94), (56, 68))
            for angle in (20, 110, 200, 290):
                c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
                self.shape((180, 120, 70), (56 - 6 * s, 92 + 6 * c), (56 + 56 * c - 9 * s, 92 + 56 * s + 9 * c), (56 + 56 * c + 9 * s, 92 + 56 * s - 9 * c), (56 + 6 * s, 92 - 6 * c))
            for x in (190, 222, 250):
                self.put("sheaf-of-rice", x, 190, 56)
        else:
            self.put("tractor", 52, 190, 96)
            for y in range(178, 256, 16):
                self.box(0, y, CANVAS, y + 5, (128, 160, 78))
        if self.kind == 0:
            for y in (156, 170):
                self.box(112, y, CANVAS, y + 6, (240, 226, 200))
            for x in range(122, CANVAS, 34):
                self.box(x, 146, x + 8, 188, (240, 226, 200))

    def castle(self):
        self.hills(((140, 208, 100), (170, 214, 126), (120, 190, 120))[self.kind], 150, 10, 10)
        self.put("castle", (128, 176, 84)[self.kind], 178, 156)
        self.ground(174)
        if self.kind == 0:
            self.shape((232, 210, 164), (112, 174), (144, 174), (206, CANVAS), (50, CANVAS))
        elif self.kind == 1:
            for x, y in ((14, 196), (46, 186), (78, 196), (14, 236), (238, 196), (242, 238)):
                self.put("rose", x, y, 48)
        else:
            self.box(0, 180, CANVAS, 214, (64, 140, 220))
            self.shape((150, 100, 64), (64, 174), (104, 174), (116, 220), (52, 220))

    def fair(self):
        self.ground(168)
        if self.kind == 0:
            self.put("ferris-wheel", 60, 182, 150)
        elif self.kind == 1:
            self.put("circus-tent", 206, 182, 140)
            self.put("circus-tent", 40, 178, 90)
        else:
            self.shape((230, 70, 110), (0, 96), (64, 56), (128, 96))
            self.box(0, 94, 128, 106, (255, 220, 90))
            for x in (10, 60, 112):
                self.box(x - 3, 106, x + 3, 180, (255, 220, 90))
            for x in (36, 88):
                self.put("carousel-horse", x, 176, 54)
            self.box(0, 172, 128, 186, (120, 90, 180))
        for i, x in enumerate(range(0, CANVAS, 32)):
            self.pen.polygon(((x, 2), (x + 28, 2), (x + 14, 24)), fill=FLAGS[i % 4])

    # --- indoors ----------------------------------------------------------------------------------------------------

    def window(self, x):
        self.box(x, 22, x + 84, 104, (140, 92, 60), 4)
        for y in range(30, 97):
            self.pen.line((x + 8, y, x + 76, y), fill=mix(self.top, self.low, (y - 30) / 67))
        if self.time == "night":
            paste(self.image, self.icons.get("crescent-moon", 34), x + 42, 40)
            for sx, sy in ((18, 44), (30, 74)):
                self.pen.ellipse((x + sx - 3, sy - 3, x + sx + 3, sy + 3), fill=(255, 244, 190))
        else:
            self.pen.ellipse((x + 46, 40, x + 74, 68), fill=(255, 226, 90))
        self.box(x + 39, 30, x + 45, 97, (140, 92, 60))

    def kitchen(self):
        wall = ((255, 232, 190), (206, 234, 214), (196, 218, 246))[self.kind]
        self.box(0, 0, CANVAS, CANVAS, wall)
        if self.kind == 1:
            for x in range(0, CANVAS, 32):
                self.box(x, 0, x + 2, 178, (176, 214, 190))
            for y in range(20, 178, 32):
                self.box(0, y, CANVAS, y + 2, (176, 214, 190))
        self.ground(178)
        self.window((18, 146, 18)[self.kind])
        if self.kind == 0:
            self.box(150, 128, CANVAS, 202, (170, 104, 64))
            self.box(144, 120, CANVAS, 132, (120, 72, 44))
            self.put("teapot", 204, 124, 70)
        elif self.kind == 1:
            self.box(6, 116, 100, 202, (66, 150, 110), 6)
            self.box(20, 146, 86, 190, (36, 60, 56), 6)
            self.put("pot-of-food", 52, 122, 64)
        else:
            for y in (60, 112):
                self.box(140, y, 250, y + 8, (60, 100, 180))
            for x, name in ((166, "teacup-without-handle"), (220, "teapot")):
                self.put(name, x, 62, 40)
            for x, name in ((170, "potted-plant"), (222, "pancakes")):
                self.put(name, x, 114, 44)
        self.oval(128, 228, 100, 22, ((250, 214, 120), (240, 120, 110), (120, 160, 220))[self.kind])

    def bedroom(self):
        wall = ((198, 210, 250), (252, 206, 220), (212, 232, 190))[self.kind]
        self.box(0, 0, CANVAS, CANVAS, wall)
        if self.kind == 0:
            for x in range(0, CANVAS, 40):
                self.box(x, 0, x + 14, 178, (186, 200, 246))
        elif self.kind == 1:
            for i in range(28):
                self.oval(12 + 40 * (i % 7) - 14 * (i // 7 % 2), 16 + 42 * (i // 7), 6, 6, (255, 234, 242))
        self.ground(178)
        self.window((20, 150, 20)[self.kind])
        if self.kind == 0:
            self.put("framed-picture", 196, 92, 74)
        elif self.kind == 1:
            self.box(18, 98, 110, 106, (190, 110, 90))
            self.put("yarn", 44, 100, 46)
            self.put("books", 86, 100, 44)
        else:
            self.put("potted-plant", 218, 190, 110)
        self.oval(128, 228, 100, 22, ((240, 160, 176), (150, 170, 240), (250, 220, 130))[self.kind])

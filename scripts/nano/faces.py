"""The heads of the story world: which icon a species has, and its face in five moods.

The icons all smile with open eyes, or have no mouth at all. So eyes, muzzle, nose and mouth are painted over here, as SVG in the
icon's own 32 x 32 box: large enough that a mood is still read when the picture is halved.
"""
MOODS = ("smile", "laugh", "frown", "asleep", "afraid")
INK = "#231c2a"

# icon    None: drawn here (the icons show these birds whole)
# fur     of the limbs; `foot`: of the feet, if they differ
# eyes    their centres; `eye`: half width, if not 1.4
# skin    under the eyes; covers the icon's own eyes, which lie at `old`
# lid     eyes on a dark patch: white round them, white lines when closed on a lid of this colour
# muzzle, nose   centre, half axes, colour
# mouth   centre and half width
# hat     bottom line, width between the ears, and where its middle is, if not over the mouth
# bow     its centre
SPECIES = {
    "fox": dict(icon="fox", fur=(246, 130, 49), eyes=((11.4, 18), (19.8, 18)), old=((12, 18.5), (19, 18.5)), skin="#ff822d", muzzle=(15.6, 25.3, 5, 3.6, "#ffdea7"),
                nose=(15.6, 22.2, 1.9, 1.3, INK), mouth=(15.6, 25.2, 3.2), hat=(10.5, 9), bow=(23, 8)),
    "rabbit": dict(icon="rabbit-face", fur=(190, 178, 206), eyes=((11.4, 18.2), (20.6, 18.2)), old=((12, 18.5), (20, 18.5)), skin="#cdc4d6", muzzle=(16, 24.2, 5, 4, "#ece6f2"),
                   nose=(16, 21.6, 1.5, 1, "#ca0b4a"), mouth=(16, 24.6, 3.2), hat=(15, 8, 24.6), bow=(24.5, 11)),
    "bear": dict(icon="bear", fur=(166, 104, 82), eyes=((11, 16), (21, 16)), old=((12, 16.5), (20, 16.5)), skin="#a56953", muzzle=(16, 23, 6.4, 5, "#f3ad61"),
                 nose=(16, 19.8, 2, 1.3, INK), mouth=(16, 23.4, 3.4), hat=(8.5, 11.5), bow=(23, 7.5)),
    "cat": dict(icon="cat-face", fur=(255, 176, 46), eyes=((11, 17.4), (21, 17.4)), old=((12, 18), (20, 18)), skin="#ffb02e", muzzle=(16, 24.4, 5.8, 4, "#ffe3ae"),
                nose=(16, 21.2, 1.5, 1, "#f70a8d"), mouth=(16, 24.2, 3.4), hat=(12, 11), bow=(24, 10)),
    "dog": dict(icon="dog-face", fur=(243, 192, 123), eyes=((12.4, 13.4), (19.6, 13.4)), old=((13, 13.5), (19, 13.5)), skin="#f3c07b", muzzle=(16, 23.2, 8, 6.9, "#ffdea7"),
                nose=(16, 18.6, 2.1, 1.5, INK), mouth=(16, 23.4, 3.8), hat=(7.5, 11), bow=(23, 6.5)),
    "mouse": dict(icon="mouse-face", fur=(180, 172, 194), eyes=((12, 19.6), (20, 19.6)), old=((12, 22), (20, 22)), skin="#cdc4d6", muzzle=(16, 25.4, 5.2, 3.6, "#ece6f2"),
                  nose=(16, 22.6, 1.5, 1.1, "#ff5c7a"), mouth=(16, 25.4, 3), hat=(14.5, 9), bow=(24.5, 8)),
    "frog": dict(icon="frog", fur=(0, 200, 100), eyes=((9.5, 8.5), (22.5, 8.5)), skin="#00d26a", old=(), eye=2.4, muzzle=None, nose=None, mouth=(16, 21.6, 4.6),
                 hat=(10.5, 6.5), bow=(27, 17.5)),
    "panda": dict(icon="panda", fur=(67, 59, 107), eyes=((10.6, 16.8), (21.4, 16.8)), old=((12, 16.5), (20, 16.5)), skin="#635994", lid="#4f467c", muzzle=(16, 23.4, 5, 4.2, "#fbf9fd"),
                  nose=(16, 20.6, 1.9, 1.2, INK), mouth=(16, 24, 3.4), hat=(8.5, 12), bow=(23.5, 7)),
    "pig": dict(icon="pig-face", fur=(255, 134, 135), eyes=((11, 14.6), (21, 14.6)), old=((12, 15.5), (20, 15.5)), skin="#ff8687", muzzle=None, nose=None, mouth=(16, 26.6, 3.4),
                hat=(8.5, 11.5), bow=(23, 7)),
    "koala": dict(icon="koala", fur=(155, 155, 155), eyes=((10, 16.4), (22, 16.4)), old=((10, 17.5), (22, 17.5)), skin="#9b9b9b", muzzle=(16, 22.2, 6, 5.2, "#c9c9c9"),
                  nose=(16, 18.4, 2.5, 3.1, INK), mouth=(16, 24, 3.2), hat=(9, 9), bow=(24.5, 7)),
    "lion": dict(icon="lion", fur=(240, 170, 60), eyes=((11.4, 13.8), (20.6, 13.8)), old=((12, 14.5), (20, 14.5)), skin="#ffb02e", muzzle=(16, 22, 5.8, 4.8, "#ffdea7"),
                 nose=(16, 18.4, 2, 1.3, INK), mouth=(16, 22.2, 3.4), hat=(7, 11.5), bow=(24, 7)),
    "tiger": dict(icon="tiger-face", fur=(255, 130, 45), eyes=((11, 14.6), (21, 14.6)), old=((12, 15.5), (20, 15.5)), skin="#ff822d", muzzle=(16, 23.8, 6.6, 5, "#f7f2fb"),
                  nose=(16, 19.6, 2, 1.3, INK), mouth=(16, 24, 3.4), hat=(8, 10.5), bow=(24, 7)),
    "monkey": dict(icon="monkey-face", fur=(125, 69, 51), eyes=((12, 14.6), (20, 14.6)), old=((13, 15.5), (19, 15.5)), skin="#e39d89", muzzle=(16, 22.6, 6.6, 5.2, "#f2bda9"),
                   nose=(16, 19.2, 1.4, .8, "#a8503f"), mouth=(16, 22.8, 3.6), hat=(9.5, 12), bow=(24, 8)),
    "cow": dict(icon="cow-face", fur=(150, 146, 146), eyes=((11.4, 14), (20.6, 14)), skin="#636363", old=(), lid="#4a4a4a", muzzle=(16, 23, 9.2, 6, "#fbb8ab"),
                nose=None, mouth=(16, 24.6, 3.6), nostrils=20, hat=(7.5, 9.5), bow=(24, 7)),
    "wolf": dict(icon="wolf", fur=(140, 144, 152), eyes=((11, 15.2), (21, 15.2)), old=((12, 15.5), (20, 15.5)), skin="#9b9b9b", muzzle=(16, 24.4, 5.4, 5.4, "#ececec"),
                 nose=(16, 20.4, 2.1, 1.5, INK), mouth=(16, 24.8, 3.2), hat=(10.5, 10.5), bow=(24.5, 8)),
    "raccoon": dict(icon="raccoon", fur=(120, 120, 124), eyes=((10.6, 18.6), (21.4, 18.6)), skin="#636363", old=(), lid="#4a4a4a", muzzle=(16, 25.2, 4.8, 4.2, "#f2f2f2"),
                    nose=(16, 22.2, 1.8, 1.2, INK), mouth=(16, 25.6, 3), hat=(10.5, 11.5), bow=(25, 9)),
    "penguin": dict(icon=None, fur=(83, 56, 120), eyes=((11.4, 14.4), (20.6, 14.4)), skin="#ffffff", old=(), muzzle=None, nose=(16, 18.6, 2.8, 1.7, "#ff822d"), mouth=(16, 22.8, 3.4),
                    hat=(6, 12), bow=(24, 6), foot=(255, 140, 40)),
    "chick": dict(icon=None, fur=(255, 214, 62), eyes=((10.6, 14), (21.4, 14)), skin="#ffd93c", old=(), muzzle=None, nose=(16, 18, 2.8, 1.7, "#ff7a1a"), mouth=(16, 22.4, 3.4),
                  hat=(6, 12), bow=(24, 6), foot=(255, 140, 40)),
}


def oval(x, y, rx, ry, fill, more=""):
    return f'<ellipse cx="{x:.2f}" cy="{y:.2f}" rx="{rx:.2f}" ry="{ry:.2f}" fill="{fill}" {more}/>'


def stroke(path, colour=INK, width=1.3):
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round"/>'


def bow_path(x, y, half, rise):
    """A bow from x - half to x + half; `rise` > 0 hangs, < 0 arches."""
    return f"M{x - half:.2f} {y:.2f}Q{x:.2f} {y + rise:.2f} {x + half:.2f} {y:.2f}"


def line_of_closed_eye(species):
    return "#ffffff" if "lid" in SPECIES[species] else INK


def eye(species, mood, x, y, outer):
    """One eye. `outer` is -1 for the left one, 1 for the right one."""
    spec = SPECIES[species]
    r = spec.get("eye", 1.4)
    big = r > 2
    if mood in ("laugh", "asleep"):
        lid = oval(x, y, 3.7, 3.7, spec["skin"]) if big else oval(x, y, 2.6, 2.6, spec["lid"]) if "lid" in spec else ""
        half = 2.4 if big else 2.1
        return lid + stroke(bow_path(x, y + 1, half, -3.8) if mood == "laugh" else bow_path(x, y - .4, half, 3.6), line_of_closed_eye(species), 1.35)
    brow = ""
    if mood == "afraid":
        white = oval(x, y, 2.6, 3, "#ffffff", f'stroke="{INK}" stroke-width=".5"') if not big else oval(x, y, 3.5, 3.5, "#ffffff")
        return white + oval(x, y + .2, 1, 1.2, INK)
    if mood == "frown":
        top = y - (4.4 if big else 3.6)
        brow = stroke(f"M{x + outer * 2:.2f} {top + 1.3:.2f}L{x - outer * 1.6:.2f} {top - .3:.2f}", INK, 1.1)
        brow += f'<path d="M{x + outer * 1.2:.2f} {y + 1.6:.2f}q-1.7 2.9 0 4q1.7 -1.1 0 -4z" fill="#39a0ff" stroke="#ffffff" stroke-width=".4"/>'
    white = oval(x, y, r + .9, r * 1.35 + .7, "#ffffff") if "lid" in spec else ""
    pupil = oval(x, y, r, r if big else r * 1.35, INK)
    return white + pupil + oval(x + .4 * r, y - .5 * r, .36 * r, .36 * r, "#ffffff") + brow


def mouth(mood, x, y, w):
    if mood == "smile":
        return stroke(bow_path(x, y, w, 3.6))
    if mood == "laugh":
        return (f'<path d="M{x - w:.2f} {y - .4:.2f}H{x + w:.2f}Q{x + w:.2f} {y + 4:.2f} {x:.2f} {y + 4:.2f}T{x - w:.2f} {y - .4:.2f}z" fill="#7d1238" stroke="{INK}" '
                f'stroke-width=".7" stroke-linejoin="round"/>' + oval(x, y + 2.7, w * .5, 1.1, "#ff6b81"))
    if mood == "frown":
        return stroke(bow_path(x, y + 2, w, -3.6))
    if mood == "asleep":
        return stroke(bow_path(x, y + .7, w * .45, 1.4), INK, 1.1)
    return oval(x, y + 1, 1.7, 2.1, "#5a0f2c", f'stroke="{INK}" stroke-width=".6"')


def face(species, mood):
    """What is painted over the icon: SVG elements."""
    spec = SPECIES[species]
    parts = []
    parts += [oval(x, y, 2, 2.4, spec["skin"]) for x, y in spec["old"]]
    if spec["muzzle"]:
        parts.append(oval(*spec["muzzle"]))
    if spec.get("nostrils"):
        parts += [oval(x, spec["nostrils"], .9, .9, "#e0607a") for x in (12.6, 19.4)]
    parts += [eye(species, mood, x, y, outer) for (x, y), outer in zip(spec["eyes"], (-1, 1))]
    if spec["nose"]:
        parts.append(oval(*spec["nose"]))
    parts.append(mouth(mood, *spec["mouth"]))
    return "".join(parts)


def bird(species):
    """The icons show these birds whole, so their heads are drawn here."""
    if species == "chick":
        tuft = "".join(stroke(f"M16 4.4q{dx} -1.6 {dx * 1.4:.1f} -3.2", "#ffc21f", 1.6) for dx in (-1.6, 0, 1.6))
        return tuft + oval(16, 17, 14, 13.2, "#ffd93c") + oval(8, 20.4, 2.2, 1.5, "#ffb53c") + oval(24, 20.4, 2.2, 1.5, "#ffb53c")
    return (oval(16, 16.6, 14.2, 13.8, "#533878") + oval(11, 15, 6, 7, "#ffffff") + oval(21, 15, 6, 7, "#ffffff") + oval(16, 22, 10.6, 7, "#ffffff")
            + oval(7.4, 20.6, 1.9, 1.3, "#ffb0c0") + oval(24.6, 20.6, 1.9, 1.3, "#ffb0c0"))


def head_svg(species, mood, icons):
    """The whole head as the inside of a 32 x 32 SVG; `icons` are the bodies by name."""
    icon = SPECIES[species]["icon"]
    return (icons[icon]["body"] if icon else bird(species)) + face(species, mood)

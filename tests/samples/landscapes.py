"""Scenes from afar: hills, waters, and what people built there."""

from array import array
from itertools import pairwise, product
from math import cos, exp, hypot, pi, sin
from random import Random

from PIL import Image

from .canvas import (
    Canvas,
    Point,
    Size,
    across,
    ball,
    box,
    cloud,
    orb,
    oval,
    path,
    pine,
    ridge,
    tint,
)


def lighthouse(size: Size) -> Image.Image:
    """A lighthouse on its headland at dusk (upright format)."""
    c = Canvas(size, "#16305a #3f74a0 #9fbfc4 #f7d6a4 #f5a663 #f5a663 #f5a663", 1)
    c.clouds(0.02, 0.64, 9, "#ffe2cc")
    c.glow(0.14, 0.62, 0.45, "#ffcc88")
    c.shape(oval(0.14, 0.62, 0.04), "#fff6d8", blur=0.003)
    c.mirror(0.66, "#2a587866 #123450d0 #0a2036")
    c.shape(oval(0.14, 0.78, 0.08, 0.2), orb("#ffdd99d0 #ffcc8850 #ffcc8800"))
    for k, colours in enumerate(("#4d5a50 #26302e", "#7c8a4e #4a5c34 #232e1f #161b17")):
        hill = ridge(c.rng, c.width, 0.715 + 0.07 * k, 0.014, 9)[:-2]
        slope = [(x, y + 0.6 * max(0, 0.36 - x) ** 1.3) for x, y in hill]
        for paint in (colours, tint(cloud(c.rng, 24, 30, 4), "#0004 #0000 #ffa2")):
            c.shape([*slope, (c.width, 1), (0.0, 1)], paint)
        if k == 0:  # the house and the tower stand behind the nearer hill
            c.shape(box(0.56, 0.68, 0.69, 0.775), "#f2e8da #c9b8a4")
            c.shape(path("55 68 58 63 67 63 70 68"), "#a8402f #7c2a22")
            c.shape(box(0.63, 0.6, 0.65, 0.65), across("#b5674f #6d2f25"))
            for x in (0.6, 0.65):
                c.shape(box(x, 0.705, x + 0.02, 0.735), "#ffe3a0 #ffb84d")
            levels = [0.27 + 0.075 * k for k in range(8)]
            paints = across("#f0664a #c9362c #5e1a22"), across("#fff4e0 #f6efe6 #8b8f9c")
            for band, (top, foot) in enumerate(pairwise(levels)):
                a, b = 0.0285 + 0.05 * top, 0.0285 + 0.05 * foot
                ring = oval(0.5, foot, b, 0.012, arc=0.5)
                c.shape([(0.5 - a, top), (0.5 + a, top), *ring], paints[band % 2])
                c.shape(oval(0.5, top, a, 0.012, arc=0.5), paints[1 - band % 2])
    for left, right, colours in ((0.5, 1.2, "#fff9 #fff0"), (0.5, -0.2, "#fff0 #fff9")):
        c.shape([(left, 0.225), (right, 0.13), (right, 0.28)], across(colours), blur=0.006)
    for y in (0.38, 0.53, 0.68):
        c.shape(oval(0.5, y, 0.009, 0.014), "#2b2f3a")
    c.shape(box(0.445, 0.258, 0.555, 0.284), across("#6a717c #2c313a"))
    c.shape(box(0.472, 0.2, 0.528, 0.258), across("#fff6c8 #ffe08a"))
    c.shape(oval(0.5, 0.2, 0.034, -0.04, arc=0.5), across("#d9523c #6d1b20"))
    c.shape(path("50 13 50 16.5"), "#2c313a", line=0.004)
    c.glow(0.5, 0.228, 0.13, "#ffeeaa")
    for x, y in ((0.2, 0.3), (0.26, 0.34), (0.16, 0.37), (0.64, 0.43)):
        c.shape(path("-2 -.8 -1 -.9 0 0 1 -1 2 -.9", x, y), "#223", line=0.0025)
    return c.picture()


def sunset(size: Size) -> Image.Image:
    """Layers of mountains and a lake under the evening sun."""
    c = Canvas(size, "#1c2356 #4a3c80 #a4587f #ee8460 #ffc873 #ffc873 #ffc873", 3)
    c.clouds(0, 0.52, 7, "#ffb08a")
    c.glow(0.95, 0.42, 0.7, "#ffdd88")
    tones = "#e09a7e", "#b56a7a", "#7d4a72", "#4c3562", "#251f40"
    for k, (tone, haze) in enumerate(pairwise(("#f4b880", *tones))):
        peaks = ridge(c.rng, c.width, 0.5 + 0.04 * k, 0.05 - 0.005 * k, 4 + 1.5 * k, sharp=k < 4)
        c.shape(peaks, f"{haze} {tone} {tone}")
    c.glow(0.95, 0.45, 0.4, "#ffbb77")
    c.shape(oval(0.95, 0.4, 0.05), "#fffbe8", blur=0.004)
    c.mirror(0.7, "#3a2a5a33 #201a4499")
    c.shape(oval(0.95, 0.83, 0.09, 0.18), orb("#ffdd99c0 #ffbb7744 #ffbb7700"))
    c.shape(ridge(c.rng, c.width, 0.97, 0.01, 5), "#120f22")
    for k in range(34):
        x = c.rng.uniform(-0.05, 0.42) if k < 20 else c.rng.uniform(1.16, 1.55)
        inward = min(abs(x - 0.45), abs(x - 1.13))
        c.shape(pine(x, 1.01, 0.1 + 0.6 * inward + c.rng.uniform(0, 0.1)), "#1d1836 #0d0b1a")
    return c.picture()


def moonlit(size: Size) -> Image.Image:
    """Moonlit hills in fog, 16 bits deep: worked out pixel by pixel, Pillow draws only 8."""
    (width, height), rng, light = size, Random(6), array("d")
    tops = [0.5 + 0.11 * k for k in range(5)]
    ranges = [ridge(rng, 400, top, 0.04 - 0.0003 * top, 0.013 + 0.03 * (top - 0.5)) for top in tops]

    def share(value: float) -> float:
        return min(1.0, max(0.0, value))

    for y in (row / height for row in range(height)):
        for column in range(width):
            aside = column / height - 1.05
            away = hypot(aside, y - 0.24)
            tone = 0.08 + 0.3 * y + 0.5 * exp(-6 * away)
            tone += share((0.075 - away) * height / 2) * (1 - tone)
            for k, (top, hills) in enumerate(zip(tops, ranges, strict=True)):
                cover = share((y - hills[column * 800 // width][1]) * height + 0.5)
                fog = (0.55 - 0.12 * k) * share((y - top + 0.05) * 6)
                tone += cover * (0.24 - 0.06 * k + fog * exp(-aside * aside) - tone)
            light.append(tone)
    low, high = min(light), max(light)
    deep = array("H", (round(65535 * (tone - low) / (high - low)) for tone in light))
    return Image.frombytes("I;16", size, deep.tobytes(), "raw", "I;16N")


def windmill(size: Size, turn: float) -> Image.Image:
    """A windmill behind tulip fields, its sails turned by an angle."""
    c = Canvas(size, "#4f9bd6 #a9d3ee #f2efd9 #f2efd9", 7)
    c.clouds(-0.1, 0.62, 4, "#ffffff")
    c.shape(ridge(c.rng, c.width, 0.66, 0.012, 5), "#7fae6a #4f8a45")
    c.shape(box(0, 0.7, c.width, 1), "#5f9a48 #2f6a2c")
    tulips = "#e2453c", "#f4c430", "#c8498f", "#f2efe6", "#e8702a"
    for k in range(-9, 12):
        u, v = 62 + 5.5 * k, 66 + 20 * k
        c.shape(path(f"{u} 71 {u + 3} 71 {v + 12} 100 {v} 100"), tulips[k % 5])
    c.shape(path("8 34 14 74", 0.88, both=True), across("#b5734a #8a4f33 #4a291d"))
    c.shape(path("4 25 10 35", 0.88, both=True), across("#7b7f88 #3a3d45"))
    c.shape(box(0.74, 0.55, 1.02, 0.57), across("#7a5436 #3a2518"))
    for x, y in ((0.865, 0.43), (0.82, 0.61), (0.91, 0.61)):
        c.shape(box(x, y, x + 0.03, y + 0.05), "#fff4d0 #e6c98a")
    for angle in (turn + k * pi / 2 for k in range(4)):

        def sail(numbers: str, u: float = cos(angle), v: float = sin(angle)) -> list[Point]:
            return [(0.88 + a * u - b * v, 0.32 + a * v + b * u) for a, b in path(numbers)]

        c.shape(sail("8 0 30 0 30 6 8 6"), "#f4ecd8e0")
        for out in (8, 13.5, 19, 24.5, 30):
            c.shape(sail(f"{out} 0 {out} 6"), "#6a4a30", line=0.006)
        c.shape(sail("0 0 30 0"), "#4a3020", line=0.014)
    c.shape(oval(0.88, 0.32, 0.022), ball("#caa27a #4a3020"))
    return c.picture(grain=0)


def skyline(size: Size) -> Image.Image:
    """A city by the water at night."""
    c = Canvas(size, "#070b24 #101c48 #2f2f6e #7a4a80 #d98a6a #d98a6a #d98a6a", 9)
    for _ in range(170):
        x, y, r = c.rng.uniform(0, c.width), c.rng.uniform(0, 0.4), c.rng.uniform(0.0006, 0.0017)
        c.shape(oval(x, y, r), c.rng.choice(("#fff8", "#fffc", "#bdf9")))
    c.glow(0.24, 0.17, 0.22, "#ccddff")
    c.shape(oval(0.24, 0.17, 0.05), ball("#fffdf2 #f1ecd8 #c9c3b0"), blur=0.001)
    for depth, colours in enumerate(("#5b4478 #8a5a80", "#2b2752 #453868", "#0c1029 #171a3c")):
        x, roof = -0.02, colours.split()[0]
        while x < c.width:
            wide = c.rng.uniform(0.05, 0.1) + 0.012 * depth
            centre = (0.36 - 0.1 * depth) * exp(-(((x - 0.95) / 0.5) ** 2))
            top = 0.74 - c.rng.uniform(0.1, 0.2) - centre * c.rng.uniform(0.4, 1)
            c.shape(box(x, top, x + wide, 0.74), colours)
            if c.rng.random() < 0.3:
                c.shape(box(x + wide / 4, top - 0.03, x + wide * 0.75, top), roof)
                c.shape(path("0 -9 0 0", x + wide / 2, top), roof, line=0.004)
                c.glow(x + wide / 2, top - 0.09, 0.015, "#ff5544")
            pane = 0.006 + 0.0015 * depth
            columns, rows = int(wide / 0.017), int((0.72 - top) / 0.021)
            for row, column in product(range(rows), range(columns)):
                if c.rng.random() < 0.22 + 0.13 * depth:
                    u, v = x + (column + 0.5) * wide / columns, top + 0.015 + 0.021 * row
                    lamp = c.rng.choice(("#ffd98a", "#ffc45c", "#fff0c4", "#9fd0ff"))
                    c.shape(box(u - pane / 2, v, u + pane / 2, v + 1.5 * pane), lamp)
            x += wide + c.rng.uniform(0.002, 0.02)
    for k in range(24):
        c.glow(0.03 + 0.064 * k, 0.734, 0.022, "#ffddaa")
    c.mirror(0.74, "#0a103022 #060a22cc", 0.002)
    return c.picture()


def birches(size: Size) -> Image.Image:
    """Birch trunks in the mist, in greys."""
    c = Canvas(size, "#8a8a8a #c9c9c9 #dedede #c9c9c9 #8a8a8a", 11)
    c.glow(0.95, 0.4, 0.7, "#ffffff")
    for depth in range(5):
        shades = 190 - 38 * depth, 235 - 12 * depth
        grey, pale = (f"rgb({shade},{shade},{shade})" for shade in shades)
        for _ in range(15 - 3 * depth):
            x, thick = c.rng.uniform(0, c.width), (0.007 + 0.006 * depth) * c.rng.uniform(0.8, 1.3)
            lean, foot = c.rng.uniform(-0.04, 0.04), 0.75 + 0.065 * depth
            head = [(x + lean - 0.6 * thick, -0.01), (x + lean + 0.6 * thick, -0.01)]
            c.shape([(x - thick, foot), *head, (x + thick, foot)], across(f"{grey} {pale} {grey}"))
            for _ in range(5 + 7 * depth):
                y, side = c.rng.uniform(0, foot), c.rng.choice((-1, 1))
                u, w = x + lean * (1 - y / foot), thick * (0.6 + 0.4 * y / foot)
                mark = [(u + side * w, y), (u + side * w * c.rng.uniform(-0.3, 0.6), y + 0.004)]
                c.shape(mark, "#000a" if depth > 2 else "#0004", line=0.003 + 0.0015 * depth)
                if y < 0.4 and c.rng.random() < 0.4:
                    tip = (u + side * c.rng.uniform(0.05, 0.13), y - c.rng.uniform(0.05, 0.14))
                    bend = ((u + tip[0]) / 2, y - 0.03)
                    c.shape([(u, y), bend, tip], grey, line=0.002 + 0.001 * depth)
        c.shape(ridge(c.rng, c.width, 0.72 + 0.06 * depth, 0.01, 5), f"{grey} {grey} #888")
        c.shape(box(0, 0.4, c.width, 0.9), "#fff0 #fff5 #fff0")
    c.shape(ridge(c.rng, c.width, 0.97, 0.012, 7), "#2a2a2a #111")
    for x in (c.rng.uniform(0, c.width) for _ in range(260)):
        blade = [(x, 1), (x + c.rng.uniform(-0.03, 0.03), c.rng.uniform(0.91, 0.97))]
        c.shape(blade, "#222", line=0.002)
    return c.picture()


def lake_cafe(size: Size) -> Image.Image:
    """A cafe terrace by a mountain lake."""
    c = Canvas(size, "#3f8fd0 #8cc3ea #dbeef5 #f4f1e2 #f4f1e2", 12)
    c.clouds(-0.05, 0.4, 4, "#ffffff")
    snow = "#ffffff #a9bfd8 #5d7fa8" + 8 * " #54769e"
    c.shape(ridge(c.rng, c.width, 0.36, 0.1, 6, sharp=True), snow)
    c.shape(ridge(c.rng, c.width, 0.45, 0.022, 4), "#5f8a78 #3f6f58 #3f6f58")
    for x in (c.rng.uniform(0, c.width) for _ in range(110)):
        c.shape(pine(x, 0.535, c.rng.uniform(0.03, 0.08)), "#3f6b52 #24483a")
    c.mirror(0.53, "#3f9ab044 #1f6f94bb #175a80")
    c.shape(box(0, 0.8, c.width, 1), tint(cloud(c.rng, 2, 30), "#7a5230 #a87848 #c99a66"))
    for y in (0.8 + 0.008 * k * (k + 1) for k in range(5)):
        c.shape(box(0, y, c.width, y + 0.003), "#3a2412a0")
    for x in (0.06 + 0.2 * k for k in range(8)):
        c.shape(box(x, 0.68, x + 0.014, 0.81), across("#fff #b9c3c9"))
    for top, foot in ((0.675, 0.69), (0.74, 0.747)):
        c.shape(box(0, top, c.width, foot), "#fff #cfd6da")
    for x, s, colour in ((0.36, 1.0, "#d8423a"), (1.12, 1.1, "#e8a52c")):
        c.shape(oval(x + 0.05, 0.955, 0.2 * s, 0.03), "#1006", blur=0.015)
        c.shape(box(x - 0.008, 0.4, x + 0.008, 0.94), across("#f4ead8 #8a7a62"))
        for k, (a, b) in enumerate(pairwise(sin(pi * (j / 8 - 0.5)) for j in range(9))):
            hem = f"{27 * a} {-2 * cos(a)} {13.5 * (a + b)} 2 {27 * b} {-2 * cos(b)}"
            c.shape(path(f"0 -24 {hem}", x, 0.55, s), colour if k % 2 else "#fbf4e6")
        c.shape(path("0 -24 27 -1 0 2", x, 0.55, s), across("#0120 #0124"))
        for side in (-1, 1):
            chair = [(x + side * u, y) for u, y in path("20 70 17 86 9 86 10 97")]
            c.shape(chair, "#3a4a54", line=0.01)
            c.shape([chair[1], (chair[1][0] + side * 0.015, 0.97)], "#2f3c45", line=0.009)
        c.shape(oval(x, 0.8, 0.12 * s, 0.025), "#fdfaf2 #d5cbb8", drop=0.006)
        for cup in (x - 0.05, x + 0.05):
            c.shape(oval(cup, 0.795, 0.028, 0.009), "#c9d3d8")
            c.shape(oval(cup, 0.77, 0.018, 0.028, arc=0.5), across("#fff #b9c6cc"))
            c.shape(oval(cup, 0.77, 0.018, 0.005), "#5a3018")
    wire = [(c.width * i / 60, 0.05 + 0.06 * sin(pi * i / 30 % pi)) for i in range(61)]
    c.shape(wire, "#333a", line=0.003)
    for x, y in wire[2::4]:
        c.glow(x, y + 0.012, 0.03, "#ffdd88")
        c.shape(oval(x, y + 0.012, 0.008, 0.011), "#fff3c4 #ffcf5a")
    return c.picture()

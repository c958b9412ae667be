"""Scenes from nearby: food and flowers."""

from math import cos, pi, sin, tau
from random import Random

from PIL import Image

from .canvas import Canvas, Point, Size, across, ball, box, cloud, orb, oval, path, tint


def still_life(size: Size) -> Image.Image:
    """Fruit, a bowl and a bottle on a wooden table, lit from the left."""
    c = Canvas(size, orb("#d8b78a #96714d #4b3526 #261a14", 0.25, 0.25, 1.5), 2)
    c.shape(box(0, 0.66, c.width, 1), tint(cloud(c.rng, 1, 24), "#4a2813 #7d4a26 #a86c3c #c08a55"))
    c.shape(box(0, 0.66, c.width, 1), across("#0000 #0000 #0009"))

    def fruit(
        x: float, y: float, r: float, colours: str, flat: float = 1, shade: float = 0.5
    ) -> None:
        c.shape(oval(x + shade * r, y + 0.8 * r * flat, 1.2 * r, 0.25 * r), "#1009", blur=0.15 * r)
        c.shape(oval(x, y, r, r * flat, 0.2), ball(colours))
        shine = oval(x - 0.38 * r, y - 0.42 * r * flat, 0.16 * r, 0.1 * r, -0.7)
        c.shape(shine, "#fffc", blur=0.04 * r)

    c.shape(oval(0.42, 0.79, 0.17, 0.03), "#100a", blur=0.02)
    glass = across("#16301f #5a9a60 #1d4a2c #0d2416 #0a1a11")
    c.shape(oval(0.34, 0.42, 0.09, 0.13), glass)
    c.shape([*box(0.25, 0.42, 0.43, 0.78)[:2], *oval(0.34, 0.78, 0.09, 0.018, arc=0.5)], glass)
    c.shape(path("3 12 3 27 4.8 31.5", 0.34, both=True), glass)
    c.shape(box(0.25, 0.5, 0.43, 0.68), across("#d9c79a #f4e8c8 #b9a577 #6d5d3e"))
    c.shape(oval(0.34, 0.59, 0.05), "#8c2f2a", line=0.006)
    c.shape(oval(0.34, 0.59, 0.028), ball("#a05a90 #4a1f45"))
    for numbers, thick in (("28 40 27.8 48.5", 0.012), ("32.2 15 32.2 30", 0.006)):
        c.shape(path(numbers), "#fff9", line=thick, blur=0.004)
    c.shape(box(0.308, 0.08, 0.372, 0.15), across("#7a2230 #b33a48 #4a101c"))
    red, gold = "#ff9a70 #d8332a #8d1420 #3d0812", "#ffd98a #f59a23 #c0600f #5e2a08"
    c.shape(oval(1.0, 0.86, 0.34, 0.05), "#100a", blur=0.025)
    c.shape(oval(0.91, 0.6, 0.3, 0.05), across("#3d566a #8fa9b8"))
    fruit(0.74, 0.53, 0.115, gold, shade=0)
    fruit(1.08, 0.53, 0.11, red, shade=0)
    fruit(0.91, 0.49, 0.13, "#f0f29a #a9c046 #5d7d22 #26380c", shade=0)
    c.shape(path("91 38 91.5 34 94.5 29"), "#4a3018", line=0.012)
    c.shape(oval(0.985, 0.3, 0.05, 0.02, -0.4), "#8fae3e #3f6a1f")
    front = oval(0.91, 0.6, 0.3, 0.05, arc=0.5)
    bowl = across("#d5e0e8 #f4f8fa #a9c0ce #54788f #1f3446")
    c.shape([*oval(0.91, 0.6, 0.3, 0.27, arc=0.5), *reversed(front)], bowl)
    c.shape(front, across("#fff #fff #7f97a8"), line=0.008)
    for y, r in ((0.65, 0.287), (0.67, 0.28)):
        c.shape(oval(0.91, y, r, 0.05, arc=0.5), across("#2f5f93 #3a78b5 #183350"), line=0.009)
    fruit(0.57, 0.82, 0.1, red)
    c.shape(path("57 74.5 57.8 70"), "#3d2712", line=0.009)
    fruit(1.28, 0.84, 0.11, "#fff6b0 #f4d83a #c79a12 #5f4206", flat=0.7)
    for row in range(4):
        for k in range(5 - row):
            x, y = 0.1 + 0.046 * k + 0.023 * row, 0.89 - 0.04 * row + 0.012 * (k % 2)
            fruit(x, y, 0.03, "#b79ad8 #6a3f92 #34174f #15061f")
    return c.picture()


def picnic(size: Size) -> Image.Image:
    """A picnic on a chequered cloth, seen from above."""
    c = Canvas(size, tint(cloud(Random(8), 40, 30), "#24501f #3f7a2c #5f9838 #8cb850"), 8)
    for _ in range(110):
        x, y, start = c.rng.uniform(0, c.width), c.rng.uniform(0, 1), c.rng.uniform(0, 1)
        for a in (start + tau * petal / 6 for petal in range(6)):
            c.shape(oval(x + 0.008 * cos(a), y + 0.008 * sin(a), 0.007, 0.004, a), "#fffdf4")
        c.shape(oval(x, y, 0.005), "#f2c230")

    def slab(left: float, top: float, right: float, bottom: float) -> list[Point]:
        turned = [(u - 0.12 * v, v + 0.12 * u) for u, v in box(left, top, right, bottom)]
        return [(c.width / 2 + u, 0.5 + v) for u, v in turned]

    c.shape(slab(-0.62, -0.4, 0.62, 0.4), "#fbf6ec #efe6d8", drop=0.015)
    for start in (0.08 * k for k in range(16)):
        c.shape(slab(start - 0.62, -0.4, start - 0.58, 0.4), "#d8283080")
        if start < 0.79:
            c.shape(slab(-0.62, start - 0.4, 0.62, start - 0.36), "#d8283080")
    c.shape(slab(-0.62, -0.4, 0.62, 0.4), tint(cloud(c.rng, 3, 2, 3), "#4003 #4000 #fff0 #fff3"))
    for x, y, r in ((0.5, 0.36, 0.17), (0.88, 0.66, 0.17)):
        c.shape(oval(x, y, r), ball("#ffffff #f2f3f2 #cfd6d8"), drop=0.012)
        c.shape(oval(x, y, 0.93 * r), "#3f74a8", line=0.006)
        c.shape(oval(x, y, 0.7 * r), orb("#fdfdfb #f4f4f0 #d5dadb"))
    for turn, x, y in ((2.9, 0.47, 0.34), (5.2, 0.47, 0.4), (0.9, 0.56, 0.36)):
        for r, colour in ((0.1, "#2f6b2c"), (0.091, "#dff0c0"), (0.082, "#f2604f #d8323c")):
            c.shape(oval(x, y, r, r, turn, 0.5), colour, drop=0.006 if r == 0.1 else 0)
        for a in (turn + 0.5 + 0.53 * k for k in range(5)):
            c.shape(oval(x + 0.05 * cos(a), y + 0.05 * sin(a), 0.006, 0.004, a), "#2a0f10")
    for k in range(13, 0, -1):
        a, out = 2.4 * k, 0.034 * (k - 0.7) ** 0.5
        x, y = 0.88 + out * cos(a), 0.66 + out * sin(a)
        c.shape(oval(x, y, 0.032, 0.025, a), ball("#ff9a80 #e0242c #86101c"), drop=0.005)
        for tilt in (0, 0.8, 1.6, 2.4):
            tip = oval(x - 0.024 * cos(a), y - 0.024 * sin(a), 0.014, 0.004, a + tilt)
            c.shape(tip, "#5aa83c #3f8a2c")
    wicker = tint(cloud(c.rng, 20, 14, 2), "#6b4420 #b07c40 #dcb070")
    c.shape(oval(1.08, 0.32, 0.19, 0.14, 0.1), wicker, drop=0.014)
    c.shape(oval(1.08, 0.32, 0.165, 0.115, 0.1), "#d3dce2 #f4f7f8")
    for x, y in ((1.02, 0.31), (1.08, 0.32), (1.14, 0.33)):
        c.shape(oval(x, y, 0.035, 0.12, 0.5), ball("#f6cf8c #d0893c #8a4f1c"), drop=0.006)
        for k in (-6, -2, 2, 6):
            cut = path("-1.5 -.4 1.5 1.2", x - 0.0048 * k, y + 0.0088 * k)
            c.shape(cut, "#fbe6bc", line=0.006)
    for x, y in ((0.4, 0.66), (0.56, 0.72)):
        c.shape(oval(x, y, 0.065), orb("#fff2a0 #f7dc62 #e4b93a"), drop=0.012)
        for r, colours in ((0.04, "#f4c72a"), (0.035, "#fffbe0"), (0.032, "#fbe98a")):
            c.shape(oval(x - 0.01, y + 0.005, r), colours)
        for a in (k * pi / 4 for k in range(4)):
            c.shape(oval(x - 0.01, y + 0.005, 0.032, 0.002, a), "#fffbe0")
        c.shape(oval(x, y, 0.065), "#fffc", line=0.006)
    return c.picture()


def poppies(size: Size) -> Image.Image:
    """Poppies in a summer meadow: the strong colours a wide gamut is for."""
    c = Canvas(size, "#6fc0f4 #d9efc4 #7cc242 #2f8a2a #12561f", 13)
    for _ in range(60):
        x, y, r = c.rng.uniform(0, c.width), c.rng.uniform(0.3, 1), c.rng.uniform(0.015, 0.05)
        bokeh = c.rng.choice(("#ff30204c", "#ffe03a40", "#b8f04a44", "#fff4"))
        c.shape(oval(x, y, r), bokeh, blur=0.006)
    for _ in range(150):
        x, tip, bend = c.rng.uniform(0, c.width), c.rng.uniform(20, 60), c.rng.uniform(-12, 12)
        blade = f"-.6 1 {bend * 0.4} {-tip / 2} {bend} {-tip} {bend * 0.4 + 0.8} {-tip / 2} .6 1"
        green = c.rng.choice(("#9be03a #2f8a24", "#5fc030 #1a6a22", "#c4ee5a #3f9a2a"))
        c.shape(path(blade, x, 1), green)
    near = (0.95, 0.68, 0.1), (0.36, 0.3, 0.13), (1.06, 0.3, 0.12), (0.66, 0.5, 0.2)
    for x, y, r in ((0.2, 0.55, 0.08), (1.32, 0.48, 0.09), *near):
        stem = [(x, y), (x + 0.1 * r, (1 + y) / 2), (x - 0.2 * r, 1.02)]
        c.shape(stem, across("#7cc63a #2a6a1c"), line=0.06 * r + 0.003)
        for a in (0.9 * k + 9 * x for k in range(7)):
            u, v = cos(a), sin(a)
            red = "#3a0408 #b80a0a #f01808 #ff3018 #ff6038"
            petal = orb(red, 0.5 - 0.42 * u, 0.5 - 0.42 * v, 1.3)
            centre = (x + 0.5 * r * u, y + 0.42 * r * v)
            c.shape(oval(*centre, 0.56 * r, 0.5 * r, a), petal, drop=0.02 * r)
        for k in range(26):
            out = r * (0.2 + 0.1 * (k % 3))
            u, v = x + out * cos(2.4 * k), y + 0.85 * out * sin(2.4 * k)
            c.shape([(x, y), (u, v)], "#2a0a1c", line=0.012 * r)
            c.shape(oval(u, v, 0.022 * r), "#140814")
        c.shape(oval(x, y, 0.16 * r, 0.14 * r), ball("#d9f08a #6aa03a #24481c"))
    return c.picture()

"""Scenes with hot-air balloons."""

from itertools import pairwise
from math import cos, pi, sin

from PIL import Image

from .canvas import Canvas, Point, Size, across, box, orb, oval, path, pine, ridge


def balloon(c: Canvas, x: float, y: float, r: float, colours: str) -> None:
    """A hot-air balloon: tapered gores, shaded as one round body, and a basket."""
    turns = [pi * 0.92 * i / 60 for i in range(61)]
    half = [(r * sin(a) * (1 + 0.14 * min(0, cos(a)) ** 2), -r * cos(a)) for a in turns]
    half = [(u, v * (1 + 0.3 * max(0, v / r))) for u, v in half]

    def gore(left: float, right: float) -> list[Point]:
        sides = [(x + left * u, y + v) for u, v in half], [(x + right * u, y + v) for u, v in half]
        return [*sides[0], *reversed(sides[1])]

    c.shape(gore(-1, 1), colours.split()[0])
    for k, (left, right) in enumerate(pairwise(sin(pi * (k / 13 - 0.5)) for k in range(14))):
        c.shape(gore(left, right), colours.split()[k % len(colours.split())])
    c.shape(gore(-1, 1), orb("#fffa #fff3 #fff0 #0123 #0129 #012c", 0.33, 0.26, 1.1))
    (mouth, hem), foot = half[-1], y + 1.62 * r
    for side in (-1, -0.4, 0.4, 1):
        rope = [(x + side * mouth, y + hem), (x + side * 0.13 * r, foot)]
        c.shape(rope, "#4a3a2c", line=0.012 * r)
    c.shape(oval(x, y + hem, mouth, 0.05 * r), "#3a2418")
    c.shape(oval(x, y + hem + 0.08 * r, 0.04 * r, 0.1 * r), orb("#fff #ffcc66a0 #ff993300"))
    c.shape(path("15 0 15 20", x, foot, r, both=True), across("#c98f4e #9a6430 #55331a"))
    c.shape(path("17 0 17 5", x, foot, r, both=True), across("#7a4d26 #3d2412"))


def balloon_cutout(size: Size) -> Image.Image:
    """A single balloon on nothing, with a soft shadow below: RGBA."""
    c = Canvas(size, "#0000", 4)
    c.shape(oval(0.53, 0.93, 0.22, 0.025), "#0126", blur=0.018)
    balloon(c, 0.5, 0.37, 0.3, "#e4483a #f6b83c #f7ead0 #2f8f9d")
    return c.image.reduce(2)


def balloon_ride(size: Size) -> Image.Image:
    """Balloons over morning hills."""
    c = Canvas(size, "#3f86c6 #8fc0e4 #dcecf2 #fbe7c6 #fbe7c6", 5)
    c.clouds(-0.1, 0.6, 6, "#ffffff")
    tones = "#a9c3cf", "#86ab9f", "#6d9a6b", "#4f8248", "#3b6b38"
    fields = "#dbe3dc", "#c3d6b8", "#a9c47e", "#8db055", "#2b4f2a"
    for k, (crest, field) in enumerate(zip(tones, fields, strict=True)):
        hills = ridge(c.rng, c.width, 0.6 + 0.085 * k, 0.035, 3 + k / 2)
        c.shape(hills, f"{crest} {field}")
        for x, y in hills[9:790:7] if k > 1 else []:
            if c.rng.random() < 0.45:
                c.shape(pine(x, y + 0.02, 0.012 * k + c.rng.uniform(0, 0.02)), "#3f7048 #1f4228")
        c.shape(box(0, 0.6 + 0.08 * k, c.width, 0.74 + 0.08 * k), "#fff0 #ffe4 #fff0")
    balloon(c, 1.18, 0.5, 0.045, "#7a4fa0 #e8d3f0")
    balloon(c, 0.2, 0.42, 0.06, "#f08a3c #fff0d0")
    balloon(c, 0.98, 0.24, 0.1, "#2f6fb0 #f4f0e4 #2f6fb0 #f2c230")
    balloon(c, 0.5, 0.34, 0.2, "#d8342c #f7c93f #f08a2c")
    return c.picture()

"""What a ThumbHash shows, by its definition: https://evanw.github.io/thumbhash/."""

from __future__ import annotations

import base64
from itertools import product
from math import cos, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from support.pictures import UPRIGHT


def shown(placeholder: str, size: tuple[int, int] = (32, 32)) -> Image.Image:
    """What a browser paints of a ThumbHash in base64, stretched to a size."""
    content = base64.b64decode(placeholder, validate=True)
    head = int.from_bytes(content[:5], "little")

    def bits(at: int, count: int) -> int:
        return head >> at & (1 << count) - 1

    has_alpha, is_wide = bits(23, 1), bits(39, 1)
    longer, shorter = 5 if has_alpha else 7, bits(24, 3)
    counts = (longer, shorter) if is_wide else (shorter, longer)
    start = 6 if has_alpha else 5
    steps = [half for byte in content[start:] for half in (byte & 15, byte >> 4)][::-1]
    light = _plane(size, bits(0, 6) / 63, bits(18, 5) / 31, counts, steps)
    yellow = _plane(size, bits(6, 6) / 31.5 - 1, bits(27, 6) / 63 * 1.25, (3, 3), steps)
    red = _plane(size, bits(12, 6) / 31.5 - 1, bits(33, 6) / 63 * 1.25, (3, 3), steps)
    alpha = np.ones(size[::-1])
    if has_alpha:
        alpha = _plane(size, (content[5] & 15) / 15, (content[5] >> 4) / 15, (5, 5), steps)
    assert len(steps) <= 1, "its length is that of what it says to hold"
    blue = light - 2 / 3 * yellow
    warm = (3 * light - blue + red) / 2
    pixels = np.stack([warm, warm - red, blue, alpha], axis=2).clip(0, 1) * 255
    return Image.fromarray(pixels.round().astype(np.uint8), "RGBA")


def _plane(
    size: tuple[int, int], mean: float, scale: float, counts: tuple[int, int], steps: list[int]
) -> NDArray[np.float64]:
    (width, height), (columns, rows) = size, (max(3, count) for count in counts)
    plane = np.full((height, width), mean)
    for row, column in product(range(rows), range(columns)):
        if (row or column) and column * rows < columns * (rows - row):
            down = [cos(pi / height * row * (y + 0.5)) for y in range(height)]
            across = [cos(pi / width * column * (x + 0.5)) for x in range(width)]
            plane += 2 * scale * (steps.pop() / 7.5 - 1) * np.outer(down, across)
    return plane


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures of one size, of 255, each over grey."""
    first, second = (
        np.asarray(Image.alpha_composite(Image.new("RGBA", each.size, "grey"), each), float)
        for each in (one.convert("RGBA"), other.convert("RGBA"))
    )
    return float(np.abs(first - second).mean())


def shows_quarters(placeholder: str) -> bool:
    """Whether one shows what `pictures.quarters` does: in each quarter its colour, about."""
    image = shown(placeholder).convert("RGB")
    places = [(8, 8), (24, 8), (8, 24), (24, 24)]
    expected = [ImageColor.getrgb(colour) for colour in UPRIGHT]
    found: list[Any] = [image.getpixel(place) for place in places]
    pairs = zip(found, expected, strict=True)
    return all(max(abs(a - b) for a, b in zip(*pair, strict=True)) < 120 for pair in pairs)

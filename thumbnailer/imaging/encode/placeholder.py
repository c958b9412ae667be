"""Describe a picture in some 25 bytes, of which a page paints a blurred one while it loads.

The form is ThumbHash's: Evan Wallace, https://evanw.github.io/thumbhash/. It holds the lowest
frequencies of a cosine transform, each in 4 bits: up to 7 x 7 of brightness, 3 x 3 of each of two
colour differences, and 5 x 5 of opacity.
"""

from __future__ import annotations

import base64
import math
import sys
from collections.abc import Iterable
from functools import lru_cache
from operator import mul
from typing import NamedTuple

from PIL import Image

from thumbnailer.imaging.colour.coded import Colours
from thumbnailer.imaging.colour.to_srgb import to_srgb
from thumbnailer.imaging.encode.palette import is_opaque

# The longer side in px of what is transformed. The published encoder takes up to 100, which would
# take 4 ms in Python and not 0.1. What is painted differs by 1.1 of 255 in the mean of 55 pictures:
# as much as of 100 px between two ways to shrink a picture.
_SIDE = 12
_LEAST_SIDE = 4  # enough for three frequencies

# Frequencies of one colour, which differ from 0 by how computers round.
_FLAT = 1e-9

# Brightness, yellow - blue and red - green from R, G and B in 0 to 255; the differences, which may
# be negative, are halved and lie around 127.5.
_TO_PLANES = (1 / 3, 1 / 3, 1 / 3, 0, 1 / 4, 1 / 4, -1 / 2, 127.5, 1 / 2, -1 / 2, 0, 127.5)


class _Planes(NamedTuple):
    """A picture as its parts, of a size in px; `alpha` is b"" if it is opaque."""

    size: tuple[int, int]
    light: bytes
    yellow: bytes
    red: bytes
    alpha: bytes


class _Frequencies(NamedTuple):
    """The lowest frequencies of a plane.

    Attributes:
        mean: in 0 to 1.
        scale: the largest absolute value of the others.
        steps: the others in units of `scale`, as 0 to 15.
    """

    mean: float
    scale: float
    steps: list[float]


def placeholder_of(image: Image.Image, colours: Colours = b"") -> str:
    """Return the ThumbHash of a picture, in base64.

    Args:
        image: of a mode that `to_resizable` returns, and of any size; 60 px on a side are enough.
        colours: its ICC profile, or what else its colours are; b"" for sRGB.
    """
    size, light, yellow, red, alpha = _planes_of(image, colours)
    most = 5 if alpha else 7
    columns, rows = (
        max(1, int(most * side / max(image.size) + 0.5)) for side in image.size
    )  # as JavaScript rounds
    of_light = _frequencies(light, size, max(3, columns), max(3, rows))
    of_yellow = _frequencies(yellow, size, 3, 3)
    of_red = _frequencies(red, size, 3, 3)
    is_wide = image.width > image.height
    head = _bits(
        (of_light.mean * 63, 6),
        (of_yellow.mean * 63, 6),
        (of_red.mean * 63, 6),
        (of_light.scale * 31, 5),
        (bool(alpha), 1),
        (rows if is_wide else columns, 3),
        (of_yellow.scale * 2 * 63, 6),
        (of_red.scale * 2 * 63, 6),
        (is_wide, 1),
    )
    steps = [*of_light.steps, *of_yellow.steps, *of_red.steps]
    if alpha:
        of_alpha = _frequencies(alpha, size, 5, 5)
        head += _bits((of_alpha.mean * 15, 4), (of_alpha.scale * 15, 4))
        steps += of_alpha.steps
    return base64.b64encode(head + _bits(*((step, 4) for step in steps))).decode()


def _planes_of(image: Image.Image, colours: Colours) -> _Planes:
    """Shrink a picture and part it; what shines through it is its own mean colour."""
    longer = max(image.size)
    width, height = (max(_LEAST_SIDE, round(_SIDE * side / longer)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    small, _ = to_srgb(small, colours)
    alpha = b""
    if not is_opaque(image):
        small = small.convert("RGBA")
        alpha = small.getchannel("A").tobytes()
        mean = small.resize((1, 1), Image.Resampling.BOX)
        mean.putalpha(255)
        small = Image.alpha_composite(mean.resize(small.size), small)
    parts = small.convert("RGB").convert("RGB", _TO_PLANES).split()
    light, yellow, red = (part.tobytes() for part in parts)
    return _Planes(small.size, light, yellow, red, alpha)


def _frequencies(plane: bytes, size: tuple[int, int], columns: int, rows: int) -> _Frequencies:
    """Return the lowest frequencies of a plane of width and height `size`: a triangle of them."""
    width, height = size
    lines = [plane[at : at + width] for at in range(0, len(plane), width)]
    across = [[_dot(line, wave) for line in lines] for wave in _waves(width, columns)]
    found = [
        _dot(across[column], wave)
        for row, wave in enumerate(_waves(height, rows))
        for column in range(columns)
        if column * rows < columns * (rows - row)
    ]
    mean, *others = (one / (255 * width * height) for one in found)
    scale = max(map(abs, others))
    unit = scale if scale > _FLAT else math.inf
    return _Frequencies(mean, scale, [7.5 + 7.5 * one / unit for one in others])


@lru_cache
def _waves(length: int, count: int) -> list[list[float]]:
    """Return the waves of a cosine transform of so many px that a triangle filter shrank to.

    The filter weakens a wave by the square of sin(x) / x, where x is half of the arc that a pixel
    takes of it.
    """
    found = []
    for number in range(count):
        half = math.pi * number / (2 * length)
        strength = (half / math.sin(half)) ** 2 if half else 1
        found.append([strength * math.cos(half * (2 * at + 1)) for at in range(length)])
    return found


def _bits(*fields: tuple[float, int]) -> bytes:
    """Return numbers, each of so many bits, one after another from the lowest bit up."""
    value = at = 0
    for number, bits in fields:
        value |= min(max(int(number + 0.5), 0), (1 << bits) - 1) << at
        at += bits
    return value.to_bytes((at + 7) // 8, "little")


if sys.version_info >= (3, 12):
    from math import sumprod as _dot
else:

    def _dot(one: Iterable[float], other: Iterable[float], /) -> float:
        total: float = sum(map(mul, one, other))
        return total

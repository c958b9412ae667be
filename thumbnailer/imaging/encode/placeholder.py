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
from itertools import zip_longest
from operator import mul
from typing import NamedTuple

from PIL import Image

from thumbnailer.imaging.colour.coded import Colours
from thumbnailer.imaging.colour.to_srgb import to_srgb
from thumbnailer.imaging.encode.palette import is_opaque

# The longer side in px of what is transformed. The published encoder takes up to 100, which would
# take 4 ms in Python and not 0.1. What is painted differs by 2.5 of 255 in the mean of 55 pictures,
# by 1.1 of 12 px, and by 1.4 between two ways to shrink a picture to 100 px.
_SIDE = 8
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
    steps: list[int]


def placeholder_of(image: Image.Image, colours: Colours = b"") -> str:
    """Return the ThumbHash of a picture, in base64.

    Args:
        image: of a mode that `to_resizable` returns, and of any size; 60 px on a side are enough.
        colours: its ICC profile, or what else its colours are; b"" for sRGB.
    """
    width, height = image.size
    size, light, yellow, red, alpha = _planes_of(image, colours)
    most = 5 if alpha else 7
    columns = max(1, _level(width / max(width, height), most))
    rows = max(1, _level(height / max(width, height), most))
    of_light = _frequencies(light, size, max(3, columns), max(3, rows))
    of_yellow = _frequencies(yellow, size, 3, 3)
    of_red = _frequencies(red, size, 3, 3)
    is_wide = width > height
    head = _level(of_light.mean, 63)
    head |= _level(of_yellow.mean, 63) << 6
    head |= _level(of_red.mean, 63) << 12
    head |= _level(of_light.scale, 31) << 18
    head |= bool(alpha) << 23
    head |= (rows if is_wide else columns) << 24
    head |= _level(2 * of_yellow.scale, 63) << 27
    head |= _level(2 * of_red.scale, 63) << 33
    head |= is_wide << 39
    steps = [*of_light.steps, *of_yellow.steps, *of_red.steps]
    if alpha:
        of_alpha = _frequencies(alpha, size, 5, 5)
        steps = [_level(of_alpha.mean, 15), _level(of_alpha.scale, 15), *steps, *of_alpha.steps]
    pairs = zip_longest(steps[::2], steps[1::2], fillvalue=0)
    tail = bytes([first | second << 4 for first, second in pairs])
    return base64.b64encode(head.to_bytes(5, "little") + tail).decode()


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
    data = small.convert("RGB").convert("RGB", _TO_PLANES).tobytes()
    return _Planes(small.size, data[::3], data[1::3], data[2::3], alpha)


def _frequencies(plane: bytes, size: tuple[int, int], columns: int, rows: int) -> _Frequencies:
    """Return the lowest frequencies of a plane of width and height `size`: a triangle of them."""
    mean, *others = [_dot(plane, wave) for wave in _waves(*size, columns, rows)]
    scale = max(max(others), -min(others))
    unit = scale if scale > _FLAT else math.inf
    # From -1 to 1 to 0 to 15, rounded.
    return _Frequencies(mean, scale, [int(8 + 7.5 * one / unit) for one in others])


@lru_cache
def _waves(width: int, height: int, columns: int, rows: int) -> list[list[float]]:
    """Return the waves of a cosine transform of a plane, so that their sums are in 0 to 1."""
    across, down = _waves_along(width, columns), _waves_along(height, rows)
    return [
        [one * other / (255 * width * height) for other in down[row] for one in across[column]]
        for row in range(rows)
        for column in range(columns)
        if column * rows < columns * (rows - row)
    ]


def _waves_along(length: int, count: int) -> list[list[float]]:
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


def _level(value: float, most: int) -> int:
    """Return a value of 0 to 1 as a whole number of 0 to `most`."""
    return min(max(int(value * most + 0.5), 0), most)


if sys.version_info >= (3, 12):
    from math import sumprod as _dot
else:

    def _dot(one: Iterable[float], other: Iterable[float], /) -> float:
        total: float = sum(map(mul, one, other))
        return total

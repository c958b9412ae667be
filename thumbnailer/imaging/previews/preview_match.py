"""Whether a preview shows the picture that it belongs to, judged by some of the picture's rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from operator import mul, sub
from typing import NamedTuple

from PIL import Image

from thumbnailer.imaging.previews.partial_jpeg import Band

# Both are compared as mosaics of so many cells along the preview's longer side: cameras' previews
# lie up to 2 px beside the picture's.
_CELLS = 40

# The limits, in steps of 255. 18 of 26 camera pictures are within them with their own previews, at
# most by what is in brackets. None is with one of the 25 others, nor with its own when that was
# mirrored, turned, made black and white or cropped by a tenth.
_LEAST_SPREAD = 8.0  # of luma (11)
_LEAST_DETAIL = 3.0  # from a cell to the next (3.9)
_LEAST_CORRELATION = 0.965  # (.968; with other pictures' .91)
_MOST_SHIFT = 5.0  # of the mean luma (4.0)
_MOST_STRETCH = 2.6  # of the luma's spread (1.5)
_MOST_AWAY = 45  # of the luma of one cell (40)
_LEAST_COLOUR = 2.0  # that can be judged at all (3.6)
_MOST_COLOUR, _MOST_COLOUR_SHARE = 1.2, 0.07  # of how strong colours are (1.1, or .02)
_MOST_COLOUR_SHIFT = 4.0  # of the mean colour (3.2)


class _Mosaic(NamedTuple):
    luma: list[int]
    blue: list[int]  # 0 for grey
    red: list[int]


def mismatch_reason(preview: Image.Image, bands: Sequence[Band]) -> str:
    """Why a preview is not sure to show the picture; "" if it is.

    Args:
        preview: RGB or L, of the whole picture, without bars beside it.
        bands: some of the picture's rows.
    """
    cell = max(preview.size) / _CELLS
    columns = max(1, round(preview.width / cell))
    ours, theirs = _Mosaic([], [], []), _Mosaic([], [], [])
    detail = 0
    for band in bands:
        top, bottom = band.top * preview.height, band.bottom * preview.height
        size = columns, max(1, round((bottom - top) / cell))
        _add(ours, band.image.resize(size, Image.Resampling.BOX))
        part = preview.resize(size, Image.Resampling.BOX, (0, top, preview.width, bottom))
        _add(theirs, part.convert("YCbCr"))
    for start in range(0, len(ours.luma), columns):
        row = ours.luma[start : start + columns]
        detail += sum((one - other) ** 2 for one, other in pairwise(row))
    mean, spread = _mean_and_spread(ours.luma)
    other_mean, other_spread = _mean_and_spread(theirs.luma)
    count = len(ours.luma)
    if min(spread, other_spread) < _LEAST_SPREAD or detail < _LEAST_DETAIL**2 * count:
        return "can't be compared with the picture, which shows too little where it was looked at"
    covariance = sum(map(mul, ours.luma, theirs.luma)) / count - mean * other_mean
    if (
        abs(mean - other_mean) > _MOST_SHIFT
        or abs(spread - other_spread) > _MOST_STRETCH
        or covariance < _LEAST_CORRELATION * spread * other_spread
        or max(map(abs, map(sub, ours.luma, theirs.luma))) > _MOST_AWAY
    ):
        return "differs from the picture"
    return _colour_mismatch_reason(ours, theirs, preview)


def _colour_mismatch_reason(ours: _Mosaic, theirs: _Mosaic, preview: Image.Image) -> str:
    everything = _Mosaic([], [], [])
    _add(everything, preview.resize((8, 8), Image.Resampling.BOX).convert("YCbCr"))
    strength = sqrt(_product(ours, ours))
    least = min(_LEAST_COLOUR, sqrt(_product(everything, everything)) / 2)
    if strength < least:
        return "has colours where the picture was not looked at"
    stretch = sqrt(_product(theirs, theirs)) - strength
    unshared = strength - _product(ours, theirs) / strength if strength else 0.0
    blue, red = sum(map(sub, ours.blue, theirs.blue)), sum(map(sub, ours.red, theirs.red))
    shift = max(abs(blue), abs(red)) / len(ours.luma)
    most = max(_MOST_COLOUR, _MOST_COLOUR_SHARE * strength)
    if abs(stretch) > most or abs(unshared) > 2 * most or shift > _MOST_COLOUR_SHIFT:
        return "differs from the picture in its colours"
    return ""


def _product(one: _Mosaic, other: _Mosaic) -> float:
    """How strong the colours are that both have in the same places: a mean of squares."""
    both: int = sum(map(mul, one.blue, other.blue)) + sum(map(mul, one.red, other.red))
    return both / (2 * len(one.luma))


def _add(mosaic: _Mosaic, image: Image.Image) -> None:
    """
    Args:
        image: YCbCr or L.
    """
    data = image.tobytes()
    if image.mode == "L":
        data = bytes(value for grey in data for value in (grey, 128, 128))
    mosaic.luma.extend(data[::3])
    mosaic.blue.extend(value - 128 for value in data[1::3])
    mosaic.red.extend(value - 128 for value in data[2::3])


def _mean_and_spread(values: Sequence[int]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    return mean, sqrt(max(0.0, sum(map(mul, values, values)) / len(values) - mean * mean))

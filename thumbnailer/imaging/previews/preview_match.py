"""Compare an embedded preview with a few decoded rows of its picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from operator import mul, sub
from typing import NamedTuple

from PIL import Image

from thumbnailer.imaging.previews.partial_jpeg import Band

# Both are compared as mosaics with this many cells along the preview's longer side: previews of
# cameras are shifted by up to 2 px against the picture.
_CELLS = 40

# Limits, in steps of 255. 18 of 26 camera pictures pass with their own previews; in brackets is the
# value that comes closest to the limit. None passes with one of the 25 other previews, nor with its
# own when that was mirrored, rotated, made black and white or cropped by a tenth.
_MIN_SPREAD = 8.0  # of luma: its standard deviation (11)
_MIN_DETAIL = 3.0  # root mean square luma difference of neighbouring cells (3.9)
_MIN_CORRELATION = 0.965  # of luma (.968; with other pictures' previews .91)
_MAX_MEAN_SHIFT = 5.0  # difference in mean luma (4.0)
_MAX_SPREAD_CHANGE = 2.6  # difference in the spread of luma (1.5)
_MAX_CELL_DIFFERENCE = 45  # difference in luma of one cell (40)
_MIN_COLOUR = 2.0  # colour strength that can be compared at all (3.6)
_MAX_COLOUR_CHANGE, _MAX_COLOUR_CHANGE_SHARE = 1.2, 0.07  # in colour strength (1.1, or .02)
_MAX_COLOUR_SHIFT = 4.0  # difference in mean colour (3.2)


class _Mosaic(NamedTuple):
    """The cells of a coarse mosaic of an image, in YCbCr."""

    luma: list[int]
    blue: list[int]  # 0 for grey
    red: list[int]


def mismatch_reason(preview: Image.Image, bands: Sequence[Band]) -> str:
    """Return why a preview may not show the same as its picture; "" if both match.

    Args:
        preview: RGB or L; the whole picture, without bars beside it.
        bands: some of the picture's rows.
    """
    cell = max(preview.size) / _CELLS
    columns = max(1, round(preview.width / cell))
    decoded, embedded = _Mosaic([], [], []), _Mosaic([], [], [])
    detail = 0
    for band in bands:
        top, bottom = band.top * preview.height, band.bottom * preview.height
        size = columns, max(1, round((bottom - top) / cell))
        _append_cells(decoded, band.image.resize(size, Image.Resampling.BOX))
        part = preview.resize(size, Image.Resampling.BOX, (0, top, preview.width, bottom))
        _append_cells(embedded, part)
    for start in range(0, len(decoded.luma), columns):
        row = decoded.luma[start : start + columns]
        detail += sum((one - other) ** 2 for one, other in pairwise(row))
    mean, spread = _mean_and_spread(decoded.luma)
    other_mean, other_spread = _mean_and_spread(embedded.luma)
    count = len(decoded.luma)
    if min(spread, other_spread) < _MIN_SPREAD or detail < _MIN_DETAIL**2 * count:
        return "can't be compared with the picture, which shows too little where it was looked at"
    covariance = sum(map(mul, decoded.luma, embedded.luma)) / count - mean * other_mean
    if (
        abs(mean - other_mean) > _MAX_MEAN_SHIFT
        or abs(spread - other_spread) > _MAX_SPREAD_CHANGE
        or covariance < _MIN_CORRELATION * spread * other_spread
        or max(map(abs, map(sub, decoded.luma, embedded.luma))) > _MAX_CELL_DIFFERENCE
    ):
        return "differs from the picture"
    return _colour_mismatch_reason(decoded, embedded, preview)


def _colour_mismatch_reason(decoded: _Mosaic, embedded: _Mosaic, preview: Image.Image) -> str:
    everything = _Mosaic([], [], [])
    _append_cells(everything, preview.resize((8, 8), Image.Resampling.BOX))
    strength = sqrt(_colour_product(decoded, decoded))
    least = min(_MIN_COLOUR, sqrt(_colour_product(everything, everything)) / 2)
    if strength < least:
        return "has colours where the picture was not looked at"
    strength_change = sqrt(_colour_product(embedded, embedded)) - strength
    unshared = strength - _colour_product(decoded, embedded) / strength if strength else 0.0
    blue, red = sum(map(sub, decoded.blue, embedded.blue)), sum(map(sub, decoded.red, embedded.red))
    shift = max(abs(blue), abs(red)) / len(decoded.luma)
    most = max(_MAX_COLOUR_CHANGE, _MAX_COLOUR_CHANGE_SHARE * strength)
    if abs(strength_change) > most or abs(unshared) > 2 * most or shift > _MAX_COLOUR_SHIFT:
        return "differs from the picture in its colours"
    return ""


def _colour_product(one: _Mosaic, other: _Mosaic) -> float:
    """Return how strong the colours are that two mosaics share, cell by cell: a mean of squares."""
    both: int = sum(map(mul, one.blue, other.blue)) + sum(map(mul, one.red, other.red))
    return both / (2 * len(one.luma))


def _append_cells(mosaic: _Mosaic, image: Image.Image) -> None:
    """Append the pixels of an image to a mosaic, as its cells."""
    data = image.convert("YCbCr").tobytes()
    mosaic.luma.extend(data[::3])
    mosaic.blue.extend(value - 128 for value in data[1::3])
    mosaic.red.extend(value - 128 for value in data[2::3])


def _mean_and_spread(values: Sequence[int]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    return mean, sqrt(max(0.0, sum(map(mul, values, values)) / len(values) - mean * mean))

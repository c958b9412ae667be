"""What a job may lead to: the length, kind and looks of the thumbnails that it asks for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from thumbnailer.engine.messages.answers import BadAnswer, Result
from thumbnailer.formats import WRITTEN, possible_formats
from thumbnailer.model import EncodedThumbnail, Failure, Job, Rendering, WantedThumbnail
from thumbnailer.recipe import Area, Limits, Recipe

# The most bytes a pixel of a thumbnail: noise with alpha takes 5.4 in AVIF and 4 in PNG, and in a
# frame of an animated WebP 2.3. Encoders fill up blocks of up to 64 px.
_PIXEL_BYTES, _FRAME_PIXEL_BYTES, _BLOCK_PX = 8, 4, 64

# The most frames of an animation (`imaging/animation`), and the most bytes of a profile and other
# metadata (`imaging/colour/source_colours`).
_MAX_FRAMES, _OTHER_BYTES = 1000, 32 << 20

_STARTS = {
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "avif": re.compile(rb".{4}ftyp(?:avif|avis)", re.DOTALL),
    "gif": re.compile(rb"GIF8[79]a"),
    "jxl": re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
}


def most_bytes(job: Job) -> int:
    """Return how many bytes the thumbnails of a job can have together."""
    return sum(_most_bytes(one.recipe, job.limits) for one in job.wanted)


def check_asked_for(result: Result | Failure, job: Job, expected: type[Result]) -> None:
    """Check that what a worker answers is what its job asks for, as far as that can be seen.

    Args:
        expected: what comes of the job if it does not fail.

    Raises:
        BadAnswer: it is not.
    """
    if isinstance(result, Failure):
        return
    if not isinstance(result, expected):
        raise BadAnswer(f"a {type(result).__name__} in place of a {expected.__name__}")
    if isinstance(result, Rendering):
        for made, wanted in zip(result.encoded, job.wanted, strict=True):
            _check_thumbnail(made, wanted, job.limits)


def _check_thumbnail(made: EncodedThumbnail, wanted: WantedThumbnail, limits: Limits) -> None:
    """Check that a thumbnail is what its recipe may lead to, as far as that can be seen.

    Raises:
        BadAnswer: it is not.
    """
    data, format, width, height, _ = made
    recipe = wanted.recipe
    if format not in possible_formats(recipe.format):
        raise BadAnswer(f"a {format} in place of a {recipe.format}")
    if not _may_have_size(recipe, format, width, height, limits):
        raise BadAnswer(f"a thumbnail of {width} x {height} px")
    most_bytes = recipe.max_bytes or _OTHER_BYTES  # more needs a closer look
    if len(data) > most_bytes and (
        recipe.max_bytes or len(data) > _file_bytes(recipe, width, height, width * height)
    ):
        raise BadAnswer(f"{len(data)} bytes for a thumbnail of {width} x {height} px")
    if not _STARTS[format].match(data):
        raise BadAnswer(f"a {format} that does not begin like one")


def _may_have_size(recipe: Recipe, format: str, width: int, height: int, limits: Limits) -> bool:
    most_width, most_height = recipe.box.width, recipe.box.height
    if most_width is None or most_height is None:
        most = _largest(recipe, format, limits)
        most_width, most_height = most.width, most.height
        if width * height > most.pixels:
            return False
    return 0 < width <= most_width and 0 < height <= most_height


class _Largest(NamedTuple):
    """The largest thumbnail, in px; the longest width and height may not come together."""

    width: int
    height: int
    pixels: int


@lru_cache
def _largest(recipe: Recipe, format: str, limits: Limits) -> _Largest:
    """Return the largest thumbnail that a recipe leads to in a format."""
    # Where a side is free, it follows from a picture or thumbnail that the limits allow.
    box = recipe.box
    pixels = min(limits.pixels, box.pixels) if isinstance(box, Area) else limits.pixels
    free = min(WRITTEN[format].max_side or pixels, pixels)
    most = box.width * box.height if box.width and box.height else pixels
    return _Largest(box.width or free, box.height or free, most)


@lru_cache
def _most_bytes(recipe: Recipe, limits: Limits) -> int:
    """Return the most bytes that a thumbnail of a recipe can have."""
    every = [_largest(recipe, format, limits) for format in possible_formats(recipe.format)]
    most = max(_file_bytes(recipe, *one) for one in every)
    return recipe.max_bytes or min(most, limits.memory_bytes + _OTHER_BYTES)


def _file_bytes(recipe: Recipe, width: int, height: int, pixels: int) -> int:
    """Return the most bytes that the file of a thumbnail can have."""
    pixels += _BLOCK_PX * (width + height + _BLOCK_PX)
    if recipe.animated:
        return _OTHER_BYTES + pixels * _FRAME_PIXEL_BYTES * _MAX_FRAMES
    return _OTHER_BYTES + pixels * _PIXEL_BYTES

"""Encode a finished picture as the content of a file that holds nothing else."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from PIL import Image, ImageFile, PngImagePlugin

from thumbnailer.imaging.colour.to_srgb import flatten
from thumbnailer.imaging.encode.palette import (
    MAX_COLOURS,
    is_opaque,
    with_palette,
    with_transparent_index,
)
from thumbnailer.imaging.failures import StageError
from thumbnailer.model import EncodedThumbnail, Failure
from thumbnailer.recipe import Recipe

# libaom's speed setting, at 256 and 1024 px: 6 takes 49 and 395 ms, 8 takes 16 and 152 ms for 4 to
# 11 % more bytes, 9 takes 4 and 36 ms for 11 to 18 % more and visibly coarser texture (-0.6 dB).
_AVIF_SPEED = 8

# Method 4 takes 5 ms at 256 px, method 6 twice that for 4 % fewer bytes.
WEBP_METHOD = 4

# The longest side in px: libjpeg's JPEG_MAX_DIMENSION, RFC 9649, AV1 section 5.5.1, GIF89a section
# 18. PNG has no limit that matters.
_MAX_SIDES = {"jpeg": 65_500, "webp": 16_383, "avif": 65_536, "gif": 65_535}

# Numbers of colours, which PNG and GIF have in place of a quality. `_ALL_COLOURS`: no palette.
_ALL_COLOURS = MAX_COLOURS + 1
_COLOURS = (2, 4, 8, 16, 32, 64, 128, MAX_COLOURS)

_MAXBLOCK_LOCK = threading.Lock()


def encode(
    image: Image.Image,
    recipe: Recipe,
    *,
    exif: bytes = b"",
    profile: bytes = b"",
    text: tuple[tuple[str, str], ...] = (),
) -> EncodedThumbnail:
    """Encode a picture as a file that holds only the picture and the metadata given here.

    Args:
        image: L, LA, RGB or RGBA.
        recipe: format, quality and so on; for `jpeg` the background replaces transparency.
        exif: metadata to keep, as an EXIF block; left out of a `gif`, which can't hold it.
        profile: the ICC profile of the picture, left out of a `gif`, which can't hold it; a file
            without one is taken as sRGB.
        text: keys and values for a `png` (PNG specification, tEXt).

    Returns:
        The encoded file; for the format `auto` a `jpeg` if all pixels are opaque, else a `png`.

    Raises:
        StageError: a side is too long for the format, or no quality gives at most `max_bytes`.
    """
    format = recipe.format
    if format == "auto":
        format = "jpeg" if is_opaque(image) else "png"
    check_sides(image.size, format)
    if format == "jpeg":
        image = flatten(image, recipe.background)
    # Pillow would write parts of the source's header again: comment, profile, transparency.
    image.info = {}
    extra = {"exif": exif, "icc_profile": profile}
    extra = {key: value for key, value in extra.items() if value and format != "gif"}

    def encode_at(level: int) -> bytes:
        written, options = _ENCODERS[format](image, recipe, level)
        if format == "png" and text:
            options["pnginfo"] = _chunks(text)
        buffer = io.BytesIO()
        with _jpeg_buffer(image, format, recipe, len(exif) + len(profile)):
            written.save(buffer, format, **options, **extra)
        return buffer.getvalue()

    return EncodedThumbnail(encode_within_limit(encode_at, format, recipe), format, *image.size)


def check_sides(size: tuple[int, int], format: str) -> None:
    """Check that a format supports a picture of `size` (px).

    Raises:
        StageError: a side is too long.
    """
    most = _MAX_SIDES.get(format)
    if most and max(size) > most:
        reason = f"would have {size[0]} x {size[1]} px: {format} can have {most} at most"
        raise StageError(Failure("encode", reason))


def encode_within_limit(at: Callable[[int], bytes], format: str, recipe: Recipe) -> bytes:
    """Return the best file of at most `recipe.max_bytes`; at the recipe's quality if that is 0.

    Args:
        at: encodes a file at a quality, or with a number of colours if the format has no quality;
            called eight times at most.

    Raises:
        StageError: even the file of the lowest quality is too long.
    """
    levels = _levels(format, recipe)
    data = at(levels[-1])
    if not recipe.max_bytes or len(data) <= recipe.max_bytes:
        return data
    best = None
    low, high = 0, len(levels) - 1  # levels left to try, without `high`, which is too long
    while low < high:
        middle = (low + high) // 2
        data = at(levels[middle])
        if len(data) <= recipe.max_bytes:
            best, low = data, middle + 1
        else:
            high = middle
    if best is None:
        worst = "with 2 colours" if format in ("png", "gif") else "at quality 1"
        reason = f"is longer than {recipe.max_bytes} bytes even {worst} (max_bytes)"
        raise StageError(Failure("encode", reason))
    return best


def _levels(format: str, recipe: Recipe) -> Sequence[int]:
    """Return the qualities, or numbers of colours, to choose from, from worst to best."""
    if format == "png":
        return _COLOURS if recipe.palette else (*_COLOURS, _ALL_COLOURS)
    return _COLOURS if format == "gif" else range(1, recipe.quality + 1)


def _jpeg(image: Image.Image, recipe: Recipe, quality: int) -> tuple[Image.Image, dict[str, Any]]:
    options: dict[str, Any] = {
        "quality": quality,
        "optimize": True,
        "progressive": recipe.progressive,
    }
    if image.mode != "L":
        options["subsampling"] = recipe.subsampling
    return image, options


def _webp(image: Image.Image, recipe: Recipe, quality: int) -> tuple[Image.Image, dict[str, Any]]:
    return image, {"quality": quality, "method": WEBP_METHOD}


def _avif(image: Image.Image, recipe: Recipe, quality: int) -> tuple[Image.Image, dict[str, Any]]:
    # One thread, since there is a worker process for each processor already.
    options: dict[str, Any] = {"quality": quality, "speed": _AVIF_SPEED, "max_threads": 1}
    if image.mode != "L":
        options["subsampling"] = recipe.subsampling
    return image, options


def _png(image: Image.Image, recipe: Recipe, colours: int) -> tuple[Image.Image, dict[str, Any]]:
    # zlib's highest level takes twice the time for 0.6 % fewer bytes.
    return image if colours == _ALL_COLOURS else with_palette(image, colours), {}


def _gif(image: Image.Image, recipe: Recipe, colours: int) -> tuple[Image.Image, dict[str, Any]]:
    indexed, transparent = with_transparent_index(image, colours)
    return indexed, {} if transparent is None else {"transparency": transparent}


_ENCODERS: dict[str, Callable[[Image.Image, Recipe, int], tuple[Image.Image, dict[str, Any]]]] = {
    "jpeg": _jpeg,
    "webp": _webp,
    "avif": _avif,
    "png": _png,
    "gif": _gif,
}


def _chunks(text: tuple[tuple[str, str], ...]) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    for key, value in text:
        chunks.add_text(key, value)
    return chunks


@contextmanager
def _jpeg_buffer(image: Image.Image, format: str, recipe: Recipe, others: int) -> Iterator[None]:
    """Enlarge Pillow's output buffer for the longest possible JPEG.

    Black and white noise takes 1.6 bytes a pixel, and 3.2 at 4:4:4. libjpeg returns an optimised
    file in one piece. Pillow's buffer holds 1 byte a pixel, so noise fails with "broken data
    stream". The size of the buffer can only be set for the whole process.

    Args:
        others: how many bytes of metadata come before the pixels.
    """
    if format != "jpeg":
        yield
        return
    needed = (4 if recipe.subsampling == "4:4:4" else 2) * image.width * image.height
    with _MAXBLOCK_LOCK:
        before = ImageFile.MAXBLOCK
        ImageFile.MAXBLOCK = max(before, needed + others + 4096)
        try:
            yield
        finally:
            ImageFile.MAXBLOCK = before

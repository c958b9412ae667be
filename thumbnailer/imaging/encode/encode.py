"""Encode finished pictures and animations as the content of files."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from PIL import Image, ImageFile, PngImagePlugin

from thumbnailer.formats import WRITTEN, has_option
from thumbnailer.imaging.colour.to_srgb import flatten
from thumbnailer.imaging.containers.exif import EXIF_START
from thumbnailer.imaging.encode.jxl import encode_jxl
from thumbnailer.imaging.encode.palette import (
    MAX_COLOURS,
    is_opaque,
    with_common_palette,
    with_palette,
    with_transparent_index,
)
from thumbnailer.imaging.encode.placeholder import placeholder_of
from thumbnailer.imaging.failures import StageError
from thumbnailer.imaging.process_wide import ProcessWide
from thumbnailer.model import EncodedThumbnail, Failure
from thumbnailer.recipe import Recipe

# libaom's speed setting, at 256 and 1024 px: 6 takes 49 and 395 ms, 8 takes 16 and 152 ms for 4 to
# 11 % more bytes, 9 takes 4 and 36 ms for 11 to 18 % more and visibly coarser texture (-0.6 dB).
_AVIF_SPEED = 8

# Method 4 takes 5 ms at 256 px, method 6 twice that for 4 % fewer bytes.
_WEBP_METHOD = 4

# A PNG with more colours is a photograph, in which zlib finds next to no strings that it has seen
# before. Not to look for them (Z_RLE) takes 42 ms instead of 230 at 1024 px, for 1 % more bytes (-5
# to 5); libvips takes 40 for a third more. What is drawn would take 4 to 40 % more bytes.
_DRAWN_COLOURS = 4096

# Numbers of colours, which PNG and GIF have in place of a quality. `_ALL_COLOURS`: no palette;
# `_QUICKLY`: nor a search for strings in a photograph.
_ALL_COLOURS, _QUICKLY = MAX_COLOURS + 1, MAX_COLOURS + 2
_COLOURS = (2, 4, 8, 16, 32, 64, 128, MAX_COLOURS)

# The shortest time in ms for which browsers show a frame, and up to what they take it for "as fast
# as possible" and show it for 100: WebKit bug 14413, whose numbers Chromium and Firefox share.
_SHORTEST, _AS_FAST_AS_POSSIBLE = 20, 10

# The bytes that Pillow itself has, which may not be its value now: room for tables and markers.
_MAXBLOCK, _PILLOW_MAXBLOCK_BYTES = ProcessWide("MAXBLOCK"), 65536

_Images = Sequence[Image.Image]
_Input = tuple[_Images, dict[str, Any]]


class Metadata(NamedTuple):
    """What a thumbnail's file holds besides pixels; formats that can't hold it leave it out.

    Attributes:
        exif: an EXIF block.
        profile: the ICC profile of the picture; a file without one is taken as sRGB.
        text: keys and values for a `png` (PNG specification, tEXt).
    """

    exif: bytes = b""
    profile: bytes = b""
    text: tuple[tuple[str, str], ...] = ()


class Timing(NamedTuple):
    """The playback of an animation.

    Attributes:
        durations: how long each frame is shown, in ms.
        plays: how often the animation is played; 0 for endlessly.
    """

    durations: Sequence[int] = ()
    plays: int = 0


def encode(
    images: Sequence[Image.Image], recipe: Recipe, metadata: Metadata, timing: Timing
) -> EncodedThumbnail:
    """Encode a picture, or the frames of a `webp` or `gif`, as a file that holds nothing else.

    Args:
        images: of one size, L, LA, RGB or RGBA.
        recipe: format, quality and so on; for `jpeg` the background replaces transparency.
        timing: not used for a single picture.

    Returns:
        The encoded file; for the format `auto` a `jpeg` if all pixels are opaque, else a `png`.

    Raises:
        StageError: a side is too long for the format, or no quality gives at most `max_bytes`.
    """
    format, size = recipe.format, images[0].size
    if format == "auto":
        format = "jpeg" if is_opaque(images[0]) else "png"
    most = WRITTEN[format].max_side
    if most and max(size) > most:
        reason = f"would have {size[0]} x {size[1]} px: {format} can have {most} at most"
        raise StageError(Failure("encode", reason))
    if format == "jpeg":
        images = [flatten(images[0], recipe.background)]
    if len(images) > 1:
        has_alpha = any(image.mode in ("LA", "RGBA") for image in images)
        images = [image.convert("RGBA" if has_alpha else "RGB") for image in images]
    for image in images:
        image.info = {}  # Pillow would write parts of it again: comment, profile, transparency
    exif = metadata.exif.removeprefix(EXIF_START) if format == "webp" else metadata.exif
    extra = {"exif": exif, "icc_profile": metadata.profile}
    extra = {key: value for key, value in extra.items() if value and has_option(format, "keep")}

    def encode_at(level: int) -> bytes:
        if format == "jxl":
            return encode_jxl(images[0], recipe, level, exif, metadata.profile)
        written, options = _ENCODERS[format](images, recipe, timing, level)
        if format == "png" and metadata.text:
            options["pnginfo"] = _chunks(metadata.text)
        buffer = io.BytesIO()
        with _jpeg_buffer(images[0], format, recipe, len(exif) + len(metadata.profile)):
            several = {"save_all": True, "append_images": written[1:]} if len(written) > 1 else {}
            written[0].save(buffer, format, **several, **options, **extra)
        return buffer.getvalue()

    placeholder = placeholder_of(images[0], metadata.profile)
    data = _encode_within_limit(encode_at, format, recipe)
    return EncodedThumbnail(data, format, *size, placeholder)


def _encode_within_limit(at: Callable[[int], bytes], format: str, recipe: Recipe) -> bytes:
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
        worst = "at quality 1" if has_option(format, "quality") else "with 2 colours"
        reason = f"is longer than {recipe.max_bytes} bytes even {worst} (max_bytes)"
        raise StageError(Failure("encode", reason))
    return best


def _levels(format: str, recipe: Recipe) -> Sequence[int]:
    """Return the qualities, or numbers of colours, to choose from, from worst to best."""
    if format == "png":
        return _COLOURS if recipe.palette else (*_COLOURS, _ALL_COLOURS, _QUICKLY)
    return _COLOURS if format == "gif" else range(1, recipe.quality + 1)


def _jpeg(images: _Images, recipe: Recipe, timing: Timing, quality: int) -> _Input:
    options = {"optimize": True, "progressive": recipe.progressive}
    return images, {"quality": quality, **options, **_subsampling(images, recipe)}


def _png(images: _Images, recipe: Recipe, timing: Timing, colours: int) -> _Input:
    if colours < _ALL_COLOURS:
        return [with_palette(images[0], colours)], {}
    is_photo = images[0].getcolors(_DRAWN_COLOURS) is None
    # Not at zlib's highest level, which takes twice the time for 0.6 % fewer bytes.
    return images, {"compress_type": zlib.Z_RLE} if is_photo and colours == _QUICKLY else {}


def _webp(images: _Images, recipe: Recipe, timing: Timing, quality: int) -> _Input:
    options: dict[str, Any] = {"quality": quality, "method": _WEBP_METHOD}
    if len(images) > 1:
        options |= {"duration": timing.durations, "loop": min(timing.plays, 0xFFFF)}
    return images, options


def _avif(images: _Images, recipe: Recipe, timing: Timing, quality: int) -> _Input:
    # One thread, since there is a worker process for each processor already.
    options = {"speed": _AVIF_SPEED, "max_threads": 1}
    return images, {"quality": quality, **options, **_subsampling(images, recipe)}


def _gif(images: _Images, recipe: Recipe, timing: Timing, colours: int) -> _Input:
    if len(images) == 1:
        indexed, transparent = with_transparent_index(images[0], colours)
        return [indexed], {} if transparent is None else {"transparency": transparent}
    frames, transparent = with_common_palette(images, colours)
    frames, durations = _in_hundredths(frames, timing.durations)
    options: dict[str, Any] = {"duration": durations}
    if timing.plays != 1:
        options["loop"] = min(max(timing.plays - 1, 0), 0xFFFF)
    if transparent is not None:
        # Without disposal 2 the previous frame would show through transparent pixels.
        options |= {"transparency": transparent, "disposal": 2}
    return frames, options


def _in_hundredths(
    frames: _Images, durations: Sequence[int]
) -> tuple[list[Image.Image], list[int]]:
    """Return the frames of a GIF, and how long each is shown, in ms: whole hundredths of a second.

    What is cut off one frame is added to the next, so that all take as long as before. A frame that
    would get one hundredth is left out: browsers show it for ten.
    """
    kept, shown, end, start = list[Image.Image](), list[int](), 0, 0
    for frame, milliseconds in zip(frames, durations, strict=True):
        end += milliseconds
        time = round(end, -1) - start
        if milliseconds <= _AS_FAST_AS_POSSIBLE:
            time = 10 if milliseconds else 0
        elif time < _SHORTEST and kept:
            continue
        else:
            time = max(time, _SHORTEST)
        kept.append(frame)
        shown.append(time)
        start += time
    if len(kept) < 2:
        return list(frames), [max(_SHORTEST, round(each, -1)) for each in durations]
    shown[-1] += max(0, round(end, -1) - start)
    return kept, shown


def _subsampling(images: _Images, recipe: Recipe) -> dict[str, Any]:
    return {} if images[0].mode == "L" else {"subsampling": recipe.subsampling}


# For each format: what Pillow is to encode, and its options, at a quality or number of colours.
_ENCODERS: dict[str, Callable[[_Images, Recipe, Timing, int], _Input]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "avif": _avif,
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
    with _MAXBLOCK.set_to(needed + others + _PILLOW_MAXBLOCK_BYTES, ImageFile):
        yield

"""Decode animations frame by frame."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from math import prod

from PIL import Image, ImageFile

from thumbnailer.formats import has_option
from thumbnailer.imaging.encode.encode import Timing
from thumbnailer.imaging.failures import (
    DAMAGED,
    LIMITED,
    TRUNCATED,
    LimitError,
    StageError,
    is_of_system,
    stage,
)
from thumbnailer.imaging.memory import Claim, check_room, picture_bytes
from thumbnailer.model import Failure
from thumbnailer.recipe import Limits, Recipe

# Formats that can hold frames of an animation. The pages of a TIFF and the pictures of an MPO are
# not frames.
_READ_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")

# The longest animation: its frames, and its pixels as a multiple of the limit for a still. A GIF of
# 640 x 480 px may have 1000 frames, one of 1920 x 1080 px 482, which take about 20 s.
_MAX_FRAMES = 1000
_MAX_TIMES_PIXELS = 4

# Bytes a pixel of a finished frame until all are encoded: the frame and the encoder's copies.
_FRAME_PIXEL_BYTES = 8

# The type of a picture passed between steps, for files that don't import Pillow.
StillImage = Image.Image

# Raised by Pillow when it reads beyond the end of a file.
_END_OF_FILE_ERRORS = (EOFError, IndexError, struct.error)


def keeps_animation(recipe: Recipe) -> bool:
    """Return whether a recipe keeps the animation of an animated source."""
    return recipe.animated and has_option(recipe.format, "animated")


def frame_count(image: ImageFile.ImageFile) -> int:
    """Return how many frames an animation has; 1 for a still. Call it before decoding."""
    if image.format not in _READ_FORMATS:
        return 1
    try:
        frames: int = getattr(image, "n_frames", 1)
    except LimitError:
        raise
    except Exception:  # a GIF that ends early: Pillow reads its frames to count them
        frames = image.tell() + 2  # including the broken one
        image.seek(0)
    return frames - _first_frame(image)


def render_frames(
    image: ImageFile.ImageFile,
    frames: int,
    sizes: Sequence[tuple[int, int]],
    limits: Limits,
    claim: Claim,
    show: Callable[[Image.Image], list[Image.Image]],
) -> tuple[list[list[Image.Image]], Timing, str]:
    """Decode an animation frame by frame, and make the frames of each thumbnail.

    Args:
        image: the animation, with its first frame decoded.
        frames: the number returned by `frame_count`.
        sizes: of the thumbnails, in px.
        show: makes the thumbnails of a frame; it must not return the frame itself.

    Returns:
        For each thumbnail its frames, none if the animation is too long; their playback; and in
        words what is missing of the animation, or "".

    Raises:
        StageError: the animation is damaged or ends early; with `keep_truncated` only if that is in
            the first frame.
    """
    results: list[list[Image.Image]] = [[] for _ in sizes]
    needed = picture_bytes(image.format or "", image.mode, image.size)
    needed += frames * sum(map(prod, sizes)) * _FRAME_PIXEL_BYTES
    is_long = frames > _MAX_FRAMES or frames * prod(image.size) > _MAX_TIMES_PIXELS * limits.pixels
    if is_long or needed > limits.memory_bytes:
        note = f"{LIMITED} {frames} frames, too long to keep: shows the first"
        return results, Timing(), note
    claim(needed)
    durations: list[int] = []
    first, fault = _first_frame(image), ""
    for number in range(frames):
        if fault := _decode_frame(image, first + number):
            fault += f" after {number} frame{'s' * (number != 1)}"
            if not limits.keep_truncated or not number:
                raise StageError(Failure("decode", fault))
            break
        durations.append(round(image.info.get("duration") or 0))
        for result, still in zip(results, show(image), strict=True):
            result.append(still)
    return results, Timing(durations, _play_count(image)), fault


def _decode_frame(image: ImageFile.ImageFile, number: int) -> str:
    """Decode a frame into `image`; return in words what is wrong with it, or ""."""
    with stage("decode"):
        try:
            image.seek(number)
            image.load()
            return ""
        except Exception as error:  # Pillow raises many kinds on invalid data
            if is_of_system(error) or isinstance(error, LimitError):
                raise
            check_room(picture_bytes(image.format or "", image.mode, image.size))
            is_short = isinstance(error, _END_OF_FILE_ERRORS) or "truncated" in str(error)
            return TRUNCATED if is_short else DAMAGED


def _first_frame(image: ImageFile.ImageFile) -> int:
    """Return the number of the first frame: an APNG may begin with a still that is not a frame."""
    return 1 if image.format == "PNG" and image.info.get("default_image") else 0


def _play_count(image: ImageFile.ImageFile) -> int:
    """Return how often an animation is played; 0 for endlessly.

    A GIF states how often it is repeated, and nothing if it is not. Other formats state how often
    they are played. For an AVIF the number is unknown.
    """
    loop: int | None = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else loop and loop + 1
    return loop or 0

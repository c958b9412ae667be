"""Decode animations frame by frame, and encode animated thumbnails."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from PIL import Image, ImageFile

from thumbnailer.imaging.encode.encode import WEBP_METHOD, check_sides, encode_within_limit
from thumbnailer.imaging.encode.palette import with_common_palette
from thumbnailer.imaging.failures import DAMAGED, TRUNCATED, StageError, stage
from thumbnailer.imaging.memory import Claim, picture_bytes
from thumbnailer.model import EncodedThumbnail, Failure
from thumbnailer.recipe import Limits, Recipe

# Formats that can hold frames of an animation. The pages of a TIFF and the pictures of an MPO are
# not frames.
_READ_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")
_WRITE_FORMATS = ("webp", "gif")

# The longest animation: its frames, and its pixels as a multiple of the limit for a still. A GIF of
# 640 x 480 px may have 1000 frames, one of 1920 x 1080 px 482, which take about 20 s.
_MAX_FRAMES = 1000
_MAX_TIMES_PIXELS = 20

# Bytes a pixel of a finished frame until all are encoded: the frame and the encoder's copies.
_FRAME_PIXEL_BYTES = 8


# The type of a picture passed between steps, for files that don't import Pillow.
StillImage = Image.Image


# Raised by Pillow when it reads beyond the end of a file.
_END_OF_FILE_ERRORS = (EOFError, IndexError, struct.error)


class Timing(NamedTuple):
    """The playback of an animation.

    Attributes:
        durations: how long each frame is shown, in ms.
        plays: how often the animation is played; 0 for endlessly.
        note: in words what is missing of the animation, or "".
    """

    durations: list[int]
    plays: int
    note: str = ""


def keeps_animation(recipe: Recipe) -> bool:
    """Return whether a recipe keeps the animation of an animated source."""
    return recipe.animated and recipe.format in _WRITE_FORMATS


def frame_count(image: ImageFile.ImageFile) -> int:
    """Return how many frames an animation has; 1 for a still. Call it before decoding."""
    if image.format not in _READ_FORMATS:
        return 1
    try:
        frames: int = getattr(image, "n_frames", 1)
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
) -> tuple[list[list[Image.Image]], Timing]:
    """Decode an animation frame by frame, and make the frames of each thumbnail.

    Args:
        image: the animation, with its first frame decoded.
        frames: the number returned by `frame_count`.
        sizes: of the thumbnails, in px.
        show: makes the thumbnails of a frame; it must not return the frame itself.

    Returns:
        For each thumbnail its frames, none if the animation is too long; and their playback.

    Raises:
        StageError: the animation is damaged or ends early; with `keep_truncated` only if that is in
            the first frame.
    """
    results: list[list[Image.Image]] = [[] for _ in sizes]
    needed = picture_bytes(image.format or "", image.mode, image.size)
    needed += frames * sum(map(prod, sizes)) * _FRAME_PIXEL_BYTES
    is_long = frames > _MAX_FRAMES or frames * prod(image.size) > _MAX_TIMES_PIXELS * limits.pixels
    if is_long or needed > limits.memory_bytes:
        note = f"is an animation of {frames} frames, too long to keep: shows the first"
        return results, Timing([], 0, note)
    claim(needed)
    durations: list[int] = []
    first = _first_frame(image)
    for number in range(frames):
        if fault := _decode_frame(image, first + number):
            fault += f" after {number} frame{'s' * (number != 1)}"
            if limits.keep_truncated and number:
                return results, Timing(durations, _play_count(image), fault)
            raise StageError(Failure("decode", fault))
        durations.append(round(image.info.get("duration") or 0))
        for result, still in zip(results, show(image), strict=True):
            result.append(still)
    return results, Timing(durations, _play_count(image))


def encode_frames(
    images: Sequence[Image.Image],
    timing: Timing,
    recipe: Recipe,
    *,
    exif: bytes = b"",
    profile: bytes = b"",
) -> EncodedThumbnail:
    """Encode an animation as the content of a file; otherwise like `encode`.

    Args:
        images: two or more of one size, L, LA, RGB or RGBA.

    Raises:
        StageError: a side is too long for the format, or no quality gives at most `max_bytes`.
    """
    size = images[0].size
    check_sides(size, recipe.format)
    has_alpha = any(image.mode in ("LA", "RGBA") for image in images)
    converted = [image.convert("RGBA" if has_alpha else "RGB") for image in images]
    for image in converted:
        image.info = {}  # Pillow would write parts of it again

    def encode_at(level: int) -> bytes:
        if recipe.format == "gif":
            written, options = _gif_frames(converted, timing, level)
        else:
            written, options = converted, _webp_options(timing, level, exif, profile)
        buffer = io.BytesIO()
        written[0].save(buffer, recipe.format, save_all=True, append_images=written[1:], **options)
        return buffer.getvalue()

    return EncodedThumbnail(
        encode_within_limit(encode_at, recipe.format, recipe), recipe.format, *size
    )


def _decode_frame(image: ImageFile.ImageFile, number: int) -> str:
    """Decode a frame into `image`; return in words what is wrong with it, or ""."""
    with stage("decode"):
        try:
            image.seek(number)
            image.load()
            return ""
        except MemoryError:
            raise
        except Exception as error:  # Pillow raises many kinds on invalid data
            if isinstance(error, OSError) and error.errno is not None:
                raise
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


def _webp_options(timing: Timing, quality: int, exif: bytes, profile: bytes) -> dict[str, Any]:
    return {
        "quality": quality,
        "method": WEBP_METHOD,
        "kmax": 0,  # no keyframe but the first: up to 58 % fewer bytes in half the time
        "duration": timing.durations,
        "loop": min(timing.plays, 0xFFFF),
        "exif": exif.removeprefix(b"Exif\0\0"),
        "icc_profile": profile,
    }


def _gif_frames(
    images: Sequence[Image.Image], timing: Timing, colours: int
) -> tuple[list[Image.Image], dict[str, Any]]:
    frames, transparent = with_common_palette(images, colours)
    # In hundredths of a second. Less than 1 means "as fast as possible", which no viewer does now.
    durations = [max(10, round(ms, -1)) if ms else 0 for ms in timing.durations]
    options: dict[str, Any] = {"duration": durations}
    if timing.plays != 1:
        options["loop"] = min(max(timing.plays - 1, 0), 0xFFFF)
    if transparent is not None:
        # Without disposal 2 the previous frame would show through transparent pixels.
        options |= {"transparency": transparent, "disposal": 2}
    return frames, options

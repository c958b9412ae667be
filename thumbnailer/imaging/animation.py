"""Animations: their frames one by one, and the thumbnail that moves as they do."""

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

# What can hold several frames that are shown one after the other; the pages of a TIFF and the
# pictures of an MPO are not.
_READ = ("GIF", "WEBP", "PNG", "AVIF")
_WRITTEN = ("webp", "gif")

# The longest animation: how many frames, and how many times the px that a still may have. A GIF of
# 640 x 480 px may have 1000 frames, one of 1920 x 1080 px 482, which take about 20 s.
_MAX_FRAMES = 1000
_MAX_TIMES_PIXELS = 20

# Bytes a pixel of a finished frame, until all are encoded: itself, and what encoders make of it.
_FRAME_PIXEL_BYTES = 8


# A picture as the steps hand it on, for files that don't know Pillow.
StillImage = Image.Image


# What Pillow raises where it reads beyond the end of a file.
_ENDED = (EOFError, IndexError, struct.error)


class Timing(NamedTuple):
    """How an animation runs.

    Attributes:
        durations: of each frame, in ms.
        plays: how often it runs; 0 for ever.
        note: what is missing of it, in words, or "".
    """

    durations: list[int]
    plays: int
    note: str = ""


def keeps_animation(recipe: Recipe) -> bool:
    """Whether a recipe asks for an animation, if the source is one."""
    return recipe.animated and recipe.format in _WRITTEN


def frame_count(image: ImageFile.ImageFile) -> int:
    """How many frames an animation has; 1 for a still. To be asked before anything is decoded."""
    if image.format not in _READ:
        return 1
    try:
        frames: int = getattr(image, "n_frames", 1)
    except Exception:  # a GIF that ends early; it goes by its frames to count them
        frames = image.tell() + 2  # with the broken one
        image.seek(0)
    return frames - _first(image)


def render_frames(
    image: ImageFile.ImageFile,
    frames: int,
    sizes: Sequence[tuple[int, int]],
    limits: Limits,
    claim: Claim,
    show: Callable[[Image.Image], list[Image.Image]],
) -> tuple[list[list[Image.Image]], Timing]:
    """The frames of each thumbnail of an animation, which is decoded frame by frame.

    Args:
        image: whose first frame has been decoded.
        frames: what `frames_in` said.
        sizes: of the thumbnails, in px.
        show: makes the thumbnails of a frame, which it must not hand out itself.

    Returns:
        For each thumbnail its frames, none if they would be too many, and how they run.

    Raises:
        StageError: the animation is damaged or ends early, and is not to be kept then.
    """
    reels: list[list[Image.Image]] = [[] for _ in sizes]
    needed = picture_bytes(image.format or "", image.mode, image.size)
    needed += frames * sum(map(prod, sizes)) * _FRAME_PIXEL_BYTES
    is_long = frames > _MAX_FRAMES or frames * prod(image.size) > _MAX_TIMES_PIXELS * limits.pixels
    if is_long or needed > limits.memory_bytes:
        note = f"is an animation of {frames} frames, too long to keep: shows the first"
        return reels, Timing([], 0, note)
    claim(needed)
    durations: list[int] = []
    first = _first(image)
    for number in range(frames):
        if words := _decode(image, first + number):
            words += f" after {number} frame{'s' * (number != 1)}"
            if limits.keep_truncated and number:
                return reels, Timing(durations, _plays(image), words)
            raise StageError(Failure("decode", words))
        durations.append(round(image.info.get("duration") or 0))
        for reel, still in zip(reels, show(image), strict=True):
            reel.append(still)
    return reels, Timing(durations, _plays(image))


def encode_frames(
    images: Sequence[Image.Image],
    timing: Timing,
    recipe: Recipe,
    *,
    exif: bytes = b"",
    profile: bytes = b"",
) -> EncodedThumbnail:
    """The content of a file that holds an animation; otherwise like `encode`.

    Args:
        images: two or more of one size, L, LA, RGB or RGBA.

    Raises:
        StageError: its sides are too long for the format, or it can't be made short enough.
    """
    size = images[0].size
    check_sides(size, recipe.format)
    has_alpha = any(image.mode in ("LA", "RGBA") for image in images)
    converted = [image.convert("RGBA" if has_alpha else "RGB") for image in images]
    for image in converted:
        image.info = {}  # of which Pillow would write some again

    def at(level: int) -> bytes:
        if recipe.format == "gif":
            written, options = _gif(converted, timing, level)
        else:
            written, options = converted, _webp(timing, level, exif, profile)
        buffer = io.BytesIO()
        written[0].save(buffer, recipe.format, save_all=True, append_images=written[1:], **options)
        return buffer.getvalue()

    return EncodedThumbnail(encode_within_limit(at, recipe.format, recipe), recipe.format, *size)


def _decode(image: ImageFile.ImageFile, number: int) -> str:
    """Make a frame the picture's; says what is wrong with it, or ""."""
    with stage("decode"):
        try:
            image.seek(number)
            image.load()
            return ""
        except MemoryError:
            raise
        except Exception as error:  # whatever Pillow raises on data that make no sense
            if isinstance(error, OSError) and error.errno is not None:
                raise
            is_short = isinstance(error, _ENDED) or "truncated" in str(error)
            return TRUNCATED if is_short else DAMAGED


def _first(image: ImageFile.ImageFile) -> int:
    """The number of the first frame: an APNG may begin with a still that is none."""
    return 1 if image.format == "PNG" and image.info.get("default_image") else 0


def _plays(image: ImageFile.ImageFile) -> int:
    """How often an animation runs; 0 for ever.

    A GIF says how often it is repeated, and nothing if it is not; others how often it is shown. Of
    an AVIF it is not known.
    """
    loop: int | None = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else loop and loop + 1
    return loop or 0


def _webp(timing: Timing, quality: int, exif: bytes, profile: bytes) -> dict[str, Any]:
    return {
        "quality": quality,
        "method": WEBP_METHOD,
        "kmax": 0,  # no frame complete but the first: up to 58 % fewer bytes in half the time
        "duration": timing.durations,
        "loop": min(timing.plays, 0xFFFF),
        "exif": exif.removeprefix(b"Exif\0\0"),
        "icc_profile": profile,
    }


def _gif(
    images: Sequence[Image.Image], timing: Timing, colours: int
) -> tuple[list[Image.Image], dict[str, Any]]:
    frames, transparent = with_common_palette(images, colours)
    # Hundredths of a second; less than one means "as fast as you can", which none can any more.
    durations = [max(10, round(ms, -1)) if ms else 0 for ms in timing.durations]
    options: dict[str, Any] = {"duration": durations}
    if timing.plays != 1:
        options["loop"] = min(max(timing.plays - 1, 0), 0xFFFF)
    if transparent is not None:
        # What has become transparent would show the frame before.
        options |= {"transparency": transparent, "disposal": 2}
    return frames, options

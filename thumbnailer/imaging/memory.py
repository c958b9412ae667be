"""Estimate the memory that a picture needs, from its header, and check it against the limits."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod

from PIL import Image, ImageFile

from thumbnailer.imaging.failures import LimitError
from thumbnailer.recipe import Limits

# Called with the bytes needed before they are allocated; may wait.
Claim = Callable[[int], None]
Size = tuple[int, int]

# Peak bytes a pixel, in the decoder or while resizing: the growth of the address space, measured at
# 40 megapixels and rounded up (Pillow 13).
_BYTES_BY_MODE = {"1": 3, "L": 2, "I;16": 7, "RGB": 7, "CMYK": 7, "RGBA": 11, "LA": 11, "F": 12}
_BYTES_IN_OTHER_MODES = 11
# For decoders that hold several copies of the whole picture.
_BYTES_BY_FORMAT = {"WEBP": 28, "AVIF": 16, "HEIF": 16, "JXL": 8, "PPM": 14, "RAW": 20, "SVG": 24}

_BYTES_BY_BOTH = {("JPEG2000", "L"): 8, ("JPEG2000", "RGB"): 20, ("JPEG2000", "RGBA"): 26}

# Bytes a pixel of a thumbnail that is larger than its source: the thumbnail, a step on the way to
# it, and the encoder's copies.
_CANVAS_PIXEL_BYTES = 12

# The most bytes of a large picture's pixels for a byte of its file. What is drawn or scanned in two
# colours has a hundred, a photograph twenty.
_MAX_DENSITY = 300

# The key in `Image.info` for the bytes that a decoder holds whatever size it decodes to.
HELD_BYTES = "held_bytes"


def claim_memory(image: ImageFile.ImageFile, limits: Limits, claim: Claim) -> None:
    """Claim the memory for decoding and resizing a picture; may wait for it.

    Args:
        image: in the size in which it will be decoded, after any shrink-on-load.

    Raises:
        LimitError: it needs more memory than a worker may use.
    """
    needed = needed_bytes(image)
    check_bytes(needed, limits)
    claim(needed)


def needed_bytes(image: ImageFile.ImageFile) -> int:
    """Return the peak memory, in bytes, for decoding and resizing a picture."""
    needed = picture_bytes(image.format or "", image.mode, image.size) + coefficient_bytes(image)
    held: int = image.info.get(HELD_BYTES, 0)
    return needed + held


def claim_canvas_memory(
    image: Image.Image, format: str, sizes: Sequence[Size], limits: Limits, claim: Claim
) -> None:
    """Claim memory again, for picture and thumbnails, if the thumbnails are larger.

    Args:
        image: the decoded picture.
        format: the format it was decoded from.
        sizes: of the thumbnails, in px.

    Raises:
        LimitError: they need more memory than a worker may use.
    """
    pixels = sum(map(prod, sizes))
    if pixels > prod(image.size):
        needed = picture_bytes(format, image.mode, image.size) + pixels * _CANVAS_PIXEL_BYTES
        check_bytes(needed, limits)
        claim(needed)


def picture_bytes(format: str, mode: str, size: tuple[int, int]) -> int:
    """Return the peak memory, in bytes, that a picture of `size` (px) needs."""
    by_format = _BYTES_BY_BOTH.get((format, mode)) or _BYTES_BY_FORMAT.get(format)
    return prod(size) * (by_format or _BYTES_BY_MODE.get(mode, _BYTES_IN_OTHER_MODES))


def check_bytes(needed: int, limits: Limits) -> None:
    """Check the memory needed against the limit of a worker.

    Raises:
        LimitError: it is more than a worker may use.
    """
    if needed > limits.memory_bytes:
        raise LimitError(
            f"needs about {needed >> 20} MiB to decode: more than the limit of "
            f"{limits.memory_bytes >> 20} (worker_memory)"
        )


def check_room(needed: int) -> None:
    """Check that there is memory, after a decoder has failed for a reason that it does not tell.

    libjpeg, libwebp and libavif report a lack of memory as invalid data.

    Raises:
        MemoryError: there is less than needed.
    """
    try:
        mmap.mmap(-1, max(1, needed)).close()  # no page of it is touched
    except (OSError, OverflowError) as error:
        raise MemoryError from error


def check_pixels(size: Size, most: int, subject: str = "has") -> None:
    """Check the size (px) of a picture against a limit, or of what `subject` says.

    Raises:
        LimitError: it has more pixels.
    """
    width, height = size
    if width * height > most:
        raise LimitError(
            f"{subject} {width} x {height} px, {width * height / 1e6:.3g} megapixels: "
            f"more than the limit of {most / 1e6:.3g} (max_pixels)"
        )


def check_density(image: Image.Image, length: int, limits: Limits) -> None:
    """Check that a large picture is not a bomb: pixels without end from a file of few bytes.

    Memory limits what a bomb takes, but each takes seconds.

    Args:
        image: as opened, of a format that is decoded at full size.
        length: of its file, in bytes.

    Raises:
        LimitError: it is.
    """
    most = limits.free_pixels
    channel_bytes = 1 / 8 if image.mode == "1" else len(image.getbands())
    if prod(image.size) > most and prod(image.size) * channel_bytes > length * _MAX_DENSITY:
        width, height = image.size
        raise LimitError(
            f"has {width} x {height} px in {length:,} bytes: more than the limit of "
            f"{most / 1e6:.3g} megapixels for so short a file (a fifth of max_pixels)"
        )


def coefficient_bytes(image: ImageFile.ImageFile) -> int:
    """Return the bytes that libjpeg keeps of a progressive JPEG until its last scan.

    It keeps 2 bytes per sample of the picture before shrinking.
    """
    if not image.info.get("progressive"):
        return 0
    scale: int = image.decoderconfig[0] if image.decoderconfig else 1
    # (component, horizontal and vertical sampling factor, quantisation table)
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    factors = [horizontal * vertical for _, horizontal, vertical, _ in layers]
    return 2 * prod(image.size) * scale**2 * sum(factors) // max(factors, default=1)


def strips(size: Size, pixels: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield boxes that divide a picture of `size` (px) from top to bottom.

    Each has so many px at most, or is one row: what is done strip by strip takes little memory.
    """
    width, height = size
    rows = max(1, pixels // width)
    for top in range(0, height, rows):
        yield 0, top, width, min(top + rows, height)


@contextmanager
def one_thread(*variables: str) -> Iterator[None]:
    """Limit the libraries that are loaded inside the block to one thread, as these variables say.

    A worker is one of many, and each thread maps tens of megabytes.
    """
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(dict.fromkeys(variables, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

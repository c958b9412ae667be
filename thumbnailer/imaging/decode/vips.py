"""A faster decoder for large PNG and WebP pictures, where the extra `vips` is installed.

Whatever is unusual, or goes wrong, is left to Pillow, which also tells what is wrong with it. Only
two named decoders are called, and none that looks for a format.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from math import ceil, prod
from typing import Any, BinaryIO, NamedTuple

from PIL import Image, ImageFile

from thumbnailer.imaging.decode.shrink_on_load import BOX_GAP
from thumbnailer.imaging.geometry.orientation import orientation_of
from thumbnailer.imaging.memory import Claim, claim_memory
from thumbnailer.recipe import Limits

# From how many px on, by format. The first picture must make up for 45 ms of loading the library.
# Of WebPs nothing is gained below 4 megapixels: of 3 none, of 4.7 a quarter, of 12 half the time,
# since Pillow keeps several copies.
LEAST_PIXELS = {"PNG": 1_000_000, "WEBP": 4_000_000}

# Writers make pieces of 8 KiB or more; those of bombs may be empty.
_MAX_CHUNKS = 20_000

# M_ARENA_MAX of glibc's malloc.h: mallopt(3).
_ARENA_MAX = -8

# Rows at a time: as quick as 8 or all at once.
_ROWS = 64

Size = tuple[int, int]


class ShrunkPicture(NamedTuple):
    """A picture decoded at reduced size, and how much of it is picture, in its px."""

    image: Image.Image
    extent: tuple[float, float]


@cache
def library() -> Any:
    """pyvips; None where it is not installed or does not work.

    It is loaded when the first picture wants it.
    """
    is_ours = "pyvips" not in sys.modules
    threads = os.environ.get("VIPS_CONCURRENCY")
    try:
        if is_ours:
            os.environ["VIPS_CONCURRENCY"] = "1"  # read once; there is a worker for each processor
        with suppress(ImportError, AttributeError):  # other systems, other C libraries
            _keep_to_one_arena()
        import pyvips

        if is_ours:
            pyvips.cache_set_max(0)  # it would keep pictures
    except Exception:  # OSError where a library is missing, and others of cffi
        return None
    finally:
        if is_ours and threads is None:
            os.environ.pop("VIPS_CONCURRENCY", None)
        elif is_ours and threads is not None:
            os.environ["VIPS_CONCURRENCY"] = threads
    return pyvips


def _keep_to_one_arena() -> None:
    """In a worker, where the address space is limited, leave more of it for large pictures.

    Of each thread glibc's malloc would reserve 64 MiB for good: for WebP 180 MiB, without that 55.
    """
    import resource  # not on Windows, where there is no such limit

    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        import ctypes

        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def decode_shrunk(
    image: ImageFile.ImageFile,
    file: BinaryIO,
    needed: Callable[[int], Size],
    limits: Limits,
    claim: Claim,
) -> ShrunkPicture | None:
    """Decode a picture at a size that is enough for its thumbnails.

    What Pillow would need covers what this does, by half: PNGs come in strips, and of WebPs there
    are fewer copies.

    Args:
        image: as opened from `file`, nothing of it decoded.
        needed: the size in px that is needed of a picture with an orientation (1 to 8).
        claim: is told the bytes that this takes before it takes them; may wait.

    Returns:
        With all `info` of `image`; None where Pillow has to do it.

    Raises:
        LimitError: it takes more memory than it may.
    """
    least = LEAST_PIXELS.get(image.format or "")
    if not least or prod(image.size) < least:
        return None
    claim_memory(image, limits, claim)
    try:
        file.seek(0)
        most = prod(image.size) * len(image.getbands())
        data = file.read(most + 1)
        if len(data) > most or not library():
            return None
        decode = _png if image.format == "PNG" else _webp
        return decode(image, data, needed)
    except Exception:  # Pillow tells what is wrong
        return None
    finally:
        file.seek(0)


def _webp(
    image: ImageFile.ImageFile, data: bytes, needed: Callable[[int], Size]
) -> ShrunkPicture | None:
    """libwebp makes it smaller: into transparent ones it would mix colours that nobody sees, and
    those without loss it makes no sooner."""
    is_still = getattr(image, "n_frames", 1) == 1
    if image.mode != "RGB" or not is_still or data[12:16] == b"VP8L":
        return None
    scale = 1 / _gap(image, needed)
    if scale > 0.5:
        return None
    decoded = library().Image.webpload_buffer(data, scale=scale, fail_on="warning")
    picture = _picture(image, decoded, "RGB")
    return ShrunkPicture(picture, picture.size)  # all of it, whatever the rounding


def _png(
    image: ImageFile.ImageFile, data: bytes, needed: Callable[[int], Size]
) -> ShrunkPicture | None:
    """Boxes of pixels become one each. What has alpha is decoded in full: that alone gains as much,
    and its colours would have to be weighted first."""
    mode = image.mode
    is_usual = mode in ("L", "LA", "RGB", "RGBA") and image.tile[0].args == mode  # 8 bits
    if not is_usual or image.info.get("interlace") or "transparency" in image.info:
        return None
    if not _ends_with_pixels(data):
        return None
    decoded = library().Image.pngload_buffer(data, access="sequential", fail_on="warning")
    if mode.endswith("A"):
        return ShrunkPicture(_picture(image, decoded, mode), image.size)
    by = int(_gap(image, needed))
    if by < 2:
        return None
    picture = _picture(image, decoded.shrink(by, by, ceil=True), mode)
    if picture.size != (ceil(image.width / by), ceil(image.height / by)):
        return None
    return ShrunkPicture(picture, (image.width / by, image.height / by))


def _gap(image: Image.Image, needed: Callable[[int], Size]) -> float:
    """By how much a picture may be shrunk before the last, good resampling step."""
    header = Image.new("1", (1, 1))  # a PNG would be loaded if it were asked
    header.info = image.info
    width, height = needed(orientation_of(header))
    return min(image.width / width, image.height / height) / BOX_GAP


def _ends_with_pixels(data: bytes) -> bool:
    """Whether a PNG is a still, is complete, and has nothing to say behind its pixels, such as an
    orientation, which here is not read."""
    at, in_pixels = 8, False
    for _ in range(_MAX_CHUNKS):
        if at + 12 > len(data):
            return False
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND":
            return in_pixels
        if kind == b"acTL" or (in_pixels and kind != b"IDAT"):
            return False
        in_pixels = in_pixels or kind == b"IDAT"
        at += length + 12
    return False


def _picture(image: Image.Image, decoded: Any, mode: str) -> Image.Image:
    """What libvips decodes, as a picture of Pillow's.

    Strip by strip, in this thread: `write_to_memory` takes two threads more, with 64 MiB of the
    address space for each.
    """
    if (decoded.bands, decoded.format) != (len(mode), "uchar"):
        raise ValueError("is not what its header says")
    width, height = decoded.width, decoded.height
    region, stride = library().Region.new(decoded), width * len(mode)
    pixels = bytearray(stride * height)
    for top in range(0, height, _ROWS):
        rows = min(_ROWS, height - top)
        pixels[top * stride : (top + rows) * stride] = region.fetch(0, top, width, rows)
    picture = Image.frombuffer(mode, (width, height), pixels, "raw", mode, 0, 1)
    picture.info = dict(image.info)
    return picture

"""Decode large PNG and WebP pictures faster, with libvips, where the extra `vips` is installed.

Unusual pictures and all errors are left to Pillow, which then reports the fault. Only named
decoders are called, and none that detects the format: these two, and that of TIFF for the kinds
that Pillow lacks (readers/tiff_by_vips.py).
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from math import ceil, prod
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image, ImageFile

from thumbnailer.imaging.containers.png_chunks import png_chunks
from thumbnailer.imaging.decode.shrink_on_load import BOX_GAP
from thumbnailer.imaging.geometry.orientation import orientation_of
from thumbnailer.imaging.memory import claim_memory, one_thread

if TYPE_CHECKING:
    from thumbnailer.imaging.decode.open import OpenPicture

# Smallest pictures to decode here, in px by format. The first must make up for 45 ms of loading the
# library. For WebP nothing is gained below 4 megapixels: 3 save no time, 4.7 a quarter of it and 12
# half, since Pillow keeps several copies.
MIN_PIXELS = {"PNG": 1_000_000, "WEBP": 4_000_000}

# Encoders write PNG chunks of 8 KiB or more; those of decompression bombs may be empty.
_MAX_CHUNKS = 20_000

# M_ARENA_MAX in glibc's malloc.h: mallopt(3).
_ARENA_MAX = -8

# Rows fetched at a time: as fast as 8 or all at once.
_STRIP_ROWS = 64

# The format of libvips and the bytes of a pixel, for Pillow's modes of other than 8 bits; and what
# Pillow calls these pixels in the byte order of the machine.
_PIXELS = {"I;16": ("ushort", 2), "I": ("int", 4), "F": ("float", 4)}
_RAW = {"I;16": "I;16N", "I": "I;32NS", "F": "F;32NF"}

Size = tuple[int, int]


class ShrunkPicture(NamedTuple):
    """A picture decoded at reduced size, and the exact, fractional size of its content in px."""

    image: Image.Image
    extent: tuple[float, float]


@cache
def load_pyvips() -> Any:
    """Return the module pyvips, or None where it is not installed or does not work.

    It is imported when the first picture needs it.
    """
    is_ours = "pyvips" not in sys.modules
    try:
        with suppress(ImportError, AttributeError):  # other systems, other C libraries
            _limit_malloc_arenas()
        with one_thread("VIPS_CONCURRENCY"):
            import pyvips

        if is_ours:
            pyvips.cache_set_max(0)  # it would keep pictures in memory
    except Exception:  # OSError where a library is missing, others from cffi
        return None
    return pyvips


def _limit_malloc_arenas() -> None:
    """Limit malloc to one arena where the address space is limited, as in workers.

    That leaves more of it for large pictures: glibc's malloc would permanently reserve 64 MiB for
    each thread, 180 MiB in all for WebP. With one arena it is 55 MiB.
    """
    import resource  # not on Windows, where there is no such limit

    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        import ctypes

        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def decode_shrunk(opened: OpenPicture, needed: Callable[[int], Size]) -> ShrunkPicture | None:
    """Decode a picture at a reduced size that is large enough for its thumbnails.

    The claim is for what Pillow would need. libvips takes half of that: it decodes PNGs in strips,
    and makes fewer copies of WebPs.

    Args:
        needed: returns the size in px that is needed, given the picture's orientation (1 to 8).

    Returns:
        The picture with all `info` of the opened image; None where Pillow has to decode it.

    Raises:
        LimitError: it needs more memory than allowed.
    """
    image, file = opened.image, opened.file
    min_pixels = MIN_PIXELS.get(image.format or "")
    if not min_pixels or prod(image.size) < min_pixels:
        return None
    claim_memory(image, opened.limits, opened.claim)
    try:
        file.seek(0)
        max_bytes = prod(image.size) * len(image.getbands())
        data = file.read(max_bytes + 1)
        if len(data) > max_bytes or not load_pyvips():
            return None
        decode = _decode_png if image.format == "PNG" else _decode_webp
        return decode(image, data, needed)
    except Exception:  # Pillow reports the fault
        return None
    finally:
        file.seek(0)


def _decode_webp(
    image: ImageFile.ImageFile, data: bytes, needed: Callable[[int], Size]
) -> ShrunkPicture | None:
    """Decode a WebP at reduced size with libwebp; None leaves it to Pillow.

    It would mix invisible colours into transparent pictures, and scales lossless ones no faster.
    """
    is_still = getattr(image, "n_frames", 1) == 1
    if image.mode != "RGB" or not is_still or data[12:16] == b"VP8L":
        return None
    scale = 1 / _shrink_factor(image, needed)
    if scale > 0.5:
        return None
    decoded = load_pyvips().Image.webpload_buffer(data, scale=scale, fail_on="warning")
    picture = _to_pillow(image, decoded, "RGB")
    return ShrunkPicture(picture, picture.size)  # content fills it despite rounding


def _decode_png(
    image: ImageFile.ImageFile, data: bytes, needed: Callable[[int], Size]
) -> ShrunkPicture | None:
    """Decode a PNG and average boxes of its pixels; None leaves it to Pillow.

    With alpha, it is decoded at full size: that alone saves as much time, and averaging would first
    have to weight the colours.
    """
    mode = image.mode
    is_usual = mode in ("L", "LA", "RGB", "RGBA") and image.tile[0].args == mode  # 8 bits
    if not is_usual or image.info.get("interlace") or "transparency" in image.info:
        return None
    if not _is_plain_png(data):
        return None
    decoded = load_pyvips().Image.pngload_buffer(data, access="sequential", fail_on="warning")
    if mode.endswith("A"):
        return ShrunkPicture(_to_pillow(image, decoded, mode), image.size)
    factor = int(_shrink_factor(image, needed))
    if factor < 2:
        return None
    picture = _to_pillow(image, decoded.shrink(factor, factor, ceil=True), mode)
    if picture.size != (ceil(image.width / factor), ceil(image.height / factor)):
        return None
    return ShrunkPicture(picture, (image.width / factor, image.height / factor))


def _shrink_factor(image: Image.Image, needed: Callable[[int], Size]) -> float:
    """Return how many times a picture may be shrunk before the final, high-quality resampling."""
    header = Image.new("1", (1, 1))  # asking a PNG itself would load it
    header.info = image.info
    width, height = needed(orientation_of(header))
    return min(image.width / width, image.height / height) / BOX_GAP


def _is_plain_png(data: bytes) -> bool:
    """Return whether a PNG is a complete still picture without chunks after its pixels.

    Such a chunk could hold an orientation, which is not read here.
    """
    file, in_pixels = io.BytesIO(data), False
    for kind, _ in png_chunks(file, _MAX_CHUNKS):
        if kind == b"IEND":
            return in_pixels and len(file.read(4)) == 4  # its checksum
        if kind == b"acTL" or (in_pixels and kind != b"IDAT"):
            return False
        in_pixels = in_pixels or kind == b"IDAT"
    return False


def _to_pillow(image: Image.Image, decoded: Any, mode: str) -> Image.Image:
    """Return what libvips decodes of an image as a Pillow image with all its `info`."""
    picture = to_pillow(decoded, mode)
    picture.info = dict(image.info)
    return picture


def to_pillow(decoded: Any, mode: str) -> Image.Image:
    """Return what libvips decodes as a Pillow image of a mode with the same pixels.

    Pixels are fetched strip by strip in this thread: `write_to_memory` starts two more threads,
    with 64 MiB of address space for each.

    Raises:
        ValueError: it does not have such pixels.
    """
    format, pixel_bytes = _PIXELS.get(mode, ("uchar", len(mode)))
    if decoded.format != format or decoded.bands != Image.getmodebands(mode):
        raise ValueError("is not what its header says")
    width, height = decoded.width, decoded.height
    region, stride = load_pyvips().Region.new(decoded), width * pixel_bytes
    pixels = bytearray(stride * height)
    for top in range(0, height, _STRIP_ROWS):
        rows = min(_STRIP_ROWS, height - top)
        pixels[top * stride : (top + rows) * stride] = region.fetch(0, top, width, rows)
    return Image.frombuffer(mode, (width, height), pixels, "raw", _RAW.get(mode, mode), 0, 1)

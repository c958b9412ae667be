"""Load libvips, where the extra `vips` is installed, and take over what it decodes.

Unusual pictures and all errors are left to Pillow, which then reports the fault. Only named
decoders are called, and none that detects the format: those of SVG (readers/svg), and of TIFF for
the kinds that Pillow lacks (readers/tiff/by_vips.py).
"""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache
from typing import Any

from PIL import Image

from thumbnailer.imaging.memory import one_thread

# M_ARENA_MAX in glibc's malloc.h: mallopt(3).
_ARENA_MAX = -8

# Rows fetched at a time: as fast as 8 or all at once.
_STRIP_ROWS = 64

# The format of libvips and the bytes of a pixel, for Pillow's modes of other than 8 bits; and what
# Pillow calls these pixels in the byte order of the machine.
_PIXELS = {"I;16": ("ushort", 2), "I": ("int", 4), "F": ("float", 4)}
_RAW = {"I;16": "I;16N", "I": "I;32NS", "F": "F;32NF"}


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

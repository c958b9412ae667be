"""Decode PNG pictures with image-png, where the extra `png` is installed.

It is the decoder of Chromium, written in Rust: 3 megapixels take it 29 ms, Pillow 68, libvips 45
and libpng 60. kornia-rs makes it callable; its pixels are arrays of NumPy.
"""

from __future__ import annotations

import io
from functools import cache
from math import prod
from typing import Any

from PIL import Image, ImageFile

from thumbnailer.imaging.containers.png_chunks import png_chunks

# Loading it costs as much as it saves for so many pixels: 75 ms.
_LOADING_PIXELS = 6_000_000

# Encoders write PNG chunks of 8 KiB or more; those of decompression bombs may be empty.
_MAX_CHUNKS = 20_000

# What kornia-rs calls Pillow's modes of 8 bits a channel.
_MODES = {"L": "mono", "RGB": "rgb", "RGBA": "rgba"}

# Of usual PNGs that this process has met.
_pixels_met = 0


def can_decode_png(image: ImageFile.ImageFile) -> bool:
    """Return whether a PNG is of a usual kind, and it pays; a chunk may still be unusual.

    It pays once this process has met so many pixels that loading the decoder would have paid.
    """
    global _pixels_met
    is_usual = image.mode in _MODES and image.tile[0].args == image.mode  # 8 bits
    if not is_usual or image.info.get("interlace") or "transparency" in image.info:
        return False
    _pixels_met += prod(image.size)
    return _pixels_met >= _LOADING_PIXELS and _load_decoder() is not None


def decode_png(image: ImageFile.ImageFile, data: bytes, scale: float) -> Image.Image | None:
    """Decode a PNG that can be, at its full size; None leaves it to Pillow.

    Args:
        scale: how many times larger than its largest thumbnail it is, which does not matter here.
    """
    if not _is_plain_png(data):
        return None
    width, height = image.size
    pixels = _load_decoder().decode_image_png_u8(data, (height, width), _MODES[image.mode])
    picture = Image.new(image.mode, image.size, None)  # not cleared: 0.8 ms for 3 megapixels
    picture.frombytes(pixels)
    return picture


@cache
def _load_decoder() -> Any:
    """Return the module that decodes, or None where it is not installed or does not work."""
    try:
        import numpy  # noqa: F401 - kornia-rs would import it with the first picture
        from kornia_rs import io as decoder
    except Exception:  # OSError where a library is missing
        return None
    return decoder


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

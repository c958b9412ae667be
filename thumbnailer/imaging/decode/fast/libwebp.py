"""Decode with the libwebp that Pillow has loaded, by its advanced interface.

Pillow decodes each WebP as an animation of one frame: on a canvas with alpha, of which it makes two
more copies. At once, 12 megapixels take 92 ms instead of 157; and scaled while they are decoded,
which Pillow does not offer, 71 ms to 2048 px and 47 to 512, and 2 MiB of memory instead of 190.

Source: webp/decode.h of libwebp 1.0 to 1.6, whose structures have the ABI version 2.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from ctypes import Structure, Union, c_int, c_size_t, c_uint32, c_void_p
from functools import cache
from typing import Any

Size = tuple[int, int]

# Decodes a WebP of a size in px to another one, to 4 bytes a pixel: R, G, B and alpha; None if it
# can't, as the data are broken or those of an animation.
Decode = Callable[[bytes, Size, Size], bytearray | None]

# Of which only the upper byte counts.
_ABI_VERSION = 0x0200

# WEBP_CSP_MODE and VP8StatusCode.
_RGBA, _OK = 1, 0

# How much more than our structure is looked at: another version's may be longer.
_SPARE_BYTES = 1024

# Two equal rows of four lossless pixels, and what they are.
_PROBE = bytes.fromhex(
    "5249464636000000574542505650384c290000002f034000101f20242068fe1f"
    "7643484010fd1f4c489010fd7f580109e1b92c1763075e259a1cd1ff0000"
)
_PROBED = bytearray.fromhex("ff0000ff 0000ff80 00ff00ff 090807ff") * 2


class _Features(Structure):
    _fields_ = [
        *((name, c_int) for name in ("width", "height", "has_alpha", "has_animation", "format")),
        ("padding", c_uint32 * 5),
    ]


class _Rgba(Structure):
    _fields_ = [("pixels", c_void_p), ("stride", c_int), ("length", c_size_t)]


class _Yuva(Structure):
    _fields_ = [("planes", c_void_p * 4), ("strides", c_int * 4), ("lengths", c_size_t * 4)]


class _Pixels(Union):
    _fields_ = [("rgba", _Rgba), ("yuva", _Yuva)]


class _Output(Structure):
    _fields_ = [
        *((name, c_int) for name in ("colours", "width", "height", "is_external")),
        ("pixels", _Pixels),
        ("padding", c_uint32 * 4),
        ("private", c_void_p),
    ]


class _Options(Structure):
    _fields_ = [
        *((name, c_int) for name in ("bypass_filtering", "no_fancy_upsampling", "use_cropping")),
        *((f"crop_{name}", c_int) for name in ("left", "top", "width", "height")),
        *((name, c_int) for name in ("use_scaling", "scaled_width", "scaled_height")),
        *((name, c_int) for name in ("use_threads", "dithering", "flip", "alpha_dithering")),
        ("padding", c_uint32 * 5),
    ]


class _Config(Structure):
    _fields_ = [("input", _Features), ("output", _Output), ("options", _Options)]


@cache
def find_decoder() -> Decode | None:
    """Return what decodes WebPs; None where Pillow's libwebp can't be called, or is another one.

    It is linked into Pillow's own module in some builds, which then do not show it.
    """
    try:
        from PIL import _webp

        library = ctypes.CDLL(_webp.__file__)
        initialise, decode = library.WebPInitDecoderConfigInternal, library.WebPDecode
    except (ImportError, OSError, AttributeError):
        return None
    initialise.argtypes = [c_void_p, c_int]
    decode.argtypes = [ctypes.c_char_p, c_size_t, c_void_p]
    if not _has_same_structure(initialise):
        return None

    def decode_to(data: bytes, full: Size, size: Size) -> bytearray | None:
        config = _Config()
        address, (width, height) = ctypes.addressof(config), size
        if not initialise(address, _ABI_VERSION):
            return None
        pixels = bytearray(4 * width * height)
        held = (ctypes.c_char * len(pixels)).from_buffer(pixels)
        output, options = config.output, config.options
        output.colours, output.is_external = _RGBA, 1
        output.pixels.rgba = _Rgba(ctypes.addressof(held), 4 * width, len(pixels))
        if size != full:  # else it would leave out what makes colours smooth
            options.use_scaling, options.scaled_width, options.scaled_height = 1, width, height
        is_done = decode(data, len(data), address) == _OK
        return pixels if is_done and (output.width, output.height) == size else None

    return decode_to if decode_to(_PROBE, (4, 2), (4, 2)) == _PROBED else None


def _has_same_structure(initialise: Any) -> bool:
    """Return whether libwebp fills just as many bytes as our structure has."""
    room = ctypes.create_string_buffer(b"\xaa" * (ctypes.sizeof(_Config) + _SPARE_BYTES))
    with suppress(ValueError):
        if initialise(ctypes.addressof(room), _ABI_VERSION):
            return len(room.raw.rstrip(b"\0").rstrip(b"\xaa")) == ctypes.sizeof(_Config)
    return False

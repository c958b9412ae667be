"""Read the directories of EXIF data, and of other data in TIFF form, quickly and within bounds.

Pillow takes 0.3 ms for what is read here in 0.03 ms: it also reads the maker notes.
"""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from PIL import Image

EXIF_START = b"Exif\0\0"

# Types of values: TIFF 6.0, section 2.
_ASCII, _SHORT, _LONG, _UNDEFINED = 2, 3, 4, 7

# Longer texts are left out. A date has 20 bytes, an index of 16 pictures has 256.
_MAX_BYTES = 256

# The tag in the first directory that points to the EXIF directory: EXIF 2.32, 4.6.3.
EXIF_DIRECTORY = 0x8769

# An entry of a directory: tag, type, number of values, and these or their offset: TIFF 6.0, 2.
ENTRY, ENTRY_BYTES = "HHI4s", 12

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
    raw = image.info.get("Raw profile type exif")  # in PNGs by ImageMagick: hexadecimal lines
    if not block and isinstance(raw, str):
        with suppress(ValueError):
            block = bytes.fromhex("".join(raw.split("\n")[3:]))
    return block.removeprefix(EXIF_START) if isinstance(block, bytes) else b""


def read_exif(block: bytes) -> Exif:
    """Read the directories of an EXIF block; raises exceptions of many kinds on invalid data."""
    picture, after = read_directory(block)
    place = picture.get(EXIF_DIRECTORY)
    taking = read_directory(block, place)[0] if isinstance(place, int) else {}
    return Exif(picture, taking, read_directory(block, after)[0] if after else {})


def read_directory(block: bytes, place: int | None = None) -> tuple[Directory, int]:
    """Read a directory as `read_exif`; return it and the offset of the next one, or 0.

    The next one is not read, so directories that form a loop do no harm.

    Args:
        place: offset of the directory in `block`; None for the first.
    """
    file = io.BytesIO(block)
    order, first = read_start(file)
    table, after = read_table(file, order, first if place is None else place)
    found: Directory = {}
    for tag, kind, number, field in struct.iter_unpack(order + ENTRY, table):
        if kind == _SHORT and number == 1:
            (found[tag],) = struct.unpack_from(order + "H", field)
        elif kind == _LONG and number == 1:
            (found[tag],) = struct.unpack(order + "I", field)
        elif kind in (_ASCII, _UNDEFINED) and number <= _MAX_BYTES:
            found[tag] = read_value(file, order, field, number)
    return found, after


def read_start(file: BinaryIO) -> tuple[str, int]:
    """Return the byte order of data in TIFF form, as for `struct`, and their first directory.

    Raises:
        KeyError, struct.error: they do not have that form, or are a TIFF of more than 4 GB.
    """
    file.seek(0)
    start = file.read(8)
    order = {b"II*\0": "<", b"MM\0*": ">"}[start[:4]]
    return order, struct.unpack_from(order + "I", start, 4)[0]


def read_table(file: BinaryIO, order: str, place: int) -> tuple[bytes, int]:
    """Return the entries of a directory, as far as they are there, and the offset of the next one.

    Raises:
        struct.error: there is no directory at `place`.
    """
    file.seek(place)
    (count,) = struct.unpack(order + "H", file.read(2))
    table, after = file.read(ENTRY_BYTES * count), file.read(4)
    return table, struct.unpack(order + "I", after)[0] if len(after) == 4 else 0


def read_value(file: BinaryIO, order: str, field: bytes, length: int) -> bytes:
    """Return the bytes of a value, as far as they are there; the field has them or their offset."""
    if length <= 4:
        return field[:length]
    file.seek(struct.unpack(order + "I", field)[0])
    return file.read(length)

"""Copy selected metadata of a picture into a new EXIF block.

The wanted tags are copied unchanged, byte by byte, from one EXIF block to another. All others, such
as the orientation, previews and maker notes, are never read. XMP and IPTC are ignored.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Collection
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from PIL import Image

from thumbnailer.imaging.containers.exif import (
    ENTRY,
    ENTRY_BYTES,
    EXIF_DIRECTORY,
    EXIF_START,
    WIDTHS,
    exif_block,
    read_start,
    read_table,
    read_value,
)
from thumbnailer.imaging.containers.tiff_pages import DIRECTORY

# The directories of an EXIF block: the first, and the others by the tags in it that point to them:
# EXIF 2.32, 4.6.3.
_MAIN, _EXIF, _GPS = 0, EXIF_DIRECTORY, 0x8825

# The tags that each setting keeps, by directory: EXIF 2.32, 4.6.4 to 4.6.6.
_TAGS: dict[str, dict[int, Collection[int]]] = {
    "copyright": {_MAIN: (0x013B, 0x8298)},  # Artist, Copyright
    "date": {
        _MAIN: (0x0132,),  # DateTime
        # DateTimeOriginal, DateTimeDigitized, and the time zone and the fraction of each
        _EXIF: (0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292),
    },
    "gps": {_GPS: range(32)},
}

# Types of values that point to a directory.
_LONG, _IFD = 4, 13

# Longer values are left out. A block with all 44 tags at this length still fits into a JPEG, which
# can hold 65,533 bytes of it.
_MAX_VALUE_BYTES = 1400


class _Value(NamedTuple):
    """The value of a tag as stored in the file."""

    type: int
    number: int
    data: bytes


_Directory = dict[int, _Value]


def kept_exif(image: Image.Image, file: BinaryIO, keep: Collection[str]) -> bytes:
    """Return an EXIF block with the tags of a picture that are to be kept.

    Args:
        image: as opened from `file`; a PNG must have been loaded: its EXIF data may be at its end.
        file: the picture's file, from which the metadata of a TIFF are read, and those of raw
            pictures; of some kinds, these have them in their preview only.
        keep: any of `copyright`, `date` and `gps`; other values are ignored.

    Returns:
        The block, below 64 KiB; b"" if no tag is wanted, or found, or the metadata are invalid.
    """
    wanted: dict[int, set[int]] = {}
    for name in keep:
        for directory, tags in _TAGS.get(name, {}).items():
            wanted.setdefault(directory, set()).update(tags)
    if not wanted:
        return b""
    block, place = io.BytesIO(exif_block(image)), image.info.get(DIRECTORY)
    for source in (file, block) if image.format in ("TIFF", "RAW") else (block,):
        with suppress(KeyError, struct.error):  # no EXIF, or no directory where it should be
            return _copy_tags(source, wanted, place)
    return b""


def _copy_tags(source: BinaryIO, wanted: dict[int, set[int]], directory: int | None) -> bytes:
    """Return a block with the wanted tags of each directory, in the byte order of the source.

    Args:
        directory: offset of the main one; None for the first.
    """
    order, first = read_start(source)
    place = first if directory is None else directory
    pointers = wanted.keys() - {_MAIN}
    main = _read_tags(source, order, place, {*wanted.get(_MAIN, ()), *pointers})
    others: dict[int, _Directory] = {}
    for tag in pointers:
        pointer = main.pop(tag, None)
        if pointer and pointer.type in (_LONG, _IFD) and pointer.number == 1:
            (target,) = struct.unpack(order + "I", pointer.data)
            with suppress(struct.error):
                others[tag] = _read_tags(source, order, target, wanted[tag])
    return _build_block(order, main, {tag: values for tag, values in others.items() if values})


def _read_tags(source: BinaryIO, order: str, place: int, tags: Collection[int]) -> _Directory:
    """Read the given tags of a directory, without those missing or too long."""
    table, _ = read_table(source, order, place)
    table = table[: len(table) // ENTRY_BYTES * ENTRY_BYTES]
    found: _Directory = {}
    for tag, type, number, field in struct.iter_unpack(order + ENTRY, table):
        length = WIDTHS.get(type, 0) * number if tag in tags else 0
        if 0 < length <= _MAX_VALUE_BYTES:
            value = _Value(type, number, read_value(source, order, field, length))
            if len(value.data) == length:
                found[tag] = value
    return found


def _build_block(order: str, main: _Directory, others: dict[int, _Directory]) -> bytes:
    """Return an EXIF block of some directories; the first points to the others."""
    main |= dict.fromkeys(others, _Value(_LONG, 1, bytes(4)))  # so that its length is known
    if not main:
        return b""
    place, tail = 8 + len(_build_directory(order, main, 8)), b""
    for tag, values in sorted(others.items()):
        main[tag] = _Value(_LONG, 1, struct.pack(order + "I", place + len(tail)))
        tail += _build_directory(order, values, place + len(tail))
    head = struct.pack(order + "2sHI", {"<": b"II", ">": b"MM"}[order], 42, 8)
    return EXIF_START + head + _build_directory(order, main, 8) + tail


def _build_directory(order: str, values: _Directory, place: int) -> bytes:
    """Return a directory for `place` in the block, followed by values of more than 4 bytes."""
    table, long_values = struct.pack(order + "H", len(values)), b""
    start = place + 2 + ENTRY_BYTES * len(values) + 4
    for tag, (type, number, data) in sorted(values.items()):
        field = data
        if len(data) > 4:
            field = struct.pack(order + "I", start + len(long_values))
            long_values += data + bytes(len(data) % 2)
        table += struct.pack(order + ENTRY, tag, type, number, field)
    return table + bytes(4) + long_values

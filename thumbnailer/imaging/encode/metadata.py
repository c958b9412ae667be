"""What stays of a picture's metadata, where that is wanted.

The few tags are copied as they are, byte by byte, from one EXIF block to another: what nobody asked
for, such as the orientation, previews and the maker's notes, is never even read. XMP and IPTC are
not looked at.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from PIL import Image

_START = b"Exif\0\0"

# The directories of an EXIF block, and the tags in the first that lead to the others: EXIF 2.32,
# 4.6.3.
_MAIN, _EXIF, _GPS = 0, 0x8769, 0x8825

# Which tags of which directory are kept: EXIF 2.32, 4.6.4 to 4.6.6.
_TAGS: dict[str, dict[int, Collection[int]]] = {
    "copyright": {_MAIN: (0x013B, 0x8298)},  # Artist, Copyright
    "date": {
        _MAIN: (0x0132,),  # DateTime
        # DateTimeOriginal, DateTimeDigitized, and the time zone and the fraction of each
        _EXIF: (0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292),
    },
    "gps": {_GPS: range(32)},
}

# Bytes of a value by its type: TIFF 6.0, section 2; 13 is of its supplement 1.
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_LONG, _IFD = 4, 13

# Longer values are left out. With all 44 tags at this length a block still fits into a JPEG, which
# has room for 65,533 bytes.
_MAX_VALUE_BYTES = 1400


class _Value(NamedTuple):
    """The value of a tag as it is in the file."""

    type: int
    number: int
    data: bytes


_Directory = dict[int, _Value]


def kept_exif(image: Image.Image, file: BinaryIO, keep: Collection[str]) -> bytes:
    """An EXIF block with what is to be kept of a picture's metadata.

    Args:
        image: as opened from `file`; a PNG must have been loaded, since it may tell at its end.
        file: the picture's file, where a TIFF keeps its metadata.
        keep: of `copyright`, `date` and `gps`; others count for nothing.

    Returns:
        The block, below 64 KiB; b"" if nothing is to be kept, or is there, or makes sense.
    """
    wanted: dict[int, set[int]] = {}
    for name in keep:
        for directory, tags in _TAGS.get(name, {}).items():
            wanted.setdefault(directory, set()).update(tags)
    if not wanted:
        return b""
    source = file if image.format == "TIFF" else io.BytesIO(_block_of(image))
    return _copied(source, wanted)


def _block_of(image: Image.Image) -> bytes:
    block = image.info.get("exif")
    raw = image.info.get("Raw profile type exif")  # of PNGs by ImageMagick: hexadecimal lines
    if not block and isinstance(raw, str):
        with suppress(ValueError):
            block = bytes.fromhex("".join(raw.split("\n")[3:]))
    return block.removeprefix(_START) if isinstance(block, bytes) else b""


def _copied(source: BinaryIO, wanted: dict[int, set[int]]) -> bytes:
    """A block with the tags that are wanted of each directory, in the byte order of the source."""
    try:
        source.seek(0)
        start = source.read(8)
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(start[:4])
        if order is None:  # no EXIF, or a TIFF of more than 4 GB
            return b""
        (offset,) = struct.unpack_from(order + "I", start, 4)
        directories = {_MAIN: _read(source, order, offset, wanted.get(_MAIN, set()))}
        for tag in wanted.keys() - {_MAIN}:
            pointer = _read(source, order, offset, {tag}).get(tag)
            if pointer and pointer.type in (_LONG, _IFD) and pointer.number == 1:
                (there,) = struct.unpack(order + "I", pointer.data)
                with suppress(struct.error):
                    directories[tag] = _read(source, order, there, wanted[tag])
    except struct.error:
        return b""
    return _written(order, directories)


def _read(source: BinaryIO, order: str, offset: int, tags: Collection[int]) -> _Directory:
    """Those of the tags in a directory that are there, once, and are not too long.

    Raises:
        struct.error: the directory is not there.
    """
    return {
        tag: value
        for tag, place in _entries(source, order, offset)
        if tag in tags and (value := _value_at(source, order, place))
    }


def _entries(source: BinaryIO, order: str, offset: int) -> Iterator[tuple[int, bytes]]:
    """Each tag of a directory and what follows it: type, count, and the value or its place."""
    source.seek(offset)
    (count,) = struct.unpack(order + "H", source.read(2))
    table = source.read(12 * count)
    for at in range(0, len(table) - 11, 12):
        yield struct.unpack_from(order + "H", table, at)[0], table[at + 2 : at + 12]


def _value_at(source: BinaryIO, order: str, place: bytes) -> _Value | None:
    type, count = struct.unpack_from(order + "HI", place)
    length = _WIDTHS.get(type, 0) * count
    if not 0 < length <= _MAX_VALUE_BYTES:
        return None
    if length <= 4:
        return _Value(type, count, place[6 : 6 + length])
    source.seek(struct.unpack_from(order + "I", place, 6)[0])
    data = source.read(length)
    return _Value(type, count, data) if len(data) == length else None


def _written(order: str, directories: dict[int, _Directory]) -> bytes:
    """An EXIF block of some directories, of which the first leads to the others."""
    others = {tag: values for tag, values in directories.items() if tag != _MAIN and values}
    main = dict(directories[_MAIN])
    if not main and not others:
        return b""
    place = 8 + _length(main | dict.fromkeys(others, _Value(_LONG, 1, b"")))
    tail = b""
    for tag, values in sorted(others.items()):
        main[tag] = _Value(_LONG, 1, struct.pack(order + "I", place + len(tail)))
        tail += _directory(order, values, place + len(tail))
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    return _START + head + _directory(order, main, 8) + tail


def _length(values: _Directory) -> int:
    """How long `_directory` makes these."""
    long = (len(value.data) for value in values.values() if len(value.data) > 4)
    return 2 + 12 * len(values) + 4 + sum(length + length % 2 for length in long)


def _directory(order: str, values: _Directory, place: int) -> bytes:
    """A directory that stands at `place`, with the values that don't fit into it behind it."""
    table, behind = struct.pack(order + "H", len(values)), b""
    start = place + 2 + 12 * len(values) + 4
    for tag, (type, count, data) in sorted(values.items()):
        table += struct.pack(order + "HHI", tag, type, count)
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", start + len(behind))
            behind += data + bytes(len(data) % 2)
    return table + bytes(4) + behind

"""Copy selected metadata of a picture into a new EXIF block.

The wanted tags are copied unchanged, byte by byte, from one EXIF block to another. All others, such
as the orientation, previews and maker notes, are never read. XMP and IPTC are ignored.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from PIL import Image

_START = b"Exif\0\0"

# The directories of an EXIF block: the first, and the others by the tags in it that point to them:
# EXIF 2.32, 4.6.3.
_MAIN, _EXIF, _GPS = 0, 0x8769, 0x8825

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

# Bytes of a value by its type: TIFF 6.0, section 2; type 13 is from supplement 1 to TIFF 6.0.
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
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
        file: the picture's file, from which the metadata of a TIFF are read.
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
    source = file if image.format == "TIFF" else io.BytesIO(_block_of(image))
    return _copy_tags(source, wanted)


def _block_of(image: Image.Image) -> bytes:
    block = image.info.get("exif")
    raw = image.info.get("Raw profile type exif")  # in PNGs by ImageMagick: hexadecimal lines
    if not block and isinstance(raw, str):
        with suppress(ValueError):
            block = bytes.fromhex("".join(raw.split("\n")[3:]))
    return block.removeprefix(_START) if isinstance(block, bytes) else b""


def _copy_tags(source: BinaryIO, wanted: dict[int, set[int]]) -> bytes:
    """Return a block with the wanted tags of each directory, in the byte order of the source."""
    try:
        source.seek(0)
        start = source.read(8)
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(start[:4])
        if order is None:  # no EXIF, or a TIFF of more than 4 GB
            return b""
        (offset,) = struct.unpack_from(order + "I", start, 4)
        directories = {_MAIN: _read_tags(source, order, offset, wanted.get(_MAIN, set()))}
        for tag in wanted.keys() - {_MAIN}:
            pointer = _read_tags(source, order, offset, {tag}).get(tag)
            if pointer and pointer.type in (_LONG, _IFD) and pointer.number == 1:
                (target,) = struct.unpack(order + "I", pointer.data)
                with suppress(struct.error):
                    directories[tag] = _read_tags(source, order, target, wanted[tag])
    except struct.error:
        return b""
    return _build_block(order, directories)


def _read_tags(source: BinaryIO, order: str, offset: int, tags: Collection[int]) -> _Directory:
    """Read the given tags of a directory, without those missing, repeated or too long.

    Raises:
        struct.error: there is no directory at `offset`.
    """
    return {
        tag: value
        for tag, entry in _entries(source, order, offset)
        if tag in tags and (value := _read_value(source, order, entry))
    }


def _entries(source: BinaryIO, order: str, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield each tag of a directory and the rest of its entry: type, count, and value or offset."""
    source.seek(offset)
    (count,) = struct.unpack(order + "H", source.read(2))
    table = source.read(12 * count)
    for at in range(0, len(table) - 11, 12):
        yield struct.unpack_from(order + "H", table, at)[0], table[at + 2 : at + 12]


def _read_value(source: BinaryIO, order: str, entry: bytes) -> _Value | None:
    type, count = struct.unpack_from(order + "HI", entry)
    length = _WIDTHS.get(type, 0) * count
    if not 0 < length <= _MAX_VALUE_BYTES:
        return None
    if length <= 4:
        return _Value(type, count, entry[6 : 6 + length])
    source.seek(struct.unpack_from(order + "I", entry, 6)[0])
    data = source.read(length)
    return _Value(type, count, data) if len(data) == length else None


def _build_block(order: str, directories: dict[int, _Directory]) -> bytes:
    """Return an EXIF block of some directories; the first points to the others."""
    others = {tag: values for tag, values in directories.items() if tag != _MAIN and values}
    main = dict(directories[_MAIN])
    if not main and not others:
        return b""
    offset = 8 + _directory_length(main | dict.fromkeys(others, _Value(_LONG, 1, b"")))
    tail = b""
    for tag, values in sorted(others.items()):
        main[tag] = _Value(_LONG, 1, struct.pack(order + "I", offset + len(tail)))
        tail += _build_directory(order, values, offset + len(tail))
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    return _START + head + _build_directory(order, main, 8) + tail


def _directory_length(values: _Directory) -> int:
    """Return the length in bytes of what `_build_directory` returns for these values."""
    long = (len(value.data) for value in values.values() if len(value.data) > 4)
    return 2 + 12 * len(values) + 4 + sum(length + length % 2 for length in long)


def _build_directory(order: str, values: _Directory, offset: int) -> bytes:
    """Return a directory for `offset` in the block, followed by values of more than 4 bytes."""
    table, long_values = struct.pack(order + "H", len(values)), b""
    start = offset + 2 + 12 * len(values) + 4
    for tag, (type, count, data) in sorted(values.items()):
        table += struct.pack(order + "HHI", tag, type, count)
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", start + len(long_values))
            long_values += data + bytes(len(data) % 2)
    return table + bytes(4) + long_values

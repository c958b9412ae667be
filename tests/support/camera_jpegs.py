"""JPEGs as a camera would write them: EXIF data first, with a preview, and perhaps a larger one."""

from __future__ import annotations

import io
import random
import struct
from typing import Any

from PIL import Image, ImageDraw

_DATE = b"2024:05:01 12:00:00\0"
_ASCII, _SHORT, _LONG, _UNDEFINED = 2, 3, 4, 7

# The value of a tag with its type.
Tag = tuple[int, int | bytes]
Tags = dict[int, Tag]


def scene(seed: int, size: tuple[int, int] = (1280, 960)) -> Image.Image:
    """A picture of many rectangles; another for each seed."""
    chance = random.Random(seed)
    image = Image.new("RGB", size, "grey")
    draw = ImageDraw.Draw(image)
    for _ in range(400):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        width, height = chance.randrange(30, 200), chance.randrange(30, 200)
        colour = tuple(chance.randrange(30, 226) for _ in range(3))
        draw.rectangle((x - 50, y - 50, x - 50 + width, y - 50 + height), fill=colour)
    return image


def photo(
    image: Image.Image,
    preview: Image.Image | None,
    *,
    large: Image.Image | None = None,
    picture: Tags | None = None,
    taking: Tags | None = None,
    in_preview: Tags | None = None,
    segments: bytes = b"",
    preview_bytes: bytes | None = None,
    **options: Any,
) -> bytes:
    """
    Args:
        preview: goes into the EXIF data; None for none.
        large: goes behind the picture, as one of "VGA" (CIPA DC-007).
        picture, taking, in_preview: tags of the three directories in place of the usual ones; those
            of type 0 are left out.
        segments: go in behind the EXIF data.
        preview_bytes: go into the EXIF data in place of a preview.
        options: for Pillow.
    """
    tags: Tags = {
        0x010F: (_ASCII, b"Maker\0"),
        0x0112: (_SHORT, 1),
        0x0132: (_ASCII, _DATE),
    }
    details: Tags = {
        0x9003: (_ASCII, _DATE),
        0xA001: (_SHORT, 1),
        0xA002: (_LONG, image.width),
        0xA003: (_LONG, image.height),
    }
    data = preview_bytes if preview_bytes is not None else _jpeg(preview) if preview else b""
    exif = _exif(tags | (picture or {}), details | (taking or {}), in_preview or {}, data)
    coded = _jpeg(image, **options)
    start = b"\xff\xd8" + _segment(0xE1, b"Exif\0\0" + exif) + segments
    if not large:
        return start + coded[2:]
    appended = _jpeg(large)
    place = len(start) + 8  # of the index, behind its marker, length and name
    length = len(start) + len(_index(0, 0, 0)) + len(coded) - 2
    index = _index(length, len(appended), length - place)
    return start + index + coded[2:] + appended


def _index(first: int, second: int, offset: int) -> bytes:
    """The segment that names two pictures by their lengths, and the second by its place."""
    entries = struct.pack(">IIII", 0x030000, first, 0, 0)
    entries += struct.pack(">IIII", 0x010001, second, offset, 0)
    tags: Tags = {0xB000: (_UNDEFINED, b"0100"), 0xB001: (_LONG, 2), 0xB002: (_UNDEFINED, entries)}
    return _segment(0xE2, b"MPF\0MM\0*" + struct.pack(">I", 8) + _directory(tags, 8, 0))


def _exif(picture: Tags, taking: Tags, preview: Tags, data: bytes) -> bytes:
    picture[0x8769] = _LONG, 0
    second = 8 + len(_directory(picture, 8, 0))
    picture[0x8769] = _LONG, second
    third = second + len(_directory(taking, second, 0))
    preview = {0x0103: (_SHORT, 6), 0x0201: (_LONG, 0), 0x0202: (_LONG, len(data))} | preview
    if preview[0x0201] == (_LONG, 0):
        preview[0x0201] = _LONG, third + len(_directory(preview, third, 0))
    first = _directory(picture, 8, third if data else 0)
    block = b"MM\0*" + struct.pack(">I", 8) + first + _directory(taking, second, 0)
    return block + _directory(preview, third, 0) + data if data else block


def _directory(tags: Tags, place: int, following: int) -> bytes:
    tags = {tag: value for tag, value in tags.items() if value[0]}
    table, behind = struct.pack(">H", len(tags)), b""
    start = place + 2 + 12 * len(tags) + 4
    for tag, (kind, value) in sorted(tags.items()):
        if isinstance(value, int):
            packed = struct.pack(">H2x" if kind == _SHORT else ">I", value)
            table += struct.pack(">HHI", tag, kind, 1) + packed
        elif len(value) <= 4:
            table += struct.pack(">HHI4s", tag, kind, len(value), value)
        else:
            table += struct.pack(">HHII", tag, kind, len(value), start + len(behind))
            behind += value.ljust(len(value) + len(value) % 2, b"\0")
    return table + struct.pack(">I", following) + behind


def _segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def _jpeg(image: Image.Image, **options: Any) -> bytes:
    """Without the header of JFIF, which cameras leave out."""
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", **{"quality": 85} | options)
    data = buffer.getvalue()
    assert data[2:4] == b"\xff\xe0"
    return data[:2] + data[4 + int.from_bytes(data[4:6]) :]

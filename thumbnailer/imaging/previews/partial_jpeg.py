"""A part of a JPEG's rows, decoded at 1/8 of their size, without the rest of it.

Almost all the time for a small picture goes into the Huffman codes, which can't be skipped: so only
a few rows are read. Where there are restart markers they are from all over the picture, else from
its top.
"""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Iterator
from itertools import islice
from math import ceil, gcd
from typing import BinaryIO, NamedTuple

from PIL import Image

from thumbnailer.imaging.decode.open import open_picture
from thumbnailer.recipe import Limits

# No more is read, whatever a file holds behind its picture.
_MOST_BYTES = 16 << 20

# Share of the rows that is decoded of a picture's top, and the share of its bytes that these may
# have.
_TOP, _TOP_BYTES = 1 / 8, 1 / 4

# Share of the rows that is decoded where there are restart markers, and from how many places. To
# find them takes 1 ms a megabyte; a picture of 50 megapixels with one every 4 units has 50,000.
_SCATTERED, _PLACES, _MOST_MARKERS = 1 / 10, 4, 100_000
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")

# ISO 10918-1, table B.1: the markers that are needed for decoding, and those to be passed over.
_SOF, _DHT, _SOS, _DQT, _DRI = (0xC0, 0xC1), 0xC4, 0xDA, 0xDB, 0xDD
_OTHERS = (*range(0xE0, 0xF0), 0xFE)
_MAX_SEGMENTS = 1000

# How far from its end a file has its picture's last marker: cameras put other things behind it.
_TAIL_BYTES = (1 << 10, 1 << 18)
_START, _END = b"\xff\xd8", b"\xff\xd9"


class Band(NamedTuple):
    """Some of a picture's rows, in YCbCr or grey, at 1/8 of their size.

    Attributes:
        top, bottom: where they are in the picture, as shares of its height.
    """

    image: Image.Image
    top: float
    bottom: float


class _Header(NamedTuple):
    """What comes before the pixels.

    Attributes:
        tables: what is needed for decoding.
        size: in px.
        height_at: where the height is in `tables`.
        unit: width and height in px of what is coded together (MCU).
        interval: number of units from one restart marker to the next; 0 for no markers.
        end: where the pixels begin in the file.
    """

    tables: bytes
    size: tuple[int, int]
    height_at: int
    unit: tuple[int, int]
    interval: int
    end: int


def band_memory_bytes(file: BinaryIO) -> int:
    """How much memory `bands` takes at most: what it reads, twice."""
    return 2 * min(file.seek(0, os.SEEK_END), _MOST_BYTES)


def decode_bands(file: BinaryIO, limits: Limits) -> list[Band]:
    """An eighth of a JPEG's rows, more or less.

    Raises:
        EOFError: the file ends before the picture, as far as can be seen.
        Exception: of many kinds; it can't be done.
    """
    header = _header(file)
    height = header.size[1]
    rows = ceil(height / header.unit[1])
    length = file.seek(0, os.SEEK_END) - header.end
    if not any(_ends(file, header.end + max(0, length - tail)) for tail in _TAIL_BYTES):
        raise EOFError
    file.seek(header.end)
    places = _places(header, rows) if header.interval and length <= _MOST_BYTES else []
    if places:
        data = _rows(file.read(), header, places)
    else:
        places = [(0, ceil(rows * _TOP))]
        data = file.read(min(ceil(length * _TOP_BYTES), _MOST_BYTES))
    taken = sum(end - start for start, end in places) * header.unit[1]
    tables = bytearray(header.tables)
    struct.pack_into(">H", tables, header.height_at, min(taken, height))
    image = open_picture(io.BytesIO(_START + tables + data + _END), limits)
    image.draft("YCbCr", (1, 1))
    image.load()
    return list(_cut(image, places, header))


def _ends(file: BinaryIO, place: int) -> bool:
    file.seek(place)
    return _END in file.read()


def _cut(image: Image.Image, places: list[tuple[int, int]], header: _Header) -> Iterator[Band]:
    step, height = header.unit[1], header.size[1]
    at = 0
    for start, end in places:
        below = at + (end - start) * step // 8
        yield Band(
            image.crop((0, at, image.width, min(below, image.height))),
            start * step / height,
            min(1.0, end * step / height),
        )
        at = below


def _header(file: BinaryIO) -> _Header:
    file.seek(2)
    tables, interval = b"", 0
    size, unit, height_at, components = (0, 0), (0, 0), 0, 0
    for _ in range(_MAX_SEGMENTS):
        marker = file.read(2)
        while marker == b"\xff\xff":
            marker = marker[:1] + file.read(1)
        kind = marker[1]
        (length,) = struct.unpack(">H", file.read(2))
        if kind in _OTHERS:
            file.seek(length - 2, os.SEEK_CUR)
            continue
        if kind not in (*_SOF, _DHT, _SOS, _DQT, _DRI):
            raise ValueError("is coded in a way that is not known here")
        body = file.read(length - 2)
        if kind in _SOF:
            height_at = len(tables) + 5
            height, width, components = struct.unpack_from(">HHB", body, 1)
            factors = [0x11] if components == 1 else body[7 : 7 + 3 * components : 3]
            unit = 8 * max(one >> 4 for one in factors), 8 * max(one & 15 for one in factors)
            size = width, height
        elif kind == _DRI:
            (interval,) = struct.unpack(">H", body)
        tables += marker + struct.pack(">H", length) + body
        if kind == _SOS:
            if body[0] != components or not height_at:
                raise ValueError("has several scans")
            return _Header(tables, size, height_at, unit, interval, file.tell())
    raise ValueError("has too many segments")


def _places(header: _Header, rows: int) -> list[tuple[int, int]]:
    """Rows of units from all over the picture that begin and end with a restart marker: the first
    and the one after the last for each place; none where markers are too few."""
    step = header.interval // gcd(header.interval, _across(header))  # rows from marker to marker
    whole = rows - 1  # the last row may reach beyond the picture
    height = max(1, round(whole * _SCATTERED / _PLACES / step)) * step
    if whole < _PLACES * height or rows * _across(header) > header.interval * _MOST_MARKERS:
        return []
    starts = [place * (whole - height) // (_PLACES - 1) // step * step for place in range(_PLACES)]
    return [(start, start + height) for start in starts]


def _rows(data: bytes, header: _Header, places: list[tuple[int, int]]) -> bytes:
    """The data of some rows as if there were no others.

    What is between two markers can be decoded by itself (ISO 10918-1, F.1.1.5.1), but the markers
    are numbered from 0 to 7 over and over.

    Raises:
        ValueError: a marker is missing.
    """
    last = places[-1][1] * _across(header) // header.interval
    markers = [-2, *(match.start() for match in islice(_RESTART.finditer(data), last))]
    pieces = []
    for place in places:
        first, end = (row * _across(header) // header.interval for row in place)
        for number in range(first, end):
            if number and data[markers[number] + 1] != 0xD0 + (number - 1) % 8:
                raise ValueError("lacks a restart marker")
            pieces.append(data[markers[number] + 2 : markers[number + 1]])
    marked = (piece + b"\xff%c" % (0xD0 + at % 8) for at, piece in enumerate(pieces))
    return b"".join(marked)[:-2]


def _across(header: _Header) -> int:
    return ceil(header.size[0] / header.unit[0])

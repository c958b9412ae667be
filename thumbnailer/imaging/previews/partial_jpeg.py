"""Decode some of a JPEG's rows at 1/8 size, without decoding the rest.

At small sizes almost all the time goes into Huffman decoding, which can't be skipped, so only a few
rows are decoded. With restart markers they are spread over the picture, else taken from its top.
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

from thumbnailer.imaging.containers.jpeg_segments import MAX_SEGMENTS, read_segment
from thumbnailer.imaging.decode.open import open_picture
from thumbnailer.recipe import Limits

# No more is read, even if other data follow the picture in its file.
_MAX_BYTES = 16 << 20

# Share of the rows that are decoded at a picture's top, and the share of its bytes that are read
# for them.
_TOP_SHARE, _TOP_BYTES_SHARE = 1 / 8, 1 / 4

# Share of the rows that are decoded where there are restart markers, and in how many bands. Finding
# markers takes 1 ms per megabyte; a picture of 50 megapixels with one every 4 units has 50,000.
_SCATTERED_SHARE, _BANDS, _MAX_MARKERS = 1 / 10, 4, 100_000
_RESTART_MARKER = re.compile(rb"\xff[\xd0-\xd7]")

# ISO 10918-1, table B.1: the markers of segments that decoding needs, and of those to be skipped.
_SOF, _DHT, _SOS, _DQT, _DRI = (0xC0, 0xC1), 0xC4, 0xDA, 0xDB, 0xDD
_SKIPPED = (*range(0xE0, 0xF0), 0xFE)

# How far before the end of the file to look for the end marker: cameras append other data to it.
_TAIL_BYTES = (1 << 10, 1 << 18)
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"


class Band(NamedTuple):
    """Consecutive rows of a picture, in YCbCr or grey, at 1/8 size.

    Attributes:
        top, bottom: their edges in the picture, as shares of its height (0 to 1).
    """

    image: Image.Image
    top: float
    bottom: float


class _Header(NamedTuple):
    """The segments of a JPEG before its pixel data.

    Attributes:
        tables: the segments that decoding needs.
        size: width and height in px.
        height_at: offset of the height in `tables`.
        unit: width and height in px of a minimum coded unit (MCU).
        interval: number of units from one restart marker to the next; 0 for no markers.
        end: offset of the pixel data in the file.
    """

    tables: bytes
    size: tuple[int, int]
    height_at: int
    unit: tuple[int, int]
    interval: int
    end: int


def band_memory_bytes(file: BinaryIO) -> int:
    """Return how many bytes of memory `decode_bands` takes at most: twice what it reads."""
    return 2 * min(file.seek(0, os.SEEK_END), _MAX_BYTES)


def decode_bands(file: BinaryIO, limits: Limits) -> list[Band]:
    """Decode about an eighth of a JPEG's rows, at 1/8 size.

    Raises:
        EOFError: the file seems truncated: it has no end marker near its end.
        Exception: any type; its rows can't be decoded separately.
    """
    header = _read_header(file)
    height = header.size[1]
    rows = ceil(height / header.unit[1])
    length = file.seek(0, os.SEEK_END) - header.end
    if not any(_has_end_marker(file, header.end + max(0, length - tail)) for tail in _TAIL_BYTES):
        raise EOFError
    file.seek(header.end)
    places = _choose_row_ranges(header, rows) if header.interval and length <= _MAX_BYTES else []
    if places:
        data = _join_row_ranges(file.read(), header, places)
    else:
        places = [(0, ceil(rows * _TOP_SHARE))]
        data = file.read(min(ceil(length * _TOP_BYTES_SHARE), _MAX_BYTES))
    taken = sum(end - start for start, end in places) * header.unit[1]
    tables = bytearray(header.tables)
    struct.pack_into(">H", tables, header.height_at, min(taken, height))
    image = open_picture(io.BytesIO(_SOI + tables + data + _EOI), limits)
    image.draft("YCbCr", (1, 1))
    image.load()
    return list(_split(image, places, header))


def _has_end_marker(file: BinaryIO, place: int) -> bool:
    file.seek(place)
    return _EOI in file.read()


def _split(image: Image.Image, places: list[tuple[int, int]], header: _Header) -> Iterator[Band]:
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


def _read_header(file: BinaryIO) -> _Header:
    at, tables, interval = 2, b"", 0
    size, unit, height_at, components = (0, 0), (0, 0), 0, 0
    for _ in range(MAX_SEGMENTS):
        kind, _, start, at = read_segment(file, at)
        if kind in _SKIPPED:
            continue
        if kind not in (*_SOF, _DHT, _SOS, _DQT, _DRI):
            raise ValueError("is coded in a way that is not known here")
        file.seek(start)
        body = file.read(at - start)
        if kind in _SOF:
            height_at = len(tables) + 5
            height, width, components = struct.unpack_from(">HHB", body, 1)
            factors = [0x11] if components == 1 else body[7 : 7 + 3 * components : 3]
            unit = 8 * max(one >> 4 for one in factors), 8 * max(one & 15 for one in factors)
            size = width, height
        elif kind == _DRI:
            (interval,) = struct.unpack(">H", body)
        tables += struct.pack(">BBH", 0xFF, kind, 2 + len(body)) + body
        if kind == _SOS:
            if body[0] != components or not height_at:
                raise ValueError("has several scans")
            return _Header(tables, size, height_at, unit, interval, at)
    raise ValueError("has too many segments")


def _choose_row_ranges(header: _Header, rows: int) -> list[tuple[int, int]]:
    """Return ranges of MCU rows, spread over the picture, that begin and end at restart markers.

    Each is a first row and the row after the last. There are none if markers are too far apart, or
    too many.
    """
    step = header.interval // gcd(header.interval, _columns(header))  # rows from marker to marker
    whole = rows - 1  # the last row may reach beyond the picture
    height = max(1, round(whole * _SCATTERED_SHARE / _BANDS / step)) * step
    if whole < _BANDS * height or rows * _columns(header) > header.interval * _MAX_MARKERS:
        return []
    starts = [place * (whole - height) // (_BANDS - 1) // step * step for place in range(_BANDS)]
    return [(start, start + height) for start in starts]


def _join_row_ranges(data: bytes, header: _Header, places: list[tuple[int, int]]) -> bytes:
    """Join the pixel data of row ranges into those of one smaller picture.

    Data between two restart markers can be decoded separately (ISO 10918-1, F.1.1.5.1). The markers
    count from 0 to 7 repeatedly, so they are renumbered.

    Raises:
        ValueError: a marker is missing.
    """
    last = places[-1][1] * _columns(header) // header.interval
    markers = [-2, *(match.start() for match in islice(_RESTART_MARKER.finditer(data), last))]
    pieces = []
    for place in places:
        first, end = (row * _columns(header) // header.interval for row in place)
        for number in range(first, end):
            if number and data[markers[number] + 1] != 0xD0 + (number - 1) % 8:
                raise ValueError("lacks a restart marker")
            pieces.append(data[markers[number] + 2 : markers[number + 1]])
    marked = (piece + b"\xff%c" % (0xD0 + at % 8) for at, piece in enumerate(pieces))
    return b"".join(marked)[:-2]


def _columns(header: _Header) -> int:
    return ceil(header.size[0] / header.unit[0])

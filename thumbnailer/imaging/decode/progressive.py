"""Leave out of a progressive JPEG what does not show where it is decoded at an eighth of its size.

There each block of 8 x 8 becomes one pixel, its mean, which is its DC coefficient. The scans of all
other coefficients are most of the file, and read in vain: libjpeg-turbo takes 70 to 130 ms for 12
megapixels, and 20 to 25 ms without them, for the same pixels. Only colours of half the width and
height need all of their scans, as their blocks become 2 x 2 px.

At a quarter and more nothing can be left out: IDCTs to 2 x 2 and 4 x 4 px pass over every third
coefficient, but no encoder puts just these into a scan.

The format is that of ISO 10918-1, annexes B and G.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

_SOF2, _DHT, _EOI, _SOS, _DQT = 0xC2, 0xC4, 0xD9, 0xDA, 0xDB
_FRAMES = {*range(0xC0, 0xD0)} - {_DHT, 0xC8, 0xCC}
_ALONE = {*range(0xC0), *range(0xD0, _EOI), 0xFF}  # without a length, and not expected anywhere

# Texts, profiles and the like. Only JFIF's and Adobe's segments (0 and 14) tell of colours.
_ASIDE = {*range(0xE1, 0xEE), 0xEF, 0xFE}

# What ends the data of a scan: zeros are stuffing, and restarts are part of them.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

# Pictures have dozens. Each takes a microsecond or two, and a file has room for millions.
_MAX_SEGMENTS = 1000
_MAX_TABLES = 8  # in a segment: four of each class

_COEFFICIENTS = 64
_UNKNOWN = -1
_AC = 0x10
_MAX_SHIFT = 13  # jdphuff.c
_PLACES = 4  # for quantisation tables


class _Frame(NamedTuple):
    """What a frame header says of the components, which are the colours.

    Attributes:
        flat: those that have one pixel for each block.
        table: the place of the quantisation table of the first of these.
        spare: a place that no component uses.
        header: the same, but that the first of the flat ones has its table in the spare place.
    """

    names: list[int]
    flat: list[int]
    table: int
    spare: int
    header: bytes


def keep_dc_scans(data: bytes) -> bytes | None:
    """A progressive JPEG without the scans that do not show at an eighth of its size.

    At that size libjpeg-turbo makes of it what it makes of `data`, be that pixels or an error.

    Returns:
        None if the file is not as encoders make it, or ends early.
    """
    try:
        return b"".join(_kept_pieces(data))
    except (LookupError, ValueError):
        return None


def _kept_pieces(data: bytes) -> Iterator[bytes]:
    """The pieces of a file that show.

    Raises:
        LookupError, ValueError: it is not as encoders make it.
    """
    frame: _Frame | None = None
    missing: dict[int, list[int]] = {}
    huffman: dict[int, bool] = {}
    quantisation: dict[int, bytes] = {}
    is_rough = False
    yield data[:2]
    for marker, start, body, end in _segments(data):
        piece = data[start:end]
        if marker in _ASIDE:
            continue
        if marker == _DHT:
            huffman |= _huffman_tables(data[body:end])
        elif marker == _DQT:
            quantisation |= _quantisation_tables(data[body:end])
        elif marker in _FRAMES:
            if marker != _SOF2 or frame:
                raise ValueError("not one progressive frame")
            frame = _frame(data[body:end])
            missing = {name: [_UNKNOWN] * _COEFFICIENTS for name in frame.names}
            piece = data[start:body] + frame.header
        elif marker == _SOS:
            if not frame:
                raise ValueError("a scan of no frame")
            names, table, is_ac = _scan(data[body:end], missing)
            if is_ac and names[0] in frame.flat:
                if not huffman[table]:
                    raise ValueError("a Huffman table that makes no sense")
                continue
            if frame.flat[0] in names and not is_rough:
                yield _dc_quantisation_table(quantisation[frame.table], frame.spare)
                is_rough = True
        yield piece
    if not missing or any(map(any, missing.values())):
        raise ValueError("coefficients are missing, which libjpeg would guess")


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Each segment up to the end of the picture: its marker, its place, those of its body and of
    what comes next. A scan's data are part of its segment."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        marker = data[at + 1]
        if data[at] != 0xFF or marker in _ALONE:
            raise ValueError("no segment")
        if marker == _EOI:
            yield marker, at, at + 2, at + 2
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if end < at + 4:
            raise ValueError("a segment shorter than its own length")
        if marker == _SOS:
            if end != at + 8 + 2 * data[at + 4]:
                raise ValueError("a scan's header of another length than its components take")
            found = _MARKER.search(data, end)
            if not found:
                raise ValueError("ends early")
            end = found.start()
        yield marker, at, at + 4, end
        at = end
    raise ValueError("too many segments")


def _frame(body: bytes) -> _Frame:
    count = body[5]
    names, sampling, tables = (list(body[6 + field :: 3]) for field in range(3))
    if body[0] != 8 or len(body) != 6 + 3 * count or len(set(names)) != count:
        raise ValueError("not 8 bits, or components that are not told apart")
    factors = [divmod(both, 16) for both in sampling]
    if not all(map(all, factors)):
        raise ValueError("a component without width or height")
    most = [max(some) for some in zip(*factors, strict=True)]
    # Colours that are to be enlarged by an even factor both ways, as in 4:2:0, are decoded larger:
    # `jpeg_core_output_dimensions` and what follows it in jdmaster.c.
    flat = [
        name
        for name, own in zip(names, factors, strict=True)
        if any(whole % (2 * part) for whole, part in zip(most, own, strict=True))
    ]
    spare = min({*range(_PLACES)} - {*tables})
    at = 6 + 3 * names.index(flat[0]) + 2
    return _Frame(names, flat, body[at], spare, body[:at] + bytes([spare]) + body[at + 1 :])


def _dc_quantisation_table(table: bytes, place: int) -> bytes:
    """A segment with a quantisation table that is right for DC alone.

    Coefficients that no scan brings libjpeg guesses from the blocks around ("block smoothing"), but
    not if any table has zeros at its start. Here the other numbers count for nothing.
    """
    is_wide = len(table) > _COEFFICIENTS
    rough = table[: 1 + is_wide] + bytes(len(table) - 1 - is_wide)
    return struct.pack(">BBHB", 0xFF, _DQT, 3 + len(rough), is_wide << 4 | place) + rough


def _scan(header: bytes, missing: dict[int, list[int]]) -> tuple[list[int], int, bool]:
    """What a scan brings: components; the AC Huffman table of the first; whether it brings AC.

    Args:
        header: what follows the scan's length; the data may follow.
        missing: how many bits of each coefficient of each component are still to come; is updated.

    Raises:
        LookupError, ValueError: libjpeg does not take it, or takes it with a warning.
    """
    count = header[0]
    names, tables = [*header[1 : 1 + 2 * count : 2]], header[2 : 2 + 2 * count : 2]
    first, last, bits = header[1 + 2 * count : 4 + 2 * count]
    before, after = bits >> 4 or _UNKNOWN, bits & 15
    is_dc, is_ac = first == last == 0, 0 < first <= last < _COEFFICIENTS and count == 1
    if not (is_dc or is_ac) or len(set(names)) != count:
        raise ValueError("coefficients that do not go together")
    if after > _MAX_SHIFT or (before != _UNKNOWN and before != after + 1):
        raise ValueError("bits in no order")
    for name in names:
        bits_left = missing[name]
        if {*bits_left[first : last + 1]} != {before} or (is_ac and bits_left[0] == _UNKNOWN):
            raise ValueError("scans in no order")
        bits_left[first : last + 1] = [after] * (last + 1 - first)
    return names, _AC | tables[0] & 15, is_ac


def _huffman_tables(body: bytes) -> dict[int, bool]:
    """By class and place, whether libjpeg takes them: codes must fit, and none be all ones."""
    tables, at = {}, 0
    for _ in range(_MAX_TABLES):
        counts = body[at + 1 : at + 17]
        code, fits = 0, len(counts) == 16
        for length, count in enumerate(counts, 1):
            code = 2 * code + count
            fits = fits and code < 1 << length
        tables[body[at]] = fits
        at += 17 + sum(counts)
        if at >= len(body):
            return tables
    raise ValueError("too many tables")


def _quantisation_tables(body: bytes) -> dict[int, bytes]:
    """By place, of one byte a number or two."""
    tables, at = {}, 0
    for _ in range(_MAX_TABLES):
        end = at + 1 + (_COEFFICIENTS << (body[at] > 15))
        tables[body[at] & 15] = body[at + 1 : end]
        at = end
        if at >= len(body):
            return tables
    raise ValueError("too many tables")

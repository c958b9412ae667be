"""Drop the scans of a progressive JPEG that have no effect when it is decoded at 1/8 size.

At 1/8, each block of 8 x 8 becomes one pixel: its mean, which is its DC coefficient. The scans of
the other (AC) coefficients are most of the file and are decoded for nothing: libjpeg-turbo takes 70
to 130 ms for 12 megapixels, and 20 to 25 ms without them, for the same pixels. Only colours of half
the width and height (4:2:0) need all of their scans, as their blocks become 2 x 2 px.

At 1/4 and more no scan can be dropped: IDCTs to 2 x 2 and 4 x 4 px skip every third coefficient,
but no encoder puts only these into a scan.

The format is that of ISO 10918-1, annexes B and G.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from thumbnailer.imaging.containers.jpeg_segments import MAX_SEGMENTS, Segment, read_segment

_SOF2, _DHT, _EOI, _SOS, _DQT = 0xC2, 0xC4, 0xD9, 0xDA, 0xDB
_FRAME_MARKERS = {*range(0xC0, 0xD0)} - {_DHT, 0xC8, 0xCC}
_UNEXPECTED = {*range(0xC0), *range(0xD0, _EOI), 0xFF}  # not expected, and without a length

# Texts, profiles and the like. Of the APP segments, only JFIF's and Adobe's (0 and 14) define
# colours; those are kept.
_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}

# The marker that ends the data of a scan; stuffed zeros and restart markers are part of the data.
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

_MAX_TABLES = 8  # in one segment: four of each class

_COEFFICIENTS = 64
_NOT_SENT = -1  # no scan has brought any bits of the coefficient
_AC_CLASS = 0x10  # of a Huffman table
_MAX_SHIFT = 13  # jdphuff.c
_TABLE_SLOTS = 4  # of quantisation tables


class _Frame(NamedTuple):
    """Components (colour channels) of a frame, read from its header.

    Attributes:
        names: identifiers of all components.
        flat: identifiers of those that become one pixel for each block: their AC scans are dropped.
        table: slot of the quantisation table of the first flat component.
        spare: a table slot that no component uses.
        header: the frame header, but with the first flat component using the spare slot.
    """

    names: list[int]
    flat: list[int]
    table: int
    spare: int
    header: bytes


def keep_dc_scans(data: bytes) -> bytes | None:
    """Return a progressive JPEG without the scans that have no effect at 1/8 size.

    At that size libjpeg-turbo decodes it to the same pixels as `data`, or fails in the same way.

    Returns:
        None if the file is not structured as encoders write it, or ends early.
    """
    try:
        return b"".join(_kept_segments(data))
    except (LookupError, ValueError):
        return None


def has_ac_scan(data: bytes) -> bool:
    """Return whether a scan of AC coefficients has begun, so that each block has its mean."""
    with suppress(LookupError, ValueError):
        for marker, _, body, _ in _segments(data):
            if marker == _SOS and data[body + 1 + 2 * data[body]]:
                return True
    return False


def has_all_scans(data: bytes) -> bool:
    """Return whether the scans of a JPEG bring all bits of all coefficients of all components."""
    missing: dict[int, list[int]] = {}
    with suppress(LookupError, ValueError):
        for marker, _, body, end in _segments(data):
            if marker in _FRAME_MARKERS:
                names = data[body + 6 : end : 3]
                missing = {name: [_NOT_SENT] * _COEFFICIENTS for name in names}
            elif marker == _SOS:
                count = data[body]
                first, last, bits = data[body + 1 + 2 * count : body + 4 + 2 * count]
                for name in data[body + 1 : body + 1 + 2 * count : 2]:
                    missing[name][first : last + 1] = [bits & 15] * (last + 1 - first)
        return bool(missing) and not any(map(any, missing.values()))
    return False


def _kept_segments(data: bytes) -> Iterator[bytes]:
    """Yield the parts of a file that affect its pixels at 1/8 size.

    Raises:
        LookupError, ValueError: the file is not structured as encoders write it.
    """
    frame: _Frame | None = None
    missing: dict[int, list[int]] = {}
    huffman: dict[int, bool] = {}
    quantisation: dict[int, bytes] = {}
    has_dc_table = False
    yield data[:2]
    for marker, start, body, end in _segments(data):
        piece = data[start:end]
        if marker in _METADATA:
            continue
        if marker == _DHT:
            huffman |= _parse_huffman_tables(data[body:end])
        elif marker == _DQT:
            quantisation |= _parse_quantisation_tables(data[body:end])
        elif marker in _FRAME_MARKERS:
            if marker != _SOF2 or frame:
                raise ValueError("not one progressive frame")
            frame = _parse_frame(data[body:end])
            missing = {name: [_NOT_SENT] * _COEFFICIENTS for name in frame.names}
            piece = data[start:body] + frame.header
        elif marker == _SOS:
            if not frame:
                raise ValueError("a scan of no frame")
            names, table, is_ac = _parse_scan(data[body:end], missing)
            if is_ac and names[0] in frame.flat:
                if not huffman[table]:
                    raise ValueError("a Huffman table that makes no sense")
                continue
            if frame.flat[0] in names and not has_dc_table:
                yield _dc_quantisation_table(quantisation[frame.table], frame.spare)
                has_dc_table = True
        yield piece
    if not missing or any(map(any, missing.values())):
        raise ValueError("coefficients are missing, which libjpeg would guess")


def _segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments up to the end marker; a scan's data are part of its segment."""
    file, at = io.BytesIO(data), 2
    for _ in range(MAX_SEGMENTS):
        segment = read_segment(file, at)
        marker, _, body, end = segment
        if marker in _UNEXPECTED or body > at + 4:
            raise ValueError("no segment that an encoder writes, or fill bytes before it")
        if marker == _SOS:
            if end != body + 4 + 2 * data[body]:
                raise ValueError("a scan's header of another length than its components take")
            found = _SCAN_END.search(data, end)
            if not found:
                raise ValueError("ends early")
            segment = segment._replace(end=found.start())
        yield segment
        if marker == _EOI:
            return
        at = segment.end
    raise ValueError("too many segments")


def _parse_frame(body: bytes) -> _Frame:
    count = body[5]
    names, sampling, tables = (list(body[6 + field :: 3]) for field in range(3))
    if body[0] != 8 or len(body) != 6 + 3 * count or len(set(names)) != count:
        raise ValueError("not 8 bits, or components that are not told apart")
    factors = [divmod(both, 16) for both in sampling]
    if not all(map(all, factors)):
        raise ValueError("a component without width or height")
    max_factors = [max(values) for values in zip(*factors, strict=True)]
    # Colours to be upsampled by an even factor both ways, as in 4:2:0, are decoded larger instead:
    # `jpeg_core_output_dimensions` and the code after it in jdmaster.c.
    flat = [
        name
        for name, own in zip(names, factors, strict=True)
        if any(largest % (2 * factor) for largest, factor in zip(max_factors, own, strict=True))
    ]
    spare = min({*range(_TABLE_SLOTS)} - {*tables})
    at = 6 + 3 * names.index(flat[0]) + 2
    return _Frame(names, flat, body[at], spare, body[:at] + bytes([spare]) + body[at + 1 :])


def _dc_quantisation_table(table: bytes, place: int) -> bytes:
    """Return a segment with a quantisation table that is correct for the DC coefficient only.

    libjpeg estimates coefficients that no scan brings from neighbouring blocks ("block smoothing"),
    unless a table has zeros at its start. The values other than DC have no effect at 1/8.
    """
    is_wide = len(table) > _COEFFICIENTS
    dc_only = table[: 1 + is_wide] + bytes(len(table) - 1 - is_wide)
    return struct.pack(">BBHB", 0xFF, _DQT, 3 + len(dc_only), is_wide << 4 | place) + dc_only


def _parse_scan(header: bytes, missing: dict[int, list[int]]) -> tuple[list[int], int, bool]:
    """Return a scan's components, the AC Huffman table of the first, and whether it brings AC.

    Args:
        header: the scan header after its length; data may follow.
        missing: number of bits still to come, for each coefficient of each component; updated here.

    Raises:
        LookupError, ValueError: libjpeg rejects the scan, or warns about it.
    """
    count = header[0]
    names, tables = [*header[1 : 1 + 2 * count : 2]], header[2 : 2 + 2 * count : 2]
    first, last, bits = header[1 + 2 * count : 4 + 2 * count]
    before, after = bits >> 4 or _NOT_SENT, bits & 15
    is_dc, is_ac = first == last == 0, 0 < first <= last < _COEFFICIENTS and count == 1
    if not (is_dc or is_ac) or len(set(names)) != count:
        raise ValueError("coefficients that do not go together")
    if after > _MAX_SHIFT or (before != _NOT_SENT and before != after + 1):
        raise ValueError("bits in no order")
    for name in names:
        bits_left = missing[name]
        if {*bits_left[first : last + 1]} != {before} or (is_ac and bits_left[0] == _NOT_SENT):
            raise ValueError("scans in no order")
        bits_left[first : last + 1] = [after] * (last + 1 - first)
    return names, _AC_CLASS | tables[0] & 15, is_ac


def _parse_huffman_tables(body: bytes) -> dict[int, bool]:
    """Return, by class and slot, whether libjpeg accepts each Huffman table.

    Its codes must fit into their lengths, and none may be all ones.
    """
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


def _parse_quantisation_tables(body: bytes) -> dict[int, bytes]:
    """Return the quantisation tables by slot, with one or two bytes for each value."""
    tables, at = {}, 0
    for _ in range(_MAX_TABLES):
        end = at + 1 + (_COEFFICIENTS << (body[at] > 15))
        tables[body[at] & 15] = body[at + 1 : end]
        at = end
        if at >= len(body):
            return tables
    raise ValueError("too many tables")

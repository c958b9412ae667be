"""Read the segments of a JPEG: ISO 10918-1, B.1.1."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

# Markers that stand alone, without a length: TEM, RST0 to RST7, SOI and EOI.
_ALONE = {0x01, *range(0xD0, 0xDA)}

# Pictures have dozens of segments. Each takes one or two microseconds; a file may hold millions.
MAX_SEGMENTS = 1000

# The most fill bytes before a marker that are skipped.
_MAX_FILL_BYTES = 60


class Segment(NamedTuple):
    """A segment of a JPEG: its marker code, and offsets in the file.

    Attributes:
        start: of its marker, or of fill bytes before it.
        body: after its length.
        end: after its body; that of a scan's header is followed by the scan's data.
    """

    marker: int
    start: int
    body: int
    end: int


def read_segment(file: BinaryIO, at: int) -> Segment:
    """Read the marker and the length of the segment at an offset; its body is not read.

    Raises:
        ValueError: there is no segment, or its length is invalid.
    """
    file.seek(at)
    head = file.read(_MAX_FILL_BYTES + 4)
    fill = len(head) - len(head.lstrip(b"\xff"))
    if not 0 < fill < len(head):
        raise ValueError("no segment")
    after = at + fill + 1
    if head[fill] in _ALONE:
        return Segment(head[fill], at, after, after)
    length = int.from_bytes(head[fill + 1 : fill + 3])
    if length < 2:
        raise ValueError("a segment shorter than its own length")
    return Segment(head[fill], at, after + 2, after + length)

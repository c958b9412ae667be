"""Walk through the boxes of HEIF, AVIF, JPEG 2000 and JPEG XL.

They are those of ISO/IEC 14496-12 (of items: 23008-12), of 15444-1, annex I, and of 18181-2, in the
same form.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, NamedTuple

from thumbnailer.imaging.containers.bounded_file import MAX_PARTS
from thumbnailer.imaging.failures import LimitError

# Boxes that hold boxes, and how many bytes come before these.
_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"jp2h": 0}
_CONTAINERS |= dict.fromkeys((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"), 0)
_MAX_DEPTH = 6

# Lists of a picture's items and of how they belong together. libavif looks through all items for
# each that is named: 12 MB of them take hours. A picture of a thousand tiles has 50 KB of lists.
_ITEM_LISTS = {b"iinf", b"iloc", b"iref", b"ipma", b"grpl"}
MAX_ITEM_LIST_BYTES = 128 << 10

# Lists of the frames of a sequence, of which one of an hour has half a megabyte.
_FRAME_LISTS = {b"stts", b"ctts", b"stsc", b"stsz", b"stz2", b"stco", b"co64", b"stss", b"elst"}
_MAX_FRAME_LIST_BYTES = 1 << 20

# How a JPEG XL begins: the codestream alone, or in boxes.
JXL_STARTS = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")


class Box(NamedTuple):
    """A box: its type, and the offsets of its content and of its end.

    Attributes:
        is_cut: whether it ends beyond the end of the file, or of the box around it.
    """

    kind: bytes
    start: int
    end: int
    is_cut: bool


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two offsets, up to one that makes no sense or is cut short."""
    while start < end:
        file.seek(start)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4]), head[4:8]
        body = start + 8
        if length == 1:
            length, body = int.from_bytes(head[8:16]), body + 8
        elif length == 0:  # up to the end
            length = end - start
        if length < body - start:
            return
        box = Box(kind, body, start + length, start + length > end)
        yield box
        if box.is_cut:
            return
        start = box.end


def check_boxes(file: BinaryIO) -> None:
    """Check that a file has no more boxes, items and frames than decoders go through quickly.

    Raises:
        LimitError: it has more.
    """
    parts = item_bytes = frame_bytes = 0
    areas = [(0, file.seek(0, io.SEEK_END), 0)]
    while areas:
        start, end, depth = areas.pop()
        for box in boxes(file, start, end):
            parts += 1
            item_bytes += (box.end - box.start) * (box.kind in _ITEM_LISTS)
            frame_bytes += (box.end - box.start) * (box.kind in _FRAME_LISTS)
            if box.kind in _CONTAINERS and depth < _MAX_DEPTH:
                areas.append((box.start + _CONTAINERS[box.kind], min(box.end, end), depth + 1))
            if parts > MAX_PARTS:
                raise LimitError(f"has more than {MAX_PARTS:,} boxes")
            if item_bytes > MAX_ITEM_LIST_BYTES or frame_bytes > _MAX_FRAME_LIST_BYTES:
                raise LimitError("has too many items or frames")


def jxl_boxes(file: BinaryIO) -> Iterator[Box]:
    """Return the boxes of a JPEG XL; none if it is a codestream alone."""
    file.seek(0)
    if file.read(2) == JXL_STARTS[0]:
        return iter(())
    return islice(boxes(file, 0, file.seek(0, io.SEEK_END)), MAX_PARTS)


def codestream(file: BinaryIO, most_bytes: int = -1) -> bytes:
    """Return the codestream of a JPEG XL, or its beginning, which may be in several boxes.

    A part of it begins with its number: 18181-2, 9.8 and 9.9.
    """
    file.seek(0)
    if file.read(2) == JXL_STARTS[0]:
        file.seek(0)
        return file.read(most_bytes)
    parts, left = list[bytes](), file.seek(0, io.SEEK_END) if most_bytes < 0 else most_bytes
    for box in jxl_boxes(file):
        if box.kind in (b"jxlc", b"jxlp") and left > 0:
            start = box.start + 4 * (box.kind == b"jxlp")
            file.seek(start)
            parts.append(file.read(max(0, min(left, box.end - start))))
            left -= len(parts[-1])
    return b"".join(parts)

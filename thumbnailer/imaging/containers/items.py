"""Read the properties of the main picture of HEIF and AVIF files.

The boxes are those of ISO/IEC 14496-12 (tracks: 8.3 to 8.5) and 23008-12 (items: 6.5, 9.3, 9.4).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from thumbnailer.imaging.containers.boxes import MAX_ITEM_LIST_BYTES, Box, boxes

# The first bytes of a full box: its version and flags.
_VERSION_BYTES = 4

# What comes before the boxes of a list of samples, and of an entry for pictures in it: 14496-12,
# 8.5.2 and 12.1.3.
_SAMPLE_LIST_BYTES, _PICTURE_ENTRY_BYTES = 8, 78

# The most boxes of any kind that are looked at.
_MAX_BOXES = 1000

# What is read of a property: of a longer one, a profile, its beginning tells that it is one.
_PROPERTY_BYTES = 32

Size = tuple[int, int]


def main_properties(file: BinaryIO) -> dict[bytes, bytes]:
    """Return the beginnings of the main picture's properties by type, but for ICC profiles.

    What a picture of tiles does not say, its first tile may; what no picture says, the track.
    """
    of_item, of_track = dict[bytes, bytes](), dict[bytes, bytes]()
    for box in _children(file, 0, file.seek(0, io.SEEK_END)):
        if box.kind == b"meta":
            of_item = _item_properties(file, box)
        elif box.kind == b"moov":
            of_track = _track_properties(file, box)
    return of_track | of_item


def main_size(file: BinaryIO) -> Size | None:
    """Return width and height in px of the main picture, as stored; None if it has none."""
    stated = main_properties(file).get(b"ispe", b"")[_VERSION_BYTES:]
    size = int.from_bytes(stated[:4]), int.from_bytes(stated[4:8])
    return size if all(size) else None


def main_places(file: BinaryIO) -> list[tuple[int, int]]:
    """Return where the data of the main picture, or of each of its tiles, begin and end.

    Of data in several parts the first is meant. Data that are nowhere in the file are left out.
    """
    for meta in _children(file, 0, file.seek(0, io.SEEK_END)):
        if meta.kind == b"meta":
            item = _main_item(file, meta)
            stored = _find(file, meta, b"iloc", _VERSION_BYTES)
            places = dict(_places(_content(file, stored)))
            items = _tiles(file, meta, item) or [item]
            return [places[one] for one in items if one in places]
    return []


def _children(file: BinaryIO, start: int, end: int) -> list[Box]:
    return [box for box, _ in zip(boxes(file, start, end), range(_MAX_BOXES), strict=False)]


def _find(file: BinaryIO, box: Box, kind: bytes, skip: int = 0) -> Box | None:
    """Return the first box of a kind within another, after `skip` bytes of its content."""
    found = _children(file, box.start + skip, box.end)
    return next((child for child in found if child.kind == kind), None)


def _content(file: BinaryIO, box: Box | None, most: int = MAX_ITEM_LIST_BYTES) -> bytes:
    if box is None:
        return b""
    file.seek(box.start)
    return file.read(min(box.end - box.start, most))


def _item_properties(file: BinaryIO, meta: Box) -> dict[bytes, bytes]:
    """Return the main picture's properties, or else its first tile's, by their types."""
    item = _main_item(file, meta)
    properties = _find(file, meta, b"iprp", _VERSION_BYTES)
    stored = properties and _find(file, properties, b"ipco")
    if not properties or not stored:
        return {}
    every = _children(file, stored.start, stored.end)
    numbers = dict(_associations(_content(file, _find(file, properties, b"ipma"))))
    first_tile = next(iter(_tiles(file, meta, item)), 0)
    return _properties_of(file, every, numbers.get(first_tile, ())) | (
        _properties_of(file, every, numbers.get(item, ()))
    )


def _main_item(file: BinaryIO, meta: Box) -> int:
    primary = _content(file, _find(file, meta, b"pitm", _VERSION_BYTES))
    id_bytes = 4 if primary[:1] > b"\0" else 2
    return int.from_bytes(primary[_VERSION_BYTES : _VERSION_BYTES + id_bytes])


def _places(data: bytes) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield items and where the first part of their data is, from an `iloc` box: 14496-12, 8.11.3.

    Items whose data are not in the file itself, but in another box, are left out.
    """
    file = io.BytesIO(data)
    version, *_, lengths, more_lengths = file.read(6).ljust(6, b"\0")
    offset_bytes, length_bytes, base_bytes = lengths >> 4, lengths & 15, more_lengths >> 4
    index_bytes = more_lengths & 15 if version else 0
    id_bytes = 2 if version < 2 else 4
    file.seek(id_bytes, io.SEEK_CUR)
    while item := file.read(id_bytes):
        is_elsewhere = version and int.from_bytes(file.read(2)) & 15
        file.seek(2, io.SEEK_CUR)
        base, parts = int.from_bytes(file.read(base_bytes)), int.from_bytes(file.read(2))
        part = file.read(index_bytes + offset_bytes + length_bytes) if parts else b""
        start = base + int.from_bytes(part[index_bytes : index_bytes + offset_bytes])
        if part and not is_elsewhere:
            length = int.from_bytes(part[index_bytes + offset_bytes :])
            yield int.from_bytes(item), (start, start + length)
        file.seek((parts - 1) * len(part), io.SEEK_CUR)


def _properties_of(
    file: BinaryIO, every: Sequence[Box], numbers: Sequence[int]
) -> dict[bytes, bytes]:
    """Return the beginnings of the properties with these numbers, counted from 1."""
    chosen = [every[number - 1] for number in numbers if 0 < number <= len(every)]
    return _by_type(file, chosen)


def _by_type(file: BinaryIO, properties: Sequence[Box]) -> dict[bytes, bytes]:
    """Return the beginnings of properties by type: the first of each, and no ICC profiles."""
    found = dict[bytes, bytes]()
    for box in properties:
        data = _content(file, box, _PROPERTY_BYTES)
        if box.kind != b"colr" or data.startswith(b"nclx"):
            found.setdefault(box.kind, data)
    return found


def _associations(data: bytes) -> Iterator[tuple[int, list[int]]]:
    """Yield items and the numbers of their properties, from an `ipma` box."""
    if len(data) < 8:
        return
    item_bytes, number_bytes = 4 if data[0] else 2, 2 if data[3] & 1 else 1
    at, mask = 8, 0x7FFF if number_bytes == 2 else 0x7F
    for _ in range(int.from_bytes(data[4:8])):
        item, count = data[at : at + item_bytes], data[at + item_bytes : at + item_bytes + 1]
        if not count:
            return
        at += item_bytes + 1
        end = at + count[0] * number_bytes
        places = range(at, end, number_bytes)
        numbers = [int.from_bytes(data[place : place + number_bytes]) & mask for place in places]
        yield int.from_bytes(item), numbers
        at = end


def _tiles(file: BinaryIO, meta: Box, item: int) -> list[int]:
    """Return the items that a picture is made of, by its `dimg` reference; none without one."""
    references = _find(file, meta, b"iref", _VERSION_BYTES)
    if not references:
        return []
    id_bytes = 4 if _content(file, references, 1) > b"\0" else 2
    for box in _children(file, references.start + _VERSION_BYTES, references.end):
        data = _content(file, box) if box.kind == b"dimg" else b""
        if data and int.from_bytes(data[:id_bytes]) == item:
            places = range(id_bytes + 2, len(data), id_bytes)
            return [int.from_bytes(data[place : place + id_bytes]) for place in places]
    return []


def _track_properties(file: BinaryIO, movie: Box) -> dict[bytes, bytes]:
    """Return the properties of the first track that says its colours, by their types."""
    for track in _children(file, movie.start, movie.end):
        samples: Box | None = track if track.kind == b"trak" else None
        for kind in (b"mdia", b"minf", b"stbl", b"stsd"):
            samples = samples and _find(file, samples, kind)
        if not samples:
            continue
        for entry in _children(file, samples.start + _SAMPLE_LIST_BYTES, samples.end):
            found = _by_type(file, _children(file, entry.start + _PICTURE_ENTRY_BYTES, entry.end))
            if b"colr" in found:
                return found
    return {}

"""Read the pages of a TIFF: TIFF 6.0, section 2; BigTIFF, 2008.

Of each only the place of its values is read, and of these what is asked for.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from math import prod
from typing import BinaryIO, NamedTuple

from thumbnailer.imaging.containers.exif import TIFF_STARTS, WIDTHS, TiffForm, read_form

# Tags of TIFF 6.0, of ICC.1, and GDAL's of the value that stands for "no data".
NEW_SUBFILE_TYPE, SUBFILE_TYPE, WIDTH, LENGTH, BITS, COMPRESSION = 254, 255, 256, 257, 258, 259
PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES = 262, 266, 273, 274, 277
ROWS_PER_STRIP, STRIP_LENGTHS, PLANAR, TILE_WIDTH, TILE_LENGTH = 278, 279, 284, 322, 323
TILE_OFFSETS, TILE_LENGTHS, EXTRA_SAMPLES, SAMPLE_FORMAT = 324, 325, 338, 339

ICC_PROFILE, GDAL_NODATA = 34675, 42113

# The tags of the offsets of strips, and of tiles, each with that of their lengths.
PARTS = ((STRIP_OFFSETS, STRIP_LENGTHS), (TILE_OFFSETS, TILE_LENGTHS))

# The key in `Image.info` for the place of the directory of a TIFF's page.
DIRECTORY = "thumbnailer directory"

# `NewSubfileType`: a page that is smaller than another, or a mask. `SubfileType`: a smaller page.
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2

# Forms of whole numbers by type: BYTE, SHORT, LONG, IFD and, of BigTIFF, LONG8 and IFD8.
_FORMS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

_BYTE_TYPES = (1, 2, 7)

# Directories have dozens of entries. A pyramid has a dozen pages.
_MAX_ENTRIES, _MAX_PAGES = 4096, 32

# The values that are read of a tag, of which there is one for each channel.
_MAX_VALUES = 16


class TiffPage(NamedTuple):
    """A page of a TIFF.

    Attributes:
        file: to read values from.
        place: offset of its directory.
        entries: type, number of values and these or their offset, by tag.
        is_cut: whether the file ends within its directory.
    """

    file: BinaryIO
    form: TiffForm
    place: int
    entries: dict[int, tuple[int, int, bytes]]
    is_cut: bool

    def numbers(self, tag: int, most: int = _MAX_VALUES) -> tuple[int, ...]:
        """Return whole numbers of a tag, at most so many; none if there are none."""
        kind, number, field = self.entries.get(tag, (0, 0, b""))
        form = struct.Struct(self.form.order + _FORMS.get(kind, "") * min(number, most))
        data = field
        if number * struct.calcsize(_FORMS.get(kind, "")) > len(field):
            self.file.seek(self.form.offset.unpack(field)[0])
            data = self.file.read(form.size)
        return form.unpack_from(data) if len(data) >= form.size else ()

    def data(self, tag: int, most: int) -> bytes:
        """Return the bytes of a tag of type BYTE, ASCII or UNDEFINED, at most so many."""
        kind, number, field = self.entries.get(tag, (0, 0, b""))
        if kind not in _BYTE_TYPES:
            return b""
        if number <= len(field):
            return field[:number]
        self.file.seek(self.form.offset.unpack(field)[0])
        return self.file.read(min(number, most))

    def number(self, tag: int, default: int = 0) -> int:
        """Return the first whole number of a tag."""
        return next(iter(self.numbers(tag, 1)), default)

    @property
    def is_reduced(self) -> bool:
        """Whether it shows another page at a smaller size, or is a mask of one."""
        kind = self.number(NEW_SUBFILE_TYPE)
        return bool(kind & (_REDUCED | _MASK)) or self.number(SUBFILE_TYPE) == _OLD_REDUCED

    @property
    def size(self) -> tuple[int, int]:
        """Its width and height in px, as stored."""
        return self.number(WIDTH), self.number(LENGTH)


def is_cut_short(file: BinaryIO) -> bool:
    """Return whether the first page of a TIFF, or a value that it states, is beyond its end."""
    length = file.seek(0, io.SEEK_END)
    first = next(pages(file), None)
    if not first:
        try:
            return read_form(file).first >= length
        except struct.error:
            return True
    offset = first.form.offset
    return first.is_cut or any(
        WIDTHS.get(kind, 0) * number > offset.size
        and offset.unpack(field)[0] + WIDTHS[kind] * number > length
        for kind, number, field in first.entries.values()
    )


def main_page(file: BinaryIO) -> tuple[int, TiffPage] | None:
    """Return the page that a TIFF shows, and its number; None if there is no valid one.

    It is the first, unless that is marked as another one at a smaller size: then it is the largest
    that is not.
    """
    found = pages(file)
    first = next(found, None)
    if first is None or not first.is_reduced:
        return first and (0, first)
    numbered = [(0, first), *enumerate(found, 1)]
    full = [(prod(page.size), -number) for number, page in numbered if not page.is_reduced]
    return numbered[-max(full)[1]] if full else numbered[0]


def pages(file: BinaryIO) -> Iterator[TiffPage]:
    """Yield the first pages of a TIFF, up to one that is invalid."""
    file.seek(0)
    if not file.read(4).startswith(TIFF_STARTS):
        return
    seen: set[int] = set()
    with suppress(struct.error, OSError, OverflowError):  # the chain breaks off
        form = read_form(file)
        entry, place = form.entry, form.first
        while place and place not in seen and len(seen) < _MAX_PAGES:
            seen.add(place)
            file.seek(place)
            (count,) = form.number.unpack(file.read(form.number.size))
            table = file.read(entry.size * min(count, _MAX_ENTRIES))
            is_cut = len(table) < entry.size * min(count, _MAX_ENTRIES)
            entries: dict[int, tuple[int, int, bytes]] = {}
            for tag, *rest in entry.iter_unpack(table[: len(table) // entry.size * entry.size]):
                entries.setdefault(tag, (rest[0], rest[1], rest[2]))
            yield TiffPage(file, form, place, entries, is_cut)
            file.seek(place + form.number.size + count * entry.size)
            (place,) = form.offset.unpack(file.read(form.offset.size))

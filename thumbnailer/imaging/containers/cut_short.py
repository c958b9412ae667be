"""Tell whether a file ends before all is there that its beginning promises."""

from __future__ import annotations

import io
from itertools import islice
from typing import BinaryIO

from thumbnailer.imaging.containers import tiff_pages
from thumbnailer.imaging.containers.bounded_file import MAX_PARTS
from thumbnailer.imaging.containers.boxes import boxes
from thumbnailer.imaging.containers.exif import TIFF_STARTS
from thumbnailer.imaging.containers.items import main_places

# The fewest zeros at the end of a file that stand for data which never came, as in a download that
# was given its room beforehand. Compressed data end in fewer: those of AVIF and HEIF in none.
_MIN_ZEROS, _BLOCK_BYTES = 16, 1 << 16


def content_end(file: BinaryIO) -> int:
    """Return where the zeros begin that a file ends in; its length if there are but few of them.

    Takes 5 µs for a file that does not end in zeros, whose last bytes alone are read.
    """
    length = file.seek(0, io.SEEK_END)
    end, block = length, _MIN_ZEROS
    while end:
        start = max(0, end - block)
        file.seek(start)
        rest = file.read(end - start).rstrip(b"\0")
        end, block = start + len(rest), _BLOCK_BYTES
        if rest:
            break
    return end if length - end >= _MIN_ZEROS else length


def ends_in_zeros(file: BinaryIO) -> bool:
    """Return whether zeros take the place of the last data of an AVIF's or HEIF's main picture."""
    end = content_end(file)
    if end == file.seek(0, io.SEEK_END):
        return False
    return any(start < stop and stop - end >= _MIN_ZEROS for start, stop in main_places(file))


def is_cut_short(file: BinaryIO) -> bool:
    """Return whether a WebP, AVIF, HEIF or JPEG 2000, read as one piece, is longer than its file.

    So is a JPEG XL in boxes. A TIFF is, if its header is.
    """
    file.seek(0)
    start = file.read(8)
    if start.startswith(TIFF_STARTS):
        return tiff_pages.is_cut_short(file)
    length = file.seek(0, io.SEEK_END)
    if start.startswith(b"RIFF"):
        return int.from_bytes(start[4:8], "little") + 8 > length
    if not start.startswith((b"ftyp", b"jP  ", b"JXL "), 4):
        return False
    return any(box.is_cut for box in islice(boxes(file, 0, length), MAX_PARTS))

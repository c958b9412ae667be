"""Tell whether a file ends before all is there that its beginning promises."""

from __future__ import annotations

import io
from itertools import islice
from typing import BinaryIO

from thumbnailer.imaging.containers import tiff_pages
from thumbnailer.imaging.containers.bounded_file import MAX_PARTS
from thumbnailer.imaging.containers.boxes import boxes
from thumbnailer.imaging.containers.exif import TIFF_STARTS


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

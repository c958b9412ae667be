"""Decode JPEGs that Pillow can't: without their end, or zeros in its place, or arithmetic-coded.

Pillow hands libjpeg a file in pieces. Where the end is missing, libjpeg waits for more of it, and
the last rows are not decoded though their data are there; an arithmetic decoder can't wait at all.
So the file is handed over in one piece, with an end.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import suppress
from typing import BinaryIO

from PIL import Image, ImageFile

from thumbnailer.imaging.containers.cut_short import content_end
from thumbnailer.imaging.containers.jpeg_segments import MAX_SEGMENTS, read_segment
from thumbnailer.imaging.decode.open import load_within_limit, open_picture
from thumbnailer.imaging.decode.progressive import has_ac_scan, has_all_scans
from thumbnailer.imaging.decode.rows import differing_rows, fill_missing_rows
from thumbnailer.imaging.decode.shrink_on_load import shrink_like
from thumbnailer.imaging.failures import LimitError
from thumbnailer.imaging.memory import Claim, claim_memory
from thumbnailer.recipe import Limits

_END, _SCAN = b"\xff\xd9", 0xDA

# Frames that are arithmetic-coded, SOF9 and SOF10; of all frames only DHT, JPG and DAC are none:
# ISO 10918-1, table B.1.
_ARITHMETIC, _FRAMES = (0xC9, 0xCA), {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}

# What is put in the place of missing data in further attempts: rows that have all of theirs are the
# same in all. Bits and their opposites, as with one alone 1.4 % of the progressive pictures that
# lacked two bytes came out the same.
_OTHER_DATA = [
    b"\x5b\xa6\x37\xc8\x1d\xe2\x94\x6b" * 32,
    b"\xa4\x59\xc8\x37\xe2\x1d\x6b\x94" * 32,
]

# Zeros at the end of arithmetic-coded data are left out: D.1.8.
_DISCARDED_ZEROS = bytes(4)


def is_arithmetic(file: BinaryIO) -> bool:
    """Return whether the coding of a JPEG is arithmetic."""
    at = 2
    with suppress(ValueError):
        for _ in range(MAX_SEGMENTS):
            segment = read_segment(file, at)
            if segment.marker in _FRAMES:
                return segment.marker in _ARITHMETIC
            at = segment.end
    return False


def ends_in_zeros(file: BinaryIO) -> bool:
    """Return whether zeros take the place of the last data of a JPEG: libjpeg decodes them.

    Those after its end are of no harm.
    """
    end, at = content_end(file), 2
    if end == file.seek(0, io.SEEK_END):
        return False
    with suppress(ValueError):
        for _ in range(MAX_SEGMENTS):
            segment = read_segment(file, at)
            at = segment.end
            if segment.marker == _SCAN:
                file.seek(at)
                return _END not in file.read(max(0, end - at))
    return False


def decode_in_one_piece(
    image: ImageFile.ImageFile, file: BinaryIO, limits: Limits
) -> Image.Image | None:
    """Return a JPEG; None if it can't be decoded."""
    with suppress(Exception):
        file.seek(0)
        return _decode(image, file.read(), limits)
    return None


def decode_cut(
    image: ImageFile.ImageFile, file: BinaryIO, limits: Limits, claim: Claim
) -> tuple[Image.Image, float | None]:
    """Return a JPEG that ends early, or in zeros, as far as it is there, and the share of its rows.

    Returns:
        The picture, whose missing rows are filled; and 0 to 1, None where data are missing of all
        rows: of a progressive one, which is blurred then, or of a colour.

    Raises:
        Exception: it can't be decoded.
    """
    length = content_end(file)
    file.seek(0)
    data = file.read(length).rstrip(b"\xff")  # of a marker
    zeros = _DISCARDED_ZEROS if is_arithmetic(file) else b""
    picture = _decode(image, data + _END, limits)
    others = [data + zeros + other + _END for other in _OTHER_DATA]
    has_scans = has_all_scans(data + _END)
    if not image.info.get("progressive"):
        rows = _same_rows(picture, (_decode(image, other, limits) for other in others))
        if rows == picture.height:
            return picture, 1 if has_scans else None
        return fill_missing_rows(picture, range(rows, picture.height)), rows / picture.height
    if has_scans and _is_same_in_full(data + _END, others, limits, claim):
        return picture, 1
    # Before the first scan has ended there is grey (128), which rounding may shift a little.
    is_grey = [0 if 126 <= value <= 130 else 255 for value in range(256)]
    box = picture.convert("L").point(is_grey).getbbox()
    rows = box[3] if box else 0
    if rows == picture.height or has_ac_scan(data + _END):  # else these may be grey themselves
        return picture, None
    return fill_missing_rows(picture, range(rows, picture.height)), rows / picture.height


def _is_same_in_full(one: bytes, others: list[bytes], limits: Limits, claim: Claim) -> bool:
    """Return whether JPEGs show the same. At 1/8, what the last scans bring can't be seen."""
    with suppress(LimitError):  # in full it may need more memory
        claim_memory(open_picture(io.BytesIO(one), limits), limits, claim)
        picture = _decode(None, one, limits)
        rows = _same_rows(picture, (_decode(None, other, limits) for other in others))
        return rows == picture.height
    return False


def _same_rows(one: Image.Image, others: Iterable[Image.Image]) -> int:
    """Return how many rows from the top are the same in all pictures."""
    whole = (0, 0, *one.size)
    return min(next(differing_rows(one, other, whole), one.height) for other in others)


def _decode(image: ImageFile.ImageFile | None, data: bytes, limits: Limits) -> ImageFile.ImageFile:
    """Decode a JPEG in one piece, as large as another attempt, or else in full."""
    again = open_picture(io.BytesIO(data), limits)
    if image:
        shrink_like(image, again)
    again.decodermaxblock = len(data)
    load_within_limit(again)
    return again

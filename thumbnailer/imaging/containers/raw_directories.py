"""Look into raw pictures in TIFF form for what LibRaw does not tell: previews, and a missing end.

Most cameras write TIFF 6.0, with more directories behind SubIFDs: TIFF/EP (ISO 12234-2), DNG 1.7.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import BinaryIO

from thumbnailer.imaging.containers.cut_short import is_cut_short
from thumbnailer.imaging.containers.exif import read_directories
from thumbnailer.imaging.containers.tiff_pages import (
    COMPRESSION,
    PARTS,
    PHOTOMETRIC,
    PLANAR,
    SAMPLE_FORMAT,
    SAMPLES,
)

# Tags of TIFF 6.0: the offset and the length of a JPEG; and all that are read.
_JPEG_OFFSET, _JPEG_LENGTH = 513, 514
_TAGS = {COMPRESSION, PHOTOMETRIC, PLANAR, SAMPLES, SAMPLE_FORMAT}
_TAGS |= {_JPEG_OFFSET, _JPEG_LENGTH, *PARTS[0], *PARTS[1]}

# What sensor data are said to be by DNG 1.7: in a mosaic of colours; with all colours everywhere.
SENSOR_DATA = (32803, 34892)

# Compressions that are a JPEG's, of a preview or of the sensor data: cameras that do not say which
# it is store these in more bits than a preview has.
_JPEG = ([6], [7])

# Values of tags: Deflate, floats, and one plane after the other.
_DEFLATE, _FLOAT, _PLANES = 8, 3, 2

# A raw picture has some ten directories, of hundreds of strips or thousands of tiles.
_MAX_DIRECTORIES, _MAX_PARTS = 32, 100_000

# Where a RAF (Fujifilm) states offset and length of its sensor data, and how it begins.
_RAF_START, _RAF_PLACE = b"FUJIFILMCCD-RAW", 100

# A preview has less than 30 MB.
_MAX_PREVIEW_BYTES = 32 << 20


def is_raw_cut_short(file: BinaryIO) -> bool:
    """Return whether a raw picture ends before its sensor data do; False where that is unknown.

    LibRaw takes what is missing for black, or for noise.
    """
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    start = file.read(_RAF_PLACE + 8)
    if start.startswith(_RAF_START):
        place = int.from_bytes(start[_RAF_PLACE : _RAF_PLACE + 4])
        return place + int.from_bytes(start[_RAF_PLACE + 4 :]) > length
    if start.startswith(b"ftyp", 4):
        return is_cut_short(file)
    parts = [(0, 0)]  # of each directory, the bytes in all and the end of the last
    for directory in _directories(file):
        for offsets, lengths in PARTS:
            places = list(zip(directory.get(offsets, ()), directory.get(lengths, ()), strict=False))
            if places:
                parts.append((sum(size for _, size in places), max(map(sum, places))))
    return max(parts)[1] > length


def is_misread(file: BinaryIO) -> bool:
    """Return whether sensor data are stored as LibRaw does not read them, without saying so.

    It mixes up the colours of planes, and takes whole numbers by Deflate for damaged.
    """
    for directory in _directories(file):
        kind, samples, planar, compression, form = (
            (directory.get(tag) or [1])[0]
            for tag in (PHOTOMETRIC, SAMPLES, PLANAR, COMPRESSION, SAMPLE_FORMAT)
        )
        is_in_planes = samples > 1 and planar == _PLANES
        if kind in SENSOR_DATA and (is_in_planes or (compression == _DEFLATE and form != _FLOAT)):
            return True
    return False


def jpeg_previews(file: BinaryIO) -> Iterator[bytes]:
    """Yield the JPEGs in a raw picture in TIFF form, from the longest on."""
    found = set()
    for directory in _directories(file):
        offsets, lengths = directory.get(_JPEG_OFFSET, []), directory.get(_JPEG_LENGTH, [])
        is_of_sensor = not set(SENSOR_DATA).isdisjoint(directory.get(PHOTOMETRIC, ()))
        if directory.get(COMPRESSION, [])[:1] in _JPEG and not is_of_sensor:
            strips, sizes = (directory.get(tag, []) for tag in PARTS[0])
            offsets, lengths = offsets + strips, lengths + sizes
        found |= {(size, place) for place, size in zip(offsets, lengths, strict=False)}
    for size, place in sorted(found, reverse=True):
        file.seek(place)
        if 0 < size <= _MAX_PREVIEW_BYTES and file.read(3) == b"\xff\xd8\xff":
            file.seek(place)
            yield file.read(size)


def _directories(file: BinaryIO) -> list[dict[int, list[int]]]:
    found = []
    with suppress(Exception):  # the chain breaks off, or it is no TIFF
        for directory in islice(read_directories(file, _TAGS, _MAX_PARTS), _MAX_DIRECTORIES):
            found.append(directory)
    return found

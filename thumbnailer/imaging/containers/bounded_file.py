"""Bound what Pillow's decoders read of a file: how often, and how much in all.

Their Python code reads a file piece by piece: a JPEG's segments, a PNG's chunks, a GIF's blocks, a
TIFF's entries and strips. Each piece takes a microsecond or more, and a file may hold millions that
are of no use, or state the same megabytes a thousand times.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from thumbnailer.imaging.containers.exif import EXIF_START, check_exif
from thumbnailer.imaging.failures import LimitError

# The most parts of anything in a file: of pieces that are read before the pixels, of chunks, boxes
# or strips. Pictures have dozens of them, and a few have thousands. So many take a tenth of a
# second or less.
MAX_PARTS = 100_000

# With the pixels, more, and one for so many bytes of the file. A GIF takes two for 256 bytes, a PNG
# four for a chunk, which has 8 KiB mostly, but may be a row of a small picture.
_MORE_PARTS, _BYTES_A_READ = 400_000, 32

# The most bytes that are read, in multiples of the file's length, and besides. A decoder reads all
# of a file once or twice; an animation is read once more, to count its frames. For each strip or
# tile, Pillow may read a whole block.
_MAX_TIMES, _MORE_BYTES, _BLOCK_BYTES = 16, 64 << 20, 64 << 10

# EXIF data come in one segment of a JPEG. Pillow joins others to it, and copies all for each.
_MAX_EXIF_SEGMENTS = 64


class BoundedFile:
    """A file to be decoded, which raises LimitError where it is read without end.

    Attributes:
        last_read: what was read last.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.last_read = file, b""
        self.seek, self.tell = file.seek, file.tell
        self._length = file.seek(0, io.SEEK_END)
        self._reads_left = MAX_PARTS
        self._bytes_left = _MAX_TIMES * self._length + _MORE_BYTES
        self._exif: list[bytes] | None = []  # as long as the header is read
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the file."""
        data = self.last_read = self._file.read(size)
        self._reads_left -= 1
        self._bytes_left -= len(data)
        if self._reads_left < 0:
            most, where = MAX_PARTS, " before its pixels"
            if self._exif is None:
                most, where = self._most_parts(), ""
            raise LimitError(f"has more than {most:,} parts{where}")
        if self._bytes_left < 0:
            raise LimitError(f"states the same data more than {_MAX_TIMES} times")
        if self._exif is not None and data.startswith(EXIF_START):
            self._check_exif_segment(data)
        return data

    def header_is_read(self, tiles: int) -> None:
        """Allow for the reading of pixels, which are in so many strips or tiles, from now on."""
        self._exif = None
        self._bytes_left += tiles * _BLOCK_BYTES
        self._reads_left = self._most_parts()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def _most_parts(self) -> int:
        return _MORE_PARTS + self._length // _BYTES_A_READ

    def _check_exif_segment(self, data: bytes) -> None:
        assert self._exif is not None
        self._exif.append(data[len(EXIF_START) :])
        if len(self._exif) > _MAX_EXIF_SEGMENTS:
            raise LimitError(f"has more than {_MAX_EXIF_SEGMENTS} segments of EXIF data")
        check_exif(b"".join(self._exif))

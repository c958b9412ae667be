"""PNG: hand Pillow only the chunks that a thumbnail needs, and correct what it makes of them.

Pillow (13) reads and inflates all texts, and refuses a picture for any chunk that is damaged.
Browsers show it without what they don't need, and leave a damaged chunk aside.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, BinaryIO

from PIL import ImageFile, PngImagePlugin

from thumbnailer.imaging.colour.depth import IS_GREY
from thumbnailer.imaging.colour.source_colours import MAX_PROFILE_BYTES
from thumbnailer.imaging.containers.bounded_file import MAX_PARTS
from thumbnailer.imaging.containers.png_chunks import PNG_SIGNATURE, png_chunks
from thumbnailer.imaging.failures import DamageError, LimitError, NoPictureError, unread

_HEAD_BYTES, _CHECKSUM_BYTES = 8, 4

# The chunks that make up a picture or an animation: PNG specification, third edition, 11.2, 11.3.6.
_STRUCTURE = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"fcTL", b"fdAT"}

# Chunks that count only before the pixels, and their shortest lengths: 11.3.1, 11.3.2, 11.3.6. Of
# tRNS that depends on the colour type.
_BEFORE_PIXELS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"tRNS": 1, b"acTL": 8}
_COLOUR_TYPE_AT, _SHORTEST_TRNS = 9, {0: 2, 2: 6}
_PROFILE = b"iCCP"

# What Xcode writes at the start: pixels without the start and end of compressed data, and with
# premultiplied colours in another order.
_OF_APPLE = b"CgBI"

# What holds EXIF data: its chunk, and ImageMagick's text, which may be compressed.
_EXIF, _TEXTS, _EXIF_TEXT = b"eXIf", {b"tEXt", b"zTXt"}, b"Raw profile type exif\0"

# Longer chunks that a picture can do without are left aside, as are texts that inflate to more, and
# profiles that are longer than others may be.
_MAX_CHUNK_BYTES, _MAX_TEXT_BYTES = 16 << 20, 1 << 20

# What stands for a profile that can't be read; where it is used it is found to be broken.
_UNREADABLE_PROFILE = b"unreadable"

# What is put into the last row before decoding, by mode, and remains if that row is missing. A
# picture has these values by chance once in 16 million times, or where it was made to.
_NOISE = b"\x93\x1c\xd7\x4a\xb2\x0d\x68\xf5"
_MARKS: dict[str, list[Any]] = {
    "1": [255 * (byte >> bit & 1) for byte in _NOISE[:3] for bit in range(8)],
    "L": [*_NOISE[:3]],
    "P": [*_NOISE[:3]],
    "I;16": [0x931C, 0xD74A],
    "LA": [(0x93, 0x1C), (0xD7, 0x4A)],
    "RGB": [(0x93, 0x1C, 0xD7)],
    "RGBA": [(0x93, 0x1C, 0xD7, 0x4A)],
}

# The checksum at the end of compressed data, and how much of these is inflated at a time.
_ADLER_BYTES, _PIECE_BYTES = 4, 1 << 20

# The 8-bit value of one step of `tRNS` in a grey PNG, by Pillow's name for the storage form.
_GREY_STEPS = {"L;2": 85, "L;4": 17}


class _NeededChunks:
    """A PNG as a file without the chunks that its thumbnail does not need.

    Offsets are those in the whole file. What is left out is skipped when Pillow asks for the head
    of the next chunk.

    Attributes:
        profile: its ICC profile, which is left out as well; b"" without one.
        has_end: whether its last chunk has been read.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._next = len(PNG_SIGNATURE)  # where the next chunk begins
        self._pixels: tuple[int, int] | None = None  # where the first ones begin, and what follows
        self._colour_type = 0
        self._has_exif_text, self._skipped = False, 0
        self.profile, self.has_end = b"", False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the file, or the head of the next chunk that is needed."""
        if size != _HEAD_BYTES or self._file.tell() != self._next:
            return bytes(self._file.read(size))
        while True:
            head: bytes = self._file.read(_HEAD_BYTES)
            if len(head) < _HEAD_BYTES:
                return head
            length, kind = struct.unpack(">I4s", head)
            start = self._next + _HEAD_BYTES
            self._next = start + length + _CHECKSUM_BYTES
            if kind in (b"IDAT", b"fdAT"):
                self._pixels = self._pixels or (start, self._next)
                return head
            if not kind.isalpha() and (
                not any(head) or self._next > self._file.seek(0, io.SEEK_END)
            ):
                self._file.seek(start)
                return head  # no chunk, as Pillow says
            if kind in _STRUCTURE:
                if kind == b"IHDR":
                    self._file.seek(start + _COLOUR_TYPE_AT)
                    self._colour_type = int.from_bytes(self._file.read(1))
                    self._file.seek(start)
                self.has_end = kind == b"IEND"
                return head
            if self._is_needed(kind, length):
                self._file.seek(start)
                return head
            self._file.seek(self._next)
            self._skipped += 1
            if self._skipped > MAX_PARTS:
                raise LimitError(f"has more than {MAX_PARTS:,} chunks that are of no use")

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to an offset in the file; an animation is begun again at its first pixels."""
        if self._pixels and (offset, whence) == (self._pixels[0], 0):
            self._next = self._pixels[1]
        return int(self._file.seek(offset, whence))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def _is_needed(self, kind: bytes, length: int) -> bool:
        """Return whether a chunk, whose data are read next, is needed and intact."""
        if length > _MAX_CHUNK_BYTES:
            return False
        if kind == _EXIF:
            return bool(self._data_of(kind, length))
        if kind in _TEXTS and length > len(_EXIF_TEXT) and not self._has_exif_text:
            start = self._file.read(len(_EXIF_TEXT))
            if start == _EXIF_TEXT:
                text = self._data_of(kind, length, start)[len(start) :]
                self._has_exif_text = True  # one is enough, even if it is damaged
                return bool(text if kind == b"tEXt" else _inflated(text, _MAX_TEXT_BYTES))
        if self._pixels:
            return False
        if kind == _OF_APPLE:
            raise NoPictureError(unread("a PNG of Apple's own kind (CgBI)"))
        if kind == _PROFILE and not self.profile:
            _, _, compressed = self._data_of(kind, length).partition(b"\0")
            self.profile = _inflated(compressed, MAX_PROFILE_BYTES) or _UNREADABLE_PROFILE
        shortest = _BEFORE_PIXELS.get(kind, length + 1)
        if kind == b"tRNS":
            shortest = _SHORTEST_TRNS.get(self._colour_type, shortest)
        return length >= shortest and bool(self._data_of(kind, length))

    def _data_of(self, kind: bytes, length: int, start: bytes = b"") -> bytes:
        """Return the data of a chunk, of which the start is read; b"" if its checksum is wrong."""
        data: bytes = start + self._file.read(length - len(start))
        return data if self._file.read(_CHECKSUM_BYTES) == _checksum(kind, data) else b""


def _checksum(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _inflated(data: bytes, most: int) -> bytes:
    """Return what is compressed after a byte for the method; b"" if it is damaged, or too long."""
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(data[1:], most + 1)
    except zlib.error:
        return b""
    return plain if data[:1] == b"\0" and inflate.eof and len(plain) <= most else b""


def open_png(file: Any) -> ImageFile.ImageFile:
    """Read a PNG's header, and of its other chunks those that its thumbnail needs.

    Raises:
        LimitError: it has too many chunks.
        NoPictureError: it is of Apple's own kind.
        Exception: its header is invalid.
    """
    return _Png(_NeededChunks(file))


def correct_png(image: ImageFile.ImageFile, file: BinaryIO) -> None:
    """Correct what Pillow reports for a PNG.

    Pillow (13) compares the transparent colour, which has the depth of the file, with pixels that
    are already converted to 8 bits. It reads 16-bit grey with alpha as RGBA. It takes a picture for
    complete whose compressed data end in time, but have too few rows.
    """
    if image.mode == "P" and not image.palette:
        raise NoPictureError("damaged: its palette is missing")
    if profile := getattr(image.fp, "profile", b""):
        image.info["icc_profile"] = profile
    stored = image.tile[0].args if image.tile else ""
    key = image.info.get("transparency")
    if stored in _GREY_STEPS and isinstance(key, int):
        image.info["transparency"] = key * _GREY_STEPS[stored]
    elif stored == "RGB;16B" and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)
    elif stored == "LA;16B":
        image.info[IS_GREY] = True


class _Png(PngImagePlugin.PngImageFile):
    """A still that raises an error when it is decoded if its last row, or its end, is missing."""

    def load_prepare(self) -> None:
        super().load_prepare()
        for place, value in self._marks():
            self.im.putpixel(place, value)

    def load_end(self) -> None:
        super().load_end()
        marks = self._marks()
        if marks and all(self.im.getpixel(place) == value for place, value in marks):
            raise DamageError("has too few rows")
        if self.n_frames == 1 and not getattr(self.fp, "has_end", True):
            raise OSError("truncated after the pixels")

    def _marks(self) -> list[tuple[tuple[int, int], Any]]:
        """Return pixels of the last row that are decoded, and values by chance; none if few."""
        # The last pass of an interlaced picture has every second row: 8.2.
        is_in_passes = self.info.get("interlace") and self.height > 1
        y = self.height - 1 - (self.height % 2 if is_in_passes else 0)
        values = _MARKS[self.mode]
        if len(values) > self.width or self.n_frames > 1:
            return []
        return [((x, y), value) for x, value in enumerate(values)]


def without_checksum(data: bytes) -> bytes:
    """Return a PNG without the checksum at the end of its compressed pixels: RFC 1950, 2.2.

    Pillow shows less than there is where it is wrong.

    Returns:
        b"" if more than this is wrong, by the checksums of the chunks.
    """
    file = io.BytesIO(data)
    chunks = [(file.tell(), n) for kind, n in png_chunks(file, MAX_PARTS) if kind == b"IDAT" and n]
    pieces = [data[start : start + length] for start, length in chunks]
    (start, length), end = chunks[-1], pieces[-1][:-_ADLER_BYTES]
    stored = [data[start + n : start + n + _CHECKSUM_BYTES] for start, n in chunks]
    sums = [_checksum(b"IDAT", piece) for piece in pieces]
    if stored[-1] != sums[-1]:
        sums[-1] = _checksum(b"IDAT", end + _adler(b"".join(pieces)))
    if stored != sums:
        return b""
    head = data[: start - _HEAD_BYTES] + struct.pack(">I4s", len(end), b"IDAT")
    return head + end + data[start + length :]


def _adler(compressed: bytes) -> bytes:
    """Return the checksum that should be at the end of compressed data."""
    inflate, sum, data = zlib.decompressobj(-zlib.MAX_WBITS), 1, compressed[2:]
    while data and not inflate.eof:
        sum = zlib.adler32(inflate.decompress(data, _PIECE_BYTES), sum)
        data = inflate.unconsumed_tail
    return struct.pack(">I", sum)

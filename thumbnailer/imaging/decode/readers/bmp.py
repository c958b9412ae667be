"""BMP: decode colours of any number of bits, which Pillow (13) reads only in a few layouts.

Windows GDI, "Bitmap Header Types": BITMAPINFOHEADER and its later versions. BI_ALPHABITFIELDS is of
Windows CE, as are four colours in 2 bits a pixel.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, NamedTuple

from PIL import Image, ImageChops, ImageFile, ImagePalette

from thumbnailer.imaging.failures import NoPictureError, unread

_FILE_HEADER = 14
_UNCOMPRESSED, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6
_HEADER_LENGTHS, _WITH_ALPHA_MASK, _OF_OS2 = (40, 52, 56, 64, 108, 124), 56, 64
_ODD_LENGTHS = range(16, 124)  # of later versions of OS/2, whose headers may be cut anywhere
_DEPTHS, _MAX_DEPTH = (1, 2, 4, 8, 16, 24, 32), 64

# What is stored instead of rows of pixels, by `biCompression`; in OS/2 3 and 4 mean something else.
_OTHER_KINDS = {4: "a BMP that holds a JPEG", 5: "a BMP that holds a PNG"}
_OTHER_KINDS_OF_OS2 = {3: "a fax-coded BMP of OS/2", 4: "a run-length-coded BMP of OS/2"}

# Compression, bits a pixel, and masks of red, green, blue and alpha, that Pillow decodes faster.
_DECODED_BY_PILLOW = {
    (_BITFIELDS, 16, (0xF800, 0x7E0, 0x1F, 0)),
    (_BITFIELDS, 16, (0x7C00, 0x3E0, 0x1F, 0)),
    (_BITFIELDS, 32, (0xFF0000, 0xFF00, 0xFF, 0)),
    (_BITFIELDS, 32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    (_BITFIELDS, 32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
}

# The mode in which each byte of a pixel is a channel, by their number.
_BYTES = {2: ("LA", "LA"), 3: ("RGB", "RGB"), 4: ("RGBA", "RGBA")}

_DECODER = "thumbnailer_bitfields"
_STRIP_PIXELS = 1 << 18


class _Header(NamedTuple):
    length: int
    width: int
    height: int
    bits: int
    compression: int
    colours: int
    masks: tuple[int, ...]

    @property
    def stride(self) -> int:
        """The bytes of a row."""
        return row_bytes(self.width, self.bits)


def row_bytes(width: int, bits: int) -> int:
    """Return the bytes of a row of `width` px of so many bits: a whole number of four."""
    return (width * bits + 31) // 32 * 4


def open_bmp(file: BinaryIO) -> ImageFile.ImageFile | None:
    """Open a BMP that Pillow refuses, or reads without its transparency; None for others.

    Raises:
        NoPictureError: it is of a kind that is not read here.
    """
    header = _read_header(file)
    if not header:
        return None
    if kind := _unread_kind(header):
        raise NoPictureError(unread(kind))
    is_in_fields = header.compression in (_BITFIELDS, _ALPHA_BITFIELDS) and header.bits > 8
    if (header.compression, header.bits, header.masks) in _DECODED_BY_PILLOW:
        return None
    has_four_colours = header.compression == _UNCOMPRESSED and header.bits == 2
    return _Bmp(file) if is_in_fields or has_four_colours else None


def _unread_kind(header: _Header) -> str:
    """Return in words what a BMP is that is not read here; "" for others, and damaged ones."""
    if header.length in _ODD_LENGTHS and header.length not in _HEADER_LENGTHS:
        return f"a BMP with a header of {header.length} bytes"
    kinds = _OTHER_KINDS_OF_OS2 if header.length == _OF_OS2 else {}
    if kind := (_OTHER_KINDS | kinds).get(header.compression, ""):
        return kind
    is_deep = header.bits not in _DEPTHS and 0 < header.bits <= _MAX_DEPTH
    return f"a BMP of {header.bits} bits a pixel" if is_deep else ""


def _read_header(file: BinaryIO) -> _Header | None:
    file.seek(0)
    start = file.read(70)
    if not start.startswith(b"BM") or len(start) < 54:
        return None
    length, width, height, bits, compression = struct.unpack_from("<Iii2xHI", start, _FILE_HEADER)
    if length not in (*_HEADER_LENGTHS, *_ODD_LENGTHS):
        return None
    (colours,) = struct.unpack_from("<I", start, 46)
    masks = struct.unpack_from("<4I", start.ljust(70, b"\0"), 54)
    if length < _WITH_ALPHA_MASK and compression != _ALPHA_BITFIELDS:
        masks = (*masks[:3], 0)
    return _Header(length, width, height, bits, compression, colours, masks)


class _Bmp(ImageFile.ImageFile):
    """A BMP in bitfields, or of four colours, as a Pillow image."""

    format = "BMP"
    format_description = "Windows Bitmap"

    def _open(self) -> None:
        assert self.fp
        header = _read_header(self.fp)  # type: ignore[arg-type]
        assert header
        self.fp.seek(10)
        (start,) = struct.unpack("<I", self.fp.read(4))
        direction = -1 if header.height > 0 else 1
        self._size = header.width, abs(header.height)
        box = (0, 0, *self._size)
        if header.bits == 2:
            self._mode = "P"
            self.fp.seek(_FILE_HEADER + header.length)
            self.palette = ImagePalette.raw("BGRX", self.fp.read(4 * min(header.colours or 4, 4)))
            self.tile = [ImageFile._Tile("raw", box, start, ("P;2", header.stride, direction))]
        elif header.bits // 8 in _BYTES and any(header.masks[:3]):
            self._mode = "RGBA" if header.masks[3] else "RGB"
            args = header.bits // 8, header.stride, direction, header.masks
            self.tile = [ImageFile._Tile(_DECODER, box, start, args)]
        else:
            raise SyntaxError("no colours in so many bits")


class _BitfieldsDecoder(ImageFile.PyDecoder):
    """Decodes pixels of two to four bytes, in which each channel has the bits of its mask."""

    _pulls_fd = True

    def decode(self, buffer: Any) -> tuple[int, int]:
        assert self.fd
        assert self.im
        width, height = self.state.xsize, self.state.ysize
        count, stride, direction, masks = self.args
        most = max(1, _STRIP_PIXELS // width)
        for done in range(0, height, most):
            rows = min(most, height - done)
            data = self.fd.read(rows * stride)
            there = len(data) // stride
            if there:
                strip = _channels(data, (width, there), count, stride, direction, masks)
                top = done if direction > 0 else height - done - there
                self.im.paste(strip.im, (0, top, width, top + there))
            if there < rows:
                return -1, -2  # data are missing: IMAGING_CODEC_BROKEN of Pillow's Codec.h
        return -1, 0


def _channels(
    data: bytes,
    size: tuple[int, int],
    count: int,
    stride: int,
    direction: int,
    masks: tuple[int, ...],
) -> Image.Image:
    mode, raw = _BYTES[count]
    pixels = Image.frombytes(mode, size, data, "raw", raw, stride, direction).split()
    channels = [_channel(pixels, mask) for mask in (masks if masks[3] else masks[:3])]
    return Image.merge("RGBA" if masks[3] else "RGB", channels)


def _channel(pixels: tuple[Image.Image, ...], mask: int) -> Image.Image:
    """Return the channel of a mask, scaled to 8 bits: the sum of what each byte brings."""
    channel = Image.new("L", pixels[0].size)
    for number, byte in enumerate(pixels):
        own = mask & 0xFF << 8 * number
        if own:
            scaled = [round((value << 8 * number & own) * 255 / mask) for value in range(256)]
            channel = ImageChops.add(channel, byte.point(scaled))
    return channel


Image.register_decoder(_DECODER, _BitfieldsDecoder)

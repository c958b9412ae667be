"""Open JPEG XL pictures with the optional extra `jxl`.

The library tells neither colours in numbers nor premultiplied alpha, and of an animation shows the
last frame. So the header is read here too, and what would come out wrong is refused.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from PIL import Image, ImageFile

from thumbnailer.imaging.colour.coded import (
    CURVES,
    FOUND_COLOURS,
    PRIMARIES,
    Colours,
    profile_of,
)
from thumbnailer.imaging.colour.hdr import hdr_colours
from thumbnailer.imaging.colour.profiles import D65, SRGB, Primaries
from thumbnailer.imaging.colour.source_colours import MAX_PROFILE_BYTES
from thumbnailer.imaging.containers.boxes import codestream, jxl_boxes
from thumbnailer.imaging.decode.late_picture import LatePicture
from thumbnailer.imaging.decode.readers.jxl.header import (
    MAX_EXTRA_CHANNELS,
    USUAL_WHITE,
    JxlHeader,
    is_from_jpeg,
    read_jxl_header,
)
from thumbnailer.imaging.encode.jxl import import_pylibjxl
from thumbnailer.imaging.failures import NOTE, LimitError, NoPictureError, unread
from thumbnailer.imaging.memory import HELD_BYTES, check_bytes, check_pixels
from thumbnailer.recipe import Limits

# Bytes a pixel that a channel besides colours takes more, and a picture that is not coded plainly:
# 7.1 in all become 19 if it is progressive, and 27 without loss. Measured at 12 and 24 megapixels.
_CHANNEL_BYTES, _COMPLEX_BYTES = 5, 20

# Longer EXIF data are left out: a JPEG can hold 64 KiB of them.
_MAX_EXIF_BYTES = 1 << 20

# The note on a picture that comes in linear light, of which dark tones have few steps of 8 bits.
_COARSE = "its dark tones are coarse, since its colours are stored by way of linear light"

# White points by code: ISO/IEC 18181-1:2024, D.4.
_WHITES = {10: (1 / 3, 1 / 3), 11: (0.314, 0.351)}

# The modes by channels, and those of colours that are multiplied by alpha.
_MODES = {(True, False): "L", (True, True): "LA", (False, False): "RGB", (False, True): "RGBA"}
_PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}


def open_jxl(file: BinaryIO, limits: Limits) -> ImageFile.ImageFile:
    """Read the header of a JPEG XL and return it as a Pillow image.

    The format is not registered with Pillow: that would change what the caller's process opens.

    Raises:
        LimitError: it has too many pixels or channels, or needs more memory than allowed.
        NoPictureError: it is of a kind that is not read here.
        ValueError, EOFError: its header is invalid, or ends early.
    """
    try:
        header = read_jxl_header(file)
    except ValueError:
        file.seek(0)  # so that it does not count as cut short
        raise
    check_pixels(header.size, limits.pixels)
    if header.extra > MAX_EXTRA_CHANNELS:
        raise LimitError(f"has {header.extra} channels besides its colours")
    if header.is_animated:
        raise NoPictureError(unread("an animated JPEG XL picture"))
    if header.has_black:
        raise NoPictureError(unread("a JPEG XL picture in CMYK"))
    width, height = header.size
    held_bytes = file.seek(0, io.SEEK_END)
    is_plain = header.is_plain or is_from_jpeg(file)
    held_bytes += width * height * (_CHANNEL_BYTES * header.extra + _COMPLEX_BYTES * (not is_plain))
    check_bytes(held_bytes, limits)
    image = JxlPicture(file, header)
    image.info[HELD_BYTES] = held_bytes
    return image


class JxlPicture(LatePicture):
    """A JPEG XL as a Pillow image. Its ICC profile is known once it is decoded."""

    format = "JXL"
    format_description = "JPEG XL"

    def __init__(self, file: BinaryIO, header: JxlHeader) -> None:
        self._header, self._file = header, file
        super().__init__(file)

    def _open(self) -> None:
        width, height = self._header.size
        self._size = (height, width) if self._header.orientation >= 5 else (width, height)
        self._mode = _MODES[self._header.is_grey, self._header.has_alpha]
        self.tile = []
        self.info[FOUND_COLOURS] = _colours(self._header)
        if exif := _exif(self._file):
            self.info["exif"] = exif

    def getexif(self) -> Image.Exif:
        """Return no EXIF data, so that no orientation is taken from them.

        The decoder turns the picture by the header, which alone counts: ISO/IEC 18181-2, 9.5.
        """
        return Image.Exif()

    def _decode(self) -> Image.Image:
        """Return the picture, upright, in 8 bits a channel."""
        pylibjxl = import_pylibjxl()
        import numpy

        data = codestream(self._file)
        bands = len(self.mode)
        shape = (self.height, self.width) if bands == 1 else (self.height, self.width, bands)
        pixels = numpy.empty(shape, numpy.uint8)
        with pylibjxl.JXL(threads=1, pool_size=1) as decoder:
            _, metadata = decoder.decode(data, metadata=True, out=pixels)
        if _is_linear(self._header):
            self.info[NOTE] = _COARSE
        elif not self._header.colours:
            profile = metadata.get("icc", b"")
            if len(profile) > MAX_PROFILE_BYTES:
                raise LimitError("holds too large a colour profile")
            self.info[FOUND_COLOURS] = profile
        mode = _PREMULTIPLIED[self.mode] if self._header.is_premultiplied else self.mode
        picture = Image.frombuffer(mode, self.size, pixels, "raw", mode, 0, 1)
        return picture if mode == self.mode else picture.convert(self.mode)


def _is_linear(header: JxlHeader) -> bool:
    """Return whether libjxl converts a picture to linear light, not to the colours that it states.

    So it does for an ICC profile, and for grey with another white than usual: dec_xyb.cc,
    CanOutputToColorEncoding.
    """
    stated = header.colours
    is_unusual = not stated or (header.is_grey and stated.white != USUAL_WHITE)
    return header.is_converted and is_unusual


def _colours(header: JxlHeader) -> Colours:
    """Return the colours of a JPEG XL as decoders return it; b"" if its ICC profile says them."""
    if _is_linear(header):
        return profile_of(SRGB, 1.0, is_grey=header.is_grey)
    stated = header.colours
    if not stated:
        return b""
    curve = 1 / stated.gamma if stated.gamma else CURVES.get(stated.curve, "srgb")
    known = PRIMARIES.get(stated.primaries, SRGB)
    points = [point or usual for point, usual in zip(stated.points, known, strict=True)]
    if not stated.points[3]:
        points[3] = _WHITES.get(stated.white, D65)
    primaries = Primaries(*points)
    if curve in ("pq", "hlg"):
        assert isinstance(curve, str)
        return hdr_colours(primaries, curve, None, None)
    return profile_of(primaries, curve, is_grey=header.is_grey)


def _exif(file: BinaryIO) -> bytes:
    """Return the EXIF data of a picture in boxes, which follow an offset: 18181-2, 9.5."""
    for box in jxl_boxes(file):
        if box.kind == b"Exif" and 4 < box.end - box.start <= _MAX_EXIF_BYTES:
            file.seek(box.start)
            data = file.read(box.end - box.start)
            return data[4 + int.from_bytes(data[:4]) :]
    return b""

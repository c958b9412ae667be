"""Open a picture and check its limits, from the header alone."""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

# Imported for what they register, so that Pillow need not look for them while a picture waits.
from PIL import (  # noqa: F401
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from thumbnailer.imaging.memory import check_bytes, picture_bytes
from thumbnailer.imaging.shrinking import can_shrink
from thumbnailer.imaging.webp import HEADER_BYTES, webp_size
from thumbnailer.model import Limits
from thumbnailer.stages import LimitError, NoPictureError

# JPEG includes MPO, its multi-picture form: Pillow tells them apart after opening.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")

# How other contents begin that are often found under a picture's name: (offset, bytes, name).
_OTHERS = (
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "gzip-compressed data"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (0, b"\x00\x00\x01\x00", "an ICO icon"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (4, b"JXL ", "a JPEG XL picture"),
    (4, b"jP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (4, b"ftyphei", "a HEIC picture"),
    (4, b"ftypmif1", "a HEIF picture"),
)

# A progressive JPEG has about ten scans. Each costs a pass over all pixels, however few its bytes:
# 4,000 in 630 KB took minutes, for 64 megapixels. The limit is that of libtiff and GDAL.
_MAX_SCANS = 100

# The start of a scan, with the lengths and numbers of components that libjpeg takes: ISO 10918-1,
# B.2.3. Two bytes alone would also be found by chance in a film appended to the picture.
_SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")
_BLOCK = 1 << 20

_PILLOW = threading.Lock()


def open_picture(file: BinaryIO, limits: Limits) -> ImageFile.ImageFile:
    """Read a picture's header; no pixel is decoded.

    Raises:
        LimitError: it has more pixels than `limits` allow, scans without end, or megabytes of text.
        NoPictureError: it is none of the formats we read, or its header makes no sense; says what
            it is instead.
        OSError: the file can't be read.
    """
    if size := webp_size(file.read(HEADER_BYTES)):
        _check_pixels(size, limits.pixels)
        check_bytes(picture_bytes("WEBP", "", size), limits)
    file.seek(0)
    with pillow_limit(max(limits.pixels, limits.shrinkable_pixels)):
        try:
            image = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError:
            raise NoPictureError(_describe(file)) from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            file.seek(0)
            is_jpeg = file.read(2) == b"\xff\xd8"
            most = limits.shrinkable_pixels if is_jpeg else limits.pixels
            raise LimitError(
                f"has more than {most / 1e6:.3g} megapixels, the limit (max_pixels)"
            ) from None
        except MemoryError:
            raise
        except Exception as error:  # whatever Pillow raises on a header that makes no sense
            if isinstance(error, OSError) and error.errno is not None:
                raise
            if "too large" in str(error) or "Too much memory" in str(error):
                raise LimitError("holds too much text or too large a colour profile") from None
            raise NoPictureError(_describe(file)) from None
    _check_pixels(image.size, limits.shrinkable_pixels if can_shrink(image) else limits.pixels)
    if image.info.get("progressive") and _has_too_many_scans(file):
        raise LimitError(f"has more than {_MAX_SCANS} scans, each a pass over the whole picture")
    return image


def _check_pixels(size: tuple[int, int], most: int) -> None:
    width, height = size
    if width * height > most:
        raise LimitError(
            f"has {width} x {height} px, {width * height / 1e6:.3g} megapixels: "
            f"more than the limit of {most / 1e6:.3g} (max_pixels)"
        )


def _has_too_many_scans(file: BinaryIO) -> bool:
    """Without decoding: 6 ms for a picture of 8 MB that takes 380 ms to decode."""
    file.seek(0)
    scans, rest = 0, b""
    while scans <= _MAX_SCANS and (block := file.read(_BLOCK)):
        scans += len(_SCAN.findall(rest + block))
        rest = block[-4:]
    return scans > _MAX_SCANS


@contextmanager
def pillow_limit(pixels: int) -> Iterator[None]:
    """Pillow's own limit, which is one for the whole process, set to ours for a moment, with its
    warning an error."""
    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _describe(file: BinaryIO) -> str:
    is_at_end = not file.read(1)
    file.seek(0)
    start = file.read(512)
    if not start:
        return "is empty"
    for offset, magic, name in _OTHERS:
        if start.startswith(magic, offset):
            return f"is {name}, no format that is read here"
    for format in FORMATS:
        accepts = Image.OPEN[format][1]
        if accepts and accepts(start[:16]):
            if _promises_more(file, start) if format in ("WEBP", "AVIF") else is_at_end:
                return f"truncated: begins like {format}, but ends early"
            return f"begins like {format}, but its header is damaged"
    if start.startswith(b"ftyp", 4):
        return "is a video or another ISO media file, no format that is read here"
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if head.startswith((b"<svg", b"<?xml")):
        return "is an SVG or XML document, no format that is read here"
    if head.startswith((b"<!doctype html", b"<html")):
        return "is a web page, no picture"
    if not start.strip(b"\0"):
        return "is blank (zero bytes only)"
    try:
        start[:500].decode("utf-8")
        return "is text, no picture"
    except UnicodeDecodeError:
        return "is no picture of a format that is read here"


def _promises_more(file: BinaryIO, start: bytes) -> bool:
    """Whether a WebP or AVIF, which are read as one piece, is longer than its file."""
    length = file.seek(0, io.SEEK_END)
    if start.startswith(b"RIFF"):
        return int.from_bytes(start[4:8], "little") + 8 > length
    place = 0
    while start.startswith(b"ftyp", 4) and place < length:  # a sequence of boxes: ISO 14496-12
        file.seek(place)
        size = int.from_bytes(file.read(4))
        if not 8 <= size <= length - place:
            return size > length - place
        place += size
    return False

"""Identify a file by its contents, and explain why it is not read."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from itertools import islice
from typing import BinaryIO

from PIL import Image

from thumbnailer.errors import install_hint
from thumbnailer.formats import EXTRAS, READ
from thumbnailer.imaging.containers import tiff_pages
from thumbnailer.imaging.containers.bounded_file import MAX_PARTS
from thumbnailer.imaging.containers.boxes import boxes
from thumbnailer.imaging.containers.exif import TIFF_STARTS, read_numbers
from thumbnailer.imaging.failures import EMPTY

# The starts of files in formats that are read if `Limits.also` has the group's name as their key.
_OPTIONAL_START = re.compile(
    rb"""(?sx)
    (?P<ico> \x00\x00\x01\x00)
    | (?P<jpeg2000> .{4}jP\x20\x20 | \xff\x4f\xff\x51)
    | (?P<psd> 8BPS\x00\x01)
    # CR3, CR2, CRW, RW2, ORF (three), RAF, MRW, X3F
    | (?P<raw> .{4}ftypcrx\x20 | .{8}CR\x02 | .{6}HEAPCCDR | IIU\x00 | IIR[OS] | MMOR
        | FUJIFILMCCD-RAW | \x00MRM | FOVb)
    | (?P<ppm> P[1-6f]\s+[#\d])
    """
)
_NAMES = {
    "ico": "an ICO icon",
    "jpeg2000": "a JPEG 2000 picture",
    "ppm": "a PPM picture",
    "psd": "a Photoshop document",
    "raw": "a camera's raw picture",
    "tga": "a TGA picture",
}

# Brands of ISO/IEC 23008-12, annex B and 10.2. Pillow reads files with an AVIF brand.
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF_BRANDS = {b"mif1", b"mif2", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}

# The image types and pixel depths of TGA that Pillow reads: Truevision TGA 2.0, fields 3 and 5.5.
_TGA_KINDS = {1, 2, 3, 9, 10, 11}
_TGA_DEPTHS = {1, 8, 16, 24, 32}

# Tags of TIFF 6.0, TIFF/EP and DNG 1.7.
_PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 262, 330, 50706
_SENSOR_DATA = (32803, 34892)  # colour filter array; LinearRaw
_MAX_SUB_IFDS = 16

# The starts of other files that often have a picture's file name, and what they are.
_UNSUPPORTED_STARTS = {
    rb"%PDF": "a PDF document",
    rb"PK\x03\x04": "a ZIP archive",
    rb"\x1f\x8b": "gzip-compressed data",
    rb"8BPS": "a large Photoshop document",
    rb"%!PS|\xc5\xd0\xd3\xc6": "a PostScript document",
    rb"\xff\x0a|.{4}JXL ": "a JPEG XL picture",
    rb"BA.{12}(IC|CI|CP|PT|BM)": "an OS/2 icon",  # BITMAPARRAYFILEHEADER of OS/2 2.0
}


def identify_optional(file: BinaryIO) -> tuple[str, str]:
    """Return the key and description of an optional format; two empty strings for other files.

    Optional formats are read only if `Limits.also` has their key.
    """
    file.seek(0)
    start = file.read(512)
    if known := _OPTIONAL_START.match(start):
        key = known.lastgroup or ""
    elif start.startswith(b"ftyp", 4):
        return _identify_heif(start)
    elif start.startswith((b"II*\0", b"MM\0*")) and _holds_sensor_data(file):
        key = "raw"
    else:
        key = "tga" if _is_tga(start) else ""
    return key, _NAMES.get(key, "")


def _identify_heif(start: bytes) -> tuple[str, str]:
    """Identify HEIF by the brands of the file, as `identify_optional`: ISO/IEC 14496-12, 4.3."""
    length = min(int.from_bytes(start[:4]), len(start))
    brands = {start[at : at + 4] for at in (8, *range(16, length - 3, 4))}
    if brands & _AVIF_BRANDS:
        return "", ""
    if brands & _HEIC_BRANDS:
        return "heif", "a HEIC picture"
    return ("heif", "a HEIF picture") if brands & _HEIF_BRANDS else ("", "")


def _holds_sensor_data(file: BinaryIO) -> bool:
    """Return whether a TIFF is a camera's raw picture: DNG, NEF, ARW, PEF and the like.

    Pillow would decode only a tiny preview of it, or meaningless pixels.
    """
    wanted = (_PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION)
    with suppress(Exception):  # invalid header
        main = read_numbers(file, None, wanted, _MAX_SUB_IFDS)
        if _DNG_VERSION in main or _is_of_sensor(main):
            return True
        for place in main.get(_SUB_IFDS, ()):
            if _is_of_sensor(read_numbers(file, place, wanted, 1)):
                return True
    return False


def _is_of_sensor(directory: dict[int, list[int]]) -> bool:
    return any(number in _SENSOR_DATA for number in directory.get(_PHOTOMETRIC, ()))


def _is_tga(start: bytes) -> bool:
    return (
        len(start) >= 18
        and start[1] in (0, 1)
        and start[2] in _TGA_KINDS
        and start[16] in _TGA_DEPTHS
        and any(start[12:14])
        and any(start[14:16])
        and not start[17] & 0xC0
    )


def unreadable_reason(file: BinaryIO, also: tuple[str, ...]) -> str:
    """Describe what an unreadable file is, in words for the user.

    Args:
        also: keys of the optional formats that were tried too.
    """
    is_at_end = not file.read(1)
    file.seek(0)
    start = file.read(512)
    if not start:
        return EMPTY
    key, name = identify_optional(file)
    if key and key not in also:
        how = install_hint(key) if key in EXTRAS else f"--also {key}"
        return f"is {name}, which is read {'after' if key in EXTRAS else 'with'} {how}"
    if key == "psd" and start[22:24] not in (b"\0\1", b"\0\x08"):
        return "is a Photoshop document of 16 or 32 bits a channel, which is not read here"
    if key:
        if is_at_end or is_cut_short(file):
            return f"truncated: begins like {name}, but ends early"
        return f"begins like {name}, but its header is damaged"
    for unsupported, name in _UNSUPPORTED_STARTS.items():
        if re.match(unsupported, start, re.DOTALL):
            return f"is {name}, no format that is read here"
    for format in (one.pillow for one in READ):
        accepts = Image.OPEN[format][1]
        if accepts and accepts(start[:16]):
            if is_cut_short(file) if format in ("WEBP", "AVIF", "TIFF") else is_at_end:
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


def is_cut_short(file: BinaryIO) -> bool:
    """Return whether a WebP, AVIF, HEIF or JPEG 2000, read as one piece, is longer than its file.

    A TIFF is, if its header is.
    """
    file.seek(0)
    start = file.read(8)
    if start.startswith(TIFF_STARTS):
        return tiff_pages.is_cut_short(file)
    length = file.seek(0, io.SEEK_END)
    if start.startswith(b"RIFF"):
        return int.from_bytes(start[4:8], "little") + 8 > length
    if not start.startswith((b"ftyp", b"jP  "), 4):
        return False
    return any(box.is_cut for box in islice(boxes(file, 0, length), MAX_PARTS))

"""Identify a file by its contents, and explain why it is not read."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import BinaryIO

from PIL import Image

from thumbnailer.formats import READ, WRITTEN, way_to_read
from thumbnailer.imaging.containers.cut_short import is_cut_short
from thumbnailer.imaging.containers.exif import SUB_DIRECTORIES, read_numbers
from thumbnailer.imaging.containers.items import main_size
from thumbnailer.imaging.containers.raw_directories import SENSOR_DATA
from thumbnailer.imaging.containers.tiff_pages import PHOTOMETRIC
from thumbnailer.imaging.decode.readers.jpeg import unread_jpeg
from thumbnailer.imaging.decode.readers.svg.open import SVG_START_BYTES, is_svg
from thumbnailer.imaging.failures import EMPTY, unread

# The starts of files in formats that are read if `Limits.also` has the group's name as their key.
_OPTIONAL_START = re.compile(
    rb"""(?sx)
    (?P<ico> \x00\x00\x01\x00)
    | (?P<jpeg2000> .{4}jP\x20\x20 | \xff\x4f\xff\x51)
    | (?P<jxl> \xff\x0a | .{4}JXL\x20\r\n\x87\n)
    | (?P<psd> 8BPS\x00\x01)
    # CR3, CR2, IIQ, MOS and FFF (two), CRW, RW2, ORF (three), RAF, MRW, X3F
    | (?P<raw> .{4}ftypcrx\x20 | .{8}CR\x02 | (?:II\*\x00|MM\x00\*).{4}(?:IIII|MMMM) | .{6}HEAPCCDR
        | IIU\x00 | IIR[OS] | MMOR | FUJIFILMCCD-RAW | \x00MRM | FOVb)
    | (?P<ppm> P[1-6f]\s+[#\d])
    """
)
_NAMES = {
    "ico": "an ICO icon",
    "jpeg2000": "a JPEG 2000 picture",
    "jxl": "a JPEG XL picture",
    "ppm": "a PPM picture",
    "psd": "a Photoshop document",
    "raw": "a camera's raw picture",
    "svg": "an SVG drawing",
    "tga": "a TGA picture",
}

# How an SVG may begin.
_MAYBE_SVG = (b"<", b"\xef\xbb\xbf", b" ", b"\t", b"\r", b"\n", b"\x1f\x8b")

# Brands of ISO/IEC 23008-12, annex B and 10.2. Pillow reads files with an AVIF brand.
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF_BRANDS = {b"mif1", b"mif2", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}

# The image types and pixel depths of TGA that Pillow reads: Truevision TGA 2.0, fields 3 and 5.5.
_TGA_KINDS = {1, 2, 3, 9, 10, 11}
_TGA_DEPTHS = {1, 8, 16, 24, 32}

# A tag of DNG 1.7.
_DNG_VERSION = 50706
_MAX_SUB_IFDS = 16

# The starts of other files that often have a picture's file name, and what they are.
_UNSUPPORTED_STARTS = {
    rb"%PDF": "a PDF document",
    rb"PK\x03\x04": "a ZIP archive",
    rb"\x1f\x8b": "gzip-compressed data",
    rb"8BPS": "a large Photoshop document",
    rb"%!PS|\xc5\xd0\xd3\xc6": "a PostScript document",
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
    elif start.startswith(_MAYBE_SVG) and is_svg(start + file.read(SVG_START_BYTES - len(start))):
        key = "svg"
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
    wanted = (PHOTOMETRIC, SUB_DIRECTORIES, _DNG_VERSION)
    with suppress(Exception):  # invalid header
        main = read_numbers(file, None, wanted, _MAX_SUB_IFDS)
        if _DNG_VERSION in main or _is_of_sensor(main):
            return True
        for place in main.get(SUB_DIRECTORIES, ()):
            if _is_of_sensor(read_numbers(file, place, wanted, 1)):
                return True
    return False


def _is_of_sensor(directory: dict[int, list[int]]) -> bool:
    return any(number in SENSOR_DATA for number in directory.get(PHOTOMETRIC, ()))


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


def unread_content(file: BinaryIO, also: tuple[str, ...]) -> str:
    """Return in words what a file is that is no picture of a format that is read; "" for one.

    Args:
        also: keys of the optional formats that are read, too.
    """
    file.seek(0)
    start = file.read(512)
    if not start:
        return EMPTY
    key, name = identify_optional(file)
    if key:
        return "" if key in also else f"is {name}, which is read {way_to_read(key)}"
    for unsupported, name in _UNSUPPORTED_STARTS.items():
        if re.match(unsupported, start, re.DOTALL):
            return f"is {name}, no format that is read here"
    return "" if _format_begun(start) else _unread_kind(start)


def _format_begun(start: bytes) -> str:
    """Return Pillow's name of the format, always read, that a file begins like; "" if of none."""
    for format in (one.pillow for one in READ):
        accepts = Image.OPEN[format][1]
        if accepts and accepts(start[:16]):
            return format
    return ""


def _unread_kind(start: bytes) -> str:
    """Describe what begins like none of the formats that are known here."""
    if start.startswith(b"ftyp", 4):
        return "is a video or another ISO media file, no format that is read here"
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if head.startswith(b"<?xml"):
        return "is an XML document, no format that is read here"
    if head.startswith((b"<!doctype html", b"<html")):
        return "is a web page, no picture"
    if not start.strip(b"\0"):
        return "is blank (zero bytes only)"
    try:
        start[:500].decode("utf-8")
        return "is text, no picture"
    except UnicodeDecodeError:
        return "is no picture of a format that is read here"


def unreadable_reason(file: BinaryIO, also: tuple[str, ...]) -> str:
    """Describe what an unreadable file is, in words for the user.

    Args:
        also: keys of the optional formats that were tried too.
    """
    is_at_end = not file.read(1)
    if reason := unread_content(file, also):
        return reason
    file.seek(0)
    start = file.read(512)
    key, name = identify_optional(file)
    if key == "psd" and start[22:24] not in (b"\0\1", b"\0\x08"):
        return unread("a Photoshop document of 16 or 32 bits a channel")
    if key:
        if is_at_end or is_cut_short(file):
            return f"truncated: begins like {name}, but ends early"
        if key == "heif" and not main_size(file):
            return unread("a HEIF of frames only")
        return f"begins like {name}, but its header is damaged"
    format = _format_begun(start)
    if format == "JPEG" and (kind := unread_jpeg(file)):
        return unread(kind)
    if is_cut_short(file) if format in ("WEBP", "AVIF", "TIFF") else is_at_end:
        return f"truncated: begins like {format}, but ends early"
    size = main_size(file) if format == "AVIF" else None
    if size and max(size) > (most := WRITTEN["avif"].max_side):
        return f"is an AVIF of {size[0]} x {size[1]} px: {most} at most are read here"
    return f"begins like {format}, but its header is damaged"

"""Read the code numbers by which PNG, HEIF and AVIF files say their colours.

The codes are those of ITU-T H.273, tables 2 and 3. PNG's chunks are those of its third edition,
11.3.2; the properties of HEIF and AVIF are in ISO/IEC 14496-12, 12.1.5 and 12.1.6.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from thumbnailer.imaging.containers.items import main_properties
from thumbnailer.imaging.containers.png_chunks import png_chunks

# The colour chunks of a PNG come before its pixels, among few others: no more chunks are read.
_MAX_CHUNKS = 100

# The units of PNG's and HEIF's light levels, in cd/m2.
_LIGHT_UNIT = 1 / 10_000


class ColourCodes(NamedTuple):
    """What a file says of its picture's colours in numbers; None where it says nothing.

    Attributes:
        primaries, curve: codes of ITU-T H.273.
        content_peak: the brightest light of the picture, in cd/m2.
        mastering_peak: the brightest light of the screen that it was made on, in cd/m2.
    """

    primaries: int | None = None
    curve: int | None = None
    content_peak: float | None = None
    mastering_peak: float | None = None


def png_colour_codes(file: BinaryIO) -> ColourCodes:
    """Return the colours by `cICP`, `cLLI` and `mDCV` of a PNG, which Pillow does not read.

    Without codes unless they are of RGB in full range.
    """
    offset, found = file.tell(), dict[bytes, bytes]()
    try:
        for kind, length in png_chunks(file, _MAX_CHUNKS):
            if kind in (b"PLTE", b"IDAT"):
                break
            if (kind, length) in ((b"cICP", 4), (b"cLLI", 8), (b"mDCV", 24)):
                found.setdefault(kind, file.read(length))
    finally:
        file.seek(offset)
    codes, content, mastering = (found.get(kind, b"") for kind in (b"cICP", b"cLLI", b"mDCV"))
    is_rgb = codes[2:] == b"\0\1"
    return ColourCodes(
        codes[0] if is_rgb else None,
        codes[1] if is_rgb else None,
        int.from_bytes(content[:4]) * _LIGHT_UNIT or None,
        int.from_bytes(mastering[16:20]) * _LIGHT_UNIT or None,
    )


def item_colour_codes(file: BinaryIO) -> ColourCodes:
    """Return the colours of a HEIF's or an AVIF's main picture, or of its track if it has none."""
    found = main_properties(file)
    colour, content, mastering = (found.get(kind, b"") for kind in (b"colr", b"clli", b"mdcv"))
    is_coded = len(colour) >= 8
    return ColourCodes(
        int.from_bytes(colour[4:6]) if is_coded else None,
        int.from_bytes(colour[6:8]) if is_coded else None,
        float(int.from_bytes(content[:2])) or None,
        int.from_bytes(mastering[16:20]) * _LIGHT_UNIT or None,
    )

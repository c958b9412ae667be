"""Colours that a file gives by code numbers: PNG's `cICP`, and `nclx` of HEIF and AVIF.

The codes are those of ITU-T H.273; what is made of each is what Chromium 156 makes of it.
"""

from __future__ import annotations

from thumbnailer.imaging.colour.hdr import HdrColours, hdr_colours
from thumbnailer.imaging.colour.profiles import (
    BT2020,
    D65,
    SRGB,
    Curve,
    Primaries,
    profile_bytes,
)
from thumbnailer.imaging.containers.colour_codes import ColourCodes

# How the values of a picture become colours: an ICC profile, b"" for sRGB, or the numbers of HDR.
Colours = bytes | HdrColours

# The key in `Image.info` of what a reader here has found of its picture's colours.
FOUND_COLOURS = "thumbnailer colours"

_ILLUMINANT_C = (0.310, 0.316)
_SMPTE_170M = Primaries((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), D65)

# Primaries by code: ITU-T H.273, table 2.
PRIMARIES = {
    1: SRGB,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _ILLUMINANT_C),
    5: Primaries((0.64, 0.33), (0.29, 0.6), (0.15, 0.06), D65),
    6: _SMPTE_170M,
    7: _SMPTE_170M,
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _ILLUMINANT_C),
    9: BT2020,
    11: Primaries((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.314, 0.351)),
    12: Primaries((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), D65),
    22: Primaries((0.63, 0.34), (0.295, 0.605), (0.155, 0.077), D65),
}

# Curves by code: ITU-T H.273, table 3. Video is made for screens of gamma 2.4 (ITU-R BT.1886), but
# encoders of HEIF and AVIF state its curve for pictures that are made on a screen of sRGB.
_VIDEO = (1, 6, 14, 15)
CURVES: dict[int, Curve] = {4: 2.2, 5: 2.8, 7: "smpte_240", 8: 1.0, 11: 2.4, 13: "srgb"}
CURVES |= {16: "pq", 17: "cinema", 18: "hlg"}
_CURVES_IN_PNG = CURVES | dict.fromkeys(_VIDEO, 2.4)
_CURVES_IN_ITEMS: dict[int, Curve] = CURVES | dict.fromkeys((*_VIDEO, 2), "srgb")  # 2: unspecified


def coded_colours(codes: ColourCodes, *, is_png: bool, is_grey: bool) -> Colours | None:
    """Return the colours that the codes of a PNG, HEIF or AVIF mean; None if they mean none.

    In a PNG both of them must be known. Elsewhere, primaries that are not are those of sRGB.
    """
    curve = (_CURVES_IN_PNG if is_png else _CURVES_IN_ITEMS).get(codes.curve or 0)
    primaries = PRIMARIES.get(codes.primaries or 0, None if is_png else SRGB)
    if curve is None or primaries is None:
        return None
    if curve in ("pq", "hlg"):
        assert isinstance(curve, str)
        return hdr_colours(primaries, curve, codes.content_peak, codes.mastering_peak)
    return profile_of(primaries, curve, is_grey=is_grey)


def profile_of(primaries: Primaries, curve: Curve, *, is_grey: bool) -> bytes:
    """Return an ICC profile for colours in numbers; b"" for sRGB, and for what makes no sense."""
    if curve == "srgb" and (is_grey or primaries == SRGB):
        return b""
    try:
        return profile_bytes(None if is_grey else primaries, curve)
    except ValueError:
        return b""

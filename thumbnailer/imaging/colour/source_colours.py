"""Find out how the values of a picture become colours: by a profile or by other tags."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import BinaryIO

from PIL import ImageCms, ImageFile

from thumbnailer.imaging.colour.coded import FOUND_COLOURS, Colours, coded_colours, profile_of
from thumbnailer.imaging.colour.depth import IS_GREY
from thumbnailer.imaging.colour.hdr import HdrColours
from thumbnailer.imaging.colour.profiles import ADOBE_GAMMA, ADOBE_RGB, SRGB, Curve, Primaries
from thumbnailer.imaging.containers.colour_codes import item_colour_codes, png_colour_codes
from thumbnailer.imaging.containers.exif import exif_block, read_directory, read_exif
from thumbnailer.imaging.failures import LimitError

_GREY = ("1", "L", "LA", "I;16", "I")

# EXIF 2.32, ColorSpace: 1 is sRGB. 2 is not standard, but was written for Adobe RGB.
_EXIF_SRGB, _EXIF_ADOBE_RGB = 1, 2
_COLOR_SPACE, _INTEROPERABILITY, _INTEROPERABILITY_INDEX = 0xA001, 0xA005, 0x0001

# How far primaries and gamma may differ from sRGB's and still count as sRGB. The PNG specification
# gives 1/2.2 as `gAMA` for sRGB, and libpng treats gammas that differ by up to 5 % as equal.
_NEAR_POINT, _NEAR_GAMMA = 0.002, 0.05

# The most bytes of a profile: a JPEG can hold that many. Large ones, of printers, have 3 MB.
MAX_PROFILE_BYTES = 16 << 20


def source_colours(image: ImageFile.ImageFile, file: BinaryIO) -> Colours:
    """Return how the values of a picture become colours; b"" for sRGB, which is assumed.

    In a PNG `cICP` takes precedence over the profile, that over `sRGB`, and `cHRM` and `gAMA` come
    last (PNG specification, third edition, 4.3). In HEIF and AVIF a profile goes before `nclx`. A
    JPEG without a profile may state Adobe RGB in its EXIF data (DCF 2.0, 3.2).

    Args:
        image: as opened from `file`, not yet loaded.

    Raises:
        LimitError: the profile is too large.
    """
    found: Colours | None = image.info.get(FOUND_COLOURS)
    if found is not None:
        return found
    is_grey = image.mode in _GREY or bool(image.info.get(IS_GREY))
    is_png = image.format == "PNG"
    if is_png:
        coded = coded_colours(png_colour_codes(file), is_png=True, is_grey=is_grey)
        if coded is not None:
            return coded
    if profile := image.info.get("icc_profile"):
        if len(profile) > MAX_PROFILE_BYTES:
            raise LimitError("holds too large a colour profile")
        return bytes(profile)
    if image.format in ("AVIF", "HEIF"):
        coded = coded_colours(item_colour_codes(file), is_png=False, is_grey=is_grey)
        return b"" if coded is None else coded
    if is_png and "srgb" not in image.info:
        primaries = _primaries(image.info.get("chromaticity"))
        return profile_of(primaries, _curve(image.info.get("gamma")), is_grey=is_grey)
    if image.format == "JPEG" and image.mode == "RGB" and _says_adobe_rgb(image):
        return profile_of(ADOBE_RGB, ADOBE_GAMMA, is_grey=is_grey)
    return b""


def _primaries(chromaticity: tuple[float, ...] | None) -> Primaries:
    """Return the primaries that `cHRM` gives: x and y of white, red, green and blue."""
    if not chromaticity or len(chromaticity) != 8:
        return SRGB
    white, red, green, blue = zip(chromaticity[::2], chromaticity[1::2], strict=True)
    stated = Primaries(red, green, blue, white)
    differences = (
        abs(one - other)
        for point, srgb_point in zip(stated, SRGB, strict=True)
        for one, other in zip(point, srgb_point, strict=True)
    )
    return SRGB if max(differences) < _NEAR_POINT else stated


def _curve(gamma: float | None) -> Curve:
    if not gamma or abs(gamma * 2.2 - 1) < _NEAR_GAMMA:
        return "srgb"
    return 1 / gamma


def _says_adobe_rgb(image: ImageFile.ImageFile) -> bool:
    with suppress(Exception):  # broken EXIF data must not make the picture fail
        block = exif_block(image)
        taking = read_exif(block).taking
        space = taking.get(_COLOR_SPACE)
        if space == _EXIF_ADOBE_RGB:
            return True
        offset = taking.get(_INTEROPERABILITY)
        if isinstance(offset, int) and space != _EXIF_SRGB:
            index = read_directory(block, offset)[0].get(_INTEROPERABILITY_INDEX)
            return isinstance(index, bytes) and index.rstrip(b"\0") == b"R03"
    return False


def colours_name(colours: Colours) -> str | None:
    """Return the name of an ICC profile, or `unnamed`, or of HDR; None if the profile is broken."""
    if isinstance(colours, HdrColours):
        return f"HDR by {colours.curve.upper()}"
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(colours))
        return (opened.profile.profile_description or "unnamed").strip()
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None

"""Find the ICC profile of a picture, or build it from the other colour tags of its file."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import BinaryIO

from PIL import ImageCms, ImageFile

from thumbnailer.imaging.colour.depth import IS_GREY
from thumbnailer.imaging.colour.profiles import (
    ADOBE_GAMMA,
    ADOBE_RGB,
    SRGB,
    Curve,
    Primaries,
    profile_bytes,
)
from thumbnailer.imaging.containers.exif import exif_block, read_directory, read_exif
from thumbnailer.imaging.containers.png_chunks import png_chunks
from thumbnailer.imaging.failures import LimitError

_GREY = ("1", "L", "LA", "I;16", "I")

# EXIF 2.32, ColorSpace: 1 is sRGB. 2 is not standard, but was written for Adobe RGB.
_EXIF_SRGB, _EXIF_ADOBE_RGB = 1, 2
_COLOR_SPACE, _INTEROPERABILITY, _INTEROPERABILITY_INDEX = 0xA001, 0xA005, 0x0001

# Primaries by code: ITU-T H.273, table 2.
_PRIMARIES = {
    1: SRGB,
    5: Primaries((0.64, 0.33), (0.29, 0.6), (0.15, 0.06), SRGB.white),
    6: Primaries((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), SRGB.white),
    9: Primaries((0.708, 0.292), (0.17, 0.797), (0.131, 0.046), SRGB.white),
    11: Primaries((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.314, 0.351)),
    12: Primaries((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), SRGB.white),
}

# Curves by code: ITU-T H.273, table 3. Video (1, 6, 14, 15) is made for screens of gamma 2.4:
# ITU-R BT.1886.
_CURVES: dict[int, Curve] = {1: 2.4, 6: 2.4, 14: 2.4, 15: 2.4}
_CURVES |= {4: 2.2, 5: 2.8, 8: 1.0, 13: "srgb", 16: "pq", 18: "hlg"}

# How far primaries and gamma may differ from sRGB's and still count as sRGB. The PNG specification
# gives 1/2.2 as `gAMA` for sRGB, and libpng treats gammas that differ by up to 5 % as equal.
_NEAR_POINT, _NEAR_GAMMA = 0.002, 0.05

# The colour chunks of a PNG come before its pixels, among few others: no more chunks are read.
_MAX_CHUNKS = 100


# The most bytes of a profile: a JPEG can hold that many. Large ones, of printers, have 3 MB.
_MAX_PROFILE_BYTES = 16 << 20


def source_profile(image: ImageFile.ImageFile, file: BinaryIO) -> bytes:
    """Return an ICC profile for a picture; b"" for sRGB, which is assumed if its file states none.

    In a PNG `cICP` takes precedence over the profile, that over `sRGB`, and `cHRM` and `gAMA` come
    last (PNG specification, third edition, 4.3). A JPEG without a profile may state Adobe RGB in
    its EXIF data (DCF 2.0, 3.2).

    Args:
        image: as opened from `file`, not yet loaded.

    Raises:
        LimitError: the profile is too large.
    """
    is_grey = image.mode in _GREY or bool(image.info.get(IS_GREY))
    if image.format == "PNG":
        codes = _cicp(file)
        if codes is not None:
            return _profile(_PRIMARIES[codes[0]], _CURVES[codes[1]], is_grey)
    if profile := image.info.get("icc_profile"):
        if len(profile) > _MAX_PROFILE_BYTES:
            raise LimitError("holds too large a colour profile")
        return bytes(profile)
    if image.format == "PNG" and "srgb" not in image.info:
        primaries = _primaries(image.info.get("chromaticity"))
        return _profile(primaries, _curve(image.info.get("gamma")), is_grey)
    if image.format in ("JPEG", "MPO") and image.mode == "RGB" and _says_adobe_rgb(image):
        return _profile(ADOBE_RGB, ADOBE_GAMMA, is_grey)
    return b""


def _profile(primaries: Primaries, curve: Curve, is_grey: bool) -> bytes:
    if curve == "srgb" and (is_grey or primaries == SRGB):
        return b""
    try:
        return profile_bytes(None if is_grey else primaries, curve)
    except ValueError:
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


def _cicp(file: BinaryIO) -> tuple[int, int] | None:
    """Read the codes of primaries and curve from a PNG's `cICP`, which Pillow does not read.

    None if there is no such chunk, its codes are unknown here, or it is not RGB of full range.
    """
    offset = file.tell()
    try:
        for kind, length in png_chunks(file, _MAX_CHUNKS):
            if kind in (b"PLTE", b"IDAT"):
                break
            if kind == b"cICP":
                primaries, curve, *rest = file.read(4).ljust(4, b"\0")
                is_known = primaries in _PRIMARIES and curve in _CURVES and rest == [0, 1]
                return (primaries, curve) if is_known and length == 4 else None
        return None
    finally:
        file.seek(offset)


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


def profile_name(profile: bytes) -> str | None:
    """Return the name in an ICC profile, or `unnamed`; None if the profile is broken."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return (opened.profile.profile_description or "unnamed").strip()
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None

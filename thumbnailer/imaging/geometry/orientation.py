"""Read and apply the EXIF orientation, and no other."""

from __future__ import annotations

from typing import TypeVar

from PIL import ExifTags, Image

from thumbnailer.imaging.containers.exif import check_exif, exif_block
from thumbnailer.imaging.failures import LimitError, is_of_system

T = TypeVar("T")

_XMP_ORIENTATION = b"tiff:Orientation"

_TRANSPOSE = Image.Transpose

# The transposition that turns each stored orientation upright: EXIF 2.32, tag 0x0112.
_UPRIGHT = {
    2: _TRANSPOSE.FLIP_LEFT_RIGHT,
    3: _TRANSPOSE.ROTATE_180,
    4: _TRANSPOSE.FLIP_TOP_BOTTOM,
    5: _TRANSPOSE.TRANSPOSE,
    6: _TRANSPOSE.ROTATE_270,
    7: _TRANSPOSE.TRANSVERSE,
    8: _TRANSPOSE.ROTATE_90,
}


def orientation_of(image: Image.Image) -> int:
    """Return the orientation (1 to 8) still to be applied; 1 if the tag is missing or invalid.

    A PNG must have been loaded: its EXIF data may be at its end, and Pillow would load it here,
    where errors are ignored. So must a TIFF, which Pillow turns upright while loading.

    Raises:
        LimitError: its EXIF data have too many entries.
        OSError, MemoryError: it can't be read for another reason than what is in it.
    """
    check_exif(exif_block(image))
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception as error:  # broken EXIF data must not make the picture fail
        if is_of_system(error) or isinstance(error, LimitError):
            raise
        return 1
    return orientation if orientation in _UPRIGHT else 1


def ignore_xmp(image: Image.Image) -> None:
    """Let an orientation that only XMP states have no effect; call this before decoding.

    Pillow falls back on it. Browsers read EXIF alone, and show such a picture as it is stored:
    Chromium with JPEG, PNG, WebP and AVIF. An AVIF or HEIC is turned by properties of its own.
    """
    xmp = image.info.get("xmp")
    if isinstance(xmp, bytes) and _XMP_ORIENTATION in xmp:
        image.info["xmp"] = xmp.replace(_XMP_ORIENTATION, bytes(len(_XMP_ORIENTATION)))
        image._exif = None  # of a JPEG it may have been read already


def swaps_sides(orientation: int) -> bool:
    """Return whether an orientation swaps width and height."""
    return orientation >= 5


def oriented_sides(sides: tuple[T, T], orientation: int) -> tuple[T, T]:
    """Return width and height, swapped if the orientation swaps them."""
    return (sides[1], sides[0]) if swaps_sides(orientation) else sides


def stored_point(point: tuple[float, float], orientation: int) -> tuple[float, float]:
    """Return where a point of an upright picture is in the stored one; both as shares of sides."""
    x, y = point
    return {
        2: (1 - x, y),
        3: (1 - x, 1 - y),
        4: (x, 1 - y),
        5: (y, x),
        6: (y, 1 - x),
        7: (1 - y, 1 - x),
        8: (1 - y, x),
    }.get(orientation, point)


def apply_orientation(image: Image.Image, orientation: int) -> Image.Image:
    """Turn or mirror a picture upright; faster after shrinking, when there are fewer pixels."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image

"""Read and apply the EXIF orientation."""

from __future__ import annotations

from typing import TypeVar

from PIL import ExifTags, Image

from thumbnailer.imaging.containers.exif import check_exif, exif_block
from thumbnailer.imaging.failures import LimitError, is_of_system

T = TypeVar("T")

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

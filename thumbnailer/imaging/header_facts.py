"""What a picture's header tells of it, and the one colour that stands for a thumbnail."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import BinaryIO

from PIL import Image, ImageFile

from thumbnailer.imaging.colour.depth import to_resizable
from thumbnailer.imaging.containers.exif import block_of, read_exif
from thumbnailer.imaging.encode.metadata import kept_exif
from thumbnailer.imaging.geometry.orientation import orientation_of, swaps_sides

# DateTimeOriginal, and the form it has: EXIF 2.32, 4.6.6. Cameras without a clock leave zeros or
# blanks.
_TAKEN = 0x9003
_DATE = re.compile(rb"([12]\d{3}):([01]\d):([0-3]\d) ([0-2]\d:[0-5]\d:[0-5]\d)\0?")


def upright_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Width and height in px as a picture is seen; no pixel is decoded.

    A PNG that says only after its pixels which way is up counts as upright, as few do: Pillow would
    decode it.
    """
    is_upright = image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info)
    if is_upright or not swaps_sides(orientation_of(image)):
        return image.size
    return image.height, image.width


def date_taken(image: ImageFile.ImageFile, file: BinaryIO) -> str:
    """When a picture was taken, by its camera's clock, as `2024-05-01 12:30:00`; or ""."""
    with suppress(Exception):  # of many kinds: the data make no sense
        image.info["exif"] = kept_exif(image, file, ["date"])  # of all formats in the same form
        date = read_exif(block_of(image)).taking[_TAKEN]
        if isinstance(date, bytes) and (parts := _DATE.fullmatch(date)):
            year, month, day, time = (part.decode() for part in parts.groups())
            return f"{year}-{month}-{day} {time}"
    return ""


def mean_colour(image: Image.Image) -> str:
    """The mean of a picture's pixels as `rrggbb`; what shows through does not count."""
    mean = to_resizable(image).convert("RGBA").resize((1, 1), Image.Resampling.BOX)
    return mean.tobytes()[:3].hex()

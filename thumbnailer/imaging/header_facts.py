"""Read size and date from a picture's header."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import BinaryIO

from PIL import ImageFile

from thumbnailer.imaging.containers.exif import exif_block, read_exif
from thumbnailer.imaging.encode.metadata import kept_exif
from thumbnailer.imaging.geometry.orientation import orientation_of, oriented_sides

# DateTimeOriginal and its form: EXIF 2.32, 4.6.6. Cameras without a clock write zeros or blanks.
_DATE_TIME_ORIGINAL = 0x9003
_DATE_FORM = re.compile(rb"([12]\d{3}):([01]\d):([0-3]\d) ([0-2]\d:[0-5]\d:[0-5]\d)\0?")


def upright_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Return width and height in px of a picture turned upright, without decoding pixels.

    A PNG whose orientation is stored after its pixels counts as upright: few PNGs have that, and
    Pillow would decode the pixels to read it.
    """
    is_upright = image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info)
    return oriented_sides(image.size, 1 if is_upright else orientation_of(image))


def date_taken(image: ImageFile.ImageFile, file: BinaryIO) -> str:
    """Return when a picture was taken, by its camera's clock: `2024-05-01 12:30:00`, or ""."""
    with suppress(Exception):  # of many kinds, on invalid data
        image.info["exif"] = kept_exif(image, file, ["date"])  # one form for all formats
        date = read_exif(exif_block(image)).taking[_DATE_TIME_ORIGINAL]
        if isinstance(date, bytes) and (parts := _DATE_FORM.fullmatch(date)):
            year, month, day, time = (part.decode() for part in parts.groups())
            return f"{year}-{month}-{day} {time}"
    return ""

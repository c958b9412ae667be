"""Find where a grey picture has no data: maps of heights have a tag for the value that says so.

https://gdal.org/en/stable/drivers/raster/gtiff.html, "Nodata value".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from math import isfinite
from typing import Any

from PIL import Image, ImageMath

from thumbnailer.imaging.memory import strips

# Pixels that are looked at in one go.
_BAND_PIXELS = 1 << 20

# Whole numbers of 32 bits are less than this, and not less than its negative.
_MOST = 1 << 31


def no_data_value(tag: object) -> float | None:
    """Return the value that stands for "no data", by its tag in words; None if there is none."""
    with suppress(ValueError):
        value = float(str(tag).strip("\0 "))
        return value if isfinite(value) else None
    return None


def known_values(image: Image.Image, absent: float | None) -> Image.Image:
    """Return a mask that is 255 where a picture of mode I or F has a value, and 0 elsewhere.

    Values that are not finite are none.
    """
    if image.mode == "I" and absent is not None:  # as a float, it would equal its neighbours
        absent = int(absent) if absent.is_integer() and -_MOST <= absent < _MOST else None
    known = Image.new("L", image.size)
    for box in strips(image.size, _BAND_PIXELS):
        band = image.crop(box)
        known.paste(ImageMath.lambda_eval(_is_known(absent), band=band), box)
    return known


def _is_known(absent: float | None) -> Callable[[dict[str, Any]], Any]:
    def is_known(images: dict[str, Any]) -> Any:
        band = images["band"]
        is_known = (band - band) == 0
        if absent is not None:
            is_known = is_known * (band != absent)
        return images["convert"](is_known * 255, "L")

    return is_known


def filled_bands(image: Image.Image, known: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield bands of a picture, with one of its values where it has none, and their tops."""
    value: float = 0
    if box := known.getbbox():  # its first row has one
        row = known.crop((0, box[1], known.width, box[1] + 1)).tobytes()
        value = image.getpixel((row.index(255), box[1]))  # type: ignore[assignment]
    for box in strips(image.size, _BAND_PIXELS):
        band = image.crop(box)
        band.paste(value, mask=known.crop(box).point(range(255, -1, -1)))
        yield box[1], band

"""Convert any pixel format to 8 bits a channel, in a mode that can be resampled."""

from __future__ import annotations

import sys
from functools import lru_cache, partial
from math import isfinite

from PIL import Image

from thumbnailer.imaging.colour.no_data import filled_bands, known_values, no_data_value

# The mode to convert to before resampling; modes not listed are resampled as they are.
_RESIZABLE = {
    "1": "L",
    "P": "RGB",
    "La": "LA",
    "PA": "RGBA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
}
# The same for pictures with a transparent colour.
_TRANSPARENT = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}

# The key in `Image.info` that marks grey which Pillow reads as RGBA.
IS_GREY = "thumbnailer is grey"

# The key in `Image.info` that marks unsigned values of 32 bits, which Pillow reads as signed.
IS_UNSIGNED = "thumbnailer is unsigned"

# TIFF 6.0, section 8: 0 is white.
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_BITS_PER_SAMPLE, _GDAL_NODATA = 258, 42113

# Half of the range of 32 bits.
_HALF = 1 << 31


def to_resizable(image: Image.Image) -> Image.Image:
    """Convert to a mode for resampling: L, LA, RGB, RGBA, CMYK or LAB, 8 bits a channel."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _to_8_bit(image)
    if image.info.get(IS_GREY):
        return image.convert("LA")
    if image.mode in _TRANSPARENT and image.has_transparency_data:
        return image.convert(_TRANSPARENT[image.mode])
    return image.convert(_RESIZABLE[image.mode]) if image.mode in _RESIZABLE else image


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Scale grey of 16 or 32 bits or of floats to L (Pillow's own conversion clips).

    The range is 0 to 65535 for integers, or what the file's bit depth allows, and 0 to 1 for
    floats. A picture with values outside is scaled from its own minimum and maximum, as is a map,
    which states a value for "no data". There it is transparent, as maps are shown: black or white
    would stand for a height.
    """
    is_integer = image.mode != "F"
    bits, key = _bits(image), image.info.get("transparency")
    is_negative = _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO
    is_unsigned, absent = image.info.get(IS_UNSIGNED), no_data_value(_tag(image, _GDAL_NODATA))
    image = image.convert("I") if is_integer else image
    low, high = _extremes(image)
    if is_unsigned and low < 0:
        image = _less_half(image)
        low, high = _extremes(image)
        absent = None if absent is None else absent - _HALF
    known = None
    if absent is not None or not (isfinite(low) and isfinite(high)):
        known = known_values(image, absent)
        pairs = [_extremes(band) for _, band in filled_bands(image, known)]
        low, high = min(low for low, _ in pairs), max(high for _, high in pairs)
    if is_integer and low >= 0 and high <= 65535 and absent is None:
        scale = partial(_by_table, _to_8_bit_table(bits if high < 1 << bits else 16))
    else:
        is_usual = not is_integer and low >= 0 and high <= 1 and absent is None
        scale = partial(_from_range, *((0, 1) if is_usual else (low, high)))
    if known:
        grey = Image.new("L", image.size)
        for top, band in filled_bands(image, known):
            grey.paste(scale(band), (0, top))
    else:
        grey = scale(image)
    if is_negative:
        grey = grey.point(range(255, -1, -1))
    if isinstance(key, int) and is_integer:
        grey.putalpha(image.point([0 if value == key else 255 for value in range(65536)], "L"))
    elif known and known.getextrema() != (255, 255):
        grey.putalpha(known)
    return grey


def _by_table(table: list[int], image: Image.Image) -> Image.Image:
    """Scale whole numbers from 0 to 65535 by a table."""
    return image.point(table, "L")


def _from_range(low: float, high: float, image: Image.Image) -> Image.Image:
    """Scale numbers from `low` to `high`."""
    scale = 255 / (high - low) if high > low else 0
    grey = image.convert("F").point(lambda value: value * scale + (0.5 - low * scale))
    return grey.convert("L")


def _less_half(image: Image.Image) -> Image.Image:
    """Subtract half of their range from unsigned values that were read as signed: in order again.

    That is to flip their highest bit.
    """
    flip = [*range(128, 256), *range(128)]
    tables = [*range(256)] * 3 + flip if sys.byteorder == "little" else flip + [*range(256)] * 3
    quarters = Image.frombytes("RGBA", image.size, image.tobytes()).point(tables)
    return Image.frombytes("I", image.size, quarters.tobytes())


def _bits(image: Image.Image) -> int:
    """Return the bits per value. A TIFF may have 12, and Pillow does not scale those."""
    bits = _tag(image, _BITS_PER_SAMPLE)
    return bits if isinstance(bits, int) and 8 < bits < 16 else 16


def _tag(image: Image.Image, number: int) -> object:
    """Return the first value of a TIFF tag; None without the tag, and for other formats."""
    value = getattr(image, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) and value else value


def _extremes(image: Image.Image) -> tuple[float, float]:
    """Return the smallest and largest value of a one-channel picture of mode I or F."""
    low, high = image.getextrema()
    assert isinstance(low, int | float)  # one channel, so numbers and not pairs of them
    assert isinstance(high, int | float)
    return low, high


@lru_cache(maxsize=4)
def _to_8_bit_table(bits: int) -> list[int]:
    """Return a lookup table that scales integers of `bits` bits to 8 bits."""
    largest = (1 << bits) - 1
    return [min(255, round(value * 255 / largest)) for value in range(65536)]

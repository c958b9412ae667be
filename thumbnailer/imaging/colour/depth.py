"""Bring any pixel format to 8 bits a channel, in a mode that can be resampled."""

from __future__ import annotations

from array import array
from functools import lru_cache
from math import isfinite

from PIL import Image, ImageFile

# What to convert to before resampling; other modes can be resampled as they are.
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
_TRANSPARENT = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}

# What one step of a grey PNG's `tRNS` is in 8 bits, by Pillow's name for how it is stored.
_GREY_STEPS = {"L;2": 85, "L;4": 17}

# Marks what Pillow reads as colours though it is grey.
_IS_GREY = "thumbnailer is grey"

# TIFF 6.0, section 8: 0 is white.
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_BITS_PER_SAMPLE = 258


def fix_png_depth(image: ImageFile.ImageFile) -> None:
    """Mend what Pillow says of a PNG of other than 8 bits; must come before it is loaded.

    Pillow (13) compares the transparent colour, given in the depth of the file, with pixels that
    it has brought to 8 bits, and reads 16 bits of grey with alpha as RGBA.
    """
    stored = image.tile[0].args if image.format == "PNG" and image.tile else ""
    key = image.info.get("transparency")
    if stored in _GREY_STEPS and isinstance(key, int):
        image.info["transparency"] = key * _GREY_STEPS[stored]
    elif stored == "RGB;16B" and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)
    elif stored == "LA;16B":
        image.info[_IS_GREY] = True


def to_resizable(image: Image.Image) -> Image.Image:
    """A mode that can be resampled: L, LA, RGB, RGBA, CMYK or LAB, 8 bits a channel."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _to_8_bit(image)
    if image.info.get(_IS_GREY):
        return image.convert("LA")
    if image.mode in _TRANSPARENT and image.has_transparency_data:
        return image.convert(_TRANSPARENT[image.mode])
    return image.convert(_RESIZABLE[image.mode]) if image.mode in _RESIZABLE else image


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or of floats, scaled to L (Pillow's own conversion clips).

    The range is taken to be 0 to 65535 for integers, or what the file says, and 0 to 1 for floats;
    a picture that leaves it is stretched between its own extremes.
    """
    is_integer = image.mode != "F"
    bits, key = _bits(image), image.info.get("transparency")
    is_negative = _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO
    image = image.convert("I") if is_integer else image
    low, high = _extremes(image)
    if is_integer and low >= 0 and high <= 65535:
        grey = image.point(_from_integers(bits if high < 1 << bits else 16), "L")
    else:
        if not is_integer and low >= 0 and high <= 1:
            low, high = 0, 1
        scale = 255 / (high - low) if high > low else 0
        grey = image.convert("F").point(lambda value: value * scale + (0.5 - low * scale))
        grey = grey.convert("L")
    if is_negative:
        grey = grey.point(range(255, -1, -1))
    if isinstance(key, int) and is_integer:
        grey.putalpha(image.point([0 if value == key else 255 for value in range(65536)], "L"))
    return grey


def _bits(image: Image.Image) -> int:
    """How many bits a value has: a TIFF may have 12, which Pillow gives as they are."""
    bits = _tag(image, _BITS_PER_SAMPLE)
    return bits if isinstance(bits, int) and 8 < bits < 16 else 16


def _tag(image: Image.Image, number: int) -> object:
    """The first value of a TIFF's tag; None for other formats."""
    value = getattr(image, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) and value else value


def _extremes(image: Image.Image) -> tuple[float, float]:
    """The smallest and largest value of a picture of one channel, I or F."""
    low, high = image.getextrema()
    assert isinstance(low, int | float)  # one channel, so numbers and not pairs of them
    assert isinstance(high, int | float)
    if isfinite(low) and isfinite(high):
        return low, high
    # "No data" is often NaN; the others are judged by a sample.
    width, height = image.size
    sample = image.resize((min(width, 512), min(height, 512)), Image.Resampling.NEAREST)
    values = [value for value in array("f", sample.tobytes()) if isfinite(value)]
    return (min(values), max(values)) if values else (0, 0)


@lru_cache(maxsize=4)
def _from_integers(bits: int) -> list[int]:
    most = (1 << bits) - 1
    return [min(255, round(value * 255 / most)) for value in range(65536)]

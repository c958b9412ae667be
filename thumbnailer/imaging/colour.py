"""Bring any pixel format to 8-bit sRGB or grey, with or without alpha."""

from __future__ import annotations

import io
from array import array
from functools import lru_cache
from math import isfinite

from PIL import Image, ImageCms

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

# The colour space an ICC profile must name in its header to describe pictures of a mode
# (ICC.1:2022, table 19).
_SPACE = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}


def to_resizable(image: Image.Image) -> Image.Image:
    """A mode that can be resampled: L, LA, RGB, RGBA, CMYK or LAB, 8 bits a channel."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _to_8_bit(image)
    if image.mode in _TRANSPARENT and image.has_transparency_data:
        return image.convert(_TRANSPARENT[image.mode])
    return image.convert(_RESIZABLE[image.mode]) if image.mode in _RESIZABLE else image


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """L, LA, RGB or RGBA in sRGB, grey staying grey; and in words what was left aside, or "".

    Args:
        image: of a mode that `to_resizable` gives.
        profile: its ICC profile; left aside if broken or made for another kind of picture.
    """
    if image.mode in ("LA", "RGBA"):
        opaque, remark = to_srgb(image.convert(image.mode[:-1]), profile)
        opaque.putalpha(image.getchannel("A"))
        return opaque, remark
    if image.mode == "LAB":
        return _applied(image, _from_lab(), "RGB"), ""
    if profile and (transform := _from_profile(profile, image.mode)):
        return _applied(image, transform, "L" if image.mode == "L" else "RGB"), ""
    return image.convert("RGB") if image.mode == "CMYK" else image, ""


def flattened(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """The picture over a background (R, G, B), without alpha."""
    if image.mode not in ("LA", "RGBA"):
        return image
    is_grey = image.mode == "LA" and len(set(background)) == 1
    canvas = Image.new(
        "L" if is_grey else "RGB", image.size, background[0] if is_grey else background
    )
    canvas.paste(image.convert(canvas.mode), mask=image.getchannel("A"))
    return canvas


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or of floats, scaled to L (Pillow's own conversion clips).

    The range is taken to be 0 to 65535 for integers and 0 to 1 for floats; a picture that leaves it
    is stretched between its own extremes.
    """
    is_integer = image.mode != "F"
    image = image.convert("I") if is_integer else image
    low, high = _extremes(image)
    if is_integer and low >= 0 and high <= 65535:
        return image.point(_from_16_bit(), "L")
    if not is_integer and low >= 0 and high <= 1:
        low, high = 0, 1
    scale = 255 / (high - low) if high > low else 0
    return image.convert("F").point(lambda value: value * scale + (0.5 - low * scale)).convert("L")


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


@lru_cache(maxsize=1)
def _from_16_bit() -> list[int]:
    return [round(value / 257) for value in range(65536)]


def _applied(image: Image.Image, transform: ImageCms.ImageCmsTransform, mode: str) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # None only when transforming in place
    return converted.convert(mode)


@lru_cache(maxsize=16)
def _from_profile(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The way from a profile to sRGB; None where the profile does not fit or makes no sense."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _SPACE.get(mode):
            return None
        return _to_srgb_transform(source, mode)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None


@lru_cache(maxsize=1)
def _from_lab() -> ImageCms.ImageCmsTransform:
    return _to_srgb_transform(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")


def _to_srgb_transform(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    # RGB out even for grey: LittleCMS turns a grey profile into sRGB's three equal channels.
    return ImageCms.buildTransform(
        source, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.PERCEPTUAL
    )

"""Convert the colours of a picture to sRGB."""

from __future__ import annotations

import io
from functools import lru_cache
from itertools import chain, product

from PIL import Image, ImageChops, ImageCms

from thumbnailer.imaging.colour.coded import Colours
from thumbnailer.imaging.colour.hdr import HdrColours, to_sdr
from thumbnailer.imaging.colour.profiles import SRGB, profile_bytes

# The colour space that the header of an ICC profile must name, by the mode of the picture
# (ICC.1:2022, table 19).
_COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}

_BROKEN = "its colour profile is broken and was left aside"
_MISMATCHED = "its colour profile is for another kind of picture and was left aside"

# A profile that changes no value by more than this counts as sRGB. HP's sRGB profile changes values
# by 1, GIMP's by 0, one of gamma 2.2 by 9. This check takes 0.2 ms once per profile, a transform
# 1 ms per thumbnail.
_MAX_CHANGE = 1


def to_srgb(image: Image.Image, colours: Colours) -> tuple[Image.Image, str]:
    """Convert a picture to sRGB; grey stays grey.

    Args:
        image: of a mode that `to_resizable` returns.
        colours: its colours; a profile is ignored if it is broken or made for another colour space.

    Returns:
        L, LA, RGB or RGBA; and in words what was ignored, or "".
    """
    if image.mode in ("LA", "RGBA"):
        opaque, remark = to_srgb(image.convert(image.mode[:-1]), colours)
        opaque.putalpha(image.getchannel("A"))
        return opaque, remark
    if image.mode == "LAB":
        return _apply(image, _lab_transform(), "RGB"), ""
    if isinstance(colours, HdrColours):
        return to_sdr(image, colours), ""
    transform, remark = _transform_of(colours, image.mode) if colours else (None, "")
    if transform:
        return _apply(image, transform, "L" if image.mode == "L" else "RGB"), remark
    return image.convert("RGB") if image.mode == "CMYK" else image, remark


def to_output_colours(
    image: Image.Image, colours: Colours, *, keep: bool
) -> tuple[Image.Image, bytes, str]:
    """Convert a picture to sRGB, or keep its colours and its ICC profile.

    Args:
        image, colours: as for `to_srgb`.
        keep: keep the colours. CMYK and LAB, which few formats support, are converted anyway, and
            so is HDR, for which a profile can't stand.

    Returns:
        L, LA, RGB or RGBA; the profile to embed, or b""; and in words what was ignored, or "".
    """
    if keep and image.mode not in ("CMYK", "LAB") and not isinstance(colours, HdrColours):
        _, remark = _transform_of(colours, image.mode.removesuffix("A")) if colours else (None, "")
        return image, b"" if remark else colours, remark
    converted, remark = to_srgb(image, colours)
    return converted, profile_bytes(SRGB, "srgb") if keep else b"", remark


def flatten(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Composite a picture over a background (R, G, B); return it without alpha."""
    if image.mode not in ("LA", "RGBA"):
        return image
    is_grey = image.mode == "LA" and len(set(background)) == 1
    canvas = Image.new(
        "L" if is_grey else "RGB", image.size, background[0] if is_grey else background
    )
    canvas.paste(image.convert(canvas.mode), mask=image.getchannel("A"))
    return canvas


def _apply(image: Image.Image, transform: ImageCms.ImageCmsTransform, mode: str) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # None only when transforming in place
    return converted.convert(mode)


@lru_cache(maxsize=16)
def _transform_of(profile: bytes, mode: str) -> tuple[ImageCms.ImageCmsTransform | None, str]:
    """Return the transform to sRGB, None if not needed or impossible; and why it is impossible."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _COLOUR_SPACES[mode]:
            return None, _MISMATCHED
        transform = _to_srgb_transform(source, mode)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None, _BROKEN
    return None if _changes_little(transform, mode) else transform, ""


def _changes_little(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether no value changes by more than `_MAX_CHANGE`."""
    if mode == "CMYK":
        return False
    changes = ImageChops.difference(
        _apply(_test_colours(mode), transform, mode), _test_colours(mode)
    )
    return max(max(channel.tobytes()) for channel in changes.split()) <= _MAX_CHANGE


@lru_cache(maxsize=2)
def _test_colours(mode: str) -> Image.Image:
    """Return a picture of colours, or greys, from all parts of the colour space."""
    values = range(0, 256, 15)
    pixels = product(values, repeat=len(mode))
    return Image.frombytes(
        mode, (len(values), len(values) ** (len(mode) - 1)), bytes(chain(*pixels))
    )


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return _to_srgb_transform(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")


def _to_srgb_transform(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    # The output is RGB even for grey: LittleCMS converts grey to three equal channels of sRGB.
    return ImageCms.buildTransform(
        source, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.PERCEPTUAL
    )

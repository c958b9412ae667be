"""Bring the colours of a picture to sRGB, by its ICC profile."""

from __future__ import annotations

import io
from functools import lru_cache
from itertools import chain, product

from PIL import Image, ImageChops, ImageCms

from thumbnailer.imaging.colour.profiles import SRGB, profile_bytes

# The colour space an ICC profile must name in its header to describe pictures of a mode
# (ICC.1:2022, table 19).
_SPACE = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}

_BROKEN = "its colour profile is broken and was left aside"
_FOREIGN = "its colour profile is for another kind of picture and was left aside"

# A profile that changes no value by more than this means sRGB: HP's does so by 1 and GIMP's by 0,
# while one of gamma 2.2 does by 9. To try it once takes 0.2 ms, a transform 1 ms a thumbnail.
_NEAR = 1


def to_srgb(image: Image.Image, profile: bytes) -> tuple[Image.Image, str]:
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
    transform, remark = _from_profile(profile, image.mode) if profile else (None, "")
    if transform:
        return _applied(image, transform, "L" if image.mode == "L" else "RGB"), remark
    return image.convert("RGB") if image.mode == "CMYK" else image, remark


def to_output_colours(
    image: Image.Image, profile: bytes, *, keep: bool
) -> tuple[Image.Image, bytes, str]:
    """A picture in sRGB, or as it is with its ICC profile.

    Args:
        image, profile: as for `to_srgb`.
        keep: whether it stays as it is. CMYK and LAB, which few formats know, do not.

    Returns:
        L, LA, RGB or RGBA; the profile to go with it, or b""; and in words what was left aside.
    """
    if keep and image.mode not in ("CMYK", "LAB"):
        _, remark = _from_profile(profile, image.mode.removesuffix("A")) if profile else (None, "")
        return image, b"" if remark else profile, remark
    converted, remark = to_srgb(image, profile)
    return converted, profile_bytes(SRGB, "srgb") if keep else b"", remark


def flatten(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """The picture over a background (R, G, B), without alpha."""
    if image.mode not in ("LA", "RGBA"):
        return image
    is_grey = image.mode == "LA" and len(set(background)) == 1
    canvas = Image.new(
        "L" if is_grey else "RGB", image.size, background[0] if is_grey else background
    )
    canvas.paste(image.convert(canvas.mode), mask=image.getchannel("A"))
    return canvas


def _applied(image: Image.Image, transform: ImageCms.ImageCmsTransform, mode: str) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # None only when transforming in place
    return converted.convert(mode)


@lru_cache(maxsize=16)
def _from_profile(profile: bytes, mode: str) -> tuple[ImageCms.ImageCmsTransform | None, str]:
    """The way from a profile to sRGB, None where there is none to go; and why it can't be gone."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _SPACE[mode]:
            return None, _FOREIGN
        transform = _to_srgb_transform(source, mode)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None, _BROKEN
    return None if _changes_little(transform, mode) else transform, ""


def _changes_little(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether values stay what they are."""
    if mode == "CMYK":
        return False
    changes = ImageChops.difference(
        _applied(_test_colours(mode), transform, mode), _test_colours(mode)
    )
    return max(max(channel.tobytes()) for channel in changes.split()) <= _NEAR


@lru_cache(maxsize=2)
def _test_colours(mode: str) -> Image.Image:
    """A picture of colours, or greys, from all over their space."""
    values = range(0, 256, 15)
    pixels = product(values, repeat=len(mode))
    return Image.frombytes(
        mode, (len(values), len(values) ** (len(mode) - 1)), bytes(chain(*pixels))
    )


@lru_cache(maxsize=1)
def _from_lab() -> ImageCms.ImageCmsTransform:
    return _to_srgb_transform(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")


def _to_srgb_transform(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    # RGB out even for grey: LittleCMS turns a grey profile into sRGB's three equal channels.
    return ImageCms.buildTransform(
        source, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.PERCEPTUAL
    )

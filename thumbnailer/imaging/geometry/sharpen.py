"""A little of the crispness that a picture loses when it is much reduced."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter

# From this reduction on, what a picture has of noise is averaged out, and not sharpened too.
_FROM = 2

# Adds a third of the difference between a pixel and its eight neighbours: the mild sharpening that
# vipsthumbnail had built in (libvips 7, tools/vipsthumbnail.c).
_MILD = ImageFilter.Kernel((3, 3), (-1, -1, -1, -1, 32, -1, -1, -1, -1))


def sharpen(image: Image.Image, reduction: float) -> Image.Image:
    """The picture, a little sharper if it was reduced to half its size or less.

    No pixel becomes lighter or darker than it and its neighbours were, so edges become steeper
    without the halos of an unsharp mask. Alpha stays as it is, and so do colours next to
    transparent pixels, whose own are nobody's.

    Args:
        image: of a mode that `to_srgb` gives.
        reduction: how many times smaller it has become.
    """
    if reduction < _FROM or min(image.size) < 3:  # Pillow's filters leave the outermost pixels
        return image
    if image.mode in ("LA", "RGBA"):
        alpha = image.getchannel("A")
        opaque = image.convert(image.mode[:-1])
        is_inside = _lowest(alpha).point([0] * 255 + [255])
        result = Image.composite(_sharper(opaque), opaque, is_inside)
        result.putalpha(alpha)
        return result
    return _sharper(image)


def _sharper(image: Image.Image) -> Image.Image:
    sharp = image.filter(_MILD)
    return ImageChops.lighter(_lowest(image), ImageChops.darker(_highest(image), sharp))


def _highest(image: Image.Image) -> Image.Image:
    """The highest value among each pixel and its neighbours; 10 times faster than MaxFilter."""
    width, height = image.size
    for x, y in ((1, 0), (0, 1)):
        before = image.crop((-x, -y, width - x, height - y))  # which puts zeros beyond the edge
        after = image.crop((x, y, width + x, height + y))
        image = ImageChops.lighter(image, ImageChops.lighter(before, after))
    return image


def _lowest(image: Image.Image) -> Image.Image:
    return ImageChops.invert(_highest(ImageChops.invert(image)))

"""Sharpen pictures mildly after they were reduced."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter

# From this reduction on, noise is averaged out, so that sharpening does not amplify it.
_MIN_REDUCTION = 2

# Adds a third of the difference between a pixel and its eight neighbours: the mild sharpening that
# was built into vipsthumbnail (libvips 7, tools/vipsthumbnail.c).
_SHARPEN_KERNEL = ImageFilter.Kernel((3, 3), (-1, -1, -1, -1, 32, -1, -1, -1, -1))


def sharpen(image: Image.Image, reduction: float) -> Image.Image:
    """Sharpen a picture a little if it was reduced to half its size or less.

    No pixel becomes lighter or darker than it and its neighbours were, so edges become steeper
    without the halos of an unsharp mask. Alpha does not change, nor do colours next to transparent
    pixels, whose own colours have no meaning.

    Args:
        image: of a mode that `to_srgb` returns.
        reduction: how many times smaller its sides have become.
    """
    if reduction < _MIN_REDUCTION or min(image.size) < 3:  # Pillow filters no border pixels
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
    sharp = image.filter(_SHARPEN_KERNEL)
    return ImageChops.lighter(_lowest(image), ImageChops.darker(_highest(image), sharp))


def _highest(image: Image.Image) -> Image.Image:
    """Return the maximum of each pixel and its neighbours, 10 times faster than MaxFilter."""
    width, height = image.size
    for x, y in ((1, 0), (0, 1)):
        before = image.crop((-x, -y, width - x, height - y))  # zeros beyond the edge
        after = image.crop((x, y, width + x, height + y))
        image = ImageChops.lighter(image, ImageChops.lighter(before, after))
    return image


def _lowest(image: Image.Image) -> Image.Image:
    return ImageChops.invert(_highest(ImageChops.invert(image)))

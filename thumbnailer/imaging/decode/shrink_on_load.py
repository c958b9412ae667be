"""Shrink-on-load: decode a picture at a reduced size that is large enough for its thumbnail."""

from __future__ import annotations

from math import ceil

from PIL import ImageFile, features

from thumbnailer.imaging.memory import coefficient_bytes, picture_bytes
from thumbnailer.recipe import Limits

# The decoded picture is at least this many times larger than the thumbnail. Mean and lowest SSIM
# against one full Lanczos pass, for 36 camera JPEGs at 13 sizes: 2.0 gives .9986 and .977, 1.75
# .9984 and .977, 1.5 .9980 and .977; libvips, which uses 2.0, gives .9976 and .974. At 1.5 the mean
# colour difference from a full decode reaches 1.2 (CIEDE2000) in one picture; at 1.75 it is below 1
# in all. At 1.75, pictures of 4000 px are shrunk to 1/8 for 256 px; at 2.0 they would not be.
SHRINKING_GAP = 1.75

# The key in `Image.info` of a raw picture whose preview is not to be shrunk.
UNSHRUNK_PREVIEW = "unshrunk preview"

_SHRINKABLE = {"JPEG", "RAW", "SVG"}


def can_shrink(image: ImageFile.ImageFile) -> bool:
    """Return whether the decoder can produce a smaller picture.

    libjpeg can, at 1/2, 1/4 or 1/8, as part of the inverse DCT; a raw picture has a preview, and an
    SVG is drawn in any size.
    """
    return image.format in _SHRINKABLE


def shrink_on_load(image: ImageFile.ImageFile, size: tuple[int, int]) -> None:
    """Set the decoder to produce the smallest picture that a thumbnail of `size` (px) needs.

    It must be one that can shrink. Call this before anything loads the pixels.
    """
    width, height = size
    image.draft(None, (ceil(width * SHRINKING_GAP), ceil(height * SHRINKING_GAP)))


def shrink_for_light(image: ImageFile.ImageFile, size: tuple[int, int], limits: Limits) -> None:
    """Set the decoder to produce a picture that is averaged in linear light for `size` (px).

    libjpeg averages values, which darkens small lights: a JPEG is decoded in full, or as large as
    memory allows.
    """
    if image.format in ("RAW", "SVG"):
        image.info[UNSHRUNK_PREVIEW] = True
        shrink_on_load(image, size)
        return
    width, height = image.size
    for scale in (1, 2, 4):
        part = ceil(width / scale), ceil(height / scale)
        if (
            picture_bytes("JPEG", image.mode, part) + coefficient_bytes(image)
            <= limits.memory_bytes
        ):
            image.draft(None, part)
            return
    shrink_on_load(image, size)


def picture_extent(size: tuple[int, int], full: tuple[int, int]) -> tuple[float, float]:
    """Return the exact, fractional size in px of the picture within its decoded pixels.

    1/8 of 1017 columns is 127.125, but libjpeg rounds up to 128. Using 128 would stretch the
    picture: SSIM falls to .947.

    Args:
        size: width and height of the decoded pixels, in px.
        full: width and height of the whole picture, in px.
    """
    for scale in (2, 4, 8):
        if size == (ceil(full[0] / scale), ceil(full[1] / scale)):
            return full[0] / scale, full[1] / scale
    return size


def is_shrunk_to_eighth(image: ImageFile.ImageFile) -> bool:
    """Return whether a JPEG will be decoded at 1/8 by libjpeg-turbo: one pixel per DCT block.

    False with other libjpegs: it is unknown which parts of the file they need at this size.
    """
    return image.decoderconfig[:1] == (8,) and bool(features.check("libjpeg_turbo"))


def shrink_like(image: ImageFile.ImageFile, again: ImageFile.ImageFile) -> None:
    """Set another attempt at a picture to shrink as the first was set to."""
    if can_shrink(image) and image.decoderconfig:
        scale = image.decoderconfig[0]
        again.draft(None, (again.width // scale, again.height // scale))

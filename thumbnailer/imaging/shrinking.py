"""Shrink-on-load: let the decoder leave out what the thumbnail will not show."""

from __future__ import annotations

from math import ceil

from PIL import ImageFile, features

from thumbnailer.imaging.fit import REDUCING_GAP

_SHRINKABLE = {"JPEG", "MPO", "RAW"}


def can_shrink(image: ImageFile.ImageFile) -> bool:
    """Whether the decoder can produce a smaller picture: libjpeg does, by 1/2, 1/4 or 1/8, as part
    of the inverse DCT, and a raw picture has a preview."""
    return image.format in _SHRINKABLE


def shrink_on_load(image: ImageFile.ImageFile, size: tuple[int, int]) -> None:
    """Tell a decoder that can shrink to produce no more than a thumbnail of `size` (px) needs.

    Must come before anything loads the pixels.
    """
    width, height = size
    image.draft(None, (ceil(width * REDUCING_GAP), ceil(height * REDUCING_GAP)))


def has_pixel_for_block(image: ImageFile.ImageFile) -> bool:
    """Whether a JPEG was told to shrink to an eighth: one pixel for each block of the DCT.

    What other libjpegs than libjpeg-turbo then need of the file is not known here.
    """
    return image.decoderconfig[:1] == (8,) and bool(features.check("libjpeg_turbo"))

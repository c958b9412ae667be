"""Shrink-on-load: let the decoder leave out what the thumbnail will not show."""

from __future__ import annotations

from math import ceil

from PIL import ImageFile

from thumbnailer.imaging.fit import REDUCING_GAP


def shrink_on_load(image: ImageFile.ImageFile, size: tuple[int, int]) -> None:
    """Tell a JPEG decoder to produce no more than is needed for a thumbnail of `size` (px).

    libjpeg scales by 1/2, 1/4 or 1/8 as part of the inverse DCT. Other formats don't; for them
    this does nothing. Must come before anything loads the pixels.
    """
    width, height = size
    image.draft(None, (ceil(width * REDUCING_GAP), ceil(height * REDUCING_GAP)))

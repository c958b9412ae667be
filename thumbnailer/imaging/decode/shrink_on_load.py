"""Shrink-on-load: let the decoder leave out what the thumbnail will not show."""

from __future__ import annotations

from math import ceil

from PIL import ImageFile, features

# How many times larger than the thumbnail a decoder leaves a picture. Mean and lowest SSIM against
# one full Lanczos pass, of 36 camera JPEGs at 13 sizes: 2.0 gives .9986 and .977, 1.75 .9984 and
# .977, 1.5 .9980 and .977; libvips, which has 2.0, gives .9976 and .974. At 1.5 a picture's colours
# differ from those of a full decoding by 1.2 (CIEDE2000) at the mean, at 1.75 none's do by 1.
# Pictures of 4000 px are shrunk by 1/8 for 256 px, as they would not be at 2.0.
SHRINKING_GAP = 1.75

# The same where boxes of pixels become one each, for which see REDUCING_GAP.
BOX_GAP = 2.0

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
    image.draft(None, (ceil(width * SHRINKING_GAP), ceil(height * SHRINKING_GAP)))


def picture_extent(size: tuple[int, int], full: tuple[int, int]) -> tuple[float, float]:
    """How much of what was decoded is picture, in px: of 1017 columns 1/8 are 127.125, where
    libjpeg makes 128. To take these for the picture would stretch it: SSIM falls to .947.

    Args:
        size: of what was decoded, in px.
        full: of the picture, in px.
    """
    for scale in (2, 4, 8):
        if size == (ceil(full[0] / scale), ceil(full[1] / scale)):
            return full[0] / scale, full[1] / scale
    return size


def is_shrunk_to_eighth(image: ImageFile.ImageFile) -> bool:
    """Whether a JPEG was told to shrink to an eighth: one pixel for each block of the DCT.

    What other libjpegs than libjpeg-turbo then need of the file is not known here.
    """
    return image.decoderconfig[:1] == (8,) and bool(features.check("libjpeg_turbo"))

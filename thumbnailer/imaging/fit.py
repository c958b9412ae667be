"""How large a thumbnail is, and the resampling that makes it so."""

from __future__ import annotations

from PIL import Image

from thumbnailer.model import Box

# How many times larger than the thumbnail a picture stays until the last, good resampling step.
# SSIM against one full Lanczos pass: 1.0 gives .983, 1.5 .995, 2.0 .997 (176 camera JPEGs).
REDUCING_GAP = 2.0


def contain(size: tuple[int, int], box: Box) -> tuple[int, int]:
    """The largest size, in px, that keeps the picture's shape, fits into the box and is no larger
    than the picture. Sides are rounded to the nearest px, halves up, and never below 1.
    """
    width, height = size
    box_width = min(box.width or width, width)
    box_height = min(box.height or height, height)
    if box_width * height <= box_height * width:  # the width decides
        return box_width, max(1, (2 * height * box_width + width) // (2 * width))
    return max(1, (2 * width * box_height + height) // (2 * height)), box_height


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resample to `size` (px) with Lanczos; Pillow premultiplies alpha by itself."""
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=REDUCING_GAP)

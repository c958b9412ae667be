"""A finished picture into the bytes of a file, with nothing in it but the picture."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from thumbnailer.imaging.colour import flattened
from thumbnailer.model import Picture, Recipe


def encode(
    image: Image.Image,
    recipe: Recipe,
    *,
    exif: bytes = b"",
    profile: bytes = b"",
    text: tuple[tuple[str, str], ...] = (),
) -> Picture:
    """The content of a file that holds the picture and nothing else but what is given.

    Args:
        image: L, LA, RGB or RGBA.
        recipe: its format, quality and so on; `jpeg` puts transparent pictures over the background.
        exif: metadata to keep, as an EXIF block.
        profile: the ICC profile of the picture; without one sRGB is assumed.
        text: keys and values for a `png` (PNG specification, tEXt).
    """
    format = recipe.format
    if format == "jpeg":
        image = flattened(image, recipe.background)
    options: dict[str, dict[str, Any]] = {
        "jpeg": {"quality": recipe.quality, "optimize": True},
        "png": {"optimize": False},
        "webp": {"quality": recipe.quality, "method": 4},
    }
    # Pillow writes some of what a source's header held (comment, profile, transparency) again.
    image.info = {}
    buffer = io.BytesIO()
    image.save(buffer, format, **options[format])
    return Picture(buffer.getvalue(), format, *image.size)

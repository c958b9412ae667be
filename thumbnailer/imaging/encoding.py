"""A finished picture into the bytes of a file, with nothing in it but the picture."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from thumbnailer.imaging.colour import flattened


def encode(image: Image.Image, format: str, quality: int) -> bytes:
    """The bytes of a `jpeg`, `png` or `webp` file; no metadata, no profile (sRGB is assumed).

    Args:
        image: L, LA, RGB or RGBA.
        format: `jpeg` puts transparent pictures over white.
        quality: 1 to 100; without meaning for `png`.
    """
    if format == "jpeg":
        image = flattened(image)
    options: dict[str, dict[str, Any]] = {
        "jpeg": {"quality": quality, "optimize": True},
        "png": {"optimize": False},
        "webp": {"quality": quality, "method": 4},
    }
    # Pillow writes some of what a source's header held (comment, profile, transparency) again.
    image.info = {}
    buffer = io.BytesIO()
    image.save(buffer, format, **options[format])
    return buffer.getvalue()

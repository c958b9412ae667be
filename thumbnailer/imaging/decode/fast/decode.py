"""Decode a picture faster than Pillow does, and no larger than needed where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

from PIL import Image

from thumbnailer.imaging.decode.fast.png import can_decode_png, decode_png
from thumbnailer.imaging.decode.fast.webp import can_decode_webp, decode_webp
from thumbnailer.imaging.geometry.orientation import orientation_of
from thumbnailer.imaging.memory import claim_memory

if TYPE_CHECKING:
    from thumbnailer.imaging.decode.open import OpenPicture

_DECODERS = {"PNG": (can_decode_png, decode_png), "WEBP": (can_decode_webp, decode_webp)}

Size = tuple[int, int]


def decode_fast(opened: OpenPicture, needed: Callable[[int], Size]) -> Image.Image | None:
    """Decode a picture; at a reduced size that is large enough, if that is faster.

    The claim is for what Pillow needs, which decodes it after all where that is too little here.

    Args:
        needed: returns the size in px that is needed, given the picture's orientation (1 to 8).

    Returns:
        The picture with all `info` of the opened image; None where Pillow has to decode it.

    Raises:
        LimitError: it needs more memory than allowed.
    """
    image, file = opened.image, opened.file
    if image.format not in _DECODERS:
        return None
    can_decode, decode = _DECODERS[image.format]
    if not can_decode(image):
        return None
    claim_memory(image, opened.limits, opened.claim)
    try:
        file.seek(0)
        max_bytes = prod(image.size) * len(image.getbands())
        data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            return None
        found = decode(image, data, _scale(image, needed))
    except Exception:  # Pillow reports the fault
        return None
    finally:
        file.seek(0)
    if found:
        found.info = dict(image.info)
    return found


def _scale(image: Image.Image, needed: Callable[[int], Size]) -> float:
    """Return how many times larger than its largest thumbnail a picture is."""
    header = Image.new("1", (1, 1))  # asking a PNG itself would load it
    header.info = image.info
    width, height = needed(orientation_of(header))
    return min(image.width / width, image.height / height)

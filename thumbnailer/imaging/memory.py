"""How much memory a picture takes, told by its header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from PIL import Image, ImageFile

from thumbnailer.imaging.failures import LimitError
from thumbnailer.recipe import Limits

Claim = Callable[[int], None]
Size = tuple[int, int]

# Bytes a pixel at the peak, which is in the decoder or while resizing: growth of the address space
# at 40 megapixels, rounded up (Pillow 13).
_BY_MODE = {"1": 3, "L": 2, "I;16": 7, "RGB": 7, "CMYK": 7, "RGBA": 11, "LA": 11, "F": 12}
_BY_OTHER_MODE = 11
# Decoders that hold several copies of the whole picture.
_BY_FORMAT = {"WEBP": 28, "AVIF": 16, "HEIF": 16, "PPM": 14, "RAW": 20}

_BY_FORMAT_AND_MODE = {("JPEG2000", "L"): 8, ("JPEG2000", "RGB"): 20, ("JPEG2000", "RGBA"): 26}

# Bytes a pixel of a thumbnail that is larger than its source: itself, a step on the way to it, and
# what encoders make of it.
_CANVAS_PIXEL_BYTES = 12

# Under this name `Image.info` says what a decoder holds whatever the size, in bytes.
HELD_BYTES = "held_bytes"


def claim_memory(image: ImageFile.ImageFile, limits: Limits, claim: Claim) -> None:
    """Claim the memory that decoding and resizing a picture will take; may wait for it.

    Args:
        image: as it will be decoded: shrunk on load where that is done.

    Raises:
        LimitError: it needs more than a worker may take.
    """
    needed = picture_bytes(image.format or "", image.mode, image.size) + coefficient_bytes(image)
    needed += image.info.get(HELD_BYTES, 0)
    check_bytes(needed, limits)
    claim(needed)


def claim_canvas_memory(
    image: Image.Image, format: str, sizes: Sequence[Size], limits: Limits, claim: Claim
) -> None:
    """Claim anew, with that of the thumbnails, where these are larger than the picture.

    Args:
        image: as it was decoded.
        format: that it was decoded from.
        sizes: of the thumbnails, in px.

    Raises:
        LimitError: they need more than a worker may take.
    """
    pixels = sum(map(prod, sizes))
    if pixels > prod(image.size):
        needed = picture_bytes(format, image.mode, image.size) + pixels * _CANVAS_PIXEL_BYTES
        check_bytes(needed, limits)
        claim(needed)


def picture_bytes(format: str, mode: str, size: tuple[int, int]) -> int:
    """What a picture of `size` (px) takes at the peak."""
    by_format = _BY_FORMAT_AND_MODE.get((format, mode)) or _BY_FORMAT.get(format)
    return prod(size) * (by_format or _BY_MODE.get(mode, _BY_OTHER_MODE))


def check_bytes(needed: int, limits: Limits) -> None:
    """
    Raises:
        LimitError: it is more than a worker may take.
    """
    if needed > limits.memory_bytes:
        raise LimitError(
            f"needs about {needed >> 20} MiB to decode: more than the limit of "
            f"{limits.memory_bytes >> 20} (worker_memory)"
        )


def coefficient_bytes(image: ImageFile.ImageFile) -> int:
    """What libjpeg keeps of a progressive JPEG until the last scan: 2 bytes a sample, unshrunk."""
    if not image.info.get("progressive"):
        return 0
    scale: int = image.decoderconfig[0] if image.decoderconfig else 1
    # (component, horizontal and vertical sampling factor, quantisation table)
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    factors = [horizontal * vertical for _, horizontal, vertical, _ in layers]
    return 2 * prod(image.size) * scale**2 * sum(factors) // max(factors, default=1)

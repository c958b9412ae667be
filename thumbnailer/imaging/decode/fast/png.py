"""Decode PNG pictures with libvips, where the extra `vips` is installed."""

from __future__ import annotations

import io
from math import ceil, prod

from PIL import ImageFile

from thumbnailer.imaging.containers.png_chunks import png_chunks
from thumbnailer.imaging.decode.fast.vips import load_pyvips, to_pillow
from thumbnailer.imaging.decode.shrink_on_load import Shrunk
from thumbnailer.imaging.geometry.fit import REDUCING_GAP

# From here on it makes up for the 45 ms that loading libvips takes.
_MIN_PIXELS = 1_000_000

# Encoders write PNG chunks of 8 KiB or more; those of decompression bombs may be empty.
_MAX_CHUNKS = 20_000


def can_decode_png(image: ImageFile.ImageFile) -> bool:
    """Return whether a PNG is of a usual kind, and large enough; a chunk may still be unusual."""
    mode = image.mode
    is_usual = mode in ("L", "LA", "RGB", "RGBA") and image.tile[0].args == mode  # 8 bits
    is_plain = not image.info.get("interlace") and "transparency" not in image.info
    return is_usual and is_plain and prod(image.size) >= _MIN_PIXELS and bool(load_pyvips())


def decode_png(image: ImageFile.ImageFile, data: bytes, scale: float) -> Shrunk | None:
    """Decode a PNG that can be and average boxes of its pixels; None leaves it to Pillow.

    With alpha, it is decoded at full size: that alone saves as much time, and averaging would first
    have to weight the colours.

    Args:
        scale: how many times larger than its largest thumbnail it is.
    """
    mode, boxes = image.mode, int(scale / REDUCING_GAP)
    if (boxes < 2 and not mode.endswith("A")) or not _is_plain_png(data):
        return None
    decoded = load_pyvips().Image.pngload_buffer(data, access="sequential", fail_on="warning")
    if mode.endswith("A"):
        return to_pillow(decoded, mode), image.size
    picture = to_pillow(decoded.shrink(boxes, boxes, ceil=True), mode)
    if picture.size != (ceil(image.width / boxes), ceil(image.height / boxes)):
        return None
    return picture, (image.width / boxes, image.height / boxes)


def _is_plain_png(data: bytes) -> bool:
    """Return whether a PNG is a complete still picture without chunks after its pixels.

    Such a chunk could hold an orientation, which is not read here.
    """
    file, in_pixels = io.BytesIO(data), False
    for kind, _ in png_chunks(file, _MAX_CHUNKS):
        if kind == b"IEND":
            return in_pixels and len(file.read(4)) == 4  # its checksum
        if kind == b"acTL" or (in_pixels and kind != b"IDAT"):
            return False
        in_pixels = in_pixels or kind == b"IDAT"
    return False

"""Decode still WebP pictures at the size that their thumbnails need, with libwebp itself."""

from __future__ import annotations

import struct
from math import ceil

from PIL import Image, ImageFile

from thumbnailer.imaging.decode.fast.libwebp import Size, find_decoder

# A scaled picture is at least this many times larger than the thumbnail. What that costs of full
# decoding's SSIM, for 24 camera pictures at 256, 400, 700 and 1024 px: at 2.25 .0005 in the mean
# and .0009 at most, at 2.0 .0008 and .0014, at 2.5 .0004 and .0007.
_GAP = 2.25

# Below these factors scaling costs more than it saves: 12 megapixels to 1024 px take 93 ms in full,
# 96 at 1.3 and 74 at 1.56. A lossless picture is scaled pixel by pixel after it was decoded.
_LOSSY_SHRINK, _LOSSLESS_SHRINK = 1.5, 2.0

# A flag of VP8X.
_HAS_ALPHA = 0x10


def can_decode_webp(image: ImageFile.ImageFile) -> bool:
    """Return whether a WebP is a still picture, and there is what decodes it."""
    is_usual = image.mode in ("RGB", "RGBA") and getattr(image, "n_frames", 1) == 1
    return is_usual and find_decoder() is not None


def decode_webp(image: ImageFile.ImageFile, data: bytes, scale: float) -> Image.Image | None:
    """Decode a WebP that can be, perhaps at a reduced size; None leaves it to Pillow.

    Args:
        scale: how many times larger than its largest thumbnail it is.
    """
    decoder, still = find_decoder(), _still(data)
    if not decoder or not still:
        return None
    size = _size_for(image, still, scale / _GAP)
    pixels = decoder(still, image.size, size)
    if pixels is None:
        return None
    mode = "RGBA" if image.mode == "RGBA" else "RGBX"
    picture = Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)
    # Without a copy. The content fills the picture, whatever was rounded.
    return Image.fromarrow(picture, "RGB", size) if mode == "RGBX" else picture


def _still(data: bytes) -> bytes | None:
    """Return a WebP up to the end of its pixels; None if they are cut off, or those of a frame.

    Where they are damaged, libwebp would read on in what follows them. It also takes alpha that the
    header denies, unlike Pillow.

    Format: RFC 9649, section 2.
    """
    at, is_opaque = 12, data[12:16] == b"VP8X" and not data[20] & _HAS_ALPHA
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if kind == b"ALPH" and is_opaque:
            return None
        if kind in (b"VP8 ", b"VP8L"):
            # The pad of lossless ones would be read on in, too; others are not taken without it.
            chunks = data[at:end] if kind == b"VP8L" else data[12:end] + bytes(length % 2)
            riff = struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WEBP")
            return riff + chunks if end <= len(data) else None
        at = end + length % 2
    return None


def _size_for(image: Image.Image, data: bytes, factor: float) -> Size:
    """Return the size in px to decode to, which may be `factor` times smaller.

    Of lossy ones with alpha, libwebp would mix invisible colours into what is seen.
    """
    is_lossless = data[12:16] == b"VP8L"
    is_mixed = image.mode == "RGBA" and not is_lossless
    if is_mixed or factor < (_LOSSLESS_SHRINK if is_lossless else _LOSSY_SHRINK):
        return image.size
    return ceil(image.width / factor), ceil(image.height / factor)

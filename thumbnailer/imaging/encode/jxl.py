"""Encode JPEG XL pictures with the optional extra `jxl`.

Opaque ones go by way of JPEG, whose coefficients JPEG XL stores in 9 to 15 % fewer bytes. Pixels
are encoded only where some are transparent, which a JPEG can't be: pylibjxl leaves out the format's
own colours (XYB), and a photograph of 256 px takes 17 kB then, where by way of JPEG it takes 8 and
looks the same (SSIM 0.973).
"""

from __future__ import annotations

import io
from types import ModuleType

from PIL import Image

from thumbnailer.imaging.containers.boxes import JXL_STARTS, codestream
from thumbnailer.imaging.containers.exif import EXIF_START
from thumbnailer.imaging.encode.palette import is_opaque
from thumbnailer.imaging.memory import one_thread
from thumbnailer.recipe import Recipe

# How a file in boxes begins: ISO/IEC 18181-2:2024, 9.1 and 9.2.
_START = JXL_STARTS[1] + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "

# What comes before EXIF data in their box: 9.5.
_EXIF_OFFSET = bytes(4)


def encode_jxl(
    image: Image.Image, recipe: Recipe, quality: int, exif: bytes, profile: bytes
) -> bytes:
    """Return the content of a JPEG XL file.

    Args:
        image: L, LA, RGB or RGBA.
        recipe: of which the subsampling counts where all pixels are opaque.
        quality: 1 to 100.
        exif: an EXIF block, or b"".
        profile: an ICC profile; b"" for sRGB.
    """
    if is_opaque(image):
        made = _from_jpeg(_as_jpeg(image, recipe, quality, profile))
    else:
        made = _from_pixels(image.convert("RGBA"), quality, profile)
    # What turns it into the JPEG again that it was, some 150 bytes, is left out.
    alone = codestream(io.BytesIO(made))
    if not exif:
        return alone
    block = _EXIF_OFFSET + exif.removeprefix(EXIF_START)
    return _START + _box(b"Exif", block) + _box(b"jxlc", alone)


def _as_jpeg(image: Image.Image, recipe: Recipe, quality: int, profile: bytes) -> bytes:
    opaque = image.convert("L" if image.mode in ("L", "LA") else "RGB")
    chroma = {} if opaque.mode == "L" else {"subsampling": recipe.subsampling}
    buffer = io.BytesIO()
    opaque.save(buffer, "JPEG", quality=quality, icc_profile=profile, **chroma)
    return buffer.getvalue()


def _from_jpeg(data: bytes) -> bytes:
    """Return a JPEG's picture as JPEG XL."""
    with import_pylibjxl().JXL(threads=1, pool_size=1) as encoder:
        made: bytes = encoder.jpeg_to_jxl(data)
    return made


def _from_pixels(image: Image.Image, quality: int, profile: bytes) -> bytes:
    """Return pixels as JPEG XL."""
    import numpy

    distance = _distance(quality)
    with import_pylibjxl().JXL(distance=distance, threads=1, pool_size=1) as encoder:
        made: bytes = encoder.encode(numpy.array(image), icc=profile or None)
    return made


def _distance(quality: int) -> float:
    """Return the Butteraugli distance of a quality, as `JxlEncoderDistanceFromQuality` does."""
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def _box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4) + kind + content


def import_pylibjxl() -> ModuleType:
    """Return the module that reads and writes JPEG XL, which takes 0.2 s to import."""
    with one_thread("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        import pylibjxl
    return pylibjxl

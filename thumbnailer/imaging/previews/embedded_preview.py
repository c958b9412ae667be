"""Use the preview that a camera embeds in a JPEG, in place of decoding the whole picture.

It is in the EXIF data (EXIF 2.32, 4.5.5), mostly with 160 x 120 px. Some cameras append a larger
one and list it in an index (CIPA DC-007, MPF).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from typing import BinaryIO

from PIL import Image, ImageFile

from thumbnailer.imaging.containers.exif import Exif, exif_block, read_directory, read_exif
from thumbnailer.imaging.decode.open import OpenPicture, open_picture
from thumbnailer.imaging.decode.shrink_on_load import shrink_on_load
from thumbnailer.imaging.memory import claim_memory
from thumbnailer.imaging.previews.partial_jpeg import band_memory_bytes, decode_bands
from thumbnailer.imaging.previews.preview_match import mismatch_reason
from thumbnailer.recipe import Limits

Size = tuple[int, int]

# Tags: EXIF 2.32, 4.6.3 to 4.6.5, and for previews JPEGInterchangeFormat and its length.
_ORIENTATION, _DATE_TIME, _PREVIEW_START, _PREVIEW_LENGTH = 0x0112, 0x0132, 0x0201, 0x0202
_DATE_TIME_ORIGINAL, _WIDTH, _HEIGHT = 0x9003, 0xA002, 0xA003

# CIPA DC-007, 5.2.3: the list of pictures, 16 bytes each, and the picture types that are previews.
_MP_NAME, _MP_ENTRIES, _MP_ENTRY = b"MPF\0", 0xB002, "III4x"
_MP_PREVIEWS = (0x010001, 0x010002)
_HEADER_BYTES = 1 << 18

# Signs of an editor, which cameras do not write: the JFIF header that libjpeg writes, and metadata
# of Adobe.
_SIGNS_OF_EDITS = {"jfif", "adobe", "photoshop", "progressive"}
_SIGNS_IN_XMP = (b"ModifyDate", b"MetadataDate", b"xmpMM:", b"photoshop:", b"crs:")

# A Full HD preview takes 1 MB.
_MAX_PREVIEW_BYTES = 4 << 20

# How far a preview's shape may differ from the picture's: its sides are rounded to whole px.
_SHAPE_PX, _SHAPE_SHARE = 1.5, 0.01

# Highest luma of the black bars beside a preview: compression raises it up to 15.
_MAX_BLACK = 24


class _Unsuitable(Exception):
    """The preview can't be used; the message says why."""


def preview_size(image: ImageFile.ImageFile, file: BinaryIO) -> Size | None:
    """Return the width and height in px of a picture's largest preview; None without previews."""
    size = None
    with suppress(Exception):  # damaged EXIF data may raise anything
        block = exif_block(image)
        for data in _previews(image, file, block, read_exif(block)):
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as preview:
                size = preview.size
    return size


def choose_preview(
    picture: OpenPicture, size: Size, verified: bool
) -> tuple[Image.Image | None, str]:
    """Choose a preview that is large enough for a thumbnail and not older than its picture.

    Its age is judged from metadata, as far as these tell.

    Args:
        size: width and height in px of the whole picture at the thumbnail's scale.
        verified: whether to compare the preview with a part of the picture too.

    Returns:
        The loaded preview without bars, or None if the picture must be decoded; and why none is
        used, "" if one is, or if there is none.
    """
    try:
        return _suitable_preview(picture, size, verified), ""
    except _Unsuitable as reason:
        return None, str(reason)
    except Exception:  # damaged EXIF data and previews may raise anything
        return None, "makes no sense"


def _suitable_preview(picture: OpenPicture, size: Size, verified: bool) -> Image.Image:
    image, file, profile, _, limits, claim = picture
    block = exif_block(image)
    if image.format != "JPEG" or not block:
        raise _Unsuitable("")
    exif = read_exif(block)
    _check_age(image, exif)
    if profile and not verified:
        raise _Unsuitable("may have other colours than the picture, which are not those of sRGB")
    preview = _open_large_enough(image, _previews(image, file, block, exif), size, limits)
    bands_bytes = band_memory_bytes(file) if verified else 0
    claim_memory(preview, limits, lambda needed: claim(needed + bands_bytes))
    preview.load()
    cropped = _crop_bars(preview, image.size)
    if cropped.width + 1 < size[0] or cropped.height + 1 < size[1]:
        raise _Unsuitable("is smaller than the thumbnail")
    if verified:
        try:
            bands = decode_bands(file, limits)
        except EOFError:
            raise _Unsuitable("can't be compared with the picture, which is truncated") from None
        except Exception:
            raise _Unsuitable("can't be compared with a part of the picture") from None
        if reason := mismatch_reason(cropped, bands):
            raise _Unsuitable(reason)
    return cropped


def _check_age(image: ImageFile.ImageFile, exif: Exif) -> None:
    """Check that the picture was not edited after its preview was made.

    Raises:
        _Unsuitable: it may have been.
    """
    original = exif.taking.get(_DATE_TIME_ORIGINAL)
    xmp = image.info.get("xmp", b"")
    orientation = exif.picture.get(_ORIENTATION, 1)
    if (
        not original
        or exif.picture.get(_DATE_TIME, original) != original
        or (exif.taking.get(_WIDTH), exif.taking.get(_HEIGHT)) != image.size
        or exif.preview.get(_ORIENTATION, orientation) != orientation
        or _SIGNS_OF_EDITS & image.info.keys()
        or any(sign in xmp for sign in _SIGNS_IN_XMP)
    ):
        raise _Unsuitable("may be older than the picture, which was edited")


def _previews(
    image: ImageFile.ImageFile, file: BinaryIO, block: bytes, exif: Exif
) -> Iterator[bytes]:
    """Yield the JPEG files of a picture's previews, from small to large."""
    start, length = exif.preview.get(_PREVIEW_START), exif.preview.get(_PREVIEW_LENGTH)
    if isinstance(start, int) and isinstance(length, int):
        yield block[start : start + length]
    index = image.info.get("mp")
    if not index:
        return
    file.seek(0)
    base = file.read(_HEADER_BYTES).index(_MP_NAME + index) + len(_MP_NAME)  # not in Pillow's info
    order = "<" if index[:2] == b"II" else ">"
    entries = read_directory(index)[0].get(_MP_ENTRIES)
    assert isinstance(entries, bytes)
    for attribute, length, offset in struct.iter_unpack(order + _MP_ENTRY, entries):
        if attribute & 0xFFFFFF in _MP_PREVIEWS and length <= _MAX_PREVIEW_BYTES:
            file.seek(base + offset)
            yield file.read(length)


def _open_large_enough(
    image: ImageFile.ImageFile, previews: Iterator[bytes], size: Size, limits: Limits
) -> ImageFile.ImageFile:
    """Open the first preview that may be large enough, set to shrink on load to what is needed.

    Raises:
        _Unsuitable: there is none.
    """
    reason = ""
    for data in previews:
        if not data.startswith(b"\xff\xd8"):
            reason = "is no JPEG"
            continue
        preview = open_picture(io.BytesIO(data), limits)
        across, down = _bar_sizes(preview.size, image.size)
        width, height = preview.width - 2 * across, preview.height - 2 * down
        if preview.mode != image.mode:
            reason = "is in other colours than the picture"
        elif width > image.width or height > image.height:
            reason = "is larger than the picture"
        elif width + 1 < size[0] or height + 1 < size[1]:
            reason = "is smaller than the thumbnail"
        else:
            needed = size[0] * preview.width / width, size[1] * preview.height / height
            shrink_on_load(preview, (ceil(needed[0]), ceil(needed[1])))
            return preview
    raise _Unsuitable(reason)


def _bar_sizes(preview: Size, picture: Size) -> tuple[float, float]:
    """Return the width in px of the bars at left and right, and at top and bottom, of a preview."""
    width, height = preview
    across = (width - height * picture[0] / picture[1]) / 2
    down = (height - width * picture[1] / picture[0]) / 2
    if 2 * across > max(_SHAPE_PX, _SHAPE_SHARE * width):
        return across, 0.0
    if 2 * down > max(_SHAPE_PX, _SHAPE_SHARE * height):
        return 0.0, down
    return 0.0, 0.0


def _crop_bars(preview: Image.Image, picture: Size) -> Image.Image:
    """Crop the black bars beside a preview whose shape is not the picture's.

    Raises:
        _Unsuitable: the bars are not black, or not as wide as expected.
    """
    across, down = _bar_sizes(preview.size, picture)
    if not across and not down:
        return preview
    bright = preview.convert("L").point([0 if value <= _MAX_BLACK else 255 for value in range(256)])
    left, top, right, bottom = bright.getbbox() or (0, 0, 0, 0)
    width, height = preview.size
    x, y = _bar_width(left, width - right, across), _bar_width(top, height - bottom, down)
    return preview.crop((x, y, width - x, height - y))


def _bar_width(one: int, other: int, expected: float) -> int:
    """Return the width in px to crop at two opposite edges; it may cut a little off the picture."""
    if not expected:
        return 0
    low, high = sorted((one, other))
    if high - low > 1 or low + 1 < expected or high > expected * 1.05 + 2:
        raise _Unsuitable("has another shape than the picture")
    return max(high, ceil(expected))

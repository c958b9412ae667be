"""A small picture in place of a large one: the preview that a camera puts into its JPEG.

It is in the EXIF data (EXIF 2.32, 4.5.5), mostly of 160 x 120 px; some cameras append a larger one
and name it in an index (CIPA DC-007, MPF).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageFile

from thumbnailer.imaging.containers.exif import Exif, block_of, directory, read_exif
from thumbnailer.imaging.decode.open import open_picture
from thumbnailer.imaging.decode.shrink_on_load import shrink_on_load
from thumbnailer.imaging.memory import Claim, claim_memory
from thumbnailer.imaging.previews.partial_jpeg import band_memory_bytes, decode_bands
from thumbnailer.imaging.previews.preview_match import mismatch_reason
from thumbnailer.recipe import Limits

Size = tuple[int, int]

# Tags: EXIF 2.32, 4.6.3 to 4.6.5, and for previews JPEGInterchangeFormat and its length.
_ORIENTATION, _DATE_TIME, _START, _LENGTH = 0x0112, 0x0132, 0x0201, 0x0202
_DATE_TIME_ORIGINAL, _WIDTH, _HEIGHT = 0x9003, 0xA002, 0xA003

# CIPA DC-007, 5.2.3: the list of pictures, 16 bytes each, and the types that are previews.
_MP_NAME, _MP_ENTRIES, _MP_ENTRY = b"MPF\0", 0xB002, "III4x"
_MP_PREVIEWS = (0x010001, 0x010002)
_HEADER_BYTES = 1 << 18

# What cameras do not write, and editors do: the header of JFIF, which libjpeg writes, and what is
# Adobe's.
_SIGNS_OF_EDITS = {"jfif", "adobe", "photoshop", "progressive"}
_SIGNS_IN_XMP = (b"ModifyDate", b"MetadataDate", b"xmpMM:", b"photoshop:", b"crs:")

# Full HD takes 1 MB.
_MAX_BYTES = 4 << 20

# By how much a preview's shape may differ from the picture's, whose sides it has in whole pixels.
_SHAPE_PX, _SHAPE_SHARE = 1.5, 0.01

# Black beside a preview goes up to 15, after its compression.
_BLACK = 24


class PreviewChoice(NamedTuple):
    """Whether a preview stands in for its picture.

    Attributes:
        image: the picture, small; None if it must be decoded.
        reason: why it must be.
    """

    image: Image.Image | None
    reason: str


class _Unsuitable(Exception):
    """Why a preview will not do."""


def preview_size(image: ImageFile.ImageFile, file: BinaryIO) -> Size | None:
    """Width and height in px of the largest preview of a picture; None if there is none."""
    size = None
    with suppress(Exception):  # whatever broken EXIF data come to
        block = block_of(image)
        for data in _previews(image, file, block, read_exif(block)):
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as preview:
                size = preview.size
    return size


def choose_preview(
    image: ImageFile.ImageFile,
    file: BinaryIO,
    size: Size,
    profile: bytes,
    verified: bool,
    limits: Limits,
    claim: Claim,
) -> PreviewChoice:
    """The preview of a picture that is large enough for a thumbnail, and is no older than the
    picture, as far as can be told.

    Args:
        image: as opened from `file`, not yet loaded.
        size: in px, of the whole picture in the thumbnail.
        profile: what the picture's colours are; b"" for sRGB.
        verified: the preview is also compared with a part of the picture.
    """
    try:
        return PreviewChoice(
            _suitable_preview(image, file, size, profile, verified, limits, claim), ""
        )
    except _Unsuitable as reason:
        return PreviewChoice(None, str(reason))
    except Exception:  # whatever broken EXIF data and previews come to
        return PreviewChoice(None, "makes no sense")


def _suitable_preview(
    image: ImageFile.ImageFile,
    file: BinaryIO,
    size: Size,
    profile: bytes,
    verified: bool,
    limits: Limits,
    claim: Claim,
) -> Image.Image:
    block = block_of(image)
    if image.format not in ("JPEG", "MPO") or not block:
        raise _Unsuitable("")
    exif = read_exif(block)
    _check_age(image, exif)
    if profile and not verified:
        raise _Unsuitable("may have other colours than the picture, which are not those of sRGB")
    preview = _large_enough(image, _previews(image, file, block, exif), size, limits)
    others = band_memory_bytes(file) if verified else 0
    claim_memory(preview, limits, lambda needed: claim(needed + others))
    preview.load()
    picture = _without_bars(preview, image.size)
    if picture.width + 1 < size[0] or picture.height + 1 < size[1]:
        raise _Unsuitable("is smaller than the thumbnail")
    if verified:
        try:
            seen = decode_bands(file, limits)
        except EOFError:
            raise _Unsuitable("can't be compared with the picture, which is truncated") from None
        except Exception:
            raise _Unsuitable("can't be compared with a part of the picture") from None
        if reason := mismatch_reason(picture, seen):
            raise _Unsuitable(reason)
    return picture


def _check_age(image: ImageFile.ImageFile, exif: Exif) -> None:
    """
    Raises:
        _Unfit: the picture may have been changed after the preview was made.
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
    """The previews of a picture, from small to large."""
    start, length = exif.preview.get(_START), exif.preview.get(_LENGTH)
    if isinstance(start, int) and isinstance(length, int):
        yield block[start : start + length]
    index = image.info.get("mp")
    if not index:
        return
    file.seek(0)
    base = file.read(_HEADER_BYTES).index(_MP_NAME + index) + len(_MP_NAME)  # not told by Pillow
    order = "<" if index[:2] == b"II" else ">"
    entries = directory(index)[0].get(_MP_ENTRIES)
    assert isinstance(entries, bytes)
    for attribute, length, offset in struct.iter_unpack(order + _MP_ENTRY, entries):
        if attribute & 0xFFFFFF in _MP_PREVIEWS and length <= _MAX_BYTES:
            file.seek(base + offset)
            yield file.read(length)


def _large_enough(
    image: ImageFile.ImageFile,
    previews: Iterator[bytes],
    size: Size,
    limits: Limits,
) -> ImageFile.ImageFile:
    """The first preview that may be large enough, told to shrink to what is needed.

    Raises:
        _Unfit: there is none.
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
    """How many px there must be at the left and right, and at the top and bottom, of a preview
    beside a picture of another shape."""
    width, height = preview
    across = (width - height * picture[0] / picture[1]) / 2
    down = (height - width * picture[1] / picture[0]) / 2
    if 2 * across > max(_SHAPE_PX, _SHAPE_SHARE * width):
        return across, 0.0
    if 2 * down > max(_SHAPE_PX, _SHAPE_SHARE * height):
        return 0.0, down
    return 0.0, 0.0


def _without_bars(preview: Image.Image, picture: Size) -> Image.Image:
    """The preview without the black beside it, where its shape is not the picture's.

    Raises:
        _Unfit: what is there is not black, or not of the width that it must have.
    """
    across, down = _bar_sizes(preview.size, picture)
    if not across and not down:
        return preview
    bright = preview.convert("L").point([0 if value <= _BLACK else 255 for value in range(256)])
    left, top, right, bottom = bright.getbbox() or (0, 0, 0, 0)
    width, height = preview.size
    if across:
        cut = _bar(left, width - right, across)
        return preview.crop((cut, 0, width - cut, height))
    cut = _bar(top, height - bottom, down)
    return preview.crop((0, cut, width, height - cut))


def _bar(one: int, other: int, expected: float) -> int:
    """The width of the bars at two edges, which may go a little into the picture."""
    if (
        abs(one - other) > 1
        or min(one, other) + 1 < expected
        or max(one, other) > expected * 1.05 + 2
    ):
        raise _Unsuitable("has another shape than the picture")
    return max(one, other, ceil(expected))

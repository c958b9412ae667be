"""Decode the pixels of a picture; measure how much of a damaged one is there, and salvage it."""

from __future__ import annotations

import io
from contextlib import suppress
from math import ceil, prod
from typing import BinaryIO

from PIL import Image, ImageFile

from thumbnailer.imaging.colour.depth import to_resizable
from thumbnailer.imaging.containers import cut_short
from thumbnailer.imaging.containers.cut_short import is_cut_short
from thumbnailer.imaging.containers.tiff_pages import PARTS
from thumbnailer.imaging.decode import cut_jpeg
from thumbnailer.imaging.decode.cut_jpeg import decode_cut, decode_in_one_piece, is_arithmetic
from thumbnailer.imaging.decode.open import load_within_limit, open_picture
from thumbnailer.imaging.decode.progressive import keep_dc_scans
from thumbnailer.imaging.decode.readers.heif import unread_heif
from thumbnailer.imaging.decode.readers.jpeg import unread_jpeg
from thumbnailer.imaging.decode.readers.png import without_checksum
from thumbnailer.imaging.decode.rows import differing_rows, fill_missing_rows
from thumbnailer.imaging.decode.shrink_on_load import is_shrunk_to_eighth, shrink_like
from thumbnailer.imaging.failures import (
    DAMAGED,
    NOTE,
    TRUNCATED,
    DamageError,
    LimitError,
    NoPictureError,
    is_of_system,
    unread,
)
from thumbnailer.imaging.geometry.orientation import orientation_of
from thumbnailer.imaging.memory import (
    Claim,
    check_room,
    claim_memory,
    coefficient_bytes,
    needed_bytes,
)
from thumbnailer.recipe import Limits

# The notes on a picture that is whole, in a file that is not.
_END_IS_MISSING = "its end is missing; all rows are there"
_END_IS_DAMAGED = "its end is damaged; all rows are there"

# What tells whether the end of a file is zeros that a decoder takes for pixels. In WebP they can be
# pixels: 50 KB of them were seen of pictures that are black below.
_ENDS_IN_ZEROS = {
    "JPEG": cut_jpeg.ends_in_zeros,
    **dict.fromkeys(("AVIF", "HEIF"), cut_short.ends_in_zeros),
}

# What tells of a picture that could not be decoded that it is of a kind that is not.
_UNREAD_KINDS = {"JPEG": unread_jpeg, "HEIF": unread_heif}

# Taller pictures are not compared row by row: 40 million rows of one pixel took minutes.
_MAX_ROWS = 200_000

# Bytes a pixel that a picture may still hold after its decoder has failed.
_HELD_PIXEL_BYTES = 4

# Distance in columns and rows between the pixels known after each pass of an interlaced (Adam7)
# PNG, from the last pass to the first: PNG specification, 8.2.
_ADAM7_GRIDS = ((1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8))


def load_pixels(
    image: ImageFile.ImageFile, file: BinaryIO, limits: Limits, claim: Claim
) -> tuple[Image.Image, str]:
    """Decode the pixels of a picture within `limits`, which take the place of Pillow's own.

    Args:
        image: as opened from `file`; may be set to shrink on load.
        limits: with `keep_truncated`, the decoded part of a damaged picture is returned.

    Returns:
        The picture, and a note of what is missing from it; "" if there is none.

    Raises:
        LimitError: it needs more memory than allowed.
        DamageError: the data are invalid or end early; the message says where.
        NoPictureError: its coding is not read here.
        OSError: the file can't be read.
    """
    claim_memory(image, limits, claim)
    tell_zeros = _ENDS_IN_ZEROS.get(image.format or "")
    has_zeros = bool(tell_zeros and tell_zeros(file))
    try:
        if has_zeros:
            raise EOFError("truncated, and filled up with zeros")
        if not _decode_dc_only(image):
            load_within_limit(image)
        return image, image.info.get(NOTE, "")
    except Exception as error:
        if is_of_system(error) or isinstance(error, LimitError | NoPictureError):
            raise
        check_room(needed_bytes(image) - _HELD_PIXEL_BYTES * prod(image.size))
        failure = error
    tell_kind = _UNREAD_KINDS.get(image.format or "")
    if tell_kind and (kind := tell_kind(file)):
        raise NoPictureError(unread(kind))
    salvaged, kind = None, DAMAGED
    share: float | None = None
    with suppress(Exception):  # Pillow may raise anything the second time
        cannot_wait = image.format == "JPEG" and is_arithmetic(file)
        if cannot_wait and not has_zeros and (whole := decode_in_one_piece(image, file, limits)):
            return whole, ""
        kind = TRUNCATED if cannot_wait or _ends_early(image, file, failure) else kind
        if image.format == "PNG" and kind == DAMAGED:
            salvaged = _decode_without_checksum(image, file, limits)
        if image.format == "JPEG" and kind == TRUNCATED:
            image.im = Image.new("L", (1, 1)).im  # free the memory of a large picture
            salvaged, share = decode_cut(image, file, limits, claim)
        elif salvaged:
            share = 1
        else:
            salvaged, share = _salvage(image, file, limits)
            if share == 1 and kind == DAMAGED:
                share = None  # somewhere in the data, from where on all may be grey
    if salvaged and share == 1:
        return salvaged, _END_IS_MISSING if kind == TRUNCATED else _END_IS_DAMAGED
    if salvaged and share != 0 and limits.keep_truncated:
        return salvaged, _salvage_note(kind, share)
    if image.format == "JXL" and kind == DAMAGED:  # its decoder does not distinguish the two
        raise DamageError(f"{DAMAGED} or {TRUNCATED}: the data make no sense")
    raise DamageError(_damage_reason(kind, share) + ", with zeros in its place" * has_zeros)


def _decode_dc_only(image: ImageFile.ImageFile) -> bool:
    """Decode a progressive JPEG at 1/8 without its unused scans; return whether that worked.

    The claim for its coefficients covers the memory: libjpeg allocates them only after the file's
    bytes and their pieces were freed; the reduced file remains. In cameras' pictures the file is a
    tenth of the size of the coefficients, the reduced one a hundredth.
    """
    if not image.info.get("progressive") or not is_shrunk_to_eighth(image) or not image.fp:
        return False
    file, tile, max_bytes = image.fp, image.tile, coefficient_bytes(image) // 3
    with suppress(Exception):  # the ordinary decode reports the fault
        file.seek(0)
        reduced = keep_dc_scans(file.read(max_bytes))  # a longer file is cut here: None
        if reduced and len(reduced) < max_bytes // 3:
            image.fp = io.BytesIO(reduced)
            load_within_limit(image)
            return True
    image.fp, image.tile = file, tile
    return False


def _decode_without_checksum(
    image: ImageFile.ImageFile, file: BinaryIO, limits: Limits
) -> Image.Image | None:
    """Return a PNG of which only the checksum of all pixels is wrong; None for others."""
    with suppress(Exception):
        file.seek(0)
        data = file.read(needed_bytes(image))  # a longer file is cut here
        again = open_picture(io.BytesIO(without_checksum(data)), limits)
        load_within_limit(again)
        return again
    return None


def _damage_reason(kind: str, share: float | None) -> str:
    """Describe where a picture is damaged; `share` of its rows, 0 to 1, could be decoded."""
    where = kind if share is None else f"{kind} at {_percent(share)}"
    if kind == TRUNCATED:
        return f"{where}: the end of the file is missing"
    return f"{where}: the data make no sense" + ("" if share is None else " from there on")


def _salvage_note(kind: str, share: float | None) -> str:
    if share is None:
        effect = "it is less sharp than it was" if kind == TRUNCATED else "parts may look wrong"
        return f"{kind}, so {effect}"
    return f"{kind} at {_percent(share)}, the rest is blank"


def _percent(share: float) -> str:
    return f"{max(int(share * 100), 1 if share else 0)} %"


def _ends_early(image: ImageFile.ImageFile, file: BinaryIO, failure: Exception) -> bool:
    """Return whether decoding failed because the data end early, not because they are invalid."""
    if isinstance(failure, DamageError):
        return False
    # PNG and BMP decoders stop at invalid data; at the end of the file, data are missing.
    if image.format in ("PNG", "BMP") and not file.read(1):
        return True
    if image.format in ("HEIF", "JPEG2000", "JXL") and is_cut_short(file):
        return True
    if image.format == "TIFF":  # its decoder does not distinguish the two
        size = file.seek(0, io.SEEK_END)
        tags = image.tag_v2  # type: ignore[attr-defined]
        for starts, lengths in PARTS:
            ends = zip(tags.get(starts, ()), tags.get(lengths, ()), strict=False)
            if any(start + length > size for start, length in ends):
                return True
    # Pillow says "cannot load" of a JPEG that ends within its header.
    return "truncated" in str(failure).lower() or "cannot load" in str(failure)


def _salvage(
    image: ImageFile.ImageFile, file: BinaryIO, limits: Limits
) -> tuple[Image.Image | None, float | None]:
    """Return the decoded part of a damaged picture, gaps filled, and the share of decoded rows.

    The share is 0 to 1; either is None where it can't be known.
    """
    again = open_picture(file, limits)
    if image.format == "TIFF" and (not again.tile or orientation_of(again) != 1):
        return None, None  # decoded by libvips, or rotated by Pillow while loading
    shrink_like(image, again)
    boxes = [tile.extents or (0, 0, *again.size) for tile in again.tile]
    if not boxes:
        return None, None
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    if bottom - top > _MAX_ROWS:
        return None, None
    _decode_over(again, 85 if image.info.get("transparency") != 85 else 170)
    image.tile, again.tile = [], []  # Pillow then takes them for fully loaded
    if image.info.get("interlace"):
        return _finest_complete_grid(image, again)
    missing = list(differing_rows(image, again, (left, top, right, bottom)))
    again.im = Image.new("L", (1, 1)).im  # free the memory of a large picture
    image.readonly = 0  # as after loading
    return (
        fill_missing_rows(image, missing) if limits.keep_truncated or not missing else None,
        1 - len(missing) / (bottom - top),
    )


def _decode_over(image: ImageFile.ImageFile, value: int) -> None:
    """Decode as far as possible into memory filled with `value` instead of zeros.

    Pixels that differ from the first attempt were written in neither.
    """
    prepare, bands = image.load_prepare, len(image.getbands())

    def prepare_and_fill() -> None:
        prepare()
        image.im.paste((value,) * bands if bands > 1 else value, (0, 0, *image.im.size))

    image.load_prepare = prepare_and_fill  # type: ignore[method-assign]
    with suppress(Exception):
        load_within_limit(image)


def _finest_complete_grid(
    image: Image.Image, again: Image.Image
) -> tuple[Image.Image | None, float | None]:
    """Return an interlaced PNG from its finest grid of pixels without gaps, at full size.

    And the share of its rows, as `_salvage`.
    """
    for across, down in _ADAM7_GRIDS:
        size = ceil(image.width / across), ceil(image.height / down)
        matrix = (across, 0, (1 - across) / 2, 0, down, (1 - down) / 2)
        there, missing = (
            side.transform(size, Image.Transform.AFFINE, matrix) for side in (image, again)
        )
        if there.tobytes() == missing.tobytes():
            whole = to_resizable(there).resize(image.size, Image.Resampling.BILINEAR)
            return whole, 1 if across == down == 1 else None
    return None, None

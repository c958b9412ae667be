"""Decode the pixels of a picture; measure how much of a damaged one is there, and salvage it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import ceil, prod
from typing import BinaryIO

from PIL import Image, ImageFile, ImageStat

from thumbnailer.imaging.colour.depth import to_resizable
from thumbnailer.imaging.decode.identify import is_cut_short
from thumbnailer.imaging.decode.open import open_picture, pillow_limit
from thumbnailer.imaging.decode.progressive import has_ac_scan, keep_dc_scans
from thumbnailer.imaging.decode.shrink_on_load import can_shrink, is_shrunk_to_eighth
from thumbnailer.imaging.failures import (
    DAMAGED,
    TRUNCATED,
    DamageError,
    LimitError,
    NoPictureError,
    is_of_system,
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

_END_OF_JPEG = b"\xff\xd9"

# Taller pictures are not compared row by row: 40 million rows of one pixel took minutes.
_MAX_ROWS = 200_000
_BAND_PIXELS = 1 << 18

# Bytes a pixel that a picture may still hold after its decoder has failed.
_HELD_PIXEL_BYTES = 4

# Interlaced GIFs store every eighth row first: GIF89a, appendix E.
_GIF_INTERLACE = 8

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
        The picture, and a note of what is missing from it; "" if it is complete.

    Raises:
        LimitError: it needs more memory than allowed.
        DamageError: the data are invalid or end early; the message says where.
        OSError: the file can't be read.
    """
    claim_memory(image, limits, claim)
    try:
        if not _decode_dc_only(image):
            _decode(image)
        return image, ""
    except Exception as error:
        if is_of_system(error) or isinstance(error, LimitError | NoPictureError):
            raise
        check_room(needed_bytes(image) - _HELD_PIXEL_BYTES * prod(image.size))
        failure = error
    salvaged, kind, share = None, DAMAGED, None
    with suppress(Exception):  # Pillow may raise anything the second time
        kind = TRUNCATED if _ends_early(image, file, failure) else kind
        salvaged, share = _salvage(image, file, limits)
    if salvaged and share != 0 and limits.keep_truncated:
        return salvaged, _salvage_note(kind, share)
    raise DamageError(_damage_reason(kind, share))


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
            _decode(image)
            return True
    image.fp, image.tile = file, tile
    return False


def _decode(image: ImageFile.ImageFile) -> None:
    width, height = image.size
    pixels = width * height
    if Image.MAX_IMAGE_PIXELS is None or pixels <= Image.MAX_IMAGE_PIXELS:
        image.load()
    else:
        with pillow_limit(pixels):
            image.load()


def _damage_reason(kind: str, share: float | None) -> str:
    """Describe where a picture is damaged; `share` of its rows, 0 to 1, could be decoded."""
    where = kind if share is None else f"{kind} at {_percent(share)}"
    if share == 1:
        rest = "are missing" if kind == "truncated" else "make no sense"
        return f"{where}: all its rows are there, but the data after them {rest}"
    if kind == TRUNCATED:
        return f"{where}: the end of the file is missing"
    return f"{where}: the data make no sense" + ("" if share is None else " from there on")


def _salvage_note(kind: str, share: float | None) -> str:
    if share is None:
        return f"{kind}, so it is less sharp than it was"
    return f"{kind} at {_percent(share)}" + ("" if share == 1 else ", the rest is blank")


def _percent(share: float) -> str:
    return f"{max(int(share * 100), 1 if share else 0)} %"


def _ends_early(image: ImageFile.ImageFile, file: BinaryIO, failure: Exception) -> bool:
    """Return whether decoding failed because the data end early, not because they are invalid."""
    # PNG and BMP decoders stop at invalid data; at the end of the file, data are missing.
    if image.format in ("PNG", "BMP") and not file.read(1):
        return True
    if image.format in ("HEIF", "JPEG2000") and is_cut_short(file):
        return True
    if image.format == "TIFF":  # its decoder does not distinguish the two
        size = file.seek(0, io.SEEK_END)
        tags = image.tag_v2  # type: ignore[attr-defined]
        for starts, lengths in ((273, 279), (324, 325)):  # of strips and of tiles
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
    if image.info.get("progressive"):
        return _salvage_progressive(image, file, limits)
    again = open_picture(file, limits)
    if image.format == "TIFF" and (not again.tile or orientation_of(again) != 1):
        return None, None  # decoded by libvips, or rotated by Pillow while loading
    _shrink_like(image, again)
    boxes = [tile.extents or (0, 0, *again.size) for tile in again.tile]
    if not boxes:
        return None, 0
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    if bottom - top > _MAX_ROWS:
        return None, None
    _decode_over(again, 85 if image.info.get("transparency") != 85 else 170)
    image.tile, again.tile = [], []  # Pillow then takes them for fully loaded
    if image.info.get("interlace"):
        return _finest_complete_grid(image, again), None
    missing = list(_differing_rows(image, again, (left, top, right, bottom)))
    again.im = Image.new("L", (1, 1)).im  # free the memory of a large picture
    image.readonly = 0  # as after loading
    return (
        _fill_missing_rows(image, missing) if limits.keep_truncated else None,
        1 - len(missing) / (bottom - top),
    )


def _differing_rows(
    one: Image.Image, other: Image.Image, box: tuple[int, int, int, int]
) -> Iterator[int]:
    left, top, right, bottom = box
    height = max(1, _BAND_PIXELS // (right - left))
    for start in range(top, bottom, height):
        end = min(start + height, bottom)
        here, there = (image.crop((left, start, right, end)).tobytes() for image in (one, other))
        stride = len(here) // (end - start)
        for y in range(start, end):
            row = slice((y - start) * stride, (y - start + 1) * stride)
            if here[row] != there[row]:
                yield y


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
        _decode(image)


def _finest_complete_grid(image: Image.Image, again: Image.Image) -> Image.Image | None:
    """Return an interlaced PNG from its finest grid of pixels without gaps, at full size."""
    for across, down in _ADAM7_GRIDS:
        size = ceil(image.width / across), ceil(image.height / down)
        matrix = (across, 0, (1 - across) / 2, 0, down, (1 - down) / 2)
        there, missing = (
            side.transform(size, Image.Transform.AFFINE, matrix) for side in (image, again)
        )
        if there.tobytes() == missing.tobytes():
            return to_resizable(there).resize(image.size, Image.Resampling.BILINEAR)
    return None


def _fill_missing_rows(image: Image.Image, missing: Sequence[int]) -> Image.Image:
    """Return the picture with its missing rows filled inconspicuously.

    They get the mean colour of the others, or in an interlaced picture the decoded row above.
    """
    picture = to_resizable(image)
    if not missing:
        return picture
    is_decoded = [255] * picture.height
    for y in missing:
        is_decoded[y] = 0
    if not any(is_decoded):
        return picture
    means = picture.resize((1, picture.height), Image.Resampling.BOX)
    mask = Image.frombytes("L", means.size, bytes(is_decoded))
    mean = tuple(map(round, ImageStat.Stat(means, mask).mean))
    is_interlaced = any(is_decoded[missing[0] :])
    for y in missing:
        above = [row for row in range(max(y - _GIF_INTERLACE, 0), y) if is_decoded[row]]
        if is_interlaced and above:
            picture.paste(picture.crop((0, above[-1], picture.width, above[-1] + 1)), (0, y))
        else:
            picture.paste(mean, (0, y, picture.width, y + 1))
    return picture


def _salvage_progressive(
    image: ImageFile.ImageFile, file: BinaryIO, limits: Limits
) -> tuple[Image.Image | None, float | None]:
    """Salvage a progressive JPEG by appending an end marker; return the same as `_salvage`.

    Without its end no pixel is decoded. With one, the picture is blurred, and grey where even the
    first scan is missing.
    """
    file.seek(0)
    data = file.read() + _END_OF_JPEG
    again = open_picture(io.BytesIO(data), limits)
    _shrink_like(image, again)
    _decode(again)
    # Rounding may shift the grey (128) a little.
    is_grey = [0 if 126 <= value <= 130 else 255 for value in range(256)]
    box = again.convert("L").point(is_grey).getbbox()
    rows = box[3] if box else 0
    if rows == again.height or has_ac_scan(data):  # else the last rows may be grey themselves
        return again, None
    return _fill_missing_rows(again, range(rows, again.height)), rows / again.height


def _shrink_like(image: ImageFile.ImageFile, again: ImageFile.ImageFile) -> None:
    if can_shrink(image) and image.decoderconfig:
        scale = image.decoderconfig[0]
        again.draft(None, (again.width // scale, again.height // scale))

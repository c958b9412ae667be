"""TIFF: open the page that is meant with who reads it right, and correct what Pillow reads."""

from __future__ import annotations

from math import prod
from typing import Any, BinaryIO

from PIL import ImageFile, TiffImagePlugin

from thumbnailer.errors import install_hint
from thumbnailer.imaging.colour.depth import IS_UNSIGNED
from thumbnailer.imaging.containers import tiff_pages
from thumbnailer.imaging.containers.exif import check_directory
from thumbnailer.imaging.containers.tiff_pages import DIRECTORY, TiffPage, main_page
from thumbnailer.imaging.decode.readers.tiff.by_vips import open_by_vips
from thumbnailer.imaging.decode.readers.tiff.layout import (
    FLOAT,
    SIGNED,
    UNCOMPRESSED,
    UNSIGNED,
    Layout,
    describe,
    is_possible,
    layout_of,
    pillow_reads,
    vips_reads,
)
from thumbnailer.imaging.decode.vips import load_pyvips
from thumbnailer.imaging.failures import MissingExtraError, NoPictureError, unread
from thumbnailer.imaging.memory import HELD_BYTES

# What Pillow's raw decoder calls grey: the parts before and after its byte order.
_GREY_RAW = {(16, UNSIGNED): ("I;16", ""), (16, SIGNED): ("I;16", "S")}
_GREY_RAW |= {(32, UNSIGNED): ("I;32", ""), (32, SIGNED): ("I;32", "S"), (32, FLOAT): ("F;32", "F")}


def open_tiff(file: BinaryIO, opened: Any) -> ImageFile.ImageFile:
    """Open the main page of a TIFF.

    Args:
        opened: the same file, for Pillow to read.

    Raises:
        LimitError: it has too many entries.
        NoPictureError: it is of a kind that is not read, or only with an extra.
        Exception: its header is invalid.
    """
    found = main_page(file)
    if not found or not is_possible(found[1]):
        raise SyntaxError("no page that makes sense")
    number, page = found
    if number:  # the first is checked before
        check_directory(file, place=page.place)
    layout = layout_of(page)
    image = _open_by_pillow(opened, page, layout, number) if pillow_reads(layout) else None
    if not image:
        if tiff_pages.is_cut_short(file):
            raise SyntaxError("not all is there that says what it is")
        if not vips_reads(layout):
            raise NoPictureError(unread(describe(layout)))
        if not load_pyvips():
            hint = install_hint("vips")
            raise MissingExtraError(f"is {describe(layout)}, which is read after {hint}")
        image = open_by_vips(file, number, page, layout)
    image.info[DIRECTORY] = page.place
    return image


def _open_by_pillow(
    opened: Any, page: TiffPage, layout: Layout, number: int
) -> ImageFile.ImageFile | None:
    """Open a page with Pillow; None if it does not know this kind."""
    opened.seek(0)
    try:
        image = TiffImagePlugin.TiffImageFile(_PageAsFirst(opened, page) if number else opened)
    except SyntaxError as error:
        if "unknown pixel mode" in str(error):
            return None
        raise
    _correct(image, layout)
    if layout.is_tiled and layout.compression != UNCOMPRESSED:  # libtiff decodes whole tiles
        sides = page.number(tiff_pages.TILE_WIDTH), page.number(tiff_pages.TILE_LENGTH)
        image.info[HELD_BYTES] = prod(sides) * layout.samples * ((layout.bits + 7) // 8)
    return image


class _PageAsFirst:
    """A TIFF whose header names another of its pages as the first."""

    def __init__(self, file: Any, page: TiffPage) -> None:
        self._file = file
        file.seek(0)
        start: bytes = file.read(8)
        before = start if page.form.is_big else start[:4]
        self._header: bytes = before + page.form.offset.pack(page.place)
        file.seek(0)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the file."""
        at = self._file.tell()
        data: bytes = self._file.read(size)
        changed: bytes = self._header[at : at + len(data)]
        return changed + data[len(changed) :]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _correct(image: TiffImagePlugin.TiffImageFile, layout: Layout) -> None:
    """Correct how Pillow (13) decodes the pixels of some kinds.

    It takes compressed values to have the byte order of the file, but libtiff returns them in that
    of the machine. Of uncompressed planes it reads 8 bits of each value, and of a single one by the
    first letter of its kind. It has no unsigned values of 32 bits.
    """
    if layout.is_planar and layout.samples == 1:
        image.tag_v2[tiff_pages.PLANAR] = 1
        image._setup()
    kind, is_raw = (layout.bits, layout.format), layout.compression == UNCOMPRESSED
    is_planar = layout.is_planar and is_raw and layout.samples > 1
    order = ("" if layout.order == "<" else "B") if is_raw else "N"
    if kind in _GREY_RAW and (image.mode in ("I", "F") or (is_planar and image.mode[0] == "I")):
        channels = [order.join(_GREY_RAW[kind])]
    elif is_planar:
        depth = "" if layout.bits == 8 else ";16" + ("L" if layout.order == "<" else "B")
        channels = [band + depth for band in image.getbands()]
    else:
        return
    tiles = len(image.tile) // (layout.samples if is_planar else 1)
    image.tile = [
        tile._replace(args=(channels[index // tiles], *(tile.args or ())[1:]))
        for index, tile in enumerate(image.tile[: tiles * len(channels)])
    ]
    image.info[IS_UNSIGNED] = kind == (32, UNSIGNED)

"""Draw SVGs with the optional extra `vips`, in the size of their thumbnails.

libvips hands them to librsvg, which runs no scripts. It gets the text of the drawing and no place
where that came from: so it reads no other files, and nothing from a network. Pictures inside the
text (`data:`) are drawn.
"""

from __future__ import annotations

import re
import zlib
from itertools import islice
from typing import Any, BinaryIO

from PIL import Image, ImageFile

from thumbnailer.errors import install_hint
from thumbnailer.imaging.decode.late_picture import LatePicture
from thumbnailer.imaging.decode.readers.svg.embedded import (
    OpenEmbedded,
    embedded_bytes,
    with_plain_pictures,
)
from thumbnailer.imaging.decode.shrink_on_load import SHRINKING_GAP
from thumbnailer.imaging.decode.vips import load_pyvips, to_pillow
from thumbnailer.imaging.failures import (
    DAMAGED,
    NOTE,
    TRUNCATED,
    LimitError,
    MissingExtraError,
    NoPictureError,
)
from thumbnailer.imaging.geometry.fit import Size
from thumbnailer.imaging.memory import HELD_BYTES, check_bytes
from thumbnailer.recipe import Limits

# The longer side in px of the picture that a drawing is taken for: it has no pixels of its own, and
# icons state 16 px though they are drawn in any size.
_FULL_SIDE = 4096

# The most bytes of text, and what librsvg takes for each of them, and for each element: 80 for long
# paths, 1,300 for elements without content. A million elements is its own limit.
_MAX_BYTES, _MAX_ELEMENTS = 8 << 20, 200_000
_HELD_PER_BYTE, _HELD_PER_ELEMENT = 80, 1_400

# The most pairs of an element and a rule of CSS, each of which is compared: so many take a second.
_MAX_COMPARISONS = 20_000_000

# The most bytes that entities stand for, over all places where they may be used.
_MAX_EXPANSION = 4 << 20

# Address space of libvips, librsvg, and fonts with a thread that looks for them.
_LIBRARY_BYTES = 128 << 20

_GZIP = b"\x1f\x8b"

# The first tag of an SVG, which begins within so many bytes, after comments mostly; and what states
# its size there.
SVG_START_BYTES = 4096
_NAME = re.compile(rb"<(?:[\w-]+:)?svg(?=[\s/>])")
_ATTRIBUTES = re.compile(rb"""(?:[^>"']|"[^"]*"|'[^']*')*>""")
_SIDE = re.compile(rb"""\s(width|height)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_LENGTH = re.compile(rb"\s*(?:\+?\.?\d|&)[^%]*")
_PIXELS = re.compile(rb"\s*\+?(\d*\.?\d+)(?:px)?\s*")
_HAS_VIEW_BOX = re.compile(rb"\sviewBox\s*=")
_USUAL_SIDES = {b"width": b"300", b"height": b"150"}  # CSS 2.2, 10.3.2 and 10.6.2

# What browsers draw and librsvg 2.61 does not, or otherwise. Colours that are functions and HTML
# that only some programs draw mostly come with a colour or text for all others.
_UNKNOWN = re.compile(
    rb"""(?sx)
    <(?:\w+:)?(?P<html>foreignObject)\b(?![^>]{0,300}\srequired)
    | (?<=[{;"'\s])(?P<variable>--[\w-]+)\s*:
    | \b(?P<function>calc|color-mix|oklch|oklab|lab|lch|hue-rotate)\(
    | \bclip-path\s*:\s*(?P<shape>inset|circle|ellipse|polygon|path)\(
    | \b(?P<light>color-interpolation)\s*[:=]\s*["']?\s*linearRGB
    | \b(?P<transform>transform-(?:origin|box))\s*[:=]
    | (?P<rule>@(?:layer|supports|media(?=[^{]{0,100}\b(?:all|screen|width|height|light)\b)))
    """
)

_ENTITY = re.compile(rb"""<!ENTITY\s+(?:%\s+)?[^\s>]+\s+(?:"([^"]*)"|'([^']*)'|([A-Z]+))""")

_REFERENCE = re.compile(rb"[&%](?!#)")

# How librsvg says that a drawing takes too much.
_ENDLESS = ("exceeded", "cannot load more", "Excessive depth", "limit")


def is_svg(start: bytes) -> bool:
    """Return whether a file that starts so is an SVG, perhaps one that is compressed by gzip."""
    if start.startswith(_GZIP):
        try:
            start = zlib.decompressobj(wbits=31).decompress(start, len(start))
        except zlib.error:
            return False
    start = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"<") or start[:14].lower().startswith((b"<html", b"<!doctype html")):
        return False
    return bool(_NAME.search(start))


def open_svg(file: BinaryIO, limits: Limits, open_embedded: OpenEmbedded) -> ImageFile.ImageFile:
    """Read a drawing and return it as a Pillow image.

    Args:
        open_embedded: opens a picture by its header; raises NoPictureError for what is none.

    Raises:
        LimitError: it is too long, or would take too long or too much memory to draw.
        MissingExtraError: the extra is not installed.
        NoPictureError: it can't be drawn.
    """
    text = _text(file)
    elements = _check_text(text)
    held_bytes = _LIBRARY_BYTES + len(text) * _HELD_PER_BYTE + elements * _HELD_PER_ELEMENT
    held_bytes += embedded_bytes(text, open_embedded)
    check_bytes(held_bytes, limits)
    if not load_pyvips():
        raise MissingExtraError(f"is an SVG drawing, which is read after {install_hint('vips')}")
    image = SvgPicture(file, _with_size(text), open_embedded)
    image.info[HELD_BYTES] = held_bytes
    if unknown := _UNKNOWN.search(text):
        used = unknown[unknown.lastgroup or 0].decode().partition("(")[0]
        image.info[NOTE] = f"uses {used}, which librsvg does not know: may look otherwise"
    return image


class SvgPicture(LatePicture):
    """A drawing as a Pillow image of `_FULL_SIDE` px; `draft` chooses what it is drawn in."""

    format = "SVG"
    format_description = "an SVG drawing"

    def __init__(self, file: BinaryIO, text: bytes, open_embedded: OpenEmbedded) -> None:
        self._text, self._open_embedded = text, open_embedded
        super().__init__(file)

    def _open(self) -> None:
        self._mode, self.tile = "RGBA", []
        nominal = self._in_scale(1)
        self._scale = _FULL_SIDE / max(nominal.width, nominal.height)
        full = self._in_scale(self._scale)
        self._size = full.width, full.height
        if not _FULL_SIDE / 2 < max(self._size) < _FULL_SIDE * 2:  # too small or large for librsvg
            raise NoPictureError("is an SVG drawing that states a size which can't be drawn")

    def _in_scale(self, scale: float) -> Any:
        pyvips = load_pyvips()
        try:
            return pyvips.Image.svgload_buffer(self._text, scale=scale, access="sequential")
        except pyvips.Error as error:
            raise _failure(str(error), self._text) from None

    def draft(self, mode: str | None, size: Size | None) -> None:
        """Choose the size to draw: that of the thumbnail.

        Args:
            size: in px: SHRINKING_GAP times the thumbnail's.
        """
        assert size is not None
        width, height = (max(1, int(side / SHRINKING_GAP)) for side in size)
        self._scale *= min(1.0, max(width / self.width, height / self.height))
        self._size = width, height

    def _decode(self) -> Image.Image:
        """Draw it.

        Raises:
            LimitError: it refers to itself without end.
            NoPictureError: it can't be drawn, or a picture inside it not be decoded.
        """
        self._text = with_plain_pictures(self._text, self._open_embedded)
        drawing = self._in_scale(self._scale)
        try:
            return to_pillow(drawing, "RGBA")
        except load_pyvips().Error as error:
            raise _failure(str(error), self._text) from None


def _text(file: BinaryIO) -> bytes:
    """Return the text of a drawing, which may be compressed.

    Raises:
        LimitError: it is too long.
        NoPictureError: it is compressed wrongly.
    """
    file.seek(0)
    text = file.read(_MAX_BYTES + 1)
    if text.startswith(_GZIP):
        try:
            text = zlib.decompressobj(wbits=31).decompress(text, _MAX_BYTES + 1)
        except zlib.error:
            raise NoPictureError(f"{DAMAGED}: its gzip data make no sense") from None
    if len(text) > _MAX_BYTES:
        raise LimitError(f"is an SVG drawing of more than {_MAX_BYTES >> 20} MiB of text")
    return text


def _check_text(text: bytes) -> int:
    """Check that a drawing has no more parts than are drawn quickly; return how many elements.

    Raises:
        LimitError: it has more.
    """
    elements = text.count(b"<")
    if elements > _MAX_ELEMENTS:
        raise LimitError(f"is an SVG drawing of more than {_MAX_ELEMENTS:,} elements")
    styles = (part.partition(b"</style")[0] for part in text.split(b"<style")[1:])
    if elements * sum(style.count(b"{") + style.count(b",") for style in styles) > _MAX_COMPARISONS:
        raise LimitError("is an SVG drawing of too many elements and rules for their style")
    values = [max(found.groups(b""), key=len) for found in _ENTITY.finditer(text)]
    longest = max(map(len, values), default=0)
    if any(_REFERENCE.search(value) for value in values) or (
        longest * text.count(b"&") > _MAX_EXPANSION
    ):
        raise LimitError("is an SVG drawing whose entities stand for too much text")
    return elements


def _with_size(text: bytes) -> bytes:
    """Return a drawing that states a size, which is a browser's where it does not.

    librsvg would take the size of what is drawn, and cut it off at the wrong edges.
    """
    name = _NAME.search(text[:SVG_START_BYTES])
    attributes = _ATTRIBUTES.match(text, name.end()) if name else None
    if not name or not attributes or _HAS_VIEW_BOX.search(attributes[0]):
        return text
    stated, sides, pixels = attributes[0], dict(_USUAL_SIDES), list[bytes]()
    for found in islice(_SIDE.finditer(attributes[0]), len(sides)):
        side = found[2] or found[3] or b""
        if _LENGTH.fullmatch(side):
            sides.pop(found[1], None)
        else:
            stated = stated.replace(found[0], b" ", 1)
        if is_px := _PIXELS.fullmatch(side):
            pixels.insert(len(pixels) if found[1] == b"height" else 0, is_px[1])
    added = b"".join(b' %s="%s"' % side for side in sides.items())
    if len(pixels) == len(_USUAL_SIDES):  # which a style may override
        added += b' viewBox="0 0 %s %s"' % tuple(pixels)
    return text[: name.end()] + added + stated + text[attributes.end() :]


def _failure(error: str, text: bytes) -> LimitError | NoPictureError:
    """Return the failure that an error of librsvg stands for."""
    if "rendering error" in error:
        return LimitError(
            "is an SVG drawing that needs more memory, or takes more steps, than allowed"
        )
    if any(words in error for words in _ENDLESS):
        return LimitError("is an SVG drawing of more parts, or parts in parts, than are drawn here")
    if "not defined" in error:
        return NoPictureError("is an SVG drawing that uses an entity which it does not define")
    if "XML" not in error:
        return NoPictureError("is an SVG drawing that states a size which can't be drawn")
    if not re.search(rb"</(?:[\w-]+:)?svg\s*>|/>\s*$", text):
        return NoPictureError(f"{TRUNCATED}: the end of the file is missing")
    return NoPictureError(f"{DAMAGED}: its XML makes no sense")

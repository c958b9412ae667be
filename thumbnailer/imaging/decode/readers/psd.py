"""PSD, Photoshop's documents: find the channels of the merged picture, which Pillow gets wrong.

Pillow (13) takes any fourth channel of RGB for transparency, though it may be a saved selection or
a spot colour, and where there are more channels than it knows, it reads run lengths for pixels.

Adobe Photoshop File Formats Specification: File Header, Color Mode Data, Image Resources, Layer and
Mask Information, Image Data.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from math import ceil
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageChops, ImageFile, PsdImagePlugin

from thumbnailer.imaging.colour.depth import IS_GREY
from thumbnailer.imaging.containers.bounded_file import MAX_PARTS
from thumbnailer.imaging.failures import NoPictureError, unread
from thumbnailer.imaging.memory import strips

_BITMAP, _GREY, _INDEXED, _RGB, _CMYK, _MULTICHANNEL, _DUOTONE, _LAB = 0, 1, 2, 3, 4, 7, 8, 9

# Pillow's mode for each kind of document, and the raw mode of each channel.
_CHANNELS: dict[int, tuple[str, tuple[str, ...]]] = {
    _BITMAP: ("1", ("1;I",)),
    _GREY: ("L", ("L",)),
    _INDEXED: ("P", ("P",)),
    _RGB: ("RGB", ("R", "G", "B")),
    _CMYK: ("CMYK", ("C;I", "M;I", "Y;I", "K;I")),
    _MULTICHANNEL: ("L", ("L",)),
    _DUOTONE: ("L", ("L",)),
    _LAB: ("LAB", ("L", "A", "B")),
}
# The same for those that may be transparent. Pillow can't put grey and alpha together.
_TRANSPARENT = {
    _GREY: ("RGBA", ("R", "G", "B", "A")),
    _DUOTONE: ("RGBA", ("R", "G", "B", "A")),
    _RGB: ("RGBA", ("R", "G", "B", "A")),
}
_COLOURS = {_RGB: 3, _CMYK: 4, _LAB: 3}

# Image resources: "Version Info", "Transparency Index".
_VERSION_INFO, _TRANSPARENCY_INDEX = 1057, 1047

# Additional layer information: "Saving Merged Transparency", written where there are no layers.
_MERGED_TRANSPARENCY = b"Mtrn"

_UNCOMPRESSED, _RUN_LENGTHS, _ZIPPED = 0, 1, (2, 3)
_DECODERS = {_UNCOMPRESSED: "raw", _RUN_LENGTHS: "packbits"}

# No more channels than four of ink are used, or three of colour and their transparency.
_MOST_USED = 4

# Colours are made lighter in strips of so many px, and may be wrong by so much.
_STRIP_PIXELS, _ROUNDING = 1 << 18, 2


class _Layers(NamedTuple):
    """What the layers tell of the merged picture.

    Attributes:
        transparent: whether its first channel after the colours is its transparency.
        empty: whether there are none that show anything.
    """

    transparent: bool
    empty: bool


def correct_psd(image: ImageFile.ImageFile, file: BinaryIO) -> None:
    """Correct the list of the channels that Pillow decodes, and matted colours after decoding.

    Raises:
        NoPictureError: the merged picture is in a form that is not read here, or is not there.
        struct.error: the file ends early, or makes no sense.
    """
    file.seek(12)
    channels, _, _, _, kind = struct.unpack(">HIIHH", file.read(14))
    if kind == _MULTICHANNEL and channels > 1:
        raise NoPictureError(unread("a Photoshop document of separate inks"))
    palette_end = _section_end(file, 26)
    resources_end = _section_end(file, palette_end)
    resources = dict(_resources(file, palette_end + 4, resources_end))
    layers = _read_layers(file, resources_end)
    if resources.get(_VERSION_INFO, b"\1" * 5)[4:5] == b"\0" and not layers.empty:
        raise NoPictureError(
            "is a Photoshop document saved without its merged picture, which alone is read here"
        )
    if kind == _INDEXED and len(index := resources.get(_TRANSPARENCY_INDEX, b"")) == 2:
        image.info["transparency"] = min(int.from_bytes(index), 255)
    colours = _COLOURS.get(kind, 1)
    mode, planes = _CHANNELS[kind]
    if layers.transparent and channels > colours and kind in _TRANSPARENT:
        mode, planes = _TRANSPARENT[kind]
        image.__class__ = _TransparentPsd
        if colours == 1:
            image.info[IS_GREY] = True
    image._mode = mode
    file.seek(_section_end(file, resources_end))
    (compression,) = struct.unpack(">H", file.read(2))
    if compression in _ZIPPED:
        raise NoPictureError(unread("a Photoshop document compressed with ZIP"))
    if compression not in _DECODERS:
        raise struct.error("unknown compression")
    starts = _channel_starts(file, image.size, channels, compression, kind)
    # Of grey, the one channel is decoded into red, green and blue.
    used = [0, 0, 0, 1] if image.info.get(IS_GREY) else range(len(planes))
    image.tile = [
        ImageFile._Tile(_DECODERS[compression], (0, 0, *image.size), starts[channel], plane)
        for channel, plane in zip(used, planes, strict=True)
    ]


def _section_end(file: BinaryIO, start: int) -> int:
    """Return where a section ends that begins with its length."""
    file.seek(start)
    return start + 4 + int(struct.unpack(">I", file.read(4))[0])


def _resources(file: BinaryIO, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the first bytes of each image resource."""
    for _ in range(MAX_PARTS):
        file.seek(at)
        head = file.read(7)
        if at + 7 > end or len(head) < 7:
            return
        at += 6 + (head[6] + 2) // 2 * 2  # the name and its length have an even number of bytes
        file.seek(at)
        length = int.from_bytes(file.read(4))
        yield int.from_bytes(head[4:6]), file.read(min(length, 8))
        at += 4 + length + length % 2


def _read_layers(file: BinaryIO, start: int) -> _Layers:
    end = _section_end(file, start)
    if end < start + 14:
        return _Layers(transparent=False, empty=True)
    length, count = struct.unpack(">Ih", file.read(6))
    if length:
        return _Layers(count < 0, not any(_layer_areas(file, start + 10, abs(count))))
    at = start + 8  # of the global mask; after it come blocks of additional information
    at += 4 + int.from_bytes(_read_at(file, at, 4))
    for _ in range(MAX_PARTS):
        head = _read_at(file, at, 12)
        if at + 12 > end or len(head) < 12:
            break
        if head[4:8] == _MERGED_TRANSPARENCY:
            return _Layers(transparent=True, empty=True)
        at += 12 + (int.from_bytes(head[8:]) + 3) // 4 * 4
    return _Layers(transparent=False, empty=True)


def _layer_areas(file: BinaryIO, at: int, count: int) -> Iterator[int]:
    """Yield the area of each layer in px."""
    for _ in range(count):
        head = _read_at(file, at, 18)
        if len(head) < 18:
            return
        top, left, bottom, right, channels = struct.unpack(">4iH", head)
        yield max(0, bottom - top) * max(0, right - left)
        at += 18 + 6 * channels + 12
        at += 4 + int.from_bytes(_read_at(file, at, 4))


def _read_at(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)


def _channel_starts(
    file: BinaryIO, size: tuple[int, int], channels: int, compression: int, kind: int
) -> list[int]:
    """Return where the data of each channel that may be used begin, one after the other."""
    width, height = size
    start, used = file.tell(), min(channels, _MOST_USED)
    if compression == _UNCOMPRESSED:
        length = (ceil(width / 8) if kind == _BITMAP else width) * height
        return [start + channel * length for channel in range(used)]
    starts = [start + 2 * channels * height]  # after a list of the lengths of all rows
    for _ in range(used - 1):
        rows = array("H", file.read(2 * height))
        if sys.byteorder == "little":
            rows.byteswap()
        starts.append(starts[-1] + sum(rows))
    return starts


class _TransparentPsd(PsdImagePlugin.PsdImageFile):
    def load_end(self) -> None:
        super().load_end()
        _remove_white(self)


def _remove_white(image: Image.Image) -> None:
    """Take the white out of transparent colours, where they were saved as they look on white.

    Photoshop does that; some other programs do not, and their colours are too dark for it.
    """
    boxes = list(strips(image.size, _STRIP_PIXELS))
    if all(_looks_as_on_white(image.crop(box)) for box in boxes):
        for box in boxes:
            image.paste(_without_white(image.crop(box)), box)


def _looks_as_on_white(image: Image.Image) -> bool:
    """Return whether no colour is darker than it could look on white through its transparency."""
    *colours, alpha = image.split()
    sums = [ImageChops.add(colour, alpha) for colour in colours]
    return not any(any(each.histogram()[: 255 - _ROUNDING]) for each in sums)


def _without_white(image: Image.Image) -> Image.Image:
    """Return a picture without the white that its colours were mixed with.

    Inverted, white is black, and the colours are as if they had been multiplied with their alpha.
    """
    alpha = image.getchannel("A")
    inverted = ImageChops.invert(image.convert("RGB"))
    plain = Image.merge("RGBa", (*inverted.split(), alpha)).convert("RGBA").convert("RGB")
    shown = ImageChops.invert(plain)
    shown.putalpha(alpha)
    return shown

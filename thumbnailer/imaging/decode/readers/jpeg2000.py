"""JPEG 2000: correct what Pillow decodes of other than 8 bits a channel.

Pillow (13) rounds values of more bits to 8, and the brightest overflow to 0. Where it is 0, the
brightest and the darkest are told apart by decoding the picture once more, with another number of
bits in its header, so that nothing overflows. It moves values of fewer bits up, but their white
stays below 255.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import partial
from itertools import islice
from math import prod
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageChops, ImageFile, ImagePalette, Jpeg2KImagePlugin

from thumbnailer.imaging.containers.bounded_file import MAX_PARTS
from thumbnailer.imaging.containers.boxes import Box, boxes
from thumbnailer.imaging.failures import NoPictureError, unread
from thumbnailer.imaging.memory import HELD_BYTES

# The start of a codestream: SOC and SIZ, and what comes in this before the components (ISO/IEC
# 15444-1, A.4.1 and A.5.1). Four channels are the most that Pillow knows.
_START, _SIZ = b"\xff\x4f\xff\x51", struct.Struct(">HHIIIIIIIIH")
_MAX_COMPONENTS = 4

# Pillow scales grey to 16 bits, and more have not been seen in colours.
_MAX_BITS = 16

# Colour spaces by number: ISO/IEC 15444-1, I.5.3.3, and 15444-2, M.11.7.3.
_YCC = {1, 3, 4, 18, 24}

# Markers, and how many come before the first tile at most.
_SOT, _COD, _MAX_MARKERS = b"\xff\x90", b"\xff\x52", 1000

# The most by which the two results may differ from what is expected: both are rounded.
_MAX_OFF = 2

# Eight bits, as the depth of a palette's channel states them (I.5.3.4).
_8_BITS = 7

# Bytes a pixel of the first result, while the second is decoded.
_RESULT_BYTES = 8


class _Component(NamedTuple):
    """A channel: its bits, whether it is signed, and its distance between samples in px."""

    bits: int
    is_signed: bool
    step: tuple[int, int]


def correct_jpeg2000(image: ImageFile.ImageFile, file: BinaryIO) -> None:
    """Have the pixels of other than 8 bits a channel corrected once they are decoded.

    Raises:
        NoPictureError: they can't be.
    """
    found = list(islice(boxes(file, 0, file.seek(0, io.SEEK_END)), MAX_PARTS))
    header = next((box for box in found if box.kind == b"jp2h"), None)
    stream = next((box.start for box in found if box.kind == b"jp2c"), 0)
    components = _components(file, stream)
    facts = {box.kind: box for box in _within(file, header)}
    if b"pclr" in facts:
        _correct_palette(image, file, facts[b"pclr"])
        return
    if all(one.bits == 8 for one in components):
        return
    most = max(one.bits for one in components)
    if image.mode == "L" and most > 8:  # Pillow takes 9 bits for 8
        image._mode = "I;16"
    if most > 8:
        is_subsampled = any(one.step != components[0].step for one in components)
        if _is_ycc(file, facts.get(b"colr")) or is_subsampled:
            raise NoPictureError(unread(f"a JPEG 2000 picture of {most}-bit YCbCr"))
        if most > _MAX_BITS:
            raise NoPictureError(unread(f"a JPEG 2000 picture of {most} bits a channel"))
        if image.mode == "I;16":
            return
        length = file.seek(0, io.SEEK_END)
        image.info[HELD_BYTES] = 3 * length + _RESULT_BYTES * prod(image.size)
    image.load_end = partial(_correct, image, file, stream, components)  # type: ignore[method-assign]


def _components(file: BinaryIO, stream: int) -> list[_Component]:
    """Return the components of a codestream at an offset; none if it has an invalid header."""
    file.seek(stream)
    data = file.read(len(_START) + _SIZ.size + 3 * _MAX_COMPONENTS)
    if len(data) < len(_START) + _SIZ.size or not data.startswith(_START):
        return []
    count = _SIZ.unpack_from(data, len(_START))[-1]
    triples = struct.iter_unpack("BBB", data[len(_START) + _SIZ.size :][: 3 * count])
    return [_Component((kind & 127) + 1, kind > 127, (x, y)) for kind, x, y in triples]


def _within(file: BinaryIO, box: Box | None) -> list[Box]:
    """Return the boxes within a box, as far as they make sense."""
    return list(islice(boxes(file, box.start, box.end), MAX_PARTS)) if box else []


def _is_ycc(file: BinaryIO, box: Box | None) -> bool:
    """Return whether a colour specification box states luminance and colour differences."""
    if not box:
        return False
    file.seek(box.start)
    method, space = struct.unpack(">BxxI", file.read(7).ljust(7, b"\0"))
    return method == 1 and space in _YCC


def _correct_palette(image: ImageFile.ImageFile, file: BinaryIO, box: Box) -> None:
    """Give an image the palette in a box: Pillow leaves out colours that are there twice.

    Raises:
        NoPictureError: it is of grey, or of other than 8 bits.
    """
    file.seek(box.start)
    count, channels = struct.unpack(">HB", file.read(3))
    depths, data = file.read(channels), file.read(count * channels)
    if image.mode not in ("P", "PA") or not image.palette or {*depths} != {_8_BITS}:
        raise NoPictureError(unread("a JPEG 2000 picture with a palette of other colours"))
    if len(image.palette.mode) == channels:
        image.palette = ImagePalette.ImagePalette(image.palette.mode, data)
        image.palette.dirty = 1


def _correct(
    image: ImageFile.ImageFile, file: BinaryIO, stream: int, components: list[_Component]
) -> None:
    """Correct the pixels of an image that has just been decoded.

    Raises:
        NoPictureError: they can't be.
    """
    bits = [one.bits for one in components]
    picture: Image.Image = image
    if max(bits) > 8:
        scales = _is_irreversible(file, stream)
        other = _decoded_with(file, stream, [_other_bits(one, scales) for one in bits])
        expected = partial(_expected, scales)
        # Where it is not 0, the image is right: it tells whether the other one is as it should be.
        known = image.point(_tables(bits, lambda bits, value: 255 * (value != 0)))
        off = ImageChops.difference(other, image.point(_tables(bits, expected)))
        off = ImageChops.multiply(off, known)
        if any(high > _MAX_OFF for _, high in _extremes(off)):
            raise NoPictureError(unread(f"a JPEG 2000 picture of {max(bits)} bits a channel"))
        bright = other.point(_tables(bits, lambda bits, value: 255 * (bits > 8 and value >= 128)))
        picture = ImageChops.lighter(image, ImageChops.subtract(bright, known))
    if min(bits) < 8:
        picture = picture.point(_tables(bits, _stretched))
    image.im = picture.im


def _other_bits(bits: int, scales: bool) -> int:
    """Return the bits that values are said to have when they are decoded once more."""
    if bits <= 8:
        return bits
    return 8 if scales else bits + 1


def _expected(scales: bool, bits: int, value: int) -> int:
    """Return what a value of 8 bits is when it is decoded once more, as above.

    Values of a reversible transform stay as they are. They are around the middle of their range
    there, so that they are less bright and less dark in one of twice the size.
    """
    return value if bits <= 8 or scales else 64 + value // 2


def _extremes(image: Image.Image) -> tuple[tuple[int, int], ...]:
    """Return the smallest and largest value of each channel."""
    return image.getextrema()  # type: ignore[return-value]  # pairs, of several channels


def _tables(bits: list[int], function: Callable[[int, int], int]) -> list[int]:
    """Return a lookup table for each channel, of a function of its bits and of its value."""
    return [function(one, value) for one in bits for value in range(256)]


def _stretched(bits: int, value: int) -> int:
    """Return a value of at most 8 bits that was moved to the top of them, from 0 to 255."""
    if bits >= 8:
        return value
    return round((value >> (8 - bits)) * 255 / ((1 << bits) - 1))


def _is_irreversible(file: BinaryIO, stream: int) -> bool:
    """Return whether values are transformed as floats, which are scaled to the bits that they have.

    COD says so with its last byte (A.6.1).
    """
    at = stream + 2
    for _ in range(_MAX_MARKERS):
        file.seek(at)
        head = file.read(4)
        if len(head) < 4 or head[:2] == _SOT:
            break
        at += 2 + int.from_bytes(head[2:])
        if head[:2] == _COD:
            return file.read(10)[-1:] == b"\0"
    return False


def _decoded_with(file: BinaryIO, stream: int, bits: list[int]) -> Image.Image:
    """Decode a picture whose header says that its values have other numbers of bits."""
    file.seek(0)
    data = bytearray(file.read())
    for number, one in enumerate(bits):
        at = stream + len(_START) + _SIZ.size + 3 * number
        data[at] = data[at] & 0x80 | one - 1
    other = Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(data))
    other.load()
    return other

"""JPEG XL files by pylibjxl, some with headers of our own before the same pixels.

It writes neither colours in numbers nor an orientation: these are in the header (ISO/IEC 18181-1:
2024, annex D), whose bits end before the first byte of the pixels.
"""

from __future__ import annotations

import struct
from typing import Any

import pytest
from PIL import Image

START, BOXES = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl "

# The codes of numbers that have two bits for each choice: 0, 1, 2 to 17 and more.
_ENUM = ((0, 0), (1, 0), (2, 4), (18, 6))

# Kinds of channels and of colours.
ALPHA, BLACK, GREY = 0, 4, 1


def jxl(image: Image.Image, **options: Any) -> bytes:
    """A picture as a JPEG XL, without loss unless `options` say otherwise."""
    pylibjxl = pytest.importorskip("pylibjxl", reason="needs the extra jxl (pylibjxl)")
    import numpy

    options = {"lossless": True, "effort": 1} | options
    return bytes(pylibjxl.encode(numpy.asarray(image), **options))


def in_boxes(data: bytes, *others: tuple[bytes, bytes], part: int = 0) -> bytes:
    """A codestream in a box, or in parts of so many bytes, after some other boxes."""
    boxes = [*others]
    if part:
        starts = range(0, len(data), part)
        for number, start in enumerate(starts):
            last = (number == len(starts) - 1) << 31
            boxes.append((b"jxlp", struct.pack(">I", number | last) + data[start : start + part]))
    else:
        boxes.append((b"jxlc", data))
    return BOXES + b"".join(struct.pack(">I", 8 + len(body)) + kind + body for kind, body in boxes)


class _Writer:
    """Bits from the lowest on."""

    def __init__(self) -> None:
        self.value, self.length = 0, 0

    def put(self, *pairs: tuple[int, int]) -> None:
        """Add numbers, each with how many bits it has."""
        for value, bits in pairs:
            self.value |= value << self.length
            self.length += bits

    def code(self, value: int) -> None:
        choice = next(
            number for number, (low, bits) in enumerate(_ENUM) if low <= value < low + (1 << bits)
        )
        low, bits = _ENUM[choice]
        self.put((choice, 2), (value - low, bits))

    def bytes(self) -> bytes:
        return START + self.value.to_bytes((self.length + 7) // 8, "little")


def header(
    size: tuple[int, int],
    *,
    orientation: int = 1,
    animated: bool = False,
    channels: tuple[tuple[int, bool], ...] = (),
    converted: bool = False,
    space: int = 0,
    white: int = 1,
    primaries: int = 1,
    curve: int = 13,
) -> bytes:
    """A header: sizes up to a gigapixel, 8 bits a value, colours by their codes.

    Args:
        space: the kind of colours; 0 for RGB.
        channels: besides colours, the kind of each, and whether colours are multiplied by it.
    """
    bits = _Writer()
    width, height = size
    bits.put((0, 1), (3, 2), (height - 1, 30), (0, 3), (3, 2), (width - 1, 30))
    bits.put((0, 1), (1, 1), (orientation - 1, 3), (0, 1), (0, 1), (animated, 1))
    if animated:  # 100 ticks a second, for ever
        bits.put((0, 2), (0, 2), (0, 2), (0, 1))
    bits.put((0, 1), (0, 2), (1, 1))
    count = len(channels)
    bits.put(*([(count, 2)] if count < 2 else [(3, 2), (count - 1, 12)]))
    for kind, is_premultiplied in channels:
        bits.put((0, 1))
        bits.code(kind)
        bits.put((0, 1), (0, 2), (0, 2), (0, 2))
        if kind == ALPHA:
            bits.put((is_premultiplied, 1))
    bits.put((converted, 1), (0, 1), (0, 1))
    bits.code(space)
    bits.code(white)
    if space != GREY:
        bits.code(primaries)
    bits.put((0, 1))
    bits.code(curve)
    bits.code(1)
    bits.put((1, 1), (0, 2), (1, 1))
    return bits.bytes()


def with_header(image: Image.Image, data: bytes = b"", **options: Any) -> bytes:
    """A picture whose pixels come after a header of our own.

    Args:
        data: the picture as a JPEG XL, if it is not to be stored without loss.
    """
    data = data or jxl(image)
    pylibjxl = pytest.importorskip("pylibjxl", reason="needs the extra jxl (pylibjxl)")
    expected = pylibjxl.decode(data).tobytes()
    alpha = ((ALPHA, False),) * image.mode.endswith("A")
    plain: dict[str, Any] = {"channels": alpha, "space": GREY if image.mode[0] == "L" else 0}
    plain["converted"] = options.get("converted", False)
    for start in range(4, 40):  # where the pixels begin
        try:
            shown = pylibjxl.decode(header(image.size, **plain) + data[start:])
        except RuntimeError:
            continue
        if shown.tobytes() == expected:
            return header(image.size, **{**plain, **options}) + data[start:]
    raise AssertionError("its pixels begin nowhere")

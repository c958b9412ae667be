"""Read the header of a JPEG XL: size, colours and what else decides how it is decoded.

The codestream is that of ISO/IEC 18181-1:2024, annexes B and D; the boxes that may be around it are
in 18181-2. Bits are read from the lowest on.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from thumbnailer.imaging.containers.boxes import JXL_STARTS, codestream, jxl_boxes

# No more of the codestream is read: its header has some twenty bytes, and a few for each channel.
_MAX_HEADER_BYTES = 4096

# The most channels besides the colours, which are decoded at full size: an alpha channel mostly.
MAX_EXTRA_CHANNELS = 16

# Kinds of extra channels (table D.9) and of colours (D.4).
_ALPHA, _SPOT, _BLACK, _FILTER = 0, 2, 4, 5
_RGB, _GREY = 0, 1

# Codes of white points, primaries and curves. The usual white is D65.
USUAL_WHITE, _SRGB_PRIMARIES, _SRGB_CURVE, _IN_NUMBERS = 1, 1, 13, 2

# A frame of pixels to be shown, and its flags that change nothing of how it is decoded: noise,
# patches, splines and no smoothing (F.2).
_WHOLE_FRAME, _PLAIN_FLAGS = 0, 1 | 2 | 16 | 128

# Ratios of width to height: table D.2.
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))

# How numbers are stored: two bits choose one of four, an offset and how many bits to add.
_SIDE = ((1, 9), (1, 13), (1, 18), (1, 30))
_ENUM = ((0, 0), (1, 0), (2, 4), (18, 6))
_POINT = ((0, 19), (1 << 19, 19), (1 << 20, 20), (1 << 21, 21))
_PREVIEW_BLOCKS, _PREVIEW_SIDES = (
    ((16, 0), (32, 0), (1, 5), (33, 9)),
    ((1, 6), (65, 8), (321, 10), (1345, 12)),
)
_TICKS, _TICK_DIVISORS = (
    ((100, 0), (1000, 0), (1, 10), (1, 30)),
    ((1, 0), (1001, 0), (1, 8), (1, 10)),
)
_PLAYS = ((0, 0), (0, 3), (0, 16), (0, 32))
_DEPTHS, _FLOAT_DEPTHS = ((8, 0), (10, 0), (12, 0), (1, 6)), ((32, 0), (16, 0), (24, 0), (1, 6))

Point = tuple[float, float]


class StatedColours(NamedTuple):
    """Colours in codes, which are those of ITU-T H.273 where it has one, or in numbers.

    Attributes:
        white, primaries, curve: codes; white and primaries are 2 for those given in numbers.
        gamma: the exponent of values by light; 0 if `curve` says it.
        points: x and y of red, green, blue and white, as far as they are given in numbers.
    """

    white: int = USUAL_WHITE
    primaries: int = _SRGB_PRIMARIES
    curve: int = _SRGB_CURVE
    gamma: float = 0
    points: tuple[Point | None, ...] = (None,) * 4


class JxlHeader(NamedTuple):
    """The header of a JPEG XL.

    Attributes:
        size: width and height in px, as stored.
        orientation: 1 to 8, of EXIF. Decoders turn the picture upright by it.
        is_animated: whether frames follow each other in time.
        is_grey: whether it has one channel of colour.
        extra: how many channels it has besides; these are known of MAX_EXTRA_CHANNELS of them.
        has_alpha, has_black: whether it has such a channel.
        is_premultiplied: whether colours are multiplied by alpha.
        is_converted: whether it is stored in colours of the format's own (XYB), from which decoders
            convert to those that are stated.
        colours: as stated; None if an ICC profile says them.
        is_plain: whether the first frame is known to be coded in blocks of pixels and in one pass,
            as that of a photograph mostly is: others take more memory.
    """

    size: tuple[int, int]
    orientation: int = 1
    is_animated: bool = False
    is_grey: bool = False
    extra: int = 0
    has_alpha: bool = False
    has_black: bool = False
    is_premultiplied: bool = False
    is_converted: bool = True
    colours: StatedColours | None = StatedColours()
    is_plain: bool = False


class _Bits:
    """The numbers of a codestream: annex B.2."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, bits: int) -> int:
        self._left -= bits
        if self._left < 0:
            raise EOFError
        value = self._value & ((1 << bits) - 1)
        self._value >>= bits
        return value

    def align(self) -> None:
        """Go to the beginning of the next byte."""
        self.take(self._left % 8)

    def flag(self) -> bool:
        return bool(self.take(1))

    def number(self, *choices: tuple[int, int]) -> int:
        """Return an integer of 32 bits."""
        offset, bits = choices[self.take(2)]
        return offset + self.take(bits)

    def long_number(self) -> int:
        """Return an integer of 64 bits, or the lowest of one that has more than twelve."""
        return self.number((0, 0), (1, 4), (17, 8), (0, 12))

    def point(self) -> Point:
        x, y = (self.number(*_POINT) for _ in range(2))
        return _signed(x) / 1e6, _signed(y) / 1e6


def read_jxl_header(file: BinaryIO) -> JxlHeader:
    """Return the header of a JPEG XL.

    Raises:
        ValueError: it is invalid.
        EOFError: it ends early.
    """
    bits = _Bits(codestream(file, _MAX_HEADER_BYTES))
    if bits.take(16) != int.from_bytes(JXL_STARTS[0], "little"):
        raise ValueError("begins otherwise")
    header = JxlHeader(_size(bits))
    if bits.flag():  # all else is as usual
        return header._replace(is_plain=_is_plain(header, bits))
    if has_more := bits.flag():
        header = _with_shape(header, bits)
    _skip_depth(bits)
    bits.flag()  # whether 16 bits suffice for decoding
    header = _with_channels(header, bits)
    if header.extra > MAX_EXTRA_CHANNELS:
        return header
    header = _with_colours(header._replace(is_converted=bits.flag()), bits)
    if has_more and not bits.flag():
        bits.take(16 + 16 + 1 + 16)  # for tone mapping
    has_extensions = bool(bits.long_number())
    if has_extensions or not header.colours:  # more follows before the first frame
        return header
    return header._replace(is_plain=_is_plain(header, bits))


def is_from_jpeg(file: BinaryIO) -> bool:
    """Return whether a JPEG XL holds what is needed to turn it into a JPEG again: 18181-2, 9.7."""
    return any(box.kind == b"jbrd" for box in jxl_boxes(file))


def _size(bits: _Bits) -> tuple[int, int]:
    """Return width and height in px: D.2."""
    is_small = bits.flag()
    height = 8 * (1 + bits.take(5)) if is_small else bits.number(*_SIDE)
    if ratio := bits.take(3):
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return 8 * (1 + bits.take(5)) if is_small else bits.number(*_SIDE), height


def _with_shape(header: JxlHeader, bits: _Bits) -> JxlHeader:
    """Read the orientation, and what is there besides the picture: D.3.2 to D.3.4."""
    orientation = 1 + bits.take(3)
    if bits.flag():  # the size at which it is meant to be shown
        _size(bits)
    if bits.flag():  # a preview
        has_blocks = bits.flag()
        sides = _PREVIEW_BLOCKS if has_blocks else _PREVIEW_SIDES
        bits.number(*sides)
        if not bits.take(3):
            bits.number(*sides)
    if is_animated := bits.flag():
        for choices in (_TICKS, _TICK_DIVISORS, _PLAYS):
            bits.number(*choices)
        bits.flag()
    return header._replace(orientation=orientation, is_animated=is_animated)


def _skip_depth(bits: _Bits) -> None:
    """Skip the bits per value: D.3.5."""
    if bits.flag():
        bits.number(*_FLOAT_DEPTHS)
        bits.take(4)
    else:
        bits.number(*_DEPTHS)


def _with_channels(header: JxlHeader, bits: _Bits) -> JxlHeader:
    """Read what channels there are besides colours: D.3.6."""
    extra = bits.number((0, 0), (1, 0), (2, 4), (1, 12))
    header = header._replace(extra=extra)
    for _ in range(min(extra, MAX_EXTRA_CHANNELS)):
        kind, is_premultiplied = _ALPHA, False
        if not bits.flag():  # else it is a usual alpha channel
            kind = bits.number(*_ENUM)
            _skip_depth(bits)
            bits.number((0, 0), (3, 0), (4, 0), (1, 3))  # how many times it is smaller
            bits.take(8 * bits.number((0, 0), (0, 4), (16, 5), (48, 10)))  # its name
            if kind == _ALPHA:
                is_premultiplied = bits.flag()
            elif kind == _SPOT:
                bits.take(4 * 16)
            elif kind == _FILTER:
                bits.number((1, 0), (0, 2), (3, 4), (19, 8))
        if kind == _ALPHA and not header.has_alpha:
            header = header._replace(has_alpha=True, is_premultiplied=is_premultiplied)
        header = header._replace(has_black=header.has_black or kind == _BLACK)
    return header


def _with_colours(header: JxlHeader, bits: _Bits) -> JxlHeader:
    """Read the colours: D.4."""
    if bits.flag():  # sRGB
        return header
    has_profile, kind = bits.flag(), bits.number(*_ENUM)
    header = header._replace(is_grey=kind == _GREY)
    if has_profile:
        return header._replace(colours=None)
    if kind not in (_RGB, _GREY):
        raise ValueError("its colours are of no kind that is shown")
    white, primaries = bits.number(*_ENUM), _SRGB_PRIMARIES
    white_point = bits.point() if white == _IN_NUMBERS else None
    if kind == _RGB:
        primaries = bits.number(*_ENUM)
    points = [bits.point() if primaries == _IN_NUMBERS else None for _ in range(3)]
    gamma = bits.take(24) / 1e7 if bits.flag() else 0.0
    curve = _SRGB_CURVE if gamma else bits.number(*_ENUM)
    bits.number(*_ENUM)  # the rendering intent
    stated = StatedColours(white, primaries, curve, gamma, (*points, white_point))
    return header._replace(colours=stated)


def _is_plain(header: JxlHeader, bits: _Bits) -> bool:
    """Return whether the first frame is coded in blocks and in one pass: D.3.1 and F.2.

    Not if that can't be known.
    """
    try:
        if not bits.flag():  # the colours of the format's own are others than usual
            return False
        bits.align()
        if bits.flag():  # all is as usual
            return True
        kind, is_modular = bits.take(2), bits.flag()
        flags = bits.long_number()
        is_luminous = not header.is_converted and bits.flag()
        if kind != _WHOLE_FRAME or is_modular or flags & ~_PLAIN_FLAGS:
            return False
        if is_luminous:
            bits.take(3 * 2)
        bits.take(2 * (1 + header.extra))  # how many times each channel is smaller
        if header.is_converted:
            bits.take(2 * 3)
        return not bits.take(2)  # one pass
    except EOFError:
        return False


def _signed(value: int) -> int:
    """Return a signed integer: B.2.7."""
    return -(value + 1) // 2 if value & 1 else value // 2

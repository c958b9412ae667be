"""Icons: which of their pictures is shown, and what of it is transparent."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from PIL import Image
from support.thumbs import thumb

SIDE = 32
CLEAR, RED, BLUE = (0, 0, 0, 0), (255, 0, 0, 255), (0, 0, 255, 255)


def bitmap(colour: tuple[int, int, int], bits: int, alpha: int = 0, *, mask: bool = True) -> bytes:
    """A bitmap of one colour, whose left half is masked out."""
    blue_first = bytes(reversed(colour))
    header = struct.pack("<IiiHHIIiiII", 40, SIDE, 2 * SIDE, 1, bits, 0, 0, 0, 0, 0, 0)
    palette = (blue_first + b"\0" + bytes(4 * (1 << bits) - 4)) if bits <= 8 else b""
    pixel = {24: blue_first, 32: blue_first + bytes([alpha])}.get(bits)
    row = pixel * SIDE if pixel else bytes(SIDE * bits // 8)
    masked = (b"\xff\xff\0\0" if mask else b"") * SIDE
    return header + palette + row * SIDE + masked


def png(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), colour).save(buffer, "png")
    return buffer.getvalue()


def icon(*entries: bytes, bits: int = 32, length: int | None = None) -> bytes:
    """An icon of pictures of one size, with the bits and the length that its list states."""
    head, place = struct.pack("<HHH", 0, 1, len(entries)), 6 + 16 * len(entries)
    for data in entries:
        stated = len(data) if length is None else length
        head += struct.pack("<BBBxHHII", SIDE, SIDE, 0, 1, bits, stated, place)
        place += len(data)
    return head + b"".join(entries)


def halves(folder: Path, data: bytes) -> list[object]:
    (folder / "a.ico").write_bytes(data)
    out = thumb(folder / "a.ico", also=["ico"]).convert("RGBA")
    shown = Image.composite(out, Image.new("RGBA", out.size), out.getchannel("A"))
    return [shown.getpixel((4, 16)), shown.getpixel((28, 16))]


@pytest.mark.parametrize("bits", [1, 4, 8, 24, 32])
def test_the_mask_hides_pixels_that_have_no_alpha_themselves(tmp_path: Path, bits: int) -> None:
    colour = bitmap((255, 0, 0), bits)
    assert halves(tmp_path, icon(colour)) == [CLEAR, RED]
    assert halves(tmp_path, icon(colour, bits=0)) == [CLEAR, RED], "whatever the list states"
    assert halves(tmp_path, icon(bitmap((255, 0, 0), bits, mask=False))) == [RED, RED]


def test_alpha_goes_before_the_mask(tmp_path: Path) -> None:
    assert halves(tmp_path, icon(bitmap((255, 0, 0), 32, 255))) == [RED, RED]
    assert halves(tmp_path, icon(bitmap((255, 0, 0), 32, 255), bits=0)) == [RED, RED]


@pytest.mark.parametrize("picture", [lambda colour: bitmap(colour, 32, 255), png])
def test_of_equals_the_first_is_shown(tmp_path: Path, picture: object) -> None:
    assert callable(picture)
    data = icon(picture((255, 0, 0)), picture((0, 0, 255)))
    assert halves(tmp_path, data) == [RED, RED]


@pytest.mark.parametrize("length", [0, 100, 1 << 31])
@pytest.mark.parametrize("picture", [bitmap((255, 0, 0), 8), bitmap((255, 0, 0), 32), png])
def test_a_picture_is_read_to_its_end_whatever_length_the_list_states(
    tmp_path: Path, picture: object, length: int
) -> None:
    data = picture((255, 0, 0)) if callable(picture) else picture
    expected = [RED, RED] if callable(picture) else [CLEAR, RED]
    assert isinstance(data, bytes)
    assert halves(tmp_path, icon(data, length=length)) == expected

"""Pictures of more, or fewer, than 8 bits a channel."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin
from support.colours import cicp, gamma, is_near, pixel, png
from support.thumbs import difference, thumb

# From black to white in 256 steps, as 16 bits.
RAMP = [257 * value for value in range(256)]


def big_endian(values: Iterable[int]) -> bytes:
    return b"".join(struct.pack(">H", value) for value in values)


def tiff(path: Path, image: Image.Image, **tags: Any) -> Path:
    """A TIFF some of whose tags say something else than Pillow would."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        directory[{"bits": 258, "photometric": 262}[name]] = value
    image.save(path, tiffinfo=directory)
    return path


@pytest.mark.parametrize(
    ("kind", "channels", "mode"), [(0, 1, "L"), (2, 3, "RGB"), (4, 2, "LA"), (6, 4, "RGBA")]
)
def test_16_bits_of_every_kind_of_png_are_scaled(
    tmp_path: Path, kind: int, channels: int, mode: str
) -> None:
    rows = b"".join(big_endian([value] * channels) for value in RAMP)
    out = thumb(png(tmp_path / "a.png", (256, 1), 16, kind, rows))
    assert out.mode == mode
    assert [pixel(out, x) for x in range(256)] == [(x,) * channels for x in range(256)]


@pytest.mark.parametrize("stated", [gamma(1), cicp(1, 8)])
def test_grey_with_alpha_of_16_bits_has_the_curve_that_its_file_states(
    tmp_path: Path, stated: tuple[bytes, bytes]
) -> None:
    outs = []
    for depth, grey in (
        (8, [bytes([value]) for value in range(256)]),
        (16, [big_endian([value]) for value in RAMP]),
    ):
        rows = b"".join(value * 2 for value in grey)
        outs.append(thumb(png(tmp_path / "a.png", (256, 1), depth, 4, rows, stated)))
    assert difference(*outs)[1] <= 1
    assert pixel(outs[1], 100)[0] > 150, "linear values are lighter than they look"


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("size", [64, 256])
def test_16_bit_grey_keeps_its_ends_when_resized(tmp_path: Path, size: int, linear: bool) -> None:
    source = png(tmp_path / "a.png", (256, 4), 16, 0, big_endian(RAMP) * 4)
    out = thumb(source, size=size, linear=linear)
    assert is_near(pixel(out), (0,))
    assert is_near(pixel(out, size - 1), (255,))


def test_a_level_of_16_bit_grey_may_be_transparent(tmp_path: Path) -> None:
    rows = big_endian([0x1234, 0x1235] * 8) * 16
    key = (b"tRNS", big_endian([0x1234]))
    out = thumb(png(tmp_path / "a.png", (16, 16), 16, 0, rows, key))
    assert out.mode == "LA"
    assert [pixel(out, 0), pixel(out, 1)] == [(18, 0), (18, 255)]


def test_a_colour_of_16_bits_may_be_transparent(tmp_path: Path) -> None:
    rows = big_endian([0x1234, 0x5678, 0x9ABC, 0x1234, 0x5678, 0x0000])
    key = (b"tRNS", big_endian([0x1234, 0x5678, 0x9ABC]))
    out = thumb(png(tmp_path / "a.png", (2, 1), 16, 2, rows, key))
    assert [pixel(out, x)[3] for x in range(2)] == [0, 255]


@pytest.mark.parametrize(
    ("depth", "row"), [(1, b"\x40"), (2, b"\x10"), (4, b"\x01"), (8, b"\x00\x01")]
)
def test_a_level_of_grey_of_few_bits_may_be_transparent(
    tmp_path: Path, depth: int, row: bytes
) -> None:
    source = png(tmp_path / "a.png", (2, 1), depth, 0, row, (b"tRNS", b"\0\x01"))
    out = thumb(source)
    assert out.mode == "LA"
    assert [pixel(out, x)[1] for x in range(2)] == [255, 0]


def test_some_colours_of_a_palette_may_be_half_transparent(tmp_path: Path) -> None:
    image = Image.new("P", (64, 64), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(tmp_path / "a.png", transparency=b"\xff\x80")
    for size in (64, 16):
        assert is_near(pixel(thumb(tmp_path / "a.png", size=size), 8, 8), (255, 0, 0, 128))


@pytest.mark.parametrize("order", ["I;16", "I;16B"])
def test_16_bit_grey_in_a_tiff_of_either_byte_order(tmp_path: Path, order: str) -> None:
    data = struct.pack("<256H" if order == "I;16" else ">256H", *RAMP)
    Image.frombytes(order, (256, 1), data).save(tmp_path / "a.tif")
    out = thumb(tmp_path / "a.tif")
    assert [pixel(out, x) for x in range(256)] == [(x,) for x in range(256)]


def test_16_bit_grey_in_a_tiff_may_be_white_at_zero(tmp_path: Path) -> None:
    image = Image.frombytes("I;16", (256, 1), struct.pack("<256H", *RAMP))
    out = thumb(tiff(tmp_path / "a.tif", image, photometric=0))
    assert [pixel(out, x) for x in range(256)] == [(255 - x,) for x in range(256)]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK"])
def test_16_bit_colours_in_a_tiff(tmp_path: Path, mode: str) -> None:
    """Written by hand: one strip, little-endian, TIFF 6.0."""
    channels = len(mode)
    pixel_values = [0xFFFF, 0x8080, 0x0000, 0xFFFF][:channels]
    if mode == "CMYK":
        pixel_values = [0x0000, 0xFFFF, 0xFFFF, 0x0000]  # red
    data = struct.pack(f"<{channels}H", *pixel_values) * 16
    tags = {256: (3, 4), 257: (3, 4), 259: (3, 1), 262: (3, 5 if mode == "CMYK" else 2)}
    tags |= {277: (3, channels), 278: (3, 4), 279: (4, len(data))}
    tags |= {338: (3, 2)} if mode == "RGBA" else {}
    count = len(tags) + 2
    after = 8 + 2 + 12 * count + 4
    entries = {
        tag: struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in tags.items()
    }
    entries[258] = struct.pack("<HHII", 258, 3, channels, after)
    entries[273] = struct.pack("<HHII", 273, 4, 1, after + 2 * channels)
    directory = b"".join(entries[tag] for tag in sorted(entries))
    (tmp_path / "a.tif").write_bytes(
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", count)
        + directory
        + bytes(4)
        + struct.pack(f"<{channels}H", *[16] * channels)
        + data
    )
    expected = {"RGB": (255, 128, 0), "RGBA": (255, 128, 0, 255), "CMYK": (255, 0, 0)}
    assert pixel(thumb(tmp_path / "a.tif")) == expected[mode]


def test_12_bit_grey_in_a_tiff_is_scaled(tmp_path: Path) -> None:
    """Two values in three bytes, as scanners and microscopes write them; by hand as above."""
    data = bytes.fromhex("000fff") * 8  # black and white in turn, four of them a row
    tags = {256: 4, 257: 4, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 4, 279: len(data)}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    (tmp_path / "a.tif").write_bytes(
        b"II*\0"
        + struct.pack("<I", 8 + len(data))
        + data
        + struct.pack("<H", len(tags))
        + directory
        + bytes(4)
    )
    out = thumb(tmp_path / "a.tif")
    assert [pixel(out, x) for x in range(4)] == [(0,), (255,), (0,), (255,)]


def test_32_bit_integers_are_stretched_between_their_extremes(tmp_path: Path) -> None:
    image = Image.new("I", (64, 1))
    for x in range(64):
        image.putpixel((x, 0), 100_000 * x)
    image.save(tmp_path / "a.tif")
    out = thumb(tmp_path / "a.tif")
    assert (out.mode, pixel(out, 0), pixel(out, 63)) == ("L", (0,), (255,))
    assert is_near(pixel(out, 32), (130,))

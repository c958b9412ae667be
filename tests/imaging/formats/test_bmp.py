"""BMPs whose colours have any number of bits."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from PIL import Image
from support.thumbs import difference, thumb

from thumbnailer import PictureError, make_thumbnail

SIZE = (16, 12)

# The bits of a pixel, and the masks of red, green, blue and alpha.
LAYOUTS = {
    "A1R5G5B5": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    "A4R4G4B4": (16, (0xF00, 0xF0, 0xF, 0xF000)),
    "X4R4G4B4": (16, (0xF00, 0xF0, 0xF, 0)),
    "R5G6B5": (16, (0xF800, 0x7E0, 0x1F, 0)),
    "R2G3B1": (16, (0x30, 0xE, 0x1, 0)),
    "A2R10G10B10": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
    "R8B8G8 apart": (32, (0xFF000000, 0xFF0, 0xFF0000, 0)),
    "R7G18B7": (32, (0xFE000000, 0x1FFFF80, 0x7F, 0)),
    "A8R8G8B8": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "R8G8B8": (24, (0xFF0000, 0xFF00, 0xFF, 0)),
}


def header(length: int, bits: int, compression: int, *, height: int = SIZE[1]) -> bytes:
    fields = struct.pack("<IiiHHIIiiII", length, SIZE[0], height, 1, bits, compression, *[0] * 5)
    return fields[:length]


def bmp(head: bytes, masks: tuple[int, ...], rows: bytes) -> bytes:
    length = struct.unpack_from("<I", head)[0]
    head += struct.pack(f"<{len(masks)}I", *masks)
    head = head.ljust(length, b"\0")
    return (
        b"BM" + struct.pack("<IHHI", 14 + len(head) + len(rows), 0, 0, 14 + len(head)) + head + rows
    )


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("is_flipped", [False, True])
def test_channels_of_any_bits_are_scaled_to_8(tmp_path: Path, name: str, is_flipped: bool) -> None:
    bits, masks = LAYOUTS[name]
    used = masks if masks[3] else masks[:3]
    values = [random.Random(at).getrandbits(bits) for at in range(SIZE[0] * SIZE[1])]
    pixels = bytes(round((value & mask) * 255 / mask) for value in values for mask in used)
    truth = Image.frombytes("RGBA" if masks[3] else "RGB", SIZE, pixels)
    if not is_flipped:  # rows are stored from the bottom
        truth = truth.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    truth.save(tmp_path / "truth.png")
    rows = b"".join(value.to_bytes(bits // 8, "little") for value in values)
    height = -SIZE[1] if is_flipped else SIZE[1]
    kinds: list[tuple[int, int, tuple[int, ...]]] = [
        (56, 3, masks),
        (124, 3, masks),
        (40, 6, masks),
    ]
    kinds += [] if masks[3] else [(40, 3, masks[:3])]
    for length, compression, stored in kinds:
        data = bmp(header(length, bits, compression, height=height), stored, rows)
        (tmp_path / "a.bmp").write_bytes(data)
        out = thumb(tmp_path / "a.bmp")
        assert out.mode == truth.mode
        assert difference(out, thumb(tmp_path / "truth.png", "expected.png"))[1] <= 1


def test_two_bits_a_pixel(tmp_path: Path) -> None:
    palette = (0xFF, 0xFF00, 0xFF0000, 0xFFFFFF)  # blue, green, red, white
    head = bytearray(header(40, 2, 0))
    struct.pack_into("<I", head, 32, 4)
    (tmp_path / "a.bmp").write_bytes(bmp(bytes(head), palette, b"\x1b" * 4 * SIZE[1]))
    out = thumb(tmp_path / "a.bmp").convert("RGB")
    expected = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255)]
    assert [out.getpixel((x, 5)) for x in range(4)] == expected


def test_what_is_missing_of_one_is_told(tmp_path: Path) -> None:
    bits, masks = LAYOUTS["A4R4G4B4"]
    data = bmp(header(56, bits, 3), masks, b"\xff" * SIZE[0] * 2 * SIZE[1])
    (tmp_path / "a.bmp").write_bytes(data[:-200])
    with pytest.raises(PictureError, match="truncated at 41 %"):
        make_thumbnail(tmp_path / "a.bmp", tmp_path / "out.png")
    out = thumb(tmp_path / "a.bmp", truncated="keep")
    assert out.getpixel((3, 11)) == (255, 255, 255, 255)

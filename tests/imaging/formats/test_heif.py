"""HEIF: how much of one picture can be in one piece."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from PIL import Image
from support.pictures import UPRIGHT, corners, quarters
from support.thumbs import thumb

from thumbnailer import PictureError

pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heif (pillow-heif)")

if " version 1.0." in pillow_heif.libheif_info()["decoders"]["libde265"]:
    reason = "libde265 before 1.1 has no such limit, and takes minutes for the padding"
    pytest.skip(reason, allow_module_level=True)

MIB = 1 << 20

# Where an `iloc` box of one item states the length of its data, after the box's type.
LENGTH_AT = 26


def heic(image: Image.Image) -> bytearray:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=95, chroma=444)
    return bytearray(buffer.getvalue())


def in_a_piece_of(length: int) -> bytes:
    """A HEIC whose coded pixels take so many bytes, rounded down to three.

    The padding is what encoders may put after them, `cabac_zero_words` of ITU-T H.265, 9.3.2.5.
    """
    data = heic(quarters((96, 64)))
    item, box = data.index(b"iloc") + LENGTH_AT, data.index(b"mdat") - 4
    piece = box + 8
    (own,) = struct.unpack_from(">I", data, piece)
    assert piece + 4 + own == len(data), "they are one piece at the end"
    padding: bytes = b"\0\0\3" * ((length - own) // 3)
    for at in (item, box, piece):
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(padding))
    return bytes(data) + padding


def test_one_in_a_piece_of_16_mib_is_made(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(in_a_piece_of(16 * MIB))
    assert corners(thumb(tmp_path / "a.heic")) == UPRIGHT


def test_one_in_a_longer_piece_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(in_a_piece_of(16 * MIB + 3))
    said = "is a HEIC picture coded in one piece of more than 16 MiB, which is not read here"
    with pytest.raises(PictureError, match=said):
        thumb(tmp_path / "a.heic")


def test_one_in_a_longer_piece_that_is_cut_is_called_cut(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(in_a_piece_of(17 * MIB)[:-100])
    with pytest.raises(PictureError, match="truncated"):
        thumb(tmp_path / "a.heic")

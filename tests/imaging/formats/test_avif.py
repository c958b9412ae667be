"""AVIF and HEIF: what is said of those that are not read."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from support.pictures import picture
from support.thumbs import thumb

from thumbnailer import PictureError


def of_size(path: Path, width: int, height: int) -> Path:
    """An AVIF that states a size, other than that of its pixels: ISO/IEC 23008-12, 6.5.3."""
    data = bytearray(picture(path, (64, 48)).read_bytes())
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", width, height)
    path.write_bytes(data)
    return path


def test_one_of_too_many_pixels_is_called_so(tmp_path: Path) -> None:
    source = of_size(tmp_path / "a.avif", 17_000, 17_000)
    with pytest.raises(PictureError, match=r"limits: has 17000 x 17000 px, 289 megapixels: more"):
        thumb(source)


def test_one_with_too_long_a_side_is_called_so(tmp_path: Path) -> None:
    source = of_size(tmp_path / "a.avif", 40_000, 100)
    with pytest.raises(PictureError, match="is an AVIF of 40000 x 100 px: 32768 at most are read"):
        thumb(source)


@pytest.mark.parametrize("brand", [b"hevc", b"msf1"])
def test_a_heif_of_frames_only_is_called_so(tmp_path: Path, brand: bytes) -> None:
    pytest.importorskip("pillow_heif", reason="needs the extra heif (pillow-heif)")
    movie = struct.pack(">I4s", 16, b"moov") + struct.pack(">I4s", 8, b"trak")
    (tmp_path / "a.heics").write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", brand, 0) + movie)
    with pytest.raises(PictureError, match="is a HEIF of frames only, which is not read here"):
        thumb(tmp_path / "a.heics")

"""AVIF: what is said of one that is too large."""

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

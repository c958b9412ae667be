"""WebP animations as browsers show them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from support.pictures import corners, quarters
from support.thumbs import thumb


def animation(path: Path, first: Image.Image) -> Path:
    second = Image.new("RGBA", first.size, "yellow")
    first.save(path, save_all=True, append_images=[second], lossless=True, duration=100)
    return path


def test_around_a_smaller_first_frame_there_is_nothing(tmp_path: Path) -> None:
    """What is stored of it is a part of the canvas, whose pixels are all opaque."""
    first = Image.new("RGBA", (40, 30))
    first.paste("red", (10, 10, 40, 30))
    out = thumb(animation(tmp_path / "a.webp", first)).convert("RGBA")
    assert [out.getpixel(place) for place in ((2, 2), (30, 20))] == [(0, 0, 0, 0), (255, 0, 0, 255)]


def test_an_opaque_animation_stays_opaque(tmp_path: Path) -> None:
    out = thumb(animation(tmp_path / "a.webp", quarters((40, 30)).convert("RGBA")))
    assert (out.mode, corners(out)) == ("RGB", ["red", "lime", "blue", "white"])

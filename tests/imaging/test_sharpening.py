"""What `sharpen` does to a thumbnail."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat
from support.program import make
from support.project import SUNSET
from support.similarity import ssim
from support.thumbs import thumb


def gradient(image: Image.Image) -> float:
    """The mean difference between neighbours."""
    grey = image.convert("L")
    return ImageStat.Stat(ImageChops.difference(grey, ImageChops.offset(grey, 1))).mean[0]


def test_sharpening_brings_out_detail(tmp_path: Path) -> None:
    with Image.open(SUNSET) as image:
        image.save(tmp_path / "a.jpg", quality=95)
    plain, sharp = (thumb(tmp_path / "a.jpg", size=200, sharpen=on) for on in (False, True))
    assert gradient(sharp) > 1.04 * gradient(plain)
    assert ssim(plain, sharp) > 0.97


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_sharpening_makes_no_halos(tmp_path: Path, mode: str) -> None:
    image = Image.new("L", (900, 600), 60)
    image.paste(180, (450, 0, 900, 600))
    image.filter(ImageFilter.GaussianBlur(10)).convert(mode).save(tmp_path / "a.png")
    plain, sharp = (thumb(tmp_path / "a.png", size=90, sharpen=on) for on in (False, True))
    assert plain.tobytes() != sharp.tobytes()
    assert plain.getextrema() == sharp.getextrema()


def test_what_is_little_reduced_is_not_sharpened(tmp_path: Path) -> None:
    with Image.open(SUNSET) as image:
        image.resize((300, 200)).save(tmp_path / "a.png")
    for size in (151, 300):
        plain, sharp = (thumb(tmp_path / "a.png", size=size, sharpen=on) for on in (False, True))
        assert plain.tobytes() == sharp.tobytes()


def test_sharpening_leaves_transparency_alone(tmp_path: Path) -> None:
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((50, 50, 350, 350), (120, 120, 120, 255))
    draw.rectangle((150, 150, 250, 250), (200, 0, 0, 255))
    image.save(tmp_path / "a.png")
    plain, sharp = (thumb(tmp_path / "a.png", size=50, sharpen=on) for on in (False, True))
    assert plain.tobytes() != sharp.tobytes()
    assert plain.getchannel("A").tobytes() == sharp.getchannel("A").tobytes()
    inner = ImageChops.difference(plain.convert("RGB"), sharp.convert("RGB")).getbbox()
    assert inner is not None
    assert inner[0] > 10  # nothing changes at the rim of the disc
    assert inner[2] < 40


@pytest.mark.slow
def test_sharpening_is_an_option_of_the_command(photos: Path) -> None:
    with Image.open(SUNSET) as image:
        image.save(photos / "a.jpg")
    make(photos, "-o", photos / "plain", "-s", "99")
    make(photos, "-o", photos / "sharp", "-s", "99", "--sharpen", "--include", "a.jpg")
    with (
        Image.open(photos / "plain" / "a.jpg") as plain,
        Image.open(photos / "sharp" / "a.jpg") as sharp,
    ):
        assert gradient(sharp) > 1.04 * gradient(plain)

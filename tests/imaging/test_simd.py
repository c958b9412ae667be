"""The extra `simd`: the same thumbnails, sooner."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw
from support.program import make
from support.project import SUNSET
from support.thumbs import difference, thumb

from thumbnailer.imaging.geometry import simd

pytest.importorskip("cykooz_resizer", reason="needs the extra simd (cykooz-resizer)")


def without(monkeypatch: pytest.MonkeyPatch, source: Path, **options: Any) -> Image.Image:
    with monkeypatch.context() as patched:
        patched.setattr(simd, "resizer", None)  # as if it were not installed
        return thumb(source, **options)


def of_mode(mode: str, path: Path) -> Path:
    with Image.open(SUNSET) as image:
        picture = image.resize((400, 300)).convert(mode.removesuffix("A"))
        if mode.endswith("A"):
            alpha = Image.new("L", picture.size)
            ImageDraw.Draw(alpha).ellipse((20, 30, 310, 290), 255)
            picture.putalpha(alpha)
        target = path / ("a.tif" if mode == "CMYK" else "a.png")
        picture.save(target)
    return target


@pytest.mark.parametrize(
    "options",
    [
        {"size": 100},
        {"size": 75, "linear": True},
        {"size": (120, 50), "fit": "cover"},
        {"size": (90, 120), "fit": "pad"},
        {"size": (150, 40), "fit": "fill"},
        {"size": 600, "upscale": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK"])
@pytest.mark.few(8)
def test_thumbnails_are_as_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, options: dict[str, Any]
) -> None:
    source = of_mode(mode, tmp_path)
    fast, plain = thumb(source, **options), without(monkeypatch, source, **options)
    assert fast.tobytes() != plain.tobytes(), "it is not in use"
    mean, most = difference(fast, plain)
    assert mean < 0.6
    assert most <= 30  # at hard edges: Pillow shrinks by a box filter first


@pytest.mark.parametrize("name", ["animated-windmill.gif", "picnic.webp", "progressive-sunset.jpg"])
@pytest.mark.parametrize("size", [33, 128, 300])
@pytest.mark.few(3)
def test_samples_are_as_good_as_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, size: int
) -> None:
    judge = pytest.importorskip("support.similarity", reason="needs numpy")
    source = tmp_path / name
    source.symlink_to(SUNSET.parent / name)
    with Image.open(source) as image:
        fast, plain = thumb(source, size=size), without(monkeypatch, source, size=size)
        best = judge.reference(image, fast.size)
    assert judge.ssim(fast, best) >= judge.ssim(plain, best) - 0.001


def test_colours_that_are_transparent_do_not_shine_through(tmp_path: Path) -> None:
    image = Image.new("RGBA", (400, 400), (0, 255, 0, 0))
    ImageDraw.Draw(image).ellipse((50, 50, 350, 350), (255, 0, 0, 255))
    image.save(tmp_path / "a.png")
    for fit in ("contain", "cover"):
        red, green, blue, _ = thumb(tmp_path / "a.png", size=(70, 60), fit=fit).split()
        assert ImageChops.lighter(green, blue).getextrema() == (0, 0)
        assert red.getextrema()[1] == 255


def test_workers_use_it_in_their_sandbox(photos: Path, tmp_path: Path) -> None:
    of_mode("RGB", photos)
    sandbox = "require" if sys.platform == "linux" and find_spec("landlockpy") else "auto"
    assert make(photos, "--sandbox", sandbox, "--format", "png").statuses == {"a.png": "made"}
    here = thumb(of_mode("RGB", tmp_path), size=256)
    with Image.open(photos / "thumbs" / "a.png") as there:
        assert there.tobytes() == here.tobytes()


def test_a_pillow_that_is_not_known_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads Pillow's memory, and would crash where that is laid out differently."""
    source = of_mode("RGB", tmp_path)
    plain = without(monkeypatch, source, size=100)
    monkeypatch.setattr(simd, "_KNOWN", False)
    assert thumb(source, size=100).tobytes() == plain.tobytes()

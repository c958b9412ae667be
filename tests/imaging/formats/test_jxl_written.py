"""Thumbnails in JPEG XL: what they show, hold and take; and what is said without the extra."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from PIL.ExifTags import Base
from support.chromium import shown
from support.pictures import files_below
from support.program import make, thumbnailer
from support.thumbs import difference, swapped_profile, thumb

from thumbnailer import ConfigError, PictureError, Settings, make_thumbnail

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("pylibjxl", reason="needs the extra jxl (pylibjxl)")

SIZE = (150, 100)


def scene(path: Path, mode: str = "RGB") -> Path:
    """Soft colours with hard edges, and with alpha a soft hole."""
    ramp = Image.linear_gradient("L").resize(SIZE)
    image = Image.merge("RGB", [ramp, ramp.rotate(180), Image.radial_gradient("L").resize(SIZE)])
    image.paste((250, 20, 20), (20, 20, 60, 50))
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.radial_gradient("L").resize(SIZE))
    image.convert(mode).save(path)
    return path


def written(source: Path, **options: Any) -> Path:
    target = source.parent / "out.jxl"
    make_thumbnail(source, target, **options)
    return target


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_it_shows_what_was_there(tmp_path: Path, mode: str) -> None:
    source = scene(tmp_path / "a.png", mode)
    made = thumb(written(source, size=75, quality=90, subsampling="4:4:4"), size=75)
    expected = thumb(source, size=75)
    assert made.size == (75, 50)
    assert made.mode == ("RGBA" if mode == "LA" else mode)
    mean, most = difference(made, expected.convert(made.mode))
    assert mean < 4
    assert most < 60


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_by_way_of_jpeg_it_is_the_same_in_fewer_bytes(tmp_path: Path, mode: str) -> None:
    source = scene(tmp_path / "a.png", mode)
    made, jpeg = written(source), tmp_path / "out.jpg"
    make_thumbnail(source, jpeg)
    assert made.stat().st_size < jpeg.stat().st_size
    assert difference(thumb(made), thumb(jpeg))[1] <= 8  # two decoders


def test_quality_and_subsampling_have_an_effect(tmp_path: Path) -> None:
    source = scene(tmp_path / "a.png")
    sizes = [
        written(source, **options).stat().st_size
        for options in ({"quality": 20}, {}, {"subsampling": "4:4:4"}, {"quality": 95})
    ]
    assert sizes == sorted(set(sizes))
    holed = scene(tmp_path / "b.png", "RGBA")
    low, high = (written(holed, quality=one).stat().st_size for one in (5, 95))
    assert low < high


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_longest_allowed_file_is_kept_to(tmp_path: Path, mode: str) -> None:
    source = scene(tmp_path / "a.png", mode)
    full = written(source, quality=90).stat().st_size
    short = written(source, quality=90, max_bytes=full // 2).stat().st_size
    assert full / 5 < short <= full / 2
    with pytest.raises(PictureError, match="is longer than 20 bytes even at quality 1"):
        written(source, max_bytes=20)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_what_was_asked_for_is_kept_and_no_more(tmp_path: Path, mode: str) -> None:
    exif = Image.Exif()
    exif[Base.Copyright], exif[Base.Model], exif[Base.Orientation] = "(c) Ann", "Secret", 6
    source = tmp_path / "a.png"
    with Image.open(scene(tmp_path / "plain.png", mode)) as image:
        image.save(source, exif=exif, icc_profile=swapped_profile(), xmp=b"<Secret/>")
    plain = written(source).read_bytes()
    assert plain.startswith(b"\xff\x0a")
    assert b"Secret" not in plain
    kept = written(source, keep=("copyright", "icc"))
    assert b"(c) Ann" in kept.read_bytes()
    assert b"Secret" not in kept.read_bytes()
    make_thumbnail(kept, tmp_path / "again.jpg", keep=("copyright", "icc"))
    with Image.open(tmp_path / "again.jpg") as image:
        assert dict(image.getexif()) == {Base.Copyright: "(c) Ann"}
        assert image.size == (100, 150)
        assert image.info["icc_profile"]
    assert difference(thumb(kept).convert("RGB"), thumb(source).convert("RGB"))[0] < 4


def test_a_folder_is_made_once_and_found_whole(photos: Path) -> None:
    scene(photos / "a.png")
    scene(photos / "b.png", "RGBA")
    made = make(photos, "--format", "jxl")
    assert made.statuses == {"a.png": "made", "b.png": "made"}
    names = {"thumbs/a.png.jxl", "thumbs/b.png.jxl"}
    assert names < files_below(photos)
    assert {*make(photos, "--format", "jxl").statuses.values()} == {"current"}
    assert thumbnailer("verify", photos, "--format", "jxl").code == 0
    thumbnail = photos / "thumbs" / "a.png.jxl"
    thumbnail.write_bytes(thumbnail.read_bytes()[:-40])
    assert thumbnailer("verify", photos, "--format", "jxl").code == 3


@pytest.mark.extra
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_browser_shows_it(tmp_path: Path, browser: Browser, mode: str) -> None:
    source = scene(tmp_path / "a.png", mode)
    png = tmp_path / "out.png"
    make_thumbnail(source, png)
    made, expected = shown(browser, [written(source, quality=90), png])
    assert difference(made, expected)[0] < 4


def test_without_the_extra_it_is_refused_at_once_with_the_way_to_it(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene(photos / "a.png")
    monkeypatch.setitem(sys.modules, "pylibjxl", None)
    run = thumbnailer("make", photos, "--format", "jxl")
    assert run.code == 2
    assert "--format jxl: can be written after pip install" in run.err
    with pytest.raises(ConfigError, match=r"\[jxl\]"):
        make_thumbnail(photos / "a.png", photos / "out.jxl")
    with pytest.raises(ConfigError, match=r"\[jxl\]"):
        Settings(sizes={"small": {"size": 75, "format": "jxl"}})
    assert files_below(photos) == {"a.png"}

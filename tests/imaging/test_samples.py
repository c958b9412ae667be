"""The sample pictures that come with the project: the hard cases, each of them made."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat
from samples import write_samples
from support.program import make
from support.project import SAMPLES


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The thumbnails of the samples, in a tree of their own."""
    out = tmp_path_factory.mktemp("samples")
    run = make(SAMPLES, "-o", out)
    assert run.code == 0
    assert run.summary["made"] == run.summary["found"] == len(list(pictures(SAMPLES)))
    return out


def pictures(folder: Path) -> Iterator[Path]:
    """The samples themselves; thumbnails of an earlier run may be beside them."""
    for path in sorted(folder.rglob("*.*")):
        if path.is_file() and "thumbs" not in path.parts:
            yield path


def thumbnail(made: Path, name: str) -> Image.Image:
    with Image.open(made / name) as image:
        image.load()
    return image


def test_they_are_small_and_about_a_dozen() -> None:
    assert 10 <= len(list(pictures(SAMPLES))) <= 15
    assert sum(path.stat().st_size for path in pictures(SAMPLES)) < 4_000_000


def test_they_hold_the_hard_cases() -> None:
    kinds: set[tuple[str | None, str | None]] = set()
    for path in pictures(SAMPLES):
        with Image.open(path) as image:
            kinds.add((image.format, image.mode))
            if image.info.get("progressive"):
                kinds.add(("progressive", ""))
            if image.getexif().get(0x0112) == 6:
                kinds.add(("orientation", "6"))
            if getattr(image, "n_frames", 1) > 1:
                kinds.add(("frames", image.format))
            if "icc_profile" in image.info:
                kinds.add(("profile", image.format))
    assert kinds >= {
        ("JPEG", "CMYK"),
        ("JPEG", "L"),
        ("PNG", "RGBA"),
        ("PNG", "I;16"),
        ("GIF", "P"),
        ("WEBP", "RGB"),
        ("AVIF", "RGB"),
        ("progressive", ""),
        ("orientation", "6"),
        ("frames", "GIF"),
        ("frames", "TIFF"),
        ("profile", "JPEG"),
    }
    names = [str(path.relative_to(SAMPLES)) for path in pictures(SAMPLES)]
    assert any(" " in name and unicodedata.normalize("NFD", name) != name for name in names)
    assert any(os.sep in name for name in names)


def test_the_phone_picture_stands_upright(made: Path) -> None:
    image = thumbnail(made, "phone-portrait-lighthouse.jpg")
    assert image.size == (192, 256)
    top = ImageStat.Stat(image.crop((0, 0, 192, 40))).mean
    bottom = ImageStat.Stat(image.crop((0, 216, 192, 256))).mean
    assert top[2] > bottom[2] + 30  # the sky is bluer than the grass


def test_the_16_bit_picture_keeps_its_shades(made: Path) -> None:
    image = thumbnail(made, "deep16-moonlit-hills.png.jpg")
    assert image.mode == "L"
    assert 20 < ImageStat.Stat(image).mean[0] < 120


def test_the_wide_gamut_picture_is_more_vivid_than_its_numbers(made: Path) -> None:
    image = thumbnail(made, "display-p3-poppies.jpg")
    with Image.open(SAMPLES / "display-p3-poppies.jpg") as source:
        plain = source.resize(image.size)
    difference = ImageStat.Stat(ImageChops.difference(image, plain.convert("RGB"))).mean
    assert max(difference) > 5
    ours, theirs = (ImageStat.Stat(each.convert("HSV")).mean[1] for each in (image, plain))
    assert ours > theirs


def test_the_transparent_picture_is_on_white(made: Path) -> None:
    image = thumbnail(made, "transparent-balloon.png.jpg")
    assert image.getpixel((2, 2)) == (255, 255, 255)


@pytest.mark.slow
def test_they_are_what_their_script_draws(tmp_path: Path) -> None:
    write_samples(tmp_path)
    assert [path.relative_to(tmp_path) for path in pictures(tmp_path)] == [
        path.relative_to(SAMPLES) for path in pictures(SAMPLES)
    ]
    for path in pictures(tmp_path):  # codecs differ from build to build: alike, not equal
        with Image.open(path) as drawn, Image.open(SAMPLES / path.relative_to(tmp_path)) as kept:
            assert (drawn.size, drawn.mode) == (kept.size, kept.mode)
            both = [image.convert("RGB") for image in (drawn, kept)]
            assert max(ImageStat.Stat(ImageChops.difference(*both)).mean) < 2
    shutil.rmtree(tmp_path)

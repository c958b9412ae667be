"""Thumbnails against an independent judge: all pixels decoded, one Lanczos step, nothing saved."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps
from support.corpus import camera_kinds
from support.project import SAMPLES

from thumbnailer import make_thumbnail

judge = pytest.importorskip("support.similarity", reason="needs numpy")


def score(source: Path, target: Path, size: int) -> float:
    """The SSIM of a thumbnail, saved without loss."""
    make_thumbnail(source, target, size=size)
    with Image.open(target) as made, Image.open(source) as image:
        whole = ImageOps.exif_transpose(image)
        similarity: float = judge.ssim(made, judge.reference(whole, made.size))
        return similarity


@pytest.mark.slow
@pytest.mark.parametrize("size", [75, 256, 1024])
def test_camera_pictures_come_out_as_by_one_step(corpus: Path, tmp_path: Path, size: int) -> None:
    scores = {path.name: score(path, tmp_path / "a.png", size) for path in camera_kinds(corpus)}
    assert statistics.mean(scores.values()) >= 0.995
    assert min(scores.values()) >= 0.97, min(scores, key=lambda name: scores[name])


@pytest.mark.parametrize("size", [64, 200])
def test_a_sample_comes_out_as_by_one_step(tmp_path: Path, size: int) -> None:
    assert score(SAMPLES / "progressive-sunset.jpg", tmp_path / "a.png", size) >= 0.99


@pytest.mark.parametrize("fit", ["contain", "cover"])
def test_a_jpeg_of_any_width_keeps_its_shape(tmp_path: Path, fit: str) -> None:
    """At 1/8 libjpeg makes 126 columns of 1001, of which the last is an eighth of one."""
    image = Image.new("L", (1001, 1001), "white")
    for at in range(0, 1001, 32):
        ImageDraw.Draw(image).rectangle((at, 0, at + 15, 1001), "black")
    image.save(tmp_path / "a.jpg", quality=95)
    made = make_thumbnail(tmp_path / "a.jpg", tmp_path / "a.png", size=75, fit=fit)
    with Image.open(made.path) as thumbnail, Image.open(tmp_path / "a.jpg") as whole:
        assert judge.ssim(thumbnail, judge.reference(whole, thumbnail.size)) > 0.99


@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
def test_the_eight_orientations_are_alike(corpus: Path, tmp_path: Path, shape: str) -> None:
    thumbnails = []
    for orientation in range(1, 9):
        target = tmp_path / f"{orientation}.png"
        make_thumbnail(corpus / "orientation" / f"{shape}_{orientation}.jpg", target)
        with Image.open(target) as image:
            image.load()
            thumbnails.append(image)
    for other in thumbnails[1:]:
        assert other.size == thumbnails[0].size
        assert judge.ssim(thumbnails[0], other) > 0.98

"""Real pictures from real cameras, and real broken ones; skipped where there are none."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat
from support.program import make


def test_every_camera_picture_is_made(corpus: Path, tmp_path: Path) -> None:
    run = make(corpus / "camera", "-o", tmp_path)
    assert run.code == 0
    assert run.summary["made"] == run.summary["found"] == 36
    for row in run.rows:
        (made,) = row["thumbnails"]
        with Image.open(made["path"]) as image:
            image.load()
            assert image.size == (made["width"], made["height"])
            assert max(image.size) == 256


@pytest.mark.slow
def test_camera_pictures_look_like_a_full_decode(corpus: Path, tmp_path: Path) -> None:
    make(corpus / "camera", "-o", tmp_path, "-f", "png", "--include", "*_[A-F]*")
    made = [path for path in tmp_path.iterdir() if path.suffix == ".png"]
    assert len(made) >= 10
    for path in made:
        with (
            Image.open(corpus / "camera" / path.name.removesuffix(".png")) as source,
            Image.open(path) as thumbnail,
        ):
            upright = ImageOps.exif_transpose(source).convert("RGB")
            if profile := source.info.get("icc_profile"):
                colours = ImageCms.ImageCmsProfile(io.BytesIO(profile))
                srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
                ImageCms.profileToProfile(upright, colours, srgb, inPlace=True)
            whole = upright.resize(thumbnail.size, Image.Resampling.LANCZOS)
            rms = ImageStat.Stat(ImageChops.difference(thumbnail.convert("RGB"), whole)).rms
        assert max(rms) < 6, path.name


@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
@pytest.mark.few(2)
def test_all_orientations_come_out_alike(corpus: Path, tmp_path: Path, shape: str) -> None:
    run = make(corpus / "orientation", "-o", tmp_path, "--include", f"{shape}_*", "-s", "300")
    assert run.summary["made"] == 9
    with Image.open(tmp_path / f"{shape}_1.jpg") as image:
        reference = image.convert("L")
    wide = shape == "Landscape"
    assert (reference.width > reference.height) == wide
    for path in sorted(tmp_path.glob("*.jpg")):
        with Image.open(path) as image:
            assert image.size == reference.size
            # Each has its own number in the middle; all else is the same scene.
            difference = ImageChops.difference(image.convert("L"), reference)
            assert ImageStat.Stat(difference).mean[0] < 6, path.name


@pytest.mark.slow
def test_every_format_is_made_or_fails_with_a_reason(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif", reason="needs the extra heif (pillow-heif)")
    run = make(corpus / "formats", "-o", tmp_path, "--also", "ico,jpeg2000,ppm,psd,tga")
    assert run.summary["made"] == 22
    failed = [row for row in run.rows if row["error"]]
    assert {Path(row["source"]).name[:6]: row["error"]["reason"] for row in failed} == {
        **dict.fromkeys(
            ("1-2-3.", "ARROW1", "AVFU.I", "AaronK", "Add_Pr"),
            "is an OS/2 icon, no format that is read here",
        ),
        "10x12x": "is a Photoshop document of 16 or 32 bits a channel, which is not read here",
        "Assert": "is a large Photoshop document, no format that is read here",
        "Illega": "truncated: begins like a HEIC picture, but ends early",
        "Negati": "begins like a HEIC picture, but its header is damaged",
        "NullPo": "damaged at 0 %: the data make no sense from there on",
    }


def test_hostile_files_fail_one_by_one(corpus: Path, tmp_path: Path) -> None:
    run = make(corpus / "hostile", "-o", tmp_path)
    assert run.code == 3
    assert run.err == ""
    assert run.summary["made"] + run.summary["failed"] == run.summary["found"] > 100
    for row in run.rows:
        if row["status"] == "failed":
            assert row["error"]["stage"] in {"open", "limits", "decode"}
            assert len(row["error"]["reason"]) > 7
    assert make(corpus / "hostile", "-o", tmp_path).summary["made"] == 0

"""Real pictures from real cameras, and real broken ones; skipped where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
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
def test_every_format_is_made_or_fails_with_a_reason(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif", reason="needs the extra heif (pillow-heif)")
    run = make(corpus / "formats", "-o", tmp_path, "--also", "ico,jpeg2000,ppm,psd,svg,tga")
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
        "NullPo": "damaged: the data make no sense",
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

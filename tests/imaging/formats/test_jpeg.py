"""JPEGs that lack their end, and those whose coding is arithmetic."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.program import make
from support.progressive_scans import needs_cjpeg, scene
from support.thumbs import difference, thumb

SIZE = (400, 300)
WHOLE = "its end is missing; all rows are there"

KINDS: dict[str, dict[str, Any]] = {
    "baseline": {"subsampling": 0},
    "small colours": {"subsampling": 2},
    "restarts": {"restart_marker_rows": 1},
    "progressive": {"progressive": True},
    "progressive restarts": {"progressive": True, "restart_marker_rows": 1},
}


def jpeg(size: tuple[int, int], **options: Any) -> bytes:
    buffer = io.BytesIO()
    scene(size).save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


def transcoded(data: bytes, *options: str) -> bytes:
    """The same coefficients in another coding."""
    command = ["jpegtran", *options]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def told(folder: Path, pictures: dict[str, bytes], size: int) -> dict[str, str]:
    """What is said of each picture: the note on its thumbnail, or why there is none."""
    for name, data in pictures.items():
        (folder / f"{name}.jpg").write_bytes(data)
    run = make(folder, "-o", folder / "out", "-f", "png", "-s", str(size))
    return {
        Path(row["source"]).stem: row["error"]["reason"] if row["error"] else row["note"] or ""
        for row in run.rows
    }


@pytest.mark.parametrize("size", [400, 60])
def test_only_the_end_is_missing(tmp_path: Path, size: int) -> None:
    whole = {name: jpeg(SIZE, **options) for name, options in KINDS.items()}
    cut = {name: data[:-2] for name, data in whole.items()}
    assert told(tmp_path, cut, size) == dict.fromkeys(cut, WHOLE)
    for name, data in whole.items():
        (tmp_path / "whole.jpg").write_bytes(data)
        expected = thumb(tmp_path / "whole.jpg", size=size)
        (made,) = (tmp_path / "out").glob(f"{name}.*")
        with Image.open(made) as out:
            assert difference(out.copy(), expected)[1] == 0, name


@pytest.mark.parametrize("size", [400, 60])
@pytest.mark.parametrize("name", ["baseline", "small colours", "restarts"])
def test_missing_rows_are_told_wherever_they_begin(tmp_path: Path, name: str, size: int) -> None:
    data = jpeg(SIZE, **KINDS[name])
    start = data.rindex(b"\xff\xda")
    shares = [0.05, 0.31, 0.74, 0.97]
    cuts = {f"{share}": data[: start + int(share * (len(data) - start))] for share in shares}
    for share, reason in told(tmp_path, cuts, size).items():
        assert reason.endswith(" %: the end of the file is missing")
        percent = int(reason.removeprefix("truncated at ").partition(" ")[0])
        assert -8 <= percent - 100 * float(share) <= 4, reason


def test_missing_scans_are_told(tmp_path: Path) -> None:
    """Though all rows are there of the scans before them, and end where a scan does."""
    data = jpeg(SIZE, progressive=True)
    last = data.rindex(b"\xff\xda")
    pictures = {"before the last": data[:last], "in the last": data[: last + 500]}
    assert set(told(tmp_path, pictures, 400).values()) == {
        "truncated: the end of the file is missing"
    }


@needs_cjpeg
def test_missing_colours_are_told(tmp_path: Path) -> None:
    (tmp_path / "scans").write_text("0;\n1;\n2;\n")
    data = transcoded(jpeg(SIZE), "-scans", str(tmp_path / "scans"))
    pictures = {"whole": data, "no end": data[:-2], "two": data[: data.rindex(b"\xff\xda")]}
    said = told(tmp_path, pictures, 400)
    assert said == {
        "whole": "",
        "no end": WHOLE,
        "two": "truncated: the end of the file is missing",
    }


@needs_cjpeg
@pytest.mark.parametrize("size", [900, 100])
def test_arithmetic_coding_of_any_length(tmp_path: Path, size: int) -> None:
    huffman = jpeg((900, 700))
    assert len(huffman) > 1 << 17
    kinds = {"sequential": [], "progressive": ["-progressive"]}
    coded = {name: transcoded(huffman, "-arithmetic", *kind) for name, kind in kinds.items()}
    cut = {f"{name} cut": data[:-2] for name, data in coded.items()}
    expected = dict.fromkeys(coded, "") | dict.fromkeys(cut, WHOLE)
    assert told(tmp_path, coded | cut, size) == expected
    (tmp_path / "whole.jpg").write_bytes(huffman)
    truth = thumb(tmp_path / "whole.jpg", size=size)
    for name in expected:
        (made,) = (tmp_path / "out").glob(f"{name}.*")
        with Image.open(made) as out:
            assert difference(out.copy(), truth)[1] == 0, name

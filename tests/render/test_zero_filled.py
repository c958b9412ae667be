"""Files whose last part is zeros: downloads that were given their room beforehand, and ended."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.pictures import noise
from support.similarity import ssim
from support.thumbs import thumb

from thumbnailer import PictureError

# What is said of them, with and without the share of rows that are there.
WHERE = r"truncated at (\d+) %: the end of the file is missing, with zeros in its place"
NOWHERE = "truncated: the end of the file is missing, with zeros in its place"

SMALL, LARGE = (300, 200), (3000, 2000)
BASELINE: list[dict[str, Any]] = [{}, {"optimize": True}, {"subsampling": 0}]


def saved(size: tuple[int, int], format: str, **options: Any) -> bytes:
    """A picture whose rows take about the same room: as a small JPEG 30 KB, as a large one 3 MB."""
    image = Image.linear_gradient("L").resize(size)
    image = Image.blend(image, noise(size, 60), 0.3).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, format, **{"quality": 90} | options)
    return buffer.getvalue()


def zero_filled(data: bytes, share: float) -> bytes:
    end = int(len(data) * share)
    return data[:end] + bytes(len(data) - end)


def reason(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(PictureError) as error:
        thumb(path, size=100)
    return error.value.reason


@pytest.mark.parametrize("options", BASELINE)
@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_jpeg_is_cut_where_the_zeros_begin(
    tmp_path: Path, size: tuple[int, int], share: float, options: dict[str, Any]
) -> None:
    said = reason(tmp_path / "a.jpg", zero_filled(saved(size, "JPEG", **options), share))
    found = re.fullmatch(WHERE, said)
    assert found
    assert int(found[1]) == pytest.approx(share * 100, abs=8)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_so_is_a_progressive_one(tmp_path: Path, size: tuple[int, int], share: float) -> None:
    data = saved(size, "JPEG", progressive=True)
    assert reason(tmp_path / "a.jpg", zero_filled(data, share)) == NOWHERE


def test_the_end_of_its_preview_is_not_its_own(tmp_path: Path) -> None:
    preview = saved((160, 120), "JPEG")
    exif = b"Exif\0\0MM\0*" + (8).to_bytes(4) + bytes(6) + preview
    data = zero_filled(saved(SMALL, "JPEG", exif=exif), 0.7)
    assert preview in data
    assert re.fullmatch(WHERE, reason(tmp_path / "a.jpg", data))


def test_what_is_there_of_it_is_kept_on_request(tmp_path: Path) -> None:
    data = saved(SMALL, "JPEG")
    (tmp_path / "a.jpg").write_bytes(zero_filled(data, 0.7))
    (tmp_path / "whole.jpg").write_bytes(data)
    top = (0, 0, 100, 40)
    kept = thumb(tmp_path / "a.jpg", size=100, truncated="keep").crop(top)
    assert ssim(kept, thumb(tmp_path / "whole.jpg", size=100).crop(top)) > 0.98


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("zeros", [1, 100, 5_000_000])
def test_zeros_after_the_end_are_of_no_harm(
    tmp_path: Path, size: tuple[int, int], zeros: int, options: dict[str, Any]
) -> None:
    data = saved(size, "JPEG", **options)
    (tmp_path / "a.jpg").write_bytes(data)
    whole = thumb(tmp_path / "a.jpg")
    for after in (b"", b"more"):
        (tmp_path / "a.jpg").write_bytes(data + after + bytes(zeros))
        assert thumb(tmp_path / "a.jpg").tobytes() == whole.tobytes()


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_that_lacks_its_end_alone_is_made(tmp_path: Path, options: dict[str, Any]) -> None:
    data = saved(SMALL, "JPEG", **options)
    (tmp_path / "a.jpg").write_bytes(data)
    whole = thumb(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes(data[:-2] + bytes(1000))
    assert thumb(tmp_path / "a.jpg").tobytes() == whole.tobytes()


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("tile", [0, 128])
def test_a_heic_is_cut_in_one_piece_or_in_tiles(tmp_path: Path, share: float, tile: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heif (pillow-heif)")
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(saved(SMALL, "JPEG")))
    pillow_heif.from_pillow(image).save(buffer, quality=80, tile_size=tile)
    (tmp_path / "a.heic").write_bytes(buffer.getvalue() + bytes(1000))
    thumb(tmp_path / "a.heic")
    assert reason(tmp_path / "a.heic", zero_filled(buffer.getvalue(), share)) == NOWHERE


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_an_avif_is_cut(tmp_path: Path, share: float) -> None:
    data = saved(SMALL, "AVIF", speed=10)
    (tmp_path / "a.avif").write_bytes(data + bytes(1000))
    thumb(tmp_path / "a.avif")
    assert reason(tmp_path / "a.avif", zero_filled(data, share)) == NOWHERE


@pytest.mark.parametrize(
    ("name", "size", "where", "why"),
    [
        ("a.png", SMALL, "damaged", "the data make no sense from there on"),
        ("a.png", LARGE, "damaged", "the data make no sense from there on"),
        ("a.gif", SMALL, "truncated", "the end of the file is missing"),
    ],
)
def test_other_decoders_take_no_zeros_for_pixels(
    tmp_path: Path, name: str, size: tuple[int, int], where: str, why: str
) -> None:
    data = saved(size, name.partition(".")[2])
    said = reason(tmp_path / name, zero_filled(data, 0.7))
    assert re.fullmatch(rf"{where} at (6\d|7\d) %: {why}", said)

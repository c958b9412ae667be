"""Progressive JPEGs at an eighth of their size: in a fraction of the time, to the same pixels."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.corpus import camera_kinds
from support.progressive_scans import (
    at_eighth,
    can_be_opened,
    cjpeg,
    jpegtran,
    needs_cjpeg,
    needs_turbo,
    pixels,
    reduced,
    saved,
    scene,
)
from support.project import SAMPLES

from thumbnailer import make_thumbnail
from thumbnailer.imaging.decode import load
from thumbnailer.imaging.decode.progressive import keep_dc_scans

pytestmark = needs_turbo

SAMPLINGS = ["1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "2x2,1x2,2x1", "1x1,2x2,2x2"]


@st.composite
def scripts(draw: st.DrawFn, components: int) -> str:
    """An order of scans as ISO 10918-1, G.1.1.1, allows it, in the words of cjpeg."""

    def scans(names: list[int], first: int, last: int) -> list[str]:
        shifts = range(most := draw(st.integers(0, 2)), -1, -1)
        return [
            f"{','.join(map(str, names))}: {first}-{last}, {0 if shift == most else shift + 1}, "
            f"{shift};"
            for shift in shifts
        ]

    everything = [*range(components)]
    together = [everything] if draw(st.booleans()) else [[name] for name in everything]
    lines = [line for names in together for line in scans(names, 0, 0)]
    queues = []
    for name in everything:
        cuts = sorted(draw(st.sets(st.integers(2, 63), max_size=3)))
        for first, end in zip([1, *cuts], [*cuts, 64], strict=True):
            queues.append(scans([name], first, end - 1))
    while queues := [queue for queue in queues if queue]:
        lines.append(draw(st.sampled_from(queues)).pop(0))
    return "\n".join(lines)


@needs_cjpeg
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_order_of_scans_in_every_sampling(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    size = data.draw(st.tuples(st.integers(8, 90), st.integers(8, 90)))
    is_grey = data.draw(st.booleans())
    script = tmp_path_factory.getbasetemp() / "script.txt"
    script.write_text(data.draw(scripts(1 if is_grey else 3)))
    sampling = [] if is_grey else ["-sample", data.draw(st.sampled_from(SAMPLINGS))]
    restart = data.draw(st.sampled_from([[], ["-restart", "1"], ["-restart", "2B"]]))
    quality = data.draw(st.sampled_from(["2", "30", "90", "100"]))
    image = scene(size, "L" if is_grey else "RGB")
    reduced(cjpeg(image, "-quality", quality, "-scans", str(script), *sampling, *restart))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", [(8, 8), (9, 8), (17, 33), (300, 8), (8, 300), (121, 67)])
def test_every_mode_and_odd_sizes(mode: str, size: tuple[int, int]) -> None:
    for options in ({}, {"keep_rgb": True}, {"restart_marker_blocks": 3}):
        reduced(saved(scene(size, mode), quality=80, **options))


@pytest.mark.parametrize(("subsampling", "most"), [("4:2:0", 0.35), ("4:2:2", 0.2), ("4:4:4", 0.2)])
def test_most_of_the_file_is_left_out(subsampling: str, most: float) -> None:
    data = saved(scene((400, 300)), quality=90, subsampling=subsampling)
    assert len(reduced(data)) < most * len(data)


def test_what_follows_the_end_does_not_count() -> None:
    data = saved(scene((120, 90)))
    assert keep_dc_scans(data + data) == keep_dc_scans(data)


@needs_cjpeg
@pytest.mark.parametrize("size", [(75, 75), (40, 200)])
def test_a_thumbnail_is_that_of_the_same_picture_in_one_scan(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """With its orientation and all that is kept of it."""
    exif = Image.Exif()
    exif[0x0112], exif[0x8298] = 6, "Ann Author"
    profile = at_eighth(sample := sunset()).info.get("icc_profile", b"")
    image = Image.open(io.BytesIO(sample)).resize((900, 640))
    sources = tmp_path / "progressive.jpg", tmp_path / "in one scan.jpg"
    sources[0].write_bytes(saved(image, exif=exif, icc_profile=profile))
    sources[1].write_bytes(jpegtran(sources[0].read_bytes()))
    made = []
    for source in sources:
        make_thumbnail(source, tmp_path / "out.jpg", size=size, keep=("copyright", "icc"))
        made.append((tmp_path / "out.jpg").read_bytes())
    assert made[0] == made[1]
    with Image.open(tmp_path / "out.jpg") as thumbnail:
        assert thumbnail.height > thumbnail.width
        assert thumbnail.getexif()[0x8298] == "Ann Author"


def sunset() -> bytes:
    return (SAMPLES / "progressive-sunset.jpg").read_bytes()


def test_small_thumbnails_are_made_of_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by putting a black picture in the place of what is left of a white one."""
    (tmp_path / "a.jpg").write_bytes(saved(Image.new("L", (2400, 1800), "white")))
    black = saved(Image.new("L", (2400, 1800), "black"))
    monkeypatch.setattr(load, "keep_dc_scans", lambda _: keep_dc_scans(black))
    for size, colour in ((128, 0), (1000, 255)):
        made = make_thumbnail(tmp_path / "a.jpg", tmp_path / "b.png", size=size)
        with Image.open(made.path) as thumbnail:
            assert thumbnail.getextrema() == (colour, colour)


def test_neither_a_film_nor_a_second_picture_that_follows_makes_a_difference(
    tmp_path: Path,
) -> None:
    image, mpo, made = scene((900, 640)), io.BytesIO(), []
    image.save(mpo, "MPO", save_all=True, append_images=[image.rotate(180)], progressive=True)
    for data in (saved(image), saved(image) + b"film" * 1_000_000, mpo.getvalue()):
        (tmp_path / "a.jpg").write_bytes(data)
        make_thumbnail(tmp_path / "a.jpg", tmp_path / "out.png", size=50)
        made.append((tmp_path / "out.png").read_bytes())
    assert made[0] == made[1] == made[2]


@pytest.mark.slow
@needs_cjpeg
def test_camera_pictures(corpus: Path) -> None:
    for source in camera_kinds(corpus):
        data = jpegtran(source.read_bytes(), "-progressive")
        assert len(reduced(data)) < 0.4 * len(data), source.name


@pytest.mark.slow
def test_real_pictures_whole_and_broken(corpus: Path) -> None:
    count = 0
    for source in sorted(corpus.rglob("*")):
        data = source.read_bytes() if source.is_file() else b""
        result = keep_dc_scans(data)
        if result is not None and can_be_opened(data):
            assert pixels(result) == pixels(data), source.name
            count += 1
    assert count > 0

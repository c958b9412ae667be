"""TIFFs of all depths, byte orders and layouts look as the same picture in a plain PNG."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import pytest
from PIL import Image
from support import tiff_files
from support.colours import is_near, pixel
from support.program import in_a_process
from support.thumbs import thumb
from support.tiff_files import ASCII, SHORT, Kind

from thumbnailer import PictureError, make_thumbnail
from thumbnailer.errors import install_hint
from thumbnailer.imaging.decode.vips import load_pyvips

WIDTH, HEIGHT = 20, 12
GREY, RGB, CMYK = 1, 2, 5

COLOURS = [
    [[x / (WIDTH - 1), y / (HEIGHT - 1), (x * y % 7) / 6] for x in range(WIDTH)]
    for y in range(HEIGHT)
]
SHADES = [[[one[0]] for one in row] for row in COLOURS]
OPACITY = [[(x + y) / (WIDTH + HEIGHT - 2) for x in range(WIDTH)] for y in range(HEIGHT)]

UNSIGNED, SIGNED, FLOAT = 1, 2, 3


def with_alpha(rows: tiff_files.Rows) -> tiff_files.Rows:
    return [
        [[*channels, alpha] for channels, alpha in zip(row, alphas, strict=True)]
        for row, alphas in zip(rows, OPACITY, strict=True)
    ]


def expected(rows: tiff_files.Rows, mode: str) -> Image.Image:
    """The same picture in 8 bits."""
    values = bytes(round(255 * value) for row in rows for one in row for value in one)
    return Image.frombytes(mode, (len(rows[0]), len(rows)), values)


def assert_alike(out: Image.Image, right: Image.Image, most: int = 1) -> None:
    """Check each pixel, those of colours that can be seen."""
    assert (out.mode, out.size) == (right.mode, right.size)
    pixels = (zip(*[iter(one.convert("RGBA").tobytes())] * 4, strict=True) for one in (out, right))
    for one, other in zip(*pixels, strict=True):
        assert abs(one[3] - other[3]) <= most
        if other[3] > 60:
            assert all(abs(a - b) <= most for a, b in zip(one, other, strict=True)), (one, other)


def made(path: Path, data: bytes) -> Image.Image:
    (path / "a.tif").write_bytes(data)
    return thumb(path / "a.tif", size=64, upscale=False)


def refused(path: Path, data: bytes) -> str:
    (path / "a.tif").write_bytes(data)
    with pytest.raises(PictureError) as caught:
        make_thumbnail(path / "a.tif", path / "out.png", size=64)
    return caught.value.reason


LAYOUTS = [*product("<>", [False, True], [0, 16])]


@pytest.mark.parametrize(("order", "deflated", "tile"), LAYOUTS)
@pytest.mark.parametrize(
    ("bits", "format"), [(16, UNSIGNED), (16, SIGNED), (32, SIGNED), (32, FLOAT)]
)
def test_grey_of_each_depth_in_each_byte_order(
    tmp_path: Path, bits: int, format: int, order: str, deflated: bool, tile: int
) -> None:
    kind = Kind(bits, format, order=order, deflated=deflated, tile=tile)
    assert_alike(made(tmp_path, tiff_files.picture(SHADES, kind)), expected(SHADES, "L"))


@pytest.mark.parametrize("deflated", [False, True])
def test_unsigned_values_of_32_bits_do_not_wrap(tmp_path: Path, deflated: bool) -> None:
    kind = Kind(32, UNSIGNED, deflated=deflated)
    assert_alike(made(tmp_path, tiff_files.picture(SHADES, kind)), expected(SHADES, "L"))


@pytest.mark.parametrize(("order", "deflated", "tile"), LAYOUTS)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_in_planes(
    tmp_path: Path, mode: str, bits: int, order: str, deflated: bool, tile: int
) -> None:
    rows, extras = (with_alpha(COLOURS), (2,)) if mode == "RGBA" else (COLOURS, ())
    kind = Kind(bits, UNSIGNED, RGB, extras, order, 2, deflated, tile)
    assert_alike(made(tmp_path, tiff_files.picture(rows, kind)), expected(rows, mode))


@pytest.mark.parametrize(("order", "deflated", "tile"), LAYOUTS)
@pytest.mark.parametrize(("bits", "format"), [(8, UNSIGNED), (16, UNSIGNED), (32, FLOAT)])
def test_one_channel_is_the_same_in_a_plane(
    tmp_path: Path, bits: int, format: int, order: str, deflated: bool, tile: int
) -> None:
    if tile and bits == 8:
        return
    kind = Kind(bits, format, planar=2, order=order, deflated=deflated, tile=tile)
    assert_alike(made(tmp_path, tiff_files.picture(SHADES, kind)), expected(SHADES, "L"))


def negative(rows: tiff_files.Rows) -> tiff_files.Rows:
    return [[[1 - value for value in one] for one in row] for row in rows]


@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize(("bits", "format"), [(8, UNSIGNED), (16, UNSIGNED), (32, FLOAT)])
def test_white_may_be_zero(tmp_path: Path, bits: int, format: int, planar: int) -> None:
    kind = Kind(bits, format, photometric=0, planar=planar)
    assert_alike(made(tmp_path, tiff_files.picture(negative(SHADES), kind)), expected(SHADES, "L"))


REDUCED: tiff_files.Tags = {254: (SHORT, [1])}
MASK: tiff_files.Tags = {254: (SHORT, [4])}
OLD_REDUCED: tiff_files.Tags = {255: (SHORT, [2])}


def flat(side: int, value: float) -> tiff_files.Rows:
    return [[[value]] * side] * side


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("mark", [REDUCED, OLD_REDUCED])
def test_of_a_first_page_that_is_reduced_the_full_one_is_shown(
    tmp_path: Path, mark: tiff_files.Tags, big: bool, order: str
) -> None:
    if big and order == ">":
        pytest.importorskip("pyvips")
    kind = Kind(order=order)
    small, large = flat(8, 0.2), [[[1.0] * 1] * 40] * 20
    turned = {274: (SHORT, [6])}
    pages = [
        tiff_files.page(small, kind, {**mark, 274: (SHORT, [1])}),
        tiff_files.page(flat(60, 0.4), kind, MASK),
        tiff_files.page(large, kind, turned),
        tiff_files.page(flat(16, 0.6), kind),
    ]
    out = made(tmp_path, tiff_files.tiff(*pages, order=order, big=big))
    assert (out.size, pixel(out, 5, 5)) == ((20, 40), (255,))


def test_what_is_kept_is_of_the_page_that_is_shown(tmp_path: Path) -> None:
    pages = [
        tiff_files.page(flat(8, 0.2), Kind(), {**REDUCED, 33432: (ASCII, b"of the small one\0")}),
        tiff_files.page(flat(16, 0.6), Kind(), {33432: (ASCII, b"of the full one\0")}),
    ]
    (tmp_path / "a.tif").write_bytes(tiff_files.tiff(*pages))
    out = thumb(tmp_path / "a.tif", "out.jpg", keep=["copyright"])
    assert out.getexif()[33432] == "of the full one"


@pytest.mark.parametrize("marks", [[{}, {}], [{}, REDUCED], [REDUCED, REDUCED]])
def test_of_other_pages_the_first_is_shown(tmp_path: Path, marks: list[tiff_files.Tags]) -> None:
    sides, shades = (8, 16), (0.2, 0.6)
    pages = [
        tiff_files.page(flat(side, shade), Kind(), mark)
        for side, shade, mark in zip(sides, shades, marks, strict=True)
    ]
    out = made(tmp_path, tiff_files.tiff(*pages))
    assert (out.size, pixel(out)) == ((8, 8), (51,))


def test_a_chain_of_pages_without_end_is_left(tmp_path: Path) -> None:
    pages = [tiff_files.page(flat(8, 0.2), Kind(), REDUCED) for _ in range(2000)]
    assert made(tmp_path, tiff_files.tiff(*pages)).size == (8, 8)


# Kinds that Pillow does not read, or not rightly: their name, pixels, mode and how they are stored.
BY_VIPS = [
    ("signed 8-bit grey", SHADES, "L", Kind(8, SIGNED)),
    ("16-bit floating-point grey", SHADES, "L", Kind(16, FLOAT)),
    ("32-bit grey", SHADES, "L", Kind(32, UNSIGNED, order=">")),
    ("16-bit grey", SHADES, "L", Kind(16, UNSIGNED, 0, order=">")),
    ("signed 16-bit grey", SHADES, "L", Kind(16, SIGNED, 0)),
    ("16-bit grey with alpha", SHADES, "LA", Kind(16, UNSIGNED, GREY, (2,))),
    ("32-bit floating-point grey with alpha", SHADES, "LA", Kind(32, FLOAT, GREY, (2,))),
    ("16-bit floating-point RGB", COLOURS, "RGB", Kind(16, FLOAT, RGB)),
    ("32-bit floating-point RGB", COLOURS, "RGB", Kind(32, FLOAT, RGB)),
    ("32-bit floating-point RGB in planes", COLOURS, "RGB", Kind(32, FLOAT, RGB, planar=2)),
    ("32-bit floating-point RGB with alpha", COLOURS, "RGBA", Kind(32, FLOAT, RGB, (2,))),
    ("signed 16-bit RGB", COLOURS, "RGB", Kind(16, SIGNED, RGB)),
    ("32-bit RGB", COLOURS, "RGB", Kind(32, UNSIGNED, RGB)),
]
ENDINGS = [(order, deflated) for order in "<>" for deflated in (False, True)]


@pytest.mark.parametrize(("order", "deflated"), ENDINGS)
@pytest.mark.parametrize(("name", "rows", "mode", "kind"), BY_VIPS)
def test_other_kinds_are_read_by_the_extra(
    tmp_path: Path,
    name: str,
    rows: tiff_files.Rows,
    mode: str,
    kind: Kind,
    order: str,
    deflated: bool,
) -> None:
    pytest.importorskip("pyvips")
    rows = with_alpha(rows) if mode.endswith("A") else rows
    stored = negative(rows) if kind.photometric == 0 else rows
    kind = kind._replace(order=order if kind.order == "<" else kind.order, deflated=deflated)
    assert_alike(made(tmp_path, tiff_files.picture(stored, kind)), expected(rows, mode))


@pytest.mark.parametrize(("name", "rows", "mode", "kind"), BY_VIPS)
def test_without_the_extra_their_kind_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    rows: tiff_files.Rows,
    mode: str,
    kind: Kind,
) -> None:
    without_vips(monkeypatch)
    rows = with_alpha(rows) if mode.endswith("A") else rows
    said = refused(tmp_path, tiff_files.picture(rows, kind))
    assert said == f"is a TIFF of {name}, which is read after {install_hint('vips')}"


def without_vips(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not installed."""
    monkeypatch.setitem(sys.modules, "pyvips", None)
    load_pyvips.cache_clear()


@pytest.fixture(autouse=True)
def vips_as_installed() -> Iterator[None]:
    yield
    load_pyvips.cache_clear()


@pytest.mark.parametrize("bits", [8, 16])
def test_ink_with_alpha(tmp_path: Path, bits: int) -> None:
    pytest.importorskip("pyvips")
    inks = [[[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]] * 4] * 4
    rows = [[[*one, (x % 5) / 4] for x, one in enumerate(row)] for row in inks]
    out = made(tmp_path, tiff_files.picture(rows, Kind(bits, UNSIGNED, CMYK, (2,))))
    assert out.mode == "RGBA"
    seen = [pixel(out, x) for x in range(4)]
    assert seen == [(255, 0, 0, 0), (0, 255, 255, 64), (0, 0, 0, 128), (255, 255, 255, 191)]


def test_floats_beyond_white_are_scaled_from_their_extremes(tmp_path: Path) -> None:
    pytest.importorskip("pyvips")
    rows = [[[0.0, 25.0, 50.0]] * 4] * 4
    out = made(tmp_path, tiff_files.picture(rows, Kind(32, FLOAT, RGB)))
    assert is_near(pixel(out), (0, 128, 255))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_the_extra_reads_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    pytest.importorskip("pyvips")
    tags = {274: (SHORT, [orientation])}
    plain = made(tmp_path, tiff_files.picture(COLOURS, Kind(8, UNSIGNED, RGB), tags))
    assert_alike(made(tmp_path, tiff_files.picture(COLOURS, Kind(32, FLOAT, RGB), tags)), plain)


@pytest.mark.parametrize(("tile", "deflated"), [*product([0, 16], [False, True])])
def test_what_the_extra_reads_is_not_made_if_it_is_cut_short(
    tmp_path: Path, tile: int, deflated: bool
) -> None:
    pytest.importorskip("pyvips")
    kind = Kind(32, FLOAT, RGB, tile=tile, deflated=deflated)
    said = refused(tmp_path, shortened(tiff_files.picture(COLOURS * 8, kind)))
    assert said.startswith("truncated")


def shortened(data: bytes) -> bytes:
    """A TIFF the last of whose strips or tiles is stated to lie beyond its end."""
    (place,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, place)
    out = bytearray(data)
    for at in range(place + 2, place + 2 + 12 * count, 12):
        tag, _, number, value = struct.unpack_from("<HHII", data, at)
        if tag in (273, 324):
            last = at + 8 if number == 1 else value + 4 * (number - 1)
            struct.pack_into("<I", out, last, len(data) + 1000)
    return bytes(out)


def test_what_failed_for_want_of_the_extra_is_tried_anew(tmp_path: Path) -> None:
    """In the sandbox of the workers, where that is to be had."""
    pytest.importorskip("pyvips")
    photos, hiding = tmp_path / "photos", tmp_path / "hiding"
    photos.mkdir()
    hiding.mkdir()
    (photos / "a.tif").write_bytes(tiff_files.picture(COLOURS, Kind(32, FLOAT, RGB)))
    (hiding / "pyvips.py").write_text("raise ImportError")
    sandbox = "require" if sys.platform == "linux" and find_spec("landlockpy") else "auto"
    command = ("make", photos, "--sandbox", sandbox, "--json")
    path = os.pathsep.join([str(hiding), os.environ.get("PYTHONPATH", "")])
    assert in_a_process(*command, PYTHONPATH=path).summary["failed"] == 1
    assert in_a_process(*command).summary["made"] == 1


def heights(absent: float) -> list[list[list[float]]]:
    """From 200 to 1460 metres, and a tenth of the map without any."""
    return [[[200.0 + 20 * y] if x else [absent] for x in range(10)] for y in range(64)]


def nodata(text: str) -> tiff_files.Tags:
    return {42113: (ASCII, text.encode() + b"\0")}


@pytest.mark.parametrize(
    ("absent", "text"),
    [(-9999.0, "-9999"), (-3.4028234663852886e38, "-3.40282346638529e+38"), (1e20, "1e+20")],
)
def test_where_a_map_has_no_data_it_is_transparent(
    tmp_path: Path, absent: float, text: str
) -> None:
    out = made(tmp_path, tiff_files.picture(heights(absent), Kind(32, FLOAT), nodata(text)))
    assert out.mode == "LA"
    assert [pixel(out, 0, y)[1] for y in (0, 30, 63)] == [0, 0, 0]
    assert is_near(pixel(out, 3, 0), (0, 255))
    assert is_near(pixel(out, 3, 32), (130, 255))
    assert is_near(pixel(out, 3, 63), (255, 255))


@pytest.mark.parametrize(("bits", "format"), [(16, SIGNED), (32, SIGNED), (32, UNSIGNED)])
@pytest.mark.parametrize("order", ["<", ">"])
def test_so_it_is_in_whole_numbers(tmp_path: Path, bits: int, format: int, order: str) -> None:
    if (order, format) == (">", UNSIGNED):
        pytest.importorskip("pyvips")
    low = -(1 << (bits - 1)) if format == SIGNED else 0
    high = low + (1 << bits) - 1
    absent = high if format == UNSIGNED else low  # as GDAL has it for 32 bits, and SRTM for 16
    data = tiff_files.picture(
        [
            [[0.5 + y / 1000] if x else [float(format == UNSIGNED)] for x in range(9)]
            for y in range(64)
        ],
        Kind(bits, format, order=order),
        nodata(str(absent)),
    )
    out = made(tmp_path, data)
    assert [pixel(out, 0, 5)[1], pixel(out, 3, 5)[1]] == [0, 255]
    assert is_near(pixel(out, 3, 0), (0, 255))
    assert is_near(pixel(out, 3, 63), (255, 255))


@pytest.mark.parametrize("absent", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_no_data(tmp_path: Path, absent: float) -> None:
    out = made(tmp_path, tiff_files.picture(heights(absent), Kind(32, FLOAT)))
    assert [pixel(out, 0, 5)[1], pixel(out, 3, 5)[1]] == [0, 255]
    assert is_near(pixel(out, 3, 63), (255, 255))

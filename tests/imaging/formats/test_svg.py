"""SVG, on request: drawn in the size of its thumbnail. Nothing else is read, nothing is endless."""

from __future__ import annotations

import base64
import gzip
import io
import re
import socket
import sys
import threading
from pathlib import Path

import pytest
from PIL import ExifTags, Image
from support.pictures import corners, noise, picture, quarters
from support.program import enough, make
from support.thumbs import difference, swapped_profile, thumb

from thumbnailer import PictureError, make_thumbnails
from thumbnailer.errors import install_hint

pytest.importorskip("pyvips", reason="needs the extra vips (pyvips)")

QUARTERS = """
<rect width="48" height="32" fill="red"/><rect x="48" width="48" height="32" fill="lime"/>
<rect y="32" width="48" height="32" fill="blue"/><rect x="48" y="32" width="48" height="32"
fill="white"/>
"""
SIZE = 'width="96" height="64"'
LINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(content: str, size: str = SIZE, before: str = "") -> bytes:
    return f'{before}<svg xmlns="http://www.w3.org/2000/svg" {LINK} {size}>{content}</svg>'.encode()


def drawn(folder: Path, data: bytes, **options: object) -> Image.Image:
    (folder / "a.svg").write_bytes(data)
    return thumb(folder / "a.svg", "out.png", also=["svg"], **options)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (SIZE, (256, 171)),
        ('width="9.6" height="6.4" viewBox="0 0 96 64"', (256, 171)),
        ('width="9600mm" height="6400mm" viewBox="0 0 96 64"', (256, 171)),
        ('viewBox="0 0 96 64"', (256, 171)),
        ('width="100%" height="100%" viewBox="0 0 96 64"', (256, 171)),
    ],
)
def test_it_is_drawn_in_the_size_of_the_thumbnail_whatever_it_states(
    tmp_path: Path, size: str, expected: tuple[int, int]
) -> None:
    """Edges stay sharp: nearly all pixels have one of its own colours."""
    made = drawn(tmp_path, svg(QUARTERS, size), size=256)
    assert (made.size, corners(made)) == (expected, ["red", "lime", "blue", "white"])
    counts = sorted(count for count, _ in made.getcolors() or ())
    assert sum(counts[-4:]) > 0.96 * 256 * 171


@pytest.mark.parametrize("size", ["", 'width="100%" height="100%"', "height='150'"])
def test_without_a_size_it_has_that_of_browsers(tmp_path: Path, size: str) -> None:
    """300 x 150 px: CSS 2.2, 10.3.2. What is drawn is elsewhere in it."""
    made = drawn(tmp_path, svg('<rect x="150" y="75" width="50" height="20"/>', size), size=300)
    assert made.size == (300, 150)
    places = ((149, 74), (150, 75), (199, 94), (200, 95))
    assert [made.getpixel(at) for at in places] == [(0, 0, 0, alpha) for alpha in (0, 255, 255, 0)]


@pytest.mark.parametrize(
    ("size", "expected"),
    [('width="auto" height="150"', (300, 150)), ('width="96" height="64px"', (300, 200))],
)
def test_what_is_no_length_does_not_count_and_a_style_changes_no_shape(
    tmp_path: Path, size: str, expected: tuple[int, int]
) -> None:
    """As in browsers; else it would have the shape of what is drawn in it."""
    style = 'style="width:100%;height:auto"' if "auto" not in size else ""
    data = svg('<rect x="9" y="9" width="50" height="20"/>', f"{size} {style}")
    made = drawn(tmp_path, data, size=300)
    assert made.size == expected
    assert made.getpixel((1, 1)) == (0, 0, 0, 0)


def test_several_sizes_fits_and_formats(photos: Path) -> None:
    (photos / "a.svg").write_bytes(svg(QUARTERS))
    run = make(
        photos, "--also", "svg", "-s", "64", "-s", "512", "--fit", "cover", "--sandbox", "auto"
    )
    assert [one["height"] for one in run.rows[0]["thumbnails"]] == [64, 512]
    run = make(photos, "--also", "svg", "-s", "64", "--linear", "--force", "--format", "webp")
    assert run.rows[0]["status"] == "made"


def test_what_it_leaves_free_is_transparent(tmp_path: Path) -> None:
    made = drawn(tmp_path, svg('<circle cx="48" cy="32" r="30" fill="#00f8"/>'), size=96)
    assert made.getpixel((0, 0)) == (0, 0, 0, 0)
    assert made.getpixel((48, 32)) == (0, 0, 255, 136)


def test_it_may_be_compressed(tmp_path: Path) -> None:
    plain = drawn(tmp_path, svg(QUARTERS))
    (tmp_path / "a.svgz").write_bytes(gzip.compress(svg(QUARTERS)))
    assert difference(thumb(tmp_path / "a.svgz", also=["svg"]), plain) == (0, 0)


def test_text_is_drawn_in_the_sandbox_too(photos: Path) -> None:
    """With the fonts of this machine, if there are any."""
    (photos / "a.svg").write_bytes(svg('<text x="5" y="40" font-size="30">Hallo</text>'))
    run = make(photos, "--also", "svg", "--format", "png", "--sandbox", "auto")
    made = Image.open(run.rows[0]["thumbnails"][0]["path"])
    (photos / "b.svg").write_bytes(svg('<text x="5" y="40" font-size="30">Hallo</text>'))
    assert difference(made, thumb(photos / "b.svg", also=["svg"], size=256)) == (0, 0)


def with_picture(data: bytes, kind: str = "image/png") -> bytes:
    """A drawing of a picture alone."""
    uri = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return svg(f'<image xlink:href="{uri}" {SIZE}/>')


@pytest.mark.parametrize("format", ["png", "jpeg", "gif", "webp", "avif", "bmp"])
def test_a_picture_in_its_text_is_drawn(tmp_path: Path, format: str) -> None:
    """Also of formats that librsvg does not read, and by another name than its own."""
    buffer = io.BytesIO()
    quarters((96, 64)).save(buffer, format)
    for kind in (f"image/{format}", "image/png", f"image/{format};charset=utf-8"):
        made = drawn(tmp_path, with_picture(buffer.getvalue(), kind))
        assert corners(made) == ["red", "lime", "blue", "white"], kind


@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_a_picture_in_its_text_is_upright_and_in_its_colours(tmp_path: Path, format: str) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = 3
    quarters((96, 64)).save(buffer, format, exif=exif)
    made = drawn(tmp_path, with_picture(buffer.getvalue(), f"image/{format}"))
    assert corners(made) == ["white", "blue", "lime", "red"]
    buffer = io.BytesIO()
    quarters((96, 64)).save(buffer, format, icc_profile=swapped_profile())
    made = drawn(tmp_path, with_picture(buffer.getvalue(), f"image/{format}"))
    assert corners(made) == ["lime", "red", "blue", "white"]


@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_a_picture_in_its_text_that_is_damaged_is_not_left_out(tmp_path: Path, format: str) -> None:
    buffer = io.BytesIO()
    Image.radial_gradient("L").save(buffer, format)
    data = buffer.getvalue()[: buffer.tell() // 2]
    with pytest.raises(PictureError, match="damaged: holds a picture that can't be decoded"):
        drawn(tmp_path, with_picture(data, f"image/{format}"))


@pytest.mark.slow
@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_what_is_estimated_suffices_for_a_large_picture_in_its_text(
    photos: Path, format: str
) -> None:
    """One that is turned, and has more bytes than its text may have once it is a PNG."""
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = 6
    inner = noise((2400, 2000), 60).convert("RGB")
    inner.save(buffer, format, quality=60, exif=exif)
    (photos / "a.svg").write_bytes(with_picture(buffer.getvalue(), f"image/{format}"))
    enough(photos, "--also", "svg")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("<foreignObject/>", "foreignObject"),
        ("<style>:root { --shade: red } rect { fill: var(--shade) }</style>", "--shade"),
        ('<rect style="width: calc(2px + 3px)"/>', "calc"),
        ('<rect fill="oklch(0.6 0.2 140)"/>', "oklch"),
        ('<g color-interpolation="linearRGB"/>', "color-interpolation"),
        ('<g style="color-interpolation-filters: linearRGB"/>', ""),
        ('<rect style="filter: hue-rotate(90deg)"/>', "hue-rotate"),
        ('<rect style="clip-path: circle(9px)"/>', "circle"),
        ('<rect style="transform: rotate(9deg); transform-origin: center"/>', "transform-origin"),
        ("<style>@media screen { rect { fill: red } }</style>", "@media"),
        ("<style>@supports (fill: red) { rect { fill: red } }</style>", "@supports"),
        ('<switch><foreignObject requiredExtensions="x"/><text>html</text></switch>', ""),
        ("<style>@media (prefers-color-scheme: dark) { rect { fill: red } }</style>", ""),
        ('<rect style="fill: var(--shade, red)"/><!--note: red-->', ""),
    ],
)
def test_what_may_look_otherwise_in_a_browser_has_a_note(
    photos: Path, content: str, word: str
) -> None:
    (photos / "a.svg").write_bytes(svg(QUARTERS + content))
    (row,) = make(photos, "--also", "svg").rows
    note = f"uses {word}, which librsvg does not know: may look otherwise" if word else None
    assert (row["status"], row["note"]) == ("made", note)


@pytest.mark.parametrize(
    ("size", "count", "reason"),
    [
        ((20_000, 15_000), 1, "holds a picture that has 20000 x 15000 px"),
        ((7000, 7000), 3, r"needs about 2\d{3} MiB to decode"),
        ((8, 8), 1001, "is an SVG drawing of more than 1,000 pictures"),
    ],
)
def test_pictures_for_which_there_is_no_room_are_not_left_out(
    photos: Path, size: tuple[int, int], count: int, reason: str
) -> None:
    buffer = io.BytesIO()
    Image.new("1", size).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    content = f'<image xlink:href="data:image/png;base64,{data}" {SIZE}/>' * count
    (photos / "a.svg").write_bytes(svg(content))
    error = make(photos, "--also", "svg").rows[0]["error"]
    assert error["stage"] == "limits"
    assert re.match(reason, error["reason"])


@pytest.fixture
def server() -> tuple[str, list[object]]:
    """A server's address, and who has asked it."""
    asked: list[object] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            connection, who = listening.accept()
            asked.append(who)
            connection.close()

    threading.Thread(target=listen, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/a", asked


def test_nothing_else_is_read_neither_files_nor_from_a_network(
    tmp_path: Path, server: tuple[str, list[object]]
) -> None:
    address, asked = server
    picture(tmp_path / "p.png")
    (tmp_path / "p.svg").write_bytes(svg(f'<g id="g">{QUARTERS}</g>'))
    (tmp_path / "p.css").write_text("rect { fill: red }")
    files = [(tmp_path / "p").as_uri(), str(tmp_path / "p"), "p", "./p", address]
    nothing = drawn(tmp_path, svg(""))
    for place in files:
        for content in (
            f'<image xlink:href="{place}.png" {SIZE}/>',
            f'<image href="{place}.svg" {SIZE}/>',
            f'<use xlink:href="{place}.svg#g"/>',
            f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{place}.svg"/>',
            f'<style>@import "{place}.css";</style><rect {SIZE} fill="none"/>',
            f'<filter id="f"><feImage href="{place}.png"/></filter><g filter="url(#f)"/>',
            f'<rect {SIZE} fill="url({place}.svg#g)"/>',
        ):
            assert difference(drawn(tmp_path, svg(content)), nothing) == (0, 0), content
        for kind in ("", "% "):
            before = f'<!DOCTYPE svg [<!ENTITY {kind}x SYSTEM "{place}.svg">{"%x;" * bool(kind)}]>'
            with pytest.raises(PictureError, match=r"entity|entities|XML"):
                drawn(tmp_path, svg("&x;", before=before))
    assert not asked


ENTITY = '<!ENTITY a "<g/>">' + "".join(f'<!ENTITY b{i} "{"&a;" * 9}">' for i in range(9))
NESTED_USES = '<rect id="u0" width="5" height="5"/>' + "".join(
    f'<g id="u{i}">' + f'<use xlink:href="#u{i - 1}"/>' * 10 + "</g>" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (svg("&b1;", before=f"<!DOCTYPE svg [{ENTITY}]>"), "entities stand for too much text"),
        (
            svg("&a;" * 2000, before=f'<!DOCTYPE svg [<!ENTITY a "{"x" * 3000}">]>'),
            "entities stand for too much text",
        ),
        (svg("&a;"), "uses an entity which it does not define"),
        pytest.param(
            svg(f"<defs>{NESTED_USES}</defs>" + '<use href="#u11"/>'),
            "more parts, or parts in parts",
            marks=pytest.mark.slow,  # 5 s until librsvg gives up
        ),
        (svg("<g>" * 9999 + "</g>" * 9999), "more parts, or parts in parts"),
        (svg("<g/>" * 200_001), "more than 200,000 elements"),
        (svg(f"<style>{'g{}' * 9999}</style>{'<g/>' * 9999}"), "too many elements and rules"),
        (svg(" " * (9 << 20)), "more than 8 MiB of text"),
        (gzip.compress(svg(" " * (64 << 20))), "more than 8 MiB of text"),
        (gzip.compress(svg(QUARTERS))[:60] + b"\0" * 99, "damaged|truncated"),
        (svg("", 'width="1e9" height="1e9"'), "states a size which can't be drawn"),
        (svg("", 'width="0" height="0"'), "states a size which can't be drawn"),
        (svg("", 'width=".001" height=".001"'), "states a size which can't be drawn"),
        (svg("<g>"), "damaged: its XML makes no sense"),
        (svg(QUARTERS)[:200], "truncated: the end of the file is missing"),
    ],
)
def test_what_is_endless_or_no_drawing_is_refused_for_what_it_is(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    with pytest.raises(PictureError, match=reason):
        drawn(tmp_path, data)


@pytest.mark.parametrize(
    "content",
    [
        '<g id="a"><use xlink:href="#a"/></g>',
        '<pattern id="p" width="1e-9" height="1e-9"/><rect width="9" height="9" fill="url(#p)"/>',
        '<path d="M0 0L1e9 1e9" stroke="red" stroke-width="1e9" stroke-dasharray="1e-9"/>',
        '<filter id="f" x="-1e6" y="-1e6" width="1e7" height="1e7"><feGaussianBlur '
        'stdDeviation="1e5"/></filter><rect width="9" height="9" filter="url(#f)"/>',
        "<script>while (1);</script>",
    ],
)
def test_what_goes_round_or_far_beyond_ends_soon(tmp_path: Path, content: str) -> None:
    assert drawn(tmp_path, svg(content)).size == (256, 171)


def test_it_is_left_out_unless_it_is_asked_for(photos: Path) -> None:
    (photos / "a.svg").write_bytes(svg(QUARTERS))
    assert make_thumbnails(photos).found == 0
    (photos / "a.jpg").write_bytes(b"<!-- a drawing -->\n" + svg(QUARTERS))
    (failed,) = make_thumbnails(photos).failures
    assert failed.error
    assert failed.error.reason == "is an SVG drawing, which is read with --also svg"


def test_without_the_extra_it_is_said_how_it_is_read(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once that is installed, it is tried anew."""
    (photos / "a.svg").write_bytes(svg(QUARTERS))
    from thumbnailer.imaging.decode import vips

    monkeypatch.setitem(sys.modules, "pyvips", None)  # as if it were not installed
    vips.load_pyvips.cache_clear()
    with pytest.raises(PictureError, match="which is read with --also svg after") as caught:
        thumb(photos / "a.svg")
    assert str(caught.value).endswith(install_hint("vips"))
    with pytest.raises(PictureError, match="which is read after") as caught:
        thumb(photos / "a.svg", also=["svg"])
    assert str(caught.value).endswith(install_hint("vips"))
    monkeypatch.undo()
    vips.load_pyvips.cache_clear()
    assert thumb(photos / "a.svg", also=["svg"]).size == (256, 171)


def test_other_xml_is_no_drawing(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="is an XML document"):
        drawn(tmp_path, b"<?xml version='1.0'?><kml/>")
    with pytest.raises(PictureError, match="is a web page"):
        drawn(tmp_path, b"<!DOCTYPE html><html>" + svg(QUARTERS))
    with pytest.raises(PictureError, match="is gzip-compressed data"):
        drawn(tmp_path, gzip.compress(io.BytesIO(b"text" * 99).read()))

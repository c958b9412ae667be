"""Photoshop documents: which channels are the picture, and which are saved beside it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from support.pictures import quarters
from support.thumbs import difference, thumb

from thumbnailer import PictureError, make_thumbnail

SIZE = (96, 64)
KINDS = {"1": 0, "L": 1, "P": 2, "RGB": 3, "CMYK": 4, "LAB": 9}


def rows_of(channel: Image.Image) -> list[bytes]:
    stride = len(channel.tobytes()) // channel.height
    return [channel.tobytes()[at : at + stride] for at in range(0, stride * channel.height, stride)]


def packed(row: bytes) -> bytes:
    """A row in run lengths, first a run and then bytes as they are (TIFF 6.0, section 9)."""
    run = len(row) - len(row.lstrip(row[:1]))
    run = min(run, 128)
    out = bytes([257 - run]) + row[:1] if run > 1 else b"\0" + row[:1]
    for at in range(run if run > 1 else 1, len(row), 128):
        piece = row[at : at + 128]
        out += bytes([len(piece) - 1]) + piece
    return out


def block(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def resource(number: int, data: bytes, name: bytes = b"") -> bytes:
    named = bytes([len(name)]) + name + bytes((len(name) + 1) % 2)
    return b"8BIM" + struct.pack(">H", number) + named + block(data) + bytes(len(data) % 2)


def layers(count: int, side: int = 8) -> bytes:
    """A section of layers; a negative count says that the merged picture is transparent."""
    record = struct.pack(">4iH", 0, 0, side, side, 0) + b"8BIMnorm\xff\0\0\0" + block(b"")
    return block(struct.pack(">h", count) + record * abs(count)) + block(b"")


def psd(
    *channels: Image.Image,
    kind: int,
    rle: bool,
    section: bytes = b"",
    resources: bytes = b"",
    palette: bytes = b"",
) -> bytes:
    """A Photoshop document of these channels, in the order of their storage."""
    depth = 1 if channels[0].mode == "1" else 8
    width, height = channels[0].size
    head = struct.pack(">HIIHH", len(channels), height, width, depth, kind)
    rows = [row for channel in channels for row in rows_of(channel)]
    if rle:
        rows = [packed(row) for row in rows]
        lengths = b"".join(struct.pack(">H", len(row)) for row in rows)
        rows.insert(0, lengths)
    data = struct.pack(">H", rle) + b"".join(rows)
    return b"8BPS\0\1" + bytes(6) + head + block(palette) + block(resources) + block(section) + data


def stored(image: Image.Image) -> list[Image.Image]:
    """The channels of a picture as a document has them: ink and bits are stored inverted."""
    inverted = ImageChops.invert(image) if image.mode in ("1", "CMYK") else image
    return [*inverted.split()]


def selection() -> Image.Image:
    image = Image.new("L", SIZE)
    image.paste(255, (8, 8, 40, 30))
    return image


def reason_of(source: Path) -> str:
    with pytest.raises(PictureError) as caught:
        make_thumbnail(source, source.parent / "out.png", also=("psd",))
    return caught.value.reason


def shown(folder: Path, data: bytes, *, also: str = "psd", ending: str = "psd") -> Image.Image:
    (folder / f"a.{ending}").write_bytes(data)
    return thumb(folder / f"a.{ending}", f"{ending}.png", also=[also])


@pytest.mark.parametrize("rle", [False, True])
@pytest.mark.parametrize("mode", KINDS)
@pytest.mark.parametrize("more", [0, 1, 2])
def test_channels_saved_beside_a_picture_do_not_change_it(
    tmp_path: Path, mode: str, more: int, rle: bool
) -> None:
    colours = quarters(SIZE)
    truth = colours
    if mode == "LAB":
        image = Image.merge("LAB", [Image.new("L", SIZE, value) for value in (138, 209, 198)])
        truth = Image.new("RGB", SIZE, (255, 0, 0))
    elif mode == "P":
        image = colours.quantize(4)
    else:
        image = colours.convert(mode, dither=Image.Dither.NONE)
        truth = image.convert("RGB")
    palette = b""
    if mode == "P":
        values = (image.getpalette() or []) + [0] * 768
        palette = bytes(values[0:768:3] + values[1:768:3] + values[2:768:3])
    data = psd(*stored(image), *[selection()] * more, kind=KINDS[mode], rle=rle, palette=palette)
    truth.save(tmp_path / "truth.png")
    out, expected = shown(tmp_path, data), thumb(tmp_path / "truth.png", "expected.png")
    assert "A" not in out.mode
    assert difference(out.convert("RGB"), expected.convert("RGB"))[1] <= (6 if mode == "LAB" else 1)


@pytest.mark.parametrize("rle", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("section", [layers(-1), block(b"") * 2 + b"8BIMMtrn" + block(b"")])
@pytest.mark.parametrize("matted", [False, True])
def test_the_first_channel_after_the_colours_is_transparency_where_the_layers_say_so(
    tmp_path: Path, mode: str, section: bytes, rle: bool, matted: bool
) -> None:
    truth = quarters(SIZE).convert(mode)
    alpha = Image.linear_gradient("L").resize(SIZE)
    white = Image.new(mode, SIZE, "white")
    colours = Image.composite(truth, white, alpha) if matted else truth
    kind = KINDS[mode]
    data = psd(*colours.split(), alpha, selection(), kind=kind, rle=rle, section=section)
    truth.putalpha(alpha)
    truth.save(tmp_path / "truth.png")
    out, expected = shown(tmp_path, data), thumb(tmp_path / "truth.png", "expected.png")
    assert out.mode == expected.mode
    # Little is left of colours that were mostly transparent; what is seen of them is right.
    assert difference(out, expected)[1] <= 3


def test_ink_that_is_transparent_is_shown_on_white(tmp_path: Path) -> None:
    ink = quarters(SIZE).convert("CMYK")
    alpha = Image.new("L", SIZE, 128)
    data = psd(*stored(ink), alpha, kind=4, rle=True, section=layers(-1))
    assert shown(tmp_path, data).mode == "RGB"


def test_the_transparent_colour_of_a_palette_is_transparent(tmp_path: Path) -> None:
    index = Image.new("L", SIZE, 1)
    index.paste(2, (0, 0, 48, 64))
    palette = bytes(256) + bytes([0, 255, 0]) + bytes(253) + bytes(256)
    resources = resource(1010, b"1", b"odd") + resource(1047, b"\0\2")
    out = shown(tmp_path, psd(index, kind=2, rle=True, palette=palette, resources=resources))
    assert [out.getpixel(place)[3] for place in ((5, 5), (90, 5))] == [0, 255]  # type: ignore[index]


def test_a_document_without_its_merged_picture_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.psd"
    resources = resource(1057, b"\0\0\0\1\0")
    white = stored(Image.new("RGB", SIZE, "white"))
    source.write_bytes(psd(*white, kind=3, rle=True, section=layers(2), resources=resources))
    assert "without its merged picture" in reason_of(source)
    source.write_bytes(psd(*white, kind=3, rle=True, section=layers(2, 0), resources=resources))
    thumb(source, also=["psd"])  # the layers are as empty


def test_one_cut_within_its_header_is_truncated(tmp_path: Path) -> None:
    source = tmp_path / "a.psd"
    source.write_bytes(psd(*stored(quarters(SIZE)), kind=3, rle=False)[:37])
    assert reason_of(source).startswith("truncated")

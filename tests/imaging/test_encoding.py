"""What the files are like: formats, their options, and how long they may be."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat
from support.pictures import corners, files_below, noise, picture, quarters
from support.program import make
from support.project import SUNSET

from thumbnailer import PictureError, Settings, make_thumbnail
from thumbnailer.render.steps import render_pictures

BRANDS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF", "gif": "GIF"}


def data_of(source: Path, **options: Any) -> bytes:
    """The content of the thumbnail of a source."""
    target = source.parent / "out"
    made = make_thumbnail(source, target, **{"format": "jpeg", **options})
    data = target.read_bytes()
    assert made.size_bytes == len(data)
    return data


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
    return image


def black_and_white(path: Path, size: tuple[int, int] = (300, 200), mode: str = "RGB") -> Path:
    """Black and white by chance, in each channel: what packs worst."""
    pixels = bytes(
        255 * (byte & 1) for byte in random.Random(0).randbytes(size[0] * size[1] * len(mode))
    )
    Image.frombytes(mode, size, pixels).save(path)
    return path


def scene(path: Path, mode: str = "RGB") -> Path:
    """Smooth and rough parts, and with alpha a soft edge."""
    size = (300, 200)
    channels = [
        Image.blend(
            Image.linear_gradient("L").rotate(90 * turn).resize(size),
            Image.frombytes("L", size, random.Random(turn).randbytes(300 * 200)),
            0.1,
        )
        for turn in range(3)
    ]
    image = Image.merge("RGB", channels)
    if mode == "RGBA":
        image.putalpha(Image.radial_gradient("L").resize(size))
    image.convert(mode).save(path)
    return path


def holed(path: Path) -> Path:
    """Red on the left, nothing on the right, and half opaque in between."""
    image = Image.new("RGBA", (90, 60), (255, 0, 0, 255))
    image.paste((0, 0, 255, 100), (30, 0, 60, 60))
    image.paste((0, 255, 0, 0), (60, 0, 90, 60))
    image.save(path)
    return path


def segments(jpeg: bytes) -> list[int]:
    """The markers of a JPEG up to its first scan (ISO 10918-1, B.1.1)."""
    markers, place = [], 2
    while jpeg[place + 1] != 0xDA:
        markers.append(jpeg[place + 1])
        place += 2 + struct.unpack_from(">H", jpeg, place + 2)[0]
    return markers


def chunks(png: bytes) -> list[bytes]:
    """The names of a PNG's chunks."""
    names, place = [], 8
    while place < len(png):
        names.append(png[place + 4 : place + 8])
        place += 12 + struct.unpack_from(">I", png, place)[0]
    return names


@pytest.mark.parametrize("format", BRANDS)
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_format_takes_every_kind_of_picture(tmp_path: Path, format: str, mode: str) -> None:
    source = picture(tmp_path / "a.png", (300, 200), mode)
    image = opened(data_of(source, format=format, size=90))
    assert image.format == BRANDS[format]
    assert image.size == (90, 60)
    colours = ["red", "lime", "blue", "white"]
    expected = corners(quarters((90, 60)).convert("L")) if mode.startswith("L") else colours
    assert corners(image) == expected


def test_the_command_line_makes_avif_and_gif(photos: Path) -> None:
    picture(photos / "a.png")
    for format in ("avif", "gif"):
        assert make(photos, "--format", format).statuses == {"a.png": "made"}
        with Image.open(photos / "thumbs" / f"a.png.{format}") as image:
            assert image.format == BRANDS[format]


@pytest.mark.parametrize("format", ["jpeg", "avif"])
def test_colours_at_half_size_or_in_full(tmp_path: Path, format: str) -> None:
    stripes = Image.new("RGB", (64, 64), "red")
    for x in range(0, 64, 2):
        stripes.paste("blue", (x, 0, x + 1, 64))
    stripes.save(tmp_path / "a.png")
    error = {}
    for subsampling in ("4:2:0", "4:4:4"):
        image = opened(
            data_of(tmp_path / "a.png", format=format, quality=90, subsampling=subsampling)
        )
        error[subsampling] = ImageStat.Stat(ImageChops.difference(image, stripes)).rms[0]
    assert error["4:4:4"] < 20 < 80 < error["4:2:0"]


def test_jpeg_is_optimised_and_progressive_on_request(tmp_path: Path) -> None:
    source = scene(tmp_path / "a.png")
    plain, progressive = data_of(source), data_of(source, progressive=True)
    assert 0xC0 in segments(plain)
    assert 0xC2 in segments(progressive)
    buffer = io.BytesIO()
    opened(plain).save(buffer, "jpeg", quality="keep", optimize=False)
    assert len(plain) < len(buffer.getvalue())


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("quality", [80, 94, 100])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.few(3)
def test_noise_is_no_trouble_in_jpeg(
    tmp_path: Path, subsampling: str, quality: int, progressive: bool
) -> None:
    source = black_and_white(tmp_path / "a.png", (400, 400))
    options: dict[str, Any] = {"subsampling": subsampling, "quality": quality, "size": 400}
    assert opened(data_of(source, progressive=progressive, **options)).size == (400, 400)


@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA"])
def test_auto_makes_jpeg_of_what_is_opaque(tmp_path: Path, mode: str) -> None:
    source = picture(tmp_path / "a.png", mode=mode)
    assert opened(data_of(source, format="auto")).format == "JPEG"


def test_auto_leaves_no_stale_thumbnail_of_the_other_format(photos: Path) -> None:
    thumbs = photos / "thumbs"
    for mode, name in (("RGB", "a.png.jpg"), ("RGBA", "a.png"), ("RGB", "a.png.jpg")):
        image = noise((40, 30), 60).convert(mode)
        if mode == "RGBA":
            image.putalpha(100)
        image.save(photos / "a.png")
        assert make(photos, "-f", "auto").statuses == {"a.png": "made"}
        assert files_below(thumbs) == {name}
        assert make(photos, "-f", "auto").statuses == {"a.png": "current"}


def test_auto_makes_png_of_what_is_not(photos: Path) -> None:
    holed(photos / "holed.png")
    picture(photos / "opaque.png", mode="RGBA")
    run = make(photos, "--format", "auto")
    names = {Path(row["thumbnails"][0]["path"]).name for row in run.rows}
    assert names == {"holed.png", "opaque.png.jpg"}
    with Image.open(photos / "thumbs" / "holed.png") as image:
        assert (image.format, image.mode) == ("PNG", "RGBA")


@pytest.mark.parametrize("is_drawn", [False, True])
def test_png_is_no_longer_than_by_pillows_default(tmp_path: Path, is_drawn: bool) -> None:
    """Though another way is taken for photographs, which takes much more for what is drawn."""
    source, usual = tmp_path / "a.png", io.BytesIO()
    if is_drawn:
        rows = [noise((640, 1), 60, seed).resize((640, 3)) for seed in range(2)]
        image = Image.new("L", (640, 480))
        for y in range(0, 480, 3):
            image.paste(rows[y % 2], (0, y))
        image.convert("RGB").save(source)
    else:
        with Image.open(SUNSET) as image:
            image.save(source)
    data = data_of(source, size=640, format="png")
    opened(data).save(usual, "png")
    assert len(data) <= 1.06 * len(usual.getvalue())


def test_a_palette_makes_png_small(tmp_path: Path) -> None:
    source = scene(tmp_path / "a.png")
    full, few = (data_of(source, format="png", palette=palette) for palette in (False, True))
    assert opened(few).mode == "P"
    assert len(few) < len(full) * 0.6


@pytest.mark.parametrize(("format", "hole"), [("png", 0), ("png", 1), ("gif", 0), ("gif", 1)])
def test_a_palette_leaves_no_bands(tmp_path: Path, format: str, hole: int) -> None:
    channels = [Image.linear_gradient("L").rotate(90 * turn) for turn in range(3)]
    original = Image.merge("RGB", channels).convert("RGBA")
    original.paste((0, 255, 0, 0), (0, 0, 128 * hole, 128 * hole))
    original.save(tmp_path / "a.png")
    image = opened(data_of(tmp_path / "a.png", format=format, palette=True))
    black = Image.new("RGBA", image.size, "black")
    blurred = [
        Image.alpha_composite(black, each.convert("RGBA")).resize((32, 32), Image.Resampling.BOX)
        for each in (image, original)
    ]
    assert max(ImageStat.Stat(ImageChops.difference(*blurred)).rms) < 2.5


def test_a_palette_keeps_soft_edges(tmp_path: Path) -> None:
    source = scene(tmp_path / "a.png", "RGBA")
    image = opened(data_of(source, format="png", palette=True))
    assert image.mode == "P"
    alphas = [each.convert("RGBA").getchannel("A") for each in (image, thumb_of(source))]
    assert ImageStat.Stat(ImageChops.difference(*alphas)).rms[0] < 12


def thumb_of(source: Path) -> Image.Image:
    return opened(data_of(source, format="png"))


@pytest.mark.parametrize(
    ("format", "alphas"), [("png", [255]), ("gif", [255]), ("png", [255, 90, 0]), ("gif", [255, 0])]
)
def test_few_colours_are_kept_exactly(tmp_path: Path, format: str, alphas: list[int]) -> None:
    image = Image.new("RGBA", (60, 60))
    for at in range(250):
        alpha = alphas[at % len(alphas)]
        colour = (100 + at % 16, 100 + at // 16, 50, alpha) if alpha else (0, 0, 0, 0)
        image.paste(colour, (at % 60, at // 60 * 12, 60, 60))
    image.save(tmp_path / "a.png")
    out = opened(data_of(tmp_path / "a.png", format=format, palette=True))
    assert out.mode == "P"
    assert out.convert("RGBA").getchannel("A").tobytes() == image.getchannel("A").tobytes()
    black = Image.new("RGBA", (60, 60), "black")
    assert Image.alpha_composite(black, out.convert("RGBA")) == Image.alpha_composite(black, image)


def test_gif_knows_all_or_nothing(tmp_path: Path) -> None:
    out = opened(data_of(holed(tmp_path / "a.png"), format="gif")).convert("RGBA")
    pixels = [out.getpixel((x, 30)) for x in (10, 45, 80)]
    assert pixels[0] == (255, 0, 0, 255)
    assert [pixel[3] for pixel in pixels] == [255, 0, 0]  # type: ignore[index]


@pytest.mark.parametrize(
    ("format", "mode"),
    [(format, "RGB") for format in BRANDS] + [("png", "RGBA"), ("gif", "RGBA"), ("auto", "RGBA")],
)
@pytest.mark.few(2)
def test_the_best_file_that_fits(tmp_path: Path, format: str, mode: str) -> None:
    source = scene(tmp_path / "a.png", mode)
    most = len(data_of(source, format=format)) // 2
    data = data_of(source, format=format, max_bytes=most)
    assert len(data) <= most
    if format in ("jpeg", "webp", "avif"):
        qualities = {
            quality: data_of(source, format=format, quality=quality) for quality in range(1, 81)
        }
        chosen = max(quality for quality, same in qualities.items() if same == data)
        assert len(qualities[chosen + 1]) > most
    else:
        colours = opened(data).convert("RGBA").getcolors()
        assert colours
        assert len(colours) > 2


@pytest.mark.parametrize("format", BRANDS)
def test_what_fits_anyway_is_as_good_as_without(tmp_path: Path, format: str) -> None:
    source = scene(tmp_path / "a.png")
    data = data_of(source, format=format)
    assert data_of(source, format=format, max_bytes=len(data)) == data


@pytest.mark.parametrize(
    ("format", "worst"),
    [(format, "at quality 1") for format in ("jpeg", "webp", "avif")]
    + [(format, "with 2 colours") for format in ("png", "gif")],
)
@pytest.mark.few(1)
def test_what_can_not_be_made_to_fit_fails(photos: Path, format: str, worst: str) -> None:
    black_and_white(photos / "a.png")
    (row,) = make(photos, "--format", format, "--max-bytes", "200").rows
    assert row["error"] == {
        "stage": "encode",
        "reason": f"is longer than 200 bytes even {worst} (max_bytes)",
    }


def test_sides_that_a_format_can_not_have_fail(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png", (17_000, 2))
    with pytest.raises(PictureError) as caught:
        data_of(source, format="webp", size=65_500)
    assert "would have 17000 x 2 px: webp can have 16383 at most" in str(caught.value)
    assert opened(data_of(source, format="jpeg", size=65_500)).size == (17_000, 2)
    with pytest.raises(PictureError, match="40000 x 2 px: avif can have 32768 at most"):
        data_of(picture(tmp_path / "b.png", (40_000, 2)), format="avif", size=65_500)


@pytest.mark.parametrize("format", BRANDS)
def test_nothing_but_the_picture_is_in_the_file(tmp_path: Path, format: str) -> None:
    options: dict[str, Any] = {"dpi": (300, 300), "comment": b"Secret", "icc_profile": b"Secret"}
    options |= {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", "xmp": b"<Secret/>"}
    for name in ("a.jpg", "a.png", "a.webp", "a.gif", "a.tif", "a.avif"):
        data = data_of(picture(tmp_path / name, **options), format=format)
        assert b"Secret" not in data
        if format == "jpeg":
            assert set(segments(data)) <= {0xE0, 0xDB, 0xC0, 0xC4}
            assert opened(data).info["jfif_density"] == (1, 1)
            assert opened(data).info["jfif_unit"] == 0
        if format == "png":
            assert set(chunks(data)) <= {b"IHDR", b"IDAT", b"IEND"}
        if format == "webp":
            assert data[12:16] == b"VP8 "
        if format == "gif":
            assert data.startswith(b"GIF87a")  # which knows pictures only


def test_a_png_says_what_it_is_told_to(tmp_path: Path) -> None:
    """In plain chunks before the pixels, where those who look for it look."""
    source = picture(tmp_path / "a.jpg")
    text = (("Thumb::URI", "file:///a%20b.jpg"), ("Thumb::MTime", "123"), ("Title", "Łódź"))
    settings = Settings(format="png")
    with source.open("rb") as file:
        recipe = settings.recipes[""]
        (made,), _ = render_pictures(file, [(recipe, text)], settings.limits)
    assert chunks(made.data) == [b"IHDR", b"tEXt", b"tEXt", b"iTXt", b"IDAT", b"IEND"]
    assert b"tEXtThumb::URI\0file:///a%20b.jpg" in made.data
    assert opened(made.data).info == dict(text)

"""What is read: by default, where it is asked for, and where an extra is installed."""

from __future__ import annotations

import io
import os
import struct
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops, ImageCms, TiffImagePlugin
from support.dng_files import dng
from support.marks import reads_ycbcr_tiff
from support.pictures import UPRIGHT, corners, noise, picture, quarters, tree
from support.program import enough, make
from support.thumbs import thumb

from thumbnailer import PictureError, Settings, make_thumbnail, make_thumbnails, watch
from thumbnailer.errors import install_hint

# What each format that is read on demand is called, and the endings it has.
ALSO = {
    "ico": ("an ICO icon", ["ico"]),
    "jpeg2000": ("a JPEG 2000 picture", ["jp2", "j2k", "jpc", "jpf", "jpx", "j2c"]),
    "ppm": ("a PPM picture", ["ppm", "pnm", "pgm", "pbm"]),
    "psd": ("a Photoshop document", ["psd"]),
    "tga": ("a TGA picture", ["tga", "icb", "vda", "vst"]),
}
EVERYTHING = ",".join(ALSO)

needs_heif = pytest.mark.skipif(
    not find_spec("pillow_heif"), reason="needs the extra heif (pillow-heif)"
)
needs_raw = pytest.mark.skipif(not find_spec("rawpy"), reason="needs the extra raw (rawpy)")


def reason_of(source: Path, **options: Any) -> str:
    """Why there is no thumbnail of a source."""
    with pytest.raises(PictureError) as caught:
        make_thumbnail(source, source.parent / "out.png", **options)
    return caught.value.reason


def psd(image: Image.Image, depth: int = 8) -> bytes:
    """A Photoshop document without layers, uncompressed (Adobe's specification, "File Header")."""
    mode = {"L": 1, "RGB": 3, "RGBA": 3, "CMYK": 4}[image.mode]
    head = struct.pack(">HIIHH", len(image.getbands()), image.height, image.width, depth, mode)
    # Ink is stored the other way round.
    stored = ImageChops.invert(image) if image.mode == "CMYK" else image
    planes = b"".join(band.tobytes() for band in stored.split())
    merged = bytes(8) + b"8BIMMtrn" + bytes(4)  # says that the fourth channel is transparency
    layers = merged if image.mode == "RGBA" else b""
    sections = bytes(8) + struct.pack(">I", len(layers)) + layers
    return b"8BPS\0\1" + bytes(6) + head + sections + b"\0\0" + planes


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    if path.suffix == ".psd":
        path.write_bytes(psd(image))
    else:
        formats = {".jpc": "JPEG2000", ".pnm": "PPM", ".vda": "TGA", ".vst": "TGA", ".icb": "TGA"}
        image.save(path, formats.get(path.suffix), **options)
    return path


def test_the_usual_formats_are_read_unasked(photos: Path) -> None:
    names = ["a.jpg", "b.png", "c.webp", "d.gif", "e.bmp", "f.tif", "g.avif"]
    tree(photos, *names)
    more: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", (96, 64))]}
    quarters((96, 64)).save(photos / "h.mpo", "MPO", **more)
    quarters((96, 64)).save(photos / "i.apng", "PNG", **more)
    run = make(photos)
    assert run.statuses == dict.fromkeys([*names, "h.mpo", "i.apng"], "made")
    for row in run.rows:
        with Image.open(row["thumbnails"][0]["path"]) as image:
            assert corners(image) == UPRIGHT, row


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        *(("RGB", {"compression": name}) for name in ("tiff_lzw", "tiff_deflate", "packbits")),
        ("RGB", {"compression": "zstd"}),
        ("RGB", {"compression": "jpeg", "quality": 95}),
        pytest.param("YCbCr", {}, marks=reads_ycbcr_tiff),
        ("YCbCr", {"compression": "jpeg"}),
        ("CMYK", {"compression": "tiff_lzw"}),
        ("P", {"compression": "tiff_adobe_deflate"}),
        ("RGB", {"big_tiff": True}),
        ("RGB", {"tiffinfo": {278: 7}, "compression": "tiff_lzw"}),  # many strips
    ],
)
def test_tiff_in_all_its_kinds(tmp_path: Path, mode: str, options: dict[str, Any]) -> None:
    source = picture(tmp_path / "a.tif", (640, 480), mode, **options)
    assert corners(thumb(source, size=64)) == UPRIGHT


def tiled_tiff(image: Image.Image, side: int, compression: int) -> bytes:
    """A TIFF in tiles (TIFF 6.0, section 15), uncompressed or JPEG (technical note 2)."""
    tiles = []
    for y in range(0, image.height, side):
        for x in range(0, image.width, side):
            tile = image.crop((x, y, x + side, y + side))
            buffer = io.BytesIO()
            tile.save(buffer, "jpeg", quality=95, subsampling=0, keep_rgb=True)
            tiles.append(buffer.getvalue() if compression == 7 else tile.tobytes())
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[256], tags[257], tags[258], tags[259] = image.width, image.height, (8, 8, 8), compression
    tags[262], tags[277], tags[284], tags[322], tags[323] = 2, 3, 1, side, side
    tags[325] = tuple(map(len, tiles))
    starts, start = [], 8
    for data in tiles:
        starts.append(start)
        start += len(data)
    tags[324] = tuple(starts)
    return b"II*\0" + struct.pack("<I", start) + b"".join(tiles) + tags.tobytes(start)


@pytest.mark.parametrize("compression", [1, 7])
def test_tiff_in_tiles(tmp_path: Path, compression: int) -> None:
    (tmp_path / "a.tif").write_bytes(tiled_tiff(quarters((200, 150)), 64, compression))
    assert corners(thumb(tmp_path / "a.tif", size=64)) == UPRIGHT


@pytest.mark.parametrize("also", ALSO)
@pytest.mark.few(1)
def test_other_formats_are_read_where_they_are_asked_for(photos: Path, also: str) -> None:
    name, endings = ALSO[also]
    sources = [save(photos / f"a.{ending}", quarters((96, 64))) for ending in endings]
    others = ",".join(other for other in ALSO if other != also)
    assert make(photos, "--also", others).rows == [], "the scan leaves them alone"
    reason = f"is {name}, which is read with --also {also}"
    run = make(*sources)
    assert {row["error"]["reason"] for row in run.rows} == {reason}
    made = {source.name: "made" for source in sources}
    assert make(photos, "--also", also).statuses == made, "they are tried anew"
    assert reason_of(sources[0]) == reason
    assert corners(thumb(sources[0], also=[also])) == UPRIGHT


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.pbm", "1", {}),
        ("a.pgm", "L", {}),
        ("a.tga", "L", {}),
        ("a.tga", "P", {}),
        ("a.tga", "RGB", {"compression": "tga_rle"}),
        ("a.jp2", "L", {}),
        ("a.jp2", "RGB", {"tile_size": (64, 64)}),
        ("a.psd", "L", {}),
        ("a.psd", "CMYK", {}),
        ("a.ico", "RGB", {"bitmap_format": "bmp", "sizes": [(96, 64)]}),
    ],
)
def test_their_colours_are_right(
    tmp_path: Path, name: str, mode: str, options: dict[str, Any]
) -> None:
    image = quarters((96, 64))
    source = save(tmp_path / name, image.convert(mode), **options)
    out = thumb(source, also=EVERYTHING.split(","))
    expected = UPRIGHT if mode in ("RGB", "CMYK", "P") else corners(image.convert(mode))
    assert corners(out) == expected


@pytest.mark.parametrize("name", ["a.tga", "a.jp2", "a.psd", "a.ico"])
def test_their_transparency_is_kept(tmp_path: Path, name: str) -> None:
    image = quarters((64, 64)).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 32))
    out = thumb(save(tmp_path / name, image), also=EVERYTHING.split(","))
    assert [out.getpixel(place)[3] for place in ((5, 5), (60, 5))] == [0, 255]  # type: ignore[index]


def test_plain_ppm_and_portable_floats(tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_text(
        "P3\n# by hand\n2 2\n255\n255 0 0 0 255 0 0 0 255 255 255 255\n"
    )
    (tmp_path / "a.pfm").write_bytes(b"Pf\n2 1\n-1.0\n" + struct.pack("<2f", 0.0, 1.0))
    assert corners(thumb(tmp_path / "a.ppm", also=["ppm"])) == UPRIGHT
    assert corners(thumb(tmp_path / "a.pfm", also=["ppm"])) == ["black", "white"] * 2


def icon(*entries: tuple[int, int, bytes]) -> bytes:
    """An icon of pictures, each with the side and the bits a pixel that the list says it has."""
    head, place = struct.pack("<HHH", 0, 1, len(entries)), 6 + 16 * len(entries)
    for side, bits, data in entries:
        head += struct.pack("<BBBxHHII", side % 256, side % 256, 0, 1, bits, len(data), place)
        place += len(data)
    return head + b"".join(data for _, _, data in entries)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


def test_the_largest_and_most_colourful_picture_of_an_icon_counts(tmp_path: Path) -> None:
    source = tmp_path / "a.ico"
    black = Image.new("RGB", (256, 256))
    entries = [(16, 32, png(black.resize((16, 16)))), (256, 4, png(black))]
    source.write_bytes(icon(*entries, (256, 32, png(quarters((512, 512)))), (48, 32, png(black))))
    out = thumb(source, also=["ico"], size=400)
    assert (out.size, corners(out)) == ((400, 400), UPRIGHT)


def bitmap(width: int, height: int) -> bytes:
    """The header of what an icon has of a BMP, twice as high for its mask."""
    return struct.pack("<IiiHHIIiiII", 40, width, 2 * height, 1, 32, 0, 0, 0, 0, 0, 0)


def jpeg2000(width: int, height: int, *, told: tuple[int, int] | None = None) -> bytes:
    """A codestream whose header says a size; or a file around it that says another."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG2000", no_jp2=told is None)
    data = bytearray(buffer.getvalue())
    at = data.index(b"\xff\x4f\xff\x51") + 8
    struct.pack_into(">8I", data, at, width, height, 0, 0, width, height, 0, 0)
    if told:
        struct.pack_into(">II", data, data.index(b"ihdr") + 4, told[1], told[0])
    return bytes(data)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "png.ico": (lambda: icon((16, 1, png(Image.new("1", (8000, 8000))))), "megapixels"),
    "bitmap.ico": (lambda: icon((16, 32, bitmap(30_000, 30_000))), "900 megapixels"),
    "list.ico": (lambda: b"\0\0\1\0\xff\xff" + icon((16, 32, b""))[6:] * 65535, ""),
    "none.ico": (lambda: b"\0\0\1\0\0\0" + bytes(99), "header is damaged"),
    "huge.j2k": (lambda: jpeg2000(60_000, 60_000), "megapixels"),
    "lie.jp2": (lambda: jpeg2000(60_000, 60_000, told=(16, 16)), "damaged"),
    "huge.psd": (lambda: b"8BPS\0\1" + bytes(6) + b"\0\3" + b"\0\1\0\0" * 2 + b"\0\x08\0\3", ""),
    "resources.psd": (lambda: psd(quarters((9, 9)))[:30] + b"\xff" * 99, ""),
    "deep.psd": (lambda: psd(quarters((9, 9)), depth=16), "16 or 32 bits a channel"),
    "large.psd": (lambda: b"8BPS\0\2" + psd(quarters((9, 9)))[6:], "a large Photoshop document"),
    "huge.ppm": (lambda: b"P6 70000 70000 255\n", "megapixels"),
    "cut.ppm": (lambda: b"P6 5000 5000 255\n", "truncated"),
    "comment.ppm": (lambda: b"P6 #" + b"x" * 100_000, ""),
    "huge.tga": (lambda: bytes([0, 0, 10, *bytes(9)]) + b"\xff" * 4 + b"\x20\0", "megapixels"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.few(1)
def test_what_is_made_to_harm_fails_by_its_header(photos: Path, name: str) -> None:
    maker, said = HOSTILE[name]
    (photos / name).write_bytes(maker())
    run = make(photos, "--also", EVERYTHING, "--timeout", "20", "--worker-memory", "400")
    (row,) = run.rows
    assert row["error"]["stage"] in ("open", "limits", "decode")
    assert said in row["error"]["reason"]
    assert "timeout" not in row["error"]["reason"]
    assert row["seconds"] < 10


@pytest.mark.parametrize(
    "name",
    [
        *("RGB.ppm", "L.pgm", "RGB.psd", "CMYK.psd", "RGBA.tga"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("L.jp2", "RGB.jp2", "RGBA.jp2")),
    ],
)
@pytest.mark.few(1)
def test_what_is_estimated_suffices_for_them(photos: Path, name: str) -> None:
    mode = name.partition(".")[0]
    image = noise((3000, 2000), 50)
    save(photos / name, Image.merge(mode, [image] * len(mode)))
    enough(photos, "--also", EVERYTHING)


def test_a_watch_takes_what_is_asked_for(photos: Path) -> None:
    tree(photos, "a.tga")
    coming = tree(photos.parent / "coming", "d.tga", "e.ppm")
    stop = threading.Event()
    made = []
    for outcome in watch(photos, also=("tga",), stop_event=stop, settle=0.1):
        made.append(Path(outcome.source).name)
        if made == ["a.tga"]:
            tree(photos, "b.ppm", "c.tga")  # one of them by its event
        elif made == ["a.tga", "c.tga"]:
            coming.rename(photos / "come")  # of whose files there is no event
        else:
            stop.set()
    assert made == ["a.tga", "c.tga", "d.tga"]


def test_what_only_looks_a_little_like_another_format_is_called_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("P1 is what this text is about. " * 20)
    assert reason_of(tmp_path / "a.jpg", also=["ppm", "tga"]) == "is text, no picture"
    (tmp_path / "a.jpg").write_bytes(b"BA" + bytes(12) + b"CI" + bytes(99))
    assert reason_of(tmp_path / "a.jpg") == "is an OS/2 icon, no format that is read here"


def heic(path: Path, image: Image.Image, **options: Any) -> Path:
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heif (pillow-heif)")
    pillow_heif.from_pillow(image).save(path, quality=95, chroma=444, **options)
    return path


@needs_heif
@pytest.mark.parametrize("ending", ["heic", "heif", "hif"])
@pytest.mark.few(1)
def test_heic_is_taken_where_the_extra_is_installed(photos: Path, ending: str) -> None:
    heic(photos / f"a.{ending}", quarters((96, 64)))
    sandbox = "require" if sys.platform == "linux" and find_spec("landlockpy") else "auto"
    run = make(photos, "--sandbox", sandbox)
    assert run.statuses == {f"a.{ending}": "made"}
    with Image.open(run.rows[0]["thumbnails"][0]["path"]) as image:
        assert corners(image) == UPRIGHT


def test_an_extra_that_is_installed_while_the_program_runs_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "rawpy", raising=False)
    os.utime(tmp_path, (1, 1))
    before = Settings().limits.also
    (tmp_path / "rawpy.py").touch()
    assert "raw" not in before
    assert "raw" in Settings().limits.also


@needs_heif
@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_turned_once(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    source = picture(tmp_path / "plain.png", (96, 64), exif=exif)
    heic(tmp_path / "a.heic", quarters((96, 64)), exif=exif.tobytes())
    assert corners(thumb(tmp_path / "a.heic")) == corners(thumb(source))
    assert thumb(tmp_path / "a.heic").size == thumb(source).size


@needs_heif
def test_the_profile_and_the_transparency_of_a_heic_count(tmp_path: Path) -> None:
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    image = quarters((96, 64))
    image.info["icc_profile"] = bytes(data)
    assert corners(thumb(heic(tmp_path / "a.heic", image))) == ["lime", "red", "blue", "white"]
    image = quarters((64, 64)).convert("RGBA")
    image.putalpha(0)
    assert thumb(heic(tmp_path / "b.heic", image)).getchannel("A").getextrema() == (0, 0)


@needs_heif
def test_a_broken_heic_says_so(photos: Path) -> None:
    data = bytearray(heic(photos / "a.heic", noise((300, 200), 50)).read_bytes())
    (photos / "cut.heic").write_bytes(data[: len(data) // 2])
    (photos / "begun.heic").write_bytes(data[:60])
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", 60_000, 60_000)
    (photos / "a.heic").write_bytes(data)
    rows = {Path(row["source"]).name: row["error"]["reason"] for row in make(photos).rows}
    assert rows["a.heic"].startswith("has 60000 x 60000 px, 3.6e+03 megapixels: more than")
    assert rows["cut.heic"].startswith("truncated")
    assert rows["begun.heic"] == "truncated: begins like a HEIC picture, but ends early"


@needs_heif
@pytest.mark.slow
def test_what_is_estimated_suffices_for_heic(photos: Path) -> None:
    heic(photos / "a.heic", Image.linear_gradient("L").resize((3000, 2000)).convert("RGBA"))
    enough(photos)


@needs_heif
def test_the_caller_s_own_pillow_stays_as_it_was(tmp_path: Path) -> None:
    from pillow_heif import options

    before = options.DECODE_THREADS
    thumb(heic(tmp_path / "a.heic", quarters((96, 64))))
    assert before == options.DECODE_THREADS
    assert "HEIF" not in Image.OPEN


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        ("pillow_heif", "a.heic", "is a HEIC picture, which is read after"),
        ("rawpy", "a.dng", "is a camera's raw picture, which is read after"),
        ("pylibjxl", "a.jxl", "is a JPEG XL picture, which is read after"),
    ],
)
def test_without_the_extra_they_are_left_alone_and_named(
    photos: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, said: str
) -> None:
    extra, data = {
        "a.heic": ("heif", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)),
        "a.dng": ("raw", dng(quarters((64, 64)), quarters((16, 16)))),
        "a.jxl": ("jxl", b"\xff\x0a" + bytes(200)),
    }[name]
    (photos / name).write_bytes(data)
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    assert make_thumbnails(photos).found == 0
    report = make_thumbnails(photos / name)
    (failed,) = report.failures
    assert failed.error
    assert failed.error.reason == f"{said} {install_hint(extra)}"
    if find_spec_without(monkeypatch, module):
        (tried,) = [make_thumbnails(photos)]
        assert tried.found == 1, "what failed for want of the extra is tried anew"
        assert tried.made + tried.failed == 1
        assert not tried.failures or "pip install" not in str(tried.failures[0].error)


def find_spec_without(monkeypatch: pytest.MonkeyPatch, module: str) -> bool:
    """Whether a module is installed, and no longer hidden."""
    monkeypatch.undo()
    return find_spec(module) is not None


def test_extras_are_imported_when_they_are_needed_only(tmp_path: Path) -> None:
    import subprocess

    picture(tmp_path / "a.jpg")
    code = (
        "import sys\nfrom thumbnailer import make_thumbnail, make_thumbnails\n"
        "make_thumbnails('.')\nassert 'PIL' not in sys.modules\n"
        "make_thumbnail('a.jpg', 'out.jpg')\nassert 'PIL' in sys.modules\n"
        "assert not {'rawpy', 'numpy', 'pillow_heif', 'pylibjxl'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)

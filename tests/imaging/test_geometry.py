"""How large a thumbnail is, and how the picture goes into it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from math import prod
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageDraw, ImageOps, ImageStat
from support.corpus import camera_kinds
from support.pictures import corners, picture, quarters
from support.program import make
from support.project import SUNSET
from support.similarity import ssim
from support.thumbs import thumb

from thumbnailer import PictureError, make_thumbnail
from thumbnailer.imaging.geometry.fit import fit_in_box, is_possible
from thumbnailer.recipe import Area, Box, Share

Size = tuple[int, int]


@pytest.mark.parametrize(
    ("source", "box", "fit", "upscale", "expected"),
    [
        ((400, 300), (100, 100), "contain", False, (100, 75)),
        ((400, 300), (100, 100), "cover", False, (100, 100)),
        ((400, 300), (100, 100), "pad", False, (100, 100)),
        ((400, 300), (100, 100), "fill", False, (100, 100)),
        # What is smaller than the box stays as it is ...
        ((40, 30), (100, 100), "contain", False, (40, 30)),
        ((40, 30), (100, 100), "cover", False, (40, 30)),
        ((40, 30), (100, 100), "pad", False, (100, 100)),
        ((40, 30), (100, 100), "fill", False, (40, 30)),
        ((40, 300), (100, 100), "cover", False, (40, 100)),
        ((40, 300), (100, 100), "fill", False, (40, 100)),
        # ... unless it may be enlarged.
        ((40, 30), (100, 100), "contain", True, (100, 75)),
        ((40, 30), (100, 100), "cover", True, (100, 100)),
        ((40, 30), (100, 100), "pad", True, (100, 100)),
        ((40, 30), (100, 100), "fill", True, (100, 100)),
        # With a free side there is no box to fill.
        *(((400, 300), (100, None), fit, False, (100, 75)) for fit in ("cover", "pad", "fill")),
        *(((400, 300), (None, 60), fit, False, (80, 60)) for fit in ("cover", "pad", "fill")),
        *(((40, 30), (100, None), fit, False, (40, 30)) for fit in ("cover", "pad", "fill")),
        *(((40, 30), (100, None), fit, True, (100, 75)) for fit in ("contain", "cover", "pad")),
        # A share or an area has the picture's shape.
        *(((400, 300), "50%", fit, False, (200, 150)) for fit in ("contain", "cover", "pad")),
        ((101, 51), "50%", "contain", False, (51, 26)),
        ((1, 1000), "10%", "contain", False, (1, 100)),
        ((400, 300), "12.5%", "contain", False, (50, 38)),
        ((40, 30), "200%", "contain", False, (40, 30)),
        ((40, 30), "200%", "contain", True, (80, 60)),
        *(((400, 300), "0.03mp", fit, False, (200, 150)) for fit in ("contain", "cover", "pad")),
        ((300, 401), "0.03mp", "contain", False, (149, 199)),
        ((3, 2000), "0.001mp", "contain", False, (1, 667)),
        ((40, 30), "0.03mp", "contain", False, (40, 30)),
        ((40, 30), "0.03mp", "contain", True, (200, 150)),
        ((3, 1000), (10, 10), "cover", True, (10, 10)),
        ((1, 1), (1, 1), "cover", False, (1, 1)),
    ],
)
def test_the_size_of_every_fit(
    tmp_path: Path, source: Size, box: Size | str, fit: str, upscale: bool, expected: Size
) -> None:
    path = picture(tmp_path / "a.png", source)
    assert thumb(path, size=box, fit=fit, upscale=upscale).size == expected


sides = st.integers(1, 300)
longer = st.integers(1, 3000)


# A box may have one side only.
boxes = st.tuples(st.none() | sides, st.none() | sides).filter(any).map(lambda sides: Box(*sides))
shares = st.floats(0.001, 1000).map(Share)
areas = st.integers(1000, 1_000_000).map(Area)


@given(
    st.tuples(longer, longer),
    boxes | shares | areas,
    st.sampled_from(["contain", "cover", "pad", "fill"]),
    st.booleans(),
)
def test_every_size_that_is_made_is_known_to_be_possible(
    size: Size, box: Box | Share | Area, fit: str, upscale: bool
) -> None:
    made = fit_in_box(size, box, fit, upscale=upscale).canvas
    assert is_possible(made, box, fit, upscale=upscale)


@given(st.tuples(longer, longer), areas, st.booleans())
def test_an_area_is_never_exceeded(size: Size, area: Area, upscale: bool) -> None:
    made = fit_in_box(size, area, "contain", upscale=upscale).canvas
    assert prod(made) <= area.pixels
    assert upscale or made == size or prod(size) > area.pixels


@pytest.mark.parametrize(
    ("size", "box", "fit", "upscale"),
    [
        ((101, 50), (100, 100), "contain", False),
        ((50, 101), (None, 100), "contain", False),
        ((99, 50), (100, 100), "contain", True),
        ((100, 50), (100, 100), "cover", True),
        ((100, 50), (100, 100), "fill", True),
        ((100, 50), (100, 100), "pad", False),
    ],
)
def test_what_no_picture_gets_is_known_to_be_impossible(
    size: Size, box: Size, fit: str, upscale: bool
) -> None:
    assert not is_possible(size, Box(*box), fit, upscale=upscale)


@settings(max_examples=60, deadline=None)
@given(sides, sides, sides, sides, st.sampled_from(["contain", "cover", "fill"]), st.booleans())
def test_sizes_are_those_of_libvips(
    width: int, height: int, across: int, down: int, fit: str, upscale: bool
) -> None:
    check_against_libvips((width, height), (across, down), fit, upscale)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(longer, longer, sides, sides, st.sampled_from(["contain", "cover", "fill"]), st.booleans())
def test_sizes_are_those_of_libvips_for_panoramas_too(
    width: int, height: int, across: int, down: int, fit: str, upscale: bool
) -> None:
    assume(max(width, height) <= 100 * min(width, height))
    check_against_libvips((width, height), (across, down), fit, upscale)


def check_against_libvips(size: Size, box: Size, fit: str, upscale: bool) -> None:
    pyvips = pytest.importorskip("pyvips")
    # It makes all of the picture that it crops.
    assume(fit != "cover" or prod(size) * max(b / s for b, s in zip(box, size, strict=True)) < 1e7)
    options = {"size": "both" if upscale else "down"}
    aim = box
    if fit == "cover":
        options["crop"] = "centre"
    if fit == "fill":  # knows no other bounds
        options["size"] = "force"
        aim = box if upscale else (min(box[0], size[0]), min(box[1], size[1]))
    theirs = pyvips.Image.black(*size).thumbnail_image(aim[0], height=aim[1], **options)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "a.png"
        Image.new("L", size).save(source)
        ours = make_thumbnail(source, Path(folder) / "b.png", size=box, fit=fit, upscale=upscale)
    assert abs(ours.width - theirs.width) <= 1
    assert abs(ours.height - theirs.height) <= 1


def stripes(size: Size, across: bool = True) -> Image.Image:
    """Three stripes, red, lime and blue, from left to right or from top to bottom."""
    image = Image.new("RGB", (3, 1) if across else (1, 3))
    for at, colour in enumerate(((255, 0, 0), (0, 255, 0), (0, 0, 255))):
        image.putpixel((at, 0) if across else (0, at), colour)
    return image.resize(size, Image.Resampling.NEAREST)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
@pytest.mark.parametrize("across", [True, False])
def test_cover_shows_the_middle(tmp_path: Path, name: str, across: bool) -> None:
    size = (1200, 400) if across else (400, 1200)
    stripes(size, across).save(tmp_path / name, subsampling=0)
    image = thumb(tmp_path / name, size=100, fit="cover")
    assert image.size == (100, 100)
    assert max(ImageStat.Stat(image.crop((2, 2, 98, 98))).stddev) < 3
    assert corners(image.crop((2, 2, 98, 98))) == ["lime"] * 4


def test_fill_shows_all_of_the_picture(tmp_path: Path) -> None:
    image = thumb(picture(tmp_path / "a.png", (400, 100)), size=(60, 80), fit="fill")
    assert image.size == (60, 80)
    assert corners(image) == ["red", "lime", "blue", "white"]


def test_pad_puts_the_picture_in_the_middle(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png", (400, 200))
    image = thumb(source, size=100, fit="pad", background="#010203")
    assert image.size == (100, 100)
    for margin in ((0, 0, 100, 25), (0, 75, 100, 100)):
        assert image.crop(margin).getcolors() == [(2500, (1, 2, 3))]
    assert corners(image.crop((0, 25, 100, 75))) == ["red", "lime", "blue", "white"]


@pytest.mark.parametrize(
    ("mode", "background", "expected", "outside"),
    [
        ("L", "#808080", "L", 128),
        ("L", "#ff0000", "RGB", (255, 0, 0)),
        ("LA", "#808080", "LA", (128, 255)),
        ("LA", "#ff0000", "RGBA", (255, 0, 0, 255)),
        ("RGBA", "#808080", "RGBA", (128, 128, 128, 255)),
        ("CMYK", "#ff0000", "RGB", (255, 0, 0)),
    ],
)
def test_the_canvas_is_the_opaque_background(
    tmp_path: Path, mode: str, background: str, expected: str, outside: object
) -> None:
    source = tmp_path / "a.tif"
    Image.new(mode, (80, 40)).save(source)
    image = thumb(source, size=40, fit="pad", background=background)
    assert image.mode == expected
    assert image.getpixel((0, 0)) == outside
    if mode in ("LA", "RGBA"):
        assert image.getpixel((20, 20))[-1] == 0  # type: ignore[index]


def test_what_is_not_scaled_keeps_its_pixels(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png", (41, 30))
    kept = quarters((41, 30))
    assert thumb(source, size=100, fit="cover").tobytes() == kept.tobytes()
    assert thumb(source, size=100, fit="fill").tobytes() == kept.tobytes()
    padded = thumb(source, size=100, fit="pad")
    assert padded.crop((29, 35, 70, 65)).tobytes() == kept.tobytes()
    cropped = thumb(source, size=(20, 100), fit="cover")
    assert cropped.tobytes() == kept.crop((10, 0, 30, 30)).tobytes()


@pytest.mark.parametrize("fit", ["cover", "pad", "fill"])
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
@pytest.mark.few(1)
def test_all_orientations_come_out_alike(tmp_path: Path, name: str, fit: str) -> None:
    scene = Image.open(SUNSET).convert("RGB").resize((640, 432))  # whole blocks of JPEG
    ImageDraw.Draw(scene).rectangle((100, 50, 200, 90), "red")
    turns = Image.Transpose
    stored = {
        1: scene,
        2: scene.transpose(turns.FLIP_LEFT_RIGHT),
        3: scene.transpose(turns.ROTATE_180),
        4: scene.transpose(turns.FLIP_TOP_BOTTOM),
        5: scene.transpose(turns.TRANSPOSE),
        6: scene.transpose(turns.ROTATE_90),
        7: scene.transpose(turns.TRANSVERSE),
        8: scene.transpose(turns.ROTATE_270),
    }
    made = {}
    for orientation, image in stored.items():
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        image.save(tmp_path / name, exif=exif, quality=98)
        made[orientation] = thumb(tmp_path / name, size=(71, 101), fit=fit)
    for image in made.values():
        assert image.size == (71, 101)
        assert ssim(image, made[1]) > 0.995


FRUGAL = """
import sys
from thumbnailer import make_thumbnail
make_thumbnail(sys.argv[1], sys.argv[2], size=sys.argv[3], fit=sys.argv[4], upscale=True)
status = dict(line.split(":") for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) // 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("fit", ["cover", "fill", "pad", "contain"])
@pytest.mark.parametrize("size", [(1, 2_000_000), (2_000_000, 1)])
@pytest.mark.few(2)
def test_extreme_shapes_take_little_memory(tmp_path: Path, size: Size, fit: str) -> None:
    Image.new("RGB", size).save(tmp_path / "a.png")
    source, target = str(tmp_path / "a.png"), tmp_path / "b.png"
    command = [sys.executable, "-c", FRUGAL, source, str(target), "1000", fit]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 150  # MiB
    with Image.open(target) as image:
        sides = {"contain": (1, 1000) if size[0] == 1 else (1000, 1)}
        assert image.size == sides.get(fit, (1000, 1000))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_what_is_stretched_one_way_and_shrunk_the_other_takes_little_memory(
    tmp_path: Path,
) -> None:
    Image.new("RGBA", (100, 9900)).save(tmp_path / "a.png")
    source, target = str(tmp_path / "a.png"), str(tmp_path / "b.png")
    command = [sys.executable, "-c", FRUGAL, source, target, "20000x10", "fill"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 150  # MiB; 20000 x 9900 px would take 800


@pytest.mark.parametrize(
    ("options", "promised"),
    [
        (["-s", "60x40", "--upscale"], "60 x 40"),
        (["-s", "50x60", "--fit", "pad"], "50 x 60"),
        (["-s", "50x60", "--fit", "cover", "--upscale"], "50 x 60"),
        (["-s", "x9999", "--upscale"], "14999 x 9999"),
    ],
)
@pytest.mark.few(1)
def test_a_thumbnail_may_not_have_too_many_pixels(
    photos: Path, options: list[str], promised: str
) -> None:
    picture(photos / "a.png", (30, 20))
    run = make(photos, "--max-pixels", "2399", *options)
    error = run.rows[0]["error"]
    assert error["stage"] == "limits"
    assert error["reason"].startswith(f"the thumbnail would have {promised} px")
    assert "more than the limit of 0.0024 (max_pixels)" in error["reason"]


def test_a_large_box_without_enlargement_asks_for_nothing(photos: Path) -> None:
    picture(photos / "a.png", (60, 40))
    assert make(photos, "--max-pixels", "2400", "-s", "9999").statuses == {"a.png": "made"}


def test_the_library_says_so_too(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png", (30, 20))
    with pytest.raises(PictureError, match="limits: the thumbnail would have 9999 x 6666 px"):
        make_thumbnail(source, tmp_path / "b.png", size=9999, upscale=True)


@pytest.mark.parametrize(
    ("fit", "box"), [("fill", (400, 60)), ("fill", (40, 300)), ("cover", (256, 64))]
)
def test_shrink_on_load_leaves_enough_for_every_fit(tmp_path: Path, fit: str, box: Size) -> None:
    with Image.open(SUNSET) as image:
        whole = image.convert("RGB")
    lanczos = Image.Resampling.LANCZOS
    expected = whole.resize(box, lanczos) if fit == "fill" else ImageOps.fit(whole, box, lanczos)
    source = tmp_path / "a.jpg"
    source.write_bytes(SUNSET.read_bytes())
    assert ssim(thumb(source, size=box, fit=fit), expected) > 0.99


SEVERAL = [75, 1024, 128, 512, 256]


def check_several(
    photos: Path, output: Path, fit: str = "contain", sizes: Sequence[int] = SEVERAL
) -> None:
    """Sizes made together are as good as the whole picture resized in one pass."""
    options = [argument for size in sizes for argument in ("--size", str(size))]
    assert make(photos, "-f", "png", "--fit", fit, "-o", output, *options).code == 0
    for path in photos.iterdir():
        with Image.open(path) as whole:
            whole.load()
        for made in output.rglob(path.name):
            with Image.open(made) as image:
                assert max(image.size) == int(made.parent.name)
                lanczos = Image.Resampling.LANCZOS
                cut = ImageOps.fit(whole, image.size, lanczos)
                expected = cut if fit == "cover" else whole.resize(image.size, lanczos)
                assert ssim(image, expected) >= 0.99, made
        assert len(list(output.rglob(path.name))) == len(sizes)


@pytest.mark.parametrize("fit", ["contain", "cover"])
@pytest.mark.slow
def test_several_sizes_are_as_good_as_each_alone(photos: Path, tmp_path: Path, fit: str) -> None:
    with Image.open(SUNSET) as image:  # as PNG, which is decoded whole for any size
        image.save(photos / "a.png")
    check_several(photos, tmp_path / "out", fit)


@pytest.mark.slow
def test_sizes_close_to_each_other_are_not_made_from_each_other(
    photos: Path, tmp_path: Path
) -> None:
    with Image.open(SUNSET) as image:
        image.save(photos / "a.png")
    check_several(photos, tmp_path / "out", sizes=range(200, 300, 2))


@pytest.mark.slow
def test_several_sizes_of_camera_pictures_are_as_good_as_each_alone(
    corpus: Path, photos: Path, tmp_path: Path
) -> None:
    for path in camera_kinds(corpus):
        with Image.open(path) as image:
            image.draft("RGB", (2048, 2048))
            upright = ImageOps.exif_transpose(image.convert("RGB"))
            assert max(upright.size) > 1024
            upright.info.clear()
            upright.save(photos / f"{path.stem}.png", compress_level=1)
    check_several(photos, tmp_path / "out")


def test_sizes_of_several_fits_do_not_feed_each_other_cropped_pictures(
    photos: Path, tmp_path: Path
) -> None:
    stripes((1200, 400)).save(photos / "a.png")
    config = tmp_path / "config.toml"
    config.write_text(
        'format = "png"\n[sizes.square]\nsize = "300x300"\nfit = "cover"\n'
        '[sizes.whole]\nsize = "90x90"\n[sizes.stretched]\nsize = "60x60"\nfit = "fill"\n'
    )
    assert make(photos, "-c", config, "-o", tmp_path / "out").code == 0
    for name, size in (("whole", (90, 30)), ("stretched", (60, 60))):
        with Image.open(tmp_path / "out" / name / "a.png") as image:
            assert image.size == size
            assert corners(image) == ["red", "blue", "red", "blue"]

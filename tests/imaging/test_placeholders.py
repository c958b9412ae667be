"""Placeholders: what little is known of a thumbnail before it is there looks like it."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.corpus import camera_kinds
from support.pictures import quarters
from support.thumbhash import difference, shown
from support.thumbs import swapped_profile

from thumbnailer import Thumbnail, make_thumbnail

# What may differ of 255 in the middle of a quarter, without high frequencies; half would be another
# colour.
BLUR = 110


def placeholder(image: Image.Image, **settings: Any) -> str:
    return made(image, **settings).placeholder


def made(image: Image.Image, **settings: Any) -> Thumbnail:
    with io.BytesIO() as file:
        image.save(file, "png", icc_profile=image.info.get("icc_profile"))
        return make_thumbnail(file.getvalue(), **settings)


def middles(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours in the middles of four quarters, in reading order."""
    width, height = image.size
    places = [(x, y) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return [image.getpixel(place) for place in places]  # type: ignore[misc]


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "gif"])
@pytest.mark.parametrize("size", [(300, 200), (200, 300), (200, 200), (900, 60), (3, 200), (1, 1)])
def test_it_shows_the_colours_where_they_are(size: tuple[int, int], format: str) -> None:
    image = Image.new("RGB", size, "lime") if 1 in size else quarters(size)
    found = shown(placeholder(image, format=format))
    for colour, right in zip(middles(found), middles(image.resize((32, 32))), strict=True):
        assert colour == pytest.approx((*right, 255), abs=BLUR)


def test_it_has_17_to_25_bytes() -> None:
    sizes = [(300, 300), (300, 200), (200, 300), (300, 4), (4, 300)]
    lengths = [len(base64.b64decode(placeholder(quarters(size)))) for size in sizes]
    assert (max(lengths), min(lengths)) == (24, 17)
    clear = Image.new("RGBA", (90, 90), (0, 0, 255, 100))
    assert len(base64.b64decode(placeholder(clear, format="webp"))) == 25


def test_what_is_transparent_stays_so_and_gives_no_colour() -> None:
    image = Image.new("RGBA", (300, 200), (0, 255, 0, 0))
    image.paste((250, 100, 0, 255), (0, 0, 150, 200))
    found = shown(placeholder(image, format="png"))
    for red, green, blue, alpha in (middles(found)[0], middles(found)[2]):
        assert alpha > 220
        assert (red, green, blue) == pytest.approx((250, 100, 0), abs=12)
    assert max(middles(found)[1][3], middles(found)[3][3]) < 30


def test_it_is_of_the_thumbnail_and_not_of_the_picture() -> None:
    image = Image.new("RGBA", (300, 200))
    for background, colour in (("white", (255, 255, 255)), ("#ff0000", (255, 0, 0))):
        (found,) = {*middles(shown(placeholder(image, format="jpeg", background=background)))}
        assert found[:3] == pytest.approx(colour, abs=4)
    cut = quarters((400, 100))
    cut.paste("black", (150, 0, 250, 100))
    (found,) = {*middles(shown(placeholder(cut, size="64x64", fit="cover")))}
    assert found[:3] == pytest.approx((0, 0, 0), abs=4)


@pytest.mark.parametrize("keep", [[], ["icc"]])
def test_its_colours_are_srgb_whether_or_not_the_profile_is_kept(keep: list[str]) -> None:
    image = quarters((300, 200))
    without = placeholder(image)
    image.info["icc_profile"] = swapped_profile()
    found = middles(shown(placeholder(image, keep=keep)))
    assert found[0] != pytest.approx(middles(shown(without))[0], abs=BLUR), "red is another colour"
    with io.BytesIO(made(image, keep=[]).data) as file, Image.open(file) as right:
        expected = middles(right.convert("RGBA"))
    for colour, like in zip(found, expected, strict=True):
        assert colour == pytest.approx(like, abs=BLUR)


def test_an_animation_has_that_of_its_first_frame() -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "lime", "blue")]
    with io.BytesIO() as file:
        frames[0].save(file, "gif", save_all=True, append_images=frames[1:], duration=100)
        moving = make_thumbnail(file.getvalue(), format="webp", animated=True)
    with io.BytesIO(moving.data) as file, Image.open(file) as thumbnail:
        assert getattr(thumbnail, "n_frames", 1) == 3
    (found,) = {*middles(shown(moving.placeholder))}
    assert found[:3] == pytest.approx((255, 0, 0), abs=4)


def test_it_is_the_same_each_time_and_of_one_colour_holds_nothing_else() -> None:
    image = quarters((300, 200))
    assert placeholder(image) == placeholder(image)
    plain = {
        base64.b64decode(placeholder(Image.new("RGB", (90, 90), colour)))[5:]
        for colour in ("white", "black", "#123456", "orange")
    }
    assert plain == {b"\x88" * 18 + b"\x08"}


def test_it_is_what_the_published_encoder_makes(corpus: Path) -> None:
    """Nearly: that takes up to 100 px a side."""
    published = pytest.importorskip("fast_thumbhash", reason="has no wheel for this Python")
    differences = []
    for path in camera_kinds(corpus):
        thumbnail = make_thumbnail(path.read_bytes(), size=100, format="png")
        with io.BytesIO(thumbnail.data) as file, Image.open(file) as image:
            pixels = image.convert("RGBA").tobytes()
        other = bytes(published.rgba_to_thumb_hash(thumbnail.width, thumbnail.height, pixels))
        ours = base64.b64decode(thumbnail.placeholder)
        assert (ours[3] & 7, ours[4] >> 7) == (other[3] & 7, other[4] >> 7)
        assert len(ours) == len(other)
        theirs = shown(base64.b64encode(other).decode())
        differences.append(difference(shown(thumbnail.placeholder), theirs))
    assert max(differences) < 8
    assert sum(differences) / len(differences) < 4

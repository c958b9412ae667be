"""Thumbnails have the colours that libvips gives them, to less than an eye sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from support.corpus import camera_kinds
from support.project import SAMPLES
from support.thumbs import thumb

np = pytest.importorskip("numpy")
pyvips = pytest.importorskip("pyvips")

from support.ciede2000 import delta_e, mean_delta_e  # noqa: E402

from thumbnailer.imaging.colour.profiles import (  # noqa: E402
    ADOBE_GAMMA,
    ADOBE_RGB,
    SRGB,
    Primaries,
    profile_bytes,
)
from thumbnailer.imaging.colour.to_srgb import flatten  # noqa: E402

pyvips.cache_set_max(0)  # it knows pictures by name, and does not see that one is another now

PROPHOTO = Primaries((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585))

# An eye just sees a difference of 1 in two colours side by side.
UNSEEN = 1.0


def vips_thumbnail(source: Path, size: tuple[int, int], *, linear: bool) -> Image.Image:
    """What libvips makes of a picture decoded whole: it shrinks some on load further than we do."""
    image = pyvips.Image.new_from_file(str(source)).thumbnail_image(
        size[0],
        height=size[1],
        size="force",
        linear=linear,
        export_profile="srgb",
        intent="perceptual",
    )
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[image.bands]
    return Image.frombytes(mode, (image.width, image.height), image.write_to_memory())


def difference(source: Path, *, linear: bool = False) -> float:
    ours = thumb(source, "out of test.png", size=256, linear=linear)
    theirs = vips_thumbnail(source, ours.size, linear=linear)
    return mean_delta_e(*(flatten(image, (255, 255, 255)) for image in (ours, theirs)))


def profiles() -> dict[str, tuple[str, bytes]]:
    """Name → the mode of a picture and its profile."""
    return {
        "sRGB": ("RGB", profile_bytes(SRGB, "srgb")),
        "Display P3": ("RGB", pyvips.Image.profile_load("p3")),
        "Adobe RGB": ("RGB", profile_bytes(ADOBE_RGB, ADOBE_GAMMA)),
        "ProPhoto": ("RGB", profile_bytes(PROPHOTO, 1.8)),
        "grey gamma 1.0": ("L", profile_bytes(None, 1.0)),
        "grey gamma 2.2": ("L", profile_bytes(None, 2.2)),
        "CMYK": ("CMYK", pyvips.Image.profile_load("cmyk")),
    }


def test_the_measure_is_ciede2000() -> None:
    """Pairs 1, 7, 14, 17, 25 and 34 of the test data of Sharma, Wu and Dalal (2005)."""
    pairs = [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ]
    for one, other, expected in pairs:
        found = delta_e(np.array(one, dtype=float), np.array(other, dtype=float))
        assert abs(float(found) - expected) < 1e-4


@pytest.mark.parametrize("name", list(profiles()))
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.few(4)
def test_tagged_pictures_look_as_with_libvips(tmp_path: Path, name: str, linear: bool) -> None:
    mode, profile = profiles()[name]
    with Image.open(SAMPLES / "progressive-sunset.jpg") as image:
        image.convert(mode).save(tmp_path / "a.jpg", quality=95, icc_profile=profile)
    assert difference(tmp_path / "a.jpg", linear=linear) < UNSEEN


@pytest.mark.parametrize(
    "name",
    [
        "deep16-moonlit-hills.png",
        "display-p3-poppies.jpg",
        "grey-birches.jpg",
        "phone-portrait-lighthouse.jpg",
        "picnic.webp",
        "transparent-balloon.png",
    ],
)
def test_samples_look_as_with_libvips(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(SAMPLES / name)
    assert difference(tmp_path / name) < UNSEEN


@pytest.mark.slow
@pytest.mark.parametrize(("linear", "most"), [(False, UNSEEN), (True, 1.5)])
def test_camera_pictures_look_as_with_libvips(
    corpus: Path, tmp_path: Path, linear: bool, most: float
) -> None:
    """In linear light less so: what libjpeg leaves out on load it leaves out of values, not light,
    for which libvips decodes them whole, in up to eight times the time."""
    found = {}
    for source in camera_kinds(corpus):
        (tmp_path / source.name).symlink_to(source)
        found[source.name] = difference(tmp_path / source.name, linear=linear)
    assert sum(found.values()) / len(found) < 0.6
    assert {name: value for name, value in found.items() if value >= most} == {}

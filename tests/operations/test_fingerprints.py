"""Each setting that shapes a thumbnail makes it stale, and no other does."""

from __future__ import annotations

import dataclasses
import io
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image
from support.camera_jpegs import photo, scene
from support.program import make
from support.thumbs import swapped_profile

from thumbnailer import Settings, make_thumbnails
from thumbnailer.formats import WRITTEN
from thumbnailer.recipe import Recipe
from thumbnailer.render.steps import render_pictures

FORMATS = [*WRITTEN, "auto"]

# A change of each setting that shapes thumbnails.
CHANGES: dict[str, Any] = {
    "size": "40x30",
    "quality": 31,
    "fit": "pad",
    "upscale": True,
    "background": "#123456",
    "linear": True,
    "sharpen": True,
    "animated": True,
    "progressive": True,
    "subsampling": "4:4:4",
    "palette": True,
    "max_bytes": 400,
    "keep": ["copyright", "date", "gps", "icc"],
    "previews": "trust",
}


@cache
def sources() -> list[bytes]:
    """Pictures of which each setting shapes at least one."""
    return [_camera_jpeg(), _animation(), _small_with_alpha()]


def _camera_jpeg() -> bytes:
    """With a preview of another picture."""
    return photo(scene(1, (600, 400)), scene(2, (150, 100)), quality=90)


def _animation() -> bytes:
    frames = [scene(seed, (120, 80)).convert("P") for seed in (3, 4, 5)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return buffer.getvalue()


def _small_with_alpha() -> bytes:
    image = scene(6, (30, 20)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    exif = Image.Exif()
    exif[ExifTags.Base.Copyright] = "somebody"
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif, icc_profile=swapped_profile())
    return buffer.getvalue()


def recipe_of(**settings: Any) -> Recipe:
    (recipe,) = Settings(**settings).recipes.values()
    return recipe


def thumbnails(recipe: Recipe, limits: Any) -> list[bytes]:
    made = []
    for source in sources():
        try:
            (picture,), _ = render_pictures(io.BytesIO(source), [(recipe, ())], limits)
        except Exception as error:  # `max_bytes` that can't be had
            made.append(str(error).encode())
        else:
            made.append(picture.data)
    return made


def test_each_setting_of_a_recipe_is_looked_at() -> None:
    fields = {field.name for field in dataclasses.fields(Recipe)} - {"box", "format", "crop"}
    assert fields | {"size"} == set(CHANGES)


@pytest.mark.parametrize("format", FORMATS)
def test_the_fingerprint_differs_where_thumbnails_do(format: str) -> None:
    basis: dict[str, Any] = {"size": 60, "format": format}
    before, limits = recipe_of(**basis), Settings().limits
    made = thumbnails(before, limits)
    changed = {name: recipe_of(**basis | {name: value}) for name, value in CHANGES.items()}
    for crop in ("entropy", "attention"):
        cover = recipe_of(**basis, fit="cover")
        other = recipe_of(**basis, fit="cover", crop=crop)
        assert thumbnails(cover, limits) != thumbnails(other, limits)
        assert cover.fingerprint != other.fingerprint
        assert recipe_of(**basis, crop=crop).fingerprint == before.fingerprint
    differ = {name for name, recipe in changed.items() if thumbnails(recipe, limits) != made}
    stale = {name for name, one in changed.items() if one.fingerprint != before.fingerprint}
    assert differ <= stale
    # With alpha the background is seen around padded pictures only; to remake others is no harm.
    assert stale - differ <= {"background"}
    for other_format in FORMATS:
        if other_format != format:
            other = recipe_of(**basis | {"format": other_format})
            assert other.fingerprint != before.fingerprint


@pytest.mark.parametrize(
    ("format", "change"),
    [("avif", {"subsampling": "4:4:4"}), ("gif", {"animated": True}), ("auto", {"palette": True})],
)
def test_a_run_with_a_setting_changed_makes_them_again(
    photos: Path, format: str, change: dict[str, Any]
) -> None:
    (photos / "a.jpg").write_bytes(sources()[0])
    (photos / "b.gif").write_bytes(sources()[1])
    assert make_thumbnails(photos, size=60, format=format).made == 2
    assert make_thumbnails(photos, size=60, format=format, **change).made == 2
    assert make_thumbnails(photos, size=60, format=format, **change).current == 2


@pytest.mark.parametrize(
    "change",
    [
        ["--truncated", "keep"],
        ["--max-pixels", "99000000"],
        ["--worker-memory", "2000"],
        ["--also", "ppm"],
        ["--timeout", "99"],
    ],
)
@pytest.mark.few(1)
def test_what_a_picture_may_cost_counts_for_those_that_failed_only(
    photos: Path, change: list[str]
) -> None:
    (photos / "a.jpg").write_bytes(sources()[0])
    (photos / "b.jpg").write_text("no picture")
    make(photos)
    again = make(photos, *change)
    assert again.statuses == {"a.jpg": "current", "b.jpg": "failed"}
    tried = {Path(row["source"]).name for row in again.rows if row["seconds"]}
    assert tried == {"b.jpg"}


@pytest.mark.parametrize("format", [name for name, one in WRITTEN.items() if one.quality])
def test_the_quality_of_whoever_names_none_is_the_documented_one(format: str) -> None:
    """80, and 50 in AVIF, whose scale is another one."""
    limits, documented = Settings().limits, {"avif": 50}.get(format, 80)
    usual, named, lower, higher = (
        thumbnails(recipe_of(size=60, format=format, quality=quality), limits)[0]
        for quality in ("auto", documented, documented - 15, documented + 15)
    )
    assert usual == named
    assert len(lower) < len(usual) < len(higher)

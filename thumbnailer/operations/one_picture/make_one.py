"""Make the thumbnails of one picture, a file or content, in this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Unpack

from thumbnailer.config.checks import shown
from thumbnailer.config.overrides import Looks, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.disk import files
from thumbnailer.errors import ConfigError, PictureError
from thumbnailer.imaging.failures import StageError, stage
from thumbnailer.model import Thumbnail
from thumbnailer.operations.one_picture.content import (
    Given,
    Picture,
    Target,
    format_of,
    read_picture,
    refuse_same,
    write_thumbnail,
)
from thumbnailer.recipe import Recipe

# Sizes by name, each alone or with its own fit, format and quality; or a list of sizes.
Sizes = Mapping[str, Any] | list[str]

# Makes thumbnails of a picture, here or elsewhere; raises PictureError or WorkerError.
Render = Callable[[Given, list[Recipe], Settings], tuple[Thumbnail, ...]]

# Checking all settings takes 50 µs, a fiftieth of what a small picture takes.
_DEFAULTS = Settings()


def make_thumbnail(source: Picture, thumbnail: Target = None, **looks: Unpack[Looks]) -> Thumbnail:
    """Make the thumbnail of one picture, in this process.

        made = make_thumbnail("photo.jpg", "small.webp", size=256)
        data = make_thumbnail(upload, size=256, format="webp").data

    Args:
        source: the picture: its path, its content (`bytes`, `bytearray` or `memoryview`), or a
            binary file object, which is read from where it stands to its end and not closed. Here
            `bytes` are content; in functions that take folders they are a path.
        thumbnail: the path of the file to write, whose folder must exist and which is replaced if
            it exists; or a binary file object, which is written to from where it stands and not
            closed; or None to write nothing.
        **looks: settings for how the thumbnail looks and which pictures are read, such as
            `size=256` or `fit="cover"`. Without `format`, the ending of a path decides; otherwise
            it is `jpeg`.

    Returns:
        The thumbnail: its content (`data`), width and height in px, format, and its path if it was
        written to one.

    Raises:
        PictureError: the picture can't be made into a thumbnail.
        SourceError: it can't be read.
        OutputError: the thumbnail can't be written: its folder is not there, or the disk is full.
        ConfigError: an argument is impossible.
    """
    return one_thumbnail(_render, _DEFAULTS, source, thumbnail, looks)


def make_sizes(source: Picture, sizes: Sizes, **looks: Unpack[Looks]) -> dict[str, Thumbnail]:
    """Make several thumbnails of one picture, which is decoded once, in this process.

        made = make_sizes(upload, {"small": 128, "large": {"size": "1024x", "format": "webp"}})
        made["small"].data

    Args:
        source: as for `make_thumbnail`.
        sizes: a size, or a table of size, fit, format and quality, by name, as in
            `Settings(sizes=...)`; or a list of sizes, as in `Settings(size=[...])`, which are their
            own names: `["64", "256x192"]`.
        **looks: settings for all of them, but for `size`.

    Returns:
        The thumbnails, each with its content, by name.

    Raises:
        PictureError, SourceError, ConfigError: as for `make_thumbnail`.
    """
    return several_sizes(_render, _DEFAULTS, source, sizes, looks)


def one_thumbnail(
    render: Render, settings: Settings, source: Picture, target: Target, looks: Looks
) -> Thumbnail:
    """Make a thumbnail, and write it where it is wanted.

    Raises what `make_thumbnail` raises.
    """
    format = format_of(target, looks.get("format", ""), settings.format)
    settings = merge_settings(settings, {**looks, "format": format})
    recipe, *others = settings.named_recipes.values()
    if others:
        key = "sizes" if settings.sizes else "size"
        raise ConfigError(f"{shown(key, getattr(settings, key))}: is more than one")
    given = read_picture(source)
    refuse_same(given, target)
    (made,) = render(given, [recipe], settings)
    return write_thumbnail(made, target, given)


def several_sizes(
    render: Render, settings: Settings, source: Picture, sizes: Sizes, looks: Looks
) -> dict[str, Thumbnail]:
    """Make thumbnails of several sizes.

    Raises what `make_sizes` raises.
    """
    if "size" in looks:
        raise ConfigError(f"{shown('size', looks['size'])}: has no place beside sizes")
    if not sizes:
        raise ConfigError(f"{shown('sizes', sizes)}: names no size")
    key = "sizes" if isinstance(sizes, Mapping) else "size"
    settings = merge_settings(settings, {**looks, key: sizes})
    recipes = settings.named_recipes
    made = render(read_picture(source), list(recipes.values()), settings)
    return dict(zip(recipes, made, strict=True))


def _render(given: Given, recipes: list[Recipe], settings: Settings) -> tuple[Thumbnail, ...]:
    # Imports Pillow, which those who make many in other processes do not need in this one.
    from thumbnailer.render.steps import render_pictures

    # Pixels are limited, but not memory: how much this process uses is up to the caller.
    limits = replace(settings.limits, memory_bytes=sys.maxsize)
    try:
        with stage("open"):
            file = files.open_source(given.name) if given.data is None else io.BytesIO(given.data)
        with file:
            made, _ = render_pictures(file, [(recipe, ()) for recipe in recipes], limits)
    except StageError as error:
        raise PictureError(given.name, error.failure.stage, error.failure.reason) from error
    return tuple(map(Thumbnail.of_content, made))

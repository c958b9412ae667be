"""Explain one picture: why its thumbnails are as they are, and what would be made of it."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Unpack

from thumbnailer.config.overrides import Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.disk import files
from thumbnailer.door.fetchers import source_fetcher
from thumbnailer.door.pictures import Pictures, pictures_at
from thumbnailer.door.places import Path, check_globs, check_place
from thumbnailer.door.thumbs import open_thumbs
from thumbnailer.errors import ConfigError, SourceMissing, shortened
from thumbnailer.formats import has_option
from thumbnailer.imaging.failures import StageError, stage
from thumbnailer.model import Failure, Job, Outcome, Source
from thumbnailer.operations.thumbnail_state import thumbnail_state

if TYPE_CHECKING:
    from thumbnailer.render.describe import Description


@dataclass(frozen=True, slots=True)
class ThumbnailExplanation:
    """The state and looks of one thumbnail.

        for one in explain("photo.jpg", size=["64", "256"]).thumbnails:
            print(one.path, one.state, one.reason, one.size)

    Attributes:
        path: where it is, or would be.
        state: `current`, `missing`, `stale` or `failed`; `skipped` if the file is no picture.
        reason: why it is not current.
        looks: fit, format and quality, as text.
        size: width and height in px that it would have; None if the picture can't be read.
    """

    path: str
    state: str
    reason: str
    looks: str
    size: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The description of a picture and of its thumbnails.

        explanation = explain("photo.jpg")
        print(explanation.description, explanation.thumbnails)

    Attributes:
        description: of the picture; or why it can't be read.
        thumbnails: one for each wanted thumbnail.
        refused: why the picture can have no thumbnail.
    """

    source: Source
    description: Description | Failure
    thumbnails: tuple[ThumbnailExplanation, ...]
    refused: Failure | None = None


def explain(
    path: Path,
    settings: Settings | None = None,
    *,
    root: Path = "",
    **overrides: Unpack[Overrides],
) -> Explanation:
    """Describe a picture and the thumbnails it has or would have; change nothing.

        explanation = explain("Pictures/photo.jpg", size=256)
        print(explanation.thumbnails[0].state, explanation.thumbnails[0].reason)

    Args:
        path: of the picture; a URL is fetched.
        settings: what the thumbnails should look like and where they are; `Settings()` if left out.
        root: the source folder that the picture was found in; it matters with an output tree.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Raises:
        SourceError: there is no such file or `root`, or it can't be read.
        ConfigError: it is a folder, or the picture is not in `root` or is left out there; or a
            setting is unknown or impossible, or there is no place for thumbnails of a URL.
        OutputError: the bucket of the thumbnails can't be read.
    """
    chosen = merge_settings(settings, overrides)
    source, description = _described(_source(os.fsdecode(path), chosen, os.fsdecode(root)), chosen)
    (item,) = open_thumbs(chosen, clean_up=False).look([source], quick=False)
    if isinstance(item, Outcome):
        return Explanation(source, description, (), item.error)
    thumbnails = []
    for at, slot in enumerate(item.slots):
        one = thumbnail_state(source, slot, chosen.limits)
        recipe = one.wanted.recipe
        quality = f" {recipe.quality}" if has_option(recipe.format, "quality") else ""
        looks = f"{recipe.fit}, {recipe.format}{quality}"
        size = None if isinstance(description, Failure) else description.thumbnails[at]
        thumbnails.append(ThumbnailExplanation(one.path, one.state, one.reason, looks, size))
    return Explanation(source, description, tuple(thumbnails))


def _described(source: Source, settings: Settings) -> tuple[Source, Description | Failure]:
    """Return a picture's description, or why it can't be read; and its state when it was read."""
    from thumbnailer.render.describe import describe  # imports Pillow

    limits = settings.limits
    (fetched,) = source_fetcher(settings, threading.Event()).fetch([Job(source, (), limits)])
    if isinstance(fetched, Failure):
        return source, fetched
    try:
        with stage("open"):
            data = fetched.data
            file = files.open_source(source.path, source.root) if data is None else BytesIO(data)
        with file:
            return fetched.source, describe(file, list(settings.recipes.values()), limits)
    except StageError as error:
        return fetched.source, error.failure


def _source(path: str, settings: Settings, root: str) -> Source:
    check_place(settings, path, root)
    pictures = pictures_at(path, settings)
    if _is_folder(pictures, path, settings):
        raise ConfigError(f"{shortened(path)}: is a folder; explain takes pictures")
    inner: str | None = ""
    if root:
        pictures = pictures_at(root, settings)
        pictures.check()
        check_globs([root], settings)
        inner = pictures.inner(path)
    choice = replace(settings.choice, shard=None)  # another one's picture is no riddle, either
    found = None if inner is None else next(pictures.find(inner, choice), None)
    if isinstance(found, Source):
        return found
    reason = (
        f"is not taken from {shortened(root)}"
        if root
        else "is thumbnailer's own, no picture of yours"
    )
    reason = found.error.reason if found and found.error else reason
    raise ConfigError(f"{shortened(path)}: {reason}")


def _is_folder(pictures: Pictures, path: str, settings: Settings) -> bool:
    """Return whether it is a folder or a prefix; raise as `Pictures.check`."""
    try:
        return pictures.check()
    except SourceMissing:
        # A name without an ending may be that of a prefix, where there is none, or of an object.
        if pictures.is_remote and settings.limits.may_be_no_picture(path):
            return False
        raise

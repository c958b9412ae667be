"""Explain one picture: why its thumbnails are as they are, and what would be made of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from thumbnailer.config.overrides import Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.disk import files
from thumbnailer.door import Path, check_globs, open_thumbs, refuse_buckets
from thumbnailer.errors import ConfigError, shortened
from thumbnailer.formats import has_option
from thumbnailer.imaging.failures import StageError, stage
from thumbnailer.model import Failure, Outcome, Source
from thumbnailer.operations.thumbnail_state import thumbnail_state
from thumbnailer.scan.folders import check_source, find_source, source_finder

if TYPE_CHECKING:
    from thumbnailer.render.describe import Description


@dataclass(frozen=True, slots=True)
class ThumbnailExplanation:
    """The state and looks of one thumbnail.

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

    Args:
        path: of the picture.
        settings: what the thumbnails should look like and where they are; `Settings()` if left out.
        root: the source folder that the picture was found in; it matters with an output tree.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Raises:
        SourceError: there is no such file or `root`, or it can't be read.
        ConfigError: it is a folder, or the picture is not in `root` or is left out there; or a
            setting is unknown or impossible.
    """
    from thumbnailer.render.describe import describe  # imports Pillow

    chosen = merge_settings(settings, overrides)
    path, root = os.fsdecode(path), os.fsdecode(root)
    refuse_buckets(path, root, chosen.output)
    source = _source(path, chosen, root)
    recipes, limits = chosen.recipes, chosen.limits
    description: Description | Failure
    try:
        with stage("open"):
            file = files.open_source(source.path, source.root)
        with file:
            description = describe(file, list(recipes.values()), limits)
    except StageError as error:
        description = error.failure
    (item,) = open_thumbs(chosen, clean_up=False).look([source], quick=False)
    if isinstance(item, Outcome):
        return Explanation(source, description, (), item.error)
    thumbnails = []
    for at, slot in enumerate(item.slots):
        one = thumbnail_state(source, slot, limits)
        recipe = one.wanted.recipe
        quality = f" {recipe.quality}" if has_option(recipe.format, "quality") else ""
        looks = f"{recipe.fit}, {recipe.format}{quality}"
        size = None if isinstance(description, Failure) else description.thumbnails[at]
        thumbnails.append(ThumbnailExplanation(one.path, one.state, one.reason, looks, size))
    return Explanation(source, description, tuple(thumbnails))


def _source(path: str, settings: Settings, root: str) -> Source:
    if check_source(path):
        raise ConfigError(f"{shortened(path)}: is a folder; explain takes pictures")
    if not root:
        found: Source | Outcome | None = find_source(path)
    else:
        check_source(root)
        check_globs([root], settings)
        path = os.path.join(root, os.path.relpath(path, root))
        found = source_finder(root, settings.choice)(path)
    if isinstance(found, Source):
        return found
    reason = found.error.reason if found and found.error else f"is not taken from {shortened(root)}"
    raise ConfigError(f"{shortened(path)}: {reason}")

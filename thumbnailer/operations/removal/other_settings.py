"""Tell with which settings thumbnails were made, if not with the present ones."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

from thumbnailer.config.overrides import merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.door.places import is_remote
from thumbnailer.door.sources import Sources
from thumbnailer.errors import ConfigError
from thumbnailer.formats import format_by_ending
from thumbnailer.model import Failure, Stop
from thumbnailer.scan.folders import thumbnail_folders
from thumbnailer.thumbs.naming import is_size_label
from thumbnailer.thumbs.orphans.in_roots import SourcesInRoots
from thumbnailer.thumbs.orphans.orphan import PresentThumbnail
from thumbnailer.thumbs.orphans.survey import survey_folders

# How many thumbnails are looked at; all of a folder are.
_ENOUGH = 200

# How many of their most frequent sides, and sizes, are tried.
_GUESSES = 4


def other_settings(
    opened: Sources, settings: Settings, stop: Stop | None = None
) -> tuple[str, ...]:
    """Return a note of which options fit the thumbnails of some pictures; none if it is unknown.

    To be asked where no thumbnail of the present settings was found. Only the ledgers on disk tell
    enough: a size and a format are guessed from a thumbnail, and a guess counts only if it leads to
    the same fingerprint.
    """
    if settings.is_for_desktop or opened.is_remote or is_remote(settings.output):
        return ()
    present = _thumbnails(opened, settings, stop)
    if not present:
        return ()
    options = _options(present, settings)
    if options is None:
        path, (width, height, _) = present[0].path, _size(present[0])
        example = f", such as {path} of {width} x {height} px"
        options = "the options that make had"
    else:
        example = ""
    if not options:
        return ()
    what = f"these folders hold thumbnails of other settings{example}"
    return (f"{what}: add {options}, or --config",)


def _thumbnails(opened: Sources, settings: Settings, stop: Stop | None) -> list[PresentThumbnail]:
    """Return the first thumbnails of the pictures that were made in whatever way."""
    found = list[PresentThumbnail]()

    def collect(present: list[PresentThumbnail]) -> Iterator[PresentThumbnail]:
        found.extend(one for one in present if one.file_exists and any(_size(one)))
        return iter(())

    output = os.fspath(settings.output)
    folders = thumbnail_folders(opened.roots, output, settings.choice, stop=stop)
    for _ in survey_folders(SourcesInRoots(opened.roots), folders, stop, find_stale=collect):
        if len(found) >= _ENOUGH:
            break
    return found


def _size(one: PresentThumbnail) -> tuple[int, int, int]:
    """Return width and height in px, and bytes; all 0 if the last attempt failed."""
    if one.entry is None or isinstance(one.entry.result, Failure):
        return 0, 0, 0
    return one.entry.result


class _Guess(NamedTuple):
    """The settings that a thumbnail tells most about."""

    size: str
    format: str
    fit: str


def _options(present: list[PresentThumbnail], settings: Settings) -> str | None:
    """Return the options to be added that fit most of some thumbnails; None if none do."""
    mine = [*settings.named_recipes]
    sizes = dict.fromkeys([*mine, *_sizes(present)])
    fits = dict.fromkeys([settings.fit, "cover", "pad"])

    @cache
    def fingerprint(guess: _Guess) -> str:
        try:
            changed = merge_settings(settings, guess._asdict())
        except ConfigError:  # a format whose extra is not installed
            return ""
        (recipe,) = changed.named_recipes.values()
        return recipe.fingerprint

    def guessed(one: PresentThumbnail) -> _Guess | None:
        label = os.path.basename(one.folder.below)
        formats = dict.fromkeys([settings.format, format_by_ending(one.name) or "jpeg", "auto"])
        tried = [label] if is_size_label(label) else [*sizes]
        for size, format, fit in product(tried, formats, fits):
            guess = _Guess(size, format, fit)
            if one.entry and fingerprint(guess) == one.entry.fingerprint:
                return guess
        return None

    counts = Counter(filter(None, map(guessed, present)))
    if not counts:
        return None
    best, _ = counts.most_common(1)[0]
    found = {guess.size for guess in counts if guess[1:] == best[1:]}
    in_order = sorted(found, key=lambda size: (len(size), size))
    options = [f"--size {size}" for size in in_order] if in_order != sorted(mine) else []
    options += [f"--format {best.format}"] if best.format != settings.format else []
    options += [f"--fit {best.fit}"] if best.fit != settings.fit else []
    return " ".join(options)


def _sizes(present: list[PresentThumbnail]) -> list[str]:
    """Return the sizes that some thumbnails may have been made with, the likeliest first."""
    sides = Counter(max(_size(one)[:2]) for one in present)
    boxes = Counter(_size(one)[:2] for one in present)
    squares = [max(sides), *(side for side, _ in sides.most_common(_GUESSES))]
    others = [f"{width}x{height}" for (width, height), _ in boxes.most_common(_GUESSES)]
    return [*map(str, squares), *others]

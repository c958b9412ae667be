"""Find thumbnails that the present settings would not make: of another size, format, name or place.

For each folder it is asked what `make` would do of those pictures that have thumbnails there. What
has a name that `make` would use is not stale in this sense: `make` makes it anew in its place.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from thumbnailer.config.settings import Settings
from thumbnailer.door.sources import Sources
from thumbnailer.door.thumbs import open_thumbs
from thumbnailer.formats import format_by_ending, possible_formats
from thumbnailer.model import Folder, Outcome, Source
from thumbnailer.scan.folders import source_finder
from thumbnailer.thumbs.folders import THUMBS
from thumbnailer.thumbs.naming import is_size_label
from thumbnailer.thumbs.orphans.orphan import PresentThumbnail
from thumbnailer.thumbs.orphans.source_folder import SourcePlace
from thumbnailer.thumbs.plan import SourceSlots


@dataclass(frozen=True, slots=True)
class StaleFinder:
    """Finds which thumbnails of a folder are stale.

    Args:
        opened: the SOURCEs that the pictures are in.
    """

    opened: Sources
    settings: Settings

    def __call__(self, present: list[PresentThumbnail]) -> list[PresentThumbnail]:
        """Return those of the thumbnails of one folder that are stale.

        Kept are all thumbnails of a picture of which it can't be told what there should be: it
        can't be read, or has failed, or a file is in the way.
        """
        if not present:
            return []
        find = self._finder()
        unknown, found = set[str](), dict[Source, str]()  # each with its path as it is known here
        for path, place in {one.source: one.place for one in present}.items():
            item = find(place)
            if isinstance(item, Source):
                found[item] = path
            elif item:
                unknown.add(path)
        asked, failing = self._asked_for(found, present[0].folder)
        failed = {found[source] for source in failing}
        return [
            one
            for one in present
            if one.name not in asked
            and one.source not in unknown
            and not (one.source in failed and one.file_exists)
        ]

    def _finder(self) -> Callable[[SourcePlace], Source | Outcome | None]:
        """Return a function that finds a picture if `make` would, by way of any SOURCE."""
        opened, choice = self.opened, self.settings.choice
        finders = {
            root: source_finder(root, choice, below=below) for root, below in opened.folders.items()
        }

        def find(place: SourcePlace) -> Source | Outcome | None:
            item, root = None, place.root
            if root in finders:
                item = finders[root](os.path.join(root, place.path))
            if not item and (overlap := opened.overlaps.get(root)):
                item = finders[overlap.root](os.path.join(*overlap, place.path))
            return item

        return find

    def _asked_for(
        self, sources: Iterable[Source], folder: Folder
    ) -> tuple[set[str], list[Source]]:
        """Return which names are asked for in a folder, and which sources fail to get theirs."""
        names, failed, is_same = set[str](), list[Source](), _same_folder(folder.path)
        for item in open_thumbs(self.settings, clean_up=False).look(sources):
            if isinstance(item, SourceSlots):
                if any(slot.is_failed for slot in item.slots):
                    failed.append(item.source)
                for wanted in (slot.wanted for slot in item.slots):
                    if is_same(wanted.folder.path):
                        names |= {wanted.name, wanted.png_name}
            elif item.status == "current":
                paths = (os.path.split(one.path) for one in item.thumbnails)
                names |= {name for above, name in paths if is_same(above)}
            else:
                failed.append(item.source)
        return names, failed


def _same_folder(path: str) -> Callable[[str], bool]:
    """Return a function that tells whether a path leads to a folder, however it is spelled."""

    @cache
    def is_same(other: str) -> bool:
        with suppress(OSError):
            return os.path.samefile(path, other)
        return other == path

    return is_same


def options_for(stale: Iterable[PresentThumbnail], settings: Settings) -> str:
    """Return in words with which options most of some thumbnails were made; "" if unknown."""
    kinds = Counter(_options(one, settings) for one in stale if one.file_exists)
    (options, count), *_ = kinds.most_common(1) or [("", 0)]
    return f"{count} look as if made with {options}" if options else ""


def _options(one: PresentThumbnail, settings: Settings) -> str:
    """Return the options that a thumbnail's place and name tell of, if not the present ones."""
    recipes, options, size = settings.recipes, list[str](), ""
    below, inner = one.folder.below, one.place.inner
    if one.folder.anchor == os.fspath(settings.output):
        size = below.removesuffix(inner).partition(os.sep)[0]
    else:
        options += ["no --output"] if settings.output else []
        size = os.path.basename(below)
        if size == THUMBS and "" not in recipes:
            options.append("a single --size")
    if is_size_label(size) and size not in recipes:
        options.append(f"--size {size}")
    format = format_by_ending(one.name)
    if format and all(format not in possible_formats(recipe.format) for recipe in recipes.values()):
        options.append(f"--format {format}")
    return " and ".join(options)

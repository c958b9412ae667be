"""The SOURCEs that a caller named: checked, and scanned, each picture once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import filterfalse

from thumbnailer.config.settings import Settings
from thumbnailer.door.pictures import pictures_at
from thumbnailer.door.places import Path, check_globs, check_place, is_remote, paths_of
from thumbnailer.errors import ConfigError, SourceError, shortened
from thumbnailer.model import Outcome, Source, Stop
from thumbnailer.scan.globs import compares_paths
from thumbnailer.scan.overlaps import Overlap, find_overlaps
from thumbnailer.scan.selection import Choice
from thumbnailer.scan.shard import Shard
from thumbnailer.urls import is_url


@dataclass(frozen=True, slots=True)
class Sources:
    """The SOURCEs that a caller named, checked.

    Attributes:
        roots: all of them, as they were named.
        folders: those that are folders or prefixes and are scanned, each with its folder in an
            output tree.
        files: those that are files or objects.
        overlaps: those whose pictures another one has, with that one.
        shard: of which part their pictures are taken; None for all.
    """

    roots: list[str]
    folders: dict[str, str]
    files: frozenset[str]
    overlaps: dict[str, Overlap]
    shard: Shard | None = None

    @property
    def is_remote(self) -> bool:
        """Whether any is in a bucket."""
        return is_remote(*self.roots)

    @property
    def scanned(self) -> list[str]:
        """Those that are scanned, each once: all but those whose pictures others have."""
        named = dict.fromkeys(self.roots)
        return [root for root in named if root in self.folders or root not in self.overlaps]

    @property
    def different_folders(self) -> list[str]:
        """The folders, also those in others, but none in two spellings."""
        named = dict.fromkeys(self.roots)
        is_other = {root for root, overlap in self.overlaps.items() if not overlap.inner}
        return [root for root in named if root not in self.files and root not in is_other]

    @property
    def notes(self) -> list[str]:
        """What there is to say of all of them, in words: which part is taken, which overlap."""
        shard = [f"shard {self.shard.number} of {self.shard.count}"] if self.shard else []
        twice = [root for root, times in Counter(self.roots).items() if times > 1]
        if not self.overlaps and not twice:
            return shard
        first = next(iter(self.overlaps), None) or twice[0]
        more = len(self.overlaps) + len(twice) - 1
        root, inner = self.overlaps.get(first, (first, ""))
        how = f"lies in {root}" if inner else f"is {root}" if root != first else "is named twice"
        others = f", and {more} more overlap" if more else ""
        return [*shard, f"{first} {how}{others}: each picture is taken once"]

    def refuse_files(self, why: str = "") -> None:
        """Check that all are folders; `why` may say for what they must be.

        Raises:
            SourceError: one is a file.
        """
        for root in self.roots:
            if root in self.files:
                raise SourceError(None, f"is no folder{why and f'; {why}'}", root)

    def scan(
        self, settings: Settings, choice: Choice, stop: Stop | None = None
    ) -> Iterator[Source | Outcome]:
        """Yield what the scan finds in all of them, each picture once."""
        for root in self.scanned:
            yield from self.scan_one(root, settings, choice, stop)

    def scan_one(
        self, root: str, settings: Settings, choice: Choice, stop: Stop | None = None
    ) -> Iterator[Source | Outcome]:
        """Yield what the scan finds in one of them and in no other."""
        pictures = pictures_at(root, settings, stop)
        found = pictures.scan(choice, below=self.folders.get(root, ""))
        if root not in self.overlaps:
            return found
        inner, silent = self.overlaps[root].inner, choice.logged(None)

        def is_found_there(item: Source | Outcome) -> bool:
            path = item.source.path if isinstance(item, Outcome) else item.path
            return silent.finds(os.path.join(inner, os.path.relpath(path, root)))

        return filterfalse(is_found_there, found)


def open_sources(
    sources: Path | Iterable[Path],
    settings: Settings,
    *,
    stop: Stop | None = None,
    may_be_empty: bool = False,
) -> Sources:
    """Check the SOURCEs that the caller named, and return them.

    Args:
        stop: once it is set, a bucket's answer is not waited for.
        may_be_empty: take prefixes of buckets in which nothing is yet.

    Raises:
        SourceError: a source does not exist or can't be read.
        ConfigError: a source is the output folder, or has no place for its thumbnails; or two would
            have the same folder in the output; or a glob is a path from elsewhere.
    """
    roots = paths_of(sources)
    check_place(settings, *roots)
    is_folder = {
        root: pictures_at(root, settings, stop).check(may_be_empty=may_be_empty)
        for root in dict.fromkeys(roots)
    }
    folders = [root for root in is_folder if is_folder[root]]
    files = [root for root in is_folder if not is_folder[root]]
    check_globs(folders, settings)
    if settings.output:
        for folder in folders:
            if os.path.realpath(folder) == os.path.realpath(settings.output):
                output = shortened(os.fspath(settings.output))
                raise ConfigError(f"output = {output!r}: is a folder of sources itself")
    overlaps = _overlaps(folders, files, settings) if len(is_folder) > 1 else {}
    places = _places([one for one in folders if one not in overlaps], len(roots), settings)
    # A glob with a slash may match in a SOURCE what it does not match from above.
    if any(map(compares_paths, settings.include)):
        for folder in folders:
            if folder in overlaps and (inner := overlaps[folder].inner):
                places[folder] = os.path.join(places[overlaps[folder].root], inner)
    return Sources(roots, places, frozenset(files), overlaps, settings.choice.shard)


def _overlaps(
    folders: Iterable[str], files: Iterable[str], settings: Settings
) -> dict[str, Overlap]:
    """Return the SOURCEs whose pictures another one has, in the order in which they are named."""

    def of_kind(roots: Iterable[str], *, urls: bool) -> list[str]:
        return [root for root in roots if is_url(root) == urls]

    choice = settings.choice
    overlaps = find_overlaps(of_kind(folders, urls=False), of_kind(files, urls=False), choice)
    if is_remote(*folders, *files):
        from thumbnailer.buckets.url_overlaps import find_url_overlaps

        urls = of_kind(folders, urls=True), of_kind(files, urls=True)
        overlaps |= find_url_overlaps(*urls, choice, os.fspath(settings.output))
    return {root: overlaps[root] for root in (*folders, *files) if root in overlaps}


def _places(folders: list[str], named: int, settings: Settings) -> dict[str, str]:
    """Return the folder of each SOURCE that is one in the output tree.

    With several sources named, that is a folder of its own name.

    Raises:
        ConfigError: two would have the same.
    """
    if named == 1:
        return dict.fromkeys(folders, "")
    places: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for folder in folders:
        places[folder] = name = os.path.basename(os.path.abspath(folder))
        other = by_name.setdefault(os.path.normcase(name), folder)
        if other != folder and settings.output and not settings.is_for_desktop:
            output = os.fspath(settings.output)
            outputs = (os.path.join(output, part) for part in _differing_parts(other, folder))
            raise ConfigError(
                f"output = {shortened(output)!r}: {shortened(other)} and {shortened(folder)} would "
                f"both be {shortened(name)} there; give each a run of its own, with outputs such "
                f"as {' and '.join(map(shortened, outputs))}"
            )
    return places


def _differing_parts(one: str, other: str) -> tuple[str, str]:
    """Return the last parts of two paths by which these differ."""
    parts = (os.path.abspath(path).split(os.sep) for path in (one, other))
    pairs = zip(*(reversed(path) for path in parts), strict=False)
    return next(
        ((a, b) for a, b in pairs if os.path.normcase(a) != os.path.normcase(b)), ("1", "2")
    )

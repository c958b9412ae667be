"""Find out in which SOURCE the source of a thumbnail is, or was, and whether it is gone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import ExitStack
from functools import lru_cache
from typing import NamedTuple, Self

from thumbnailer.disk import files
from thumbnailer.model import Folder
from thumbnailer.thumbs.orphans.remote_sources import RemoteSources
from thumbnailer.thumbs.orphans.source_folder import SourceFolder, SourcePlace, open_source_folder
from thumbnailer.urls import is_url


class FoundSource(NamedTuple):
    """A source in a root: as that was named, and whether its thumbnail can only be the root's."""

    root: str
    place: SourcePlace
    is_placed: bool


class Wanted(NamedTuple):
    """Which sources are looked for.

    Attributes:
        names: of these one is that of a wanted source, or of a folder below the root that it is in.
        is_wanted: tells for certain.
    """

    names: Set[str]
    is_wanted: Callable[[SourcePlace], bool]


class SourcesInRoots:
    """Finds sources in roots, and looks for them; holds the folder of the last one open.

    Args:
        roots: folders, or single pictures; the pictures may exist or be gone.
        places: each root with its folders in the output tree, if these are known.
        wanted: tells which sources are looked for; None for all.
        remote: knows the pictures of the roots that are in buckets.

    Attributes:
        named: the roots.
    """

    def __init__(
        self,
        roots: Iterable[str],
        places: Mapping[str, Sequence[str]] | None = None,
        wanted: Wanted | None = None,
        remote: RemoteSources | None = None,
    ) -> None:
        self.named, self.remote = [*roots], remote
        roots = [root for root in self.named if not is_url(root)]
        self._places, self._wanted = places or {}, wanted
        self._roots = {os.path.abspath(root): root for root in roots}
        self._real_roots = {os.path.realpath(root): root for root in roots}
        # Nearly all thumbnails of a folder have their sources in one folder.
        self._locate = lru_cache(self._located)
        self._stack = ExitStack()  # holds `_folder` open
        self._folder: SourceFolder | None = None
        self._place: tuple[str, str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def may_want(self, origin: str) -> bool:
        """Return whether a source may be wanted, by its path in a ledger: a tenth of `find`."""
        return not self._wanted or not self._wanted.names.isdisjoint(origin.split(os.sep))

    def find(self, source: str, folder: Folder) -> FoundSource | None:
        """Return a source with its place; None if it is in no root, or is not wanted.

        Args:
            folder: where its thumbnail is.
        """
        if is_url(source):
            return self._find_remote(source)
        above, name = os.path.split(source)
        absolute, real, located = self._locate(above)
        for roots, path in ((self._roots, absolute), (self._real_roots, real)):
            if root := roots.get(os.path.join(path, name)):  # a single picture
                return FoundSource(root, SourcePlace(above, "", name), False)
        if located is None:
            return None
        root, inner = located
        place = SourcePlace(root, inner, name)
        if self._wanted and not self._wanted.is_wanted(place):
            return None
        trees = self._places.get(root, ())
        is_placed = any(folder.below == os.path.join(tree, inner).rstrip(os.sep) for tree in trees)
        return FoundSource(root, place, is_placed)

    def look(self, place: SourcePlace) -> tuple[bool, str | None]:
        """Return whether a source is gone, and the nearest folder still there if it is empty.

        Raises:
            LinkRefused: a folder on the way is a link.
            OSError: it can't be determined.
        """
        if self._place != place[:2] or not self._folder:
            self._stack.close()
            self._place = self._folder = None
            self._folder = self._stack.enter_context(open_source_folder(place))
            self._place = place[:2]
        is_gone = self._folder.is_gone(place.name)
        return is_gone, self._folder.nearest if is_gone and self._folder.is_empty else None

    def _find_remote(self, url: str) -> FoundSource | None:
        if not (self.remote and (there := self.remote.find(url))):
            return None
        inner, _, name = there.inner.rpartition("/")
        place = SourcePlace(there.root, inner, name)
        if self._wanted and not self._wanted.is_wanted(place):
            return None
        return FoundSource(there.root, place, False)

    def _located(self, folder: str) -> tuple[str, str, tuple[str, str] | None]:
        """Return a folder's absolute and real path, and its root with its path in that."""
        absolute, real = os.path.abspath(folder), os.path.realpath(folder)
        for roots, path in ((self._roots, absolute), (self._real_roots, real)):
            if (above := root_of(path, roots)) is not None:
                return absolute, real, (roots[above], path[len(above) :].strip(os.sep))
        return absolute, real, None


def root_of(path: str, roots: Mapping[str, str]) -> str | None:
    """Return the innermost of the roots that contains a path; None if none does."""
    return next((above for above in files.with_folders(path) if above in roots), None)

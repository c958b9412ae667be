"""Pictures that are gone, by the ledgers: one that is new may be one of these, moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from itertools import islice
from typing import NamedTuple

from thumbnailer.disk import files
from thumbnailer.model import Failure, Folder, Source, Stop
from thumbnailer.scan.folders import thumbnail_folders
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.entries import Ledger
from thumbnailer.thumbs.orphans.in_roots import root_of
from thumbnailer.thumbs.orphans.orphan import Orphan
from thumbnailer.thumbs.orphans.remove import remove_thumbnails
from thumbnailer.thumbs.orphans.source_folder import SourcePlace

# No more are remembered, which takes 60 MB: so many may be on a disk that is not mounted.
_MOST = 200_000


class GoneSources:
    """The former sources of a run: found when the first picture comes that has no thumbnail.

    To list 100,000 pictures and to read their ledgers takes 0.5 s, and a run that makes nothing
    needs none of it.

    Args:
        roots: each SOURCE that is a folder, with its folder in the output tree.
        output: the output tree; "" for `thumbs` folders.
        stop: once it is set nothing more is looked for.
        folders: returns the folders that may have thumbnails of them; all of the roots if left out.
    """

    def __init__(
        self,
        roots: Mapping[str, str],
        output: str,
        stop: Stop | None = None,
        folders: Callable[[], Iterable[Folder | Removal]] | None = None,
    ) -> None:
        self._roots = roots
        self._folders = folders or (lambda: thumbnail_folders(roots, output, stop=stop))
        self._by_path = {os.path.abspath(root): root for root in roots}
        self._moved: list[Orphan] = []

    def of(self, source: Source) -> Iterator[Source]:
        """Yield the pictures that are gone and had the length, mtime and ending of a new one."""
        if source.is_remote:
            return
        for root, inner, name in self._gone.get((source.size_bytes, source.mtime_ns), ()):
            if _ending(name) != _ending(source.path):
                continue  # it may be read in another way
            path = os.path.join(root, inner, name)
            below = os.path.join(self._roots[root], inner).rstrip(os.sep)
            yield replace(source, path=path, below=below, root=root, ctime_ns=0)

    def note_moved(self, former: Source, thumbnails: Iterable[tuple[Folder, str, str]]) -> None:
        """Take that a new picture has the thumbnails of one that is gone."""
        inner = files.folder_below(former.root, os.path.dirname(former.path)).below
        place = SourcePlace(former.root, inner, os.path.basename(former.path))
        self._moved += (
            Orphan(folder, name, origin, former.path, place, size_bytes=0, is_certain=True)
            for folder, name, origin in thumbnails
        )

    @property
    def moved(self) -> list[Orphan]:
        """The former thumbnails of what has been moved; those of one folder are adjacent."""
        return sorted(self._moved, key=lambda orphan: (orphan.folder.path, orphan.name))

    def remove_moved(self, stop: Stop | None = None) -> None:
        """Remove these.

        Raises:
            OutputError: the file system is read-only.
        """
        for _ in remove_thumbnails(self.moved, stop):
            pass  # they are under other names by now

    @cached_property
    def _gone(self) -> dict[tuple[int, int], list[SourcePlace]]:
        found: dict[tuple[int, int], list[SourcePlace]] = {}
        for key, place in islice(self._find(), _MOST):
            found.setdefault(key, []).append(place)
        return found

    def _find(self) -> Iterator[tuple[tuple[int, int], SourcePlace]]:
        """Yield the pictures that are gone, each with the length and mtime that it had."""
        for folder in dict.fromkeys(self._folders()):
            if not isinstance(folder, Folder):
                continue
            with suppress(OSError):
                if known := ledger_file.read(folder):
                    yield from self._find_in(folder, known)

    def _find_in(
        self, folder: Folder, known: Ledger
    ) -> Iterator[tuple[tuple[int, int], SourcePlace]]:
        listing = lru_cache(8)(partial(self._listing, folder))
        for thumbnail, origin in known.origins():
            above, _, name = origin.rpartition(os.sep)
            listed = listing(above)
            if listed is None or name in listed.names:
                continue
            entry = known.get(thumbnail)
            if entry and not isinstance(entry.result, Failure):
                place = SourcePlace(listed.root, listed.inner, name)
                yield (entry.size_bytes, entry.mtime_ns), place

    def _listing(self, folder: Folder, above: str) -> _Listing | None:
        """Return what is in a folder of sources; None if it is in no root, or can't be read.

        Args:
            folder: a folder of thumbnails.
            above: the folder, relative to that.
        """
        found = ledger_file.source_path(folder, above)
        path = os.path.abspath(found) if found else ""
        root = root_of(path, self._by_path)
        if root is None:
            return None
        place = Folder(self._by_path[root], path[len(root) :].strip(os.sep))
        names: list[str] = []
        try:
            with (
                suppress(FileNotFoundError, NotADirectoryError),
                files.open_folder(place) as opened,
            ):
                names = files.list_names(opened)
        except (OSError, ValueError):
            return None
        return _Listing(place.anchor, place.below, frozenset(names))


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


class _Listing(NamedTuple):
    """The names in a folder, which is in a root."""

    root: str
    inner: str
    names: Collection[str]

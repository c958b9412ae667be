"""What the present settings ask for: which thumbnails, of which pictures."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Protocol

from thumbnailer.model import Outcome, Source
from thumbnailer.thumbs.plan import SourceSlots


class Thumbs(Protocol):
    """What can be looked at for thumbnails."""

    def look(
        self, found: Iterable[Source | Outcome], *, quick: bool = True
    ) -> Iterator[SourceSlots | Outcome]: ...


class AskedFor:
    """The thumbnails that there should be of all pictures of a run, noted while these pass by.

    Attributes:
        thumbnails: their paths.
        folders: the paths of their folders.
        sources: the paths of the pictures.
        failed: the paths of the pictures of which it can't be told what there should be: they can't
            be read, or have failed, or a file is in the way.
    """

    def __init__(self) -> None:
        self.thumbnails, self.folders = Paths(), Paths()
        self.sources, self.failed = Paths(), Paths()

    def noted(
        self, found: Iterable[Source | Outcome], thumbs: Thumbs, *, quick: bool
    ) -> Iterator[SourceSlots | Outcome]:
        """Yield what a look at the thumbnails of some sources yields, and note it.

        Those of another shard's sources are not asked for, but their sources are there.
        """
        for item in thumbs.look(self._noted_sources(found), quick=quick):
            if isinstance(item, SourceSlots):
                if any(slot.is_failed for slot in item.slots):
                    self.failed.add(item.source.path)
                for wanted in (slot.wanted for slot in item.slots):
                    self.folders.add(wanted.folder.path)
                    for name in filter(None, (wanted.name, wanted.png_name)):
                        self.thumbnails.add(wanted.folder.path_of(name))
            elif item.status == "current":
                for one in item.thumbnails:
                    self.folders.add(os.path.dirname(one.path))
                    self.thumbnails.add(one.path)
            else:
                self.failed.add(item.source.path)
            yield item

    def _noted_sources(self, found: Iterable[Source | Outcome]) -> Iterator[Source | Outcome]:
        for item in found:
            self.sources.add(item.path if isinstance(item, Source) else item.source.path)
            yield item


class Paths:
    """Many paths, of which no more is kept than a hash in 8 bytes.

    Of a million paths one that is not among them seems to be so once in 10^13.
    """

    def __init__(self) -> None:
        self._hashes, self._is_sorted = array("q"), True

    def add(self, path: str) -> None:
        """Add a path."""
        self._hashes.append(hash(path))
        self._is_sorted = False

    def __contains__(self, path: str) -> bool:
        if not self._is_sorted:
            self._hashes, self._is_sorted = array("q", sorted(self._hashes)), True
        at = bisect_left(self._hashes, hash(path))
        return at < len(self._hashes) and self._hashes[at] == hash(path)

"""What the present settings ask for: which thumbnails, of which pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Protocol

from thumbnailer.hash_set import HashSet
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
        self.thumbnails, self.folders = HashSet(), HashSet()
        self.sources, self.failed = HashSet(), HashSet()

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

"""Orphans, and surveys that count them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from thumbnailer.disk import files
from thumbnailer.model import Failure, Folder
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.orphans.source_folder import SourcePlace, open_source_folder


@dataclass(frozen=True, slots=True)
class Orphan:
    """A thumbnail whose source is gone.

    Attributes:
        origin: the source's path relative to `folder`.
        source: the source's path.
        place: the same, below a root.
        size_bytes: the thumbnail's length; None if only its line in the ledger is left.
        empty_folder: the folder nearest to the source that is still there, relative to the root, if
            it is empty like one where a disk is not mounted; else None.
        is_certain: whether the source is known to be gone, whatever folder is empty.
        is_behind_links: whether a source behind a link to a folder counts as gone.
    """

    folder: Folder
    name: str
    origin: str
    source: str
    place: SourcePlace
    size_bytes: int | None = None
    empty_folder: str | None = None
    is_certain: bool = False
    is_behind_links: bool = False

    @property
    def file_exists(self) -> bool:
        return self.size_bytes is not None

    @property
    def path(self) -> str:
        return os.path.join(self.folder.path, self.name)

    def is_still_gone(self) -> bool:
        """Return whether the source is gone at this moment, and not just its disk.

        Raises:
            OSError: this can't be determined.
        """
        try:
            with open_source_folder(self.place) as looked:
                return looked.is_gone(self.place.name) and (self.is_certain or not looked.is_empty)
        except files.LinkRefused:
            return self.is_behind_links


@dataclass(slots=True)
class OrphanSurvey:
    """Thumbnails and orphans found in some thumbnail folders.

    Attributes:
        thumbnails: number of thumbnails of the pictures in each root.
        orphans: thumbnails whose source is gone; those of one folder are adjacent.
        doubtful: those whose source seems to be gone, but whose disk may not be mounted: they have
            an `empty_folder`.
        unknown: thumbnails whose source's state is unknown, and folders that can't be read.
        size_bytes: total length of all thumbnails.
    """

    thumbnails: Counter[str] = field(default_factory=Counter)
    orphans: list[Orphan] = field(default_factory=list)
    doubtful: list[Orphan] = field(default_factory=list)
    unknown: list[Removal] = field(default_factory=list)
    size_bytes: int = 0

    @property
    def orphaned(self) -> int:
        """Number of existing thumbnails whose source is gone."""
        return sum(orphan.file_exists for orphan in self.orphans)

    def kept(self, hint: str) -> list[Removal]:
        """Return one removal that is not made for each empty folder, with how many thumbnails stay.

        Args:
            hint: in words, what to do if the pictures are really gone.
        """
        folders = Counter(
            os.path.join(orphan.place.root, orphan.empty_folder or "").rstrip(os.sep)
            for orphan in self.doubtful
            if orphan.file_exists
        )
        return [
            Removal("", folder, "kept", Failure("scan", f"{_emptied(count)} ({hint})"))
            for folder, count in folders.items()
        ]

    def add(self, others: OrphanSurvey) -> None:
        """Add the counts and findings of another survey."""
        self.thumbnails += others.thumbnails
        self.orphans += others.orphans
        self.doubtful += others.doubtful
        self.unknown += others.unknown
        self.size_bytes += others.size_bytes

    def believe(self, is_certain: Callable[[Orphan], bool] = lambda orphan: True) -> None:
        """Count doubtful ones as orphans: those of which it is certain that the source is gone."""
        believed = {orphan for orphan in self.doubtful if is_certain(orphan)}
        self.doubtful = [orphan for orphan in self.doubtful if orphan not in believed]
        self.orphans += (replace(orphan, is_certain=True) for orphan in believed)
        self.orphans.sort(key=lambda orphan: (orphan.folder.path, orphan.name))


def _emptied(count: int) -> str:
    stay = "1 thumbnail of it stays" if count == 1 else f"{count} thumbnails of it stay"
    return f"is empty, like a disk that is not mounted: {stay}"

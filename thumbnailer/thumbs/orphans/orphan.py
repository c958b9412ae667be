"""Thumbnails that a survey finds: those whose source is gone, and those whose source is there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from thumbnailer.disk import files
from thumbnailer.model import Failure, Folder
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.ledger.entries import Ledger, LedgerEntry
from thumbnailer.thumbs.orphans.asked_for import AskedFor
from thumbnailer.thumbs.orphans.remote_sources import RemoteSources
from thumbnailer.thumbs.orphans.source_folder import SourcePlace, open_source_folder
from thumbnailer.urls import is_url


@dataclass(frozen=True, slots=True)
class OwnThumbnail:
    """A thumbnail that the ledger of its folder names.

    Attributes:
        origin: the source's path relative to `folder`.
        source: the source's path.
        place: the same, below a root.
        size_bytes: the thumbnail's length; None if only its line in the ledger is ours.
        is_changed: whether there is a file that is not as the thumbnail was made: it is the user's.
        etag: that of an object in a bucket, as it was listed.
    """

    folder: Folder
    name: str
    origin: str
    source: str
    place: SourcePlace
    size_bytes: int | None = None
    is_changed: bool = False
    etag: str = ""

    @property
    def file_exists(self) -> bool:
        return self.size_bytes is not None

    @property
    def path(self) -> str:
        return self.folder.path_of(self.name)

    def kept_as_changed(self) -> Removal:
        """Return that the file stays since it has been changed."""
        failure = Failure("scan", "has been changed since thumbnailer made it")
        return Removal(self.path, self.source, "kept", failure)

    def is_due(self, known: Ledger) -> bool:
        """Return whether it is to be removed at this moment, by what the ledger says now.

        Raises:
            OSError: this can't be determined.
        """
        return True


@dataclass(frozen=True, slots=True)
class PresentThumbnail(OwnThumbnail):
    """A thumbnail whose source is there, with its entry: it is removed only while that is the same.

    Whoever has made it anew meanwhile wants it.
    """

    entry: LedgerEntry | None = None

    def is_due(self, known: Ledger) -> bool:
        """Return whether its entry is the same, and its source still there.

        Raises:
            OSError: this can't be determined.
        """
        if known.get(self.name) != self.entry:
            return False
        if is_url(self.source):
            return True
        try:
            with open_source_folder(self.place) as looked:
                return not looked.is_gone(self.place.name)
        except files.LinkRefused:
            return False


@dataclass(frozen=True, slots=True)
class Orphan(OwnThumbnail):
    """A thumbnail whose source is gone.

    Attributes:
        empty_folder: the folder nearest to the source that is still there, relative to the root, if
            it is empty like one where a disk is not mounted; else None.
        is_certain: whether the source is known to be gone, whatever folder is empty.
        is_behind_links: whether a source behind a link to a folder counts as gone.
        remote: knows whether a source in a bucket is gone; it is asked again before.
    """

    empty_folder: str | None = None
    is_certain: bool = False
    is_behind_links: bool = False
    remote: RemoteSources | None = None

    def is_due(self, known: Ledger) -> bool:
        """Return whether the source is gone at this moment, and not just its disk.

        Likewise if another thumbnail of the source has the plain name by now.

        Raises:
            OSError: this can't be determined.
        """
        return self.is_still_gone() or known.is_superseded(self.name)

    def is_still_gone(self) -> bool:
        """Return whether the source is gone at this moment, and not just its disk.

        Raises:
            OSError: this can't be determined.
        """
        if self.remote:
            return self.remote.is_gone(self.source)
        try:
            with open_source_folder(self.place) as looked:
                return looked.is_gone(self.place.name) and (self.is_certain or not looked.is_empty)
        except files.LinkRefused:
            return self.is_behind_links


def ask_again(thumbnails: Sequence[OwnThumbnail]) -> None:
    """Ask anew whether the sources in buckets are gone, for all orphans among some thumbnails."""
    orphans = [one for one in thumbnails if isinstance(one, Orphan) and one.remote]
    if orphans and orphans[0].remote:
        orphans[0].remote.ask([one.source for one in orphans])


@dataclass(slots=True)
class OrphanSurvey:
    """Thumbnails and orphans found in some thumbnail folders.

    Attributes:
        thumbnails: number of thumbnails of the pictures in each root.
        orphans: thumbnails whose source is gone; those of one folder are adjacent.
        doubtful: those whose source seems to be gone, but whose disk may not be mounted: they have
            an `empty_folder`.
        stale: thumbnails whose source is there, but that no setting asks for; likewise adjacent.
        unknown: thumbnails whose source's state is unknown, and folders that can't be read.
        size_bytes: total length of all thumbnails.
    """

    thumbnails: Counter[str] = field(default_factory=Counter)
    orphans: list[Orphan] = field(default_factory=list)
    doubtful: list[Orphan] = field(default_factory=list)
    stale: list[PresentThumbnail] = field(default_factory=list)
    unknown: list[Removal] = field(default_factory=list)
    size_bytes: int = 0

    @property
    def orphaned(self) -> int:
        """Number of existing thumbnails whose source is gone."""
        return sum(orphan.file_exists for orphan in self.orphans)

    @property
    def stale_files(self) -> int:
        """Number of existing thumbnails that are stale."""
        return sum(one.file_exists for one in self.stale)

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
        self.stale += others.stale
        self.unknown += others.unknown
        self.size_bytes += others.size_bytes

    def believe(self, is_certain: Callable[[Orphan], bool] = lambda orphan: True) -> None:
        """Count doubtful ones as orphans: those of which it is certain that the source is gone."""
        believed = {orphan for orphan in self.doubtful if is_certain(orphan)}
        self.doubtful = [orphan for orphan in self.doubtful if orphan not in believed]
        self.orphans += (replace(orphan, is_certain=True) for orphan in believed)
        self.orphans.sort(key=lambda orphan: (orphan.folder.path, orphan.name))


@dataclass(slots=True)
class BucketSurvey(OrphanSurvey):
    """A survey where pictures or thumbnails are in a bucket.

    Attributes:
        asked: what there should be of all pictures.
    """

    asked: AskedFor = field(default_factory=AskedFor)


def _emptied(count: int) -> str:
    stay = "1 thumbnail of it stays" if count == 1 else f"{count} thumbnails of it stay"
    return f"is empty, like a disk that is not mounted: {stay}"

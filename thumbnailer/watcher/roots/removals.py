"""The thumbnails of one root whose sources are gone: which there are, and their removal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from thumbnailer.config.settings import Settings
from thumbnailer.disk import files
from thumbnailer.model import Folder, Outcome, Source, Stop
from thumbnailer.scan.folders import thumbnail_folders
from thumbnailer.scan.gone_sources import GoneSources
from thumbnailer.thumbs.folders import THUMBS, Removal, output_folders, output_folders_of
from thumbnailer.thumbs.orphans.in_roots import SourcesInRoots
from thumbnailer.thumbs.orphans.of_sources import find_thumbnails_of
from thumbnailer.thumbs.orphans.orphan import Orphan, OrphanSurvey
from thumbnailer.thumbs.orphans.remove import remove_thumbnails
from thumbnailer.thumbs.orphans.source_folder import is_empty
from thumbnailer.thumbs.orphans.survey import find_orphans
from thumbnailer.watcher.threads.claims import Gate

# A function that is called with the name of an event and a message.
Tell = Callable[[str, str], None]

# So many orphans are removed even if they are all thumbnails of the folders that were checked. Not
# where the whole tree is checked.
_ALWAYS_REMOVED = 10


class Removals:
    """Finds and removes the orphans of one root.

    Args:
        path: the root.
        below: its folder in an output tree.
        settings: where thumbnails go, and which folders are scanned.
        tell: called with what is not removed.

    Its methods may wait for the disk, so they are called by other threads than the loop's.

    Attributes:
        gate: lets either thumbnails of its pictures be written, or some be removed.
    """

    def __init__(self, path: str, below: str, settings: Settings, tell: Tell) -> None:
        self._path, self._below, self._tell = path, below, tell
        self._choice = settings.choice
        self._output = os.fspath(settings.output) or None
        self._is_for_desktop = settings.is_for_desktop
        # Where each size of thumbnail is kept: below each folder, or in the output tree.
        sizes = self._sizes = list(settings.recipes)
        self._thumbs = [os.path.join(THUMBS, name).rstrip(os.sep) for name in sizes]
        self._trees = [os.path.join(name, below).rstrip(os.sep) for name in sizes]
        self._places = {path: self._trees}
        self.gate = Gate()
        self._to_survey: set[str] = set()  # folders that may have orphans
        self._is_surveyed = False  # whether all other folders have none
        self._told_empty: set[str] = set()  # empty folders whose thumbnails stay
        # Device and inode of each folder with pictures, and of those above it, by the path below
        # the root. One of these that is empty is no place of a disk that is not mounted.
        self._identities: dict[str, tuple[int, int] | None] = {}
        self._holding: set[str] = set()  # those of which that was found out since the last rescan

    def look_everywhere(self) -> None:
        """Look for orphans in all folders at the end of the next rescan."""
        self._is_surveyed = False

    def look_in(self, folder: str) -> None:
        """Look for orphans of a folder at the end of the next rescan."""
        self._to_survey.add(folder)

    def begin_rescan(self) -> None:
        """Forget which folders had pictures at the last rescan: `remember` tells it again."""
        self._holding.clear()

    def remember(self, folder: str) -> None:
        """Remember the identity of a folder that has pictures, and of those above it."""
        inner = files.folder_below(self._path, folder).below
        while inner:
            self._holding.add(inner)  # first, so that `orphans` keeps what follows
            self._identities[inner] = identity_of(os.path.join(self._path, inner))
            inner = os.path.dirname(inner)
            if inner in self._holding:
                break

    def gone_sources(self, stop: Stop) -> GoneSources:
        """Return what knows which pictures are gone, for those that have been moved."""
        return GoneSources({self._path: self._below}, self._output or "", stop)

    def thumbs_of(self, gone: Iterable[str]) -> Iterator[Folder | Removal]:
        """Yield the folders with thumbnails of some files and folders that are gone."""
        for path in gone:
            if self._output is None or self._is_for_desktop:
                yield from self.thumbnail_folders(os.path.dirname(path))
            else:
                inner = os.path.relpath(path, self._path)
                yield from output_folders_of(self._output, self._trees, inner)

    def gone_from(self, folder: str, stop: Stop) -> set[str]:
        """Return the pictures that a folder lacks, and of which it holds thumbnails."""
        if self._output is not None or self._is_for_desktop:  # they did not come with the folder
            return set()
        found = find_orphans(SourcesInRoots([self._path]), self.thumbnail_folders(folder), stop)
        return {orphan.source for orphan in found.orphans}

    def remove(self, orphans: Iterable[Orphan], stop: Stop | None = None) -> Iterator[Outcome]:
        """Remove some thumbnails whose sources are known to be gone."""
        return map(_outcome, self.gate.alone(remove_thumbnails(orphans, stop)))

    def orphans(self, is_intact: Callable[[], bool], stop: Stop) -> Iterator[Outcome]:
        """Remove the thumbnails whose sources are gone; call it at the end of a rescan.

        If these are more than half, a disk may not be mounted, and nothing is removed.

        Args:
            is_intact: returns whether the root is still the folder that was scanned.

        Raises:
            OutputError: the file system is read-only.
        """
        places: Iterable[Folder | Removal]
        to_survey, self._to_survey = self._to_survey, set()
        if self._is_surveyed:
            places = chain.from_iterable(map(self.thumbnail_folders, sorted(to_survey)))
        elif not self._choice.recursive:
            places = self.thumbnail_folders(self._path)
        elif self._output is None:
            places = thumbnail_folders([self._path], "", self._choice, stop=stop)
        else:
            output = self._output
            places = chain.from_iterable(output_folders(output, tree, stop) for tree in self._trees)
        for folder in list(self._told_empty):
            if not is_empty(folder):
                self._told_empty.discard(folder)
        findings = find_orphans(SourcesInRoots([self._path], self._places), places, stop)
        findings.believe(self._is_emptied)
        if stop.is_set() or not is_intact() or (self._output and is_empty(self._path)):
            self._to_survey |= to_survey
            return
        always_removed = 0 if not self._is_surveyed else _ALWAYS_REMOVED
        self._is_surveyed = True
        self._tell_of_doubtful(findings)
        for inner in list(self._identities):  # other threads may add to them
            if inner not in self._holding:
                self._identities.pop(inner)  # it holds no pictures, and its orphans are found
        orphaned, thumbnails = findings.orphaned, findings.thumbnails.total()
        if orphaned > always_removed and 2 * orphaned > thumbnails:
            self._tell(
                "orphans",
                f"{self._path}: {orphaned} of {thumbnails} thumbnails have no source any more, "
                "more than half: they stay (see thumbnailer prune)",
            )
            return
        yield from self.remove(findings.orphans, stop)

    def removed(self, gone: Mapping[str, bool], *, are_seen: bool) -> Iterator[Outcome]:
        """Remove the thumbnails of deleted files and folders, if these are really gone.

        Args:
            gone: their paths, each with whether it has moved to another place below the root.
            are_seen: whether each was seen to go by an event of its own.

        Raises:
            OutputError: the file system is read-only.
        """
        findings = find_thumbnails_of(
            gone,
            self._places,
            output=self._output,
            is_source_known=True,
            seen=gone if are_seen else None,
        )
        findings.believe(self._is_emptied)
        self._tell_of_doubtful(findings)
        yield from map(_outcome, findings.unknown)
        yield from self.remove(findings.orphans)

    def _is_emptied(self, orphan: Orphan) -> bool:
        """Return whether the empty folder above an orphan's source is the one that held it."""
        inner = orphan.empty_folder or ""
        identity = self._identities.get(inner)
        return identity is not None and identity == identity_of(os.path.join(self._path, inner))

    def _tell_of_doubtful(self, findings: OrphanSurvey) -> None:
        """Tell once of folders that are empty like the place of a disk that is not mounted.

        Their thumbnails are looked at again at each rescan, until the pictures are back, or the
        folders are gone, too.
        """
        self._to_survey.update(
            os.path.join(self._path, orphan.place.inner).rstrip(os.sep)
            for orphan in findings.doubtful
        )
        for kept in findings.kept("see thumbnailer prune --yes"):
            if kept.source not in self._told_empty:
                self._told_empty.add(kept.source)
                assert kept.error
                self._tell("orphans", f"{kept.source}: {kept.error.reason}")

    def thumbnail_folders(self, folder: str) -> list[Folder]:
        """Return the folders that hold the thumbnails of a folder's pictures."""
        inner = os.path.relpath(folder, self._path)
        inner = "" if inner == os.curdir else inner
        if self._is_for_desktop:
            return [Folder(self._output or "", size) for size in self._sizes]
        if self._output is None:
            return [Folder(self._path, os.path.join(inner, thumbs)) for thumbs in self._thumbs]
        return [
            Folder(self._output, os.path.join(tree, inner).rstrip(os.sep)) for tree in self._trees
        ]


def identity_of(path: str) -> tuple[int, int] | None:
    """Return the device and inode of a folder; None if it is missing."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _outcome(removal: Removal) -> Outcome:
    source = Source(removal.source or removal.thumbnail, 0, 0)
    if removal.error:
        return Outcome(source, "failed", error=removal.error)
    return Outcome(source, "removed")

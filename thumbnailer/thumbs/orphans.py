"""Find and remove orphans: thumbnails whose sources are gone, or have another one by now.

A source is gone if the system reports that it does not exist. After any other error, such as
"permission denied" or "input/output error", this is unknown, and the thumbnail is kept.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import groupby, islice
from typing import NamedTuple, Self

from thumbnailer.disk import files, new_files
from thumbnailer.errors import OutputError
from thumbnailer.model import FATAL_ERRNOS, Failure, Folder, Stop
from thumbnailer.thumbs.folders import (
    THUMBS,
    Removal,
    output_folders,
    size_folders,
    unreadable_folder,
)
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.entries import Ledger
from thumbnailer.thumbs.ledger.lines import MARK, removal_line

# So many orphans are removed under one lock, for which a `make` beside may have to wait.
_BATCH = 5000


class SourcePlace(NamedTuple):
    """Where a source is, or was: `root` is trusted, and no link in `inner` is followed.

    Attributes:
        inner: the path of its folder, relative to `root`.
        name: its file name.
    """

    root: str
    inner: str
    name: str

    @property
    def path(self) -> str:
        return os.path.join(self.inner, self.name)


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


class SourceFolder:
    """The folder of a source, or the nearest one above it that is still there, held open.

    Attributes:
        nearest: the path of the folder that is open, relative to the root.
    """

    def __init__(self, place: SourcePlace, nearest: str, opened: files.OpenFolder) -> None:
        self._place, self.nearest, self._opened = place, nearest, opened

    def is_gone(self, name: str) -> bool:
        """Return whether no file is there; a link counts as one even if its target is missing.

        Raises:
            OSError: this can't be determined.
        """
        if self.nearest != self._place.inner:
            return True
        try:
            return stat.S_ISDIR(files.status_of(self._opened, name).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return True

    @cached_property
    def is_empty(self) -> bool:
        """Whether the folder that is open is empty; False if it can't be read."""
        folder = Folder(self._place.root, self.nearest)
        with (
            suppress(OSError),
            files.open_folder(folder) as opened,
            files.scan_folder(opened) as entries,
        ):
            return next(entries, None) is None
        return False


@contextmanager
def open_source_folder(place: SourcePlace) -> Iterator[SourceFolder]:
    """Hold the folder of a source open, or the nearest one above it that is still there.

    Raises:
        LinkRefused: a folder on the way is a link.
        OSError: the root is missing, or a folder can't be opened.
    """
    nearest = place.inner
    with ExitStack() as stack:
        while True:
            folder = Folder(place.root, nearest)
            try:
                opened = stack.enter_context(files.open_folder(folder, to_list=False))
                break
            except (FileNotFoundError, NotADirectoryError):
                if not nearest:
                    raise
                nearest = os.path.dirname(nearest)
        yield SourceFolder(place, nearest, opened)


def find_orphans(
    roots: Iterable[str],
    folders: Iterable[Folder | Removal],
    stop: Stop | None = None,
    *,
    places: Mapping[str, Sequence[str]] | None = None,
    wanted: Callable[[SourcePlace], bool] | None = None,
) -> OrphanSurvey:
    """Find thumbnails whose sources are no longer in the roots.

    The arguments are those of `survey_folders`."""
    findings = OrphanSurvey()
    for found in survey_folders(roots, folders, stop, places=places, wanted=wanted):
        findings.add(found)
    return findings


def survey_folders(
    roots: Iterable[str],
    folders: Iterable[Folder | Removal],
    stop: Stop | None = None,
    *,
    places: Mapping[str, Sequence[str]] | None = None,
    wanted: Callable[[SourcePlace], bool] | None = None,
) -> Iterator[OrphanSurvey]:
    """Yield a survey of each thumbnail folder; only thumbnails of pictures in the roots count.

    A picture behind a link to a folder is in no root, unless its thumbnail can only be one of the
    root's: then the folder has been replaced by the link, and the picture is gone.

    Args:
        roots: folders, or single pictures; the pictures may exist or be gone.
        folders: thumbnail folders to survey; a `Removal` is passed on as unknown.
        stop: once it is set, the survey ends.
        places: each root with its folders in the output tree, if these are known.
        wanted: tells which sources are looked for; None for all.
    """
    seen = set()
    with _Sources(roots, places or {}, wanted) as sources:
        for folder in folders:
            if stop and stop.is_set():
                break
            if isinstance(folder, Removal):
                yield OrphanSurvey(unknown=[folder])
                continue
            try:
                known = ledger_file.read(folder)
            except OSError as error:
                yield OrphanSurvey(unknown=[unreadable_folder(folder.path, error)])
                continue
            if known is not None and (real := os.path.realpath(folder.path)) not in seen:
                seen.add(real)
                yield _survey(folder, known, sources, stop)


def _survey(folder: Folder, known: Ledger, sources: _Sources, stop: Stop | None) -> OrphanSurvey:
    """Survey one thumbnail folder by its ledger."""
    findings = OrphanSurvey()
    for name, origin in known.origins():
        if stop and stop.is_set():
            break
        source = ledger_file.source_path(folder, origin)
        if source is None or name == MARK or not files.is_plain_name(name):
            continue  # None: buckets are not asked whether an object still exists
        with suppress(ValueError):  # a NUL in a line that thumbnailer did not write
            if not (found := sources.find(source, folder)):
                continue
            path = os.path.join(folder.path, name)
            size_bytes = files.length_at(path) if known.has_file(name) else None
            is_ours = size_bytes is None or known.owns(name, size_bytes)
            if not is_ours:
                size_bytes = None
            is_gone, empty = False, None
            try:
                is_gone, empty = sources.look(found.place)
                if known.is_superseded(name):
                    is_gone, empty = True, None
            except files.LinkRefused:
                if not found.is_placed:
                    continue
                is_gone = True
            except OSError as error:
                if size_bytes is not None:
                    failure = Failure("scan", f"{source} can't be looked for: {error.strerror}")
                    findings.unknown.append(Removal(path, source, "kept", failure))
            findings.thumbnails[found.root] += size_bytes is not None
            findings.size_bytes += size_bytes or 0
            if is_gone:
                orphan = Orphan(folder, name, origin, source, found.place, size_bytes)
                orphan = replace(orphan, empty_folder=empty, is_behind_links=found.is_placed)
                (findings.orphans if empty is None else findings.doubtful).append(orphan)
                if not is_ours:
                    failure = Failure("scan", "has been changed since thumbnailer made it")
                    findings.unknown.append(Removal(path, source, "kept", failure))
    return findings


class _FoundSource(NamedTuple):
    """A source in a root: as that was named, and whether its thumbnail can only be the root's."""

    root: str
    place: SourcePlace
    is_placed: bool


class _Sources:
    """Finds sources in roots, and looks for them; holds the folder of the last one open.

    The arguments are those of `survey_folders`.
    """

    def __init__(
        self,
        roots: Iterable[str],
        places: Mapping[str, Sequence[str]],
        wanted: Callable[[SourcePlace], bool] | None,
    ) -> None:
        roots = list(roots)
        self._places, self._wanted = places, wanted
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

    def find(self, source: str, folder: Folder) -> _FoundSource | None:
        """Return a source with its place; None if it is in no root, or is not wanted.

        Args:
            folder: where its thumbnail is.
        """
        above, name = os.path.split(source)
        absolute, real, located = self._locate(above)
        for roots, path in ((self._roots, absolute), (self._real_roots, real)):
            if root := roots.get(os.path.join(path, name)):  # a single picture
                return _FoundSource(root, SourcePlace(above, "", name), False)
        if located is None:
            return None
        root, inner = located
        place = SourcePlace(root, inner, name)
        if self._wanted and not self._wanted(place):
            return None
        trees = self._places.get(root, ())
        is_placed = any(folder.below == os.path.join(tree, inner).rstrip(os.sep) for tree in trees)
        return _FoundSource(root, place, is_placed)

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

    def _located(self, folder: str) -> tuple[str, str, tuple[str, str] | None]:
        """Return a folder's absolute and real path, and its root with its path in that."""
        absolute, real = os.path.abspath(folder), os.path.realpath(folder)
        for roots, path in ((self._roots, absolute), (self._real_roots, real)):
            if (above := _root_of(path, roots)) is not None:
                return absolute, real, (roots[above], path[len(above) :].strip(os.sep))
        return absolute, real, None


def _root_of(path: str, roots: Mapping[str, str]) -> str | None:
    """Return the innermost of the roots that contains a path; None if none does."""
    while path not in roots:
        above = os.path.dirname(path)
        if above == path:
            return None
        path = above
    return path


def remove_orphans(orphans: Iterable[Orphan], stop: Stop | None = None) -> Iterator[Removal]:
    """Remove orphans whose sources are still gone, and thumbnail folders that are empty then.

    The file is removed before its ledger line: a kill in between leaves a line without a file,
    which counts as a missing thumbnail.

    Raises:
        OutputError: the file system is read-only.
    """
    for folder, group in groupby(orphans, key=lambda orphan: orphan.folder):
        if stop and stop.is_set():
            return
        removals: list[Removal] = []
        try:
            _remove_from(folder, group, removals, stop)
        except FileNotFoundError:  # another process has removed the folder
            pass
        except OSError as error:
            if error.errno in FATAL_ERRNOS:
                yield from removals
                raise OutputError(f"stopped early: {folder.path}: {error.strerror}") from error
            removals.append(unreadable_folder(folder.path, error))
        yield from removals


def _remove_from(
    folder: Folder, orphans: Iterable[Orphan], removals: list[Removal], stop: Stop | None
) -> None:
    pending = iter(orphans)
    with files.open_folder(folder) as opened:
        for batch in iter(lambda: list(islice(pending, _BATCH)), []):
            with ledger_file.locked(opened) as locked:
                _remove_batch(opened, locked, batch, removals, stop)
        new_files.remove_stale_temporaries(opened)
    ledger_file.remove_if_empty(folder, _removable_levels(folder))


def _remove_batch(
    opened: files.OpenFolder,
    locked: ledger_file.LockedLedger,
    orphans: Iterable[Orphan],
    removals: list[Removal],
    stop: Stop | None,
) -> None:
    """Remove some orphans of a folder; a `make` that runs beside has to wait meanwhile."""
    known, gone = locked.read(), []
    origins = dict(known.origins())
    try:
        for orphan in orphans:
            if stop and stop.is_set():
                break
            if origins.get(orphan.name) != orphan.origin:
                continue  # the name now belongs to another source's thumbnail
            try:
                if not orphan.is_still_gone() and not known.is_superseded(orphan.name):
                    continue
                length = files.length(opened, orphan.name)
                is_ours = length is not None and known.owns(orphan.name, length)
                if is_ours:
                    files.remove(opened, orphan.name)
            except OSError as error:
                if error.errno in FATAL_ERRNOS:
                    raise
                failure = Failure("write", error.strerror or str(error))
                removals.append(Removal(orphan.path, orphan.source, "failed", failure))
                continue
            gone.append(orphan.name)
            if orphan.file_exists and is_ours:
                removals.append(Removal(orphan.path, orphan.source, "removed"))
    finally:
        with suppress(OSError):  # a full disk needs pruning, but may refuse the lines
            locked.append(map(removal_line, gone))


def _removable_levels(folder: Folder) -> int:
    """Return how many folders, from this one upwards, may be removed, even without a ledger."""
    if ledger_file.own_names(folder.anchor) is None:  # an output tree without other files
        return len(folder.below.split(os.sep))
    return 1 if os.path.basename(folder.below) == THUMBS else 2


def remove_thumbnails_of(
    paths: Iterable[str],
    places: Mapping[str, Sequence[str]],
    *,
    output: str | None = None,
    is_source_known: bool = False,
) -> Iterator[Removal]:
    """Remove the thumbnails of some sources, files or whole folders, if these are gone.

    The arguments are those of `find_thumbnails_of`.

    Raises:
        OutputError: the file system is read-only.
    """
    findings = find_thumbnails_of(paths, places, output=output, is_source_known=is_source_known)
    yield from findings.unknown
    yield from findings.kept("see thumbnailer prune")
    yield from remove_orphans(findings.orphans)


def find_thumbnails_of(
    paths: Iterable[str],
    places: Mapping[str, Sequence[str]],
    *,
    output: str | None = None,
    is_source_known: bool = False,
    seen: Mapping[str, bool] | None = None,
) -> OrphanSurvey:
    """Find the thumbnails of some sources, files or whole folders, that are gone.

    None is found for a SOURCE that is missing, or is empty while its thumbnails are in an output
    tree: a disk that is not mounted looks like this.

    Args:
        paths: the files and folders that are gone, spelled like the SOURCE that they were in.
        places: each SOURCE with its folders in the output tree, one for each size.
        output: the root folder of the output tree; None for `thumbs` folders.
        is_source_known: whether an empty SOURCE is known to be the one that held the pictures.
        seen: those of the paths that were seen to go by events of their own, so that none was on a
            disk that was unmounted: what is known of each, even if a folder above it is empty now.
            True if it is known of all that was below it, too, even if a folder is there again.
    """
    roots = {os.path.abspath(root): root for root in places}
    wanted: dict[str, dict[str, bool]] = {}
    folders: dict[Folder | Removal, None] = {}
    beside: dict[Folder, list[Folder]] = {}
    for path in paths:
        above = _root_of(os.path.dirname(os.path.abspath(path)), roots)
        root = roots.get(above or "")
        if (
            root is None
            or not os.path.isdir(root)
            or (output is not None and not is_source_known and is_empty(root))
        ):
            continue
        inner = os.path.relpath(path, root)
        if output is None:
            folder = Folder(root, os.path.dirname(inner))
            if folder not in beside:
                # If it is gone, its thumbnails are gone with it.
                thumbs = Folder(root, os.path.join(folder.below, THUMBS))
                beside[folder] = [*size_folders(thumbs)] if _is_there(folder) else []
            folders |= dict.fromkeys(beside[folder])
        else:
            for place in places[root]:
                below = os.path.join(place, inner)
                folders |= dict.fromkeys(output_folders(output, below))
                folders[Folder(output, os.path.dirname(below))] = None
        wanted.setdefault(root, {})[inner] = bool(seen and seen.get(path))

    def wanted_paths(place: SourcePlace) -> Iterator[str]:
        path, of_root = place.path, wanted.get(place.root, {})
        while path:
            if path in of_root:
                yield path
            path = os.path.dirname(path)

    def is_certain(orphan: Orphan) -> bool:
        empty = orphan.empty_folder or ""
        if is_source_known and not empty:
            return True
        of_root, ways = wanted[orphan.place.root], wanted_paths(orphan.place)
        return any(of_root[path] or len(path) > len(empty) for path in ways) and seen is not None

    findings = find_orphans(
        wanted, folders, places=places, wanted=lambda place: any(wanted_paths(place))
    )
    findings.believe(is_certain)
    return findings


def _is_there(folder: Folder) -> bool:
    """Return whether a folder is there, and not behind a link; True if it can't be determined."""
    try:
        with files.open_folder(folder, to_list=False):
            return True
    except (FileNotFoundError, NotADirectoryError, files.LinkRefused):
        return False
    except OSError:
        return True


def is_empty(path: str) -> bool:
    """Return whether a folder is empty; False if it can't be read."""
    with suppress(OSError), os.scandir(path) as entries:
        return next(entries, None) is None
    return False

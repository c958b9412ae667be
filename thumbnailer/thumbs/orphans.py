"""Find and remove orphans: thumbnails whose sources are gone, or have another one by now.

A source is gone if the system reports that it does not exist. After any other error, such as
"permission denied" or "input/output error", this is unknown, and the thumbnail is kept.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby, islice

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


@dataclass(frozen=True, slots=True)
class Orphan:
    """A thumbnail whose source is gone.

    Attributes:
        origin: the source's path relative to `folder`.
        source: the source's path.
        size_bytes: the thumbnail's length; None if only its line in the ledger is left.
    """

    folder: Folder
    name: str
    origin: str
    source: str
    size_bytes: int | None = None

    @property
    def file_exists(self) -> bool:
        return self.size_bytes is not None

    @property
    def path(self) -> str:
        return os.path.join(self.folder.path, self.name)


@dataclass(slots=True)
class OrphanSurvey:
    """Thumbnails and orphans found in some thumbnail folders.

    Attributes:
        thumbnails: number of thumbnails of the pictures in each root.
        orphans: thumbnails whose source is gone; those of one folder are adjacent.
        unknown: thumbnails whose source's state is unknown, and folders that can't be read.
        size_bytes: total length of all thumbnails.
    """

    thumbnails: Counter[str] = field(default_factory=Counter)
    orphans: list[Orphan] = field(default_factory=list)
    unknown: list[Removal] = field(default_factory=list)
    size_bytes: int = 0

    @property
    def orphaned(self) -> int:
        """Number of existing thumbnails whose source is gone."""
        return sum(orphan.file_exists for orphan in self.orphans)

    def add(self, others: OrphanSurvey) -> None:
        """Add the counts and findings of another survey."""
        self.thumbnails += others.thumbnails
        self.orphans += others.orphans
        self.unknown += others.unknown
        self.size_bytes += others.size_bytes


def find_orphans(
    roots: Iterable[str], folders: Iterable[Folder | Removal], stop: Stop | None = None
) -> OrphanSurvey:
    """Find thumbnails whose sources are no longer in the roots.

    The arguments are those of `survey_folders`."""
    findings = OrphanSurvey()
    for found in survey_folders(roots, folders, stop):
        findings.add(found)
    return findings


def survey_folders(
    roots: Iterable[str], folders: Iterable[Folder | Removal], stop: Stop | None = None
) -> Iterator[OrphanSurvey]:
    """Yield a survey of each thumbnail folder; only thumbnails of pictures in the roots count.

    Args:
        roots: folders, or single pictures; the pictures may exist or be gone.
        folders: thumbnail folders to survey; a `Removal` is passed on as unknown.
        stop: once it is set, the survey ends.
    """
    root_of, seen = _root_finder(roots), set()
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
            yield _survey(folder, known, root_of, stop)


def _survey(
    folder: Folder, known: Ledger, root_of: Callable[[str], str | None], stop: Stop | None
) -> OrphanSurvey:
    """Survey one thumbnail folder by its ledger."""
    findings = OrphanSurvey()
    for name, origin in known.origins():
        if stop and stop.is_set():
            break
        source = ledger_file.source_path(folder, origin)
        if source is None or name == MARK or not files.is_plain_name(name):
            continue  # None: buckets are not asked whether an object still exists
        with suppress(ValueError):  # a NUL in a line that thumbnailer did not write
            if (root := root_of(source)) is None:
                continue
            orphan = Orphan(folder, name, origin, source)
            size_bytes = files.length_at(orphan.path) if known.has_file(name) else None
            is_ours = size_bytes is None or known.owns(name, size_bytes)
            if not is_ours:
                size_bytes = None
            findings.thumbnails[root] += size_bytes is not None
            findings.size_bytes += size_bytes or 0
            try:
                if is_gone(source) or known.is_superseded(name):
                    findings.orphans.append(replace(orphan, size_bytes=size_bytes))
                    if not is_ours:
                        failure = Failure("scan", "has been changed since thumbnailer made it")
                        findings.unknown.append(Removal(orphan.path, source, "kept", failure))
            except OSError as error:
                if size_bytes is not None:
                    failure = Failure("scan", f"{source} can't be looked for: {error.strerror}")
                    findings.unknown.append(Removal(orphan.path, source, "kept", failure))
    return findings


def _root_finder(roots: Iterable[str]) -> Callable[[str], str | None]:
    """Return a function that finds the innermost root with a path, links to it resolved."""
    real_roots = {os.path.realpath(root): root for root in roots}

    @lru_cache  # nearly all thumbnails of a folder have their sources in one folder
    def root_of_folder(folder: str) -> tuple[str, str | None]:
        real = os.path.realpath(folder)
        return real, _root_of(real, real_roots)

    def root_of(path: str) -> str | None:
        folder, name = os.path.split(path)
        real, root = root_of_folder(folder)
        return real_roots.get(os.path.join(real, name), root)

    return root_of


def is_gone(path: str) -> bool:
    """Return whether no file is at a path; a link counts as one even if its target is missing.

    Raises:
        OSError: this can't be determined.
    """
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True


def _root_of(path: str, roots: Mapping[str, str]) -> str | None:
    """Return the innermost root that contains a path; None if none does."""
    while path not in roots:
        above = os.path.dirname(path)
        if above == path:
            return None
        path = above
    return roots[path]


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
                if not is_gone(orphan.source) and not known.is_superseded(orphan.name):
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

    Nothing is removed for a SOURCE that is missing, or is empty while its thumbnails are in an
    output tree: a disk that is not mounted looks like this.

    Args:
        paths: the files and folders that are gone, spelled like the SOURCE that they were in.
        places: each SOURCE with its folders in the output tree, one for each size.
        output: the root folder of the output tree; None for `thumbs` folders.
        is_source_known: whether an empty SOURCE is known to be the one that held the pictures.

    Raises:
        OutputError: the file system is read-only.
    """
    roots = {os.path.abspath(root): root for root in places}
    wanted: list[str] = []
    folders: dict[Folder | Removal, None] = {}
    for path in paths:
        root = _root_of(os.path.dirname(os.path.abspath(path)), roots)
        if (
            root is None
            or not os.path.isdir(root)
            or (output is not None and not is_source_known and is_empty(root))
        ):
            continue
        wanted.append(path)
        inner = os.path.relpath(path, root)
        if output is None:
            thumbs = Folder(root, os.path.join(os.path.dirname(inner), THUMBS))
            folders |= dict.fromkeys(size_folders(thumbs))
            continue
        for place in places[root]:
            below = os.path.join(place, inner)
            folders |= dict.fromkeys(output_folders(output, below))
            folders[Folder(output, os.path.dirname(below))] = None
    findings = find_orphans(wanted, folders)
    yield from findings.unknown
    yield from remove_orphans(findings.orphans)


def is_empty(path: str) -> bool:
    """Return whether a folder is empty; False if it can't be read."""
    with suppress(OSError), os.scandir(path) as entries:
        return next(entries, None) is None
    return False

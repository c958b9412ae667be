"""Remove thumbnails, after a look whether each is still due, and folders that are empty then."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby, islice

from thumbnailer.disk import files, new_files
from thumbnailer.errors import OutputError, shortened
from thumbnailer.model import FATAL_ERRNOS, Failure, Folder, Stop
from thumbnailer.thumbs.folders import THUMBS, Removal, unreadable_folder
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.lines import removal_line
from thumbnailer.thumbs.orphans.orphan import OwnThumbnail, ask_again

# So many thumbnails are removed under one lock, for which a `make` beside may have to wait.
_BATCH = 5000


def remove_thumbnails(
    thumbnails: Iterable[OwnThumbnail], stop: Stop | None = None
) -> Iterator[Removal]:
    """Remove thumbnails that are still due, and thumbnail folders that are empty then.

    The file is removed before its ledger line: a kill in between leaves a line without a file,
    which counts as a missing thumbnail.

    Raises:
        OutputError: the file system is read-only.
    """
    for folder, group in groupby(thumbnails, key=lambda one: one.folder):
        if stop and stop.is_set():
            return
        removals: list[Removal] = []
        try:
            with tell_errors(folder, removals):
                with files.open_folder(folder) as opened:
                    remove_in(opened, group, removals, stop)
                ledger_file.remove_if_empty(folder, removable_levels(folder))
        finally:
            yield from removals


@contextmanager
def tell_errors(folder: Folder, removals: list[Removal]) -> Iterator[None]:
    """Add to the removals that a folder can't be read or changed; pass over one that is gone.

    Raises:
        OutputError: the file system is read-only.
    """
    try:
        yield
    except FileNotFoundError:  # another process has removed the folder
        pass
    except OSError as error:
        if error.errno in FATAL_ERRNOS:
            raise OutputError(
                f"stopped early: {shortened(folder.path)}: {error.strerror}"
            ) from error
        removals.append(unreadable_folder(folder.path, error))


def remove_in(
    opened: files.OpenFolder,
    thumbnails: Iterable[OwnThumbnail],
    removals: list[Removal],
    stop: Stop | None,
) -> None:
    """Remove thumbnails of one folder, which is open, and what dead writers left there.

    Args:
        removals: the results are added to these, also before an exception.

    Raises:
        OSError: the folder can't be read or changed.
    """
    pending = iter(thumbnails)
    for batch in iter(lambda: list(islice(pending, _BATCH)), []):
        ask_again(batch)
        with ledger_file.locked(opened) as locked:
            _remove_batch(opened, locked, batch, removals, stop)
    new_files.remove_stale_temporaries(opened)


def _remove_batch(
    opened: files.OpenFolder,
    locked: ledger_file.LockedLedger,
    thumbnails: Iterable[OwnThumbnail],
    removals: list[Removal],
    stop: Stop | None,
) -> None:
    """Remove some thumbnails of a folder; a `make` that runs beside has to wait meanwhile."""
    known, gone = locked.read(), []
    origins = dict(known.origins())
    try:
        for one in thumbnails:
            if stop and stop.is_set():
                break
            if origins.get(one.name) != one.origin:
                continue  # the name now belongs to another source's thumbnail
            try:
                if not one.is_due(known):
                    continue
                length = files.length(opened, one.name)
                is_ours = length is not None and known.owns(one.name, length)
                if is_ours:
                    files.remove(opened, one.name)
            except OSError as error:
                if error.errno in FATAL_ERRNOS:
                    raise
                failure = Failure("write", error.strerror or str(error))
                removals.append(Removal(one.path, one.source, "failed", failure))
                continue
            gone.append(one.name)
            if one.file_exists and is_ours:
                removals.append(Removal(one.path, one.source, "removed"))
    finally:
        with suppress(OSError):  # a full disk needs pruning, but may refuse the lines
            locked.append(map(removal_line, gone))


def removable_levels(folder: Folder) -> int:
    """Return how many folders, from this one upwards, may be removed, even without a ledger."""
    if ledger_file.own_names(folder.anchor) is None:  # an output tree without other files
        return len(folder.below.split(os.sep))
    return 1 if os.path.basename(folder.below) == THUMBS else 2

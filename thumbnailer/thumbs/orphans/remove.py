"""Remove orphans, after a look whether each still is one, and folders that are empty then."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby, islice

from thumbnailer.disk import files, new_files
from thumbnailer.errors import OutputError
from thumbnailer.model import FATAL_ERRNOS, Failure, Folder, Stop
from thumbnailer.thumbs.folders import THUMBS, Removal, unreadable_folder
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.lines import removal_line
from thumbnailer.thumbs.orphans.orphan import Orphan

# So many orphans are removed under one lock, for which a `make` beside may have to wait.
_BATCH = 5000


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

"""Survey thumbnail folders by their ledgers: which thumbnails have lost their source.

A source is gone if the system reports that it does not exist. After any other error, such as
"permission denied" or "input/output error", this is unknown, and the thumbnail is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from thumbnailer.disk import files
from thumbnailer.model import Failure, Folder, Stop
from thumbnailer.thumbs.folders import Removal, unreadable_folder
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.entries import Ledger
from thumbnailer.thumbs.ledger.lines import MARK
from thumbnailer.thumbs.orphans.in_roots import SourcesInRoots
from thumbnailer.thumbs.orphans.orphan import Orphan, OrphanSurvey
from thumbnailer.thumbs.orphans.source_folder import SourcePlace


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
    with SourcesInRoots(roots, places or {}, wanted) as sources:
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


def _survey(
    folder: Folder, known: Ledger, sources: SourcesInRoots, stop: Stop | None
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

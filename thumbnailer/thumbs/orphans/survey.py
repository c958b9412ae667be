"""Survey thumbnail folders by their ledgers: which thumbnails have lost their source, or are stale.

A source is gone if the system reports that it does not exist. After any other error, such as
"permission denied" or "input/output error", this is unknown, and the thumbnail is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Any

from thumbnailer.disk import files
from thumbnailer.model import Failure, Folder, Stop
from thumbnailer.thumbs.folders import Removal, unreadable_folder
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.entries import Ledger
from thumbnailer.thumbs.ledger.lines import MARK
from thumbnailer.thumbs.orphans.in_roots import FoundSource, SourcesInRoots
from thumbnailer.thumbs.orphans.orphan import (
    Orphan,
    OrphanSurvey,
    OwnThumbnail,
    PresentThumbnail,
)
from thumbnailer.urls import is_url

# Tells which thumbnails of one folder no setting asks for, though their sources are there.
FindStale = Callable[[list[PresentThumbnail]], Iterable[PresentThumbnail]]

_FIELDS = tuple(one.name for one in fields(OwnThumbnail))


def find_orphans(
    sources: SourcesInRoots,
    folders: Iterable[Folder | Removal],
    stop: Stop | None = None,
    *,
    find_stale: FindStale | None = None,
) -> OrphanSurvey:
    """Find thumbnails whose sources are no longer in the roots, and stale ones.

    The arguments are those of `survey_folders`."""
    findings = OrphanSurvey()
    for found in survey_folders(sources, folders, stop, find_stale=find_stale):
        findings.add(found)
    return findings


def survey_folders(
    sources: SourcesInRoots,
    folders: Iterable[Folder | Removal],
    stop: Stop | None = None,
    *,
    find_stale: FindStale | None = None,
) -> Iterator[OrphanSurvey]:
    """Yield a survey of each thumbnail folder; only thumbnails of pictures in the roots count.

    A picture behind a link to a folder is in no root, unless its thumbnail can only be one of the
    root's: then the folder has been replaced by the link, and the picture is gone.

    Args:
        sources: finds the pictures in the roots.
        folders: thumbnail folders to survey; a `Removal` is passed on as unknown.
        stop: once it is set, the survey ends.
        find_stale: tells which thumbnails are stale; None if none is to count as that.
    """
    with sources:
        for one in read_ledgers(folders, stop):
            if isinstance(one, Removal):
                yield OrphanSurvey(unknown=[one])
                continue
            folder, known = one
            if known is None:
                continue
            findings, present = OrphanSurvey(), list[PresentThumbnail]()
            for own, found in asked_together(own_thumbnails(folder, known, sources, stop), sources):
                is_superseded = known.is_superseded(own.name)
                if judge(own, found, sources, findings, is_superseded=is_superseded) and find_stale:
                    present.append(PresentThumbnail(**fields_of(own), entry=known.get(own.name)))
            if find_stale and not (stop and stop.is_set()):
                findings.stale += find_stale(present)
            yield findings


def read_ledgers(
    folders: Iterable[Folder | Removal], stop: Stop | None
) -> Iterator[tuple[Folder, Ledger | None] | Removal]:
    """Yield each folder once, with its ledger if it has one, or what can't be read."""
    seen = set()
    for folder in folders:
        if stop and stop.is_set():
            break
        if isinstance(folder, Removal):
            yield folder
            continue
        try:
            known = ledger_file.read(folder)
        except OSError as error:
            yield unreadable_folder(folder.path, error)
            continue
        if (real := os.path.realpath(folder.path)) not in seen:
            seen.add(real)
            yield folder, known


def own_thumbnails(
    folder: Folder, known: Ledger, sources: SourcesInRoots, stop: Stop | None
) -> Iterator[tuple[OwnThumbnail, FoundSource]]:
    """Yield what a folder's ledger names, as far as the sources are, or were, in the roots."""
    for name, origin in known.origins():
        if stop and stop.is_set():
            break
        if not sources.may_want(origin):
            continue
        source = ledger_file.source_path(folder, origin) or origin  # a URL
        if name == MARK or not files.is_plain_name(name):
            continue
        if not files.is_possible_path(source):  # in a line that thumbnailer did not write
            continue
        if found := sources.find(source, folder):
            path = os.path.join(folder.path, name)
            size_bytes = files.length_at(path) if known.has_file(name) else None
            is_changed = size_bytes is not None and not known.owns(name, size_bytes)
            size_bytes = None if is_changed else size_bytes
            one = OwnThumbnail(folder, name, origin, source, found.place, size_bytes, is_changed)
            yield one, found


def asked_together(
    found: Iterable[tuple[OwnThumbnail, FoundSource]], sources: SourcesInRoots
) -> Iterator[tuple[OwnThumbnail, FoundSource]]:
    """Yield thumbnails with their sources; last those whose objects must be asked for, together."""
    unlisted, remote = [], sources.remote
    for own, source in found:
        if remote and is_url(own.source) and not remote.is_listed(own.source):
            unlisted.append((own, source))
        else:
            yield own, source
    if remote:
        remote.ask([own.source for own, _ in unlisted])
    yield from unlisted


def judge(
    own: OwnThumbnail,
    found: FoundSource,
    sources: SourcesInRoots,
    findings: OrphanSurvey,
    *,
    is_superseded: bool = False,
) -> bool:
    """Add a thumbnail to the findings; return whether it is ours, and its source there.

    Args:
        is_superseded: whether another thumbnail of its source has the plain name by now.
    """
    is_gone, empty, is_known = False, None, True
    remote = sources.remote if is_url(own.source) else None
    try:
        is_gone, empty = (remote.is_gone(own.source), None) if remote else sources.look(own.place)
        if is_superseded:
            is_gone, empty = True, None
    except files.LinkRefused:
        if not found.is_placed:
            return False
        is_gone = True
    except OSError as error:
        is_known = False
        if own.file_exists:
            failure = Failure("scan", f"{own.source} can't be looked for: {error.strerror}")
            findings.unknown.append(Removal(own.path, own.source, "kept", failure))
    findings.thumbnails[found.root] += own.file_exists
    findings.size_bytes += own.size_bytes or 0
    if is_gone:
        orphan = Orphan(
            **fields_of(own), empty_folder=empty, is_behind_links=found.is_placed, remote=remote
        )
        (findings.orphans if empty is None else findings.doubtful).append(orphan)
        if own.is_changed:
            findings.unknown.append(own.kept_as_changed())
    return is_known and not is_gone and not own.is_changed


def fields_of(own: OwnThumbnail) -> dict[str, Any]:
    """Return the fields that all kinds of thumbnails have."""
    return {name: getattr(own, name) for name in _FIELDS}

"""Survey thumbnail folders by their ledgers: which thumbnails have lost their source, or are stale.

A source is gone if the system reports that it does not exist. After any other error, such as
"permission denied" or "input/output error", this is unknown, and the thumbnail is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from thumbnailer.disk import files
from thumbnailer.model import Failure, Folder, Stop
from thumbnailer.thumbs.folders import Removal, unreadable_folder
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.entries import Ledger
from thumbnailer.thumbs.ledger.lines import MARK
from thumbnailer.thumbs.orphans.in_roots import FoundSource, SourcesInRoots, Wanted
from thumbnailer.thumbs.orphans.orphan import (
    Orphan,
    OrphanSurvey,
    OwnThumbnail,
    PresentThumbnail,
)
from thumbnailer.thumbs.orphans.source_folder import SourcePlace

# Tells which thumbnails of one folder no setting asks for, though their sources are there.
FindStale = Callable[[list[PresentThumbnail]], Iterable[PresentThumbnail]]


def find_orphans(
    roots: Iterable[str],
    folders: Iterable[Folder | Removal],
    stop: Stop | None = None,
    *,
    places: Mapping[str, Sequence[str]] | None = None,
    wanted: Wanted | None = None,
    find_stale: FindStale | None = None,
) -> OrphanSurvey:
    """Find thumbnails whose sources are no longer in the roots, and stale ones.

    The arguments are those of `survey_folders`."""
    findings = OrphanSurvey()
    for found in survey_folders(
        roots, folders, stop, places=places, wanted=wanted, find_stale=find_stale
    ):
        findings.add(found)
    return findings


def survey_folders(
    roots: Iterable[str],
    folders: Iterable[Folder | Removal],
    stop: Stop | None = None,
    *,
    places: Mapping[str, Sequence[str]] | None = None,
    wanted: Wanted | None = None,
    find_stale: FindStale | None = None,
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
        find_stale: tells which thumbnails are stale; None if none is to count as that.
    """
    with SourcesInRoots(roots, places or {}, wanted) as sources:
        for one in read_ledgers(folders, stop):
            if isinstance(one, Removal):
                yield OrphanSurvey(unknown=[one])
                continue
            folder, known = one
            if known is None:
                continue
            findings, present = OrphanSurvey(), list[PresentThumbnail]()
            for own, found in own_thumbnails(folder, known, sources, stop):
                if _judge(own, found, known, sources, findings) and find_stale:
                    present.append(PresentThumbnail(*_fields(own), known.get(own.name)))
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
        source = ledger_file.source_path(folder, origin)
        if source is None or name == MARK or not files.is_plain_name(name):
            continue  # None: buckets are not asked whether an object still exists
        if not files.is_possible_path(source):  # in a line that thumbnailer did not write
            continue
        if found := sources.find(source, folder):
            path = os.path.join(folder.path, name)
            size_bytes = files.length_at(path) if known.has_file(name) else None
            is_changed = size_bytes is not None and not known.owns(name, size_bytes)
            size_bytes = None if is_changed else size_bytes
            one = OwnThumbnail(folder, name, origin, source, found.place, size_bytes, is_changed)
            yield one, found


def _judge(
    own: OwnThumbnail,
    found: FoundSource,
    known: Ledger,
    sources: SourcesInRoots,
    findings: OrphanSurvey,
) -> bool:
    """Add a thumbnail to the findings; return whether it is ours, and its source there."""
    is_gone, empty, is_known = False, None, True
    try:
        is_gone, empty = sources.look(own.place)
        if known.is_superseded(own.name):
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
        orphan = Orphan(*_fields(own), empty, is_behind_links=found.is_placed)
        (findings.orphans if empty is None else findings.doubtful).append(orphan)
        if own.is_changed:
            findings.unknown.append(own.kept_as_changed())
    return is_known and not is_gone and not own.is_changed


def _fields(own: OwnThumbnail) -> tuple[Folder, str, str, str, SourcePlace, int | None, bool]:
    size_bytes, is_changed = own.size_bytes, own.is_changed
    return own.folder, own.name, own.origin, own.source, own.place, size_bytes, is_changed

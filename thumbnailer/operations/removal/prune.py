"""Remove thumbnails whose pictures are gone, or that are stale; count them first."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Unpack

from thumbnailer.activity import Activity
from thumbnailer.config.overrides import Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.door.pictures import pictures_at
from thumbnailer.door.places import Path, is_remote
from thumbnailer.door.sources import open_sources
from thumbnailer.door.thumbs import bucket_of_thumbnails
from thumbnailer.errors import PruneRefused, SourceError
from thumbnailer.model import Folder, Stop
from thumbnailer.operations.removal.counts import RemovalCounts
from thumbnailer.operations.removal.source_folders import check_folders, named_folders
from thumbnailer.operations.removal.stale import StaleFinder, options_for
from thumbnailer.operations.removal.with_buckets import find_with_buckets
from thumbnailer.scan.folders import thumbnail_folders
from thumbnailer.scan.selection import Choice
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.orphans.in_roots import SourcesInRoots
from thumbnailer.thumbs.orphans.orphan import BucketSurvey, OrphanSurvey, OwnThumbnail
from thumbnailer.thumbs.orphans.remove import remove_thumbnails
from thumbnailer.thumbs.orphans.survey import find_orphans


@dataclass(frozen=True, slots=True)
class PruneReport(RemovalCounts):
    """Summary of a prune run.

        report = prune("Pictures", dry_run=True)
        print(report.orphaned, "of", report.thumbnails)

    Attributes:
        thumbnails: number of thumbnails of pictures in the SOURCEs, existing pictures or not.
        orphaned: number of thumbnails whose source is gone.
        stale: number of thumbnails that the settings would not make, if these were looked for.
        removals: one for each thumbnail that was removed, would be, or could not be, for each that
            was kept because it can't be determined whether its source exists, and for each folder
            that is empty, like a disk that is not mounted, so that thumbnails were kept.
        seconds: wall time.
    """

    thumbnails: int
    orphaned: int
    stale: int
    removals: tuple[Removal, ...] = field(repr=False)
    seconds: float


def prune(
    sources: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    dry_run: bool = False,
    yes: bool = False,
    stale: bool = False,
    **overrides: Unpack[Overrides],
) -> PruneReport:
    """Remove the orphans of some folders: thumbnails whose pictures are gone.

        report = prune("Pictures", dry_run=True)
        print([removal.thumbnail for removal in report.removals])

    Args:
        sources: a folder, or several.
        settings: where thumbnails are, and with `stale` also which there should be; `layout` must
            be `thumbs`.
        dry_run: remove nothing; report what would be removed.
        stale: also remove thumbnails that these settings would not make for these sources: of
            another size, format, name or place, or of pictures that are left out.
        yes: remove them even if they are more than half of all thumbnails, or if a folder between
            the source and the pictures is there but empty, like a disk that is not mounted.
        **overrides: single settings, such as `output="small"`.

    Raises:
        SourceError: a source does not exist, is no folder or can't be read; or it is empty although
            the output folder has thumbnails of it, which looks like a disk that is not mounted.
        PruneRefused: more than half of all thumbnails would be removed, and `yes` is not set.
        ConfigError: a setting is unknown or impossible.
        OutputError: the file system is read-only.
    """
    started = time.perf_counter()
    chosen = merge_settings(settings, overrides)
    findings = find_orphaned(sources, chosen, stale=stale)
    removals = tuple(remove_found(findings, chosen, dry_run=dry_run, yes=yes))
    return build_report(findings, removals, started)


def find_orphaned(
    sources: Path | Iterable[Path],
    settings: Settings,
    *,
    stale: bool = False,
    stop: Stop | None = None,
    activity: Activity | None = None,
) -> OrphanSurvey:
    """Find the thumbnails whose pictures are gone, and stale ones, for `prune`; change nothing.

    Args:
        activity: is told each folder of thumbnails on disk.
    """
    roots, output = named_folders(sources, settings), os.fspath(settings.output)
    findings: OrphanSurvey
    if is_remote(*roots, output):
        opened = open_sources(roots, settings, stop=stop)
        opened.refuse_files()
        findings = find_with_buckets(opened, settings, stop, stale=stale)
    else:
        check_folders(roots, settings, stop)
        findings = _find_on_disk(roots, settings, stop, activity, stale=stale)
    check_folders(roots, settings, stop)  # a disk may have been unmounted meanwhile
    for root in roots:
        count = findings.thumbnails[root]
        if output and count and pictures_at(root, settings, stop).is_empty():
            like = "" if is_remote(root) else ", like a disk that is not mounted"
            raise SourceError(None, f"is empty{like}; {output} has {count} of it", root)
    return findings


def _find_on_disk(
    roots: list[str],
    settings: Settings,
    stop: Stop | None,
    activity: Activity | None,
    *,
    stale: bool,
) -> OrphanSurvey:
    output, named = os.fspath(settings.output), Choice(include=settings.include)
    folders = thumbnail_folders(roots, output, named, hidden=stale, stop=stop)
    find_stale = None
    if stale:
        find_stale = StaleFinder(open_sources(roots, settings), settings)
        if output:  # those beside the pictures are of another layout
            beside = thumbnail_folders(roots, "", named, hidden=True, stop=stop)
            folders = chain(folders, beside)
    if activity:
        folders = _told(folders, activity)
    return find_orphans(SourcesInRoots(roots), folders, stop, find_stale=find_stale)


def _told(folders: Iterable[Folder | Removal], activity: Activity) -> Iterator[Folder | Removal]:
    for folder in folders:
        if isinstance(folder, Folder):
            activity.add(folder.path_of(""))
        yield folder


def remove_found(
    findings: OrphanSurvey,
    settings: Settings,
    *,
    dry_run: bool = False,
    yes: bool = False,
    stop: Stop | None = None,
) -> Iterator[Removal]:
    """Return an iterator that removes what was found, unless that is more than half of all.

    With `yes` the doubtful count as orphans, in `findings` too.
    """
    if yes:
        findings.believe()
    unknown = [*findings.unknown, *findings.kept("--yes removes them")]
    found = chain(findings.orphans, findings.stale)
    if dry_run:
        would_go = (
            Removal(one.path, one.source, "would remove") for one in found if one.file_exists
        )
        return chain(unknown, would_go)
    if stop and stop.is_set():  # the survey may be incomplete
        return iter(unknown)
    if not yes:
        _refuse_more_than_half(findings, settings)
    return chain(unknown, remove_from(found, findings, settings, stop))


def remove_from(
    found: Iterable[OwnThumbnail], findings: OrphanSurvey, settings: Settings, stop: Stop | None
) -> Iterator[Removal]:
    """Remove some of what was found, where it is: on disk, or in a bucket."""
    bucket = bucket_of_thumbnails(settings, stop)
    if not (bucket and isinstance(findings, BucketSurvey)):
        return remove_thumbnails(found, stop)
    due = [*found]
    on_disk = [one for one in due if not one.folder.is_remote]
    in_bucket = [one for one in due if one.folder.is_remote]
    removed = bucket.prune(in_bucket, findings.asked)
    return chain(remove_thumbnails(on_disk, stop), removed)


def _refuse_more_than_half(findings: OrphanSurvey, settings: Settings) -> None:
    stale, thumbnails = findings.stale_files, findings.thumbnails.total()
    seeming = findings.orphaned + sum(orphan.file_exists for orphan in findings.doubtful)
    if not (findings.orphaned or stale) or (seeming + stale) * 2 <= thumbnails:
        return
    have, are = "has" if seeming == 1 else "have", "is" if stale == 1 else "are"
    reasons = [f"{seeming} {have} no source any more"] if seeming else []
    reasons += [f"{stale} {are} what other settings make"] if stale else []
    reasons[0] = reasons[0].replace(" ", f" of {thumbnails} thumbnails ", 1)
    hint = options_for(findings.stale, settings) if stale else ""
    raise PruneRefused(
        f"{' and '.join(reasons)}, which is more than half: nothing was removed "
        f"({hint and hint + '; '}see --dry-run; --yes if this is right)"
    )


def build_report(
    findings: OrphanSurvey, removals: Iterable[Removal], started: float
) -> PruneReport:
    """Return the report; `started` is a time of `time.perf_counter`."""
    seconds = time.perf_counter() - started
    thumbnails, orphaned = findings.thumbnails.total(), findings.orphaned
    return PruneReport(thumbnails, orphaned, findings.stale_files, tuple(removals), seconds)

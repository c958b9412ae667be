"""Remove all that is ours from folders, and nothing else; count it first."""

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
from thumbnailer.door.places import Path, is_remote
from thumbnailer.door.thumbs import bucket_of_thumbnails, remote_sources
from thumbnailer.model import Stop
from thumbnailer.operations.removal.counts import RemovalCounts
from thumbnailer.operations.removal.source_folders import source_folders
from thumbnailer.scan.folders import thumbnail_folders
from thumbnailer.scan.selection import Choice
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.orphans.asked_for import AskedFor
from thumbnailer.thumbs.orphans.in_roots import SourcesInRoots
from thumbnailer.thumbs.orphans.own_files import OwnFiles, find_own_files, remove_own_files


@dataclass(slots=True)
class CleanReport(RemovalCounts):
    """Summary of a cleaning: what there was of ours, and what became of it.

        report = clean("Pictures", dry_run=True)
        print(report.thumbnails, report.pages, report.size_bytes)

    Attributes:
        thumbnails: number of thumbnails of pictures in the SOURCEs, existing pictures or not.
        pages: number of gallery pages.
        folders: number of folders with any of these, or only with a ledger or temporary files.
        size_bytes: total length of thumbnails and pages.
        removals: one for each thumbnail and page that was removed, would be, or could not be, and
            for each that was kept because it has been changed since.
        seconds: wall time.
    """

    thumbnails: int = 0
    pages: int = 0
    folders: int = 0
    size_bytes: int = 0
    removals: list[Removal] = field(default_factory=list, repr=False)
    seconds: float = 0.0


def clean(
    sources: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    dry_run: bool = False,
    **overrides: Unpack[Overrides],
) -> CleanReport:
    """Remove all thumbnails of some folders, whatever settings they were made with.

        report = clean("Pictures", dry_run=True)
        print(report.thumbnails, report.size_bytes)

    With them go gallery pages, ledgers, temporary files and the folders that were made for them.
    Files of others stay, and so does a thumbnail that has been changed since it was made.

    Args:
        sources: a folder, or several.
        settings: only `output` and `include` are used: thumbnails are removed from the `thumbs`
            folders below the sources and from this output tree, and `include` may name folders of
            other programs to look into; `layout` must be `thumbs`.
        dry_run: remove nothing; report what would be removed.
        **overrides: single settings, such as `output="small"`.

    Raises:
        SourceError: a source does not exist, is no folder or can't be read.
        ConfigError: a setting is unknown or impossible.
        OutputError: the file system is read-only.
    """
    chosen = merge_settings(settings, overrides)
    report = count_own_files(sources, chosen)
    started = time.perf_counter() - report.seconds
    report.removals += iter_removals(sources, chosen, dry_run=dry_run)
    report.seconds = time.perf_counter() - started
    return report


def count_own_files(
    sources: Path | Iterable[Path],
    settings: Settings,
    *,
    stop: Stop | None = None,
    activity: Activity | None = None,
) -> CleanReport:
    """Count what `clean` would remove; change nothing.

    Args:
        activity: is told each folder that has something of ours.
    """
    started, report = time.perf_counter(), CleanReport()
    for own in _own_files(sources, settings, stop):
        if isinstance(own, OwnFiles):
            report.thumbnails += len(own.existing)
            report.pages += own.page_bytes is not None
            report.folders += 1
            report.size_bytes += own.size_bytes
            if activity:
                activity.add(own.folder.path_of(""))
    report.seconds = time.perf_counter() - started
    return report


def iter_removals(
    sources: Path | Iterable[Path],
    settings: Settings,
    *,
    dry_run: bool = False,
    stop: Stop | None = None,
) -> Iterator[Removal]:
    """Remove what is ours, folder by folder, and yield what became of each file."""
    roots = source_folders(sources, settings, stop)
    bucket = bucket_of_thumbnails(settings, stop)
    for own in _own_on_disk(roots, settings, stop):
        if isinstance(own, Removal):
            yield own
        elif dry_run:
            yield from own.would_go()
        else:
            yield from remove_own_files(own, stop)
    if bucket and dry_run:
        for own in bucket.files(roots):
            yield from [own] if isinstance(own, Removal) else own.would_go()
    elif bucket:
        yield from bucket.clean(roots)


def _own_files(
    sources: Path | Iterable[Path], settings: Settings, stop: Stop | None
) -> Iterator[OwnFiles | Removal]:
    roots = source_folders(sources, settings, stop)
    yield from _own_on_disk(roots, settings, stop)
    if bucket := bucket_of_thumbnails(settings, stop):
        yield from bucket.files(roots)


def _own_on_disk(
    roots: list[str], settings: Settings, stop: Stop | None
) -> Iterator[OwnFiles | Removal]:
    output, named = os.fspath(settings.output), Choice(include=settings.include)
    on_disk = [root for root in roots if not is_remote(root)]
    folders = thumbnail_folders(on_disk, "", named, hidden=True, stop=stop)
    if output and not is_remote(output):
        folders = chain(folders, thumbnail_folders(roots, output, stop=stop))
    remote = remote_sources(roots, AskedFor(), settings, stop)
    return find_own_files(SourcesInRoots(roots, remote=remote), folders, stop)

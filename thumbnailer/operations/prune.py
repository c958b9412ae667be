"""The use that takes thumbnails away: what is orphaned is counted first and then removed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Unpack

from thumbnailer.config.overrides import Overrides, merged
from thumbnailer.config.settings import Settings
from thumbnailer.errors import ConfigError, PruneRefused, SourceError
from thumbnailer.model import Stop
from thumbnailer.operations.door import Path
from thumbnailer.scan.folders import check_source, thumbs_folders
from thumbnailer.thumbs.folders import output_folders
from thumbnailer.thumbs.orphans import OrphanSurvey, find_orphans, is_empty, remove_orphans
from thumbnailer.thumbs.removals import PruneReport, Removal
from thumbnailer.urls import refuse_buckets


def prune(
    sources: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    dry_run: bool = False,
    yes: bool = False,
    **overrides: Unpack[Overrides],
) -> PruneReport:
    """Remove the thumbnails of pictures that are gone from some folders.

    Args:
        sources: a folder, or several.
        settings: only `output` counts.
        dry_run: touch nothing, report what would be removed.
        yes: also if more than half of all thumbnails would go.
        **overrides: single settings, such as `output="small"`.

    Raises:
        SourceError: a source is not there, is no folder or can't be read, or is empty though the
            output folder has thumbnails of it, like a disk that is not mounted.
        PruneRefused: more than half would go.
        ConfigError: a setting is unknown or impossible.
        OutputError: the file system is read-only.
    """
    started = time.perf_counter()
    findings = find_orphaned(sources, merged(settings, overrides))
    removals = tuple(remove_found(findings, dry_run=dry_run, yes=yes))
    return build_report(findings, removals, started)


def find_orphaned(
    sources: Path | Iterable[Path], settings: Settings, *, stop: Stop | None = None
) -> OrphanSurvey:
    """Find what there is to remove, for `prune`; touches nothing."""
    if settings.is_for_desktop:
        raise ConfigError("layout = 'freedesktop': the desktop prunes its cache itself")
    if isinstance(sources, str | bytes | os.PathLike):
        sources = [sources]
    roots = [os.fsdecode(source) for source in sources]
    refuse_buckets(*roots, settings.output)
    _check(roots)
    output = os.fspath(settings.output)
    folders = (
        output_folders(output, stop=stop)
        if output
        else chain.from_iterable(thumbs_folders(root, stop) for root in roots)
    )
    findings = find_orphans(roots, folders, stop)
    _check(roots)  # a disk may have gone meanwhile
    for root in roots:
        count = findings.thumbnails[root]
        if output and count and is_empty(root):
            reason = f"is empty, like a disk that is not mounted; {output} has {count} of it"
            raise SourceError(None, reason, root)
    return findings


def remove_found(
    findings: OrphanSurvey, *, dry_run: bool = False, yes: bool = False, stop: Stop | None = None
) -> Iterator[Removal]:
    """Remove what was found, unless it is too much; for `prune`."""
    orphaned, thumbnails = findings.orphaned, findings.thumbnails.total()
    if dry_run:
        would_go = (
            Removal(orphan.path, orphan.source, "would remove")
            for orphan in findings.orphans
            if orphan.is_there
        )
        return chain(findings.doubtful, would_go)
    if stop and stop.is_set():  # what was found may be but a part
        return iter(findings.doubtful)
    if orphaned * 2 > thumbnails and not yes:
        raise PruneRefused(
            f"{orphaned} of {thumbnails} thumbnails have no source any more, which is more than "
            "half: nothing was removed (see --dry-run; --yes if this is right)"
        )
    return chain(findings.doubtful, remove_orphans(findings.orphans, stop))


def build_report(
    findings: OrphanSurvey, removals: Iterable[Removal], started: float
) -> PruneReport:
    """The sum; `started` is on the clock of `time.perf_counter`."""
    seconds = time.perf_counter() - started
    return PruneReport(findings.thumbnails.total(), findings.orphaned, tuple(removals), seconds)


def _check(roots: Iterable[str]) -> None:
    for root in roots:
        if not check_source(root):
            raise SourceError(None, "is no folder", root)

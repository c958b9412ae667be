"""Make thumbnails of a batch, at once or one outcome at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from itertools import chain
from typing import Unpack

from thumbnailer.activity import Waiting
from thumbnailer.config.checks import shown
from thumbnailer.config.overrides import Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.door.pictures import pictures_at
from thumbnailer.door.places import Path, check_globs, is_remote
from thumbnailer.door.sources import open_sources
from thumbnailer.errors import ConfigError
from thumbnailer.model import Outcome, Progress, Report, Run, Source, Stop
from thumbnailer.operations.choose_engine import LateEngine, new_engine
from thumbnailer.operations.count_sources import CountAhead
from thumbnailer.operations.listed import ListedPictures
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.scan.folders import thumbnail_folders
from thumbnailer.scan.selection import ALL_PICTURES, ScanLog
from thumbnailer.thumbs.folder_state import ORPHANED
from thumbnailer.thumbs.folder_thumbs import check_names

# Iterables that have all of their paths at hand: others may be a long time coming.
_AT_HAND = (list, tuple, set, frozenset, dict)


def make_thumbnails(  # noqa: PLR0913 - keywords that callers name
    sources: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    force: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
    progress: Callable[[Progress], object] | None = None,
    manifest: str | os.PathLike[str] | None = None,
    **overrides: Unpack[Overrides],
) -> Report:
    """Make the missing and stale thumbnails of folders and files, in parallel.

        report = make_thumbnails("Pictures", size=256)
        print(report.made, report.current, report.failed)

    A thumbnail is stale if its picture or the settings have changed; current ones are left alone.

    Args:
        sources: a folder, which is scanned for pictures, or a file, or several of these. All are
            checked before anything is made.
        settings: what to make and how; `Settings()` if left out.
        force: make every thumbnail again, also those that are current.
        retry_failed: retry pictures that failed before, even if nothing has changed since.
        dry_run: write nothing; pictures that would be made count as skipped.
        progress: is called in this thread after each picture. What it raises ends the run.
        manifest: path or URL of a file to which JSON lines are written at the end, one for each
            picture that has thumbnails, as by `thumbnailer make --manifest`.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Returns:
        The counts, and the outcomes of the pictures that failed. Nothing is printed.

    Raises:
        SourceError: a source does not exist or can't be read.
        ConfigError: a setting is unknown or impossible.
        OutputError: the disk is full or read-only, or the manifest can't be written.
        WorkerError: no worker process can be started, the sandbox that is required is not
            available, or the cluster can't be reached or is lost.
    """
    run, chosen = Run(force, retry_failed, dry_run), merge_settings(settings, overrides)
    report = run.report
    names = [sources] if isinstance(sources, str | bytes | os.PathLike) else [*sources]
    outcomes = iter_outcomes(names, chosen, run)
    if manifest is not None:
        from thumbnailer.operations.manifest.write import with_manifest

        paths = [*map(os.fsdecode, names)]
        outcomes = with_manifest(outcomes, os.fspath(manifest), paths, chosen, run)
    count = CountAhead([*map(os.fsdecode, names)], chosen) if progress else None
    with closing(outcomes), count or nullcontext():
        for outcome in outcomes:
            if outcome.status == "failed":
                report.failures.append(outcome)
            if progress and count:
                progress(Progress(count.found, report.found, report.failed, outcome))
    return report


def iter_thumbnails(
    paths: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    force: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
    stop_event: Stop | None = None,
    **overrides: Unpack[Overrides],
) -> Iterator[Outcome]:
    """Make thumbnails lazily: yield one outcome for each picture, in order of completion.

        for outcome in iter_thumbnails("Pictures", size=256):
            print(outcome.source, outcome.status)

    Otherwise like `make_thumbnails`.

    Args:
        paths: a folder or a file, or any iterable of these. An iterable is read only as fast as
            outcomes are taken. One that is no list, tuple, set or dict may be a long time coming:
            a thread reads it, always the same one, so that outcomes come meanwhile. What it raises
            is raised after the outcomes of all paths before; a path that comes again is looked at
            again. A missing path in an iterable gives a failed outcome, not an exception. If paths
            are relative, the working directory must not change while iterating.
        stop_event: once it is set the iterator ends; unfinished pictures are reported as skipped.
            Closing the iterator ends it too.
        settings, force, retry_failed, dry_run: as for `make_thumbnails`.
        **overrides: as for `make_thumbnails`.

    Raises:
        SourceError: a single path does not exist or can't be read; raised at once.
        ConfigError: a setting is unknown or impossible; raised at once.
        OutputError, WorkerError: as for `make_thumbnails`; raised while iterating.
    """
    chosen, run = merge_settings(settings, overrides), Run(force, retry_failed, dry_run, stop_event)
    if isinstance(paths, str | bytes | os.PathLike):
        return iter_outcomes(paths, chosen, run)
    return _run_paths(paths, chosen, run)


def _run_paths(paths: Iterable[Path], settings: Settings, run: Run) -> Iterator[Outcome]:
    choice = settings.choice

    def at(name: str) -> Iterator[Source | Outcome]:
        check_globs(filter(os.path.isdir, [name]), settings)
        return pictures_at(name, settings, run.stop).scan(choice)

    if isinstance(paths, _AT_HAND):
        found, first = chain.from_iterable(map(at, map(os.fsdecode, paths))), next(iter(paths), "")
        return _run_pipeline(found, settings, run, remote=is_remote(os.fsdecode(first)))
    return _run_live(map(os.fsdecode, paths), at, settings, run)


def iter_listed(
    lines: Iterable[str], sources: Sequence[str], settings: Settings, run: Run
) -> Iterator[Outcome]:
    """Return an iterator that makes the thumbnails of what a list names, as its lines come.

    Args:
        lines: paths and URLs, each of a picture or a folder. A wrong one has a failed outcome.
        sources: folders that the paths lie in; the list tells which pictures of them are made, and
            they are made as by a scan of their folder. If there are none, each path is a source.
        run: its report is updated with each outcome.

    Raises:
        SourceError: a source does not exist or can't be read, or is no folder.
        ConfigError: a setting or a source is impossible; or the output is in a bucket, which does
            not tell whose a thumbnail is, and there is no source that gives each its place.
    """
    if settings.shard:
        shard = shown("shard", settings.shard)
        raise ConfigError(f"{shard}: has no place with a list; give each machine its own")
    if not sources and is_remote(settings.output):
        raise ConfigError(
            "a list needs a SOURCE if the output is in a bucket: it gives each thumbnail its place"
        )
    opened = open_sources(sources, settings, stop=run.stop)
    opened.refuse_files("what a list names lies in folders")
    run.report.notes += opened.notes
    log = ScanLog(settings.choice, run.activity)
    listed = ListedPictures(opened, settings, settings.choice.logged(log), run.stop)

    def outcomes() -> Iterator[Outcome]:
        yield from _run_live(lines, listed.at, settings, run)
        run.report.left_out.update(log.left_out)
        run.report.unread.update(log.unread)

    return outcomes()


def _run_live(
    paths: Iterable[str],
    at: Callable[[str], Iterator[Source | Outcome]],
    settings: Settings,
    run: Run,
) -> Iterator[Outcome]:
    """Make the thumbnails of what is found at paths that may be a long time coming."""
    has_ended = threading.Event()
    if run.activity:
        run.activity.otherwise = Waiting("paths")

    def found() -> Iterator[Source | Outcome]:
        for path in paths:
            if has_ended.is_set():  # nobody waits for this path any more
                return
            yield from at(path)

    try:
        if settings.cluster or is_remote(settings.output):
            yield from _run_pipeline(found(), settings, run, remote=False, live=True)
        else:
            with LateEngine(settings) as engine:
                if run.activity:
                    run.activity.asked.append(engine.waits_for)
                yield from run_pipeline(found(), settings, run, engine, live=True)
    finally:
        has_ended.set()


def iter_outcomes(
    sources: Path | Iterable[Path], settings: Settings, run: Run
) -> Generator[Outcome, None, None]:
    """Check the sources and the names of thumbnails, then return the iterator over outcomes.

    The iterator updates the run's report with each outcome.
    """
    opened = open_sources(sources, settings, stop=run.stop)
    if settings.name:
        check_names(opened.scan(settings, settings.choice, run.stop), settings.thumbnails)
    run.report.notes += opened.notes
    gone = None
    if opened.folders and not (opened.is_remote or is_remote(settings.output)):
        from thumbnailer.scan.gone_sources import GoneSources  # 15 ms, which a single file spares

        output, told = os.fspath(settings.output), ScanLog(ALL_PICTURES, run.activity)
        gone = GoneSources(
            opened.folders,
            output,
            run.stop,
            lambda: thumbnail_folders(
                opened.folders, output, ALL_PICTURES.logged(told), stop=run.stop
            ),
        )
        run = replace(run, former=gone, is_whole=not opened.files)

    def found() -> Iterator[Source | Outcome]:
        log = ScanLog(settings.choice, run.activity)
        yield from opened.scan(settings, settings.choice.logged(log), run.stop)
        run.report.left_out.update(log.left_out)
        run.report.unread.update(log.unread)
        run.report.notes += log.unmatched()

    def outcomes() -> Generator[Outcome, None, None]:
        yield from _run_pipeline(found(), settings, run, remote=opened.is_remote)
        if gone:
            gone.remove_moved(run.stop)
            left_over = run.report.left_over  # counted before these were removed
            orphaned = left_over.pop(ORPHANED, 0) - len(gone.moved)
            left_over |= {ORPHANED: orphaned} if orphaned > 0 else {}

    return outcomes()


def _run_pipeline(
    found: Iterable[Source | Outcome],
    settings: Settings,
    run: Run,
    *,
    remote: bool,
    live: bool = False,
) -> Iterator[Outcome]:
    with new_engine(settings, remote=remote or is_remote(settings.output)) as engine:
        if run.activity:
            run.activity.asked.append(engine.waits_for)
        yield from run_pipeline(found, settings, run, engine, live=live)

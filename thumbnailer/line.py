"""scan → plan → pool → render → finish → report: the one line that all uses share."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING

from thumbnailer import sandbox
from thumbnailer.errors import OutputError, ThumbnailError, WorkerError
from thumbnailer.finish import finish as write
from thumbnailer.machine import available_memory_bytes, usable_cpus
from thumbnailer.model import Answer, Failure, Job, Outcome, Report, Source, Stop
from thumbnailer.plan import plan, prepare_output
from thumbnailer.pool import Pool
from thumbnailer.settings import Settings
from thumbnailer.urls import is_url

if TYPE_CHECKING:
    from thumbnailer.courier import Courier

# By name: importing it would import Pillow, which only workers need.
_RENDER = "thumbnailer.render:render"

# Half of the workers wait for the network.
_FAR_WORKERS = 2

Finish = Callable[[list[Job], list[Answer]], list[Outcome]]


def workers_of(settings: Settings) -> int:
    """How many pictures are made at the same time."""
    return settings.jobs if isinstance(settings.jobs, int) else usable_cpus()


def new_pool(
    settings: Settings, work: str = _RENDER, finish: Finish = write, *, far: bool = False
) -> Pool:
    """A pool for the settings; no process starts before there is work.

    Args:
        work, finish: as `Pool` has them; what makes thumbnails, if left out.
        far: pictures come from a bucket or go to one. There are twice as many workers then, for
            half of them wait for the network.
    """
    workers = workers_of(settings)
    if far and settings.jobs == "auto":
        workers *= _FAR_WORKERS
    closed = threading.Event()

    @cache
    def courier() -> Courier:
        from thumbnailer.courier import Courier  # with asyncio: 50 ms that most runs do without

        return Courier(settings.endpoint, closed)

    def fetch(jobs: list[Job]) -> list[Job | Failure]:
        return courier().fetch(jobs) if any(is_url(job.source.path) for job in jobs) else [*jobs]

    def put(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        return courier().finish(jobs, answers)

    return Pool(
        work,
        workers,
        settings.timeout,
        worker_bytes=settings.limits.memory_bytes,
        memory_bytes=settings.memory_bytes or available_memory_bytes() // 2,
        nice=settings.nice,
        sandbox=settings.sandbox,
        finish=put if finish is write and is_url(settings.output) else finish,
        fetch=fetch,
        far=far,
        closing=closed,
    )


def flow(
    found: Iterable[Source | Outcome],
    settings: Settings,
    report: Report,
    pool: Pool,
    *,
    stop: Stop | None = None,
    force: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
) -> Iterator[Outcome]:
    """What becomes of what the scan found: each of it has one outcome.

    Args:
        found: is read no faster than outcomes are taken.
        report: is filled on the way.
        pool: from `new_pool`, for the same settings; may serve many flows, one at a time.
        stop: once it is set what has no outcome yet is skipped.
        force, retry_failed, dry_run: as for `plan`.

    Raises:
        OutputError: the disk is full or read-only.
        WorkerError: no worker process can be started, or none in the sandbox that is required.
    """
    if settings.sandbox == "require" and (reason := sandbox.available()):
        raise WorkerError(f"the sandbox that is required can't be had: {reason}")
    output, desktop = os.fspath(settings.output) or None, settings.is_for_desktop
    if output and not dry_run and not is_url(output):
        try:
            prepare_output(output, desktop=desktop)
        except OSError as error:
            why = "is no folder" if isinstance(error, FileExistsError) else error.strerror
            raise OutputError(f"{output}: {why}; choose another output folder") from error
    open_sources: Counter[Source] = Counter()
    switches = {"force": force, "retry_failed": retry_failed, "dry_run": dry_run}

    def planned() -> Iterator[Job | Outcome]:
        for item in _plan(found, settings, stop, **switches):
            report.found += 1
            if isinstance(item, Job):
                open_sources[item.source] += 1
            yield item

    end: ThumbnailError | None = None
    reason = "interrupted"
    try:
        with closing(pool.imap_unordered(planned(), stop)) as outcomes:
            for outcome in outcomes:
                if open_sources and outcome.source in open_sources:
                    open_sources[outcome.source] -= 1
                    if not open_sources[outcome.source]:
                        del open_sources[outcome.source]
                report.add(outcome)
                yield outcome
                if outcome.error and outcome.error.fatal:
                    reason = f"stopped early: {outcome.error.reason}"
                    end = OutputError(reason)
                    break
    except WorkerError as error:
        if not (stop and stop.is_set()):  # else a worker that was being started was stopped, too
            end, reason = error, "stopped early: no worker process"
    except BaseException:  # nobody takes further outcomes, but the counts are to add up
        _drop(open_sources, reason, report)
        raise
    yield from _drop(open_sources, reason, report)
    if end:
        raise end


def _plan(
    found: Iterable[Source | Outcome],
    settings: Settings,
    stop: Stop | None,
    *,
    force: bool,
    retry_failed: bool,
    dry_run: bool,
) -> Iterator[Job | Outcome]:
    output = os.fspath(settings.output)
    if is_url(output):
        from thumbnailer import bucketplan

        return bucketplan.plan(
            found,
            settings.recipes,
            settings.limits,
            output=output,
            endpoint=settings.endpoint,
            verify_etag=settings.verify_etag,
            force=force,
            retry_failed=retry_failed,
            dry_run=dry_run,
            stop=stop,
        )
    return plan(
        found,
        settings.recipes,
        settings.limits,
        output=output or None,
        template=settings.name,
        desktop=settings.is_for_desktop,
        force=force,
        retry_failed=retry_failed,
        dry_run=dry_run,
    )


def _drop(open_sources: Counter[Source], reason: str, report: Report) -> list[Outcome]:
    """Count as skipped what was found and has no outcome."""
    dropped = [
        Outcome(source, "skipped", error=Failure("stopped", reason))
        for source in open_sources.elements()
    ]
    for outcome in dropped:
        report.add(outcome)
    return dropped

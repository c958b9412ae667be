"""The pipeline that make, verify and watch share: scan → plan → pool → render → finish → report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

from thumbnailer.cluster.read_ahead import ReadAhead
from thumbnailer.config.settings import Settings
from thumbnailer.door.thumbs import open_thumbs
from thumbnailer.engine import sandbox
from thumbnailer.errors import OutputError, ThumbnailError, WorkerError
from thumbnailer.model import Engine, Failure, Job, Outcome, Report, Run, Source
from thumbnailer.operations.live import Unfinished, plan_live

# How many pictures of a live iterable are read before there is a worker for them.
_AHEAD_AT_FIRST, _AHEAD = 2, 16


def run_pipeline(
    found: Iterable[Source | Outcome],
    settings: Settings,
    run: Run,
    engine: Engine,
    *,
    live: bool = False,
) -> Iterator[Outcome]:
    """Make the thumbnails of the sources found; yield one outcome for each.

    Args:
        found: what the scan yields; read only as fast as outcomes are taken. What it raises is
            raised after the outcomes of all that it has yielded.
        run: once its stop is set, sources that were read and have no outcome yet are skipped.
        engine: from `new_engine` or `new_pool`, for the same settings. It may serve several
            pipelines, one after another.
        live: `found` may have nothing to give for a while: a thread reads it, so that outcomes
            come meanwhile. What it gives twice is looked at twice.

    Raises:
        OutputError: the disk is full or read-only.
        WorkerError: no worker process can be started, or none in the sandbox that is required; or
            the cluster can't be reached or is lost.
    """
    sandbox.check_required(settings.sandbox)
    thumbs = open_thumbs(settings, clean_up=not run.dry_run, stop=run.stop, live=live)
    if not run.dry_run:
        thumbs.prepare(run.output)
    unfinished = Unfinished()

    def planned() -> Iterator[Job | Outcome]:
        plan = plan_live(found, run, thumbs, unfinished) if live else thumbs.plan(found, run)
        for item in plan:
            if isinstance(item, Job):
                unfinished.add(item.source)
            yield item

    final_error: ThumbnailError | None = None
    reason = "interrupted"
    ahead = ReadAhead(planned(), _AHEAD, _AHEAD_AT_FIRST) if live else None
    try:
        with closing(engine.imap_unordered(ahead or planned(), run.stop)) as outcomes:
            for outcome in outcomes:
                unfinished.remove(outcome.source)
                _count(outcome, run.report)
                yield outcome
                if outcome.error and outcome.error.fatal:
                    reason = f"stopped early: {outcome.error.reason}"
                    final_error = OutputError(reason)
                    break
        if ahead and ahead.error and not final_error and not run.is_stopped:
            raise ahead.error
    except WorkerError as error:
        if not run.is_stopped:  # a stop may also end a worker that is starting
            final_error, reason = error, "stopped early: no worker process"
    except BaseException:  # no outcome is taken any more, but the counts must add up
        unfinished.end_waits()
        if ahead:
            ahead.close()
        _drop(unfinished, reason, run.report)
        raise
    unfinished.end_waits()
    left = [item for item in ahead.close() if isinstance(item, Outcome)] if ahead else []
    for outcome in left:
        _count(outcome, run.report)
    left += _drop(unfinished, reason, run.report)
    yield from left
    if final_error:
        raise final_error
    if run.is_whole and not run.is_stopped:
        run.report.left_over.update(thumbs.left_over())


def _drop(unfinished: Unfinished, reason: str, report: Report) -> list[Outcome]:
    """Return skipped outcomes for sources that have none yet, and count them in the report."""
    dropped = [
        Outcome(source, "skipped", error=Failure("stopped", reason))
        for source in unfinished.drain()
    ]
    for outcome in dropped:
        _count(outcome, report)
    return dropped


def _count(outcome: Outcome, report: Report) -> None:
    report.found += 1
    report.add(outcome)

"""Rescans: look through a whole root from time to time, for changes that no event reported."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from itertools import chain

from thumbnailer.engine.pool import Pool
from thumbnailer.model import Outcome, Run, Source
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.watcher.roots.root import WatchedRoot
from thumbnailer.watcher.threads.tasks import Task
from thumbnailer.watcher.work import RootState, Work

# How long a rescan relies on what it has read of a folder of thumbnails.
_SLICE_SECONDS = 2.0


class Rescans:
    """The rescans of a watch, one of each root at a time, in a task.

    Args:
        retries_failed: whether the first rescan tries again what failed before.
    """

    def __init__(self, work: Work, *, retries_failed: bool) -> None:
        self._work, self._retries_failed = work, retries_failed
        self._settle_ns = work.options.settle_seconds * 1e9

    def start_due(self, now: float, pool: Pool) -> None:
        """Start the rescans that are due; called by the loop."""
        for state in self._work.states:
            is_due = not state.rescan and now >= state.next_rescan
            if is_due and state.is_open and state.root.is_there:
                self._start(state, pool)

    def _start(self, state: RootState, pool: Pool) -> None:
        work, root, is_first = self._work, state.root, not state.is_complete
        if state.must_forget:
            root.forget()
        state.must_forget = False

        def done(task: Task, result: object) -> None:
            work.claims.unmark(task)
            state.rescan, state.seen = None, task.count
            if isinstance(result, Exception) or task.is_set():
                work.failed(result)
                return
            work.succeeded()
            state.is_complete, state.last_rescan = True, time.time()
            state.next_rescan = time.monotonic() + work.rescan_seconds
            work.own_folders.clear()
            if work.is_ready:
                work.tell("rescan", f"{root.path}: everything has been looked at")

        state.rescan = work.start(
            root.path, lambda task: self._look_through(root, pool, task, is_first=is_first), done
        )

    def _look_through(self, root: WatchedRoot, pool: Pool, task: Task, *, is_first: bool) -> None:
        """Make whatever may not be current in a root, and remove orphans; in a thread."""
        work = self._work
        take = partial(work.take_made, owner=task, is_first=is_first)
        items, gone = root.sources(task), root.removals.gone_sources(task)
        carried: list[str] = []  # one that was made since its ledger was read
        is_over = False

        def look_again(path: str) -> None:
            root.mark_changed(path)  # in the next rescan, too
            work.inbox.put(partial(self._add_young, path, is_awaited=is_first))

        def piece() -> Iterator[Source | Outcome]:
            nonlocal is_over
            end = time.monotonic() + _SLICE_SECONDS
            work.claims.mark(task)
            again, carried[:] = root.sources_at([*carried]), []
            for found in (again, items):
                for item in found:
                    if task.is_set():
                        return
                    task.count += 1
                    if isinstance(item, Outcome):
                        yield item
                    elif self._is_young(item):
                        look_again(item.path)
                    elif work.outcome_filter.must_wait(item):
                        continue
                    elif not work.claims.take(item.path, task):
                        look_again(item.path)
                    elif work.claims.is_changed(item.path, task):
                        work.claims.release(item.path, task)
                        task.count -= 1
                        carried.append(item.path)
                        return
                    else:
                        yield item
                    if time.monotonic() > end:
                        return
            is_over = True

        while not (is_over or task.is_set()):
            run = Run(
                retry_failed=self._retries_failed and is_first,
                stop=task.for_workers,
                output=work.output.identity,
                former=gone,
            )
            for outcome in run_pipeline(piece(), work.settings, run, pool):
                if outcome.status == "current":  # by the thousand, so the loop is spared
                    work.outcome_filter.note_current(outcome.source.path)
                    work.claims.release(outcome.source.path, task)
                elif work.has_no_output(outcome):
                    work.claims.release(outcome.source.path, task)
                else:
                    work.tasks.hand_over(task, take, outcome)
        if not task.is_set() and not work.options.keep_orphans:
            for outcome in chain(root.removals.remove(gone.moved, task), root.orphans(task)):
                work.tasks.hand_over(task, work.outcomes.append, outcome)
        if not task.is_set():
            work.outcome_filter.forget_gone(root)

    def _is_young(self, source: Source) -> bool:
        """Return whether a picture may be unfinished, as it has changed a moment ago."""
        return abs(time.time_ns() - source.mtime_ns) < self._settle_ns

    def _add_young(self, path: str, *, is_awaited: bool) -> None:
        """Wait for a file that a rescan has found and that may be unfinished."""
        self._work.add_found(path)
        if is_awaited:
            self._work.awaited.setdefault(path, time.monotonic())

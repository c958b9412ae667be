"""Batches of changed files, once these have settled; and the removal of what is gone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from thumbnailer.engine.pool import Pool
from thumbnailer.engine.pool_from_settings import worker_count
from thumbnailer.model import Outcome, Run
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.scan.gone_sources import GoneSources
from thumbnailer.watcher.threads.tasks import Task
from thumbnailer.watcher.work import Work

T = TypeVar("T")

# How many settled paths a batch takes at most.
_MOST_PATHS = 1000

# How long to wait before removing more of what is gone: each time a ledger is looked through.
_GONE_SECONDS = 0.5

# A batch that takes longer is held up by a slow picture or disk: others are started beside it.
_SLOW_BATCH_SECONDS = 0.5


@dataclass(slots=True, eq=False)
class Batch:
    """Changed files that are being made."""

    begin: float  # on the monotonic clock
    left: dict[str, bool]  # those without an outcome, each with whether it was closed


class Batches:
    """The batches of a watch, each in a task; called by the loop."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._batches: set[Batch] = set()
        self._most = worker_count(work.settings) + 1
        self._next_gone = 0.0

    def __len__(self) -> int:
        return len(self._batches)

    @property
    def left(self) -> int:
        """How many pictures have no outcome yet."""
        return sum(len(batch.left) for batch in self._batches)

    def oldest_seconds(self, now: float) -> float:
        """Return for how long the oldest of those has been waited for; 0 if there is none."""
        return max((now - batch.begin for batch in self._batches if batch.left), default=0.0)

    def make_settled(self, now: float, pool: Pool) -> None:
        """Start to make the thumbnails of files that have settled."""
        work = self._work
        is_busy = any(now - batch.begin < _SLOW_BATCH_SECONDS for batch in self._batches)
        if is_busy or len(self._batches) >= self._most:
            return
        batch = Batch(now, {})
        for path, is_closed in work.settling.settled(now, _MOST_PATHS).items():
            # Where a folder has taken the place of a picture, that one's thumbnail has to go first.
            above = work.settling.gone_above(path)
            if not (above and above - work.moves.folders()) and work.claims.take(path, batch):
                batch.left[path] = is_closed
            else:
                work.settling.add(path, now, is_closed=is_closed)
        if batch.left:
            self._start(batch, pool)

    def _start(self, batch: Batch, pool: Pool) -> None:
        work, paths = self._work, list(batch.left)
        # Of a thousand pictures that were renamed each is looked for where it was; only what has
        # gone nobody knows where may be any of them.
        formers = chain.from_iterable(map(work.moves.formers, paths))
        gone = [*{os.path.dirname(path): path for path in formers}.values()]
        targets = work.moves.targets(work.settling.all_gone())
        gone += [path for path, moved in targets.items() if not moved]

        def take(outcome: Outcome) -> None:
            is_closed = batch.left.pop(outcome.source.path, True)
            work.take_made(outcome, batch, is_unclosed=not is_closed)

        def make(task: Task) -> None:
            former = GoneSources(
                {root.path: root.below for root in work.roots},
                os.fspath(work.settings.output),
                task,
                folders=lambda: (place for root in work.roots for place in root.thumbs_of(gone)),
            )
            run = Run(stop=task.for_workers, output=work.output.identity, former=former)
            for root in work.roots:
                mine = [path for path in paths if root.holds(path)]
                found = _with_signs(root.sources_at(mine), task)
                for outcome in run_pipeline(found, work.settings, run, pool) if mine else ():
                    if not work.has_no_output(outcome):
                        work.tasks.hand_over(task, take, outcome)

        def done(_: Task, result: object) -> None:
            self._batches.discard(batch)
            for path in paths:  # some may have no outcome
                work.claims.release(path, batch)
                work.awaited.pop(path, None)
            if isinstance(result, Exception):
                work.failed(result)
            else:
                work.succeeded()

        self._batches.add(batch)
        work.start(os.path.dirname(paths[0]), make, done)

    def remove_gone(self, now: float) -> None:
        """Start to remove the thumbnails of files and folders that are gone."""
        work = self._work
        if now < self._next_gone:
            return
        self._next_gone = now + _GONE_SECONDS
        gone = work.settling.gone(now)
        if not gone or work.options.keep_orphans:
            return
        paths = self._free(gone, now)
        for path in set(gone) - paths.keys():
            work.settling.add_gone(path, now)
        work.moves.forget(paths)

        def remove(task: Task) -> None:
            for root in work.roots:
                for outcome in _with_signs(root.removed(paths), task):
                    work.tasks.hand_over(task, work.outcomes.append, outcome)

        if paths:
            work.start(
                os.path.dirname(next(iter(paths))), remove, lambda _, error: work.failed(error)
            )

    def _free(self, gone: list[str], now: float) -> dict[str, bool]:
        """Return those paths that are gone whose thumbnails nothing needs any more.

        Each is returned with whether it is known to be elsewhere, with all that it held. Of the
        others the thumbnail may be about to be written, or taken over.
        """
        work, targets = self._work, self._work.moves.targets(gone)
        paths = {*gone, *chain.from_iterable(targets.values())}
        waiting, claimed = work.settling.busy(paths), work.claims.busy(paths)
        pending = waiting | claimed
        is_busy = bool(work.walks or work.settling or self._batches)
        elsewhere, free = work.moves.folders(), {}
        for path in gone:
            moved = targets[path]
            is_pending = bool(moved and work.walks) or not pending.isdisjoint(moved)
            # What is in its place, or below it, may need the room.
            may_move = is_busy and path not in waiting
            is_held = work.moves.hold(path, now, is_pending=is_pending, may_move=may_move)
            if not is_held and path not in claimed:
                free[path] = path in elsewhere
        return free


def _with_signs(items: Iterable[T], task: Task) -> Iterator[T]:
    """Yield items; each shows that the task goes on."""
    for item in items:
        task.is_set()
        yield item

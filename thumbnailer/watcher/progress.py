"""What a watch is doing or waiting for, and how far it is before everything is made."""

from __future__ import annotations

import time

from thumbnailer.formats import left_out_line, without_ending_line
from thumbnailer.operations.count_sources import count_sources
from thumbnailer.scan.left_out import WITHOUT_ENDING
from thumbnailer.scan.selection import ScanLog
from thumbnailer.watcher.health.state import IDLE, STARTING, WORKING, Health
from thumbnailer.watcher.observer.events import NATIVE_EVENTS
from thumbnailer.watcher.threads.tasks import Task
from thumbnailer.watcher.work import RootState, Work

# How long a task may be silent before the watch says that it waits for a disk, and before it counts
# as one that hangs.
_SILENT_SECONDS = 5.0
_HANGS_SECONDS = 15.0

# Before everything is made, how far that is is told so often; the pictures are counted for it.
_PROGRESS_SECONDS = 60.0
_COUNT_AFTER_SECONDS = 10.0

# How long a file that keeps changing may hold up the message that everything is made.
_AWAITED_SECONDS = 60.0


class Progress:
    """How far a watch is; its methods are called by the loop.

    Args:
        notes: what is to be told once everything is made.
    """

    def __init__(self, work: Work, notes: list[str]) -> None:
        self._work, self._notes = work, notes
        self._log = ScanLog(work.settings.choice)
        for root in work.roots:
            root.log = self._log
        self._begin = self._next = time.monotonic()

    def begin(self) -> None:
        """Note that the watch begins."""
        self._work.is_ready, self._work.known_failures = False, 0
        self._begin = time.monotonic()
        self._next = self._begin + _PROGRESS_SECONDS

    def health(self, now: float, *, is_busy: bool) -> Health:
        """Return the present state, but for what batches add to the backlog."""
        work = self._work
        is_polling = any(root.mode == "polling" for root in work.roots)
        rescans = [state.last_rescan for state in work.states]
        silent_seconds, _ = work.most_silent(now)
        return Health(
            work.tally,
            backlog=len(work.settling),
            oldest_pending_seconds=work.settling.oldest_seconds(now),
            last_rescan=None if None in rescans else min(filter(None, rescans), default=None),
            mode="polling" if is_polling else NATIVE_EVENTS,
            status=self.status(now, is_busy=is_busy),
            updated=time.time() - max(0.0, silent_seconds - _HANGS_SECONDS),
        )

    def status(self, now: float, *, is_busy: bool) -> str:
        """Return in words what the watch is doing or waiting for."""
        work = self._work
        silent_seconds, place = work.most_silent(now)
        missing = [
            state.root.path for state in work.states if state.is_open and not state.root.is_there
        ]
        if work.output.is_away:
            missing.append(work.output.path)
        if silent_seconds >= _SILENT_SECONDS:
            return f"waiting for {place}, whose disk does not answer"
        if missing:
            return f"waiting for {', '.join(missing)}"
        if now < work.paused_until:
            return work.tally.waiting
        if not all(state.is_open for state in work.states):
            return STARTING
        return WORKING if is_busy or not work.is_ready else IDLE

    def become_ready(self, now: float, *, is_busy: bool) -> None:
        """Tell when everything is made, and before that from time to time how far it is."""
        work = self._work
        for path, since in list(work.awaited.items()):
            if now >= since + _AWAITED_SECONDS:
                del work.awaited[path]
        if all(state.is_complete for state in work.states) and not work.awaited:
            self._tell_that_ready()
            return
        if now >= self._begin + _COUNT_AFTER_SECONDS:
            for state in work.states:
                if not state.count:
                    self._count_pictures(state)
        if now >= self._next:
            self._next = now + _PROGRESS_SECONDS
            work.tell("progress", self._progress(now, is_busy=is_busy))

    def _tell_that_ready(self) -> None:
        work = self._work
        work.is_ready = True
        for state in work.states:
            state.root.log = None  # one look is enough to know which globs match nothing
            if state.count:
                state.count.cancel()
        left_out = [left_out_line(self._log.unread)] if self._log.unread else []
        if without_ending := self._log.left_out[WITHOUT_ENDING]:
            left_out.append(without_ending_line(without_ending))
        for note in (*self._notes, *self._log.unmatched(), *left_out):
            work.tell("note", note)
        if number := work.known_failures:
            pictures = "1 picture" if number == 1 else f"{number:,} pictures"
            work.tell("failed before", f"{pictures}, not tried again; see thumbnailer status")
        work.tell("ready", f"everything has been looked at; {self._counts()}")

    def _count_pictures(self, state: RootState) -> None:
        root, settings = state.root, self._work.settings

        def done(_: Task, result: object) -> None:
            if isinstance(result, int):  # else there is no telling how many there are
                state.total = result

        state.count = self._work.tasks.start(
            root.path, lambda task: count_sources([root.path], settings, task), done
        )

    def _progress(self, now: float, *, is_busy: bool) -> str:
        states = self._work.states
        totals = [state.total for state in states]
        of_total = "" if None in totals else f" of {sum(filter(None, totals)):,}"
        seen = sum(state.rescan.count if state.rescan else state.seen for state in states)
        words = f"{seen:,}{of_total} pictures looked at, {self._counts()}"
        status = self.status(now, is_busy=is_busy)
        return words if status == WORKING else f"{words}; {status}"

    def _counts(self) -> str:
        report = self._work.tally.report
        return f"{report.made:,} made, {report.failed:,} failed"

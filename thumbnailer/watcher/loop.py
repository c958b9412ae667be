"""The watch loop: make missing thumbnails, then keep folders current.

Three things find work: events, once their files have settled; a rescan from time to time, which
finds changes that no event reported; and a check of each root once a second, since a root that
vanishes or is unmounted sends no event.

The loop itself waits for nothing but messages. Whatever may wait for a disk is a task in a thread
of its own: each rescan, each check of a root, each batch of changed files, each removal. All of
them share one pool of workers, and hand their outcomes over to the loop.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, Queue
from typing import TypeVar, Unpack

from thumbnailer.config.overrides import Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.door import Path, open_sources, open_thumbs
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.pool_from_settings import new_pool, worker_count
from thumbnailer.errors import OutputError, WorkerError
from thumbnailer.gallery.live import LiveGallery
from thumbnailer.model import Answer, Job, Outcome, Report, Run, Source, Stop
from thumbnailer.operations.count_sources import count_sources
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.scan.selection import ScanLog
from thumbnailer.thumbs.folder_state import FAILED_BEFORE
from thumbnailer.thumbs.ledger.ledger_file import own_names
from thumbnailer.watcher.events import NATIVE_EVENTS, Event
from thumbnailer.watcher.health import IDLE, STARTING, WORKING, Health
from thumbnailer.watcher.reporting import OutcomeFilter
from thumbnailer.watcher.root import Tell, WatchedRoot
from thumbnailer.watcher.settling import SettlingFiles, content_state
from thumbnailer.watcher.tasks import Asker, Claims, Task, Tasks

T = TypeVar("T")

# How long to sleep when nothing happens; also how soon a stop is noticed.
_TICK_SECONDS = 0.1
_CHECK_ROOTS_SECONDS = 1.0

# How long messages are handled before work is started and outcomes are passed on.
_MESSAGES_SECONDS = 0.1
_OUTCOMES_AT_ONCE = 100

# How long a rescan relies on what it has read of a folder of thumbnails, and how many settled paths
# a batch takes at most.
_SLICE_SECONDS = 2.0
_SLICE_PATHS = 1000

# A batch that takes longer is held up by a slow picture or disk: others are started beside it.
_SLOW_BATCH_SECONDS = 0.5

# The pause after a full disk or when no worker starts: doubled from the first to the last value.
_BACK_OFF_SECONDS = (1.0, 60.0)

# How long a picture may take before a task counts as silent: two time-outs, and a margin.
_PATIENCE_SECONDS = 60.0

# How long a task may be silent before the watch says that it waits for a disk, and before it counts
# as one that hangs.
_SILENT_SECONDS = 5.0
_HANGS_SECONDS = 15.0

# Before everything is made, how far that is is told so often; the pictures are counted for it.
_PROGRESS_SECONDS = 60.0
_COUNT_AFTER_SECONDS = 10.0

# How long a file that keeps changing may hold up the message that everything is made.
_AWAITED_SECONDS = 60.0

# How long to wait for tasks at the end.
_END_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a watch notices changes, and what it keeps current; as the arguments of `watch`."""

    settle_seconds: float = 1.0
    rescan_seconds: float = 60.0
    poll_seconds: float | None = None
    keep_orphans: bool = False
    gallery: bool = False
    retry_failed: bool = False


def watch(  # noqa: PLR0913 - for users: keywords, all but three with a default
    sources: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    stop_event: Stop,
    settle: float = 1.0,
    rescan: float = 60.0,
    poll: float | None = None,
    keep_orphans: bool = False,
    gallery: bool = False,
    retry_failed: bool = False,
    **overrides: Unpack[Overrides],
) -> Iterator[Outcome]:
    """Make the missing thumbnails of folders, then keep them current until `stop_event` is set.

    Args:
        sources: a folder, or several.
        settings: what to make and how; `Settings()` if left out.
        stop_event: once it is set the iterator ends; closing it does the same.
        settle: seconds for which a file must stay unchanged if no event said that it is complete.
        rescan: seconds from the end of one rescan of a folder to the next.
        poll: poll all files at this interval, in seconds, instead of using the system's events;
            None to poll (every five) only where no events come, as on network file systems.
        keep_orphans: keep thumbnails whose sources are gone.
        gallery: also keep a page with the thumbnails current, as `write_gallery` writes it.
        retry_failed: at the start, retry pictures that failed before, even if nothing has changed.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Returns:
        An outcome for each picture that was made, failed or was skipped, and for each whose
        thumbnail was `removed`; none for what is current. A full disk or missing workers do not end
        it: it retries after a pause of up to a minute.

    Raises:
        SourceError: a source is missing, can't be read or is no folder; raised at once.
        ConfigError: a setting is unknown or impossible; raised at once.
    """
    options = WatchOptions(settle, rescan, poll, keep_orphans, gallery, retry_failed)
    return WatchLoop(sources, merge_settings(settings, overrides), options, stop=stop_event).run()


@dataclass(slots=True, eq=False)
class _Batch:
    """Changed files that are being made."""

    begin: float  # on the monotonic clock
    left: dict[str, bool]  # those without an outcome, each with whether it was closed


@dataclass(slots=True, eq=False)
class _RootState:
    """What is being done about a root, and when the next of it is due, on the monotonic clock."""

    root: WatchedRoot
    check: Task | None = None
    next_check: float = 0.0
    is_open: bool = False
    rescan: Task | None = None
    next_rescan: float = 0.0
    must_forget: bool = True
    is_complete: bool = False  # whether all of it has been looked through once
    last_rescan: float | None = None  # when it ended, seconds since the epoch
    seen: int = 0  # pictures that the last rescan has looked at
    count: Task | None = None  # of its pictures, for the progress
    total: int | None = None  # what the count found

    def rescan_everything(self) -> None:
        """Let a rescan that looks at every folder be next, and end one that is going on."""
        self.must_forget, self.next_rescan = True, 0.0
        if self.rescan:
            self.rescan.cancel()


class WatchLoop:
    """One watch from its start to its end, and its state for monitoring.

    Args:
        sources, settings: as for `watch`.
        stop: once it is set, `run` ends.
        tell: called with the name of an event and a message.
        turn: called at each turn of the loop, at least ten times a second unless it hangs.
        before: the loop whose place it takes; its counts go on, and what failed is tried again.

    Attributes:
        settings: as given.
        report: the sum of the outcomes yielded so far.
        last_error: the message of the last error; None if there was none.
    """

    def __init__(  # noqa: PLR0913 - what it is to do, and who is told
        self,
        sources: Path | Iterable[Path],
        settings: Settings,
        options: WatchOptions,
        *,
        stop: Stop,
        tell: Tell = lambda event, message: None,
        turn: Callable[[WatchLoop], None] = lambda loop: None,
        before: WatchLoop | None = None,
    ) -> None:
        opened = open_sources(sources, settings)
        opened.refuse_files("only folders can be watched")
        self.settings, self._options, self._stop, self._tell = settings, options, stop, tell
        self._turn, self._is_ending = turn, False
        self._pool: Pool | None = None
        # No SimpleQueue: up to Python 3.12 its `get` waits forever if a signal, such as one that
        # ends the watch, is handled at the very moment of its time-out.
        self._inbox: Queue[Callable[[], object]] = Queue()
        self._states = [
            _RootState(
                WatchedRoot(
                    path, below, settings, self._put_event, self._tell_later, options.poll_seconds
                )
            )
            for path, below in opened.folders.items()
        ]
        self._log, self._notes = ScanLog(settings.choice), opened.notes
        for state in self._states:
            state.root.log = self._log
        self._live_gallery = LiveGallery(opened.roots, settings, stop) if options.gallery else None
        self._ask = Asker()
        self._settling = SettlingFiles(options.settle_seconds, self._content_state)
        roots = [state.root for state in self._states]
        self._outcome_filter = OutcomeFilter(roots, self._settling, self._ask)
        self._postponed: list[Event] = []  # their disk has not answered
        self._next_postponed = 0.0
        self._own_folders: dict[str, bool] = {}  # until the end of the next rescan
        self._claims, self._thumbs = Claims(settings), open_thumbs(settings)
        self._tasks = Tasks(self._inbox.put, self, 2 * settings.timeout + _PATIENCE_SECONDS)
        self._batches: set[_Batch] = set()
        self._most_batches = worker_count(settings) + 1
        self._walks: set[Task] = set()  # through folders that are new
        self._outcomes: deque[Outcome] = deque()  # to be yielded
        self._paused_until, self._back_off_seconds = 0.0, _BACK_OFF_SECONDS[0]
        # Before everything is made:
        self._is_ready = False
        self._begin = self._next_progress = time.monotonic()
        self._awaited: dict[str, float] = {}  # what was too young to be made at once, since when
        self._known_failures = 0
        self._retries_failed = options.retry_failed or before is not None
        self.report: Report = before.report if before else Report()
        self.last_error: str | None = before.last_error if before else None

    def is_set(self) -> bool:
        """Return whether all tasks must end."""
        return self._is_ending or self._stop.is_set()

    def health(self) -> Health:
        """Return its present state."""
        now = time.monotonic()
        statuses = ("made", "skipped", "failed", "removed")
        is_polling = any(state.root.mode == "polling" for state in self._states)
        rescans = [state.last_rescan for state in self._states]
        begun = [now - batch.begin for batch in self._batches if batch.left]
        silent_seconds, _ = self._most_silent(now)
        return Health(
            counts={status: getattr(self.report, status) for status in statuses},
            backlog=len(self._settling) + sum(len(batch.left) for batch in self._batches),
            oldest_pending_seconds=max([self._settling.oldest_seconds(now), *begun]),
            last_rescan=None if None in rescans else min(filter(None, rescans), default=None),
            mode="polling" if is_polling else NATIVE_EVENTS,
            last_error=self.last_error,
            status=self._status(now),
            updated=time.time() - max(0.0, silent_seconds - _HANGS_SECONDS),
        )

    def _status(self, now: float) -> str:
        silent_seconds, place = self._most_silent(now)
        missing = [
            state.root.path for state in self._states if state.is_open and not state.root.is_there
        ]
        if silent_seconds >= _SILENT_SECONDS:
            return f"waiting for {place}, whose disk does not answer"
        if missing:
            return f"waiting for {', '.join(missing)}"
        if now < self._paused_until:
            return f"waiting for another try after an error: {self.last_error}"
        if not all(state.is_open for state in self._states):
            return STARTING
        return WORKING if self._is_busy or not self._is_ready else IDLE

    @property
    def _is_busy(self) -> bool:
        is_rescanning = any(state.rescan for state in self._states)
        return bool(is_rescanning or self._batches or self._settling or self._walks)

    def _most_silent(self, now: float) -> tuple[float, str]:
        return max(self._tasks.most_silent(now), self._ask.most_silent(now))

    def run(self) -> Iterator[Outcome]:
        """Watch, and yield outcomes until the stop is set; may be called again after that."""
        self._is_ending, self._is_ready, self._known_failures = False, False, 0
        self._begin = time.monotonic()
        self._next_progress = self._begin + _PROGRESS_SECONDS
        for state in self._states:
            state.next_check, state.is_open, state.is_complete = 0.0, False, False
            state.rescan_everything()
        try:
            with new_pool(self.settings, finish=self._finish) as pool:
                self._pool = pool
                try:
                    while not self._stop.is_set():
                        yield from self._take_turn(pool)
                finally:
                    self._is_ending = True
            self._tasks.join(_END_SECONDS)
            end = time.monotonic() + _END_SECONDS
            while not self._inbox.empty() and time.monotonic() < end:
                self._take_messages()
                yield from self._reported()
        finally:
            self._is_ending, self._pool = True, None
            self._tasks.join(_END_SECONDS)
            self._ask.close()
            if self._live_gallery:
                self._live_gallery.close()
            for state in self._states:
                state.root.close()

    def kill(self) -> None:
        """Kill the workers, for a program that is about to end; may be called by any thread."""
        self._is_ending = True
        if pool := self._pool:
            pool.__exit__()

    def _finish(self, jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        """Write what workers made while nothing is removed; called by threads of the pool."""
        path = jobs[0].source.path  # one batch is of one root
        gates = [state.root.gate for state in self._states if state.root.holds(path)]
        with gates[0].writing() if gates else nullcontext():
            return self._thumbs.finish(jobs, answers)

    def _take_turn(self, pool: Pool) -> Iterator[Outcome]:
        self._turn(self)
        self._take_messages()
        now = time.monotonic()
        for state in self._states:
            self._check_root(state, now)
        if self._postponed and now >= self._next_postponed:
            again, self._postponed = self._postponed, []
            self._next_postponed = now + _CHECK_ROOTS_SECONDS
            for late in again:
                self._handle_event(late)
        self._outcome_filter.start_retries(now)
        if now >= self._paused_until:
            self._remove_gone(now)
            self._make_settled(now, pool)
            for state in self._states:
                self._rescan(state, now, pool)
        yield from self._reported()
        if not self._is_ready:
            self._become_ready(now)
        if self._live_gallery:
            is_busy = self._is_busy
            for event, message in self._live_gallery.update_if_due(is_busy=is_busy):
                self._tell(event, message)

    def _reported(self) -> Iterator[Outcome]:
        """Count and yield the outcomes that have been handed over."""
        while self._outcomes:
            outcome = self._outcomes.popleft()
            self.report.add(outcome)
            if outcome.status == "failed" and outcome.error:
                self.last_error = f"{outcome.source.path}: {outcome.error.reason}"
            if self._live_gallery:
                self._live_gallery.note_change()
            yield outcome
            self._turn(self)

    # Messages

    def _take_messages(self) -> None:
        """Handle the messages that have come; wait for one tick if there is nothing else to do."""
        try:
            self._inbox.get(timeout=_TICK_SECONDS)()
            end = time.monotonic() + _MESSAGES_SECONDS
            while time.monotonic() < end and len(self._outcomes) < _OUTCOMES_AT_ONCE:
                self._inbox.get_nowait()()
        except Empty:
            pass

    def _put_event(self, event: Event) -> None:
        self._inbox.put(partial(self._handle_event, event))

    def _tell_later(self, event: str, message: str) -> None:
        self._inbox.put(partial(self._tell, event, message))

    def _content_state(self, path: str) -> object:
        """Return what identifies the content of a path; anything if the disk does not answer."""
        answer = self._ask(lambda path: [content_state(path)], path)
        return answer or object()

    def _handle_event(self, event: Event) -> None:
        now, path, kind = time.monotonic(), event.path, event.kind
        is_own = self._is_own_folder(os.path.dirname(path))
        is_there: bool | None = True
        if kind == "gone" and is_own is False:
            # Polling reports what has taken its place before it reports it as gone.
            is_there = self._ask(os.path.lexists, path)
            kind = "folder" if is_there and self._ask(os.path.isdir, path) else "touched"
        if is_own is None or is_there is None:
            self._postponed.append(event)
            return
        if is_own or (kind == "folder" and self._ask(_is_own_folder, path)):
            return  # we have caused it
        if event.kind == "gone":
            if self._live_gallery:  # no outcome follows if its thumbnail is kept
                self._live_gallery.note_change()
            self._outcome_filter.forget(path)
            self._settling.add_gone(path, now)
        if not is_there:
            self._settling.discard(path)
            self._awaited.pop(path, None)
        elif kind == "folder":  # its pictures may have come before it was watched
            self._walk(path)
        else:
            self._settling.add(path, now, is_closed=kind == "closed")

    def _is_own_folder(self, folder: str) -> bool | None:
        """Return whether a folder holds only thumbnails of ours; None if it does not answer."""
        known = self._own_folders.get(folder)
        if known is None and (known := self._ask(_is_own_folder, folder)) is not None:
            self._own_folders[folder] = known
        return known

    def _walk(self, folder: str) -> None:
        """Find the pictures in a folder that is new."""
        roots = [state.root for state in self._states]

        def find(task: Task) -> None:
            for root in roots:
                for path in root.pictures_below(folder, task):
                    self._tasks.hand_over(task, self._add_found, path)

        def done(task: Task, result: object) -> None:
            self._walks.discard(task)
            self._failed(result)

        self._walks.add(self._tasks.start(folder, find, done))

    def _add_found(self, path: str) -> None:
        if path not in self._settling:
            self._settling.add(path, time.monotonic())

    def _failed(self, error: object) -> None:
        """After an error that affects all work, pause, then look at everything again."""
        if not isinstance(error, Exception) or self._is_ending:
            return
        if not isinstance(error, OutputError | WorkerError | OSError):
            raise error
        self.last_error = str(error)
        now = time.monotonic()
        if now >= self._paused_until:  # else it is one of several that the same error has ended
            self._tell("error", f"{error}; trying again in {self._back_off_seconds:g} s")
            self._paused_until = now + self._back_off_seconds
            self._back_off_seconds = min(2 * self._back_off_seconds, _BACK_OFF_SECONDS[1])
        for state in self._states:
            state.rescan_everything()

    # Roots

    def _check_root(self, state: _RootState, now: float) -> None:
        """Start a check of a root if one is due; the first opens it."""
        if state.check or now < state.next_check:
            return
        root, check = state.root, state.root.check if state.is_open else state.root.open

        def done(_: Task, result: object) -> None:
            state.check, state.is_open = None, True
            state.next_check = time.monotonic() + _CHECK_ROOTS_SECONDS
            self._failed(result)
            if result is True:
                state.rescan_everything()

        state.check = self._tasks.start(root.path, lambda task: check(task.is_set), done)

    def _rescan(self, state: _RootState, now: float, pool: Pool) -> None:
        """Start a rescan of a root if one is due."""
        if state.rescan or now < state.next_rescan or not (state.is_open and state.root.is_there):
            return
        root, is_first = state.root, not state.is_complete
        if state.must_forget:
            root.forget()
        state.must_forget = False

        def done(task: Task, result: object) -> None:
            self._claims.unmark(task)
            state.rescan, state.seen = None, task.count
            if isinstance(result, Exception) or task.is_set():
                self._failed(result)
                return
            self._back_off_seconds = _BACK_OFF_SECONDS[0]
            state.is_complete, state.last_rescan = True, time.time()
            state.next_rescan = time.monotonic() + self._options.rescan_seconds
            self._own_folders.clear()
            if self._is_ready:
                self._tell("rescan", f"{root.path}: everything has been looked at")

        state.rescan = self._tasks.start(
            root.path, lambda task: self._look_through(root, pool, task, is_first=is_first), done
        )

    def _look_through(self, root: WatchedRoot, pool: Pool, task: Task, *, is_first: bool) -> None:
        """Make whatever may not be current in a root, and remove orphans; in a thread."""
        take = partial(self._take_made, task, is_first=is_first)
        settle_ns = self._options.settle_seconds * 1e9
        items = root.sources(task)
        carried: list[str] = []  # one that was made since its ledger was read
        is_over = False

        def piece() -> Iterator[Source | Outcome]:
            nonlocal is_over
            end = time.monotonic() + _SLICE_SECONDS
            self._claims.mark(task)
            again, carried[:] = root.sources_at([*carried]), []
            for found in (again, items):
                for item in found:
                    if task.is_set():
                        return
                    task.count += 1
                    if isinstance(item, Outcome):
                        yield item
                    elif abs(time.time_ns() - item.mtime_ns) < settle_ns:
                        self._inbox.put(partial(self._add_young, item.path, is_awaited=is_first))
                    elif self._outcome_filter.must_wait(item):
                        continue
                    elif not self._claims.take(item.path, task):
                        self._inbox.put(partial(self._add_young, item.path, is_awaited=is_first))
                    elif self._claims.is_changed(item.path, task):
                        self._claims.release(item.path, task)
                        task.count -= 1
                        carried.append(item.path)
                        return
                    else:
                        yield item
                    if time.monotonic() > end:
                        return
            is_over = True

        while not (is_over or task.is_set()):
            run = Run(retry_failed=self._retries_failed and is_first, stop=task.for_workers)
            for outcome in run_pipeline(piece(), self.settings, run, pool):
                if outcome.status == "current":  # by the thousand, so the loop is spared
                    self._outcome_filter.note_current(outcome.source.path)
                    self._claims.release(outcome.source.path, task)
                else:
                    self._tasks.hand_over(task, take, outcome)
            root.record_made()
        if not task.is_set() and not self._options.keep_orphans:
            for outcome in root.orphans(task):
                self._tasks.hand_over(task, self._outcomes.append, outcome)

    def _add_young(self, path: str, *, is_awaited: bool) -> None:
        """Wait for a file that a rescan has found and that may be unfinished."""
        self._add_found(path)
        if is_awaited:
            self._awaited.setdefault(path, time.monotonic())

    # Changed files

    def _make_settled(self, now: float, pool: Pool) -> None:
        """Start to make the thumbnails of files that have settled."""
        is_busy = any(now - batch.begin < _SLOW_BATCH_SECONDS for batch in self._batches)
        if is_busy or len(self._batches) >= self._most_batches:
            return
        batch = _Batch(now, {})
        for path, is_closed in self._settling.settled(now, _SLICE_PATHS).items():
            if self._claims.take(path, batch):
                batch.left[path] = is_closed
            else:
                self._settling.add(path, now, is_closed=is_closed)
        if not batch.left:
            return
        paths = list(batch.left)
        roots = [state.root for state in self._states]

        def make(task: Task) -> None:
            run = Run(stop=task.for_workers)
            for root in roots:
                mine = [path for path in paths if root.holds(path)]
                found = _with_signs(root.sources_at(mine), task)
                for outcome in run_pipeline(found, self.settings, run, pool) if mine else ():
                    self._tasks.hand_over(task, partial(self._take_made, batch), outcome)

        def done(_: Task, result: object) -> None:
            self._batches.discard(batch)
            for path in paths:  # some may have no outcome
                self._claims.release(path, batch)
                self._awaited.pop(path, None)
            if isinstance(result, Exception):
                self._failed(result)
            else:
                self._back_off_seconds = _BACK_OFF_SECONDS[0]

        self._batches.add(batch)
        self._tasks.start(os.path.dirname(paths[0]), make, done)

    def _take_made(self, owner: Task | _Batch, outcome: Outcome, *, is_first: bool = False) -> None:
        """Take what has become of a picture."""
        path, error = outcome.source.path, outcome.error
        is_closed = not isinstance(owner, _Batch) or owner.left.pop(path, True)
        self._claims.release(path, owner, is_changed=True)
        self._awaited.pop(path, None)
        if reported := self._outcome_filter.to_report(outcome, is_unclosed=not is_closed):
            self._outcomes.append(reported)
        elif is_first and error and error.reason.endswith(FAILED_BEFORE):
            self._known_failures += 1

    def _remove_gone(self, now: float) -> None:
        """Start to remove the thumbnails of files and folders that are gone."""
        gone = self._settling.gone(now)
        if not gone or self._options.keep_orphans:
            return
        busy = self._claims.busy(gone)
        for path in busy:  # its thumbnail may be about to be written
            self._settling.add_gone(path, now)
        paths = [path for path in gone if path not in busy]
        roots = [state.root for state in self._states]

        def remove(task: Task) -> None:
            for root in roots:
                for outcome in _with_signs(root.removed(paths), task):
                    self._tasks.hand_over(task, self._outcomes.append, outcome)

        if paths:
            self._tasks.start(
                os.path.dirname(paths[0]), remove, lambda _, error: self._failed(error)
            )

    # The start

    def _become_ready(self, now: float) -> None:
        """Tell when everything is made, and before that from time to time how far it is."""
        self._awaited = {
            path: since for path, since in self._awaited.items() if now < since + _AWAITED_SECONDS
        }
        if all(state.is_complete for state in self._states) and not self._awaited:
            self._is_ready = True
            for state in self._states:
                state.root.log = None  # one look is enough to know which globs match nothing
                if state.count:
                    state.count.cancel()
            for note in (*self._notes, *self._log.unmatched()):
                self._tell("note", note)
            if number := self._known_failures:
                pictures = "1 picture" if number == 1 else f"{number:,} pictures"
                self._tell("failed before", f"{pictures}, not tried again; see thumbnailer status")
            self._tell("ready", f"everything has been looked at; {self._counts()}")
            return
        if now >= self._begin + _COUNT_AFTER_SECONDS:
            for state in self._states:
                if not state.count:
                    self._count_pictures(state)
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_SECONDS
            self._tell("progress", self._progress(now))

    def _count_pictures(self, state: _RootState) -> None:
        root = state.root

        def done(_: Task, result: object) -> None:
            if isinstance(result, tuple):  # else there is no telling how many there are
                state.total = result[0]

        state.count = self._tasks.start(
            root.path, lambda task: count_sources([root.path], self.settings, task), done
        )

    def _progress(self, now: float) -> str:
        totals = [state.total for state in self._states]
        of_total = "" if None in totals else f" of {sum(filter(None, totals)):,}"
        seen = sum(state.rescan.count if state.rescan else state.seen for state in self._states)
        words = f"{seen:,}{of_total} pictures looked at, {self._counts()}"
        status = self._status(now)
        return words if status == WORKING else f"{words}; {status}"

    def _counts(self) -> str:
        return f"{self.report.made:,} made, {self.report.failed:,} failed"


def _is_own_folder(folder: str) -> bool:
    """Return whether a folder holds only thumbnails of ours."""
    with suppress(OSError):
        return own_names(folder) is None
    return False


def _with_signs(items: Iterable[T], task: Task) -> Iterator[T]:
    """Yield items; each shows that the task goes on."""
    for item in items:
        task.is_set()
        yield item

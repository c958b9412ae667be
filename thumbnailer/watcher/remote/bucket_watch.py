"""A watch where pictures or thumbnails are in buckets.

One thread makes thumbnails: it reads pictures without end from the feed, which finds them by events
of a queue and by rescans. One receives the events, and one removes orphans. The loop waits for what
they have to tell, so that it goes on whatever a server does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue

from thumbnailer.config.settings import Settings
from thumbnailer.door.queues import open_queue
from thumbnailer.door.sources import Sources
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.errors import OutputError, SourceError, WorkerError
from thumbnailer.gallery.live import LiveGallery
from thumbnailer.model import Outcome, Report, Run, Stop
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.thumbs.folder_state import FAILED_BEFORE
from thumbnailer.watcher.health.state import IDLE, STARTING, WORKING, Health, Tally
from thumbnailer.watcher.remote.feed import Feed
from thumbnailer.watcher.remote.known import Known
from thumbnailer.watcher.remote.notices import Notices
from thumbnailer.watcher.remote.orphans import Orphans
from thumbnailer.watcher.work import WatchOptions

Tell = Callable[[str, str], None]

# How long to wait for outcomes when nothing happens; also how soon a stop is noticed.
_TICK_SECONDS = 0.1

# The pause after an error that affects all work: doubled from the first to the last value.
_BACK_OFF_SECONDS = (1.0, 60.0)

# How long to wait for the threads at the end.
_END_SECONDS = 0.5

# How many failures are remembered, so that each is told once.
_MOST_FAILURES = 100_000


class BucketWatch:
    """One watch from its start to its end; with the methods of `WatchLoop`.

    Args:
        opened: the SOURCEs.
        settings, options: as for `WatchLoop`.
        stop: once it is set, `run` ends.
        tell: called with the name of an event and a message, by any thread.
        turn: called at each turn of the loop, at least ten times a second.
        tally: that of the watch whose place it takes: the counts go on.

    Attributes:
        settings: as given.
    """

    def __init__(  # noqa: PLR0913 - what it is to do, and who is told
        self,
        opened: Sources,
        settings: Settings,
        options: WatchOptions,
        *,
        stop: Stop,
        tell: Tell,
        turn: Callable[[BucketWatch], None] = lambda watch: None,
        tally: Tally | None = None,
    ) -> None:
        self.settings, self._options, self._stop, self._turn = settings, options, stop, turn
        self._tally = tally or Tally()
        self._opened, self._tell = opened, tell
        self._inbox = SimpleQueue[Outcome]()
        self._has_ended = threading.Event()
        queue = open_queue(options.events, self) if options.events else None
        self._known, self._notices = Known(), Notices(queue, tell, self)
        self._orphans = Orphans(opened, settings, self._inbox.put, tell, self)
        self._feed = Feed(
            opened,
            settings,
            options,
            self._known,
            self._notices,
            removed=self._removed,
            rescanned=self._rescanned,
            tell=tell,
        )
        self._live_gallery = LiveGallery(opened.roots, settings, self) if options.gallery else None
        self._pool: Pool | None = None
        self._failures: dict[str, str] = {}
        self._known_failures, self._is_ready, self._noted = 0, False, 0
        self._paused_until = 0.0

    def is_set(self) -> bool:
        """Return whether all threads must end."""
        return self._has_ended.is_set() or self._stop.is_set()

    @property
    def report(self) -> Report:
        """The sum of the outcomes yielded so far."""
        return self._tally.report

    def health(self) -> Health:
        """Return its present state."""
        now = time.monotonic()
        return Health(
            self._tally,
            backlog=max(self._notices.backlog, self._feed.given - self._noted),
            oldest_pending_seconds=self._notices.oldest_seconds(now),
            last_rescan=self._feed.last_rescan,
            mode="queue" if self._options.events else "listing",
            status=self.status,
        )

    @property
    def status(self) -> str:
        """What it is doing or waiting for, as in its health."""
        if time.monotonic() < self._paused_until:
            return self._tally.waiting
        if self._feed.last_rescan is None and not self._feed.is_rescanning:
            return STARTING
        is_busy = self._feed.is_rescanning or self._notices.backlog or self._is_making
        return WORKING if is_busy or not self._is_ready else IDLE

    @property
    def _is_making(self) -> bool:
        return self._noted < self._feed.given

    def run(self) -> Iterator[Outcome]:
        """Watch, and yield outcomes until the stop is set."""
        self._has_ended.clear()
        self._is_ready = False
        self._notices.start()
        maker = threading.Thread(target=self._make, name="thumbnailer-make", daemon=True)
        maker.start()
        try:
            while not self._stop.is_set():
                self._turn(self)
                self._update_gallery()
                yield from self._reported(_TICK_SECONDS)
            self._has_ended.set()
            maker.join(_END_SECONDS)
            yield from self._reported(0)
        finally:
            self._has_ended.set()
            maker.join(_END_SECONDS)
            self._orphans.join(_END_SECONDS)
            if self._live_gallery:
                self._live_gallery.close()

    def kill(self) -> None:
        """Kill the workers, for a program that is about to end; may be called by any thread."""
        self._has_ended.set()
        if pool := self._pool:
            pool.__exit__()

    def _reported(self, seconds: float) -> Iterator[Outcome]:
        """Yield what is to be reported of the outcomes that have come; wait so long for one."""
        with suppress(Empty):
            outcome = self._inbox.get(timeout=seconds) if seconds else self._inbox.get_nowait()
            end = time.monotonic() + _TICK_SECONDS
            while True:
                if self._is_news(outcome):
                    self._tally.add(outcome)
                    if self._live_gallery:
                        self._live_gallery.note_change()
                    yield outcome
                if time.monotonic() > end:
                    break
                outcome = self._inbox.get_nowait()
        first = self._feed.first
        if not self._is_ready and first is not None and self._noted >= first:
            self._is_ready = True
            self._tell_that_ready()

    def _update_gallery(self) -> None:
        if self._live_gallery:
            for event, message in self._live_gallery.update_if_due(is_busy=self.status != IDLE):
                self._tell(event, message)

    def _is_news(self, outcome: Outcome) -> bool:
        """Return whether an outcome is to be reported: each failure once, and no `current`."""
        path, error = outcome.source.path, outcome.error
        if not error:
            self._failures.pop(path, None)
            return outcome.status != "current"
        if error.stage == "stopped":
            return False
        if error.reason.endswith(FAILED_BEFORE):
            self._known_failures += not self._is_ready
            return False
        if self._failures.get(path) == error.reason:
            return False
        if len(self._failures) < _MOST_FAILURES:
            self._failures[path] = error.reason
        return True

    def _make(self) -> None:
        """Make thumbnails until the end; after an error that affects all work, after a pause."""
        pause = _BACK_OFF_SECONDS[0]
        while not self.is_set():
            begun = time.monotonic()
            try:
                self._make_all()
                return
            except (OutputError, WorkerError, SourceError, OSError) as error:
                if self.is_set():
                    return
                if time.monotonic() - begun > _BACK_OFF_SECONDS[1]:
                    pause = _BACK_OFF_SECONDS[0]
                self._tally.note_error(error)
                self._tell("error", f"{error}; trying again in {pause:g} s")
                self._paused_until = time.monotonic() + pause
                while time.monotonic() < self._paused_until and not self.is_set():
                    time.sleep(_TICK_SECONDS)
                pause = min(2 * pause, _BACK_OFF_SECONDS[1])

    def _make_all(self) -> None:
        over, self._noted = _Either(self), 0
        run = Run(retry_failed=self._options.retry_failed, stop=self)
        try:
            with new_pool(self.settings, remote=True) as pool:
                self._pool = pool
                found = self._feed.sources(over)
                for outcome in run_pipeline(found, self.settings, run, pool, live=True):
                    self._note(outcome)
                    self._inbox.put(outcome)
                    self._noted += 1
        finally:
            over.is_over, self._pool = True, None

    def _note(self, outcome: Outcome) -> None:
        """Note what has been dealt with: what may pass is tried again."""
        error = outcome.error
        may_pass = error is not None and (not error.lasts or error.stage == "stopped")
        # Its thumbnail has the name of another one's, which may go.
        is_named_alike = error is not None and error.stage == "plan"
        if not (may_pass or is_named_alike):
            self._known.note_done(outcome.source)
        self._notices.dealt_with([outcome.source.path], failed=may_pass)

    def _removed(self, urls: list[str]) -> None:
        if not self._options.keep_orphans:
            self._orphans.remove_of(urls)

    def _rescanned(self, may_be_gone: bool) -> None:
        for root in self._opened.roots:  # it could be read: if it can't be again, that is news
            self._failures.pop(root, None)
        if self._is_ready:
            self._tell("rescan", "everything has been looked at")
        if may_be_gone and not self._options.keep_orphans:
            self._orphans.look_for_all()

    def _tell_that_ready(self) -> None:
        for note in self._opened.notes:
            self._tell("note", note)
        if number := self._known_failures:
            pictures = "1 picture" if number == 1 else f"{number:,} pictures"
            self._tell("failed before", f"{pictures}, not tried again; see thumbnailer status")
        counts = f"{self.report.made:,} made, {self.report.failed:,} failed"
        self._tell("ready", f"everything has been looked at; {counts}")


class _Either:
    """Stop of one reading of the feed: when the watch ends, or what it was read for is over."""

    def __init__(self, watch: BucketWatch) -> None:
        self._watch, self.is_over = watch, False

    def is_set(self) -> bool:
        return self.is_over or self._watch.is_set()

"""The watch loop: make missing thumbnails, then keep folders current.

Three things find work: events, once their files have settled; a rescan from time to time, which
finds changes that no event reported; and a check of each root and of the output tree once a second,
since one that vanishes or is unmounted sends no event.

The loop itself waits for nothing but messages. Whatever may wait for a disk is a task in a thread
of its own: each rescan, each check of a root or of the output tree, each batch of changed files,
each removal. All of them share one pool of workers, and hand their outcomes over to the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from queue import Empty
from typing import Protocol, Unpack

from thumbnailer.config.checks import shown
from thumbnailer.config.overrides import Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.door.places import Path, is_remote, paths_of
from thumbnailer.door.sources import open_sources
from thumbnailer.door.thumbs import open_thumbs
from thumbnailer.engine import sandbox
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.errors import ConfigError
from thumbnailer.gallery.live import LiveGallery
from thumbnailer.model import Answer, Job, Outcome, Report, Stop
from thumbnailer.watcher.batches import Batches
from thumbnailer.watcher.checks import Checks
from thumbnailer.watcher.health.state import Health
from thumbnailer.watcher.incoming import Incoming
from thumbnailer.watcher.observer.events import Event
from thumbnailer.watcher.progress import Progress
from thumbnailer.watcher.rescans import Rescans
from thumbnailer.watcher.roots.removals import Tell
from thumbnailer.watcher.roots.root import WatchedRoot
from thumbnailer.watcher.work import SETTLE_SECONDS, WatchOptions, Work

# How long to sleep when nothing happens; also how soon a stop is noticed.
_TICK_SECONDS = 0.1

# How long messages are handled before work is started and outcomes are passed on.
_MESSAGES_SECONDS = 0.1
_OUTCOMES_AT_ONCE = 100

# How long to wait for tasks at the end.
_END_SECONDS = 0.5


def watch(  # noqa: PLR0913 - for users: keywords, all but three with a default
    sources: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    stop_event: Stop,
    settle: float = SETTLE_SECONDS,
    rescan: float | None = None,
    poll: float | None = None,
    keep_orphans: bool = False,
    gallery: bool = False,
    retry_failed: bool = False,
    events: str = "",
    **overrides: Unpack[Overrides],
) -> Iterator[Outcome]:
    """Make the missing thumbnails of folders, then keep them current until `stop_event` is set.

        for outcome in watch("Pictures", stop_event=threading.Event()):
            print(outcome.source, outcome.status)

    Args:
        sources: a folder, or several; or prefixes in buckets, in which nothing need be yet.
        settings: what to make and how; `Settings()` if left out.
        stop_event: once it is set the iterator ends; closing it does the same.
        settle: seconds for which a file must stay unchanged if no event said that it is complete.
        rescan: seconds from the end of one rescan of a folder to the next; None for 60, in buckets
            for at least ten times as long as it takes.
        poll: poll all files at this interval, in seconds, instead of using the system's events;
            None to poll (every five) only where no events come, as on network file systems.
        keep_orphans: keep thumbnails whose sources are gone.
        gallery: also keep a page with the thumbnails current, as `write_gallery` writes it.
        retry_failed: at the start, retry pictures that failed before, even if nothing has changed.
        events: the URL of a queue of SQS, of Azure's or of Pub/Sub that tells what happens in the
            bucket.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Returns:
        An outcome for each picture that was made, failed or was skipped, and for each whose
        thumbnail was `removed`; none for what is current. A full disk or missing workers do not end
        it: it retries after a pause of up to a minute.

    Raises:
        SourceError: a source is missing, can't be read or is no folder; raised at once.
        ConfigError: a setting is unknown or impossible; raised at once.
        WorkerError: the sandbox that is required can't be had; raised at once.
    """
    options = WatchOptions(settle, rescan, poll, keep_orphans, gallery, retry_failed, events)
    return new_watch(sources, merge_settings(settings, overrides), options, stop=stop_event).run()


class Watch(Protocol):
    """A watch, of folders (`WatchLoop`) or where something is in a bucket (`BucketWatch`)."""

    @property
    def report(self) -> Report:
        """The sum of the outcomes yielded so far."""

    @property
    def status(self) -> str:
        """What it is doing or waiting for, as in its health."""

    def health(self) -> Health:
        """Return its present state."""

    def run(self) -> Iterator[Outcome]:
        """Watch, and yield outcomes until the stop is set."""

    def kill(self) -> None:
        """Kill the workers, for a program that is about to end; may be called by any thread."""


def new_watch(  # noqa: PLR0913 - what it is to do, and who is told
    sources: Path | Iterable[Path],
    settings: Settings,
    options: WatchOptions,
    *,
    stop: Stop,
    tell: Tell = lambda event, message: None,
    turn: Callable[[Watch], None] = lambda watch: None,
    before: Watch | None = None,
) -> Watch:
    """Return a watch of some SOURCEs; the arguments are those of `WatchLoop`.

    Raises:
        SourceError: a source is missing, can't be read or is no folder.
        ConfigError: a setting or an option is impossible.
        WorkerError: the sandbox that is required can't be had.
    """
    if settings.shard:
        shard = shown("shard", settings.shard)
        raise ConfigError(f"{shard}: has no place in a watch, which takes all pictures")
    sandbox.check_required(settings.sandbox)
    if settings.sandbox == "auto" and (reason := sandbox.unavailable_reason()):
        tell("note", f"workers have no sandbox: {reason}; say --sandbox off if that is fine")
    roots = paths_of(sources)
    if not is_remote(*roots, settings.output):
        if options.events:
            raise ConfigError("--events: tells of buckets, and no SOURCE is in one")
        earlier = before if isinstance(before, WatchLoop) else None
        return WatchLoop(roots, settings, options, stop=stop, tell=tell, turn=turn, before=earlier)
    from thumbnailer.watcher.remote.bucket_watch import BucketWatch  # imports asyncio: 50 ms

    opened = open_sources(roots, settings, stop=stop, may_be_empty=True)
    opened.refuse_files("only folders can be watched")
    tally = before.health().tally if before else None
    return BucketWatch(opened, settings, options, stop=stop, tell=tell, turn=turn, tally=tally)


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
    """

    def __init__(  # noqa: PLR0913 - what it is to do, and who is told
        self,
        sources: Path | Iterable[Path],
        settings: Settings,
        options: WatchOptions,
        *,
        stop: Stop,
        tell: Tell = lambda event, message: None,
        turn: Callable[[Watch], None] = lambda loop: None,
        before: WatchLoop | None = None,
    ) -> None:
        opened = open_sources(sources, settings)
        opened.refuse_files("only folders can be watched")
        self.settings, self._stop, self._turn = settings, stop, turn
        self._pool: Pool | None = None
        self._thumbs = open_thumbs(settings)
        work = self._work = Work(settings, options, stop=stop, tell=tell)
        for path, below in opened.folders.items():
            put, poll_seconds = self._put_event, options.poll_seconds
            work.watch(WatchedRoot(path, below, settings, put, work.tell_later, poll_seconds))
        if before:
            work.take_over(before._work)
        self._live_gallery = LiveGallery(opened.roots, settings, stop) if options.gallery else None
        self._incoming, self._checks = Incoming(work, self._note_change), Checks(work)
        retries_failed = options.retry_failed or before is not None
        self._rescans = Rescans(work, retries_failed=retries_failed)
        self._batches, self._progress = Batches(work), Progress(work, opened.notes)

    @property
    def report(self) -> Report:
        """The sum of the outcomes yielded so far."""
        return self._work.tally.report

    def health(self) -> Health:
        """Return its present state."""
        now = time.monotonic()
        health = self._progress.health(now, is_busy=self._is_busy)
        oldest_seconds = max(health.oldest_pending_seconds, self._batches.oldest_seconds(now))
        backlog = health.backlog + self._batches.left
        return replace(health, backlog=backlog, oldest_pending_seconds=oldest_seconds)

    @property
    def status(self) -> str:
        """What it is doing or waiting for, as in its health."""
        return self._progress.status(time.monotonic(), is_busy=self._is_busy)

    @property
    def _is_busy(self) -> bool:
        work = self._work
        return bool(work.is_rescanning or self._batches or work.settling or work.walks)

    def run(self) -> Iterator[Outcome]:
        """Watch, and yield outcomes until the stop is set; may be called again after that."""
        work = self._work
        work.is_ending = False
        self._progress.begin()
        for state in work.states:
            state.next_check, state.is_open, state.is_complete = 0.0, False, False
        work.rescan_everything()
        try:
            with new_pool(self.settings, finish=self._finish) as pool:
                self._pool = pool
                try:
                    while not self._stop.is_set():
                        yield from self._take_turn(pool)
                finally:
                    work.is_ending = True
            work.tasks.join(_END_SECONDS)
            end = time.monotonic() + _END_SECONDS
            while not work.inbox.empty() and time.monotonic() < end:
                self._take_messages()
                yield from self._reported()
        finally:
            work.is_ending, self._pool = True, None
            work.tasks.join(_END_SECONDS)
            work.ask.close()
            if self._live_gallery:
                self._live_gallery.close()
            for root in work.roots:
                root.close()

    def kill(self) -> None:
        """Kill the workers, for a program that is about to end; may be called by any thread."""
        self._work.is_ending = True
        if pool := self._pool:
            pool.__exit__()

    def _finish(self, jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        """Write what workers made while nothing is removed; called by threads of the pool."""
        path = jobs[0].source.path  # one batch is of one root
        gates = [root.removals.gate for root in self._work.roots if root.holds(path)]
        with gates[0].writing() if gates else nullcontext():
            return self._thumbs.finish(jobs, answers)

    def _take_turn(self, pool: Pool) -> Iterator[Outcome]:
        self._turn(self)
        self._take_messages()
        work, now = self._work, time.monotonic()
        self._checks.start_due(now)
        self._incoming.take_postponed(now)
        work.outcome_filter.start_retries(now)
        if now >= work.paused_until and not work.output.is_away:
            self._batches.remove_gone(now)
            self._batches.make_settled(now, pool)
            self._rescans.start_due(now, pool)
        yield from self._reported()
        if not work.is_ready:
            self._progress.become_ready(now, is_busy=self._is_busy)
        if self._live_gallery:
            self._live_gallery.device = work.output.device
            is_busy = self._is_busy or work.output.is_away
            for event, message in self._live_gallery.update_if_due(is_busy=is_busy):
                work.tell(event, message)

    def _reported(self) -> Iterator[Outcome]:
        """Count and yield the outcomes that have been handed over."""
        work = self._work
        while work.outcomes:
            outcome = work.outcomes.popleft()
            work.tally.add(outcome)
            self._note_change()
            yield outcome
            self._turn(self)

    def _note_change(self) -> None:
        # Also where no outcome follows: if the thumbnail of what is gone is kept.
        if self._live_gallery:
            self._live_gallery.note_change()

    def _take_messages(self) -> None:
        """Handle the messages that have come; wait for one tick if there is nothing else to do."""
        work = self._work
        try:
            work.inbox.get(timeout=_TICK_SECONDS)()
            end = time.monotonic() + _MESSAGES_SECONDS
            while time.monotonic() < end and len(work.outcomes) < _OUTCOMES_AT_ONCE:
                work.inbox.get_nowait()()
        except Empty:
            pass

    def _put_event(self, event: Event) -> None:
        self._work.inbox.put(partial(self._incoming.take, event))

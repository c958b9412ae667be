"""The watch loop: make missing thumbnails, then keep folders current.

Three things find work: events, once their files have settled; a rescan from time to time, which
finds changes that no event reported; and a check of each root once a second, since a root that
vanishes or is unmounted sends no event. Work runs in finite batches, in one pipeline over one pool.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from queue import Empty, Queue
from typing import Unpack

from thumbnailer.config.overrides import Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.door import Path, open_sources
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.errors import OutputError, WorkerError
from thumbnailer.gallery.live import LiveGallery
from thumbnailer.model import Outcome, Report, Run, Source, Stop
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.watcher.events import NATIVE_EVENTS, Event
from thumbnailer.watcher.health import Health
from thumbnailer.watcher.output import WatchedOutput
from thumbnailer.watcher.reporting import OutcomeFilter
from thumbnailer.watcher.root import Tell, WatchedRoot
from thumbnailer.watcher.settling import SettlingFiles

# How long to sleep when nothing happens; also how soon a stop is noticed.
_TICK_SECONDS = 0.1
_CHECK_ROOTS_SECONDS = 1.0

# How long a rescan goes on before events are handled again, how many settled paths a batch takes at
# most, and how many events are handled at once.
_SLICE_SECONDS = 2.0
_SLICE_PATHS = 1000
_EVENTS_AT_ONCE = 10_000

# The pause after a full disk or when no worker starts: doubled from the first to the last value.
_BACK_OFF_SECONDS = (1.0, 60.0)


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a watch notices changes, and what it keeps current; as the arguments of `watch`."""

    settle_seconds: float = 1.0
    rescan_seconds: float = 60.0
    poll_seconds: float | None = None
    keep_orphans: bool = False
    gallery: bool = False


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
    **overrides: Unpack[Overrides],
) -> Iterator[Outcome]:
    """Make the missing thumbnails of folders, then keep them current until `stop_event` is set.

    Args:
        sources: a folder, or several.
        settings: what to make and how; `Settings()` if left out.
        stop_event: once it is set the iterator ends; closing it does the same.
        settle: seconds for which a file must stay unchanged if no event said that it is complete.
        rescan: seconds from the end of one rescan of all folders to the next.
        poll: poll all files at this interval, in seconds, instead of using the system's events;
            None to poll (every five) only where no events come, as on network file systems.
        keep_orphans: keep thumbnails whose sources are gone.
        gallery: also keep a page with the thumbnails current, as `write_gallery` writes it.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Returns:
        An outcome for each picture that was made, failed or was skipped, and for each whose
        thumbnail was `removed`; none for what is current. A full disk or missing workers do not end
        it: it retries after a pause of up to a minute.

    Raises:
        SourceError: a source is missing, can't be read or is no folder; raised at once.
        ConfigError: a setting is unknown or impossible; raised at once.
    """
    options = WatchOptions(settle, rescan, poll, keep_orphans, gallery)
    return WatchLoop(sources, merge_settings(settings, overrides), options, stop=stop_event).run()


class WatchLoop:
    """One watch from its start to its end, and its state for monitoring.

    Args:
        sources, settings: as for `watch`.
        stop: once it is set, `run` ends.
        tell: called with the name of an event and a message.
        before: the watch that this one follows, which has ended.

    Attributes:
        settings: as given.
        report: the sum of the outcomes yielded so far.
        last_error: the message of the last error; None if there was none.
        last_beat: when it last looked for work, on the monotonic clock.
    """

    def __init__(
        self,
        sources: Path | Iterable[Path],
        settings: Settings,
        options: WatchOptions,
        *,
        stop: Stop,
        tell: Tell = lambda event, message: None,
        before: WatchLoop | None = None,
    ) -> None:
        opened = open_sources(sources, settings)
        opened.refuse_files("only folders can be watched")
        self.settings, self._options, self._stop, self._tell = settings, options, stop, tell
        # No SimpleQueue: up to Python 3.12 its `get` waits forever if a signal, such as one that
        # ends the watch, is handled at the very moment of its time-out.
        self._events: Queue[Event] = Queue()
        self._roots = [
            WatchedRoot(path, below, settings, self._events.put, tell, options.poll_seconds)
            for path, below in opened.folders.items()
        ]
        self._live_gallery = LiveGallery(opened.roots, settings, stop) if options.gallery else None
        self._settling = SettlingFiles(options.settle_seconds)
        self._outcome_filter = OutcomeFilter(self._roots, self._settling)
        self._output = WatchedOutput(settings, tell)
        if before:
            self._output.take_over(before._output)
        self._is_own_folder = cache(self._is_own)  # until the end of the next rescan
        self._rescan_in_progress: Iterator[Source | Outcome] | None = None
        self._next_rescan = self._next_root_check = self._paused_until = 0.0
        self._back_off_seconds = _BACK_OFF_SECONDS[0]
        self.report = Report()
        self._last_rescan: float | None = None
        self.last_error: str | None = None
        self.last_beat = time.monotonic()

    def health(self) -> Health:
        """Return its present state; may be called by another thread."""
        statuses = ("made", "skipped", "failed", "removed")
        is_polling = any(root.mode == "polling" for root in self._roots)
        return Health(
            counts={status: getattr(self.report, status) for status in statuses},
            backlog=len(self._settling),
            oldest_pending_seconds=self._settling.oldest_seconds(time.monotonic()),
            last_rescan=self._last_rescan,
            mode="polling" if is_polling else NATIVE_EVENTS,
            last_error=self.last_error,
        )

    def run(self) -> Iterator[Outcome]:
        """Watch, and yield outcomes until the stop is set; may be called again after that."""
        self._rescan_in_progress = self._rescan()
        try:
            for root in self._roots:
                root.open()
            with new_pool(self.settings) as pool:
                while not self._stop.is_set():
                    self.last_beat = time.monotonic()
                    self._take_events()
                    now = time.monotonic()
                    if now >= self._next_root_check:
                        self._next_root_check = now + _CHECK_ROOTS_SECONDS
                        if any([*map(WatchedRoot.check, self._roots)]):  # all are checked
                            self._rescan_everything()
                    for outcome in self._step(now, pool):
                        self.last_beat = time.monotonic()
                        self.report.add(outcome)
                        if outcome.status == "failed" and outcome.error:
                            self.last_error = f"{outcome.source.path}: {outcome.error.reason}"
                        if self._live_gallery:
                            self._live_gallery.note_change()
                        yield outcome
                    if self._live_gallery:
                        self._live_gallery.device = self._output.device
                        is_busy = bool(self._rescan_in_progress or self._settling)
                        is_busy = is_busy or self._output.is_away
                        for event, message in self._live_gallery.update_if_due(is_busy=is_busy):
                            self._tell(event, message)
        finally:
            if self._live_gallery:
                self._live_gallery.close()
            for root in self._roots:
                root.close()

    def _take_events(self) -> None:
        """Handle the events that have come; wait for one tick if there is nothing else to do."""
        is_paused = self._output.is_away or time.monotonic() < self._paused_until
        is_busy = self._rescan_in_progress and not is_paused
        try:
            self._handle_event(self._events.get(timeout=0 if is_busy else _TICK_SECONDS))
            for _ in range(_EVENTS_AT_ONCE):
                self._handle_event(self._events.get_nowait())
        except Empty:
            pass

    def _handle_event(self, event: Event) -> None:
        now, path, kind = time.monotonic(), event.path, event.kind
        if self._is_own_folder(os.path.dirname(path)):
            return  # we have caused it
        if kind == "gone":
            if self._live_gallery:  # no outcome follows if its thumbnail is kept
                self._live_gallery.note_change()
            self._outcome_filter.forget(path)
            self._settling.add_gone(path, now, has_moved=event.has_moved)
        # Polling reports what has taken its place before it reports it as gone. And what is at a
        # path by now may be behind a link that has taken the place of a folder.
        there = self._kind_at(path)
        if not there:
            if kind == "gone":
                self._settling.discard(path)
            return
        if kind == "gone":
            kind = "folder" if there == "folder" else "touched"
        if kind == "folder":  # its pictures may have come before it was watched
            for root in self._roots:
                for picture in root.pictures_below(path, self._stop):
                    if picture not in self._settling:
                        self._settling.add(picture, now)
        else:
            self._settling.add(path, now, is_closed=kind == "closed")

    def _kind_at(self, path: str) -> str:
        """Return what is at a path, as the first root says that has anything there; "" if none."""
        kinds = (root.kind_at(path) for root in self._roots if root.holds(path))
        return next(filter(None, kinds), "")

    def _is_own(self, folder: str) -> bool:
        """Return whether a folder holds only thumbnails of ours."""
        return any(root.is_own(folder) for root in self._roots if root.holds(folder))

    def _step(self, now: float, pool: Pool) -> Iterator[Outcome]:
        """Do what is due; after an error that affects all of it, pause and retry."""
        self._output.check()
        if self._output.is_back():
            self._rescan_everything()
        if now < self._paused_until or self._output.is_away:
            return
        try:
            self._output.prepare()
            paths = self._settling.settled(now, _SLICE_PATHS)
            gone = self._settling.gone(now)
            for root in () if self._options.keep_orphans else self._roots:
                yield from root.removed(gone)
            for root in self._roots:
                if any(map(root.holds, paths)):
                    yield from self._make(root.sources_at(paths), pool, paths)
            if self._rescan_in_progress:
                yield from self._continue_rescan(self._rescan_in_progress, pool)
            elif now >= self._next_rescan:
                self._rescan_in_progress = self._rescan()
            self._back_off_seconds = _BACK_OFF_SECONDS[0]
        except (OutputError, WorkerError, OSError) as error:
            self._output.check()
            if not self._output.is_away:
                self.last_error = str(error)
                self._tell("error", f"{error}; trying again in {self._back_off_seconds:g} s")
            self._paused_until = time.monotonic() + self._back_off_seconds
            self._back_off_seconds = min(2 * self._back_off_seconds, _BACK_OFF_SECONDS[1])
            self._rescan_everything()

    def _make(
        self, found: Iterable[Source | Outcome], pool: Pool, closed: Mapping[str, bool]
    ) -> Iterator[Outcome]:
        """Make the thumbnails of a batch of sources; `closed` says which files are complete."""
        run = Run(stop=self._stop, output=self._output.identity)
        for outcome in run_pipeline(found, self.settings, run, pool):
            if outcome.error:
                self._output.check()
                if self._output.is_away:
                    continue  # all is looked at again once it is back
            is_unclosed = not closed.get(outcome.source.path, True)
            if reported := self._outcome_filter.to_report(outcome, is_unclosed=is_unclosed):
                yield reported

    def _continue_rescan(self, items: Iterator[Source | Outcome], pool: Pool) -> Iterator[Outcome]:
        yield from self._make(self._slice(items), pool, {})
        if self._rescan_in_progress or self._stop.is_set():
            return
        for root in () if self._options.keep_orphans else self._roots:
            yield from root.orphans(self._stop)
        self._is_own_folder.cache_clear()
        self._outcome_filter.forget_gone()
        self._next_rescan = time.monotonic() + self._options.rescan_seconds
        self._tell("rescan" if self._last_rescan else "ready", "everything has been looked at")
        self._last_rescan = time.time()

    def _slice(self, items: Iterator[Source | Outcome]) -> Iterator[Source | Outcome]:
        """Yield items of a rescan until its end, or until events have to be handled again."""
        end = time.monotonic() + _SLICE_SECONDS
        for item in items:
            yield item
            if time.monotonic() > end:
                return
        self._rescan_in_progress = None

    def _rescan(self) -> Iterator[Source | Outcome]:
        """Yield whatever may not be current in any root; files that may be unfinished wait."""
        settle_ns = self._options.settle_seconds * 1e9
        for root in self._roots:
            for item in root.sources(self._stop):
                if not isinstance(item, Source) or abs(time.time_ns() - item.mtime_ns) >= settle_ns:
                    yield item
                else:
                    root.mark_changed(item.path)  # and look at it again in the next rescan
                    if item.path not in self._settling:
                        self._settling.add(item.path, time.monotonic())

    def _rescan_everything(self) -> None:
        for root in self._roots:
            root.forget()
        self._rescan_in_progress = self._rescan()

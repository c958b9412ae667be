"""The watch loop: make missing thumbnails, then keep folders current.

Three things find work: events, once their files have settled; a rescan from time to time, which
finds changes that no event reported; and a check of each root once a second, since a root that
vanishes or is unmounted sends no event. Work runs in finite batches, in one pipeline over one pool.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, Queue
from typing import Unpack

from thumbnailer.config.overrides import Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.door import Path, open_sources
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.errors import OutputError, SourceError, WorkerError
from thumbnailer.gallery.live import LiveGallery
from thumbnailer.model import Outcome, Report, Run, Source, Stop
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.thumbs.ledger import own_names
from thumbnailer.watcher.events import NATIVE_EVENTS, Event
from thumbnailer.watcher.reporting import OutcomeFilter
from thumbnailer.watcher.root import WatchedRoot
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


def watch(
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
    loop = WatchLoop(
        sources,
        merge_settings(settings, overrides),
        stop=stop_event,
        settle_seconds=settle,
        rescan_seconds=rescan,
        poll_seconds=poll,
        keep_orphans=keep_orphans,
        gallery=gallery,
    )
    return loop.run()


class WatchLoop:
    """One watch from its start to its end, and its state for monitoring.

    The arguments are those of `watch`; `tell` is called with the name of an event and a message.

    Attributes:
        settings: as given.
        report: the sum of the outcomes yielded so far.
        last_rescan: when the last one ended, seconds since the epoch; None before the first.
        last_error: the message of the last error; None if there was none.
        last_beat: when it last looked for work, on the monotonic clock.
    """

    def __init__(
        self,
        sources: Path | Iterable[Path],
        settings: Settings,
        *,
        stop: Stop,
        settle_seconds: float = 1.0,
        rescan_seconds: float = 60.0,
        poll_seconds: float | None = None,
        keep_orphans: bool = False,
        gallery: bool = False,
        tell: Callable[[str, str], None] = lambda event, message: None,
    ) -> None:
        opened = open_sources(sources, settings)
        folders = opened.folders
        for root in opened.roots:
            if root not in folders:
                raise SourceError(None, "is no folder; only folders can be watched", root)
        self.settings, self._stop, self._tell = settings, stop, tell
        self._settle_seconds, self._rescan_seconds = settle_seconds, rescan_seconds
        self._keep_orphans = keep_orphans
        self._is_picture = settings.choice.is_picture
        # No SimpleQueue: up to Python 3.12 its `get` waits forever if a signal, such as one that
        # ends the watch, is handled at the very moment of its time-out.
        self._events: Queue[Event] = Queue()
        self._roots = [
            WatchedRoot(path, below, settings, self._events.put, poll_seconds)
            for path, below in folders.items()
        ]
        self._live_gallery = LiveGallery(opened.roots, settings, stop) if gallery else None
        self._settling = SettlingFiles(settle_seconds)
        self._outcome_filter = OutcomeFilter(self._roots, self._settling)
        self._gone: dict[str, float] = {}  # when to remove the thumbnails of each path
        self._unclosed: set[str] = set()  # paths of the present batch, not closed by their writers
        self._own_folders: set[str] = set()  # folders of thumbnails, whose events we cause
        self._rescan_in_progress: Iterator[Source | Outcome] | None = None
        self._next_rescan = self._next_root_check = self._paused_until = 0.0
        self._back_off_seconds = _BACK_OFF_SECONDS[0]
        self.report = Report()
        self.last_rescan: float | None = None
        self.last_error: str | None = None
        self.last_beat = time.monotonic()

    @property
    def mode(self) -> str:
        """`inotify`, `native` (events of other systems), or `polling` if any root is polled."""
        modes = {root.mode for root in self._roots}
        return "polling" if "polling" in modes else NATIVE_EVENTS

    @property
    def backlog(self) -> int:
        """The number of pictures that are known to have changed and are not done."""
        return len(self._settling)

    @property
    def oldest_pending_seconds(self) -> float:
        return self._settling.oldest_seconds(time.monotonic())

    def run(self) -> Iterator[Outcome]:
        """Watch, and yield outcomes until the stop is set; may be called again after that."""
        self._rescan_in_progress = self._rescan()
        try:
            for root in self._roots:
                for event, message in root.open():
                    self._tell(event, message)
            with new_pool(self.settings) as pool:
                while not self._stop.is_set():
                    self.last_beat = time.monotonic()
                    self._take_events()
                    self._check_roots()
                    for outcome in self._work(pool):
                        self.last_beat = time.monotonic()
                        self.report.add(outcome)
                        if outcome.status == "failed" and outcome.error:
                            self.last_error = f"{outcome.source.path}: {outcome.error.reason}"
                        if self._live_gallery:
                            self._live_gallery.note_change()
                        yield outcome
                    self._update_gallery()
        finally:
            if self._live_gallery:
                self._live_gallery.close()
            for root in self._roots:
                root.close()

    def _update_gallery(self) -> None:
        if self._live_gallery:
            is_busy = bool(self._rescan_in_progress or self._settling)
            for event, message in self._live_gallery.update_if_due(is_busy=is_busy):
                self._tell(event, message)

    def _take_events(self) -> None:
        """Handle the events that have come; wait for one tick if there is nothing else to do."""
        is_busy = self._rescan_in_progress and time.monotonic() >= self._paused_until
        try:
            self._handle_event(self._events.get(timeout=0 if is_busy else _TICK_SECONDS))
            for _ in range(_EVENTS_AT_ONCE):
                self._handle_event(self._events.get_nowait())
        except Empty:
            pass

    def _handle_event(self, event: Event) -> None:
        now = time.monotonic()
        if os.path.dirname(event.path) in self._own_folders:
            return
        if event.kind == "gone":
            if self._live_gallery:  # no outcome follows if its thumbnail is kept
                self._live_gallery.note_change()
            self._outcome_filter.forget(event.path)
            self._gone[event.path] = now + self._settle_seconds
            # Polling reports what has taken its place before it reports it as gone.
            if os.path.isdir(event.path):
                self._handle_new_folder(event.path, now)
            elif os.path.lexists(event.path):
                self._settling.add(event.path, now)
            else:
                self._settling.discard(event.path)
        elif event.kind == "folder":
            self._handle_new_folder(event.path, now)
        else:
            self._settling.add(event.path, now, is_closed=event.kind == "closed")

    def _handle_new_folder(self, folder: str, now: float) -> None:
        """Add the pictures in a new folder: they may have come before it was watched."""
        roots = [root for root in self._roots if root.holds(folder) and root.enters(folder)]
        if not roots:
            return
        for place, folders, names in os.walk(folder):
            if self._stop.is_set():
                return
            folders[:] = [
                name
                for name in folders
                if any(root.enters(os.path.join(place, name)) for root in roots)
            ]
            for root in roots:
                root.check_for_orphans(place)
            for name in filter(self._is_picture, names):
                path = os.path.join(place, name)
                if path not in self._settling:
                    self._settling.add(path, now)

    def _work(self, pool: Pool) -> Iterator[Outcome]:
        """Do the work of one batch; after an error that affects all of it, pause and retry."""
        now = time.monotonic()
        if now < self._paused_until:
            return
        try:
            paths = self._settling.settled(now, _SLICE_PATHS)
            self._unclosed = {path for path, is_closed in paths.items() if not is_closed}
            yield from self._remove_thumbnails_of_gone(now)
            for root in self._roots:
                if any(map(root.holds, paths)):
                    yield from self._batch(root.located(paths), pool)
            self._unclosed.clear()
            if self._rescan_in_progress:
                yield from self._continue_rescan(self._rescan_in_progress, pool)
            elif now >= self._next_rescan:
                self._rescan_in_progress = self._rescan()
            self._back_off_seconds = _BACK_OFF_SECONDS[0]
        except (OutputError, WorkerError, OSError) as error:
            self.last_error = str(error)
            self._tell("error", f"{error}; trying again in {self._back_off_seconds:g} s")
            self._paused_until = time.monotonic() + self._back_off_seconds
            self._back_off_seconds = min(2 * self._back_off_seconds, _BACK_OFF_SECONDS[1])
            self._rescan_everything()

    def _batch(self, found: Iterable[Source | Outcome], pool: Pool) -> Iterator[Outcome]:
        for outcome in run_pipeline(found, self.settings, Run(stop=self._stop), pool):
            if outcome.thumbnails:
                self._remember_own_folder(os.path.dirname(outcome.thumbnails[0].path))
            is_unclosed = outcome.source.path in self._unclosed
            if reported := self._outcome_filter.to_report(outcome, is_unclosed=is_unclosed):
                yield reported

    def _remember_own_folder(self, folder: str) -> None:
        """Ignore events in a folder from now on if it holds only our own thumbnails."""
        if folder not in self._own_folders:
            with suppress(OSError):
                if own_names(folder) is None:
                    self._own_folders.add(folder)

    def _remove_thumbnails_of_gone(self, now: float) -> Iterator[Outcome]:
        due = [path for path, when in self._gone.items() if when <= now]
        for path in due:
            del self._gone[path]
        if due and not self._keep_orphans:
            for root in self._roots:
                yield from root.removed(due)

    def _continue_rescan(
        self, rescan_items: Iterator[Source | Outcome], pool: Pool
    ) -> Iterator[Outcome]:
        part = _TimeSlice(rescan_items, _SLICE_SECONDS)
        yield from self._batch(part, pool)
        for root in self._roots:
            root.record_made()
        if part.is_last and not self._stop.is_set():
            for root in self._roots:
                if not self._keep_orphans and root.identity is not None:
                    yield from root.orphans(self._stop)
            self._rescan_in_progress = None
            self._own_folders.clear()
            self._next_rescan = time.monotonic() + self._rescan_seconds
            self._tell(
                "ready" if self.last_rescan is None else "rescan", "everything has been looked at"
            )
            self.last_rescan = time.time()

    def _rescan(self) -> Iterator[Source | Outcome]:
        """Yield whatever may not be current in any root; fresh files have to settle first."""
        for root in self._roots:
            if root.identity is None:
                continue
            for item in root.changed(self._stop):
                if isinstance(item, Source) and self._is_fresh(item):
                    if item.path not in self._settling:
                        self._settling.add(item.path, time.monotonic())
                else:
                    yield item

    def _is_fresh(self, source: Source) -> bool:
        """Return whether a source changed so recently that it may be unfinished."""
        return abs(time.time_ns() - source.mtime_ns) < self._settle_seconds * 1e9

    def _rescan_everything(self) -> None:
        for root in self._roots:
            root.forget()
        self._rescan_in_progress = self._rescan()

    def _check_roots(self) -> None:
        now = time.monotonic()
        if now < self._next_root_check:
            return
        self._next_root_check = now + _CHECK_ROOTS_SECONDS
        for root in self._roots:
            for event, message in root.check():
                self._tell(event, message)
                if event in ("root back", "events lost"):
                    self._rescan_everything()


class _TimeSlice:
    """The next items of an iterator, up to a time limit in seconds."""

    def __init__(self, items: Iterator[Source | Outcome], seconds: float) -> None:
        self._items, self._seconds = items, seconds
        self.is_last = False

    def __iter__(self) -> Iterator[Source | Outcome]:
        end = time.monotonic() + self._seconds
        for item in self._items:
            yield item
            if time.monotonic() > end:
                return
        self.is_last = True

"""The long-running use: what is missing is made, then folders are kept current.

Three things find work: events, once what they tell of has come to rest; a rescan from time to time,
which finds what no event told of; and a look at each root once a second, since one that vanishes or
is unmounted sends no event. All of it goes in finite batches down the one line, over one pool.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Unpack

from thumbnailer.config import Overrides, Settings, merged
from thumbnailer.errors import OutputError, SourceError, WorkerError
from thumbnailer.line import flow, new_pool
from thumbnailer.machine import eventless_filesystem, watch_limit
from thumbnailer.model import Folder, Outcome, Removal, Report, Source, Stop
from thumbnailer.orphans import (
    find_orphans,
    forget,
    is_empty,
    is_gone,
    output_folders,
    remove,
    thumbs_folders,
)
from thumbnailer.pending import Pending
from thumbnailer.plan import AGAIN, THUMBS
from thumbnailer.pool import Pool
from thumbnailer.scan import folder_filter, is_picture, locator, scan
from thumbnailer.service import Path, checked
from thumbnailer.stages import CHANGING
from thumbnailer.watcher import ENDED, Event, Watcher

# How long it sleeps when nothing happens; also how soon it notices a stop.
_TICK_SECONDS = 0.1
_LOOK_AT_ROOTS_SECONDS = 1.0

# How long a batch may be in the making before events are looked at again, and how many paths of
# events it takes in at once.
_SLICE_SECONDS = 2.0
_SLICE_PATHS = 1000

# How often files are looked at where no events come.
_POLL_SECONDS = 5.0

# After a full disk or when no worker starts: doubled from the first to the last.
_BACK_OFF_SECONDS = (1.0, 60.0)


@dataclass(slots=True, eq=False)
class _Root:
    """A watched folder.

    Attributes:
        below: the folder an output tree keeps it in.
        identity: device and inode; None while it is missing.
        seen: of each folder with pictures, a hash of what the last rescan saw in it and the mtime
            of its thumbnails' folder after they were made.
    """

    path: str
    below: str
    watcher: Watcher | None = None
    identity: tuple[int, int] | None = None
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    is_scanned: bool = False

    def is_intact(self) -> bool:
        """Whether it is there and still the same; if not, nothing in it counts as deleted."""
        return self.identity is not None and _identity(self.path) == self.identity


def watch(
    sources: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    stop_event: Stop,
    settle: float = 1.0,
    rescan: float = 60.0,
    poll: float | None = None,
    keep_orphans: bool = False,
    **overrides: Unpack[Overrides],
) -> Iterator[Outcome]:
    """Make what is missing in some folders, then keep them current until `stop_event` is set.

    Args:
        sources: a folder, or several.
        settings: what to make and how; `Settings()` if left out.
        stop_event: once it is set the iterator ends; closing it does the same.
        settle: seconds for which a file must stand still if nobody said that it is complete.
        rescan: seconds from one look at everything to the next.
        poll: look at all files every so many seconds instead of relying on the system's events;
            None to do so (every five) only where no events come, as on network file systems.
        keep_orphans: leave thumbnails alone whose sources are gone.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Returns:
        An outcome for each picture that was made, failed or was skipped, and for each whose
        thumbnail was `removed`; none for what is current. A full disk or missing workers do not end
        it: it tries again, after up to a minute.

    Raises:
        SourceError: a source is not there, can't be read or is no folder; at once.
        ConfigError: a setting is unknown or impossible; at once.
    """
    vigil = Vigil(
        sources,
        merged(settings, overrides),
        stop=stop_event,
        settle_seconds=settle,
        rescan_seconds=rescan,
        poll_seconds=poll,
        keep_orphans=keep_orphans,
    )
    return vigil.run()


class Vigil:
    """One watch from its start to its end, with what there is to tell of it meanwhile.

    The arguments are those of `watch`; `tell` is called with the name of an event and words.

    Attributes:
        report: what became of pictures up to now.
        last_rescan: when the last one ended, seconds since the epoch; None before the first.
        last_error: the last thing that went wrong, in words.
        mode: `events` or `polling`.
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
        tell: Callable[[str, str], None] = lambda event, words: None,
    ) -> None:
        self._settings, self._stop, self._tell = settings, stop, tell
        self._output = os.fspath(settings.output) or None
        roots, folders = checked(sources, settings)
        for root in roots:
            if root not in folders:
                raise SourceError(None, "is no folder; only folders can be watched", root)
        self._roots = [_Root(path, below) for path, below in folders.items()]
        self._settle_seconds, self._rescan_seconds = settle_seconds, rescan_seconds
        self._poll_seconds, self._keep_orphans = poll_seconds, keep_orphans
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._pending = Pending(settle_seconds)
        self._gone: dict[str, float] = {}
        self._scanning: Iterator[Source | Outcome] | None = None
        self._unsure: dict[str, _Root] = {}
        self._next_rescan = self._next_look = self._paused_until = 0.0
        self._back_off_seconds = _BACK_OFF_SECONDS[0]
        self._has_warned = False
        self.report = Report()
        self.last_rescan: float | None = None
        self.last_error: str | None = None
        self.mode = "events"
        self.last_beat = time.monotonic()

    @property
    def backlog(self) -> int:
        """How many pictures are known to have changed and are not done."""
        return len(self._pending)

    @property
    def oldest_pending_seconds(self) -> float:
        return self._pending.oldest_seconds(time.monotonic())

    def run(self) -> Iterator[Outcome]:
        """The outcomes, until the stop is set."""
        try:
            for root in self._roots:
                self._open(root)
            self._scanning = self._rescan()
            with new_pool(self._settings) as pool:
                while not self._stop.is_set():
                    self.last_beat = time.monotonic()
                    self._take_events()
                    self._look_at_roots()
                    yield from self._work(pool)
        finally:
            for root in self._roots:
                if root.watcher:
                    root.watcher.close()

    # Events

    def _take_events(self) -> None:
        """Enter what has happened; waits for a moment where nothing is to be done."""
        wait = 0.0 if self._scanning and time.monotonic() >= self._paused_until else _TICK_SECONDS
        try:
            self._enter(self._events.get(timeout=wait) if wait else self._events.get_nowait())
            while True:
                self._enter(self._events.get_nowait())
        except Empty:
            pass

    def _enter(self, event: Event) -> None:
        now = time.monotonic()
        if event.kind == "gone":
            self._pending.discard(event.path)
            self._gone[event.path] = now + self._settle_seconds
        elif event.kind == "folder":
            self._enter_folder(event.path, now)
        else:
            self._pending.add(event.path, now, is_closed=event.kind == "closed")

    def _enter_folder(self, folder: str, now: float) -> None:
        """What is in a new folder may have come before anybody watched it."""
        enters = [self._filter(root) for root in self._roots if _is_in(folder, root.path)]
        for place, folders, names in os.walk(folder):
            folders[:] = [
                name
                for name in folders
                if any(enter(os.path.join(place, name)) for enter in enters)
            ]
            for name in filter(is_picture, names):
                path = os.path.join(place, name)
                if path not in self._pending:
                    self._pending.add(path, now)

    # Work

    def _work(self, pool: Pool) -> Iterator[Outcome]:
        now = time.monotonic()
        if now < self._paused_until:
            return
        paths = self._pending.settled(now, _SLICE_PATHS)
        if paths:
            yield from self._batch(self._located(paths), pool)
        if self._gone and not self._stop.is_set():
            yield from self._removals(now)
        if self._scanning:
            part = _Slice(self._scanning, _SLICE_SECONDS)
            yield from self._batch(part, pool)
            if part.is_last and self._scanning:
                self._scanning = None
                self._next_rescan = time.monotonic() + self._rescan_seconds
                self._tell("ready" if self.last_rescan is None else "rescan", "all is seen")
                self.last_rescan = time.time()
        elif now >= self._next_rescan:
            self._scanning = self._rescan()

    def _batch(self, found: Iterable[Source | Outcome], pool: Pool) -> Iterator[Outcome]:
        """A finite part of the work; what goes wrong with all of it is tried again later."""
        self._unsure.clear()
        try:
            for outcome in flow(found, self._settings, self.report, pool, stop=self._stop):
                if outcome.error and outcome.error.reason == CHANGING:
                    self._pending.add(outcome.source.path, time.monotonic())
                elif _is_news(outcome):
                    if outcome.status == "failed" and outcome.error:
                        self.last_error = f"{outcome.source.path}: {outcome.error.reason}"
                    yield outcome
            self._back_off_seconds = _BACK_OFF_SECONDS[0]
        except (OutputError, WorkerError) as error:
            self.last_error = str(error)
            self._tell("error", f"{error}; trying again in {self._back_off_seconds:g} s")
            self._paused_until = time.monotonic() + self._back_off_seconds
            self._back_off_seconds = min(2 * self._back_off_seconds, _BACK_OFF_SECONDS[1])
            self._unsure.clear()
            for root in self._roots:
                root.seen.clear()
            self._scanning = self._rescan()
        for folder, root in self._unsure.items():
            root.seen[folder] = root.seen[folder][0], self._thumbs_mtime_ns(root, folder)

    def _located(self, paths: list[str]) -> Iterator[Source | Outcome]:
        shape = self._settings
        for root in self._roots:
            locate = locator(
                root.path,
                below=root.below,
                recursive=shape.recursive,
                include=shape.include,
                exclude=shape.exclude,
            )
            for path in paths:
                if _is_in(path, root.path) and (item := locate(path)):
                    yield item

    def _removals(self, now: float) -> Iterator[Outcome]:
        due = [path for path, when in self._gone.items() if when <= now]
        for path in due:
            del self._gone[path]
        if self._keep_orphans:
            return
        for root in self._roots:
            gone = [path for path in due if _is_in(path, root.path) and _is_surely_gone(path)]
            if gone and root.is_intact():
                yield from self._removed(forget(gone, {root.path: root.below}, output=self._output))

    def _removed(self, removals: Iterator[Removal]) -> Iterator[Outcome]:
        try:
            for removal in removals:
                outcome = _outcome_of(removal)
                self.report.add(outcome)
                yield outcome
        except OutputError as error:
            self.last_error = str(error)
            self._tell("error", str(error))

    # Rescans

    def _rescan(self) -> Iterator[Source | Outcome]:
        """Whatever may not be current, of all that is there; and orphans are removed."""
        for root in self._roots:
            if root.identity is None:
                continue
            old, root.seen = root.seen, {}
            shape, changed = self._settings, []
            found = scan(
                root.path,
                below=root.below,
                recursive=shape.recursive,
                include=shape.include,
                exclude=shape.exclude,
                stop=self._stop,
            )
            for folder, group in groupby(found, key=lambda item: os.path.dirname(_path(item))):
                items = list(group)
                state = hash(tuple(items))
                if (before := old.get(folder)) == (state, self._thumbs_mtime_ns(root, folder)):
                    root.seen[folder] = before
                    continue
                changed.append(folder)
                root.seen[folder] = state, 0
                self._unsure[folder] = root
                for item in items:
                    if isinstance(item, Source) and self._is_fresh(item):
                        if item.path not in self._pending:
                            self._pending.add(item.path, time.monotonic())
                    else:
                        yield item
            if self._stop.is_set() or self._keep_orphans:
                continue
            vanished = old.keys() - root.seen.keys()
            folders = [*changed, *vanished] if root.is_scanned else None
            root.is_scanned = True
            yield from self._orphans(root, folders)

    def _orphans(self, root: _Root, folders: Iterable[str] | None) -> Iterator[Outcome]:
        """Remove the orphans of some folders of pictures, or of all."""
        places: Iterable[Folder | Removal]
        if folders is not None:
            places = [self._thumbs(root, folder) for folder in folders]
        elif self._output is None:
            places = thumbs_folders(root.path, self._stop)
        else:
            places = output_folders(self._output, root.below, self._stop)
        findings = find_orphans([root.path], places, self._stop)
        if root.is_intact() and not (self._output and is_empty(root.path)):
            try:
                yield from map(_outcome_of, remove(findings.orphans, self._stop))
            except OutputError as error:
                self.last_error = str(error)
                self._tell("error", str(error))

    def _is_fresh(self, source: Source) -> bool:
        """Whether somebody may still be writing it."""
        return abs(time.time_ns() - source.mtime_ns) < self._settle_seconds * 1e9

    def _thumbs(self, root: _Root, folder: str) -> Folder:
        inner = os.path.relpath(folder, root.path)
        inner = "" if inner == os.curdir else inner
        if self._output is None:
            return Folder(root.path, os.path.join(inner, THUMBS))
        return Folder(self._output, os.path.join(root.below, inner) if root.below else inner)

    def _thumbs_mtime_ns(self, root: _Root, folder: str) -> int:
        try:
            return os.stat(self._thumbs(root, folder).path).st_mtime_ns
        except OSError:
            return 0

    # Roots

    def _look_at_roots(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_AT_ROOTS_SECONDS
        for root in self._roots:
            trouble = root.watcher.trouble() if root.watcher else ""
            identity = _identity(root.path)
            if root.identity is None:
                # An empty folder looks like a disk that is not mounted.
                if identity is not None and not is_empty(root.path):
                    self._open(root)
                    self._tell("root back", root.path)
                    self._rescan_at_once()
            elif identity != root.identity and (identity is None or is_empty(root.path)):
                self._close(root)
                self._tell("root missing", root.path)
            elif identity != root.identity or trouble == ENDED:
                self._close(root)
                self._open(root)
                self._tell("root back", root.path)
                self._rescan_at_once()
            elif trouble:
                self._tell("events lost", trouble)
                self._rescan_at_once()
            if root.watcher and root.watcher.unwatched and not self._has_warned:
                self._has_warned = True
                self._tell("watch limit", watch_limit())

    def _open(self, root: _Root) -> None:
        poll_seconds = self._poll_seconds
        if poll_seconds is None and (kind := eventless_filesystem(root.path)):
            poll_seconds = _POLL_SECONDS
            self._tell(
                "poll",
                f"{root.path} is on {kind}, which sends no events: looking at all "
                f"files every {poll_seconds:g} s",
            )
        try:
            root.watcher = Watcher(root.path, self._filter(root), self._events.put, poll_seconds)
        except OSError as error:
            self.last_error = f"{root.path}: {error.strerror or error}"
            self._tell("error", f"{root.path} can't be watched, rescans have to do: {error}")
        self.mode = "polling" if poll_seconds is not None else "events"
        root.identity = _identity(root.path)
        root.seen.clear()

    def _close(self, root: _Root) -> None:
        if root.watcher:
            root.watcher.close()
        root.watcher, root.identity = None, None
        root.seen.clear()

    def _rescan_at_once(self) -> None:
        self._scanning = self._rescan()

    def _filter(self, root: _Root) -> Callable[[str], bool]:
        return folder_filter(
            root.path, recursive=self._settings.recursive, exclude=self._settings.exclude
        )


class _Slice:
    """What an iterator yields in the next seconds."""

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


def _is_news(outcome: Outcome) -> bool:
    """Whether something has happened, or gone wrong for the first time."""
    if outcome.status == "skipped" and outcome.error:
        return outcome.error.stage != "stopped"
    return outcome.status != "current" and not (
        outcome.error and outcome.error.reason.endswith(AGAIN)
    )


def _outcome_of(removal: Removal) -> Outcome:
    source = Source(removal.source or removal.thumbnail, 0, 0)
    if removal.error:
        return Outcome(source, "failed", error=removal.error)
    return Outcome(source, "removed")


def _path(item: Source | Outcome) -> str:
    return item.path if isinstance(item, Source) else item.source.path


def _is_in(path: str, root: str) -> bool:
    return path.startswith(os.path.join(root, ""))


def _is_surely_gone(path: str) -> bool:
    try:
        return is_gone(path)
    except OSError:
        return False


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino

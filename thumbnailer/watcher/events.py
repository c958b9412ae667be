"""watchdog's events into four kinds that matter here. The only user of watchdog."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Literal, NamedTuple

from watchdog import events as fs
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserverVFS

from thumbnailer.thumbs import files

if sys.platform == "linux":
    from watchdog.observers.inotify import InotifyEmitter, InotifyWatchGroup
    from watchdog.observers.inotify_c import InotifyFD

# All that is listened to. Opening and reading are left out: our own would come back.
_EVENTS: list[type[fs.FileSystemEvent]] = [
    fs.FileCreatedEvent,
    fs.FileClosedEvent,
    fs.FileMovedEvent,
    fs.FileDeletedEvent,
    fs.DirCreatedEvent,
    fs.DirMovedEvent,
    fs.DirDeletedEvent,
]


# Where events come from.
NATIVE_EVENTS = "inotify" if sys.platform == "linux" else "native"

# What `Watcher.trouble` says when there will be no more events.
OBSERVER_ENDED = "the watching has ended"


class Event(NamedTuple):
    """Something that happened below a root.

    `closed`: a file is complete; `touched`: a file was begun or changed; `gone`: a file or folder
    is no longer there; `folder`: one has come, perhaps with files in it.
    """

    kind: Literal["closed", "touched", "gone", "folder"]
    path: str


class FolderObserver:
    """Watches one folder tree until it is closed.

    Args:
        root: the folder; events have paths that begin like it.
        enters: whether a folder below it is to be watched.
        is_picture: whether a file is to be told of, by its name.
        put: called with each event, in a thread of watchdog's.
        poll_seconds: look at all files this often instead of relying on the system's events.

    Raises:
        OSError: the root can't be watched.
    """

    def __init__(
        self,
        root: str,
        enters: Callable[[str], bool],
        is_picture: Callable[[str], bool],
        put: Callable[[Event], None],
        poll_seconds: float | None = None,
    ) -> None:
        self._lacks_watches = False
        self._is_picture, self._put, self._trouble = is_picture, put, ""
        self._inotify: InotifyFD | None = None
        self._log = _OverflowLogHandler(self._note_lost_events)
        logging.getLogger("watchdog").addHandler(self._log)
        listened = _EVENTS
        if poll_seconds is not None:
            listened = [*_EVENTS, fs.FileModifiedEvent]  # polling sees no closing
            self._observer: BaseObserver = PollingObserverVFS(
                stat=os.stat, listdir=_listing(enters), polling_interval=poll_seconds
            )
        elif sys.platform == "linux":
            self._inotify = InotifyFD()
            self._inotify.start()
            self._observer = BaseObserver(
                _Emitter, inotify_fd=self._inotify, enters=enters, miss=self._note_missing_watch
            )
        else:
            self._observer = Observer()
        try:
            self._observer.schedule(
                _Handler(self._dispatch), root, recursive=True, event_filter=listened
            )
            self._observer.start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the watching and wait for its threads."""
        for thread in (self._observer, self._inotify):
            with suppress(RuntimeError):  # it was never started
                if thread:
                    thread.stop()
                    thread.join()
        # Last, since what a thread that is being stopped has to say is nobody's concern either.
        logging.getLogger("watchdog").removeHandler(self._log)

    def lost_events_reason(self) -> str:
        """Why events may have been lost since the last call, in words; "" if none were."""
        trouble, self._trouble = self._trouble, ""
        threads = [self._observer, *self._observer.emitters]
        if not all(thread.is_alive() for thread in threads) or len(threads) < 2:
            return OBSERVER_ENDED
        return trouble

    def lacks_watches(self) -> bool:
        """Whether the system had no watches left for new folders since the last call."""
        lacks, self._lacks_watches = self._lacks_watches, False
        return lacks

    def _note_lost_events(self, words: str) -> None:
        self._trouble = words

    def _note_missing_watch(self) -> None:
        self._lacks_watches = True

    def _dispatch(self, event: fs.FileSystemEvent) -> None:
        try:
            for translated in _translate(event, self._is_picture):
                self._put(translated)
        except Exception as error:  # it would end watchdog's thread
            self._trouble = f"an event could not be handled: {error}"


class _Handler(fs.FileSystemEventHandler):
    def __init__(self, dispatch: Callable[[fs.FileSystemEvent], None]) -> None:
        self.dispatch = dispatch  # type: ignore[assignment, method-assign]


class _OverflowLogHandler(logging.Handler):
    """watchdog tells of lost events in its log only."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record.getMessage())


def _translate(event: fs.FileSystemEvent, is_picture: Callable[[str], bool]) -> Iterator[Event]:
    source, target = os.fsdecode(event.src_path), os.fsdecode(event.dest_path)
    if event.is_directory:
        if isinstance(event, fs.DirCreatedEvent):
            yield Event("folder", source)
        else:
            yield Event("gone", source)
        if isinstance(event, fs.DirMovedEvent):
            yield Event("folder", target)
        return
    if isinstance(event, fs.FileMovedEvent):
        if files.is_temporary(os.path.basename(source)):
            return  # a thumbnail of ours that got its name
        if is_picture(os.path.basename(target)):
            yield Event("closed", target)
    if not is_picture(os.path.basename(source)):
        return
    if isinstance(event, fs.FileMovedEvent | fs.FileDeletedEvent):
        yield Event("gone", source)
    elif isinstance(event, fs.FileClosedEvent):
        yield Event("closed", source)
    else:
        yield Event("touched", source)


def _listing(enters: Callable[[str], bool]) -> Callable[[str | None], Iterator[Any]]:
    """What polling sees of a folder: everything but folders that are not entered."""

    def listing(folder: str | None) -> Iterator[Any]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_dir() or (not entry.is_symlink() and enters(entry.path)):
                    yield entry

    return listing


if sys.platform == "linux":

    class _Group(InotifyWatchGroup):
        """The watches below a root, without those of folders that are not entered.

        watchdog has no public way to leave folders out; hence the upper bound on its version.
        """

        def __init__(
            self,
            enters: Callable[[str], bool],
            miss: Callable[[], None],
            *arguments: Any,
            **more: Any,
        ) -> None:
            self._enters, self._miss = enters, miss
            super().__init__(*arguments, **more)

        def _add_callback(self, path: bytes) -> None:
            folder = os.fsdecode(path)
            if not self._enters(folder):
                return
            super()._add_callback(path)
            if path not in self._active_callbacks_by_path and os.path.isdir(folder):
                self._miss()

    class _Emitter(InotifyEmitter):
        def __init__(
            self,
            *arguments: Any,
            enters: Callable[[str], bool],
            miss: Callable[[], None],
            **more: Any,
        ) -> None:
            super().__init__(*arguments, **more)
            self._group = partial(_Group, enters, miss)

        def on_thread_start(self) -> None:
            self._inotify = self._group(
                self._inotify_fd,
                os.fsencode(self.watch.path),
                is_recursive=True,
                event_mask=self.get_event_mask_from_filter(),
            )

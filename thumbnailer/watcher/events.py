"""Translate watchdog's events into four kinds: the only module that uses watchdog."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Literal, NamedTuple

from watchdog import events as fs
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserverVFS

from thumbnailer.disk import new_files

if sys.platform == "linux":
    from watchdog.observers.inotify import InotifyEmitter, InotifyWatchGroup
    from watchdog.observers.inotify_c import InotifyFD

# The events to listen to. Opening and reading are left out: our own reads would cause events.
_EVENTS: list[type[fs.FileSystemEvent]] = [
    fs.FileCreatedEvent,
    fs.FileClosedEvent,
    fs.FileMovedEvent,
    fs.FileDeletedEvent,
    fs.DirCreatedEvent,
    fs.DirMovedEvent,
    fs.DirDeletedEvent,
]


# The name of the source of events where nothing is polled.
NATIVE_EVENTS = "inotify" if sys.platform == "linux" else "native"

# What `FolderObserver.lost_events_reason` returns when there will be no more events.
OBSERVER_ENDED = "the watching has ended"


class Event(NamedTuple):
    """An event below a watched root.

    `closed`: a file is complete; `touched`: a file was created or changed; `gone`: a file or folder
    is no longer there; `folder`: a folder was created or moved here, perhaps with files in it.
    """

    kind: Literal["closed", "touched", "gone", "folder"]
    path: str


class FolderObserver:
    """An observer of one folder tree, which runs until it is closed.

    Args:
        root: the folder; the paths of events begin with it.
        enters: whether a folder below it is to be watched, by its path.
        is_picture: whether a file is to be reported, by its name.
        put: called with each event, in one of watchdog's threads.
        poll_seconds: poll all files at this interval; None to use the system's events.

    Attributes:
        lacks_watches: set once inotify has no watch left for a folder.

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
        self.lacks_watches = threading.Event()
        self._is_picture, self._put, self._lost_reason = is_picture, put, ""
        self._inotify: InotifyFD | None = None
        self._log_handler = logging.Handler(logging.WARNING)
        self._log_handler.emit = self._note_lost_events  # type: ignore[method-assign]
        listened = _EVENTS
        if poll_seconds is not None:
            listened = [*_EVENTS, fs.FileModifiedEvent]  # polling can't see that a file was closed
            self._observer: BaseObserver = PollingObserverVFS(
                stat=os.stat, listdir=_filtered_listdir(enters), polling_interval=poll_seconds
            )
        elif sys.platform == "linux":
            self._inotify = InotifyFD()
            self._inotify.start()
            group = partial(_FilteredWatchGroup, enters, self.lacks_watches.set)
            self._observer = BaseObserver(_FilteredEmitter, inotify_fd=self._inotify, group=group)
        else:
            self._observer = Observer()
        logging.getLogger("watchdog").addHandler(self._log_handler)
        handler = fs.FileSystemEventHandler()
        handler.dispatch = self._dispatch  # type: ignore[method-assign]
        try:
            self._observer.schedule(handler, root, recursive=True, event_filter=listened)
            self._observer.start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop watching and wait for the threads to end."""
        for thread in (self._observer, self._inotify):
            with suppress(RuntimeError):  # it was never started
                if thread:
                    thread.stop()
                    thread.join()
        # Last, since it also keeps from stderr what a thread logs while it is being stopped.
        logging.getLogger("watchdog").removeHandler(self._log_handler)

    def lost_events_reason(self) -> str:
        """Return why events may have been lost since the last call; "" if none were."""
        reason, self._lost_reason = self._lost_reason, ""
        threads = [self._observer, *self._observer.emitters]
        if not all(thread.is_alive() for thread in threads) or len(threads) < 2:
            return OBSERVER_ENDED
        return reason

    def _note_lost_events(self, record: logging.LogRecord) -> None:
        """Note that events were lost, which watchdog only logs."""
        self._lost_reason = record.getMessage()

    def _dispatch(self, event: fs.FileSystemEvent) -> None:
        try:
            for translated in _translate(event, self._is_picture):
                self._put(translated)
        except Exception as error:  # an exception would end watchdog's thread
            self._lost_reason = f"an event could not be handled: {error}"


def _translate(event: fs.FileSystemEvent, is_picture: Callable[[str], bool]) -> Iterator[Event]:
    """Translate a watchdog event; yield nothing for files that are not pictures."""
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
        if new_files.is_temporary(os.path.basename(source)):
            return  # one of our own thumbnails, moved into place
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


def _filtered_listdir(enters: Callable[[str], bool]) -> Callable[[str | None], Iterator[Any]]:
    """Return a `listdir` for polling that leaves out folders that are not entered."""

    def listdir_entered(folder: str | None) -> Iterator[Any]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_dir() or (not entry.is_symlink() and enters(entry.path)):
                    yield entry

    return listdir_entered


if sys.platform == "linux":

    class _FilteredWatchGroup(InotifyWatchGroup):
        """A watch group without the folders that are not entered.

        watchdog has no public way to leave folders out; hence the upper bound on its version.
        """

        def __init__(
            self,
            enters: Callable[[str], bool],
            on_missing_watch: Callable[[], None],
            *arguments: Any,
            **keywords: Any,
        ) -> None:
            self._enters, self._on_missing_watch = enters, on_missing_watch
            super().__init__(*arguments, **keywords)

        def _add_callback(self, path: bytes) -> None:
            folder = os.fsdecode(path)
            if not self._enters(folder):
                return
            super()._add_callback(path)
            if path not in self._active_callbacks_by_path and os.path.isdir(folder):
                self._on_missing_watch()

    class _FilteredEmitter(InotifyEmitter):
        def __init__(self, *arguments: Any, group: partial[Any], **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self._group = group

        def on_thread_start(self) -> None:
            self._inotify = self._group(
                self._inotify_fd,
                os.fsencode(self.watch.path),
                is_recursive=True,
                event_mask=self.get_event_mask_from_filter(),
            )

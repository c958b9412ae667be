"""Translate the events of inotify and of watchdog into four kinds."""

from __future__ import annotations

import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal, NamedTuple

from watchdog import events as fs
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserverVFS

from thumbnailer.disk import new_files
from thumbnailer.watcher.observer.polling import PolledTree

if sys.platform == "linux":
    from thumbnailer.watcher.observer.inotify import TreeEvent, WatchedTree

# The events to listen to, of watchdog. Only inotify, which is not asked here, sees that a file is
# closed. Opening and reading are left out: our own reads would cause events.
_EVENTS: list[type[fs.FileSystemEvent]] = [
    fs.FileCreatedEvent,
    fs.FileModifiedEvent,
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

# Of so many moves at most the second event is awaited.
_MOST_MOVES = 1000


class Event(NamedTuple):
    """An event below a watched root.

    `closed`: a file is complete; `touched`: a file was created or changed; `gone`: a file or folder
    is no longer there; `folder`: a folder was created or moved here, perhaps with files in it.

    `before`: where a picture or folder that was moved here was before, below the same root.
    `is_moved`: whether a folder is known to have come with all that it holds.
    """

    kind: Literal["closed", "touched", "gone", "folder"]
    path: str
    before: str = ""
    is_moved: bool = False


class FolderObserver:
    """An observer of one folder tree, which runs until it is closed.

    Args:
        root: the folder; the paths of events begin with it.
        enters: whether a folder below it is to be watched, by its path relative to the root.
        is_picture: whether a file is to be reported, by its name.
        put: called with each event, in one of watchdog's threads.
        poll_seconds: poll all files at this interval; None to use the system's events.

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
        self._root, self._is_picture, self._put = root, is_picture, put
        self._lost_reasons: deque[str] = deque(maxlen=1)  # filled by other threads
        # What has been moved away, by the cookie of the move: folders, pictures, and our own
        # temporary files.
        self._moves: dict[int, str] = {}
        self._log_handler = logging.Handler(logging.WARNING)
        self._log_handler.emit = self._note_lost_events  # type: ignore[method-assign]
        self._tree: WatchedTree | None = None
        self._observer: BaseObserver | None = None
        logging.getLogger("watchdog").addHandler(self._log_handler)
        try:
            if poll_seconds is None and sys.platform == "linux":
                self._tree = WatchedTree(root, enters, self._put_of_tree, self._lose)
                return
            if poll_seconds is not None:
                tree = PolledTree(root, enters)
                self._observer = PollingObserverVFS(
                    stat=tree.stat, listdir=tree.listdir, polling_interval=poll_seconds
                )
            else:
                self._observer = Observer()
            handler = fs.FileSystemEventHandler()
            handler.dispatch = self._dispatch  # type: ignore[method-assign]
            self._observer.schedule(handler, root, recursive=True, event_filter=_EVENTS)
            self._observer.start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop watching and wait for the threads to end."""
        if self._tree:
            self._tree.close()
        if self._observer:
            with suppress(RuntimeError):  # it was never started
                self._observer.stop()
                self._observer.join()
        # Last, since it also keeps from stderr what a thread logs while it is being stopped.
        logging.getLogger("watchdog").removeHandler(self._log_handler)

    @property
    def lacks_watches(self) -> bool:
        """Whether inotify has had no watch left for a folder."""
        return self._tree is not None and self._tree.lacks_watches.is_set()

    def lost_events_reason(self) -> str:
        """Return why events may have been lost since the last call; "" if none were."""
        reason = ""
        with suppress(IndexError):
            reason = self._lost_reasons.pop()
        if self._tree:
            return reason if self._tree.is_alive() else OBSERVER_ENDED
        assert self._observer
        threads = [self._observer, *self._observer.emitters]
        if not all(thread.is_alive() for thread in threads) or len(threads) < 2:
            return OBSERVER_ENDED
        return reason

    def watch_again(self, folder: str) -> None:
        """Watch a folder that may have come without an event; put an event if that is so.

        Args:
            folder: its path relative to the root.
        """
        if self._tree and self._tree.watch_again(folder):
            self._put(Event("folder", os.path.join(self._root, folder)))

    def _lose(self, reason: str) -> None:
        self._lost_reasons.append(reason)

    def _note_lost_events(self, record: logging.LogRecord) -> None:
        """Note that events were lost, which watchdog only logs."""
        if self._observer:
            self._lose(record.getMessage())

    if sys.platform == "linux":

        def _put_of_tree(self, event: TreeEvent) -> None:
            """Translate an event of inotify; put nothing for files that are not pictures."""
            path, kind = os.path.join(self._root, event.path), event.kind
            name = os.path.basename(path)
            is_taken = event.is_folder or self._is_picture(name)
            if kind == "moved away" and (is_taken or new_files.is_temporary(name)):
                if len(self._moves) >= _MOST_MOVES:
                    self._moves.clear()
                self._moves[event.cookie] = path
            before = self._moves.pop(event.cookie, "") if kind == "moved here" else ""
            if event.before:
                before = os.path.join(self._root, event.before)
                self._put(Event("gone", before))
            if new_files.is_temporary(os.path.basename(before)) or not is_taken:
                return  # one of our own thumbnails, moved into place
            if kind in ("gone", "moved away"):
                self._put(Event("gone", path))
            elif event.is_folder:
                self._put(Event("folder", path, before, is_moved=kind == "moved here"))
            else:
                is_closed = kind in ("closed", "moved here")
                self._put(Event("closed" if is_closed else "touched", path, before=before))

    def _dispatch(self, event: fs.FileSystemEvent) -> None:
        try:
            for translated in _translate(event, self._is_picture):
                self._put(translated)
        except Exception as error:  # an exception would end watchdog's thread
            self._lose(f"an event could not be handled: {error}")


def _translate(event: fs.FileSystemEvent, is_picture: Callable[[str], bool]) -> Iterator[Event]:
    """Translate a watchdog event; yield nothing for files that are not pictures."""
    source, target = os.fsdecode(event.src_path), os.fsdecode(event.dest_path)
    if event.is_directory:
        if isinstance(event, fs.DirCreatedEvent):
            yield Event("folder", source)
        else:
            yield Event("gone", source)
        if isinstance(event, fs.DirMovedEvent):
            yield Event("folder", target, before=source, is_moved=True)
        return
    if isinstance(event, fs.FileMovedEvent):
        if new_files.is_temporary(os.path.basename(source)):
            return  # one of our own thumbnails, moved into place
        if is_picture(os.path.basename(target)):
            yield Event("closed", target, before=source)
    is_gone = isinstance(event, fs.FileMovedEvent | fs.FileDeletedEvent)
    # Windows does not say what it was that has gone: it may have been a folder.
    if not is_picture(os.path.basename(source)) and not (is_gone and sys.platform == "win32"):
        return
    if is_gone:
        yield Event("gone", source)
    else:
        yield Event("touched", source)

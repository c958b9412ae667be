"""Watch a folder tree by inotify: a watch for each folder that is there, and none beyond.

watchdog's own recursive watching follows links that take a folder's place at the wrong moment, goes
on watching what is moved away, and warns of each folder that it watches twice. Of watchdog only the
thread that reads events is used here; `InotifyFD` is not among what it documents, hence the upper
bound on its version.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from typing import Literal, NamedTuple

from thumbnailer.disk import files
from thumbnailer.model import Folder

if sys.platform == "linux":
    from watchdog.observers.inotify_c import (
        CallbackId,
        InotifyConstants,
        InotifyEvent,
        InotifyFD,
        Mask,
        WatchDescriptor,
    )

    # Opening and reading are left out: our own reads would cause events.
    _MASK = Mask(
        InotifyConstants.IN_CREATE
        | InotifyConstants.IN_DELETE
        | InotifyConstants.IN_MOVED_FROM
        | InotifyConstants.IN_MOVED_TO
        | InotifyConstants.IN_CLOSE_WRITE
        | InotifyConstants.IN_ONLYDIR
    )
    _UNMOUNTED = 0x2000  # inotify(7): IN_UNMOUNT, which comes without being asked for

    class TreeEvent(NamedTuple):
        """What has happened to `path`, relative to the root.

        `cookie` is the same for the two events of one move, and 0 for all others. `before` is where
        a folder was that was found here before its events were read; else "".
        """

        kind: Literal["created", "closed", "gone", "moved away", "moved here"]
        path: str
        is_folder: bool
        cookie: int = 0
        before: str = ""

    class _WatchedFolder:
        """A folder of the tree. `descriptor` is None if it could not be watched, or if it has been
        found elsewhere."""

        __slots__ = ("above", "callback_id", "descriptor", "identity", "inside", "name")

        def __init__(self, name: str, above: _WatchedFolder | None) -> None:
            self.name, self.above = name, above
            self.inside: dict[str, _WatchedFolder] = {}
            self.descriptor: WatchDescriptor | None = None
            self.callback_id = CallbackId(0)
            self.identity: tuple[int, int] | None = None  # device and inode

        @property
        def path(self) -> str:
            parts, folder = [], self
            while folder.above:
                parts.append(folder.name)
                folder = folder.above
            return os.sep.join(reversed(parts))

        def is_watched_as(self, identity: tuple[int, int] | None) -> bool:
            """Return whether it is watched, and has a device and inode."""
            return (
                self.descriptor is not None and identity is not None and self.identity == identity
            )

        def tree(self) -> Iterator[_WatchedFolder]:
            """Yield it and all folders below."""
            pending = [self]
            while pending:
                folder = pending.pop()
                pending += folder.inside.values()
                yield folder

    class WatchedTree:
        """The watches of one folder tree, until it is closed.

        A folder is watched by what it is, not by its name: it is opened by walking down from the
        root without following links, and is listed only once it is watched, so that nothing is
        missed. Folders that are deleted or moved away are released at once.

        Args:
            root: the folder.
            enters: whether a folder is to be watched, by its path relative to the root.
            put: called with each event, in a thread of its own.
            lose: called with the reason when events have been lost.

        Attributes:
            lacks_watches: set once there is no watch left for a folder.

        Raises:
            OSError: the root can't be watched.
        """

        def __init__(
            self,
            root: str,
            enters: Callable[[str], bool],
            put: Callable[[TreeEvent], None],
            lose: Callable[[str], None],
        ) -> None:
            self._root, self._enters, self._put, self._lose = root, enters, put, lose
            self.lacks_watches = threading.Event()
            self._lock = threading.RLock()  # held while folders are entered or left
            self._top = _WatchedFolder("", None)
            self._folders: dict[WatchDescriptor, _WatchedFolder] = {}
            # Each watch that is placed has a callback of its own number: the old one of a folder
            # that is found again is then taken away.
            self._numbers = count(1)
            self._inotify = InotifyFD()
            self._inotify.start()
            try:
                with self._lock:
                    self._watch("", self._top)
                    self._watch_below(self._top)
            except BaseException:
                self.close()
                raise

        def close(self) -> None:
            """Release all watches, and wait for the thread to end."""
            self._inotify.stop()
            self._inotify.join()

        def is_alive(self) -> bool:
            """Return whether events still come: not once the root is gone or unmounted."""
            return self._inotify.is_alive() and self._top.descriptor is not None

        def watch_again(self, path: str) -> bool:
            """Watch a folder, with those on the way to it, if it is not; return whether it is new.

            For folders that came without an event: on a disk that was mounted over another folder,
            or when there was no watch left.
            """
            parts = path.split(os.sep) if path else []
            # Before the lock is taken, for which events would wait: the disk may not answer.
            identities = [
                self._identity_at(os.sep.join(parts[:depth])) for depth in range(1, len(parts) + 1)
            ]
            with self._lock:
                folder, is_new = self._top, False
                for part, identity in zip(parts, identities, strict=True):
                    inner = folder.inside.get(part)
                    if not is_new and not (inner and inner.is_watched_as(identity)):
                        is_new = self._enter(folder, part)
                        inner = folder.inside.get(part)
                    if inner is None:
                        return False
                    folder = inner
                return is_new and folder.descriptor is not None

        # Called by the thread of `InotifyFD`.

        def on_event(self, event: InotifyEvent) -> None:
            try:
                with self._lock:
                    self._handle(event)
            except Exception as error:  # it would end the thread
                self._lose(f"an event could not be handled: {error}")

        def on_watch_deleted(self, descriptor: WatchDescriptor) -> None:
            with self._lock:
                if folder := self._folders.pop(descriptor, None):
                    folder.descriptor = None

        def on_queue_overflow(self) -> None:
            """Find out what is there now: folders may have come, gone and changed their places."""
            try:
                with self._lock:
                    before = list(self._top.tree())
                    self._top.inside = {}
                    self._watch_below(self._top)
                    self._release(folder for folder in before if folder is not self._top)
            except Exception as error:  # it would end the thread
                self._lose(f"folders can't be watched: {error}")
            else:
                self._lose("too many events came at once")

        def _handle(self, event: InotifyEvent) -> None:
            folder = self._folders.get(event.wd)
            if folder is None or folder.descriptor != event.wd:
                return
            if event.mask & _UNMOUNTED:
                if folder is not self._top:
                    self._lose(f"a disk below {self._root} was unmounted")
                return
            name = os.fsdecode(event.name)
            if not name or event.is_ignored:
                return
            path, is_folder = os.path.join(folder.path, name), event.is_directory
            kind: Literal["created", "closed", "gone", "moved away", "moved here"]
            if event.is_close_write:
                kind = "closed"
            elif event.is_delete or event.is_moved_from:
                kind = "gone" if event.is_delete else "moved away"
                if is_folder:
                    self._leave(folder, name)
            elif event.is_create or event.is_moved_to:
                kind = "created" if event.is_create else "moved here"
                if is_folder:
                    self._enter(folder, name)
            else:
                return
            self._put(TreeEvent(kind, path, is_folder, event.cookie))

        # Called with the lock.

        def _enter(self, above: _WatchedFolder, name: str) -> bool:
            """Watch a folder that is new here, and all below; return whether it is to be watched.

            It may be gone already, or be another one than that of an event.
            """
            path = os.path.join(above.path, name)
            if not self._enters(path):
                return False
            folder = above.inside.get(name)
            if folder is None or not self._is_current(folder):
                self._leave(above, name)
                folder = _WatchedFolder(name, above)
                if not self._watch_if_there(path, folder):
                    return True
                above.inside[name] = folder
            self._watch_below(folder)
            return True

        def _leave(self, above: _WatchedFolder, name: str) -> None:
            """Release the watches of a folder, and of all below, that is no longer here."""
            if folder := above.inside.pop(name, None):
                self._release(folder.tree())

        def _watch_below(self, top: _WatchedFolder) -> None:
            pending = [top]
            while pending:
                folder = pending.pop()
                path = folder.path
                try:
                    names = self._subfolders(path)
                except OSError:  # gone meanwhile, or replaced; an event tells of it
                    continue
                for name in names:
                    inner_path = os.path.join(path, name)
                    if name not in folder.inside and self._enters(inner_path):
                        inner = _WatchedFolder(name, folder)
                        if self._watch_if_there(inner_path, inner):
                            folder.inside[name] = inner
                            pending.append(inner)

        def _subfolders(self, path: str) -> list[str]:
            folder = Folder(self._root, path)
            with files.open_folder(folder) as opened, files.scan_folder(opened) as entries:
                return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]

        def _watch_if_there(self, path: str, folder: _WatchedFolder) -> bool:
            """Watch a folder and return True; False if it is not there, or is a link now."""
            try:
                self._watch(path, folder)
            except (FileNotFoundError, NotADirectoryError, files.LinkRefused):
                return False
            except PermissionError:
                pass  # it can't be scanned either
            except OSError:
                self.lacks_watches.set()
            return True

        def _watch(self, path: str, folder: _WatchedFolder) -> None:
            """Place the watch of a folder; an older folder with the same watch has moved here."""
            number = CallbackId(next(self._numbers))
            with files.open_folder(Folder(self._root, path), to_list=False) as opened:
                assert opened.fd is not None
                status = os.fstat(opened.fd)
                folder.identity = status.st_dev, status.st_ino
                place = os.fsencode(f"/proc/self/fd/{opened.fd}")
                descriptor = self._inotify.add_callback(place, _MASK, self, number)
            if descriptor == -1:  # how it says that there is no permission
                self._inotify.remove_callbacks([(descriptor, number)])
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            before = self._folders.get(descriptor)
            if before:
                self._inotify.remove_callbacks([(descriptor, before.callback_id)])
                if before is not folder:
                    before.descriptor = None
                    if before.path != path:
                        self._put(TreeEvent("moved here", path, True, before=before.path))
            self._folders[descriptor] = folder
            folder.descriptor, folder.callback_id = descriptor, number

        def _release(self, folders: Iterable[_WatchedFolder]) -> None:
            callbacks = []
            for folder in folders:
                if folder.descriptor is not None:
                    callbacks.append((folder.descriptor, folder.callback_id))
                    del self._folders[folder.descriptor]
                    folder.descriptor = None
            self._inotify.remove_callbacks(callbacks)

        def _is_current(self, folder: _WatchedFolder) -> bool:
            """Return whether what is at a folder's path now is what is watched."""
            return folder.is_watched_as(self._identity_at(folder.path))

        def _identity_at(self, path: str) -> tuple[int, int] | None:
            with suppress(OSError):
                status = os.lstat(os.path.join(self._root, path))
                return status.st_dev, status.st_ino
            return None

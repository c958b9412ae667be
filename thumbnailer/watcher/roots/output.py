"""The output tree of a watch, whose disk may be unmounted meanwhile."""

from __future__ import annotations

import os
import threading

from thumbnailer.config.settings import Settings
from thumbnailer.disk import files
from thumbnailer.door.thumbs import open_thumbs
from thumbnailer.thumbs.ledger.lines import MARK
from thumbnailer.watcher.roots.removals import Tell


class WatchedOutput:
    """The state of the output tree; where thumbnails are beside their sources, it is always there.

    Its methods `prepare` and `check` wait for the disk, and may be called by any thread.

    Args:
        tell: called with what has become of it.

    Attributes:
        path: its path; "" if thumbnails are elsewhere.
        identity: its device and inode, once it is prepared.
        is_away: whether it is gone, or another folder is in its place: nothing is to be written.
    """

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self._settings, self._tell = settings, tell
        self.path = "" if settings.is_for_desktop else os.fspath(settings.output)
        self._lock = threading.Lock()
        self._mount_points: list[str] = []
        self._stand_in: tuple[int, int] | None = None  # a folder with an old mark, in its place
        self.identity: tuple[int, int] | None = None
        self.is_away = self._is_back = False

    @property
    def device(self) -> int | None:
        """That of its file system, once it is prepared."""
        return self.identity[0] if self.identity else None

    def take_over(self, earlier: WatchedOutput) -> None:
        """Go on where an earlier watch ended, if that had the same tree."""
        if self.path == earlier.path:
            self.identity, self.is_away = earlier.identity, earlier.is_away
            self._mount_points, self._stand_in = earlier._mount_points, earlier._stand_in

    def prepare(self) -> None:
        """Create the tree before the first thumbnail; it is not created again.

        Raises:
            OutputError: it can't be created or written.
        """
        if not self.path or self.identity is not None:
            return
        with self._lock:
            if self.identity is None:
                self._take(open_thumbs(self._settings).prepare())

    def check(self) -> None:
        """Find out whether it is there, and tell if that has changed."""
        with self._lock:
            if self.identity:
                self._check()

    def _check(self) -> None:
        identity = self._identity_now()
        if identity is None:
            if not self.is_away:
                self.is_away = True
                reason = "is gone, or another folder is in its place, as when a disk is not mounted"
                message = f"{self.path}: {reason}; nothing is written until it is back"
                self._tell("output missing", message)
        elif self.is_away or identity != self.identity:
            self._take(identity)
            self._is_back = True
            if self.is_away:
                self.is_away = False
                self._tell("output back", self.path)

    def is_back(self) -> bool:
        """Return whether it has come back since the last call, or another copy is in its place."""
        is_back, self._is_back = self._is_back, False
        return is_back

    def _take(self, identity: tuple[int, int] | None) -> None:
        self._mount_points = [
            *filter(os.path.ismount, files.with_folders(os.path.realpath(self.path)))
        ]
        self.identity = identity  # last: other threads ask for it without the lock

    def _identity_now(self) -> tuple[int, int] | None:
        """Return its device and inode; None if it is away.

        Another folder with our mark is taken for it: the disk has another number now, or a copy is
        in its place. But what shows where a disk was mounted may have a mark from before that.
        """
        try:
            status = os.stat(self.path)
            is_marked = os.path.isfile(os.path.join(self.path, MARK))
        except OSError:
            return None
        identity = status.st_dev, status.st_ino
        if identity == self.identity:
            return identity
        if not self.is_away and is_marked and not all(map(os.path.ismount, self._mount_points)):
            self._stand_in = identity
        return identity if is_marked and identity != self._stand_in else None

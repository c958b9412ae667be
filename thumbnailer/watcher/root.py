"""One watched folder tree: find changed pictures, remove thumbnails of deleted ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain

from thumbnailer.config.settings import Settings
from thumbnailer.model import Folder, Outcome, Source, Stop
from thumbnailer.scan.folders import scan_by_folder, source_finder, thumbnail_folders
from thumbnailer.thumbs.folders import THUMBS, Removal, output_folders
from thumbnailer.thumbs.orphans import (
    find_orphans,
    is_empty,
    is_gone,
    remove_orphans,
    remove_thumbnails_of,
)
from thumbnailer.watcher.events import NATIVE_EVENTS, OBSERVER_ENDED, Event, FolderObserver
from thumbnailer.watcher.polling import POLL_SECONDS, eventless_filesystem, watch_limit_hint

# So many orphans are removed even if they are all thumbnails of the folders that were checked. Not
# where the whole tree is checked.
_ALWAYS_REMOVED = 10

# The name of an event, and its message.
Message = tuple[str, str]


class WatchedRoot:
    """The state of one watched root.

    Args:
        path: the folder.
        below: its folder in an output tree.
        settings: which pictures are taken, and where thumbnails go.
        put: called with each event below it, by other threads.
        poll_seconds: poll all files at this interval; None to poll only where no events come.

    Attributes:
        path: as given.
        identity: device and inode; None while it is missing.
        mode: where events come from: `inotify`, `native` or `polling`.
    """

    def __init__(
        self,
        path: str,
        below: str,
        settings: Settings,
        put: Callable[[Event], None],
        poll_seconds: float | None,
    ) -> None:
        self.path = path
        self._put, self._poll_seconds = put, poll_seconds
        self._observer: FolderObserver | None = None
        self._has_warned = False
        self._messages: list[Message] = []
        self.mode = NATIVE_EVENTS
        self._output = os.fspath(settings.output) or None
        # Where each size of thumbnail is kept: below each folder, or in the output tree.
        sizes = settings.recipes
        self._thumbs = [os.path.join(THUMBS, name).rstrip(os.sep) for name in sizes]
        self._trees = [os.path.join(name, below).rstrip(os.sep) for name in sizes]
        self._scan = partial(scan_by_folder, path, settings.choice, below=below)
        self._locator = partial(source_finder, path, settings.choice, below=below)
        self._choice = settings.choice
        self._is_picture = settings.choice.is_picture
        self.identity: tuple[int, int] | None = None
        # For each folder with pictures: a hash of its pictures at the last rescan, and one of the
        # mtimes of its thumbnail folders after thumbnails were made. This takes 150 bytes a folder,
        # and nothing for each picture.
        self._seen: dict[str, tuple[int, int]] = {}
        self._unrecorded: set[str] = set()  # folders without a second hash
        self._to_survey: set[str] = set()  # folders that may have orphans
        self._marked_changed: set[str] = set()  # folders to treat as changed
        self._is_surveyed = False  # whether all other folders have none

    def enters(self, folder: str) -> bool:
        """Return whether a folder below the root is scanned, by its path."""
        return self._choice.enters(os.path.relpath(folder, self.path))

    def holds(self, path: str) -> bool:
        """Return whether a path is below the root."""
        return path.startswith(os.path.join(self.path, ""))

    def is_intact(self) -> bool:
        """Return whether the root is still the same folder; else nothing in it counts as gone."""
        return self.identity is not None and _identity_of(self.path) == self.identity

    def open(self) -> Iterator[Message]:
        """Start to watch; poll where the system sends no events."""
        poll_seconds = self._poll_seconds
        if poll_seconds is None and (kind := eventless_filesystem(self.path)):
            poll_seconds = POLL_SECONDS
            yield "poll", f"{self.path}: {kind} sends no events, so it is polled"
        self.identity = _identity_of(self.path)
        if self.identity is None:
            return
        for seconds in (poll_seconds, POLL_SECONDS):
            self.mode = NATIVE_EVENTS if seconds is None else "polling"
            try:
                self._observer = FolderObserver(
                    self.path, self.enters, self._is_picture, self._put, seconds
                )
                return
            except OSError as error:
                reason = error.strerror or error
                yield "poll", f"{self.path}: no events to be had ({reason}), so it is polled"

    def check(self) -> Iterator[Message]:
        """Check the root itself: yield a message if it is missing, is back or lost events."""
        messages, self._messages = self._messages, []
        yield from messages
        identity = _identity_of(self.path)
        lost_reason = self._observer.lost_events_reason() if self._observer else ""
        if self.identity is None:
            # An empty folder may be the mount point of a disk that is not mounted.
            if identity is not None and not is_empty(self.path):
                yield from self.open()
                yield "root back", self.path
        elif identity != self.identity and (identity is None or is_empty(self.path)):
            self.close()
            yield "root missing", self.path
        elif identity != self.identity or lost_reason == OBSERVER_ENDED:
            self.close()
            yield from self.open()
            yield "root back", self.path
        elif lost_reason:
            yield "events lost", lost_reason
        if self._observer and self._observer.lacks_watches() and not self._has_warned:
            self._has_warned = True
            yield "watch limit", watch_limit_hint()

    def close(self) -> None:
        """Stop watching, and forget what is known of the folders."""
        if self._observer:
            self._observer.close()
        self._observer, self.identity = None, None
        self.forget()

    def forget(self) -> None:
        """Treat every folder as changed at the next rescan, and look for orphans everywhere."""
        self._seen.clear()
        self._unrecorded.clear()
        self._is_surveyed = False

    def mark_changed(self, path: str) -> None:
        """Treat the folder of a path as changed at the next rescan."""
        self._marked_changed.add(os.path.dirname(path))

    def check_for_orphans(self, folder: str) -> None:
        """Look for orphans in a folder at the next rescan.

        A folder that was moved here may hold thumbnails of pictures that it no longer has.
        """
        self._to_survey.add(folder)

    def located(self, paths: Iterable[str]) -> Iterator[Source | Outcome]:
        """Yield those of some paths that are pictures below the root."""
        locate = self._locator()
        for path in filter(self.holds, paths):
            if item := locate(path):
                self._to_survey.add(os.path.dirname(path))  # may be gone at the next rescan
                yield item

    def changed(self, stop: Stop) -> Iterator[Source | Outcome]:
        """Yield all pictures of each folder that has changed since the last rescan."""
        before, self._seen = self._seen, {}
        marked_changed, self._marked_changed = self._marked_changed, set()
        was_surveyed, self._is_surveyed = self._is_surveyed, False  # until the scan is complete
        for item in self._scan(stop=stop):
            if isinstance(item, Outcome):  # a folder that can't be read: reported once
                self._seen[item.source.path] = hash(item), 0
                if before.get(item.source.path) != self._seen[item.source.path]:
                    yield item
                continue
            state = item.state(), self._thumbs_state(item.path)
            self._seen[item.path] = state
            if before.get(item.path) != state or item.path in marked_changed:
                self._unrecorded.add(item.path)
                self._to_survey.add(item.path)
                yield from item.sources()
        self._to_survey |= before.keys() - self._seen.keys()
        self._is_surveyed = was_surveyed and not stop.is_set()

    def orphans(self, stop: Stop) -> Iterator[Outcome]:
        """Remove the thumbnails whose sources are gone; call it after all of `changed`.

        If these are more than half, a disk may not be mounted, and nothing is removed.

        Raises:
            OutputError: the file system is read-only.
        """
        places: Iterable[Folder | Removal]
        if self._is_surveyed:
            places = chain.from_iterable(map(self._thumbnail_folders, sorted(self._to_survey)))
        elif self._output is None:
            places = thumbnail_folders([self.path], "", stop=stop)
        else:
            output = self._output
            places = chain.from_iterable(output_folders(output, tree, stop) for tree in self._trees)
        findings = find_orphans([self.path], places, stop)
        if stop.is_set() or not self.is_intact() or (self._output and is_empty(self.path)):
            return
        always_removed = 0 if not self._is_surveyed else _ALWAYS_REMOVED
        self._is_surveyed = True
        self._to_survey.clear()
        orphaned, thumbnails = findings.orphaned, findings.thumbnails.total()
        if orphaned > always_removed and 2 * orphaned > thumbnails:
            message = (
                f"{self.path}: {orphaned} of {thumbnails} thumbnails have no source any more, more "
                "than half: they stay (see thumbnailer prune)"
            )
            self._messages.append(("orphans", message))
            return
        yield from map(_outcome, remove_orphans(findings.orphans, stop))

    def record_made(self) -> None:
        """Record the state of thumbnail folders, once the thumbnails of all `changed` are made."""
        for folder in self._unrecorded & self._seen.keys():
            self._seen[folder] = self._seen[folder][0], self._thumbs_state(folder)
        self._unrecorded.clear()

    def removed(self, paths: Iterable[str]) -> Iterator[Outcome]:
        """Remove the thumbnails of deleted files and folders, if these are really gone.

        Raises:
            OutputError: the file system is read-only.
        """
        gone = [path for path in paths if self.holds(path) and _is_surely_gone(path)]
        if gone and self.is_intact():
            places = {self.path: self._trees}
            yield from map(
                _outcome,
                remove_thumbnails_of(gone, places, output=self._output, is_source_known=True),
            )

    def _thumbnail_folders(self, folder: str) -> list[Folder]:
        """Return the folders that hold the thumbnails of a folder's pictures."""
        inner = os.path.relpath(folder, self.path)
        inner = "" if inner == os.curdir else inner
        if self._output is None:
            return [Folder(self.path, os.path.join(inner, thumbs)) for thumbs in self._thumbs]
        return [
            Folder(self._output, os.path.join(tree, inner).rstrip(os.sep)) for tree in self._trees
        ]

    def _thumbs_state(self, folder: str) -> int:
        """Return a hash that changes, but for collisions, when thumbnails are added or removed."""
        return hash(tuple(_mtime_ns(place.path) for place in self._thumbnail_folders(folder)))


def _mtime_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _identity_of(path: str) -> tuple[int, int] | None:
    """Return the device and inode of a folder; None if it is missing."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_surely_gone(path: str) -> bool:
    try:
        return is_gone(path)
    except OSError:
        return False


def _outcome(removal: Removal) -> Outcome:
    source = Source(removal.source or removal.thumbnail, 0, 0)
    if removal.error:
        return Outcome(source, "failed", error=removal.error)
    return Outcome(source, "removed")

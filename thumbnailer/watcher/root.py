"""One watched folder tree: what in it may not be current, and whose thumbnails have to go."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain

from thumbnailer.config.settings import Settings
from thumbnailer.formats import name_filter
from thumbnailer.model import Folder, Outcome, Source, Stop
from thumbnailer.scan.folders import scan_by_folder, source_finder, thumbs_folders
from thumbnailer.scan.selection import scanned_folder_filter
from thumbnailer.thumbs.folders import output_folders
from thumbnailer.thumbs.orphans import (
    find_orphans,
    is_empty,
    is_gone,
    remove_orphans,
    remove_thumbnails_of,
)
from thumbnailer.thumbs.plan import THUMBS
from thumbnailer.thumbs.removals import Removal
from thumbnailer.watcher.events import NATIVE_EVENTS, OBSERVER_ENDED, Event, FolderObserver
from thumbnailer.watcher.polling import POLL_SECONDS, eventless_filesystem, watch_limit_hint

# So many are removed even if they are all of some folders' thumbnails.
_ALWAYS_REMOVED = 10

# The name of an event, and words.
Message = tuple[str, str]


class WatchedRoot:
    """A root during one watch.

    Args:
        path: the folder.
        below: the folder an output tree keeps it in.
        settings: what is taken, and where thumbnails go.
        put: takes what happens in it, called by other threads.
        poll_seconds: look at all files so often; None to do that only where no events come.

    Attributes:
        path: as given.
        enters: whether a folder in it is looked into, by its path.
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
        self._watcher: FolderObserver | None = None
        self._has_warned = False
        self._news: list[Message] = []
        self.mode = NATIVE_EVENTS
        self._output = os.fspath(settings.output) or None
        # Where each size of thumbnail is kept: below each folder, or in the output tree.
        sizes = settings.recipes
        self._thumbs = [os.path.join(THUMBS, name).rstrip(os.sep) for name in sizes]
        self._trees = [os.path.join(name, below).rstrip(os.sep) for name in sizes]
        self._folders = partial(scan_by_folder, path, below=below, **settings.choice)
        self._locator = partial(source_finder, path, below=below, **settings.choice)
        self.enters: Callable[[str], bool] = scanned_folder_filter(
            path, recursive=settings.recursive, exclude=settings.exclude
        )
        self._is_picture = name_filter(settings.choice["also"])
        self.identity: tuple[int, int] | None = None
        # Of each folder with pictures a hash of what the last look saw in it, and one of its
        # thumbnails' folders' mtimes when they had been made: 150 bytes a folder, not a picture.
        self._seen: dict[str, tuple[int, int]] = {}
        self._unsure: set[str] = set()  # of these the second is not known yet
        self._to_check: set[str] = set()  # these may have orphans
        self._doubted: set[str] = set()
        self._is_known = False  # whether all others have none

    def holds(self, path: str) -> bool:
        return path.startswith(os.path.join(self.path, ""))

    def is_intact(self) -> bool:
        """Whether it is there and still the same; if not, nothing in it counts as deleted."""
        return self.identity is not None and _identity_of(self.path) == self.identity

    def open(self) -> Iterator[Message]:
        """Begin to watch; where there are no events to be had, poll."""
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
                self._watcher = FolderObserver(
                    self.path, self.enters, self._is_picture, self._put, seconds
                )
                return
            except OSError as error:
                reason = error.strerror or error
                yield "poll", f"{self.path}: no events to be had ({reason}), so it is polled"

    def check(self) -> Iterator[Message]:
        """What has become of the folder itself since the last look."""
        news, self._news = self._news, []
        yield from news
        identity = _identity_of(self.path)
        trouble = self._watcher.lost_events_reason() if self._watcher else ""
        if self.identity is None:
            # An empty folder looks like the place of a disk that is not mounted.
            if identity is not None and not is_empty(self.path):
                yield from self.open()
                yield "root back", self.path
        elif identity != self.identity and (identity is None or is_empty(self.path)):
            self.close()
            yield "root missing", self.path
        elif identity != self.identity or trouble == OBSERVER_ENDED:
            self.close()
            yield from self.open()
            yield "root back", self.path
        elif trouble:
            yield "events lost", trouble
        if self._watcher and self._watcher.lacks_watches() and not self._has_warned:
            self._has_warned = True
            yield "watch limit", watch_limit_hint()

    def close(self) -> None:
        """Watch no longer; nothing in it counts as known."""
        if self._watcher:
            self._watcher.close()
        self._watcher, self.identity = None, None
        self.forget()

    def forget(self) -> None:
        """Take nothing for current at the next look, and look for orphans everywhere."""
        self._seen.clear()
        self._unsure.clear()
        self._is_known = False

    def mark_changed(self, path: str) -> None:
        """Take the folder of a path for changed at the next look."""
        self._doubted.add(os.path.dirname(path))

    def check_for_orphans(self, folder: str) -> None:
        """Look for orphans in a folder at the next rescan: it may have come with thumbnails of
        pictures that it has no longer."""
        self._to_check.add(folder)

    def located(self, paths: Iterable[str]) -> Iterator[Source | Outcome]:
        """Those of some paths that are pictures in it."""
        locate = self._locator()
        for path in filter(self.holds, paths):
            if item := locate(path):
                self._to_check.add(os.path.dirname(path))  # it may be gone before the next look
                yield item

    def changed(self, stop: Stop) -> Iterator[Source | Outcome]:
        """What may not be current: all of each folder that is not as it was at the last look."""
        before, self._seen = self._seen, {}
        doubted, self._doubted = self._doubted, set()
        was_known, self._is_known = self._is_known, False  # as long as the look is not over
        for item in self._folders(stop=stop):
            if isinstance(item, Outcome):  # a folder that can't be read, which is told of once
                self._seen[item.source.path] = hash(item), 0
                if before.get(item.source.path) != self._seen[item.source.path]:
                    yield item
                continue
            state = item.state(), self._thumbs_state(item.path)
            self._seen[item.path] = state
            if before.get(item.path) != state or item.path in doubted:
                self._unsure.add(item.path)
                self._to_check.add(item.path)
                yield from item.sources()
        self._to_check |= before.keys() - self._seen.keys()
        self._is_known = was_known and not stop.is_set()

    def orphans(self, stop: Stop) -> Iterator[Outcome]:
        """Remove, after all of `changed`, the thumbnails whose sources are gone.

        If that would be more than half, a disk may not be mounted, and nothing is removed.

        Raises:
            OutputError: the file system is read-only.
        """
        places: Iterable[Folder | Removal]
        if self._is_known:
            places = chain.from_iterable(map(self._places, sorted(self._to_check)))
        elif self._output is None:
            places = thumbs_folders(self.path, stop)
        else:
            output = self._output
            places = chain.from_iterable(output_folders(output, tree, stop) for tree in self._trees)
        findings = find_orphans([self.path], places, stop)
        if stop.is_set() or not self.is_intact() or (self._output and is_empty(self.path)):
            return
        least = 0 if not self._is_known else _ALWAYS_REMOVED
        self._is_known = True
        self._to_check.clear()
        orphaned, thumbnails = findings.orphaned, findings.thumbnails.total()
        if orphaned > least and 2 * orphaned > thumbnails:
            words = (
                f"{self.path}: {orphaned} of {thumbnails} thumbnails have no source any more, more "
                "than half: they stay (see thumbnailer prune)"
            )
            self._news.append(("orphans", words))
            return
        yield from map(_outcome, remove_orphans(findings.orphans, stop))

    def record_made(self) -> None:
        """The thumbnails of what has `changed` are made: that is how their folders should stay."""
        for folder in self._unsure & self._seen.keys():
            self._seen[folder] = self._seen[folder][0], self._thumbs_state(folder)
        self._unsure.clear()

    def removed(self, paths: Iterable[str]) -> Iterator[Outcome]:
        """Remove the thumbnails of some files and folders in it, as far as they are really gone.

        Raises:
            OutputError: the file system is read-only.
        """
        gone = [path for path in paths if self.holds(path) and _is_surely_gone(path)]
        if gone and self.is_intact():
            places = {self.path: self._trees}
            yield from map(
                _outcome, remove_thumbnails_of(gone, places, output=self._output, trusting=True)
            )

    def _places(self, folder: str) -> list[Folder]:
        """Where the thumbnails of a folder's pictures are."""
        inner = os.path.relpath(folder, self.path)
        inner = "" if inner == os.curdir else inner
        if self._output is None:
            return [Folder(self.path, os.path.join(inner, thumbs)) for thumbs in self._thumbs]
        return [
            Folder(self._output, os.path.join(tree, inner).rstrip(os.sep)) for tree in self._trees
        ]

    def _thumbs_state(self, folder: str) -> int:
        """Differs, but for chance, when thumbnails have been added or taken away."""
        return hash(tuple(_mtime_ns(place.path) for place in self._places(folder)))


def _mtime_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _identity_of(path: str) -> tuple[int, int] | None:
    """Device and inode of a folder; None if it is not there."""
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

"""One watched folder tree: find changed pictures, remove thumbnails of deleted ones."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Literal

from thumbnailer.config.settings import Settings
from thumbnailer.disk import files
from thumbnailer.model import Folder, Outcome, Source, Stop
from thumbnailer.scan.folders import scan_by_folder, source_finder
from thumbnailer.scan.selection import ScanLog
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.orphans.source_folder import is_empty
from thumbnailer.watcher.observer.events import NATIVE_EVENTS, OBSERVER_ENDED, Event, FolderObserver
from thumbnailer.watcher.observer.polling import (
    POLL_SECONDS,
    eventless_filesystem,
    watch_limit_hint,
)
from thumbnailer.watcher.roots.removals import Removals, Tell, identity_of

# How long ago a folder must have changed for a further change to show in its mtime: FAT counts in
# steps of two seconds.
_YOUNG_SECONDS = 3.0


class WatchedRoot:
    """The state of one watched root.

    Args:
        path: the folder.
        below: its folder in an output tree.
        settings: which pictures are taken, and where thumbnails go.
        put: called with each event below it, by other threads.
        tell: called with what has become of the root.
        poll_seconds: poll all files at this interval; None to poll only where no events come.

    Its methods may wait for the disk, so they are called by other threads than the loop's: `open`
    and `check` by one at a time, likewise `sources` and `orphans`.

    Attributes:
        below: as given.
        removals: finds and removes what its pictures leave behind.
        mode: where events come from: `inotify`, `native` or `polling`.
        log: is told what rescans meet, if anybody wants to know.
    """

    def __init__(
        self,
        path: str,
        below: str,
        settings: Settings,
        put: Callable[[Event], None],
        tell: Tell,
        poll_seconds: float | None,
    ) -> None:
        self._path, self._put, self._tell, self._poll_seconds = path, put, tell, poll_seconds
        self._observer: FolderObserver | None = None
        self._has_warned = False
        self.mode = NATIVE_EVENTS
        self._go_on: Callable[[], object] = bool
        self._identity: tuple[int, int] | None = None  # device and inode; None while it is missing
        self._scan = partial(scan_by_folder, path, below=below)
        self._finder = partial(source_finder, path, settings.choice, below=below)
        self._choice = settings.choice
        self.log: ScanLog | None = None
        self._is_for_desktop = settings.is_for_desktop
        self.below = below
        self.removals = Removals(path, below, settings, tell)
        self._prefix = os.path.join(path, "")
        # For each folder with pictures: a hash of these at the last rescan, and one of the mtimes
        # of its thumbnail folders before these were looked at: whatever is made or deleted later
        # shows in the next rescan. So a rescan takes 5 µs a picture instead of 23, and 20 more to
        # look for orphans everywhere. It takes 150 bytes a folder.
        self._seen: dict[str, tuple[int, int | None] | None] = {}

    def _enters(self, folder: str) -> bool:
        """Return whether a folder is scanned, by its path relative to the root."""
        self._go_on()
        return self._choice.enters(folder)

    def holds(self, path: str) -> bool:
        """Return whether a path is below the root, by its text."""
        return path.startswith(self._prefix)

    def kind_at(self, path: str) -> Literal["file", "folder", "unknown", ""]:
        """Return what is at a path below the root; "" if nothing is, or it is behind a link."""
        folder = files.folder_below(self._path, path)
        above, name = os.path.split(folder.below)
        try:
            with files.open_folder(replace(folder, below=above), to_list=False) as opened:
                is_folder = stat.S_ISDIR(files.status_of(opened, name).st_mode)
        except (FileNotFoundError, NotADirectoryError, files.LinkRefused):
            return ""
        except OSError:
            return "unknown"
        return "folder" if is_folder else "file"

    def is_own(self, folder: str) -> bool:
        """Return whether a folder below the root holds only thumbnails of ours."""
        with (
            suppress(OSError),
            files.open_folder(files.folder_below(self._path, folder)) as opened,
        ):
            return ledger_file.own_names_in(opened) is None
        return False

    def is_intact(self) -> bool:
        """Return whether the root is still the same folder; else nothing in it counts as gone."""
        return self._identity is not None and identity_of(self._path) == self._identity

    @property
    def path(self) -> str:
        """Its path, as given."""
        return self._path

    @property
    def is_there(self) -> bool:
        """Whether it was there when it was last looked for."""
        return self._identity is not None

    def open(self, go_on: Callable[[], object] = bool) -> None:
        """Start to watch; poll where the system sends no events.

        Args:
            go_on: called at each folder.
        """
        self._go_on = go_on
        poll_seconds = self._poll_seconds
        if poll_seconds is None and (kind := eventless_filesystem(self._path)):
            poll_seconds = POLL_SECONDS
            self._tell("poll", f"{self._path}: {kind} sends no events, so it is polled")
        self._identity = identity_of(self._path)
        if self._identity is None:
            return
        for seconds in (poll_seconds, POLL_SECONDS):
            self.mode = NATIVE_EVENTS if seconds is None else "polling"
            try:
                self._observer = FolderObserver(
                    self._path, self._enters, self._choice.is_picture, self._put, seconds
                )
                return
            except OSError as error:
                reason = f"no events to be had ({error.strerror or error})"
                self._tell("poll", f"{self._path}: {reason}, so it is polled")

    def check(self, go_on: Callable[[], object] = bool) -> bool:
        """Check the root itself; return whether it is back or has lost events.

        Args:
            go_on: as for `open`.
        """
        identity = identity_of(self._path)
        lost_reason = self._observer.lost_events_reason() if self._observer else ""
        if identity != self._identity and (identity is None or is_empty(self._path)):
            # An empty folder may be the mount point of a disk that is not mounted.
            if self._identity is not None:
                self.close()
                self._tell("root missing", self._path)
            return False
        is_back = identity != self._identity or lost_reason == OBSERVER_ENDED
        if is_back:
            self.close()
            self.open(go_on)
            self._tell("root back", self._path)
        elif lost_reason:
            self._tell("events lost", lost_reason)
        if self._observer and self._observer.lacks_watches and not self._has_warned:
            self._has_warned = True
            self._tell("watch limit", watch_limit_hint())
        return is_back or bool(lost_reason)

    def close(self) -> None:
        """Stop watching, and forget what is known of the folders."""
        if self._observer:
            self._observer.close()
        self._observer, self._identity = None, None
        self.forget()

    def forget(self) -> None:
        """Treat every folder as changed at the next rescan, and look for orphans everywhere."""
        self._seen.clear()
        self.removals.look_everywhere()

    def mark_changed(self, path: str) -> None:
        """Treat the folder of a path as changed at the next rescan."""
        if (folder := os.path.dirname(path)) in self._seen:
            self._seen[folder] = None

    def folders_below(self, folder: str, stop: Stop) -> Iterator[tuple[str, list[str]]]:
        """Yield a folder that is new here, and those below, each with the paths of its pictures.

        They may hold thumbnails of pictures that are no longer there: the next rescan looks for
        them.
        """
        pending = [files.folder_below(self._path, folder).below] if self.holds(folder) else []
        while pending and not stop.is_set():
            inner = pending.pop()
            if not self._choice.enters(inner):
                continue
            place = Folder(self._path, inner)
            names: list[str] = []
            # A folder may be gone, or be a link by now: nothing is looked at behind it.
            with suppress(OSError), files.open_folder(place) as opened:
                if ledger_file.own_names_in(opened) is None:
                    continue
                with files.scan_folder(opened) as entries:
                    for entry in entries:
                        if files.is_hidden(entry):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(os.path.join(inner, entry.name))
                        elif self._choice.is_picture(entry.name):
                            names.append(entry.name)
            self.removals.look_in(place.path)
            yield place.path, [os.path.join(place.path, name) for name in names]

    def sources_at(self, paths: Iterable[str]) -> Iterator[Source | Outcome]:
        """Yield those of some paths that are pictures below the root."""
        find, above = self._finder(), ""
        for path in filter(self.holds, paths):
            if item := find(path):
                if above != os.path.dirname(path):
                    self.removals.remember(above := os.path.dirname(path))
                self.removals.look_in(os.path.dirname(path))  # may be gone at the next rescan
                yield item

    def sources(self, stop: Stop) -> Iterator[Source | Outcome]:
        """Yield all pictures of each folder that has changed since the last rescan."""
        found = set[str]()
        choice = self._choice.logged(self.log)
        self.removals.begin_rescan()
        for item in self._scan(choice, stop=stop) if self._identity else ():
            if isinstance(item, Outcome):  # a folder that can't be read
                found.add(item.source.path)
                yield item
                continue
            folder = os.path.dirname(os.path.join(item.path, ""))  # as in the pictures' paths
            found.add(folder)
            self.removals.remember(folder)
            if observer := self._observer:
                observer.watch_again(files.folder_below(self._path, folder).below)
            thumbs = self._thumbs_state(folder)
            state = item.state(stop), thumbs
            if thumbs is None or self._seen.get(folder) != state:
                self._seen[folder] = state
                self.removals.look_in(folder)
                yield from item.sources()
        if not stop.is_set():
            for folder in self._seen.keys() - found:
                self._seen.pop(folder, None)
                self.removals.look_in(folder)

    def thumbs_of(self, gone: Iterable[str]) -> Iterator[Folder | Removal]:
        """Yield the folders with thumbnails of some files and folders that are gone."""
        return self.removals.thumbs_of(filter(self.holds, gone))

    def orphans(self, stop: Stop) -> Iterator[Outcome]:
        """Remove the thumbnails whose sources are gone; call it after all of `sources`.

        Raises:
            OutputError: the file system is read-only.
        """
        if self._identity:
            yield from self.removals.orphans(self.is_intact, stop)

    def removed(self, paths: Mapping[str, bool]) -> Iterator[Outcome]:
        """Remove the thumbnails of deleted files and folders, if these are really gone.

        Args:
            paths: each with whether it has moved to another place below the root.

        Raises:
            OutputError: the file system is read-only.
        """
        gone = {path: has_moved for path, has_moved in paths.items() if self.holds(path)}
        if gone and self.is_intact():
            yield from self.removals.removed(gone, are_seen=self.mode != "polling")

    def _thumbs_state(self, folder: str) -> int | None:
        """Return a hash that changes, but for collisions, when thumbnails are added or removed.

        None if a thumbnail folder is missing, so that it is missed again if it is made and deleted
        before the next rescan, or if it changed a moment ago: one more change could leave its times
        as they are.
        """
        state = []
        for place in self.removals.thumbnail_folders(folder):
            try:
                status = os.stat(place.path)
            except OSError:
                return None
            if self._is_for_desktop:  # where other programs write all the time
                state.append((status.st_ino, 0))
                continue
            if abs(time.time() - status.st_mtime) < _YOUNG_SECONDS:
                return None
            state.append((status.st_ino, status.st_mtime_ns))
        return hash(tuple(state))

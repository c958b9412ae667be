"""Hold back changed files until they have settled, so that none is read half-written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from thumbnailer.disk import files

# How long to wait after a writer has closed a file, or a finished file was moved here.
_AFTER_CLOSE_SECONDS = 0.1

# How long a file that is replaced again and again is waited for: then it is read as it is.
_AT_MOST_SECONDS = 2.0

# Identifies the content of a path: device, inode, size in bytes, mtime in ns.
_State = tuple[int, int, int, int]


@dataclass(slots=True)
class _WaitingFile:
    first: float  # when it was added, on the monotonic clock
    due: float  # when it may be read
    is_closed: bool
    state: object


class SettlingFiles:
    """A table of changed paths that wait to be read.

    Args:
        settle_seconds: how long size and mtime must stay the same if no event said that the writer
            has closed the file.
        state_of: returns what identifies the content of a path: a tuple that begins with device and
            inode, or anything else if these are not known.
    """

    def __init__(
        self, settle_seconds: float, state_of: Callable[[str], object] | None = None
    ) -> None:
        self._settle_seconds, self._state_of = settle_seconds, state_of or content_state
        self._waits: dict[str, _WaitingFile] = {}
        self._gone: dict[str, float] = {}  # when each path is due that is gone
        # Since when each path has been complete, closed or replaced as a whole, and is not read.
        self._complete: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._waits)

    def __contains__(self, path: str) -> bool:
        return path in self._waits

    def add(
        self, path: str, now: float, *, is_closed: bool = False, patience_seconds: float = 0
    ) -> None:
        """Add a path to which something has happened, or restart its wait.

        Args:
            now: on the monotonic clock, in seconds.
            is_closed: its writer has closed it, or it was moved here complete.
            patience_seconds: how long to wait for it, if that is longer than `settle_seconds`.
        """
        before, state = self._waits.get(path), None if is_closed else self._state_of(path)
        first = before.first if before else now
        settle_seconds = max(self._settle_seconds, patience_seconds)
        due = now + (_AFTER_CLOSE_SECONDS if is_closed else settle_seconds)
        if is_closed or (before and _is_replaced(before.state, state)):
            self._complete.setdefault(path, now)
        if path in self._complete and not patience_seconds:
            due = min(due, self._complete[path] + _AT_MOST_SECONDS)
        self._waits[path] = _WaitingFile(first, due, is_closed, state)

    def busy(self, paths: Iterable[str]) -> set[str]:
        """Return those of some files and folders that wait to be read, or in which something does.

        As `Claims.busy`."""
        return files.with_all_folders(self._waits).intersection(paths)

    def gone_above(self, path: str) -> set[str]:
        """Return which of the folders that a path is in were something else that is gone."""
        return (
            self._gone.keys() & files.with_folders(os.path.dirname(path)) if self._gone else set()
        )

    def add_gone(self, path: str, now: float) -> None:
        """Add a file or folder that is gone, or restart its wait: it may come back at once."""
        self._gone[path] = now + self._settle_seconds

    def all_gone(self) -> list[str]:
        """Return all paths that are gone, however short a time."""
        return [*self._gone]

    def gone(self, now: float) -> list[str]:
        """Remove and return the paths that were gone long enough."""
        due = [path for path, when in self._gone.items() if when <= now]
        for path in due:
            del self._gone[path]
            if path not in self._waits:
                self._complete.pop(path, None)
        return due

    def discard(self, path: str) -> None:
        """Stop waiting for a path."""
        self._waits.pop(path, None)

    def settled(self, now: float, most: int) -> dict[str, bool]:
        """Remove and return up to `most` settled paths, each with whether it was closed."""
        ready: dict[str, bool] = {}
        for path in [path for path, wait in self._waits.items() if wait.due <= now]:
            wait = self._waits[path]
            if not wait.is_closed:
                state = self._state_of(path)
                is_again = state != wait.state
                if is_again and not (path in self._complete and _is_replaced(wait.state, state)):
                    wait.state, wait.due = state, now + self._settle_seconds
                    continue
            del self._waits[path]
            self._complete.pop(path, None)
            ready[path] = wait.is_closed
            if len(ready) == most:
                break
        return ready

    def oldest_seconds(self, now: float) -> float:
        """Return how long the longest-waiting path has waited, in seconds; 0 if there is none."""
        # `list` copies in one step: another thread may call this.
        return max((now - wait.first for wait in list(self._waits.values())), default=0.0)


def _is_replaced(before: object, after: object) -> bool:
    """Return whether another file has taken the place of a file, by their states."""
    if not isinstance(before, tuple) or not isinstance(after, tuple):
        return False
    return bool(before[:2] != after[:2])


def content_state(path: str) -> _State | None:
    """Return what identifies the content of a path; None if nothing is there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

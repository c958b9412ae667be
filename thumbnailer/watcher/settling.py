"""Paths to which something has happened, each until it has come to rest."""

from __future__ import annotations

import os
from dataclasses import dataclass

# After a writer has closed a file, or a finished one was moved here.
_AFTER_CLOSE_SECONDS = 0.1

# What tells one content of a path from another: device, inode, size in bytes, mtime in ns.
_State = tuple[int, int, int, int]


@dataclass(slots=True)
class _WaitingFile:
    first: float  # when it came, on the monotonic clock
    due: float
    is_closed: bool
    state: _State | None


class SettlingFiles:
    """A table of paths that wait to be read.

    Args:
        settle_seconds: how long size and mtime must stand still where nobody said that the writer
            has closed the file.
    """

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._waits: dict[str, _WaitingFile] = {}

    def __len__(self) -> int:
        return len(self._waits)

    def __contains__(self, path: str) -> bool:
        return path in self._waits

    def add(
        self, path: str, now: float, *, is_closed: bool = False, patience_seconds: float = 0
    ) -> None:
        """Something happened to a path; its time starts anew.

        Args:
            now: on the monotonic clock, in seconds.
            is_closed: its writer has closed it, or it came as a whole.
            patience_seconds: how long it may stand still, if that is longer than others may.
        """
        first = self._waits[path].first if path in self._waits else now
        settle_seconds = max(self._settle_seconds, patience_seconds)
        due = now + (_AFTER_CLOSE_SECONDS if is_closed else settle_seconds)
        state = None if is_closed else _state(path)
        self._waits[path] = _WaitingFile(first, due, is_closed, state)

    def discard(self, path: str) -> None:
        self._waits.pop(path, None)

    def settled(self, now: float, most: int) -> dict[str, bool]:
        """Up to `most` paths that are at rest, each with whether it was closed; they leave the
        table."""
        ready: dict[str, bool] = {}
        for path in [path for path, wait in self._waits.items() if wait.due <= now]:
            wait = self._waits[path]
            if not wait.is_closed:
                state = _state(path)
                if state != wait.state:
                    wait.state, wait.due = state, now + self._settle_seconds
                    continue
            del self._waits[path]
            ready[path] = wait.is_closed
            if len(ready) == most:
                break
        return ready

    def oldest_seconds(self, now: float) -> float:
        """How long the first of them has been waiting; 0 if none is."""
        # A copy, in one step: another thread may ask.
        return max((now - wait.first for wait in list(self._waits.values())), default=0.0)


def _state(path: str) -> _State | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

"""Which thumbnails of what is gone are kept for a while, since it may have been moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

# So many moves are remembered at most.
_MOST = 1000

# How long what is gone may be what is new somewhere, if no event tells: one that was moved into a
# folder that was made a moment ago comes without an event of its own.
_HOLD_SECONDS = 5.0


class Moves:
    """The moves of files and folders whose former thumbnails are still there."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}  # by where it is now
        self._since: dict[str, float] = {}  # what is gone, by when it was first held

    def add(self, before: str, path: str) -> None:
        """Note that a file or folder is at another path now, below the same root."""
        self._before.pop(path, None)
        self._before[path] = before
        while len(self._before) > _MOST:
            del self._before[next(iter(self._before))]

    def former(self, path: str) -> str:
        """Return where a picture was before it, or a folder above it, was moved; "" if none was."""
        moved = path
        while moved not in self._before:
            above = os.path.dirname(moved)
            if above == moved:
                return ""
            moved = above
        return self._before[moved] + path[len(moved) :]

    def hold(
        self,
        gone: Iterable[str],
        now: float,
        is_pending: Callable[[str], bool],
        is_replaced: Callable[[str], bool],
        *,
        is_busy: bool,
    ) -> set[str]:
        """Return those of some paths that are gone whose thumbnails may still be taken over.

        Args:
            gone: the others of these are forgotten.
            now: on the monotonic clock, in seconds.
            is_pending: returns whether something at a path, or below it, is still to be looked at.
            is_replaced: returns whether something is in its place, or below it, whose thumbnail
                may need the room.
            is_busy: whether anything is to be looked at.
        """
        targets: dict[str, list[str]] = {}
        for path, before in self._before.items():
            targets.setdefault(before, []).append(path)
        held = set()
        for before in gone:
            since = self._since.setdefault(before, now)
            is_moving = any(map(is_pending, targets.get(before, ())))
            may_move = is_busy and now < since + _HOLD_SECONDS and not is_replaced(before)
            if is_moving or may_move:
                held.add(before)
                continue
            del self._since[before]
            for path in targets.get(before, ()):
                del self._before[path]
        return held

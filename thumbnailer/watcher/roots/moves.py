"""What has been moved, and which thumbnails of what is gone are kept for a while therefore."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from thumbnailer.disk import files

# So many moves are remembered at most.
_MOST = 10_000

# How long what is gone may be what is new somewhere, if no event tells: one that was moved into a
# folder that was made a moment ago comes without an event of its own.
_HOLD_SECONDS = 5.0


class _Former(NamedTuple):
    """Where something was before, and whether it is a folder."""

    path: str
    is_folder: bool


class Moves:
    """The moves of files and folders whose former thumbnails are still there."""

    def __init__(self) -> None:
        self._before: dict[str, _Former] = {}  # by where it is now
        self._since: dict[str, float] = {}  # what is gone, by when it was first held

    def add(self, before: str, path: str, *, is_folder: bool) -> None:
        """Note that a file or folder is at another path now, below the same root."""
        self._before.pop(path, None)
        self._before[path] = _Former(before, is_folder)
        while len(self._before) > _MOST:
            del self._before[next(iter(self._before))]

    def formers(self, path: str) -> list[str]:
        """Return where a picture was before it, or a folder above it, was moved, latest first."""
        found: list[str] = []
        while (path := self._former(path)) and path not in found:
            found.append(path)
        return found

    def _former(self, path: str) -> str:
        for moved in files.with_folders(path):
            if before := self._before.get(moved):
                return before.path + path[len(moved) :]
        return ""

    def folders(self) -> set[str]:
        """Return the former paths of folders that have moved, with all that they held."""
        return {before.path for before in self._before.values() if before.is_folder}

    def targets(self, gone: Iterable[str]) -> dict[str, list[str]]:
        """Return where each of some paths that are gone is now, as far as that is known."""
        targets: dict[str, list[str]] = {path: [] for path in gone}
        for path, before in self._before.items():
            if before.path in targets:
                targets[before.path].append(path)
        return targets

    def hold(self, gone: str, now: float, *, is_pending: bool, may_move: bool) -> bool:
        """Return whether the thumbnails of what is gone may still be taken over.

        Args:
            now: on the monotonic clock, in seconds.
            is_pending: whether what it is now is still to be looked at.
            may_move: whether it may be something that is still to be looked at.
        """
        since = self._since.setdefault(gone, now)
        return is_pending or (may_move and now < since + _HOLD_SECONDS)

    def forget(self, gone: Collection[str]) -> None:
        """Forget the moves of some paths that are gone: their thumbnails go, too."""
        self._before = {
            path: before for path, before in self._before.items() if before.path not in gone
        }
        for path in gone:
            self._since.pop(path, None)

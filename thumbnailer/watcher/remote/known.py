"""What a watch knows of pictures in a bucket, so that a rescan passes over what has not changed."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from threading import Lock

from thumbnailer.model import Source


class Known:
    """The pictures that were found, and those that are done: 24 bytes for each, as hashes."""

    def __init__(self) -> None:
        self._done, self._new = array("q"), set[int]()  # sorted; and since the last rescan
        self._paths, self._states = array("q"), array("q")  # of this rescan
        self._last_paths = array("q")  # sorted
        self._lock = Lock()

    def begin_rescan(self) -> None:
        """Begin to note what is there."""
        self._paths, self._states = array("q"), array("q")

    def note_found(self, source: Source) -> None:
        """Note a picture that a rescan has found."""
        self._paths.append(hash(source.path))
        self._states.append(_state(source))

    def is_done(self, source: Source) -> bool:
        """Return whether there was nothing left to do about a picture as it is now."""
        state = _state(source)
        return state in self._new or _holds(self._done, state)

    def note_done(self, source: Source) -> None:
        """Note that there is nothing left to do about a picture; may be called by any thread."""
        with self._lock:
            self._new.add(_state(source))

    def end_rescan(self) -> bool:
        """Forget what is not there any more; return whether a picture is gone since the last."""
        states, paths = _sorted(self._states), _sorted(self._paths)
        with self._lock:
            new, self._new = self._new, set()
        self._done = _sorted([*(one for one in self._done if _holds(states, one)), *new])
        has_gone = not all(_holds(paths, path) for path in self._last_paths)
        self._last_paths = paths
        self.begin_rescan()
        return has_gone


def _state(source: Source) -> int:
    return hash((source.path, source.size_bytes, source.mtime_ns, source.etag))


def _sorted(numbers: list[int] | array[int]) -> array[int]:
    return array("q", sorted(numbers))


def _holds(sorted_numbers: array[int], number: int) -> bool:
    at = bisect_left(sorted_numbers, number)
    return at < len(sorted_numbers) and sorted_numbers[at] == number

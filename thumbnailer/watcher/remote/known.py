"""What a watch knows of pictures in a bucket, so that a rescan passes over what has not changed."""

from __future__ import annotations

from threading import Lock

from thumbnailer.hash_set import HashSet
from thumbnailer.model import Source


class Known:
    """The pictures that were found, and those that are done: 24 bytes for each, as hashes."""

    def __init__(self) -> None:
        self._done, self._new = HashSet(), set[int]()  # and hashes since the last rescan
        self._paths, self._states = HashSet(), HashSet()  # of this rescan
        self._last_paths = HashSet()
        self._lock = Lock()

    def begin_rescan(self) -> None:
        """Begin to note what is there."""
        self._paths, self._states = HashSet(), HashSet()

    def note_found(self, source: Source) -> None:
        """Note a picture that a rescan has found."""
        self._paths.add(source.path)
        self._states.add(_state(source))

    def is_done(self, source: Source) -> bool:
        """Return whether there was nothing left to do about a picture as it is now."""
        state = _state(source)
        return hash(state) in self._new or state in self._done

    def note_done(self, source: Source) -> None:
        """Note that there is nothing left to do about a picture; may be called by any thread."""
        with self._lock:
            self._new.add(hash(_state(source)))

    def end_rescan(self) -> bool:
        """Forget what is not there any more; return whether a picture is gone since the last."""
        with self._lock:
            new, self._new = self._new, set()
        self._done = self._done.intersection(self._states)
        self._done.add_hashes(new)
        has_gone = not self._last_paths.issubset(self._paths)
        self._last_paths = self._paths
        self.begin_rescan()
        return has_gone


def _state(source: Source) -> tuple[str, int, int, str]:
    return source.path, source.size_bytes, source.mtime_ns, source.etag

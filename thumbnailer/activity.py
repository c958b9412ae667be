"""What a run is at, for whoever shows that from another thread."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Activity:
    """How far a run is.

    Attributes:
        done: of how many pictures, or thumbnails, it is known what has become of them.
        total: of how many it will be; 0 as long as nobody knows.
        failed: how many of these are not as they should be.
        size_bytes: total size of the pictures that were read for it.
        path: the last of these pictures.
    """

    done: int = 0
    total: int = 0
    failed: int = 0
    size_bytes: int = 0
    path: str = ""

    def add(self, path: str, *, failed: bool = False, size_bytes: int = 0) -> None:
        """Note one more."""
        self.done += 1
        self.failed += failed
        self.size_bytes += size_bytes
        self.path = path

"""What a run is at, and what it waits for: for whoever shows that, in another thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a run waits for.

    Attributes:
        what: a picture that a worker has; one that is being downloaded, or whose thumbnails are
            being written; a folder that is being read; the cluster; or the paths of more pictures.
        path: of the picture or folder.
        size_bytes: of the picture.
        seconds: how long the picture has taken so far.
        held_back: how many pictures wait for memory meanwhile.
    """

    what: Literal["picture", "download", "write", "folder", "cluster", "paths"]
    path: str = ""
    size_bytes: int = 0
    seconds: float = 0.0
    held_back: int = 0


@dataclass(slots=True)
class Activity:
    """How far a run is.

    Attributes:
        done: of how many pictures, or thumbnails, it is known what has become of them.
        total: of how many it will be; 0 as long as nobody knows.
        failed: how many of these are not as they should be.
        size_bytes: total size of the pictures that were read for it.
        path: the last of these pictures.
        reading: the folder on a disk that is being read; "" if none is.
        asked: return what the run waits for, each for one of those that work for it.
        otherwise: what it waits for if neither these know nor a folder is being read.
    """

    done: int = 0
    total: int = 0
    failed: int = 0
    size_bytes: int = 0
    path: str = ""
    reading: str = ""
    asked: list[Callable[[], Waiting | None]] = field(default_factory=list)
    otherwise: Waiting | None = None

    def add(self, path: str, *, failed: bool = False, size_bytes: int = 0) -> None:
        """Note one more."""
        self.done += 1
        self.failed += failed
        self.size_bytes += size_bytes
        self.path = path

    def waits_for(self) -> Waiting | None:
        """Return what the run waits for; None if nobody knows."""
        for ask in self.asked:
            if waiting := ask():
                return waiting
        return Waiting("folder", self.reading) if self.reading else self.otherwise

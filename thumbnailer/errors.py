"""The exceptions a caller can meet.

    ThumbnailError        anything this package raises on purpose
    ├─ PictureError       one picture could not be made into a thumbnail (`make_thumbnail`)
    ├─ ConfigError        a setting is unknown, of the wrong type or impossible (a ValueError)
    ├─ SourceError        a SOURCE can't be used (an OSError with `filename`)
    │  ├─ SourceMissing   ... because it is not there (a FileNotFoundError)
    │  └─ SourceForbidden ... because it may not be read (a PermissionError)
    ├─ OutputError        nothing more can be written: disk full, read-only file system
    ├─ PruneRefused       more than half of all thumbnails would go (`prune`)
    └─ WorkerError        no worker process can be started, or a cluster can't be had or is lost

`except ThumbnailError` catches them all.
"""

from __future__ import annotations

import errno

# A run can't go on after these: no picture would fare better.
FATAL_ERRNOS = frozenset({errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)})


class ThumbnailError(Exception):
    """Anything this package raises on purpose."""


class PictureError(ThumbnailError):
    """One picture could not be made into a thumbnail.

    Attributes:
        source: path of the picture.
        stage: the step that failed, such as `open`, `limits`, `decode` or `write`.
        reason: why, in words for a person.
    """

    def __init__(self, source: str, stage: str, reason: str) -> None:
        super().__init__(source, stage, reason)
        self.source, self.stage, self.reason = source, stage, reason

    def __str__(self) -> str:
        return f"{self.source}: {self.stage}: {self.reason}"


class ConfigError(ThumbnailError, ValueError):
    """A setting is unknown, of the wrong type or impossible; the message says what is right."""


class SourceError(ThumbnailError, OSError):
    """A SOURCE can't be used; `filename` holds its path."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class SourceMissing(SourceError, FileNotFoundError):
    """A SOURCE is not there."""


class SourceForbidden(SourceError, PermissionError):
    """A SOURCE may not be read."""


class OutputError(ThumbnailError):
    """Nothing more can be written: the disk is full or the file system read-only."""


class PruneRefused(ThumbnailError):
    """More than half of all thumbnails would go, which looks like a mistake."""


class WorkerError(ThumbnailError):
    """No worker process can be started, or a cluster can't be had or is lost."""

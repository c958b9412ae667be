"""Results of removing orphans: thumbnails whose sources are gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from thumbnailer.model import Failure


@dataclass(frozen=True, slots=True)
class Removal:
    """The result for one thumbnail whose source is gone, or may be gone.

    Attributes:
        thumbnail: path of the thumbnail, or of a thumbnail folder that can't be read.
        source: path of the source it was made from; "" for a folder.
        status: `kept` if it can't be determined whether the source exists.
        error: why it is kept or could not be removed.
    """

    thumbnail: str
    source: str
    status: Literal["removed", "would remove", "kept", "failed"]
    error: Failure | None = None


def unreadable_folder(path: str, error: OSError) -> Removal:
    """Return a failed removal that reports a thumbnail folder that can't be read."""
    return Removal(path, "", "failed", Failure("scan", f"can't be read: {error.strerror or error}"))


@dataclass(frozen=True, slots=True)
class PruneReport:
    """Summary of a prune run.

    Attributes:
        thumbnails: number of thumbnails of pictures in the SOURCEs, existing pictures or not.
        orphaned: number of thumbnails whose source is gone.
        removals: one for each thumbnail that was removed, would be, or could not be, and for each
            that was kept because it can't be determined whether its source exists.
        seconds: wall time.
    """

    thumbnails: int
    orphaned: int
    removals: tuple[Removal, ...] = field(repr=False)
    seconds: float

    @property
    def removed(self) -> int:
        """Number of thumbnails that were removed."""
        return sum(removal.status == "removed" for removal in self.removals)

    @property
    def failed(self) -> int:
        """Number of thumbnails that could not be removed, and of folders that can't be read."""
        return sum(removal.status == "failed" for removal in self.removals)
